//! The JSON documents, one a command, each with its schema and the ledger.

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::case::{Case, Coverage, Verified};
use crate::completeness::{Completeness, Silence};
use crate::detect::Detections;
use crate::digest::Verification;
use crate::problem::{Ledger, Problem};

/// The document of `detect`.
pub fn detect(case: &Case, detections: &Detections) -> Value {
    let mut document = document("detect", &case.ledger);
    add_detections(&mut document, detections);
    Value::Object(document)
}

/// The document of `investigate`.
pub fn investigate(case: &Case, detections: &Detections) -> Value {
    let mut document = document("investigate", &case.ledger);
    document.insert("coverage".to_owned(), coverage(&case.coverage));
    let verification = case.integrity.as_ref().and_then(|integrity| integrity.verification.as_ref());
    document.insert("integrity".to_owned(), json!(verification));
    document.insert("completeness".to_owned(), case.completeness.as_ref().map_or(Value::Null, completeness));
    // No IAM state is replayed yet, so nothing is claimed.
    document.insert("drift".to_owned(), Value::Null);
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

fn coverage(coverage: &Coverage) -> Value {
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
