//! What is held at one point of an order: a state, and over it what the calls of the order so far have made.
//!
//! Whoever looks for an order and whoever applies one ask the same questions of it; the latter of the state alone.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::super::attribute::{Attribute, Field, Value};
use super::super::change::Effect;
use super::super::entity::{EntityKey, EntityKind, EntityRef};
use super::super::state::{Entity, EntityId, Held, State};
use super::needs;
use crate::time::EventTime;

/// A state, and what was made over it.
#[derive(Debug)]
pub(in crate::iam) struct Now<'s> {
    state: &'s State,
    time: EventTime,
    made: Vec<Made>,
}

/// One thing that a call made.
#[derive(Debug)]
enum Made {
    /// An entity that has nothing yet.
    Begun(EntityKey),
    /// It is gone, with all that it had.
    Ended(EntityKey),
    /// It has another name.
    Renamed(EntityKey, EntityKey),
    /// An attribute has a value.
    Value(EntityKey, Attribute, Value),
}

impl<'s> Now<'s> {
    /// The state alone, at that time.
    pub(in crate::iam) const fn of(state: &'s State, time: EventTime) -> Self {
        Self { state, time, made: Vec::new() }
    }

    /// How much was made, to be given to [`reset`](Self::reset).
    pub(super) const fn mark(&self) -> usize {
        self.made.len()
    }

    /// Takes back what was made after a mark.
    pub(super) fn reset(&mut self, mark: usize) {
        self.made.truncate(mark);
    }

    /// Whether somebody has that name; `None` where that is not known.
    pub(in crate::iam) fn exists(&self, entity: &EntityKey) -> Option<bool> {
        self.value(entity, &Attribute::plain(Field::Exists)).presence()
    }

    /// Whether nobody has that name, nor had it so shortly before that calls may still use it.
    pub(super) fn lacks(&self, entity: &EntityKey) -> bool {
        self.exists(entity) == Some(false) && self.state.find_former(entity, self.time).is_none()
    }

    /// What is held of an attribute.
    pub(in crate::iam) fn value(&self, entity: &EntityKey, attribute: &Attribute) -> Value {
        let (mut entity, mut attribute) = (Cow::Borrowed(entity), Cow::Borrowed(attribute));
        for made in self.made.iter().rev() {
            match made {
                Made::Value(holder, of, value) if *holder == *entity && is_same(of, &attribute) => return value.clone(),
                Made::Begun(begun) if *begun == *entity && attribute.field == Field::Exists => return Value::Present,
                Made::Begun(key) | Made::Ended(key) | Made::Renamed(key, _) if *key == *entity => return Value::Absent,
                Made::Renamed(old, new) if *new == *entity => entity = Cow::Owned(old.clone()),
                // Members go by their names.
                Made::Renamed(old, _) if is_member(&entity, &attribute, old) => return Value::Absent,
                Made::Renamed(old, new) if is_member(&entity, &attribute, new) => {
                    attribute = Cow::Owned(Attribute::keyed(Field::Member, &old.name));
                }
                _ => {}
            }
        }
        let is_existence = attribute.field == Field::Exists;
        match self.state.at(&entity).or_else(|| self.state.find_former(&entity, self.time).filter(|_| !is_existence)) {
            Some(id) => self.state.value(id, &stored(self.state, id, &attribute, self.time)),
            None if is_existence => self.state.existence_at(&entity),
            None => Value::Unknown,
        }
    }

    /// The attributes of a field that are known to be there.
    pub(in crate::iam) fn keys(&self, entity: &EntityKey, field: Field) -> Vec<(Attribute, Value)> {
        let names = self.names(entity);
        let known = names.last().and_then(|first| self.state.entity(self.state.at(first)?));
        let mut seen: BTreeSet<Attribute> =
            known.into_iter().flat_map(|known| known.keys(field)).map(|(attribute, _)| attribute.clone()).collect();
        for made in &self.made {
            match made {
                Made::Value(holder, attribute, _) if attribute.field == field && names.contains(holder) => {
                    seen.insert(attribute.clone());
                }
                Made::Renamed(_, new) if field == Field::Member => {
                    seen.insert(Attribute::keyed(field, &new.name));
                }
                _ => {}
            }
        }
        let held = seen.into_iter().map(|attribute| (self.value(entity, &attribute), attribute));
        held.filter(|(value, _)| value.presence() == Some(true)).map(|(value, attribute)| (attribute, value)).collect()
    }

    /// Where other entities name one.
    pub(super) fn naming(&self, entity: &EntityRef) -> Vec<(EntityKey, Attribute, Value)> {
        let names = self.names(&entity.key());
        let known = names.last().and_then(|first| self.state.at(first));
        let of_state = known.into_iter().flat_map(|id| needs::naming(self.state, id));
        let mut seen: Vec<(EntityKey, Attribute)> = Vec::new();
        for (holder, attribute) in of_state {
            let is_member = attribute.field == Field::Member && entity.kind == EntityKind::User;
            let attribute = if is_member && !self.made.is_empty() { Attribute::keyed(Field::Member, &entity.name) } else { attribute };
            seen.extend(self.state.entity(holder).map(|holder| (self.later(holder.reference.key()), attribute)));
        }
        for made in &self.made {
            if let Made::Value(holder, attribute, value) = made
                && needs::names(holder, attribute, value, entity)
                && !seen.iter().any(|(other, of)| other == holder && is_same(of, attribute))
            {
                seen.push((holder.clone(), attribute.clone()));
            }
        }
        let held = seen.into_iter().map(|(holder, attribute)| {
            let value = self.value(&holder, &attribute);
            (holder, attribute, value)
        });
        held.filter(|(holder, attribute, value)| needs::names(holder, attribute, value, entity)).collect()
    }

    /// The numbers of all versions that a policy is known to have had, each with whether it was the highest one when a call
    /// made it; of one that is gone only its deletion may have been seen.
    pub(super) fn versions(&self, policy: &EntityKey) -> Vec<(u64, bool)> {
        let mut found = Vec::new();
        for made in self.made.iter().rev() {
            match made {
                Made::Value(holder, attribute, value) if holder == policy && attribute.field == Field::Version => {
                    found.extend(needs::version_number(&attribute.key).map(|number| (number, *value != Value::Absent)));
                }
                Made::Begun(begun) if begun == policy => return found,
                _ => {}
            }
        }
        let known = self.state.at(policy).and_then(|id| self.state.entity(id));
        let held = known.into_iter().flat_map(Entity::attributes).filter(|(attribute, _)| attribute.field == Field::Version);
        let is_made = |held: &Held| held.event_id.is_some() && held.value != Value::Absent;
        let was_made = known.is_some_and(Entity::was_made);
        found.extend(held.filter_map(|(attribute, held)| Some((needs::version_number(&attribute.key)?, was_made || is_made(held)))));
        found
    }

    /// Whether what was not seen of a field is absent.
    pub(in crate::iam) fn covers(&self, entity: &EntityKey, field: Field) -> bool {
        let mut entity = Cow::Borrowed(entity);
        for made in self.made.iter().rev() {
            match made {
                Made::Begun(key) | Made::Ended(key) if *key == *entity => return true,
                Made::Renamed(old, new) if *new == *entity => entity = Cow::Owned(old.clone()),
                _ => {}
            }
        }
        self.state.at(&entity).and_then(|id| self.state.entity(id)).is_some_and(|known| known.covers(field))
    }

    /// Takes an effect for done.
    pub(super) fn make(&mut self, subject: &EntityRef, effect: &Effect) {
        let key = subject.key();
        match effect {
            Effect::Create { initial, .. } => {
                self.made.push(Made::Begun(key.clone()));
                self.made.extend(initial.iter().map(|(attribute, value)| Made::Value(key.clone(), attribute.clone(), value.clone())));
                return;
            }
            Effect::Delete { .. } => {
                self.made.push(Made::Ended(key));
                return;
            }
            _ => self.meet(&key),
        }
        let at = |field, key: &str| Attribute::keyed(field, key);
        match effect {
            Effect::Rename { name: Some(name), .. } => {
                let renamed = EntityRef { name: name.clone(), ..subject.clone() }.key();
                if renamed != key {
                    self.made.push(Made::Renamed(key, renamed));
                }
            }
            Effect::Set { attribute, value, .. } => {
                if let Some(used) = needs::used(subject, attribute, value).filter(|_| value.presence() == Some(true)) {
                    self.meet(&used.key());
                }
                self.made.push(Made::Value(key, attribute.clone(), value.clone()));
            }
            Effect::AddVersion { version: Some(version), document, is_default } => {
                self.made.push(Made::Value(key.clone(), at(Field::Version, version), document.clone()));
                if *is_default {
                    self.made.push(Made::Value(key, Attribute::plain(Field::DefaultVersion), Value::text(version)));
                }
            }
            Effect::SetDefault { version } => {
                self.made.push(Made::Value(key, Attribute::plain(Field::DefaultVersion), Value::text(version)));
            }
            Effect::Replace { field, keys } => {
                let gone = self.keys(&key, *field).into_iter().map(|(attribute, _)| attribute).filter(|held| !keys.contains(&held.key));
                let gone: Vec<Attribute> = gone.collect();
                self.made.extend(gone.into_iter().map(|attribute| Made::Value(key.clone(), attribute, Value::Absent)));
                self.made.extend(keys.iter().map(|name| Made::Value(key.clone(), at(*field, name), Value::Present)));
            }
            Effect::EndMembership { membership } => {
                let member = needs::member(self, &key, membership);
                self.made.push(Made::Value(key, member, Value::Absent));
            }
            Effect::DisablePolicyType { policy_type } => {
                self.made.push(Made::Value(key, at(Field::PolicyType, policy_type), Value::Absent));
            }
            _ => {}
        }
    }

    /// What was made of attributes, in order.
    pub(super) fn values(&self) -> impl Iterator<Item = (&EntityKey, &Attribute, &Value)> {
        self.made.iter().filter_map(|made| match made {
            Made::Value(holder, attribute, value) => Some((holder, attribute, value)),
            _ => None,
        })
    }

    /// A call that succeeds shows that somebody is there.
    fn meet(&mut self, entity: &EntityKey) {
        if self.exists(entity).is_none() {
            self.made.push(Made::Value(entity.clone(), Attribute::plain(Field::Exists), Value::Present));
        }
    }

    /// The names that an entity had in this order, the first one last.
    fn names(&self, entity: &EntityKey) -> Vec<EntityKey> {
        let mut names = vec![entity.clone()];
        for made in self.made.iter().rev() {
            if let Made::Renamed(old, new) = made
                && names.last() == Some(new)
            {
                names.push(old.clone());
            }
        }
        names
    }

    /// The name that an entity of the state has now.
    fn later(&self, entity: EntityKey) -> EntityKey {
        self.made.iter().fold(entity, |name, made| match made {
            Made::Renamed(old, new) if *old == name => new.clone(),
            _ => name,
        })
    }
}

/// The attribute under the name that is stored: users of groups are named in any case, and by former names.
pub(super) fn stored(state: &State, id: EntityId, attribute: &Attribute, now: EventTime) -> Attribute {
    let Some(entity) = state.entity(id).filter(|_| attribute.field == Field::Member) else { return attribute.clone() };
    let user = EntityRef { kind: EntityKind::User, name: attribute.key.clone(), path: None, ..entity.reference.clone() }.key();
    let found = state.at(&user).or_else(|| state.find_former(&user, now)).and_then(|user| state.entity(user));
    found.map_or_else(|| attribute.clone(), |user| Attribute::keyed(Field::Member, &user.reference.name))
}

/// Whether two attributes of one entity are the same.
fn is_same(left: &Attribute, right: &Attribute) -> bool {
    left == right || (left.field == Field::Member && right.field == Field::Member && needs::same_name(&left.key, &right.key))
}

/// Whether an attribute says that a user is in a group.
fn is_member(holder: &EntityKey, attribute: &Attribute, user: &EntityKey) -> bool {
    attribute.field == Field::Member
        && (holder.kind, user.kind) == (EntityKind::Group, EntityKind::User)
        && holder.account == user.account
        && needs::same_name(&attribute.key, &user.name)
}
