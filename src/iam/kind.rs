//! Kinds of drift, their risks, and what stands in tables for each of them.

use serde::{Serialize, Serializer};

use crate::severity::Severity;

/// Makes an enum whose variants have names.
macro_rules! risks {
    ($($variant:ident $name:literal)*) => {
        /// What an item is about; where two fit, it has the one that stands first here.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Risk {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Risk {
            /// The word that items use.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }

        impl Serialize for Risk {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}

risks! {
    LogIntegrity "log_integrity"
    ExternalTrust "external_trust"
    WildcardAdmin "wildcard_admin"
    MfaWeakening "mfa_weakening"
    GuardrailWeakening "guardrail_weakening"
    PrivilegeEscalation "privilege_escalation"
    FederatedTrust "federated_trust"
    PasswordWeakening "password_weakening"
    Persistence "persistence"
    DefenceEvasion "defence_evasion"
    TrustChange "trust_change"
    PermissionChange "permission_change"
    AccessRemoval "access_removal"
    PermissionReduction "permission_reduction"
    Hardening "hardening"
    Informational "informational"
}

impl Risk {
    /// Whether nothing became more open.
    const fn is_calm(self) -> bool {
        matches!(self, Self::TrustChange | Self::AccessRemoval | Self::PermissionReduction | Self::Hardening | Self::Informational)
    }
}

/// Makes the kinds out of one table: name, severity, severity where nothing became more open, ATT&CK, CIS.
macro_rules! kinds {
    ($($variant:ident $name:literal $harm:ident $calm:ident [$($attack:literal)*] [$($cis:literal)*])*) => {
        /// What kind of change an item is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl Kind {
            /// The word that items use.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The severity with that risk, before who changed what is weighed.
            pub(super) const fn severity(self, risk: Risk) -> Severity {
                let (harm, calm) = match self {
                    $(Self::$variant => (Severity::$harm, Severity::$calm),)*
                };
                if risk.is_calm() { calm } else { harm }
            }

            /// Techniques of ATT&CK v18.
            pub const fn attack(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$($attack),*],)*
                }
            }

            /// Controls of the CIS AWS Foundations Benchmark v3.0.0.
            pub const fn cis(self) -> &'static [&'static str] {
                match self {
                    $(Self::$variant => &[$($cis),*],)*
                }
            }
        }

        impl Serialize for Kind {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}

kinds! {
    UserCreated "user_created" Medium Medium ["T1136.003"] ["1.21"]
    UserDeleted "user_deleted" Low Low ["T1531"] []
    UserRenamed "user_renamed" Medium Medium ["T1036"] []
    UserPathChanged "user_path_changed" Medium Medium ["T1036"] []
    GroupCreated "group_created" Info Info [] []
    GroupDeleted "group_deleted" Low Low ["T1531"] []
    GroupRenamed "group_renamed" Medium Medium ["T1036"] []
    RoleCreated "role_created" Low Low ["T1136.003"] []
    RoleDeleted "role_deleted" Low Low ["T1531"] []
    ServiceLinkedRoleCreated "service_linked_role_created" Info Info [] []
    ServiceLinkedRoleDeletionRequested "service_linked_role_deletion_requested" Info Info [] []
    RoleTrustChanged "role_trust_changed" High Low ["T1098.003"] []
    RoleSettingChanged "role_setting_changed" Info Info [] []
    PolicyCreated "policy_created" High Info ["T1098.003"] ["1.16" "4.4"]
    PolicyVersionAdded "policy_version_added" Medium Info ["T1098.003"] ["1.16" "4.4"]
    PolicyDefaultChanged "policy_default_changed" High High ["T1098.003"] ["1.16" "4.4"]
    PolicyVersionDeleted "policy_version_deleted" Low Low ["T1562.001"] ["4.4"]
    PolicyDeleted "policy_deleted" Low Low ["T1562.001"] ["4.4"]
    PolicyAttached "policy_attached" High Info ["T1098.003"] ["1.16" "4.4"]
    PolicyDetached "policy_detached" High Low ["T1562.001"] ["4.4"]
    InlinePolicyPut "inline_policy_put" High Info ["T1098.003"] ["1.15" "1.16" "4.4"]
    InlinePolicyDeleted "inline_policy_deleted" High Low ["T1562.001"] ["4.4"]
    BoundaryChanged "boundary_changed" High Info ["T1562.001"] []
    BoundaryRemoved "boundary_removed" High High ["T1562.001"] []
    GroupMemberAdded "group_member_added" High High ["T1098.003"] ["1.15"]
    GroupMemberRemoved "group_member_removed" Low Low ["T1531"] []
    AccessKeyCreated "access_key_created" Medium Medium ["T1098.001"] ["1.13"]
    AccessKeyStatusChanged "access_key_status_changed" Medium Low ["T1098.001"] ["1.12"]
    AccessKeyDeleted "access_key_deleted" Low Low ["T1531"] []
    LoginProfileCreated "login_profile_created" High High ["T1098.001"] ["1.10"]
    LoginProfileUpdated "login_profile_updated" High High ["T1098.001"] []
    LoginProfileDeleted "login_profile_deleted" Low Low ["T1531"] []
    PasswordChanged "password_changed" Info Info ["T1098"] []
    MfaEnabled "mfa_enabled" Medium Info ["T1098.005"] ["1.10"]
    MfaDeactivated "mfa_deactivated" High High ["T1556.006"] ["1.10"]
    VirtualMfaCreated "virtual_mfa_created" Info Info ["T1098.005"] []
    VirtualMfaDeleted "virtual_mfa_deleted" Info Info ["T1098.005"] []
    SshKeyAdded "ssh_key_added" Medium Medium ["T1098.001" "T1098.004"] []
    SshKeyStatusChanged "ssh_key_status_changed" Medium Medium ["T1098.001" "T1098.004"] []
    SshKeyDeleted "ssh_key_deleted" Medium Medium ["T1098.001" "T1098.004"] []
    ServiceCredentialCreated "service_credential_created" Medium Medium ["T1098.001"] []
    ServiceCredentialStatusChanged "service_credential_status_changed" Medium Medium ["T1098.001"] []
    ServiceCredentialReset "service_credential_reset" Medium Medium ["T1098.001"] []
    ServiceCredentialDeleted "service_credential_deleted" Medium Medium ["T1098.001"] []
    SigningCertAdded "signing_cert_added" Medium Medium ["T1098.001"] []
    SigningCertStatusChanged "signing_cert_status_changed" Medium Medium ["T1098.001"] []
    SigningCertDeleted "signing_cert_deleted" Medium Medium ["T1098.001"] []
    ServerCertAdded "server_cert_added" Info Info [] ["1.19"]
    ServerCertRenamed "server_cert_renamed" Info Info [] ["1.19"]
    ServerCertDeleted "server_cert_deleted" Info Info [] ["1.19"]
    SamlProviderCreated "saml_provider_created" High High ["T1484.002" "T1556.007"] ["1.21"]
    SamlProviderUpdated "saml_provider_updated" High High ["T1484.002" "T1556.007"] ["1.21"]
    SamlProviderDeleted "saml_provider_deleted" Medium Medium ["T1531"] []
    OidcProviderCreated "oidc_provider_created" High High ["T1484.002" "T1556.007"] ["1.21"]
    OidcProviderUpdated "oidc_provider_updated" High High ["T1484.002" "T1556.007"] ["1.21"]
    OidcProviderDeleted "oidc_provider_deleted" Medium Medium ["T1531"] []
    InstanceProfileCreated "instance_profile_created" Info Info [] ["1.18"]
    InstanceProfileDeleted "instance_profile_deleted" Info Info [] ["1.18"]
    InstanceProfileRoleAdded "instance_profile_role_added" Medium Medium ["T1098.003" "T1548.005"] ["1.18"]
    InstanceProfileRoleRemoved "instance_profile_role_removed" Low Low ["T1531"] []
    PasswordPolicyChanged "password_policy_changed" Medium Info ["T1556"] ["1.8" "1.9"]
    PasswordPolicyDeleted "password_policy_deleted" Medium Medium ["T1556"] ["1.8" "1.9"]
    AccountAliasChanged "account_alias_changed" Info Info [] []
    StsTokenVersionChanged "sts_token_version_changed" Info Info [] []
    OrgRootAccessChanged "org_root_access_changed" High Info ["T1548.005"] ["1.7"]
    OutboundFederationChanged "outbound_federation_changed" Medium Info ["T1550.001"] []
    DelegationRequestChanged "delegation_request_changed" High Info ["T1199"] []
    TagChanged "tag_changed" High Info ["T1098"] []
    RootContactChanged "root_contact_changed" Critical Critical ["T1098"] ["1.1" "1.2"]
    ScpCreated "scp_created" Info Info [] ["4.15"]
    ScpChanged "scp_changed" High Info ["T1562.001"] ["4.15"]
    ScpDeleted "scp_deleted" High High ["T1562.001" "T1666"] ["4.15"]
    ScpAttached "scp_attached" Info Info [] ["4.15"]
    ScpDetached "scp_detached" High High ["T1562.001" "T1666"] ["4.15"]
    PolicyTypeChanged "policy_type_changed" High Info ["T1562.001" "T1666"] ["4.15"]
    AccountMoved "account_moved" High High ["T1562.001" "T1666"] ["4.15"]
    AccountLeftOrg "account_left_org" High High ["T1562.001" "T1666"] ["4.15"]
    AccountJoinedOrg "account_joined_org" Medium Medium ["T1666"] ["4.15"]
    OuChanged "ou_changed" Medium Medium ["T1666"] ["4.15"]
    OrgChanged "org_changed" Medium Medium ["T1666"] ["4.15"]
    OrgResourcePolicyChanged "org_resource_policy_changed" Medium Medium ["T1666"] ["4.15"]
    ServiceAccessChanged "service_access_changed" Medium Medium ["T1666"] ["4.15"]
    DelegatedAdminChanged "delegated_admin_changed" High Info ["T1098.003"] ["4.15"]
    PermissionSetCreated "permission_set_created" Low Low [] []
    PermissionSetChanged "permission_set_changed" Low Low [] []
    PermissionSetDeleted "permission_set_deleted" Low Low [] []
    PermissionSetProvisioned "permission_set_provisioned" Low Low [] []
    PermissionSetPolicyChanged "permission_set_policy_changed" High Low ["T1098.003"] ["1.16"]
    PermissionSetBoundaryChanged "permission_set_boundary_changed" High Info ["T1562.001"] []
    AccountAssignmentCreated "account_assignment_created" High High ["T1098.003"] ["1.21"]
    AccountAssignmentDeleted "account_assignment_deleted" Low Low ["T1531"] []
    IdstoreMemberAdded "idstore_member_added" High High ["T1098.003"] []
    IdstoreMemberRemoved "idstore_member_removed" Low Low ["T1531"] []
    IdstoreChanged "idstore_changed" Medium Info ["T1098"] []
    SsoInstanceChanged "sso_instance_changed" Medium Medium ["T1484.002"] []
    SsoAbacChanged "sso_abac_changed" Medium Medium ["T1484.002"] []
    SsoTokenIssuerChanged "sso_token_issuer_changed" Medium Medium ["T1484.002"] []
    SsoApplicationChanged "sso_application_changed" Medium Medium ["T1484.002"] []
    TrustAnchorCreated "trust_anchor_created" High High ["T1098.001" "T1484.002"] []
    TrustAnchorChanged "trust_anchor_changed" High High ["T1098.001" "T1484.002"] []
    TrustAnchorDeleted "trust_anchor_deleted" Low Low ["T1531"] []
    RaProfileCreated "ra_profile_created" High High ["T1098.001" "T1484.002"] []
    RaProfileChanged "ra_profile_changed" High High ["T1098.001" "T1484.002"] []
    RaProfileDeleted "ra_profile_deleted" Low Low ["T1531"] []
    CrlChanged "crl_changed" Medium Info ["T1562.001"] []
    FederationSessionMinted "federation_session_minted" Medium Medium ["T1550.001" "T1098.001"] []
    RootSessionAssumed "root_session_assumed" High High ["T1548.005"] ["1.7"]
    UnexplainedChange "unexplained_change" High High ["T1562.008"] ["3.2"]
    PreconditionViolation "precondition_violation" Medium Medium ["T1562.008"] ["3.2"]
    VersionGap "version_gap" Medium Medium ["T1562.008"] ["3.2"]
    IdentityRecreated "identity_recreated" Medium Medium ["T1562.008"] ["3.2"]
    ActorContradiction "actor_contradiction" Medium Medium ["T1562.008"] ["3.2"]
    UsageWithoutEvents "usage_without_events" Medium Medium ["T1562.008"] ["3.2"]
}

impl Kind {
    /// Whether it is what the log does not explain, and no change.
    pub const fn is_contradiction(self) -> bool {
        matches!(
            self,
            Self::UnexplainedChange
                | Self::PreconditionViolation
                | Self::VersionGap
                | Self::IdentityRecreated
                | Self::ActorContradiction
                | Self::UsageWithoutEvents
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_risks_is_the_lesser_one() {
        assert_eq!(Risk::GuardrailWeakening.min(Risk::PrivilegeEscalation), Risk::GuardrailWeakening);
        assert_eq!([Risk::Informational, Risk::ExternalTrust, Risk::LogIntegrity].into_iter().min(), Some(Risk::LogIntegrity));
    }

    #[test]
    fn severity_falls_where_nothing_became_more_open() {
        assert_eq!(Kind::PolicyDetached.severity(Risk::GuardrailWeakening), Severity::High);
        assert_eq!(Kind::PolicyDetached.severity(Risk::PermissionReduction), Severity::Low);
        assert_eq!(Kind::BoundaryChanged.severity(Risk::Hardening), Severity::Info);
        assert_eq!(Severity::Critical.raised(), Severity::Critical);
        assert_eq!(Severity::Info.lowered(), Severity::Info);
    }
}
