//! Policy documents of real logs: all are read, and the columns say what they grant.

use std::collections::BTreeMap;
use std::io::Read as _;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use trailsift::iam::policy::PolicyDocument;

use crate::support::{Folder, record, shared, sql};

/// The documents in a JSON text, by the name of their key.
fn documents(value: &Value, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(elements) => {
            for (key, value) in elements {
                if ["policyDocument", "assumeRolePolicyDocument"].contains(&key.as_str()) {
                    found.push((key.clone(), value.clone()));
                } else {
                    documents(value, found);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| documents(value, found)),
        _ => {}
    }
}

fn json(row: &Value, column: &str) -> Value {
    row[column].as_str().map_or(Value::Null, |text| serde_json::from_str(text).expect("JSON"))
}

#[test]
fn every_document_of_the_real_logs_is_read() {
    let Some(root) = shared("data/real") else { return };
    let rows = sql(
        &root,
        "select event_name, request_parameters, response_elements, policy_rank from events
         where request_parameters like '%olicyDocument%' or response_elements like '%olicyDocument%'",
    );
    let mut ranks: BTreeMap<String, u32> = BTreeMap::new();
    let mut echoed = 0;
    for row in &rows {
        let mut requested = Vec::new();
        documents(&json(row, "request_parameters"), &mut requested);
        let mut answered = Vec::new();
        documents(&json(row, "response_elements"), &mut answered);
        let ids: Vec<String> = requested
            .iter()
            .chain(&answered)
            .map(|(_, document)| {
                let text = document.as_str().expect("CloudTrail writes documents as texts");
                let document = PolicyDocument::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
                assert_eq!(PolicyDocument::parse(&document.canonical()).expect("canonical").canonical(), document.canonical());
                document.sha256()
            })
            .collect();
        // What was asked for comes back in another spelling.
        if let ([_], [_]) = (requested.as_slice(), answered.as_slice()) {
            assert_eq!(ids[0], ids[1], "{row}");
            echoed += 1;
        }
        if requested.iter().any(|(key, _)| key == "policyDocument") && row["event_name"] != "UpdateAssumeRolePolicy" {
            *ranks.entry(row["policy_rank"].as_str().expect("a rank").to_owned()).or_default() += 1;
        }
    }
    println!("{} events, {echoed} echoed, ranks {ranks:?}", rows.len());
    assert!(rows.len() >= 15, "{}", rows.len());
    assert!(ranks.values().sum::<u32>() >= 8 && ranks.contains_key("admin"), "{ranks:?}");
}

#[test]
fn documents_of_other_tests_are_read() {
    let Some(path) = shared("data/real/panther/tests.jsonl.gz") else { return };
    let mut text = String::new();
    MultiGzDecoder::new(std::fs::File::open(path).expect("a file")).read_to_string(&mut text).expect("gzip of UTF-8");
    let mut found = Vec::new();
    text.lines().for_each(|line| documents(&serde_json::from_str(line).expect("JSON"), &mut found));
    for (_, document) in &found {
        let text = document.as_str().map_or_else(|| document.to_string(), str::to_owned);
        PolicyDocument::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    }
    assert!(!found.is_empty());
}

#[test]
fn no_role_of_the_real_logs_lets_outsiders_in() {
    let Some(root) = shared("data/real") else { return };
    // Five trust the account that they are of, which the publisher has renamed throughout; the others trust services.
    let rows = sql(
        &root,
        "select event_name, recipient_account_id, trust_external from events where trust_external is not null or trust_guarded is not null",
    );
    assert_eq!(rows, [] as [Value; 0]);
}

/// A change of a role's trust in an account.
fn trusts(number: u32, account: &str, trusted: &str) -> Value {
    record(number, |record| {
        record["eventSource"] = "iam.amazonaws.com".into();
        record["eventName"] = "UpdateAssumeRolePolicy".into();
        record["recipientAccountId"] = account.into();
        let document = format!(r#"{{"Statement":{{"Effect":"Allow","Principal":{{"AWS":"{trusted}"}},"Action":"sts:AssumeRole"}}}}"#);
        record["requestParameters"] = serde_json::json!({"roleName": "web", "policyDocument": document});
    })
}

#[test]
fn own_accounts_are_those_of_the_records_and_of_the_file_names() {
    let lines = |events: &[Value]| events.iter().map(|event| event.to_string() + "\n").collect::<String>();
    let events = [
        trusts(1, "111122223333", "444455556666"),
        trusts(2, "444455556666", "111122223333"),
        trusts(3, "111122223333", "123456789012"),
        trusts(4, "111122223333", "999988887777"),
    ];
    let external = |folder: &Folder| {
        let rows = sql(folder.path(), "select trust_external, trust_guarded from events order by event_id");
        rows.iter().map(|row| (row["trust_external"].clone(), row["trust_guarded"].clone())).collect::<Vec<_>>()
    };
    let none = (Value::Null, Value::Null);
    let open = |account: &str| (Value::from(account), Value::from(false));
    let folder = Folder::new().with("events.jsonl", lines(&events));
    assert_eq!(external(&folder), [none.clone(), none.clone(), open("123456789012"), open("999988887777")]);
    // A file in AWS's form tells of an account even where none of its records is of it.
    let empty = crate::support::gzip(r#"{"Records":[]}"#);
    folder.write("123456789012_CloudTrail_eu-west-1_20260301T0805Z_Ab3dEf6hIj9kLmN0.json.gz", empty);
    assert_eq!(external(&folder), [none.clone(), none.clone(), none, open("999988887777")]);
}
