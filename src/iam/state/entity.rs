//! One lifetime of an entity.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::attribute::{Attribute, Field, Value};
use super::super::entity::EntityRef;
use crate::time::EventTime;

/// An entity with what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entity {
    /// Its name, as last known.
    pub reference: EntityRef,
    /// Its unique id.
    pub unique_id: Option<Arc<str>>,
    attributes: BTreeMap<Attribute, Held>,
    covered: Covered,
    /// Fields of which more is there than is known.
    uncovered: BTreeSet<Field>,
}

/// Of which fields an attribute that was not seen is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Covered {
    /// Of none.
    Nothing,
    /// Of these, which a snapshot has.
    Fields(Arc<BTreeSet<Field>>),
    /// Of all, as the entity's creation was seen.
    All,
}

/// A value, and how it is known.
#[derive(Debug, Clone, PartialEq)]
pub struct Held {
    /// The value.
    pub value: Value,
    /// Since when it is known to be so.
    pub since: Option<EventTime>,
    /// How it is known.
    pub provenance: Provenance,
    /// By which event.
    pub event_id: Option<Arc<str>>,
}

/// How a value is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provenance {
    /// A snapshot has it.
    Snapshot,
    /// A call set it.
    Event,
    /// The success of a call proves it.
    Implied,
    /// The refusal of a call proves it.
    Refused,
}

impl Entity {
    pub(super) const fn new(reference: EntityRef, covered: Covered) -> Self {
        Self { reference, unique_id: None, attributes: BTreeMap::new(), covered, uncovered: BTreeSet::new() }
    }

    /// What is known of an attribute.
    pub fn value(&self, attribute: &Attribute) -> Value {
        match self.attributes.get(attribute) {
            Some(held) => held.value.clone(),
            None if self.covers(attribute.field) => Value::Absent,
            None => Value::Unknown,
        }
    }

    /// How an attribute is known, where it was seen.
    pub fn held(&self, attribute: &Attribute) -> Option<&Held> {
        self.attributes.get(attribute)
    }

    /// Whether it is there; `None` where that is not known.
    pub fn exists(&self) -> Option<bool> {
        self.value(&Attribute::plain(Field::Exists)).presence()
    }

    /// The keys of a field that are known to be there, in order.
    pub fn keys(&self, field: Field) -> impl Iterator<Item = (&Attribute, &Value)> {
        let all = self.attributes.range(Attribute::plain(field)..).take_while(move |(attribute, _)| attribute.field == field);
        all.map(|(attribute, held)| (attribute, &held.value)).filter(|(_, value)| value.presence() == Some(true))
    }

    /// All attributes that were seen, in order.
    pub fn attributes(&self) -> impl Iterator<Item = (&Attribute, &Held)> {
        self.attributes.iter()
    }

    /// Whether its creation was seen.
    pub(in crate::iam) const fn was_made(&self) -> bool {
        matches!(self.covered, Covered::All)
    }

    /// Whether what was not seen of a field is absent.
    pub(in crate::iam) fn covers(&self, field: Field) -> bool {
        let is_covered = match &self.covered {
            Covered::Nothing => false,
            Covered::Fields(fields) => fields.contains(&field),
            Covered::All => field != Field::Exists,
        };
        is_covered && !self.uncovered.contains(&field)
    }

    /// From now on what was not seen of a field may be there.
    pub(super) fn uncover(&mut self, field: Field) {
        self.uncovered.insert(field);
    }

    /// False where it has too many attributes to hold another one; what it has no room for is unknown from then on.
    pub(super) fn set(&mut self, attribute: Attribute, held: Held) -> bool {
        if self.attributes.len() >= MAX_ATTRIBUTES && !self.attributes.contains_key(&attribute) {
            self.covered = Covered::Nothing;
            return false;
        }
        self.attributes.insert(attribute, held);
        true
    }
}

/// Attributes that are held of one entity.
///
/// # Source
/// The quotas of IAM allow a user or role fewer than 100, an organization 10,000 accounts, and Identity Center 3,500
/// assignments in an account.
pub(super) const MAX_ATTRIBUTES: usize = 20_000;
