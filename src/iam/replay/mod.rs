//! Replays recorded calls over a [`State`](super::state::State): in which order, and what comes of each.

mod apply;
mod needs;
mod now;
mod proof;
mod ties;

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use rayon::prelude::*;

use super::change::{Change, KnownDocuments, changes_with};
use super::drift::Ordering;
use super::entity::EntityKey;
use super::event::{Actor, IamEvent};
use super::state::State;
use crate::frame::Map;
use crate::time::EventTime;
pub(super) use apply::{Applier, Step};
pub(super) use needs::{count, most, used};
pub(super) use now::Now;
pub(super) use proof::{Proof, SETTLED_SECONDS};
pub(super) use ties::Fact;
use ties::{Move, causal_rank, solve};

/// Events in the order of their times, each once.
#[derive(Debug)]
pub(super) struct Sorted<'e> {
    pub(super) events: Vec<&'e IamEvent>,
    /// Events that were there before, equal in all but their places.
    pub(super) duplicates: usize,
    /// Events whose id another one has with another body: account and id.
    pub(super) mismatches: Vec<(String, String)>,
}

/// Sorts events, and takes out what was delivered twice: overlapping trails do that.
pub(super) fn sorted(events: &[IamEvent]) -> Sorted<'_> {
    let mut ranked: Vec<(i8, &IamEvent)> = events.iter().map(|event| (causal_rank(event), event)).collect();
    ranked.sort_by(|(left_rank, left), (right_rank, right)| {
        (left.event_time, left_rank, &left.event_id, &left.recipient_account_id)
            .cmp(&(right.event_time, right_rank, &right.event_id, &right.recipient_account_id))
            .then_with(|| Body::of(left).cmp(&Body::of(right)))
            .then_with(|| left.place.cmp(&right.place))
    });
    let (mut firsts, mut others, mut mismatches) = (Map::default(), HashSet::new(), BTreeSet::new());
    let mut is_new: Vec<bool> = Vec::with_capacity(ranked.len());
    for (_, event) in ranked.iter().copied() {
        let id = (&*event.recipient_account_id, &*event.event_id);
        // Nearly all ids are there once, and to look at a whole body takes far longer than at an id.
        let is_first = match firsts.entry(id) {
            Entry::Vacant(place) => {
                place.insert(event);
                true
            }
            Entry::Occupied(first) => {
                let is_other = Body::of(first.get()) != Body::of(event) && others.insert((id.0, Body::of(event)));
                if is_other {
                    mismatches.insert((id.0.to_owned(), id.1.to_owned()));
                }
                is_other
            }
        };
        is_new.push(is_first);
    }
    let (all, mut is_new) = (ranked.len(), is_new.into_iter());
    let events: Vec<&IamEvent> = ranked.into_iter().filter(|_| is_new.next() == Some(true)).map(|(_, event)| event).collect();
    Sorted { duplicates: all - events.len(), events, mismatches: mismatches.into_iter().collect() }
}

/// All of an event but where it stands.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Body<'e> {
    texts: [&'e str; 3],
    event_time: EventTime,
    optional: [Option<&'e str>; 3],
    actor: &'e Actor,
}

impl<'e> Body<'e> {
    fn of(event: &'e IamEvent) -> Self {
        Self {
            texts: [&event.event_id, &event.event_source, &event.event_name],
            event_time: event.event_time,
            optional: [event.error_code.as_deref(), event.request_parameters.as_deref(), event.response_elements.as_deref()],
            actor: &event.actor,
        }
    }
}

/// Calls that have to do with each other, in the order in which they are to be applied.
#[derive(Debug)]
pub(super) struct Batch<'e> {
    /// The events, with what they changed.
    pub(super) events: Vec<(&'e IamEvent, Arc<[Change]>)>,
    pub(super) order: Ordering,
    /// What the order leaves open.
    pub(super) ambiguous: BTreeSet<Fact>,
}

/// An order for calls, by their places in the sorted list.
struct Ordered {
    calls: Vec<usize>,
    order: Ordering,
    ambiguous: BTreeSet<Fact>,
}

/// Hands out sorted events in batches, each solved over the state that those before it left.
pub(super) struct Schedule<'e> {
    events: &'e [&'e IamEvent],
    /// What events changed that were read and not handed out: those of the present second, and some after it.
    changes: Map<usize, Arc<[Change]>>,
    /// The first event that was not read.
    unread: usize,
    known: KnownDocuments,
    is_done: Vec<bool>,
    next: usize,
    /// Groups of events of the present second that share entities.
    groups: VecDeque<Vec<usize>>,
}

impl<'e> Schedule<'e> {
    pub(super) fn new(events: &'e [&'e IamEvent]) -> Self {
        Self {
            events,
            changes: Map::default(),
            unread: 0,
            known: KnownDocuments::default(),
            is_done: vec![false; events.len()],
            next: 0,
            groups: VecDeque::new(),
        }
    }

    /// The first event of what comes next, before it is handed out.
    pub(super) fn upcoming(&self) -> Option<&'e IamEvent> {
        let waiting = self.groups.iter().flatten().copied().find(|index| !self.is_taken(*index));
        let index = waiting.or_else(|| (self.next..self.events.len()).find(|index| !self.is_taken(*index)))?;
        self.events.get(index).copied()
    }

    /// The next batch.
    pub(super) fn next(&mut self, state: &State) -> Option<Batch<'e>> {
        loop {
            if let Some(mut group) = self.groups.pop_front() {
                group.retain(|index| !self.is_taken(*index));
                if group.is_empty() {
                    continue;
                }
                let ordered = self.ordered(state, group);
                return Some(self.taken(ordered));
            }
            let second = self.second();
            if second.is_empty() {
                return None;
            }
            self.groups = self.grouped(state, second).into();
        }
    }

    /// The calls of an order, which are not handed out again.
    fn taken(&mut self, ordered: Ordered) -> Batch<'e> {
        let Ordered { calls, order, ambiguous } = ordered;
        let mut events = Vec::with_capacity(calls.len());
        for index in calls {
            if let (Some(done), Some(event)) = (self.is_done.get_mut(index), self.events.get(index)) {
                *done = true;
                let changes = self.changes.remove(&index).unwrap_or_else(|| changes_with(event, &self.known).into());
                events.push((*event, changes));
            }
        }
        Batch { events, order, ambiguous }
    }

    fn is_taken(&self, index: usize) -> bool {
        self.is_done.get(index).copied().unwrap_or(true)
    }

    /// The events of the next second.
    fn second(&mut self) -> Vec<usize> {
        let Some(first) = self.events.get(self.next) else { return Vec::new() };
        let start = self.next;
        let all = self.events.iter().skip(start).take_while(|event| event.event_time.epoch() == first.event_time.epoch()).count();
        self.next += all;
        self.read_ahead();
        (start..self.next).collect()
    }

    /// Reads what the events of the next second changed, and those after them, side by side.
    fn read_ahead(&mut self) {
        if self.unread >= self.next {
            return;
        }
        let (first, end) = (self.unread, self.next.saturating_add(READ_AHEAD).min(self.events.len()));
        let events = self.events.get(first..end).unwrap_or_default();
        let read: Vec<Arc<[Change]>> = events.par_iter().map(|event| changes_with(event, &self.known).into()).collect();
        for (index, changes) in (first..).zip(read).filter(|(index, _)| !self.is_taken(*index)).collect::<Vec<_>>() {
            self.changes.entry(index).or_insert(changes);
        }
        self.unread = end;
    }

    /// Groups of events of which the place of one may depend on that of another; in the order of their first events.
    fn grouped(&mut self, state: &State, second: Vec<usize>) -> Vec<Vec<usize>> {
        if second.len() == 1 {
            return vec![second];
        }
        let moves: Vec<Move> = second.iter().filter_map(|index| self.moved(state, *index)).collect();
        let mut joined = Joined((0..second.len()).collect());
        let (mut changed, mut turned, mut keys) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for (place, call) in moves.iter().enumerate() {
            for key in call.changed() {
                joined.join(*changed.entry(key).or_insert(place), place);
            }
            turned.extend(call.turned().into_iter().map(|key| (key, place)));
            keys.extend(call.keys().map(|key| (key, place)));
        }
        for (place, call) in moves.iter().enumerate() {
            let others = call.named().filter_map(|key| turned.get(key));
            let witnessed = call.witnessed().and_then(|key| changed.get(&key));
            let signer = call.signer().and_then(|key| keys.get(key));
            for other in others.chain(witnessed).chain(signer) {
                joined.join(*other, place);
            }
        }
        let mut groups: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (place, index) in second.into_iter().enumerate() {
            groups.entry(joined.first(place)).or_default().push(index);
        }
        groups.into_values().collect()
    }

    fn ordered(&mut self, state: &State, group: Vec<usize>) -> Ordered {
        let plain = |calls, order| Ordered { calls, order, ambiguous: BTreeSet::new() };
        if group.len() > MAX_TIED {
            return plain(group, Ordering::SameSecond);
        }
        let moves = self.all_moved(state, &group);
        let order = match moves.iter().filter(|call| call.is_change()).count() {
            0 => return plain(group, Ordering::Exact),
            1 => Ordering::Exact,
            _ => Ordering::SameSecond,
        };
        if let Some(solved) = solve(state, &moves) {
            return Ordered { calls: picked(&group, &solved.calls), order, ambiguous: solved.ambiguous };
        }
        let longer = self.with_repairs(state, &group, &moves);
        if longer.len() > group.len() && longer.len() <= MAX_TIED {
            let moves = self.all_moved(state, &longer);
            if let Some(solved) = solve(state, &moves) {
                return plain(picked(&longer, &solved.calls), Ordering::Reordered);
            }
        }
        plain(group, order)
    }

    /// The group with the calls on the same entities of the seconds after it.
    fn with_repairs(&mut self, state: &State, group: &[usize], moves: &[Move]) -> Vec<usize> {
        let changed: BTreeSet<EntityKey> = moves.iter().flat_map(Move::changed).collect();
        let named: BTreeSet<EntityKey> = moves.iter().filter(|call| call.is_change()).flat_map(Move::named).cloned().collect();
        let last = group.last().and_then(|index| self.events.get(*index)).map_or(0, |event| event.event_time.epoch());
        let after = self.events.iter().enumerate().skip(self.next).take(MAX_AHEAD);
        let near = after.take_while(|(_, event)| event.event_time.epoch().saturating_sub(last) <= REPAIR_SECONDS);
        let near: Vec<usize> = near.map(|(index, _)| index).filter(|index| !self.is_taken(*index)).collect();
        let repairs = |index: &usize| self.moved(state, *index).is_some_and(|call| call.is_change() && call.meets(&changed, &named));
        let found: Vec<usize> = near.into_iter().filter(repairs).collect();
        group.iter().copied().chain(found).collect()
    }

    fn all_moved(&mut self, state: &State, calls: &[usize]) -> Vec<Move> {
        calls.iter().filter_map(|index| self.moved(state, *index)).collect()
    }

    fn moved(&mut self, state: &State, index: usize) -> Option<Move> {
        let event = *self.events.get(index)?;
        // Documents are costly to read, and what a call changed does not depend on the state.
        let changes = self.changes.entry(index).or_insert_with(|| changes_with(event, &self.known).into());
        Some(Move::of(state, event, changes.clone()))
    }
}

/// Sets of places, each named by its first; entry n leads from place n towards that.
struct Joined(Vec<usize>);

impl Joined {
    fn first(&mut self, mut place: usize) -> usize {
        loop {
            let next = self.0.get(place).copied().unwrap_or(place);
            if next == place {
                return place;
            }
            // Each step halves the way for the next time.
            let after = self.0.get(next).copied().unwrap_or(next);
            if let Some(entry) = self.0.get_mut(place) {
                *entry = after;
            }
            place = after;
        }
    }

    fn join(&mut self, left: usize, right: usize) {
        let (left, right) = (self.first(left), self.first(right));
        if let Some(entry) = self.0.get_mut(left.max(right)) {
            *entry = left.min(right);
        }
    }
}

fn picked(group: &[usize], places: &[usize]) -> Vec<usize> {
    places.iter().filter_map(|place| group.get(*place).copied()).collect()
}

/// How far ahead a call is looked for that makes an impossible order possible: times are those of requests, and calls
/// take effect later.
const REPAIR_SECONDS: i64 = 5;

/// Calls of one second on the same entities that are put in order; more of them are taken in the order of a rule over
/// their names. The longest such run in a published set of real events has 6.
const MAX_TIED: usize = 64;

/// Events whose changes are read before their second comes.
const READ_AHEAD: usize = 4_096;

/// Events that are looked at for repairs.
const MAX_AHEAD: usize = 1_000;

#[cfg(test)]
mod tests;
