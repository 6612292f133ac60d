//! Calls that are like no other.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::super::attribute::{Attribute, Field, Value};
use super::super::entity::{EntityKind, EntityRef};
use super::operation::Special;
use super::read::{Call, is_hidden, text_of};
use super::{Change, Effect, Implies, Kind, Subject, saml};
use crate::source::sha256_hex;

pub(super) fn changes(special: Special, call: &Call<'_>) -> Vec<Change> {
    let document = |name: &str| call.known.read(call.request.text(name));
    match special {
        Special::CreateUser => with_boundary(call, create(call, "user.userId", tags(call))),
        Special::CreateRole => create_role(call),
        Special::CreateServiceLinkedRole => {
            let trust = call.known.read(call.response.text("role.assumeRolePolicyDocument"));
            create(call, "role.roleId", vec![(Attribute::plain(Field::TrustPolicy), trust)])
        }
        Special::CreatePolicy => create_policy(call),
        Special::CreatePolicyVersion => {
            let is_default = call.request.flag("setAsDefault") == Some(true);
            let version = call.response.text("policyVersion.versionId").map(Arc::from);
            let kind = if is_default { Kind::PolicyDefaultChanged } else { Kind::PolicyVersionAdded };
            vec![call.also(kind, Effect::AddVersion { version, document: document("policyDocument"), is_default })]
        }
        Special::SetDefaultPolicyVersion => {
            call.request.text("versionId").map(|version| call.change(Effect::SetDefault { version: version.into() })).into_iter().collect()
        }
        Special::CreateLoginProfile => {
            let reset = Value::Json(Json::Bool(call.request.flag("passwordResetRequired").unwrap_or(false)));
            let set = |field, value, implies| Effect::Set { attribute: Attribute::plain(field), value, implies };
            vec![
                call.change(set(Field::LoginProfile, Value::Present, Implies::Absent)),
                call.quietly(set(Field::ResetRequired, reset, Implies::Nothing)),
            ]
        }
        Special::UpdateLoginProfile => update_login_profile(call),
        Special::ChangePassword => vec![secret(call, Attribute::plain(Field::Password))],
        Special::EnableMfa => mfa(call, true),
        Special::DeactivateMfa => mfa(call, false),
        Special::ResetServiceCredential => {
            let id = call.request.text("serviceSpecificCredentialId");
            id.map(|id| secret(call, Attribute::keyed(Field::ServiceSecret, id))).into_iter().collect()
        }
        Special::CreateSamlProvider => create(call, "", saml_settings(call)),
        Special::UpdateSamlProvider => {
            saml_settings(call).into_iter().map(|(attribute, value)| call.set(attribute, value, Implies::Nothing)).collect()
        }
        Special::CreateOidcProvider => create_oidc_provider(call),
        Special::UpdateThumbprints => vec![call.set(Attribute::plain(Field::Thumbprints), thumbprints(call), Implies::Nothing)],
        Special::UpdatePasswordPolicy => password_policy(call),
        Special::ClearPasswordPolicy => vec![call.change(Effect::ClearPasswordPolicy)],
        Special::CreateOrgPolicy => {
            let mut initial = present(call, &[(Field::Type, "type"), (Field::Name, "name")]);
            initial.push((Attribute::plain(Field::Document), document("content")));
            create(call, "", initial)
        }
        Special::DisablePolicyType => {
            let policy_type = call.request.text("policyType");
            policy_type.map(|name| call.change(Effect::DisablePolicyType { policy_type: name.into() })).into_iter().collect()
        }
        Special::LeaveOrganization => {
            vec![call.set(Attribute::keyed(Field::OrgMember, &call.event.recipient_account_id), Value::Absent, Implies::Present)]
        }
        Special::DelegatedAdmin(is_on) => delegated_admin(call, is_on),
        Special::ResourcePolicy => vec![call.set(Attribute::plain(Field::ResourcePolicy), Value::Redacted, Implies::Nothing)],
        Special::CreatePermissionSet => {
            let settings = [(Field::SessionDuration, "sessionDuration"), (Field::RelayState, "relayState"), (Field::Name, "name")];
            create(call, "", present(call, &settings))
        }
        Special::CustomerPolicyReference(is_on) => customer_policy(call, is_on),
        Special::PermissionSetBoundary => {
            let managed = call.request.text("permissionsBoundary.managedPolicyArn").map(str::to_owned);
            let name = managed.or_else(|| reference(call, "permissionsBoundary.customerManagedPolicyReference"));
            vec![call.set(Attribute::plain(Field::Boundary), name.map_or(Value::Unknown, |name| Value::text(&name)), Implies::Nothing)]
        }
        Special::Assignment(is_on) => assignment(call, is_on),
        Special::CreateMembership => membership(call),
        Special::DeleteMembership => end_membership(call),
        Special::CreateTrustAnchor => create(call, "", anchor(call).into_iter().chain(authority(call)).collect()),
        Special::UpdateTrustAnchor => {
            let set = |(attribute, value)| call.set(attribute, value, Implies::Nothing);
            let quietly = |(attribute, value)| call.quietly(Effect::Set { attribute, value, implies: Implies::Nothing });
            anchor(call).into_iter().map(set).chain(authority(call).map(quietly)).collect()
        }
        Special::CreateAnywhereProfile => {
            let mut initial = anywhere_settings(call);
            let keys = NAMED_BY_PROFILES.iter().flat_map(|(field, name)| {
                let names = call.request.list(name).filter_map(Json::as_str);
                names.map(|name| (Attribute::keyed(*field, name), Value::Present))
            });
            initial.extend(keys);
            create(call, "", initial)
        }
        Special::UpdateAnywhereProfile => {
            let settings = anywhere_settings(call).into_iter();
            settings.map(|(attribute, value)| call.set(attribute, value, Implies::Nothing)).chain(role_arns(call)).collect()
        }
        Special::Session => {
            let session = call.response.text("credentials.accessKeyId").map_or(Value::Unknown, Value::text);
            vec![call.change(Effect::Note { attribute: Attribute::plain(Field::Session), value: session })]
        }
    }
}

/// `tags`, of which Roles Anywhere hides the values.
pub(super) fn tag(call: &Call<'_>) -> Vec<Change> {
    tags(call).into_iter().map(|(attribute, value)| call.set(attribute, value, Implies::Nothing)).collect()
}

/// A delegation request has its id from the answer when it is made.
pub(super) fn delegation(call: &Call<'_>, status: &str) -> Vec<Change> {
    let id = call.request.text("delegationRequestId").or_else(|| call.response.text("delegationRequestId"));
    let set = |id: &str| call.set(Attribute::keyed(Field::Delegation, id), Value::text(status), Implies::Nothing);
    id.map(set).into_iter().collect()
}

fn create(call: &Call<'_>, id: &str, initial: Vec<(Attribute, Value)>) -> Vec<Change> {
    vec![call.change(Effect::Create { unique_id: call.response.text(id).map(Arc::from), initial })]
}

fn create_role(call: &Call<'_>) -> Vec<Change> {
    let mut initial = tags(call);
    let longest = call.request.get("maxSessionDuration").cloned().unwrap_or_else(|| Json::from(DEFAULT_SESSION_SECONDS));
    initial.push((Attribute::plain(Field::MaxSession), Value::Json(longest)));
    initial.extend(present(call, &[(Field::Description, "description")]));
    let mut changes = create(call, "role.roleId", initial);
    let document = call.request.text("assumeRolePolicyDocument").or_else(|| call.response.text("role.assumeRolePolicyDocument"));
    let trust =
        Effect::Set { attribute: Attribute::plain(Field::TrustPolicy), value: call.known.read(document), implies: Implies::Nothing };
    changes.push(call.also(Kind::RoleTrustChanged, trust));
    with_boundary(call, changes)
}

fn with_boundary(call: &Call<'_>, mut changes: Vec<Change>) -> Vec<Change> {
    if let Some(boundary) = call.request.text("permissionsBoundary") {
        let attribute = Attribute::plain(Field::Boundary);
        let effect = Effect::Set { attribute, value: Value::text(boundary), implies: Implies::Nothing };
        changes.push(call.also(Kind::BoundaryChanged, effect));
    }
    changes
}

fn create_policy(call: &Call<'_>) -> Vec<Change> {
    let document = call.known.read(call.request.text("policyDocument"));
    let mut initial = tags(call);
    initial.push((Attribute::keyed(Field::Version, "v1"), document.clone()));
    initial.push((Attribute::plain(Field::DefaultVersion), Value::text("v1")));
    initial.push((Attribute::plain(Field::DefaultDocument), document));
    create(call, "policy.policyId", initial)
}

/// The flag is unchanged where the call does not name it.
fn update_login_profile(call: &Call<'_>) -> Vec<Change> {
    let mut changes = vec![secret(call, Attribute::plain(Field::Password))];
    if let Some(reset) = call.request.flag("passwordResetRequired") {
        changes.push(call.set(Attribute::plain(Field::ResetRequired), Value::Json(Json::Bool(reset)), Implies::Nothing));
    }
    changes
}

fn secret(call: &Call<'_>, attribute: Attribute) -> Change {
    call.change(Effect::Note { attribute, value: Value::Secret })
}

/// A virtual device stays when it is taken from its user.
fn mfa(call: &Call<'_>, is_on: bool) -> Vec<Change> {
    let Some(serial) = call.request.text("serialNumber") else { return Vec::new() };
    let (value, implies) = if is_on { (Value::Present, Implies::Absent) } else { (Value::Absent, Implies::Present) };
    let mut changes = vec![call.set(Attribute::keyed(Field::MfaDevice, serial), value, implies)];
    if let (Some(device), Subject::Named(user)) = (EntityRef::from_arn(serial), &call.subject)
        && device.kind == EntityKind::MfaDevice
    {
        let holder = if is_on { Value::text(&user.to_string()) } else { Value::Absent };
        let effect = Effect::Set { attribute: Attribute::plain(Field::AssignedTo), value: holder, implies: Implies::Nothing };
        changes.push(Change { subject: Subject::Named(device), ..call.quietly(effect) });
    }
    changes
}

fn saml_settings(call: &Call<'_>) -> Vec<(Attribute, Value)> {
    let mut found = call.request.text("sAMLMetadataDocument").map(metadata).unwrap_or_default();
    found.extend(present(call, &[(Field::EncryptionMode, "assertionEncryptionMode")]));
    found
}

/// What the metadata of a SAML provider say of it.
pub(in crate::iam) fn metadata(xml: &str) -> Vec<(Attribute, Value)> {
    let signers: Vec<Json> = saml::signing_certificates(xml).into_iter().map(Json::from).collect();
    vec![
        (Attribute::plain(Field::MetadataDigest), Value::text(&sha256_hex(xml.as_bytes()))),
        (Attribute::plain(Field::EntityId), saml::entity_id(xml).map_or(Value::Unknown, Value::text)),
        (Attribute::plain(Field::SigningCertificates), if signers.is_empty() { Value::Unknown } else { Value::Json(signers.into()) }),
    ]
}

fn create_oidc_provider(call: &Call<'_>) -> Vec<Change> {
    let mut initial = tags(call);
    initial.extend(present(call, &[(Field::Url, "url")]));
    let clients = call.request.list("clientIDList").filter_map(Json::as_str);
    initial.extend(clients.map(|client| (Attribute::keyed(Field::ClientId, client), Value::Present)));
    initial.push((Attribute::plain(Field::Thumbprints), thumbprints(call)));
    create(call, "", initial)
}

/// A set, so in order.
fn thumbprints(call: &Call<'_>) -> Value {
    let prints: BTreeSet<&str> = call.request.list("thumbprintList").filter_map(Json::as_str).collect();
    Value::Json(prints.into_iter().collect())
}

/// The call replaces the whole policy: what it does not name goes back to its default.
fn password_policy(call: &Call<'_>) -> Vec<Change> {
    let rule = |(name, default): &(&str, Json)| {
        let value = call.request.get(name).cloned().unwrap_or_else(|| default.clone());
        call.set(Attribute::keyed(Field::PasswordRule, name), Value::Json(value), Implies::Nothing)
    };
    password_defaults().iter().map(rule).collect()
}

/// What the rules of a password policy are where a call does not name them.
///
/// # Source
/// IAM API Reference, `UpdateAccountPasswordPolicy`.
pub(in crate::iam) fn password_defaults() -> [(&'static str, Json); 9] {
    [
        ("minimumPasswordLength", Json::from(6)),
        ("requireSymbols", Json::Bool(false)),
        ("requireNumbers", Json::Bool(false)),
        ("requireUppercaseCharacters", Json::Bool(false)),
        ("requireLowercaseCharacters", Json::Bool(false)),
        ("allowUsersToChangePassword", Json::Bool(false)),
        ("maxPasswordAge", Json::from(0)),
        ("passwordReusePrevention", Json::from(0)),
        ("hardExpiry", Json::Bool(false)),
    ]
}

fn delegated_admin(call: &Call<'_>, is_on: bool) -> Vec<Change> {
    let (Some(account), Some(service)) = (call.request.text("accountId"), call.request.text("servicePrincipal")) else {
        return Vec::new();
    };
    let (value, implies) = if is_on { (Value::Present, Implies::Absent) } else { (Value::Absent, Implies::Present) };
    vec![call.set(Attribute::keyed(Field::DelegatedAdmin, &format!("{account}:{service}")), value, implies)]
}

fn customer_policy(call: &Call<'_>, is_on: bool) -> Vec<Change> {
    let Some(name) = reference(call, "customerManagedPolicyReference") else { return Vec::new() };
    let (value, implies) = if is_on { (Value::Present, Implies::Nothing) } else { (Value::Absent, Implies::Present) };
    vec![call.set(Attribute::keyed(Field::CustomerPolicy, &name), value, implies)]
}

/// Path and name of a policy that each account has its own of.
fn reference(call: &Call<'_>, parameter: &str) -> Option<String> {
    let policy = call.request.get(parameter)?;
    Some(format!("{}{}", text_of(policy, "path").unwrap_or("/"), text_of(policy, "name")?))
}

fn assignment(call: &Call<'_>, is_on: bool) -> Vec<Change> {
    let parts = ["permissionSetArn", "principalType", "principalId"].map(|name| call.request.text(name).unwrap_or("<unknown>"));
    let (value, implies) = if is_on { (Value::Present, Implies::Absent) } else { (Value::Absent, Implies::Present) };
    vec![call.set(Attribute::keyed(Field::Assignment, &parts.join(":")), value, implies)]
}

/// The id of the membership is kept, as its end names nothing else.
fn membership(call: &Call<'_>) -> Vec<Change> {
    let Some(user) = call.request.text("memberId.userId") else { return Vec::new() };
    let mut changes = vec![call.set(Attribute::keyed(Field::Member, user), Value::Present, Implies::Absent)];
    if let Some(id) = call.response.text("membershipId") {
        let attribute = Attribute::keyed(Field::Membership, id);
        changes.push(call.quietly(Effect::Set { attribute, value: Value::text(user), implies: Implies::Nothing }));
    }
    changes
}

fn end_membership(call: &Call<'_>) -> Vec<Change> {
    let (Some(id), Subject::Named(or_else)) = (call.request.text("membershipId"), &call.subject) else { return Vec::new() };
    let subject = Subject::HolderOf { attribute: Attribute::keyed(Field::Membership, id), or_else: or_else.clone() };
    vec![Change { subject, ..call.change(Effect::EndMembership { membership: id.into() }) }]
}

/// The authority's certificate, or the ARN of the private one.
fn anchor(call: &Call<'_>) -> Vec<(Attribute, Value)> {
    let source = call.request.get("source.sourceData").map(|source| Value::text(&sha256_hex(source.to_string().as_bytes())));
    let mut found: Vec<_> = source.map(|digest| (Attribute::plain(Field::SourceDigest), digest)).into_iter().collect();
    found.extend(enabled(call));
    found
}

/// Whose authority it is: one of AWS, or one outside, of which the certificate is given.
fn authority(call: &Call<'_>) -> Option<(Attribute, Value)> {
    let is_outside = call.request.has("source.sourceData.x509CertificateData");
    let by_data = || call.request.has("source.sourceData").then_some(if is_outside { "CERTIFICATE_BUNDLE" } else { "AWS_ACM_PCA" });
    let kind = call.request.text("source.sourceType").or_else(by_data)?;
    Some((Attribute::plain(Field::Type), Value::text(kind)))
}

fn enabled(call: &Call<'_>) -> Option<(Attribute, Value)> {
    let enabled = call.request.flag("enabled")?;
    Some((Attribute::plain(Field::Enabled), if enabled { Value::Present } else { Value::Absent }))
}

fn anywhere_settings(call: &Call<'_>) -> Vec<(Attribute, Value)> {
    let mut found: Vec<_> = enabled(call).into_iter().collect();
    if let Some(policy) = call.request.text("sessionPolicy") {
        found.push((Attribute::plain(Field::SessionPolicy), call.known.read(Some(policy))));
    }
    found.extend(present(call, &[(Field::AcceptSessionName, "acceptRoleSessionName")]));
    found
}

/// A list that the call has replaces the one before.
fn role_arns(call: &Call<'_>) -> Vec<Change> {
    let named = NAMED_BY_PROFILES.iter().filter(|(_, name)| call.request.get(name).is_some_and(Json::is_array));
    let replace = |(field, name): &(Field, &str)| {
        let keys = call.request.list(name).filter_map(Json::as_str).map(Arc::from).collect();
        call.change(Effect::Replace { field: *field, keys })
    };
    named.map(replace).collect()
}

/// The fields whose parameters the call has.
fn present(call: &Call<'_>, fields: &[(Field, &str)]) -> Vec<(Attribute, Value)> {
    let value = |parameter: &str| call.request.get(parameter).cloned().map(Value::Json);
    fields.iter().filter_map(|(field, parameter)| Some((Attribute::plain(*field), value(parameter)?))).collect()
}

fn tags(call: &Call<'_>) -> Vec<(Attribute, Value)> {
    let tag = |tag: &Json| {
        let value = tag.get("value").filter(|value| !is_hidden(value)).and_then(Json::as_str);
        Some((Attribute::keyed(Field::Tag, text_of(tag, "key")?), value.map_or(Value::Redacted, Value::text)))
    };
    call.request.list("tags").filter_map(tag).collect()
}

/// IAM API Reference, `CreateRole`: the session length that a role has where none is given.
const DEFAULT_SESSION_SECONDS: u32 = 3600;

/// The lists of a profile of Roles Anywhere.
const NAMED_BY_PROFILES: [(Field, &str); 2] = [(Field::RoleArn, "roleArns"), (Field::ManagedPolicy, "managedPolicyArns")];
