//! [`Rule`]: what to look for, checked and ready to run; the one form that all
//! kinds of rule files become.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::fields::FieldPath;
use super::finding::{RunStatus, Severity};
use super::predicate::Predicate;
use super::template::Template;
use crate::schema::Column;
use crate::time::span_text;

/// What a rule looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Each event that matches.
    Single,
    /// Many events in a window of time.
    Threshold,
    /// Events one after another.
    Sequence,
    /// An event whose key was not there before.
    FirstSeen,
    /// Rows of tables that other stages made.
    State,
    /// A table for the report, and no finding.
    Table,
}

impl Kind {
    const ALL: [Self; 6] = [Self::Single, Self::Threshold, Self::Sequence, Self::FirstSeen, Self::State, Self::Table];

    /// The word that rules and JSON use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Threshold => "threshold",
            Self::Sequence => "sequence",
            Self::FirstSeen => "first-seen",
            Self::State => "state",
            Self::Table => "table",
        }
    }

    /// The kind of that name.
    pub(super) fn built(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.name() == word).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            format!("`{word}` is no kind of rule: use {}", names.join(", "))
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A rule, checked and ready to run.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The id, such as `ROOT-002`.
    pub id: Arc<str>,
    /// The id's first part: the whole catalogue of `ROOT` rules is one family.
    pub family: Arc<str>,
    /// What it finds, in a few words.
    pub title: Arc<str>,
    /// How bad that is.
    pub severity: SeverityRule,
    /// MITRE ATT&CK techniques.
    pub attack: Arc<[String]>,
    /// Controls of the CIS AWS Foundations Benchmark.
    pub cis: Arc<[String]>,
    /// Why it matters.
    pub description: String,
    /// The nested values that it names.
    pub fields: BTreeMap<String, FieldPath>,
    /// What it looks for.
    pub logic: Logic,
    /// The condition or statement as it is written, for the reader.
    pub text: String,
    /// The finding's sentence; `None` for tables.
    pub message: Option<Template>,
    /// What else it may be.
    pub false_positives: Arc<[String]>,
    /// What to do next.
    pub next_steps: Arc<[String]>,
    /// Where to read more.
    pub references: Vec<String>,
    /// Who wrote it, where it says so.
    pub author: Option<Arc<str>>,
    /// Its licence, where it says so.
    pub license: Option<Arc<str>>,
    /// `builtin`, or the path of its file.
    pub source: Arc<str>,
    /// SHA-256 of the file's text, in lower-case hex; where `--set` gave parameters values, that of this hash and a line
    /// `NAME=VALUE` for each of them, in the order of the names.
    pub sha256: String,
    /// Its file, for messages.
    pub place: String,
    /// Why it finds nothing, or less than it says, where that shows without any event.
    pub doubt: Option<(RunStatus, String)>,
}

/// A rule's severity, which may depend on the event.
#[derive(Debug, Clone)]
pub struct SeverityRule {
    /// Where none of the conditions is true.
    pub default: Severity,
    /// Conditions for other severities, the worst first.
    pub levels: Vec<(Severity, Predicate)>,
}

/// What a rule looks for, by kind.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Logic {
    /// Each event that matches.
    Single {
        /// The condition.
        condition: Predicate,
        /// How matches are put together, if they are.
        roll_up: Option<RollUp>,
    },
    /// Many events in a window.
    Threshold {
        /// The condition on each event.
        condition: Predicate,
        /// The columns and fields whose values events of one window share; nulls are one value.
        by: Vec<String>,
        /// The window's length in seconds; both ends belong to it.
        within: i64,
        /// How many events or values a window has to hold.
        at_least: u64,
        /// The column or field whose values are counted in place of events; nulls are left out.
        distinct: Option<String>,
        /// A sum that fills a window too.
        or_sum: Option<Sum>,
    },
    /// Events one after another.
    Sequence(Sequence),
    /// An event whose key was not there before, or not for long.
    FirstSeen {
        /// The condition on the event.
        condition: Predicate,
        /// The columns and fields whose values are looked for in the past.
        key: Vec<String>,
        /// For how many days the key must not have been there; without it, never before the period.
        quiet_days: Option<u64>,
        /// Other events that make a key known.
        known_by: Vec<KnownBy>,
        /// Whose the key is, where the owner's baseline has to be long enough to call a key new.
        owner: Option<Owner>,
    },
    /// Rows of a table of state.
    State {
        /// The table's name.
        table: String,
        /// The condition on each row.
        condition: Predicate,
        /// The columns whose values rows of one finding share; empty where each row is a finding.
        by: Vec<String>,
    },
    /// A table for the report.
    Table {
        /// The statement over `events`.
        sql: String,
    },
}

/// A number of each event whose sum fills a window of a `threshold` rule.
#[derive(Debug, Clone)]
pub struct Sum {
    /// The column or field.
    pub of: String,
    /// The least sum.
    pub at_least: u64,
}

/// Events one after another.
#[derive(Debug, Clone)]
pub struct Sequence {
    /// What has to come, in order.
    pub steps: Vec<Step>,
    /// The columns and fields whose values all events share; nulls are one value.
    pub by: Vec<String>,
    /// How long after the first event the last one may be, in seconds.
    pub within: i64,
    /// Whether the steps have to come in their order.
    pub ordered: bool,
    /// What must not be around the last event.
    pub absent: Option<Absent>,
}

/// One step of a sequence.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its name in messages.
    pub name: String,
    /// The condition on each event, which may name what earlier steps bind.
    pub condition: Predicate,
    /// How many events it needs.
    pub at_least: u64,
    /// Whether a finding can do without it.
    pub optional: bool,
    /// The names that it gives to values of its last event: name, then column or field.
    pub bind: Vec<(String, String)>,
}

/// What must not be around the last event of a sequence.
#[derive(Debug, Clone)]
pub struct Absent {
    /// The condition on the event that must not be there.
    pub condition: Predicate,
    /// How long after the last event it must not be, in seconds.
    pub within: Option<i64>,
    /// How long before the last event it must not be, in seconds.
    pub before: Option<i64>,
}

/// Events that make a key of a `first-seen` rule known.
#[derive(Debug, Clone)]
pub struct KnownBy {
    /// The condition on the event.
    pub condition: Predicate,
    /// The columns and fields that stand for those of the rule's key.
    pub key: Vec<String>,
}

/// Whose the key of a `first-seen` rule is.
#[derive(Debug, Clone, Copy)]
pub struct Owner {
    /// The column that names the owner.
    pub of: Column,
    /// How many events the owner has to have in the baseline; with fewer, no key of theirs is called new.
    pub at_least: u64,
}

/// How matches of a `single` rule become one finding.
#[derive(Debug, Clone)]
pub struct RollUp {
    /// The columns and fields whose values the events share; nulls are one value.
    pub by: Vec<String>,
    /// How long a finding goes on after its first event, in seconds.
    pub every: i64,
}

impl Rule {
    /// The kind that JSON shows.
    pub const fn kind(&self) -> Kind {
        match self.logic {
            Logic::Single { .. } => Kind::Single,
            Logic::Threshold { .. } => Kind::Threshold,
            Logic::Sequence(_) => Kind::Sequence,
            Logic::FirstSeen { .. } => Kind::FirstSeen,
            Logic::State { .. } => Kind::State,
            Logic::Table { .. } => Kind::Table,
        }
    }

    /// The conditions that it lays on events: of a sequence, those of its steps and then what has to be
    /// absent; of `first-seen`, its own and then those of `known_by`.
    pub(super) fn conditions(&self) -> Vec<&Predicate> {
        match &self.logic {
            Logic::Single { condition, .. } | Logic::Threshold { condition, .. } => vec![condition],
            Logic::Sequence(Sequence { steps, absent, .. }) => {
                let steps = steps.iter().map(|step| &step.condition);
                steps.chain(absent.iter().map(|absent| &absent.condition)).collect()
            }
            Logic::FirstSeen { condition, known_by, .. } => {
                std::iter::once(condition).chain(known_by.iter().map(|known| &known.condition)).collect()
            }
            Logic::State { .. } | Logic::Table { .. } => Vec::new(),
        }
    }

    /// What makes matching events a finding, in words; `None` where each event is one.
    pub fn in_words(&self) -> Option<String> {
        match &self.logic {
            Logic::Single { roll_up, .. } => {
                let roll_up = roll_up.as_ref()?;
                Some(format!("one finding for each {} and {}", roll_up.by.join(", "), span_text(roll_up.every)))
            }
            Logic::Threshold { by, within, at_least, distinct, or_sum, .. } => {
                let what = distinct.as_ref().map_or_else(|| "events".to_owned(), |name| format!("values of {name}"));
                let sum = or_sum.as_ref().map(|Sum { of, at_least }| format!(", or a sum of {of} of at least {at_least},"));
                Some(format!("at least {at_least} {what}{}{} within {}", sum.unwrap_or_default(), by_text(by), span_text(*within)))
            }
            Logic::Sequence(sequence) => Some(sequence_text(sequence)),
            Logic::FirstSeen { key, quiet_days, known_by, owner, .. } => {
                let known = if known_by.is_empty() { "" } else { " and known from other events" };
                let key = key.join(", ");
                Some(match quiet_days {
                    Some(days) => format!("the first event of a {key} that was quiet for {days} days"),
                    None => format!("the first event of a {key} that is not in the baseline{known}{}", owner_text(owner.as_ref())),
                })
            }
            Logic::State { table, by, .. } => Some(format!("rows of the table {table}{}", by_text(by))),
            Logic::Table { .. } => None,
        }
    }

    /// The columns and fields whose values a finding needs, besides those that every finding has.
    pub(super) fn names(&self) -> Vec<&str> {
        let mut names: Vec<&String> = Vec::new();
        match &self.logic {
            Logic::Single { roll_up, .. } => names.extend(roll_up.iter().flat_map(|roll_up| &roll_up.by)),
            Logic::Threshold { by, distinct, or_sum, .. } => {
                names.extend(by.iter().chain(distinct).chain(or_sum.as_ref().map(|sum| &sum.of)));
            }
            Logic::Sequence(Sequence { steps, by, .. }) => {
                names.extend(by.iter().chain(steps.iter().flat_map(|step| step.bind.iter().map(|(_, source)| source))));
            }
            Logic::FirstSeen { key, known_by, .. } => names.extend(key.iter().chain(known_by.iter().flat_map(|known| &known.key))),
            Logic::State { .. } | Logic::Table { .. } => {}
        }
        let owner = match &self.logic {
            Logic::FirstSeen { owner: Some(owner), .. } => Some(owner.of.name()),
            _ => None,
        };
        names.into_iter().map(String::as_str).chain(owner).chain(self.message.iter().flat_map(Template::names)).collect()
    }

    /// The conditions of its severity, with their places among the levels.
    pub(super) fn level_conditions(&self) -> impl Iterator<Item = &Predicate> {
        self.severity.levels.iter().map(|(_, condition)| condition)
    }
}

fn owner_text(owner: Option<&Owner>) -> String {
    owner.map(|Owner { of, at_least }| format!(", where that has at least {at_least} events of the {of}")).unwrap_or_default()
}

fn by_text(by: &[String]) -> String {
    if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) }
}

fn sequence_text(sequence: &Sequence) -> String {
    let steps: Vec<String> = sequence
        .steps
        .iter()
        .map(|step| {
            let times = if step.at_least > 1 { format!("{} times ", step.at_least) } else { String::new() };
            let binds: Vec<String> = step.bind.iter().map(|(name, source)| format!(":{name} = {source}")).collect();
            let binds = if binds.is_empty() { String::new() } else { format!(" (binds {})", binds.join(", ")) };
            format!("{times}{}{binds}{}", step.name, if step.optional { " if there" } else { "" })
        })
        .collect();
    let (joint, order) = if sequence.ordered { (", then ", "") } else { (" and ", " in any order") };
    let within = if sequence.within > 0 { format!(" within {}", span_text(sequence.within)) } else { String::new() };
    let absent = sequence.absent.as_ref().map(|absent| {
        let after = absent.within.map(|within| format!("{} after", span_text(within)));
        let before = absent.before.map(|before| format!("{} before", span_text(before)));
        format!("; absent for {} the last", after.into_iter().chain(before).collect::<Vec<_>>().join(" and "))
    });
    format!("{}{order}{}{within}{}", steps.join(joint), by_text(&sequence.by), absent.unwrap_or_default())
}
