//! The JSON documents, one a command, each with its schema and the ledger.

use std::cell::RefCell;
use std::fmt;

use serde::ser::{Error as _, SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::drift::life::{Moment, life};
use crate::case::{self, Case, Replay, Verified};
use crate::completeness::{Completeness, Silence};
use crate::detect::{self, Detections, EvidenceKind, Finding, Integrity, RuleStatus, RuleTable, Suppressed};
use crate::digest::Verification;
use crate::error::Error;
use crate::iam::drift::{Counts, Coverage, Evidence, Gap, Item, Items, Launch};
use crate::iam::kind::Kind;
use crate::problem::{Ledger, Problem};
use crate::time::TimeRange;

/// What all documents begin with, and what a command answers, in one object.
#[derive(Serialize)]
struct Document<B> {
    #[serde(flatten)]
    head: Map<String, Value>,
    #[serde(flatten)]
    body: B,
}

/// The document of `detect`.
pub fn detect<'d>(case: &Case, detections: &'d Detections) -> impl Serialize + use<'d> {
    Document { head: document("detect", &case.ledger), body: DetectionsPart::new(detections) }
}

/// The document of `drift`, with those of `items`, and the lives of entities.
///
/// # Errors
/// Those of reading items and events.
pub fn drift<'d>(replay: &'d Replay, items: DriftItems<'d>, entities: &[String]) -> Result<impl Serialize + use<'d>, Error> {
    let life = |entity: &String| {
        let moments: Value = life(&replay.drift.items, &replay.events, entity)?.iter().map(Moment::to_json).collect();
        Ok(json!({"entity": entity, "moments": moments}))
    };
    let lives = entities.iter().map(life).collect::<Result<_, Error>>()?;
    let head = document("drift", &items.case.ledger);
    Ok(Document { head, body: DriftAndLives { drift: DriftPart::new(replay, items), lives } })
}

#[derive(Serialize)]
struct DriftAndLives<'d> {
    #[serde(flatten)]
    drift: DriftPart<'d>,
    lives: Value,
}

/// An item of drift, with what the digests say of its evidence.
#[derive(Debug)]
pub struct DriftItem<'d> {
    case: &'d Case,
    item: Item,
}

impl DriftItem<'_> {
    /// Its fields, as a row.
    pub fn row(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        }
    }
}

impl Serialize for DriftItem<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let evidence: Vec<detect::Evidence> = self.item.evidence.iter().map(|evidence| drift_evidence(self.case, evidence)).collect();
        self.item.serialize_with(&evidence, serializer)
    }
}

/// Items of drift, to be written: each is read when it is its turn.
#[derive(Clone, Copy)]
pub struct DriftItems<'d> {
    case: &'d Case,
    items: &'d Items,
    is_asked: &'d dyn Fn(&Item) -> bool,
}

impl fmt::Debug for DriftItems<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DriftItems").field("items", self.items).finish_non_exhaustive()
    }
}

impl<'d> DriftItems<'d> {
    /// Those that are asked for.
    pub fn new(case: &'d Case, items: &'d Items, is_asked: &'d dyn Fn(&Item) -> bool) -> Self {
        Self { case, items, is_asked }
    }

    /// One after another.
    pub fn iter(self) -> impl Iterator<Item = Result<DriftItem<'d>, Error>> {
        let asked = self.items.iter().filter(move |item| item.as_ref().map_or(true, self.is_asked));
        asked.map(move |item| Ok(DriftItem { case: self.case, item: item? }))
    }
}

/// The document of `investigate`.
pub fn investigate<'d>(case: &'d Case, replay: &'d Replay, detections: &'d Detections) -> impl Serialize + use<'d> {
    let mut head = document("investigate", &case.ledger);
    head.insert("coverage".to_owned(), coverage(&case.coverage));
    Investigate {
        head,
        integrity: case.integrity.as_ref().and_then(|integrity| integrity.verification.as_ref()),
        completeness: case.completeness.as_ref().map(completeness),
        drift: DriftPart::new(replay, DriftItems::new(case, &replay.drift.items, &|_| true)),
        detections: DetectionsPart::new(detections),
    }
}

#[derive(Serialize)]
struct Investigate<'d> {
    #[serde(flatten)]
    head: Map<String, Value>,
    integrity: Option<&'d Verification>,
    completeness: Option<Value>,
    drift: DriftPart<'d>,
    #[serde(flatten)]
    detections: DetectionsPart<'d>,
}

/// The document of `verify`.
pub fn verify(verified: &Verified) -> impl Serialize {
    Document { head: document("verify", &verified.ledger), body: &verified.verification }
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
struct DriftPart<'d> {
    head: [(&'static str, Value); 3],
    items: DriftItems<'d>,
    rest: [(&'static str, Value); 5],
}

impl<'d> DriftPart<'d> {
    fn new(replay: &Replay, items: DriftItems<'d>) -> Self {
        let Replay { drift, gaps, verified, untimed, .. } = replay;
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
        let head = [
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
        ];
        let rest = [
            ("noop", drift.noops.into()),
            ("duplicate_mismatches", drift.duplicate_mismatches.iter().map(pair).collect()),
            ("approved_not_observed", json!(drift.approved_not_observed)),
            ("launches", drift.launches.iter().map(launch).collect()),
            ("untimed", (*untimed).into()),
        ];
        Self { head, items, rest }
    }
}

impl Serialize for DriftPart<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { head, items, rest } = self;
        let mut fields = serializer.serialize_map(None)?;
        head.iter().try_for_each(|(name, value)| fields.serialize_entry(name, value))?;
        // Those that are written are counted meanwhile.
        let counted = Counted { items: *items, counts: RefCell::default() };
        fields.serialize_entry("items", &counted)?;
        let counts = counted.counts.into_inner();
        let unseen = counts.of(|kind| kind == Kind::UnexplainedChange);
        fields.serialize_entry("contradictions", &counts.contradictions().saturating_sub(unseen))?;
        fields.serialize_entry("unexplained", &unseen)?;
        rest.iter().try_for_each(|(name, value)| fields.serialize_entry(name, value))?;
        fields.end()
    }
}

/// Items, and how many of which sort were written.
struct Counted<'d> {
    items: DriftItems<'d>,
    counts: RefCell<Counts>,
}

impl Serialize for Counted<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for item in self.items.iter() {
            let item = item.map_err(S::Error::custom)?;
            self.counts.borrow_mut().add(&item.item);
            list.serialize_element(&item)?;
        }
        list.end()
    }
}

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
fn drift_evidence(case: &Case, evidence: &Evidence) -> detect::Evidence {
    match evidence {
        Evidence::Record { object, record_index, event_id } => detect::Evidence {
            kind: EvidenceKind::Event,
            object: object.clone(),
            record_index: *record_index,
            pointer: None,
            event_id: Some((&**event_id).into()),
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
    }
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

/// What the events cover.
pub fn coverage(coverage: &case::Coverage) -> Value {
    json!({
        "accounts": coverage.accounts,
        "regions": coverage.regions,
        "first_event": coverage.first_event.map(|time| time.to_string()),
        "last_event": coverage.last_event.map(|time| time.to_string()),
    })
}

/// What the rules found. It may be as long as the log, so that it is written as it is met.
#[derive(Serialize)]
struct DetectionsPart<'d> {
    findings: &'d [Finding],
    tables: RuleTables<'d>,
    rules: &'d [RuleStatus],
    suppressed: &'d [Suppressed],
}

impl<'d> DetectionsPart<'d> {
    fn new(detections: &'d Detections) -> Self {
        let Detections { findings, tables, rules, suppressed, seen: _ } = detections;
        Self { findings, tables: RuleTables(tables), rules, suppressed }
    }
}

/// The rows of `table` rules, by rule.
struct RuleTables<'d>(&'d [RuleTable]);

impl Serialize for RuleTables<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|table| (&table.rule_id, &table.rows)))
    }
}
