//! Orders of calls within a second.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::super::event::tests::event;
use super::super::kind::Kind;
use super::*;

#[expect(clippy::needless_pass_by_value, reason = "tests write values where they are used")]
fn call(second: u32, id: &str, name: &str, request: Json) -> IamEvent {
    event(&json!({
        "eventID": id, "eventSource": "iam.amazonaws.com", "eventName": name, "recipientAccountId": "111122223333",
        "eventTime": format!("2026-03-02T10:00:{second:02}Z"), "userIdentity": {"type": "Root"}, "requestParameters": request,
    }))
}

/// The names of the calls in the order of replay, with how sure it is; and the violations.
fn replayed(events: Vec<IamEvent>) -> (Vec<String>, usize) {
    let events = IamEvents::of(events).expect("they fit in memory");
    let Sorted { order, .. } = sorted(&events).expect("nothing is read from a file");
    with_schedule(&events, &order, |mut schedule| {
        let mut state = State::default();
        let (mut names, mut violations) = (Vec::new(), 0);
        while let Some(batch) = schedule.next(&state).expect("nothing is read from a file") {
            for (event, changes) in &batch.events {
                names.push(format!("{} {:?}{}", event.event_id, batch.order, if batch.ambiguous.is_empty() { "" } else { " open" }));
                for change in changes.iter() {
                    let event_id: Arc<str> = event.event_id.clone();
                    let mut applier = Applier { state: &mut state, event_id, now: event.event_time, steps: Vec::new() };
                    applier.apply(change);
                    violations += applier.steps.iter().filter(|step| step.kind == Kind::PreconditionViolation).count();
                }
            }
        }
        Ok((names, violations))
    })
    .expect("there is a thread for it")
}

fn role(name: &str) -> Json {
    json!({"roleName": name, "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess", "policyName": "p", "policyDocument": "{\"Statement\":[]}", "assumeRolePolicyDocument": "{\"Statement\":[]}"})
}

#[test]
fn a_role_is_made_used_and_deleted_in_one_second() {
    let calls = ["DeleteRole", "DetachRolePolicy", "AttachRolePolicy", "CreateRole"];
    let events = calls.iter().map(|name| call(1, name, name, role("r"))).collect();
    let order = ["CreateRole", "AttachRolePolicy", "DetachRolePolicy", "DeleteRole"].map(|name| format!("{name} SameSecond"));
    assert_eq!(replayed(events), (order.to_vec(), 0));
}

/// As the console of `CloudTrail` does when a trail is to write to a log group.
#[test]
fn a_policy_is_made_in_the_second_in_which_a_new_role_gets_it() {
    let arn = "arn:aws:iam::111122223333:policy/service-role/p";
    let mut policy =
        call(1, "b-policy", "CreatePolicy", json!({"policyName": "p", "path": "/service-role/", "policyDocument": "{\"Statement\":[]}"}));
    policy.response_elements = Some(json!({"policy": {"arn": arn}}).to_string());
    let attach = call(1, "c-attach", "AttachRolePolicy", json!({"roleName": "r", "policyArn": arn}));
    let (names, violations) = replayed(vec![attach, call(1, "a-role", "CreateRole", role("r")), policy]);
    assert_eq!((names, violations), (["a-role", "b-policy", "c-attach"].map(|name| format!("{name} SameSecond")).to_vec(), 0));
}

#[test]
fn a_role_is_deleted_and_made_again_in_one_second() {
    let events = vec![
        call(1, "make", "CreateRole", role("r")),
        call(2, "again", "CreateRole", role("r")),
        call(2, "put", "PutRolePolicy", role("r")),
        call(2, "gone", "DeleteRole", role("r")),
    ];
    let (names, violations) = replayed(events);
    assert_eq!(
        (names, violations),
        (vec!["make Exact".into(), "gone SameSecond".into(), "again SameSecond".into(), "put SameSecond".into()], 0)
    );
}

fn arn(rest: &str) -> String {
    format!("arn:aws:iam::111122223333:{rest}")
}

#[expect(clippy::needless_pass_by_value, reason = "tests write values where they are used")]
fn answered(mut event: IamEvent, response: Json) -> IamEvent {
    event.response_elements = Some(response.to_string());
    event
}

fn key(second: u32, event: &str, id: &str) -> IamEvent {
    answered(call(second, event, "CreateAccessKey", json!({"userName": "u"})), json!({"accessKey": {"accessKeyId": id}}))
}

fn policy() -> Json {
    json!({"policyName": "p", "policyArn": arn("policy/p"), "policyDocument": "{\"Statement\":[]}"})
}

fn version(second: u32, event: &str, number: u32) -> IamEvent {
    answered(call(second, event, "CreatePolicyVersion", policy()), json!({"policyVersion": {"versionId": format!("v{number}")}}))
}

fn on_version(second: u32, event: &str, name: &str, number: u32) -> IamEvent {
    call(second, event, name, json!({"policyArn": arn("policy/p"), "versionId": format!("v{number}")}))
}

/// The last calls in the order of replay, which contradict nothing.
fn last(events: Vec<IamEvent>, many: usize) -> Vec<String> {
    let (names, violations) = replayed(events);
    assert_eq!(violations, 0, "{names:?}");
    let last = names.iter().skip(names.len() - many).filter_map(|name| name.split(' ').next());
    last.map(str::to_owned).collect()
}

#[test]
fn where_there_is_no_room_something_goes_first() {
    let user = call(1, "user", "CreateUser", json!({"userName": "u"}));
    let swapped = vec![
        user,
        key(2, "one", "AKIA1"),
        key(3, "two", "AKIA2"),
        key(4, "a-three", "AKIA3"),
        call(4, "b-gone", "DeleteAccessKey", json!({"userName": "u", "accessKeyId": "AKIA1"})),
    ];
    assert_eq!(last(swapped, 2), ["b-gone", "a-three"]);
    let full = || {
        let made = answered(call(1, "policy", "CreatePolicy", policy()), json!({"policy": {"arn": arn("policy/p")}}));
        std::iter::once(made).chain((2..6).map(|number| version(number, &format!("v{number}"), number))).collect::<Vec<_>>()
    };
    let mut swapped = full();
    swapped.extend([
        version(6, "a-six", 6),
        on_version(6, "b-gone", "DeletePolicyVersion", 1),
        on_version(6, "c-default", "SetDefaultPolicyVersion", 2),
    ]);
    assert_eq!(last(swapped, 3), ["c-default", "b-gone", "a-six"]);
}

#[test]
fn versions_of_one_second_count_up() {
    let made = answered(call(1, "policy", "CreatePolicy", policy()), json!({"policy": {"arn": arn("policy/p")}}));
    assert_eq!(last(vec![made, version(2, "a", 4), version(2, "b", 3), version(2, "c", 2)], 3), ["c", "b", "a"]);
}

#[test]
fn what_names_an_entity_goes_before_it() {
    let made = || answered(call(1, "policy", "CreatePolicy", policy()), json!({"policy": {"arn": arn("policy/p")}}));
    let gone = || call(5, "a-policy-gone", "DeletePolicy", policy());
    let attached = json!({"roleName": "r", "policyArn": arn("policy/p")});
    let attachment = vec![
        made(),
        call(2, "role", "CreateRole", role("r")),
        call(3, "attach", "AttachRolePolicy", attached.clone()),
        gone(),
        call(5, "b-detach", "DetachRolePolicy", attached),
        call(5, "c-role-gone", "DeleteRole", role("r")),
    ];
    assert_eq!(last(attachment, 3), ["b-detach", "a-policy-gone", "c-role-gone"]);
    let bound = |arn: &str| json!({"userName": "u", "permissionsBoundary": arn});
    let boundary = vec![
        made(),
        call(2, "user", "CreateUser", json!({"userName": "u"})),
        call(3, "bound", "PutUserPermissionsBoundary", bound(&arn("policy/p"))),
        gone(),
        call(5, "z-rebound", "PutUserPermissionsBoundary", bound("arn:aws:iam::aws:policy/ReadOnlyAccess")),
    ];
    assert_eq!(last(boundary, 2), ["z-rebound", "a-policy-gone"]);
    let both = json!({"instanceProfileName": "i", "roleName": "r"});
    let profile = [
        "DeleteRole",
        "DeleteInstanceProfile",
        "RemoveRoleFromInstanceProfile",
        "AddRoleToInstanceProfile",
        "CreateInstanceProfile",
        "CreateRole",
    ];
    let mut request = role("r");
    request.as_object_mut().expect("an object").extend(both.as_object().expect("an object").clone());
    let profile = profile.iter().enumerate().map(|(number, name)| call(1, &format!("{number}"), name, request.clone())).collect();
    let order = last(profile, 6);
    assert_eq!((order[2..4].to_vec(), order.len()), (vec!["3".to_owned(), "2".to_owned()], 6));
    let member = json!({"groupName": "g", "userName": "u"});
    let group = ["DeleteUser", "RemoveUserFromGroup", "AddUserToGroup", "CreateGroup", "CreateUser"];
    let group = group.iter().map(|name| call(1, name, name, member.clone())).collect();
    assert_eq!(last(group, 3), ["AddUserToGroup", "RemoveUserFromGroup", "DeleteUser"]);
}

#[test]
fn names_change_hands_within_a_second() {
    let renamed = |event: &str, from: &str, to: &str| call(2, event, "UpdateUser", json!({"userName": from, "newUserName": to}));
    let user = |name: &str| call(1, name, "CreateUser", json!({"userName": name}));
    let put = call(2, "a-put", "PutUserPolicy", json!({"userName": "new", "policyName": "p", "policyDocument": "{}"}));
    assert_eq!(last(vec![user("old"), put, renamed("z", "old", "new")], 2), ["z", "a-put"]);
    let swap = vec![user("x"), user("y"), renamed("3", "x", "z"), renamed("2", "y", "x"), renamed("1", "z", "y")];
    assert_eq!(last(swap, 3), ["3", "2", "1"]);
    let joined = call(1, "z-join", "AddUserToGroup", json!({"groupName": "g", "userName": "old"}));
    let left = call(2, "b-left", "RemoveUserFromGroup", json!({"groupName": "g", "userName": "new"}));
    let group = vec![user("old"), call(1, "group", "CreateGroup", json!({"groupName": "g"})), joined, left, renamed("z", "old", "new")];
    assert_eq!(last(group, 2), ["z", "b-left"]);
}

#[test]
fn a_caller_is_there_when_it_calls() {
    let mut role_gone = call(1, "z-role-gone", "DeleteRole", role("other"));
    let actor = Arc::make_mut(&mut role_gone.actor);
    (actor.kind, actor.arn, actor.access_key_id) = ("IAMUser".into(), Some(arn("user/u").into()), Some("AKIA1".into()));
    let user = |event: &str, name: &str| call(1, event, name, json!({"userName": "u", "accessKeyId": "AKIA1"}));
    let life = vec![
        user("z-user", "CreateUser"),
        key(1, "z-key", "AKIA1"),
        role_gone,
        user("a-key-gone", "DeleteAccessKey"),
        user("a-gone", "DeleteUser"),
    ];
    assert_eq!(last(life, 5), ["z-user", "z-key", "z-role-gone", "a-key-gone", "a-gone"]);
}

#[test]
fn a_refusal_tells_when_it_was() {
    let refused = |event: &str, name: &str, code: &str| {
        let mut refused = call(2, event, name, json!({"userName": "u"}));
        refused.error_code = Some(code.to_owned());
        refused
    };
    let user = |second, name: &str| call(second, name, name, json!({"userName": "u"}));
    let order = |events| last(events, 2);
    let absent = vec![user(1, "CreateUser"), user(2, "DeleteUser"), refused("0", "DeleteUser", "NoSuchEntityException")];
    assert_eq!(order(absent), ["DeleteUser", "0"]);
    let gone = || [user(1, "CreateUser"), user(1, "DeleteUser")].into_iter();
    let there = gone().chain([user(2, "CreateUser"), refused("0", "CreateUser", "EntityAlreadyExistsException")]).collect();
    assert_eq!(order(there), ["CreateUser", "0"]);
    let keyless = call(2, "a-gone", "DeleteAccessKey", json!({"userName": "u", "accessKeyId": "AKIA1"}));
    let conflict = vec![user(1, "CreateUser"), key(1, "key", "AKIA1"), keyless, refused("z", "DeleteUser", "DeleteConflictException")];
    assert_eq!(order(conflict), ["z", "a-gone"]);
    let second = [key(1, "one", "AKIA1"), key(2, "z-two", "AKIA2"), refused("a", "CreateAccessKey", "LimitExceededException")];
    assert_eq!(order(std::iter::once(user(1, "CreateUser")).chain(second).collect()), ["z-two", "a"]);
    let old = call(1, "old", "CreateUser", json!({"userName": "old"}));
    let renamed = call(2, "z", "UpdateUser", json!({"userName": "old", "newUserName": "u"}));
    let in_flight = gone().chain([old, renamed, refused("0", "CreateLoginProfile", "EntityTemporarilyUnmodifiableException")]).collect();
    assert_eq!(order(in_flight), ["z", "0"]);
    // What cannot be fitted in tells less than what succeeded.
    let late = vec![user(1, "CreateUser"), user(2, "TagUser"), refused("0", "DeleteUser", "NoSuchEntityException")];
    assert_eq!(replayed(late).1, 0);
}

proptest! {
    /// Lives that a second holds are found in it, whatever the ids of the events.
    #[test]
    fn any_shuffle_of_a_second_is_put_in_order(ids in Just((0..19).collect::<Vec<u32>>()).prop_shuffle()) {
        let inline = json!({"roleName": "r", "policyName": "x", "policyDocument": "{\"Statement\":[]}", "assumeRolePolicyDocument": "{}"});
        let attached = json!({"roleName": "r", "policyArn": arn("policy/p")});
        let both = json!({"instanceProfileName": "i", "roleName": "r"});
        let user = json!({"userName": "u", "accessKeyId": "AKIA1"});
        let plain = |name: &str, request: &Json| call(1, "", name, request.clone());
        let life = vec![
            answered(plain("CreatePolicy", &policy()), json!({"policy": {"arn": arn("policy/p")}})),
            plain("CreateRole", &inline),
            plain("AttachRolePolicy", &attached),
            plain("CreateInstanceProfile", &both),
            plain("AddRoleToInstanceProfile", &both),
            plain("PutRolePolicy", &inline),
            plain("DeleteRolePolicy", &inline),
            plain("RemoveRoleFromInstanceProfile", &both),
            plain("DeleteInstanceProfile", &both),
            plain("DetachRolePolicy", &attached),
            plain("DeleteRole", &inline),
            version(1, "", 2),
            on_version(1, "", "SetDefaultPolicyVersion", 2),
            on_version(1, "", "DeletePolicyVersion", 1),
            plain("DeletePolicy", &policy()),
            plain("CreateUser", &user),
            key(1, "", "AKIA1"),
            plain("DeleteAccessKey", &user),
            plain("DeleteUser", &user),
        ];
        let named = life.into_iter().zip(ids).map(|(event, id)| IamEvent { event_id: format!("e{id:02}").into(), ..event });
        let (names, violations) = replayed(named.collect());
        prop_assert_eq!(violations, 0, "{:?}", names);
    }
}

#[test]
fn what_other_entities_do_is_exact() {
    let events = vec![call(1, "a", "CreateRole", role("a")), call(1, "b", "CreateRole", role("b"))];
    assert_eq!(replayed(events).0, ["a Exact", "b Exact"]);
}

#[test]
fn a_call_of_the_seconds_after_repairs_an_order_and_a_later_one_does_not() {
    let events = |late| {
        vec![
            call(1, "make", "CreateRole", role("r")),
            call(2, "attach", "AttachRolePolicy", role("r")),
            call(3, "gone", "DeleteRole", role("r")),
            call(late, "detach", "DetachRolePolicy", role("r")),
        ]
    };
    assert_eq!(
        replayed(events(8)),
        (vec!["make Exact".into(), "attach Exact".into(), "detach Reordered".into(), "gone Reordered".into()], 0)
    );
    assert!(replayed(events(9)).1 > 0);
}

#[test]
fn what_several_orders_leave_otherwise_is_open() {
    let pair = |setup: Vec<IamEvent>| {
        let both = [call(5, "attach", "AttachRolePolicy", role("r")), call(5, "detach", "DetachRolePolicy", role("r"))];
        replayed(setup.into_iter().chain(both).collect()).0
    };
    // Of what was not attached, only one order works.
    assert!(pair(vec![call(1, "make", "CreateRole", role("r"))]).ends_with(&["attach SameSecond".into(), "detach SameSecond".into()]));
    assert!(pair(vec![]).ends_with(&["attach SameSecond open".into(), "detach SameSecond open".into()]));
}

#[test]
fn a_crowded_second_takes_bounded_time() {
    let start = std::time::Instant::now();
    let events = (0..3_000)
        .map(|number| call(1, &format!("e{number:04}"), if number % 2 == 0 { "DeleteRole" } else { "CreateRole" }, role("r")))
        .collect();
    assert_eq!(replayed(events).0.len(), 3_000);
    let events = (0..60).map(|number| call(1, &format!("e{number:04}"), "DetachRolePolicy", role("r"))).collect();
    assert_eq!(replayed(events).0.len(), 60);
    assert!(start.elapsed() < std::time::Duration::from_secs(20), "{:?}", start.elapsed());
}

#[test]
fn events_that_differ_under_one_id_are_told() {
    let (one, other) = (call(1, "e", "CreateRole", role("a")), call(1, "e", "CreateRole", role("b")));
    let events = [one.clone(), other, one];
    let found = sorted(&IamEvents::of(events).expect("they fit in memory")).expect("nothing is read from a file");
    assert_eq!((found.order.len(), found.duplicates, found.mismatches), (2, 1, vec![("111122223333".to_owned(), "e".to_owned())]));
}
