//! Where bytes come from: [`disk`] lists objects and opens them, [`gzip`] inflates
//! and hashes them, [`ObjectKey`] reads what AWS says in an object's name, and
//! [`Budget`] bounds what hostile input may cost.

pub mod disk;
pub mod gzip;
mod object_key;
#[cfg(feature = "s3")]
pub mod s3;

use std::path::PathBuf;
use std::sync::Arc;

pub use object_key::ObjectKey;
pub(crate) use object_key::stamp;

use crate::problem::{Problem, Skipped};

/// One file or stream that may hold records.
#[derive(Debug, Clone)]
pub struct Object {
    /// What findings, problems and tables call it: the path as given, or `-` for standard input.
    pub name: Arc<str>,
    /// What AWS says in the name, where the name has AWS's form.
    pub key: Option<ObjectKey>,
    /// Bytes as stored.
    pub size: u64,
    /// Where its bytes are.
    pub location: Location,
}

/// Where an object's bytes are.
#[derive(Debug, Clone)]
pub enum Location {
    /// A file.
    Path(PathBuf),
    /// Bytes that can be read only once, and so are kept: standard input.
    Memory(Arc<[u8]>),
    /// An object in S3.
    #[cfg(feature = "s3")]
    S3(s3::RemoteObject),
}

/// The SHA-256 of bytes, in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
}

/// What was found under the sources.
#[derive(Debug, Default)]
pub struct Listing {
    /// Everything to be read, in the order of the names.
    pub objects: Vec<Object>,
    /// What is listed and will not be read.
    pub skipped: Vec<Skipped>,
    /// What is listed and cannot be read.
    pub problems: Vec<Problem>,
}

/// The most that one object may cost. Where a limit is hit, the object gets a problem and what was read is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Inflated bytes for each stored byte, once `inflated_free` is passed. Trail files inflate 8 to 30 times, the
    /// format allows 1,032 (RFC 1951's longest match).
    pub inflate_ratio: u64,
    /// Inflated bytes of one object that no ratio is asked of, so that small and highly regular files pass.
    pub inflated_free: u64,
    /// Bytes of one object that is not compressed: a file may have holes, and claim any length. More events than fit
    /// into this are more than a machine holds in memory.
    pub plain_bytes: u64,
    /// Bytes of one record. `CloudTrail` cuts records at 256 KB (service quotas); exports with added fields are longer.
    pub record_bytes: usize,
    /// Bytes of an object that has to be held whole, such as a CSV download or standard input.
    pub whole_bytes: u64,
    /// Problems and notices of one object that are listed one by one; the rest are counted.
    pub listed_problems: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            inflate_ratio: 250,
            inflated_free: 256 << 20,
            plain_bytes: 64 << 30,
            record_bytes: 64 << 20,
            whole_bytes: 4 << 30,
            listed_problems: 1_000,
        }
    }
}
