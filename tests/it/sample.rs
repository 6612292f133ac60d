//! The story of `sample-logs/README.md`, as far as the rules at hand can tell it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::{detect, findings, project};

#[test]
fn each_step_is_found_by_the_rules_that_it_names() {
    let story: Value = serde_json::from_str(&std::fs::read_to_string(project("sample-logs/story.json")).expect("the story")).expect("JSON");
    let document = detect(&project("sample-logs"));
    let known: BTreeSet<&str> = document["rules"].as_array().expect("rules").iter().map(|rule| rule["id"].as_str().expect("id")).collect();
    let found = findings(&document);
    let mut checked = 0;
    for step in story.as_array().or_else(|| story["steps"].as_array()).expect("steps") {
        let ids: Vec<&str> = step["event_ids"].as_array().expect("ids").iter().map(|id| id.as_str().expect("text")).collect();
        for rule in
            step["rules"].as_array().expect("rules").iter().map(|rule| rule.as_str().expect("text")).filter(|rule| known.contains(rule))
        {
            let hit = found.iter().any(|(id, events)| id == rule && events.iter().any(|event| ids.contains(&event.as_str())));
            assert!(hit, "{rule} does not tell of step {}: {}", step["step"], step["title"]);
            checked += 1;
        }
    }
    assert!(checked >= 6, "{checked} rules of the story are at hand");
}

#[test]
fn nothing_else_is_severe() {
    let story = std::fs::read_to_string(project("sample-logs/story.json")).expect("the story");
    let document = detect(&project("sample-logs"));
    for finding in document["findings"].as_array().expect("findings") {
        if ["high", "critical"].contains(&finding["severity"].as_str().expect("a word")) {
            let ids = finding["event_ids"].as_array().expect("ids");
            assert!(ids.iter().any(|id| story.contains(id.as_str().expect("text"))), "{finding}");
        }
    }
}
