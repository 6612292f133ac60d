//! The baseline: what was seen before the period that is asked about, as events
//! before a moment or as what an earlier case has left in `seen.jsonl`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::predicate::Literal;
use super::rule::{Logic, Rule};
use crate::error::Error;
use crate::time::EventTime;

/// The file of a case folder that says what was seen.
pub const SEEN_FILE: &str = "seen.jsonl";

/// The largest `seen.jsonl` that is read, in bytes: some million keys.
const MAX_SEEN_BYTES: u64 = 1 << 30;

/// What is known of the time before.
#[derive(Debug, Clone, Default)]
pub struct Baseline {
    /// Events before it are the baseline.
    pub until: Option<EventTime>,
    /// What an earlier case saw.
    pub seen: Option<Vec<Seen>>,
}

/// One key that a `first-seen` rule saw.
///
/// Each rule has one line more, without a key, so that a rule which saw nothing is
/// told from one that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// The rule's id.
    pub rule_id: String,
    /// [`Rule::sha256`] of the rule as it ran.
    pub rule_sha256: String,
    /// `where`, `known_by` with the entry's number from 1, or `owner` for all events of a key's owner; `None` in the
    /// rule's own line.
    pub part: Option<String>,
    /// The key's values.
    pub key: Vec<Literal>,
    /// When it was first seen.
    pub first: Option<EventTime>,
    /// When it was last seen.
    pub last: Option<EventTime>,
    /// How often it was seen.
    pub count: u64,
}

/// When a key was seen in an earlier case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    pub(super) first: EventTime,
    pub(super) last: EventTime,
    pub(super) count: u64,
}

/// What an earlier case saw for one rule: by part and key.
pub(super) type Sights = BTreeMap<(String, Vec<Literal>), Sight>;

impl Baseline {
    /// Reads what the case in `folder` saw.
    ///
    /// # Errors
    /// [`Error::Io`] where there is no `seen.jsonl`, [`Error::Setting`] with the line that cannot be read.
    pub fn read_case(folder: &Path) -> Result<Vec<Seen>, Error> {
        let path = folder.join(SEEN_FILE);
        let failed = |cause| Error::io("read", &path, cause);
        let refuse = |reason: String| Error::setting(format!("--baseline-case {}", folder.display()), reason);
        if fs::metadata(&path).map_err(failed)?.len() > MAX_SEEN_BYTES {
            return Err(refuse(format!("{SEEN_FILE} has more than {MAX_SEEN_BYTES} bytes")));
        }
        let text = fs::read_to_string(&path).map_err(failed)?;
        let read = |(number, line): (usize, &str)| {
            serde_json::from_str(line).map_err(|error| refuse(format!("{SEEN_FILE} line {}: {error}", number + 1)))
        };
        text.lines().enumerate().map(read).collect()
    }

    /// Whether there is a time before.
    pub const fn is_given(&self) -> bool {
        self.until.is_some() || self.seen.is_some()
    }

    /// What the earlier case saw for a rule, `None` where there is no earlier case.
    ///
    /// # Errors
    /// A sentence where the case knows nothing of the rule as it is now.
    pub(super) fn sights(&self, rule: &Rule) -> Result<Option<Sights>, String> {
        let Some(seen) = &self.seen else { return Ok(None) };
        let mut lines = seen.iter().filter(|seen| seen.rule_id == *rule.id).peekable();
        if lines.peek().is_none() {
            return Err("the case of --baseline-case did not run this rule".to_owned());
        }
        let mut sights = Sights::new();
        for line in lines {
            if line.rule_sha256 != rule.sha256 {
                return Err("the case of --baseline-case ran another version of this rule".to_owned());
            }
            if let (Some(part), Some(first), Some(last)) = (&line.part, line.first, line.last) {
                add(&mut sights, (part.clone(), line.key.clone()), Sight { first, last, count: line.count });
            }
        }
        Ok(Some(sights))
    }

    /// Why a rule cannot run without more of a baseline; `None` where it can.
    ///
    /// `start` is the time of the first event. Where no event lies before the
    /// baseline's end, everything would be new, which says nothing.
    pub(super) fn refusal(&self, rule: &Rule, start: Option<EventTime>) -> Option<String> {
        match &rule.logic {
            Logic::FirstSeen { quiet_days: None, .. } if !self.is_given() => {
                Some("needs a baseline: give --baseline-until TIME or --baseline-case DIR".to_owned())
            }
            Logic::FirstSeen { quiet_days: None, .. } if self.seen.is_none() && start >= self.until => {
                Some("needs a baseline: no event lies before --baseline-until".to_owned())
            }
            Logic::FirstSeen { .. } => self.sights(rule).err(),
            _ => None,
        }
    }
}

/// Adds a sight to those of its key.
pub(super) fn add(sights: &mut Sights, key: (String, Vec<Literal>), sight: Sight) {
    let known = sights.entry(key).or_insert(Sight { count: 0, ..sight });
    known.first = known.first.min(sight.first);
    known.last = known.last.max(sight.last);
    known.count = known.count.saturating_add(sight.count);
}

/// The lines of a rule, its own first.
pub(super) fn lines(rule: &Rule, sights: Sights) -> Vec<Seen> {
    let own = Seen {
        rule_id: rule.id.to_string(),
        rule_sha256: rule.sha256.clone(),
        part: None,
        key: Vec::new(),
        first: None,
        last: None,
        count: 0,
    };
    let line = |((part, key), sight): ((String, Vec<Literal>), Sight)| Seen {
        part: Some(part),
        key,
        first: Some(sight.first),
        last: Some(sight.last),
        count: sight.count,
        ..own.clone()
    };
    std::iter::once(own.clone()).chain(sights.into_iter().map(line)).collect()
}
