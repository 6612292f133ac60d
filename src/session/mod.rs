//! Where temporary credentials came from, and what the users of an account sign in with.
//!
//! [`resolve`] goes once over the columns of the loaded events, batch by batch, and
//! looks into the JSON of those calls only that make a session. Then it fills the late
//! columns `origin_verdict`, `origin_event_id` and `origin_principal`, and yields the
//! table `users`. [`sessions_of`] yields [`Sessions`]: who made which session, and the
//! table `sessions`, for which more has to be kept of each.
//!
//! A session is joined to the call that made it by the access key that the call
//! issued; where that is not in the log, by principal id and creation time. What it
//! keeps grows with the sessions and users, not with the events. The answer depends
//! neither on the order of the batches nor on the number of threads.
//!
//! # Hostile input
//! A log may name a key that two calls issued, a key that was used before it was
//! issued, or sessions that made each other. The first makes the verdict `unknown`,
//! the second is no origin, and a chain ends where it comes back to itself and after
//! [`MAX_DEPTH`] calls.

mod creation;
mod numbers;
mod origin;
mod scan;
mod sessions;
mod sign_in;
#[cfg(test)]
mod tests;
mod users;
mod view;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::error::Error;
use crate::event::EventId;
use crate::frame::Texts;
use crate::schema::Kind;
use crate::time::EventTime;

pub use creation::{Api, Creation, Verdict};
pub use origin::{MAX_DEPTH, Sessions, resolve, sessions_of};
pub use sessions::SESSION_COLUMNS;
pub(crate) use users::column;
pub use users::{USER_COLUMNS, Users};

/// A table that a stage makes of the events: rows of state, each with the events that it rests on.
///
/// Its rows are made whenever they are asked for and none is kept, as there may be as many as calls in the log.
pub struct StateTable<'t> {
    /// Its name in rules and SQL.
    pub name: &'static str,
    /// Its columns, in order.
    pub columns: &'static [StateColumn],
    rows: Box<MakeRows<'t>>,
}

/// Hands all rows of a table to somebody, one after the other.
type MakeRows<'t> = dyn Fn(&mut TakeRow<'_>) -> Result<(), Error> + 't;

/// Gets a row of a table.
pub type TakeRow<'r> = dyn FnMut(StateRow) -> Result<(), Error> + 'r;

impl<'t> StateTable<'t> {
    /// A table with the rows that `rows` hands over, the same ones each time, in an order that it documents.
    pub fn new(name: &'static str, columns: &'static [StateColumn], rows: impl Fn(&mut TakeRow<'_>) -> Result<(), Error> + 't) -> Self {
        Self { name, columns, rows: Box::new(rows) }
    }

    /// Hands the rows over, in their order.
    ///
    /// # Errors
    /// Those of making a row, and that of `take`, which gets no row after it.
    pub fn each(&self, mut take: impl FnMut(StateRow) -> Result<(), Error>) -> Result<(), Error> {
        (self.rows)(&mut take)
    }
}

impl fmt::Debug for StateTable<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("StateTable").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateColumn {
    /// Its name in rules and SQL.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it is made from.
    pub source: &'static str,
    /// What it means where the column is null.
    pub null_means: &'static str,
}

/// One row of a [`StateTable`].
#[derive(Debug, Clone, PartialEq)]
pub struct StateRow {
    /// The values, in the order of the table's columns.
    pub cells: Vec<Cell>,
    /// The events that the row rests on.
    pub evidence: Vec<EventPlace>,
    /// The places in snapshots that it rests on.
    pub snapshots: Vec<SnapshotPlace>,
}

/// A place in a file that says what an account's identities were.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotPlace {
    /// The file.
    pub file: String,
    /// A JSON pointer, or the row of a report.
    pub pointer: String,
}

/// One value of a [`StateRow`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    /// No value.
    Null,
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A truth value.
    Flag(bool),
    /// A point in time.
    Time(EventTime),
}

/// Where an event stands, and which it is; its texts are its own or those of a batch, and its id is a text as these or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPlace<T = Arc<str>, I = T> {
    /// `object` of the event.
    pub object: T,
    /// `record_index` of the event.
    pub record_index: u64,
    /// `event_id`.
    pub event_id: Option<I>,
    /// `event_time`.
    pub time: Option<EventTime>,
}

/// An event's place in as little room as it takes.
pub(crate) type Packed = EventPlace<Arc<str>, EventId>;

/// The columns of the table of that name, if it can be made.
pub fn columns_of(table: &str) -> Option<&'static [StateColumn]> {
    match table {
        "users" => Some(USER_COLUMNS),
        "sessions" => Some(SESSION_COLUMNS),
        _ => None,
    }
}

impl EventPlace<&str> {
    /// The same for very many events.
    fn packed(&self, texts: &mut Texts) -> Packed {
        EventPlace {
            object: texts.share(self.object),
            record_index: self.record_index,
            event_id: self.event_id.map(EventId::from),
            time: self.time,
        }
    }

    /// The same with texts that outlive the batch.
    fn kept(&self, texts: &mut Texts) -> EventPlace {
        EventPlace {
            object: texts.share(self.object),
            record_index: self.record_index,
            // No two events share one.
            event_id: self.event_id.map(Arc::from),
            time: self.time,
        }
    }
}

impl Packed {
    /// The same with a text for its id.
    fn unpacked(&self) -> EventPlace {
        EventPlace {
            object: self.object.clone(),
            record_index: self.record_index,
            event_id: self.event_id.as_ref().map(|id| id.to_string().into()),
            time: self.time,
        }
    }
}

impl<T: Ord, I: Ord> EventPlace<T, I> {
    /// The total order of events: by time (those without one last), id and place.
    pub(crate) fn order(&self, other: &Self) -> Ordering {
        (self.time.is_none(), self.time).cmp(&(other.time.is_none(), other.time)).then_with(|| self.tie(other))
    }

    /// Whether it is the earlier event; one without a time is no candidate beside one that has it.
    fn is_before(&self, other: &Self) -> bool {
        self.order(other) == Ordering::Less
    }

    /// Whether it is the later event; one without a time is no candidate beside one that has it.
    fn is_after(&self, other: &Self) -> bool {
        self.time.cmp(&other.time).then_with(|| self.tie(other)) == Ordering::Greater
    }

    /// Whether it is the earlier one by its time alone, whatever else is known of an event of that other time.
    fn is_earlier_than(&self, time: Option<EventTime>) -> bool {
        self.time.zip(time).is_some_and(|(own, other)| own < other)
    }

    fn tie(&self, other: &Self) -> Ordering {
        (&self.event_id, &self.object, self.record_index).cmp(&(&other.event_id, &other.object, other.record_index))
    }
}

/// Puts the earlier of both events into `known`.
fn keep_first<T: Ord>(known: &mut Option<EventPlace<T>>, other: Option<EventPlace<T>>) {
    if let Some(other) = other
        && known.as_ref().is_none_or(|known| other.is_before(known))
    {
        *known = Some(other);
    }
}

/// Puts the later of both events into `known`.
fn keep_last<T: Ord>(known: &mut Option<EventPlace<T>>, other: Option<EventPlace<T>>) {
    if let Some(other) = other
        && known.as_ref().is_none_or(|known| other.is_after(known))
    {
        *known = Some(other);
    }
}

/// Puts the earlier of both times into `known`.
fn keep_first_time(known: &mut Option<EventTime>, other: Option<EventTime>) {
    *known = [*known, other].into_iter().flatten().min();
}

/// The events in their order, each once.
pub(crate) fn evidence(events: impl IntoIterator<Item = EventPlace>) -> Vec<EventPlace> {
    let mut events: Vec<EventPlace> = events.into_iter().collect();
    events.sort_by(EventPlace::order);
    events.dedup();
    events
}

impl Cell {
    pub(crate) fn text(text: Option<&str>) -> Self {
        text.map_or(Self::Null, |text| Self::Text(text.to_owned()))
    }

    pub(crate) fn time(time: Option<EventTime>) -> Self {
        time.map_or(Self::Null, Self::Time)
    }

    pub(crate) fn count(count: u64) -> Self {
        Self::Int(i64::try_from(count).unwrap_or(i64::MAX))
    }
}
