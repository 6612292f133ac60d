//! The cases under `cases`, and what they lack.

use serde_json::{Value as Json, json};

use super::super::event::IamEvent;
use super::super::event::tests::event;
use super::super::policy::PolicyDocument;
use super::super::snapshot::Reading;
use super::*;

mod hostile;
mod log;
mod model;
mod properties;
mod refused;
mod scenes;
mod ways;

/// Each has events, snapshots, and the items that are expected, of which eight fields count as a multiset.
const CASES: [&str; 30] = [
    include_str!("cases/01-attach-admin-to-user.json"),
    include_str!("cases/02-same-second-create-role-file-order-reversed.json"),
    include_str!("cases/03-trust-opened-to-external-account.json"),
    include_str!("cases/04-transient-access-key.json"),
    include_str!("cases/05-mfa-reset-takeover.json"),
    include_str!("cases/06-password-policy-partial-update-resets-the-rest.json"),
    include_str!("cases/07-policy-version-set-default-then-back.json"),
    include_str!("cases/08-rename-user-then-change.json"),
    include_str!("cases/09-role-deleted-and-recreated-same-name.json"),
    include_str!("cases/10-unexplained-attachment-in-snapshot-b.json"),
    include_str!("cases/11-delete-role-with-attached-policy-left.json"),
    include_str!("cases/12-failed-calls-only.json"),
    include_str!("cases/13-add-self-to-admin-group.json"),
    include_str!("cases/14-scp-weakened-and-detached.json"),
    include_str!("cases/15-identity-center-assignment-and-its-role.json"),
    include_str!("cases/16-no-baseline-unknown-before.json"),
    include_str!("cases/17-approved-change-and-near-miss.json"),
    include_str!("cases/18-baseline-is-state-at-t0.json"),
    include_str!("cases/19-duplicates-and-shuffled-order.json"),
    include_str!("cases/20-boundary-and-deny-removed.json"),
    include_str!("cases/21-oidc-provider-and-trust-without-sub.json"),
    include_str!("cases/22-root-access-key-and-root-mfa.json"),
    include_str!("cases/23-usage-without-events.json"),
    include_str!("cases/24-one-second-with-two-ends.json"),
    include_str!("cases/25-credential-report-only.json"),
    include_str!("cases/26-roles-anywhere.json"),
    include_str!("cases/27-server-certificate.json"),
    include_str!("cases/28-refused-calls.json"),
    include_str!("cases/29-swap-with-full-quota.json"),
    include_str!("cases/30-user-made-used-and-deleted-in-one-second.json"),
];

/// [`super::Drift`] with its items at hand.
#[derive(Debug, PartialEq)]
struct Drift {
    items: Vec<Item>,
    launches: Vec<Launch>,
    coverage: Coverage,
    noops: usize,
    duplicates: usize,
    duplicate_mismatches: Vec<(String, String)>,
    approved_not_observed: Vec<String>,
    gaps: Vec<Gap>,
    start: State,
    state: State,
}

fn drift(events: &[IamEvent], setup: &Setup) -> Drift {
    let events = IamEvents::of(events.iter().cloned()).expect("they fit in memory");
    let found = super::drift(&events, setup).expect("nothing is read from a file");
    let super::Drift { items, launches, coverage, noops, duplicates, duplicate_mismatches, approved_not_observed, gaps, start, state } =
        found;
    let items = items.all().expect("nothing is read from a file");
    Drift { items, launches, coverage, noops, duplicates, duplicate_mismatches, approved_not_observed, gaps, start, state }
}

fn snapshot(case: &Json, name: &str) -> Vec<Snapshot> {
    let read = |json: &Json| Snapshot::read(name, &json.to_string(), &Reading::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
    case.get(name).map(read).into_iter().collect()
}

fn setup(case: &Json) -> Setup {
    let accounts = case.get("trusted_accounts").and_then(Json::as_array).into_iter().flatten();
    Setup {
        baselines: snapshot(case, "baseline"),
        t0: case.get("t0").map(|t0| EventTime::parse(t0.as_str().expect("a text")).expect("a time")),
        later: snapshot(case, "snapshot_after"),
        trusted_accounts: accounts.map(|account| account.as_str().expect("a text").to_owned()).collect(),
        approved: case.get("approved_changes").map(|approved| read_approvals(&approved.to_string()).expect("changes")).unwrap_or_default(),
        has_all_events: true,
        ..Setup::default()
    }
}

fn events(case: &Json) -> Vec<IamEvent> {
    case["events"].as_array().expect("a list").iter().map(event).collect()
}

/// The eight fields of an item as text, with documents in their canonical form.
fn eight(item: &Json) -> String {
    let value = |name: &str| match &item[name] {
        Json::Object(_) => {
            PolicyDocument::parse(&item[name].to_string()).map_or_else(|_| item[name].to_string(), |document| document.canonical())
        }
        other => other.to_string(),
    };
    ["entity", "kind", "attribute", "before", "after", "actor_arn", "event_id", "risk"].map(value).join(" | ")
}

fn written(items: &[Item]) -> Vec<Json> {
    items.iter().map(|item| serde_json::to_value(item).expect("JSON")).collect()
}

fn lines(items: &[Json]) -> Vec<String> {
    let mut lines: Vec<String> = items.iter().map(eight).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn each_case_has_its_items() {
    for text in CASES {
        let case: Json = serde_json::from_str(text).expect("JSON");
        let found = written(&drift(&events(&case), &setup(&case)).items);
        let expected = case["expected"].as_array().expect("a list");
        assert_eq!(lines(&found), lines(expected), "{}", case["name"]);
        for wanted in expected {
            let item = found.iter().find(|item| eight(item) == eight(wanted)).expect("compared above");
            for (name, value) in wanted.as_object().expect("an object") {
                let is_optional = ["order", "net", "approved_by", "near_miss", "caused_by"].contains(&name.as_str());
                assert!(!is_optional || item[name] == *value, "{}: {name} of {} is {}", case["name"], eight(item), item[name]);
                if name == "patterns" {
                    let all = item[name].as_array().expect("a list");
                    assert!(
                        value.as_array().expect("a list").iter().all(|pattern| all.contains(pattern)),
                        "{}: {all:?} lacks {value}",
                        case["name"]
                    );
                }
            }
        }
    }
}
