//! What can be said of items only when all of them are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::super::attribute::{Attribute, Field, Value};
use super::super::kind::{Kind, Risk};
use super::super::state::{EntityId, State};
use super::approval::approve;
use super::item::Item;
use super::run::Draft;
use super::trail::TrailGap;
use super::{Certainty, Setup};
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

/// The items as they are reported, and the approved changes that were not seen.
pub(super) fn finish(
    mut drafts: Vec<Draft>,
    tracks: &Tracks,
    state: &State,
    setup: &Setup,
    trail_gaps: &[TrailGap],
) -> (Vec<Item>, Vec<String>) {
    mark_net(&mut drafts, tracks, state);
    mark_mfa_resets(&mut drafts);
    mark_trusted_providers(&mut drafts, state);
    let mut items: Vec<Item> = drafts.into_iter().map(|draft| draft.item).collect();
    let not_observed = approve(&mut items, &setup.approved);
    for item in items.iter_mut().filter(|item| item.risk == Risk::LogIntegrity) {
        judge(item, setup, trail_gaps);
    }
    (items, not_observed)
}

/// What ends as it began is marked, and kept: a short-lived way in is one all the same.
fn mark_net(drafts: &mut [Draft], tracks: &Tracks, state: &State) {
    for draft in drafts {
        let Some(key @ (id, attribute)) = &draft.key else { continue };
        let Some(track) = tracks.get(key) else { continue };
        // What hangs on an entity that is gone is gone with it.
        let is_gone = state.entity(*id).is_some_and(|entity| entity.exists() == Some(false));
        let end = if is_gone { tracks.get(&(*id, Attribute::plain(Field::Exists))) } else { None };
        let (last, event) = match end {
            Some(end) if attribute.field != Field::Exists => (&Value::Absent, &end.last_event),
            _ => (&track.last, &track.last_event),
        };
        let is_net = *last != track.first || matches!(last, Value::Secret | Value::Unknown | Value::Ambiguous);
        draft.item.net = Some(is_net);
        if !is_net && draft.item.event_id.as_deref() != Some(event) {
            draft.item.reverted_by = Some(event.clone());
        }
    }
}

/// N03: another one takes a user's device away, and within the hour gives the user a new one or a new password.
fn mark_mfa_resets(drafts: &mut [Draft]) {
    let mut taken: BTreeMap<EntityId, (usize, EventTime)> = BTreeMap::new();
    let mut marked = Vec::new();
    for (index, draft) in drafts.iter().enumerate() {
        let (Some((user, _)), Some(time)) = (&draft.key, draft.item.event_time) else { continue };
        match draft.item.kind {
            Kind::MfaDeactivated if draft.actor != Some(*user) => {
                taken.insert(*user, (index, time));
            }
            Kind::MfaEnabled | Kind::LoginProfileUpdated => {
                let near = taken.get(user).filter(|(_, since)| time.epoch().saturating_sub(since.epoch()) <= RESET_SECONDS);
                marked.extend(near.map(|(taken, _)| *taken));
                marked.extend(near.filter(|_| draft.item.kind == Kind::MfaEnabled).map(|_| index));
            }
            _ => {}
        }
    }
    for index in marked {
        if let Some(draft) = drafts.get_mut(index) {
            add_pattern(&mut draft.item, "N03");
        }
    }
}

/// N12: an identity provider is changed that a role trusts, before or later.
fn mark_trusted_providers(drafts: &mut [Draft], state: &State) {
    for draft in drafts.iter_mut().filter(|draft| matches!(draft.item.kind, Kind::SamlProviderUpdated | Kind::OidcProviderUpdated)) {
        let takes_away = draft.item.attribute.starts_with("client_ids[") && *draft.item.after == Json::Bool(false);
        if state.was_trusted(&draft.item.entity) && !takes_away {
            add_pattern(&mut draft.item, "N12");
        }
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
