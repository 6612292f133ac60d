//! [`Places`]: which file on disk stands for a recorded key, where several may.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::file::{FoundFile, Stored};
use super::key::{Tail, ends_in, leading, packed_name};

/// Files by tail, each list in the order of the names.
#[derive(Debug, Default)]
pub(super) struct Places<'f> {
    by_tail: HashMap<Tail, Vec<&'f FoundFile>>,
}

/// A key as a digest records it, and where that digest lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recorded<'d> {
    pub(super) bucket: &'d str,
    pub(super) object: &'d str,
    pub(super) beside: &'d str,
}

/// The file that was chosen, and what became of the others.
#[derive(Debug)]
pub(super) struct Choice<'f> {
    pub(super) file: &'f FoundFile,
    /// Others with the same content.
    pub(super) copies: Vec<Arc<str>>,
    /// Others with another content.
    pub(super) differing: Vec<Arc<str>>,
    /// Whether nothing but the order of the names speaks for the chosen one.
    pub(super) is_ambiguous: bool,
}

impl<'f> Places<'f> {
    /// Takes files in the order of their names.
    pub(super) fn add(&mut self, file: &'f FoundFile) {
        self.by_tail.entry(Tail::of(&file.name)).or_default().push(file);
    }

    /// The file that stands for a key that is recorded in these ways.
    pub(super) fn find(&self, tail: &Tail, recorded: &[Recorded<'_>]) -> Option<Choice<'f>> {
        let in_tree = self.by_tail.get(tail);
        // Digests' and logs' names are unique, so that the name is enough in a flat download.
        let flat = if tail.is_flat() { None } else { self.by_tail.get(&Tail::of(tail.name())) };
        let candidates: Vec<_> = in_tree.into_iter().chain(flat).flatten().copied().take(PLACES + 1).collect();
        choose(&candidates, |file, step| {
            recorded.iter().any(|key| match step {
                0 => is_at(&file.name, key.bucket, key.object),
                1 => ends_in(&packed_name(&file.name), &packed_name(key.object)),
                _ => leading(&file.name) == leading(key.beside),
            })
        })
    }
}

/// Chooses among files: those that `fits` at step 0, or else 1, or else 2, and of these the first where all are alike.
pub(super) fn choose<'f>(candidates: &[&'f FoundFile], fits: impl Fn(&FoundFile, u8) -> bool) -> Option<Choice<'f>> {
    let (mut left, is_crowded) = (candidates.to_vec(), candidates.len() > PLACES);
    if left.len() > 1 {
        narrow(&mut left, |file| file.name.strip_suffix(".json").is_none());
        for step in 0..3 {
            narrow(&mut left, |file| fits(file, step));
        }
    }
    let first = *left.first()?;
    let is_alike = |file: &FoundFile| file.sha256.is_some() && file.sha256 == first.sha256;
    let is_ambiguous = is_crowded || !left.iter().all(|file| std::ptr::eq(*file, first) || is_alike(file));
    // Of files with one content, one that is stored soundly.
    let file = left.iter().copied().find(|file| !is_ambiguous && file.stored == Stored::Gzip).unwrap_or(first);
    let others = || candidates.iter().filter(|other| !std::ptr::eq(**other, file));
    let names = |alike: bool| others().filter(move |other| is_alike(other) == alike).map(|other| other.name.clone()).collect();
    Some(Choice { file, copies: names(true), differing: names(false), is_ambiguous })
}

/// Whether a file lies where the key was recorded, bucket and prefix included.
pub(super) fn is_at(name: &str, bucket: &str, object: &str) -> bool {
    let name = packed_name(name);
    let folder = name.strip_suffix(packed_name(object).as_str()).and_then(|rest| rest.strip_suffix('/'));
    folder.is_some_and(|folder| ends_in(folder, bucket))
}

fn narrow(left: &mut Vec<&FoundFile>, keep: impl Fn(&FoundFile) -> bool) {
    let kept: BTreeSet<usize> = left.iter().enumerate().filter(|(_, file)| keep(file)).map(|(index, _)| index).collect();
    if !kept.is_empty() {
        let all = std::mem::take(left);
        left.extend(all.into_iter().enumerate().filter(|(index, _)| kept.contains(index)).map(|(_, file)| file));
    }
}

/// Files that are looked at for one recorded key, the first by name. Evidence is copied a few times; a hostile digest
/// could list one name a million times, each standing for all files of that name.
const PLACES: usize = 64;
