//! Rules of kind `state`.

use std::sync::Arc;

use super::*;
use crate::session::{Cell, EventPlace, StateRow, USER_COLUMNS};

const KEYED: &str = "
id: T-040
title: A person with keys
severity: {default: low, high: logins_no_mfa > 0}
kind: state
table: users
where: has_console and long_term_key_uses >= 1 and console_since is not null and lower(user_name) like 'a%'
message: '{user_name} has {long_term_keys} keys and a console since {console_since}, {count}'
";

fn user(name: &str, uses: i64, without_mfa: i64, evidence: &[i64]) -> StateRow {
    let cell = |column: &str| match column {
        "recipient_account_id" => Cell::Text("012345678901".to_owned()),
        "user_name" | "principal" => Cell::Text(name.to_owned()),
        "has_console" => Cell::Flag(true),
        "long_term_key_uses" => Cell::Int(uses),
        "long_term_keys" => Cell::Int(1),
        "logins_no_mfa" => Cell::Int(without_mfa),
        "console_since" => Cell::Time(EventTime::from_micros(1_767_225_600_000_000).expect("a time")),
        _ => Cell::Null,
    };
    let place = |index: &i64| EventPlace {
        object: Arc::from("a.json.gz"),
        record_index: u64::try_from(*index).expect("an index"),
        event_id: Some(format!("e{index}").into()),
        time: EventTime::from_micros((1_767_225_600 + index) * 1_000_000),
    };
    StateRow {
        cells: USER_COLUMNS.iter().map(|column| cell(column.name)).collect(),
        evidence: evidence.iter().map(place).collect(),
        snapshots: Vec::new(),
    }
}

fn found(rule: &str, rows: &[StateRow]) -> Vec<Finding> {
    let catalog = Catalog::of(&[rule], &CatalogOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let tables = [StateTable::new("users", USER_COLUMNS, |take| rows.iter().cloned().try_for_each(take))];
    let options = DetectOptions { tables: &tables, ..DetectOptions::default() };
    detect(&catalog, &EventFrame::default(), &options).expect("runs").findings
}

#[test]
fn rows_that_match_are_findings_with_their_evidence() {
    let findings =
        found(KEYED, &[user("alice", 2, 0, &[7, 3, 7]), user("adam", 1, 1, &[]), user("anna", 0, 0, &[1]), user("bob", 3, 0, &[1])]);
    let shown: Vec<_> = findings.iter().map(|finding| (finding.message.as_str(), finding.severity, seconds(finding))).collect();
    assert_eq!(
        shown,
        [
            ("adam has 1 keys and a console since 2026-01-01T00:00:00Z, 1", Severity::High, vec![]),
            ("alice has 1 keys and a console since 2026-01-01T00:00:00Z, 1", Severity::Low, vec![3, 7]),
        ]
    );
    let alice = findings.last().expect("one");
    assert_eq!(
        (alice.account_id.as_deref(), alice.principal.as_deref(), alice.evidence.event_ids().collect::<Vec<_>>()),
        (Some("012345678901"), Some("alice"), vec!["e3".into(), "e7".into()])
    );
}

#[test]
fn rows_can_share_a_finding() {
    let rule = KEYED.replace("where:", "by: [recipient_account_id]\nwhere:");
    let findings = found(&rule, &[user("alice", 2, 0, &[4]), user("adam", 1, 0, &[2])]);
    assert_eq!(
        findings.iter().map(|finding| (finding.count, seconds(finding), finding.principal.clone())).collect::<Vec<_>>(),
        [(2, vec![2, 4], None)]
    );
}

#[test]
fn a_table_that_is_not_there_is_told() {
    let detections = run_with(&[KEYED], &CatalogOptions::default(), &[]);
    assert_eq!(
        detections.rules.first().map(|rule| (rule.status, rule.reason.as_deref())),
        Some((RunStatus::NotRun, Some("the table `users` has not been made")))
    );
}

#[test]
fn bad_rules_are_refused() {
    let bad = |from: &str, to: &str| refusal(&[&KEYED.replacen(from, to, 1)], &CatalogOptions::default());
    insta::assert_snapshot!(bad("table: users\n", ""), @"rule rule0.yml:5: a rule of kind state needs the key `table`");
    insta::assert_snapshot!(bad("table: users", "table: identities"), @"rule rule0.yml:6: no table `identities`: use users, sessions, iam_changes, iam_state or drift");
    insta::assert_snapshot!(bad("table: users", "table: user"), @"rule rule0.yml:6: no table `user`: did you mean `users`?");
    insta::assert_snapshot!(bad("where: has_console", "where: has_consol"), @"rule rule0.yml:7: where: no column `has_consol`: did you mean `has_console`?");
    insta::assert_snapshot!(bad("where: has_console", "where: event_name = 'x'"), @"rule rule0.yml:7: where: no column `event_name`: see the columns of the rule's table");
    insta::assert_snapshot!(bad("{long_term_keys}", "{event_name}"), @"rule rule0.yml:8: message: no column `event_name`: see the columns of the rule's table");
    insta::assert_snapshot!(bad("where:", "by: [first_event]\nwhere:"), @"rule rule0.yml:7: by: the column `first_event` is a time or a list, which nothing can be grouped by");
    insta::assert_snapshot!(bad("where:", "fields: {a: requestParameters.a}\nwhere:"), @"rule rule0.yml:7: field `a`: the rows of a table have no fields");
}
