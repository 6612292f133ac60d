//! What is known of all entities at one moment of a replay.
//!
//! An attribute is known, known to be absent, or unknown: what was not seen is absent only where a snapshot or the
//! entity's own creation covers it. Entities are kept by lifetimes: one that is deleted and made again is another.

mod entity;
mod rank;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::attribute::{Attribute, Field, Value};
use super::entity::{EntityKey, EntityKind, EntityRef};
use crate::frame::Map;
use crate::time::EventTime;
pub use entity::{Covered, Entity, Held, Provenance};
pub(super) use rank::{assignment, holds_deny, is_quarantine};

/// One lifetime of an entity within a [`State`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(usize);

/// All entities, with indexes over them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    entities: Vec<Entity>,
    /// Who has a name, or had it last.
    names: Map<EntityKey, EntityId>,
    /// Those names in order, by account and kind.
    names_of_kinds: BTreeMap<(Arc<str>, EntityKind), BTreeSet<Arc<str>>>,
    /// Who had a name until it was renamed, and until when.
    former: BTreeMap<EntityKey, (EntityId, EventTime)>,
    unique_ids: Map<Arc<str>, EntityId>,
    /// Who holds a credential, by account.
    holders: Map<Arc<str>, Map<Attribute, EntityId>>,
    /// The names of policies by the ARNs that attachments have.
    attached: Map<Arc<str>, EntityKey>,
    /// What names something else, by what is named: groups their users, attachments their policies, profiles their roles.
    uses: Map<Field, Map<Arc<str>, BTreeSet<EntityId>>>,
    /// The permission sets that somebody of an identity store is assigned.
    assigned: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    /// Keys of tags that conditions of known documents ask for.
    tag_keys: BTreeSet<String>,
    /// Names of users that conditions of known documents ask for, in lower case.
    user_names: BTreeSet<String>,
    /// Identity providers that roles ever trusted.
    trusted_providers: BTreeSet<String>,
    /// The kinds of entities of an account of which a snapshot has all.
    complete: BTreeSet<(Arc<str>, EntityKind)>,
}

impl State {
    /// An entity. Ids come from the same state, so that it is there.
    pub fn entity(&self, id: EntityId) -> Option<&Entity> {
        self.entities.get(id.0)
    }

    /// All entities with their ids, in the order in which they were met.
    pub fn entities(&self) -> impl Iterator<Item = (EntityId, &Entity)> {
        self.entities.iter().enumerate().map(|(index, entity)| (EntityId(index), entity))
    }

    /// Who has that name now, or had it last.
    pub fn find(&self, reference: &EntityRef) -> Option<EntityId> {
        self.at(&reference.key())
    }

    /// Who has that name now, or had it last.
    pub(super) fn at(&self, key: &EntityKey) -> Option<EntityId> {
        self.names.get(key).copied()
    }

    /// All lifetimes that ended or are under that name now, the earliest first.
    pub fn lifetimes(&self, reference: &EntityRef) -> impl Iterator<Item = (EntityId, &Entity)> {
        let key = reference.key();
        self.entities().filter(move |(_, entity)| entity.reference.key() == key)
    }

    /// Who has that unique id.
    pub fn find_unique(&self, unique_id: &str) -> Option<EntityId> {
        self.unique_ids.get(unique_id).copied()
    }

    /// Who had that name until shortly before, as calls that were under way may still use it.
    pub(super) fn find_former(&self, key: &EntityKey, now: EventTime) -> Option<EntityId> {
        let (id, until) = self.former.get(key)?;
        (now.epoch().saturating_sub(until.epoch()) <= FORMER_NAME_SECONDS).then_some(*id)
    }

    /// Whether somebody else had the name that an entity has now, or a known document asks for a user by it.
    pub(super) fn is_name_of_others(&self, reference: &EntityRef, id: EntityId) -> bool {
        let is_asked = reference.kind == EntityKind::User && self.user_names.contains(&reference.name.to_lowercase());
        is_asked || self.former.get(&reference.key()).is_some_and(|(former, _)| *former != id)
    }

    /// Identity providers that roles ever trusted.
    pub(super) const fn trusted_providers(&self) -> &BTreeSet<String> {
        &self.trusted_providers
    }

    /// Who holds a credential of an account.
    pub fn holder(&self, account: &str, attribute: &Attribute) -> Option<EntityId> {
        self.holders.get(account)?.get(attribute).copied()
    }

    /// Whether an entity is there.
    pub fn existence(&self, reference: &EntityRef) -> Value {
        self.existence_at(&reference.key())
    }

    /// Whether an entity of that name is there.
    pub(super) fn existence_at(&self, key: &EntityKey) -> Value {
        match self.at(key) {
            Some(id) => self.value(id, &Attribute::plain(Field::Exists)),
            None if self.complete.contains(&(key.account.clone(), key.kind)) => Value::Absent,
            None => Value::Unknown,
        }
    }

    /// What is known of an attribute.
    pub fn value(&self, id: EntityId, attribute: &Attribute) -> Value {
        self.entity(id).map_or(Value::Unknown, |entity| entity.value(attribute))
    }

    /// Who names a text in that field, such as the groups that have a user.
    pub(super) fn users_of<'s>(&'s self, field: Field, text: &str) -> impl Iterator<Item = EntityId> + use<'s> {
        self.uses.get(&field).and_then(|uses| uses.get(text)).into_iter().flatten().copied()
    }

    /// The groups that are known to have a user.
    pub(super) fn groups_of<'s>(&'s self, user: &EntityRef) -> impl Iterator<Item = EntityId> + use<'s> {
        self.users_of(Field::Member, &place(&user.account, &user.name))
    }

    /// The instance profiles that are known to have a role.
    pub(super) fn profiles_of<'s>(&'s self, role: &EntityRef) -> impl Iterator<Item = EntityId> + use<'s> {
        self.users_of(Field::ProfileRole, &place(&role.account, &role.name))
    }

    /// The groups of identity stores that are known to have somebody.
    pub(super) fn store_groups_of<'s>(&'s self, user: &str) -> impl Iterator<Item = EntityId> + use<'s> {
        self.users_of(Field::Member, &place("", user))
    }

    /// Whether somebody of an identity store is known to be assigned a permission set, also through a group.
    pub(super) fn is_assigned(&self, user: &str, set: &str) -> bool {
        let has = |principal: &str| self.assigned.get(principal).is_some_and(|sets| sets.contains(set));
        has(user) || self.store_groups_of(user).filter_map(|group| self.entity(group)).any(|group| has(&group.reference.name))
    }

    /// Those who have a name of that kind in an account now, or had it last, in the order of their names.
    pub(super) fn of_kind<'s>(&'s self, account: &str, kind: EntityKind) -> impl Iterator<Item = (EntityId, &'s Entity)> + use<'s> {
        let account: Arc<str> = account.into();
        let names = self.names_of_kinds.get(&(account.clone(), kind)).into_iter().flatten();
        let keys = names.map(move |name| EntityKey { account: account.clone(), kind, name: name.clone() });
        keys.filter_map(|key| self.at(&key).and_then(|id| Some((id, self.entity(id)?))))
    }

    /// Each known attachment of a policy to a target of an organization, with the policy's type where it is known.
    pub(super) fn attachments_to_targets(&self) -> Vec<(EntityId, Attribute, Option<Arc<str>>)> {
        let all: BTreeMap<_, _> = self.uses.get(&Field::TargetPolicy).into_iter().flatten().collect();
        let each = all.into_iter().flat_map(|(policy, targets)| targets.iter().map(move |target| (*target, policy)));
        let type_of = |policy: &Arc<str>| {
            let id = self.find(&EntityRef::by_id(EntityKind::OrgPolicy, policy))?;
            self.value(id, &Attribute::plain(Field::Type)).as_text().map(Arc::from)
        };
        each.map(|(target, policy)| (target, Attribute::keyed(Field::TargetPolicy, policy), type_of(policy))).collect()
    }

    /// Whether a known document has a condition on that tag.
    pub(super) fn asks_for_tag(&self, key: &str) -> bool {
        self.tag_keys.contains(&key.to_ascii_lowercase())
    }

    /// Takes all entities of a kind in an account for known: others are not there.
    pub(super) fn complete(&mut self, account: &str, kind: EntityKind) {
        self.complete.insert((account.into(), kind));
    }

    /// An entity of which only its name is known.
    pub(super) fn meet(&mut self, reference: &EntityRef, held: Held) -> EntityId {
        self.begin(reference, None, Covered::Nothing, held)
    }

    /// The beginning of a lifetime; whoever had the name has it no longer.
    pub(super) fn begin(&mut self, reference: &EntityRef, unique_id: Option<Arc<str>>, covered: Covered, held: Held) -> EntityId {
        let id = EntityId(self.entities.len());
        self.name(reference.key(), id);
        self.entities.push(Entity::new(reference.clone(), covered));
        if let Some(unique_id) = unique_id {
            self.identify(id, unique_id);
        }
        self.set(id, &Attribute::plain(Field::Exists), held);
        id
    }

    /// Notes an entity's unique id.
    pub(super) fn identify(&mut self, id: EntityId, unique_id: Arc<str>) {
        self.unique_ids.insert(unique_id.clone(), id);
        if let Some(entity) = self.entities.get_mut(id.0) {
            entity.unique_id = Some(unique_id);
        }
    }

    /// Notes the path that an entity's ARN has.
    pub(super) fn locate(&mut self, id: EntityId, path: &Arc<str>) {
        if let Some(entity) = self.entities.get_mut(id.0) {
            entity.reference.path = Some(path.clone());
        }
    }

    /// Takes back that all of a field is known.
    pub(super) fn uncover(&mut self, id: EntityId, field: Field) {
        if let Some(entity) = self.entities.get_mut(id.0) {
            entity.uncover(field);
        }
    }

    /// Gives an attribute a value.
    pub(super) fn set(&mut self, id: EntityId, attribute: &Attribute, held: Held) {
        let Some(entity) = self.entities.get_mut(id.0) else { return };
        let account = entity.reference.account.clone();
        let old = entity.value(attribute);
        let new = held.value.clone();
        if entity.set(attribute.clone(), held) {
            self.index(id, &account, attribute, &old, false);
            self.index(id, &account, attribute, &new, true);
        }
    }

    /// Another name, path or both; what names the entity follows.
    pub(super) fn rename(&mut self, id: EntityId, name: Option<&Arc<str>>, path: Option<&Arc<str>>, now: EventTime) {
        let Some(before) = self.entity(id).map(|entity| entity.reference.clone()) else { return };
        let mut after = before.clone();
        after.path = path.cloned().or(after.path);
        after.name = name.cloned().unwrap_or(after.name);
        if let Some(entity) = self.entities.get_mut(id.0) {
            entity.reference = after.clone();
        }
        if after.name == before.name {
            return;
        }
        let key = before.key();
        self.names.remove(&key);
        if let Some(names) = self.names_of_kinds.get_mut(&(key.account.clone(), key.kind)) {
            names.remove(&key.name);
        }
        self.former.insert(key, (id, now));
        if let Some(last) = self.name(after.key(), id) {
            self.former.insert(after.key(), (last, now));
        }
        let groups: Vec<EntityId> = if before.kind == EntityKind::User { self.groups_of(&before).collect() } else { Vec::new() };
        for group in groups {
            let (old, new) = (Attribute::keyed(Field::Member, &before.name), Attribute::keyed(Field::Member, &after.name));
            if let Some(held) = self.entity(group).and_then(|group| group.held(&old)).cloned() {
                // In this order, as a name that differs in its case only has the same place in the index.
                self.set(group, &old, Held { value: Value::Absent, ..held.clone() });
                self.set(group, &new, held);
            }
        }
    }

    /// Gives somebody a name; yields who had it last.
    fn name(&mut self, key: EntityKey, id: EntityId) -> Option<EntityId> {
        self.names_of_kinds.entry((key.account.clone(), key.kind)).or_default().insert(key.name.clone());
        self.names.insert(key, id)
    }

    fn is_store_group(&self, id: EntityId) -> bool {
        self.entity(id).is_some_and(|entity| entity.reference.kind == EntityKind::StoreGroup)
    }

    /// Keeps the indexes in step with one value.
    fn index(&mut self, id: EntityId, account: &Arc<str>, attribute: &Attribute, value: &Value, is_new: bool) {
        if is_new && let Value::Document(document) = value {
            self.tag_keys.extend(document.tag_keys().cloned());
            self.user_names.extend(document.user_names().cloned());
            // Few have a provider, and to find out more a document has to be read again.
            if attribute.field == Field::TrustPolicy && document.text().contains("\"Federated\"") {
                let grants = document.policy().into_iter().flat_map(|policy| policy.trust().grants);
                self.trusted_providers.extend(grants.flat_map(|grant| grant.federated));
            }
        }
        let Attribute { field, key } = attribute;
        if let (Field::Assignment, Some(true)) = (field, value.presence().filter(|_| is_new))
            && let Some((set, _, principal)) = assignment(key)
        {
            self.assigned.entry(principal.into()).or_default().insert(set.into());
        }
        if *field == Field::AttachedPolicy && is_new && !self.attached.contains_key(key) {
            self.attached.extend(EntityRef::from_arn(key).map(|policy| (key.clone(), policy.key())));
        }
        if is_credential(*field) && is_new {
            self.holders.entry(account.clone()).or_default().insert(attribute.clone(), id);
        }
        let used: Option<Arc<str>> = match (field, value.presence()) {
            (Field::AttachedPolicy | Field::TargetPolicy, Some(true)) => Some(key.clone()),
            // Who is in an identity store has an id of its own in all of AWS.
            (Field::Member, Some(true)) if self.is_store_group(id) => Some(place("", key).into()),
            (Field::Member, Some(true)) => Some(place(account, key).into()),
            (Field::ProfileRole, Some(true)) => value.as_text().map(|role| place(account, role).into()),
            (Field::Boundary, Some(true)) => value.as_text().map(Arc::from),
            _ => None,
        };
        let Some(used) = used else { return };
        if is_new {
            self.uses.entry(*field).or_default().entry(used).or_default().insert(id);
        } else if let Some(users) = self.uses.get_mut(field).and_then(|uses| uses.get_mut(&used)) {
            users.remove(&id);
        }
    }
}

/// Fields whose keys are found without knowing who holds them.
const fn is_credential(field: Field) -> bool {
    matches!(
        field,
        Field::AccessKey | Field::ServiceCredential | Field::SigningCertificate | Field::SshKey | Field::MfaDevice | Field::Membership
    )
}

/// A name in an account, without regard to case.
fn place(account: &str, name: &str) -> String {
    format!("{account}/{}", name.to_lowercase())
}

/// How long calls by an old name may arrive after a rename: IAM is eventually consistent.
const FORMER_NAME_SECONDS: i64 = 5;

#[cfg(test)]
mod tests;
