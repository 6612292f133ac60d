//! [`ObjectKey`]: what AWS writes into the names of the objects it delivers.

use memchr::{memchr_iter, memrchr2};

use crate::time::EventTime;

/// The parts of a trail file's name, `ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHMMZ_RANDOM.json.gz`.
///
/// A path before the name is not needed, so flat folders work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectKey {
    /// The account whose events the file holds.
    pub account_id: String,
    /// `CloudTrail`, `CloudTrail-Digest`, `CloudTrail-Insight` or another kind of delivery.
    pub kind: String,
    /// The region that delivered it; global services' records may name another one.
    pub region: String,
    /// When it was delivered, to the minute.
    pub delivery_time: EventTime,
}

impl ObjectKey {
    /// Reads the name at the end of a path or key; `None` where it is not in AWS's form.
    ///
    /// # Examples
    /// ```
    /// use trailsift::source::ObjectKey;
    /// let key = ObjectKey::parse("logs/111122223333_CloudTrail_eu-west-1_20260301T0805Z_Ab3dEf6hIj9kLmN0.json.gz").expect("AWS's form");
    /// assert_eq!((key.account_id.as_str(), key.region.as_str()), ("111122223333", "eu-west-1"));
    /// ```
    ///
    /// # Source
    /// `CloudTrail` User Guide, "Finding your `CloudTrail` log files".
    pub fn parse(path: &str) -> Option<Self> {
        let name = path.get(memrchr2(b'/', b'\\', path.as_bytes()).map_or(0, |at| at + 1)..)?;
        let mut dots = memchr_iter(b'.', name.as_bytes());
        let stem = dots.find_map(|at| name.get(at..)?.starts_with(".json").then(|| name.get(..at))?).unwrap_or(name);
        let (account_id, rest) = split_at(stem, b'_').filter(|(text, _)| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()))?;
        let (kind, rest) = split_at(rest, b'_').filter(|(text, _)| text.starts_with("CloudTrail"))?;
        let (region, rest) = split_at(rest, b'_').filter(|(text, _)| !text.is_empty())?;
        let delivery_time = rest.split('_').find_map(stamp)?;
        Some(Self { account_id: account_id.to_owned(), kind: kind.to_owned(), region: region.to_owned(), delivery_time })
    }
}

/// The text before and after the first of an ASCII byte. Names are taken apart by the hundred thousand, and their parts
/// are so short that the general search of `str` takes several times as long.
pub(crate) fn split_at(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = text.bytes().position(|other| other == byte)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The time of `YYYYMMDDTHHMMZ` or, in digests, with seconds.
pub(crate) fn stamp(text: &str) -> Option<EventTime> {
    if text.len() == 14 {
        let (minute, end) = text.split_at_checked(13)?;
        return EventTime::parse_date_and_minute(minute).filter(|_| end == "Z");
    }
    EventTime::parse(text).filter(|_| text.len() == 16 && text.ends_with('Z'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_and_are_not_in_the_form() {
        let digest = "AWSLogs/o-x/111122223333/CloudTrail-Digest/us-east-1/2026/03/01/111122223333_CloudTrail-Digest_us-east-1_my_trail_us-east-1_20260301T010203Z.json.gz";
        let key = ObjectKey::parse(digest).expect("a digest's name");
        assert_eq!((key.kind.as_str(), key.delivery_time.to_string().as_str()), ("CloudTrail-Digest", "2026-03-01T01:02:03Z"));
        for name in [
            "",
            "events.json",
            "1111_CloudTrail_r_20260301T0102Z_x.json.gz",
            "111122223333_CloudTrail_r_2026_x.json.gz",
            "111122223333_Config_r_20260301T0102Z_x.gz",
        ] {
            assert_eq!(ObjectKey::parse(name), None, "{name}");
        }
    }
}
