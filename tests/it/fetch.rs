//! `fetch` and `--fetch-keys`: evidence that is taken out of a bucket, and keys out of CloudTrail.

mod ends;
mod stub;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use walkdir::WalkDir;

use crate::s3::server::{Server, python};
use crate::s3::{ENVIRONMENT, as_on_disk, assert_same, text};
use crate::support::{Folder, Run, check_ledger, project, shared, trailsift, trailsift_in};
use stub::Stub;

/// Runs the binary with credentials that are made up, and more variables.
fn run(args: &[&str], more: &[(&str, &str)]) -> Run {
    trailsift_in(args.to_vec(), &[], &[&ENVIRONMENT[..], more].concat())
}

/// `fetch` of a bucket into a folder.
fn fetch(port: u16, bucket: &str, to: &Path, more: &[&str]) -> Run {
    let (url, endpoint) = (format!("s3://{bucket}"), format!("http://127.0.0.1:{port}"));
    let args = ["fetch", url.as_str(), "--to", text(to), "--endpoint-url", &endpoint, "--format", "json"];
    run(&[&args[..], more].concat(), &[])
}

/// The files below a folder by their paths in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = WalkDir::new(folder).into_iter().map(|entry| entry.expect("a file")).filter(|entry| entry.file_type().is_file());
    entries
        .map(|entry| (text(entry.path().strip_prefix(folder).expect("below")).to_owned(), std::fs::read(entry.path()).expect("read")))
        .collect()
}

fn counts(run: &Run) -> [u64; 5] {
    let document = run.json();
    check_ledger(&document);
    let counts = ["listed", "copied", "there", "skipped", "problems"].map(|name| document["counts"][name].as_u64().expect("a count"));
    assert_eq!(counts[0], counts[1..].iter().sum::<u64>());
    counts
}

#[test]
fn a_copy_verifies_as_the_bucket_does() {
    let (Some(tool), Some(mut server)) = (shared("tools/make_trail.py"), Server::start()) else { return };
    let home = Folder::new();
    let (trail, to) = (home.path().join("trail"), home.path().join("copy"));
    let shape = "--kind org --accounts 111122223333,444455556666 --regions eu-west-1,us-east-1 --hours 6 --backfill-every 3 \
                 --bucket trail-bucket --prefix p/q --fault log-modified --fault signature-wrong@-1%1";
    let made = Command::new(python().expect("it serves")).arg(tool).arg("--out").arg(&trail).args(shape.split_whitespace()).output();
    assert!(made.expect("python starts").status.success());
    server.load("trail-bucket", &trail.join("bucket"), "", true);
    let delivered = files(&trail.join("bucket"));
    let objects = delivered.keys().filter(|name| !name.ends_with(".meta.json")).count() as u64;
    assert_eq!(counts(&fetch(server.port, "trail-bucket", &to, &[]).expect(0)), [objects, objects, 0, 0, 0]);
    let copy = files(&to);
    let below = |name: &str| format!("trail-bucket/{name}");
    assert!(delivered.iter().all(|(name, bytes)| name.ends_with(".meta.json") || copy[&below(name)] == *bytes));
    assert_eq!(copy.keys().filter(|name| name.starts_with("trail-bucket/")).count(), delivered.len());

    let expected: Value = serde_json::from_slice(&std::fs::read(trail.join("expected.json")).expect("a file")).expect("JSON");
    let (start, end) = (expected["range"]["start"].as_str().expect("a time"), expected["range"]["end"].as_str().expect("a time"));
    let keys = trail.join("public-keys.json");
    let args = ["verify", text(&to), "--keys", text(&keys), "--since", start, "--until", end, "--strict-location", "--format", "json"];
    let found = trailsift(args).expect(1).json();
    for (tail, file) in expected["files"].as_object().expect("files") {
        for field in ["status", "reason", "evidence"] {
            assert_eq!(found["files"][tail][field], file[field], "{tail}: {field}");
        }
    }
    assert_eq!(found["files"].as_object().map(serde_json::Map::len), expected["files"].as_object().map(serde_json::Map::len));

    let (endpoint, url) = (format!("http://127.0.0.1:{}", server.port), "s3://trail-bucket/");
    let args = ["verify", url, "--keys", text(&keys), "--since", start, "--until", end, "--endpoint-url", &endpoint, "--format", "json"];
    let in_bucket: Value =
        serde_json::from_str(&as_on_disk(&run(&args, &[]).expect(1).stdout, "trail-bucket", &to.join("trail-bucket"))).expect("JSON");
    for part in ["range", "verdict", "files", "findings", "coverage", "trust"] {
        assert_same(&found[part], &in_bucket[part], part);
    }

    // Nothing is fetched twice, but for what is no longer as it was.
    assert_eq!(counts(&fetch(server.port, "trail-bucket", &to, &["--resume"]).expect(0)), [objects, 0, objects, 0, 0]);
    let (log, sidecar) =
        (copy.keys().find(|name| name.contains("/CloudTrail/")).expect("a log"), copy.keys().find(|name| name.ends_with(".meta.json")));
    std::fs::write(to.join(log), "altered").expect("written");
    std::fs::remove_file(to.join(sidecar.expect("a sidecar"))).expect("removed");
    let again = fetch(server.port, "trail-bucket", &to, &["--resume"]).expect(0);
    assert_eq!(counts(&again), [objects, 2, objects - 2, 0, 0]);
    assert_eq!(again.json()["ledger"]["notices"].as_array().map(Vec::len), Some(2));
    let mended = files(&to);
    assert!(copy.iter().all(|(name, bytes)| name == "trailsift-fetch.json" || mended[name] == *bytes));

    // Only what is asked for.
    let part = home.path().join("part");
    let some = fetch(server.port, "trail-bucket", &part, &["--account", "111122223333", "--region", "eu-west-1"]).expect(0);
    assert!(counts(&some)[1] > 0 && files(&part).keys().all(|name| !name.contains("444455556666") && !name.contains("us-east-1")));
}

#[test]
fn hostile_keys_stay_inside_and_are_said() {
    let Some(mut server) = Server::start() else { return };
    let home = Folder::new();
    let to = home.path().join("copy");
    let log =
        "AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/01/111122223333_CloudTrail_eu-west-1_20260301T0805Z_Ab3dEf6hIj9kLmN0.json.gz";
    let (lengthy, upper, below) = ("x".repeat(300), log.to_uppercase(), format!("{log}/below"));
    let bad = ["../../x", "/etc/x", "a//b", "a/./b", "dot/..", "line\nbreak", "back\\slash", &lengthy, "AWSLogs", &upper, &below, "case"];
    for key in bad {
        server.put("a-bucket", key, "bad", &json!({}));
    }
    let signed = json!({"signature": "ab", "signature-algorithm": "SHA256withRSA"});
    server.put("a-bucket", "digest.json.gz", "d", &signed);
    server.put("a-bucket", "taken.json.gz", "d", &signed);
    for key in [log, "Case", "odd +é&<%41", "taken.json.gz.meta.json", "empty"] {
        server.put("a-bucket", key, if key == "empty" { "" } else { "good" }, &json!({}));
    }
    server.put("a-bucket", "mark/", "", &json!({}));
    let run = fetch(server.port, "a-bucket", &to, &[]).expect(3);
    assert_eq!(counts(&run), [20, 6, 0, 1, 13]);
    let document = run.json();
    let problems = document["ledger"]["problems"].as_array().expect("a list");
    let said: BTreeSet<&str> = problems.iter().map(|problem| problem["object"].as_str().expect("a name")).collect();
    let due: BTreeSet<String> = bad.iter().chain([&"taken.json.gz"]).map(|key| format!("s3://a-bucket/{key}")).collect();
    assert_eq!(said, due.iter().map(String::as_str).collect());
    assert!(problems.iter().all(|problem| problem["kind"] == "bad_key"));
    assert_eq!(std::fs::read_dir(home.path()).expect("a folder").count(), 1);
    let copy = files(&to);
    assert_eq!(copy.len(), 6 + 1 + 1 + 1, "{:?}", copy.keys());
    assert_eq!((&copy[&format!("a-bucket/{log}")][..], &copy["a-bucket/taken.json.gz.meta.json"][..]), (&b"good"[..], &b"good"[..]));
    let sidecar: Value = serde_json::from_slice(&copy["a-bucket/digest.json.gz.meta.json"]).expect("JSON");
    assert_eq!((&sidecar["Metadata"], &sidecar["ContentLength"]), (&signed, &json!(1)));
    // What no run did is not gone on with, and a copy is not begun twice.
    assert!(fetch(server.port, "a-bucket", &to, &[]).expect(2).stderr.contains("--resume goes on with it"));
    assert!(fetch(server.port, "a-bucket", home.path(), &["--resume"]).expect(2).stderr.contains("give a new folder"));
    assert!(fetch(server.port, "a-bucket/no/such", &home.path().join("n"), &[]).expect(2).stderr.contains("nothing to copy"));
    assert!(fetch(server.port, "nowhere", &home.path().join("n"), &[]).expect(2).stderr.contains("there is no such bucket"));
}

#[test]
fn what_changed_in_the_bucket_does_not_replace_the_copy() {
    let Some(mut server) = Server::start() else { return };
    let home = Folder::new();
    let to = home.path().join("copy");
    server.put("a-bucket", "k.json", "one", &json!({}));
    fetch(server.port, "a-bucket", &to, &[]).expect(0);
    // A run that was killed: half a line of its journal, a file that was not whole.
    std::fs::rename(to.join("trailsift-fetch.json"), home.path().join("manifest")).expect("moved");
    let manifest: Value = serde_json::from_slice(&std::fs::read(home.path().join("manifest")).expect("read")).expect("JSON");
    let journal = format!("{}\n{{\"bucket\":\"a-bucket\",\"ke", manifest["objects"][0]);
    std::fs::write(to.join("trailsift-fetch.partial.jsonl"), journal).expect("written");
    std::fs::create_dir(to.join(".trailsift-partial")).expect("made");
    std::fs::write(to.join(".trailsift-partial/7"), "half").expect("written");
    server.put("a-bucket", "k.json", "changed", &json!({}));
    server.put("a-bucket", "l.json", "two", &json!({}));
    let run = fetch(server.port, "a-bucket", &to, &["--resume"]).expect(3);
    assert_eq!(counts(&run), [2, 1, 0, 0, 1]);
    assert!(run.stderr.contains("changed in the bucket since it was copied"), "{}", run.stderr);
    let copy = files(&to);
    assert_eq!(copy.keys().collect::<Vec<_>>(), ["a-bucket/k.json", "a-bucket/l.json", "trailsift-fetch.json"]);
    assert_eq!(copy["a-bucket/k.json"], b"one");
    assert_eq!(fetch(server.port, "a-bucket", &to, &["--resume", "--allow-problems"]).code, 0);
}

#[test]
fn keys_that_are_missing_are_fetched_once() {
    let keys: Value = serde_json::from_slice(&std::fs::read(project("sample-logs/public-keys.json")).expect("a file")).expect("JSON");
    let stub = Stub::start(keys["PublicKeyList"].as_array().expect("keys").clone(), "none");
    let (endpoint, home) = (format!("http://127.0.0.1:{}", stub.port), Folder::new());
    let environment = [("AWS_ENDPOINT_URL_CLOUDTRAIL", endpoint.as_str()), ("SOURCE_DATE_EPOCH", "1790000000")];
    let (logs, kept) = (project("sample-logs"), home.path().join("keys.json"));
    let verify = |more: &[&str]| run(&[&["verify", text(&logs), "--format", "json"], more].concat(), &environment);
    let fetched = verify(&[&format!("--fetch-keys={}", text(&kept))]);
    let given = verify(&["--keys", text(&project("sample-logs/public-keys.json"))]);
    assert_eq!((fetched.code, &fetched.json()["files"]), (given.code, &given.json()["files"]), "{}", fetched.stderr);
    assert_eq!(fetched.json()["verdict"], given.json()["verdict"]);
    // One request was repeated; then there is a page a key, for each region once.
    let asked = stub.asked();
    let regions: BTreeSet<&str> = asked.iter().map(|(region, _)| region.as_str()).collect();
    assert_eq!(asked.len(), 1 + regions.len() * keys["PublicKeyList"].as_array().map_or(0, Vec::len));
    assert!(asked.iter().all(|(_, fields)| fields["StartTime"].as_i64() < fields["EndTime"].as_i64()));
    // Later runs ask nobody.
    let later = verify(&["--keys", text(&kept)]);
    assert_eq!((later.code, &later.json()["files"]), (given.code, &given.json()["files"]));
    assert_eq!(verify(&["--keys", text(&kept), "--fetch-keys"]).code, given.code);
    assert_eq!(stub.asked().len(), asked.len());
    assert!(verify(&[&format!("--fetch-keys={}", text(&kept))]).expect(2).stderr.contains("it is there already"));

    let case = home.path().join("case");
    let investigated = run(&["investigate", text(&logs), "--fetch-keys", "--out", text(&case), "--format", "json"], &environment);
    assert_eq!(investigated.json()["integrity"]["verdict"], given.json()["verdict"], "{}", investigated.stderr);
    assert_eq!(std::fs::read(case.join("public-keys.json")).expect("kept"), std::fs::read(&kept).expect("kept"));
    assert!(investigated.stderr.contains("fetched into"), "{}", investigated.stderr);
    assert_eq!(trailsift(["detect", text(&case), "--format", "json"]).code, 3);
}

#[test]
fn credentials_are_asked_for_once_for_all_regions() {
    let keys: Value = serde_json::from_slice(&std::fs::read(project("sample-logs/public-keys.json")).expect("a file")).expect("JSON");
    let stub = Stub::start(keys["PublicKeyList"].as_array().expect("keys").clone(), "none");
    let folder = Folder::new();
    let script =
        "printf x >> \"$0.calls\"\nprintf '{\"Version\": 1, \"AccessKeyId\": \"AKIAPROCESS\", \"SecretAccessKey\": \"made-up\"}'\n";
    let process = folder.write("process.sh", script);
    let config = folder.write("config", format!("[profile process]\ncredential_process=sh {}", text(&process)));
    let endpoint = format!("http://127.0.0.1:{}", stub.port);
    let environment = [("AWS_ENDPOINT_URL_CLOUDTRAIL", endpoint.as_str()), ("AWS_CONFIG_FILE", text(&config))];
    let (logs, kept) = (project("sample-logs"), folder.path().join("keys.json"));
    run(&["verify", text(&logs), &format!("--fetch-keys={}", text(&kept)), "--profile", "process", "--format", "json"], &environment);
    let regions: BTreeSet<String> = stub.asked().into_iter().map(|(region, _)| region).collect();
    assert!(kept.exists() && regions.len() > 1, "{regions:?}");
    assert_eq!(std::fs::read(folder.path().join("process.sh.calls")).expect("called").len(), 1);
}

#[test]
fn keys_that_nobody_tells_end_the_run() {
    let stub = Stub::start(Vec::new(), "eu-west-1");
    let endpoint = format!("http://127.0.0.1:{}", stub.port);
    let logs = project("sample-logs");
    let args = ["verify", text(&logs), "--fetch-keys", "--account", "111122223333", "--region", "eu-west-1"];
    let run = run(&args, &[("AWS_ENDPOINT_URL_CLOUDTRAIL", &endpoint)]).expect(2);
    assert!(run.stderr.contains("fetch public keys from CloudTrail") && run.stderr.contains("cloudtrail:ListPublicKeys"), "{}", run.stderr);
}
