//! The plain predicates of the shared labels against the findings: they agree, or the difference has its reason here.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::support::{detect, ids_of, shared, sql};

/// All events of the labelled files, read by a plain loop over JSON values.
fn plain_events(root: &Path) -> Vec<Value> {
    let labels: Value = serde_json::from_str(&std::fs::read_to_string(root.join("labels.json")).expect("labels")).expect("JSON");
    let mut events = Vec::new();
    for (name, label) in labels["files"].as_object().expect("files") {
        if label["events"].is_null() || name.starts_with("derived/") || name.starts_with("panther/") {
            continue;
        }
        let mut text = String::new();
        MultiGzDecoder::new(std::fs::File::open(root.join(name)).expect("a file")).read_to_string(&mut text).expect("gzip of UTF-8");
        let values: Vec<Value> = serde_json::Deserializer::from_str(&text).into_iter().map(|value| value.expect("JSON")).collect();
        for value in values {
            match value {
                Value::Array(list) => events.extend(list),
                Value::Object(ref map) if map.contains_key("Records") => events.extend(map["Records"].as_array().expect("records").clone()),
                Value::Object(ref map) if map.contains_key("CloudTrailEvent") => {
                    events.push(serde_json::from_str(map["CloudTrailEvent"].as_str().expect("text")).expect("JSON"));
                }
                other => events.push(other),
            }
        }
    }
    assert_eq!(events.len(), 3_821);
    events
}

fn ids(events: &[Value], test: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    events.iter().filter(|event| test(event)).filter_map(|event| event["eventID"].as_str()).map(str::to_owned).collect()
}

fn text<'v>(event: &'v Value, pointer: &str) -> Option<&'v str> {
    event.pointer(pointer).and_then(Value::as_str)
}

/// The folders that the labels' totals are for.
const FOLDERS: [&str; 11] = [
    "invictus",
    "sans-s3-ransomware",
    "stratus",
    "traildiscover",
    "otrf",
    "lookup-events",
    "ocsf",
    "cloudgrep",
    "trailscraper",
    "digest",
    "insight",
];

fn labelled_only(found: &BTreeSet<String>, events: &[Value]) -> BTreeSet<String> {
    let known = ids(events, |_| true);
    found.intersection(&known).cloned().collect()
}

#[test]
fn the_predicates_that_rules_cover_agree() {
    let Some(root) = shared("data/real") else { return };
    assert!(FOLDERS.iter().all(|folder| root.join(folder).is_dir()));
    let events = plain_events(&root);
    let document = detect(&root);
    let found = |rules: &[&str]| labelled_only(&ids_of(&document, rules), &events);

    let login = |event: &Value| text(event, "/eventName") == Some("ConsoleLogin");
    let success = |event: &Value| login(event) && text(event, "/responseElements/ConsoleLogin") == Some("Success");
    let is_root = |event: &Value| text(event, "/userIdentity/type") == Some("Root");

    // console_login_success_mfa_no: all three are logins of IAM users or root, so the rules find the same.
    let plain = ids(&events, |event| success(event) && text(event, "/additionalEventData/MFAUsed") == Some("No"));
    assert_eq!(plain.len(), 3);
    assert_eq!(found(&["MFA-001", "ROOT-002"]), plain);

    // console_login_success and _failure, of root: ROOT-001 and ROOT-003 say nothing about other identities.
    assert_eq!(found(&["ROOT-001"]), ids(&events, |event| success(event) && is_root(event)));
    assert_eq!(found(&["ROOT-003"]), ids(&events, |event| login(event) && !success(event) && is_root(event)));

    // root_activity: every such event is root usage by its class, and the rules name all of it but one kind ...
    let plain = ids(&events, |event| {
        is_root(event) && text(event, "/userIdentity/invokedBy").is_none() && text(event, "/eventType") != Some("AwsServiceEvent")
    });
    assert_eq!(plain.len(), 652);
    let rules = ["ROOT-001", "ROOT-002", "ROOT-003", "ROOT-006", "ROOT-007", "ROOT-008", "ROOT-011", "ROOT-013", "ROOT-015"];
    let by_rules = found(&rules);
    let unnamed: BTreeSet<String> = plain.difference(&by_rules).cloned().collect();
    // ... namely writes by root that failed: ROOT-006 wants them to have worked, ROOT-007 is about reads, ROOT-025 counts them.
    let failed_writes = ids(&events, |event| {
        is_root(event)
            && !login(event)
            && event["readOnly"] == false
            && (event["errorCode"].is_string() || event["errorMessage"].is_string())
    });
    assert!(unnamed.is_subset(&failed_writes), "{:?}", unnamed.difference(&failed_writes));
    // And what the rules name beyond it are old console sessions, whose invokedBy is the sign-in service.
    for id in by_rules.difference(&plain) {
        let event = events.iter().find(|event| text(event, "/eventID") == Some(id)).expect("known");
        assert_eq!(text(event, "/userIdentity/invokedBy"), Some("signin.amazonaws.com"), "{event}");
    }

    // sts_token_issued: MFA-007 is about GetSessionToken without a device; a GetFederationToken is for another rule.
    let plain = ids(&events, |event| {
        text(event, "/eventName") == Some("GetSessionToken")
            && event["errorCode"].is_null()
            && event.pointer("/requestParameters/serialNumber").is_none()
    });
    assert_eq!(found(&["MFA-007"]), plain);

    // access_key_created: ROOT-009 is about root's own key only, and nobody made one here.
    let plain = ids(&events, |event| {
        text(event, "/eventName") == Some("CreateAccessKey")
            && is_root(event)
            && event["errorCode"].is_null()
            && event.pointer("/requestParameters/userName").is_none()
    });
    assert_eq!(found(&["ROOT-009"]), plain);

    // login_profile_set: ROOT-021 is about a profile for root itself, and none was made here.
    assert_eq!(found(&["ROOT-021"]), BTreeSet::new());

    // Where the real data has no example, the comparisons above say no more than that the rule is silent.
    let compared = ["MFA-001", "ROOT-001", "ROOT-002", "ROOT-003", "ROOT-006", "ROOT-007"];
    for rule in compared {
        assert!(!found(&[rule]).is_empty(), "{rule} has no example");
    }
    for rule in WITHOUT_EXAMPLE {
        assert!(found(&[rule]).is_empty(), "{rule} has an example by now: compare it");
    }
}

/// Rules that are compared here and of which the real data holds no example; their own samples test them.
const WITHOUT_EXAMPLE: [&str; 7] = ["MFA-007", "ROOT-008", "ROOT-009", "ROOT-011", "ROOT-013", "ROOT-015", "ROOT-021"];

#[test]
fn the_columns_of_the_frame_equal_the_fields_of_the_records() {
    let Some(root) = shared("data/real") else { return };
    let events = plain_events(&root);
    let rows = sql(
        &root,
        "select event_id, event_source, event_name, aws_region, source_ip_address, user_agent, error_code, error_message, user_type, user_arn, user_name, \
         user_access_key_id, user_principal_id, issuer_arn, request_id, event_type, recipient_account_id, shared_event_id, tls_version, request_parameters, \
         response_elements, additional_event_data, user_identity, read_only, event_time, session_mfa_authenticated, mfa_used, console_login_result \
         from events where event_id is not null",
    );
    let by_id: std::collections::BTreeMap<&str, &Value> = rows.iter().map(|row| (row["event_id"].as_str().expect("an id"), row)).collect();
    let mut compared = 0;
    for event in &events {
        let Some(row) = text(event, "/eventID").and_then(|id| by_id.get(id)) else { continue };
        for (column, pointer) in [
            ("event_source", "/eventSource"),
            ("event_name", "/eventName"),
            ("aws_region", "/awsRegion"),
            ("source_ip_address", "/sourceIPAddress"),
            ("user_agent", "/userAgent"),
            ("error_code", "/errorCode"),
            ("error_message", "/errorMessage"),
            ("user_type", "/userIdentity/type"),
            ("user_arn", "/userIdentity/arn"),
            ("user_name", "/userIdentity/userName"),
            ("user_principal_id", "/userIdentity/principalId"),
            ("issuer_arn", "/userIdentity/sessionContext/sessionIssuer/arn"),
            ("request_id", "/requestID"),
            ("event_type", "/eventType"),
            ("recipient_account_id", "/recipientAccountId"),
            ("shared_event_id", "/sharedEventID"),
            ("tls_version", "/tlsDetails/tlsVersion"),
            ("mfa_used", "/additionalEventData/MFAUsed"),
            ("console_login_result", "/responseElements/ConsoleLogin"),
        ] {
            assert_eq!(row[column].as_str(), text(event, pointer), "{column} of {event}");
        }
        assert_eq!(row["user_access_key_id"].as_str(), text(event, "/userIdentity/accessKeyId").filter(|key| !key.is_empty()));
        for (column, key) in [
            ("request_parameters", "requestParameters"),
            ("response_elements", "responseElements"),
            ("additional_event_data", "additionalEventData"),
            ("user_identity", "userIdentity"),
        ] {
            let value: Value = row[column].as_str().map_or(Value::Null, |json| serde_json::from_str(json).expect("JSON"));
            // Session tokens do not leave the program.
            let wanted: Value = serde_json::from_str(&trailsift::event::redact(&event[key].to_string()).0).expect("JSON");
            assert_eq!(value, wanted, "{column} of {event}");
        }
        if let Some(time) = text(event, "/eventTime") {
            assert_eq!(row["event_time"], time);
        }
        assert_eq!(row["read_only"], event["readOnly"]);
        let mfa = text(event, "/userIdentity/sessionContext/attributes/mfaAuthenticated").map(|flag| flag == "true");
        assert_eq!(row["session_mfa_authenticated"].as_bool(), mfa);
        compared += 1;
    }
    assert_eq!(compared, events.len());
    for column in ["mfa_used", "console_login_result"] {
        assert!(rows.iter().any(|row| row[column].is_string()), "{column} is in no record");
    }
}
