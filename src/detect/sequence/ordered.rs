//! The search for sequences whose steps come in their order.
//!
//! The events are gone through once. After each step stand the chains of events
//! that have come so far, one for each set of bound values that later steps look
//! at: the nearest one, as a later event takes the place of an earlier one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::rc::Rc;

use super::super::hits::Value;
use super::absence::Verdict;
use super::{Chosen, MAX_TRIES, Outcome, Search};

/// How many chains that end in the same moment are kept, so that an event which stands in one can follow another.
const SAME_MOMENT: usize = 3;

/// How far back further events of a step are looked for, in events.
const MAX_MORE: usize = 100_000;

/// The events of some steps, linked backwards.
#[derive(Debug)]
struct Chain<'m> {
    before: Option<Rc<Self>>,
    step: usize,
    events: Vec<usize>,
    bound: Vec<Value<'m>>,
    /// The first event's time in seconds; `None` where there is no event yet.
    first: Option<i64>,
    /// The last event's place.
    last: Option<usize>,
    /// A bit for each step that is in it.
    steps: u32,
}

impl Chain<'_> {
    fn has(&self, event: usize) -> bool {
        self.events.contains(&event) || self.before.as_ref().is_some_and(|before| before.has(event))
    }

    /// Whether an event at `epoch` is near enough to the first one.
    fn reaches(&self, epoch: i64, within: i64) -> bool {
        self.first.is_none_or(|first| epoch.saturating_sub(first) <= within)
    }

    /// What makes a chain better than another with the same bound values: it begins and ends later.
    fn rank(&self) -> (Option<i64>, Option<usize>) {
        (self.first, self.last)
    }

    fn links(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |chain| chain.before.as_deref())
    }
}

/// The chains with one set of bound values.
#[derive(Debug, Default)]
struct Best<'m> {
    /// When it was last added to.
    turn: u64,
    /// The moment in which the chains of `now` end.
    moment: Option<i64>,
    now: Vec<Rc<Chain<'m>>>,
    /// The best of those that ended before.
    older: Option<Rc<Chain<'m>>>,
}

impl<'m> Best<'m> {
    fn offer(&mut self, chain: Rc<Chain<'m>>, moment: Option<i64>) {
        if self.moment != moment {
            let known = self.now.drain(..).chain(self.older.take());
            self.older = known.max_by_key(|chain| chain.rank());
            self.moment = moment;
        }
        self.now.push(chain);
        self.now.sort_by_key(|chain| Reverse(chain.rank()));
        self.now.truncate(SAME_MOMENT);
    }

    /// The chains, the best first.
    fn chains(&self) -> impl Iterator<Item = &Rc<Chain<'m>>> {
        self.now.iter().chain(&self.older)
    }
}

/// What the chains of one entry share: the steps that are in them and the values that later steps look at.
type Tuple<'m> = (u32, Vec<Value<'m>>);

/// The chains that one step can go on from, with the same values to equal.
#[derive(Debug, Default)]
struct Bucket<'m> {
    entries: HashMap<Tuple<'m>, Best<'m>>,
    /// The entries by the turn in which they were last added to.
    turns: BTreeMap<u64, Tuple<'m>>,
}

impl<'m> Bucket<'m> {
    fn remove(&mut self, tuple: &Tuple<'m>) {
        if let Some(best) = self.entries.remove(tuple) {
            self.turns.remove(&best.turn);
        }
    }
}

/// The entries that an event can follow.
#[derive(Debug, Default)]
struct Ways<'m> {
    chains: Vec<(Tuple<'m>, Vec<Rc<Chain<'m>>>)>,
    /// Whether there were too many to look at all.
    cut: bool,
}

/// An event that waits for others of its step, with the chains that it could follow.
type Waiting<'m> = (usize, Vec<Rc<Chain<'m>>>);

/// The search through the events of one key.
pub(super) struct Ordered<'s, 'r, 'm> {
    search: &'s Search<'r, 'm>,
    /// For each step, the chains that it can go on from.
    pools: Vec<HashMap<Vec<Value<'m>>, Bucket<'m>>>,
    /// For the steps that need several events, the last ones so far.
    runs: HashMap<(usize, Tuple<'m>), VecDeque<Waiting<'m>>>,
    /// The findings by the needed events before the last step.
    by_earlier: HashMap<Vec<usize>, usize>,
    /// The time of each finding's first event.
    firsts: Vec<i64>,
    /// The events that are used as the last step's.
    used: Vec<bool>,
    /// The events that stand in a finding.
    shown: Vec<bool>,
    turn: u64,
    outcome: Outcome,
}

impl<'s, 'r, 'm> Ordered<'s, 'r, 'm> {
    pub(super) fn run(search: &'s Search<'r, 'm>) -> Outcome {
        let steps = search.sequence.steps.len();
        let mut this = Self {
            search,
            pools: (0..steps).map(|_| HashMap::new()).collect(),
            runs: HashMap::new(),
            by_earlier: HashMap::new(),
            firsts: Vec::new(),
            used: vec![false; search.events.len()],
            shown: vec![false; search.events.len()],
            turn: 0,
            outcome: Outcome::default(),
        };
        let bound = vec![Value::Null; search.tests.slots.len()];
        let root = Chain { before: None, step: 0, events: Vec::new(), bound, first: None, last: None, steps: 0 };
        this.offer(0, &Rc::new(root), None);
        let mut rest = search.events;
        let mut start = 0;
        while let Some(first) = rest.first() {
            // The steps of one moment are gone through in their order, so that equal times count as ordered.
            let (moment, after) = rest.split_at(rest.partition_point(|event| event.hit.time <= first.hit.time));
            for step in 0..steps {
                for (place, _) in (start..).zip(moment).filter(|(_, event)| event.has(step)) {
                    if step + 1 == steps { this.end(place) } else { this.extend(step, place) }
                }
            }
            start += moment.len();
            rest = after;
        }
        this.outcome
    }

    fn epoch(&self, place: usize) -> i64 {
        self.search.events.get(place).map_or(i64::MIN, |event| event.hit.epoch())
    }

    fn micros(&self, place: usize) -> Option<i64> {
        self.search.events.get(place)?.hit.time.map(crate::time::EventTime::micros)
    }

    fn at_least(&self, step: usize) -> usize {
        let needed = self.search.sequence.steps.get(step).map_or(1, |step| step.at_least);
        usize::try_from(needed).unwrap_or(usize::MAX)
    }

    /// Lets a step go on from a chain; an optional step can be left out.
    fn offer(&mut self, step: usize, chain: &Rc<Chain<'m>>, moment: Option<i64>) {
        let search = self.search;
        let (Some(form), Some(test), Some(needed)) =
            (search.sequence.steps.get(step), search.tests.steps.get(step), search.tests.needed.get(step))
        else {
            return;
        };
        // Where a value is null that the event's has to equal, no event fits.
        if let (Some(key), Some(pool)) = (test.bound_key(&chain.bound), self.pools.get_mut(step)) {
            let values = needed.iter().map(|slot| chain.bound.get(*slot).copied().unwrap_or(Value::Null)).collect();
            let tuple: Tuple<'m> = (chain.steps, values);
            let bucket = pool.entry(key).or_default();
            let best = bucket.entries.entry(tuple.clone()).or_default();
            bucket.turns.remove(&best.turn);
            self.turn += 1;
            best.turn = self.turn;
            best.offer(Rc::clone(chain), moment);
            bucket.turns.insert(self.turn, tuple);
        }
        if form.optional {
            self.offer(step + 1, chain, moment);
        }
    }

    /// The entries that an event can follow at a step, the nearest first, with their chains.
    fn ways(&mut self, step: usize, place: usize) -> Ways<'m> {
        let search = self.search;
        let epoch = self.epoch(place);
        let mut ways = Ways::default();
        let (Some(test), Some(event)) = (search.tests.steps.get(step), search.events.get(place)) else { return ways };
        let Some(key) = test.own_key(&event.hit) else { return ways };
        let Some(bucket) = self.pools.get_mut(step).and_then(|pool| pool.get_mut(&key)) else { return ways };
        let mut outdated = Vec::new();
        for (tries, tuple) in bucket.turns.values().rev().enumerate() {
            if tries >= MAX_TRIES {
                ways.cut = true;
                break;
            }
            let Some(best) = bucket.entries.get(tuple) else { continue };
            let near: Vec<_> = best.chains().filter(|chain| chain.reaches(epoch, search.sequence.within)).cloned().collect();
            let Some(first) = near.first() else {
                outdated.push(tuple.clone());
                continue;
            };
            if test.rest.is_empty() || test.holds(&event.hit, &search.tests.slots, &first.bound) {
                ways.chains.push((tuple.clone(), near));
            }
        }
        for tuple in &outdated {
            bucket.remove(tuple);
        }
        ways
    }

    /// The chain that an event makes with one of `chains`, once there are enough events of the step.
    fn link(&mut self, step: usize, place: usize, tuple: Tuple<'m>, chains: Vec<Rc<Chain<'m>>>) -> Option<Chain<'m>> {
        let needed = self.at_least(step);
        let is_last = step + 1 == self.search.sequence.steps.len();
        let (events, chains) = if needed == 1 {
            (vec![place], chains)
        } else {
            let used = &self.used;
            let run = self.runs.entry((step, tuple)).or_default();
            run.retain(|(event, _)| !is_last || used.get(*event) != Some(&true));
            run.push_back((place, chains));
            while run.len() > needed {
                run.pop_front();
            }
            if run.len() < needed {
                return None;
            }
            // All events of the step come after the step before it.
            (run.iter().map(|(event, _)| *event).collect(), run.front().map(|(_, chains)| chains.clone()).unwrap_or_default())
        };
        let epoch = self.epoch(place);
        let within = self.search.sequence.within;
        let before = chains.into_iter().find(|chain| chain.reaches(epoch, within) && !events.iter().any(|event| chain.has(*event)))?;
        let first = before.first.or_else(|| events.first().map(|event| self.epoch(*event)))?;
        if epoch.saturating_sub(first) > within {
            return None;
        }
        let hit = &self.search.events.get(place)?.hit;
        let bound = self.search.tests.bound(step, hit, &before.bound);
        let steps = before.steps | super::bit(step);
        Some(Chain { step, events, bound, first: Some(first), last: Some(place), steps, before: Some(before) })
    }

    /// Takes an event for a step that is not the last.
    fn extend(&mut self, step: usize, place: usize) {
        let mut chains = Vec::new();
        let ways = self.ways(step, place);
        self.outcome.cut += u64::from(ways.cut);
        for (tuple, before) in ways.chains {
            chains.extend(self.link(step, place, tuple, before));
        }
        // The chains with more optional steps are offered last, as what comes last is tried first.
        chains.sort_by_key(|chain| (chain.steps.count_ones(), chain.rank()));
        let moment = self.micros(place);
        for chain in chains {
            self.offer(step + 1, &Rc::new(chain), moment);
        }
    }

    /// Takes an event for the last step.
    fn end(&mut self, place: usize) {
        let last = self.search.sequence.steps.len().saturating_sub(1);
        let ways = self.ways(last, place);
        for (tuple, before) in ways.chains {
            if self.join(place, &before) {
                return;
            }
            if let Some(chain) = self.link(last, place, tuple, before)
                && self.is_alone(place, &chain)
            {
                self.found(&chain);
                return;
            }
        }
        self.outcome.cut += u64::from(ways.cut);
    }

    /// Adds an event to the finding that rests on the same earlier events; false where there is none.
    fn join(&mut self, place: usize, chains: &[Rc<Chain<'m>>]) -> bool {
        let Some(before) = chains.iter().find(|chain| !chain.has(place)) else { return false };
        let Some(number) = self.by_earlier.get(&self.earlier(before)).copied() else { return false };
        let first = self.firsts.get(number).copied().unwrap_or(i64::MIN);
        if self.epoch(place).saturating_sub(first) > self.search.sequence.within {
            return false;
        }
        let Some(event) = self.search.events.get(place) else { return false };
        let last = self.search.sequence.steps.len().saturating_sub(1);
        let bound = self.search.tests.bound(last, &event.hit, &before.bound);
        let chain = Chain { before: Some(Rc::clone(before)), step: last, events: vec![place], bound, first: None, last: None, steps: 0 };
        if !self.is_alone(place, &chain) {
            return false;
        }
        self.add(number, &chain);
        true
    }

    /// Whether what has to be absent is absent around the last event.
    fn is_alone(&mut self, place: usize, chain: &Chain<'m>) -> bool {
        let verdict = self.search.absence.around(place, &|event| chain.has(event), &chain.bound);
        self.outcome.cut += u64::from(verdict == Verdict::GivenUp);
        verdict == Verdict::Holds
    }

    /// The events before the last step that a finding rests on; it can do without those of optional steps.
    fn earlier(&self, chain: &Chain<'m>) -> Vec<usize> {
        let optional = |step: usize| self.search.sequence.steps.get(step).is_some_and(|step| step.optional);
        chain.links().filter(|link| !optional(link.step)).flat_map(|link| link.events.iter().copied()).collect()
    }

    fn found(&mut self, chain: &Chain<'m>) {
        let number = self.outcome.chosen.len();
        self.outcome.chosen.push(Chosen { steps: vec![BTreeSet::new(); self.search.sequence.steps.len()] });
        self.firsts.push(chain.first.unwrap_or(i64::MIN));
        if let Some(before) = &chain.before {
            let earlier = self.earlier(before);
            if !earlier.is_empty() {
                self.by_earlier.insert(earlier, number);
            }
        }
        let more: Vec<(usize, usize)> = chain.links().skip(1).flat_map(|link| self.more(link, chain)).collect();
        self.add(number, chain);
        for (step, event) in more {
            self.put(number, step, event);
        }
    }

    /// Further events of a step that asks for several: those that come before the nearest ones and after the
    /// step before, and stand in no finding yet. Five failures are shown where three would do.
    fn more(&self, link: &Chain<'m>, whole: &Chain<'m>) -> Vec<(usize, usize)> {
        let mut more = Vec::new();
        let Some(before) = link.before.as_ref().filter(|_| self.at_least(link.step) > 1) else { return more };
        let (Some(first), Some(end)) = (link.events.first(), whole.last) else { return more };
        let Some(test) = self.search.tests.steps.get(link.step) else { return more };
        let after = before.last.and_then(|place| self.micros(place));
        let mut misses = 0;
        for (place, event) in self.search.events.iter().enumerate().take(*first).rev().take(MAX_MORE) {
            let near = self.epoch(end).saturating_sub(event.hit.epoch()) <= self.search.sequence.within;
            if !near || self.micros(place) < after || misses > MAX_TRIES {
                break;
            }
            if !event.has(link.step) || whole.has(place) {
                continue;
            }
            if self.shown.get(place) == Some(&true) {
                break;
            }
            let bound = before.bound.as_slice();
            let key = test.own_key(&event.hit);
            if key.is_some() && key == test.bound_key(bound) && test.holds(&event.hit, &self.search.tests.slots, bound) {
                more.push((link.step, place));
            } else {
                misses += 1;
            }
        }
        more
    }

    fn add(&mut self, number: usize, chain: &Chain<'m>) {
        let events: Vec<(usize, usize)> = chain.links().flat_map(|link| link.events.iter().map(|event| (link.step, *event))).collect();
        for (step, event) in events {
            self.put(number, step, event);
        }
    }

    fn put(&mut self, number: usize, step: usize, event: usize) {
        if let Some(shown) = self.shown.get_mut(event) {
            *shown = true;
        }
        if let Some(used) = self.used.get_mut(event) {
            *used |= step + 1 == self.search.sequence.steps.len();
        }
        if let Some(events) = self.outcome.chosen.get_mut(number).and_then(|chosen| chosen.steps.get_mut(step)) {
            events.insert(event);
        }
    }
}
