//! Lists of other calls, added to the file under `Supplement`. A list that is there covers its kind; one that is not
//! covers nothing.

use serde_json::{Map, Value as Json};

use super::super::attribute::{Attribute, Field, Value};
use super::super::change::password_defaults;
use super::super::entity::{EntityKind, EntityRef};
use super::Builder;
use super::details::{document, list, list_of, text};

impl Builder {
    /// Takes in the lists.
    pub(super) fn supplement(&mut self, object: &Map<String, Json>) {
        self.account_settings(object);
        self.credentials(object);
        self.providers(object);
        if let Some(organization) = object.get("Organizations") {
            self.organization(organization);
        }
        if let Some(center) = object.get("IdentityCenter") {
            self.identity_center(center);
        }
    }

    fn account_settings(&mut self, object: &Map<String, Json>) {
        let account = EntityRef::named(EntityKind::Account, "aws", &self.account, "");
        if let Some(policy) = object.get("PasswordPolicy") {
            self.cover(EntityKind::Account, &[Field::PasswordRule]);
            let held = self.entity(account.clone(), "/Supplement/PasswordPolicy");
            for (name, default) in password_defaults() {
                // The answer has the names of requests with their first letter in upper case, and leaves out what is not set.
                let set = policy.as_object().and_then(|policy| super::super::event::member(policy, name)).cloned();
                let value = if policy.is_object() { Value::Json(set.unwrap_or(default)) } else { Value::Absent };
                held.attributes.insert(Attribute::keyed(Field::PasswordRule, name), value);
            }
        }
        if object.contains_key("AccountAliases") {
            self.cover(EntityKind::Account, &[Field::Alias]);
            let alias = list(object, "AccountAliases").find_map(Json::as_str).map_or(Value::Absent, Value::text);
            self.entity(account, "/Supplement/AccountAliases").attributes.insert(Attribute::plain(Field::Alias), alias);
        }
    }

    fn credentials(&mut self, object: &Map<String, Json>) {
        let lists: [(&str, Field); 3] =
            [("AccessKeys", Field::AccessKey), ("LoginProfiles", Field::LoginProfile), ("MFADevices", Field::MfaDevice)];
        for (name, field) in lists.into_iter().filter(|(name, _)| object.contains_key(*name)) {
            self.cover(EntityKind::User, &[field]);
            for (index, entry) in list(object, name).enumerate() {
                let Some(user) = text(entry, "UserName") else { continue };
                let pointer = format!("/Supplement/{name}/{index}");
                self.date(text(entry, "CreateDate"));
                let held = match field {
                    Field::AccessKey => text(entry, "AccessKeyId").map(|id| {
                        let status = text(entry, "Status").map_or(Value::Present, Value::text);
                        (Attribute::keyed(field, id), status)
                    }),
                    Field::MfaDevice => text(entry, "SerialNumber").map(|serial| (Attribute::keyed(field, serial), Value::Present)),
                    _ => Some((Attribute::plain(field), Value::Present)),
                };
                self.user(user, &pointer).attributes.extend(held);
            }
        }
        if object.contains_key("VirtualMFADevices") {
            self.complete.insert(EntityKind::MfaDevice);
            for (index, entry) in list(object, "VirtualMFADevices").enumerate() {
                if let Some(device) = text(entry, "SerialNumber").and_then(EntityRef::from_arn) {
                    self.entity(device, &format!("/Supplement/VirtualMFADevices/{index}"));
                }
            }
        }
    }

    fn providers(&mut self, object: &Map<String, Json>) {
        let kinds: [(&str, EntityKind, &[Field]); 2] = [
            ("SAMLProviders", EntityKind::SamlProvider, &[]),
            ("OIDCProviders", EntityKind::OidcProvider, &[Field::ClientId, Field::Thumbprints]),
        ];
        for (name, kind, fields) in kinds.into_iter().filter(|(name, ..)| object.contains_key(*name)) {
            self.complete.insert(kind);
            self.cover(kind, fields);
            for (index, entry) in list(object, name).enumerate() {
                let Some(provider) = text(entry, "Arn").and_then(EntityRef::from_arn) else { continue };
                let held = self.entity(provider, &format!("/Supplement/{name}/{index}"));
                if let Some(digest) = text(entry, "MetadataSha256") {
                    held.covers.insert(Field::MetadataDigest);
                    held.attributes.insert(Attribute::plain(Field::MetadataDigest), Value::text(digest));
                }
                if let Some(xml) = text(entry, "SAMLMetadataDocument") {
                    let said = super::super::change::metadata(xml);
                    held.covers.extend(said.iter().map(|(attribute, _)| attribute.field));
                    held.attributes.extend(said);
                }
                let clients = list_of(entry, "ClientIDList").filter_map(Json::as_str);
                held.attributes.extend(clients.map(|client| (Attribute::keyed(Field::ClientId, client), Value::Present)));
                let mut prints: Vec<&str> = list_of(entry, "ThumbprintList").filter_map(Json::as_str).collect();
                prints.sort_unstable();
                if kind == EntityKind::OidcProvider {
                    held.attributes.insert(Attribute::plain(Field::Thumbprints), Value::Json(prints.into_iter().collect()));
                }
            }
        }
    }

    fn organization(&mut self, organization: &Json) {
        if organization.get("Policies").is_some() {
            self.complete.insert(EntityKind::OrgPolicy);
            self.cover(EntityKind::OrgPolicy, &[Field::Document]);
        }
        for (index, entry) in list_of(organization, "Policies").enumerate() {
            let Some(id) = text(entry, "Id") else { continue };
            let held = self.entity(EntityRef::by_id(EntityKind::OrgPolicy, id), &format!("/Supplement/Organizations/Policies/{index}"));
            held.attributes.insert(Attribute::plain(Field::Document), document(entry.get("Content")));
            let kind = text(entry, "Type").map(|kind| (Attribute::plain(Field::Type), Value::text(kind)));
            held.attributes.extend(kind);
        }
        if organization.get("Attachments").is_some() {
            self.cover(EntityKind::OrgTarget, &[Field::TargetPolicy]);
        }
        for (index, entry) in list_of(organization, "Attachments").enumerate() {
            let (Some(policy), Some(target)) = (text(entry, "PolicyId"), text(entry, "TargetId")) else { continue };
            let pointer = format!("/Supplement/Organizations/Attachments/{index}");
            let held = self.entity(EntityRef::by_id(EntityKind::OrgTarget, target), &pointer);
            held.attributes.insert(Attribute::keyed(Field::TargetPolicy, policy), Value::Present);
        }
    }

    fn identity_center(&mut self, center: &Json) {
        if center.get("PermissionSets").is_some() {
            self.complete.insert(EntityKind::PermissionSet);
        }
        for (index, entry) in list_of(center, "PermissionSets").enumerate() {
            let Some(arn) = text(entry, "PermissionSetArn") else { continue };
            let pointer = format!("/Supplement/IdentityCenter/PermissionSets/{index}");
            let held = self.entity(EntityRef::by_id(EntityKind::PermissionSet, arn), &pointer);
            held.attributes.extend(text(entry, "Name").map(|name| (Attribute::plain(Field::Name), Value::text(name))));
            if entry.get("AttachedManagedPolicies").is_some() {
                held.covers.insert(Field::AttachedPolicy);
            }
            for policy in list_of(entry, "AttachedManagedPolicies") {
                if let Some(arn) = text(policy, "Arn").or_else(|| policy.as_str()) {
                    held.attributes.insert(Attribute::keyed(Field::AttachedPolicy, arn), Value::Present);
                }
            }
            if let Some(policy) = entry.get("InlinePolicy") {
                held.covers.insert(Field::SetInlinePolicy);
                held.attributes.insert(Attribute::plain(Field::SetInlinePolicy), document(Some(policy)));
            }
        }
        for (index, entry) in list_of(center, "AccountAssignments").enumerate() {
            let target = text(entry, "AccountId").or_else(|| text(entry, "TargetId"));
            let parts = ["PermissionSetArn", "PrincipalType", "PrincipalId"].map(|name| text(entry, name));
            let (Some(target), [Some(set), Some(kind), Some(id)]) = (target, parts) else { continue };
            let pointer = format!("/Supplement/IdentityCenter/AccountAssignments/{index}");
            let held = self.entity(EntityRef::named(EntityKind::Account, "aws", target, ""), &pointer);
            held.attributes.insert(Attribute::keyed(Field::Assignment, &format!("{set}:{kind}:{id}")), Value::Present);
        }
        if center.get("AccountAssignments").is_some() {
            self.cover(EntityKind::Account, &[Field::Assignment]);
        }
    }
}
