//! [`Event`]: one CloudTrail record, flat, as the columns of [`Column`] want it.
//! It borrows from the inflated file and from an arena, so that reading a record
//! allocates nothing of its own; [`reader`](super::reader) fills it and
//! [`derive`](super::derive) adds the columns that follow from others.

use std::fmt;

use bumpalo::Bump;

use super::known::Known;
use super::reader::{KeyOrder, Objects};
use crate::problem::ProblemKind;
use crate::schema::Column;
use crate::time::EventTime;

/// One record's values, one slot a column; a slot is empty where the column is null.
///
/// The same `Event` is cleared and used again for the next record.
#[derive(Clone)]
pub struct Event<'a> {
    set: u128,
    text: [&'a str; Column::COUNT],
    scalar: [i64; Column::COUNT],
    resources: Vec<Resource<'a>>,
    extra: Vec<(&'a str, &'a str)>,
    notices: Vec<(ProblemKind, String)>,
    arena: &'a Bump,
    key_order: KeyOrder<'a>,
    identities: Objects<'a>,
    tls: Objects<'a>,
    address: Option<Address<'a>>,
    /// The hour since 1970 whose text was made last, and the text.
    hour: Option<(i64, &'a str)>,
    known: Known<'a>,
}

/// An address, and the columns that follow from it.
#[derive(Debug, Clone, Copy)]
struct Address<'a> {
    text: &'a str,
    columns: [(Column, Option<&'a str>); 4],
}

/// One entry of a record's `resources`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Resource<'a> {
    /// `ARN`, `arn` or `ARNPrefix`.
    pub arn: Option<&'a str>,
    /// `type`.
    pub kind: Option<&'a str>,
    /// `accountId`.
    pub account_id: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// A record without any value; texts that have to be made are kept in `arena`.
    pub fn new(arena: &'a Bump) -> Self {
        Self {
            set: 0,
            text: [""; Column::COUNT],
            scalar: [0; Column::COUNT],
            resources: Vec::new(),
            extra: Vec::new(),
            notices: Vec::new(),
            arena,
            key_order: KeyOrder::default(),
            identities: Objects::default(),
            tls: Objects::default(),
            address: None,
            hour: None,
            known: Known::default(),
        }
    }

    /// What is remembered of the keys of records before this one; to be given back.
    pub(super) fn take_key_order(&mut self) -> KeyOrder<'a> {
        std::mem::take(&mut self.key_order)
    }

    pub(super) fn keep_key_order(&mut self, order: KeyOrder<'a>) {
        self.key_order = order;
    }

    /// What is remembered of the identities of records before this one; to be given back.
    pub(super) fn take_identities(&mut self) -> Objects<'a> {
        std::mem::take(&mut self.identities)
    }

    pub(super) fn keep_identities(&mut self, identities: Objects<'a>) {
        self.identities = identities;
    }

    /// What is remembered of `tlsDetails` of records before this one; to be given back.
    pub(super) fn take_tls(&mut self) -> Objects<'a> {
        std::mem::take(&mut self.tls)
    }

    pub(super) fn keep_tls(&mut self, tls: Objects<'a>) {
        self.tls = tls;
    }

    /// The codes of texts that stay where they are, of this record and of those before it.
    pub(crate) const fn known(&self) -> &Known<'a> {
        &self.known
    }

    /// The same, to be added to.
    pub(crate) const fn known_mut(&mut self) -> &mut Known<'a> {
        &mut self.known
    }

    /// Fills the columns that follow from the address as in the last record, if it has the same.
    pub(super) fn recall_address(&mut self, address: &str) -> bool {
        let Some(Address { columns, .. }) = self.address.filter(|known| known.text == address) else { return false };
        for (column, text) in columns {
            self.set_optional(column, text);
        }
        true
    }

    /// Remembers the columns that follow from the address.
    pub(super) fn keep_address(&mut self, address: &'a str) {
        self.address = Some(Address { text: address, columns: Column::ADDRESS.map(|column| (column, self.text(column))) });
    }

    /// The text of an hour since 1970, which `make` makes where it is not that of the last record.
    pub(super) fn hour_text(&mut self, hour: i64, make: impl FnOnce(&'a Bump) -> &'a str) -> &'a str {
        if let Some((_, text)) = self.hour.filter(|(known, _)| *known == hour) {
            return text;
        }
        let text = make(self.arena);
        self.hour = Some((hour, text));
        text
    }

    /// Empties every slot.
    pub fn clear(&mut self) {
        self.set = 0;
        self.resources.clear();
        self.extra.clear();
        self.notices.clear();
    }

    /// Where made texts are kept.
    pub const fn arena(&self) -> &'a Bump {
        self.arena
    }

    /// A bit a column, set where the column has a value.
    pub(crate) const fn columns_set(&self) -> u128 {
        self.set
    }

    /// Whether the column has a value.
    pub const fn has(&self, column: Column) -> bool {
        self.set & (1 << column.index()) != 0
    }

    /// The value of a text or JSON column.
    pub fn text(&self, column: Column) -> Option<&'a str> {
        if self.has(column) { self.text.get(column.index()).copied() } else { None }
    }

    /// The value of a truth column.
    pub fn flag(&self, column: Column) -> Option<bool> {
        self.int(column).map(|value| value != 0)
    }

    /// The value of a number column; of a time column its microseconds.
    pub fn int(&self, column: Column) -> Option<i64> {
        if self.has(column) { self.scalar.get(column.index()).copied() } else { None }
    }

    /// The value of a time column.
    pub fn time(&self, column: Column) -> Option<EventTime> {
        self.int(column).and_then(EventTime::from_micros)
    }

    /// Whether a text column holds exactly `text`.
    pub fn is(&self, column: Column, text: &str) -> bool {
        self.text(column) == Some(text)
    }

    /// Gives a text or JSON column its value.
    pub fn set_text(&mut self, column: Column, value: &'a str) {
        if let Some(slot) = self.text.get_mut(column.index()) {
            *slot = value;
            self.set |= 1 << column.index();
        }
    }

    /// Gives a text column its value, or makes it null.
    pub fn set_optional(&mut self, column: Column, value: Option<&'a str>) {
        match value {
            Some(value) => self.set_text(column, value),
            None => self.unset(column),
        }
    }

    /// Gives a text column a value that is made here; it is kept in the arena.
    pub fn set_made(&mut self, column: Column, value: fmt::Arguments<'_>) {
        let mut text = bumpalo::collections::String::new_in(self.arena);
        // Writing to an arena's string cannot fail.
        let _infallible = fmt::write(&mut text, value);
        self.set_text(column, text.into_bump_str());
    }

    /// Gives a truth column its value.
    pub fn set_flag(&mut self, column: Column, value: bool) {
        self.set_int(column, i64::from(value));
    }

    /// Gives a number column its value.
    pub fn set_int(&mut self, column: Column, value: i64) {
        if let Some(slot) = self.scalar.get_mut(column.index()) {
            *slot = value;
            self.set |= 1 << column.index();
        }
    }

    /// Gives a time column its value.
    pub fn set_time(&mut self, column: Column, value: EventTime) {
        self.set_int(column, value.micros());
    }

    /// Makes a column null.
    pub const fn unset(&mut self, column: Column) {
        self.set &= !(1 << column.index());
    }

    /// The record's `resources`, in its order.
    pub fn resources(&self) -> &[Resource<'a>] {
        &self.resources
    }

    pub(crate) fn push_resource(&mut self, resource: Resource<'a>) {
        self.resources.push(resource);
    }

    pub(crate) fn clear_resources(&mut self) {
        self.resources.clear();
    }

    /// The top-level keys without a column, each with its compact JSON.
    pub(crate) const fn extra_mut(&mut self) -> &mut Vec<(&'a str, &'a str)> {
        &mut self.extra
    }

    /// The compact JSON of the extra key.
    pub(crate) fn extra(&self, key: &str) -> Option<&'a str> {
        self.extra.iter().find(|(name, _)| *name == key).map(|(_, json)| *json)
    }

    /// The same for a key in any case of letters.
    pub(crate) fn extra_any_case(&self, key: &str) -> Option<&'a str> {
        self.extra.iter().find(|(name, _)| name.eq_ignore_ascii_case(key)).map(|(_, json)| *json)
    }

    /// Notes that the record is odd, in words for the ledger.
    pub fn notice(&mut self, kind: ProblemKind, message: impl Into<String>) {
        self.notices.push((kind, message.into()));
    }

    /// What is odd about the record.
    pub fn notices(&self) -> &[(ProblemKind, String)] {
        &self.notices
    }
}

impl fmt::Debug for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut map = f.debug_map();
        for column in Column::ALL {
            if let Some(text) = self.text(*column).filter(|text| !text.is_empty()) {
                map.entry(&column.name(), &text);
            } else if let Some(number) = self.int(*column) {
                map.entry(&column.name(), &number);
            }
        }
        map.finish()
    }
}
