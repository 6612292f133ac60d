//! Times as seconds since 1970 (UTC), and the forms in which CloudTrail writes them.

use chrono::{DateTime, NaiveDate, Utc};

/// Seconds since 1970-01-01T00:00:00Z.
pub(crate) type Time = i64;

pub(crate) const MINUTE: Time = 60;
pub(crate) const HOUR: Time = 60 * MINUTE;
pub(crate) const DAY: Time = 24 * HOUR;

/// A time of March 2026; day 9 is a Monday.
pub(crate) fn march(day: u32, hour: i64, minute: i64, second: i64) -> Time {
    let midnight = NaiveDate::from_ymd_opt(2026, 3, day).unwrap_or_default().and_time(chrono::NaiveTime::MIN);
    midnight.and_utc().timestamp() + hour * HOUR + minute * MINUTE + second
}

/// `2026-03-11T21:41:07Z`, the form of `eventTime`.
pub(crate) fn iso(time: Time) -> String {
    formatted(time, "%Y-%m-%dT%H:%M:%SZ")
}

/// `20260311T2141Z`, the form of the delivery time in a log file's name.
pub(crate) fn compact(time: Time) -> String {
    formatted(time, "%Y%m%dT%H%MZ")
}

/// `20260311T214107Z`, the form of the time in a digest file's name.
pub(crate) fn compact_to_seconds(time: Time) -> String {
    formatted(time, "%Y%m%dT%H%M%SZ")
}

/// `2026/03/11`, the folder of a day.
pub(crate) fn folder(time: Time) -> String {
    formatted(time, "%Y/%m/%d")
}

/// `Mar 11, 2026, 9:41:07<U+202F>PM`, the form of dates in response elements since 2023.
pub(crate) fn prose(time: Time) -> String {
    formatted(time, "%b %-d, %Y, %-I:%M:%S\u{202f}%p")
}

fn formatted(time: Time, format: &str) -> String {
    DateTime::<Utc>::from_timestamp(time, 0).unwrap_or_default().format(format).to_string()
}
