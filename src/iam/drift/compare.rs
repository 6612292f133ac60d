//! Compares what replay predicts with a later snapshot: what differs has no event.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::attribute::{Attribute, Field, Value};
use super::super::kind::Kind;
use super::super::policy::{Document, PolicyDocument};
use super::super::snapshot::{Described, KeySlot, SLACK_SECONDS, Snapshot};
use super::super::state::{Entity, EntityId, Held, State};
use super::begin::is_after;
use super::check::Checks;
use super::item::{Evidence, Item, Missing};
use super::run::Draft;
use super::{Coverage, Setup};
use crate::time::EventTime;

/// Compares, counts, and adds an item for each attribute that differs.
pub(super) fn compare(state: &State, snapshot: &Snapshot, setup: &Setup, checks: &Checks, coverage: &mut Coverage, items: &mut Vec<Draft>) {
    let baseline = setup.baselines.iter().filter(|baseline| baseline.account == snapshot.account && baseline.taken <= snapshot.taken);
    let since = baseline.map(|baseline| baseline.taken.0).max();
    let mut comparison = Comparison { state, snapshot, since, checks, coverage, found: Vec::new() };
    comparison.all();
    items.extend(comparison.found.into_iter().map(Draft::inferred));
}

struct Comparison<'c> {
    state: &'c State,
    snapshot: &'c Snapshot,
    /// When the earlier snapshot was taken.
    since: Option<EventTime>,
    checks: &'c Checks,
    coverage: &'c mut Coverage,
    found: Vec<Item>,
}

impl Comparison<'_> {
    fn all(&mut self) {
        let mut matched: BTreeSet<EntityId> = BTreeSet::new();
        for described in &self.snapshot.entities {
            if let Some(id) = self.described(described) {
                matched.insert(id);
            }
        }
        for (id, entity) in self.state.entities() {
            let reference = &entity.reference;
            let is_here = reference.account == self.snapshot.account || reference.account.is_empty();
            if is_here && self.snapshot.complete.contains(&reference.kind) && !matched.contains(&id) && entity.exists() == Some(true) {
                let exists = Attribute::plain(Field::Exists);
                self.differ(Some(entity), &exists, &Value::Present, &Value::Absent, entity.reference.to_string(), "");
            }
        }
    }

    /// Compares one entity; yields whom of the state it was compared with.
    fn described(&mut self, described: &Described) -> Option<EntityId> {
        let by_id = described.unique_id.as_deref().and_then(|unique_id| self.state.find_unique(unique_id));
        let id = by_id.or_else(|| self.state.find(&described.reference));
        let exists = Attribute::plain(Field::Exists);
        let held = id.map_or_else(|| self.state.existence(&described.reference), |id| self.state.value(id, &exists));
        let entity = id.and_then(|id| self.state.entity(id));
        let name = described.reference.to_string();
        match (entity, held.presence()) {
            (entity, Some(false)) => {
                self.differ(entity, &exists, &held, &Value::Present, name, &described.pointer);
                // The time that the snapshot says it was made at is exact.
                if let (Some(item), Some(created)) = (self.found.last_mut(), described.created)
                    && let Some(missing) = &mut item.missing
                    && missing.window.0.is_none_or(|since| since <= created)
                    && created <= missing.window.1
                {
                    missing.window = (Some(created), created);
                }
            }
            (Some(entity), Some(true)) => {
                if let (Some(old), Some(new)) = (&entity.unique_id, &described.unique_id)
                    && old != new
                {
                    self.recreated(entity, old, new, &name, &described.pointer);
                } else {
                    self.attributes(entity, described, &name);
                }
            }
            _ => self.coverage.not_covered += 1,
        }
        id
    }

    fn recreated(&mut self, entity: &Entity, old: &Arc<str>, new: &Arc<str>, name: &str, pointer: &Arc<str>) {
        let attribute = Attribute::plain(Field::UniqueId);
        self.differ(Some(entity), &attribute, &Value::text(old), &Value::text(new), name.to_owned(), pointer);
        if let Some(item) = self.found.last_mut() {
            item.kind = Kind::IdentityRecreated;
            item.severity = Kind::IdentityRecreated.severity(item.risk);
        }
    }

    fn attributes(&mut self, entity: &Entity, described: &Described, name: &str) {
        if entity.reference.name != described.reference.name {
            let attribute = Attribute::plain(Field::Name);
            let (before, after) = (Value::text(&entity.reference.name), Value::text(&described.reference.name));
            self.differ(Some(entity), &attribute, &before, &after, name.to_owned(), &described.pointer);
        }
        let covered = self.snapshot.covered(described);
        let seen = entity.attributes().map(|(attribute, _)| attribute).filter(|attribute| covered.contains(&attribute.field));
        let all: BTreeSet<&Attribute> = described.attributes.keys().chain(seen).collect();
        for attribute in all {
            let before = entity.value(attribute);
            let after = described.attributes.get(attribute).unwrap_or(&Value::Absent);
            let is_known = |value: &Value| !matches!(value, Value::Unknown | Value::Ambiguous | Value::Redacted | Value::Secret);
            if !is_known(&before)
                || !is_known(after)
                || (before == Value::Present && !attribute.is_flag() && after.presence() == Some(true))
            {
                self.coverage.not_covered += 1;
            } else if before == *after || self.is_same_document(&before, after) {
                self.coverage.explained += 1;
            } else {
                self.differ(Some(entity), attribute, &before, after, name.to_owned(), &described.pointer);
            }
        }
        self.counts(entity, described, name);
    }

    /// A credential report has no ids: keys are told by the times of their last changes, or else only their numbers compare.
    fn counts(&mut self, entity: &Entity, described: &Described, name: &str) {
        let are_told = self.slots(entity, described, name);
        if let Some((active, inactive)) = described.access_keys.filter(|_| !are_told && entity.covers(Field::AccessKey)) {
            let held = |status: &str| entity.keys(Field::AccessKey).filter(|(_, value)| value.as_text() == Some(status)).count();
            for (status, here) in [("Active", active), ("Inactive", inactive)] {
                let attribute = Attribute::keyed(Field::AccessKey, &format!("count {status}"));
                self.number(entity, &attribute, held(status), here, name, &described.pointer);
            }
        }
        if let Some(has_mfa) = described.has_mfa.filter(|_| entity.covers(Field::MfaDevice)) {
            let held = entity.keys(Field::MfaDevice).next().is_some();
            if held == has_mfa {
                self.coverage.explained += 1;
            } else {
                let flag = |is_on| if is_on { Value::Present } else { Value::Absent };
                let any = Attribute::keyed(Field::MfaDevice, "*");
                self.differ(Some(entity), &any, &flag(held), &flag(has_mfa), name.to_owned(), &described.pointer);
            }
        }
    }

    /// Compares the keys of a report by the times of their last changes; false, and nothing is said, where these do not tell
    /// which key each of them is.
    fn slots(&mut self, entity: &Entity, described: &Described, name: &str) -> bool {
        let (Some((active, inactive)), slots) = (described.access_keys, &described.key_slots) else { return false };
        if slots.is_empty() || slots.len() != active + inactive {
            return false;
        }
        let keys: Vec<(&Attribute, &Held)> = entity.attributes().filter(|(attribute, _)| attribute.field == Field::AccessKey).collect();
        let is_near = |time: EventTime, slot: &KeySlot| time.epoch().abs_diff(slot.last_rotated.epoch()) <= ROTATED_SECONDS;
        let is_key = |slot: &KeySlot, (key, held): &(&Attribute, &Held)| {
            let times = [held.since.filter(|_| held.event_id.is_some()), self.checks.made(&key.key)];
            held.value.presence() == Some(true) && times.into_iter().flatten().any(|time| is_near(time, slot))
        };
        let mut told: Vec<(Option<&Attribute>, &KeySlot)> = Vec::new();
        for slot in slots {
            let mut here = keys.iter().filter(|key| is_key(slot, key)).map(|(key, _)| *key);
            match (here.next(), here.next()) {
                (Some(key), None) if !told.iter().any(|(other, _)| *other == Some(key)) => told.push((Some(key), slot)),
                (None, None) if self.since.is_some_and(|since| is_after(slot.last_rotated, since)) => told.push((None, slot)),
                _ => return false,
            }
        }
        let gone =
            keys.iter().filter(|(key, held)| held.value.presence() == Some(true) && !told.iter().any(|(other, _)| *other == Some(*key)));
        let gone: Vec<(&Attribute, Value)> = gone.map(|(key, held)| (*key, held.value.clone())).collect();
        for (key, slot) in told {
            let status = Value::text(if slot.is_active { "Active" } else { "Inactive" });
            self.slot(entity, key, slot, &status, name, &described.pointer);
        }
        for (key, value) in gone {
            self.differ(Some(entity), key, &value, &Value::Absent, name.to_owned(), &described.pointer);
        }
        true
    }

    /// A key of a report: one that the log has, or one that it has not, of which the report tells the time.
    fn slot(&mut self, entity: &Entity, key: Option<&Attribute>, slot: &KeySlot, status: &Value, name: &str, pointer: &Arc<str>) {
        let before = key.map_or(Value::Absent, |key| entity.value(key));
        if before == *status {
            self.coverage.explained += 1;
            return;
        }
        let unknown = Attribute::keyed(Field::AccessKey, &format!("slot {}", slot.number));
        let found = self.found.len();
        self.differ(Some(entity), key.unwrap_or(&unknown), &before, status, name.to_owned(), pointer);
        if let Some(item) = self.found.get_mut(found).filter(|_| key.is_none()) {
            item.missing = Some(Box::new(Missing::within(Some(slot.last_rotated), slot.last_rotated)));
        }
    }

    fn number(&mut self, entity: &Entity, attribute: &Attribute, held: usize, here: usize, name: &str, pointer: &Arc<str>) {
        if held == here {
            self.coverage.explained += 1;
        } else {
            let value = |number: usize| Value::Json(number.into());
            self.differ(Some(entity), attribute, &value(held), &value(here), name.to_owned(), pointer);
        }
    }

    /// IAM writes the id of a deleted principal in place of its ARN: a document with the one is that with the other.
    fn is_same_document(&self, before: &Value, after: &Value) -> bool {
        let (Some(before), Some(after)) = (before.policy(), after.policy()) else { return false };
        let named = |document: &Document| {
            let mut text = document.policy()?.canonical();
            let ids: BTreeSet<String> = text.split('"').filter(|word| is_unique_id(word)).map(str::to_owned).collect();
            let entities = ids.into_iter().filter_map(|id| Some((self.state.entity(self.state.find_unique(&id)?)?, id)));
            for (entity, id) in entities {
                text = text.replace(&id, &entity.reference.to_string());
            }
            PolicyDocument::parse(&text).ok().map(|policy| policy.sha256())
        };
        named(before) == named(after)
    }

    /// An attribute that the log does not lead to, unless a snapshot was being taken when it changed.
    fn differ(&mut self, entity: Option<&Entity>, attribute: &Attribute, before: &Value, after: &Value, name: String, pointer: &str) {
        let held: Option<&Held> = entity.and_then(|entity| entity.held(attribute));
        let changed = held.and_then(|held| held.since).filter(|_| held.is_some_and(|held| held.event_id.is_some()));
        let start = self.snapshot.taken.0.epoch().saturating_sub(SLACK_SECONDS);
        if changed.is_some_and(|changed| changed.epoch() >= start) {
            self.coverage.uncertain += 1;
            return;
        }
        self.coverage.unexplained += 1;
        let (written_before, written_after) = (before.written(attribute), after.written(attribute));
        let account = self.snapshot.account.clone();
        let mut item =
            Item::inferred(name.into(), account, Kind::UnexplainedChange, attribute.to_string().into(), written_before, written_after);
        item.event_time = Some(self.snapshot.taken.1);
        let contradicts = held.and_then(|held| held.event_id.clone());
        let missing = Missing::within(held.and_then(|held| held.since).or(self.since), self.snapshot.taken.1);
        item.missing = Some(Box::new(Missing { contradicts, ..missing }));
        item.evidence.push(Evidence::Snapshot { file: self.snapshot.file.clone(), pointer: pointer.into() });
        item.statements = super::Documents::of(before, after);
        self.found.push(item);
    }
}

fn is_unique_id(word: &str) -> bool {
    ["AIDA", "AROA"].iter().any(|start| word.starts_with(start)) && word.bytes().all(|letter| letter.is_ascii_alphanumeric())
}

/// How near the time in a report is to that of the call.
const ROTATED_SECONDS: u64 = 2;
