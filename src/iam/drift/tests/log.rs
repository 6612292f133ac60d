//! The log against itself, and what hides changes from it.

use std::sync::Arc;

use super::scenes::{ACCOUNT, call, only, shown, taken, user};
use super::*;
use crate::iam::event::Actor;
use crate::iam::kind::Kind;
use crate::severity::Severity;

fn arn(rest: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{rest}")
}

fn by_root(mut event: IamEvent) -> IamEvent {
    event.actor = Arc::new(Actor { kind: "Root".into(), ..Actor::default() });
    event
}

fn made(name: &str) -> IamEvent {
    call(
        "09:00:00",
        "CreateUser",
        json!({"userName": name}),
        json!({"user": {"userId": format!("AIDA{name}"), "arn": arn(&format!("user/{name}"))}}),
    )
}

/// A call's name, its request, and its answer.
type Call<'c> = (&'c str, Json, Json);

/// The contradictions that a list of calls, a minute apart, comes to.
fn contradictions(calls: &[Call<'_>]) -> Vec<String> {
    let events = calls
        .iter()
        .enumerate()
        .map(|(minute, (name, request, response))| call(&format!("10:{minute:02}:00"), name, request.clone(), response.clone()));
    let found = drift(&events.collect::<Vec<_>>(), &Setup::default());
    shown(&found).into_iter().filter(|line| line.ends_with("(log_integrity)")).collect()
}

/// Each row: what is made, what is left in the way, the call that AWS would have refused, and the attribute that is told.
#[test]
fn calls_that_aws_would_have_refused() {
    let user = json!({"userName": "u"});
    let role = json!({"roleName": "r"});
    let with = |object: &Json, name: &str, value: &str| {
        let mut object = object.clone();
        object[name] = value.into();
        object
    };
    let (read, document) = ("arn:aws:iam::aws:policy/ReadOnlyAccess", r#"{"Statement":[]}"#);
    let policy = json!({"policyArn": arn("policy/p")});
    let profile = json!({"instanceProfileName": "i"});
    let device = json!({"serialNumber": arn("mfa/d")});
    let make_user = ("CreateUser", user.clone(), json!({}));
    let make_role = ("CreateRole", with(&role, "assumeRolePolicyDocument", document), json!({}));
    let make_group = ("CreateGroup", json!({"groupName": "g"}), json!({}));
    let make_policy = ("CreatePolicy", json!({"policyName": "p", "policyDocument": document}), json!({"policy": {"arn": arn("policy/p")}}));
    let make_profile = ("CreateInstanceProfile", profile.clone(), json!({}));
    let join = json!({"groupName": "g", "userName": "u"});
    let fill = |role: &str| ("AddRoleToInstanceProfile", with(&profile, "roleName", role), json!(null));
    let enable = ("EnableMFADevice", json!({"userName": "u", "serialNumber": arn("mfa/d")}), json!(null));
    let key = |id: &str| ("CreateAccessKey", user.clone(), json!({"accessKey": {"accessKeyId": id}}));
    let version = |number: u32| {
        ("CreatePolicyVersion", with(&policy, "policyDocument", document), json!({"policyVersion": {"versionId": format!("v{number}")}}))
    };
    let issued = |call, object: &str, id: &str| (call, user.clone(), json!({object: {id: "X1"}}));
    let delete_user = ("DeleteUser", user.clone(), json!(null));
    let rows: Vec<(&str, Vec<Call<'_>>)> = vec![
        ("login_profile", vec![make_user.clone(), ("CreateLoginProfile", user.clone(), json!(null)), delete_user.clone()]),
        ("access_keys[AKIAX].status", vec![make_user.clone(), key("AKIAX"), delete_user.clone()]),
        (
            "signing_certificates[X1].status",
            vec![make_user.clone(), issued("UploadSigningCertificate", "certificate", "certificateId"), delete_user.clone()],
        ),
        (
            "ssh_public_keys[X1].status",
            vec![make_user.clone(), issued("UploadSSHPublicKey", "sSHPublicKey", "sSHPublicKeyId"), delete_user.clone()],
        ),
        (
            "service_credentials[X1].status",
            vec![
                make_user.clone(),
                issued("CreateServiceSpecificCredential", "serviceSpecificCredential", "serviceSpecificCredentialId"),
                delete_user.clone(),
            ],
        ),
        ("mfa_devices[arn:aws:iam::111122223333:mfa/d]", vec![make_user.clone(), enable.clone(), delete_user.clone()]),
        (
            "inline_policies[x]",
            vec![
                make_user.clone(),
                ("PutUserPolicy", json!({"userName": "u", "policyName": "x", "policyDocument": document}), json!(null)),
                delete_user.clone(),
            ],
        ),
        (
            "attached_policies[arn:aws:iam::aws:policy/ReadOnlyAccess]",
            vec![make_user.clone(), ("AttachUserPolicy", with(&user, "policyArn", read), json!(null)), delete_user.clone()],
        ),
        ("groups[g]", vec![make_user.clone(), make_group.clone(), ("AddUserToGroup", join.clone(), json!(null)), delete_user.clone()]),
        (
            "members[u]",
            vec![
                make_user.clone(),
                make_group.clone(),
                ("AddUserToGroup", join, json!(null)),
                ("DeleteGroup", json!({"groupName": "g"}), json!(null)),
            ],
        ),
        ("instance_profiles[i]", vec![make_role.clone(), make_profile.clone(), fill("r"), ("DeleteRole", role, json!(null))]),
        (
            "attached_to[arn:aws:iam::111122223333:user/u]",
            vec![
                make_policy.clone(),
                make_user.clone(),
                ("AttachUserPolicy", with(&user, "policyArn", &arn("policy/p")), json!(null)),
                ("DeletePolicy", policy.clone(), json!(null)),
            ],
        ),
        ("versions[v2]", vec![make_policy.clone(), version(2), ("DeletePolicy", policy.clone(), json!(null))]),
        ("default_version", vec![make_policy.clone(), ("DeletePolicyVersion", with(&policy, "versionId", "v1"), json!(null))]),
        ("role", vec![make_role.clone(), make_profile.clone(), fill("r"), ("DeleteInstanceProfile", profile.clone(), json!(null))]),
        ("role", vec![make_role.clone(), make_profile.clone(), fill("r"), fill("r")]),
        (
            "assigned_to",
            vec![
                make_user.clone(),
                (
                    "CreateVirtualMFADevice",
                    json!({"virtualMFADeviceName": "d"}),
                    json!({"virtualMFADevice": {"serialNumber": arn("mfa/d")}}),
                ),
                enable,
                ("DeleteVirtualMFADevice", device, json!(null)),
            ],
        ),
        ("versions[*]", vec![make_policy.clone(), version(2), version(3), version(4), version(5), version(6)]),
        ("access_keys[*].status", vec![make_user.clone(), key("AKIA1"), key("AKIA2"), key("AKIA3")]),
        ("exists", vec![make_user.clone(), make_user.clone()]),
        (
            "exists",
            vec![
                make_user.clone(),
                delete_user.clone(),
                ("TagUser", json!({"userName": "u", "tags": [{"key": "k", "value": "v"}]}), json!(null)),
            ],
        ),
        (
            "attached_policies[arn:aws:iam::aws:policy/ReadOnlyAccess]",
            vec![make_user.clone(), ("DetachUserPolicy", with(&user, "policyArn", read), json!(null))],
        ),
        ("versions[v3]", vec![make_policy.clone(), version(2), version(4)]),
        ("versions[*]", vec![make_policy, version(2), ("DeletePolicyVersion", with(&policy, "versionId", "v2"), json!(null)), version(2)]),
    ];
    for (attribute, calls) in rows {
        let found = contradictions(&calls);
        assert!(found.len() == 1 && found[0].contains(&format!(" {attribute}: ")), "{attribute}: {found:?}");
        assert_eq!(contradictions(&calls[..calls.len() - 1]), Vec::<String>::new(), "{attribute}");
    }
}

#[test]
fn a_key_that_was_never_made() {
    let keys = |keys: Json| taken("06:00:00", json!({"UserDetailList": [user("mallory")], "Supplement": {"AccessKeys": keys}}));
    let other = json!([{"UserName": "mallory", "AccessKeyId": "AKIAOTHER", "Status": "Active"}]);
    let report = "user,arn,access_key_1_active,access_key_1_last_rotated,access_key_2_active,access_key_2_last_rotated\nmallory,x,false,N/A,false,N/A\n";
    let used = || call("10:00:00", "sts:GetCallerIdentity", json!(null), json!(null));
    let told = |baseline: Snapshot, events: Vec<IamEvent>| shown(&drift(&events, &Setup { baselines: vec![baseline], ..Setup::default() }));
    let line = format!("actor_contradiction {} access_keys[AKIAMALLORY].status: null -> \"Active\" (log_integrity)", arn("user/mallory"));
    assert_eq!(told(keys(other.clone()), vec![used()]), std::slice::from_ref(&line));
    assert_eq!(told(taken("06:00:00", json!({"UserDetailList": [user("mallory")], "CredentialReport": report})), vec![used()]), [line]);
    // The user may not be one that was asked for keys.
    assert!(told(keys(json!([])), vec![used()]).is_empty());
    // It is made in the log, at about that time.
    let answer = json!({"accessKey": {"accessKeyId": "AKIAMALLORY"}});
    let mut made = by_root(call("10:00:01", "CreateAccessKey", json!({"userName": "mallory"}), answer));
    assert!(told(keys(other.clone()), vec![used(), made.clone()]).iter().all(|line| !line.starts_with("actor_contradiction")));
    made.event_time = EventTime::parse("2026-03-02T10:06:00Z").expect("a time");
    assert!(told(keys(other), vec![used(), made]).iter().any(|line| line.starts_with("actor_contradiction")));
}

#[test]
fn a_key_whose_id_is_not_in_the_record_may_be_any() {
    let events = vec![
        by_root(made("mallory")),
        by_root(call("09:01:00", "CreateAccessKey", json!({"userName": "mallory"}), json!(null))),
        call("10:00:00", "sts:GetCallerIdentity", json!(null), json!(null)),
        by_root(call("11:00:00", "DeleteAccessKey", json!({"userName": "mallory", "accessKeyId": "AKIAMALLORY"}), json!(null))),
    ];
    assert!(shown(&drift(&events, &Setup::default())).iter().all(|line| !line.ends_with("(log_integrity)")));
}

#[test]
fn sign_ins_that_could_not_have_been() {
    let login = |time: &str, used: bool| {
        let mut login = call(time, "signin:ConsoleLogin", json!(null), json!({"ConsoleLogin": "Success"}));
        Arc::make_mut(&mut login.actor).access_key_id = None;
        login.mfa_used = Some(used);
        login
    };
    let profile = by_root(call("09:01:00", "CreateLoginProfile", json!({"userName": "mallory"}), json!(null)));
    let told = |events: Vec<IamEvent>| {
        let found = drift(&events, &Setup::default());
        found
            .items
            .into_iter()
            .filter(|item| item.kind == Kind::ActorContradiction)
            .map(|item| item.attribute.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(told(vec![made("mallory"), login("10:00:00", false)]), ["login_profile"]);
    assert!(told(vec![made("mallory"), profile.clone(), login("10:00:00", false)]).is_empty());
    assert_eq!(told(vec![made("mallory"), profile, login("10:00:00", true)]), ["mfa_devices[*]"]);
}

#[test]
fn errors_that_prove_nothing_and_those_that_do() {
    let failed = |name: &str, request: Json, code: &str| {
        let mut event = call("10:00:00", name, request, json!(null));
        event.error_code = Some(code.to_owned());
        event
    };
    let baseline = json!({"UserDetailList": [user("bob")], "GroupDetailList": [{"GroupName": "g", "Arn": arn("group/g")}], "RoleDetailList": [], "Policies": []});
    let told = |event: IamEvent| {
        shown(&drift(&[event], &Setup { baselines: vec![taken("06:00:00", baseline.clone())], ..Setup::default() })).join("")
    };
    let (absent, there) = ("NoSuchEntityException", "EntityAlreadyExistsException");
    // There may be no password, no version, and no such policy of AWS.
    assert_eq!(told(failed("UpdateLoginProfile", json!({"userName": "bob"}), absent)), "");
    assert_eq!(told(failed("AttachUserPolicy", json!({"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/None"}), absent)), "");
    assert_eq!(told(failed("AddUserToGroup", json!({"userName": "nobody", "groupName": "g"}), absent)), "");
    assert_eq!(told(failed("CreateUser", json!({"userName": "bob"}), there)), "");
    assert!(told(failed("AddUserToGroup", json!({"userName": "bob", "groupName": "g"}), absent)).contains("group/g exists: true -> false"));
    assert!(
        told(failed("TagUser", json!({"userName": "bob", "tags": [{"key": "k", "value": "v"}]}), absent))
            .contains("user/bob exists: true -> false")
    );
    assert!(told(failed("CreateUser", json!({"userName": "new"}), there)).contains("user/new exists: false -> true"));
    assert!(told(failed("UpdateUser", json!({"userName": "bob", "newUserName": "new"}), there)).contains("user/new exists: false -> true"));
}

#[test]
fn a_contradiction_in_a_log_that_nobody_altered_is_worse() {
    let range = TimeRange { since: EventTime::parse("2026-03-02T00:00:00Z"), until: EventTime::parse("2026-03-03T00:00:00Z") };
    let again = |verified: Vec<TimeRange>| {
        let mut second = made("u");
        second.event_id = "again".into();
        second.event_time = EventTime::parse("2026-03-02T12:00:00Z").expect("a time");
        let found = drift(&[made("u"), second], &Setup { verified, ..Setup::default() });
        only(&found, Kind::PreconditionViolation).severity
    };
    assert_eq!((again(vec![]), again(vec![range])), (Severity::Medium, Severity::High));
}

#[test]
fn an_entity_that_a_baseline_lacks_is_told_with_its_window() {
    let setup = Setup { baselines: vec![taken("06:00:00", json!({"UserDetailList": []}))], ..Setup::default() };
    let tag = call("10:00:00", "TagUser", json!({"userName": "new", "tags": [{"key": "k", "value": "v"}]}), json!(null));
    let item = only(&drift(&[tag], &setup), Kind::UnexplainedChange);
    let time = |text: &str| EventTime::parse(text).expect("a time");
    let missing = item.missing.expect("what is missing");
    assert_eq!(missing.window, (Some(time("2026-03-02T06:00:00Z")), time("2026-03-02T10:00:00Z")));
    assert_eq!(missing.certainty, Some(Certainty::Unbounded));
}

/// The certainty of a user that is new in a snapshot taken at 18:00, and the gaps that were found.
#[expect(clippy::needless_pass_by_value, reason = "tests write values where they are used")]
fn certainty(events: Vec<IamEvent>) -> (Option<Certainty>, Vec<String>) {
    let setup = Setup {
        baselines: vec![taken("06:00:00", json!({"UserDetailList": []}))],
        later: vec![taken("18:00:00", json!({"UserDetailList": [user("new")]}))],
        ..Setup::default()
    };
    let found = drift(&events, &setup);
    let written = |time: Option<EventTime>| time.map_or_else(String::new, |time| time.to_string());
    let gaps = found.gaps.iter().map(|gap| format!("{}/{} {}", written(gap.range.since), written(gap.range.until), gap.reason));
    (only(&found, Kind::UnexplainedChange).missing.and_then(|missing| missing.certainty), gaps.collect())
}

#[test]
fn calls_that_keep_trails_from_recording() {
    let trail = |time: &str, name: &str, request: Json| call(time, &format!("cloudtrail:{name}"), request, json!(null));
    let named = || json!({"name": "arn:aws:cloudtrail:us-east-1:111122223333:trail/t"});
    let selectors = |selectors: Json| json!({"trailName": "t", "eventSelectors": selectors});
    let advanced = |fields: Json| json!({"trailName": "t", "advancedEventSelectors": [{"fieldSelectors": fields}]});
    let management = || json!({"field": "eventCategory", "equals": ["Management"]});
    let hiding = [
        ("StopLogging", named()),
        ("DeleteTrail", json!({"name": "t"})),
        ("UpdateTrail", json!({"name": "t", "includeGlobalServiceEvents": false})),
        ("PutEventSelectors", selectors(json!([{"readWriteType": "ReadOnly", "includeManagementEvents": true}]))),
        ("PutEventSelectors", selectors(json!([{"readWriteType": "All", "includeManagementEvents": false}]))),
        ("PutEventSelectors", selectors(json!([{"readWriteType": "All", "excludeManagementEventSources": ["iam.amazonaws.com"]}]))),
        ("PutEventSelectors", advanced(json!([management(), {"field": "readOnly", "equals": ["true"]}]))),
        ("PutEventSelectors", advanced(json!([{"field": "eventCategory", "equals": ["Data"]}]))),
    ];
    for (name, request) in hiding {
        let (certainty, gaps) = certainty(vec![trail("10:00:00", name, request.clone())]);
        assert_eq!((certainty, gaps.len()), (Some(Certainty::ProvenGap), 1), "{name} {request}");
        assert!(gaps[0].starts_with(&format!("2026-03-02T10:00:00Z/ {name} of trail t in account 111122223333")), "{gaps:?}");
    }
    let harmless = [
        ("UpdateTrail", json!({"name": "t", "isMultiRegionTrail": false})),
        ("UpdateTrail", json!({"name": "t", "includeGlobalServiceEvents": true})),
        ("PutEventSelectors", selectors(json!([{"readWriteType": "ReadOnly"}, {"readWriteType": "WriteOnly"}]))),
        ("PutEventSelectors", selectors(json!([{"readWriteType": "All", "excludeManagementEventSources": ["kms.amazonaws.com"]}]))),
        ("PutEventSelectors", advanced(json!([management()]))),
        ("StartLogging", named()),
    ];
    for (name, request) in harmless {
        assert_eq!(certainty(vec![trail("10:00:00", name, request.clone())]), (Some(Certainty::Unbounded), vec![]), "{name} {request}");
    }
    // Outside the region of global services, a trail of one region has none of them.
    let mut one_region = trail("10:00:00", "UpdateTrail", json!({"name": "t", "isMultiRegionTrail": false}));
    one_region.aws_region = "eu-west-1".into();
    assert_eq!(certainty(vec![one_region]).0, Some(Certainty::ProvenGap));
    let mut failed = trail("10:00:00", "StopLogging", named());
    failed.error_code = Some("AccessDenied".to_owned());
    assert_eq!(certainty(vec![failed]).0, Some(Certainty::Unbounded));
    let mut elsewhere = trail("10:00:00", "StopLogging", json!({"name": "t"}));
    elsewhere.recipient_account_id = "444455556666".into();
    assert_eq!(certainty(vec![elsewhere]).0, Some(Certainty::Unbounded), "another account's trail");
}

#[test]
fn a_gap_ends_where_something_records_again() {
    let trail = |time: &str, name: &str| call(time, &format!("cloudtrail:{name}"), json!({"name": "t"}), json!(null));
    let other = |time: &str| call(time, "sts:GetCallerIdentity", json!(null), json!(null));
    let ranges = |events: Vec<IamEvent>| {
        certainty(events).1.into_iter().map(|gap| gap.split(' ').next().unwrap_or_default().replace("2026-03-02T", "")).collect::<Vec<_>>()
    };
    assert_eq!(ranges(vec![trail("10:00:00", "StopLogging"), trail("10:01:00", "StartLogging")]), ["10:00:00Z/10:01:00Z"]);
    // Some events still come, and then none for hours.
    assert_eq!(
        ranges(vec![trail("10:00:00", "StopLogging"), other("10:02:00"), other("13:00:00"), other("15:00:00")]),
        ["10:02:00Z/13:00:00Z"]
    );
    // Another trail goes on without a break: nothing was hidden.
    let busy = (1..30).map(|minute| other(&format!("10:{minute:02}:00")));
    assert!(ranges(std::iter::once(trail("10:00:00", "StopLogging")).chain(busy).collect()).is_empty());
}

#[test]
fn what_is_asked_of_a_log() {
    for (source, name) in [
        ("iam.amazonaws.com", "CreateUser"),
        ("IAM.amazonaws.com", "DeleteRole"),
        ("sts.amazonaws.com", "AssumeRole"),
        ("lambda.amazonaws.com", "CreateFunction20150331"),
        ("cloudtrail.amazonaws.com", "StopLogging"),
        ("organizations.amazonaws.com", "DetachPolicy"),
        ("signin.amazonaws.com", "ConsoleLogin"),
    ] {
        assert!(is_wanted(source, name), "{source} {name}");
    }
    for (source, name) in [
        ("iam.amazonaws.com", "ListUsers"),
        ("s3.amazonaws.com", "GetObject"),
        ("sts.amazonaws.com", "GetCallerIdentity"),
        ("ec2.amazonaws.com", "DescribeInstances"),
    ] {
        assert!(!is_wanted(source, name), "{source} {name}");
    }
}
