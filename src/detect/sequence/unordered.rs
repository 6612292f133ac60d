//! The search for sequences whose steps may come in any order.
//!
//! Each event in turn is taken for the one that completes a sequence, and the
//! nearest earlier events are looked for, step by step in the order of the rule,
//! as that is how values are bound.

use std::collections::{BTreeSet, HashMap};

use super::super::hits::Value;
use super::super::predicate::Operand;
use super::absence::Verdict;
use super::test::own_value;
use super::{Chosen, MAX_TRIES, Outcome, Search};

/// A value of one step's events that equals what another step binds.
#[derive(Debug, Clone, Copy)]
struct Link<'r> {
    user: usize,
    value: &'r Operand,
    slot: usize,
    binder: usize,
    source: &'r str,
}

/// Events of one step so far, in order, by a value.
type ByValue<'m> = HashMap<Value<'m>, Vec<usize>>;

/// The search through the events of one key.
pub(super) struct Unordered<'s, 'r, 'm> {
    search: &'s Search<'r, 'm>,
    links: Vec<Link<'r>>,
    /// The events of each step so far.
    so_far: Vec<Vec<usize>>,
    /// For each link, the user's events by their value, and the binder's by theirs.
    linked: Vec<(ByValue<'m>, ByValue<'m>)>,
    /// The findings by the events of the other steps that they need.
    by_earlier: HashMap<BTreeSet<usize>, usize>,
    /// The events of the last step that are used.
    used: Vec<bool>,
    /// The event that completes the sequence, and its step.
    last: (usize, usize),
    tries: usize,
    outcome: Outcome,
}

impl<'s, 'r, 'm> Unordered<'s, 'r, 'm> {
    pub(super) fn run(search: &'s Search<'r, 'm>) -> Outcome {
        let tests = search.tests;
        let mut links = Vec::new();
        for (user, test) in tests.steps.iter().enumerate() {
            for (value, slot) in &test.equal {
                links.extend(tests.binder(*slot).map(|(binder, source)| Link { user, value, slot: *slot, binder, source }));
            }
        }
        let mut this = Self {
            search,
            linked: links.iter().map(|_| (ByValue::new(), ByValue::new())).collect(),
            links,
            so_far: vec![Vec::new(); tests.steps.len()],
            by_earlier: HashMap::new(),
            used: vec![false; search.events.len()],
            last: (0, 0),
            tries: 0,
            outcome: Outcome::default(),
        };
        for place in 0..search.events.len() {
            this.take(place);
        }
        this.outcome
    }

    fn take(&mut self, place: usize) {
        let Some(event) = self.search.events.get(place) else { return };
        let steps: Vec<usize> = (0..self.so_far.len()).filter(|step| event.has(*step)).collect();
        for step in &steps {
            self.last = (place, *step);
            let is_last = step + 1 == self.so_far.len();
            // Of another step, one event can complete a sequence with each event of the last step that is still free.
            while self.complete() && !is_last {}
        }
        for step in steps {
            if let Some(known) = self.so_far.get_mut(step) {
                known.push(place);
            }
            for (link, (users, binders)) in self.links.iter().zip(&mut self.linked) {
                if link.user == step
                    && let Some(value) = own_value(link.value, &event.hit)
                {
                    users.entry(value).or_default().push(place);
                }
                if link.binder == step {
                    binders.entry(event.hit.value(link.source)).or_default().push(place);
                }
            }
        }
    }

    /// Looks for a sequence that the last event completes, and keeps it; false where there is none.
    fn complete(&mut self) -> bool {
        self.tries = 0;
        let bound = vec![Value::Null; self.search.tests.slots.len()];
        let mut chosen = Vec::new();
        let found = self.choose(&mut chosen, &bound);
        self.outcome.cut += u64::from(!found && self.tries > MAX_TRIES);
        if found {
            self.keep(&chosen);
        }
        found
    }

    /// Chooses events for the steps after those that are `chosen`; they stand there where it succeeds.
    fn choose(&mut self, chosen: &mut Vec<Vec<usize>>, bound: &[Value<'m>]) -> bool {
        let search = self.search;
        let step = chosen.len();
        let Some(form) = search.sequence.steps.get(step) else {
            let (place, _) = self.last;
            let verdict = search.absence.around(place, &|event| chosen.iter().any(|events| events.contains(&event)), bound);
            self.outcome.cut += u64::from(verdict == Verdict::GivenUp);
            return verdict == Verdict::Holds;
        };
        let needed = usize::try_from(form.at_least).unwrap_or(usize::MAX);
        let candidates = self.candidates(step, bound);
        for (at, place) in candidates.iter().enumerate() {
            // The event that completes the sequence is always among those of its step.
            if self.tries > MAX_TRIES || (self.last.1 == step && at > 0) {
                break;
            }
            if !self.fits(step, *place, chosen, bound) {
                continue;
            }
            let mut events = vec![*place];
            for other in candidates.iter().skip(at + 1) {
                if events.len() >= needed || self.tries > MAX_TRIES {
                    break;
                }
                if self.fits(step, *other, chosen, bound) {
                    events.push(*other);
                }
            }
            let Some(event) = search.events.get(*place).filter(|_| events.len() == needed) else { continue };
            let bound = search.tests.bound(step, &event.hit, bound);
            chosen.push(events);
            if self.choose(chosen, &bound) {
                return true;
            }
            chosen.truncate(step);
        }
        if form.optional && self.last.1 != step {
            chosen.push(Vec::new());
            if self.choose(chosen, bound) {
                return true;
            }
            chosen.truncate(step);
        }
        false
    }

    /// The events that a step can have, the nearest first.
    fn candidates(&self, step: usize, bound: &[Value<'m>]) -> Vec<usize> {
        let (last, of) = self.last;
        let near = self.known(step, bound).unwrap_or_default();
        let within = self.search.sequence.within;
        let epoch = |place: usize| self.search.events.get(place).map_or(i64::MIN, |event| event.hit.epoch());
        let near = near.iter().rev().copied().take_while(|place| epoch(last).saturating_sub(epoch(*place)) <= within);
        let own = (of == step).then_some(last);
        if own.is_some() && self.search.sequence.steps.get(step).is_some_and(|step| step.at_least == 1) {
            return own.into_iter().collect();
        }
        own.into_iter().chain(near.take(MAX_TRIES)).collect()
    }

    /// The events of a step so far, or those of them that a link allows.
    fn known(&self, step: usize, bound: &[Value<'m>]) -> Option<&[usize]> {
        let (last, of) = self.last;
        let event = self.search.events.get(last)?;
        for (link, (users, binders)) in self.links.iter().zip(&self.linked) {
            if link.user == step {
                return Some(bound.get(link.slot).and_then(|value| users.get(value)).map(Vec::as_slice).unwrap_or_default());
            }
            // The event that completes the sequence wants its value bound by this step.
            let several = self.search.sequence.steps.get(step).is_some_and(|step| step.at_least > 1);
            if link.binder == step && link.user == of && !several {
                let value = own_value(link.value, &event.hit)?;
                return Some(binders.get(&value).map(Vec::as_slice).unwrap_or_default());
            }
        }
        self.so_far.get(step).map(Vec::as_slice)
    }

    fn fits(&mut self, step: usize, place: usize, chosen: &[Vec<usize>], bound: &[Value<'m>]) -> bool {
        let search = self.search;
        self.tries += 1;
        let is_last = step + 1 == self.so_far.len();
        let taken = chosen.iter().any(|events| events.contains(&place)) || (is_last && self.used.get(place) == Some(&true));
        // The event that completes the sequence stands for its own step.
        if taken || (place == self.last.0 && step != self.last.1) {
            return false;
        }
        let (Some(test), Some(event)) = (search.tests.steps.get(step), search.events.get(place)) else { return false };
        let key = test.own_key(&event.hit);
        key.is_some() && key == test.bound_key(bound) && test.holds(&event.hit, &search.tests.slots, bound)
    }

    /// Makes a finding, or adds to the one that rests on the same events of the other steps.
    fn keep(&mut self, chosen: &[Vec<usize>]) {
        let steps = &self.search.sequence.steps;
        let needed = steps.iter().zip(chosen).take(steps.len().saturating_sub(1)).filter(|(step, _)| !step.optional);
        let earlier: BTreeSet<usize> = needed.flat_map(|(_, events)| events.iter().copied()).collect();
        for place in chosen.last().into_iter().flatten() {
            if let Some(used) = self.used.get_mut(*place) {
                *used = true;
            }
        }
        let known = if earlier.is_empty() { None } else { self.by_earlier.get(&earlier).copied() };
        let known = known.filter(|number| self.span(*number, chosen) <= self.search.sequence.within);
        let number = known.unwrap_or(self.outcome.chosen.len());
        if known.is_none() {
            self.by_earlier.insert(earlier, number);
            self.outcome.chosen.push(Chosen { steps: vec![BTreeSet::new(); steps.len()] });
        }
        if let Some(finding) = self.outcome.chosen.get_mut(number) {
            for (known, events) in finding.steps.iter_mut().zip(chosen) {
                known.extend(events.iter().copied());
            }
        }
    }

    /// How long a finding would last with those events, in seconds.
    fn span(&self, number: usize, chosen: &[Vec<usize>]) -> i64 {
        let known = self.outcome.chosen.get(number).map(|chosen| chosen.steps.as_slice()).unwrap_or_default();
        // Events are in order of time, so the first and the last place tell.
        let places = || known.iter().flat_map(|events| events.first().into_iter().chain(events.last())).chain(chosen.iter().flatten());
        let epoch = |place: Option<&usize>| place.and_then(|place| self.search.events.get(*place)).map_or(0, |event| event.hit.epoch());
        epoch(places().max()).saturating_sub(epoch(places().min()))
    }
}
