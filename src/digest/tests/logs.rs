//! Logs against the digests that list them, and where they lie.

use serde_json::json;

use super::bucket::{Bucket, findings, log_content, log_key, sign_with, signer, state};
use crate::digest::{Reason, Stored, Tail};

/// State of the log of an hour.
fn log(bucket: &Bucket, hour: usize) -> String {
    let answer = bucket.verify();
    answer
        .files
        .get(&Tail::of(&bucket.hours[hour].log_key))
        .map_or_else(|| "-".to_owned(), |report| state(report).replace(" +relocated", ""))
}

fn stored_as(stored: Stored, content: &str) -> String {
    let mut bucket = Bucket::of("ok ok").ask_all();
    let key = bucket.hours[0].log_key.clone();
    let content = if content.is_empty() { log_content(&key) } else { content.to_owned() };
    bucket.put(&key, content.as_bytes(), stored);
    log(&bucket, 0)
}

#[test]
fn how_a_log_is_stored() {
    for (stored, same, other) in [
        (Stored::Gzip, "valid", "invalid/hash-mismatch"),
        (Stored::Plain { is_json: true }, "valid +not-compressed", "invalid/bad-gzip"),
        (Stored::Cut, "valid +gzip-damaged", "invalid/truncated-gzip"),
        (Stored::Corrupt { has_more: false }, "valid +gzip-damaged", "invalid/bad-gzip"),
        (Stored::Corrupt { has_more: true }, "invalid/trailing-data", "invalid/bad-gzip"),
        (Stored::Trailing, "invalid/trailing-data", "invalid/trailing-data"),
        (Stored::Empty, "invalid/bad-gzip", "invalid/bad-gzip"),
        (Stored::Unreadable("denied".to_owned()), "unverified/io-error", "unverified/io-error"),
        (Stored::OverLimit, "unverified/over-limit", "unverified/over-limit"),
    ] {
        assert_eq!((stored_as(stored.clone(), "").as_str(), stored_as(stored.clone(), "x").as_str()), (same, other), "{stored:?}");
    }
}

#[test]
fn entries_that_disagree_and_entries_of_another_algorithm() {
    let again = |hash: &str, algorithm: &str| {
        let mut bucket = Bucket::of("ok ok").ask_all();
        let key = bucket.hours[0].log_key.clone();
        let mut hour = bucket.hours[1].clone();
        hour.document["logFiles"] = json!([{"s3Bucket": "b1", "s3Object": key, "hashValue": hash, "hashAlgorithm": algorithm}]);
        bucket.put(&hour.key, &hour.bytes(), Stored::Gzip);
        bucket.sign(&hour.key, &sign_with(signer(), &hour.document));
        bucket
            .carriers
            .add_metadata(&format!("evidence/b1/{}", hour.key), [("signature", sign_with(signer(), &hour.document).as_str())].into_iter());
        bucket
    };
    let bucket = again(&"ab".repeat(32), "SHA-256");
    assert_eq!((log(&bucket, 0).as_str(), findings(&bucket.verify()).as_str()), ("valid", "conflicting-entries warning"));
    let mut bucket = again(&"ab".repeat(32), "MD5");
    bucket.remove(&bucket.hours[0].key.clone());
    assert_eq!(log(&bucket, 0), "unverified/bad-algorithm");
}

#[test]
fn a_log_of_an_invalid_digest_tells_whether_it_matches() {
    let mut bucket = Bucket::of("ok bad-signature").ask_all();
    let report = |bucket: &Bucket| {
        let answer = bucket.verify();
        answer.files.get(&Tail::of(&bucket.hours[1].log_key)).map(|report| (report.verdict.reason().map(Reason::name), report.hash_matches))
    };
    assert_eq!(report(&bucket), Some((Some("digest-invalid"), Some(true))));
    let key = bucket.hours[1].log_key.clone();
    bucket.put(&key, b"x", Stored::Gzip);
    assert_eq!(report(&bucket), Some((Some("digest-invalid"), Some(false))));
    bucket.remove(&key);
    assert_eq!(report(&bucket), None);
}

#[test]
fn a_log_that_was_put_in() {
    let mut bucket = Bucket::of("ok ok ok gap ok").ask_all();
    for (clock, unique, expected) in
        [(5_400, "X", "undigested/not-listed"), (5 * 3_600, "X", "undigested/gap"), (9 * 3_600 - 60, "X", "undigested/after-last")]
    {
        let key = log_key(clock, unique);
        bucket.put(&key, b"{}", Stored::Gzip);
        assert_eq!(bucket.verify().files.get(&Tail::of(&key)).map(state).as_deref(), Some(expected), "{clock}");
    }
    let aggregated = log_key(5_400, "Y").replace("CloudTrail/", "CloudTrail-Aggregated/");
    let elsewhere = log_key(5_400, "Z").replace(super::bucket::REGION, "us-west-2");
    for (key, expected) in [(aggregated, "undigested/kind-not-digested"), (elsewhere, "undigested/no-digests")] {
        bucket.put(&key, b"{}", Stored::Gzip);
        assert_eq!(bucket.verify().files.get(&Tail::of(&key)).map(state).as_deref(), Some(expected), "{key}");
    }
    bucket.question.trails = vec!["main".to_owned()];
    assert_eq!(bucket.verify().files.len(), 8, "with a trail's filter nothing is said about logs that none lists");
    bucket.question.trails = vec!["other".to_owned()];
    assert!(bucket.verify().files.is_empty());
    bucket.question = crate::digest::Question { regions: vec!["us-west-2".to_owned()], ..Default::default() };
    assert_eq!(bucket.verify().files.len(), 1);
}

#[test]
fn most_logs_unlisted_hint_at_another_trail() {
    let mut bucket = Bucket::of("ok ok").ask_all();
    for number in 0..3 {
        bucket.put(&log_key(600, &format!("N{number}")), b"{}", Stored::Gzip);
    }
    assert_eq!(findings(&bucket.verify()), "other-trail-likely info");
}

#[test]
fn places() {
    // Only the bucket's folder tells whether it lies where it was.
    let mut bucket = Bucket::of("ok bucket-change").ask_all();
    bucket.question.strict_location = true;
    let states = bucket.states(&bucket.verify());
    assert_eq!(states, "valid/signature, log valid\ninvalid/moved, log undigested/after-last");
    assert!(!bucket.verify().is_mostly_moved());
    // Two files for one key: the better place, then like contents, then the first name.
    let key = bucket.hours[0].log_key.clone();
    for (other, content, expected) in [
        ("copy/AWSLogs", "", ("valid +duplicate", "")),
        ("copy/AWSLogs", "x", ("valid", "differing-copy warning")),
        ("a/b1/AWSLogs", "x", ("valid", "differing-copy warning")),
    ] {
        let mut bucket = Bucket::of("ok ok").ask_all();
        let content = if content.is_empty() { log_content(&key) } else { content.to_owned() };
        bucket.put_at(&key.replace("AWSLogs", other), content.as_bytes(), Stored::Gzip);
        assert_eq!((log(&bucket, 0).as_str(), findings(&bucket.verify()).as_str()), expected, "{other}");
    }
    // Nothing speaks for either of these.
    for (first, second, expected) in [("x", log_content(&key).as_str(), "invalid/hash-mismatch"), (&log_content(&key), "x", "valid")] {
        let mut bucket = Bucket::of("ok ok").ask_all();
        bucket.remove(&key);
        bucket.put_at(&format!("first/b1/{key}"), first.as_bytes(), Stored::Gzip);
        bucket.put_at(&format!("second/b1/{key}"), second.as_bytes(), Stored::Gzip);
        assert_eq!((log(&bucket, 0).as_str(), findings(&bucket.verify()).as_str()), (expected, "ambiguous-place error"));
    }
}

#[test]
fn flat_and_unpacked_downloads() {
    let mut bucket = Bucket::of("bare bare bare").ask_all();
    for file in &mut bucket.files {
        let name = file.name.rsplit('/').next().unwrap_or_default();
        file.name = format!("flat/{}", name.trim_end_matches(".gz")).into();
        file.stored = Stored::Plain { is_json: true };
    }
    let states = bucket.states(&bucket.verify());
    let expected = "valid/successor-signature +not-compressed +relocated, log valid +not-compressed +relocated\n\
        valid/successor-signature +not-compressed +relocated, log valid +not-compressed +relocated\n\
        unverified/no-signature +not-compressed +relocated, log unverified/digest-unverified +not-compressed +relocated";
    assert_eq!(states, expected);
    assert_eq!(bucket.verify().files.len(), 6);
}
