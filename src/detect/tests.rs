//! Rules over small frames made by hand.

mod first_seen;
mod sequence;
mod state;

use polars::prelude::{Column as Series, DataFrame, IntoColumn as _};

use super::*;
use crate::schema::{Column, Kind as ColumnKind};
use crate::time::EventTime;

/// One event: the values of some columns; all others are null.
#[derive(Debug, Clone, Default)]
struct Event(Vec<(Column, String)>);

impl Event {
    fn with(mut self, column: Column, value: impl std::fmt::Display) -> Self {
        self.0.push((column, value.to_string()));
        self
    }

    fn value(&self, column: Column) -> Option<&str> {
        self.0.iter().rev().find(|(known, _)| *known == column).map(|(_, value)| value.as_str())
    }
}

/// An event some seconds after a fixed moment, by `principal`, which does `name`.
fn event(second: i64, principal: &str, name: &str) -> Event {
    Event::default()
        .with(Column::EventTime, 1_767_225_600 + second)
        .with(Column::EventId, format!("{principal}-{name}-{second}"))
        .with(Column::Principal, principal)
        .with(Column::EventName, name)
        .with(Column::Object, "a.json.gz")
        .with(Column::RecordIndex, second)
        .with(Column::Ok, true)
}

fn column(column: Column, events: &[Event]) -> Series {
    let name = column.name().into();
    let texts = events.iter().map(|event| event.value(column).map(str::to_owned));
    let parsed = |value: Option<String>| value.map(|value| value.parse::<i64>().expect("a number"));
    let kind = EventFrame::schema().get(column.name()).expect("a column").clone();
    match column.kind() {
        ColumnKind::Text | ColumnKind::Json => Series::new(name, texts.collect::<Vec<_>>()),
        ColumnKind::Int => Series::new(name, texts.map(parsed).collect::<Vec<_>>()),
        ColumnKind::Flag => Series::new(name, texts.map(|value| value.map(|value| value == "true")).collect::<Vec<_>>()),
        ColumnKind::Time => {
            let micros = texts.map(|value| parsed(value).map(|seconds| seconds * 1_000_000)).collect::<Vec<_>>();
            Series::new(name, micros).cast(&kind).expect("a time")
        }
        ColumnKind::TextList => Series::full_null(name, events.len(), &kind),
    }
}

fn batch(events: &[Event]) -> DataFrame {
    let columns = Column::ALL.iter().map(|known| column(*known, events).into_column()).collect();
    DataFrame::new(events.len(), columns).expect("columns of one length")
}

fn run_with(rules: &[&str], options: &CatalogOptions, events: &[Event]) -> Detections {
    let catalog = Catalog::of(rules, options).unwrap_or_else(|error| panic!("{error}"));
    let frame = EventFrame::of(events.chunks(3).map(batch).collect());
    detect(&catalog, &frame, &DetectOptions::default()).expect("runs")
}

fn run(rule: &str, events: &[Event]) -> Vec<Finding> {
    run_with(&[rule], &CatalogOptions::default(), events).findings
}

fn refusal(rules: &[&str], options: &CatalogOptions) -> String {
    Catalog::of(rules, options).map(|catalog| format!("loaded {:?}", catalog.rules())).expect_err("refused").to_string()
}

/// The seconds of a finding's events.
fn seconds(finding: &Finding) -> Vec<u64> {
    finding.evidence.iter().filter_map(|evidence| evidence.record_index).collect()
}

const SINGLE: &str = "
id: T-001
title: A call
severity: {default: low, high: event_name = 'Delete'}
kind: single
attack: [T1078.004]
cis: [4.10]
fields: {user: requestParameters.userName}
where: event_name in ('Create', 'Delete') and user <> 'ci'
message: '{principal} calls {event_name} on {user} at {event_time} from {source_ip_address}'
";

const ROLLED: &str = "
id: T-002
title: Calls
severity: medium
kind: single
where: ok
roll_up: [principal]
every: 10s
message: '{principal}: {count} calls in {every}'
";

const BURST: &str = "
id: T-003
title: Many calls
severity: high
kind: threshold
where: event_name = 'Get'
by: [principal]
within: 10s
at_least: 3
message: '{principal}: {count} calls within {within}'
";

const SECRETS: &str = "
id: T-004
title: Many secrets
severity: high
kind: threshold
fields: {secret_id: requestParameters.secretId}
where: event_name = 'Get'
by: [principal]
within: 10s
distinct: secret_id
at_least: 2
message: '{principal}: {distinct} secrets in {count} calls, first {secret_id}'
";

fn get(second: i64) -> Event {
    event(second, "p", "Get")
}

fn secret(second: i64, id: &str) -> Event {
    get(second).with(Column::RequestParameters, format!("{{\"secretId\":{id}}}"))
}

#[test]
fn a_single_rule_yields_each_event() {
    let on = |user: &str| format!("{{\"userName\":\"{user}\"}}");
    let events = [
        event(5, "p", "Create").with(Column::RequestParameters, on("alice")).with(Column::UserAccountId, "012345678901"),
        event(1, "p", "Delete").with(Column::RequestParameters, on("bob")).with(Column::AwsRegion, "eu-west-1"),
        event(2, "p", "Delete").with(Column::RequestParameters, on("ci")),
        event(3, "p", "Delete"),
        event(4, "p", "Other").with(Column::RequestParameters, on("alice")),
        event(6, "p", "Delete").with(Column::RequestParameters, on("eve")).with(Column::EventCategory, "Insight"),
    ];
    let findings = run(SINGLE, &events);
    insta::assert_snapshot!(serde_json::to_string_pretty(&findings).expect("JSON"), @r#"
    [
      {
        "rule_id": "T-001",
        "title": "A call",
        "severity": "high",
        "family": "T",
        "kind": "single",
        "attack": [
          "T1078.004"
        ],
        "cis": [
          "4.10"
        ],
        "account_id": null,
        "region": "eu-west-1",
        "principal": "p",
        "source_ip_address": null,
        "event_name": "Delete",
        "first_time": "2026-01-01T00:00:01Z",
        "last_time": "2026-01-01T00:00:01Z",
        "count": 1,
        "message": "p calls Delete on bob at 2026-01-01T00:00:01Z from -",
        "event_ids": [
          "p-Delete-1"
        ],
        "evidence": [
          {
            "kind": "event",
            "object": "a.json.gz",
            "record_index": 1,
            "pointer": null,
            "event_id": "p-Delete-1",
            "integrity": "not_checked"
          }
        ],
        "false_positives": [],
        "next_steps": [],
        "source": "rule0.yml",
        "author": null,
        "license": null
      },
      {
        "rule_id": "T-001",
        "title": "A call",
        "severity": "low",
        "family": "T",
        "kind": "single",
        "attack": [
          "T1078.004"
        ],
        "cis": [
          "4.10"
        ],
        "account_id": "012345678901",
        "region": null,
        "principal": "p",
        "source_ip_address": null,
        "event_name": "Create",
        "first_time": "2026-01-01T00:00:05Z",
        "last_time": "2026-01-01T00:00:05Z",
        "count": 1,
        "message": "p calls Create on alice at 2026-01-01T00:00:05Z from -",
        "event_ids": [
          "p-Create-5"
        ],
        "evidence": [
          {
            "kind": "event",
            "object": "a.json.gz",
            "record_index": 5,
            "pointer": null,
            "event_id": "p-Create-5",
            "integrity": "not_checked"
          }
        ],
        "false_positives": [],
        "next_steps": [],
        "source": "rule0.yml",
        "author": null,
        "license": null
      }
    ]
    "#);
}

#[test]
fn roll_up_begins_at_the_first_event_and_holds_every() {
    let timeless = |index: i64| event(index, "p", "x").with(Column::EventId, format!("t{index}"));
    let mut events: Vec<_> = [0, 4, 10, 11, 20, 21, 22].map(|second| event(second, "p", "x")).into();
    events.push(event(5, "q", "y"));
    events.extend([90, 91].map(|index| {
        let mut event = timeless(index);
        event.0.retain(|(column, _)| *column != Column::EventTime);
        event
    }));
    let findings = run(ROLLED, &events);
    let of = |principal: &str| {
        findings.iter().filter(|finding| finding.principal.as_deref() == Some(principal)).map(seconds).collect::<Vec<_>>()
    };
    assert_eq!(of("p"), [vec![0, 4, 10], vec![11, 20, 21], vec![22], vec![90, 91]]);
    assert_eq!(of("q"), [vec![5]]);
    assert_eq!(findings.last().and_then(|finding| finding.first_time), None);
    assert_eq!(findings.first().map(|finding| finding.message.as_str()), Some("p: 3 calls in 10s"));
}

#[test]
fn a_window_is_closed_at_both_ends() {
    assert_eq!(run(BURST, &[0, 5, 10].map(get)).iter().map(seconds).collect::<Vec<_>>(), [vec![0, 5, 10]]);
    assert!(run(BURST, &[0, 5, 11].map(get)).is_empty());
    assert!(run(BURST, &[0, 5].map(get)).is_empty());
    let same = [7, 7, 7].map(get).into_iter().zip(0..).map(|(event, index)| event.with(Column::RecordIndex, index));
    assert_eq!(run(BURST, &same.collect::<Vec<_>>()).len(), 1);
}

#[test]
fn overlapping_windows_are_one_finding_that_later_events_extend() {
    let found = |times: &[i64]| run(BURST, &times.iter().map(|second| get(*second)).collect::<Vec<_>>());
    let shown = |times: &[i64]| found(times).iter().map(seconds).collect::<Vec<_>>();
    assert_eq!(shown(&[0, 20, 22, 24, 30, 40, 51]), [vec![20, 22, 24, 30, 40]]);
    assert_eq!(shown(&[0, 1, 2, 13, 14, 15]), [vec![0, 1, 2], vec![13, 14, 15]]);
    assert_eq!(shown(&[0, 1, 2, 12, 13, 14]), [vec![0, 1, 2, 12, 13, 14]]);
    assert_eq!(shown(&[0, 9, 11, 12]), [vec![9, 11, 12]]);
}

#[test]
fn keys_are_apart_and_null_is_a_key() {
    let mut events: Vec<_> = [0, 1].map(get).into();
    events.push(event(2, "q", "Get"));
    assert!(run(BURST, &events).is_empty());
    let nobody = |second: i64| {
        let mut event = get(second);
        event.0.retain(|(column, _)| *column != Column::Principal);
        event
    };
    let findings = run(BURST, &[3, 4, 5].map(nobody));
    assert_eq!(findings.first().map(|finding| finding.message.as_str()), Some("-: 3 calls within 10s"));
}

#[test]
fn distinct_values_are_counted() {
    let events =
        [secret(0, "\"a\""), secret(1, "\"a\""), secret(2, "\"a\""), get(3), secret(4, "\"b\""), secret(9, "null"), secret(14, "\"a\"")];
    let findings = run(SECRETS, &events);
    assert_eq!(findings.iter().map(seconds).collect::<Vec<_>>(), [vec![2, 4, 14]]);
    assert_eq!(findings.first().map(|finding| finding.message.as_str()), Some("p: 2 secrets in 3 calls, first a and 1 more"));
    assert!(run(SECRETS, &[secret(0, "\"a\""), secret(1, "\"a\"")]).is_empty());
    // The window is closed: the events of its first second are all inside.
    let tied = [secret(0, "\"a\"").with(Column::EventId, "1"), secret(0, "\"a\"").with(Column::EventId, "2"), secret(3, "\"b\"")];
    assert_eq!(run(SECRETS, &tied).first().map(|finding| finding.count), Some(3));
}

#[test]
fn the_order_of_events_does_not_matter() {
    let rules = [SINGLE, ROLLED, BURST, SECRETS];
    let mut events: Vec<_> =
        (0..40).map(|n| secret((n * 7) % 23, if n % 3 == 0 { "\"a\"" } else { "\"b\"" }).with(Column::RecordIndex, n)).collect();
    events.extend((0..9).map(|n| event(n, "q", "Delete").with(Column::RequestParameters, "{\"userName\":\"x\"}")));
    let forward = run_with(&rules, &CatalogOptions::default(), &events);
    assert!(forward.findings.len() > 10);
    events.reverse();
    assert_eq!(run_with(&rules, &CatalogOptions::default(), &events), forward);
    events.sort_by_key(|event| event.value(Column::RecordIndex).map(|index| index.chars().rev().collect::<String>()));
    assert_eq!(run_with(&rules, &CatalogOptions::default(), &events), forward);
}

#[test]
fn values_that_differ_are_not_claimed() {
    let events =
        [get(0).with(Column::SourceIpAddress, "a"), get(1).with(Column::SourceIpAddress, "a"), get(2).with(Column::SourceIpAddress, "b")];
    let findings = run(BURST, &events);
    let finding = findings.first().expect("one");
    assert_eq!((finding.source_ip_address.as_deref(), finding.event_name.as_deref()), (None, Some("Get")));
    assert_eq!(finding.first_time.map(EventTime::epoch), Some(1_767_225_600));
}

#[test]
fn rules_are_chosen_and_set() {
    let options = CatalogOptions { set: vec!["T-003.at_least=2".to_owned(), "T-003.within=1s".to_owned()], ..CatalogOptions::default() };
    let detections = run_with(&[BURST, SECRETS], &options, &[0, 1, 3].map(get));
    assert_eq!(detections.findings.iter().map(seconds).collect::<Vec<_>>(), [vec![0, 1]]);
    assert_eq!(detections.rules.iter().map(|rule| (rule.id.as_str(), rule.findings)).collect::<Vec<_>>(), [("T-003", 1), ("T-004", 0)]);

    let only = CatalogOptions { only: vec!["T-004".to_owned()], ..CatalogOptions::default() };
    let detections = run_with(&[BURST, SECRETS], &only, &[0, 1, 3].map(get));
    assert_eq!(
        detections.rules.first().map(|rule| (rule.status, rule.reason.as_deref())),
        Some((RunStatus::NotRun, Some("not among --only")))
    );

    let options = |set: &str| CatalogOptions { set: vec![set.to_owned()], ..CatalogOptions::default() };
    insta::assert_snapshot!(refusal(&[BURST], &options("T-003.atleast=2")), @"--set T-003.atleast=2: rule T-003 has no parameter `atleast`: did you mean `at_least`?");
    insta::assert_snapshot!(refusal(&[BURST], &options("T-03.within=2s")), @"--set T-03.within=2s: no rule T-03: did you mean T-003?");
    insta::assert_snapshot!(refusal(&[BURST], &options("within=2s")), @"--set within=2s: write ID.NAME=VALUE, such as CRED-006.at_least=20");
    insta::assert_snapshot!(refusal(&[BURST], &options("T-003.at_least=many")), @"--set T-003.at_least=many: `many` is not a whole number");
}

#[test]
fn bad_rules_are_refused_with_their_line() {
    let bad = |from: &str, to: &str| refusal(&[&BURST.replace(from, to)], &CatalogOptions::default());
    insta::assert_snapshot!(bad("event_name", "event_nam"), @"rule rule0.yml:6: where: no column or field `event_nam`: did you mean `event_name`?");
    insta::assert_snapshot!(bad("by: [principal]", "by: [principle]"), @"rule rule0.yml:7: by: no column or field `principle`: did you mean `principal`?");
    insta::assert_snapshot!(bad("within: 10s\n", ""), @"rule rule0.yml:5: a rule of kind threshold needs the key `within`");
    insta::assert_snapshot!(bad("within: 10s", "within: soon"), @"rule rule0.yml:8: `within: soon` is no length of time: write 30s, 10m, 24h or 7d");
    insta::assert_snapshot!(bad("where:", "were:"), @"rule rule0.yml:6: no key `were` in a rule: did you mean `where`?");
    insta::assert_snapshot!(bad("{principal}", "{principl}"), @"rule rule0.yml:10: message: no placeholder `principl`: did you mean `principal`?");
    insta::assert_snapshot!(bad("{count}", "{distinct}"), @"rule rule0.yml:10: message: no placeholder `distinct`: use a column, field or parameter, or {count}");
    insta::assert_snapshot!(bad("severity: high", "severity: severe"), @"rule rule0.yml:4: severity: `severe` is no severity: use critical, high, medium, low or info");
    insta::assert_snapshot!(bad("severity: high", "severity: {high: ok}"), @"rule rule0.yml:4: severity: a map needs the key `default`");
    insta::assert_snapshot!(bad("kind: threshold", "kind: sequence\nsteps: []"), @"rule rule0.yml:7: the key `where` means nothing for a rule of kind sequence, which has steps, by, within, ordered, absent, message");
    insta::assert_snapshot!(bad("kind: threshold", "kind: treshold"), @"rule rule0.yml:5: `treshold` is no kind of rule: use single, threshold, sequence, first-seen, state, table");
    insta::assert_snapshot!(bad("kind: threshold", "kind: single"), @"rule rule0.yml:7: the key `by` means nothing for a rule of kind single, which has where, roll_up, every, message");
    insta::assert_snapshot!(bad("kind: threshold", "fields: {principal: a.b}\nkind: threshold"), @"rule rule0.yml:5: field `principal`: there is a column of that name");
    insta::assert_snapshot!(bad("kind: threshold", "params: {limit: 1.5}\nkind: threshold"), @"rule rule0.yml:5: invalid type: floating point `1.5`, expected a whole number, true, false or a text (account ids in quotes)");
    insta::assert_snapshot!(bad("id: T-003\n", ""), @"rule rule0.yml: the key `id` is missing");
    insta::assert_snapshot!(bad("id: T-003", "id: T-003\nid: T-004"), @"rule rule0.yml:3: the key `id` is there twice");
    insta::assert_snapshot!(bad("kind: threshold", "kind: threshold\ndetection: {}"), @"rule rule0.yml: a Sigma rule: these cannot be read yet");
    let message = BURST.find("message").and_then(|at| BURST.get(..at)).expect("a message");
    insta::assert_snapshot!(refusal(&[message], &CatalogOptions::default()), @"rule rule0.yml:5: a rule of kind threshold needs the key `message`");
    insta::assert_snapshot!(refusal(&[BURST, BURST], &CatalogOptions::default()), @"rule rule1.yml:2: the id T-003 is taken by rule0.yml");
    let other = SECRETS.replace("T-004", "T-005").replace("requestParameters.secretId", "responseElements.ARN");
    insta::assert_snapshot!(refusal(&[SECRETS, &other], &CatalogOptions::default()), @"rule rule1.yml:6: field `secret_id`: one name has one path, and in rule0.yml it is `requestParameters.secretId`");

    let options = CatalogOptions { skip_bad_rules: true, ..CatalogOptions::default() };
    let detections = run_with(&[BURST, BURST, "id: [x"], &options, &[0, 1, 2].map(get));
    assert_eq!(detections.findings.len(), 1);
    assert_eq!(
        detections.rules.iter().map(|rule| rule.status).collect::<Vec<_>>(),
        [RunStatus::Run, RunStatus::Skipped, RunStatus::Skipped]
    );
}

const BYTES: &str = "
id: T-005
title: Much read
severity: high
kind: threshold
fields: {bytes_out: additionalEventData.bytesTransferredOut}
where: event_name = 'Get'
by: [principal]
within: 10s
at_least: 4
or_sum: {of: bytes_out, at_least: 1000}
message: '{count} reads, {sum} bytes'
";

#[test]
fn a_sum_fills_a_window_too() {
    let read = |second: i64, bytes: &str| get(second).with(Column::AdditionalEventData, format!("{{\"bytesTransferredOut\":{bytes}}}"));
    let shown = |events: &[Event]| {
        let findings = run(BYTES, events);
        findings.iter().map(|finding| (seconds(finding), finding.message.clone())).collect::<Vec<_>>()
    };
    let two = [read(0, "1.0"), read(1, "499.9"), read(5, "501"), read(20, "900")];
    assert_eq!(shown(&two), [(vec![1, 5], "2 reads, 1000 bytes".to_owned())]);
    assert_eq!(shown(&[read(0, "1.0E3")]), [(vec![0], "1 reads, 1000 bytes".to_owned())]);
    assert_eq!(
        shown(&[read(0, "\"many\""), get(1), read(2, "-5"), read(3, "null")]).first().map(|(_, text)| text.as_str()),
        Some("4 reads, 0 bytes")
    );
    assert_eq!(shown(&[read(0, "500"), read(11, "999"), read(12, "\"NaN\"")]), []);
    assert_eq!(shown(&[read(0, "9223372036854775807"), read(1, "9223372036854775807")]).len(), 1);

    let options = CatalogOptions { set: vec!["T-005.or_sum.at_least=1500".to_owned()], ..CatalogOptions::default() };
    assert_eq!(run_with(&[BYTES], &options, &two).findings, []);
    let bad = |from: &str, to: &str| refusal(&[&BYTES.replace(from, to)], &CatalogOptions::default());
    insta::assert_snapshot!(bad("of: bytes_out", "of: principal"), @"rule rule0.yml:11: or_sum: the column `principal` is no integer: give a field or an integer column");
    insta::assert_snapshot!(bad("of: bytes_out", "of: bytes_ou"), @"rule rule0.yml:11: or_sum: no column or field `bytes_ou`: did you mean `bytes_out`?");
    insta::assert_snapshot!(bad("at_least: 1000}", "at_least: 0}"), @"rule rule0.yml:11: or_sum: `at_least` is 0, which every window holds: give 1 or more");
    insta::assert_snapshot!(bad("{of: bytes_out, at_least: 1000}", "{of: bytes_out}"), @"rule rule0.yml: the key `at_least` is missing");
}

#[test]
fn accepted_lists_are_known_and_empty() {
    let rule = "
id: T-006
title: Calls that nobody accepted
severity: low
kind: single
where: not in_list(principal, :accepted_iac) and coalesce(not in_network(source_ip_address, :accepted_networks), true) and not in_list(coalesce(recipient_account_id, ''), :accepted_accounts)
message: '{principal}'
";
    let from = |principal: &str, hex: &str| event(1, principal, "Get").with(Column::SourceIpAddress, "x").with(Column::SourceIpHex, hex);
    let events = [
        from("terraform", "00000000000000000000ffffc6336401"),
        from("alice", "00000000000000000000ffffc6336401"),
        from("bob", "00000000000000000000ffffc0000201"),
    ];
    assert_eq!(run(rule, &events).len(), 3);
    let accepted = AcceptedLists { iac: vec!["terraform".to_owned()], networks: vec!["192.0.2.0/24".to_owned()], accounts: Vec::new() };
    let findings = run_with(&[rule], &CatalogOptions { accepted, ..CatalogOptions::default() }, &events).findings;
    assert_eq!(findings.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>(), ["alice"]);
    insta::assert_snapshot!(refusal(&[&rule.replace("severity", "lists: {accepted_iac: [x]}\nseverity")], &CatalogOptions::default()), @"rule rule0.yml: list `accepted_iac`: the name stands for what --accept lists");
}

#[test]
fn a_rule_that_can_never_fire_says_so() {
    let rule = BURST.replace("event_name = 'Get'", "event_name = 'Get' and event_name = 'Put'");
    let detections = run_with(&[&rule], &CatalogOptions::default(), &[get(0)]);
    let status = detections.rules.first().expect("one");
    assert_eq!((status.status, status.reason.as_deref()), (RunStatus::Never, Some("`event_name` would have to be two values at once")));
}

#[test]
fn a_table_rule_yields_rows() {
    let rule = "
id: T-010
title: Calls by principal
kind: table
sql: select principal, count(*) as calls from events group by principal order by principal
";
    let detections = run_with(&[rule], &CatalogOptions::default(), &[get(0), get(1), event(2, "q", "Put")]);
    let table = detections.tables.first().expect("one");
    let rows = serde_json::to_string(&table.rows).expect("JSON");
    assert_eq!((table.rule_id.as_str(), rows.as_str()), ("T-010", r#"[{"principal":"p","calls":2},{"principal":"q","calls":1}]"#));
    let bad = refusal(&[&rule.replace("principal,", "principle,")], &CatalogOptions::default());
    assert!(bad.starts_with("rule rule0.yml:5: query: "), "{bad}");
}

#[test]
fn the_built_in_rules_load() {
    let catalog = Catalog::builtin().unwrap_or_else(|error| panic!("{error}"));
    for rule in catalog.rules() {
        assert_eq!(rule.doubt, None, "{}", rule.id);
    }
}

#[test]
fn matches_let_go_of_the_other_texts_of_their_batch() {
    let called = |second: i64| {
        let name = if second == 500 { "Delete" } else { "Get" };
        let request = format!(r#"{{"userName":"somebody with number {second}"}}"#);
        event(second, &format!("principal number {second}"), name).with(Column::RequestParameters, request)
    };
    let events = EventFrame::of(vec![batch(&(0..1_000).map(called).collect::<Vec<_>>())]);
    let catalog = Catalog::of(&[SINGLE], &CatalogOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let found = rounds::scan(&catalog.rules().iter().collect::<Vec<_>>(), &events, None).expect("runs");
    let mut batches = 0;
    let looked = found.matches.each(0, |matches| {
        batches += 1;
        assert_eq!(matches.frame.height(), 1);
        for column in matches.frame.columns() {
            let held: usize = column
                .str()
                .map_or(0, |texts| texts.downcast_iter().map(polars_arrow::array::BinaryViewArrayGeneric::total_buffer_len).sum());
            assert!(held < 200, "{}: {held} bytes", column.name());
        }
        Ok(())
    });
    assert!(looked.is_ok() && batches == 1);
}
