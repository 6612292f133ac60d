//! What must not be around the last event of a sequence.

use std::collections::HashMap;

use super::super::hits::Value;
use super::super::rule::{Absent, Sequence};
use super::test::Tests;
use super::{Event, LogEnds, MAX_TRIES};

/// The events of one key that must not be around a sequence, ready to be looked up.
#[derive(Debug)]
pub(super) struct Absence<'r, 'm> {
    absent: Option<&'r Absent>,
    tests: &'r Tests<'r>,
    events: &'r [Event<'m>],
    ends: &'r LogEnds,
    /// Their places, in order, by the values that have to equal bound ones.
    places: HashMap<Vec<Value<'m>>, Vec<usize>>,
}

/// Whether the rule's absence holds around an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// There is no such event, as far as the log goes, which is far enough.
    Holds,
    /// There is one, or the log ends too early to say.
    Fails,
    /// So many events had to be looked at that it was given up.
    GivenUp,
}

impl<'r, 'm> Absence<'r, 'm> {
    pub(super) fn new(sequence: &'r Sequence, tests: &'r Tests<'r>, events: &'r [Event<'m>], ends: &'r LogEnds) -> Self {
        let mut places: HashMap<Vec<Value<'m>>, Vec<usize>> = HashMap::new();
        if let Some(test) = &tests.absent {
            let role = tests.steps.len();
            for (place, event) in events.iter().enumerate().filter(|(_, event)| event.has(role)) {
                if let Some(key) = test.own_key(&event.hit) {
                    places.entry(key).or_default().push(place);
                }
            }
        }
        Self { absent: sequence.absent.as_ref(), tests, events, ends, places }
    }

    /// Whether what has to be absent is, around the event `last`; events of the sequence `own` do not count.
    pub(super) fn around(&self, last: usize, own: &dyn Fn(usize) -> bool, bound: &[Value<'m>]) -> Verdict {
        let (Some(absent), Some(test), Some(event)) = (self.absent, &self.tests.absent, self.events.get(last)) else {
            return Verdict::Holds;
        };
        if absent.within.is_some_and(|within| !self.ends.covers(&event.hit, within)) {
            return Verdict::Fails;
        }
        let Some(places) = test.bound_key(bound).and_then(|key| self.places.get(&key)) else { return Verdict::Holds };
        let epoch = event.hit.epoch();
        // Events of the same second are both after and before.
        let from = epoch.saturating_sub(absent.before.unwrap_or_default());
        let until = epoch.saturating_add(absent.within.unwrap_or_default());
        let epoch_of = |place: &usize| self.events.get(*place).map_or(i64::MIN, |event| event.hit.epoch());
        let start = places.partition_point(|place| epoch_of(place) < from);
        for (tries, place) in places.iter().skip(start).take_while(|place| epoch_of(place) <= until).enumerate() {
            if tries >= MAX_TRIES {
                return Verdict::GivenUp;
            }
            let Some(other) = self.events.get(*place).filter(|_| !own(*place)) else { continue };
            if test.holds(&other.hit, &self.tests.slots, bound) {
                return Verdict::Fails;
            }
        }
        Verdict::Holds
    }
}
