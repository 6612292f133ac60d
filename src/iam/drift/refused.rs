//! Calls that were refused for what the state has otherwise, and what a refusal tells where nothing is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::attribute::{Attribute, Field, Value};
use super::super::entity::EntityKey;
use super::super::event::IamEvent;
use super::super::kind::Kind;
use super::super::replay::{Now, Proof, SETTLED_SECONDS, Step, count, most, used};
use super::super::state::{Entity, Held, Provenance, State};
use super::check::{Checks, contradiction, is_older};
use super::run::Draft;
use crate::time::EventTime;

/// What the look at refusals remembers over a run.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// When something last stopped naming an entity, or began to.
    named: BTreeMap<EntityKey, EventTime>,
}

/// An attribute that was otherwise: what is held of it, and what the refusal proves.
type Otherwise = (Attribute, Value, Value);

impl Refusals {
    /// Notes whom a step is about besides its own entity.
    pub(super) fn note(&mut self, state: &State, step: &Step, time: EventTime) {
        let Some(entity) = state.entity(step.entity) else { return };
        for value in [&step.before, &step.after] {
            if let Some(other) = used(&entity.reference, &step.attribute, value) {
                self.named.insert(other.key(), time);
            }
        }
    }

    /// Tells what contradicts a refusal, where that is asked for, and learns from it what is not known.
    ///
    /// It learns no more than whether something is there: a refusal changes nothing.
    pub(super) fn event(&self, state: &mut State, checks: &Checks, event: &IamEvent, items: Option<&mut Vec<Draft>>) {
        let now = Now::of(state, event.event_time);
        let Some(proof) = Proof::of(&now, event) else { return };
        if proof.is_possible(&now) {
            learn(state, event, &proof);
        } else if let Some(items) = items
            && let Some((attribute, before, after)) = self.otherwise(state, checks, event.event_time, &proof)
        {
            let known = state.find(proof.entity()).and_then(|id| state.entity(id));
            let entity = known.map_or_else(|| proof.entity(), |known| &known.reference);
            items.push(contradiction(entity, event, Kind::PreconditionViolation, &attribute, &before, &after));
        }
    }

    /// What is held, and is settled, that a refusal contradicts.
    fn otherwise(&self, state: &State, checks: &Checks, time: EventTime, proof: &Proof) -> Option<Otherwise> {
        let now = Now::of(state, time);
        let key = proof.entity().key();
        let known = state.find(proof.entity()).and_then(|id| state.entity(id));
        let is_settled =
            |attribute: &Attribute| known.and_then(|known| known.held(attribute)).is_none_or(|held| is_older(held, time, SETTLED_SECONDS));
        match proof {
            Proof::Presence(_, attribute, presence) => {
                // Of what is not there, nothing is.
                let counts = attribute.field == Field::Exists || now.exists(&key) == Some(true);
                let implied = if *presence { Value::Present } else { Value::Absent };
                (counts && is_settled(attribute)).then(|| (attribute.clone(), now.value(&key, attribute), implied))
            }
            Proof::InFlight(_) => None,
            Proof::Default(_, version) => {
                let default = Attribute::plain(Field::DefaultVersion);
                let held = now.value(&key, &default);
                is_settled(&default).then(|| (default, held, Value::text(&version.key)))
            }
            Proof::Children(_) => {
                let is_named_since = self.named.get(&key).is_some_and(|last| time.epoch().saturating_sub(last.epoch()) <= SETTLED_SECONDS);
                let any = Attribute::keyed(Field::Child, "*");
                (!is_named_since && has_settled(known?, time, None)).then_some((any, Value::Absent, Value::Present))
            }
            Proof::Full(_, field) => {
                let known = known.filter(|known| has_settled(known, time, Some(*field)))?;
                if *field == Field::AccessKey && !checks.has_all_keys(known) {
                    return None;
                }
                let held = now.keys(&key, *field).len();
                Some((Attribute::keyed(*field, "*"), count(held), count(most(*field)?)))
            }
        }
    }
}

/// Whether nothing of an entity, or of that field, was changed shortly before.
fn has_settled(entity: &Entity, time: EventTime, field: Option<Field>) -> bool {
    let counts = |attribute: &Attribute| field.is_none_or(|field| [field, Field::Exists].contains(&attribute.field));
    let mut all = entity.attributes().filter(|(attribute, _)| counts(attribute));
    all.all(|(_, held)| held.since.is_none() || is_older(held, time, SETTLED_SECONDS))
}

/// Keeps whether something is there, where that is not known.
fn learn(state: &mut State, event: &IamEvent, proof: &Proof) {
    let Proof::Presence(entity, attribute, presence) = proof else { return };
    let held = Held {
        value: if *presence { Value::Present } else { Value::Absent },
        since: Some(event.event_time),
        provenance: Provenance::Refused,
        event_id: Some(Arc::from(&*event.event_id)),
    };
    match state.find(entity) {
        None if attribute.field == Field::Exists && state.existence(entity).presence().is_none() => _ = state.meet(entity, held),
        Some(id) if state.value(id, attribute) == Value::Unknown => state.set(id, attribute, held),
        _ => {}
    }
}
