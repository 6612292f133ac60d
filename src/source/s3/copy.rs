//! [`Plan::run`]: fetches objects into a folder, checks what was written, and accounts for each.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};

use super::Ahead;
use super::evidence::{Copied, EvidenceFolder};
use super::fetch::{Plan, Planned, may_have_sidecar, problem, sidecar_of};
use crate::error::{Error, plain_cause};
use crate::problem::{Problem, ProblemKind};
use crate::source::{hex, sha256_hex};
use crate::time::EventTime;

/// How a copy is to run.
pub struct Copying<'c> {
    /// Threads that write and check; they wait for the disk, so there may be more of them than cores.
    pub writers: usize,
    /// When the run began.
    pub now: EventTime,
    /// Whether the disk has room for so many bytes, asked before the first of them is written.
    pub has_room: &'c (dyn Fn(u64) -> Result<(), Error> + Sync),
    /// Told the size of each object that is done with.
    pub done: &'c (dyn Fn(u64) + Sync),
}

impl fmt::Debug for Copying<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copying").field("writers", &self.writers).field("now", &self.now).finish_non_exhaustive()
    }
}

/// What became of the objects of a plan. All of them are `copied + there + failed`.
#[derive(Debug, Default)]
pub struct CopyReport {
    /// What is in the folder now, in the order of the names, and whether it was there before this run.
    pub objects: Vec<(Copied, bool)>,
    /// What went wrong, once for each object that failed.
    pub problems: Vec<Problem>,
    /// What is odd and did no harm.
    pub notices: Vec<Problem>,
    /// Objects that this run copied.
    pub copied: u64,
    /// Objects that were there already, as their content shows.
    pub there: u64,
    /// Objects that are not there, or not as they are in the bucket.
    pub failed: u64,
}

impl Plan {
    /// Copies what is not in the folder yet; what an earlier run copied is hashed again.
    ///
    /// A file gets its name once it was written, brought to the disk, and read back with the hash that the bytes had on
    /// their way. A copy is not replaced by what the bucket has in its place now.
    ///
    /// # Problems
    /// An object that cannot be read or written, that was changed since it was copied, or whose signature has no place.
    ///
    /// # Errors
    /// [`Error::Io`] where the disk is full or the journal cannot be written; what was copied until then stays.
    /// [`Error::Ledger`] where an object is unaccounted for.
    pub fn run(self, folder: &EvidenceFolder, copying: &Copying<'_>) -> Result<CopyReport, Error> {
        let all = self.copies.len() + self.problems.len();
        let failed = u64::try_from(self.problems.len()).unwrap_or(u64::MAX);
        let mut report = CopyReport { problems: self.problems, failed, ..CopyReport::default() };
        let work = Work { folder, copying, made: Mutex::default(), written: AtomicUsize::new(0) };
        let (known, mut missing): (Vec<_>, Vec<_>) = self.copies.iter().partition(|copy| folder.known.contains_key(&*copy.name));
        let checked = parallel(&known, copying.writers, |unit| Ok(unit.iter().map(|copy| work.recheck(copy)).collect()))?;
        for (copy, end) in known.into_iter().zip(checked) {
            match end {
                Some(end) => report.add(end),
                None => missing.push(copy),
            }
        }
        missing.sort_by(|a, b| a.name.cmp(&b.name));
        (copying.has_room)(missing.iter().map(|copy| copy.size).sum())?;
        work.make_partial().map_err(|cause| Error::io("write", &folder.partial(), cause))?;
        for end in parallel(&missing, copying.writers, |unit| work.fetch(unit))? {
            report.add(end);
        }
        report.objects.sort_by_key(|(copied, _)| copied.name());
        report.problems.sort();
        report.notices.sort();
        report.check(all)
    }
}

impl CopyReport {
    fn add(&mut self, end: End) {
        match (&end.problem, end.was_there) {
            (Some(_), _) => self.failed += 1,
            (None, true) => self.there += 1,
            (None, false) => self.copied += 1,
        }
        self.objects.extend(end.copied.map(|copied| (copied, end.was_there)));
        self.problems.extend(end.problem);
        self.notices.extend(end.notice);
    }

    fn check(self, all: usize) -> Result<Self, Error> {
        let Self { copied, there, failed, .. } = self;
        if u64::try_from(all) != Ok(copied + there + failed) {
            let sum = format!("{all} objects to copy, but {copied} copied, {there} there already and {failed} with problems");
            return Err(Error::Ledger(sum));
        }
        Ok(self)
    }
}

/// How one object ended.
#[derive(Debug, Default)]
struct End {
    copied: Option<Copied>,
    was_there: bool,
    problem: Option<Problem>,
    notice: Option<Problem>,
}

/// Why an object is not there.
enum Fault {
    /// It could not be read to its end.
    Fetched(io::Error),
    /// A file could not be written.
    Written(PathBuf, io::Error),
    /// A file does not have what was written.
    Differs,
}

/// What the threads share.
struct Work<'w> {
    folder: &'w EvidenceFolder,
    copying: &'w Copying<'w>,
    /// Folders that are there and no links.
    made: Mutex<HashSet<PathBuf>>,
    /// Temporary names that were given out.
    written: AtomicUsize,
}

impl Work<'_> {
    /// Looks at what an earlier run copied; `None` where it has to be fetched again.
    fn recheck(&self, copy: &Planned) -> Option<End> {
        let known = self.folder.known.get(&*copy.name)?;
        let is_whole = known.file == copy.file && self.has_hash(&known.file, &known.sha256) && self.has_sidecar(known, copy);
        let e_tag = copy.object.e_tag()?;
        if !is_whole {
            return None;
        }
        (self.copying.done)(copy.size);
        let is_same = known.e_tag.as_deref() == Some(e_tag) && known.size == copy.size;
        let changed = || {
            let then = known.e_tag.as_deref().unwrap_or("no ETag");
            let sizes = format!("{} bytes with {then}, now {} with {e_tag}", known.size, copy.size);
            let message = format!("changed in the bucket since it was copied ({sizes}); the copy stays: fetch into a new folder too");
            problem(&copy.name, ProblemKind::Changed, message)
        };
        let problem = if is_same { homeless(known, copy) } else { Some(changed()) };
        Some(End { copied: Some(known.clone()), was_there: true, problem, notice: None })
    }

    fn has_sidecar(&self, known: &Copied, copy: &Planned) -> bool {
        let wanted = sidecar(known, copy).map(|text| sha256_hex(text.as_bytes()));
        wanted == known.sidecar_sha256 && wanted.is_none_or(|sha256| self.has_hash(&sidecar_of(&known.file), &sha256))
    }

    fn has_hash(&self, file: &str, sha256: &str) -> bool {
        let path = self.folder.path().join(file);
        fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()) && hash_file(&path).is_ok_and(|found| found == sha256)
    }

    /// Fetches a few objects, many at once.
    fn fetch(&self, unit: &[&Planned]) -> Result<Vec<End>, Error> {
        let mut ahead = Ahead::new(unit.iter().map(|copy| &copy.object));
        let keep = |copy: &&Planned| {
            let opened = ahead.open_next().unwrap_or_else(|| Err(io::Error::other("it was not asked for; this is a defect in trailsift")));
            let end = self.keep(copy, opened);
            (self.copying.done)(copy.size);
            end
        };
        unit.iter().map(keep).collect()
    }

    fn keep(&self, copy: &Planned, opened: io::Result<impl Read>) -> Result<End, Error> {
        let failed = |kind, message| Ok(End { problem: Some(problem(&copy.name, kind, message)), ..End::default() });
        let copied = match opened.map_err(Fault::Fetched).and_then(|reader| self.write(copy, reader)) {
            Ok(copied) => copied,
            Err(Fault::Written(path, cause)) if is_full(&cause) => return Err(Error::io("write", &path, cause)),
            Err(Fault::Written(path, cause)) => {
                return failed(ProblemKind::Unwritten, format!("write {}: {}", path.display(), plain_cause(&cause)));
            }
            Err(Fault::Differs) => {
                let message = "what was written reads back as something else: the disk or the memory is at fault";
                return failed(ProblemKind::Unwritten, message.to_owned());
            }
            Err(Fault::Fetched(cause)) => return failed(ProblemKind::Unreadable, plain_cause(&cause)),
        };
        self.folder.note(&copied).map_err(|cause| Error::io("write", self.folder.path(), cause))?;
        let notice = self.folder.known.contains_key(&*copy.name).then(|| {
            let message = "what an earlier run copied was not there any more as it was, and was fetched again";
            problem(&copy.name, ProblemKind::Changed, message.to_owned())
        });
        Ok(End { problem: homeless(&copied, copy), copied: Some(copied), was_there: false, notice })
    }

    /// Writes an object and its signature, the latter first: an object without it would not be looked at again.
    fn write(&self, copy: &Planned, mut reader: impl Read) -> Result<Copied, Fault> {
        let path = self.folder.path().join(&copy.file);
        let temporary = Temporary(self.folder.partial().join(self.written.fetch_add(1, Ordering::Relaxed).to_string()));
        let (sha256, size) = temporary.fill(&mut reader)?;
        let told = copy.object.told().cloned().unwrap_or_default();
        let mut copied = Copied {
            bucket: copy.object.bucket().to_owned(),
            key: copy.object.key().to_owned(),
            version_id: told.version_id,
            e_tag: copy.object.e_tag().map(str::to_owned),
            size,
            sha256,
            last_modified: told.last_modified.map(|time| time.to_string()),
            metadata: told.metadata.into_iter().collect(),
            file: copy.file.clone(),
            sidecar_sha256: None,
            fetched: self.copying.now.to_string(),
        };
        self.make_folders(&copy.file).map_err(|cause| Fault::Written(path.clone(), cause))?;
        if let Some(text) = sidecar(&copied, copy) {
            let temporary = Temporary(temporary.0.with_extension("meta"));
            copied.sidecar_sha256 = Some(temporary.fill(&mut text.as_bytes())?.0);
            temporary.rename(&self.folder.path().join(sidecar_of(&copy.file)))?;
        }
        temporary.rename(&path)?;
        Ok(copied)
    }

    fn make_partial(&self) -> io::Result<()> {
        let partial = self.folder.partial();
        if fs::symlink_metadata(&partial).is_ok() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir(partial)
    }

    /// Makes the folders of a file. A link among them would lead out of the folder of the copy.
    fn make_folders(&self, file: &str) -> io::Result<()> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        for (at, _) in file.match_indices('/') {
            let folder = self.folder.path().join(file.get(..at).unwrap_or_default());
            if made.contains(&folder) {
                continue;
            }
            match fs::create_dir(&folder) {
                Err(cause) if cause.kind() != io::ErrorKind::AlreadyExists => return Err(cause),
                Err(_) if !fs::symlink_metadata(&folder)?.is_dir() => {
                    return Err(io::Error::other(format!("{} is no folder", folder.display())));
                }
                _ => made.insert(folder),
            };
        }
        Ok(())
    }
}

/// A file that goes away unless it gets its name.
struct Temporary(PathBuf);

impl Temporary {
    /// Fills it and reads it back; yields the hash and the number of its bytes.
    fn fill(&self, reader: &mut impl Read) -> Result<(String, u64), Fault> {
        let failed = |cause| Fault::Written(self.0.clone(), cause);
        let mut file = File::create(&self.0).map_err(failed)?;
        let (mut hash, mut size, mut buffer) = (Context::new(&SHA256), 0, vec![0; BUFFER_BYTES]);
        loop {
            let length = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => continue,
                Err(cause) => return Err(Fault::Fetched(cause)),
            };
            let bytes = buffer.get(..length).unwrap_or_default();
            file.write_all(bytes).map_err(failed)?;
            hash.update(bytes);
            size += u64::try_from(length).unwrap_or(u64::MAX);
        }
        file.sync_all().map_err(failed)?;
        let sha256 = hex(hash.finish().as_ref());
        if hash_file(&self.0).map_err(failed)? == sha256 { Ok((sha256, size)) } else { Err(Fault::Differs) }
    }

    fn rename(&self, path: &Path) -> Result<(), Fault> {
        fs::rename(&self.0, path).map_err(|cause| Fault::Written(path.to_owned(), cause))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Whether there is no room for any other object either.
fn is_full(cause: &io::Error) -> bool {
    matches!(cause.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// What is to lie beside an object.
fn sidecar(copied: &Copied, copy: &Planned) -> Option<String> {
    (copied.is_signed() && may_have_sidecar(&copy.file) && !copy.sidecar_is_taken).then(|| copied.sidecar())
}

/// The problem of a signature in whose place another object lies.
fn homeless(copied: &Copied, copy: &Planned) -> Option<Problem> {
    (copied.is_signed() && may_have_sidecar(&copy.file) && copy.sidecar_is_taken).then(|| {
        let message =
            format!("copied, but its signature only into the manifest: another object has the place of {}", sidecar_of(&copy.file));
        problem(&copy.name, ProblemKind::BadKey, message)
    })
}

fn hash_file(path: &Path) -> io::Result<String> {
    let (mut file, mut hash, mut buffer) = (File::open(path)?, Context::new(&SHA256), vec![0; BUFFER_BYTES]);
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(hash.finish().as_ref())),
            Ok(length) => hash.update(buffer.get(..length).unwrap_or_default()),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
}

/// What `act` makes of the items, a unit at a time on each thread, in their order; the first error ends it.
fn parallel<T: Sync, R: Send>(items: &[T], threads: usize, act: impl Fn(&[T]) -> Result<Vec<R>, Error> + Sync) -> Result<Vec<R>, Error> {
    let units: Vec<&[T]> = items.chunks(UNIT).collect();
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let results = Mutex::new(Vec::with_capacity(units.len()));
    let take = || {
        while !stop.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(unit) = units.get(index) else { return };
            let result = act(unit);
            stop.fetch_or(result.is_err(), Ordering::Relaxed);
            results.lock().unwrap_or_else(PoisonError::into_inner).push((index, result));
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, units.len().max(1)) {
            scope.spawn(take);
        }
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(index, _)| *index);
    let mut all = Vec::with_capacity(items.len());
    for (_, result) in results {
        all.extend(result?);
    }
    Ok(all)
}

/// Objects that a thread takes at once.
const UNIT: usize = 64;
const BUFFER_BYTES: usize = 256 << 10;
