//! What an account's identities were at one time: a file of account authorization details, with a credential report and
//! lists of other calls where they were taken too.
//!
//! What a snapshot does not cover is not absent: it is unknown.

mod details;
mod report;
mod supplement;
mod when;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::attribute::{Attribute, Field, Value};
use super::entity::{EntityKey, EntityKind, EntityRef};
use crate::time::EventTime;
pub(super) use when::SLACK_SECONDS;
pub use when::pages;

/// The entities of one account, as they were while a snapshot was taken.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The file.
    pub file: Arc<str>,
    /// The account.
    pub account: Arc<str>,
    /// When the taking of it began and ended.
    pub taken: (EventTime, EventTime),
    /// What is in it, in the order of its keys.
    pub entities: Vec<Described>,
    /// When principals and credentials were last used.
    pub uses: Vec<LastUse>,
    /// Kinds of which all entities are in it.
    pub complete: BTreeSet<EntityKind>,
    /// The fields that it has of each kind.
    pub covers: BTreeMap<EntityKind, Arc<BTreeSet<Field>>>,
    /// What in it contradicts itself.
    pub notes: Vec<String>,
    /// The file or its user says when it was taken; else that is the newest date in it.
    is_dated: bool,
    /// The newest date in it.
    newest: Option<EventTime>,
}

/// An entity in a snapshot.
#[derive(Debug, Clone)]
pub struct Described {
    /// Its name.
    pub reference: EntityRef,
    /// Its unique id.
    pub unique_id: Option<Arc<str>>,
    /// When it was made.
    pub created: Option<EventTime>,
    /// What it has.
    pub attributes: BTreeMap<Attribute, Value>,
    /// Fields that are covered of it, and not of others of its kind.
    pub covers: BTreeSet<Field>,
    /// How many access keys it has, active and not, where no more is known.
    pub access_keys: Option<(usize, usize)>,
    /// The keys among these whose last change is dated.
    pub key_slots: Vec<KeySlot>,
    /// Whether it has an MFA device, where no more is known.
    pub has_mfa: Option<bool>,
    /// Where in the file it stands.
    pub pointer: Arc<str>,
}

/// An access key in a credential report, which does not tell its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySlot {
    /// Its number in the report, 1 or 2.
    pub number: u8,
    /// Whether it is on.
    pub is_active: bool,
    /// When it was made, or last turned on or off.
    pub last_rotated: EventTime,
}

/// A last use that a snapshot tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastUse {
    /// Who, or whose credential.
    pub principal: EntityRef,
    /// What of it was used, in the snapshot's word.
    pub what: &'static str,
    /// When.
    pub time: EventTime,
    /// In which region, where that is told.
    pub region: Option<Arc<str>>,
    /// Of which service, such as `s3`, where that is told.
    pub service: Option<Arc<str>>,
}

/// How a file of account authorization details is to be read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// When it was taken, as the user says.
    pub taken: Option<EventTime>,
    /// Pages may be missing: nothing in it is then proof of absence.
    pub is_partial: bool,
}

/// Why a file is no snapshot that can be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotASnapshot {
    /// It is larger than [`MAX_BYTES`].
    #[error("snapshot: more than {MAX_BYTES} bytes")]
    TooLarge,
    /// It is not JSON, or not an object.
    #[error("snapshot: {0}")]
    Json(String),
    /// Pages are missing.
    #[error("snapshot: pages are missing (`IsTruncated` or `Marker`); join them, or use --partial-snapshot")]
    Truncated,
    /// Entities of more than one account are in it.
    #[error("snapshot: entities of accounts {0} and {1} in one file")]
    TwoAccounts(String, String),
    /// No entity and no `AccountId` tells the account.
    #[error("snapshot: no account; add `AccountId`")]
    NoAccount,
    /// Nothing in it tells when it was taken.
    #[error("snapshot: no time; add `SnapshotTime`")]
    NoTime,
}

impl Snapshot {
    /// Reads account authorization details as the CLI or an SDK prints them, one object or a list of pages, with
    /// `SnapshotTime`, `AccountId`, `CredentialReport` and `Supplement` where they were added.
    ///
    /// # Errors
    /// [`NotASnapshot`] where pages are missing, or it cannot be told of which account or time it is.
    ///
    /// # Source
    /// IAM API Reference, `GetAccountAuthorizationDetails`.
    pub fn read(file: &str, text: &str, reading: &Reading) -> Result<Self, NotASnapshot> {
        if text.len() > MAX_BYTES {
            return Err(NotASnapshot::TooLarge);
        }
        let json: Json = serde_json::from_str(text).map_err(|error| NotASnapshot::Json(error.to_string()))?;
        let object = joined(json)?;
        if is_truncated(&object) && !reading.is_partial {
            return Err(NotASnapshot::Truncated);
        }
        let account = account(&object)?;
        let mut builder = Builder::new(&account);
        builder.details(&object);
        if let Some(supplement) = object.get("Supplement").and_then(Json::as_object) {
            builder.supplement(supplement);
        }
        if let Some(report) = object.get("CredentialReport").and_then(Json::as_str) {
            builder.report(report);
        }
        let given = reading.taken.or_else(|| EventTime::parse(object.get("SnapshotTime")?.as_str()?)).or_else(|| answered(&object));
        let taken = given.or(builder.newest).ok_or(NotASnapshot::NoTime)?;
        if reading.is_partial {
            builder.complete.clear();
            builder.covers.clear();
        }
        Ok(Self {
            file: file.into(),
            account: account.as_str().into(),
            taken: (taken, taken),
            entities: builder.entities.into_values().collect(),
            uses: builder.uses,
            complete: builder.complete,
            covers: builder.covers.into_iter().map(|(kind, fields)| (kind, Arc::new(fields))).collect(),
            notes: builder.notes,
            is_dated: given.is_some(),
            newest: builder.newest,
        })
    }

    /// The same snapshot with another time, such as that of the calls in the log that took it.
    #[must_use]
    pub fn taken_between(self, start: EventTime, end: EventTime) -> Self {
        Self { taken: (start, end), ..self }
    }

    /// The fields that are covered of an entity in it.
    pub(super) fn covered(&self, entity: &Described) -> BTreeSet<Field> {
        let of_kind = self.covers.get(&entity.reference.kind).into_iter().flat_map(|fields| fields.iter());
        of_kind.chain(&entity.covers).copied().collect()
    }
}

/// A snapshot while it is read.
struct Builder {
    account: String,
    entities: BTreeMap<EntityKey, Described>,
    uses: Vec<LastUse>,
    complete: BTreeSet<EntityKind>,
    covers: BTreeMap<EntityKind, BTreeSet<Field>>,
    newest: Option<EventTime>,
    notes: Vec<String>,
}

impl Builder {
    fn new(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            entities: BTreeMap::new(),
            uses: Vec::new(),
            complete: BTreeSet::new(),
            covers: BTreeMap::new(),
            newest: None,
            notes: Vec::new(),
        }
    }

    /// The entity by that name, which is begun where it is new.
    fn entity(&mut self, reference: EntityRef, pointer: &str) -> &mut Described {
        self.entities.entry(reference.key()).or_insert_with(|| Described {
            reference,
            unique_id: None,
            created: None,
            attributes: BTreeMap::new(),
            covers: BTreeSet::new(),
            access_keys: None,
            key_slots: Vec::new(),
            has_mfa: None,
            pointer: pointer.into(),
        })
    }

    /// A user by name, or the root user by one of the names it has.
    fn user(&mut self, name: &str, pointer: &str) -> &mut Described {
        let account = self.account.clone();
        let is_root = ["<root_account>", "AWS ROOT USER", "root"].contains(&name);
        let reference = if is_root {
            EntityRef::named(EntityKind::Root, "aws", &account, "root")
        } else {
            EntityRef::named(EntityKind::User, "aws", &account, name)
        };
        self.entity(reference, pointer)
    }

    fn cover(&mut self, kind: EntityKind, fields: &[Field]) {
        self.covers.entry(kind).or_default().extend(fields);
    }

    /// Notes a date in the file, as it cannot be older than the newest of them.
    fn date(&mut self, text: Option<&str>) -> Option<EventTime> {
        let time = text.and_then(EventTime::parse);
        self.newest = self.newest.max(time);
        time
    }
}

/// The pages of a list as one object: lists are put together, other members are the last page's.
fn joined(json: Json) -> Result<Map<String, Json>, NotASnapshot> {
    let pages = match json {
        Json::Object(page) => return Ok(page),
        Json::Array(pages) => pages,
        _ => return Err(NotASnapshot::Json("neither an object nor a list of pages".to_owned())),
    };
    let mut whole = Map::new();
    for page in pages {
        let Json::Object(page) = page else { return Err(NotASnapshot::Json("a page that is not an object".to_owned())) };
        // A page that is not the last one says so; what counts is whether the last one does.
        for name in ["IsTruncated", "Marker"] {
            whole.remove(name);
        }
        for (name, value) in page {
            match (whole.get_mut(&name), value) {
                (Some(Json::Array(list)), Json::Array(more)) => list.extend(more),
                (_, value) => {
                    whole.insert(name, value);
                }
            }
        }
    }
    Ok(whole)
}

/// When AWS answered, which SDKs keep with the answer.
fn answered(object: &Map<String, Json>) -> Option<EventTime> {
    let date = object.get("ResponseMetadata")?.pointer("/HTTPHeaders/date")?.as_str()?;
    EventTime::from_micros(chrono::DateTime::parse_from_rfc2822(date).ok()?.timestamp_micros())
}

fn is_truncated(object: &Map<String, Json>) -> bool {
    let marker = ["Marker", "NextToken"].iter().any(|name| object.get(*name).is_some_and(Json::is_string));
    marker || object.get("IsTruncated") == Some(&Json::Bool(true))
}

/// The account that the file says or whose ARNs are in it.
fn account(object: &Map<String, Json>) -> Result<String, NotASnapshot> {
    let mut found: BTreeSet<String> = object.get("AccountId").and_then(Json::as_str).map(str::to_owned).into_iter().collect();
    for list in ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"] {
        let arns = details::list(object, list).filter_map(|entry| entry.get("Arn")?.as_str());
        found.extend(arns.filter_map(EntityRef::from_arn).map(|entity| entity.account.to_string()));
    }
    let mut accounts = found.into_iter();
    match (accounts.next(), accounts.next()) {
        (Some(account), None) => Ok(account),
        (Some(first), Some(second)) => Err(NotASnapshot::TwoAccounts(first, second)),
        (None, _) => Err(NotASnapshot::NoAccount),
    }
}

/// Bytes of a file. The quotas of an account (5,000 users, 1,000 roles, 1,500 policies with 5 versions of 6,144
/// characters) make fewer than a fifth of them.
pub const MAX_BYTES: usize = 512 << 20;

#[cfg(test)]
mod tests;
