//! Rules that look at several events, and the baseline that an earlier case leaves.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Folder, detect_with, findings, project, record, root_login, trailsift};

const RULES: &str = "
id: ACME-001
title: A key used by another network than its maker's
severity: high
kind: sequence
fields: {made_key: responseElements.accessKey.accessKeyId}
steps:
  - name: make
    where: event_name = 'CreateAccessKey' and ok
    bind: {key: made_key, net: source_ip_net}
  - name: use
    where: user_access_key_id = :key and source_ip_net is distinct from :net
by: [recipient_account_id]
within: 1h
message: 'key {make.made_key} made from {make.source_ip_address}, used from {use.source_ip_address}'
";

const SEEN: &str = "
id: ACME-002
title: A call that the principal never made
severity: low
kind: first-seen
where: ok
key: [principal, event_name]
message: '{principal} calls {event_name}'
";

fn detect(folder: &Folder, source: &str, more: &[&str]) -> Value {
    let path = |name: &str| folder.path().join(name).into_os_string();
    let mut args = vec!["detect".into(), path(source), "--no-builtin".into(), "--rules".into(), path("rules")];
    args.extend(["--format".into(), "json".into()]);
    args.extend(more.iter().map(Into::into));
    trailsift(args).expect(0).json()
}

fn named(number: u32, name: &str) -> Value {
    record(number, |record| record["eventName"] = json!(name))
}

fn ids(document: &Value) -> Vec<(String, Vec<String>)> {
    let short = |id: String| id.rsplit('0').next().unwrap_or_default().to_owned();
    findings(document).into_iter().map(|(rule, ids)| (rule, ids.into_iter().map(short).collect())).collect()
}

fn expected(list: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    list.iter().map(|(rule, ids)| ((*rule).to_owned(), ids.iter().map(|id| (*id).to_owned()).collect())).collect()
}

#[test]
fn a_key_is_followed_to_its_use() {
    let make = record(1, |record| {
        record["eventName"] = json!("CreateAccessKey");
        record["eventSource"] = json!("iam.amazonaws.com");
        record["readOnly"] = json!(false);
        record["responseElements"] = json!({"accessKey": {"accessKeyId": "AKIAEXAMPLE2"}});
    });
    let used = |number: u32, address: &str| {
        record(number, |record| {
            record["userIdentity"]["accessKeyId"] = json!("AKIAEXAMPLE2");
            record["sourceIPAddress"] = json!(address);
        })
    };
    let logs = json!([used(2, "198.51.100.9"), used(3, "203.0.113.9"), record(4, |_| ())]).to_string();
    let folder = Folder::new().with("rules/ACME-001.yml", RULES).with("logs/b.json", logs).with("logs/c.json", json!([make]).to_string());
    let document = detect(&folder, "logs", &[]);
    assert_eq!(ids(&document), expected(&[("ACME-001", &["1", "3"])]));
    assert_eq!(document["findings"][0]["message"], "key AKIAEXAMPLE2 made from 198.51.100.7, used from 203.0.113.9");

    let path = folder.path().join("rules");
    let shown =
        trailsift(["rules".as_ref(), "explain".as_ref(), "ACME-001".as_ref(), "--rules".as_ref(), path.as_os_str()]).expect(0).stdout;
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    for text in [
        "sequence: make (binds :key = made_key, :net = source_ip_net), then use by recipient_account_id within 1h",
        "make: event_name = 'CreateAccessKey' and ok",
        "use: user_access_key_id = :key and",
    ] {
        assert!(shown.contains(text), "{text} in\n{shown}");
    }
}

#[test]
fn a_case_is_the_baseline_of_the_next() {
    let early = json!([named(1, "ListBuckets"), named(2, "ListUsers")]).to_string();
    let late = json!([named(3, "ListBuckets"), named(4, "ListRoles")]).to_string();
    let folder = Folder::new().with("rules/ACME-002.yml", SEEN).with("early/a.json", early).with("late/b.json", late);

    let silent = detect(&folder, "late", &[]);
    assert_eq!(silent["rules"][0]["status"], "not_run");
    assert_eq!(silent["rules"][0]["reason"], "needs a baseline: give --baseline-until TIME or --baseline-case DIR");
    let both = detect(&folder, ".", &["--baseline-until", "2026-03-01T08:00:03Z"]);
    assert_eq!(ids(&both), expected(&[("ACME-002", &["4"])]));

    let case = folder.path().join("case");
    let rules = folder.path().join("rules");
    let investigate = |source: &str, out: &Path, more: &[&Path]| {
        let source = folder.path().join(source);
        let mut args = vec!["investigate".as_ref(), source.as_os_str(), "--no-builtin".as_ref(), "--rules".as_ref(), rules.as_os_str()];
        args.extend(["--format".as_ref(), "json".as_ref(), "--out".as_ref(), out.as_os_str()]);
        args.extend(more.iter().map(|part| part.as_os_str()));
        trailsift(args).expect(0).json()
    };
    investigate("early", &case, &["--baseline-until".as_ref(), "2026-03-01T08:00:02Z".as_ref()]);
    let seen = std::fs::read_to_string(case.join("seen.jsonl")).expect("written");
    assert_eq!(seen.lines().count(), 3, "{seen}");
    let manifest = std::fs::read_to_string(case.join("case.json")).expect("written");
    assert!(manifest.contains("seen.jsonl") && manifest.contains("\"baseline_until\": \"2026-03-01T08:00:02Z\""), "{manifest}");

    let next = folder.path().join("next");
    let document = investigate("late", &next, &["--baseline-case".as_ref(), &case]);
    assert_eq!(ids(&document), expected(&[("ACME-002", &["4"])]));
    assert_eq!(std::fs::read_to_string(next.join("seen.jsonl")).expect("written").lines().count(), 4);

    let none = folder.path().join("early").into_os_string();
    let run = trailsift(["detect".into(), none.clone(), "--baseline-case".into(), none]).expect(2);
    assert!(run.stderr.contains("seen.jsonl"), "{}", run.stderr);
}

/// Twenty events of an account are the least that make a baseline of it.
#[test]
fn a_baseline_of_nineteen_events_calls_nothing_new() {
    let federated = record(30, |record| {
        record["eventSource"] = json!("signin.amazonaws.com");
        record["eventName"] = json!("ConsoleLogin");
        record["userIdentity"]["type"] = json!("AssumedRole");
        record["responseElements"] = json!({"ConsoleLogin": "Success"});
        record["additionalEventData"] = json!({"MFAUsed": "No", "SamlProviderArn": "arn:aws:iam::111122223333:saml-provider/idp"});
    });
    for (id, new) in [("ROOT-024", root_login(30)), ("MFA-004", federated)] {
        let run = |events: u32, more: &[&str]| {
            let logs: Vec<Value> = (0..events).map(|number| record(number, |_| ())).chain([new.clone()]).collect();
            let folder = Folder::new().with("a.json", json!(logs).to_string());
            let args = [&["--only", id, "--baseline-until", "2026-03-01T08:00:30Z"], more].concat();
            let document = detect_with(folder.path(), &args);
            let status = document["rules"].as_array().expect("rules").iter().find(|rule| rule["id"] == id).expect("the rule").clone();
            (findings(&document).len(), status["status"].clone(), status["reason"].clone())
        };
        assert_eq!(run(20, &[]), (1, json!("run"), Value::Null), "{id}");
        let reason = "insufficient baseline: 1 new key held back, as fewer than 20 events of the recipient_account_id lie in it: 111122223333 has 19";
        assert_eq!(run(19, &[]), (0, json!("degraded"), json!(reason)), "{id}");
        assert_eq!(run(19, &["--set", &format!("{id}.owner.at_least=19")]), (1, json!("run"), Value::Null), "{id}");
    }
}

#[test]
fn a_rule_with_another_parameter_is_another_rule_to_the_next_case() {
    let source = project("tests/rules/IAM-036/hit.jsonl");
    let folder = Folder::new();
    let seen = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let mut args =
            vec!["investigate".as_ref(), source.as_os_str(), "--only".as_ref(), "IAM-036".as_ref(), "--out".as_ref(), out.as_os_str()];
        args.extend(more.iter().map(std::ffi::OsStr::new));
        trailsift(args).expect(0);
        let text = std::fs::read_to_string(out.join("seen.jsonl")).expect("written");
        let line: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
        line["rule_sha256"].as_str().expect("a hash").to_owned()
    };
    let plain = seen("plain", &[]);
    let sixty = seen("sixty", &["--set", "IAM-036.quiet_days=60"]);
    assert_ne!(plain, sixty);
    assert_ne!(seen("ninety", &["--set", "IAM-036.quiet_days=90"]), sixty);
    // The last value of a parameter counts.
    assert_eq!(seen("twice", &["--set", "IAM-036.quiet_days=90", "--set", "IAM-036.quiet_days=60"]), sixty);

    let reason = |case: &str, more: &[&str]| {
        let case = folder.path().join(case).display().to_string();
        let args = [&["--only", "IAM-036", "--baseline-case", &case], more].concat();
        let rules = detect_with(&source, &args)["rules"].clone();
        rules.as_array().expect("rules").iter().find(|rule| rule["id"] == "IAM-036").expect("the rule")["reason"].clone()
    };
    let other = "the case of --baseline-case ran another version of this rule";
    assert_eq!(reason("plain", &[]), Value::Null);
    assert_eq!(reason("plain", &["--set", "IAM-036.quiet_days=60"]), other);
    assert_eq!(reason("sixty", &[]), other);
    assert_eq!(reason("sixty", &["--set", "IAM-036.quiet_days=60"]), Value::Null);
}
