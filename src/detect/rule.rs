//! [`Rule`]: what to look for, checked and ready to run; the one form that all
//! kinds of rule files become.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::fields::FieldPath;
use super::finding::{RunStatus, Severity};
use super::predicate::Predicate;
use super::template::Template;
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

    /// The kind of that name, if the engine can run it.
    pub(super) fn built(word: &str) -> Result<Self, String> {
        let Some(kind) = Self::ALL.into_iter().find(|kind| kind.name() == word) else {
            let names: Vec<_> = Self::ALL.iter().map(|kind| kind.name()).collect();
            return Err(format!("`{word}` is no kind of rule: use {}", names.join(", ")));
        };
        match kind {
            Self::Single | Self::Threshold | Self::Table => Ok(kind),
            Self::Sequence | Self::FirstSeen | Self::State => Err(format!("kind {kind} is not built yet")),
        }
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
    pub id: String,
    /// What it finds, in a few words.
    pub title: String,
    /// How bad that is.
    pub severity: SeverityRule,
    /// MITRE ATT&CK techniques.
    pub attack: Vec<String>,
    /// Controls of the CIS AWS Foundations Benchmark.
    pub cis: Vec<String>,
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
    pub false_positives: Vec<String>,
    /// What to do next.
    pub next_steps: Vec<String>,
    /// Where to read more.
    pub references: Vec<String>,
    /// Who wrote it, where it says so.
    pub author: Option<String>,
    /// Its licence, where it says so.
    pub license: Option<String>,
    /// `builtin`, or the path of its file.
    pub source: String,
    /// SHA-256 of the file's text, in lower-case hex.
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
    },
    /// A table for the report.
    Table {
        /// The statement over `events`.
        sql: String,
    },
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
    /// The id's first part: the whole catalogue of `ROOT` rules is one family.
    pub fn family(&self) -> &str {
        self.id.split('-').next().unwrap_or_default()
    }

    /// The kind that JSON shows.
    pub const fn kind(&self) -> Kind {
        match self.logic {
            Logic::Single { .. } => Kind::Single,
            Logic::Threshold { .. } => Kind::Threshold,
            Logic::Table { .. } => Kind::Table,
        }
    }

    /// The condition on single events, for the kinds that have one.
    pub const fn condition(&self) -> Option<&Predicate> {
        match &self.logic {
            Logic::Single { condition, .. } | Logic::Threshold { condition, .. } => Some(condition),
            Logic::Table { .. } => None,
        }
    }

    /// What makes matching events a finding, in words; `None` where each event is one.
    pub fn conditions(&self) -> Option<String> {
        match &self.logic {
            Logic::Single { roll_up, .. } => {
                let roll_up = roll_up.as_ref()?;
                Some(format!("one finding for each {} and {}", roll_up.by.join(", "), span_text(roll_up.every)))
            }
            Logic::Threshold { by, within, at_least, distinct, .. } => {
                let what = distinct.as_ref().map_or_else(|| "events".to_owned(), |name| format!("values of {name}"));
                let by = if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) };
                Some(format!("at least {at_least} {what}{by} within {}", span_text(*within)))
            }
            Logic::Table { .. } => None,
        }
    }

    /// The columns and fields whose values a finding needs, besides those that every finding has.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let (by, distinct) = match &self.logic {
            Logic::Single { roll_up: Some(roll_up), .. } => (roll_up.by.as_slice(), None),
            Logic::Threshold { by, distinct, .. } => (by.as_slice(), distinct.as_deref()),
            Logic::Single { roll_up: None, .. } | Logic::Table { .. } => (&[][..], None),
        };
        by.iter().map(String::as_str).chain(distinct).chain(self.message.iter().flat_map(Template::names))
    }

    /// The conditions of its severity, with their places among the levels.
    pub(super) fn level_conditions(&self) -> impl Iterator<Item = &Predicate> {
        self.severity.levels.iter().map(|(_, condition)| condition)
    }
}
