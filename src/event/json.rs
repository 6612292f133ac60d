//! A strict JSON scanner that reads a record once and keeps its nested parts as
//! slices of the input.
//!
//! It accepts and refuses what `serde_json` accepts and refuses (but for numbers
//! too large for a double, which are kept as text), and it notes on the way what
//! `serde_json` does not tell: whether an object names a key twice, and whether
//! there is white space outside texts. The tests hold it against `serde_json`.

mod text;

use std::collections::HashSet;

use bumpalo::Bump;

use text::{Part, check_escapes, compact, controls, decode, ends_of_text, first_marked};

/// Why a scan stopped, and at which byte of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The text ends inside a value.
    Cut,
    /// The text is not JSON here.
    Syntax {
        /// Byte offset in the scanned text.
        at: usize,
        /// What would have been right.
        expected: &'static str,
    },
    /// Objects and arrays are nested deeper than the limit.
    Depth {
        /// Byte offset in the scanned text.
        at: usize,
    },
}

/// The deepest nesting that is read: `serde_json`'s own limit, so that both agree.
pub const MAX_DEPTH: u32 = 127;

/// Objects with more keys than this look for repeated ones in a hash set. Records have some thirty.
const FEW_KEYS: usize = 64;

/// A position in a JSON text, and what was met on the way to it.
#[derive(Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    pos: usize,
    arena: &'a Bump,
    keys: Vec<&'a str>,
    duplicate_keys: bool,
    spaces: bool,
    /// Whether no control character stands anywhere in the text, so that none need be looked for.
    uncontrolled: bool,
}

impl<'a> Scanner<'a> {
    /// A scanner at the start of `text`; unescaped texts are kept in `arena`.
    pub fn new(text: &'a str, arena: &'a Bump) -> Self {
        let bytes = text.as_bytes();
        // Without a way out of a block before its end, so that many bytes are looked at in one step.
        let uncontrolled = bytes.chunks(64).all(|block| block.iter().fold(0, |any, byte| any | u8::from(*byte < 0x20)) == 0);
        Self { text, bytes, pos: 0, arena, keys: Vec::new(), duplicate_keys: false, spaces: false, uncontrolled }
    }

    /// The byte offset of the next byte to be read.
    pub const fn position(&self) -> usize {
        self.pos
    }

    /// Goes to a byte offset; one beyond the end is the end.
    pub fn seek(&mut self, position: usize) {
        self.pos = position.min(self.bytes.len());
        self.keys.clear();
    }

    /// The text from `start` to here.
    pub fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.pos).unwrap_or_default()
    }

    /// The text from here on.
    pub fn rest(&self) -> &'a str {
        self.text.get(self.pos..).unwrap_or_default()
    }

    /// The bytes from an offset on.
    pub fn bytes_from(&self, start: usize) -> &'a [u8] {
        self.bytes.get(start..).unwrap_or_default()
    }

    /// The byte offset of the text's end.
    pub const fn end(&self) -> usize {
        self.bytes.len()
    }

    /// Whether an object named a key twice since the last call of [`take_duplicate_keys`](Self::take_duplicate_keys).
    pub const fn has_duplicate_keys(&self) -> bool {
        self.duplicate_keys
    }

    /// Whether an object named a key twice since the last call.
    pub const fn take_duplicate_keys(&mut self) -> bool {
        std::mem::replace(&mut self.duplicate_keys, false)
    }

    /// The next byte, without reading it.
    #[inline]
    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.pos).copied()
    }

    /// Reads one byte that has been peeked at.
    #[inline]
    pub const fn bump(&mut self) {
        self.pos += 1;
    }

    /// Reads white space, and peeks at the byte after it.
    #[inline]
    pub fn skip_space(&mut self) -> Option<u8> {
        let mut byte = self.peek()?;
        while matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            self.spaces = true;
            self.pos += 1;
            byte = self.peek()?;
        }
        Some(byte)
    }

    /// Reads white space and then `byte`.
    ///
    /// # Errors
    /// [`Fault`] where another byte stands there.
    #[inline]
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), Fault> {
        match self.skip_space() {
            Some(found) if found == byte => {
                self.pos += 1;
                Ok(())
            }
            Some(_) => Err(Fault::Syntax { at: self.pos, expected }),
            None => Err(Fault::Cut),
        }
    }

    /// Reads the text whose opening quote is the next byte.
    ///
    /// # Errors
    /// [`Fault`] on a bare control character, a wrong escape or a lone surrogate.
    pub fn string(&mut self) -> Result<&'a str, Fault> {
        self.expect(b'"', "a text")?;
        let start = self.pos;
        let escaped = self.skip_string_body()?;
        let raw = self.text.get(start..self.pos - 1).unwrap_or_default();
        if escaped { self.unescape(raw, start) } else { Ok(raw) }
    }

    /// Reads an object's entries: `entry` is called with each key, at its value, and has to read it.
    ///
    /// # Errors
    /// [`Fault`], also the entry's own.
    pub fn object<E: From<Fault>>(&mut self, depth: u32, mut entry: impl FnMut(&mut Self, &'a str) -> Result<(), E>) -> Result<(), E> {
        self.object_with(depth, |scanner| Ok((scanner.key()?, (), None)), |scanner, key, ()| entry(scanner, key))
    }

    /// The same where `read_key` reads each key, with the colon after it; it may say more about the key, and whether
    /// it came before, where that is not to be found out here.
    ///
    /// # Errors
    /// [`Fault`], also the entry's own.
    #[inline]
    pub fn object_with<E: From<Fault>, K>(
        &mut self,
        depth: u32,
        mut read_key: impl FnMut(&mut Self) -> Result<(&'a str, K, Option<bool>), Fault>,
        mut entry: impl FnMut(&mut Self, &'a str, K) -> Result<(), E>,
    ) -> Result<(), E> {
        if depth > MAX_DEPTH {
            return Err(Fault::Depth { at: self.pos }.into());
        }
        self.expect(b'{', "an object")?;
        if self.skip_space() == Some(b'}') {
            self.pos += 1;
            return Ok(());
        }
        let mut siblings = Siblings { first: self.keys.len(), marks: 0, many: None };
        loop {
            let (key, more, repeated) = read_key(self)?;
            match repeated {
                Some(repeated) => self.duplicate_keys |= repeated,
                None => self.note_key(&mut siblings, key),
            }
            self.skip_space();
            entry(self, key, more)?;
            match self.skip_space() {
                Some(b',') => self.pos += 1,
                Some(b'}') => {
                    self.pos += 1;
                    self.keys.truncate(siblings.first);
                    return Ok(());
                }
                Some(_) => return Err(Fault::Syntax { at: self.pos, expected: "`,` or `}`" }.into()),
                None => return Err(Fault::Cut.into()),
            }
        }
    }

    /// Reads an object's next key and the colon after it.
    ///
    /// # Errors
    /// [`Fault`] where there is none.
    #[inline]
    pub fn key(&mut self) -> Result<&'a str, Fault> {
        if self.skip_space().is_some_and(|byte| byte != b'"') {
            return Err(Fault::Syntax { at: self.pos, expected: "a key" });
        }
        let key = self.string()?;
        self.expect(b':', "`:` after a key")?;
        Ok(key)
    }

    /// Eight bytes as a number, those after the next `ahead`; 0 near the end of the text.
    #[inline]
    pub fn eight(&self, ahead: usize) -> u64 {
        self.bytes.get(self.pos + ahead..).and_then(|rest| rest.first_chunk()).map_or(0, |chunk| u64::from_le_bytes(*chunk))
    }

    /// Reads as many bytes, which have been looked at.
    #[inline]
    pub fn pass(&mut self, bytes: usize) {
        self.pos = (self.pos + bytes).min(self.bytes.len());
    }

    /// Reads `text` if it comes next; else nothing.
    #[inline]
    pub fn take(&mut self, text: &str) -> bool {
        let comes = self.bytes.get(self.pos..).is_some_and(|rest| rest.starts_with(text.as_bytes()));
        if comes {
            self.pos += text.len();
        }
        comes
    }

    /// Reads an array's elements: `element` is called at each and has to read it.
    ///
    /// # Errors
    /// [`Fault`], also the element's own.
    pub fn array<E: From<Fault>>(&mut self, depth: u32, mut element: impl FnMut(&mut Self) -> Result<(), E>) -> Result<(), E> {
        if depth > MAX_DEPTH {
            return Err(Fault::Depth { at: self.pos }.into());
        }
        self.expect(b'[', "an array")?;
        if self.skip_space() == Some(b']') {
            self.pos += 1;
            return Ok(());
        }
        loop {
            self.skip_space();
            element(self)?;
            match self.skip_space() {
                Some(b',') => self.pos += 1,
                Some(b']') => {
                    self.pos += 1;
                    return Ok(());
                }
                Some(_) => return Err(Fault::Syntax { at: self.pos, expected: "`,` or `]`" }.into()),
                None => return Err(Fault::Cut.into()),
            }
        }
    }

    /// Reads one value of any kind and checks it, keeping nothing.
    ///
    /// # Errors
    /// [`Fault`] where it is not JSON.
    pub fn skip_value(&mut self, depth: u32) -> Result<(), Fault> {
        match self.skip_space().ok_or(Fault::Cut)? {
            b'"' => {
                self.pos += 1;
                let start = self.pos;
                if self.skip_string_body()? {
                    let raw = self.text.get(start..self.pos - 1).unwrap_or_default();
                    check_escapes(raw, start)?;
                }
                Ok(())
            }
            b'{' => self.object(depth + 1, |scanner, _| scanner.skip_value(depth + 1)),
            b'[' => self.array(depth + 1, |scanner| scanner.skip_value(depth + 1)),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => Err(Fault::Syntax { at: self.pos, expected: "a value" }),
        }
    }

    /// Reads one value and yields its compact JSON: the input's own bytes, without white space between them.
    ///
    /// # Errors
    /// [`Fault`] where it is not JSON.
    pub fn json(&mut self, depth: u32) -> Result<&'a str, Fault> {
        self.json_with(|scanner| scanner.skip_value(depth))
    }

    /// The same for a value that `read` reads, and may take apart on the way.
    ///
    /// # Errors
    /// [`Fault`], also that of `read`.
    pub fn json_with<E: From<Fault>>(&mut self, read: impl FnOnce(&mut Self) -> Result<(), E>) -> Result<&'a str, E> {
        self.skip_space();
        let start = self.pos;
        let spaces_before = std::mem::replace(&mut self.spaces, false);
        let outcome = read(self);
        let spaced = self.spaces;
        self.spaces |= spaces_before;
        outcome?;
        let raw = self.since(start);
        Ok(if spaced { compact(raw, self.arena) } else { raw })
    }

    /// Finds the end of one value by its quotes and brackets alone, checking nothing else.
    ///
    /// # Errors
    /// [`Fault::Cut`] where the text ends first.
    pub fn skip_shallow(&mut self) -> Result<(), Fault> {
        let mut depth = 0_u32;
        loop {
            match self.skip_space().ok_or(Fault::Cut)? {
                b'"' => {
                    self.pos += 1;
                    self.skip_quoted_shallow()?;
                }
                b'{' | b'[' => {
                    depth += 1;
                    self.pos += 1;
                }
                b'}' | b']' => {
                    if depth == 0 {
                        return Ok(());
                    }
                    depth -= 1;
                    self.pos += 1;
                }
                b',' if depth == 0 => return Ok(()),
                b',' | b':' => {
                    self.pos += 1;
                    continue;
                }
                _ => self.skip_plain(),
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// Finds the end of one value as [`skip_shallow`](Self::skip_shallow) does, as long as its texts and brackets
    /// stand where JSON allows one; its numbers and words may be anything.
    ///
    /// # Errors
    /// [`Fault::Syntax`] at the first text or bracket that stands where none can, which shows a quote or bracket
    /// too many or too few; [`Fault::Cut`] where the text, or the byte `limit` of it, comes before the end.
    pub fn skip_balanced(&mut self, limit: usize) -> Result<(), Fault> {
        let mut open: Vec<u8> = Vec::new();
        let mut before = b',';
        loop {
            let byte = self.skip_space().filter(|_| self.pos < limit).ok_or(Fault::Cut)?;
            let misplaced = Fault::Syntax { at: self.pos, expected: "quotes and brackets in pairs" };
            let inside = open.last().copied();
            match byte {
                b'"' => {
                    self.pos += 1;
                    self.skip_quoted_shallow()?;
                    if inside.is_some() && !matches!(self.skip_space(), None | Some(b',' | b':' | b'}' | b']')) {
                        return Err(misplaced);
                    }
                }
                b'{' | b'[' => {
                    let fits = match inside {
                        Some(b'{') => before == b':',
                        _ => matches!(before, b',' | b'['),
                    };
                    if !fits {
                        return Err(misplaced);
                    }
                    self.pos += 1;
                    open.push(byte);
                }
                b'}' | b']' => {
                    if inside != Some(if byte == b'}' { b'{' } else { b'[' }) {
                        return Err(misplaced);
                    }
                    self.pos += 1;
                    open.pop();
                }
                b',' | b':' if inside.is_none() => return Err(misplaced),
                b',' | b':' => self.pos += 1,
                _ => self.skip_plain(),
            }
            before = byte;
            if open.is_empty() {
                return Ok(());
            }
        }
    }

    /// Skips a number or literal, or one byte of anything that should not be there.
    fn skip_plain(&mut self) {
        let start = self.pos;
        while matches!(self.peek(), Some(b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.')) {
            self.pos += 1;
        }
        if self.pos == start {
            self.pos += 1;
        }
    }

    fn skip_quoted_shallow(&mut self) -> Result<(), Fault> {
        loop {
            let rest = self.bytes.get(self.pos..).unwrap_or_default();
            let found = memchr::memchr2(b'"', b'\\', rest).ok_or(Fault::Cut)?;
            let quote = rest.get(found) == Some(&b'"');
            self.pos += found + if quote { 1 } else { 2 };
            if quote {
                return Ok(());
            }
            if self.pos > self.bytes.len() {
                return Err(Fault::Cut);
            }
        }
    }

    #[inline]
    fn note_key(&mut self, siblings: &mut Siblings<'a>, key: &'a str) {
        let mark = mark(key);
        let repeated = if let Some(set) = &mut siblings.many {
            !set.insert(key)
        } else {
            // Equal keys have equal marks, so that keys are compared only where marks are equal.
            let before = self.keys.get(siblings.first..).unwrap_or_default();
            let repeated = siblings.marks & mark != 0 && before.contains(&key);
            if before.len() >= FEW_KEYS {
                siblings.many = Some(before.iter().copied().chain([key]).collect());
                self.keys.truncate(siblings.first);
            } else {
                self.keys.push(key);
            }
            repeated
        };
        siblings.marks |= mark;
        self.duplicate_keys |= repeated;
    }

    /// Reads up to and with the closing quote; tells whether there were escapes, which are not yet checked.
    #[inline]
    fn skip_string_body(&mut self) -> Result<bool, Fault> {
        let mut escaped = false;
        loop {
            // Eight bytes at a time, until one of them is a quote, a backslash or a control character.
            let mut rest = self.bytes.get(self.pos..).unwrap_or_default();
            while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
                let word = u64::from_le_bytes(*chunk);
                let special = if self.uncontrolled { ends_of_text(word) } else { ends_of_text(word) | controls(word) };
                if special != 0 {
                    rest = rest.get(first_marked(special)..).unwrap_or_default();
                    break;
                }
                rest = after;
            }
            self.pos = self.bytes.len() - rest.len();
            match self.peek().ok_or(Fault::Cut)? {
                b'"' => {
                    self.pos += 1;
                    return Ok(escaped);
                }
                b'\\' => {
                    escaped = true;
                    if self.pos + 1 >= self.bytes.len() {
                        return Err(Fault::Cut);
                    }
                    self.pos += 2;
                }
                0..0x20 => return Err(Fault::Syntax { at: self.pos, expected: "no bare control character in a text" }),
                _ => self.pos += 1,
            }
        }
    }

    fn unescape(&self, raw: &'a str, offset: usize) -> Result<&'a str, Fault> {
        let mut text = bumpalo::collections::String::with_capacity_in(raw.len(), self.arena);
        decode(raw, offset, |part| match part {
            Part::Plain(plain) => text.push_str(plain),
            Part::Letter(letter) => text.push(letter),
        })?;
        Ok(text.into_bump_str())
    }

    fn literal(&mut self, word: &[u8]) -> Result<(), Fault> {
        let rest = self.bytes.get(self.pos..).unwrap_or_default();
        let matching = rest.iter().zip(word).take_while(|(found, wanted)| found == wanted).count();
        self.pos += matching;
        if matching == word.len() {
            Ok(())
        } else if matching == rest.len() {
            Err(Fault::Cut)
        } else {
            Err(Fault::Syntax { at: self.pos, expected: "true, false or null" })
        }
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.pos += 1;
        }
        if self.peek() == Some(b'0') {
            self.pos += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.pos += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.pos += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.pos += 1;
            }
            self.digits()?;
        }
        match self.peek() {
            Some(b'0'..=b'9') => Err(Fault::Syntax { at: self.pos, expected: "no leading zero" }),
            _ => Ok(()),
        }
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.pos;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.pos += 1;
        }
        match self.peek() {
            _ if self.pos > start => Ok(()),
            Some(_) => Err(Fault::Syntax { at: self.pos, expected: "a digit" }),
            None => Err(Fault::Cut),
        }
    }
}

/// The keys of an object so far.
struct Siblings<'a> {
    /// Where they begin among the scanner's keys.
    first: usize,
    /// The marks of all of them.
    marks: u64,
    /// All of them, once they are many.
    many: Option<HashSet<&'a str>>,
}

/// One bit, chosen by the length of a key and two of its letters.
#[inline]
fn mark(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let ends = bytes.first().zip(bytes.last()).map_or(0, |(first, last)| u32::from(*first) ^ u32::from(*last) << 3);
    let length = u32::try_from(bytes.len()).unwrap_or_default();
    1_u64.rotate_left(ends ^ (length << 1))
}

/// The text that a JSON text literal stands for, or `None` where `json` is something else.
pub fn text_of<'a>(json: &'a str, arena: &'a Bump) -> Option<&'a str> {
    if json.starts_with('"') { Scanner::new(json, arena).string().ok() } else { None }
}

#[cfg(test)]
mod tests;
