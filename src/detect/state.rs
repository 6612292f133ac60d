//! Rules of kind `state`: rows of a table that is made of all events together.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::evidence::{Evidence, EvidenceKind, EvidenceList};
use super::finding::{Finding, Integrity, Severity};
use super::predicate::{Datum, Predicate};
use super::rule::{Logic, Rule};
use super::template::{Facts, Word};
use crate::error::Error;
use crate::event::EventId;
use crate::frame::Texts;
use crate::iam::tables::{CHANGE_COLUMNS, DRIFT_COLUMNS, STATE_COLUMNS};
use crate::schema::Column;
use crate::session::{Cell, EventPlace, SESSION_COLUMNS, SnapshotPlace, StateColumn, StateRow, StateTable, USER_COLUMNS};

/// The tables that can be asked, with their columns.
pub(super) const TABLES: [(&str, &[StateColumn]); 5] = [
    ("users", USER_COLUMNS),
    ("sessions", SESSION_COLUMNS),
    ("iam_changes", CHANGE_COLUMNS),
    ("iam_state", STATE_COLUMNS),
    ("drift", DRIFT_COLUMNS),
];

/// The columns of the table of that name, if it can be asked.
pub(super) fn columns_of(table: &str) -> Option<&'static [StateColumn]> {
    TABLES.into_iter().find(|(name, _)| *name == table).map(|(_, columns)| columns)
}

/// A `state` rule on one table, and what of the table's rows it has found so far.
#[derive(Debug)]
pub(super) struct Asked<'r> {
    /// The rule.
    pub(super) rule: &'r Rule,
    condition: &'r Predicate,
    by: &'r [String],
    /// The rows that match, where several may share a finding.
    matching: Vec<StateRow>,
    findings: Vec<Finding>,
    objects: Texts,
}

impl<'r> Asked<'r> {
    /// The rule, if it is about that table.
    pub(super) fn of(rule: &'r Rule, table: &StateTable<'_>) -> Option<Self> {
        let Logic::State { table: name, condition, by } = &rule.logic else { return None };
        let of_it = || Self { rule, condition, by, matching: Vec::new(), findings: Vec::new(), objects: Texts::default() };
        (name == table.name).then(of_it)
    }

    /// Looks at a row.
    fn take(&mut self, row: Row<'_>) {
        if !row.matches(self.condition) {
            return;
        }
        if self.by.is_empty() {
            self.findings.push(finding(self.rule, &[row], &mut self.objects));
        } else {
            self.matching.push(row.row.clone());
        }
    }

    /// The findings: one for each row that matched, or for the rows that share the values of `by`.
    ///
    /// A finding's evidence are the events that its rows rest on, each once, in the order of time, and then places in snapshots.
    pub(super) fn findings(mut self, columns: &[StateColumn]) -> Vec<Finding> {
        let mut groups: BTreeMap<Vec<Option<Datum<'_>>>, Vec<Row<'_>>> = BTreeMap::new();
        for row in self.matching.iter().map(|row| Row { columns, row }) {
            groups.entry(self.by.iter().map(|name| datum(row.cell(name))).collect()).or_default().push(row);
        }
        self.findings.extend(groups.values().map(|rows| finding(self.rule, rows, &mut self.objects)));
        self.findings
    }
}

/// The rules on a table, after all of its rows, which are made once for all of them.
pub(super) fn ask<'r>(rules: impl Iterator<Item = &'r Rule>, table: &StateTable<'_>) -> Result<Vec<Asked<'r>>, Error> {
    let mut asked: Vec<Asked<'r>> = rules.filter_map(|rule| Asked::of(rule, table)).collect();
    if !asked.is_empty() {
        table.each(|row| {
            let row = Row { columns: table.columns, row: &row };
            for rule in &mut asked {
                rule.take(row);
            }
            Ok(())
        })?;
    }
    Ok(asked)
}

/// A row with the names of its cells.
#[derive(Debug, Clone, Copy)]
struct Row<'t> {
    columns: &'t [StateColumn],
    row: &'t StateRow,
}

impl<'t> Row<'t> {
    fn cell(&self, name: &str) -> &'t Cell {
        let place = self.columns.iter().position(|column| column.name == name);
        place.and_then(|place| self.row.cells.get(place)).unwrap_or(&Cell::Null)
    }

    fn matches(&self, condition: &Predicate) -> bool {
        condition.truth(&|name| datum(self.cell(name))) == Some(true)
    }

    fn severity(&self, rule: &Rule) -> Severity {
        let level = rule.severity.levels.iter().find(|(_, condition)| self.matches(condition));
        level.map_or(rule.severity.default, |(level, _)| *level)
    }
}

fn datum(cell: &Cell) -> Option<Datum<'_>> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(Datum::Text(text.as_str().into())),
        Cell::Int(number) => Some(Datum::Int(*number)),
        Cell::Flag(flag) => Some(Datum::Flag(*flag)),
        Cell::Time(_) => Some(Datum::Opaque),
    }
}

fn shown(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Null => None,
        Cell::Text(text) => Some(text.clone()),
        Cell::Int(number) => Some(number.to_string()),
        Cell::Flag(flag) => Some(flag.to_string()),
        Cell::Time(time) => Some(time.to_string()),
    }
}

/// The rows of a finding, for its message.
struct Told<'f, 't>(&'f [Row<'t>]);

impl Facts for Told<'_, '_> {
    fn each(&self, _: Option<&str>, name: &str, take: &mut dyn FnMut(Cow<'_, str>)) {
        self.0.iter().filter_map(|row| shown(row.cell(name))).for_each(|value| take(Cow::Owned(value)));
    }

    fn step_count(&self, _: &str) -> u64 {
        0
    }

    fn word(&self, word: Word) -> String {
        if word == Word::Count { self.0.len().to_string() } else { String::new() }
    }
}

fn finding(rule: &Rule, rows: &[Row<'_>], objects: &mut Texts) -> Finding {
    let mut places: Vec<&EventPlace> = rows.iter().flat_map(|row| &row.row.evidence).collect();
    places.sort_by(|left, right| left.order(right));
    let mut known = HashSet::new();
    places.retain(|place| known.insert((&place.object, place.record_index)));
    let snapshots: BTreeSet<&SnapshotPlace> = rows.iter().flat_map(|row| &row.row.snapshots).collect();
    // Items of drift have names of their own for some columns.
    let shared = |names: &[&str]| {
        let of_row = |row: &Row<'_>| names.iter().find_map(|name| shown(row.cell(name)));
        let first = rows.first().and_then(of_row)?;
        rows.iter().all(|row| of_row(row).as_ref() == Some(&first)).then_some(first)
    };
    Finding {
        severity: rows.iter().map(|row| row.severity(rule)).max().unwrap_or(rule.severity.default),
        account_id: shared(&[Column::RecipientAccountId.name(), "account"]),
        principal: shared(&[Column::Principal.name(), "session_issuer", "actor_arn"]),
        region: shared(&[Column::AwsRegion.name(), "region"]),
        source_ip_address: shared(&[Column::SourceIpAddress.name(), "source_ip"]),
        event_name: shared(&[Column::EventName.name()]),
        first_time: places.iter().find_map(|place| place.time),
        last_time: places.iter().rev().find_map(|place| place.time),
        count: u64::try_from(rows.len()).unwrap_or(u64::MAX),
        message: rule.message.as_ref().map(|message| message.fill(&Told(rows))).unwrap_or_default(),
        evidence: EvidenceList::new(places.into_iter().map(piece), snapshots.into_iter().map(snapshot_evidence).collect(), objects),
        ..Finding::of(rule)
    }
}

fn piece(place: &EventPlace) -> (&str, Option<u64>, Option<EventId>) {
    (&place.object, Some(place.record_index), place.event_id.as_deref().map(EventId::from))
}

fn snapshot_evidence(place: &SnapshotPlace) -> Evidence {
    Evidence {
        kind: EvidenceKind::Snapshot,
        object: place.file.as_str().into(),
        record_index: None,
        pointer: Some(place.pointer.as_str().into()),
        event_id: None,
        integrity: Integrity::NotChecked,
    }
}
