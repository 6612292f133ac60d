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
mod catalog;
mod compile;
pub mod fields;
mod finding;
mod hits;
pub mod predicate;
mod rule;
mod rule_file;
mod scan;
mod single;
mod template;
#[cfg(test)]
mod tests;
mod threshold;

use rayon::prelude::*;

pub use accept::Accepted;
pub use catalog::{BUILTIN_SOURCE, Catalog, CatalogOptions, CheckedRule};
pub use finding::{Detections, Evidence, EvidenceKind, Finding, Integrity, RuleStatus, RuleTable, RunStatus, Severity, Suppressed};
pub use rule::{Kind, Logic, RollUp, Rule, SeverityRule};
pub use template::Template;

use hits::Rows;
use scan::{Matches, Plan};
use threshold::Threshold;

use crate::error::Error;
use crate::frame::EventFrame;

/// Runs the rules of `catalog` over `events`.
///
/// The answer depends neither on the order of the batches nor on the number of
/// threads. Insights events take no part. A `table` rule whose statement fails is
/// listed as not run; the others go on.
///
/// # Errors
/// [`Error::Frame`] where the table engine fails.
pub fn detect(catalog: &Catalog, events: &EventFrame) -> Result<Detections, Error> {
    let on_events: Vec<&Rule> = catalog.rules().iter().filter(|rule| rule.condition().is_some()).collect();
    let plan = Plan::new(&on_events)?;
    // In parallel, as planning takes as long as a small batch; the answers come in the batches' order.
    let scanned = events.batches().par_iter().map(|batch| plan.scan(batch)).collect::<Result<Vec<_>, _>>()?;
    let matches: Vec<Matches> = scanned.into_iter().flatten().collect();
    let rows = matches.iter().map(|matches| Rows::new(&matches.frame)).collect::<Result<Vec<_>, _>>()?;
    let found: Vec<Vec<Finding>> =
        on_events.par_iter().enumerate().map(|(number, rule)| findings(rule, hits::hits(&matches, &rows, number))).collect();

    let mut detections = Detections::default();
    for (rule, findings) in on_events.iter().zip(found) {
        detections.rules.push(status(rule, findings.len()));
        detections.findings.extend(findings);
    }
    for rule in catalog.rules() {
        if let Logic::Table { sql } = &rule.logic {
            detections.rules.push(table(rule, sql, events, &mut detections.tables));
        }
    }
    detections.rules.extend(catalog.left_out().iter().cloned());
    detections.rules.sort_by(|left, right| left.id.cmp(&right.id).then_with(|| left.reason.cmp(&right.reason)));
    detections.findings.sort_by(Finding::order);
    Ok(detections)
}

fn findings(rule: &Rule, hits: Vec<hits::Hit<'_>>) -> Vec<Finding> {
    match &rule.logic {
        Logic::Single { roll_up, .. } => single::findings(rule, hits, roll_up.as_ref()),
        Logic::Threshold { by, within, at_least, distinct, .. } => {
            let threshold = Threshold { by, within: *within, at_least: *at_least, distinct: distinct.as_deref() };
            threshold::findings(rule, hits, threshold)
        }
        Logic::Table { .. } => Vec::new(),
    }
}

fn status(rule: &Rule, findings: usize) -> RuleStatus {
    let (status, reason) = match &rule.doubt {
        Some((status, reason)) => (*status, Some(reason.clone())),
        None => (RunStatus::Run, None),
    };
    RuleStatus { id: rule.id.clone(), status, reason, findings: u64::try_from(findings).unwrap_or(u64::MAX) }
}

/// Runs a `table` rule and adds its rows to `tables`.
fn table(rule: &Rule, sql: &str, events: &EventFrame, tables: &mut Vec<RuleTable>) -> RuleStatus {
    let answer = crate::query::run(sql, &[("events", events.to_frame())], None);
    match answer {
        Ok(frame) => {
            tables.push(RuleTable { rule_id: rule.id.clone(), rows: crate::query::rows(&frame) });
            status(rule, 0)
        }
        Err(error) => {
            let reason = Some(error.to_string());
            RuleStatus { id: rule.id.clone(), status: RunStatus::NotRun, reason, findings: 0 }
        }
    }
}
