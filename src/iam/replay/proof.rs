//! What the refusal of a call proves of the moment of the call.

use super::super::attribute::{Attribute, Field};
use super::super::change::{Change, Effect, Implies, Subject, attempted};
use super::super::entity::{EntityRef, is_aws_managed};
use super::super::event::IamEvent;
use super::needs;
use super::now::Now;

/// What was so when a call was refused.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::iam) enum Proof {
    /// An attribute was there, or was not.
    Presence(EntityRef, Attribute, bool),
    /// An entity was just being made or changed.
    InFlight(EntityRef),
    /// Something hung on an entity, so that it could not be deleted.
    Children(EntityRef),
    /// A version was the default of its policy, so that it could not be deleted.
    Default(EntityRef, Attribute),
    /// An entity had as many entries of a field as it may have.
    Full(EntityRef, Field),
}

impl Proof {
    /// What the refusal of a call proves; `None` of one that succeeded, and where it may have been refused for more than one thing.
    ///
    /// # Source
    /// The errors of each call in the service model of IAM.
    pub(in crate::iam) fn of(now: &Now<'_>, event: &IamEvent) -> Option<Self> {
        let code = event.error_code.as_deref()?;
        let code = code.strip_suffix("Exception").unwrap_or(code);
        if !CODES.contains(&code) {
            return None;
        }
        let Change { subject: Subject::Named(subject), effect, .. } = attempted(event).into_iter().next()? else { return None };
        match (code, effect) {
            ("NoSuchEntity", effect) => not_found(now, subject, effect),
            ("EntityAlreadyExists", effect) => found_there(subject, effect),
            ("EntityTemporarilyUnmodifiable", _) => Some(Self::InFlight(subject)),
            ("DeleteConflict", Effect::Delete { .. }) => Some(Self::Children(subject)),
            ("DeleteConflict", Effect::Set { attribute, .. }) if attribute.field == Field::Version => {
                Some(Self::Default(subject, attribute))
            }
            ("LimitExceeded", Effect::AddVersion { .. }) => Some(Self::Full(subject, Field::Version)),
            // The id of a key that was not made is in no record.
            ("LimitExceeded", Effect::Note { attribute, .. }) if attribute.field == Field::AccessKey => {
                Some(Self::Full(subject, Field::AccessKey))
            }
            _ => None,
        }
    }

    /// Whom it is about.
    pub(in crate::iam) const fn entity(&self) -> &EntityRef {
        match self {
            Self::Presence(entity, ..)
            | Self::InFlight(entity)
            | Self::Children(entity)
            | Self::Default(entity, _)
            | Self::Full(entity, _) => entity,
        }
    }

    /// Whether what is held allows it.
    pub(in crate::iam) fn is_possible(&self, now: &Now<'_>) -> bool {
        let key = self.entity().key();
        match self {
            Self::Presence(_, attribute, presence) => now.value(&key, attribute).presence() != Some(!presence),
            Self::InFlight(_) => now.exists(&key) != Some(false),
            Self::Children(entity) => !needs::is_bare(now, entity),
            Self::Default(_, version) => {
                let default = now.value(&key, &Attribute::plain(Field::DefaultVersion));
                default.as_text().is_none_or(|default| default == &*version.key)
            }
            Self::Full(_, field) => {
                let has_room = || needs::most(*field).is_some_and(|most| now.keys(&key, *field).len() < most);
                !(now.exists(&key) == Some(true) && now.covers(&key, *field) && has_room())
            }
        }
    }
}

/// What cannot be there, as AWS did not find it; `None` where the call names more than one thing that may be what is not.
fn not_found(now: &Now<'_>, subject: EntityRef, effect: Effect) -> Option<Proof> {
    let exists = Attribute::plain(Field::Exists);
    match effect {
        Effect::Delete { .. } | Effect::Rename { .. } | Effect::AddVersion { .. } => Some(Proof::Presence(subject, exists, false)),
        Effect::SetDefault { version } => Some(Proof::Presence(subject, Attribute::keyed(Field::Version, &version), false)),
        Effect::Set { attribute, implies: Implies::Present, .. } => Some(Proof::Presence(subject, attribute, false)),
        Effect::Set { attribute, value, .. } => {
            let named = needs::used(&subject, &attribute, &value);
            let is_there = named.is_none_or(|other| now.exists(&other.key()) == Some(true));
            // Which policies AWS has is not known here.
            let is_of_aws =
                attribute.field == Field::AttachedPolicy && is_aws_managed(&attribute.key) || value.as_text().is_some_and(is_aws_managed);
            // A device that is enabled need not be one that was listed.
            let is_plain = is_there && !is_of_aws && attribute.field != Field::MfaDevice;
            is_plain.then_some(Proof::Presence(subject, exists, false))
        }
        _ => None,
    }
}

/// What has to be there, as AWS would have made a second one.
fn found_there(subject: EntityRef, effect: Effect) -> Option<Proof> {
    let exists = Attribute::plain(Field::Exists);
    match effect {
        Effect::Create { .. } => Some(Proof::Presence(subject, exists, true)),
        Effect::Rename { name: Some(name), .. } => Some(Proof::Presence(EntityRef { name, path: None, ..subject }, exists, true)),
        // The device may be another one's.
        Effect::Set { attribute, implies: Implies::Absent, .. } if attribute.field != Field::MfaDevice => {
            Some(Proof::Presence(subject, attribute, true))
        }
        _ => None,
    }
}

/// How long what was just made or taken away may not be seen: IAM is eventually consistent.
pub(in crate::iam) const SETTLED_SECONDS: i64 = 60;

/// The errors that tell what was there, without the `Exception` that some records have after them.
const CODES: [&str; 5] = ["NoSuchEntity", "EntityAlreadyExists", "EntityTemporarilyUnmodifiable", "DeleteConflict", "LimitExceeded"];
