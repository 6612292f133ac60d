//! [`EventFrame`]: all events of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use polars::prelude::{
    BooleanChunked, Column as FrameColumn, DataFrame, DataType, Field, IntoSeries as _, PlSmallStr, PolarsError, PolarsResult, Schema,
    Series, StringChunked, TimeUnit, TimeZone,
};

use crate::schema::{Column, Kind};

/// Values for a column that are known only after loading: by object, then by record index.
pub type Late<T> = BTreeMap<Arc<str>, BTreeMap<u64, T>>;

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

    /// Gives a text column values that are known only after loading; other records keep what they have.
    ///
    /// # Errors
    /// What polars says, also where the column holds no text.
    pub fn set_late_text(&mut self, column: Column, values: &Late<String>) -> PolarsResult<()> {
        self.set_late(column, values, |known, late| {
            let known = known.str()?;
            Ok(known.iter().zip(late).map(|(known, late)| late.map(String::as_str).or(known)).collect::<StringChunked>().into_series())
        })
    }

    /// The same for a truth column.
    ///
    /// # Errors
    /// What polars says, also where the column holds no truth values.
    pub fn set_late_flag(&mut self, column: Column, values: &Late<bool>) -> PolarsResult<()> {
        self.set_late(column, values, |known, late| {
            let known = known.bool()?;
            Ok(known.iter().zip(late).map(|(known, late)| late.copied().or(known)).collect::<BooleanChunked>().into_series())
        })
    }

    /// Calls `merge` with the column and the late values of its rows, for each batch that has any of the objects.
    fn set_late<T>(
        &mut self,
        column: Column,
        values: &Late<T>,
        merge: impl Fn(&FrameColumn, Vec<Option<&T>>) -> PolarsResult<Series>,
    ) -> PolarsResult<()> {
        if values.is_empty() {
            return Ok(());
        }
        for frame in &mut self.batches {
            let objects = frame.column(Column::Object.name())?.str()?;
            let indices = frame.column(Column::RecordIndex.name())?.i64()?;
            // Rows of one object follow each other.
            let (mut name, mut records) = (None, None);
            let late: Vec<Option<&T>> = objects
                .iter()
                .zip(indices.iter())
                .map(|(object, index)| {
                    if object != name {
                        name = object;
                        records = object.and_then(|object| values.get(object));
                    }
                    records?.get(&u64::try_from(index?).ok()?)
                })
                .collect();
            if late.iter().all(Option::is_none) {
                continue;
            }
            let merged = merge(frame.column(column.name())?, late)?.with_name(PlSmallStr::from_static(column.name()));
            frame.replace(column.name(), merged.into())?;
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

#[cfg(test)]
mod tests {
    use polars::prelude::{IntoColumn as _, NamedFrom as _};

    use super::*;

    /// A batch with the columns that late values need, and two that take them.
    fn batch(places: &[(&str, i64)]) -> DataFrame {
        let name = |column: Column| PlSmallStr::from_static(column.name());
        let objects: Vec<&str> = places.iter().map(|(object, _)| *object).collect();
        let indices: Vec<i64> = places.iter().map(|(_, index)| *index).collect();
        let columns = vec![
            Series::new(name(Column::Object), objects).into_column(),
            Series::new(name(Column::RecordIndex), indices).into_column(),
            Series::new(name(Column::RecordSha256), vec![Some("known"); places.len()]).into_column(),
            Series::full_null(name(Column::TrustGuarded), places.len(), &DataType::Boolean).into_column(),
        ];
        DataFrame::new(places.len(), columns).expect("columns of one length")
    }

    #[test]
    fn late_values_go_to_their_records_and_to_no_other() {
        let mut events = EventFrame::new(vec![batch(&[("a", 0), ("a", 1), ("b", 0), ("a", 2)]), batch(&[("b", 1), ("c", 0)])]);
        let late = Late::from([(Arc::from("a"), BTreeMap::from([(1, "x".to_owned()), (2, "y".to_owned()), (9, "z".to_owned())]))]);
        events.set_late_text(Column::RecordSha256, &late).expect("a text column");
        let late = Late::from([(Arc::from("b"), BTreeMap::from([(0, true), (1, false)]))]);
        events.set_late_flag(Column::TrustGuarded, &late).expect("a truth column");
        let texts: Vec<Option<String>> = events
            .batches()
            .iter()
            .flat_map(|frame| {
                let column = frame.column(Column::RecordSha256.name()).expect("there").str().expect("texts");
                column.iter().map(|text| text.map(str::to_owned)).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(texts.iter().flatten().collect::<Vec<_>>(), ["known", "x", "known", "y", "known", "known"]);
        let flags: Vec<Option<bool>> = events
            .batches()
            .iter()
            .flat_map(|frame| frame.column(Column::TrustGuarded.name()).expect("there").bool().expect("flags").iter().collect::<Vec<_>>())
            .collect();
        assert_eq!(flags, [None, None, Some(true), None, Some(false), None]);
        assert!(events.set_late_flag(Column::RecordSha256, &late).is_err());
    }
}
