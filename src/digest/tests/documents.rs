//! Documents as hostile hands write them.

use serde_json::{Value, json};

use super::bucket::Bucket;
use crate::digest::{Digest, Limits, Reason};
use crate::source::Sha256;

fn document() -> Value {
    Bucket::of("ok ok").hours[1].document.clone()
}

fn parse(bytes: &[u8]) -> Result<Box<Digest>, Reason> {
    Digest::parse(bytes, &Limits::default())
}

fn with(name: &str, value: Value) -> Option<Reason> {
    let mut document = document();
    document[name] = value;
    parse(document.to_string().as_bytes()).err()
}

#[test]
fn what_is_no_document() {
    let sound = document().to_string();
    for bytes in [b"".as_slice(), b"[]", b"null", b"{", b"{} x", b"{\"a\":\xff}", b"\xef\xbb\xbf{}", &sound.as_bytes()[..sound.len() - 1]] {
        assert_eq!(parse(bytes).err(), Some(Reason::BadJson), "{:?}", String::from_utf8_lossy(bytes));
    }
    let deep = format!("{{\"a\":{}", "[".repeat(1 << 20));
    assert_eq!(parse(deep.as_bytes()).err(), Some(Reason::BadJson));
    let deep = format!("{{\"x\":{}{},{}", "[".repeat(1 << 20), "]".repeat(1 << 20), sound.trim_start_matches('{'));
    assert_eq!(parse(deep.as_bytes()).err(), None);
}

#[test]
fn fields_that_are_needed_and_fields_that_are_not() {
    for name in [
        "digestPublicKeyFingerprint",
        "digestS3Bucket",
        "digestS3Object",
        "previousDigestSignature",
        "digestStartTime",
        "digestEndTime",
        "logFiles",
    ] {
        let mut document = document();
        document.as_object_mut().expect("an object").remove(name);
        assert_eq!(parse(document.to_string().as_bytes()).err(), Some(Reason::MissingField), "{name}");
        assert_eq!(with(name, json!({"a": [1]})), Some(Reason::MissingField), "{name}");
        assert_eq!(with(name, json!(7)), Some(Reason::MissingField), "{name}");
    }
    assert_eq!(
        (with("previousDigestSignature", Value::Null), with("awsAccountId", json!(1)), with("new", json!({"deep": {}}))),
        (None, None, None)
    );
    for time in ["2026-03-01", "2026-03-01T00:00:00+00:00", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z", "1772323200", ""] {
        assert_eq!(with("digestStartTime", json!(time)), Some(Reason::MissingField), "{time}");
    }
    assert_eq!(with("digestStartTime", json!("9999-12-31T23:59:59Z")), Some(Reason::MissingField));
    for entries in [json!([7]), json!([[]]), json!([{"s3Bucket": "b", "s3Object": null, "hashValue": "x"}]), json!("x"), Value::Null] {
        assert_eq!(with("logFiles", entries.clone()), Some(Reason::MissingField), "{entries}");
    }
}

#[test]
fn the_last_of_two_fields_counts_and_the_bytes_are_hashed() {
    let text = document().to_string().replacen('{', "{ \"digestS3Bucket\":\"other\",\n", 1);
    let digest = parse(text.as_bytes()).expect("a digest");
    assert_eq!((&*digest.bucket, digest.sha256), ("b1", Sha256::of(text.as_bytes())));
    let text = document().to_string().replace("digestS3Bucket", "digestS3\\u0042ucket");
    assert_eq!(parse(text.as_bytes()).map(|digest| digest.bucket.to_string()), Ok("b1".to_owned()));
}

#[test]
fn limits_are_held() {
    let limits = Limits { entries: 3, ..Limits::default() };
    let entry = json!({"s3Bucket": "b", "s3Object": "o", "hashValue": "h"});
    let of = |count| {
        let mut document = document();
        document["logFiles"] = Value::Array(vec![entry.clone(); count]);
        Digest::parse(document.to_string().as_bytes(), &limits).map(|digest| digest.listed_logs())
    };
    assert_eq!((of(3), of(4)), (Ok(3), Err(Reason::OverLimit)));
    let limits = Limits { digest_bytes: 100, ..Limits::default() };
    assert_eq!(Digest::parse(document().to_string().as_bytes(), &limits).err(), Some(Reason::OverLimit));
}
