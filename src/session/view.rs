//! [`View`]: the columns of a batch that sessions are made from, read by row.

use polars::prelude::{ChunkedArray, DataFrame, PolarsDataType, PolarsResult};
use polars_arrow::array::{BooleanArray, PrimitiveArray, StaticArray, Utf8ViewArray};

use super::EventPlace;
use crate::schema::{Column, Kind};
use crate::time::EventTime;

/// What is read of an event to find sessions and users.
pub(super) const COLUMNS: [Column; 31] = [
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

/// Those of [`COLUMNS`] that only who wants all of a session looks at.
pub(super) const OF_WHOLE: [Column; 4] = [Column::SourceIpAddress, Column::SourceIpHex, Column::SessionName, Column::FromConsole];

/// The columns of one batch. It shares their bytes with the frame.
#[derive(Debug)]
pub(super) struct View {
    rows: u32,
    cells: Vec<Cells>,
}

#[derive(Debug)]
enum Cells {
    /// Not read, or null in every row.
    Null,
    Text(Utf8ViewArray),
    Int(PrimitiveArray<i64>),
    Flag(BooleanArray),
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
    /// The view of a batch; columns that it lacks count as null.
    pub(super) fn new(batch: &DataFrame) -> PolarsResult<Self> {
        let mut cells: Vec<Cells> = std::iter::repeat_with(|| Cells::Null).take(Column::COUNT).collect();
        for values in batch.columns() {
            if values.null_count() == batch.height() {
                continue;
            }
            let Some(column) = Column::from_name(values.name()) else { continue };
            if let Some(slot) = cells.get_mut(column.index()) {
                *slot = match column.kind() {
                    Kind::Text | Kind::Json => Cells::Text(whole(values.str()?)),
                    Kind::Int => Cells::Int(whole(values.i64()?)),
                    Kind::Time => Cells::Int(whole(values.datetime()?.physical())),
                    Kind::Flag => Cells::Flag(whole(values.bool()?)),
                    Kind::TextList => Cells::Null,
                };
            }
        }
        Ok(Self { rows: u32::try_from(batch.height()).unwrap_or(u32::MAX), cells })
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
    pub(super) fn place(&self, row: u32) -> EventPlace<&str> {
        EventPlace {
            object: self.text(Column::Object, row).unwrap_or_default(),
            record_index: self.int(Column::RecordIndex, row).and_then(|index| u64::try_from(index).ok()).unwrap_or_default(),
            event_id: self.text(Column::EventId, row),
            time: self.time(row),
        }
    }

    /// The time of a row.
    pub(super) fn time(&self, row: u32) -> Option<EventTime> {
        self.int(Column::EventTime, row).and_then(EventTime::from_micros)
    }

    /// The account of the identity, else of the trail.
    pub(super) fn account(&self, row: u32) -> Option<&str> {
        self.named(Column::UserAccountId, row).or_else(|| self.named(Column::RecipientAccountId, row))
    }
}

/// The values in one piece, in which a row is found at once.
fn whole<T: PolarsDataType>(values: &ChunkedArray<T>) -> T::Array {
    values.rechunk().downcast_as_array().clone()
}

/// A number of rows or entries as an index.
pub(super) fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
