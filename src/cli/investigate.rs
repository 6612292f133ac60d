//! `trailsift investigate`: everything, into one folder.

use std::env;
use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};
use trailsift::Error;
use trailsift::case::{Case, EVENTS, SCHEMA, StoredEvents, as_case};
use trailsift::detect::{Catalog, Detections, SEEN_FILE};
use trailsift::digest::Verification;
use trailsift::frame::Store;
use trailsift::iam::graph::Graph;
use trailsift::problem::{Ledger, Problem};
use trailsift::query;
use trailsift::report;
use trailsift::report::build::{Run, Sources};
use trailsift::report::drift::section::DriftSources;
use trailsift::report::json::DriftItems;
use trailsift::report::model::Report;
use trailsift::report::raw::ShownRecords;
use trailsift::time::EventTime;

use super::args::{InvestigateArgs, LogArgs};
use super::case_folder::CaseFolder;
use super::drift::{self, write_items};
use super::evidence::Pieces;
use super::exit::Exit;
use super::findings::{self, Found};
use super::keys::Keys;
use super::output::{check_target, jsonl_bytes, write_file, written_bytes};
use super::session::Session;
use super::snapshots::ComparedFile;
use super::summary::Summary;
use super::text::{count, number};

/// Bytes of the events' files for each stored byte of the logs, about, so that a full disk shows before the logs are read.
const EVENTS_SHARE: u64 = 2;
/// How much larger the manifest may be on the disk, where it is indented and lists the files.
const PRETTY: u64 = 2;
/// The most that a page takes, about; where it is longer the disk may be found full only when it is written.
const PAGE_BYTES: u64 = 10 << 20;

pub(crate) fn run(args: &InvestigateArgs) -> Result<Exit> {
    let LogArgs { rules, output, run, .. } = &args.logs;
    let (mut session, catalog) = Session::with_rules(&args.logs)?;
    let mut folder = CaseFolder::new(&out(args, session.now), output.force)?;
    let keys = Keys::wanted(&args.trust, &args.logs.aws, session.now, Some(folder.path()), output.force)?;
    session.verifying(&args.trust, &keys)?;
    let compared = session.comparing(&args.compare)?;
    if let Some(path) = &args.html {
        check_target(path, output.force)?;
    }
    folder.keep_off(session.sources())?;
    if let Some(case) = as_case(session.sources())? {
        let reason = "it is a case already: detect, sql, timeline and summary answer from it, and investigate reads logs";
        return Err(Error::setting(format!("investigate {}", case.display()), reason).into());
    }
    let share = EVENTS_SHARE + keep_fetched(args, &mut session, &folder)?;
    // Where the lock would lie among the logs it is taken only once they are listed.
    let among_logs = folder.is_under(session.sources());
    if !among_logs {
        folder.lock(session.now)?;
    }
    let (now, in_memory) = (session.now, session.memory_for_events());
    let (case, display) = session.read_into(|objects| {
        folder.lock(now)?;
        folder.begin(share * objects.iter().map(|object| object.size).sum::<u64>())?;
        Ok(Store::folder(folder.make_folder(EVENTS)?, in_memory))
    })?;
    display.stage("detecting");
    // The case holds all that was found; --min-severity is about what is shown.
    let all = case.detect(&catalog)?;
    display.stage("replaying identities");
    let replay = case.replay()?;
    let items = DriftItems::new(&case, &replay.drift.items, &|_| true);
    display.stage("writing the case");
    let evidence = Pieces::of(&all.findings);
    let problems = problems(&case.ledger);
    let manifest = manifest(&session, args, &compared, &catalog, &case, &all);
    let verification = case.integrity.as_ref().and_then(|integrity| integrity.verification.as_ref());
    let integrity = verification.into_iter().collect::<Vec<_>>();
    let lines = jsonl_bytes(&all.findings) + jsonl_bytes(&all.suppressed) + evidence.bytes(&case.ledger) + jsonl_bytes(&problems);
    folder.need(
        lines
            + written_bytes(|out| write_items(out, items))
            + jsonl_bytes(&integrity)
            + jsonl_bytes(&all.seen)
            + PAGE_BYTES
            + PRETTY * jsonl_bytes(&[&manifest]),
    )?;
    folder.note_files(EVENTS)?;
    folder.write_lines("findings.jsonl", &all.findings)?;
    folder.write_lines("suppressed.jsonl", &all.suppressed)?;
    let (records, mut shown) = (case.evidence(&all.findings)?, ShownRecords::of(&all.findings));
    let mut lost = 0;
    folder.write("evidence.jsonl", |out| {
        lost = evidence.write(out, records, |record| shown.offer(record))?;
        Ok(())
    })?;
    folder.write_lines("problems.jsonl", &problems)?;
    folder.write("drift.jsonl", |out| write_items(out, items))?;
    folder.write_by("iam_changes.parquet", |path| query::write_state(&case.change_table()?, path))?;
    folder.write_lines(SEEN_FILE, &all.seen)?;
    if !integrity.is_empty() {
        folder.write_lines("integrity.json", &integrity)?;
    }
    if let Some((name, text)) = keys.case_file() {
        folder.write_text(name, &text)?;
    }
    let page = page(&session, &folder.name(), &catalog, &case, &all, &shown)?;
    folder.write_text("report.html", &page)?;
    let path = folder.path().to_owned();
    let name = folder.name();
    folder.finish(&manifest)?;
    if let Some(path) = &args.html {
        check_target(path, output.force)?;
        write_file(path, |out| out.write_all(page.as_bytes()))?;
    }
    drop(display);
    keys.say(session.messages);
    let mut found = Found::new(all, rules.min_severity, run.fail_on);
    found.hide_tables(&catalog);
    let summary = Summary {
        name: &name,
        folder: &path,
        session: &session,
        catalog: &catalog,
        case: &case,
        found: &found,
        drift: drift::summary(replay),
    };
    found.write(&session.output, |detections| report::json::investigate(&case, replay, detections), |out| summary.write(out))?;
    findings::say_tables(session.messages, session.output.format, &found);
    findings::say_rules(session.messages, &found.detections);
    if lost > 0 {
        let records = count(number(lost), "evidence record");
        session.messages.say(&format!("{records} could not be read again: the files changed during the run"));
    }
    let more = format!("{}", path.join("problems.jsonl").display());
    Ok(session.end(&case, found.alert, lost == 0, &more)?)
}

/// Has what is fetched kept, where that is asked for; yields how many bytes that takes for each stored byte.
#[cfg(feature = "s3")]
fn keep_fetched(args: &InvestigateArgs, session: &mut Session, folder: &CaseFolder) -> Result<u64, Error> {
    if !args.resume {
        return Ok(0);
    }
    session.keep_fetched(folder.fetched())?;
    Ok(1)
}

#[cfg(not(feature = "s3"))]
#[expect(clippy::unnecessary_wraps, reason = "the form is that with S3")]
fn keep_fetched(_: &InvestigateArgs, _: &mut Session, _: &CaseFolder) -> Result<u64, Error> {
    Ok(0)
}

fn out(args: &InvestigateArgs, now: EventTime) -> PathBuf {
    let stamp = || now.to_string().replace(['-', ':'], "");
    args.out.clone().unwrap_or_else(|| PathBuf::from(format!("trailsift-case-{}", stamp())))
}

/// The HTML report.
fn page(session: &Session, name: &str, catalog: &Catalog, case: &Case, detections: &Detections, records: &ShownRecords) -> Result<String> {
    let replay = case.replay()?;
    let graph = Graph::of(&replay.drift.state);
    let drift = DriftSources { drift: &replay.drift, gaps: &replay.gaps, graph: Some(&graph) };
    let run = Run { name: name.to_owned(), command_line: command_line(), started: session.now };
    let report = Report::new(&Sources { case, catalog, detections, records, drift: Some(drift), run: &run })?;
    Ok(report::html::page(&report)?)
}

fn command_line() -> Vec<String> {
    env::args_os().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// Problems, then notices, each with its class.
fn problems(ledger: &Ledger) -> Vec<Value> {
    let lines = |class: &'static str, list: &[Problem]| {
        let line = move |problem: &Problem| {
            let mut line = json!({"class": class});
            if let (Some(fields), Value::Object(problem)) = (line.as_object_mut(), report::json::problem(problem)) {
                fields.extend(problem);
            }
            line
        };
        list.iter().map(line).collect::<Vec<_>>()
    };
    [lines("problem", &ledger.problems), lines("notice", &ledger.notices)].concat()
}

/// `case.json`, but for the files of the folder.
fn manifest(
    session: &Session,
    args: &InvestigateArgs,
    compared: &[ComparedFile],
    catalog: &Catalog,
    case: &Case,
    detections: &Detections,
) -> Value {
    let InvestigateArgs { logs: LogArgs { rules, .. }, trust, compare, .. } = args;
    let filter = &case.scope.options.filter;
    let verification = case.integrity.as_ref().and_then(|integrity| integrity.verification.as_ref());
    json!({
        "schema": SCHEMA,
        "version": env!("CARGO_PKG_VERSION"),
        "run": {
            "started": session.now.to_string(),
            "command_line": command_line(),
        },
        "options": {
            "sources": case.scope.sources.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "since": filter.range.since.map(|time| time.to_string()),
            "until": filter.range.until.map(|time| time.to_string()),
            "accounts": filter.accounts,
            "regions": filter.regions,
            "rules": rules.sources.rules.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            "no_builtin": rules.sources.no_builtin,
            "skip_bad_rules": rules.sources.skip_bad_rules,
            "only": rules.only,
            "exclude": rules.exclude,
            "min_severity": rules.min_severity,
            "set": rules.set,
            "accept": rules.accept.as_ref().map(|path| path.display().to_string()),
            "baseline_until": rules.baseline_until,
            "baseline_case": rules.baseline_case.as_ref().map(|path| path.display().to_string()),
            "keys": trust.keys.iter().map(|path| path.display().to_string()).collect::<Vec<_>>(),
            "signatures": trust.signatures.as_ref().map(|path| path.display().to_string()),
            "strict_location": case.scope.trust.as_ref().map(|trust| trust.strict_location),
            "expect_account": trust.expect_account,
            "expect_region": trust.expect_region,
            "partial_snapshot": compare.partial_snapshot,
            "at": compare.at,
            "trusted_accounts": compare.trusted_accounts,
        },
        "compared": compared,
        "rules": rule_rows(catalog, detections),
        "keys": verification.map_or_else(|| json!([]), Verification::trust_json),
        "integrity": case.integrity.as_ref().map(|integrity| json!({"verdict": integrity.worst.overall()})),
        "digests": case.integrity.as_ref().map_or(&[][..], |integrity| integrity.digests.as_slice()),
        "events": StoredEvents::of(&case.events),
        "inputs": case.file_rows(),
        "coverage": report::json::coverage(&case.coverage),
        "ledger": report::json::ledger(&case.ledger),
    })
}

/// Every rule with what became of it, and its hash.
fn rule_rows(catalog: &Catalog, detections: &Detections) -> Vec<Value> {
    let row = |status: &trailsift::detect::RuleStatus| {
        let rule = catalog.rule(&status.id);
        json!({
            "id": status.id,
            "status": status.status,
            "reason": status.reason,
            "findings": status.findings,
            "source": rule.map(|rule| &*rule.source),
            "sha256": rule.map(|rule| rule.sha256.as_str()),
        })
    };
    detections.rules.iter().map(row).collect()
}
