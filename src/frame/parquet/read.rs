//! [`Segment`]: frames out of a file.

use std::fs::File;
use std::io::{self, Cursor, Read as _, Seek as _, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use polars::prelude::{
    BooleanChunked, Column as FrameColumn, DataFrame, Int64Chunked, IntoSeries as _, ListChunked, PlSmallStr, Schema, Series,
    StringChunked, TimeUnit, TimeZone,
};
use polars_arrow::array::{Array, BooleanArray, ListArray, PrimitiveArray, Utf8ViewArray};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::{ArrowDataType, Field as ArrowField};
use polars_parquet::parquet::PARQUET_MAGIC;
use polars_parquet::parquet::error::{ParquetError, ParquetResult};
use polars_parquet::parquet::metadata::{ColumnChunkMetadata, FileMetadata};
use polars_parquet::parquet::page::CompressedPage;
use polars_parquet::parquet::read::{BasicDecompressor, PageReader, deserialize_metadata};
use polars_parquet::parquet::statistics::Statistics;
use polars_parquet::read::{Filter, column_iter_to_arrays};

use super::footer::{CHECKSUMS, TAIL_BYTES, chunk_sums, verify};
use super::hash::hash;
use super::ids::Ids;
use super::layout::{self, Shape};
use super::{MAX_GROUP_ROWS, MAX_PAGE_BYTES, refuse};
use crate::error::Error;
use crate::schema::Column;

/// A file of frames, open for reading.
///
/// Only its footer is in memory. Each read opens the file anew, so that any number of segments may be open, and
/// threads may read one at once.
#[derive(Debug)]
pub struct Segment {
    path: PathBuf,
    bytes: u64,
    metadata: FileMetadata,
    schema: Schema,
    /// The shape of each column, and where its chunks begin among those of a row group.
    columns: Vec<(Shape, usize)>,
    /// Chunks of a row group.
    leaves: usize,
    /// Checksums of the chunks, row group by row group.
    sums: Vec<u64>,
}

/// Between what the values of a column lie that are not null. Texts may lie well within: long ones are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bounds {
    /// Texts, in the order of their bytes.
    Text(String, String),
    /// Whole numbers; times are microseconds since 1970.
    Int(i64, i64),
    /// Truth values.
    Flag(bool, bool),
}

impl Segment {
    /// Reads and checks the footer.
    ///
    /// # Errors
    /// Where the file cannot be read, was not finished, was changed, or is none that [`SegmentWriter`] wrote.
    ///
    /// [`SegmentWriter`]: super::SegmentWriter
    pub fn open(path: &Path) -> Result<Self, Error> {
        let (footer, bytes) = read_footer(path)?;
        let damaged = |reason: &str| damaged(path, reason);
        let body = footer.get(..footer.len() - TAIL_BYTES).unwrap_or_default();
        verify(body).map_err(damaged)?;
        let metadata = guarded(|| deserialize_metadata(footer.into())).map_err(|reason| damaged(&reason))?;
        let (schema, shapes) = layout::schema(metadata.schema()).map_err(|reason| damaged(&reason))?;
        let leaves = metadata.schema().columns().len();
        let first = shapes.iter().scan(0, |next, shape| {
            let first = *next;
            *next += shape.leaves();
            Some(first)
        });
        let columns = shapes.iter().copied().zip(first).collect();
        let mut segment = Self { path: path.to_owned(), bytes, metadata, schema, columns, leaves, sums: Vec::new() };
        segment.sums = segment.metadata(CHECKSUMS).and_then(chunk_sums).unwrap_or_default();
        if segment.sums.len() != segment.leaves * segment.row_groups() {
            return Err(damaged("it has not one checksum for each chunk"));
        }
        if (0..segment.row_groups()).any(|group| segment.rows(group) > MAX_GROUP_ROWS) {
            return Err(damaged("a row group claims more rows than are ever written"));
        }
        Ok(segment)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The columns.
    pub const fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many row groups there are.
    pub const fn row_groups(&self) -> usize {
        self.metadata.row_groups.len()
    }

    /// How many rows a row group has; 0 where there is no such group.
    pub fn rows(&self, group: usize) -> usize {
        self.metadata.row_groups.get(group).map_or(0, polars_parquet::read::RowGroupMetadata::num_rows)
    }

    /// The words that the writer was given under that key.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        let entries = self.metadata.key_value_metadata.as_deref().unwrap_or_default();
        entries.iter().find(|entry| entry.key == key)?.value.as_deref()
    }

    /// Some columns of a row group, in the order asked for; with a mask, only the rows for which it is true.
    ///
    /// # Errors
    /// Where the file has no such group or column, the mask is of another length, or the bytes were changed.
    pub fn read(&self, group: usize, names: &[&str], mask: Option<&BooleanChunked>) -> Result<DataFrame, Error> {
        let rows = self.metadata.row_groups.get(group).map(polars_parquet::read::RowGroupMetadata::num_rows);
        let rows = rows.ok_or_else(|| refuse("read", &self.path, format!("row group {group} of {}", self.row_groups())))?;
        let mask = mask.map(selected);
        if let Some(mask) = mask.as_ref().filter(|mask| mask.len() != rows) {
            return Err(refuse("read", &self.path, format!("a mask of {} rows for a row group of {rows}", mask.len())));
        }
        let mut file = File::open(&self.path).map_err(|cause| Error::io("read", &self.path, cause))?;
        let columns = names.iter().map(|name| self.column(&mut file, group, name, mask.as_ref())).collect::<Result<Vec<_>, _>>()?;
        Ok(DataFrame::new(mask.map_or(rows, |mask| mask.set_bits()), columns)?)
    }

    /// [`Segment::read`] for columns of events, which must be of the type that events have.
    ///
    /// # Errors
    /// As there.
    pub fn read_columns(&self, group: usize, columns: &[Column], mask: Option<&BooleanChunked>) -> Result<DataFrame, Error> {
        for column in columns {
            let expected = crate::frame::data_type(column.kind());
            if let Some(found) = self.schema.get(column.name()).filter(|found| **found != expected) {
                return Err(refuse("read", &self.path, format!("column {column} is of type {found} in it, not {expected}")));
            }
        }
        let names: Vec<&str> = columns.iter().map(|column| column.name()).collect();
        self.read(group, &names, mask)
    }

    /// Between what a column's values in a row group lie; nothing where that is not known, or all are null.
    pub fn bounds(&self, group: usize, name: &str) -> Option<Bounds> {
        let text = |bytes: &Option<Vec<u8>>| String::from_utf8(bytes.clone()?).ok();
        let (Shape::Text | Shape::Flag | Shape::Int | Shape::Time, leaf) = self.place(name)? else { return None };
        match self.statistics(group, leaf)? {
            Statistics::Binary(found) => Some(Bounds::Text(text(&found.min_value)?, text(&found.max_value)?)),
            Statistics::Int64(found) => Some(Bounds::Int(found.min_value?, found.max_value?)),
            Statistics::Boolean(found) => Some(Bounds::Flag(found.min_value?, found.max_value?)),
            _ => None,
        }
    }

    /// How many rows of a column are null in a row group, where that is known; it is not of lists and of ids.
    pub fn nulls(&self, group: usize, name: &str) -> Option<usize> {
        let (Shape::Text | Shape::Flag | Shape::Int | Shape::Time, leaf) = self.place(name)? else { return None };
        self.null_values(group, leaf)
    }

    /// A column's shape and first chunk.
    fn place(&self, name: &str) -> Option<(Shape, usize)> {
        self.columns.get(self.schema.index_of(name)?).copied()
    }

    fn null_values(&self, group: usize, leaf: usize) -> Option<usize> {
        self.statistics(group, leaf)?.null_count().and_then(|nulls| usize::try_from(nulls).ok())
    }

    fn statistics(&self, group: usize, leaf: usize) -> Option<Statistics> {
        let chunk = self.metadata.row_groups.get(group)?.parquet_columns().get(leaf)?;
        guarded(|| chunk.statistics(&self.metadata.footer_buf).transpose()).ok()?
    }

    fn column(&self, file: &mut File, group: usize, name: &str, mask: Option<&Bitmap>) -> Result<FrameColumn, Error> {
        let (shape, leaf) = self.place(name).ok_or_else(|| refuse("read", &self.path, format!("it has no column {name}")))?;
        let rows = self.rows(group);
        let wanted = mask.map_or(rows, Bitmap::set_bits);
        if wanted == 0 {
            return Ok(FrameColumn::new_empty(name.into(), &shape.data_type()));
        }
        let damaged = |reason: &str| damaged(&self.path, &format!("column {name} of row group {group}: {reason}"));
        let mut chunk = |leaf: usize, dtype: ArrowDataType| {
            let bytes = self.chunk_bytes(file, group, leaf).map_err(|cause| match cause.kind() {
                io::ErrorKind::UnexpectedEof => damaged("it is cut"),
                _ => Error::io("read", &self.path, cause),
            })?;
            if self.sums.get(group * self.leaves + leaf) != Some(&hash(&bytes)) {
                return Err(damaged("it does not match its checksum"));
            }
            let chunk = self.metadata.row_groups.get(group).and_then(|group| group.parquet_columns().get(leaf));
            let chunk = chunk.ok_or_else(|| damaged("it has too few chunks"))?;
            let array = guarded(|| decode(bytes, chunk, dtype, rows, mask)).map_err(|reason| damaged(&reason))?;
            if array.len() == wanted { Ok(array) } else { Err(damaged(&format!("it has {} rows of {wanted}", array.len()))) }
        };
        let array = match shape {
            Shape::Id if self.null_values(group, leaf) == Some(rows) => chunk(leaf + 1, shape.arrow_type())?,
            Shape::Id => {
                let uuids = chunk(leaf, ArrowDataType::FixedSizeBinary(16))?;
                let others = if self.null_values(group, leaf + 1) == Some(rows) {
                    Utf8ViewArray::new_null(shape.arrow_type(), wanted).boxed()
                } else {
                    chunk(leaf + 1, shape.arrow_type())?
                };
                let both = uuids.as_any().downcast_ref().zip(others.as_any().downcast_ref());
                let (uuids, others) = both.ok_or_else(|| damaged("it decodes to another type"))?;
                Ids::join(uuids, others).boxed()
            }
            shape => chunk(leaf, shape.arrow_type())?,
        };
        series(name, shape, array.as_ref()).map(Into::into).ok_or_else(|| damaged("it decodes to another type"))
    }

    fn chunk_bytes(&self, file: &mut File, group: usize, leaf: usize) -> io::Result<Vec<u8>> {
        let chunk = self.metadata.row_groups.get(group).and_then(|group| group.parquet_columns().get(leaf));
        let chunk = chunk.ok_or(io::ErrorKind::UnexpectedEof)?;
        let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
        let place = u64::try_from(start).ok().zip(u64::try_from(chunk.compressed_size()).ok());
        let place = place.filter(|(start, length)| start.checked_add(*length).is_some_and(|end| end <= self.bytes));
        let (start, length) = place.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or_default()];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

/// The footer with its length and the magic number, and the file's length.
fn read_footer(path: &Path) -> Result<(Vec<u8>, u64), Error> {
    let io = |cause| Error::io("read", path, cause);
    let mut file = File::open(path).map_err(io)?;
    let bytes = file.metadata().map_err(io)?.len();
    let tail_bytes = u64::try_from(TAIL_BYTES).unwrap_or_default();
    let mut tail = [0; TAIL_BYTES];
    let end = bytes.checked_sub(tail_bytes).ok_or_else(|| damaged(path, "it is too short to be a table"))?;
    file.seek(SeekFrom::Start(end)).and_then(|_| file.read_exact(&mut tail)).map_err(io)?;
    let [a, b, c, d, magic @ ..] = tail;
    if magic != PARQUET_MAGIC {
        return Err(damaged(path, "its end is not that of a finished table"));
    }
    let length = u32::from_le_bytes([a, b, c, d]);
    let start = end.checked_sub(u64::from(length)).ok_or_else(|| damaged(path, "its footer claims to be longer than the file"))?;
    let mut footer = vec![0; usize::try_from(bytes - start).unwrap_or_default()];
    file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut footer)).map_err(io)?;
    Ok((footer, bytes))
}

fn damaged(path: &Path, reason: &str) -> Error {
    refuse("read", path, format!("the table is damaged ({reason}): read the logs again into a new one"))
}

/// What polars answers; its decoder panics on some input that is out of order.
fn guarded<T>(work: impl FnOnce() -> ParquetResult<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err("its pages are out of order".to_owned()),
    }
}

/// The rows for which a mask is true.
fn selected(mask: &BooleanChunked) -> Bitmap {
    let mask = mask.rechunk();
    let array = mask.downcast_as_array();
    array.validity().map_or_else(|| array.values().clone(), |validity| array.values() & validity)
}

fn decode(
    bytes: Vec<u8>,
    chunk: &ColumnChunkMetadata,
    dtype: ArrowDataType,
    rows: usize,
    mask: Option<&Bitmap>,
) -> ParquetResult<Box<dyn Array>> {
    let length = bytes.len();
    let bytes = Cursor::new(bytes.into());
    let flat = !dtype.is_nested();
    check_claims(PageReader::new(bytes.clone(), chunk, Vec::new(), length), flat.then_some(rows))?;
    let pages = BasicDecompressor::new(PageReader::new(bytes, chunk, Vec::new(), length), Vec::new());
    let leaf = &chunk.descriptor().descriptor.primitive_type;
    let field = ArrowField::new(PlSmallStr::EMPTY, dtype, true);
    let filter = mask.map(|mask| Filter::Mask(mask.clone()));
    let (mut arrays, _) = column_iter_to_arrays(vec![pages], vec![leaf], field, filter)?;
    match arrays.pop() {
        Some(array) if arrays.is_empty() => Ok(array),
        _ => Err(ParquetError::OutOfSpec("it decodes to several arrays".to_owned())),
    }
}

/// The array as a column.
fn series(name: &str, shape: Shape, array: &dyn Array) -> Option<Series> {
    let name = PlSmallStr::from_str(name);
    let array = array.as_any();
    Some(match shape {
        // A dictionary of many texts would stay in memory for the few that were asked for.
        Shape::Text | Shape::Id => StringChunked::with_chunk(name, array.downcast_ref::<Utf8ViewArray>()?.clone().maybe_gc()).into_series(),
        Shape::Flag => BooleanChunked::with_chunk(name, array.downcast_ref::<BooleanArray>()?.clone()).into_series(),
        Shape::Int => Int64Chunked::with_chunk(name, array.downcast_ref::<PrimitiveArray<i64>>()?.clone()).into_series(),
        Shape::Time => Int64Chunked::with_chunk(name, array.downcast_ref::<PrimitiveArray<i64>>()?.clone())
            .into_datetime(TimeUnit::Microseconds, Some(TimeZone::UTC))
            .into_series(),
        Shape::TextList => ListChunked::with_chunk(name, array.downcast_ref::<ListArray<i64>>()?.clone()).into_series(),
    })
}

/// Holds what the pages claim to what there may be, before memory is taken for it.
fn check_claims(mut pages: PageReader, rows: Option<usize>) -> ParquetResult<()> {
    let refuse = |reason: &str| Err(ParquetError::OutOfSpec(reason.to_owned()));
    pages.read_dict()?;
    let mut values = 0;
    for page in pages {
        let CompressedPage::Data(page) = page? else { return refuse("a dictionary after the first page") };
        if page.uncompressed_size() > MAX_PAGE_BYTES {
            return refuse("a page longer than is ever written");
        }
        values += page.num_values();
    }
    if rows.is_some_and(|rows| rows != values) { refuse("pages with another number of rows") } else { Ok(()) }
}
