//! What the cases lack, one scene a test.

use std::sync::Arc;

use super::*;
use crate::iam::kind::Kind;
use crate::severity::Severity;

pub(super) const ACCOUNT: &str = "111122223333";

/// An event of IAM, or of the service before a colon, by the user mallory.
#[expect(clippy::needless_pass_by_value, reason = "tests write values where they are used")]
pub(super) fn call(time: &str, name: &str, request: Json, response: Json) -> IamEvent {
    let (service, name) = name.split_once(':').unwrap_or(("iam", name));
    event(&json!({
        "eventID": format!("{name}-{time}"), "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "recipientAccountId": ACCOUNT,
        "eventTime": format!("2026-03-02T{time}Z"), "requestParameters": request, "responseElements": response,
        "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::{ACCOUNT}:user/mallory"), "userName": "mallory", "accountId": ACCOUNT, "accessKeyId": "AKIAMALLORY"},
    }))
}

#[expect(clippy::needless_pass_by_value, reason = "tests write values where they are used")]
pub(super) fn taken(time: &str, more: Json) -> Snapshot {
    let mut json = json!({"AccountId": ACCOUNT, "SnapshotTime": format!("2026-03-02T{time}Z")});
    json.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    Snapshot::read("s.json", &json.to_string(), &Reading::default()).expect("a snapshot")
}

pub(super) fn user(name: &str) -> Json {
    json!({"UserName": name, "UserId": format!("AIDA{name}"), "Arn": format!("arn:aws:iam::{ACCOUNT}:user/{name}"), "GroupList": [], "AttachedManagedPolicies": []})
}

/// Each item as `kind entity attribute: before -> after (risk)`.
pub(super) fn shown(found: &Drift) -> Vec<String> {
    let line = |item: &Item| {
        let Item { entity, attribute, before, after, .. } = item;
        format!("{} {entity} {attribute}: {before} -> {after} ({})", item.kind.name(), item.risk.name())
    };
    found.items.iter().map(line).collect()
}

pub(super) fn only(found: &Drift, kind: Kind) -> Item {
    found.items.iter().find(|item| item.kind == kind).cloned().unwrap_or_else(|| panic!("{:?}", shown(found)))
}

#[test]
fn a_use_without_events_is_told_where_all_events_are_there() {
    let role = json!({"RoleName": "r", "RoleId": "AROAR", "Arn": format!("arn:aws:iam::{ACCOUNT}:role/r"), "RoleLastUsed": {"LastUsedDate": "2026-03-02T12:00:00Z"}});
    let setup = |has_all_events| Setup {
        baselines: vec![taken("06:00:00", json!({}))],
        later: vec![taken("18:00:00", json!({"RoleDetailList": [role]}))],
        has_all_events,
        ..Setup::default()
    };
    let mut near = call("12:15:00", "sts:GetCallerIdentity", json!(null), json!(null));
    Arc::make_mut(&mut near.actor).kind = "AssumedRole".into();
    Arc::make_mut(&mut near.actor).session_issuer = Some(format!("arn:aws:iam::{ACCOUNT}:role/r").into());
    let mut far = near.clone();
    far.event_time = EventTime::parse("2026-03-02T12:21:00Z").expect("a time");
    let line = format!("usage_without_events arn:aws:iam::{ACCOUNT}:role/r RoleLastUsed: null -> \"2026-03-02T12:00:00Z\" (log_integrity)");
    assert_eq!(shown(&drift(&[far.clone()], &setup(true))), [line]);
    assert!(shown(&drift(&[near], &setup(true))).is_empty());
    assert!(shown(&drift(&[far], &setup(false))).is_empty());
}

#[test]
fn one_second_that_can_end_in_two_ways_leaves_the_value_open() {
    let policy = json!({"roleName": "r", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"});
    let both = || {
        vec![
            call("10:00:00", "DetachRolePolicy", policy.clone(), json!(null)),
            call("10:00:00", "AttachRolePolicy", policy.clone(), json!(null)),
        ]
    };
    let found = drift(&both(), &Setup::default());
    insta::assert_snapshot!(shown(&found).join("\n"), @r#"
    policy_attached arn:aws:iam::111122223333:role/r attached_policies[arn:aws:iam::aws:policy/ReadOnlyAccess]: "<unknown>" -> true (permission_change)
    policy_detached arn:aws:iam::111122223333:role/r attached_policies[arn:aws:iam::aws:policy/ReadOnlyAccess]: true -> "<ambiguous>" (permission_reduction)
    "#);
    assert!(found.items.iter().all(|item| item.order == Ordering::SameSecond && item.confidence.contains(&Doubt::PathAssumed)));
    // A later call decides.
    let decided: Vec<IamEvent> = both().into_iter().chain([call("10:01:00", "DetachRolePolicy", policy.clone(), json!(null))]).collect();
    assert!(shown(&drift(&decided, &Setup::default())).last().is_some_and(|line| line.ends_with("true -> false (permission_reduction)")));
}

#[test]
fn a_credential_report_alone_is_a_baseline_and_is_compared_by_numbers() {
    let report = |time: &str, password: &str, mfa: &str, key: &str| {
        let rows = format!(
            "user,arn,password_enabled,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_2_active,access_key_2_last_rotated\nbob,x,{password},{mfa},{key},false,N/A\n"
        );
        taken(time, json!({"CredentialReport": rows}))
    };
    let setup = Setup {
        baselines: vec![report("06:00:00", "false", "false", "false,N/A")],
        later: vec![report("18:00:00", "true", "true", "true,2026-03-02T09:00:00+00:00")],
        ..Setup::default()
    };
    let made = || call("09:00:00", "CreateAccessKey", json!({"userName": "bob"}), json!({"accessKey": {"accessKeyId": "AKIABOB"}}));
    let found = drift(&[made()], &setup);
    insta::assert_snapshot!(shown(&found).join("\n"), @r#"
    access_key_created arn:aws:iam::111122223333:user/bob access_keys[AKIABOB].status: null -> "Active" (persistence)
    unexplained_change arn:aws:iam::111122223333:user/bob login_profile: false -> true (log_integrity)
    unexplained_change arn:aws:iam::111122223333:user/bob mfa_devices[*]: false -> true (log_integrity)
    "#);
    let found = drift(&[], &setup);
    assert!(shown(&found).iter().any(|line| line.contains("access_keys[slot 1].status: null -> \"Active\"")), "{:?}", shown(&found));
    let item = found.items.iter().find(|item| item.attribute.contains("slot")).expect("it");
    let rotated = EventTime::parse("2026-03-02T09:00:00Z").expect("a time");
    assert_eq!(item.missing.as_ref().map(|missing| missing.window), Some((Some(rotated), rotated)), "the report tells when it was made");
}

#[test]
fn certainty_is_what_is_known_of_the_log() {
    let time = |text: &str| EventTime::parse(text);
    let with = |gaps: Vec<Gap>, verified: Vec<TimeRange>| {
        let setup = Setup {
            baselines: vec![taken("06:00:00", json!({"UserDetailList": []}))],
            later: vec![taken("18:00:00", json!({"UserDetailList": [user("new")]}))],
            gaps,
            verified,
            ..Setup::default()
        };
        only(&drift(&[], &setup), Kind::UnexplainedChange)
    };
    let day = TimeRange { since: time("2026-03-02T00:00:00Z"), until: time("2026-03-03T00:00:00Z") };
    let gap = Gap {
        range: TimeRange { since: time("2026-03-02T07:00:00Z"), until: time("2026-03-02T08:00:00Z") },
        reason: "a file is missing".to_owned(),
    };
    let before = Gap { range: TimeRange { since: None, until: time("2026-03-02T05:00:00Z") }, reason: "before".to_owned() };
    assert_eq!(with(vec![], vec![]).missing.expect("what is missing").certainty, Some(Certainty::Unbounded));
    assert_eq!(with(vec![], vec![day]).missing.expect("what is missing").certainty, Some(Certainty::Contradiction));
    let missing = with(vec![gap, before], vec![day]).missing.expect("what is missing");
    assert_eq!((missing.certainty, missing.gaps), (Some(Certainty::ProvenGap), vec!["a file is missing".to_owned()]));
}

#[test]
fn an_actor_that_could_not_have_called() {
    let key = json!({"AccessKeys": [{"UserName": "mallory", "AccessKeyId": "AKIAMALLORY", "Status": "Active"}], "LoginProfiles": []});
    let setup =
        Setup { baselines: vec![taken("06:00:00", json!({"UserDetailList": [user("mallory")], "Supplement": key}))], ..Setup::default() };
    let off = call(
        "10:00:00",
        "UpdateAccessKey",
        json!({"userName": "mallory", "accessKeyId": "AKIAMALLORY", "status": "Inactive"}),
        json!(null),
    );
    let at = |time: &str| drift(&[off.clone(), call(time, "sts:GetCallerIdentity", json!(null), json!(null))], &setup);
    assert_eq!(shown(&at("10:04:00")).len(), 1);
    let found = at("10:06:00");
    assert!(
        shown(&found)
            .last()
            .is_some_and(|line| line.starts_with("actor_contradiction") && line.ends_with("\"Inactive\" -> \"Active\" (log_integrity)"))
    );
    let mut login = call("11:00:00", "signin:ConsoleLogin", json!(null), json!({"ConsoleLogin": "Success"}));
    Arc::make_mut(&mut login.actor).access_key_id = None;
    assert_eq!(only(&drift(&[login], &setup), Kind::ActorContradiction).attribute.as_ref(), "login_profile");
}

#[test]
fn errors_prove_what_is_and_is_not_there() {
    let setup = Setup { baselines: vec![taken("06:00:00", json!({"UserDetailList": [user("bob")]}))], ..Setup::default() };
    let mut failed = call("10:00:00", "DeleteUser", json!({"userName": "bob"}), json!(null));
    failed.error_code = Some("NoSuchEntityException".to_owned());
    let found = drift(&[failed.clone()], &setup);
    assert_eq!(shown(&found), [format!("precondition_violation arn:aws:iam::{ACCOUNT}:user/bob exists: true -> false (log_integrity)")]);
    failed.error_code = Some("EntityTemporarilyUnmodifiableException".to_owned());
    assert!(drift(&[failed], &setup).items.is_empty());
}

#[test]
fn versions_that_were_passed_over_are_told() {
    let arn = format!("arn:aws:iam::{ACCOUNT}:policy/p");
    let document = r#"{"Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}"#;
    let made = call("10:00:00", "CreatePolicy", json!({"policyName": "p", "policyDocument": document}), json!({"policy": {"arn": arn}}));
    let version = |time: &str, number: u32| {
        call(
            time,
            "CreatePolicyVersion",
            json!({"policyArn": arn, "policyDocument": document}),
            json!({"policyVersion": {"versionId": format!("v{number}")}}),
        )
    };
    let found = drift(&[made, version("10:01:00", 2), version("10:02:00", 5), version("10:03:00", u32::MAX)], &Setup::default());
    let gaps = found.items.iter().filter(|item| item.kind == Kind::VersionGap).map(|item| &*item.attribute).collect::<Vec<_>>();
    assert_eq!((gaps.get(..3), gaps.len()), (Some(&["versions[v3]", "versions[v4]", "versions[v6]"][..]), 102));
    assert_eq!(only(&found, Kind::PolicyVersionAdded).patterns, ["N23"]);
}

#[test]
fn server_certificates_roles_anywhere_and_identity_stores() {
    let anchor = "arn:aws:rolesanywhere:eu-west-1:111122223333:trust-anchor/t";
    let profile = "arn:aws:rolesanywhere:eu-west-1:111122223333:profile/p";
    let role = format!("arn:aws:iam::{ACCOUNT}:role/r");
    let echo = |object: &str, name: &str, arn: &str| json!({object: {name: arn}});
    let found = drift(
        &[
            call(
                "09:00:00",
                "AttachRolePolicy",
                json!({"roleName": "r", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
                json!(null),
            ),
            call("10:00:00", "UploadServerCertificate", json!({"serverCertificateName": "web"}), json!(null)),
            call(
                "10:01:00",
                "UpdateServerCertificate",
                json!({"serverCertificateName": "web", "newServerCertificateName": "www"}),
                json!(null),
            ),
            call("10:02:00", "DeleteServerCertificate", json!({"serverCertificateName": "www"}), json!(null)),
            call(
                "10:03:00",
                "rolesanywhere:CreateTrustAnchor",
                json!({"name": "t", "enabled": true, "source": {"sourceData": {"x509CertificateData": "c"}}}),
                echo("trustAnchor", "trustAnchorArn", anchor),
            ),
            call(
                "10:04:00",
                "rolesanywhere:CreateProfile",
                json!({"name": "p", "roleArns": [role]}),
                echo("profile", "profileArn", profile),
            ),
            call(
                "10:05:00",
                "rolesanywhere:UpdateProfile",
                json!({"profileId": "p", "roleArns": []}),
                echo("profile", "profileArn", profile),
            ),
            call(
                "10:06:00",
                "rolesanywhere:DisableTrustAnchor",
                json!({"trustAnchorId": "t"}),
                echo("trustAnchor", "trustAnchorArn", anchor),
            ),
            call(
                "10:07:00",
                "identitystore:CreateGroupMembership",
                json!({"identityStoreId": "d-1", "groupId": "g", "memberId": {"userId": "u"}}),
                json!({"membershipId": "m"}),
            ),
            call("10:08:00", "identitystore:DeleteGroupMembership", json!({"identityStoreId": "d-1", "membershipId": "m"}), json!(null)),
        ],
        &Setup::default(),
    );
    insta::assert_snapshot!(shown(&found).join("\n"), @r#"
    policy_attached arn:aws:iam::111122223333:role/r attached_policies[arn:aws:iam::aws:policy/AdministratorAccess]: "<unknown>" -> true (wildcard_admin)
    server_cert_added arn:aws:iam::111122223333:server-certificate/web exists: false -> true (informational)
    server_cert_renamed arn:aws:iam::111122223333:server-certificate/www name: "web" -> "www" (informational)
    server_cert_deleted arn:aws:iam::111122223333:server-certificate/www exists: true -> false (informational)
    trust_anchor_created arn:aws:rolesanywhere:eu-west-1:111122223333:trust-anchor/t exists: false -> true (federated_trust)
    ra_profile_created arn:aws:rolesanywhere:eu-west-1:111122223333:profile/p exists: false -> true (federated_trust)
    ra_profile_changed arn:aws:rolesanywhere:eu-west-1:111122223333:profile/p role_arns[arn:aws:iam::111122223333:role/r]: true -> false (federated_trust)
    trust_anchor_changed arn:aws:rolesanywhere:eu-west-1:111122223333:trust-anchor/t enabled: true -> false (federated_trust)
    idstore_member_added idstore/d-1/group/g members[u]: false -> true (permission_change)
    idstore_member_removed idstore/d-1/group/g members[u]: true -> false (permission_reduction)
    "#);
    assert_eq!(only(&found, Kind::RaProfileCreated).patterns, ["N13"]);
}

#[test]
fn services_launch_under_roles() {
    let admin = json!({"roleName": "r", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
    let meet = call("09:00:00", "TagUser", json!({"userName": "mallory", "tags": []}), json!(null));
    let tag = call("09:00:01", "TagUser", json!({"userName": "mallory", "tags": [{"key": "k", "value": "v"}]}), json!(null));
    let launch = |role: Json| call("10:00:00", "lambda:CreateFunction20150331", json!({"role": role}), json!(null));
    let found = drift(
        &[meet, tag, call("09:30:00", "AttachRolePolicy", admin, json!(null)), launch(json!(format!("arn:aws:iam::{ACCOUNT}:role/r")))],
        &Setup::default(),
    );
    let launches: Vec<_> = found.launches.iter().map(|launch| (launch.pattern, launch.outranks)).collect();
    assert_eq!(launches, [("R15", Some(true))]);
    assert!(drift(&[launch(json!(7))], &Setup::default()).launches.is_empty());
}

#[test]
fn severity_rises_for_open_trust_and_for_a_reserved_role_without_a_cause() {
    let open =
        json!({"roleName": "r", "policyDocument": r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}"#});
    let found = drift(&[call("10:00:00", "UpdateAssumeRolePolicy", open, json!(null))], &Setup::default());
    assert_eq!(only(&found, Kind::RoleTrustChanged).severity, Severity::Critical);
    let reserved = json!({"role": {"arn": format!("arn:aws:iam::{ACCOUNT}:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_X_1")}});
    let request = json!({"roleName": "AWSReservedSSO_X_1", "assumeRolePolicyDocument": r#"{"Statement":[]}"#});
    let item = only(&drift(&[call("10:00:00", "CreateRole", request, reserved)], &Setup::default()), Kind::RoleCreated);
    assert_eq!((item.severity, item.caused_by), (Severity::Critical, None));
}
