//! Sessions of small logs made by hand.

use bumpalo::Bump;
use serde_json::{Value, json};

use super::*;
use crate::event::json::Scanner;
use crate::event::{Event, reader};
use crate::frame::{BatchBuilder, EventFrame};
use crate::schema::Column;

const USER: &str = "arn:aws:iam::111122223333:user/ops";
const FIRST_ROLE: &str = "arn:aws:iam::111122223333:role/first";

/// A record at a second after a fixed time, with an id and whatever `more` says.
fn record(id: &str, second: u32, source: &str, name: &str, more: &Value) -> Value {
    let mut record = json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": time(second), "eventSource": source, "eventName": name,
        "awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.77", "recipientAccountId": "111122223333", "eventType": "AwsApiCall",
    });
    for (key, value) in more.as_object().expect("an object") {
        record[key] = value.clone();
    }
    record
}

fn time(second: u32) -> String {
    format!("2026-03-01T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

fn at(second: u32) -> Option<EventTime> {
    EventTime::parse(&time(second))
}

/// The identity of a user of IAM with a long-term key.
fn user() -> Value {
    json!({"type": "IAMUser", "principalId": "AIDAOPS", "arn": USER, "accountId": "111122223333", "userName": "ops",
        "accessKeyId": "AKIAOPS"})
}

/// The identity of a role's session: role and account, key, second of its creation.
fn role(account: &str, name: &str, key: &str, second: u32) -> Value {
    json!({
        "type": "AssumedRole", "principalId": format!("AROA{name}:run"), "accountId": account, "accessKeyId": key,
        "arn": format!("arn:aws:sts::{account}:assumed-role/{name}/run"),
        "sessionContext": {
            "sessionIssuer": {"type": "Role", "principalId": format!("AROA{name}"), "arn": format!("arn:aws:iam::{account}:role/{name}"),
                "accountId": account, "userName": name},
            "attributes": {"creationDate": time(second), "mfaAuthenticated": "false"},
        },
    })
}

/// A call of STS that issues a key for a session of a role.
fn assume(id: &str, second: u32, identity: &Value, role: (&str, &str), key: &str) -> Value {
    let (account, name) = role;
    let more = json!({
        "userIdentity": identity,
        "requestParameters": {"roleArn": format!("arn:aws:iam::{account}:role/{name}"), "roleSessionName": "run"},
        "responseElements": {
            "credentials": {"accessKeyId": key, "expiration": "Mar 1, 2026, 1:00:00 AM"},
            "assumedRoleUser": {"assumedRoleId": format!("AROA{name}:run"), "arn": format!("arn:aws:sts::{account}:assumed-role/{name}/run")},
        },
    });
    record(id, second, "sts.amazonaws.com", "AssumeRole", &more)
}

/// A call of S3 by an identity.
fn call(id: &str, second: u32, identity: &Value) -> Value {
    record(id, second, "s3.amazonaws.com", "ListBuckets", &json!({"userIdentity": identity}))
}

fn batch(records: &[Value]) -> polars::prelude::DataFrame {
    let mut builder = BatchBuilder::default();
    for (index, record) in (0..).zip(records) {
        let text = record.to_string();
        let arena = Bump::new();
        let mut event = Event::new(&arena);
        reader::read(&mut Scanner::new(&text, &arena), &mut event).expect("JSON");
        event.set_text(Column::Object, "a.json.gz");
        event.set_int(Column::RecordIndex, index);
        builder.push(&mut event).expect("columns of one length");
    }
    let batch = builder.finish().expect("columns of one length").expect("records");
    batch.frame(Column::ALL).expect("columns of one length")
}

struct Log {
    events: EventFrame,
    sessions: Sessions,
    users: Users,
}

/// The log in batches of `size` records.
fn log_of(records: &[Value], size: usize) -> Log {
    let mut events = EventFrame::of(records.chunks(size).map(batch).collect());
    let users = resolve(&mut events).expect("resolves");
    let sessions = sessions_of(&events).expect("sessions");
    Log { events, sessions, users }
}

fn log(records: &[Value]) -> Log {
    log_of(records, 2)
}

impl Log {
    /// Verdict, event and principal of the origin of an event.
    fn origin(&self, event_id: &str) -> (Option<String>, Option<String>, Option<String>) {
        let frame = self.events.lazy().and_then(polars::prelude::LazyFrame::collect).expect("events");
        let text =
            |column: Column, row: usize| frame.column(column.name()).expect("known").str().expect("text").get(row).map(str::to_owned);
        let row = (0..frame.height()).find(|row| text(Column::EventId, *row).as_deref() == Some(event_id)).expect("the event");
        (text(Column::OriginVerdict, row), text(Column::OriginEventId, row), text(Column::OriginPrincipal, row))
    }

    fn verdict(&self, event_id: &str) -> String {
        self.origin(event_id).0.unwrap_or_else(|| "null".to_owned())
    }

    fn session(&self, key: &str) -> StateRow {
        row(&self.sessions.session_table(), key)
    }

    fn user(&self, name: &str) -> StateRow {
        row(&self.users.table(), name)
    }

    fn chain(&self, key: &str) -> Vec<String> {
        let calls = self.sessions.chain(Some(key), None, None);
        calls.into_iter().filter_map(|creation| creation.place.event_id.as_ref()).map(ToString::to_string).collect()
    }

    fn descendants(&self, from: &str) -> Vec<&str> {
        self.sessions.descendants(from).into_iter().collect()
    }
}

fn row(table: &StateTable<'_>, key: &str) -> StateRow {
    let wanted = Cell::Text(key.to_owned());
    all(table).into_iter().find(|row| row.cells.contains(&wanted)).expect("a row")
}

fn all(table: &StateTable<'_>) -> Vec<StateRow> {
    let mut rows = Vec::new();
    table
        .each(|row| {
            rows.push(row);
            Ok(())
        })
        .expect("rows");
    rows
}

fn cell<'r>(columns: &[StateColumn], row: &'r StateRow, name: &str) -> &'r Cell {
    let place = columns.iter().position(|column| column.name == name).expect("a column");
    &row.cells[place]
}

fn texts(cells: [&str; 3]) -> (Option<String>, Option<String>, Option<String>) {
    let [verdict, event_id, principal] = cells.map(|text| Some(text.to_owned()));
    (verdict, event_id, principal)
}

fn evidence(row: &StateRow) -> Vec<&str> {
    row.evidence.iter().filter_map(|place| place.event_id.as_deref()).collect()
}

#[test]
fn a_role_assumed_with_a_long_term_key() {
    let session = role("111122223333", "first", "ASIA1", 10);
    let log = log(&[
        call("by-key", 5, &user()),
        assume("made", 10, &user(), ("111122223333", "first"), "ASIA1"),
        call("used", 20, &session),
        call("used-again", 90, &session),
    ]);
    assert_eq!(log.origin("used"), texts(["no_mfa", "made", USER]));
    assert_eq!(log.origin("by-key"), (None, None, None));
    assert_eq!(log.origin("made"), (None, None, None));
    let row = log.session("ASIA1");
    let expected = [
        Cell::Text("ASIA1".to_owned()),
        Cell::Text("111122223333".to_owned()),
        Cell::Text(FIRST_ROLE.to_owned()),
        Cell::Text("run".to_owned()),
        Cell::Text("assumed_role".to_owned()),
        Cell::Text("made".to_owned()),
        Cell::Time(at(10).expect("a time")),
        Cell::Text(USER.to_owned()),
        Cell::Text("no_mfa".to_owned()),
        Cell::Text(USER.to_owned()),
        Cell::Int(1),
        Cell::Time(at(20).expect("a time")),
        Cell::Time(at(90).expect("a time")),
        Cell::Int(2),
        Cell::Int(1),
    ];
    assert_eq!(row.cells, expected);
    assert_eq!(row.cells.len(), SESSION_COLUMNS.len());
    assert_eq!(evidence(&row), ["made", "used", "used-again"]);
}

#[test]
fn the_serial_number_of_a_device_is_mfa() {
    let mut made = assume("made", 10, &user(), ("111122223333", "first"), "ASIA1");
    made["requestParameters"]["serialNumber"] = json!("arn:aws:iam::111122223333:mfa/ops");
    let used = call("used", 20, &role("111122223333", "first", "ASIA1", 10));
    assert_eq!(log(&[made.clone(), used.clone()]).verdict("used"), "mfa");
    made["requestParameters"]["serialNumber"] = json!("");
    assert_eq!(log(&[made.clone(), used.clone()]).verdict("used"), "no_mfa");
    // A call that was denied issues nothing, whatever it holds.
    made["errorCode"] = json!("AccessDenied");
    assert_eq!(log(&[made, used]).verdict("used"), "not_in_log");
}

#[test]
fn each_call_that_makes_a_session() {
    let sts = |name: &str, identity: Value, request: Value, response: Value| {
        let more = json!({"userIdentity": identity, "requestParameters": request, "responseElements": response});
        record("made", 10, "sts.amazonaws.com", name, &more)
    };
    let issued = json!({"credentials": {"accessKeyId": "ASIA1"}});
    let provider = json!({"type": "SAMLUser", "principalId": "x:ops", "userName": "ops", "identityProvider": "idp"});
    let serial = json!({"serialNumber": "arn:aws:iam::111122223333:mfa/ops"});
    let session_token = json!({"type": "IAMUser", "principalId": "AIDAOPS", "arn": USER, "accountId": "111122223333", "userName": "ops",
        "accessKeyId": "ASIA1", "sessionContext": {"attributes": {"creationDate": time(10), "mfaAuthenticated": "false"}}});
    let federated = json!({"type": "FederatedUser", "principalId": "111122223333:guest", "accessKeyId": "ASIA1",
        "arn": "arn:aws:sts::111122223333:federated-user/guest", "accountId": "111122223333",
        "sessionContext": {"sessionIssuer": {"type": "IAMUser", "arn": USER}, "attributes": {"creationDate": time(10)}}});
    let first = role("111122223333", "first", "ASIA1", 10);
    let root = json!({"type": "Root", "principalId": "444455556666", "arn": "arn:aws:iam::444455556666:root", "accountId": "444455556666",
        "accessKeyId": "ASIA1", "sessionContext": {"assumedRoot": "true", "attributes": {"creationDate": time(10), "mfaAuthenticated": "false"}}});
    let service = json!({"type": "AWSService", "invokedBy": "ec2.amazonaws.com"});
    let stranger = json!({"type": "AWSAccount", "principalId": "AIDAX", "accountId": "999988887777"});
    let cases = [
        (sts("AssumeRoleWithSAML", provider.clone(), json!({}), issued.clone()), first.clone(), "idp_unknown", "assumed_role"),
        (sts("AssumeRoleWithWebIdentity", provider, json!({}), issued.clone()), first.clone(), "idp_unknown", "assumed_role"),
        (sts("AssumeRole", service, json!({}), issued.clone()), first.clone(), "unknown", "assumed_role"),
        (sts("AssumeRole", stranger, json!({}), issued.clone()), first, "unknown", "assumed_role"),
        (sts("GetSessionToken", user(), Value::Null, issued.clone()), session_token.clone(), "no_mfa", "session_token"),
        (sts("GetSessionToken", user(), serial, issued.clone()), session_token, "mfa", "session_token"),
        (sts("GetFederationToken", user(), json!({"name": "guest"}), issued.clone()), federated, "no_mfa", "federated"),
        (sts("AssumeRoot", user(), json!({"targetPrincipal": "444455556666"}), issued), root, "no_mfa", "other"),
    ];
    for (made, identity, verdict, kind) in cases {
        let log = log(&[made.clone(), call("used", 11, &identity)]);
        assert_eq!(log.verdict("used"), verdict, "{made}");
        let row = log.session("ASIA1");
        assert_eq!(cell(SESSION_COLUMNS, &row, "kind"), &Cell::Text(kind.to_owned()), "{made}");
        assert_eq!(cell(SESSION_COLUMNS, &row, "issued_event_id"), &Cell::Text("made".to_owned()), "{made}");
    }
}

#[test]
fn identity_center_is_judged_by_the_sign_in() {
    let identity = json!({"type": "IdentityCenterUser", "accountId": "111122223333",
        "onBehalfOf": {"userId": "u-1", "identityStoreArn": "arn:aws:identitystore::111122223333:identitystore/d-1"}});
    let step = |id: &str, second, name: &str, workflow: &str, kind: &str| {
        let mut details = json!({});
        details[name] = json!("Success");
        let more = json!({"userIdentity": identity, "serviceEventDetails": details,
            "additionalEventData": {"AuthWorkflowID": workflow, "CredentialType": kind}});
        record(id, second, "signin.amazonaws.com", name, &more)
    };
    let more = json!({"userIdentity": identity, "responseElements": {"roleCredentials": {"accessKeyId": "ASIA1"}}});
    let made = record("made", 60, "sso.amazonaws.com", "GetRoleCredentials", &more);
    let used = call("used", 61, &role("111122223333", "AWSReservedSSO_Admin_0123456789abcdef", "ASIA1", 60));
    let verdict = |steps: &[Value]| log(&[steps, &[made.clone(), used.clone()]].concat()).verdict("used");
    let password = step("s1", 10, "CredentialVerification", "w1", "PASSWORD");
    let end = step("s3", 12, "UserAuthentication", "w1", "PASSWORD");
    assert_eq!(verdict(&[]), "idp_unknown");
    assert_eq!(verdict(&[password.clone(), end.clone()]), "no_mfa");
    assert_eq!(verdict(&[password.clone(), step("s2", 11, "CredentialVerification", "w1", "TOTP"), end.clone()]), "mfa");
    assert_eq!(verdict(&[step("s3", 12, "UserAuthentication", "w1", "EXTERNAL_IDP")]), "idp_unknown");
    assert_eq!(verdict(&[end.clone(), step("s4", 13, "UserAuthentication", "w2", "PASSWORD,WEBAUTHN")]), "mfa");
    // A sign-in after the call tells nothing about it.
    assert_eq!(verdict(&[password, end, step("s5", 90, "UserAuthentication", "w3", "PASSWORD,TOTP")]), "no_mfa");
}

#[test]
fn a_chain_of_three_roles_over_two_accounts() {
    let first = role("111122223333", "first", "ASIA1", 10);
    let second = role("444455556666", "second", "ASIA2", 20);
    let third = role("444455556666", "third", "ASIA3", 30);
    let mut into = assume("into", 20, &first, ("444455556666", "second"), "ASIA2");
    into["sharedEventID"] = json!("shared");
    let outside = json!({"type": "AWSAccount", "principalId": "AROAfirst:run", "accountId": "111122223333"});
    let mut copy = assume("copy", 20, &outside, ("444455556666", "second"), "ASIA2");
    copy["recipientAccountId"] = json!("444455556666");
    copy["sharedEventID"] = json!("shared");
    let records = [
        copy,
        call("used", 40, &third),
        assume("on", 30, &second, ("444455556666", "third"), "ASIA3"),
        into,
        call("between", 25, &second),
        assume("made", 10, &user(), ("111122223333", "first"), "ASIA1"),
    ];
    for size in 1..=records.len() {
        let log = log_of(&records, size);
        assert_eq!(log.origin("used"), texts(["no_mfa", "made", USER]));
        assert_eq!(log.origin("between"), texts(["no_mfa", "made", USER]));
        assert_eq!(log.chain("ASIA3"), ["on", "into", "made"]);
        assert_eq!(cell(SESSION_COLUMNS, &log.session("ASIA3"), "chain_depth"), &Cell::Int(3));
        assert_eq!(cell(SESSION_COLUMNS, &log.session("ASIA2"), "issued_by"), &Cell::Text(FIRST_ROLE.to_owned()));
        assert_eq!(log.descendants("AKIAOPS"), ["ASIA1", "ASIA2", "ASIA3"]);
        assert_eq!(log.descendants(USER), ["ASIA1", "ASIA2", "ASIA3"]);
        assert_eq!(log.descendants("ASIA2"), ["ASIA2", "ASIA3"]);
        assert_eq!(log.descendants("arn:aws:iam::444455556666:role/second"), ["ASIA2", "ASIA3"]);
        assert!(log.descendants("ASIAOTHER").is_empty());
    }
}

#[test]
fn without_the_first_call_the_chain_ends_before_it() {
    let first = role("111122223333", "first", "ASIA1", 10);
    let log = log(&[
        assume("on", 20, &first, ("111122223333", "second"), "ASIA2"),
        call("used", 30, &role("111122223333", "second", "ASIA2", 20)),
        call("lost", 30, &first),
    ]);
    assert_eq!(log.origin("used"), texts(["not_in_log", "on", FIRST_ROLE]));
    assert_eq!(log.origin("lost"), (Some("not_in_log".to_owned()), None, None));
    assert_eq!(cell(SESSION_COLUMNS, &log.session("ASIA1"), "chain_depth"), &Cell::Int(0));
    assert!(log.chain("ASIA1").is_empty());
}

#[test]
fn principal_and_time_join_where_the_key_does_not() {
    let mut identity = role("111122223333", "first", "ASIAOTHER", 10);
    let made = assume("made", 10, &user(), ("111122223333", "first"), "ASIA1");
    let log_with = |identity: &Value| log(&[made.clone(), call("used", 20, identity)]);
    assert_eq!(log_with(&identity).origin("used"), texts(["no_mfa", "made", USER]));
    assert_eq!(log_with(&identity).descendants("AKIAOPS"), ["ASIA1", "ASIAOTHER"]);
    identity["accessKeyId"] = Value::Null;
    let log = log_with(&identity);
    assert_eq!(log.origin("used"), texts(["no_mfa", "made", USER]));
    assert_eq!(log.sessions.chain(None, Some("AROAfirst:run"), at(10)).len(), 1);
    identity["sessionContext"]["attributes"]["creationDate"] = json!(time(11));
    assert_eq!(log_with(&identity).verdict("used"), "not_in_log");
    identity["sessionContext"] = json!({});
    assert_eq!(log_with(&identity).verdict("used"), "not_in_log");
}

#[test]
fn a_console_session_is_joined_to_its_sign_in() {
    let by = json!({"type": "IAMUser", "principalId": "AIDAOPS", "arn": USER, "accountId": "111122223333", "userName": "ops"});
    let more = json!({"userIdentity": by, "responseElements": {"ConsoleLogin": "Success"}, "additionalEventData": {"MFAUsed": "Yes"}});
    let login = record("login", 10, "signin.amazonaws.com", "ConsoleLogin", &more);
    let mut console = user();
    console["accessKeyId"] = json!("ASIACONSOLE");
    console["sessionContext"] = json!({"attributes": {"creationDate": time(10), "mfaAuthenticated": "true"}});
    let log = log(&[
        login,
        call("console", 12, &console),
        assume("switch", 20, &console, ("111122223333", "first"), "ASIA1"),
        call("used", 30, &role("111122223333", "first", "ASIA1", 20)),
    ]);
    assert_eq!(log.origin("console"), texts(["mfa", "login", USER]));
    assert_eq!(log.origin("used"), texts(["mfa", "login", USER]));
    assert_eq!(cell(SESSION_COLUMNS, &log.session("ASIACONSOLE"), "kind"), &Cell::Text("console".to_owned()));
    assert_eq!(log.descendants(USER), ["ASIA1", "ASIACONSOLE"]);
}

#[test]
fn loops_end() {
    let (one, two) = (role("111122223333", "first", "ASIA1", 10), role("111122223333", "second", "ASIA2", 10));
    let records = [
        assume("a", 10, &two, ("111122223333", "first"), "ASIA1"),
        assume("b", 10, &one, ("111122223333", "second"), "ASIA2"),
        assume("self", 10, &role("111122223333", "third", "ASIA3", 10), ("111122223333", "third"), "ASIA3"),
        call("used", 11, &one),
        call("alone", 11, &role("111122223333", "third", "ASIA3", 10)),
    ];
    let log = log(&records);
    assert_eq!(log.verdict("used"), "unknown");
    assert_eq!(log.chain("ASIA1"), ["a", "b"]);
    assert_eq!(log.verdict("alone"), "unknown");
    assert_eq!(log.chain("ASIA3"), ["self"]);
    assert_eq!(log.descendants("ASIA1"), ["ASIA1", "ASIA2"]);
}

#[test]
fn a_chain_is_followed_eight_calls_back() {
    let key = |number: u32| format!("ASIA{number}");
    let name = |number: u32| format!("role{number}");
    let chain = |length: u32| {
        let mut records = vec![assume("call-1", 1, &user(), ("111122223333", &name(1)), &key(1))];
        for number in 2..=length {
            let caller = role("111122223333", &name(number - 1), &key(number - 1), number - 1);
            records.push(assume(&format!("call-{number}"), number, &caller, ("111122223333", &name(number)), &key(number)));
        }
        records.push(call("used", 100, &role("111122223333", &name(length), &key(length), length)));
        log(&records)
    };
    assert_eq!(chain(8).origin("used"), texts(["no_mfa", "call-1", USER]));
    let nine = chain(9);
    assert_eq!(nine.origin("used"), texts(["unknown", "call-2", "arn:aws:iam::111122223333:role/role1"]));
    assert_eq!(cell(SESSION_COLUMNS, &nine.session("ASIA9"), "chain_depth"), &Cell::Int(8));
    assert_eq!(nine.descendants("AKIAOPS").len(), 9);
}

#[test]
fn a_key_that_two_calls_issued_has_no_verdict() {
    let mut other = user();
    other["arn"] = json!("arn:aws:iam::111122223333:user/other");
    let used = call("used", 30, &role("111122223333", "first", "ASIA1", 10));
    let made = assume("made", 10, &user(), ("111122223333", "first"), "ASIA1");
    let second = assume("second", 11, &other, ("111122223333", "first"), "ASIA1");
    let log_with = |records: &[Value]| log(&[records, std::slice::from_ref(&used)].concat());
    assert_eq!(log_with(&[second.clone(), made.clone()]).origin("used"), texts(["unknown", "made", USER]));
    // The same thing said twice is no dispute.
    let again = assume("again", 12, &user(), ("111122223333", "first"), "ASIA1");
    assert_eq!(log_with(&[again, made.clone()]).origin("used"), texts(["no_mfa", "made", USER]));
    // Nor is a call long after the key was used, which cannot have issued it.
    let mut late = second;
    late["eventTime"] = json!(time(30 + 5 * 60 + 1));
    assert_eq!(log_with(&[late.clone(), made]).origin("used"), texts(["no_mfa", "made", USER]));
    assert_eq!(log_with(&[late]).verdict("used"), "not_in_log");
}

#[test]
fn keys_that_were_issued_and_never_used_have_a_row() {
    let log = log(&[assume("made", 10, &user(), ("444455556666", "first"), "ASIA1")]);
    let row = log.session("ASIA1");
    let shown = |name: &str| cell(SESSION_COLUMNS, &row, name).clone();
    assert_eq!(shown("recipient_account_id"), Cell::Text("444455556666".to_owned()));
    assert_eq!(shown("principal"), Cell::Text("arn:aws:iam::444455556666:role/first".to_owned()));
    assert_eq!(shown("session_name"), Cell::Text("run".to_owned()));
    assert_eq!(shown("origin_verdict"), Cell::Text("no_mfa".to_owned()));
    assert_eq!((shown("events"), shown("first_event")), (Cell::Int(0), Cell::Null));
    assert_eq!(evidence(&row), ["made"]);
}

#[test]
fn odd_records_do_no_harm() {
    let odd = [json!(null), json!("text"), json!(7), json!([]), json!([{"credentials": []}]), json!({"credentials": {"accessKeyId": 7}})];
    let mut records = Vec::new();
    for (number, response) in odd.iter().enumerate() {
        for name in ["AssumeRole", "GetSessionToken", "AssumeRoot", "GetFederationToken", "CreateLoginProfile"] {
            for source in ["sts.amazonaws.com", "iam.amazonaws.com"] {
                let more =
                    json!({"userIdentity": odd[(number + 1) % odd.len()], "requestParameters": response, "responseElements": response});
                records.push(record("odd", 10, source, name, &more));
                let more =
                    json!({"userIdentity": user(), "eventTime": response, "requestParameters": response, "responseElements": response});
                records.push(record("odd", 10, source, name, &more));
            }
        }
    }
    let log = log_of(&records, 7);
    assert_eq!(all(&log.users.table()).len(), 1);
    log.sessions.session_table();
    log_of(&[], 1);
}

#[test]
fn a_million_keys_of_one_principal_and_second_stay_cheap() {
    // Fewer than a million here: were the work quadratic, even these would take minutes.
    let count = 20_000_u32;
    let identity = |number: u32| role("111122223333", "first", &format!("ASIAUSED{number}"), 10);
    let mut records: Vec<Value> =
        (0..count).map(|number| assume("made", 10, &user(), ("111122223333", "first"), &format!("ASIA{number}"))).collect();
    records.extend((0..count).map(|number| call("used", 20, &identity(number))));
    let log = log_of(&records, 8_000);
    assert_eq!(log.verdict("used"), "no_mfa");
    assert_eq!(log.descendants("AKIAOPS").len(), 40_000);
}

#[test]
fn the_order_of_batches_changes_nothing() {
    let first = role("111122223333", "first", "ASIA1", 10);
    let records = [
        assume("made", 10, &user(), ("111122223333", "first"), "ASIA1"),
        call("used", 20, &first),
        assume("on", 20, &first, ("111122223333", "second"), "ASIA2"),
        call("more", 30, &role("111122223333", "second", "ASIA2", 20)),
        call("own", 40, &user()),
    ];
    let mut backwards = records.clone();
    backwards.reverse();
    let rows = |log: &Log| {
        let tables = [log.sessions.session_table(), log.users.table()];
        // The places differ, as the records were put elsewhere.
        let cells = |table: StateTable<'_>| all(&table).into_iter().map(|row| row.cells).collect::<Vec<_>>();
        tables.map(cells)
    };
    let known = rows(&log_of(&records, 5));
    for size in 1..=5 {
        assert_eq!(rows(&log_of(&records, size)), known);
        assert_eq!(rows(&log_of(&backwards, size)), known);
    }
}

#[test]
fn users_and_their_consoles() {
    let login = |id: &str, second, used: &str, result: &str| {
        let by = json!({"type": "IAMUser", "principalId": "AIDAOPS", "arn": USER, "accountId": "111122223333", "userName": "ops"});
        let more = json!({"userIdentity": by, "responseElements": {"ConsoleLogin": result}, "additionalEventData": {"MFAUsed": used}});
        record(id, second, "signin.amazonaws.com", "ConsoleLogin", &more)
    };
    // Another service's answer can have the words of a sign-in.
    let answer = |id: &str, second, source: &str, name: &str| {
        let by = json!({"type": "IAMUser", "principalId": "AIDAOPS", "arn": USER, "accountId": "111122223333", "userName": "ops"});
        record(id, second, source, name, &json!({"userIdentity": by, "responseElements": {"ConsoleLogin": "Success"}}))
    };
    let change = |id: &str, second, name: &str, user: &str| {
        let more = json!({"userIdentity": {"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"},
            "requestParameters": {"userName": user},
            "responseElements": {"user": {"arn": format!("arn:aws:iam::111122223333:user/{user}")}}});
        record(id, second, "iam.amazonaws.com", name, &more)
    };
    let hidden = json!({"userIdentity": {"type": "IAMUser", "accountId": "111122223333", "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        "responseElements": {"ConsoleLogin": "Failure"}, "errorMessage": "No username found in supplied account"});
    let log = log(&[
        login("failed", 1, "Yes", "Failure"),
        login("in", 2, "No", "Success"),
        login("in-again", 3, "Yes", "Success"),
        call("key", 4, &user()),
        answer("no-sign-in", 5, "signin.amazonaws.com", "GetSigninToken"),
        answer("nor-this", 6, "iam.amazonaws.com", "ConsoleLogin"),
        call("key-again", 9, &user()),
        change("made", 20, "CreateUser", "new"),
        change("profile", 21, "CreateLoginProfile", "new"),
        change("undone", 22, "CreateLoginProfile", "gone"),
        change("undoing", 23, "DeleteLoginProfile", "gone"),
        record("hidden", 30, "signin.amazonaws.com", "ConsoleLogin", &hidden),
    ]);
    assert_eq!(all(&log.users.table()).len(), 3);
    let ops = log.user("ops");
    let shown = |row: &StateRow, name: &str| cell(USER_COLUMNS, row, name).clone();
    let seconds = |second| Cell::Time(at(second).expect("a time"));
    assert_eq!(ops.cells.len(), USER_COLUMNS.len());
    assert_eq!(shown(&ops, "principal"), Cell::Text(USER.to_owned()));
    assert_eq!(shown(&ops, "has_console"), Cell::Flag(true));
    assert_eq!(shown(&ops, "console_since"), seconds(2));
    assert_eq!((shown(&ops, "console_logins"), shown(&ops, "last_console_login")), (Cell::Int(2), seconds(3)));
    assert_eq!((shown(&ops, "logins_mfa"), shown(&ops, "logins_no_mfa")), (Cell::Int(1), Cell::Int(1)));
    assert_eq!((shown(&ops, "long_term_key_uses"), shown(&ops, "long_term_keys")), (Cell::Int(2), Cell::Int(1)));
    assert_eq!((shown(&ops, "first_key_use"), shown(&ops, "last_key_use")), (seconds(4), seconds(9)));
    assert_eq!((shown(&ops, "first_event"), shown(&ops, "last_event")), (seconds(1), seconds(9)));
    assert_eq!(evidence(&ops), ["in", "key", "key-again"]);
    let new = log.user("new");
    assert_eq!(
        (shown(&new, "has_console"), shown(&new, "console_since"), shown(&new, "created")),
        (Cell::Flag(true), seconds(21), seconds(20))
    );
    assert_eq!(
        (shown(&new, "principal"), shown(&new, "first_event")),
        (Cell::Text("arn:aws:iam::111122223333:user/new".to_owned()), Cell::Null)
    );
    assert_eq!(evidence(&new), ["profile"]);
    let gone = log.user("gone");
    assert_eq!((shown(&gone, "has_console"), shown(&gone, "console_since")), (Cell::Flag(false), Cell::Null));
}
