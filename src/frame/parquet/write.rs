//! [`SegmentWriter`]: frames into a file.

use std::path::{Path, PathBuf};

use polars::prelude::{DataFrame, Schema};
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
    columns: Vec<(Shape, Descriptor)>,
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

impl SegmentWriter {
    /// A writer into the file of that name, which is emptied if it is there. `metadata` are words for the footer.
    ///
    /// # Errors
    /// Where the file cannot be made, or a column is of another type than those that batches have.
    pub fn create(path: &Path, schema: &Schema, metadata: &[(&str, String)]) -> Result<Self, Error> {
        let (descriptor, shapes) = layout::descriptor(schema).map_err(|reason| refuse("write", path, reason))?;
        let sink = Sink::create(path).map_err(|cause| Error::io("write", path, cause))?;
        let leaves = descriptor.columns().iter().map(|column| column.descriptor.clone());
        Ok(Self {
            path: path.to_owned(),
            schema: schema.clone(),
            columns: shapes.into_iter().zip(leaves).collect(),
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
        let rows = frame.height();
        if **frame.schema() != self.schema {
            return Err(refuse("write", &self.path, "a frame of other columns than the table has"));
        }
        if rows > MAX_GROUP_ROWS {
            return Err(refuse("write", &self.path, format!("a frame of {rows} rows, of which a row group holds {MAX_GROUP_ROWS}")));
        }
        let (encoder, sink) = (&mut self.encoder, &self.sink);
        let chunks = frame.columns().iter().zip(&self.columns).map(move |(column, (shape, leaf))| {
            let pages = encoder.chunk(column, *shape, leaf)?;
            Ok(DynStreamingIterator::new(Pages::new(pages, sink.clone())?))
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
