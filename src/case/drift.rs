//! [`Replay`]: what changed in identities, with what the case knows of the log.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::integrity::Integrity;
use super::{Case, own_accounts};
use crate::detect;
use crate::error::Error;
use crate::iam::change::iam_events;
use crate::iam::drift::{Drift, Gap, drift};
use crate::iam::events::IamEvents;
use crate::iam::snapshot::pages;
use crate::iam::tables;
use crate::session::StateTable;
use crate::source::ObjectKey;
use crate::time::{EventTime, TimeRange, joined};

/// What replay of the log yields.
#[derive(Debug)]
pub struct Replay {
    /// The events that were replayed.
    pub events: IamEvents,
    /// What changed.
    pub drift: Drift,
    /// When the log is known to lack something of identities.
    pub gaps: Vec<Gap>,
    /// When the digests prove the log whole where identities are recorded.
    pub verified: Vec<TimeRange>,
    /// Calls without a time, which cannot be replayed.
    pub untimed: u64,
}

impl Case {
    /// Replays what changed in identities over [`Scope::drift`](super::Scope::drift), once.
    ///
    /// # Errors
    /// Those of reading events.
    pub fn replay(&self) -> Result<&Replay, Error> {
        if let Some(replay) = self.replay.get() {
            return Ok(replay);
        }
        let replay = Replay::of(self)?;
        Ok(self.replay.get_or_init(|| replay))
    }

    /// The table `iam_changes`.
    ///
    /// # Errors
    /// Those of [`replay`](Self::replay).
    pub fn change_table(&self) -> Result<StateTable<'_>, Error> {
        self.replay().map(|replay| tables::changes(&replay.events, &replay.drift))
    }

    /// The table `drift`.
    ///
    /// # Errors
    /// Those of [`replay`](Self::replay).
    pub fn drift_table(&self) -> Result<StateTable<'_>, Error> {
        self.replay().map(|replay| tables::drift(&replay.drift))
    }

    /// The table `iam_state`.
    ///
    /// # Errors
    /// Those of [`replay`](Self::replay).
    pub fn iam_state_table(&self) -> Result<StateTable<'_>, Error> {
        self.replay().map(|replay| tables::state(&replay.drift))
    }

    /// What the digests say of the object that a piece of evidence stands in.
    pub fn integrity_of(&self, object: &str) -> detect::Integrity {
        self.integrity.as_ref().map_or(detect::Integrity::NotChecked, |integrity| integrity.of(object))
    }
}

impl Replay {
    fn of(case: &Case) -> Result<Self, Error> {
        let scanned = iam_events(&case.events, &case.scope.drift.later)?;
        let named = case.objects.iter().chain(case.unread.iter().map(|unread| &unread.object));
        let mut setup = case.scope.drift.clone();
        setup.trusted_accounts.extend(own_accounts(&case.scope, named, &case.coverage));
        let windows = case.integrity.as_ref().map(Windows::of).unwrap_or_default();
        (setup.gaps, setup.verified) = (windows.gaps(), windows.verified(&case.coverage.accounts));
        let pages = pages(&scanned.events)?;
        for snapshots in [&mut setup.baselines, &mut setup.later] {
            *snapshots = std::mem::take(snapshots).into_iter().map(|snapshot| snapshot.timed_by(&pages)).collect();
        }
        let ledger = &case.ledger;
        setup.has_all_events = ledger.is_clean() && ledger.filtered.objects == 0 && ledger.filtered.records == 0;
        let drift = drift(&scanned.events, &setup)?;
        let mut gaps = [setup.gaps, drift.gaps.clone()].concat();
        gaps.sort_by(|left, right| {
            (left.range.since, left.range.until, &left.reason).cmp(&(right.range.since, right.range.until, &right.reason))
        });
        Ok(Self { events: scanned.events, drift, gaps, verified: setup.verified, untimed: scanned.untimed })
    }
}

/// The windows of the chains that may record identities, by chain.
#[derive(Debug, Default)]
struct Windows {
    chains: BTreeMap<String, Vec<Window>>,
    accounts: BTreeSet<String>,
}

/// The time of one digest.
#[derive(Debug)]
struct Window {
    from: EventTime,
    to: EventTime,
    /// Whether the digest and all logs that were delivered in it are proven.
    is_whole: bool,
    /// What is known to lack.
    lacks: Vec<String>,
}

impl Windows {
    fn of(integrity: &Integrity) -> Self {
        let mut windows = Self::default();
        let bad = bad_logs(integrity);
        for row in &integrity.digests {
            windows.add(row, &bad);
        }
        windows
    }

    /// Adds a row of the table `digests`.
    fn add(&mut self, row: &Map<String, Value>, bad: &[(ObjectKey, String)]) {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let time = |name: &str| text(name).and_then(EventTime::parse);
        let (Some(chain), Some(from), Some(to), Some(status)) = (text("chain"), time("start"), time("end"), text("status")) else { return };
        // `[organization/]account/region/trail/home region`
        let mut parts = chain.rsplit('/').skip(2);
        let (Some(region), Some(account)) = (parts.next(), parts.next()) else { return };
        if !RECORDS_IDENTITIES.contains(&region) {
            return;
        }
        // A log's name tells the minute only, so that it may be that of the window before too.
        let begins = from.plus_seconds(-60).unwrap_or(from);
        let is_in =
            |key: &ObjectKey| key.account_id == account && key.region == region && begins < key.delivery_time && key.delivery_time <= to;
        let mut lacks: Vec<String> = bad.iter().filter(|(key, _)| is_in(key)).map(|(_, reason)| reason.clone()).collect();
        if matches!(status, "missing" | "invalid") {
            lacks.push(format!("the digest of {chain} that ends at {to} is {status}"));
        }
        let window = Window { from, to, is_whole: status == "valid" && lacks.is_empty(), lacks };
        self.accounts.insert(account.to_owned());
        self.chains.entry(chain.to_owned()).or_default().push(window);
    }

    /// When all chains prove the log whole, and each of the accounts has one. Digests do not tell which events a trail records, so that no chain can stand
    /// for another.
    fn verified(&self, accounts: &BTreeSet<String>) -> Vec<TimeRange> {
        if !accounts.is_subset(&self.accounts) {
            return Vec::new();
        }
        let whole = |windows: &Vec<Window>| joined(windows.iter().filter(|window| window.is_whole).map(Window::range).collect());
        let all = self.chains.values().map(whole).reduce(|known, more| common(&known, &more));
        // What happens at the end of a window may be delivered in the next one.
        let range = |(from, to): (EventTime, EventTime)| {
            let until = to.plus_seconds(-DELIVERY_SECONDS).filter(|until| *until > from)?;
            Some(TimeRange { since: Some(from), until: Some(until) })
        };
        all.into_iter().flatten().filter_map(range).collect()
    }

    /// What lacks in windows and between them.
    fn gaps(&self) -> Vec<Gap> {
        let mut gaps: BTreeSet<(EventTime, EventTime, String)> = BTreeSet::new();
        for (chain, windows) in &self.chains {
            gaps.extend(windows.iter().flat_map(|window| window.lacks.iter().map(|reason| (window.from, window.to, reason.clone()))));
            let known = joined(windows.iter().map(Window::range).collect());
            let between = known.iter().zip(known.iter().skip(1));
            gaps.extend(between.map(|(before, after)| (before.1, after.0, format!("no digest of {chain} covers it"))));
        }
        let range = |from: EventTime, to| TimeRange { since: from.plus_seconds(-DELIVERY_SECONDS).or(Some(from)), until: Some(to) };
        gaps.into_iter().map(|(from, to, reason)| Gap { range: range(from, to), reason }).collect()
    }
}

impl Window {
    const fn range(&self) -> (EventTime, EventTime) {
        (self.from, self.to)
    }
}

/// Logs that are altered or missing, with the reason.
fn bad_logs(integrity: &Integrity) -> Vec<(ObjectKey, String)> {
    let altered = integrity.objects.iter().filter(|(_, verdict)| verdict.status == detect::Integrity::Invalid);
    let altered = altered.map(|(name, _)| (name.to_string(), format!("{name} is altered")));
    let missing = integrity.missing.iter().map(|missing| (missing.tail.clone(), format!("{} is missing", missing.tail)));
    let mut bad: Vec<(ObjectKey, String)> = altered
        .chain(missing)
        .filter_map(|(name, reason)| Some((ObjectKey::parse(&name)?, reason)))
        .filter(|(key, _)| key.kind == "CloudTrail")
        .collect();
    bad.sort_by(|left, right| left.1.cmp(&right.1));
    bad
}

/// What is in both lists of ranges.
fn common(left: &[(EventTime, EventTime)], right: &[(EventTime, EventTime)]) -> Vec<(EventTime, EventTime)> {
    let both = left.iter().flat_map(|a| right.iter().map(move |b| (a.0.max(b.0), a.1.min(b.1))));
    both.filter(|(from, to)| from < to).collect()
}

/// Where IAM, sign-ins to the global endpoint and Organizations are recorded, by partition.
///
/// # Source
/// `CloudTrail` User Guide, "Global service events".
const RECORDS_IDENTITIES: [&str; 3] = ["us-east-1", "us-gov-west-1", "cn-north-1"];

/// How long after a call its record is delivered at the latest, as a rule; AWS promises no time.
///
/// # Source
/// `CloudTrail` User Guide: "typically within 15 minutes".
const DELIVERY_SECONDS: i64 = 900;
