//! From [`Predicate`] to a polars expression over a frame that has the named
//! columns, a text column a field, and an integer column a field that is read so.

use polars::prelude::{DataType, Expr, IntoSeries as _, NULL, NamedFrom as _, PolarsError, Series, coalesce, col, lit, ternary_expr};

use super::names::integer_column;
use super::{Arithmetic, Comparison, Literal, Operand, Predicate, Yields};
use crate::error::Error;
use crate::schema::Column;

/// Lists up to this long are compared one by one: texts of equal length and start are rare, a hash is not free.
const FEW: usize = 8;

impl Predicate {
    /// The expression that yields this predicate's truth for each row, with nulls as SQL has them.
    ///
    /// # Errors
    /// [`Error::Frame`] where the table engine refuses a list.
    pub(crate) fn expr(&self) -> Result<Expr, Error> {
        Ok(match self {
            Self::Const(value) => lit(*value),
            Self::Flag(operand) => operand.expr()?,
            Self::All(parts) => joined(parts, true)?,
            Self::Any(parts) => joined(parts, false)?,
            Self::Not(part) => part.expr()?.not(),
            Self::Compare(left, comparison, right) => compared(left.expr()?, *comparison, right.expr()?),
            Self::Same(left, right) => left.expr()?.eq_missing(right.expr()?),
            Self::Among(operand, literals) => among(operand, literals)?,
            Self::Like(operand, pattern) => pattern.expr(operand.expr()?),
            Self::Null(operand) => operand.expr()?.is_null(),
        })
    }
}

impl Operand {
    fn expr(&self) -> Result<Expr, Error> {
        Ok(match self {
            Self::Column(column) => col(column.name()),
            Self::Field(name) => col(name.as_str()),
            Self::FieldAsInt(name) => col(integer_column(name)),
            // Never met: what is compiled is `alone`, and tables of state are asked row by row.
            Self::Outside(name, _) => {
                return Err(PolarsError::ComputeError(format!("`{name}` is no value of the event").into()).into());
            }
            Self::Literal(literal) => literal.expr(),
            Self::Lower(text) => text.expr()?.str().to_lowercase(),
            Self::Coalesce(parts) => coalesce(&parts.iter().map(Self::expr).collect::<Result<Vec<_>, _>>()?),
            Self::Case(branches, otherwise) => {
                let mut value = match otherwise {
                    Some(value) => value.expr()?,
                    None => lit(NULL).cast(self.data_type()),
                };
                for (condition, result) in branches.iter().rev() {
                    value = ternary_expr(condition.expr()?, result.expr()?, value);
                }
                value
            }
            Self::Arithmetic(left, arithmetic, right) => {
                let (left, right) = (left.expr()?, right.expr()?);
                match arithmetic {
                    Arithmetic::Plus => left + right,
                    Arithmetic::Minus => left - right,
                    Arithmetic::Times => left * right,
                }
            }
            Self::Truth(condition) => condition.expr()?,
        })
    }

    fn data_type(&self) -> DataType {
        match self.yields() {
            Yields::Int => DataType::Int64,
            Yields::Flag => DataType::Boolean,
            Yields::Text | Yields::Field | Yields::Opaque => DataType::String,
        }
    }
}

impl Literal {
    fn expr(&self) -> Expr {
        match self {
            Self::Text(text) => lit(text.clone()),
            Self::Int(number) => lit(*number),
            Self::Flag(flag) => lit(*flag),
        }
    }
}

/// True for every event that is not an Insights event, whose fields mean something else.
pub(in crate::detect) fn not_insight() -> Expr {
    col(Column::EventCategory.name()).neq_missing(lit("Insight"))
}

fn compared(left: Expr, comparison: Comparison, right: Expr) -> Expr {
    match comparison {
        Comparison::Equal => left.eq(right),
        Comparison::NotEqual => left.neq(right),
        Comparison::Less => left.lt(right),
        Comparison::AtMost => left.lt_eq(right),
        Comparison::Greater => left.gt(right),
        Comparison::AtLeast => left.gt_eq(right),
    }
}

/// Joins conditions as a balanced tree, so that a long list does not nest deep.
fn joined(parts: &[Predicate], all: bool) -> Result<Expr, Error> {
    match parts {
        [] => Ok(lit(all)),
        [only] => only.expr(),
        _ => {
            let (left, right) = parts.split_at(parts.len() / 2);
            let (left, right) = (joined(left, all)?, joined(right, all)?);
            Ok(if all { left.and(right) } else { left.or(right) })
        }
    }
}

fn among(operand: &Operand, literals: &[Literal]) -> Result<Expr, Error> {
    let value = operand.expr()?;
    if literals.is_empty() {
        // Nothing is in an empty list, not even null.
        return Ok(lit(false));
    }
    // For polars, a fixed value among a list is one row long and fits no frame.
    if literals.len() <= FEW || operand.is_fixed() {
        return Ok(equal_to_any(&value, literals));
    }
    let text = |literal: &Literal| if let Literal::Text(text) = literal { Some(text.clone()) } else { None };
    let number = |literal: &Literal| if let Literal::Int(number) = literal { Some(*number) } else { None };
    let list = if let Some(texts) = literals.iter().map(text).collect::<Option<Vec<_>>>() {
        Series::new("list".into(), texts)
    } else if let Some(numbers) = literals.iter().map(number).collect::<Option<Vec<_>>>() {
        Series::new("list".into(), numbers)
    } else {
        return Ok(equal_to_any(&value, literals));
    };
    let list = list.implode()?.into_series();
    Ok(value.is_in(lit(list), false))
}

fn equal_to_any(value: &Expr, literals: &[Literal]) -> Expr {
    match literals {
        [] => lit(false),
        [only] => value.clone().eq(only.expr()),
        _ => {
            let (left, right) = literals.split_at(literals.len() / 2);
            equal_to_any(value, left).or(equal_to_any(value, right))
        }
    }
}
