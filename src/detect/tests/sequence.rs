//! Rules of kind `sequence`.

use std::time::{Duration, Instant};

use super::*;

const PLAIN: &str = "
id: T-020
title: One and two
severity: high
kind: sequence
steps:
  - name: one
    where: event_name = 'One'
  - name: two
    where: event_name = 'Two'
by: [principal]
within: 10s
message: '{principal}: {one.event_name} at {one.event_time}, {two.count} after, {count} in all'
";

const BOUND: &str = "
id: T-021
title: A key used elsewhere
severity: high
kind: sequence
steps:
  - name: make
    where: event_name = 'Make'
    bind: {key: session_name, net: source_ip_net}
  - name: use
    where: user_access_key_id = :key and source_ip_net is distinct from :net
by: [recipient_account_id]
within: 10s
message: '{make.session_name} from {make.source_ip_net} used from {use.source_ip_net}'
";

const REPLACED: &str = "
id: T-022
title: Removed and not replaced
severity: high
kind: sequence
fields: {user: requestParameters.userName}
steps:
  - name: remove
    where: event_name = 'Remove'
    bind: {who: user}
by: [recipient_account_id]
absent: {where: \"event_name = 'Add' and user = :who\", within: 10s, before: 5s}
message: '{remove.user} has none'
";

fn at(second: i64, name: &str) -> Event {
    event(second, "p", name)
}

/// The records of each finding, by their index, which is the second they happened in.
fn found(rule: &str, events: &[Event]) -> Vec<Vec<u64>> {
    run(rule, events).iter().map(seconds).collect()
}

/// The same for events of a rule without any limit; every order of the events has to give it.
fn everywhere(rule: &str, events: &[Event]) -> Vec<Vec<u64>> {
    let forward = run(rule, events);
    let mut shuffled = events.to_vec();
    shuffled.reverse();
    assert_eq!(run(rule, &shuffled), forward);
    shuffled.rotate_left(events.len() / 3);
    shuffled.swap(0, events.len() - 1);
    assert_eq!(run(rule, &shuffled), forward);
    forward.iter().map(seconds).collect()
}

fn make(second: i64, key: &str, net: &str) -> Event {
    at(second, "Make").with(Column::SessionName, key).with(Column::SourceIpNet, net)
}

fn using(second: i64, key: &str, net: &str) -> Event {
    at(second, "Get").with(Column::UserAccessKeyId, key).with(Column::SourceIpNet, net)
}

fn remove(second: i64, name: &str, user: &str) -> Event {
    at(second, name).with(Column::RequestParameters, format!("{{\"userName\":\"{user}\"}}"))
}

#[test]
fn steps_come_in_order_within_the_span() {
    assert_eq!(everywhere(PLAIN, &[at(0, "One"), at(10, "Two")]), [[0, 10]]);
    assert_eq!(everywhere(PLAIN, &[at(0, "One"), at(11, "Two")]), Vec::<Vec<u64>>::new());
    assert_eq!(everywhere(PLAIN, &[at(0, "Two"), at(1, "One")]), Vec::<Vec<u64>>::new());
    assert_eq!(everywhere(PLAIN, &[at(0, "One"), event(1, "q", "Two")]), Vec::<Vec<u64>>::new());
    // The nearest earlier event is taken.
    assert_eq!(everywhere(PLAIN, &[at(0, "One"), at(1, "One"), at(2, "Two")]), [[1, 2]]);
    assert_eq!(
        run(PLAIN, &[at(0, "One"), at(1, "Two"), at(2, "Two")]).first().map(|finding| finding.message.clone()).as_deref(),
        Some("p: One at 2026-01-01T00:00:00Z, 2 after, 3 in all")
    );
}

#[test]
fn last_events_on_the_same_earlier_ones_are_one_finding() {
    assert_eq!(everywhere(PLAIN, &[at(0, "One"), at(3, "Two"), at(5, "Two"), at(10, "Two"), at(11, "Two")]), [vec![0, 3, 5, 10]]);
    assert_eq!(everywhere(PLAIN, &[at(0, "One"), at(1, "Two"), at(2, "One"), at(3, "Two")]), [[0, 1], [2, 3]]);
}

#[test]
fn equal_times_count_as_ordered() {
    for (one, two) in [("a", "b"), ("b", "a")] {
        let events = [
            at(5, "One").with(Column::EventId, one).with(Column::RecordIndex, 1),
            at(5, "Two").with(Column::EventId, two).with(Column::RecordIndex, 2),
        ];
        assert_eq!(run(PLAIN, &events).len(), 1, "{one}{two}");
    }
}

#[test]
fn null_is_a_key_and_no_time_is_no_place() {
    let without = |mut event: Event, column: Column| {
        event.0.retain(|(known, _)| *known != column);
        event
    };
    assert_eq!(found(PLAIN, &[without(at(0, "One"), Column::Principal), without(at(1, "Two"), Column::Principal)]), [[0, 1]]);
    assert_eq!(found(PLAIN, &[without(at(0, "One"), Column::Principal), at(1, "Two")]), Vec::<Vec<u64>>::new());
    assert_eq!(found(PLAIN, &[without(at(0, "One"), Column::EventTime), at(1, "Two")]), Vec::<Vec<u64>>::new());
}

#[test]
fn a_step_may_need_several_events() {
    let rule = PLAIN.replace("where: event_name = 'One'", "where: event_name = 'One'\n    at_least: 3");
    assert_eq!(everywhere(&rule, &[at(0, "One"), at(1, "One"), at(2, "One"), at(3, "Two")]), [[0, 1, 2, 3]]);
    assert_eq!(everywhere(&rule, &[at(1, "One"), at(2, "One"), at(3, "Two")]), Vec::<Vec<u64>>::new());
    assert_eq!(everywhere(&rule, &[at(0, "One"), at(2, "One"), at(3, "One"), at(11, "Two")]), Vec::<Vec<u64>>::new());
    // All of them are shown, as far as they are near enough and in no other finding.
    let many: Vec<_> = (0..12).map(|second| at(second, "One")).chain([at(12, "Two"), at(13, "One"), at(14, "Two")]).collect();
    assert_eq!(everywhere(&rule, &many), [(2..=12).collect(), vec![10, 11, 13, 14]]);
    let last = PLAIN.replace("where: event_name = 'Two'", "where: event_name = 'Two'\n    at_least: 2");
    assert_eq!(everywhere(&last, &[at(0, "One"), at(1, "Two"), at(2, "Two"), at(3, "Two")]), [[0, 1, 2, 3]]);
    assert_eq!(everywhere(&last, &[at(1, "Two"), at(2, "One"), at(3, "Two")]), Vec::<Vec<u64>>::new());
    let set = CatalogOptions { set: vec!["T-020.one.at_least=2".to_owned()], ..CatalogOptions::default() };
    assert_eq!(run_with(&[&rule], &set, &[at(1, "One"), at(2, "One"), at(3, "Two")]).findings.len(), 1);
}

#[test]
fn an_optional_step_is_evidence_where_it_is_there() {
    let rule = PLAIN.replace("  - name: two", "  - name: between\n    where: event_name = 'Between'\n    optional: true\n  - name: two");
    assert_eq!(everywhere(&rule, &[at(0, "One"), at(2, "Two")]), [[0, 2]]);
    assert_eq!(everywhere(&rule, &[at(0, "One"), at(1, "Between"), at(2, "Two")]), [[0, 1, 2]]);
    assert_eq!(everywhere(&rule, &[at(0, "Between"), at(1, "One"), at(2, "Two")]), [[1, 2]]);
    let first = PLAIN.replace("  - name: one", "  - name: before\n    where: event_name = 'Before'\n    optional: true\n  - name: one");
    assert_eq!(everywhere(&first, &[at(0, "Before"), at(1, "One"), at(2, "Two")]), [[0, 1, 2]]);
    assert_eq!(everywhere(&first, &[at(0, "Before"), at(5, "One"), at(12, "Two")]), [[5, 12]]);
    // One step can suffice, with what comes before it where that is there.
    let only = PLAIN.replace("    where: event_name = 'One'", "    where: event_name = 'One'\n    optional: true");
    assert_eq!(everywhere(&only, &[at(0, "One"), at(1, "Two"), at(20, "Two")]), [vec![0, 1], vec![20]]);
}

#[test]
fn all_steps_before_the_last_can_be_optional() {
    let rule = "
id: T-026
title: A login with or without its token
severity: low
kind: sequence
steps:
  - name: token
    where: event_name = 'Token'
    optional: true
    bind: {of: session_name}
  - name: login
    where: event_name = 'Login' and (user_access_key_id = :of or :of is null)
by: []
within: 10s
message: '{token.count}'
";
    let token = |second: i64, name: &str| at(second, "Token").with(Column::SessionName, name);
    let login = |second: i64, name: &str| at(second, "Login").with(Column::UserAccessKeyId, name);
    let events = [token(0, "a"), token(1, "b"), login(2, "a"), login(3, "a"), login(4, "c"), login(5, "c"), login(11, "a")];
    assert_eq!(everywhere(rule, &events), [vec![0, 2], vec![0, 3], vec![4], vec![5], vec![11]]);
}

#[test]
fn one_event_stands_for_one_step() {
    let rule = PLAIN.replace("event_name = 'One'", "event_name in ('One', 'Two')");
    assert_eq!(everywhere(&rule, &[at(1, "Two")]), Vec::<Vec<u64>>::new());
    assert_eq!(everywhere(&rule, &[at(1, "Two"), at(2, "Two")]), [[1, 2]]);
    let tied = |index: i64| at(5, "Two").with(Column::EventId, index).with(Column::RecordIndex, index);
    assert_eq!(run(&rule, &[tied(1)]).len(), 0);
    assert_eq!(run(&rule, &[tied(1), tied(2)]).len(), 2);
}

#[test]
fn bound_values_join_events() {
    assert_eq!(everywhere(BOUND, &[make(0, "k", "n"), using(10, "k", "m")]), [[0, 10]]);
    assert_eq!(everywhere(BOUND, &[make(0, "k", "n"), using(11, "k", "m")]), Vec::<Vec<u64>>::new());
    assert_eq!(everywhere(BOUND, &[make(0, "k", "n"), using(1, "k", "n")]), Vec::<Vec<u64>>::new());
    assert_eq!(everywhere(BOUND, &[make(0, "k", "n"), using(1, "l", "m")]), Vec::<Vec<u64>>::new());
    // A later event with other values does not hide an earlier one.
    assert_eq!(everywhere(BOUND, &[make(0, "k", "n"), make(1, "l", "n"), make(2, "k", "m"), using(3, "k", "m")]), [[0, 3]]);
    let message = run(BOUND, &[make(0, "k", "n"), using(1, "k", "m")]).first().map(|finding| finding.message.clone());
    assert_eq!(message.as_deref(), Some("k from n used from m"));
}

#[test]
fn a_bound_null_equals_nothing_and_is_distinct_from_values() {
    let nowhere = |mut event: Event, column: Column| {
        event.0.retain(|(known, _)| *known != column);
        event
    };
    assert_eq!(
        found(BOUND, &[nowhere(make(0, "k", "n"), Column::SessionName), nowhere(using(1, "k", "m"), Column::UserAccessKeyId)]),
        Vec::<Vec<u64>>::new()
    );
    assert_eq!(found(BOUND, &[nowhere(make(0, "k", "n"), Column::SourceIpNet), using(1, "k", "m")]), [[0, 1]]);
    assert_eq!(
        found(BOUND, &[nowhere(make(0, "k", "n"), Column::SourceIpNet), nowhere(using(1, "k", "m"), Column::SourceIpNet)]),
        Vec::<Vec<u64>>::new()
    );
}

#[test]
fn bound_fields_and_integers() {
    let rule = "
id: T-023
title: A port that comes back
severity: low
kind: sequence
fields: {user: requestParameters.userName, port: requestParameters.port}
steps:
  - name: open
    where: event_name = 'Open'
    bind: {who: user, index: record_index}
  - name: close
    where: event_name = 'Close' and lower(user) = lower(:who) and port = :index + 1
by: []
within: 1m
message: '{open.user} {close.port}'
";
    let close = |second: i64, user: &str, port: i64| {
        at(second, "Close").with(Column::RequestParameters, format!("{{\"userName\":\"{user}\",\"port\":{port}}}"))
    };
    assert_eq!(found(rule, &[remove(3, "Open", "Bob"), close(5, "bOB", 4)]), [[3, 5]]);
    assert_eq!(found(rule, &[remove(3, "Open", "Bob"), close(5, "bob", 5)]), Vec::<Vec<u64>>::new());
    assert_eq!(found(rule, &[remove(3, "Open", "Bob"), close(5, "eve", 4)]), Vec::<Vec<u64>>::new());
}

#[test]
fn many_bound_integers_are_looked_up() {
    let rule = "
id: T-025
title: A number that comes back
severity: low
kind: sequence
fields: {number: requestParameters.number}
steps:
  - name: open
    where: event_name = 'Open'
    bind: {index: record_index}
  - name: close
    where: number = :index and event_name = 'Close'
by: []
within: 1m
message: '{open.record_index} {close.number}'
";
    let close = |second: i64, number: &str| at(second, "Close").with(Column::RequestParameters, format!("{{\"number\":{number}}}"));
    let events: Vec<_> =
        (0..20).map(|n| at(n, "Open")).chain([close(30, "7"), close(31, "25"), close(32, "\"x\""), close(33, "19")]).collect();
    assert_eq!(everywhere(rule, &events), [[7, 30], [19, 33]]);
}

#[test]
fn three_steps_bind_one_after_another() {
    let rule = "
id: T-024
title: A chain
severity: low
kind: sequence
steps:
  - {name: a, where: event_name = 'A', bind: {first: session_name}}
  - {name: b, where: event_name = 'B' and user_access_key_id = :first, bind: {second: session_name}}
  - {name: c, where: user_access_key_id = :second and user_name is distinct from :first}
by: []
within: 10s
message: '{a.session_name} {b.session_name}'
";
    let hop = |second: i64, name: &str, own: &str, issued: &str| {
        at(second, name).with(Column::UserAccessKeyId, own).with(Column::SessionName, issued)
    };
    let events = [
        hop(0, "A", "-", "k1"),
        hop(1, "A", "-", "k2"),
        hop(2, "B", "k1", "k3"),
        hop(3, "B", "k9", "k4"),
        hop(4, "Get", "k3", "-"),
        hop(5, "Get", "k4", "-"),
    ];
    assert_eq!(everywhere(rule, &events), [[0, 2, 4]]);
}

#[test]
fn what_is_absent_is_judged_only_where_the_log_goes_on() {
    let later = |second: i64| at(second, "Get");
    assert_eq!(everywhere(REPLACED, &[remove(20, "Remove", "u"), later(30)]), [[20]]);
    assert_eq!(everywhere(REPLACED, &[remove(20, "Remove", "u"), later(29)]), Vec::<Vec<u64>>::new());
    assert_eq!(
        everywhere(REPLACED, &[remove(20, "Remove", "u"), later(40).with(Column::RecipientAccountId, "012345678901")]),
        Vec::<Vec<u64>>::new()
    );
    for (second, is_found) in [(30, false), (31, true), (20, false), (15, false), (14, true)] {
        let events = [remove(20, "Remove", "u"), remove(second, "Add", "u").with(Column::RecordIndex, 900), later(50)];
        assert_eq!(!found(REPLACED, &events).is_empty(), is_found, "{second}");
        let other = [remove(20, "Remove", "u"), remove(second, "Add", "v").with(Column::RecordIndex, 900), later(50)];
        assert_eq!(found(REPLACED, &other), [[20]], "{second}");
    }
    // Each event is a finding of its own, as none rests on earlier ones.
    assert_eq!(found(REPLACED, &[remove(20, "Remove", "u"), remove(21, "Remove", "v"), later(50)]), [[20], [21]]);
    let set = CatalogOptions { set: vec!["T-022.absent.within=30s".to_owned()], ..CatalogOptions::default() };
    assert_eq!(run_with(&[REPLACED], &set, &[remove(20, "Remove", "u"), later(49)]).findings, []);
    // Only looking back needs no more of the log.
    let before = REPLACED.replace("within: 10s, ", "");
    assert_eq!(found(&before, &[remove(20, "Remove", "u")]), [[20]]);
    assert_eq!(found(&before, &[remove(15, "Add", "u"), remove(20, "Remove", "u"), remove(21, "Add", "u")]), Vec::<Vec<u64>>::new());
    assert_eq!(found(&before, &[remove(14, "Add", "u"), remove(20, "Remove", "u"), remove(21, "Add", "u")]), [[20]]);
}

#[test]
fn steps_in_any_order() {
    let rule = PLAIN.replace("within: 10s", "within: 10s\nordered: false");
    assert_eq!(everywhere(&rule, &[at(0, "Two"), at(10, "One")]), [[0, 10]]);
    assert_eq!(everywhere(&rule, &[at(0, "Two"), at(11, "One")]), Vec::<Vec<u64>>::new());
    assert_eq!(everywhere(&rule, &[at(0, "Two"), at(1, "One"), at(2, "Two")]), [[0, 1, 2]]);
    assert_eq!(everywhere(&rule, &[at(0, "Two"), at(9, "One"), at(11, "Two")]), [[0, 9], [9, 11]]);
    assert_eq!(everywhere(&rule, &[at(0, "Two"), at(1, "Two"), at(2, "One"), at(3, "One")]), [[0, 1, 2]]);
    let bound = BOUND.replace("within: 10s", "within: 10s\nordered: false");
    assert_eq!(everywhere(&bound, &[using(0, "k", "m"), using(1, "k", "n"), using(2, "l", "m"), make(3, "k", "n")]), [[0, 3]]);
    let twice = rule.replace("where: event_name = 'One'", "where: event_name = 'One'\n    at_least: 2");
    assert_eq!(everywhere(&twice, &[at(0, "One"), at(1, "Two"), at(2, "One")]), [[0, 1, 2]]);
    assert_eq!(everywhere(&twice, &[at(1, "Two"), at(2, "One")]), Vec::<Vec<u64>>::new());
}

#[test]
fn hostile_counts_take_seconds() {
    const MANY: i64 = 10_000;
    let wide = |rule: &str| rule.replace("within: 10s", "within: 7d");
    let numbered = |event: Event, number: i64| event.with(Column::EventId, number).with(Column::RecordIndex, number);
    let first = |net: fn(i64) -> String| (0..MANY).map(move |n| numbered(make(n, "k", &net(n)), n));
    let last = |net: &'static str| (0..MANY).map(move |n| numbered(using(MANY + n, "k", net), MANY + n));
    let started = Instant::now();
    let run_bare = |rule: &str, events: Vec<Event>| {
        let catalog = Catalog::of(&[rule], &CatalogOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        detect(&catalog, &EventFrame::of(vec![batch(&events)]), &DetectOptions::default()).expect("runs")
    };
    // One finding, which every use of the key extends.
    let joined = run_bare(&wide(BOUND), first(|_| "n".to_owned()).chain(last("m")).collect());
    assert_eq!(joined.findings.iter().map(|finding| finding.count).collect::<Vec<_>>(), [10_001]);
    assert_eq!(joined.rules.first().map(|rule| rule.status), Some(RunStatus::Run));
    // None fits: the nearest earlier events are tried, and the rule says so where there are more.
    assert_eq!(run_bare(&wide(BOUND), first(|_| "n".to_owned()).chain(last("n")).collect()).findings.len(), 0);
    let never = wide(BOUND).replace("is distinct from :net", "= lower(:net)");
    let tried = run_bare(&never, first(|n| format!("N{n}")).chain(last("m")).collect());
    assert_eq!(tried.findings.len(), 0);
    let status = tried.rules.first().expect("one");
    assert_eq!(
        (status.status, status.reason.as_deref()),
        (RunStatus::Degraded, Some("for 10000 events more than 1000 earlier values were at hand, and only the nearest were tried"))
    );
    // Turn by turn, and in any order.
    let turns = || {
        (0..MANY)
            .flat_map(|n| [numbered(make(2 * n, "k", "n"), 2 * n), numbered(using(2 * n + 1, "k", "m"), 2 * n + 1)])
            .collect::<Vec<_>>()
    };
    assert_eq!(run_bare(&wide(BOUND), turns()).findings.len(), 10_000);
    let unordered = wide(BOUND).replace("within: 7d", "within: 7d\nordered: false");
    assert_eq!(run_bare(&unordered, turns()).findings.len(), 10_000);
    assert_eq!(run_bare(&unordered, first(|_| "n".to_owned()).chain(last("n")).collect()).findings.len(), 0);
    let several = wide(BOUND).replace("bind: {key", "at_least: 3\n    bind: {key");
    assert_eq!(
        run_bare(&several, first(|_| "n".to_owned()).chain(last("m")).collect())
            .findings
            .iter()
            .map(|finding| finding.count)
            .collect::<Vec<_>>(),
        [20_000]
    );
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
}

#[test]
fn bad_sequences_are_refused_with_their_line() {
    let bad = |rule: &str, from: &str, to: &str| refusal(&[&rule.replacen(from, to, 1)], &CatalogOptions::default());
    insta::assert_snapshot!(bad(PLAIN, "by: [principal]\n", ""), @"rule rule0.yml:5: a rule of kind sequence needs the key `by`");
    insta::assert_snapshot!(bad(PLAIN, "within: 10s\n", ""), @"rule rule0.yml:5: a rule of kind sequence needs the key `within`");
    insta::assert_snapshot!(bad(PLAIN, "    where: event_name = 'Two'", "    where: event_nam = 'Two'"), @"rule rule0.yml:10: step `two`: no column or field `event_nam`: did you mean `event_name`?");
    insta::assert_snapshot!(bad(PLAIN, "    where: event_name = 'Two'", "    were: event_name = 'Two'"), @"rule rule0.yml:10: no key `were` in a rule: did you mean `where`?");
    insta::assert_snapshot!(bad(PLAIN, "name: two", "name: one"), @"rule rule0.yml:9: step `one`: the name is there twice");
    insta::assert_snapshot!(bad(PLAIN, "name: two", "name: Two"), @"rule rule0.yml:9: step `Two`: a name has small letters, digits and `_`, and begins with a letter");
    insta::assert_snapshot!(bad(PLAIN, "name: two", "name: absent"), @"rule rule0.yml:9: step `absent`: the name has a meaning of its own in rules");
    insta::assert_snapshot!(bad(PLAIN, "    where: event_name = 'Two'", "    where: event_name = 'Two'\n    optional: true"), @"rule rule0.yml:9: step `two`: the last step cannot be optional");
    insta::assert_snapshot!(bad(PLAIN, "    where: event_name = 'Two'", "    where: event_name = 'Two'\n    at_least: 0"), @"rule rule0.yml:11: step `two`: `at_least` lies between 1 and 1000");
    insta::assert_snapshot!(bad(PLAIN, "  - name: two\n    where: event_name = 'Two'\n", ""), @"rule rule0.yml:7: steps: two at least are needed, or one and `absent`");
    insta::assert_snapshot!(bad(PLAIN, "{two.count}", "{twoo.count}"), @"rule rule0.yml:13: message: no step `twoo`: did you mean `two`?");
    insta::assert_snapshot!(bad(PLAIN, "{one.event_name}", "{one.event_nam}"), @"rule rule0.yml:13: message: no column or field `event_nam`: did you mean `event_name`?");
    insta::assert_snapshot!(bad(PLAIN, "{one.event_name}", "{one.resource_arns}"), @"rule rule0.yml:13: message: the column `resource_arns` is a list, which a sentence cannot hold");
    insta::assert_snapshot!(bad(PLAIN, "within: 10s", "within: 10s\nat_least: 2"), @"rule rule0.yml:13: the key `at_least` means nothing for a rule of kind sequence, which has steps, by, within, ordered, absent, message");
    insta::assert_snapshot!(bad(PLAIN, "within: 10s", "within: 10s\nabsent: {where: ok}"), @"rule rule0.yml:13: `absent` needs `within` (how long after the last event), `before`, or both");
    insta::assert_snapshot!(bad(BOUND, "key: session_name", "principal: session_name"), @"rule rule0.yml:9: step `make`: bind `principal`: there is a column of that name");
    insta::assert_snapshot!(bad(BOUND, "severity: high", "severity: high\nparams: {key: x}"), @"rule rule0.yml:10: step `make`: bind `key`: the name is taken by a field, parameter or list");
    insta::assert_snapshot!(bad(BOUND, "key: session_name", "key: session_nam"), @"rule rule0.yml:9: step `make`: bind `key`: no column or field `session_nam`: did you mean `session_name`?");
    insta::assert_snapshot!(bad(BOUND, "key: session_name", "key: event_time"), @"rule rule0.yml:9: step `make`: bind `key`: the column `event_time` is a time or a list, which nothing can be grouped by");
    insta::assert_snapshot!(bad(BOUND, "= :key", "= :kee"), @"rule rule0.yml:11: step `use`: no parameter `kee`: did you mean `key`?");
    insta::assert_snapshot!(bad(BOUND, "= 'Make'", "= 'Make' and user_name = :key"), @"rule rule0.yml:8: step `make`: no parameter `key`: give it a value under `params`");
    insta::assert_snapshot!(bad(BOUND, "net: source_ip_net", "net: record_index"), @"rule rule0.yml:11: step `use`: `source_ip_net` is text, but `:net` is an integer");
    insta::assert_snapshot!(bad(REPLACED, "within: 10s", "within: soon"), @"rule rule0.yml:12: `within: soon` is no length of time: write 30s, 10m, 24h or 7d");
    let options = CatalogOptions { set: vec!["T-020.tow.at_least=2".to_owned()], ..CatalogOptions::default() };
    let rule = PLAIN.replace("where: event_name = 'Two'", "where: event_name = 'Two'\n    at_least: 2");
    insta::assert_snapshot!(refusal(&[&rule], &options), @"--set T-020.tow.at_least=2: rule T-020 has no parameter `tow.at_least`: did you mean `two.at_least`?");
}

#[test]
fn a_step_that_can_never_come_is_told() {
    let rule = PLAIN.replace("event_name = 'Two'", "event_name = 'Two' and event_name = 'One'");
    let detections = run_with(&[&rule], &CatalogOptions::default(), &[at(0, "One")]);
    assert_eq!(detections.rules.first().map(|rule| rule.status), Some(RunStatus::Never));
}
