//! SQL over the tables of a run: `trailsift sql` and the rules of kind `table`.
//!
//! The engine is polars' own SQL, which is fast and wrong in places: it takes
//! every gap that was found to answer wrongly without an error, and either
//! mends it or refuses the statement with advice. A statement passes
//!
//! 1. `tokens`: the limits of its size;
//! 2. `guard`: the parsed statement, clause by clause, against the columns of
//!    the tables, with `joins`, `groups`, `functions`, `numbers` and `subqueries` beside it;
//! 3. `mend`: what is put right in its text;
//! 4. `engine`: a new context per statement, on a thread with a deep stack;
//!    `size` counts what its joins would pair before any is made, and `parts`
//!    has many events grouped a few batches at a time.
//!
//! # Row order
//! Same tables, same bytes. An `ORDER BY` puts nulls last and breaks ties by
//! the result's columns from left to right. Without one, a plain selection
//! from one table keeps that table's order, and every other result is sorted
//! by its columns from left to right.
//!
//! # Source
//! Measured on, and read in the source of, polars-sql 0.55.2.

mod engine;
mod functions;
mod groups;
mod guard;
mod joins;
mod mend;
mod numbers;
mod parts;
mod rows;
mod scope;
mod size;
mod subqueries;
mod tables;
mod tokens;

use polars::prelude::{DataFrame, LazyFrame};

use crate::error::Error;

pub use rows::rows;
pub use tables::{
    DIGESTS, DRIFT, FILES, FINDINGS, IAM_CHANGES, IAM_STATE, NOTICES, PROBLEMS, SESSIONS, Table, USERS, json_table, schema_rows,
    state_frame, write_state,
};
pub use tokens::bind;

/// Whether the statement may run on `events` and the small tables, without running it.
///
/// # Errors
/// [`Error::Query`]: what is refused, why, and what to write instead.
///
/// # Examples
/// ```
/// assert!(trailsift::query::check("select principal, count(*) as n from events group by principal").is_ok());
/// let error = trailsift::query::check("select event_nme from events").unwrap_err();
/// assert_eq!(error.to_string(), "query: column event_nme is not in events (did you mean event_name?)");
/// ```
pub fn check(sql: &str) -> Result<(), Error> {
    engine::on_deep_stack(|| guard::guard(sql, &tables::known_tables()).map(|_| ()))
}

/// The rows of one statement over `tables`, at most `limit` of them.
///
/// # Errors
/// [`Error::Query`]: the statement was refused, or the engine failed on it.
pub fn run(sql: &str, tables: &[(&str, LazyFrame)], limit: Option<usize>) -> Result<DataFrame, Error> {
    run_limited(sql, tables, limit).map(|(frame, _)| frame)
}

/// [`run`], and whether `limit` cut rows off.
///
/// # Errors
/// As [`run`].
pub fn run_limited(sql: &str, tables: &[(&str, LazyFrame)], limit: Option<usize>) -> Result<(DataFrame, bool), Error> {
    engine::on_deep_stack(|| engine::execute(sql, tables, limit))
}

/// An [`Error::Query`] of that text.
fn refuse(text: impl Into<String>) -> Error {
    Error::Query(text.into())
}

#[cfg(test)]
mod tests;
