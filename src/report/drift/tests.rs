//! Items to test with, and the sentence of each kind.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::words::{change, mark, sentence};
use crate::iam::attribute::Value;
use crate::iam::drift::{Caller, Coverage, Documents, Drift, Evidence, Item, Items, Ordering};
use crate::iam::graph::{Edge, Graph, Means, Node, Party};
use crate::iam::kind::{Kind, Risk};
use crate::iam::state::State;
use crate::severity::Severity;
use crate::time::EventTime;

/// An item of that kind, by mallory.
pub(super) fn made(kind: Kind, attribute: &str, before: Json, after: Json) -> Item {
    let is_inferred = kind.is_contradiction();
    Item {
        entity: "arn:aws:iam::111122223333:user/bob".into(),
        kind,
        attribute: attribute.into(),
        statements: documents(&before, &after),
        before: before.into(),
        after: after.into(),
        by: Some(Arc::new(Caller {
            actor_arn: (!is_inferred).then(|| "arn:aws:iam::111122223333:user/mallory".into()),
            source_ip: Some("203.0.113.7".into()),
            region: Some("us-east-1".into()),
            actor_type: Some("IAMUser".into()),
            ..Caller::default()
        })),
        event_id: Some("e-1".into()),
        risk: if is_inferred { Risk::LogIntegrity } else { Risk::Persistence },
        account: "111122223333".into(),
        event_time: EventTime::parse("2026-03-02T10:00:00Z"),
        evidence: vec![Evidence::Record { object: "a.json.gz".into(), record_index: Some(3), event_id: "e-1".into() }],
        confidence: Vec::new(),
        severity: Severity::Medium,
        patterns: Vec::new(),
        net: None,
        reverted_by: None,
        caused_by: None,
        approved_by: None,
        near_miss: None,
        confirmed_by: None,
        order: Ordering::Exact,
        missing: None,
    }
}

fn documents(before: &Json, after: &Json) -> Option<Documents> {
    let value = |json: &Json| if json.is_null() { Value::Absent } else { Value::document(Some(&json.to_string())) };
    Documents::of(&value(before), &value(after))
}

pub(super) fn of_items(items: Vec<Item>) -> Drift {
    Drift {
        items: Items::of(items).expect("they fit in memory"),
        launches: Vec::new(),
        coverage: Coverage::default(),
        noops: 4,
        duplicates: 0,
        duplicate_mismatches: Vec::new(),
        approved_not_observed: Vec::new(),
        gaps: Vec::new(),
        start: State::default(),
        state: State::default(),
    }
}

/// Items of few entities and all sorts.
pub(super) fn any_items() -> impl Strategy<Value = Vec<Item>> {
    let kind = proptest::sample::select(vec![
        Kind::UserCreated,
        Kind::PolicyAttached,
        Kind::InlinePolicyPut,
        Kind::UnexplainedChange,
        Kind::PreconditionViolation,
        Kind::TagChanged,
    ]);
    let severity = proptest::sample::select(vec![Severity::Info, Severity::Low, Severity::Medium, Severity::High, Severity::Critical]);
    let item = (kind, severity, 0_u8..4, any::<bool>(), "\\PC{0,12}");
    let item = item.prop_map(|(kind, severity, entity, is_approved, text)| {
        let mut item = made(kind, &format!("inline_policies[{text}]"), json!(null), json!({"Statement": [{"Effect": text}]}));
        item.entity = format!("arn:aws:iam::111122223333:user/{entity}{}", if entity == 3 { &*text } else { "" }).into();
        item.severity = severity;
        item.approved_by = (is_approved && !kind.is_contradiction()).then(|| text.into());
        item
    });
    proptest::collection::vec(item, 0..40)
}

/// A transition of each kind: kind, attribute, before, after.
#[rustfmt::skip]
fn all() -> Vec<(Kind, &'static str, Json, Json)> {
    let (no, yes, absent) = (json!(false), json!(true), json!(null));
    let admin = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}]});
    let read = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "NotAction": ["s3:Get*"], "Resource": ["arn:aws:s3:::b/*"], "Condition": {}}]});
    let trusts = |name: &str| json!({"Statement": [{"Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"AWS": [name]}}]});
    let managed = "attached_policies[arn:aws:iam::aws:policy/AdministratorAccess]";
    vec![
        (Kind::UserCreated, "exists", no.clone(), yes.clone()),
        (Kind::UserDeleted, "exists", yes.clone(), no.clone()),
        (Kind::UserRenamed, "name", json!("old"), json!("bob")),
        (Kind::UserPathChanged, "path", json!("/"), json!("/team/")),
        (Kind::GroupCreated, "exists", no.clone(), yes.clone()),
        (Kind::GroupDeleted, "exists", yes.clone(), no.clone()),
        (Kind::GroupRenamed, "name", json!("old"), json!("new")),
        (Kind::RoleCreated, "exists", no.clone(), yes.clone()),
        (Kind::RoleDeleted, "exists", yes.clone(), no.clone()),
        (Kind::ServiceLinkedRoleCreated, "exists", no.clone(), yes.clone()),
        (Kind::ServiceLinkedRoleDeletionRequested, "deletion_pending", no.clone(), yes.clone()),
        (Kind::RoleTrustChanged, "trust_policy", absent.clone(), trusts("arn:aws:iam::444455556666:root")),
        (Kind::RoleTrustChanged, "trust_policy", trusts("arn:aws:iam::111122223333:root"), trusts("*")),
        (Kind::RoleTrustChanged, "trust_policy", json!("<unknown>"), json!("<unknown>")),
        (Kind::RoleSettingChanged, "max_session_duration", json!(3600), json!(43200)),
        (Kind::PolicyCreated, "exists", no.clone(), yes.clone()),
        (Kind::PolicyVersionAdded, "versions[v2]", absent.clone(), admin.clone()),
        (Kind::PolicyDefaultChanged, "default_document", read.clone(), admin.clone()),
        (Kind::PolicyVersionDeleted, "versions[v1]", read.clone(), absent.clone()),
        (Kind::PolicyDeleted, "exists", yes.clone(), no.clone()),
        (Kind::PolicyAttached, managed, no.clone(), yes.clone()),
        (Kind::PolicyDetached, managed, yes.clone(), no.clone()),
        (Kind::InlinePolicyPut, "inline_policies[x]", absent.clone(), admin.clone()),
        (Kind::InlinePolicyPut, "inline_policies[x]", admin.clone(), read.clone()),
        (Kind::InlinePolicyDeleted, "inline_policies[x]", admin.clone(), absent.clone()),
        (Kind::BoundaryChanged, "permissions_boundary", absent.clone(), json!("arn:aws:iam::111122223333:policy/edge")),
        (Kind::BoundaryChanged, "permissions_boundary", json!("arn:aws:iam::111122223333:policy/edge"), json!("arn:aws:iam::111122223333:policy/wide")),
        (Kind::BoundaryRemoved, "permissions_boundary", json!("arn:aws:iam::111122223333:policy/edge"), absent.clone()),
        (Kind::GroupMemberAdded, "members[eve]", no.clone(), yes.clone()),
        (Kind::GroupMemberRemoved, "members[eve]", yes.clone(), no.clone()),
        (Kind::AccessKeyCreated, "access_keys[AKIAEXAMPLE].status", absent.clone(), json!("Active")),
        (Kind::AccessKeyStatusChanged, "access_keys[AKIAEXAMPLE].status", json!("Active"), json!("Inactive")),
        (Kind::AccessKeyDeleted, "access_keys[AKIAEXAMPLE].status", json!("Inactive"), absent.clone()),
        (Kind::LoginProfileCreated, "login_profile", no.clone(), yes.clone()),
        (Kind::LoginProfileUpdated, "login_profile.password", json!("<secret>"), json!("<secret>")),
        (Kind::LoginProfileUpdated, "login_profile.password_reset_required", yes.clone(), no.clone()),
        (Kind::LoginProfileDeleted, "login_profile", yes.clone(), no.clone()),
        (Kind::PasswordChanged, "login_profile.password", json!("<secret>"), json!("<secret>")),
        (Kind::MfaEnabled, "mfa_devices[arn:aws:iam::111122223333:mfa/phone]", no.clone(), yes.clone()),
        (Kind::MfaDeactivated, "mfa_devices[arn:aws:iam::111122223333:mfa/phone]", yes.clone(), no.clone()),
        (Kind::VirtualMfaCreated, "exists", no.clone(), yes.clone()),
        (Kind::VirtualMfaDeleted, "exists", yes.clone(), no.clone()),
        (Kind::SshKeyAdded, "ssh_public_keys[APKA].status", absent.clone(), json!("Active")),
        (Kind::SshKeyStatusChanged, "ssh_public_keys[APKA].status", json!("Active"), json!("Inactive")),
        (Kind::SshKeyDeleted, "ssh_public_keys[APKA].status", json!("Inactive"), absent.clone()),
        (Kind::ServiceCredentialCreated, "service_credentials[ACCA].status", absent.clone(), json!("Active")),
        (Kind::ServiceCredentialStatusChanged, "service_credentials[ACCA].status", json!("Inactive"), json!("Active")),
        (Kind::ServiceCredentialReset, "service_credentials[ACCA].secret", json!("<secret>"), json!("<secret>")),
        (Kind::ServiceCredentialDeleted, "service_credentials[ACCA].status", json!("Active"), absent.clone()),
        (Kind::SigningCertAdded, "signing_certificates[C].status", absent.clone(), json!("Active")),
        (Kind::SigningCertStatusChanged, "signing_certificates[C].status", json!("Active"), json!("Inactive")),
        (Kind::SigningCertDeleted, "signing_certificates[C].status", json!("Active"), absent.clone()),
        (Kind::ServerCertAdded, "exists", no.clone(), yes.clone()),
        (Kind::ServerCertRenamed, "name", json!("old"), json!("new")),
        (Kind::ServerCertDeleted, "exists", yes.clone(), no.clone()),
        (Kind::SamlProviderCreated, "exists", no.clone(), yes.clone()),
        (Kind::SamlProviderUpdated, "metadata_sha256", json!("ab"), json!("cd")),
        (Kind::SamlProviderDeleted, "exists", yes.clone(), no.clone()),
        (Kind::OidcProviderCreated, "exists", no.clone(), yes.clone()),
        (Kind::OidcProviderUpdated, "client_ids[app]", no.clone(), yes.clone()),
        (Kind::OidcProviderUpdated, "thumbprints", json!(["ab"]), json!(["ab", "cd"])),
        (Kind::OidcProviderDeleted, "exists", yes.clone(), no.clone()),
        (Kind::InstanceProfileCreated, "exists", no.clone(), yes.clone()),
        (Kind::InstanceProfileDeleted, "exists", yes.clone(), no.clone()),
        (Kind::InstanceProfileRoleAdded, "role", absent.clone(), json!("deploy")),
        (Kind::InstanceProfileRoleRemoved, "role", json!("deploy"), absent.clone()),
        (Kind::PasswordPolicyChanged, "password_policy.minimumPasswordLength", json!(14), json!(6)),
        (Kind::PasswordPolicyDeleted, "password_policy", json!("<unknown>"), absent.clone()),
        (Kind::AccountAliasChanged, "alias", absent.clone(), json!("corp")),
        (Kind::StsTokenVersionChanged, "sts_global_token_version", json!("v1Token"), json!("v2Token")),
        (Kind::OrgRootAccessChanged, "root_sessions", no.clone(), yes.clone()),
        (Kind::OutboundFederationChanged, "outbound_federation", yes.clone(), no.clone()),
        (Kind::DelegationRequestChanged, "delegation_requests[dr-1].status", json!("ACCEPTED"), json!("FINALIZED")),
        (Kind::TagChanged, "tags[team]", json!("a"), json!("b")),
        (Kind::TagChanged, "tags[team]", json!("b"), absent.clone()),
        (Kind::RootContactChanged, "email", json!("<unknown>"), json!("<unknown>")),
        (Kind::ScpCreated, "exists", no.clone(), yes.clone()),
        (Kind::ScpChanged, "document", read, admin.clone()),
        (Kind::ScpDeleted, "exists", yes.clone(), no.clone()),
        (Kind::ScpAttached, "policies[p-1]", no.clone(), yes.clone()),
        (Kind::ScpDetached, "policies[p-1]", yes.clone(), no.clone()),
        (Kind::PolicyTypeChanged, "policy_types[SERVICE_CONTROL_POLICY]", yes.clone(), no.clone()),
        (Kind::AccountMoved, "parent", json!("ou-1"), json!("r-1")),
        (Kind::AccountLeftOrg, "member[444455556666]", yes.clone(), no.clone()),
        (Kind::AccountJoinedOrg, "member[444455556666]", no.clone(), yes.clone()),
        (Kind::OuChanged, "name", json!("a"), json!("b")),
        (Kind::OrgChanged, "feature_set", json!("CONSOLIDATED_BILLING"), json!("ALL")),
        (Kind::OrgResourcePolicyChanged, "resource_policy", absent.clone(), json!("<redacted>")),
        (Kind::ServiceAccessChanged, "service_access[ram.amazonaws.com]", no.clone(), yes.clone()),
        (Kind::DelegatedAdminChanged, "delegated_admin[444455556666:guardduty.amazonaws.com]", no.clone(), yes.clone()),
        (Kind::PermissionSetCreated, "exists", no.clone(), yes.clone()),
        (Kind::PermissionSetChanged, "session_duration", json!("PT1H"), json!("PT12H")),
        (Kind::PermissionSetDeleted, "exists", yes.clone(), no.clone()),
        (Kind::PermissionSetProvisioned, "settings", json!("<unknown>"), json!("<unknown>")),
        (Kind::PermissionSetPolicyChanged, "inline_policy", absent.clone(), admin.clone()),
        (Kind::PermissionSetPolicyChanged, managed, yes.clone(), no.clone()),
        (Kind::PermissionSetBoundaryChanged, "permissions_boundary", json!("arn:aws:iam::111122223333:policy/edge"), absent.clone()),
        (Kind::AccountAssignmentCreated, "sso_assignments[arn:aws:sso:::permissionSet/i/ps:USER:u-1]", no.clone(), yes.clone()),
        (Kind::AccountAssignmentDeleted, "sso_assignments[arn:aws:sso:::permissionSet/i/ps:USER:u-1]", yes.clone(), no.clone()),
        (Kind::IdstoreMemberAdded, "members[u-1]", no.clone(), yes.clone()),
        (Kind::IdstoreMemberRemoved, "members[u-1]", yes.clone(), no.clone()),
        (Kind::IdstoreChanged, "exists", no.clone(), yes.clone()),
        (Kind::SsoInstanceChanged, "settings", json!("<unknown>"), json!("<unknown>")),
        (Kind::SsoAbacChanged, "settings", json!("<unknown>"), json!("<unknown>")),
        (Kind::SsoTokenIssuerChanged, "exists", no.clone(), yes.clone()),
        (Kind::SsoApplicationChanged, "settings", json!("<unknown>"), json!("<unknown>")),
        (Kind::TrustAnchorCreated, "exists", no.clone(), yes.clone()),
        (Kind::TrustAnchorChanged, "enabled", no.clone(), yes.clone()),
        (Kind::TrustAnchorDeleted, "exists", yes.clone(), no.clone()),
        (Kind::RaProfileCreated, "exists", no.clone(), yes.clone()),
        (Kind::RaProfileChanged, "role_arns[arn:aws:iam::111122223333:role/r]", no.clone(), yes.clone()),
        (Kind::RaProfileDeleted, "exists", yes.clone(), no.clone()),
        (Kind::CrlChanged, "enabled", yes.clone(), no.clone()),
        (Kind::FederationSessionMinted, "(session)", absent.clone(), json!("bob")),
        (Kind::RootSessionAssumed, "(session)", absent.clone(), json!("444455556666")),
        (Kind::UnexplainedChange, "exists", no.clone(), yes.clone()),
        (Kind::UnexplainedChange, "exists", yes.clone(), no.clone()),
        (Kind::UnexplainedChange, managed, no.clone(), yes.clone()),
        (Kind::PreconditionViolation, "inline_policies[x]", admin, absent.clone()),
        (Kind::VersionGap, "versions[v3]", absent.clone(), json!("<unknown>")),
        (Kind::IdentityRecreated, "unique_id", json!("AIDAOLD"), json!("AIDANEW")),
        (Kind::ActorContradiction, "access_keys[AKIAEXAMPLE].status", json!("Inactive"), json!("Active")),
        (Kind::UsageWithoutEvents, "RoleLastUsed", absent, json!("2026-03-02T12:00:00Z")),
        (Kind::PreconditionViolation, "children[*]", no, yes),
    ]
}

#[test]
fn each_kind_has_a_sentence() {
    let told = all().into_iter().map(|(kind, attribute, before, after)| sentence(&made(kind, attribute, before, after)));
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
    user/mallory created user/bob
    user/mallory deleted user/bob
    user/mallory renamed user/bob from old to bob
    user/mallory moved user/bob from / to /team/
    user/mallory created user/bob
    user/mallory deleted user/bob
    user/mallory renamed user/bob from old to new
    user/mallory created user/bob
    user/mallory deleted user/bob
    user/mallory created user/bob
    user/mallory asked AWS to delete user/bob
    user/mallory gave a trust policy to user/bob: it lets in arn:aws:iam::444455556666:root
    user/mallory changed the trust policy of user/bob: it lets in *, it no longer lets in arn:aws:iam::111122223333:root
    user/mallory changed the trust policy of user/bob
    user/mallory changed max session duration of user/bob from 3600 to 43200
    user/mallory created user/bob
    user/mallory added version v2 to user/bob: + Allow * on *
    user/mallory changed the default document of user/bob: + Allow * on *; - 1 statement
    user/mallory deleted version v1 of user/bob
    user/mallory deleted user/bob
    user/mallory attached policy/AdministratorAccess to user/bob
    user/mallory detached policy/AdministratorAccess from user/bob
    user/mallory put inline policy x on user/bob: + Allow * on *
    user/mallory replaced inline policy x on user/bob: + Deny all but s3:Get* on arn:aws:s3:::b/* under a condition; - 1 statement
    user/mallory deleted inline policy x from user/bob
    user/mallory set the permissions boundary policy/edge on user/bob
    user/mallory changed the permissions boundary of user/bob from policy/edge to policy/wide
    user/mallory removed the permissions boundary from user/bob (it was policy/edge)
    user/mallory added member eve to user/bob
    user/mallory removed member eve from user/bob
    user/mallory created access key AKIAEXAMPLE for user/bob
    user/mallory changed access key AKIAEXAMPLE of user/bob from Active to Inactive
    user/mallory deleted access key AKIAEXAMPLE of user/bob
    user/mallory gave a console password to user/bob
    user/mallory changed the console password of user/bob
    user/mallory changed what becomes of the password at the next sign-in of user/bob: it may stay
    user/mallory removed the console password from user/bob
    user/mallory changed, as its owner, the console password of user/bob
    user/mallory enabled MFA device mfa/phone for user/bob
    user/mallory deactivated MFA device mfa/phone of user/bob
    user/mallory created user/bob
    user/mallory deleted user/bob
    user/mallory added SSH key APKA to user/bob
    user/mallory changed SSH key APKA of user/bob from Active to Inactive
    user/mallory deleted SSH key APKA of user/bob
    user/mallory created service credential ACCA for user/bob
    user/mallory changed service credential ACCA of user/bob from Inactive to Active
    user/mallory reset the secret of service credential ACCA of user/bob
    user/mallory deleted service credential ACCA of user/bob
    user/mallory added signing certificate C to user/bob
    user/mallory changed signing certificate C of user/bob from Active to Inactive
    user/mallory deleted signing certificate C of user/bob
    user/mallory created user/bob
    user/mallory renamed user/bob from old to new
    user/mallory deleted user/bob
    user/mallory created user/bob
    user/mallory changed metadata sha256 of user/bob from ab to cd
    user/mallory deleted user/bob
    user/mallory created user/bob
    user/mallory added app to client ids of user/bob
    user/mallory changed thumbprints of user/bob from ab to ab, cd
    user/mallory deleted user/bob
    user/mallory created user/bob
    user/mallory deleted user/bob
    user/mallory put role deploy into user/bob
    user/mallory took role deploy out of user/bob
    user/mallory changed minimumPasswordLength in the password policy of user/bob from 14 to 6
    user/mallory deleted the password policy of user/bob
    user/mallory changed the alias of user/bob from absent to corp
    user/mallory changed the version of global STS tokens of user/bob from v1Token to v2Token
    user/mallory turned on root sessions of user/bob
    user/mallory turned off outbound federation of user/bob
    user/mallory made delegation request dr-1 FINALIZED in user/bob
    user/mallory set tag team of user/bob from a to b
    user/mallory removed tag team from user/bob
    user/mallory changed email of user/bob
    user/mallory created user/bob
    user/mallory changed the document of user/bob: + Allow * on *; - 1 statement
    user/mallory deleted user/bob
    user/mallory attached organization policy p-1 to user/bob
    user/mallory detached organization policy p-1 from user/bob
    user/mallory disabled policy type SERVICE_CONTROL_POLICY on user/bob
    user/mallory moved user/bob from ou-1 to r-1
    user/mallory took account 444455556666 out of user/bob
    user/mallory brought account 444455556666 into user/bob
    user/mallory renamed user/bob from a to b
    user/mallory changed feature set of user/bob from CONSOLIDATED_BILLING to ALL
    user/mallory set the resource policy of user/bob
    user/mallory allowed access of service ram.amazonaws.com to user/bob
    user/mallory registered delegated administrator 444455556666:guardduty.amazonaws.com of user/bob
    user/mallory created user/bob
    user/mallory changed session duration of user/bob from PT1H to PT12H
    user/mallory deleted user/bob
    user/mallory provisioned user/bob to its accounts
    user/mallory put an inline policy on user/bob: + Allow * on *
    user/mallory detached policy/AdministratorAccess from user/bob
    user/mallory removed the permissions boundary from user/bob (it was policy/edge)
    user/mallory assigned arn:aws:sso:::permissionSet/i/ps to user u-1 in user/bob
    user/mallory ended the assignment of arn:aws:sso:::permissionSet/i/ps to user u-1 in user/bob
    user/mallory added member u-1 to user/bob
    user/mallory removed member u-1 from user/bob
    user/mallory created user/bob
    user/mallory changed settings of user/bob
    user/mallory changed settings of user/bob
    user/mallory created user/bob
    user/mallory changed settings of user/bob
    user/mallory created user/bob
    user/mallory enabled user/bob
    user/mallory deleted user/bob
    user/mallory created user/bob
    user/mallory added role/r to role arns of user/bob
    user/mallory deleted user/bob
    user/mallory disabled user/bob
    user/mallory minted a federation session of user/bob
    user/mallory assumed a session of user/bob
    user/bob is in the later snapshot, and no event made it
    user/bob is not in the later snapshot, and no event deleted it
    attached_policies[arn:aws:iam::aws:policy/AdministratorAccess] of user/bob is there in the later snapshot, the log leads to absent, and no event makes the change
    event e-1 could only end as it did if inline_policies[x] of user/bob was absent, and by the log it was a document of 1 statement: an event before it is not here
    user/bob came to a version after v3, and no event of the log made v3
    user/bob has the unique id AIDANEW by event e-1, had AIDAOLD before, and no event deleted and made it between
    event e-1 succeeded as if access_keys[AKIAEXAMPLE].status of user/bob was Active, and by the log it was Inactive
    RoleLastUsed in the snapshot says that user/bob was used at 2026-03-02T12:00:00Z, and no event is near that time
    event e-1 was refused as something hung on user/bob, and by the log nothing did: an event before it is not here
    ");
}

#[test]
fn below_its_entity_a_change_does_without_the_name() {
    let told = all().into_iter().step_by(6).map(|(kind, attribute, before, after)| {
        let item = made(kind, attribute, before, after);
        format!("{} {}", mark(&item), change(&item))
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
    + created
    ~ renamed from old to new
    ~ changed the trust policy: it lets in *, it no longer lets in arn:aws:iam::111122223333:root
    - deleted version v1
    - deleted inline policy x
    + created access key AKIAEXAMPLE
    - removed the console password
    + added SSH key APKA
    - deleted service credential ACCA
    - deleted
    ~ changed thumbprints from ab to ab, cd
    ~ changed minimumPasswordLength in the password policy from 14 to 6
    ~ made delegation request dr-1 FINALIZED
    - deleted
    + brought account 444455556666
    + created
    - removed the permissions boundary (it was policy/edge)
    ~ changed settings
    - deleted
    + assumed a session
    ! it has the unique id AIDANEW by event e-1, had AIDAOLD before, and no event deleted and made it between
    ");
}

#[test]
fn an_actor_without_a_name_is_somebody() {
    let mut item = made(Kind::UserCreated, "exists", json!(false), json!(true));
    item.by = None;
    assert_eq!(sentence(&item), "somebody whom the record does not name created user/bob");
}

/// A graph whose names are hostile.
pub(super) fn graph() -> Graph {
    let node = |party, name: &str| Node { party, name: name.to_owned() };
    let edge = |from, to, means, conditional| Edge { from, to, means, conditional };
    Graph {
        nodes: vec![
            node(Party::Everyone, "*"),
            node(Party::User, "arn:aws:iam::111122223333:user/\"]; n0 -> n1 [URL=\"//198.51.100.7"),
            node(Party::User, "arn:aws:iam::111122223333:user/<img src=x onerror=alert(1)>\u{202e}\n\\N"),
            node(Party::Role, "arn:aws:iam::111122223333:role/</title></svg><script>alert(1)</script>"),
            node(Party::AllRights, "all rights"),
        ],
        edges: vec![
            edge(0, 3, Means::Assume, true),
            edge(1, 3, Means::PassRole, false),
            edge(2, 1, Means::AccessKey, false),
            edge(3, 4, Means::Holds, false),
        ],
        left_out: 2,
        not_compared: 0,
    }
}
