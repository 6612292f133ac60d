//! Section 7.2: logs against the digests that list them, and section 6 for where they lie.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::chain::{Link, Links, Proof, Verified, report_copies};
use super::cover::{AskedRange, Cover, Spans};
use super::document::{Digest, LogFile};
use super::file::{FoundFile, Stored};
use super::finding::{Finding, FindingKind};
use super::key::{LogKey, Named, tail_of};
use super::place::{Choice, Place, Places, Recorded, Walk, is_at};
use super::verdict::{Note, Reason, Severity, Verdict};
use crate::source::Sha256;
use crate::time::EventTime;

/// What was found out about one log.
#[derive(Debug)]
pub(super) struct JudgedLog<'f> {
    pub(super) tail: Cow<'f, str>,
    pub(super) verdict: Verdict,
    pub(super) notes: Vec<Note>,
    /// Whether the content is the one that an invalid digest lists.
    pub(super) hash_matches: Option<bool>,
    pub(super) file: Option<&'f FoundFile>,
    pub(super) copies: Vec<Arc<str>>,
    /// Whether a digest in the asked range lists it.
    pub(super) is_in_range: bool,
}

/// An entry of a digest's list of logs.
#[derive(Debug)]
pub(super) struct Entry<'f> {
    /// The tail of the log.
    pub(super) tail: Cow<'f, str>,
    /// The place of its digest in [`Links::all`].
    pub(super) link: usize,
    file: &'f LogFile,
    beside: &'f str,
    trust: Trust<'f>,
    is_in_range: bool,
}

/// How far the digest of an entry is trusted.
#[derive(Debug, Clone, Copy)]
enum Trust<'f> {
    Verified(Verified<&'f LogFile>),
    Unverified,
    Invalid,
}

impl<'f> Entry<'f> {
    /// Every entry of the digests that `is_asked`, by the tail of the log and then in the order of the digests.
    pub(super) fn gather(links: &Links<'f>, range: AskedRange, is_asked: impl Fn(&Link<'_>) -> bool) -> Vec<Self> {
        let mut entries = Vec::new();
        for (place, link) in links.all.iter().enumerate().filter(|(_, link)| is_asked(link)) {
            let is_in_range = range.has_window(link.window());
            let beside: &'f str = &link.file.name;
            let entry = |file: &'f LogFile, trust| Self { tail: tail_of(&file.object), link: place, file, beside, trust, is_in_range };
            if let Some(verified) = link.verified {
                entries.extend(verified.log_files().map(|file| entry(file.entry(), Trust::Verified(file))));
                continue;
            }
            let files = link.is_list_read().map(|document: &'f Digest| document.log_files.as_slice()).unwrap_or_default();
            let trust = if matches!(link.verdict, Verdict::Invalid(_)) { Trust::Invalid } else { Trust::Unverified };
            entries.extend(files.iter().map(|file| entry(file, trust)));
        }
        entries.sort_by(|a, b| a.tail.cmp(&b.tail));
        entries
    }

    /// How little its word counts.
    const fn rank(&self) -> u8 {
        match self.trust {
            Trust::Verified(_) => 0,
            Trust::Unverified => 1,
            Trust::Invalid => 2,
        }
    }

    fn recorded(&self) -> Recorded<'f> {
        Recorded { bucket: &self.file.bucket, object: &self.file.object, beside: self.beside }
    }

    fn proof(&self, content: Option<Sha256>) -> Option<Proof> {
        if let Trust::Verified(file) = self.trust { file.prove(content) } else { None }
    }
}

/// All entries that name one log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entries<'e, 'f> {
    all: &'e [Entry<'f>],
    /// The rank of those that count: those whose digests are trusted most.
    rank: u8,
}

impl<'e, 'f> Entries<'e, 'f> {
    /// The entries of each log, in the order of the tails.
    pub(super) fn groups(entries: &'e [Entry<'f>]) -> impl Iterator<Item = Self> {
        let group = |all: &'e [Entry<'f>]| Self { all, rank: all.iter().map(Entry::rank).min().unwrap_or_default() };
        entries.chunk_by(|a, b| a.tail == b.tail).map(group)
    }

    /// Judges the log, in the order of the tails; `None` where nothing trustworthy says that it should be here, and it is
    /// not.
    pub(super) fn judge(self, places: &Places<'f>, walk: &mut Walk, is_strict: bool, findings: &mut Vec<Finding>) -> Option<JudgedLog<'f>> {
        let tail = self.tail();
        let is_in_range = self.all.iter().any(|entry| entry.is_in_range);
        if is_in_range && self.is_conflicting() {
            findings.push(Finding::new(FindingKind::ConflictingEntries, Severity::Warning).of_key(tail));
        }
        let mut judged = JudgedLog {
            tail: self.all.first().map(|entry| entry.tail.clone()).unwrap_or_default(),
            verdict: Verdict::Missing(Reason::Listed),
            notes: Vec::new(),
            hash_matches: None,
            file: None,
            copies: Vec::new(),
            is_in_range,
        };
        let mut recorded = self.counted().map(Entry::recorded);
        let Some(Choice { file, copies, differing, is_ambiguous }) = places.find(tail, places.of(tail, walk), &recorded) else {
            return self.is_due().then_some(judged);
        };
        if is_in_range {
            report_copies(tail, is_ambiguous, &differing, findings);
        }
        (judged.file, judged.copies) = (Some(file), copies);
        (judged.verdict, judged.hash_matches) = self.verdict(file);
        let is_as_listed = judged.verdict.is_valid() || judged.verdict.reason() == Some(Reason::DigestUnverified);
        if is_as_listed && !recorded.any(|key| is_at(&file.name, key.bucket, key.object)) {
            if is_strict {
                judged.verdict = Verdict::Invalid(Reason::Moved);
            } else {
                judged.notes.push(Note::Relocated);
            }
        }
        if (is_as_listed && judged.verdict.reason() != Some(Reason::Moved)) || judged.hash_matches == Some(true) {
            judged.notes.extend(file.stored.note());
        }
        judged.notes.extend((!judged.copies.is_empty()).then_some(Note::Duplicate));
        judged.notes.sort_unstable();
        Some(judged)
    }

    pub(super) fn tail(self) -> &'e str {
        self.all.first().map(|entry| &*entry.tail).unwrap_or_default()
    }

    /// Whether a digest that may be genuine lists the log.
    const fn is_due(self) -> bool {
        self.rank < 2
    }

    /// The entries that count.
    fn counted(self) -> impl Iterator<Item = &'e Entry<'f>> + Clone {
        self.all.iter().filter(move |entry| entry.rank() == self.rank)
    }

    /// Whether verified digests list it with more than one hash.
    fn is_conflicting(self) -> bool {
        let mut hashes = self.all.iter().filter(|entry| entry.rank() == 0).filter_map(|entry| entry.file.sha256);
        let first = hashes.next();
        hashes.any(|hash| Some(hash) != first)
    }

    /// The verdict on a log that is on disk, and for one that only invalid digests list, whether its hash matches.
    fn verdict(self, file: &FoundFile) -> (Verdict, Option<bool>) {
        if let Some(reason) = file.stored.unread() {
            return (Verdict::Unverified(reason), None);
        }
        let is_equal = |entry: &Entry<'_>| entry.file.is_known_algorithm && file.sha256.is_some() && entry.file.sha256 == file.sha256;
        let is_equal = self.counted().any(is_equal);
        if !self.is_due() {
            return (Verdict::Unverified(Reason::DigestInvalid), Some(is_equal));
        }
        if !self.counted().any(|entry| entry.file.is_known_algorithm) {
            return (Verdict::Unverified(Reason::BadAlgorithm), None);
        }
        if let Some(reason) = file.stored.fault(is_equal) {
            return (Verdict::Invalid(reason), None);
        }
        let verdict = match self.all.iter().find_map(|entry| entry.proof(file.sha256)) {
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
pub(super) fn undigested<'f>(places: &[&Place<'f>], reason: Reason) -> Option<JudgedLog<'f>> {
    let (place, others) = places.split_first()?;
    let copies = others.iter().map(|other| other.file.name.clone()).collect();
    let notes = if place.file.stored == (Stored::Plain { is_json: true }) { vec![Note::NotCompressed] } else { Vec::new() };
    let (tail, verdict) = (place.tail.clone(), Verdict::Undigested(reason));
    Some(JudgedLog { tail, verdict, notes, hash_matches: None, file: Some(place.file), copies, is_in_range: true })
}

/// Whether any digest lists a log of the kind of which it is not known whether it is digested.
pub(super) fn is_uncertain_kind_listed(entries: &[Entry<'_>]) -> bool {
    let is_of_kind = |tail: &str| {
        // Most names need not be taken apart.
        tail.contains(UNCERTAIN_KIND) && matches!(Named::parse(tail), Some(Named::Log(key)) if &*key.kind == UNCERTAIN_KIND)
    };
    entries.iter().any(|entry| entry.rank() < 2 && is_of_kind(&entry.tail))
}

/// Seconds after a name's minute in which the log was delivered.
const NAME_SECONDS: i64 = 15 * 60;
/// The kind of delivery of which no source says whether digests list it.
const UNCERTAIN_KIND: &str = "CloudTrail-Aggregated";
