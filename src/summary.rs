//! [`summary`]: who was there, one [`SummaryRow`] for each principal, address, key or agent; and [`activity`], when.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use polars::prelude::{BooleanChunked, DataFrame, Int64Chunked, StringChunked};

use crate::detect::{Finding, Severity};
use crate::error::Error;
use crate::frame::{ByPlace, EventFrame, Texts};
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
    let places = Finding::by_place(findings.iter().enumerate());
    let all = events.fold(&Cells::columns(by), All::default(), |_, batch| group(batch, &places, by), All::add)?;
    let mut rows: Vec<SummaryRow> = all.groups.into_iter().map(|(key, group)| group.row(key.as_deref(), findings)).collect();
    rows.sort_by(|left, right| right.events.cmp(&left.events).then_with(|| left.key.cmp(&right.key)));
    Ok(rows)
}

/// The groups of the batches so far, with one copy of each text.
#[derive(Debug, Default)]
struct All {
    texts: Texts,
    groups: Groups<Arc<str>>,
}

impl All {
    fn add(&mut self, part: Groups<Arc<str>>) {
        for (key, group) in part {
            let mut share = |text| self.texts.share(text);
            let (key, group) = (key.map(&mut share), group.with_texts(share));
            self.groups.entry(key).or_default().add(group);
        }
    }
}

/// What is known of each key.
type Groups<T> = HashMap<Option<T>, Group<T>>;

/// What is known of one key so far; its texts are those of the batch, or kept beyond it.
#[derive(Debug)]
struct Group<T> {
    counts: Counts,
    source_ips: HashSet<T>,
    regions: HashSet<T>,
    principals: HashSet<T>,
    apis: HashSet<(T, T)>,
    findings: HashSet<usize>,
}

impl<T> Default for Group<T> {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            source_ips: HashSet::new(),
            regions: HashSet::new(),
            principals: HashSet::new(),
            apis: HashSet::new(),
            findings: HashSet::new(),
        }
    }
}

impl<T: Eq + Hash> Group<T> {
    /// The same with each text made anew.
    fn with_texts<U: Eq + Hash>(self, mut text: impl FnMut(T) -> U) -> Group<U> {
        Group {
            counts: self.counts,
            source_ips: self.source_ips.into_iter().map(&mut text).collect(),
            regions: self.regions.into_iter().map(&mut text).collect(),
            principals: self.principals.into_iter().map(&mut text).collect(),
            apis: self.apis.into_iter().map(|(service, stem)| (text(service), text(stem))).collect(),
            findings: self.findings,
        }
    }

    fn add(&mut self, other: Self) {
        self.counts.add(&other.counts);
        self.source_ips.extend(other.source_ips);
        self.regions.extend(other.regions);
        self.principals.extend(other.principals);
        self.apis.extend(other.apis);
        self.findings.extend(other.findings);
    }
}

impl Group<Arc<str>> {
    fn row(self, key: Option<&str>, findings: &[Finding]) -> SummaryRow {
        let counts = self.counts;
        SummaryRow {
            key: key.map(str::to_owned),
            first_time: counts.first.and_then(EventTime::from_micros),
            last_time: counts.last.and_then(EventTime::from_micros),
            events: counts.events,
            errors: counts.errors,
            denied: counts.denied,
            writes: counts.writes,
            mfa_yes: counts.mfa_yes,
            mfa_no: counts.mfa_no,
            mfa_unknown: counts.mfa_unknown,
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

/// What is counted of one key, and its first and last microsecond.
#[derive(Debug, Default)]
struct Counts {
    first: Option<i64>,
    last: Option<i64>,
    events: u64,
    errors: u64,
    denied: u64,
    writes: u64,
    mfa_yes: u64,
    mfa_no: u64,
    mfa_unknown: u64,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.first = [self.first, other.first].into_iter().flatten().min();
        self.last = self.last.max(other.last);
        self.events += other.events;
        self.errors += other.errors;
        self.denied += other.denied;
        self.writes += other.writes;
        self.mfa_yes += other.mfa_yes;
        self.mfa_no += other.mfa_no;
        self.mfa_unknown += other.mfa_unknown;
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
}

fn count<T>(values: &HashSet<T>) -> u64 {
    u64::try_from(values.len()).unwrap_or(u64::MAX)
}

fn shown(values: HashSet<Arc<str>>) -> Vec<String> {
    values.into_iter().collect::<BTreeSet<_>>().into_iter().take(SHOWN_VALUES).map(|text| text.as_ref().to_owned()).collect()
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
}

impl<'e> Cells<'e> {
    const fn columns(by: By) -> [Column; 14] {
        [
            by.column(),
            Column::EventTime,
            Column::Ok,
            Column::Denied,
            Column::Write,
            Column::MfaVerdict,
            Column::ApiMfa,
            Column::SourceIpAddress,
            Column::AwsRegion,
            Column::Principal,
            Column::EventSource,
            Column::EventStem,
            Column::Object,
            Column::RecordIndex,
        ]
    }

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
        })
    }
}

fn group(batch: &DataFrame, places: &ByPlace<'_, Vec<usize>>, by: By) -> Result<Groups<Arc<str>>, Error> {
    let cells = Cells::new(batch, by)?;
    let mut groups: Groups<&str> = HashMap::new();
    for (row, findings) in places.of_rows(batch)?.into_iter().enumerate() {
        let group = groups.entry(cells.key.get(row)).or_default();
        let counts = &mut group.counts;
        counts.time(cells.time.get(row));
        counts.events += 1;
        counts.errors += u64::from(cells.ok.get(row) == Some(false));
        counts.denied += u64::from(cells.denied.get(row) == Some(true));
        counts.writes += u64::from(cells.write.get(row) == Some(true));
        counts.mfa(cells.verdict.get(row).unwrap_or_default(), cells.call.get(row).unwrap_or_default());
        group.source_ips.extend(cells.source_ip.get(row));
        group.regions.extend(cells.region.get(row));
        group.principals.extend(cells.principal.get(row));
        group.apis.extend(cells.service.get(row).zip(cells.stem.get(row)));
        group.findings.extend(findings.into_iter().flatten());
    }
    let mut texts = Texts::default();
    let mut share = |text| texts.share(text);
    Ok(groups.into_iter().map(|(key, group)| (key.map(&mut share), group.with_texts(&mut share))).collect())
}

/// What happened within one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hour {
    /// Its first moment.
    pub start: EventTime,
    /// How many events there are.
    pub events: u64,
    /// Events that `write`.
    pub writes: u64,
}

/// How busy the time was that the events cover.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// The hours with events, in order.
    pub hours: Vec<Hour>,
    /// Events without a time.
    pub untimed: u64,
}

const HOUR_MICROS: i64 = 3_600_000_000;

/// The events of each hour; hours without any are left out.
///
/// # Errors
/// [`Error::Frame`] where a batch lacks a column.
pub fn activity(events: &EventFrame) -> Result<Activity, Error> {
    let add = |(hours, untimed): &mut (BTreeMap<i64, (u64, u64)>, u64), (part, without): Hours| {
        *untimed += without;
        for (hour, (events, writes)) in part {
            let known = hours.entry(hour).or_default();
            *known = (known.0 + events, known.1 + writes);
        }
    };
    let none = (BTreeMap::new(), 0);
    let (hours, untimed) = events.fold(&[Column::EventTime, Column::Write], none, |_, batch| hours(batch), add)?;
    let hour = |(hour, (events, writes))| Some(Hour { start: EventTime::from_micros(hour)?, events, writes });
    Ok(Activity { hours: hours.into_iter().filter_map(hour).collect(), untimed })
}

/// For the first moment of each hour, its events and writes; and the events without a time.
type Hours = (HashMap<i64, (u64, u64)>, u64);

fn hours(batch: &DataFrame) -> Result<Hours, Error> {
    let times = batch.column(Column::EventTime.name())?.datetime()?.physical();
    let writes = batch.column(Column::Write.name())?.bool()?;
    let (mut hours, mut untimed) = (HashMap::new(), 0);
    for row in 0..batch.height() {
        let Some(micros) = times.get(row) else {
            untimed += 1;
            continue;
        };
        let known: &mut (u64, u64) = hours.entry(micros - micros.rem_euclid(HOUR_MICROS)).or_default();
        known.0 += 1;
        known.1 += u64::from(writes.get(row) == Some(true));
    }
    Ok((hours, untimed))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::case::{Case, Scope};
    use crate::detect::Catalog;
    use crate::frame::Store;
    use crate::ingest::Progress;
    use crate::source::Source;

    fn call(id: u32, user: &str, change: impl FnOnce(&mut Value)) -> Value {
        let mut record = json!({
            "eventVersion": "1.11",
            "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::111122223333:user/{user}"), "accountId": "111122223333",
                "accessKeyId": "AKIAEXAMPLE", "userName": user},
            "eventTime": format!("2026-03-01T08:00:{id:02}Z"), "eventSource": "s3.amazonaws.com", "eventName": "ListBuckets",
            "awsRegion": "eu-west-1", "sourceIPAddress": format!("198.51.100.{id}"), "readOnly": true,
            "eventID": format!("00000000-0000-4000-8000-{id:012}"), "eventType": "AwsApiCall", "recipientAccountId": "111122223333",
        });
        change(&mut record);
        record
    }

    fn login(id: u32, mfa: &str, result: &str) -> Value {
        call(id, "alice", |record| {
            record["eventSource"] = json!("signin.amazonaws.com");
            record["eventName"] = json!("ConsoleLogin");
            record["readOnly"] = json!(false);
            record["responseElements"] = json!({"ConsoleLogin": result});
            record["additionalEventData"] = json!({"MFAUsed": mfa});
            record["userIdentity"]["accessKeyId"] = json!("");
        })
    }

    fn case(records: &[Value]) -> Case {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.json"), json!({ "Records": records }).to_string()).expect("written");
        let scope = Scope { sources: vec![Source::Path(folder.path().to_owned())], ..Scope::default() };
        Case::read(scope, &Progress::default(), |_| Ok(Store::default())).expect("read")
    }

    #[test]
    fn a_row_counts_each_event_once() {
        let denied = call(4, "bob", |record| {
            record["errorCode"] = json!("AccessDenied");
            record["eventTime"] = json!("2026-03-01T10:59:59Z");
        });
        let nobody = call(5, "x", |record| {
            record["userIdentity"] = json!(null);
            record["eventTime"] = json!("no time");
        });
        let case = case(&[
            login(1, "Yes", "Success"),
            login(2, "No", "Success"),
            login(3, "No", "Failure"),
            call(6, "alice", |_| ()),
            denied,
            nobody,
        ]);
        let findings = case.detect(&Catalog::builtin().expect("rules")).expect("runs").findings;
        let rows = summary(&case.events, &findings, By::Principal).expect("rows");
        let names: Vec<_> = rows.iter().map(|row| row.key.as_deref().unwrap_or("-")).collect();
        assert_eq!(names, ["arn:aws:iam::111122223333:user/alice", "-", "arn:aws:iam::111122223333:user/bob"]);
        let [alice, nobody, bob] = rows.as_slice() else { panic!("{rows:?}") };
        // The long-term key has no MFA, the failed sign-in says nothing.
        assert_eq!((alice.events, alice.errors, alice.writes), (4, 1, 3));
        assert_eq!((alice.mfa_yes, alice.mfa_no, alice.mfa_unknown), (1, 2, 0));
        assert_eq!((alice.source_ip_count, alice.apis, alice.principals), (4, 2, 1));
        assert_eq!(alice.source_ips, ["198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.6"]);
        assert_eq!(
            (alice.first_time.map(EventTime::epoch), alice.last_time.map(EventTime::epoch)),
            (Some(1_772_352_001), Some(1_772_352_006))
        );
        assert!(alice.findings >= 1 && alice.worst == Some(Severity::High), "MFA-001: {alice:?}");
        assert_eq!((bob.errors, bob.denied, bob.findings, bob.worst), (1, 1, 0, None));
        assert_eq!((nobody.first_time, nobody.principals), (None, 0));
        let all: u64 = rows.iter().map(|row| row.events).sum();
        for by in [By::SourceIp, By::AccessKey, By::UserAgent] {
            let rows = summary(&case.events, &findings, by).expect("rows");
            assert_eq!(rows.iter().map(|row| row.events).sum::<u64>(), all, "{by:?}");
        }

        let activity = activity(&case.events).expect("hours");
        assert_eq!(activity.untimed, 1);
        let hours: Vec<_> = activity.hours.iter().map(|hour| (hour.start.hour_text(), hour.events, hour.writes)).collect();
        assert_eq!(hours, [("2026-03-01T08".to_owned(), 4, 3), ("2026-03-01T10".to_owned(), 1, 0)]);
    }

    #[test]
    fn long_lists_are_cut_and_counted() {
        let records: Vec<Value> = (0..59).map(|id| call(id, "alice", |_| ())).collect();
        let rows = summary(&case(&records).events, &[], By::Principal).expect("rows");
        let row = rows.first().expect("a row");
        assert_eq!((row.source_ips.len(), row.source_ip_count), (SHOWN_VALUES, 59));
        assert!(row.source_ips.is_sorted());
    }
}
