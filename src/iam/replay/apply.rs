//! Applies changes to the state, and says what came of each.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::super::attribute::{Attribute, Field, Value};
use super::super::change::{Change, Effect, Implies, Subject, password_defaults};
use super::super::entity::{EntityKey, EntityRef};
use super::super::kind::Kind;
use super::super::state::{Covered, EntityId, Held, Provenance, State};
use super::needs;
use super::now::{Now, stored};
use super::proof::SETTLED_SECONDS;
use crate::time::EventTime;

/// What a change came to: a transition of one attribute, or what its success tells about the log.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::iam) struct Step {
    pub(in crate::iam) kind: Kind,
    pub(in crate::iam) entity: EntityId,
    pub(in crate::iam) attribute: Attribute,
    pub(in crate::iam) before: Value,
    pub(in crate::iam) after: Value,
    /// Since when the value before is known to have been so.
    pub(in crate::iam) since: Option<EventTime>,
    /// It was not called for, but follows from the success of a call.
    pub(in crate::iam) is_inferred: bool,
}

/// Applies the changes of one event.
pub(in crate::iam) struct Applier<'s> {
    pub(in crate::iam) state: &'s mut State,
    pub(in crate::iam) event_id: Arc<str>,
    pub(in crate::iam) now: EventTime,
    pub(in crate::iam) steps: Vec<Step>,
}

impl Applier<'_> {
    /// Applies one change. One that leaves everything as it was makes no step.
    pub(in crate::iam) fn apply(&mut self, change: &Change) {
        let reference = subject(self.state, &change.subject);
        if let Effect::Create { unique_id, initial } = &change.effect {
            self.create(change, &reference, unique_id.as_ref(), initial);
            return;
        }
        // A call that finds nothing to delete may have nothing to be proven by.
        let implies_entity = !matches!(change.effect, Effect::Delete { implies: Implies::Nothing });
        let id = if implies_entity { self.existing(&reference) } else { self.found_or_met(&reference) };
        match &change.effect {
            Effect::Create { .. } => {}
            Effect::Delete { .. } => self.delete(change, id),
            Effect::Set { attribute, value, implies } => self.set(change, id, attribute, value, *implies),
            Effect::Rename { name, path } => self.rename(change, id, name.as_ref(), path.as_ref()),
            Effect::AddVersion { version, document, is_default } => self.add_version(change, id, version.as_ref(), document, *is_default),
            Effect::SetDefault { version } => self.set_default(change, id, version),
            Effect::Replace { field, keys } => self.replace(change, id, *field, keys),
            Effect::EndMembership { membership } => self.end_membership(change, id, membership),
            Effect::ClearPasswordPolicy => self.clear_password_policy(change, id),
            Effect::DisablePolicyType { policy_type } => self.disable_policy_type(change, id, policy_type),
            Effect::Note { attribute, value } => {
                let before = match (value, attribute.field) {
                    (Value::Secret, _) => Value::Secret,
                    (_, Field::Session) => Value::Absent,
                    _ => self.state.value(id, attribute),
                };
                // A credential whose id is not known is one more than are known.
                if &*attribute.key == "<unknown>" {
                    self.state.uncover(id, attribute.field);
                }
                self.push(change.kind, id, attribute, before, value.clone());
            }
        }
    }

    fn create(&mut self, change: &Change, reference: &EntityRef, unique_id: Option<&Arc<str>>, initial: &[(Attribute, Value)]) {
        let exists = Attribute::plain(Field::Exists);
        let there = self.state.find(reference).filter(|old| self.state.value(*old, &exists).presence() == Some(true));
        if let Some(old) = there {
            if reference.kind.has_lifetime() && needs::is_taken(&self.so_far(), &reference.key()) {
                self.infer(Kind::PreconditionViolation, old, &exists, Value::Present, Value::Absent);
            }
            self.end(old);
        }
        let held = self.held(Value::Present);
        let id = self.state.begin(reference, unique_id.cloned(), Covered::All, held);
        for (attribute, value) in initial {
            self.keep(id, attribute, value);
        }
        self.push(change.kind, id, &exists, Value::Absent, Value::Present);
    }

    fn delete(&mut self, change: &Change, id: EntityId) {
        let exists = Attribute::plain(Field::Exists);
        let before = self.state.value(id, &exists);
        let left = self.state.entity(id).map(|entity| self.left(&entity.reference));
        for (attribute, value) in left.into_iter().flatten() {
            self.infer(Kind::PreconditionViolation, id, &attribute, value, Value::Absent);
        }
        let before = if before.presence().is_none() && proves(&change.effect) { Value::Present } else { before };
        self.end(id);
        if before != Value::Absent {
            self.push(change.kind, id, &exists, before, Value::Absent);
        }
    }

    /// What is left of an entity that AWS would refuse to delete it for, as attributes of its own.
    fn left(&self, entity: &EntityRef) -> Vec<(Attribute, Value)> {
        let found = needs::in_way(&self.so_far(), entity).into_iter();
        found.map(|(holder, attribute, value)| self.seen_from(entity, &holder, attribute, value)).collect()
    }

    /// What names an entity elsewhere, as an attribute of its own.
    fn seen_from(&self, entity: &EntityRef, holder: &EntityKey, attribute: Attribute, value: Value) -> (Attribute, Value) {
        if *holder == entity.key() {
            return (attribute, value);
        }
        let holder = self.state.at(holder).and_then(|id| self.state.entity(id)).map(|holder| &holder.reference);
        let name = || holder.map_or_else(String::new, |holder| holder.name.to_string());
        let key = || holder.map_or_else(String::new, ToString::to_string);
        let attribute = match attribute.field {
            Field::Member => Attribute::keyed(Field::InGroup, &name()),
            Field::ProfileRole => Attribute::keyed(Field::InProfile, &name()),
            _ => Attribute::keyed(Field::AttachedTo, &key()),
        };
        (attribute, Value::Present)
    }

    /// A lifetime ends, with what hangs on the entity, and with what names it elsewhere.
    fn end(&mut self, id: EntityId) {
        let hanging = needs::hanging(self.state, id);
        let elsewhere = needs::naming(self.state, id);
        for (id, attribute) in hanging.into_iter().map(|attribute| (id, attribute)).chain(elsewhere) {
            let held = Held { provenance: Provenance::Implied, ..self.held(Value::Absent) };
            self.state.set(id, &attribute, held);
        }
        let held = self.held(Value::Absent);
        self.state.set(id, &Attribute::plain(Field::Exists), held);
    }

    fn set(&mut self, change: &Change, id: EntityId, attribute: &Attribute, value: &Value, implies: Implies) {
        let Some(reference) = self.state.entity(id).map(|entity| entity.reference.clone()) else { return };
        let attribute = &stored(self.state, id, attribute, self.now);
        let used = needs::used(&reference, attribute, value);
        if let Some(used) = used.filter(|_| value.presence() == Some(true)) {
            self.existing(&used);
        }
        let held = self.state.value(id, attribute);
        let before = match (implies, held.presence()) {
            (Implies::Absent, Some(true)) => self.contradict(id, attribute, held, Value::Absent),
            (Implies::Present, Some(false)) => self.contradict(id, attribute, held, Value::Present),
            (Implies::Absent, None) => Value::Absent,
            (Implies::Present, None) => Value::Present,
            _ => held,
        };
        let refusal = needs::refusal(&self.so_far(), &reference.key(), attribute, value);
        if let Some((attribute, before, after)) = refusal {
            self.infer(Kind::PreconditionViolation, id, &attribute, before, after);
        }
        let since = self.state.entity(id).and_then(|entity| entity.held(attribute)?.since);
        self.keep(id, attribute, value);
        if !change.is_quiet && is_change(&before, value) {
            self.push(change.kind, id, attribute, before, value.clone());
            if let Some(step) = self.steps.last_mut() {
                step.since = since;
            }
        }
    }

    /// Notes that success contradicts what is held, and yields what it implies.
    fn contradict(&mut self, id: EntityId, attribute: &Attribute, held: Value, implied: Value) -> Value {
        self.infer(Kind::PreconditionViolation, id, attribute, held, implied.clone());
        implied
    }

    fn rename(&mut self, change: &Change, id: EntityId, name: Option<&Arc<str>>, path: Option<&Arc<str>>) {
        let Some(old) = self.state.entity(id).map(|entity| entity.reference.clone()) else { return };
        if let Some(name) = name {
            let taken = self.state.find(&EntityRef { name: name.clone(), ..old.clone() }).filter(|other| *other != id);
            let exists = Attribute::plain(Field::Exists);
            if let Some(other) = taken.filter(|other| self.state.value(*other, &exists).presence() == Some(true)) {
                self.infer(Kind::PreconditionViolation, other, &exists, Value::Present, Value::Absent);
                self.end(other);
            }
        }
        self.state.rename(id, name, path, self.now);
        if let Some(path) = path.filter(|path| old.path.as_ref() != Some(*path)) {
            let before = old.path.as_deref().map_or(Value::Unknown, Value::text);
            self.push(change.kind, id, &Attribute::plain(Field::Path), before, Value::text(path));
        }
        if let Some(name) = name.filter(|name| old.name != **name) {
            self.push(change.kind, id, &Attribute::plain(Field::Name), Value::text(&old.name), Value::text(name));
        }
    }

    fn add_version(&mut self, change: &Change, id: EntityId, version: Option<&Arc<str>>, document: &Value, is_default: bool) {
        let Some(key) = self.state.entity(id).map(|entity| entity.reference.key()) else { return };
        let attribute = Attribute::keyed(Field::Version, version.map_or("<unknown>", |version| version));
        if let Some(version) = version {
            let skipped = needs::skipped_versions(&self.so_far(), &key, version);
            for skipped in skipped {
                self.infer(Kind::VersionGap, id, &skipped, Value::Absent, Value::Unknown);
            }
            let highest = needs::highest_version(&self.so_far(), &key, version);
            if let Some((highest, new)) = highest {
                let any = Attribute::keyed(Field::Version, "*");
                let value = |number: u64| Value::text(&format!("v{number}"));
                self.infer(Kind::PreconditionViolation, id, &any, value(highest), value(new.saturating_sub(1)));
            }
        }
        let refusal = needs::refusal(&self.so_far(), &key, &attribute, document);
        if let Some((attribute, before, after)) = refusal {
            self.infer(Kind::PreconditionViolation, id, &attribute, before, after);
        }
        let before = self.state.value(id, &attribute);
        self.keep(id, &attribute, document);
        if is_default {
            self.make_default(change, id, version, document);
        } else {
            let before = if before.presence().is_none() { Value::Absent } else { before };
            self.push(change.kind, id, &attribute, before, document.clone());
        }
    }

    fn set_default(&mut self, change: &Change, id: EntityId, version: &Arc<str>) {
        let attribute = Attribute::keyed(Field::Version, version);
        let document = match self.state.value(id, &attribute) {
            held if held.presence() == Some(false) => {
                self.contradict(id, &attribute, held, Value::Present);
                Value::Unknown
            }
            document @ Value::Document(_) => document,
            _ => Value::Unknown,
        };
        if self.state.value(id, &Attribute::plain(Field::DefaultVersion)).as_text() != Some(version) {
            self.make_default(change, id, Some(version), &document);
        }
    }

    fn make_default(&mut self, change: &Change, id: EntityId, version: Option<&Arc<str>>, document: &Value) {
        let attribute = Attribute::plain(Field::DefaultDocument);
        let before = self.state.value(id, &attribute);
        self.keep(id, &Attribute::plain(Field::DefaultVersion), &version.map_or(Value::Unknown, |version| Value::text(version)));
        self.keep(id, &attribute, document);
        if is_change(&before, document) {
            self.push(change.kind, id, &attribute, before, document.clone());
        }
    }

    fn replace(&mut self, change: &Change, id: EntityId, field: Field, keys: &BTreeSet<Arc<str>>) {
        let Some(entity) = self.state.entity(id) else { return };
        let gone = entity.keys(field).filter(|(attribute, _)| !keys.contains(&attribute.key)).map(|(attribute, _)| attribute.clone());
        for attribute in gone.collect::<Vec<_>>() {
            self.set(change, id, &attribute, &Value::Absent, Implies::Nothing);
        }
        for key in keys {
            self.set(change, id, &Attribute::keyed(field, key), &Value::Present, Implies::Nothing);
        }
    }

    fn end_membership(&mut self, change: &Change, id: EntityId, membership: &Arc<str>) {
        let Some(key) = self.state.entity(id).map(|entity| entity.reference.key()) else { return };
        let member = needs::member(&self.so_far(), &key, membership);
        self.keep(id, &Attribute::keyed(Field::Membership, membership), &Value::Absent);
        self.set(change, id, &member, &Value::Absent, Implies::Present);
    }

    fn clear_password_policy(&mut self, change: &Change, id: EntityId) {
        let rules = password_defaults().map(|(name, _)| Attribute::keyed(Field::PasswordRule, name));
        let known = rules.iter().map(|rule| Some((rule.key.to_string(), rule_value(&self.state.value(id, rule))?)));
        let before = known.collect::<Option<Map<String, Json>>>().map_or(Value::Unknown, |rules| Value::Json(Json::Object(rules)));
        for rule in &rules {
            self.keep(id, rule, &Value::Absent);
        }
        self.push(change.kind, id, &Attribute::plain(Field::PasswordPolicy), before, Value::Absent);
    }

    /// Attachments of policies of another type stay; of those whose type is not known nothing is known any more.
    fn disable_policy_type(&mut self, change: &Change, id: EntityId, policy_type: &Arc<str>) {
        for (target, attribute, of_type) in self.state.attachments_to_targets() {
            match of_type {
                Some(of_type) if of_type != *policy_type => {}
                of_type => self.keep(target, &attribute, if of_type.is_some() { &Value::Absent } else { &Value::Unknown }),
            }
        }
        self.set(change, id, &Attribute::keyed(Field::PolicyType, policy_type), &Value::Absent, Implies::Present);
    }

    /// The entity, as a call that succeeded needs it to be there.
    fn existing(&mut self, reference: &EntityRef) -> EntityId {
        let exists = Attribute::plain(Field::Exists);
        let id = self.state.find(reference).or_else(|| self.state.find_former(&reference.key(), self.now));
        let presence = id.map_or_else(|| self.state.existence(reference), |id| self.state.value(id, &exists)).presence();
        match (id, presence) {
            (Some(id), Some(true)) => {
                if let Some(path) = &reference.path {
                    self.state.locate(id, path);
                }
                id
            }
            (Some(id), None) => {
                self.keep(id, &exists, &Value::Present);
                id
            }
            (Some(deleted), Some(false)) => {
                self.infer(Kind::PreconditionViolation, deleted, &exists, Value::Absent, Value::Present);
                self.meet(reference)
            }
            (None, Some(false)) => {
                let id = self.meet(reference);
                self.infer(Kind::UnexplainedChange, id, &exists, Value::Absent, Value::Present);
                id
            }
            (None, _) => self.meet(reference),
        }
    }

    fn found_or_met(&mut self, reference: &EntityRef) -> EntityId {
        self.state.find(reference).unwrap_or_else(|| {
            let held = self.held(self.state.existence(reference));
            self.state.meet(reference, held)
        })
    }

    fn meet(&mut self, reference: &EntityRef) -> EntityId {
        let held = Held { provenance: Provenance::Implied, ..self.held(Value::Present) };
        self.state.meet(reference, held)
    }

    /// All that is held, as things are.
    fn so_far(&self) -> Now<'_> {
        Now::of(self.state, self.now)
    }

    fn keep(&mut self, id: EntityId, attribute: &Attribute, value: &Value) {
        let held = self.held(value.clone());
        self.state.set(id, attribute, held);
    }

    fn held(&self, value: Value) -> Held {
        Held { value, since: Some(self.now), provenance: Provenance::Event, event_id: Some(self.event_id.clone()) }
    }

    fn push(&mut self, kind: Kind, entity: EntityId, attribute: &Attribute, before: Value, after: Value) {
        self.steps.push(Step { kind, entity, attribute: attribute.clone(), before, after, since: None, is_inferred: false });
    }

    fn infer(&mut self, kind: Kind, entity: EntityId, attribute: &Attribute, before: Value, after: Value) {
        // What a refusal seemed to prove a moment ago may have been there all the same: IAM is eventually consistent.
        let held = self.state.entity(entity).and_then(|entity| entity.held(attribute));
        let refused = held.filter(|held| held.provenance == Provenance::Refused).and_then(|held| held.since);
        if refused.is_some_and(|since| self.now.epoch().saturating_sub(since.epoch()) <= SETTLED_SECONDS) {
            return;
        }
        self.steps.push(Step { kind, entity, attribute: attribute.clone(), before, after, since: None, is_inferred: true });
    }
}

/// Whom a change concerns, by what is known now.
pub(super) fn subject(state: &State, subject: &Subject) -> EntityRef {
    match subject {
        Subject::Named(reference) => reference.clone(),
        Subject::HolderOf { attribute, or_else } => {
            let holder = state.holder(&or_else.account, attribute).and_then(|id| state.entity(id));
            holder.map_or_else(|| or_else.clone(), |entity| entity.reference.clone())
        }
    }
}

/// Whether an item is due: values differ, or differ for all that can be known.
fn is_change(before: &Value, after: &Value) -> bool {
    before != after || matches!(after, Value::Unknown | Value::Redacted | Value::Secret)
}

const fn proves(effect: &Effect) -> bool {
    matches!(effect, Effect::Delete { implies: Implies::Present })
}

fn rule_value(value: &Value) -> Option<Json> {
    match value {
        Value::Json(value) => Some(value.clone()),
        _ => None,
    }
}
