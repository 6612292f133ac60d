//! [`Places`]: which file on disk stands for a recorded key, where several may.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::file::{FoundFile, Stored};
use super::key::{LogKey, ends_in, is_flat, last_component, leading, tail_of, unpacked_name};

/// A log on disk.
#[derive(Debug)]
pub(super) struct Place<'f> {
    pub(super) tail: Cow<'f, str>,
    pub(super) file: &'f FoundFile,
    /// What its name says.
    pub(super) key: LogKey,
}

/// The logs on disk, by tail and then by name.
///
/// Lists and files come nearly in order, as digests and names do, so that both are sorted and walked side by side: no
/// text is hashed, and most are compared once.
#[derive(Debug)]
pub(super) struct Places<'f> {
    pub(super) all: Vec<Place<'f>>,
    /// Whether any of them lies in no folders.
    pub(super) has_flat: bool,
}

/// How far a walk over [`Places`] has come.
#[derive(Debug, Default)]
pub(super) struct Walk(usize);

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
    /// Takes logs in the order of their names.
    pub(super) fn new(logs: Vec<(&'f FoundFile, LogKey)>) -> Self {
        let place = |(file, key): (&'f FoundFile, LogKey)| Place { tail: tail_of(&file.name), file, key };
        let mut all: Vec<Place<'f>> = logs.into_iter().map(place).collect();
        let has_flat = all.iter().any(|place| is_flat(&place.tail));
        all.sort_by(|a, b| a.tail.cmp(&b.tail));
        Self { all, has_flat }
    }

    /// The logs of a tail; `walk` is over tails in their order.
    pub(super) fn of(&self, tail: &str, walk: &mut Walk) -> &[Place<'f>] {
        let rest = |from: usize| self.all.get(from..).unwrap_or_default();
        walk.0 += rest(walk.0).iter().take_while(|place| *place.tail < *tail).count();
        let count = rest(walk.0).iter().take_while(|place| *place.tail == *tail).count();
        rest(walk.0).get(..count).unwrap_or_default()
    }

    /// The logs that lie in no folders and have the name of a tail that has some. Names of logs are unique, so that the
    /// name is enough in a flat download.
    pub(super) fn flat(&self, tail: &str) -> &[Place<'f>] {
        let name = last_component(tail);
        if !self.has_flat || is_flat(tail) {
            return &[];
        }
        let from = self.all.partition_point(|place| *place.tail < *name);
        self.of(name, &mut Walk(from))
    }

    /// The file that stands for a key that is recorded in these ways; `in_tree` are those of its tail.
    pub(super) fn find<'r>(
        &self,
        tail: &str,
        in_tree: &[Place<'f>],
        recorded: &(impl Iterator<Item = Recorded<'r>> + Clone),
    ) -> Option<Choice<'f>> {
        let flat = self.flat(tail);
        if let ([place], []) = (in_tree, flat) {
            return Some(Choice { file: place.file, copies: Vec::new(), differing: Vec::new(), is_ambiguous: false });
        }
        let candidates: Vec<_> = in_tree.iter().chain(flat).map(|place| place.file).take(PLACES + 1).collect();
        choose(&candidates, |file, step| {
            recorded.clone().any(|key| match step {
                0 => is_at(&file.name, key.bucket, key.object),
                1 => ends_in(unpacked_name(&file.name), unpacked_name(key.object)),
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
    let folder = unpacked_name(name).strip_suffix(unpacked_name(object)).and_then(|rest| rest.strip_suffix('/'));
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
