//! [`IamEvents`]: the recorded calls of a log, most of what they say outside of memory.

use std::hash::BuildHasher as _;

use foldhash::quality::RandomState;
use serde::{Deserialize, Serialize};

use super::event::{Actor, IamEvent};
use crate::error::Error;
use crate::frame::{Once, Texts};
use crate::problem::Place;
use crate::spool::{Span, Spool, decoded};
use crate::time::EventTime;

/// Calls in the order of time, id and place.
///
/// In memory stand what orders them and what many of them share; all else is read when a call is asked for.
#[derive(Debug, Default)]
pub struct IamEvents {
    spool: Spool,
    entries: Vec<Entry>,
    texts: Texts,
    actors: Once<Actor>,
    hasher: RandomState,
}

/// What is known of a call without reading it.
#[derive(Debug, Clone, Copy)]
struct Entry {
    time: EventTime,
    /// The first bytes of the id. Where they differ they order two calls as the ids do.
    start: u64,
    /// A hash of account and id.
    identity: u64,
    span: Span,
    name: u32,
    account: u32,
}

/// What comes first when calls are put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Start(u64);

impl IamEvents {
    /// Keeps events, which may come in any order.
    ///
    /// # Errors
    /// Where they do not fit in memory and cannot be written to a file.
    pub fn of(events: impl IntoIterator<Item = IamEvent>) -> Result<Self, Error> {
        let mut all = Self::default();
        for event in events {
            all.push(&event)?;
        }
        all.sort()?;
        Ok(all)
    }

    /// Adds an event; the order is that of [`sort`](Self::sort), which has to follow.
    pub(super) fn push(&mut self, event: &IamEvent) -> Result<(), Error> {
        let codes = [&event.event_source, &event.event_name, &event.recipient_account_id, &event.aws_region, &event.place.object]
            .map(|text| self.texts.code(text));
        let [_, name, account, ..] = codes;
        let stored = Stored {
            codes,
            source_ip_address: event.source_ip_address.as_ref().map(|text| self.texts.code(text)),
            user_agent: event.user_agent.as_ref().map(|text| self.texts.code(text)),
            actor: self.actors.code(&event.actor),
            event_id: &event.event_id,
            error_code: event.error_code.as_deref(),
            request_parameters: event.request_parameters.as_deref(),
            response_elements: event.response_elements.as_deref(),
            mfa_used: event.mfa_used,
            record_index: event.place.record_index,
            offset: event.place.offset,
        };
        self.entries.push(Entry {
            time: event.event_time,
            start: start(&event.event_id),
            identity: self.hasher.hash_one((&*event.recipient_account_id, &*event.event_id)),
            span: self.spool.add(&stored)?,
            name,
            account,
        });
        Ok(())
    }

    /// Puts the events in their order.
    pub(super) fn sort(&mut self) -> Result<(), Error> {
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by_key(Entry::key);
        let mut sorted = Vec::with_capacity(entries.len());
        for run in entries.chunk_by(|left, right| left.key() == right.key()) {
            if let [entry] = run {
                sorted.push(*entry);
                continue;
            }
            let mut read = Vec::with_capacity(run.len());
            for entry in run {
                let event = self.read(entry)?;
                read.push(((event.event_id, event.place), *entry));
            }
            read.sort_by(|left, right| left.0.cmp(&right.0));
            sorted.extend(read.into_iter().map(|(_, entry)| entry));
        }
        self.entries = sorted;
        Ok(())
    }

    /// Where a call stands.
    pub(super) fn span(&self, place: usize) -> Option<Span> {
        self.entries.get(place).map(|entry| entry.span)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = Result<IamEvent, Error>> + '_ {
        self.entries.iter().map(|entry| self.read(entry))
    }

    /// Those that have one of these names.
    pub(super) fn named(&self, names: &[&str]) -> impl Iterator<Item = Result<IamEvent, Error>> + use<'_> {
        let codes: Vec<u32> = names.iter().filter_map(|name| self.texts.known(name)).collect();
        self.entries.iter().filter(move |entry| codes.contains(&entry.name)).map(|entry| self.read(entry))
    }

    /// The event at a place; `None` where there is none.
    pub(super) fn get(&self, place: usize) -> Result<Option<IamEvent>, Error> {
        self.entries.get(place).map(|entry| self.read(entry)).transpose()
    }

    /// The time of the event at a place.
    pub(super) fn time(&self, place: usize) -> Option<EventTime> {
        self.entries.get(place).map(|entry| entry.time)
    }

    /// The names of all events, by their places.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| self.texts.get(entry.name).map_or("", |name| name))
    }

    /// The accounts and times of all events, by their places.
    pub(super) fn accounts(&self) -> impl Iterator<Item = (&str, EventTime)> {
        self.entries.iter().map(|entry| (self.texts.get(entry.account).map_or("", |account| account), entry.time))
    }

    /// By what the event at a place is ordered as far as its id says without being read.
    pub(super) fn start(&self, place: usize) -> Option<Start> {
        self.entries.get(place).map(|entry| Start(entry.start))
    }

    /// A number that all events of one account and id have, and hardly another one.
    pub(super) fn identity(&self, place: usize) -> Option<u64> {
        self.entries.get(place).map(|entry| entry.identity)
    }

    fn read(&self, entry: &Entry) -> Result<IamEvent, Error> {
        let bytes = self.spool.bytes(entry.span)?;
        let stored: Stored<'_> = decoded(&bytes)?;
        let text = |code| self.texts.get(code).cloned().unwrap_or_default();
        let [event_source, event_name, recipient_account_id, aws_region, object] = stored.codes.map(text);
        Ok(IamEvent {
            event_id: stored.event_id.into(),
            event_source,
            event_name,
            event_time: entry.time,
            recipient_account_id,
            aws_region,
            source_ip_address: stored.source_ip_address.map(text),
            user_agent: stored.user_agent.map(text),
            error_code: stored.error_code.map(str::to_owned),
            request_parameters: stored.request_parameters.map(str::to_owned),
            response_elements: stored.response_elements.map(str::to_owned),
            mfa_used: stored.mfa_used,
            actor: self.actors.get(stored.actor).cloned().unwrap_or_default(),
            place: Place { object, record_index: stored.record_index, offset: stored.offset },
        })
    }
}

impl Entry {
    const fn key(&self) -> (EventTime, u64) {
        (self.time, self.start)
    }
}

/// The first eight bytes of a text, as a number that grows with it.
fn start(text: &str) -> u64 {
    text.bytes().chain(std::iter::repeat(0)).take(8).fold(0, |all, byte| all << 8 | u64::from(byte))
}

/// An event as the spool has it, with what many share by its codes.
#[derive(Serialize, Deserialize)]
struct Stored<'e> {
    codes: [u32; 5],
    source_ip_address: Option<u32>,
    user_agent: Option<u32>,
    actor: u32,
    event_id: &'e str,
    error_code: Option<&'e str>,
    request_parameters: Option<&'e str>,
    response_elements: Option<&'e str>,
    mfa_used: Option<bool>,
    record_index: Option<u64>,
    offset: Option<u64>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::event::tests::event;
    use super::*;

    fn at(second: u32, id: &str, index: u64) -> IamEvent {
        let mut event = event(&json!({
            "eventID": id, "eventSource": "iam.amazonaws.com", "eventName": format!("Name{second}"), "recipientAccountId": "111122223333",
            "eventTime": format!("2026-03-02T10:00:{second:02}Z"), "userIdentity": {"type": "Root"}, "userAgent": "a", "errorCode": "No",
            "requestParameters": {"id": id}, "responseElements": {"second": second}, "additionalEventData": {"MFAUsed": "Yes"},
        }));
        event.place.record_index = Some(index);
        event
    }

    #[test]
    fn events_come_back_whole_in_the_order_of_time_id_and_place() {
        // Ids that begin alike, and one that begins another.
        let sorted =
            [at(1, "same-start-a", 9), at(1, "same-start-b", 3), at(1, "same-start-b", 4), at(1, "z", 0), at(2, "a", 7), at(2, "aa", 6)];
        let mixed = [5, 3, 2, 1, 4, 0].map(|place| sorted[place].clone());
        let events = IamEvents::of(mixed).expect("they are kept");
        assert_eq!(events.iter().collect::<Result<Vec<_>, _>>().expect("they are read"), sorted);
        assert_eq!((events.len(), events.get(6).expect("nothing to read")), (6, None));
    }

    #[test]
    fn events_are_found_by_their_names() {
        let events = IamEvents::of([at(1, "a", 0), at(2, "b", 0), at(3, "c", 0)]).expect("they are kept");
        let found = |names: &[&str]| events.named(names).map(|event| event.expect("it is read").event_id.to_string()).collect::<Vec<_>>();
        assert_eq!(found(&["Name3", "Name1", "Other"]), ["a", "c"]);
        assert!(found(&["Other"]).is_empty());
    }
}
