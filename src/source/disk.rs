//! Files, folders of any depth and standard input, listed in one order.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, DirEntry, File, FileType, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Budget, Listing, Location, Object, ObjectKey};
use crate::error::{Error, plain_cause};
use crate::problem::{Place, Problem, ProblemKind, Skipped};

/// The name that stands for standard input.
pub const STDIN: &str = "-";

/// Lists every file under `sources`; `-` is standard input, which is read here and kept.
///
/// Symbolic links are followed. A folder or file that is reached twice is listed once, under the
/// first of its names, and the others are skipped, so that no web of links makes more work than
/// the files it leads to.
///
/// # Errors
/// [`Error::Io`] where a source itself cannot be reached.
pub fn list(sources: &[&Path], budget: &Budget) -> Result<Listing, Error> {
    let mut found = Found::default();
    let mut folders = Vec::new();
    for source in sources {
        if source.as_os_str() == STDIN {
            found.objects.push(Listed { object: read_stdin(budget)?, is_link: false });
            found.has_aliases = true;
            continue;
        }
        fs::metadata(source).map_err(|cause| Error::io("read", source, cause))?;
        folders.push(source);
    }
    // Which of a folder's names is the first must not depend on the order of the sources.
    folders.sort_unstable();
    for source in folders {
        list_source(source, &mut found)?;
    }
    found.objects.sort_by(|a, b| a.object.name.cmp(&b.object.name));
    if found.has_aliases {
        found.drop_aliases();
    }
    let Found { objects, mut listing, .. } = found;
    listing.objects = objects.into_iter().map(|listed| listed.object).collect();
    Ok(listing)
}

/// What was met so far.
#[derive(Debug, Default)]
struct Found {
    objects: Vec<Listed>,
    /// What is not to be read.
    listing: Listing,
    /// The canonical path of each folder that was entered.
    folders: HashMap<OsString, PathBuf>,
    canonical: HashSet<PathBuf>,
    /// Whether a file may have two names: there is a link to one, or one was given by itself.
    has_aliases: bool,
}

impl Found {
    /// Passes over files that have an earlier name too. The canonical path tells files apart that several links or several
    /// sources lead to.
    fn drop_aliases(&mut self) {
        let mut seen = HashSet::new();
        for listed in std::mem::take(&mut self.objects) {
            // As one text: a path would be hashed part by part.
            if seen.insert(listed.canonical(&self.folders).into_os_string()) {
                self.objects.push(listed);
            } else {
                let reason = "the same file as one already listed".to_owned();
                self.listing.skipped.push(Skipped { object: listed.object.name, reason });
            }
        }
    }
}

/// A file, and whether its name is a link.
#[derive(Debug)]
struct Listed {
    object: Object,
    is_link: bool,
}

impl Listed {
    /// The canonical path. That of its folder is known, and asking the system costs a step for each part of it.
    fn canonical(&self, folders: &HashMap<OsString, PathBuf>) -> PathBuf {
        let Location::Path(path) = &self.object.location else { return PathBuf::from(STDIN) };
        let folder = path.parent().and_then(|folder| folders.get(folder.as_os_str())).filter(|_| !self.is_link);
        folder
            .and_then(|folder| Some(folder.join(path.file_name()?)))
            .unwrap_or_else(|| path.canonicalize().unwrap_or_else(|_| path.clone()))
    }
}

/// What a folder lists.
struct Entry {
    path: PathBuf,
    /// Of the file, not of a link to it.
    told: io::Result<Told>,
    is_link: bool,
}

/// What the system tells of a file.
struct Told {
    kind: FileType,
    size: u64,
}

impl From<Metadata> for Told {
    fn from(metadata: Metadata) -> Self {
        Self { kind: metadata.file_type(), size: metadata.len() }
    }
}

impl Entry {
    /// A source as it was given.
    fn given(path: &Path) -> Self {
        Self { path: path.to_owned(), told: fs::metadata(path).map(Told::from), is_link: true }
    }

    /// The entries of a folder, in the order of their names. What is told of them is asked of the open folder: asking by
    /// the whole path, as `walkdir` does, takes as long as reading a small file.
    fn all(folder: &Path) -> io::Result<Vec<Self>> {
        let named = |entry: io::Result<DirEntry>| entry.map(|entry| (entry.file_name(), entry));
        let mut entries = fs::read_dir(folder)?.map(named).collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        let of_entry = |(name, entry): (OsString, DirEntry)| {
            let mut path = PathBuf::with_capacity(folder.as_os_str().len() + 1 + name.len());
            path.extend([folder.as_os_str(), &name]);
            let told = entry.metadata();
            let is_link = told.as_ref().is_ok_and(Metadata::is_symlink);
            let told = if is_link { fs::metadata(&path) } else { told };
            Self { path, told: told.map(Told::from), is_link }
        };
        Ok(entries.into_iter().map(of_entry).collect())
    }
}

fn list_source(source: &Path, found: &mut Found) -> Result<(), Error> {
    let mut cases: HashSet<PathBuf> = HashSet::new();
    let mut open = vec![vec![Entry::given(source)].into_iter()];
    // The canonical paths of the folders that are open.
    let mut above: Vec<PathBuf> = Vec::new();
    while let Some(entries) = open.last_mut() {
        let Some(entry) = entries.next() else {
            open.pop();
            above.pop();
            continue;
        };
        let told = match entry.told {
            Ok(told) => told,
            Err(cause) => {
                list_failure(&entry.path, &cause, source, &mut found.listing)?;
                continue;
            }
        };
        if told.kind.is_dir() {
            if let Some(canonical) = enter(&entry.path, &above, source, &mut cases, found)? {
                match Entry::all(&entry.path) {
                    Ok(entries) => {
                        open.push(entries.into_iter());
                        above.push(canonical);
                    }
                    Err(cause) => list_failure(&entry.path, &cause, source, &mut found.listing)?,
                }
            }
        } else if !cases.is_empty() && is_in_case(&entry.path, &cases) {
            let reason = "not a log: part of a case folder".to_owned();
            found.listing.skipped.push(Skipped { object: display_name(&entry.path), reason });
        } else {
            list_file(entry.path, &told, entry.is_link, found);
        }
    }
    Ok(())
}

/// The canonical path of a folder whose entries are to be listed; `None` where they are listed already.
fn enter(
    folder: &Path,
    above: &[PathBuf],
    source: &Path,
    cases: &mut HashSet<PathBuf>,
    found: &mut Found,
) -> Result<Option<PathBuf>, Error> {
    let canonical = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    let is_new = found.canonical.insert(canonical.clone());
    found.folders.insert(folder.as_os_str().to_owned(), canonical.clone());
    if !is_new {
        let leads_back = above.contains(&canonical);
        let reason =
            if leads_back { "a symbolic link that leads back to a folder above it" } else { "the same folder as one already listed" };
        found.listing.skipped.push(Skipped { object: display_name(folder), reason: reason.to_owned() });
        return Ok(None);
    }
    if is_case(folder) {
        if folder == source {
            let reason = "a case folder, which answers in place of logs and not among other sources; give it alone, or only the logs";
            return Err(Error::setting(format!("read {}", source.display()), reason));
        }
        cases.insert(folder.to_owned());
    }
    Ok(Some(canonical))
}

/// Whether a file is one that `investigate` wrote into one of those folders.
fn is_in_case(file: &Path, cases: &HashSet<PathBuf>) -> bool {
    let folder = file.parent();
    file.file_name().is_some_and(is_case_file) && folder.is_some_and(|folder| cases.contains(folder))
        || folder.is_some_and(|folder| folder.ends_with(CASE_EVENTS) && folder.parent().is_some_and(|case| cases.contains(case)))
            && file.extension().is_some_and(|extension| extension == "parquet")
}

/// Whether a folder is a case that `investigate` wrote: its manifest says so in its first line or two.
pub(crate) fn is_case(folder: &Path) -> bool {
    let manifest = folder.join(CASE_FILES[0]);
    // Opening a pipe would wait for a writer, so what it is comes first.
    if !fs::metadata(&manifest).is_ok_and(|metadata| metadata.is_file()) {
        return false;
    }
    let mut head = [0; 200];
    let read = File::open(manifest).and_then(|mut file| file.read(&mut head)).unwrap_or_default();
    memchr::memmem::find(head.get(..read).unwrap_or_default(), b"trailsift.case/").is_some()
}

/// The files of a case that could be taken for logs. Anything else in such a folder is read like any other file,
/// as a manifest alone must not keep logs out of sight.
const CASE_FILES: [&str; 11] = [
    "case.json",
    "drift.jsonl",
    "evidence.jsonl",
    "findings.jsonl",
    "iam_changes.parquet",
    "integrity.json",
    "problems.jsonl",
    "public-keys.json",
    "report.html",
    "seen.jsonl",
    "suppressed.jsonl",
];

/// The folder of a case's events.
pub(crate) const CASE_EVENTS: &str = "events";

pub(crate) fn is_case_file(name: &OsStr) -> bool {
    CASE_FILES.iter().any(|file| name == *file)
}

fn read_stdin(budget: &Budget) -> Result<Object, Error> {
    let failed = |cause| Error::Io { act: "read", target: "standard input".to_owned(), cause };
    let mut bytes = Vec::new();
    io::stdin().lock().take(budget.whole_bytes + 1).read_to_end(&mut bytes).map_err(failed)?;
    let size = bytes.len();
    if u64::try_from(size).is_ok_and(|size| size > budget.whole_bytes) {
        let limit = budget.whole_bytes;
        return Err(failed(io::Error::other(format!("more than {limit} bytes; save them to a file and give its name"))));
    }
    let size = u64::try_from(size).unwrap_or(u64::MAX);
    Ok(Object { name: Arc::from(STDIN), key: None, size, location: Location::Memory(bytes.into()) })
}

fn list_file(path: PathBuf, told: &Told, is_link: bool, found: &mut Found) {
    let name = display_name(&path);
    if !told.kind.is_file() {
        found.listing.skipped.push(Skipped { object: name, reason: "not a regular file".to_owned() });
        return;
    }
    found.has_aliases |= is_link;
    let object = Object { key: ObjectKey::parse(&name), name, size: told.size, location: Location::Path(path) };
    found.objects.push(Listed { object, is_link });
}

fn list_failure(path: &Path, cause: &io::Error, source: &Path, listing: &mut Listing) -> Result<(), Error> {
    let cause = io::Error::new(cause.kind(), plain_cause(cause));
    if path == source {
        return Err(Error::io("list", source, cause));
    }
    listing.problems.push(unreadable(display_name(path), &cause));
    Ok(())
}

/// A problem for an object that the system does not let us read.
pub(crate) fn unreadable(object: Arc<str>, cause: &io::Error) -> Problem {
    Problem { place: Place { object, record_index: None, offset: None }, kind: ProblemKind::Unreadable, message: plain_cause(cause) }
}

/// The path as text, with `/` between its parts; bytes that are not UTF-8 as `\xNN`, so that no two names meet.
fn display_name(path: &Path) -> Arc<str> {
    if let Some(text) = path.to_str().filter(|text| !text.contains('\\')) {
        return text.into();
    }
    let mut name = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        if cfg!(windows) {
            name.push_str(&chunk.valid().replace('\\', "/"));
        } else {
            // A backslash of the name itself must not look like one that is written here.
            name.push_str(&chunk.valid().replace('\\', "\\x5c"));
        }
        for byte in chunk.invalid() {
            let _ = write!(name, "\\x{byte:02x}");
        }
    }
    name.into()
}
