//! One record delivered twice counts once: [`EventFrame::remove_duplicates`].

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use polars::prelude::{
    AnyValue, BooleanChunked, ChunkCompareEq as _, DataFrame, IdxCa, IdxSize, NewChunkedArray as _, PlSmallStr, PolarsError, PolarsResult,
};

use super::{EventFrame, words};
use crate::error::Error;
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

/// How much is looked at in one go, so that memory has a bound.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Events whose ids are compared; with more, the ids are gone through several times.
    pub(super) ids: usize,
    /// Records with equal ids whose contents are compared.
    pub(super) records: usize,
}

/// With 16 bytes an id and some 3 KB a record, about 64 MB and 50 MB, which is within what the least `--memory` leaves.
const LIMITS: Limits = Limits { ids: 4 << 20, records: 16 << 10 };

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
    /// Leaves out the records that repeat another one.
    ///
    /// Records are the same where (`recipient_account_id`, `event_id`) and all of their
    /// content are equal, JSON by value; the first by (object, record index) stays.
    /// Records of one id whose contents differ all stay, with a notice.
    ///
    /// # Errors
    /// Those of reading a batch.
    pub fn remove_duplicates(&mut self) -> Result<Duplicates, Error> {
        self.remove_duplicates_within(LIMITS)
    }

    pub(super) fn remove_duplicates_within(&mut self, limits: Limits) -> Result<Duplicates, Error> {
        let mut found = Duplicates::default();
        let mut removed: Vec<HashSet<u32>> = vec![HashSet::new(); self.batch_count()];
        let passes = u64::try_from(self.height().div_ceil(limits.ids)).unwrap_or(u64::MAX);
        for pass in 0..passes {
            let mut groups = Groups::new(self.groups_of_equal_ids(pass, passes)?);
            loop {
                let runs = groups.next_runs(limits.records);
                if runs.is_empty() {
                    break;
                }
                let rows: Vec<Row> = runs.iter().flat_map(|run| std::iter::once(&run.first).chain(&run.others)).copied().collect();
                for (batch, row) in groups.judge(&runs, &self.gather(&rows)?, &mut found)? {
                    if let Some(rows) = removed.get_mut(index(batch)) {
                        rows.insert(row);
                    }
                }
            }
        }
        first_notices(&mut found.notices);
        self.note_replaced(&mut found)?;
        for (batch, removed) in removed.iter().enumerate().filter(|(_, removed)| !removed.is_empty()) {
            found.removed += u64::try_from(removed.len()).unwrap_or(u64::MAX);
            self.leave_out(batch, removed)?;
        }
        Ok(found)
    }

    /// The rows whose ids have equal hashes, two or more each; `pass` of `passes` parts of all hashes.
    fn groups_of_equal_ids(&self, pass: u64, passes: u64) -> Result<Vec<Vec<Row>>, Error> {
        let hashes = |batch: usize, frame: &DataFrame| {
            let ids = frame.column(Column::EventId.name())?.str()?;
            let accounts = frame.column(Column::RecipientAccountId.name())?.str()?;
            let batch = u32::try_from(batch).unwrap_or(u32::MAX);
            let rows = (0..).zip(ids.iter().zip(accounts.iter()));
            let hashed = rows.filter_map(|(row, (id, account))| Some((id_hash(id?, account), (batch, row))));
            Ok(hashed.filter(|(hash, _)| hash % passes == pass).collect::<Vec<(u64, Row)>>())
        };
        let add = |all: &mut Vec<(u64, Row)>, more: Vec<(u64, Row)>| all.extend(more);
        let mut rows = self.fold(&[Column::EventId, Column::RecipientAccountId], Vec::new(), hashes, add)?;
        leave_out_lone(&mut rows);
        rows.sort_unstable();
        let groups = rows.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1);
        let mut groups: Vec<Vec<Row>> = groups.map(|group| group.iter().map(|(_, row)| *row).collect()).collect();
        groups.sort_unstable();
        Ok(groups)
    }

    /// The rows as one frame, in the order given.
    fn gather(&self, rows: &[Row]) -> Result<DataFrame, Error> {
        let mut in_order: Vec<Row> = rows.to_vec();
        in_order.sort_unstable();
        in_order.dedup();
        let mut sorted = DataFrame::empty_with_schema(&Self::schema());
        for run in in_order.chunk_by(|a, b| a.0 == b.0) {
            let Some((batch, _)) = run.first() else { continue };
            let height = self.batch_height(index(*batch));
            let mut wanted = vec![false; height];
            for (_, row) in run {
                if let Some(place) = wanted.get_mut(index(*row)) {
                    *place = true;
                }
            }
            let wanted = BooleanChunked::from_slice(PlSmallStr::EMPTY, &wanted);
            sorted.vstack_mut(&self.rows(index(*batch), Column::ALL, &wanted)?)?;
        }
        sorted.rechunk_mut();
        let mut back: Vec<IdxSize> = Vec::with_capacity(rows.len());
        for row in rows {
            back.push(in_order.binary_search(row).ok().and_then(|place| IdxSize::try_from(place).ok()).unwrap_or_default());
        }
        Ok(sorted.take(&idx(&back))?)
    }

    /// Notes on each record that a later addendum replaces.
    fn note_replaced(&self, found: &mut Duplicates) -> Result<(), Error> {
        let ids = |_, frame: &DataFrame| {
            let ids = frame.column(Column::AddendumOriginalEventId.name())?.str()?;
            Ok(ids.iter().flatten().map(str::to_owned).collect::<Vec<String>>())
        };
        let replaced: HashSet<String> = self.fold(&[Column::AddendumOriginalEventId], HashSet::new(), ids, Extend::extend)?;
        if replaced.is_empty() {
            return Ok(());
        }
        let columns = [Column::EventId, Column::AddendumOriginalEventId, Column::Object, Column::RecordIndex];
        let notices = |_, frame: &DataFrame| {
            let mut notices = Vec::new();
            for (row, id) in frame.column(Column::EventId.name())?.str()?.iter().enumerate() {
                if let Some(id) = id.filter(|id| replaced.contains(*id))
                    && text(frame, Column::AddendumOriginalEventId, row)?.as_deref() != Some(id)
                {
                    let message = format!("event {id} is replaced by a later record (addendum); both are kept");
                    notices.push(Problem { place: place(frame, row)?, kind: ProblemKind::ReplacedByAddendum, message });
                }
            }
            Ok(notices)
        };
        found.notices = self.fold(&columns, std::mem::take(&mut found.notices), notices, Extend::extend)?;
        Ok(())
    }

    fn leave_out(&mut self, batch: usize, removed: &HashSet<u32>) -> Result<(), Error> {
        let kept: Vec<bool> = (0..).take(self.batch_height(batch)).map(|row| !removed.contains(&row)).collect();
        self.keep(batch, BooleanChunked::from_slice(PlSmallStr::EMPTY, &kept))
    }
}

/// A batch and a row in it.
type Row = (u32, u32);

/// Rows of equal ids, taken some at a time.
struct Groups {
    rest: std::vec::IntoIter<Vec<Row>>,
    /// The group that was begun: its first row, and those that were not taken yet.
    begun: Option<(Row, std::vec::IntoIter<Row>)>,
    state: State,
}

/// Rows of one group, to be compared with its first.
struct Run {
    /// Whether no row of the group was compared before.
    is_new: bool,
    first: Row,
    others: Vec<Row>,
}

/// What is known of a group so far.
#[derive(Default)]
struct State {
    /// The hashes of all contents that are kept, once one differs from the first.
    kept: HashSet<[u8; 32]>,
    /// For each id the place of the first of its records that corrects no other one: those that do are meant to differ.
    originals: HashMap<String, Place>,
}

impl Groups {
    fn new(groups: Vec<Vec<Row>>) -> Self {
        Self { rest: groups.into_iter(), begun: None, state: State::default() }
    }

    /// The next runs, of about `limit` rows together.
    fn next_runs(&mut self, limit: usize) -> Vec<Run> {
        let (mut runs, mut rows) = (Vec::new(), 0);
        while rows < limit {
            let is_new = self.begun.is_none();
            if is_new {
                let Some(mut group) = self.rest.next().map(Vec::into_iter) else { break };
                self.begun = group.next().map(|first| (first, group));
            }
            let Some((first, others)) = &mut self.begun else { continue };
            let run = Run { is_new, first: *first, others: others.take(limit - rows).collect() };
            rows += 1 + run.others.len();
            if others.len() == 0 {
                self.begun = None;
            }
            runs.push(run);
        }
        runs
    }

    /// The rows that repeat another one; notices for those that should and do not. `candidates` has the rows of the
    /// runs in their order, the first of each group before the others.
    fn judge(&mut self, runs: &[Run], candidates: &DataFrame, found: &mut Duplicates) -> Result<Vec<Row>, Error> {
        let equal_to_first = equal_to_first(candidates, runs)?;
        let mut repeated = Vec::new();
        let mut first = 0;
        for run in runs {
            if run.is_new {
                self.state = State::default();
            }
            for (position, row) in (first + 1..).zip(&run.others) {
                if equal_to_first.get(position) == Some(true) || self.state.repeats(candidates, first, position, found)? {
                    repeated.push(*row);
                }
            }
            first += 1 + run.others.len();
        }
        if found.notices.len() > 2 * MAX_NOTICES {
            first_notices(&mut found.notices);
        }
        Ok(repeated)
    }
}

impl State {
    /// Whether the record, which is not equal to the first to the letter, has a content that is kept already.
    fn repeats(&mut self, candidates: &DataFrame, first: usize, position: usize, found: &mut Duplicates) -> PolarsResult<bool> {
        let corrects = |position| Ok::<bool, PolarsError>(text(candidates, Column::Addendum, position)?.is_some());
        if self.kept.is_empty() {
            self.kept.insert(content(candidates, first)?);
            if !corrects(first)? {
                self.originals.insert(identity(candidates, first)?, place(candidates, first)?);
            }
        }
        if !self.kept.insert(content(candidates, position)?) {
            return Ok(true);
        }
        // A new id means that two ids share a hash, and nothing is wrong.
        if !corrects(position)? {
            let own = place(candidates, position)?;
            let original = self.originals.entry(identity(candidates, position)?).or_insert_with(|| own.clone());
            if *original != own {
                let id = text(candidates, Column::EventId, position)?.unwrap_or_default();
                let index = original.record_index.unwrap_or_default();
                let message = format!("event {id} is also in {} record {index}, with other content; both are kept", original.object);
                for place in [&*original, &own] {
                    found.differing.insert((place.object.clone(), place.record_index.unwrap_or_default()));
                }
                found.notices.push(Problem { place: own, kind: ProblemKind::DuplicateMismatch, message });
            }
        }
        Ok(false)
    }
}

/// Keeps the notices that come first by place.
fn first_notices(notices: &mut Vec<Problem>) {
    notices.sort_by(|left, right| (&left.place.object, left.place.record_index).cmp(&(&right.place.object, right.place.record_index)));
    notices.truncate(MAX_NOTICES);
}

/// A hash that equal ids share; a collision costs a comparison and nothing else.
fn id_hash(id: &str, account: Option<&str>) -> u64 {
    words::hash(id.as_bytes()) ^ words::hash(account.unwrap_or_default().as_bytes()).rotate_left(32)
}

/// Leaves out rows whose hash no other row has, nearly all of them: sorting is for those few that are left.
fn leave_out_lone(rows: &mut Vec<(u64, Row)>) {
    /// Bits for each row: of those without an equal, one in so many stays.
    const BITS: usize = 16;
    let words = (rows.len() * BITS / 64).next_power_of_two();
    let mut seen: Vec<(u64, u64)> = vec![(0, 0); words];
    // The part of the hash that is not what a pass goes by.
    let place = |hash: u64| (usize::try_from(hash >> 38).unwrap_or_default() & (words - 1), 1_u64 << (hash >> 32 & 63));
    for (hash, _) in rows.iter() {
        let (word, bit) = place(*hash);
        if let Some((once, again)) = seen.get_mut(word) {
            *again |= *once & bit;
            *once |= bit;
        }
    }
    rows.retain(|(hash, _)| {
        let (word, bit) = place(*hash);
        seen.get(word).is_some_and(|(_, again)| again & bit != 0)
    });
}

/// For each candidate whether it equals the first of its run to the letter.
fn equal_to_first(candidates: &DataFrame, runs: &[Run]) -> PolarsResult<BooleanChunked> {
    let mut first: Vec<IdxSize> = Vec::with_capacity(candidates.height());
    for run in runs {
        let start = IdxSize::try_from(first.len()).unwrap_or_default();
        first.extend(std::iter::repeat_n(start, 1 + run.others.len()));
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

/// The hash of all that a record says, in one form whatever the order of its keys; each value is escaped, so that none
/// runs into the next.
fn content(frame: &DataFrame, row: usize) -> PolarsResult<[u8; 32]> {
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
    Ok(digest(&SHA256, content.as_bytes()).as_ref().try_into().unwrap_or_default())
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

fn idx(rows: &[IdxSize]) -> IdxCa {
    IdxCa::from_slice(PlSmallStr::EMPTY, rows)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::frame::{BatchBuilder, Held};

    /// Records of ten ids in batches of seven, by a number that says what each is: some repeat others to the letter,
    /// some but for the order of their keys, some differ, and some correct others.
    fn events() -> EventFrame {
        let mut batches = Vec::new();
        for start in (0..140_u32).step_by(7) {
            let arena = bumpalo::Bump::new();
            let mut builder = BatchBuilder::default();
            for number in start..start + 7 {
                let mut event = Event::new(&arena);
                let (id, kind) = (number * 7 % 10, number / 3 % 5);
                event.set_made(Column::Object, format_args!("object {:03}", number / 10));
                event.set_int(Column::RecordIndex, i64::from(number % 10));
                event.set_text(Column::RecipientAccountId, "111122223333");
                if id != 9 {
                    event.set_made(Column::EventId, format_args!("id {id}"));
                }
                match kind {
                    0 => event.set_text(Column::RequestParameters, r#"{"a":1,"b":2}"#),
                    1 => event.set_text(Column::RequestParameters, r#"{"b":2,"a":1}"#),
                    2 => event.set_made(Column::RequestParameters, format_args!("{{\"c\":{}}}", number / 50)),
                    3 => event.set_text(Column::Addendum, r#"{"reason":"UPDATED_DATA"}"#),
                    _ => event.set_made(Column::AddendumOriginalEventId, format_args!("id {}", (id + 1) % 9)),
                }
                assert!(builder.push(&mut event).expect("columns of one length").is_none());
            }
            batches.extend(builder.finish().expect("columns of one length").map(Held::from));
        }
        EventFrame::new(batches, Arc::default())
    }

    fn places(events: &EventFrame) -> Vec<(String, i64)> {
        let columns = [Column::Object, Column::RecordIndex];
        let rows = |_, frame: &DataFrame| {
            let objects = frame.column("object")?.str()?.iter().map(|object| object.expect("an object").to_owned());
            Ok(objects.zip(frame.column("record_index")?.i64()?.iter().flatten()).collect::<Vec<_>>())
        };
        events.map(&columns, rows).expect("read").concat()
    }

    #[test]
    fn limits_make_no_difference() {
        let judged = |limits: Limits| {
            let mut events = events();
            let found = events.remove_duplicates_within(limits).expect("judged");
            assert_eq!(u64::try_from(places(&events).len()).ok(), Some(140 - found.removed));
            let mut notices = found.notices.clone();
            notices.sort();
            (places(&events), found.removed, notices, found.differing)
        };
        let whole = judged(LIMITS);
        assert!(whole.1 > 50 && whole.2.len() > 10 && !whole.3.is_empty(), "{whole:?}");
        for (ids, records) in [(1, 1), (7, 2), (20, 3), (140, 5), (1_000, 17)] {
            assert_eq!(judged(Limits { ids, records }), whole, "{ids} ids and {records} records at once");
        }
    }

    /// What stays by the plain rule: the first of each content of an id, and all without an id.
    #[test]
    fn what_stays_is_the_first_of_each_content() {
        let mut events = events();
        events.remove_duplicates().expect("judged");
        let mut seen = HashSet::new();
        let plain: Vec<(String, i64)> = (0..140_u32)
            .filter(|number| {
                let (id, kind) = (number * 7 % 10, number / 3 % 5);
                let content = match kind {
                    0 | 1 => "a and b".to_owned(),
                    2 => format!("c {}", number / 50),
                    3 => "addendum".to_owned(),
                    _ => format!("original {}", (id + 1) % 9),
                };
                id == 9 || seen.insert((id, content))
            })
            .map(|number| (format!("object {:03}", number / 10), i64::from(number % 10)))
            .collect();
        assert_eq!(places(&events), plain);
    }
}
