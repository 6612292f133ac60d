//! Going back to an object for the raw text of some of its records: evidence, and records that share an id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bumpalo::Bump;
use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::object::{WINDOW_BYTES, text_of};
use crate::event::csv;
use crate::event::envelope::{Found, RecordSpan, Sink, Walker};
use crate::source::gzip::{Inflate, Scratch};
use crate::source::{Budget, Object, disk};

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
/// A record that is no longer there, because its file has changed meanwhile, is left out.
pub fn revisit(objects: &[Object], wanted: &BTreeMap<Arc<str>, BTreeSet<u64>>, budget: Budget) -> Vec<RawRecord> {
    let wanted: Vec<(&Object, &BTreeSet<u64>)> =
        objects.iter().filter_map(|object| Some((object, wanted.get(&object.name)?))).collect();
    let found: Vec<Vec<RawRecord>> = wanted.par_iter().map(|(object, indices)| read_records(object, indices, budget)).collect();
    found.into_iter().flatten().collect()
}

fn read_records(object: &Object, wanted: &BTreeSet<u64>, budget: Budget) -> Vec<RawRecord> {
    let Ok(reader) = disk::open(object) else { return Vec::new() };
    let mut scratch = Scratch::default();
    let mut stream = Inflate::new(reader, &mut scratch, budget);
    let mut collector = Collector { object, wanted, found: Vec::new() };
    let (mut window, mut walker, mut repaired) = (Vec::new(), Walker::default(), false);
    loop {
        let target = window.len().saturating_add(WINDOW_BYTES);
        let more = stream.fill(&mut window, target);
        let arena = Bump::new();
        let text = text_of(&mut window, !more, &mut repaired);
        let done = walker.walk(text, !more, &arena, &mut collector);
        if walker.is_csv() && !more {
            csv::walk(text, &arena, &mut collector);
        }
        if !more || walker.is_stopped() && !walker.is_csv() || window.len() - done > budget.record_bytes && !walker.is_csv() {
            return collector.found;
        }
        window.drain(..done);
    }
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
