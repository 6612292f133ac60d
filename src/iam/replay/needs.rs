//! What AWS demands before it lets a call succeed.

use std::sync::Arc;

use serde_json::Value as Json;

use super::super::attribute::{Attribute, Field, Value};
use super::super::change::{Effect, Implies};
use super::super::entity::{EntityKey, EntityKind, EntityRef};
use super::super::state::{EntityId, State};
use super::now::Now;

/// The fields of a kind that hang on an entity: what they hold has to be gone before it, or goes with it.
const fn children(kind: EntityKind) -> &'static [Field] {
    match kind {
        EntityKind::User | EntityKind::Root => &[
            Field::LoginProfile,
            Field::AccessKey,
            Field::SigningCertificate,
            Field::SshKey,
            Field::ServiceCredential,
            Field::MfaDevice,
            Field::InlinePolicy,
            Field::AttachedPolicy,
        ],
        EntityKind::Group => &[Field::InlinePolicy, Field::AttachedPolicy, Field::Member],
        EntityKind::Role => &[Field::InlinePolicy, Field::AttachedPolicy],
        EntityKind::InstanceProfile => &[Field::ProfileRole],
        EntityKind::MfaDevice => &[Field::AssignedTo],
        EntityKind::PermissionSet => &[Field::AttachedPolicy],
        EntityKind::StoreGroup => &[Field::Member],
        _ => &[],
    }
}

/// Whether AWS would have refused an effect, as things are.
pub(super) fn refuses(now: &Now<'_>, subject: &EntityRef, effect: &Effect) -> bool {
    let key = subject.key();
    match effect {
        Effect::Create { .. } => subject.kind.has_lifetime() && is_taken(now, &key),
        Effect::Delete { implies } => (*implies == Implies::Present && now.lacks(&key)) || !in_way(now, subject).is_empty(),
        _ if now.lacks(&key) => true,
        Effect::Rename { name, .. } => name.as_ref().is_some_and(|name| {
            let renamed = EntityRef { name: name.clone(), ..subject.clone() }.key();
            renamed != key && now.exists(&renamed) == Some(true)
        }),
        Effect::Set { attribute, value, implies } => {
            let is_otherwise = match implies {
                Implies::Nothing => false,
                Implies::Absent => now.value(&key, attribute).presence() == Some(true),
                Implies::Present => now.value(&key, attribute).presence() == Some(false),
            };
            let used = used(subject, attribute, value).filter(|_| value.presence() == Some(true));
            is_otherwise || used.is_some_and(|used| now.lacks(&used.key())) || refusal(now, &key, attribute, value).is_some()
        }
        Effect::AddVersion { version: Some(version), document, .. } => {
            let attribute = Attribute::keyed(Field::Version, version);
            highest_version(now, &key, version).is_some() || refusal(now, &key, &attribute, document).is_some()
        }
        Effect::SetDefault { version } => now.value(&key, &Attribute::keyed(Field::Version, version)).presence() == Some(false),
        Effect::EndMembership { membership } => now.value(&key, &member(now, &key, membership)).presence() == Some(false),
        Effect::DisablePolicyType { policy_type } => {
            now.value(&key, &Attribute::keyed(Field::PolicyType, policy_type)).presence() == Some(false)
        }
        _ => false,
    }
}

/// Whether another one of that name cannot be made; one whose deletion was only asked for may be gone since.
pub(super) fn is_taken(now: &Now<'_>, entity: &EntityKey) -> bool {
    now.exists(entity) == Some(true) && now.value(entity, &Attribute::plain(Field::DeletionPending)).presence() != Some(true)
}

/// What is known to be left of an entity that AWS would refuse to delete it for: where it stands, and what it is.
///
/// # Source
/// The errors of `DeleteUser`, `DeleteGroup`, `DeleteRole`, `DeletePolicy`, `DeleteInstanceProfile` and
/// `DeleteVirtualMFADevice` in the service model of IAM; `PolicyInUseException` of Organizations.
pub(super) fn in_way(now: &Now<'_>, entity: &EntityRef) -> Vec<(EntityKey, Attribute, Value)> {
    let key = entity.key();
    let own = |(attribute, value)| (key.clone(), attribute, value);
    let mut found: Vec<(EntityKey, Attribute, Value)> = match entity.kind {
        EntityKind::User | EntityKind::Group | EntityKind::Role | EntityKind::InstanceProfile | EntityKind::MfaDevice => {
            children(entity.kind).iter().flat_map(|field| now.keys(&key, *field)).map(own).collect()
        }
        _ => Vec::new(),
    };
    found.extend(now.naming(entity));
    if entity.kind == EntityKind::Policy {
        let default = now.value(&key, &Attribute::plain(Field::DefaultVersion));
        let others = now.keys(&key, Field::Version).into_iter();
        found.extend(others.filter(|(version, _)| default.as_text().is_some_and(|default| default != &*version.key)).map(own));
    }
    found
}

/// Whether nothing can be left of an entity that AWS would refuse to delete it for, as all of that is known.
pub(super) fn is_bare(now: &Now<'_>, entity: &EntityRef) -> bool {
    // What names it elsewhere, and which versions a policy has, is known where these fields are.
    let others: &[Field] = match entity.kind {
        EntityKind::User => &[Field::InGroup],
        EntityKind::Role => &[Field::InProfile],
        EntityKind::Policy => &[Field::AttachedTo, Field::Version, Field::DefaultVersion],
        EntityKind::Group | EntityKind::InstanceProfile | EntityKind::MfaDevice => &[],
        _ => return false,
    };
    let (key, mut fields) = (entity.key(), children(entity.kind).iter().chain(others));
    now.exists(&key) == Some(true) && fields.all(|field| now.covers(&key, *field)) && in_way(now, entity).is_empty()
}

/// The attribute of a group that a membership is about, as far as that is known.
pub(super) fn member(now: &Now<'_>, group: &EntityKey, membership: &str) -> Attribute {
    let user = now.value(group, &Attribute::keyed(Field::Membership, membership));
    Attribute::keyed(Field::Member, user.as_text().unwrap_or("<unknown>"))
}

/// The attributes that hang on an entity.
pub(super) fn hanging(state: &State, id: EntityId) -> Vec<Attribute> {
    let Some(entity) = state.entity(id) else { return Vec::new() };
    let fields = children(entity.reference.kind).iter();
    fields.flat_map(|field| entity.keys(*field)).map(|(attribute, _)| attribute.clone()).collect()
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

/// Whether an attribute with that value names an entity.
pub(super) fn names(holder: &EntityKey, attribute: &Attribute, value: &Value, entity: &EntityRef) -> bool {
    let is_of_account = || holder.account == entity.account;
    value.presence() == Some(true)
        && match (entity.kind, attribute.field) {
            (EntityKind::User, Field::Member) => {
                holder.kind == EntityKind::Group && is_of_account() && same_name(&attribute.key, &entity.name)
            }
            (EntityKind::Role, Field::ProfileRole) => is_of_account() && value.as_text().is_some_and(|role| same_name(role, &entity.name)),
            (EntityKind::Policy, Field::AttachedPolicy) => *attribute.key == entity.to_string(),
            (EntityKind::Policy, Field::Boundary) => value.as_text().is_some_and(|arn| arn == entity.to_string()),
            (EntityKind::OrgPolicy, Field::TargetPolicy) => attribute.key == entity.name,
            _ => false,
        }
}

pub(super) fn same_name(left: &str, right: &str) -> bool {
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
pub(super) fn refusal(now: &Now<'_>, entity: &EntityKey, attribute: &Attribute, value: &Value) -> Option<(Attribute, Value, Value)> {
    if attribute.field == Field::Version && *value == Value::Absent {
        let default = Attribute::plain(Field::DefaultVersion);
        let held = now.value(entity, &default);
        return (held.as_text() == Some(&*attribute.key)).then_some((default, held, Value::Unknown));
    }
    let most = most(attribute.field)?;
    let is_new = value.presence() != Some(false) && now.value(entity, attribute).presence() != Some(true);
    let held = if is_new { now.keys(entity, attribute.field).len() } else { 0 };
    (held >= most).then(|| (Attribute::keyed(attribute.field, "*"), count(held), count(most - 1)))
}

/// How many entries of a field an entity may have.
///
/// # Source
/// The quotas of IAM that cannot be raised.
pub(in crate::iam) const fn most(field: Field) -> Option<usize> {
    match field {
        Field::Version => Some(MOST_VERSIONS),
        Field::AccessKey => Some(MOST_ACCESS_KEYS),
        _ => None,
    }
}

/// A number of entries as a value.
pub(in crate::iam) fn count(count: usize) -> Value {
    Value::Json(Json::from(count))
}

/// Versions between the highest one so far and a new one. Their numbers count up and are not used again, so that each
/// one that was passed over is a version that the log lacks.
pub(super) fn skipped_versions(now: &Now<'_>, policy: &EntityKey, version: &Arc<str>) -> Vec<Attribute> {
    let Some(new) = version_number(version) else { return Vec::new() };
    // Of a snapshot only those versions are known that were left; one that a call made was the highest then.
    let Some((highest, true)) = now.versions(policy).into_iter().max() else { return Vec::new() };
    (highest.saturating_add(1)..new).take(MOST_SKIPPED).map(|number| Attribute::keyed(Field::Version, &format!("v{number}"))).collect()
}

/// The number of the highest version so far, where a new one is not above it. Then the policy was deleted and made again.
pub(super) fn highest_version(now: &Now<'_>, policy: &EntityKey, version: &str) -> Option<(u64, u64)> {
    let highest = now.versions(policy).into_iter().map(|(number, _)| number).max()?;
    version_number(version).filter(|new| *new <= highest).map(|new| (highest, new))
}

pub(super) fn version_number(key: &str) -> Option<u64> {
    key.strip_prefix('v')?.parse().ok()
}

const MOST_VERSIONS: usize = 5;
const MOST_ACCESS_KEYS: usize = 2;

/// Skipped versions that are named one by one; a record may claim any number.
const MOST_SKIPPED: usize = 100;
