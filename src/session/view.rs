//! [`View`]: the columns of a batch that sessions are made from, read by row.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use polars::prelude::{BooleanChunked, DataFrame, Int64Chunked, PolarsResult, StringChunked};

use super::EventPlace;
use crate::schema::{Column, Kind};
use crate::time::EventTime;

/// What is read of an event.
const COLUMNS: [Column; 31] = [
    Column::EventTime,
    Column::EventId,
    Column::EventSource,
    Column::EventName,
    Column::RecipientAccountId,
    Column::Ok,
    Column::RequestId,
    Column::SharedEventId,
    Column::SourceIpAddress,
    Column::SourceIpHex,
    Column::UserType,
    Column::Principal,
    Column::SessionName,
    Column::UserArn,
    Column::UserAccountId,
    Column::UserPrincipalId,
    Column::UserAccessKeyId,
    Column::UserName,
    Column::UserOnBehalfOfId,
    Column::SessionCreationTime,
    Column::LongTermKey,
    Column::FromConsole,
    Column::ConsoleLoginResult,
    Column::MfaVerdict,
    Column::ApiMfa,
    Column::RequestParameters,
    Column::ResponseElements,
    Column::AdditionalEventData,
    Column::ServiceEventDetails,
    Column::Object,
    Column::RecordIndex,
];

/// The columns of one batch. It shares their bytes with the frame.
#[derive(Debug)]
pub(super) struct View {
    number: u32,
    rows: u32,
    cells: Vec<Cells>,
}

#[derive(Debug)]
enum Cells {
    /// Not read, or null in every row.
    Null,
    Text(StringChunked),
    Int(Int64Chunked),
    Flag(BooleanChunked),
}

/// Where an event stands in the frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) time: Option<i64>,
    pub(super) batch: u32,
    pub(super) row: u32,
}

/// The service that was called, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Service {
    Sts,
    SignIn,
    IdentityCenter,
    Iam,
    Other,
}

impl Service {
    pub(super) fn of(event_source: &str) -> Self {
        let known = [
            ("sts.amazonaws.com", Self::Sts),
            ("signin.amazonaws.com", Self::SignIn),
            ("sso.amazonaws.com", Self::IdentityCenter),
            ("iam.amazonaws.com", Self::Iam),
        ];
        known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(event_source)).map_or(Self::Other, |(_, service)| service)
    }
}

impl View {
    /// The views of all batches, in their order.
    pub(super) fn all(batches: &[DataFrame]) -> PolarsResult<Vec<Self>> {
        (0..).zip(batches).map(|(number, frame)| Self::new(number, frame)).collect()
    }

    fn new(number: u32, frame: &DataFrame) -> PolarsResult<Self> {
        let mut cells: Vec<Cells> = std::iter::repeat_with(|| Cells::Null).take(Column::COUNT).collect();
        for column in COLUMNS {
            // A copy: a column of one value only would else be spread out in the frame, and stay so.
            let values = frame.column(column.name())?.clone();
            if values.null_count() == frame.height() {
                continue;
            }
            if let Some(slot) = cells.get_mut(column.index()) {
                *slot = match column.kind() {
                    Kind::Text | Kind::Json => Cells::Text(values.str()?.clone()),
                    Kind::Int => Cells::Int(values.i64()?.clone()),
                    Kind::Time => Cells::Int(values.datetime()?.physical().clone()),
                    Kind::Flag => Cells::Flag(values.bool()?.clone()),
                    Kind::TextList => Cells::Null,
                };
            }
        }
        Ok(Self { number, rows: u32::try_from(frame.height()).unwrap_or(u32::MAX), cells })
    }

    /// How many events the batch has.
    pub(super) const fn rows(&self) -> u32 {
        self.rows
    }

    /// A text or JSON column of a row.
    #[inline]
    pub(super) fn text(&self, column: Column, row: u32) -> Option<&str> {
        match self.cells.get(column.index())? {
            Cells::Text(cells) => cells.get(index(row)),
            _ => None,
        }
    }

    /// A text column of a row that names something; an empty text names nobody.
    pub(super) fn named(&self, column: Column, row: u32) -> Option<&str> {
        self.text(column, row).filter(|text| !text.is_empty())
    }

    /// A number of a row; of a time its microseconds.
    #[inline]
    pub(super) fn int(&self, column: Column, row: u32) -> Option<i64> {
        match self.cells.get(column.index())? {
            Cells::Int(cells) => cells.get(index(row)),
            _ => None,
        }
    }

    /// Whether a truth column of a row is true.
    #[inline]
    pub(super) fn is(&self, column: Column, row: u32) -> bool {
        match self.cells.get(column.index()) {
            Some(Cells::Flag(cells)) => cells.get(index(row)) == Some(true),
            _ => false,
        }
    }

    /// Whether a text column of a row holds `wanted`, in any case.
    #[inline]
    pub(super) fn same(&self, column: Column, row: u32, wanted: &str) -> bool {
        self.text(column, row).is_some_and(|text| text.eq_ignore_ascii_case(wanted))
    }

    /// The place of a row.
    #[inline]
    pub(super) fn spot(&self, row: u32) -> Spot {
        Spot { time: self.int(Column::EventTime, row), batch: self.number, row }
    }

    /// The account of the identity, else of the trail.
    pub(super) fn account(&self, row: u32) -> Option<&str> {
        self.named(Column::UserAccountId, row).or_else(|| self.named(Column::RecipientAccountId, row))
    }

    /// Which of two rows stands first where their times do not tell.
    fn tie(&self, row: u32, other: &Self, other_row: u32) -> Ordering {
        let texts = |column| self.text(column, row).cmp(&other.text(column, other_row));
        texts(Column::EventId)
            .then_with(|| texts(Column::Object))
            .then_with(|| self.int(Column::RecordIndex, row).cmp(&other.int(Column::RecordIndex, other_row)))
    }
}

/// The order of two events: time, event id, place. An event without a time stands last.
pub(super) fn order(views: &[View], left: Spot, right: Spot) -> Ordering {
    (left.time.is_none(), left.time).cmp(&(right.time.is_none(), right.time)).then_with(|| tie(views, left, right))
}

/// Whether `left` is the earlier event; one without a time is no candidate beside one that has it.
pub(super) fn earlier(views: &[View], left: Spot, right: Spot) -> bool {
    order(views, left, right) == Ordering::Less
}

/// Whether `left` is the later event; one without a time is no candidate beside one that has it.
pub(super) fn later(views: &[View], left: Spot, right: Spot) -> bool {
    left.time.cmp(&right.time).then_with(|| tie(views, left, right)) == Ordering::Greater
}

fn tie(views: &[View], left: Spot, right: Spot) -> Ordering {
    match (views.get(index(left.batch)), views.get(index(right.batch))) {
        (Some(view), Some(other)) => view.tie(left.row, other, right.row),
        _ => Ordering::Equal,
    }
}

/// The earlier of a known event, if there is one, and another.
pub(super) fn first(views: &[View], known: Option<Spot>, other: Spot) -> Spot {
    known.filter(|known| !earlier(views, other, *known)).unwrap_or(other)
}

/// The later of a known event, if there is one, and another.
pub(super) fn last(views: &[View], known: Option<Spot>, other: Spot) -> Spot {
    known.filter(|known| !later(views, other, *known)).unwrap_or(other)
}

/// Makes [`EventPlace`]s that share the names of their objects.
#[derive(Debug, Default)]
pub(super) struct Places<'v> {
    objects: HashMap<&'v str, Arc<str>>,
}

impl<'v> Places<'v> {
    pub(super) fn place(&mut self, view: &'v View, row: u32) -> EventPlace {
        let object = view.text(Column::Object, row).unwrap_or_default();
        EventPlace {
            object: self.objects.entry(object).or_insert_with(|| Arc::from(object)).clone(),
            record_index: view.int(Column::RecordIndex, row).and_then(|index| u64::try_from(index).ok()).unwrap_or_default(),
            event_id: view.text(Column::EventId, row).map(str::to_owned),
            time: view.int(Column::EventTime, row).and_then(EventTime::from_micros),
        }
    }

    /// The places of events, in their order and each once.
    pub(super) fn places(&mut self, views: &'v [View], spots: impl IntoIterator<Item = Spot>) -> Vec<EventPlace> {
        let mut spots: Vec<Spot> = spots.into_iter().collect();
        spots.sort_by(|left, right| order(views, *left, *right));
        spots.dedup();
        spots.into_iter().filter_map(|spot| Some(self.place(views.get(index(spot.batch))?, spot.row))).collect()
    }
}

/// A number of rows or entries as an index.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
