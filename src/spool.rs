//! [`Spool`]: values that are kept outside of memory where they are many.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// Values in the order in which they were added, each to be read by its [`Span`].
///
/// The last of them stand in memory, up to a bound, and all before them in a file without a name in the system's folder
/// for temporary files, which is gone with the program however that ends. Few values never make a file.
#[derive(Debug)]
pub(crate) struct Spool {
    file: Option<Mutex<File>>,
    /// How many bytes the file has.
    filed: u64,
    /// The bytes after those of the file.
    tail: Vec<u8>,
    /// How long the tail may become.
    bound: usize,
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
        Self { file: None, filed: 0, tail: Vec::new(), bound }
    }

    /// Adds a value.
    ///
    /// # Errors
    /// Where the file cannot be made or written.
    pub(crate) fn add(&mut self, value: &impl Serialize) -> Result<Span, Error> {
        let bytes = postcard::to_stdvec(value).map_err(|cause| failed(WRITE, io::Error::other(cause)))?;
        let len = u32::try_from(bytes.len()).map_err(|cause| failed(WRITE, io::Error::other(cause)))?;
        if !self.tail.is_empty() && self.tail.len().saturating_add(bytes.len()) > self.bound {
            self.file_tail()?;
        }
        let at = self.filed.saturating_add(count(&self.tail));
        self.tail.extend_from_slice(&bytes);
        Ok(Span { at, len })
    }

    /// The bytes of a value, for [`decoded`].
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub(crate) fn bytes(&self, span: Span) -> Result<Cow<'_, [u8]>, Error> {
        let short = || failed(READ, io::ErrorKind::UnexpectedEof.into());
        let len = usize::try_from(span.len).map_err(|_| short())?;
        if let Some(start) = span.at.checked_sub(self.filed) {
            let start = usize::try_from(start).map_err(|_| short())?;
            let bytes = start.checked_add(len).and_then(|end| self.tail.get(start..end));
            return bytes.map(Cow::Borrowed).ok_or_else(short);
        }
        let mut file = self.file.as_ref().ok_or_else(short)?.lock().unwrap_or_else(PoisonError::into_inner);
        let mut bytes = vec![0; len];
        file.seek(SeekFrom::Start(span.at)).and_then(|_| file.read_exact(&mut bytes)).map_err(|cause| failed(READ, cause))?;
        Ok(Cow::Owned(bytes))
    }

    /// Moves the tail into the file.
    fn file_tail(&mut self) -> Result<(), Error> {
        if self.file.is_none() {
            self.file = Some(Mutex::new(tempfile::tempfile().map_err(|cause| failed("make a file in", cause))?));
        }
        if let Some(file) = &mut self.file {
            let file = file.get_mut().unwrap_or_else(PoisonError::into_inner);
            file.seek(SeekFrom::Start(self.filed)).and_then(|_| file.write_all(&self.tail)).map_err(|cause| failed(WRITE, cause))?;
        }
        self.filed = self.filed.saturating_add(count(&self.tail));
        self.tail.clear();
        Ok(())
    }
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
        let mut spool = Spool { file: Some(Mutex::new(read_only)), ..Spool::within(4) };
        spool.add(&"first").expect("there is room in memory");
        let error = spool.add(&"second").expect_err("it is not writable").to_string();
        assert!(error.starts_with(WRITE), "{error}");
        let error = text(&spool, Span { at: 3, len: 9 }).expect_err("there is no such value").to_string();
        assert!(error.starts_with(READ), "{error}");
        let error = decoded::<String>(&[200]).expect_err("no text").to_string();
        assert!(error.starts_with(READ), "{error}");
    }
}
