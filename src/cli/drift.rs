//! `trailsift drift`: how did identities change, who did it, and what does the log not explain?

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use anyhow::Result;
use serde_json::{Map, Value};
use trailsift::case::{Case, Replay};
use trailsift::detect::{Integrity, Severity};
use trailsift::iam::drift::{Evidence, Item};
use trailsift::report::json;
use trailsift::report::text::short_principal;
use trailsift::time::EventTime;

use super::args::{DriftArgs, FailOn, Format};
use super::exit::Exit;
use super::findings::WIDE_ENOUGH;
use super::output::{line, write_jsonl};
use super::session::Session;
use super::table::{Column, Cut, Grid, Screen};
use super::text::{count, number, thousands};

pub(crate) fn run(args: &DriftArgs) -> Result<Exit> {
    let mut session = Session::open(&args.sources, &args.filter, &args.output, &args.run)?;
    session.comparing(&args.compare)?;
    if !args.trust.keys.is_empty() {
        session.verifying(&args.trust)?;
    }
    let (case, display) = session.read()?;
    display.stage("replaying identities");
    let replay = case.replay()?;
    drop(display);
    let shown: Vec<&Item> = replay.drift.items.iter().filter(|item| is_asked(item, args)).collect();
    let rows: Vec<Map<String, Value>> = shown.iter().map(|item| json::drift_item(&case, item)).collect();
    match session.output.format {
        Format::Json => session.output.write_document(&json::drift(&case, replay, &rows))?,
        Format::Jsonl => session.output.write(|out| write_jsonl(out, &rows))?,
        Format::Csv => session.output.write_csv(&FIELDS.map(str::to_owned), &rows)?,
        Format::Table => {
            let screen = session.output.screen();
            session.output.write(|out| write_table(out, &case, replay, &shown, &screen))?;
        }
    }
    if case.scope.drift.baselines.is_empty() && case.scope.drift.t0.is_none() {
        session.messages.say("no start state is given: what was there before the log is not known (--baseline FILE, or --at TIME)");
    }
    if replay.untimed > 0 {
        session.messages.say(&format!("{} without a time not replayed", count(replay.untimed, "call")));
    }
    let alert = matches!(args.run.fail_on, Some(FailOn::Severity(level)) if replay.drift.items.iter().any(|item| item.approved_by.is_none() && severity(item) >= level));
    Ok(session.end(&case, alert, true, "-v, or --format json")?)
}

/// Whether the flags let an item be seen; what the log does not explain has no end to be compared with.
fn is_asked(item: &Item, args: &DriftArgs) -> bool {
    (!args.net || item.net != Some(false)) && (args.entity.is_empty() || args.entity.iter().any(|entity| concerns(item, entity)))
}

/// Whether an item is about an entity, or about a group's having it.
fn concerns(item: &Item, entity: &str) -> bool {
    let member = item.attribute.strip_prefix("members[").and_then(|rest| rest.strip_suffix(']'));
    let is_user = |name: &str| {
        let mut parts = entity.splitn(6, ':').skip(4);
        parts.next() == Some(&item.account)
            && parts.next().is_some_and(|user| user.starts_with("user/") && user.rsplit('/').next() == Some(name))
    };
    item.entity == entity || member.is_some_and(is_user)
}

fn severity(item: &Item) -> Severity {
    item.severity.name().parse().unwrap_or(Severity::Info)
}

fn write_table(out: &mut dyn Write, case: &Case, replay: &Replay, shown: &[&Item], screen: &Screen) -> io::Result<()> {
    let lines = head_lines(case, replay);
    for text in &lines {
        line(out, text)?;
    }
    if !lines.is_empty() {
        line(out, "")?;
    }
    if !shown.is_empty() {
        grid(case, &grouped(shown), screen).write(out, screen)?;
        line(out, "")?;
    }
    line(out, &count_line(replay, shown))
}

/// How much of the later snapshots the log explains, and when it is known to lack something.
fn head_lines(case: &Case, replay: &Replay) -> Vec<String> {
    let coverage = replay.drift.coverage;
    let compared = coverage.explained + coverage.unexplained + coverage.uncertain;
    let mut lines = Vec::new();
    if !case.scope.drift.later.is_empty() {
        lines.push(format!(
            "{} compared: {} explained by the log, {} not, {} changed while a snapshot was taken; {} not comparable",
            count(number(compared), "attribute"),
            thousands(number(coverage.explained)),
            thousands(number(coverage.unexplained)),
            thousands(number(coverage.uncertain)),
            thousands(number(coverage.not_covered)),
        ));
    }
    let time = |time: Option<EventTime>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    lines.extend(replay.gaps.iter().map(|gap| format!("gap {} to {}: {}", time(gap.range.since), time(gap.range.until), gap.reason)));
    lines
}

/// The items by entity: first those whose worst item is the worst, then in the order of their first; each entity's in
/// the order of replay.
fn grouped<'i>(items: &[&'i Item]) -> Vec<&'i Item> {
    let mut groups: BTreeMap<&str, (Severity, usize)> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        let group = groups.entry(&item.entity).or_insert((severity(item), place));
        group.0 = group.0.max(severity(item));
    }
    let mut sorted: Vec<&Item> = items.to_vec();
    sorted.sort_by_key(|item| groups.get(item.entity.as_str()).map(|(worst, place)| (std::cmp::Reverse(*worst), *place)));
    sorted
}

fn grid(case: &Case, items: &[&Item], screen: &Screen) -> Grid {
    let beside = screen.width.is_none_or(|width| width >= WIDE_ENOUGH);
    let shown = |arn: &str| if screen.width.is_none() { arn.to_owned() } else { short_principal(arn).to_owned() };
    let mut columns = vec![Column::new("SEVERITY"), Column::new("PRINCIPAL").cut(Cut::Middle, 12)];
    if beside {
        columns.push(Column::new("CHANGE").cut(Cut::Middle, 40));
    }
    columns.extend([Column::new("BY").cut(Cut::Middle, 10), Column::new(screen.time_title())]);
    if beside {
        columns.push(Column::new("EVIDENCE"));
    }
    let mut grid = Grid::new(columns);
    for item in items {
        let evidence = evidence(case, item);
        let mut cells = vec![severity(item).name().to_owned(), shown(&item.entity)];
        cells.extend(beside.then(|| change(item)));
        cells.extend([
            item.actor_arn.as_deref().map(shown).unwrap_or_default(),
            item.event_time.map(|time| screen.time(time)).unwrap_or_default(),
        ]);
        cells.extend(beside.then(|| evidence.to_owned()));
        grid.row(cells);
        grid.severity(severity(item));
        if !beside {
            grid.note(&format!("{} [evidence {evidence}]", change(item)));
        }
    }
    grid
}

/// The change in short: whether something came, went or is another, what, and what that is about.
fn change(item: &Item) -> String {
    let is_there = |value: &Value| !value.is_null() && *value != false;
    let sign = match (is_there(&item.before), is_there(&item.after)) {
        _ if item.net.is_none() => '?',
        (false, true) => '+',
        (true, false) => '-',
        _ => '~',
    };
    let what = if item.attribute == "exists" { String::new() } else { format!(" {}", item.attribute) };
    let approved = item.approved_by.as_ref().map(|change| format!(", approved by {change}"));
    let near = item.near_miss.as_ref().map(|change| format!(", not as {change} says"));
    let reverted = item.reverted_by.as_ref().map(|_| ", undone later".to_owned());
    let more: String = [approved, near, reverted].into_iter().flatten().collect();
    format!("{sign} {}{what} ({}{more})", item.kind.name().replace('_', " "), item.risk.name().replace('_', " "))
}

/// What the digests say of the worst piece of evidence.
fn evidence(case: &Case, item: &Item) -> &'static str {
    let verdicts = item.evidence.iter().map(|evidence| match evidence {
        Evidence::Record { object, .. } => case.integrity_of(object),
        Evidence::Snapshot { .. } => Integrity::NotChecked,
    });
    Integrity::worst(verdicts).map_or("", Integrity::word)
}

/// What changed in identities, in a line for the summary of a case.
pub(crate) fn summary(replay: &Replay) -> String {
    count_line(replay, &replay.drift.items.iter().collect::<Vec<_>>())
}

fn count_line(replay: &Replay, shown: &[&Item]) -> String {
    let entities: BTreeSet<&str> = shown.iter().map(|item| item.entity.as_str()).collect();
    let inferred = shown.iter().filter(|item| item.net.is_none()).count();
    format!(
        "{} on {}, {} that the log does not explain; {} left all as it was",
        count(number(shown.len() - inferred), "change"),
        if entities.len() == 1 { "1 identity".to_owned() } else { format!("{} identities", thousands(number(entities.len()))) },
        thousands(number(inferred)),
        count(number(replay.drift.noops), "call"),
    )
}

/// The fields of an item, in the order of their columns.
const FIELDS: [&str; 34] = [
    "event_time",
    "severity",
    "entity",
    "kind",
    "attribute",
    "before",
    "after",
    "risk",
    "actor_arn",
    "event_id",
    "account",
    "source_ip",
    "user_agent",
    "region",
    "actor_type",
    "session_issuer",
    "access_key_id",
    "mfa",
    "net",
    "reverted_by",
    "caused_by",
    "approved_by",
    "near_miss",
    "order",
    "certainty",
    "window",
    "contradicts",
    "gaps",
    "statements",
    "confidence",
    "patterns",
    "attack",
    "cis",
    "evidence",
];
