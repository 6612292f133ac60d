//! The kinds of operands, and how operands are brought to one kind.

use sqlparser::ast::Expr;

use super::{Operand, Yields};

/// Brings values to one kind: fields beside integers are read as integers.
pub(super) fn one_kind(values: Vec<(Operand, &Expr)>) -> Result<Vec<Operand>, String> {
    let Some((kind, first)) = values.iter().map(|(value, expr)| (value.yields(), *expr)).find(|(kind, _)| *kind != Yields::Field) else {
        return Ok(values.into_iter().map(|(value, _)| value).collect());
    };
    values
        .into_iter()
        .map(|(value, expr)| match (value.yields(), kind) {
            (Yields::Field, Yields::Int) => integer(value, expr),
            (Yields::Field, Yields::Text) => Ok(value),
            (Yields::Field, Yields::Flag) => {
                Err(format!("`{expr}` is a field, so text, and `{first}` a flag: compare with 'true' or 'false'"))
            }
            (found, wanted) if found == wanted => Ok(value),
            (found, wanted) => Err(format!("`{first}` is {}, but `{expr}` is {}", word(wanted), word(found))),
        })
        .collect()
}

/// The operand as an integer.
pub(super) fn integer(value: Operand, expr: &Expr) -> Result<Operand, String> {
    match value.yields() {
        Yields::Int => Ok(value),
        Yields::Field => Ok(read_as_integer(value)),
        other => Err(format!("`{expr}` is {} where a whole number is needed", word(other))),
    }
}

/// An operand that yields nothing but fields, with each of them read as an integer.
fn read_as_integer(value: Operand) -> Operand {
    match value {
        Operand::Field(name) => Operand::FieldAsInt(name),
        Operand::Coalesce(parts) => Operand::Coalesce(parts.into_iter().map(read_as_integer).collect()),
        Operand::Case(branches, otherwise) => Operand::Case(
            branches.into_iter().map(|(condition, value)| (condition, read_as_integer(value))).collect(),
            otherwise.map(|value| Box::new(read_as_integer(*value))),
        ),
        other => other,
    }
}

/// The kind in words.
pub(super) const fn word(yields: Yields) -> &'static str {
    match yields {
        Yields::Text => "text",
        Yields::Int => "an integer",
        Yields::Flag => "a flag",
        Yields::Field => "a field",
        Yields::Opaque => "a time or a list",
    }
}
