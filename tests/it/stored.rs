//! A case in place of logs, and events in files in place of memory: the answers are the same.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Value;
use trailsift::case::{Case, Scope};
use trailsift::detect::Catalog;
use trailsift::frame::Store;
use trailsift::ingest::Progress;

use crate::support::{Folder, Run, project, record, records, shared, trailsift};

/// Makes a case of a source.
fn investigate(source: &Path, more: &[&str]) -> (Folder, PathBuf) {
    let folder = Folder::new();
    let case = folder.path().join("case");
    let mut args: Vec<&OsStr> = vec!["investigate".as_ref(), source.as_ref(), "--out".as_ref(), case.as_ref(), "--allow-problems".as_ref()];
    args.extend(more.iter().map(OsStr::new));
    trailsift(args).expect(0);
    (folder, case)
}

fn answer(source: &Path, command: &[&str]) -> Run {
    let (name, more) = command.split_first().expect("a command");
    let mut args: Vec<&OsStr> = vec![name.as_ref(), source.as_ref(), "--format".as_ref(), "json".as_ref(), "--allow-problems".as_ref()];
    args.extend(more.iter().map(OsStr::new));
    trailsift(args)
}

const COMMANDS: [&[&str]; 9] = [
    &["detect"],
    &["timeline"],
    &["summary"],
    &["summary", "--by", "user-agent"],
    &["sql", "-c", "select event_id, principal, origin_verdict, trust_external, object, record_index from events"],
    &["sql", "-c", "select event_name, count(*) as n from events where ok = false group by event_name order by n desc"],
    &["sql", "-c", "select object, kind, status, reason, notes, sha256, records, first_event from files order by object"],
    &["sql", "-c", "select object, kind, message from notices order by object, kind, message"],
    &["sql", "-c", "select arn, mfa from users order by arn"],
];

/// A copy of logs without their digests, on which a case rests and answers from the logs do not.
fn without_digests(source: &Path) -> Folder {
    let folder = Folder::new();
    for entry in walkdir::WalkDir::new(source).into_iter().map(|entry| entry.expect("readable")) {
        let name = entry.path().strip_prefix(source).expect("below").to_str().expect("UTF-8").to_owned();
        if entry.file_type().is_file() && !name.contains("CloudTrail-Digest") {
            folder.write(&name, std::fs::read(entry.path()).expect("a file"));
        }
    }
    folder
}

fn check_case(source: &Path) {
    let logs = without_digests(source);
    let source = logs.path();
    let (_folder, case) = investigate(source, &[]);
    for command in COMMANDS {
        let (from_logs, from_case) = (answer(source, command), answer(&case, command));
        assert_eq!(from_logs.code, from_case.code, "{command:?}: {} {}", from_logs.stderr, from_case.stderr);
        assert!(from_logs.stdout == from_case.stdout, "{command:?}");
    }
    for filter in [&["--since", "2026-03-09"][..], &["--region", "us-east-1"], &["--account", "111122223333", "--until", "2026-03-10"]] {
        let command: Vec<&str> = std::iter::once("detect").chain(filter.iter().copied()).collect();
        let (from_logs, from_case) = (answer(source, &command).json(), answer(&case, &command).json());
        assert_eq!(from_logs["findings"], from_case["findings"], "{filter:?}");
        assert_eq!(from_logs["ledger"]["records"]["loaded"], from_case["ledger"]["records"]["loaded"], "{filter:?}");
    }
}

#[test]
fn a_case_answers_as_the_logs_do() {
    check_case(&project("sample-logs/AWSLogs"));
}

#[test]
fn a_case_of_real_data_answers_as_the_logs_do() {
    if let Some(root) = shared("data/real") {
        check_case(&root);
    }
}

#[test]
fn a_case_of_a_filtered_run_holds_what_the_filter_kept() {
    let logs = without_digests(&project("sample-logs/AWSLogs"));
    let source = logs.path();
    let (_folder, case) = investigate(source, &["--since", "2026-03-09"]);
    let (from_logs, from_case) = (answer(source, &["detect", "--since", "2026-03-09"]), answer(&case, &["detect"]));
    assert!(from_logs.stdout == from_case.stdout);
}

/// What is found, and some rows, with events kept where `store` says.
fn found(source: &Path, store: Store) -> String {
    let scope = Scope { sources: vec![source.into()], ..Scope::default() };
    let case = Case::read(scope, &Progress::default(), |_| Ok(store)).expect("read");
    let detections = case.detect(&Catalog::builtin().expect("rules")).expect("detected");
    let events = case.events.lazy().expect("a table");
    let statement = "select * from events order by object, record_index";
    let rows = trailsift::query::run(statement, &[("events", events)], None).expect("rows");
    let ledger = trailsift::report::json::ledger(&case.ledger);
    format!(
        "{}\n{ledger}\n{}",
        serde_json::to_string(&detections.findings).expect("JSON"),
        trailsift::query::rows(&rows).into_iter().map(Value::Object).collect::<Value>()
    )
}

fn check_store(source: &Path) {
    let in_memory = found(source, Store::default());
    assert!(in_memory == found(source, Store::within(0)), "in temporary files");
    let folder = Folder::new();
    assert!(in_memory == found(source, Store::folder(folder.path().to_owned(), 0)), "in files");
    let folder = Folder::new();
    assert!(in_memory == found(source, Store::folder(folder.path().to_owned(), u64::MAX)), "in both");
}

#[test]
fn where_events_are_kept_makes_no_difference() {
    check_store(&project("sample-logs/AWSLogs"));
}

#[test]
fn where_real_events_are_kept_makes_no_difference() {
    if let Some(root) = shared("data/real") {
        check_store(&root);
    }
}

#[test]
fn files_of_events_are_the_same_for_any_number_of_threads() {
    let files = |jobs: &str| {
        let (_folder, case) = investigate(&project("sample-logs/AWSLogs"), &["--jobs", jobs]);
        let mut files: Vec<(String, Vec<u8>)> = std::fs::read_dir(case.join("events"))
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .map(|path| (path.file_name().expect("a name").to_string_lossy().into_owned(), std::fs::read(&path).expect("a file")))
            .collect();
        files.sort();
        files
    };
    let one = files("1");
    assert!(one.len() > 1);
    for jobs in ["2", "8"] {
        assert!(one == files(jobs), "{jobs} threads");
    }
}

#[test]
fn a_case_that_was_changed_is_refused_in_words() {
    let logs = Folder::new().with("a.json", records(1..=40));
    let (_folder, case) = investigate(logs.path(), &[]);
    let everything = ["sql", "-c", "select * from events order by record_index"];
    let refused = |why: &str| {
        let run = answer(&case, &everything).expect(2);
        assert!(run.stdout.is_empty() && run.stderr.contains(why) && run.stderr.lines().count() == 1, "{why}: {}", run.stderr);
    };
    let events = case.join("events/00000000-00000.parquet");
    let good = std::fs::read(&events).expect("a file");
    let before = answer(&case, &everything).expect(0).stdout;
    let mut noticed = 0;
    for at in (0..good.len()).step_by(good.len() / 40) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&events, &bad).expect("written");
        let run = answer(&case, &everything);
        // A byte of a column that is null throughout tells nothing, as its footer does.
        if run.code == 0 {
            assert!(run.stdout == before, "byte {at}");
        } else {
            refused("damaged");
            noticed += 1;
        }
    }
    assert!(noticed > 20, "{noticed}");
    std::fs::write(&events, &good[..good.len() / 2]).expect("written");
    refused("damaged");
    std::fs::remove_file(&events).expect("removed");
    refused("00000000-00000.parquet");
    std::fs::write(&events, &good).expect("written");
    answer(&case, &everything).expect(0);

    let manifest = case.join("case.json");
    let text = std::fs::read_to_string(&manifest).expect("a manifest");
    let changed = |change: &dyn Fn(&mut Value), why: &str| {
        let mut value: Value = serde_json::from_str(&text).expect("JSON");
        change(&mut value);
        std::fs::write(&manifest, serde_json::to_string_pretty(&value).expect("JSON")).expect("written");
        refused(why);
    };
    changed(&|value| value["events"]["layout"] = "0".into(), "run investigate on the logs again");
    changed(&|value| drop(value.as_object_mut().expect("an object").remove("events")), "without its events");
    changed(&|value| value["events"]["batches"][0]["file"] = "../case.json".into(), "no name of a file");
    changed(&|value| value["events"]["batches"][0]["events"] = 39.into(), "as many events as the manifest says");
    changed(&|value| value["ledger"]["records"]["loaded"] = 39.into(), "counts 39");
    changed(&|value| drop(value.as_object_mut().expect("an object").remove("ledger")), "no manifest of a case");
    std::fs::write(&manifest, "{\"schema\": \"trailsift.case/1\", nope").expect("written");
    refused("no manifest of a case");
    std::fs::write(&manifest, &text).expect("written");
    answer(&case, &["detect"]).expect(0);
}

#[test]
fn a_manifest_among_logs_hides_none_of_them() {
    let logs = Folder::new().with("a.json", records(1..=40));
    let (_folder, case) = investigate(logs.path(), &[]);
    std::fs::copy(case.join("case.json"), logs.path().join("case.json")).expect("copied");
    let run = answer(logs.path(), &["detect"]).expect(2);
    assert!(run.stderr.contains("a.json, which is not part of one"), "{}", run.stderr);
    // A case beside logs is no evidence, and is said to be left out.
    let both = Folder::new().with("logs/a.json", records(1..=40));
    std::fs::rename(&case, both.path().join("case")).expect("moved");
    let document = answer(both.path(), &["detect"]).expect(0).json();
    assert_eq!(document["ledger"]["records"]["loaded"], 40);
    let skipped = document["ledger"]["skipped"].as_array().expect("a list");
    assert!(skipped.iter().all(|skip| skip["reason"] == "not a log: part of a case folder"), "{skipped:?}");
}

#[test]
fn a_case_is_not_investigated_again() {
    let logs = Folder::new().with("a.json", records(1..=4));
    let (folder, case) = investigate(logs.path(), &[]);
    let out = folder.path().join("other");
    let run = trailsift(["investigate".as_ref(), case.as_os_str(), "--out".as_ref(), out.as_os_str()]).expect(2);
    assert!(run.stderr.contains("it is a case already"), "{}", run.stderr);
    assert!(!out.exists());
}

#[test]
fn memory_is_a_size() {
    let logs = Folder::new().with("a.json", serde_json::json!([record(1, |_| ())]).to_string());
    answer(logs.path(), &["detect", "--memory", "256MiB"]).expect(0);
    let run = answer(logs.path(), &["detect", "--memory", "1MiB"]).expect(2);
    assert!(run.stderr.contains("256MiB at least"), "{}", run.stderr);
}
