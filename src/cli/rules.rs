//! `trailsift rules`: what is looked for, and whether one's own rules load.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Map, Value, json};
use trailsift::Error;
use trailsift::detect::{Catalog, CatalogOptions, CheckedRule, Rule, RunStatus};
use trailsift::problem::Ledger;
use trailsift::report;
use trailsift::schema::nearest;

use super::args::{Format, OutputArgs, RuleSources, RulesCommand};
use super::exit::Exit;
use super::explain;
use super::messages::Messages;
use super::output::{Output, line, write_jsonl};
use super::table::{Column, Cut, Grid, hidden_columns};
use super::text::{count, number};

/// The columns of `rules list`, the only one of these tables that may have no row.
const LISTED: [&str; 5] = ["id", "severity", "kind", "title", "source"];

pub(crate) fn run(command: &RulesCommand) -> Result<Exit> {
    match command {
        RulesCommand::List { sources, output } => list(sources, output),
        RulesCommand::Explain { id, sources, output } => explain(id, sources, output),
        RulesCommand::Check { paths, output } => check(paths, output),
    }
}

fn list(sources: &RuleSources, args: &OutputArgs) -> Result<Exit> {
    let output = Output::open(args)?;
    let catalog = Catalog::load(&CatalogOptions::from(sources))?;
    let row = |rule: &Rule| {
        row(json!({
            "id": rule.id,
            "severity": rule.severity.default.name(),
            "kind": rule.kind().name(),
            "title": rule.title,
            "source": rule.source,
        }))
    };
    let rows: Vec<_> = catalog.rules().iter().map(row).collect();
    let mut grid = Grid::new(vec![
        Column::new("ID"),
        Column::new("SEVERITY"),
        Column::new("KIND"),
        Column::new("TITLE").cut(Cut::End, 20),
        Column::new("SOURCE").cut(Cut::Middle, 10),
    ]);
    for rule in catalog.rules() {
        grid.row([&rule.id, rule.severity.default.name(), rule.kind().name(), &rule.title, &rule.source]);
    }
    write(&output, &rows, &grid, Some(&count(number(rows.len()), "rule")))?;
    let messages = Messages::new(args.quiet, args.verbose);
    for rule in catalog.left_out() {
        messages.say(&format!("rule     {} skipped: {}", rule.id, rule.reason.as_deref().unwrap_or_default()));
    }
    Ok(Exit::Clean)
}

fn explain(id: &str, sources: &RuleSources, args: &OutputArgs) -> Result<Exit> {
    let output = Output::open(args)?;
    let catalog = Catalog::load(&CatalogOptions::from(sources))?;
    let rule = catalog.rule(id).or_else(|| catalog.rules().iter().find(|rule| rule.id.eq_ignore_ascii_case(id)));
    let Some(rule) = rule else { return Err(unknown(id, &catalog).into()) };
    if output.format == Format::Table {
        let screen = output.screen();
        output.write(|out| explain::write(out, rule, &screen))?;
    } else {
        write(&output, &[explain::row(rule)], &Grid::default(), None)?;
    }
    Ok(Exit::Clean)
}

fn unknown(id: &str, catalog: &Catalog) -> Error {
    let hint = match nearest(id, catalog.rules().iter().map(|rule| &*rule.id)) {
        Some(near) => format!("did you mean {near}?"),
        None => "see `trailsift rules list`".to_owned(),
    };
    Error::setting("rules explain", format!("no rule {id}: {hint}"))
}

fn check(paths: &[PathBuf], args: &OutputArgs) -> Result<Exit> {
    let output = Output::open(args)?;
    let checked = Catalog::check(paths)?;
    let rows: Vec<_> = checked
        .iter()
        .map(|rule| row(json!({"status": word(rule.status), "id": rule.id, "place": rule.place, "reason": rule.reason})))
        .collect();
    let mut grid = Grid::new(vec![Column::new("STATUS"), Column::new("ID"), Column::new("PLACE").cut(Cut::Middle, 12)]);
    for rule in &checked {
        grid.row([word(rule.status), rule.id.as_deref().unwrap_or_default(), &rule.place]);
        if let Some(reason) = &rule.reason {
            grid.note(reason);
        }
    }
    write(&output, &rows, &grid, Some(&tally(&checked)))?;
    let bad = checked.iter().any(|rule| rule.status == RunStatus::Skipped);
    Ok(if bad { Exit::Failed } else { Exit::Clean })
}

const fn word(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Run => "loaded",
        RunStatus::NotRun => "not run",
        RunStatus::Skipped => "skipped",
        RunStatus::Degraded => "degraded",
        RunStatus::Never => "never fires",
    }
}

fn tally(checked: &[CheckedRule]) -> String {
    let of = |status| checked.iter().filter(|rule| rule.status == status).count();
    let parts = [RunStatus::Run, RunStatus::Degraded, RunStatus::Never, RunStatus::Skipped];
    let parts = parts.map(|status| format!("{} {}", of(status), word(status)));
    format!("{}: {}", count(number(checked.len()), "rule file"), parts.join(", "))
}

fn row(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Writes rows in the form that was asked for.
fn write(output: &Output, rows: &[Map<String, Value>], grid: &Grid, last: Option<&str>) -> Result<()> {
    match output.format {
        Format::Json => output.write_document(&report::json::rows("rules", &Ledger::default(), rows.to_vec())),
        Format::Jsonl => output.write(|out| write_jsonl(out, rows)),
        Format::Csv => {
            let names = rows.first().map_or_else(|| LISTED.map(str::to_owned).to_vec(), |row| row.keys().cloned().collect());
            output.write_csv(&names, rows.iter().map(Ok))
        }
        Format::Table => {
            let screen = output.screen();
            output.write(|out| write_grid(out, grid, &screen, last))
        }
    }
}

fn write_grid(out: &mut dyn Write, grid: &Grid, screen: &super::table::Screen, last: Option<&str>) -> io::Result<()> {
    let hidden = grid.write(out, screen)?;
    hidden_columns(hidden).iter().map(String::as_str).chain(last).try_for_each(|text| line(out, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_rule_finds_its_neighbour() {
        let catalog = Catalog::builtin().expect("the built-in rules");
        let text = unknown("ROOT-02", &catalog).to_string();
        assert!(text.starts_with("rules explain: no rule ROOT-02: did you mean ROOT-0"), "{text}");
    }
}
