//! [`Evidence`]: where a piece of evidence stands; and [`EvidenceList`], all pieces of a finding.

use std::collections::HashSet;
use std::hash::BuildHasher as _;
use std::sync::Arc;

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;
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
/// A finding may rest on a large part of the log, so that an event is no more than 24 bytes here.
///
/// # Shape
/// In JSON it is two fields: `event_ids`, each once in the order of the events, and `evidence`, the pieces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvidenceList {
    /// The objects that the events stand in, each once, with what the digests say of it.
    objects: Vec<(Arc<str>, Integrity)>,
    events: Vec<EventPiece>,
    /// The events that do not fit in a piece, by their places.
    odd: Vec<OddEvent>,
    others: Vec<Evidence>,
    /// Whether events have an id in common, as copies of one event have.
    repeats_ids: bool,
}

/// An event that a finding rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
struct EventPiece {
    uuid: [u8; 16],
    /// One more than the record index, 0 where there is none, or [`ODD`].
    record_number: u32,
    /// The place of its object in the list of these.
    object: u32,
}

/// The record number of an event whose id is no UUID or whose record index is too large.
const ODD: u32 = u32::MAX;

/// What is known of such an event.
#[derive(Debug, Clone, PartialEq, Eq)]
struct OddEvent {
    place: usize,
    event_id: Option<EventId>,
    record_index: Option<u64>,
}

/// An id, where it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Id<'l> {
    Uuid(&'l [u8; 16]),
    Odd(&'l EventId),
}

impl EvidenceList {
    /// Those events, each with its object, record index and id, and then `others`; `objects` has one copy of each object's name.
    pub(super) fn new<'e>(
        events: impl ExactSizeIterator<Item = (&'e str, Option<u64>, Option<EventId>)>,
        others: Vec<Evidence>,
        objects: &mut Texts,
    ) -> Self {
        let mut list = Self { events: Vec::with_capacity(events.len()), others, ..Self::default() };
        let mut numbers: Map<&str, u32> = Map::default();
        for (place, (object, record_index, event_id)) in events.enumerate() {
            let object = *numbers.entry(object).or_insert_with(|| {
                list.objects.push((objects.share(object), Integrity::NotChecked));
                u32::try_from(list.objects.len() - 1).unwrap_or(u32::MAX)
            });
            let known = event_id.as_ref().and_then(EventId::uuid).zip(record_number(record_index));
            let (uuid, record_number) = known.unwrap_or_else(|| {
                list.odd.push(OddEvent { place, event_id, record_index });
                ([0; 16], ODD)
            });
            let piece = EventPiece { uuid, record_number, object };
            list.events.push(piece);
        }
        list.objects.shrink_to_fit();
        list.odd.shrink_to_fit();
        Self { repeats_ids: list.has_repeated_ids(), ..list }
    }

    fn has_repeated_ids(&self) -> bool {
        let hasher = RandomState::default();
        let hash = |place: u32| hasher.hash_one(self.id(index(place)));
        // The places alone, as there may be very many.
        let mut known: HashTable<u32> = HashTable::with_capacity(self.events.len());
        for place in (0..).take(self.events.len()) {
            let Some(id) = self.id(index(place)) else { continue };
            match known.entry(hash(place), |other| self.id(index(*other)) == Some(id), |other| hash(*other)) {
                Entry::Occupied(_) => return true,
                Entry::Vacant(free) => _ = free.insert(place),
            }
        }
        false
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
            record_index: self.record_index(place, event),
            pointer: None,
            event_id: self.id(place).map(Id::owned),
            integrity: *integrity,
        })
    }

    /// The objects that events stand in, each once.
    pub fn objects(&self) -> impl Iterator<Item = &str> {
        self.objects.iter().map(|(object, _)| &**object)
    }

    /// The object and record index of each event, in their order.
    pub fn places(&self) -> impl Iterator<Item = (&Arc<str>, Option<u64>)> {
        self.events.iter().enumerate().filter_map(|(place, event)| Some((&self.object(event)?.0, self.record_index(place, event))))
    }

    /// The ids of the events, each once.
    pub fn event_ids(&self) -> impl Iterator<Item = EventId> {
        let mut known = HashSet::new();
        let ids = (0..self.events.len()).filter_map(|place| self.id(place));
        ids.filter(move |id| !self.repeats_ids || known.insert(*id)).map(Id::owned)
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
        self.objects.get(index(event.object))
    }

    /// The id of the event at that place.
    fn id(&self, place: usize) -> Option<Id<'_>> {
        let event = self.events.get(place)?;
        if event.record_number == ODD { self.odd(place)?.event_id.as_ref().map(Id::Odd) } else { Some(Id::Uuid(&event.uuid)) }
    }

    fn record_index(&self, place: usize, event: &EventPiece) -> Option<u64> {
        if event.record_number == ODD { self.odd(place)?.record_index } else { event.record_number.checked_sub(1).map(u64::from) }
    }

    fn odd(&self, place: usize) -> Option<&OddEvent> {
        self.odd.get(self.odd.binary_search_by_key(&place, |odd| odd.place).ok()?)
    }
}

impl Id<'_> {
    fn owned(self) -> EventId {
        match self {
            Self::Uuid(bytes) => EventId::from(*bytes),
            Self::Odd(id) => id.clone(),
        }
    }
}

/// One more than the index, 0 for none; `None` where it does not fit in a piece.
fn record_number(record_index: Option<u64>) -> Option<u32> {
    let Some(index) = record_index else { return Some(0) };
    u32::try_from(index).ok()?.checked_add(1).filter(|number| *number != ODD)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_what_they_were() {
        const UUID: &str = "0b3f1a5c-1111-4222-8333-444455556666";
        let events = [
            ("a", Some(0), Some(UUID)),
            ("b", None, Some(UUID)),
            ("a", Some(u64::from(u32::MAX)), None),
            ("b", Some(u64::from(u32::MAX) - 2), Some("no UUID")),
            ("a", Some(u64::MAX), Some("no UUID")),
            ("a", Some(7), Some("")),
        ];
        let piece = |(object, index, id): (&'static str, _, Option<&str>)| (object, index, id.map(EventId::from));
        let list = EvidenceList::new(events.into_iter().map(piece), Vec::new(), &mut Texts::default());
        let shown = |piece: &Evidence| (piece.object.to_string(), piece.record_index, piece.event_id.as_ref().map(ToString::to_string));
        let wanted: Vec<_> = events.map(|(object, index, id)| (object.to_owned(), index, id.map(str::to_owned))).to_vec();
        assert_eq!(list.iter().map(|piece| shown(&piece)).collect::<Vec<_>>(), wanted);
        let ids = |list: &EvidenceList| list.event_ids().map(|id| id.to_string()).collect::<Vec<_>>();
        assert_eq!(ids(&list), [UUID, "no UUID", ""]);
        let places: Vec<_> = list.places().map(|(object, index)| (object.to_string(), index)).collect();
        assert_eq!(places, wanted.iter().map(|(object, index, _)| (object.clone(), *index)).collect::<Vec<_>>());
        let others = EvidenceList::new(
            events.into_iter().skip(3).step_by(2).map(piece).collect::<Vec<_>>().into_iter(),
            Vec::new(),
            &mut Texts::default(),
        );
        assert_eq!((others.repeats_ids, ids(&others)), (false, vec!["no UUID".to_owned(), String::new()]));
    }
}
