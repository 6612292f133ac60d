//! `event_epoch`, `event_hour` and `dt`: the event's time in the forms that rules group by.

use super::super::Event;
use crate::schema::Column;
use crate::time::YEARS;

pub(super) fn set(event: &mut Event<'_>) {
    let epoch = event.int(Column::EventTime).map(|micros| micros.div_euclid(1_000_000));
    let Some(epoch) = epoch.filter(|epoch| YEARS.contains(epoch)) else {
        event.set_text(Column::Dt, "unknown");
        return;
    };
    let hour =
        event.hour_text(epoch.div_euclid(3_600), |arena| arena.alloc_str(std::str::from_utf8(&hour_letters(epoch)).unwrap_or_default()));
    event.set_int(Column::EventEpoch, epoch);
    event.set_text(Column::EventHour, hour);
    event.set_text(Column::Dt, hour.get(..10).unwrap_or("unknown"));
}

/// `YYYY-MM-DDTHH` of a time in the years 1 to 9999.
///
/// # Source
/// `civil_from_days` of Howard Hinnant's "chrono-Compatible Low-Level Date Algorithms":
/// formatting by chrono takes several times as long, and this runs once a record.
fn hour_letters(epoch: i64) -> [u8; 13] {
    // Seconds since 0000-03-01, so that a leap day ends its year; never negative from the year 1 on.
    let seconds = u64::try_from(epoch + 719_468 * 86_400).unwrap_or_default();
    let (days, hour) = (seconds / 86_400, seconds % 86_400 / 3_600);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let ([y1, y2], [y3, y4]) = (two_digits(year / 100), two_digits(year % 100));
    let ([m1, m2], [d1, d2], [h1, h2]) = (two_digits(month), two_digits(day), two_digits(hour));
    [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, b'T', h1, h2]
}

fn two_digits(number: u64) -> [u8; 2] {
    let number = u8::try_from(number).unwrap_or_default();
    [b'0' + number / 10 % 10, b'0' + number % 10]
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::super::sample;
    use super::*;
    use crate::time::EventTime;

    #[test]
    fn hours_as_chrono_writes_them() {
        let first = EventTime::parse("0001-01-01").expect("a date").epoch();
        let last = EventTime::parse("9999-12-31T23:59:59Z").expect("a date").epoch();
        // A step that is prime to the day meets every hour, and month ends of all kinds of years.
        let mut epoch = first;
        while epoch <= last {
            let time = EventTime::from_micros(epoch * 1_000_000).expect("in the calendar");
            assert_eq!(std::str::from_utf8(&hour_letters(epoch)), Ok(time.hour_text().as_str()), "{time}");
            epoch += 1_299_709;
        }
        assert_eq!(&hour_letters(last), b"9999-12-31T23");
        assert_eq!(&hour_letters(first), b"0001-01-01T00");
    }

    #[test]
    fn the_three_columns_of_a_time() {
        let arena = Bump::new();
        let event = sample(&arena, &[(Column::EventTime, "2024-02-29T23:59:59.999Z")]);
        assert_eq!(event.int(Column::EventEpoch), Some(1_709_251_199));
        assert_eq!(event.text(Column::EventHour), Some("2024-02-29T23"));
        assert_eq!(event.text(Column::Dt), Some("2024-02-29"));
    }

    #[test]
    fn without_a_time_only_dt_is_set() {
        let arena = Bump::new();
        let event = sample(&arena, &[]);
        assert_eq!(event.text(Column::Dt), Some("unknown"));
        assert!(!event.has(Column::EventHour) && !event.has(Column::EventEpoch));
    }
}
