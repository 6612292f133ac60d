//! What a recorded call changed: from an [`IamEvent`] to typed [`Change`]s.
//!
//! The tables (`iam`, `others`) have a row for each operation: whom it changes, how, and the kind of drift that
//! this is. `read` reads the parameters of a row's call, `special` those of calls that are like no other. `scan`
//! takes the events out of the frame.

mod iam;
mod known;
mod operation;
mod others;
mod read;
mod saml;
mod scan;
mod special;
mod witness;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::attribute::{Attribute, Field, Value};
use super::entity::EntityRef;
use super::event::IamEvent;
use super::kind::Kind;
pub(super) use known::KnownDocuments;
use operation::Operation;
pub(super) use read::caller;
pub use scan::{Scanned, iam_events};
pub(super) use special::{metadata, password_defaults};

/// One effect of a call on one entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What kind of drift it is.
    pub kind: Kind,
    /// Whom it changes.
    pub subject: Subject,
    /// How.
    pub effect: Effect,
    /// Kept in state and not reported, as another change of the same call says it.
    pub is_quiet: bool,
}

/// Whom a change concerns.
#[derive(Debug, Clone, PartialEq)]
pub enum Subject {
    /// The call names it.
    Named(EntityRef),
    /// Who holds a credential, as only its id is named; or else the caller.
    HolderOf {
        /// The credential.
        attribute: Attribute,
        /// Who it is where no holder is known.
        or_else: EntityRef,
    },
}

/// How an entity changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// It comes to be.
    Create {
        /// Its unique id, where the answer has it.
        unique_id: Option<Arc<str>>,
        /// What it has from the beginning; not reported by itself.
        initial: Vec<(Attribute, Value)>,
    },
    /// It is gone.
    Delete {
        /// What success tells about it before.
        implies: Implies,
    },
    /// An attribute has a new value.
    Set {
        /// Which.
        attribute: Attribute,
        /// The value.
        value: Value,
        /// What success tells about it before.
        implies: Implies,
    },
    /// It has another name or path.
    Rename {
        /// The new name.
        name: Option<Arc<str>>,
        /// The new path.
        path: Option<Arc<str>>,
    },
    /// A policy has another version.
    AddVersion {
        /// The id of the version; `None` where the answer lacks it.
        version: Option<Arc<str>>,
        /// Its document.
        document: Value,
        /// Whether it becomes the default.
        is_default: bool,
    },
    /// Another version of a policy is its default.
    SetDefault {
        /// The version.
        version: Arc<str>,
    },
    /// Of a field with keys, these are all that are there.
    Replace {
        /// The field.
        field: Field,
        /// Its keys.
        keys: BTreeSet<Arc<str>>,
    },
    /// A membership of an identity store ends, which its id names.
    EndMembership {
        /// The id.
        membership: Arc<str>,
    },
    /// The account has no password policy any more.
    ClearPasswordPolicy,
    /// A policy type of an organization's root is off, and with it all attachments of that type.
    DisablePolicyType {
        /// The type.
        policy_type: Arc<str>,
    },
    /// Something happened that leaves no state.
    Note {
        /// What it concerns.
        attribute: Attribute,
        /// What it yielded.
        value: Value,
    },
}

/// What the success of a call tells about the attribute before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Implies {
    /// Nothing.
    Nothing,
    /// It was not there.
    Absent,
    /// It was there.
    Present,
}

/// What a call changed, in the order in which it is to be reported; nothing where it failed or is none of the calls known.
///
/// # Source
/// The service models of AWS, and the form of requests and answers in recorded events.
pub fn changes(event: &IamEvent) -> Vec<Change> {
    changes_with(event, &KnownDocuments::default())
}

/// The same, with documents that other calls had.
pub(super) fn changes_with(event: &IamEvent, known: &KnownDocuments) -> Vec<Change> {
    if event.has_failed() { Vec::new() } else { read(event, known) }
}

/// What a call would have changed, whether or not it failed.
pub(super) fn attempted(event: &IamEvent) -> Vec<Change> {
    read(event, &KnownDocuments::default())
}

fn read(event: &IamEvent, known: &KnownDocuments) -> Vec<Change> {
    operation(event).map(|operation| read::changes(operation, event, known)).unwrap_or_default()
}

/// Whether an event's call can change what is replayed, whether or not it failed.
pub fn is_operation(event: &IamEvent) -> bool {
    operation(event).is_some()
}

/// Whether a call of that source and name can change what is replayed.
pub(super) fn is_known(event_source: &str, event_name: &str) -> bool {
    row(event_source, event_name).is_some()
}

/// The row of an event's call.
fn operation(event: &IamEvent) -> Option<&'static Operation> {
    row(&event.event_source.to_ascii_lowercase(), &event.event_name)
}

/// The row of a call; the source is in lower case.
fn row(event_source: &str, event_name: &str) -> Option<&'static Operation> {
    let table = match event_source {
        "iam.amazonaws.com" => iam::IAM,
        "organizations.amazonaws.com" => others::ORGANIZATIONS,
        "sso.amazonaws.com" => others::IDENTITY_CENTER,
        "sso-directory.amazonaws.com" | "identitystore.amazonaws.com" => others::IDENTITY_STORE,
        "rolesanywhere.amazonaws.com" => others::ROLES_ANYWHERE,
        "sts.amazonaws.com" => others::SESSIONS,
        "account.amazonaws.com" | "signin.amazonaws.com" => others::CONTACTS,
        _ => return None,
    };
    table.iter().find(|operation| operation.name == event_name)
}

/// Every call that is replayed: source and name.
#[cfg(test)]
pub(super) fn all_calls() -> impl Iterator<Item = (&'static str, &'static str)> {
    let tables = [
        ("iam.amazonaws.com", iam::IAM),
        ("organizations.amazonaws.com", others::ORGANIZATIONS),
        ("sso.amazonaws.com", others::IDENTITY_CENTER),
        ("identitystore.amazonaws.com", others::IDENTITY_STORE),
        ("rolesanywhere.amazonaws.com", others::ROLES_ANYWHERE),
        ("sts.amazonaws.com", others::SESSIONS),
        ("account.amazonaws.com", others::CONTACTS),
    ];
    tables.into_iter().flat_map(|(source, table)| table.iter().map(move |operation| (source, operation.name)))
}

#[cfg(test)]
mod tests;
