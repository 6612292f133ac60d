//! [`Listing`]: what `timeline` and `summary` have in common, rows made of the events and of what was found in them.

use anyhow::Result;
use serde_json::{Map, Value};
use trailsift::Error;
use trailsift::case::Case;
use trailsift::detect::Finding;

use super::answer::{Answer, TERMINAL_ROWS};
use super::args::LogArgs;
use super::exit::Exit;
use super::findings::{self, Found};
use super::session::Session;
use super::table::{Grid, Screen};
use super::text::{count, number};

/// A command whose answer is a list of rows.
pub(crate) trait Listing {
    /// One row.
    type Row;
    /// The command's name in JSON.
    const COMMAND: &'static str;
    /// What the display says while the rows are made.
    const STAGE: &'static str;
    /// How to see other rows where some were cut off.
    const MORE: &'static str;

    /// The rows of the answer.
    fn rows(&self, case: &Case, findings: &[Finding]) -> Result<Vec<Self::Row>, Error>;

    /// The names of the columns.
    fn names(&self) -> Vec<String>;

    /// A row with its values by name.
    fn values(&self, row: &Self::Row) -> Map<String, Value>;

    /// The rows for people.
    fn grid(&self, rows: &[Self::Row], screen: &Screen) -> Grid;
}

/// Reads the logs, runs the rules, and writes at most `limit` rows.
pub(crate) fn run<L: Listing>(listing: &L, args: &LogArgs, limit: Option<usize>) -> Result<Exit> {
    let (mut session, catalog) = Session::with_rules(args)?;
    let (case, display) = session.read()?;
    display.stage("detecting");
    let found = Found::new(case.detect(&catalog)?, args.rules.min_severity, args.run.fail_on);
    display.stage(L::STAGE);
    let mut rows = listing.rows(&case, &found.detections.findings)?;
    drop(display);
    let limit = limit.or_else(|| session.output.is_terminal().then_some(TERMINAL_ROWS)).unwrap_or(usize::MAX);
    let cut = rows.len().saturating_sub(limit);
    rows.truncate(limit);
    let answer = Answer { names: listing.names(), rows: rows.iter().map(|row| listing.values(row)).collect() };
    answer.write_with(L::COMMAND, &session.output, session.messages, &case.ledger, |screen| listing.grid(&rows, screen))?;
    if cut > 0 {
        session.messages.say(&format!("{} more: {}", count(number(cut), "row"), L::MORE));
    }
    findings::say_rules(session.messages, &found.detections);
    Ok(session.end(&case, found.alert, true, "-v, or --format json")?)
}
