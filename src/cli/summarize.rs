//! `trailsift summary`: who was there?

use anyhow::Result;
use serde_json::{Map, Value, json};
use trailsift::Error;
use trailsift::case::Case;
use trailsift::detect::Finding;
use trailsift::summary::{By, SummaryRow, summary};

use super::args::SummaryArgs;
use super::exit::Exit;
use super::listing::{self, Listing};
use super::table::{Column, Cut, Grid, Screen};
use super::text::{short_principal, thousands};

pub(crate) fn run(args: &SummaryArgs) -> Result<Exit> {
    listing::run(&By::from(args.by), &args.logs, args.limit)
}

impl Listing for By {
    type Row = SummaryRow;
    const COMMAND: &'static str = "summary";
    const STAGE: &'static str = "summing up";
    const MORE: &'static str = "--limit N shows more";

    fn rows(&self, case: &Case, findings: &[Finding]) -> Result<Vec<SummaryRow>, Error> {
        summary(&case.events, findings, *self)
    }

    /// That of the key comes first.
    fn names(&self) -> Vec<String> {
        std::iter::once(self.column().name()).chain(NAMES).map(str::to_owned).collect()
    }

    fn values(&self, one: &SummaryRow) -> Map<String, Value> {
        row(one, *self)
    }

    fn grid(&self, rows: &[SummaryRow], screen: &Screen) -> Grid {
        grid(rows, *self, screen)
    }
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
