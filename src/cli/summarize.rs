//! `trailsift summary`: who was there?

use anyhow::Result;
use serde_json::{Map, Value, json};
use trailsift::summary::{By, SummaryRow, summary};

use super::answer::{Answer, TERMINAL_ROWS};
use super::args::SummaryArgs;
use super::exit::Exit;
use super::findings::{self, Found};
use super::session::Session;
use super::table::{Column, Cut, Grid, Screen};
use super::text::{count, number, short_principal, thousands};

pub(crate) fn run(args: &SummaryArgs) -> Result<Exit> {
    let by = By::from(args.by);
    let (session, catalog) = Session::with_rules(&args.sources, &args.filter, &args.output, &args.run, &args.rules)?;
    let (case, display) = session.read()?;
    display.stage("detecting");
    let found = Found::new(case.detect(&catalog)?, args.rules.min_severity, args.run.fail_on);
    display.stage("summing up");
    let mut rows = summary(&case.events, &found.detections.findings, by)?;
    drop(display);
    let limit = args.limit.or_else(|| session.output.is_terminal().then_some(TERMINAL_ROWS)).unwrap_or(usize::MAX);
    let cut = rows.len().saturating_sub(limit);
    rows.truncate(limit);
    let answer = Answer { names: names(by), rows: rows.iter().map(|one| row(one, by)).collect() };
    answer.write_with("summary", &session.output, session.messages, &case.ledger, |screen| grid(&rows, by, screen))?;
    if cut > 0 {
        session.messages.say(&format!("{} more: --limit N shows more", count(number(cut), "row")));
    }
    findings::say_rules(session.messages, &found.detections);
    Ok(session.end(&case, found.alert, true, "-v, or --format json"))
}

/// The names of the columns: that of the key first.
fn names(by: By) -> Vec<String> {
    std::iter::once(by.column().name()).chain(NAMES).map(str::to_owned).collect()
}

const NAMES: [&str; 17] = [
    "first_event",
    "last_event",
    "events",
    "errors",
    "denied",
    "writes",
    "mfa_yes",
    "mfa_no",
    "mfa_unknown",
    "source_ip_count",
    "source_ip_addresses",
    "region_count",
    "aws_regions",
    "principals",
    "apis",
    "findings",
    "worst_severity",
];

fn row(row: &SummaryRow, by: By) -> Map<String, Value> {
    let values = [
        json!(row.first_time.map(|time| time.to_string())),
        json!(row.last_time.map(|time| time.to_string())),
        json!(row.events),
        json!(row.errors),
        json!(row.denied),
        json!(row.writes),
        json!(row.mfa_yes),
        json!(row.mfa_no),
        json!(row.mfa_unknown),
        json!(row.source_ip_count),
        json!(row.source_ips),
        json!(row.region_count),
        json!(row.regions),
        json!(row.principals),
        json!(row.apis),
        json!(row.findings),
        json!(row.worst),
    ];
    let key = (by.column().name().to_owned(), json!(row.key));
    std::iter::once(key).chain(NAMES.into_iter().map(str::to_owned).zip(values)).collect()
}

fn grid(rows: &[SummaryRow], by: By, screen: &Screen) -> Grid {
    let title = match by {
        By::Principal => "PRINCIPAL",
        By::SourceIp => "ADDRESS",
        By::AccessKey => "ACCESS KEY",
        By::UserAgent => "USER AGENT",
    };
    let mut grid = Grid::new(vec![
        Column::new(title).cut(Cut::Middle, 16),
        Column::new("EVENTS").right(),
        Column::new("WORST"),
        Column::new("FINDINGS").right(),
        Column::new("MFA Y/N/?").right(),
        Column::new("ERRORS").right(),
        Column::new(screen.time_title().replacen("TIME", "FIRST", 1)),
        Column::new(screen.time_title().replacen("TIME", "LAST", 1)),
        Column::new("ADDRESSES").cut(Cut::End, 9),
        Column::new("REGIONS").cut(Cut::End, 9),
        Column::new("APIS").right(),
    ]);
    for row in rows {
        let key = row.key.as_deref().unwrap_or_default();
        let key = if screen.width.is_some() && by == By::Principal { short_principal(key) } else { key };
        let time = |time: Option<_>| time.map(|time| screen.time(time)).unwrap_or_default();
        grid.row([
            key.to_owned(),
            thousands(row.events),
            row.worst.map(|severity| severity.to_string()).unwrap_or_default(),
            thousands(row.findings),
            format!("{}/{}/{}", thousands(row.mfa_yes), thousands(row.mfa_no), thousands(row.mfa_unknown)),
            thousands(row.errors),
            time(row.first_time),
            time(row.last_time),
            several(&row.source_ips, row.source_ip_count),
            several(&row.regions, row.region_count),
            thousands(row.apis),
        ]);
    }
    grid
}

/// One value as it is, of more how many there are.
fn several(values: &[String], count: u64) -> String {
    match (values, count) {
        ([only], 1) => only.clone(),
        (_, 0) => String::new(),
        (_, count) => thousands(count),
    }
}
