//! The scanner and the reader beside `serde_json`, on any text.
//!
//! Each line is one record. Both must accept and refuse the same (but for numbers too large for a double, which the
//! scanner keeps as text), and yield the same keys, texts and nested parts. The scanner must know of keys that come
//! twice, and the reader must give the same event whether or not it remembers records from before.

#![no_main]

use bumpalo::Bump;
use libfuzzer_sys::fuzz_target;
use parts::event::Event;
use parts::event::json::{Fault, Scanner, text_of};
use parts::event::reader::{self, Outcome, Wrap};
use parts::schema::Column;
use serde_json::Value;
use serde_json::value::RawValue;

#[path = "json_differential/reference.rs"]
mod reference;

use reference::{Entries, Repeats};

fuzz_target!(|text: &str| {
    let arena = Bump::new();
    let mut known = Event::new(&arena);
    for record in text.split('\n') {
        match serde_json::from_str::<Value>(record) {
            Ok(value) => accepted(record, &value, &mut known),
            Err(error) if error.to_string().starts_with("number out of range") => {}
            Err(_) => refused(record),
        }
    }
});

fn refused(text: &str) {
    let arena = Bump::new();
    let mut scanner = Scanner::new(text, &arena);
    let read = scanner.skip_value(0);
    assert!(read.is_err() || scanner.skip_space().is_some(), "serde_json refuses it");
    let read_as_record = reader::read(&mut Scanner::new(text, &arena), &mut Event::new(&arena));
    // A list of records is found before the rest of the object is looked at.
    assert!(read.is_ok() || !matches!(read_as_record, Ok(Outcome::Event(_) | Outcome::Foreign(_) | Outcome::NotAnObject)));
}

fn accepted<'a>(text: &str, value: &Value, known: &mut Event<'a>) {
    let arena = Bump::new();
    let mut scanner = Scanner::new(text, &arena);
    let json = scanner.json(0).expect("serde_json accepts it");
    assert!(scanner.skip_space().is_none());
    let Repeats(repeats) = serde_json::from_str(text).expect("as above");
    assert_eq!(scanner.take_duplicate_keys(), repeats, "keys that come twice");
    assert_eq!(serde_json::from_str::<Value>(json).ok().as_ref(), Some(value));
    assert_eq!(Scanner::new(json, &arena).json(0), Ok(json), "compact JSON has nothing to take out");
    assert_eq!(text_of(json, &arena), value.as_str());
    shallow(text, &arena);
    if value.is_object() {
        entries(text);
        record(text, value, known);
    }
}

/// Ways to skip a value without looking at it closely end where the strict way does.
fn shallow(text: &str, arena: &Bump) {
    let mut strict = Scanner::new(text, arena);
    assert!(strict.skip_value(0).is_ok());
    let mut shallow = Scanner::new(text, arena);
    assert!(shallow.skip_shallow().is_ok());
    let mut balanced = Scanner::new(text, arena);
    assert!(balanced.skip_balanced(usize::MAX).is_ok());
    assert_eq!((shallow.position(), balanced.position()), (strict.position(), strict.position()));
}

/// Keys and values as they stand, in their order.
fn entries(text: &str) {
    let arena = Bump::new();
    let Entries(wanted) = serde_json::from_str(text).expect("an object that was accepted");
    let mut found: Vec<(&str, &str)> = Vec::new();
    let read: Result<(), Fault> = Scanner::new(text, &arena).object(1, |scanner, key| {
        let start = scanner.position();
        scanner.skip_value(1)?;
        found.push((key, scanner.since(start)));
        Ok(())
    });
    assert_eq!(read, Ok(()));
    assert!(found.iter().copied().eq(wanted.iter().map(|(key, raw)| (key.as_str(), RawValue::get(raw)))), "{found:?} {wanted:?}");
}

/// The record's event: its fields are the record's own, and nothing of records before.
fn record<'a>(text: &str, value: &Value, known: &mut Event<'a>) {
    let fresh_arena = Bump::new();
    let mut event = Event::new(&fresh_arena);
    let fresh = match reader::read(&mut Scanner::new(text, &fresh_arena), &mut event) {
        Ok(outcome) => outcome,
        // The only text inside a text that is read at once.
        Err(Fault::Syntax { expected: "an event as JSON in its envelope", .. }) => return,
        Err(fault) => panic!("serde_json accepts it: {fault:?}"),
    };
    let arena = known.arena();
    let again = reader::read(&mut Scanner::new(arena.alloc_str(text), arena), known);
    assert_eq!(again, Ok(fresh));
    if !matches!(fresh, Outcome::Event(_)) {
        return;
    }
    assert_eq!(format!("{event:?}"), format!("{known:?}"), "with and without records before");
    assert_eq!(event.resources(), known.resources());
    if fresh == Outcome::Event(Wrap::Bare) {
        same_fields(value, &event);
    }
}

fn same_fields(value: &Value, event: &Event<'_>) {
    for (key, column) in TEXTS {
        if let Some(wanted) = value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()) {
            assert_eq!(event.text(column), Some(wanted), "{key}");
        }
    }
    for (key, column) in IDENTITY_TEXTS {
        if let Some(wanted) = value.get("userIdentity").and_then(|identity| identity.get(key)).and_then(Value::as_str) {
            assert_eq!(event.text(column).unwrap_or_default(), wanted, "userIdentity.{key}");
        }
    }
    for (key, column) in PARTS {
        if let Some(wanted) = value.get(key).filter(|part| !part.is_null() && !part.is_string()) {
            let found = event.text(column).and_then(|json| serde_json::from_str::<Value>(json).ok());
            assert_eq!(found.as_ref(), Some(wanted), "{key}");
        }
    }
    let extra: Value = event.text(Column::Extra).map_or(Value::Null, |json| serde_json::from_str(json).expect("extra is JSON"));
    for (key, wanted) in value.as_object().into_iter().flatten() {
        // CloudTrail's own keys are all letters, so that such a key has no column.
        if !key.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            assert_eq!(extra.get(key), Some(wanted), "extra {key}");
        }
    }
    for (key, found) in extra.as_object().into_iter().flatten() {
        // A key that differs from CloudTrail's by its case alone is kept in CloudTrail's spelling.
        let spellings = value.as_object().into_iter().flatten().filter(|(other, _)| other.eq_ignore_ascii_case(key));
        assert!(spellings.into_iter().any(|(_, value)| value == found), "extra {key}");
    }
}

/// Texts that the reader leaves as they are.
const TEXTS: [(&str, Column); 12] = [
    ("eventVersion", Column::EventVersion),
    ("eventName", Column::EventName),
    ("awsRegion", Column::AwsRegion),
    ("sourceIPAddress", Column::SourceIpAddress),
    ("userAgent", Column::UserAgent),
    ("errorCode", Column::ErrorCode),
    ("errorMessage", Column::ErrorMessage),
    ("eventID", Column::EventId),
    ("eventType", Column::EventType),
    ("recipientAccountId", Column::RecipientAccountId),
    ("vpcEndpointId", Column::VpcEndpointId),
    ("eventCategory", Column::EventCategory),
];

const IDENTITY_TEXTS: [(&str, Column); 4] = [
    ("principalId", Column::UserPrincipalId),
    ("arn", Column::UserArn),
    ("accountId", Column::UserAccountId),
    ("userName", Column::UserName),
];

const PARTS: [(&str, Column); 5] = [
    ("userIdentity", Column::UserIdentity),
    ("requestParameters", Column::RequestParameters),
    ("responseElements", Column::ResponseElements),
    ("additionalEventData", Column::AdditionalEventData),
    ("serviceEventDetails", Column::ServiceEventDetails),
];
