//! Where the log contradicts itself: who could not have called, what could not have failed, and whose use left no event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::attribute::{Attribute, Field, Value};
use super::super::change::{Effect, Implies, Subject, attempted, caller};
use super::super::entity::{EntityKey, EntityKind, EntityRef};
use super::super::event::IamEvent;
use super::super::kind::Kind;
use super::super::state::{Covered, EntityId, Held, Provenance, State};
use super::Setup;
use super::item::{Doubt, Evidence, Item};
use super::run::Draft;
use crate::time::EventTime;

/// What the checks remember over a run.
#[derive(Debug)]
pub(super) struct Checks {
    /// Contradictions that were told already, as one key may sign any number of calls.
    told: BTreeSet<(EntityId, Attribute)>,
    /// Uses that snapshots tell of, by who was used, with whether an event near them was seen.
    uses: BTreeMap<EntityKey, Vec<(EventTime, bool)>>,
}

impl Checks {
    pub(super) fn new(setup: &Setup) -> Self {
        let mut uses: BTreeMap<EntityKey, Vec<(EventTime, bool)>> = BTreeMap::new();
        for used in setup.later.iter().filter(|_| setup.has_all_events).flat_map(|snapshot| &snapshot.uses) {
            uses.entry(used.principal.key()).or_default().push((used.time, false));
        }
        Self { told: BTreeSet::new(), uses }
    }

    /// Notes that a principal was active.
    pub(super) fn seen(&mut self, event: &IamEvent) {
        let Some(uses) = (!self.uses.is_empty()).then(|| caller(event)).flatten().and_then(|caller| self.uses.get_mut(&caller.key()))
        else {
            return;
        };
        for (time, is_seen) in uses {
            *is_seen |= event.event_time.epoch().abs_diff(time.epoch()) <= USE_SECONDS;
        }
    }

    /// Items for uses that no event is near to. What reads data is not recorded by default, so that they prove little.
    pub(super) fn unseen(&self, setup: &Setup, items: &mut Vec<Draft>) {
        for snapshot in setup.later.iter().filter(|_| setup.has_all_events) {
            let since =
                setup.baselines.iter().filter(|baseline| baseline.account == snapshot.account).map(|baseline| baseline.taken.1).min();
            for used in &snapshot.uses {
                let noted = self.uses.get(&used.principal.key()).into_iter().flatten();
                let is_seen = noted.into_iter().any(|(time, is_seen)| *time == used.time && *is_seen);
                if is_seen || since.is_none_or(|since| used.time <= since) || used.time > snapshot.taken.1 {
                    continue;
                }
                let entity = used.principal.to_string();
                let (before, after) = (Value::Absent, Value::text(&used.time.to_string()));
                let attribute = Attribute::plain(Field::Session);
                let mut item = Item::inferred(
                    entity,
                    snapshot.account.to_string(),
                    Kind::UsageWithoutEvents,
                    used.what.to_owned(),
                    before.written(&attribute),
                    after.written(&attribute),
                );
                item.event_time = Some(used.time);
                item.window = Some((Some(used.time), used.time));
                item.confidence.push(Doubt::Medium);
                item.evidence.push(Evidence::Snapshot { file: snapshot.file.to_string(), pointer: used.what.into() });
                items.push(Draft { item, key: None });
            }
        }
    }

    /// A successful call by a key or somebody that is not there, and a sign-in that could not have been.
    pub(super) fn actor(&mut self, state: &State, event: &IamEvent, items: &mut Vec<Draft>) {
        if event.has_failed() {
            return;
        }
        let key = event.actor.access_key_id.as_deref().filter(|key| key.starts_with("AKIA"));
        let account = event.actor.account_id.as_deref().unwrap_or(&event.recipient_account_id);
        if let Some(key) = key.map(|key| Attribute::keyed(Field::AccessKey, key)) {
            let holder = state.holder(account, &key).and_then(|id| Some((id, state.entity(id)?)));
            if let Some((id, entity)) = holder {
                let value = entity.value(&key);
                let is_off = value == Value::Absent || value.as_text() == Some("Inactive");
                if is_off && entity.held(&key).is_some_and(|held| is_older(held, event.event_time, KEY_SECONDS)) {
                    self.tell(state, event, id, &key, &value, &Value::text("Active"), items);
                }
            }
        }
        let Some((id, entity)) = caller(event).and_then(|caller| state.find(&caller)).and_then(|id| Some((id, state.entity(id)?))) else {
            return;
        };
        let exists = Attribute::plain(Field::Exists);
        let allowed = if entity.reference.kind == EntityKind::Role { SESSION_SECONDS } else { KEY_SECONDS };
        let is_gone = entity.exists() == Some(false) && entity.held(&exists).is_some_and(|held| is_older(held, event.event_time, allowed));
        if is_gone {
            self.tell(state, event, id, &exists, &Value::Absent, &Value::Present, items);
        } else if event.event_name == "ConsoleLogin"
            && event.actor.kind == "IAMUser"
            && event.response().text("ConsoleLogin") == Some("Success")
        {
            let profile = Attribute::plain(Field::LoginProfile);
            if entity.value(&profile) == Value::Absent {
                self.tell(state, event, id, &profile, &Value::Absent, &Value::Present, items);
            }
            let has_none = entity.covers(Field::MfaDevice) && entity.keys(Field::MfaDevice).next().is_none();
            if event.mfa_used == Some(true) && has_none {
                self.tell(state, event, id, &Attribute::keyed(Field::MfaDevice, "*"), &Value::Absent, &Value::Present, items);
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "they are the parts of one item")]
    fn tell(
        &mut self,
        state: &State,
        event: &IamEvent,
        id: EntityId,
        attribute: &Attribute,
        before: &Value,
        after: &Value,
        items: &mut Vec<Draft>,
    ) {
        if self.told.insert((id, attribute.clone())) {
            items.extend(contradiction(state, event, Kind::ActorContradiction, id, attribute, before, after));
        }
    }
}

/// A call that failed for what the state has otherwise: something that is not there, or is.
pub(super) fn failure(state: &State, event: &IamEvent, items: &mut Vec<Draft>) {
    let code = event.error_code.as_deref().unwrap_or_default();
    let is_absent = code.starts_with("NoSuchEntity");
    if !is_absent && !code.starts_with("EntityAlreadyExists") {
        return;
    }
    for change in attempted(event).iter().take(1) {
        let Subject::Named(subject) = &change.subject else { continue };
        let found = state.find(subject);
        let exists = Attribute::plain(Field::Exists);
        let attribute = match &change.effect {
            Effect::Set { attribute, implies: Implies::Present | Implies::Absent, .. } => attribute.clone(),
            // Where the call names more than one thing, it is not told which one is not there.
            Effect::Set { value, .. } if value.presence() == Some(true) && is_absent => continue,
            _ => exists.clone(),
        };
        let Some(id) = found else { continue };
        let (parent, held) = (state.value(id, &exists).presence(), state.value(id, &attribute));
        let is_settled = state
            .entity(id)
            .and_then(|entity| entity.held(&attribute))
            .is_none_or(|held| is_older(held, event.event_time, SETTLED_SECONDS));
        let implied = if is_absent { Value::Absent } else { Value::Present };
        let contradicts = held.presence() == Some(is_absent) && (parent == Some(true) || attribute == exists);
        if contradicts && is_settled {
            items.extend(contradiction(state, event, Kind::PreconditionViolation, id, &attribute, &held, &implied));
        }
    }
}

/// Learns unique ids from callers, and tells where one name has two of them.
pub(super) fn learn(state: &mut State, event: &IamEvent, items: Option<&mut Vec<Draft>>) {
    let Some(unique_id) = event.actor.principal_id.as_deref().and_then(|id| id.split(':').next()) else { return };
    let is_unique = ["AIDA", "AROA"].iter().any(|start| unique_id.starts_with(start)) && unique_id.len() > 15;
    let Some(id) = caller(event).filter(|_| is_unique).and_then(|caller| state.find(&caller)) else { return };
    // A session of a role that was deleted still has the id of that one.
    if state.find_unique(unique_id).is_some() {
        return;
    }
    let Some(entity) = state.entity(id) else { return };
    let reference: EntityRef = entity.reference.clone();
    match (&entity.unique_id, entity.exists()) {
        (None, Some(true)) => state.identify(id, unique_id.into()),
        (Some(old), Some(true)) => {
            let attribute = Attribute::plain(Field::UniqueId);
            let (before, after) = (Value::text(old), Value::text(unique_id));
            if let Some(items) = items {
                items.extend(contradiction(state, event, Kind::IdentityRecreated, id, &attribute, &before, &after));
            }
            let event_id: Arc<str> = event.event_id.as_str().into();
            let held =
                Held { value: Value::Present, since: Some(event.event_time), provenance: Provenance::Implied, event_id: Some(event_id) };
            state.begin(&reference, Some(unique_id.into()), Covered::Nothing, held);
        }
        _ => {}
    }
}

fn contradiction(
    state: &State,
    event: &IamEvent,
    kind: Kind,
    id: EntityId,
    attribute: &Attribute,
    before: &Value,
    after: &Value,
) -> Option<Draft> {
    let entity = &state.entity(id)?.reference;
    let (before, after) = (before.written(attribute), after.written(attribute));
    let item =
        Item::inferred(entity.to_string(), entity.account.to_string(), kind, attribute.to_string(), before, after).revealed_by(event);
    Some(Draft { item, key: None })
}

fn is_older(held: &Held, now: EventTime, seconds: i64) -> bool {
    held.since.is_some_and(|since| now.epoch().saturating_sub(since.epoch()) > seconds)
}

/// How long a key may still work after it was deleted or made inactive.
const KEY_SECONDS: i64 = 300;

/// The longest session of a role, which outlives it.
const SESSION_SECONDS: i64 = 43_200;

/// How near to a use an event has to be: `last used` is the first use in a quarter of an hour.
const USE_SECONDS: u64 = 1_200;

/// IAM is eventually consistent: what was just made may not be found yet.
const SETTLED_SECONDS: i64 = 60;
