//! [`Owners`]: how many events there are of each owner of a key, whatever they are.

use std::collections::{BTreeMap, HashMap};

use polars::prelude::DataFrame;

use super::baseline::Sight;
use super::rule::{Logic, Rule};
use crate::error::Error;
use crate::frame::EventFrame;
use crate::schema::Column;
use crate::time::EventTime;

/// The events by the values of the columns that rules name as `owner`.
#[derive(Debug, Default)]
pub(super) struct Owners(BTreeMap<Column, BTreeMap<String, Tally>>);

/// The events of one owner that have a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tally {
    /// How many lie in the baseline.
    pub(super) before: u64,
    /// All of them.
    pub(super) all: Sight,
}

impl Owners {
    /// Counts the events for the owners that `rules` ask for; none where no rule does.
    ///
    /// # Errors
    /// [`Error::Frame`] where the table engine fails.
    pub(super) fn of(rules: &[&Rule], events: &EventFrame, until: Option<EventTime>) -> Result<Self, Error> {
        let mut owners = Self::default();
        for rule in rules {
            if let Logic::FirstSeen { owner: Some(owner), .. } = &rule.logic
                && !owners.0.contains_key(&owner.of)
            {
                owners.0.insert(owner.of, tallies(owner.of, events, until)?);
            }
        }
        Ok(owners)
    }

    /// The owners of a column, by name.
    pub(super) fn by(&self, column: Column) -> impl Iterator<Item = (&str, &Tally)> {
        self.0.get(&column).into_iter().flatten().map(|(name, tally)| (name.as_str(), tally))
    }

    /// How many events of an owner lie in the baseline.
    pub(super) fn before(&self, column: Column, name: &str) -> u64 {
        self.0.get(&column).and_then(|owners| owners.get(name)).map_or(0, |tally| tally.before)
    }
}

fn tallies(column: Column, events: &EventFrame, until: Option<EventTime>) -> Result<BTreeMap<String, Tally>, Error> {
    let in_batch = |_, batch: &DataFrame| {
        let names = batch.column(column.name())?.str()?;
        let times = batch.column(Column::EventTime.name())?.datetime()?.physical();
        let mut tallies: HashMap<&str, Tally> = HashMap::new();
        for (name, time) in names.iter().zip(times.iter()) {
            if let (Some(name), Some(time)) = (name, time.and_then(EventTime::from_micros)) {
                let one =
                    Tally { before: u64::from(until.is_some_and(|until| time < until)), all: Sight { first: time, last: time, count: 1 } };
                tallies.entry(name).and_modify(|tally| tally.add(one)).or_insert(one);
            }
        }
        Ok(tallies.into_iter().map(|(name, tally)| (name.to_owned(), tally)).collect::<Vec<_>>())
    };
    events.fold(&[column, Column::EventTime], BTreeMap::new(), in_batch, |all: &mut BTreeMap<String, Tally>, more| {
        for (name, tally) in more {
            all.entry(name).and_modify(|known| known.add(tally)).or_insert(tally);
        }
    })
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.before += other.before;
        self.all.first = self.all.first.min(other.all.first);
        self.all.last = self.all.last.max(other.all.last);
        self.all.count += other.all.count;
    }
}
