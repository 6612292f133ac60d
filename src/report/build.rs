//! Making a [`Report`] of what a case holds. Numbers are asked of the case, sentences are made here.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::buckets;
use super::drift::section::{DriftSection, DriftSources};
use super::integrity;
use super::model::{
    Accepted, Cell, Count, EvidenceRow, Figures, FindingRow, Findings, Head, Identities, Identity, Method, Oddity, ProblemRow, Problems,
    Report, RuleLine, RuleTable, RuleText, Sentence, Summary, Tables, Text, Time, Tone,
};
use super::raw::{RawText, SHOWN_EVIDENCE, SHOWN_FINDINGS, ShownRecords};
use super::text::{count, number, quoted, short_principal, thousands, window};
use crate::case::Case;
use crate::detect::{self, Catalog, Detections, Finding, Rule, RuleStatus, RunStatus, Severity};
use crate::digest::DigestCounts;
use crate::error::Error;
use crate::problem::Problem;
use crate::schema::Column;
use crate::summary::{By, SummaryRow, activity, summary};
use crate::time::EventTime;

/// What a report is made of.
#[derive(Debug, Clone, Copy)]
pub struct Sources<'s> {
    /// The logs as they were read.
    pub case: &'s Case,
    /// The rules.
    pub catalog: &'s Catalog,
    /// What they found.
    pub detections: &'s Detections,
    /// Of the records that the findings rest on, those that the page shows.
    pub records: &'s ShownRecords,
    /// What changed of identities; `None` where nobody asked.
    pub drift: Option<DriftSources<'s>>,
    /// What only the caller knows.
    pub run: &'s Run,
}

/// What only the caller knows: the same input gives the same page but for this.
#[derive(Debug, Clone)]
pub struct Run {
    /// What the case is called.
    pub name: String,
    /// The words of the command line.
    pub command_line: Vec<String>,
    /// When the run began.
    pub started: EventTime,
}

/// Identities, problems, and rows of a rule's table that the page shows.
const SHOWN_ROWS: usize = 500;
/// Rows of the lists beside the main ones.
const SHOWN_OTHERS: usize = 200;
/// Letters that are kept on one line, as many as a time with a fraction has.
const ONE_LINE: usize = 27;
/// Addresses and regions that an identity lists.
const SHOWN_VALUES: usize = 5;

impl Report {
    /// The report on a case.
    ///
    /// # Errors
    /// [`Error::Frame`] where the events cannot be summed up.
    pub fn new(sources: &Sources<'_>) -> Result<Self, Error> {
        let Sources { case, catalog, detections, drift, run, .. } = *sources;
        let principals = summary(&case.events, &detections.findings, By::Principal)?;
        let addresses = case.events.distinct(Column::SourceIpAddress)?;
        let figures = figures(case, detections, &principals, number(addresses.len()));
        let activity = buckets::activity(&activity(&case.events)?, &detections.findings);
        Ok(Self {
            head: head(case, run),
            summary: verdict(case, detections),
            drift: drift.map(|drift| DriftSection::new(&drift, &activity)).transpose()?,
            activity,
            integrity: integrity::section(case),
            completeness: case.completeness.iter().flat_map(integrity::completeness_lines).map(|line| Text::whole(&line)).collect(),
            findings: findings(sources, &figures),
            figures,
            tables: tables(detections, catalog),
            identities: identities(principals),
            problems: problems(case),
            method: method(sources),
        })
    }
}

fn head(case: &Case, run: &Run) -> Head {
    let range = &case.scope.options.filter.range;
    Head {
        name: Text::new(&run.name),
        window: Text::new(&window(range).unwrap_or_else(|| "all times".to_owned())),
        accounts: some(&case.coverage.accounts),
        regions: some(&case.coverage.regions),
        events: height(case),
    }
}

/// The first of the values, and how many more there are.
fn some(values: &BTreeSet<String>) -> Vec<Text> {
    let more = Count::beyond(values.len(), SHOWN_OTHERS);
    let rest = (!more.is_zero()).then(|| Text::new(&format!("and {more} more")));
    values.iter().take(SHOWN_OTHERS).map(|value| Text::new(value)).chain(rest).collect()
}

fn height(case: &Case) -> Count {
    Count(number(case.events.height()))
}

fn verdict(case: &Case, detections: &Detections) -> Summary {
    let ledger = &case.ledger;
    let (integrity, integrity_tone) = match case.integrity.as_ref().and_then(|integrity| integrity.verification.as_ref()) {
        Some(verification) => (integrity::sentences(verification).join(" "), integrity::tone(verification.worst)),
        None => (integrity::UNCHECKED.to_owned(), Tone::Unknown),
    };
    let ran = number(detections.rules.iter().filter(|rule| has_run(rule)).count());
    let looked = format!("{} looked at {}", count(ran, "rule"), count(height(case).0, "event"));
    let all = number(detections.findings.len());
    let worst = detections.findings.iter().map(|finding| finding.severity).max();
    let counts: Vec<String> = severities(&detections.findings)
        .into_iter()
        .filter(|(_, count)| !count.is_zero())
        .map(|(severity, count)| format!("{count} {severity}"))
        .collect();
    let found = match counts.split_last() {
        None => format!("{looked} and found nothing."),
        Some((last, [])) => format!("{looked} and made {}: {last}.", count(all, "finding")),
        Some((last, rest)) => format!("{looked} and made {}: {} and {last}.", count(all, "finding"), rest.join(", ")),
    };
    let (missing, tone) = if ledger.is_clean() {
        let text = format!(
            "All that is here could be used: {} and {} are accounted for. What is not here is for the digests to tell.",
            count(ledger.objects.listed, "object"),
            count(ledger.records.seen, "record")
        );
        (text, Tone::Calm)
    } else {
        let text = format!(
            "Not all that is here could be used: {} and {} have problems (see Problems). What is not here is for the digests to tell.",
            count(ledger.objects.problems, "object"),
            count(ledger.records.problems, "record")
        );
        (text, Tone::Warning)
    };
    Summary {
        integrity: Sentence { title: "Integrity", text: Text::whole(&integrity), tone: integrity_tone },
        found: Sentence {
            title: "Findings",
            text: Text::whole(&found),
            tone: if worst >= Some(Severity::High) { Tone::Warning } else { Tone::Calm },
        },
        missing: Sentence { title: "Completeness", text: Text::whole(&missing), tone },
    }
}

const fn has_run(rule: &RuleStatus) -> bool {
    matches!(rule.status, RunStatus::Run | RunStatus::Degraded | RunStatus::Never)
}

/// Findings by severity, the worst first.
fn severities(findings: &[Finding]) -> Vec<(Severity, Count)> {
    let of = |severity| number(findings.iter().filter(|finding| finding.severity == severity).count());
    Severity::ALL.into_iter().rev().map(|severity| (severity, Count(of(severity)))).collect()
}

fn figures(case: &Case, detections: &Detections, principals: &[SummaryRow], addresses: u64) -> Figures {
    Figures {
        events: height(case),
        identities: Count(number(principals.iter().filter(|row| row.key.is_some()).count())),
        addresses: Count(addresses),
        severities: severities(&detections.findings),
        findings: Count(number(detections.findings.len())),
        first: case.coverage.first_event.map(Time),
        last: case.coverage.last_event.map(Time),
    }
}

fn findings(sources: &Sources<'_>, figures: &Figures) -> Findings {
    let Sources { catalog, detections, records, .. } = sources;
    let mut raw = RawText::new(records);
    let all = &detections.findings;
    let rows: Vec<FindingRow> = all
        .iter()
        .take(SHOWN_FINDINGS)
        .zip(1..)
        .map(|(finding, number)| finding_row(finding, number, catalog.rule(&finding.rule_id), &mut raw))
        .collect();
    let accepted = |accepted: &detect::Suppressed| Accepted {
        severity: accepted.finding.severity,
        first: accepted.finding.first_time.map(Time),
        rule_id: Text::new(&accepted.finding.rule_id),
        message: Text::new(&accepted.finding.message),
        by: Text::new(&accepted.accepted_by),
    };
    Findings {
        severities: figures.severities.clone(),
        all: figures.findings,
        more: Count::beyond(all.len(), SHOWN_FINDINGS),
        rows,
        raw_shown: Count(raw.shown),
        raw_left_out: Count(raw.left_out),
        accepted: detections.suppressed.iter().take(SHOWN_OTHERS).map(accepted).collect(),
        more_accepted: Count::beyond(detections.suppressed.len(), SHOWN_OTHERS),
    }
}

fn finding_row(finding: &Finding, place: u64, rule: Option<&Rule>, raw: &mut RawText<'_>) -> FindingRow {
    let text = |value: &Option<String>| value.as_deref().map(Text::new);
    let shown = finding.evidence.iter().take(SHOWN_EVIDENCE).enumerate();
    let evidence = shown.map(|(place, evidence)| {
        let (offset, raw) = raw.take(&evidence, place);
        EvidenceRow {
            object: Text::new(&evidence.object),
            record_index: evidence.record_index,
            offset,
            event_id: evidence.event_id.as_ref().map(|id| Text::new(&id.to_string())),
            integrity: evidence.integrity.word(),
            raw,
        }
    });
    FindingRow {
        number: place,
        severity: finding.severity,
        message: Text::new(&finding.message),
        first: finding.first_time.map(Time),
        last: finding.last_time.map(Time),
        who_short: finding.principal.as_deref().map(short_principal).map(Text::new),
        who: text(&finding.principal),
        account: text(&finding.account_id),
        region: text(&finding.region),
        from: text(&finding.source_ip_address),
        event_name: text(&finding.event_name),
        absent: if finding.count > 1 { "several, or not in the records" } else { "not in the record" },
        events: Count(finding.count),
        integrity: finding.integrity().map_or("none", detect::Integrity::word),
        rule: rule_text(finding, rule),
        evidence: evidence.collect(),
        more_evidence: Count::beyond(finding.evidence.len(), SHOWN_EVIDENCE),
    }
}

fn rule_text(finding: &Finding, rule: Option<&Rule>) -> RuleText {
    let texts = |values: &[String]| values.iter().map(|value| Text::lines(value.trim())).collect();
    RuleText {
        id: Text::new(&finding.rule_id),
        title: Text::new(&finding.title),
        why: rule.map(|rule| Text::lines(rule.description.trim())).unwrap_or_default(),
        benign: texts(&finding.false_positives),
        next: texts(&finding.next_steps),
        condition: rule.map(|rule| Text::lines(&rule.text)).unwrap_or_default(),
        conditions: rule.and_then(Rule::in_words).map(|text| Text::new(&text)),
        attack: texts(&finding.attack),
        cis: texts(&finding.cis),
        source: Text::new(&finding.source),
    }
}

fn tables(detections: &Detections, catalog: &Catalog) -> Tables {
    let table = |table: &detect::RuleTable| {
        let rule = catalog.rule(&table.rule_id);
        let cells = |row: &Map<String, Value>| row.values().map(cell).collect();
        RuleTable {
            id: Text::new(&table.rule_id),
            title: rule.map(|rule| Text::new(&rule.title)).unwrap_or_default(),
            why: rule.map(|rule| Text::lines(rule.description.trim())).unwrap_or_default(),
            columns: table.rows.first().into_iter().flat_map(Map::keys).map(|name| Text::new(&name.replace('_', " "))).collect(),
            rows: table.rows.iter().take(SHOWN_ROWS).map(cells).collect(),
            more: Count::beyond(table.rows.len(), SHOWN_ROWS),
        }
    };
    // What root did comes first.
    let mut tables: Vec<&detect::RuleTable> = detections.tables.iter().collect();
    tables.sort_by_key(|table| !table.rule_id.starts_with("ROOT-"));
    Tables { tables: tables.into_iter().map(table).collect() }
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::Absent,
        Value::Number(number) => Cell::Number(Text::new(&number.as_u64().map_or_else(|| number.to_string(), thousands))),
        Value::String(text) if text.chars().count() <= ONE_LINE => Cell::Short(Text::new(text)),
        Value::String(text) => Cell::Text(Text::new(text)),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect();
            Cell::Text(Text::new(&items.join(", ")))
        }
        Value::Bool(flag) => Cell::Short(Text::new(&flag.to_string())),
        Value::Object(_) => Cell::Text(Text::new(&value.to_string())),
    }
}

fn identities(mut rows: Vec<SummaryRow>) -> Identities {
    // The rows come with the busiest first, which decides among equals.
    rows.sort_by_key(|row| (!is_root(row), Reverse(row.worst), Reverse(row.findings)));
    Identities { more: Count::beyond(rows.len(), SHOWN_ROWS), rows: rows.iter().take(SHOWN_ROWS).map(identity).collect() }
}

fn is_root(row: &SummaryRow) -> bool {
    row.key.as_deref().is_some_and(|name| name.starts_with("arn:") && short_principal(name) == "root")
}

fn identity(row: &SummaryRow) -> Identity {
    let texts = |values: &[String]| values.iter().take(SHOWN_VALUES).map(|value| Text::new(value)).collect::<Vec<_>>();
    let (addresses, regions) = (texts(&row.source_ips), texts(&row.regions));
    let permille = row.errors.saturating_mul(1_000).checked_div(row.events).unwrap_or_default();
    Identity {
        name: row.key.as_deref().map(Text::new),
        is_root: is_root(row),
        first: row.first_time.map(Time),
        last: row.last_time.map(Time),
        events: Count(row.events),
        writes: Count(row.writes),
        errors_permille: permille,
        errors: format!("{}.{}%", permille / 10, permille % 10),
        mfa_yes: Count(row.mfa_yes),
        mfa_no: Count(row.mfa_no),
        mfa_unknown: Count(row.mfa_unknown),
        address_count: Count(row.source_ip_count),
        more_addresses: Count(row.source_ip_count.saturating_sub(number(addresses.len()))),
        addresses,
        region_count: Count(row.region_count),
        more_regions: Count(row.region_count.saturating_sub(number(regions.len()))),
        regions,
        findings: Count(row.findings),
        worst: row.worst,
    }
}

fn problems(case: &Case) -> Problems {
    let ledger = &case.ledger;
    let (objects, records) = (&ledger.objects, &ledger.records);
    let mut sums = vec![
        format!(
            "objects listed {} = read {} + skipped {} + with problems {}",
            thousands(objects.listed),
            thousands(objects.read),
            thousands(objects.skipped),
            thousands(objects.problems)
        ),
        format!(
            "records seen {} = loaded {} + exact duplicates {} + with problems {}",
            thousands(records.seen),
            thousands(records.loaded),
            thousands(records.duplicates),
            thousands(records.problems)
        ),
        digests_due(case),
    ];
    let filtered = &ledger.filtered;
    if filtered.objects + filtered.records > 0 {
        sums.push(format!(
            "{} and {} left out by filters, outside the sums",
            count(filtered.objects, "object"),
            count(filtered.records, "record")
        ));
    }
    let row = |problem: &Problem| ProblemRow {
        object: Text::new(&problem.place.object),
        record_index: problem.place.record_index,
        offset: problem.place.offset,
        kind: problem.kind.name(),
        message: Text::new(&problem.message),
    };
    let mut oddities = kinds("used", ledger.notices.iter().map(|notice| (notice.kind.name(), notice.message.as_str())));
    oddities.extend(kinds("skipped", ledger.skipped.iter().map(|skipped| (skipped.reason.as_str(), skipped.object.as_ref()))));
    let more_oddities = Count::beyond(oddities.len(), SHOWN_OTHERS);
    oddities.truncate(SHOWN_OTHERS);
    Problems {
        sums: sums.iter().map(|sum| Text::whole(sum)).collect(),
        rows: ledger.problems.iter().take(SHOWN_ROWS).map(row).collect(),
        more: Count::beyond(ledger.problems.len(), SHOWN_ROWS),
        oddities,
        more_oddities,
    }
}

/// One line a kind, the most frequent one first, with its first example.
fn kinds<'v>(fate: &'static str, values: impl Iterator<Item = (&'v str, &'v str)>) -> Vec<Oddity> {
    let mut counts: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    for (kind, example) in values {
        counts.entry(kind).or_insert((0, example)).0 += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(kind, (count, _))| (Reverse(*count), *kind));
    let oddity = |(kind, (count, example))| Oddity { fate, kind: Text::new(kind), count: Count(count), example: Text::new(example) };
    counts.into_iter().map(oddity).collect()
}

fn method(sources: &Sources<'_>) -> Method {
    let Sources { case, catalog, detections, run, .. } = sources;
    let filter = &case.scope.options.filter;
    let listed = |values: &[String]| if values.is_empty() { "all".to_owned() } else { values.join(", ") };
    let paths: Vec<String> = case.scope.sources.iter().map(ToString::to_string).collect();
    let words: Vec<String> = run.command_line.iter().map(|word| quoted(word)).collect();
    let (ledger, bytes) = (&case.ledger, |bytes: u64| format!("{} bytes", thousands(bytes)));
    let facts = vec![
        ("Version", Text::new(concat!("trailsift ", env!("CARGO_PKG_VERSION")))),
        ("Command line", Text::whole(&words.join(" "))),
        ("Started", Text::new(&run.started.to_string())),
        ("Sources", Text::whole(&paths.join(", "))),
        ("Window", Text::new(&window(&filter.range).unwrap_or_else(|| "all times".to_owned()))),
        ("Accounts", Text::new(&listed(&filter.accounts))),
        ("Regions", Text::new(&listed(&filter.regions))),
        ("Read", Text::new(&format!("{}, {} after inflation", bytes(ledger.compressed_bytes), bytes(ledger.inflated_bytes)))),
        ("Input list", Text::new(&format!("SHA-256 {} over name, size and SHA-256 of each object, sorted by name", case.input_sha256()))),
        ("Rules", Text::new(&format!("SHA-256 {} over id and SHA-256 of each rule, sorted by id", catalog.sha256()))),
        ("Session tokens", Text::new("taken out of every record shown here")),
        ("Times", Text::new("UTC, RFC 3339; windows include their start and not their end")),
    ];
    let rules = &detections.rules;
    let line = |status: &RuleStatus| {
        let rule = catalog.rule(&status.id);
        let table = detections.tables.iter().find(|table| table.rule_id == status.id);
        let found = match (has_run(status), table) {
            (false, _) => String::new(),
            (true, Some(table)) => count(number(table.rows.len()), "row"),
            (true, None) if status.findings == 0 => "nothing".to_owned(),
            (true, None) => count(status.findings, "finding"),
        };
        RuleLine {
            id: Text::new(&status.id),
            title: rule.map(|rule| Text::new(&rule.title)).unwrap_or_default(),
            severity: rule.map(|rule| rule.severity.default),
            status: status_words(status.status),
            reason: Text::new(status.reason.as_deref().unwrap_or_default()),
            found: Text::new(&found),
            sha256: rule.map(|rule| Text::new(&rule.sha256)).unwrap_or_default(),
        }
    };
    let ran = rules.iter().filter(|rule| has_run(rule));
    let is_silent = |rule: &&RuleStatus| rule.findings == 0 && !detections.tables.iter().any(|table| table.rule_id == rule.id);
    Method {
        facts,
        rules: rules.iter().take(SHOWN_FINDINGS).map(line).collect(),
        more_rules: Count::beyond(rules.len(), SHOWN_FINDINGS),
        ran: Count(number(ran.clone().count())),
        silent: Count(number(ran.filter(is_silent).count())),
        idle: Count(number(rules.iter().filter(|rule| !has_run(rule)).count())),
    }
}

const fn status_words(status: RunStatus) -> &'static str {
    match status {
        RunStatus::Run => "run",
        RunStatus::NotRun => "not run",
        RunStatus::Skipped => "skipped",
        RunStatus::Degraded => "degraded",
        RunStatus::Never => "can never fire",
    }
}

/// How many digests ended how.
fn digests_due(case: &Case) -> String {
    let verification = case.integrity.as_ref().and_then(|integrity| integrity.verification.as_ref());
    verification.map_or_else(
        || "digests due: none are here".to_owned(),
        |verification| {
            let DigestCounts { due, valid, invalid, missing, unverified } = verification.digests;
            format!(
                "digests due {} = valid {} + invalid {} + missing {} + unverified {}",
                thousands(due),
                thousands(valid),
                thousands(invalid),
                thousands(missing),
                thousands(unverified)
            )
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_tables_keep_their_kind() {
        assert_eq!(cell(&Value::Null), Cell::Absent);
        assert_eq!(cell(&serde_json::json!(12_345)), Cell::Number(Text::new("12,345")));
        assert_eq!(cell(&serde_json::json!(["a", null])), Cell::Text(Text::new("a, null")));
    }
}
