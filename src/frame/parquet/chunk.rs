//! [`Encoder`]: one column of a batch into pages.

use std::ops::ControlFlow;

use polars::prelude::{PolarsError, PolarsResult};
use polars_arrow::array::{Array as _, BooleanArray, PrimitiveArray, Utf8ViewArray};
use polars_parquet::parquet::CowBuffer;
use polars_parquet::parquet::compression::{Compression, CompressionOptions, ZstdLevel, compress};
use polars_parquet::parquet::encoding::Encoding;
use polars_parquet::parquet::error::{ParquetError, ParquetResult};
use polars_parquet::parquet::metadata::Descriptor;
use polars_parquet::parquet::page::{CompressedDataPage, CompressedDictPage, CompressedPage, DataPageHeader, DataPageHeaderV1, Page};
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::parquet::statistics::ParquetStatistics;
use polars_parquet::write::{Nested, StatisticsOptions, Version, WriteOptions, array_to_page};

use super::bits::{encode_bits, encode_numbers, encode_run, with_length};
use super::dictionary::Dictionary;
use super::ids::Ids;
use super::layout::Shape;
use super::texts::{Texts, nulls, validity_levels};
use super::{MAX_PAGE_BYTES, Values};

/// Encodes columns; the memory it needs for one it keeps for the next.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    dictionary: Dictionary,
    raw: Vec<u8>,
    packed: Vec<u8>,
}

/// Bytes of a page of texts before compression: a reader of few rows inflates whole pages.
const PAGE_BYTES: usize = 256 << 10;
/// Bytes of a chunk up to which it stays as it is: a frame of zstd takes more than it saves.
const PLAIN_CHUNK_BYTES: usize = 64;
/// Bytes of a text's bounds at most.
const BOUND_BYTES: usize = 64;
/// Levels of zstd: 3 saved one part in a hundred and took a third longer.
const LEVEL: i32 = 1;

/// What polars' encoder is asked for: the values and nothing else.
const PLAIN: WriteOptions = WriteOptions {
    statistics: StatisticsOptions {
        min_value: false,
        max_value: false,
        distinct_count: false,
        null_count: false,
        binary_statistics_truncate_length: None,
    },
    version: Version::V1,
    compression: CompressionOptions::Uncompressed,
    data_page_size: None,
};

/// The pages of each chunk of a column.
type Chunks = ParquetResult<Vec<Vec<CompressedPage>>>;

impl Encoder {
    /// The pages of each of a column's chunks; none if it has no rows.
    ///
    /// # Errors
    /// Where a single value is too long for a page, or the values are not of that shape.
    pub(super) fn chunks(&mut self, rows: usize, values: &Values<'_>, shape: Shape, leaves: &[Descriptor]) -> Chunks {
        let column = match values {
            _ if rows == 0 => return Ok(leaves.iter().map(|_| Vec::new()).collect()),
            Values::Null => return leaves.iter().map(|leaf| self.nulls(shape, rows, leaf)).collect(),
            Values::Words { codes, words } => return self.words(codes, words, shape, leaves),
            Values::Column(column) if column.null_count() == rows => return self.chunks(rows, &Values::Null, shape, leaves),
            Values::Column(column) => column,
        };
        let series = column.as_materialized_series().rechunk();
        let other = |error: PolarsError| ParquetError::InvalidParameter(error.to_string());
        match (shape, leaves) {
            (Shape::Text, [leaf]) => Ok(vec![self.texts(&Texts::flat(series.str().map_err(other)?.downcast_as_array()), leaf)?]),
            (Shape::Id, [uuids, texts]) => {
                let ids = Ids::split(series.str().map_err(other)?.downcast_as_array());
                let texts = if ids.others.null_count() == ids.others.len() {
                    self.nulls(Shape::Text, ids.others.len(), texts)?
                } else {
                    self.texts(&Texts::flat(&ids.others), texts)?
                };
                Ok(vec![self.uuids(&ids, uuids)?, texts])
            }
            (Shape::TextList, [leaf]) => match Texts::lists(series.list().map_err(other)?.downcast_as_array()) {
                Some(lists) => Ok(vec![self.texts(&lists, leaf)?]),
                None => refuse("lists of something else"),
            },
            (Shape::Flag, [leaf]) => {
                self.raw.clear();
                let header = flag_page(series.bool().map_err(other)?.downcast_as_array(), &mut self.raw);
                self.one_page(header, series.len(), leaf)
            }
            (Shape::Int | Shape::Time, [leaf]) => {
                self.raw.clear();
                let numbers = series.to_physical_repr();
                let header = int_page(numbers.i64().map_err(other)?.downcast_as_array(), leaf, &mut self.raw).map_err(other)?;
                self.one_page(header, series.len(), leaf)
            }
            _ => refuse("a column of another number of chunks"),
        }
    }

    /// A column whose texts are numbered already.
    fn words(&mut self, codes: &[u16], words: &Utf8ViewArray, shape: Shape, leaves: &[Descriptor]) -> Chunks {
        let Some(texts) = Texts::coded(codes, words) else { return refuse("codes without a text") };
        match (shape, leaves) {
            (Shape::Text, [leaf]) => Ok(vec![self.texts(&texts, leaf)?]),
            (Shape::Id, [uuids, leaf]) => Ok(vec![self.nulls(Shape::Text, codes.len(), uuids)?, self.texts(&texts, leaf)?]),
            _ => refuse("texts in a column of something else"),
        }
    }

    /// A chunk of which all is null.
    fn nulls(&mut self, shape: Shape, rows: usize, leaf: &Descriptor) -> ParquetResult<Vec<CompressedPage>> {
        self.raw.clear();
        for _ in 0..if shape == Shape::TextList { 2 } else { 1 } {
            with_length(&mut self.raw, |out| encode_run(0, rows, 1, out));
        }
        Ok(vec![self.data_page(header(rows, Encoding::Plain, Some(statistics(rows, None))), rows, false, leaf)?])
    }

    fn one_page(&mut self, header: DataPageHeader, rows: usize, leaf: &Descriptor) -> Chunks {
        let squeeze = self.raw.len() > PLAIN_CHUNK_BYTES;
        Ok(vec![vec![self.data_page(header, rows, squeeze, leaf)?]])
    }

    /// The UUIDs as they are: they cannot be compressed.
    fn uuids(&mut self, ids: &Ids, leaf: &Descriptor) -> ParquetResult<Vec<CompressedPage>> {
        let rows = ids.valid.len();
        self.raw.clear();
        validity_levels(Some(&ids.valid), 0..rows, &mut self.raw);
        self.raw.extend_from_slice(ids.uuids.as_flattened());
        Ok(vec![self.data_page(header(rows, Encoding::Plain, Some(statistics(ids.valid.unset_bits(), None))), rows, false, leaf)?])
    }

    fn texts(&mut self, texts: &Texts<'_>, leaf: &Descriptor) -> ParquetResult<Vec<CompressedPage>> {
        if self.dictionary.number(texts) { self.numbered_texts(texts, leaf) } else { self.plain_texts(texts, leaf) }
    }

    /// The distinct texts, then a number for each.
    fn numbered_texts(&mut self, texts: &Texts<'_>, leaf: &Descriptor) -> ParquetResult<Vec<CompressedPage>> {
        let (codes, width) = (self.dictionary.codes(), self.dictionary.width());
        let squeeze = codes.len() > PLAIN_CHUNK_BYTES;
        self.raw.clear();
        for place in self.dictionary.places() {
            push_text(texts.bytes(place), &mut self.raw);
        }
        let statistics = text_statistics(texts, |visit| self.dictionary.places().for_each(visit));
        let page = texts.whole(codes.len());
        let (dictionary, compression) = compressed(&self.raw, squeeze, &mut self.packed)?;
        let dictionary = CompressedDictPage::new(CowBuffer::Owned(dictionary), compression, self.raw.len(), self.dictionary.len(), false);
        self.raw.clear();
        texts.levels(&page, &mut self.raw);
        self.raw.push(u8::try_from(width).unwrap_or(u8::MAX));
        encode_numbers(codes, width, &mut self.raw);
        let header = header(page.values.len(), Encoding::RleDictionary, Some(statistics));
        Ok(vec![CompressedPage::Dict(dictionary), self.data_page(header, page.rows, squeeze, leaf)?])
    }

    /// The texts one after the other.
    fn plain_texts(&mut self, texts: &Texts<'_>, leaf: &Descriptor) -> ParquetResult<Vec<CompressedPage>> {
        let short = self.dictionary.mean_bytes() <= BOUND_BYTES;
        let mut statistics = Some(text_statistics(texts, |visit| {
            let _ = texts.visit_all(|place| {
                visit(place);
                if short { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            });
        }));
        if let Some(statistics) = statistics.as_mut().filter(|_| !short) {
            (statistics.min_value, statistics.max_value) = (None, None);
        }
        let pages = texts.pages(PAGE_BYTES, |length| length + 4).into_iter().map(|page| {
            self.raw.clear();
            texts.levels(&page, &mut self.raw);
            texts.visit(&page, |place| push_text(texts.bytes(place), &mut self.raw));
            self.data_page(header(page.values.len(), Encoding::Plain, statistics.take()), page.rows, true, leaf)
        });
        pages.collect()
    }

    fn data_page(&mut self, header: DataPageHeader, rows: usize, squeeze: bool, leaf: &Descriptor) -> ParquetResult<CompressedPage> {
        let (buffer, codec) = compressed(&self.raw, squeeze, &mut self.packed)?;
        Ok(CompressedPage::Data(CompressedDataPage::new(header, CowBuffer::Owned(buffer), codec, self.raw.len(), leaf.clone(), rows)))
    }
}

fn refuse<T>(reason: &str) -> ParquetResult<T> {
    Err(ParquetError::InvalidParameter(reason.to_owned()))
}

/// The page as it is stored; all of one chunk must have one codec.
fn compressed(raw: &[u8], squeeze: bool, packed: &mut Vec<u8>) -> ParquetResult<(Vec<u8>, Compression)> {
    if raw.len() > MAX_PAGE_BYTES {
        return Err(ParquetError::InvalidParameter(format!("{} bytes of one value: a page holds {MAX_PAGE_BYTES}", raw.len())));
    }
    if !squeeze {
        return Ok((raw.to_vec(), Compression::Uncompressed));
    }
    let level = ZstdLevel::try_new(LEVEL).map_err(|error| ParquetError::InvalidParameter(error.to_string()))?;
    packed.clear();
    compress(CompressionOptions::Zstd(Some(level)), raw, packed)?;
    Ok((packed.as_slice().to_vec(), Compression::Zstd))
}

fn push_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text);
}

fn header(values: usize, encoding: Encoding, statistics: Option<ParquetStatistics>) -> DataPageHeader {
    DataPageHeader::V1(DataPageHeaderV1 {
        num_values: i32::try_from(values).unwrap_or(i32::MAX),
        encoding: encoding.into(),
        definition_level_encoding: Encoding::Rle.into(),
        repetition_level_encoding: Encoding::Rle.into(),
        statistics,
    })
}

fn flag_page(array: &BooleanArray, out: &mut Vec<u8>) -> DataPageHeader {
    validity_levels(array.validity(), 0..array.len(), out);
    let present = match nulls(array.validity()) {
        None => array.values().clone(),
        Some(validity) => validity.true_idx_iter().map(|row| array.value(row)).collect(),
    };
    with_length(out, |out| encode_bits(&present, out));
    let bounds = [present.unset_bits() == 0, present.set_bits() > 0].map(|bit| vec![u8::from(bit)]);
    header(array.len(), Encoding::Rle, Some(statistics(array.null_count(), Some(bounds))))
}

fn int_page(array: &PrimitiveArray<i64>, leaf: &Descriptor, out: &mut Vec<u8>) -> PolarsResult<DataPageHeader> {
    validity_levels(array.validity(), 0..array.len(), out);
    let present: Vec<i64> = match nulls(array.validity()) {
        None => array.values().as_slice().to_vec(),
        Some(_) => array.non_null_values_iter().collect(),
    };
    let bounds = present.iter().min().zip(present.iter().max()).map(|(min, max)| [min, max].map(|number| number.to_le_bytes().to_vec()));
    let present = PrimitiveArray::from_vec(present);
    // As a column without nulls, so that the page has no levels before its values.
    let mut required = leaf.primitive_type.clone();
    required.field_info.repetition = Repetition::Required;
    let nested = [Nested::primitive(None, false, present.len())];
    if let Page::Data(page) = array_to_page(&present, required, &nested, PLAIN, Encoding::DeltaBinaryPacked)? {
        out.extend_from_slice(page.buffer());
    }
    Ok(header(array.len(), Encoding::DeltaBinaryPacked, Some(statistics(array.null_count(), bounds))))
}

/// The bounds of the texts whose places `visit_all` calls with.
fn text_statistics(texts: &Texts<'_>, visit_all: impl FnOnce(&mut dyn FnMut(usize))) -> ParquetStatistics {
    let mut bounds = None;
    visit_all(&mut |place| {
        let text = texts.bytes(place);
        let (min, max) = bounds.get_or_insert((text, text));
        *min = text.min(*min);
        *max = text.max(*max);
    });
    let bounds = bounds.and_then(|(min, max)| Some([lower_bound(min).to_vec(), upper_bound(max)?]));
    ParquetStatistics { null_count: texts.null_rows().and_then(|nulls| i64::try_from(nulls).ok()), ..statistics(0, bounds) }
}

/// The start of a text: no text that is not smaller than the text is smaller than it.
fn lower_bound(text: &[u8]) -> &[u8] {
    let text = str::from_utf8(text).unwrap_or_default();
    text.get(..text.floor_char_boundary(BOUND_BYTES)).unwrap_or_default().as_bytes()
}

/// A text of bounded length that is not smaller, if one is easily had.
fn upper_bound(text: &[u8]) -> Option<Vec<u8>> {
    let mut bound = lower_bound(text).to_vec();
    if bound.len() < text.len() {
        // The next letter in the place of the last; beyond ASCII it is not worth the care.
        let last = bound.last_mut().filter(|last| **last < 0x7f)?;
        *last += 1;
    }
    Some(bound)
}

fn statistics(nulls: usize, bounds: Option<[Vec<u8>; 2]>) -> ParquetStatistics {
    let (min, max) = bounds.map(|[min, max]| (min, max)).unzip();
    ParquetStatistics {
        null_count: i64::try_from(nulls).ok(),
        distinct_count: None,
        min_value: min,
        max_value: max,
        min: None,
        max: None,
        is_max_value_exact: None,
        is_min_value_exact: None,
    }
}
