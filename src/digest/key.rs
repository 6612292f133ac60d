//! Names of logs and digests: [`Tail`], by which files and recorded keys are joined, and [`Named`], what a name says.
//!
//! Keys come out of hostile documents. They are compared as text and parsed here; nothing ever opens one.

use std::borrow::Cow;
use std::fmt;

use memchr::memrchr;

use crate::source::{self, split_at};
use crate::time::EventTime;

/// The part of a key or path that is the same wherever an object is kept: from its last component `AWSLogs` to the
/// end, or, where there is none (a flat download), its last component.
///
/// Files that a collector has unpacked lose their `.gz`; the tail has it in any case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tail(Box<str>);

impl Tail {
    /// The tail of a path on disk or of a recorded key.
    pub fn of(path: &str) -> Self {
        Self::from(tail_of(path))
    }

    /// The tail as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The file's name.
    pub fn name(&self) -> &str {
        last_component(&self.0)
    }

    /// Whether it has no folders, so that only the name is known.
    pub fn is_flat(&self) -> bool {
        is_flat(&self.0)
    }
}

impl From<Cow<'_, str>> for Tail {
    /// Takes a tail as text, as it was read off a path or key.
    fn from(tail: Cow<'_, str>) -> Self {
        Self(tail.into())
    }
}

/// Which chain a digest belongs to. Bucket and prefix are no part of it, as a trail may change both.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainId {
    /// The organization, for an organization's trail.
    pub organization: Option<Box<str>>,
    /// The account whose logs it lists.
    pub account: Box<str>,
    /// The region whose logs it lists.
    pub region: Box<str>,
    /// The trail's name.
    pub trail: Box<str>,
    /// The trail's home region.
    pub home_region: Box<str>,
    /// Whether it is the chain of the digests that come after the standard ones.
    pub backfill: bool,
}

impl fmt::Display for ChainId {
    /// `[o-ID/]ACCOUNT/REGION/TRAIL/HOME`, the same for a trail's standard and backfill chain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(organization) = &self.organization {
            write!(f, "{organization}/")?;
        }
        write!(f, "{}/{}/{}/{}", self.account, self.region, self.trail, self.home_region)
    }
}

/// What a digest's key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestKey {
    /// Its chain.
    pub chain: ChainId,
    /// The end of its window.
    pub time: EventTime,
}

/// What a log's key says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogKey {
    /// The account.
    pub account: Box<str>,
    /// `CloudTrail`, `CloudTrail-Insight` or another kind of delivery.
    pub kind: Box<str>,
    /// The region.
    pub region: Box<str>,
    /// About when it was delivered, to the minute.
    pub minute: EventTime,
}

/// A name in one of AWS's two forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// A digest, standard or backfill.
    Digest(DigestKey),
    /// A log of any kind.
    Log(LogKey),
}

impl Named {
    /// Reads the name at the end of a path or key; `None` where it is in neither form, so that nothing is verified.
    ///
    /// Account, region and kind are those of the folders, where there are any in AWS's form, else of the name.
    ///
    /// # Examples
    /// ```
    /// use trailsift::digest::Named;
    /// let path = "b/AWSLogs/o-a1/111122223333/CloudTrail-Digest/eu-west-1/2026/03/01/111122223333_CloudTrail-Digest_eu-west-1_my_trail_us-east-1_20260301T010203Z.json.gz";
    /// let Some(Named::Digest(key)) = Named::parse(path) else { panic!("a digest's name") };
    /// assert_eq!(key.chain.to_string(), "o-a1/111122223333/eu-west-1/my_trail/us-east-1");
    /// ```
    ///
    /// # Source
    /// `CloudTrail` User Guide, "`CloudTrail` digest file structure" and "Finding your `CloudTrail` log files".
    pub fn parse(path: &str) -> Option<Self> {
        Some(match Parts::read(path)? {
            Parts::Digest { place, trail, home_region, time, backfill } => {
                let chain = ChainId {
                    organization: place.organization.map(Box::from),
                    account: place.account.into(),
                    region: place.region.into(),
                    trail: trail.into(),
                    home_region: home_region.into(),
                    backfill,
                };
                Self::Digest(DigestKey { chain, time })
            }
            Parts::Log { place, minute } => {
                Self::Log(LogKey { account: place.account.into(), kind: place.kind.into(), region: place.region.into(), minute })
            }
        })
    }

    /// Whether [`Named::parse`] can read the name.
    pub fn is_name(path: &str) -> bool {
        Parts::read(path).is_some()
    }
}

/// What a name says, still as parts of it.
enum Parts<'a> {
    Digest { place: Folders<'a>, trail: &'a str, home_region: &'a str, time: EventTime, backfill: bool },
    Log { place: Folders<'a>, minute: EventTime },
}

impl<'a> Parts<'a> {
    fn read(path: &'a str) -> Option<Self> {
        if path.len() > KEY_BYTES + PATH_BYTES {
            return None;
        }
        let (folders, name) = path.split_at_checked(name_start(path))?;
        let stem = name.strip_suffix(".json.gz").or_else(|| name.strip_suffix(".json"))?;
        let folders = root_start(folders).and_then(|root| Folders::parse(folders.get(root..)?));
        let (account, rest) = split_at(stem, b'_').filter(|(account, _)| is_account(account))?;
        let (kind, rest) = split_at(rest, b'_').filter(|(kind, _)| kind.starts_with("CloudTrail"))?;
        let (region, rest) = split_at(rest, b'_').filter(|(region, _)| !region.is_empty())?;
        let place = folders.unwrap_or(Folders { organization: None, account, kind, region });
        if kind == DIGEST_KIND {
            return parse_digest(rest, place);
        }
        let (stamp, unique) = split_at(rest, b'_')?;
        let minute = source::stamp(stamp).filter(|_| is_unique(unique) && stamp.len() == MINUTE_STAMP)?;
        Some(Self::Log { place, minute })
    }
}

/// The folders between `AWSLogs` and the date.
struct Folders<'a> {
    organization: Option<&'a str>,
    account: &'a str,
    kind: &'a str,
    region: &'a str,
}

impl<'a> Folders<'a> {
    /// Reads the folders of a tail, with the `/` after the last of them.
    fn parse(folders: &'a str) -> Option<Self> {
        let (first, mut rest) = split_at(folders.strip_prefix(ROOT)?.strip_prefix('/')?, b'/')?;
        let organization = first.starts_with("o-").then_some(first);
        let mut account = first;
        if organization.is_some() {
            (account, rest) = split_at(rest, b'/')?;
        }
        let (kind, rest) = split_at(rest, b'/')?;
        let (region, rest) = split_at(rest, b'/')?;
        // Year, month and day.
        let is_dated = rest.bytes().filter(|byte| *byte == b'/').count() == 3;
        (is_account(account) && kind.starts_with("CloudTrail") && !region.is_empty() && is_dated).then_some(Self {
            organization,
            account,
            kind,
            region,
        })
    }
}

/// `TRAIL_HOME_YYYYMMDDThhmmssZ[_backfill]`; a trail's name may hold `_`, so the parts are taken from the end.
fn parse_digest<'a>(text: &'a str, place: Folders<'a>) -> Option<Parts<'a>> {
    let (text, backfill) = text.strip_suffix("_backfill").map_or((text, false), |text| (text, true));
    let (text, stamp) = text.rsplit_once('_')?;
    let time = EventTime::parse(stamp).filter(|_| stamp.len() == 16 && stamp.ends_with('Z'))?;
    let (trail, home_region) = text.rsplit_once('_').filter(|(trail, home)| !trail.is_empty() && is_region(home))?;
    Some(Parts::Digest { place, trail, home_region, time, backfill })
}

/// The text of [`Tail::of`].
pub(super) fn tail_of(path: &str) -> Cow<'_, str> {
    let tail = path.get(tail_start(path)..).unwrap_or_default();
    if tail.strip_suffix(".json").is_some() { Cow::Owned([tail, ".gz"].concat()) } else { Cow::Borrowed(tail) }
}

/// Whether a tail has no folders.
pub(super) fn is_flat(tail: &str) -> bool {
    !tail.contains('/')
}

/// Whether `path` ends in `end`, and `end` begins where a component begins.
pub(super) fn ends_in(path: &str, end: &str) -> bool {
    path.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// The path with `.json.gz` at its end, where it has only `.json`.
pub(super) fn packed_name(path: &str) -> String {
    if path.strip_suffix(".json").is_some() { format!("{path}.gz") } else { path.to_owned() }
}

/// The path without `.gz` at its end, where that leaves `.json`: two paths that differ only in this are one.
pub(super) fn unpacked_name(path: &str) -> &str {
    path.strip_suffix(".gz").filter(|path| path.strip_suffix(".json").is_some()).unwrap_or(path)
}

/// What stands before the tail.
pub(super) fn leading(path: &str) -> &str {
    path.get(..tail_start(path)).unwrap_or_default()
}

fn tail_start(path: &str) -> usize {
    let name = name_start(path);
    path.get(..name).and_then(root_start).unwrap_or(name)
}

/// Where the last of the folders that begin a tail begins; `folders` end in `/`.
fn root_start(folders: &str) -> Option<usize> {
    let mut end = folders.len().checked_sub(1)?;
    loop {
        let head = folders.as_bytes().get(..end)?;
        let start = head.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
        if head.get(start..) == Some(ROOT.as_bytes()) {
            return Some(start);
        }
        end = start.checked_sub(1)?;
    }
}

fn name_start(path: &str) -> usize {
    memrchr(b'/', path.as_bytes()).map_or(0, |at| at + 1)
}

pub(super) fn last_component(path: &str) -> &str {
    path.get(name_start(path)..).unwrap_or_default()
}

/// A sidecar of a log has the log's name and more, and is none.
fn is_unique(text: &str) -> bool {
    !text.is_empty() && !text.bytes().any(|byte| byte == b'.')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `[a-z]{2}(-[a-z]+)+-[0-9]+`
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').take(10).collect();
    let [area, words @ .., number] = parts.as_slice() else { return false };
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    area.len() == 2
        && is_word(area)
        && !words.is_empty()
        && words.iter().all(is_word)
        && !number.is_empty()
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Letters of a stamp without seconds.
const MINUTE_STAMP: usize = "YYYYMMDDThhmmZ".len();
/// The folder that begins every tail.
const ROOT: &str = "AWSLogs";
/// The folder and name part of digests.
pub const DIGEST_KIND: &str = "CloudTrail-Digest";
/// The longest key that S3 has (Amazon S3 User Guide, "Naming Amazon S3 objects").
const KEY_BYTES: usize = 1_024;
/// The longest path that Linux opens (`PATH_MAX`).
const PATH_BYTES: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "111122223333_CloudTrail_eu-west-1_20260301T0805Z_Ab3dEf6hIj9kLmN0.json.gz";

    fn digest(path: &str) -> Option<String> {
        match Named::parse(path)? {
            Named::Digest(key) => Some(format!("{} {} {}", key.chain, key.chain.backfill, key.time)),
            Named::Log(_) => None,
        }
    }

    #[test]
    fn tails_begin_at_the_last_root() {
        for (path, tail) in [
            ("b/p/AWSLogs/AWSLogs/1/x.json", "AWSLogs/1/x.json.gz"),
            ("b/xAWSLogs/1/x.json.gz", "x.json.gz"),
            ("AWSLogs/b/myAWSLogs/x.gz", "AWSLogs/b/myAWSLogs/x.gz"),
            ("", ""),
            ("a//AWSLogs//../\0", "AWSLogs//../\0"),
        ] {
            assert_eq!(Tail::of(path).as_str(), tail, "{path}");
        }
    }

    #[test]
    fn names_of_digests() {
        let name = "111122223333_CloudTrail-Digest_eu-west-1_a_b.c-d_us-gov-east-1_20260301T010203Z";
        let flat = digest(&format!("x/{name}.json.gz"));
        assert_eq!(flat.as_deref(), Some("111122223333/eu-west-1/a_b.c-d/us-gov-east-1 false 2026-03-01T01:02:03Z"));
        let copied = digest(&format!("AWSLogs/999988887777/CloudTrail-Digest/us-east-1/2026/03/01/{name}_backfill.json"));
        assert_eq!(copied.as_deref(), Some("999988887777/us-east-1/a_b.c-d/us-gov-east-1 true 2026-03-01T01:02:03Z"));
        for wrong in
            ["_t_useast1_20260301T010203Z", "__us-east-1_20260301T010203Z", "_t_us-east-1_20260301T0102Z", "_t_us-east-1_20261301T010203Z"]
        {
            assert_eq!(digest(&format!("111122223333_CloudTrail-Digest_eu-west-1{wrong}.json.gz")), None, "{wrong}");
        }
    }

    #[test]
    fn names_of_logs_and_of_nothing() {
        let path = format!("p/AWSLogs/111122223333/CloudTrail-Insight/eu-west-1/2026/03/01/{LOG}");
        let Some(Named::Log(key)) = Named::parse(&path) else { panic!("a log's name") };
        assert_eq!(
            (&*key.kind, &*key.region, key.minute.to_string()),
            ("CloudTrail-Insight", "eu-west-1", "2026-03-01T08:05:00Z".to_owned())
        );
        assert!(matches!(Named::parse(&format!("AWSLogs/hidden/{LOG}")), Some(Named::Log(_))));
        for path in ["", "x.json.gz", &format!("{LOG}.meta.json"), &LOG.replace("_Ab3dEf6hIj9kLmN0", "_"), &"a/".repeat(1 << 20)] {
            assert_eq!(Named::parse(path), None, "{path:.40}");
        }
    }
}
