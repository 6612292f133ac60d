//! [`Encoder`]: one column of a batch into pages.

use std::ops::ControlFlow;

use polars::prelude::{Column, PolarsError, PolarsResult};
use polars_arrow::array::{Array as _, BooleanArray, PrimitiveArray, Utf8ViewArray};
use polars_arrow::bitmap::Bitmap;
use polars_parquet::parquet::CowBuffer;
use polars_parquet::parquet::compression::{Compression, CompressionOptions, ZstdLevel, compress};
use polars_parquet::parquet::encoding::{Encoding, hybrid_rle};
use polars_parquet::parquet::error::{ParquetError, ParquetResult};
use polars_parquet::parquet::metadata::Descriptor;
use polars_parquet::parquet::page::{CompressedDataPage, CompressedDictPage, CompressedPage, DataPageHeader, DataPageHeaderV1, Page};
use polars_parquet::parquet::schema::Repetition;
use polars_parquet::parquet::statistics::ParquetStatistics;
use polars_parquet::write::{Nested, StatisticsOptions, Version, WriteOptions, array_to_page};

use super::super::batch::spread;
use super::MAX_PAGE_BYTES;
use super::Values;
use super::bits::{encode_bits, encode_run, with_length};
use super::dictionary::{Dictionary, MAX_BYTES as MAX_DICTIONARY_BYTES};
use super::layout::Shape;
use super::texts::{Texts, nulls, validity_levels};

/// Encodes columns; what it needs for one it keeps for the next.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    dictionary: Dictionary,
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

/// A page before compression.
struct Draft {
    raw: Vec<u8>,
    /// Values of a dictionary; a data page has a header.
    header: Result<(DataPageHeader, usize), usize>,
}

impl Encoder {
    /// The pages of a column in whatever form it is.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub(super) fn pages(&mut self, values: &Values<'_>, shape: Shape, leaf: &Descriptor) -> ParquetResult<Vec<CompressedPage>> {
        match values {
            Values::Column(column) => self.chunk(column, shape, leaf),
            Values::Words(codes, words) => match self.words(codes, words, leaf)? {
                Some(pages) => Ok(pages),
                None => self.chunk(&spread(codes, words).map_err(invalid)?.into(), shape, leaf),
            },
        }
    }

    /// The pages of a column; none if it has no rows.
    ///
    /// # Errors
    /// Where a single value is too long for a page.
    pub(super) fn chunk(&mut self, column: &Column, shape: Shape, leaf: &Descriptor) -> ParquetResult<Vec<CompressedPage>> {
        let rows = column.len();
        if rows == 0 {
            return Ok(Vec::new());
        }
        if column.null_count() == rows {
            return self.compressed(vec![null_page(shape, rows)], leaf);
        }
        let series = column.as_materialized_series().rechunk();
        match shape {
            Shape::Text => self.texts(Texts::flat(series.str().map_err(invalid)?.downcast_as_array()), leaf),
            Shape::TextList => {
                let lists = Texts::lists(series.list().map_err(invalid)?.downcast_as_array());
                self.texts(lists.ok_or_else(|| ParquetError::InvalidParameter("a list of something else".to_owned()))?, leaf)
            }
            Shape::Flag => {
                let page = flag_page(series.bool().map_err(invalid)?.downcast_as_array());
                self.compressed(vec![page], leaf)
            }
            Shape::Int | Shape::Time => {
                let numbers = series.to_physical_repr();
                let page = int_page(numbers.i64().map_err(invalid)?.downcast_as_array(), leaf).map_err(invalid)?;
                self.compressed(vec![page], leaf)
            }
        }
    }

    /// The pages of a column of texts whose dictionary is known: for each row the place of its text in `words`, where the
    /// first stands for null. `None` where the texts themselves are shorter.
    ///
    /// # Errors
    /// As [`chunk`](Self::chunk).
    pub(super) fn words(&mut self, codes: &[u16], words: &Utf8ViewArray, leaf: &Descriptor) -> ParquetResult<Option<Vec<CompressedPage>>> {
        let texts = Texts::flat(words);
        let mut all_bytes = 0;
        let mut present = Vec::with_capacity(codes.len());
        for code in codes.iter().filter(|code| **code != 0) {
            all_bytes += 4 + texts.bytes(usize::from(*code)).len();
            present.push(u32::from(*code - 1));
        }
        let mut raw = Vec::new();
        let places = || 1..words.len();
        for place in places() {
            push_text(texts.bytes(place), &mut raw);
        }
        let width = words.len().saturating_sub(2).checked_ilog2().map_or(0, |bits| bits + 1);
        let code_bytes = present.len() * usize::try_from(width).unwrap_or_default() / 8;
        if raw.len() > MAX_DICTIONARY_BYTES || raw.len() + code_bytes > all_bytes {
            return Ok(None);
        }
        let mut drafts = vec![Draft { raw, header: Err(words.len() - 1) }];
        let nulls = codes.len() - present.len();
        let bounds = text_statistics(texts, places());
        let statistics = ParquetStatistics { null_count: i64::try_from(nulls).ok(), ..bounds };
        let validity: Option<Bitmap> = (nulls > 0).then(|| codes.iter().map(|code| *code != 0).collect());
        let mut raw = Vec::new();
        validity_levels(validity.as_ref(), 0..codes.len(), &mut raw);
        raw.push(u8::try_from(width).unwrap_or(u8::MAX));
        hybrid_rle::encode::<u32, _, _>(&mut raw, present.iter().copied(), width)?;
        drafts.push(data_page(raw, codes.len(), codes.len(), Encoding::RleDictionary, Some(statistics)));
        self.compressed(drafts, leaf).map(Some)
    }

    fn texts(&mut self, texts: Texts<'_>, leaf: &Descriptor) -> ParquetResult<Vec<CompressedPage>> {
        if self.dictionary.build(texts) { self.numbered_texts(texts, leaf) } else { self.plain_texts(texts, leaf) }
    }

    /// The distinct texts, then numbers.
    fn numbered_texts(&mut self, texts: Texts<'_>, leaf: &Descriptor) -> ParquetResult<Vec<CompressedPage>> {
        let mut raw = Vec::new();
        for place in self.dictionary.places() {
            push_text(texts.bytes(place), &mut raw);
        }
        let mut drafts = vec![Draft { raw, header: Err(self.dictionary.len()) }];
        let mut statistics = Some(text_statistics(texts, self.dictionary.places()));
        let width = u8::try_from(self.dictionary.width()).unwrap_or(u8::MAX);
        let mut codes = self.dictionary.codes();
        let mut start = 0;
        while start < texts.rows() {
            let end = texts.page_end(start, 4 * PAGE_BYTES, |_| 4);
            let mut raw = Vec::new();
            let values = texts.levels(start..end, &mut raw)?;
            let mut present = 0;
            let _ = texts.visit(start..end, |_| {
                present += 1;
                ControlFlow::Continue(())
            });
            let (page, rest) = codes.split_at_checked(present).unwrap_or_default();
            codes = rest;
            raw.push(width);
            hybrid_rle::encode::<u32, _, _>(&mut raw, page.iter().copied(), u32::from(width))?;
            drafts.push(data_page(raw, values, end - start, Encoding::RleDictionary, statistics.take()));
            start = end;
        }
        self.compressed(drafts, leaf)
    }

    /// The texts one after the other.
    fn plain_texts(&mut self, texts: Texts<'_>, leaf: &Descriptor) -> ParquetResult<Vec<CompressedPage>> {
        let mut statistics = Some(if self.dictionary.mean_bytes() <= BOUND_BYTES {
            let mut places = Vec::new();
            let _ = texts.visit(0..texts.rows(), |place| {
                places.push(place);
                ControlFlow::Continue(())
            });
            text_statistics(texts, places.into_iter())
        } else {
            text_statistics(texts, std::iter::empty())
        });
        let mut pages = Vec::new();
        let mut start = 0;
        while start < texts.rows() {
            let end = texts.page_end(start, PAGE_BYTES, |length| length + 4);
            let mut raw = Vec::new();
            let values = texts.levels(start..end, &mut raw)?;
            let _ = texts.visit(start..end, |place| {
                push_text(texts.bytes(place), &mut raw);
                ControlFlow::Continue(())
            });
            pages.push(self.compress(data_page(raw, values, end - start, Encoding::Plain, statistics.take()), true, leaf)?);
            start = end;
        }
        Ok(pages)
    }

    /// Pages of one chunk; all have one codec.
    fn compressed(&mut self, drafts: Vec<Draft>, leaf: &Descriptor) -> ParquetResult<Vec<CompressedPage>> {
        let squeeze = drafts.iter().map(|draft| draft.raw.len()).sum::<usize>() > PLAIN_CHUNK_BYTES;
        drafts.into_iter().map(|draft| self.compress(draft, squeeze, leaf)).collect()
    }

    fn compress(&mut self, draft: Draft, squeeze: bool, leaf: &Descriptor) -> ParquetResult<CompressedPage> {
        let length = draft.raw.len();
        if length > MAX_PAGE_BYTES {
            return Err(ParquetError::InvalidParameter(format!(
                "a value of {length} bytes is longer than a page may be ({MAX_PAGE_BYTES})"
            )));
        }
        let (buffer, codec) = if squeeze {
            let level = ZstdLevel::try_new(LEVEL).map_err(|error| ParquetError::InvalidParameter(error.to_string()))?;
            self.packed.clear();
            compress(CompressionOptions::Zstd(Some(level)), &draft.raw, &mut self.packed)?;
            (self.packed.as_slice().to_vec(), Compression::Zstd)
        } else {
            (draft.raw, Compression::Uncompressed)
        };
        let buffer = CowBuffer::Owned(buffer);
        Ok(match draft.header {
            Ok((header, rows)) => CompressedPage::Data(CompressedDataPage::new(header, buffer, codec, length, leaf.clone(), rows)),
            Err(values) => CompressedPage::Dict(CompressedDictPage::new(buffer, codec, length, values, false)),
        })
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` wants it")]
fn invalid(error: PolarsError) -> ParquetError {
    ParquetError::InvalidParameter(error.to_string())
}

fn push_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
    out.extend_from_slice(text);
}

fn data_page(raw: Vec<u8>, values: usize, rows: usize, encoding: Encoding, statistics: Option<ParquetStatistics>) -> Draft {
    let header = DataPageHeaderV1 {
        num_values: i32::try_from(values).unwrap_or(i32::MAX),
        encoding: encoding.into(),
        definition_level_encoding: Encoding::Rle.into(),
        repetition_level_encoding: Encoding::Rle.into(),
        statistics,
    };
    Draft { raw, header: Ok((DataPageHeader::V1(header), rows)) }
}

/// A page on which all is null.
fn null_page(shape: Shape, rows: usize) -> Draft {
    let mut raw = Vec::new();
    for _ in 0..if shape == Shape::TextList { 2 } else { 1 } {
        with_length(&mut raw, |out| encode_run(false, rows, out));
    }
    data_page(raw, rows, rows, Encoding::Plain, Some(statistics(rows, None)))
}

fn flag_page(array: &BooleanArray) -> Draft {
    let mut raw = Vec::new();
    validity_levels(array.validity(), 0..array.len(), &mut raw);
    let present = match nulls(array.validity()) {
        None => array.values().clone(),
        Some(validity) => validity.true_idx_iter().map(|row| array.value(row)).collect(),
    };
    with_length(&mut raw, |out| encode_bits(&present, out));
    let bounds = [present.unset_bits() == 0, present.set_bits() > 0].map(|bit| vec![u8::from(bit)]);
    data_page(raw, array.len(), array.len(), Encoding::Rle, Some(statistics(array.null_count(), Some(bounds))))
}

fn int_page(array: &PrimitiveArray<i64>, leaf: &Descriptor) -> PolarsResult<Draft> {
    let mut raw = Vec::new();
    validity_levels(array.validity(), 0..array.len(), &mut raw);
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
        raw.extend_from_slice(page.buffer());
    }
    Ok(data_page(raw, array.len(), array.len(), Encoding::DeltaBinaryPacked, Some(statistics(array.null_count(), bounds))))
}

fn text_statistics(texts: Texts<'_>, places: impl Iterator<Item = usize>) -> ParquetStatistics {
    let mut bounds = None;
    for text in places.map(|place| texts.bytes(place)) {
        let (min, max) = bounds.get_or_insert((text, text));
        *min = text.min(*min);
        *max = text.max(*max);
    }
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
