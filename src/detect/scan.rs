//! The scan: which events of a batch match which conditions of the rules.
//!
//! First are found the events that pass the upper bound of a condition, which needs plain columns only. Events that pass any
//! bound are taken out with the columns that findings need; on these few the fields are extracted and the conditions that
//! name fields are asked.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::IdxSize;

use super::ends::Ends;
use super::fields::Extractor;
use super::hits::Rows;
use super::matches::{Match, Matches, place};
use super::predicate::Predicate;
use super::rule::Rule;
use super::select::Selector;
use crate::error::Error;
use crate::frame::Coded;
use crate::schema::Column;

/// The columns that every finding needs.
const ALWAYS: [Column; 9] = [
    Column::EventTime,
    Column::EventId,
    Column::Object,
    Column::RecordIndex,
    Column::RecipientAccountId,
    Column::UserAccountId,
    Column::AwsRegion,
    Column::Principal,
    Column::SourceIpAddress,
];

/// One condition of a rule on events.
#[derive(Debug, Clone)]
pub(super) struct Watch<'r> {
    /// The rule.
    pub(super) rule: &'r Rule,
    /// Its place among the conditions of all rules.
    pub(super) id: usize,
    /// What has to hold of the event, which names nothing from outside it.
    pub(super) condition: Predicate,
    /// Which of the matches are kept, where not all of them are.
    pub(super) ends: Option<Ends<'r>>,
}

impl Watch<'_> {
    /// Whether its matches can be thinned out before any field is known.
    fn thins_early(&self) -> bool {
        self.condition.fields().is_empty() && self.ends.is_some_and(|ends| ends.is_plain())
    }
}

/// What is computed for every batch, made once from all conditions.
#[derive(Debug)]
pub(super) struct Plan<'r> {
    watches: Vec<Planned<'r>>,
    /// The columns that the bounds name.
    bounded: BTreeSet<Column>,
    kept: BTreeSet<Column>,
    extractor: Extractor,
}

/// A condition on events, and what it needs.
#[derive(Debug)]
struct Planned<'r> {
    watch: Watch<'r>,
    /// What holds of the plain columns of all its matches.
    bound: Predicate,
    roots: BTreeSet<Column>,
    /// The columns and fields of its matches that are looked at after the scan.
    shown: BTreeSet<String>,
    /// Whether its condition names fields, so that the bound is not the whole answer.
    refined: bool,
}

impl<'r> Plan<'r> {
    /// The plan for those conditions.
    pub(super) fn new(watches: Vec<Watch<'r>>) -> Self {
        let mut fields = BTreeMap::new();
        let mut kept = BTreeSet::from(ALWAYS);
        kept.insert(Column::EventName);
        let mut plan = Self { watches: Vec::new(), bounded: BTreeSet::new(), kept, extractor: Extractor::default() };
        for watch in watches {
            let (rule, condition) = (watch.rule, &watch.condition);
            let refined = !condition.fields().is_empty();
            let bound = Predicate::All(vec![condition.weaken(), Predicate::not_insight()]);
            plan.bounded.extend(bound.columns());
            let conditions = || std::iter::once(condition).chain(rule.level_conditions());
            plan.kept.extend(rule.names().into_iter().filter_map(Column::from_name));
            plan.kept.extend(conditions().filter(|_| refined || !rule.severity.levels.is_empty()).flat_map(Predicate::columns));
            // What is compared with bound values is looked at once these are known.
            plan.kept.extend(later_columns(rule));
            fields.extend(rule.fields.iter().map(|(name, path)| (name.as_str(), path)));
            plan.watches.push(Planned { bound, roots: roots(rule), shown: shown(rule), refined, watch });
        }
        plan.extractor = Extractor::new(fields);
        plan
    }

    /// The columns that a scan looks at.
    pub(super) fn columns(&self) -> Vec<Column> {
        let mut columns = &self.bounded | &self.kept;
        columns.extend(self.extractor.roots());
        columns.into_iter().collect()
    }

    /// Finds the matches of a batch, which has these columns.
    pub(super) fn scan(&self, batch: &Coded) -> Result<Vec<Matches>, Error> {
        let rows = Rows::of_coded(batch)?;
        let mut selector = Selector::new(&rows, batch.height());
        let mut found: Vec<Vec<Match>> = self.watches.iter().map(|planned| planned.bounded(&mut selector, &rows)).collect();
        let mut is_found = vec![false; batch.height()];
        for found in found.iter().flatten() {
            if let Some(is_found) = is_found.get_mut(found.row()) {
                *is_found = true;
            }
        }
        let taken: Vec<IdxSize> = (0..).zip(is_found).filter(|(_, is_found)| *is_found).map(|(row, _)| row).collect();
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        let mut places = vec![0; batch.height()];
        for (number, row) in (0..).zip(&taken) {
            if let Some(slot) = places.get_mut(place(*row)) {
                *slot = number;
            }
        }
        for found in found.iter_mut().flatten() {
            found.row = places.get(found.row()).copied().unwrap_or(u32::MAX);
        }
        let roots: BTreeSet<Column> = self.extractor.roots().collect();
        let mut frame = batch.take(self.kept.union(&roots).copied(), &taken)?;
        self.extractor.extract(&mut frame, &self.wanted(&found, taken.len()))?;
        for root in roots.difference(&self.kept) {
            frame.drop_in_place(root.name())?;
        }
        let rows = Rows::new(&frame)?;
        let found = self.watches.iter().zip(found).map(|(planned, found)| (planned, planned.refined(found, &rows)));
        // A rule's matches are kept by themselves: the columns of all rules together would be many times as much.
        let found = found.filter(|(_, found)| !found.is_empty());
        found.map(|(planned, found)| Matches::of(planned.watch.id, &planned.shown, &frame, found)).collect()
    }

    /// The rows in which the fields of each root column are wanted.
    fn wanted(&self, found: &[Vec<Match>], height: usize) -> BTreeMap<Column, Vec<bool>> {
        let mut wanted: BTreeMap<Column, Vec<bool>> = BTreeMap::new();
        for (planned, found) in self.watches.iter().zip(found) {
            for root in &planned.roots {
                let rows = wanted.entry(*root).or_insert_with(|| vec![false; height]);
                for found in found {
                    if let Some(is_wanted) = rows.get_mut(found.row()) {
                        *is_wanted = true;
                    }
                }
            }
        }
        wanted
    }
}

impl Planned<'_> {
    /// The events of a batch that pass the bound, those that can matter.
    fn bounded<'m>(&self, selector: &mut Selector<'m>, rows: &'m Rows<'m>) -> Vec<Match> {
        let severity = self.watch.rule.severity.default;
        let found = selector.select(&self.bound).into_iter().map(|row| Match { row, stands_for: 1, severity });
        match self.watch.ends.filter(|_| self.watch.thins_early()) {
            Some(ends) => ends.thin(rows, found).into_values().collect(),
            None => found.collect(),
        }
    }

    /// Those of them for which the condition itself is true, with how bad each is.
    fn refined(&self, mut found: Vec<Match>, rows: &Rows<'_>) -> Vec<Match> {
        let is_true = |predicate: &Predicate, found: &Match| rows.truth(predicate, found.row()) == Some(true);
        if self.refined {
            found.retain(|found| is_true(&self.watch.condition, found));
        }
        for found in &mut found {
            let level = self.watch.rule.severity.levels.iter().find(|(_, condition)| is_true(condition, found));
            found.severity = level.map_or(found.severity, |(severity, _)| *severity);
        }
        match self.watch.ends.filter(|_| !self.watch.thins_early()) {
            Some(ends) => ends.thin(rows, found.into_iter()).into_values().collect(),
            None => found,
        }
    }
}

/// The columns of a rule's conditions that name values of other events.
fn later_columns(rule: &Rule) -> impl Iterator<Item = Column> {
    rule.conditions().into_iter().filter(|condition| !condition.outside().is_empty()).flat_map(Predicate::columns)
}

/// The names of all that is looked at of a rule's matches.
fn shown(rule: &Rule) -> BTreeSet<String> {
    // All matches have their ids, as such and not as texts.
    let always = ALWAYS.into_iter().filter(|column| *column != Column::EventId);
    let columns = always.chain([Column::EventName]).chain(later_columns(rule));
    let names = rule.names().into_iter().chain(rule.fields.keys().map(String::as_str));
    columns.map(|column| column.name().to_owned()).chain(names.map(str::to_owned)).collect()
}

/// The columns that the fields of a rule are taken from.
fn roots(rule: &Rule) -> BTreeSet<Column> {
    rule.fields.values().map(super::fields::FieldPath::root).collect()
}
