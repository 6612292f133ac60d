//! The operations of IAM that change state, all 106 of them.
//!
//! # Source
//! The service model: its 176 operations without those that get, list, simulate or generate reports.

use super::super::attribute::Field as F;
use super::super::entity::EntityKind as E;
use super::super::kind::Kind as K;
use super::operation::{Act as A, Of, Operation, Special as S, row};

const USER: Of = Of::Named(E::User, "userName");
const GROUP: Of = Of::Named(E::Group, "groupName");
const ROLE: Of = Of::Named(E::Role, "roleName");
const POLICY: Of = Of::Arn(E::Policy, "policyArn");
const PROFILE: Of = Of::Named(E::InstanceProfile, "instanceProfileName");
const SAML: Of = Of::Arn(E::SamlProvider, "sAMLProviderArn");
const OIDC: Of = Of::Arn(E::OidcProvider, "openIDConnectProviderArn");
const CERTIFICATE: Of = Of::Named(E::ServerCertificate, "serverCertificateName");
const DEVICE: Of = Of::Arn(E::MfaDevice, "serialNumber");

const fn owner(answer: &'static str, field: F, id: &'static str) -> Of {
    Of::Owner { answer, held: Some((field, id)) }
}

const OWNER: Of = Of::Owner { answer: "", held: None };
const KEY: Of = owner("accessKey.userName", F::AccessKey, "accessKeyId");
const CREDENTIAL: Of = owner("serviceSpecificCredential.userName", F::ServiceCredential, "serviceSpecificCredentialId");
const SIGNER: Of = owner("certificate.userName", F::SigningCertificate, "certificateId");
const MFA_OWNER: Of = owner("", F::MfaDevice, "serialNumber");

pub(super) const IAM: &[Operation] = &[
    row("CreateUser", USER, A::Special(S::CreateUser), K::UserCreated),
    row("UpdateUser", USER, A::Rename { name: "newUserName", path: "newPath" }, K::UserRenamed),
    row("DeleteUser", USER, A::Delete, K::UserDeleted),
    row("TagUser", USER, A::Tag, K::TagChanged),
    row("UntagUser", USER, A::Untag, K::TagChanged),
    row("PutUserPolicy", USER, A::PutDocument(F::InlinePolicy, "policyName", "policyDocument"), K::InlinePolicyPut),
    row("DeleteUserPolicy", USER, A::Drop(F::InlinePolicy, "policyName"), K::InlinePolicyDeleted),
    row("AttachUserPolicy", USER, A::On(F::AttachedPolicy, "policyArn"), K::PolicyAttached),
    row("DetachUserPolicy", USER, A::Off(F::AttachedPolicy, "policyArn"), K::PolicyDetached),
    row("PutUserPermissionsBoundary", USER, A::Set(F::Boundary, "permissionsBoundary"), K::BoundaryChanged),
    row("DeleteUserPermissionsBoundary", USER, A::Clear(F::Boundary), K::BoundaryRemoved),
    row("CreateAccessKey", KEY, A::Issue(F::AccessKey, "accessKey.accessKeyId"), K::AccessKeyCreated),
    row("UpdateAccessKey", KEY, A::Status(F::AccessKey, "accessKeyId", "status"), K::AccessKeyStatusChanged),
    row("DeleteAccessKey", KEY, A::Drop(F::AccessKey, "accessKeyId"), K::AccessKeyDeleted),
    row("CreateLoginProfile", OWNER, A::Special(S::CreateLoginProfile), K::LoginProfileCreated),
    row("UpdateLoginProfile", USER, A::Special(S::UpdateLoginProfile), K::LoginProfileUpdated),
    row("DeleteLoginProfile", OWNER, A::Clear(F::LoginProfile), K::LoginProfileDeleted),
    row("ChangePassword", Of::Caller, A::Special(S::ChangePassword), K::PasswordChanged),
    row(
        "CreateVirtualMFADevice",
        Of::Named(E::MfaDevice, "virtualMFADeviceName"),
        A::Create { arn: "virtualMFADevice.serialNumber", id: "" },
        K::VirtualMfaCreated,
    ),
    row("EnableMFADevice", OWNER, A::Special(S::EnableMfa), K::MfaEnabled),
    row("DeactivateMFADevice", MFA_OWNER, A::Special(S::DeactivateMfa), K::MfaDeactivated),
    row("ResyncMFADevice", OWNER, A::Nothing, K::MfaEnabled),
    row("DeleteVirtualMFADevice", DEVICE, A::Delete, K::VirtualMfaDeleted),
    row("TagMFADevice", DEVICE, A::Tag, K::TagChanged),
    row("UntagMFADevice", DEVICE, A::Untag, K::TagChanged),
    row("UploadSSHPublicKey", USER, A::Issue(F::SshKey, "sSHPublicKey.sSHPublicKeyId"), K::SshKeyAdded),
    row("UpdateSSHPublicKey", USER, A::Status(F::SshKey, "sSHPublicKeyId", "status"), K::SshKeyStatusChanged),
    row("DeleteSSHPublicKey", USER, A::Drop(F::SshKey, "sSHPublicKeyId"), K::SshKeyDeleted),
    row(
        "CreateServiceSpecificCredential",
        USER,
        A::Issue(F::ServiceCredential, "serviceSpecificCredential.serviceSpecificCredentialId"),
        K::ServiceCredentialCreated,
    ),
    row(
        "UpdateServiceSpecificCredential",
        CREDENTIAL,
        A::Status(F::ServiceCredential, "serviceSpecificCredentialId", "status"),
        K::ServiceCredentialStatusChanged,
    ),
    row("ResetServiceSpecificCredential", CREDENTIAL, A::Special(S::ResetServiceCredential), K::ServiceCredentialReset),
    row(
        "DeleteServiceSpecificCredential",
        CREDENTIAL,
        A::Drop(F::ServiceCredential, "serviceSpecificCredentialId"),
        K::ServiceCredentialDeleted,
    ),
    row("UploadSigningCertificate", SIGNER, A::Issue(F::SigningCertificate, "certificate.certificateId"), K::SigningCertAdded),
    row("UpdateSigningCertificate", SIGNER, A::Status(F::SigningCertificate, "certificateId", "status"), K::SigningCertStatusChanged),
    row("DeleteSigningCertificate", SIGNER, A::Drop(F::SigningCertificate, "certificateId"), K::SigningCertDeleted),
    row(
        "UploadServerCertificate",
        CERTIFICATE,
        A::Create { arn: "serverCertificateMetadata.arn", id: "serverCertificateMetadata.serverCertificateId" },
        K::ServerCertAdded,
    ),
    row("UpdateServerCertificate", CERTIFICATE, A::Rename { name: "newServerCertificateName", path: "newPath" }, K::ServerCertRenamed),
    row("DeleteServerCertificate", CERTIFICATE, A::Delete, K::ServerCertDeleted),
    row("TagServerCertificate", CERTIFICATE, A::Tag, K::TagChanged),
    row("UntagServerCertificate", CERTIFICATE, A::Untag, K::TagChanged),
    row("CreateGroup", GROUP, A::Create { arn: "group.arn", id: "group.groupId" }, K::GroupCreated),
    row("UpdateGroup", GROUP, A::Rename { name: "newGroupName", path: "newPath" }, K::GroupRenamed),
    row("DeleteGroup", GROUP, A::Delete, K::GroupDeleted),
    row("AddUserToGroup", GROUP, A::On(F::Member, "userName"), K::GroupMemberAdded),
    row("RemoveUserFromGroup", GROUP, A::Off(F::Member, "userName"), K::GroupMemberRemoved),
    row("PutGroupPolicy", GROUP, A::PutDocument(F::InlinePolicy, "policyName", "policyDocument"), K::InlinePolicyPut),
    row("DeleteGroupPolicy", GROUP, A::Drop(F::InlinePolicy, "policyName"), K::InlinePolicyDeleted),
    row("AttachGroupPolicy", GROUP, A::On(F::AttachedPolicy, "policyArn"), K::PolicyAttached),
    row("DetachGroupPolicy", GROUP, A::Off(F::AttachedPolicy, "policyArn"), K::PolicyDetached),
    row("CreateRole", ROLE, A::Special(S::CreateRole), K::RoleCreated),
    row("UpdateAssumeRolePolicy", ROLE, A::SetDocument(F::TrustPolicy, "policyDocument"), K::RoleTrustChanged),
    row("UpdateRole", ROLE, A::SetEach(&[(F::Description, "description"), (F::MaxSession, "maxSessionDuration")]), K::RoleSettingChanged),
    row("UpdateRoleDescription", ROLE, A::Set(F::Description, "description"), K::RoleSettingChanged),
    row("DeleteRole", ROLE, A::Delete, K::RoleDeleted),
    row("PutRolePolicy", ROLE, A::PutDocument(F::InlinePolicy, "policyName", "policyDocument"), K::InlinePolicyPut),
    row("DeleteRolePolicy", ROLE, A::Drop(F::InlinePolicy, "policyName"), K::InlinePolicyDeleted),
    row("AttachRolePolicy", ROLE, A::On(F::AttachedPolicy, "policyArn"), K::PolicyAttached),
    row("DetachRolePolicy", ROLE, A::Off(F::AttachedPolicy, "policyArn"), K::PolicyDetached),
    row("PutRolePermissionsBoundary", ROLE, A::Set(F::Boundary, "permissionsBoundary"), K::BoundaryChanged),
    row("DeleteRolePermissionsBoundary", ROLE, A::Clear(F::Boundary), K::BoundaryRemoved),
    row("TagRole", ROLE, A::Tag, K::TagChanged),
    row("UntagRole", ROLE, A::Untag, K::TagChanged),
    row("CreateServiceLinkedRole", ROLE, A::Special(S::CreateServiceLinkedRole), K::ServiceLinkedRoleCreated),
    row("DeleteServiceLinkedRole", ROLE, A::Turn(F::DeletionPending, true), K::ServiceLinkedRoleDeletionRequested),
    row("CreatePolicy", Of::Named(E::Policy, "policyName"), A::Special(S::CreatePolicy), K::PolicyCreated),
    row("CreatePolicyVersion", POLICY, A::Special(S::CreatePolicyVersion), K::PolicyVersionAdded),
    row("SetDefaultPolicyVersion", POLICY, A::Special(S::SetDefaultPolicyVersion), K::PolicyDefaultChanged),
    row("DeletePolicyVersion", POLICY, A::Drop(F::Version, "versionId"), K::PolicyVersionDeleted),
    row("DeletePolicy", POLICY, A::Delete, K::PolicyDeleted),
    row("TagPolicy", POLICY, A::Tag, K::TagChanged),
    row("UntagPolicy", POLICY, A::Untag, K::TagChanged),
    row(
        "CreateInstanceProfile",
        PROFILE,
        A::Create { arn: "instanceProfile.arn", id: "instanceProfile.instanceProfileId" },
        K::InstanceProfileCreated,
    ),
    row("AddRoleToInstanceProfile", PROFILE, A::Set(F::ProfileRole, "roleName"), K::InstanceProfileRoleAdded),
    row("RemoveRoleFromInstanceProfile", PROFILE, A::Clear(F::ProfileRole), K::InstanceProfileRoleRemoved),
    row("DeleteInstanceProfile", PROFILE, A::Delete, K::InstanceProfileDeleted),
    row("TagInstanceProfile", PROFILE, A::Tag, K::TagChanged),
    row("UntagInstanceProfile", PROFILE, A::Untag, K::TagChanged),
    row("CreateSAMLProvider", Of::Named(E::SamlProvider, "name"), A::Special(S::CreateSamlProvider), K::SamlProviderCreated),
    row("UpdateSAMLProvider", SAML, A::Special(S::UpdateSamlProvider), K::SamlProviderUpdated),
    row("DeleteSAMLProvider", SAML, A::Delete, K::SamlProviderDeleted),
    row("TagSAMLProvider", SAML, A::Tag, K::TagChanged),
    row("UntagSAMLProvider", SAML, A::Untag, K::TagChanged),
    row("CreateOpenIDConnectProvider", Of::Named(E::OidcProvider, "url"), A::Special(S::CreateOidcProvider), K::OidcProviderCreated),
    row("AddClientIDToOpenIDConnectProvider", OIDC, A::On(F::ClientId, "clientID"), K::OidcProviderUpdated),
    row("RemoveClientIDFromOpenIDConnectProvider", OIDC, A::OffIfAny(F::ClientId, "clientID"), K::OidcProviderUpdated),
    row("UpdateOpenIDConnectProviderThumbprint", OIDC, A::Special(S::UpdateThumbprints), K::OidcProviderUpdated),
    row("DeleteOpenIDConnectProvider", OIDC, A::DeleteIfAny, K::OidcProviderDeleted),
    row("TagOpenIDConnectProvider", OIDC, A::Tag, K::TagChanged),
    row("UntagOpenIDConnectProvider", OIDC, A::Untag, K::TagChanged),
    row("CreateAccountAlias", Of::Account, A::Set(F::Alias, "accountAlias"), K::AccountAliasChanged),
    row("DeleteAccountAlias", Of::Account, A::Clear(F::Alias), K::AccountAliasChanged),
    row("UpdateAccountPasswordPolicy", Of::Account, A::Special(S::UpdatePasswordPolicy), K::PasswordPolicyChanged),
    row("DeleteAccountPasswordPolicy", Of::Account, A::Special(S::ClearPasswordPolicy), K::PasswordPolicyDeleted),
    row(
        "SetSecurityTokenServicePreferences",
        Of::Account,
        A::Set(F::StsTokenVersion, "globalEndpointTokenVersion"),
        K::StsTokenVersionChanged,
    ),
    row("EnableOrganizationsRootCredentialsManagement", Of::Account, A::Turn(F::RootCredentials, true), K::OrgRootAccessChanged),
    row("DisableOrganizationsRootCredentialsManagement", Of::Account, A::Turn(F::RootCredentials, false), K::OrgRootAccessChanged),
    row("EnableOrganizationsRootSessions", Of::Account, A::Turn(F::RootSessions, true), K::OrgRootAccessChanged),
    row("DisableOrganizationsRootSessions", Of::Account, A::Turn(F::RootSessions, false), K::OrgRootAccessChanged),
    row("EnableOutboundWebIdentityFederation", Of::Account, A::Turn(F::OutboundFederation, true), K::OutboundFederationChanged),
    row("DisableOutboundWebIdentityFederation", Of::Account, A::Turn(F::OutboundFederation, false), K::OutboundFederationChanged),
    row("CreateDelegationRequest", Of::Account, A::Delegation("PENDING"), K::DelegationRequestChanged),
    row("AssociateDelegationRequest", Of::Account, A::Delegation("ASSOCIATED"), K::DelegationRequestChanged),
    row("UpdateDelegationRequest", Of::Account, A::Delegation("SENT"), K::DelegationRequestChanged),
    row("AcceptDelegationRequest", Of::Account, A::Delegation("ACCEPTED"), K::DelegationRequestChanged),
    row("RejectDelegationRequest", Of::Account, A::Delegation("REJECTED"), K::DelegationRequestChanged),
    row("SendDelegationToken", Of::Account, A::Delegation("FINALIZED"), K::DelegationRequestChanged),
];
