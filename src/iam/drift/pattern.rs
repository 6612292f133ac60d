//! Known ways to more rights that are changes of identities, as far as one event and the state decide them.
//!
//! Those that other services open are [launches](super::launch).
//!
//! # Source
//! Rhino Security Labs, "AWS IAM Privilege Escalation Methods", for those with an `R`.

use std::collections::BTreeSet;

use super::super::attribute::{Attribute, Field, Value};
use super::super::change::caller;
use super::super::entity::{EntityKind, EntityRef};
use super::super::event::IamEvent;
use super::super::kind::{Kind, Risk};
use super::super::policy::{PolicyDocument, Rank};
use super::super::replay::Step;
use super::super::state::{Entity, EntityId, State, holds_deny, is_quarantine};
use super::document::loses_deny;
use super::risk::Scene;
use super::trust::TrustChange;

/// The caller as an entity of the state, a session by its role.
pub(super) fn actor(state: &State, event: &IamEvent) -> Option<EntityId> {
    state.find(&caller(event)?)
}

/// The patterns that a step is part of. `rank_before` is the actor's rank before the event.
pub(super) fn patterns(scene: &Scene<'_>, event: &IamEvent, step: &Step, risk: Risk, rank_before: Rank) -> BTreeSet<&'static str> {
    let view = View { scene, event, step, rank_before };
    let mut found: BTreeSet<&'static str> = BTreeSet::new();
    found.extend(view.by_rhino());
    found.extend(view.by_credentials());
    found.extend(view.by_trust());
    found.extend(view.by_others(risk));
    found
}

struct View<'v> {
    scene: &'v Scene<'v>,
    event: &'v IamEvent,
    step: &'v Step,
    rank_before: Rank,
}

impl View<'_> {
    /// Policies and groups: R01, R02, R07 to R13, N23, and what holds others down: N01, N02.
    fn by_rhino(&self) -> Vec<&'static str> {
        let Step { kind, attribute, before, after, .. } = self.step;
        let of_kind = |user, group, role| match self.kind_of_entity() {
            Some(EntityKind::User) => vec![user],
            Some(EntityKind::Group) => vec![group],
            Some(EntityKind::Role) => vec![role],
            _ => Vec::new(),
        };
        let rises = after.rank() > before.rank().or(Some(Rank::None));
        let gains = |rank: Option<Rank>| rank > Some(self.rank_before) && self.is_self();
        match kind {
            Kind::PolicyDefaultChanged => self.by_default_version(rises),
            Kind::PolicyVersionAdded if after.rank() > Some(Rank::None) => vec!["N23"],
            Kind::PolicyAttached if is_quarantine(&attribute.key) => vec!["aws_quarantine"],
            Kind::PolicyAttached if gains(self.scene.state.policy_rank(&attribute.key)) => of_kind("R07", "R08", "R09"),
            Kind::InlinePolicyPut if rises && gains(after.rank()) => of_kind("R10", "R11", "R12"),
            Kind::InlinePolicyPut if self.is_self() && holds_deny(before) && loses_deny(before, after) => vec!["N02"],
            Kind::GroupMemberAdded if self.joins_better_group() => vec!["R13"],
            Kind::BoundaryRemoved if self.is_self() => vec!["N01"],
            Kind::BoundaryChanged if self.is_self() && before.presence() != Some(false) && !self.is_narrower() => vec!["N01"],
            Kind::PolicyVersionDeleted | Kind::InlinePolicyDeleted if self.is_self() && holds_deny(before) => vec!["N02"],
            Kind::PolicyDetached if self.is_self() => {
                let document = self.scene.state.policy_document(&attribute.key);
                if document.is_some_and(holds_deny) { vec!["N02"] } else { Vec::new() }
            }
            _ => Vec::new(),
        }
    }

    fn by_default_version(&self, rises: bool) -> Vec<&'static str> {
        let Step { before, after, .. } = self.step;
        let is_new = &*self.event.event_name == "CreatePolicyVersion";
        let is_self = self.is_self();
        let fits = [
            (is_self && rises, if is_new { "R01" } else { "R02" }),
            (is_self && holds_deny(before) && loses_deny(before, after), "N02"),
            (!is_new && rises && self.scene.was_staged, "N23"),
        ];
        fits.into_iter().filter(|(fits, _)| *fits).map(|(_, pattern)| pattern).collect()
    }

    /// Whether a boundary is known to leave less open than the one before.
    fn is_narrower(&self) -> bool {
        let rank = |boundary: &Value| self.scene.state.policy_rank(boundary.as_text()?);
        rank(&self.step.before).zip(rank(&self.step.after)).is_some_and(|(before, after)| after < before)
    }

    /// Credentials of others who may have more than the actor, R04 to R06; of any others, N04 and N05.
    fn by_credentials(&self) -> Vec<&'static str> {
        let Step { kind, before, after, since, entity, .. } = self.step;
        let is_other = self.kind_of_entity() == Some(EntityKind::User) && self.scene.actor != Some(*entity);
        // Somebody else of the same rank has other rights all the same.
        let may_gain = || is_other && self.rank_before < Rank::Admin && self.scene.state.highest_rank(*entity) >= self.rank_before;
        let is_old = since.is_some_and(|since| self.event.event_time.epoch().saturating_sub(since.epoch()) > OLD_KEY_SECONDS);
        match kind {
            Kind::AccessKeyCreated if may_gain() => vec!["R04"],
            Kind::LoginProfileCreated if may_gain() => vec!["R05"],
            Kind::LoginProfileUpdated if may_gain() => vec!["R06"],
            Kind::AccessKeyStatusChanged
                if after.as_text() == Some("Active") && (is_other || (is_old && before.as_text() == Some("Inactive"))) =>
            {
                vec!["N04"]
            }
            Kind::ServiceCredentialCreated | Kind::ServiceCredentialReset if is_other => vec!["N05"],
            _ => Vec::new(),
        }
    }

    /// Who may take on what: R14, N13, N14, N19.
    fn by_trust(&self) -> Vec<&'static str> {
        let Step { kind, before, after, entity, .. } = self.step;
        let mut found = Vec::new();
        if *kind == Kind::RoleTrustChanged {
            let change = TrustChange::between(before, after);
            if change.trusts_any_repository && !change.federated.is_empty() {
                found.push("N14");
            }
            let role = self.scene.state.entity(*entity).map(|role| role.reference.to_string());
            if role.is_some_and(|role| change.added.contains(&role)) {
                found.push("N19");
            }
            let actor = self.scene.actor.and_then(|actor| self.scene.state.entity(actor)).map(|actor| &actor.reference);
            let lets_in = actor.is_some_and(|actor| {
                let root = format!("arn:{}:iam::{}:root", actor.partition, actor.account);
                ["*".to_owned(), root, actor.to_string()].iter().any(|name| change.added.contains(name))
            });
            if &*self.event.event_name == "UpdateAssumeRolePolicy" && lets_in && self.scene.state.rank(*entity) > self.rank_before {
                found.push("R14");
            }
        }
        let is_of_anywhere =
            matches!(kind, Kind::RaProfileCreated | Kind::RaProfileChanged | Kind::TrustAnchorCreated | Kind::TrustAnchorChanged);
        if is_of_anywhere && self.certificate_opens_role() {
            found.push("N13");
        }
        found
    }

    /// Organizations, Identity Center, sessions, tags: N15 to N18, N20 to N22.
    fn by_others(&self, risk: Risk) -> Vec<&'static str> {
        let Step { kind, attribute, before, after, .. } = self.step;
        let caller = self.event.actor.on_behalf_of.as_deref();
        match kind {
            Kind::AccountAssignmentCreated if caller.is_some_and(|caller| attribute.key.ends_with(&format!(":{caller}"))) => vec!["N15"],
            Kind::IdstoreMemberAdded if caller == Some(&*attribute.key) => vec!["N15"],
            Kind::PermissionSetPolicyChanged if after.presence() == Some(true) && self.has_permission_set(caller) => vec!["N15"],
            Kind::ScpDetached
            | Kind::ScpChanged
            | Kind::ScpDeleted
            | Kind::PolicyTypeChanged
            | Kind::AccountMoved
            | Kind::AccountLeftOrg
                if risk == Risk::GuardrailWeakening =>
            {
                vec!["N16"]
            }
            Kind::OrgRootAccessChanged if attribute.field == Field::RootSessions && after.presence() == Some(true) => vec!["N17"],
            Kind::RootSessionAssumed => vec!["N17"],
            Kind::TagChanged if risk == Risk::PrivilegeEscalation => vec!["N18"],
            Kind::FederationSessionMinted if self.session_policy_is_admin() => vec!["N20"],
            Kind::UserRenamed | Kind::GroupRenamed if self.takes_name_of_others() => vec!["N21"],
            Kind::DelegationRequestChanged if after.as_text() == Some("FINALIZED") && before.as_text() == Some("ACCEPTED") => vec!["N22"],
            _ => Vec::new(),
        }
    }

    fn kind_of_entity(&self) -> Option<EntityKind> {
        self.scene.state.entity(self.step.entity).map(|entity| entity.reference.kind)
    }

    /// Whether the entity is the actor, a group of it, a policy that it has, or a role that lets it in.
    fn is_self(&self) -> bool {
        let Some(actor) = self.scene.actor else { return false };
        if actor == self.step.entity {
            return true;
        }
        let state = self.scene.state;
        let (Some(entity), Some(actor_entity)) = (state.entity(self.step.entity), state.entity(actor)) else { return false };
        let arn = entity.reference.to_string();
        match entity.reference.kind {
            EntityKind::Group => state.groups_of(&actor_entity.reference).any(|group| group == self.step.entity),
            EntityKind::Policy => {
                let has = |id| state.value(id, &Attribute::keyed(Field::AttachedPolicy, &arn)).presence() == Some(true);
                has(actor) || state.groups_of(&actor_entity.reference).any(has)
            }
            EntityKind::Role => {
                let trust = TrustChange::between(&Value::Absent, &entity.value(&Attribute::plain(Field::TrustPolicy)));
                trust.added.contains(&actor_entity.reference.to_string())
            }
            _ => false,
        }
    }

    fn joins_better_group(&self) -> bool {
        let state = self.scene.state;
        let Some(group) = state.entity(self.step.entity) else { return false };
        let user = EntityRef { kind: EntityKind::User, name: self.step.attribute.key.clone(), path: None, ..group.reference.clone() };
        let user = state.find(&user);
        let before = user.map_or(Rank::None, |user| state.rank_without(user, self.step.entity));
        (user.is_some() && user == self.scene.actor) || state.rank(self.step.entity) > before
    }

    /// Whether somebody with a certificate of an authority outside AWS comes into a role that has rights: that takes a trust
    /// anchor and a profile of one account, in whichever order.
    fn certificate_opens_role(&self) -> bool {
        let state = self.scene.state;
        let rank = |role: &str| EntityRef::from_arn(role).and_then(|role| state.find(&role)).map(|role| state.rank(role));
        let account = |entity: &Entity| entity.reference.name.split(':').nth(4).map(str::to_owned);
        let Some(own) = state.entity(self.step.entity).and_then(account) else { return false };
        let here = |kind| {
            let all = state.of_kind("", kind).map(|(_, entity)| entity);
            all.filter(|entity| entity.exists() == Some(true) && account(entity).as_ref() == Some(&own))
        };
        let is_outside = |anchor: &Entity| anchor.value(&Attribute::plain(Field::Type)).as_text() == Some("CERTIFICATE_BUNDLE");
        let has_rank = |profile: &Entity| profile.keys(Field::RoleArn).any(|(role, _)| rank(&role.key) > Some(Rank::None));
        here(EntityKind::TrustAnchor).any(is_outside) && here(EntityKind::AnywhereProfile).any(has_rank)
    }

    /// Whether the caller is assigned the permission set, or came in by its role.
    fn has_permission_set(&self, caller: Option<&str>) -> bool {
        let Some(set) = self.scene.state.entity(self.step.entity) else { return false };
        let name = set.value(&Attribute::plain(Field::Name));
        let role = self.event.actor.session_issuer.as_deref().and_then(|issuer| issuer.rsplit('/').next());
        let of_role = role.and_then(|role| Some(role.strip_prefix("AWSReservedSSO_")?.rsplit_once('_')?.0));
        let is_its_role = of_role.is_some() && of_role == name.as_text();
        is_its_role || caller.is_some_and(|caller| self.scene.state.is_assigned(caller, &set.reference.name))
    }

    fn session_policy_is_admin(&self) -> bool {
        let request = self.event.request();
        let inline = request.text("policy").and_then(|text| PolicyDocument::parse(text).ok()).map(|policy| policy.ranking().rank);
        let managed = request.texts("policyArns[].arn").into_iter().filter_map(|arn| self.scene.state.policy_rank(arn));
        managed.chain(inline).max() == Some(Rank::Admin)
    }

    fn takes_name_of_others(&self) -> bool {
        self.scene
            .state
            .entity(self.step.entity)
            .is_some_and(|entity| self.scene.state.is_name_of_others(&entity.reference, self.step.entity))
    }
}

/// How long a key has been off that nobody misses.
const OLD_KEY_SECONDS: i64 = 30 * 86_400;
