//! Objects are fetched and folders listed many at once, and no more of them than is allowed.

use std::io::Read as _;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use trailsift::source::Opener;
use trailsift::source::s3::{self, Asked, Limits, S3Url};

use super::proxy::{Plan, Proxy};
use super::server::Server;
use super::{logs, run, settings};
use crate::support::Folder;

#[test]
fn a_slow_way_is_gone_many_times_at_once() {
    let Some(mut server) = Server::start() else { return };
    server.load("far", logs("eu-west-1", 1_200).path(), "", false);
    let latency = Duration::from_millis(50);
    let proxy = Proxy::start(server.port, Plan { latency, ..Plan::default() });
    let start = Instant::now();
    let document = run(proxy.port, &["detect", "s3://far/AWSLogs", "--format", "json"]).expect(0).json();
    let took = start.elapsed();
    assert_eq!(document["ledger"]["objects"]["read"], 1_200);
    let most = proxy.seen.most.load(Ordering::Relaxed);
    println!("1,200 objects at {latency:?} each took {took:?}, {most} at once");
    // One after the other they take a minute, and the server's own time comes on top.
    assert!(took < latency * 1_200 / 2 && most > 8, "{took:?}, {most}");
}

#[test]
fn folders_are_listed_side_by_side() {
    let Some(mut server) = Server::start() else { return };
    for region in 1..=12 {
        server.load("wide", logs(&format!("eu-west-{region}"), 100).path(), "", false);
    }
    let url = S3Url::parse("s3://wide/").expect("a bucket");
    // The proxy may see a request end a little after the client does.
    for (listings, due) in [(32, 5..=12), (1, 1..=2)] {
        let proxy = Proxy::start(server.port, Plan { latency: Duration::from_millis(50), ..Plan::default() });
        let settings = settings(proxy.port, Limits { listings, ..Limits::default() });
        assert_eq!(s3::list([&url], &settings, &Asked::default()).expect("listed").objects.len(), 1_200);
        let most = proxy.seen.most.load(Ordering::Relaxed);
        println!("{most} listings at once of {}", proxy.seen.listings.load(Ordering::Relaxed));
        assert!(due.contains(&most), "{most} of {listings}");
    }
}

#[test]
fn what_is_fetched_ahead_has_bounds() {
    const OBJECTS: usize = 12;
    const MEBIBYTE: usize = 1 << 20;
    let Some(mut server) = Server::start() else { return };
    let folder = Folder::new();
    for number in 0..OBJECTS {
        folder.write(&format!("{number:02}.json"), vec![b'x'; MEBIBYTE]);
    }
    server.load("large", folder.path(), "", false);
    let url = S3Url::parse("s3://large/").expect("a bucket");
    for (limits, most) in [
        // An object takes its size and a little more, so three have room.
        (Limits { bytes: 4 << 20, ..Limits::default() }, 3),
        (Limits { requests: 8, ..Limits::default() }, OBJECTS),
        // Those that are not fetched whole are not fetched ahead.
        (Limits { whole_bytes: 1 << 10, ..Limits::default() }, 0),
    ] {
        let proxy = Proxy::start(server.port, Plan::default());
        let objects = s3::list([&url], &settings(proxy.port, limits), &Asked::default()).expect("listed").objects;
        let asked_for = || proxy.seen.objects.load(Ordering::Relaxed);
        let mut opener = Opener::new(&objects);
        let start = Instant::now();
        while asked_for() < most && start.elapsed() < Duration::from_mins(1) {
            std::thread::sleep(Duration::from_millis(10));
        }
        // Long enough for one more, if there were no bound.
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(asked_for(), most, "{limits:?}");
        for object in &objects {
            let mut bytes = Vec::new();
            opener.open_next(object).expect("fetched").read_to_end(&mut bytes).expect("read");
            assert_eq!(bytes.len(), MEBIBYTE);
        }
        assert_eq!(asked_for(), OBJECTS);
    }
}
