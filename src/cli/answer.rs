//! [`Answer`]: rows in the form that was asked for; what `sql`, `timeline` and `summary` share.

use anyhow::Result;
use serde_json::{Map, Value};
use trailsift::problem::Ledger;
use trailsift::report::json;

use super::args::Format;
use super::messages::Messages;
use super::output::{Output, line, write_jsonl};
use super::table::{Grid, Screen, hidden_columns, rows_grid};
use super::text::{count, number};

/// Rows that a terminal shows where nothing else is said.
pub(crate) const TERMINAL_ROWS: usize = 1_000;

/// Rows, and the names of their columns.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) names: Vec<String>,
    pub(crate) rows: Vec<Map<String, Value>>,
}

impl Answer {
    /// Writes the rows as the answer of `command`; for people as all of their columns.
    pub(crate) fn write(&self, command: &str, output: &Output, messages: Messages, ledger: &Ledger) -> Result<()> {
        self.write_with(command, output, messages, ledger, |screen| rows_grid(&self.names, &self.rows, screen))
    }

    /// The same, with a table of its own for people.
    pub(crate) fn write_with(
        &self,
        command: &str,
        output: &Output,
        messages: Messages,
        ledger: &Ledger,
        grid: impl FnOnce(&Screen) -> Grid,
    ) -> Result<()> {
        match output.format {
            Format::Json => output.write_document(&json::rows(command, ledger, self.rows.clone())),
            Format::Jsonl => output.write(|out| write_jsonl(out, &self.rows)),
            Format::Csv => output.write_csv(&self.names, self.rows.iter().map(Ok)),
            Format::Table => {
                let screen = output.screen();
                let mut hidden = 0;
                output.write(|out| {
                    hidden = grid(&screen).write(out, &screen)?;
                    line(out, &count(number(self.rows.len()), "row"))
                })?;
                if let Some(text) = hidden_columns(hidden) {
                    messages.say(&text);
                }
                Ok(())
            }
        }
    }
}
