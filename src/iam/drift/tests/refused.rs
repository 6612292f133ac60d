//! What calls tell that were refused.

use super::scenes::{ACCOUNT, call, shown, taken, user};
use super::*;

const READ: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";

fn refused(time: &str, name: &str, request: Json, code: &str) -> IamEvent {
    IamEvent { error_code: Some(code.to_owned()), ..call(time, name, request, json!(null)) }
}

fn contradictions(events: &[IamEvent]) -> Vec<String> {
    let found = drift(events, &Setup::default());
    shown(&found)
        .into_iter()
        .filter_map(|line| Some(line.strip_suffix(" (log_integrity)")?.replace(&format!("arn:aws:iam::{ACCOUNT}:"), "")))
        .collect()
}

fn role(more: &Json) -> Json {
    let mut role = json!({"roleName": "r", "assumeRolePolicyDocument": r#"{"Statement":[]}"#});
    role.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    role
}

#[test]
fn a_conflict_where_nothing_is_left() {
    let made = || call("10:00:00", "CreateRole", role(&json!({})), json!(null));
    let conflict = || refused("11:00:00", "DeleteRole", role(&json!({})), "DeleteConflictException");
    let attached = |time: &str, name: &str| call(time, name, role(&json!({"policyArn": READ})), json!(null));
    assert_eq!(contradictions(&[made(), conflict()]), ["precondition_violation role/r children[*]: false -> true"]);
    assert_eq!(contradictions(&[made(), attached("10:30:00", "AttachRolePolicy"), conflict()]), Vec::<String>::new());
    // What was taken away a moment before may still be seen.
    let detached = |time: &str| vec![made(), attached("10:30:00", "AttachRolePolicy"), attached(time, "DetachRolePolicy"), conflict()];
    assert_eq!(contradictions(&detached("10:59:30")), Vec::<String>::new());
    assert_eq!(contradictions(&detached("10:58:30")).len(), 1);
    assert_eq!(contradictions(&[conflict()]), Vec::<String>::new());
}

#[test]
fn a_conflict_over_what_names_an_entity_elsewhere() {
    let name = json!({"userName": "u", "groupName": "g"});
    let at = |time: &str, call_name: &str| call(time, call_name, name.clone(), json!(null));
    let life = |left: &str| {
        vec![
            at("10:00:00", "CreateUser"),
            at("10:01:00", "CreateGroup"),
            at("10:02:00", "AddUserToGroup"),
            at(left, "RemoveUserFromGroup"),
            refused("11:00:00", "DeleteUser", name.clone(), "DeleteConflictException"),
        ]
    };
    assert_eq!(contradictions(&life("10:59:30")), Vec::<String>::new());
    assert_eq!(contradictions(&life("10:30:00")), ["precondition_violation user/u children[*]: false -> true"]);
}

#[test]
fn a_quota_that_is_not_used_up() {
    let key = |time: &str, id: &str| call(time, "CreateAccessKey", json!({"userName": "u"}), json!({"accessKey": {"accessKeyId": id}}));
    let made = || call("10:00:00", "CreateUser", json!({"userName": "u"}), json!(null));
    let refusal = || refused("11:00:00", "CreateAccessKey", json!({"userName": "u"}), "LimitExceededException");
    let one = [made(), key("10:01:00", "AKIA1"), refusal()];
    assert_eq!(contradictions(&one), ["precondition_violation user/u access_keys[*].status: 1 -> 2"]);
    assert_eq!(contradictions(&[made(), key("10:01:00", "AKIA1"), key("10:02:00", "AKIA2"), refusal()]), Vec::<String>::new());
    assert_eq!(contradictions(&[key("10:01:00", "AKIA1"), refusal()]), Vec::<String>::new());
    let policy =
        json!({"policyName": "p", "policyArn": format!("arn:aws:iam::{ACCOUNT}:policy/p"), "policyDocument": r#"{"Statement":[]}"#});
    let made = call("10:00:00", "CreatePolicy", policy.clone(), json!({"policy": {"arn": policy["policyArn"]}}));
    let refusal = refused("11:00:00", "CreatePolicyVersion", policy.clone(), "LimitExceededException");
    assert_eq!(contradictions(&[made.clone(), refusal]), ["precondition_violation policy/p versions[*]: 1 -> 5"]);
    let version = |id: &str| {
        let mut version = policy.clone();
        version["versionId"] = id.into();
        refused("11:00:00", "DeletePolicyVersion", version, "DeleteConflictException")
    };
    assert_eq!(contradictions(&[made.clone(), version("v1")]), Vec::<String>::new());
    assert_eq!(contradictions(&[made, version("v2")]), [r#"precondition_violation policy/p default_version: "v1" -> "v2""#]);
}

#[test]
fn what_fails_in_the_second_of_its_like_is_no_contradiction() {
    let setup = Setup { baselines: vec![taken("06:00:00", json!({"UserDetailList": [user("bob")]}))], ..Setup::default() };
    let pair = |name: &str, user: &str, code: &str| {
        let done = call("10:00:00", name, json!({"userName": user}), json!(null));
        let mut failed = refused("10:00:00", name, json!({"userName": user}), code);
        failed.event_id = "0".into();
        shown(&drift(&[done, failed], &setup)).len()
    };
    assert_eq!(pair("DeleteUser", "bob", "NoSuchEntityException"), 1);
    assert_eq!(pair("CreateUser", "new", "EntityAlreadyExistsException"), 1);
}

#[test]
fn a_refusal_tells_what_was_not_known_and_nothing_by_itself() {
    let tag = |time: &str| call(time, "TagUser", json!({"userName": "u", "tags": [{"key": "k", "value": "v"}]}), json!(null));
    let absent = refused("10:00:00", "DeleteUser", json!({"userName": "u"}), "NoSuchEntityException");
    assert!(drift(std::slice::from_ref(&absent), &Setup::default()).items.is_empty());
    assert_eq!(contradictions(&[absent.clone(), tag("10:05:00")]), ["precondition_violation user/u exists: false -> true"]);
    assert_eq!(contradictions(&[absent, tag("10:00:30")]), Vec::<String>::new());
    let there = refused("10:00:00", "CreateUser", json!({"userName": "u"}), "EntityAlreadyExistsException");
    let made = call("10:05:00", "CreateUser", json!({"userName": "u"}), json!(null));
    assert_eq!(contradictions(&[there, made]), ["precondition_violation user/u exists: true -> false"]);
    let policy = json!({"userName": "u", "policyArn": READ});
    let detach = refused("10:00:00", "DetachUserPolicy", policy.clone(), "NoSuchEntityException");
    let attach = call("10:05:00", "AttachUserPolicy", policy, json!(null));
    let found = drift(&[tag("09:00:00"), detach, attach], &Setup::default());
    assert!(shown(&found).last().is_some_and(|line| line.contains("ReadOnlyAccess]: false -> true")), "{:?}", shown(&found));
}
