//! [`Integrity`]: what the digest chains say of every file, for findings, tables and reports.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bumpalo::Bump;
use polars::prelude::{DataFrame, IntoColumn as _, IntoSeries as _, PlSmallStr, StringChunked};
use serde_json::{Map, Value, json};

use super::{Scope, row, to_u64};
use crate::detect;
use crate::digest::{
    AskedRange, Carriers, DIGEST_KIND, Digest, Evidence, FileKind, FileReport, FoundFile, Gap, Limits, MissingKey, Named, PublicKeys,
    Question, Reason, Severity, Stored, Tail, Verification, verify,
};
use crate::error::{Error, plain_cause};
use crate::event::reader::lookup;
use crate::frame::{EventFrame, Filter, INTEGRITY, Store};
use crate::ingest::{self, ObjectReport, Options, Progress, Status, Unread, hash, ingest};
use crate::problem::{Ledger, ObjectCounts, Place, Problem, ProblemKind, Skipped};
use crate::schema::Column;
use crate::source::{Object, Opener, read_within};

/// What digests are held against, and what is expected of them.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The public keys: what all trust rests on.
    pub keys: PublicKeys,
    /// Signatures that do not lie among the logs.
    pub carriers: Carriers,
    /// Whether files must lie under the recorded bucket and prefix.
    pub strict_location: bool,
    /// Accounts that must have digests.
    pub expect_accounts: Vec<String>,
    /// Regions that must have digests.
    pub expect_regions: Vec<String>,
    /// Who is asked for keys that are in none of the files.
    pub key_source: Option<Arc<dyn KeySource>>,
}

/// Who has public keys that no key file has.
pub trait KeySource: fmt::Debug + Send + Sync {
    /// A key file with keys for what is missing: the name that it is known by, and its text.
    ///
    /// # Errors
    /// Why there is none.
    fn key_file(&self, missing: &[MissingKey]) -> Result<(String, String), Error>;
}

impl Trust {
    fn expects_digests(&self) -> bool {
        !self.expect_accounts.is_empty() || !self.expect_regions.is_empty()
    }
}

/// What the digest chains say of every file.
#[derive(Debug)]
pub struct Integrity {
    /// How bad it is; [`Severity::overall`] is the verdict.
    pub worst: Severity,
    /// All that was found out; nothing where the case was opened and not read from logs.
    pub verification: Option<Verification>,
    /// The rows of the table `digests`.
    pub digests: Vec<Map<String, Value>>,
    pub(super) objects: HashMap<Arc<str>, ObjectVerdict>,
    /// Files that were signed for and are not here.
    pub(super) missing: Vec<MissingFile>,
}

/// What is known of one object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObjectVerdict {
    pub(super) status: detect::Integrity,
    pub(super) reason: Option<String>,
    pub(super) notes: Option<String>,
}

/// A file that was signed for and is not here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MissingFile {
    pub(super) tail: String,
    pub(super) kind: String,
    pub(super) reason: Option<String>,
}

impl Integrity {
    /// What the digests say of an object.
    pub fn of(&self, object: &str) -> detect::Integrity {
        self.objects.get(object).map_or(detect::Integrity::NotChecked, |verdict| verdict.status)
    }

    /// What an earlier run found, to which its rows are yet to be added.
    pub(super) fn stored(verdict: &str, digests: Vec<Map<String, Value>>) -> Option<Self> {
        let worst = [Severity::Info, Severity::Warning, Severity::Error].into_iter().find(|worst| worst.overall() == verdict)?;
        Some(Self { worst, verification: None, digests, objects: HashMap::new(), missing: Vec::new() })
    }

    /// Fills the late column `file_integrity`.
    pub(super) fn mark(&self, events: &mut EventFrame) -> Result<(), Error> {
        events.fill(&[Column::Object], &INTEGRITY, |_, batch| {
            let objects = batch.column(Column::Object.name())?.str()?;
            // Events of one object stand together.
            let mut last: (Option<&str>, Option<&str>) = (None, None);
            let words: StringChunked = objects
                .iter()
                .map(|object| {
                    if object != last.0 {
                        let verdict = object.and_then(|object| self.objects.get(object));
                        last = (object, verdict.map(|verdict| verdict.status.status()));
                    }
                    last.1
                })
                .collect();
            let words = words.with_name(PlSmallStr::from_static(Column::FileIntegrity.name())).into_series().into_column();
            Ok(Some(DataFrame::new(batch.height(), vec![words])?))
        })
    }

    /// Adds to a row of the table `files` what the digests say of its object.
    pub(super) fn add_to(&self, file: &mut Map<String, Value>) {
        let Some(Value::String(object)) = file.get("object") else { return };
        if let Some(verdict) = self.objects.get(object.as_str()) {
            file.insert("integrity".to_owned(), verdict.status.status().into());
            file.insert("integrity_reason".to_owned(), verdict.reason.clone().into());
            file.insert("integrity_notes".to_owned(), verdict.notes.clone().into());
        }
    }

    /// The rows of the table `files` for what is not here.
    pub(super) fn missing_rows(&self) -> impl Iterator<Item = Map<String, Value>> {
        self.missing.iter().map(|missing| {
            row(json!({
                "object": missing.tail,
                "kind": missing.kind,
                "status": MISSING,
                "reason": "signed for and not here",
                "integrity": detect::Integrity::Missing.status(),
                "integrity_reason": missing.reason,
            }))
        })
    }

    fn new(verification: Verification, documents: &HashMap<Arc<str>, &Digest>) -> Self {
        let (mut objects, mut missing) = (HashMap::new(), Vec::new());
        for (tail, report) in &verification.files {
            let verdict = ObjectVerdict::of(report);
            match &report.object {
                Some(object) => {
                    let names = report.copies.iter().chain([object]).cloned();
                    objects.extend(names.map(|name| (name, verdict.clone())));
                }
                None => missing.push(MissingFile {
                    tail: tail.as_str().to_owned(),
                    kind: report.kind.name().to_owned(),
                    reason: verdict.reason,
                }),
            }
        }
        let digests = digest_rows(&verification, documents);
        Self { worst: verification.worst, verification: Some(verification), digests, objects, missing }
    }
}

impl ObjectVerdict {
    fn of(report: &FileReport) -> Self {
        let notes: Vec<&str> = report.notes.iter().map(|note| note.name()).collect();
        Self {
            status: detect::Integrity::from_status(report.verdict.status()).unwrap_or(detect::Integrity::NotChecked),
            reason: report.verdict.reason().map(|reason| reason.name().to_owned()),
            notes: (!notes.is_empty()).then(|| notes.join(" ")),
        }
    }
}

/// What `verify` found: it hashes logs and reads no events.
#[derive(Debug)]
pub struct Verified {
    /// Where every object ended.
    pub ledger: Ledger,
    /// What the chains say.
    pub verification: Verification,
}

/// Proves the files of a scope by their digests, and loads no events.
///
/// # Errors
/// [`Error::NoLogs`] where nothing in the scope is a log or digest by its name, [`Error::Io`] where a source cannot be
/// reached, [`Error::Ledger`] where an object is unaccounted for.
pub fn verify_scope(scope: &Scope, trust: &Trust, progress: &Progress) -> Result<Verified, Error> {
    let listing = scope.list()?;
    let mut ledger = Ledger { skipped: listing.skipped, problems: listing.problems, notices: listing.notices, ..Ledger::default() };
    let mut named = listing.objects;
    let others: Vec<Object> = named.extract_if(.., |object| object.key.is_none() || !Named::is_name(&object.name)).collect();
    let (mut objects, unread) = scope.options.filter.divide(named);
    progress.total_objects.store(to_u64(objects.len()), Ordering::Relaxed);
    progress.total_bytes.store(objects.iter().map(|object| object.size).sum(), Ordering::Relaxed);
    let mut reports = hash(&objects, &scope.options, progress)?;
    let (listed, unread) = listed_unread(unread, &reports, &scope.options.filter);
    reports.extend(hash(&listed, &scope.options, progress)?);
    objects.extend(listed);
    let (carriers, notices) = carriers(&others, &objects, trust);
    ledger.notices.extend(notices);
    let skipped_for = |object: &Object| if is_carrier(&object.name) { "signatures of digests" } else { NO_NAME };
    ledger.skipped.extend(others.iter().map(|object| Skipped { object: object.name.clone(), reason: skipped_for(object).to_owned() }));
    let (skipped, mut problems) = (to_u64(ledger.skipped.len()), to_u64(ledger.problems.len()));
    let listed = to_u64(objects.len()) + skipped + problems;
    problems += to_u64(reports.iter().filter(|report| report.status == Status::Problem).count());
    let read = to_u64(reports.iter().filter(|report| report.status == Status::Read).count());
    ledger.objects = ObjectCounts { listed, read, skipped, problems };
    ledger.filtered.objects = to_u64(unread.len());
    for report in &reports {
        ledger.problems.extend(report.problems.iter().cloned());
        if let Some(bytes) = &report.bytes {
            ledger.compressed_bytes += bytes.stored_bytes;
            ledger.inflated_bytes += bytes.inflated_bytes;
        }
    }
    ledger.sort();
    ledger.check()?;
    // That nothing is there may be just what was asked.
    if objects.is_empty() && unread.is_empty() && !trust.expects_digests() {
        return Err(super::no_logs(scope, &ledger));
    }
    let files: Vec<FoundFile> = reports.iter_mut().map(found_file).collect();
    let verification = check(&files, &objects, &carriers, scope, trust)?;
    Ok(Verified { ledger, verification })
}

/// Proves objects that were ingested by the digests among them, whose reports lose their digests.
///
/// # Errors
/// Those of reading logs again; [`Error::Ledger`] where a digest is unaccounted for.
pub(super) fn integrity(
    scope: &Scope,
    trust: &Trust,
    objects: &[Object],
    reports: &mut [ObjectReport],
    unread: &[Unread],
) -> Result<(Option<Integrity>, Vec<Problem>), Error> {
    // Where digests are expected, that there is none is an answer.
    if !trust.expects_digests() && !reports.iter().any(|report| report.digest.is_some()) {
        return Ok((None, Vec::new()));
    }
    let (listed, _) = listed_unread(unread.to_vec(), reports, &scope.options.filter);
    let mut more = hash(&listed, &scope.options, &Progress::default())?;
    let others: Vec<Object> = objects.iter().filter(|object| is_carrier(&object.name)).cloned().collect();
    let (carriers, notices) = carriers(&others, objects, trust);
    let files: Vec<FoundFile> = reports.iter_mut().chain(&mut more).map(found_file).collect();
    let all: Vec<Object> = objects.iter().chain(&listed).cloned().collect();
    let verification = check(&files, &all, &carriers, scope, trust)?;
    let documents = files.iter().filter_map(|file| Some((file.name.clone(), file.document.as_ref()?.as_ref().ok()?.as_ref()))).collect();
    Ok((Some(Integrity::new(verification, &documents)), notices))
}

/// What the table `files` says of a file that was signed for and is not here.
pub(super) const MISSING: &str = "missing";
/// Why an object has no part in the proof.
const NO_NAME: &str = "its name is not that of a log or digest";
/// The manifest of signatures.
const SIGNATURES: &str = "signatures.jsonl";

fn is_carrier(name: &str) -> bool {
    Carriers::sidecar_target(name).is_some() || name.rsplit('/').next() == Some(SIGNATURES)
}

/// Objects that a filter left unread and that a digest of the range lists, and the rest of those left unread: all logs
/// of such a digest are checked, whenever they were delivered.
fn listed_unread(unread: Vec<Unread>, reports: &[ObjectReport], filter: &Filter) -> (Vec<Object>, Vec<Unread>) {
    if unread.is_empty() {
        return (Vec::new(), unread);
    }
    let digests = reports.iter().filter_map(|report| report.digest.as_ref()?.as_ref().ok());
    let in_range = digests.filter(|digest| {
        filter.range.since.is_none_or(|since| digest.end() >= since) && filter.range.until.is_none_or(|until| digest.start() <= until)
    });
    let tails: BTreeSet<Tail> = in_range.flat_map(|digest| digest.listed_keys()).map(Tail::of).collect();
    let names: BTreeSet<&str> = tails.iter().map(Tail::name).collect();
    let is_listed = |unread: &Unread| {
        let tail = Tail::of(&unread.object.name);
        tails.contains(&tail) || (tail.is_flat() && names.contains(tail.name()))
    };
    let (listed, rest): (Vec<Unread>, Vec<Unread>) = unread.into_iter().partition(is_listed);
    (listed.into_iter().map(|unread| unread.object).collect(), rest)
}

/// The signatures that lie among the logs or were read with them, beside those that were given, and what is wrong with some.
fn carriers(others: &[Object], read: &[Object], trust: &Trust) -> (Carriers, Vec<Problem>) {
    let (mut carriers, mut notices) = (trust.carriers.clone(), Vec::new());
    let limits = Limits::default();
    for digest in read.iter().filter(|object| object.key.as_ref().is_some_and(|key| key.kind == DIGEST_KIND)) {
        carriers.add_metadata(&digest.name, digest.metadata().iter().map(|(name, value)| (name.as_str(), value.as_str())));
    }
    let files: Vec<&Object> = others.iter().filter(|object| is_carrier(&object.name)).collect();
    let mut opener = Opener::new(files.iter().copied());
    for object in files {
        let is_sidecar = Carriers::sidecar_target(&object.name).is_some();
        let limit = if is_sidecar { limits.sidecar_bytes } else { limits.manifest_bytes };
        let bytes = opener.open_next(object).and_then(|reader| read_within(reader, limit)).map_err(|cause| plain_cause(&cause));
        let taken = bytes.and_then(|bytes| {
            if is_sidecar { carriers.add_sidecar(&object.name, &bytes, &limits) } else { carriers.add_manifest(&bytes, &limits) }
        });
        if let Err(reason) = taken {
            let place = Place { object: object.name.clone(), record_index: None, offset: None };
            let message = format!("no signature is taken from it, or not all: {reason}");
            notices.push(Problem { place, kind: ProblemKind::BadSignatures, message });
        }
    }
    (carriers, notices)
}

/// What a report tells of its file; its digest is taken out of it.
fn found_file(report: &mut ObjectReport) -> FoundFile {
    let unread = || report.problems.first().map_or_else(String::new, |problem| problem.message.clone());
    FoundFile {
        name: report.object.clone(),
        stored: report.bytes.as_ref().map_or_else(|| Stored::Unreadable(unread()), |bytes| Stored::of(bytes, report.is_json)),
        sha256: report.bytes.as_ref().and_then(|bytes| bytes.sha256),
        document: report.digest.take(),
    }
}

fn check(files: &[FoundFile], objects: &[Object], carriers: &Carriers, scope: &Scope, trust: &Trust) -> Result<Verification, Error> {
    let filter = &scope.options.filter;
    let question = Question {
        range: AskedRange { start: filter.range.since, end: filter.range.until },
        strict_location: trust.strict_location,
        expect_accounts: trust.expect_accounts.clone(),
        expect_regions: trust.expect_regions.clone(),
        accounts: filter.accounts.clone(),
        regions: filter.regions.clone(),
        ..Question::default()
    };
    let mut failure = None;
    let mut shows_stop = |gap: &Gap, logs: &[Arc<str>]| {
        let logs: HashSet<&Arc<str>> = logs.iter().collect();
        let logs: Vec<Object> = objects.iter().filter(|object| logs.contains(&object.name)).cloned().collect();
        stops(gap, &logs, &scope.options).unwrap_or_else(|error| {
            failure.get_or_insert(error);
            false
        })
    };
    let mut judge =
        |keys: &PublicKeys| ingest::on_pool(&scope.options, || verify(files, carriers, keys, &question, &mut shows_stop)).flatten();
    let mut verification = judge(&trust.keys)?;
    if let Some(source) = trust.key_source.as_ref().filter(|_| !verification.missing_keys.is_empty()) {
        let (name, text) = source.key_file(&verification.missing_keys)?;
        let mut keys = trust.keys.clone();
        keys.add_file(&name, text.as_bytes(), &Limits::default()).map_err(|reason| Error::setting(name, reason))?;
        verification = judge(&keys)?;
    }
    failure.map_or(Ok(verification), Err)
}

/// Whether logs hold a call that stops a trail, its deletion or its change; no other service has calls of these names.
fn stops(gap: &Gap, logs: &[Object], options: &Options) -> Result<bool, Error> {
    const COLUMNS: [Column; 3] = [Column::EventName, Column::Ok, Column::RequestParameters];
    let options = Options { filter: Filter::default(), digests: false, ..options.clone() };
    let store = Arc::new(Store::default());
    let read = ingest(logs, &options, &store, &Progress::default())?;
    let events = EventFrame::new(read.batches, store);
    let found = |_, batch: &DataFrame| {
        let (names, requests) = (batch.column(Column::EventName.name())?.str()?, batch.column(Column::RequestParameters.name())?.str()?);
        let done = batch.column(Column::Ok.name())?.bool()?;
        let mut arena = Bump::new();
        let mut is_stop = |row: usize| {
            let is_call = matches!(names.get(row), Some("StopLogging" | "DeleteTrail" | "UpdateTrail")) && done.get(row) == Some(true);
            arena.reset();
            is_call && requests.get(row).and_then(|request| lookup(request, &["name"], &arena)).is_some_and(|name| names_trail(name, gap))
        };
        Ok((0..batch.height()).any(&mut is_stop))
    };
    events.fold(&COLUMNS, false, found, |all, found| *all |= found)
}

/// Whether a call means the trail of a chain by `name`, which is its ARN or its bare name.
fn names_trail(name: &str, gap: &Gap) -> bool {
    let (trail, home) = (gap.chain.trail.as_ref(), gap.chain.home_region.as_ref());
    if let Some(arn) = name.strip_prefix("arn:") {
        let mut parts = arn.splitn(5, ':');
        return parts.nth(2) == Some(home) && parts.nth(1).and_then(|resource| resource.strip_prefix("trail/")) == Some(trail);
    }
    name == trail
}

/// The table `digests`: every digest that is there or due, by chain and window.
fn digest_rows(verification: &Verification, documents: &HashMap<Arc<str>, &Digest>) -> Vec<Map<String, Value>> {
    let mut rows = Vec::new();
    for chain in &verification.chains {
        for digest in &chain.digests {
            let report = verification.files.get(&digest.tail);
            let object = report.and_then(|report| report.object.clone());
            let document = object.as_ref().and_then(|object| documents.get(object));
            rows.push(row(json!({
                "object": object.as_deref().unwrap_or_else(|| digest.tail.as_str()),
                "chain": chain.id.to_string(),
                "kind": report.map_or(FileKind::Digest, |report| report.kind).name(),
                "start": digest.from.to_string(),
                "end": digest.to.to_string(),
                "status": digest.verdict.status(),
                "reason": digest.verdict.reason().map(Reason::name),
                "evidence": digest.verdict.evidence().map(Evidence::name),
                "fingerprint": document.map(|document| document.fingerprint()),
                "logs": document.map(|document| document.listed_logs()),
                "previous": document.and_then(|document| document.previous_key()),
            })));
        }
    }
    rows
}

/// How many files of a kind have each status, with the reason.
pub fn tally(verification: &Verification, is_kind: impl Fn(FileKind) -> bool) -> BTreeMap<(&'static str, Option<&'static str>), u64> {
    let mut counts = BTreeMap::new();
    for report in verification.files.values().filter(|report| is_kind(report.kind)) {
        let reason = report.verdict.reason().map(Reason::name);
        *counts.entry((report.verdict.status(), reason)).or_default() += 1;
    }
    counts
}
