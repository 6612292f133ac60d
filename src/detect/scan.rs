//! The scan: which events of a batch match which rules.
//!
//! One select computes for every event the upper bounds of all conditions, which
//! need plain columns only. Events that pass any of them are taken out with the
//! columns that findings need; on these few the fields are extracted and the
//! conditions that name fields are computed in a second select.

use std::collections::{BTreeMap, BTreeSet};

use polars::prelude::{BooleanChunked, ChunkFilter as _, DataFrame, Expr, IntoLazy as _, col};

use super::fields::Extractor;
use super::finding::Severity;
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

/// What is computed for every batch, made once from all rules.
#[derive(Debug)]
pub(super) struct Plan<'r> {
    rules: Vec<Planned<'r>>,
    bounds: Vec<Expr>,
    second: Vec<Expr>,
    kept: BTreeSet<Column>,
    extractor: Extractor,
}

/// A rule that looks at events, and what it needs.
#[derive(Debug)]
struct Planned<'r> {
    rule: &'r Rule,
    roots: BTreeSet<Column>,
    /// Whether its condition names fields, so that the bound is not the whole answer.
    refined: bool,
}

/// The events of a batch that match some rule, and which they match.
#[derive(Debug)]
pub(super) struct Matches {
    /// The events, with the columns and fields that the rules show or group by.
    pub(super) frame: DataFrame,
    /// For each rule of the plan, the rows that match it with their severity.
    pub(super) rows: Vec<Vec<(usize, Severity)>>,
}

impl<'r> Plan<'r> {
    /// The plan for rules, each of which has a condition on events.
    pub(super) fn new(rules: &[&'r Rule]) -> Result<Self, Error> {
        let mut fields = BTreeMap::new();
        let mut integers = BTreeSet::new();
        let mut kept = BTreeSet::from(ALWAYS);
        kept.insert(Column::EventName);
        let mut plan = Self { rules: Vec::new(), bounds: Vec::new(), second: Vec::new(), kept, extractor: Extractor::default() };
        for rule in rules {
            let Some(condition) = rule.condition() else { continue };
            let number = plan.rules.len();
            let refined = !condition.fields().is_empty();
            plan.bounds.push(condition.weaken().expr()?.and(not_insight()).alias(rule_column(number)));
            if refined {
                plan.second.push(condition.expr()?.alias(rule_column(number)));
            }
            for (level, predicate) in rule.level_conditions().enumerate() {
                plan.second.push(predicate.expr()?.alias(level_column(number, level)));
            }
            let conditions = || std::iter::once(condition).chain(rule.level_conditions());
            plan.kept.extend(rule.names().filter_map(Column::from_name));
            plan.kept.extend(conditions().filter(|_| refined || !rule.severity.levels.is_empty()).flat_map(Predicate::columns));
            integers.extend(conditions().flat_map(Predicate::integer_fields).map(str::to_owned));
            fields.extend(rule.fields.iter().map(|(name, path)| (name.as_str(), path)));
            plan.rules.push(Planned { rule, roots: roots(rule), refined });
        }
        plan.extractor = Extractor::new(fields, integers);
        Ok(plan)
    }

    /// Finds the matches of a batch; `None` where there are none.
    pub(super) fn scan(&self, batch: &DataFrame) -> Result<Option<Matches>, Error> {
        if batch.height() == 0 || self.rules.is_empty() {
            return Ok(None);
        }
        let bounds = batch.clone().lazy().select(&self.bounds).collect()?;
        let mut masks = Vec::with_capacity(self.rules.len());
        for number in 0..self.rules.len() {
            masks.push(bounds.column(&rule_column(number))?.bool()?.clone());
        }
        let Some(union) = masks.iter().cloned().reduce(|left, right| &left | &right) else { return Ok(None) };
        if union.sum().unwrap_or_default() == 0 {
            return Ok(None);
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
        let rows = self.rows(&masks, second.as_ref())?;
        Ok(Some(Matches { frame, rows }))
    }

    /// The rows in which the fields of each root column are wanted.
    fn wanted(&self, masks: &[BooleanChunked], height: usize) -> BTreeMap<Column, Vec<bool>> {
        let mut wanted: BTreeMap<Column, Vec<bool>> = BTreeMap::new();
        for (planned, mask) in self.rules.iter().zip(masks) {
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

    fn rows(&self, masks: &[BooleanChunked], second: Option<&DataFrame>) -> Result<Vec<Vec<(usize, Severity)>>, Error> {
        let mut rows = Vec::with_capacity(self.rules.len());
        for (number, (planned, mask)) in self.rules.iter().zip(masks).enumerate() {
            let computed = |name: String| -> Result<Option<&BooleanChunked>, Error> {
                second.map(|frame| Ok(frame.column(&name)?.bool()?)).transpose()
            };
            let refined = if planned.refined { computed(rule_column(number))? } else { None };
            let severity = &planned.rule.severity;
            let mut levels = Vec::new();
            for (place, (level, _)) in severity.levels.iter().enumerate() {
                levels.push((*level, computed(level_column(number, place))?));
            }
            let mut hits = Vec::new();
            for (row, hit) in mask.iter().enumerate() {
                if hit == Some(true) && refined.is_none_or(|refined| refined.get(row) == Some(true)) {
                    let level = levels.iter().find(|(_, level)| level.and_then(|level| level.get(row)) == Some(true));
                    hits.push((row, level.map_or(severity.default, |(level, _)| *level)));
                }
            }
            rows.push(hits);
        }
        Ok(rows)
    }
}

/// The columns that the fields of a rule are taken from.
fn roots(rule: &Rule) -> BTreeSet<Column> {
    rule.fields.values().map(super::fields::FieldPath::root).collect()
}

fn rule_column(number: usize) -> String {
    format!("rule {number}")
}

fn level_column(number: usize, level: usize) -> String {
    format!("rule {number} level {level}")
}
