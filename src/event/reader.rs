//! From one JSON object to an [`Event`]: each field goes to its column of
//! [`Column`], in one pass over the text.
//!
//! A key that no column knows is kept in `extra`, so that nothing is lost. An
//! object that names a key twice is written anew and read again, so that the
//! last one wins everywhere.

use bumpalo::Bump;
use serde_json::Value;

use super::json::{Fault, Scanner, text_of};
use super::rewrite::last_wins;
use super::{Event, Resource, derive};
use crate::problem::ProblemKind;
use crate::schema::Column;
use crate::time::EventTime;

/// What one JSON value turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The event has been filled from a CloudTrail record, found in the envelope of that name.
    Event(Wrap),
    /// It is an object that holds records in an array: the scanner stands at its `[`.
    Wrapper(Wrap),
    /// A JSON object without any field of a CloudTrail event; what it is, as far as it can be told.
    Foreign(&'a str),
    /// A JSON value that is no object.
    NotAnObject,
}

/// In what a single record was wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrap {
    /// Nothing but the file's own framing.
    Bare,
    /// `{"Records": [...]}`.
    Records,
    /// A row of `aws cloudtrail lookup-events`.
    LookupEvents,
    /// The `detail` of an `EventBridge` envelope.
    EventBridge,
}

/// Reads the value at the scanner into `event`, which is cleared first.
///
/// On return the scanner stands after the value, or at the `[` of a wrapper's array.
///
/// # Errors
/// [`Fault`] where the text is not JSON.
pub fn read<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<Outcome<'a>, Fault> {
    event.clear();
    match scanner.skip_space().ok_or(Fault::Cut)? {
        b'{' => {}
        _ => return scanner.skip_value(0).map(|()| Outcome::NotAnObject),
    }
    let start = scanner.position();
    scanner.take_duplicate_keys();
    if let Err(stop) = read_object(scanner, event) {
        return match stop {
            Stop::Fault(fault) => Err(fault),
            Stop::Wrapper(wrap) => Ok(Outcome::Wrapper(wrap)),
        };
    }
    let outcome = finish(scanner.since(start), event, scanner.take_duplicate_keys())?;
    if matches!(outcome, Outcome::Event(_)) {
        derive::derive(event);
    }
    Ok(outcome)
}

/// Whether a key is one of an event's, or of an envelope around one, in any case of letters.
pub(super) fn is_event_key(key: &str) -> bool {
    Field::of_any_case(key).is_some() || key.eq_ignore_ascii_case("CloudTrailEvent") || key == "detail"
}

/// The scalar at a path of object keys in a JSON text; arrays on the way give their first element.
///
/// Texts come unescaped, numbers and truth values as their JSON text; `None` where
/// the path ends in nothing, in null, in an object or in an array.
pub fn lookup<'a>(json: &'a str, path: &[&str], arena: &'a Bump) -> Option<&'a str> {
    let found = find(json, path, arena)?;
    match found.as_bytes().first()? {
        b'"' => text_of(found, arena),
        b'{' | b'[' | b'n' => None,
        _ => Some(found),
    }
}

/// The JSON of the value at a path of object keys; arrays on the way give their first element.
fn find<'a>(json: &'a str, path: &[&str], arena: &'a Bump) -> Option<&'a str> {
    let mut scanner = Scanner::new(json, arena);
    let mut found = None;
    match scanner.skip_space()? {
        b'[' if !path.is_empty() => {
            let mut first = true;
            let _ = scanner.array(0, |scanner| {
                let element = scanner.json(0)?;
                if std::mem::take(&mut first) {
                    found = Some(element);
                }
                Ok::<(), Fault>(())
            });
            return find(found?, path, arena);
        }
        b'{' => {}
        _ => return path.is_empty().then_some(json),
    }
    let Some((wanted, rest)) = path.split_first() else { return Some(json) };
    // The last of repeated keys wins, so the whole object is read.
    scanner
        .object(0, |scanner, key| {
            let value = scanner.json(0)?;
            if key == *wanted {
                found = Some(value);
            }
            Ok::<(), Fault>(())
        })
        .ok()?;
    find(found?, rest, arena)
}

/// Why reading an object stopped early.
enum Stop {
    Fault(Fault),
    Wrapper(Wrap),
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn read_object<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Stop> {
    scanner.object(1, |scanner, key| {
        if read_field(scanner, event, key)? {
            return Ok(());
        }
        // Beside a field of CloudTrail's, a list of that name is a part of the record and hides nothing.
        if scanner.peek() == Some(b'[') && event.columns_set() == 0 {
            if key.eq_ignore_ascii_case("Records") {
                return Err(Stop::Wrapper(Wrap::Records));
            }
            if key.eq_ignore_ascii_case("Events") {
                return Err(Stop::Wrapper(Wrap::LookupEvents));
            }
        }
        let json = scanner.json(1)?;
        keep_extra(event, key, json);
        Ok(())
    })
}

/// Reads the value of a key that has a column; `false` and nothing read where it has none.
fn read_field<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>, key: &'a str) -> Result<bool, Fault> {
    let Some(field) = Field::of(key) else { return Ok(false) };
    match field {
        Field::Text(column) => {
            if scanner.peek() == Some(b'"') {
                event.set_text(column, scanner.string()?);
            } else {
                scalar_to_text(scanner, event, key, column)?;
            }
        }
        Field::Flag(column) => {
            let json = scanner.json(1)?;
            set_flag(event, key, json, column);
        }
        Field::Json(column) => {
            let json = scanner.json(1)?;
            set_json(event, column, json);
        }
        Field::UserIdentity => user_identity(scanner, event)?,
        Field::Resources => resources(scanner, event, key)?,
        Field::TlsDetails => tls_details(scanner, event, key)?,
    }
    Ok(true)
}

/// What a top-level key fills.
#[derive(Debug, Clone, Copy)]
enum Field {
    Text(Column),
    Flag(Column),
    Json(Column),
    UserIdentity,
    Resources,
    TlsDetails,
}

impl Field {
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "eventVersion" => Self::Text(Column::EventVersion),
            "userIdentity" => Self::UserIdentity,
            // The text waits here until all of the record is known.
            "eventTime" => Self::Text(Column::EventTimeRaw),
            "eventSource" => Self::Text(Column::EventSource),
            "eventName" => Self::Text(Column::EventName),
            "awsRegion" => Self::Text(Column::AwsRegion),
            "sourceIPAddress" => Self::Text(Column::SourceIpAddress),
            "userAgent" => Self::Text(Column::UserAgent),
            "errorCode" => Self::Text(Column::ErrorCode),
            "errorMessage" => Self::Text(Column::ErrorMessage),
            "requestParameters" => Self::Json(Column::RequestParameters),
            "responseElements" => Self::Json(Column::ResponseElements),
            "additionalEventData" => Self::Json(Column::AdditionalEventData),
            "requestID" | "requestId" => Self::Text(Column::RequestId),
            "eventID" => Self::Text(Column::EventId),
            "readOnly" => Self::Flag(Column::ReadOnly),
            "resources" => Self::Resources,
            "eventType" => Self::Text(Column::EventType),
            "apiVersion" => Self::Text(Column::ApiVersion),
            "managementEvent" => Self::Flag(Column::ManagementEvent),
            "recipientAccountId" => Self::Text(Column::RecipientAccountId),
            "serviceEventDetails" => Self::Json(Column::ServiceEventDetails),
            "sharedEventID" => Self::Text(Column::SharedEventId),
            "vpcEndpointId" => Self::Text(Column::VpcEndpointId),
            "vpcEndpointAccountId" => Self::Text(Column::VpcEndpointAccountId),
            "eventCategory" => Self::Text(Column::EventCategory),
            "insightDetails" => Self::Json(Column::InsightDetails),
            "addendum" => Self::Json(Column::Addendum),
            "sessionCredentialFromConsole" => Self::Flag(Column::SessionCredentialFromConsole),
            "edgeDeviceDetails" => Self::Json(Column::EdgeDeviceDetails),
            "tlsDetails" => Self::TlsDetails,
            "eventContext" => Self::Json(Column::EventContext),
            _ => return None,
        })
    }

    /// The field of a key spelt in another case, as query engines export it.
    fn of_any_case(key: &str) -> Option<(&'static str, Self)> {
        let exact = TOP_LEVEL_KEYS.iter().find(|exact| exact.eq_ignore_ascii_case(key))?;
        Some((exact, Self::of(exact)?))
    }
}

/// The keys of [`Field::of`], for matching without case.
const TOP_LEVEL_KEYS: [&str; 32] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "responseElements",
    "additionalEventData",
    "requestID",
    "eventID",
    "readOnly",
    "resources",
    "eventType",
    "apiVersion",
    "managementEvent",
    "recipientAccountId",
    "serviceEventDetails",
    "sharedEventID",
    "vpcEndpointId",
    "vpcEndpointAccountId",
    "eventCategory",
    "insightDetails",
    "addendum",
    "sessionCredentialFromConsole",
    "edgeDeviceDetails",
    "tlsDetails",
    "eventContext",
];

/// A key that comes twice is not looked for here: such a record is written anew and read again.
fn keep_extra<'a>(event: &mut Event<'a>, key: &'a str, json: &'a str) {
    event.extra_mut().push((key, json));
}

/// A value that should have been a text: null and an empty container are absent, a
/// number or truth value counts by its JSON text; the original is kept in `extra`.
fn scalar_to_text<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>, key: &'a str, column: Column) -> Result<(), Fault> {
    let json = scanner.json(1)?;
    event.unset(column);
    match json.as_bytes().first() {
        Some(b'n') => {}
        Some(b'{' | b'[') => keep_extra(event, key, json),
        _ => {
            event.set_text(column, json);
            keep_extra(event, key, json);
        }
    }
    Ok(())
}

fn flag_of(json: &str) -> Option<bool> {
    let word = json.trim_matches('"');
    if word.eq_ignore_ascii_case("true") {
        Some(true)
    } else if word.eq_ignore_ascii_case("false") {
        Some(false)
    } else {
        None
    }
}

fn set_flag<'a>(event: &mut Event<'a>, key: &'a str, json: &'a str, column: Column) {
    event.unset(column);
    match flag_of(json) {
        Some(flag) => event.set_flag(column, flag),
        None if json == "null" => {}
        None => keep_extra(event, key, json),
    }
}

/// A value that stays JSON; a text that itself holds an object or a list (Athena's exports) is opened.
fn set_json<'a>(event: &mut Event<'a>, column: Column, json: &'a str) {
    event.unset(column);
    if json == "null" {
        return;
    }
    let arena = event.arena();
    event.set_text(column, text_of(json, arena).and_then(|text| inner_json(text, arena)).unwrap_or(json));
}

/// The compact JSON of a text that is a JSON object or list, else `None`.
fn inner_json<'a>(text: &'a str, arena: &'a Bump) -> Option<&'a str> {
    if !matches!(text.trim_start().as_bytes().first(), Some(b'{' | b'[')) {
        return None;
    }
    let mut scanner = Scanner::new(text, arena);
    let json = scanner.json(1).ok()?;
    scanner.skip_space().is_none().then_some(json)
}

/// Calls `set` with the text of a scalar value; other values are read and left to the whole.
fn with_text<'a>(scanner: &mut Scanner<'a>, depth: u32, set: impl FnOnce(&'a str)) -> Result<(), Fault> {
    match scanner.peek() {
        Some(b'"') => set(scanner.string()?),
        Some(b'{' | b'[' | b'n') => scanner.skip_value(depth)?,
        _ => set(scanner.json(depth)?),
    }
    Ok(())
}

fn user_identity<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    if scanner.peek() != Some(b'{') {
        let json = scanner.json(1)?;
        set_json(event, Column::UserIdentity, json);
        let opened = event.text(Column::UserIdentity).filter(|json| json.starts_with('{'));
        return opened.map_or(Ok(()), |json| identity_fields(&mut Scanner::new(json, event.arena()), event));
    }
    let json = scanner.json_with(|scanner| identity_fields(scanner, event))?;
    event.set_text(Column::UserIdentity, json);
    Ok(())
}

fn identity_fields<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    scanner.object(2, |scanner, key| {
        let column = match key {
            "type" => Column::UserType,
            "principalId" => Column::UserPrincipalId,
            "arn" => Column::UserArn,
            "accountId" => Column::UserAccountId,
            "accessKeyId" => Column::UserAccessKeyId,
            "userName" => Column::UserName,
            "invokedBy" => Column::UserInvokedBy,
            "identityProvider" => Column::UserIdentityProvider,
            "credentialId" => Column::UserCredentialId,
            "sessionContext" if scanner.peek() == Some(b'{') => return session_context(scanner, event),
            _ => match IDENTITY_KEYS.iter().find(|(name, _)| *name != key && name.eq_ignore_ascii_case(key)) {
                Some((_, column)) if !event.has(*column) => *column,
                _ if key.eq_ignore_ascii_case("sessionContext") && scanner.peek() == Some(b'{') => {
                    return session_context(scanner, event);
                }
                _ if key.eq_ignore_ascii_case("onBehalfOf") && scanner.peek() == Some(b'{') => {
                    return on_behalf_of(scanner, event);
                }
                _ => return scanner.skip_value(2),
            },
        };
        with_text(scanner, 2, |text| event.set_text(column, text))
    })
}

/// The keys of `userIdentity` that are matched without case where the exact key is absent.
const IDENTITY_KEYS: [(&str, Column); 9] = [
    ("type", Column::UserType),
    ("arn", Column::UserArn),
    ("principalId", Column::UserPrincipalId),
    ("accountId", Column::UserAccountId),
    ("accessKeyId", Column::UserAccessKeyId),
    ("userName", Column::UserName),
    ("invokedBy", Column::UserInvokedBy),
    ("identityProvider", Column::UserIdentityProvider),
    ("credentialId", Column::UserCredentialId),
];

fn on_behalf_of<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    scanner.object(3, |scanner, key| match key {
        "userId" | "userid" => with_text(scanner, 3, |text| event.set_text(Column::UserOnBehalfOfId, text)),
        "identityStoreArn" | "identitystorearn" => with_text(scanner, 3, |text| event.set_text(Column::UserIdentityStoreArn, text)),
        _ => scanner.skip_value(3),
    })
}

fn session_context<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    scanner.object(3, |scanner, key| {
        let nested = scanner.peek() == Some(b'{');
        if nested && key.eq_ignore_ascii_case("attributes") {
            return session_attributes(scanner, event);
        }
        if nested && key.eq_ignore_ascii_case("sessionIssuer") {
            return session_issuer(scanner, event);
        }
        if nested && key.eq_ignore_ascii_case("webIdFederationData") {
            return scanner.object(4, |scanner, key| {
                if key.eq_ignore_ascii_case("federatedProvider") {
                    with_text(scanner, 4, |text| event.set_text(Column::WebFederatedProvider, text))
                } else {
                    scanner.skip_value(4)
                }
            });
        }
        match key {
            "ec2RoleDelivery" | "ec2roledelivery" => with_text(scanner, 3, |text| event.set_text(Column::Ec2RoleDelivery, text)),
            "sourceIdentity" | "sourceidentity" => with_text(scanner, 3, |text| event.set_text(Column::SessionSourceIdentity, text)),
            "assumedRoot" | "assumedroot" => {
                let json = scanner.json(3)?;
                if let Some(flag) = flag_of(json) {
                    event.set_flag(Column::SessionAssumedRoot, flag);
                }
                Ok(())
            }
            _ => scanner.skip_value(3),
        }
    })
}

fn session_attributes<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    scanner.object(4, |scanner, key| {
        if key.eq_ignore_ascii_case("mfaAuthenticated") {
            let json = scanner.json(4)?;
            if let Some(flag) = flag_of(json) {
                event.set_flag(Column::SessionMfaAuthenticated, flag);
            }
            return Ok(());
        }
        if key.eq_ignore_ascii_case("creationDate") {
            return with_text(scanner, 4, |text| {
                if let Some(time) = EventTime::parse(text) {
                    event.set_time(Column::SessionCreationTime, time);
                }
            });
        }
        scanner.skip_value(4)
    })
}

fn session_issuer<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    scanner.object(4, |scanner, key| {
        let column = match key {
            "type" => Column::IssuerType,
            "principalId" | "principalid" => Column::IssuerPrincipalId,
            "arn" => Column::IssuerArn,
            "accountId" | "accountid" => Column::IssuerAccountId,
            "userName" | "username" => Column::IssuerUserName,
            _ => return scanner.skip_value(4),
        };
        with_text(scanner, 4, |text| event.set_text(column, text))
    })
}

/// Fills the resource lists; what they cannot hold stays, as a whole, in `extra`.
fn resources<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>, key: &'a str) -> Result<(), Fault> {
    event.clear_resources();
    if scanner.peek() != Some(b'[') {
        let json = scanner.json(1)?;
        let arena = event.arena();
        if let Some(list) = text_of(json, arena).and_then(|text| inner_json(text, arena)).filter(|json| json.starts_with('[')) {
            return resources(&mut Scanner::new(list, arena), event, key);
        }
        if !matches!(json, "null" | "\"\"") {
            keep_extra(event, key, json);
        }
        return Ok(());
    }
    let mut lossless = true;
    let json = scanner.json_with(|scanner| {
        scanner.array(2, |scanner| {
            let mut resource = Resource::default();
            if scanner.peek() == Some(b'{') {
                scanner.object(3, |scanner, key| {
                    let slot = match key {
                        "ARN" | "arn" | "ARNPrefix" => &mut resource.arn,
                        "type" => &mut resource.kind,
                        "accountId" => &mut resource.account_id,
                        _ => {
                            lossless = false;
                            return scanner.skip_value(3);
                        }
                    };
                    lossless &= slot.is_none() && key != "ARNPrefix" && scanner.peek() == Some(b'"');
                    with_text(scanner, 3, |text| *slot = Some(text))
                })?;
            } else {
                lossless = false;
                scanner.skip_value(3)?;
            }
            event.push_resource(resource);
            Ok::<(), Fault>(())
        })
    })?;
    if !lossless {
        keep_extra(event, key, json);
    }
    Ok(())
}

fn tls_details<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>, key: &'a str) -> Result<(), Fault> {
    if scanner.peek() != Some(b'{') {
        let json = scanner.json(1)?;
        let arena = event.arena();
        if let Some(object) = text_of(json, arena).and_then(|text| inner_json(text, arena)).filter(|json| json.starts_with('{')) {
            return tls_details(&mut Scanner::new(object, arena), event, key);
        }
        if json != "null" {
            keep_extra(event, key, json);
        }
        return Ok(());
    }
    let mut lossless = true;
    let json = scanner.json_with(|scanner| {
        scanner.object(2, |scanner, key| {
            let column = match key {
                "tlsVersion" => Column::TlsVersion,
                "cipherSuite" => Column::TlsCipherSuite,
                "clientProvidedHostHeader" => Column::TlsClientHost,
                _ => {
                    lossless = false;
                    return scanner.skip_value(2);
                }
            };
            lossless &= scanner.peek() == Some(b'"');
            with_text(scanner, 2, |text| event.set_text(column, text))
        })
    })?;
    if !lossless {
        keep_extra(event, key, json);
    }
    Ok(())
}

/// Decides what the object is, once all of its keys have been read.
fn finish<'a>(whole: &'a str, event: &mut Event<'a>, duplicate_keys: bool) -> Result<Outcome<'a>, Fault> {
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
        return Ok(Outcome::Foreign(foreign_kind(event)));
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
        Ok(()) => finish(text, event, false)?,
        Err(Stop::Fault(fault)) => return Err(fault),
        Err(Stop::Wrapper(_)) => return Ok(Outcome::Foreign("an object that names a key twice around its records")),
    };
    event.set_flag(Column::HasDuplicateKeys, true);
    event.notice(ProblemKind::DuplicateKeys, "an object in the record names a key twice; the last one counts");
    Ok(outcome)
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
    if !looks_like_event(event) {
        return Ok(Some(Outcome::Foreign("an envelope without a CloudTrail event in it")));
    }
    complete(event, outer_time);
    Ok(Some(Outcome::Event(wrap)))
}

const fn rewrap(outcome: Outcome<'_>, wrap: Wrap) -> Outcome<'_> {
    match outcome {
        Outcome::Event(_) => Outcome::Event(wrap),
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
                read_field(&mut Scanner::new(opened, arena), event, exact)?;
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
    let mut text = bumpalo::collections::String::new_in(event.arena());
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
