//! A large corpus for throughput, in the true layout, with its truth beside it.
//!
//! Each file is made from the seed and its own number alone, so any number of threads writes the same corpus. A file is a cut
//! through the sessions in it: the calls of a session may go on without being logged.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::json;

use crate::args::CorpusPlan;
use crate::background::{compute, people, pipeline, services};
use crate::failure::Failure;
use crate::layout::{Size, delivery_time, object_key, prepare, write, write_log_file};
use crate::rng::Rng;
use crate::scene::{Event, Login, Scene};
use crate::time::{DAY, MINUTE, Time, iso, march};

/// Account ids as the AWS documentation uses them.
const ACCOUNTS: &[&str] = &[
    "111122223333",
    "444455556666",
    "777788889999",
    "222233334444",
    "555566667777",
    "888899990000",
    "333344445555",
    "666677778888",
    "123456789012",
    "000011112222",
];
const REGIONS: &[&str] =
    &["us-east-1", "us-east-1", "us-east-1", "us-east-1", "us-east-1", "eu-west-1", "eu-west-1", "eu-west-1", "us-west-2"];
const PEOPLE: u64 = 400;

/// Writes the corpus and its truth, and returns a summary line.
pub(crate) fn write_corpus(plan: &CorpusPlan) -> Result<String, Failure> {
    prepare(&plan.out)?;
    let files = plan.events.div_ceil(plan.per_file);
    let tally =
        (0..files).into_par_iter().map(|index| write_file(plan, files, index)).try_reduce(Tally::default, |a, b| Ok(a.merged(b)))?;
    let truth = truth_path(&plan.out);
    let text = serde_json::to_string_pretty(&tally.to_json(plan))
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", truth.display())))?;
    write(&truth, format!("{text}\n").as_bytes())?;
    Ok(format!(
        "{} events, {} files, {} bytes inflated, {} bytes compressed; truth in {}",
        tally.events,
        tally.files,
        tally.size.inflated,
        tally.size.compressed,
        truth.display()
    ))
}

fn write_file(plan: &CorpusPlan, files: u64, index: u64) -> Result<Tally, Failure> {
    let count = plan.per_file.min(plan.events - index * plan.per_file);
    let mut rng = Rng::new(plan.seed, index + 1);
    // The first accounts are the busiest: the smaller of two draws.
    let number = rng.below(plan.accounts).min(rng.below(plan.accounts));
    let account = usize::try_from(number).ok().and_then(|number| ACCOUNTS.get(number)).copied().unwrap_or_default();
    let region = rng.pick(REGIONS);
    let window = window(files, index);
    let mut events = events(Scene::new(account, region, Rng::new(plan.seed, u64::MAX - index)), window, count);
    events.truncate(usize::try_from(count).unwrap_or(usize::MAX));
    let last = events.last().map_or(window, |event| event.time);
    let key = object_key(account, region, delivery_time(last, &mut rng), &mut rng);
    let size = write_log_file(&plan.out, &key, &events)?;
    Ok(Tally::of(&events, size))
}

/// The files are spread evenly over March 2026.
fn window(files: u64, index: u64) -> Time {
    let offset = u128::from(index) * u128::from(DAY.unsigned_abs() * 31) / u128::from(files.max(1));
    march(1, 0, 0, 0) + i64::try_from(offset).unwrap_or(0)
}

/// At least `count` events of the scene's account and region that begin within five minutes, in order of time.
fn events(mut scene: Scene, window: Time, count: u64) -> Vec<Event> {
    scene.crowd = PEOPLE;
    let (region, wanted) = (scene.region, usize::try_from(count).unwrap_or(usize::MAX));
    let mut kept = Vec::new();
    while kept.len() < wanted {
        scene.now = window + scene.rng.seconds(0, 5 * MINUTE.unsigned_abs());
        play_one(&mut scene);
        // A global service logs in us-east-1 only.
        kept.extend(scene.events.drain(..).filter(|event| event.region == region));
    }
    kept.sort_by(|a, b| (a.time, &a.id).cmp(&(b.time, &b.id)));
    kept
}

/// One scene of the background, in about the mix of a real account.
fn play_one(scene: &mut Scene) {
    match scene.rng.below(1000) {
        0..300 => services::trail_delivery(scene),
        300..520 => services::service_linked_role(scene),
        520..525 => services::service_event(scene),
        525..745 => compute::function(scene),
        745..875 => compute::instance(scene, 5, (5, 40)),
        875..915 => pipeline::deploy(scene),
        915..940 => pipeline::infrastructure(scene),
        _ if scene.region != "us-east-1" => services::trail_delivery(scene),
        940..970 => people::developer(scene),
        970..990 => people::identity_center(scene),
        990..996 => people::auditor(scene),
        996..997 => people::unknown_user(scene),
        997..999 => people::developer_without_mfa(scene),
        _ => people::root(scene),
    }
}

/// `OUT_DIR.truth.json`.
fn truth_path(out: &Path) -> PathBuf {
    // Through the components, so that a slash at the end does not matter.
    let mut name: OsString = out.components().as_path().as_os_str().to_owned();
    name.push(".truth.json");
    PathBuf::from(name)
}

/// What was written.
#[derive(Default)]
struct Tally {
    events: u64,
    files: u64,
    size: Size,
    data_events: u64,
    root_usage: u64,
    logins_failed: u64,
    logins_with_mfa: u64,
    logins_without_mfa: u64,
    /// Those of them that are of root.
    root_logins_without_mfa: u64,
    logins_federated: u64,
    /// First and last event time.
    range: Option<(Time, Time)>,
    by_name: BTreeMap<&'static str, u64>,
    by_user_type: BTreeMap<String, u64>,
    by_account: BTreeMap<String, u64>,
}

impl Tally {
    fn of(events: &[Event], size: Size) -> Self {
        let mut tally = Self { files: 1, size, ..Self::default() };
        for event in events {
            tally.events += 1;
            tally.data_events += u64::from(event.is_data);
            tally.root_usage += u64::from(event.fact.is_root_usage);
            match event.fact.login {
                Login::None => {}
                Login::Failed => tally.logins_failed += 1,
                Login::WithMfa => tally.logins_with_mfa += 1,
                Login::WithoutMfa => {
                    tally.logins_without_mfa += 1;
                    tally.root_logins_without_mfa += u64::from(event.user_type == "Root");
                }
                Login::Federated => tally.logins_federated += 1,
            }
            tally.range = joined(tally.range, Some((event.time, event.time)));
            *tally.by_name.entry(event.name).or_default() += 1;
            count(&mut tally.by_user_type, &event.user_type, 1);
            count(&mut tally.by_account, &event.account, 1);
        }
        tally
    }

    fn merged(mut self, other: Self) -> Self {
        self.events += other.events;
        self.files += other.files;
        self.size.inflated += other.size.inflated;
        self.size.compressed += other.size.compressed;
        self.data_events += other.data_events;
        self.root_usage += other.root_usage;
        self.logins_failed += other.logins_failed;
        self.logins_with_mfa += other.logins_with_mfa;
        self.logins_without_mfa += other.logins_without_mfa;
        self.root_logins_without_mfa += other.root_logins_without_mfa;
        self.logins_federated += other.logins_federated;
        self.range = joined(self.range, other.range);
        for (name, number) in other.by_name {
            *self.by_name.entry(name).or_default() += number;
        }
        for (name, number) in other.by_user_type {
            count(&mut self.by_user_type, &name, number);
        }
        for (name, number) in other.by_account {
            count(&mut self.by_account, &name, number);
        }
        self
    }

    fn to_json(&self, plan: &CorpusPlan) -> serde_json::Value {
        json!({
            "seed": plan.seed,
            "per_file": plan.per_file,
            "events": self.events,
            "files": self.files,
            "inflated_bytes": self.size.inflated,
            "compressed_bytes": self.size.compressed,
            "first_event": self.range.map(|range| iso(range.0)),
            "last_event": self.range.map(|range| iso(range.1)),
            "data_events": self.data_events,
            "root_usage": self.root_usage,
            "console_logins_failed": self.logins_failed,
            "console_logins_with_mfa": self.logins_with_mfa,
            "console_logins_without_mfa": self.logins_without_mfa,
            "root_console_logins_without_mfa": self.root_logins_without_mfa,
            "console_logins_federated": self.logins_federated,
            "events_by_account": self.by_account,
            "events_by_user_type": self.by_user_type,
            "events_by_name": self.by_name,
        })
    }
}

fn count(map: &mut BTreeMap<String, u64>, key: &str, number: u64) {
    match map.get_mut(key) {
        Some(total) => *total += number,
        None => {
            map.insert(key.to_owned(), number);
        }
    }
}

fn joined(a: Option<(Time, Time)>, b: Option<(Time, Time)>) -> Option<(Time, Time)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (one, other) => one.or(other),
    }
}
