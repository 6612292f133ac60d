//! What the filters leave out: records by what they say, and files unread by their names.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Folder, check_ledger, detect_with, findings, gzip, project, record, shared, trailsift, trailsift_with};

const OURS: &str = "111122223333";
const OTHERS: &str = "444455556666";

/// A file's name as AWS writes it; `stamp` is such as `20260301T0810Z`.
fn key(account: &str, region: &str, stamp: &str) -> String {
    let (year, month, day) = (&stamp[..4], &stamp[4..6], &stamp[6..8]);
    format!("AWSLogs/{account}/CloudTrail/{region}/{year}/{month}/{day}/{account}_CloudTrail_{region}_{stamp}_Ab3dEf6hIj9kLmN0.json.gz")
}

/// A file of records with these numbers, all of one account, region and day.
fn log(account: &str, region: &str, day: &str, numbers: std::ops::Range<u32>) -> Vec<u8> {
    let one = |number| {
        record(number, |record| {
            record["eventTime"] = json!(record["eventTime"].as_str().expect("a time").replace("2026-03-01", day));
            record["recipientAccountId"] = json!(account);
            record["awsRegion"] = json!(region);
        })
    };
    gzip(json!({"Records": numbers.map(one).collect::<Vec<_>>()}).to_string())
}

/// Two accounts, two regions and two days under AWS's names, and a file of both accounts whose name says nothing.
fn logs() -> Folder {
    let flat: Vec<Value> =
        [(90, OURS), (91, OTHERS)].map(|(number, account)| record(number, |record| record["recipientAccountId"] = json!(account))).into();
    Folder::new()
        .with(&key(OURS, "eu-west-1", "20260301T0810Z"), log(OURS, "eu-west-1", "2026-03-01", 10..13))
        .with(&key(OTHERS, "eu-west-1", "20260301T0810Z"), log(OTHERS, "eu-west-1", "2026-03-01", 20..22))
        .with(&key(OURS, "us-west-2", "20260305T0810Z"), log(OURS, "us-west-2", "2026-03-05", 30..34))
        .with("flat.json", json!(flat).to_string())
}

/// `(objects listed, objects left unread, records loaded, records left out)` of a run.
fn counts(source: &Path, filter: &[&str]) -> (u64, u64, u64, u64) {
    let ledger = detect_with(source, filter)["ledger"].clone();
    let number = |pointer: &str| ledger.pointer(pointer).and_then(Value::as_u64).expect("a count");
    (number("/objects/listed"), number("/filtered/objects"), number("/records/loaded"), number("/filtered/records"))
}

#[test]
fn files_are_left_unread_by_what_their_names_say() {
    let folder = logs();
    for (filter, wanted) in [
        (&[][..], (4, 0, 11, 0)),
        (&["--account", OURS], (3, 1, 8, 1)),
        (&["--account", OTHERS], (2, 2, 3, 1)),
        (&["--account", OURS, "--account", OTHERS], (4, 0, 11, 0)),
        (&["--region", "us-west-2"], (2, 2, 4, 2)),
        (&["--region", "eu-west-1", "--region", "us-west-2"], (4, 0, 11, 0)),
        (&["--since", "2026-03-04"], (2, 2, 4, 2)),
        (&["--account", OURS, "--region", "eu-west-1", "--since", "2026-03-01"], (2, 2, 4, 1)),
        // A file of the fifth may hold a record of the first.
        (&["--until", "2026-03-02"], (4, 0, 7, 4)),
    ] {
        assert_eq!(counts(folder.path(), filter), wanted, "{filter:?}");
    }
}

#[test]
fn what_is_left_unread_is_said() {
    let folder = logs();
    let source = folder.path().as_os_str();
    let run = trailsift(["detect".as_ref(), source, "--account".as_ref(), OURS.as_ref()]).expect(0);
    assert!(run.stderr.contains("filtered 1 record and 1 object unread, outside both sums"), "{}", run.stderr);
    assert!(run.stderr.contains("objects  3 listed = 3 read"), "{}", run.stderr);
    let statement = "select account, region, delivery_time, status, reason, records from files where status = 'filtered'";
    let args = ["sql".as_ref(), source, "-c".as_ref(), statement.as_ref(), "--account".as_ref(), OURS.as_ref()];
    let rows = trailsift(args.into_iter().chain(["--format".as_ref(), "json".as_ref()])).expect(0).json()["rows"].clone();
    let wanted = json!([{
        "account": OTHERS,
        "region": "eu-west-1",
        "delivery_time": "2026-03-01T08:10:00Z",
        "status": "filtered",
        "reason": format!("filtered: of account {OTHERS}"),
        "records": null,
    }]);
    assert_eq!(rows, wanted);
    // Where nothing is left, that is no failure, and is said.
    let keyed = folder.path().join("AWSLogs");
    let none = trailsift(["detect".as_ref(), keyed.as_os_str(), "--since".as_ref(), "2027-01-01".as_ref()]).expect(0);
    assert!(none.stderr.contains("filtered 0 records and 3 objects unread"), "{}", none.stderr);
    assert!(none.stderr.contains("no record passed the filters"), "{}", none.stderr);
}

#[test]
fn global_services_write_their_region_into_files_of_others() {
    let of_iam = record(1, |record| {
        record["eventSource"] = json!("iam.amazonaws.com");
        record["awsRegion"] = json!("us-east-1");
    });
    let folder = Folder::new()
        .with(&key(OURS, "us-west-1", "20260301T0810Z"), gzip(json!({"Records": [of_iam]}).to_string()))
        .with(&key(OURS, "eu-west-1", "20260301T0810Z"), log(OURS, "eu-west-1", "2026-03-01", 2..4));
    assert_eq!(counts(folder.path(), &["--region", "us-east-1"]), (2, 0, 1, 2));
    assert_eq!(counts(folder.path(), &["--region", "eu-west-1", "--region", "us-east-1"]), (2, 0, 3, 0));
    assert_eq!(counts(folder.path(), &["--region", "eu-west-1"]), (1, 1, 2, 0));
}

#[test]
fn late_files_are_read_up_to_thirty_days_after() {
    let folder = |stamp: &str| Folder::new().with(&key(OURS, "eu-west-1", stamp), log(OURS, "eu-west-1", "2026-03-01", 1..3));
    let until = &["--until", "2026-03-02T00:00:00Z"];
    assert_eq!(counts(folder("20260401T0000Z").path(), until), (1, 0, 2, 0));
    assert_eq!(counts(folder("20260401T0001Z").path(), until), (0, 1, 0, 0));
    // The stamp has no seconds, and clocks differ by some minutes.
    let since = &["--since", "2026-03-01T08:00:00Z"];
    assert_eq!(counts(folder("20260301T0745Z").path(), since), (1, 0, 2, 0));
    assert_eq!(counts(folder("20260301T0744Z").path(), since), (0, 1, 0, 0));
}

#[test]
fn other_names_are_read_whatever_is_asked_for() {
    let filter = ["--account", OTHERS, "--region", "us-west-2", "--since", "2027-01-01"];
    let name = key(OURS, "eu-west-1", "20260301T0810Z");
    let file = name.rsplit('/').next().expect("a name");
    for other in ["events.json.gz".to_owned(), format!("x{file}"), file.replace("_CloudTrail_", "_CloudTrail-Insight_")] {
        let folder = Folder::new().with(&other, log(OURS, "eu-west-1", "2026-03-01", 1..3));
        assert_eq!(counts(folder.path(), &filter), (1, 0, 0, 2), "{other}");
    }
    let folder = Folder::new().with(file, log(OURS, "eu-west-1", "2026-03-01", 1..3));
    assert_eq!(counts(folder.path(), &filter), (0, 1, 0, 0));
    let args = ["detect", "-", "--format", "json"].into_iter().chain(filter);
    let document = trailsift_with(args, &log(OURS, "eu-west-1", "2026-03-01", 1..3)).expect(0).json();
    check_ledger(&document);
    assert_eq!(document["ledger"]["filtered"], json!({"objects": 0, "records": 2}));
}

/// Published logs have been seen in which the records' accounts were replaced and those in the names were not.
#[test]
fn an_account_that_no_name_has_is_looked_for_in_all_files() {
    let folder = Folder::new()
        .with(&key(OURS, "eu-west-1", "20260301T0810Z"), log("999988887777", "eu-west-1", "2026-03-01", 1..3))
        .with(&key(OTHERS, "eu-west-1", "20260301T0810Z"), log(OTHERS, "eu-west-1", "2026-03-01", 3..5));
    assert_eq!(counts(folder.path(), &["--account", "999988887777"]), (2, 0, 2, 2));
    assert_eq!(counts(folder.path(), &["--account", "999988887777", "--account", OTHERS]), (2, 0, 4, 0));
    assert_eq!(counts(folder.path(), &["--account", OTHERS]), (1, 1, 2, 0));
}

/// The same files under names that say nothing.
fn renamed(root: &Path) -> Folder {
    let mut files = Vec::new();
    list(root, &mut files);
    files.sort();
    let folder = Folder::new();
    for (number, file) in files.iter().enumerate() {
        folder.write(&format!("{number:05}.json"), std::fs::read(file).expect("a file"));
    }
    folder
}

fn list(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { list(&entry, files) } else { files.push(entry) }
    }
}

/// Checks that under each filter the files give the same answers whether or not some are left unread, and that some are.
fn same_answers(root: &Path, filters: &[&[&str]]) {
    let plain = renamed(root);
    let mut unread = BTreeSet::new();
    for filter in filters {
        let answer = |source: &Path| {
            let document = detect_with(source, filter);
            let statement = "select event_id from events order by event_id";
            let args = ["sql".as_ref(), source.as_os_str(), "-c".as_ref(), statement.as_ref(), "--allow-problems".as_ref()];
            let args = args.into_iter().chain(["--format".as_ref(), "json".as_ref()]).chain(filter.iter().map(AsRef::as_ref));
            let rows = trailsift(args).expect(0).json()["rows"].clone();
            let ids: Vec<String> = rows.as_array().expect("rows").iter().map(|row| row["event_id"].to_string()).collect();
            let found: BTreeSet<(String, Vec<String>)> = findings(&document).into_iter().collect();
            (ids, found, document["ledger"]["filtered"]["objects"].as_u64().expect("a count"))
        };
        let ((ids, found, some), (all_ids, all_found, none)) = (answer(root), answer(plain.path()));
        assert_eq!((ids, found, none), (all_ids, all_found, 0), "{filter:?}");
        unread.insert(some);
    }
    assert!(unread.iter().any(|objects| *objects > 0), "nothing is left unread");
}

#[test]
fn leaving_files_unread_changes_no_answer() {
    same_answers(
        &project("sample-logs"),
        &[
            &["--since", "2026-03-11"],
            &["--until", "2026-03-10"],
            &["--since", "2026-03-10T06:00:00Z", "--until", "2026-03-10T18:00:00Z"],
            &["--region", "us-east-1"],
            &["--region", "eu-west-1"],
        ],
    );
}

#[test]
fn leaving_files_unread_changes_no_answer_on_real_data() {
    let Some(root) = shared("data/real") else { return };
    same_answers(
        &root,
        &[
            &["--since", "2021-07-30T00:10:00Z"],
            &["--until", "2021-07-30T00:10:00Z"],
            &["--since", "2023-07-10T12:10:00Z", "--until", "2023-07-10T12:15:00Z"],
            &["--account", "342082656213"],
            // The records of these files say so, and their names another number.
            &["--account", "123837392027"],
            &["--region", "us-east-1"],
            &["--region", "us-west-1"],
            &["--region", "eu-west-2", "--since", "2021-07-29"],
        ],
    );
}
