//! [`Ids`]: texts of which most are UUIDs, apart from the others.

use std::ops::ControlFlow;

use polars_arrow::array::{Array as _, FixedSizeBinaryArray, MutableBinaryViewArray, Utf8ViewArray};
use polars_arrow::bitmap::{Bitmap, MutableBitmap};

use super::bits::visit_set;
use super::texts::nulls;
use crate::event::uuid;

/// The texts of a column, each in one of two columns.
#[derive(Debug)]
pub(super) struct Ids {
    /// Those that are UUIDs, as their bytes.
    pub(super) uuids: Vec<[u8; 16]>,
    /// The rows of these.
    pub(super) valid: Bitmap,
    /// The others, in their rows.
    pub(super) others: Utf8ViewArray,
}

impl Ids {
    /// Takes the UUIDs out of texts.
    pub(super) fn split(texts: &Utf8ViewArray) -> Self {
        let mut uuids = Vec::with_capacity(texts.len());
        let mut valid = MutableBitmap::from_len_zeroed(texts.len());
        let mut others = MutableBitmap::from_len_zeroed(texts.len());
        let mut sort = |row| {
            match uuid::parse(texts.value(row).as_bytes()) {
                Some(uuid) => {
                    uuids.push(uuid);
                    valid.set(row, true);
                }
                None => others.set(row, true),
            }
            ControlFlow::Continue(())
        };
        let _ = match nulls(texts.validity()) {
            None => (0..texts.len()).try_for_each(sort),
            Some(validity) => visit_set(validity, &mut sort),
        };
        Self { uuids, valid: valid.freeze(), others: texts.clone().with_validity(Some(others.freeze())) }
    }

    /// Puts UUIDs back among other texts.
    pub(super) fn join(uuids: &FixedSizeBinaryArray, others: &Utf8ViewArray) -> Utf8ViewArray {
        let mut texts = MutableBinaryViewArray::<str>::with_capacity(others.len());
        for (uuid, other) in uuids.iter().zip(others.iter()) {
            let uuid = uuid.and_then(|bytes| Some(uuid::text(*bytes.first_chunk()?)));
            match uuid.as_ref().map(|text| str::from_utf8(text)) {
                Some(text) => texts.push(text.ok()),
                None => texts.push(other),
            }
        }
        texts.freeze()
    }
}
