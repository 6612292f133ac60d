//! The plain definition of a predicate's truth, a row at a time: what the compiled
//! form is held against in the tests, and nothing else.

use super::{Arithmetic, Comparison, Literal, Operand, Predicate};

/// A value, or null.
pub(super) type Cell = Option<Literal>;

impl Predicate {
    /// True, false or null for the event whose values `lookup` knows.
    pub(super) fn truth(&self, lookup: &dyn Fn(&str) -> Cell) -> Option<bool> {
        match self {
            Self::Const(value) => Some(*value),
            Self::Flag(operand) => match operand.cell(lookup) {
                Some(Literal::Flag(flag)) => Some(flag),
                _ => None,
            },
            Self::All(parts) => {
                let truths: Vec<_> = parts.iter().map(|part| part.truth(lookup)).collect();
                if truths.contains(&Some(false)) { Some(false) } else { (!truths.contains(&None)).then_some(true) }
            }
            Self::Any(parts) => {
                let truths: Vec<_> = parts.iter().map(|part| part.truth(lookup)).collect();
                if truths.contains(&Some(true)) { Some(true) } else { (!truths.contains(&None)).then_some(false) }
            }
            Self::Not(part) => part.truth(lookup).map(|truth| !truth),
            Self::Compare(left, comparison, right) => {
                let (left, right) = (left.cell(lookup)?, right.cell(lookup)?);
                Some(match comparison {
                    Comparison::Equal => left == right,
                    Comparison::NotEqual => left != right,
                    Comparison::Less => left < right,
                    Comparison::AtMost => left <= right,
                    Comparison::Greater => left > right,
                    Comparison::AtLeast => left >= right,
                })
            }
            Self::Same(left, right) => Some(left.cell(lookup) == right.cell(lookup)),
            Self::Among(_, literals) if literals.is_empty() => Some(false),
            Self::Among(operand, literals) => operand.cell(lookup).map(|cell| literals.contains(&cell)),
            Self::Like(operand, pattern) => match operand.cell(lookup)? {
                Literal::Text(text) => Some(pattern.matches(&text)),
                _ => None,
            },
            Self::Null(operand) => Some(operand.cell(lookup).is_none()),
        }
    }
}

impl Operand {
    fn cell(&self, lookup: &dyn Fn(&str) -> Cell) -> Cell {
        let number = |operand: &Self| match operand.cell(lookup) {
            Some(Literal::Int(number)) => Some(number),
            _ => None,
        };
        match self {
            Self::Column(column) => lookup(column.name()),
            Self::Field(name) => lookup(name),
            Self::FieldAsInt(name) => match lookup(name)? {
                Literal::Text(text) => text.parse().ok().map(Literal::Int),
                _ => None,
            },
            Self::Literal(literal) => Some(literal.clone()),
            Self::Lower(text) => match text.cell(lookup)? {
                Literal::Text(text) => Some(Literal::Text(text.to_lowercase())),
                _ => None,
            },
            Self::Coalesce(parts) => parts.iter().find_map(|part| part.cell(lookup)),
            Self::Case(branches, otherwise) => {
                let chosen = branches.iter().find(|(condition, _)| condition.truth(lookup) == Some(true)).map(|(_, value)| value);
                chosen.or(otherwise.as_deref())?.cell(lookup)
            }
            Self::Arithmetic(left, arithmetic, right) => {
                let (left, right) = (number(left)?, number(right)?);
                Some(Literal::Int(match arithmetic {
                    Arithmetic::Plus => left.wrapping_add(right),
                    Arithmetic::Minus => left.wrapping_sub(right),
                    Arithmetic::Times => left.wrapping_mul(right),
                }))
            }
            Self::Truth(condition) => condition.truth(lookup).map(Literal::Flag),
        }
    }
}
