//! What is a source, and what under it is a log.

use serde_json::{Value, json};

use crate::support::{Folder, check_ledger, detect, gzip, loaded, record, records, sql, trailsift, trailsift_with};

#[test]
fn what_is_no_log_is_skipped_with_its_reason() {
    let folder = Folder::new()
        .with("log.json", records(1..=1))
        .with("digest.json", json!({"awsAccountId": "1", "digestStartTime": "x", "logFiles": []}).to_string())
        .with("ocsf.json", json!({"class_uid": 3005, "metadata": {"product": {}}, "activity_id": 1}).to_string())
        .with("config.json.gz", gzip(json!({"fileVersion": "1.0", "configSnapshotId": "x", "configurationItems": []}).to_string()))
        .with(
            "s3.json",
            json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]}).to_string(),
        )
        .with("keys.json", json!({"PublicKeyList": []}).to_string())
        .with("notes.txt", "hello")
        .with("_SUCCESS", "")
        .with("a.zip", b"PK\x03\x04rest")
        .with("a.tar.gz", gzip([&[b'x'; 257][..], b"ustar", &[0; 250][..]].concat()))
        .with("a.zst", b"\x28\xb5\x2f\xfdrest");
    let document = detect(folder.path());
    let skipped: Vec<(String, &str)> = document["ledger"]["skipped"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| {
            (
                entry["object"].as_str().expect("name").rsplit('/').next().expect("name").to_owned(),
                entry["reason"].as_str().expect("reason"),
            )
        })
        .collect();
    let reason = |name: &str| skipped.iter().find(|(object, _)| object == name).map_or("read", |(_, reason)| *reason);
    assert_eq!(reason("log.json"), "read");
    assert_eq!(reason("digest.json"), "not a log: a CloudTrail digest file");
    assert_eq!(reason("ocsf.json"), "not a log: an OCSF event");
    assert_eq!(reason("config.json.gz"), "not a log: an AWS Config file");
    assert_eq!(reason("s3.json"), "not a log: an S3 event notification");
    assert_eq!(reason("keys.json"), "not a log: JSON without CloudTrail's fields");
    assert_eq!(reason("notes.txt"), "not a log: not JSON");
    assert_eq!(reason("_SUCCESS"), "not a log: empty");
    assert!(reason("a.zip").contains("unpack it first: unzip "), "{}", reason("a.zip"));
    assert!(reason("a.tar.gz").contains("unpack it first: tar -xf "));
    assert!(reason("a.zst").contains("unpack it first: zstd -d "));
    assert_eq!(document["ledger"]["objects"], json!({"listed": 11, "read": 1, "skipped": 10, "problems": 0}));
}

#[test]
#[cfg(unix)]
fn links_are_followed_once_and_loops_end() {
    let folder = Folder::new().with("a/b/log.json", records(1..=3));
    std::os::unix::fs::symlink(folder.path().join("a"), folder.path().join("a/b/up")).expect("a link");
    std::os::unix::fs::symlink(folder.path().join("a/b/log.json"), folder.path().join("again.json")).expect("a link");
    std::os::unix::fs::symlink("nowhere", folder.path().join("dangling")).expect("a link");
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["records"], json!({"seen": 3, "loaded": 3, "duplicates": 0, "problems": 0}));
    assert_eq!(document["ledger"]["objects"], json!({"listed": 4, "read": 1, "skipped": 2, "problems": 1}));
}

#[test]
#[cfg(unix)]
fn a_web_of_links_costs_no_more_than_its_folders() {
    let folder = Folder::new().with("d30/log.json", records(1..=3));
    for level in 0..30 {
        let here = folder.path().join(format!("d{level}"));
        std::fs::create_dir(&here).expect("a folder");
        for name in ["a", "b"] {
            std::os::unix::fs::symlink(folder.path().join(format!("d{}", level + 1)), here.join(name)).expect("a link");
        }
    }
    let started = std::time::Instant::now();
    let document = detect(folder.path());
    assert!(started.elapsed().as_secs() < 30);
    assert_eq!(document["ledger"]["records"], json!({"seen": 3, "loaded": 3, "duplicates": 0, "problems": 0}));
    let reasons: Vec<&Value> = document["ledger"]["skipped"].as_array().expect("a list").iter().map(|entry| &entry["reason"]).collect();
    assert!(reasons.iter().all(|reason| **reason == "the same folder as one already listed"), "{reasons:?}");
    // Which name a folder goes by does not depend on the order in which the sources are given.
    let [one, two] = ["d29", "d30"].map(|name| folder.path().join(name));
    let objects = |sources: [&std::path::Path; 2]| {
        let args = ["detect".as_ref(), sources[0].as_os_str(), sources[1].as_os_str(), "--format".as_ref(), "json".as_ref()];
        trailsift(args).expect(0).json()["ledger"].clone()
    };
    assert_eq!(objects([&one, &two]), objects([&two, &one]));
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_of_any_name_is_skipped_and_not_opened() {
    let folder = Folder::new().with("log.json", records(1..=3));
    for name in ["case.json", "pipe.json"] {
        let made = std::process::Command::new("mkfifo").arg(folder.path().join(name)).status().expect("mkfifo");
        assert!(made.success());
    }
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["objects"], json!({"listed": 3, "read": 1, "skipped": 2, "problems": 0}));
}

#[test]
fn a_case_manifest_hides_no_log() {
    let folder = Folder::new()
        .with("sub/case.json", r#"{"x":"trailsift.case/1"}"#)
        .with("sub/log.json", records(1..=3))
        .with("sub/deeper/findings.jsonl", records(4..=6))
        .with("log.json", records(7..=9));
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["records"]["loaded"], 9);
    assert_eq!(document["ledger"]["objects"], json!({"listed": 4, "read": 3, "skipped": 1, "problems": 0}));
}

#[test]
fn standard_input_is_a_source_like_any_other() {
    let run = trailsift_with(["detect", "-", "--format", "json"], &gzip(records(1..=3))).expect(0);
    let document = run.json();
    check_ledger(&document);
    assert_eq!(document["ledger"]["records"]["loaded"], 3);
    trailsift_with(["detect", "-", "--format", "json"], b"").expect(3);
}

#[test]
fn several_sources_are_one_case_and_no_file_counts_twice() {
    let folder = Folder::new().with("a/1.json", records(1..=3)).with("b/2.json", records(3..=5));
    let run = trailsift([
        "detect".as_ref(),
        folder.path().join("b").as_os_str(),
        folder.path().join("a/1.json").as_os_str(),
        folder.path().as_os_str(),
        "--format".as_ref(),
        "json".as_ref(),
    ]);
    let document = run.expect(0).json();
    assert_eq!(document["ledger"]["records"], json!({"seen": 6, "loaded": 5, "duplicates": 1, "problems": 0}));
    assert_eq!(document["ledger"]["objects"]["skipped"], 2);
}

#[test]
fn a_file_that_is_no_log_costs_no_more_than_its_first_bytes() {
    let folder = Folder::new().with("log.json", records(1..=3));
    for name in ["disk.img", "disk.json"] {
        std::fs::File::create(folder.path().join(name)).and_then(|file| file.set_len(1 << 40)).expect("a file with a hole");
    }
    let started = std::time::Instant::now();
    let rows = sql(folder.path(), "select status, sha256 is null as unread from files order by object");
    assert!(started.elapsed().as_secs() < 20);
    let [skipped, problem] = ["skipped", "problem"].map(|status| json!({"status": status, "unread": true}));
    assert_eq!(rows, [skipped, problem, json!({"status": "read", "unread": false})]);
}

#[test]
fn an_archive_is_not_read_as_lines_and_no_log_is_called_no_log() {
    let lines: String = (1..=3).map(|number| record(number, |_| ()).to_string() + "\n").collect();
    let tar = [b"a.jsonl".as_slice(), &[0; 250], b"ustar", &[0; 250], lines.as_bytes()].concat();
    let zip = [b"PK\x03\x04stored\n".as_slice(), lines.as_bytes()].concat();
    for (name, bytes) in [("a.tar", &tar), ("a.zip", &zip)] {
        let folder = Folder::new().with(name, bytes).with("log.json", records(4..=4));
        let document = detect(folder.path());
        assert_eq!(document["ledger"]["records"]["seen"], 1, "{name}");
        assert!(document["ledger"]["skipped"][0]["reason"].as_str().expect("a reason").contains("unpack it first"), "{document}");
    }
    // Under a name that promises a log it is a problem.
    for name in ["a.jsonl", "111122223333_CloudTrail_us-east-1_20260301T0805Z_Ab3dEf6hIj9kLmN0.json.gz"] {
        let folder = Folder::new().with(name, &zip);
        let problem = detect(folder.path())["ledger"]["problems"][0].clone();
        assert_eq!(problem["kind"], "bad_json");
        assert!(problem["message"].as_str().expect("a message").contains("unpack it first: unzip "), "{problem}");
    }
    // So is what begins as a log does and cannot be read.
    let broken = record(1, |record| record["eventName"] = json!("QUOTE")).to_string().replace("QUOTE", "List\"Buckets");
    for text in [format!("{{\"Records\":[{broken}"), format!("{{\"Records\":[{broken} , "), broken.clone(), format!("[{broken}")] {
        assert_eq!(loaded("export", &text).1, ["bad_json"], "{text}");
    }
}
