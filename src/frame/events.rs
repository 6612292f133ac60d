//! [`EventFrame`]: all events of a run.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use polars::prelude::{
    BooleanChunked, ChunkFull as _, Column as FrameColumn, DataFrame, DataType, Expr, Field, IntoSeries as _, PlSmallStr, PolarsError,
    PolarsResult, Schema, StringChunked, TimeUnit, TimeZone,
};
use rayon::prelude::*;

use super::ByPlace;
use super::Set;
use super::coded::Coded;
use super::filter::Filter;
use super::parquet::Segment;
use super::prune::{self, Reach};
use super::side_by_side::side_by_side;
use super::store::{GROUP, Held, KEPT, Store, StoredBatch, beside, late_kind};
use crate::error::Error;
use crate::schema::{Column, Kind};

/// All events of a run, in the order of (object, record index), as batches of one schema.
///
/// Batches are not handed out: who needs events goes over them with [`map`](Self::map) or
/// [`fold`](Self::fold), and says which columns it looks at. What it keeps has to be its own.
/// A batch is in memory, in a file, or both; that makes no difference to what is seen.
///
/// # Shape
/// One row an event; the columns are [`Column::ALL`] in that order.
#[derive(Debug, Clone, Default)]
pub struct EventFrame {
    slots: Vec<Slot>,
    /// Its temporary folder has to last as long as the events.
    store: Arc<Store>,
}

/// A batch, and what became known of it after loading.
#[derive(Debug, Clone)]
struct Slot {
    held: Held,
    /// Which rows are events; `None` for all. The others repeat an event.
    kept: Option<BooleanChunked>,
    /// Which of the events were asked for; `None` for all.
    chosen: Option<BooleanChunked>,
    /// How many are.
    rows: usize,
    late: Vec<Late>,
}

/// Columns that were found after loading, where the batch is.
#[derive(Debug, Clone)]
struct Late {
    columns: &'static [Column],
    memory: Option<DataFrame>,
    disk: Option<Arc<Segment>>,
}

/// The columns that are found after loading, together as they are found.
const LATE: [&[Column]; 4] = [&DIFFERING, &TRUST, &ORIGIN, &INTEGRITY];
/// Told of records that share their event id with one of other content.
pub(crate) const DIFFERING: [Column; 1] = [Column::RecordSha256];
/// Told of calls that set a trust policy.
pub(crate) const TRUST: [Column; 2] = [Column::TrustExternal, Column::TrustGuarded];
/// Told of temporary sessions.
pub(crate) const ORIGIN: [Column; 3] = [Column::OriginVerdict, Column::OriginEventId, Column::OriginPrincipal];
/// What the digests say.
pub(crate) const INTEGRITY: [Column; 1] = [Column::FileIntegrity];

impl EventFrame {
    /// The events of those batches, whose late columns are kept where `store` says.
    pub fn new(batches: Vec<Held>, store: Arc<Store>) -> Self {
        let slots = batches.into_iter().map(|held| Slot { rows: held.rows, held, kept: None, chosen: None, late: Vec::new() });
        Self { slots: slots.collect(), store }
    }

    /// The events that were written into a folder, as a manifest tells.
    ///
    /// # Errors
    /// Where a file cannot be read or was changed, or is not as the manifest says.
    pub fn open(folder: &Path, batches: &[StoredBatch]) -> Result<Self, Error> {
        let slots = batches.par_iter().map(|batch| Slot::open(folder, batch)).collect::<Result<Vec<_>, Error>>()?;
        Ok(Self { slots, store: Arc::default() })
    }

    /// What there is to say of the files, so that [`open`](Self::open) finds them; batches without a file are left out.
    pub fn stored(&self) -> Vec<StoredBatch> {
        self.slots.iter().filter_map(Slot::stored).collect()
    }

    /// Leaves out from now on what the filter leaves out, and yields how many events those are.
    ///
    /// # Errors
    /// Those of reading a batch.
    pub fn select(&mut self, filter: &Filter) -> Result<usize, Error> {
        if filter.is_empty() {
            return Ok(0);
        }
        let before = self.height();
        let columns = [Column::EventTime, Column::RecipientAccountId, Column::AwsRegion];
        let masks = side_by_side(self.slots.len(), |number| {
            let slot = self.slot(number)?;
            Ok(match filter.keeps_all_or_none(&|column| slot.reach(column)) {
                Some(is_asked) => BooleanChunked::full(PlSmallStr::EMPTY, is_asked, slot.rows),
                None => filter.mask(&slot.read(&columns, None)?)?,
            })
        })?;
        for (slot, chosen) in self.slots.iter_mut().zip(masks) {
            slot.rows = chosen.num_trues();
            slot.chosen = Some(chosen).filter(|chosen| !chosen.all());
        }
        // Nobody asks for anything of the others any more.
        self.slots.retain(|slot| slot.rows > 0);
        Ok(before - self.height())
    }

    /// The events of some batches: `count` of them at most, from that one on.
    pub(super) fn part(&self, first: usize, count: usize) -> Self {
        let slots = self.slots.iter().skip(first).take(count).cloned().collect();
        Self { slots, store: self.store.clone() }
    }

    /// How many batches there are.
    pub const fn batch_count(&self) -> usize {
        self.slots.len()
    }

    /// How many events there are.
    pub fn height(&self) -> usize {
        self.slots.iter().map(|slot| slot.rows).sum()
    }

    /// What `each` yields of every batch, in the order of the batches; all of it is held at once.
    ///
    /// # Shape
    /// `each` gets the number of the batch, from 0, and its events with those columns, each once and in that
    /// order. Batches are gone through side by side.
    ///
    /// # Errors
    /// That of `each`, and those of reading a batch.
    pub fn map<T: Send>(&self, columns: &[Column], each: impl Fn(usize, &DataFrame) -> Result<T, Error> + Sync) -> Result<Vec<T>, Error> {
        let columns = once(columns);
        side_by_side(self.slots.len(), |number| each(number, &self.slot(number)?.read(&columns, None)?))
    }

    /// All that `add` makes of `start` and what `each` yields of every batch, in the order of the batches.
    ///
    /// Unlike [`map`](Self::map) it holds an answer a thread at a time, so that those may be large, and hold the batch.
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
        let columns = once(columns);
        self.fold_read(|slot| slot.read(&columns, None), start, each, &mut add)
    }

    /// As [`fold`](Self::fold), with texts that come again as batches keep them.
    ///
    /// # Errors
    /// Those of [`map`](Self::map).
    pub(crate) fn fold_coded<A, T: Send>(
        &self,
        columns: &[Column],
        start: A,
        each: impl Fn(usize, &Coded) -> Result<T, Error> + Sync,
        mut add: impl FnMut(&mut A, T),
    ) -> Result<A, Error> {
        let columns = once(columns);
        self.fold_read(|slot| slot.read_coded(&columns), start, each, &mut add)
    }

    fn fold_read<B, A, T: Send>(
        &self,
        read: impl Fn(&Slot) -> Result<B, Error> + Sync,
        start: A,
        each: impl Fn(usize, &B) -> Result<T, Error> + Sync,
        add: &mut dyn FnMut(&mut A, T),
    ) -> Result<A, Error> {
        let mut all = start;
        let at_once = rayon::current_num_threads();
        for start in (0..self.slots.len()).step_by(at_once) {
            let count = at_once.min(self.slots.len() - start);
            let answer = |place: usize| each(start + place, &read(self.slot(start + place)?)?);
            for answer in side_by_side(count, answer)? {
                add(&mut all, answer);
            }
        }
        Ok(all)
    }

    /// What `each` yields of one batch, of which it gets what [`map`](Self::map) gives.
    ///
    /// # Errors
    /// That of `each`, and those of reading a batch; also where there is none of that number.
    pub(super) fn one<T>(
        &self,
        batch: usize,
        columns: &[Column],
        each: impl FnOnce(usize, &DataFrame) -> Result<T, Error>,
    ) -> Result<T, Error> {
        each(batch, &self.slot(batch)?.read(&once(columns), None)?)
    }

    /// The batches in which the condition may be true of a row.
    ///
    /// # Errors
    /// Where a value in the condition cannot be worked out.
    pub(super) fn batches_for(&self, condition: Option<&Expr>) -> PolarsResult<Vec<usize>> {
        let condition = condition.map(prune::settled).transpose()?;
        let may = |slot: &Slot| condition.as_ref().is_none_or(|condition| prune::can_hold(condition, &|column| slot.reach(column)));
        Ok((0..).zip(&self.slots).filter(|(_, slot)| may(slot)).map(|(number, _)| number).collect())
    }

    fn slot(&self, batch: usize) -> Result<&Slot, Error> {
        self.slots.get(batch).ok_or_else(|| PolarsError::OutOfBounds(format!("there is no batch {batch}").into()).into())
    }

    /// Some rows of one batch, as a mask of its events tells.
    ///
    /// # Errors
    /// Those of reading a batch; also where there is none of that number, or the mask is of another length.
    pub(super) fn rows(&self, batch: usize, columns: &[Column], rows: &BooleanChunked) -> Result<DataFrame, Error> {
        self.slot(batch)?.read(&once(columns), Some(rows))
    }

    /// How many events a batch has; 0 where there is none of that number.
    pub(super) fn batch_height(&self, batch: usize) -> usize {
        self.slots.get(batch).map_or(0, |slot| slot.rows)
    }

    /// Leaves rows out from now on: those of each batch for which its mask is false.
    ///
    /// # Errors
    /// What polars says, where a mask is of another length than its batch.
    pub(super) fn keep(&mut self, batch: usize, rows: BooleanChunked) -> Result<(), Error> {
        let slot = self.slots.get_mut(batch).filter(|slot| slot.kept.is_none() && slot.rows == rows.len() && slot.late.is_empty());
        let slot = slot.ok_or_else(|| PolarsError::ShapeMismatch(format!("a mask of {} rows for batch {batch}", rows.len()).into()))?;
        if let Some(batch) = &slot.held.disk {
            Store::write_kept(batch, &rows)?;
        }
        slot.rows = rows.num_trues();
        slot.kept = Some(rows);
        Ok(())
    }

    /// Puts columns that are known only after loading in the place of those of the same names.
    ///
    /// # Shape
    /// `each` gets what [`map`](Self::map) gives it, and yields the columns `filled` of the batch; where it yields
    /// none, the batch stays as it is.
    ///
    /// # Errors
    /// That of `each`, those of reading a batch and of writing one, and [`Error::Frame`] where a new column has
    /// another type or length. No batch has its new columns then.
    pub fn fill(
        &mut self,
        columns: &[Column],
        filled: &'static [Column],
        each: impl Fn(usize, &DataFrame) -> Result<Option<DataFrame>, Error> + Sync,
    ) -> Result<(), Error> {
        let columns = once(columns);
        let late = side_by_side(self.slots.len(), |number| {
            let slot = self.slot(number)?;
            let Some(values) = each(number, &slot.read(&columns, None)?)? else { return Ok(None) };
            check(&values, filled, slot.rows)?;
            let disk = slot.held.disk.as_ref().map(|batch| Store::write_late(batch, filled, &values)).transpose()?;
            Ok(Some(Late { columns: filled, memory: slot.held.memory.is_some().then_some(values), disk }))
        })?;
        for (slot, late) in self.slots.iter_mut().zip(late) {
            slot.late.extend(late);
        }
        Ok(())
    }

    /// Gives a text column the values of those places; other events keep what they have.
    ///
    /// # Errors
    /// [`Error::Frame`], also where the column holds no text, and those of reading and writing a batch.
    pub fn fill_text(&mut self, column: &'static [Column; 1], values: &ByPlace<'_, String>) -> Result<(), Error> {
        let [name] = column;
        self.fill(&[Column::Object, Column::RecordIndex, *name], column, |_, batch| {
            let late = values.of_rows(batch)?;
            if late.iter().all(Option::is_none) {
                return Ok(None);
            }
            let known = batch.column(name.name())?.str()?;
            let merged: StringChunked = known.iter().zip(late).map(|(known, late)| late.map(String::as_str).or(known)).collect();
            Ok(Some(merged.with_name(PlSmallStr::from_static(name.name())).into_series().into_frame()))
        })
    }

    /// The distinct values of a text column, in order.
    ///
    /// # Errors
    /// [`Error::Frame`] where the column holds no text, and those of reading a batch.
    pub fn distinct(&self, column: Column) -> Result<BTreeSet<String>, Error> {
        let each = |_, batch: &DataFrame| {
            let mut texts: Set<&str> = Set::default();
            let mut last = None;
            for text in batch.column(column.name())?.str()?.iter().flatten() {
                // Neighbours are often alike.
                if last != Some(text) {
                    texts.insert(text);
                    last = Some(text);
                }
            }
            Ok(texts.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        self.fold(&[column], BTreeSet::new(), each, Extend::extend)
    }

    /// The polars schema of every batch.
    pub fn schema() -> Schema {
        schema_of(Column::ALL)
    }
}

impl Slot {
    fn open(folder: &Path, stored: &StoredBatch) -> Result<Self, Error> {
        let path = folder.join(&stored.file);
        if path.file_name().is_none_or(|name| *name != *stored.file) {
            let reason = format!("the manifest names {}, which is no name of a file in it", stored.file);
            return Err(Error::Table { act: "read", path: folder.display().to_string(), reason });
        }
        let segment = Arc::new(Segment::open(&path)?);
        let refuse = |reason: &str| Error::Table { act: "read", path: path.display().to_string(), reason: reason.to_owned() };
        let kept = if stored.kept {
            let kept = Segment::open(&beside(&path, KEPT))?.read(GROUP, &[KEPT], None)?;
            Some(kept.column(KEPT)?.bool()?.clone()).filter(|kept| kept.len() == segment.rows(GROUP))
        } else {
            None
        };
        let rows = kept.as_ref().map_or_else(|| segment.rows(GROUP), BooleanChunked::num_trues);
        if kept.is_some() != stored.kept || rows != stored.events {
            return Err(refuse("it does not hold as many events as the manifest says"));
        }
        let mut late = Vec::new();
        for kind in &stored.late {
            let columns = LATE.iter().copied().find(|columns| late_kind(columns) == kind);
            let columns = columns.ok_or_else(|| refuse("the manifest names columns for it that this version does not know"))?;
            let disk = Segment::open(&beside(&path, kind))?;
            if disk.rows(GROUP) != rows {
                return Err(refuse("the columns beside it are of another length"));
            }
            late.push(Late { columns, memory: None, disk: Some(Arc::new(disk)) });
        }
        Ok(Self { held: Held { rows: segment.rows(GROUP), memory: None, disk: Some(segment) }, kept, chosen: None, rows, late })
    }

    /// What the file of the batch tells of a column.
    fn reach(&self, column: Column) -> Reach {
        let is_late = self.late.iter().any(|late| late.columns.contains(&column));
        let Some(segment) = self.held.disk.as_ref().filter(|_| !is_late) else { return Reach::Unknown };
        let nulls = segment.nulls(GROUP, column.name());
        match segment.bounds(GROUP, column.name()) {
            Some(bounds) => Reach::Within { bounds, has_nulls: nulls != Some(0) },
            None if nulls == Some(segment.rows(GROUP)) => Reach::Null,
            None => Reach::Unknown,
        }
    }

    fn stored(&self) -> Option<StoredBatch> {
        let file = self.held.disk.as_ref()?.path().file_name()?.to_string_lossy().into_owned();
        let late = self.late.iter().map(|late| late_kind(late.columns).to_owned()).collect();
        Some(StoredBatch { file, events: self.rows, kept: self.kept.is_some(), late })
    }

    /// Some columns of the events, with texts that come again as they are kept.
    fn read_coded(&self, columns: &[Column]) -> Result<Coded, Error> {
        let kept = match (&self.kept, &self.chosen) {
            (Some(kept), Some(chosen)) => Some(spread(kept, chosen)),
            (kept, chosen) => kept.as_ref().or(chosen.as_ref()).cloned(),
        };
        let is_late = |column: &Column| self.late.iter().any(|late| late.columns.contains(column));
        let mut coded = Coded::new(self.rows);
        let mut others = columns.to_vec();
        if let Some(batch) = &self.held.memory {
            others.retain(is_late);
            for column in columns.iter().filter(|column| !is_late(column)) {
                coded.add(*column, batch.values(*column), kept.as_ref())?;
            }
        }
        for (column, values) in others.iter().zip(self.read(&others, None)?.into_columns()) {
            coded.add_values(*column, values)?;
        }
        Ok(coded)
    }

    /// Some columns of the events, of all of them or of those for which `rows` is true.
    fn read(&self, columns: &[Column], rows: Option<&BooleanChunked>) -> Result<DataFrame, Error> {
        let among_chosen = match (&self.chosen, rows) {
            (Some(chosen), Some(rows)) => Some(spread(chosen, rows)),
            (Some(chosen), None) => Some(chosen.clone()),
            (None, rows) => rows.cloned(),
        };
        let rows = among_chosen.as_ref();
        // The last that were found count.
        let late = |column: &Column| self.late.iter().rev().find(|late| late.columns.contains(column));
        let early: Vec<Column> = columns.iter().copied().filter(|column| late(column).is_none()).collect();
        let among_all = match (&self.kept, rows) {
            (None, rows) => rows.cloned(),
            (Some(kept), None) => Some(kept.clone()),
            (Some(kept), Some(rows)) => Some(spread(kept, rows)),
        };
        let early = match &self.held.memory {
            Some(batch) => {
                let frame = batch.frame(&early)?;
                among_all.map_or(Ok(frame.clone()), |rows| frame.filter(&rows))?
            }
            None => self.held.segment()?.read_columns(GROUP, &early, among_all.as_ref())?,
        };
        let height = early.height();
        let mut found: Vec<FrameColumn> = Vec::with_capacity(columns.len());
        let mut early = early.into_columns().into_iter();
        for column in columns {
            match late(column) {
                None => found.extend(early.next()),
                Some(Late { memory: Some(frame), .. }) => {
                    let values = frame.column(column.name())?;
                    found.push(rows.map_or(Ok(values.clone()), |rows| values.filter(rows))?);
                }
                Some(Late { disk: Some(segment), .. }) => found.extend(segment.read_columns(GROUP, &[*column], rows)?.into_columns()),
                Some(Late { .. }) => {}
            }
        }
        Ok(DataFrame::new(height, found)?)
    }
}

/// The mask of all rows for one of the rows that are kept.
fn spread(kept: &BooleanChunked, rows: &BooleanChunked) -> BooleanChunked {
    let mut rows = rows.iter();
    kept.iter().map(|kept| kept == Some(true) && rows.next().flatten() == Some(true)).collect()
}

/// Each column once.
fn once(columns: &[Column]) -> Vec<Column> {
    let mut chosen = Vec::with_capacity(columns.len());
    for column in columns {
        if !chosen.contains(column) {
            chosen.push(*column);
        }
    }
    chosen
}

/// Whether late values are those columns, of their types and as many as there are events.
fn check(values: &DataFrame, columns: &[Column], rows: usize) -> Result<(), Error> {
    if values.height() != rows {
        return Err(PolarsError::ShapeMismatch(format!("a batch has {rows} rows, not {}", values.height()).into()).into());
    }
    for column in columns {
        let found = values.column(column.name())?.dtype();
        if *found != data_type(column.kind()) {
            return Err(PolarsError::SchemaMismatch(format!("column {column} is not of type {found}").into()).into());
        }
    }
    Ok(())
}

/// The polars schema of some columns.
pub(super) fn schema_of(columns: &[Column]) -> Schema {
    columns.iter().map(|column| Field::new(PlSmallStr::from_static(column.name()), data_type(column.kind()))).collect()
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
impl EventFrame {
    /// Events in memory; columns that the frames lack are null.
    pub(crate) fn of(frames: Vec<DataFrame>) -> Self {
        let batches = frames.into_iter().map(|frame| Held::from(super::Batch::of(&frame)));
        Self::new(batches.collect(), Arc::default())
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
        EventFrame::of(vec![batch(&[("a", 0), ("a", 1), ("b", 0), ("a", 2)]), batch(&[("b", 1), ("c", 0)])])
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
        events.fill_text(&[Column::RecordSha256], &late).expect("a text column");
        assert!(events.fill_text(&[Column::TrustGuarded], &late).is_err());
        let filled = events.map(&[Column::RecordSha256], |_, batch| Ok(texts(batch, Column::RecordSha256))).expect("read");
        assert_eq!(filled, [vec!["known", "x", "known", "y"], vec!["known", "known"]]);
    }

    #[test]
    fn columns_are_replaced_by_others_of_their_kind_only() {
        let column = |column: Column, flags: &[bool]| Some(Series::new(column.name().into(), flags).into_frame());
        let fill = |answer: &(dyn Fn(usize) -> Option<DataFrame> + Sync)| {
            let mut events = events();
            let filled = events.fill(&[], &[Column::TrustGuarded], |number, _| Ok(answer(number)));
            filled.and_then(|()| events.map(&[Column::TrustGuarded], |_, batch| Ok(batch.columns()[0].null_count())))
        };
        let second = |number: usize| (number == 1).then(|| column(Column::TrustGuarded, &[true, false])).flatten();
        assert_eq!(fill(&second).expect("filled"), [4, 0]);
        assert!(fill(&|_| column(Column::TrustGuarded, &[true])).is_err(), "another length");
        assert!(fill(&|_| column(Column::RecordSha256, &[true; 4])).is_err(), "another type");
    }

    #[test]
    fn a_pass_sees_the_columns_it_asks_for_and_all_batches_in_order() {
        let many = EventFrame::of((0..100).map(|number| batch(&[("a", number), ("a", number)])).collect());
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
    }

    #[test]
    fn distinct_values_stand_in_order() {
        assert!(events().distinct(Column::Object).expect("texts").into_iter().eq(["a", "b", "c"]));
    }
}
