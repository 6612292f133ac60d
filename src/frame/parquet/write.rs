//! [`SegmentWriter`]: frames into a file.

use std::path::{Path, PathBuf};

use polars::prelude::{Column, DataFrame, Schema};
use polars_arrow::array::Utf8ViewArray;
use polars_parquet::parquet::error::ParquetError;
use polars_parquet::parquet::metadata::{Descriptor, KeyValue};
use polars_parquet::parquet::write::{DynIter, DynStreamingIterator, FileWriter, Version, WriteOptions};

use super::chunk::Encoder;
use super::footer::{Pages, Sink};
use super::layout::{self, Shape};
use super::{MAX_GROUP_ROWS, refuse};
use crate::error::Error;

/// Writes frames of one schema into a file.
///
/// Equal frames make equal bytes. A file that was not finished cannot be opened.
pub struct SegmentWriter {
    path: PathBuf,
    schema: Schema,
    columns: Vec<(Shape, Vec<Descriptor>)>,
    metadata: Vec<KeyValue>,
    file: FileWriter<Sink>,
    sink: Sink,
    encoder: Encoder,
    summary: SegmentSummary,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SegmentSummary {
    /// Rows of all frames.
    pub rows: usize,
    /// Row groups, one a frame.
    pub row_groups: usize,
    /// Bytes of the file.
    pub bytes: u64,
}

/// The values of one column for a row group.
#[derive(Debug, Clone, Copy)]
pub enum Values<'a> {
    /// No row has one.
    Null,
    /// For each row the place of its text among `words`; 0 where it has none.
    Words {
        /// The places.
        codes: &'a [u16],
        /// The texts, each of them once; the first is not used.
        words: &'a Utf8ViewArray,
    },
    /// As a frame holds them.
    Column(&'a Column),
}

impl Values<'_> {
    /// How many rows they are for, if that is known.
    fn rows(&self) -> Option<usize> {
        match self {
            Self::Null => None,
            Self::Words { codes, .. } => Some(codes.len()),
            Self::Column(column) => Some(column.len()),
        }
    }
}

impl SegmentWriter {
    /// A writer into the file of that name, which is emptied if it is there. `metadata` are words for the footer.
    ///
    /// # Errors
    /// Where the file cannot be made, or a column is of another type than those that batches have.
    pub fn create(path: &Path, schema: &Schema, metadata: &[(&str, String)]) -> Result<Self, Error> {
        let (descriptor, shapes) = layout::descriptor(schema).map_err(|reason| refuse("write", path, reason))?;
        let sink = Sink::create(path).map_err(|cause| Error::io("write", path, cause))?;
        let mut leaves = descriptor.columns().iter().map(|column| column.descriptor.clone());
        let columns = shapes.into_iter().map(|shape| (shape, leaves.by_ref().take(shape.leaves()).collect())).collect();
        Ok(Self {
            path: path.to_owned(),
            schema: schema.clone(),
            columns,
            metadata: metadata.iter().map(|(key, value)| KeyValue { key: (*key).to_owned(), value: Some(value.clone()) }).collect(),
            file: FileWriter::new(
                sink.clone(),
                descriptor,
                // The bounds of whole chunks are written all the same.
                WriteOptions { write_statistics: false, version: Version::V1 },
                Some(format!("trailsift {}", env!("CARGO_PKG_VERSION"))),
            ),
            sink,
            encoder: Encoder::default(),
            summary: SegmentSummary::default(),
        })
    }

    /// Writes a frame as the next row group.
    ///
    /// # Errors
    /// Where the file cannot be written, the frame has other columns, or more rows than [`MAX_GROUP_ROWS`].
    pub fn write(&mut self, frame: &DataFrame) -> Result<(), Error> {
        if **frame.schema() != self.schema {
            return Err(refuse("write", &self.path, "a frame of other columns than the table has"));
        }
        let values: Vec<Values<'_>> = frame.columns().iter().map(Values::Column).collect();
        self.write_values(frame.height(), &values)
    }

    /// Writes the values of all columns as the next row group.
    ///
    /// # Errors
    /// As for a frame; also where a column has another number of rows.
    pub fn write_values(&mut self, rows: usize, values: &[Values<'_>]) -> Result<(), Error> {
        if rows > MAX_GROUP_ROWS {
            return Err(refuse("write", &self.path, format!("{rows} rows at once, of which a row group holds {MAX_GROUP_ROWS}")));
        }
        if values.len() != self.columns.len() || values.iter().any(|values| values.rows().is_some_and(|found| found != rows)) {
            return Err(refuse("write", &self.path, "columns of other numbers than the table has"));
        }
        let (encoder, sink) = (&mut self.encoder, &self.sink);
        let chunks = values.iter().zip(&self.columns).flat_map(move |(values, (shape, leaves))| {
            let (chunks, error) = match encoder.chunks(rows, values, *shape, leaves) {
                Ok(chunks) => (chunks, None),
                Err(error) => (Vec::new(), Some(Err(error))),
            };
            chunks.into_iter().map(|pages| Ok(DynStreamingIterator::new(Pages::new(pages, sink.clone())?))).chain(error)
        });
        let written = self.file.write::<ParquetError>(u64::try_from(rows).unwrap_or_default(), DynIter::new(chunks));
        written.map_err(|error| self.failed(&error))?;
        self.summary.rows += rows;
        self.summary.row_groups += 1;
        Ok(())
    }

    /// Writes the footer.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn finish(mut self) -> Result<SegmentSummary, Error> {
        let mut metadata = std::mem::take(&mut self.metadata);
        metadata.push(self.sink.checksums());
        self.file.end(Some(metadata)).map_err(|error| self.failed(&error))?;
        let bytes = self.sink.finish().map_err(|cause| Error::io("write", &self.path, cause))?;
        Ok(SegmentSummary { bytes, ..self.summary })
    }

    fn failed(&self, error: &ParquetError) -> Error {
        match self.sink.failure() {
            Some(cause) => Error::io("write", &self.path, cause),
            None => refuse("write", &self.path, error.to_string()),
        }
    }
}

impl std::fmt::Debug for SegmentWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SegmentWriter").field("path", &self.path).field("summary", &self.summary).finish_non_exhaustive()
    }
}
