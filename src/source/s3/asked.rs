//! [`Asked`]: what of a bucket is asked for, by the folders into which `CloudTrail` delivers.

use std::collections::BTreeSet;

/// What is asked for; all that folders do not tell is looked at.
///
/// # Source
/// `CloudTrail` User Guide, "Finding your `CloudTrail` log files": `AWSLogs/[o-ID/]ACCOUNT/KIND/REGION/YYYY/MM/DD/`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// Accounts; empty for all.
    pub accounts: BTreeSet<String>,
    /// Regions of delivery; empty for all.
    pub regions: BTreeSet<String>,
    /// The days on which logs may have been delivered.
    pub logs: Days,
    /// The days on which digests may have been delivered.
    pub digests: Days,
}

/// Days of delivery, both ends included, each as `YYYY/MM/DD`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Days {
    /// The first; `None` for all before.
    pub first: Option<String>,
    /// The last; `None` for all after.
    pub last: Option<String>,
}

/// What folders say of a key that is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LeftOut {
    /// The shortest prefix of which this is so, as a length in bytes; for a day the month that it is in.
    pub(super) length: usize,
    /// Why.
    pub(super) why: Why,
}

/// Why a folder is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Why {
    /// Another service delivers there.
    Service(String),
    /// The user asks for something else.
    Account(String),
    /// The same.
    Region(String),
    /// The same: a year or month.
    Time,
    /// The same: some days of a month.
    Days,
}

/// How deep in `CloudTrail`'s folders a prefix leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Above `AWSLogs`, or among folders that are not of the form.
    Unknown,
    /// Its children are organizations or accounts.
    Accounts,
    /// Its children are kinds of delivery.
    Kinds,
    /// Its children are regions.
    Regions,
    /// Its children are years.
    Years,
    /// Its children are months.
    Months,
    /// Its children are days, or it leads deeper.
    Days,
}

impl Asked {
    /// Whether all is asked for.
    pub(super) fn is_all(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the children of a prefix are to be chosen among, and so to be listed apart from what is in them.
    pub(super) fn chooses_below(&self, prefix: &str) -> bool {
        let has_days = self.logs != Days::default() || self.digests != Days::default();
        match Folders::of(prefix).level() {
            Level::Unknown | Level::Days => false,
            Level::Accounts => !self.is_all(),
            Level::Kinds => true,
            Level::Regions => !self.regions.is_empty() || has_days,
            Level::Years | Level::Months => has_days,
        }
    }

    /// Whether a key is in a folder that is not looked into.
    pub(crate) fn excludes(&self, key: &str) -> bool {
        self.leaves_out(key).is_some()
    }

    /// What a prefix or key is left out for; `None` where it is looked at.
    pub(super) fn leaves_out(&self, path: &str) -> Option<LeftOut> {
        let folders = Folders::of(path);
        let lacks = |list: &BTreeSet<String>, value: &str| !list.is_empty() && !list.contains(value);
        let (account, account_end) = folders.part(Part::Account)?;
        if lacks(&self.accounts, account) {
            return Some(LeftOut { length: account_end, why: Why::Account(account.to_owned()) });
        }
        let (kind, kind_end) = folders.part(Part::Kind)?;
        if !kind.starts_with("CloudTrail") {
            return Some(LeftOut { length: kind_end, why: Why::Service(kind.to_owned()) });
        }
        let (region, region_end) = folders.part(Part::Region)?;
        if lacks(&self.regions, region) {
            return Some(LeftOut { length: region_end, why: Why::Region(region.to_owned()) });
        }
        let days = self.days_of(kind);
        (1..=3).find_map(|count| {
            let (date, _) = folders.date(count)?;
            let (_, end) = folders.date(count.min(2))?;
            let why = if count < 3 { Why::Time } else { Why::Days };
            days.excludes(date).then_some(LeftOut { length: end, why })
        })
    }

    /// Where a listing of a prefix can begin and end: after the first and before the second key.
    pub(super) fn bounds(&self, prefix: &str) -> (Option<String>, Option<String>) {
        let folders = Folders::of(prefix);
        let (Some((kind, _)), Some((month, _)), None) = (folders.part(Part::Kind), folders.date(2), folders.date(3)) else {
            return (None, None);
        };
        let days = self.days_of(kind);
        let day_in =
            |day: &Option<String>| day.as_ref().and_then(|day| day.strip_prefix(month)).map(|day| day.trim_start_matches('/').to_owned());
        // A day's folder comes right after the day without its `/`, and `0` right after `/`.
        (day_in(&days.first).map(|day| format!("{prefix}{day}")), day_in(&days.last).map(|day| format!("{prefix}{day}0")))
    }

    fn days_of(&self, kind: &str) -> &Days {
        if kind == "CloudTrail-Digest" { &self.digests } else { &self.logs }
    }
}

impl Days {
    /// Whether a date of one to three parts lies wholly outside.
    fn excludes(&self, date: &str) -> bool {
        let outside = |bound: &Option<String>, is_out: fn(&str, &str) -> bool| {
            bound.as_ref().and_then(|bound| bound.get(..date.len())).is_some_and(|bound| is_out(date, bound))
        };
        outside(&self.first, |date, first| date < first) || outside(&self.last, |date, last| date > last)
    }
}

/// The account of a prefix that ends with it.
pub(super) fn account_of(prefix: &str) -> Option<&str> {
    Folders::of(prefix).part(Part::Account).map(|(account, _)| account)
}

/// How deep a prefix leads.
pub(super) fn level_of(prefix: &str) -> Level {
    Folders::of(prefix).level()
}

#[derive(Debug, Clone, Copy)]
enum Part {
    Account,
    Kind,
    Region,
}

/// The folders of a path from `AWSLogs` on, each with the place after its `/`.
struct Folders<'p> {
    path: &'p str,
    is_rooted: bool,
    parts: Vec<(&'p str, usize)>,
}

impl<'p> Folders<'p> {
    fn of(path: &'p str) -> Self {
        let mut parts: Vec<(&str, usize)> = Vec::new();
        let mut start = 0;
        for (at, _) in path.match_indices('/') {
            parts.push((path.get(start..at).unwrap_or_default(), at + 1));
            start = at + 1;
        }
        let root = parts.iter().rposition(|(part, _)| *part == ROOT);
        parts.drain(..root.map_or(parts.len(), |root| root + 1));
        if parts.first().is_some_and(|(part, _)| part.starts_with("o-")) {
            parts.remove(0);
        }
        // Folders that are not of the form tell nothing, nor does what is in them.
        let forms: [fn(&str) -> bool; 6] =
            [is_account, |_| true, is_region, |part| is_number(part, 4), |part| is_number(part, 2), |part| is_number(part, 2)];
        let fitting = parts.iter().zip(forms).take_while(|((part, _), is_form)| is_form(part)).count();
        let is_rooted = root.is_some() && (fitting == parts.len() || fitting == forms.len());
        parts.truncate(fitting);
        Self { path, is_rooted, parts }
    }

    fn level(&self) -> Level {
        if !self.is_rooted {
            return Level::Unknown;
        }
        match self.parts.as_slice() {
            [] => Level::Accounts,
            [_] => Level::Kinds,
            [_, (kind, _)] if kind.starts_with("CloudTrail") => Level::Regions,
            [_, _] => Level::Unknown,
            [_, _, _] => Level::Years,
            [_, _, _, _] => Level::Months,
            _ => Level::Days,
        }
    }

    fn part(&self, part: Part) -> Option<(&'p str, usize)> {
        let at = match part {
            Part::Account => 0,
            Part::Kind => 1,
            Part::Region => 2,
        };
        self.parts.get(at).copied()
    }

    /// The date in that many parts, `YYYY/MM/DD` in three.
    fn date(&self, count: usize) -> Option<(&'p str, usize)> {
        let (_, start) = self.parts.get(2)?;
        let (_, end) = self.parts.get(2 + count)?;
        Some((self.path.get(*start..end.saturating_sub(1))?, *end))
    }
}

fn is_account(text: &str) -> bool {
    is_number(text, 12)
}

fn is_region(text: &str) -> bool {
    text.contains('-') && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_number(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The folder under which `CloudTrail` delivers; a prefix may hold it too, so the last one counts.
const ROOT: &str = "AWSLogs";

#[cfg(test)]
mod tests {
    use super::*;

    fn asked() -> Asked {
        let days = |first: &str, last: &str| Days { first: Some(first.to_owned()), last: Some(last.to_owned()) };
        Asked {
            accounts: ["111122223333".to_owned()].into(),
            regions: ["eu-west-1".to_owned()].into(),
            logs: days("2026/02/27", "2026/03/05"),
            digests: days("2026/01/30", "2026/04/02"),
        }
    }

    fn left_out(path: &str) -> Option<&str> {
        asked().leaves_out(path).and_then(|left_out| path.get(..left_out.length))
    }

    #[test]
    fn folders_of_other_things_are_left_out_at_their_top() {
        let account = "p/AWSLogs/o-a1/111122223333/";
        for (path, out) in [
            ("p/AWSLogs/444455556666/CloudTrail/eu-west-1/2026/03/01/x", Some("p/AWSLogs/444455556666/")),
            (&format!("{account}CloudTrail/us-east-1/2026/"), Some("p/AWSLogs/o-a1/111122223333/CloudTrail/us-east-1/")),
            (&format!("{account}vpcflowlogs/eu-west-1/2026/"), Some("p/AWSLogs/o-a1/111122223333/vpcflowlogs/")),
            (&format!("{account}CloudTrail/eu-west-1/2025/12/31/x"), Some("p/AWSLogs/o-a1/111122223333/CloudTrail/eu-west-1/2025/")),
            (&format!("{account}CloudTrail/eu-west-1/2026/01/"), Some("p/AWSLogs/o-a1/111122223333/CloudTrail/eu-west-1/2026/01/")),
            (&format!("{account}CloudTrail/eu-west-1/2026/03/06/x"), Some("p/AWSLogs/o-a1/111122223333/CloudTrail/eu-west-1/2026/03/")),
            (&format!("{account}CloudTrail/eu-west-1/2026/03/05/x"), None),
            (&format!("{account}CloudTrail-Digest/eu-west-1/2026/03/06/x"), None),
            ("AWSLogs/x.json.gz", None),
            ("AWSLogs/hidden/444455556666/CloudTrail/x", None),
            ("444455556666/CloudTrail/us-east-1/2020/01/01/x", None),
        ] {
            assert_eq!(left_out(path), out, "{path}");
        }
    }

    #[test]
    fn levels() {
        for (prefix, level) in [
            ("", Level::Unknown),
            ("p/", Level::Unknown),
            ("AWSLogs/", Level::Accounts),
            ("p/AWSLogs/o-a1/", Level::Accounts),
            ("AWSLogs/111122223333/", Level::Kinds),
            ("AWSLogs/111122223333/CloudTrail/", Level::Regions),
            ("AWSLogs/111122223333/Config/", Level::Unknown),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/", Level::Years),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/", Level::Months),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/", Level::Days),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/01/", Level::Days),
            ("AWSLogs/hidden/111122223333/", Level::Unknown),
        ] {
            assert_eq!(level_of(prefix), level, "{prefix}");
        }
    }

    #[test]
    fn a_month_is_listed_between_its_days() {
        let month = |month: &str| asked().bounds(&format!("AWSLogs/111122223333/CloudTrail/eu-west-1/{month}/"));
        let at = |end: &str| Some(format!("AWSLogs/111122223333/CloudTrail/eu-west-1/{end}"));
        assert_eq!(month("2026/02"), (at("2026/02/27"), None));
        assert_eq!(month("2026/03"), (None, at("2026/03/050")));
        assert_eq!(month("2026"), (None, None));
    }
}
