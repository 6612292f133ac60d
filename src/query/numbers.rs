//! Arithmetic that the engine would wrap or round otherwise than SQL does, without an error.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value,
    ValueWithSpan, Visit as _, Visitor,
};

use super::guard::{column_name, shortened};
use super::refuse;
use super::tables::{DIGESTS, FILES, FINDINGS, NOTICES, PROBLEMS};
use crate::error::Error;
use crate::schema::{Column, Kind};

/// The largest whole number that a column is multiplied by: a second has so many microseconds, and a time in seconds times that fits.
const MAX_FACTOR: f64 = 1e6;
/// The largest whole number that is added or subtracted: far above all counts, bytes and times, far below the end of 64 bits.
const MAX_ADDEND: f64 = 1e15;
/// The widest text that LPAD and RPAD make; a row's text is not longer by much.
const MAX_WIDTH: u64 = 10_000;

/// Refuses an operator or a cast.
pub(super) fn operation(expr: &Expr) -> Result<(), Error> {
    match expr {
        Expr::Cast { data_type, .. } => cast(data_type),
        Expr::BinaryOp { left, op, right } => match op {
            BinaryOperator::Multiply => product(expr),
            BinaryOperator::Plus | BinaryOperator::Minus => [left, right].into_iter().try_for_each(|side| addend(expr, side)),
            BinaryOperator::Modulo => division("%", &[left, right]),
            BinaryOperator::DuckIntegerDivide => division("//", &[left, right]),
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Refuses a call of the function `name`.
pub(super) fn call(name: &str, function: &Function) -> Result<(), Error> {
    let arguments = arguments(function);
    match name {
        "sum" | "total" => summed(name, &arguments),
        "mod" | "div" => division(&name.to_uppercase(), &arguments),
        "lpad" | "rpad" if arguments.get(1).and_then(|width| whole(width)).is_none_or(|width| width > MAX_WIDTH) => {
            Err(refuse(format!("{} takes a number up to {MAX_WIDTH} for its width", name.to_uppercase())))
        }
        _ => Ok(()),
    }
}

fn arguments(function: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let mut found = Vec::new();
    for argument in &list.args {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument {
            found.push(expr);
        }
    }
    found
}

fn whole(expr: &Expr) -> Option<u64> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => digits.parse().ok(),
        _ => None,
    }
}

/// What is computed with fewer than 64 bits wraps around.
fn cast(to: &DataType) -> Result<(), Error> {
    use DataType::{
        BigInt, Bool, Boolean, Char, CharVarying, Character, CharacterVarying, Date, Datetime, Double, DoublePrecision, Float, Float8,
        Int8, Int64, Interval, String, Text, Time, Timestamp, Varchar,
    };
    match to {
        BigInt(_)
        | Int8(_)
        | Int64
        | Double(_)
        | DoublePrecision
        | Float8
        | Float(ExactNumberInfo::None | ExactNumberInfo::Precision(25..=53))
        | Text
        | String(_)
        | Varchar(_)
        | Char(_)
        | Character(_)
        | CharVarying(_)
        | CharacterVarying(_)
        | Bool
        | Boolean
        | Date
        | Datetime(_)
        | Timestamp(..)
        | Time(..)
        | Interval { .. } => Ok(()),
        _ => Err(refuse(format!(
            "a cast to {to} wraps around or loses digits in what follows: use BIGINT, DOUBLE, VARCHAR, DATE or TIMESTAMP"
        ))),
    }
}

/// How large a result may be.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// It is a floating-point number, which does not wrap.
    double: bool,
    /// How many values that only the rows tell are multiplied.
    unknown: usize,
    /// What they are multiplied by.
    factor: f64,
}

fn size(expr: &Expr) -> Size {
    let double = Size { double: true, unknown: 0, factor: 1.0 };
    match expr {
        Expr::Nested(inner) | Expr::UnaryOp { op: UnaryOperator::Minus | UnaryOperator::Plus, expr: inner } => size(inner),
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => match digits.parse() {
            Ok(factor) if digits.bytes().all(|digit| digit.is_ascii_digit()) => Size { double: false, unknown: 0, factor },
            _ => double,
        },
        Expr::Cast { data_type: DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 | DataType::Float(_), .. }
        | Expr::BinaryOp { op: BinaryOperator::Divide, .. } => double,
        Expr::BinaryOp { left, op: BinaryOperator::Multiply, right } => {
            let (left, right) = (size(left), size(right));
            Size { double: left.double || right.double, unknown: left.unknown + right.unknown, factor: left.factor * right.factor }
        }
        Expr::BinaryOp { left, op: BinaryOperator::Plus | BinaryOperator::Minus, right } => match (size(left), size(right)) {
            // `addend` looks at a number that is added.
            (value, number) | (number, value) if number.unknown == 0 && !number.double => value,
            (left, right) => Size {
                double: left.double || right.double,
                unknown: left.unknown.max(right.unknown),
                factor: left.factor.max(right.factor),
            },
        },
        _ => Size { double: false, unknown: 1, factor: 1.0 },
    }
}

fn product(expr: &Expr) -> Result<(), Error> {
    let size = size(expr);
    let fits = match size.unknown {
        0 => size.factor < MAX_ADDEND,
        1 => size.factor <= MAX_FACTOR,
        _ => false,
    };
    if size.double || fits {
        return Ok(());
    }
    Err(refuse(format!(
        "{} may not fit into 64 bits, and wraps around then: cast one side, CAST(x AS DOUBLE) * y",
        shortened(&expr.to_string())
    )))
}

fn addend(whole: &Expr, side: &Expr) -> Result<(), Error> {
    let side = size(side);
    if side.double || side.unknown > 0 || side.factor < MAX_ADDEND {
        return Ok(());
    }
    Err(refuse(format!(
        "{} may not fit into 64 bits, and wraps around then: cast one side, CAST(x AS DOUBLE)",
        shortened(&whole.to_string())
    )))
}

/// A sum of products is larger than each of them by the number of the rows; and flags are summed in 32 bits.
fn summed(name: &str, arguments: &[&Expr]) -> Result<(), Error> {
    struct Products;
    impl Visitor for Products {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let is_product = matches!(expr, Expr::BinaryOp { op: BinaryOperator::Multiply, .. });
            let size = size(expr);
            if is_product && !size.double && size.unknown > 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        }
    }
    let loud = name.to_uppercase();
    if arguments.iter().any(|argument| argument.visit(&mut Products).is_break()) {
        return Err(refuse(format!(
            "{loud} of a product may not fit into 64 bits, and wraps around then: multiply the {loud}, or write {loud}(CAST(x AS DOUBLE) * y)"
        )));
    }
    if arguments.iter().any(|argument| is_flag(argument)) {
        return Err(refuse(format!(
            "{loud} of a condition: write COUNT(*) FILTER (WHERE ...), or {loud}(CASE WHEN ... THEN 1 ELSE 0 END)"
        )));
    }
    Ok(())
}

fn is_flag(expr: &Expr) -> bool {
    use BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or, Spaceship};
    match expr {
        Expr::Nested(inner) => is_flag(inner),
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => {
            column_name(expr).and_then(|name| Column::from_name(&name)).is_some_and(|column| column.kind() == Kind::Flag)
        }
        Expr::BinaryOp { op, .. } => matches!(op, And | Or | Eq | NotEq | Lt | LtEq | Gt | GtEq | Spaceship),
        Expr::UnaryOp { op: UnaryOperator::Not, .. }
        | Expr::Like { .. }
        | Expr::ILike { .. }
        | Expr::Between { .. }
        | Expr::InList { .. }
        | Expr::IsNull(_)
        | Expr::IsNotNull(_)
        | Expr::IsTrue(_)
        | Expr::IsNotTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsNotFalse(_) => true,
        _ => false,
    }
}

/// Where nothing is below zero, to round down and to round toward zero are the same.
fn division(operator: &str, sides: &[&Expr]) -> Result<(), Error> {
    if sides.iter().all(|side| is_never_negative(side)) {
        return Ok(());
    }
    Err(refuse(format!(
        "{operator} rounds down here, where SQL rounds toward zero, so it takes values that cannot be below zero: write ABS(x), or FLOOR(x / y)"
    )))
}

fn is_never_negative(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => is_never_negative(inner),
        Expr::Value(ValueWithSpan { value: Value::Number(..), .. }) | Expr::Extract { .. } | Expr::Position { .. } => true,
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) => column_name(expr).is_some_and(|name| is_counting(&name)),
        Expr::BinaryOp { left, op, right } => {
            use BinaryOperator::{Divide, DuckIntegerDivide, Modulo, Multiply, Plus};
            matches!(op, Plus | Multiply | Divide | Modulo | DuckIntegerDivide) && is_never_negative(left) && is_never_negative(right)
        }
        Expr::Function(function) => {
            let name = super::functions::function_name(function);
            let is_among = |list: &[&str]| list.contains(&name.as_str());
            is_among(COUNTS)
                || is_among(&NOT_NEGATIVE)
                || (is_among(&AS_THEIR_ARGUMENTS) && arguments(function).iter().all(|argument| is_never_negative(argument)))
        }
        _ => false,
    }
}

/// Whether all columns of that name hold whole numbers: times since 1970, bytes, places, counts.
fn is_counting(name: &str) -> bool {
    let small = || [FILES, DIGESTS, PROBLEMS, NOTICES, FINDINGS].iter().any(|table| table.columns().contains(&(name, Kind::Int)));
    Column::from_name(name).is_some_and(|column| column.kind() == Kind::Int) || small()
}

/// Functions that yield a whole number from 0 on; it has 32 bits in polars.
pub(super) const COUNTS: &[&str] = &[
    "count",
    "row_number",
    "rank",
    "dense_rank",
    "length",
    "char_length",
    "character_length",
    "octet_length",
    "bit_length",
    "strpos",
    "position",
    "array_length",
    "bit_count",
    "bitcount",
];
/// Others whose results are never below zero.
const NOT_NEGATIVE: [&str; 2] = ["abs", "date_part"];
const AS_THEIR_ARGUMENTS: [&str; 7] = ["sum", "min", "max", "coalesce", "greatest", "least", "lag"];
