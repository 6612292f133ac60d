//! The origin of temporary sessions, and the tables `sessions` and `users`.

use serde_json::{Value, json};

use crate::support::{project, shared, sql, trailsift};

fn one(rows: &[Value]) -> &Value {
    assert_eq!(rows.len(), 1, "{rows:?}");
    &rows[0]
}

#[test]
fn the_strangers_session_resolves_to_its_call() {
    let sample = project("sample-logs");
    // Step 10 of the story; the session was made in step 8.
    let rows = sql(
        &sample,
        "select distinct origin_verdict, origin_event_id, origin_principal from events
         where event_name = 'GetObject' and session_name = 'sync-01' and event_id = '5bfa1bb7-0e05-4d24-b2f1-33f5cb4ac09d'",
    );
    let expected = json!({"origin_verdict": "unknown", "origin_event_id": "c624e2e0-223e-4f3d-ba0c-a8c9ecd983df",
        "origin_principal": "999988887777/AIDARBJERUPORREXAMPLE"});
    assert_eq!(one(&rows), &expected);
    let count = sql(&sample, "select count(*) as n from events where origin_event_id = 'c624e2e0-223e-4f3d-ba0c-a8c9ecd983df'");
    assert!(one(&count)["n"].as_u64().expect("a number") >= 560, "{count:?}");
}

#[test]
fn the_way_into_the_second_account_is_followed() {
    // Steps 14 and 15: a session of data-export assumes a role of the second account, which reads secrets.
    let sample = project("sample-logs");
    let rows = sql(
        &sample,
        "select access_key_id, recipient_account_id, principal, session_name, kind, issued_event_id, issued_by, origin_verdict,
         origin_principal, chain_depth, events, addresses from sessions where session_name = 'sync-02' order by chain_depth",
    );
    assert_eq!(rows.len(), 2, "{rows:?}");
    let second = json!({
        "access_key_id": "ASIAOSOX52XF7EXAMPLE", "recipient_account_id": "444455556666",
        "principal": "arn:aws:iam::444455556666:role/shared-services-reader", "session_name": "sync-02", "kind": "assumed_role",
        "issued_event_id": "b4f83be7-f270-454d-9dfa-4a91dcb4f8df", "issued_by": "arn:aws:iam::111122223333:role/data-export",
        "origin_verdict": "unknown", "origin_principal": "999988887777/AIDARBJERUPORREXAMPLE", "chain_depth": 2,
        "events": rows[1]["events"], "addresses": 1,
    });
    assert_eq!(rows[1], second);
    let secrets =
        sql(&sample, "select distinct origin_event_id from events where event_name = 'GetSecretValue' and session_name = 'sync-02'");
    assert_eq!(one(&secrets)["origin_event_id"], "d109374c-72c5-4b5a-9844-ab13bc2627a6");
}

#[test]
fn only_temporary_sessions_have_an_origin() {
    let sample = project("sample-logs");
    let wrong = "select count(*) as n from events where (origin_verdict is not null) and
        (long_term_key or user_type in ('AWSService', 'AWSAccount', 'SAMLUser', 'IdentityCenterUser'))";
    assert_eq!(one(&sql(&sample, wrong))["n"], 0);
    let verdicts = sql(&sample, "select distinct origin_verdict from events where user_access_key_id like 'ASIA%'");
    assert!(verdicts.iter().all(|row| !row["origin_verdict"].is_null()), "{verdicts:?}");
    // All sessions of the sample were made within it, or by services.
    let lost =
        sql(&sample, "select origin_event_id, count(*) as n from events where origin_verdict = 'not_in_log' group by origin_event_id");
    assert!(lost.iter().all(|row| row["origin_event_id"].is_null()), "{lost:?}");
}

#[test]
fn users_of_the_sample() {
    let sample = project("sample-logs");
    let rows = sql(
        &sample,
        "select user_name, has_console, logins_mfa, logins_no_mfa, long_term_keys, created from users
         where user_name in ('billing-report', 'svc-backup-sync') order by user_name",
    );
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!((&rows[0]["has_console"], &rows[0]["logins_no_mfa"], &rows[0]["logins_mfa"]), (&json!(true), &json!(1), &json!(0)));
    assert_eq!((&rows[1]["has_console"], &rows[1]["long_term_keys"]), (&json!(false), &json!(1)));
    assert!(rows[1]["created"].as_str().is_some_and(|time| time.starts_with("2026-03-11T22:36")), "{rows:?}");
}

#[test]
fn the_schema_names_the_tables() {
    let document = trailsift(["sql", "--schema", "--format", "json"]).expect(0).json();
    let rows = document["rows"].as_array().expect("rows");
    for (table, column) in [("sessions", "origin_verdict"), ("users", "has_console"), ("events", "origin_principal")] {
        assert!(rows.iter().any(|row| row["table"] == table && row["column"] == column), "{table}.{column}");
    }
}

#[test]
fn threads_change_nothing() {
    let answer = |jobs: &str| {
        let statement = "select * from sessions";
        trailsift(["sql", project("sample-logs").to_str().expect("UTF-8"), "-c", statement, "--format", "jsonl", "--jobs", jobs])
            .expect(0)
            .stdout
    };
    assert_eq!(answer("1"), answer("2"));
}

#[test]
fn sessions_of_real_logs() {
    let Some(real) = shared("data/real") else { return };
    // A federated user who was made with a long-term key.
    let rows = sql(&real, "select kind, origin_verdict, chain_depth from sessions where kind = 'federated' and events > 0");
    assert_eq!(one(&rows), &json!({"kind": "federated", "origin_verdict": "no_mfa", "chain_depth": 1}));
    // Root's console sessions of 2021: the sign-ins are in the log.
    let rows = sql(
        &real,
        "select distinct origin_verdict, kind from sessions where principal = 'arn:aws:iam::342082656213:root' and events > 0
         and issued_event_id is not null",
    );
    assert_eq!(one(&rows)["kind"], "console");
    let rows = sql(&real, "select count(*) as n from sessions where chain_depth = 0 and origin_verdict <> 'not_in_log'");
    assert_eq!(one(&rows)["n"], 0);
}
