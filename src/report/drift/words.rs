//! What an item of drift says: one sentence by its kind, and the same without whom it is about.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::super::text::{count, number, short_principal};
use crate::iam::drift::{Documents, Item, StatementDiff};
use crate::iam::kind::Kind;

/// An item in one sentence, without a full stop. Texts of the log stand in it as they are: whoever shows it escapes it.
pub fn sentence(item: &Item) -> String {
    let entity = short_principal(&item.entity);
    contradiction(item, entity, &format!(" of {entity}")).unwrap_or_else(|| {
        let Phrase { act, link, tail } = phrase(item);
        let who = item.actor_arn().map_or("somebody whom the record does not name", |arn| short_principal(arn));
        format!("{who} {act} {link}{entity}{tail}")
    })
}

/// The change alone, for where it stands below the entity that it is about.
pub fn change(item: &Item) -> String {
    contradiction(item, "it", "").unwrap_or_else(|| {
        let Phrase { act, tail, .. } = phrase(item);
        format!("{act}{tail}")
    })
}

/// `+` where something came, `-` where it went, `~` where it is another, `!` where the log contradicts itself.
pub fn mark(item: &Item) -> &'static str {
    if item.kind.is_contradiction() {
        return "!";
    }
    let is_there = |value: &Json| !matches!(value, Json::Null | Json::Bool(false));
    match (is_there(&item.before), is_there(&item.after)) {
        // What came and was not known before may have been there.
        (true, true) if *item.before == "<unknown>" && *item.after == Json::Bool(true) => "+",
        (false, true) => "+",
        (true, false) => "-",
        _ => "~",
    }
}

/// A value in words.
pub fn value(json: &Json) -> String {
    match json {
        Json::Null | Json::Bool(false) => "absent".to_owned(),
        Json::Bool(true) => "there".to_owned(),
        Json::String(text) => match text.as_str() {
            "<unknown>" => "not known".to_owned(),
            "<ambiguous>" => "open, as calls of one second can have come in more than one order".to_owned(),
            "<secret>" => "a secret".to_owned(),
            "<redacted>" => "hidden by the service".to_owned(),
            _ => short_principal(text).to_owned(),
        },
        Json::Object(_) => match json.get("Statement").and_then(Json::as_array) {
            Some(statements) => format!("a document of {}", count(number(statements.len()), "statement")),
            None => json.to_string(),
        },
        Json::Array(values) => values.iter().map(value).collect::<Vec<_>>().join(", "),
        Json::Number(number) => number.to_string(),
    }
}

/// A policy statement in words: what it allows or denies, on what.
pub fn statement(statement: &Json) -> String {
    let text = |name: &str| statement.get(name).and_then(Json::as_str).unwrap_or("no effect");
    let list = |name: &str| {
        let values = statement.get(name)?;
        let values: Vec<&str> = values.as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        Some(few(&values))
    };
    let pick = |plain: &str, inverse: &str| list(plain).or_else(|| list(inverse).map(|values| format!("all but {values}")));
    let principals = principals(std::iter::once(statement));
    let principals: Vec<&str> = principals.iter().map(String::as_str).collect();
    let said = [
        Some(text("Effect").to_owned()),
        pick("Action", "NotAction"),
        pick("Resource", "NotResource").map(|resources| format!("on {resources}")),
        (!principals.is_empty()).then(|| format!("to {}", few(&principals))),
        statement.get("Condition").map(|_| "under a condition".to_owned()),
    ];
    said.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// What was done, and how it is tied to the entity.
struct Phrase {
    act: String,
    /// Ends with a space where it is not empty.
    link: &'static str,
    tail: String,
}

impl Phrase {
    fn new(act: impl Into<String>, link: &'static str) -> Self {
        Self { act: act.into(), link, tail: String::new() }
    }

    fn with(mut self, tail: String) -> Self {
        self.tail = tail;
        self
    }
}

/// What somebody did, by kind.
fn phrase(item: &Item) -> Phrase {
    let key = short_principal(key(&item.attribute));
    let is_on = !matches!(*item.after, Json::Null | Json::Bool(false));
    let on_off = |on: &'static str, off: &'static str| if is_on { on } else { off };
    match item.kind {
        Kind::RoleTrustChanged => trust(item),
        Kind::PolicyVersionAdded => Phrase::new(format!("added version {key}"), "to ").with(granted(item)),
        Kind::PolicyDefaultChanged => Phrase::new("changed the default document", "of ").with(granted(item)),
        Kind::PolicyVersionDeleted => Phrase::new(format!("deleted version {key}"), "of "),
        Kind::PolicyAttached => Phrase::new(format!("attached {key}"), "to "),
        Kind::PolicyDetached => Phrase::new(format!("detached {key}"), "from "),
        Kind::InlinePolicyPut => {
            let act = if item.before.is_object() { "replaced" } else { "put" };
            Phrase::new(format!("{act} inline policy {key}"), "on ").with(granted(item))
        }
        Kind::InlinePolicyDeleted => Phrase::new(format!("deleted inline policy {key}"), "from "),
        Kind::BoundaryChanged | Kind::BoundaryRemoved | Kind::PermissionSetBoundaryChanged => boundary(item),
        Kind::GroupMemberAdded | Kind::IdstoreMemberAdded => Phrase::new(format!("added member {key}"), "to "),
        Kind::GroupMemberRemoved | Kind::IdstoreMemberRemoved => Phrase::new(format!("removed member {key}"), "from "),
        Kind::InstanceProfileRoleAdded => Phrase::new(format!("put role {}", value(&item.after)), "into "),
        Kind::InstanceProfileRoleRemoved => Phrase::new(format!("took role {}", value(&item.before)), "out of "),
        Kind::PasswordPolicyChanged => {
            let rule = item.attribute.strip_prefix("password_policy.").unwrap_or(&item.attribute);
            Phrase::new(format!("changed {rule} in the password policy"), "of ").with(from_to(item))
        }
        Kind::PasswordPolicyDeleted => Phrase::new("deleted the password policy", "of "),
        Kind::AccountAliasChanged => Phrase::new("changed the alias", "of ").with(from_to(item)),
        Kind::StsTokenVersionChanged => Phrase::new("changed the version of global STS tokens", "of ").with(from_to(item)),
        Kind::DelegationRequestChanged => Phrase::new(format!("made delegation request {key} {}", value(&item.after)), "in "),
        Kind::TagChanged if is_on => Phrase::new(format!("set tag {key}"), "of ").with(from_to(item)),
        Kind::TagChanged => Phrase::new(format!("removed tag {key}"), "from "),
        Kind::RootContactChanged => Phrase::new(format!("changed {}", spaced(&item.attribute)), "of "),
        Kind::ScpChanged => Phrase::new("changed the document", "of ").with(granted(item)),
        Kind::ScpAttached => Phrase::new(format!("attached organization policy {key}"), "to "),
        Kind::ScpDetached => Phrase::new(format!("detached organization policy {key}"), "from "),
        Kind::PolicyTypeChanged => Phrase::new(format!("{} policy type {key}", on_off("enabled", "disabled")), "on "),
        Kind::AccountMoved => Phrase::new("moved", "").with(from_to(item)),
        Kind::AccountLeftOrg => Phrase::new(format!("took account {key}"), "out of "),
        Kind::AccountJoinedOrg => Phrase::new(format!("brought account {key}"), "into "),
        Kind::OrgResourcePolicyChanged => {
            Phrase::new(on_off("set the resource policy", "removed the resource policy"), on_off("of ", "from "))
        }
        Kind::ServiceAccessChanged => Phrase::new(format!("{} access of service {key}", on_off("allowed", "ended")), "to "),
        Kind::DelegatedAdminChanged => {
            Phrase::new(format!("{} delegated administrator {key}", on_off("registered", "deregistered")), "of ")
        }
        Kind::PermissionSetProvisioned => Phrase::new("provisioned", "").with(" to its accounts".to_owned()),
        Kind::PermissionSetPolicyChanged if &*item.attribute == "inline_policy" => {
            Phrase::new(on_off("put an inline policy", "deleted the inline policy"), on_off("on ", "from ")).with(granted(item))
        }
        Kind::PermissionSetPolicyChanged => Phrase::new(format!("{} {key}", on_off("attached", "detached")), on_off("to ", "from ")),
        Kind::AccountAssignmentCreated => Phrase::new(format!("assigned {}", assignment(&item.attribute)), "in "),
        Kind::AccountAssignmentDeleted => Phrase::new(format!("ended the assignment of {}", assignment(&item.attribute)), "in "),
        Kind::FederationSessionMinted => Phrase::new("minted a federation session", "of "),
        Kind::RootSessionAssumed => Phrase::new("assumed a session", "of "),
        _ => credential(item, key).unwrap_or_else(|| lifetime(item)),
    }
}

/// Keys, passwords, devices and certificates.
fn credential(item: &Item, key: &str) -> Option<Phrase> {
    let changed = |what: &str| Phrase::new(format!("changed {what} {key}"), "of ").with(from_to(item));
    Some(match item.kind {
        Kind::AccessKeyCreated => Phrase::new(format!("created access key {key}"), "for "),
        Kind::AccessKeyStatusChanged => changed("access key"),
        Kind::AccessKeyDeleted => Phrase::new(format!("deleted access key {key}"), "of "),
        Kind::LoginProfileCreated => Phrase::new("gave a console password", "to "),
        Kind::LoginProfileUpdated if item.attribute.ends_with("password_reset_required") => {
            let now = if *item.after == Json::Bool(true) { ": it has to be changed" } else { ": it may stay" };
            Phrase::new("changed what becomes of the password at the next sign-in", "of ").with(now.to_owned())
        }
        Kind::LoginProfileUpdated => Phrase::new("changed the console password", "of "),
        Kind::LoginProfileDeleted => Phrase::new("removed the console password", "from "),
        Kind::PasswordChanged => Phrase::new("changed, as its owner, the console password", "of "),
        Kind::MfaEnabled => Phrase::new(format!("enabled MFA device {key}"), "for "),
        Kind::MfaDeactivated => Phrase::new(format!("deactivated MFA device {key}"), "of "),
        Kind::SshKeyAdded => Phrase::new(format!("added SSH key {key}"), "to "),
        Kind::SshKeyStatusChanged => changed("SSH key"),
        Kind::SshKeyDeleted => Phrase::new(format!("deleted SSH key {key}"), "of "),
        Kind::ServiceCredentialCreated => Phrase::new(format!("created service credential {key}"), "for "),
        Kind::ServiceCredentialStatusChanged => changed("service credential"),
        Kind::ServiceCredentialReset => Phrase::new(format!("reset the secret of service credential {key}"), "of "),
        Kind::ServiceCredentialDeleted => Phrase::new(format!("deleted service credential {key}"), "of "),
        Kind::SigningCertAdded => Phrase::new(format!("added signing certificate {key}"), "to "),
        Kind::SigningCertStatusChanged => changed("signing certificate"),
        Kind::SigningCertDeleted => Phrase::new(format!("deleted signing certificate {key}"), "of "),
        _ => return None,
    })
}

/// What is made, renamed and deleted; all else by its attribute.
fn lifetime(item: &Item) -> Phrase {
    match (&*item.attribute, item.kind) {
        ("exists", _) if *item.after == Json::Bool(true) => Phrase::new("created", ""),
        ("exists", _) => Phrase::new("deleted", ""),
        ("deletion_pending", _) => Phrase::new("asked AWS to delete", ""),
        ("name", _) => Phrase::new("renamed", "").with(from_to(item)),
        ("path", _) => Phrase::new("moved", "").with(from_to(item)),
        _ => generic(item),
    }
}

/// A change that its attribute says all of.
fn generic(item: &Item) -> Phrase {
    let what = spaced(&item.attribute);
    let key = short_principal(key(&item.attribute));
    let is_keyed = key != &*item.attribute;
    let list = what.split('[').next().unwrap_or_default();
    match &*item.after {
        Json::Bool(true) if &*item.attribute == "enabled" => Phrase::new("enabled", ""),
        Json::Bool(false) if &*item.attribute == "enabled" => Phrase::new("disabled", ""),
        Json::Bool(true) if is_keyed => Phrase::new(format!("added {key} to {list}"), "of "),
        Json::Bool(false) if is_keyed => Phrase::new(format!("removed {key} from {list}"), "of "),
        Json::Bool(true) => Phrase::new(format!("turned on {what}"), "of "),
        Json::Bool(false) => Phrase::new(format!("turned off {what}"), "of "),
        _ => Phrase::new(format!("changed {what}"), "of ").with(from_to(item)),
    }
}

fn boundary(item: &Item) -> Phrase {
    match (&*item.before, &*item.after) {
        (_, Json::Null) => Phrase::new("removed the permissions boundary", "from ").with(was(item)),
        (Json::Null, _) => Phrase::new(format!("set the permissions boundary {}", value(&item.after)), "on "),
        _ => Phrase::new("changed the permissions boundary", "of ").with(from_to(item)),
    }
}

fn trust(item: &Item) -> Phrase {
    let start =
        if item.before.is_null() { Phrase::new("gave a trust policy", "to ") } else { Phrase::new("changed the trust policy", "of ") };
    let Some(StatementDiff { removed, added }) = item.statements.as_ref().map(Documents::diff) else { return start };
    let (gone, new) = (principals(removed.iter()), principals(added.iter()));
    let only = |these: &BTreeSet<String>, others: &BTreeSet<String>| {
        let names: Vec<&str> = these.difference(others).map(String::as_str).collect();
        (!names.is_empty()).then(|| few(&names))
    };
    let said = [
        only(&new, &gone).map(|names| format!("it lets in {names}")),
        only(&gone, &new).map(|names| format!("it no longer lets in {names}")),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    let said = if said.is_empty() { "for whom it lets in, on other terms".to_owned() } else { said.join(", ") };
    start.with(format!(": {said}"))
}

/// Whom statements name.
fn principals<'s>(statements: impl Iterator<Item = &'s Json>) -> BTreeSet<String> {
    let names = |names: &Json| match names {
        Json::String(name) => vec![name.clone()],
        names => names.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect(),
    };
    let of = |statement: &Json| {
        let everyone = statement.get("NotPrincipal").map(|_| "*".to_owned());
        let kinds = statement.get("Principal").and_then(Json::as_object).into_iter().flatten();
        kinds.flat_map(|(_, kind)| names(kind)).chain(everyone).collect::<Vec<_>>()
    };
    statements.flat_map(of).collect()
}

/// What the statements that came allow, and how many went.
fn granted(item: &Item) -> String {
    let Some(StatementDiff { removed, added }) = item.statements.as_ref().map(Documents::diff) else { return String::new() };
    let shown: Vec<String> = added.iter().take(SHOWN_STATEMENTS).map(|new| format!("+ {}", statement(new))).collect();
    let more = number(added.len().saturating_sub(SHOWN_STATEMENTS));
    let more = (more > 0).then(|| format!("{} more", count(more, "statement")));
    let gone = (!removed.is_empty()).then(|| format!("- {}", count(number(removed.len()), "statement")));
    let said: Vec<String> = shown.into_iter().chain(more).chain(gone).collect();
    if said.is_empty() { String::new() } else { format!(": {}", said.join("; ")) }
}

fn from_to(item: &Item) -> String {
    if item.before == item.after {
        return String::new();
    }
    format!(" from {} to {}", value(&item.before), value(&item.after))
}

fn was(item: &Item) -> String {
    format!(" (it was {})", value(&item.before))
}

/// What an assignment ties together: `permissionSetArn:PRINCIPALTYPE:principalId`.
fn assignment(attribute: &str) -> String {
    let mut parts = key(attribute).rsplitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(id), Some(kind), Some(set)) => format!("{set} to {} {id}", kind.to_lowercase()),
        _ => key(attribute).to_owned(),
    }
}

/// What an item of the log's own says; `None` of what somebody did.
fn contradiction(item: &Item, entity: &str, of: &str) -> Option<String> {
    let attribute = &item.attribute;
    let before = value(&item.before);
    let after = if *item.after == "<unknown>" { "another".to_owned() } else { value(&item.after) };
    let event = item.event_id.as_deref().map_or_else(|| "a snapshot".to_owned(), |id| format!("event {id}"));
    Some(match item.kind {
        Kind::UnexplainedChange if &**attribute == "exists" => match *item.after {
            Json::Bool(true) => format!("{entity} is in the later snapshot, and no event made it"),
            _ => format!("{entity} is not in the later snapshot, and no event deleted it"),
        },
        Kind::UnexplainedChange => {
            format!("{attribute}{of} is {after} in the later snapshot, the log leads to {before}, and no event makes the change")
        }
        Kind::PreconditionViolation if &**attribute == "children[*]" => {
            format!("{event} was refused as something hung on {entity}, and by the log nothing did: an event before it is not here")
        }
        Kind::PreconditionViolation => {
            format!(
                "{event} could only end as it did if {attribute}{of} was {after}, and by the log it was {before}: an event before it is not here"
            )
        }
        Kind::VersionGap => format!("{entity} came to a version after {}, and no event of the log made {0}", key(attribute)),
        Kind::IdentityRecreated => {
            format!("{entity} has the unique id {after} by {event}, had {before} before, and no event deleted and made it between")
        }
        Kind::ActorContradiction => {
            format!("{event} succeeded as if {attribute}{of} was {after}, and by the log it was {before}")
        }
        Kind::UsageWithoutEvents => {
            format!("{attribute} in the snapshot says that {entity} was used at {after}, and no event is near that time")
        }
        _ => return None,
    })
}

/// The key of an attribute such as `attached_policies[KEY]`; the attribute itself where it has none.
pub(super) fn key(attribute: &str) -> &str {
    attribute.split_once('[').and_then(|(_, rest)| rest.rsplit_once(']')).map_or(attribute, |(key, _)| key)
}

fn spaced(attribute: &str) -> String {
    attribute.replace('_', " ")
}

/// The first of some names, and how many there are besides.
pub(super) fn few(names: &[&str]) -> String {
    let shown = names.iter().take(SHOWN_NAMES).copied().collect::<Vec<_>>().join(", ");
    let more = names.len().saturating_sub(SHOWN_NAMES);
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// Names that a sentence lists.
const SHOWN_NAMES: usize = 3;
/// Statements that a sentence tells.
const SHOWN_STATEMENTS: usize = 2;
