//! What an object is, and what follows from all of its fields together, once its keys have been read.

use bumpalo::Bump;
use serde_json::Value;

use super::{Field, Outcome, Stop, Wrap, inner_json, keep_extra, lookup, read_field, read_object};
use crate::event::Event;
use crate::event::json::{Fault, Scanner, text_of};
use crate::event::rewrite::last_wins;
use crate::problem::ProblemKind;
use crate::schema::Column;
use crate::time::EventTime;

/// Decides what the object is, once all of its keys have been read.
pub(super) fn finish<'a>(whole: &'a str, event: &mut Event<'a>, duplicate_keys: bool) -> Result<Outcome<'a>, Fault> {
    if duplicate_keys {
        return finish_repeated(whole, event);
    }
    if !event.extra_mut().is_empty() {
        if let Some(outcome) = unwrap_single(event)? {
            return Ok(outcome);
        }
        match_without_case(event)?;
    }
    if !looks_like_event(event) {
        let list = event.extra_mut().iter().filter(|(_, json)| json.starts_with('[')).find_map(|(key, _)| Wrap::of_list(key));
        return Ok(list.map_or_else(|| Outcome::Foreign(foreign_kind(event)), Outcome::Wrapper));
    }
    if event.is(Column::EventSource, "aws:s3") && event.text(Column::EventVersion).is_some_and(|version| version.starts_with("2.")) {
        return Ok(Outcome::Foreign("an S3 event notification"));
    }
    complete(event, None);
    Ok(Outcome::Event(Wrap::Bare))
}

/// A record that names a key twice: it is written anew with the last values, and the result is read instead.
fn finish_repeated<'a>(whole: &'a str, event: &mut Event<'a>) -> Result<Outcome<'a>, Fault> {
    let arena = event.arena();
    let text = arena.alloc_str(&last_wins(whole)?);
    let mut scanner = Scanner::new(text, arena);
    event.clear();
    let outcome = match read_object(&mut scanner, event) {
        Ok(()) => match finish(text, event, false)? {
            Outcome::Event(wrap) => Outcome::Event(wrap),
            other => return Ok(other),
        },
        Err(Stop::Fault(fault)) => return Err(fault),
        Err(Stop::Wrapper(wrap)) => return Ok(Outcome::Wrapper(wrap)),
    };
    event.set_flag(Column::HasDuplicateKeys, true);
    event.notice(ProblemKind::DuplicateKeys, "an object in the record names a key twice; the last one counts");
    Ok(outcome)
}

/// Where in an object its first list of records begins, and what that list makes of the object.
pub(super) fn list_of_records<'a>(whole: &'a str, arena: &'a Bump) -> Option<(usize, Wrap)> {
    let mut scanner = Scanner::new(whole, arena);
    let mut found = None;
    let read = scanner.object(1, |scanner, key| {
        if let Some(wrap) = Wrap::of_list(key).filter(|_| scanner.peek() == Some(b'[') && found.is_none()) {
            found = Some((scanner.position(), wrap));
        }
        scanner.skip_value(1)
    });
    found.filter(|_| read.is_ok())
}

fn looks_like_event(event: &Event<'_>) -> bool {
    event.has(Column::EventVersion) && (event.has(Column::EventSource) || event.has(Column::EventName) || event.has(Column::EventType))
        || event.has(Column::EventName) && event.has(Column::EventSource)
        || event.has(Column::EventId) && (event.has(Column::EventName) || event.has(Column::InsightDetails))
}

/// A row of `lookup-events` or an `EventBridge` envelope: the event inside is read in its place.
fn unwrap_single<'a>(event: &mut Event<'a>) -> Result<Option<Outcome<'a>>, Fault> {
    let arena = event.arena();
    let (inner, wrap, outer_time) = if let Some(json) = event.extra_any_case("CloudTrailEvent") {
        (text_of(json, arena), Wrap::LookupEvents, event.extra_any_case("EventTime"))
    } else if let (Some(detail), Some(_), false) = (event.extra("detail"), event.extra("detail-type"), looks_like_event(event)) {
        (Some(detail), Wrap::EventBridge, event.extra("time"))
    } else {
        return Ok(None);
    };
    let Some(inner) = inner.filter(|text| text.trim_start().starts_with('{')) else { return Ok(None) };
    let outer_time = outer_time.and_then(|json| text_of(json, arena).or(Some(json))).and_then(EventTime::parse);
    event.clear();
    let mut scanner = Scanner::new(inner, arena);
    match read_object(&mut scanner, event) {
        Ok(()) => {}
        // Offsets inside a text that stands inside a text mean nothing to the reader of a report.
        Err(Stop::Fault(_)) => return Err(Fault::Syntax { at: 0, expected: "an event as JSON in its envelope" }),
        Err(Stop::Wrapper(_)) => return Ok(Some(Outcome::Foreign("records inside a single-event envelope"))),
    }
    let repeated = scanner.take_duplicate_keys();
    if repeated {
        return finish_repeated(inner, event).map(|outcome| Some(rewrap(outcome, wrap)));
    }
    match_without_case(event)?;
    if !looks_like_event(event) {
        return Ok(Some(Outcome::Foreign("an envelope without a CloudTrail event in it")));
    }
    complete(event, outer_time);
    Ok(Some(Outcome::Event(wrap)))
}

const fn rewrap(outcome: Outcome<'_>, wrap: Wrap) -> Outcome<'_> {
    match outcome {
        Outcome::Event(_) => Outcome::Event(wrap),
        Outcome::Wrapper(_) => Outcome::Foreign("records inside a single-event envelope"),
        other => other,
    }
}

/// Gives keys that only differ by case from CloudTrail's to their columns, where the exact key is absent.
fn match_without_case(event: &mut Event<'_>) -> Result<(), Fault> {
    let arena = event.arena();
    for (key, json) in std::mem::take(event.extra_mut()) {
        let taken = |event: &Event<'_>, field| match field {
            Field::Text(column) | Field::Flag(column) | Field::Json(column) => event.has(column),
            Field::UserIdentity => event.has(Column::UserIdentity),
            Field::Resources => !event.resources().is_empty(),
            Field::TlsDetails => event.has(Column::TlsVersion),
        };
        match Field::of_any_case(key) {
            Some((exact, field)) if exact != key && !taken(event, field) => {
                // Athena and Lake write nested parts as texts: open them first.
                let opened = text_of(json, arena).and_then(|text| inner_json(text, arena)).unwrap_or(json);
                read_field(&mut Scanner::new(opened, arena), event, exact, field)?;
            }
            _ => keep_extra(event, key, json),
        }
    }
    Ok(())
}

/// What follows from all fields together: times, empty texts, sign-in results, extra keys.
fn complete(event: &mut Event<'_>, outer_time: Option<EventTime>) {
    for column in [Column::ErrorCode, Column::ErrorMessage, Column::UserAccessKeyId, Column::EventId, Column::VpcEndpointId] {
        if event.is(column, "") {
            event.unset(column);
        }
    }
    set_time(event, outer_time);
    set_sign_in_fields(event);
    if let Some(addendum) = event.text(Column::Addendum) {
        let arena = event.arena();
        event.set_optional(Column::AddendumOriginalEventId, lookup(addendum, &["originalEventID"], arena));
    }
    if event.text(Column::EventVersion).is_some_and(|version| !version.starts_with("1.") && version != "1") {
        let message = format!("eventVersion {}, read as version 1", event.text(Column::EventVersion).unwrap_or_default());
        event.notice(ProblemKind::UnknownVersion, message);
    }
    event.set_flag(Column::HasDuplicateKeys, false);
    set_extra(event);
}

fn set_time(event: &mut Event<'_>, outer_time: Option<EventTime>) {
    let raw = event.text(Column::EventTimeRaw).filter(|text| !text.is_empty());
    if let Some(time) = raw.and_then(EventTime::parse_plain) {
        event.unset(Column::EventTimeRaw);
        event.set_time(Column::EventTime, time);
        return;
    }
    if let Some(time) = raw.and_then(EventTime::parse) {
        event.set_time(Column::EventTime, time);
        return;
    }
    let arena = event.arena();
    let shipped = event.extra("@timestamp").and_then(|json| text_of(json, arena)).and_then(EventTime::parse);
    match (raw, shipped.or(outer_time)) {
        (None, Some(time)) => {
            event.unset(Column::EventTimeRaw);
            event.set_time(Column::EventTime, time);
            event.notice(ProblemKind::TimeFromEnvelope, "no eventTime; the time is the envelope's");
        }
        (Some(text), _) => {
            let shown: String = text.chars().take(40).collect();
            let message = format!("eventTime {shown:?} is no time that can be read");
            event.notice(ProblemKind::BadTime, message);
        }
        (None, None) => {
            event.unset(Column::EventTimeRaw);
            event.notice(ProblemKind::BadTime, "no eventTime, and no time in the envelope");
        }
    }
}

fn set_sign_in_fields(event: &mut Event<'_>) {
    // Sign-in events are the only ones with these fields, and they are rare.
    if !event.text(Column::EventSource).is_some_and(|source| source.eq_ignore_ascii_case("signin.amazonaws.com"))
        && !event.is(Column::EventName, "ConsoleLogin")
    {
        return;
    }
    let arena = event.arena();
    if let Some(json) = event.text(Column::AdditionalEventData) {
        event.set_optional(Column::MfaUsed, lookup(json, &["MFAUsed"], arena));
        event.set_optional(Column::MfaIdentifier, lookup(json, &["MFAIdentifier"], arena));
    }
    if let Some(json) = event.text(Column::ResponseElements) {
        event.set_optional(Column::ConsoleLoginResult, lookup(json, &["ConsoleLogin"], arena));
    }
}

fn set_extra(event: &mut Event<'_>) {
    if event.extra_mut().is_empty() {
        return;
    }
    let arena = event.arena();
    let bytes = event.extra_mut().iter().map(|(key, json)| key.len() + json.len() + 4).sum();
    let mut text = bumpalo::collections::String::with_capacity_in(bytes, arena);
    text.push('{');
    for (position, (key, json)) in event.extra_mut().iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        text.push_str(&Value::from(*key).to_string());
        text.push(':');
        text.push_str(json);
    }
    text.push('}');
    event.set_text(Column::Extra, text.into_bump_str());
}

/// What an object without CloudTrail's fields most likely is.
fn foreign_kind<'a>(event: &Event<'a>) -> &'a str {
    let has = |key: &str| event.extra(key).is_some();
    if has("digestStartTime") && has("logFiles") {
        "a CloudTrail digest file"
    } else if has("class_uid") || has("metadata") && (has("class_name") || has("activity_id")) {
        "an OCSF event"
    } else if has("configurationItems") || has("configSnapshotId") {
        "an AWS Config file"
    } else if has("Records") {
        "an object whose Records is no list"
    } else {
        "JSON without CloudTrail's fields"
    }
}
