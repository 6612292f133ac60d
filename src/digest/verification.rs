//! [`verify`]: all rules over all files, and [`Verification`], the answer.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::answer::Answer;
use super::carrier::Carriers;
use super::chain::{Link, Links};
use super::cover::{AskedRange, Chain, Cover, Gap};
use super::file::FoundFile;
use super::finding::{Finding, FindingKind};
use super::key::{ChainId, Named, Tail, is_flat, tail_of};
use super::logs::{Entries, Entry, JudgedLog, RegionCover, is_uncertain_kind_listed, undigested};
use super::place::{Place, Places, Walk};
use super::public_key::{PublicKeys, TrustedFile};
use super::verdict::{Note, Reason, Severity, Verdict};
use crate::error::Error;
use crate::time::EventTime;

/// What is asked.
#[derive(Debug, Clone, Default)]
pub struct Question {
    /// The time; digests partly in it are in it.
    pub range: AskedRange,
    /// Whether files must lie under the recorded bucket and prefix, as they do in S3 itself.
    pub strict_location: bool,
    /// Accounts that must have digests.
    pub expect_accounts: Vec<String>,
    /// Regions that must have digests.
    pub expect_regions: Vec<String>,
    /// Only these accounts' chains and logs; empty for all.
    pub accounts: Vec<String>,
    /// Only these regions' chains and logs; empty for all.
    pub regions: Vec<String>,
    /// Only these trails' chains, and the logs that they list; empty for all. With this, nothing is said about logs that
    /// no digest lists, as a log's name does not tell its trail.
    pub trails: Vec<String>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// The range that was asked about.
    pub range: AskedRange,
    /// The worst of everything below; [`Severity::overall`] is its name.
    pub worst: Severity,
    /// Every digest and log that is there or due, by tail.
    pub files: BTreeMap<Tail, FileReport>,
    /// What is wrong with chains or the evidence as a whole, the worst first.
    pub findings: Vec<Finding>,
    /// Every chain.
    pub chains: Vec<Chain>,
    /// How many digests ended how.
    pub digests: DigestCounts,
    /// Digests that only a signature from S3 could prove.
    pub unsigned_heads: Vec<UnsignedHead>,
    /// Keys that are not in the key files.
    pub missing_keys: Vec<MissingKey>,
    /// What there is, by account, region and trail.
    pub coverage: Vec<CoverageRow>,
    /// The key files that all rests on.
    pub trust: Vec<TrustedFile>,
    /// Files whose names are in none of AWS's forms, so that they have no part in this.
    pub ignored: u64,
}

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileReport {
    /// What it is.
    pub kind: FileKind,
    /// What is known of it.
    pub verdict: Verdict,
    /// What else is worth knowing, in order.
    pub notes: Vec<Note>,
    /// For a log that only invalid digests list: whether its content is the one listed.
    pub hash_matches: Option<bool>,
    /// Its name on disk, as [`FoundFile::name`] has it; `None` where it is missing.
    pub object: Option<Arc<str>>,
    /// The names of other files with this content and tail, to which the same applies.
    pub copies: Vec<Arc<str>>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// A standard digest.
    Digest,
    /// A backfill digest.
    Backfill,
    /// A log.
    Log,
}

impl FileKind {
    /// The name that JSON shows.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Backfill => "backfill",
            Self::Log => "log",
        }
    }

    pub(super) const fn of_digest(is_backfill: bool) -> Self {
        if is_backfill { Self::Backfill } else { Self::Digest }
    }
}

/// How many digests, standard and backfill, ended how. `due = valid + invalid + missing + unverified`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DigestCounts {
    /// On disk in the range, or named and missing.
    pub due: u64,
    /// Proven.
    pub valid: u64,
    /// Changed, damaged or moved.
    pub invalid: u64,
    /// Named and not there.
    pub missing: u64,
    /// Not checked.
    pub unverified: u64,
}

/// A digest that only a signature from S3 could prove.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnsignedHead {
    /// Its bucket, as it records it.
    pub bucket: Arc<str>,
    /// Its key, as it records it.
    pub object: Box<str>,
    /// The region whose logs it lists.
    pub region: Box<str>,
}

/// A public key that digests were signed with and that no key file has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingKey {
    /// Its fingerprint, as the digests state it.
    pub fingerprint: Box<str>,
    /// The region to ask.
    pub region: Box<str>,
    /// The start of the first digest that needs it.
    pub from: EventTime,
    /// The end of the last one.
    pub to: EventTime,
}

/// What there is of one account, region and trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverageRow {
    /// The account.
    pub account: Box<str>,
    /// The region.
    pub region: Box<str>,
    /// The trail; `None` for logs that no digest lists.
    pub trail: Option<Box<str>>,
    /// Digests on disk in the range.
    pub digests: u64,
    /// Logs on disk in the range: those that these digests list, or that none does.
    pub logs: u64,
    /// The start of the first digest, or the minute of the first log.
    pub first: EventTime,
    /// The end of the last digest, or the minute of the last log.
    pub last: EventTime,
}

/// Proves `files` by their digest chains.
///
/// `files` are all that a reader found under the names that [`Named`] knows, in any order; others are counted and
/// ignored. `shows_stop` is asked, for each [`Gap`], whether the trail's own logs say so: whether a `StopLogging`,
/// `DeleteTrail` or `UpdateTrail` event of the gap's trail is in the objects of those names, all of them as listed.
///
/// The answer follows from the arguments alone: neither the order of the files nor the number of threads shows in it.
/// RSA is done on the threads of the current rayon pool, at most 24 times a digest.
///
/// # Errors
/// [`Error::Ledger`] where the counts do not add up, which is a defect of this module.
pub fn verify(
    files: &[FoundFile],
    carriers: &Carriers,
    keys: &PublicKeys,
    question: &Question,
    shows_stop: &mut dyn FnMut(&Gap, &[Arc<str>]) -> bool,
) -> Result<Verification, Error> {
    let sorted = Sorted::new(files);
    let mut findings = keys.findings();
    let mut links = Links::gather(&sorted.digests, &mut findings);
    let is_asked = |link: &Link<'_>| question.has_chain(&link.key.chain);
    let checked = links.judge(carriers, keys, question.strict_location, is_asked);
    let entries = Entry::gather(&links, question.range, is_asked);
    let mut walk = Walk::default();
    let judged: Vec<JudgedLog<'_>> =
        Entries::groups(&entries).filter_map(|log| log.judge(&sorted.places, &mut walk, question.strict_location, &mut findings)).collect();
    let mut covers = covers(&links, question);
    for cover in &mut covers {
        settle_gaps(cover, &links, &judged, shows_stop);
    }
    let rest = undigested_logs(&sorted.places, &entries, &judged, &covers, question);
    let mut answer = Answer::new(question, Verification::empty(question, keys, sorted.ignored), findings);
    answer.add_digests(&links, &checked, &covers);
    answer.suspect_other_trail(&judged, &rest, &sorted.places);
    answer.add_coverage(&links, &entries, &judged, &rest);
    answer.add_logs(judged.into_iter().filter(|log| log.is_in_range).chain(rest));
    answer.expect(&links);
    answer.finish(covers)
}

impl Question {
    pub(super) fn has_chain(&self, chain: &ChainId) -> bool {
        self.has_place(&chain.account, &chain.region) && holds(&self.trails, &chain.trail)
    }

    fn has_place(&self, account: &str, region: &str) -> bool {
        holds(&self.accounts, account) && holds(&self.regions, region)
    }
}

impl Verification {
    fn empty(question: &Question, keys: &PublicKeys, ignored: u64) -> Self {
        Self {
            range: question.range,
            worst: Severity::Info,
            files: BTreeMap::new(),
            findings: Vec::new(),
            chains: Vec::new(),
            digests: DigestCounts::default(),
            unsigned_heads: Vec::new(),
            missing_keys: Vec::new(),
            coverage: Vec::new(),
            trust: keys.files().to_vec(),
            ignored,
        }
    }

    /// Whether more than half of the files are `moved`, which is the mark of evidence that was copied and is asked about
    /// with [`Question::strict_location`]. A digest that was moved lists nothing, so logs that none lists are not counted.
    pub fn is_mostly_moved(&self) -> bool {
        let moved = self.files.values().filter(|report| report.verdict.reason() == Some(Reason::Moved)).count();
        let listed = self.files.values().filter(|report| !matches!(report.verdict, Verdict::Undigested(_))).count();
        moved * 2 > listed
    }
}

/// The files by what they are.
struct Sorted<'f> {
    /// In the order of their names.
    digests: Vec<&'f FoundFile>,
    places: Places<'f>,
    ignored: u64,
}

impl<'f> Sorted<'f> {
    fn new(files: &'f [FoundFile]) -> Self {
        let mut by_name: Vec<&FoundFile> = files.iter().collect();
        by_name.sort_by(|a, b| a.name.cmp(&b.name));
        let (mut digests, mut logs, mut ignored) = (Vec::new(), Vec::with_capacity(files.len()), 0);
        for file in by_name {
            match Named::parse(&file.name) {
                Some(Named::Digest(_)) => digests.push(file),
                Some(Named::Log(key)) => logs.push((file, key)),
                None => ignored += 1,
            }
        }
        Self { digests, places: Places::new(logs), ignored }
    }
}

/// Every chain that is asked about, by its identity.
fn covers(links: &Links<'_>, question: &Question) -> Vec<Cover> {
    let mut chains: BTreeMap<&ChainId, Vec<&Link<'_>>> = BTreeMap::new();
    for link in links.all.iter().filter(|link| question.has_chain(&link.key.chain)) {
        chains.entry(&link.key.chain).or_default().push(link);
    }
    chains.into_iter().map(|(id, members)| Cover::of(id, &members, links, question.range)).collect()
}

/// Asks whether each gap's stop is in the logs, and makes a finding of it.
fn settle_gaps(cover: &mut Cover, links: &Links<'_>, judged: &[JudgedLog<'_>], shows_stop: &mut dyn FnMut(&Gap, &[Arc<str>]) -> bool) {
    for gap in &mut cover.chain.gaps {
        let last = links.find(&gap.last_digest).and_then(|link| link.document);
        let valid = |object: &str| {
            let place = judged.binary_search_by(|log| (*log.tail).cmp(&*tail_of(object))).ok()?;
            let log = judged.get(place).filter(|log| tells_of_stops(log.verdict))?;
            log.file.map(|file| file.name.clone())
        };
        let logs: Vec<Arc<str>> = last.into_iter().flat_map(|digest| &digest.log_files).filter_map(|entry| valid(&entry.object)).collect();
        if !logs.is_empty() && shows_stop(gap, &logs) {
            gap.severity = Severity::Info;
        }
        cover.findings.push(Finding::new(FindingKind::Gap, gap.severity).span(gap.from, gap.to).of_chain(&gap.chain));
    }
}

/// Whether a log's word about a stop counts: it is as its digest lists it. Where that digest could not be checked it says
/// so itself, and the answer is no better for a gap that is explained.
const fn tells_of_stops(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Valid(_) | Verdict::Unverified(Reason::DigestUnverified))
}

/// The logs on disk that no digest lists, in the range, with the reason, by tail.
fn undigested_logs<'f>(
    places: &Places<'f>,
    entries: &[Entry<'f>],
    judged: &[JudgedLog<'f>],
    covers: &[Cover],
    question: &Question,
) -> Vec<JudgedLog<'f>> {
    if !question.trails.is_empty() {
        return Vec::new();
    }
    let by_region = RegionCover::of(covers);
    let is_kind_listed = is_uncertain_kind_listed(entries);
    // A flat file has no tail in common with the key that it stands for.
    let names = judged.iter().flat_map(|log| log.file.iter().map(|file| &*file.name).chain(log.copies.iter().map(|copy| &**copy)));
    let taken: HashSet<&str> = names.filter(|name| places.has_flat && is_flat(&tail_of(name))).collect();
    let mut rest = Vec::new();
    let mut listed = Entries::groups(entries).map(Entries::tail).peekable();
    for group in places.all.chunk_by(|a, b| a.tail == b.tail) {
        let tail = group.first().map(|place| &*place.tail).unwrap_or_default();
        while listed.next_if(|listed| *listed < tail).is_some() {}
        if listed.peek().is_some_and(|listed| *listed == tail) {
            continue;
        }
        let is_left = |place: &&Place<'f>| {
            !taken.contains(&*place.file.name)
                && question.has_place(&place.key.account, &place.key.region)
                && question.range.has(place.key.minute)
        };
        let left: Vec<&Place<'f>> = group.iter().filter(is_left).collect();
        let Some(first) = left.first() else { continue };
        let cover = by_region.get(&(first.key.account.clone(), first.key.region.clone()));
        rest.extend(undigested(&left, RegionCover::reason(cover, &first.key, is_kind_listed)));
    }
    rest
}

fn holds(filter: &[String], value: &str) -> bool {
    filter.is_empty() || filter.iter().any(|wanted| wanted == value)
}
