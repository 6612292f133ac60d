//! The Event History download: a CSV of 16 columns, without identity, parameters or MFA facts.

use std::collections::HashMap;

use bumpalo::Bump;
use serde_json::Value;

use super::envelope::{Broken, Found, RecordSpan, Sink};
use super::{Event, Resource, derive};
use crate::error::counted;
use crate::problem::ProblemKind;
use crate::schema::Column;
use crate::time::EventTime;

/// Whether a text begins with the header of an Event History download.
pub fn is_header(text: &str) -> bool {
    let line = text.lines().next().unwrap_or_default();
    let names: Vec<&str> = line.split([',', ';', '\t']).map(|name| name.trim().trim_matches('"')).collect();
    ["Event time", "Event source", "Event name"].iter().all(|wanted| names.iter().any(|name| name.eq_ignore_ascii_case(wanted)))
}

/// Reads the rows of a download into `sink`; a row that cannot be read is a problem of its own.
///
/// Yields the number of rows, and why it ended early if it did.
pub fn walk<'a>(text: &'a str, arena: &'a Bump, sink: &mut impl Sink<'a>) -> (u64, Option<Broken>) {
    let text_start = text.len() - text.trim_start_matches('\u{feff}').trim_ascii_start().len();
    let body = text.get(text_start..).unwrap_or_default();
    let mut rows = csv::ReaderBuilder::new().flexible(true).delimiter(delimiter(body)).from_reader(body.as_bytes());
    let header: HashMap<String, usize> = match rows.headers() {
        Ok(names) => names.iter().enumerate().map(|(at, name)| (name.trim().to_ascii_lowercase(), at)).collect(),
        Err(error) => {
            return (
                0,
                Some(Broken { index: 0, offset: 0, kind: ProblemKind::BadCsv, message: format!("the header cannot be read: {error}") }),
            );
        }
    };
    let cells = rows.headers().map_or(0, csv::StringRecord::len);
    let mut event = Event::new(arena);
    let mut row = csv::StringRecord::new();
    let mut index = 0;
    loop {
        let start = usize::try_from(rows.position().byte()).unwrap_or(usize::MAX);
        let outcome = rows.read_record(&mut row);
        let end = usize::try_from(rows.position().byte()).unwrap_or(usize::MAX);
        let raw = body.get(start..end).unwrap_or_default().trim_end_matches(['\r', '\n']);
        let span = RecordSpan { index, offset: u64::try_from(text_start + start).unwrap_or(u64::MAX), raw };
        match outcome {
            Ok(false) => return (index, None),
            Ok(true) if row.len() != cells => {
                let message = format!("the row has {}, the header {cells}", counted(row.len(), "cell"));
                sink.record(span, Found::Problem(ProblemKind::BadCsv, message));
            }
            Ok(true) if row.iter().any(|cell| cell.contains(['\n', '\r'])) => {
                let message =
                    "a cell holds a line break, so a quote is missing; the lines after it may be rows that are not read".to_owned();
                sink.record(span, Found::Problem(ProblemKind::BadCsv, message));
            }
            Ok(true) => {
                let cell = |name: &str| {
                    let cell = header.get(name).and_then(|at| row.get(*at)).filter(|cell| !cell.is_empty())?;
                    // The same letters stand in the row as it came, unless it has quotes in quotes: nothing is copied.
                    let place = memchr::memmem::find(raw.as_bytes(), cell.as_bytes());
                    let same = place.and_then(|at| raw.get(at..at + cell.len()));
                    Some(same.unwrap_or_else(|| &*arena.alloc_str(cell)))
                };
                fill(&mut event, cell);
                sink.record(span, Found::Event(&mut event, "event-history-csv"));
            }
            Err(error) => sink.record(span, Found::Problem(ProblemKind::BadCsv, error.to_string())),
        }
        index += 1;
    }
}

/// Spreadsheets save with `;` or tabs in some countries.
fn delimiter(text: &str) -> u8 {
    let line = text.lines().next().unwrap_or_default();
    [b',', b';', b'\t']
        .into_iter()
        .max_by_key(|delimiter| (line.bytes().filter(|byte| byte == delimiter).count(), *delimiter == b','))
        .unwrap_or(b',')
}

fn fill<'a>(event: &mut Event<'a>, cell: impl Fn(&str) -> Option<&'a str>) {
    event.clear();
    for (name, column) in [
        ("event source", Column::EventSource),
        ("event name", Column::EventName),
        ("aws region", Column::AwsRegion),
        ("source ip address", Column::SourceIpAddress),
        ("user agent", Column::UserAgent),
        ("error code", Column::ErrorCode),
        ("request id", Column::RequestId),
        ("event id", Column::EventId),
        ("event type", Column::EventType),
        ("event category", Column::EventCategory),
        ("aws access key", Column::UserAccessKeyId),
        ("user name", Column::UserName),
    ] {
        event.set_optional(column, cell(name));
    }
    if let Some(flag) = cell("read-only").and_then(|text| text.to_ascii_lowercase().parse().ok()) {
        event.set_flag(Column::ReadOnly, flag);
    }
    set_account(event, cell("recipient account id"));
    set_time(event, cell("event time"));
    set_resources(event, cell("resources"));
    if event.text(Column::UserName).is_some_and(|name| name.eq_ignore_ascii_case("root")) {
        event.set_text(Column::UserType, "Root");
        event.notice(ProblemKind::RootInferred, "user name root; the download has no identity, so findings on it are weaker");
    }
    event.set_flag(Column::HasDuplicateKeys, false);
    derive::derive(event);
    hedge(event);
}

/// Takes back what the derived columns read into fields that the download does not have.
fn hedge(event: &mut Event<'_>) {
    let is_root = event.is(Column::UserType, "Root");
    // There is no field that tells whether MFA was used; a name and a key alone would suggest an answer.
    event.set_text(Column::ApiMfa, "unknown");
    let login = !event.is(Column::MfaVerdict, "not_login");
    // How a sign-in event ended stands in its response; only an error code would be in the row.
    let outcome_is_lost = (login || event.is(Column::EventSource, "signin.amazonaws.com")) && !event.has(Column::ErrorCode);
    if outcome_is_lost {
        event.unset(Column::Ok);
        if event.is(Column::RootClass, "console_login_failed") {
            event.set_text(Column::RootClass, "console_login_unknown");
        }
    }
    if login {
        event.set_text(Column::MfaVerdict, "unknown");
        event.notice(ProblemKind::MfaUnknown, "ConsoleLogin in a download: neither its outcome nor the use of MFA is in the row");
    }
    let by_service = matches!(event.text(Column::SourceIpKind), Some("aws_service" | "aws_internal"));
    if is_root && by_service && !event.is(Column::RootClass, "none") {
        event.set_text(Column::RootClass, "on_behalf");
    }
    if is_root {
        event.set_text(Column::Principal, "root (inferred from the user name)");
    } else if !event.has(Column::Principal) {
        event.set_optional(Column::Principal, event.text(Column::UserName));
    }
}

fn set_account<'a>(event: &mut Event<'a>, account: Option<&'a str>) {
    match account {
        Some(id) if id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()) => event.set_text(Column::RecipientAccountId, id),
        Some(id) => {
            event.notice(
                ProblemKind::AccountIdLost,
                format!("account id {id:?} is not 12 digits, as a spreadsheet leaves it; it is taken as unknown"),
            );
        }
        None => {}
    }
}

fn set_time<'a>(event: &mut Event<'a>, text: Option<&'a str>) {
    match text.map(|text| (text, EventTime::parse(text))) {
        Some((text, Some(time))) => {
            event.set_time(Column::EventTime, time);
            if EventTime::parse_plain(text).is_none() {
                event.set_text(Column::EventTimeRaw, text);
            }
        }
        Some((text, None)) => {
            event.set_text(Column::EventTimeRaw, text);
            event.notice(ProblemKind::BadTime, format!("event time {text:?} is no time that can be read"));
        }
        None => event.notice(ProblemKind::BadTime, "the row has no event time"),
    }
}

/// Bytes of a resources cell that are taken apart: as many as a whole record may have (service quotas).
const MAX_RESOURCE_BYTES: usize = 256 << 10;

/// The cell holds a JSON list of `resourceType` and `resourceName`; anything else stays in `extra`.
fn set_resources<'a>(event: &mut Event<'a>, cell: Option<&'a str>) {
    let Some(text) = cell else { return };
    let arena = event.arena();
    let parsed: Option<Vec<Value>> = (text.len() <= MAX_RESOURCE_BYTES).then(|| serde_json::from_str(text).ok()).flatten();
    for resource in parsed.iter().flatten() {
        let field = |name: &str| resource.get(name).and_then(Value::as_str).map(|text| &*arena.alloc_str(text));
        event.push_resource(Resource { arn: field("resourceName"), kind: field("resourceType"), account_id: None });
    }
    if parsed.is_none() {
        event.set_made(Column::Extra, format_args!("{{\"Resources\":{}}}", Value::from(text)));
    }
}
