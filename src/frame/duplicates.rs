//! One record delivered twice counts once: [`EventFrame::without_duplicates`].

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use polars::prelude::{
    AnyValue, BooleanChunked, ChunkCompareEq as _, DataFrame, IdxCa, IdxSize, NewChunkedArray as _, PlSmallStr, PolarsError, PolarsResult,
};

use super::{Batch, EventFrame};
use crate::event::rewrite::canonical;
use crate::problem::{Place, Problem, ProblemKind};
use crate::schema::{Column, Kind};

/// What became of the records that share an event id.
#[derive(Debug, Default)]
pub struct Duplicates {
    /// How many records were left out, as they repeat another one.
    pub removed: u64,
    /// One for each record that shares its event id with one of other content; all are kept.
    pub notices: Vec<Problem>,
    /// The places of all records that share their event id with one of other content.
    pub differing: BTreeSet<(Arc<str>, u64)>,
}

/// Notices that are listed; hostile input could make one of each record.
const MAX_NOTICES: usize = 10_000;

/// The columns that tell where a record stands and not what it says.
const PLACE: [Column; 7] = [
    Column::Object,
    Column::RecordIndex,
    Column::Envelope,
    Column::FileRegion,
    Column::FileAccountId,
    Column::FileDeliveryTime,
    Column::RecordSha256,
];

impl EventFrame {
    /// The events of `batches`, each record once.
    ///
    /// Records are the same where (`recipient_account_id`, `event_id`) and all of their
    /// content are equal, JSON by value; the first by (object, record index) stays.
    /// Records of one id whose contents differ all stay, with a notice.
    ///
    /// # Errors
    /// What polars says.
    pub fn without_duplicates(batches: Vec<Batch>) -> PolarsResult<(Self, Duplicates)> {
        let groups = groups_of_equal_ids(&batches);
        let mut found = Duplicates::default();
        if groups.is_empty() {
            return Ok((Self::new(batches.iter().map(|batch| batch.frame(Column::ALL)).collect::<PolarsResult<_>>()?), found));
        }
        let rows: Vec<Row> = groups.iter().flatten().copied().collect();
        let candidates = gather(&batches, &rows)?;
        let mut removed: Vec<HashSet<u32>> = vec![HashSet::new(); batches.len()];
        let mut start = 0;
        let equal_to_first = equal_to_first(&candidates, &groups)?;
        for group in &groups {
            let positions: Vec<usize> = (start..start + group.len()).collect();
            start += group.len();
            for position in judge(&candidates, &positions, &equal_to_first, &mut found)? {
                if let Some((batch, row)) = rows.get(position)
                    && let Some(rows) = removed.get_mut(index(*batch))
                {
                    rows.insert(*row);
                    found.removed += 1;
                }
            }
        }
        note_replaced(&batches, &mut found)?;
        let frames = batches
            .into_iter()
            .zip(&removed)
            .map(|(batch, removed)| without(batch.frame(Column::ALL)?, removed))
            .collect::<PolarsResult<_>>()?;
        Ok((Self::new(frames), found))
    }
}

/// A batch and a row in it.
type Row = (u32, u32);

fn groups_of_equal_ids(batches: &[Batch]) -> Vec<Vec<Row>> {
    let mut rows: Vec<(u64, Row)> = Vec::new();
    for (batch, hashes) in (0..).zip(batches.iter().map(|batch| batch.id_hashes())) {
        rows.extend((0..).zip(hashes).filter(|(_, hash)| **hash != 0).map(|(row, hash)| (*hash, (batch, row))));
    }
    rows.sort_unstable();
    let mut groups: Vec<Vec<Row>> =
        rows.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1).map(|group| group.iter().map(|(_, row)| *row).collect()).collect();
    groups.sort_unstable();
    groups
}

/// The rows as one frame, in the order given.
fn gather(batches: &[Batch], rows: &[Row]) -> PolarsResult<DataFrame> {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.sort_unstable_by_key(|position| rows.get(*position));
    let mut sorted = DataFrame::empty_with_schema(&EventFrame::schema());
    let in_order: Vec<Row> = order.iter().filter_map(|position| rows.get(*position)).copied().collect();
    for run in in_order.chunk_by(|a, b| a.0 == b.0) {
        let Some(batch) = run.first().and_then(|(batch, _)| batches.get(index(*batch))) else { continue };
        let wanted: Vec<IdxSize> = run.iter().map(|(_, row)| *row).collect();
        sorted.vstack_mut(&batch.frame(Column::ALL)?.take(&idx(&wanted))?)?;
    }
    let mut back: Vec<IdxSize> = vec![0; rows.len()];
    for (place, position) in (0..).zip(&order) {
        if let Some(slot) = back.get_mut(*position) {
            *slot = place;
        }
    }
    sorted.rechunk_mut();
    sorted.take(&idx(&back))
}

/// For each candidate whether it equals the first of its group to the letter.
fn equal_to_first(candidates: &DataFrame, groups: &[Vec<Row>]) -> PolarsResult<BooleanChunked> {
    let mut first: Vec<IdxSize> = Vec::with_capacity(candidates.height());
    for group in groups {
        let start = IdxSize::try_from(first.len()).unwrap_or_default();
        first.extend(std::iter::repeat_n(start, group.len()));
    }
    let others = candidates.take(&idx(&first))?;
    let mut equal = BooleanChunked::from_slice(PlSmallStr::EMPTY, &vec![true; candidates.height()]);
    for column in Column::ALL.iter().filter(|column| !PLACE.contains(column)) {
        let (left, right) =
            (candidates.column(column.name())?.as_materialized_series(), others.column(column.name())?.as_materialized_series());
        equal = &equal & &left.equal_missing(right)?;
    }
    Ok(equal)
}

/// The positions of one group that repeat another one; notices for those that should and do not.
fn judge(candidates: &DataFrame, group: &[usize], equal_to_first: &BooleanChunked, found: &mut Duplicates) -> PolarsResult<Vec<usize>> {
    let is_equal = |position: usize| equal_to_first.get(position).unwrap_or_default();
    let Some((first, others)) = group.split_first() else { return Ok(Vec::new()) };
    if others.iter().all(|position| is_equal(*position)) {
        return Ok(others.to_vec());
    }
    let mut kept: HashSet<String> = HashSet::from([content(candidates, *first)?]);
    let corrects = |position| Ok::<bool, PolarsError>(text(candidates, Column::Addendum, position)?.is_some());
    // For each id the first of its records that corrects no other one: those that do are meant to differ.
    let mut originals: HashMap<String, usize> = HashMap::new();
    if !corrects(*first)? {
        originals.insert(identity(candidates, *first)?, *first);
    }
    let mut repeated = Vec::new();
    for position in others.iter().copied() {
        if is_equal(position) || !kept.insert(content(candidates, position)?) {
            repeated.push(position);
            continue;
        }
        // A new id means that two ids share a hash, and nothing is wrong.
        if !corrects(position)? {
            let original = *originals.entry(identity(candidates, position)?).or_insert(position);
            if original == position {
                continue;
            }
            let id = text(candidates, Column::EventId, position)?.unwrap_or_default();
            let message = format!("event {id} is also in {}, with other content; both are kept", shown_place(candidates, original)?);
            for position in [original, position] {
                let place = place(candidates, position)?;
                found.differing.insert((place.object, place.record_index.unwrap_or_default()));
            }
            if found.notices.len() < MAX_NOTICES {
                found.notices.push(Problem { place: place(candidates, position)?, kind: ProblemKind::DuplicateMismatch, message });
            }
        }
    }
    Ok(repeated)
}

/// Notes on each record that a later addendum replaces.
fn note_replaced(batches: &[Batch], found: &mut Duplicates) -> PolarsResult<()> {
    let mut replaced: HashSet<String> = HashSet::new();
    for batch in batches {
        let frame = batch.frame(&[Column::AddendumOriginalEventId])?;
        let ids = frame.column(Column::AddendumOriginalEventId.name())?.str()?;
        replaced.extend(ids.iter().flatten().map(str::to_owned));
    }
    if replaced.is_empty() {
        return Ok(());
    }
    for batch in batches {
        let frame = batch.frame(&[Column::EventId, Column::AddendumOriginalEventId, Column::Object, Column::RecordIndex])?;
        for (row, id) in frame.column(Column::EventId.name())?.str()?.iter().enumerate() {
            if let Some(id) = id.filter(|id| replaced.contains(*id))
                && text(&frame, Column::AddendumOriginalEventId, row)?.as_deref() != Some(id)
            {
                let message = format!("event {id} is replaced by a later record (addendum); both are kept");
                found.notices.push(Problem { place: place(&frame, row)?, kind: ProblemKind::ReplacedByAddendum, message });
            }
        }
    }
    Ok(())
}

fn without(frame: DataFrame, removed: &HashSet<u32>) -> PolarsResult<DataFrame> {
    if removed.is_empty() {
        return Ok(frame);
    }
    let keep: Vec<bool> = (0..).take(frame.height()).map(|row| !removed.contains(&row)).collect();
    frame.filter(&BooleanChunked::from_slice(PlSmallStr::EMPTY, &keep))
}

/// All that a record says, in one form whatever the order of its keys; each value is escaped, so that none runs into the next.
fn content(frame: &DataFrame, row: usize) -> PolarsResult<String> {
    let mut content = String::new();
    for column in Column::ALL.iter().filter(|column| !PLACE.contains(column)) {
        let value = frame.column(column.name())?.get(row)?;
        let text = match (column.kind(), value.extract_str(), &value) {
            (Kind::Json, Some(json), _) => format!("{:?}", canonical(json)),
            (_, Some(text), _) => format!("{text:?}"),
            (_, None, AnyValue::List(items)) => items.str()?.iter().map(|item| format!("{item:?}")).collect::<Vec<_>>().join(","),
            (_, None, other) => other.to_string(),
        };
        content.push_str(&text);
        content.push('\n');
    }
    Ok(content)
}

fn identity(frame: &DataFrame, row: usize) -> PolarsResult<String> {
    let account = text(frame, Column::RecipientAccountId, row)?;
    Ok(format!("{:?} {:?}", account, text(frame, Column::EventId, row)?))
}

fn text(frame: &DataFrame, column: Column, row: usize) -> PolarsResult<Option<String>> {
    Ok(frame.column(column.name())?.str()?.get(row).map(str::to_owned))
}

fn place(frame: &DataFrame, row: usize) -> PolarsResult<Place> {
    let object: Arc<str> = text(frame, Column::Object, row)?.unwrap_or_default().into();
    let record_index = frame.column(Column::RecordIndex.name())?.i64()?.get(row).and_then(|index| u64::try_from(index).ok());
    Ok(Place { object, record_index, offset: None })
}

fn shown_place(frame: &DataFrame, row: usize) -> PolarsResult<String> {
    let place = place(frame, row)?;
    Ok(format!("{} record {}", place.object, place.record_index.unwrap_or_default()))
}

fn idx(rows: &[IdxSize]) -> IdxCa {
    IdxCa::from_slice(PlSmallStr::EMPTY, rows)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or_default()
}
