//! [`Report`]: what the page says, a field a section, so that none can go missing.
//!
//! Every text that came out of a log or a rule file is a [`Text`], which shows hidden characters and
//! is cut where it is too long; the template escapes it for HTML.

use std::fmt;

use super::drift::section::DriftSection;
use super::text::{escape, number, thousands};
use crate::detect::Severity;
use crate::time::EventTime;

/// The whole report.
#[derive(Debug, Clone)]
pub struct Report {
    /// The bar.
    pub head: Head,
    /// The verdict in three sentences.
    pub summary: Summary,
    /// The figures.
    pub figures: Figures,
    /// When things happened.
    pub activity: Activity,
    /// What the digests say; `None` where there are none.
    pub integrity: Option<Integrity>,
    /// What the events tell of logs that are not here.
    pub completeness: Vec<Text>,
    /// What the rules found.
    pub findings: Findings,
    /// The answers of the `table` rules.
    pub tables: Tables,
    /// Who was there.
    pub identities: Identities,
    /// What changed of identities; `None` where nobody asked.
    pub drift: Option<DriftSection>,
    /// What could not be used.
    pub problems: Problems,
    /// How all this was found.
    pub method: Method,
}

/// Characters of one text that the page shows; the raw record and the case's files have all of them.
const SHOWN_LETTERS: usize = 400;

/// A text that is safe to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Text(String);

impl Text {
    /// The text with hidden characters shown, cut to 400 characters.
    pub fn new(text: &str) -> Self {
        match text.char_indices().nth(SHOWN_LETTERS) {
            None => Self(escape(text).into_owned()),
            Some((end, _)) => {
                let letters = thousands(number(text.chars().count()));
                let head = text.get(..end).unwrap_or_default();
                Self(format!("{}… [cut: {letters} characters]", escape(head)))
            }
        }
    }

    /// The same without a cut, for texts of the tool's own making and for records, whose size is limited elsewhere.
    pub fn whole(text: &str) -> Self {
        Self(escape(text).into_owned())
    }

    /// The same with its line ends.
    pub fn lines(text: &str) -> Self {
        let lines: Vec<_> = text.split('\n').map(escape).collect();
        Self(lines.join("\n"))
    }

    /// The text as the page has it, but for HTML.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A time, to be read and to be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Time(pub EventTime);

impl Time {
    /// What rows are sorted by.
    pub const fn micros(&self) -> i64 {
        self.0.micros()
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A number, to be read with separators and to be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Count(pub u64);

impl Count {
    /// How many of a list are not among the first that are shown.
    pub(super) fn beyond(length: usize, shown: usize) -> Self {
        Self(number(length.saturating_sub(shown)))
    }

    /// Whether it is nothing.
    pub const fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&thousands(self.0))
    }
}

/// What stands at the head of the page.
#[derive(Debug, Clone)]
pub struct Head {
    /// The case.
    pub name: Text,
    /// The window of time that was asked for.
    pub window: Text,
    /// The accounts of the events.
    pub accounts: Vec<Text>,
    /// The regions of the events.
    pub regions: Vec<Text>,
    /// How many events were looked at.
    pub events: Count,
}

/// How a sentence of the verdict is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to worry about.
    Calm,
    /// To be looked at.
    Warning,
    /// Nobody knows.
    Unknown,
}

impl Tone {
    /// The class that the style sheet knows.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Warning => "warning",
            Self::Unknown => "unknown",
        }
    }
}

/// One sentence of the verdict.
#[derive(Debug, Clone)]
pub struct Sentence {
    /// What it is about.
    pub title: &'static str,
    /// The sentence.
    pub text: Text,
    /// Its mark.
    pub tone: Tone,
}

/// The verdict.
#[derive(Debug, Clone)]
pub struct Summary {
    /// What the evidence can vouch for.
    pub integrity: Sentence,
    /// What was found.
    pub found: Sentence,
    /// What is missing.
    pub missing: Sentence,
}

impl Summary {
    /// The three sentences, in order.
    pub const fn sentences(&self) -> [&Sentence; 3] {
        [&self.integrity, &self.found, &self.missing]
    }
}

/// The figures.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Events that were loaded.
    pub events: Count,
    /// Principals.
    pub identities: Count,
    /// Values of `source_ip_address`.
    pub addresses: Count,
    /// Findings by severity, the worst first.
    pub severities: Vec<(Severity, Count)>,
    /// All findings.
    pub findings: Count,
    /// The earliest event.
    pub first: Option<Time>,
    /// The latest event.
    pub last: Option<Time>,
}

/// When things happened.
#[derive(Debug, Clone)]
pub struct Activity {
    /// How long a column of the picture is, in words.
    pub unit: &'static str,
    /// The columns, in order and without a gap; empty without events that have a time.
    pub buckets: Vec<Bucket>,
    /// Seconds of a column.
    pub seconds: i64,
    /// Events that have no time and so no column.
    pub untimed: Count,
}

/// One column of the picture.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// Its first moment.
    pub start: EventTime,
    /// That moment as it is shown.
    pub label: String,
    /// Events that do not write.
    pub reads: Count,
    /// Events that write.
    pub writes: Count,
    /// Findings that begin in it, by severity, the worst first.
    pub findings: Vec<(Severity, Count)>,
}

impl Bucket {
    /// Whether there is anything to tell.
    pub const fn is_empty(&self) -> bool {
        self.reads.0 == 0 && self.writes.0 == 0 && self.findings.is_empty()
    }

    /// All of its events.
    pub const fn events(&self) -> Count {
        Count(self.reads.0 + self.writes.0)
    }
}

/// What the digests say of the objects.
#[derive(Debug, Clone)]
pub struct Integrity {
    /// `ok`, `warn` or `fail`.
    pub verdict: &'static str,
    /// What they prove, what they disprove, and what they leave open.
    pub sentences: [Text; 3],
    /// One a chain.
    pub strips: Vec<Strip>,
    /// Chains without a strip.
    pub more_strips: Count,
    /// Files that are not valid, what was altered first; but for those in `open`.
    pub bad: Vec<BadFile>,
    /// All of them, shown or not.
    pub all_bad: Count,
    /// Logs that no digest lists for a harmless reason: how many, the reason, and what it means.
    pub open: Vec<(Count, &'static str, &'static str)>,
    /// What is wrong or odd with chains.
    pub notes: Vec<IntegrityNote>,
    /// All of them, shown or not.
    pub all_notes: Count,
    /// What there is, by account, region and trail.
    pub coverage: Vec<CoverageLine>,
    /// The key files, each with its SHA-256.
    pub keys: Vec<(Text, String)>,
}

/// One chain of digests: a cell a digest, and one for each hole.
#[derive(Debug, Clone)]
pub struct Strip {
    /// Which chain.
    pub chain: Text,
    /// Whether it is the chain of the backfill digests.
    pub is_backfill: bool,
    /// Its cells, in the order of time.
    pub cells: Vec<StripCell>,
    /// Earlier cells that the page has no room for.
    pub left_out: Count,
}

/// One cell of a strip.
#[derive(Debug, Clone)]
pub struct StripCell {
    /// `valid`, `invalid`, `missing`, `unverified` or `gap`.
    pub shape: &'static str,
    /// Its time and state in words.
    pub label: String,
}

/// One file that is not valid.
#[derive(Debug, Clone)]
pub struct BadFile {
    /// Its place among others.
    pub rank: u8,
    /// Its status.
    pub status: &'static str,
    /// Digest, backfill or log.
    pub kind: &'static str,
    /// Its path, or the end of its key where it is missing.
    pub object: Text,
    /// Why.
    pub reason: &'static str,
    /// What that means.
    pub words: &'static str,
}

/// Something wrong or odd with a chain.
#[derive(Debug, Clone)]
pub struct IntegrityNote {
    /// `error`, `warning` or `info`.
    pub severity: &'static str,
    /// Its kind.
    pub kind: &'static str,
    /// What it is about.
    pub subject: Text,
    /// What it means.
    pub words: Text,
}

/// What there is of one account, region and trail.
#[derive(Debug, Clone)]
pub struct CoverageLine {
    /// The account.
    pub account: Text,
    /// The region.
    pub region: Text,
    /// The trail; `None` for logs that no digest lists.
    pub trail: Option<Text>,
    /// Digests.
    pub digests: Count,
    /// Logs.
    pub logs: Count,
    /// The first time.
    pub first: Time,
    /// The last time.
    pub last: Time,
}

/// What the rules found.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The rows, the worst first.
    pub rows: Vec<FindingRow>,
    /// By severity, the worst first, also where there are none.
    pub severities: Vec<(Severity, Count)>,
    /// All of them, shown or not.
    pub all: Count,
    /// Findings beyond the rows.
    pub more: Count,
    /// Evidence records whose text stands on the page.
    pub raw_shown: Count,
    /// Those whose text would be too much for it.
    pub raw_left_out: Count,
    /// What was found and accepted beforehand.
    pub accepted: Vec<Accepted>,
    /// Accepted findings beyond these.
    pub more_accepted: Count,
}

impl Findings {
    /// How many rows there are.
    pub fn shown(&self) -> Count {
        Count(number(self.rows.len()))
    }
}

/// A finding that had been accepted beforehand.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// How bad it is.
    pub severity: Severity,
    /// When it began.
    pub first: Option<Time>,
    /// The rule.
    pub rule_id: Text,
    /// What happened.
    pub message: Text,
    /// What accepts it.
    pub by: Text,
}

/// One finding.
#[derive(Debug, Clone)]
pub struct FindingRow {
    /// Its place among all findings, from 1.
    pub number: u64,
    /// How bad it is.
    pub severity: Severity,
    /// What happened.
    pub message: Text,
    /// The time of its first event.
    pub first: Option<Time>,
    /// The time of its last event.
    pub last: Option<Time>,
    /// Who did it.
    pub who: Option<Text>,
    /// The same without what every ARN has.
    pub who_short: Option<Text>,
    /// The account.
    pub account: Option<Text>,
    /// The region.
    pub region: Option<Text>,
    /// The address.
    pub from: Option<Text>,
    /// The call.
    pub event_name: Option<Text>,
    /// What it means where one of these is absent.
    pub absent: &'static str,
    /// How many events there are.
    pub events: Count,
    /// What the digests say of the worst piece of evidence.
    pub integrity: &'static str,
    /// The rule.
    pub rule: RuleText,
    /// What it rests on.
    pub evidence: Vec<EvidenceRow>,
    /// Pieces of evidence beyond these.
    pub more_evidence: Count,
}

/// What a rule says of itself.
#[derive(Debug, Clone)]
pub struct RuleText {
    /// Its id.
    pub id: Text,
    /// What it finds.
    pub title: Text,
    /// Why it matters.
    pub why: Text,
    /// What else it may be.
    pub benign: Vec<Text>,
    /// What to do next.
    pub next: Vec<Text>,
    /// What it looks for, as it is written.
    pub condition: Text,
    /// What makes matching events a finding.
    pub conditions: Option<Text>,
    /// MITRE ATT&CK techniques.
    pub attack: Vec<Text>,
    /// Controls of the CIS benchmark.
    pub cis: Vec<Text>,
    /// Built in, or its file.
    pub source: Text,
}

/// One piece of evidence.
#[derive(Debug, Clone)]
pub struct EvidenceRow {
    /// The object.
    pub object: Text,
    /// The record's place in it.
    pub record_index: Option<u64>,
    /// The record's first byte in the inflated object.
    pub offset: Option<u64>,
    /// The record's id.
    pub event_id: Option<Text>,
    /// What the digests say of the object.
    pub integrity: &'static str,
    /// The record.
    pub raw: Raw,
}

/// The text of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Raw {
    /// All of it; whether a session token was taken out.
    Shown(Text, bool),
    /// It would be too much for the page.
    LeftOut,
    /// The file has changed since it was read.
    Gone,
}

/// The answers of the `table` rules.
#[derive(Debug, Clone)]
pub struct Tables {
    /// One a rule.
    pub tables: Vec<RuleTable>,
}

/// The answer of one rule.
#[derive(Debug, Clone)]
pub struct RuleTable {
    /// The rule's id.
    pub id: Text,
    /// What it shows.
    pub title: Text,
    /// Why one looks at it.
    pub why: Text,
    /// The columns' names.
    pub columns: Vec<Text>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
    /// Rows beyond these.
    pub more: Count,
}

impl RuleTable {
    /// How many rows there are.
    pub fn shown(&self) -> Count {
        Count(number(self.rows.len()))
    }
}

/// One value of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Null.
    Absent,
    /// A number.
    Number(Text),
    /// A text that is kept on one line, such as a time.
    Short(Text),
    /// Any other value.
    Text(Text),
}

/// Who was there.
#[derive(Debug, Clone)]
pub struct Identities {
    /// One a principal: root first, then those with the worst findings.
    pub rows: Vec<Identity>,
    /// Principals beyond these.
    pub more: Count,
}

impl Identities {
    /// How many rows there are.
    pub fn shown(&self) -> Count {
        Count(number(self.rows.len()))
    }
}

/// One principal.
#[derive(Debug, Clone)]
pub struct Identity {
    /// Its name; `None` for the events without one.
    pub name: Option<Text>,
    /// Whether it is root of an account.
    pub is_root: bool,
    /// Its first event.
    pub first: Option<Time>,
    /// Its last event.
    pub last: Option<Time>,
    /// Its events.
    pub events: Count,
    /// Its events that write.
    pub writes: Count,
    /// Failed events of a thousand.
    pub errors_permille: u64,
    /// The same in percent, as it is shown.
    pub errors: String,
    /// Events that prove MFA.
    pub mfa_yes: Count,
    /// Events without MFA.
    pub mfa_no: Count,
    /// Events that do not say.
    pub mfa_unknown: Count,
    /// Some of its addresses.
    pub addresses: Vec<Text>,
    /// How many there are.
    pub address_count: Count,
    /// Addresses beyond those.
    pub more_addresses: Count,
    /// Some of its regions.
    pub regions: Vec<Text>,
    /// How many there are.
    pub region_count: Count,
    /// Regions beyond those.
    pub more_regions: Count,
    /// Findings that it has a part in.
    pub findings: Count,
    /// The worst of their severities.
    pub worst: Option<Severity>,
}

/// What could not be used, and where everything ended.
#[derive(Debug, Clone)]
pub struct Problems {
    /// The sums, in words.
    pub sums: Vec<Text>,
    /// The problems.
    pub rows: Vec<ProblemRow>,
    /// Problems beyond these.
    pub more: Count,
    /// Notices by kind, and skipped objects by reason.
    pub oddities: Vec<Oddity>,
    /// Kinds and reasons beyond these.
    pub more_oddities: Count,
}

impl Problems {
    /// How many rows there are.
    pub fn shown(&self) -> Count {
        Count(number(self.rows.len()))
    }
}

/// One problem.
#[derive(Debug, Clone)]
pub struct ProblemRow {
    /// The object.
    pub object: Text,
    /// The record's place in it.
    pub record_index: Option<u64>,
    /// The byte of the inflated object.
    pub offset: Option<u64>,
    /// What kind it is.
    pub kind: &'static str,
    /// What was found.
    pub message: Text,
}

/// Things of one kind that are odd without being lost.
#[derive(Debug, Clone)]
pub struct Oddity {
    /// What was done with them: used, or skipped.
    pub fate: &'static str,
    /// Their kind, or why they were skipped.
    pub kind: Text,
    /// How many there are.
    pub count: Count,
    /// Where the first one is.
    pub example: Text,
}

/// How all this was found.
#[derive(Debug, Clone)]
pub struct Method {
    /// What was run, when and on what: names and values.
    pub facts: Vec<(&'static str, Text)>,
    /// Every rule.
    pub rules: Vec<RuleLine>,
    /// Rules beyond these.
    pub more_rules: Count,
    /// Rules that ran.
    pub ran: Count,
    /// Rules that ran and found nothing.
    pub silent: Count,
    /// Rules that did not run.
    pub idle: Count,
}

/// What became of one rule.
#[derive(Debug, Clone)]
pub struct RuleLine {
    /// Its id.
    pub id: Text,
    /// What it looks for.
    pub title: Text,
    /// How bad that is, where it ran.
    pub severity: Option<Severity>,
    /// What became of it.
    pub status: &'static str,
    /// Why.
    pub reason: Text,
    /// What it found, in words.
    pub found: Text,
    /// SHA-256 of its file.
    pub sha256: Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_and_cut() {
        assert_eq!(Text::new("a\u{0}b\u{202e}c\nd").as_str(), r"a\u{0}b\u{202e}c\u{a}d");
        assert_eq!(Text::lines("a\nb\u{7}").as_str(), "a\nb\\u{7}");
        let long = Text::new(&"ü".repeat(10_000));
        assert!(long.as_str().ends_with("ü… [cut: 10,000 characters]"), "{long}");
        assert_eq!(long.as_str().chars().filter(|letter| *letter == 'ü').count(), SHOWN_LETTERS);
    }
}
