//! What names mean in a statement: tables, CTEs, and the columns that a SELECT sees.

use std::collections::BTreeSet;
use std::rc::Rc;

use sqlparser::ast::Ident;

use super::refuse;
use crate::error::Error;
use crate::schema::nearest;

/// The columns that make a row of events one of a kind; by rule, an order that has all of one set is total.
pub(super) const EVENT_KEYS: [&[&str]; 2] = [&["event_id"], &["object", "record_index"]];

/// A table, a CTE or the result of a SELECT.
#[derive(Debug, Clone, Default)]
pub(super) struct Relation {
    /// Its columns; an expression without a name has an empty one.
    pub(super) columns: Vec<String>,
    /// The columns of its GROUP BY, where all were selected: no two rows agree in them.
    pub(super) keys: Vec<String>,
    /// Rows come in the order of a table: nothing was joined, grouped or counted.
    pub(super) plain: bool,
    /// How many scans of tables it unfolds to.
    pub(super) scans: usize,
}

impl Relation {
    /// Whether no two different rows agree in all of `names`.
    pub(super) fn told_apart_by(&self, names: &BTreeSet<String>) -> bool {
        EVENT_KEYS.iter().any(|key| key.iter().all(|column| names.contains(*column)))
            || (!self.keys.is_empty() && self.keys.iter().all(|key| names.contains(key)))
            || self.columns.iter().all(|column| names.contains(column))
    }

    /// Which columns to end an ORDER BY with.
    pub(super) fn advised_key(&self) -> String {
        match EVENT_KEYS.iter().find(|key| key.iter().all(|key| self.columns.iter().any(|column| column == key))) {
            Some(key) => key.join(", "),
            None if !self.keys.is_empty() => self.keys.join(", "),
            None => self.columns.join(", "),
        }
    }
}

/// One table of a FROM, under the name it has there.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) relation: Rc<Relation>,
}

impl Source {
    pub(super) fn has(&self, column: &str) -> bool {
        self.relation.columns.iter().any(|name| name == column)
    }
}

/// What the expressions of one SELECT see.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) sources: Vec<Source>,
    /// Columns of USING: the same in both tables.
    pub(super) shared: BTreeSet<String>,
}

impl Scope {
    /// Whether any table has the column.
    pub(super) fn has(&self, column: &str) -> bool {
        self.sources.iter().any(|source| source.has(column))
    }

    /// The place of the table that a bare column belongs to.
    pub(super) fn place_of(&self, column: &Ident) -> Result<usize, Error> {
        let name = column.value.as_str();
        let mut owners = self.sources.iter().enumerate().filter(|(_, source)| source.has(name));
        let Some((place, owner)) = owners.next() else { return Err(self.unknown(column)) };
        match owners.next() {
            Some((_, other)) if !self.shared.contains(name) => {
                Err(refuse(format!("column {name} is in {0} and in {1}: write {0}.{name} or {1}.{name}", owner.name, other.name)))
            }
            _ => Ok(place),
        }
    }

    /// The place of the table that `table.column` belongs to.
    pub(super) fn place_of_qualified(&self, table: &Ident, column: &Ident) -> Result<usize, Error> {
        let Some((place, source)) = self.sources.iter().enumerate().find(|(_, source)| source.name == table.value) else {
            let hint = did_you_mean(&table.value, self.sources.iter().map(|source| source.name.as_str()));
            return Err(refuse(format!("table {} is not in this FROM{hint}", table.value)));
        };
        if source.has(&column.value) {
            return Ok(place);
        }
        let alone = Self { sources: vec![source.clone()], shared: BTreeSet::new() };
        Err(alone.unknown(column))
    }

    fn unknown(&self, column: &Ident) -> Error {
        let name = &column.value;
        let all = self.sources.iter().flat_map(|source| source.relation.columns.iter().map(String::as_str));
        let hint = match did_you_mean(name, all) {
            hint if hint.is_empty() && column.quote_style == Some('"') => format!(": text takes single quotes, '{name}'"),
            hint => hint,
        };
        let names: Vec<_> = self.sources.iter().map(|source| source.name.as_str()).collect();
        refuse(match names.as_slice() {
            [] => format!("column {name} stands in a SELECT without FROM"),
            [one] => format!("column {name} is not in {one}{hint}"),
            [first @ .., last] => format!("column {name} is not in {} or {last}{hint}", first.join(", ")),
        })
    }
}

/// ` (did you mean x?)`, or nothing.
pub(super) fn did_you_mean<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(name, known).map(|near| format!(" (did you mean {near}?)")).unwrap_or_default()
}
