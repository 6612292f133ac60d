//! Findings for people: the table that `detect` and `investigate` share, and what the rules left unsaid.

use std::collections::BTreeSet;
use std::io::{self, Write};

use anyhow::Result;
use serde::Serialize;
use serde_json::{Map, Value};
use trailsift::detect::{Accepted, Catalog, CatalogOptions, Detections, Finding, Integrity, RuleTable, RunStatus, Severity, Suppressed};
use trailsift::query::FINDINGS;
use trailsift::{Error, case::Case};

use super::args::{FailOn, Format, RuleArgs, RuleSources};
use super::messages::Messages;
use super::output::{Output, line, write_jsonl};
use super::table::{Column, Cut, Grid, Screen, hidden_columns, rows_grid};
use super::text::{count, number, short_principal};

/// A screen of so many columns shows what was found beside the other columns; a smaller one below them.
pub(crate) const WIDE_ENOUGH: usize = 140;

impl From<&RuleArgs> for CatalogOptions {
    fn from(args: &RuleArgs) -> Self {
        Self { only: args.only.clone(), exclude: args.exclude.clone(), set: args.set.clone(), ..Self::from(&args.sources) }
    }
}

impl From<&RuleSources> for CatalogOptions {
    fn from(args: &RuleSources) -> Self {
        Self { paths: args.rules.clone(), no_builtin: args.no_builtin, skip_bad_rules: args.skip_bad_rules, ..Self::default() }
    }
}

/// What the rules found, as far as the flags let it be seen.
#[derive(Debug)]
pub(crate) struct Found {
    /// Without the findings below `--min-severity`.
    pub(crate) detections: Detections,
    /// `--min-severity`.
    pub(crate) least: Option<Severity>,
    /// How many findings are below it.
    pub(crate) below: usize,
    /// Whether any finding is at or above `--fail-on`.
    pub(crate) alert: bool,
}

impl Found {
    pub(crate) fn new(mut detections: Detections, least: Option<Severity>, fail_on: Option<FailOn>) -> Self {
        // The alert looks at all findings: what is not shown is there all the same.
        let is_worse = |level| detections.findings.iter().any(|finding| finding.severity >= level);
        let alert = matches!(fail_on, Some(FailOn::Severity(level)) if is_worse(level));
        let all = detections.findings.len();
        detections.findings.retain(|finding| least.is_none_or(|least| finding.severity >= least));
        let below = all - detections.findings.len();
        if below > 0 {
            // What is said of a rule is said of what is shown.
            for rule in &mut detections.rules {
                rule.findings = number(detections.findings.iter().filter(|finding| *finding.rule_id == *rule.id).count());
            }
        }
        Self { detections, least, below, alert }
    }

    /// Leaves the tables out whose rules are below `--min-severity`.
    pub(crate) fn hide_tables(&mut self, catalog: &Catalog) {
        let shown: BTreeSet<String> = shown_tables(self, catalog).into_iter().map(|table| table.rule_id.clone()).collect();
        self.detections.tables.retain(|table| shown.contains(&table.rule_id));
    }

    /// The one table that is the whole answer, where no other rule was run.
    fn only_table(&self) -> Option<&RuleTable> {
        let mut ran = self.detections.rules.iter().filter(|rule| has_run(rule.status));
        match (ran.next(), ran.next(), self.detections.tables.as_slice()) {
            (Some(rule), None, [table]) if table.rule_id == rule.id => Some(table),
            _ => None,
        }
    }

    /// Writes the findings in the form that was asked for; `summary` writes the one for people, and `document` makes the JSON.
    pub(crate) fn write<'s, D: Serialize>(
        &'s self,
        output: &Output,
        document: impl FnOnce(&'s Detections) -> D,
        summary: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<()> {
        let findings = &self.detections.findings;
        match output.format {
            Format::Table => output.write(summary),
            Format::Json => output.write_document(&document(&self.detections)),
            Format::Jsonl => match self.only_table() {
                Some(table) => output.write(|out| write_jsonl(out, &table.rows)),
                None => output.write(|out| write_jsonl(out, findings)),
            },
            Format::Csv => {
                if let Some(RuleTable { rows, .. }) = self.only_table()
                    && let Some(first) = rows.first()
                {
                    return output.write_csv(&first.keys().cloned().collect::<Vec<_>>(), rows.iter().map(Ok));
                }
                let names: Vec<String> = FINDINGS.fields.iter().map(|field| field.name.to_owned()).collect();
                output.write_csv(&names, rows(findings).into_iter().map(Ok))
            }
        }
    }
}

/// The findings as rows of the table `findings`.
pub(crate) fn rows(findings: &[Finding]) -> Vec<Map<String, Value>> {
    let row = |finding: &Finding| match serde_json::to_value(finding) {
        Ok(Value::Object(row)) => row,
        _ => Map::new(),
    };
    findings.iter().map(row).collect()
}

/// Writes one line a finding, and below it what was found where the screen is narrow.
pub(crate) fn write_table(out: &mut dyn Write, findings: &[Finding], screen: &Screen) -> io::Result<()> {
    let beside = screen.width.is_none_or(|width| width >= WIDE_ENOUGH);
    let whole = screen.width.is_none();
    let mut columns = vec![
        Column::new("SEVERITY"),
        Column::new(screen.time_title()),
        Column::new("RULE").cut(Cut::End, 9),
        Column::new("WHO").cut(Cut::Middle, 10),
        // An IPv4 address is never cut.
        Column::new("FROM").cut(Cut::Middle, 15),
    ];
    if beside {
        columns.push(Column::new("WHAT").cut(Cut::End, 40));
        columns.push(Column::new("EVIDENCE"));
    }
    let mut grid = Grid::new(columns);
    for finding in findings {
        let who = finding.principal.as_deref().unwrap_or_default();
        let mut cells = vec![
            finding.severity.name().to_owned(),
            finding.first_time.map(|time| screen.time(time)).unwrap_or_default(),
            finding.rule_id.to_string(),
            if whole { who } else { short_principal(who) }.to_owned(),
            finding.source_ip_address.clone().unwrap_or_default(),
        ];
        if beside {
            cells.extend([finding.message.clone(), integrity(finding).to_owned()]);
        }
        grid.row(cells);
        grid.severity(finding.severity);
        if !beside {
            grid.note(&format!("{} [evidence {}]", finding.message, integrity(finding)));
        }
    }
    grid.write(out, screen).map(|_| ())
}

/// What the digests say of the worst piece of evidence; never better than any of its pieces.
fn integrity(finding: &Finding) -> &'static str {
    finding.integrity().map_or("", Integrity::word)
}

/// Writes the answer of each `table` rule under its title.
pub(crate) fn write_rule_tables(out: &mut dyn Write, tables: &[&RuleTable], catalog: &Catalog, screen: &Screen) -> io::Result<()> {
    for table in tables {
        let title = catalog.rule(&table.rule_id).map(|rule| &*rule.title).unwrap_or_default();
        line(out, "")?;
        line(out, &format!("{}  {title}", table.rule_id))?;
        let Some(first) = table.rows.first() else {
            line(out, "no rows")?;
            continue;
        };
        let names: Vec<String> = first.keys().cloned().collect();
        let hidden = rows_grid(&names, &table.rows, screen).write(out, screen)?;
        if let Some(text) = hidden_columns(hidden) {
            line(out, &text)?;
        }
    }
    Ok(())
}

/// The `table` rules' answers that are not below the least severity.
pub(crate) fn shown_tables<'d>(found: &'d Found, catalog: &Catalog) -> Vec<&'d RuleTable> {
    let is_shown = |table: &&RuleTable| {
        let severity = catalog.rule(&table.rule_id).map_or(Severity::Info, |rule| rule.severity.default);
        found.least.is_none_or(|least| severity >= least)
    };
    found.detections.tables.iter().filter(is_shown).collect()
}

/// How many findings there are, over what.
pub(crate) fn count_line(found: &Found, case: &Case) -> String {
    let shown = number(found.detections.findings.len());
    let ran = found.detections.rules.iter().filter(|rule| has_run(rule.status));
    let over = format!("{} run over {}", count(number(ran.count()), "rule"), count(number(case.events.height()), "event"));
    let accepted = match found.detections.suppressed.len() {
        0 => String::new(),
        some => format!(" ({} accepted)", number(some)),
    };
    match found.least {
        Some(least) if least > Severity::Info => {
            let all = shown + number(found.below);
            format!("{} at or above {least} ({all} in all){accepted}, {over}", count(shown, "finding"))
        }
        _ => format!("{}{accepted}, {over}", count(shown, "finding")),
    }
}

const fn has_run(status: RunStatus) -> bool {
    matches!(status, RunStatus::Run | RunStatus::Degraded | RunStatus::Never)
}

/// Says what a form that takes findings only leaves out.
pub(crate) fn say_tables(messages: Messages, format: Format, found: &Found) {
    let rows: usize = found.detections.tables.iter().map(|table| table.rows.len()).sum();
    if rows > 0 && matches!(format, Format::Csv | Format::Jsonl) && found.only_table().is_none() {
        let rows = count(number(rows), "row");
        messages.say(&format!("{rows} of table rules not written: --format json has them, or --only ID of one such rule"));
    }
}

/// Says which rules did not do what was asked of them.
pub(crate) fn say_rules(messages: Messages, detections: &Detections) {
    for rule in &detections.rules {
        let word = match rule.status {
            RunStatus::Run => continue,
            // Left out because the user said so.
            RunStatus::NotRun if rule.reason.as_deref().is_some_and(|reason| reason.contains("--exclude") || reason.contains("--only")) => {
                continue;
            }
            RunStatus::NotRun => "not run",
            RunStatus::Skipped => "skipped",
            RunStatus::Degraded => "degraded",
            RunStatus::Never => "can never fire",
        };
        messages.say(&format!("rule     {} {word}: {}", rule.id, rule.reason.as_deref().unwrap_or("no reason given")));
    }
}

/// Writes one line a finding that was accepted beforehand, and nothing where there is none.
pub(crate) fn write_accepted(out: &mut dyn Write, detections: &Detections, screen: &Screen) -> io::Result<()> {
    if detections.suppressed.is_empty() {
        return Ok(());
    }
    let beside = screen.width.is_none_or(|width| width >= WIDE_ENOUGH);
    let mut columns = vec![Column::new("ACCEPTED"), Column::new(screen.time_title()), Column::new("WHO").cut(Cut::Middle, 10)];
    if beside {
        columns.push(Column::new("BY").cut(Cut::End, 40));
    }
    let mut grid = Grid::new(columns);
    for Suppressed { finding, accepted_by } in &detections.suppressed {
        let who = finding.principal.as_deref().unwrap_or_default();
        let time = finding.first_time.map(|time| screen.time(time)).unwrap_or_default();
        let mut cells = vec![&*finding.rule_id, &time, if screen.width.is_none() { who } else { short_principal(who) }];
        if beside {
            cells.push(accepted_by);
        }
        grid.row(cells);
        if !beside {
            grid.note(accepted_by);
        }
    }
    line(out, "")?;
    grid.write(out, screen).map(|_| ())
}

/// Loads the rules that the flags ask for.
pub(crate) fn load(args: &RuleArgs, accepted: &Accepted) -> Result<Catalog, Error> {
    Catalog::load(&CatalogOptions { accepted: accepted.lists(), ..CatalogOptions::from(args) })
}
