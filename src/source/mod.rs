//! Where bytes come from: [`disk`] and `s3` list objects, [`open`] and [`Opener`] open them, [`gzip`] inflates
//! and hashes them, [`ObjectKey`] reads what AWS says in an object's name, and
//! [`Budget`] bounds what hostile input may cost.

pub mod disk;
mod given;
pub mod gzip;
mod object_key;
mod opener;
#[cfg(feature = "s3")]
pub mod s3;
mod sha256;

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

pub use given::Source;
pub use object_key::ObjectKey;
pub(crate) use object_key::{split_at, stamp};
pub use opener::{Bytes, Opener, Openers, open};
pub(crate) use sha256::unhex;
pub use sha256::{Sha256, hex, sha256_hex};

use crate::problem::{Problem, Skipped};

/// One file or stream that may hold records.
#[derive(Debug, Clone)]
pub struct Object {
    /// What findings, problems and tables call it: the path as given, `-` for standard input, or `s3://bucket/key`.
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
    /// An object in a bucket.
    #[cfg(feature = "s3")]
    S3(s3::RemoteObject),
}

impl Object {
    /// What its store says of it besides its bytes, by name: in S3 the metadata of its writer, once it was read.
    pub fn metadata(&self) -> &[(String, String)] {
        match &self.location {
            Location::Path(_) | Location::Memory(_) => &[],
            #[cfg(feature = "s3")]
            Location::S3(remote) => remote.told().map_or(&[], |told| told.metadata.as_slice()),
        }
    }
}

/// All bytes of a reader, or one more than `limit` where it has more.
///
/// # Errors
/// What the system says.
pub fn read_within(reader: impl Read, limit: usize) -> io::Result<Vec<u8>> {
    // What most of such files have, so that they are read at once.
    let mut bytes = Vec::with_capacity(limit.min(8 << 10));
    reader.take(u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
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
    /// Folders that were not looked into, as the user asks for something else.
    pub notices: Vec<Problem>,
}

impl Listing {
    /// Adds what was listed elsewhere.
    #[cfg(feature = "s3")]
    pub(crate) fn join(&mut self, other: Self) {
        self.objects.extend(other.objects);
        self.objects.sort_by(|a, b| a.name.cmp(&b.name));
        self.skipped.extend(other.skipped);
        self.problems.extend(other.problems);
        self.notices.extend(other.notices);
    }
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
