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
    raw: Raw<'a>,
    key: &'a str,
    field: Option<Field>,
    /// Its number among the keys as they were first met, below 64.
    bit: usize,
}

/// Eight bytes at least, compared in few steps.
#[derive(Debug, Clone, Copy)]
struct Raw<'a> {
    text: &'a str,
    /// Eight bytes each: the first, the last, and those after the first as far as there are more than sixteen.
    words: [u64; 3],
    /// Where the second and the third word begin.
    starts: [usize; 2],
}

impl<'a> Raw<'a> {
    /// Bytes that the words cover.
    const COVERED: usize = 24;

    fn new(text: &'a str) -> Option<Self> {
        let last = text.len().checked_sub(8)?;
        let starts = [last.min(8), last];
        let word = |start: usize| text.as_bytes().get(start..).and_then(<[u8]>::first_chunk).map(|chunk| u64::from_le_bytes(*chunk));
        let [second, third] = starts;
        Some(Self { text, words: [word(0)?, word(second)?, word(third)?], starts })
    }

    /// Reads it if it comes next.
    #[inline]
    fn take(&self, first: u64, scanner: &mut Scanner<'_>) -> bool {
        let ([head, second, third], [at_second, at_third]) = (self.words, self.starts);
        if first != head || scanner.eight(at_second) != second || scanner.eight(at_third) != third {
            return false;
        }
        if self.text.len() > Self::COVERED {
            return scanner.take(self.text);
        }
        scanner.pass(self.text.len());
        true
    }
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
        let next = scanner.eight(0);
        let mut place = self.place;
        let end = place + Self::AHEAD;
        while let Some(known) = self.keys.get(place).filter(|_| place < end) {
            if known.raw.take(next, scanner) {
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
        if let (true, Some(raw)) = (raw.len() == key.len() + 3 && self.keys.len() < Self::MOST, Raw::new(raw)) {
            let bit = self.keys.len();
            let place = self.place.min(bit);
            self.keys.insert(place, Known { raw, key, field, bit });
            self.meet(place);
        }
        // It may have come before in a form that is not remembered.
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

/// Nested objects of one key that have been read, each with the columns that it fills.
#[derive(Debug, Clone, Default)]
pub(in crate::event) struct Objects<'a> {
    slots: Vec<Option<Filled<'a>>>,
}

#[derive(Debug, Clone, Default)]
struct Filled<'a> {
    /// The JSON of the object, which has no white space.
    json: &'a str,
    texts: Vec<(Column, &'a str)>,
    numbers: Vec<(Column, i64)>,
}

impl<'a> Objects<'a> {
    const SLOTS: usize = 64;

    /// Where the object at the scanner is remembered, if it is: by its first letters, among which is an identity's principal.
    pub(super) fn slot(scanner: &Scanner<'_>) -> usize {
        let words = scanner.rest().as_bytes().chunks_exact(8).take(12).filter_map(|word| word.first_chunk());
        let mixed = words.fold(0_u64, |sum, word| (sum.rotate_left(5) ^ u64::from_le_bytes(*word)).wrapping_mul(0x517c_c1b7_2722_0a95));
        usize::try_from(mixed >> 58).unwrap_or_default()
    }

    /// Fills the columns of the object at the scanner, if it is known.
    pub(super) fn recall(&self, slot: usize, scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> bool {
        let slot = self.slots.get(slot);
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

    /// Remembers which of those columns `json` filled.
    pub(super) fn keep(&mut self, slot: usize, json: &'a str, event: &Event<'a>, texts: impl Iterator<Item = Column>, numbers: &[Column]) {
        if self.slots.is_empty() {
            self.slots.resize(Self::SLOTS, None);
        }
        let Some(slot) = self.slots.get_mut(slot) else { return };
        // Into the lists that are there, as this may come with every record.
        let filled = slot.get_or_insert_default();
        filled.json = json;
        filled.texts.clear();
        filled.texts.extend(texts.filter_map(|column| Some((column, event.text(column)?))));
        filled.numbers.clear();
        filled.numbers.extend(numbers.iter().filter_map(|column| Some((*column, event.int(*column)?))));
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::super::read;
    use super::*;

    /// All columns of a record, after those that were read before it.
    fn columns<'a>(text: &'a str, arena: &'a Bump, event: &mut Event<'a>) -> Vec<String> {
        read(&mut Scanner::new(text, arena), event).expect("JSON");
        Column::ALL.iter().map(|column| format!("{column:?} {:?} {:?}", event.text(*column), event.int(*column))).collect()
    }

    #[test]
    fn a_record_reads_the_same_after_others() {
        const TLS: &str = r#"{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256"}"#;
        const ROOT: &str =
            r#"{"type":"Root","arn":"arn:aws:iam::111122223333:root","sessionContext":{"attributes":{"mfaAuthenticated":"true"}}}"#;
        let record =
            |fields: &str| format!(r#"{{"eventVersion":"1.11","eventName":"GetUser","eventSource":"iam.amazonaws.com",{fields}}}"#);
        let fields = [
            format!(r#""tlsDetails":{TLS},"userIdentity":{ROOT}"#),
            // Keys in other letters and keys that come twice fill what the remembered object does not.
            format!(r#""TLSDetails":{{"clientProvidedHostHeader":"host"}},"tlsDetails":{TLS},"userIdentity":{ROOT}"#),
            format!(r#""tlsDetails":{{"clientProvidedHostHeader":"host"}},"tlsDetails":{TLS}"#),
            format!(r#""useridentity":{{"type":"IAMUser","userName":"bob"}},"userIdentity":{ROOT}"#),
            format!(r#""tlsDetails":{},"userIdentity":{}"#, TLS.replace(':', ": "), ROOT.replace(r#""Root""#, r#""Root","type":"Role""#)),
            format!(r#""tlsDetails":{},"userIdentity":{}"#, TLS.replace('1', "2"), ROOT.replace("true", "false")),
            r#""tlsDetails":{"tlsVersion":1},"userIdentity":{}"#.to_owned(),
            r#""tlsDetails":null,"userIdentity":null"#.to_owned(),
        ];
        // Written so that the key of the first one is not remembered.
        let twice = [r#""userIdentity" "#, r#""user\u0049dentity""#].map(|key| {
            let service =
                r#"{"type":"AWSService","invokedBy":"x.amazonaws.com","sessionContext":{"attributes":{"mfaAuthenticated":"false"}}}"#;
            format!(r#""tlsDetails":{TLS},{key}:{service},"userIdentity":{ROOT}"#)
        });
        let records: Vec<String> = fields.iter().chain(&twice).map(|fields| record(fields)).collect();
        let arena = Bump::new();
        let mut event = Event::new(&arena);
        for twice in twice.iter().map(|fields| record(fields)) {
            let mut event = Event::new(&arena);
            let read = columns(&twice, &arena, &mut event);
            let plain = twice.replace(r#""userIdentity" "#, r#""userIdentity""#).replace(r"\u0049", "I");
            assert_eq!(read, columns(&plain, &arena, &mut Event::new(&arena)), "{twice}");
            assert_eq!(event.flag(Column::HasDuplicateKeys), Some(true), "{twice}");
        }
        for first in &records {
            for second in &records {
                columns(first, &arena, &mut event);
                let alone = columns(second, &arena, &mut Event::new(&arena));
                assert_eq!(columns(second, &arena, &mut event), alone, "{second}\nafter {first}");
            }
        }
    }
}
