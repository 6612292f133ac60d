//! In which batches a condition can be true, told from the bounds of their columns alone.
//!
//! What is not sure to be false counts as possible, so that leaving a batch out changes no answer.

use std::cmp::Ordering;
use std::sync::Arc;

use polars::prelude::{
    AnyValue, BooleanFunction, DataFrame, Expr, FunctionExpr, IntoLazy as _, LiteralValue, Operator, PolarsResult, Scalar, TimeUnit,
};

use super::parquet::Bounds;
use crate::schema::{Column, Kind};

/// What is known of a column's values in a batch, without reading them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nothing.
    Unknown,
    /// All are null.
    Null,
    /// Those that are not null lie within the bounds; whether there are others.
    Within { bounds: Bounds, has_nulls: bool },
}

/// The condition with what it compares columns with worked out: a time comes as a text and a call that reads it.
///
/// # Errors
/// What the engine says of a text that cannot be read, as it would wherever a row is looked at.
pub(super) fn settled(condition: &Expr) -> PolarsResult<Expr> {
    match condition {
        Expr::BinaryExpr { left, op, right } => {
            Ok(Expr::BinaryExpr { left: Arc::new(settled(left)?), op: *op, right: Arc::new(settled(right)?) })
        }
        Expr::Function { input, function: FunctionExpr::StringExpr(_) } if input.iter().all(is_literal) => value_of(condition),
        Expr::Cast { expr, .. } if is_literal(expr) => value_of(condition),
        other => Ok(other.clone()),
    }
}

const fn is_literal(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(_))
}

/// The value of an expression without columns.
fn value_of(constant: &Expr) -> PolarsResult<Expr> {
    let computed = DataFrame::new(1, Vec::new())?.lazy().select([constant.clone()]).collect()?;
    let Some(column) = computed.columns().first() else { return Ok(constant.clone()) };
    Ok(Expr::Literal(LiteralValue::Scalar(Scalar::new(column.dtype().clone(), column.get(0)?.into_static()))))
}

/// Whether a row may fulfil the condition, which is [`settled`]; `reach` tells of each column that it names.
pub(super) fn can_hold(condition: &Expr, reach: &impl Fn(Column) -> Reach) -> bool {
    match condition {
        Expr::Alias(inner, _) => can_hold(inner, reach),
        Expr::BinaryExpr { left, op: Operator::And | Operator::LogicalAnd, right } => can_hold(left, reach) && can_hold(right, reach),
        Expr::BinaryExpr { left, op: Operator::Or | Operator::LogicalOr, right } => can_hold(left, reach) || can_hold(right, reach),
        Expr::BinaryExpr { left, op, right } => match (&**left, &**right) {
            (Expr::Column(name), Expr::Literal(value)) => can_compare(name, *op, value, reach),
            (Expr::Literal(value), Expr::Column(name)) => turned(*op).is_none_or(|op| can_compare(name, op, value, reach)),
            _ => true,
        },
        Expr::Function { input, function: FunctionExpr::Boolean(BooleanFunction::IsNotNull) } => {
            !matches!(input.as_slice(), [Expr::Column(name)] if of(name, reach) == Reach::Null)
        }
        _ => true,
    }
}

fn of(name: &str, reach: &impl Fn(Column) -> Reach) -> Reach {
    Column::from_name(name).map_or(Reach::Unknown, reach)
}

/// Whether a value of the column may compare so with the literal. A comparison with null is never true.
fn can_compare(name: &str, op: Operator, literal: &LiteralValue, reach: &impl Fn(Column) -> Reach) -> bool {
    let is_comparison = matches!(op, Operator::Eq | Operator::EqValidity | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq);
    let (Some(column), true) = (Column::from_name(name), is_comparison) else { return true };
    let Some(value) = Literal::of(literal, column.kind()) else { return true };
    let bounds = match reach(column) {
        Reach::Unknown => return true,
        Reach::Null => return false,
        Reach::Within { bounds, .. } => bounds,
    };
    let Some((min, max)) = value.against(&bounds) else { return true };
    match op {
        Operator::Lt => min == Ordering::Less,
        Operator::LtEq => min != Ordering::Greater,
        Operator::Gt => max == Ordering::Greater,
        Operator::GtEq => max != Ordering::Less,
        _ => min != Ordering::Greater && max != Ordering::Less,
    }
}

/// The comparison with its sides exchanged.
const fn turned(op: Operator) -> Option<Operator> {
    Some(match op {
        Operator::Eq => Operator::Eq,
        Operator::EqValidity => Operator::EqValidity,
        Operator::Lt => Operator::Gt,
        Operator::LtEq => Operator::GtEq,
        Operator::Gt => Operator::Lt,
        Operator::GtEq => Operator::LtEq,
        _ => return None,
    })
}

/// A value in a condition, of the kind of the column that it is compared with.
enum Literal<'l> {
    Text(&'l str),
    Int(i64),
    Flag(bool),
}

impl<'l> Literal<'l> {
    /// `None` for null, and for a value of another kind, which the engine converts in its own way.
    fn of(literal: &'l LiteralValue, kind: Kind) -> Option<Self> {
        match (kind, literal) {
            (Kind::Text, literal) => literal.extract_str().map(Self::Text),
            (Kind::Int, literal) => literal.extract_i64().ok().map(Self::Int),
            (Kind::Flag, LiteralValue::Scalar(value)) => match value.value() {
                AnyValue::Boolean(flag) => Some(Self::Flag(*flag)),
                _ => None,
            },
            (Kind::Time, LiteralValue::Scalar(value)) => match value.value() {
                AnyValue::Datetime(micros, TimeUnit::Microseconds, _) | AnyValue::DatetimeOwned(micros, TimeUnit::Microseconds, _) => {
                    Some(Self::Int(*micros))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// How the smallest and the largest value compare with this one.
    fn against(&self, bounds: &Bounds) -> Option<(Ordering, Ordering)> {
        Some(match (self, bounds) {
            (Self::Text(value), Bounds::Text(min, max)) => (min.as_str().cmp(value), max.as_str().cmp(value)),
            (Self::Int(value), Bounds::Int(min, max)) => (min.cmp(value), max.cmp(value)),
            (Self::Flag(value), Bounds::Flag(min, max)) => (min.cmp(value), max.cmp(value)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use polars::prelude::{Column as Series, DataType, IntoColumn as _, NamedFrom as _, Series as Values, col, lit};

    use super::*;
    use crate::frame::{Batch, EventFrame, Filter, Store, data_type};
    use crate::query;
    use crate::time::{EventTime, TimeRange};

    const DAY: i64 = 86_400_000_000;
    const ROWS: i64 = 10;

    /// Batch `day` has the events of that day, ten of each; every other batch has no error code, and one a time that is not known.
    fn batch(day: i64) -> DataFrame {
        let name = |column: Column| column.name().into();
        let times: Vec<Option<i64>> = (0..ROWS).map(|row| (day != 3 || row > 0).then_some(day * DAY + row)).collect();
        let times = Values::new(name(Column::EventTime), times).cast(&data_type(Kind::Time)).expect("times");
        let of = |text: String| vec![text; 10];
        let codes = Values::new(name(Column::ErrorCode), vec![(day % 2 == 1).then_some("AccessDenied"); 10]);
        let columns: Vec<Series> = vec![
            times.into_column(),
            Values::new(name(Column::RecordIndex), (day * ROWS..(day + 1) * ROWS).collect::<Vec<_>>()).into_column(),
            Values::new(name(Column::Dt), of(format!("1970-01-0{}", day + 1))).into_column(),
            Values::new(name(Column::RecipientAccountId), of(format!("{:012}", day / 2))).into_column(),
            Values::new(name(Column::ReadOnly), vec![day < 2; 10]).into_column(),
            codes.cast(&DataType::String).expect("texts").into_column(),
        ];
        DataFrame::new(10, columns).expect("columns of one length")
    }

    /// The same events in files of a folder and in memory.
    fn events() -> (tempfile::TempDir, EventFrame, EventFrame) {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::folder(folder.path().to_owned(), 0);
        let kept = (0..5).map(|day| store.keep(0, usize::try_from(day).expect("small"), Batch::of(&batch(day))).expect("written"));
        let stored = EventFrame::new(kept.collect(), Arc::default());
        (folder, stored, EventFrame::of((0..5).map(batch).collect()))
    }

    #[test]
    fn batches_are_left_out_where_no_row_can_pass_and_nowhere_else() {
        let (_folder, stored, in_memory) = events();
        let time = |micros: i64| lit(micros).cast(data_type(Kind::Time));
        let conditions = [
            (col("record_index").gt(lit(29)), vec![3, 4]),
            (lit(29).gt_eq(col("record_index")), vec![0, 1, 2]),
            (lit(25).eq(col("record_index")), vec![2]),
            (col("record_index").eq(lit(25.5)), vec![0, 1, 2, 3, 4]),
            (col("record_index").lt(lit(10)).or(col("record_index").gt_eq(lit(40))), vec![0, 4]),
            (col("dt").eq(lit("1970-01-02")), vec![1]),
            (col("dt").lt_eq(lit("1970-01-02")).and(col("dt").gt(lit("1970-01-01"))), vec![1]),
            (col("dt").neq(lit("1970-01-02")), vec![0, 1, 2, 3, 4]),
            (col("error_code").eq(lit("AccessDenied")), vec![1, 3]),
            (col("error_code").eq(lit("Another")), vec![]),
            (col("error_code").is_not_null(), vec![1, 3]),
            (col("error_code").is_null(), vec![0, 1, 2, 3, 4]),
            (col("error_code").eq(lit("AccessDenied")).not(), vec![0, 1, 2, 3, 4]),
            (col("read_only").eq(lit(false)), vec![2, 3, 4]),
            (col("event_time").gt_eq(time(2 * DAY)), vec![2, 3, 4]),
            // What is not looked through counts as possible.
            (col("event_time").gt(col("session_creation_time")), vec![0, 1, 2, 3, 4]),
            (col("user_agent").eq(lit("none")), vec![]),
        ];
        for (condition, batches) in conditions {
            assert_eq!(stored.batches_for(Some(&condition)).expect("settled"), batches, "{condition:?}");
            let [stored, all] =
                [&stored, &in_memory].map(|events| events.lazy().expect("a table").filter(condition.clone()).collect().expect("answered"));
            assert!(stored.equals_missing(&all), "{condition:?}");
        }
    }

    #[test]
    fn a_statement_reads_no_file_that_has_nothing_for_it() {
        let (folder, stored, _) = events();
        fs::remove_file(folder.path().join("00000000-00004.parquet")).expect("the last batch");
        let ask = |condition: &str| {
            let tables = [("events", stored.lazy().expect("a table"))];
            let answer = query::run(&format!("SELECT record_index FROM events WHERE {condition}"), &tables, None);
            answer.map(|answer| answer.height())
        };
        assert!(ask("record_index >= 0").is_err(), "all files are asked for");
        assert!(ask("dt = '1971-01-01' AND event_time < '1970-02-31'").is_err(), "no such day, though no file is read for it");
        for (condition, rows) in [
            ("dt = '1970-01-02'", 10),
            ("dt BETWEEN '1970-01-02' AND '1970-01-03'", 20),
            ("'1970-01-02' = dt AND record_index > 15", 4),
            ("event_time < '1970-01-03'", 20),
            ("error_code IS NOT NULL", 20),
            ("recipient_account_id = '000000000001' OR dt = '1970-01-01'", 30),
        ] {
            assert_eq!(ask(condition).ok(), Some(rows), "{condition}");
        }
    }

    #[test]
    fn what_was_not_asked_for_is_not_read() {
        let at = |micros| EventTime::from_micros(micros).expect("a time");
        let ranges = [
            (TimeRange { since: Some(at(DAY)), until: Some(at(2 * DAY)) }, vec![], 11, vec![0, 2, 4]),
            (TimeRange { since: None, until: Some(at(DAY + 5)) }, vec![], 16, vec![2, 4]),
            (TimeRange::default(), vec!["000000000001".to_owned()], 20, vec![0, 1, 4]),
            (TimeRange { since: Some(at(4 * DAY)), until: None }, vec!["000000000001".to_owned()], 1, vec![0, 1, 2, 4]),
        ];
        for (range, accounts, events_left, unread) in ranges {
            let filter = Filter { range, accounts, regions: Vec::new() };
            let (folder, mut stored, mut in_memory) = events();
            for batch in unread {
                fs::remove_file(folder.path().join(format!("00000000-0000{batch}.parquet"))).expect("a batch");
            }
            let left_out = stored.select(&filter).expect("read");
            assert_eq!((left_out, stored.height()), (50 - events_left, events_left), "{filter:?}");
            in_memory.select(&filter).expect("in memory");
            let all = |events: &EventFrame| events.lazy().expect("a table").select([col("record_index")]).collect().expect("answered");
            assert!(all(&stored).equals_missing(&all(&in_memory)), "{filter:?}");
        }
    }
}
