//! [`summary`]: who was there: one [`SummaryRow`] for each principal, address, key or agent.

use std::collections::{BTreeSet, HashMap, HashSet};

use polars::prelude::{BooleanChunked, DataFrame, Int64Chunked, StringChunked};
use rayon::prelude::*;

use crate::detect::{Finding, Severity};
use crate::error::Error;
use crate::frame::EventFrame;
use crate::schema::Column;
use crate::time::EventTime;

/// What the rows of a summary are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// `principal`.
    Principal,
    /// `source_ip_address`.
    SourceIp,
    /// `user_access_key_id`.
    AccessKey,
    /// `user_agent`.
    UserAgent,
}

impl By {
    /// The column whose values the rows are about.
    pub const fn column(self) -> Column {
        match self {
            Self::Principal => Column::Principal,
            Self::SourceIp => Column::SourceIpAddress,
            Self::AccessKey => Column::UserAccessKeyId,
            Self::UserAgent => Column::UserAgent,
        }
    }
}

/// What all events of one key have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryRow {
    /// The value of the column; `None` for the events without one.
    pub key: Option<String>,
    /// The earliest `event_time`.
    pub first_time: Option<EventTime>,
    /// The latest `event_time`.
    pub last_time: Option<EventTime>,
    /// How many events there are.
    pub events: u64,
    /// Events that are not `ok`.
    pub errors: u64,
    /// Events that are `denied`.
    pub denied: u64,
    /// Events that `write`.
    pub writes: u64,
    /// Sign-ins and calls that prove MFA.
    pub mfa_yes: u64,
    /// Sign-ins and calls that were made without MFA.
    pub mfa_no: u64,
    /// Sign-ins and calls whose records do not say, or leave it to others.
    pub mfa_unknown: u64,
    /// The first [`SHOWN_VALUES`] of the values of `source_ip_address`, in order.
    pub source_ips: Vec<String>,
    /// How many values of `source_ip_address` there are.
    pub source_ip_count: u64,
    /// The first [`SHOWN_VALUES`] of the values of `aws_region`, in order.
    pub regions: Vec<String>,
    /// How many values of `aws_region` there are.
    pub region_count: u64,
    /// How many values of `principal` there are.
    pub principals: u64,
    /// How many pairs of `event_source` and `event_stem` there are.
    pub apis: u64,
    /// Findings with an event of this key among their evidence.
    pub findings: u64,
    /// The worst of these findings' severities.
    pub worst: Option<Severity>,
}

/// Values that a row lists at most; the counts beside the lists are of all.
pub const SHOWN_VALUES: usize = 20;

/// One row for each value of the column that `by` names, over all events.
///
/// A sign-in counts by `mfa_verdict` (`mfa` is yes, `no_mfa` is no; `unknown`, `idp_unknown` and
/// `session_no_mfa` are unknown, as a role's caller may have used MFA before; one that failed counts
/// nowhere), any other event by `api_mfa` (`n/a` counts nowhere).
///
/// # Shape
/// The rows with most events come first, then in the order of the keys. The answer does not depend on
/// the order of the batches.
///
/// # Errors
/// [`Error::Frame`] where a batch lacks a column.
pub fn summary(events: &EventFrame, findings: &[Finding], by: By) -> Result<Vec<SummaryRow>, Error> {
    let places = places(findings);
    let parts = events.batches().par_iter().map(|batch| group(batch, &places, by)).collect::<Result<Vec<_>, _>>()?;
    let mut groups: HashMap<Option<&str>, Group<'_>> = HashMap::new();
    for part in parts {
        for (key, group) in part {
            groups.entry(key).or_default().add(group);
        }
    }
    let mut rows: Vec<SummaryRow> = groups.into_iter().map(|(key, group)| group.row(key, findings)).collect();
    rows.sort_by(|left, right| right.events.cmp(&left.events).then_with(|| left.key.cmp(&right.key)));
    Ok(rows)
}

/// For each object and record index, the findings that rest on it.
type Places<'f> = HashMap<&'f str, HashMap<i64, Vec<usize>>>;

fn places(findings: &[Finding]) -> Places<'_> {
    let mut places = Places::new();
    for (number, finding) in findings.iter().enumerate() {
        for evidence in &finding.evidence {
            if let Some(index) = evidence.record_index.and_then(|index| i64::try_from(index).ok()) {
                places.entry(&evidence.object).or_default().entry(index).or_default().push(number);
            }
        }
    }
    places
}

/// What is known of one key so far.
#[derive(Debug, Default)]
struct Group<'e> {
    first: Option<i64>,
    last: Option<i64>,
    events: u64,
    errors: u64,
    denied: u64,
    writes: u64,
    mfa_yes: u64,
    mfa_no: u64,
    mfa_unknown: u64,
    source_ips: HashSet<&'e str>,
    regions: HashSet<&'e str>,
    principals: HashSet<&'e str>,
    apis: HashSet<(&'e str, &'e str)>,
    findings: HashSet<usize>,
}

impl<'e> Group<'e> {
    fn add(&mut self, other: Self) {
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
        self.events += other.events;
        self.errors += other.errors;
        self.denied += other.denied;
        self.writes += other.writes;
        self.mfa_yes += other.mfa_yes;
        self.mfa_no += other.mfa_no;
        self.mfa_unknown += other.mfa_unknown;
        self.source_ips.extend(other.source_ips);
        self.regions.extend(other.regions);
        self.principals.extend(other.principals);
        self.apis.extend(other.apis);
        self.findings.extend(other.findings);
    }

    fn time(&mut self, micros: Option<i64>) {
        self.first = [self.first, micros].into_iter().flatten().min();
        self.last = self.last.max(micros);
    }

    fn mfa(&mut self, verdict: &str, call: &str) {
        match if verdict == "not_login" { call } else { verdict } {
            "mfa" | "yes" => self.mfa_yes += 1,
            "no_mfa" | "no" => self.mfa_no += 1,
            "unknown" | "idp_unknown" | "session_no_mfa" => self.mfa_unknown += 1,
            _ => {}
        }
    }

    fn row(self, key: Option<&'e str>, findings: &[Finding]) -> SummaryRow {
        SummaryRow {
            key: key.map(str::to_owned),
            first_time: self.first.and_then(EventTime::from_micros),
            last_time: self.last.and_then(EventTime::from_micros),
            events: self.events,
            errors: self.errors,
            denied: self.denied,
            writes: self.writes,
            mfa_yes: self.mfa_yes,
            mfa_no: self.mfa_no,
            mfa_unknown: self.mfa_unknown,
            source_ip_count: count(&self.source_ips),
            source_ips: shown(self.source_ips),
            region_count: count(&self.regions),
            regions: shown(self.regions),
            principals: count(&self.principals),
            apis: count(&self.apis),
            findings: count(&self.findings),
            worst: self.findings.iter().filter_map(|number| findings.get(*number)).map(|finding| finding.severity).max(),
        }
    }
}

fn count<T>(values: &HashSet<T>) -> u64 {
    u64::try_from(values.len()).unwrap_or(u64::MAX)
}

fn shown(values: HashSet<&str>) -> Vec<String> {
    values.into_iter().collect::<BTreeSet<_>>().into_iter().take(SHOWN_VALUES).map(str::to_owned).collect()
}

/// The columns of a batch that a summary looks at.
struct Cells<'e> {
    key: &'e StringChunked,
    time: &'e Int64Chunked,
    ok: &'e BooleanChunked,
    denied: &'e BooleanChunked,
    write: &'e BooleanChunked,
    verdict: &'e StringChunked,
    call: &'e StringChunked,
    source_ip: &'e StringChunked,
    region: &'e StringChunked,
    principal: &'e StringChunked,
    service: &'e StringChunked,
    stem: &'e StringChunked,
    object: &'e StringChunked,
    index: &'e Int64Chunked,
}

impl<'e> Cells<'e> {
    fn new(batch: &'e DataFrame, by: By) -> Result<Self, Error> {
        let column = |column: Column| batch.column(column.name());
        let text = |name| -> Result<_, Error> { Ok(column(name)?.str()?) };
        let flag = |name| -> Result<_, Error> { Ok(column(name)?.bool()?) };
        Ok(Self {
            key: text(by.column())?,
            time: column(Column::EventTime)?.datetime()?.physical(),
            ok: flag(Column::Ok)?,
            denied: flag(Column::Denied)?,
            write: flag(Column::Write)?,
            verdict: text(Column::MfaVerdict)?,
            call: text(Column::ApiMfa)?,
            source_ip: text(Column::SourceIpAddress)?,
            region: text(Column::AwsRegion)?,
            principal: text(Column::Principal)?,
            service: text(Column::EventSource)?,
            stem: text(Column::EventStem)?,
            object: text(Column::Object)?,
            index: column(Column::RecordIndex)?.i64()?,
        })
    }
}

fn group<'e>(batch: &'e DataFrame, places: &Places<'_>, by: By) -> Result<HashMap<Option<&'e str>, Group<'e>>, Error> {
    let cells = Cells::new(batch, by)?;
    let mut groups: HashMap<Option<&'e str>, Group<'e>> = HashMap::new();
    // Rows of one object stand together, so most of them need no look-up by its long name.
    let mut last: (Option<&str>, Option<&HashMap<i64, Vec<usize>>>) = (None, None);
    for row in 0..batch.height() {
        let group = groups.entry(cells.key.get(row)).or_default();
        group.time(cells.time.get(row));
        group.events += 1;
        group.errors += u64::from(cells.ok.get(row) == Some(false));
        group.denied += u64::from(cells.denied.get(row) == Some(true));
        group.writes += u64::from(cells.write.get(row) == Some(true));
        group.mfa(cells.verdict.get(row).unwrap_or_default(), cells.call.get(row).unwrap_or_default());
        group.source_ips.extend(cells.source_ip.get(row));
        group.regions.extend(cells.region.get(row));
        group.principals.extend(cells.principal.get(row));
        group.apis.extend(cells.service.get(row).zip(cells.stem.get(row)));
        let object = cells.object.get(row);
        if last.0 != object {
            last = (object, object.and_then(|object| places.get(object)));
        }
        if let (Some(findings), Some(index)) = (last.1, cells.index.get(row)) {
            group.findings.extend(findings.get(&index).into_iter().flatten());
        }
    }
    Ok(groups)
}
