//! Which fields every contender has to find, and the [`Tally`] that shows that it did.

use std::ops::AddAssign;

/// What was found: equal for all contenders that read the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) records: u64,
    pub(crate) texts: u64,
    /// Bytes of the texts, unescaped.
    pub(crate) bytes: u64,
}

impl Tally {
    /// Counts one text; an empty one is none, as Trailsift's reader has it for some fields.
    pub(crate) fn text(&mut self, text: &str) {
        self.texts += u64::from(!text.is_empty());
        self.bytes += text.len() as u64;
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.records += other.records;
        self.texts += other.texts;
        self.bytes += other.bytes;
    }
}

/// Whether the key of a record has a text that is to be found.
pub(crate) fn is_text(key: &str) -> bool {
    matches!(
        key,
        "eventVersion"
            | "eventTime"
            | "eventSource"
            | "eventName"
            | "awsRegion"
            | "sourceIPAddress"
            | "userAgent"
            | "errorCode"
            | "errorMessage"
            | "requestID"
            | "eventID"
            | "eventType"
            | "apiVersion"
            | "recipientAccountId"
            | "sharedEventID"
            | "vpcEndpointId"
            | "eventCategory"
    )
}

/// The same for the keys of `userIdentity`.
pub(crate) fn is_identity_text(key: &str) -> bool {
    matches!(key, "type" | "principalId" | "arn" | "accountId" | "accessKeyId" | "userName" | "invokedBy")
}
