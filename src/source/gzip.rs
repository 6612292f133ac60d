//! [`Inflate`]: one object's bytes, inflated where they are gzip, hashed on the way.
//!
//! Goes by the first two bytes and not by the name, reads all members, keeps what
//! came before damage, and stops where the [`Budget`] says so. What nearly all
//! objects are, one sound member of moderate size, is inflated at once by libdeflate;
//! all else goes step by step through flate2.

use std::io::{self, Read};

use aws_lc_rs::digest::{Context, SHA256};
use flate2::{Crc, Decompress, FlushDecompress, Status};

use super::{Budget, Sha256};

/// What is wrong with the stream, with the number of stored bytes that were read before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The stored bytes end inside the gzip stream.
    Cut {
        /// Stored bytes read.
        at: u64,
    },
    /// The stored bytes are not a valid gzip stream here.
    Corrupt {
        /// Stored bytes read.
        at: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// Bytes that are no gzip member follow the stream.
    Trailing {
        /// Stored bytes read.
        at: u64,
    },
    /// The inflated bytes pass the budget.
    Limit {
        /// Inflated bytes read.
        inflated: u64,
    },
    /// The system failed while reading.
    Unreadable {
        /// What the system says.
        cause: String,
    },
}

/// What one object's bytes were, once they have been read.
#[derive(Debug, Clone)]
pub struct Summary {
    /// SHA-256 of all inflated bytes; `None` where some were left unread.
    pub sha256: Option<Sha256>,
    /// Bytes as stored.
    pub stored_bytes: u64,
    /// Bytes after inflation.
    pub inflated_bytes: u64,
    /// How many gzip members there were; 0 for plain bytes.
    pub members: u32,
    /// What is wrong with the stream.
    pub damage: Option<Damage>,
}

/// What a thread keeps between objects, so that it is made once.
pub struct Scratch {
    decompress: Decompress,
    at_once: libdeflater::Decompressor,
    input: Vec<u8>,
}

impl Default for Scratch {
    fn default() -> Self {
        Self { decompress: Decompress::new(false), at_once: libdeflater::Decompressor::new(), input: vec![0; INPUT_BYTES] }
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").finish_non_exhaustive()
    }
}

/// The inflated bytes of one object, in order.
pub struct Inflate<'s, R> {
    reader: R,
    scratch: &'s mut Scratch,
    budget: Budget,
    start: usize,
    end: usize,
    state: State,
    /// Of what is not inflated at once.
    hash: Option<Context>,
    /// The hash of an object that was inflated at once.
    whole: Option<Sha256>,
    /// Whether the reader has no more bytes.
    at_end: bool,
    crc: Crc,
    stored_bytes: u64,
    inflated_bytes: u64,
    members: u32,
    damage: Option<Damage>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Start,
    Plain,
    Member,
    Ended,
}

/// Stored bytes read at once, where the object has more than [`WHOLE_BYTES`].
const INPUT_BYTES: usize = 256 << 10;
/// Stored bytes of an object that may be inflated at once.
const WHOLE_BYTES: usize = 16 << 20;
/// Inflated bytes that are made before they are hashed: they stay in the processor's cache between the two.
const STEP_BYTES: usize = 256 << 10;

/// Why inflating stops; the reason is kept in `damage`.
struct Stop;

impl<'s, R: Read> Inflate<'s, R> {
    /// Bytes of `reader`, inflated within `budget`.
    pub fn new(reader: R, scratch: &'s mut Scratch, budget: Budget) -> Self {
        Self {
            reader,
            scratch,
            budget,
            start: 0,
            end: 0,
            state: State::Start,
            hash: None,
            whole: None,
            at_end: false,
            crc: Crc::new(),
            stored_bytes: 0,
            inflated_bytes: 0,
            members: 0,
            damage: None,
        }
    }

    /// Appends inflated bytes to `out` until it holds `target` bytes; `false` when there are no more. What `out` holds
    /// before the first bytes of the object is given up, and may be of any length: so it need not be filled with zeros.
    pub fn fill(&mut self, out: &mut Vec<u8>, target: usize) -> bool {
        if self.begin(out, target) {
            self.whole = Some(Sha256::of(out));
        }
        self.go_on(out, target)
    }

    /// Does for two objects what [`fill`](Self::fill) does for one. Those that are inflated at once are hashed together,
    /// which takes less time.
    pub fn fill_both([mut left, mut right]: [(&mut Self, &mut Vec<u8>); 2], target: usize) -> [bool; 2] {
        let is_whole = [left.0.begin(left.1, target), right.0.begin(right.1, target)];
        if is_whole == [true, true] {
            [left.0.whole, right.0.whole] = Sha256::of_both([left.1, right.1]).map(Some);
        } else if let Some((stream, out)) =
            [&mut left, &mut right].into_iter().zip(is_whole).find_map(|(side, is_whole)| is_whole.then_some(side))
        {
            stream.whole = Some(Sha256::of(out));
        }
        [left, right].map(|(stream, out)| stream.go_on(out, target))
    }

    /// Whether all of the object is in `out` and is still to be hashed; if not, `out` is ready for its first bytes.
    fn begin(&mut self, out: &mut Vec<u8>, target: usize) -> bool {
        if self.state != State::Start {
            return false;
        }
        let is_whole = self.inflate_whole(out, target);
        if !is_whole {
            out.clear();
        }
        is_whole
    }

    fn go_on(&mut self, out: &mut Vec<u8>, target: usize) -> bool {
        while self.state != State::Ended && out.len() < target {
            if self.step(out, target).is_err() {
                self.state = State::Ended;
            }
        }
        self.state != State::Ended
    }

    /// Whether the bytes are as they are stored, so that each costs as much to read as to store.
    pub const fn is_plain(&self) -> bool {
        matches!(self.state, State::Plain)
    }

    /// SHA-256 of an object that was inflated at once, which is known before the end.
    pub const fn hash_of_whole(&self) -> Option<Sha256> {
        self.whole
    }

    /// What the bytes were; those that have not been asked for are left unread.
    pub fn finish(self) -> Summary {
        let hash = || self.whole.unwrap_or_else(|| Sha256::from_digest(self.hash.unwrap_or_else(new_hash).finish()));
        let sha256 = (self.state == State::Ended).then(hash);
        Summary { sha256, stored_bytes: self.stored_bytes, inflated_bytes: self.inflated_bytes, members: self.members, damage: self.damage }
    }

    /// Reads and inflates all of an object that is one sound gzip member from its first byte to its last, but for its
    /// hash; `false`, with nothing done but bytes read, where it is anything else or is larger than `target`.
    fn inflate_whole(&mut self, out: &mut Vec<u8>, target: usize) -> bool {
        self.refill();
        while !self.at_end && self.scratch.input.len() < WHOLE_BYTES {
            let longer = self.scratch.input.len() * 4;
            self.scratch.input.resize(longer, 0);
            self.refill();
        }
        let Scratch { at_once, input, .. } = &mut *self.scratch;
        let is_all = self.at_end && self.damage.is_none();
        let stored = input.get(self.start..self.end).filter(|_| is_all).unwrap_or_default();
        let Some((rest, size_bytes)) = stored.split_last_chunk::<SIZE_BYTES>() else { return false };
        let size = u32::from_le_bytes(*size_bytes);
        let allowed = self.budget.inflated_free.max(self.budget.inflate_ratio.saturating_mul(to_u64(stored.len())));
        let Some(size) = usize::try_from(size).ok().filter(|size| *size <= target && to_u64(*size) <= allowed) else { return false };
        // A member ends with its size. The library stops after the first member and does not say where that was; but
        // when it made `size` bytes, and the first place where these four bytes stand is the object's end, nothing
        // follows the member.
        if !stored.starts_with(&GZIP_MAGIC) || memchr::memmem::find(stored, size_bytes) != Some(rest.len()) {
            return false;
        }
        out.resize(size, 0);
        if at_once.gzip_decompress(stored, out) != Ok(size) {
            return false;
        }
        self.inflated_bytes = to_u64(size);
        self.members = 1;
        self.start = self.end;
        self.state = State::Ended;
        true
    }

    fn step(&mut self, out: &mut Vec<u8>, target: usize) -> Result<(), Stop> {
        match self.state {
            State::Start => {
                self.state = if self.rest().starts_with(&GZIP_MAGIC) { State::Member } else { State::Plain };
                if self.state == State::Member { self.header() } else { Ok(()) }
            }
            State::Plain => self.copy(out, target),
            State::Member => self.inflate(out, target),
            State::Ended => Ok(()),
        }
    }

    fn rest(&self) -> &[u8] {
        self.scratch.input.get(self.start..self.end).unwrap_or_default()
    }

    fn stop(&mut self, damage: Damage) -> Stop {
        self.note(damage);
        Stop
    }

    /// Keeps the first damage; what follows may come from it.
    fn note(&mut self, damage: Damage) {
        self.damage.get_or_insert(damage);
    }

    fn consumed(&self) -> u64 {
        self.stored_bytes - to_u64(self.end - self.start)
    }

    /// Reads until the buffer is full or the reader ends; keeps what is in it.
    fn refill(&mut self) {
        self.scratch.input.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        while let Some(free) = self.scratch.input.get_mut(self.end..).filter(|free| !free.is_empty() && !self.at_end) {
            match self.reader.read(free) {
                Ok(0) => self.at_end = true,
                Ok(read) => {
                    self.end += read;
                    self.stored_bytes += to_u64(read);
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => {
                    // What was read before is used.
                    self.note(Damage::Unreadable { cause: crate::error::plain_cause(&cause) });
                    self.at_end = true;
                }
            }
        }
    }

    /// The next stored byte of a gzip header or trailer.
    fn byte(&mut self) -> Result<u8, Stop> {
        if self.start == self.end {
            self.refill();
        }
        if let Some(byte) = self.rest().first().copied() {
            self.start += 1;
            return Ok(byte);
        }
        let at = self.consumed();
        Err(self.stop(Damage::Cut { at }))
    }

    fn word(&mut self) -> Result<u32, Stop> {
        Ok(u32::from_le_bytes([self.byte()?, self.byte()?, self.byte()?, self.byte()?]))
    }

    /// Reads a member's header (RFC 1952, section 2.3).
    fn header(&mut self) -> Result<(), Stop> {
        let at = self.consumed();
        let (_magic, method, flags) = ([self.byte()?, self.byte()?], self.byte()?, self.byte()?);
        if method != 8 || flags & 0xe0 != 0 {
            return Err(self.stop(Damage::Corrupt { at, what: "the gzip header is not one of RFC 1952" }));
        }
        for _ in 0..6 {
            self.byte()?;
        }
        if flags & 0x04 != 0 {
            let length = u16::from_le_bytes([self.byte()?, self.byte()?]);
            for _ in 0..length {
                self.byte()?;
            }
        }
        for flag in [0x08, 0x10] {
            while flags & flag != 0 && self.byte()? != 0 {}
        }
        if flags & 0x02 != 0 {
            self.byte()?;
            self.byte()?;
        }
        self.members += 1;
        self.crc = Crc::new();
        self.scratch.decompress.reset(false);
        Ok(())
    }

    fn inflate(&mut self, out: &mut Vec<u8>, target: usize) -> Result<(), Stop> {
        if self.start == self.end {
            self.refill();
        }
        let before = out.len();
        // No more than was asked for, however much memory there is: where windows end must depend on the bytes alone.
        out.resize(before + STEP_BYTES.min(target - before), 0);
        let input = self.scratch.input.get(self.start..self.end).unwrap_or_default();
        let at_end = input.is_empty();
        let read_before = self.scratch.decompress.total_in();
        let made_before = self.scratch.decompress.total_out();
        let room = out.get_mut(before..).unwrap_or_default();
        let status = self.scratch.decompress.decompress(input, room, FlushDecompress::None);
        let read = self.scratch.decompress.total_in() - read_before;
        let made = usize::try_from(self.scratch.decompress.total_out() - made_before).unwrap_or_default();
        out.truncate(before + made);
        self.start += usize::try_from(read).unwrap_or(self.end - self.start);
        self.account(out, before)?;
        match status {
            Ok(Status::StreamEnd) => self.trailer(),
            Ok(_) if at_end && out.len() == before => {
                let at = self.consumed();
                Err(self.stop(Damage::Cut { at }))
            }
            Ok(_) => Ok(()),
            Err(_) => {
                let at = self.consumed();
                Err(self.stop(Damage::Corrupt { at, what: "the deflate data is damaged" }))
            }
        }
    }

    /// Hashes what has been appended since `before`, and asks the budget.
    fn account(&mut self, out: &[u8], before: usize) -> Result<(), Stop> {
        let new = out.get(before..).unwrap_or_default();
        self.hash.get_or_insert_with(new_hash).update(new);
        if self.state == State::Member {
            self.crc.update(new);
        }
        self.inflated_bytes += to_u64(new.len());
        let allowed = match self.state {
            State::Plain => self.budget.plain_bytes,
            _ => self.budget.inflated_free.max(self.budget.inflate_ratio.saturating_mul(self.consumed())),
        };
        if self.inflated_bytes > allowed {
            let inflated = self.inflated_bytes;
            return Err(self.stop(Damage::Limit { inflated }));
        }
        Ok(())
    }

    /// Reads a member's check sum and length, and looks for another member. Both are about bytes that have been
    /// handed out, and the stream is in step, so that a wrong one costs no later member.
    fn trailer(&mut self) -> Result<(), Stop> {
        let at = self.consumed();
        let (crc, length) = (self.word()?, self.word()?);
        if crc != self.crc.sum() {
            self.note(Damage::Corrupt { at, what: "the gzip check sum does not fit the bytes" });
        } else if length != self.crc.amount() {
            self.note(Damage::Corrupt { at, what: "the gzip length does not fit the bytes" });
        }
        if self.end - self.start < GZIP_MAGIC.len() {
            self.refill();
        }
        if self.rest().is_empty() {
            self.state = State::Ended;
            return Ok(());
        }
        if self.rest().starts_with(&GZIP_MAGIC) {
            return self.header();
        }
        let at = self.consumed();
        Err(self.stop(Damage::Trailing { at }))
    }

    fn copy(&mut self, out: &mut Vec<u8>, target: usize) -> Result<(), Stop> {
        if self.start == self.end {
            self.refill();
        }
        if self.rest().is_empty() {
            self.state = State::Ended;
            return Ok(());
        }
        let before = out.len();
        let take = self.rest().len().min(target - before);
        out.extend_from_slice(self.rest().get(..take).unwrap_or_default());
        self.start += take;
        self.account(out, before)
    }
}

impl<R> std::fmt::Debug for Inflate<'_, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflate").field("state", &self.state).field("inflated_bytes", &self.inflated_bytes).finish_non_exhaustive()
    }
}

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Bytes of the size at a member's end (RFC 1952, section 2.3.1).
const SIZE_BYTES: usize = 4;

fn new_hash() -> Context {
    Context::new(&SHA256)
}

fn to_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn inflate(stored: &[u8], budget: Budget) -> (Vec<u8>, Summary) {
        let (mut scratch, mut out) = (Scratch::default(), Vec::new());
        // An object before this one must leave no trace.
        let mut earlier = Inflate::new(&[0x1f, 0x8b, 8, 0][..], &mut scratch, budget);
        earlier.fill(&mut out, usize::MAX);
        out.clear();
        let mut stream = Inflate::new(stored, &mut scratch, budget);
        while stream.fill(&mut out, usize::MAX) {}
        (out, stream.finish())
    }

    #[test]
    fn whole_plain_and_many_members() {
        let text = b"{\"Records\":[]}".repeat(60_000);
        let (out, summary) = inflate(&gzip(&text), Budget::default());
        assert_eq!((out == text, summary.members, &summary.damage), (true, 1, &None));
        let (out, summary) = inflate(&text, Budget::default());
        assert_eq!((out == text, summary.members, summary.stored_bytes), (true, 0, summary.inflated_bytes));
        let (out, summary) = inflate(&[gzip(b"ab"), gzip(b""), gzip(b"c")].concat(), Budget::default());
        assert_eq!((out.as_slice(), summary.members, &summary.damage), (&b"abc"[..], 3, &None));
        insta::assert_snapshot!(summary.sha256.expect("all was read"), @"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn two_objects_are_read_as_each_by_itself() {
        let text = b"{\"Records\":[]}".repeat(30_000);
        let whole = gzip(&text);
        let stored = [
            whole.clone(),
            gzip(b"{}"),
            gzip(b""),
            Vec::new(),
            text,
            whole[..whole.len() / 2].to_vec(),
            [whole.as_slice(), &whole].concat(),
            [whole.as_slice(), b"junk"].concat(),
        ];
        // The second bound is less than what the first of them inflates to.
        for target in [usize::MAX, 300_000] {
            let alone = |stored: &Vec<u8>| {
                let (mut scratch, mut out) = (Scratch::default(), Vec::new());
                let mut stream = Inflate::new(stored.as_slice(), &mut scratch, Budget::default());
                let more = stream.fill(&mut out, target);
                (out, more, format!("{:?}", stream.finish()))
            };
            for left in &stored {
                for right in &stored {
                    let (mut scratches, mut outs) = (<[Scratch; 2]>::default(), [b"earlier".to_vec(), Vec::new()]);
                    let [of_left, of_right] = &mut scratches;
                    let mut first = Inflate::new(left.as_slice(), of_left, Budget::default());
                    let mut second = Inflate::new(right.as_slice(), of_right, Budget::default());
                    let [out_of_first, out_of_second] = &mut outs;
                    let more = Inflate::fill_both([(&mut first, out_of_first), (&mut second, out_of_second)], target);
                    let [out_of_first, out_of_second] = outs;
                    let both = [
                        (out_of_first, more[0], format!("{:?}", first.finish())),
                        (out_of_second, more[1], format!("{:?}", second.finish())),
                    ];
                    assert!(both == [alone(left), alone(right)], "{} and {} stored bytes", left.len(), right.len());
                }
            }
        }
    }

    #[test]
    fn what_follows_a_member_is_seen_even_where_it_ends_alike() {
        let text = b"{\"Records\":[]}".repeat(1_000);
        let stored = gzip(&text);
        let (out, summary) = inflate(&[stored.as_slice(), &stored].concat(), Budget::default());
        assert_eq!((out.len(), summary.members, summary.damage), (2 * text.len(), 2, None));
        let trailer = &stored[stored.len() - 8..];
        for junk in [b"junk".as_slice(), b"", b"\0"] {
            let (out, summary) = inflate(&[stored.as_slice(), junk, trailer].concat(), Budget::default());
            assert_eq!((out == text, summary.damage), (true, Some(Damage::Trailing { at: to_u64(stored.len()) })));
        }
        // A size that the stream does not have.
        let mut wrong = stored.clone();
        let size = wrong.len() - 2;
        wrong[size] ^= 1;
        let (out, summary) = inflate(&wrong, Budget::default());
        assert_eq!((out == text, matches!(summary.damage, Some(Damage::Corrupt { .. }))), (true, true));
    }

    #[test]
    fn damage_keeps_what_came_before() {
        let text: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
        let stored = gzip(&text);
        let (out, summary) = inflate(&stored[..stored.len() / 2], Budget::default());
        assert!(!out.is_empty() && text.starts_with(&out));
        assert!(matches!(summary.damage, Some(Damage::Cut { .. })));
        for cut in [1, 3, 9, stored.len() - 1, stored.len() - 8] {
            let (_, summary) = inflate(&stored[..cut], Budget::default());
            assert!(cut == 1 || matches!(summary.damage, Some(Damage::Cut { .. })), "{cut}: {:?}", summary.damage);
        }
        let mut wrong = stored.clone();
        let crc = wrong.len() - 6;
        wrong[crc] ^= 1;
        let (out, summary) = inflate(&wrong, Budget::default());
        assert_eq!((out.len(), matches!(summary.damage, Some(Damage::Corrupt { .. }))), (text.len(), true));
        let (out, summary) = inflate(&[wrong.as_slice(), &gzip(b"more")].concat(), Budget::default());
        assert_eq!((out.len(), summary.members, matches!(summary.damage, Some(Damage::Corrupt { .. }))), (text.len() + 4, 2, true));
        let (out, summary) = inflate(&[stored.as_slice(), b"junk"].concat(), Budget::default());
        assert_eq!((out.len(), summary.damage), (text.len(), Some(Damage::Trailing { at: to_u64(stored.len()) })));
    }

    #[test]
    fn a_bomb_is_stopped() {
        let budget = Budget { inflated_free: 1 << 20, ..Budget::default() };
        let (out, summary) = inflate(&gzip(&vec![b' '; 64 << 20]), budget);
        assert!(matches!(summary.damage, Some(Damage::Limit { .. })), "{:?}", summary.damage);
        assert!(out.len() < 17 << 20, "{}", out.len());
        let budget = Budget { plain_bytes: 1 << 20, ..Budget::default() };
        let (out, summary) = inflate(&vec![b' '; 64 << 20], budget);
        assert!(matches!(summary.damage, Some(Damage::Limit { .. })), "{:?}", summary.damage);
        assert!(out.len() < 17 << 20, "{}", out.len());
    }
}
