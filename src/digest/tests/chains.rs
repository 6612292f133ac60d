//! Digests in their chains: what is proven by what, and what holes are.

use serde_json::json;

use super::bucket::{Bucket, findings, other_signer, sign_with, stamp, state};
use crate::digest::{Severity, Stored, Tail};

/// States of the hours' digests without notes, and the findings.
fn seen(bucket: &Bucket) -> String {
    let answer = bucket.verify();
    let states = bucket.states(&answer);
    let states: Vec<&str> = states.lines().filter_map(|line| line.split([',', ' ']).next()).collect();
    format!("{} | {} | {}", states.join(" "), findings(&answer), answer.worst.overall())
}

#[test]
fn scenarios() {
    for (words, expected) in [
        ("ok ok ok", "valid/signature valid/signature valid/signature |  | ok"),
        ("bare bare bare", "valid/successor-signature valid/successor-signature unverified/no-signature |  | warn"),
        ("bad-signature ok", "valid/successor-signature valid/signature | carrier-mismatch error | fail"),
        ("ok bad-signature", "valid/signature invalid/signature-mismatch |  | fail"),
        ("ok missing missing ok", "valid/signature - missing/named valid/signature | missing-run error | fail"),
        ("ok gap ok", "valid/signature valid/signature | gap warning | warn"),
        ("ok bucket-change ok", "valid/signature valid/signature valid/signature |  | ok"),
        ("ok overlap ok", "valid/signature valid/signature valid/signature | overlap warning | warn"),
        ("ok trailing-bytes ok", "valid/signature invalid/trailing-data valid/signature |  | fail"),
        ("ok off-chain ok", "valid/signature valid/signature valid/signature | off-chain warning | warn"),
        (
            "unknown-key unknown-key ok",
            "valid/successor-hash valid/successor-hash valid/signature | key-unknown warning, key-unknown warning | warn",
        ),
        ("ok unknown-key", "valid/signature unverified/no-key |  | warn"),
    ] {
        assert_eq!(seen(&Bucket::of(words).ask_all()), expected, "{words}");
    }
}

#[test]
fn a_run_has_its_exact_range_and_an_estimate() {
    let bucket = Bucket::of("ok missing missing missing ok").ask_all();
    let answer = bucket.verify();
    let run = &answer.chains[0].missing_runs[0];
    assert_eq!(
        (run.from.to_string(), run.to.to_string(), run.count),
        ("2026-03-01T01:00:00Z".to_owned(), "2026-03-01T04:00:00Z".to_owned(), 3)
    );
    assert_eq!(run.named, [Tail::of(&bucket.hours[3].key)]);
    // A digest that is there and invalid is none of the missing.
    let answer = Bucket::of("ok missing trailing-bytes missing ok").ask_all().verify();
    assert_eq!(answer.chains[0].missing_runs[0].count, 2);
    assert_eq!((answer.digests.due, answer.digests.valid, answer.digests.invalid, answer.digests.missing), (4, 2, 1, 1));
}

#[test]
fn a_copy_in_another_hour_is_moved_and_harms_nothing_else() {
    let bucket = Bucket::of("ok moved ok").ask_all();
    let answer = bucket.verify();
    let copy = Tail::of(&bucket.hours[1].key.replace(&stamp(7_200), &stamp(9_000)));
    assert_eq!(answer.files.get(&copy).map(state).as_deref(), Some("invalid/moved"));
    assert_eq!(bucket.states(&answer).matches("valid/signature").count(), 3);
    assert!(answer.chains[0].missing_runs.is_empty() && findings(&answer).is_empty());
}

#[test]
fn a_changed_digest_is_known_by_the_next() {
    let mut bucket = Bucket::of("ok ok ok").ask_all();
    let mut hour = bucket.hours[1].clone();
    hour.document["logFiles"] = json!([]);
    bucket.put(&hour.key, &hour.bytes(), Stored::Gzip);
    assert!(seen(&bucket).starts_with("valid/signature invalid/content-mismatch valid/signature"));
    assert!(bucket.states(&bucket.verify()).contains("log undigested/digest-invalid"));
    // Signed anew with a stranger's key, it is no better.
    hour.document["digestPublicKeyFingerprint"] = json!("00");
    bucket.put(&hour.key, &hour.bytes(), Stored::Gzip);
    bucket.sign(&hour.key, &sign_with(other_signer(), &hour.document));
    assert!(seen(&bucket).starts_with("valid/signature invalid/content-mismatch valid/signature"));
}

#[test]
fn only_the_one_algorithm_is_taken() {
    let mut bucket = Bucket::of("ok ok").ask_all();
    let mut hour = bucket.hours[1].clone();
    hour.document["digestSignatureAlgorithm"] = json!("SHA1withRSA");
    bucket.put(&hour.key, &hour.bytes(), Stored::Gzip);
    assert!(seen(&bucket).starts_with("valid/signature invalid/bad-algorithm"));
    let mut bucket = Bucket::of("ok bare").ask_all();
    let hour = bucket.hours[1].clone();
    let metadata = [("signature", hour.signature.as_str()), ("signature-algorithm", "none")];
    bucket.carriers.add_metadata(&format!("evidence/b1/{}", hour.key), metadata.into_iter());
    assert!(seen(&bucket).starts_with("valid/signature invalid/bad-algorithm"));
    bucket.sign(&hour.key, &hour.signature);
    assert!(seen(&bucket).starts_with("valid/signature valid/signature"), "of several, the good one counts");
}

#[test]
fn how_a_digest_is_stored() {
    for (stored, good, bare_head, bad) in [
        (Stored::Plain { is_json: true }, "valid/signature +not-compressed", "unverified/no-signature +not-compressed", "invalid/bad-gzip"),
        (Stored::Cut, "valid/signature +gzip-damaged", "invalid/truncated-gzip", "invalid/truncated-gzip"),
        (Stored::Corrupt { has_more: false }, "valid/signature +gzip-damaged", "invalid/bad-gzip", "invalid/bad-gzip"),
        (Stored::Corrupt { has_more: true }, "invalid/trailing-data", "invalid/bad-gzip", "invalid/bad-gzip"),
        (Stored::Trailing, "invalid/trailing-data", "invalid/trailing-data", "invalid/trailing-data"),
        (Stored::Unreadable("denied".to_owned()), "unverified/io-error", "unverified/io-error", "unverified/io-error"),
        (Stored::OverLimit, "unverified/over-limit", "unverified/over-limit", "unverified/over-limit"),
    ] {
        for (word, expected) in [("ok", good), ("bare", bare_head), ("bad-signature", bad)] {
            let mut bucket = Bucket::of(&format!("ok {word}")).ask_all();
            let hour = bucket.hours[1].clone();
            bucket.put(&hour.key, &hour.bytes(), stored.clone());
            let answer = bucket.verify();
            let state = answer.files.get(&Tail::of(&hour.key)).map(|report| state(report).replace(" +relocated", ""));
            assert_eq!(state.as_deref(), Some(expected), "{stored:?} {word}");
        }
    }
    // What could not be read explains its hole, and its logs.
    let mut bucket = Bucket::of("ok ok ok").ask_all();
    let hour = bucket.hours[1].clone();
    bucket.put(&hour.key, b"", Stored::Unreadable("denied".to_owned()));
    let answer = bucket.verify();
    assert_eq!((findings(&answer).as_str(), answer.worst), ("", Severity::Warning));
    assert!(bucket.states(&answer).contains("unverified/io-error, log undigested/digest-unread"));
}

#[test]
fn edges_of_the_range() {
    let mut bucket = Bucket::of("missing ok ok");
    assert_eq!(seen(&bucket), "- valid/signature valid/signature | starts-mid-chain info | ok");
    bucket = bucket.ask_all();
    assert_eq!(seen(&bucket), "missing/named valid/signature valid/signature | missing-run error | fail");
    bucket.question.range.start = bucket.question.range.start.and_then(|start| start.plus_seconds(3_601));
    assert_eq!(seen(&bucket), "- valid/signature valid/signature |  | ok");
    bucket.question.range.end = bucket.question.range.end.and_then(|end| end.plus_seconds(7_200));
    assert!(!seen(&bucket).contains("tail-uncovered"));
    bucket.question.range.end = bucket.question.range.end.and_then(|end| end.plus_seconds(1));
    assert!(seen(&bucket).contains("tail-uncovered warning"));
    bucket.question.expect_regions = vec!["eu-west-1".to_owned(), "us-west-2".to_owned()];
    bucket.question.expect_accounts = vec!["999988887777".to_owned()];
    assert!(seen(&bucket).contains("account-missing error, region-missing error"));
}

#[test]
fn backfill_chains_make_no_holes() {
    let bucket = Bucket::of("ok ok ok ok ok ok ok ok ok").with_backfill("ok gap ok missing ok").ask_all();
    let answer = bucket.verify();
    assert_eq!(findings(&answer), "");
    assert_eq!(bucket.states(&answer).lines().nth(11), Some("missing/named, log undigested/not-listed"));
    assert!(bucket.states(&answer).ends_with("valid/signature +no-generation-timestamp, log valid"));
}

#[test]
fn many_that_name_one_make_bounded_work_and_hide_nothing_that_is_near() {
    let mut bucket = Bucket::of("bare ok").ask_all();
    let hour = bucket.hours[1].clone();
    for number in 0..2_000_i64 {
        let mut copy = hour.clone();
        copy.key = hour.key.replace(&stamp(7_200), &stamp(86_400 + number));
        copy.document["digestS3Object"] = json!(copy.key);
        copy.document["previousDigestSignature"] = json!(format!("{number:0512}"));
        bucket.put(&copy.key, &copy.bytes(), Stored::Gzip);
    }
    assert!(seen(&bucket).starts_with("valid/successor-signature valid/signature"));
}

#[test]
fn the_stop_is_asked_of_the_logs_before_the_gap() {
    let bucket = Bucket::of("ok ok gap ok").ask_all();
    let mut asked = Vec::new();
    let mut shows_stop = |gap: &crate::digest::Gap, logs: &[std::sync::Arc<str>]| {
        asked.push((gap.chain.trail.to_string(), logs.to_vec()));
        true
    };
    let answer = crate::digest::verify(&bucket.files, &bucket.carriers, &bucket.keys, &bucket.question, &mut shows_stop).expect("sums");
    assert_eq!((findings(&answer).as_str(), answer.worst.overall()), ("gap info", "ok"));
    assert_eq!(asked, [("main".to_owned(), vec![format!("evidence/b1/{}", bucket.hours[1].log_key).into()])]);
}

#[test]
fn the_order_of_the_files_does_not_show() {
    let mut bucket = Bucket::of("ok bare missing bad-signature moved overlap off-chain gap ok unknown-key ok").ask_all();
    let first = serde_json::to_string(&bucket.verify()).expect("JSON");
    bucket.files.reverse();
    assert_eq!(first, serde_json::to_string(&bucket.verify()).expect("JSON"));
    bucket.files.rotate_left(5);
    assert_eq!(first, serde_json::to_string(&bucket.verify()).expect("JSON"));
}

#[test]
fn the_answer_as_json() {
    let mut bucket = Bucket::of("ok missing bad-signature").ask_all();
    bucket.trust(&json!({"Value": "", "Fingerprint": "00"}));
    let answer = json!(bucket.verify());
    let (digest, log) = (&bucket.hours[2].key, &bucket.hours[2].log_key);
    let missing = &bucket.hours[1].key;
    let chain = "111122223333/eu-west-1/main/us-east-1";
    assert_eq!(
        answer.as_object().expect("an object").keys().collect::<Vec<_>>(),
        ["range", "verdict", "files", "findings", "coverage", "trust"]
    );
    assert_eq!(answer["range"], json!({"start": "2026-03-01T00:00:00Z", "end": "2026-03-01T03:00:00Z"}));
    assert_eq!(answer["verdict"], "fail");
    assert_eq!(answer["files"][digest], json!({"kind": "digest", "status": "invalid", "reason": "signature-mismatch", "notes": []}));
    assert_eq!(
        answer["files"][log],
        json!({"kind": "log", "status": "unverified", "reason": "digest-invalid", "hash": "match", "notes": []})
    );
    let first = json!({"kind": "digest", "status": "valid", "reason": null, "evidence": "signature", "notes": []});
    assert_eq!(answer["files"][&bucket.hours[0].key], first);
    // The link of an invalid digest names nothing that could be missing.
    assert_eq!(answer["files"].get(missing), None);
    let inconsistent = json!({"type": "key-file-inconsistent", "severity": "warning", "key": "00"});
    assert!(answer["findings"].as_array().expect("a list").contains(&inconsistent), "{}", answer["findings"]);
    let answer = json!(Bucket::of("ok missing ok").ask_all().verify());
    let run = json!({"type": "missing-run", "severity": "error", "chain": chain, "from": "2026-03-01T01:00:00Z",
        "to": "2026-03-01T02:00:00Z", "count": 1, "named": [missing]});
    assert_eq!(answer["findings"][0], run);
    let row = json!({"account": "111122223333", "region": "eu-west-1", "trail": "main", "digests": 2, "logs": 2,
        "first": "2026-03-01T00:00:00Z", "last": "2026-03-01T03:00:00Z"});
    let unlisted = json!({"account": "111122223333", "region": "eu-west-1", "trail": null, "digests": 0, "logs": 1,
        "first": "2026-03-01T01:30:00Z", "last": "2026-03-01T01:30:00Z"});
    assert_eq!(answer["coverage"], json!([unlisted, row]));
}
