//! Servers that fall silent, also in the middle of an answer, are waited for no longer than was said.

use std::io::Read as _;
use std::time::{Duration, Instant};

use serde_json::json;
use trailsift::source::s3::{self, Asked, Days, Limits, S3Url, Settings};
use trailsift::source::{Listing, Object, Opener};

use super::proxy::{Fault, Plan, Proxy};
use super::server::Server;
use super::{as_on_disk, logs, settings};

/// Little patience, and no more requests at once than a busy machine answers in time.
fn limits() -> Limits {
    Limits { requests: 16, read: Duration::from_secs(2), attempts: 4, backoff: Duration::from_millis(200), ..Limits::default() }
}

fn list(url: &str, settings: &Settings, asked: &Asked) -> Result<Listing, String> {
    let url = S3Url::parse(url).expect("a bucket");
    s3::list([&url], settings, asked).map_err(|error| error.to_string())
}

/// Lists a bucket through a proxy, and yields how long that took too.
fn listed(server: &Server, limits: Limits, first: (&'static str, usize, Fault)) -> (Result<Listing, String>, Duration) {
    let proxy = Proxy::start(server.port, Plan { first: Some(first), ..Plan::default() });
    let start = Instant::now();
    let listing = list("s3://some/", &settings(proxy.port, limits), &Asked::default());
    println!("{first:?}: {:?} in {:?}", listing.as_ref().map(|listing| listing.objects.len()), start.elapsed());
    (listing, start.elapsed())
}

#[test]
fn a_listing_that_stalls_is_asked_for_again() {
    let Some(mut server) = Server::start() else { return };
    server.load("some", logs("eu-west-1", 30).path(), "", false);
    for fault in [Fault::Silence, Fault::Stall] {
        let (listing, _) = listed(&server, limits(), ("list-type=2", 1, fault));
        assert_eq!(listing.map(|listing| listing.objects.len()), Ok(30), "{fault:?}");
    }
    let patient = Limits { read: Duration::from_secs(30), attempt: Duration::from_secs(3), ..limits() };
    let (listing, took) = listed(&server, patient, ("list-type=2", 1, Fault::Drip));
    assert_eq!(listing.map(|listing| listing.objects.len()), Ok(30));
    assert!(took >= Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_listing_that_always_stalls_is_given_up_in_one_sentence() {
    let Some(mut server) = Server::start() else { return };
    server.load("some", logs("eu-west-1", 30).path(), "", false);
    let impatient = Limits { attempts: 2, ..limits() };
    for (fault, limits, sentence) in [
        (Fault::Silence, impatient, "no answer in time, also after many tries"),
        (Fault::Stall, impatient, "the server began to answer and then fell silent, also after many tries"),
        (
            Fault::Drip,
            Limits { read: Duration::from_secs(30), attempt: Duration::from_secs(2), ..impatient },
            "no answer in time, also after many tries",
        ),
    ] {
        let (listing, took) = listed(&server, limits, ("list-type=2", usize::MAX, fault));
        assert_eq!(listing.map(|listing| listing.objects.len()), Err(format!("list s3://some/: {sentence}")));
        // Two tries at two seconds each; a second more each to be sure of silence, and room for a busy machine.
        assert!((Duration::from_secs(4)..Duration::from_secs(20)).contains(&took), "{took:?}");
    }
}

#[test]
fn a_folder_whose_listing_stalls_is_a_problem_and_the_rest_is_listed() {
    let Some(mut server) = Server::start() else { return };
    server.load("some", logs("eu-west-1", 7).path(), "", false);
    server.load("some", logs("us-west-2", 2).path(), "", false);
    let proxy = Proxy::start(server.port, Plan { first: Some(("us-west-2%2F", usize::MAX, Fault::Stall)), ..Plan::default() });
    // With a time, folders are chosen among, so that each is listed for itself.
    let asked = Asked { logs: Days { first: Some("2026/02/01".to_owned()), last: None }, ..Asked::default() };
    let listing = list("s3://some/AWSLogs/", &settings(proxy.port, Limits { attempts: 2, ..limits() }), &asked).expect("listed");
    assert_eq!(listing.objects.len(), 7);
    let problems: Vec<_> = listing.problems.iter().map(|problem| (&*problem.place.object, problem.message.as_str())).collect();
    let message = "the folder could not be listed to its end: the server began to answer and then fell silent, also after many tries";
    assert_eq!(problems, [("s3://some/AWSLogs/111122223333/CloudTrail/us-west-2/", message)]);
}

#[test]
fn an_object_that_stalls_is_taken_up_again_and_at_last_given_up() {
    let Some(mut server) = Server::start() else { return };
    server.put("some", "a.json", &"a".repeat(5_000), &json!({}));
    let limits = Limits { resumes: 1, attempts: 2, ..limits() };
    // Read whole, and as it comes.
    for whole_bytes in [16 << 20, 10] {
        let read = |times| {
            let proxy = Proxy::start(server.port, Plan { first: Some(("/a.json", times, Fault::Stall)), ..Plan::default() });
            let objects =
                list("s3://some/", &settings(proxy.port, Limits { whole_bytes, ..limits }), &Asked::default()).expect("listed").objects;
            let mut bytes = Vec::new();
            Opener::new(&objects)
                .open_next(&objects[0])
                .and_then(|mut reader| reader.read_to_end(&mut bytes))
                .map_err(|error| error.to_string())
        };
        assert_eq!(read(1), Ok(5_000));
        assert_eq!(read(usize::MAX), Err("the answer broke off 2 times, last at byte 3750 of 5000: nothing more came in time".to_owned()));
    }
}

#[test]
fn an_error_that_stalls_is_given_up_too() {
    let Some(mut server) = Server::start() else { return };
    server.put("some", "a.json", "{}", &json!({}));
    let proxy = Proxy::start(server.port, Plan { first: Some(("/a.json", usize::MAX, Fault::Stall)), ..Plan::default() });
    let objects = list("s3://some/", &settings(proxy.port, Limits { attempts: 2, ..limits() }), &Asked::default()).expect("listed").objects;
    // The ETag is another one, so the answer is an error, of which half comes.
    server.put("some", "a.json", "[]", &json!({}));
    let error = Opener::new(&objects).open_next(&objects[0]).map(drop).expect_err("changed").to_string();
    assert!(error.starts_with("the server began to answer and then fell silent"), "{error}");
}

#[test]
fn a_server_that_falls_silent_is_asked_again() {
    let Some(mut server) = Server::start() else { return };
    let folder = logs("eu-west-1", 400);
    server.load("silent", folder.path(), "", false);
    let proxy = Proxy::start(server.port, Plan { percent: 5, faults: &[Fault::Silence, Fault::Stall], ..Plan::default() });
    let settings = settings(proxy.port, Limits { attempts: 8, ..limits() });
    let objects: Vec<Object> = list("s3://silent/", &settings, &Asked::default()).expect("listed").objects;
    assert_eq!(objects.len(), 400);
    let mut opener = Opener::new(&objects);
    for object in &objects {
        let (mut found, path) = (Vec::new(), as_on_disk(&object.name, "silent", folder.path()));
        opener.open_next(object).expect("fetched").read_to_end(&mut found).expect("read");
        assert!(found == std::fs::read(path).expect("a file"), "{}", object.name);
    }
    let faults = proxy.seen.faults.lock().expect("no panic").clone();
    println!("requests that met silence: {faults:?}");
    assert!(faults.len() == 2 && faults.values().all(|count| *count > 5), "{faults:?}");
}
