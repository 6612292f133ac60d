//! Time as CloudTrail knows it: [`EventTime`], microseconds in UTC, and
//! [`TimeRange`], half open. Everything that reads a time from text does it here.

use std::fmt;
use std::ops::Range;

use chrono::{DateTime, Datelike as _, NaiveDate, SecondsFormat, TimeDelta, Timelike as _, Utc};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventTime(i64);

/// The seconds since 1970 at which the years 1 and 10000 begin.
pub(crate) const YEARS: Range<i64> = -62_135_596_800..253_402_300_800;

impl EventTime {
    /// The time that many microseconds after 1970; `None` outside the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Option<Self> {
        (YEARS.start * 1_000_000..YEARS.end * 1_000_000).contains(&micros).then_some(Self(micros))
    }

    /// Microseconds since 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    pub const fn epoch(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The plain form that trail files use, `YYYY-MM-DDTHH:MM:SSZ`, and no other.
    pub fn parse_plain(text: &str) -> Option<Self> {
        let bytes: &[u8; 20] = text.as_bytes().try_into().ok()?;
        let [y1, y2, y3, y4, b'-', o1, o2, b'-', d1, d2, b'T', h1, h2, b':', m1, m2, b':', s1, s2, b'Z'] = *bytes else {
            return None;
        };
        let two = |a: u8, b: u8| Some(digit(a)? * 10 + digit(b)?);
        let year = i32::try_from(two(y1, y2)? * 100 + two(y3, y4)?).ok()?;
        Self::from_civil(year, two(o1, o2)?, two(d1, d2)?, two(h1, h2)?, two(m1, m2)?, two(s1, s2)?, 0)
    }

    /// Every form of time that CloudTrail records and their exports are known to use.
    ///
    /// RFC 3339 with or without a fraction, an offset or a zone (none is UTC), a
    /// space for `T`, the basic form `20131102T010628Z`, a bare date, and seconds
    /// or milliseconds since 1970.
    ///
    /// # Source
    /// The `CloudTrail` User Guide (record contents, `userIdentity`), and real records and exports of both fields.
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_plain(text).or_else(|| Self::parse_number(text)).or_else(|| Self::parse_calendar(text.trim()))
    }

    fn parse_number(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.len() < 9 || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let number: i64 = whole.parse().ok()?;
        // Seconds have ten digits until the year 2286, milliseconds thirteen since 2001.
        if whole.len() > 13 {
            return None;
        }
        if whole.len() > 11 {
            return Self::from_micros(number.checked_mul(1_000)?);
        }
        let micros = fraction_micros(fraction)?;
        Self::from_micros(number.checked_mul(1_000_000)?.checked_add(micros)?)
    }

    fn parse_calendar(text: &str) -> Option<Self> {
        let mut rest = text.as_bytes();
        let year = i32::try_from(take_digits(&mut rest, 4)?).ok()?;
        let extended = skip(&mut rest, b'-');
        let month = take_digits(&mut rest, 2)?;
        if extended && !skip(&mut rest, b'-') {
            return None;
        }
        let day = take_digits(&mut rest, 2)?;
        if rest.is_empty() {
            return Self::from_civil(year, month, day, 0, 0, 0, 0);
        }
        if !skip(&mut rest, b'T') && !skip(&mut rest, b't') && !skip(&mut rest, b' ') {
            return None;
        }
        let hour = take_digits(&mut rest, 2)?;
        let colon = skip(&mut rest, b':');
        let minute = take_digits(&mut rest, 2)?;
        if colon && !skip(&mut rest, b':') {
            return None;
        }
        let second = take_digits(&mut rest, 2)?;
        let micros = if skip(&mut rest, b'.') || skip(&mut rest, b',') {
            let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
            let (fraction, after) = rest.split_at_checked(digits)?;
            rest = after;
            fraction_micros(std::str::from_utf8(fraction).ok()?)?
        } else {
            0
        };
        let offset = parse_offset(rest)?;
        let local = Self::from_civil(year, month, day, hour, minute, second, micros)?;
        Self::from_micros(local.0.checked_sub(offset.checked_mul(1_000_000)?)?)
    }

    /// Reads `YYYYMMDDTHHMM`, in UTC.
    pub(crate) fn parse_date_and_minute(text: &str) -> Option<Self> {
        let mut rest = text.as_bytes();
        let year = i32::try_from(take_digits(&mut rest, 4)?).ok()?;
        let (month, day) = (take_digits(&mut rest, 2)?, take_digits(&mut rest, 2)?);
        let is_time = skip(&mut rest, b'T');
        let (hour, minute) = (take_digits(&mut rest, 2)?, take_digits(&mut rest, 2)?);
        Self::from_civil(year, month, day, hour, minute, 0, 0).filter(|_| is_time && rest.is_empty())
    }

    fn from_civil(year: i32, month: u32, day: u32, hour: u32, minute: u32, second: u32, micros: i64) -> Option<Self> {
        // A leap second counts as the last second of its minute, as POSIX has it.
        let time = NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(hour, minute, second.min(59))?;
        if second > 60 || year < 1 {
            return None;
        }
        Some(Self(time.and_utc().timestamp_micros().checked_add(micros)?))
    }

    /// This time moved by that many seconds; `None` where it leaves the calendar.
    pub fn plus_seconds(self, seconds: i64) -> Option<Self> {
        Self::from_micros(self.0.checked_add(seconds.checked_mul(1_000_000)?)?)
    }

    /// `YYYY-MM-DDTHH` and, as its first ten letters, the date.
    pub fn hour_text(self) -> String {
        let time = self.to_chrono();
        format!("{:04}-{:02}-{:02}T{:02}", time.year(), time.month(), time.day(), time.hour())
    }

    fn to_chrono(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0).unwrap_or_default()
    }
}

impl fmt::Display for EventTime {
    /// RFC 3339 in UTC, with a fraction only where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_chrono().to_rfc3339_opts(SecondsFormat::AutoSi, true))
    }
}

/// RFC 3339, as it is displayed.
impl Serialize for EventTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Any form that [`EventTime::parse`] reads.
impl<'de> Deserialize<'de> for EventTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text}` is no time")))
    }
}

impl From<DateTime<Utc>> for EventTime {
    fn from(time: DateTime<Utc>) -> Self {
        Self(time.timestamp_micros())
    }
}

/// A span of time, half open: `since <= t < until`; an absent end is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    /// The first moment inside.
    pub since: Option<EventTime>,
    /// The first moment after it.
    pub until: Option<EventTime>,
}

impl TimeRange {
    /// Whether `time` lies inside.
    pub fn contains(&self, time: EventTime) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }
}

/// A time as users type it: any form of [`EventTime::parse`], or a span back from `now` such as `7d`, `36h`, `90m`.
pub fn parse_bound(text: &str, now: EventTime) -> Option<EventTime> {
    EventTime::parse(text).or_else(|| now.plus_seconds(-parse_span(text)?))
}

/// A length of time in seconds: `30s`, `10m`, `24h`, `7d`, `2w`.
///
/// # Examples
/// ```
/// assert_eq!(trailsift::time::parse_span("15m"), Some(900));
/// assert_eq!(trailsift::time::parse_span("15"), None);
/// ```
pub fn parse_span(text: &str) -> Option<i64> {
    let unit = match text.as_bytes().last()? {
        b's' => 1,
        b'm' => 60,
        b'h' => 3_600,
        b'd' => 86_400,
        b'w' => 604_800,
        _ => return None,
    };
    let digits = text.get(..text.len() - 1)?;
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(unit).filter(|seconds| *seconds <= TimeDelta::days(36_500).num_seconds())
}

/// Seconds in the largest unit that holds them whole, as [`parse_span`] reads them.
///
/// # Examples
/// ```
/// assert_eq!([600, 86_400, 90, 0].map(trailsift::time::span_text), ["10m", "1d", "90s", "0s"]);
/// ```
pub fn span_text(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let fits = units.into_iter().find(|(unit, _)| seconds > 0 && seconds % unit == 0);
    fits.map_or_else(|| format!("{seconds}s"), |(unit, letter)| format!("{}{letter}", seconds / unit))
}

fn digit(byte: u8) -> Option<u32> {
    byte.is_ascii_digit().then(|| u32::from(byte - b'0'))
}

fn take_digits(rest: &mut &[u8], count: usize) -> Option<u32> {
    let (digits, after) = rest.split_at_checked(count)?;
    *rest = after;
    digits.iter().try_fold(0, |number, byte| Some(number * 10 + digit(*byte)?))
}

fn skip(rest: &mut &[u8], byte: u8) -> bool {
    match rest.split_first() {
        Some((first, after)) if *first == byte => {
            *rest = after;
            true
        }
        _ => false,
    }
}

/// Up to nine digits after the point, as microseconds (the rest is cut off).
fn fraction_micros(digits: &str) -> Option<i64> {
    if digits.len() > 9 {
        return None;
    }
    format!("{digits:0<6}").get(..6)?.parse().ok()
}

/// `Z`, nothing, `UTC`, `+hh:mm`, `+hhmm` or `+hh`, as seconds east of UTC.
fn parse_offset(mut rest: &[u8]) -> Option<i64> {
    if matches!(rest, b"" | b"Z" | b"z" | b" UTC" | b" Z") {
        return Some(0);
    }
    while skip(&mut rest, b' ') {}
    let sign = if skip(&mut rest, b'+') {
        1
    } else if skip(&mut rest, b'-') {
        -1
    } else {
        return None;
    };
    let hours = take_digits(&mut rest, 2)?;
    skip(&mut rest, b':');
    let minutes = if rest.is_empty() { 0 } else { take_digits(&mut rest, 2)? };
    (rest.is_empty() && hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 3_600 + minutes * 60))
}

/// Spans of time in order, those that touch or overlap as one.
pub(crate) fn joined(mut spans: Vec<(EventTime, EventTime)>) -> Vec<(EventTime, EventTime)> {
    spans.sort_unstable();
    let mut joined: Vec<(EventTime, EventTime)> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => joined.push((from, to)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Option<String> {
        EventTime::parse(text).map(|time| time.to_string())
    }

    #[test]
    fn all_forms_of_one_moment() {
        for text in [
            "2023-01-10T21:04:02Z",
            "2023-01-10 21:04:02",
            "2023-01-10 21:04:02.000",
            "2023-01-10T21:04:02+00:00",
            "2023-01-11T08:04:02+11:00",
            "2023-01-10T16:04:02-0500",
            "20230110T210402Z",
            "1673384642",
            "1673384642000",
            "2023-01-10 21:04:02 UTC",
            "2023-01-10T21:04:02",
            "1673384642.0",
        ] {
            assert_eq!(shown(text).as_deref(), Some("2023-01-10T21:04:02Z"), "{text}");
        }
        assert_eq!(shown("2020-09-14T00:44:23.120Z").as_deref(), Some("2020-09-14T00:44:23.120Z"));
    }

    #[test]
    fn what_is_no_time() {
        for text in ["", "now", "2023-13-01T00:00:00Z", "2023-02-30", "2023-01-10T25:00:00Z", "12345", "2023-1-1", "é023-01-10T21:04:0Z"] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn years_have_four_digits() {
        let (first, last) = (YEARS.start * 1_000_000, YEARS.end * 1_000_000 - 1);
        let in_chrono = |micros| DateTime::<Utc>::from_timestamp_micros(micros).map(|time| time.year());
        for (micros, year) in [(first - 1, 0), (first, 1), (last, 9999), (last + 1, 10_000)] {
            assert_eq!(in_chrono(micros), Some(year));
            assert_eq!(EventTime::from_micros(micros).is_some(), (1..=9999).contains(&year), "{micros}");
        }
        assert_eq!([i64::MIN, i64::MAX].map(EventTime::from_micros), [None, None]);
    }

    #[test]
    fn spans_and_bounds() {
        let now = EventTime::parse("2026-03-08").expect("a date");
        assert_eq!(parse_bound("7d", now).map(|t| t.to_string()).as_deref(), Some("2026-03-01T00:00:00Z"));
        assert_eq!(parse_span("99999999999999999999d"), None);
    }
}
