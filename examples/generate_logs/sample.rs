//! The sample: three and a half days of two accounts, with the incident of [`crate::incident`] in them.

use std::collections::HashMap;
use std::path::Path;

use serde_json::json;

use crate::background::{compute, people, pipeline, services};
use crate::delivery::{self, LogFile};
use crate::digest::{Digest, digests};
use crate::failure::Failure;
use crate::incident::{self, ACCOUNT, SECOND_ACCOUNT};
use crate::layout::{Size, prepare, write, write_compressed, write_log_file};
use crate::readme::{Counts, readme};
use crate::rng::Rng;
use crate::scene::{Event, Scene};
use crate::signer::{PUBLIC_KEYS, Signer};
use crate::spread;
use crate::story::Story;
use crate::tamper::{Integrity, tamper};
use crate::time::{DAY, HOUR, MINUTE, Time, march};

const SEED: u64 = 20_260_309;

/// Writes the sample below `root`, and returns a summary line.
pub(crate) fn write_sample(root: &Path) -> Result<String, Failure> {
    prepare(root)?;
    let mut events = background();
    let mut scene = Scene::new(ACCOUNT, "us-east-1", Rng::new(SEED, 1));
    let story = incident::play(&mut scene);
    events.append(&mut scene.events);
    let mut files = delivery::deliver(events, &mut Rng::new(SEED, 2));
    let digests = digests(&files, &Signer::open()?)?;
    // The digests are made of what was delivered; what happens to the files afterwards they cannot know.
    let integrity = tamper(&mut files)?;
    let size = write_logs(root, &files)?;
    write_digests(root, &digests)?;
    let places = places(&files);
    write_story(root, &story, &places, &integrity)?;
    let counts = Counts::new(&files, digests.len(), size);
    write(&root.join("README.md"), readme(&story, &places, &integrity, &counts).as_bytes())?;
    Ok(counts.summary())
}

fn write_logs(root: &Path, files: &[LogFile]) -> Result<Size, Failure> {
    let mut size = Size::default();
    for file in files {
        let written = write_log_file(root, &file.key, &file.events)?;
        size.inflated += written.inflated;
        size.compressed += written.compressed;
    }
    Ok(size)
}

/// Writes the digests, the signatures that no later digest holds, and the public keys.
fn write_digests(root: &Path, digests: &[Digest]) -> Result<(), Failure> {
    for digest in digests {
        write_compressed(root, &digest.key, &digest.document)?;
    }
    let signatures: String = digests.iter().filter_map(Digest::signature_line).collect();
    write(&root.join("signatures.jsonl"), signatures.as_bytes())?;
    write(&root.join("public-keys.json"), PUBLIC_KEYS.as_bytes())
}

fn write_story(root: &Path, story: &Story, places: &HashMap<String, String>, integrity: &Integrity) -> Result<(), Failure> {
    let document = json!({"steps": story.to_json(places), "integrity": integrity.to_json()});
    let text = serde_json::to_string_pretty(&document).map_err(|error| Failure::new(format!("cannot write story.json: {error}")))?;
    write(&root.join("story.json"), format!("{text}\n").as_bytes())
}

/// The file of each event; of an event that was delivered twice, the first.
fn places(files: &[LogFile]) -> HashMap<String, String> {
    let mut places = HashMap::new();
    for file in files {
        for event in &file.events {
            places.entry(event.id.clone()).or_insert_with(|| file.key.clone());
        }
    }
    places
}

/// The ordinary days of both accounts, without what the stopped trail did not deliver.
fn background() -> Vec<Event> {
    let mut events = Vec::new();
    for (account, index) in [(ACCOUNT, 10), (SECOND_ACCOUNT, 20)] {
        for (region, index) in [("us-east-1", index), ("eu-west-1", index + 1), ("us-west-2", index + 2)] {
            // The second account is not at home in us-west-2.
            if account == ACCOUNT || region != "us-west-2" {
                let mut scene = Scene::new(account, region, Rng::new(SEED, index));
                SECOND_ACCOUNT.clone_into(&mut scene.portal_account);
                machines(&mut scene);
                if region == "us-east-1" {
                    humans(&mut scene);
                }
                events.append(&mut scene.events);
            }
        }
    }
    let (stopped, started) = spread::outage();
    events.retain(|event| {
        let is_lost = event.account == ACCOUNT && !event.is_data && event.time > stopped && event.time < started;
        !is_lost && event.time >= first() && event.time < end()
    });
    events
}

/// Services and workloads, day and night.
fn machines(scene: &mut Scene) {
    let is_quiet = scene.region == "us-west-2";
    every(scene, if is_quiet { (40, 50) } else { (22, 38) }, services::trail_delivery);
    if scene.account == ACCOUNT {
        // The trail looks at its bucket just before it stops, and as soon as it runs again.
        let (stopped, started) = spread::outage();
        for time in [stopped - 95, started + 70] {
            scene.now = time;
            services::trail_delivery(scene);
        }
    }
    if is_quiet {
        return;
    }
    every(scene, (110, 170), services::service_linked_role);
    every(scene, (600, 900), services::service_event);
    every(scene, (115, 200), compute::function);
    if scene.account == ACCOUNT {
        every(scene, (330, 350), |scene| compute::instance(scene, 9, (28 * 60, 36 * 60)));
        for day in 9..=12 {
            for hour in [9, 11, 15] {
                at(scene, march(day, hour, 0, 0), pipeline::deploy);
            }
        }
    }
}

/// Visits of people, and the pipelines they start, in office hours.
fn humans(scene: &mut Scene) {
    for day in 9..=12 {
        for hour in [7, 13] {
            at(scene, march(day, hour, 20, 0), pipeline::infrastructure);
        }
        for hour in [8, 10, 13, 15] {
            at(scene, march(day, hour, 5, 0), people::identity_center);
            if scene.account == ACCOUNT {
                at(scene, march(day, hour, 0, 0), people::developer);
            }
        }
        at(scene, march(day, 9, 30, 0), people::auditor);
    }
    if scene.account == ACCOUNT {
        at(scene, march(10, 8, 12, 0), people::unknown_user);
        at(scene, march(10, 12, 30, 0), people::developer_with_typo);
    }
}

/// Plays `part` again and again, `gap` minutes apart.
fn every(scene: &mut Scene, gap: (u64, u64), part: impl Fn(&mut Scene)) {
    let mut next = first() + scene.rng.seconds(10, gap.0 * 60);
    while next < end() {
        scene.now = next;
        part(scene);
        next += scene.rng.seconds(gap.0 * 60, gap.1 * 60);
    }
}

/// Plays `part` within 40 minutes of `time`.
fn at(scene: &mut Scene, time: Time, part: impl Fn(&mut Scene)) {
    scene.now = time + scene.rng.seconds(0, 40 * 60);
    part(scene);
}

fn first() -> Time {
    march(9, 0, 0, 0)
}

fn end() -> Time {
    first() + 3 * DAY + 12 * HOUR - MINUTE
}
