//! Log files as a trail delivers them: object keys, envelopes, compression.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::{Compression, GzBuilder};

use crate::failure::Failure;
use crate::rng::{ALPHANUMERIC, Rng};
use crate::scene::Event;
use crate::time::{MINUTE, Time, compact, folder};

/// `AWSLogs/ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHMMZ_RANDOM.json.gz`.
pub(crate) fn object_key(account: &str, region: &str, delivered: Time, rng: &mut Rng) -> String {
    let (day, time, random) = (folder(delivered), compact(delivered), rng.text(ALPHANUMERIC, 16));
    format!("AWSLogs/{account}/CloudTrail/{region}/{day}/{account}_CloudTrail_{region}_{time}_{random}.json.gz")
}

/// When a file is delivered whose last event is at `last`: some minutes later, on a five-minute mark.
pub(crate) fn delivery_time(last: Time, rng: &mut Rng) -> Time {
    let ready = last + rng.seconds(60, 300);
    ready + (5 * MINUTE - ready.rem_euclid(5 * MINUTE)) % (5 * MINUTE)
}

/// Bytes of a log file before and after compression.
#[derive(Clone, Copy, Default)]
pub(crate) struct Size {
    pub(crate) inflated: u64,
    pub(crate) compressed: u64,
}

/// The JSON of a log file.
pub(crate) fn document(events: &[Event]) -> String {
    let records: Vec<&str> = events.iter().map(|event| event.json.as_str()).collect();
    format!("{{\"Records\":[{}]}}", records.join(","))
}

/// Writes `events` as one log file below `root`.
pub(crate) fn write_log_file(root: &Path, key: &str, events: &[Event]) -> Result<Size, Failure> {
    write_compressed(root, key, &document(events))
}

/// Writes `document` as a gzip file below `root`.
pub(crate) fn write_compressed(root: &Path, key: &str, document: &str) -> Result<Size, Failure> {
    // GzBuilder leaves the modification time at zero, so that equal events give equal bytes.
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::default());
    let compressed = encoder
        .write_all(document.as_bytes())
        .and_then(|()| encoder.finish())
        .map_err(|error| Failure::new(format!("cannot compress {key}: {error}")))?;
    write(&root.join(key), &compressed)?;
    Ok(Size { inflated: length(document.len()), compressed: length(compressed.len()) })
}

/// Writes a file, and the folders above it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, bytes))
        .map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))
}

/// Makes sure that `root` is a folder without entries.
pub(crate) fn prepare(root: &Path) -> Result<(), Failure> {
    fs::create_dir_all(root).map_err(|error| Failure::new(format!("cannot create {}: {error}", root.display())))?;
    let mut entries = fs::read_dir(root).map_err(|error| Failure::new(format!("cannot read {}: {error}", root.display())))?;
    match entries.next() {
        None => Ok(()),
        Some(_) => Err(Failure::new(format!("{} is not empty", root.display()))),
    }
}

fn length(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
