//! [`Answer`]: puts what was found out about digests and logs together into a [`Verification`].

use std::collections::{BTreeMap, HashMap, HashSet};

use super::chain::{Checked, Link, Links};
use super::cover::Cover;
use super::finding::{Finding, FindingKind};
use super::key::{ChainId, Named, Tail};
use super::logs::{Entry, JudgedLog};
use super::place::{Places, Walk};
use super::verdict::{Evidence, Reason, Severity, Verdict};
use super::verification::{CoverageRow, DigestCounts, FileKind, FileReport, MissingKey, Question, UnsignedHead, Verification};
use crate::error::Error;
use crate::time::EventTime;

/// The answer while it is put together.
pub(super) struct Answer<'q> {
    question: &'q Question,
    verification: Verification,
    findings: Vec<Finding>,
    /// What becomes [`Verification::files`]; of two with one tail the first counts.
    files: Vec<(Tail, FileReport)>,
}

impl<'q> Answer<'q> {
    pub(super) const fn new(question: &'q Question, verification: Verification, findings: Vec<Finding>) -> Self {
        Self { question, verification, findings, files: Vec::new() }
    }

    pub(super) fn add_digests(&mut self, links: &Links<'_>, checked: &[Checked], covers: &[Cover]) {
        let mut missing_keys: BTreeMap<(Box<str>, Box<str>), (EventTime, EventTime)> = BTreeMap::new();
        for (link, checked) in links.all.iter().zip(checked) {
            if !self.question.has_chain(&link.key.chain) || !self.question.range.has_window(link.window()) {
                continue;
            }
            self.add_digest(link, checked);
            let evidence = link.verdict.evidence();
            let lacks_key = link.verdict.reason() == Some(Reason::NoKey) || evidence == Some(Evidence::SuccessorHash);
            if let Some(document) = link.document.filter(|_| lacks_key) {
                let key = (document.fingerprint.clone(), link.key.chain.region.clone());
                let span = missing_keys.entry(key).or_insert((document.start, document.end));
                *span = (span.0.min(document.start), span.1.max(document.end));
            }
        }
        let missing = |((fingerprint, region), (from, to))| MissingKey { fingerprint, region, from, to };
        self.verification.missing_keys = missing_keys.into_iter().map(missing).collect();
        let named: BTreeMap<&Tail, bool> =
            covers.iter().flat_map(|cover| cover.missing.keys().map(|tail| (tail, cover.chain.id.backfill))).collect();
        for (tail, is_backfill) in named {
            let is_backfill = match Named::parse(tail.as_str()) {
                Some(Named::Digest(key)) => key.chain.backfill,
                _ => is_backfill,
            };
            self.count(Verdict::Missing(Reason::Named));
            self.insert(tail.clone(), FileReport::missing(FileKind::of_digest(is_backfill), Reason::Named));
        }
        self.verification.unsigned_heads.sort();
    }

    fn add_digest(&mut self, link: &Link<'_>, checked: &Checked) {
        let about = |kind, severity| Finding::new(kind, severity).of_chain(&link.key.chain).of_key(link.tail.as_str());
        match link.verdict.evidence() {
            Some(Evidence::SuccessorSignature) if checked.has_own => {
                self.findings.push(about(FindingKind::CarrierMismatch, Severity::Error));
            }
            Some(Evidence::SuccessorHash) => self.findings.push(about(FindingKind::KeyUnknown, Severity::Warning)),
            _ => {}
        }
        if let (Some(Reason::NoSignature), Some(document)) = (link.verdict.reason(), link.document) {
            let (bucket, object) = (document.bucket.clone(), document.object.clone());
            self.verification.unsigned_heads.push(UnsignedHead { bucket, object, region: link.key.chain.region.clone() });
        }
        self.count(link.verdict);
        let report = FileReport {
            kind: FileKind::of_digest(link.key.chain.backfill),
            verdict: link.verdict,
            notes: link.notes.clone(),
            hash_matches: None,
            object: Some(link.file.name.clone()),
            copies: link.copies.clone(),
        };
        self.insert(link.tail.clone(), report);
    }

    pub(super) fn add_logs<'f>(&mut self, logs: impl Iterator<Item = JudgedLog<'f>>) {
        for log in logs {
            let report = FileReport {
                kind: FileKind::Log,
                verdict: log.verdict,
                notes: log.notes,
                hash_matches: log.hash_matches,
                object: log.file.map(|file| file.name.clone()),
                copies: log.copies,
            };
            self.insert(Tail::from(log.tail), report);
        }
    }

    /// Where most logs of a place are listed by no digest, a trail without validation may deliver there too.
    pub(super) fn suspect_other_trail(&mut self, judged: &[JudgedLog<'_>], rest: &[JudgedLog<'_>], sorted: &Places<'_>) {
        let mut places: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
        for logs in [judged, rest] {
            let mut walk = Walk::default();
            for log in logs.iter().filter(|log| log.is_in_range && log.file.is_some()) {
                let in_tree = sorted.of(&log.tail, &mut walk);
                let Some(place) = in_tree.first().or_else(|| sorted.flat(&log.tail).first()) else { continue };
                let (all, unlisted) = places.entry((&place.key.account, &place.key.region)).or_default();
                *all += 1;
                *unlisted += u64::from(log.verdict.reason() == Some(Reason::NotListed));
            }
        }
        for ((account, region), (all, unlisted)) in places {
            if unlisted * 2 > all {
                let mut finding = Finding::new(FindingKind::OtherTrailLikely, Severity::Info);
                (finding.account, finding.region) = (Some(account.into()), Some(region.into()));
                self.findings.push(finding);
            }
        }
    }

    pub(super) fn add_coverage(&mut self, links: &Links<'_>, entries: &[Entry<'_>], judged: &[JudgedLog<'_>], rest: &[JudgedLog<'_>]) {
        let mut rows: Rows = BTreeMap::new();
        let mut numbers: HashMap<&ChainId, usize> = HashMap::new();
        // The number of the chain that each digest counts for.
        let mut chains: Vec<Option<usize>> = Vec::new();
        for link in &links.all {
            let chain = &link.key.chain;
            let counts = self.question.has_chain(chain) && self.question.range.has_window(link.window()) && !link.is_moved();
            let next = numbers.len();
            chains.push(counts.then(|| *numbers.entry(chain).or_insert(next)));
            if counts {
                row(&mut rows, &chain.account, &chain.region, Some(&chain.trail), link.window()).digests += 1;
            }
        }
        let logs = logs_by_chain(&chains, numbers.len(), entries, judged);
        for (chain, number) in numbers {
            let key = (chain.account.clone(), chain.region.clone(), Some(chain.trail.clone()));
            if let Some(row) = rows.get_mut(&key) {
                row.logs += logs.get(number).copied().unwrap_or_default();
            }
        }
        for log in rest {
            if let Some(Named::Log(key)) = Named::parse(&log.tail) {
                row(&mut rows, &key.account, &key.region, None, (key.minute, key.minute)).logs += 1;
            }
        }
        self.verification.coverage = rows.into_values().collect();
    }

    /// Finds the accounts and regions that were expected and have no digest.
    pub(super) fn expect(&mut self, links: &Links<'_>) {
        let there = || links.all.iter().filter(|link| !link.is_moved()).map(|link| &link.key.chain);
        let accounts: HashSet<&str> = there().map(|chain| &*chain.account).collect();
        let regions: HashSet<&str> = there().map(|chain| &*chain.region).collect();
        for account in self.question.expect_accounts.iter().filter(|account| !accounts.contains(account.as_str())) {
            let finding = Finding::new(FindingKind::AccountMissing, Severity::Error);
            self.findings.push(Finding { account: Some(account.as_str().into()), ..finding });
        }
        for region in self.question.expect_regions.iter().filter(|region| !regions.contains(region.as_str())) {
            let finding = Finding::new(FindingKind::RegionMissing, Severity::Error);
            self.findings.push(Finding { region: Some(region.as_str().into()), ..finding });
        }
    }

    fn count(&mut self, verdict: Verdict) {
        let digests = &mut self.verification.digests;
        digests.due += 1;
        match verdict {
            Verdict::Valid(_) => digests.valid += 1,
            Verdict::Invalid(_) => digests.invalid += 1,
            Verdict::Missing(_) => digests.missing += 1,
            Verdict::Unverified(_) => digests.unverified += 1,
            // Only logs are undigested; the sum below would show it.
            Verdict::Undigested(_) => {}
        }
    }

    /// A hostile digest may list another digest as a log. Then the digest's own verdict stays, but the worse one counts.
    fn insert(&mut self, tail: Tail, report: FileReport) {
        self.verification.worst = self.verification.worst.max(report.verdict.severity());
        self.files.push((tail, report));
    }

    pub(super) fn finish(mut self, covers: Vec<Cover>) -> Result<Verification, Error> {
        for cover in covers {
            self.findings.extend(cover.findings);
            self.verification.chains.push(cover.chain);
        }
        self.files.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.files.dedup_by(|(later, _), (first, _)| later == first);
        self.verification.files = self.files.into_iter().collect();
        Finding::sort(&mut self.findings);
        let worst = self.findings.first().map_or(Severity::Info, |finding| finding.severity);
        self.verification.worst = self.verification.worst.max(worst);
        self.verification.findings = self.findings;
        let DigestCounts { due, valid, invalid, missing, unverified } = self.verification.digests;
        if due != valid + invalid + missing + unverified {
            let parts = format!("{valid} valid, {invalid} invalid, {missing} missing and {unverified} unverified");
            return Err(Error::Ledger(format!("{due} digests due, but {parts}")));
        }
        Ok(self.verification)
    }
}

impl FileReport {
    const fn missing(kind: FileKind, reason: Reason) -> Self {
        Self { kind, verdict: Verdict::Missing(reason), notes: Vec::new(), hash_matches: None, object: None, copies: Vec::new() }
    }
}

/// How many logs on disk the digests of each chain list.
fn logs_by_chain(chains: &[Option<usize>], count: usize, entries: &[Entry<'_>], judged: &[JudgedLog<'_>]) -> Vec<u64> {
    let mut logs = vec![0; count];
    let mut there = judged.iter().filter(|log| log.file.is_some()).map(|log| &*log.tail).peekable();
    for group in entries.chunk_by(|a, b| a.tail == b.tail) {
        let tail = group.first().map(|entry| &*entry.tail).unwrap_or_default();
        while there.next_if(|there| *there < tail).is_some() {}
        if there.peek() != Some(&tail) {
            continue;
        }
        let mut of_log: Vec<usize> = group.iter().filter_map(|entry| chains.get(entry.link).copied().flatten()).collect();
        of_log.sort_unstable();
        of_log.dedup();
        for chain in of_log {
            if let Some(logs) = logs.get_mut(chain) {
                *logs += 1;
            }
        }
    }
    logs
}

fn row<'r>(
    rows: &'r mut Rows,
    account: &str,
    region: &str,
    trail: Option<&str>,
    (first, last): (EventTime, EventTime),
) -> &'r mut CoverageRow {
    let (account, region, trail): (Box<str>, Box<str>, Option<Box<str>>) = (account.into(), region.into(), trail.map(Box::from));
    let key = (account.clone(), region.clone(), trail.clone());
    let row = rows.entry(key).or_insert(CoverageRow { account, region, trail, digests: 0, logs: 0, first, last });
    (row.first, row.last) = (row.first.min(first), row.last.max(last));
    row
}

/// Rows by account, region and trail.
type Rows = BTreeMap<(Box<str>, Box<str>, Option<Box<str>>), CoverageRow>;
