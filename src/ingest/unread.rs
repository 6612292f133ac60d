//! [`Unread`]: objects that a filter leaves unread, as their names show that no record in them can pass it.

use std::collections::BTreeSet;

use crate::frame::Filter;
use crate::source::{Object, ObjectKey};

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

/// The regions in which global services (IAM, STS, sign-in and others) say their calls were made, one for each
/// partition: files of all regions hold such records.
const GLOBAL_REGIONS: [&str; 3] = ["us-east-1", "us-gov-west-1", "cn-north-1"];

impl Filter {
    /// Divides objects into those to read and those that can be left unread.
    pub fn divide(&self, objects: Vec<Object>) -> (Vec<Object>, Vec<Unread>) {
        // Where records were anonymised and names were not, no name has an account that is asked for: then none tells.
        let named: BTreeSet<&str> = objects.iter().filter_map(log_key).map(|key| key.account_id.as_str()).collect();
        let by_account = self.accounts.iter().all(|account| named.contains(account.as_str()));
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

    /// What the object's name says that is not asked for; `None` where the object has to be read.
    ///
    /// A file holds the records of the account in its name, also where the trail is an organization's; its region is
    /// that of its records, but for global services. A record without a time stands in no file that AWS wrote.
    fn not_asked_for(&self, object: &Object, by_account: bool) -> Option<String> {
        let key = log_key(object)?;
        let lacks = |list: &[String], value: &str| !list.is_empty() && !list.iter().any(|item| item == value);
        let global = || self.regions.iter().any(|region| GLOBAL_REGIONS.contains(&region.as_str()));
        let delivered = key.delivery_time.epoch();
        if by_account && lacks(&self.accounts, &key.account_id) {
            Some(format!("filtered: of account {}", key.account_id))
        } else if lacks(&self.regions, &key.region) && !global() {
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
