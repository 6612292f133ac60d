//! Orders of calls within a second.

use std::sync::Arc;

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
#[expect(clippy::needless_pass_by_value, reason = "tests write values where they are used")]
fn replayed(events: Vec<IamEvent>) -> (Vec<String>, usize) {
    let Sorted { events, .. } = sorted(&events);
    let (mut state, mut schedule) = (State::default(), Schedule::new(&events));
    let (mut names, mut violations) = (Vec::new(), 0);
    while let Some(batch) = schedule.next(&state) {
        for (event, changes) in &batch.events {
            names.push(format!("{} {:?}{}", event.event_id, batch.order, if batch.ambiguous.is_empty() { "" } else { " open" }));
            for change in changes {
                let event_id: Arc<str> = event.event_id.as_str().into();
                let mut applier = Applier { state: &mut state, event_id, now: event.event_time, steps: Vec::new() };
                applier.apply(change);
                violations += applier.steps.iter().filter(|step| step.kind == Kind::PreconditionViolation).count();
            }
        }
    }
    (names, violations)
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
    let found = sorted(&events);
    assert_eq!((found.events.len(), found.duplicates, found.mismatches), (2, 1, vec![("111122223333".to_owned(), "e".to_owned())]));
}
