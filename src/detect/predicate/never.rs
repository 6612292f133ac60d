//! Predicates that no event can make true, as far as that shows without looking at
//! events: a value that would have to be two things at once, and fields under a
//! top-level key that no record has.

use std::collections::BTreeSet;

use super::{Comparison, Literal, Operand, Predicate};

impl Predicate {
    /// Why no event makes this predicate true; `None` where one may.
    ///
    /// `absent` are the fields that are null in every record.
    pub fn never(&self, absent: &BTreeSet<&str>) -> Option<String> {
        match self {
            Self::Const(false) => Some("the condition is `false`".to_owned()),
            Self::All(parts) => parts.iter().find_map(|part| part.never(absent)).or_else(|| contradiction(parts)),
            Self::Any(parts) => {
                let mut reasons = parts.iter().map(|part| part.never(absent));
                let first = reasons.next().flatten()?;
                reasons.all(|reason| reason.is_some()).then_some(first)
            }
            Self::Compare(left, _, right) => [left, right].into_iter().find_map(|side| null_field(side, absent)),
            Self::Among(operand, _) | Self::Like(operand, _) => null_field(operand, absent),
            // Not null can still be false, so only the plain test for a value counts.
            Self::Not(part) => match part.as_ref() {
                Self::Null(operand) | Self::Like(operand, _) | Self::Among(operand, _) => null_field(operand, absent),
                Self::Const(true) => Some("the condition is `not true`".to_owned()),
                _ => None,
            },
            Self::Const(true) | Self::Flag(_) | Self::Same(..) | Self::Null(_) => None,
        }
    }
}

fn null_field(operand: &Operand, absent: &BTreeSet<&str>) -> Option<String> {
    match operand {
        Operand::Field(name) | Operand::FieldAsInt(name) if absent.contains(name.as_str()) => {
            Some(format!("no CloudTrail record has the field `{name}`"))
        }
        Operand::Lower(inner) => null_field(inner, absent),
        Operand::Arithmetic(left, _, right) => null_field(left, absent).or_else(|| null_field(right, absent)),
        _ => None,
    }
}

/// The first value that would have to be two things at once.
fn contradiction(parts: &[Predicate]) -> Option<String> {
    let mut allowed: Vec<(&Operand, BTreeSet<&Literal>)> = Vec::new();
    for part in parts {
        let (operand, values) = match part {
            Predicate::Compare(operand, Comparison::Equal, Operand::Literal(value))
            | Predicate::Compare(Operand::Literal(value), Comparison::Equal, operand) => (operand, BTreeSet::from([value])),
            Predicate::Among(operand, values) => (operand, values.iter().collect()),
            _ => continue,
        };
        match allowed.iter_mut().find(|(known, _)| *known == operand) {
            Some((_, before)) => {
                before.retain(|value| values.contains(value));
                if before.is_empty() {
                    return Some(format!("{} would have to be two values at once", named(operand)));
                }
            }
            None => allowed.push((operand, values)),
        }
    }
    None
}

fn named(operand: &Operand) -> String {
    match operand {
        Operand::Column(column) => format!("`{column}`"),
        Operand::Field(name) | Operand::FieldAsInt(name) | Operand::Outside(name, _) => format!("`{name}`"),
        Operand::Lower(inner) => format!("lower({})", named(inner)),
        _ => "a value".to_owned(),
    }
}
