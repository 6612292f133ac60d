//! The forms in which logs are stored and exported.

use serde_json::{Value, json};

use crate::support::{Folder, NONE, detect, gzip, loaded, record, records, root_login, sql};

#[test]
fn every_envelope_is_known_by_its_content() {
    let lines: String = (1..=3).map(|number| record(number, |_| ()).to_string() + "\n").collect();
    let lookup = |number: u32| json!({"EventId": "x", "EventName": "ListBuckets", "EventTime": 1_700_000_000, "ReadOnly": "true", "CloudTrailEvent": record(number, |_| ()).to_string()});
    let bridge = |number: u32| json!({"version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail", "source": "aws.s3", "time": "2026-03-01T08:00:00Z", "resources": [], "detail": record(number, |_| ())});
    let pretty = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
    for (envelope, text) in [
        ("records", records(1..=3)),
        ("records", pretty(&serde_json::from_str(&records(1..=3)).expect("JSON"))),
        ("array", json!([record(1, |_| ()), record(2, |_| ()), record(3, |_| ())]).to_string()),
        ("jsonl", lines.clone()),
        ("jsonl", lines.replace('\n', "\r\n\r\n")),
        ("jsonl", (1..=3).map(|number| pretty(&record(number, |_| ())) + "\n").collect()),
        ("lookup-events", json!({"Events": [lookup(1), lookup(2), lookup(3)], "NextToken": "x"}).to_string()),
        ("lookup-events", (1..=3).map(|number| lookup(number).to_string() + "\n").collect()),
        ("eventbridge", (1..=3).map(|number| bridge(number).to_string() + "\n").collect()),
    ] {
        // The name tells nothing, and neither does whether the bytes are compressed.
        for (name, bytes) in [
            ("a.json.gz", gzip(&text)),
            ("b.bin", gzip(&text)),
            ("c.json.gz", text.clone().into_bytes()),
            ("d", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ] {
            let folder = Folder::new().with(name, bytes);
            let rows = sql(folder.path(), "select event_id, record_index, envelope from events order by record_index");
            let ids: Vec<&Value> = rows.iter().map(|row| &row["event_id"]).collect();
            assert_eq!(
                ids,
                ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003"],
                "{envelope} {name}: {text}"
            );
            assert!(rows.iter().all(|row| row["envelope"] == envelope), "{envelope}: {rows:?}");
        }
    }
    assert_eq!(loaded("one.json", record(1, |_| ()).to_string()), (1, NONE, NONE));
    assert_eq!(loaded("empty.json.gz", gzip(r#"{"Records":[]}"#)), (0, NONE, NONE));
    assert_eq!(loaded("empty.json", "[]"), (0, NONE, NONE));
}

#[test]
fn event_history_downloads_are_read_with_what_they_cannot_tell() {
    let header = "User name,AWS access key,Event time,Event source,Event name,AWS region,Source IP address,User agent,Error code,Resources,Request ID,Event ID,Read-only,Event type,Recipient Account Id,Event category\n";
    let rows = "root,,2026-03-01T08:00:00Z,signin.amazonaws.com,ConsoleLogin,us-east-1,203.0.113.9,Mozilla/5.0,,,,e1,false,AwsConsoleSignIn,012345678901,Management\n\
                ops,AKIAX,2026-03-01T08:01:00Z,ec2.amazonaws.com,RunInstances,us-east-1,203.0.113.9,\"a,b\"\"c\",,\"[{\"\"resourceType\"\":\"\"T\"\",\"\"resourceName\"\":\"\"i-1\"\"}]\",r2,e2,FALSE,AwsApiCall,5.28758E+11,Management\n\
                short,row\n";
    let folder = Folder::new().with("history.csv", format!("{header}{rows}"));
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["records"], json!({"seen": 3, "loaded": 2, "duplicates": 0, "problems": 1}));
    let found = sql(
        folder.path(),
        "select event_id, user_type, mfa_verdict, api_mfa, recipient_account_id, read_only, user_agent, resource_arns, envelope from events order by event_id",
    );
    assert_eq!(
        found[0],
        json!({"event_id": "e1", "user_type": "Root", "mfa_verdict": "unknown", "api_mfa": "unknown", "recipient_account_id": "012345678901", "read_only": false, "user_agent": "Mozilla/5.0", "resource_arns": null, "envelope": "event-history-csv"})
    );
    assert_eq!(
        found[1],
        json!({"event_id": "e2", "user_type": null, "mfa_verdict": "not_login", "api_mfa": "unknown", "recipient_account_id": null, "read_only": false, "user_agent": "a,b\"c", "resource_arns": ["i-1"], "envelope": "event-history-csv"})
    );
    let notices: Vec<&str> =
        document["ledger"]["notices"].as_array().expect("notices").iter().map(|notice| notice["kind"].as_str().expect("kind")).collect();
    assert!(notices.contains(&"root_inferred") && notices.contains(&"account_id_lost"), "{notices:?}");
}

#[test]
fn lake_and_athena_exports_are_matched_without_case() {
    let line = json!({
        "eventversion": "1.08", "eventtime": "2023-01-10 21:04:02.000", "eventname": "ConsoleLogin", "eventsource": "signin.amazonaws.com",
        "useridentity": {"type": "IAMUser", "principalid": "AIDA", "accountid": "111122223333", "username": "ops", "arn": "arn:aws:iam::111122223333:user/ops"},
        "responseelements": "{\"ConsoleLogin\":\"Success\"}", "additionaleventdata": "{\"MFAUsed\":\"No\"}", "eventid": "e1", "recipientaccountid": "111122223333", "year": "2023",
    });
    let folder = Folder::new().with("lake.jsonl", line.to_string());
    let rows = sql(folder.path(), "select event_time, user_name, user_account_id, mfa_verdict, extra from events");
    assert_eq!(
        rows,
        [
            json!({"event_time": "2023-01-10T21:04:02Z", "user_name": "ops", "user_account_id": "111122223333", "mfa_verdict": "no_mfa", "extra": "{\"year\":\"2023\"}"})
        ]
    );
}

#[test]
fn no_key_beside_an_event_hides_it() {
    let event = root_login(1).to_string();
    let tail = &event[..event.len() - 1];
    for text in [
        format!("{tail},\"Records\":[]}}"),
        format!("[{tail},\"events\":[1]}}]"),
        format!("{tail},\"detail\":{{}},\"detail-type\":\"x\"}}"),
        event.replace("\"userIdentity\":{", "\"useridentity\":{"),
        event.replace("\"eventID\"", "\"eventId\""),
        format!("[{{\"Records\":[{event}]}},{{\"Records\":[]}}]"),
    ] {
        let folder = Folder::new().with("a.json", &text);
        let found = crate::support::ids_of(&detect(folder.path()), &["ROOT-002"]);
        assert_eq!(found, ["00000000-0000-4000-8000-000000000001".to_owned()].into(), "{text}");
    }
    let mut spelt = root_login(1);
    spelt["userIdentity"] = json!(spelt["userIdentity"].to_string());
    let folder = Folder::new().with("a.json", spelt.to_string());
    assert_eq!(crate::support::ids_of(&detect(folder.path()), &["ROOT-002"]).len(), 1);
    // What stands beside a list of records is not read, and that is said.
    let hidden = format!("{{\"Records\":[],{}", &event[1..]);
    assert_eq!(loaded("hidden.json", hidden), (0, vec!["not_an_event".to_owned()], NONE));
}

#[test]
fn a_download_claims_no_more_than_its_columns_tell() {
    let header = "User name,AWS access key,Event time,Event source,Event name,AWS region,Source IP address,User agent,Error code,Resources,Request ID,Event ID,Read-only,Event type,Recipient Account Id,Event category\n";
    let row = |id: &str, user: &str, source: &str, name: &str, address: &str| {
        format!(
            "{user},,2026-03-01T08:00:00Z,{source}.amazonaws.com,{name},us-east-1,{address},x,,,,{id},false,AwsApiCall,012345678901,Management\n"
        )
    };
    let rows = [
        row("e1", "root", "signin", "ConsoleLogin", "203.0.113.9"),
        row("e2", "root", "ec2", "CreateSecurityGroup", "cloudformation.amazonaws.com"),
        row("e3", "ops", "iam", "UpdateAccountPasswordPolicy", "203.0.113.9"),
        row("e4", "ops", "sts", "GetSessionToken", "203.0.113.9"),
        row("e5", "root", "iam", "CreateAccessKey", "203.0.113.9"),
        row("e6", "ops", "signin", "ConsoleLogin", "203.0.113.9"),
        row("e7", "root", "sts", "GetCallerIdentity", "203.0.113.9").replacen("root,", "root,AKIAEXAMPLE", 1),
        row("e8", "root", "s3", "ListBuckets", "203.0.113.9").replacen("root,", "root,AKIAEXAMPLE", 1).replace(",x,", ",S3Console/0.4,"),
        row("e9", "ops", "signin", "ConsoleLogin", "203.0.113.9").replace(",x,,", ",x,AccessDenied,"),
    ];
    let folder = Folder::new().with("history.csv", format!("{header}{}", rows.concat()));
    let document = detect(folder.path());
    let ids = |rules: &[&str]| crate::support::ids_of(&document, rules);
    // A sign-in whose outcome is not in the row has neither failed nor worked, and a service is not root.
    assert_eq!(ids(&["ROOT-006"]), ["e5", "e7", "e8"].map(str::to_owned).into());
    assert!(ids(&["ROOT-001", "ROOT-002", "ROOT-003", "ROOT-008", "ROOT-009", "MFA-001", "MFA-007", "MFA-019"]).is_empty(), "{document}");
    assert_eq!(document["findings"][0]["principal"], "root (inferred from the user name)");
    // A row cannot show the session, so that it cannot show that there was none.
    let judged = sql(folder.path(), "select ok, root_class, long_term_key from events order by event_id");
    let wanted: Vec<Value> = [
        (json!(null), "console_login_unknown"),
        (json!(true), "on_behalf"),
        (json!(true), "none"),
        (json!(true), "none"),
        (json!(true), "api"),
        (json!(null), "none"),
        (json!(true), "api"),
        (json!(true), "console_action"),
        (json!(false), "none"),
    ]
    .into_iter()
    .map(|(ok, class)| json!({"ok": ok, "root_class": class, "long_term_key": false}))
    .collect();
    assert_eq!(judged, wanted);
    let kinds: Vec<&Value> = document["ledger"]["notices"].as_array().expect("notices").iter().map(|notice| &notice["kind"]).collect();
    assert!(kinds.contains(&&json!("mfa_unknown")), "{kinds:?}");
}

#[test]
fn a_list_of_records_is_found_behind_any_key() {
    let [a, b] = [1, 2].map(|number| record(number, |_| ()).to_string());
    for text in [
        format!("{{\"awsRegion\":\"us-east-1\",\"Records\":[{a},{b}]}}"),
        format!("{{ \"requestId\" : \"x\" , \"Records\" : [ {a}\n,{b} ] , \"more\" : 1 }}"),
        format!("{{\"awsRegion\":\"x\",\"awsRegion\":\"y\",\"Records\":[{a},{b}]}}"),
        format!("[{{\"awsRegion\":\"x\",\"Records\":[{a},{b}]}}]"),
        format!("{{\"awsRegion\":\"x\",\"Records\":[{a}],\"Records\":[{b}]}}"),
    ] {
        assert_eq!(loaded("a.json", &text), (2, NONE, NONE), "{text}");
    }
    // What seems to be a part of an event beside such a list is not read, and that is said.
    for before in ["\"eventName\":\"A\"", "\"eventversion\":\"1.08\",\"eventname\":\"A\",\"eventsource\":\"b\""] {
        let hidden = format!("{{{before},\"Records\":[{a},{b}]}}");
        assert_eq!(loaded("a.json", &hidden), (2, vec!["not_an_event".to_owned()], NONE), "{hidden}");
    }
}

#[test]
fn a_download_is_read_behind_any_white_space() {
    let header = "Event time,Event source,Event name,Event ID\n";
    let row = |number: usize| format!("2026-03-01T08:00:00Z,\"a\"\"b\",ListBuckets{},e{number}\n", "x".repeat(20_000));
    for (spaces, count) in [(10, 5), (2 << 20, 3_500)] {
        let rows: String = (0..count).map(row).collect();
        let folder = Folder::new().with("a.csv", format!("{}{header}{rows}", "\n ".repeat(spaces)));
        let found =
            sql(folder.path(), "select count(distinct event_id) n, min(event_source) source, min(length(event_name)) length from events");
        assert_eq!(found, [json!({"n": count, "source": "a\"b", "length": 20_011})]);
    }
}

#[test]
fn keys_in_any_case_are_matched_inside_an_envelope() {
    let lower = r#"{"eventversion":"1.08","eventname":"ConsoleLogin","eventsource":"signin.amazonaws.com","eventid":"e1","eventtime":"2026-03-01T08:00:00Z"}"#;
    for text in [
        json!({"detail-type": "x", "source": "y", "detail": serde_json::from_str::<Value>(lower).expect("JSON")}).to_string(),
        json!({"Events": [{"EventId": "x", "CloudTrailEvent": lower}]}).to_string(),
    ] {
        assert_eq!(loaded("a.json", &text), (1, NONE, NONE), "{text}");
    }
}
