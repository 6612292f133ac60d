//! [`Finding`]: what a rule found, in the form that JSON shows, with the
//! [evidence](EvidenceList) for it; and [`Detections`], all that a run of the rules yields.

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::baseline::Seen;
use super::evidence::EvidenceList;
use super::rule::{Kind, Rule};
use crate::frame::ByPlace;
pub use crate::severity::Severity;
use crate::time::EventTime;

/// What the digest chains say about the object that a piece of evidence stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Integrity {
    /// A verified digest holds the object's hash.
    Valid,
    /// The object is not what its digest says.
    Invalid,
    /// A digest names the object, and it is not there.
    Missing,
    /// A digest names the object, and the digest could not be checked.
    Unverified,
    /// No digest covers the object.
    Undigested,
    /// Nobody has looked.
    NotChecked,
}

impl Integrity {
    /// What a [`Verdict`](crate::digest::Verdict) of that status says, or a case that was written before.
    pub fn from_status(status: &str) -> Option<Self> {
        let known = [Self::Valid, Self::Invalid, Self::Missing, Self::Unverified, Self::Undigested, Self::NotChecked];
        known.into_iter().find(|integrity| integrity.status() == status)
    }

    /// The word in JSON.
    pub const fn status(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "invalid",
            Self::Missing => "missing",
            Self::Unverified => "unverified",
            Self::Undigested => "undigested",
            Self::NotChecked => "not_checked",
        }
    }

    /// The word for people; what was altered stands out.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Invalid => "INVALID",
            Self::Missing => "missing",
            Self::Unverified => "unverified",
            Self::Undigested => "undigested",
            Self::NotChecked => "not checked",
        }
    }

    /// What is to be said of several pieces of evidence: never better than of any of them.
    pub fn worst(all: impl Iterator<Item = Self>) -> Option<Self> {
        all.max_by_key(|integrity| integrity.doubt())
    }

    /// How little the evidence proves: 0 for what is valid, the most for what was altered.
    const fn doubt(self) -> u8 {
        match self {
            Self::Valid => 0,
            Self::Undigested => 1,
            Self::NotChecked => 2,
            Self::Unverified => 3,
            Self::Missing => 4,
            Self::Invalid => 5,
        }
    }
}

/// What a rule found: one event, or several that belong together.
///
/// A value of the events (account, region, principal, address, name) is given
/// only where all events of the finding share it: a value that is true of some of
/// them would be read as true of all. The events themselves are in the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's id.
    pub rule_id: Arc<str>,
    /// The rule's title.
    pub title: Arc<str>,
    /// How bad it is; for several events, as bad as the worst of them.
    pub severity: Severity,
    /// The rule id's first part.
    pub family: Arc<str>,
    /// What kind of rule it was.
    pub kind: Kind,
    /// MITRE ATT&CK techniques.
    pub attack: Arc<[String]>,
    /// Controls of the CIS AWS Foundations Benchmark.
    pub cis: Arc<[String]>,
    /// The account that the calls were made in: the recipient, else the caller's.
    pub account_id: Option<String>,
    /// `aws_region`.
    pub region: Option<String>,
    /// `principal`.
    pub principal: Option<String>,
    /// `source_ip_address`.
    pub source_ip_address: Option<String>,
    /// `event_name`.
    pub event_name: Option<String>,
    /// The time of the first event that has one.
    pub first_time: Option<EventTime>,
    /// The time of the last event that has one.
    pub last_time: Option<EventTime>,
    /// How many events there are; of a table of state, how many rows.
    pub count: u64,
    /// One sentence with the values that matter.
    pub message: String,
    /// All events of the finding, in the order of time.
    #[serde(flatten)]
    pub evidence: EvidenceList,
    /// What else it may be.
    pub false_positives: Arc<[String]>,
    /// What to do next.
    pub next_steps: Arc<[String]>,
    /// `builtin`, or the path of the rule's file.
    pub source: Arc<str>,
    /// Who wrote the rule, where it says so.
    pub author: Option<Arc<str>>,
    /// The rule's licence, where it says so.
    pub license: Option<Arc<str>>,
}

impl Finding {
    /// The numbers of the findings that rest on an event, by the event's place.
    pub fn by_place<'f>(findings: impl IntoIterator<Item = (usize, &'f Self)>) -> ByPlace<'f, Vec<usize>> {
        let mut places: ByPlace<'_, Vec<usize>> = ByPlace::default();
        for (number, finding) in findings {
            for (object, index) in finding.evidence.places() {
                if let Some(index) = index {
                    places.entry(object, index).push(number);
                }
            }
        }
        places
    }

    /// What the digests say of the worst piece of its evidence; `None` without evidence.
    pub fn integrity(&self) -> Option<Integrity> {
        Integrity::worst(self.evidence.integrities())
    }

    /// A finding of that rule, without any event yet.
    pub(super) fn of(rule: &Rule) -> Self {
        Self {
            rule_id: rule.id.clone(),
            title: rule.title.clone(),
            severity: rule.severity.default,
            family: rule.family.clone(),
            kind: rule.kind(),
            attack: rule.attack.clone(),
            cis: rule.cis.clone(),
            account_id: None,
            region: None,
            principal: None,
            source_ip_address: None,
            event_name: None,
            first_time: None,
            last_time: None,
            count: 0,
            message: String::new(),
            evidence: EvidenceList::default(),
            false_positives: rule.false_positives.clone(),
            next_steps: rule.next_steps.clone(),
            source: rule.source.clone(),
            author: rule.author.clone(),
            license: rule.license.clone(),
        }
    }

    /// The order in which findings are shown: the worst first, then by time, rule and place.
    pub fn order(&self, other: &Self) -> Ordering {
        let key = |finding: &Self| (Reverse(finding.severity), finding.first_time.is_none(), finding.first_time);
        key(self)
            .cmp(&key(other))
            .then_with(|| self.rule_id.cmp(&other.rule_id))
            .then_with(|| self.evidence.first_place().cmp(&other.evidence.first_place()))
            .then_with(|| self.message.cmp(&other.message))
    }
}

/// What became of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// It ran.
    Run,
    /// It was left out, or what it needs is not there.
    NotRun,
    /// It could not be loaded.
    Skipped,
    /// It runs, and finds less than it says.
    Degraded,
    /// It can match no event.
    Never,
}

/// One rule of a run: what became of it, why, and how much it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleStatus {
    /// The rule's id; the place of its file where it has none.
    pub id: String,
    /// What became of it.
    pub status: RunStatus,
    /// Why, where it did not simply run.
    pub reason: Option<String>,
    /// How many findings it made.
    pub findings: u64,
}

/// A finding that the user has accepted beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Suppressed {
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
    /// The entry of the list of accepted things that covers it.
    pub accepted_by: String,
}

/// A `table` rule's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleTable {
    /// The rule's id.
    pub rule_id: String,
    /// Its rows, in the order of its query.
    pub rows: Vec<Map<String, Value>>,
}

/// All that a run of the rules yields.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Detections {
    /// What was found, in [`Finding::order`].
    pub findings: Vec<Finding>,
    /// The answers of the `table` rules, by rule id.
    pub tables: Vec<RuleTable>,
    /// Every rule, by id.
    pub rules: Vec<RuleStatus>,
    /// What was found and accepted.
    pub suppressed: Vec<Suppressed>,
    /// What the `first-seen` rules saw, by rule, part and key.
    pub seen: Vec<Seen>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severities_are_words_in_order() {
        assert!(Severity::Info < Severity::Low && Severity::High < Severity::Critical);
        assert_eq!("informational".parse(), Ok(Severity::Info));
        for severity in Severity::ALL {
            assert_eq!(severity.to_string().parse(), Ok(severity));
            assert_eq!(serde_json::to_string(&severity).expect("a word"), format!("\"{severity}\""));
        }
        insta::assert_snapshot!("severe".parse::<Severity>().expect_err("no such word"),
            @"`severe` is no severity: use critical, high, medium, low or info");
    }
}
