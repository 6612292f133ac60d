//! Proof by digest chains, through the binary: the sample's story, trails with every fault that can be made, and a
//! chain of the sample that is tampered with here.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use flate2::read::GzDecoder;
use serde_json::{Value, json};
use walkdir::WalkDir;

use crate::support::{Folder, Run, check_ledger, gzip, project, record, shared, trailsift};

fn verify(source: &Path, more: &[&str]) -> Run {
    let mut args = vec!["verify", source.to_str().expect("UTF-8"), "--format", "json"];
    args.extend(more);
    trailsift(args)
}

fn keys() -> String {
    project("sample-logs/public-keys.json").to_str().expect("UTF-8").to_owned()
}

/// The status and reason of each file that is not valid.
fn bad(document: &Value) -> BTreeMap<String, (String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let files = document["files"].as_object().expect("files").iter();
    files
        .filter(|(_, file)| file["status"] != "valid")
        .map(|(tail, file)| (tail.clone(), (text(&file["status"]), text(&file["reason"]))))
        .collect()
}

/// The findings that are no mere information, as texts.
fn findings(document: &Value) -> Vec<String> {
    let all = document["findings"].as_array().expect("findings").iter();
    let fields = |finding: &Value| finding.as_object().expect("an object").clone().into_iter().collect::<BTreeMap<_, _>>();
    let all = all.filter(|finding| finding["severity"] != "info").map(|finding| json!(fields(finding)).to_string());
    let mut texts: Vec<String> = all.collect();
    texts.sort();
    texts
}

#[test]
fn the_sample_is_as_its_story_says() {
    let run = verify(&project("sample-logs"), &["--keys", &keys()]).expect(1);
    let document = run.json();
    assert_eq!(document["schema"], "trailsift.verify/1");
    check_ledger(&document);
    let story: Value = serde_json::from_slice(&std::fs::read(project("sample-logs/story.json")).expect("a file")).expect("JSON");
    let told = &story["integrity"];
    assert_eq!(document["verdict"], told["verdict"]);
    let due: BTreeMap<String, (String, String)> = told["files"]
        .as_object()
        .expect("files")
        .iter()
        .map(|(tail, file)| {
            (tail.clone(), (file["status"].as_str().expect("text").to_owned(), file["reason"].as_str().expect("text").to_owned()))
        })
        .collect();
    assert_eq!(bad(&document), due);
    let gaps = |document: &Value| {
        let all = document["findings"].as_array().expect("findings").iter().filter(|finding| finding["type"] == "gap");
        let mut texts: Vec<Value> = all.cloned().collect();
        texts.sort_by_key(ToString::to_string);
        texts
    };
    assert_eq!(gaps(&document), gaps(told));
    assert_eq!(document["trust"][0]["fingerprints"].as_array().map(Vec::len), Some(1));
    let digests: u64 = document["coverage"].as_array().expect("rows").iter().map(|row| row["digests"].as_u64().expect("a number")).sum();
    assert_eq!(digests, 168);
}

#[test]
fn people_see_which_file_it_is() {
    let (root, key_file) = (project("sample-logs"), keys());
    let page = trailsift(["verify", root.to_str().expect("UTF-8"), "--keys", &key_file, "--only-bad"]).expect(1).stdout;
    for needle in ["INVALID", "gWsEzFVV7fsOvfLF.json.gz", "missing", "sAYmpYLNeBAlTwFd.json.gz", "warning", "Verdict    fail"] {
        assert!(page.contains(needle), "{needle} in {page}");
    }
    assert!(page.lines().filter(|line| !line.starts_with("Trust")).all(|line| line.chars().count() <= 80), "{page}");
}

#[test]
fn neither_threads_nor_the_order_of_sources_show() {
    let root = project("sample-logs");
    let one = verify(&root, &["--keys", &keys(), "--jobs", "1"]);
    let four = verify(&root, &["--keys", &keys(), "--jobs", "4"]);
    assert!(one.stdout == four.stdout);
    let parts = [root.join("AWSLogs/444455556666"), root.join("AWSLogs/111122223333"), root.join("signatures.jsonl")];
    let parts: Vec<&str> = parts.iter().map(|part| part.to_str().expect("UTF-8")).collect();
    let key_file = keys();
    let run = |parts: [&str; 3]| trailsift(["verify", parts[0], parts[1], parts[2], "--keys", &key_file, "--format", "json"]).json();
    let (forward, backward) = (run([parts[0], parts[1], parts[2]]), run([parts[2], parts[1], parts[0]]));
    assert_eq!(forward, backward);
    assert_eq!(forward["files"], one.json()["files"]);
}

#[test]
fn an_investigation_gives_everything_the_verdict_of_its_file() {
    let folder = Folder::new();
    let case = folder.path().join("case");
    let source = project("sample-logs");
    let args =
        ["investigate", source.to_str().expect("UTF-8"), "--keys", &keys(), "--format", "json", "--out", case.to_str().expect("UTF-8")];
    let run = trailsift(args).expect(3);
    let document = run.json();
    check_ledger(&document);
    let alone = verify(&source, &["--keys", &keys()]).json();
    for part in ["range", "verdict", "files", "findings", "coverage", "trust"] {
        assert_eq!(document["integrity"][part], alone[part], "{part}");
    }
    let mut seen = BTreeMap::new();
    for finding in document["findings"].as_array().expect("findings") {
        for evidence in finding["evidence"].as_array().expect("evidence") {
            let object = evidence["object"].as_str().expect("a name");
            let tail = &object[object.find("AWSLogs/").expect("in the tree")..];
            assert_eq!(evidence["integrity"], alone["files"][tail]["status"], "{object}");
            *seen.entry(evidence["integrity"].as_str().expect("a word").to_owned()).or_insert(0) += 1;
        }
    }
    assert!(seen.len() >= 3 && seen["invalid"] > 0 && seen["valid"] > 0, "{seen:?}");
    // The case says the same, without the logs.
    let of_case = trailsift(["detect", case.to_str().expect("UTF-8"), "--format", "json"]).expect(3).json();
    assert_eq!(of_case["findings"], document["findings"]);
    let stored: Value = serde_json::from_slice(&std::fs::read(case.join("integrity.json")).expect("a file")).expect("JSON");
    assert_eq!(stored, document["integrity"]);
    let ask = |statement: &str| {
        let run = trailsift(["sql", case.to_str().expect("UTF-8"), "-c", statement, "--format", "json", "--allow-problems"]).expect(0);
        run.json()["rows"].clone()
    };
    let digests = ask("select status, kind, count(*) as n, sum(logs) as logs from digests group by status, kind");
    assert_eq!(digests, json!([{"status": "valid", "kind": "digest", "n": 168, "logs": 60}]));
    let files = ask(
        "select kind, integrity, integrity_reason, count(*) as n from files group by kind, integrity, integrity_reason order by n desc",
    );
    assert_eq!(
        files,
        json!([
            {"kind": "digest", "integrity": "valid", "integrity_reason": null, "n": 168},
            {"kind": "log", "integrity": "undigested", "integrity_reason": "before-first", "n": 150},
            {"kind": "log", "integrity": "valid", "integrity_reason": null, "n": 58},
            {"kind": "other", "integrity": null, "integrity_reason": null, "n": 4},
            {"kind": "log", "integrity": "invalid", "integrity_reason": "hash-mismatch", "n": 1},
            {"kind": "log", "integrity": "missing", "integrity_reason": "listed", "n": 1},
        ])
    );
    let altered = ask("select distinct object, file_integrity from events where file_integrity = 'invalid'");
    assert_eq!(altered.as_array().map(Vec::len), Some(1));
    let page = std::fs::read_to_string(case.join("report.html")).expect("the page");
    for needle in ["cell valid", "cell gap", "is altered or damaged", "hash-mismatch", "public-keys.json"] {
        assert!(page.contains(needle), "{needle}");
    }
}

#[test]
fn tampering_is_an_alert_where_it_is_asked_for() {
    let folder = Folder::new();
    let source = project("sample-logs");
    let run = |name: &str, more: &[&str]| {
        let case = folder.path().join(name);
        let mut args = vec!["investigate", source.to_str().expect("UTF-8"), "--out", case.to_str().expect("UTF-8"), "-q"];
        let key_file = keys();
        args.extend(["--keys", &key_file]);
        args.extend(more);
        trailsift(args).code
    };
    assert_eq!(run("a", &[]), 3);
    assert_eq!(run("b", &["--fail-on", "invalid"]), 1);
    assert_eq!(run("c", &["--allow-problems"]), 0);
}

#[test]
fn without_digests_nothing_is_claimed() {
    let folder = Folder::new().with("logs/a.json", json!({"Records": [record(1, |_| ())]}).to_string());
    let (logs, case) = (folder.path().join("logs"), folder.path().join("case"));
    let args = ["investigate", logs.to_str().expect("UTF-8"), "--out", case.to_str().expect("UTF-8"), "--format", "json"];
    let document = trailsift(args).expect(0).json();
    assert_eq!(document["integrity"], Value::Null);
    assert!(!case.join("integrity.json").exists());
    let page = std::fs::read_to_string(case.join("report.html")).expect("the page");
    assert!(page.contains("Not checked: there are no digest files"));
}

/// One chain of the sample with the logs that its digests list, all of it untouched: what is valid from end to end.
fn chain() -> Folder {
    let folder = Folder::new();
    let account = project("sample-logs/AWSLogs/444455556666");
    let mut listed: Vec<String> = Vec::new();
    for path in files(&account.join("CloudTrail-Digest/us-east-1")) {
        let document: Value = serde_json::from_slice(&inflated(&path)).expect("JSON");
        listed
            .extend(document["logFiles"].as_array().expect("a list").iter().map(|log| log["s3Object"].as_str().expect("a key").to_owned()));
        copy(&path, &folder);
    }
    assert!(listed.len() > 5);
    for key in listed {
        copy(&project("sample-logs").join(&key[key.find("AWSLogs/").expect("in the tree")..]), &folder);
    }
    folder.write("signatures.jsonl", std::fs::read(project("sample-logs/signatures.jsonl")).expect("a file"));
    folder
}

fn copy(path: &Path, folder: &Folder) {
    let name = path.strip_prefix(project("sample-logs")).expect("in the sample").to_str().expect("UTF-8");
    folder.write(name, std::fs::read(path).expect("a file"));
}

/// All files below a folder, in order; without the signatures.
fn files(root: &Path) -> Vec<PathBuf> {
    let all = WalkDir::new(root).sort_by_file_name().into_iter().map(|entry| entry.expect("readable"));
    let mut paths: Vec<PathBuf> = all.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "gz"));
    paths
}

fn inflated(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    GzDecoder::new(std::fs::File::open(path).expect("a file")).read_to_end(&mut bytes).expect("gzip");
    bytes
}

fn verdict(folder: &Folder) -> (String, i32) {
    let run = verify(folder.path(), &["--keys", &keys()]);
    check_ledger(&run.json());
    (run.json()["verdict"].as_str().expect("a word").to_owned(), run.code)
}

#[test]
fn no_change_of_a_chain_goes_unseen() {
    let folder = chain();
    assert_eq!(verdict(&folder), ("ok".to_owned(), 0));
    let all = files(folder.path());
    let is_digest = |path: &Path| path.to_str().expect("UTF-8").contains("CloudTrail-Digest");
    let newest = all.iter().rfind(|path| is_digest(path)).expect("digests").clone();
    let oldest = all.iter().find(|path| is_digest(path)).expect("digests").clone();
    for (number, path) in all.iter().enumerate() {
        let stored = std::fs::read(path).expect("a file");
        let content = inflated(path);
        // A byte of the content, somewhere else in each file.
        let mut changed = content.clone();
        let place = number * 97 % changed.len();
        changed[place] ^= 1 << (number % 7);
        std::fs::write(path, gzip(&changed)).expect("written");
        assert_ne!(verdict(&folder).0, "ok", "{} with byte {place} changed", path.display());
        // Bytes after the stream, and a stream that is cut.
        std::fs::write(path, [stored.as_slice(), b"\0"].concat()).expect("written");
        assert_eq!(verdict(&folder).0, "fail", "{} with a byte more", path.display());
        std::fs::write(path, &stored[..stored.len() / 2]).expect("written");
        assert_eq!(verdict(&folder).0, "fail", "{} cut", path.display());
        // The same content in another form.
        for same in [gzip(&content), content] {
            std::fs::write(path, &same).expect("written");
            assert_eq!(verdict(&folder), ("ok".to_owned(), 0), "{} stored anew", path.display());
        }
        std::fs::remove_file(path).expect("removed");
        // Without a range nothing shows that the newest digest was not the last, nor the oldest the first.
        if *path != newest && *path != oldest {
            assert_eq!(verdict(&folder), ("fail".to_owned(), 1), "{} removed", path.display());
        }
        std::fs::write(path, &stored).expect("written");
    }
    assert_eq!(verdict(&folder), ("ok".to_owned(), 0));
    // With one, both show.
    let document: Value = serde_json::from_slice(&inflated(&oldest)).expect("JSON");
    let (since, until) = (document["digestStartTime"].as_str().expect("a time").to_owned(), "2026-03-12T18:00:00Z");
    std::fs::remove_file(&oldest).expect("removed");
    let run = verify(folder.path(), &["--keys", &keys(), "--since", &since]);
    assert_eq!(run.json()["verdict"], "fail");
    let run = verify(folder.path(), &["--keys", &keys(), "--until", until]).expect(3);
    assert!(findings(&run.json()).iter().any(|finding| finding.contains("tail-uncovered")), "{}", run.stdout);
}

#[test]
fn a_log_that_was_added_is_told_from_those_that_were_delivered() {
    let folder = chain();
    let log = files(folder.path()).into_iter().find(|path| !path.to_str().expect("UTF-8").contains("Digest")).expect("a log");
    let name = log.file_name().expect("a name").to_str().expect("UTF-8");
    let (start, _) = name.rsplit_once('_').expect("a stamp");
    let added = log.with_file_name(format!("{start}_AAAAAAAAAAAAAAAA.json.gz"));
    std::fs::write(&added, gzip(json!({"Records": []}).to_string())).expect("written");
    let run = verify(folder.path(), &["--keys", &keys()]).expect(1);
    let bad = bad(&run.json());
    assert_eq!(bad.len(), 1);
    assert_eq!(bad.values().next(), Some(&("undigested".to_owned(), "not-listed".to_owned())));
}

#[test]
fn a_flat_or_moved_copy_is_proven_all_the_same() {
    let folder = chain();
    let flat = Folder::new();
    for path in files(folder.path()) {
        flat.write(path.file_name().expect("a name").to_str().expect("UTF-8"), std::fs::read(&path).expect("a file"));
    }
    flat.write("signatures.jsonl", std::fs::read(project("sample-logs/signatures.jsonl")).expect("a file"));
    let run = verify(flat.path(), &["--keys", &keys()]).expect(0);
    let document = run.json();
    assert_eq!(document["verdict"], "ok");
    assert!(
        document["files"]
            .as_object()
            .expect("files")
            .values()
            .all(|file| file["notes"].as_array().expect("notes").contains(&json!("relocated")))
    );
    // As in S3 itself: then every place counts.
    let strict = verify(folder.path(), &["--keys", &keys(), "--strict-location"]).expect(1);
    assert!(strict.stderr.contains("--no-strict-location"), "{}", strict.stderr);
    assert!(bad(&strict.json()).values().any(|(_, reason)| reason == "moved"));
    verify(folder.path(), &["--keys", &keys(), "--strict-location", "--no-strict-location"]).expect(0);
}

#[test]
fn what_is_wanting_is_asked_for_by_command() {
    let folder = chain();
    std::fs::remove_file(folder.path().join("signatures.jsonl")).expect("removed");
    let source = folder.path().to_str().expect("UTF-8");
    let run = trailsift(["verify", source, "--heads", "--keys", &keys()]).expect(3);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 1, "{}", run.stdout);
    assert!(lines[0].starts_with("aws s3api head-object --bucket example-"), "{}", run.stdout);
    let run = trailsift(["verify", source, "--heads"]).expect(3);
    assert!(run.stdout.starts_with("aws cloudtrail list-public-keys --region us-east-1 --start-time 2026-03-11T"), "{}", run.stdout);
    // With the signature in a sidecar, as head-object prints it, nothing is.
    let digest = files(folder.path()).into_iter().rfind(|path| path.to_str().expect("UTF-8").contains("Digest")).expect("digests");
    let line = std::fs::read_to_string(project("sample-logs/signatures.jsonl")).expect("a file");
    let name = digest.file_name().expect("a name").to_str().expect("UTF-8");
    let head = line
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .find(|head| head["key"].as_str().expect("a key").ends_with(name));
    let head = head.expect("its signature");
    let sidecar = json!({"Metadata": {"Signature": head["signature"], "x-amz-meta-signature-algorithm": "SHA256withRSA"}});
    std::fs::write(digest.with_file_name(format!("{name}.meta.json")), sidecar.to_string()).expect("written");
    trailsift(["verify", source, "--keys", &keys()]).expect(0);
}

#[test]
fn what_could_not_be_checked_is_neither_valid_nor_tampered_with() {
    let folder = chain();
    let source = folder.path().to_str().expect("UTF-8");
    let document = verify(folder.path(), &[]).expect(3).json();
    assert_eq!(document["verdict"], "warn");
    let bad = bad(&document);
    assert_eq!(bad.len(), document["files"].as_object().expect("files").len());
    assert!(bad.values().all(|(status, reason)| status == "unverified" && ["no-key", "digest-unverified"].contains(&reason.as_str())));
    trailsift(["verify", source, "--strict"]).expect(1);
    trailsift(["verify", source, "--allow-problems"]).expect(0);
    let expected =
        trailsift(["verify", source, "--keys", &keys(), "--expect-region", "eu-west-1", "--expect-account", "444455556666"]).expect(1);
    assert!(expected.stdout.contains("region-missing") && !expected.stdout.contains("account-missing"), "{}", expected.stdout);
    // The forms for programs have a row a file.
    let lines = trailsift(["verify", source, "--format", "jsonl", "--allow-problems"]).expect(0).stdout.lines().count();
    assert_eq!(lines, bad.len());
    let none = trailsift(["verify", source, "--format", "csv", "--only-bad", "--keys", &keys()]).expect(0).stdout;
    assert_eq!(none, "status,kind,object,tail,reason,evidence,notes\n");
}

#[test]
fn bad_settings_are_refused_in_one_sentence() {
    let folder = chain().with("k.json", "{").with("empty.json", "{\"PublicKeyList\": []}").with("s.jsonl", "not json\n");
    let source = folder.path().to_str().expect("UTF-8");
    let path = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    for (flags, says) in [
        (["--keys", &path("k.json")], "--keys"),
        (["--keys", &path("absent.json")], "absent.json"),
        (["--signatures", &path("s.jsonl")], "line 1 first"),
    ] {
        let run = trailsift(["verify", source, flags[0], flags[1]]).expect(2);
        assert!(run.stderr.contains(says) && run.stderr.lines().count() == 1, "{}", run.stderr);
    }
    let run = trailsift(["verify", &path("nowhere")]).expect(2);
    assert!(run.stderr.contains("no such file or directory"), "{}", run.stderr);
    let none = Folder::new().with("a.txt", "x");
    let run = trailsift(["verify", none.path().to_str().expect("UTF-8")]).expect(2);
    assert!(run.stderr.contains("no CloudTrail logs under"), "{}", run.stderr);
    // A sidecar that is none is told of, and changes nothing.
    let digest = files(folder.path()).into_iter().find(|path| path.to_str().expect("UTF-8").contains("Digest")).expect("digests");
    std::fs::write(digest.with_extension("gz.meta.json"), "[]").expect("written");
    let document = verify(folder.path(), &["--keys", &keys()]).expect(0).json();
    assert_eq!(document["ledger"]["notices"][0]["kind"], "bad_signatures");
}

#[test]
fn logs_before_the_range_that_a_digest_of_it_lists_are_checked_too() {
    let folder = chain();
    // A digest that ends a second after the range's start lists logs of the hour before.
    let digest = files(folder.path()).into_iter().filter(|path| path.to_str().expect("UTF-8").contains("Digest")).find_map(|path| {
        let document: Value = serde_json::from_slice(&inflated(&path)).expect("JSON");
        (!document["logFiles"].as_array().expect("a list").is_empty()).then_some(document)
    });
    let digest = digest.expect("one with logs");
    let since = digest["digestEndTime"].as_str().expect("a time");
    let listed = digest["logFiles"][0]["s3Object"].as_str().expect("a key");
    let tail = &listed[listed.find("AWSLogs/").expect("in the tree")..];
    let flags = ["--keys", &keys(), "--since", since];
    let document = verify(folder.path(), &flags).json();
    assert_eq!(document["files"][tail]["status"], "valid", "{document}");
    let case = folder.path().with_extension("case");
    let args = [
        "investigate",
        folder.path().to_str().expect("UTF-8"),
        "--out",
        case.to_str().expect("UTF-8"),
        "--format",
        "json",
        "--allow-problems",
    ];
    let investigated = trailsift(args.iter().copied().chain(flags)).expect(0).json();
    std::fs::remove_dir_all(&case).expect("removed");
    assert_eq!(investigated["integrity"]["files"], document["files"]);
}

#[test]
fn deliveries_that_the_log_records_show_what_is_not_here() {
    let key = |letter: &str| {
        format!(
            "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/01/111122223333_CloudTrail_eu-west-1_20260301T0805Z_{}.json.gz",
            letter.repeat(16)
        )
    };
    let delivery = |number: u32, key: String, error: Option<&str>| {
        record(number, |record| {
            record["eventName"] = json!("PutObject");
            record["userIdentity"] = json!({"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"});
            record["requestParameters"] = json!({"bucketName": "b", "key": key});
            record["errorCode"] = json!(error);
        })
    };
    let records = json!({"Records": [
        delivery(1, key("a"), None), delivery(2, key("b"), None), delivery(3, key("c"), Some("InternalError")), delivery(4, "other/object".to_owned(), None),
    ]});
    let folder = Folder::new().with(&format!("logs/{}", key("a")), gzip(records.to_string()));
    let (logs, case) = (folder.path().join("logs"), folder.path().join("case"));
    let args = ["investigate", logs.to_str().expect("UTF-8"), "--out", case.to_str().expect("UTF-8"), "--format", "json"];
    let document = trailsift(args).expect(0).json();
    assert_eq!(document["completeness"], json!({"delivered": 2, "not_here": [key("b")], "silent": []}));
    let page = std::fs::read_to_string(case.join("report.html")).expect("the page");
    assert!(page.contains("of which 1 not here"));
}

/// A trail to be made, as the arguments of the tool that makes them.
fn settings() -> Vec<Vec<String>> {
    let faults = [
        "log-modified",
        "log-deleted",
        "log-extra",
        "log-truncated",
        "log-trailing",
        "log-not-gz",
        "log-recompressed",
        "log-plain",
        "digest-modified",
        "digest-deleted",
        "digest-deleted-first",
        "digest-deleted-last",
        "digest-deleted-two",
        "digest-deleted-day",
        "digest-deleted-tail",
        "digest-deleted-all",
        "digest-recompressed",
        "digest-plain",
        "digest-not-gz",
        "digest-truncated",
        "digest-trailing",
        "digest-bad-json",
        "digest-no-fingerprint",
        "digest-copied",
        "digest-foreign",
        "signature-wrong",
        "signature-missing",
        "key-unknown",
        "stranger-key",
        "keys-missing",
        "overlap",
        "trail-restart",
        "trail-gap",
        "relocated",
        "region-digests-deleted",
        "region-missing",
        "backfill-deleted",
    ];
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let shapes = [
        "--carrier all --sidecar meta",
        "--carrier all --sidecar sig",
        "--carrier all --sidecar manifest",
        "--carrier heads --sidecar meta",
        "--carrier heads --sidecar sig",
        "--carrier heads --sidecar manifest",
        "--carrier none",
        "--trails main-trail,other_trail.b --carrier heads",
        "--kind org --accounts 111122223333,222233334444,333344445555 --regions us-east-1,eu-west-1 --prefix logs/deep --logs 2",
        "--insights --rotate 4 --empty-every 3 --carrier heads",
        "--backfill-every 2 --ask-start 2026-03-01T03:01:31Z --ask-end 2026-03-01T07:30:00Z",
    ];
    let mut all = Vec::new();
    for shape in shapes {
        for fault in faults {
            let hours = if fault == "digest-deleted-day" { 28 } else { 8 };
            let mut args = words(shape);
            args.extend(words(&format!("--hours {hours} --events 2 --fault {fault}")));
            if fault == "backfill-deleted" && !shape.contains("--backfill-every") {
                args.extend(words("--backfill-every 2"));
            }
            all.push(args);
        }
    }
    all
}

/// Makes a folder of each setting's arguments, one process for all; the tool refuses some combinations.
const MAKER: &str = "
import json, os, sys
sys.path.insert(0, sys.argv[1])
import make_trail
for number, args in enumerate(json.load(sys.stdin)):
    out = os.path.join(sys.argv[2], str(number))
    try:
        with open(os.devnull, 'w') as null:
            stdout, sys.stdout = sys.stdout, null
            make_trail.Maker(make_trail.arguments(['--out', out] + args)).run()
            sys.stdout = stdout
    except (SystemExit, StopIteration) as refusal:
        sys.stdout = stdout
        print(number, refusal)
";

#[test]
fn every_fault_that_can_be_made_is_told_as_it_was_made() {
    let Some(tools) = shared("tools") else { return };
    let known = Command::new("python3").args(["-c", "import cryptography"]).stderr(Stdio::null()).status();
    if !known.is_ok_and(|status| status.success()) {
        println!("not run: python3 with the package cryptography is absent");
        return;
    }
    let (folder, settings) = (Folder::new(), settings());
    let mut maker = Command::new("python3")
        .args(["-c", MAKER, tools.to_str().expect("UTF-8"), folder.path().to_str().expect("UTF-8")])
        .stdin(Stdio::piped())
        .spawn()
        .expect("python starts");
    maker.stdin.take().expect("a pipe").write_all(json!(settings).to_string().as_bytes()).expect("written");
    assert!(maker.wait().expect("python ends").success());
    let mut compared = 0;
    for (number, args) in settings.iter().enumerate() {
        let trail = folder.path().join(number.to_string());
        let Ok(expected) = std::fs::read(trail.join("expected.json")) else { continue };
        let expected: Value = serde_json::from_slice(&expected).expect("JSON");
        let bucket = trail.join("bucket");
        std::fs::create_dir_all(&bucket).expect("a folder");
        let key_file = trail.join("public-keys.json");
        let mut flags = vec!["--keys", key_file.to_str().expect("UTF-8")];
        for (flag, end) in [("--since", "start"), ("--until", "end")] {
            flags.extend(expected["range"][end].as_str().into_iter().flat_map(|time| [flag, time]));
        }
        for region in expected["options"]["expect_regions"].as_array().into_iter().flatten() {
            flags.extend(["--expect-region", region.as_str().expect("a region")]);
        }
        let document = verify(&bucket, &flags).json();
        check_ledger(&document);
        let files = |document: &Value| -> BTreeMap<String, Value> {
            let all = document["files"].as_object().expect("files").iter();
            all.map(|(tail, file)| {
                let notes =
                    file["notes"].as_array().expect("notes").iter().filter(|note| **note == "not-compressed" || **note == "gzip-damaged");
                let notes: Vec<&Value> = notes.collect();
                (tail.clone(), json!([file["kind"], file["status"], file["reason"], file.get("evidence"), notes]))
            })
            .collect()
        };
        let (found, due) = (files(&document), files(&expected));
        for (tail, file) in &due {
            assert_eq!(found.get(tail), Some(file), "{tail} of {}", args.join(" "));
        }
        assert_eq!(found.len(), due.len(), "{}", args.join(" "));
        assert_eq!(document["verdict"], expected["verdict"], "{}", args.join(" "));
        assert_eq!(findings(&document), findings(&expected), "{}", args.join(" "));
        compared += 1;
    }
    // The tool refuses what a setting has no place for, such as the signature of a digest without a sidecar.
    assert!(compared > 350, "{compared} of {}", settings.len());
}
