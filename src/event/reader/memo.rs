//! What is remembered from record to record of one text, as records of one file are much alike.

use super::Field;
use crate::event::Event;
use crate::event::json::{Fault, Scanner};
use crate::schema::Column;

/// The top-level keys in the order in which records have named them.
#[derive(Debug, Clone, Default)]
pub(in crate::event) struct KeyOrder<'a> {
    keys: Vec<Known<'a>>,
    /// Where in the order the next key should be.
    place: usize,
    /// A bit for each key that the record has named.
    met: u64,
}

#[derive(Debug, Clone, Copy)]
struct Known<'a> {
    /// The key in its quotes, and the colon.
    raw: &'a str,
    /// The first eight bytes of that; shorter ones are not remembered.
    head: u64,
    key: &'a str,
    field: Option<Field>,
    /// Its number among the keys as they were first met, below 64.
    bit: usize,
}

impl<'a> KeyOrder<'a> {
    /// Keys that are remembered at most.
    const MOST: usize = 64;
    /// Keys that a record may lack and still be followed.
    const AHEAD: usize = 6;

    /// Goes to the beginning of a record.
    pub(super) const fn begin(&mut self) {
        self.place = 0;
        self.met = 0;
    }

    /// Reads a key and its colon: the key, what it fills, and whether it came before in this record, if that is known.
    #[inline]
    pub(super) fn read(&mut self, scanner: &mut Scanner<'a>) -> Result<(&'a str, Option<Field>, Option<bool>), Fault> {
        let next = scanner.next_eight();
        let mut place = self.place;
        let end = place + Self::AHEAD;
        while let Some(known) = self.keys.get(place).filter(|_| place < end) {
            if known.head == next && scanner.take(known.raw) {
                let (key, field) = (known.key, known.field);
                return Ok((key, field, Some(self.meet(place))));
            }
            place += 1;
        }
        self.read_other(scanner)
    }

    /// The same for a key that is none of those expected here.
    #[cold]
    fn read_other(&mut self, scanner: &mut Scanner<'a>) -> Result<(&'a str, Option<Field>, Option<bool>), Fault> {
        scanner.skip_space();
        let start = scanner.position();
        let key = scanner.key()?;
        if let Some((place, field)) =
            self.keys.iter().position(|known| known.key == key).and_then(|at| Some((at, self.keys.get(at)?.field)))
        {
            return Ok((key, field, Some(self.meet(place))));
        }
        let field = Field::of(key);
        let raw = scanner.since(start);
        // Without white space or escapes there are but the quotes and the colon around it.
        if let (true, Some(head)) = (raw.len() == key.len() + 3 && self.keys.len() < Self::MOST, raw.as_bytes().first_chunk()) {
            let bit = self.keys.len();
            let place = self.place.min(bit);
            self.keys.insert(place, Known { raw, head: u64::from_le_bytes(*head), key, field, bit });
            return Ok((key, field, Some(self.meet(place))));
        }
        Ok((key, field, None))
    }

    /// Notes that the key was met, goes on behind it, and tells whether it was met before in this record.
    #[inline]
    fn meet(&mut self, place: usize) -> bool {
        self.place = place + 1;
        let bit = self.keys.get(place).map_or(0, |known| 1 << known.bit);
        let before = self.met & bit != 0;
        self.met |= bit;
        before
    }
}

/// Identities that have been read, each with the columns that it fills.
#[derive(Debug, Clone, Default)]
pub(in crate::event) struct Identities<'a> {
    slots: Vec<Option<Filled<'a>>>,
}

#[derive(Debug, Clone)]
struct Filled<'a> {
    /// The JSON of the identity, which has no white space.
    json: &'a str,
    texts: Vec<(Column, &'a str)>,
    numbers: Vec<(Column, i64)>,
}

impl<'a> Identities<'a> {
    const SLOTS: usize = 64;

    /// Fills the columns of the identity at the scanner, if it is known.
    pub(super) fn recall(&self, scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> bool {
        let slot = self.slots.get(slot(scanner.rest().as_bytes()));
        // What begins with all of an object is that object.
        let Some(known) = slot.and_then(Option::as_ref).filter(|known| scanner.take(known.json)) else { return false };
        for (column, text) in &known.texts {
            event.set_text(*column, text);
        }
        for (column, number) in &known.numbers {
            event.set_int(*column, *number);
        }
        true
    }

    /// Remembers what `json` filled.
    pub(super) fn keep(&mut self, json: &'a str, event: &Event<'a>) {
        if self.slots.is_empty() {
            self.slots.resize(Self::SLOTS, None);
        }
        let Some(slot) = self.slots.get_mut(slot(json.as_bytes())) else { return };
        let texts =
            [Column::UserIdentity].iter().chain(Column::IDENTITY).filter_map(|column| Some((*column, event.text(*column)?))).collect();
        let numbers = NUMBERS.iter().filter_map(|column| Some((*column, event.int(*column)?))).collect();
        *slot = Some(Filled { json, texts, numbers });
    }
}

/// By the first letters of an identity, among which is its principal.
fn slot(json: &[u8]) -> usize {
    let words = json.chunks_exact(8).take(12).filter_map(|word| word.first_chunk());
    let mixed = words.fold(0_u64, |sum, word| (sum.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x517c_c1b7_2722_0a95));
    usize::try_from(mixed >> 58).unwrap_or_default()
}

const NUMBERS: [Column; 3] = [Column::SessionMfaAuthenticated, Column::SessionCreationTime, Column::SessionAssumedRoot];
