//! The parallel pipeline from objects to event batches.
//!
//! Objects are taken in the order of their names, in units of about equal size;
//! a unit is one task, so that small files share a batch and large ones are
//! spread over all cores. What comes out is in the order of the objects, whatever
//! the number of threads. A thread holds one object's window at a time, or those of two small ones.

mod hashes;
mod lane;
mod object;
mod part;
mod revisit;
mod unread;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

pub use hashes::hash;
pub use object::{ObjectReport, Status};
pub use revisit::{RawRecord, Revisit};
pub use unread::Unread;

use crate::error::Error;
use crate::frame::{Batch, BatchBuilder, Filter, Held, Store};
use crate::source::{Budget, Object, Opener, Openers};
use lane::pairs;
use object::Worker;

/// How the ingester is to work.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Threads; 0 for as many as the machine has cores.
    pub jobs: usize,
    /// What one object may cost.
    pub budget: Budget,
    /// What the user asked to see.
    pub filter: Filter,
    /// Whether objects that are digests by their names are parsed as such.
    pub digests: bool,
}

/// How far the ingester has come; read it from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    /// Objects to be read, once they are listed.
    pub total_objects: AtomicU64,
    /// Stored bytes to be read, once the objects are listed.
    pub total_bytes: AtomicU64,
    /// Objects done with.
    pub objects: AtomicU64,
    /// Stored bytes done with.
    pub stored_bytes: AtomicU64,
    /// Records met.
    pub records: AtomicU64,
}

impl Progress {
    /// Counts objects that are done with.
    fn add(&self, objects: &[Object], reports: &[ObjectReport]) {
        for (object, report) in objects.iter().zip(reports) {
            self.objects.fetch_add(1, Ordering::Relaxed);
            self.stored_bytes.fetch_add(object.size, Ordering::Relaxed);
            self.records.fetch_add(report.seen, Ordering::Relaxed);
        }
    }
}

/// What the ingester made of the objects.
#[derive(Debug, Default)]
pub struct Ingested {
    /// The events, in the order of (object, record index), duplicates included.
    pub batches: Vec<Held>,
    /// One report an object, in the order of the objects.
    pub reports: Vec<ObjectReport>,
}

/// Stored bytes of the objects that make one unit of work: at trail files' usual ratio some tens of thousands of events.
const UNIT_BYTES: u64 = 4 << 20;
/// Objects of one unit at most, so that folders of tiny files are spread over the threads too.
const UNIT_OBJECTS: usize = 2_048;
/// Stored bytes that an event takes, about.
const EVENT_BYTES: u64 = 130;
/// Units that are fetched while one is read, where they are in S3.
const UNITS_AHEAD: usize = 2;

/// Reads all objects, and keeps the events where `store` says.
///
/// # Errors
/// [`Error::Setting`] where the threads cannot be started, [`Error::Frame`] where a batch
/// cannot be built, and those of keeping one. What is wrong with an object is in its report.
pub fn ingest(objects: &[Object], options: &Options, store: &Store, progress: &Progress) -> Result<Ingested, Error> {
    let pool = pool(options)?;
    let units = units(objects);
    let openers = Openers::new(&units, UNITS_AHEAD);
    let read = |(number, unit): (usize, &&[Object])| {
        let keeper = Keeper { store, unit: number, kept: Vec::new() };
        read_unit(unit, openers.take(number), options, keeper, progress)
    };
    let done: Vec<Result<Ingested, Error>> = pool.install(|| units.par_iter().enumerate().map(read).collect());
    let mut all = Ingested::default();
    for unit in done {
        let unit = unit?;
        all.batches.extend(unit.batches);
        all.reports.extend(unit.reports);
    }
    Ok(all)
}

/// What `work` yields on as many threads as the user asked for.
///
/// # Errors
/// [`Error::Setting`] where the threads cannot be started.
pub(crate) fn on_pool<T: Send>(options: &Options, work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    Ok(pool(options)?.install(work))
}

/// As many threads as the user asked for.
fn pool(options: &Options) -> Result<rayon::ThreadPool, Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(options.jobs)
        .build()
        .map_err(|error| Error::setting("--jobs", format!("the threads cannot be started: {error}")))
}

/// Runs of neighbouring objects of about [`UNIT_BYTES`]; the cut depends on the objects alone.
fn units(objects: &[Object]) -> Vec<&[Object]> {
    let mut units = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, object) in objects.iter().enumerate() {
        bytes += object.size;
        if bytes >= UNIT_BYTES || at + 1 - start >= UNIT_OBJECTS {
            units.extend(objects.get(start..=at));
            (start, bytes) = (at + 1, 0);
        }
    }
    units.extend(objects.get(start..).filter(|rest| !rest.is_empty()));
    units
}

/// Reads one unit. Should a thread fail, which is a defect, its objects are read again one
/// by one, so that only the one to blame is lost, with a problem.
fn read_unit(unit: &[Object], opener: Opener, options: &Options, mut keeper: Keeper<'_>, progress: &Progress) -> Result<Ingested, Error> {
    let done = catch_unwind(AssertUnwindSafe(|| read_objects(unit, opener, options, &mut keeper, progress)));
    if let Ok(reports) = done {
        return Ok(Ingested { reports: reports?, batches: keeper.kept });
    }
    keeper.kept.clear();
    let mut reports = Vec::new();
    for object in unit {
        let before = keeper.kept.len();
        let read = |keeper: &mut Keeper<'_>| read_objects(std::slice::from_ref(object), Opener::new([object]), options, keeper, progress);
        let alone = catch_unwind(AssertUnwindSafe(|| read(&mut keeper)));
        if let Ok(read) = alone {
            reports.extend(read?);
        } else {
            keeper.kept.truncate(before);
            reports.push(ObjectReport::defect(object));
        }
    }
    Ok(Ingested { reports, batches: keeper.kept })
}

fn read_objects(
    objects: &[Object],
    mut opener: Opener,
    options: &Options,
    keeper: &mut Keeper<'_>,
    progress: &Progress,
) -> Result<Vec<ObjectReport>, Error> {
    let mut worker = Worker::default();
    let bytes = objects.iter().map(|object| object.size).sum::<u64>();
    let mut builder = BatchBuilder::expecting(usize::try_from(bytes / EVENT_BYTES).unwrap_or(usize::MAX));
    let mut reports = Vec::with_capacity(objects.len());
    for pair in pairs(objects) {
        let read = worker.read(pair, &mut opener, options, &mut builder, keeper)?;
        progress.add(pair, &read);
        reports.extend(read);
    }
    keeper.keep(builder.finish()?)?;
    Ok(reports)
}

/// Gives the batches of one unit to the store as they come.
pub(crate) struct Keeper<'s> {
    store: &'s Store,
    unit: usize,
    kept: Vec<Held>,
}

impl Keeper<'_> {
    fn keep(&mut self, batches: impl IntoIterator<Item = Batch>) -> Result<(), Error> {
        for batch in batches {
            let held = self.store.keep(self.unit, self.kept.len(), batch)?;
            self.kept.push(held);
        }
        Ok(())
    }
}
