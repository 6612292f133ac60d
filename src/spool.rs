//! [`Spool`]: values that are kept outside of memory where they are many.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Values in the order in which they were added, each to be read by its [`Span`].
///
/// The last of them stand in memory, up to a bound, and all before them in a file without a name in the system's folder
/// for temporary files, which is gone with the program however that ends. Few values never make a file.
#[derive(Debug)]
pub(crate) struct Spool {
    file: Option<File>,
    /// How many bytes the file has.
    filed: u64,
    /// The bytes after those of the file.
    tail: Vec<u8>,
    /// How long the tail may become.
    bound: usize,
    /// Where a value is encoded before it is known to fit.
    encoded: Vec<u8>,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    at: u64,
    len: u32,
}

impl Default for Spool {
    fn default() -> Self {
        Self::within(IN_MEMORY)
    }
}

impl Spool {
    /// One that holds so many bytes in memory.
    const fn within(bound: usize) -> Self {
        Self { file: None, filed: 0, tail: Vec::new(), bound, encoded: Vec::new() }
    }

    /// Adds a value.
    ///
    /// # Errors
    /// Where the file cannot be made or written.
    pub(crate) fn add(&mut self, value: &impl Serialize) -> Result<Span, Error> {
        let mut encoded = std::mem::take(&mut self.encoded);
        encoded.clear();
        let encoded = postcard::to_extend(value, encoded).map_err(|cause| failed(WRITE, io::Error::other(cause)))?;
        let len = u32::try_from(encoded.len()).map_err(|cause| failed(WRITE, io::Error::other(cause)))?;
        if !self.tail.is_empty() && self.tail.len().saturating_add(encoded.len()) > self.bound {
            self.file_tail()?;
        }
        let at = self.filed.saturating_add(count(&self.tail));
        let needed = self.tail.len().saturating_add(encoded.len());
        if needed > self.tail.capacity() {
            // By doubling it would come to twice the bound.
            let enough = self.tail.capacity().saturating_mul(2).min(self.bound).max(needed);
            self.tail.reserve_exact(enough.saturating_sub(self.tail.len()));
        }
        self.tail.extend_from_slice(&encoded);
        if encoded.capacity() <= KEPT_ROOM {
            self.encoded = encoded;
        }
        Ok(Span { at, len })
    }

    /// The bytes of a value, for [`decoded`].
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(crate) fn bytes(&self, span: Span) -> Result<Cow<'_, [u8]>, Error> {
        self.range(span.at, span.end())
    }

    /// The bytes of values that were added one after another.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(crate) fn run(&self, spans: &[Span]) -> Result<Run<'_>, Error> {
        let (start, end) = spans.first().zip(spans.last()).map_or((0, 0), |(first, last)| (first.at, last.end()));
        Ok(Run { start, bytes: self.range(start, end)? })
    }

    fn range(&self, start: u64, end: u64) -> Result<Cow<'_, [u8]>, Error> {
        let size = |bytes: u64| usize::try_from(bytes).map_err(|_| short());
        let (of_file, of_tail) = (end.min(self.filed).saturating_sub(start), end.saturating_sub(start.max(self.filed)));
        let begin = size(start.saturating_sub(self.filed))?;
        let tail = begin.checked_add(size(of_tail)?).and_then(|end| self.tail.get(begin..end)).ok_or_else(short)?;
        if of_file == 0 {
            return Ok(Cow::Borrowed(tail));
        }
        let mut bytes = vec![0; size(of_file)?];
        read_at(self.file.as_ref().ok_or_else(short)?, &mut bytes, start).map_err(|cause| failed(READ, cause))?;
        bytes.extend_from_slice(tail);
        Ok(Cow::Owned(bytes))
    }

    /// Moves the tail into the file.
    fn file_tail(&mut self) -> Result<(), Error> {
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile().map_err(|cause| failed("make a file in", cause))?);
        }
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(self.filed)).and_then(|_| file.write_all(&self.tail)).map_err(|cause| failed(WRITE, cause))?;
        }
        self.filed = self.filed.saturating_add(count(&self.tail));
        self.tail.clear();
        // One value may have been longer than all that is held.
        self.tail.shrink_to(self.bound);
        Ok(())
    }
}

/// How many of the first values are read at once: some hundreds, fewer where they are long, and one at least.
pub(crate) fn at_once(spans: impl Iterator<Item = Span>) -> usize {
    let mut bytes = 0_u64;
    let fits = |span: &Span| {
        bytes = bytes.saturating_add(u64::from(span.len));
        bytes <= BYTES_AT_ONCE
    };
    spans.take(VALUES_AT_ONCE).take_while(fits).count().max(1)
}

/// Values that are read at once.
pub(crate) const VALUES_AT_ONCE: usize = 256;

/// Bytes that are read at once, where that is more than one value.
const BYTES_AT_ONCE: u64 = 4 << 20;

/// Room that is kept for the next value to be encoded.
const KEPT_ROOM: usize = 1 << 20;

impl Span {
    fn end(self) -> u64 {
        self.at.saturating_add(u64::from(self.len))
    }
}

/// The bytes of values that were added one after another.
#[derive(Debug)]
pub(crate) struct Run<'s> {
    start: u64,
    bytes: Cow<'s, [u8]>,
}

impl Run<'_> {
    /// The bytes of one of the values, for [`decoded`].
    ///
    /// # Errors
    /// Where it is none of them.
    pub(crate) fn bytes(&self, span: Span) -> Result<&[u8], Error> {
        let place = |at: u64| at.checked_sub(self.start).and_then(|at| usize::try_from(at).ok());
        place(span.at).zip(place(span.end())).and_then(|(start, end)| self.bytes.get(start..end)).ok_or_else(short)
    }
}

/// Reads bytes of a file that stand at a place; threads may do that side by side.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

/// Reads bytes of a file that stand at a place; threads may do that side by side.
#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let read = std::os::windows::fs::FileExt::seek_read(file, bytes, at)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes = std::mem::take(&mut bytes).get_mut(read..).unwrap_or_default();
        at = at.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
    }
    Ok(())
}

/// The value that was added as these bytes.
///
/// # Errors
/// Where they are not those of such a value.
pub(crate) fn decoded<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, Error> {
    postcard::from_bytes(bytes).map_err(|cause| failed(READ, io::Error::other(cause)))
}

/// The error of a value that is not what was added.
pub(crate) fn spoiled() -> Error {
    failed(READ, io::ErrorKind::InvalidData.into())
}

/// The error of a place that holds no value.
fn short() -> Error {
    failed(READ, io::ErrorKind::UnexpectedEof.into())
}

fn count(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn failed(act: &'static str, cause: io::Error) -> Error {
    Error::io(act, &std::env::temp_dir(), cause)
}

const WRITE: &str = "write what does not fit in memory to a file in";
const READ: &str = "read what did not fit in memory from a file in";

/// Bytes of one spool that stay in memory.
const IN_MEMORY: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn text(spool: &Spool, span: Span) -> Result<String, Error> {
        decoded(&spool.bytes(span)?)
    }

    #[test]
    fn values_are_read_in_any_order_from_the_file_and_from_memory() {
        let mut spool = Spool::within(64);
        let texts: Vec<String> = (0..100_usize).map(|number| format!("{number} ").repeat(number)).collect();
        let spans: Vec<Span> = texts.iter().map(|text| spool.add(text).expect("it is kept")).collect();
        assert!(spool.filed > 0 && !spool.tail.is_empty());
        for (known, span) in texts.iter().zip(&spans).rev() {
            assert_eq!(text(&spool, *span).expect("it is there"), *known);
        }
        // Runs within the file, over its end, and within memory.
        for length in [1, 10, 100] {
            for (known, spans) in texts.chunks(length).zip(spans.chunks(length)) {
                let run = spool.run(spans).expect("it is there");
                let read = spans.iter().map(|span| decoded::<String>(run.bytes(*span).expect("a value of the run")).expect("a text"));
                assert_eq!(read.collect::<Vec<_>>(), known);
            }
        }
        assert!(spool.run(&spans[..2]).expect("it is there").bytes(spans[2]).is_err());
    }

    #[test]
    fn long_values_are_read_a_few_at_a_time_and_leave_no_room_behind() {
        let spans = |len: u32| std::iter::repeat_n(Span { at: 0, len }, 1_000);
        assert_eq!([0, 16 << 10, 1 << 20, u32::MAX].map(|len| at_once(spans(len))), [VALUES_AT_ONCE, VALUES_AT_ONCE, 4, 1]);
        assert_eq!(at_once(std::iter::empty()), 1);
        let mut spool = Spool::within(64);
        for text in [&"x".repeat(KEPT_ROOM * 2), "y", "z"] {
            spool.add(&text).expect("it is kept");
        }
        assert!(spool.tail.capacity() <= 64 && spool.encoded.capacity() <= KEPT_ROOM);
    }

    #[test]
    fn few_values_make_no_file() {
        let mut spool = Spool::default();
        let span = spool.add(&"few").expect("it is kept");
        assert_eq!(text(&spool, span).expect("it is there"), "few");
        assert!(spool.file.is_none());
    }

    #[test]
    fn a_file_that_cannot_be_written_and_bytes_that_are_not_there_are_errors() {
        let read_only = tempfile::NamedTempFile::new().and_then(|made| File::open(made.path())).expect("a file");
        let mut spool = Spool { file: Some(read_only), ..Spool::within(4) };
        spool.add(&"first").expect("there is room in memory");
        let error = spool.add(&"second").expect_err("it is not writable").to_string();
        assert!(error.starts_with(WRITE), "{error}");
        let error = text(&spool, Span { at: 3, len: 9 }).expect_err("there is no such value").to_string();
        assert!(error.starts_with(READ), "{error}");
        let error = decoded::<String>(&[200]).expect_err("no text").to_string();
        assert!(error.starts_with(READ), "{error}");
    }
}
