//! [`ByPlace`]: something known of single events, found again by where they stand.

use std::collections::HashMap;

use polars::prelude::DataFrame;

use crate::error::Error;
use crate::schema::Column;

/// Values by the place of an event: its object, then its record index.
#[derive(Debug, Clone)]
pub struct ByPlace<'p, T> {
    objects: HashMap<&'p str, HashMap<u64, T>>,
}

impl<T> Default for ByPlace<'_, T> {
    fn default() -> Self {
        Self { objects: HashMap::new() }
    }
}

impl<T> ByPlace<'_, T> {
    /// Whether no place has a value.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// The value of each event of a batch, which has the columns `object` and `record_index`.
    ///
    /// # Errors
    /// [`Error::Frame`] where the batch lacks one of them.
    pub fn of_rows(&self, batch: &DataFrame) -> Result<Vec<Option<&T>>, Error> {
        let objects = batch.column(Column::Object.name())?.str()?;
        let indices = batch.column(Column::RecordIndex.name())?.i64()?;
        // Rows of one object stand together, so most of them need no look-up by its long name.
        let mut last: (Option<&str>, Option<&HashMap<u64, T>>) = (None, None);
        let mut values = Vec::with_capacity(batch.height());
        for (object, index) in objects.iter().zip(indices.iter()) {
            if last.0 != object {
                last = (object, object.and_then(|object| self.objects.get(object)));
            }
            values.push(last.1.zip(index).and_then(|(records, index)| records.get(&u64::try_from(index).ok()?)));
        }
        Ok(values)
    }
}

impl<'p, T: Default> ByPlace<'p, T> {
    /// The value of a place, made where there is none.
    pub fn entry(&mut self, object: &'p str, record_index: u64) -> &mut T {
        self.objects.entry(object).or_default().entry(record_index).or_default()
    }
}
