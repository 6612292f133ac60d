//! The parsers of others, each used in the way that is fastest for it.

use std::borrow::Cow;
use std::fmt;
use std::hint::black_box;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;
use simd_json::prelude::ValueAsScalar as _;

use crate::fields::{Tally, is_identity_text, is_text};

/// What is kept between files, so that it is made once.
#[derive(Default)]
pub(crate) struct Scratch {
    copy: Vec<u8>,
    simd: simd_json::Buffers,
    pub(crate) arena: bumpalo::Bump,
}

pub(crate) fn serde_value(file: &[u8], _: &mut Scratch) -> Result<Tally, String> {
    let whole: Value = serde_json::from_str(checked(file)?).map_err(|error| error.to_string())?;
    let mut tally = Tally::default();
    for record in whole.get("Records").and_then(Value::as_array).into_iter().flatten() {
        tally.records += 1;
        for (key, value) in record.as_object().into_iter().flatten() {
            match value {
                Value::String(text) if is_text(key) => tally.text(text),
                Value::Object(identity) if key == "userIdentity" => {
                    let texts = identity.iter().filter(|(key, _)| is_identity_text(key));
                    texts.filter_map(|(_, value)| value.as_str()).for_each(|text| tally.text(text));
                }
                _ => {}
            }
        }
    }
    Ok(tally)
}

pub(crate) fn serde_typed(file: &[u8], _: &mut Scratch) -> Result<Tally, String> {
    let whole: File<'_, &RawValue> = serde_json::from_str(checked(file)?).map_err(|error| error.to_string())?;
    Ok(whole.tally())
}

pub(crate) fn sonic_typed(file: &[u8], _: &mut Scratch) -> Result<Tally, String> {
    let whole: File<'_, sonic_rs::LazyValue<'_>> = sonic_rs::from_str(checked(file)?).map_err(|error| error.to_string())?;
    Ok(whole.tally())
}

pub(crate) fn simd_tape(file: &[u8], scratch: &mut Scratch) -> Result<Tally, String> {
    scratch.copy.clear();
    scratch.copy.extend_from_slice(file);
    let tape = simd_json::to_tape_with_buffers(&mut scratch.copy, &mut scratch.simd).map_err(|error| error.to_string())?;
    let mut tally = Tally::default();
    let whole = tape.as_value();
    let records = whole.as_object().and_then(|file| file.get("Records")).ok_or("no Records")?;
    for record in records.as_array().ok_or("Records is no list")?.iter() {
        tally.records += 1;
        for (key, value) in record.as_object().ok_or("a record is no object")?.iter() {
            if is_text(key) {
                value.as_str().into_iter().for_each(|text| tally.text(text));
            } else if key == "userIdentity"
                && let Some(identity) = value.as_object()
            {
                for (_, value) in identity.iter().filter(|(key, _)| is_identity_text(key)) {
                    value.as_str().into_iter().for_each(|text| tally.text(text));
                }
            }
        }
    }
    Ok(tally)
}

/// The whole file's UTF-8 is checked at once, which is the faster way for all that read from a `&str`.
pub(crate) fn checked(file: &[u8]) -> Result<&str, String> {
    simdutf8::basic::from_utf8(file).map_err(|error| error.to_string())
}

/// A log file whose nested parts stay as they stand, as `R`.
#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a, R: Deserialize<'de>"))]
struct File<'a, R> {
    #[serde(rename = "Records")]
    records: Vec<Record<'a, R>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a, R: Deserialize<'de>"))]
struct Record<'a, R> {
    event_version: Option<Text<'a>>,
    user_identity: Option<Identity<'a>>,
    event_time: Option<Text<'a>>,
    event_source: Option<Text<'a>>,
    event_name: Option<Text<'a>>,
    aws_region: Option<Text<'a>>,
    #[serde(rename = "sourceIPAddress")]
    source_ip_address: Option<Text<'a>>,
    user_agent: Option<Text<'a>>,
    error_code: Option<Text<'a>>,
    error_message: Option<Text<'a>>,
    #[serde(rename = "requestID")]
    request_id: Option<Text<'a>>,
    #[serde(rename = "eventID")]
    event_id: Option<Text<'a>>,
    event_type: Option<Text<'a>>,
    api_version: Option<Text<'a>>,
    recipient_account_id: Option<Text<'a>>,
    #[serde(rename = "sharedEventID")]
    shared_event_id: Option<Text<'a>>,
    vpc_endpoint_id: Option<Text<'a>>,
    event_category: Option<Text<'a>>,
    read_only: Option<R>,
    management_event: Option<R>,
    request_parameters: Option<R>,
    response_elements: Option<R>,
    additional_event_data: Option<R>,
    resources: Option<R>,
    service_event_details: Option<R>,
    tls_details: Option<R>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound(deserialize = "'de: 'a"))]
struct Identity<'a> {
    r#type: Option<Text<'a>>,
    principal_id: Option<Text<'a>>,
    arn: Option<Text<'a>>,
    account_id: Option<Text<'a>>,
    access_key_id: Option<Text<'a>>,
    user_name: Option<Text<'a>>,
    invoked_by: Option<Text<'a>>,
}

impl<R> File<'_, R> {
    fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for record in &self.records {
            tally.records += 1;
            record.texts().into_iter().flatten().for_each(|Text(text)| tally.text(text));
            record.user_identity.iter().flat_map(Identity::texts).flatten().for_each(|Text(text)| tally.text(text));
            black_box(record.nested());
        }
        tally
    }
}

impl<'a, R> Record<'a, R> {
    fn texts(&self) -> [&Option<Text<'a>>; 17] {
        [
            &self.event_version,
            &self.event_time,
            &self.event_source,
            &self.event_name,
            &self.aws_region,
            &self.source_ip_address,
            &self.user_agent,
            &self.error_code,
            &self.error_message,
            &self.request_id,
            &self.event_id,
            &self.event_type,
            &self.api_version,
            &self.recipient_account_id,
            &self.shared_event_id,
            &self.vpc_endpoint_id,
            &self.event_category,
        ]
    }

    fn nested(&self) -> [&Option<R>; 8] {
        [
            &self.read_only,
            &self.management_event,
            &self.request_parameters,
            &self.response_elements,
            &self.additional_event_data,
            &self.resources,
            &self.service_event_details,
            &self.tls_details,
        ]
    }
}

impl<'a> Identity<'a> {
    fn texts(&self) -> [&Option<Text<'a>>; 7] {
        [&self.r#type, &self.principal_id, &self.arn, &self.account_id, &self.access_key_id, &self.user_name, &self.invoked_by]
    }
}

/// A text that is borrowed wherever it has no escapes; serde's own `Option<Cow<str>>` is always a copy.
struct Text<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowing;
        impl<'de> Visitor<'de> for Borrowing {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Borrowing)
    }
}
