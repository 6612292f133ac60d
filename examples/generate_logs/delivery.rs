//! How the events of the sample come into files.
//!
//! Real trails deliver about every five minutes; here a file holds some hours, so that the sample stays at a few hundred files.

use std::collections::BTreeMap;

use crate::incident::ACCOUNT;
use crate::layout::{delivery_time, object_key};
use crate::rng::Rng;
use crate::scene::Event;
use crate::time::{HOUR, Time};

/// Records that are delivered twice.
pub(crate) const DUPLICATES: usize = 12;

/// A log file and its events.
pub(crate) struct LogFile {
    pub(crate) key: String,
    pub(crate) events: Vec<Event>,
}

/// Who delivers: an account's trail in a region, and whether it is the one for data events.
type Stream = (String, &'static str, bool);

/// Sorts `events` into log files, [`DUPLICATES`] of them into two.
pub(crate) fn deliver(mut events: Vec<Event>, rng: &mut Rng) -> Vec<LogFile> {
    events.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    let mut slots: BTreeMap<(Stream, Time), Vec<Event>> = BTreeMap::new();
    for event in events {
        // Only the first account has a trail of its own for data events.
        let stream = (event.account.clone(), event.region, event.is_data && event.account == ACCOUNT);
        let slot = event.time.div_euclid(slot_length(&stream));
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
            LogFile { key: object_key(&stream.0, stream.1, delivered, rng), events }
        })
        .collect()
}

fn slot_length(stream: &Stream) -> Time {
    match stream {
        (_, "us-west-2", _) | (_, _, true) => 6 * HOUR,
        _ => 2 * HOUR,
    }
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
