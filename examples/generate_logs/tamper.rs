//! What the attacker does to the evidence when the logs are delivered, and what a verifier of the digests must find.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::background::pipeline::RUNNER;
use crate::delivery::LogFile;
use crate::digest::{chain, gap, kept_from};
use crate::failure::Failure;
use crate::incident::ATTACKER_HOST;
use crate::scene::Event;
use crate::spread;
use crate::time::iso;

/// The address of the CI runner, which the altered record names.
pub(crate) const WRITTEN_ADDRESS: &str = RUNNER;

/// What was done, and what no digest vouches for.
pub(crate) struct Integrity {
    /// The key of the log file in which a record was changed.
    pub(crate) altered: String,
    /// Its number of records.
    pub(crate) altered_records: usize,
    /// The id of the changed record.
    pub(crate) altered_event: String,
    /// The log file that was deleted.
    pub(crate) missing: LogFile,
    /// The keys of the log files that were delivered before the first digest.
    pub(crate) undigested: Vec<String>,
    /// The chains of the stopped trail, and whether the log that tells of it is in the chain.
    gaps: Vec<(String, bool)>,
}

/// Changes a record in one of `files` and takes another file away.
pub(crate) fn tamper(files: &mut Vec<LogFile>) -> Result<Integrity, Failure> {
    let gaps = gaps(files);
    let missing = take_file(files).ok_or_else(|| Failure::new("no log file to delete".to_owned()))?;
    let undigested = files.iter().filter(|file| file.delivered < kept_from()).map(|file| file.key.clone()).collect();
    let altered = files.iter_mut().find_map(|file| {
        let id = file.events.iter_mut().find_map(alter)?;
        Some((file.key.clone(), file.events.len(), id))
    });
    let (altered, altered_records, altered_event) = altered.ok_or_else(|| Failure::new("no record to alter".to_owned()))?;
    Ok(Integrity { altered, altered_records, altered_event, missing, undigested, gaps })
}

impl Integrity {
    /// The part `integrity` of `story.json`: the verdict, each file that is not valid, and the findings.
    pub(crate) fn to_json(&self) -> Value {
        let row = |status: &str, reason: &str| json!({"status": status, "reason": reason});
        let mut files: BTreeMap<&str, Value> = BTreeMap::new();
        files.insert(&self.altered, row("invalid", "hash-mismatch"));
        files.insert(&self.missing.key, row("missing", "listed"));
        files.extend(self.undigested.iter().map(|key| (key.as_str(), row("undigested", "before-first"))));
        let (from, to) = gap();
        let findings = self.gaps.iter().map(|(chain, is_told)| {
            let severity = if *is_told { "info" } else { "warning" };
            json!({"type": "gap", "severity": severity, "chain": chain, "from": iso(from), "to": iso(to)})
        });
        json!({"verdict": "fail", "files": files, "findings": findings.collect::<Value>()})
    }
}

/// The snapshot was shared from the attacker's address; now the record names the CI runner's.
fn alter(event: &mut Event) -> Option<String> {
    let address = |text: &str| format!("\"sourceIPAddress\":\"{text}\"");
    let shares = event.name == "ModifySnapshotAttribute" && event.json.contains(&address(ATTACKER_HOST));
    shares.then(|| {
        event.json = event.json.replace(&address(ATTACKER_HOST), &address(WRITTEN_ADDRESS));
        event.id.clone()
    })
}

/// Takes away the first file of management events that eu-west-1 delivered after the trail was started again.
fn take_file(files: &mut Vec<LogFile>) -> Option<LogFile> {
    let (_, started) = spread::outage();
    let stream = |file: &LogFile| file.stream.is_stopped() && file.stream.region == "eu-west-1";
    let position = files.iter().position(|file| stream(file) && file.delivered > started)?;
    Some(files.remove(position))
}

/// `StopLogging` is in the log of one region; the digests of the others cannot tell why they end.
fn gaps(files: &[LogFile]) -> Vec<(String, bool)> {
    let mut gaps: BTreeMap<String, bool> = BTreeMap::new();
    for file in files.iter().filter(|file| file.stream.is_stopped()) {
        let is_told = file.events.iter().any(|event| event.name == "StopLogging");
        *gaps.entry(chain(&file.stream)).or_default() |= is_told;
    }
    gaps.into_iter().collect()
}
