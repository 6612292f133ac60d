//! Rules of kind `first-seen`.

use super::*;

const DAY: i64 = 86_400;

const NEW: &str = "
id: T-030
title: A new name
severity: {default: medium, high: event_name = 'Delete'}
kind: first-seen
where: ok
key: [principal, event_name]
message: '{principal} calls {event_name}'
";

const KNOWN: &str = "
id: T-031
title: Another way in
severity: high
kind: first-seen
where: event_name = 'Plain'
key: [principal]
known_by:
  - {where: event_name = 'Strong', key: [principal]}
  - {where: event_name = 'Made', key: [user_name]}
message: '{principal} without'
";

const QUIET: &str = "
id: T-032
title: Back again
severity: medium
kind: first-seen
where: event_name = 'Get'
key: [principal]
quiet_days: 2
known_by:
  - {where: event_name = 'Made', key: [user_name]}
message: '{principal} was quiet for {quiet} days since {last_seen}, limit {quiet_days}'
";

const FIELD: &str = "
id: T-033
title: A new secret
severity: low
kind: first-seen
fields: {secret_id: requestParameters.secretId}
where: event_name = 'Get'
key: [secret_id]
message: '{secret_id}'
";

const OWNED: &str = "
id: T-034
title: A new name in an account
severity: low
kind: first-seen
where: event_name = 'Get'
key: [recipient_account_id, principal]
owner: {of: recipient_account_id, at_least: 3}
message: '{principal} in {recipient_account_id}'
";

fn moment(second: i64) -> EventTime {
    EventTime::from_micros((1_767_225_600 + second) * 1_000_000).expect("a time")
}

fn until(second: i64) -> Baseline {
    Baseline { until: Some(moment(second)), seen: None }
}

fn detected(rule: &str, baseline: &Baseline, events: &[Event]) -> Detections {
    let catalog = Catalog::of(&[rule], &CatalogOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let options = DetectOptions { baseline, tables: &[] };
    let of = |events: &[Event], size: usize| {
        detect(&catalog, &EventFrame::of(events.chunks(size).map(batch).collect()), &options).expect("runs")
    };
    let forward = of(events, 3);
    let mut shuffled = events.to_vec();
    shuffled.reverse();
    assert_eq!(of(&shuffled, 2), forward);
    assert_eq!(of(events, 1_000), forward);
    forward
}

fn messages(detections: &Detections) -> Vec<&str> {
    detections.findings.iter().map(|finding| finding.message.as_str()).collect()
}

#[test]
fn the_first_event_of_a_new_key_after_the_baseline() {
    let events = [
        event(0, "p", "Get"),
        event(9, "p", "Put"),
        event(10, "p", "Get"),
        event(10, "p", "Delete").with(Column::RecordIndex, 11),
        event(12, "p", "Delete"),
        event(10, "q", "Get").with(Column::RecordIndex, 12),
    ];
    let detections = detected(NEW, &until(10), &events);
    assert_eq!(messages(&detections), ["p calls Delete", "q calls Get"]);
    assert_eq!(detections.findings.iter().map(seconds).collect::<Vec<_>>(), [[11], [12]]);
    assert_eq!(detections.findings.iter().map(|finding| finding.severity).collect::<Vec<_>>(), [Severity::High, Severity::Medium]);
    // An event at the end of the baseline is after it.
    assert_eq!(messages(&detected(NEW, &until(9), &events)), ["p calls Delete", "p calls Put", "q calls Get"]);
    assert_eq!(messages(&detected(NEW, &until(13), &events)), Vec::<&str>::new());
}

#[test]
fn without_a_baseline_the_rule_says_so() {
    let detections = detected(NEW, &Baseline::default(), &[event(0, "p", "Get")]);
    let status = detections.rules.first().expect("one");
    assert_eq!(
        (status.status, status.reason.as_deref()),
        (RunStatus::NotRun, Some("needs a baseline: give --baseline-until TIME or --baseline-case DIR"))
    );
    assert_eq!((detections.findings, detections.seen), (Vec::new(), Vec::new()));
    let detections = detected(NEW, &until(0), &[event(0, "p", "Get")]);
    let status = detections.rules.first().expect("one");
    assert_eq!(
        (status.status, status.reason.as_deref()),
        (RunStatus::NotRun, Some("needs a baseline: no event lies before --baseline-until"))
    );
}

#[test]
fn nulls_and_events_without_time_take_no_part() {
    let mut nobody = event(20, "p", "Get");
    nobody.0.retain(|(column, _)| *column != Column::Principal);
    let mut timeless = event(21, "q", "Get");
    timeless.0.retain(|(column, _)| *column != Column::EventTime);
    let none = detected(NEW, &until(10), &[event(0, "r", "Get"), nobody, timeless]);
    assert_eq!((messages(&none), none.seen.len()), (Vec::<&str>::new(), 2));
}

#[test]
fn known_by_other_events() {
    let user = |event: Event, name: &str| event.with(Column::UserName, name);
    let events = [
        event(0, "p", "Strong"),
        user(event(1, "admin", "Made"), "q"),
        event(2, "r", "Plain"),
        event(3, "r", "Strong"),
        event(20, "p", "Plain"),
        event(21, "q", "Plain"),
        event(22, "r", "Plain"),
        event(23, "s", "Plain"),
        event(24, "s", "Strong"),
    ];
    assert_eq!(messages(&detected(KNOWN, &until(10), &events)), ["p without", "q without"]);
}

#[test]
fn quiet_for_exactly_so_many_days() {
    let shown = |gap: i64| {
        let detections = detected(QUIET, &Baseline::default(), &[event(100, "p", "Get"), event(100 + gap, "p", "Get")]);
        detections.findings.iter().map(|finding| (seconds(finding), finding.message.clone())).collect::<Vec<_>>()
    };
    assert_eq!(shown(2 * DAY), [(vec![100, 172_900], "p was quiet for 2 days since 2026-01-01T00:01:40Z, limit 2".to_owned())]);
    assert_eq!(shown(2 * DAY - 1), []);
    // A key that was never there is not back.
    assert_eq!(messages(&detected(QUIET, &Baseline::default(), &[event(0, "p", "Get"), event(5 * DAY, "q", "Get")])), Vec::<&str>::new());
    // What makes a key known is a sight too, and no finding by itself.
    let made = event(0, "admin", "Made").with(Column::UserName, "p");
    assert_eq!(
        detected(QUIET, &Baseline::default(), &[made.clone(), event(3 * DAY, "p", "Get")]).findings.iter().map(seconds).collect::<Vec<_>>(),
        [[0, 259_200]]
    );
    // The finding is about whoever is back, not about whoever made it.
    let back = detected(QUIET, &Baseline::default(), &[made.clone(), event(3 * DAY, "p", "Get")]);
    assert_eq!(messages(&back), ["p was quiet for 3 days since 2026-01-01T00:00:00Z, limit 2"]);
    assert_eq!(back.findings.first().map(|finding| finding.principal.as_deref()), Some(Some("p")));
    let again = event(2 * DAY, "admin", "Made").with(Column::UserName, "p");
    assert_eq!(detected(QUIET, &Baseline::default(), &[made, again, event(3 * DAY, "p", "Get")]).findings, []);
    let many: Vec<_> = (0..40).map(|n| event(n * 3_600, "p", "Get")).chain((0..5).map(|n| event(5 * DAY + n, "p", "Get"))).collect();
    assert_eq!(detected(QUIET, &Baseline::default(), &many).findings.iter().map(seconds).collect::<Vec<_>>(), [[140_400, 432_000]]);
    let set = CatalogOptions { set: vec!["T-032.quiet_days=1".to_owned()], ..CatalogOptions::default() };
    assert_eq!(run_with(&[QUIET], &set, &[event(0, "p", "Get"), event(DAY, "p", "Get")]).findings.len(), 1);
}

#[test]
fn keys_of_fields() {
    let events = [secret(0, "\"a\""), secret(11, "\"a\""), secret(12, "\"b\""), secret(13, "\"b\""), get(14)];
    assert_eq!(messages(&detected(FIELD, &until(10), &events)), ["b"]);
}

#[test]
fn a_short_baseline_of_the_owner_is_no_baseline() {
    let of = |account: &'static str, second: i64, principal: &'static str, name: &'static str| {
        event(second, principal, name).with(Column::RecipientAccountId, account)
    };
    // What the events of the baseline are does not matter; the one at its end is after it.
    let long = [of("long", 0, "p", "Put"), of("long", 1, "p", "Put"), of("long", 9, "q", "Get"), of("long", 20, "r", "Get")];
    let short = [of("short", 2, "p", "Put"), of("short", 3, "p", "Get"), of("short", 10, "r", "Get"), of("short", 21, "s", "Get")];
    let events = [long, short].concat();
    let detections = detected(OWNED, &until(10), &events);
    assert_eq!(messages(&detections), ["r in long"]);
    let status = detections.rules.first().expect("one");
    assert_eq!((status.status, status.findings), (RunStatus::Degraded, 1));
    insta::assert_snapshot!(status.reason.as_deref().unwrap_or_default(), @"insufficient baseline: 2 new keys held back, as fewer than 3 events of the recipient_account_id lie in it: short has 2");
    // Where no key is new, nothing is held back.
    let silent = detected(OWNED, &until(10), &events[..4]);
    assert_eq!(silent.rules.first().map(|rule| rule.status), Some(RunStatus::Run));
    let set = CatalogOptions { set: vec!["T-034.owner.at_least=2".to_owned()], ..CatalogOptions::default() };
    let catalog = Catalog::of(&[OWNED], &set).unwrap_or_else(|error| panic!("{error}"));
    let options = DetectOptions { baseline: &until(10), tables: &[] };
    let found = detect(&catalog, &EventFrame::of(vec![batch(&events)]), &options).expect("runs");
    assert_eq!(messages(&found), ["r in short", "r in long", "s in short"]);

    // What an earlier case saw of the owner counts, whatever its rule found.
    let later = [of("long", DAY, "u", "Get"), of("short", DAY + 1, "u", "Get"), of("new", DAY + 2, "u", "Get")];
    let case = |seen: &Detections| Baseline { until: None, seen: Some(seen.seen.clone()) };
    let next = detected(OWNED, &case(&detections), &later);
    assert_eq!(messages(&next), ["u in long", "u in short"]);
    insta::assert_snapshot!(next.rules.first().and_then(|rule| rule.reason.clone()).unwrap_or_default(), @"insufficient baseline: 1 new key held back, as fewer than 3 events of the recipient_account_id lie in it: new has 0");
}

#[test]
fn an_earlier_case_is_a_baseline() {
    let early = [event(0, "p", "Get"), event(1, "p", "Get"), event(2, "p", "Get"), event(DAY, "p", "Get")];
    let first = detected(NEW, &until(1), &early);
    insta::assert_snapshot!(first.seen.iter().map(|seen| serde_json::to_string(&Seen { rule_sha256: "x".to_owned(), ..seen.clone() }).expect("JSON")).collect::<Vec<_>>().join("\n"), @r#"
    {"rule_id":"T-030","rule_sha256":"x","part":null,"key":[],"first":null,"last":null,"count":0}
    {"rule_id":"T-030","rule_sha256":"x","part":"where","key":["p","Get"],"first":"2026-01-01T00:00:00Z","last":"2026-01-02T00:00:00Z","count":4}
    "#);
    let later = [event(2 * DAY, "p", "Get"), event(2 * DAY + 1, "p", "Put")];
    let case = |seen: &Detections| Baseline { until: None, seen: Some(seen.seen.clone()) };
    let second = detected(NEW, &case(&first), &later);
    assert_eq!(messages(&second), ["p calls Put"]);
    // What both cases saw is handed on.
    assert_eq!(detected(NEW, &case(&second), &later).findings, []);
    assert_eq!(detected(NEW, &case(&second), &early).findings, []);

    let changed = detected(&NEW.replace("A new name", "Another title"), &case(&first), &later);
    assert_eq!(
        changed.rules.first().map(|rule| (rule.status, rule.reason.as_deref())),
        Some((RunStatus::NotRun, Some("the case of --baseline-case ran another version of this rule")))
    );
    let other = detected(KNOWN, &case(&first), &later);
    assert_eq!(
        other.rules.first().map(|rule| (rule.status, rule.reason.as_deref())),
        Some((RunStatus::NotRun, Some("the case of --baseline-case did not run this rule")))
    );

    let quiet = detected(QUIET, &Baseline::default(), &early);
    let back = detected(QUIET, &case(&quiet), &[event(3 * DAY, "p", "Get")]);
    assert_eq!(messages(&back), ["p was quiet for 2 days since 2026-01-02T00:00:00Z, limit 2"]);
    assert_eq!(back.findings.iter().map(seconds).collect::<Vec<_>>(), [[259_200]]);
    assert_eq!(detected(QUIET, &case(&quiet), &[event(3 * DAY - 1, "p", "Get")]).findings, []);
}

#[test]
fn a_case_folder_is_read_back() {
    let seen = detected(NEW, &until(1), &[event(0, "p", "Get")]).seen;
    let folder = tempfile::tempdir().expect("a folder");
    let lines: String = seen.iter().map(|seen| serde_json::to_string(seen).expect("JSON") + "\n").collect();
    std::fs::write(folder.path().join(SEEN_FILE), &lines).expect("written");
    assert_eq!(Baseline::read_case(folder.path()).expect("read"), seen);
    std::fs::write(folder.path().join(SEEN_FILE), format!("{lines}{{\n")).expect("written");
    let error = Baseline::read_case(folder.path()).expect_err("cut").to_string();
    assert!(error.contains("seen.jsonl line 3: "), "{error}");
    assert!(matches!(Baseline::read_case(&folder.path().join("none")), Err(Error::Io { .. })));
}

#[test]
fn bad_rules_are_refused() {
    let bad = |rule: &str, from: &str, to: &str| refusal(&[&rule.replacen(from, to, 1)], &CatalogOptions::default());
    insta::assert_snapshot!(bad(NEW, "key: [principal, event_name]\n", ""), @"rule rule0.yml:5: a rule of kind first-seen needs the key `key`");
    insta::assert_snapshot!(bad(NEW, "[principal, event_name]", "[]"), @"rule rule0.yml:7: `key` is empty: name the columns or fields that are seen for the first time");
    insta::assert_snapshot!(bad(NEW, "where: ok\n", ""), @"rule rule0.yml:5: a rule of kind first-seen needs the key `where`");
    insta::assert_snapshot!(bad(NEW, "calls {event_name}", "since {last_seen}"), @"rule rule0.yml:8: message: no placeholder `last_seen`: use a column, field or parameter, or {count}");
    insta::assert_snapshot!(bad(NEW, "where: ok", "where: ok\nby: [principal]"), @"rule rule0.yml:7: the key `by` means nothing for a rule of kind first-seen, which has where, key, quiet_days, known_by, owner, message");
    insta::assert_snapshot!(bad(QUIET, "quiet_days: 2", "quiet_days: 0"), @"rule rule0.yml:8: `quiet_days` lies between 1 and 36500");
    insta::assert_snapshot!(bad(OWNED, "key: [", "quiet_days: 2\nkey: ["), @"rule rule0.yml:9: `owner` means nothing beside `quiet_days`, which needs no baseline");
    insta::assert_snapshot!(bad(OWNED, "of: recipient_account_id", "of: event_epoch"), @"rule rule0.yml:8: owner: `event_epoch` is no column of text, by which all events can be counted");
    insta::assert_snapshot!(bad(OWNED, "of: recipient_account_id", "of: recipient_account"), @"rule rule0.yml:8: owner: no column or field `recipient_account`: did you mean `recipient_account_id`?");
    insta::assert_snapshot!(bad(KNOWN, "[user_name]", "[user_name, actor]"), @"rule rule0.yml:10: known_by: its key has 2 parts, but the rule's has 1");
    insta::assert_snapshot!(bad(KNOWN, "[user_name]", "[user_nam]"), @"rule rule0.yml:10: known_by: no column or field `user_nam`: did you mean `user_name`?");
}
