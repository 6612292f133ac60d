//! `drift`: how identities changed, from logs and from a case.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trailsift::iam::policy::PolicyDocument;

use crate::support::{Folder, Run, check_ledger, gzip, project, record, shared, sql, trailsift};

/// A case's records as log files, one each, with the files that they are compared with, and the flags for those.
struct Scene {
    folder: Folder,
    flags: Vec<OsString>,
}

impl Scene {
    fn new(case: &Value) -> Self {
        let folder = Folder::new();
        let mut flags: Vec<OsString> = Vec::new();
        for (number, event) in case["events"].as_array().expect("a list").iter().enumerate() {
            let records = json!({"Records": [event]}).to_string();
            folder.write(&format!("logs/{number:03}.json.gz"), gzip(records));
        }
        for (name, flag) in [("baseline", "--baseline"), ("snapshot_after", "--after"), ("approved_changes", "--approved")] {
            if let Some(value) = case.get(name) {
                flags.extend([flag.into(), folder.write(&format!("{name}.json"), value.to_string()).into_os_string()]);
            }
        }
        if let Some(t0) = case.get("t0") {
            flags.extend(["--at".into(), t0.as_str().expect("a time").into()]);
        }
        if let Some(accounts) = case.get("trusted_accounts") {
            let accounts: Vec<&str> =
                accounts.as_array().expect("a list").iter().map(|account| account.as_str().expect("a text")).collect();
            flags.extend(["--trusted-accounts".into(), accounts.join(",").into()]);
        }
        Self { folder, flags }
    }

    fn logs(&self) -> PathBuf {
        self.folder.path().join("logs")
    }

    /// `drift` over those sources, with this scene's flags and more.
    fn drift(&self, sources: &[PathBuf], more: &[&str]) -> Run {
        let mut args: Vec<OsString> = vec!["drift".into()];
        args.extend(sources.iter().map(|source| source.clone().into_os_string()));
        args.extend(self.flags.iter().cloned());
        args.extend(more.iter().map(Into::into));
        trailsift(args)
    }

    fn document(&self) -> Value {
        let document = self.drift(&[self.logs()], &["--format", "json"]).expect(0).json();
        check_ledger(&document);
        document
    }

    /// Makes a case of the logs.
    fn investigate(&self) -> PathBuf {
        let case = self.folder.path().join("case");
        let mut args: Vec<OsString> =
            vec!["investigate".into(), self.logs().into_os_string(), "--out".into(), case.clone().into_os_string()];
        args.extend(self.flags.iter().cloned());
        trailsift(args).expect(0);
        case
    }
}

/// The cases of a folder, in the order of their names.
fn cases(folder: &Path) -> Vec<Value> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).expect("cases").map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.iter().map(|file| serde_json::from_str(&std::fs::read_to_string(file).expect("UTF-8")).expect("JSON")).collect()
}

fn case(name: &str) -> Value {
    let all = cases(&project("src/iam/drift/cases"));
    all.into_iter().find(|case| case["name"] == name).unwrap_or_else(|| panic!("no case {name}"))
}

/// The eight fields of an item, with documents in their canonical form.
fn eight(item: &Value) -> String {
    let value = |name: &str| match &item[name] {
        Value::Object(_) => {
            PolicyDocument::parse(&item[name].to_string()).map_or_else(|_| item[name].to_string(), |document| document.canonical())
        }
        other => other.to_string(),
    };
    ["entity", "kind", "attribute", "before", "after", "actor_arn", "event_id", "risk"].map(value).join(" | ")
}

fn lines(items: &Value) -> Vec<String> {
    let mut lines: Vec<String> = items.as_array().expect("items").iter().map(eight).collect();
    lines.sort_unstable();
    lines
}

fn check(case: &Value) {
    let found = Scene::new(case).document();
    assert_eq!(lines(&found["items"]), lines(&case["expected"]), "{}", case["name"]);
    let items = found["items"].as_array().expect("items");
    for wanted in case["expected"].as_array().expect("items") {
        let item = items.iter().find(|item| eight(item) == eight(wanted)).expect("compared above");
        for name in ["order", "net", "approved_by", "near_miss", "caused_by"] {
            assert!(wanted.get(name).is_none_or(|value| *value == item[name]), "{}: {name} of {}", case["name"], eight(item));
        }
        let of = |item: &Value| serde_json::from_value::<BTreeSet<String>>(item["patterns"].clone()).unwrap_or_default();
        assert!(of(item).is_superset(&of(wanted)), "{}: patterns of {}", case["name"], eight(item));
    }
}

#[test]
fn each_case_of_the_specification_has_its_items() {
    let Some(folder) = shared("specs/iam-drift-cases") else { return };
    let all = cases(&folder);
    assert_eq!(all.len(), 22);
    all.iter().for_each(check);
}

#[test]
fn the_cases_of_the_project_have_their_items() {
    let all = cases(&project("src/iam/drift/cases"));
    assert!(all.len() >= 30);
    all.iter().for_each(check);
}

#[test]
fn logs_and_a_case_of_them_give_the_same_bytes_in_any_order_and_number_of_threads() {
    for name in ["duplicates-and-shuffled-order", "identity-center-assignment-and-its-role", "unexplained-attachment-in-snapshot-b"] {
        let scene = Scene::new(&case(name));
        let stored = scene.investigate();
        let mut files: Vec<PathBuf> = std::fs::read_dir(scene.logs()).expect("logs").map(|entry| entry.expect("an entry").path()).collect();
        files.sort();
        for format in ["json", "jsonl", "csv", "table"] {
            let first = scene.drift(&files, &["--format", format, "--jobs", "1"]).expect(0).stdout;
            assert!(!first.is_empty());
            let mut shuffled = files.clone();
            shuffled.reverse();
            shuffled.rotate_left(1);
            for (sources, jobs) in
                [(&files, "8"), (&shuffled, "1"), (&shuffled, "2"), (&vec![scene.logs()], "8"), (&vec![stored.clone()], "2")]
            {
                assert!(first == scene.drift(sources, &["--format", format, "--jobs", jobs]).expect(0).stdout, "{name} as {format}");
            }
        }
        let lines = std::fs::read_to_string(stored.join("drift.jsonl")).expect("written");
        assert!(lines == scene.drift(&files, &["--format", "jsonl"]).expect(0).stdout, "{name}");
    }
}

#[test]
fn a_case_holds_the_calls_and_says_what_they_were_compared_with() {
    let scene = Scene::new(&case("approved-change-and-near-miss"));
    let stored = scene.investigate();
    let manifest: Value = serde_json::from_str(&std::fs::read_to_string(stored.join("case.json")).expect("written")).expect("JSON");
    let compared = manifest["compared"].as_array().expect("files");
    assert_eq!(compared.iter().map(|file| file["flag"].clone()).collect::<Vec<_>>(), ["--baseline", "--approved"]);
    assert!(compared.iter().all(|file| file["sha256"].as_str().is_some_and(|hash| hash.len() == 64)), "{compared:?}");
    let outputs: Vec<&str> = manifest["outputs"].as_array().expect("files").iter().filter_map(|file| file["name"].as_str()).collect();
    assert!(outputs.contains(&"drift.jsonl") && outputs.contains(&"iam_changes.parquet"), "{outputs:?}");
    let bytes = std::fs::read(stored.join("iam_changes.parquet")).expect("written");
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
    for source in [scene.logs(), stored] {
        let changes = sql(&source, "select event_name, kind, entity from iam_changes order by event_time, event_id");
        assert_eq!(changes.len(), 2, "{changes:?}");
        assert_eq!((&changes[0]["event_name"], &changes[0]["kind"]), (&"PutRolePolicy".into(), &"inline_policy_put".into()));
        let items = sql(&source, "select kind, risk, before from drift order by event_time, event_id");
        // Without the baseline nothing is known of what was there.
        assert!(items.iter().all(|item| item["before"] == "\"<unknown>\""), "{items:?}");
    }
}

#[test]
fn flags_narrow_what_is_shown_and_nothing_else() {
    let scene = Scene::new(&case("transient-access-key"));
    let all = scene.document();
    let net = scene.drift(&[scene.logs()], &["--format", "json", "--net"]).expect(0).json();
    let kept: Vec<&Value> = all["items"].as_array().expect("items").iter().filter(|item| item["net"] != false).collect();
    assert!(kept.len() < all["items"].as_array().expect("items").len());
    assert_eq!(net["items"].as_array().expect("items").iter().collect::<Vec<_>>(), kept);
    let scene = Scene::new(&case("add-self-to-admin-group"));
    let member =
        scene.document()["items"].as_array().expect("items").iter().find(|item| item["kind"] == "group_member_added").expect("one").clone();
    let name = member["attribute"].as_str().and_then(|text| text.strip_prefix("members[")?.strip_suffix(']')).expect("a member");
    let arn = format!("arn:aws:iam::111122223333:user/{name}");
    let life = scene.drift(&[scene.logs()], &["--format", "json", "--entity", &arn]).expect(0).json();
    assert!(life["items"].as_array().expect("items").contains(&member), "{life}");
    let nobody = scene.drift(&[scene.logs()], &["--format", "json", "--entity", "arn:aws:iam::111122223333:user/x"]).expect(0).json();
    assert_eq!(nobody["items"], json!([]));
}

#[test]
fn what_nobody_approved_fails_a_run_that_is_to_fail_on_drift() {
    let scene = Scene::new(&case("attach-admin-to-user"));
    scene.drift(&[scene.logs()], &["--fail-on", "drift"]).expect(1);
    scene.drift(&[scene.logs()], &["--fail-on", "critical", "--format", "json"]).expect(i32::from(has(&scene, "critical")));
    scene.drift(&[scene.logs()], &["--fail-on", "low"]).expect(1);
    let quiet = Scene::new(&case("failed-calls-only"));
    quiet.drift(&[quiet.logs()], &["--fail-on", "drift"]).expect(0);
    let approved = json!([{"change_id": "C", "entity": "*", "kinds": ["policy_attached"], "actor_arn": "*"}]);
    let mut signed_off = case("attach-admin-to-user");
    signed_off["approved_changes"] = approved;
    let scene = Scene::new(&signed_off);
    scene.drift(&[scene.logs()], &["--fail-on", "drift"]).expect(0);
    scene.drift(&[scene.logs()], &["--fail-on", "info"]).expect(0);
}

fn has(scene: &Scene, severity: &str) -> bool {
    scene.document()["items"].as_array().expect("items").iter().any(|item| item["severity"] == severity)
}

#[test]
fn a_file_that_is_no_snapshot_stops_the_run_before_logs_are_read() {
    let folder = Folder::new();
    let page = |more: bool| json!({"SnapshotTime": "2026-03-01T00:00:00Z", "UserDetailList": [{"UserName": "a", "UserId": "AIDAEXAMPLEEXAMPLE01", "Path": "/", "Arn": "arn:aws:iam::111122223333:user/a", "CreateDate": "2026-01-01T00:00:00Z"}], "IsTruncated": more});
    let whole = folder.write("whole.json", page(false).to_string());
    let cut = folder.write("cut.json", page(true).to_string());
    let twin = folder.write("twin.json", page(false).to_string());
    let text = folder.write("text.json", "no JSON");
    let refused = |flags: &[(&str, &Path)]| {
        let mut args: Vec<OsString> = vec!["drift".into(), folder.path().join("no-such-logs").into_os_string()];
        args.extend(flags.iter().flat_map(|(flag, path)| [OsString::from(flag), path.as_os_str().to_owned()]));
        let run = trailsift(args).expect(2);
        assert_eq!((run.stdout.as_str(), run.stderr.lines().count()), ("", 1), "{}", run.stderr);
        run.stderr.replace(&folder.path().display().to_string(), "").trim().to_owned()
    };
    insta::assert_snapshot!(refused(&[("--baseline", &text)]), @"error: --baseline /text.json: it is no JSON: expected ident at line 1 column 2");
    insta::assert_snapshot!(refused(&[("--after", &cut)]), @"error: --after /cut.json: pages are missing (`IsTruncated` or `Marker`); join them, or use --partial-snapshot");
    insta::assert_snapshot!(refused(&[("--baseline", &whole), ("--baseline", &twin)]), @"error: --baseline: /whole.json and /twin.json are two whole snapshots of account 111122223333: give the later one as --after");
    insta::assert_snapshot!(refused(&[("--approved", &whole)]), @"error: --approved /whole.json: invalid type: map, expected a sequence at line 1 column 0");
    insta::assert_snapshot!(refused(&[("--credential-report", &text)]), @"error: --credential-report /text.json: no row of it has an ARN that tells the account");
    // Pages of one account are one snapshot, and then it is the logs that are not there.
    assert!(refused(&[("--baseline", &cut), ("--baseline", &whole)]).contains("no-such-logs"));
}

#[test]
fn a_credential_report_tells_what_details_do_not() {
    let folder = Folder::new();
    let report = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_2_active,access_key_2_last_rotated\n\
        alice,arn:aws:iam::111122223333:user/alice,2026-01-01T00:00:00+00:00,false,N/A,N/A,N/A,false,false,N/A,false,N/A\n";
    let report = folder.write("report.csv", report);
    let login = record(1, |record| {
        record["eventSource"] = json!("iam.amazonaws.com");
        record["eventName"] = json!("CreateLoginProfile");
        record["requestParameters"] = json!({"userName": "alice", "passwordResetRequired": true});
    });
    let logs = folder.write("logs/a.json", json!({"Records": [login]}).to_string());
    let before = |more: &[&str]| {
        let mut args = vec!["drift".into(), logs.as_os_str().to_owned(), "--format".into(), "json".into()];
        args.extend(more.iter().map(OsString::from));
        let item = trailsift(args).expect(0).json()["items"][0].clone();
        (item["kind"].clone(), item["before"].clone())
    };
    let report = report.to_str().expect("UTF-8");
    assert_eq!(before(&["--credential-report", report]), (json!("login_profile_created"), json!(false)));
}

#[test]
fn evidence_has_the_form_that_findings_have() {
    let scene = Scene::new(&case("attach-admin-to-user"));
    let item = scene.document()["items"][0].clone();
    let evidence = &item["evidence"][0];
    assert_eq!((&evidence["kind"], &evidence["integrity"], &evidence["pointer"]), (&"event".into(), &"not_checked".into(), &Value::Null));
    assert!(evidence["object"].as_str().is_some_and(|object| object.ends_with(".json.gz")), "{evidence}");
    assert_eq!((&evidence["event_id"], &evidence["record_index"]), (&item["event_id"], &0.into()));
}

#[test]
fn the_public_attack_log_contradicts_itself_twice() {
    let Some(folder) = shared("data/real/invictus") else { return };
    let args: Vec<OsString> = vec!["drift".into(), folder.into_os_string(), "--format".into(), "json".into(), "--allow-problems".into()];
    let document = trailsift(args).expect(0).json();
    check_ledger(&document);
    let items = document["items"].as_array().expect("items");
    let broken: Vec<&Value> = items.iter().filter(|item| item["kind"] == "precondition_violation").collect();
    let told: Vec<String> = broken.iter().map(|item| format!("{} {}", item["event_time"], item["entity"])).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("2023-07-10T12:08:00Z") && told[0].contains("role/stratus-red-team-leave-org-role"), "{told:?}");
    assert!(told[1].contains("2023-07-10T12:12:06Z") && told[1].contains("role/stratus-red-team-ec2-enumerate-role"), "{told:?}");
    let short = |item: &Value| {
        ["event_time", "severity", "kind", "entity", "attribute", "risk", "actor_arn", "net", "event_id"]
            .map(|name| item[name].as_str().map_or_else(|| item[name].to_string(), str::to_owned))
            .join(" | ")
    };
    let found = json!(items.iter().map(short).collect::<Vec<_>>());
    let path = project("tests/golden/drift-invictus.json");
    if std::env::var_os("TRAILSIFT_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, format!("{found:#}\n")).expect("written");
    }
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(&path).expect("golden")).expect("JSON");
    assert_eq!(found, golden);
}

/// A snapshot of one user, with a policy or without.
fn one_user(time: &str, policies: &[&str]) -> String {
    let attached: Vec<Value> =
        policies.iter().map(|name| json!({"PolicyName": name, "PolicyArn": format!("arn:aws:iam::aws:policy/{name}")})).collect();
    let user = json!({
        "Path": "/", "UserName": "quiet", "UserId": "AIDAQUIETQUIETEXAMPLE", "Arn": "arn:aws:iam::111122223333:user/quiet",
        "CreateDate": "2025-01-10T09:00:00Z", "GroupList": [], "AttachedManagedPolicies": attached, "Tags": [],
    });
    json!({"SnapshotTime": time, "AccountId": "111122223333", "UserDetailList": [user]}).to_string()
}

#[test]
fn what_the_digests_prove_decides_how_certain_it_is_that_an_event_is_missing() {
    let logs = project("sample-logs");
    let folder = Folder::new();
    let before = folder.write("before.json", one_user("2026-03-11T13:00:00Z", &[]));
    let keys = logs.join("public-keys.json");
    let found = |source: &Path, until: &str, more: &[&Path]| {
        let after = folder.write("after.json", one_user(until, &["ReadOnlyAccess"]));
        let mut args: Vec<OsString> = vec!["drift".into(), source.into(), "--format".into(), "json".into(), "--allow-problems".into()];
        args.extend(["--baseline".into(), before.clone().into(), "--after".into(), after.into(), "--entity".into()]);
        args.push("arn:aws:iam::111122223333:user/quiet".into());
        args.extend(more.iter().map(Into::into));
        let document = trailsift(args).expect(0).json();
        assert_eq!(document["unexplained"], 1, "{document}");
        document["items"][0].clone()
    };
    let (verified, stopped) = ("2026-03-11T20:00:00Z", "2026-03-12T00:05:00Z");
    let with_keys: [&Path; 2] = [Path::new("--keys"), &keys];
    assert_eq!(found(&logs, verified, &[])["certainty"], "unbounded");
    assert_eq!(found(&logs, verified, &with_keys)["certainty"], "contradiction");
    let item = found(&logs, stopped, &with_keys);
    assert_eq!(item["certainty"], "proven_gap");
    assert!(item["gaps"].to_string().contains("no digest of 111122223333/us-east-1/management-events"), "{item}");
    assert_eq!(item["evidence"][0]["kind"], "snapshot");
    // A case remembers what the digests said.
    let case = folder.path().join("case");
    let mut args: Vec<OsString> = vec!["investigate".into(), logs.into(), "--allow-problems".into(), "--out".into(), case.clone().into()];
    args.extend(with_keys.iter().map(Into::into));
    trailsift(args).expect(0);
    assert_eq!(found(&case, verified, &[])["certainty"], "contradiction");
    assert_eq!(found(&case, stopped, &[])["certainty"], "proven_gap");
}
