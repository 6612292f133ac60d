//! One IAM policy document: reading it, its canonical form, its rank, and whom it trusts.
//!
//! All answers are syntactic. Nothing here evaluates a policy: conditions,
//! boundaries, and policies of the organization are not weighed, and `Deny`
//! statements are counted and otherwise left out. What a document grants together
//! with others is not asked.

mod allow;
mod canonical;
mod kept;
mod parse;
pub(in crate::iam) mod pattern;
mod rank;
mod trust;

use serde_json::{Map, Value};

pub(in crate::iam) use allow::Allow;
#[cfg(test)]
pub(in crate::iam) use canonical::tests;
pub use kept::Document;
pub(super) use kept::StoredDocument;
pub use parse::{MAX_CHARACTERS, MAX_STATEMENTS, NotAPolicy};
pub use rank::{Rank, Ranking};
pub use trust::{Outsiders, Trust, TrustGrant};

/// A policy document in its normal form, with what was written kept for display.
///
/// # Examples
/// ```
/// use trailsift::iam::policy::{PolicyDocument, Rank};
/// let plain = PolicyDocument::parse(r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": ["*"]}}"#)?;
/// let encoded = PolicyDocument::parse("%7B%22Statement%22:%5B%7B%22Resource%22:%22*%22,%22Action%22:%5B%22*%22%5D,%22Effect%22:%22Allow%22%7D%5D%7D")?;
/// assert_eq!(plain.sha256(), encoded.sha256());
/// assert_eq!(plain.ranking().rank, Rank::Admin);
/// # Ok::<(), trailsift::iam::policy::NotAPolicy>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct PolicyDocument {
    /// The elements beside `Statement`, in the order of their names.
    elements: Map<String, Value>,
    statements: Vec<Statement>,
    duplicate_key: bool,
}

impl PolicyDocument {
    /// Whether an object of the document named a key twice; the last one counts.
    pub const fn has_duplicate_key(&self) -> bool {
        self.duplicate_key
    }

    /// How many statements deny; no answer here weighs them.
    pub fn denies(&self) -> usize {
        self.statements.iter().filter(|statement| statement.is("Deny")).count()
    }

    /// The texts that conditions of all statements compare a key with, whose case does not count.
    pub(in crate::iam) fn condition_texts<'d>(&'d self, key: &'static str) -> impl Iterator<Item = &'d str> {
        let conditions = self.statements.iter().flat_map(Statement::conditions);
        conditions.filter(move |(_, name, _)| name.eq_ignore_ascii_case(key)).flat_map(|(_, _, values)| texts(Some(values)))
    }

    fn allows(&self) -> impl Iterator<Item = &Statement> {
        self.statements.iter().filter(|statement| statement.is("Allow"))
    }
}

/// A statement in its normal form: what may be a list is one, in order and without repeats.
#[derive(Debug, Clone, PartialEq)]
struct Statement(Map<String, Value>);

impl Statement {
    /// Whether it has that `Effect`, whose case counts.
    fn is(&self, effect: &str) -> bool {
        self.0.get("Effect").and_then(Value::as_str) == Some(effect)
    }

    fn has(&self, element: &str) -> bool {
        self.0.contains_key(element)
    }

    /// The texts of a list element; none where it is absent.
    fn texts(&self, element: &str) -> impl Iterator<Item = &str> {
        texts(self.0.get(element))
    }

    /// Each condition: operator, key, values.
    fn conditions(&self) -> impl Iterator<Item = (&str, &str, &Value)> {
        let operators = self.0.get("Condition").and_then(Value::as_object).into_iter().flatten();
        operators.flat_map(|(operator, keys)| {
            keys.as_object().into_iter().flatten().map(move |(key, values)| (operator.as_str(), key.as_str(), values))
        })
    }

    /// Whether there is any condition; one of a form that cannot be read counts too.
    fn has_condition(&self) -> bool {
        let unread = |condition: &Value| condition.as_object().is_none_or(|operators| operators.values().any(|keys| !keys.is_object()));
        self.conditions().next().is_some() || self.0.get("Condition").is_some_and(unread)
    }
}

/// The texts of a list.
fn texts(list: Option<&Value>) -> impl Iterator<Item = &str> {
    list.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}
