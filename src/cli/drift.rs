//! `trailsift drift`: how did identities change, who did it, and what does the log not explain?

use std::io::{self, Write};
use std::path::Path;

use anyhow::Result;
use trailsift::Error;
use trailsift::case::{Case, Replay};
use trailsift::detect::Integrity;
use trailsift::iam::drift::{Evidence, Gap, Item, Items};
use trailsift::iam::graph::Graph;
use trailsift::report::drift::dot::dot;
use trailsift::report::drift::groups::{Group, Line, groups, headline};
use trailsift::report::drift::life::{Moment, life};
use trailsift::report::json::{self, DriftItems};
use trailsift::report::text::short_principal;
use trailsift::time::EventTime;

use super::args::{DriftArgs, FailOn, Format};
use super::exit::Exit;
use super::findings::WIDE_ENOUGH;
use super::keys::Keys;
use super::output::{check_target, line, write_file, write_json};
use super::session::Session;
use super::table::{Column, Cut, Grid, Screen};
use super::text::{count, number, thousands, wrap};

pub(crate) fn run(args: &DriftArgs) -> Result<Exit> {
    let mut session = Session::open(&args.sources, &args.aws, &args.filter, &args.output, &args.run)?;
    session.comparing(&args.compare)?;
    let keys = Keys::wanted(&args.trust, &args.aws, session.now, None, args.output.force)?;
    session.verifying(&args.trust, &keys)?;
    if let Some(path) = &args.graph {
        check_target(path, args.output.force)?;
    }
    let (case, display) = session.read()?;
    display.stage("replaying identities");
    let replay = case.replay()?;
    drop(display);
    let is_shown = |item: &Item| is_asked(item, args);
    let items = DriftItems::new(&case, &replay.drift.items, &is_shown);
    if let Some(path) = &args.graph {
        write_graph(path, replay)?;
    }
    match session.output.format {
        Format::Json => session.output.write_document(&json::drift(replay, items, &args.entity)?)?,
        Format::Jsonl => session.output.write(|out| write_items(out, items))?,
        Format::Csv => session.output.write_csv(&FIELDS.map(str::to_owned), items.iter().map(|item| item.map(|item| item.row())))?,
        Format::Table => {
            let screen = session.output.screen();
            let live = |entity| Ok((entity, life(&replay.drift.items, &replay.events, entity)?));
            let lives = args.entity.iter().map(String::as_str).map(live).collect::<Result<Vec<_>, Error>>()?;
            let groups = if lives.is_empty() { groups(&replay.drift.items, is_shown)? } else { Vec::new() };
            let grid = grid(&case, &replay.drift.items, &groups, &screen)?;
            session.output.write(|out| {
                if lives.is_empty() { write_changes(out, replay, &grid, &screen) } else { write_lives(out, &lives, &screen) }
            })?;
        }
    }
    if case.scope.drift.baselines.is_empty() && case.scope.drift.t0.is_none() {
        session.messages.say("no start state is given: what was there before the log is not known (--baseline FILE, or --at TIME)");
    }
    keys.say(session.messages);
    if replay.untimed > 0 {
        session.messages.say(&format!("{} without a time not replayed", count(replay.untimed, "call")));
    }
    let alert = match args.run.fail_on {
        Some(FailOn::Severity(level)) => has_any(replay, |item| item.approved_by.is_none() && item.severity >= level)?,
        _ => false,
    };
    Ok(session.end(&case, alert, true, "-v, or --format json")?)
}

/// Writes one item a line.
pub(crate) fn write_items(out: &mut dyn Write, items: DriftItems<'_>) -> io::Result<()> {
    items.iter().try_for_each(|item| write_json(out, &item.map_err(io::Error::other)?))
}

/// Whether there is such an item.
pub(crate) fn has_any(replay: &Replay, is_such: impl Fn(&Item) -> bool) -> Result<bool, Error> {
    let mut such = replay.drift.items.iter().filter(|item| item.as_ref().map_or(true, &is_such));
    such.next().transpose().map(|item| item.is_some())
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
    *item.entity == *entity || member.is_some_and(is_user)
}

/// Writes who could become whom in the end, as DOT.
fn write_graph(path: &Path, replay: &Replay) -> Result<(), Error> {
    let text = dot(&Graph::of(&replay.drift.state));
    write_file(path, |out| out.write_all(text.as_bytes()))
}

fn write_changes(out: &mut dyn Write, replay: &Replay, grid: &Grid, screen: &Screen) -> io::Result<()> {
    let width = screen.width.unwrap_or(usize::MAX);
    for text in headline(&replay.drift).into_iter().chain(replay.gaps.iter().map(gap)) {
        paragraph(out, &text, width)?;
    }
    line(out, "")?;
    if grid.len() > 0 {
        grid.write(out, screen)?;
    }
    let left_out = replay.drift.items.len() - grid.len();
    if left_out > 0 {
        line(out, &format!("{} that --net leaves out", count(number(left_out), "item")))?;
    }
    Ok(())
}

fn write_lives(out: &mut dyn Write, lives: &[(&str, Vec<Moment>)], screen: &Screen) -> io::Result<()> {
    for (entity, moments) in lives {
        line(out, &format!("{entity}: {}", count(number(moments.len()), "line")))?;
        if !moments.is_empty() {
            life_grid(moments, screen).write(out, screen)?;
        }
    }
    Ok(())
}

fn paragraph(out: &mut dyn Write, text: &str, width: usize) -> io::Result<()> {
    wrap(text, width).iter().try_for_each(|part| line(out, part))
}

/// When the log is known to lack something, and why.
fn gap(gap: &Gap) -> String {
    let time = |time: Option<EventTime>| time.map_or_else(|| "-".to_owned(), |time| time.to_string());
    format!("The log lacks something from {} to {}: {}.", time(gap.range.since), time(gap.range.until), gap.reason)
}

fn grid(case: &Case, items: &Items, groups: &[Group], screen: &Screen) -> Result<Grid, Error> {
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
    for glance in groups.iter().flat_map(|group| &group.items) {
        let Some(item) = items.get(glance.place)? else { continue };
        let Line { mark, change, notes } = Line::of(&item);
        let evidence = evidence(case, &item);
        let text = [format!("{mark} {change}")].into_iter().chain(notes).collect::<Vec<_>>().join("; ");
        let mut cells = vec![item.severity.name().to_owned(), shown(&item.entity)];
        cells.extend(beside.then(|| text.clone()));
        cells.extend([
            item.actor_arn().map(|arn| &**arn).map(shown).unwrap_or_default(),
            item.event_time.map(|time| screen.time(time)).unwrap_or_default(),
        ]);
        cells.extend(beside.then(|| evidence.to_owned()));
        grid.row(cells);
        grid.severity(item.severity);
        if !beside {
            grid.note(&format!("{text} [evidence {evidence}]"));
        }
    }
    Ok(grid)
}

/// What was done to an entity, what it did, and where others named it.
fn life_grid(moments: &[Moment], screen: &Screen) -> Grid {
    let mut grid = Grid::new(vec![Column::new(screen.time_title()), Column::new("PART"), Column::new("CALLS").right()]);
    for moment in moments {
        let time = moment.time.map(|time| screen.time(time)).unwrap_or_default();
        grid.row([time.as_str(), moment.part.name(), &thousands(moment.calls)]);
        let text = [format!("{} {}", moment.mark, moment.text)].into_iter().chain(moment.notes.iter().cloned());
        grid.note(&text.collect::<Vec<_>>().join("; "));
    }
    grid
}

/// What the digests say of the worst piece of evidence.
fn evidence(case: &Case, item: &Item) -> &'static str {
    let verdicts = item.evidence.iter().map(|evidence| match evidence {
        Evidence::Record { object, .. } => case.integrity_of(object),
        Evidence::Snapshot { .. } => Integrity::NotChecked,
    });
    Integrity::worst(verdicts).map_or("", Integrity::word)
}

/// What changed in identities, for the summary of a case.
pub(crate) fn summary(replay: &Replay) -> String {
    headline(&replay.drift).join(" ")
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
