//! What can be said of items only when all of them are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::super::attribute::{Attribute, Field, Value};
use super::super::kind::{Kind, Risk};
use super::super::state::{EntityId, State};
use super::approval::Approvals;
use super::item::Item;
use super::items::Items;
use super::run::Draft;
use super::trail::TrailGap;
use super::{Certainty, Setup};
use crate::error::Error;
use crate::frame::Map;
use crate::severity::Severity;
use crate::time::{EventTime, TimeRange};

/// The values of an attribute over the run.
#[derive(Debug)]
pub(super) struct Track {
    first: Value,
    last: Value,
    last_event: Arc<str>,
}

impl Track {
    pub(super) fn new(first: Value) -> Self {
        Self { last: first.clone(), first, last_event: "".into() }
    }

    pub(super) fn follow(&mut self, after: Value, event_id: Arc<str>) {
        self.last = after;
        self.last_event = event_id;
    }

    pub(super) fn leave_open(&mut self) {
        self.last = Value::Ambiguous;
    }
}

/// All of them, by entity and attribute.
pub(super) type Tracks = Map<(EntityId, Attribute), Track>;

/// Items that were found, outside of memory but for what is needed to finish them.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    items: Items,
    /// What each is about.
    keys: Vec<Option<(EntityId, Attribute)>>,
    resets: MfaResets,
}

impl Drafts {
    pub(super) const fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn push(&mut self, draft: Draft) -> Result<(), Error> {
        self.resets.see(self.len(), &draft);
        self.items.push(&draft.item)?;
        self.keys.push(draft.key);
        Ok(())
    }

    /// The items as they are reported, and the approved changes that were not seen.
    pub(super) fn finish(
        self,
        mut confirmed: BTreeMap<usize, Arc<str>>,
        tracks: &Tracks,
        state: &State,
        setup: &Setup,
        trail_gaps: &[TrailGap],
    ) -> Result<(Items, Vec<String>), Error> {
        let Self { items: drafts, keys, resets } = self;
        let (mut items, mut approvals) = (Items::default(), Approvals::new(&setup.approved));
        for (place, (item, key)) in drafts.iter().zip(keys).enumerate() {
            let mut item = item?;
            if let Some(key) = key {
                mark_net(&mut item, &key, tracks, state);
            }
            item.confirmed_by = confirmed.remove(&place);
            if resets.marked.contains(&place) {
                add_pattern(&mut item, "N03");
            }
            mark_trusted_provider(&mut item, state);
            approvals.mark(&mut item);
            if item.risk == Risk::LogIntegrity {
                judge(&mut item, setup, trail_gaps);
            }
            items.push(&item)?;
        }
        Ok((items, approvals.not_observed()))
    }
}

/// What ends as it began is marked, and kept: a short-lived way in is one all the same.
fn mark_net(item: &mut Item, key: &(EntityId, Attribute), tracks: &Tracks, state: &State) {
    let Some(track) = tracks.get(key) else { return };
    let (id, attribute) = key;
    // What hangs on an entity that is gone is gone with it.
    let is_gone = state.entity(*id).is_some_and(|entity| entity.exists() == Some(false));
    let end = if is_gone { tracks.get(&(*id, Attribute::plain(Field::Exists))) } else { None };
    let (last, event) = match end {
        Some(end) if attribute.field != Field::Exists => (&Value::Absent, &end.last_event),
        _ => (&track.last, &track.last_event),
    };
    let is_net = *last != track.first || matches!(last, Value::Secret | Value::Unknown | Value::Ambiguous);
    item.net = Some(is_net);
    if !is_net && item.event_id.as_deref() != Some(event) {
        item.reverted_by = Some(event.clone());
    }
}

/// N03: another one takes a user's device away, and within the hour gives the user a new one or a new password.
#[derive(Debug, Default)]
struct MfaResets {
    taken: BTreeMap<EntityId, (usize, EventTime)>,
    /// The places of the items that are part of one.
    marked: BTreeSet<usize>,
}

impl MfaResets {
    /// Looks at the item that stands at a place; items come in the order of replay.
    fn see(&mut self, place: usize, draft: &Draft) {
        let (Some((user, _)), Some(time)) = (&draft.key, draft.item.event_time) else { return };
        match draft.item.kind {
            Kind::MfaDeactivated if draft.actor != Some(*user) => {
                self.taken.insert(*user, (place, time));
            }
            Kind::MfaEnabled | Kind::LoginProfileUpdated => {
                let near = self.taken.get(user).filter(|(_, since)| time.epoch().saturating_sub(since.epoch()) <= RESET_SECONDS);
                self.marked.extend(near.map(|(taken, _)| *taken));
                self.marked.extend(near.filter(|_| draft.item.kind == Kind::MfaEnabled).map(|_| place));
            }
            _ => {}
        }
    }
}

/// N12: an identity provider is changed that a role trusts, before or later.
fn mark_trusted_provider(item: &mut Item, state: &State) {
    let is_provider = matches!(item.kind, Kind::SamlProviderUpdated | Kind::OidcProviderUpdated);
    let takes_away = item.attribute.starts_with("client_ids[") && *item.after == Json::Bool(false);
    if is_provider && state.was_trusted(&item.entity) && !takes_away {
        add_pattern(item, "N12");
    }
}

fn add_pattern(item: &mut Item, pattern: &'static str) {
    if let Err(place) = item.patterns.binary_search(&pattern) {
        item.patterns.insert(place, pattern);
    }
}

/// How certain it is that an event is missing, by what is known of the log in that time.
fn judge(item: &mut Item, setup: &Setup, trail_gaps: &[TrailGap]) {
    let window = item.missing.as_ref().map(|missing| missing.window);
    let Some((since, until)) = window.or_else(|| item.event_time.map(|time| (Some(time), time))) else { return };
    let overlaps =
        |range: &TimeRange| range.since.is_none_or(|start| start <= until) && range.until.zip(since).is_none_or(|(end, since)| end > since);
    let covers = |range: &TimeRange| {
        range.until.is_none_or(|end| end > until) && range.since.is_none_or(|start| since.is_some_and(|since| start <= since))
    };
    let is_verified = setup.verified.iter().any(covers);
    let is_of_service = is_of_service(item);
    let Some(missing) = &mut item.missing else {
        // What contradicts a log that nobody altered is worse.
        item.severity = if is_verified { item.severity.max(Severity::High) } else { item.severity };
        return;
    };
    let of_trails = trail_gaps.iter().filter(|gap| gap.hides(&item.account)).map(|gap| &gap.gap);
    let gaps = setup.gaps.iter().chain(of_trails).filter(|gap| overlaps(&gap.range));
    missing.gaps = gaps.take(MAX_LISTED).map(|gap| gap.reason.clone()).collect();
    missing.certainty = Some(if is_of_service {
        Certainty::ExplainedByAws
    } else if !missing.gaps.is_empty() {
        Certainty::ProvenGap
    } else if is_verified {
        Certainty::Contradiction
    } else {
        Certainty::Unbounded
    });
}

/// Whether a service changes such a thing by itself: the policies of its role, and thumbprints that AWS does not use.
fn is_of_service(item: &Item) -> bool {
    item.entity.contains(":role/aws-service-role/") || (&*item.attribute == "thumbprints" && item.entity.contains(":oidc-provider/"))
}

/// How long after a device was taken away a new one or a new password belongs to it.
const RESET_SECONDS: i64 = 3600;

/// Gaps that an item lists; one is enough.
const MAX_LISTED: usize = 20;
