//! What the rules find, finding by finding, in logs that were read through once: a change of a rule shows here.
//!
//! Each golden file holds rule ids, event ids and counts only. The findings on the real logs were reviewed when the file
//! was written; one rule fires more than fifty times: MFA-008 on `invictus`, where one user runs some thirty attacks with a
//! long-term key, and every write among them is a sensitive one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use crate::support::{detect, project, shared};

/// For each rule its findings: how many events each has, and the event ids, or the first three of many.
fn found(source: &Path) -> Value {
    let document = detect(source);
    let mut rules: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for finding in document["findings"].as_array().expect("findings") {
        let ids: Vec<&Value> = finding["event_ids"].as_array().expect("ids").iter().take(3).collect();
        let line = json!({"count": finding["count"], "event_ids": ids}).to_string();
        rules.entry(finding["rule_id"].as_str().expect("an id")).or_default().insert(line);
    }
    let parsed = |lines: &BTreeSet<String>| lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect::<Vec<Value>>();
    rules.iter().map(|(rule, lines)| ((*rule).to_owned(), Value::from(parsed(lines)))).collect()
}

/// Compares with the golden file; `TRAILSIFT_WRITE_GOLDEN=1` writes it anew, to be read through before it is kept.
fn check(name: &str, found: &Value) {
    let path = project("tests/golden").join(format!("{name}.json"));
    if std::env::var_os("TRAILSIFT_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{found:#}\n")).expect("written");
    }
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let golden: Value = serde_json::from_str(&text).expect("JSON");
    let rules = |value: &Value| value.as_object().expect("rules").keys().cloned().collect::<BTreeSet<_>>();
    for rule in rules(&golden).union(&rules(found)) {
        assert_eq!(found[rule], golden[rule], "{rule} on {name}");
    }
}

#[test]
fn findings_on_the_sample() {
    check("sample-logs", &found(&project("sample-logs")));
}

#[test]
fn findings_on_real_logs() {
    for part in ["event-history-csv", "invictus", "ocsf", "sans-s3-ransomware", "stratus", "traildiscover", "trailscraper"] {
        let Some(folder) = shared(&format!("data/real/{part}")) else { return };
        check(part, &found(&folder));
    }
    for quiet in ["cloudgrep", "insight", "lookup-events", "otrf"] {
        let Some(folder) = shared(&format!("data/real/{quiet}")) else { return };
        assert_eq!(found(&folder), json!({}), "{quiet}");
    }
}
