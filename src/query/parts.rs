//! Groups of the events, part by part.
//!
//! The engine holds all rows at once that it puts into groups, with a copy of their keys. Where the groups of some events tell all
//! that is asked of them (counts, sums of whole numbers, the least, the greatest and the distinct values), a few batches are grouped
//! at a time, and then their groups: what is held grows with the groups and their distinct values, not with the events.

use std::sync::Arc;

use polars::prelude::{
    AggExpr, BooleanFunction, DataFrame, DslPlan, ExplodeOptions, Expr, FileScanDsl, FunctionExpr, IntoLazy as _, LazyFrame, PlSmallStr,
    StringFunction, col,
};

use crate::frame;

/// The same plan, with groups in the place of the events that it groups, where these make more than one part; `few` groups may
/// wait beside those that were put together.
pub(super) fn grouped(plan: &DslPlan, few: usize) -> DslPlan {
    let inner = |input: &Arc<DslPlan>| Arc::new(grouped(input, few));
    match plan {
        DslPlan::Sort { input, by_column, slice, sort_options } => {
            DslPlan::Sort { input: inner(input), by_column: by_column.clone(), slice: *slice, sort_options: sort_options.clone() }
        }
        DslPlan::Select { expr, input, options } => DslPlan::Select { expr: expr.clone(), input: inner(input), options: *options },
        DslPlan::Filter { input, predicate } => DslPlan::Filter { input: inner(input), predicate: predicate.clone() },
        DslPlan::Slice { input, offset, len } => DslPlan::Slice { input: inner(input), offset: *offset, len: *len },
        DslPlan::IR { dsl, .. } => grouped(dsl, few),
        DslPlan::GroupBy { .. } => Groups::of(plan).and_then(|groups| groups.plan(few)).unwrap_or_else(|| plan.clone()),
        other => other.clone(),
    }
}

/// A grouping that can be done in parts.
struct Groups<'p> {
    /// The grouping itself.
    whole: &'p DslPlan,
    input: &'p DslPlan,
    keys: &'p [Expr],
    split: Split,
    /// What the groups of all parts yield.
    aggs: Vec<Expr>,
    predicates: Vec<Expr>,
    parts: usize,
}

impl<'p> Groups<'p> {
    /// `None` where the engine has to see all rows at once, or they are few.
    fn of(whole: &'p DslPlan) -> Option<Self> {
        let DslPlan::GroupBy { input, keys, predicates, aggs, apply: None, .. } = whole else { return None };
        let (_, parts) = part(input, 0)?;
        if parts < 2 || keys.is_empty() || !keys.iter().all(is_by_row) {
            return None;
        }
        let mut split = Split::default();
        let aggs = aggs.iter().map(|agg| split.finish(agg)).collect::<Option<Vec<_>>>()?;
        let predicates = predicates.iter().map(|predicate| split.finish(predicate)).collect::<Option<Vec<_>>>()?;
        Some(Self { whole, input, keys, split, aggs, predicates, parts })
    }

    /// The plan over the groups of all parts; `None` where it would not yield the same. What fails here fails on all events too,
    /// or may go well there.
    fn plan(self, few: usize) -> Option<DslPlan> {
        let wanted = LazyFrame::from(self.whole.clone()).collect_schema().ok()?;
        let (keys, names) = (wanted.iter_names().take(self.keys.len()), wanted.iter_names().skip(self.keys.len()));
        let keys: Vec<Expr> = keys.map(|name| col(name.clone())).collect();
        let aggs: Vec<Expr> = self.aggs.iter().zip(names).map(|(agg, name)| agg.clone().alias(name.clone())).collect();
        let finish = |groups: DataFrame| self.group(groups.lazy().logical_plan, &keys, &self.predicates, &aggs);
        let schema = LazyFrame::from(self.of_part(0)?).collect_schema().ok()?;
        // Sums of fractions depend on their order.
        let is_exact = |fold: &Fold| !fold.is_sum || schema.get(&fold.name).is_some_and(|kind| !kind.is_float());
        let likeness = LazyFrame::from(finish(DataFrame::empty_with_schema(&schema))).collect_schema().ok()?;
        if likeness != wanted || !self.split.folds.iter().all(is_exact) {
            return None;
        }
        let merge: Vec<Expr> = self.split.folds.iter().map(|fold| fold.merge.clone().alias(fold.name.clone())).collect();
        let (mut groups, mut merged) = (DataFrame::empty_with_schema(&schema), 0);
        for number in 0..self.parts {
            groups.vstack_mut(&LazyFrame::from(self.of_part(number)?).collect().ok()?).ok()?;
            // Groups that come again and again are put together when they have become twice as many.
            if groups.height() > merged * 2 + few {
                groups = LazyFrame::from(self.group(groups.lazy().logical_plan, &keys, &[], &merge)).collect().ok()?;
                merged = groups.height();
            }
        }
        Some(finish(groups))
    }

    /// The groups of one part.
    fn of_part(&self, number: usize) -> Option<DslPlan> {
        let (input, _) = part(self.input, number)?;
        let partial: Vec<Expr> = self.split.folds.iter().map(|fold| fold.partial.clone().alias(fold.name.clone())).collect();
        Some(self.group(input, self.keys, &[], &partial))
    }

    fn group(&self, input: DslPlan, keys: &[Expr], predicates: &[Expr], aggs: &[Expr]) -> DslPlan {
        let mut plan = self.whole.clone();
        if let DslPlan::GroupBy { input: of, keys: by, predicates: having, aggs: yields, .. } = &mut plan {
            *of = Arc::new(input);
            (*by, *having, *yields) = (keys.to_vec(), predicates.to_vec(), aggs.to_vec());
        }
        plan
    }
}

/// What the groups of a part have to tell.
#[derive(Default)]
struct Split {
    folds: Vec<Fold>,
}

/// One column of the groups of a part.
struct Fold {
    name: PlSmallStr,
    /// What it is made of rows.
    partial: Expr,
    /// What it is made of the same column of smaller groups.
    merge: Expr,
    is_sum: bool,
}

impl Split {
    /// What yields the same over groups as an expression yields over rows.
    fn finish(&mut self, agg: &Expr) -> Option<Expr> {
        Some(match agg {
            Expr::Literal(_) => agg.clone(),
            Expr::Alias(inner, name) => self.finish(inner)?.alias(name.clone()),
            Expr::BinaryExpr { left, op, right } => {
                Expr::BinaryExpr { left: Arc::new(self.finish(left)?), op: *op, right: Arc::new(self.finish(right)?) }
            }
            Expr::Cast { expr, dtype, options } => {
                Expr::Cast { expr: Arc::new(self.finish(expr)?), dtype: dtype.clone(), options: *options }
            }
            Expr::Ternary { predicate, truthy, falsy } => Expr::Ternary {
                predicate: Arc::new(self.finish(predicate)?),
                truthy: Arc::new(self.finish(truthy)?),
                falsy: Arc::new(self.finish(falsy)?),
            },
            Expr::Len => self.sum(agg),
            // Without a column it is a value of the group, and not one of each row.
            Expr::Function { input, function: FunctionExpr::NullCount }
                if input.iter().all(|input| is_by_row(input) && has_column(input)) =>
            {
                self.sum(agg)
            }
            Expr::Function { input, function } if keeps_rows_apart(function) => Expr::Function {
                input: input.iter().map(|input| self.finish(input)).collect::<Option<Vec<_>>>()?,
                function: function.clone(),
            },
            Expr::Agg(AggExpr::Sum(input) | AggExpr::Count { input, .. }) if is_by_row(input) && has_column(input) => self.sum(agg),
            Expr::Agg(AggExpr::Min { input, propagate_nans }) if is_by_row(input) => {
                let least = |part| Expr::Agg(AggExpr::Min { input: Arc::new(part), propagate_nans: *propagate_nans });
                least(self.fold(agg.clone(), false, least))
            }
            Expr::Agg(AggExpr::Max { input, propagate_nans }) if is_by_row(input) => {
                let greatest = |part| Expr::Agg(AggExpr::Max { input: Arc::new(part), propagate_nans: *propagate_nans });
                greatest(self.fold(agg.clone(), false, greatest))
            }
            Expr::Agg(AggExpr::NUnique(input)) if is_by_row(input) => {
                let values = |lists: Expr| lists.explode(ExplodeOptions { empty_as_null: false, keep_nulls: true });
                values(self.fold(input.as_ref().clone().unique(), false, |part| values(part).unique())).n_unique()
            }
            _ => return None,
        })
    }

    fn sum(&mut self, agg: &Expr) -> Expr {
        self.fold(agg.clone(), true, Expr::sum).sum()
    }

    /// Has the groups of a part tell something, and yields the column in which they do.
    fn fold(&mut self, partial: Expr, is_sum: bool, merge: impl Fn(Expr) -> Expr) -> Expr {
        // Nothing that SQL can name.
        let name = PlSmallStr::from_string(format!("\u{0}{}", self.folds.len()));
        let column = col(name.clone());
        self.folds.push(Fold { name, partial, merge: merge(column.clone()), is_sum });
        column
    }
}

/// A plan for one part of the events, and how many parts there are; `None` where rows depend on each other, or on anything
/// but the events.
fn part(plan: &DslPlan, number: usize) -> Option<(DslPlan, usize)> {
    let inner = |input: &Arc<DslPlan>| part(input, number).map(|(input, parts)| (Arc::new(input), parts));
    Some(match plan {
        DslPlan::Filter { input, predicate } if is_by_row(predicate) => {
            let (input, parts) = inner(input)?;
            (DslPlan::Filter { input, predicate: predicate.clone() }, parts)
        }
        // Values without any column would be one row.
        DslPlan::Select { expr, input, options } if expr.iter().all(is_by_row) && expr.iter().any(has_column) => {
            let (input, parts) = inner(input)?;
            (DslPlan::Select { expr: expr.clone(), input, options: *options }, parts)
        }
        DslPlan::HStack { input, exprs, options } if exprs.iter().all(is_by_row) => {
            let (input, parts) = inner(input)?;
            (DslPlan::HStack { input, exprs: exprs.clone(), options: *options }, parts)
        }
        DslPlan::Union { inputs, args } => {
            let (inputs, parts): (_, Vec<usize>) =
                inputs.iter().map(|input| part(input, number)).collect::<Option<Vec<_>>>()?.into_iter().unzip();
            (DslPlan::Union { inputs, args: *args }, parts.into_iter().max()?)
        }
        DslPlan::IR { dsl, .. } => part(dsl, number)?,
        DslPlan::Scan { scan_type, .. } => {
            let FileScanDsl::Anonymous { function, .. } = scan_type.as_ref() else { return None };
            let (events, parts) = frame::part(function.as_ref(), number)?;
            (events.lazy().ok()?.logical_plan, parts)
        }
        _ => return None,
    })
}

fn has_column(expr: &Expr) -> bool {
    !expr.clone().meta().root_names().is_empty()
}

/// Whether an expression is worked out for each row by itself, as far as that is known.
fn is_by_row(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) | Expr::Literal(_) => true,
        Expr::Alias(inner, _) | Expr::Cast { expr: inner, .. } => is_by_row(inner),
        Expr::BinaryExpr { left, right, .. } => is_by_row(left) && is_by_row(right),
        Expr::Ternary { predicate, truthy, falsy } => [predicate, truthy, falsy].into_iter().all(|part| is_by_row(part)),
        // A column in the place of the list is all of its values.
        Expr::Function { input, function: FunctionExpr::Boolean(BooleanFunction::IsIn { .. }) } => match input.as_slice() {
            [value, Expr::Literal(_)] => is_by_row(value),
            [value, Expr::Agg(AggExpr::Implode { input, .. })] => is_by_row(value) && matches!(input.as_ref(), Expr::Literal(_)),
            _ => false,
        },
        Expr::Function { input, function } => keeps_rows_apart(function) && input.iter().all(is_by_row),
        _ => false,
    }
}

/// Whether a function is known to work on each row by itself.
const fn keeps_rows_apart(function: &FunctionExpr) -> bool {
    matches!(
        function,
        FunctionExpr::Coalesce
            | FunctionExpr::Boolean(BooleanFunction::IsNull | BooleanFunction::IsNotNull | BooleanFunction::Not)
            | FunctionExpr::StringExpr(StringFunction::Contains { .. } | StringFunction::Lowercase | StringFunction::Uppercase)
    )
}

/// Groups that may wait beside those that were put together.
pub(super) const FEW_GROUPS: usize = 1 << 16;
