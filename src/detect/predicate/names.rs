//! What the names in a predicate may be, and what was meant by those that are not known.

use super::{Operand, Scope};
use crate::schema::{Column, nearest};

impl Scope {
    /// The column or field of that name.
    ///
    /// # Errors
    /// A sentence that says the nearest known name.
    pub fn operand(&self, name: &str) -> Result<Operand, String> {
        if let Some(columns) = self.table {
            let Some(column) = columns.iter().find(|column| column.name == name) else {
                let known = columns.iter().map(|column| column.name);
                return Err(unknown("column", name, known, "see the columns of the rule's table"));
            };
            return Ok(Operand::Outside(column.name.to_owned(), column.kind));
        }
        if let Some(column) = Column::from_name(name) {
            return Ok(Operand::Column(column));
        }
        if self.fields.contains_key(name) {
            return Ok(Operand::Field(name.to_owned()));
        }
        let known = Column::ALL.iter().map(|column| column.name()).chain(self.fields.keys().map(String::as_str));
        Err(unknown("column or field", name, known, "see `trailsift sql --schema`; a nested value is named under `fields`"))
    }
}

/// The sentence about a name that nobody knows.
pub(crate) fn unknown<'k>(what: &str, name: &str, known: impl IntoIterator<Item = &'k str>, advice: &str) -> String {
    match nearest(name, known) {
        Some(near) => format!("no {what} `{name}`: did you mean `{near}`?"),
        None => format!("no {what} `{name}`: {advice}"),
    }
}
