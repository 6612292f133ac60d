//! [`Plan`]: the files in which objects are kept on a disk, each where its key says.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::object::RemoteObject;
use crate::problem::{Place, Problem, ProblemKind};
use crate::source::{Location, Object};

/// Objects with the files that they are to be kept in, and those that no file can keep.
#[derive(Debug, Default)]
pub struct Plan {
    /// What is to be copied, in the order of the names.
    pub copies: Vec<Planned>,
    /// Objects whose keys cannot be the names of files here.
    pub problems: Vec<Problem>,
}

/// One object and its file.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What findings, problems and tables call the object.
    pub name: Arc<str>,
    /// Bytes as stored.
    pub size: u64,
    /// The file, below the folder of the copy, with `/` between its parts.
    pub file: String,
    pub(super) object: RemoteObject,
    /// Whether another object is kept where the signature of this one would be.
    pub(super) sidecar_is_taken: bool,
}

impl Plan {
    /// Finds a file for each object: `BUCKET/KEY`, so that it lies as the digests record it.
    ///
    /// Keys are hostile. One that would lead elsewhere, that a disk cannot have as a name, or whose file another object
    /// has already, also where a disk does not tell large letters from small ones, is a problem. Where two objects want
    /// one place, that with a name of `CloudTrail`'s form has it, and then the first by name: nobody can hide a log by
    /// putting something else into its way.
    ///
    /// # Problems
    /// [`ProblemKind::BadKey`].
    pub fn new(objects: &[Object]) -> Self {
        let mut remote: Vec<(&Object, &RemoteObject)> = objects.iter().filter_map(remote).collect();
        remote.sort_by_key(|(object, remote)| (!is_of_cloudtrail(object, remote), object.name.clone()));
        let (mut plan, mut taken) = (Self::default(), Taken::default());
        for (object, remote) in remote {
            let file = format!("{}/{}", folder_of(remote.bucket()), remote.key());
            match refusal(remote.key()).map(str::to_owned).or_else(|| taken.take(&file, &object.name)) {
                None => plan.copies.push(Planned {
                    name: object.name.clone(),
                    size: object.size,
                    file,
                    object: remote.clone(),
                    sidecar_is_taken: false,
                }),
                Some(reason) => plan.problems.push(problem(&object.name, ProblemKind::BadKey, format!("not copied: {reason}"))),
            }
        }
        for copy in &mut plan.copies {
            copy.sidecar_is_taken = taken.has(&sidecar_of(&copy.file));
        }
        plan.copies.sort_by(|a, b| a.name.cmp(&b.name));
        plan.problems.sort();
        plan
    }
}

/// The names that are in use, in small letters, as a disk may not tell them apart.
#[derive(Debug, Default)]
struct Taken {
    files: HashMap<String, Arc<str>>,
    folders: HashSet<String>,
}

impl Taken {
    /// Takes a file's name for an object, or says why that cannot be.
    fn take(&mut self, file: &str, object: &Arc<str>) -> Option<String> {
        let lower = file.to_lowercase();
        if let Some(other) = self.files.get(&lower) {
            return Some(format!("its name differs only in large and small letters from that of {other}"));
        }
        if self.folders.contains(&lower) {
            return Some("other keys have its name as that of a folder".to_owned());
        }
        let folders = || lower.match_indices('/').filter_map(|(at, _)| lower.get(..at));
        if let Some(other) = folders().find_map(|folder| self.files.get(folder)) {
            return Some(format!("its folder would have the name of the file of {other}"));
        }
        for folder in folders().filter(|folder| !self.folders.contains(*folder)).map(str::to_owned).collect::<Vec<_>>() {
            self.folders.insert(folder);
        }
        self.files.insert(lower, object.clone());
        None
    }

    fn has(&self, file: &str) -> bool {
        let lower = file.to_lowercase();
        self.files.contains_key(&lower) || self.folders.contains(&lower)
    }
}

fn remote(object: &Object) -> Option<(&Object, &RemoteObject)> {
    match &object.location {
        Location::S3(remote) => Some((object, remote)),
        Location::Path(_) | Location::Memory(_) => None,
    }
}

/// Whether `CloudTrail` may have put an object there, by its name.
fn is_of_cloudtrail(object: &Object, remote: &RemoteObject) -> bool {
    object.key.is_some() && remote.key().split('/').any(|part| part == "AWSLogs")
}

/// The folder of a bucket; the ARN of an access point has letters that not every disk takes.
fn folder_of(bucket: &str) -> String {
    bucket.replace([':', '/'], "_")
}

/// Why no file can have a key's name.
fn refusal(key: &str) -> Option<&'static str> {
    key.split('/').find_map(|part| match part {
        "" => Some("its key begins or ends with `/`, or has nothing between two of them"),
        "." | ".." => Some("its key has a part `.` or `..`, which leads to another folder"),
        _ if part.len() > PART_BYTES => Some("its key has a part that is longer than a file's name may be"),
        _ if part.chars().any(char::is_control) => Some("its key has control characters"),
        _ if part.contains('\\') => Some("its key has a `\\`, which parts folders on some systems"),
        _ if cfg!(windows) && is_odd_on_windows(part) => Some("its key has a name that this system does not take"),
        _ => None,
    })
}

/// Whether Windows refuses a name, changes it, or takes it for a device.
///
/// # Source
/// Microsoft, "Naming Files, Paths, and Namespaces".
fn is_odd_on_windows(part: &str) -> bool {
    let stem = part.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let is_port = |name: &str| stem.strip_prefix(name).is_some_and(|rest| rest.chars().count() == 1);
    part.contains(['<', '>', ':', '"', '|', '?', '*'])
        || part.ends_with(['.', ' '])
        || ["CON", "PRN", "AUX", "NUL"].contains(&stem.as_str())
        || is_port("COM")
        || is_port("LPT")
}

/// The file beside an object's file that has its signature, where verification looks for it.
pub(super) fn sidecar_of(file: &str) -> String {
    format!("{file}{SIDECAR}")
}

/// Whether verification looks for a signature beside a file of that name.
pub(super) fn may_have_sidecar(file: &str) -> bool {
    file.strip_suffix(".gz").unwrap_or(file).strip_suffix(".json").is_some()
}

/// A problem with an object as a whole.
pub(super) fn problem(object: &Arc<str>, kind: ProblemKind, message: String) -> Problem {
    Problem { place: Place { object: object.clone(), record_index: None, offset: None }, kind, message }
}

/// The end of the name of a file with S3's metadata, as `aws s3api head-object` prints it.
const SIDECAR: &str = ".meta.json";
/// Bytes of a part of a key: usual file systems take 255, and the name of a sidecar is longer than that of its object.
const PART_BYTES: usize = 255 - SIDECAR.len();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_no_file_can_have() {
        for key in ["", "/a", "a//b", "a/", "../a", "a/../../b", "a/.", "a\\..\\b", "a/\u{0}", "a\n", "a/\u{9b}2J", &"x".repeat(246)] {
            assert!(refusal(key).is_some(), "{key:?}");
        }
        for key in ["a", "AWSLogs/1/..x/x..", "a b/é&<%41.json", ".hidden", "~", "-rf", &"x".repeat(245)] {
            assert_eq!(refusal(key), None, "{key:?}");
        }
    }

    #[test]
    fn names_of_windows() {
        for part in ["a:b", "nul.json", "COM1", "lpt9.gz", "a.", "a ", "what?"] {
            assert!(is_odd_on_windows(part), "{part}");
        }
        for part in ["null.json", "COM", "COM12", "a.b", "console"] {
            assert!(!is_odd_on_windows(part), "{part}");
        }
    }

    #[test]
    fn one_place_is_taken_once() {
        let mut taken = Taken::default();
        let mut take = |file: &str| taken.take(file, &Arc::from(file)).is_none();
        assert!(take("b/AWSLogs/x.json.gz"));
        assert!(!take("b/awslogs/X.json.gz") && !take("b/AWSLogs/x.json.gz"));
        assert!(!take("b/AWSLogs") && !take("b/AWSLogs/x.json.gz/deeper/y"));
        assert!(take("b/AWSLogs2") && take("b/AWSLogs/y"));
        assert!(taken.has("B/AWSLOGS") && taken.has("b/awslogs/Y") && !taken.has("b/AWSLogs/z"));
    }

    #[test]
    fn signatures_lie_beside_digests() {
        assert_eq!(sidecar_of("b/x.json.gz"), "b/x.json.gz.meta.json");
        assert!(may_have_sidecar("x.json.gz") && may_have_sidecar("x.json"));
        assert!(!may_have_sidecar("x.gz") && !may_have_sidecar("x.csv"));
    }
}
