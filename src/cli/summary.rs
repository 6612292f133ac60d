//! The page that `investigate` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;

use trailsift::case::Case;
use trailsift::detect::{Catalog, Finding, Severity};
use trailsift::report::integrity::{UNCHECKED, completeness_lines, sentences};
use trailsift::time::EventTime;

use super::findings::{self, Found};
use super::input::window_text;
use super::messages::archive_lines;
use super::output::line;
use super::session::Session;
use super::table::{Column, Grid, Screen};
use super::text::{count, number, quoted, thousands, wrap};

/// Findings that the page shows; all of them are in the case.
const SHOWN_FINDINGS: usize = 10;
/// Columns before the text of a line.
const INDENT: usize = 12;

/// What the page tells about.
#[derive(Debug)]
pub(crate) struct Summary<'s> {
    pub(crate) name: &'s str,
    pub(crate) folder: &'s Path,
    pub(crate) session: &'s Session,
    pub(crate) catalog: &'s Catalog,
    pub(crate) case: &'s Case,
    pub(crate) found: &'s Found,
    /// What changed in identities, in a line.
    pub(crate) drift: String,
}

impl Summary<'_> {
    pub(crate) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let screen = self.session.output.screen();
        self.head(out, &screen)?;
        let findings = &self.found.detections.findings;
        line(out, "")?;
        if !findings.is_empty() {
            severities(findings, &screen).write(out, &screen)?;
            line(out, "")?;
            let top = findings.get(..SHOWN_FINDINGS).unwrap_or(findings);
            findings::write_table(out, top, &screen)?;
            line(out, "")?;
        }
        line(out, &findings::count_line(self.found, self.case))?;
        findings::write_accepted(out, &self.found.detections, &screen)?;
        self.tail(out, &screen)
    }

    fn head(&self, out: &mut dyn Write, screen: &Screen) -> io::Result<()> {
        let Case { coverage, ledger, scope, .. } = self.case;
        let list = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(" ");
        let (records, objects) = (&ledger.records, &ledger.objects);
        let time = |time: Option<EventTime>| time.map_or_else(|| "-".to_owned(), |time| screen.time(time));
        let loaded = format!(
            "{} loaded from {} seen; {}, {} with problems",
            count(records.loaded, "event"),
            count(records.seen, "record"),
            count(records.duplicates, "exact duplicate"),
            count(records.problems, "record")
        );
        let read = format!(
            "{} read of {} listed; {} skipped, {} with problems",
            count(objects.read, "object"),
            thousands(objects.listed),
            thousands(objects.skipped),
            thousands(objects.problems)
        );
        let window = window_text(&scope.options.filter.range).unwrap_or_else(|| "all times".to_owned());
        let verification = self.case.integrity.as_ref().and_then(|integrity| integrity.verification.as_ref());
        let integrity = verification.map_or_else(|| vec![UNCHECKED.to_owned()], |verification| sentences(verification).to_vec());
        let labels = std::iter::once("Integrity").chain(std::iter::repeat(""));
        let mut lines = vec![
            ("Case", self.name.to_owned()),
            ("Window", window),
            ("Accounts", list(&coverage.accounts)),
            ("Regions", list(&coverage.regions)),
            ("", String::new()),
        ];
        lines.extend(labels.zip(integrity));
        lines.extend(self.case.completeness.iter().flat_map(completeness_lines).map(|line| ("", line)));
        lines.extend([("Coverage", loaded), ("", read)]);
        lines.extend(archive_lines(ledger).into_iter().map(|archives| ("", archives)));
        lines.push(("Identities", self.drift.clone()));
        lines.extend([("First event", time(coverage.first_event)), ("Last event", time(coverage.last_event))]);
        lines.iter().try_for_each(|(label, text)| labelled(out, label, text, screen))
    }

    fn tail(&self, out: &mut dyn Write, screen: &Screen) -> io::Result<()> {
        let findings = number(self.found.detections.findings.len());
        let sources: Vec<String> = self.case.scope.sources.iter().map(|source| quoted(&source.to_string())).collect();
        let sources = sources.join(" ");
        let more = findings.saturating_sub(number(SHOWN_FINDINGS));
        if more > 0 {
            line(out, &format!("{} more: trailsift detect {sources}", thousands(more)))?;
        }
        line(out, "")?;
        let integrity = if self.case.integrity.is_some() { "integrity.json, " } else { "" };
        let files = format!(
            "report.html, case.json, {integrity}findings.jsonl, suppressed.jsonl, evidence.jsonl, drift.jsonl, iam_changes.parquet, problems.jsonl, seen.jsonl, events/"
        );
        labelled(out, "Written to", &format!("{}: {files}", self.folder.display()), screen)?;
        let worst = self.found.detections.findings.first();
        if let Some(finding) = worst {
            command(out, "Next", &format!("trailsift rules explain {}", finding.rule_id))?;
            command(out, "", &format!("trailsift detect {sources} --only {} --wide", finding.rule_id))?;
        }
        let table = findings::shown_tables(self.found, self.catalog).first().map(|table| table.rule_id.as_str());
        if let Some(id) = table {
            command(out, if worst.is_none() { "Next" } else { "" }, &format!("trailsift detect {sources} --only {id}"))?;
        }
        Ok(())
    }
}

/// A command to go on with, on one line however long, so that it can be copied.
fn command(out: &mut dyn Write, label: &str, text: &str) -> io::Result<()> {
    line(out, &format!("{label:<INDENT$}{text}"))
}

/// A label and its text, of which further lines stand below the first.
fn labelled(out: &mut dyn Write, label: &str, text: &str, screen: &Screen) -> io::Result<()> {
    let room = screen.width.map_or(usize::MAX, |width| width.saturating_sub(INDENT));
    let text = if text.is_empty() && !label.is_empty() { "-".into() } else { super::text::escape(text) };
    for (place, part) in wrap(&text, room).iter().enumerate() {
        let label = if place == 0 { label } else { "" };
        writeln!(out, "{}", format!("{label:<INDENT$}{part}").trim_end())?;
    }
    Ok(())
}

/// One row a severity, the worst first.
fn severities(findings: &[Finding], screen: &Screen) -> Grid {
    let day_title = if screen.offset.local_minus_utc() == 0 { "BUSIEST DAY".to_owned() } else { "BUSIEST DAY (UTC)".to_owned() };
    let mut grid =
        Grid::new(vec![Column::new("SEVERITY"), Column::new("FINDINGS").right(), Column::new("RULES").right(), Column::new(day_title)]);
    for severity in Severity::ALL.into_iter().rev() {
        let of: Vec<&Finding> = findings.iter().filter(|finding| finding.severity == severity).collect();
        if of.is_empty() {
            continue;
        }
        let rules: BTreeSet<&str> = of.iter().map(|finding| &*finding.rule_id).collect();
        grid.row([severity.name(), &thousands(number(of.len())), &thousands(number(rules.len())), &busiest_day(&of)]);
        grid.severity(severity);
    }
    grid
}

/// The day on which most findings begin, the first of several.
fn busiest_day(findings: &[&Finding]) -> String {
    let mut days: BTreeMap<String, u64> = BTreeMap::new();
    for time in findings.iter().filter_map(|finding| finding.first_time) {
        let day = time.hour_text().get(..10).unwrap_or_default().to_owned();
        *days.entry(day).or_default() += 1;
    }
    let busiest = days.iter().max_by(|left, right| left.1.cmp(right.1).then_with(|| right.0.cmp(left.0)));
    busiest.map(|(day, count)| format!("{day} ({})", thousands(*count))).unwrap_or_default()
}
