//! [`Evidence`]: where a piece of evidence stands; and [`EvidenceList`], all pieces of a finding.

use std::collections::HashSet;
use std::num::NonZeroU64;
use std::sync::Arc;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::finding::Integrity;
use crate::event::EventId;
use crate::frame::{Map, Texts};

/// What a piece of evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceKind {
    /// A CloudTrail record.
    Event,
    /// A snapshot of an account's state.
    Snapshot,
    /// A digest file.
    Digest,
}

/// One piece of evidence, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Evidence {
    /// What it is.
    pub kind: EvidenceKind,
    /// The file's path or key.
    pub object: Arc<str>,
    /// The record's place among the object's records, from 0.
    pub record_index: Option<u64>,
    /// A JSON pointer into the object, where no record is meant.
    pub pointer: Option<Arc<str>>,
    /// The record's `eventID`.
    pub event_id: Option<EventId>,
    /// Whether the object is what AWS delivered.
    pub integrity: Integrity,
}

/// The evidence of a finding: events, then what is none.
///
/// A finding may rest on a large part of the log, so that an event is no more than 40 bytes here.
///
/// # Shape
/// In JSON it is two fields: `event_ids`, each once in the order of the events, and `evidence`, the pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvidenceList {
    /// The objects that the events stand in, each once, with what the digests say of it.
    objects: Vec<(Arc<str>, Integrity)>,
    events: Vec<EventPiece>,
    others: Vec<Evidence>,
    /// Whether events have an id in common, as copies of one event have.
    repeats_ids: bool,
}

/// An event that a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EventPiece {
    event_id: Option<EventId>,
    /// One more than the record index, so that having none takes no room.
    record_number: Option<NonZeroU64>,
    /// The place of its object in the list of these.
    object: u32,
}

impl EvidenceList {
    /// Those events, each with its object, record index and id, and then `others`; `objects` has one copy of each object's name.
    pub(super) fn new<'e>(
        events: impl ExactSizeIterator<Item = (&'e str, Option<u64>, Option<EventId>)>,
        others: Vec<Evidence>,
        objects: &mut Texts,
    ) -> Self {
        let mut list = Self { objects: Vec::new(), events: Vec::with_capacity(events.len()), others, repeats_ids: false };
        let mut numbers: Map<&str, u32> = Map::default();
        for (object, record_index, event_id) in events {
            let number = *numbers.entry(object).or_insert_with(|| {
                list.objects.push((objects.share(object), Integrity::NotChecked));
                u32::try_from(list.objects.len() - 1).unwrap_or(u32::MAX)
            });
            let record_number = record_index.and_then(|index| NonZeroU64::new(index.wrapping_add(1)));
            list.events.push(EventPiece { event_id, record_number, object: number });
        }
        list.objects.shrink_to_fit();
        let mut known = HashSet::with_capacity(list.events.len());
        let repeats_ids = !list.all_ids().all(|id| known.insert(id));
        drop(known);
        Self { repeats_ids, ..list }
    }

    /// Puts in what the digests say of each object that events stand in.
    pub(crate) fn check(&mut self, integrity: impl Fn(&str) -> Integrity) {
        for (object, known) in &mut self.objects {
            *known = integrity(object);
        }
        for other in &mut self.others {
            other.integrity = integrity(&other.object);
        }
    }

    /// How many pieces there are.
    pub const fn len(&self) -> usize {
        self.events.len() + self.others.len()
    }

    /// Whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pieces, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Evidence> {
        (0..self.len()).filter_map(|place| self.get(place))
    }

    /// The piece at that place.
    pub fn get(&self, place: usize) -> Option<Evidence> {
        let Some(event) = self.events.get(place) else { return self.others.get(place.checked_sub(self.events.len())?).cloned() };
        let (object, integrity) = self.object(event)?;
        Some(Evidence {
            kind: EvidenceKind::Event,
            object: object.clone(),
            record_index: event.record_index(),
            pointer: None,
            event_id: event.event_id.clone(),
            integrity: *integrity,
        })
    }

    /// The objects that events stand in, each once.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        self.objects.iter().map(|(object, _)| &**object)
    }

    /// The object and record index of each event, in their order.
    pub fn places(&self) -> impl Iterator<Item = (&Arc<str>, Option<u64>)> {
        self.events.iter().filter_map(|event| Some((&self.object(event)?.0, event.record_index())))
    }

    /// The ids of the events, each once.
    pub fn event_ids(&self) -> impl Iterator<Item = &EventId> {
        let mut known = HashSet::new();
        self.all_ids().filter(move |id| !self.repeats_ids || known.insert(*id))
    }

    fn all_ids(&self) -> impl Iterator<Item = &EventId> {
        self.events.iter().filter_map(|event| event.event_id.as_ref())
    }

    /// What is said of each object that a piece stands in.
    pub(super) fn integrities(&self) -> impl Iterator<Item = Integrity> {
        self.objects.iter().map(|(_, integrity)| *integrity).chain(self.others.iter().map(|other| other.integrity))
    }

    /// Where the first piece stands.
    pub(super) fn first_place(&self) -> Option<(&str, Option<u64>)> {
        let of_other = || self.others.first().map(|other| (&*other.object, other.record_index));
        self.places().next().map(|(object, index)| (&**object, index)).or_else(of_other)
    }

    fn object(&self, event: &EventPiece) -> Option<&(Arc<str>, Integrity)> {
        self.objects.get(usize::try_from(event.object).ok()?)
    }
}

impl EventPiece {
    fn record_index(&self) -> Option<u64> {
        self.record_number.map(|number| number.get() - 1)
    }
}

impl Serialize for EvidenceList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(2))?;
        fields.serialize_entry("event_ids", &EventIds(self))?;
        fields.serialize_entry("evidence", &Pieces(self))?;
        fields.end()
    }
}

/// The ids of a list, as JSON has them.
struct EventIds<'l>(&'l EvidenceList);

impl Serialize for EventIds<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.event_ids())
    }
}

/// The pieces of a list, as JSON has them.
struct Pieces<'l>(&'l EvidenceList);

impl Serialize for Pieces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}
