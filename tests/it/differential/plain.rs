//! Logs as a plain loop reads them: files, JSON values, records, each once; and the values of a record.

use std::collections::{BTreeSet, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value, json};

/// The records under a folder, each once, and what needs all of them.
pub(super) struct Log {
    pub(super) events: Vec<Value>,
    /// The accounts that the records and the files' names are of.
    pub(super) own: BTreeSet<String>,
}

impl Log {
    pub(super) fn read(root: &Path) -> Self {
        let mut files = Vec::new();
        list(root, &mut files);
        files.sort();
        let mut log = Self { events: Vec::new(), own: BTreeSet::new() };
        let mut known: HashMap<(Option<String>, String), Vec<Value>> = HashMap::new();
        for file in files {
            log.own.extend(account_of_name(&file));
            for event in records(&std::fs::read(&file).expect("a file")) {
                log.own.extend(text(&event, "/recipientAccountId"));
                if let Some(id) = text(&event, "/eventID").filter(|id| !id.is_empty()) {
                    let same_id = known.entry((text(&event, "/recipientAccountId"), id)).or_default();
                    if same_id.contains(&event) {
                        continue;
                    }
                    same_id.push(event.clone());
                }
                log.events.push(event);
            }
        }
        log
    }
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { list(&entry, files) } else { files.push(entry) }
    }
}

/// The account in `ACCOUNT_CloudTrail_REGION_TIME_RANDOM.json.gz`.
fn account_of_name(file: &Path) -> Option<String> {
    let (account, rest) = file.file_name()?.to_str()?.split_once('_')?;
    (rest.starts_with("CloudTrail") && is_account(account)).then(|| account.to_owned())
}

pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit())
}

/// The records of a file; of a damaged one those before the damage.
fn records(bytes: &[u8]) -> Vec<Value> {
    let mut inflated = Vec::new();
    if bytes.starts_with(&[0x1f, 0x8b]) {
        // What came before a cut is there although reading fails.
        let _ = MultiGzDecoder::new(bytes).read_to_end(&mut inflated);
    } else {
        inflated.extend_from_slice(bytes);
    }
    let whole = String::from_utf8_lossy(&inflated);
    let text = whole.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with("User name,") {
        return rows(text);
    }
    let mut found = Vec::new();
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    loop {
        match values.next() {
            Some(Ok(value)) => unwrap(value, &mut found),
            Some(Err(_)) => {
                found.extend(before_damage(&text[values.byte_offset()..]));
                return found;
            }
            None => return found,
        }
    }
}

/// The whole records of a list that breaks off.
fn before_damage(text: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let Some(mut rest) = text.trim_start().strip_prefix("{\"Records\":").map(str::trim_start) else { return found };
    while let Some(list) = rest.strip_prefix(['[', ',']) {
        let mut values = serde_json::Deserializer::from_str(list).into_iter::<Value>();
        let Some(Ok(value)) = values.next() else { break };
        rest = list[values.byte_offset()..].trim_start();
        unwrap(value, &mut found);
    }
    found
}

/// Takes records out of what they are wrapped in.
fn unwrap(value: Value, found: &mut Vec<Value>) {
    match value {
        Value::Array(list) => {
            for value in list {
                unwrap(value, found);
            }
        }
        Value::Object(mut map) => {
            if let Some(list @ Value::Array(_)) = ["Records", "Events"].iter().find_map(|key| map.get(*key)) {
                unwrap(list.clone(), found);
            } else if let Some(Value::String(inner)) = map.get("CloudTrailEvent") {
                unwrap(serde_json::from_str(inner).expect("JSON"), found);
            } else if map.contains_key("detail-type") {
                unwrap(map["detail"].take(), found);
            } else if let Some(event) = record(map) {
                found.push(event);
            }
        }
        _ => {}
    }
}

/// The record that an object is, with its keys spelt as AWS does and texts that hold JSON opened: query engines write
/// `eventname`, and nested parts as text.
fn record(map: Map<String, Value>) -> Option<Value> {
    const KEYS: [&str; 16] = [
        "additionalEventData",
        "awsRegion",
        "errorCode",
        "errorMessage",
        "eventID",
        "eventName",
        "eventSource",
        "eventTime",
        "eventType",
        "eventVersion",
        "readOnly",
        "recipientAccountId",
        "requestParameters",
        "responseElements",
        "sourceIPAddress",
        "userAgent",
    ];
    let mut event = Map::new();
    for (key, value) in map {
        let spelt = KEYS.iter().chain(&["userIdentity"]).find(|known| known.eq_ignore_ascii_case(&key));
        let opened = match &value {
            Value::String(text) if text.starts_with(['{', '[']) => serde_json::from_str(text).ok(),
            _ => None,
        };
        event.insert(spelt.map_or(key, |known| (*known).to_owned()), opened.unwrap_or(value));
    }
    let has = |key: &str| event.get(key).is_some_and(|value| value.is_string() || value.is_number());
    let is_event = has("eventVersion") && (has("eventSource") || has("eventName") || has("eventType"))
        || has("eventName") && (has("eventSource") || has("eventID"))
        || has("eventID") && event.contains_key("insightDetails");
    is_event.then_some(Value::Object(event))
}

/// The rows of an Event History download, as far as its 16 columns make a record.
fn rows(text: &str) -> Vec<Value> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut events = Vec::new();
    for row in reader.deserialize::<HashMap<String, String>>() {
        let row = row.expect("a row");
        let cell = |name: &str| row.get(name).filter(|cell| !cell.is_empty()).map_or(Value::Null, |cell| json!(cell));
        events.push(json!({
            "download": true,
            "eventTime": cell("Event time"),
            "eventSource": cell("Event source"),
            "eventName": cell("Event name"),
            "awsRegion": cell("AWS region"),
            "sourceIPAddress": cell("Source IP address"),
            "userAgent": cell("User agent"),
            "errorCode": cell("Error code"),
            "requestID": cell("Request ID"),
            "eventID": cell("Event ID"),
            "readOnly": cell("Read-only"),
            "eventType": cell("Event type"),
            "recipientAccountId": row.get("Recipient Account Id").filter(|id| is_account(id)),
            "userIdentity": {
                "type": row.get("User name").filter(|name| name.eq_ignore_ascii_case("root")).map(|_| "Root"),
                "userName": cell("User name"),
                "accessKeyId": cell("AWS access key"),
            },
        }));
    }
    events
}

/// Whether the record is a row of a download, which has no identity, no parameters and no response.
pub(super) fn is_download(event: &Value) -> bool {
    event.get("download").is_some()
}

/// The text of a scalar; nothing where there is none, or an object or a list.
pub(super) fn text(event: &Value, pointer: &str) -> Option<String> {
    match event.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        scalar @ (Value::Number(_) | Value::Bool(_)) => Some(scalar.to_string()),
        _ => None,
    }
}

/// The same, where an empty text is as good as none.
pub(super) fn named(event: &Value, pointer: &str) -> Option<String> {
    text(event, pointer).filter(|text| !text.is_empty())
}

/// Whether the scalar is this text, in any case.
pub(super) fn is(event: &Value, pointer: &str, wanted: &str) -> bool {
    text(event, pointer).is_some_and(|text| text.eq_ignore_ascii_case(wanted))
}

/// `true` or `false`, as JSON or as text.
pub(super) fn flag(event: &Value, pointer: &str) -> Option<bool> {
    text(event, pointer)?.to_ascii_lowercase().parse().ok()
}

/// A request parameter and the like, whatever it is; of lists on the way the first element that has it.
pub(super) fn field(event: &Value, path: &str) -> Option<String> {
    fn find<'v>(value: &'v Value, steps: &[&str]) -> Option<&'v Value> {
        match (value, steps) {
            (Value::Null, _) => None,
            (Value::Array(list), _) => list.iter().find_map(|element| find(element, steps)),
            (_, []) => Some(value),
            (Value::Object(map), [first, rest @ ..]) => find(map.get(*first)?, rest),
            _ => None,
        }
    }
    Some(match find(event, &path.split('.').collect::<Vec<_>>())? {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// `event_stem`: the name without `20150331v2` or `2020_05_31` at its end.
pub(super) fn stem(event: &Value) -> String {
    let is_version = |tail: &str| {
        let shape: String = tail.chars().map(|letter| if letter.is_ascii_digit() { '9' } else { letter }).collect();
        let numbered = shape.strip_prefix("99999999v").is_some_and(|rest| !rest.is_empty() && rest.chars().all(|letter| letter == '9'));
        shape == "99999999" || shape == "9999_99_99" || numbered
    };
    let name = text(event, "/eventName").unwrap_or_default();
    // Some samples have very long names.
    if !name.ends_with(|last: char| last.is_ascii_digit()) {
        return name;
    }
    let cut = name.char_indices().map(|(at, _)| at).find(|at| *at > 0 && is_version(&name[*at..]));
    cut.map_or_else(|| name.clone(), |at| name[..at].to_owned())
}

/// Whether the record is of one of these APIs of a service.
pub(super) fn calls(event: &Value, service: &str, apis: &[&str]) -> bool {
    if !is(event, "/eventSource", &format!("{service}.amazonaws.com")) {
        return false;
    }
    let stem = stem(event);
    apis.iter().any(|api| api.eq_ignore_ascii_case(&stem))
}

/// `errorCode` missing; an empty one counts as missing.
pub(super) fn no_error_code(event: &Value) -> bool {
    named(event, "/errorCode").is_none()
}

/// `ok`; nothing where a download leaves the outcome of a sign-in out.
pub(super) fn ok(event: &Value) -> Option<bool> {
    if named(event, "/errorCode").is_some() || named(event, "/errorMessage").is_some() {
        return Some(false);
    }
    if is_download(event) && is(event, "/eventSource", "signin.amazonaws.com") {
        return None;
    }
    let stem = stem(event);
    let outcome = |api: &str| stem.eq_ignore_ascii_case(api).then(|| text(event, &format!("/responseElements/{api}")).unwrap_or_default());
    Some(match outcome("ConsoleLogin") {
        Some(outcome) => outcome.eq_ignore_ascii_case("Success"),
        None => !["SwitchRole", "CheckMfa"].iter().filter_map(|api| outcome(api)).any(|outcome| outcome.eq_ignore_ascii_case("Failure")),
    })
}

/// `write`; nothing where the record has neither `readOnly` nor a name.
pub(super) fn write(event: &Value) -> Option<bool> {
    const READS: [&str; 12] =
        ["get", "list", "describe", "head", "lookup", "batchget", "search", "view", "check", "simulate", "query", "scan"];
    match flag(event, "/readOnly") {
        Some(read_only) => Some(!read_only),
        None => text(event, "/eventName").map(|name| !READS.iter().any(|verb| name.to_ascii_lowercase().starts_with(verb))),
    }
}

/// Whether `invokedBy` names a service that acted; the sign-in service stands there for people of 2013 to 2019.
pub(super) fn on_behalf(event: &Value) -> bool {
    named(event, "/userIdentity/invokedBy").is_some_and(|service| !service.eq_ignore_ascii_case("signin.amazonaws.com"))
}

/// `service_call`.
pub(super) fn service_call(event: &Value) -> bool {
    is(event, "/userIdentity/type", "AWSService") || is(event, "/eventType", "AwsServiceEvent") || on_behalf(event)
}

/// `long_term_key`.
pub(super) fn long_term_key(event: &Value) -> bool {
    let created = event.pointer("/userIdentity/sessionContext/attributes/creationDate").is_some_and(|date| !date.is_null());
    let from_console = flag(event, "/sessionCredentialFromConsole").is_some();
    !is_download(event) && text(event, "/userIdentity/accessKeyId").is_some_and(|key| key.starts_with("AKIA")) && !created && !from_console
}
