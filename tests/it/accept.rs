//! `--accept`: findings about accepted things are counted and listed apart, and never lost.

use serde_json::{Value, json};

use crate::support::{Folder, findings, record, root_login, trailsift};

/// A console login of an IAM user without MFA, which fires MFA-001.
fn user_login(number: u32, address: &str) -> Value {
    let mut login = root_login(number);
    login["userIdentity"] = json!({
        "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/emergency",
        "accountId": "111122223333", "userName": "emergency",
    });
    login["sourceIPAddress"] = json!(address);
    login
}

fn logs() -> Folder {
    let logs = json!({"Records": [root_login(1), user_login(2, "198.51.100.7"), user_login(3, "203.0.113.9"), record(4, |_| ())]});
    Folder::new().with("logs.json", logs.to_string())
}

fn detect(folder: &Folder, entries: &str) -> Value {
    let file = folder.write("known.toml", entries);
    let logs = folder.path().join("logs.json");
    trailsift(["detect".into(), logs.into_os_string(), "--format".into(), "json".into(), "--accept".into(), file.into_os_string()])
        .expect(0)
        .json()
}

fn entry(what: &str, rules: &str, expires: &str) -> String {
    format!("[[accept]]\n{what}\nrules = [{rules}]\nreason = \"drill of the break-glass user\"\nexpires = {expires}\n")
}

fn suppressed(document: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    document["suppressed"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|finding| (text(&finding["rule_id"]), text(&finding["accepted_by"])))
        .collect()
}

fn rules_of(document: &Value) -> Vec<String> {
    findings(document).into_iter().map(|(rule, _)| rule).collect()
}

#[test]
fn an_accepted_user_is_listed_apart_and_root_is_not() {
    let folder = logs();
    let all = ["ROOT-001", "ROOT-002", "MFA-001", "MFA-001"];
    let plain = detect(&folder, "");
    assert_eq!(rules_of(&plain), all);
    let document = detect(&folder, &entry("break_glass = \"arn:aws:iam::111122223333:user/emergency\"", "\"MFA-*\"", "2026-12-31"));
    assert_eq!(rules_of(&document), ["ROOT-001", "ROOT-002"]);
    let by = "break_glass arn:aws:iam::111122223333:user/emergency: drill of the break-glass user (until 2026-12-31)".to_owned();
    assert_eq!(suppressed(&document), [("MFA-001".to_owned(), by.clone()), ("MFA-001".to_owned(), by)]);
    // A suppressed finding is whole, but for what accepted it.
    let mut finding = document["suppressed"][0].clone();
    finding.as_object_mut().expect("an object").remove("accepted_by");
    assert_eq!(finding, plain["findings"][2]);
    let status = document["rules"].as_array().expect("rules").iter().find(|rule| rule["id"] == "MFA-001").expect("it ran");
    assert_eq!(status["findings"], 0);
}

#[test]
fn a_network_covers_what_came_from_it_and_an_entry_ends() {
    let folder = logs();
    let network = |expires| detect(&folder, &entry("network = \"198.51.100.0/24\"", "\"MFA-001\"", expires));
    assert_eq!(suppressed(&network("2026-03-01")).len(), 1, "the last day belongs to it");
    assert_eq!(suppressed(&network("2026-02-28")), []);
    assert_eq!(suppressed(&network("2026-03-01T08:00:03Z")).len(), 1);
    assert_eq!(suppressed(&network("2026-03-01T08:00:02Z")), [], "the login is at 08:00:02");
    assert_eq!(rules_of(&network("2026-03-01")), ["ROOT-001", "ROOT-002", "MFA-001"]);
}

#[test]
fn a_finding_of_several_events_needs_all_of_them_covered() {
    let failed = |number: u32, address: &str| {
        let mut login = root_login(number);
        login["responseElements"] = json!({"ConsoleLogin": "Failure"});
        login["errorMessage"] = json!("Failed authentication");
        login["sourceIPAddress"] = json!(address);
        login
    };
    let from = |last: &str| {
        let mut records: Vec<Value> = (1..5).map(|number| failed(number, "198.51.100.7")).collect();
        records.push(failed(5, last));
        let folder = Folder::new().with("logs.json", json!({"Records": records}).to_string());
        detect(&folder, &entry("network = \"198.51.100.0/24\"", "\"ROOT-004\"", "2026-12-31"))
    };
    assert_eq!(suppressed(&from("198.51.100.200")).len(), 1);
    assert_eq!(suppressed(&from("203.0.113.9")), []);
}

#[test]
fn identity_providers_accounts_and_regions() {
    let mut saml = user_login(1, "198.51.100.7");
    saml["userIdentity"] = json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:dev", "arn": "arn:aws:sts::111122223333:assumed-role/dev/dev", "accountId": "111122223333"});
    saml["additionalEventData"]["SamlProviderArn"] = json!("arn:aws:iam::111122223333:saml-provider/corp");
    let folder = Folder::new().with("logs.json", json!({"Records": [saml]}).to_string());
    let count = |what: &str| suppressed(&detect(&folder, &entry(what, "\"MFA-003\"", "2026-12-31"))).len();
    assert_eq!(count("identity_provider = \"arn:aws:iam::111122223333:saml-provider/corp\""), 1);
    assert_eq!(count("identity_provider = \"arn:aws:iam::111122223333:saml-provider/other\""), 0);
    assert_eq!(count("account = \"111122223333\""), 1);
    assert_eq!(count("account = \"444455556666\""), 0);
    assert_eq!(count("region = \"eu-west-1\""), 1);
    assert_eq!(count("region = \"eu-west-*\""), 1);
    assert_eq!(count("region = \"eu-west\""), 0);
}

#[test]
fn accepted_findings_are_shown_and_do_not_raise_the_alarm() {
    let folder = logs();
    let file = folder.write("known.toml", entry("principal = \"arn:aws:iam::111122223333:*\"", "\"*\"", "2026-12-31"));
    let logs = folder.path().join("logs.json");
    let run =
        trailsift(["detect".into(), logs.into_os_string(), "--fail-on".into(), "low".into(), "--accept".into(), file.into_os_string()])
            .expect(0);
    assert!(run.stdout.contains("0 findings (4 accepted)"), "{}", run.stdout);
    assert!(run.stdout.contains("drill of"), "{}", run.stdout);
}

#[test]
fn a_wrong_file_is_refused_before_anything_is_read() {
    let folder = logs();
    let refused = |text: &str| {
        let file = folder.write("known.toml", text);
        let run = trailsift(["detect".into(), "no-such-folder".into(), "--accept".into(), file.into_os_string()]).expect(2);
        run.stderr
    };
    assert!(refused("[[accept]]\nregion = 'a'\n").contains("known.toml:"));
    assert!(refused("accept = 3").contains("known.toml:1"));
    assert!(refused(&"[".repeat(100_000)).contains("known.toml:"), "deep nesting");
    let missing = trailsift(["detect", "no-such-folder", "--accept", "no-such-file.toml"]).expect(2);
    assert!(missing.stderr.contains("read no-such-file.toml: no such file"), "{}", missing.stderr);
}
