//! `trailsift timeline`: in what order did it happen?

use anyhow::Result;
use serde_json::{Map, Value, json};
use trailsift::Error;
use trailsift::case::Case;
use trailsift::detect::Finding;
use trailsift::time::{EventTime, parse_span};
use trailsift::timeline::{TimelineEntry, Wanted, timeline};

use super::args::TimelineArgs;
use super::exit::Exit;
use super::findings::WIDE_ENOUGH;
use super::listing::{self, Listing};
use super::table::{Column, Cut, Grid, Screen};
use super::text::{short_principal, thousands};

pub(crate) fn run(args: &TimelineArgs) -> Result<Exit> {
    listing::run(&wanted(args)?, &args.logs, args.limit)
}

impl Listing for Wanted {
    type Row = TimelineEntry;
    const COMMAND: &'static str = "timeline";
    const STAGE: &'static str = "ordering";
    const MORE: &'static str = "--limit N shows more, --only-findings fewer";

    fn rows(&self, case: &Case, findings: &[Finding]) -> Result<Vec<TimelineEntry>, Error> {
        timeline(&case.events, findings, case.sessions()?, self)
    }

    fn names(&self) -> Vec<String> {
        NAMES.map(str::to_owned).to_vec()
    }

    fn values(&self, entry: &TimelineEntry) -> Map<String, Value> {
        row(entry)
    }

    fn grid(&self, entries: &[TimelineEntry], screen: &Screen) -> Grid {
        grid(entries, screen)
    }
}

fn wanted(args: &TimelineArgs) -> Result<Wanted, Error> {
    let wrong = || Error::setting("--window", format!("`{}` is no length of time: write 30s, 15m, 2h or 1d", args.window));
    let seconds = parse_span(&args.window).ok_or_else(wrong)?;
    Ok(Wanted {
        principals: args.principal.clone(),
        source_ips: args.source_ip.clone(),
        access_keys: args.access_key.clone(),
        around: args.event_id.clone().map(|id| (id, seconds)),
        only_findings: args.only_findings,
    })
}

const NAMES: [&str; 18] = [
    "event_time",
    "recipient_account_id",
    "aws_region",
    "principal",
    "session_name",
    "user_access_key_id",
    "source_ip_address",
    "event_source",
    "event_name",
    "ok",
    "error_code",
    "console_login_result",
    "event_id",
    "object",
    "record_index",
    "file_integrity",
    "severity",
    "rules",
];

fn row(entry: &TimelineEntry) -> Map<String, Value> {
    let row = json!({
        "event_time": entry.event_time.map(|time| time.to_string()),
        "recipient_account_id": entry.recipient_account_id,
        "aws_region": entry.aws_region,
        "principal": entry.principal,
        "session_name": entry.session_name,
        "user_access_key_id": entry.user_access_key_id,
        "source_ip_address": entry.source_ip_address,
        "event_source": entry.event_source,
        "event_name": entry.event_name,
        "ok": entry.ok,
        "error_code": entry.error_code,
        "console_login_result": entry.console_login_result,
        "event_id": entry.event_id,
        "object": entry.object,
        "record_index": entry.record_index,
        "file_integrity": entry.file_integrity,
        "severity": entry.severity,
        "rules": entry.rules,
    });
    match row {
        Value::Object(row) => row,
        _ => Map::new(),
    }
}

fn grid(entries: &[TimelineEntry], screen: &Screen) -> Grid {
    let beside = screen.width.is_none_or(|width| width >= WIDE_ENOUGH);
    let mut columns = vec![
        Column::new(screen.time_title()),
        Column::new("ELAPSED").right(),
        Column::new("WHO").cut(Cut::Middle, 10),
        Column::new("EVENT").cut(Cut::Middle, 18),
        // An IPv4 address is never cut.
        Column::new("FROM").cut(Cut::Middle, 15),
        Column::new("RESULT").cut(Cut::End, 7),
    ];
    if beside {
        columns.push(Column::new("MARK").cut(Cut::End, 8));
    }
    let mut grid = Grid::new(columns);
    let mut before = None;
    for entry in entries {
        let who = entry.principal.as_deref().unwrap_or_default();
        let who = if screen.width.is_none() { who } else { short_principal(who) };
        let who = entry.session_name.as_deref().map_or_else(|| who.to_owned(), |session| format!("{who}/{session}"));
        let rules: Vec<&str> = entry.rules.iter().map(String::as_str).collect();
        let altered = if entry.file_integrity.as_deref() == Some("invalid") { "INVALID file; " } else { "" };
        let mark = entry.severity.map_or(String::new(), |severity| format!("{severity} {}", rules.join(" ")));
        let mark = format!("{altered}{mark}").trim_end_matches("; ").to_owned();
        let mut cells = vec![
            entry.event_time.map(|time| screen.time(time)).unwrap_or_default(),
            elapsed(before, entry.event_time),
            who,
            event(entry),
            entry.source_ip_address.clone().unwrap_or_default(),
            result(entry).to_owned(),
        ];
        if beside {
            cells.push(mark);
            grid.row(cells);
        } else {
            grid.row(cells);
            if !mark.is_empty() {
                grid.note(&mark);
            }
        }
        before = entry.event_time;
    }
    grid
}

/// The service without its domain, and the call.
fn event(entry: &TimelineEntry) -> String {
    let service = entry.event_source.as_deref().unwrap_or_default();
    let service = service.strip_suffix(".amazonaws.com").unwrap_or(service);
    format!("{service} {}", entry.event_name.as_deref().unwrap_or("-")).trim().to_owned()
}

fn result(entry: &TimelineEntry) -> &str {
    match (&entry.error_code, &entry.console_login_result, entry.ok) {
        (Some(code), _, _) => code,
        (None, Some(result), _) => result,
        (None, None, Some(true)) => "ok",
        (None, None, _) => "failed",
    }
}

/// How much later than the row before, such as `+1h33m17s`; nothing where it is the same second.
fn elapsed(before: Option<EventTime>, now: Option<EventTime>) -> String {
    let seconds = before.zip(now).map_or(0, |(before, now)| now.epoch().saturating_sub(before.epoch()));
    let Ok(seconds) = u64::try_from(seconds) else { return String::new() };
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes, seconds % 60) {
        (0, 0, 0, 0) => String::new(),
        (0, 0, 0, seconds) => format!("+{seconds}s"),
        (0, 0, minutes, seconds) => format!("+{minutes}m{seconds}s"),
        (0, hours, minutes, seconds) => format!("+{hours}h{minutes}m{seconds}s"),
        (days, hours, minutes, _) => format!("+{}d{hours}h{minutes}m", thousands(days)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_two_or_three_parts() {
        let at = |micros: i64| EventTime::from_micros(micros * 1_000_000);
        let shown = |seconds: i64| elapsed(at(1_000), at(1_000 + seconds));
        assert_eq!([0, 5, 82, 3_600, 5_597, 90_061].map(shown), ["", "+5s", "+1m22s", "+1h0m0s", "+1h33m17s", "+1d1h1m"]);
        assert_eq!(elapsed(None, at(5)), "");
        assert_eq!(elapsed(at(5), None), "");
    }
}
