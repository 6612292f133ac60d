//! [`EventFrame`]: all events of a run.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use polars::prelude::{
    DataFrame, DataType, Field, IntoSeries as _, PlSmallStr, PolarsError, PolarsResult, Schema, StringChunked, TimeUnit, TimeZone,
};

use crate::schema::{Column, Kind};

/// All events of a run, in the order of (object, record index), as frames of one schema.
///
/// # Shape
/// One row an event; the columns are [`Column::ALL`] in that order.
#[derive(Debug, Clone, Default)]
pub struct EventFrame {
    batches: Vec<DataFrame>,
}

impl EventFrame {
    /// The frame that consists of `batches`, each of which has the columns of [`Column::ALL`].
    pub const fn new(batches: Vec<DataFrame>) -> Self {
        Self { batches }
    }

    /// The frames, in order.
    pub fn batches(&self) -> &[DataFrame] {
        &self.batches
    }

    /// How many events there are.
    pub fn height(&self) -> usize {
        self.batches.iter().map(DataFrame::height).sum()
    }

    /// All batches as one frame; the texts are shared, not copied.
    pub fn to_frame(&self) -> DataFrame {
        let mut frame = DataFrame::empty_with_schema(&Self::schema());
        for batch in &self.batches {
            frame.vstack_mut(batch).unwrap_or_else(|error| unreachable!("batches share one schema: {error}"));
        }
        frame
    }

    /// Gives `record_sha256` to the records at those places.
    ///
    /// # Errors
    /// What polars says.
    pub fn set_record_sha256(&mut self, hashes: &BTreeMap<(Arc<str>, u64), String>) -> PolarsResult<()> {
        let objects: HashSet<&str> = hashes.keys().map(|(object, _)| object.as_ref()).collect();
        for batch in 0..self.batches.len() {
            let Some(frame) = self.batches.get(batch) else { continue };
            let named = frame.column(Column::Object.name())?.str()?;
            if !named.iter().flatten().any(|object| objects.contains(object)) {
                continue;
            }
            let known = frame.column(Column::RecordSha256.name())?.str()?;
            let indices = frame.column(Column::RecordIndex.name())?.i64()?;
            let values: StringChunked = named
                .iter()
                .zip(indices.iter())
                .zip(known.iter())
                .map(|((object, index), known)| {
                    let place = (Arc::from(object?), u64::try_from(index?).ok()?);
                    hashes.get(&place).map(String::as_str).or(known)
                })
                .collect();
            let values = values.with_name(PlSmallStr::from_static(Column::RecordSha256.name()));
            self.set_columns(batch, values.into_series().into_frame())?;
        }
        Ok(())
    }

    /// Puts columns that are known only after loading in the place of those of the same names in one batch.
    ///
    /// # Errors
    /// What polars says; also where there is no such batch or column, or it has another type or length.
    pub fn set_columns(&mut self, batch: usize, values: DataFrame) -> PolarsResult<()> {
        let height = values.height();
        let frame = self.batches.get_mut(batch).filter(|frame| frame.height() == height);
        let frame = frame.ok_or_else(|| PolarsError::ShapeMismatch(format!("batch {batch} has no {height} rows").into()))?;
        for values in values.into_columns() {
            let name = values.name().clone();
            if frame.column(&name)?.dtype() != values.dtype() {
                return Err(PolarsError::SchemaMismatch(format!("column {name} is not of type {}", values.dtype()).into()));
            }
            frame.replace(&name, values)?;
        }
        Ok(())
    }

    /// The distinct values of a text column, in order.
    ///
    /// # Errors
    /// What polars says.
    pub fn distinct(&self, column: Column) -> PolarsResult<BTreeSet<String>> {
        let mut values = BTreeSet::new();
        for frame in &self.batches {
            let texts = frame.column(column.name())?.str()?;
            let mut last = None;
            for text in texts.iter().flatten() {
                if last != Some(text) && !values.contains(text) {
                    values.insert(text.to_owned());
                }
                last = Some(text);
            }
        }
        Ok(values)
    }

    /// The polars schema of every batch.
    pub fn schema() -> Schema {
        Column::ALL.iter().map(|column| Field::new(PlSmallStr::from_static(column.name()), data_type(column.kind()))).collect()
    }
}

/// The polars type that holds a kind of column.
pub(crate) fn data_type(kind: Kind) -> DataType {
    match kind {
        Kind::Text | Kind::Json => DataType::String,
        Kind::Flag => DataType::Boolean,
        Kind::Int => DataType::Int64,
        Kind::Time => DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
        Kind::TextList => DataType::List(Box::new(DataType::String)),
    }
}
