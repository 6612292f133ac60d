//! What changed, who changed it, whether it was allowed, and what the log does not explain.
//!
//! [`drift`] is the entry: events and snapshots in, [`Drift`] out. It never says that somebody tampered with a log: it
//! says that a change has no event, and how certain that is.

mod approval;
mod begin;
mod check;
mod compare;
mod confirm;
mod document;
mod finish;
mod item;
mod items;
mod keeper;
mod launch;
mod pattern;
mod refused;
mod risk;
mod run;
mod trail;
mod trust;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::change;
use super::events::IamEvents;
use super::snapshot::Snapshot;
use super::state::State;
use crate::error::Error;
use crate::time::{EventTime, TimeRange};
pub use approval::{ApprovedChange, NotApprovals, read_approvals};
pub(super) use check::{KEY_SECONDS, SESSION_SECONDS, USE_SECONDS};
pub(super) use confirm::ENTRY_SECONDS;
pub use document::{Documents, StatementDiff};
pub use item::{Caller, Doubt, Evidence, Item, Missing, Ordering};
pub use items::{Counts, Items};
pub use launch::Launch;

/// What events are compared with.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// States that replay begins with, one for each account.
    pub baselines: Vec<Snapshot>,
    /// What was replayed until then is the baseline; only later changes are items.
    pub t0: Option<EventTime>,
    /// States that replay has to arrive at.
    pub later: Vec<Snapshot>,
    /// Accounts that are one's own, beside that of a role.
    pub trusted_accounts: BTreeSet<String>,
    /// Changes that were approved.
    pub approved: Vec<ApprovedChange>,
    /// When the log is known to lack something, and why.
    pub gaps: Vec<Gap>,
    /// When the digest chain is intact and verified.
    pub verified: Vec<TimeRange>,
    /// The events are all that the accounts recorded, of all services: only then does the lack of one tell something.
    pub has_all_events: bool,
}

/// A time in which the log is known to lack something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// When.
    pub range: TimeRange,
    /// What shows it.
    pub reason: String,
}

/// Everything that was found, in the order of replay.
#[derive(Debug)]
pub struct Drift {
    /// The items.
    pub items: Items,
    /// Calls of other services that run something under a role.
    pub launches: Vec<Launch>,
    /// How much of the later snapshots the log explains.
    pub coverage: Coverage,
    /// Calls that left everything as it was.
    pub noops: usize,
    /// Events that were there more than once.
    pub duplicates: usize,
    /// Events of one id with more than one body, by account and id: a record was edited.
    pub duplicate_mismatches: Vec<(String, String)>,
    /// Approved changes that were not seen, by their ids.
    pub approved_not_observed: Vec<String>,
    /// Times in which calls that the log has kept trails from recording, in their order.
    pub gaps: Vec<Gap>,
    /// What was known at the start: of the baselines, or of the log until [`Setup::t0`].
    pub start: State,
    /// What is known of all entities at the end.
    pub state: State,
}

/// How many attributes of later snapshots were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Coverage {
    /// The log and the earlier snapshot lead to their values.
    pub explained: usize,
    /// They do not.
    pub unexplained: usize,
    /// A snapshot was being taken when they changed.
    pub uncertain: usize,
    /// What they were is not known.
    pub not_covered: usize,
}

/// How certain it is that an event is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// The log is known to lack something in that time.
    ProvenGap,
    /// Nothing that was delivered is missing or altered: the event was never delivered, or the snapshot is wrong.
    Contradiction,
    /// Nothing is known about what was delivered.
    Unbounded,
    /// AWS changes such things without an event: a service owns the role.
    ExplainedByAws,
}

/// Replays events and says what changed, by the rules of the section that each part names.
///
/// # Errors
/// Those of reading events and of putting items away, where either do not fit in memory, and where the system gives no thread.
pub fn drift(events: &IamEvents, setup: &Setup) -> Result<Drift, Error> {
    run::run(events, setup)
}

/// Whether events of that source and name tell [`drift`] anything. The use of a key tells something in any call:
/// where that is to be checked, and for [`Setup::has_all_events`], all events are needed.
pub fn is_wanted(event_source: &str, event_name: &str) -> bool {
    let source = event_source.to_ascii_lowercase();
    let service = launch::service(&source);
    change::is_known(&source, event_name)
        || launch::is_wanted(service, event_name)
        || trail::is_wanted(service, event_name)
        || EVIDENCE.contains(&(service, event_name))
}

/// Calls that change no identity, and tell who is there or when a snapshot was taken.
const EVIDENCE: [(&str, &str); 8] = [
    ("sts", "AssumeRole"),
    ("sts", "AssumeRoleWithSAML"),
    ("sts", "AssumeRoleWithWebIdentity"),
    ("sts", "GetSessionToken"),
    ("signin", "ConsoleLogin"),
    ("signin", "SwitchRole"),
    ("iam", "GetAccountAuthorizationDetails"),
    ("iam", "GenerateCredentialReport"),
];

#[cfg(test)]
mod tests;
