//! `trailsift sql`: a question of one's own.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};
use trailsift::Error;
use trailsift::case::Case;
use trailsift::detect::Catalog;
use trailsift::problem::{Ledger, Problem};
use trailsift::query::{
    self, DIGESTS, DRIFT, FILES, FINDINGS, IAM_CHANGES, IAM_STATE, NOTICES, PROBLEMS, SESSIONS, Table, USERS, json_table, state_frame,
};
use trailsift::report::json;
use trailsift::session::StateTable;

use super::answer::{Answer, TERMINAL_ROWS};
use super::args::{Format, SqlArgs};
use super::exit::Exit;
use super::findings::{self, Found};
use super::messages::Messages;
use super::output::Output;
use super::session::Session;
use super::table::{Column, Grid};
use super::text::{count, number};

pub(crate) fn run(args: &SqlArgs) -> Result<Exit> {
    if args.schema {
        return schema(&Output::open(&args.output)?, Messages::new(args.output.quiet, args.output.verbose));
    }
    let statement = statement(args)?;
    let mut session = Session::open(&args.sources, &args.aws, &args.filter, &args.output, &args.run)?;
    query::check(&statement)?;
    let limit = args.limit.or_else(|| session.output.is_terminal().then_some(TERMINAL_ROWS));
    let catalog = Catalog::builtin()?;
    let (case, display) = session.read()?;
    display.stage("querying");
    let found = if names_table(&statement, FINDINGS.name) || args.run.fail_on.is_some() {
        Some(Found::new(case.detect(&catalog)?, None, args.run.fail_on))
    } else {
        None
    };
    let answer = answer(&statement, &case, found.as_ref(), limit);
    drop(display);
    let (answer, cut) = answer?;
    answer.write("sql", &session.output, session.messages, &case.ledger)?;
    if cut {
        let rows = count(number(answer.rows.len()), "row");
        session.messages.say(&format!("cut after {rows}: --limit N shows more"));
    }
    let alert = found.is_some_and(|found| found.alert);
    Ok(session.end(&case, alert, true, "the table problems, or -v")?)
}

fn schema(output: &Output, messages: Messages) -> Result<Exit> {
    let rows = query::schema_rows();
    if output.format == Format::Table {
        let screen = output.screen();
        output.write(|out| schema_grid(&rows).write(out, &screen).map(|_| ()))?;
        return Ok(Exit::Clean);
    }
    let names = rows.first().map(|row| row.keys().cloned().collect()).unwrap_or_default();
    Answer { names, rows }.write("sql", output, messages, &Ledger::default())?;
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

/// Makes a table of state.
type MakeState = for<'c> fn(&'c Case) -> Result<StateTable<'c>, Error>;

fn answer(statement: &str, case: &Case, found: Option<&Found>, limit: Option<usize>) -> Result<(Answer, bool)> {
    let problems = |list: &[Problem]| list.iter().map(|problem| object(json::problem(problem))).collect::<Vec<_>>();
    let findings = found.map(|found| findings::rows(&found.detections.findings)).unwrap_or_default();
    let mut tables = vec![
        ("events", case.events.lazy()?),
        (FILES.name, json_table(&FILES.columns(), &case.file_rows())?),
        (DIGESTS.name, json_table(&DIGESTS.columns(), case.integrity.as_ref().map_or(&[], |integrity| integrity.digests.as_slice()))?),
        (PROBLEMS.name, json_table(&PROBLEMS.columns(), &problems(&case.ledger.problems))?),
        (NOTICES.name, json_table(&NOTICES.columns(), &problems(&case.ledger.notices))?),
        (FINDINGS.name, json_table(&FINDINGS.columns(), &findings)?),
    ];
    let made: [(Table, MakeState); 5] = [
        (SESSIONS, Case::session_table),
        (USERS, Case::user_table),
        (IAM_CHANGES, Case::change_table),
        (IAM_STATE, Case::iam_state_table),
        (DRIFT, Case::drift_table),
    ];
    for (table, make) in made {
        let is_named = names_table(statement, table.name);
        let frame = if is_named { state_frame(&make(case)?)? } else { json_table(&table.columns(), &[])? };
        tables.push((table.name, frame));
    }
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

/// Whether the statement may ask for a table that costs time to make; running the rules costs more than all else.
fn names_table(statement: &str, table: &str) -> bool {
    let word = |word: &str| word.eq_ignore_ascii_case(table);
    statement.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).any(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_run_only_for_their_table() {
        assert!(names_table("select rule_id from Findings f", "findings"));
        assert!(names_table("with a as (select * from \"findings\") select * from a", "findings"));
        assert!(!names_table("select findings_count from events", "findings"));
    }
}
