//! Known ways to more rights, R01 to R28 and N01 to N24, as far as one event and the state decide them.
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
use super::super::state::{EntityId, holds_deny, is_quarantine};
use super::risk::Scene;
use super::trust::TrustChange;
use crate::time::EventTime;

/// The caller as an entity of the state, a session by its role.
pub(super) fn actor(scene: &super::super::state::State, event: &IamEvent) -> Option<EntityId> {
    scene.find(&caller(event)?)
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
    /// Policies and groups: R01, R02, R07 to R13, N01, N02, N23.
    fn by_rhino(&self) -> Vec<&'static str> {
        let Step { kind, attribute, before, after, .. } = self.step;
        let rises = || after.rank().unwrap_or(Rank::None) > before.rank().unwrap_or(Rank::None);
        let of_kind = |user, group, role| match self.kind_of_entity() {
            Some(EntityKind::User) => vec![user],
            Some(EntityKind::Group) => vec![group],
            Some(EntityKind::Role) => vec![role],
            _ => Vec::new(),
        };
        match kind {
            Kind::PolicyDefaultChanged if self.is_self() && rises() => {
                if self.event.event_name == "CreatePolicyVersion" {
                    vec!["R01"]
                } else {
                    vec!["R02"]
                }
            }
            Kind::PolicyVersionAdded if after.rank() > Some(Rank::None) => vec!["N23"],
            Kind::PolicyAttached if is_quarantine(&attribute.key) => vec!["aws_quarantine"],
            Kind::PolicyAttached if self.is_self() && self.scene.state.policy_rank(&attribute.key) > Some(Rank::None) => {
                of_kind("R07", "R08", "R09")
            }
            Kind::InlinePolicyPut if self.is_self() && rises() => of_kind("R10", "R11", "R12"),
            Kind::GroupMemberAdded if self.joins_better_group() => vec!["R13"],
            Kind::BoundaryRemoved if self.is_self() => vec!["N01"],
            Kind::BoundaryChanged if self.is_self() && before.presence() != Some(false) => vec!["N01"],
            Kind::PolicyVersionDeleted | Kind::InlinePolicyDeleted if self.is_self() && holds_deny(before) => vec!["N02"],
            Kind::PolicyDetached if self.is_self() => {
                let document = self.scene.state.policy_document(&attribute.key);
                if document.is_some_and(|document| holds_deny(&document)) { vec!["N02"] } else { Vec::new() }
            }
            _ => Vec::new(),
        }
    }

    /// Credentials of others: R04 to R06, N04, N05.
    fn by_credentials(&self) -> Vec<&'static str> {
        let is_other = self.kind_of_entity() == Some(EntityKind::User) && self.scene.actor != Some(self.step.entity);
        match self.step.kind {
            Kind::AccessKeyCreated if is_other => vec!["R04"],
            Kind::LoginProfileCreated if is_other => vec!["R05"],
            Kind::LoginProfileUpdated if is_other => vec!["R06"],
            Kind::AccessKeyStatusChanged if is_other && self.step.after.as_text() == Some("Active") => vec!["N04"],
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
            if self.event.event_name == "UpdateAssumeRolePolicy" && lets_in && self.scene.state.rank(*entity) > self.rank_before {
                found.push("R14");
            }
        }
        if matches!(kind, Kind::RaProfileCreated | Kind::RaProfileChanged) && self.profile_has_rank() {
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
            Kind::UserRenamed | Kind::GroupRenamed if self.takes_a_former_name() => vec!["N21"],
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
        let is_caller = state.find(&user).is_some_and(|user| Some(user) == self.scene.actor);
        is_caller || state.rank(self.step.entity) > self.rank_before
    }

    fn profile_has_rank(&self) -> bool {
        let state = self.scene.state;
        let rank = |role: &str| EntityRef::from_arn(role).and_then(|role| state.find(&role)).map(|role| state.rank(role));
        state
            .entity(self.step.entity)
            .is_some_and(|profile| profile.keys(Field::RoleArn).any(|(role, _)| rank(&role.key) > Some(Rank::None)))
    }

    fn session_policy_is_admin(&self) -> bool {
        let request = self.event.request();
        request.text("policy").and_then(|text| PolicyDocument::parse(text).ok()).is_some_and(|policy| policy.ranking().rank == Rank::Admin)
    }

    fn takes_a_former_name(&self) -> bool {
        self.scene.state.entity(self.step.entity).is_some_and(|entity| self.scene.state.had_that_name(&entity.reference, self.step.entity))
    }
}

/// A call of another service that runs something under a role: a way to more rights if the role has more than the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The pattern's id.
    pub pattern: &'static str,
    /// The event.
    pub event_id: String,
    /// When.
    pub event_time: EventTime,
    /// Who.
    pub actor_arn: Option<String>,
    /// The role or instance profile, as the call names it.
    pub role: Option<String>,
    /// Whether the role's rank is above the caller's; `None` where a role is not known.
    pub outranks: Option<bool>,
}

impl Launch {
    /// Whether calls of that name may be launches.
    pub(in crate::iam) fn is_one(event_source: &str, event_name: &str) -> bool {
        let service = event_source.strip_suffix(".amazonaws.com").unwrap_or(event_source);
        LAUNCHES.iter().any(|(_, source, names, _)| *source == service && names.contains(&event_name))
    }

    /// The launches that a call of another service is.
    pub(super) fn of(state: &super::super::state::State, event: &IamEvent) -> Vec<Self> {
        if event.has_failed() {
            return Vec::new();
        }
        let request = event.request();
        let service = event.event_source.strip_suffix(".amazonaws.com").unwrap_or(&event.event_source);
        let rows = LAUNCHES.iter().filter(|(_, source, names, _)| *source == service && names.contains(&event.event_name.as_str()));
        let caller_rank = actor(state, event).map(|actor| state.rank(actor));
        let launch = |(pattern, _, _, paths): &(&'static str, &str, &[&str], &[&str])| {
            let role = paths.iter().find_map(|path| request.text(path)).map(str::to_owned);
            // A call that must name a role and does not is none of these.
            (paths.is_empty() || role.is_some()).then(|| Self {
                pattern,
                event_id: event.event_id.clone(),
                event_time: event.event_time,
                actor_arn: event.actor.name().map(str::to_owned),
                outranks: role.as_deref().and_then(|role| Some(role_rank(state, event, role)? > caller_rank?)),
                role,
            })
        };
        rows.filter_map(launch).collect()
    }
}

/// The rank of a role, or of the role in an instance profile, by ARN or name.
fn role_rank(state: &super::super::state::State, event: &IamEvent, name: &str) -> Option<Rank> {
    let named = |kind| EntityRef::named(kind, event.partition(), &event.recipient_account_id, name.rsplit('/').next().unwrap_or(name));
    let direct = EntityRef::from_arn(name).and_then(|reference| state.find(&reference));
    let id = direct.or_else(|| state.find(&named(EntityKind::Role))).or_else(|| state.find(&named(EntityKind::InstanceProfile)))?;
    let entity = state.entity(id)?;
    if entity.reference.kind != EntityKind::InstanceProfile {
        return Some(state.rank(id));
    }
    let role = entity.value(&Attribute::plain(Field::ProfileRole));
    let role = EntityRef { kind: EntityKind::Role, name: role.as_text()?.into(), path: None, ..entity.reference.clone() };
    state.find(&role).map(|role| state.rank(role))
}

/// Pattern, service, calls, and the request parameters that may name the role; none where the call has no role of its own.
type Row = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const LAUNCHES: &[Row] = &[
    ("R03", "ec2", &["RunInstances"], &["iamInstanceProfile.arn", "iamInstanceProfile.name"]),
    (
        "R03",
        "ec2",
        &["AssociateIamInstanceProfile", "ReplaceIamInstanceProfileAssociation"],
        &[
            "AssociateIamInstanceProfileRequest.IamInstanceProfile.Arn",
            "AssociateIamInstanceProfileRequest.IamInstanceProfile.Name",
            "ReplaceIamInstanceProfileAssociationRequest.IamInstanceProfile.Arn",
            "ReplaceIamInstanceProfileAssociationRequest.IamInstanceProfile.Name",
            "iamInstanceProfile.arn",
            "iamInstanceProfile.name",
        ],
    ),
    ("R15", "lambda", &["CreateFunction20150331"], &["role"]),
    ("R16", "lambda", &["AddPermission20150331v2"], &["principal"]),
    ("R17", "lambda", &["CreateEventSourceMapping20150331"], &[]),
    ("R18", "lambda", &["UpdateFunctionCode20150331v2"], &[]),
    ("R19", "glue", &["CreateDevEndpoint"], &["roleArn"]),
    ("R20", "glue", &["UpdateDevEndpoint"], &[]),
    ("R21", "cloudformation", &["CreateStack", "UpdateStack", "CreateChangeSet"], &["roleARN"]),
    ("R22", "datapipeline", &["CreatePipeline", "PutPipelineDefinition"], &[]),
    ("R23", "codestar", &["CreateProjectFromTemplate"], &[]),
    ("R24", "codestar", &["CreateProject"], &[]),
    ("R25", "codestar", &["AssociateTeamMember"], &[]),
    ("R26", "lambda", &["UpdateFunctionConfiguration20150331v2"], &[]),
    ("R27", "sagemaker", &["CreateNotebookInstance"], &["roleArn"]),
    ("R28", "sagemaker", &["CreatePresignedNotebookInstanceUrl"], &[]),
    ("N06", "ecs", &["RegisterTaskDefinition"], &["taskRoleArn"]),
    ("N06", "ecs", &["RunTask", "StartTask", "CreateService", "UpdateService", "ExecuteCommand"], &[]),
    ("N07", "codebuild", &["CreateProject", "UpdateProject"], &["serviceRole"]),
    ("N07", "codebuild", &["StartBuild"], &["buildspecOverride"]),
    ("N08", "states", &["CreateStateMachine"], &["roleArn"]),
    ("N08", "events", &["PutTargets"], &[]),
    ("N08", "scheduler", &["CreateSchedule"], &["target.roleArn"]),
    ("N09", "apprunner", &["CreateService"], &["instanceConfiguration.instanceRoleArn"]),
    ("N09", "batch", &["RegisterJobDefinition"], &["containerProperties.jobRoleArn"]),
    ("N09", "elasticmapreduce", &["RunJobFlow"], &["jobFlowRole", "serviceRole"]),
    ("N09", "glue", &["CreateJob", "CreateSession"], &["role"]),
    ("N09", "sagemaker", &["CreateTrainingJob", "CreateProcessingJob", "CreateUserProfile"], &["roleArn", "userSettings.executionRole"]),
    ("N09", "bedrock", &["CreateAgent"], &["agentResourceRoleArn"]),
    ("N09", "bedrock-agentcore", &["CreateCodeInterpreter"], &["executionRoleArn"]),
    ("N10", "ssm", &["SendCommand", "StartSession", "CreateAssociation"], &[]),
    ("N11", "ec2", &["ModifyInstanceAttribute"], &["userData", "userData.value"]),
    ("N11", "ec2-instance-connect", &["SendSSHPublicKey", "SendSerialConsoleSSHPublicKey"], &[]),
    ("N24", "cloudformation", &["UpdateStack"], &[]),
    ("N24", "lambda", &["UpdateFunctionCode20150331v2"], &[]),
];
