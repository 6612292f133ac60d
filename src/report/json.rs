//! The JSON documents, one a command, each with its schema and the ledger.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::drift::life::{Moment, life};
use crate::case::{self, Case, Replay, Verified};
use crate::completeness::{Completeness, Silence};
use crate::detect::{self, Detections, EvidenceKind, Integrity};
use crate::digest::Verification;
use crate::iam::drift::{Coverage, Evidence, Gap, Item, Launch};
use crate::iam::kind::Kind;
use crate::problem::{Ledger, Problem};
use crate::time::TimeRange;

/// The document of `detect`.
pub fn detect(case: &Case, detections: &Detections) -> Value {
    let mut document = document("detect", &case.ledger);
    add_detections(&mut document, detections);
    Value::Object(document)
}

/// The document of `drift`, with those of the items, and the lives of entities.
pub fn drift(case: &Case, replay: &Replay, items: &[Map<String, Value>], entities: &[String]) -> Value {
    let mut document = document("drift", &case.ledger);
    document.extend(drift_part(replay, items));
    let moments = |entity: &String| -> Value { life(&replay.drift.items, &replay.events, entity).iter().map(Moment::to_json).collect() };
    let lives = entities.iter().map(|entity| json!({"entity": entity, "moments": moments(entity)})).collect();
    document.insert("lives".to_owned(), lives);
    Value::Object(document)
}

/// The items of drift, each with what the digests say of its evidence.
pub fn drift_items(case: &Case, replay: &Replay) -> Vec<Map<String, Value>> {
    replay.drift.items.iter().map(|item| drift_item(case, item)).collect()
}

/// One item of drift.
pub fn drift_item(case: &Case, item: &Item) -> Map<String, Value> {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(item) else { return Map::new() };
    let evidence = item.evidence.iter().map(|evidence| drift_evidence(case, evidence)).collect();
    fields.insert("evidence".to_owned(), evidence);
    fields
}

/// The document of `investigate`.
pub fn investigate(case: &Case, replay: &Replay, detections: &Detections) -> Value {
    let mut document = document("investigate", &case.ledger);
    document.insert("coverage".to_owned(), coverage(&case.coverage));
    let verification = case.integrity.as_ref().and_then(|integrity| integrity.verification.as_ref());
    document.insert("integrity".to_owned(), json!(verification));
    document.insert("completeness".to_owned(), case.completeness.as_ref().map_or(Value::Null, completeness));
    document.insert("drift".to_owned(), Value::Object(drift_part(replay, &drift_items(case, replay))));
    add_detections(&mut document, detections);
    Value::Object(document)
}

/// The document of `verify`.
pub fn verify(verified: &Verified) -> impl Serialize {
    Verify { head: document("verify", &verified.ledger), verification: &verified.verification }
}

/// The one document that is as long as the input.
#[derive(Serialize)]
struct Verify<'v> {
    #[serde(flatten)]
    head: Map<String, Value>,
    #[serde(flatten)]
    verification: &'v Verification,
}

/// The document of a command whose answer is rows.
pub fn rows(command: &str, ledger: &Ledger, rows: Vec<Map<String, Value>>) -> Value {
    let mut document = document(command, ledger);
    document.insert("rows".to_owned(), rows.into_iter().map(Value::Object).collect());
    Value::Object(document)
}

/// The ledger: both sums, and the lists behind them.
pub fn ledger(ledger: &Ledger) -> Value {
    let (objects, records) = (&ledger.objects, &ledger.records);
    json!({
        "objects": {"listed": objects.listed, "read": objects.read, "skipped": objects.skipped, "problems": objects.problems},
        "records": {"seen": records.seen, "loaded": records.loaded, "duplicates": records.duplicates, "problems": records.problems},
        "bytes": {"compressed": ledger.compressed_bytes, "inflated": ledger.inflated_bytes},
        "problems": ledger.problems.iter().map(problem).collect::<Vec<_>>(),
        "notices": ledger.notices.iter().map(problem).collect::<Vec<_>>(),
        "skipped": ledger.skipped.iter().map(|skipped| json!({"object": skipped.object, "reason": skipped.reason})).collect::<Vec<_>>(),
        "filtered": {"objects": ledger.filtered.objects, "records": ledger.filtered.records},
    })
}

/// One problem or notice.
pub fn problem(problem: &Problem) -> Value {
    let place = &problem.place;
    json!({
        "object": place.object,
        "record_index": place.record_index,
        "offset": place.offset,
        "kind": problem.kind.name(),
        "message": problem.message,
    })
}

fn document(command: &str, books: &Ledger) -> Map<String, Value> {
    let mut document = Map::new();
    document.insert("schema".to_owned(), Value::from(format!("trailsift.{command}/1")));
    document.insert("ledger".to_owned(), ledger(books));
    document
}

/// What `drift` says besides the ledger: first how much was compared, and what the log is known to lack.
fn drift_part(replay: &Replay, items: &[Map<String, Value>]) -> Map<String, Value> {
    let Replay { drift, gaps, verified, untimed, .. } = replay;
    let is_kind =
        |item: &&Map<String, Value>, kinds: &[Kind]| kinds.iter().any(|kind| item.get("kind").is_some_and(|name| name == kind.name()));
    let count = |kinds: &[Kind]| items.iter().filter(|item| is_kind(item, kinds)).count();
    let range =
        |range: &TimeRange| json!({"from": range.since.map(|time| time.to_string()), "to": range.until.map(|time| time.to_string())});
    let gap = |gap: &Gap| {
        let mut gap_range = range(&gap.range);
        if let Some(fields) = gap_range.as_object_mut() {
            fields.insert("reason".to_owned(), gap.reason.clone().into());
        }
        gap_range
    };
    let Coverage { explained, unexplained, uncertain, not_covered } = drift.coverage;
    let pair = |(account, event_id): &(String, String)| json!({"account": account, "event_id": event_id});
    let parts = [
        (
            "coverage",
            json!({
                "compared": explained + unexplained + uncertain,
                "explained": explained,
                "unexplained": unexplained,
                "uncertain": uncertain,
                "not_covered": not_covered,
            }),
        ),
        ("gaps", gaps.iter().map(gap).collect()),
        ("verified", verified.iter().map(range).collect()),
        ("items", items.iter().cloned().map(Value::Object).collect()),
        ("contradictions", count(&CONTRADICTIONS).into()),
        ("unexplained", count(&[Kind::UnexplainedChange]).into()),
        ("noop", drift.noops.into()),
        ("duplicate_mismatches", drift.duplicate_mismatches.iter().map(pair).collect()),
        ("approved_not_observed", json!(drift.approved_not_observed)),
        ("launches", drift.launches.iter().map(launch).collect()),
        ("untimed", (*untimed).into()),
    ];
    parts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The kinds by which the log contradicts itself.
const CONTRADICTIONS: [Kind; 5] =
    [Kind::PreconditionViolation, Kind::VersionGap, Kind::IdentityRecreated, Kind::ActorContradiction, Kind::UsageWithoutEvents];

fn launch(launch: &Launch) -> Value {
    json!({
        "pattern": launch.pattern,
        "event_id": launch.event_id,
        "event_time": launch.event_time.to_string(),
        "actor_arn": launch.actor_arn,
        "role": launch.role,
        "outranks": launch.outranks,
    })
}

/// Evidence of drift in the form that findings have it.
fn drift_evidence(case: &Case, evidence: &Evidence) -> Value {
    let evidence = match evidence {
        Evidence::Record { object, record_index, event_id } => detect::Evidence {
            kind: EvidenceKind::Event,
            object: object.clone(),
            record_index: *record_index,
            pointer: None,
            event_id: Some(event_id.clone()),
            integrity: case.integrity_of(object),
        },
        Evidence::Snapshot { file, pointer } => detect::Evidence {
            kind: EvidenceKind::Snapshot,
            object: file.clone(),
            record_index: None,
            pointer: Some(pointer.clone()),
            event_id: None,
            integrity: Integrity::NotChecked,
        },
    };
    json!(evidence)
}

fn completeness(completeness: &Completeness) -> Value {
    let silence = |silence: &Silence| {
        json!({
            "account_id": silence.account_id,
            "region": silence.region,
            "from": silence.from.to_string(),
            "to": silence.to.to_string(),
            "usual_events": silence.usual_events,
        })
    };
    json!({
        "delivered": completeness.delivered,
        "not_here": completeness.not_here,
        "silent": completeness.silent.iter().map(silence).collect::<Vec<_>>(),
    })
}

fn coverage(coverage: &case::Coverage) -> Value {
    json!({
        "accounts": coverage.accounts,
        "regions": coverage.regions,
        "first_event": coverage.first_event.map(|time| time.to_string()),
        "last_event": coverage.last_event.map(|time| time.to_string()),
    })
}

fn add_detections(document: &mut Map<String, Value>, detections: &Detections) {
    let tables: Map<String, Value> = detections.tables.iter().map(|table| (table.rule_id.clone(), json!(table.rows))).collect();
    document.insert("findings".to_owned(), json!(detections.findings));
    document.insert("tables".to_owned(), Value::Object(tables));
    document.insert("rules".to_owned(), json!(detections.rules));
    document.insert("suppressed".to_owned(), json!(detections.suppressed));
}
