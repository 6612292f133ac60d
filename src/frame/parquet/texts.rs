//! The texts of a column, one or many to a row, and how they are cut into pages.

use std::ops::{ControlFlow, Range};

use polars_arrow::array::{Array as _, ListArray, Utf8ViewArray, View};
use polars_arrow::bitmap::Bitmap;

use super::bits::{encode_bits, encode_numbers, encode_run, visit_set, with_length};

/// The texts of a column.
#[derive(Debug)]
pub(super) struct Texts<'a> {
    array: &'a Utf8ViewArray,
    rows: Rows<'a>,
}

/// Which of the texts the rows have.
#[derive(Debug)]
enum Rows<'a> {
    /// Each its own.
    Flat,
    /// The one at the place that its code names; 0 names none.
    Coded(&'a [u16], Bitmap),
    /// Several.
    Lists(Lists),
}

/// How texts make lists.
#[derive(Debug)]
struct Lists {
    /// For each value 0 where it begins a row, else 1.
    repetition: Vec<u32>,
    /// 0 for a null row, 1 for an empty one, 2 for a null text, 3 for a text.
    definition: Vec<u32>,
    /// Where the texts stand.
    places: Vec<usize>,
}

/// A part of a column.
#[derive(Debug)]
pub(super) struct Page {
    /// Its values; a row has one, or one for each text, or one if it has none.
    pub(super) values: Range<usize>,
    /// Those that are there, in the order of all that are.
    pub(super) texts: Range<usize>,
    pub(super) rows: usize,
}

impl<'a> Texts<'a> {
    /// A column of texts.
    pub(super) const fn flat(array: &'a Utf8ViewArray) -> Self {
        Self { array, rows: Rows::Flat }
    }

    /// A column of codes, if there is a text for each.
    pub(super) fn coded(codes: &'a [u16], words: &'a Utf8ViewArray) -> Option<Self> {
        let valid = codes.iter().map(|code| *code != 0).collect();
        let known = codes.iter().max().is_none_or(|code| usize::from(*code) < words.len());
        known.then_some(Self { array: words, rows: Rows::Coded(codes, valid) })
    }

    /// A column of lists of texts, if they are texts.
    pub(super) fn lists(lists: &'a ListArray<i64>) -> Option<Self> {
        let array: &Utf8ViewArray = lists.values().as_any().downcast_ref()?;
        let (valid_rows, valid) = (nulls(lists.validity()), nulls(array.validity()));
        let bit = |bits: Option<&Bitmap>, place| bits.is_none_or(|bits| bits.get_bit(place));
        let (mut repetition, mut definition, mut places) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..lists.len() {
            repetition.push(0);
            if !bit(valid_rows, row) {
                definition.push(0);
                continue;
            }
            let (start, end) = lists.offsets().start_end(row);
            definition.extend((start..end).map(|place| 2 + u32::from(bit(valid, place))));
            places.extend((start..end).filter(|place| bit(valid, *place)));
            if start == end {
                definition.push(1);
            }
            repetition.resize(definition.len(), 1);
        }
        Some(Self { array, rows: Rows::Lists(Lists { repetition, definition, places }) })
    }

    /// How many rows are null, where a row has one text.
    pub(super) fn null_rows(&self) -> Option<usize> {
        match &self.rows {
            Rows::Flat => Some(self.array.null_count()),
            Rows::Coded(_, valid) => Some(valid.unset_bits()),
            Rows::Lists(_) => None,
        }
    }

    /// The codes of the rows, if they have any.
    pub(super) const fn codes(&self) -> Option<&'a [u16]> {
        match &self.rows {
            Rows::Coded(codes, _) => Some(codes),
            _ => None,
        }
    }

    /// The views of all texts, also of those that belong to no row.
    pub(super) fn views(&self) -> &'a [View] {
        self.array.views().as_slice()
    }

    /// The bytes of the text at a place among the views.
    pub(super) fn bytes(&self, place: usize) -> &'a [u8] {
        self.array.value(place).as_bytes()
    }

    /// Calls `visit` with the place of each text, in order, until it breaks off.
    pub(super) fn visit_all(&self, mut visit: impl FnMut(usize) -> ControlFlow<()>) -> ControlFlow<()> {
        match (&self.rows, nulls(self.array.validity())) {
            (Rows::Flat, None) => (0..self.array.len()).try_for_each(visit),
            (Rows::Flat, Some(validity)) => visit_set(validity, visit),
            (Rows::Coded(codes, _), _) => codes.iter().filter(|code| **code != 0).try_for_each(|code| visit(usize::from(*code))),
            (Rows::Lists(lists), _) => lists.places.iter().try_for_each(|place| visit(*place)),
        }
    }

    /// Calls `visit` with the place of each text of a page.
    pub(super) fn visit(&self, page: &Page, mut visit: impl FnMut(usize)) {
        let Range { start, end } = page.values;
        match (&self.rows, nulls(self.array.validity())) {
            (Rows::Flat, None) => (start..end).for_each(visit),
            (Rows::Flat, Some(validity)) => {
                let _ = visit_set(&validity.clone().sliced(start, end - start), |place| {
                    visit(start + place);
                    ControlFlow::Continue(())
                });
            }
            (Rows::Coded(codes, _), _) => {
                let codes = codes.get(start..end).unwrap_or_default().iter();
                codes.filter(|code| **code != 0).for_each(|code| visit(usize::from(*code)));
            }
            (Rows::Lists(lists), _) => {
                lists.places.get(page.texts.clone()).unwrap_or_default().iter().for_each(|place| visit(*place));
            }
        }
    }

    /// Cuts the column into pages of about `bytes`; a text takes `cost` of its length.
    pub(super) fn pages(&self, bytes: usize, cost: impl Fn(usize) -> usize) -> Vec<Page> {
        let cost = |place: usize| self.views().get(place).map_or(0, |view| cost(usize::try_from(view.length).unwrap_or_default()));
        let mut pages = Vec::new();
        let mut page = Page { values: 0..0, texts: 0..0, rows: 0 };
        let mut sum = 0;
        let mut end = |page: &mut Page| {
            let next = Page { values: page.values.end..page.values.end, texts: page.texts.end..page.texts.end, rows: 0 };
            pages.push(std::mem::replace(page, next));
        };
        match &self.rows {
            Rows::Flat | Rows::Coded(..) => {
                let validity = nulls(self.array.validity());
                for row in 0..self.len() {
                    let place = match &self.rows {
                        Rows::Coded(codes, _) => codes.get(row).copied().map(usize::from).filter(|code| *code != 0),
                        _ => Some(row).filter(|row| validity.is_none_or(|validity| validity.get_bit(*row))),
                    };
                    if let Some(place) = place {
                        sum += cost(place);
                        page.texts.end += 1;
                    }
                    page.values.end += 1;
                    page.rows += 1;
                    if sum >= bytes {
                        sum = 0;
                        end(&mut page);
                    }
                }
            }
            Rows::Lists(lists) => {
                for (repetition, definition) in lists.repetition.iter().zip(&lists.definition) {
                    if *repetition == 0 {
                        if sum >= bytes {
                            sum = 0;
                            end(&mut page);
                        }
                        page.rows += 1;
                    }
                    if *definition == 3 {
                        sum += lists.places.get(page.texts.end).map_or(0, |place| cost(*place));
                        page.texts.end += 1;
                    }
                    page.values.end += 1;
                }
            }
        }
        if page.rows > 0 {
            end(&mut page);
        }
        pages
    }

    /// The column, of which so many texts are there, as one page.
    pub(super) fn whole(&self, texts: usize) -> Page {
        let values = self.len();
        let rows = match &self.rows {
            Rows::Lists(lists) => lists.repetition.iter().filter(|level| **level == 0).count(),
            _ => values,
        };
        Page { values: 0..values, texts: 0..texts, rows }
    }

    /// How many values there are.
    fn len(&self) -> usize {
        match &self.rows {
            Rows::Flat => self.array.len(),
            Rows::Coded(codes, _) => codes.len(),
            Rows::Lists(lists) => lists.definition.len(),
        }
    }

    /// Appends the levels of a page.
    pub(super) fn levels(&self, page: &Page, out: &mut Vec<u8>) {
        match &self.rows {
            Rows::Flat => validity_levels(self.array.validity(), page.values.clone(), out),
            Rows::Coded(_, valid) => validity_levels(Some(valid), page.values.clone(), out),
            Rows::Lists(lists) => {
                for (levels, width) in [(&lists.repetition, 1), (&lists.definition, 2)] {
                    with_length(out, |out| encode_numbers(levels.get(page.values.clone()).unwrap_or_default(), width, out));
                }
            }
        }
    }
}

/// Appends the levels of rows of one value.
pub(super) fn validity_levels(validity: Option<&Bitmap>, rows: Range<usize>, out: &mut Vec<u8>) {
    with_length(out, |out| match nulls(validity) {
        None => encode_run(1, rows.len(), 1, out),
        Some(validity) => encode_bits(&validity.clone().sliced(rows.start, rows.len()), out),
    });
}

/// The validity where something is null.
pub(super) fn nulls(validity: Option<&Bitmap>) -> Option<&Bitmap> {
    validity.filter(|validity| validity.unset_bits() > 0)
}
