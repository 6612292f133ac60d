//! [`Unread`]: objects that a filter leaves unread, as their names show that no record in them can pass it.

#[cfg(feature = "s3")]
use std::collections::BTreeSet;

use crate::frame::Filter;
#[cfg(feature = "s3")]
use crate::source::s3::{Asked, Days};
use crate::source::{Object, ObjectKey};
#[cfg(feature = "s3")]
use crate::time::EventTime;

/// An object that was left unread, and why.
#[derive(Debug, Clone)]
pub struct Unread {
    /// The object.
    pub object: Object,
    /// What its name says that the filter does not ask for.
    pub reason: String,
}

/// How long after the stamp in a file's name an event in it may lie, in seconds.
///
/// The stamp has whole minutes, and the clock of the service that names the event's time may be ahead of the one that
/// names the file's: AWS takes requests whose clock is five minutes off. The rest is for safety.
const STAMP_SLACK: i64 = 15 * 60;

/// How long after an event the file that holds it may be delivered, in seconds.
///
/// Minutes are usual: 0 to 608 s in the 3,872 files of one trail. But where a bucket cannot be written to, be it that
/// somebody saw to that, `CloudTrail` tries again for 30 days. A record that AWS corrects or adds later still
/// (`addendum`) stands in a file that an end of the time leaves unread; without one, it is read.
///
/// # Source
/// `CloudTrail` User Guide, "Getting and viewing your `CloudTrail` log files".
const LATE_DELIVERY: i64 = 30 * 86_400;

/// How far the day of an object's folder may be from the time in its name, in seconds.
#[cfg(feature = "s3")]
const FOLDER_SLACK: i64 = 86_400;

/// The regions in which global services (IAM, STS, sign-in and others) say their calls were made, one for each
/// partition: files of all regions hold such records.
const GLOBAL_REGIONS: [&str; 3] = ["us-east-1", "us-gov-west-1", "cn-north-1"];

impl Filter {
    /// Divides objects into those to read and those that can be left unread.
    pub fn divide(&self, objects: Vec<Object>) -> (Vec<Object>, Vec<Unread>) {
        // Where records were anonymised and names were not, no name has an account that is asked for: then none tells.
        let is_named = |account: &String| objects.iter().filter_map(log_key).any(|key| key.account_id == *account);
        let by_account = self.accounts.iter().all(is_named);
        let mut unread = Vec::new();
        let mut rest = Vec::with_capacity(objects.len());
        for object in objects {
            match self.not_asked_for(&object, by_account) {
                Some(reason) => unread.push(Unread { object, reason }),
                None => rest.push(object),
            }
        }
        (rest, unread)
    }

    /// Which folders of a bucket have to be looked into: those of all objects that [`Filter::divide`] keeps, and of the
    /// digests that list them.
    #[cfg(feature = "s3")]
    pub fn asked(&self) -> Asked {
        let day = |bound: Option<EventTime>, seconds: i64| bound.and_then(|bound| day_text(bound.plus_seconds(seconds)?));
        let first = day(self.range.since, -STAMP_SLACK - FOLDER_SLACK);
        let last = |later: i64| day(self.range.until, LATE_DELIVERY + FOLDER_SLACK + later);
        Asked {
            accounts: self.accounts.iter().cloned().collect(),
            regions: if self.is_global() { BTreeSet::new() } else { self.regions.iter().cloned().collect() },
            logs: Days { first: first.clone(), last: last(0) },
            // A digest is named by the end of the time in which its logs were delivered.
            digests: Days { first, last: last(FOLDER_SLACK) },
        }
    }

    /// Whether a region is asked for in which global services say their calls were made.
    fn is_global(&self) -> bool {
        self.regions.iter().any(|region| GLOBAL_REGIONS.contains(&region.as_str()))
    }

    /// What the object's name says that is not asked for; `None` where the object has to be read.
    ///
    /// A file holds the records of the account in its name, also where the trail is an organization's; its region is
    /// that of its records, but for global services. A record without a time stands in no file that AWS wrote.
    fn not_asked_for(&self, object: &Object, by_account: bool) -> Option<String> {
        let key = log_key(object)?;
        let lacks = |list: &[String], value: &str| !list.is_empty() && !list.iter().any(|item| item == value);
        let delivered = key.delivery_time.epoch();
        if by_account && lacks(&self.accounts, &key.account_id) {
            Some(format!("filtered: of account {}", key.account_id))
        } else if lacks(&self.regions, &key.region) && !self.is_global() {
            Some(format!("filtered: of region {}", key.region))
        } else if self.range.since.is_some_and(|since| delivered.saturating_add(STAMP_SLACK) < since.epoch()) {
            Some(format!("filtered: delivered at {}, before what is asked for", key.delivery_time))
        } else if self.range.until.is_some_and(|until| delivered.saturating_sub(LATE_DELIVERY) > until.epoch()) {
            Some(format!("filtered: delivered at {}, more than 30 days after what is asked for", key.delivery_time))
        } else {
            None
        }
    }
}

/// What the name of a log file in AWS's form says; other names say nothing.
fn log_key(object: &Object) -> Option<&ObjectKey> {
    object.key.as_ref().filter(|key| key.kind == "CloudTrail")
}

/// The day of a time as `YYYY/MM/DD`; `None` where its year has not four digits, as no folder has such a name.
#[cfg(feature = "s3")]
fn day_text(time: EventTime) -> Option<String> {
    let text = time.to_string();
    let (day, _) = text.split_once('T').filter(|(day, _)| day.len() == 10)?;
    Some(day.replace('-', "/"))
}

#[cfg(all(test, feature = "s3"))]
mod tests {
    use super::*;
    use crate::time::TimeRange;

    #[test]
    fn folders_are_asked_for_with_the_margins_of_the_names() {
        let time = |text: &str| EventTime::parse(text);
        let range = TimeRange { since: time("2026-03-02T00:10:00Z"), until: time("2026-03-03T00:00:00Z") };
        let filter = |regions: &[&str]| Filter {
            range,
            accounts: vec!["111122223333".to_owned()],
            regions: regions.iter().map(|region| (*region).to_owned()).collect(),
        };
        let asked = filter(&["eu-west-1"]).asked();
        let days = |days: &Days| [days.first.clone(), days.last.clone()].map(Option::unwrap_or_default);
        // Fifteen minutes before the first event are on the day before, and its folder may be that of another day.
        assert_eq!(days(&asked.logs), ["2026/02/28", "2026/04/03"]);
        assert_eq!(days(&asked.digests), ["2026/02/28", "2026/04/04"]);
        assert_eq!((asked.accounts.len(), asked.regions.len()), (1, 1));
        assert!(filter(&["eu-west-1", "us-east-1"]).asked().regions.is_empty());
        assert_eq!(Filter::default().asked(), Asked::default());
    }
}
