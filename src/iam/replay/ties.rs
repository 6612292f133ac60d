//! The order of calls that one second holds.
//!
//! `CloudTrail` writes whole seconds, and neither the order of files nor the order in a file means anything. So an order
//! is looked for in which AWS would have let each of the calls succeed that did; and, where there is one, in which those
//! that were refused had to be, and callers were there with their keys when they called.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::attribute::{Attribute, Field, Value};
use super::super::change::{Change, Effect, caller};
use super::super::entity::{EntityKey, EntityRef};
use super::super::event::IamEvent;
use super::super::state::State;
use super::now::Now;
use super::proof::Proof;
use super::{apply, needs};
use crate::time::EventTime;

/// An attribute of an entity by its name.
pub(in crate::iam) type Fact = (EntityKey, Attribute);

/// A call as far as its place among others depends on it.
#[derive(Debug)]
pub(super) struct Move {
    time: EventTime,
    changes: Arc<[Change]>,
    /// Whom each change concerns, as far as state tells.
    subjects: Vec<EntityRef>,
    /// Others that it names, or that go with what it takes away.
    named: BTreeSet<EntityKey>,
    /// Of a call that was refused: what that proves.
    proof: Option<Proof>,
    caller: Option<Caller>,
}

/// Who calls, and the long-term key that signs.
#[derive(Debug)]
struct Caller {
    entity: EntityKey,
    key: Option<Attribute>,
}

/// An order that works.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Order {
    /// The calls, by their places in what was given.
    pub(super) calls: Vec<usize>,
    /// What other orders that work leave with other values.
    pub(super) ambiguous: BTreeSet<Fact>,
}

impl Move {
    /// What a call with these changes asks and makes.
    pub(super) fn of(state: &State, event: &IamEvent, changes: Arc<[Change]>) -> Self {
        let now = Now::of(state, event.event_time);
        let subjects: Vec<EntityRef> = changes.iter().map(|change| apply::subject(state, &change.subject)).collect();
        let mut named = BTreeSet::new();
        for (subject, change) in subjects.iter().zip(changes.iter()) {
            if let Effect::Set { attribute, value, .. } = &change.effect {
                let held = now.value(&subject.key(), attribute);
                let all = [value, &held].map(|value| needs::used(subject, attribute, value));
                named.extend(all.into_iter().flatten().map(|used| used.key()));
            }
        }
        let caller = caller(event).filter(|_| !event.has_failed()).map(|entity| Caller {
            entity: entity.key(),
            key: event.actor.access_key_id.as_deref().map(|key| Attribute::keyed(Field::AccessKey, key)),
        });
        Self { time: event.event_time, proof: Proof::of(&now, event), changes, subjects, named, caller }
    }

    /// Whether it changed something.
    pub(super) fn is_change(&self) -> bool {
        !self.changes.is_empty()
    }

    /// The entities that it changes, by all names that they have from it.
    pub(super) fn changed(&self) -> BTreeSet<EntityKey> {
        let mut found: BTreeSet<EntityKey> = self.subjects.iter().map(EntityRef::key).collect();
        found.extend(self.turned());
        found
    }

    /// Those among them that it makes, deletes or renames.
    pub(super) fn turned(&self) -> Vec<EntityKey> {
        let each = self.subjects.iter().zip(self.changes.iter()).flat_map(|(subject, change)| match &change.effect {
            Effect::Create { .. } | Effect::Delete { .. } => vec![subject.key()],
            Effect::Rename { name: Some(name), .. } => vec![subject.key(), EntityRef { name: name.clone(), ..subject.clone() }.key()],
            _ => Vec::new(),
        });
        each.collect()
    }

    /// Others that it has to do with where these are made, deleted or renamed.
    pub(super) fn named(&self) -> impl Iterator<Item = &EntityKey> {
        self.named.iter().chain(self.caller.iter().map(|caller| &caller.entity))
    }

    /// Whom it tells something of where that is changed.
    pub(super) fn witnessed(&self) -> Option<EntityKey> {
        self.proof.as_ref().map(|proof| proof.entity().key())
    }

    /// The access keys that it changes.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Attribute> {
        self.changes.iter().filter_map(|change| match &change.effect {
            Effect::Set { attribute, .. } if attribute.field == Field::AccessKey => Some(attribute),
            _ => None,
        })
    }

    /// The access key that signs it.
    pub(super) fn signer(&self) -> Option<&Attribute> {
        self.caller.as_ref().and_then(|caller| caller.key.as_ref())
    }

    /// Whether both have to do with an entity that one of them changes.
    pub(super) fn meets(&self, changed: &BTreeSet<EntityKey>, named: &BTreeSet<EntityKey>) -> bool {
        let own = self.changed();
        own.iter().any(|key| changed.contains(key) || named.contains(key)) || self.named.iter().any(|key| changed.contains(key))
    }

    /// Its effects on their subjects.
    fn effects(&self) -> impl Iterator<Item = (&EntityRef, &Effect)> {
        self.subjects.iter().zip(self.changes.iter().map(|change| &change.effect))
    }

    /// The attributes that it gives values.
    fn writes(&self, state: &State) -> Vec<(Fact, Value)> {
        let mut now = Now::of(state, self.time);
        for (subject, effect) in self.effects() {
            now.make(subject, effect);
        }
        let written = now.values().filter(|(_, attribute, _)| attribute.field != Field::Exists);
        written.map(|(holder, attribute, value)| ((holder.clone(), attribute.clone()), value.clone())).collect()
    }
}

/// An order in which each call can succeed, the earliest in the given order; `None` where there is none, or it was not found
/// within [`MAX_STEPS`].
pub(super) fn solve(state: &State, moves: &[Move]) -> Option<Order> {
    let mut search = Search::new(state, moves)?;
    let is_found = search.run(None) || {
        // Times are those of requests, and IAM is eventually consistent: what was not to succeed tells less than what did.
        (search.heeds_witnesses, search.steps) = (false, 0);
        search.run(None)
    };
    let calls = is_found.then(|| search.calls.clone())?;
    let ambiguous = if calls.len() > 1 { search.ambiguous(&calls) } else { BTreeSet::new() };
    Some(Order { calls, ambiguous })
}

/// What a rule over names puts first among calls of one second: what makes parents, what makes and uses children,
/// what takes them away, and what deletes parents.
pub(super) fn causal_rank(name: &str) -> i8 {
    let begins = |words: &[&str]| words.iter().any(|word| name.starts_with(word));
    match name {
        "CreateUser" | "CreateRole" | "CreateGroup" | "CreatePolicy" | "CreateInstanceProfile" => -1,
        "DeleteUser" | "DeleteRole" | "DeleteGroup" | "DeletePolicy" | "DeleteInstanceProfile" | "DeleteVirtualMFADevice" => 9,
        _ if begins(&["Create", "Upload"]) => 0,
        _ if begins(&["Put", "Attach", "Add", "Enable", "Tag"]) => 1,
        _ if begins(&["Deactivate", "Untag", "Detach", "Remove", "Disable"]) => 3,
        _ if begins(&["Delete"]) => 4,
        _ => 2,
    }
}

/// A writer that is to be the last of some.
#[derive(Debug, Clone, Copy)]
struct Last<'w> {
    writer: usize,
    all: &'w [(usize, Value)],
}

struct Search<'m> {
    now: Now<'m>,
    state: &'m State,
    moves: &'m [Move],
    calls: Vec<usize>,
    /// Whether refused calls and callers have to be possible too.
    heeds_witnesses: bool,
    /// Entities and keys of which the calls themselves decide whether they are there.
    turned: BTreeSet<EntityKey>,
    keys: BTreeSet<&'m Attribute>,
    steps: usize,
}

impl<'m> Search<'m> {
    fn new(state: &'m State, moves: &'m [Move]) -> Option<Self> {
        Some(Self {
            now: Now::of(state, moves.first()?.time),
            state,
            moves,
            calls: Vec::new(),
            heeds_witnesses: true,
            turned: moves.iter().flat_map(Move::turned).collect(),
            keys: moves.iter().flat_map(Move::keys).collect(),
            steps: 0,
        })
    }

    /// Looks for an order, with the steps that those before it left.
    fn run(&mut self, last: Option<Last<'_>>) -> bool {
        self.now.reset(0);
        self.calls.clear();
        self.extend(last)
    }

    fn extend(&mut self, last: Option<Last<'_>>) -> bool {
        let moves = self.moves;
        if self.calls.len() == moves.len() {
            return true;
        }
        for (index, call) in moves.iter().enumerate() {
            if self.calls.contains(&index) {
                continue;
            }
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return false;
            }
            let mark = self.now.mark();
            if self.is_due(index, last) && self.place(call) {
                self.calls.push(index);
                if self.extend(last) {
                    return true;
                }
                self.calls.pop();
            }
            self.now.reset(mark);
        }
        false
    }

    fn is_due(&self, index: usize, last: Option<Last<'_>>) -> bool {
        last.is_none_or(|last| last.writer != index || last.all.iter().all(|(other, _)| *other == index || self.calls.contains(other)))
    }

    /// Takes a call for done, as far as it is possible; false where it is not.
    fn place(&mut self, call: &Move) -> bool {
        if self.heeds_witnesses {
            let is_proven = call.proof.as_ref().is_none_or(|proof| proof.is_possible(&self.now));
            if !is_proven || !call.caller.as_ref().is_none_or(|caller| self.may_call(caller)) {
                return false;
            }
        }
        for (subject, effect) in call.effects() {
            if needs::refuses(&self.now, subject, effect) {
                return false;
            }
            self.now.make(subject, effect);
        }
        true
    }

    fn may_call(&self, Caller { entity, key }: &Caller) -> bool {
        let is_there = !self.turned.contains(entity) || self.now.exists(entity) != Some(false);
        let works = |key: &Attribute| {
            let value = self.now.value(entity, key);
            !self.keys.contains(key) || (value != Value::Absent && value.as_text() != Some("Inactive"))
        };
        is_there && key.as_ref().is_none_or(works)
    }

    /// The attributes that the calls of the order just found give several values, of which more than one can be the last. Where that is not found out
    /// within [`MAX_STEPS`], it is taken for so.
    fn ambiguous(&mut self, calls: &[usize]) -> BTreeSet<Fact> {
        let mut writers: BTreeMap<Fact, Vec<(usize, Value)>> = BTreeMap::new();
        for (index, call) in calls.iter().filter_map(|index| Some((*index, self.moves.get(*index)?))) {
            for (fact, value) in call.writes(self.state) {
                writers.entry(fact).or_default().push((index, value));
            }
        }
        // What hangs on an entity that is gone is gone with it.
        writers.retain(|(entity, _), _| self.now.exists(entity) != Some(false));
        let mut found = BTreeSet::new();
        self.steps = 0;
        for (fact, all) in writers {
            let Some((_, held)) = all.last() else { continue };
            let others: Vec<usize> = all.iter().filter(|(_, value)| value != held).map(|(writer, _)| *writer).collect();
            if others.into_iter().any(|writer| self.run(Some(Last { writer, all: &all })) || self.steps > MAX_STEPS) {
                found.insert(fact);
            }
        }
        found
    }
}

/// Calls that are tried one after another; a hostile second could hold any number of orders. Sixty-four calls of which each
/// can come in the given order take as many, and those of which each has to come in the reverse take 2,080.
const MAX_STEPS: usize = 5_000;
