//! [`Items`]: what was found, outside of memory where it is much.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::super::attribute::{StoredValue, Written};
use super::super::kind::{Kind, Risk};
use super::super::policy::{Document, StoredDocument};
use super::Certainty;
use super::document::Documents;
use super::finish::Endings;
use super::item::{Caller, Doubt, Evidence, Item, Missing, Ordering};
use crate::error::Error;
use crate::frame::{Once, Texts};
use crate::severity::Severity;
use crate::spool::{Span, Spool, at_once, decoded, spoiled};
use crate::time::EventTime;

/// Items in the order of replay.
///
/// In memory stand their places and what many of them share; all else is read when an item is asked for.
#[derive(Debug, Default)]
pub struct Items {
    spool: Spool,
    spans: Vec<Span>,
    texts: Texts,
    callers: Once<Caller>,
    traits: Once<Traits>,
    counts: Counts,
    /// What they lack as they were kept; `None` of items that lack nothing.
    endings: Option<Endings>,
}

/// How many items of which sort there are.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    /// By their kinds.
    pub kinds: BTreeMap<Kind, u64>,
    /// Those that were approved.
    pub approved: u64,
    /// Records that changed something; copies of an event that differ are records of their own.
    pub events: u64,
    /// The object and index of the last of them.
    last_record: Option<(Arc<str>, Option<u64>)>,
}

impl Counts {
    /// Counts an item; those of one record follow one another.
    pub(crate) fn add(&mut self, item: &Item) {
        *self.kinds.entry(item.kind).or_default() += 1;
        self.approved += u64::from(item.approved_by.is_some());
        if let Some(event_id) = item.event_id.as_ref().filter(|_| !item.kind.is_contradiction()) {
            let record = item.evidence.iter().find_map(|evidence| match evidence {
                Evidence::Record { object, record_index, event_id: id } if id == event_id => Some((object.clone(), *record_index)),
                _ => None,
            });
            if record.is_none() || record != self.last_record {
                self.events += 1;
                self.last_record = record;
            }
        }
    }

    /// Changes, which the log explains.
    pub fn changes(&self) -> u64 {
        self.of(|kind| !kind.is_contradiction())
    }

    /// What the log does not explain.
    pub fn contradictions(&self) -> u64 {
        self.of(Kind::is_contradiction)
    }

    /// Those of some kinds.
    pub fn of(&self, is_asked: impl Fn(Kind) -> bool) -> u64 {
        self.kinds.iter().filter(|(kind, _)| is_asked(**kind)).map(|(_, count)| count).sum()
    }
}

/// What items of one sort have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Traits {
    kind: Kind,
    risk: Risk,
    account: Arc<str>,
    confidence: Vec<Doubt>,
    severity: Severity,
    patterns: Vec<&'static str>,
    net: Option<bool>,
    order: Ordering,
}

impl Items {
    /// Keeps items.
    ///
    /// # Errors
    /// Where they do not fit in memory and cannot be written to a file.
    pub fn of(items: impl IntoIterator<Item = Item>) -> Result<Self, Error> {
        let mut all = Self::default();
        for item in items {
            all.push(&item, None)?;
        }
        Ok(all)
    }

    /// Gives them what each lacked until all were known.
    pub(super) fn ending(self, endings: Endings) -> Self {
        Self { endings: Some(endings), ..self }
    }

    /// How many of which sort there are.
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Each of them; some hundred at a time are read side by side when it is their turn.
    pub fn iter(&self) -> impl Iterator<Item = Result<Item, Error>> + '_ {
        let read = |start: usize, spans: &[Span]| match self.spool.run(spans) {
            Ok(run) => {
                let read = |(place, span): (usize, &Span)| self.decoded(start + place, run.bytes(*span)?);
                spans.par_iter().enumerate().map(read).collect()
            }
            Err(error) => vec![Err(error)],
        };
        let mut start = 0;
        let parts = std::iter::from_fn(move || {
            let rest = self.spans.get(start..).filter(|rest| !rest.is_empty())?;
            let (part, _) = rest.split_at_checked(at_once(rest.iter().copied()))?;
            start += part.len();
            Some((start - part.len(), part))
        });
        parts.flat_map(move |(start, part): (usize, &[Span])| read(start, part))
    }

    /// The item that stands at a place; `None` where there is none.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn get(&self, place: usize) -> Result<Option<Item>, Error> {
        self.spans.get(place).map(|span| self.decoded(place, &self.spool.bytes(*span)?)).transpose()
    }

    /// All of them at once, for who has to look at them again and again.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub fn all(&self) -> Result<Vec<Item>, Error> {
        self.iter().collect()
    }

    /// Adds an item, with the place of the track of what it is about.
    pub(super) fn push(&mut self, item: &Item, track: Option<usize>) -> Result<(), Error> {
        self.counts.add(item);
        // Each field by its name, so that one more cannot be forgotten here.
        let Item {
            entity,
            kind,
            attribute,
            before,
            after,
            by,
            event_id,
            risk,
            account,
            event_time,
            evidence,
            confidence,
            severity,
            patterns,
            net,
            reverted_by,
            caused_by,
            confirmed_by,
            approved_by,
            near_miss,
            order,
            statements,
            missing,
        } = item;
        let traits = Traits {
            kind: *kind,
            risk: *risk,
            account: account.clone(),
            confidence: confidence.clone(),
            severity: *severity,
            patterns: patterns.clone(),
            net: *net,
            order: *order,
        };
        let stored = Stored {
            entity: self.texts.code(entity),
            attribute: self.texts.code(attribute),
            traits: self.traits.code(&Arc::new(traits)),
            by: by.as_ref().map(|by| self.callers.code(by)),
            before: before.stored(),
            after: after.stored(),
            event_id: event_id.as_deref(),
            event_time: event_time.map(EventTime::micros),
            evidence: evidence.iter().map(|evidence| StoredEvidence::of(evidence, &mut self.texts)).collect(),
            reverted_by: reverted_by.as_deref(),
            caused_by: caused_by.as_deref(),
            confirmed_by: confirmed_by.as_deref(),
            approved_by: approved_by.as_deref(),
            near_miss: near_miss.as_deref(),
            statements: statements.as_ref().map(|statements| {
                let [of_before, of_after] = statements.both();
                [Side::of(of_before, before), Side::of(of_after, after)]
            }),
            missing: missing.as_deref().map(StoredMissing::of),
            track,
        };
        self.spans.push(self.spool.add(&stored)?);
        Ok(())
    }

    fn decoded(&self, place: usize, bytes: &[u8]) -> Result<Item, Error> {
        let stored: Stored<'_> = decoded(bytes)?;
        let text = |code| self.texts.get(code).cloned().unwrap_or_default();
        let traits = self.traits.get(stored.traits).ok_or_else(spoiled)?;
        let own = |text: Option<&str>| text.map(Arc::from);
        let (before, after) = (Written::from(stored.before), Written::from(stored.after));
        let statements =
            stored.statements.map(|[of_before, of_after]| Documents::between(of_before.document(&before), of_after.document(&after)));
        let mut item = Item {
            entity: text(stored.entity),
            kind: traits.kind,
            attribute: text(stored.attribute),
            by: stored.by.and_then(|code| self.callers.get(code).cloned()),
            event_id: own(stored.event_id),
            risk: traits.risk,
            account: traits.account.clone(),
            event_time: stored.event_time.and_then(EventTime::from_micros),
            evidence: stored.evidence.into_iter().map(|evidence| evidence.read(text)).collect(),
            confidence: traits.confidence.clone(),
            severity: traits.severity,
            patterns: traits.patterns.clone(),
            net: traits.net,
            reverted_by: own(stored.reverted_by),
            caused_by: own(stored.caused_by),
            confirmed_by: own(stored.confirmed_by),
            approved_by: own(stored.approved_by),
            near_miss: own(stored.near_miss),
            order: traits.order,
            statements,
            missing: stored.missing.and_then(StoredMissing::read).map(Box::new),
            before,
            after,
        };
        if let Some(endings) = &self.endings {
            endings.finish(&mut item, place, stored.track);
        }
        Ok(item)
    }
}

/// An item as the spool has it, with what many share by its codes.
#[derive(Serialize, Deserialize)]
struct Stored<'i> {
    entity: u32,
    attribute: u32,
    traits: u32,
    by: Option<u32>,
    #[serde(borrow)]
    before: StoredValue<'i>,
    after: StoredValue<'i>,
    event_id: Option<&'i str>,
    event_time: Option<i64>,
    evidence: Vec<StoredEvidence<'i>>,
    reverted_by: Option<&'i str>,
    caused_by: Option<&'i str>,
    confirmed_by: Option<&'i str>,
    approved_by: Option<&'i str>,
    near_miss: Option<&'i str>,
    statements: Option<[Side<'i>; 2]>,
    missing: Option<StoredMissing<'i>>,
    track: Option<usize>,
}

#[derive(Serialize, Deserialize)]
enum StoredEvidence<'i> {
    Record { object: u32, record_index: Option<u64>, event_id: &'i str },
    Snapshot { file: u32, pointer: &'i str },
}

impl<'i> StoredEvidence<'i> {
    fn of(evidence: &'i Evidence, texts: &mut Texts) -> Self {
        match evidence {
            Evidence::Record { object, record_index, event_id } => {
                Self::Record { object: texts.code(object), record_index: *record_index, event_id }
            }
            Evidence::Snapshot { file, pointer } => Self::Snapshot { file: texts.code(file), pointer },
        }
    }

    fn read(self, text: impl Fn(u32) -> Arc<str>) -> Evidence {
        match self {
            Self::Record { object, record_index, event_id } => {
                Evidence::Record { object: text(object), record_index, event_id: event_id.into() }
            }
            Self::Snapshot { file, pointer } => Evidence::Snapshot { file: text(file), pointer: pointer.into() },
        }
    }
}

/// One of two documents that are compared.
#[derive(Serialize, Deserialize)]
enum Side<'i> {
    Absent,
    /// It is the item's value.
    Value,
    #[serde(borrow)]
    Other(StoredDocument<'i>),
}

impl<'i> Side<'i> {
    fn of(document: Option<&'i Arc<Document>>, value: &Written) -> Self {
        match (document, value) {
            (None, _) => Self::Absent,
            (Some(document), Written::Document(value)) if Arc::ptr_eq(document, value) => Self::Value,
            (Some(document), _) => Self::Other(document.stored()),
        }
    }

    fn document(self, value: &Written) -> Option<Arc<Document>> {
        match (self, value) {
            (Self::Value, Written::Document(document)) => Some(document.clone()),
            (Self::Other(document), _) => Some(Arc::new(document.into())),
            (Self::Value | Self::Absent, _) => None,
        }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredMissing<'i> {
    since: Option<i64>,
    until: i64,
    contradicts: Option<&'i str>,
    certainty: Option<Certainty>,
    gaps: Cow<'i, [String]>,
}

impl<'i> StoredMissing<'i> {
    fn of(missing: &'i Missing) -> Self {
        let Missing { window: (since, until), contradicts, certainty, gaps } = missing;
        Self {
            since: since.map(EventTime::micros),
            until: until.micros(),
            contradicts: contradicts.as_deref(),
            certainty: *certainty,
            gaps: Cow::Borrowed(gaps),
        }
    }

    fn read(self) -> Option<Missing> {
        Some(Missing {
            window: (self.since.and_then(EventTime::from_micros), EventTime::from_micros(self.until)?),
            contradicts: self.contradicts.map(Arc::from),
            certainty: self.certainty,
            gaps: self.gaps.into_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::attribute::Value;
    use super::*;
    use crate::spool::VALUES_AT_ONCE;

    fn document(action: &str) -> Value {
        Value::document(Some(&json!({"Statement": {"Effect": "Allow", "Action": action, "Resource": "*"}}).to_string()))
    }

    /// An item with something in each field.
    fn full() -> Item {
        let (before, after) = (document("s3:Get*"), document("iam:*"));
        let (Value::Document(left), Value::Document(right)) = (&before, &after) else { panic!("they are documents") };
        let time = |text: &str| EventTime::parse(text).expect("a time");
        let text = |text: &str| Some(Arc::from(text));
        Item {
            entity: "arn:aws:iam::111122223333:user/bob".into(),
            kind: Kind::InlinePolicyPut,
            attribute: "inline_policies[p]".into(),
            before: Written::Document(left.clone()),
            after: Written::Document(right.clone()),
            by: Some(Arc::new(Caller { actor_arn: text("arn"), region: text("eu-west-1"), mfa: Some(false), ..Caller::default() })),
            event_id: text("event"),
            risk: Risk::PrivilegeEscalation,
            account: "111122223333".into(),
            event_time: Some(time("2026-03-02T10:00:00.5Z")),
            evidence: vec![
                Evidence::Record { object: "a.json".into(), record_index: Some(7), event_id: "event".into() },
                Evidence::Snapshot { file: "s.json".into(), pointer: "/UserDetailList/0".into() },
            ],
            confidence: vec![Doubt::PathAssumed, Doubt::Pending],
            severity: Severity::High,
            patterns: vec!["N03", "R14"],
            net: Some(true),
            reverted_by: text("reverting"),
            caused_by: text("cause"),
            confirmed_by: text("confirming"),
            approved_by: text("CHG-1"),
            near_miss: text("CHG-2"),
            order: Ordering::Reordered,
            statements: Documents::of(&before, &after),
            missing: Some(Box::new(Missing {
                window: (Some(time("2026-03-01T00:00:00Z")), time("2026-03-02T00:00:00Z")),
                contradicts: text("said otherwise"),
                certainty: Some(Certainty::ProvenGap),
                gaps: vec!["a gap".to_owned()],
            })),
        }
    }

    #[test]
    fn items_come_back_whole() {
        let full = full();
        let plain =
            |before: Written, after: Written| Item::inferred("e".into(), "a".into(), Kind::TagChanged, "tags[k]".into(), before, after);
        // What is compared need not be what is written: the value after a call may have become open.
        let open = Item { after: json!("<ambiguous>").into(), ..full.clone() };
        let of_one = Item { before: json!(null).into(), statements: Documents::of(&Value::Absent, &document("iam:*")), ..full.clone() };
        let items = vec![
            full,
            plain(json!(null).into(), json!({"a": [1, -2, "\u{0}é", 0.5]}).into()),
            plain(json!(true).into(), json!(false).into()),
            open,
            of_one,
        ];
        let kept = Items::of(items.clone()).expect("they fit in memory");
        let read = kept.all().expect("nothing is read from a file");
        assert_eq!(read, items);
        // Equal documents may be written in several ways.
        let written = |items: &[Item]| serde_json::to_string(items).expect("JSON");
        assert_eq!(written(&read), written(&items));
    }

    #[test]
    fn many_items_stay_in_their_order() {
        let item = |number: usize| Item { event_id: Some(number.to_string().into()), ..full() };
        let kept = Items::of((0..=3 * VALUES_AT_ONCE).map(item)).expect("they fit in memory");
        let ids: Vec<String> = kept.iter().filter_map(|item| Some(item.expect("it is read").event_id?.to_string())).collect();
        assert_eq!(ids, (0..=3 * VALUES_AT_ONCE).map(|number| number.to_string()).collect::<Vec<_>>());
        assert_eq!((kept.len(), kept.is_empty(), Items::default().is_empty()), (ids.len(), false, true));
    }

    #[test]
    fn items_are_counted_by_their_kinds_and_changes_by_their_events() {
        let item = |kind, id: &str, record_index| {
            let record = Evidence::Record { object: "log".into(), record_index: Some(record_index), event_id: id.into() };
            Item { kind, event_id: Some(id.into()), approved_by: None, evidence: vec![record], ..full() }
        };
        let approved = Item { approved_by: Some("CHG-1".into()), ..item(Kind::TagChanged, "b", 2) };
        let copy = item(Kind::TagChanged, "b", 3);
        let items = [item(Kind::UserCreated, "a", 0), item(Kind::VersionGap, "z", 1), item(Kind::TagChanged, "a", 0), approved, copy];
        let kept = Items::of(items).expect("they fit in memory");
        let counts = kept.counts();
        assert_eq!((counts.changes(), counts.contradictions(), counts.approved, counts.events), (4, 1, 1, 3));
        assert_eq!(counts.of(|kind| kind == Kind::TagChanged), 3);
    }
}
