//! Hits: the events that match a rule, in the order of time, with their values;
//! and the making of findings from them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};

use polars::prelude::{BooleanChunked, DataFrame, DataType, Int64Chunked, StringChunked};

use super::finding::{Evidence, EvidenceKind, Finding, Integrity, Severity};
use super::rule::Rule;
use super::scan::Matches;
use crate::error::Error;
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
}

impl Value<'_> {
    /// The value as a sentence shows it; `None` for null.
    pub(super) fn shown(self) -> Option<String> {
        match self {
            Self::Null => None,
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
    columns: HashMap<&'m str, Cells<'m>>,
}

#[derive(Debug)]
enum Cells<'m> {
    Text(&'m StringChunked),
    Int(&'m Int64Chunked),
    Flag(&'m BooleanChunked),
    Time(&'m Int64Chunked),
}

impl<'m> Rows<'m> {
    pub(super) fn new(frame: &'m DataFrame) -> Result<Self, Error> {
        let mut columns = HashMap::new();
        for column in frame.columns() {
            let cells = match column.dtype() {
                DataType::String => Cells::Text(column.str()?),
                DataType::Int64 => Cells::Int(column.i64()?),
                DataType::Boolean => Cells::Flag(column.bool()?),
                DataType::Datetime(..) => Cells::Time(column.datetime()?.physical()),
                _ => continue,
            };
            columns.insert(column.name().as_str(), cells);
        }
        Ok(Self { columns })
    }

    fn value(&self, row: usize, name: &str) -> Value<'m> {
        let value = match self.columns.get(name) {
            Some(Cells::Text(cells)) => cells.get(row).map(Value::Text),
            Some(Cells::Int(cells)) => cells.get(row).map(Value::Int),
            Some(Cells::Flag(cells)) => cells.get(row).map(Value::Flag),
            Some(Cells::Time(cells)) => cells.get(row).and_then(EventTime::from_micros).map(Value::Time),
            None => None,
        };
        value.unwrap_or(Value::Null)
    }
}

/// One event that matches a rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit<'m> {
    rows: &'m Rows<'m>,
    row: usize,
    /// When it was.
    pub(super) time: Option<EventTime>,
    /// How bad the rule calls it.
    pub(super) severity: Severity,
}

impl<'m> Hit<'m> {
    /// The value of a column or field.
    pub(super) fn value(&self, name: &str) -> Value<'m> {
        self.rows.value(self.row, name)
    }

    fn column(&self, column: Column) -> Value<'m> {
        self.value(column.name())
    }

    /// The total order of events: by time (those without one last), id and place.
    fn order(&self, other: &Self) -> Ordering {
        let by = |column| self.column(column).cmp(&other.column(column));
        (self.time.is_none(), self.time)
            .cmp(&(other.time.is_none(), other.time))
            .then_with(|| by(Column::EventId))
            .then_with(|| by(Column::Object))
            .then_with(|| by(Column::RecordIndex))
    }

    fn text(&self, column: Column) -> Option<String> {
        self.column(column).shown()
    }

    fn evidence(&self) -> Evidence {
        let index = match self.column(Column::RecordIndex) {
            Value::Int(index) => u64::try_from(index).ok(),
            _ => None,
        };
        Evidence {
            kind: EvidenceKind::Event,
            object: self.text(Column::Object).unwrap_or_default(),
            record_index: index,
            pointer: None,
            event_id: self.text(Column::EventId),
            integrity: Integrity::NotChecked,
        }
    }
}

/// The hits of a rule over all batches, in order.
pub(super) fn hits<'m>(matches: &[Matches], rows: &'m [Rows<'m>], number: usize) -> Vec<Hit<'m>> {
    let mut hits = Vec::new();
    for (matches, rows) in matches.iter().zip(rows) {
        for (row, severity) in matches.rows.get(number).into_iter().flatten() {
            let time = match rows.value(*row, Column::EventTime.name()) {
                Value::Time(time) => Some(time),
                _ => None,
            };
            hits.push(Hit { rows, row: *row, time, severity: *severity });
        }
    }
    hits.sort_by(Hit::order);
    hits
}

/// The hits by the values of some columns and fields, where null is a value as any other; each group in order.
pub(super) fn grouped<'m>(hits: Vec<Hit<'m>>, by: &[String]) -> BTreeMap<Vec<Value<'m>>, Vec<Hit<'m>>> {
    let mut groups: BTreeMap<Vec<Value<'m>>, Vec<Hit<'m>>> = BTreeMap::new();
    for hit in hits {
        groups.entry(by.iter().map(|name| hit.value(name)).collect()).or_default().push(hit);
    }
    groups
}

/// The finding that `hits` make, which are in order and not empty.
pub(super) fn finding(rule: &Rule, hits: &[Hit<'_>], distinct: u64) -> Finding {
    let count = u64::try_from(hits.len()).unwrap_or(u64::MAX);
    let values = |name: &str| hits.iter().map(|hit| hit.value(name).shown()).collect();
    let evidence: Vec<Evidence> = hits.iter().map(Hit::evidence).collect();
    let mut known = HashSet::new();
    let ids = evidence.iter().filter_map(|evidence| evidence.event_id.as_ref());
    let event_ids = ids.filter(|id| known.insert(id.as_str())).cloned().collect();
    Finding {
        rule_id: rule.id.clone(),
        title: rule.title.clone(),
        severity: hits.iter().map(|hit| hit.severity).max().unwrap_or(rule.severity.default),
        family: rule.family().to_owned(),
        kind: rule.kind(),
        attack: rule.attack.clone(),
        cis: rule.cis.clone(),
        account_id: shared(hits, |hit| hit.text(Column::RecipientAccountId).or_else(|| hit.text(Column::UserAccountId))),
        region: shared(hits, |hit| hit.text(Column::AwsRegion)),
        principal: shared(hits, |hit| hit.text(Column::Principal)),
        source_ip_address: shared(hits, |hit| hit.text(Column::SourceIpAddress)),
        event_name: shared(hits, |hit| hit.text(Column::EventName)),
        first_time: hits.iter().find_map(|hit| hit.time),
        last_time: hits.iter().rev().find_map(|hit| hit.time),
        count,
        message: rule.message.as_ref().map(|message| message.fill(count, distinct, values)).unwrap_or_default(),
        event_ids,
        evidence,
        false_positives: rule.false_positives.clone(),
        next_steps: rule.next_steps.clone(),
        source: rule.source.clone(),
        author: rule.author.clone(),
        license: rule.license.clone(),
    }
}

/// The value that all hits have; `None` where they differ.
fn shared(hits: &[Hit<'_>], value: impl Fn(&Hit<'_>) -> Option<String>) -> Option<String> {
    let mut values = hits.iter().map(value);
    let first = values.next().flatten()?;
    values.all(|value| value.as_ref() == Some(&first)).then_some(first)
}
