//! `evidence.jsonl` of a case: the records that findings rest on.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, Write};

use serde::Serialize;
use trailsift::detect::{Evidence, Finding, Integrity};
use trailsift::event::{EventId, redact};
use trailsift::ingest::RawRecord;
use trailsift::problem::Ledger;

use super::output::write_jsonl;
use super::text::number;

/// The pieces of evidence of all findings, by place and rule.
///
/// There may be as many as events, so that a piece is only told where it is to be found.
pub(crate) struct Pieces<'f> {
    findings: &'f [Finding],
    pieces: Vec<Piece>,
}

/// A piece of evidence. Pieces are in order but for those of one record, which go by their rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    /// The place of its object among all names in their order.
    object: u32,
    /// One more than the record index, so that having none takes no room.
    record_number: u64,
    finding: u32,
    /// Its place in the finding's evidence.
    place: u32,
}

/// A line: a record, with all rules whose findings rest on it.
#[derive(Debug, Serialize)]
struct EvidenceLine<'l> {
    object: &'l str,
    record_index: Option<u64>,
    offset: Option<u64>,
    event_id: Option<&'l EventId>,
    rules: Vec<&'l str>,
    integrity: Integrity,
    /// The record's text; `None` where its file has changed since it was read.
    raw: Option<&'l str>,
    /// Whether a session token was taken out of the text.
    redacted: bool,
}

impl<'f> Pieces<'f> {
    /// Places in snapshots are not places of records.
    pub(crate) fn of(findings: &'f [Finding]) -> Self {
        let names: BTreeSet<&str> = findings.iter().flat_map(|finding| finding.evidence.objects()).collect();
        let numbers: HashMap<&str, u32> = names.into_iter().zip(0..).collect();
        let mut pieces = Vec::with_capacity(findings.iter().map(|finding| finding.evidence.places().count()).sum());
        for (number, finding) in (0..).zip(findings) {
            for (place, (object, record_index)) in (0..).zip(finding.evidence.places()) {
                let object = numbers.get(&**object).copied().unwrap_or_default();
                let record_number = record_index.map_or(0, |index| index.saturating_add(1));
                pieces.push(Piece { object, record_number, finding: number, place });
            }
        }
        let rule = |piece: &Piece| piece.finding(findings).map(|finding| &finding.rule_id);
        pieces.sort_unstable_by(|left, right| {
            left.record().cmp(&right.record()).then_with(|| rule(left).cmp(&rule(right))).then_with(|| left.cmp(right))
        });
        Self { findings, pieces }
    }

    /// Bytes that the lines take, about: the raw text stands in them with its quotes escaped.
    pub(crate) fn bytes(&self, ledger: &Ledger) -> u64 {
        let record = ledger.inflated_bytes / ledger.records.seen.max(1);
        number(self.records().count()).saturating_mul(record + record / 4 + LINE_BYTES)
    }

    /// The pieces record by record.
    fn records(&self) -> impl Iterator<Item = &[Piece]> {
        self.pieces.chunk_by(|left, right| left.record() == right.record())
    }

    /// Writes a line for every record, in the order of the places, which is that of `records` too; each of these is handed
    /// to `offer`. Yields how many could not be read again.
    pub(crate) fn write(
        &self,
        out: &mut dyn Write,
        records: impl Iterator<Item = RawRecord>,
        mut offer: impl FnMut(&RawRecord),
    ) -> io::Result<usize> {
        let (mut records, mut lost) = (records.peekable(), 0);
        for group in self.records() {
            let Some(piece) = group.first().and_then(|piece| piece.finding(self.findings)?.evidence.get(index(piece.place))) else {
                continue;
            };
            let order = |record: &RawRecord| (&*record.object, Some(record.record_index)).cmp(&(&*piece.object, piece.record_index));
            while records.next_if(|record| order(record) == Ordering::Less).is_some() {}
            let record = records.next_if(|record| order(record) == Ordering::Equal);
            lost += usize::from(record.is_none());
            if let Some(record) = &record {
                offer(record);
            }
            let mut rules: Vec<&str> = group.iter().filter_map(|piece| Some(&*piece.finding(self.findings)?.rule_id)).collect();
            rules.dedup();
            write_line(out, &piece, rules, record.as_ref())?;
        }
        Ok(lost)
    }
}

impl Piece {
    const fn record(&self) -> (u32, u64) {
        (self.object, self.record_number)
    }

    fn finding<'f>(&self, findings: &'f [Finding]) -> Option<&'f Finding> {
        findings.get(index(self.finding))
    }
}

fn write_line(out: &mut dyn Write, piece: &Evidence, rules: Vec<&str>, record: Option<&RawRecord>) -> io::Result<()> {
    let (raw, redacted) = record.map(|record| redact(&record.text)).unzip();
    let line = EvidenceLine {
        object: &piece.object,
        record_index: piece.record_index,
        offset: record.map(|record| record.offset),
        event_id: piece.event_id.as_ref(),
        rules,
        integrity: piece.integrity,
        raw: raw.as_deref(),
        redacted: redacted.unwrap_or_default(),
    };
    write_jsonl(out, &[line])
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Bytes of a line beside the record's text.
const LINE_BYTES: u64 = 400;
