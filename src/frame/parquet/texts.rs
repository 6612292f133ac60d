//! The texts of a column, one or many to a row, as pages take them.

use std::io;
use std::ops::{ControlFlow, Range};

use polars_arrow::array::{Array as _, ListArray, Utf8ViewArray, View};
use polars_arrow::bitmap::Bitmap;
use polars_parquet::parquet::encoding::hybrid_rle;

use super::bits::{encode_bits, encode_run, with_length};

/// The texts of a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Texts<'a> {
    array: &'a Utf8ViewArray,
    rows: Rows<'a>,
}

/// Which of them belong to a row.
#[derive(Debug, Clone, Copy)]
enum Rows<'a> {
    /// The one at the row's place.
    One,
    /// Those between two offsets.
    Many(&'a ListArray<i64>),
}

impl<'a> Texts<'a> {
    /// A column of texts.
    pub(super) const fn flat(array: &'a Utf8ViewArray) -> Self {
        Self { array, rows: Rows::One }
    }

    /// A column of lists of texts, if the list holds texts.
    pub(super) fn lists(lists: &'a ListArray<i64>) -> Option<Self> {
        let array = lists.values().as_any().downcast_ref()?;
        Some(Self { array, rows: Rows::Many(lists) })
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        match self.rows {
            Rows::One => self.array.len(),
            Rows::Many(lists) => lists.len(),
        }
    }

    /// How many rows are null, where a row has one text.
    pub(super) fn null_rows(&self) -> Option<usize> {
        matches!(self.rows, Rows::One).then(|| self.array.null_count())
    }

    /// The views of all texts, also of those that belong to no row.
    pub(super) fn views(&self) -> &'a [View] {
        self.array.views().as_slice()
    }

    /// The bytes of the text at a place among the views.
    pub(super) fn bytes(&self, place: usize) -> &'a [u8] {
        self.array.value(place).as_bytes()
    }

    /// Calls `visit` with the place of each text of some rows that is not null, in order, until it breaks off.
    pub(super) fn visit(&self, rows: Range<usize>, mut visit: impl FnMut(usize) -> ControlFlow<()>) -> ControlFlow<()> {
        match self.rows {
            Rows::One => match nulls(self.array.validity()) {
                None => rows.into_iter().try_for_each(visit),
                Some(validity) => {
                    let bits = validity.clone().sliced(rows.start, rows.len());
                    bits.true_idx_iter().try_for_each(|place| visit(rows.start + place))
                }
            },
            Rows::Many(lists) => {
                let valid = nulls(self.array.validity());
                rows.filter(|row| lists.is_valid(*row))
                    .flat_map(|row| elements(lists, row))
                    .filter(|place| valid.is_none_or(|valid| valid.get_bit(*place)))
                    .try_for_each(visit)
            }
        }
    }

    /// The end of a page that begins with row `start` and takes about `bytes`; a text takes `cost` of its length.
    pub(super) fn page_end(&self, start: usize, bytes: usize, cost: impl Fn(usize) -> usize) -> usize {
        let views = self.views();
        let cost = |place: usize| views.get(place).map_or(0, |view| cost(usize::try_from(view.length).unwrap_or_default()));
        let mut sum = 0;
        let full = (start..self.rows()).find(|row| {
            sum += match self.rows {
                Rows::One => cost(*row),
                Rows::Many(lists) => elements(lists, *row).map(&cost).sum(),
            };
            sum >= bytes
        });
        full.map_or_else(|| self.rows(), |row| row + 1)
    }

    /// Appends the levels of some rows, and says for how many values they stand.
    ///
    /// # Errors
    /// None, as memory takes what is written.
    pub(super) fn levels(&self, rows: Range<usize>, out: &mut Vec<u8>) -> io::Result<usize> {
        match self.rows {
            Rows::One => {
                let values = rows.len();
                validity_levels(self.array.validity(), rows, out);
                Ok(values)
            }
            Rows::Many(lists) => {
                let (mut repetition, mut definition) = (Vec::new(), Vec::new());
                let valid = nulls(self.array.validity());
                for row in rows {
                    let before = repetition.len();
                    if lists.is_valid(row) {
                        definition.extend(elements(lists, row).map(|place| 2 + u32::from(valid.is_none_or(|valid| valid.get_bit(place)))));
                    }
                    if definition.len() == before {
                        definition.push(u32::from(lists.is_valid(row)));
                    }
                    repetition.push(0);
                    repetition.resize(definition.len(), 1);
                }
                let values = definition.len();
                for (levels, width) in [(repetition, 1), (definition, 2)] {
                    let mut packed = Vec::new();
                    hybrid_rle::encode::<u32, _, _>(&mut packed, levels.into_iter(), width)?;
                    with_length(out, |out| out.extend_from_slice(&packed));
                }
                Ok(values)
            }
        }
    }
}

/// Appends the levels of rows of one value.
pub(super) fn validity_levels(validity: Option<&Bitmap>, rows: Range<usize>, out: &mut Vec<u8>) {
    with_length(out, |out| match nulls(validity) {
        None => encode_run(true, rows.len(), out),
        Some(validity) => encode_bits(&validity.clone().sliced(rows.start, rows.len()), out),
    });
}

/// The validity where something is null.
pub(super) fn nulls(validity: Option<&Bitmap>) -> Option<&Bitmap> {
    validity.filter(|validity| validity.unset_bits() > 0)
}

/// The places of a row's elements.
fn elements(lists: &ListArray<i64>, row: usize) -> Range<usize> {
    let (start, end) = lists.offsets().start_end(row);
    start..end
}
