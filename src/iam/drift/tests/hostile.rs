//! Nothing that a log may hold does harm.

use proptest::prelude::*;

use super::scenes::ACCOUNT;
use super::*;
use crate::iam::change::all_calls;
use crate::iam::policy::tests::{any_document, any_json};

/// Request parameters and parts of answers that calls are read by.
const NAMES: &[&str] = &[
    "userName",
    "groupName",
    "roleName",
    "policyName",
    "policyArn",
    "policyDocument",
    "assumeRolePolicyDocument",
    "newUserName",
    "newGroupName",
    "newPath",
    "path",
    "accessKeyId",
    "status",
    "versionId",
    "setAsDefault",
    "serialNumber",
    "instanceProfileName",
    "tags",
    "tagKeys",
    "name",
    "url",
    "clientIDList",
    "clientID",
    "thumbprintList",
    "sAMLMetadataDocument",
    "sAMLProviderArn",
    "openIDConnectProviderArn",
    "policyId",
    "targetId",
    "content",
    "type",
    "policyType",
    "rootId",
    "accountId",
    "permissionSetArn",
    "inlinePolicy",
    "principalId",
    "identityStoreId",
    "groupId",
    "membershipId",
    "memberId",
    "source",
    "roleArns",
    "enabled",
    "permissionsBoundary",
    "delegationRequestId",
    "roleArn",
    "role",
    "functionName",
    "layers",
    "principal",
    "taskDefinition",
    "eventSelectors",
    "advancedEventSelectors",
    "includeGlobalServiceEvents",
    "trailName",
    "user",
    "group",
    "policy",
    "policyVersion",
    "accessKey",
    "arn",
    "userId",
    "credentials",
    "membership",
    "profile",
    "trustAnchor",
];

/// Parameters: names of calls with whatever JSON, among which are names of entities and documents.
fn parameters() -> impl Strategy<Value = Json> {
    let text = prop_oneof![
        proptest::sample::select(vec![
            "a",
            "b",
            "v1",
            "v18446744073709551615",
            "v0",
            "",
            "AKIAa",
            "p-1",
            "r-1",
            "true",
            "HIDDEN_DUE_TO_SECURITY_REASONS",
            "é/\u{1}"
        ])
        .prop_map(Json::from),
        proptest::sample::select(vec!["user/a", "role/b", "policy/p", "mfa/d", "root", "", "user/", "/"])
            .prop_map(|rest| Json::from(format!("arn:aws:iam::{ACCOUNT}:{rest}"))),
        any_document().prop_map(|document| Json::from(document.to_string())),
        "\\PC{0,12}".prop_map(Json::from),
    ];
    let value = prop_oneof![4 => text, 1 => any_json()];
    proptest::collection::vec((proptest::sample::select(NAMES), value), 0..10)
        .prop_map(|pairs| Json::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()))
}

/// Any call that is replayed or looked at, by whomever, at any of a few times, with whatever parameters.
fn records() -> impl Strategy<Value = Vec<Json>> {
    let others = [
        "lambda CreateFunction20150331",
        "lambda AddPermission20150331v2",
        "ecs RunTask",
        "cloudtrail PutEventSelectors",
        "cloudtrail UpdateTrail",
        "cloudtrail StopLogging",
        "sts AssumeRole",
        "signin ConsoleLogin",
    ];
    let mut calls: Vec<(String, String)> = others
        .iter()
        .filter_map(|call| call.split_once(' '))
        .map(|(service, name)| (format!("{service}.amazonaws.com"), name.to_owned()))
        .collect();
    calls.extend(all_calls().map(|(source, name)| (source.to_owned(), name.to_owned())));
    let error = proptest::sample::select(vec![
        None,
        None,
        None,
        Some("NoSuchEntityException"),
        Some("EntityAlreadyExistsException"),
        Some("EntityTemporarilyUnmodifiableException"),
        Some("DeleteConflictException"),
        Some("LimitExceededException"),
        Some("AccessDenied"),
    ]);
    let kind = proptest::sample::select(vec!["IAMUser", "AssumedRole", "Root", "AWSService", "odd"]);
    let record = (proptest::sample::select(calls), parameters(), parameters(), 0_u32..8, error, kind);
    proptest::collection::vec(record, 0..30).prop_map(|calls| {
        let numbered = calls.into_iter().enumerate().map(|(index, ((source, name), request, response, second, error, kind))| {
            json!({
                "eventID": format!("e-{index:02}"), "eventSource": source, "eventName": name, "recipientAccountId": ACCOUNT, "errorCode": error,
                "eventTime": format!("2026-03-02T10:00:{second:02}Z"), "requestParameters": request, "responseElements": response,
                "userIdentity": {"type": kind, "arn": format!("arn:aws:iam::{ACCOUNT}:user/a"), "principalId": "AIDAEXAMPLEEXAMPLE", "accountId": ACCOUNT, "accessKeyId": "AKIAa"},
            })
        });
        numbered.collect()
    })
}

fn baseline() -> Snapshot {
    let text = json!({"AccountId": ACCOUNT, "SnapshotTime": "2026-03-02T09:00:00Z", "UserDetailList": [], "RoleDetailList": [], "GroupDetailList": [], "Policies": []});
    Snapshot::read("s", &text.to_string(), &Reading::default()).expect("a snapshot")
}

proptest! {
    #[test]
    fn no_call_does_harm_in_any_order(records in records(), has_baseline in any::<bool>()) {
        let baselines: Vec<Snapshot> = has_baseline.then(baseline).into_iter().collect();
        let later: Vec<Snapshot> = baselines.iter().map(|taken| {
            let late = EventTime::parse("2026-03-02T11:00:00Z").expect("a time");
            taken.clone().taken_between(late, late)
        }).collect();
        let setup = Setup { baselines, later, has_all_events: true, ..Setup::default() };
        let run = |records: &[Json]| drift(&records.iter().map(event).collect::<Vec<_>>(), &setup);
        let (forth, back) = (run(&records), run(&records.iter().rev().cloned().collect::<Vec<_>>()));
        prop_assert_eq!(written(&forth.items), written(&back.items));
        prop_assert_eq!(&forth.launches, &back.launches);
        prop_assert_eq!(&forth.state, &back.state);
    }

    #[test]
    fn no_snapshot_does_harm(json in any_json(), users in any_json()) {
        let text = json!({"AccountId": ACCOUNT, "SnapshotTime": "2026-03-02T09:00:00Z", "UserDetailList": [users], "Supplement": json, "CredentialReport": json.to_string()});
        if let Ok(snapshot) = Snapshot::read("s", &text.to_string(), &Reading::default()) {
            drift(&[], &Setup { baselines: vec![snapshot.clone()], later: vec![snapshot], ..Setup::default() });
        }
    }
}
