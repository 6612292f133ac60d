//! Account authorization details: users, groups, roles with their instance profiles, and policies.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::super::attribute::{Attribute, Field, Value};
use super::super::entity::{EntityKind, EntityRef};
use super::{Builder, Described, LastUse};
use crate::time::EventTime;

impl Builder {
    /// Takes in the four lists. One that is not there covers nothing.
    pub(super) fn details(&mut self, object: &Map<String, Json>) {
        use Field::{
            AttachedPolicy, Boundary, DefaultDocument, DefaultVersion, InProfile, InlinePolicy, Member, Tag, TrustPolicy, Version,
        };
        let lists: [(&str, EntityKind, &[Field]); 4] = [
            ("GroupDetailList", EntityKind::Group, &[InlinePolicy, AttachedPolicy]),
            ("UserDetailList", EntityKind::User, &[Boundary, InlinePolicy, AttachedPolicy, Tag]),
            ("RoleDetailList", EntityKind::Role, &[TrustPolicy, Boundary, InlinePolicy, AttachedPolicy, Tag, InProfile]),
            ("Policies", EntityKind::Policy, &[DefaultVersion, DefaultDocument, Version]),
        ];
        for (name, kind, fields) in lists {
            if !object.contains_key(name) {
                continue;
            }
            self.complete.insert(kind);
            self.cover(kind, fields);
            if kind == EntityKind::User {
                // Who is in a group is told by the users.
                self.cover(EntityKind::Group, &[Member]);
            }
            for (index, entry) in list(object, name).enumerate() {
                self.described(kind, entry, &format!("/{name}/{index}"));
            }
        }
        self.check_attachments(object);
    }

    fn described(&mut self, kind: EntityKind, entry: &Json, pointer: &str) {
        let Some(reference) = text(entry, "Arn").and_then(EntityRef::from_arn).filter(|reference| reference.kind == kind) else { return };
        self.date(text(entry, "UpdateDate"));
        let created = self.date(text(entry, "CreateDate"));
        let unique_id = ["UserId", "GroupId", "RoleId", "PolicyId"].iter().find_map(|name| text(entry, name)).map(Into::into);
        if let Some(time) = entry.pointer("/RoleLastUsed/LastUsedDate").and_then(Json::as_str).and_then(EventTime::parse) {
            self.newest = self.newest.max(Some(time));
            let region = entry.pointer("/RoleLastUsed/Region").and_then(Json::as_str).map(Into::into);
            self.uses.push(LastUse { principal: reference.clone(), what: "RoleLastUsed", time, region, service: None });
        }
        if kind == EntityKind::User {
            self.memberships(&reference, entry);
        }
        for profile in list_of(entry, "InstanceProfileList") {
            self.instance_profile(&reference, profile, pointer);
        }
        let described = self.entity(reference, pointer);
        described.pointer = pointer.into();
        described.unique_id = unique_id;
        described.created = created;
        attributes(entry, &mut described.attributes);
        if kind == EntityKind::Policy {
            versions(entry, described);
        }
    }

    fn memberships(&mut self, user: &EntityRef, entry: &Json) {
        for name in list_of(entry, "GroupList").filter_map(Json::as_str) {
            let group = EntityRef::named(EntityKind::Group, &user.partition, &user.account, name);
            self.entity(group, "").attributes.insert(Attribute::keyed(Field::Member, &user.name), Value::Present);
        }
    }

    /// Profiles without a role are not listed, so that what is listed is not all.
    fn instance_profile(&mut self, role: &EntityRef, entry: &Json, pointer: &str) {
        let Some(reference) = text(entry, "Arn").and_then(EntityRef::from_arn) else { return };
        let created = self.date(text(entry, "CreateDate"));
        let profile = self.entity(reference, pointer);
        profile.unique_id = text(entry, "InstanceProfileId").map(Into::into);
        profile.created = created;
        profile.covers.insert(Field::ProfileRole);
        profile.attributes.insert(Attribute::plain(Field::ProfileRole), Value::text(&role.name));
    }

    /// The file counts the attachments of each policy, and lists them as well.
    fn check_attachments(&mut self, object: &Map<String, Json>) {
        let is_whole = ["UserDetailList", "GroupDetailList", "RoleDetailList"].iter().all(|name| object.contains_key(*name));
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for entity in self.entities.values() {
            for attribute in entity.attributes.keys().filter(|attribute| attribute.field == Field::AttachedPolicy) {
                *counts.entry(&attribute.key).or_default() += 1;
            }
        }
        let claims = list(object, "Policies").filter_map(|policy| Some((text(policy, "Arn")?, policy.get("AttachmentCount")?.as_u64()?)));
        let differ = claims.filter(|_| is_whole).filter_map(|(arn, claimed)| {
            let listed = counts.get(arn).copied().unwrap_or_default();
            (listed != claimed).then(|| format!("{arn}: AttachmentCount is {claimed}, and {listed} attachments are listed"))
        });
        self.notes = differ.collect();
    }
}

/// What users, groups and roles have alike.
fn attributes(entry: &Json, found: &mut BTreeMap<Attribute, Value>) {
    for inline in ["UserPolicyList", "GroupPolicyList", "RolePolicyList"].iter().flat_map(|name| list_of(entry, name)) {
        if let Some(name) = text(inline, "PolicyName") {
            found.insert(Attribute::keyed(Field::InlinePolicy, name), document(inline.get("PolicyDocument")));
        }
    }
    for arn in list_of(entry, "AttachedManagedPolicies").filter_map(|policy| text(policy, "PolicyArn")) {
        found.insert(Attribute::keyed(Field::AttachedPolicy, arn), Value::Present);
    }
    if let Some(boundary) = entry.pointer("/PermissionsBoundary/PermissionsBoundaryArn").and_then(Json::as_str) {
        found.insert(Attribute::plain(Field::Boundary), Value::text(boundary));
    }
    for (key, value) in list_of(entry, "Tags").filter_map(|tag| Some((text(tag, "Key")?, text(tag, "Value")?))) {
        found.insert(Attribute::keyed(Field::Tag, key), Value::text(value));
    }
    if let Some(trust) = entry.get("AssumeRolePolicyDocument") {
        found.insert(Attribute::plain(Field::TrustPolicy), document(Some(trust)));
    }
}

fn versions(entry: &Json, policy: &mut Described) {
    let default = text(entry, "DefaultVersionId");
    if let Some(default) = default {
        policy.attributes.insert(Attribute::plain(Field::DefaultVersion), Value::text(default));
    }
    for version in list_of(entry, "PolicyVersionList") {
        let (Some(id), document) = (text(version, "VersionId"), document(version.get("Document"))) else { continue };
        if default == Some(id) {
            policy.attributes.insert(Attribute::plain(Field::DefaultDocument), document.clone());
        }
        policy.attributes.insert(Attribute::keyed(Field::Version, id), document);
    }
}

/// The CLI prints documents as objects, SDKs and the API as text, plain or URL-encoded.
pub(super) fn document(value: Option<&Json>) -> Value {
    match value {
        Some(Json::String(text)) => Value::document(Some(text)),
        Some(object @ Json::Object(_)) => Value::document(Some(&object.to_string())),
        _ => Value::Unknown,
    }
}

pub(super) fn list<'o>(object: &'o Map<String, Json>, name: &str) -> impl Iterator<Item = &'o Json> {
    object.get(name).and_then(Json::as_array).into_iter().flatten()
}

pub(super) fn list_of<'o>(object: &'o Json, name: &str) -> impl Iterator<Item = &'o Json> {
    object.get(name).and_then(Json::as_array).into_iter().flatten()
}

pub(super) fn text<'o>(object: &'o Json, name: &str) -> Option<&'o str> {
    object.get(name)?.as_str()
}
