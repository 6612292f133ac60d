//! Batches in Parquet files: [`SegmentWriter`] puts frames into one, a row group each, and
//! [`Segment`] reads them back: a few columns, of some row groups, of some rows.
//!
//! # Shape
//! Columns are texts, truth values, whole numbers, times and lists of texts, as the module `layout` maps
//! them to Parquet. Any Parquet reader can read the files; only files that this module wrote are read here,
//! as each carries checksums of its column chunks and of its footer. So a damaged byte is an error and never
//! another value.

mod bits;
mod chunk;
mod dictionary;
mod footer;
mod hash;
mod ids;
mod layout;
mod read;
#[cfg(test)]
mod tests;
mod texts;
mod write;

use std::path::Path;

pub use read::{Bounds, Segment};
pub use write::{SegmentSummary, SegmentWriter, Values};

use crate::error::Error;

/// Rows of a row group, at most: what a reader takes memory for before it has seen a value.
pub const MAX_GROUP_ROWS: usize = 1 << 20;

/// Bytes of a page before compression, at most; the longest record there may be is a quarter of it.
const MAX_PAGE_BYTES: usize = 256 << 20;

fn refuse(act: &'static str, path: &Path, reason: impl Into<String>) -> Error {
    Error::Table { act, path: path.display().to_string(), reason: reason.into() }
}
