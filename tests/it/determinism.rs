//! The same input gives the same bytes, for any number of threads and any order of files.

use std::ffi::OsString;
use std::path::Path;

use crate::support::{Folder, project, shared, trailsift};

fn document(command: &str, sources: &[OsString], jobs: &str, out: &Path) -> String {
    let mut args: Vec<OsString> =
        vec![command.into(), "--format".into(), "json".into(), "--allow-problems".into(), "--jobs".into(), jobs.into()];
    if command == "investigate" {
        args.extend(["--out".into(), out.as_os_str().to_owned(), "--force".into()]);
    }
    args.extend_from_slice(sources);
    trailsift(args).expect(0).stdout
}

fn check(sources: &[OsString]) {
    let folder = Folder::new();
    let out = folder.path().join("case");
    for command in ["detect", "investigate"] {
        let one = document(command, sources, "1", &out);
        let files = |out: &Path| {
            ["findings.jsonl", "evidence.jsonl", "problems.jsonl"].map(|name| std::fs::read(out.join(name)).unwrap_or_default())
        };
        let first = files(&out);
        let mut shuffled = sources.to_vec();
        shuffled.reverse();
        shuffled.rotate_left(sources.len() / 3);
        for (jobs, sources) in [("2", sources), ("8", sources), ("1", shuffled.as_slice()), ("8", shuffled.as_slice())] {
            assert!(one == document(command, sources, jobs, &out), "{command} with {jobs} threads");
            assert!(first == files(&out), "the case of {command} with {jobs} threads");
        }
    }
}

#[test]
fn the_sample_in_any_order() {
    let mut sources = Vec::new();
    collect(&project("sample-logs/AWSLogs"), &mut sources);
    assert!(sources.len() > 100);
    check(&sources);
}

#[test]
fn real_data_in_any_order() {
    let Some(root) = shared("data/real") else { return };
    let mut sources = Vec::new();
    collect(&root, &mut sources);
    check(&sources);
}

fn collect(folder: &Path, files: &mut Vec<OsString>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { collect(&path, files) } else { files.push(path.into_os_string()) }
    }
}
