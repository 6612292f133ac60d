//! `timeline` and `summary` over the sample, whose story is known, and over small logs.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Folder, check_ledger, project, record, records, root_login, trailsift};

fn rows(command: &str, source: &Path, more: &[&str]) -> Vec<Value> {
    let mut args = vec![command.into(), source.as_os_str().to_owned(), "--format".into(), "json".into()];
    args.extend(more.iter().map(Into::into));
    let document = trailsift(args).expect(0).json();
    check_ledger(&document);
    assert_eq!(document["schema"], format!("trailsift.{command}/1"));
    document["rows"].as_array().expect("rows").clone()
}

fn texts(rows: &[Value], key: &str) -> Vec<String> {
    rows.iter().map(|row| row[key].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn a_principal_is_followed_through_the_roles_it_assumed() {
    let sample = project("sample-logs");
    let found = rows("timeline", &sample, &["--principal", "999988887777:*"]);
    assert_eq!(found, Vec::<Value>::new(), "no pattern");
    // The stranger's session of data-export assumed a role in the second account, which read the secrets.
    let found = rows("timeline", &sample, &["--principal", "arn:aws:iam::111122223333:role/data-export"]);
    let principals: BTreeSet<String> = texts(&found, "principal").into_iter().collect();
    let wanted = ["arn:aws:iam::111122223333:role/data-export", "arn:aws:iam::444455556666:role/shared-services-reader"];
    assert_eq!(principals, wanted.map(str::to_owned).into());
    assert!(texts(&found, "event_name").contains(&"GetSecretValue".to_owned()));
    let mut times = texts(&found, "event_time");
    let shown = times.clone();
    times.sort();
    assert_eq!(shown, times);
}

#[test]
fn the_end_of_an_arn_names_a_principal_and_half_a_name_does_not() {
    let sample = project("sample-logs");
    let whole = rows("timeline", &sample, &["--principal", "arn:aws:iam::111122223333:user/billing-report"]);
    assert!(!whole.is_empty());
    assert_eq!(rows("timeline", &sample, &["--principal", "user/billing-report"]), whole);
    assert_eq!(rows("timeline", &sample, &["--principal", "report"]), Vec::<Value>::new());
}

#[test]
fn a_window_is_closed_on_both_ends() {
    let folder = Folder::new().with("logs.json", records([0, 10, 20, 30, 41]));
    let id = |number: u32| format!("00000000-0000-4000-8000-{number:012}");
    let around = |window: &str| texts(&rows("timeline", folder.path(), &["--event-id", &id(20), "--window", window]), "event_id");
    assert_eq!(around("20s"), [0, 10, 20, 30].map(id));
    assert_eq!(around("21s"), [0, 10, 20, 30, 41].map(id));
    assert_eq!(around("9s"), [20].map(id));
    let refused = |id: &str, window: &str| {
        let source = folder.path().as_os_str();
        trailsift(["timeline".as_ref(), source, "--event-id".as_ref(), id.as_ref(), "--window".as_ref(), window.as_ref()]).expect(2).stderr
    };
    assert!(refused("no-such-id", "1m").contains("--event-id no-such-id: no event of that id was loaded"));
    assert!(refused(&id(20), "soon").contains("`soon` is no length of time"));
}

#[test]
fn findings_mark_their_events() {
    let logs = json!({"Records": [record(1, |_| ()), root_login(2), record(3, |_| ())]});
    let folder = Folder::new().with("logs.json", logs.to_string());
    let all = rows("timeline", folder.path(), &[]);
    assert_eq!(all.iter().map(|row| row["rules"].clone()).collect::<Vec<_>>(), [json!([]), json!(["ROOT-001", "ROOT-002"]), json!([])]);
    assert_eq!(all[1]["severity"], "critical");
    assert_eq!(rows("timeline", folder.path(), &["--only-findings"]), all[1..2]);
    assert_eq!(rows("timeline", folder.path(), &["--limit", "2"]), all[..2]);
    assert_eq!(rows("timeline", folder.path(), &["--source-ip", "203.0.113.200"]), Vec::<Value>::new());
}

#[test]
fn keys_lead_to_what_was_done_with_them() {
    let sample = project("sample-logs");
    // Root made this key for the new administrator.
    let found = rows("timeline", &sample, &["--access-key", "AKIATFGNNKLV2EXAMPLE"]);
    let names = texts(&found, "event_name");
    assert!(names.contains(&"StopLogging".to_owned()) && names.contains(&"UpdateAssumeRolePolicy".to_owned()), "{names:?}");
    assert!(found.iter().all(|row| row["user_access_key_id"] == "AKIATFGNNKLV2EXAMPLE"));
}

#[test]
fn a_summary_adds_up_to_all_events() {
    let sample = project("sample-logs");
    for (by, column) in
        [("principal", "principal"), ("source-ip", "source_ip_address"), ("access-key", "user_access_key_id"), ("user-agent", "user_agent")]
    {
        let found = rows("summary", &sample, &["--by", by]);
        assert_eq!(found.iter().map(|row| row["events"].as_u64().expect("a number")).sum::<u64>(), 4_908, "{by}");
        let keys: BTreeSet<String> = texts(&found, column).into_iter().collect();
        assert_eq!(keys.len(), found.len(), "{by}: one row a key");
    }
    let found = rows("summary", &sample, &[]);
    let user = found.iter().find(|row| row["principal"] == "arn:aws:iam::111122223333:user/billing-report").expect("the user");
    assert_eq!((&user["mfa_no"], &user["worst_severity"]), (&json!(31), &json!("high")), "{user}");
    let addresses = user["source_ip_addresses"].as_array().expect("a list");
    assert!(addresses.contains(&json!("203.0.113.77")), "{user}");
}

#[test]
fn the_tables_fit_a_terminal() {
    let sample = project("sample-logs");
    let shown = |command: &str, more: &[&str]| {
        let mut args = vec![command.into(), sample.as_os_str().to_owned()];
        args.extend(more.iter().map(Into::into));
        trailsift(args).expect(0).stdout
    };
    for (command, more) in [("timeline", vec!["--only-findings"]), ("summary", vec![])] {
        let text = shown(command, &more);
        assert!(text.lines().count() > 10, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
    assert!(shown("timeline", &["--principal", "root"]).contains("signin ConsoleLogin"));
}
