//! Detection: the rules of `queries/` and the user's own, run over the events.
//!
//! [`Catalog`] loads rules and refuses what is wrong with them before any event is
//! read; [`detect`] runs them and yields [`Detections`]. A rule's condition is a
//! [`predicate`], its nested values are [`fields`]; windows and counts are ours, so
//! that they mean the same on every engine.
//!
//! Whether a finding's evidence is what AWS delivered is not known here: the
//! caller puts that in.

mod accept;
mod baseline;
mod catalog;
mod compile;
mod ends;
mod evidence;
pub mod fields;
mod finding;
mod first_seen;
mod hits;
mod kept;
mod matches;
mod owners;
pub mod predicate;
mod rounds;
mod rule;
mod rule_file;
mod scan;
mod select;
mod sequence;
mod single;
mod state;
mod template;
#[cfg(test)]
mod tests;
mod threshold;

use polars::prelude::DataFrame;
use rayon::prelude::*;

pub use accept::Accepted;
pub use baseline::{Baseline, SEEN_FILE, Seen};
pub use catalog::{AcceptedLists, BUILTIN_SOURCE, Catalog, CatalogOptions, CheckedRule};
pub use evidence::{Evidence, EvidenceKind, EvidenceList};
pub use finding::{Detections, Finding, Integrity, RuleStatus, RuleTable, RunStatus, Severity, Suppressed};
pub use rule::{Absent, Kind, KnownBy, Logic, Owner, RollUp, Rule, Sequence, SeverityRule, Step, Sum};
pub use template::Template;

use first_seen::FirstSeen;
use hits::Rows;
use kept::Taken;
use owners::Owners;
use sequence::LogEnds;
use threshold::Threshold;

use crate::error::Error;
use crate::frame::EventFrame;
use crate::schema::Column;
use crate::session::StateTable;
use crate::time::EventTime;

/// What a run of the rules needs besides the events.
#[derive(Debug, Clone, Copy)]
pub struct DetectOptions<'s> {
    /// The time before the period that is asked about.
    pub baseline: &'s Baseline,
    /// The tables of state that can be had.
    pub tables: &'s [StateTable<'s>],
}

impl Default for DetectOptions<'_> {
    /// Without a baseline and without tables.
    fn default() -> Self {
        static NO_BASELINE: Baseline = Baseline { until: None, seen: None };
        Self { baseline: &NO_BASELINE, tables: &[] }
    }
}

/// Runs the rules of `catalog` over `events`.
///
/// The answer depends neither on the order of the batches nor on the number of
/// threads. Insights events take no part. A rule that needs what is not there, and
/// a `table` rule whose statement fails, are listed as not run; the others go on.
///
/// # Errors
/// [`Error::Frame`] where the table engine fails.
pub fn detect(catalog: &Catalog, events: &EventFrame, options: &DetectOptions<'_>) -> Result<Detections, Error> {
    let start = if options.baseline.until.is_some() { first_time(events)? } else { None };
    let mut detections = Detections::default();
    let mut on_events: Vec<&Rule> = Vec::new();
    for rule in catalog.rules() {
        match &rule.logic {
            Logic::Table { sql } => detections.rules.push(table(rule, sql, events, &mut detections.tables)),
            Logic::State { table, .. } if options.tables.iter().any(|known| known.name == table) => {}
            Logic::State { table, .. } => detections.rules.push(not_run(rule, format!("the table `{table}` has not been made"))),
            _ => match options.baseline.refusal(rule, start) {
                Some(reason) => detections.rules.push(not_run(rule, reason)),
                None => on_events.push(rule),
            },
        }
    }
    for table in options.tables {
        for asked in state::ask(catalog.rules().iter(), table)? {
            detections.add(asked.rule, RuleFindings::of(asked.findings(table.columns)));
        }
    }
    let mut found = rounds::scan(&on_events, events, options.baseline.until)?;
    let ends = if on_events.iter().any(|rule| asks_for_log_ends(rule)) { LogEnds::of(events)? } else { LogEnds::default() };
    let owners = Owners::of(&on_events, events, options.baseline.until)?;
    let context = Context { baseline: options.baseline, ends: &ends, owners: &owners };
    let of_rule = |(rule, first): (&Rule, &usize)| found.matches.take((0..rule.conditions().len()).map(|part| first + part));
    let matches: Vec<Vec<Taken>> = on_events.iter().copied().zip(&found.first_ids).map(of_rule).collect();
    let kept = &found.matches;
    // Each rule's matches come when its findings are made, and go then.
    let made = on_events.par_iter().zip(matches).map(|(rule, matches)| {
        let matches = matches.into_iter().map(|taken| taken.read(kept)).collect::<Result<Vec<_>, _>>()?;
        let rows = matches.iter().map(|matches| Rows::of(matches)).collect::<Result<Vec<_>, _>>()?;
        Ok(context.findings(rule, matches.iter().zip(&rows).map(|(matches, rows)| hits::hits(matches, rows)).collect()))
    });
    for (rule, made) in on_events.iter().zip(made.collect::<Result<Vec<_>, Error>>()?) {
        detections.add(rule, made);
    }
    detections.rules.extend(catalog.left_out().iter().cloned());
    detections.rules.sort_by(|left, right| left.id.cmp(&right.id).then_with(|| left.reason.cmp(&right.reason)));
    detections.findings.sort_by(Finding::order);
    Ok(detections)
}

/// What one rule yields.
#[derive(Debug, Default)]
struct RuleFindings {
    findings: Vec<Finding>,
    /// Why it may have found less than there is.
    limit: Option<String>,
    seen: Vec<Seen>,
}

impl RuleFindings {
    fn of(findings: Vec<Finding>) -> Self {
        Self { findings, ..Self::default() }
    }
}

impl Detections {
    fn add(&mut self, rule: &Rule, made: RuleFindings) {
        let mut status = status(rule, made.findings.len());
        if let (RunStatus::Run, Some(limit)) = (status.status, made.limit) {
            status.status = RunStatus::Degraded;
            status.reason = Some(limit);
        }
        self.rules.push(status);
        self.findings.extend(made.findings);
        self.seen.extend(made.seen);
    }
}

/// What rules look at besides their own events.
#[derive(Debug, Clone, Copy)]
struct Context<'s> {
    baseline: &'s Baseline,
    ends: &'s LogEnds,
    owners: &'s Owners,
}

impl Context<'_> {
    /// The findings of a rule; `parts` are the events of each of its conditions.
    fn findings(self, rule: &Rule, mut parts: Vec<Vec<hits::Hit<'_>>>) -> RuleFindings {
        match &rule.logic {
            Logic::Single { roll_up, .. } => RuleFindings::of(single::findings(rule, parts.pop().unwrap_or_default(), roll_up.as_ref())),
            Logic::Threshold { by, within, at_least, distinct, or_sum, .. } => {
                let (distinct, or_sum) = (distinct.as_deref(), or_sum.as_ref());
                let threshold = Threshold { by, within: *within, at_least: *at_least, distinct, or_sum };
                RuleFindings::of(threshold::findings(rule, parts.pop().unwrap_or_default(), threshold))
            }
            Logic::Sequence(sequence) => {
                let (findings, limit) = sequence::findings(rule, sequence, parts, self.ends);
                RuleFindings { findings, limit, ..RuleFindings::default() }
            }
            Logic::FirstSeen { key, quiet_days, known_by, owner, .. } => {
                let keys = std::iter::once(key.as_slice()).chain(known_by.iter().map(|known| known.key.as_slice())).collect();
                let owner = owner.as_ref().map(|owner| (owner, self.owners));
                first_seen::findings(rule, &FirstSeen { keys, quiet_days: *quiet_days, owner, baseline: self.baseline }, parts)
            }
            Logic::State { .. } | Logic::Table { .. } => RuleFindings::default(),
        }
    }
}

/// The time of the first event that has one.
fn first_time(events: &EventFrame) -> Result<Option<EventTime>, Error> {
    let in_batch = |_, batch: &DataFrame| Ok(batch.column(Column::EventTime.name())?.datetime()?.physical().iter().flatten().min());
    let firsts = events.map(&[Column::EventTime], in_batch)?;
    Ok(firsts.into_iter().flatten().min().and_then(EventTime::from_micros))
}

/// Whether a rule judges by where the log of an account ends.
fn asks_for_log_ends(rule: &Rule) -> bool {
    matches!(&rule.logic, Logic::Sequence(sequence) if sequence.absent.as_ref().is_some_and(|absent| absent.within.is_some()))
}

fn not_run(rule: &Rule, reason: String) -> RuleStatus {
    RuleStatus { id: rule.id.to_string(), status: RunStatus::NotRun, reason: Some(reason), findings: 0 }
}

fn status(rule: &Rule, findings: usize) -> RuleStatus {
    let (status, reason) = match &rule.doubt {
        Some((status, reason)) => (*status, Some(reason.clone())),
        None => (RunStatus::Run, None),
    };
    RuleStatus { id: rule.id.to_string(), status, reason, findings: u64::try_from(findings).unwrap_or(u64::MAX) }
}

/// Runs a `table` rule and adds its rows to `tables`.
fn table(rule: &Rule, sql: &str, events: &EventFrame, tables: &mut Vec<RuleTable>) -> RuleStatus {
    let answer = events.lazy().map_err(Error::from).and_then(|events| crate::query::run(sql, &[("events", events)], None));
    match answer {
        Ok(frame) => {
            tables.push(RuleTable { rule_id: rule.id.to_string(), rows: crate::query::rows(&frame) });
            status(rule, 0)
        }
        Err(error) => not_run(rule, error.to_string()),
    }
}
