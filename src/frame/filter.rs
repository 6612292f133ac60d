//! [`Filter`]: which events the user asked for.

use polars::prelude::{BooleanChunked, DataFrame, PolarsResult};

use super::parquet::Bounds;
use super::prune::Reach;
use crate::event::Event;
use crate::schema::Column;
use crate::time::{EventTime, TimeRange};

/// What the user asked to see. An event outside is counted and left out.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// By `event_time`; an event without a time is kept.
    pub range: TimeRange,
    /// By `recipient_account_id`; empty for all.
    pub accounts: Vec<String>,
    /// By `aws_region`; empty for all.
    pub regions: Vec<String>,
}

impl Filter {
    /// Whether it leaves nothing out.
    pub fn is_empty(&self) -> bool {
        let Self { range, accounts, regions } = self;
        range.since.is_none() && range.until.is_none() && accounts.is_empty() && regions.is_empty()
    }

    /// Whether the event was asked for.
    pub fn keeps(&self, event: &Event<'_>) -> bool {
        self.keeps_values(event.time(Column::EventTime), event.text(Column::RecipientAccountId), event.text(Column::AwsRegion))
    }

    /// Which rows were asked for, of a frame with the columns that it looks at.
    pub(super) fn mask(&self, frame: &DataFrame) -> PolarsResult<BooleanChunked> {
        let times = frame.column(Column::EventTime.name())?.datetime()?.physical();
        let accounts = frame.column(Column::RecipientAccountId.name())?.str()?;
        let regions = frame.column(Column::AwsRegion.name())?.str()?;
        let rows = times.iter().zip(accounts.iter().zip(regions.iter()));
        Ok(rows.map(|(time, (account, region))| self.keeps_values(time.and_then(EventTime::from_micros), account, region)).collect())
    }

    fn keeps_values(&self, time: Option<EventTime>, account: Option<&str>, region: Option<&str>) -> bool {
        let Self { range, accounts, regions } = self;
        let listed =
            |list: &[String], value: Option<&str>| list.is_empty() || value.is_some_and(|value| list.iter().any(|item| item == value));
        time.is_none_or(|time| range.contains(time)) && listed(accounts, account) && listed(regions, region)
    }

    /// Whether all rows of a batch were asked for, or none of them; `None` where `reach`, which tells of the batch's
    /// columns, does not say, or some were.
    pub(super) fn keeps_all_or_none(&self, reach: &impl Fn(Column) -> Reach) -> Option<bool> {
        let Self { range, accounts, regions } = self;
        let times = match reach(Column::EventTime) {
            _ if range.since.is_none() && range.until.is_none() => Some(true),
            // An event without a time is kept.
            Reach::Null => Some(true),
            Reach::Within { bounds: Bounds::Int(first, last), has_nulls } => {
                let (first, last) = (EventTime::from_micros(first)?, EventTime::from_micros(last)?);
                let is_outside = range.since.is_some_and(|since| last < since) || range.until.is_some_and(|until| until <= first);
                if range.contains(first) && range.contains(last) { Some(true) } else { (is_outside && !has_nulls).then_some(false) }
            }
            _ => None,
        };
        let listed = |list: &[String], column| match reach(column) {
            _ if list.is_empty() => Some(true),
            Reach::Null => Some(false),
            Reach::Within { bounds: Bounds::Text(min, max), has_nulls } => {
                let is_one = min == max && list.contains(&min);
                if is_one && !has_nulls { Some(true) } else { (!list.iter().any(|item| min <= *item && *item <= max)).then_some(false) }
            }
            _ => None,
        };
        let parts = [times, listed(accounts, Column::RecipientAccountId), listed(regions, Column::AwsRegion)];
        if parts.contains(&Some(false)) {
            return Some(false);
        }
        parts.iter().all(|part| *part == Some(true)).then_some(true)
    }
}
