//! Every rule that judges calls one by one against a predicate over plain JSON values, written from the catalogue's wording.
//!
//! Nothing of the program is used on the plain side: no column, no condition, no reader. An API that the catalogue names
//! means the API of its service, as other services have APIs of the same name.

mod evade;
mod iam;
mod mfa;
mod plain;
mod policy;
mod root;
mod session;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use crate::support::{Folder, detect_with, project, shared, trailsift};
use plain::{Log, text};

/// Whether a rule finds a record.
type Matches = fn(&Value, &Log) -> bool;

/// A rule's id, and what it finds.
type Rule = (&'static str, Matches);

/// Where a rule is not what the catalogue says, on purpose: rule, event id, which side finds it, and why.
const MEANT: &[(&str, &str, Side, &str)] = &[
    ("IAM-002", "06d18955-7802-4be9-85d7-ed280e836b41", Side::Plain, NO_TIME),
    ("IAM-002", "2963ff4d-335f-4037-bac6-658219ebe8ab", Side::Plain, NO_TIME),
    ("IAM-002", "3e382f79-949d-4143-bf72-98aa9c1e6fda", Side::Plain, NO_TIME),
    ("IAM-002", "4c4b62d4-73bc-4eda-bac9-888002c8b24e", Side::Plain, NO_TIME),
    ("IAM-002", "4f19e51b-3bd5-42c0-bb8f-d4a47d37713d", Side::Plain, NO_TIME),
    ("IAM-002", "5ea5f2dc-57e5-4a24-a39e-15ed619a3b71", Side::Plain, NO_TIME),
    ("IAM-002", "64fbb504-9a96-44b0-9241-59a2505fa348", Side::Plain, NO_TIME),
    ("IAM-002", "8157e7c3-468d-4e2e-8b1b-f17992d9cd0e", Side::Plain, NO_TIME),
    ("IAM-002", "81974573-32a0-4d0b-bdc8-7c8442a23647", Side::Plain, NO_TIME),
    ("IAM-002", "824e98dc-94b3-4d9c-a55b-85b1ca62526f", Side::Plain, NO_TIME),
    ("IAM-002", "bbe430c0-6323-47f0-a26e-b072373e973f", Side::Plain, NO_TIME),
    ("IAM-002", "eb18f42f-fc80-40ba-9585-4c06bebdb1bb", Side::Plain, NO_TIME),
    ("IAM-004", "70412519-c130-48ca-8fd6-8c544f72304f", Side::Plain, ALIAS),
    ("IAM-004", "3007190c-b75f-451c-838c-dd44a9228fd7", Side::Plain, NO_TYPE),
    ("IAM-004", "7b062aa1-dcfe-4bb1-9130-037cd8cf1273", Side::Plain, NO_TYPE),
    ("IAM-010", "ced39a6a-0654-4da6-b32f-76c3d40f9cb4", Side::Rule, ALIAS),
    ("IAM-014", "68ad7561-d092-4a53-ac23-cdb55fd19f56", Side::Rule, ALIAS),
    ("IAM-027", "94eae280-ba3b-4628-8225-6ce27b81d58b", Side::Rule, OLD_CONSOLE),
    ("IAM-027", "c46c4dac-5012-433c-924b-3a0bbcd28f94", Side::Rule, OLD_CONSOLE),
    ("IAM-027", "f80879a9-98f3-4164-ae37-e205d61d672f", Side::Rule, OLD_CONSOLE),
];

const ALIAS: &str = "the userName of root is the account's alias, and a user of that name is somebody else";
const NO_TIME: &str = "a call without a time has no place in the replay that the rule's table is made by";
const NO_TYPE: &str = "an identity of no known type is neither a user nor a role";
const OLD_CONSOLE: &str = "invokedBy signin.amazonaws.com is a person in the console of 2013 to 2019, and no service";

/// Who finds an event that the other side does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Rule,
    Plain,
}

fn rules() -> BTreeMap<&'static str, Matches> {
    [root::RULES, mfa::RULES, iam::RULES, evade::RULES].concat().into_iter().collect()
}

/// Rules over the table of calls, with a finding for each.
const OF_CALLS: [&str; 1] = ["IAM-002"];

/// How often each event id is found; records without one are counted together.
type Found = BTreeMap<String, usize>;

const NO_ID: &str = "(no event id)";

fn found_by_rules(document: &Value) -> BTreeMap<String, Found> {
    let mut found: BTreeMap<String, Found> = BTreeMap::new();
    for finding in document["findings"].as_array().expect("findings") {
        let of_rule = found.entry(finding["rule_id"].as_str().expect("an id").to_owned()).or_default();
        for evidence in finding["evidence"].as_array().expect("evidence") {
            *of_rule.entry(evidence["event_id"].as_str().unwrap_or(NO_ID).to_owned()).or_default() += 1;
        }
    }
    found
}

fn found_plainly(log: &Log, matches: Matches) -> Found {
    let mut found = Found::new();
    // Insights events take part in no detection.
    for event in log.events.iter().filter(|event| event["eventCategory"] != "Insight" && matches(event, log)) {
        let id = text(event, "/eventID").filter(|id| !id.is_empty()).unwrap_or_else(|| NO_ID.to_owned());
        *found.entry(id).or_default() += 1;
    }
    found
}

/// What came of a comparison.
#[derive(Debug, Default)]
struct Compared {
    /// How many events each rule found.
    hits: BTreeMap<&'static str, usize>,
    /// Where the sides differ and are not meant to, or do not differ and are meant to.
    surprises: BTreeSet<(&'static str, String, Side)>,
}

impl Compared {
    /// Checks that there is no surprise, and yields the rules that found something.
    fn rules_with_hits(self) -> BTreeSet<&'static str> {
        assert_eq!(self.surprises, BTreeSet::new());
        self.hits.into_iter().filter(|(_, hits)| *hits > 0).map(|(id, _)| id).collect()
    }
}

/// Runs rules on a folder both ways; all of them where none is named.
fn compare(root: &Path, only: &[&str]) -> Compared {
    let log = Log::read(root);
    let args: Vec<&str> = only.iter().flat_map(|id| ["--only", *id]).collect();
    let document = detect_with(root, &args);
    assert_eq!(document["ledger"]["records"]["loaded"], log.events.len(), "{}: both sides read the same records", root.display());
    let by_rules = found_by_rules(&document);
    let known: BTreeSet<String> = log.events.iter().filter_map(|event| text(event, "/eventID")).collect();
    let mut compared = Compared::default();
    for (id, matches) in rules().into_iter().filter(|(id, _)| only.is_empty() || only.contains(id)) {
        let none = Found::new();
        let (rule, plain) = (by_rules.get(id).unwrap_or(&none), found_plainly(&log, matches));
        let mut differences = BTreeSet::new();
        for event in rule.keys().chain(plain.keys()) {
            let count = |found: &Found| found.get(event).copied().unwrap_or_default();
            if count(rule) != count(&plain) {
                let side = if count(rule) > count(&plain) { Side::Rule } else { Side::Plain };
                differences.insert((id, event.clone(), side));
            }
        }
        let meant = MEANT.iter().filter(|(of, event, ..)| *of == id && known.contains(*event));
        let meant: BTreeSet<_> = meant.map(|(_, event, side, _)| (id, (*event).to_owned(), *side)).collect();
        compared.surprises.extend(differences.symmetric_difference(&meant).cloned());
        compared.hits.insert(id, rule.values().sum());
    }
    compared
}

#[test]
fn every_single_rule_has_its_plain_predicate() {
    let listed = trailsift(["rules", "list", "--format", "json"]).expect(0).json();
    let singles: BTreeSet<&str> = listed["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .filter(|row| row["kind"] == "single" || OF_CALLS.contains(&row["id"].as_str().expect("an id")))
        .map(|row| row["id"].as_str().expect("an id"))
        .collect();
    assert_eq!(rules().into_keys().collect::<BTreeSet<_>>(), singles);
    for (id, event, _, reason) in MEANT {
        assert!(singles.contains(id) && !reason.is_empty(), "{id} {event}");
    }
}

#[test]
fn each_rule_agrees_on_its_own_samples_and_has_a_hit_there() {
    let mut all = Compared::default();
    for id in rules().into_keys() {
        let compared = compare(&project("tests/rules").join(id), &[id]);
        all.hits.extend(compared.hits);
        all.surprises.extend(compared.surprises);
    }
    assert_eq!(all.rules_with_hits(), rules().into_keys().collect());
}

/// What is a near miss for one rule may be a hit for another.
#[test]
fn all_rules_agree_on_the_samples_of_all() {
    assert_eq!(compare(&project("tests/rules"), &[]).rules_with_hits(), rules().into_keys().collect());
}

#[test]
fn all_rules_agree_on_the_sample_logs() {
    let with_hits = compare(&project("sample-logs"), &[]).rules_with_hits();
    assert!(with_hits.len() >= 8, "{with_hits:?}");
}

#[test]
fn all_rules_agree_on_all_real_data() {
    let Some(root) = shared("data/real") else { return };
    let wanted = [
        "EVADE-001",
        "IAM-001",
        "IAM-002",
        "IAM-003",
        "IAM-004",
        "IAM-008",
        "IAM-010",
        "IAM-016",
        "IAM-027",
        "IAM-030",
        "MFA-001",
        "MFA-008",
        "ROOT-001",
        "ROOT-002",
        "ROOT-003",
        "ROOT-006",
        "ROOT-007",
        "ROOT-020",
    ];
    assert_eq!(compare(&root, &[]).rules_with_hits(), wanted.into());
}

/// Events of other people's rule tests, which are odder than logs; each stands in its test, where no reader looks for it.
#[test]
fn all_rules_agree_on_the_events_of_panthers_tests() {
    let Some(tests) = crate::panther::tests() else { return };
    let lines: String = tests.iter().map(|test| test["event"].to_string() + "\n").collect();
    let folder = Folder::new().with("events.jsonl", lines);
    let with_hits = compare(folder.path(), &[]).rules_with_hits();
    assert!(with_hits.len() >= 8, "{with_hits:?}");
}
