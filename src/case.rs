//! [`Case`]: runs the stages over a [`Scope`] and owns all of their results.

mod drift;
mod integrity;
mod stored;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};

use serde_json::{Map, Value, json};

pub use drift::Replay;
pub use integrity::{Integrity, KeySource, Trust, Verified, tally, verify_scope};
pub use stored::{EVENTS, MANIFEST, SCHEMA, StoredEvents, as_case};

use crate::completeness::Completeness;
use crate::detect::{self, Accepted, Baseline, Catalog, DetectOptions, Detections, Finding, Logic};
use crate::digest::{DIGEST_KIND, Tail};
use crate::error::Error;
use crate::frame::{ByPlace, DIFFERING, EventFrame, Store};
use crate::iam;
use crate::iam::drift::Setup;
use crate::ingest::{self, ObjectReport, Progress, RawRecord, Revisit, Status, Unread};
use crate::problem::{Filtered, Ledger, ObjectCounts, RecordCounts, Skipped};
use crate::schema::Column;
use crate::session::{self, Sessions, StateTable, Users};
#[cfg(feature = "s3")]
use crate::source::s3;
use crate::source::{Listing, Object, Source, disk, sha256_hex};
use crate::time::EventTime;

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Files, folders, buckets, or standard input.
    pub sources: Vec<Source>,
    /// How buckets are to be reached.
    #[cfg(feature = "s3")]
    pub s3: s3::Settings,
    /// How to read them, and what to leave out.
    pub options: ingest::Options,
    /// What is known and answered for; its accounts count as one's own beside those that the logs are of.
    pub accepted: Accepted,
    /// What was seen before, for rules that ask what is new.
    pub baseline: Baseline,
    /// What digests are held against; without it none are looked at.
    pub trust: Option<Trust>,
    /// What identities are compared with; what the log and its digests tell is added to it.
    pub drift: Setup,
}

impl Scope {
    /// Lists all that is in the scope; of buckets only the folders in which the filter may find something.
    fn list(&self) -> Result<Listing, Error> {
        let paths: Vec<&Path> = self.sources.iter().filter_map(Source::as_path).collect();
        let listing = disk::list(&paths, &self.options.budget)?;
        #[cfg(feature = "s3")]
        let listing = {
            let mut all = listing;
            all.join(s3::list(self.urls(), &self.s3, &self.options.filter.asked())?);
            all
        };
        Ok(listing)
    }

    /// Whether files of that tail were not looked for, as they would lie in folders that the filter leaves out.
    #[cfg(feature = "s3")]
    fn leaves_out(&self) -> impl Fn(&Tail) -> bool {
        let asked = self.urls().next().map(|_| self.options.filter.asked());
        move |tail| asked.as_ref().is_some_and(|asked| asked.excludes(tail.as_str()))
    }

    /// The same without buckets, where all folders are looked into.
    #[cfg(not(feature = "s3"))]
    #[expect(clippy::unused_self, reason = "buckets make it look at the filter")]
    fn leaves_out(&self) -> impl Fn(&Tail) -> bool {
        |_| false
    }

    #[cfg(feature = "s3")]
    fn urls(&self) -> impl Iterator<Item = &s3::S3Url> {
        self.sources.iter().filter_map(|source| match source {
            Source::S3(url) => Some(url),
            Source::Path(_) => None,
        })
    }
}

/// All that is known after the sources have been read.
#[derive(Debug)]
pub struct Case {
    /// What was looked at.
    pub scope: Scope,
    /// Every object that was read, in the order of the names.
    pub objects: Vec<Object>,
    /// Every object that the filter left unread, in the order of the names.
    pub unread: Vec<Unread>,
    /// What became of each of them.
    pub reports: Vec<ObjectReport>,
    /// The events, each once.
    pub events: EventFrame,
    /// Where temporary credentials came from, once that was asked.
    sessions: OnceLock<Sessions>,
    /// The users of IAM, once that was asked.
    users: OnceLock<Users>,
    /// What changed in identities, once that was asked.
    replay: OnceLock<Replay>,
    /// Where every object and record ended.
    pub ledger: Ledger,
    /// What the events cover.
    pub coverage: Coverage,
    /// What the digests say; `None` where there are none, or nobody has looked.
    pub integrity: Option<Integrity>,
    /// What the events tell of logs that are not here; `None` where nobody has looked.
    pub completeness: Option<Completeness>,
}

/// The objects of a case, and what became of them.
#[derive(Debug, Default)]
struct Inputs {
    objects: Vec<Object>,
    /// One an object, in their order.
    reports: Vec<ObjectReport>,
    unread: Vec<Unread>,
}

/// What the loaded events cover, taken from the events themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Every `recipient_account_id`.
    pub accounts: BTreeSet<String>,
    /// Every `aws_region`.
    pub regions: BTreeSet<String>,
    /// The earliest `event_time`.
    pub first_event: Option<EventTime>,
    /// The latest `event_time`.
    pub last_event: Option<EventTime>,
}

impl Case {
    /// Reads everything in the scope, once. `place` is told the objects once they are
    /// listed, and says where the events are to be kept.
    ///
    /// # Errors
    /// That of `place`, and those of keeping events; [`Error::NoLogs`] where nothing in the scope is a `CloudTrail` file, [`Error::Io`] where a
    /// source cannot be reached, [`Error::Ledger`] where a record is unaccounted for.
    pub fn read(scope: Scope, progress: &Progress, place: impl FnOnce(&[Object]) -> Result<Store, Error>) -> Result<Self, Error> {
        let listing = scope.list()?;
        let (objects, unread) = scope.options.filter.divide(listing.objects);
        progress.total_objects.store(to_u64(objects.len()), Ordering::Relaxed);
        progress.total_bytes.store(objects.iter().map(|object| object.size).sum(), Ordering::Relaxed);
        let store = Arc::new(place(&objects)?);
        let options = ingest::Options { digests: scope.trust.is_some(), ..scope.options.clone() };
        let mut read = ingest::ingest(&objects, &options, &store, progress)?;
        let (integrity, odd_signatures) = match &scope.trust {
            Some(trust) => integrity::integrity(&scope, trust, &objects, &mut read.reports, &unread)?,
            None => (None, Vec::new()),
        };
        let mut events = EventFrame::new(read.batches, store);
        let duplicates = events.remove_duplicates()?;
        if !duplicates.differing.is_empty() {
            let places = by_object(duplicates.differing.iter().cloned());
            let hash = |record: RawRecord| (record.object, record.record_index, sha256_hex(record.text.as_bytes()));
            let found: Vec<(Arc<str>, u64, String)> = Revisit::new(&objects, &read.reports, places, &scope.options)?.map(hash).collect();
            let mut hashes: ByPlace<'_, String> = ByPlace::default();
            for (object, index, hash) in &found {
                hash.clone_into(hashes.entry(object, *index));
            }
            events.fill_text(&DIFFERING, &hashes)?;
        }
        let coverage = coverage(&events, &read.reports)?;
        let named = objects.iter().chain(unread.iter().map(|unread| &unread.object));
        iam::late_columns(&mut events, &own_accounts(&scope, named, &coverage))?;
        let users = session::resolve(&mut events)?;
        if let Some(integrity) = &integrity {
            integrity.mark(&mut events)?;
        }
        let mut ledger = Ledger { skipped: listing.skipped, problems: listing.problems, notices: duplicates.notices, ..Ledger::default() };
        ledger.notices.extend(odd_signatures);
        ledger.notices.extend(listing.notices);
        let (skipped, problems) = (to_u64(ledger.skipped.len()), to_u64(ledger.problems.len()));
        ledger.objects = ObjectCounts { listed: to_u64(objects.len()) + skipped + problems, read: 0, skipped, problems };
        ledger.filtered.objects = to_u64(unread.len());
        let mut records = RecordCounts { loaded: to_u64(events.height()), duplicates: duplicates.removed, ..RecordCounts::default() };
        for report in &read.reports {
            account(&mut ledger, &mut records, report);
        }
        ledger.records = records;
        ledger.sort();
        ledger.check()?;
        if ledger.objects.read + ledger.objects.problems + ledger.filtered.objects == 0 {
            return Err(no_logs(&scope, &ledger));
        }
        let completeness = match &scope.trust {
            Some(_) => Some(completeness(&scope, &events, &objects, &unread)?),
            None => None,
        };
        let inputs = Inputs { objects, reports: read.reports, unread };
        let case = Self::from_parts(scope, inputs, events, ledger, coverage);
        Ok(Self { users: OnceLock::from(users), integrity, completeness, ..case })
    }

    /// Runs the rules of the catalog over the events, and lists apart what is accepted.
    ///
    /// # Errors
    /// What the table engine says.
    pub fn detect(&self, catalog: &Catalog) -> Result<Detections, Error> {
        type Make = for<'c> fn(&'c Case) -> Result<StateTable<'c>, Error>;
        // What they are made from takes time to find, so only those that a rule asks.
        let asked =
            |name: &str| catalog.rules().iter().any(|rule| matches!(&rule.logic, Logic::State { table, .. } if table.as_str() == name));
        let makers: [(&str, Make); 5] = [
            // Sessions first: who has made them has the users too.
            ("sessions", Self::session_table),
            ("users", Self::user_table),
            ("iam_changes", Self::change_table),
            ("iam_state", Self::iam_state_table),
            ("drift", Self::drift_table),
        ];
        let tables = makers.iter().filter(|(name, _)| asked(name)).map(|(_, make)| make(self)).collect::<Result<Vec<_>, _>>()?;
        let options = DetectOptions { baseline: &self.scope.baseline, tables: &tables };
        let mut detections = detect::detect(catalog, &self.events, &options)?;
        self.scope.accepted.apply(&mut detections, &self.events)?;
        if let Some(integrity) = &self.integrity {
            let suppressed = detections.suppressed.iter_mut().map(|suppressed| &mut suppressed.finding);
            for finding in detections.findings.iter_mut().chain(suppressed) {
                finding.evidence.check(|object| integrity.of(object));
            }
        }
        Ok(detections)
    }

    /// The table `sessions`.
    ///
    /// # Errors
    /// Those of reading events.
    pub fn session_table(&self) -> Result<StateTable<'_>, Error> {
        Ok(self.sessions()?.session_table())
    }

    /// The table `users`.
    ///
    /// # Errors
    /// Those of reading events.
    pub fn user_table(&self) -> Result<StateTable<'_>, Error> {
        if let Some(users) = self.users.get() {
            return Ok(users.table());
        }
        if let Some(sessions) = self.sessions.get() {
            return Ok(sessions.users().table());
        }
        let users = session::sessions_of(&self.events)?.into_users();
        Ok(self.users.get_or_init(|| users).table())
    }

    /// Where temporary credentials came from.
    ///
    /// # Errors
    /// Those of reading events.
    pub fn sessions(&self) -> Result<&Sessions, Error> {
        if let Some(sessions) = self.sessions.get() {
            return Ok(sessions);
        }
        let sessions = session::sessions_of(&self.events)?;
        Ok(self.sessions.get_or_init(|| sessions))
    }

    fn from_parts(scope: Scope, inputs: Inputs, events: EventFrame, ledger: Ledger, coverage: Coverage) -> Self {
        let Inputs { objects, reports, unread } = inputs;
        let (sessions, users, replay) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        let (integrity, completeness) = (None, None);
        Self { scope, objects, unread, reports, events, sessions, users, replay, ledger, coverage, integrity, completeness }
    }

    /// The raw records that the findings rest on, in the order of their places.
    ///
    /// # Errors
    /// [`Error::Setting`] where the threads cannot be started.
    pub fn evidence(&self, findings: &[Finding]) -> Result<Revisit<'_>, Error> {
        let places = findings.iter().flat_map(|finding| finding.evidence.places());
        let places = places.filter_map(|(object, index)| Some((object.clone(), index?)));
        Revisit::new(&self.objects, &self.reports, by_object(places), &self.scope.options)
    }

    /// SHA-256 over the list of all objects that were read, in lower-case hex.
    ///
    /// # Shape
    /// The list has a line for each object, in the order of the names: name, size in bytes as it is stored and SHA-256
    /// of its inflated bytes, with a tab between them and a line end behind.
    pub fn input_sha256(&self) -> String {
        let mut list = String::new();
        for (object, report) in self.objects.iter().zip(&self.reports) {
            let sha256 = report.bytes.as_ref().and_then(|bytes| bytes.sha256).map(|sha256| sha256.to_string()).unwrap_or_default();
            let _ = writeln!(list, "{}\t{}\t{sha256}", object.name, object.size);
        }
        sha256_hex(list.as_bytes())
    }

    /// The rows of the SQL table `files`: every object, with what became of it.
    pub fn file_rows(&self) -> Vec<Map<String, Value>> {
        let mut rows: Vec<Map<String, Value>> =
            self.objects.iter().zip(&self.reports).map(|(object, report)| file_row(object, report)).collect();
        rows.extend(self.unread.iter().map(unread_row));
        if let Some(integrity) = &self.integrity {
            for row in &mut rows {
                integrity.add_to(row);
            }
            rows.extend(integrity.missing_rows());
        }
        let read: BTreeSet<&str> = self.objects.iter().map(|object| object.name.as_ref()).collect();
        let unread = self.ledger.skipped.iter().filter(|skipped| !read.contains(skipped.object.as_ref()));
        rows.extend(
            unread.map(|skipped| row(json!({"object": skipped.object, "kind": "other", "status": "skipped", "reason": skipped.reason}))),
        );
        let unreadable = self.ledger.problems.iter().filter(|problem| !read.contains(problem.place.object.as_ref()));
        rows.extend(
            unreadable.map(|problem| {
                row(json!({"object": problem.place.object, "kind": "other", "status": "problem", "reason": problem.message}))
            }),
        );
        rows.sort_by_key(|row| row.get("object").map(Value::to_string));
        rows
    }
}

/// What the events tell of logs that are not among the objects.
fn completeness(scope: &Scope, events: &EventFrame, objects: &[Object], unread: &[Unread]) -> Result<Completeness, Error> {
    let names = objects.iter().chain(unread.iter().map(|unread| &unread.object)).map(|object| &object.name);
    let tails: BTreeSet<Tail> = names.map(|name| Tail::of(name)).collect();
    let is_left_out = scope.leaves_out();
    // In a flat download the name is all of the tail.
    Completeness::of(events, |tail| tails.contains(tail) || tails.contains(&Tail::of(tail.name())) || is_left_out(tail))
}

/// One's own accounts: those of the records and of the files' names, and those that are said to be.
fn own_accounts<'o>(scope: &Scope, objects: impl Iterator<Item = &'o Object>, coverage: &Coverage) -> BTreeSet<String> {
    let mut own = coverage.accounts.clone();
    own.extend(objects.filter_map(|object| object.key.as_ref()).map(|key| key.account_id.clone()));
    own.extend(scope.accepted.accounts().map(str::to_owned));
    own
}

fn by_object(places: impl Iterator<Item = (Arc<str>, u64)>) -> BTreeMap<Arc<str>, BTreeSet<u64>> {
    let mut wanted: BTreeMap<Arc<str>, BTreeSet<u64>> = BTreeMap::new();
    for (object, index) in places {
        wanted.entry(object).or_default().insert(index);
    }
    wanted
}

/// Enters one object's report into the books.
fn account(ledger: &mut Ledger, records: &mut RecordCounts, report: &ObjectReport) {
    match &report.status {
        Status::Read => ledger.objects.read += 1,
        Status::Problem => ledger.objects.problems += 1,
        Status::Skipped(reason) => {
            ledger.objects.skipped += 1;
            ledger.skipped.push(Skipped { object: report.object.clone(), reason: reason.clone() });
        }
    }
    records.seen += report.seen;
    records.problems += report.record_problems;
    ledger.filtered = Filtered { records: ledger.filtered.records + report.filtered, ..ledger.filtered };
    if let Some(bytes) = &report.bytes {
        ledger.compressed_bytes += bytes.stored_bytes;
        ledger.inflated_bytes += bytes.inflated_bytes;
    }
    ledger.problems.extend(report.problems.iter().cloned());
    ledger.notices.extend(report.notices.iter().cloned());
}

fn no_logs(scope: &Scope, ledger: &Ledger) -> Error {
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for skipped in &ledger.skipped {
        *kinds.entry(skipped.reason.as_str()).or_default() += 1;
    }
    let mut kinds: Vec<(&str, u64)> = kinds.into_iter().collect();
    kinds.sort_by_key(|(reason, count)| (std::cmp::Reverse(*count), *reason));
    let shown = 5;
    let mut why: Vec<String> = kinds.iter().take(shown).map(|(reason, count)| format!("{count} {reason}")).collect();
    if kinds.len() > shown {
        why.push(format!("{} other kinds", kinds.len() - shown));
    }
    let sources: Vec<String> = scope.sources.iter().map(ToString::to_string).collect();
    Error::NoLogs { sources: sources.join(", "), listed: ledger.objects.listed, why: why.join("; ") }
}

fn coverage(events: &EventFrame, reports: &[ObjectReport]) -> Result<Coverage, Error> {
    Ok(Coverage {
        accounts: events.distinct(Column::RecipientAccountId)?,
        regions: events.distinct(Column::AwsRegion)?,
        first_event: reports.iter().filter_map(|report| report.first_event).min(),
        last_event: reports.iter().filter_map(|report| report.last_event).max(),
    })
}

fn file_row(object: &Object, report: &ObjectReport) -> Map<String, Value> {
    let (status, reason) = match &report.status {
        Status::Read => ("read", None),
        Status::Skipped(reason) => ("skipped", Some(reason.clone())),
        Status::Problem => {
            let whole = report.problems.iter().find(|problem| !matches!(problem.kind.name(), "not_an_object" | "not_an_event"));
            ("problem", whole.map(|problem| problem.message.clone()))
        }
    };
    let key = object.key.as_ref();
    let bytes = report.bytes.as_ref();
    let kind = match (&report.status, key.map(|key| key.kind.as_str())) {
        (_, Some(DIGEST_KIND)) if report.seen == 0 => "digest",
        (Status::Skipped(_), _) => "other",
        (_, Some("CloudTrail-Insight")) => "insight",
        _ => "log",
    };
    row(json!({
        "object": object.name,
        "kind": kind,
        "account": key.map(|key| key.account_id.clone()),
        "region": key.map(|key| key.region.clone()),
        "delivery_time": key.map(|key| key.delivery_time.to_string()),
        "compressed_bytes": object.size,
        "inflated_bytes": bytes.map(|bytes| bytes.inflated_bytes),
        "sha256": bytes.and_then(|bytes| bytes.sha256).map(|sha256| sha256.to_string()),
        "status": status,
        "reason": reason,
        "notes": report.notices.first().map(|notice| notice.message.clone()),
        "records": report.seen,
        "first_event": report.first_event.map(|time| time.to_string()),
        "last_event": report.last_event.map(|time| time.to_string()),
    }))
}

/// What the table `files` says of an object that a filter left unread.
const FILTERED: &str = "filtered";

fn unread_row(unread: &Unread) -> Map<String, Value> {
    let key = unread.object.key.as_ref();
    row(json!({
        "object": unread.object.name,
        "kind": "log",
        "account": key.map(|key| key.account_id.clone()),
        "region": key.map(|key| key.region.clone()),
        "delivery_time": key.map(|key| key.delivery_time.to_string()),
        "compressed_bytes": unread.object.size,
        "status": FILTERED,
        "reason": unread.reason,
    }))
}

fn row(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
