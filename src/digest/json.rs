//! The answer as JSON, in the form of `trailsift verify --format json`.

use std::collections::BTreeMap;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::finding::Finding;
use super::key::Tail;
use super::public_key::TrustedFile;
use super::verification::{CoverageRow, FileReport, Verification};
use crate::time::EventTime;

/// The answer without the ledger and the schema's name, which are the caller's.
///
/// # Shape
/// `range`, `verdict`, `files` by tail, `findings`, `coverage` and `trust`, each in a fixed order. A finding has only the
/// fields that it has a use for, a file `evidence` only where it is a valid digest and `hash` only where it is a log that
/// invalid digests alone list.
impl Serialize for Verification {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("range", &json!({"start": time(self.range.start), "end": time(self.range.end)}))?;
        object.serialize_entry("verdict", self.worst.overall())?;
        object.serialize_entry("files", &Files(&self.files))?;
        object.serialize_entry("findings", &self.findings.iter().map(finding).collect::<Vec<_>>())?;
        object.serialize_entry("coverage", &self.coverage.iter().map(coverage).collect::<Vec<_>>())?;
        object.serialize_entry("trust", &self.trust_json())?;
        object.end()
    }
}

impl Verification {
    /// The key files, as `trust` has them: each with its SHA-256 and the fingerprints of its keys.
    pub fn trust_json(&self) -> Value {
        let file = |file: &TrustedFile| json!({"object": &*file.name, "sha256": file.sha256.to_string(), "fingerprints": file.fingerprints.iter().map(|text| &**text).collect::<Vec<_>>()});
        self.trust.iter().map(file).collect()
    }
}

/// Files are many, so they are written as they are met.
struct Files<'v>(&'v BTreeMap<Tail, FileReport>);

impl Serialize for Files<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(tail, report)| (tail.as_str(), report)))
    }
}

impl Serialize for FileReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        object.serialize_entry("kind", self.kind.name())?;
        object.serialize_entry("status", self.verdict.status())?;
        object.serialize_entry("reason", &self.verdict.reason().map(super::verdict::Reason::name))?;
        if let Some(evidence) = self.verdict.evidence() {
            object.serialize_entry("evidence", evidence.name())?;
        }
        if let Some(matches) = self.hash_matches {
            object.serialize_entry("hash", if matches { "match" } else { "mismatch" })?;
        }
        object.serialize_entry("notes", &self.notes.iter().map(|note| note.name()).collect::<Vec<_>>())?;
        object.end()
    }
}

fn finding(finding: &Finding) -> Value {
    let mut object = Map::new();
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            object.insert(name.to_owned(), value);
        }
    };
    add("type", json!(finding.kind.name()));
    add("severity", json!(finding.severity.name()));
    add("chain", json!(finding.chain.as_ref().map(ToString::to_string)));
    add("from", time(finding.from));
    add("to", time(finding.to));
    add("count", json!(finding.count));
    add("named", json!(finding.named.as_ref().map(|named| named.iter().map(|tail| &**tail).collect::<Vec<_>>())));
    add("key", json!(finding.key.as_deref()));
    add("account", json!(finding.account.as_deref()));
    add("region", json!(finding.region.as_deref()));
    Value::Object(object)
}

fn coverage(row: &CoverageRow) -> Value {
    json!({
        "account": &*row.account, "region": &*row.region, "trail": row.trail.as_deref(),
        "digests": row.digests, "logs": row.logs, "first": row.first.to_string(), "last": row.last.to_string(),
    })
}

fn time(time: Option<EventTime>) -> Value {
    json!(time.map(|time| time.to_string()))
}
