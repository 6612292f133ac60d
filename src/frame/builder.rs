//! [`BatchBuilder`]: events into columns, many files to a batch.

use polars::prelude::{
    BooleanChunked, ChunkedArray, Column as Series, Int64Chunked, IntoSeries as _, ListBuilderTrait as _, ListStringChunkedBuilder,
    NewChunkedArray as _, PlSmallStr, PolarsResult, StringType,
};
use polars_arrow::array::MutableBinaryViewArray;

use super::batch::{Batch, Packed};
use super::events::data_type;
use super::words::Words;
use crate::event::{Event, Resource};
use crate::schema::{Column, Kind};

/// Rows that a batch can take: each could bring a new text to a column, and those are numbered in 16 bits, from 1.
const MAX_ROWS: usize = 0xffff;
/// Bytes of text after which a batch is full all the same: thirty times what its rows usually have.
const MAX_BYTES: usize = 64 << 20;

/// Collects events, row by row, until they make a batch.
///
/// A column costs nothing for a row in which it is null: nulls are filled in
/// when the next value or the end comes.
#[derive(Debug)]
pub struct BatchBuilder {
    rows: usize,
    /// Bytes of text that were added.
    bytes: usize,
    columns: Vec<Builder>,
    groups: Vec<Group>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self {
            rows: 0,
            bytes: 0,
            columns: Column::ALL.iter().map(|column| Builder::new(*column)).collect(),
            groups: GROUPS.iter().map(|(lead, followers)| Group::new(*lead, followers)).collect(),
        }
    }
}

impl BatchBuilder {
    /// Adds an event as the next row, and yields the batch if it is full then.
    ///
    /// # Errors
    /// What polars says; a defect, as all columns have the same length.
    pub fn push(&mut self, event: &Event<'_>) -> PolarsResult<Option<Batch>> {
        let mut set = event.columns_set();
        for group in &mut self.groups {
            let (columns, new_bytes) = group.push(self.rows, event, &mut self.columns);
            set &= !columns;
            self.bytes += new_bytes;
        }
        while set != 0 {
            let column = usize::try_from(set.trailing_zeros()).unwrap_or_default();
            set &= set - 1;
            if let (Some(builder), Some(column)) = (self.columns.get_mut(column), Column::ALL.get(column)) {
                builder.push(self.rows, *column, event);
                self.bytes += event.text(*column).map_or(0, str::len);
            }
        }
        if !event.resources().is_empty() {
            for column in [Column::ResourceArns, Column::ResourceTypes, Column::ResourceAccountIds] {
                if let Some(builder) = self.columns.get_mut(column.index()) {
                    builder.push_resources(self.rows, column, event.resources());
                }
            }
        }
        self.rows += 1;
        if self.rows >= MAX_ROWS || self.bytes >= MAX_BYTES { self.finish() } else { Ok(None) }
    }

    /// The batch of the events since the last one, if there are any.
    ///
    /// # Errors
    /// What polars says; a defect, as all columns have the same length.
    pub fn finish(&mut self) -> PolarsResult<Option<Batch>> {
        if self.rows == 0 {
            return Ok(None);
        }
        let rows = std::mem::take(&mut self.rows);
        self.bytes = 0;
        for group in &mut self.groups {
            group.finish(&mut self.columns);
        }
        let columns = Column::ALL
            .iter()
            .zip(&mut self.columns)
            .map(|(column, builder)| std::mem::replace(builder, Builder::new(*column)).finish(*column, rows))
            .collect::<PolarsResult<Vec<Packed>>>()?;
        Ok(Some(Batch::new(rows, columns)))
    }
}

/// Columns that follow from one other column alone, for records in which that one has a value: what is known for a
/// text need not be found again for each row that has it.
const GROUPS: [(Column, &[&[Column]]); 5] = [
    (Column::EventHour, &[&[Column::Dt]]),
    (Column::EventName, &[&[Column::EventStem]]),
    (Column::SourceIpAddress, &[&Column::ADDRESS]),
    (Column::UserAgent, &[&[Column::UaFamily]]),
    (Column::UserIdentity, &[Column::IDENTITY, &[Column::Principal, Column::Actor, Column::SessionName, Column::SessionIssuer]]),
];

/// One of [`GROUPS`] in the making.
#[derive(Debug)]
struct Group {
    lead: Column,
    followers: Vec<Column>,
    /// A bit each for the lead and its followers.
    columns: u128,
    /// For each follower and code of the lead the follower's code.
    codes: Vec<Vec<u16>>,
    /// How many codes of the lead are known.
    known: usize,
}

impl Group {
    fn new(lead: Column, followers: &[&[Column]]) -> Self {
        let followers = followers.concat();
        let columns = followers.iter().fold(1 << lead.index(), |all, follower| all | 1 << follower.index());
        Self { lead, columns, codes: vec![vec![0]; followers.len()], followers, known: 1 }
    }

    /// Gives the lead its text in this row, and yields the columns that need nothing more, and the bytes of the text
    /// if it is new.
    fn push(&mut self, row: usize, event: &Event<'_>, columns: &mut [Builder]) -> (u128, usize) {
        let Some(text) = event.text(self.lead) else { return (0, 0) };
        let Some(Builder::Words(words)) = columns.get_mut(self.lead.index()) else { return (0, 0) };
        let mut new_bytes = 0;
        if usize::from(words.push(row, text)) >= self.known {
            self.known += 1;
            new_bytes = text.len();
            for (follower, codes) in self.followers.iter().zip(&mut self.codes) {
                let words = columns.get_mut(follower.index()).and_then(Builder::words);
                codes.push(event.text(*follower).zip(words).map_or(0, |(text, words)| words.code(text)));
            }
        }
        (self.columns, new_bytes)
    }

    /// Gives the followers the codes of all rows, and forgets them.
    fn finish(&mut self, columns: &mut [Builder]) {
        let Some(Builder::Words(lead)) = columns.get_mut(self.lead.index()) else { return };
        let lead = std::mem::take(lead);
        for (follower, codes) in self.followers.iter().zip(&mut self.codes) {
            if let Some(words) = columns.get_mut(follower.index()).and_then(Builder::words) {
                words.follow(lead.codes(), codes);
            }
            codes.truncate(1);
        }
        self.known = 1;
        if let Some(place) = columns.get_mut(self.lead.index()) {
            *place = Builder::Words(lead);
        }
    }
}

/// One column in the making.
#[derive(Debug)]
enum Builder {
    /// Texts that come again.
    Words(Words),
    /// Texts that do not.
    Text(Texts),
    Flag(Vec<Option<bool>>),
    Int(Vec<Option<i64>>),
    List(Lists),
}

/// Texts of which each row has its own.
struct Texts(MutableBinaryViewArray<str>);

/// Lists of texts, and how many rows they stand for.
struct Lists {
    lists: Box<ListStringChunkedBuilder>,
    len: usize,
}

impl Builder {
    fn new(column: Column) -> Self {
        match column.kind() {
            Kind::Flag => Self::Flag(Vec::new()),
            Kind::Int | Kind::Time => Self::Int(Vec::new()),
            Kind::TextList => Self::List(Lists { lists: Box::new(ListStringChunkedBuilder::new(PlSmallStr::EMPTY, 0, 0)), len: 0 }),
            Kind::Text | Kind::Json if is_its_own(column) => Self::Text(Texts(MutableBinaryViewArray::new())),
            Kind::Text | Kind::Json => Self::Words(Words::default()),
        }
    }

    const fn words(&mut self) -> Option<&mut Words> {
        match self {
            Self::Words(words) => Some(words),
            _ => None,
        }
    }

    #[inline]
    fn push(&mut self, row: usize, column: Column, event: &Event<'_>) {
        match self {
            Self::Words(words) => {
                words.push(row, event.text(column).unwrap_or_default());
            }
            Self::Text(Texts(array)) => {
                array.extend_null(row - array.len());
                array.push(event.text(column));
            }
            Self::Flag(values) => {
                values.resize(row, None);
                values.push(event.flag(column));
            }
            Self::Int(values) => {
                values.resize(row, None);
                values.push(event.int(column));
            }
            Self::List(_) => {}
        }
    }

    fn push_resources(&mut self, row: usize, column: Column, resources: &[Resource<'_>]) {
        let Self::List(Lists { lists, len }) = self else { return };
        for _ in *len..row {
            lists.append_null();
        }
        match column {
            Column::ResourceArns => lists.append_trusted_len_iter(resources.iter().map(|resource| resource.arn)),
            Column::ResourceTypes => lists.append_trusted_len_iter(resources.iter().map(|resource| resource.kind)),
            _ => lists.append_trusted_len_iter(resources.iter().map(|resource| resource.account_id)),
        }
        *len = row + 1;
    }

    fn finish(self, column: Column, rows: usize) -> PolarsResult<Packed> {
        let name = PlSmallStr::from_static(column.name());
        Ok(match self {
            Self::Words(words) => words.finish(rows).map_or(Packed::Null, |(codes, words)| Packed::Dictionary { codes, words }),
            Self::Text(Texts(array)) if array.len() == 0 => Packed::Null,
            Self::Flag(values) if values.is_empty() => Packed::Null,
            Self::Int(values) if values.is_empty() => Packed::Null,
            Self::List(Lists { len: 0, .. }) => Packed::Null,
            Self::Text(Texts(mut array)) => {
                array.extend_null(rows - array.len());
                plain(ChunkedArray::<StringType>::with_chunk(name, array.freeze()))
            }
            Self::Flag(mut values) => {
                values.resize(rows, None);
                plain(BooleanChunked::from_slice_options(name, &values))
            }
            Self::Int(mut values) => {
                values.resize(rows, None);
                let values = Int64Chunked::from_slice_options(name, &values).into_series();
                Packed::Plain(values.cast(&data_type(column.kind()))?.into())
            }
            Self::List(Lists { mut lists, len }) => {
                for _ in len..rows {
                    lists.append_null();
                }
                Packed::Plain(Series::from(lists.finish().into_series()).with_name(name))
            }
        })
    }
}

impl std::fmt::Debug for Texts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Texts").field(&self.0.len()).finish()
    }
}

impl std::fmt::Debug for Lists {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lists").field("len", &self.len).finish_non_exhaustive()
    }
}

/// Whether each row has a value of its own, as a rule, so that looking for an equal one would be in vain.
const fn is_its_own(column: Column) -> bool {
    matches!(
        column,
        Column::EventId
            | Column::RequestId
            | Column::SharedEventId
            | Column::RecordSha256
            | Column::RequestParameters
            | Column::ResponseElements
            | Column::AdditionalEventData
            | Column::ServiceEventDetails
            | Column::InsightDetails
            | Column::Addendum
            | Column::AddendumOriginalEventId
            | Column::Extra
    )
}

fn plain<A: polars::prelude::IntoSeries>(values: A) -> Packed {
    Packed::Plain(values.into_series().into())
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use bumpalo::Bump;
    use polars::prelude::AnyValue;

    use super::*;
    use crate::event::envelope::{Found, RecordSpan, Sink, Walker};
    use crate::source::gzip::{Inflate, Scratch};
    use crate::source::{Budget, disk, open};

    /// Keeps beside the batches what each event said.
    #[derive(Default)]
    struct Both {
        builder: BatchBuilder,
        batches: Vec<Batch>,
        said: Vec<Vec<Option<String>>>,
    }

    impl<'a> Sink<'a> for Both {
        fn record(&mut self, _: RecordSpan<'a>, found: Found<'_, 'a>) {
            let Found::Event(event, envelope) = found else { return };
            event.set_text(Column::Envelope, envelope);
            self.said.push(Column::ALL.iter().map(|column| said(event, *column)).collect());
            self.batches.extend(self.builder.push(event).expect("columns of one length"));
        }
    }

    fn said(event: &Event<'_>, column: Column) -> Option<String> {
        let list = |part: fn(&Resource<'_>) -> Option<String>| {
            let parts: Vec<Option<String>> = event.resources().iter().map(part).collect();
            (!parts.is_empty()).then(|| format!("{parts:?}"))
        };
        match column.kind() {
            Kind::Text | Kind::Json => event.text(column).map(str::to_owned),
            Kind::Flag => event.flag(column).map(|flag| flag.to_string()),
            Kind::Int | Kind::Time => event.int(column).map(|number| number.to_string()),
            Kind::TextList => match column {
                Column::ResourceArns => list(|resource| resource.arn.map(str::to_owned)),
                Column::ResourceTypes => list(|resource| resource.kind.map(str::to_owned)),
                _ => list(|resource| resource.account_id.map(str::to_owned)),
            },
        }
    }

    fn kept(value: &AnyValue<'_>) -> Option<String> {
        match value {
            AnyValue::Null => None,
            AnyValue::Boolean(flag) => Some(flag.to_string()),
            AnyValue::Int64(number) | AnyValue::Datetime(number, ..) => Some(number.to_string()),
            AnyValue::List(items) => {
                Some(format!("{:?}", items.str().expect("texts").iter().map(|item| item.map(str::to_owned)).collect::<Vec<_>>()))
            }
            text => Some(text.extract_str().expect("a text").to_owned()),
        }
    }

    /// Puts all logs below a folder into batches, and compares each value with what the event said.
    fn assert_nothing_changes(folder: &Path) -> usize {
        let mut both = Both::default();
        for object in disk::list(&[folder], &Budget::default()).expect("a folder").objects {
            let (mut scratch, mut bytes) = (Scratch::default(), Vec::new());
            let mut stream = Inflate::new(open(&object).expect("a file"), &mut scratch, Budget::default());
            while stream.fill(&mut bytes, usize::MAX) {}
            let Ok(text) = String::from_utf8(bytes) else { continue };
            let arena = Bump::new();
            Walker::default().walk(&text, true, &arena, &mut both);
        }
        both.batches.extend(both.builder.finish().expect("columns of one length"));
        let mut rows = both.said.iter();
        for batch in &both.batches {
            let frame = batch.frame(Column::ALL).expect("columns of one length");
            for row in 0..batch.rows() {
                let said = rows.next().expect("an event for each row");
                for (column, said) in Column::ALL.iter().zip(said) {
                    let value = frame.column(column.name()).expect("every column").get(row).expect("a row");
                    assert_eq!(kept(&value), *said, "{column} of row {row}");
                }
            }
        }
        assert!(rows.next().is_none());
        both.said.len()
    }

    #[test]
    fn columns_hold_what_events_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(assert_nothing_changes(&root.join("sample-logs")) > 1_000);
        assert!(assert_nothing_changes(&root.join("tests/rules")) > 300);
    }

    #[test]
    #[expect(clippy::print_stdout, reason = "a test that could not run says so")]
    fn columns_hold_what_real_events_say() {
        let shared = std::env::var_os("TRAILSIFT_SHARED").map_or_else(|| PathBuf::from("../shared"), PathBuf::from);
        let real = shared.join("data/real");
        if real.is_dir() {
            assert!(assert_nothing_changes(&real) > 3_000);
        } else {
            println!("not run: shared data absent");
        }
    }

    #[test]
    fn a_batch_is_full_before_its_codes_run_out() {
        let arena = Bump::new();
        let (mut builder, mut event) = (BatchBuilder::default(), Event::new(&arena));
        let mut full = Vec::new();
        for number in 0..70_000 {
            event.clear();
            event.set_made(Column::UserName, format_args!("user {number}"));
            full.extend(builder.push(&event).expect("columns of one length"));
        }
        full.extend(builder.finish().expect("columns of one length"));
        let names: Vec<String> = full
            .iter()
            .flat_map(|batch| {
                let frame = batch.frame(&[Column::UserName]).expect("columns of one length");
                let names = frame.column("user_name").expect("the column").str().expect("texts").clone();
                names.iter().map(|name| name.expect("a name").to_owned()).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(names.len(), 70_000);
        assert!(names.iter().enumerate().all(|(number, name)| *name == format!("user {number}")));
    }

    #[test]
    fn long_texts_fill_a_batch_too() {
        let arena = Bump::new();
        let (mut builder, mut event) = (BatchBuilder::default(), Event::new(&arena));
        event.set_text(Column::RequestParameters, arena.alloc_str(&" ".repeat(30 << 20)));
        let rows: Vec<usize> =
            (0..7).filter_map(|_| builder.push(&event).expect("columns of one length")).map(|batch| batch.rows()).collect();
        assert_eq!(rows, [3, 3]);
        assert_eq!(builder.finish().expect("columns of one length").map(|batch| batch.rows()), Some(1));
        // Also where the text has a column that others follow from.
        event.clear();
        let mut rows = Vec::new();
        for number in 0..7 {
            event.set_text(Column::UserIdentity, arena.alloc_str(&format!("{number}{}", " ".repeat(30 << 20))));
            rows.extend(builder.push(&event).expect("columns of one length").map(|batch| batch.rows()));
        }
        assert_eq!(rows, [3, 3]);
    }
}
