//! [`Kept`]: what was fetched, kept on disk until a run is whole, so that one that was interrupted can go on from it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::object::{Target, Told};
use crate::source::sha256_hex;

/// A folder of fetched objects.
///
/// # Shape
/// A file holds one object: a line of JSON, and the stored bytes. Its name is a hash of bucket, key, `ETag` and size, so
/// that an object that was changed has another one.
#[derive(Debug)]
pub(super) struct Kept {
    folder: PathBuf,
}

/// The first line of a file.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// Of the bytes, so that a file that is not whole is not taken for the object.
    sha256: String,
    told: Told,
}

impl Kept {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The bytes of an object and what S3 said of it, if they are here and whole.
    pub(super) fn read(&self, target: &Target) -> Option<(Vec<u8>, Told)> {
        let mut bytes = fs::read(self.path(target)?).ok()?;
        let end = memchr::memchr(b'\n', &bytes)?;
        let head: Head = serde_json::from_slice(bytes.get(..end)?).ok()?;
        bytes.drain(..=end);
        let is_whole = u64::try_from(bytes.len()) == Ok(target.size) && sha256_hex(&bytes) == head.sha256;
        is_whole.then_some((bytes, head.told))
    }

    /// Keeps an object. Where that fails it is merely fetched again.
    pub(super) fn write(&self, target: &Target, bytes: &[u8], told: &Told) {
        let head = Head { sha256: sha256_hex(bytes), told: told.clone() };
        if let Some(path) = self.path(target) {
            let _ = write(&path, &head, bytes);
        }
    }

    /// The file of an object; `None` where no `ETag` was listed, by which a change would show.
    fn path(&self, target: &Target) -> Option<PathBuf> {
        let known_by = (&target.bucket.name, &target.key, target.e_tag.as_deref()?, target.size);
        let name = sha256_hex(serde_json::to_string(&known_by).ok()?.as_bytes());
        let (folder, rest) = name.split_at_checked(2)?;
        Some(self.folder.join(folder).join(rest))
    }
}

/// Writes a file under another name first, so that one of that name is whole.
fn write(path: &Path, head: &Head, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let partial = path.with_extension("partial");
    let mut file = File::create(&partial)?;
    serde_json::to_writer(&mut file, head)?;
    file.write_all(b"\n")?;
    file.write_all(bytes)?;
    fs::rename(partial, path)
}
