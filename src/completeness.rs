//! [`Completeness`]: what the events themselves tell of logs that are not here, where no digest does.
//!
//! Both answers are hints beside the digests and change no verdict: a bucket's events name what was delivered
//! to it only where a trail logs them, and an hour without events may have been a quiet one.

use std::collections::{BTreeMap, BTreeSet};

use bumpalo::Bump;
use polars::prelude::DataFrame;

use crate::digest::{Named, Tail};
use crate::error::Error;
use crate::event::reader::lookup;
use crate::frame::EventFrame;
use crate::schema::Column;
use crate::time::EventTime;

/// What the events tell of logs that are not here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Completeness {
    /// Logs and digests of whose delivery there is an event.
    pub delivered: u64,
    /// Those of them that are not here, by their tails, in order.
    pub not_here: Vec<String>,
    /// Hours without an event of an account and region that has events nearly always, in order.
    pub silent: Vec<Silence>,
}

/// Neighbouring hours without an event.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Silence {
    /// `recipient_account_id`.
    pub account_id: String,
    /// `aws_region`.
    pub region: String,
    /// The first moment of the first of them.
    pub from: EventTime,
    /// The first moment of the hour after the last.
    pub to: EventTime,
    /// The events of an hour of this account and region that has any, on average.
    pub usual_events: u64,
}

/// Hours that an account and region must span before one of them can be told to be unusual: two days and nights.
const LEAST_HOURS: i64 = 48;
/// Of a hundred hours, those that must have events for traffic to be called steady.
const STEADY_PERCENT: i64 = 95;
/// Events of an hour that make an empty one worth a word.
const LEAST_EVENTS: u64 = 10;
/// Silences that are told of; an hour's gaps in a steady account are few.
const MOST_SILENCES: usize = 1_000;

const HOUR_MICROS: i64 = 3_600_000_000;
const COLUMNS: [Column; 8] = [
    Column::EventTime,
    Column::EventSource,
    Column::EventName,
    Column::RecipientAccountId,
    Column::AwsRegion,
    Column::Ok,
    Column::UserInvokedBy,
    Column::RequestParameters,
];

impl Completeness {
    /// Goes over the events once; `is_here` says whether an object of a tail is in the evidence.
    ///
    /// # Errors
    /// Those of reading events.
    ///
    /// # Source
    /// `CloudTrail` delivers with `PutObject`, which a trail of the bucket's data events records as a call of
    /// `cloudtrail.amazonaws.com`; a first try that failed is repeated.
    pub fn of(events: &EventFrame, is_here: impl Fn(&Tail) -> bool) -> Result<Self, Error> {
        let all = events.fold(&COLUMNS, Part::default(), |_, batch| Part::of(batch), Part::add)?;
        let delivered = u64::try_from(all.delivered.len()).unwrap_or(u64::MAX);
        let not_here = all.delivered.iter().filter(|tail| !is_here(tail)).map(|tail| tail.as_str().to_owned()).collect();
        let mut silent: Vec<Silence> = all.hours.iter().flat_map(|((account, region), hours)| silences(account, region, hours)).collect();
        silent.sort();
        silent.truncate(MOST_SILENCES);
        Ok(Self { delivered, not_here, silent })
    }
}

/// What some of the events tell.
#[derive(Debug, Default)]
struct Part {
    delivered: BTreeSet<Tail>,
    /// For each account and region the events of each hour, by its first moment.
    hours: BTreeMap<(String, String), BTreeMap<i64, u64>>,
}

impl Part {
    fn of(batch: &DataFrame) -> Result<Self, Error> {
        let text = |column: Column| batch.column(column.name())?.str();
        let times = batch.column(Column::EventTime.name())?.datetime()?.physical();
        let done = batch.column(Column::Ok.name())?.bool()?;
        let (accounts, regions) = (text(Column::RecipientAccountId)?, text(Column::AwsRegion)?);
        let (callers, requests) = (text(Column::UserInvokedBy)?, text(Column::RequestParameters)?);
        let (sources, names) = (text(Column::EventSource)?, text(Column::EventName)?);
        let mut part = Self::default();
        let mut arena = Bump::new();
        // Neighbouring rows are mostly of one account, region and hour.
        let mut last: Option<(&str, &str, i64)> = None;
        let mut waiting = 0;
        for row in 0..batch.height() {
            if let (Some(account), Some(region), Some(time)) = (accounts.get(row), regions.get(row), times.get(row)) {
                let hour = (account, region, time - time.rem_euclid(HOUR_MICROS));
                if last != Some(hour) {
                    part.count(last.replace(hour), std::mem::take(&mut waiting));
                }
                waiting += 1;
            }
            let is_delivery = callers.get(row) == Some("cloudtrail.amazonaws.com")
                && names.get(row) == Some("PutObject")
                && sources.get(row) == Some("s3.amazonaws.com")
                && done.get(row) == Some(true);
            if is_delivery && let Some(request) = requests.get(row) {
                arena.reset();
                part.delivered.extend(lookup(request, &["key"], &arena).filter(|key| Named::parse(key).is_some()).map(Tail::of));
            }
        }
        part.count(last, waiting);
        Ok(part)
    }

    fn count(&mut self, hour: Option<(&str, &str, i64)>, events: u64) {
        if let Some((account, region, hour)) = hour {
            *self.hours.entry((account.to_owned(), region.to_owned())).or_default().entry(hour).or_default() += events;
        }
    }

    fn add(&mut self, other: Self) {
        self.delivered.extend(other.delivered);
        for (place, hours) in other.hours {
            let known = self.hours.entry(place).or_default();
            for (hour, events) in hours {
                *known.entry(hour).or_default() += events;
            }
        }
    }
}

/// The silences between the first and the last hour with events, where nearly all hours have some.
fn silences(account: &str, region: &str, hours: &BTreeMap<i64, u64>) -> Vec<Silence> {
    let (Some((first, _)), Some((last, _))) = (hours.first_key_value(), hours.last_key_value()) else { return Vec::new() };
    let span = (last - first) / HOUR_MICROS + 1;
    let active = i64::try_from(hours.len()).unwrap_or(i64::MAX);
    let usual_events = hours.values().sum::<u64>() / u64::try_from(active).unwrap_or(1).max(1);
    if span < LEAST_HOURS || active.saturating_mul(100) < span.saturating_mul(STEADY_PERCENT) || usual_events < LEAST_EVENTS {
        return Vec::new();
    }
    let gaps = hours.keys().zip(hours.keys().skip(1)).filter(|(hour, next)| *next - *hour > HOUR_MICROS);
    let silence = |(hour, next): (&i64, &i64)| {
        let (from, to) = (EventTime::from_micros(hour + HOUR_MICROS)?, EventTime::from_micros(*next)?);
        Some(Silence { account_id: account.to_owned(), region: region.to_owned(), from, to, usual_events })
    };
    gaps.filter_map(silence).collect()
}
