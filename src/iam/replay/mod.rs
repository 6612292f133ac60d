//! Replays recorded calls over a [`State`](super::state::State): in which order, and what comes of each.

mod apply;
mod needs;
mod now;
mod proof;
mod ties;

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, Scope, ScopedJoinHandle};

use rayon::prelude::*;

use super::change::{Change, KnownDocuments, changes_with};
use super::drift::Ordering;
use super::entity::EntityKey;
use super::event::{Actor, IamEvent};
use super::events::IamEvents;
use super::state::State;
use crate::error::Error;
use crate::frame::Map;
use crate::spool::{at_once, spoiled};
use crate::time::EventTime;
pub(super) use apply::{Applier, Step};
pub(super) use needs::{count, most, used};
pub(super) use now::Now;
pub(super) use proof::{Proof, SETTLED_SECONDS};
pub(super) use ties::Fact;
use ties::{Move, causal_rank, solve};

/// The order of replay, in which each event is there once.
#[derive(Debug)]
pub(super) struct Sorted {
    /// The places of the events.
    pub(super) order: Vec<usize>,
    /// Events that were there before, equal in all but their places.
    pub(super) duplicates: usize,
    /// Events whose id another one has with another body: account and id.
    pub(super) mismatches: Vec<(String, String)>,
}

/// Sorts events, and takes out what was delivered twice: overlapping trails do that.
pub(super) fn sorted(events: &IamEvents) -> Result<Sorted, Error> {
    let ranks: Vec<i8> = events.names().map(causal_rank).collect();
    let key = |place: &usize| (events.time(*place), ranks.get(*place), events.start(*place));
    let mut places: Vec<usize> = (0..events.len()).collect();
    places.sort_by_key(key);
    let mut order = Vec::with_capacity(places.len());
    for run in places.chunk_by(|left, right| key(left) == key(right)) {
        if let [place] = run {
            order.push(*place);
            continue;
        }
        let mut read = read(events, run.iter().copied())?;
        read.sort_by(|(_, left), (_, right)| {
            (&left.event_id, &left.recipient_account_id)
                .cmp(&(&right.event_id, &right.recipient_account_id))
                .then_with(|| Body::of(left).cmp(&Body::of(right)))
                .then_with(|| left.place.cmp(&right.place))
        });
        order.extend(read.into_iter().map(|(place, _)| place));
    }
    let Repeated { indices, mismatches } = Repeated::of(events, &order)?;
    let mut index = 0..;
    order.retain(|_| index.next().is_none_or(|index| !indices.contains(&index)));
    Ok(Sorted { order, duplicates: indices.len(), mismatches: mismatches.into_iter().collect() })
}

/// What is more than once in an order of events.
#[derive(Debug, Default)]
struct Repeated {
    /// The places in the order of events that are equal to one before them.
    indices: HashSet<usize>,
    /// Accounts and ids that have more than one body.
    mismatches: BTreeSet<(String, String)>,
}

impl Repeated {
    fn of(events: &IamEvents, order: &[usize]) -> Result<Self, Error> {
        let mut identities: Vec<(Option<u64>, usize)> = order.iter().map(|place| events.identity(*place)).zip(0..).collect();
        identities.sort_unstable();
        let mut repeated = Self::default();
        // Nearly all ids are there once, and to read a whole event takes far longer than to look at an id.
        for alike in identities.chunk_by(|left, right| left.0 == right.0).filter(|alike| alike.len() > 1) {
            let indices = alike.iter().map(|(_, index)| *index);
            let read = read(events, indices.clone().filter_map(|index| order.get(index).copied()))?;
            let (mut ids, mut bodies) = (HashSet::new(), HashSet::new());
            for (index, (_, event)) in indices.zip(&read) {
                let id = (&*event.recipient_account_id, &*event.event_id);
                let is_known = !ids.insert(id);
                if !bodies.insert((id.0, Body::of(event))) {
                    repeated.indices.insert(index);
                } else if is_known {
                    repeated.mismatches.insert((id.0.to_owned(), id.1.to_owned()));
                }
            }
        }
        Ok(repeated)
    }
}

/// Events with their places.
fn read(events: &IamEvents, places: impl Iterator<Item = usize>) -> Result<Vec<(usize, IamEvent)>, Error> {
    places.filter_map(|place| events.get(place).map(|event| Some((place, event?))).transpose()).collect()
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
pub(super) struct Batch {
    /// The events, with what they changed.
    pub(super) events: Vec<Call>,
    pub(super) order: Ordering,
    /// What the order leaves open.
    pub(super) ambiguous: BTreeSet<Fact>,
}

/// An event, with what it changed.
type Call = (IamEvent, Arc<[Change]>);

/// An order for calls, by their indices in that of replay.
struct Ordered {
    calls: Vec<usize>,
    order: Ordering,
    ambiguous: BTreeSet<Fact>,
}

/// Events that were read at once.
type Read = Result<Vec<Call>, Error>;

/// Does some work with the batches of an order, of which another thread reads the events meanwhile.
///
/// # Errors
/// That of the work, and where the system gives no thread.
pub(super) fn with_schedule<T>(
    events: &IamEvents,
    order: &[usize],
    work: impl FnOnce(Schedule<'_>) -> Result<T, Error>,
) -> Result<T, Error> {
    let (sender, calls) = sync_channel(QUEUED);
    thread::scope(|scope| {
        spawned(scope, move || read_all(events, order, &sender))?;
        work(Schedule::new(events, order, calls))
    })
}

/// A thread of its own for some work.
///
/// # Errors
/// Where the system gives none.
pub(super) fn spawned<'s, T: Send + 's>(
    scope: &'s Scope<'s, '_>,
    work: impl FnOnce() -> T + Send + 's,
) -> Result<ScopedJoinHandle<'s, T>, Error> {
    let refused = |cause: io::Error| Error::setting("threads", format!("the system gives no more of them: {cause}"));
    thread::Builder::new().name("replay".to_owned()).spawn_scoped(scope, work).map_err(refused)
}

/// Reads events side by side, some at a time, until all are read or nobody wants more.
fn read_all(events: &IamEvents, order: &[usize], sender: &SyncSender<Read>) {
    let known = KnownDocuments::default();
    let call = |place: &usize| {
        let event = events.get(*place)?.ok_or_else(spoiled)?;
        let changes = changes_with(&event, &known).into();
        Ok((event, changes))
    };
    let mut rest = order;
    while !rest.is_empty() {
        let count = at_once(rest.iter().map_while(|place| events.span(*place)));
        let (places, later) = rest.split_at(count.min(rest.len()));
        if sender.send(places.par_iter().map(call).collect()).is_err() {
            return;
        }
        rest = later;
    }
}

/// Hands out sorted events in batches, each solved over the state that those before it left.
pub(super) struct Schedule<'e> {
    events: &'e IamEvents,
    order: &'e [usize],
    /// Events that were read, in their order.
    calls: Receiver<Read>,
    /// Those that were not handed out: of the present second, and some after it.
    read: Map<usize, Call>,
    /// The first event that was not read.
    unread: usize,
    is_done: Vec<bool>,
    next: usize,
    /// Groups of events of the present second that share entities.
    groups: VecDeque<Vec<usize>>,
}

impl<'e> Schedule<'e> {
    fn new(events: &'e IamEvents, order: &'e [usize], calls: Receiver<Read>) -> Self {
        Self { events, order, calls, read: Map::default(), unread: 0, is_done: vec![false; order.len()], next: 0, groups: VecDeque::new() }
    }

    /// The time of the first event of what comes next, before it is handed out.
    pub(super) fn upcoming(&self) -> Option<EventTime> {
        let waiting = self.groups.iter().flatten().copied().find(|index| !self.is_taken(*index));
        self.time(waiting.or_else(|| (self.next..self.order.len()).find(|index| !self.is_taken(*index)))?)
    }

    fn time(&self, index: usize) -> Option<EventTime> {
        self.events.time(*self.order.get(index)?)
    }

    fn epoch(&self, index: usize) -> Option<i64> {
        self.time(index).map(EventTime::epoch)
    }

    /// The next batch.
    pub(super) fn next(&mut self, state: &State) -> Result<Option<Batch>, Error> {
        loop {
            if let Some(mut group) = self.groups.pop_front() {
                group.retain(|index| !self.is_taken(*index));
                if group.is_empty() {
                    continue;
                }
                let ordered = self.ordered(state, group);
                return Ok(Some(self.taken(ordered)));
            }
            let second = self.second()?;
            if second.is_empty() {
                return Ok(None);
            }
            self.groups = self.grouped(state, second).into();
        }
    }

    /// The calls of an order, which are not handed out again.
    fn taken(&mut self, ordered: Ordered) -> Batch {
        let Ordered { calls, order, ambiguous } = ordered;
        let mut events = Vec::with_capacity(calls.len());
        for index in calls {
            if let (Some(done), Some(call)) = (self.is_done.get_mut(index), self.read.remove(&index)) {
                *done = true;
                events.push(call);
            }
        }
        Batch { events, order, ambiguous }
    }

    fn is_taken(&self, index: usize) -> bool {
        self.is_done.get(index).copied().unwrap_or(true)
    }

    /// The events of the next second.
    fn second(&mut self) -> Result<Vec<usize>, Error> {
        let start = self.next;
        let first = self.epoch(start);
        self.next = (start..self.order.len()).find(|index| self.epoch(*index) != first).unwrap_or(self.order.len());
        self.read_ahead()?;
        Ok((start..self.next).collect())
    }

    /// Takes over the events of the next second, and those that may be looked at with them.
    fn read_ahead(&mut self) -> Result<(), Error> {
        while self.unread < self.next.saturating_add(MAX_AHEAD).min(self.order.len()) {
            // The end of the other thread comes before that of the events only where it failed, which its scope tells.
            let Ok(read) = self.calls.recv() else { break };
            for call in read? {
                self.read.insert(self.unread, call);
                self.unread += 1;
            }
        }
        Ok(())
    }

    /// Groups of events of which the place of one may depend on that of another; in the order of their first events.
    fn grouped(&self, state: &State, second: Vec<usize>) -> Vec<Vec<usize>> {
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

    fn ordered(&self, state: &State, group: Vec<usize>) -> Ordered {
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
    fn with_repairs(&self, state: &State, group: &[usize], moves: &[Move]) -> Vec<usize> {
        let changed: BTreeSet<EntityKey> = moves.iter().flat_map(Move::changed).collect();
        let named: BTreeSet<EntityKey> = moves.iter().filter(|call| call.is_change()).flat_map(Move::named).cloned().collect();
        let last = group.last().and_then(|index| self.epoch(*index)).unwrap_or_default();
        let after = (self.next..self.order.len()).take(MAX_AHEAD);
        let near = after.take_while(|index| self.epoch(*index).is_some_and(|epoch| epoch.saturating_sub(last) <= REPAIR_SECONDS));
        let repairs = |index: &usize| self.moved(state, *index).is_some_and(|call| call.is_change() && call.meets(&changed, &named));
        group.iter().copied().chain(near.filter(repairs)).collect()
    }

    fn all_moved(&self, state: &State, calls: &[usize]) -> Vec<Move> {
        calls.iter().filter_map(|index| self.moved(state, *index)).collect()
    }

    /// An event that was read and not handed out.
    fn moved(&self, state: &State, index: usize) -> Option<Move> {
        let (event, changes) = self.read.get(&index)?;
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

/// How often events may be read before they are asked for.
const QUEUED: usize = 4;

/// Events that are looked at for repairs.
const MAX_AHEAD: usize = 1_000;

#[cfg(test)]
mod tests;
