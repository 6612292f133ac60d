//! Rules of kind `first-seen`: an event whose key was not there before the period,
//! or not for many days.

use std::collections::{BTreeMap, BTreeSet};

use super::RuleFindings;
use super::baseline::{Baseline, Sight, Sights, add, lines};
use super::finding::Finding;
use super::hits::{Extra, Hit, Value, finding};
use super::owners::Owners;
use super::predicate::Literal;
use super::rule::{Owner, Rule};
use crate::error::counted;
use crate::frame::Texts;
use crate::time::EventTime;

/// What a `first-seen` rule asks for.
#[derive(Debug, Clone)]
pub(super) struct FirstSeen<'r> {
    /// The key of the rule's own events, then those of `known_by`.
    pub(super) keys: Vec<&'r [String]>,
    /// For how many days a key must not have been there.
    pub(super) quiet_days: Option<u64>,
    /// Whose the key is, and the events of all owners.
    pub(super) owner: Option<(&'r Owner, &'r Owners)>,
    /// The time before.
    pub(super) baseline: &'r Baseline,
}

/// The sights of one key, in order.
#[derive(Debug, Default)]
struct Keyed<'m> {
    /// Each event, and the part of the rule that it matches.
    hits: Vec<(usize, Hit<'m>)>,
    /// What an earlier case knows, by part.
    sights: BTreeMap<usize, Sight>,
}

/// The findings of a `first-seen` rule, and what it saw; `parts` are the events of its own condition, then of `known_by`.
///
/// Events without a time, and those with a null in their key, take no part. An
/// event at the baseline's end is after it. A new key whose owner has too few events
/// in the baseline is held back, and the limit says so.
pub(super) fn findings(rule: &Rule, first_seen: &FirstSeen<'_>, parts: Vec<Vec<Hit<'_>>>) -> RuleFindings {
    let mut keyed: BTreeMap<Vec<Literal>, Keyed<'_>> = BTreeMap::new();
    let mut sights = first_seen.baseline.sights(rule).ok().flatten().unwrap_or_default();
    for ((part, key), sight) in &sights {
        if let Some(part) = (0..first_seen.keys.len()).find(|number| part_name(*number) == *part) {
            keyed.entry(key.clone()).or_default().sights.insert(part, *sight);
        }
    }
    for (part, (hits, names)) in parts.into_iter().zip(&first_seen.keys).enumerate() {
        for hit in hits {
            let key: Option<Vec<Literal>> = names.iter().map(|name| literal(hit.value(name))).collect();
            if let (Some(key), Some(_)) = (key, hit.time) {
                keyed.entry(key).or_default().hits.push((part, hit));
            }
        }
    }
    let mut findings = Vec::new();
    let mut objects = Texts::default();
    let mut thin = Thin::new();
    for (key, mut known) in keyed {
        known.hits.sort_by(|(_, left), (_, right)| left.order(right));
        note(&mut sights, &key, &known);
        match first_seen.quiet_days {
            Some(days) => findings.extend(returns(rule, &known, days, &mut objects)),
            None => {
                if let Some(hit) = first(&known, first_seen)
                    && !first_seen.holds_back(&hit, &sights, &mut thin)
                {
                    findings.push(finding(rule, &[hit], &Extra::default(), &mut objects));
                }
            }
        }
    }
    if let Some((owner, owners)) = first_seen.owner {
        for (name, tally) in owners.by(owner.of) {
            add(&mut sights, owner_key(name), tally.all);
        }
    }
    let limit = first_seen.owner.and_then(|(owner, _)| limit(owner, &thin));
    RuleFindings { findings, limit, seen: lines(rule, sights) }
}

/// The owners of new keys that were held back: how many events of theirs the baseline has, and how many keys there are.
type Thin = BTreeMap<Option<String>, (u64, u64)>;

impl FirstSeen<'_> {
    /// Whether the baseline has too few events of the key's owner to call the key new; nobody owns a key without one.
    fn holds_back(&self, hit: &Hit<'_>, sights: &Sights, thin: &mut Thin) -> bool {
        let Some((owner, owners)) = self.owner else { return false };
        let name = match hit.column(owner.of) {
            Value::Text(name) => Some(name),
            _ => None,
        };
        let events = name.map_or(0, |name| {
            let earlier = sights.get(&owner_key(name)).map_or(0, |sight| sight.count);
            earlier.saturating_add(owners.before(owner.of, name))
        });
        if events >= owner.at_least {
            return false;
        }
        thin.entry(name.map(str::to_owned)).or_insert((events, 0)).1 += 1;
        true
    }
}

/// The part and key under which an owner's events stand in `seen.jsonl`.
fn owner_key(name: &str) -> (String, Vec<Literal>) {
    ("owner".to_owned(), vec![Literal::Text(name.to_owned())])
}

/// How many owners with too short a baseline are named.
const NAMED_OWNERS: usize = 3;

/// What is to be said of the keys that were held back; nothing where none was.
fn limit(Owner { of, at_least }: &Owner, thin: &Thin) -> Option<String> {
    let named = thin.iter().take(NAMED_OWNERS);
    let mut owners: Vec<String> =
        named.map(|(name, (events, _))| format!("{} has {events}", name.as_deref().unwrap_or("an unnamed one"))).collect();
    if thin.len() > NAMED_OWNERS {
        owners.push(format!("and {} more", thin.len() - NAMED_OWNERS));
    }
    let keys = counted(thin.values().map(|(_, keys)| *keys).sum::<u64>(), "new key");
    (!thin.is_empty()).then(|| {
        format!("insufficient baseline: {keys} held back, as fewer than {at_least} events of the {of} lie in it: {}", owners.join(", "))
    })
}

/// The name of a part in `seen.jsonl`.
fn part_name(part: usize) -> String {
    if part == 0 { "where".to_owned() } else { format!("known_by {part}") }
}

fn literal(value: Value<'_>) -> Option<Literal> {
    match value {
        Value::Text(text) => Some(Literal::Text(text.to_owned())),
        Value::Int(number) => Some(Literal::Int(number)),
        Value::Flag(flag) => Some(Literal::Flag(flag)),
        Value::Null | Value::Time(_) | Value::List => None,
    }
}

/// Adds the events of a key to what was seen.
fn note(sights: &mut Sights, key: &[Literal], known: &Keyed<'_>) {
    for (part, hit) in &known.hits {
        if let Some(time) = hit.time {
            add(sights, (part_name(*part), key.to_vec()), Sight { first: time, last: time, count: hit.stands_for.into() });
        }
    }
}

/// The first event of a key after the baseline, if the key is new there.
fn first<'m>(known: &Keyed<'m>, first_seen: &FirstSeen<'_>) -> Option<Hit<'m>> {
    let before = |time: Option<EventTime>| first_seen.baseline.until.is_some_and(|until| time < Some(until));
    let mut earlier: BTreeSet<usize> = known.sights.keys().copied().collect();
    earlier.extend(known.hits.iter().filter(|(_, hit)| before(hit.time)).map(|(part, _)| *part));
    let is_known = first_seen.keys.len() == 1 || earlier.iter().any(|part| *part > 0);
    if earlier.contains(&0) || !is_known {
        return None;
    }
    known.hits.iter().find(|(part, hit)| *part == 0 && !before(hit.time)).map(|(_, hit)| *hit)
}

/// A finding for each event that comes after so many quiet days.
fn returns(rule: &Rule, known: &Keyed<'_>, days: u64, objects: &mut Texts) -> Vec<Finding> {
    let least = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(86_400);
    let mut findings = Vec::new();
    let mut before: Option<Hit<'_>> = None;
    for (place, (part, hit)) in known.hits.iter().enumerate() {
        // One event can match several parts; it is no earlier sight of itself.
        let next = known.hits.get(place + 1).map(|(_, next)| next.place());
        if *part == 0
            && let Some(time) = hit.time
            && let Some(seen) = last_sight(known, before, time)
            && time.epoch() - seen.epoch() >= least
        {
            let evidence: Vec<Hit<'_>> = before.filter(|before| before.time == Some(seen)).into_iter().chain([*hit]).collect();
            let quiet = (time.epoch() - seen.epoch()).div_euclid(86_400);
            let extra = Extra { last_seen: Some(seen), quiet, about: Some(*hit), ..Extra::default() };
            findings.push(finding(rule, &evidence, &extra, objects));
        }
        if next != Some(hit.place()) {
            before = Some(*hit);
        }
    }
    findings
}

/// The nearest earlier sight: the event before, or what an earlier case saw last.
///
/// Inside the time of the earlier case only its ends are known, so nothing is
/// called quiet there.
fn last_sight(known: &Keyed<'_>, before: Option<Hit<'_>>, time: EventTime) -> Option<EventTime> {
    if known.sights.values().any(|sight| sight.first <= time && time <= sight.last) {
        return None;
    }
    let earlier = known.sights.values().map(|sight| sight.last).filter(|last| *last < time);
    earlier.chain(before.and_then(|before| before.time)).max()
}
