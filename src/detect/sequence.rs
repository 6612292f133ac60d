//! Rules of kind `sequence`: events one after another, that share a key and fit
//! together by the values that earlier ones bind.
//!
//! Times within a sequence are compared as the log has them, and events of one
//! moment are in order whichever way round they stand; spans are whole seconds,
//! closed at both ends, as for thresholds.

mod absence;
mod ordered;
mod test;
mod unordered;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use polars::prelude::DataFrame;

use super::finding::Finding;
use super::hits::{Extra, Hit, Value, finding};
use super::rule::{Rule, Sequence};
use crate::error::Error;
use crate::frame::{EventFrame, Texts};
use crate::schema::Column;
use absence::Absence;
use ordered::Ordered;
use test::Tests;
use unordered::Unordered;

/// How many ways to go on are tried for one event. Each way has bound values of its own, so
/// an honest log has few; a log that is made to have many must not cost their square.
const MAX_TRIES: usize = 1_000;

/// Where the log of each account ends, in seconds since 1970.
#[derive(Debug, Default)]
pub(super) struct LogEnds(HashMap<Option<String>, i64>);

impl LogEnds {
    /// The time of the last event of each account, whatever it is.
    ///
    /// # Errors
    /// [`Error::Frame`] where the table engine fails.
    pub(super) fn of(events: &EventFrame) -> Result<Self, Error> {
        let in_batch = |_, batch: &DataFrame| {
            let accounts = batch.column(Column::RecipientAccountId.name())?.str()?;
            let times = batch.column(Column::EventTime.name())?.datetime()?.physical();
            let mut ends: HashMap<Option<&str>, i64> = HashMap::new();
            for (account, micros) in accounts.iter().zip(times.iter()) {
                let Some(epoch) = micros.map(|micros| micros.div_euclid(1_000_000)) else { continue };
                let end = ends.entry(account).or_insert(epoch);
                *end = (*end).max(epoch);
            }
            Ok(ends.into_iter().map(|(account, epoch)| (account.map(str::to_owned), epoch)).collect::<Vec<_>>())
        };
        let add = |all: &mut Self, ends: Vec<(Option<String>, i64)>| {
            for (account, epoch) in ends {
                let end = all.0.entry(account).or_insert(epoch);
                *end = (*end).max(epoch);
            }
        };
        events.fold(&[Column::RecipientAccountId, Column::EventTime], Self::default(), in_batch, add)
    }

    /// Whether the log of the event's account goes on for so many seconds after it.
    fn covers(&self, hit: &Hit<'_>, seconds: i64) -> bool {
        let account = match hit.column(Column::RecipientAccountId) {
            Value::Text(account) => Some(account.to_owned()),
            _ => None,
        };
        self.0.get(&account).is_some_and(|end| *end >= hit.epoch().saturating_add(seconds))
    }
}

/// An event that can stand for some steps.
#[derive(Debug, Clone, Copy)]
struct Event<'m> {
    hit: Hit<'m>,
    /// A bit for each step that it can stand for, and one more for what has to be absent.
    roles: u32,
}

impl Event<'_> {
    const fn has(&self, role: usize) -> bool {
        self.roles & bit(role) != 0
    }
}

/// The bit of a role: a step, of which there are 16 at most, or the absence after them.
const fn bit(role: usize) -> u32 {
    1 << role
}

/// The events of a finding: for each step, its events' places in the group.
#[derive(Debug, Clone, Default)]
struct Chosen {
    steps: Vec<BTreeSet<usize>>,
}

/// What was found in the events of one key.
#[derive(Debug, Default)]
struct Outcome {
    chosen: Vec<Chosen>,
    /// For how many events not all ways were tried.
    cut: u64,
}

/// What all searches of one rule share.
#[derive(Debug)]
struct Search<'r, 'm> {
    sequence: &'r Sequence,
    tests: &'r Tests<'r>,
    events: &'r [Event<'m>],
    absence: Absence<'r, 'm>,
}

/// The findings of a `sequence` rule, and why they may be too few, if they may; `parts` are the events of
/// its steps, then of what has to be absent.
pub(super) fn findings(rule: &Rule, sequence: &Sequence, parts: Vec<Vec<Hit<'_>>>, ends: &LogEnds) -> (Vec<Finding>, Option<String>) {
    let tests = Tests::new(sequence);
    let mut groups: BTreeMap<Vec<Value<'_>>, Vec<Event<'_>>> = BTreeMap::new();
    for event in merged(parts) {
        groups.entry(sequence.by.iter().map(|name| event.hit.value(name)).collect()).or_default().push(event);
    }
    let mut findings = Vec::new();
    let mut objects = Texts::default();
    let mut cut = 0;
    for events in groups.values() {
        let absence = Absence::new(sequence, &tests, events, ends);
        let search = Search { sequence, tests: &tests, events, absence };
        let outcome = if sequence.ordered { Ordered::run(&search) } else { Unordered::run(&search) };
        cut += outcome.cut;
        findings.extend(outcome.chosen.iter().filter_map(|chosen| made(rule, sequence, events, chosen, &mut objects)));
    }
    let reason = || format!("for {cut} events more than {MAX_TRIES} earlier values were at hand, and only the nearest were tried");
    (findings, (cut > 0).then(reason))
}

/// Each event once, in order, with all that it can stand for; events without a time take no part.
fn merged(parts: Vec<Vec<Hit<'_>>>) -> Vec<Event<'_>> {
    let mut places: HashMap<(Value<'_>, Value<'_>), usize> = HashMap::new();
    let mut events: Vec<Event<'_>> = Vec::new();
    for (role, hits) in parts.into_iter().enumerate() {
        for hit in hits.into_iter().filter(|hit| hit.time.is_some()) {
            let place = *places.entry(hit.place()).or_insert(events.len());
            match events.get_mut(place) {
                Some(event) => event.roles |= bit(role),
                None => events.push(Event { hit, roles: bit(role) }),
            }
        }
    }
    events.sort_by(|left, right| left.hit.order(&right.hit));
    events
}

fn made(rule: &Rule, sequence: &Sequence, events: &[Event<'_>], chosen: &Chosen, objects: &mut Texts) -> Option<Finding> {
    let hits = |places: &BTreeSet<usize>| places.iter().filter_map(|place| events.get(*place)).map(|event| event.hit).collect::<Vec<_>>();
    let all = hits(&chosen.steps.iter().flatten().copied().collect());
    let steps = sequence.steps.iter().zip(&chosen.steps);
    let steps = steps.map(|(step, places)| (step.name.as_str(), hits(places))).collect();
    (!all.is_empty()).then(|| finding(rule, &all, &Extra { steps, ..Extra::default() }, objects))
}
