//! [`CaseFolder`]: what `investigate` leaves behind, written under a temporary name and renamed when it is whole.

use std::fs::{self, File, TryLockError};
use std::io::{self, BufReader, Read as _, Seek as _, Write};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};
use trailsift::Error;
use trailsift::case::{EVENTS, MANIFEST, SCHEMA};
use trailsift::source::Source;
use trailsift::time::EventTime;

use super::output::{fill_file, read_back, sibling, unwritten, write_jsonl};
use super::{leftovers, space};

/// A case folder that is being written by this process alone.
#[derive(Debug)]
pub(crate) struct CaseFolder {
    /// Its final name.
    path: PathBuf,
    force: bool,
    /// The bytes that all its files need.
    needed: u64,
    /// What has been written so far, for the manifest.
    outputs: Vec<Value>,
    temporary: Option<PathBuf>,
    lock: Option<Lock>,
}

impl CaseFolder {
    /// A case folder of that name, if it may be written.
    ///
    /// # Errors
    /// [`Error::Exists`] where something is there and `force` is not given or it is no case folder.
    pub(crate) fn new(path: &Path, force: bool) -> Result<Self, Error> {
        if path.file_name().is_none() {
            return Err(Error::setting("--out", format!("{} is no name for a new folder", path.display())));
        }
        // Without a separator at its end, so that its neighbours' names can be made from it.
        let path: PathBuf = path.components().collect();
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::metadata(parent).map_err(|cause| Error::io("write", &path, cause))?;
        }
        let folder = Self { path, force, needed: 0, outputs: Vec::new(), temporary: None, lock: None };
        folder.check()?;
        Ok(folder)
    }

    fn check(&self) -> Result<(), Error> {
        match fs::symlink_metadata(&self.path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(Error::io("write", &self.path, cause)),
            Ok(_) if !self.force => Err(Error::Exists(self.path.display().to_string())),
            Ok(_) if is_empty(&self.path) => Ok(()),
            Ok(_) => match not_ours(&self.path) {
                None => Ok(()),
                Some(why) => Err(Error::setting("--force", format!("{} {why}, so it is not replaced", self.path.display()))),
            },
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The name that the summary calls the case by.
    pub(crate) fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Refuses a folder that a source is, or lies in: to replace it would be to lose the evidence.
    ///
    /// # Errors
    /// [`Error::Setting`], which names the source.
    pub(crate) fn keep_off(&self, sources: &[Source]) -> Result<(), Error> {
        let Ok(path) = fs::canonicalize(&self.path) else { return Ok(()) };
        let mut paths = sources.iter().filter_map(Source::as_path);
        match paths.find(|source| fs::canonicalize(source).is_ok_and(|source| source.starts_with(&path))) {
            Some(source) => {
                Err(Error::setting("--out", format!("{} holds the source {}: give another folder", self.path.display(), source.display())))
            }
            None => Ok(()),
        }
    }

    /// Whether the folder will lie under one of the sources, so that what is written beside it could be read as a log.
    pub(crate) fn is_under(&self, sources: &[Source]) -> bool {
        let Ok(parent) = fs::canonicalize(self.parent()) else { return false };
        sources.iter().filter_map(|source| fs::canonicalize(source.as_path()?).ok()).any(|source| parent.starts_with(source))
    }

    /// Keeps other runs away until the end of this one.
    ///
    /// # Errors
    /// [`Error::Locked`] where another run works on the case.
    pub(crate) fn lock(&mut self, now: EventTime) -> Result<(), Error> {
        if self.lock.is_none() {
            self.lock = Some(Lock::take(&self.path, now)?);
            self.restore();
        }
        self.check()
    }

    /// Gives an earlier case its name back, where a run was killed while it replaced it.
    fn restore(&self) {
        if fs::symlink_metadata(&self.path).is_err()
            && let Some(earlier) = self.hidden("old").first()
        {
            let _ = fs::rename(earlier, &self.path);
        }
    }

    /// Makes the temporary folder, where the disk has room for `needed` bytes; the lock says that those of other
    /// processes are left over from runs that were killed.
    pub(crate) fn begin(&mut self, needed: u64) -> Result<(), Error> {
        for stale in self.hidden("partial") {
            let _ = fs::remove_dir_all(stale);
        }
        self.need(needed)?;
        let temporary = sibling(&self.path, "partial").ok_or_else(|| Error::setting("--out", "it has no name"))?;
        leftovers::keep(&temporary);
        let made = fs::create_dir(&temporary).map_err(|cause| Error::io("create", &temporary, cause));
        self.temporary = Some(temporary);
        made
    }

    /// Where a run keeps what it fetches until the case is whole: one folder for all runs, so that the next goes on from it.
    pub(crate) fn fetched(&self) -> PathBuf {
        self.path.with_file_name(format!(".{}.fetched", self.name()))
    }

    /// Checks that the disk has room for `needed` bytes more.
    pub(crate) fn need(&mut self, needed: u64) -> Result<(), Error> {
        self.needed = needed;
        space::check(self.parent(), needed).map_err(|cause| Error::io("write", &self.path, cause))
    }

    /// Makes a folder in the case.
    pub(crate) fn make_folder(&self, name: &str) -> Result<PathBuf, Error> {
        let folder = self.temporary.as_deref().unwrap_or(&self.path).join(name);
        fs::create_dir(&folder).map_err(|cause| Error::io("create", &folder, cause))?;
        Ok(folder)
    }

    /// Puts the files of a folder in the case, which others wrote, among those that the manifest lists.
    pub(crate) fn note_files(&mut self, name: &str) -> Result<(), Error> {
        let folder = self.temporary.as_deref().unwrap_or(&self.path).join(name);
        let failed = |cause| Error::io("read", &folder, cause);
        let entries = fs::read_dir(&folder).and_then(Iterator::collect::<io::Result<Vec<_>>>).map_err(failed)?;
        let mut files: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
        files.sort();
        let note = |file: &PathBuf| {
            let written = read_back(file)?;
            let name = format!("{name}/{}", file.file_name().unwrap_or_default().to_string_lossy());
            Ok(json!({"name": name, "sha256": written.sha256, "bytes": written.bytes}))
        };
        let noted = files.par_iter().map(note).collect::<io::Result<Vec<Value>>>().map_err(failed)?;
        self.outputs.extend(noted);
        Ok(())
    }

    /// The folders beside the case that runs made for `purpose`, whatever their process.
    fn hidden(&self, purpose: &str) -> Vec<PathBuf> {
        let start = format!(".{}.{purpose}-", self.name());
        let is_hidden =
            |name: &str| name.strip_prefix(&start).is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()));
        let entries = fs::read_dir(self.parent()).into_iter().flatten().flatten();
        entries.filter(|entry| is_hidden(&entry.file_name().to_string_lossy())).map(|entry| entry.path()).collect()
    }

    fn parent(&self) -> &Path {
        self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
    }

    /// Writes one value a line.
    pub(crate) fn write_lines<T: Serialize>(&mut self, name: &str, values: &[T]) -> Result<(), Error> {
        self.write(name, |out| write_jsonl(out, values))
    }

    /// Has a file written by `fill`, which gets its path.
    pub(crate) fn write_by(&mut self, name: &str, fill: impl FnOnce(&Path) -> Result<(), Error>) -> Result<(), Error> {
        let path = self.temporary.as_deref().unwrap_or(&self.path).join(name);
        fill(&path)?;
        let written = read_back(&path).map_err(|cause| Error::io("read", &path, cause))?;
        self.outputs.push(json!({"name": name, "sha256": written.sha256, "bytes": written.bytes}));
        Ok(())
    }

    /// Writes a text.
    pub(crate) fn write_text(&mut self, name: &str, text: &str) -> Result<(), Error> {
        self.write(name, |out| out.write_all(text.as_bytes()))
    }

    /// Writes the manifest, to which the files written so far are added, and gives the folder its name.
    pub(crate) fn finish(mut self, manifest: &Value) -> Result<(), Error> {
        let mut manifest = manifest.clone();
        if let Some(fields) = manifest.as_object_mut() {
            fields.insert("outputs".to_owned(), Value::from(std::mem::take(&mut self.outputs)));
        }
        self.write(MANIFEST, |out| {
            serde_json::to_writer_pretty(&mut *out, &manifest)?;
            out.write_all(b"\n")
        })?;
        self.check()?;
        if let Some(temporary) = &self.temporary {
            replace(temporary, &self.path)?;
            leftovers::forget(temporary);
        }
        self.temporary = None;
        let _ = fs::remove_dir_all(self.fetched());
        Ok(())
    }

    /// Writes a file, of which `content` makes the bytes.
    pub(crate) fn write(&mut self, name: &str, content: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Error> {
        let folder = self.temporary.as_deref().unwrap_or(&self.path);
        let failed = |cause: io::Error| {
            // The case is what needs room, not this file of it.
            let full = cause.kind() == io::ErrorKind::StorageFull;
            unwritten(self.path.join(name).display().to_string(), if full { space::full(self.needed, None) } else { cause })
        };
        let file = File::create_new(folder.join(name)).map_err(failed)?;
        let written = fill_file(file, content).map_err(failed)?;
        self.outputs.push(json!({"name": name, "sha256": written.sha256, "bytes": written.bytes}));
        Ok(())
    }
}

impl Drop for CaseFolder {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = fs::remove_dir_all(temporary);
            leftovers::forget(temporary);
        }
    }
}

/// Why a folder may hold what no run has written, if it may.
fn not_ours(path: &Path) -> Option<String> {
    let manifest = File::open(path.join(MANIFEST)).ok().and_then(|file| serde_json::from_reader::<_, Value>(BufReader::new(file)).ok());
    let manifest = manifest.filter(|manifest| manifest.get("schema").is_some_and(|schema| schema == SCHEMA));
    let Some(manifest) = manifest else { return Some(format!("has no {MANIFEST} of ours and is no case folder")) };
    let outputs = manifest.get("outputs").and_then(Value::as_array);
    let known =
        |name: &str| name == MANIFEST || outputs.into_iter().flatten().any(|output| output.get("name").is_some_and(|known| known == name));
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(cause) => return Some(format!("cannot be listed ({cause})")),
    };
    let mut names = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == EVENTS && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let files = fs::read_dir(entry.path()).into_iter().flatten().flatten();
            names.extend(files.map(|file| format!("{EVENTS}/{}", file.file_name().to_string_lossy())));
        } else {
            names.push(name);
        }
    }
    names.into_iter().filter(|name| !known(name)).min().map(|name| format!("holds {name}, which is no part of the case"))
}

fn is_empty(path: &Path) -> bool {
    fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Puts `new` in the place of `old`, which stays whole until `new` is there.
fn replace(new: &Path, old: &Path) -> Result<(), Error> {
    let failed = |cause| Error::io("write", old, cause);
    if fs::symlink_metadata(old).is_err() {
        return fs::rename(new, old).map_err(failed);
    }
    let aside = sibling(old, "old").ok_or_else(|| failed(io::Error::other("it has no name")))?;
    fs::rename(old, &aside).map_err(failed)?;
    if let Err(cause) = fs::rename(new, old) {
        let _ = fs::rename(&aside, old);
        return Err(failed(cause));
    }
    fs::remove_dir_all(&aside).map_err(|cause| Error::io("remove", &aside, cause))
}

/// A file beside the case folder that the system holds for this process, and gives up with it.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    _file: File,
}

impl Lock {
    fn take(case: &Path, now: EventTime) -> Result<Self, Error> {
        let name = case.file_name().unwrap_or_default().to_string_lossy();
        let path = case.with_file_name(format!("{name}.lock"));
        let failed = |cause| Error::io("lock", &path, cause);
        let owner = format!("process {}, since {now}\n", std::process::id());
        loop {
            let mut file = File::options().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(locked(case, &mut file)),
                Err(TryLockError::Error(reason)) => return Err(failed(reason)),
            }
            file.set_len(0).and_then(|()| file.rewind()).and_then(|()| file.write_all(owner.as_bytes())).map_err(failed)?;
            // The run before may have removed the file between our opening and our locking: then the lock is on no name.
            if fs::read_to_string(&path).is_ok_and(|text| text == owner) {
                leftovers::keep(&path);
                return Ok(Self { path, _file: file });
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        leftovers::forget(&self.path);
    }
}

fn locked(case: &Path, file: &mut File) -> Error {
    let mut owner = String::new();
    let read = file.take(200).read_to_string(&mut owner);
    let owner = owner.trim();
    let owner = if read.is_err() || owner.is_empty() { "owner unknown" } else { owner };
    Error::Locked { case: case.display().to_string(), owner: owner.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> EventTime {
        EventTime::parse("2026-03-08").expect("a date")
    }

    fn written(path: &Path, force: bool) -> Result<(), Error> {
        let mut folder = CaseFolder::new(path, force)?;
        folder.lock(now())?;
        folder.begin(0)?;
        folder.write_lines("findings.jsonl", &[json!({"a": 1})])?;
        folder.finish(&json!({"schema": "trailsift.case/1"}))
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_case_is_written_once_and_replaced_on_demand() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("case-1/");
        written(&path, false).expect("written");
        assert_eq!(names(home.path()), ["case-1"]);
        assert_eq!(names(&path), ["case.json", "findings.jsonl"]);
        assert!(matches!(written(&path, false), Err(Error::Exists(_))));
        written(&path, true).expect("replaced");
        assert_eq!(names(home.path()), ["case-1"]);
    }

    #[test]
    fn what_is_no_case_is_not_replaced() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("photos");
        fs::create_dir(&path).expect("made");
        fs::write(path.join("cat.jpg"), b"cat").expect("written");
        assert!(matches!(written(&path, true), Err(Error::Setting { .. })));
        assert_eq!(names(&path), ["cat.jpg"]);
        for (manifest, part) in [
            (r#"{"title": "x"}"#, "no case folder"),
            ("[", "no case folder"),
            (r#"{"schema": "trailsift.case/1", "outputs": [{"name": "dog.jpg"}]}"#, "holds cat.jpg"),
        ] {
            fs::write(path.join(MANIFEST), manifest).expect("written");
            let error = written(&path, true).expect_err("kept").to_string();
            assert!(error.contains(part) && error.ends_with("so it is not replaced"), "{error}");
            assert_eq!(names(&path), [MANIFEST, "cat.jpg"]);
        }
    }

    #[test]
    fn a_folder_that_holds_a_source_is_refused() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("case");
        fs::create_dir_all(path.join("logs")).expect("made");
        let folder = CaseFolder::new(&home.path().join("case"), true);
        assert!(matches!(folder, Err(Error::Setting { .. })));
        fs::remove_dir(path.join("logs")).expect("removed");
        let folder = CaseFolder::new(&path, true).expect("empty");
        assert!(folder.keep_off(&[PathBuf::from("-").into(), home.path().into(), home.path().join("absent").into()]).is_ok());
        for source in [path, home.path().join("./case")] {
            let error = folder.keep_off(&[source.into()]).expect_err("it is the source").to_string();
            assert!(error.contains("holds the source"), "{error}");
        }
    }

    #[test]
    fn a_run_that_was_killed_costs_neither_the_earlier_case_nor_the_next() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("case");
        written(&path, false).expect("written");
        fs::rename(&path, home.path().join(".case.old-4242")).expect("moved");
        fs::create_dir(home.path().join(".case.partial-4242")).expect("made");
        fs::create_dir(home.path().join(".case.old-mine")).expect("made");
        assert!(matches!(written(&path, false), Err(Error::Exists(_))));
        assert_eq!(names(&path), ["case.json", "findings.jsonl"]);
        written(&path, true).expect("replaced");
        assert_eq!(names(home.path()), [".case.old-mine", "case"]);
    }

    #[test]
    #[cfg(unix)]
    fn a_case_that_does_not_fit_is_not_begun() {
        let home = tempfile::tempdir().expect("a folder");
        let mut folder = CaseFolder::new(&home.path().join("case"), false).expect("free");
        let error = folder.begin(u64::MAX >> 1).expect_err("too large").to_string();
        assert!(error.contains("no space left on device; 9,223,372,036,854,775,807 bytes are needed"), "{error}");
        assert!(names(home.path()).is_empty());
    }

    #[test]
    fn the_second_run_learns_who_holds_the_lock() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("case");
        let mut first = CaseFolder::new(&path, false).expect("free");
        first.lock(now()).expect("free");
        first.begin(0).expect("made");
        let error = written(&path, false).expect_err("held").to_string();
        assert!(error.contains(&format!("process {}, since 2026-03-08T00:00:00Z", std::process::id())), "{error}");
        drop(first);
        assert!(names(home.path()).is_empty());
        written(&path, false).expect("free again");
    }
}
