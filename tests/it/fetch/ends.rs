//! Copies that end early: an interrupt, a kill, a file that has no room.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use super::{counts, fetch, files};
use crate::s3::proxy::{Plan, Proxy};
use crate::s3::server::Server;
use crate::s3::{ENVIRONMENT, text};
use crate::support::Folder;

/// What each object of these tests holds, which no two share.
fn content(number: u32) -> String {
    format!("{number} ").repeat(2_000)
}

/// A server with so many objects in a bucket.
fn server(objects: u32) -> Option<Server> {
    let mut server = Server::start()?;
    let folder = Folder::new();
    for number in 0..objects {
        folder.write(&format!("AWSLogs/{number:04}.json"), content(number));
    }
    server.load("a-bucket", folder.path(), "", false);
    Some(server)
}

/// Checks that all that lies in a copy under the name of an object is that object, and yields how many there are.
fn whole(copy: &std::path::Path) -> u64 {
    let files = files(copy);
    let objects: Vec<_> = files.iter().filter_map(|(name, bytes)| Some((name.strip_prefix("a-bucket/AWSLogs/")?, bytes))).collect();
    for (name, bytes) in &objects {
        let number: u32 = name.strip_suffix(".json").expect("our name").parse().expect("a number");
        assert!(**bytes == content(number).into_bytes(), "{name}");
    }
    objects.len() as u64
}

#[test]
fn an_interrupted_copy_has_nothing_half_and_is_gone_on_with() {
    const OBJECTS: u32 = 300;
    let Some(server) = server(OBJECTS) else { return };
    let home = Folder::new();
    for (signal, name) in [("INT", "interrupted"), ("KILL", "killed")] {
        let to = home.path().join(name);
        let slow = Proxy::start(server.port, Plan { latency: Duration::from_millis(40), ..Plan::default() });
        let mut first = begin(&slow, &to);
        while slow.seen.objects.load(Ordering::Relaxed) < 150 && first.try_wait().expect("a child").is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(Command::new("kill").args(["-s", signal, &first.id().to_string()]).status().expect("kill").success());
        assert_eq!(first.wait().expect("ended").code(), if signal == "KILL" { None } else { Some(130) });
        let there = whole(&to);
        println!("{name}: {there} of {OBJECTS} were there");
        assert!(there > 0 && there < u64::from(OBJECTS));
        assert!(signal == "KILL" || !to.join(".trailsift-partial").exists());
        assert!(!to.join("trailsift-fetch.json").exists());
        let proxy = Proxy::start(server.port, Plan::default());
        let run = fetch(proxy.port, "a-bucket", &to, &["--resume"]).expect(0);
        let [listed, copied, known, skipped, problems] = counts(&run);
        // A file may have got its name and not its line in the journal.
        assert!(known <= there && there - known < 64, "{known} of {there}");
        assert_eq!((listed, copied + known, skipped, problems), (u64::from(OBJECTS), u64::from(OBJECTS), 0, 0));
        assert!((proxy.seen.objects.load(Ordering::Relaxed) as u64) < copied + 20);
        assert_eq!(whole(&to), u64::from(OBJECTS));
        assert_eq!(files(&to).len(), OBJECTS as usize + 1);
    }
}

fn begin(proxy: &Proxy, to: &std::path::Path) -> Child {
    Command::new(env!("CARGO_BIN_EXE_trailsift"))
        .args(["fetch", "s3://a-bucket", "--to", text(to), "--endpoint-url", &format!("http://127.0.0.1:{}", proxy.port)])
        .envs(ENVIRONMENT)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts")
}

/// A limit on the size of files stands for a disk that takes no more.
#[test]
#[cfg(unix)]
fn what_finds_no_room_is_said_and_not_there() {
    let Some(mut server) = server(20) else { return };
    let home = Folder::new();
    let to = home.path().join("copy");
    server.put("a-bucket", "AWSLogs/large", &"x".repeat(400_000), &json!({}));
    let endpoint = format!("http://127.0.0.1:{}", server.port);
    let script = "trap '' XFSZ; ulimit -f 200; exec \"$@\"";
    let output = Command::new("sh")
        .args(["-c", script, "sh", env!("CARGO_BIN_EXE_trailsift"), "fetch", "s3://a-bucket", "--to", text(&to)])
        .args(["--endpoint-url", &endpoint, "--format", "json"])
        .envs(ENVIRONMENT)
        .output()
        .expect("sh starts");
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let document: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(document["counts"], json!({"listed": 21, "copied": 20, "there": 0, "skipped": 0, "problems": 1}));
    let problem = &document["ledger"]["problems"][0];
    assert_eq!((&problem["object"], &problem["kind"]), (&json!("s3://a-bucket/AWSLogs/large"), &json!("unwritten")));
    assert!(problem["message"].as_str().expect("a text").starts_with("write "), "{problem}");
    assert_eq!((files(&to).len(), to.join("a-bucket/AWSLogs/large").exists()), (21, false));
    assert_eq!(counts(&fetch(server.port, "a-bucket", &to, &["--resume"]).expect(0)), [21, 1, 20, 0, 0]);
    assert_eq!(std::fs::read(to.join("a-bucket/AWSLogs/large")).expect("there").len(), 400_000);
}
