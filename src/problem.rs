//! What is wrong or odd with an input, as data: [`Problem`], its [`Place`], and
//! the [`Ledger`] in which every object and record ends.
//!
//! A problem stands for evidence that could not be used; a notice has the same
//! form and stands for evidence that was used although it is odd. Neither stops a run.

use std::sync::Arc;

use serde::Deserialize;

use crate::error::Error;

/// What kind of problem or notice it is; the text is the JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ProblemKind {
    /// The object could not be opened or read.
    Unreadable,
    /// The object has no bytes.
    Empty,
    /// The gzip stream ends before its end mark.
    GzipCut,
    /// The gzip stream is damaged, or its check sum or length is wrong.
    GzipDamaged,
    /// Bytes that are not gzip follow the gzip stream.
    TrailingBytes,
    /// The text is not JSON from here on.
    BadJson,
    /// The text ends inside a record or before its envelope does.
    JsonCut,
    /// Bytes that are not UTF-8.
    NotUtf8,
    /// A row of a CSV download cannot be used.
    BadCsv,
    /// A limit of the [`Budget`](crate::source::Budget) was hit.
    Limit,
    /// A record that is no JSON object.
    NotAnObject,
    /// An object without any field of a CloudTrail event, among events.
    NotAnEvent,
    /// A thread failed on this object: a defect of Trailsift.
    Internal,
    /// Not copied: no file can have the key's name, or another object has it.
    BadKey,
    /// What was copied earlier is no longer what is there.
    Changed,
    /// What was fetched could not be written, or reads back as something else.
    Unwritten,
    /// Loaded: the time could not be read.
    BadTime,
    /// Loaded: the time was taken from the envelope, as the record has none.
    TimeFromEnvelope,
    /// Loaded: one event id, different contents; all are kept.
    DuplicateMismatch,
    /// Loaded: an object names a key twice; the last one counts.
    DuplicateKeys,
    /// Loaded: a later record replaces this one.
    ReplacedByAddendum,
    /// Loaded: the gzip file has more than one member.
    SecondMember,
    /// Loaded: `eventVersion` has a major number other than 1.
    UnknownVersion,
    /// Loaded: a spreadsheet has turned the account id into a rounded number.
    AccountIdLost,
    /// Digests are without signatures that this file should hold.
    BadSignatures,
    /// A folder that was not looked into, as the filter asks for something else.
    NotListed,
    /// Loaded: root is inferred from a user name, as the download has no identity.
    RootInferred,
    /// Loaded: a sign-in whose record does not say whether MFA was used.
    MfaUnknown,
}

impl ProblemKind {
    /// Every kind with its name.
    const NAMES: [(Self, &'static str); 28] = [
        (Self::Unreadable, "unreadable"),
        (Self::Empty, "empty"),
        (Self::GzipCut, "gzip_cut"),
        (Self::GzipDamaged, "gzip_damaged"),
        (Self::TrailingBytes, "trailing_bytes"),
        (Self::BadJson, "bad_json"),
        (Self::JsonCut, "json_cut"),
        (Self::NotUtf8, "not_utf8"),
        (Self::BadCsv, "bad_csv"),
        (Self::Limit, "limit"),
        (Self::NotAnObject, "not_an_object"),
        (Self::NotAnEvent, "not_an_event"),
        (Self::Internal, "internal"),
        (Self::BadKey, "bad_key"),
        (Self::Changed, "changed"),
        (Self::Unwritten, "unwritten"),
        (Self::BadTime, "bad_time"),
        (Self::TimeFromEnvelope, "time_from_envelope"),
        (Self::DuplicateMismatch, "duplicate_mismatch"),
        (Self::DuplicateKeys, "duplicate_keys"),
        (Self::ReplacedByAddendum, "replaced_by_addendum"),
        (Self::SecondMember, "second_member"),
        (Self::UnknownVersion, "unknown_version"),
        (Self::AccountIdLost, "account_id_lost"),
        (Self::BadSignatures, "bad_signatures"),
        (Self::NotListed, "not_listed"),
        (Self::RootInferred, "root_inferred"),
        (Self::MfaUnknown, "mfa_unknown"),
    ];

    /// The name that JSON and tables show.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(kind, _)| *kind == self).map_or("", |(_, name)| name)
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }
}

/// Where something stands in the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file's path or key.
    pub object: Arc<str>,
    /// The record's place among the object's records, from 0; `None` for the object as a whole.
    pub record_index: Option<u64>,
    /// Bytes from the start of the inflated object; `None` where no one place is meant.
    pub offset: Option<u64>,
}

/// One thing that is wrong or odd, with its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What kind.
    pub kind: ProblemKind,
    /// What was found, and what was expected.
    pub message: String,
}

/// An object that was passed over, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Skipped {
    /// The file's path or key.
    pub object: Arc<str>,
    /// Why it holds no CloudTrail events for this run.
    pub reason: String,
}

/// How many objects ended where. `listed = read + skipped + problems`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct ObjectCounts {
    /// Found under the sources, less those that a filter left unread.
    pub listed: u64,
    /// Read to their end without a problem of the object as a whole.
    pub read: u64,
    /// Passed over with a reason.
    pub skipped: u64,
    /// With a problem; some of their records may have been loaded.
    pub problems: u64,
}

/// How many records ended where. `seen = loaded + duplicates + problems`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct RecordCounts {
    /// Met in the objects, less those that a filter left out.
    pub seen: u64,
    /// In the event frame.
    pub loaded: u64,
    /// The same record again, under the same event id.
    pub duplicates: u64,
    /// Not loadable.
    pub problems: u64,
}

/// What the user's filters left out; outside both sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub struct Filtered {
    /// Objects that were left unread.
    pub objects: u64,
    /// Records that were read and left out.
    pub records: u64,
}

/// Where every object and every record of a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ledger {
    /// Objects by their end.
    pub objects: ObjectCounts,
    /// Records by their end.
    pub records: RecordCounts,
    /// Bytes of the objects as they are stored.
    pub compressed_bytes: u64,
    /// Bytes of the objects after inflation.
    pub inflated_bytes: u64,
    /// What could not be used.
    pub problems: Vec<Problem>,
    /// What was used although it is odd.
    pub notices: Vec<Problem>,
    /// What was passed over.
    pub skipped: Vec<Skipped>,
    /// What the filters left out.
    pub filtered: Filtered,
}

impl Ledger {
    /// Whether all evidence could be used.
    pub fn is_clean(&self) -> bool {
        self.objects.problems == 0 && self.records.problems == 0
    }

    /// Puts the lists in the order of their places, so that no thread's timing shows.
    pub fn sort(&mut self) {
        self.problems.sort();
        self.notices.sort();
        self.skipped.sort();
    }

    /// Checks both sums, and the lists against them.
    ///
    /// # Errors
    /// [`Error::Ledger`] with the sum that does not hold.
    pub fn check(&self) -> Result<(), Error> {
        let ObjectCounts { listed, read, skipped, problems } = self.objects;
        if listed != read + skipped + problems {
            return Err(Error::Ledger(format!("{listed} objects listed, but {read} read, {skipped} skipped and {problems} with problems")));
        }
        if u64::try_from(self.skipped.len()) != Ok(skipped) {
            return Err(Error::Ledger(format!("{skipped} objects skipped, but {} reasons", self.skipped.len())));
        }
        let RecordCounts { seen, loaded, duplicates, problems } = self.records;
        if seen != loaded + duplicates + problems {
            return Err(Error::Ledger(format!(
                "{seen} records seen, but {loaded} loaded, {duplicates} duplicates and {problems} with problems"
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_record_is_noticed() {
        let records = RecordCounts { seen: 3, loaded: 2, duplicates: 1, problems: 0 };
        let mut ledger = Ledger { records, ..Ledger::default() };
        assert!(ledger.check().is_ok());
        ledger.records.loaded = 1;
        let text = ledger.check().map_err(|error| error.to_string());
        insta::assert_snapshot!(text.unwrap_err(), @"the accounts do not add up (3 records seen, but 1 loaded, 1 duplicates and 0 with problems); this is a defect in trailsift, please report it");
    }
}
