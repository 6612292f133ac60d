//! A case that was written before: [`Case::open`] reads it in place of the logs that it was made from.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::integrity::{Integrity, MISSING, MissingFile, ObjectVerdict};
use super::{Case, Coverage, FILTERED, Inputs, Scope};
use crate::detect;
use crate::error::Error;
use crate::frame::{EventFrame, StoredBatch, layout_id};
use crate::ingest::{ObjectReport, Status, Unread};
use crate::problem::{Filtered, Ledger, ObjectCounts, Place, Problem, ProblemKind, RecordCounts, Skipped};
use crate::source::gzip::Summary;
use crate::source::{Location, Object, ObjectKey, Sha256, Source, disk};
use crate::time::EventTime;

/// The file that makes a folder a case.
pub const MANIFEST: &str = "case.json";
/// What the manifest calls itself.
pub const SCHEMA: &str = "trailsift.case/1";
/// The folder of the events' files in a case.
pub const EVENTS: &str = disk::CASE_EVENTS;

/// What a manifest says of the events' files.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredEvents {
    /// Which columns they have; those of another version may differ.
    layout: String,
    /// One entry a batch, in their order.
    batches: Vec<StoredBatch>,
}

impl StoredEvents {
    /// What is to be said of events that were written into a folder.
    pub fn of(events: &EventFrame) -> Self {
        Self { layout: layout_id(), batches: events.stored() }
    }
}

/// The parts of a manifest that are read again.
#[derive(Debug, Deserialize)]
struct Manifest {
    schema: String,
    version: String,
    events: Option<StoredEvents>,
    inputs: Vec<Input>,
    coverage: StoredCoverage,
    ledger: StoredLedger,
    /// Nothing where there were no digests.
    integrity: Option<StoredIntegrity>,
    /// The rows of the table `digests`.
    #[serde(default)]
    digests: Vec<Map<String, Value>>,
}

#[derive(Debug, Deserialize)]
struct StoredIntegrity {
    verdict: String,
}

/// One row of the table `files`.
#[derive(Debug, Deserialize)]
struct Input {
    object: String,
    compressed_bytes: Option<u64>,
    inflated_bytes: Option<u64>,
    sha256: Option<String>,
    status: String,
    reason: Option<String>,
    notes: Option<String>,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    integrity: Option<String>,
    #[serde(default)]
    integrity_reason: Option<String>,
    #[serde(default)]
    integrity_notes: Option<String>,
    records: Option<u64>,
    first_event: Option<String>,
    last_event: Option<String>,
}

#[derive(Debug, Deserialize)]
struct StoredCoverage {
    accounts: BTreeSet<String>,
    regions: BTreeSet<String>,
    first_event: Option<String>,
    last_event: Option<String>,
}

#[derive(Debug, Deserialize)]
struct StoredLedger {
    objects: ObjectCounts,
    records: RecordCounts,
    bytes: StoredBytes,
    problems: Vec<StoredProblem>,
    notices: Vec<StoredProblem>,
    skipped: Vec<StoredSkip>,
    filtered: Filtered,
}

#[derive(Debug, Deserialize)]
struct StoredBytes {
    compressed: u64,
    inflated: u64,
}

#[derive(Debug, Deserialize)]
struct StoredProblem {
    object: String,
    record_index: Option<u64>,
    offset: Option<u64>,
    kind: String,
    message: String,
}

#[derive(Debug, Deserialize)]
struct StoredSkip {
    object: String,
    reason: String,
}

impl Case {
    /// Opens the case in a folder, in place of reading logs. What the scope's filter leaves out is counted.
    ///
    /// # Errors
    /// [`Error::Setting`] where the folder is no case, or one whose events this version cannot read; [`Error::Io`] and
    /// [`Error::Table`] where a file of it cannot be read or was changed.
    pub fn open(scope: Scope, folder: &Path) -> Result<Self, Error> {
        let manifest = read_manifest(folder)?;
        let refuse = |reason: String| Error::setting(format!("read {}", folder.display()), reason);
        let Some(stored) = manifest.events else {
            let reason = format!("trailsift {} wrote this case without its events: give the logs that it was made from", manifest.version);
            return Err(refuse(reason));
        };
        if stored.layout != layout_id() {
            let reason = format!(
                "trailsift {} wrote this case, whose events have other columns than those of this version: run investigate on the logs again",
                manifest.version
            );
            return Err(refuse(reason));
        }
        let mut events = EventFrame::open(&folder.join(EVENTS), &stored.batches)?;
        let mut ledger = manifest.ledger.read();
        if to_u64(events.height()) != ledger.records.loaded {
            return Err(refuse(format!("its files hold {} events and its manifest counts {}", events.height(), ledger.records.loaded)));
        }
        let left_out = to_u64(events.select(&scope.options.filter)?);
        ledger.records.seen -= left_out;
        ledger.records.loaded -= left_out;
        ledger.filtered.records += left_out;
        ledger.check()?;
        let mut inputs = Inputs::default();
        let mut integrity = match manifest.integrity {
            Some(StoredIntegrity { verdict }) => match Integrity::stored(&verdict, manifest.digests) {
                Some(integrity) => Some(integrity),
                None => return Err(refuse(format!("its manifest says that the digests' verdict is `{verdict}`, which is none"))),
            },
            None => None,
        };
        for input in manifest.inputs {
            if let Some(integrity) = &mut integrity {
                input.read_integrity(integrity);
            }
            input.read(&mut inputs);
        }
        Ok(Self { integrity, ..Self::from_parts(scope, inputs, events, ledger, manifest.coverage.read()) })
    }
}

/// The folder, if it is the only source and a case that `investigate` wrote.
///
/// # Errors
/// [`Error::Setting`] where it has the manifest of a case and something besides that is not part of one: whoever could
/// write among logs could put a manifest there, so that the logs would not be read.
pub fn as_case(sources: &[Source]) -> Result<Option<&Path>, Error> {
    let [Source::Path(folder)] = sources else { return Ok(None) };
    if !folder.is_dir() || !disk::is_case(folder) {
        return Ok(None);
    }
    let entries = std::fs::read_dir(folder).map_err(|cause| Error::io("read", folder, cause))?;
    for entry in entries {
        let name = entry.map_err(|cause| Error::io("read", folder, cause))?.file_name();
        if name != EVENTS && !disk::is_case_file(&name) {
            let reason = format!(
                "it holds the manifest of a case, {MANIFEST}, and besides it {}, which is not part of one: give the case or the logs alone",
                name.to_string_lossy()
            );
            return Err(Error::setting(format!("read {}", folder.display()), reason));
        }
    }
    Ok(Some(folder))
}

fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    let path = folder.join(MANIFEST);
    let file = File::open(&path).map_err(|cause| Error::io("read", &path, cause))?;
    let refuse = |reason: String| Error::setting(format!("read {}", path.display()), reason);
    // First as any JSON, so that what is said of another manifest is not about a missing field.
    let value: Value =
        serde_json::from_reader(BufReader::new(file)).map_err(|error| refuse(format!("it is no manifest of a case: {error}")))?;
    let manifest: Manifest = serde_json::from_value(value).map_err(|error| refuse(format!("it is no manifest of a case: {error}")))?;
    if manifest.schema == SCHEMA { Ok(manifest) } else { Err(refuse(format!("its schema is {}, not {SCHEMA}", manifest.schema))) }
}

impl Input {
    /// Enters what the digests said of it.
    fn read_integrity(&self, all: &mut Integrity) {
        let Some(status) = self.integrity.as_deref().and_then(detect::Integrity::from_status) else { return };
        let reason = self.integrity_reason.clone();
        if self.status == MISSING {
            all.missing.push(MissingFile { tail: self.object.clone(), kind: self.kind.clone(), reason });
        } else {
            all.objects.insert(self.object.as_str().into(), ObjectVerdict { status, reason, notes: self.integrity_notes.clone() });
        }
    }

    /// Enters the object and what became of it; one that could not be listed stands in the ledger and not here.
    fn read(self, inputs: &mut Inputs) {
        let Some(size) = self.compressed_bytes else { return };
        let name: Arc<str> = self.object.into();
        let location = Location::Path(PathBuf::from(name.as_ref()));
        let object = Object { key: ObjectKey::parse(&name), name: name.clone(), size, location };
        if self.status == FILTERED {
            inputs.unread.push(Unread { object, reason: self.reason.unwrap_or_default() });
            return;
        }
        let problem = |message: String| Problem {
            place: Place { object: name.clone(), record_index: None, offset: None },
            kind: ProblemKind::Unreadable,
            message,
        };
        let time = |text: Option<String>| text.and_then(|text| EventTime::parse(&text));
        let status = match self.status.as_str() {
            "read" => Status::Read,
            "skipped" => Status::Skipped(self.reason.clone().unwrap_or_default()),
            _ => Status::Problem,
        };
        let bytes = self.inflated_bytes.map(|inflated_bytes| Summary {
            sha256: self.sha256.as_deref().and_then(Sha256::from_hex),
            stored_bytes: size,
            inflated_bytes,
            members: 1,
            damage: None,
        });
        let report = ObjectReport {
            bytes,
            seen: self.records.unwrap_or_default(),
            problems: if status == Status::Problem { self.reason.map(problem).into_iter().collect() } else { Vec::new() },
            notices: self.notes.map(problem).into_iter().collect(),
            first_event: time(self.first_event),
            last_event: time(self.last_event),
            status,
            ..ObjectReport::nothing(&object)
        };
        inputs.objects.push(object);
        inputs.reports.push(report);
    }
}

impl StoredCoverage {
    fn read(self) -> Coverage {
        let time = |text: Option<String>| text.and_then(|text| EventTime::parse(&text));
        Coverage { accounts: self.accounts, regions: self.regions, first_event: time(self.first_event), last_event: time(self.last_event) }
    }
}

impl StoredLedger {
    fn read(self) -> Ledger {
        let problems = |list: Vec<StoredProblem>| {
            let read = |problem: StoredProblem| Problem {
                place: Place { object: problem.object.into(), record_index: problem.record_index, offset: problem.offset },
                // A kind of another version is a defect of that version's reader at worst.
                kind: ProblemKind::from_name(&problem.kind).unwrap_or(ProblemKind::Internal),
                message: problem.message,
            };
            list.into_iter().map(read).collect()
        };
        Ledger {
            objects: self.objects,
            records: self.records,
            compressed_bytes: self.bytes.compressed,
            inflated_bytes: self.bytes.inflated,
            problems: problems(self.problems),
            notices: problems(self.notices),
            skipped: self.skipped.into_iter().map(|skip| Skipped { object: skip.object.into(), reason: skip.reason }).collect(),
            filtered: self.filtered,
        }
    }
}

fn to_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
