//! What replay begins with: snapshots, and where events stand to them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::attribute::{Attribute, Field, Value};
use super::super::entity::{EntityKind, EntityRef};
use super::super::event::IamEvent;
use super::super::events::IamEvents;
use super::super::snapshot::{Described, SLACK_SECONDS, Snapshot};
use super::super::state::{Covered, Held, Provenance, State};
use crate::time::EventTime;

/// Where an event stands to a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is in it.
    Before,
    /// It may be in it or not.
    Slack,
    /// It came later.
    Within,
}

/// Where events stand to the snapshots that the replay of their accounts begins with.
#[derive(Debug, Default)]
pub(super) struct Places(BTreeMap<Arc<str>, Beginning>);

#[derive(Debug)]
struct Beginning {
    taken: (EventTime, EventTime),
    /// All events of the account are older. Then it was not taken when it says, or is no beginning; what they do is told
    /// with a doubt, as it would go unseen otherwise.
    is_predated: bool,
}

impl Places {
    pub(super) fn of(baselines: &[Snapshot], events: &IamEvents) -> Self {
        let mut last: BTreeMap<&str, EventTime> = BTreeMap::new();
        for (account, time) in events.accounts() {
            last.insert(account, time);
        }
        let mut places = BTreeMap::new();
        for baseline in baselines {
            let start = baseline.taken.0.epoch().saturating_sub(SLACK_SECONDS);
            let is_predated = last.get(&*baseline.account).is_some_and(|last| last.epoch() < start);
            places.entry(baseline.account.clone()).or_insert(Beginning { taken: baseline.taken, is_predated });
        }
        Self(places)
    }

    /// When the taking of an account's snapshot ended.
    pub(super) fn begun(&self, account: &str) -> Option<EventTime> {
        self.0.get(account).map(|beginning| beginning.taken.1)
    }

    pub(super) fn place(&self, event: &IamEvent) -> Place {
        let Some(Beginning { taken: (start, end), is_predated }) = self.0.get(&*event.recipient_account_id) else {
            return Place::Within;
        };
        if *is_predated {
            Place::Slack
        } else if event.event_time.epoch() < start.epoch().saturating_sub(SLACK_SECONDS) {
            Place::Before
        } else if event.event_time.epoch() <= end.epoch().saturating_add(SLACK_SECONDS) {
            Place::Slack
        } else {
            Place::Within
        }
    }
}

/// Whether a time comes after a snapshot, beyond doubt.
pub(super) fn is_after(time: EventTime, taken: EventTime) -> bool {
    time.epoch() > taken.epoch().saturating_add(SLACK_SECONDS)
}

/// Takes a snapshot for what was there.
pub(super) fn load(state: &mut State, snapshot: &Snapshot) {
    let held = |value| Held { value, since: Some(snapshot.taken.0), provenance: Provenance::Snapshot, event_id: None };
    for described in &snapshot.entities {
        let covered = Covered::Fields(Arc::new(snapshot.covered(described)));
        let id = state.begin(&described.reference, described.unique_id.clone(), covered, held(Value::Present));
        for (attribute, value) in &described.attributes {
            state.set(id, attribute, held(value.clone()));
        }
    }
    for kind in &snapshot.complete {
        // Organizations and Identity Center are not of one account.
        let account = if matches!(kind, EntityKind::OrgPolicy | EntityKind::PermissionSet) { "" } else { &*snapshot.account };
        state.complete(account, *kind);
    }
    assign_devices(state, snapshot);
}

/// The devices that users are listed with are there, and are theirs.
fn assign_devices(state: &mut State, snapshot: &Snapshot) {
    let held = |value| Held { value, since: Some(snapshot.taken.0), provenance: Provenance::Snapshot, event_id: None };
    let of_user = |described: &Described| {
        let user = described.reference.to_string();
        let devices = described.attributes.keys().filter(|attribute| attribute.field == Field::MfaDevice);
        devices.filter_map(|attribute| EntityRef::from_arn(&attribute.key)).map(|device| (device, user.clone())).collect::<Vec<_>>()
    };
    for (device, user) in snapshot.entities.iter().flat_map(of_user) {
        let id = state.find(&device).unwrap_or_else(|| state.meet(&device, held(Value::Present)));
        state.set(id, &Attribute::plain(Field::AssignedTo), held(Value::text(&user)));
    }
}
