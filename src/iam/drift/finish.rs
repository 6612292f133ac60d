//! What can be said of items only when all of them are known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::super::attribute::{Attribute, Field, Value};
use super::super::kind::{Kind, Risk};
use super::super::replay::Step;
use super::super::state::{EntityId, State};
use super::approval::Approvals;
use super::item::Item;
use super::items::Items;
use super::run::Draft;
use super::trail::TrailGap;
use super::{Certainty, Gap, Setup};
use crate::error::Error;
use crate::frame::Map;
use crate::severity::Severity;
use crate::time::{EventTime, TimeRange};

/// The values of an attribute over the run.
#[derive(Debug)]
struct Track {
    entity: EntityId,
    field: Field,
    first: Value,
    last: Value,
    last_event: Arc<str>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Tracks {
    all: Vec<Track>,
    places: Map<(EntityId, Attribute), usize>,
}

impl Tracks {
    /// Notes that an event gave an attribute a value, and yields the place of its track.
    pub(super) fn follow(&mut self, step: &Step, event_id: &Arc<str>) -> usize {
        let place = *self.places.entry((step.entity, step.attribute.clone())).or_insert(self.all.len());
        let (last, last_event) = (step.after.clone(), event_id.clone());
        if let Some(track) = self.all.get_mut(place) {
            (track.last, track.last_event) = (last, last_event);
        } else {
            let (entity, field, first) = (step.entity, step.attribute.field, step.before.clone());
            self.all.push(Track { entity, field, first, last, last_event });
        }
        place
    }

    /// Notes that the value of an attribute is open, and yields the place of its track.
    pub(super) fn leave_open(&mut self, entity: EntityId, attribute: &Attribute) -> Option<usize> {
        let place = *self.places.get(&(entity, attribute.clone()))?;
        self.all.get_mut(place)?.last = Value::Ambiguous;
        Some(place)
    }

    /// How each of them ends. What hangs on an entity that is gone is gone with it.
    fn ends(&self, state: &State) -> Vec<End> {
        let end = |track: &Track| {
            let is_gone = state.entity(track.entity).is_some_and(|entity| entity.exists() == Some(false));
            let exists = (track.entity, Attribute::plain(Field::Exists));
            let gone = self.places.get(&exists).filter(|_| is_gone && track.field != Field::Exists).and_then(|place| self.all.get(*place));
            let (last, event) = gone.map_or((&track.last, &track.last_event), |gone| (&Value::Absent, &gone.last_event));
            let is_net = *last != track.first || matches!(last, Value::Secret | Value::Unknown | Value::Ambiguous);
            End { is_net, event: event.clone() }
        };
        self.all.iter().map(end).collect()
    }
}

/// How an attribute ends.
#[derive(Debug)]
struct End {
    /// Whether with another value than it began with.
    is_net: bool,
    /// The event that it has its last value from.
    event: Arc<str>,
}

/// What items lack until all of them are known. Most of it few of them have, so that it stands beside them.
#[derive(Debug, Default)]
pub(super) struct Endings {
    ends: Vec<End>,
    /// Calls that show the use of a way to more rights, by the places of the items that opened it.
    confirmed: BTreeMap<usize, Arc<str>>,
    resets: BTreeSet<usize>,
    trusted_providers: BTreeSet<String>,
    gaps: Vec<Gap>,
    trail_gaps: Vec<TrailGap>,
    verified: Vec<TimeRange>,
}

impl Endings {
    /// Those of a run.
    pub(super) fn new(tracks: &Tracks, state: &State, confirmed: BTreeMap<usize, Arc<str>>, setup: &Setup) -> Self {
        Self {
            ends: tracks.ends(state),
            confirmed,
            trusted_providers: state.trusted_providers().clone(),
            gaps: setup.gaps.clone(),
            verified: setup.verified.clone(),
            ..Self::default()
        }
    }

    /// Puts in what an item lacks that stands at a place, and is about the attribute of a track.
    pub(super) fn finish(&self, item: &mut Item, place: usize, track: Option<usize>) {
        if let Some(end) = track.and_then(|place| self.ends.get(place)) {
            // What ends as it began is kept: a short-lived way in is one all the same.
            item.net = Some(end.is_net);
            item.reverted_by = Some(&end.event).filter(|event| !end.is_net && item.event_id.as_ref() != Some(event)).cloned();
        }
        if let Some(call) = self.confirmed.get(&place) {
            item.confirmed_by = Some(call.clone());
        }
        if self.resets.contains(&place) {
            add_pattern(item, "N03");
        }
        self.mark_trusted_provider(item);
        if item.risk == Risk::LogIntegrity {
            self.judge(item);
        }
    }

    /// N12: an identity provider is changed that a role trusts, before or later.
    fn mark_trusted_provider(&self, item: &mut Item) {
        let is_provider = matches!(item.kind, Kind::SamlProviderUpdated | Kind::OidcProviderUpdated);
        let takes_away = item.attribute.starts_with("client_ids[") && *item.after == Json::Bool(false);
        if is_provider && self.trusted_providers.contains(&*item.entity) && !takes_away {
            add_pattern(item, "N12");
        }
    }

    /// How certain it is that an event is missing, by what is known of the log in that time.
    fn judge(&self, item: &mut Item) {
        let window = item.missing.as_ref().map(|missing| missing.window);
        let Some((since, until)) = window.or_else(|| item.event_time.map(|time| (Some(time), time))) else { return };
        let overlaps = |range: &TimeRange| {
            range.since.is_none_or(|start| start <= until) && range.until.zip(since).is_none_or(|(end, since)| end > since)
        };
        let covers = |range: &TimeRange| {
            range.until.is_none_or(|end| end > until) && range.since.is_none_or(|start| since.is_some_and(|since| start <= since))
        };
        let is_verified = self.verified.iter().any(covers);
        let is_of_service = is_of_service(item);
        let Some(missing) = &mut item.missing else {
            // What contradicts a log that nobody altered is worse.
            item.severity = if is_verified { item.severity.max(Severity::High) } else { item.severity };
            return;
        };
        let of_trails = self.trail_gaps.iter().filter(|gap| gap.hides(&item.account)).map(|gap| &gap.gap);
        let gaps = self.gaps.iter().chain(of_trails).filter(|gap| overlaps(&gap.range));
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
}

/// Items that were found, outside of memory.
#[derive(Debug)]
pub(super) struct Drafts<'a> {
    items: Items,
    resets: MfaResets,
    approvals: Approvals<'a>,
}

impl<'a> Drafts<'a> {
    pub(super) fn new(setup: &'a Setup) -> Self {
        Self { items: Items::default(), resets: MfaResets::default(), approvals: Approvals::new(&setup.approved) }
    }

    /// Adds an item; they come in the order of replay.
    pub(super) fn push(&mut self, mut draft: Draft) -> Result<(), Error> {
        self.resets.see(self.items.len(), &draft);
        self.approvals.mark(&mut draft.item);
        self.items.push(&draft.item, draft.about.map(|(_, track)| track))
    }

    /// The items as they are reported, and the approved changes that were not seen.
    pub(super) fn finish(self, endings: Endings, trail_gaps: Vec<TrailGap>) -> (Items, Vec<String>) {
        let endings = Endings { resets: self.resets.marked, trail_gaps, ..endings };
        (self.items.ending(endings), self.approvals.not_observed())
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
        let (Some((user, _)), Some(time)) = (&draft.about, draft.item.event_time) else { return };
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

fn add_pattern(item: &mut Item, pattern: &'static str) {
    if let Err(place) = item.patterns.binary_search(&pattern) {
        item.patterns.insert(place, pattern);
    }
}

/// Whether a service changes such a thing by itself: the policies of its role, and thumbprints that AWS does not use.
fn is_of_service(item: &Item) -> bool {
    item.entity.contains(":role/aws-service-role/") || (&*item.attribute == "thumbprints" && item.entity.contains(":oidc-provider/"))
}

/// How long after a device was taken away a new one or a new password belongs to it.
const RESET_SECONDS: i64 = 3600;

/// Gaps that an item lists; one is enough.
const MAX_LISTED: usize = 20;
