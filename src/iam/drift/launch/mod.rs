//! Calls of other services that run something under a role, as far as the calls and the state decide whether the role
//! has more rights than the caller.

mod rows;
mod things;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::attribute::{Attribute, Field};
use super::super::entity::{EntityKind, EntityRef};
use super::super::event::{IamEvent, Parameters};
use super::super::state::{EntityId, State};
use super::pattern::actor;
use super::trust::account_of;
use crate::time::EventTime;
use rows::{Of, ROWS, Row, When};
use things::{Known, Things};

pub(super) use rows::{is_wanted, service};

/// A call of another service that runs something under a role: a way to more rights if the role has more than the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The pattern's id.
    pub pattern: &'static str,
    /// The event.
    pub event_id: Arc<str>,
    /// When.
    pub event_time: EventTime,
    /// Who.
    pub actor_arn: Option<Arc<str>>,
    /// The role or instance profile, as the call names it.
    pub role: Option<String>,
    /// Whether the role's rank is above the caller's; `None` where a role is not known. A launch of which it is known
    /// that the role has no more than the caller is none.
    pub outranks: Option<bool>,
    /// The event that used what was launched.
    pub confirmed_by: Option<Arc<str>>,
    /// How many more calls of the caller under that role there were.
    pub repeats: usize,
}

/// What tells launches apart: pattern, caller and role.
type Told = (&'static str, Option<Arc<str>>, Option<String>);

/// The launches of a run, and what it has learnt of functions, stacks, instances and the like.
#[derive(Debug, Default)]
pub(super) struct Launches {
    found: Vec<Launch>,
    /// Where a launch stands that was told before.
    told: BTreeMap<Told, usize>,
    things: Things,
}

/// A call that a row is about, with the role that it runs something under where that is told.
struct Found {
    role: Option<String>,
}

/// A call with its parameters read.
struct Call<'e> {
    event: &'e IamEvent,
    service: &'e str,
    request: Parameters,
    response: Parameters,
}

impl Launches {
    /// Notes what a call of another service runs, and what it tells about later ones.
    pub(super) fn event(&mut self, state: &State, event: &IamEvent, trusted: &BTreeSet<String>) {
        let service = service(&event.event_source);
        if event.has_failed() || !is_wanted(service, &event.event_name) {
            return;
        }
        let call = Call { event, service, request: event.request(), response: event.response() };
        let mut made = None;
        for row in ROWS.iter().filter(|row| row.service == service && row.calls.contains(&event.event_name.as_ref())) {
            if let Some(Found { role }) = self.found(state, row, &call, trusted) {
                made = self.add(state, row.pattern, event, role).or(made);
            }
        }
        if (service, &*event.event_name) == ("lambda", "Invoke") {
            self.confirm(&call);
        }
        self.things.learn(&call, made);
    }

    pub(super) fn into_found(self) -> Vec<Launch> {
        self.found
    }

    /// What a row finds in a call, where the call is what the row is about.
    fn found(&self, state: &State, row: &Row, call: &Call<'_>, trusted: &BTreeSet<String>) -> Option<Found> {
        let (known, roles): (Vec<&Known>, Vec<String>) = match row.of {
            Of::Named(paths) => {
                let roles = named(&call.request, paths);
                (Vec::new(), Some(roles).filter(|roles| !roles.is_empty())?)
            }
            Of::Thing(kind, paths) => {
                let known = self.things.named(call, kind, paths);
                let echoed = call.response.text("role").map(str::to_owned);
                let roles = echoed.into_iter().chain(known.iter().filter_map(|known| known.role.as_deref().map(str::to_owned)));
                let roles = roles.collect();
                (known, roles)
            }
            Of::Nothing => (Vec::new(), Vec::new()),
        };
        let is_due = match row.when {
            When::Always => true,
            When::Has(paths) => paths.iter().any(|path| call.request.has(path)),
            When::Made => !known.is_empty(),
            When::UnderRole => known.iter().any(|known| known.role.is_some()),
            When::UnderOldRole => !call.request.has("roleARN") && known.iter().any(|known| known.role.is_some()),
            When::LetsOutsiderIn => !known.is_empty() && lets_outsider_in(call, trusted),
            When::NewLayer => has_new_layer(call, &known),
            When::Stopped => {
                known.iter().any(|known| known.is_stopped) && ["userData", "userData.value"].iter().any(|path| call.request.has(path))
            }
            When::Authorizer => known.iter().any(|known| known.is_authorizer),
            When::AskedTag => call.request.texts("tags[].key").into_iter().any(|key| state.asks_for_tag(key)),
        };
        // Of several, the one that has the most.
        is_due.then(|| Found { role: roles.into_iter().max_by_key(|role| role_rank(state, call.event, role)) })
    }

    /// Where the launch stands; `None` where it is known that it leads to nothing new.
    fn add(&mut self, state: &State, pattern: &'static str, event: &IamEvent, role: Option<String>) -> Option<usize> {
        let caller = actor(state, event);
        let outranks = role.as_deref().zip(caller).and_then(|(role, caller)| outranks(state, event, role, caller));
        // Tags give rights within a role, whatever its rank.
        if outranks == Some(false) && pattern != "N18" {
            return None;
        }
        let who = event.actor.session_issuer.as_ref().or_else(|| event.actor.name()).cloned();
        let key = (pattern, who, role.clone());
        if let Some(launch) = self.told.get(&key).and_then(|index| self.found.get_mut(*index)) {
            launch.repeats += 1;
            return self.told.get(&key).copied();
        }
        let index = self.found.len();
        self.told.insert(key, index);
        self.found.push(Launch {
            pattern,
            event_id: event.event_id.clone(),
            event_time: event.event_time,
            actor_arn: event.actor.name().cloned(),
            role,
            outranks,
            confirmed_by: None,
            repeats: 0,
        });
        Some(index)
    }

    /// A function that was made under a role is invoked.
    fn confirm(&mut self, call: &Call<'_>) {
        let launches = self.things.named(call, things::Kind::Function, &["functionName"]).into_iter().filter_map(|known| known.launch);
        for index in launches.collect::<Vec<_>>() {
            if let Some(launch) = self.found.get_mut(index) {
                launch.confirmed_by.get_or_insert_with(|| call.event.event_id.clone());
            }
        }
    }
}

/// The texts that the first path to have any leads to.
fn named(parameters: &Parameters, paths: &[&str]) -> Vec<String> {
    let found = paths.iter().map(|path| parameters.texts(path)).find(|texts| !texts.is_empty());
    found.into_iter().flatten().map(str::to_owned).collect()
}

/// Whether a permission is for somebody of another account. Services are not of any.
fn lets_outsider_in(call: &Call<'_>, trusted: &BTreeSet<String>) -> bool {
    let Some(principal) = call.request.text("principal") else { return false };
    let account = if principal.bytes().all(|letter| letter.is_ascii_digit()) { Some(principal) } else { account_of(principal) };
    account.is_some_and(|account| account != &*call.event.recipient_account_id && !trusted.contains(account))
}

/// Whether a function gets a layer that it did not have; of one whose making the log lacks, a layer of another account.
fn has_new_layer(call: &Call<'_>, known: &[&Known]) -> bool {
    let is_foreign = |layer: &str| layer.split(':').nth(4) != Some(&call.event.recipient_account_id);
    let had = |layer: &str| known.iter().any(|known| known.layers.contains(layer));
    call.request.texts("layers[]").into_iter().any(|layer| if known.is_empty() { is_foreign(layer) } else { !had(layer) })
}

/// Whether a role has more than a caller; `None` where what either has is not known well enough.
fn outranks(state: &State, event: &IamEvent, role: &str, caller: EntityId) -> Option<bool> {
    let role = role_of(state, event, role)?;
    if state.rank(role) > state.rank(caller) { Some(true) } else { (state.highest_rank(role) <= state.rank(caller)).then_some(false) }
}

fn role_rank(state: &State, event: &IamEvent, name: &str) -> Option<super::super::policy::Rank> {
    role_of(state, event, name).map(|role| state.rank(role))
}

/// The role by that ARN or name, or the one in the instance profile by it.
fn role_of(state: &State, event: &IamEvent, name: &str) -> Option<EntityId> {
    let named = |kind| EntityRef::named(kind, event.partition(), &event.recipient_account_id, name.rsplit('/').next().unwrap_or(name));
    let direct = EntityRef::from_arn(name).and_then(|reference| state.find(&reference));
    let id = direct.or_else(|| state.find(&named(EntityKind::Role))).or_else(|| state.find(&named(EntityKind::InstanceProfile)))?;
    let entity = state.entity(id)?;
    if entity.reference.kind != EntityKind::InstanceProfile {
        return Some(id);
    }
    let role = entity.value(&Attribute::plain(Field::ProfileRole));
    let role = EntityRef { kind: EntityKind::Role, name: role.as_text()?.into(), path: None, ..entity.reference.clone() };
    state.find(&role)
}
