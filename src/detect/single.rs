//! Rules of kind `single`: each event that matches is a finding, or the events of
//! one key are rolled up into one finding a while.

use super::finding::Finding;
use super::hits::{Extra, Groups, Hit, finding};
use super::rule::{RollUp, Rule};
use crate::frame::Texts;

/// The findings of a `single` rule.
///
/// A rolled-up finding begins with an event and takes in the later ones of its key
/// until more than `every` has passed since that first one. The events of a key
/// that have no time make a finding of their own: no window can hold them, and
/// they must not be lost.
pub(super) fn findings(rule: &Rule, hits: Vec<Hit<'_>>, roll_up: Option<&RollUp>) -> Vec<Finding> {
    let mut objects = Texts::default();
    let mut found = |hits: &[Hit<'_>]| finding(rule, hits, &Extra::default(), &mut objects);
    let Some(roll_up) = roll_up else {
        return hits.iter().map(|hit| found(std::slice::from_ref(hit))).collect();
    };
    let mut findings = Vec::new();
    for group in Groups::of(hits, &roll_up.by).iter() {
        findings.extend(bursts(group, roll_up.every).map(&mut found));
    }
    findings
}

/// Cuts ordered hits where more than `every` seconds have passed since the first of a piece.
fn bursts<'h, 'm>(hits: &'h [Hit<'m>], every: i64) -> impl Iterator<Item = &'h [Hit<'m>]> {
    let mut rest = hits;
    std::iter::from_fn(move || {
        let first = rest.first()?.time;
        let inside = |hit: &&Hit<'m>| match (first, hit.time) {
            (Some(first), Some(time)) => time.epoch() - first.epoch() <= every,
            (None, None) => true,
            _ => false,
        };
        let (burst, after) = rest.split_at_checked(rest.iter().take_while(inside).count())?;
        rest = after;
        Some(burst)
    })
}
