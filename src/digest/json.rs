//! The answer as JSON, in the form of `trailsift verify --format json`.

use serde_json::{Map, Value, json};

use super::finding::Finding;
use super::verification::{CoverageRow, FileReport, Verification};
use crate::time::EventTime;

impl Verification {
    /// The answer as JSON, without the ledger and the schema's name, which are the caller's.
    ///
    /// # Shape
    /// `range`, `verdict`, `files` by tail, `findings`, `coverage` and `trust`, each in a fixed order. A finding has only
    /// the fields that it has a use for, a file `evidence` only where it is a valid digest and `hash` only where it is a
    /// log that invalid digests alone list.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut object = Map::new();
        let mut add = |name: &str, value| object.insert(name.to_owned(), value);
        add("range", json!({"start": time(self.range.start), "end": time(self.range.end)}));
        add("verdict", json!(self.worst.overall()));
        let files: Map<String, Value> = self.files.iter().map(|(tail, report)| (tail.as_str().to_owned(), file(report))).collect();
        add("files", Value::Object(files));
        add("findings", self.findings.iter().map(finding).collect());
        add("coverage", self.coverage.iter().map(coverage).collect());
        let trust = self.trust.iter().map(|file| {
            json!({"object": &*file.name, "sha256": file.sha256.to_string(), "fingerprints": file.fingerprints.iter().map(|text| &**text).collect::<Vec<_>>()})
        });
        add("trust", trust.collect());
        object
    }
}

fn file(report: &FileReport) -> Value {
    let notes: Vec<_> = report.notes.iter().map(|note| note.name()).collect();
    let reason = report.verdict.reason().map(super::verdict::Reason::name);
    let mut object = Map::new();
    let mut add = |name: &str, value| object.insert(name.to_owned(), value);
    add("kind", json!(report.kind.name()));
    add("status", json!(report.verdict.status()));
    add("reason", json!(reason));
    if let Some(evidence) = report.verdict.evidence() {
        add("evidence", json!(evidence.name()));
    }
    if let Some(matches) = report.hash_matches {
        add("hash", json!(if matches { "match" } else { "mismatch" }));
    }
    add("notes", json!(notes));
    Value::Object(object)
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
