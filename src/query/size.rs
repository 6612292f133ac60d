//! How large a join becomes, counted before it is made: an allocation that fails would end the process.

use std::sync::Arc;

use polars::prelude::{
    DataType, DslPlan, Expr, JoinOptions, JoinType, LazyFrame, Operator, PlSmallStr, PolarsResult, SchemaRef, col, len, lit,
};

use super::refuse;
use crate::error::Error;

/// The most values that a join yields: with 16 bytes each, some 800 MB before they are ordered and written.
const MAX_VALUES: f64 = 50e6;
/// Columns that a join has for its own keys and filters, beside those of the result.
const OWN_COLUMNS: f64 = 8.0;

/// Refuses a plan with a join that pairs too many rows; `columns` are those of its result.
pub(super) fn check(plan: &DslPlan, columns: usize) -> Result<(), Error> {
    // Inner joins first: to count an outer one is to run them.
    inputs(plan).into_iter().try_for_each(|input| check(input, columns))?;
    let DslPlan::Join { input_left, input_right, left_on, right_on, predicates, options } = plan else { return Ok(()) };
    if matches!(options.args.how, JoinType::Semi | JoinType::Anti) {
        return Ok(());
    }
    let counted = keys(input_left, left_on, right_on, predicates, options).and_then(|keys| pairs(input_left, input_right, &keys));
    // What cannot be counted cannot be joined either, and the engine says why.
    let Ok(rows) = counted else { return Ok(()) };
    let columns = u32::try_from(columns).map_or(f64::INFINITY, f64::from);
    if rows * (columns + OWN_COLUMNS) <= MAX_VALUES {
        return Ok(());
    }
    Err(refuse(format!(
        "a join pairs {rows:.0} rows, too many for memory: join by more columns, select fewer, or group one side in a CTE before the join"
    )))
}

/// The plans that a plan of the SQL engine is made of.
fn inputs(plan: &DslPlan) -> Vec<&DslPlan> {
    match plan {
        DslPlan::Join { input_left, input_right, .. } => vec![input_left, input_right],
        DslPlan::Union { inputs, .. } | DslPlan::HConcat { inputs, .. } => inputs.iter().collect(),
        DslPlan::ExtContext { input, contexts } => std::iter::once(input.as_ref()).chain(contexts).collect(),
        DslPlan::PipeWithSchema { input, .. } => input.iter().collect(),
        DslPlan::Filter { input, .. }
        | DslPlan::Cache { input, .. }
        | DslPlan::Select { input, .. }
        | DslPlan::GroupBy { input, .. }
        | DslPlan::HStack { input, .. }
        | DslPlan::MatchToSchema { input, .. }
        | DslPlan::Distinct { input, .. }
        | DslPlan::Sort { input, .. }
        | DslPlan::Slice { input, .. }
        | DslPlan::MapFunction { input, .. } => vec![input],
        DslPlan::IR { dsl, .. } => vec![dsl],
        _ => Vec::new(),
    }
}

/// The expressions that must be equal, on the left and on the right.
fn keys(
    left: &Arc<DslPlan>,
    left_on: &[Expr],
    right_on: &[Expr],
    predicates: &[Expr],
    options: &JoinOptions,
) -> PolarsResult<Vec<(Expr, Expr)>> {
    if !left_on.is_empty() {
        return Ok(left_on.iter().cloned().zip(right_on.iter().cloned()).collect());
    }
    // With an inequality beside it the equality is a predicate on both tables, those of the right one with a suffix where names meet.
    let schema = LazyFrame::from(left.as_ref().clone()).collect_schema()?;
    let suffix = options.args.suffix.as_deref().unwrap_or("_right");
    let sides = predicates.iter().filter_map(|predicate| match predicate {
        Expr::BinaryExpr { left, op: Operator::Eq, right } if belongs(left, &schema) => Some((left, right)),
        Expr::BinaryExpr { left, op: Operator::Eq, right } => Some((right, left)),
        _ => None,
    });
    Ok(sides.map(|(left, right)| (left.as_ref().clone(), without(suffix, right))).collect())
}

fn belongs(expr: &Expr, schema: &SchemaRef) -> bool {
    expr.clone().meta().root_names().iter().all(|name| schema.contains(name))
}

fn without(suffix: &str, expr: &Expr) -> Expr {
    expr.clone().map_expr(|part| match part {
        Expr::Column(name) => Expr::Column(name.strip_suffix(suffix).map_or_else(|| name.clone(), PlSmallStr::from_str)),
        other => other,
    })
}

/// How many pairs of rows agree in all keys; without keys, as in the plan of NOT IN, every row pairs with every row.
fn pairs(left: &Arc<DslPlan>, right: &Arc<DslPlan>, keys: &[(Expr, Expr)]) -> PolarsResult<f64> {
    let names: Vec<_> = (0..keys.len()).map(|place| col(format!("key{place}"))).collect();
    let counted = |plan: &Arc<DslPlan>, side: &dyn Fn(&(Expr, Expr)) -> Expr, count: &str| {
        let plan = LazyFrame::from(plan.as_ref().clone());
        let rows = len().cast(DataType::Float64).alias(count);
        if keys.is_empty() {
            return plan.select([rows]);
        }
        let keys: Vec<_> = keys.iter().enumerate().map(|(place, key)| side(key).alias(format!("key{place}"))).collect();
        plan.select(keys).group_by(&names).agg([rows])
    };
    let (left, right) = (counted(left, &|key| key.0.clone(), "left"), counted(right, &|key| key.1.clone(), "right"));
    let both = if keys.is_empty() { left.cross_join(right, None) } else { left.join(right, &names, &names, JoinType::Inner.into()) };
    let pairs = both.select([(col("left") * col("right")).sum().fill_null(lit(0.0))]).collect()?;
    Ok(pairs.columns().first().and_then(|column| column.f64().ok()?.get(0)).unwrap_or(0.0))
}
