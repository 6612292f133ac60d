//! `trailsift sql`: answers, and refusals with advice.

use serde_json::json;

use crate::support::{Folder, project, records, root_login, sql, trailsift};

#[test]
fn the_first_question_of_every_responder() {
    let rows = sql(
        &project("sample-logs"),
        "select source_ip_address, count(*) n from events where user_type = 'Root' group by source_ip_address order by n desc",
    );
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["source_ip_address"], "203.0.113.77");
}

#[test]
fn all_tables_answer() {
    let folder = Folder::new().with("a.json", root_login(1).to_string()).with("b.json", "[{").with("c.txt", "x");
    assert_eq!(
        sql(folder.path(), "select rule_id from findings order by rule_id"),
        [json!({"rule_id": "ROOT-001"}), json!({"rule_id": "ROOT-002"})]
    );
    assert_eq!(
        sql(folder.path(), "select status from files order by object"),
        [json!({"status": "read"}), json!({"status": "problem"}), json!({"status": "skipped"})]
    );
    assert_eq!(sql(folder.path(), "select kind from problems"), [json!({"kind": "json_cut"})]);
    assert_eq!(sql(folder.path(), "select count(*) n from notices"), [json!({"n": 0})]);
}

#[test]
fn account_ids_keep_their_zeros() {
    let folder = Folder::new().with("a.json", records(1..=1).replace("111122223333", "012345678901"));
    assert_eq!(sql(folder.path(), "select recipient_account_id a from events"), [json!({"a": "012345678901"})]);
    // And counts, which the engine keeps without a sign, can be subtracted from.
    assert_eq!(sql(folder.path(), "select count(*) - 5 as n from events"), [json!({"n": -4})]);
}

#[test]
fn what_goes_wrong_in_the_engine_is_refused_with_advice() {
    let folder = Folder::new().with("a.json", records(1..=3));
    for (statement, part) in [
        ("select event_nme from events", "event_name"),
        ("select * from event", "events"),
        ("drop table events", "only"),
        ("select 1; select 2", "one"),
        ("select * from read_csv('/etc/passwd')", "read_csv"),
        ("select * from events a join events b on a.event_epoch < b.event_epoch", "equal"),
        ("select * from events, files", "join"),
        ("select event_id from events where event_id in (select event_id from events where event_name = 'x')", "CTE"),
        ("with recursive x as (select 1) select * from x", "recursive"),
        ("selec", "query"),
    ] {
        let run = trailsift(["sql".as_ref(), folder.path().as_os_str(), "-c".as_ref(), statement.as_ref()]).expect(2);
        let line = run.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
        assert!(line.to_lowercase().contains(&part.to_lowercase()), "{statement}: {}", run.stderr);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn the_engine_itself_says_nothing_on_standard_error() {
    let folder = Folder::new().with("a.json", records(1..=3));
    let statement = "select event_id from events where cast(event_time as date) = '2026-03-01' and cast('2026-03-01' as date) = cast(event_time as date)";
    let run = trailsift(["sql".as_ref(), folder.path().as_os_str(), "-q".as_ref(), "-c".as_ref(), statement.as_ref()]).expect(0);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_cut_result_says_so() {
    let folder = Folder::new().with("a.json", records(1..=9));
    let run = trailsift([
        "sql".as_ref(),
        folder.path().as_os_str(),
        "-c".as_ref(),
        "select event_id from events".as_ref(),
        "--limit".as_ref(),
        "4".as_ref(),
        "--format".as_ref(),
        "jsonl".as_ref(),
    ])
    .expect(0);
    assert_eq!(run.stdout.lines().count(), 4);
    assert!(run.stderr.contains("--limit"), "{}", run.stderr);
}

#[test]
fn the_schema_needs_no_source() {
    let run = trailsift(["sql", "--schema", "--format", "json"]).expect(0);
    let rows = run.json()["rows"].as_array().expect("rows").clone();
    assert!(rows.len() > 90);
    assert!(run.stdout.contains("mfa_verdict"));
}
