//! [`EventFrame`]: all events of a run.

use std::collections::{BTreeSet, HashSet};

use polars::prelude::{
    DataFrame, DataType, Field, IntoSeries as _, PlSmallStr, PolarsError, PolarsResult, Schema, StringChunked, TimeUnit, TimeZone,
};
use rayon::prelude::*;

use super::ByPlace;
use crate::error::Error;
use crate::schema::{Column, Kind};

/// All events of a run, in the order of (object, record index), as batches of one schema.
///
/// Batches are not handed out: who needs events goes over them with [`map`](Self::map) or
/// [`fold`](Self::fold), and says which columns it looks at. What it keeps has to be its own.
///
/// # Shape
/// One row an event; the columns are [`Column::ALL`] in that order.
#[derive(Debug, Clone, Default)]
pub struct EventFrame {
    batches: Vec<DataFrame>,
}

/// How many answers of batches wait for [`EventFrame::fold`] to add them, for each thread.
const WAITING: usize = 4;

impl EventFrame {
    /// The frame that consists of `batches`, each of which has the columns of [`Column::ALL`].
    pub const fn new(batches: Vec<DataFrame>) -> Self {
        Self { batches }
    }

    /// How many batches there are.
    pub const fn batch_count(&self) -> usize {
        self.batches.len()
    }

    /// How many events there are.
    pub fn height(&self) -> usize {
        self.batches.iter().map(DataFrame::height).sum()
    }

    /// What `each` yields of every batch, in the order of the batches; all of it is held at once.
    ///
    /// # Shape
    /// `each` gets the number of the batch, from 0, and its events with those columns, each once and in that
    /// order. Batches are gone through side by side.
    ///
    /// # Errors
    /// That of `each`, and [`Error::Frame`] where a batch lacks a column.
    pub fn map<T: Send>(&self, columns: &[Column], each: impl Fn(usize, &DataFrame) -> Result<T, Error> + Sync) -> Result<Vec<T>, Error> {
        let batches = self.batches.par_iter().enumerate();
        batches.map(|(number, batch)| each(number, &projection(batch, columns)?)).collect()
    }

    /// All that `add` makes of `start` and what `each` yields of every batch, in the order of the batches.
    ///
    /// Unlike [`map`](Self::map) it holds a few answers at a time, so that those may be large where much of
    /// one is known from others.
    ///
    /// # Shape
    /// That of [`map`](Self::map).
    ///
    /// # Errors
    /// Those of [`map`](Self::map).
    pub fn fold<A, T: Send>(
        &self,
        columns: &[Column],
        start: A,
        each: impl Fn(usize, &DataFrame) -> Result<T, Error> + Sync,
        mut add: impl FnMut(&mut A, T),
    ) -> Result<A, Error> {
        let mut all = start;
        let waiting = rayon::current_num_threads() * WAITING;
        for (part, batches) in self.batches.chunks(waiting).enumerate() {
            let batches = batches.par_iter().enumerate();
            let answer = |(place, batch)| each(part * waiting + place, &projection(batch, columns)?);
            let answers = batches.map(answer).collect::<Result<Vec<T>, Error>>()?;
            answers.into_iter().for_each(|answer| add(&mut all, answer));
        }
        Ok(all)
    }

    /// Puts columns that are known only after loading in the place of those of the same names.
    ///
    /// # Shape
    /// `each` gets what [`map`](Self::map) gives it, and yields the new columns of the batch; where it yields
    /// none, the batch stays as it is.
    ///
    /// # Errors
    /// That of `each`, and [`Error::Frame`] where a batch lacks a column or a new one has another type or
    /// length. Some batches may have their new columns then.
    pub fn fill(
        &mut self,
        columns: &[Column],
        each: impl Fn(usize, &DataFrame) -> Result<Option<DataFrame>, Error> + Sync,
    ) -> Result<(), Error> {
        self.batches.par_iter_mut().enumerate().try_for_each(|(number, batch)| {
            let values = each(number, &projection(batch, columns)?)?;
            Ok(values.map_or(Ok(()), |values| replace(batch, values))?)
        })
    }

    /// Gives a text column the values of those places; other events keep what they have.
    ///
    /// # Errors
    /// [`Error::Frame`], also where the column holds no text.
    pub fn fill_text(&mut self, column: Column, values: &ByPlace<'_, String>) -> Result<(), Error> {
        self.fill(&[Column::Object, Column::RecordIndex, column], |_, batch| {
            let late = values.of_rows(batch)?;
            if late.iter().all(Option::is_none) {
                return Ok(None);
            }
            let known = batch.column(column.name())?.str()?;
            let merged: StringChunked = known.iter().zip(late).map(|(known, late)| late.map(String::as_str).or(known)).collect();
            Ok(Some(merged.with_name(PlSmallStr::from_static(column.name())).into_series().into_frame()))
        })
    }

    /// The distinct values of a text column, in order.
    ///
    /// # Errors
    /// [`Error::Frame`] where the column holds no text.
    pub fn distinct(&self, column: Column) -> Result<BTreeSet<String>, Error> {
        let each = |_, batch: &DataFrame| {
            let texts: HashSet<&str> = batch.column(column.name())?.str()?.iter().flatten().collect();
            Ok(texts.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        self.fold(&[column], BTreeSet::new(), each, |all, more| all.extend(more))
    }

    /// All events as one frame; the texts are shared, not copied.
    pub fn to_frame(&self) -> DataFrame {
        let mut frame = DataFrame::empty_with_schema(&Self::schema());
        for batch in &self.batches {
            frame.vstack_mut(batch).unwrap_or_else(|error| unreachable!("batches share one schema: {error}"));
        }
        frame
    }

    /// The polars schema of every batch.
    pub fn schema() -> Schema {
        Column::ALL.iter().map(|column| Field::new(PlSmallStr::from_static(column.name()), data_type(column.kind()))).collect()
    }
}

/// The batch with those columns only, each once; their values are shared, not copied.
fn projection(batch: &DataFrame, columns: &[Column]) -> PolarsResult<DataFrame> {
    let mut chosen = Vec::with_capacity(columns.len());
    for (place, column) in columns.iter().enumerate() {
        if !columns.iter().take(place).any(|earlier| earlier == column) {
            chosen.push(batch.column(column.name())?.clone());
        }
    }
    DataFrame::new(batch.height(), chosen)
}

fn replace(batch: &mut DataFrame, values: DataFrame) -> PolarsResult<()> {
    if values.height() != batch.height() {
        return Err(PolarsError::ShapeMismatch(format!("a batch has {} rows, not {}", batch.height(), values.height()).into()));
    }
    for values in values.into_columns() {
        let name = values.name().clone();
        if batch.column(&name)?.dtype() != values.dtype() {
            return Err(PolarsError::SchemaMismatch(format!("column {name} is not of type {}", values.dtype()).into()));
        }
        batch.replace(&name, values)?;
    }
    Ok(())
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
    use polars::prelude::{IntoColumn as _, NamedFrom as _, Series};

    use super::*;

    /// A batch with some columns; `trust_guarded` is null.
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

    fn events() -> EventFrame {
        EventFrame::new(vec![batch(&[("a", 0), ("a", 1), ("b", 0), ("a", 2)]), batch(&[("b", 1), ("c", 0)])])
    }

    fn texts(frame: &DataFrame, column: Column) -> Vec<String> {
        let column = frame.column(column.name()).expect("there").str().expect("texts");
        column.iter().map(|text| text.unwrap_or("-").to_owned()).collect()
    }

    #[test]
    fn late_values_go_to_their_records_and_to_no_other() {
        let mut events = events();
        let mut late: ByPlace<'_, String> = ByPlace::default();
        for (index, text) in [(1, "x"), (2, "y"), (9, "z")] {
            text.clone_into(late.entry("a", index));
        }
        events.fill_text(Column::RecordSha256, &late).expect("a text column");
        assert!(events.fill_text(Column::TrustGuarded, &late).is_err());
        let filled = events.map(&[Column::RecordSha256], |_, batch| Ok(texts(batch, Column::RecordSha256))).expect("read");
        assert_eq!(filled, [vec!["known", "x", "known", "y"], vec!["known", "known"]]);
    }

    #[test]
    fn columns_are_replaced_by_others_of_their_kind_only() {
        let column = |column: Column, flags: &[bool]| Some(Series::new(column.name().into(), flags).into_frame());
        let fill = |answer: &(dyn Fn(usize) -> Option<DataFrame> + Sync)| {
            let mut events = events();
            let filled = events.fill(&[], |number, _| Ok(answer(number)));
            filled.and_then(|()| events.map(&[Column::TrustGuarded], |_, batch| Ok(batch.columns()[0].null_count())))
        };
        let second = |number: usize| (number == 1).then(|| column(Column::TrustGuarded, &[true, false])).flatten();
        assert_eq!(fill(&second).expect("filled"), [4, 0]);
        assert!(fill(&|_| column(Column::TrustGuarded, &[true])).is_err(), "another length");
        assert!(fill(&|_| column(Column::RecordSha256, &[true; 4])).is_err(), "another type");
    }

    #[test]
    fn a_pass_sees_the_columns_it_asks_for_and_all_batches_in_order() {
        let many = EventFrame::new((0..100).map(|number| batch(&[("a", number), ("a", number)])).collect());
        let wanted = [Column::RecordIndex, Column::Object, Column::RecordIndex];
        let look = |number: usize, batch: &DataFrame| {
            let names: Vec<String> = batch.get_column_names_owned().iter().map(ToString::to_string).collect();
            assert_eq!((names, batch.height()), (vec!["record_index".to_owned(), "object".to_owned()], 2));
            let index = batch.column("record_index")?.i64()?.get(1);
            assert_eq!(index, i64::try_from(number).ok());
            Ok(number)
        };
        let in_order: Vec<usize> = (0..many.batch_count()).collect();
        assert_eq!(many.map(&wanted, look).expect("read"), in_order);
        assert_eq!(many.fold(&wanted, Vec::new(), look, Vec::push).expect("read"), in_order);
        assert_eq!(many.fold(&[], 0, |_, batch| Ok(batch.height()), |all, rows| *all += rows).expect("read"), 200);
        assert!(many.map(&[Column::EventName], |_, _| Ok(())).is_err(), "no batch has it");
    }

    #[test]
    fn distinct_values_stand_in_order() {
        assert!(events().distinct(Column::Object).expect("texts").into_iter().eq(["a", "b", "c"]));
    }
}
