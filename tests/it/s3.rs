//! Straight from S3: a server on loopback, and in between a proxy that fails.

mod access;
mod ahead;
mod faults;
pub(crate) mod proxy;
mod roles;
pub(crate) mod server;
mod silence;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};
use walkdir::WalkDir;

use crate::support::{Folder, Run, check_ledger, gzip, project, record, root_login, shared, trailsift, trailsift_in};
use proxy::{Plan, Proxy};
use server::Server;
use trailsift::source::s3::{Limits, Settings};

/// The buckets of which the sample's digests speak.
const SAMPLE: [&str; 2] = ["example-111122223333-cloudtrail-logs", "example-444455556666-cloudtrail-logs"];

/// Credentials that are made up, and none of the machine's own.
pub(crate) const ENVIRONMENT: [(&str, &str); 6] = [
    ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "made-up"),
    ("AWS_CONFIG_FILE", "/nowhere"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("NO_PROXY", "127.0.0.1"),
];

fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Runs the binary against a server.
fn run(port: u16, args: &[&str]) -> Run {
    trailsift_in([args, &["--endpoint-url", &endpoint(port)]].concat(), &[], &ENVIRONMENT)
}

/// The way to a server for the library, without signatures.
fn settings(port: u16, limits: Limits) -> Settings {
    Settings { endpoint_url: Some(endpoint(port)), no_sign_request: true, limits, ..Settings::default() }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn copy(from: &Path, to: &Path) {
    for entry in WalkDir::new(from).into_iter().map(|entry| entry.expect("a file")).filter(|entry| entry.file_type().is_file()) {
        let target = to.join(entry.path().strip_prefix(from).expect("below"));
        std::fs::create_dir_all(target.parent().expect("a parent")).expect("a folder");
        std::fs::copy(entry.path(), target).expect("copied");
    }
}

/// A text with the names that its objects have in a folder.
pub(crate) fn as_on_disk(text: &str, bucket: &str, folder: &Path) -> String {
    text.replace(&format!("s3://{bucket}/"), &format!("{}/", folder.display()))
}

/// Compares part by part, so that a difference can be read.
pub(crate) fn assert_same(found: &Value, due: &Value, what: &str) {
    match (found.as_object(), due.as_object()) {
        (Some(found), Some(due)) => {
            assert_eq!(found.keys().collect::<Vec<_>>(), due.keys().collect::<Vec<_>>(), "{what}");
            found.iter().for_each(|(name, value)| assert_same(value, &due[name], &format!("{what}/{name}")));
        }
        _ => assert_eq!(found, due, "{what}"),
    }
}

#[test]
fn buckets_give_the_same_answers_as_folders() {
    let Some(mut server) = Server::start() else { return };
    let home = Folder::new();
    let folders = SAMPLE.map(|bucket| home.path().join(bucket));
    for ((bucket, folder), account) in SAMPLE.into_iter().zip(&folders).zip(["111122223333", "444455556666"]) {
        copy(&project("sample-logs/AWSLogs").join(account), &folder.join("AWSLogs").join(account));
        std::fs::copy(project("sample-logs/signatures.jsonl"), folder.join("signatures.jsonl")).expect("copied");
        server.load(bucket, folder, "", false);
    }
    let (urls, key_file) = (SAMPLE.map(|bucket| format!("s3://{bucket}/")), project("sample-logs/public-keys.json"));
    let (in_buckets, on_disk) = ([urls[0].as_str(), &urls[1]], [text(&folders[0]), text(&folders[1])]);
    let local =
        |text: &str| SAMPLE.into_iter().zip(&folders).fold(text.to_owned(), |text, (bucket, folder)| as_on_disk(&text, bucket, folder));
    let files = "select object, kind, delivery_time, compressed_bytes, sha256, status, reason, records from files order by object";
    for command in [
        &["verify", "--keys", text(&key_file)][..],
        &["detect"],
        &["detect", "--min-severity", "high", "--jobs", "1"],
        &["summary"],
        &["timeline", "--only-findings"],
        &["sql", "-c", files],
    ] {
        let args = [&command[..1], &in_buckets, &command[1..], &["--format", "json", "--allow-problems"]].concat();
        let found = run(server.port, &args);
        let args = [&command[..1], &on_disk, &command[1..], &["--format", "json", "--allow-problems"]].concat();
        let due = trailsift(args);
        assert_eq!(found.code, due.code, "{command:?}: {}", found.stderr);
        let found: Value = serde_json::from_str(&local(&found.stdout)).expect("JSON");
        check_ledger(&found);
        assert_same(&found, &due.json(), &command.join(" "));
    }
    let investigate = |name: &str, sources: &[&str; 2]| {
        let out = home.path().join(name);
        let args = [&["investigate"], &sources[..], &["--keys", text(&key_file), "--format", "json", "--out", text(&out)]].concat();
        (run(server.port, &args).expect(3).stdout, out)
    };
    let ((found, cloud), (due, disk)) = (investigate("cloud", &in_buckets), investigate("local", &on_disk));
    let parse = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
    assert_same(&parse(&local(&found)), &parse(&due), "investigate");
    let read = |case: &Path, name: &str| std::fs::read_to_string(case.join(name)).expect("a file");
    for name in ["evidence.jsonl", "findings.jsonl", "problems.jsonl", "integrity.json"] {
        assert_eq!(local(&read(&cloud, name)), read(&disk, name), "{name}");
    }
    assert!(read(&cloud, "evidence.jsonl").contains("\"raw\":\"") && !read(&cloud, "evidence.jsonl").contains("\"raw\":null"));
    // Names stand in their order, and that of a file that is not here comes before one in S3 and after one on disk.
    let inputs = |manifest: &str| {
        let mut rows: Vec<String> = parse(manifest)["inputs"].as_array().expect("rows").iter().map(ToString::to_string).collect();
        rows.sort();
        rows
    };
    assert_eq!(inputs(&local(&read(&cloud, "case.json"))), inputs(&read(&disk, "case.json")));
    // The case answers without the buckets.
    let of_case = trailsift(["detect", text(&cloud), "--format", "json"]).expect(3).json();
    assert_eq!(of_case["findings"], parse(&found)["findings"]);
}

/// A trail with faults in a folder that is named as its bucket.
fn make_trail(folder: &Folder, args: &str) -> Option<PathBuf> {
    let tool = shared("tools/make_trail.py")?;
    let out = folder.path().join("made");
    let made =
        Command::new(server::python()?).arg(tool).arg("--out").arg(&out).args(args.split_whitespace()).output().expect("python starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    std::fs::rename(out.join("bucket"), out.join("trail-bucket")).expect("renamed");
    Some(out)
}

#[test]
fn signatures_come_from_metadata_and_places_are_held_to() {
    let Some(mut server) = Server::start() else { return };
    let home = Folder::new();
    let faults = "--fault log-modified@2%0 --fault digest-modified@-1%1 --fault signature-wrong@3%2 --fault log-deleted@4%3";
    let shape = "--kind org --accounts 111122223333,222233334444 --regions us-east-1,eu-west-1 --bucket trail-bucket --prefix logs/deep";
    let Some(trail) = make_trail(&home, &format!("{shape} --hours 8 --carrier all --sidecar meta {faults}")) else { return };
    let (folder, key_file) = (trail.join("trail-bucket"), trail.join("public-keys.json"));
    let expected: Value = serde_json::from_slice(&std::fs::read(trail.join("expected.json")).expect("a file")).expect("JSON");
    for (bucket, metadata) in [("trail-bucket", true), ("copy-bucket", true), ("bare-bucket", false)] {
        server.load(bucket, &folder, "", metadata);
    }
    let verify = |bucket: &str, more: &[&str]| {
        let url = format!("s3://{bucket}/logs");
        run(server.port, &[&["verify", &url, "--keys", text(&key_file), "--format", "json"], more].concat())
    };
    let on_disk = trailsift(["verify", text(&folder), "--keys", text(&key_file), "--format", "json", "--strict-location"]).expect(1).json();
    let in_bucket = verify("trail-bucket", &[]).expect(1);
    check_ledger(&in_bucket.json());
    let found: Value = serde_json::from_str(&as_on_disk(&in_bucket.stdout, "trail-bucket", &folder)).expect("JSON");
    for part in ["range", "verdict", "files", "findings", "coverage", "trust"] {
        assert_same(&found[part], &on_disk[part], part);
    }
    for (tail, file) in expected["files"].as_object().expect("files") {
        assert_eq!((&found["files"][tail]["status"], &found["files"][tail]["reason"]), (&file["status"], &file["reason"]), "{tail}");
    }
    let moved = verify("copy-bucket", &[]).expect(1);
    assert!(moved.stderr.contains("--no-strict-location"), "{}", moved.stderr);
    assert_eq!(verify("copy-bucket", &["--no-strict-location"]).expect(1).json()["verdict"], expected["verdict"]);
    let bare = verify("bare-bucket", &["--no-strict-location"]).expect(1).json();
    let unsigned = bare["files"].as_object().expect("files").values().filter(|file| file["reason"] == "no-signature").count();
    assert!(unsigned > 0, "{bare}");
    // The one pass of an investigation proves the same.
    let out = home.path().join("case");
    let case = run(
        server.port,
        &["investigate", "s3://trail-bucket/logs/deep/AWSLogs/", "--keys", text(&key_file), "--format", "json", "--out", text(&out)],
    );
    for part in ["verdict", "files", "findings"] {
        assert_same(&case.json()["integrity"][part], &in_bucket.json()[part], part);
    }
}

/// The key of a log of that number, all in one day.
fn key(region: &str, number: u32) -> String {
    let (hour, minute) = (number / 60 % 24, number % 60);
    format!(
        "AWSLogs/111122223333/CloudTrail/{region}/2026/03/01/111122223333_CloudTrail_{region}_20260301T{hour:02}{minute:02}Z_{number:016}.json.gz"
    )
}

/// So many logs under one prefix, with three records each.
fn logs(region: &str, count: u32) -> Folder {
    let folder = Folder::new();
    for number in 0..count {
        let mut all: Vec<Value> = (0..3).map(|place| record(number * 3 + place, |_| ())).collect();
        if number % 500 == 7 {
            all.push(root_login(100_000 + number));
        }
        folder.write(&key(region, number), gzip(json!({"Records": all}).to_string()));
    }
    folder
}

#[test]
fn a_day_out_of_a_year_takes_few_listing_requests() {
    let Some(mut server) = Server::start() else { return };
    server.year("year", "2025-01-01", &record(1, |_| ()));
    let proxy = Proxy::start(server.port, Plan::default());
    let day = ["--since", "2025-05-20", "--until", "2025-05-21", "--account", "111122223303", "--region", "eu-west-1"];
    let statement = "select recipient_account_id, aws_region, event_time from events";
    let ask = || run(proxy.port, &[&["sql", "s3://year/org", "-c", statement, "--format", "json", "--allow-problems"], &day[..]].concat());
    let answer = ask().expect(0);
    let document = answer.json();
    check_ledger(&document);
    assert_eq!(
        document["rows"],
        json!([{"recipient_account_id": "111122223303", "aws_region": "eu-west-1", "event_time": "2025-05-20T08:00:00Z"}])
    );
    let listings = proxy.seen.listings.load(Ordering::Relaxed);
    println!("listing requests: {listings}");
    assert!(listings < 50, "{listings}");
    let notices = document["ledger"]["notices"].as_array().expect("notices");
    let left_out: Vec<&str> =
        notices.iter().filter(|notice| notice["kind"] == "not_listed").map(|notice| notice["object"].as_str().expect("a name")).collect();
    let root = "s3://year/org/AWSLogs/o-a1b2c3";
    for folder in [
        format!("{root}/111122223300/"),
        format!("{root}/111122223303/CloudTrail/us-west-2/"),
        format!("{root}/111122223303/CloudTrail/eu-west-1/2025/01/"),
        format!("{root}/111122223303/CloudTrail/eu-west-1/2025/05/"),
        format!("{root}/111122223303/CloudTrail-Digest/eu-west-1/2025/12/"),
    ] {
        assert!(left_out.contains(&folder.as_str()), "{folder} in {left_out:?}");
    }
    assert_eq!(ask().stdout, answer.stdout);
}

/// What is said where nothing could be read, which is one line.
fn refusal(run: Run) -> String {
    let run = run.expect(2);
    assert!(run.stdout.is_empty());
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    run.stderr
}

#[test]
fn what_cannot_be_listed_is_said_in_one_sentence() {
    let Some(mut server) = Server::start() else { return };
    server.load("some", logs("eu-west-1", 3).path(), "", false);
    for command in ["detect", "verify", "investigate", "summary", "timeline"] {
        let said = refusal(run(server.port, &[command, "s3://nowhere/AWSLogs"]));
        assert!(said.contains("list s3://nowhere/AWSLogs: there is no such bucket"), "{said}");
    }
    let said = refusal(run(server.port, &["detect", "s3://some/absent/"]));
    assert!(said.contains("no CloudTrail logs under s3://some/absent/"), "{said}");
    for (status, code, message, part) in [
        (403, "AccessDenied", "Access Denied", "access denied; listing needs s3:ListBucket"),
        (400, "ExpiredToken", "The provided token has expired.", "aws sso login"),
        (403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", "the access key is not known"),
    ] {
        let proxy = Proxy::start(server.port, Plan { answers: vec![("list-type=2", status, code, message)], ..Plan::default() });
        let said = refusal(run(proxy.port, &["detect", "s3://some/"]));
        assert!(said.starts_with("error: list s3://some/: ") && said.contains(part), "{said}");
    }
    let said = refusal(run(server.port, &["detect", "s3://"]));
    assert!(said.contains("no bucket is named"), "{said}");
}
