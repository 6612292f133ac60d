//! [`Batch`]: some ten thousand events in columns, as small as they get without losing anything.
//!
//! A text that comes again is kept once, and each row holds two bytes to name it. What works on events asks
//! for the few columns it needs, and gets them as a frame.

use polars::prelude::{
    ChunkTake as _, ChunkedArray, Column as Series, DataFrame, IdxCa, IdxSize, IntoSeries as _, PlSmallStr, PolarsResult, StringChunked,
};
use polars_arrow::array::Utf8ViewArray;

use super::events::data_type;
use super::parquet::Values;
use crate::schema::Column;

/// Events in columns, each of which has [`Column::ALL`] in its order.
#[derive(Debug, Clone)]
pub struct Batch {
    rows: usize,
    columns: Vec<Packed>,
}

/// The values of one column.
#[derive(Debug, Clone)]
pub(super) enum Packed {
    /// No row has a value.
    Null,
    /// For each row a place in `words`, the first of which is null.
    Dictionary { codes: Vec<u16>, words: Utf8ViewArray },
    /// Values of their own.
    Plain(Series),
}

impl Batch {
    pub(super) const fn new(rows: usize, columns: Vec<Packed>) -> Self {
        Self { rows, columns }
    }

    /// A batch of those columns; the others are null.
    #[cfg(test)]
    pub(super) fn of(frame: &DataFrame) -> Self {
        let pack = |column: &Column| frame.column(column.name()).map_or(Packed::Null, |values| Packed::Plain(values.clone()));
        Self { rows: frame.height(), columns: Column::ALL.iter().map(pack).collect() }
    }

    /// How many events there are.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes of memory that it takes, about.
    pub fn bytes(&self) -> u64 {
        let bytes = self.columns.iter().map(|column| match column {
            Packed::Null => 0,
            // A text of more than twelve bytes has them beside its view.
            Packed::Dictionary { codes, words } => 2 * codes.len() + 16 * words.len() + words.total_buffer_len(),
            Packed::Plain(values) => values.as_materialized_series().estimated_size() + 16 * values.len(),
        });
        u64::try_from(bytes.sum::<usize>()).unwrap_or(u64::MAX)
    }

    /// Some of the columns.
    ///
    /// # Shape
    /// One row an event; the columns that were asked for, in that order.
    ///
    /// # Errors
    /// What polars says; a defect, as all columns have the same length.
    pub fn frame(&self, columns: &[Column]) -> PolarsResult<DataFrame> {
        let columns = columns.iter().map(|column| self.column(*column)).collect::<PolarsResult<Vec<_>>>()?;
        DataFrame::new(self.rows, columns)
    }

    fn column(&self, column: Column) -> PolarsResult<Series> {
        let name = PlSmallStr::from_static(column.name());
        match self.values(column) {
            Values::Null => Ok(Series::full_null(name, self.rows, &data_type(column.kind()))),
            Values::Column(values) => Ok(values.clone()),
            Values::Words { codes, words } => Ok(spread(codes, words)?.with_name(name).into()),
        }
    }

    /// The values of a column in the form in which they are here.
    pub(super) fn values(&self, column: Column) -> Values<'_> {
        match self.columns.get(column.index()) {
            Some(Packed::Dictionary { codes, words }) => Values::Words { codes, words },
            Some(Packed::Plain(values)) => Values::Column(values),
            None | Some(Packed::Null) => Values::Null,
        }
    }
}

/// The text of each row, by its place among the words; the texts are shared, not copied.
pub(super) fn spread(codes: &[u16], words: &Utf8ViewArray) -> PolarsResult<polars::prelude::Series> {
    // Where each row has a text, the null is left out, so that nobody looks for nulls in what is made.
    let first = u16::from(!codes.contains(&0));
    let words = words.clone().sliced(usize::from(first), words.len().saturating_sub(usize::from(first)));
    let words: StringChunked = ChunkedArray::with_chunk(PlSmallStr::EMPTY, words);
    let places: Vec<IdxSize> = codes.iter().map(|code| IdxSize::from(code - first)).collect();
    Ok(words.take(&IdxCa::from_vec(PlSmallStr::EMPTY, places))?.into_series())
}
