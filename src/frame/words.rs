//! [`Words`]: texts that come again, each kept once.

use std::hash::BuildHasher as _;
use std::sync::LazyLock;

use foldhash::quality::RandomState;
use hashbrown::HashTable;
use polars_arrow::array::{MutableBinaryViewArray, Utf8ViewArray};

/// Rows of texts, and the dictionary that they make.
///
/// Codes are given in the order in which texts are first met, so that they do not depend on the hash.
#[derive(Debug)]
pub(crate) struct Words {
    /// For each row the code of its text; 0 where it has none. There may be more places than rows.
    codes: Vec<u16>,
    /// About how many rows there will be.
    expected: usize,
    /// Where the text of each code stands; the one of code 0 is empty and is never asked for.
    spans: Vec<(usize, usize)>,
    bytes: Vec<u8>,
    table: HashTable<u16>,
    /// The code that was met last for each of some marks.
    recent: Box<[u16; RECENT]>,
    /// The code that was met last, 0 before the first, and where its text stands.
    last: (u16, usize, usize),
}

const RECENT: usize = 256;

/// Texts come from whoever writes logs, so the hash has to be one that they cannot foresee.
static HASH: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// A hash of bytes, the same for equal bytes within one run of the program.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    HASH.hash_one(bytes)
}

impl Words {
    /// No rows yet, of about as many as are `expected`.
    pub(crate) fn new(expected: usize) -> Self {
        Self {
            codes: Vec::new(),
            expected,
            spans: vec![(0, 0)],
            bytes: Vec::new(),
            table: HashTable::new(),
            recent: Box::new([0; RECENT]),
            last: (0, 0, 0),
        }
    }

    /// Gives the row its text, and yields the code of it; the rows before that have none are empty.
    #[inline]
    pub(crate) fn push(&mut self, row: usize, text: &str) -> u16 {
        let code = self.code(text);
        self.set(row, code);
        code
    }

    /// Gives the row the text that has the code.
    #[inline]
    pub(super) fn set(&mut self, row: usize, code: u16) {
        if row >= self.codes.len() {
            // Room for all rows that are expected; what is not used of it is given back.
            self.codes.reserve_exact(self.expected.saturating_sub(self.codes.len()));
            self.codes.resize((row + 1).next_power_of_two(), 0);
        }
        if let Some(place) = self.codes.get_mut(row) {
            *place = code;
        }
    }

    /// The code of a text, which gets one if it has none.
    #[inline]
    pub(super) fn code(&mut self, text: &str) -> u16 {
        let text = text.as_bytes();
        let (code, start, end) = self.last;
        if code != 0 && self.bytes.get(start..end) == Some(text) {
            return code;
        }
        let code = self.find(text);
        let (start, end) = self.spans.get(usize::from(code)).copied().unwrap_or_default();
        self.last = (code, start, end);
        code
    }

    /// The codes of the rows so far; rows without a text may be missing at the end, or be there and no rows.
    pub(super) fn codes(&self) -> &[u16] {
        &self.codes
    }

    /// Gives rows their codes: for each row the one of `leads` that `codes` has for it, where that is not 0.
    pub(super) fn follow(&mut self, leads: &[u16], codes: &[u16]) {
        self.codes.resize(leads.len().max(self.codes.len()), 0);
        for (own, lead) in self.codes.iter_mut().zip(leads).filter(|(_, lead)| **lead != 0) {
            *own = codes.get(usize::from(*lead)).copied().unwrap_or_default();
        }
    }

    /// How many texts there are.
    pub(crate) fn count(&self) -> usize {
        self.spans.len() - 1
    }

    fn word(&self, code: u16) -> &[u8] {
        let span = self.spans.get(usize::from(code)).copied().unwrap_or_default();
        self.bytes.get(span.0..span.1).unwrap_or_default()
    }

    fn find(&mut self, text: &[u8]) -> u16 {
        let slot = mark(text);
        let code = self.recent.get(slot).copied().unwrap_or_default();
        if code != 0 && self.word(code) == text {
            return code;
        }
        let hash = hash(text);
        let (spans, bytes) = (&self.spans, &self.bytes);
        let word = |code: u16| {
            let span = spans.get(usize::from(code)).copied().unwrap_or_default();
            bytes.get(span.0..span.1).unwrap_or_default()
        };
        let code = if let Some(code) = self.table.find(hash, |code| word(*code) == text) {
            *code
        } else {
            // There is a new text at most once a row, and a batch has fewer rows than there are codes.
            let code = u16::try_from(self.spans.len()).unwrap_or_default();
            let start = self.bytes.len();
            self.bytes.extend_from_slice(text);
            self.spans.push((start, self.bytes.len()));
            let (spans, bytes) = (&self.spans, &self.bytes);
            self.table.insert_unique(hash, code, |code| {
                let span = spans.get(usize::from(*code)).copied().unwrap_or_default();
                self::hash(bytes.get(span.0..span.1).unwrap_or_default())
            });
            code
        };
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = code;
        }
        code
    }

    /// The codes of all `rows`, and the texts by code, the first of which is null; `None` where no row has a text.
    pub(crate) fn finish(self, rows: usize) -> Option<(Vec<u16>, Utf8ViewArray)> {
        if self.spans.len() == 1 {
            return None;
        }
        let mut codes = self.codes;
        codes.resize(rows, 0);
        give_back(&mut codes);
        let mut words = MutableBinaryViewArray::<str>::with_capacity(self.spans.len());
        words.push_null();
        for (start, end) in self.spans.iter().skip(1) {
            // Only whole texts were put in.
            let word = self.bytes.get(*start..*end).and_then(|word| std::str::from_utf8(word).ok());
            words.push_value(word.unwrap_or_default());
        }
        Some((codes, words.freeze()))
    }
}

/// Gives room back where much more of it was expected to be used.
pub(super) fn give_back<T>(values: &mut Vec<T>) {
    if values.capacity() / 2 > values.len() {
        values.shrink_to_fit();
    }
}

/// A cheap mark of a text, in which texts of one column mostly differ: from its length and both ends.
#[inline]
fn mark(text: &[u8]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let word = |chunk: Option<&[u8; 8]>| chunk.map_or(0, |chunk| u64::from_le_bytes(*chunk));
    let middle = text.len() / 2;
    let ends = word(text.first_chunk())
        ^ word(text.get(middle..).and_then(<[u8]>::first_chunk)).rotate_left(21)
        ^ word(text.last_chunk()).rotate_left(42);
    let short = text.iter().take(if text.len() < 8 { 8 } else { 0 }).fold(0, |sum: u64, byte| (sum << 8) | u64::from(*byte));
    let mixed = (ends ^ short ^ u64::try_from(text.len()).unwrap_or_default()).wrapping_mul(ODD);
    usize::try_from(mixed >> 56).unwrap_or_default()
}
