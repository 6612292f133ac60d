//! One item of drift.

use std::sync::Arc;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use super::super::attribute::{Value, Written};
use super::super::event::IamEvent;
use super::super::kind::{Kind, Risk};
use super::document::Documents;
use crate::severity::Severity;
use crate::time::EventTime;

/// A transition of one attribute, or what the log does not explain.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// The entity's printed key.
    pub entity: Arc<str>,
    /// What kind of change.
    pub kind: Kind,
    /// The attribute's path.
    pub attribute: Arc<str>,
    /// Its value before: a document in its normal form, `null` where it was absent, `"<unknown>"` where it is not known.
    pub before: Written,
    /// Its value after.
    pub after: Written,
    /// Who did it and how; `None` of what was inferred.
    pub by: Option<Arc<Caller>>,
    /// The event that did it or revealed it; `None` where a snapshot did.
    pub event_id: Option<Arc<str>>,
    /// What it is about.
    pub risk: Risk,
    /// The account of the entity.
    pub account: Arc<str>,
    /// When; of what was inferred, when it was revealed.
    pub event_time: Option<EventTime>,
    /// Where to look it up.
    pub evidence: Vec<Evidence>,
    /// What makes it less than certain.
    pub confidence: Vec<Doubt>,
    /// How bad.
    pub severity: Severity,
    /// Ways to more rights that it is part of, by their ids.
    pub patterns: Vec<&'static str>,
    /// Whether the attribute ends with another value than it began with; `None` of what was inferred.
    pub net: Option<bool>,
    /// The event that brought the value back.
    pub reverted_by: Option<Arc<str>>,
    /// The event of Identity Center that this follows from.
    pub caused_by: Option<Arc<str>>,
    /// The later call that shows that the way to more rights was used.
    pub confirmed_by: Option<Arc<str>>,
    /// The approved change that it is.
    pub approved_by: Option<Arc<str>>,
    /// The approved change that it would be with another value or in another number.
    pub near_miss: Option<Arc<str>>,
    /// How sure its place among others of the same time is.
    pub order: Ordering,
    /// What differs between two documents.
    pub statements: Option<Documents>,
    /// Of what has no event: what is known of the one that is missing.
    pub missing: Option<Box<Missing>>,
}

/// The part of an item that is the same for all that somebody did from one place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Caller {
    /// Who it was.
    pub actor_arn: Option<Arc<str>>,
    /// From where.
    pub source_ip: Option<Arc<str>>,
    /// With what.
    pub user_agent: Option<Arc<str>>,
    /// In which region.
    pub region: Option<Arc<str>>,
    /// `type` of the identity.
    pub actor_type: Option<Arc<str>>,
    /// The role or user whose session it was.
    pub session_issuer: Option<Arc<str>>,
    /// The key that signed.
    pub access_key_id: Option<Arc<str>>,
    /// Whether the session had MFA; `None` where the record does not say.
    pub mfa: Option<bool>,
}

/// What is known of an event that the log lacks.
#[derive(Debug, Clone, PartialEq)]
pub struct Missing {
    /// From when to when it can have happened.
    pub window: (Option<EventTime>, EventTime),
    /// The event that said otherwise.
    pub contradicts: Option<Arc<str>>,
    /// How certain it is that it is missing.
    pub certainty: Option<super::Certainty>,
    /// Gaps of the log that the window has in it.
    pub gaps: Vec<String>,
}

impl Missing {
    /// One that happened in that time.
    pub(super) const fn within(since: Option<EventTime>, until: EventTime) -> Self {
        Self { window: (since, until), contradicts: None, certainty: None, gaps: Vec::new() }
    }
}

impl Caller {
    /// The caller of an event.
    pub(super) fn of(event: &IamEvent) -> Self {
        let actor = &event.actor;
        Self {
            actor_arn: actor.name().cloned(),
            source_ip: event.source_ip_address.clone(),
            user_agent: event.user_agent.clone(),
            region: Some(event.aws_region.clone()),
            actor_type: Some(actor.kind.clone()),
            session_issuer: actor.session_issuer.clone(),
            access_key_id: actor.access_key_id.clone(),
            mfa: actor.mfa,
        }
    }
}

/// Where something is to be looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A record.
    Record {
        /// The file's path or key.
        object: Arc<str>,
        /// The record's place among those of the file, from 0.
        record_index: Option<u64>,
        /// `eventID`.
        event_id: Arc<str>,
    },
    /// A place in a snapshot.
    Snapshot {
        /// The file.
        file: Arc<str>,
        /// A JSON pointer, or the row of a report.
        pointer: Arc<str>,
    },
}

/// What makes an item less than certain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// The entity's path was never seen, and is printed as `/`.
    PathAssumed,
    /// The call only starts what the service does later.
    Pending,
    /// A snapshot was being taken at that time.
    UncertainOrder,
    /// The value before is not known, so that all of the value after counts as new.
    BeforeUnknown,
    /// The document was not in the record, or could not be read.
    DocumentUnknown,
    /// What is used without a call need not be logged.
    Medium,
}

/// How sure the order of calls is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// Its second has no other call on the same entities.
    Exact,
    /// Its second has, and an order was found.
    SameSecond,
    /// No order within its second works, and calls of the seconds after it were put before it.
    Reordered,
}

impl Item {
    /// Writes all fields, with the evidence in another form.
    pub(crate) fn serialize_with<S: Serializer>(&self, evidence: &impl Serialize, serializer: S) -> Result<S::Ok, S::Error> {
        // Each field by its name, so that one more cannot be forgotten here.
        let Self {
            entity,
            kind,
            attribute,
            before,
            after,
            by,
            event_id,
            risk,
            account,
            event_time,
            evidence: _,
            confidence,
            severity,
            patterns,
            net,
            reverted_by,
            caused_by,
            confirmed_by,
            approved_by,
            near_miss,
            order,
            statements,
            missing,
        } = self;
        let nobody = Caller::default();
        let Caller { actor_arn, source_ip, user_agent, region, actor_type, session_issuer, access_key_id, mfa } =
            by.as_deref().unwrap_or(&nobody);
        let missing = missing.as_deref();
        let window = missing.map(|missing| missing.window);
        let contradicts = missing.and_then(|missing| missing.contradicts.as_ref());
        let certainty = missing.and_then(|missing| missing.certainty);
        let gaps = missing.map(|missing| &*missing.gaps).unwrap_or_default();
        let (attack, cis) = (self.attack(), kind.cis());
        let mut fields = serializer.serialize_struct("Item", 35)?;
        macro_rules! write {
            ($($name:ident)*) => {
                $(fields.serialize_field(stringify!($name), &$name)?;)*
            };
        }
        write!(entity kind attribute before after actor_arn event_id risk account event_time source_ip user_agent region actor_type session_issuer access_key_id mfa);
        fields.serialize_field("evidence", evidence)?;
        write!(confidence severity patterns attack cis net reverted_by caused_by confirmed_by approved_by near_miss order statements window contradicts certainty gaps);
        fields.end()
    }

    /// Who did it; `None` of what was inferred.
    pub fn actor_arn(&self) -> Option<&Arc<str>> {
        self.by.as_ref()?.actor_arn.as_ref()
    }

    /// Techniques of ATT&CK v18.
    pub fn attack(&self) -> Vec<&'static str> {
        let extra = match (self.kind, self.risk) {
            (Kind::RoleTrustChanged, Risk::ExternalTrust) => Some("T1199"),
            (Kind::RoleTrustChanged, Risk::FederatedTrust) => Some("T1484.002"),
            (Kind::RoleTrustChanged, Risk::PrivilegeEscalation) => Some("T1548.005"),
            (Kind::RoleTrustChanged, Risk::GuardrailWeakening | Risk::MfaWeakening) => Some("T1556.009"),
            _ => None,
        };
        self.kind.attack().iter().copied().chain(extra).collect()
    }

    /// An item that nobody is known to have done.
    pub(super) fn inferred(entity: Arc<str>, account: Arc<str>, kind: Kind, attribute: Arc<str>, before: Written, after: Written) -> Self {
        Self {
            entity,
            kind,
            attribute,
            before,
            after,
            by: None,
            event_id: None,
            risk: Risk::LogIntegrity,
            account,
            event_time: None,
            evidence: Vec::new(),
            confidence: Vec::new(),
            severity: kind.severity(Risk::LogIntegrity),
            patterns: Vec::new(),
            net: None,
            reverted_by: None,
            caused_by: None,
            confirmed_by: None,
            approved_by: None,
            near_miss: None,
            order: Ordering::Exact,
            statements: None,
            missing: None,
        }
    }

    /// Notes the event that revealed the item.
    pub(super) fn revealed_by(mut self, event: &IamEvent) -> Self {
        let event_id = event.event_id.clone();
        let (object, record_index) = (event.place.object.clone(), event.place.record_index);
        self.evidence.push(Evidence::Record { object, record_index, event_id: event_id.clone() });
        self.event_id = Some(event_id);
        self.event_time = Some(event.event_time);
        self
    }

    /// Notes who did it, and how, with the risk that it has.
    pub(super) fn done_by(mut self, caller: Arc<Caller>, risk: Risk) -> Self {
        self.by = Some(caller);
        self.risk = risk;
        self.severity = self.kind.severity(risk);
        self
    }

    /// Adds what there is to doubt about the values.
    pub(super) fn doubting(mut self, before: &Value, after: &Value) -> Self {
        if *before == Value::Unknown {
            self.confidence.push(Doubt::BeforeUnknown);
        }
        if *after == Value::Unknown {
            self.confidence.push(Doubt::DocumentUnknown);
        }
        self
    }
}

impl Serialize for Item {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.serialize_with(&self.evidence, serializer)
    }
}
