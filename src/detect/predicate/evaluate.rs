//! The truth of a predicate for given values: those of an event, of a text that many events have, or of a row of a table of state.

use std::borrow::Cow;

use super::{Arithmetic, Comparison, Literal, Operand, Predicate};

/// A value that is not null.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::detect) enum Datum<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A whole number.
    Int(i64),
    /// A truth value.
    Flag(bool),
    /// A time or a list, which is there and nothing more.
    Opaque,
}

impl<'a> From<&'a Literal> for Datum<'a> {
    fn from(literal: &'a Literal) -> Self {
        match literal {
            Literal::Text(text) => Self::Text(Cow::Borrowed(text)),
            Literal::Int(number) => Self::Int(*number),
            Literal::Flag(flag) => Self::Flag(*flag),
        }
    }
}

impl Predicate {
    /// True, false or null for the event whose values `lookup` knows.
    pub(in crate::detect) fn truth<'a>(&'a self, lookup: &dyn Fn(&str) -> Option<Datum<'a>>) -> Option<bool> {
        match self {
            Self::Const(value) => Some(*value),
            Self::Flag(operand) => match operand.datum(lookup) {
                Some(Datum::Flag(flag)) => Some(flag),
                _ => None,
            },
            Self::All(parts) => decided(parts.iter().map(|part| part.truth(lookup)), false),
            Self::Any(parts) => decided(parts.iter().map(|part| part.truth(lookup)), true),
            Self::Not(part) => part.truth(lookup).map(|truth| !truth),
            Self::Compare(left, comparison, right) => {
                let (left, right) = (left.datum(lookup)?, right.datum(lookup)?);
                Some(match comparison {
                    Comparison::Equal => left == right,
                    Comparison::NotEqual => left != right,
                    Comparison::Less => left < right,
                    Comparison::AtMost => left <= right,
                    Comparison::Greater => left > right,
                    Comparison::AtLeast => left >= right,
                })
            }
            Self::Same(left, right) => Some(left.datum(lookup) == right.datum(lookup)),
            Self::Among(_, literals) if literals.is_empty() => Some(false),
            Self::Among(operand, literals) => Some(literals.contains(&operand.datum(lookup)?)),
            Self::Like(operand, pattern) => match operand.datum(lookup)? {
                Datum::Text(text) => Some(pattern.matches(&text)),
                _ => None,
            },
            Self::Null(operand) => Some(operand.datum(lookup).is_none()),
        }
    }
}

/// `decisive` where a part is, else null where a part is, else the other.
pub(in crate::detect) fn decided(parts: impl Iterator<Item = Option<bool>>, decisive: bool) -> Option<bool> {
    let mut answer = Some(!decisive);
    for part in parts {
        match part {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => answer = None,
        }
    }
    answer
}

impl Operand {
    fn datum<'a>(&'a self, lookup: &dyn Fn(&str) -> Option<Datum<'a>>) -> Option<Datum<'a>> {
        let number = |operand: &'a Self| match operand.datum(lookup) {
            Some(Datum::Int(number)) => Some(number),
            _ => None,
        };
        match self {
            Self::Column(column) => lookup(column.name()),
            Self::Field(name) | Self::Outside(name, _) => lookup(name),
            Self::FieldAsInt(name) => match lookup(name)? {
                Datum::Text(text) => text.parse().ok().map(Datum::Int),
                _ => None,
            },
            Self::Literal(literal) => Some(Datum::from(literal)),
            Self::Lower(text) => match text.datum(lookup)? {
                Datum::Text(text) => Some(Datum::Text(Cow::Owned(text.to_lowercase()))),
                _ => None,
            },
            Self::Coalesce(parts) => parts.iter().find_map(|part| part.datum(lookup)),
            Self::Case(branches, otherwise) => {
                let chosen = branches.iter().find(|(condition, _)| condition.truth(lookup) == Some(true)).map(|(_, value)| value);
                chosen.or(otherwise.as_deref())?.datum(lookup)
            }
            Self::Arithmetic(left, arithmetic, right) => {
                let (left, right) = (number(left)?, number(right)?);
                Some(Datum::Int(match arithmetic {
                    Arithmetic::Plus => left.wrapping_add(right),
                    Arithmetic::Minus => left.wrapping_sub(right),
                    Arithmetic::Times => left.wrapping_mul(right),
                }))
            }
            Self::Truth(condition) => condition.truth(lookup).map(Datum::Flag),
        }
    }
}
