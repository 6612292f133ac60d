//! What the digests say, in sentences, rows and strips; the terminal and the page share the words.

use std::collections::BTreeMap;

use super::model::{BadFile, Count, CoverageLine, Integrity, IntegrityNote, Strip, StripCell, Text, Time, Tone};
use super::text::{count, number, thousands};
use crate::case::Case;
use crate::completeness::Completeness;
use crate::digest::{Chain, FileKind, FileReport, Finding, FindingKind, Reason, Severity, Verdict, Verification};
use crate::time::EventTime;

/// Rows of files that are not valid, and of findings, that the page shows.
const SHOWN_ROWS: usize = 500;
/// Cells of a strip; ten weeks of hours.
const MOST_CELLS: usize = 1_680;
/// Strips of the page.
const MOST_STRIPS: usize = 100;

/// What the digests prove, what they disprove, and what they leave open.
pub fn sentences(verification: &Verification) -> [String; 3] {
    let tally = Tally::of(verification);
    [tally.proven(verification), tally.disproven(verification), tally.open(verification)]
}

/// What to say where there are no digests, or nobody has looked.
pub const UNCHECKED: &str =
    "There are no digest files, so nothing is proven: none of the logs is shown to be what AWS delivered, and none is shown to be altered.";

/// How many logs ended how.
#[derive(Debug, Default)]
struct Tally {
    here: u64,
    valid: u64,
    invalid: u64,
    missing: u64,
    added: u64,
    /// Logs that nothing is said of, by the reason.
    open: BTreeMap<Reason, u64>,
}

impl Tally {
    fn of(verification: &Verification) -> Self {
        let mut tally = Self::default();
        for report in verification.files.values().filter(|report| report.kind == FileKind::Log) {
            tally.here += u64::from(report.object.is_some());
            match report.verdict {
                Verdict::Valid(_) => tally.valid += 1,
                Verdict::Invalid(_) => tally.invalid += 1,
                Verdict::Missing(_) => tally.missing += 1,
                Verdict::Undigested(Reason::NotListed) => tally.added += 1,
                Verdict::Unverified(reason) | Verdict::Undigested(reason) => *tally.open.entry(reason).or_default() += 1,
            }
        }
        tally
    }

    fn proven(&self, verification: &Verification) -> String {
        let digests = verification.digests;
        format!(
            "{} of {} {} proven to be as CloudTrail delivered them, by {} of {}.",
            thousands(self.valid),
            count(self.here, "log file"),
            if self.here == 1 { "is" } else { "are" },
            thousands(digests.valid),
            count(digests.due, "digest")
        )
    }

    fn disproven(&self, verification: &Verification) -> String {
        let digests = verification.digests;
        let parts = [
            (self.invalid, "log file", "altered or damaged"),
            (self.missing, "log file", "gone"),
            (self.added, "log file", "there without a digest that lists it"),
            (digests.invalid, "digest", "altered, damaged or moved"),
            (digests.missing, "digest", "gone"),
        ];
        let mut said: Vec<String> = parts
            .into_iter()
            .filter(|(number, ..)| *number > 0)
            .map(|(number, noun, what)| format!("{} {} {what}", count(number, noun), if number == 1 { "is" } else { "are" }))
            .collect();
        let errors = verification.findings.iter().filter(|finding| finding.severity == Severity::Error).map(|finding| finding.kind);
        let others = errors.filter(|kind| *kind != FindingKind::MissingRun).count();
        if others > 0 {
            said.push(format!("{} of chains {} wrong", count(number(others), "part"), if others == 1 { "is" } else { "are" }));
        }
        if said.is_empty() {
            return "No file is known to be altered, removed or added.".to_owned();
        }
        format!("Tampering or loss: {}.", said.join(", "))
    }

    fn open(&self, verification: &Verification) -> String {
        let mut said: Vec<String> =
            self.open.iter().map(|(reason, number)| format!("{} {}", count(*number, "log file"), open_words(*reason))).collect();
        if verification.digests.unverified > 0 {
            said.push(format!("{} that could not be checked", count(verification.digests.unverified, "digest")));
        }
        let stretches = |kind: FindingKind| number(verification.findings.iter().filter(|finding| finding.kind == kind).count());
        let gaps = stretches(FindingKind::Gap);
        if gaps > 0 {
            let stretches = if gaps == 1 { "1 stretch".to_owned() } else { format!("{} stretches", thousands(gaps)) };
            said.push(format!("{stretches} in which a trail or its validation was stopped"));
        }
        let tails = stretches(FindingKind::TailUncovered);
        if tails > 0 {
            said.push(format!("the time after the newest digest of {}", count(tails, "chain")));
        }
        if said.is_empty() {
            return "Nothing in the time that was asked about is left open.".to_owned();
        }
        format!("Nothing vouches for {}.", said.join(", "))
    }
}

/// Why nothing is said of a log, as the end of a sentence.
const fn open_words(reason: Reason) -> &'static str {
    match reason {
        Reason::DigestUnverified => "whose digest could not be checked",
        Reason::DigestInvalid => "whose digest was altered or damaged",
        Reason::DigestMissing => "from the time of missing digests",
        Reason::DigestUnread => "from the time of digests that could not be read",
        Reason::NoDigests => "of an account and region without digests",
        Reason::BeforeFirst => "from before the first digest",
        Reason::AfterLast => "from after the newest digest",
        Reason::Gap => "from a time in which the trail was stopped",
        Reason::KindNotDigested => "of a kind that is not digested",
        Reason::IoError | Reason::OverLimit => "that could not be read",
        _ => "that could not be checked",
    }
}

/// What a reason means, for people.
pub const fn reason_words(reason: Reason) -> &'static str {
    match reason {
        Reason::TrailingData => "bytes follow the gzip stream",
        Reason::TruncatedGzip => "the gzip stream is cut",
        Reason::BadGzip => "not gzip, or damaged",
        Reason::BadJson => "not a JSON object",
        Reason::MissingField => "a field that every digest has is absent or of a wrong type",
        Reason::Moved => "it lies under another name or place than it was signed for",
        Reason::BadAlgorithm => "an algorithm that AWS does not use",
        Reason::ContentMismatch => "the next digest, which is valid, states another hash",
        Reason::SignatureMismatch => "the signature beside it does not fit",
        Reason::NoSignature => "no signature is here: only S3 has it (verify --heads)",
        Reason::NoKey => "its public key is not among the key files (--keys)",
        Reason::Named => "the next digest names it, and it is not here",
        Reason::Listed => "a valid digest lists it, and it is not here",
        Reason::HashMismatch => "its content is not what a valid digest lists",
        Reason::DigestUnverified => "listed by a digest that could not be checked",
        Reason::DigestInvalid => "listed by, or from the time of, a digest that is invalid",
        Reason::IoError => "the system could not read it",
        Reason::OverLimit => "not read to its end, as it passed a limit",
        Reason::NoDigests => "no digest at all of its account and region",
        Reason::DigestMissing => "from the time of digests that are missing",
        Reason::DigestUnread => "from the time of a digest that could not be read",
        Reason::AfterLast => "later than the newest digest: not digested yet, or digests were removed",
        Reason::BeforeFirst => "earlier than the first digest",
        Reason::Gap => "from a time in which the trail or its validation was stopped",
        Reason::KindNotDigested => "of a kind that no digest lists",
        Reason::NotListed => "the digests of its time do not list it: added later, or of a trail without validation",
    }
}

/// A finding in a sentence, without its chain.
pub fn finding_words(finding: &Finding) -> String {
    let span = match (finding.from, finding.to) {
        (Some(from), Some(to)) => format!(" from {from} to {to}"),
        _ => String::new(),
    };
    match finding.kind {
        FindingKind::MissingRun => {
            let digests = u64::try_from(finding.count.unwrap_or_default()).unwrap_or_default();
            let named = finding.named.as_ref().map_or(0, Vec::len);
            format!("about {} missing{span}, {named} of them named by another", count(digests, "digest"))
        }
        FindingKind::Gap if finding.severity == Severity::Info => format!("the trail was stopped or changed{span}, as its logs show"),
        FindingKind::Gap => format!("the chain stops and starts anew{span}: a stop, or digests removed before it"),
        FindingKind::Overlap => format!("two digests overlap{span}"),
        FindingKind::OffChain => "a digest that the next one does not name".to_owned(),
        FindingKind::TailUncovered => format!("nothing proves that there were no digests{span}"),
        FindingKind::ChainStart => "the chain starts here".to_owned(),
        FindingKind::StartsMidChain => "the oldest digest here names one before it".to_owned(),
        FindingKind::CarrierMismatch => "the signature kept beside a genuine digest was altered".to_owned(),
        FindingKind::KeyUnknown => "proven by the next digest only, as its public key is not among the key files".to_owned(),
        FindingKind::KeyFileInconsistent => "a key file's fingerprint or key does not fit".to_owned(),
        FindingKind::AmbiguousPlace => "files with different contents stand for one key".to_owned(),
        FindingKind::DifferingCopy => "a copy has another content than the file that counts".to_owned(),
        FindingKind::ConflictingEntries => "valid digests list it with different hashes".to_owned(),
        FindingKind::OtherTrailLikely => "most logs here are listed by no digest: another trail seems to deliver here".to_owned(),
        FindingKind::AccountMissing => "no digest of an account that was expected".to_owned(),
        FindingKind::RegionMissing => "no digest of a region that was expected".to_owned(),
    }
}

/// What a finding is about.
pub fn finding_subject(finding: &Finding) -> String {
    let chain = finding.chain.as_ref().map(ToString::to_string);
    let place = [finding.account.as_deref(), finding.region.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let parts = [chain, finding.key.as_deref().map(str::to_owned), Some(place).filter(|place| !place.is_empty())];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

/// What the events tell of logs that are not here, a hint a line; nothing where there is nothing to tell.
pub fn completeness_lines(completeness: &Completeness) -> Vec<String> {
    let mut lines = Vec::new();
    let (delivered, not_here) = (completeness.delivered, number(completeness.not_here.len()));
    if delivered > 0 && not_here == 0 {
        lines.push(format!("The logs record the delivery of {}, and all are here.", count(delivered, "log and digest file")));
    } else if delivered > 0 {
        let shown: Vec<&str> = completeness.not_here.iter().take(SHOWN_NAMES).map(String::as_str).collect();
        let more = not_here.saturating_sub(number(shown.len()));
        let more = if more > 0 { format!(" and {} more", thousands(more)) } else { String::new() };
        let all = count(delivered, "log and digest file");
        lines.push(format!("The logs record the delivery of {all}, of which {} not here: {}{more}", thousands(not_here), shown.join(", ")));
    }
    for silence in completeness.silent.iter().take(SHOWN_NAMES) {
        lines.push(format!(
            "Perhaps a sign of missing logs: {} in {} has no event from {} to {}, and about {} in other hours.",
            silence.account_id,
            silence.region,
            silence.from,
            silence.to,
            thousands(silence.usual_events)
        ));
    }
    let more = number(completeness.silent.len().saturating_sub(SHOWN_NAMES));
    if more > 0 {
        lines.push(format!("{} more without an event where most hours have some.", count(more, "silence")));
    }
    lines
}

/// Names that a line lists.
const SHOWN_NAMES: usize = 5;

/// The section of the page.
pub(super) fn section(case: &Case) -> Option<Integrity> {
    let verification = case.integrity.as_ref()?.verification.as_ref()?;
    let bad: Vec<_> = verification.files.iter().filter(|(_, report)| report.verdict.severity() > Severity::Info).collect();
    // Logs from before the first digest and the like may be most of all, and are no sign of anything.
    let mut open: BTreeMap<Reason, u64> = BTreeMap::new();
    for report in verification.files.values().filter(|report| report.verdict.severity() == Severity::Info) {
        if let Some(reason) = report.verdict.reason() {
            *open.entry(reason).or_default() += 1;
        }
    }
    let worth_telling = |finding: &&Finding| finding.severity > Severity::Info || finding.kind == FindingKind::Gap;
    let notes: Vec<&Finding> = verification.findings.iter().filter(worth_telling).collect();
    Some(Integrity {
        verdict: verification.worst.overall(),
        sentences: sentences(verification).map(|text| Text::whole(&text)),
        strips: verification.chains.iter().filter(|chain| !chain.digests.is_empty()).take(MOST_STRIPS).map(strip).collect(),
        more_strips: Count(number(verification.chains.len().saturating_sub(MOST_STRIPS))),
        bad: shown_first(bad.iter().map(|(tail, report)| bad_file(tail.as_str(), report))).take(SHOWN_ROWS).collect(),
        all_bad: Count(number(bad.len())),
        open: open.into_iter().map(|(reason, files)| (Count(files), reason.name(), reason_words(reason))).collect(),
        notes: notes.iter().take(SHOWN_ROWS).map(|finding| note(finding)).collect(),
        all_notes: Count(number(notes.len())),
        coverage: verification.coverage.iter().take(SHOWN_ROWS).map(coverage_line).collect(),
        keys: verification.trust.iter().map(|file| (Text::new(&file.name), file.sha256.to_string())).collect(),
    })
}

/// How the verdict colours the summary.
pub(super) const fn tone(worst: Severity) -> Tone {
    match worst {
        Severity::Info => Tone::Calm,
        Severity::Warning => Tone::Unknown,
        Severity::Error => Tone::Warning,
    }
}

/// The rows that show tampering before those that show only that something is open.
fn shown_first(rows: impl Iterator<Item = BadFile>) -> impl Iterator<Item = BadFile> {
    let mut rows: Vec<BadFile> = rows.collect();
    rows.sort_by_key(|row| row.rank);
    rows.into_iter()
}

/// The place of a status in tables: what is altered first.
pub const fn rank(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Invalid(_) => 0,
        Verdict::Missing(_) => 1,
        Verdict::Undigested(Reason::NotListed | Reason::NoDigests) => 2,
        Verdict::Unverified(_) => 3,
        Verdict::Undigested(_) => 4,
        Verdict::Valid(_) => 5,
    }
}

fn bad_file(tail: &str, report: &FileReport) -> BadFile {
    BadFile {
        rank: rank(&report.verdict),
        status: report.verdict.status(),
        kind: report.kind.name(),
        object: Text::new(report.object.as_deref().unwrap_or(tail)),
        reason: report.verdict.reason().map_or("", Reason::name),
        words: report.verdict.reason().map_or("", reason_words),
    }
}

fn note(finding: &Finding) -> IntegrityNote {
    IntegrityNote {
        severity: finding.severity.name(),
        kind: finding.kind.name(),
        subject: Text::new(&finding_subject(finding)),
        words: Text::whole(&finding_words(finding)),
    }
}

fn coverage_line(row: &crate::digest::CoverageRow) -> CoverageLine {
    CoverageLine {
        account: Text::new(&row.account),
        region: Text::new(&row.region),
        trail: row.trail.as_deref().map(Text::new),
        digests: Count(row.digests),
        logs: Count(row.logs),
        first: Time(row.first),
        last: Time(row.last),
    }
}

/// The digests of a chain in the order of time, with the holes between them.
fn strip(chain: &Chain) -> Strip {
    let mut cells: Vec<(EventTime, u8, StripCell)> = Vec::new();
    for digest in &chain.digests {
        let shape = match digest.verdict {
            Verdict::Valid(_) => "valid",
            Verdict::Invalid(_) => "invalid",
            Verdict::Missing(_) => "missing",
            Verdict::Unverified(_) | Verdict::Undigested(_) => "unverified",
        };
        cells.push((digest.from, 1, StripCell { shape, label: format!("{} to {}: {shape}", digest.from, digest.to) }));
    }
    for run in &chain.missing_runs {
        // One that is named has a cell of its own.
        let unnamed = u64::try_from(run.count).unwrap_or_default().saturating_sub(number(run.named.len()));
        let label = format!("{} to {}: missing, about {}", run.from, run.to, count(u64::try_from(run.count).unwrap_or_default(), "digest"));
        let cell = StripCell { shape: "missing", label };
        let room = usize::try_from(unnamed).unwrap_or(MOST_CELLS).min(MOST_CELLS);
        cells.extend(std::iter::repeat_n((run.from, 0, cell), room));
    }
    for gap in &chain.gaps {
        cells.push((gap.from, 0, StripCell { shape: "gap", label: format!("{} to {}: gap", gap.from, gap.to) }));
    }
    cells.sort_by(|a, b| (a.0, a.1, &a.2.label).cmp(&(b.0, b.1, &b.2.label)));
    let all = cells.len();
    let left_out = all.saturating_sub(MOST_CELLS);
    Strip {
        chain: Text::new(&chain.id.to_string()),
        is_backfill: chain.id.backfill,
        left_out: Count(number(left_out)),
        cells: cells.into_iter().skip(left_out).map(|(_, _, cell)| cell).collect(),
    }
}
