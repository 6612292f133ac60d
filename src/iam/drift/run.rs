//! One run over all events: applies them, and makes items of what comes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;

use super::super::attribute::{Attribute, Field, Value};
use super::super::change::{Change, Subject};
use super::super::entity::{EntityKind, EntityRef};
use super::super::event::IamEvent;
use super::super::events::IamEvents;
use super::super::kind::Kind;
use super::super::policy::Rank;
use super::super::replay::{Applier, Batch, Fact, Schedule, Sorted, Step, sorted, with_schedule};
use super::super::snapshot::Snapshot;
use super::super::state::{EntityId, Held, State};
use super::begin::{Place, Places, is_after, load};
use super::check::{Checks, learn};
use super::compare::compare;
use super::confirm::Confirmations;
use super::document::Documents;
use super::finish::{Endings, Tracks};
use super::item::{Caller, Doubt, Item, Missing, Ordering};
use super::keeper::Keeper;
use super::launch::Launches;
use super::pattern::{actor, patterns};
use super::refused::Refusals;
use super::risk::Scene;
use super::trail::trail_gaps;
use super::trust::TrustChange;
use super::{Coverage, Drift, Setup};
use crate::error::Error;
use crate::severity::Severity;
use crate::time::EventTime;

pub(super) fn run(events: &IamEvents, setup: &Setup) -> Result<Drift, Error> {
    let Sorted { order, duplicates, mismatches } = sorted(events)?;
    thread::scope(|scope| {
        let mut run = Run::begin(setup, events, Keeper::start(scope, setup)?)?;
        let start = with_schedule(events, &order, |schedule| run.replay(schedule))?;
        run.checks.unseen(setup, &mut run.items);
        run.settle();
        let gaps = trail_gaps(events, &order)?;
        let Run { keeper, confirmations, launches, tracks, state, coverage, noops, .. } = run;
        let endings = Endings::new(&tracks, &state, confirmations.into_confirmed(), setup);
        let all_gaps = gaps.iter().map(|gap| gap.gap.clone()).collect();
        let (items, approved_not_observed) = keeper.finish()?.finish(endings, gaps);
        Ok(Drift {
            items,
            launches: launches.into_found(),
            coverage,
            noops,
            duplicates,
            duplicate_mismatches: mismatches,
            approved_not_observed,
            gaps: all_gaps,
            start: start.unwrap_or_else(|| state.clone()),
            state,
        })
    })
}

/// Who made a step, and what was known before it.
struct By {
    actor: Option<EntityId>,
    rank_before: Rank,
    was_staged: bool,
}

/// An item while the run goes on, with what it is about and who did it.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) item: Item,
    /// The entity, and the place of the track of the attribute.
    pub(super) about: Option<(EntityId, usize)>,
    pub(super) actor: Option<EntityId>,
}

impl Draft {
    /// An item that nobody is known to have done.
    pub(super) const fn inferred(item: Item) -> Self {
        Self { item, about: None, actor: None }
    }
}

struct Run<'s, 'r> {
    setup: &'r Setup,
    state: State,
    /// The items of the present batch.
    items: Vec<Draft>,
    /// Those of all before it.
    keeper: Keeper<'s, 'r>,
    launches: Launches,
    confirmations: Confirmations,
    tracks: Tracks,
    checks: Checks,
    refusals: Refusals,
    coverage: Coverage,
    noops: usize,
    /// The last assignment or provisioning of Identity Center, by the account it is for; empty where that is not told.
    provisioned: BTreeMap<Arc<str>, (EventTime, Arc<str>)>,
    /// Versions of policies that were made with rights, and not as the default.
    staged: BTreeSet<(EntityId, Arc<str>)>,
    places: Places,
}

impl<'s, 'r: 's> Run<'s, 'r> {
    fn begin(setup: &'r Setup, events: &IamEvents, keeper: Keeper<'s, 'r>) -> Result<Self, Error> {
        let mut run = Self {
            setup,
            state: State::default(),
            items: Vec::new(),
            keeper,
            launches: Launches::default(),
            confirmations: Confirmations::default(),
            tracks: Tracks::default(),
            checks: Checks::new(setup, events)?,
            refusals: Refusals::default(),
            coverage: Coverage::default(),
            noops: 0,
            provisioned: BTreeMap::new(),
            staged: BTreeSet::new(),
            places: Places::of(&setup.baselines, events),
        };
        for baseline in &setup.baselines {
            load(&mut run.state, baseline);
        }
        Ok(run)
    }

    /// Replays all calls, compares the later snapshots when their time has come, and yields the state at [`Setup::t0`].
    fn replay(&mut self, mut schedule: Schedule<'_>) -> Result<Option<State>, Error> {
        let mut later: Vec<&Snapshot> = self.setup.later.iter().collect();
        later.sort_by(|left, right| (right.taken, &right.account).cmp(&(left.taken, &left.account)));
        let mut start = None;
        while let Some(upcoming) = schedule.upcoming() {
            while let Some(snapshot) = later.pop_if(|snapshot| is_after(upcoming, snapshot.taken.1)) {
                self.compare(snapshot);
            }
            if start.is_none() && self.setup.t0.is_none_or(|t0| upcoming > t0) {
                start = Some(self.state.clone());
            }
            let Some(batch) = schedule.next(&self.state)? else { break };
            self.batch(&batch);
            if self.keeper.has_failed() {
                break;
            }
        }
        while let Some(snapshot) = later.pop() {
            self.compare(snapshot);
        }
        Ok(start)
    }

    fn compare(&mut self, snapshot: &Snapshot) {
        compare(&self.state, snapshot, self.setup, &self.checks, &mut self.coverage, &mut self.items);
        self.settle();
    }

    /// Puts the items away, of which nothing changes any more before the end.
    fn settle(&mut self) {
        self.keeper.keep(&mut self.items);
    }

    fn batch(&mut self, batch: &Batch) {
        for (event, changes) in &batch.events {
            self.event(event, changes, batch.order);
        }
        for fact in &batch.ambiguous {
            self.leave_open(fact);
        }
        self.settle();
    }

    fn event(&mut self, event: &IamEvent, changes: &[Change], order: Ordering) {
        let is_before_t0 = self.setup.t0.is_some_and(|t0| event.event_time <= t0);
        let place = self.places.place(event);
        if place == Place::Before {
            return;
        }
        self.checks.seen(event);
        if !is_before_t0 && place == Place::Within {
            self.checks.actor(&self.state, event, &mut self.items);
        }
        let told = if is_before_t0 || place != Place::Within { None } else { Some(&mut self.items) };
        self.refusals.event(&mut self.state, &self.checks, event, told);
        learn(&mut self.state, event, if is_before_t0 { None } else { Some(&mut self.items) });
        if !is_before_t0 {
            self.launches.event(&self.state, event, &self.setup.trusted_accounts);
            self.confirmations.event(&self.state, event);
        }
        if changes.is_empty() {
            return;
        }
        let actor = actor(&self.state, event);
        // The root user has all rights, also where nothing else is known of it.
        let rank_before = if event.actor.is_root() { Rank::Admin } else { actor.map_or(Rank::None, |actor| self.state.rank(actor)) };
        self.note_provisioning(event, changes);
        let mut is_noop = true;
        for change in changes {
            let mut applier =
                Applier { state: &mut self.state, event_id: event.event_id.clone(), now: event.event_time, steps: Vec::new() };
            applier.apply(change);
            let steps = applier.steps;
            is_noop &= steps.is_empty();
            for step in steps {
                self.refusals.note(&self.state, &step, event.event_time);
                let was_staged = self.stage(event, &step);
                if is_before_t0 || (place != Place::Within && step.is_inferred) {
                    continue;
                }
                let by = By { actor, rank_before, was_staged };
                if let Some(draft) = self.draft(event, &step, &by, order, place) {
                    self.confirmations.wait(self.keeper.len() + self.items.len(), &draft);
                    self.items.push(draft);
                }
            }
        }
        self.noops += usize::from(is_noop && !is_before_t0);
    }

    /// Notes a version that is made for later, and says whether the one that is now the default was.
    fn stage(&mut self, event: &IamEvent, step: &Step) -> bool {
        match step.kind {
            Kind::PolicyVersionAdded if step.after.rank() > Some(Rank::None) => {
                self.staged.insert((step.entity, step.attribute.key.clone()));
                false
            }
            Kind::PolicyDefaultChanged => {
                let version = event.request().text("versionId").map(Arc::from);
                version.is_some_and(|version| self.staged.remove(&(step.entity, version)))
            }
            _ => false,
        }
    }

    fn draft(&mut self, event: &IamEvent, step: &Step, by: &By, order: Ordering, place: Place) -> Option<Draft> {
        let entity = self.state.entity(step.entity)?;
        let Step { kind, attribute, before, after, .. } = step;
        let reference = &entity.reference;
        let account = if reference.account.is_empty() { event.recipient_account_id.clone() } else { reference.account.clone() };
        let (written_before, written_after) = (before.written(attribute), after.written(attribute));
        let (key, path) = (reference.to_string().into(), attribute.to_string().into());
        let mut item = Item::inferred(key, account, *kind, path, written_before, written_after).revealed_by(event);
        if reference.has_assumed_path() {
            item.confidence.push(Doubt::PathAssumed);
        }
        if place == Place::Slack {
            item.confidence.push(Doubt::UncertainOrder);
        }
        item.order = order;
        if step.is_inferred {
            if *kind == Kind::UnexplainedChange {
                item.missing = Some(Box::new(Missing::within(self.places.begun(&item.account), event.event_time)));
            }
            return Some(Draft::inferred(item));
        }
        let scene = Scene { state: &self.state, actor: by.actor, trusted: &self.setup.trusted_accounts, was_staged: by.was_staged };
        let risk = scene.risk(step);
        item = item.done_by(Arc::new(Caller::of(event)), risk).doubting(before, after);
        item.patterns = patterns(&scene, event, step, risk, by.rank_before).into_iter().collect();
        item.statements = Documents::of(before, after);
        item.severity = self.severity(step, &item, by.actor, by.rank_before);
        if matches!(kind, Kind::AccountAssignmentCreated | Kind::AccountAssignmentDeleted) {
            item.confidence.push(Doubt::Pending);
        }
        self.tie_to_cause(event, step, &mut item);
        let track = self.tracks.follow(step, &event.event_id);
        Some(Draft { item, about: Some((step.entity, track)), actor: by.actor })
    }

    /// The default of the kind, one step worse for the root user, for what has all rights, and without MFA.
    fn severity(&self, step: &Step, item: &Item, actor: Option<EntityId>, rank_before: Rank) -> Severity {
        let Some(entity) = self.state.entity(step.entity) else { return item.severity };
        let is_by = |kind: &str| item.by.as_ref().is_some_and(|by| by.actor_type.as_deref() == Some(kind));
        let is_root = entity.reference.kind == EntityKind::Root || is_by("Root");
        let is_last_device = step.kind == Kind::MfaDeactivated
            && entity.value(&Attribute::plain(Field::LoginProfile)).presence() == Some(true)
            && entity.keys(Field::MfaDevice).next().is_none();
        let is_open = step.kind == Kind::RoleTrustChanged && TrustChange::between(&step.before, &step.after).is_open_to_all;
        if is_last_device || is_open || (step.kind == Kind::AccessKeyCreated && entity.reference.kind == EntityKind::Root) {
            return Severity::Critical;
        }
        // The records of a role's sessions say that there was no MFA also where nobody could be asked for it.
        let lacks_mfa = item.by.as_ref().is_some_and(|by| by.mfa == Some(false)) && is_by("IAMUser");
        let has_all_rights = || rank_before == Rank::Admin && actor == Some(step.entity) || self.state.rank(step.entity) == Rank::Admin;
        let is_raised = item.severity > Severity::Info && (is_root || lacks_mfa || has_all_rights());
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
            Some((_, cause)) => item.caused_by = Some(cause.clone()),
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
            self.provisioned.insert(account, (event.event_time, event.event_id.clone()));
        }
    }

    /// Several orders of a second work, and leave other values: the value is open until something decides it.
    fn leave_open(&mut self, fact: &Fact) {
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
            let Some(track) = self.tracks.leave_open(id, &attribute) else { continue };
            if let Some(draft) = self.items.iter_mut().rev().find(|draft| draft.about == Some((id, track))) {
                draft.item.after = Value::Ambiguous.written(&attribute);
            }
        }
    }
}

/// How long after an assignment Identity Center still works on its roles.
const PROVISIONING_SECONDS: i64 = 600;
