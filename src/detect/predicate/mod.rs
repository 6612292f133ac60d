//! [`Predicate`]: the condition of a rule as a small tree of our own.
//!
//! The text is SQL and is parsed by `sqlparser`; what lies outside the grammar of
//! rules is refused in [`parse`](Predicate::parse), so that the rest of the engine
//! knows a few shapes only. A predicate yields true, false or null, as SQL has it;
//! an event matches where it yields true.
//!
//! One thing goes beyond SQL: a field is text, but where it is compared or
//! coalesced with an integer, or takes part in arithmetic, it is read as an
//! integer, and is null where its text is none.

mod bound;
mod dialect;
mod evaluate;
mod kinds;
mod like;
mod list;
mod names;
mod never;
mod parse;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub(super) use dialect::is_plain_name;
pub(super) use evaluate::{Datum, decided};
pub use like::Pattern;
pub use list::Literals;
pub(super) use list::network_range;
pub(super) use names::unknown;

use serde::{Deserialize, Serialize};

use super::fields::FieldPath;
use crate::schema::{Column, Kind};
use crate::session::StateColumn;

/// A literal value in a rule: in its text or as a parameter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Literal {
    /// Text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A truth value.
    Flag(bool),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Int(number) => write!(f, "{number}"),
            Self::Flag(flag) => write!(f, "{flag}"),
        }
    }
}

/// The names that a rule gives to things, for its predicates.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// Nested values, by dotted path.
    pub fields: BTreeMap<String, FieldPath>,
    /// Values for `:name`.
    pub params: BTreeMap<String, Literal>,
    /// Lists for `in_list` and `in_network`.
    pub lists: BTreeMap<String, Vec<String>>,
    /// Values that earlier events bind, for `:name`, and what they hold.
    pub bound: BTreeMap<String, Kind>,
    /// The columns of the table of state that the predicates are about, in place of those of events.
    pub table: Option<&'static [StateColumn]>,
}

/// A condition on one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// Always true, or always false.
    Const(bool),
    /// An operand of kind flag.
    Flag(Operand),
    /// All of them.
    All(Vec<Self>),
    /// Any of them.
    Any(Vec<Self>),
    /// Not this.
    Not(Box<Self>),
    /// Two values of one kind compared.
    Compare(Operand, Comparison, Operand),
    /// Two values are the same, where null is a value as any other.
    Same(Operand, Operand),
    /// A value is among some literals.
    Among(Operand, Literals),
    /// A text is like a pattern.
    Like(Operand, Pattern),
    /// A value is null.
    Null(Operand),
}

/// How two values are compared; texts by their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// A value of an event, or one made from such values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A column of the frame.
    Column(Column),
    /// A field as text.
    Field(String),
    /// A field as an integer, null where it is none.
    FieldAsInt(String),
    /// A value that is not the event's own: bound by an earlier event, or of a table of state.
    Outside(String, Kind),
    /// A literal.
    Literal(Literal),
    /// A text in lower case.
    Lower(Box<Self>),
    /// The first that is not null.
    Coalesce(Vec<Self>),
    /// The value of the first condition that is true, else the last value or null.
    Case(Vec<(Predicate, Self)>, Option<Box<Self>>),
    /// Integers put together; what leaves 64 bits wraps around.
    Arithmetic(Box<Self>, Arithmetic, Box<Self>),
    /// The truth of a condition.
    Truth(Box<Predicate>),
}

/// What integers can be put together with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Plus,
    /// `-`
    Minus,
    /// `*`
    Times,
}

/// What an operand yields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Yields {
    Text,
    Int,
    Flag,
    /// Nothing but fields: text, and an integer where one is wanted.
    Field,
    /// A time or a list: there or not there, and nothing more.
    Opaque,
}

impl From<Kind> for Yields {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Text | Kind::Json => Self::Text,
            Kind::Int => Self::Int,
            Kind::Flag => Self::Flag,
            Kind::Time | Kind::TextList => Self::Opaque,
        }
    }
}

impl Operand {
    pub(crate) fn yields(&self) -> Yields {
        match self {
            Self::Column(column) => Yields::from(column.kind()),
            Self::Outside(_, kind) => Yields::from(*kind),
            Self::Field(_) => Yields::Field,
            Self::Literal(Literal::Text(_)) | Self::Lower(_) => Yields::Text,
            Self::Literal(Literal::Int(_)) | Self::FieldAsInt(_) | Self::Arithmetic(..) => Yields::Int,
            Self::Literal(Literal::Flag(_)) | Self::Truth(_) => Yields::Flag,
            Self::Coalesce(parts) => common(parts.iter()),
            Self::Case(branches, otherwise) => common(branches.iter().map(|(_, value)| value).chain(otherwise.as_deref())),
        }
    }
}

/// What operands yield that were brought to one kind: that of the first which is not a bare field.
fn common<'o>(operands: impl Iterator<Item = &'o Operand>) -> Yields {
    operands.map(Operand::yields).find(|yields| *yields != Yields::Field).unwrap_or(Yields::Field)
}

impl Predicate {
    /// The columns that it names.
    pub fn columns(&self) -> BTreeSet<Column> {
        let mut columns = BTreeSet::new();
        self.visit(&mut |operand| {
            if let Operand::Column(column) = operand {
                columns.insert(*column);
            }
        });
        columns
    }

    /// The fields that it names.
    pub fn fields(&self) -> BTreeSet<&str> {
        let mut fields = BTreeSet::new();
        self.visit(&mut |operand| {
            if let Operand::Field(name) | Operand::FieldAsInt(name) = operand {
                fields.insert(name.as_str());
            }
        });
        fields
    }

    /// The values from outside the event that it names.
    pub(crate) fn outside(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.visit(&mut |operand| {
            if let Operand::Outside(name, _) = operand {
                names.insert(name.as_str());
            }
        });
        names
    }

    /// The conditions that all have to hold, as far as they stand side by side.
    pub(crate) fn conjuncts(&self) -> Vec<&Self> {
        match self {
            Self::All(parts) => parts.iter().flat_map(Self::conjuncts).collect(),
            other => vec![other],
        }
    }

    /// Where it says that a value of the event equals one from outside: both.
    pub(crate) fn equality(&self) -> Option<(&Operand, &str)> {
        let Self::Compare(left, Comparison::Equal, right) = self else { return None };
        let ((Operand::Outside(name, _), value) | (value, Operand::Outside(name, _))) = (left, right) else { return None };
        let own = matches!(value, Operand::Column(_) | Operand::Field(_) | Operand::FieldAsInt(_));
        own.then_some((value, name.as_str()))
    }

    /// The names of all values that it asks for.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        self.visit(&mut |operand| {
            names.extend(match operand {
                Operand::Column(column) => Some(column.name()),
                Operand::Field(name) | Operand::FieldAsInt(name) | Operand::Outside(name, _) => Some(name.as_str()),
                _ => None,
            });
        });
        names
    }

    /// True for every event that is not an Insights event, whose fields mean something else.
    pub(crate) fn not_insight() -> Self {
        let insight = Operand::Literal(Literal::Text("Insight".to_owned()));
        Self::Not(Box::new(Self::Same(Operand::Column(Column::EventCategory), insight)))
    }

    fn visit<'p>(&'p self, seen: &mut dyn FnMut(&'p Operand)) {
        match self {
            Self::Const(_) => {}
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.visit(seen)),
            Self::Not(part) => part.visit(seen),
            Self::Flag(operand) | Self::Among(operand, _) | Self::Like(operand, _) | Self::Null(operand) => operand.visit(seen),
            Self::Compare(left, _, right) | Self::Same(left, right) => {
                left.visit(seen);
                right.visit(seen);
            }
        }
    }
}

impl Operand {
    fn visit<'p>(&'p self, seen: &mut dyn FnMut(&'p Self)) {
        seen(self);
        match self {
            Self::Column(_) | Self::Field(_) | Self::FieldAsInt(_) | Self::Outside(..) | Self::Literal(_) => {}
            Self::Lower(inner) => inner.visit(seen),
            Self::Coalesce(parts) => parts.iter().for_each(|part| part.visit(seen)),
            Self::Case(branches, otherwise) => {
                for (condition, value) in branches {
                    condition.visit(seen);
                    value.visit(seen);
                }
                if let Some(otherwise) = otherwise {
                    otherwise.visit(seen);
                }
            }
            Self::Arithmetic(left, _, right) => {
                left.visit(seen);
                right.visit(seen);
            }
            Self::Truth(condition) => condition.visit(seen),
        }
    }
}
