//! What a file has beside Parquet: checksums of its column chunks and of its footer.
//!
//! Parquet has a place for a page's checksum, which polars neither fills nor reads. Its decoder trusts what it
//! reads: a changed byte could be another value, or a length that no machine has memory for. So the bytes are
//! checked before polars sees them.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use polars_parquet::parquet::FallibleStreamingIterator;
use polars_parquet::parquet::error::ParquetError;
use polars_parquet::parquet::metadata::KeyValue;
use polars_parquet::parquet::page::CompressedPage;

use super::hash::hash;

/// The key under which the footer has the checksums: its own, then those of the chunks, row group by row group.
pub(super) const CHECKSUMS: &str = "trailsift.checksums";
/// Hex digits of one.
pub(super) const DIGITS: usize = 16;
/// The length of the footer and the magic number, which end a file.
pub(super) const TAIL_BYTES: usize = 8;

/// Where polars' writer writes to. Clones write to one file.
#[derive(Debug, Clone)]
pub(super) struct Sink(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    file: File,
    /// What was written and is not in the file yet.
    waiting: Vec<u8>,
    /// Bytes in the file.
    bytes: u64,
    checksums: Vec<u64>,
    /// What the system said: polars' errors keep only its words.
    failed: Option<io::Error>,
}

impl Sink {
    /// A new file, or an empty one in the place of the old.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        Ok(Self(Arc::new(Mutex::new(State { file, waiting: Vec::new(), bytes: 0, checksums: Vec::new(), failed: None }))))
    }

    /// Why the last write failed, if the system refused it.
    pub(super) fn failure(&self) -> Option<io::Error> {
        self.state().failed.take()
    }

    /// The entry of the footer that [`Sink::finish`] completes; it must be the last one.
    pub(super) fn checksums(&self) -> KeyValue {
        let state = self.state();
        let sums = std::iter::once(0).chain(state.checksums.iter().copied());
        let value = sums.map(|sum| format!("{sum:016x}")).collect::<Vec<_>>().concat();
        KeyValue { key: CHECKSUMS.to_owned(), value: Some(value) }
    }

    /// Writes what waits, with the footer's checksum in it; the file's bytes.
    pub(super) fn finish(&self) -> io::Result<u64> {
        let mut state = self.state();
        let end = state.waiting.len() - TAIL_BYTES.min(state.waiting.len());
        let length = state.waiting.get(end..).and_then(|tail| tail.first_chunk()).map_or(0, |length| u32::from_le_bytes(*length));
        let start = end.saturating_sub(usize::try_from(length).unwrap_or(usize::MAX));
        if let Some(footer) = state.waiting.get_mut(start..end) {
            let sum = format!("{:016x}", hash(footer));
            if let Some(digits) = own_digits(footer).and_then(|place| footer.get_mut(place)) {
                digits.copy_from_slice(sum.as_bytes());
            }
        }
        state.flush()?;
        Ok(state.bytes)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn flush(&mut self) -> io::Result<()> {
        let written = self.file.write_all(&self.waiting);
        self.bytes += u64::try_from(self.waiting.len()).unwrap_or_default();
        self.waiting.clear();
        written.inspect_err(|error| self.failed = Some(io::Error::new(error.kind(), error.to_string())))
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.state().waiting.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The pages of one chunk on their way to the sink, which takes their checksum after the last.
#[derive(Debug)]
pub(super) struct Pages {
    rest: std::vec::IntoIter<CompressedPage>,
    current: Option<CompressedPage>,
    sink: Sink,
}

impl Pages {
    pub(super) fn new(pages: Vec<CompressedPage>, sink: Sink) -> io::Result<Self> {
        sink.state().flush()?;
        Ok(Self { rest: pages.into_iter(), current: None, sink })
    }
}

impl FallibleStreamingIterator for Pages {
    type Item = CompressedPage;
    type Error = ParquetError;

    fn advance(&mut self) -> Result<(), ParquetError> {
        self.current = self.rest.next();
        if self.current.is_none() {
            let mut state = self.sink.state();
            let sum = hash(&state.waiting);
            state.checksums.push(sum);
            state.flush()?;
        }
        Ok(())
    }

    fn get(&self) -> Option<&CompressedPage> {
        self.current.as_ref()
    }
}

/// The digits of the footer's own checksum in the footer.
fn own_digits(footer: &[u8]) -> Option<Range<usize>> {
    // Texts of events stand in the footer too, as bounds of columns, but before the last entry.
    let key = memchr::memmem::rfind(footer, CHECKSUMS.as_bytes())? + CHECKSUMS.len();
    // The sign of the next field, then the length of its text, seven bits a byte.
    let length = footer.get(key + 1..)?.iter().position(|byte| *byte < 0x80)?;
    let start = key + 1 + length + 1;
    (start + DIGITS <= footer.len()).then_some(start..start + DIGITS)
}

/// Whether a footer has a checksum and is as it was written.
pub(super) fn verify(footer: &[u8]) -> Result<(), &'static str> {
    let place = own_digits(footer).ok_or("it has no checksums, so it is no table of trailsift's")?;
    let mut blank = footer.to_vec();
    let digits = blank.get_mut(place).ok_or("it has no checksums")?;
    let sum = str::from_utf8(digits).ok().and_then(|digits| u64::from_str_radix(digits, 16).ok());
    digits.fill(b'0');
    if sum == Some(hash(&blank)) { Ok(()) } else { Err("its footer does not match its checksum") }
}

/// The checksums of the chunks in the footer's entry.
pub(super) fn chunk_sums(entry: &str) -> Option<Vec<u64>> {
    let (chunks, rest) = entry.as_bytes().as_chunks::<DIGITS>();
    let sums = chunks.iter().skip(1).map(|digits| u64::from_str_radix(str::from_utf8(digits).ok()?, 16).ok());
    if rest.is_empty() { sums.collect() } else { None }
}
