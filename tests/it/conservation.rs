//! Not one file or record unaccounted for, on all real data and on the project's own.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::{check_ledger, detect, project, shared, sql, trailsift};

/// What became of each file, by its path under `root`.
fn files(root: &Path) -> BTreeMap<String, Value> {
    let prefix = format!("{}/", root.display());
    sql(root, "select * from files")
        .into_iter()
        .map(|row| (row["object"].as_str().expect("a name").trim_start_matches(&prefix).to_owned(), row))
        .collect()
}

fn count_files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries.map(|entry| entry.expect("an entry").path()).map(|path| if path.is_dir() { count_files(&path) } else { 1 }).sum()
}

#[test]
fn every_real_file_ends_where_its_label_says() {
    let Some(root) = shared("data/real") else { return };
    let labels: Value = serde_json::from_str(&std::fs::read_to_string(root.join("labels.json")).expect("labels")).expect("JSON");
    let document = detect(&root);
    check_ledger(&document);
    assert_eq!(document["ledger"]["objects"]["listed"], count_files(&root));
    let files = files(&root);
    for (name, label) in labels["files"].as_object().expect("files") {
        let row = files.get(name).unwrap_or_else(|| panic!("{name} is not in the table"));
        let (status, records) = (row["status"].as_str().expect("status"), row["records"].as_u64().unwrap_or_default());
        if label["unparseable"] == true {
            assert_eq!(status, "problem", "{name}: {row}");
        } else if label["ocsf"] == true || name.starts_with("digest/") || name.starts_with("panther/") {
            assert_eq!((status, records), ("skipped", 0), "{name}: {row}");
        } else {
            let expected = label["events"].as_u64().or_else(|| label["rows"].as_u64()).expect("a number of events");
            assert_eq!((status, records), ("read", expected), "{name}: {row}");
        }
    }
}

#[test]
fn real_events_and_duplicates_are_as_many_as_the_labels_say() {
    let Some(root) = shared("data/real") else { return };
    let labels: Value = serde_json::from_str(&std::fs::read_to_string(root.join("labels.json")).expect("labels")).expect("JSON");
    // The totals are for everything but the re-wrapped copies, the rule tests and the CSV downloads.
    let mut args = vec!["detect".into(), "--format".into(), "json".into(), "--allow-problems".into()];
    for entry in std::fs::read_dir(&root).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && !["derived", "panther", "event-history-csv"].contains(&name.as_str()) {
            args.push(path.into_os_string());
        }
    }
    let document = trailsift(args).expect(0).json();
    check_ledger(&document);
    let records = &document["ledger"]["records"];
    assert_eq!(records["seen"], labels["totals"]["events"]);
    assert_eq!(records["loaded"], labels["totals"]["distinct_event_ids"]);
    assert_eq!(records["duplicates"], labels["totals"]["duplicate_records"]);
    assert_eq!(records["problems"], 0);
}

#[test]
fn each_derived_envelope_yields_the_same_events() {
    let Some(root) = shared("data/real/derived") else { return };
    let rows = sql(&root, "select object, count(*) n from events group by object order by object");
    // All files hold the same 54 events, so all but the first by name are duplicates of it.
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["n"], 54);
    for (name, row) in files(&root) {
        let (status, records) = (row["status"].as_str().expect("status"), row["records"].as_u64().unwrap_or_default());
        match name.as_str() {
            "records_truncated.json.gz" => assert!(status == "problem" && (1..54).contains(&records), "{row}"),
            "zero_bytes.json.gz" => assert_eq!((status, records), ("problem", 0)),
            "records_empty.json.gz" => assert_eq!((status, records), ("read", 0)),
            _ => assert_eq!((status, records), ("read", 54), "{name}"),
        }
    }
}

#[test]
fn the_sample_is_all_accounted_for() {
    let root = project("sample-logs");
    let document = detect(&root);
    check_ledger(&document);
    let ledger = &document["ledger"];
    assert_eq!(ledger["objects"]["listed"], count_files(&root));
    assert_eq!(ledger["objects"]["problems"], 0);
    assert_eq!(ledger["records"]["duplicates"], 12);
    assert_eq!(ledger["records"]["problems"], 0);
}
