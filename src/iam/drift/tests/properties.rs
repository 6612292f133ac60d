//! What holds for any events.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::iam::change::changes;

const ACCOUNT: &str = "111122223333";

/// Calls over few names, so that they meet each other.
fn call() -> impl Strategy<Value = (&'static str, Json, Json)> {
    let name = proptest::sample::select(vec!["a", "b", "A"]);
    let arn = proptest::sample::select(vec!["arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::111122223333:policy/p"]);
    let document = proptest::sample::select(vec![
        r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
        r#"{"Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#,
        r#"{"Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"sts:AssumeRole"}]}"#,
        "{",
        "HIDDEN_DUE_TO_SECURITY_REASONS",
    ]);
    let call = proptest::sample::select(vec![
        "CreateUser",
        "DeleteUser",
        "UpdateUser",
        "PutUserPolicy",
        "DeleteUserPolicy",
        "AttachUserPolicy",
        "DetachUserPolicy",
        "CreateGroup",
        "DeleteGroup",
        "AddUserToGroup",
        "RemoveUserFromGroup",
        "CreateRole",
        "UpdateAssumeRolePolicy",
        "DeleteRole",
        "AttachRolePolicy",
        "DetachRolePolicy",
        "CreatePolicy",
        "CreatePolicyVersion",
        "SetDefaultPolicyVersion",
        "DeletePolicyVersion",
        "DeletePolicy",
        "CreateAccessKey",
        "UpdateAccessKey",
        "DeleteAccessKey",
        "EnableMFADevice",
        "DeactivateMFADevice",
        "CreateLoginProfile",
        "DeleteLoginProfile",
        "TagUser",
        "AddRoleToInstanceProfile",
        "UpdateAccountPasswordPolicy",
        "DeleteAccountPasswordPolicy",
    ]);
    (call, name.clone(), name, arn, document, 1_u32..5).prop_map(|(call, name, other, arn, document, number)| {
        let request = json!({
            "userName": name, "groupName": other, "roleName": name, "policyName": "p", "policyArn": arn, "policyDocument": document,
            "assumeRolePolicyDocument": document, "newUserName": other, "accessKeyId": format!("AKIA{other}"), "status": "Inactive",
            "versionId": format!("v{number}"), "setAsDefault": number > 2, "serialNumber": format!("arn:aws:iam::{ACCOUNT}:mfa/{other}"),
            "instanceProfileName": other, "tags": [{"key": other, "value": name}], "minimumPasswordLength": number,
        });
        let response = json!({
            "accessKey": {"accessKeyId": format!("AKIA{other}")}, "policyVersion": {"versionId": format!("v{number}")},
            "user": {"userId": format!("AIDA{name}{number}")},
        });
        (call, request, response)
    })
}

/// Records in a few seconds, some of which failed.
fn records() -> impl Strategy<Value = Vec<Json>> {
    let record = (call(), 0_u32..6, proptest::bool::weighted(0.1));
    proptest::collection::vec(record, 0..24).prop_map(|calls| {
        let numbered = calls.into_iter().enumerate().map(|(index, ((name, request, response), second, failed))| {
            json!({
                "eventID": format!("e-{index:02}"), "eventSource": "iam.amazonaws.com", "eventName": name, "recipientAccountId": ACCOUNT,
                "eventTime": format!("2026-03-02T10:00:{second:02}Z"), "awsRegion": "us-east-1",
                "errorCode": if failed { json!("NoSuchEntityException") } else { json!(null) },
                "userIdentity": {"type": "IAMUser", "arn": format!("arn:aws:iam::{ACCOUNT}:user/a"), "userName": "a", "accountId": ACCOUNT, "accessKeyId": "AKIAa"},
                "requestParameters": request, "responseElements": response,
            })
        });
        numbered.collect()
    })
}

fn found(records: &[Json]) -> Vec<Json> {
    written(&drift(&records.iter().map(event).collect::<Vec<_>>(), &Setup::default()).items)
}

proptest! {
    #[test]
    fn neither_order_nor_repeats_change_the_items(records in records(), seed in any::<u64>()) {
        let expected = found(&records);
        let mut shuffled: Vec<Json> = records.iter().chain(records.iter().step_by(2)).cloned().collect();
        shuffled.sort_by_cached_key(|record| crate::source::sha256_hex(format!("{seed}{record}").as_bytes()));
        prop_assert_eq!(found(&shuffled), expected);
    }

    #[test]
    fn failed_calls_change_nothing(records in records()) {
        let failed: Vec<Json> = records.iter().filter(|record| !record["errorCode"].is_null()).cloned().collect();
        let mut only = records.clone();
        only.retain(|record| record["errorCode"].is_null());
        let changed = |items: Vec<Json>| items.into_iter().filter(|item| item["actor_arn"].is_string()).collect::<Vec<_>>();
        // What was denied tells nothing of what is there.
        let mut denied = records;
        for record in denied.iter_mut().filter(|record| !record["errorCode"].is_null()) {
            record["errorCode"] = "AccessDenied".into();
        }
        prop_assert_eq!(changed(found(&denied)), changed(found(&only)));
        prop_assert!(found(&failed).is_empty());
        prop_assert!(failed.iter().all(|record| changes(&event(record)).is_empty()));
    }

    /// The items of an attribute follow on each other, unless a success in between contradicted them.
    #[test]
    fn each_item_goes_on_where_the_last_one_ended(records in records()) {
        let mut values: BTreeMap<(String, String), Json> = BTreeMap::new();
        for item in found(&records) {
            let key = (item["entity"].to_string(), item["attribute"].to_string());
            let is_any_of = |ends: &[&str]| item["kind"].as_str().is_some_and(|kind| ends.iter().any(|end| kind.ends_with(end)));
            // With lifetimes end values elsewhere too: a user's memberships, a policy's attachments.
            if is_any_of(&["_deleted", "_renamed", "_violation"]) {
                values.clear();
                continue;
            }
            if is_any_of(&["_created"]) {
                continue;
            }
            let is_open = ["\"<unknown>\"", "\"<ambiguous>\"", "\"<secret>\""];
            if let Some(last) = values.insert(key, item["after"].clone()).filter(|last| !is_open.contains(&last.to_string().as_str())) {
                prop_assert_eq!(&last, &item["before"], "{}", item);
            }
        }
    }

    #[test]
    fn no_text_does_harm(text in "\\PC*", name in "\\PC{0,8}") {
        let record = |call: &str, request: Json| json!({
            "eventID": call, "eventSource": "iam.amazonaws.com", "eventName": call, "recipientAccountId": ACCOUNT,
            "eventTime": "2026-03-02T10:00:00Z", "userIdentity": {"type": "IAMUser", "arn": text, "principalId": text},
            "requestParameters": request, "responseElements": {"policyVersion": {"versionId": text}, "role": {"arn": text}},
        });
        let request = json!({"roleName": name, "userName": name, "policyArn": text, "policyName": name, "policyDocument": text, "assumeRolePolicyDocument": text, "versionId": text, "setAsDefault": true});
        found(&["CreateRole", "UpdateAssumeRolePolicy", "PutRolePolicy", "CreatePolicyVersion", "SetDefaultPolicyVersion", "DeleteRole", "AttachUserPolicy"].map(|call| record(call, request.clone())));
    }
}

/// A later snapshot that the log leads to leaves nothing unexplained, and one that it does not leaves exactly that.
#[test]
fn a_log_explains_the_snapshot_that_it_leads_to() {
    let user = |name: &str, attached: &[&str]| {
        let attached: Vec<Json> = attached.iter().map(|arn| json!({"PolicyArn": arn})).collect();
        json!({"UserName": name, "UserId": format!("AIDA{name}"), "Arn": format!("arn:aws:iam::{ACCOUNT}:user/{name}"), "GroupList": [], "AttachedManagedPolicies": attached})
    };
    let taken = |time: &str, users: &[Json]| {
        let text = json!({"AccountId": ACCOUNT, "SnapshotTime": time, "UserDetailList": users, "GroupDetailList": [], "RoleDetailList": [], "Policies": []});
        Snapshot::read("s", &text.to_string(), &Reading::default()).expect("a snapshot")
    };
    let read_only = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let attach = event(&json!({
        "eventID": "e-1", "eventSource": "iam.amazonaws.com", "eventName": "AttachUserPolicy", "recipientAccountId": ACCOUNT,
        "eventTime": "2026-03-02T10:00:00Z", "userIdentity": {"type": "Root"}, "requestParameters": {"userName": "a", "policyArn": read_only},
    }));
    let compared = |later: Snapshot, events: &[IamEvent]| {
        let baselines = vec![taken("2026-03-02T06:00:00Z", &[user("a", &[]), user("b", &[])])];
        let found = drift(events, &Setup { baselines, later: vec![later], ..Setup::default() });
        let unexplained = found.items.iter().filter(|item| item.kind == crate::iam::kind::Kind::UnexplainedChange);
        (
            unexplained.map(|item| format!("{} {} {} {}", item.entity, item.attribute, item.before, item.after)).collect::<Vec<_>>(),
            found.coverage,
        )
    };
    let at = "2026-03-02T18:00:00Z";
    let (unexplained, coverage) = compared(taken(at, &[user("a", &[read_only]), user("b", &[])]), std::slice::from_ref(&attach));
    assert_eq!((unexplained.len(), coverage), (0, Coverage { explained: 1, ..Coverage::default() }));
    let (unexplained, _) = compared(taken(at, &[user("a", &[])]), std::slice::from_ref(&attach));
    assert_eq!(
        unexplained,
        [
            format!("arn:aws:iam::{ACCOUNT}:user/a attached_policies[{read_only}] true false"),
            format!("arn:aws:iam::{ACCOUNT}:user/b exists true false"),
        ]
    );
    // What changed while the snapshot was taken may be in it or not.
    let (unexplained, coverage) = compared(taken("2026-03-02T10:00:30Z", &[user("a", &[]), user("b", &[])]), &[attach]);
    assert_eq!((unexplained.len(), coverage.uncertain), (0, 1));
}
