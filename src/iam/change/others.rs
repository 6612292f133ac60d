//! The operations of Organizations, Identity Center, identity stores, Roles Anywhere, STS, and the root user's contacts.

use super::super::attribute::Field as F;
use super::super::entity::EntityKind as E;
use super::super::kind::Kind as K;
use super::operation::{Act as A, Of, Operation, Special as S, row};

const ORG: Of = Of::Organization;
const ORG_POLICY: Of = Of::Id(E::OrgPolicy, "policyId");
const TARGET: Of = Of::Id(E::OrgTarget, "targetId");
const UNIT: Of = Of::Id(E::OrgTarget, "organizationalUnitId");
const NEW_UNIT: Of = Of::MadeId(E::OrgTarget, "organizationalUnit.id", "name");
const NEW: A = A::Create { arn: "", id: "" };

pub(super) const ORGANIZATIONS: &[Operation] = &[
    row("CreatePolicy", Of::MadeId(E::OrgPolicy, "policy.policySummary.id", "name"), A::Special(S::CreateOrgPolicy), K::ScpCreated),
    row("UpdatePolicy", ORG_POLICY, A::SetDocument(F::Document, "content"), K::ScpChanged),
    row("DeletePolicy", ORG_POLICY, A::Delete, K::ScpDeleted),
    // A second attachment is refused, and so is the detachment of what is not attached.
    row("AttachPolicy", TARGET, A::OnNew(F::TargetPolicy, "policyId"), K::ScpAttached),
    row("DetachPolicy", TARGET, A::Off(F::TargetPolicy, "policyId"), K::ScpDetached),
    row("EnablePolicyType", Of::Id(E::OrgTarget, "rootId"), A::On(F::PolicyType, "policyType"), K::PolicyTypeChanged),
    row("DisablePolicyType", Of::Id(E::OrgTarget, "rootId"), A::Special(S::DisablePolicyType), K::PolicyTypeChanged),
    row("MoveAccount", Of::Id(E::OrgTarget, "accountId"), A::Set(F::Parent, "destinationParentId"), K::AccountMoved),
    row("LeaveOrganization", ORG, A::Special(S::LeaveOrganization), K::AccountLeftOrg),
    row("RemoveAccountFromOrganization", ORG, A::Off(F::OrgMember, "accountId"), K::AccountLeftOrg),
    row("CloseAccount", ORG, A::Off(F::OrgMember, "accountId"), K::AccountLeftOrg),
    row("CreateAccount", ORG, A::Note(F::OrgMember, "accountName"), K::AccountJoinedOrg),
    row("CreateGovCloudAccount", ORG, A::Note(F::OrgMember, "accountName"), K::AccountJoinedOrg),
    row("InviteAccountToOrganization", ORG, A::Note(F::OrgMember, "target.id"), K::AccountJoinedOrg),
    row("AcceptHandshake", ORG, A::Note(F::OrgMember, "handshakeId"), K::AccountJoinedOrg),
    row("DeclineHandshake", ORG, A::Nothing, K::OrgChanged),
    row("CancelHandshake", ORG, A::Nothing, K::OrgChanged),
    row("RegisterDelegatedAdministrator", ORG, A::Special(S::DelegatedAdmin(true)), K::DelegatedAdminChanged),
    row("DeregisterDelegatedAdministrator", ORG, A::Special(S::DelegatedAdmin(false)), K::DelegatedAdminChanged),
    row("EnableAWSServiceAccess", ORG, A::On(F::ServiceAccess, "servicePrincipal"), K::ServiceAccessChanged),
    row("DisableAWSServiceAccess", ORG, A::OffIfAny(F::ServiceAccess, "servicePrincipal"), K::ServiceAccessChanged),
    row("PutResourcePolicy", ORG, A::Special(S::ResourcePolicy), K::OrgResourcePolicyChanged),
    row("DeleteResourcePolicy", ORG, A::Clear(F::ResourcePolicy), K::OrgResourcePolicyChanged),
    row("CreateOrganization", ORG, NEW, K::OrgChanged),
    row("DeleteOrganization", ORG, A::Delete, K::OrgChanged),
    row("EnableAllFeatures", ORG, A::Note(F::FeatureSet, ""), K::OrgChanged),
    row("CreateOrganizationalUnit", NEW_UNIT, NEW, K::OuChanged),
    row("UpdateOrganizationalUnit", UNIT, A::Set(F::Name, "name"), K::OuChanged),
    row("DeleteOrganizationalUnit", UNIT, A::Delete, K::OuChanged),
    row("TagResource", Of::Id(E::Other, "resourceId"), A::Tag, K::TagChanged),
    row("UntagResource", Of::Id(E::Other, "resourceId"), A::Untag, K::TagChanged),
    row("InviteOrganizationToTransferResponsibility", ORG, A::Note(F::Setting, ""), K::OrgChanged),
    row("UpdateResponsibilityTransfer", ORG, A::Note(F::Setting, ""), K::OrgChanged),
    row("TerminateResponsibilityTransfer", ORG, A::Note(F::Setting, ""), K::OrgChanged),
];

const SET: Of = Of::Id(E::PermissionSet, "permissionSetArn");
const INSTANCE: Of = Of::MadeId(E::Other, "instanceArn", "instanceArn");
const ISSUER: Of = Of::MadeId(E::Other, "trustedTokenIssuerArn", "trustedTokenIssuerArn");
const APPLICATION: Of = Of::MadeId(E::Other, "applicationArn", "applicationArn");
const SETTING: A = A::Note(F::Setting, "");

pub(super) const IDENTITY_CENTER: &[Operation] = &[
    row(
        "CreatePermissionSet",
        Of::MadeId(E::PermissionSet, "permissionSet.permissionSetArn", "name"),
        A::Special(S::CreatePermissionSet),
        K::PermissionSetCreated,
    ),
    row(
        "UpdatePermissionSet",
        SET,
        A::SetEach(&[(F::SessionDuration, "sessionDuration"), (F::RelayState, "relayState"), (F::Description, "description")]),
        K::PermissionSetChanged,
    ),
    row("DeletePermissionSet", SET, A::Delete, K::PermissionSetDeleted),
    row("PutInlinePolicyToPermissionSet", SET, A::SetDocument(F::SetInlinePolicy, "inlinePolicy"), K::PermissionSetPolicyChanged),
    row("DeleteInlinePolicyFromPermissionSet", SET, A::Clear(F::SetInlinePolicy), K::PermissionSetPolicyChanged),
    row("AttachManagedPolicyToPermissionSet", SET, A::On(F::AttachedPolicy, "managedPolicyArn"), K::PermissionSetPolicyChanged),
    row("DetachManagedPolicyFromPermissionSet", SET, A::Off(F::AttachedPolicy, "managedPolicyArn"), K::PermissionSetPolicyChanged),
    row(
        "AttachCustomerManagedPolicyReferenceToPermissionSet",
        SET,
        A::Special(S::CustomerPolicyReference(true)),
        K::PermissionSetPolicyChanged,
    ),
    row(
        "DetachCustomerManagedPolicyReferenceFromPermissionSet",
        SET,
        A::Special(S::CustomerPolicyReference(false)),
        K::PermissionSetPolicyChanged,
    ),
    row("PutPermissionsBoundaryToPermissionSet", SET, A::Special(S::PermissionSetBoundary), K::PermissionSetBoundaryChanged),
    row("DeletePermissionsBoundaryFromPermissionSet", SET, A::Clear(F::Boundary), K::PermissionSetBoundaryChanged),
    row("CreateAccountAssignment", Of::TargetAccount("targetId"), A::Special(S::Assignment(true)), K::AccountAssignmentCreated),
    row("DeleteAccountAssignment", Of::TargetAccount("targetId"), A::Special(S::Assignment(false)), K::AccountAssignmentDeleted),
    row("ProvisionPermissionSet", SET, SETTING, K::PermissionSetProvisioned),
    row("CreateInstance", INSTANCE, SETTING, K::SsoInstanceChanged),
    row("DeleteInstance", INSTANCE, SETTING, K::SsoInstanceChanged),
    row("UpdateInstance", INSTANCE, SETTING, K::SsoInstanceChanged),
    row("AddRegion", INSTANCE, SETTING, K::SsoInstanceChanged),
    row("RemoveRegion", INSTANCE, SETTING, K::SsoInstanceChanged),
    row("CreateInstanceAccessControlAttributeConfiguration", INSTANCE, SETTING, K::SsoAbacChanged),
    row("UpdateInstanceAccessControlAttributeConfiguration", INSTANCE, SETTING, K::SsoAbacChanged),
    row("DeleteInstanceAccessControlAttributeConfiguration", INSTANCE, SETTING, K::SsoAbacChanged),
    row("CreateTrustedTokenIssuer", ISSUER, SETTING, K::SsoTokenIssuerChanged),
    row("UpdateTrustedTokenIssuer", ISSUER, SETTING, K::SsoTokenIssuerChanged),
    row("DeleteTrustedTokenIssuer", ISSUER, SETTING, K::SsoTokenIssuerChanged),
    row("CreateApplication", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("UpdateApplication", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("DeleteApplication", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("CreateApplicationAssignment", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("DeleteApplicationAssignment", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("PutApplicationAccessScope", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("DeleteApplicationAccessScope", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("PutApplicationAuthenticationMethod", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("DeleteApplicationAuthenticationMethod", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("PutApplicationGrant", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("DeleteApplicationGrant", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("PutApplicationAssignmentConfiguration", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("PutApplicationSessionConfiguration", APPLICATION, SETTING, K::SsoApplicationChanged),
    row("TagResource", Of::Id(E::Other, "resourceArn"), A::Tag, K::TagChanged),
    row("UntagResource", Of::Id(E::Other, "resourceArn"), A::Untag, K::TagChanged),
];

const STORE_GROUP: Of = Of::InStore(E::StoreGroup, "groupId");
const STORE_USER: Of = Of::InStore(E::StoreUser, "userId");

pub(super) const IDENTITY_STORE: &[Operation] = &[
    row("AddMemberToGroup", STORE_GROUP, A::On(F::Member, "member.memberId"), K::IdstoreMemberAdded),
    row("RemoveMemberFromGroup", STORE_GROUP, A::Off(F::Member, "member.memberId"), K::IdstoreMemberRemoved),
    row("CreateGroupMembership", STORE_GROUP, A::Special(S::CreateMembership), K::IdstoreMemberAdded),
    row("DeleteGroupMembership", STORE_GROUP, A::Special(S::DeleteMembership), K::IdstoreMemberRemoved),
    row("CreateUser", STORE_USER, NEW, K::IdstoreChanged),
    row("CreateGroup", STORE_GROUP, NEW, K::IdstoreChanged),
    row("UpdateUser", STORE_USER, SETTING, K::IdstoreChanged),
    row("UpdateGroup", STORE_GROUP, SETTING, K::IdstoreChanged),
    row("DeleteUser", STORE_USER, A::Delete, K::IdstoreChanged),
    row("DeleteGroup", STORE_GROUP, A::Delete, K::IdstoreChanged),
    row("UpdatePassword", STORE_USER, A::Note(F::Password, ""), K::IdstoreChanged),
    row("CompleteVirtualMfaDeviceRegistration", STORE_USER, SETTING, K::IdstoreChanged),
    row("CompleteWebAuthnDeviceRegistration", STORE_USER, SETTING, K::IdstoreChanged),
    row("DeleteMfaDeviceForUser", STORE_USER, SETTING, K::IdstoreChanged),
];

const ANCHOR: Of = Of::MadeId(E::TrustAnchor, "trustAnchor.trustAnchorArn", "trustAnchorId");
const ANYWHERE_PROFILE: Of = Of::MadeId(E::AnywhereProfile, "profile.profileArn", "profileId");
const LIST: Of = Of::MadeId(E::RevocationList, "crl.crlArn", "crlId");

/// Answers echo the whole object, also of what is deleted, so that all of them tell the ARN.
pub(super) const ROLES_ANYWHERE: &[Operation] = &[
    row("CreateTrustAnchor", ANCHOR, A::Special(S::CreateTrustAnchor), K::TrustAnchorCreated),
    row("UpdateTrustAnchor", ANCHOR, A::Special(S::UpdateTrustAnchor), K::TrustAnchorChanged),
    row("DeleteTrustAnchor", ANCHOR, A::Delete, K::TrustAnchorDeleted),
    row("EnableTrustAnchor", ANCHOR, A::Turn(F::Enabled, true), K::TrustAnchorChanged),
    row("DisableTrustAnchor", ANCHOR, A::Turn(F::Enabled, false), K::TrustAnchorChanged),
    row("CreateProfile", ANYWHERE_PROFILE, A::Special(S::CreateAnywhereProfile), K::RaProfileCreated),
    row("UpdateProfile", ANYWHERE_PROFILE, A::Special(S::UpdateAnywhereProfile), K::RaProfileChanged),
    row("DeleteProfile", ANYWHERE_PROFILE, A::Delete, K::RaProfileDeleted),
    row("EnableProfile", ANYWHERE_PROFILE, A::Turn(F::Enabled, true), K::RaProfileChanged),
    row("DisableProfile", ANYWHERE_PROFILE, A::Turn(F::Enabled, false), K::RaProfileChanged),
    row("PutAttributeMapping", ANYWHERE_PROFILE, SETTING, K::RaProfileChanged),
    row("DeleteAttributeMapping", ANYWHERE_PROFILE, SETTING, K::RaProfileChanged),
    row("ImportCrl", LIST, NEW, K::CrlChanged),
    row("UpdateCrl", LIST, SETTING, K::CrlChanged),
    row("DeleteCrl", LIST, A::Delete, K::CrlChanged),
    row("EnableCrl", LIST, A::Turn(F::Enabled, true), K::CrlChanged),
    row("DisableCrl", LIST, A::Turn(F::Enabled, false), K::CrlChanged),
    row("TagResource", Of::Id(E::Other, "resourceArn"), A::Tag, K::TagChanged),
    row("UntagResource", Of::Id(E::Other, "resourceArn"), A::Untag, K::TagChanged),
];

pub(super) const SESSIONS: &[Operation] = &[
    row("GetFederationToken", Of::Caller, A::Special(S::Session), K::FederationSessionMinted),
    row("AssumeRoot", Of::Root("targetPrincipal"), A::Special(S::Session), K::RootSessionAssumed),
];

/// `account.amazonaws.com`, and what the root user does in the console.
pub(super) const CONTACTS: &[Operation] = &[
    row("EnableRegion", Of::Account, SETTING, K::RootContactChanged),
    row("DisableRegion", Of::Account, SETTING, K::RootContactChanged),
    row("PutAlternateContact", Of::Account, SETTING, K::RootContactChanged),
    row("PutAccountName", Of::Account, SETTING, K::RootContactChanged),
    row("StartPrimaryEmailUpdate", Of::Root(""), A::Note(F::Email, ""), K::RootContactChanged),
    row("AcceptPrimaryEmailUpdate", Of::Root(""), A::Note(F::Email, ""), K::RootContactChanged),
    row("EmailUpdated", Of::Root(""), A::Note(F::Email, ""), K::RootContactChanged),
    row("PasswordUpdated", Of::Root(""), A::Note(F::RootPassword, ""), K::RootContactChanged),
    row("PasswordRecoveryCompleted", Of::Root(""), A::Note(F::RootPassword, ""), K::RootContactChanged),
];
