//! The case that `investigate` writes.

use std::path::Path;

use serde_json::Value;

use crate::support::{Folder, Run, project, record, root_login, trailsift};

fn investigate(source: &Path, out: &Path, more: &[&str]) -> Run {
    let mut args = vec!["investigate".into(), source.as_os_str().to_owned(), "--out".into(), out.as_os_str().to_owned()];
    args.extend(more.iter().map(Into::into));
    trailsift(args)
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_case_holds_findings_their_raw_evidence_and_a_manifest() {
    let mut login = root_login(7);
    login["responseElements"]["credentials"] = serde_json::json!({"sessionToken": "SECRET-TOKEN"});
    let folder = Folder::new().with("logs/a.json", serde_json::json!([record(1, |_| ()), login]).to_string()).with("logs/bad.json", "[{");
    let out = folder.path().join("case");
    let run = investigate(&folder.path().join("logs"), &out, &[]).expect(3);
    assert!(run.stdout.contains("nothing is proven"), "integrity is not claimed: {}", run.stdout);

    let findings = lines(&out.join("findings.jsonl"));
    assert_eq!(findings.iter().map(|finding| finding["rule_id"].as_str().expect("id")).collect::<Vec<_>>(), ["ROOT-001", "ROOT-002"]);
    let evidence = lines(&out.join("evidence.jsonl"));
    assert_eq!(evidence.len(), 1);
    assert_eq!(evidence[0]["record_index"], 1);
    assert_eq!(evidence[0]["rules"], serde_json::json!(["ROOT-001", "ROOT-002"]));
    let raw = evidence[0]["raw"].as_str().expect("text");
    assert!(raw.contains("\"MFAUsed\":\"No\"") && !raw.contains("SECRET-TOKEN"), "{raw}");
    let offset = evidence[0]["offset"].as_u64().expect("a number") as usize;
    let file = std::fs::read_to_string(folder.path().join("logs/a.json")).expect("the log");
    assert!(file[offset..].starts_with("{\"eventVersion\""), "the offset leads to the record");
    let problems = lines(&out.join("problems.jsonl"));
    assert_eq!(problems.len(), 1);

    let manifest: Value = serde_json::from_str(&std::fs::read_to_string(out.join("case.json")).expect("a manifest")).expect("JSON");
    assert_eq!(manifest["schema"], "trailsift.case/1");
    assert_eq!(manifest["ledger"]["records"]["loaded"], 2);
    let text = manifest.to_string();
    // SHA-256 of the inflated bytes of each object stands in the manifest.
    let hash = trailsift::source::sha256_hex(file.as_bytes());
    assert!(text.contains(&hash), "{text}");
}

#[test]
fn an_existing_case_is_kept_unless_forced() {
    let folder = Folder::new().with("logs/a.json", root_login(1).to_string());
    let (logs, out) = (folder.path().join("logs"), folder.path().join("case"));
    investigate(&logs, &out, &[]).expect(0);
    let run = investigate(&logs, &out, &[]).expect(2);
    assert!(run.stderr.contains("--force"), "{}", run.stderr);
    investigate(&logs, &out, &["--force"]).expect(0);
    // A folder that is no case is never replaced.
    let mine = folder.path().join("mine");
    std::fs::create_dir(&mine).expect("a folder");
    std::fs::write(mine.join("letter.txt"), "dear").expect("a file");
    investigate(&logs, &mine, &["--force"]).expect(2);
    assert!(mine.join("letter.txt").exists());
}

#[test]
fn evidence_is_never_replaced_by_the_case() {
    let folder = Folder::new().with("ev/a.json", root_login(1).to_string()).with("ev/case.json", r#"{"title":"x"}"#);
    let ev = folder.path().join("ev");
    for (source, out, part) in [(&ev, &ev, "--force"), (&ev.join("a.json"), &ev, "--force")] {
        let run = investigate(source, out, &["--force"]).expect(2);
        assert!(run.stderr.contains(part) && run.stderr.contains("not replaced"), "{}", run.stderr);
    }
    // Also where it would pass for a case.
    folder.write("ev/case.json", r#"{"schema":"trailsift.case/1","outputs":[{"name":"a.json"}]}"#);
    for source in [&ev, &ev.join("a.json")] {
        let run = investigate(source, &ev, &["--force"]).expect(2);
        assert!(run.stderr.contains("--out") && run.stderr.contains("holds the source"), "{}", run.stderr);
    }
    assert!(ev.join("a.json").exists());
    // And a case to which something was added is kept.
    let (logs, out) = (folder.write("logs/a.json", root_login(1).to_string()), folder.path().join("case"));
    investigate(&logs, &out, &[]).expect(0);
    folder.write("case/notes.txt", "mine");
    let run = investigate(&logs, &out, &["--force"]).expect(2);
    assert!(run.stderr.contains("notes.txt"), "{}", run.stderr);
    assert!(out.join("notes.txt").exists());
}

#[test]
fn a_run_that_fails_leaves_nothing_behind() {
    let folder = Folder::new().with("logs/a.txt", "no log");
    investigate(&folder.path().join("logs"), &folder.path().join("case"), &[]).expect(2);
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left, ["logs"]);
}

#[test]
fn the_case_holds_what_min_severity_does_not_show() {
    let folder = Folder::new();
    let out = folder.path().join("case");
    let document = investigate(&project("sample-logs"), &out, &["--format", "json", "--min-severity", "critical"]).expect(3).json();
    let sum = |rules: &Value| rules.as_array().expect("rules").iter().filter_map(|rule| rule["findings"].as_u64()).sum::<u64>();
    let shown = document["findings"].as_array().expect("findings").len() as u64;
    assert_eq!(sum(&document["rules"]), shown);
    assert_eq!(document["tables"], serde_json::json!({}));
    let manifest: Value = serde_json::from_str(&std::fs::read_to_string(out.join("case.json")).expect("a manifest")).expect("JSON");
    let findings = lines(&out.join("findings.jsonl"));
    assert!(findings.len() as u64 > shown);
    assert_eq!(sum(&manifest["rules"]), findings.len() as u64);
    let rules = |lines: &[Value], key: &str| lines.iter().map(|line| line[key].to_string()).collect::<Vec<_>>().concat();
    let evidence = rules(&lines(&out.join("evidence.jsonl")), "rules");
    assert!(findings.iter().all(|finding| evidence.contains(&finding["rule_id"].to_string())));
}

#[test]
#[cfg(unix)]
fn an_interrupted_run_leaves_nothing_and_ends_with_130() {
    for signal in ["INT", "TERM"] {
        let folder = Folder::new();
        let mut run = std::process::Command::new(env!("CARGO_BIN_EXE_trailsift"))
            .args(["investigate", "-", "--out", "case"])
            .current_dir(folder.path())
            .stdin(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        let lock = folder.path().join("case.lock");
        while std::fs::read_to_string(&lock).unwrap_or_default().is_empty() {
            assert_eq!(run.try_wait().expect("a child"), None);
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        // The lock is noted a moment after it is written.
        std::thread::sleep(std::time::Duration::from_millis(100));
        let kill = std::process::Command::new("kill").args([format!("-{signal}"), run.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        assert_eq!(run.wait().expect("a child").code(), Some(130), "{signal}");
        assert!(std::fs::read_dir(folder.path()).expect("a folder").next().is_none());
    }
}

#[test]
fn a_case_among_logs_spoils_none_and_answers_alone() {
    let folder = Folder::new().with("logs/a.json", root_login(1).to_string());
    let logs = folder.path().join("logs");
    let out = logs.join("case");
    investigate(&logs, &out, &[]).expect(0);
    let document = crate::support::detect(&logs);
    assert_eq!(document["ledger"]["skipped"][0]["reason"], "not a log: part of a case folder");
    assert_eq!(document["ledger"]["records"]["seen"], 1, "evidence is no log");
    assert_eq!(document["ledger"]["objects"]["problems"], 0);
    assert_eq!(crate::support::detect(&out)["ledger"]["records"]["loaded"], 1);
    // But not as one source among others.
    let more = folder.write("more.json", root_login(2).to_string());
    let run = trailsift(["detect".as_ref(), out.as_os_str(), more.as_os_str()]).expect(2);
    assert!(run.stderr.contains("a case folder") && run.stderr.contains("give it alone"), "{}", run.stderr);
}

#[test]
fn the_second_run_on_a_case_names_the_first() {
    let folder = Folder::new().with("logs/a.json", root_login(1).to_string());
    let (logs, out) = (folder.path().join("logs"), folder.path().join("case"));
    let lock = std::fs::File::create(folder.path().join("case.lock")).expect("a lock");
    lock.try_lock().expect("free");
    std::io::Write::write_all(&mut &lock, b"process 4242, since 2026-03-01T00:00:00Z").expect("written");
    let run = investigate(&logs, &out, &[]).expect(2);
    assert!(run.stderr.contains("4242"), "{}", run.stderr);
    drop(lock);
    investigate(&logs, &out, &[]).expect(0);
}

#[test]
fn the_document_has_every_part_and_calls_nothing_valid_without_keys() {
    let folder = Folder::new();
    let out = folder.path().join("case");
    let document = investigate(&project("sample-logs"), &out, &["--format", "json"]).expect(3).json();
    for key in ["schema", "ledger", "integrity", "completeness", "drift", "findings", "tables", "rules", "suppressed"] {
        assert!(document.get(key).is_some(), "{key}");
    }
    assert_eq!(document["integrity"]["trust"], serde_json::json!([]));
    assert_eq!((&document["drift"]["contradictions"], &document["drift"]["unexplained"]), (&0.into(), &0.into()));
    assert!(document["drift"]["items"].as_array().is_some_and(|items| items.len() > 20));
    for finding in document["findings"].as_array().expect("findings") {
        for evidence in finding["evidence"].as_array().expect("evidence") {
            let word = evidence["integrity"].as_str().expect("a word");
            assert!(["unverified", "undigested", "invalid"].contains(&word), "{word}");
        }
    }
}
