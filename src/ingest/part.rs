//! [`Part`]: what has been met in an object, or in a piece of one, so far.

use polars::error::{PolarsError, PolarsResult};

use super::Options;
use crate::event::Event;
use crate::event::envelope::{Found, RecordSpan, Sink};
use crate::frame::{Batch, BatchBuilder};
use crate::problem::{Place, Problem, ProblemKind};
use crate::schema::Column;
use crate::source::{Object, sha256_hex};
use crate::time::EventTime;

/// Counts and lists of one object or piece; pieces are joined in order.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) loaded: u64,
    pub(super) filtered: u64,
    pub(super) problems: Listed,
    pub(super) notices: Listed,
    pub(super) foreign: Listed,
    pub(super) first_event: Option<EventTime>,
    pub(super) last_event: Option<EventTime>,
}

impl Part {
    pub(super) fn join(&mut self, next: Self, limit: usize) {
        self.loaded += next.loaded;
        self.filtered += next.filtered;
        self.problems.join(next.problems, limit);
        self.notices.join(next.notices, limit);
        self.foreign.join(next.foreign, limit);
        self.first_event = [self.first_event, next.first_event].into_iter().flatten().min();
        self.last_event = self.last_event.max(next.last_event);
    }
}

/// Problems: all counted, the first of them listed.
#[derive(Debug, Default)]
pub(super) struct Listed {
    pub(super) count: u64,
    list: Vec<Problem>,
}

impl Listed {
    pub(super) fn push(&mut self, problem: Problem, limit: usize) {
        self.count += 1;
        if self.list.len() < limit {
            self.list.push(problem);
        }
    }

    fn join(&mut self, next: Self, limit: usize) {
        self.count += next.count;
        self.list.extend(next.list.into_iter().take(limit.saturating_sub(self.list.len())));
    }

    pub(super) fn first_message(&self) -> Option<&str> {
        self.list.first().map(|problem| problem.message.as_str())
    }

    /// The list, with a last entry for those that were only counted.
    pub(super) fn into_list(mut self) -> Vec<Problem> {
        let unlisted = self.count.saturating_sub(u64::try_from(self.list.len()).unwrap_or(u64::MAX));
        if let Some(last) = self.list.last().filter(|_| unlisted > 0).cloned() {
            let message = format!("{unlisted} more in this object are counted and not listed");
            self.list.push(Problem { place: Place { record_index: None, offset: None, ..last.place }, message, ..last });
        }
        self.list
    }
}

/// Takes the records of one object or piece into a batch builder.
pub(super) struct Loader<'o, 'b> {
    pub(super) object: &'o Object,
    pub(super) options: &'o Options,
    pub(super) part: Part,
    pub(super) builder: &'b mut BatchBuilder,
    pub(super) batches: &'b mut Vec<Batch>,
    /// Whether bytes that are not UTF-8 have been replaced by U+0001 in the text.
    pub(super) repaired: bool,
    pub(super) failure: Option<PolarsError>,
}

impl<'a, 'o: 'a> Sink<'a> for Loader<'o, '_> {
    fn record(&mut self, span: RecordSpan<'a>, found: Found<'_, 'a>) {
        let limit = self.options.budget.listed_problems;
        match found {
            // JSON refuses the byte that stands in for one that is not UTF-8; a CSV cell does not.
            Found::Event(..) | Found::Problem(..) if self.repaired && span.raw.contains('\u{1}') => {
                let message = "the record holds bytes that are not UTF-8".to_owned();
                self.part.problems.push(self.problem(&span, ProblemKind::NotUtf8, message), limit);
            }
            Found::Event(event, envelope) => self.load(&span, event, envelope),
            Found::Foreign(what) => self.part.foreign.push(self.problem(&span, ProblemKind::NotAnEvent, what.to_owned()), limit),
            Found::Problem(kind, message) => self.part.problems.push(self.problem(&span, kind, message), limit),
        }
    }
}

impl<'o> Loader<'o, '_> {
    fn problem(&self, span: &RecordSpan<'_>, kind: ProblemKind, message: String) -> Problem {
        let place = Place { object: self.object.name.clone(), record_index: Some(span.index), offset: Some(span.offset) };
        Problem { place, kind, message }
    }

    fn load<'a>(&mut self, span: &RecordSpan<'a>, event: &mut Event<'a>, envelope: &'static str)
    where
        'o: 'a,
    {
        if !self.options.filter.keeps(event) {
            self.part.filtered += 1;
            return;
        }
        for (kind, message) in event.notices() {
            let notice = self.problem(span, *kind, message.clone());
            self.part.notices.push(notice, self.options.budget.listed_problems);
        }
        if let Some(time) = event.time(Column::EventTime) {
            self.part.first_event = Some(self.part.first_event.map_or(time, |first| first.min(time)));
            self.part.last_event = self.part.last_event.max(Some(time));
        }
        event.set_text(Column::Object, &self.object.name);
        event.set_int(Column::RecordIndex, i64::try_from(span.index).unwrap_or(i64::MAX));
        event.set_text(Column::Envelope, envelope);
        if let Some(key) = &self.object.key {
            event.set_text(Column::FileAccountId, &key.account_id);
            event.set_text(Column::FileRegion, &key.region);
            event.set_time(Column::FileDeliveryTime, key.delivery_time);
        }
        if !event.has(Column::EventId) {
            let hex = sha256_hex(span.raw.as_bytes());
            event.set_made(Column::RecordSha256, format_args!("{hex}"));
        }
        let batch = self.builder.push(event);
        self.take(batch);
        self.part.loaded += 1;
    }

    /// Makes a batch of what has been collected.
    pub(super) fn flush(&mut self) {
        let batch = self.builder.finish();
        self.take(batch);
    }

    fn take(&mut self, batch: PolarsResult<Option<Batch>>) {
        match batch {
            Ok(batch) => self.batches.extend(batch),
            Err(error) => self.failure = Some(error),
        }
    }
}
