//! The scans of a run. Most conditions are looked for in one scan. A step of a
//! sequence that wants a column to equal a bound value waits until the events that
//! bind it are known, and is looked for among their values only: without that,
//! `user_access_key_id = :key` would keep every event of the log.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::ends::Ends;
use super::hits::{Rows, Value};
use super::kept::Kept;
use super::matches::Matches;
use super::predicate::{Literal, Literals, Operand, Predicate};
use super::rule::{Logic, Rule, Sequence};
use super::scan::{Plan, Watch};
use crate::error::Error;
use crate::frame::EventFrame;
use crate::time::EventTime;

/// All matches of the conditions of some rules.
#[derive(Debug)]
pub(super) struct Found {
    /// The matches of each condition, by its id, batch by batch.
    pub(super) matches: Kept,
    /// For each rule, the id of its first condition; the others follow it.
    pub(super) first_ids: Vec<usize>,
}

/// A condition that waits for bound values.
#[derive(Debug)]
struct Waiting<'r> {
    watch: Watch<'r>,
    wants: Vec<Want<'r>>,
}

/// A value that has to be one of those that another condition's matches bind.
#[derive(Debug)]
struct Want<'r> {
    /// The event's own value.
    value: &'r Operand,
    /// The condition whose matches bind it.
    binder: usize,
    /// The column or field that they bind.
    source: &'r str,
}

/// Finds all matches of the rules' conditions; `until` is the end of the baseline.
pub(super) fn scan(rules: &[&Rule], events: &EventFrame, until: Option<EventTime>) -> Result<Found, Error> {
    let mut first_ids = Vec::new();
    let mut waiting = Vec::new();
    let mut next = 0;
    for rule in rules {
        first_ids.push(next);
        for (place, condition) in rule.conditions().into_iter().enumerate() {
            let watch = Watch { rule, id: next + place, condition: condition.alone(), ends: ends(rule, place, until) };
            waiting.push(Waiting { watch, wants: wants(rule, condition, next) });
        }
        next += rule.conditions().len();
    }
    let mut matches = Kept::default();
    while !waiting.is_empty() {
        let open: BTreeSet<usize> = waiting.iter().map(|waiting| waiting.watch.id).collect();
        let (ready, later): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|waiting| waiting.wants.iter().all(|want| !open.contains(&want.binder)));
        waiting = later;
        if ready.is_empty() {
            // Steps bind only for later ones, so some condition is always ready.
            break;
        }
        let plan = Plan::new(with_values(ready, &matches)?);
        let add = |kept: &mut Result<Kept, Error>, found: Vec<Matches>| {
            let added = kept.as_mut().map_or(Ok(()), |kept| found.into_iter().try_for_each(|matches| kept.add(matches)));
            if let Err(error) = added {
                *kept = Err(error);
            }
        };
        matches = events.fold_coded(&plan.columns(), Ok(matches), |_, batch| plan.scan(batch), add)??;
    }
    Ok(Found { matches, first_ids })
}

fn ends(rule: &Rule, place: usize, until: Option<EventTime>) -> Option<Ends<'_>> {
    let Logic::FirstSeen { key, known_by, .. } = &rule.logic else { return None };
    let key = place.checked_sub(1).and_then(|place| known_by.get(place)).map_or(key, |known| &known.key);
    Some(Ends { key, until })
}

/// The values that a condition waits for; `first` is the id of the rule's first condition.
fn wants<'r>(rule: &'r Rule, condition: &'r Predicate, first: usize) -> Vec<Want<'r>> {
    let Logic::Sequence(Sequence { steps, .. }) = &rule.logic else { return Vec::new() };
    let want = |(value, name): (&'r Operand, &str)| {
        let bound = steps.iter().enumerate().flat_map(|(step, form)| form.bind.iter().map(move |(known, source)| (step, known, source)));
        let (step, _, source) = bound.into_iter().find(|(_, known, _)| *known == name)?;
        Some(Want { value, binder: first + step, source })
    };
    condition.conjuncts().into_iter().filter_map(Predicate::equality).filter_map(want).collect()
}

/// The conditions with the values that they waited for.
fn with_values<'r>(ready: Vec<Waiting<'r>>, matches: &Kept) -> Result<Vec<Watch<'r>>, Error> {
    let mut known: BTreeMap<(usize, &str), Literals> = BTreeMap::new();
    let mut watches = Vec::new();
    for Waiting { mut watch, wants } in ready {
        let mut parts = vec![watch.condition];
        for Want { value, binder, source } in wants {
            let literals = match known.entry((binder, source)) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(bound(source, binder, matches)?),
            };
            parts.push(Predicate::Among(value.clone(), literals.clone()));
        }
        watch.condition = Predicate::All(parts);
        watches.push(watch);
    }
    Ok(watches)
}

/// The distinct values that the matches of a condition bind.
fn bound(source: &str, binder: usize, matches: &Kept) -> Result<Literals, Error> {
    let mut known: BTreeSet<Literal> = BTreeSet::new();
    matches.each(binder, |matches| {
        let rows = Rows::of_batch(matches)?;
        let values: BTreeSet<Value<'_>> = matches.rows.iter().map(|found| rows.value(found.row(), source)).collect();
        known.extend(values.into_iter().filter_map(literal));
        Ok(())
    })?;
    Ok(known.into_iter().collect())
}

fn literal(value: Value<'_>) -> Option<Literal> {
    match value {
        Value::Text(text) => Some(Literal::Text(text.to_owned())),
        Value::Int(number) => Some(Literal::Int(number)),
        Value::Flag(flag) => Some(Literal::Flag(flag)),
        Value::Null | Value::Time(_) | Value::List => None,
    }
}
