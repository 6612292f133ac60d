//! Digests as links of chains, and section 7.1: which of them `CloudTrail` signed.
//!
//! [`Verified`] is made here and nowhere else, so whatever calls something valid has passed these rules.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use rayon::prelude::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::carrier::{Carriers, Signature};
use super::document::{Digest, LogFile};
use super::file::{FoundFile, Stored};
use super::finding::{Finding, FindingKind};
use super::key::{DigestKey, Named, Tail};
use super::place::{Choice, choose, is_at};
use super::public_key::{Known, PublicKeys};
use super::verdict::{Evidence, Note, Reason, Severity, Verdict};
use crate::source::Sha256;
use crate::time::EventTime;

/// Something that `CloudTrail` signed: a digest whose signature, or whose hash in a later signed digest, was checked,
/// or an entry of such a digest.
#[derive(Debug, Clone, Copy)]
pub struct Verified<T> {
    what: T,
    evidence: Evidence,
}

/// That a file's content is what [`Verified`] says; only that can make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    evidence: Option<Evidence>,
}

impl Proof {
    /// What a digest's proof rests on; `None` for a log's.
    pub const fn evidence(self) -> Option<Evidence> {
        self.evidence
    }
}

impl<'d> Verified<&'d Digest> {
    /// The digest.
    pub const fn digest(&self) -> &'d Digest {
        self.what
    }

    /// That this digest is valid.
    pub const fn proof(&self) -> Proof {
        Proof { evidence: Some(self.evidence) }
    }

    /// The logs that it lists.
    pub(super) fn log_files(self) -> impl Iterator<Item = Verified<&'d LogFile>> {
        self.what.log_files.iter().map(move |what| Verified { what, evidence: self.evidence })
    }
}

impl<'d> Verified<&'d LogFile> {
    /// The entry.
    pub(super) const fn entry(&self) -> &'d LogFile {
        self.what
    }

    /// That a content with that hash is the one listed, where it is.
    pub(super) fn prove(&self, content: Option<Sha256>) -> Option<Proof> {
        (self.what.is_known_algorithm && content.is_some() && self.what.sha256 == content).then_some(Proof { evidence: None })
    }
}

/// A digest on disk.
#[derive(Debug)]
pub(super) struct Link<'f> {
    pub(super) file: &'f FoundFile,
    pub(super) tail: Tail,
    pub(super) key: DigestKey,
    pub(super) copies: Vec<Arc<str>>,
    /// What it says, where it could be read.
    pub(super) document: Option<&'f Digest>,
    pub(super) verdict: Verdict,
    pub(super) verified: Option<Verified<&'f Digest>>,
    pub(super) notes: Vec<Note>,
}

impl<'f> Link<'f> {
    /// Its window; for one that could not be read, the hour before the time in its key.
    pub(super) fn window(&self) -> (EventTime, EventTime) {
        self.document.map_or_else(|| self.key_window(), |document| (document.start, document.end))
    }

    /// The hour before the time in its key.
    pub(super) fn key_window(&self) -> (EventTime, EventTime) {
        (self.key.time.plus_seconds(-HOUR).unwrap_or(self.key.time), self.key.time)
    }

    /// Whether it counts as one of its chain: valid or unverified, and read.
    pub(super) fn is_usable(&self) -> Option<&'f Digest> {
        self.document.filter(|_| matches!(self.verdict, Verdict::Valid(_) | Verdict::Unverified(_)))
    }

    /// Whether it lies where another digest may have been.
    pub(super) fn is_moved(&self) -> bool {
        self.verdict.reason() == Some(Reason::Moved)
    }

    /// Whether its list of logs may be read: it passed the rules 1 to 4.
    pub(super) fn is_list_read(&self) -> Option<&'f Digest> {
        let passed = match self.verdict {
            Verdict::Invalid(reason) => {
                matches!(reason, Reason::BadAlgorithm | Reason::ContentMismatch | Reason::SignatureMismatch)
            }
            _ => true,
        };
        self.document.filter(|_| passed)
    }

    /// The tail of the digest that it names as the one before it.
    pub(super) fn previous_tail(&self) -> Option<Tail> {
        self.document?.previous.as_ref().map(|previous| Tail::of(&previous.object))
    }
}

/// All digests on disk, each tail once, by tail.
#[derive(Debug, Default)]
pub(super) struct Links<'f> {
    pub(super) all: Vec<Link<'f>>,
    /// The place in `all` of each tail.
    by_tail: HashMap<Tail, usize>,
    /// The places of the digests that name that tail as the one before them.
    successors: HashMap<Tail, Vec<usize>>,
}

impl<'f> Links<'f> {
    /// Finds out which digests there are. `files` are in the order of their names.
    pub(super) fn gather(files: &[&'f FoundFile], findings: &mut Vec<Finding>) -> Self {
        let mut named: HashMap<Tail, Tail> = HashMap::new();
        for previous in files.iter().filter_map(|file| readable(file)?.previous.as_ref()) {
            let tail = Tail::of(&previous.object);
            named.entry(Tail::of(tail.name())).or_insert(tail);
        }
        let mut groups: BTreeMap<Tail, Vec<&'f FoundFile>> = BTreeMap::new();
        for file in files {
            groups.entry(place_of(file, &named)).or_default().push(file);
        }
        let mut links = Self::default();
        for (tail, group) in groups {
            let choice = choose(&group, |file, step| {
                readable(file).is_some_and(|document| match step {
                    0 => is_at(&file.name, &document.bucket, &document.object),
                    _ => super::key::ends_in(&file.name, &document.object),
                })
            });
            if let Some(choice) = choice {
                links.add(tail, choice, findings);
            }
        }
        links
    }

    fn add(&mut self, tail: Tail, choice: Choice<'f>, findings: &mut Vec<Finding>) {
        let Choice { file, copies, differing, is_ambiguous } = choice;
        // A flat file's folders, and with them the organization, are known from its document only.
        let key = Named::parse(tail.as_str()).or_else(|| Named::parse(&file.name));
        let Some(Named::Digest(key)) = key else { return };
        report_copies(tail.as_str(), is_ambiguous, &differing, findings);
        let notes = if copies.is_empty() { Vec::new() } else { vec![Note::Duplicate] };
        let place = self.all.len();
        let link = Link { file, tail, key, copies, document: readable(file), verdict: UNJUDGED, verified: None, notes };
        if let Some(previous) = link.previous_tail() {
            self.successors.entry(previous).or_default().push(place);
        }
        self.by_tail.insert(link.tail.clone(), place);
        self.all.push(link);
    }

    /// The digest of that tail.
    pub(super) fn find(&self, tail: &Tail) -> Option<&Link<'f>> {
        self.by_tail.get(tail).and_then(|place| self.all.get(*place))
    }

    /// Judges every digest that `is_asked`; the rest stays unjudged.
    pub(super) fn judge(
        &mut self,
        carriers: &Carriers,
        keys: &PublicKeys,
        is_strict: bool,
        is_asked: impl Fn(&Link<'_>) -> bool + Sync,
    ) -> Vec<Checked> {
        let checked: Vec<Option<Checked>> =
            self.all.par_iter().map(|link| is_asked(link).then(|| self.check(link, carriers, keys, is_strict))).collect();
        // From the newest to the oldest: whatever names a digest is judged before it. A digest that names one with a
        // later key is not genuine, and is never asked.
        let mut order: Vec<usize> = (0..self.all.len()).collect();
        order.sort_by_key(|place| self.all.get(*place).map(|link| std::cmp::Reverse((link.key.time, link.tail.clone()))));
        for place in order {
            let Some(checked) = checked.get(place).and_then(Option::as_ref) else { continue };
            let Some(link) = self.all.get(place) else { continue };
            let trusted = self.trusted_word(link);
            let (verdict, verified) = conclude(link, checked, trusted);
            if let Some(link) = self.all.get_mut(place) {
                link.notes.extend(checked.notes.iter().copied());
                link.notes.extend(link.file.stored.note().filter(|_| !matches!(verdict, Verdict::Invalid(_))));
                link.notes.sort_unstable();
                (link.verdict, link.verified) = (verdict, verified);
            }
        }
        checked.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// What valid later digests say about a digest's hash.
    fn trusted_word(&self, link: &Link<'_>) -> Word {
        let hash = link.document.map(|document| document.sha256);
        let stated = self.successors_of(link).filter(|successor| successor.verified.is_some());
        let mut word = Word::Silent;
        for stated in stated.filter_map(|successor| successor.document?.previous.as_ref()?.sha256) {
            if Some(stated) != hash {
                return Word::Differs;
            }
            word = Word::Equals;
        }
        word
    }

    fn successors_of(&self, link: &Link<'_>) -> impl Iterator<Item = &Link<'f>> {
        let places = self.successors.get(&link.tail).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.all.get(*place)).filter(move |successor| successor.tail != link.tail)
    }

    /// All that can be found out about one digest by itself and by RSA.
    fn check(&self, link: &Link<'_>, carriers: &Carriers, keys: &PublicKeys, is_strict: bool) -> Checked {
        let own: Vec<&Signature> = carriers.of(&link.file.name, &link.tail).collect();
        let mut checked = Checked { fault: structural_fault(link, &own, is_strict), has_own: !own.is_empty(), ..Checked::default() };
        let Some(document) = link.document.filter(|_| checked.fault.is_none()) else { return checked };
        if !is_at(&link.file.name, &document.bucket, &document.object) {
            checked.notes.push(Note::Relocated);
        }
        if link.key.chain.backfill && !own.is_empty() && !own.iter().any(|signature| signature.has_generation_timestamp) {
            checked.notes.push(Note::NoGenerationTimestamp);
        }
        let known = match keys.of(&document.fingerprint) {
            Known::Keys(known) => known,
            Known::Bad => {
                checked.notes.push(Note::BadKey);
                return checked;
            }
            Known::Nothing => return checked,
        };
        checked.is_key_known = true;
        if !known.iter().any(|key| key.is_valid_at(document.end)) {
            checked.notes.push(Note::KeyOutsideValidity);
        }
        let text = document.signed_text();
        let fits =
            |signature: &Signature| signature.bytes.as_ref().is_some_and(|bytes| known.iter().any(|key| key.has_signed(&text, bytes)));
        checked.is_own_good = own.iter().any(|signature| signature.is_known_algorithm && fits(signature));
        checked.is_successor_good = !checked.is_own_good && self.repeated_signatures(link).iter().any(fits);
        checked
    }

    /// The signatures of a digest that others repeat, those nearest in time first.
    fn repeated_signatures(&self, link: &Link<'_>) -> Vec<Signature> {
        let distance = |other: &Link<'_>| (other.key.time < link.key.time, other.key.time.micros().abs_diff(link.key.time.micros()));
        let mut successors: Vec<_> = self.successors_of(link).collect();
        successors.sort_by(|a, b| (distance(a), &a.tail).cmp(&(distance(b), &b.tail)));
        let mut texts: Vec<&str> = Vec::new();
        for text in successors.iter().filter_map(|successor| successor.document?.previous_signature.as_deref()) {
            if texts.len() < REPEATED_SIGNATURES && !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts.into_iter().map(|text| Signature::new(text, None, false)).collect()
    }
}

/// What was found out about one digest before its place in the chain is looked at.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is one condition of the table of rules")]
pub(super) struct Checked {
    /// What the rules 1 to 5 say.
    fault: Option<Fault>,
    /// Whether there is a signature beside it.
    pub(super) has_own: bool,
    is_own_good: bool,
    is_successor_good: bool,
    is_key_known: bool,
    notes: Vec<Note>,
}

#[derive(Debug, Clone, Copy)]
enum Fault {
    Invalid(Reason),
    Unread(Reason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    Silent,
    Equals,
    Differs,
}

/// Adds what is to be said about files that stand for one tail beside the one that was taken.
pub(super) fn report_copies(tail: &str, is_ambiguous: bool, differing: &[Arc<str>], findings: &mut Vec<Finding>) {
    if is_ambiguous {
        findings.push(Finding::new(FindingKind::AmbiguousPlace, Severity::Error).of_key(tail));
    } else if !differing.is_empty() {
        findings.push(Finding::new(FindingKind::DifferingCopy, Severity::Warning).of_key(tail));
    }
}

/// The document, where the way in which it is stored lets it be read.
fn readable(file: &FoundFile) -> Option<&Digest> {
    let is_read = !matches!(file.stored, Stored::Trailing | Stored::Empty | Stored::Unreadable(_) | Stored::OverLimit);
    file.document.as_ref()?.as_ref().ok().filter(|_| is_read).map(AsRef::as_ref)
}

/// The tail under which a digest counts: that of its path or, in a flat download, that of its own or another's record.
fn place_of(file: &FoundFile, named: &HashMap<Tail, Tail>) -> Tail {
    let tail = Tail::of(&file.name);
    if !tail.is_flat() {
        return tail;
    }
    let own = readable(file).map(|document| Tail::of(&document.object)).filter(|own| own.name() == tail.as_str());
    own.or_else(|| named.get(&tail).cloned()).unwrap_or(tail)
}

/// The rules 1 to 5.
fn structural_fault(link: &Link<'_>, own: &[&Signature], is_strict: bool) -> Option<Fault> {
    let stored = &link.file.stored;
    if let Some(reason) = stored.unread() {
        return Some(Fault::Unread(reason));
    }
    let Some(document) = link.document else {
        let parsed =
            link.file.document.as_ref().map_or(Reason::BadJson, |parsed| parsed.as_ref().err().copied().unwrap_or(Reason::BadJson));
        return Some(match (parsed, stored.fault(false)) {
            (Reason::OverLimit, _) => Fault::Unread(Reason::OverLimit),
            (reason, stored_fault) => Fault::Invalid(stored_fault.unwrap_or(reason)),
        });
    };
    if Tail::of(&document.object) != link.tail || is_strict && !is_at(&link.file.name, &document.bucket, &document.object) {
        return Some(Fault::Invalid(Reason::Moved));
    }
    let is_other_algorithm = !own.is_empty() && !own.iter().any(|signature| signature.is_known_algorithm);
    (!document.is_known_algorithm || is_other_algorithm).then_some(Fault::Invalid(Reason::BadAlgorithm))
}

/// The rules 6 to 12.
fn conclude<'f>(link: &Link<'f>, checked: &Checked, trusted: Word) -> (Verdict, Option<Verified<&'f Digest>>) {
    let Some(document) = link.document.filter(|_| checked.fault.is_none()) else {
        return match checked.fault {
            Some(Fault::Unread(reason)) => (Verdict::Unverified(reason), None),
            Some(Fault::Invalid(reason)) => (Verdict::Invalid(reason), None),
            None => (UNJUDGED, None),
        };
    };
    let evidence = if checked.is_own_good {
        Some(Evidence::Signature)
    } else if checked.is_successor_good {
        Some(Evidence::SuccessorSignature)
    } else if !checked.is_key_known && trusted == Word::Equals {
        Some(Evidence::SuccessorHash)
    } else {
        None
    };
    let evidence = evidence.filter(|_| trusted != Word::Differs);
    if let Some(reason) = link.file.stored.fault(evidence.is_some()) {
        // A document that is merely not packed is one that could be read. Where nothing is there to check it by, it is
        // not known to be wrong.
        let is_uncheckable = trusted != Word::Differs && !(checked.is_key_known && checked.has_own);
        if !(matches!(link.file.stored, Stored::Plain { .. }) && is_uncheckable) {
            return (Verdict::Invalid(reason), None);
        }
    }
    if let Some(evidence) = evidence {
        let verified = Verified { what: document, evidence };
        return (Verdict::Valid(verified.proof()), Some(verified));
    }
    let verdict = match (trusted, checked.is_key_known, checked.has_own) {
        (Word::Differs, _, _) => Verdict::Invalid(Reason::ContentMismatch),
        (_, true, true) => Verdict::Invalid(Reason::SignatureMismatch),
        (_, true, false) => Verdict::Unverified(Reason::NoSignature),
        (_, false, _) => Verdict::Unverified(Reason::NoKey),
    };
    (verdict, None)
}

/// What a digest is before it is judged; none that was asked about stays so.
const UNJUDGED: Verdict = Verdict::Unverified(Reason::DigestUnverified);
/// Seconds of a digest's window.
pub(super) const HOUR: i64 = 3_600;
/// Repeated signatures of one digest that are tried, those of the nearest digests. One digest names another, so more
/// than one are made up; each costs an RSA verification.
const REPEATED_SIGNATURES: usize = 16;
