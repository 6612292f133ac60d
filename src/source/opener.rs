//! [`open`] reads one object; [`Opener`] reads many, and has those in S3 fetched before they are asked for.

use std::fs::File;
use std::io::{self, Read};
#[cfg(unix)]
use std::os::fd::OwnedFd;
use std::path::Path;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::{Location, Object};

/// The stored bytes of an object, from its start.
pub type Bytes<'o> = Box<dyn Read + Send + 'o>;

/// Opens an object for reading from its start.
///
/// # Errors
/// What the system says.
pub fn open(object: &Object) -> io::Result<Bytes<'_>> {
    Ok(match &object.location {
        Location::Path(path) => Box::new(File::open(path)?),
        Location::Memory(bytes) => Box::new(bytes.as_ref()),
        #[cfg(feature = "s3")]
        Location::S3(remote) => Box::new(remote.open()),
    })
}

/// Opens objects one after the other, in the order in which they were named.
#[derive(Debug)]
pub struct Opener {
    #[cfg(feature = "s3")]
    ahead: super::s3::Ahead,
    folder: Folder,
}

impl Opener {
    /// Begins to fetch those of the objects that are in S3.
    #[cfg(feature = "s3")]
    pub fn new<'o>(objects: impl IntoIterator<Item = &'o Object>) -> Self {
        let remote = |object: &'o Object| match &object.location {
            Location::S3(remote) => Some(remote),
            _ => None,
        };
        Self { ahead: super::s3::Ahead::new(objects.into_iter().filter_map(remote)), folder: Folder::default() }
    }

    /// Nothing has to be fetched.
    #[cfg(not(feature = "s3"))]
    pub fn new<'o>(_: impl IntoIterator<Item = &'o Object>) -> Self {
        Self { folder: Folder::default() }
    }

    /// Opens the next object.
    ///
    /// # Errors
    /// What the system says, or why S3 did not send it.
    pub fn open_next<'o>(&mut self, object: &'o Object) -> io::Result<Bytes<'o>> {
        #[cfg(feature = "s3")]
        if let Location::S3(_) = &object.location
            && let Some(fetched) = self.ahead.open_next()
        {
            return Ok(Box::new(fetched?));
        }
        if let Location::Path(path) = &object.location {
            return Ok(Box::new(self.folder.open(path)?));
        }
        open(object)
    }
}

/// The folder in which a file was opened last. The next file is looked for from there: AWS's paths have ten parts, and
/// following them all takes the system nearly as long as reading a small file.
#[derive(Debug, Default)]
struct Folder {
    #[cfg(unix)]
    open: Option<(PathBuf, OwnedFd)>,
}

impl Folder {
    #[cfg(unix)]
    fn open(&mut self, path: &Path) -> io::Result<File> {
        use rustix::fs::{Mode, OFlags, open, openat};
        use rustix::io::retry_on_intr;

        let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return File::open(path) };
        // As texts: paths would be compared part by part.
        if self.open.as_ref().is_none_or(|(opened, _)| opened.as_os_str() != folder.as_os_str()) {
            let descriptor = retry_on_intr(|| open(folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()));
            self.open = descriptor.ok().map(|descriptor| (folder.to_owned(), descriptor));
        }
        // A folder may let its files be opened and not itself.
        let Some((_, folder)) = &self.open else { return File::open(path) };
        Ok(retry_on_intr(|| openat(folder, name, OFlags::CLOEXEC, Mode::empty()))?.into())
    }

    #[cfg(not(unix))]
    fn open(&mut self, path: &Path) -> io::Result<File> {
        File::open(path)
    }
}

/// Openers for many units of work, of which the next are fetched while one is read.
#[derive(Debug)]
pub struct Openers<'u> {
    units: &'u [&'u [Object]],
    ahead: usize,
    begun: Vec<Mutex<Begun>>,
}

#[derive(Debug)]
enum Begun {
    No,
    Waiting(Opener),
    Taken,
}

impl<'u> Openers<'u> {
    /// Of each unit the next `ahead` ones are to be begun too.
    pub fn new(units: &'u [&'u [Object]], ahead: usize) -> Self {
        let begun = units.iter().map(|_| Mutex::new(Begun::No)).collect();
        Self { units, ahead, begun }
    }

    /// The opener of a unit, which is asked for once.
    pub fn take(&self, number: usize) -> Opener {
        for (unit, begun) in self.units.iter().zip(&self.begun).skip(number).take(self.ahead.saturating_add(1)) {
            let mut begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(*begun, Begun::No) {
                *begun = Begun::Waiting(Opener::new(*unit));
            }
        }
        let taken = self.begun.get(number).map(|begun| {
            let mut begun = begun.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *begun, Begun::Taken)
        });
        match taken {
            Some(Begun::Waiting(opener)) => opener,
            _ => Opener::new(&[]),
        }
    }
}
