//! Section 7.3: what time a chain's digests cover, and what the holes in it are.

use std::collections::BTreeMap;

use super::chain::{HOUR, Link, Links};
use super::finding::{Finding, FindingKind};
use super::key::{ChainId, Tail};
use super::verdict::{Severity, Verdict};
use crate::time::{EventTime, joined};

/// The range that is asked about, both ends inclusive; an absent end is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AskedRange {
    /// Where it starts.
    pub start: Option<EventTime>,
    /// Where it ends.
    pub end: Option<EventTime>,
}

impl AskedRange {
    /// Whether a digest with that window is in the range.
    pub(super) fn has_window(&self, (from, to): (EventTime, EventTime)) -> bool {
        self.start.is_none_or(|start| to >= start) && self.end.is_none_or(|end| from <= end)
    }

    /// Whether a moment is in the range.
    pub(super) fn has(&self, time: EventTime) -> bool {
        self.has_window((time, time))
    }
}

/// One chain: enough to draw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// Which chain.
    pub id: ChainId,
    /// The digests in the asked range, on disk or named and missing, by the start of their windows.
    pub digests: Vec<ChainDigest>,
    /// Stops and restarts, by time.
    pub gaps: Vec<Gap>,
    /// Runs of missing digests, by time.
    pub missing_runs: Vec<MissingRun>,
}

/// One digest of a [`Chain`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainDigest {
    /// Its key in [`Verification::files`](super::Verification::files).
    pub tail: Tail,
    /// The start of its window; an hour before `to` where it could not be read.
    pub from: EventTime,
    /// The end of its window.
    pub to: EventTime,
    /// What is known of it.
    pub verdict: Verdict,
}

/// A time in which the trail or its validation was stopped, as the restart afterwards shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// Whose.
    pub chain: ChainId,
    /// The end of the last digest before it.
    pub from: EventTime,
    /// The start of the first digest after it.
    pub to: EventTime,
    /// The last digest before it.
    pub last_digest: Tail,
    /// Info where the trail's own logs show the stop.
    pub severity: Severity,
}

/// Digests that were there and are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRun {
    /// Exactly where it starts.
    pub from: EventTime,
    /// Exactly where it ends.
    pub to: EventTime,
    /// How many digests, if each was of an hour.
    pub count: i64,
    /// Those that another digest names.
    pub named: Vec<Tail>,
}

/// What a chain's digests cover.
#[derive(Debug)]
pub(super) struct Cover {
    pub(super) chain: Chain,
    /// Digests that are named and not there.
    pub(super) missing: BTreeMap<Tail, MissingDigest>,
    pub(super) findings: Vec<Finding>,
    /// Windows of invalid digests, and of such as could not be read.
    pub(super) invalid: Vec<(EventTime, EventTime)>,
    pub(super) unread: Vec<(EventTime, EventTime)>,
    /// The start of the oldest and the end of the newest digest that is usable.
    pub(super) oldest: Option<EventTime>,
    pub(super) newest: Option<EventTime>,
}

/// A digest that is named and not there.
#[derive(Debug)]
pub(super) struct MissingDigest {
    /// Where the one that names it starts, which is about where it ended.
    until: EventTime,
}

/// A usable digest with its window.
struct Member<'l, 'f> {
    link: &'l Link<'f>,
    from: EventTime,
    to: EventTime,
    previous: Option<Tail>,
}

impl Cover {
    /// Goes along a chain; `members` are all of its digests on disk, in and outside the range.
    pub(super) fn of(id: &ChainId, members: &[&Link<'_>], links: &Links<'_>, range: AskedRange) -> Self {
        let mut usable: Vec<Member<'_, '_>> = members.iter().filter_map(|link| Member::of(link)).collect();
        usable.sort_by(|a, b| (a.from, a.to, &a.link.tail).cmp(&(b.from, b.to, &b.link.tail)));
        let chain = Chain { id: id.clone(), digests: Vec::new(), gaps: Vec::new(), missing_runs: Vec::new() };
        let lost = |is_unread: bool| {
            let of_kind = move |link: &&&Link<'_>| match link.verdict {
                Verdict::Invalid(_) => !is_unread && !link.is_moved(),
                _ => is_unread && link.is_usable().is_none(),
            };
            members.iter().filter(of_kind).map(|link| link.key_window()).collect::<Vec<_>>()
        };
        let mut cover = Self {
            chain,
            missing: BTreeMap::new(),
            findings: Vec::new(),
            invalid: lost(false),
            unread: lost(true),
            oldest: usable.first().map(|member| member.from),
            newest: usable.iter().map(|member| member.to).max(),
        };
        let mut lost_ends: Vec<EventTime> = cover.invalid.iter().chain(&cover.unread).map(|(_, end)| *end).collect();
        lost_ends.sort_unstable();
        let mut older: Option<&Member<'_, '_>> = None;
        for member in &usable {
            if range.has_window((member.from, member.to)) {
                cover.step(older, member, links, range, &lost_ends);
            }
            older = Some(member);
        }
        cover.end(range);
        cover.list(members, range);
        cover
    }

    /// Looks at what lies between a digest and the next older one.
    fn step(&mut self, older: Option<&Member<'_, '_>>, member: &Member<'_, '_>, links: &Links<'_>, range: AskedRange, lost: &[EventTime]) {
        let Some(older) = older else {
            self.first(member, links, range);
            return;
        };
        let is_standard = !self.chain.id.backfill;
        if is_standard && member.from < older.to {
            let overlap = Finding::new(FindingKind::Overlap, Severity::Warning).span(member.from, older.to);
            self.findings.push(overlap.of_chain(&self.chain.id));
        }
        let Some(previous) = &member.previous else {
            if is_standard && member.from > older.to {
                let last_digest = older.link.tail.clone();
                let chain = self.chain.id.clone();
                self.chain.gaps.push(Gap { chain, from: older.to, to: member.from, last_digest, severity: Severity::Warning });
            }
            return;
        };
        if *previous == older.link.tail {
            return;
        }
        let hole = || hole_seconds(older.to, member.from, lost);
        match links.find(previous) {
            None => {
                if range.start.is_none_or(|start| member.from >= start) {
                    self.name_missing(previous, member);
                    self.run(older.to, member.from, hole(), vec![previous.clone()]);
                }
            }
            Some(named) if named.is_usable().is_some() => {
                let off_chain = Finding::new(FindingKind::OffChain, Severity::Warning).of_key(older.link.tail.as_str());
                if is_standard {
                    self.findings.push(off_chain.of_chain(&self.chain.id));
                }
            }
            Some(_) if hole() > HOUR / 2 => self.run(older.to, member.from, hole(), Vec::new()),
            Some(_) => {}
        }
    }

    /// Looks at what lies before the oldest digest.
    fn first(&mut self, member: &Member<'_, '_>, links: &Links<'_>, range: AskedRange) {
        let kind = match &member.previous {
            None => FindingKind::ChainStart,
            Some(previous) if links.find(previous).is_none() => match range.start {
                Some(start) if start <= member.from => {
                    self.name_missing(previous, member);
                    self.run(start, member.from, seconds_between(start, member.from), vec![previous.clone()]);
                    return;
                }
                Some(_) => return,
                None => FindingKind::StartsMidChain,
            },
            Some(_) => return,
        };
        let finding = Finding::new(kind, Severity::Info).span(member.from, member.to).of_key(member.link.tail.as_str());
        self.findings.push(finding.of_chain(&self.chain.id));
    }

    fn end(&mut self, range: AskedRange) {
        let (Some(newest), Some(end)) = (self.newest, range.end) else { return };
        if !self.chain.id.backfill && seconds_between(newest, end) > TAIL_SECONDS {
            let finding = Finding::new(FindingKind::TailUncovered, Severity::Warning).span(newest, end);
            self.findings.push(finding.of_chain(&self.chain.id));
        }
    }

    fn name_missing(&mut self, tail: &Tail, member: &Member<'_, '_>) {
        self.missing.entry(tail.clone()).or_insert(MissingDigest { until: member.from });
    }

    /// Windows of backfill digests do not tile time, so that holes between them mean nothing.
    fn run(&mut self, from: EventTime, to: EventTime, hole: i64, named: Vec<Tail>) {
        if self.chain.id.backfill {
            return;
        }
        // Halves go to the even number, as in the language that the reference is written in.
        let (hours, rest) = (hole.div_euclid(HOUR), hole.rem_euclid(HOUR));
        let up = rest > HOUR / 2 || (rest == HOUR / 2 && hours % 2 != 0);
        let count = (hours + i64::from(up)).max(1);
        let mut finding = Finding::new(FindingKind::MissingRun, Severity::Error).span(from, to).of_chain(&self.chain.id);
        finding.count = Some(count);
        finding.named = Some(named.iter().map(|tail| tail.as_str().into()).collect());
        self.findings.push(finding);
        self.chain.missing_runs.push(MissingRun { from, to, count, named });
    }

    /// Lists what is in the range.
    fn list(&mut self, members: &[&Link<'_>], range: AskedRange) {
        for link in members {
            let (from, to) = link.window();
            if range.has_window((from, to)) {
                self.chain.digests.push(ChainDigest { tail: link.tail.clone(), from, to, verdict: link.verdict });
            }
        }
        for (tail, MissingDigest { until }) in &self.missing {
            let from = until.plus_seconds(-HOUR).unwrap_or(*until);
            let verdict = Verdict::Missing(super::verdict::Reason::Named);
            self.chain.digests.push(ChainDigest { tail: tail.clone(), from, to: *until, verdict });
        }
        self.chain.digests.sort_by(|a, b| (a.from, a.to, &a.tail).cmp(&(b.from, b.to, &b.tail)));
    }
}

impl<'l, 'f> Member<'l, 'f> {
    fn of(link: &'l Link<'f>) -> Option<Self> {
        let document = link.is_usable()?;
        Some(Self { link, from: document.start, to: document.end, previous: link.previous_tail() })
    }
}

/// Spans of time without their ends, disjoint and in order.
#[derive(Debug, Default)]
pub(super) struct Spans(Vec<(EventTime, EventTime)>);

impl Spans {
    pub(super) fn new(spans: Vec<(EventTime, EventTime)>) -> Self {
        // What meets both of two spans that touch is longer than a moment, so they may be one.
        Self(joined(spans))
    }

    /// Whether a span overlaps any of these.
    pub(super) fn meets(&self, from: EventTime, to: EventTime) -> bool {
        let after = self.0.partition_point(|span| span.1 <= from);
        self.0.get(after).is_some_and(|span| span.0 < to)
    }
}

/// What of the time from `from` to `to` is not that of a digest that is there and cannot be used.
fn hole_seconds(from: EventTime, to: EventTime, lost_ends: &[EventTime]) -> i64 {
    let until = |time: EventTime| lost_ends.partition_point(|end| *end <= time);
    let lost = i64::try_from(until(to).saturating_sub(until(from))).unwrap_or(i64::MAX);
    seconds_between(from, to).saturating_sub(lost.saturating_mul(HOUR))
}

fn seconds_between(from: EventTime, to: EventTime) -> i64 {
    to.epoch() - from.epoch()
}

/// Seconds after the newest digest for which none is due yet: AWS delivers within an hour or so of a window's end.
const TAIL_SECONDS: i64 = 2 * HOUR;
