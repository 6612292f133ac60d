//! Where the log contradicts itself: who could not have called, and whose use left no event.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::attribute::{Attribute, Field, Value};
use super::super::change::caller;
use super::super::entity::{EntityKey, EntityKind, EntityRef};
use super::super::event::IamEvent;
use super::super::events::IamEvents;
use super::super::kind::Kind;
use super::super::state::{Covered, Entity, EntityId, Held, Provenance, State};
use super::Setup;
use super::item::{Doubt, Evidence, Item, Missing};
use super::run::Draft;
use crate::error::Error;
use crate::time::EventTime;

/// What the checks remember over a run.
#[derive(Debug)]
pub(super) struct Checks {
    /// Contradictions that were told already, as one key may sign any number of calls.
    told: BTreeSet<(EntityId, Attribute)>,
    /// Uses that snapshots tell of, by who was used, with whether an event near them was seen.
    uses: BTreeMap<EntityKey, Vec<(EventTime, bool)>>,
    /// Regions and services of which an account has events.
    heard: BTreeSet<(Arc<str>, Arc<str>)>,
    /// Users of whom a baseline says that they had no key.
    keyless: BTreeSet<EntityKey>,
    /// When each access key was made, where the log has it.
    made: BTreeMap<Arc<str>, EventTime>,
}

impl Checks {
    pub(super) fn new(setup: &Setup, events: &IamEvents) -> Result<Self, Error> {
        let mut uses: BTreeMap<EntityKey, Vec<(EventTime, bool)>> = BTreeMap::new();
        for used in setup.later.iter().filter(|_| setup.has_all_events).flat_map(|snapshot| &snapshot.uses) {
            uses.entry(used.principal.key()).or_default().push((used.time, false));
        }
        let mut made = BTreeMap::new();
        for event in events.named(&["CreateAccessKey"]) {
            let event = event?;
            if let Some(key) = event.response().text("accessKey.accessKeyId").filter(|_| !event.has_failed()) {
                made.entry(key.into()).or_insert(event.event_time);
            }
        }
        let described = setup.baselines.iter().flat_map(|baseline| &baseline.entities);
        let keyless =
            described.filter(|described| described.access_keys == Some((0, 0))).map(|described| described.reference.key()).collect();
        Ok(Self { told: BTreeSet::new(), uses, heard: BTreeSet::new(), keyless, made })
    }

    /// When an access key was made, where the log has that.
    pub(super) fn made(&self, key: &str) -> Option<EventTime> {
        self.made.get(key).copied()
    }

    /// Notes that a principal was active.
    pub(super) fn seen(&mut self, event: &IamEvent) {
        if self.uses.is_empty() {
            return;
        }
        let service = event.event_source.split('.').next().unwrap_or_default();
        for word in [&*event.aws_region, service] {
            self.heard.insert((event.recipient_account_id.clone(), word.into()));
        }
        let Some(uses) = caller(event).and_then(|caller| self.uses.get_mut(&caller.key())) else { return };
        for (time, is_seen) in uses {
            *is_seen |= event.event_time.epoch().abs_diff(time.epoch()) <= USE_SECONDS.unsigned_abs();
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
                // Of a region or a service of which the log has nothing, the lack of an event tells nothing.
                let is_heard = |word: &Option<Arc<str>>| {
                    word.as_ref().is_none_or(|word| self.heard.contains(&(snapshot.account.clone(), word.clone())))
                };
                if is_seen
                    || !is_heard(&used.region)
                    || !is_heard(&used.service)
                    || since.is_none_or(|since| used.time <= since)
                    || used.time > snapshot.taken.1
                {
                    continue;
                }
                let entity = used.principal.to_string();
                let (before, after) = (Value::Absent, Value::text(&used.time.to_string()));
                let attribute = Attribute::plain(Field::Session);
                let mut item = Item::inferred(
                    entity.into(),
                    snapshot.account.clone(),
                    Kind::UsageWithoutEvents,
                    used.what.into(),
                    before.written(&attribute),
                    after.written(&attribute),
                );
                item.event_time = Some(used.time);
                item.missing = Some(Box::new(Missing::within(Some(used.time), used.time)));
                item.confidence.push(Doubt::Medium);
                item.evidence.push(Evidence::Snapshot { file: snapshot.file.clone(), pointer: used.what.into() });
                items.push(Draft::inferred(item));
            }
        }
    }

    /// A successful call by a key or somebody that is not there, and a sign-in that could not have been.
    pub(super) fn actor(&mut self, state: &State, event: &IamEvent, items: &mut Vec<Draft>) {
        if event.has_failed() {
            return;
        }
        let found = caller(event).and_then(|caller| state.find(&caller)).and_then(|id| Some((id, state.entity(id)?)));
        self.key(state, event, found, items);
        let Some((id, entity)) = found else { return };
        let exists = Attribute::plain(Field::Exists);
        let allowed = if entity.reference.kind == EntityKind::Role { SESSION_SECONDS } else { KEY_SECONDS };
        if entity.exists() == Some(false) {
            if entity.held(&exists).is_some_and(|held| is_older(held, event.event_time, allowed)) {
                self.tell(state, event, id, &exists, &Value::Absent, &Value::Present, items);
            }
        } else if &*event.event_name == "ConsoleLogin"
            && &*event.actor.kind == "IAMUser"
            && event.response().text("ConsoleLogin") == Some("Success")
        {
            self.sign_in(state, event, (id, entity), items);
        }
    }

    /// A key that was deleted or is off, or that was never made although all keys of its user are known.
    fn key(&mut self, state: &State, event: &IamEvent, caller: Option<(EntityId, &Entity)>, items: &mut Vec<Draft>) {
        let Some(id) = event.actor.access_key_id.as_deref().filter(|key| key.starts_with("AKIA")) else { return };
        let account = event.actor.account_id.as_deref().unwrap_or(&event.recipient_account_id);
        let key = Attribute::keyed(Field::AccessKey, id);
        let works = Value::text("Active");
        if let Some((holder, entity)) = state.holder(account, &key).and_then(|holder| Some((holder, state.entity(holder)?))) {
            let value = entity.value(&key);
            let is_off = value == Value::Absent || value.as_text() == Some("Inactive");
            if is_off && entity.held(&key).is_some_and(|held| is_older(held, event.event_time, KEY_SECONDS)) {
                self.tell(state, event, holder, &key, &value, &works, items);
            }
        } else if let Some((caller, entity)) = caller.filter(|(_, entity)| self.has_all_keys(entity)) {
            // Times of calls are not so exact that a key could not be used in the second before its own making.
            let is_made = self.made(id).is_some_and(|made| made.epoch().saturating_sub(event.event_time.epoch()) <= KEY_SECONDS);
            if *entity.reference.account == *account && !is_made {
                self.tell(state, event, caller, &key, &Value::Absent, &works, items);
            }
        }
    }

    /// Whether all keys of a user are known. AWS lists keys user by user, so that a list without one of a user need not be
    /// one that was asked for it.
    pub(super) fn has_all_keys(&self, user: &Entity) -> bool {
        let is_asked = || {
            let mut keys = user.attributes().filter(|(attribute, _)| attribute.field == Field::AccessKey);
            keys.any(|(_, held)| held.provenance == Provenance::Snapshot) || self.keyless.contains(&user.reference.key())
        };
        user.exists() == Some(true) && user.covers(Field::AccessKey) && (user.was_made() || is_asked())
    }

    /// A sign-in without a password, or with a device that is not there.
    fn sign_in(&mut self, state: &State, event: &IamEvent, (id, user): (EntityId, &Entity), items: &mut Vec<Draft>) {
        let is_settled = |held: &Held| is_older(held, event.event_time, KEY_SECONDS);
        let profile = Attribute::plain(Field::LoginProfile);
        if user.value(&profile) == Value::Absent && user.held(&profile).is_none_or(is_settled) {
            self.tell(state, event, id, &profile, &Value::Absent, &Value::Present, items);
        }
        let mut devices = user.attributes().filter(|(attribute, _)| attribute.field == Field::MfaDevice);
        let has_none = user.covers(Field::MfaDevice) && devices.all(|(_, held)| held.value == Value::Absent && is_settled(held));
        if event.mfa_used == Some(true) && has_none {
            self.tell(state, event, id, &Attribute::keyed(Field::MfaDevice, "*"), &Value::Absent, &Value::Present, items);
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
        let Some(entity) = state.entity(id).filter(|_| self.told.insert((id, attribute.clone()))) else { return };
        items.push(contradiction(&entity.reference, event, Kind::ActorContradiction, attribute, before, after));
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
                items.push(contradiction(&reference, event, Kind::IdentityRecreated, &attribute, &before, &after));
            }
            let event_id: Arc<str> = event.event_id.clone();
            let held =
                Held { value: Value::Present, since: Some(event.event_time), provenance: Provenance::Implied, event_id: Some(event_id) };
            state.begin(&reference, Some(unique_id.into()), Covered::Nothing, held);
        }
        _ => {}
    }
}

/// An item for what an event shows to have been otherwise.
pub(super) fn contradiction(
    entity: &EntityRef,
    event: &IamEvent,
    kind: Kind,
    attribute: &Attribute,
    before: &Value,
    after: &Value,
) -> Draft {
    let (before, after) = (before.written(attribute), after.written(attribute));
    let item = Item::inferred(entity.to_string().into(), entity.account.clone(), kind, attribute.to_string().into(), before, after)
        .revealed_by(event);
    Draft::inferred(item)
}

/// Whether a value is held for longer than that.
pub(super) fn is_older(held: &Held, now: EventTime, seconds: i64) -> bool {
    held.since.is_some_and(|since| now.epoch().saturating_sub(since.epoch()) > seconds)
}

/// How long a key may still work after it was deleted or made inactive.
pub(in crate::iam) const KEY_SECONDS: i64 = 300;

/// The longest session of a role, which outlives it.
pub(in crate::iam) const SESSION_SECONDS: i64 = 43_200;

/// How near to a use an event has to be: `last used` is the first use in a quarter of an hour.
pub(in crate::iam) const USE_SECONDS: i64 = 1_200;
