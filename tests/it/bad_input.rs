//! Bad input gets one clear sentence and the right exit code.

use std::path::Path;

use crate::support::{Folder, Run, gzip, project, record, records, root_login, trailsift};

fn run(args: &[&str], source: &Path) -> Run {
    let mut all: Vec<std::ffi::OsString> = args.iter().map(Into::into).collect();
    all.insert(1, source.as_os_str().to_owned());
    trailsift(all)
}

/// Standard error is one line that begins with `error: ` and names all of `parts`.
fn one_sentence(run: &Run, parts: &[&str]) {
    let lines: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(lines.len(), 1, "{}", run.stderr);
    for part in parts {
        assert!(lines[0].contains(part), "{part:?} is not in {}", run.stderr);
    }
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn no_such_path() {
    for command in ["detect", "investigate"] {
        one_sentence(&trailsift([command, "no/such/folder"]).expect(2), &["no/such/folder", "no such file or directory"]);
    }
    one_sentence(&trailsift(["sql", "no/such/folder", "-c", "select 1"]).expect(2), &["no/such/folder"]);
}

#[test]
fn no_source_at_all_is_a_usage_error() {
    let run = trailsift(["detect"]).expect(2);
    assert!(run.stderr.contains("Usage"), "{}", run.stderr);
    let run = trailsift(["detect", "--min-severty", "high", "x"]).expect(2);
    assert!(run.stderr.contains("--min-severity"), "a near flag is suggested: {}", run.stderr);
}

#[test]
fn a_bucket_that_can_have_no_such_name_is_asked_for_nothing() {
    one_sentence(&trailsift(["detect", "s3://my bucket/prefix"]).expect(2), &["s3://my bucket/prefix"]);
}

#[test]
fn nothing_but_other_files() {
    let folder = Folder::new().with("a.txt", "hello").with("b.txt", "hello").with("keys.json", r#"{"PublicKeyList":[]}"#);
    let run = run(&["detect"], folder.path()).expect(2);
    one_sentence(
        &run,
        &["no CloudTrail logs under", "looked at 3 files", "2 not a log: not JSON", "1 not a log: JSON without CloudTrail's fields"],
    );
    let empty = Folder::new();
    one_sentence(&self::run(&["detect"], empty.path()).expect(2), &["no CloudTrail logs under", "looked at 0 files"]);
}

#[test]
fn one_of_a_thing_is_said_in_the_singular() {
    let folder = Folder::new().with("a.txt", "hello");
    one_sentence(&run(&["detect"], folder.path()).expect(2), &["(looked at 1 file: "]);
    let folder = Folder::new().with("cut.jsonl", format!("{}\n{{\"eventVersion\":\"1.08\"", record(1, |_| ())));
    let run = run(&["detect", "--allow-problems"], folder.path());
    assert!(run.stderr.contains("1 record before it was read"), "{}", run.stderr);
    assert!(run.stderr.contains("1 seen = 1 loaded + 0 duplicates"), "{}", run.stderr);
}

#[test]
fn an_empty_list_is_a_log() {
    let folder = Folder::new().with("a.json", r#"{"Records":[]}"#);
    run(&["detect"], folder.path()).expect(0);
}

#[test]
fn an_archive_says_how_to_unpack_it() {
    let folder = Folder::new().with("logs.zip", b"PK\x03\x04...");
    one_sentence(&run(&["detect"], folder.path()).expect(2), &["a zip archive", "unpack it first: unzip "]);
}

#[test]
fn an_archive_among_logs_is_named_without_being_asked() {
    let folder = Folder::new().with("a.json", records(1..=2)).with("b.zip", b"PK\x03\x04...").with("c.zip", b"PK\x03\x04...");
    let line = format!("2 not a log: a zip archive; unpack it first: unzip {}", folder.path().join("b.zip").display());
    for verbose in [&[][..], &["-v"], &["-vv"]] {
        let run = run(&[&["detect"], verbose].concat(), folder.path()).expect(0);
        assert_eq!(run.stderr.matches("unzip").count(), 1, "{}", run.stderr);
        assert!(run.stderr.contains(&format!("skipped  {line}\n")), "{}", run.stderr);
    }
    let out = Folder::new();
    let case = out.path().join("case");
    let run = run(&["investigate", "--wide", "--out", case.to_str().expect("UTF-8")], folder.path()).expect(0);
    assert!(run.stdout.contains(&line), "{}", run.stdout);
}

#[test]
fn tables_of_rules_are_not_lost_without_a_word() {
    let folder = Folder::new().with("a.json", root_login(1).to_string());
    for format in ["csv", "jsonl"] {
        let all = run(&["detect", "--format", format], folder.path()).expect(0);
        assert!(all.stderr.contains("of table rules not written: --format json has them"), "{}", all.stderr);
        let one = run(&["detect", "--format", format, "--only", "ROOT-025"], folder.path()).expect(0);
        assert!(!one.stderr.contains("not written"), "{}", one.stderr);
        assert!(one.stdout.contains("console_login") && !one.stdout.contains("rule_id"), "{}", one.stdout);
    }
    let json = run(&["detect", "--format", "json"], folder.path()).expect(0);
    assert!(!json.stderr.contains("not written"), "{}", json.stderr);
}

#[test]
fn a_list_without_rows_has_its_names() {
    let run = trailsift(["rules", "list", "--no-builtin", "--format", "csv"]).expect(0);
    assert_eq!(run.stdout, "id,severity,kind,title,source\n");
}

#[test]
#[cfg(unix)]
fn a_link_to_nowhere_is_not_replaced() {
    let folder = Folder::new().with("logs/a.json", records(1..=2));
    let (logs, link) = (folder.path().join("logs"), folder.path().join("out.json"));
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &link).expect("linked");
    let text = link.to_str().expect("UTF-8");
    one_sentence(&run(&["detect", "--format", "json", "-o", text], &logs).expect(2), &["out.json", "--force"]);
    assert!(link.is_symlink());
}

#[test]
fn damage_is_a_problem_and_the_rest_is_used() {
    let folder = Folder::new().with("good.json.gz", gzip(records(1..=3))).with("bad.json.gz", &gzip(records(4..=900))[..200]);
    let run = run(&["detect", "--format", "json"], folder.path()).expect(3);
    assert_eq!(run.json()["ledger"]["objects"]["problems"], 1);
    assert!(run.stderr.contains("bad.json.gz"), "{}", run.stderr);
    self::run(&["detect", "--allow-problems"], folder.path()).expect(0);
}

#[test]
fn a_finding_wins_over_a_problem() {
    let folder = Folder::new().with("root.json", root_login(1).to_string()).with("bad.json", "[{");
    run(&["detect"], folder.path()).expect(3);
    run(&["detect", "--fail-on", "critical"], folder.path()).expect(1);
    let quiet = Folder::new().with("a.json", records(1..=3));
    run(&["detect", "--fail-on", "info"], quiet.path()).expect(0);
}

#[test]
fn a_rule_that_does_not_parse_stops_before_reading() {
    let good = "id: X-001\ntitle: t\nseverity: high\nkind: single\nwhere: ok\nmessage: m\n";
    for (change, wanted) in [
        (good.replace("where: ok", "where: event_nme = 'x'"), vec!["X-001.yml", "5", "event_nme", "event_name"]),
        (good.replace("title: t", "titel: t"), vec!["X-001.yml", "titel"]),
        (good.replace("message: m\n", ""), vec!["X-001.yml", "message"]),
        (good.replace("kind: single", "kind: threshold"), vec!["X-001.yml"]),
        (good.replace("where: ok", "where: event_name ="), vec!["X-001.yml"]),
        ("id: [".to_owned(), vec!["X-001.yml"]),
        (good.replace("id: X-001", "id: ROOT-001"), vec!["ROOT-001"]),
    ] {
        let folder = Folder::new().with("X-001.yml", &change);
        let rule = folder.path().join("X-001.yml");
        // The source does not exist, and the rule is refused first all the same.
        let run = trailsift(["detect".as_ref(), "no/such/folder".as_ref(), "--rules".as_ref(), rule.as_os_str()]).expect(2);
        one_sentence(&run, &wanted);
        let logs = project("tests/rules/ROOT-001/hit.jsonl");
        let args = [
            "detect".as_ref(),
            logs.as_os_str(),
            "--rules".as_ref(),
            rule.as_os_str(),
            "--skip-bad-rules".as_ref(),
            "--format".as_ref(),
            "json".as_ref(),
        ];
        let document = trailsift(args).expect(0).json();
        let skipped = document["rules"].as_array().expect("rules").iter().filter(|rule| rule["status"] == "skipped").count();
        assert_eq!(skipped, 1, "{change}");
    }
}

#[test]
fn a_folder_without_rules_is_refused() {
    let folder = Folder::new().with("a.json", records(1..=1)).with("rules/readme.txt", "none here");
    let rules = folder.path().join("rules");
    let run = trailsift(["detect".as_ref(), folder.path().as_os_str(), "--rules".as_ref(), rules.as_os_str()]).expect(2);
    one_sentence(&run, &["no rule file"]);
}

#[test]
fn a_users_rule_runs_beside_the_pack() {
    let rule = "id: X-001\ntitle: Listing\nseverity: low\nkind: single\nfields: {prefix: requestParameters.prefix}\nwhere: event_stem = 'ListBuckets' and prefix is null\nmessage: \"{principal} listed\"\n";
    let folder = Folder::new().with("rules/X-001_listing.yml", rule).with("logs/a.json", records(1..=2));
    let (rules, logs) = (folder.path().join("rules"), folder.path().join("logs"));
    let args = [
        "detect".as_ref(),
        logs.as_os_str(),
        "--rules".as_ref(),
        rules.as_os_str(),
        "--no-builtin".as_ref(),
        "--format".as_ref(),
        "json".as_ref(),
    ];
    let document = trailsift(args).expect(0).json();
    assert_eq!(document["findings"].as_array().expect("findings").len(), 2);
    assert_eq!(document["findings"][0]["message"], "arn:aws:iam::111122223333:user/ops-oncall listed");
    assert!(document["findings"][0]["source"].as_str().expect("a path").ends_with("X-001_listing.yml"));
}

#[test]
fn hostile_text_is_shown_harmless_and_kept_exact() {
    let hostile = "\u{1b}[31mred\u{7}\u{202e}=1+1<script>alert(1)</script>\r\n";
    let folder = Folder::new().with("a.json", {
        let mut login = root_login(1);
        login["sourceIPAddress"] = hostile.into();
        login["userAgent"] = hostile.into();
        serde_json::json!([login, record(2, |record| record["userAgent"] = "=cmd|' /C calc'!A0".into())]).to_string()
    });
    let table = run(&["detect", "--wide"], folder.path()).expect(0);
    for output in [&table.stdout, &table.stderr] {
        assert!(!output.contains('\u{1b}') && !output.contains('\u{7}') && !output.contains('\u{202e}'), "{output:?}");
    }
    assert!(table.stdout.contains("\\u{1b}[31mred"), "{}", table.stdout);
    let json = run(&["detect", "--format", "json"], folder.path()).expect(0).json();
    assert_eq!(json["findings"][0]["source_ip_address"], hostile);
    let csv = run(&["sql", "-c", "select user_agent from events order by record_index desc", "--format", "csv"], folder.path()).expect(0);
    assert!(csv.stdout.starts_with("user_agent\n'=cmd|"), "{}", csv.stdout);
}

#[test]
fn an_output_that_exists_is_not_replaced() {
    let folder = Folder::new().with("logs/a.json", records(1..=2)).with("out.json", "mine");
    let (logs, out) = (folder.path().join("logs"), folder.path().join("out.json"));
    let out_text = out.to_str().expect("UTF-8");
    one_sentence(&run(&["detect", "--format", "json", "-o", out_text], &logs).expect(2), &["out.json", "--force"]);
    assert_eq!(std::fs::read_to_string(&out).expect("still there"), "mine");
    let forced = run(&["detect", "--format", "json", "-o", out_text, "--force"], &logs).expect(0);
    assert_eq!(forced.stdout, "");
    assert!(std::fs::read_to_string(&out).expect("written").starts_with("{\"schema\":\"trailsift.detect/1\""));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_said_in_a_sentence() {
    let folder = Folder::new().with("a.json", records(1..=2));
    let run = run(&["detect", "--format", "json", "-o", "/dev/full", "--force"], folder.path()).expect(2);
    one_sentence(&run, &["/dev/full", "space"]);
}

#[test]
fn values_of_flags_that_make_no_sense() {
    let folder = Folder::new().with("a.json", records(1..=2));
    for (args, part) in [
        (&["detect", "--since", "yesterdayish"][..], "yesterdayish"),
        (&["detect", "--fail-on", "terrible"][..], "terrible"),
        (&["detect", "--only", "ROOT-999"][..], "ROOT-999"),
        (&["detect", "--set", "ROOT-004.wthin=5m"][..], "ROOT-004"),
        (&["detect", "--since", "2026-03-02", "--until", "2026-03-01"][..], "--until"),
    ] {
        let run = run(args, folder.path()).expect(2);
        assert!(run.stderr.contains(part) && run.stderr.contains("error: "), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn filters_are_half_open_and_counted() {
    let folder = Folder::new().with("a.json", records(0..=9));
    let args = ["detect", "--format", "json", "--since", "2026-03-01T08:00:02Z", "--until", "2026-03-01T08:00:05Z"];
    let document = run(&args, folder.path()).expect(0).json();
    crate::support::check_ledger(&document);
    assert_eq!(document["ledger"]["records"]["loaded"], 3);
    assert_eq!(document["ledger"]["filtered"]["records"], 7);
    let document = run(&["detect", "--format", "json", "--account", "999988887777"], folder.path()).expect(0).json();
    assert_eq!(document["ledger"]["filtered"]["records"], 10);
    let none = run(&["detect", "--account", "999988887777"], folder.path()).expect(0);
    assert!(none.stderr.contains("no record passed the filters"), "{}", none.stderr);
    let document = run(&["detect", "--format", "json", "--region", "eu-west-1", "--region", "us-east-1"], folder.path()).expect(0).json();
    assert_eq!(document["ledger"]["records"]["loaded"], 10);
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let binary = env!("CARGO_BIN_EXE_trailsift");
    let logs = project("sample-logs");
    let script = format!(
        "'{binary}' sql '{}' -c 'select * from events' --format jsonl -q | head -n 1 | wc -l; echo ${{PIPESTATUS[0]}}",
        logs.display()
    );
    let output = std::process::Command::new("bash").args(["-c", &script]).output().expect("bash");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1\n0\n", "{}", String::from_utf8_lossy(&output.stderr));
}
