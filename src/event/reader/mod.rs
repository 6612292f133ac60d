//! From one JSON object to an [`Event`]: each field goes to its column of
//! [`Column`], in one pass over the text.
//!
//! A key that no column knows is kept in `extra`, so that nothing is lost. An
//! object that names a key twice is written anew and read again, so that the
//! last one wins everywhere.

mod lookup;
mod memo;
mod nested;
mod whole;

use bumpalo::Bump;

pub use lookup::lookup;
pub(crate) use lookup::request_document;
pub(super) use memo::{KeyOrder, Objects};

use super::json::{Fault, Scanner, text_of};
use super::{Event, derive};
use crate::schema::Column;
use nested::{resources, tls_details, user_identity};
use whole::{finish, list_of_records};

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

impl Wrap {
    /// What holds records in a list under this key.
    fn of_list(key: &str) -> Option<Self> {
        if key.eq_ignore_ascii_case("Records") {
            Some(Self::Records)
        } else if key.eq_ignore_ascii_case("Events") {
            Some(Self::LookupEvents)
        } else {
            None
        }
    }
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
    let whole = scanner.since(start);
    match finish(whole, event, scanner.take_duplicate_keys())? {
        Outcome::Event(wrap) => {
            derive::derive(event);
            Ok(Outcome::Event(wrap))
        }
        // The list may have been found in the record written anew; what counts is where it stands here.
        Outcome::Wrapper(_) => {
            Ok(list_of_records(whole, event.arena()).map_or(Outcome::Foreign("records inside a single event"), |(at, wrap)| {
                scanner.seek(start + at);
                Outcome::Wrapper(wrap)
            }))
        }
        other => Ok(other),
    }
}

/// Whether what was read of an object before its list of records names an event, which is then not read.
pub(super) fn is_partly_event(event: &mut Event<'_>) -> bool {
    let columns = [Column::EventVersion, Column::EventName, Column::EventSource, Column::EventId];
    let keys = ["eventVersion", "eventName", "eventSource", "eventID", "CloudTrailEvent"];
    columns.iter().any(|column| event.has(*column)) || keys.iter().any(|key| event.extra_any_case(key).is_some())
}

/// Whether a key is one of an event's, or of an envelope around one, in any case of letters.
pub(super) fn is_event_key(key: &str) -> bool {
    Field::of_any_case(key).is_some() || key.eq_ignore_ascii_case("CloudTrailEvent") || key == "detail"
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
    let mut order = event.take_key_order();
    order.begin();
    let read = scanner.object_with(
        1,
        |scanner| order.read(scanner),
        |scanner, key, field| {
            if let Some(field) = field {
                return Ok(read_field(scanner, event, key, field)?);
            }
            // Beside a field of CloudTrail's, a list of that name is a part of the record and hides nothing.
            if scanner.peek() == Some(b'[')
                && event.columns_set() == 0
                && let Some(wrap) = Wrap::of_list(key)
            {
                return Err(Stop::Wrapper(wrap));
            }
            let json = scanner.json(1)?;
            keep_extra(event, key, json);
            Ok(())
        },
    );
    event.keep_key_order(order);
    read
}

/// Reads the value of a field.
fn read_field<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>, key: &'a str, field: Field) -> Result<(), Fault> {
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
    Ok(())
}

/// What a top-level key fills.
#[derive(Debug, Clone, Copy)]
pub(super) enum Field {
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
