//! How the events of the sample come into files.
//!
//! Real trails deliver about every five minutes; here a file holds some hours, so that the sample stays at a few hundred files.

use std::collections::BTreeMap;

use crate::incident::ACCOUNT;
use crate::layout::{delivery_time, document, object_key};
use crate::rng::Rng;
use crate::scene::Event;
use crate::time::{HOUR, Time};

/// Records that are delivered twice.
pub(crate) const DUPLICATES: usize = 12;

/// A log file and its events.
pub(crate) struct LogFile {
    pub(crate) stream: Stream,
    pub(crate) delivered: Time,
    pub(crate) key: String,
    pub(crate) events: Vec<Event>,
}

impl LogFile {
    /// The JSON of the file.
    pub(crate) fn document(&self) -> String {
        document(&self.events)
    }

    /// The time of the first event.
    pub(crate) fn oldest(&self) -> Option<Time> {
        self.events.iter().map(|event| event.time).min()
    }

    /// The time of the last event.
    pub(crate) fn newest(&self) -> Option<Time> {
        self.events.iter().map(|event| event.time).max()
    }
}

/// Who delivers: an account's trail in a region.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stream {
    pub(crate) account: String,
    pub(crate) region: &'static str,
    /// It is the trail for data events alone, which only the first account has.
    is_data: bool,
}

impl Stream {
    fn of(event: &Event) -> Self {
        Self { account: event.account.clone(), region: event.region, is_data: event.is_data && event.account == ACCOUNT }
    }

    /// The trail's name.
    pub(crate) fn trail(&self) -> &'static str {
        if self.is_data { "s3-data-events" } else { "management-events" }
    }

    /// It is of the trail that the attacker stops.
    pub(crate) fn is_stopped(&self) -> bool {
        self.account == ACCOUNT && !self.is_data
    }

    /// How much time a file holds.
    fn slot_length(&self) -> Time {
        if self.region == "us-west-2" || self.is_data { 6 * HOUR } else { 2 * HOUR }
    }
}

/// Sorts `events` into log files, [`DUPLICATES`] of them into two.
pub(crate) fn deliver(mut events: Vec<Event>, rng: &mut Rng) -> Vec<LogFile> {
    events.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    let mut slots: BTreeMap<(Stream, Time), Vec<Event>> = BTreeMap::new();
    for event in events {
        let stream = Stream::of(&event);
        let slot = event.time.div_euclid(stream.slot_length());
        slots.entry((stream, slot)).or_default().push(event);
    }
    repeat_some(&mut slots);
    slots
        .into_iter()
        .map(|((stream, _), mut events)| {
            let last = events.last().map_or(0, |event| event.time);
            let delivered = delivery_time(last, rng);
            // Within a file, records are not in order of time.
            shuffle(&mut events, rng);
            let key = object_key(&stream.account, stream.region, delivered, rng);
            LogFile { stream, delivered, key, events }
        })
        .collect()
}

/// Delivery is "at least once": the last record of some files comes again at the head of the next.
fn repeat_some(slots: &mut BTreeMap<(Stream, Time), Vec<Event>>) {
    let keys: Vec<(Stream, Time)> = slots.keys().cloned().collect();
    let step = (keys.len() / DUPLICATES).max(2);
    let pairs = keys.iter().zip(keys.iter().skip(1)).filter(|(one, next)| one.0 == next.0);
    for (one, next) in pairs.step_by(step - 1).take(DUPLICATES) {
        let repeated = slots.get(one).and_then(|events| events.last()).cloned();
        if let (Some(repeated), Some(events)) = (repeated, slots.get_mut(next)) {
            events.insert(0, repeated);
        }
    }
}

/// Moves some neighbours past each other.
fn shuffle(events: &mut [Event], rng: &mut Rng) {
    for pair in events.chunks_exact_mut(2) {
        if rng.chance(150) {
            pair.reverse();
        }
    }
}
