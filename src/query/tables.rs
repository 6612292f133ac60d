//! The tables that SQL sees: what their columns hold, and frames made of JSON rows.

use std::path::Path;

use polars::prelude::{
    BooleanChunkedBuilder, ChunkedBuilder as _, Column as FrameColumn, DataFrame, DataType, Int64Type, IntoLazy as _, IntoSeries as _,
    LazyFrame, NamedFrom as _, PlSmallStr, PrimitiveChunkedBuilder, Series, StringChunkedBuilder, TimeUnit, TimeZone,
};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::frame::data_type;
use crate::frame::parquet::SegmentWriter;
use crate::iam::tables::{CHANGE_COLUMNS, DRIFT_COLUMNS, STATE_COLUMNS};
use crate::schema::{Column, Kind};
use crate::session::{Cell, SESSION_COLUMNS, StateColumn, StateRow, StateTable, USER_COLUMNS};
use crate::time::EventTime;

/// A table beside `events`.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Its name in SQL.
    pub name: &'static str,
    /// Its columns, in order.
    pub fields: &'static [StateColumn],
}

impl Table {
    /// The columns as [`json_table`] takes them.
    pub fn columns(&self) -> Vec<(&'static str, Kind)> {
        self.fields.iter().map(|field| (field.name, field.kind)).collect()
    }
}

macro_rules! fields {
    ($($name:literal $kind:ident $source:literal $null:literal;)*) => {
        &[$(StateColumn { name: $name, kind: Kind::$kind, source: $source, null_means: $null }),*]
    };
}

/// Every object that was listed.
pub const FILES: Table = Table {
    name: "files",
    fields: fields! {
        "object" Text "the file's path or key" "never";
        "kind" Text "the file's name and bytes: log, digest, insight, other" "never";
        "account" Text "the file's name" "the name is not in AWS's form";
        "region" Text "the file's name" "the name is not in AWS's form";
        "delivery_time" Time "the file's name" "the name is not in AWS's form";
        "compressed_bytes" Int "the file's size" "not read";
        "inflated_bytes" Int "the bytes after inflation" "not read";
        "sha256" Text "the bytes after inflation" "not read";
        "status" Text "read, skipped, problem, missing: signed for and not here, or filtered: left unread, as its name shows that no record in it is asked for" "never";
        "reason" Text "why it was not read" "it was read";
        "integrity" Text "the digests: valid, invalid, missing, unverified, undigested" "they were not looked at, or have nothing to say of it";
        "integrity_reason" Text "why the digests do not call it valid" "valid, or integrity is null";
        "integrity_notes" Text "what else the digests' check noted, with spaces between" "nothing";
        "notes" Text "what is odd about it" "nothing";
        "records" Int "the events that were loaded from it" "not read";
        "first_event" Time "the first event_time in it" "no event with a time";
        "last_event" Time "the last event_time in it" "no event with a time";
    },
};

/// Every digest that is here or due, where digests were looked at.
pub const DIGESTS: Table = Table {
    name: "digests",
    fields: fields! {
        "object" Text "the file's path; the end of its key where it is missing" "never";
        "chain" Text "[organization/]account/region/trail/home region" "never";
        "kind" Text "the key: digest or backfill" "never";
        "start" Time "digestStartTime; an hour before the end where it could not be read" "never";
        "end" Time "digestEndTime" "never";
        "status" Text "valid, invalid, missing, unverified" "never";
        "reason" Text "why it is not valid" "it is valid";
        "evidence" Text "what proves it: signature, successor-signature, successor-hash" "it is not valid";
        "fingerprint" Text "digestPublicKeyFingerprint" "it could not be read";
        "logs" Int "the length of logFiles" "it could not be read";
        "previous" Text "previousDigestS3Object" "a chain begins with it, or it could not be read";
    },
};

/// What could not be read.
pub const PROBLEMS: Table = Table { name: "problems", fields: PLACED };

/// What was loaded, but is odd.
pub const NOTICES: Table = Table { name: "notices", fields: PLACED };

const PLACED: &[StateColumn] = fields! {
    "object" Text "the file's path or key" "not about a file";
    "record_index" Int "the record's place among the file's records, from 0" "about the whole file";
    "offset" Int "the byte in the inflated stream" "not known";
    "kind" Text "the kind of problem or notice" "never";
    "message" Text "what is wrong" "never";
};

/// What the rules found.
pub const FINDINGS: Table = Table {
    name: "findings",
    fields: fields! {
        "rule_id" Text "the rule" "never";
        "title" Text "the rule" "never";
        "severity" Text "the rule: critical, high, medium, low, info" "never";
        "family" Text "the first part of rule_id" "never";
        "kind" Text "the rule: single, threshold, sequence, first-seen, state" "never";
        "attack" TextList "the rule's ATT&CK techniques" "never";
        "cis" TextList "the rule's CIS controls" "never";
        "account_id" Text "recipient_account_id of the evidence" "it differs or is absent";
        "region" Text "aws_region of the evidence" "it differs or is absent";
        "principal" Text "principal of the evidence" "it differs or is absent";
        "source_ip_address" Text "source_ip_address of the evidence" "it differs or is absent";
        "event_name" Text "event_name of the evidence" "it differs or is absent";
        "first_time" Time "the first event_time of the evidence" "no event with a time";
        "last_time" Time "the last event_time of the evidence" "no event with a time";
        "count" Int "how many events or values it took" "never";
        "message" Text "the rule's sentence with its values" "never";
        "event_ids" TextList "event_id of the evidence" "never";
        "evidence" Json "the places of the evidence" "never";
        "false_positives" TextList "the rule" "never";
        "next_steps" TextList "the rule" "never";
        "source" Text "builtin, or the path of the rule file" "never";
        "author" Text "the rule" "not named";
        "license" Text "the rule" "not named";
    },
};

/// The temporary sessions.
pub const SESSIONS: Table = Table { name: "sessions", fields: SESSION_COLUMNS };

/// The users of IAM.
pub const USERS: Table = Table { name: "users", fields: USER_COLUMNS };

/// The calls that replay of identities took.
pub const IAM_CHANGES: Table = Table { name: "iam_changes", fields: CHANGE_COLUMNS };

/// What changed in identities.
pub const DRIFT: Table = Table { name: "drift", fields: DRIFT_COLUMNS };

/// Who can hold rights, and what they are at the start and at the end.
pub const IAM_STATE: Table = Table { name: "iam_state", fields: STATE_COLUMNS };

const TABLES: [Table; 10] = [FILES, DIGESTS, PROBLEMS, NOTICES, FINDINGS, SESSIONS, USERS, IAM_CHANGES, DRIFT, IAM_STATE];

/// All tables with their columns' names, as the guard wants them where no frames are at hand.
pub(super) fn known_tables() -> Vec<(&'static str, Vec<String>)> {
    let events = Column::ALL.iter().map(|column| column.name().to_owned()).collect();
    let others = TABLES.iter().map(|table| (table.name, table.fields.iter().map(|field| field.name.to_owned()).collect()));
    std::iter::once(("events", events)).chain(others).collect()
}

/// `sql --schema`: one row a column of every table.
///
/// # Shape
/// `table`, `column`, `type`, `source`, `null_means`.
pub fn schema_rows() -> Vec<Map<String, Value>> {
    let events = Column::ALL.iter().map(|column| ("events", column.name(), column.kind(), column.source(), column.null_means()));
    let others = TABLES
        .iter()
        .flat_map(|table| table.fields.iter().map(|field| (table.name, field.name, field.kind, field.source, field.null_means)));
    let row = |(table, column, kind, source, null): (&str, &str, Kind, &str, &str)| {
        let pairs = [("table", table), ("column", column), ("type", &kind.to_string()), ("source", source), ("null_means", null)];
        pairs.map(|(key, value)| (key.to_owned(), Value::from(value))).into_iter().collect()
    };
    events.chain(others).map(row).collect()
}

/// A table of the given columns out of JSON rows; a key that a row lacks is null there.
///
/// A value that is not of its column's kind becomes its JSON text in a column of text, and null in any other.
///
/// # Errors
/// [`Error::Frame`]: two columns have one name.
pub fn json_table(columns: &[(&str, Kind)], rows: &[Map<String, Value>]) -> Result<LazyFrame, Error> {
    let column = |(name, kind): &(&str, Kind)| {
        let values = rows.iter().map(|row| row.get(*name).unwrap_or(&Value::Null));
        Ok(FrameColumn::from(series(name, *kind, values)?))
    };
    let columns = columns.iter().map(column).collect::<Result<Vec<_>, Error>>()?;
    Ok(DataFrame::new(rows.len(), columns)?.lazy())
}

/// A table of the rows of a state table; a value that is not of its column's kind is null.
///
/// # Errors
/// Those of making the rows, and [`Error::Frame`]: two columns have one name.
pub fn state_frame(table: &StateTable<'_>) -> Result<LazyFrame, Error> {
    let mut rows = StateRows::of(table.columns);
    table.each(|row| {
        rows.push(&row);
        Ok(())
    })?;
    Ok(rows.take()?.lazy())
}

/// Writes the rows of a state table into a Parquet file.
///
/// # Errors
/// Those of making the rows, [`Error::Frame`], and those of writing.
pub fn write_state(table: &StateTable<'_>, path: &Path) -> Result<(), Error> {
    let mut rows = StateRows::of(table.columns);
    let mut writer = SegmentWriter::create(path, rows.take()?.schema(), &[])?;
    table.each(|row| {
        rows.push(&row);
        if rows.count < WRITTEN_ROWS {
            return Ok(());
        }
        writer.write(&rows.take()?)
    })?;
    if rows.count > 0 {
        writer.write(&rows.take()?)?;
    }
    writer.finish().map(|_| ())
}

/// Rows of a state table that are written together.
const WRITTEN_ROWS: usize = 1 << 16;

/// Rows of a state table, column by column.
struct StateRows {
    columns: Vec<(&'static StateColumn, Values)>,
    count: usize,
}

/// The values of a column.
enum Values {
    Text(StringChunkedBuilder),
    Flag(BooleanChunkedBuilder),
    Int(PrimitiveChunkedBuilder<Int64Type>),
    Time(PrimitiveChunkedBuilder<Int64Type>),
}

impl StateRows {
    fn of(columns: &'static [StateColumn]) -> Self {
        Self { columns: columns.iter().map(|column| (column, Values::of(column))).collect(), count: 0 }
    }

    fn push(&mut self, row: &StateRow) {
        for (place, (_, values)) in self.columns.iter_mut().enumerate() {
            values.push(row.cells.get(place).unwrap_or(&Cell::Null));
        }
        self.count += 1;
    }

    /// The rows so far, without which it goes on.
    fn take(&mut self) -> Result<DataFrame, Error> {
        let mut columns = Vec::with_capacity(self.columns.len());
        for (column, values) in &mut self.columns {
            let values = std::mem::replace(values, Values::of(column)).finish();
            columns.push(FrameColumn::from(values.cast(&data_type(column.kind))?));
        }
        Ok(DataFrame::new(std::mem::take(&mut self.count), columns)?)
    }
}

impl Values {
    fn of(column: &StateColumn) -> Self {
        let name = PlSmallStr::from_static(column.name);
        match column.kind {
            Kind::Text | Kind::Json | Kind::TextList => Self::Text(StringChunkedBuilder::new(name, 0)),
            Kind::Flag => Self::Flag(BooleanChunkedBuilder::new(name, 0)),
            Kind::Int => Self::Int(PrimitiveChunkedBuilder::new(name, 0)),
            Kind::Time => Self::Time(PrimitiveChunkedBuilder::new(name, 0)),
        }
    }

    fn push(&mut self, cell: &Cell) {
        match (self, cell) {
            (Self::Text(values), Cell::Text(text)) => values.append_value(text),
            (Self::Text(values), _) => values.append_null(),
            (Self::Flag(values), Cell::Flag(flag)) => values.append_value(*flag),
            (Self::Flag(values), _) => values.append_null(),
            (Self::Int(values), Cell::Int(number)) => values.append_value(*number),
            (Self::Time(values), Cell::Time(time)) => values.append_value(time.micros()),
            (Self::Int(values) | Self::Time(values), _) => values.append_null(),
        }
    }

    fn finish(self) -> Series {
        match self {
            Self::Text(values) => values.finish().into_series(),
            Self::Flag(values) => values.finish().into_series(),
            Self::Int(values) | Self::Time(values) => values.finish().into_series(),
        }
    }
}

fn series<'v>(name: &str, kind: Kind, values: impl Iterator<Item = &'v Value>) -> Result<Series, Error> {
    let name = PlSmallStr::from_str(name);
    Ok(match kind {
        Kind::Text | Kind::Json => Series::new(name, values.map(text).collect::<Vec<_>>()),
        Kind::Flag => Series::new(name, values.map(Value::as_bool).collect::<Vec<_>>()),
        Kind::Int => Series::new(name, values.map(Value::as_i64).collect::<Vec<_>>()),
        Kind::Time => {
            let micros = values.map(|value| value.as_str().and_then(EventTime::parse).map(EventTime::micros));
            let zoned = DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC));
            Series::new(name, micros.collect::<Vec<_>>()).cast(&zoned)?
        }
        Kind::TextList => {
            let lists = values.map(|value| value.as_array().map(|items| texts(items)));
            Series::new(name, lists.collect::<Vec<Option<Series>>>()).cast(&DataType::List(Box::new(DataType::String)))?
        }
    })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn texts(items: &[Value]) -> Series {
    Series::new(PlSmallStr::EMPTY, items.iter().map(text).collect::<Vec<_>>())
}
