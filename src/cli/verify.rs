//! `trailsift verify`: which files are what CloudTrail delivered?

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::Result;
use serde_json::{Map, Value, json};
use trailsift::case::{Trust, Verified, as_case, tally, verify_scope};
use trailsift::digest::{CoverageRow, Evidence, FileKind, FileReport, Finding, Reason, Severity, Tail, Verification};
use trailsift::ingest::Progress;
use trailsift::report::integrity::{finding_subject, finding_words, rank, reason_words, sentences};
use trailsift::report::text::quoted;
use trailsift::{Error, report};

use super::args::{Format, VerifyArgs};
use super::exit::Exit;
use super::input;
use super::keys::Keys;
use super::messages::Messages;
use super::output::{Output, line, write_jsonl};
use super::progress::Display;
use super::table::{Column, Cut, Grid, Screen, hidden_columns};
use super::text::{count, number, thousands, wrap};

pub(crate) fn run(args: &VerifyArgs) -> Result<Exit> {
    let now = input::now()?;
    let scope = input::scope(&args.sources, &args.aws, &args.filter, args.run.jobs, now)?;
    let messages = Messages::new(args.output.quiet, args.output.verbose);
    let output = Output::open(&args.output)?;
    let keys = Keys::wanted(&args.trust, &args.aws, now, None, args.output.force)?;
    let trust = Trust { key_source: keys.source(), ..input::trust(&args.trust, &scope.sources)? };
    if let Some(case) = as_case(&scope.sources)? {
        let reason = "it is a case: what its digests say is in its integrity.json, and verify reads logs and digests";
        return Err(Error::setting(format!("verify {}", case.display()), reason).into());
    }
    let progress = Arc::new(Progress::default());
    let display = Display::start(&progress, messages, args.run.no_progress);
    let verified = verify_scope(&scope, &trust, &progress)?;
    drop(display);
    keys.say(messages);
    match output.format {
        Format::Table => {
            let mut hidden = 0;
            output.write(|out| {
                hidden = page(out, args, &verified, &output.screen())?;
                Ok(())
            })?;
            if let Some(text) = hidden_columns(hidden) {
                messages.say(&text);
            }
        }
        Format::Json => output.write_document(&report::json::verify(&verified))?,
        Format::Jsonl => output.write(|out| write_jsonl(out, &rows(args, &verified.verification)))?,
        Format::Csv => output.write_csv(&NAMES.map(str::to_owned), rows(args, &verified.verification).into_iter().map(Ok))?,
    }
    messages.books(&verified.ledger, "-v, or --format json");
    Ok(exit(args, &verified, messages))
}

fn exit(args: &VerifyArgs, verified: &Verified, messages: Messages) -> Exit {
    let Verified { verification, ledger } = verified;
    if verification.is_mostly_moved() {
        messages.say("most files lie elsewhere than they were recorded: for a copy of the evidence give --no-strict-location");
    }
    let is_alert = verification.worst == Severity::Error || (args.strict && verification.worst == Severity::Warning);
    Exit::of(is_alert, args.run.allow_problems || (ledger.is_clean() && verification.worst == Severity::Info))
}

/// The files that are shown, what was altered first.
fn shown<'v>(args: &VerifyArgs, verification: &'v Verification) -> Vec<(&'v Tail, &'v FileReport)> {
    let mut files: Vec<_> = verification.files.iter().filter(|(_, report)| !args.only_bad || !report.verdict.is_valid()).collect();
    files.sort_by_key(|(_, report)| rank(&report.verdict));
    files
}

const NAMES: [&str; 7] = ["status", "kind", "object", "tail", "reason", "evidence", "notes"];

fn rows(args: &VerifyArgs, verification: &Verification) -> Vec<Map<String, Value>> {
    let row = |(tail, report): (&Tail, &FileReport)| {
        let notes: Vec<&str> = report.notes.iter().map(|note| note.name()).collect();
        let values = [
            json!(report.verdict.status()),
            json!(report.kind.name()),
            json!(report.object.as_deref()),
            json!(tail.as_str()),
            json!(report.verdict.reason().map(Reason::name)),
            json!(report.verdict.evidence().map(Evidence::name)),
            json!(notes.join(" ")),
        ];
        NAMES.iter().map(|name| (*name).to_owned()).zip(values).collect()
    };
    shown(args, verification).into_iter().map(row).collect()
}

/// The answer for people; yields how many columns the screen had no room for.
fn page(out: &mut dyn Write, args: &VerifyArgs, verified: &Verified, screen: &Screen) -> io::Result<usize> {
    let verification = &verified.verification;
    if args.heads {
        return heads(out, verification).map(|()| 0);
    }
    let mut hidden = 0;
    let files = shown(args, verification);
    if !files.is_empty() {
        hidden += file_grid(&files).write(out, screen)?;
        line(out, "")?;
    }
    let findings: Vec<&Finding> =
        verification.findings.iter().filter(|finding| !args.only_bad || finding.severity > Severity::Info).collect();
    if !findings.is_empty() {
        hidden += finding_grid(&findings).write(out, screen)?;
        line(out, "")?;
    }
    hidden += coverage_grid(&verification.coverage, screen).write(out, screen)?;
    line(out, "")?;
    let width = screen.width.unwrap_or(usize::MAX);
    for part in sentences(verification).iter().flat_map(|sentence| wrap(sentence, width)) {
        line(out, &part)?;
    }
    counts(out, verification, width)?;
    trust(out, verification)?;
    line(out, &format!("Verdict    {}", verification.worst.overall()))?;
    Ok(hidden)
}

/// Each file with its status; below it what that means.
fn file_grid(files: &[(&Tail, &FileReport)]) -> Grid {
    let mut grid =
        Grid::new(vec![Column::new("STATUS"), Column::new("KIND"), Column::new("REASON"), Column::new("FILE").cut(Cut::Middle, 16)]);
    for (tail, report) in files {
        let reason = report.verdict.reason();
        let evidence = report.verdict.evidence().map_or("", Evidence::name);
        let status = if report.verdict.status() == "invalid" { "INVALID" } else { report.verdict.status() };
        let object = report.object.as_deref().unwrap_or_else(|| tail.as_str());
        grid.row([status, report.kind.name(), reason.map_or(evidence, Reason::name), object]);
        if let Some(reason) = reason.filter(|_| rank(&report.verdict) < 3) {
            grid.note(reason_words(reason));
        }
    }
    grid
}

fn finding_grid(findings: &[&Finding]) -> Grid {
    let mut grid = Grid::new(vec![Column::new("SEVERITY"), Column::new("FINDING"), Column::new("ABOUT").cut(Cut::Middle, 16)]);
    for finding in findings {
        grid.row([finding.severity.name(), finding.kind.name(), &finding_subject(finding)]);
        grid.note(&finding_words(finding));
    }
    grid
}

fn coverage_grid(rows: &[CoverageRow], screen: &Screen) -> Grid {
    let mut grid = Grid::new(vec![
        Column::new("ACCOUNT"),
        Column::new("REGION"),
        Column::new("TRAIL").cut(Cut::End, 8),
        Column::new("DIGESTS").right(),
        Column::new("LOGS").right(),
        Column::new("FIRST"),
        Column::new("LAST"),
    ]);
    for row in rows {
        let trail = row.trail.as_deref().unwrap_or("(in no digest)");
        let (first, last) = (screen.time(row.first), screen.time(row.last));
        grid.row([&*row.account, &*row.region, trail, &thousands(row.digests), &thousands(row.logs), &first, &last]);
    }
    grid
}

/// Digests and logs by their status.
fn counts(out: &mut dyn Write, verification: &Verification, width: usize) -> io::Result<()> {
    let is_log = |kind: FileKind| kind == FileKind::Log;
    for (title, logs) in [("digests", false), ("log files", true)] {
        let mut parts: Vec<String> = Vec::new();
        let mut all = 0;
        for ((status, reason), number) in tally(verification, |kind| is_log(kind) == logs) {
            let reason = reason.map_or(String::new(), |reason| format!("/{reason}"));
            all += number;
            parts.push(format!("{} {status}{reason}", thousands(number)));
        }
        let parts = if parts.is_empty() { "none".to_owned() } else { parts.join(" + ") };
        for part in wrap(&format!("{title:<10} {} = {parts}", thousands(all)), width) {
            line(out, &part)?;
        }
    }
    Ok(())
}

fn trust(out: &mut dyn Write, verification: &Verification) -> io::Result<()> {
    if verification.trust.is_empty() {
        let missing = count(number(verification.missing_keys.len()), "public key");
        return line(
            out,
            &format!("Trust      no key file was given (--keys, --fetch-keys); {missing} wanted, and verify --heads says how to get them"),
        );
    }
    for file in &verification.trust {
        line(out, &format!("Trust      {}, {}, SHA-256 {}", file.name, count(number(file.fingerprints.len()), "key"), file.sha256))?;
    }
    Ok(())
}

/// The commands that would fetch what is wanting.
fn heads(out: &mut dyn Write, verification: &Verification) -> io::Result<()> {
    let (heads, keys) = (&verification.unsigned_heads, &verification.missing_keys);
    if heads.is_empty() && keys.is_empty() {
        return line(out, "# no signature and no public key is wanting");
    }
    for key in keys {
        // Texts out of a digest go into quotes, and nowhere else.
        line(
            out,
            &format!(
                "aws cloudtrail list-public-keys --region {} --start-time {} --end-time {} > {}",
                quoted(&key.region),
                key.from,
                key.to.plus_seconds(KEY_SLACK).unwrap_or(key.to),
                quoted(&format!("keys-{}.json", key.region.replace('/', "-"))),
            ),
        )?;
    }
    for head in heads {
        let name = head.object.rsplit('/').next().unwrap_or(&head.object);
        line(
            out,
            &format!(
                "aws s3api head-object --bucket {} --key {} > {}",
                quoted(&head.bucket),
                quoted(&head.object),
                quoted(&format!("{name}.meta.json"))
            ),
        )?;
    }
    Ok(())
}

/// Seconds after a digest's end for which keys are asked, as AWS's own command does.
const KEY_SLACK: i64 = 2 * 3_600;
