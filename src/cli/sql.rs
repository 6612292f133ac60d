//! `trailsift sql`: a question of one's own.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};
use trailsift::Error;
use trailsift::case::Case;
use trailsift::detect::{Catalog, DetectOptions};
use trailsift::problem::{Ledger, Problem};
use trailsift::query::{self, FILES, FINDINGS, NOTICES, PROBLEMS, json_table};
use trailsift::report::json;

use super::args::{Format, SqlArgs};
use super::exit::Exit;
use super::findings::{self, Found};
use super::messages::Messages;
use super::output::{Output, line, write_jsonl};
use super::session::Session;
use super::table::{Column, Grid, hidden_columns, rows_grid};
use super::text::{count, number, thousands};

/// Rows that a terminal shows where nothing else is said.
const TERMINAL_ROWS: usize = 1_000;

pub(crate) fn run(args: &SqlArgs) -> Result<Exit> {
    if args.schema {
        return schema(&Output::open(&args.output)?, Messages::new(args.output.quiet, args.output.verbose));
    }
    let statement = statement(args)?;
    let session = Session::open(&args.sources, &args.filter, &args.output, &args.run)?;
    query::check(&statement)?;
    let limit = args.limit.or_else(|| session.output.is_terminal().then_some(TERMINAL_ROWS));
    let catalog = Catalog::builtin()?;
    let (case, display) = session.read()?;
    display.stage("querying");
    let found = if names_findings(&statement) || args.run.fail_on.is_some() {
        Some(Found::new(case.detect(&catalog, &DetectOptions::default())?, None, args.run.fail_on))
    } else {
        None
    };
    let answer = answer(&statement, &case, found.as_ref(), limit);
    drop(display);
    let (answer, cut) = answer?;
    answer.write(&session.output, session.messages, &case.ledger)?;
    if cut {
        let rows = thousands(number(answer.rows.len()));
        session.messages.say(&format!("cut after {rows} rows: --limit N shows more"));
    }
    let alert = found.is_some_and(|found| found.alert);
    Ok(session.end(&case, alert, true, "the table problems, or -v"))
}

/// Rows, and the names of their columns.
#[derive(Debug)]
struct Answer {
    names: Vec<String>,
    rows: Vec<Map<String, Value>>,
}

impl Answer {
    fn write(&self, output: &Output, messages: Messages, ledger: &Ledger) -> Result<()> {
        match output.format {
            Format::Json => output.write_document(&json::rows("sql", ledger, self.rows.clone())),
            Format::Jsonl => output.write(|out| write_jsonl(out, &self.rows)),
            Format::Csv => output.write_csv(&self.names, &self.rows),
            Format::Table => {
                let screen = output.screen();
                let mut hidden = 0;
                output.write(|out| {
                    hidden = rows_grid(&self.names, &self.rows, &screen).write(out, &screen)?;
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

fn schema(output: &Output, messages: Messages) -> Result<Exit> {
    let rows = query::schema_rows();
    if output.format == Format::Table {
        let screen = output.screen();
        output.write(|out| schema_grid(&rows).write(out, &screen).map(|_| ()))?;
        return Ok(Exit::Clean);
    }
    let names = rows.first().map(|row| row.keys().cloned().collect()).unwrap_or_default();
    Answer { names, rows }.write(output, messages, &Ledger::default())?;
    Ok(Exit::Clean)
}

/// What a column is made from, and what null means in it, stand below its name.
fn schema_grid(rows: &[Map<String, Value>]) -> Grid {
    let mut grid = Grid::new(["TABLE", "COLUMN", "TYPE"].map(Column::new).to_vec());
    for row in rows {
        let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
        grid.row(["table", "column", "type"].map(text));
        grid.note(&format!("from {}; null: {}", text("source"), text("null_means")));
    }
    grid
}

fn statement(args: &SqlArgs) -> Result<String, Error> {
    let Some(path) = &args.file else { return Ok(args.command.clone().unwrap_or_default()) };
    if path.as_os_str() == "-" {
        if args.sources.iter().any(|source| source == Path::new("-")) {
            return Err(Error::setting("--file -", "standard input cannot be the statement and the logs at once"));
        }
        let mut text = String::new();
        let read = io::stdin().lock().read_to_string(&mut text);
        return read.map(|_| text).map_err(|cause| Error::io("read", Path::new("standard input"), cause));
    }
    fs::read_to_string(path).map_err(|cause| Error::io("read", path, cause))
}

fn answer(statement: &str, case: &Case, found: Option<&Found>, limit: Option<usize>) -> Result<(Answer, bool)> {
    let problems = |list: &[Problem]| list.iter().map(|problem| object(json::problem(problem))).collect::<Vec<_>>();
    let findings = found.map(|found| findings::rows(&found.detections.findings)).unwrap_or_default();
    let tables = [
        ("events", case.events.to_frame()),
        (FILES.name, json_table(&FILES.columns(), &case.file_rows())?),
        (PROBLEMS.name, json_table(&PROBLEMS.columns(), &problems(&case.ledger.problems))?),
        (NOTICES.name, json_table(&NOTICES.columns(), &problems(&case.ledger.notices))?),
        (FINDINGS.name, json_table(&FINDINGS.columns(), &findings)?),
    ];
    let (frame, cut) = query::run_limited(statement, &tables, limit)?;
    let names = frame.get_column_names().into_iter().map(ToString::to_string).collect();
    Ok((Answer { names, rows: query::rows(&frame) }, cut))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Whether the statement may ask for the table `findings`; running the rules costs more than all else.
fn names_findings(statement: &str) -> bool {
    let word = |word: &str| word.eq_ignore_ascii_case(FINDINGS.name);
    statement.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).any(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_run_only_for_their_table() {
        assert!(names_findings("select rule_id from Findings f"));
        assert!(names_findings("with a as (select * from \"findings\") select * from a"));
        assert!(!names_findings("select findings_count from events"));
    }
}
