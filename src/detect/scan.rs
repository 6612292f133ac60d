//! The scan: which events of a batch match which conditions of the rules.
//!
//! One select computes for every event the upper bounds of all conditions, which
//! need plain columns only. Events that pass any of them are taken out with the
//! columns that findings need; on these few the fields are extracted and the
//! conditions that name fields are computed in a second select.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::{BooleanChunked, ChunkFilter as _, DataFrame, Expr, IntoLazy as _, col};

use super::ends::Ends;
use super::fields::Extractor;
use super::hits::Rows;
use super::matches::{Match, Matches};
use super::predicate::{Predicate, not_insight};
use super::rule::Rule;
use crate::error::Error;
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
    bounds: Vec<Expr>,
    second: Vec<Expr>,
    /// The columns that the bounds name.
    bounded: BTreeSet<Column>,
    kept: BTreeSet<Column>,
    extractor: Extractor,
}

/// A condition on events, and what it needs.
#[derive(Debug)]
struct Planned<'r> {
    watch: Watch<'r>,
    roots: BTreeSet<Column>,
    /// The columns and fields of its matches that are looked at after the scan.
    shown: BTreeSet<String>,
    /// Whether its condition names fields, so that the bound is not the whole answer.
    refined: bool,
}

impl<'r> Plan<'r> {
    /// The plan for those conditions.
    pub(super) fn new(watches: Vec<Watch<'r>>) -> Result<Self, Error> {
        let mut fields = BTreeMap::new();
        let mut integers = BTreeSet::new();
        let mut kept = BTreeSet::from(ALWAYS);
        kept.insert(Column::EventName);
        let mut plan = Self {
            watches: Vec::new(),
            bounds: Vec::new(),
            second: Vec::new(),
            bounded: BTreeSet::from([Column::EventCategory]),
            kept,
            extractor: Extractor::default(),
        };
        for watch in watches {
            let (rule, condition) = (watch.rule, &watch.condition);
            let number = plan.watches.len();
            let refined = !condition.fields().is_empty();
            let bound = condition.weaken();
            plan.bounds.push(bound.expr()?.and(not_insight()).alias(watch_column(number)));
            plan.bounded.extend(bound.columns());
            if refined {
                plan.second.push(condition.expr()?.alias(watch_column(number)));
            }
            for (level, predicate) in rule.level_conditions().enumerate() {
                plan.second.push(predicate.expr()?.alias(level_column(number, level)));
            }
            let conditions = || std::iter::once(condition).chain(rule.level_conditions());
            plan.kept.extend(rule.names().into_iter().filter_map(Column::from_name));
            plan.kept.extend(conditions().filter(|_| refined || !rule.severity.levels.is_empty()).flat_map(Predicate::columns));
            // What is compared with bound values is looked at once these are known.
            plan.kept.extend(later_columns(rule));
            integers.extend(conditions().flat_map(Predicate::integer_fields).map(str::to_owned));
            fields.extend(rule.fields.iter().map(|(name, path)| (name.as_str(), path)));
            plan.watches.push(Planned { roots: roots(rule), shown: shown(rule), refined, watch });
        }
        plan.extractor = Extractor::new(fields, integers);
        Ok(plan)
    }

    /// The columns that a scan looks at.
    pub(super) fn columns(&self) -> Vec<Column> {
        let mut columns = &self.bounded | &self.kept;
        columns.extend(self.extractor.roots());
        columns.into_iter().collect()
    }

    /// Finds the matches of a batch, which has these columns.
    pub(super) fn scan(&self, batch: &DataFrame) -> Result<Vec<Matches>, Error> {
        if batch.height() == 0 || self.watches.is_empty() {
            return Ok(Vec::new());
        }
        let bounds = batch.clone().lazy().select(&self.bounds).collect()?;
        let mut masks = Vec::with_capacity(self.watches.len());
        for number in 0..self.watches.len() {
            masks.push(bounds.column(&watch_column(number))?.bool()?.clone());
        }
        let thinned = self.thin(batch, &mut masks)?;
        let Some(union) = masks.iter().cloned().reduce(|left, right| &left | &right) else { return Ok(Vec::new()) };
        if union.sum().unwrap_or_default() == 0 {
            return Ok(Vec::new());
        }
        for mask in &mut masks {
            *mask = mask.filter(&union)?;
        }
        let roots: BTreeSet<Column> = self.extractor.roots().collect();
        let columns = self.kept.union(&roots).map(|column| column.name());
        let mut frame = batch.select(columns)?.filter(&union)?;
        let wanted = self.wanted(&masks, frame.height());
        self.extractor.extract(&mut frame, &wanted)?;
        for root in roots.difference(&self.kept) {
            frame.drop_in_place(root.name())?;
        }
        let second = self.second(&frame)?;
        let mut rows = self.rows(&masks, second.as_ref(), &frame)?;
        // Where the counts of the batch stand in the frame.
        let places: Vec<usize> = union.iter().enumerate().filter(|(_, kept)| *kept == Some(true)).map(|(place, _)| place).collect();
        for (id, counts) in &thinned {
            for found in rows.get_mut(id).into_iter().flatten() {
                found.stands_for = places.get(found.row()).and_then(|place| counts.get(place)).copied().unwrap_or(1);
            }
        }
        // A rule's matches are kept by themselves: the columns of all rules together would be many times as much.
        let found =
            self.watches.iter().filter_map(|planned| Some((planned, rows.remove(&planned.watch.id).filter(|rows| !rows.is_empty())?)));
        found.map(|(planned, rows)| Matches::of(planned.watch.id, &planned.shown, &frame, rows)).collect()
    }

    /// Takes out of the masks what the ends of a day make needless; yields the counts by id and row of the batch.
    fn thin(&self, batch: &DataFrame, masks: &mut [BooleanChunked]) -> Result<BTreeMap<usize, BTreeMap<usize, u32>>, Error> {
        let mut thinned = BTreeMap::new();
        if !self.watches.iter().any(|planned| planned.watch.thins_early()) {
            return Ok(thinned);
        }
        let rows = Rows::new(batch)?;
        for (planned, mask) in self.watches.iter().zip(masks) {
            let watch = &planned.watch;
            let Some(ends) = watch.ends.filter(|_| watch.thins_early()) else { continue };
            let found = mask.iter().enumerate().filter(|(_, hit)| *hit == Some(true));
            let severity = watch.rule.severity.default;
            let kept = ends.thin(&rows, found.map(|(row, _)| Match::new(row, severity)));
            *mask = (0..batch.height()).map(|row| Some(kept.contains_key(&row))).collect();
            thinned.insert(watch.id, kept.into_iter().map(|(row, found)| (row, found.stands_for)).collect());
        }
        Ok(thinned)
    }

    /// The rows in which the fields of each root column are wanted.
    fn wanted(&self, masks: &[BooleanChunked], height: usize) -> BTreeMap<Column, Vec<bool>> {
        let mut wanted: BTreeMap<Column, Vec<bool>> = BTreeMap::new();
        for (planned, mask) in self.watches.iter().zip(masks) {
            for root in &planned.roots {
                let rows = wanted.entry(*root).or_insert_with(|| vec![false; height]);
                for (row, hit) in rows.iter_mut().zip(mask.iter()) {
                    *row |= hit == Some(true);
                }
            }
        }
        wanted
    }

    fn second(&self, frame: &DataFrame) -> Result<Option<DataFrame>, Error> {
        if self.second.is_empty() {
            return Ok(None);
        }
        // A column of full length, as conditions without any column would yield one row only.
        let mut exprs = self.second.clone();
        exprs.push(col(Column::RecordIndex.name()));
        Ok(Some(frame.clone().lazy().select(exprs).collect()?))
    }

    fn rows(&self, masks: &[BooleanChunked], second: Option<&DataFrame>, frame: &DataFrame) -> Result<BTreeMap<usize, Vec<Match>>, Error> {
        let values = Rows::new(frame)?;
        let mut rows = BTreeMap::new();
        for (number, (planned, mask)) in self.watches.iter().zip(masks).enumerate() {
            let computed = |name: String| -> Result<Option<&BooleanChunked>, Error> {
                second.map(|frame| Ok(frame.column(&name)?.bool()?)).transpose()
            };
            let refined = if planned.refined { computed(watch_column(number))? } else { None };
            let severity = &planned.watch.rule.severity;
            let mut levels = Vec::new();
            for (place, (level, _)) in severity.levels.iter().enumerate() {
                levels.push((*level, computed(level_column(number, place))?));
            }
            let mut hits = Vec::new();
            for (row, hit) in mask.iter().enumerate() {
                if hit == Some(true) && refined.is_none_or(|refined| refined.get(row) == Some(true)) {
                    let level = levels.iter().find(|(_, level)| level.and_then(|level| level.get(row)) == Some(true));
                    let severity = level.map_or(severity.default, |(level, _)| *level);
                    hits.push(Match::new(row, severity));
                }
            }
            if let Some(ends) = planned.watch.ends.filter(|_| !planned.watch.thins_early()) {
                hits = ends.thin(&values, hits.into_iter()).into_values().collect();
            }
            rows.insert(planned.watch.id, hits);
        }
        Ok(rows)
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

fn watch_column(number: usize) -> String {
    format!("watch {number}")
}

fn level_column(number: usize, level: usize) -> String {
    format!("watch {number} level {level}")
}
