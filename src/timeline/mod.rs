//! [`timeline`]: events in the order of time, with the findings that rest on them.
//!
//! A person's path leads through several credentials: a user assumes a role, and the
//! role another one. Who asks for a principal or a key gets the events of the sessions
//! that were made from it as well.

mod drift;

use std::collections::BTreeSet;

use polars::prelude::{BooleanChunked, DataFrame, Int64Chunked, StringChunked};
use rayon::prelude::*;

use crate::detect::{Finding, Severity};
use crate::error::Error;
use crate::frame::{ByPlace, EventFrame};
use crate::schema::Column;
use crate::session::Sessions;
use crate::time::EventTime;
pub use drift::{Moment, with_drift};

/// Which events a timeline has. What is empty asks for nothing; what is given has to hold all together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Principals, whole or from a `:` on (`user/ci`, `root`), and the sessions made from them.
    pub principals: Vec<String>,
    /// Values of `source_ip_address`.
    pub source_ips: Vec<String>,
    /// Values of `user_access_key_id`, and the sessions made with them.
    pub access_keys: Vec<String>,
    /// Events at most so many seconds before or after the event of that id.
    pub around: Option<(String, i64)>,
    /// Only events that a finding rests on.
    pub only_findings: bool,
}

/// One event of a timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// `event_time`.
    pub event_time: Option<EventTime>,
    /// `recipient_account_id`.
    pub recipient_account_id: Option<String>,
    /// `aws_region`.
    pub aws_region: Option<String>,
    /// `principal`.
    pub principal: Option<String>,
    /// `session_name`.
    pub session_name: Option<String>,
    /// `user_access_key_id`.
    pub user_access_key_id: Option<String>,
    /// `source_ip_address`.
    pub source_ip_address: Option<String>,
    /// `event_source`.
    pub event_source: Option<String>,
    /// `event_name`.
    pub event_name: Option<String>,
    /// `ok`.
    pub ok: Option<bool>,
    /// `error_code`.
    pub error_code: Option<String>,
    /// `console_login_result`.
    pub console_login_result: Option<String>,
    /// `event_id`.
    pub event_id: Option<String>,
    /// `object`.
    pub object: String,
    /// `record_index`.
    pub record_index: u64,
    /// `file_integrity`.
    pub file_integrity: Option<String>,
    /// The ids of the rules whose findings rest on the event, in order.
    pub rules: BTreeSet<String>,
    /// The worst of their severities.
    pub severity: Option<Severity>,
}

/// The events that are wanted, in the order of time, id and place; those without a time last.
///
/// # Errors
/// [`Error::Setting`] where the event to look around is not among the events or has no time;
/// [`Error::Frame`] where a batch lacks a column.
pub fn timeline(events: &EventFrame, findings: &[Finding], sessions: &Sessions, wanted: &Wanted) -> Result<Vec<TimelineEntry>, Error> {
    let selection = Selection::new(events, findings, sessions, wanted)?;
    let parts = events.map(&Cells::COLUMNS, |_, batch| selection.entries(batch))?;
    let mut entries: Vec<TimelineEntry> = parts.into_iter().flatten().collect();
    entries.par_sort_by(|left, right| {
        let key = |entry: &TimelineEntry| (entry.event_time.is_none(), entry.event_time);
        key(left)
            .cmp(&key(right))
            .then_with(|| left.event_id.cmp(&right.event_id))
            .then_with(|| (&left.object, left.record_index).cmp(&(&right.object, right.record_index)))
    });
    Ok(entries)
}

/// What an event has to be like, worked out once for all batches.
struct Selection<'w> {
    wanted: &'w Wanted,
    /// Whole principals that `wanted.principals` name.
    principals: BTreeSet<String>,
    /// Keys of sessions made from these principals, and the keys that are asked for with theirs.
    keys_of_principals: BTreeSet<String>,
    keys: BTreeSet<String>,
    /// The first and last microsecond.
    window: Option<(i64, i64)>,
    findings: &'w [Finding],
    /// The findings that rest on an event, by its place.
    marks: ByPlace<'w, Vec<usize>>,
}

impl<'w> Selection<'w> {
    fn new(events: &EventFrame, findings: &'w [Finding], sessions: &Sessions, wanted: &'w Wanted) -> Result<Self, Error> {
        let names = |known: &String| wanted.principals.iter().any(|name| is_named(known, name));
        let principals: BTreeSet<String> = if wanted.principals.is_empty() {
            BTreeSet::new()
        } else {
            events.distinct(Column::Principal)?.into_iter().filter(names).collect()
        };
        let made_from = |from: &String| sessions.descendants(from).into_iter().map(str::to_owned).collect::<Vec<_>>();
        let keys_of_principals = principals.iter().flat_map(made_from).collect();
        let keys = wanted.access_keys.iter().flat_map(|key| made_from(key).into_iter().chain([key.clone()])).collect();
        let window = match &wanted.around {
            Some((id, seconds)) => Some(window(events, id, *seconds)?),
            None => None,
        };
        let marks = Finding::by_place(findings.iter().enumerate());
        Ok(Self { wanted, principals, keys_of_principals, keys, window, findings, marks })
    }

    fn entries(&self, batch: &DataFrame) -> Result<Vec<TimelineEntry>, Error> {
        let cells = Cells::new(batch)?;
        let mut entries = Vec::new();
        for (row, marks) in self.marks.of_rows(batch)?.into_iter().enumerate() {
            if self.takes(&cells, row) && (marks.is_some() || !self.wanted.only_findings) {
                let findings: Vec<&Finding> = marks.into_iter().flatten().filter_map(|number| self.findings.get(*number)).collect();
                entries.push(cells.entry(row, &findings));
            }
        }
        Ok(entries)
    }

    fn takes(&self, cells: &Cells<'_>, row: usize) -> bool {
        let is_in = |value: Option<&str>, set: &BTreeSet<String>| value.is_some_and(|value| set.contains(value));
        let key = cells.key.get(row);
        let address = cells.source_ip.get(row);
        let principal = || is_in(cells.principal.get(row), &self.principals) || is_in(key, &self.keys_of_principals);
        let in_window = |(first, last): (i64, i64)| cells.time.get(row).is_some_and(|time| (first..=last).contains(&time));
        self.window.is_none_or(in_window)
            && (self.wanted.source_ips.is_empty() || self.wanted.source_ips.iter().any(|wanted| address == Some(wanted)))
            && (self.wanted.access_keys.is_empty() || is_in(key, &self.keys))
            && (self.wanted.principals.is_empty() || principal())
    }
}

/// Whether `name` is the principal, or its end from a `:` on.
fn is_named(principal: &str, name: &str) -> bool {
    principal.strip_suffix(name).is_some_and(|start| start.is_empty() || start.ends_with(':'))
}

/// The microseconds around the event of that id.
fn window(events: &EventFrame, id: &str, seconds: i64) -> Result<(i64, i64), Error> {
    let in_batch = |_, batch: &DataFrame| {
        let ids = batch.column(Column::EventId.name())?.str()?;
        let times = batch.column(Column::EventTime.name())?.datetime()?.physical();
        Ok(ids.iter().zip(times.iter()).filter(|(known, _)| *known == Some(id)).map(|(_, time)| time).collect::<Vec<_>>())
    };
    let times = events.map(&[Column::EventId, Column::EventTime], in_batch)?.concat();
    if let Some(time) = times.iter().flatten().next() {
        let span = seconds.saturating_mul(1_000_000);
        return Ok((time.saturating_sub(span), time.saturating_add(span)));
    }
    let reason = if times.is_empty() { "no event of that id was loaded" } else { "the event has no time that could be read" };
    Err(Error::setting(format!("--event-id {id}"), reason))
}

/// The columns of a batch that a timeline shows.
struct Cells<'e> {
    time: &'e Int64Chunked,
    account: &'e StringChunked,
    region: &'e StringChunked,
    principal: &'e StringChunked,
    session: &'e StringChunked,
    key: &'e StringChunked,
    source_ip: &'e StringChunked,
    service: &'e StringChunked,
    name: &'e StringChunked,
    ok: &'e BooleanChunked,
    error: &'e StringChunked,
    result: &'e StringChunked,
    id: &'e StringChunked,
    object: &'e StringChunked,
    index: &'e Int64Chunked,
    integrity: &'e StringChunked,
}

impl<'e> Cells<'e> {
    const COLUMNS: [Column; 16] = [
        Column::EventTime,
        Column::RecipientAccountId,
        Column::AwsRegion,
        Column::Principal,
        Column::SessionName,
        Column::UserAccessKeyId,
        Column::SourceIpAddress,
        Column::EventSource,
        Column::EventName,
        Column::Ok,
        Column::ErrorCode,
        Column::ConsoleLoginResult,
        Column::EventId,
        Column::Object,
        Column::RecordIndex,
        Column::FileIntegrity,
    ];

    fn new(batch: &'e DataFrame) -> Result<Self, Error> {
        let text = |column: Column| -> Result<_, Error> { Ok(batch.column(column.name())?.str()?) };
        Ok(Self {
            time: batch.column(Column::EventTime.name())?.datetime()?.physical(),
            account: text(Column::RecipientAccountId)?,
            region: text(Column::AwsRegion)?,
            principal: text(Column::Principal)?,
            session: text(Column::SessionName)?,
            key: text(Column::UserAccessKeyId)?,
            source_ip: text(Column::SourceIpAddress)?,
            service: text(Column::EventSource)?,
            name: text(Column::EventName)?,
            ok: batch.column(Column::Ok.name())?.bool()?,
            error: text(Column::ErrorCode)?,
            result: text(Column::ConsoleLoginResult)?,
            id: text(Column::EventId)?,
            object: text(Column::Object)?,
            index: batch.column(Column::RecordIndex.name())?.i64()?,
            integrity: text(Column::FileIntegrity)?,
        })
    }

    fn entry(&self, row: usize, findings: &[&Finding]) -> TimelineEntry {
        let text = |cells: &StringChunked| cells.get(row).map(str::to_owned);
        TimelineEntry {
            event_time: self.time.get(row).and_then(EventTime::from_micros),
            recipient_account_id: text(self.account),
            aws_region: text(self.region),
            principal: text(self.principal),
            session_name: text(self.session),
            user_access_key_id: text(self.key),
            source_ip_address: text(self.source_ip),
            event_source: text(self.service),
            event_name: text(self.name),
            ok: self.ok.get(row),
            error_code: text(self.error),
            console_login_result: text(self.result),
            event_id: text(self.id),
            object: text(self.object).unwrap_or_default(),
            record_index: self.index.get(row).and_then(|index| u64::try_from(index).ok()).unwrap_or_default(),
            file_integrity: text(self.integrity),
            rules: findings.iter().map(|finding| finding.rule_id.to_string()).collect(),
            severity: findings.iter().map(|finding| finding.severity).max(),
        }
    }
}
