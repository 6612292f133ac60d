//! Reads a call by its row: whom it changes, and how.

use std::sync::Arc;

use serde_json::Value as Json;

use super::super::attribute::{Attribute, Field, HIDDEN, Value};
use super::super::entity::{EntityKind, EntityRef};
use super::super::event::{IamEvent, Parameters, member};
use super::operation::{Act, Of, Operation, Special};
use super::{Change, Effect, Implies, Kind, KnownDocuments, Subject, special};

/// A call with its parameters read.
pub(super) struct Call<'e> {
    pub(super) event: &'e IamEvent,
    /// Documents that other calls had.
    pub(super) known: &'e KnownDocuments,
    pub(super) request: Parameters,
    pub(super) response: Parameters,
    pub(super) kind: Kind,
    pub(super) subject: Subject,
}

pub(super) fn changes(operation: &Operation, event: &IamEvent, known: &KnownDocuments) -> Vec<Change> {
    let (request, response) = (event.request(), event.response());
    let Some(subject) = subject(operation, event, &request, &response) else { return Vec::new() };
    let call = Call { event, known, request, response, kind: operation.kind, subject };
    acts(operation.act, &call)
}

impl Call<'_> {
    pub(super) fn change(&self, effect: Effect) -> Change {
        Change { kind: self.kind, subject: self.subject.clone(), effect, is_quiet: false }
    }

    pub(super) fn quietly(&self, effect: Effect) -> Change {
        Change { is_quiet: true, ..self.change(effect) }
    }

    /// A change of the same entity under another kind.
    pub(super) fn also(&self, kind: Kind, effect: Effect) -> Change {
        Change { kind, ..self.change(effect) }
    }

    pub(super) fn set(&self, attribute: Attribute, value: Value, implies: Implies) -> Change {
        self.change(Effect::Set { attribute, value, implies })
    }

    /// The field at the key that a parameter has; nothing where the call lacks it.
    fn at(&self, field: Field, key: &str, value: Value, implies: Implies) -> Vec<Change> {
        self.request.text(key).map(|key| self.set(Attribute::keyed(field, key), value, implies)).into_iter().collect()
    }
}

fn acts(act: Act, call: &Call<'_>) -> Vec<Change> {
    let plain = |field, value, implies| vec![call.set(Attribute::plain(field), value, implies)];
    match act {
        Act::Create { id, .. } => {
            vec![call.change(Effect::Create { unique_id: call.response.text(id).map(Arc::from), initial: Vec::new() })]
        }
        Act::Delete => vec![call.change(Effect::Delete { implies: Implies::Present })],
        Act::DeleteIfAny => vec![call.change(Effect::Delete { implies: Implies::Nothing })],
        Act::On(field, key) => call.at(field, key, Value::Present, Implies::Nothing),
        Act::OnNew(field, key) => call.at(field, key, Value::Present, Implies::Absent),
        Act::Off(field, key) | Act::Drop(field, key) => call.at(field, key, Value::Absent, Implies::Present),
        Act::OffIfAny(field, key) => call.at(field, key, Value::Absent, Implies::Nothing),
        Act::Turn(field, is_on) => plain(field, if is_on { Value::Present } else { Value::Absent }, Implies::Nothing),
        Act::PutDocument(field, key, document) => call.at(field, key, call.known.read(call.request.text(document)), Implies::Nothing),
        Act::SetDocument(field, document) => match call.request.text(document) {
            // A document that was too long for the record was set all the same, unless it is optional.
            None if field == Field::Document => Vec::new(),
            text => plain(field, call.known.read(text), Implies::Nothing),
        },
        Act::Set(Field::ProfileRole, parameter) => {
            // The profile must be empty: it holds one role at most.
            plain(Field::ProfileRole, call.request.get(parameter).cloned().map_or(Value::Unknown, Value::Json), Implies::Absent)
        }
        Act::Set(field, parameter) => set_each(call, &[(field, parameter)]),
        Act::SetEach(fields) => set_each(call, fields),
        Act::Clear(field) => plain(field, Value::Absent, cleared(field)),
        Act::Issue(field, id) => issue(call, field, id),
        Act::Status(field, key, status) => {
            let status = call.request.text(status).map_or(Value::Unknown, Value::text);
            call.at(field, key, status, Implies::Present)
        }
        Act::Tag => special::tag(call),
        Act::Untag => {
            let keys = call.request.list("tagKeys").filter_map(Json::as_str);
            keys.map(|key| call.set(Attribute::keyed(Field::Tag, key), Value::Absent, Implies::Nothing)).collect()
        }
        Act::Rename { name, path } => rename(call, name, path),
        Act::Delegation(status) => special::delegation(call, status),
        Act::Note(field, key) => {
            let key = call.request.text(key).unwrap_or_default();
            let value = if matches!(field, Field::Password | Field::RootPassword) { Value::Secret } else { Value::Unknown };
            vec![call.change(Effect::Note { attribute: Attribute::keyed(field, key), value })]
        }
        Act::Nothing => Vec::new(),
        Act::Special(special) => special::changes(special, call),
    }
}

/// Deleting a login profile or emptying an instance profile is refused where there is none; a boundary or an alias may be absent.
const fn cleared(field: Field) -> Implies {
    match field {
        Field::LoginProfile | Field::ProfileRole | Field::Boundary | Field::Alias => Implies::Present,
        _ => Implies::Nothing,
    }
}

fn set_each(call: &Call<'_>, fields: &[(Field, &str)]) -> Vec<Change> {
    let value = |parameter: &str| call.request.get(parameter).cloned().map(Value::Json);
    let set = |(field, parameter): &(Field, &str)| Some(call.set(Attribute::plain(*field), value(parameter)?, Implies::Nothing));
    fields.iter().filter_map(set).collect()
}

/// Without its id, nothing can be kept about a credential but that there is one more.
fn issue(call: &Call<'_>, field: Field, id: &str) -> Vec<Change> {
    match call.response.text(id) {
        Some(id) => vec![call.set(Attribute::keyed(field, id), Value::text("Active"), Implies::Absent)],
        None => vec![call.change(Effect::Note { attribute: Attribute::keyed(field, "<unknown>"), value: Value::text("Active") })],
    }
}

fn rename(call: &Call<'_>, name: &str, path: &str) -> Vec<Change> {
    let (name, path) = (call.request.text(name), call.request.text(path));
    let mut changes = Vec::new();
    if let Some(path) = path {
        let kind = if call.kind == Kind::UserRenamed { Kind::UserPathChanged } else { call.kind };
        changes.push(call.also(kind, Effect::Rename { name: None, path: Some(path.into()) }));
    }
    if let Some(name) = name {
        changes.push(call.change(Effect::Rename { name: Some(name.into()), path: None }));
    }
    changes
}

fn subject(operation: &Operation, event: &IamEvent, request: &Parameters, response: &Parameters) -> Option<Subject> {
    let account = &*event.recipient_account_id;
    let named = |kind, name: &str| EntityRef::named(kind, event.partition(), account, name);
    let entity = match operation.of {
        Of::Named(kind, parameter) => made(operation.act, response).or_else(|| {
            let name = request.text(parameter)?;
            let name = if kind == EntityKind::OidcProvider { name.trim_start_matches("https://") } else { name };
            let path = request.text("path").filter(|path| path.starts_with('/') && path.ends_with('/'));
            Some(EntityRef { path: path.map(Arc::from), ..user_or_root(named(kind, name)) })
        }),
        // A serial number or an ARN of another form is a name of its own.
        Of::Arn(kind, parameter) => request.text(parameter).map(|arn| EntityRef::from_arn(arn).unwrap_or_else(|| named(kind, arn))),
        Of::Id(kind, parameter) => request.text(parameter).map(|id| EntityRef::by_id(kind, id)),
        Of::MadeId(kind, answer, parameter) => {
            response.text(answer).or_else(|| request.text(parameter)).map(|id| EntityRef::by_id(kind, id))
        }
        Of::Owner { answer, held } => {
            let name = request.text("userName").or_else(|| response.text(answer));
            if let Some(name) = name {
                Some(user_or_root(named(EntityKind::User, name)))
            } else {
                let or_else = caller(event)?;
                let held = held.and_then(|(field, id)| Some(Attribute::keyed(field, request.text(id)?)));
                return Some(held.map_or_else(
                    || Subject::Named(or_else.clone()),
                    |attribute| Subject::HolderOf { attribute, or_else: or_else.clone() },
                ));
            }
        }
        Of::InStore(kind, id) => in_store(kind, id, request, response),
        Of::Account => Some(named(EntityKind::Account, "")),
        Of::TargetAccount(parameter) => {
            request.text(parameter).map(|account| EntityRef::named(EntityKind::Account, event.partition(), account, ""))
        }
        Of::Root(parameter) => {
            let target = request.text(parameter).unwrap_or(account);
            let target = EntityRef::from_arn(target).map_or_else(|| Arc::from(target), |root| root.account);
            Some(EntityRef::named(EntityKind::Root, event.partition(), &target, "root"))
        }
        Of::Organization => Some(named(EntityKind::Organization, "")),
        Of::Caller => caller(event),
    };
    entity.map(Subject::Named)
}

/// The entity whose ARN the answer of a creation has.
fn made(act: Act, response: &Parameters) -> Option<EntityRef> {
    let arn = match act {
        Act::Create { arn, .. } => arn,
        Act::Special(Special::CreateUser) => "user.arn",
        Act::Special(Special::CreateRole | Special::CreateServiceLinkedRole) => "role.arn",
        Act::Special(Special::CreatePolicy) => "policy.arn",
        Act::Special(Special::CreateSamlProvider) => "sAMLProviderArn",
        Act::Special(Special::CreateOidcProvider) => "openIDConnectProviderArn",
        _ => return None,
    };
    EntityRef::from_arn(response.text(arn)?)
}

/// The root user, where a name of it stands in place of a user's.
fn user_or_root(user: EntityRef) -> EntityRef {
    let is_root = user.kind == EntityKind::User && ["AWS ROOT USER", "<root_account>"].contains(&&*user.name);
    if is_root { EntityRef { kind: EntityKind::Root, name: "root".into(), ..user } } else { user }
}

/// The caller, where it is a root user, a user or a role.
pub(in crate::iam) fn caller(event: &IamEvent) -> Option<EntityRef> {
    let actor = &event.actor;
    match actor.session_issuer.as_deref().filter(|_| &*actor.kind == "AssumedRole").or(actor.arn.as_deref()).and_then(EntityRef::from_arn) {
        Some(entity) => Some(entity),
        None if actor.is_root() => Some(EntityRef::named(EntityKind::Root, event.partition(), &event.recipient_account_id, "root")),
        None => {
            let name = actor.user_name.as_deref()?;
            Some(EntityRef::named(EntityKind::User, event.partition(), actor.account_id.as_deref()?, name))
        }
    }
}

/// Entries of a store are known by their ids; a membership that is deleted names only the store and itself.
fn in_store(kind: EntityKind, id: &str, request: &Parameters, response: &Parameters) -> Option<EntityRef> {
    let store = request.text("identityStoreId").unwrap_or_default();
    let made = ["user", "group"].iter().find_map(|object| response.text(&format!("{object}.{id}")));
    let id = request.text(id).or_else(|| response.text(id)).or(made).or_else(|| request.text("membershipId"))?;
    Some(EntityRef::named(kind, "aws", store, id))
}

/// Whether a service hides a value.
pub(super) fn is_hidden(value: &Json) -> bool {
    value.as_str() == Some(HIDDEN)
}

/// The text of an object's member.
pub(super) fn text_of<'v>(object: &'v Json, name: &str) -> Option<&'v str> {
    member(object.as_object()?, name)?.as_str()
}
