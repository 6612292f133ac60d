//! [`Store`]: where the batches of a run are kept.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use polars::prelude::{BooleanChunked, DataFrame, DataType, Field, IntoSeries as _, PlSmallStr, PolarsError, Schema};

use serde::{Deserialize, Serialize};

use super::events::schema_of;
use super::parquet::{Segment, SegmentWriter, Values};
use super::{Batch, EventFrame};
use crate::error::Error;
use crate::schema::Column;
use crate::source::sha256_hex;

/// Keeps batches in memory as long as there is room for them, and else in files.
///
/// # Shape
/// A file holds one batch, named by the unit of work and the batch's place in it, so that names and bytes do not
/// depend on threads. Columns that are found after loading, and which rows repeat others, stand in files beside it.
#[derive(Debug)]
pub struct Store {
    /// The folder that gets every batch; without one, a folder is made when memory is used up, and goes with the store.
    folder: Option<PathBuf>,
    temporary: OnceLock<tempfile::TempDir>,
    /// Bytes that batches in memory may still take.
    room: AtomicU64,
    /// Is told of the temporary folder once it is there.
    made: fn(&Path),
}

/// A batch, where it is kept: in memory, in a file, or both.
#[derive(Debug, Clone)]
pub struct Held {
    /// How many rows it has.
    pub(super) rows: usize,
    pub(super) memory: Option<Arc<Batch>>,
    pub(super) disk: Option<Arc<Segment>>,
}

/// A file holds one batch, as its one row group.
pub(super) const GROUP: usize = 0;
/// What the names of the files end with.
const EXTENSION: &str = "parquet";
/// The column, and the file beside a batch, that tells which rows are events.
pub(super) const KEPT: &str = "kept";

impl Held {
    /// The file of a batch that is not in memory.
    pub(super) fn segment(&self) -> Result<&Segment, Error> {
        self.disk.as_deref().ok_or_else(|| PolarsError::NoData("a batch that is kept nowhere".into()).into())
    }
}

impl From<Batch> for Held {
    fn from(batch: Batch) -> Self {
        Self { rows: batch.rows(), memory: Some(Arc::new(batch)), disk: None }
    }
}

impl Default for Store {
    /// Keeps all batches in memory, however many there are.
    fn default() -> Self {
        Self::within(u64::MAX)
    }
}

impl Store {
    /// Keeps batches in memory up to `bytes`, and the others in the system's folder for temporary files.
    pub fn within(bytes: u64) -> Self {
        Self { folder: None, temporary: OnceLock::new(), room: AtomicU64::new(bytes), made: |_| () }
    }

    /// Tells of the temporary folder once it is made, so that who ends the program early can remove it.
    #[must_use]
    pub fn telling(self, made: fn(&Path)) -> Self {
        Self { made, ..self }
    }

    /// Writes every batch into `folder`, which is there and empty, and keeps up to `bytes` in memory beside it.
    pub fn folder(folder: PathBuf, bytes: u64) -> Self {
        Self { folder: Some(folder), ..Self::within(bytes) }
    }

    /// Keeps a batch, the one at that place of a unit.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(crate) fn keep(&self, unit: usize, place: usize, batch: Batch) -> Result<Held, Error> {
        let bytes = batch.bytes();
        let in_memory = self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |room| room.checked_sub(bytes)).is_ok();
        let disk = if in_memory && self.folder.is_none() {
            None
        } else {
            let path = self.path()?.join(format!("{unit:08}-{place:05}.{EXTENSION}"));
            let mut writer = SegmentWriter::create(&path, &EventFrame::schema(), &metadata())?;
            let values: Vec<Values<'_>> = Column::ALL.iter().map(|column| batch.values(*column)).collect();
            writer.write_values(batch.rows(), &values)?;
            writer.finish()?;
            Some(Arc::new(Segment::open(&path)?))
        };
        Ok(Held { rows: batch.rows(), memory: in_memory.then(|| Arc::new(batch)), disk })
    }

    /// Writes columns beside the batch that they belong to.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub(super) fn write_late(batch: &Segment, columns: &[Column], values: &DataFrame) -> Result<Arc<Segment>, Error> {
        write_beside(batch, late_kind(columns), &schema_of(columns), values)
    }

    /// Writes which rows of a batch are events.
    ///
    /// # Errors
    /// Where they cannot be written.
    pub(super) fn write_kept(batch: &Segment, kept: &BooleanChunked) -> Result<(), Error> {
        let schema = Schema::from_iter([Field::new(PlSmallStr::from_static(KEPT), DataType::Boolean)]);
        let values = kept.clone().with_name(PlSmallStr::from_static(KEPT)).into_series().into_frame();
        write_beside(batch, KEPT, &schema, &values).map(|_| ())
    }

    fn path(&self) -> Result<&Path, Error> {
        if let Some(folder) = &self.folder {
            return Ok(folder);
        }
        if let Some(folder) = self.temporary.get() {
            return Ok(folder.path());
        }
        let made = tempfile::Builder::new().prefix("trailsift-").tempdir();
        let made =
            made.map_err(|cause| Error::io("make a folder for events that do not fit into --memory in", &std::env::temp_dir(), cause))?;
        // Another thread may have been first; the second folder goes again.
        let folder = self.temporary.get_or_init(|| made).path();
        (self.made)(folder);
        Ok(folder)
    }
}

/// What a manifest says of the files of one batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredBatch {
    /// The batch's file.
    pub file: String,
    /// How many of its rows are events.
    pub events: usize,
    /// Whether a file beside it tells which.
    pub kept: bool,
    /// The kinds of files beside it with columns that were found after loading.
    pub late: Vec<String>,
}

/// What the file of late columns is called: by the first of them.
pub(super) fn late_kind(columns: &[Column]) -> &'static str {
    columns.first().map_or("late", |column| column.name())
}

/// How the files hold the columns; another way of it gets another word.
const FORM: &str = "ids as bytes";

/// An id of the columns that events have, with their types, in the order of the frame, and of how files hold them.
pub fn layout_id() -> String {
    let columns = Column::ALL.iter().map(|column| format!("{column} {}", column.kind()));
    let lines: Vec<String> = columns.chain([FORM.to_owned()]).collect();
    sha256_hex(lines.join("\n").as_bytes())
}

/// Writes a table into the file of that kind beside a batch.
fn write_beside(batch: &Segment, kind: &str, schema: &Schema, values: &DataFrame) -> Result<Arc<Segment>, Error> {
    let path = beside(batch.path(), kind);
    let mut writer = SegmentWriter::create(&path, schema, &metadata())?;
    writer.write(values)?;
    writer.finish()?;
    Ok(Arc::new(Segment::open(&path)?))
}

/// The file of that kind beside a batch's.
pub(super) fn beside(batch: &Path, kind: &str) -> PathBuf {
    batch.with_extension(format!("{kind}.{EXTENSION}"))
}

/// What every file says of itself.
fn metadata() -> [(&'static str, String); 1] {
    [("trailsift.layout", layout_id())]
}
