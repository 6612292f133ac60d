//! [`BatchBuilder`]: events into columns, many files to a batch.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use polars::prelude::{
    BooleanChunked, ChunkedArray, Column as Series, DataFrame, Int64Chunked, IntoSeries as _, ListBuilderTrait as _,
    ListStringChunkedBuilder, NewChunkedArray as _, PlSmallStr, PolarsResult, StringType,
};
use polars_arrow::array::MutableBinaryViewArray;

use super::events::data_type;
use crate::event::{Event, Resource};
use crate::schema::{Column, Kind};

/// A finished batch.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The events, with the columns of [`Column::ALL`].
    pub frame: DataFrame,
    /// For each row a hash of (`recipient_account_id`, `event_id`): rows with equal ids have equal
    /// hashes. 0 where there is no event id.
    pub id_hashes: Vec<u64>,
}

/// Collects events, row by row.
///
/// A column costs nothing for a row in which it is null: nulls are filled in
/// when the next value or the end comes. Runs of one text share its bytes.
#[derive(Debug)]
pub struct BatchBuilder {
    rows: usize,
    columns: Vec<Builder>,
    id_hashes: Vec<u64>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self { rows: 0, columns: Column::ALL.iter().map(|column| Builder::new(*column)).collect(), id_hashes: Vec::new() }
    }
}

impl BatchBuilder {
    /// How many events have been collected.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Adds an event as the next row.
    pub fn push(&mut self, event: &Event<'_>) {
        let mut set = event.columns_set();
        while set != 0 {
            let column = usize::try_from(set.trailing_zeros()).unwrap_or_default();
            set &= set - 1;
            if let (Some(builder), Some(column)) = (self.columns.get_mut(column), Column::ALL.get(column)) {
                builder.push(self.rows, *column, event);
            }
        }
        if !event.resources().is_empty() {
            for column in [Column::ResourceArns, Column::ResourceTypes, Column::ResourceAccountIds] {
                if let Some(builder) = self.columns.get_mut(column.index()) {
                    builder.push_resources(self.rows, column, event.resources());
                }
            }
        }
        self.id_hashes.push(id_hash(event));
        self.rows += 1;
    }

    /// The batch, and an empty builder in its place.
    ///
    /// # Errors
    /// What polars says; a defect, as all columns have the same length.
    pub fn finish(&mut self) -> PolarsResult<Batch> {
        let rows = std::mem::take(&mut self.rows);
        let columns = Column::ALL
            .iter()
            .zip(&mut self.columns)
            .map(|(column, builder)| std::mem::replace(builder, Builder::new(*column)).finish(*column, rows))
            .collect::<PolarsResult<Vec<Series>>>()?;
        Ok(Batch { frame: DataFrame::new(rows, columns)?, id_hashes: std::mem::take(&mut self.id_hashes) })
    }
}

/// One column in the making.
enum Builder {
    /// Texts that rarely repeat from row to row.
    Text(MutableBinaryViewArray<str>),
    /// Texts that often do: the last one waits, with the number of rows it stands for.
    Runs {
        array: MutableBinaryViewArray<str>,
        text: String,
        count: usize,
    },
    Flag(Vec<Option<bool>>),
    Int(Vec<Option<i64>>),
    List {
        lists: Box<ListStringChunkedBuilder>,
        len: usize,
    },
}

impl Builder {
    fn new(column: Column) -> Self {
        match column.kind() {
            Kind::Json => Self::Text(MutableBinaryViewArray::new()),
            Kind::Text if matches!(column, Column::EventId | Column::RequestId) => Self::Text(MutableBinaryViewArray::new()),
            Kind::Text => Self::Runs { array: MutableBinaryViewArray::new(), text: String::new(), count: 0 },
            Kind::Flag => Self::Flag(Vec::new()),
            Kind::Int | Kind::Time => Self::Int(Vec::new()),
            Kind::TextList => Self::List { lists: Box::new(ListStringChunkedBuilder::new(PlSmallStr::EMPTY, 0, 0)), len: 0 },
        }
    }

    fn push(&mut self, row: usize, column: Column, event: &Event<'_>) {
        match self {
            Self::Text(array) => {
                array.extend_null(row - array.len());
                array.push(event.text(column));
            }
            Self::Runs { array, text, count } => {
                let Some(value) = event.text(column) else { return };
                if *count > 0 && array.len() + *count == row && text == value {
                    *count += 1;
                    return;
                }
                end_run(array, text, *count);
                array.extend_null(row - array.len());
                value.clone_into(text);
                *count = 1;
            }
            Self::Flag(values) => {
                values.resize(row, None);
                values.push(event.flag(column));
            }
            Self::Int(values) => {
                values.resize(row, None);
                values.push(event.int(column));
            }
            Self::List { .. } => {}
        }
    }

    fn push_resources(&mut self, row: usize, column: Column, resources: &[Resource<'_>]) {
        let Self::List { lists, len } = self else { return };
        for _ in *len..row {
            lists.append_null();
        }
        let part = |resource: &Resource<'_>| match column {
            Column::ResourceArns => resource.arn.map(str::to_owned),
            Column::ResourceTypes => resource.kind.map(str::to_owned),
            _ => resource.account_id.map(str::to_owned),
        };
        lists.append_trusted_len_iter(resources.iter().map(part).collect::<Vec<_>>().iter().map(Option::as_deref));
        *len = row + 1;
    }

    fn finish(self, column: Column, rows: usize) -> PolarsResult<Series> {
        let name = PlSmallStr::from_static(column.name());
        let dtype = data_type(column.kind());
        Ok(match self {
            Self::Text(array) if array.len() == 0 => Series::full_null(name, rows, &dtype),
            Self::Runs { array, count: 0, .. } if array.len() == 0 => Series::full_null(name, rows, &dtype),
            Self::Flag(values) if values.is_empty() => Series::full_null(name, rows, &dtype),
            Self::Int(values) if values.is_empty() => Series::full_null(name, rows, &dtype),
            Self::List { len: 0, .. } => Series::full_null(name, rows, &dtype),
            Self::Text(array) => text_series(name, array, rows),
            Self::Runs { mut array, text, count } => {
                end_run(&mut array, &text, count);
                text_series(name, array, rows)
            }
            Self::Flag(mut values) => {
                values.resize(rows, None);
                BooleanChunked::from_slice_options(name, &values).into_series().into()
            }
            Self::Int(mut values) => {
                values.resize(rows, None);
                Int64Chunked::from_slice_options(name, &values).into_series().cast(&dtype)?.into()
            }
            Self::List { mut lists, len } => {
                for _ in len..rows {
                    lists.append_null();
                }
                lists.finish().into_series().with_name(name).into()
            }
        })
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "Text",
            Self::Runs { .. } => "Runs",
            Self::Flag(_) => "Flag",
            Self::Int(_) => "Int",
            Self::List { .. } => "List",
        })
    }
}

/// Writes a text once and points all rows of its run to it.
fn end_run(array: &mut MutableBinaryViewArray<str>, text: &str, count: usize) {
    match count {
        0 => {}
        1 => array.push(Some(text)),
        _ => array.extend_constant(count, Some(text)),
    }
}

fn text_series(name: PlSmallStr, mut array: MutableBinaryViewArray<str>, rows: usize) -> Series {
    array.extend_null(rows - array.len());
    ChunkedArray::<StringType>::with_chunk(name, array.freeze()).into_series().into()
}

/// A hash that equal ids share; a collision costs a comparison and nothing else.
fn id_hash(event: &Event<'_>) -> u64 {
    let Some(id) = event.text(Column::EventId) else { return 0 };
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    event.text(Column::RecipientAccountId).hash(&mut hasher);
    hasher.finish().max(1)
}
