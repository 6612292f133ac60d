//! A bucket from a scenario of words, one for each hour, signed with keys of its own.

use std::sync::OnceLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use serde_json::{Value, json};

use super::super::hash::md5_hex;
use super::super::{
    AskedRange, Carriers, Digest, Evidence, FileReport, FoundFile, Gap, Limits, Named, PublicKeys, Question, Reason, Stored, Tail,
    Verification, verify,
};
use crate::source::{Sha256, hex};
use crate::time::EventTime;

pub(super) const ACCOUNT: &str = "111122223333";
pub(super) const REGION: &str = "eu-west-1";

/// What a test puts in front of [`verify`].
pub(super) struct Bucket {
    pub(super) files: Vec<FoundFile>,
    pub(super) carriers: Carriers,
    pub(super) keys: PublicKeys,
    pub(super) question: Question,
    /// The digest of each word, whether it was put or not; a `gap` has none.
    pub(super) hours: Vec<Hour>,
    /// What the folder of the bucket is called.
    root: &'static str,
}

/// A digest that was made.
#[derive(Clone)]
pub(super) struct Hour {
    pub(super) key: String,
    pub(super) document: Value,
    pub(super) signature: String,
    pub(super) log_key: String,
}

impl Hour {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.document.to_string().into_bytes()
    }
}

impl Bucket {
    /// A standard chain with one log an hour. The words:
    /// `ok`; `bare` without a signature beside it; `missing`; `gap`, five hours after which a chain starts anew;
    /// `bad-signature` beside it; `moved`, with a copy half an hour later; `bucket-change`, from here on;
    /// `trailing-bytes`; `unknown-key`; `off-chain`, which the next one does not name; `overlap`, half an hour early.
    pub(super) fn of(words: &str) -> Self {
        let mut bucket = Self {
            files: Vec::new(),
            carriers: Carriers::default(),
            keys: PublicKeys::default(),
            question: Question::default(),
            hours: Vec::new(),
            root: "evidence/b1",
        };
        bucket.trust(&key_item(signer().public_key().as_ref()));
        bucket.build(words, false);
        bucket
    }

    /// A backfill chain beside what is there, of the same hours.
    pub(super) fn with_backfill(mut self, words: &str) -> Self {
        self.build(words, true);
        self
    }

    fn build(&mut self, words: &str, is_backfill: bool) {
        let (mut clock, mut previous, mut name) = (0, None::<Hour>, "b1");
        for word in words.split_whitespace() {
            if word == "gap" {
                (clock, previous) = (clock + 5 * 3_600, None);
                continue;
            }
            if word == "bucket-change" {
                name = "b2";
            }
            let hour = make(clock, previous.as_ref(), name, is_backfill, word);
            clock += 3_600;
            if word != "off-chain" {
                previous = Some(hour.clone());
            }
            if word != "missing" {
                let stored = if word == "trailing-bytes" { Stored::Trailing } else { Stored::Gzip };
                self.put(&hour.key, &hour.bytes(), stored);
            }
            if word != "bare" && word != "missing" {
                let signature = if word == "bad-signature" { "00".repeat(256) } else { hour.signature.clone() };
                self.sign(&hour.key, &signature);
            }
            if word == "moved" {
                let end = stamp(clock + 1_800);
                let copy = hour.key.replace(&stamp(clock), &end);
                self.put(&copy, &hour.bytes(), Stored::Gzip);
                self.sign(&copy, &hour.signature);
            }
            self.put(&hour.log_key, log_content(&hour.log_key).as_bytes(), Stored::Gzip);
            self.hours.push(hour);
        }
    }

    /// Puts a file under the bucket's folder, in place of what is there.
    pub(super) fn put(&mut self, key: &str, content: &[u8], stored: Stored) {
        self.put_at(&format!("{}/{key}", self.root), content, stored);
    }

    /// Puts a file under a path, in place of what is there.
    pub(super) fn put_at(&mut self, name: &str, content: &[u8], stored: Stored) {
        self.files.retain(|file| &*file.name != name);
        let is_digest = matches!(Named::parse(name), Some(Named::Digest(_)));
        let is_read = !matches!(stored, Stored::Unreadable(_) | Stored::OverLimit);
        let document = (is_digest && is_read).then(|| Digest::parse(content, &Limits::default()));
        self.files.push(FoundFile { name: name.into(), stored, sha256: is_read.then(|| Sha256::of(content)), document });
    }

    /// Keeps a signature beside a digest.
    pub(super) fn sign(&mut self, key: &str, signature: &str) {
        self.carriers.add_metadata(&format!("{}/{key}", self.root), [("signature", signature)].into_iter());
    }

    pub(super) fn remove(&mut self, key: &str) {
        self.files.retain(|file| !file.name.ends_with(key));
    }

    /// Takes items of a key file.
    pub(super) fn trust(&mut self, item: &Value) {
        let file = json!({"PublicKeyList": [item]}).to_string();
        self.keys.add_file("keys.json", file.as_bytes(), &Limits::default()).expect("a key file");
    }

    /// The whole time of the hours.
    pub(super) fn ask_all(mut self) -> Self {
        let time = |value: &Value| EventTime::parse_plain(value.as_str().expect("a text"));
        let start = self.hours.iter().filter_map(|hour| time(&hour.document["digestStartTime"])).min();
        let end = self.hours.iter().filter_map(|hour| time(&hour.document["digestEndTime"])).max();
        self.question.range = AskedRange { start, end };
        self
    }

    pub(super) fn verify(&self) -> Verification {
        verify(&self.files, &self.carriers, &self.keys, &self.question, &mut |_: &Gap, _| false).expect("sums that hold")
    }

    /// What became of the files whose tail is one of those hours' digests, or of their logs with `L`.
    pub(super) fn states(&self, answer: &Verification) -> String {
        let of = |key: &str| answer.files.get(&Tail::of(key)).map_or_else(|| "-".to_owned(), state);
        let hours: Vec<_> = self.hours.iter().map(|hour| format!("{}, log {}", of(&hour.key), of(&hour.log_key))).collect();
        hours.join("\n")
    }
}

/// `status/reason or evidence (notes)`
pub(super) fn state(report: &FileReport) -> String {
    let why = report.verdict.reason().map(Reason::name).or_else(|| report.verdict.evidence().map(Evidence::name));
    let notes: Vec<_> = report.notes.iter().map(|note| format!(" +{}", note.name())).collect();
    format!("{}{}{}", report.verdict.status(), why.map(|why| format!("/{why}")).unwrap_or_default(), notes.concat())
}

/// `type severity`, in the order of the answer, but for what tells only where a chain starts.
pub(super) fn findings(answer: &Verification) -> String {
    let shown = answer.findings.iter().filter(|finding| !finding.kind.name().starts_with("chain-start"));
    shown.map(|finding| format!("{} {}", finding.kind.name(), finding.severity.name())).collect::<Vec<_>>().join(", ")
}

/// The digest of the hour that starts that many seconds into the day.
fn make(clock: i64, previous: Option<&Hour>, bucket: &str, is_backfill: bool, word: &str) -> Hour {
    let start = if word == "overlap" { clock - 1_800 } else { clock };
    let mark = if is_backfill { "_backfill" } else { "" };
    let key = format!(
        "AWSLogs/{ACCOUNT}/CloudTrail-Digest/{REGION}/2026/03/01/{ACCOUNT}_CloudTrail-Digest_{REGION}_main_us-east-1_{}{mark}.json.gz",
        stamp(clock + 3_600)
    );
    let log_key = log_key(clock + 1_800, if is_backfill { "Late" } else { "Log" });
    let key_pair = if word == "unknown-key" { other_signer() } else { signer() };
    let fingerprint = md5_hex(key_pair.public_key().as_ref());
    let document = json!({
        "awsAccountId": ACCOUNT, "digestStartTime": plain(start), "digestEndTime": plain(clock + 3_600),
        "digestS3Bucket": bucket, "digestS3Object": key,
        "digestPublicKeyFingerprint": fingerprint, "digestSignatureAlgorithm": "SHA256withRSA",
        "previousDigestS3Bucket": previous.map(|hour| hour.document["digestS3Bucket"].clone()),
        "previousDigestS3Object": previous.map(|hour| hour.key.clone()),
        "previousDigestHashValue": previous.map(|hour| Sha256::of(&hour.bytes()).to_string()),
        "previousDigestHashAlgorithm": previous.map(|_| "SHA-256"),
        "previousDigestSignature": previous.map(|hour| hour.signature.clone()),
        "logFiles": [{"s3Bucket": bucket, "s3Object": log_key, "hashAlgorithm": "SHA-256",
            "hashValue": Sha256::of(log_content(&log_key).as_bytes()).to_string()}],
    });
    let signature = sign_with(key_pair, &document);
    Hour { key, document, signature, log_key }
}

/// A log's key, at that second of the day.
pub(super) fn log_key(clock: i64, unique: &str) -> String {
    let minute = stamp(clock).replace("00Z", "Z");
    format!("AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/2026/03/01/{ACCOUNT}_CloudTrail_{REGION}_{minute}_{unique}.json.gz")
}

pub(super) fn log_content(key: &str) -> String {
    json!({"Records": [{"eventID": key}]}).to_string()
}

/// The signature over a document, as `CloudTrail` makes it.
pub(super) fn sign_with(key_pair: &KeyPair, document: &Value) -> String {
    let text = |name: &str| document[name].as_str().unwrap_or("null");
    let bytes = document.to_string();
    let (end, bucket, object) = (text("digestEndTime"), text("digestS3Bucket"), text("digestS3Object"));
    let signed = format!("{end}\n{bucket}/{object}\n{}\n{}", Sha256::of(bytes.as_bytes()), text("previousDigestSignature"));
    let mut signature = vec![0; key_pair.public_modulus_len()];
    key_pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed.as_bytes(), &mut signature).expect("a signature");
    hex(&signature)
}

/// An item of a key file for that DER.
pub(super) fn key_item(der: &[u8]) -> Value {
    json!({"Value": base64(der), "Fingerprint": md5_hex(der)})
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let letter = LETTERS[usize::try_from(word >> (18 - 6 * place) & 63).expect("six bits")];
            text.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

pub(super) fn signer() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).expect("a key"))
}

pub(super) fn other_signer() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate(KeySize::Rsa2048).expect("a key"))
}

fn at(clock: i64) -> EventTime {
    EventTime::parse_plain("2026-03-01T00:00:00Z").and_then(|day| day.plus_seconds(clock)).expect("a time")
}

pub(super) fn plain(clock: i64) -> String {
    at(clock).to_string()
}

/// `YYYYMMDDThhmmssZ`
pub(super) fn stamp(clock: i64) -> String {
    plain(clock).replace(['-', ':'], "")
}
