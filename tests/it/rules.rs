//! Each rule of the pack on its own samples: hits, near misses, hostile records.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::support::{Folder, check_ledger, detect_with, findings, project, shared, trailsift};

/// The ids of all built-in rules, with their kinds.
fn rules() -> Vec<(String, String)> {
    let listed = trailsift(["rules", "list", "--format", "json"]).expect(0).json();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    listed["rows"].as_array().expect("rows").iter().map(|row| (text(&row["id"]), text(&row["kind"]))).collect()
}

fn samples(id: &str) -> PathBuf {
    project("tests/rules").join(id)
}

fn expected(id: &str) -> Value {
    let path = samples(id).join("expected.json");
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).expect("JSON")
}

/// The rule alone on a file, with the baseline and the parameters that its samples ask for; with the snapshots among
/// them, where there are some, which only `investigate` takes.
fn run(id: &str, file: &Path) -> Value {
    let wanted = expected(id);
    let snapshots = [("--baseline", "baseline.json"), ("--after", "after.json")].map(|(flag, name)| (flag, samples(id).join(name)));
    if snapshots.iter().any(|(_, path)| path.exists()) {
        let folder = Folder::new();
        let (out, file) = (folder.path().join("case"), file.to_owned());
        let mut args: Vec<OsString> =
            ["investigate", "--only", id, "--format", "json", "--allow-problems", "--out"].map(Into::into).to_vec();
        args.extend([out.into(), file.into()]);
        args.extend(snapshots.into_iter().filter(|(_, path)| path.exists()).flat_map(|(flag, path)| [flag.into(), path.into()]));
        return trailsift(args).expect(0).json();
    }
    let mut args = vec!["--only", id];
    args.extend(wanted["baseline"].as_str().into_iter().flat_map(|until| ["--baseline-until", until]));
    args.extend(wanted["set"].as_str().into_iter().flat_map(|setting| ["--set", setting]));
    detect_with(file, &args)
}

/// The texts of a list, in the order of the alphabet and each once.
fn words(list: &Value) -> BTreeSet<String> {
    serde_json::from_value(list.clone()).unwrap_or_else(|error| panic!("{error}: {list}"))
}

#[test]
fn hits_hit_and_near_misses_and_hostile_records_do_not() {
    let rules = rules();
    assert!(rules.len() >= 29, "{rules:?}");
    for (id, kind) in rules.iter().filter(|(_, kind)| kind != "table") {
        let wanted: Vec<BTreeSet<String>> = serde_json::from_value(expected(id)["event_ids"].clone()).expect("lists of ids");
        let found: Vec<BTreeSet<String>> =
            findings(&run(id, &samples(id).join("hit.jsonl"))).into_iter().map(|(_, ids)| ids.into_iter().collect()).collect();
        for group in &wanted {
            assert!(found.contains(group), "{id} ({kind}) has no finding of {group:?}, only {found:?}");
        }
        assert_eq!(found.len(), wanted.len(), "{id}: {found:?}");
        for file in ["miss.jsonl", "hostile.jsonl"] {
            let document = run(id, &samples(id).join(file));
            assert_eq!(findings(&document), [], "{id} on {file}");
            let records = &document["ledger"]["records"];
            assert!(records["seen"].as_u64() >= Some(3), "{id}: {file} is too thin");
        }
    }
}

#[test]
fn downloads_of_the_event_history_are_near_misses_too() {
    let mut tried = BTreeSet::new();
    for (id, _) in rules() {
        let file = samples(&id).join("miss.csv");
        if !file.exists() {
            continue;
        }
        let header = std::fs::read_to_string(&file).expect("UTF-8").lines().next().map(|line| line.split(',').count());
        assert_eq!(header, Some(16), "{id}");
        let document = run(&id, &file);
        assert_eq!(findings(&document), [], "{id} on miss.csv");
        let records = &document["ledger"]["records"];
        assert!(records["loaded"].as_u64() >= Some(1) && records["loaded"] == records["seen"], "{id}: {records}");
        tried.insert(id);
    }
    for id in ["MFA-007", "ROOT-006", "ROOT-008", "ROOT-009", "ROOT-021"] {
        assert!(tried.contains(id), "{id} has no miss.csv");
    }
}

/// What the catalogue says of a rule, against the rule and against the findings on its hits.
#[test]
fn severity_attack_and_cis_are_those_of_the_catalogue() {
    let list = |id: &str| trailsift(["rules", "explain", id, "--format", "json"]).expect(0).json()["rows"][0].clone();
    for (id, kind) in rules() {
        let wanted = expected(&id);
        for key in ["severity", "attack", "cis"] {
            assert!(wanted.get(key).is_some(), "{id}: `{key}` is not in expected.json");
        }
        let rule = list(&id);
        for key in ["attack", "cis"] {
            assert_eq!(words(&rule[key]), words(&wanted[key]), "{key} of {id}");
        }
        let found: BTreeSet<String> = if kind == "table" {
            [rule["severity"].as_str().expect("a word").to_owned()].into()
        } else {
            let document = run(&id, &samples(&id).join("hit.jsonl"));
            let findings = document["findings"].as_array().expect("findings");
            for finding in findings {
                assert_eq!((&finding["attack"], &finding["cis"]), (&rule["attack"], &rule["cis"]), "{id}");
            }
            findings.iter().map(|finding| finding["severity"].as_str().expect("a word").to_owned()).collect()
        };
        assert_eq!(found, words(&wanted["severity"]), "severity of {id}");
    }
}

#[test]
fn table_rules_give_their_rows() {
    for (id, _) in rules().iter().filter(|(_, kind)| kind == "table") {
        let document = run(id, &samples(id).join("input.jsonl"));
        assert_eq!(document["tables"][id], expected(id)["rows"], "{id}");
    }
}

#[test]
fn severities_that_depend_on_the_event() {
    let document = run("ROOT-016", &samples("ROOT-016").join("hit.jsonl"));
    let mut severities: Vec<&str> =
        document["findings"].as_array().expect("findings").iter().map(|finding| finding["severity"].as_str().expect("a word")).collect();
    severities.sort_unstable();
    assert_eq!(severities, ["high", "high", "medium"]);
}

/// The rules that look at several events; the others judge each event by itself.
#[test]
fn shuffled_lines_give_the_same_findings() {
    let mut tried = 0;
    for (id, _) in rules().iter().filter(|(_, kind)| ["threshold", "sequence", "first-seen", "state"].contains(&kind.as_str())) {
        let text = std::fs::read_to_string(samples(id).join("hit.jsonl")).expect("samples");
        let mut lines: Vec<&str> = text.lines().collect();
        lines.reverse();
        lines.rotate_left(2);
        let folder = Folder::new().with("shuffled.jsonl", lines.join("\n"));
        // Findings of one moment stand in the order of their places, which the lines have changed.
        let found = |document: &Value| findings(document).into_iter().collect::<BTreeSet<_>>();
        let wanted = found(&run(id, &samples(id).join("hit.jsonl")));
        assert!(!wanted.is_empty(), "{id}");
        assert_eq!(wanted, found(&run(id, &folder.path().join("shuffled.jsonl"))), "{id}");
        tried += 1;
    }
    assert!(tried >= 20, "{tried}");
}

/// Of every window the samples hold what just fits and what misses by a second: with a window that is a second
/// shorter or longer, the answers are others.
#[test]
fn the_samples_stand_on_both_edges_of_every_window() {
    let mut tried = 0;
    for (id, _) in rules().iter().filter(|(_, kind)| ["threshold", "sequence"].contains(&kind.as_str())) {
        for (name, seconds) in windows(id) {
            let found = |file: &str, seconds: u64| {
                let setting = format!("{id}.{name}={seconds}s");
                findings(&detect_with(&samples(id).join(file), &["--only", id, "--set", &setting]))
            };
            for file in ["hit.jsonl", "miss.jsonl"] {
                // What has to be absent is the other way round: the longer the window, the fewer findings.
                let other = if (file == "hit.jsonl") == (name == "within") { seconds - 1 } else { seconds + 1 };
                assert_ne!(found(file, seconds), found(file, other), "{id} has nothing at the edge of {name} in {file}");
            }
            tried += 1;
        }
    }
    assert!(tried >= 16, "{tried}");
}

/// The windows of a rule by the names of their parameters, in seconds, as its file says.
fn windows(id: &str) -> Vec<(&'static str, u64)> {
    let family = project("queries").join(id.split('-').next().expect("a family").to_ascii_lowercase());
    let is_of_rule = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{id}_")));
    let file = std::fs::read_dir(family).expect("rules").map(|entry| entry.expect("an entry").path()).find(is_of_rule).expect("its file");
    let text = std::fs::read_to_string(file).expect("UTF-8");
    let keys = [("within: ", "within"), ("  within: ", "absent.within"), ("  before: ", "absent.before")];
    let window = |line: &str| {
        let (name, span) = keys.iter().find_map(|(key, name)| Some((*name, line.strip_prefix(key)?)))?;
        let (number, unit) = span.split_at(span.len() - 1);
        let unit = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)].into_iter().find(|(name, _)| *name == unit).expect("a unit").1;
        Some((name, number.parse::<u64>().expect("a number") * unit))
    };
    text.lines().filter_map(window).collect()
}

#[test]
fn every_rule_runs_on_all_real_data_and_says_so() {
    let Some(root) = shared("data/real") else { return };
    let document = detect_with(&root, &["--baseline-until", "2020-01-01T00:00:00Z"]);
    check_ledger(&document);
    let statuses = document["rules"].as_array().expect("rules");
    assert_eq!(statuses.len(), rules().len());
    let limited: Vec<&Value> = statuses.iter().filter(|status| status["status"] != "run").collect();
    // Few of these accounts have events from before that day.
    let [first_use] = limited[..] else { panic!("{limited:?}") };
    assert_eq!((&first_use["id"], &first_use["status"]), (&"ROOT-024".into(), &"degraded".into()));
    assert!(first_use["reason"].as_str().is_some_and(|reason| reason.starts_with("insufficient baseline: ")), "{first_use}");
    let total: u64 = statuses.iter().map(|status| status["findings"].as_u64().expect("a number")).sum();
    assert_eq!(total, document["findings"].as_array().expect("findings").len() as u64);
}
