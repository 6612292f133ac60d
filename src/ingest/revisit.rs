//! Going back to an object for the raw text of some of its records: evidence, and records that share an id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bumpalo::Bump;
use rayon::ThreadPool;
use rayon::prelude::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

use super::object::{WINDOW_BYTES, text_of};
use super::{ObjectReport, Options, pool};
use crate::error::Error;
use crate::event::csv;
use crate::event::envelope::{Found, RecordSpan, Sink, Walker};
use crate::problem::ProblemKind;
use crate::source::gzip::{Inflate, Scratch};
use crate::source::{Budget, Object, Opener, Openers, Sha256};

/// The bytes of one record as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawRecord {
    /// The object that holds it.
    pub object: Arc<str>,
    /// Its place among the object's records.
    pub record_index: u64,
    /// Bytes of the inflated object before it.
    pub offset: u64,
    /// Its text.
    pub text: String,
}

/// The raw text of the records at the wanted places, in the order of the places.
///
/// The records of a file that has changed since its report was made are left out, as they may be others. Some objects
/// are read at a time, so that no more than the wanted records of these are held.
#[derive(Debug)]
pub struct Revisit<'c> {
    /// What is yet to be read.
    wanted: std::vec::IntoIter<Wanted<'c>>,
    ready: std::vec::IntoIter<RawRecord>,
    pool: ThreadPool,
    budget: Budget,
}

/// An object, what was found in it, and the places of the records that are wanted.
type Wanted<'c> = (&'c Object, &'c ObjectReport, BTreeSet<u64>);

/// Objects that are read side by side, and fetched together where they are in S3.
const OBJECTS_AT_ONCE: usize = 64;

impl<'c> Revisit<'c> {
    /// Goes back to `objects`, each of which has a report.
    ///
    /// # Errors
    /// [`Error::Setting`] where the threads cannot be started.
    pub fn new(
        objects: &'c [Object],
        reports: &'c [ObjectReport],
        mut places: BTreeMap<Arc<str>, BTreeSet<u64>>,
        options: &Options,
    ) -> Result<Self, Error> {
        let wanted: Vec<Wanted<'c>> =
            objects.iter().zip(reports).filter_map(|(object, report)| Some((object, report, places.remove(&object.name)?))).collect();
        Ok(Self { wanted: wanted.into_iter(), ready: Vec::new().into_iter(), pool: pool(options)?, budget: options.budget })
    }

    fn read(&self, wanted: &[Wanted<'c>]) -> Vec<RawRecord> {
        let units: Vec<&[Object]> = wanted.iter().map(|(object, ..)| std::slice::from_ref(*object)).collect();
        let openers = Openers::new(&units, OBJECTS_AT_ONCE);
        let read = |(number, (object, report, indices)): (usize, &Wanted<'c>)| {
            let (records, sha256) = read_records(object, openers.take(number), indices, self.budget);
            let same = report.bytes.as_ref().is_some_and(|bytes| bytes.sha256.is_some() && bytes.sha256 == sha256);
            if same { records } else { Vec::new() }
        };
        let found: Vec<Vec<RawRecord>> = self.pool.install(|| wanted.par_iter().enumerate().map(read).collect());
        found.into_iter().flatten().collect()
    }
}

impl Iterator for Revisit<'_> {
    type Item = RawRecord;

    fn next(&mut self) -> Option<RawRecord> {
        loop {
            if let Some(record) = self.ready.next() {
                return Some(record);
            }
            let next: Vec<Wanted<'_>> = self.wanted.by_ref().take(OBJECTS_AT_ONCE).collect();
            if next.is_empty() {
                return None;
            }
            self.ready = self.read(&next).into_iter();
        }
    }
}

/// The wanted records, and the SHA-256 of the whole object.
fn read_records(object: &Object, mut opener: Opener, wanted: &BTreeSet<u64>, budget: Budget) -> (Vec<RawRecord>, Option<Sha256>) {
    let Ok(reader) = opener.open_next(object) else { return (Vec::new(), None) };
    let mut scratch = Scratch::default();
    let mut stream = Inflate::new(reader, &mut scratch, budget);
    let mut collector = Collector { object, wanted, found: Vec::new() };
    let (mut window, mut walker, mut repaired) = (Vec::new(), Walker::default(), false);
    let whole = usize::try_from(budget.whole_bytes).unwrap_or(usize::MAX);
    let mut more = true;
    while more {
        let target = window.len().saturating_add(WINDOW_BYTES);
        more = stream.fill(&mut window, target);
        let arena = Bump::new();
        let (text, _) = text_of(&mut window, !more, &mut repaired);
        let mut done = walker.walk(text, !more, &arena, &mut collector);
        if walker.is_csv() {
            // A download is read whole, with what stands before its header.
            done = 0;
        }
        if walker.is_csv() && (!more || text.len() >= whole) {
            csv::walk(text, &arena, &mut collector);
            walker.give_up(ProblemKind::Limit, String::new());
        }
        if !walker.is_csv() && window.len() - done > budget.record_bytes {
            walker.give_up(ProblemKind::Limit, String::new());
        }
        if walker.is_stopped() && !walker.is_csv() {
            // Only the hash of what follows is of use.
            done = window.len();
        }
        window.drain(..done);
    }
    (collector.found, stream.finish().sha256)
}

struct Collector<'o> {
    object: &'o Object,
    wanted: &'o BTreeSet<u64>,
    found: Vec<RawRecord>,
}

impl<'a> Sink<'a> for Collector<'_> {
    fn record(&mut self, span: RecordSpan<'a>, _: Found<'_, 'a>) {
        if self.wanted.contains(&span.index) {
            let object = self.object.name.clone();
            self.found.push(RawRecord { object, record_index: span.index, offset: span.offset, text: span.raw.to_owned() });
        }
    }
}
