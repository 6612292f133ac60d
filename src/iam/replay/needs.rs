//! What AWS demands before it lets a call succeed.

use std::sync::Arc;

use serde_json::Value as Json;

use super::super::attribute::{Attribute, Field, Value};
use super::super::entity::{EntityKey, EntityKind, EntityRef};
use super::super::state::{EntityId, State};

/// Fields that hang on an entity: what they hold has to be gone before it, or goes with it.
const CHILDREN: &[Field] = &[
    Field::LoginProfile,
    Field::AccessKey,
    Field::SigningCertificate,
    Field::SshKey,
    Field::ServiceCredential,
    Field::MfaDevice,
    Field::InlinePolicy,
    Field::AttachedPolicy,
    Field::Member,
    Field::ProfileRole,
    Field::AssignedTo,
];

/// What is known to be left of an entity that AWS would refuse to delete it for.
///
/// # Source
/// The errors of `DeleteUser`, `DeleteGroup`, `DeleteRole`, `DeletePolicy`, `DeleteInstanceProfile` and
/// `DeleteVirtualMFADevice` in the service model of IAM; `PolicyInUseException` of Organizations.
pub(super) fn left(state: &State, id: EntityId) -> Vec<(Attribute, Value)> {
    let Some(entity) = state.entity(id) else { return Vec::new() };
    let reference = &entity.reference;
    let own: &[Field] = match reference.kind {
        EntityKind::User | EntityKind::Group | EntityKind::Role | EntityKind::InstanceProfile | EntityKind::MfaDevice => CHILDREN,
        _ => &[],
    };
    let of_fields = own.iter().flat_map(|field| entity.keys(*field));
    let mut found: Vec<(Attribute, Value)> = of_fields.map(|(attribute, value)| (attribute.clone(), value.clone())).collect();
    let name_of = |id| state.entity(id).map_or_else(String::new, |user| user.reference.name.to_string());
    let key_of = |id| state.entity(id).map_or_else(String::new, |user| user.reference.to_string());
    let uses = |field, names: Vec<String>| names.into_iter().map(move |name| (Attribute::keyed(field, &name), Value::Present));
    match reference.kind {
        EntityKind::User => found.extend(uses(Field::InGroup, state.groups_of(reference).map(name_of).collect())),
        EntityKind::Role => found.extend(uses(Field::InProfile, state.profiles_of(reference).map(name_of).collect())),
        EntityKind::Policy => {
            let arn = reference.to_string();
            let holders = state.users_of(Field::AttachedPolicy, &arn).chain(state.users_of(Field::Boundary, &arn));
            found.extend(uses(Field::AttachedTo, holders.map(key_of).collect()));
            let default = entity.value(&Attribute::plain(Field::DefaultVersion));
            let others =
                entity.keys(Field::Version).filter(|(version, _)| default.as_text().is_some_and(|default| default != &*version.key));
            found.extend(others.map(|(version, value)| (version.clone(), value.clone())));
        }
        EntityKind::OrgPolicy => {
            found.extend(uses(Field::AttachedTo, state.users_of(Field::TargetPolicy, &reference.name).map(key_of).collect()));
        }
        _ => {}
    }
    found
}

/// The attributes that hang on an entity.
pub(super) fn hanging(state: &State, id: EntityId) -> Vec<Attribute> {
    let Some(entity) = state.entity(id) else { return Vec::new() };
    CHILDREN.iter().flat_map(|field| entity.keys(*field)).map(|(attribute, _)| attribute.clone()).collect()
}

/// Where other entities name one: groups a user, profiles a role, and all that a policy is attached to.
pub(super) fn naming(state: &State, id: EntityId) -> Vec<(EntityId, Attribute)> {
    let Some(reference) = state.entity(id).map(|entity| &entity.reference) else { return Vec::new() };
    let at = |users: Vec<EntityId>, attribute: Attribute| users.into_iter().map(move |user| (user, attribute.clone()));
    match reference.kind {
        EntityKind::User => at(state.groups_of(reference).collect(), Attribute::keyed(Field::Member, &reference.name)).collect(),
        EntityKind::Role => at(state.profiles_of(reference).collect(), Attribute::plain(Field::ProfileRole)).collect(),
        EntityKind::Policy => {
            let arn = reference.to_string();
            let attached = at(state.users_of(Field::AttachedPolicy, &arn).collect(), Attribute::keyed(Field::AttachedPolicy, &arn));
            attached.chain(at(state.users_of(Field::Boundary, &arn).collect(), Attribute::plain(Field::Boundary))).collect()
        }
        EntityKind::OrgPolicy => {
            at(state.users_of(Field::TargetPolicy, &reference.name).collect(), Attribute::keyed(Field::TargetPolicy, &reference.name))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// Whether an attribute of an entity has to be gone before another entity, or the same, can be.
pub(super) fn stands_in_way(holder: &EntityKey, attribute: &Attribute, of: &EntityRef) -> bool {
    let is_own = *holder == of.key() && CHILDREN.contains(&attribute.field);
    is_own
        || match of.kind {
            EntityKind::User => attribute.field == Field::Member && holder.account == of.account && same_name(&attribute.key, &of.name),
            EntityKind::Policy => attribute.field == Field::AttachedPolicy && *attribute.key == of.to_string(),
            EntityKind::OrgPolicy => attribute.field == Field::TargetPolicy && attribute.key == of.name,
            _ => false,
        }
}

fn same_name(left: &str, right: &str) -> bool {
    left.to_lowercase() == right.to_lowercase()
}

/// What else has to be there, as the value names it.
pub(in crate::iam) fn used(reference: &EntityRef, attribute: &Attribute, value: &Value) -> Option<EntityRef> {
    let named = |kind, name: &str| Some(EntityRef::named(kind, &reference.partition, &reference.account, name));
    match attribute.field {
        Field::Member if reference.kind == EntityKind::Group => named(EntityKind::User, &attribute.key),
        Field::ProfileRole => named(EntityKind::Role, value.as_text()?),
        Field::AttachedPolicy if reference.kind != EntityKind::PermissionSet => EntityRef::from_arn(&attribute.key),
        Field::Boundary if reference.kind != EntityKind::PermissionSet => EntityRef::from_arn(value.as_text()?),
        _ => None,
    }
}

/// What AWS would have refused a value of an attribute for: the attribute in its way, its value, and what it must have been.
///
/// # Source
/// `DeletePolicyVersion` in the service model of IAM, and its quotas: five versions of a policy, two access keys of a user.
pub(super) fn refusal(state: &State, id: EntityId, attribute: &Attribute, value: &Value) -> Option<(Attribute, Value, Value)> {
    let entity = state.entity(id)?;
    let is_new = value.presence() != Some(false) && entity.value(attribute).presence() != Some(true);
    let full = |most: usize| {
        let held = entity.keys(attribute.field).count();
        let count = |count: usize| Value::Json(Json::from(count));
        (is_new && held >= most).then(|| (Attribute::keyed(attribute.field, "*"), count(held), count(most - 1)))
    };
    match attribute.field {
        Field::Version if *value == Value::Absent => {
            let default = Attribute::plain(Field::DefaultVersion);
            let held = entity.value(&default);
            (held.as_text() == Some(&*attribute.key)).then_some((default, held, Value::Unknown))
        }
        Field::Version => full(MOST_VERSIONS),
        Field::AccessKey => full(MOST_ACCESS_KEYS),
        _ => None,
    }
}

/// Versions between the highest one so far and a new one. Their numbers count up and are not used again, so that each
/// one that was passed over is a version that the log lacks.
pub(super) fn skipped_versions(state: &State, id: EntityId, version: &Arc<str>) -> Vec<Attribute> {
    let Some((entity, new)) = state.entity(id).zip(version_number(version)) else { return Vec::new() };
    // Of a snapshot only those versions are known that were left; a call that made one was the highest then.
    let made = entity.attributes().filter(|(attribute, held)| attribute.field == Field::Version && held.event_id.is_some());
    let Some(highest) = made.filter_map(|(attribute, _)| version_number(&attribute.key)).max() else { return Vec::new() };
    (highest.saturating_add(1)..new).take(MOST_SKIPPED).map(|number| Attribute::keyed(Field::Version, &format!("v{number}"))).collect()
}

/// The number of the highest version so far, where a new one is not above it. Then the policy was deleted and made again.
pub(super) fn highest_version(state: &State, id: EntityId, version: &str) -> Option<(u64, u64)> {
    let highest = state.entity(id)?.attributes().filter(|(attribute, _)| attribute.field == Field::Version);
    let highest = highest.filter_map(|(attribute, _)| version_number(&attribute.key)).max()?;
    version_number(version).filter(|new| *new <= highest).map(|new| (highest, new))
}

fn version_number(key: &str) -> Option<u64> {
    key.strip_prefix('v')?.parse().ok()
}

const MOST_VERSIONS: usize = 5;
const MOST_ACCESS_KEYS: usize = 2;

/// Skipped versions that are named one by one; a record may claim any number.
const MOST_SKIPPED: usize = 100;
