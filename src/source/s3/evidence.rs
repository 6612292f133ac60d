//! [`EvidenceFolder`]: a copy of objects on a disk, and what is known of each: its manifest.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::url::name_of;
use crate::error::{Error, plain_cause};
use crate::source::sha256_hex;

/// One object that was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Its bucket, as the user wrote it.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its version, where the bucket keeps versions.
    pub version_id: Option<String>,
    /// The `ETag` that was listed and asked for.
    pub e_tag: Option<String>,
    /// Bytes as stored.
    pub size: u64,
    /// The hash of the bytes as stored, which is not that of a digest: digests hash the inflated bytes.
    pub sha256: String,
    /// When it was put into the bucket.
    pub last_modified: Option<String>,
    /// The metadata of its writer.
    pub metadata: BTreeMap<String, String>,
    /// Its file below the folder.
    pub file: String,
    /// The hash of the file with its signature; `None` where it has none.
    pub sidecar_sha256: Option<String>,
    /// When the run began that copied it.
    pub fetched: String,
}

impl Copied {
    /// The name that tables have for it.
    pub(super) fn name(&self) -> String {
        name_of(&self.bucket, &self.key)
    }

    /// Whether the metadata has a digest's signature.
    pub(super) fn is_signed(&self) -> bool {
        self.metadata.contains_key("signature")
    }

    /// What `aws s3api head-object` would print of it, but for what no proof needs.
    pub(super) fn sidecar(&self) -> String {
        let mut head = json!({"LastModified": self.last_modified, "ContentLength": self.size, "ETag": self.e_tag});
        if let Some(fields) = head.as_object_mut() {
            fields.extend(self.version_id.iter().map(|version| ("VersionId".to_owned(), json!(version))));
            fields.insert("Metadata".to_owned(), json!(self.metadata));
        }
        format!("{head:#}\n")
    }
}

/// A folder into which this process alone copies.
#[derive(Debug)]
pub struct EvidenceFolder {
    path: PathBuf,
    /// A line an object, so that a run that ends early is not for nothing; held by this process.
    journal: Mutex<File>,
    /// What earlier runs copied, by the objects' names.
    pub(super) known: BTreeMap<String, Copied>,
}

impl EvidenceFolder {
    /// Makes a folder, or with `resumes` goes on with one that an earlier run made; `owner` is who works on it.
    ///
    /// # Errors
    /// [`Error::Setting`] where the folder holds something else, or another run works on it; [`Error::Io`] where it
    /// cannot be made; [`Error::Table`] where its manifest cannot be read.
    pub fn open(path: &Path, resumes: bool, owner: &str) -> Result<Self, Error> {
        let refuse = |reason: &str| Err(Error::setting(format!("copy to {}", path.display()), reason));
        match fs::read_dir(path) {
            Ok(mut entries) => {
                let is_ours = [MANIFEST, JOURNAL].iter().any(|name| path.join(name).is_file());
                if entries.next().is_some() && !is_ours {
                    return refuse("it is not empty and no copy that could be gone on with; give a new folder");
                }
                if is_ours && !resumes {
                    return refuse("it holds a copy already; --resume goes on with it");
                }
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                fs::create_dir(path).map_err(|cause| Error::io("create", path, cause))?;
            }
            Err(cause) => return Err(Error::io("read", path, cause)),
        }
        let Some(journal) = take_journal(&path.join(JOURNAL), owner).map_err(|cause| Error::io("write", &path.join(JOURNAL), cause))?
        else {
            return refuse(&format!("another run works on it ({})", owner_of(&path.join(JOURNAL))));
        };
        let mut folder = Self { path: path.to_owned(), journal: Mutex::new(journal), known: BTreeMap::new() };
        folder.read_known()?;
        Ok(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder in it where files are before they are whole; what an earlier run left there is of no use.
    pub fn partial(&self) -> PathBuf {
        self.path.join(PARTIAL)
    }

    /// The file that says what the folder holds.
    pub fn manifest(&self) -> PathBuf {
        self.path.join(MANIFEST)
    }

    /// Writes down that an object is there.
    pub(super) fn note(&self, copied: &Copied) -> io::Result<()> {
        let line = format!("{}\n", serde_json::to_string(copied)?);
        self.journal.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }

    /// Writes the manifest under a temporary name and gives it its own: `head`, and a line an object in the order of the
    /// names. Those that earlier runs copied and this one did not look at are among them. Yields its hash.
    ///
    /// # Errors
    /// [`Error::Io`] where it cannot be written.
    pub fn finish<'c>(self, head: &Map<String, Value>, copied: impl IntoIterator<Item = &'c Copied>) -> Result<String, Error> {
        let mut objects = self.known;
        objects.extend(copied.into_iter().map(|copied| (copied.name(), copied.clone())));
        let manifest = self.path.join(MANIFEST);
        let partial = self.path.join(PARTIAL);
        let text = manifest_text(head, objects.values());
        let write = || {
            fs::create_dir_all(&partial)?;
            let temporary = partial.join(MANIFEST);
            let mut out = BufWriter::new(File::create(&temporary)?);
            out.write_all(text.as_bytes())?;
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            fs::rename(&temporary, &manifest)?;
            fs::remove_dir_all(&partial)?;
            // All that it says stands in the manifest.
            fs::remove_file(self.path.join(JOURNAL))
        };
        write().map_err(|cause| Error::io("write", &manifest, cause))?;
        Ok(sha256_hex(text.as_bytes()))
    }

    fn read_known(&mut self) -> Result<(), Error> {
        let manifest = self.path.join(MANIFEST);
        let wrong = |reason: String| Error::Table { act: "read", path: manifest.display().to_string(), reason };
        match File::open(&manifest) {
            Ok(file) => {
                let manifest: Manifest = serde_json::from_reader(BufReader::new(file)).map_err(|error| wrong(error.to_string()))?;
                if manifest.schema != SCHEMA {
                    return Err(wrong(format!("its schema is {}, and this version knows {SCHEMA}", manifest.schema)));
                }
                self.known.extend(manifest.objects.into_iter().map(|copied| (copied.name(), copied)));
            }
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
            Err(cause) => return Err(wrong(plain_cause(&cause))),
        }
        let journal = self.path.join(JOURNAL);
        let lines =
            File::open(&journal).map(|file| BufReader::new(file).split(b'\n')).map_err(|cause| Error::io("read", &journal, cause))?;
        // The last line of a run that was killed may be half a line: then its object is fetched again.
        for copied in lines.map_while(Result::ok).filter_map(|line| serde_json::from_slice::<Copied>(&line).ok()) {
            self.known.insert(copied.name(), copied);
        }
        Ok(())
    }
}

/// What is read of a manifest.
#[derive(Deserialize)]
struct Manifest {
    schema: String,
    objects: Vec<Copied>,
}

/// Opens the journal for this process alone and writes the owner's line; `None` where another process has it.
fn take_journal(path: &Path, owner: &str) -> io::Result<Option<File>> {
    let line = format!("{}\n", json!({"run": owner}));
    loop {
        let mut file = File::options().append(true).create(true).open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(cause)) => return Err(cause),
        }
        // After half a line.
        if file.metadata()?.len() > 0 {
            file.write_all(b"\n")?;
        }
        file.write_all(line.as_bytes())?;
        // The run before may have removed the file between our opening and our locking: then the lock is on no name.
        if fs::read(path).is_ok_and(|text| text.ends_with(line.as_bytes())) {
            return Ok(Some(file));
        }
    }
}

/// Who wrote the last owner's line.
fn owner_of(journal: &Path) -> String {
    let text = fs::read_to_string(journal).unwrap_or_default();
    let owner = |line: &str| Some(serde_json::from_str::<Value>(line).ok()?.get("run")?.as_str()?.to_owned());
    text.lines().rev().find_map(owner).unwrap_or_else(|| "owner unknown".to_owned())
}

fn manifest_text<'c>(head: &Map<String, Value>, objects: impl Iterator<Item = &'c Copied>) -> String {
    let mut text = format!("{{\"schema\": {}", json!(SCHEMA));
    for (name, value) in head {
        text.extend([",\n", &json!(name).to_string(), ": ", &value.to_string()]);
    }
    text.push_str(",\n\"objects\": [");
    for (index, copied) in objects.enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(&json!(copied).to_string());
    }
    text.push_str("\n]}\n");
    text
}

const SCHEMA: &str = "trailsift.fetched/1";
/// Says what the folder holds, once all is there.
const MANIFEST: &str = "trailsift-fetch.json";
/// The same while a run goes on.
const JOURNAL: &str = "trailsift-fetch.partial.jsonl";
/// Where files are before they are whole; no bucket can have this name.
const PARTIAL: &str = ".trailsift-partial";

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(key: &str) -> Copied {
        Copied {
            bucket: "b".to_owned(),
            key: key.to_owned(),
            version_id: None,
            e_tag: Some("\"e\"".to_owned()),
            size: 1,
            sha256: "00".to_owned(),
            last_modified: None,
            metadata: [("signature".to_owned(), "ab".to_owned())].into(),
            file: format!("b/{key}"),
            sidecar_sha256: None,
            fetched: "2026-03-08T00:00:00Z".to_owned(),
        }
    }

    fn keys(folder: &EvidenceFolder) -> Vec<&str> {
        folder.known.values().map(|copied| copied.key.as_str()).collect()
    }

    #[test]
    fn a_copy_is_gone_on_with_and_nothing_else_is() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("copy");
        let open = |resumes| EvidenceFolder::open(&path, resumes, "process 1");
        let first = open(false).unwrap();
        first.note(&copied("a")).unwrap();
        assert!(open(true).unwrap_err().to_string().ends_with("another run works on it (process 1)"));
        drop(first);
        assert!(open(false).unwrap_err().to_string().ends_with("--resume goes on with it"));
        let mut journal = File::options().append(true).open(path.join(JOURNAL)).unwrap();
        journal.write_all(br#"{"bucket":"b","key":"half"#).unwrap();
        let second = open(true).unwrap();
        assert_eq!(keys(&second), ["a"]);
        second.finish(&json!({"sources": ["s3://b"]}).as_object().unwrap().clone(), &[copied("c\u{1}\"")]).unwrap();
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
        assert_eq!(keys(&open(true).unwrap()), ["a", "c\u{1}\""]);
        fs::remove_file(path.join(JOURNAL)).unwrap();
        fs::write(path.join(MANIFEST), "[").unwrap();
        assert!(matches!(open(true), Err(Error::Table { .. })));
        let other = home.path().join("photos");
        fs::create_dir(&other).unwrap();
        assert!(EvidenceFolder::open(&other, true, "x").is_ok());
        fs::remove_file(other.join(JOURNAL)).unwrap();
        fs::write(other.join("cat.jpg"), "cat").unwrap();
        assert!(EvidenceFolder::open(&other, true, "x").is_err());
    }

    #[test]
    fn a_sidecar_is_what_aws_would_print() {
        let head: Value = serde_json::from_str(&Copied { version_id: Some("v".to_owned()), ..copied("a") }.sidecar()).unwrap();
        assert_eq!(
            head,
            json!({"LastModified": null, "ContentLength": 1, "ETag": "\"e\"", "VersionId": "v", "Metadata": {"signature": "ab"}})
        );
    }
}
