//! [`Known`]: codes of texts that stay where they are from record to record.

use crate::schema::Column;

/// The codes that somebody gave to texts, found again by where the texts stand.
///
/// A text that is kept for several records, or is part of the program, is the same text in each of them, so that
/// not one letter of it is looked at. Texts with equal letters that stand elsewhere are not known here.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known<'a> {
    /// Who gave the codes.
    owner: u64,
    slots: Vec<Option<Slot<'a>>>,
}

#[derive(Debug, Clone, Copy)]
struct Slot<'a> {
    column: Column,
    code: u16,
    text: &'a str,
}

impl<'a> Known<'a> {
    const SLOTS: usize = 128;

    /// The code that `owner` gave to the text of a column last, if it is still known.
    #[inline]
    pub(crate) fn code(&self, owner: u64, column: Column, text: &'a str) -> Option<u16> {
        let slot = self.slots.get(slot(column, text)).copied().flatten()?;
        (self.owner == owner && slot.column == column && std::ptr::eq(slot.text, text)).then_some(slot.code)
    }

    /// Remembers a code; those of another owner are forgotten.
    pub(crate) fn keep(&mut self, owner: u64, column: Column, text: &'a str, code: u16) {
        if self.owner != owner {
            self.owner = owner;
            self.slots.clear();
        }
        if self.slots.is_empty() {
            self.slots.resize(Self::SLOTS, None);
        }
        if let Some(slot) = self.slots.get_mut(slot(column, text)) {
            *slot = Some(Slot { column, code, text });
        }
    }
}

/// One of [`Known::SLOTS`] places, by where the text begins.
fn slot(column: Column, text: &str) -> usize {
    const ODD: usize = 0x9e37_79b9;
    (text.as_ptr().addr() ^ column.index()).wrapping_mul(ODD) >> 9 & (Known::SLOTS - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_known_by_its_place_to_its_owner() {
        let (text, again) = ("once".to_owned(), "once".to_owned());
        let mut known = Known::default();
        known.keep(1, Column::UserIdentity, &text, 7);
        assert_eq!(known.code(1, Column::UserIdentity, &text), Some(7));
        assert_eq!(known.code(1, Column::UserIdentity, &again), None, "it stands elsewhere");
        assert_eq!(known.code(1, Column::UserIdentity, text.split_at(3).0), None, "it ends elsewhere");
        assert_eq!(known.code(1, Column::Object, &text), None, "another column");
        assert_eq!(known.code(2, Column::UserIdentity, &text), None, "another owner");
        known.keep(2, Column::Object, &text, 3);
        assert_eq!(known.code(2, Column::Object, &text), Some(3));
        assert_eq!(known.code(1, Column::UserIdentity, &text), None, "forgotten");
    }
}
