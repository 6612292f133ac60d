//! [`BatchBuilder`]: events into columns, many files to a batch.

use std::sync::atomic::{AtomicU64, Ordering};

use polars::prelude::{
    BooleanChunked, ChunkedArray, Column as Series, Int64Chunked, IntoSeries as _, ListBuilderTrait as _, ListStringChunkedBuilder,
    PlSmallStr, PolarsResult, StringType,
};
use polars_arrow::array::{BooleanArray, MutableArray as _, MutableBinaryViewArray, PrimitiveArray};
use polars_arrow::bitmap::{Bitmap, MutableBitmap};
use polars_arrow::datatypes::ArrowDataType;

use super::batch::{Batch, Packed};
use super::events::data_type;
use super::words::{Words, give_back};
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
    /// About how many rows a batch will have.
    expected: usize,
    /// Bytes of text that were added.
    bytes: usize,
    /// Tells the codes of this batch from those of others.
    number: u64,
    columns: Vec<Builder>,
    groups: Vec<Group>,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::expecting(0)
    }
}

impl BatchBuilder {
    /// A builder for about so many events; more or fewer cost a little more, and that is all.
    pub fn expecting(events: usize) -> Self {
        let expected = events.min(MAX_ROWS);
        Self {
            rows: 0,
            expected,
            bytes: 0,
            number: next_number(),
            columns: Column::ALL.iter().map(|column| Builder::new(*column, expected)).collect(),
            groups: GROUPS.iter().map(|(lead, followers)| Group::new(*lead, followers)).collect(),
        }
    }

    /// Adds an event as the next row, and yields the batch if it is full then.
    ///
    /// # Errors
    /// What polars says; a defect, as all columns have the same length.
    pub fn push(&mut self, event: &mut Event<'_>) -> PolarsResult<Option<Batch>> {
        let mut set = event.columns_set();
        for group in &mut self.groups {
            let (columns, new_bytes) = group.push(self.rows, event, self.number, &mut self.columns);
            set &= !columns;
            self.bytes += new_bytes;
        }
        while set != 0 {
            let column = usize::try_from(set.trailing_zeros()).unwrap_or_default();
            set &= set - 1;
            if let (Some(builder), Some(column)) = (self.columns.get_mut(column), Column::ALL.get(column)) {
                self.bytes += builder.push(self.rows, *column, event, self.number);
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
        self.number = next_number();
        let expected = self.expected;
        for group in &mut self.groups {
            group.finish(&mut self.columns);
        }
        let columns = Column::ALL
            .iter()
            .zip(&mut self.columns)
            .map(|(column, builder)| std::mem::replace(builder, Builder::new(*column, expected)).finish(*column, rows))
            .collect::<PolarsResult<Vec<Packed>>>()?;
        Ok(Some(Batch::new(rows, columns)))
    }
}

/// A number that no batch of this run has had.
fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
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
    fn push(&mut self, row: usize, event: &mut Event<'_>, batch: u64, columns: &mut [Builder]) -> (u128, usize) {
        let Some(text) = event.text(self.lead) else { return (0, 0) };
        let Some(Builder::Words(words)) = columns.get_mut(self.lead.index()) else { return (0, 0) };
        let mut new_bytes = 0;
        if usize::from(push_text(words, row, self.lead, text, event, batch)) >= self.known {
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
        let lead = std::mem::replace(lead, Words::new(0));
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

/// Gives a row its text, and yields the code of it.
#[inline]
fn push_text<'a>(words: &mut Words, row: usize, column: Column, text: &'a str, event: &mut Event<'a>, batch: u64) -> u16 {
    if !stays(column) {
        return words.push(row, text);
    }
    if let Some(code) = event.known().code(batch, column, text) {
        words.set(row, code);
        return code;
    }
    let code = words.push(row, text);
    event.known_mut().keep(batch, column, text, code);
    code
}

/// Whether texts of the column are of the program, of the object, or remembered by the reader.
const fn stays(column: Column) -> bool {
    matches!(
        column,
        Column::EventHour
            | Column::UserIdentity
            | Column::TlsVersion
            | Column::TlsCipherSuite
            | Column::TlsClientHost
            | Column::MfaVerdict
            | Column::ApiMfa
            | Column::RootClass
            | Column::Object
            | Column::Envelope
            | Column::FileRegion
            | Column::FileAccountId
    )
}

/// One column in the making.
#[derive(Debug)]
enum Builder {
    /// Texts that come again.
    Words(Words),
    /// Texts that do not.
    Text(Texts),
    Flag(Flags),
    Int(Ints),
    List(Lists),
}

/// Texts of which each row has its own.
struct Texts {
    array: MutableBinaryViewArray<str>,
    expected: usize,
}

/// Truth values, and which rows have one.
#[derive(Debug, Default)]
struct Flags {
    values: MutableBitmap,
    present: Present,
}

/// Numbers, and which rows have one.
#[derive(Debug)]
struct Ints {
    values: Vec<i64>,
    present: Present,
    expected: usize,
}

/// Which rows have a value; nothing as long as all have one.
#[derive(Debug, Default)]
struct Present(Option<MutableBitmap>);

/// Lists of texts, and how many rows they stand for.
struct Lists {
    lists: Box<ListStringChunkedBuilder>,
    len: usize,
}

impl Present {
    /// Adds rows without a value after the first `len` rows.
    #[cold]
    fn skip(&mut self, len: usize, rows: usize) {
        self.0.get_or_insert_with(|| MutableBitmap::from_len_set(len)).extend_constant(rows, false);
    }

    /// Adds a row with a value.
    #[inline]
    fn push(&mut self) {
        if let Some(present) = &mut self.0 {
            present.push(true);
        }
    }

    fn finish(self) -> Option<Bitmap> {
        self.0.map(Bitmap::from)
    }
}

impl Flags {
    fn fill(&mut self, rows: usize) {
        let len = self.values.len();
        if len < rows {
            self.present.skip(len, rows - len);
            self.values.extend_constant(rows - len, false);
        }
    }
}

impl Ints {
    fn fill(&mut self, rows: usize) {
        let len = self.values.len();
        if len < rows {
            self.present.skip(len, rows - len);
            self.values.resize(rows, 0);
        }
    }
}

impl Texts {
    fn fill(&mut self, rows: usize) {
        if self.array.len() < rows {
            self.array.extend_null(rows - self.array.len());
        }
    }
}

impl Builder {
    fn new(column: Column, expected: usize) -> Self {
        match column.kind() {
            Kind::Flag => Self::Flag(Flags::default()),
            Kind::Int | Kind::Time => Self::Int(Ints { values: Vec::new(), present: Present::default(), expected }),
            Kind::TextList => Self::List(Lists { lists: Box::new(ListStringChunkedBuilder::new(PlSmallStr::EMPTY, 0, 0)), len: 0 }),
            Kind::Text | Kind::Json if is_its_own(column) => Self::Text(Texts { array: MutableBinaryViewArray::new(), expected }),
            Kind::Text | Kind::Json => Self::Words(Words::new(expected)),
        }
    }

    const fn words(&mut self) -> Option<&mut Words> {
        match self {
            Self::Words(words) => Some(words),
            _ => None,
        }
    }

    /// Gives the row the event's value of the column, which it has, and yields how many bytes of text that is.
    #[inline]
    fn push(&mut self, row: usize, column: Column, event: &mut Event<'_>, batch: u64) -> usize {
        match self {
            Self::Words(words) => {
                let text = event.text(column).unwrap_or_default();
                push_text(words, row, column, text, event, batch);
                return text.len();
            }
            Self::Text(texts) => {
                let text = event.text(column).unwrap_or_default();
                if texts.array.capacity() == 0 {
                    texts.array.reserve(texts.expected);
                }
                texts.fill(row);
                texts.array.push_value(text);
                return text.len();
            }
            Self::Flag(flags) => {
                flags.fill(row);
                flags.values.push(event.flag(column) == Some(true));
                flags.present.push();
            }
            Self::Int(ints) => {
                if ints.values.is_empty() {
                    ints.values.reserve_exact(ints.expected);
                }
                ints.fill(row);
                ints.values.push(event.int(column).unwrap_or_default());
                ints.present.push();
            }
            Self::List(_) => {}
        }
        0
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
            Self::Text(texts) if texts.array.len() == 0 => Packed::Null,
            Self::Flag(flags) if flags.values.is_empty() => Packed::Null,
            Self::Int(ints) if ints.values.is_empty() => Packed::Null,
            Self::List(Lists { len: 0, .. }) => Packed::Null,
            Self::Text(mut texts) => {
                texts.fill(rows);
                if texts.array.capacity() / 2 > rows {
                    texts.array.shrink_to_fit();
                }
                plain(ChunkedArray::<StringType>::with_chunk(name, texts.array.freeze()))
            }
            Self::Flag(mut flags) => {
                flags.fill(rows);
                let values = BooleanArray::try_new(ArrowDataType::Boolean, flags.values.into(), flags.present.finish())?;
                plain(BooleanChunked::with_chunk(name, values))
            }
            Self::Int(mut ints) => {
                ints.fill(rows);
                give_back(&mut ints.values);
                let values = PrimitiveArray::try_new(ArrowDataType::Int64, ints.values.into(), ints.present.finish())?;
                let values = Int64Chunked::with_chunk(name, values).into_series();
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
        f.debug_struct("Texts").field("len", &self.array.len()).finish_non_exhaustive()
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
            full.extend(builder.push(&mut event).expect("columns of one length"));
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
            (0..7).filter_map(|_| builder.push(&mut event).expect("columns of one length")).map(|batch| batch.rows()).collect();
        assert_eq!(rows, [3, 3]);
        assert_eq!(builder.finish().expect("columns of one length").map(|batch| batch.rows()), Some(1));
        // Also where the text has a column that others follow from.
        event.clear();
        let mut rows = Vec::new();
        for number in 0..7 {
            event.set_text(Column::UserIdentity, arena.alloc_str(&format!("{number}{}", " ".repeat(30 << 20))));
            rows.extend(builder.push(&mut event).expect("columns of one length").map(|batch| batch.rows()));
        }
        assert_eq!(rows, [3, 3]);
    }
}
