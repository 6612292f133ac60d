//! `trailsift timeline`: in what order did it happen?

use anyhow::Result;
use serde_json::{Map, Value, json};
use trailsift::Error;
use trailsift::case::Case;
use trailsift::detect::Finding;
use trailsift::iam::drift::Item;
use trailsift::report::drift::words::sentence;
use trailsift::time::{EventTime, parse_span};
use trailsift::timeline::{Moment, TimelineEntry, Wanted, timeline, with_drift};

use super::args::TimelineArgs;
use super::exit::Exit;
use super::findings::WIDE_ENOUGH;
use super::listing::{self, Listing};
use super::table::{Column, Cut, Grid, Screen};
use super::text::{short_principal, thousands};

pub(crate) fn run(args: &TimelineArgs) -> Result<Exit> {
    listing::run(&wanted(args)?, &args.logs, args.limit)
}

/// A line of the answer.
pub(crate) struct Line {
    /// The event; `None` of a change of identities that rests on no event.
    entry: Option<TimelineEntry>,
    time: Option<EventTime>,
    /// The changes of identities that the event made or revealed, each as its row in JSON and in a sentence.
    drift: Vec<(Value, String)>,
}

impl Listing for Wanted {
    type Row = Line;
    const COMMAND: &'static str = "timeline";
    const STAGE: &'static str = "ordering";
    const MORE: &'static str = "--limit N shows more, --only-findings fewer";

    fn rows(&self, case: &Case, findings: &[Finding]) -> Result<Vec<Line>, Error> {
        let entries = timeline(&case.events, findings, case.sessions()?, self)?;
        let items = case.replay()?.drift.items.all()?;
        let moments = with_drift(entries, &items).into_iter();
        // Where only some events are asked for, only what changed with them is.
        let line = |moment: Moment<'_>| Line {
            time: moment.event_time(),
            drift: moment.items.iter().map(|item| (change(item), sentence(item))).collect(),
            entry: moment.entry,
        };
        Ok(moments.filter(|moment| moment.entry.is_some() || *self == Self::default()).map(line).collect())
    }

    fn names(&self) -> Vec<String> {
        NAMES.map(str::to_owned).to_vec()
    }

    fn values(&self, line: &Line) -> Map<String, Value> {
        row(line)
    }

    fn grid(&self, lines: &[Line], screen: &Screen) -> Grid {
        grid(lines, screen)
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

const NAMES: [&str; 19] = [
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
    "drift",
];

/// A change of identities, in short; `drift` has all of it.
fn change(item: &Item) -> Value {
    json!({"entity": item.entity, "kind": item.kind, "attribute": item.attribute, "severity": item.severity})
}

fn row(line: &Line) -> Map<String, Value> {
    let entry = line.entry.as_ref();
    let text = |value: fn(&TimelineEntry) -> &Option<String>| entry.and_then(|entry| value(entry).as_deref());
    let row = json!({
        "event_time": line.time.map(|time| time.to_string()),
        "recipient_account_id": text(|entry| &entry.recipient_account_id),
        "aws_region": text(|entry| &entry.aws_region),
        "principal": text(|entry| &entry.principal),
        "session_name": text(|entry| &entry.session_name),
        "user_access_key_id": text(|entry| &entry.user_access_key_id),
        "source_ip_address": text(|entry| &entry.source_ip_address),
        "event_source": text(|entry| &entry.event_source),
        "event_name": text(|entry| &entry.event_name),
        "ok": entry.and_then(|entry| entry.ok),
        "error_code": text(|entry| &entry.error_code),
        "console_login_result": text(|entry| &entry.console_login_result),
        "event_id": text(|entry| &entry.event_id),
        "object": entry.map(|entry| &entry.object),
        "record_index": entry.map(|entry| entry.record_index),
        "file_integrity": text(|entry| &entry.file_integrity),
        "severity": entry.and_then(|entry| entry.severity),
        "rules": entry.map(|entry| &entry.rules),
        "drift": line.drift.iter().map(|(change, _)| change).collect::<Vec<_>>(),
    });
    match row {
        Value::Object(row) => row,
        _ => Map::new(),
    }
}

fn grid(lines: &[Line], screen: &Screen) -> Grid {
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
    for line in lines {
        let (cells, mark) = line.entry.as_ref().map_or_else(|| (Default::default(), String::new()), |entry| cells(entry, screen));
        let [who, event, from, result] = cells;
        let time = line.time.map(|time| screen.time(time)).unwrap_or_default();
        let mut cells = vec![time, elapsed(before, line.time), who, event, from, result];
        let mut below: Vec<&str> = line.drift.iter().map(|(_, sentence)| sentence.as_str()).collect();
        if beside {
            cells.push(mark);
        } else if !mark.is_empty() {
            below.insert(0, &mark);
        }
        grid.row(cells);
        if !below.is_empty() {
            grid.note(&below.join("; "));
        }
        before = line.time;
    }
    grid
}

/// Who, what, from where and how it ended; and what marks the event.
fn cells(entry: &TimelineEntry, screen: &Screen) -> ([String; 4], String) {
    let who = entry.principal.as_deref().unwrap_or_default();
    let who = if screen.width.is_none() { who } else { short_principal(who) };
    let who = entry.session_name.as_deref().map_or_else(|| who.to_owned(), |session| format!("{who}/{session}"));
    let rules: Vec<&str> = entry.rules.iter().map(String::as_str).collect();
    let altered = if entry.file_integrity.as_deref() == Some("invalid") { "INVALID file; " } else { "" };
    let mark = entry.severity.map_or(String::new(), |severity| format!("{severity} {}", rules.join(" ")));
    let mark = format!("{altered}{mark}").trim_end_matches("; ").to_owned();
    ([who, event(entry), entry.source_ip_address.clone().unwrap_or_default(), result(entry).to_owned()], mark)
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
