//! [`ShownRecords`]: of all records that findings rest on, those that the page shows; they are picked out as they go by.

use std::collections::HashMap;
use std::sync::Arc;

use super::model::{Raw, Text};
use crate::detect::{Evidence, Finding};
use crate::event::redact;
use crate::ingest::RawRecord;

/// The records that a page with some findings shows.
///
/// Evidence may be as long as the log itself, so that a page is given no more of it than it has room for.
#[derive(Debug, Default)]
pub struct ShownRecords {
    by_place: HashMap<(Arc<str>, u64), Shown>,
}

/// A record that the page lists.
#[derive(Debug, Default)]
struct Shown {
    /// Whether a finding shows it in full.
    in_full: bool,
    /// Its offset, and its text where it is shown in full and not too long; `None` before it was found.
    found: Option<(u64, Option<String>)>,
}

impl ShownRecords {
    /// Nothing is known of the records yet.
    pub fn of(findings: &[Finding]) -> Self {
        let mut by_place: HashMap<(Arc<str>, u64), Shown> = HashMap::new();
        for finding in findings.iter().take(SHOWN_FINDINGS) {
            for (place, evidence) in finding.evidence.iter().take(SHOWN_EVIDENCE).enumerate() {
                if let Some(index) = evidence.record_index {
                    by_place.entry((evidence.object.clone(), index)).or_default().in_full |= place < RAW_RECORDS;
                }
            }
        }
        Self { by_place }
    }

    /// Keeps what the page shows of a record.
    pub fn offer(&mut self, record: &RawRecord) {
        if let Some(shown) = self.by_place.get_mut(&(record.object.clone(), record.record_index)) {
            let text = (shown.in_full && record.text.len() <= RAW_BYTES).then(|| record.text.clone());
            shown.found = Some((record.offset, text));
        }
    }

    fn found(&self, evidence: &Evidence) -> Option<(u64, Option<&str>)> {
        let shown = self.by_place.get(&(evidence.object.clone(), evidence.record_index?))?;
        shown.found.as_ref().map(|(offset, text)| (*offset, text.as_deref()))
    }
}

/// The records' texts, as far as there is room for them.
pub(super) struct RawText<'r> {
    records: &'r ShownRecords,
    left: usize,
    pub(super) shown: u64,
    pub(super) left_out: u64,
}

impl<'r> RawText<'r> {
    pub(super) const fn new(records: &'r ShownRecords) -> Self {
        Self { records, left: ALL_RAW_BYTES, shown: 0, left_out: 0 }
    }

    /// The record of the `place`-th piece of evidence of a finding, and its offset.
    pub(super) fn take(&mut self, evidence: &Evidence, place: usize) -> (Option<u64>, Raw) {
        let Some((offset, text)) = self.records.found(evidence) else { return (None, Raw::Gone) };
        if let Some(text) = text.filter(|text| place < RAW_RECORDS && text.len() <= self.left) {
            let (text, redacted) = redact(text);
            let text = Text::lines(&indented(&text));
            if let Some(left) = self.left.checked_sub(html_bytes(text.as_str())) {
                self.left = left;
                self.shown += 1;
                return (Some(offset), Raw::Shown(text, redacted));
            }
        }
        self.left_out += 1;
        (Some(offset), Raw::LeftOut)
    }
}

/// Bytes that the text takes on the page.
fn html_bytes(text: &str) -> usize {
    text.len() + text.bytes().filter(|byte| b"\"&'<>".contains(byte)).count() * 4
}

/// The JSON with its parts on lines of their own and every token as it was; what is not JSON stays as it is.
fn indented(record: &str) -> String {
    if !record.trim_start().starts_with('{') {
        return record.to_owned();
    }
    let mut out = String::with_capacity(record.len() * 2);
    let (mut depth, mut in_text, mut escaped, mut opened) = (0_usize, false, false, false);
    for letter in record.chars() {
        if in_text {
            out.push(letter);
            (in_text, escaped) = (escaped || letter != '"', !escaped && letter == '\\');
            continue;
        }
        if matches!(letter, ' ' | '\n' | '\r' | '\t') {
            continue;
        }
        let closes = matches!(letter, '}' | ']');
        if closes {
            depth = depth.saturating_sub(1);
        }
        if opened != closes {
            new_line(&mut out, depth);
        }
        out.push(letter);
        opened = matches!(letter, '{' | '[');
        match letter {
            '{' | '[' => depth += 1,
            ',' => new_line(&mut out, depth),
            ':' => out.push(' '),
            '"' => in_text = true,
            _ => {}
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    for _ in 0..depth.min(DEEPEST) {
        out.push_str("  ");
    }
}

/// Findings that the page shows: beyond some hundreds nobody reads on, and 1,000 of them are 4 MB of HTML.
pub(super) const SHOWN_FINDINGS: usize = 1_000;
/// Pieces of evidence that a finding lists.
pub(super) const SHOWN_EVIDENCE: usize = 20;
/// Records that a finding shows in full.
const RAW_RECORDS: usize = 3;
/// Bytes of one record that is shown in full.
const RAW_BYTES: usize = 64 << 10;
/// Bytes of all records that are shown in full, so that the page stays under 10 MB.
const ALL_RAW_BYTES: usize = 4 << 20;
/// Deeper nesting than that is not shown as such, as each line would be longer than its text.
const DEEPEST: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_put_on_lines_with_every_token_as_it_was() {
        let record = r#"{"a":"x \"{,}\" \\","b":[1.50,{"c":[]},{}],"a":null, "d" : 1e3}"#;
        insta::assert_snapshot!(indented(record), @r#"
        {
          "a": "x \"{,}\" \\",
          "b": [
            1.50,
            {
              "c": []
            },
            {}
          ],
          "a": null,
          "d": 1e3
        }
        "#);
        assert_eq!(indented("a,b"), "a,b");
        assert!(indented(&"[".repeat(1_000)).len() < 2_000);
        let deep = "{\"a\":".repeat(1_000);
        assert!(indented(&deep).len() < 100 * deep.len());
    }
}
