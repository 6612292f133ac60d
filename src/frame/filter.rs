//! [`Filter`]: which events the user asked for.

use polars::prelude::{BooleanChunked, DataFrame, PolarsResult};

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
        self.range.since.is_none() && self.range.until.is_none() && self.accounts.is_empty() && self.regions.is_empty()
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
        let listed =
            |list: &[String], value: Option<&str>| list.is_empty() || value.is_some_and(|value| list.iter().any(|item| item == value));
        time.is_none_or(|time| self.range.contains(time)) && listed(&self.accounts, account) && listed(&self.regions, region)
    }
}
