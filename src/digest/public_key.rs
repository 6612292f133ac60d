//! [`PublicKeys`]: AWS's public keys from key files, which are the root of trust.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rsa;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use serde_json::{Map, Value};

use super::document::Limits;
use super::finding::{Finding, FindingKind};
use super::hash::{md5_hex, unbase64};
use super::verdict::Severity;
use crate::source::Sha256;
use crate::time::EventTime;

/// Public keys by fingerprint, of all key files together.
#[derive(Debug, Clone, Default)]
pub struct PublicKeys {
    by_fingerprint: BTreeMap<Box<str>, Vec<PublicKey>>,
    files: Vec<TrustedFile>,
    inconsistent: Vec<Box<str>>,
}

/// A key file that was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedFile {
    /// Its path as the user gave it.
    pub name: Arc<str>,
    /// The hash of its bytes.
    pub sha256: Sha256,
    /// The fingerprints that it has, in order.
    pub fingerprints: Vec<Box<str>>,
}

/// One key.
#[derive(Clone)]
pub(super) struct PublicKey {
    der: Box<[u8]>,
    /// `None` where the DER is no RSA key that is long enough.
    key: Option<ParsedPublicKey>,
    valid_from: Option<EventTime>,
    valid_until: Option<EventTime>,
}

/// What is known under a fingerprint.
#[derive(Debug, Clone, Copy)]
pub(super) enum Known<'a> {
    /// Usable keys, at least one.
    Keys(&'a [PublicKey]),
    /// Only keys that cannot be used.
    Bad,
    /// Nothing.
    Nothing,
}

impl PublicKeys {
    /// Takes a key file: what `aws cloudtrail list-public-keys` prints, in any of the forms of its versions and of the
    /// documentation.
    ///
    /// Each key is used under the fingerprint that the file states; where that is not the MD5 of the key, or one
    /// fingerprint has two keys, [`verify`](super::verify) has a finding.
    ///
    /// # Errors
    /// What is wrong with the file as a whole: too long, not JSON, no list of keys.
    ///
    /// # Source
    /// `ListPublicKeys` in the `CloudTrail` API reference; the forms of its times and of its keys vary there too.
    pub fn add_file(&mut self, name: &str, bytes: &[u8], limits: &Limits) -> Result<(), String> {
        if bytes.len() > limits.key_file_bytes {
            return Err(format!("a key file of more than {} bytes", limits.key_file_bytes));
        }
        let value: Value = serde_json::from_slice(bytes).map_err(|error| format!("not JSON: {error}"))?;
        let list = match &value {
            Value::Object(object) => member(object, "PublicKeyList").and_then(Value::as_array),
            Value::Array(list) => Some(list),
            _ => None,
        };
        let list = list.ok_or_else(|| "no PublicKeyList, as `aws cloudtrail list-public-keys` prints it".to_owned())?;
        let mut fingerprints: Vec<Box<str>> = list.iter().filter_map(|item| self.add(item)).collect();
        fingerprints.sort();
        fingerprints.dedup();
        self.files.push(TrustedFile { name: name.into(), sha256: Sha256::of(bytes), fingerprints });
        self.files.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }

    /// The files that were used, by name.
    pub fn files(&self) -> &[TrustedFile] {
        &self.files
    }

    /// Whether there is no key at all.
    pub fn is_empty(&self) -> bool {
        self.by_fingerprint.is_empty()
    }

    /// Takes an item of the list; its fingerprint, or `None` where it states none.
    fn add(&mut self, item: &Value) -> Option<Box<str>> {
        let item = item.as_object()?;
        let stated = member(item, "Fingerprint").and_then(Value::as_str)?;
        let fingerprint: Box<str> = stated.trim().to_ascii_lowercase().into();
        let der = member(item, "Value").and_then(Value::as_str).and_then(unbase64).unwrap_or_default().into_boxed_slice();
        if md5_hex(&der) != *fingerprint {
            self.inconsistent.push(fingerprint.clone());
        }
        let keys = self.by_fingerprint.entry(fingerprint.clone()).or_default();
        if keys.iter().any(|key| key.der == der) {
            return Some(fingerprint);
        }
        if keys.len() == KEYS_OF_A_FINGERPRINT {
            self.inconsistent.push(fingerprint.clone());
            return Some(fingerprint);
        }
        let time = |name| member(item, name).and_then(parse_time);
        let key = parse_der(&der);
        keys.push(PublicKey { der, key, valid_from: time("ValidityStartTime"), valid_until: time("ValidityEndTime") });
        // The order of the files must not decide anything.
        keys.sort_by(|a, b| a.der.cmp(&b.der));
        Some(fingerprint)
    }

    /// The keys of that fingerprint, which is in lower case.
    pub(super) fn of(&self, fingerprint: &str) -> Known<'_> {
        match self.by_fingerprint.get(fingerprint) {
            None => Known::Nothing,
            Some(keys) if keys.iter().any(|key| key.key.is_some()) => Known::Keys(keys),
            Some(_) => Known::Bad,
        }
    }

    /// A finding for each fingerprint that is not its key's.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut inconsistent = self.inconsistent.clone();
        inconsistent.sort();
        inconsistent.dedup();
        let finding = |key| Finding::new(FindingKind::KeyFileInconsistent, Severity::Warning).of_key(key);
        inconsistent.into_iter().map(finding).collect()
    }
}

impl PublicKey {
    /// Whether `signature` is this key's over `text`.
    pub(super) fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        self.key.as_ref().is_some_and(|key| key.verify_sig(text.as_bytes(), signature).is_ok())
    }

    /// Whether its validity, where it is stated, covers `time`.
    pub(super) fn is_valid_at(&self, time: EventTime) -> bool {
        self.valid_from.is_none_or(|from| from <= time) && self.valid_until.is_none_or(|until| time <= until)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey").field("is_usable", &self.key.is_some()).field("valid_from", &self.valid_from).finish_non_exhaustive()
    }
}

/// PKCS#1, or SPKI as one of the keys in AWS's documentation has it: the library takes either.
fn parse_der(der: &[u8]) -> Option<ParsedPublicKey> {
    let key = rsa::PublicKey::from_der(der).ok()?;
    // Written anew as PKCS#1, which for 2048 bits has 270 bytes with the usual exponent.
    if key.as_ref().len() < PKCS1_BYTES {
        return None;
    }
    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).ok()
}

/// The value of that name, in any case.
fn member<'v>(object: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// Seconds since 1970 as a number or as text, or RFC 3339.
fn parse_time(value: &Value) -> Option<EventTime> {
    match value {
        Value::String(text) => EventTime::parse(text),
        Value::Number(number) => EventTime::parse(&number.to_string()),
        _ => None,
    }
}

/// Bytes of the shortest RSA-2048 key in PKCS#1.
const PKCS1_BYTES: usize = 266;
/// Keys under one fingerprint that are tried; a second one is a fault of the key file already.
const KEYS_OF_A_FINGERPRINT: usize = 4;
