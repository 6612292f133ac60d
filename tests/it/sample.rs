//! The story of `sample-logs/README.md`, as far as the rules at hand can tell it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use flate2::read::GzDecoder;
use serde_json::Value;
use walkdir::WalkDir;

use crate::support::{detect, findings, project};

#[test]
fn each_step_is_found_by_the_rules_that_it_names() {
    let story = story();
    let document = detect(&project("sample-logs"));
    let known: BTreeSet<&str> = document["rules"].as_array().expect("rules").iter().map(|rule| rule["id"].as_str().expect("id")).collect();
    let found = findings(&document);
    let mut checked = 0;
    for step in story["steps"].as_array().expect("steps") {
        let ids: Vec<&str> = step["event_ids"].as_array().expect("ids").iter().map(|id| id.as_str().expect("text")).collect();
        for rule in
            step["rules"].as_array().expect("rules").iter().map(|rule| rule.as_str().expect("text")).filter(|rule| known.contains(rule))
        {
            let hit = found.iter().any(|(id, events)| id == rule && events.iter().any(|event| ids.contains(&event.as_str())));
            assert!(hit, "{rule} does not tell of step {}: {}", step["step"], step["title"]);
            checked += 1;
        }
    }
    assert!(checked >= 6, "{checked} rules of the story are at hand");
}

#[test]
fn nothing_else_is_severe() {
    let story = std::fs::read_to_string(project("sample-logs/story.json")).expect("the story");
    let document = detect(&project("sample-logs"));
    for finding in document["findings"].as_array().expect("findings") {
        if ["high", "critical"].contains(&finding["severity"].as_str().expect("a word")) {
            let ids = finding["event_ids"].as_array().expect("ids");
            assert!(ids.iter().any(|id| story.contains(id.as_str().expect("text"))), "{finding}");
        }
    }
}

#[test]
fn the_story_names_each_log_file_that_is_not_as_the_digests_have_it() {
    let root = project("sample-logs");
    let mut on_disk = log_files(&root, false);
    let mut state: BTreeMap<String, (&str, &str)> = BTreeMap::new();
    for name in log_files(&root, true) {
        let document: Value = serde_json::from_slice(&inflated(&root.join(name))).expect("JSON");
        for listed in document["logFiles"].as_array().expect("log files") {
            let (name, hash) = (listed["s3Object"].as_str().expect("a key"), listed["hashValue"].as_str().expect("a hash"));
            if !on_disk.remove(name) {
                state.insert(name.to_owned(), ("missing", "listed"));
            } else if sha256(&inflated(&root.join(name))) != hash {
                state.insert(name.to_owned(), ("invalid", "hash-mismatch"));
            }
        }
    }
    state.extend(on_disk.into_iter().map(|name| (name, ("undigested", "before-first"))));
    let story = story();
    let told = story["integrity"]["files"].as_object().expect("files");
    let told: BTreeMap<String, (&str, &str)> = told
        .iter()
        .map(|(name, row)| (name.clone(), (row["status"].as_str().expect("text"), row["reason"].as_str().expect("text"))))
        .collect();
    assert_eq!(state, told);
    let count = |status: &str| told.values().filter(|row| row.0 == status).count();
    assert_eq!((count("invalid"), count("missing")), (1, 1));
}

fn story() -> Value {
    serde_json::from_str(&std::fs::read_to_string(project("sample-logs/story.json")).expect("the story")).expect("JSON")
}

/// The names of the log files below `root`, or of the digest files.
fn log_files(root: &Path, digests: bool) -> BTreeSet<String> {
    WalkDir::new(root.join("AWSLogs"))
        .into_iter()
        .map(|entry| entry.expect("readable"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| entry.path().strip_prefix(root).expect("below").to_str().expect("UTF-8").to_owned())
        .filter(|name| name.contains("/CloudTrail-Digest/") == digests)
        .collect()
}

fn inflated(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(path).expect("a file")).read_to_end(&mut bytes).expect("gzip");
    bytes
}

fn sha256(bytes: &[u8]) -> String {
    trailsift::source::hex(digest(&SHA256, bytes).as_ref())
}
