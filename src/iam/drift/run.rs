//! One run over all events: applies them, and makes items of what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::attribute::{Attribute, Field, Value};
use super::super::change::{Change, Subject, changes};
use super::super::entity::{EntityKind, EntityRef};
use super::super::event::IamEvent;
use super::super::kind::{Kind, Severity};
use super::super::policy::Rank;
use super::super::replay::{Applier, Batch, Fact, Schedule, Sorted, Step, sorted};
use super::super::snapshot::{Described, Snapshot};
use super::super::state::{Covered, EntityId, Held, Provenance, State};
use super::check::{self, Checks};
use super::compare::compare;
use super::document::StatementDiff;
use super::finish::{Track, finish};
use super::item::{Doubt, Item, Ordering};
use super::pattern::{Launch, actor, patterns};
use super::risk::Scene;
use super::trust::TrustChange;
use super::{Coverage, Drift, Setup};
use crate::time::EventTime;

pub(super) fn run(events: Vec<IamEvent>, setup: &Setup) -> Drift {
    let Sorted { events, duplicates, mismatches } = sorted(events);
    let mut run = Run::begin(setup, &events);
    let mut later: Vec<&Snapshot> = setup.later.iter().collect();
    later.sort_by(|left, right| (right.taken, &right.account).cmp(&(left.taken, &left.account)));
    let mut schedule = Schedule::new(&events);
    while let Some(upcoming) = schedule.upcoming() {
        while let Some(snapshot) = later.pop_if(|snapshot| is_after(upcoming.event_time, snapshot.taken.1)) {
            run.compare(snapshot);
        }
        let Some(batch) = schedule.next(&run.state) else { break };
        run.batch(&events, &batch);
    }
    while let Some(snapshot) = later.pop() {
        run.compare(snapshot);
    }
    run.checks.unseen(setup, &mut run.items);
    let Run { items, launches, tracks, state, coverage, noops, .. } = run;
    let (items, approved_not_observed) = finish(items, &tracks, &state, setup);
    Drift { items, launches, coverage, noops, duplicates, duplicate_mismatches: mismatches, approved_not_observed, state }
}

/// An item while the run goes on, with what it is about.
pub(super) struct Draft {
    pub(super) item: Item,
    pub(super) key: Option<(EntityId, Attribute)>,
}

struct Run<'r> {
    setup: &'r Setup,
    state: State,
    items: Vec<Draft>,
    launches: Vec<Launch>,
    tracks: BTreeMap<(EntityId, Attribute), Track>,
    checks: Checks,
    coverage: Coverage,
    noops: usize,
    /// The last assignment or provisioning of Identity Center, by the account it is for; empty where that is not told.
    provisioned: BTreeMap<Arc<str>, (EventTime, Arc<str>)>,
    /// Accounts of which all events are older than the snapshot that replay begins with.
    predated: BTreeSet<Arc<str>>,
}

impl<'r> Run<'r> {
    fn begin(setup: &'r Setup, events: &[IamEvent]) -> Self {
        let mut run = Self {
            setup,
            state: State::default(),
            items: Vec::new(),
            launches: Vec::new(),
            tracks: BTreeMap::new(),
            checks: Checks::new(setup),
            coverage: Coverage::default(),
            noops: 0,
            provisioned: BTreeMap::new(),
            predated: predated(setup, events),
        };
        for baseline in &setup.baselines {
            load(&mut run.state, baseline);
        }
        run
    }

    fn compare(&mut self, snapshot: &Snapshot) {
        compare(&self.state, snapshot, self.setup, &mut self.coverage, &mut self.items);
    }

    fn batch(&mut self, events: &[IamEvent], batch: &Batch) {
        let first = self.items.len();
        for event in batch.events.iter().filter_map(|index| events.get(*index)) {
            self.event(event, batch.order);
        }
        for fact in &batch.ambiguous {
            self.leave_open(fact, first);
        }
    }

    fn event(&mut self, event: &IamEvent, order: Ordering) {
        let is_before_t0 = self.setup.t0.is_some_and(|t0| event.event_time <= t0);
        let place = self.place(event);
        if place == Place::Before {
            return;
        }
        self.checks.seen(event);
        if !is_before_t0 && place == Place::Within {
            self.checks.actor(&self.state, event, &mut self.items);
            check::failure(&self.state, event, &mut self.items);
        }
        check::learn(&mut self.state, event, if is_before_t0 { None } else { Some(&mut self.items) });
        if !is_before_t0 {
            self.launches.extend(Launch::of(&self.state, event));
        }
        let actor = actor(&self.state, event);
        let rank_before = actor.map_or(Rank::None, |actor| self.state.rank(actor));
        let changes = changes(event);
        if changes.is_empty() {
            return;
        }
        self.note_provisioning(event, &changes);
        let mut is_noop = true;
        for change in &changes {
            let mut applier =
                Applier { state: &mut self.state, event_id: event.event_id.as_str().into(), now: event.event_time, steps: Vec::new() };
            applier.apply(change);
            let steps = applier.steps;
            is_noop &= steps.is_empty();
            for step in steps.into_iter().filter(|step| !is_before_t0 && (place == Place::Within || !step.is_inferred)) {
                let draft = self.draft(event, &step, actor, rank_before, order, place);
                self.items.extend(draft);
            }
        }
        self.noops += usize::from(is_noop && !is_before_t0);
    }

    fn draft(
        &mut self,
        event: &IamEvent,
        step: &Step,
        actor: Option<EntityId>,
        rank_before: Rank,
        order: Ordering,
        place: Place,
    ) -> Option<Draft> {
        let entity = self.state.entity(step.entity)?;
        let Step { kind, attribute, before, after, .. } = step;
        let reference = &entity.reference;
        let account = if reference.account.is_empty() { event.recipient_account_id.clone() } else { reference.account.to_string() };
        let (written_before, written_after) = (before.written(attribute), after.written(attribute));
        let mut item =
            Item::inferred(reference.to_string(), account, *kind, attribute.to_string(), written_before, written_after).revealed_by(event);
        if reference.has_assumed_path() {
            item.confidence.push(Doubt::PathAssumed);
        }
        if place == Place::Slack {
            item.confidence.push(Doubt::UncertainOrder);
        }
        item.order = order;
        if step.is_inferred {
            return Some(Draft { item, key: None });
        }
        let scene = Scene { state: &self.state, actor, trusted: &self.setup.trusted_accounts };
        let risk = scene.risk(step);
        item = item.done_by(event, risk).doubting(before, after);
        item.patterns = patterns(&scene, event, step, risk, rank_before).into_iter().collect();
        item.statements = StatementDiff::between(before, after);
        item.severity = self.severity(step, &item, actor, rank_before);
        if matches!(kind, Kind::AccountAssignmentCreated | Kind::AccountAssignmentDeleted) {
            item.confidence.push(Doubt::Pending);
        }
        self.tie_to_cause(event, step, &mut item);
        self.track(step, event);
        Some(Draft { item, key: Some((step.entity, attribute.clone())) })
    }

    /// The default of the kind, one step worse for the root user, for what has all rights, and without MFA.
    fn severity(&self, step: &Step, item: &Item, actor: Option<EntityId>, rank_before: Rank) -> Severity {
        let Some(entity) = self.state.entity(step.entity) else { return item.severity };
        let is_root = entity.reference.kind == EntityKind::Root || item.actor_type.as_deref() == Some("Root");
        let is_last_device = step.kind == Kind::MfaDeactivated
            && entity.value(&Attribute::plain(Field::LoginProfile)).presence() == Some(true)
            && entity.keys(Field::MfaDevice).next().is_none();
        let is_open = step.kind == Kind::RoleTrustChanged && TrustChange::between(&step.before, &step.after).is_open_to_all;
        if is_last_device || is_open || (step.kind == Kind::AccessKeyCreated && entity.reference.kind == EntityKind::Root) {
            return Severity::Critical;
        }
        let has_all_rights = rank_before == Rank::Admin && actor == Some(step.entity) || self.state.rank(step.entity) == Rank::Admin;
        let is_raised = item.severity > Severity::Info && (is_root || has_all_rights || item.mfa == Some(false));
        if is_raised { item.severity.raised() } else { item.severity }
    }

    /// A role of Identity Center changes as a consequence of an assignment; without one nobody should change it.
    fn tie_to_cause(&self, event: &IamEvent, step: &Step, item: &mut Item) {
        let Some(role) = self.state.entity(step.entity).map(|role| &role.reference) else { return };
        let is_reserved =
            role.kind == EntityKind::Role && role.path.as_deref().is_some_and(|path| path.starts_with("/aws-reserved/sso.amazonaws.com/"));
        if !is_reserved {
            return;
        }
        let by_service = event.actor.invoked_by.as_deref() == Some("sso.amazonaws.com")
            || event.actor.session_issuer.as_deref().is_some_and(|issuer| issuer.ends_with("/AWSServiceRoleForSSO"));
        let cause = [&*role.account, ""].into_iter().filter_map(|account| self.provisioned.get(account)).max();
        let near = cause.filter(|(time, _)| event.event_time.epoch().saturating_sub(time.epoch()) <= PROVISIONING_SECONDS);
        match near.filter(|_| by_service) {
            Some((_, cause)) => item.caused_by = Some(cause.to_string()),
            None => item.severity = Severity::Critical,
        }
    }

    fn note_provisioning(&mut self, event: &IamEvent, changes: &[Change]) {
        for change in changes {
            let account = match (change.kind, &change.subject) {
                (Kind::AccountAssignmentCreated | Kind::AccountAssignmentDeleted, Subject::Named(account)) => account.account.clone(),
                (Kind::PermissionSetProvisioned, _) => Arc::from(""),
                _ => continue,
            };
            self.provisioned.insert(account, (event.event_time, event.event_id.as_str().into()));
        }
    }

    fn track(&mut self, step: &Step, event: &IamEvent) {
        let key = (step.entity, step.attribute.clone());
        let event_id: Arc<str> = event.event_id.as_str().into();
        self.tracks.entry(key).or_insert_with(|| Track::new(step.before.clone())).follow(step.after.clone(), event_id);
    }

    /// Several orders of a second work, and leave other values: the value is open until something decides it.
    fn leave_open(&mut self, fact: &Fact, first: usize) {
        let (entity, _) = fact;
        let found = self.state.find(&EntityRef::named(entity.kind, "aws", &entity.account, &entity.name));
        let Some(id) = found.filter(|id| self.state.entity(*id).is_some_and(|entity| entity.exists() != Some(false))) else { return };
        let mut attributes = vec![fact.1.clone()];
        if fact.1.field == Field::DefaultVersion {
            attributes.push(Attribute::plain(Field::DefaultDocument));
        }
        for attribute in attributes {
            let known = self.state.entity(id).and_then(|entity| entity.held(&attribute)).cloned();
            if let Some(held) = known {
                self.state.set(id, &attribute, Held { value: Value::Ambiguous, ..held });
            }
            let key = (id, attribute);
            if let Some(track) = self.tracks.get_mut(&key) {
                track.leave_open();
            }
            let last = self.items.iter_mut().skip(first).rev().find(|draft| draft.key.as_ref() == Some(&key));
            if let Some(draft) = last {
                draft.item.after = Value::Ambiguous.written(&key.1);
            }
        }
    }

    /// Where an event stands to the snapshot that the replay of its account begins with.
    fn place(&self, event: &IamEvent) -> Place {
        let baseline = self.setup.baselines.iter().find(|baseline| *baseline.account == *event.recipient_account_id);
        let Some(Snapshot { taken: (start, end), .. }) = baseline else { return Place::Within };
        if self.predated.contains(&*event.recipient_account_id) {
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

/// Where an event stands to a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It is in it.
    Before,
    /// It may be in it or not.
    Slack,
    /// It came later.
    Within,
}

fn is_after(time: EventTime, taken: EventTime) -> bool {
    time.epoch() > taken.epoch().saturating_add(SLACK_SECONDS)
}

/// A snapshot that all events of its account come before was not taken when it says, or is no beginning. What they do
/// is told with a doubt, as it would go unseen otherwise.
fn predated(setup: &Setup, events: &[IamEvent]) -> BTreeSet<Arc<str>> {
    let mut last: BTreeMap<&str, EventTime> = BTreeMap::new();
    for event in events {
        last.insert(&event.recipient_account_id, event.event_time);
    }
    let is_predated = |baseline: &&Snapshot| {
        last.get(&*baseline.account).is_some_and(|last| last.epoch() < baseline.taken.0.epoch().saturating_sub(SLACK_SECONDS))
    };
    setup.baselines.iter().filter(is_predated).map(|baseline| baseline.account.clone()).collect()
}

/// Takes a snapshot for what was there.
fn load(state: &mut State, snapshot: &Snapshot) {
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

/// A snapshot takes time, and IAM is eventually consistent: what happened this near to it may be in it or not.
pub(super) const SLACK_SECONDS: i64 = 60;

/// How long after an assignment Identity Center still works on its roles.
const PROVISIONING_SECONDS: i64 = 600;
