//! `evidence.jsonl` of a case: the records that findings rest on.

use std::cmp::Ordering;
use std::io::{self, Write};

use serde::Serialize;
use trailsift::detect::{Evidence, EvidenceKind, Finding, Integrity};
use trailsift::event::redact;
use trailsift::ingest::RawRecord;
use trailsift::problem::Ledger;

use super::output::write_jsonl;
use super::text::number;

/// The pieces of evidence of all findings, each with its finding's rule, by place and rule.
///
/// There may be as many as events, so that a piece is no more than two references here.
pub(crate) struct Pieces<'f>(Vec<(&'f Evidence, &'f str)>);

/// A line: a record, with all rules whose findings rest on it.
#[derive(Debug, Serialize)]
struct EvidenceLine<'l> {
    object: &'l str,
    record_index: Option<u64>,
    offset: Option<u64>,
    event_id: Option<&'l str>,
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
        let of_finding = |finding: &'f Finding| finding.evidence.iter().map(|piece| (piece, finding.rule_id.as_str()));
        let mut pieces: Vec<_> = findings.iter().flat_map(of_finding).filter(|(piece, _)| piece.kind == EvidenceKind::Event).collect();
        pieces.sort_by(|(left, left_rule), (right, right_rule)| place(left).cmp(&place(right)).then_with(|| left_rule.cmp(right_rule)));
        Self(pieces)
    }

    /// Bytes that the lines take, about: the raw text stands in them with its quotes escaped.
    pub(crate) fn bytes(&self, ledger: &Ledger) -> u64 {
        let record = ledger.inflated_bytes / ledger.records.seen.max(1);
        number(self.records().count()).saturating_mul(record + record / 4 + LINE_BYTES)
    }

    /// The pieces record by record.
    fn records(&self) -> impl Iterator<Item = &[(&'f Evidence, &'f str)]> {
        self.0.chunk_by(|(left, _), (right, _)| place(left) == place(right))
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
            let Some((piece, _)) = group.first() else { continue };
            let order = |record: &RawRecord| (&*record.object, Some(record.record_index)).cmp(&place(piece));
            while records.next_if(|record| order(record) == Ordering::Less).is_some() {}
            let record = records.next_if(|record| order(record) == Ordering::Equal);
            lost += usize::from(record.is_none());
            if let Some(record) = &record {
                offer(record);
            }
            write_line(out, piece, group, record.as_ref())?;
        }
        Ok(lost)
    }
}

fn write_line(out: &mut dyn Write, piece: &Evidence, group: &[(&Evidence, &str)], record: Option<&RawRecord>) -> io::Result<()> {
    let mut rules: Vec<&str> = group.iter().map(|(_, rule)| *rule).collect();
    rules.dedup();
    let (raw, redacted) = record.map(|record| redact(&record.text)).unzip();
    let line = EvidenceLine {
        object: &piece.object,
        record_index: piece.record_index,
        offset: record.map(|record| record.offset),
        event_id: piece.event_id.as_deref(),
        rules,
        integrity: piece.integrity,
        raw: raw.as_deref(),
        redacted: redacted.unwrap_or_default(),
    };
    write_jsonl(out, &[line])
}

fn place(piece: &Evidence) -> (&str, Option<u64>) {
    (&piece.object, piece.record_index)
}

/// Bytes of a line beside the record's text.
const LINE_BYTES: u64 = 400;
