//! Hits: the events that match a rule, in the order of time, with their values;
//! and the making of findings from them.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;

use polars::prelude::{BooleanChunked, Column as FrameColumn, DataFrame, DataType, Int64Chunked, StringChunked};

use super::evidence::EvidenceList;
use super::finding::{Finding, Severity};
use super::matches::{Match, Matches, place};
use super::predicate::{Datum, Predicate};
use super::rule::Rule;
use super::template::{Facts, Word};
use crate::error::Error;
use crate::event::EventId;
use crate::frame::{Coded, CodedColumn, CodedTexts, Map, Texts};
use crate::schema::Column;
use crate::time::EventTime;

/// A value of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Value<'m> {
    Null,
    Text(&'m str),
    Int(i64),
    Flag(bool),
    Time(EventTime),
    /// A list, which is there and nothing more.
    List,
}

impl<'m> Value<'m> {
    /// The value as predicates see it; `None` for null.
    pub(super) fn datum(self) -> Option<Datum<'m>> {
        match self {
            Self::Null => None,
            Self::Text(text) => Some(Datum::Text(text.into())),
            Self::Int(number) => Some(Datum::Int(number)),
            Self::Flag(flag) => Some(Datum::Flag(flag)),
            Self::Time(_) | Self::List => Some(Datum::Opaque),
        }
    }

    /// The value as a sentence shows it; `None` for null.
    pub(super) fn shown(self) -> Option<String> {
        match self {
            Self::Null | Self::List => None,
            Self::Text(text) => Some(text.to_owned()),
            Self::Int(number) => Some(number.to_string()),
            Self::Flag(flag) => Some(flag.to_string()),
            Self::Time(time) => Some(time.to_string()),
        }
    }
}

/// The columns of a batch's matches, ready to be read by row.
#[derive(Debug)]
pub(super) struct Rows<'m> {
    columns: Map<&'m str, Cells<'m>>,
    /// The ids of matches; those of other events stand among the columns.
    ids: &'m [Option<EventId>],
}

/// The values of one column.
#[derive(Debug)]
pub(super) enum Cells<'m> {
    Text(&'m StringChunked),
    Words(&'m CodedTexts),
    Int(&'m Int64Chunked),
    Flag(&'m BooleanChunked),
    Time(&'m Int64Chunked),
    /// Whether there is a list.
    List(BooleanChunked),
}

impl<'m> Rows<'m> {
    /// Those of each batch.
    pub(super) fn of(matches: &'m [Matches]) -> Result<Vec<Self>, Error> {
        matches.iter().map(Self::of_batch).collect()
    }

    /// Those of one batch.
    pub(super) fn of_batch(matches: &'m Matches) -> Result<Self, Error> {
        let mut rows = Self { ids: &matches.ids, ..Self::new(&matches.frame)? };
        rows.columns.extend(matches.words.iter().map(|(name, words)| (name.as_str(), Cells::Words(words))));
        rows.columns.extend(matches.lists.iter().map(|(name, there)| (name.as_str(), Cells::List(there.clone()))));
        Ok(rows)
    }

    /// Those of a batch of events.
    pub(super) fn of_coded(batch: &'m Coded) -> Result<Self, Error> {
        let mut columns = Map::default();
        for (column, values) in batch.columns() {
            let cells = match values {
                CodedColumn::Texts(texts) => Some(Cells::Words(texts)),
                CodedColumn::Values(values) => Cells::of(values)?,
            };
            columns.extend(cells.map(|cells| (column.name(), cells)));
        }
        Ok(Self { columns, ids: &[] })
    }

    pub(super) fn new(frame: &'m DataFrame) -> Result<Self, Error> {
        let mut columns = Map::default();
        for column in frame.columns() {
            columns.extend(Cells::of(column)?.map(|cells| (column.name().as_str(), cells)));
        }
        Ok(Self { columns, ids: &[] })
    }

    /// Has texts that come again in the place of those of a column.
    #[cfg(test)]
    pub(super) fn code(&mut self, name: &'m str, texts: &'m CodedTexts) {
        self.columns.insert(name, Cells::Words(texts));
    }

    /// The values of a column or field, with its name; `None` where no row has one.
    pub(super) fn cells(&self, name: &str) -> Option<(&'m str, &Cells<'m>)> {
        self.columns.get_key_value(name).map(|(name, cells)| (*name, cells))
    }

    /// The truth of a predicate for one event.
    pub(super) fn truth(&self, predicate: &Predicate, row: usize) -> Option<bool> {
        predicate.truth(&|name| self.value(row, name).datum())
    }

    fn id(&self, row: usize) -> Option<EventId> {
        let of_text = || match self.value(row, Column::EventId.name()) {
            Value::Text(text) => Some(EventId::from(text)),
            _ => None,
        };
        self.ids.get(row).map_or_else(of_text, Clone::clone)
    }

    pub(super) fn value(&self, row: usize, name: &str) -> Value<'m> {
        let value = match self.columns.get(name) {
            Some(Cells::Text(cells)) => cells.get(row).map(Value::Text),
            Some(Cells::Words(words)) => words.get(row).map(Value::Text),
            Some(Cells::Int(cells)) => cells.get(row).map(Value::Int),
            Some(Cells::Flag(cells)) => cells.get(row).map(Value::Flag),
            Some(Cells::Time(cells)) => cells.get(row).and_then(EventTime::from_micros).map(Value::Time),
            Some(Cells::List(there)) => there.get(row).filter(|there| *there).map(|_| Value::List),
            None => None,
        };
        value.unwrap_or(Value::Null)
    }
}

impl<'m> Cells<'m> {
    fn of(column: &'m FrameColumn) -> Result<Option<Self>, Error> {
        Ok(Some(match column.dtype() {
            DataType::String => Self::Text(column.str()?),
            DataType::Int64 => Self::Int(column.i64()?),
            DataType::Boolean => Self::Flag(column.bool()?),
            DataType::Datetime(..) => Self::Time(column.datetime()?.physical()),
            DataType::List(_) => Self::List(column.is_not_null()),
            _ => return Ok(None),
        }))
    }
}

/// One event that matches a rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit<'m> {
    rows: &'m Rows<'m>,
    /// When it was.
    pub(super) time: Option<EventTime>,
    row: u32,
    /// The place of its group among all groups, once it has one.
    group: u32,
    /// For how many matching events it is counted.
    pub(super) stands_for: u32,
    /// How bad the rule calls it.
    pub(super) severity: Severity,
}

impl<'m> Hit<'m> {
    /// The event of that row.
    pub(super) fn new(rows: &'m Rows<'m>, found: Match) -> Self {
        let time = match rows.value(found.row(), Column::EventTime.name()) {
            Value::Time(time) => Some(time),
            _ => None,
        };
        Self { rows, row: found.row, group: 0, time, severity: found.severity, stands_for: found.stands_for }
    }

    /// The value of a column or field.
    pub(super) fn value(&self, name: &str) -> Value<'m> {
        self.rows.value(self.row(), name)
    }

    /// The value of a column.
    pub(super) fn column(&self, column: Column) -> Value<'m> {
        self.value(column.name())
    }

    /// Its row among the matches.
    pub(super) fn row(&self) -> usize {
        place(self.row)
    }

    /// It as a match, as it was given.
    pub(super) const fn found(&self) -> Match {
        Match { row: self.row, stands_for: self.stands_for, severity: self.severity }
    }

    /// Its place in the evidence, which no other event has.
    pub(super) fn place(&self) -> (Value<'m>, Value<'m>) {
        (self.column(Column::Object), self.column(Column::RecordIndex))
    }

    /// Whole seconds since 1970, which is CloudTrail's own resolution; the least number without a time.
    pub(super) fn epoch(&self) -> i64 {
        self.time.map_or(i64::MIN, EventTime::epoch)
    }

    /// The total order of events: by time (those without one last), id and place.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        let by = |column| self.column(column).cmp(&other.column(column));
        (self.time.is_none(), self.time)
            .cmp(&(other.time.is_none(), other.time))
            .then_with(|| self.rows.id(self.row()).cmp(&other.rows.id(other.row())))
            .then_with(|| by(Column::Object))
            .then_with(|| by(Column::RecordIndex))
    }

    fn text(&self, column: Column) -> Option<String> {
        self.column(column).shown()
    }

    /// Where it stands, and which event it is.
    fn evidence(&self) -> (&'m str, Option<u64>, Option<EventId>) {
        let object = match self.column(Column::Object) {
            Value::Text(object) => object,
            _ => "",
        };
        let index = match self.column(Column::RecordIndex) {
            Value::Int(index) => u64::try_from(index).ok(),
            _ => None,
        };
        (object, index, self.rows.id(self.row()))
    }
}

/// The hits of a condition in all batches, in order; `rows` are those of its matches.
pub(super) fn hits<'m>(matches: &'m [Matches], rows: &'m [Rows<'m>]) -> Vec<Hit<'m>> {
    let of_batch = |(matches, rows): (&'m Matches, &'m Rows<'m>)| matches.rows.iter().map(|found| Hit::new(rows, *found));
    // There may be as many as events, so that there is room for no more.
    let mut hits: Vec<Hit<'m>> = Vec::with_capacity(matches.iter().map(|matches| matches.rows.len()).sum());
    hits.extend(matches.iter().zip(rows).flat_map(of_batch));
    hits.sort_by(Hit::order);
    hits
}

/// Hits by the values of some columns and fields, where null is a value as any other.
#[derive(Debug)]
pub(super) struct Groups<'m> {
    /// Group by group, each in order.
    hits: Vec<Hit<'m>>,
}

impl<'m> Groups<'m> {
    /// Those of hits that are in order.
    pub(super) fn of(mut hits: Vec<Hit<'m>>, by: &[String]) -> Self {
        let mut numbers: BTreeMap<Vec<Value<'m>>, u32> = BTreeMap::new();
        let mut values = Vec::with_capacity(by.len());
        for hit in &mut hits {
            values.clear();
            values.extend(by.iter().map(|name| hit.value(name)));
            let known = numbers.get(values.as_slice()).copied();
            hit.group = known.unwrap_or_else(|| {
                let number = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
                *numbers.entry(values.clone()).or_insert(number)
            });
        }
        let mut ranks = vec![0; numbers.len()];
        for (rank, number) in (0..).zip(numbers.into_values()) {
            if let Some(place) = ranks.get_mut(place(number)) {
                *place = rank;
            }
        }
        hits.sort_by_key(|hit| ranks.get(place(hit.group)).copied().unwrap_or(u32::MAX));
        Self { hits }
    }

    /// The groups, in the order of their values.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[Hit<'m>]> {
        self.hits.chunk_by(|left, right| left.group == right.group)
    }
}

/// What a finding is besides its events.
#[derive(Debug, Default)]
pub(super) struct Extra<'f, 'm> {
    /// The number of distinct values.
    pub(super) distinct: u64,
    /// The sum of a number of each event.
    pub(super) sum: i64,
    /// The steps of a sequence with their events.
    pub(super) steps: Vec<(&'f str, Vec<Hit<'m>>)>,
    /// When the key was seen before.
    pub(super) last_seen: Option<EventTime>,
    /// How many whole days ago that was.
    pub(super) quiet: i64,
    /// The event that it is about, where the others only tell what was before.
    pub(super) about: Option<Hit<'m>>,
}

/// The events of a finding, for its message.
struct Told<'f, 'm> {
    hits: &'f [Hit<'m>],
    extra: &'f Extra<'f, 'm>,
}

impl<'f, 'm> Told<'f, 'm> {
    fn step(&self, name: &str) -> &'f [Hit<'m>] {
        let step = self.extra.steps.iter().find(|(step, _)| *step == name);
        step.map(|(_, hits)| hits.as_slice()).unwrap_or_default()
    }
}

impl Facts for Told<'_, '_> {
    fn each(&self, step: Option<&str>, name: &str, take: &mut dyn FnMut(Cow<'_, str>)) {
        for hit in step.map_or(self.hits, |step| self.step(step)) {
            match hit.value(name) {
                Value::Text(text) => take(Cow::Borrowed(text)),
                other => other.shown().into_iter().for_each(|value| take(Cow::Owned(value))),
            }
        }
    }

    fn step_count(&self, step: &str) -> u64 {
        u64::try_from(self.step(step).len()).unwrap_or(u64::MAX)
    }

    fn word(&self, word: Word) -> String {
        match word {
            Word::Count => self.hits.len().to_string(),
            Word::Distinct => self.extra.distinct.to_string(),
            Word::Sum => self.extra.sum.to_string(),
            Word::LastSeen => self.extra.last_seen.map_or_else(|| "-".to_owned(), |time| time.to_string()),
            Word::Quiet => self.extra.quiet.to_string(),
        }
    }
}

/// The finding that `hits` make, which are in order and not empty; `objects` has one copy of each object's name.
pub(super) fn finding(rule: &Rule, hits: &[Hit<'_>], extra: &Extra<'_, '_>, objects: &mut Texts) -> Finding {
    let about = extra.about.as_ref().map_or(hits, std::slice::from_ref);
    Finding {
        severity: about.iter().map(|hit| hit.severity).max().unwrap_or(rule.severity.default),
        account_id: shared(about, |hit| hit.text(Column::RecipientAccountId).or_else(|| hit.text(Column::UserAccountId))),
        region: shared(about, |hit| hit.text(Column::AwsRegion)),
        principal: shared(about, |hit| hit.text(Column::Principal)),
        source_ip_address: shared(about, |hit| hit.text(Column::SourceIpAddress)),
        event_name: shared(about, |hit| hit.text(Column::EventName)),
        first_time: hits.iter().find_map(|hit| hit.time),
        last_time: hits.iter().rev().find_map(|hit| hit.time),
        count: u64::try_from(hits.len()).unwrap_or(u64::MAX),
        message: rule.message.as_ref().map(|message| message.fill(&Told { hits: about, extra })).unwrap_or_default(),
        evidence: EvidenceList::new(hits.iter().map(Hit::evidence), Vec::new(), objects),
        ..Finding::of(rule)
    }
}

/// The value that all hits have; `None` where they differ.
fn shared(hits: &[Hit<'_>], value: impl Fn(&Hit<'_>) -> Option<String>) -> Option<String> {
    let mut values = hits.iter().map(value);
    let first = values.next().flatten()?;
    values.all(|value| value.as_ref() == Some(&first)).then_some(first)
}
