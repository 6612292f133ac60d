//! Section 7.2: logs against the digests that list them, and section 6 for where they lie.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::chain::{Link, Links, Verified, report_copies};
use super::cover::{AskedRange, Cover, Spans};
use super::document::{Digest, LogFile};
use super::file::{FoundFile, Stored};
use super::finding::{Finding, FindingKind};
use super::key::{LogKey, Named, Tail};
use super::place::{Choice, Places, Recorded, is_at};
use super::verdict::{Note, Reason, Severity, Verdict};
use crate::time::EventTime;

/// What was found out about one log.
#[derive(Debug)]
pub(super) struct JudgedLog<'f> {
    pub(super) verdict: Verdict,
    pub(super) notes: Vec<Note>,
    /// Whether the content is the one that an invalid digest lists.
    pub(super) hash_matches: Option<bool>,
    pub(super) file: Option<&'f FoundFile>,
    pub(super) copies: Vec<Arc<str>>,
    /// Whether a digest in the asked range lists it.
    pub(super) is_in_range: bool,
}

/// All entries that name one log, by how far their digests are trusted.
#[derive(Debug, Default)]
pub(super) struct Entries<'f> {
    trusted: Vec<(Verified<&'f LogFile>, &'f str)>,
    unverified: Vec<(&'f LogFile, &'f str)>,
    invalid: Vec<(&'f LogFile, &'f str)>,
    is_in_range: bool,
}

impl<'f> Entries<'f> {
    /// Every entry of the digests that `is_asked`, by the tail of the log.
    pub(super) fn gather(links: &Links<'f>, range: AskedRange, is_asked: impl Fn(&Link<'_>) -> bool) -> BTreeMap<Tail, Self> {
        let mut logs: BTreeMap<Tail, Self> = BTreeMap::new();
        for link in links.all.iter().filter(|link| is_asked(link)) {
            let is_in_range = range.has_window(link.window());
            let beside: &'f str = &link.file.name;
            let mut add = |file: &LogFile, push: &mut dyn FnMut(&mut Self)| {
                let entries = logs.entry(Tail::of(&file.object)).or_default();
                entries.is_in_range |= is_in_range;
                push(entries);
            };
            if let Some(verified) = link.verified {
                verified.log_files().for_each(|file| add(file.entry(), &mut |entries| entries.trusted.push((file, beside))));
                continue;
            }
            let files = link.is_list_read().map(|document: &'f Digest| document.log_files.as_slice()).unwrap_or_default();
            let is_invalid = matches!(link.verdict, Verdict::Invalid(_));
            for file in files {
                add(file, &mut |entries| if is_invalid { &mut entries.invalid } else { &mut entries.unverified }.push((file, beside)));
            }
        }
        logs
    }

    /// Judges one log; `None` where nothing trustworthy says that it should be here, and it is not.
    pub(super) fn judge(&self, tail: &Tail, places: &Places<'f>, is_strict: bool, findings: &mut Vec<Finding>) -> Option<JudgedLog<'f>> {
        let recorded = self.recorded();
        let choice = places.find(tail, &recorded);
        let hashes: BTreeSet<_> = self.trusted.iter().filter_map(|(file, _)| file.entry().sha256).collect();
        if hashes.len() > 1 && self.is_in_range {
            findings.push(Finding::new(FindingKind::ConflictingEntries, Severity::Warning).of_key(tail.as_str()));
        }
        let Some(Choice { file, copies, differing, is_ambiguous }) = choice else {
            let is_due = !self.trusted.is_empty() || !self.unverified.is_empty();
            return is_due.then(|| self.judged(Verdict::Missing(Reason::Listed), None, Vec::new()));
        };
        if self.is_in_range {
            report_copies(tail, is_ambiguous, &differing, findings);
        }
        let (mut verdict, hash_matches) = self.verdict(file);
        let mut judged = JudgedLog { hash_matches, ..self.judged(verdict, Some(file), copies) };
        let is_proven = verdict.is_valid() || matches!(verdict.reason(), Some(Reason::DigestUnverified));
        let is_there = recorded.iter().any(|key| is_at(&file.name, key.bucket, key.object));
        if is_proven && !is_there {
            if is_strict {
                verdict = Verdict::Invalid(Reason::Moved);
            } else {
                judged.notes.push(Note::Relocated);
            }
        }
        if verdict.is_valid() || hash_matches == Some(true) || matches!(verdict.reason(), Some(Reason::DigestUnverified)) {
            judged.notes.extend(file.stored.note());
        }
        judged.notes.sort_unstable();
        judged.verdict = verdict;
        judged.notes.extend((!judged.copies.is_empty()).then_some(Note::Duplicate));
        judged.notes.sort_unstable();
        Some(judged)
    }

    fn judged(&self, verdict: Verdict, file: Option<&'f FoundFile>, copies: Vec<Arc<str>>) -> JudgedLog<'f> {
        JudgedLog { verdict, notes: Vec::new(), hash_matches: None, file, copies, is_in_range: self.is_in_range }
    }

    /// The entries that count: those of the digests that are trusted most.
    fn counted(&self) -> Vec<(&'f LogFile, &'f str)> {
        if !self.trusted.is_empty() {
            self.trusted.iter().map(|(file, beside)| (file.entry(), *beside)).collect()
        } else if self.unverified.is_empty() {
            self.invalid.clone()
        } else {
            self.unverified.clone()
        }
    }

    fn recorded(&self) -> Vec<Recorded<'f>> {
        self.counted().into_iter().map(|(file, beside)| Recorded { bucket: &file.bucket, object: &file.object, beside }).collect()
    }

    /// The verdict on a log that is on disk, and for one that only invalid digests list, whether its hash matches.
    fn verdict(&self, file: &FoundFile) -> (Verdict, Option<bool>) {
        if let Some(reason) = file.stored.unread() {
            return (Verdict::Unverified(reason), None);
        }
        let counted = self.counted();
        let is_equal = file.sha256.is_some() && counted.iter().any(|(entry, _)| entry.is_known_algorithm && entry.sha256 == file.sha256);
        if self.trusted.is_empty() && self.unverified.is_empty() {
            return (Verdict::Unverified(Reason::DigestInvalid), Some(is_equal));
        }
        if !counted.iter().any(|(entry, _)| entry.is_known_algorithm) {
            return (Verdict::Unverified(Reason::BadAlgorithm), None);
        }
        if let Some(reason) = file.stored.fault(is_equal) {
            return (Verdict::Invalid(reason), None);
        }
        let proof = self.trusted.iter().find_map(|(entry, _)| entry.prove(file.sha256));
        let verdict = match proof {
            Some(proof) => Verdict::Valid(proof),
            None if is_equal => Verdict::Unverified(Reason::DigestUnverified),
            None => Verdict::Invalid(Reason::HashMismatch),
        };
        (verdict, None)
    }
}

/// What the digests of one account and region cover, all standard chains together.
#[derive(Debug, Default)]
pub(super) struct RegionCover {
    runs: Spans,
    invalid: Spans,
    unread: Spans,
    gaps: Spans,
    oldest: Option<EventTime>,
    newest: Option<EventTime>,
}

impl RegionCover {
    /// Puts the chains of each account and region together.
    pub(super) fn of(covers: &[Cover]) -> HashMap<(Box<str>, Box<str>), Self> {
        let mut groups: BTreeMap<(Box<str>, Box<str>), Vec<&Cover>> = BTreeMap::new();
        for cover in covers.iter().filter(|cover| !cover.chain.id.backfill) {
            groups.entry((cover.chain.id.account.clone(), cover.chain.id.region.clone())).or_default().push(cover);
        }
        let merge = |covers: Vec<&Cover>| Self {
            runs: Spans::new(covers.iter().flat_map(|cover| &cover.chain.missing_runs).map(|run| (run.from, run.to)).collect()),
            invalid: Spans::new(covers.iter().flat_map(|cover| cover.invalid.iter().copied()).collect()),
            unread: Spans::new(covers.iter().flat_map(|cover| cover.unread.iter().copied()).collect()),
            gaps: Spans::new(covers.iter().flat_map(|cover| &cover.chain.gaps).map(|gap| (gap.from, gap.to)).collect()),
            oldest: covers.iter().filter_map(|cover| cover.oldest).min(),
            newest: covers.iter().filter_map(|cover| cover.newest).max(),
        };
        groups.into_iter().map(|(place, covers)| (place, merge(covers))).collect()
    }

    /// Why no digest lists a log; `None` for `cover` where there is no digest at all.
    pub(super) fn reason(cover: Option<&Self>, key: &LogKey, is_kind_listed: bool) -> Reason {
        let Some(cover) = cover else { return Reason::NoDigests };
        let (from, to) = (key.minute, key.minute.plus_seconds(NAME_SECONDS).unwrap_or(key.minute));
        if cover.runs.meets(from, to) {
            Reason::DigestMissing
        } else if cover.invalid.meets(from, to) {
            Reason::DigestInvalid
        } else if cover.unread.meets(from, to) {
            Reason::DigestUnread
        } else if cover.newest.is_some_and(|newest| to > newest) {
            Reason::AfterLast
        } else if cover.oldest.is_some_and(|oldest| from < oldest) {
            Reason::BeforeFirst
        } else if cover.gaps.meets(from, to) {
            Reason::Gap
        } else if &*key.kind == UNCERTAIN_KIND && !is_kind_listed {
            Reason::KindNotDigested
        } else {
            Reason::NotListed
        }
    }
}

/// The judgement on logs of one tail that no digest lists.
pub(super) fn undigested<'f>(files: &[&'f FoundFile], reason: Reason) -> Option<JudgedLog<'f>> {
    let (file, others) = files.split_first()?;
    let copies = others.iter().map(|other| other.name.clone()).collect();
    let notes = if file.stored == (Stored::Plain { is_json: true }) { vec![Note::NotCompressed] } else { Vec::new() };
    Some(JudgedLog { verdict: Verdict::Undigested(reason), notes, hash_matches: None, file: Some(file), copies, is_in_range: true })
}

/// Whether any digest lists a log of the kind of which it is not known whether it is digested.
pub(super) fn is_uncertain_kind_listed(logs: &BTreeMap<Tail, Entries<'_>>) -> bool {
    let is_of_kind = |tail: &Tail| {
        // Most names need not be taken apart.
        tail.as_str().contains(UNCERTAIN_KIND)
            && matches!(Named::parse(tail.as_str()), Some(Named::Log(key)) if &*key.kind == UNCERTAIN_KIND)
    };
    logs.iter().any(|(tail, entries)| (!entries.trusted.is_empty() || !entries.unverified.is_empty()) && is_of_kind(tail))
}

/// Seconds after a name's minute in which the log was delivered.
const NAME_SECONDS: i64 = 15 * 60;
/// The kind of delivery of which no source says whether digests list it.
const UNCERTAIN_KIND: &str = "CloudTrail-Aggregated";
