//! The order of calls that one second holds.
//!
//! `CloudTrail` writes whole seconds, and neither the order of files nor the order in a file means anything. So an order
//! is looked for in which AWS would have let each of the calls succeed.

use std::collections::{BTreeMap, BTreeSet};

use super::super::attribute::{Attribute, Field, Value};
use super::super::change::{Change, Effect, Implies};
use super::super::entity::{EntityKey, EntityRef};
use super::super::event::IamEvent;
use super::super::state::State;
use super::{apply, needs};

/// An attribute of an entity by its name.
pub(in crate::iam) type Fact = (EntityKey, Attribute);

/// What a call needs and makes.
#[derive(Debug, Default)]
pub(super) struct Move {
    needs: Vec<(Fact, bool)>,
    /// Entities that nothing may hang on.
    bare: Vec<EntityRef>,
    makes: Vec<(Fact, Value)>,
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
    /// What the changes of a call need and make, as far as state tells whom they concern.
    pub(super) fn of(state: &State, changes: &[Change]) -> Self {
        let mut all = Self::default();
        for change in changes {
            let subject = apply::subject(state, &change.subject);
            all.add(&subject, &change.effect);
        }
        all
    }

    /// The entities that it has to do with.
    pub(super) fn entities(&self) -> impl Iterator<Item = &EntityKey> {
        let needed = self.needs.iter().map(|((entity, _), _)| entity);
        needed.chain(self.makes.iter().map(|((entity, _), _)| entity))
    }

    fn add(&mut self, subject: &EntityRef, effect: &Effect) {
        let key = subject.key();
        let exists = |key: &EntityKey| (key.clone(), Attribute::plain(Field::Exists));
        match effect {
            Effect::Create { .. } => {
                self.need(exists(&key), false);
                self.make(exists(&key), Value::Present);
                return;
            }
            Effect::Delete { implies } => {
                if *implies == Implies::Present {
                    self.need(exists(&key), true);
                }
                self.bare.push(subject.clone());
                self.make(exists(&key), Value::Absent);
                return;
            }
            Effect::Rename { name: Some(name), .. } => {
                let renamed = EntityRef { name: name.clone(), ..subject.clone() };
                self.need(exists(&key), true);
                self.need(exists(&renamed.key()), false);
                self.make(exists(&key), Value::Absent);
                self.make(exists(&renamed.key()), Value::Present);
                return;
            }
            Effect::Set { attribute, value, implies } => {
                let fact = (key.clone(), attribute.clone());
                match implies {
                    Implies::Nothing => {}
                    Implies::Absent => self.need(fact.clone(), false),
                    Implies::Present => self.need(fact.clone(), true),
                }
                // Whoever has the attribute need not be known yet: it may be made in this second too.
                let used = needs::used(subject, attribute, value).filter(|_| value.presence() == Some(true));
                if let Some(used) = used {
                    self.need(exists(&used.key()), true);
                }
                self.make(fact, value.clone());
            }
            Effect::AddVersion { version: Some(version), document, is_default } => {
                self.make((key.clone(), Attribute::keyed(Field::Version, version)), document.clone());
                if *is_default {
                    self.make((key.clone(), Attribute::plain(Field::DefaultVersion)), Value::text(version));
                }
            }
            Effect::SetDefault { version } => {
                self.need((key.clone(), Attribute::keyed(Field::Version, version)), true);
                self.make((key.clone(), Attribute::plain(Field::DefaultVersion)), Value::text(version));
            }
            _ => {}
        }
        if subject.kind.has_lifetime() {
            self.need(exists(&key), true);
        }
    }

    /// What an earlier part of the same call makes, it does not need.
    fn need(&mut self, fact: Fact, presence: bool) {
        if !self.makes.iter().any(|(made, _)| *made == fact) {
            self.needs.push((fact, presence));
        }
    }

    fn make(&mut self, fact: Fact, value: Value) {
        self.makes.push((fact, value));
    }
}

/// An order in which each call can succeed, the earliest in the given order; `None` where there is none, or it was not found
/// within [`MAX_STEPS`].
pub(super) fn solve(state: &State, moves: &[Move]) -> Option<Order> {
    let mut search = Search { state, moves, made: BTreeMap::new(), calls: Vec::new(), steps: 0 };
    let is_found = search.extend();
    let calls = is_found.then_some(search.calls)?;
    Some(Order { calls, ambiguous: ambiguous(state, moves) })
}

/// What a rule over names puts first among calls of one second: what makes parents, what makes and uses children,
/// what takes them away, and what deletes parents.
pub(super) fn causal_rank(event: &IamEvent) -> i8 {
    let name = event.event_name.as_str();
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

struct Search<'m> {
    state: &'m State,
    moves: &'m [Move],
    made: BTreeMap<Fact, Vec<Value>>,
    calls: Vec<usize>,
    steps: usize,
}

impl Search<'_> {
    fn extend(&mut self) -> bool {
        if self.calls.len() == self.moves.len() {
            return true;
        }
        for (index, call) in self.moves.iter().enumerate() {
            if self.calls.contains(&index) || !self.is_possible(call) {
                continue;
            }
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return false;
            }
            for (fact, value) in &call.makes {
                self.made.entry(fact.clone()).or_default().push(value.clone());
            }
            self.calls.push(index);
            if self.extend() {
                return true;
            }
            self.calls.pop();
            for (fact, _) in &call.makes {
                self.made.get_mut(fact).map(Vec::pop);
            }
        }
        false
    }

    fn is_possible(&self, call: &Move) -> bool {
        call.needs.iter().all(|(fact, wanted)| self.presence(fact).is_none_or(|presence| presence == *wanted))
            && call.bare.iter().all(|entity| self.is_bare(entity))
    }

    fn presence(&self, (entity, attribute): &Fact) -> Option<bool> {
        match self.made.get(&(entity.clone(), attribute.clone())).and_then(|made| made.last()) {
            Some(value) => value.presence(),
            None => held(self.state, entity, attribute).presence(),
        }
    }

    /// Nothing hangs on it that was there and is not taken away, or was made since.
    fn is_bare(&self, entity: &EntityRef) -> bool {
        let made = |((holder, attribute), values): (&Fact, &Vec<Value>)| {
            values.last().is_some_and(|value| value.presence() == Some(true)) && needs::stands_in_way(holder, attribute, entity)
        };
        if self.made.iter().any(made) {
            return false;
        }
        let Some(id) = self.state.find(entity) else { return true };
        let own = needs::hanging(self.state, id).into_iter().map(|attribute| (id, attribute));
        own.chain(needs::naming(self.state, id)).all(|(holder, attribute)| {
            let holder = self.state.entity(holder).map(|holder| holder.reference.key());
            holder.is_none_or(|holder| self.made.get(&(holder, attribute)).is_some_and(|made| made.last() == Some(&Value::Absent)))
        })
    }
}

/// What is held of a fact before the second.
fn held(state: &State, entity: &EntityKey, attribute: &Attribute) -> Value {
    let reference = EntityRef::named(entity.kind, "aws", &entity.account, &entity.name);
    match state.find(&reference) {
        Some(id) => state.value(id, attribute),
        None if attribute.field == Field::Exists => state.existence(&reference),
        None => Value::Unknown,
    }
}

/// The facts that calls give several values, of which more than one can be the last.
fn ambiguous(state: &State, moves: &[Move]) -> BTreeSet<Fact> {
    let mut writers: BTreeMap<&Fact, Vec<Writer<'_>>> = BTreeMap::new();
    for call in moves {
        for (fact, value) in call.makes.iter().filter(|((_, attribute), _)| attribute.field != Field::Exists) {
            let needs = call.needs.iter().find(|(needed, _)| needed == fact).map(|(_, wanted)| *wanted);
            writers.entry(fact).or_default().push(Writer { needs, value });
        }
    }
    let contested = writers
        .into_iter()
        .filter(|(_, writers)| writers.iter().any(|writer| writers.first().is_some_and(|first| first.value != writer.value)));
    let is_made = |entity: &EntityKey| {
        let exists = (entity.clone(), Attribute::plain(Field::Exists));
        moves.iter().flat_map(|call| &call.makes).any(|(fact, value)| *fact == exists && *value == Value::Present)
    };
    let is_open = |(fact, writers): &(&Fact, Vec<Writer<'_>>)| {
        // What is made in this second begins with nothing.
        let start = if is_made(&fact.0) { Some(false) } else { held(state, &fact.0, &fact.1).presence() };
        // Of many writers, all but the first few are taken for free to come last.
        writers.len() > MAX_WRITERS || last_values(start, writers).len() > 1
    };
    contested.filter(is_open).map(|(fact, _)| fact.clone()).collect()
}

#[derive(Clone, Copy)]
struct Writer<'m> {
    needs: Option<bool>,
    value: &'m Value,
}

/// The values that can be the last one, over all orders of the writers that work.
fn last_values<'m>(start: Option<bool>, writers: &[Writer<'m>]) -> Vec<&'m Value> {
    let mut found: Vec<&Value> = Vec::new();
    for (index, writer) in writers.iter().enumerate().filter(|(_, writer)| fits(writer.needs, start)) {
        let others: Vec<Writer<'_>> = writers.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, writer)| *writer).collect();
        let last = if others.is_empty() { vec![writer.value] } else { last_values(writer.value.presence(), &others) };
        for value in last {
            if !found.contains(&value) {
                found.push(value);
            }
        }
    }
    found
}

fn fits(needs: Option<bool>, presence: Option<bool>) -> bool {
    needs.is_none_or(|needs| presence.is_none_or(|presence| presence == needs))
}

/// Calls that are tried one after another; a hostile second could hold any number of orders.
const MAX_STEPS: usize = 5_000;

/// Writers of one attribute in one second whose orders are all tried: 120 of them.
const MAX_WRITERS: usize = 5;
