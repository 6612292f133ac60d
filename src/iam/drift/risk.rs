//! The risk of a transition, by a fixed order of rules.

use std::collections::BTreeSet;

use super::super::attribute::{Attribute, Field, Value};
use super::super::entity::EntityKind;
use super::super::kind::{Kind, Risk};
use super::super::policy::{Document, Rank};
use super::super::replay::Step;
use super::super::state::{EntityId, State, holds_deny, is_quarantine};
use super::document::loses_deny;
use super::trust::TrustChange;

/// What a risk is decided on: the state right after the step, and who made it.
pub(super) struct Scene<'s> {
    pub(super) state: &'s State,
    pub(super) actor: Option<EntityId>,
    pub(super) trusted: &'s BTreeSet<String>,
    /// The version that a policy now has as its default was made earlier, and was not the default then.
    pub(super) was_staged: bool,
}

impl Scene<'_> {
    /// The risk of a step.
    pub(super) fn risk(&self, step: &Step) -> Risk {
        let Step { kind, attribute, before, after, .. } = step;
        let is_on = after.presence() == Some(true);
        match kind {
            Kind::UserCreated
            | Kind::RoleCreated
            | Kind::AccessKeyCreated
            | Kind::LoginProfileCreated
            | Kind::LoginProfileUpdated
            | Kind::RootContactChanged
            | Kind::FederationSessionMinted
            | Kind::SshKeyAdded
            | Kind::ServiceCredentialCreated
            | Kind::ServiceCredentialReset
            | Kind::SigningCertAdded => Risk::Persistence,
            Kind::AccessKeyStatusChanged
            | Kind::SshKeyStatusChanged
            | Kind::ServiceCredentialStatusChanged
            | Kind::SigningCertStatusChanged => {
                if after.as_text() == Some("Active") {
                    Risk::Persistence
                } else {
                    Risk::AccessRemoval
                }
            }
            Kind::UserDeleted
            | Kind::GroupDeleted
            | Kind::RoleDeleted
            | Kind::AccessKeyDeleted
            | Kind::LoginProfileDeleted
            | Kind::SshKeyDeleted
            | Kind::ServiceCredentialDeleted
            | Kind::SigningCertDeleted
            | Kind::SamlProviderDeleted
            | Kind::OidcProviderDeleted
            | Kind::TrustAnchorDeleted
            | Kind::RaProfileDeleted => Risk::AccessRemoval,
            Kind::UserRenamed | Kind::UserPathChanged | Kind::GroupRenamed => Risk::DefenceEvasion,
            Kind::RoleTrustChanged => self.trust(step),
            Kind::PolicyCreated => {
                let document = self.state.value(step.entity, &Attribute::plain(Field::DefaultDocument));
                ranked(document.rank(), Risk::Informational)
            }
            Kind::PolicyVersionAdded => match after.rank() {
                Some(Rank::Privesc | Rank::Admin) => Risk::PrivilegeEscalation,
                _ => Risk::Informational,
            },
            Kind::PolicyDefaultChanged => grant(before.rank(), after.rank()),
            Kind::PolicyDeleted => reduction(&self.state.value(step.entity, &Attribute::plain(Field::DefaultDocument))),
            Kind::PolicyAttached => self.attached(&attribute.key),
            Kind::PolicyDetached => self.detached(&attribute.key),
            Kind::InlinePolicyPut => put(before, after),
            Kind::InlinePolicyDeleted | Kind::PolicyVersionDeleted => reduction(before),
            Kind::BoundaryChanged | Kind::BoundaryRemoved | Kind::PermissionSetBoundaryChanged => {
                if is_on && before.presence() != Some(true) { Risk::Hardening } else { Risk::GuardrailWeakening }
            }
            Kind::GroupMemberAdded => grant(None, Some(self.state.rank(step.entity))),
            Kind::GroupMemberRemoved | Kind::InstanceProfileRoleRemoved | Kind::AccountAssignmentDeleted | Kind::IdstoreMemberRemoved => {
                Risk::PermissionReduction
            }
            Kind::MfaEnabled => self.mfa_enabled(step),
            Kind::MfaDeactivated => Risk::MfaWeakening,
            Kind::SamlProviderCreated
            | Kind::SamlProviderUpdated
            | Kind::OidcProviderCreated
            | Kind::OidcProviderUpdated
            | Kind::SsoTokenIssuerChanged
            | Kind::SsoAbacChanged
            | Kind::TrustAnchorCreated
            | Kind::TrustAnchorChanged
            | Kind::RaProfileCreated
            | Kind::RaProfileChanged => Risk::FederatedTrust,
            Kind::InstanceProfileRoleAdded => self.profile_role(step.entity, after),
            Kind::PasswordPolicyChanged => password(&attribute.key, before, after),
            Kind::PasswordPolicyDeleted => Risk::PasswordWeakening,
            Kind::OrgRootAccessChanged | Kind::DelegatedAdminChanged => if_on(is_on, Risk::PrivilegeEscalation),
            Kind::OutboundFederationChanged => if_on(is_on, Risk::FederatedTrust),
            Kind::DelegationRequestChanged => match after.as_text() {
                Some("ACCEPTED" | "FINALIZED") => Risk::ExternalTrust,
                _ => Risk::Informational,
            },
            Kind::TagChanged if self.state.asks_for_tag(&attribute.key) => Risk::PrivilegeEscalation,
            Kind::ScpDetached | Kind::ScpDeleted | Kind::AccountLeftOrg | Kind::AccountMoved => Risk::GuardrailWeakening,
            Kind::PolicyTypeChanged | Kind::ScpAttached => {
                if is_on {
                    Risk::Hardening
                } else {
                    Risk::GuardrailWeakening
                }
            }
            Kind::ScpChanged => {
                if loses_deny(before, after) {
                    Risk::GuardrailWeakening
                } else {
                    Risk::Hardening
                }
            }
            Kind::OrgResourcePolicyChanged => Risk::ExternalTrust,
            Kind::PermissionSetPolicyChanged => self.permission_set(step),
            Kind::AccountAssignmentCreated => {
                let set = attribute.key.rsplitn(3, ':').nth(2).unwrap_or_default();
                grant(None, self.state.permission_set_rank(set))
            }
            Kind::IdstoreMemberAdded => {
                let group = self.state.entity(step.entity).map(|group| group.reference.name.clone());
                grant(None, group.and_then(|group| self.state.assigned_rank(&group)))
            }
            Kind::CrlChanged => {
                if after.presence() == Some(false) {
                    Risk::GuardrailWeakening
                } else {
                    Risk::Informational
                }
            }
            Kind::RootSessionAssumed => Risk::PrivilegeEscalation,
            Kind::UnexplainedChange
            | Kind::PreconditionViolation
            | Kind::VersionGap
            | Kind::IdentityRecreated
            | Kind::ActorContradiction
            | Kind::UsageWithoutEvents => Risk::LogIntegrity,
            Kind::ServiceLinkedRoleCreated
            | Kind::ServiceLinkedRoleDeletionRequested
            | Kind::RoleSettingChanged
            | Kind::GroupCreated
            | Kind::PasswordChanged
            | Kind::VirtualMfaCreated
            | Kind::VirtualMfaDeleted
            | Kind::ServerCertAdded
            | Kind::ServerCertRenamed
            | Kind::ServerCertDeleted
            | Kind::InstanceProfileCreated
            | Kind::InstanceProfileDeleted
            | Kind::AccountAliasChanged
            | Kind::StsTokenVersionChanged
            | Kind::TagChanged
            | Kind::ScpCreated
            | Kind::AccountJoinedOrg
            | Kind::OuChanged
            | Kind::OrgChanged
            | Kind::ServiceAccessChanged
            | Kind::PermissionSetCreated
            | Kind::PermissionSetChanged
            | Kind::PermissionSetDeleted
            | Kind::PermissionSetProvisioned
            | Kind::IdstoreChanged
            | Kind::SsoInstanceChanged
            | Kind::SsoApplicationChanged => Risk::Informational,
        }
    }

    /// What the trust of a role came to.
    fn trust(&self, step: &Step) -> Risk {
        let account = self.state.entity(step.entity).map(|role| role.reference.account.clone()).unwrap_or_default();
        let own = |other: &str| *account == *other || self.trusted.contains(other);
        let has_rank = self.state.rank(step.entity) > Rank::None;
        TrustChange::between(&step.before, &step.after).risk(&own, has_rank)
    }

    fn attached(&self, arn: &str) -> Risk {
        let denies_only = || self.state.policy_document(arn).is_some_and(is_denial);
        if is_quarantine(arn) || denies_only() { Risk::Hardening } else { grant(None, self.state.policy_rank(arn)) }
    }

    fn detached(&self, arn: &str) -> Risk {
        let denies = || self.state.policy_document(arn).is_some_and(holds_deny);
        if is_quarantine(arn) || denies() { Risk::GuardrailWeakening } else { Risk::PermissionReduction }
    }

    /// A user's first device is a guard, if nobody else enabled it.
    fn mfa_enabled(&self, step: &Step) -> Risk {
        let is_first = self.state.entity(step.entity).is_some_and(|user| user.keys(Field::MfaDevice).count() == 1);
        if is_first && self.actor == Some(step.entity) { Risk::Hardening } else { Risk::Persistence }
    }

    fn profile_role(&self, profile: EntityId, role: &Value) -> Risk {
        let rank = || {
            let profile = &self.state.entity(profile)?.reference;
            let role = super::super::entity::EntityRef::named(EntityKind::Role, &profile.partition, &profile.account, role.as_text()?);
            Some(self.state.rank(self.state.find(&role)?))
        };
        if rank().is_some_and(|rank| rank > Rank::None) { Risk::PrivilegeEscalation } else { Risk::PermissionChange }
    }

    fn permission_set(&self, step: &Step) -> Risk {
        match (step.attribute.field, step.after.presence()) {
            (Field::AttachedPolicy, Some(true)) => self.attached(&step.attribute.key),
            (Field::AttachedPolicy, _) => self.detached(&step.attribute.key),
            (_, Some(false)) => reduction(&step.before),
            (Field::SetInlinePolicy, _) => put(&step.before, &step.after),
            _ => Risk::PermissionChange,
        }
    }
}

/// A rank that rises makes a grant worse than a change.
fn grant(before: Option<Rank>, after: Option<Rank>) -> Risk {
    let after = after.unwrap_or(Rank::None);
    if after > before.unwrap_or(Rank::None) { ranked(Some(after), Risk::PermissionChange) } else { Risk::PermissionChange }
}

fn ranked(rank: Option<Rank>, otherwise: Risk) -> Risk {
    match rank {
        Some(Rank::Admin) => Risk::WildcardAdmin,
        Some(Rank::Privesc) => Risk::PrivilegeEscalation,
        Some(Rank::None) | None => otherwise,
    }
}

fn put(before: &Value, after: &Value) -> Risk {
    if is_denial(after) { Risk::Hardening } else { grant(before.rank(), after.rank()) }
}

fn reduction(before: &Value) -> Risk {
    if holds_deny(before) { Risk::GuardrailWeakening } else { Risk::PermissionReduction }
}

/// Whether all statements of a document deny.
fn is_denial(document: &Value) -> bool {
    document.policy().is_some_and(Document::only_denies)
}

const fn if_on(is_on: bool, risk: Risk) -> Risk {
    if is_on { risk } else { Risk::Hardening }
}

/// Which of two values of a password rule is the weaker one.
fn password(rule: &str, before: &Value, after: &Value) -> Risk {
    let number = |value: &Value| match value {
        Value::Json(value) => value.as_i64().or_else(|| value.as_bool().map(i64::from)),
        _ => None,
    };
    let (Some(before), Some(after)) = (number(before), number(after)) else { return Risk::Informational };
    // A password that never ends has age 0, which is the weakest.
    let strength = |value: i64| match rule {
        "maxPasswordAge" => (if value == 0 { i64::MAX } else { value }).saturating_neg(),
        _ => value,
    };
    match strength(after).cmp(&strength(before)) {
        _ if rule == "allowUsersToChangePassword" => Risk::Informational,
        std::cmp::Ordering::Less => Risk::PasswordWeakening,
        std::cmp::Ordering::Greater => Risk::Hardening,
        std::cmp::Ordering::Equal => Risk::Informational,
    }
}
