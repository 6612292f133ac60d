//! What fails on the way to S3, or there: tried again where that helps, and told where it does not.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use trailsift::case::{Case, Scope};
use trailsift::detect::Catalog;
use trailsift::frame::Store;
use trailsift::ingest::Progress;
use trailsift::report;
use trailsift::source::s3::{self, Asked, Limits, S3Url, Settings};
use trailsift::source::{Opener, Source};

use super::proxy::{ALL_FAULTS, FAULTS, Fault, Plan, Proxy};
use super::server::Server;
use super::{ENVIRONMENT, as_on_disk, assert_same, endpoint, logs, refusal, run, settings, text};
use crate::support::{Folder, check_ledger, trailsift};

/// A bucket `flaky` of 2,000 logs behind a proxy, and the folder that it was made from.
struct Flaky {
    folder: Folder,
    proxy: Proxy,
    faults: &'static [Fault],
    _server: Server,
}

impl Flaky {
    /// Of a hundred requests five fail in each of those ways; nothing where there is no server.
    fn start(faults: &'static [Fault]) -> Option<Self> {
        let mut server = Server::start()?;
        let folder = logs("eu-west-1", 2_000);
        server.load("flaky", folder.path(), "", false);
        let proxy = Proxy::start(server.port, Plan { percent: 5, faults, ..Plan::default() });
        Some(Self { folder, proxy, faults, _server: server })
    }

    /// Holds an answer about the bucket to that about the folder, and sees that each way to fail was met.
    fn assert_same(&self, in_bucket: &str, on_disk: &Value) {
        let found: Value = serde_json::from_str(&as_on_disk(in_bucket, "flaky", self.folder.path())).expect("JSON");
        check_ledger(&found);
        assert_eq!(found["ledger"]["objects"], json!({"listed": 2_000, "read": 2_000, "skipped": 0, "problems": 0}));
        assert!(!on_disk["findings"].as_array().expect("findings").is_empty());
        assert_same(&found, on_disk, "detect");
        let faults = self.proxy.seen.faults.lock().expect("no panic").clone();
        println!("faults: {faults:?}");
        assert!(faults.len() == self.faults.len() && faults.values().all(|count| *count > 50), "{faults:?}");
    }
}

#[test]
fn where_a_network_fails_nothing_is_lost_and_nothing_comes_twice() {
    let Some(flaky) = Flaky::start(FAULTS) else { return };
    let in_bucket = run(flaky.proxy.port, &["detect", "s3://flaky/AWSLogs", "--format", "json"]).expect(0);
    let on_disk = trailsift(["detect", text(flaky.folder.path()), "--format", "json"]).expect(0);
    flaky.assert_same(&in_bucket.stdout, &on_disk.json());
    // Nothing but reads is ever sent.
    assert!(flaky.proxy.seen.heads.lock().expect("no panic").iter().all(|head| head.starts_with("GET ")));
}

/// The document of `detect`, made with the library.
fn detect(source: &Path, s3: Settings) -> String {
    let scope = Scope { sources: vec![Source::parse(source).expect("a source")], s3, ..Scope::default() };
    let case = Case::read(scope, &Progress::default(), |_| Ok(Store::default())).expect("read");
    let detections = case.detect(&Catalog::builtin().expect("rules")).expect("detected");
    serde_json::to_string(&report::json::detect(&case, &detections)).expect("JSON")
}

#[test]
fn where_a_network_also_falls_silent_the_answer_is_the_same() {
    let Some(flaky) = Flaky::start(ALL_FAULTS) else { return };
    // Of 2,000 objects none is to fail by chance: one in five requests does, and as many once more on a busy machine.
    let limits =
        Limits { requests: 64, read: Duration::from_secs(1), backoff: Duration::from_millis(200), attempts: 16, ..Limits::default() };
    let start = Instant::now();
    let in_bucket = detect(Path::new("s3://flaky/AWSLogs"), settings(flaky.proxy.port, limits));
    println!("read in {:?}", start.elapsed());
    let on_disk = detect(flaky.folder.path(), Settings::default());
    flaky.assert_same(&in_bucket, &serde_json::from_str(&on_disk).expect("JSON"));
}

#[test]
fn what_stays_unreadable_is_a_problem_and_the_rest_is_read() {
    let Some(mut server) = Server::start() else { return };
    server.load("some", logs("eu-west-1", 7).path(), "", false);
    server.load("some", logs("us-west-2", 2).path(), "", false);
    let answers = vec![
        ("us-west-2%2F", 403, "AccessDenied", "Access Denied"),
        ("_0000000000000001.json.gz", 403, "AccessDenied", "Access Denied"),
        ("_0000000000000002.json.gz", 403, "InvalidObjectState", "The operation is not valid for the object's storage class"),
        ("_0000000000000003.json.gz", 403, "AccessDenied", "User: x is not authorized to perform: kms:Decrypt on the resource"),
        ("_0000000000000004.json.gz", 412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold"),
        ("_0000000000000005.json.gz", 400, "KMS.DisabledException", "arn:aws:kms:eu-west-1:111122223333:key/x is disabled"),
    ];
    let proxy = Proxy::start(server.port, Plan { answers, ..Plan::default() });
    let home = Folder::new();
    let (case, copy) = (home.path().join("case"), home.path().join("copy"));
    for (args, loaded) in [(vec!["detect"], 6), (vec!["investigate", "--out", text(&case)], 6), (vec!["fetch", "--to", text(&copy)], 0)] {
        // With a time, folders are chosen among, so that each is listed for itself.
        let more = ["s3://some/AWSLogs/", "--since", "2026-02-01", "--format", "json"];
        let document = run(proxy.port, &[&args[..], &more].concat()).expect(3).json();
        check_ledger(&document);
        assert_eq!(document["ledger"]["objects"], json!({"listed": 8, "read": 2, "skipped": 0, "problems": 6}));
        assert_eq!(document["ledger"]["records"]["loaded"], loaded);
        has_unreadable(&document["ledger"]["problems"]);
    }
    // What was not to be had is fetched once it is.
    let document = run(server.port, &["fetch", "s3://some/AWSLogs/", "--to", text(&copy), "--resume", "--format", "json"]).expect(0).json();
    assert_eq!(document["counts"], json!({"listed": 9, "copied": 7, "there": 2, "skipped": 0, "problems": 0}));
}

/// Checks that each object that cannot be read is told of with why and what to do.
fn has_unreadable(problems: &Value) {
    let problems: Vec<(&str, &str)> = problems
        .as_array()
        .expect("problems")
        .iter()
        .map(|problem| (problem["object"].as_str().expect("a name"), problem["message"].as_str().expect("a text")))
        .collect();
    for (object, message) in [
        ("s3://some/AWSLogs/111122223333/CloudTrail/us-west-2/", "the folder could not be listed to its end: access denied"),
        ("_0000000000000001.json.gz", "access denied"),
        ("_0000000000000002.json.gz", "restore it first (aws s3api restore-object"),
        ("_0000000000000003.json.gz", "encrypted with a KMS key"),
        ("_0000000000000004.json.gz", "changed after it was listed"),
        ("_0000000000000005.json.gz", "ask its owner for kms:Decrypt, or enable the key (arn:aws:kms:"),
    ] {
        assert!(problems.iter().any(|(name, text)| name.ends_with(object) && text.contains(message)), "{object} in {problems:?}");
    }
}

#[test]
fn what_is_changed_after_it_was_listed_is_not_mixed() {
    let Some(mut server) = Server::start() else { return };
    server.put("some", "a.json", "{\"Records\": []}", &json!({}));
    server.put("some", "b.json", "{\"Records\": []}", &json!({}));
    let url = S3Url::parse("s3://some/").expect("a bucket");
    let objects = s3::list([&url], &settings(server.port, Limits::default()), &Asked::default()).expect("listed").objects;
    // Of the same size, so that only its ETag tells.
    server.put("some", "b.json", "{\"Records\":  []", &json!({}));
    let mut opener = Opener::new(&objects);
    let ends: Vec<Result<usize, String>> = objects
        .iter()
        .map(|object| {
            let mut bytes = Vec::new();
            opener.open_next(object).and_then(|mut reader| reader.read_to_end(&mut bytes)).map_err(|error| error.to_string())
        })
        .collect();
    assert_eq!(ends[0], Ok(15));
    assert!(ends[1].as_ref().is_err_and(|text| text.contains("changed after it was listed")), "{ends:?}");
}

#[test]
fn an_interrupted_investigation_goes_on_without_fetching_what_it_has() {
    let Some(mut server) = Server::start() else { return };
    let (home, folder) = (Folder::new(), logs("eu-west-1", 600));
    server.load("long", folder.path(), "", false);
    let case = home.path().join("case");
    let args = ["investigate", "s3://long/", "--out", text(&case), "--resume", "--format", "json"];
    let slow = Proxy::start(server.port, Plan { latency: Duration::from_millis(40), ..Plan::default() });
    let mut first = Command::new(env!("CARGO_BIN_EXE_trailsift"))
        .args(args)
        .args(["--endpoint-url", &endpoint(slow.port)])
        .envs(ENVIRONMENT)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    while slow.seen.objects.load(Ordering::Relaxed) < 300 && first.try_wait().expect("a child").is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    first.kill().expect("killed");
    first.wait().expect("ended");
    assert!(!case.exists() && slow.seen.objects.load(Ordering::Relaxed) < 600);
    let proxy = Proxy::start(server.port, Plan::default());
    let resumed = run(proxy.port, &args).expect(0);
    // What was under way when the run was killed is fetched again, and evidence is read from what was kept.
    let fetched = proxy.seen.objects.load(Ordering::Relaxed);
    println!("fetched by the second run: {fetched} of 600");
    assert!((200..450).contains(&fetched), "{fetched}");
    let whole = run(proxy.port, &["investigate", "s3://long/", "--out", text(&home.path().join("other")), "--format", "json"]).expect(0);
    assert_same(&resumed.json(), &whole.json(), "investigate");
    let left: Vec<_> = std::fs::read_dir(home.path()).expect("a folder").map(|entry| entry.expect("a name").file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    let refused = run(proxy.port, &["investigate", text(folder.path()), "--out", text(&home.path().join("third")), "--resume"]);
    assert!(refusal(refused).contains("--resume"));
}
