//! Key files in all their forms.

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use serde_json::json;

use super::bucket::{Bucket, base64, findings, key_item, signer};
use crate::digest::hash::md5_hex;
use crate::digest::{Limits, PublicKeys};

fn verified_with(files: &[String]) -> String {
    let mut bucket = Bucket::of("ok ok");
    bucket.keys = PublicKeys::default();
    for file in files {
        bucket.keys.add_file("k", file.as_bytes(), &Limits::default()).expect("a key file");
    }
    let answer = bucket.verify();
    let state = bucket.states(&answer).lines().next().unwrap_or_default().replace(", log", " -");
    format!("{state}; {}", findings(&answer))
}

#[test]
fn forms_of_the_versions_and_of_the_documentation() {
    let der = signer().public_key().as_ref().to_vec();
    let (value, print) = (base64(&der), md5_hex(&der));
    let mut seen = Vec::new();
    for file in [
        json!({"PublicKeyList": [{"Value": value, "Fingerprint": print, "ValidityStartTime": 1_436_453_600.0, "ValidityEndTime": 4_102_444_800_i64}]}),
        json!({"PublicKeyList": [{"Value": value, "Fingerprint": print, "ValidityStartTime": "2026-01-01T00:00:00+00:00", "ValidityEndTime": "2027-01-01T00:00:00Z"}]}),
        json!({"publicKeyList": [{"value": value, "fingerprint": print.to_uppercase(), "validityStartTime": "1436453600.0"}]}),
        json!([{"Value": format!("{value}\n"), "Fingerprint": print}, 7, {"Fingerprint": 1}]),
    ] {
        seen.push(verified_with(&[file.to_string()]));
    }
    seen.dedup();
    assert_eq!(seen, ["valid/signature - valid; "]);
    let early = json!({"PublicKeyList": [{"Value": value, "Fingerprint": print, "ValidityEndTime": "2020-01-01T00:00:00Z"}]});
    assert_eq!(verified_with(&[early.to_string()]), "valid/signature +key-outside-validity - valid; ");
}

#[test]
fn a_key_with_a_head_of_its_own_is_taken_too() {
    let spki = signer().public_key().as_der().expect("DER").as_ref().to_vec();
    let item = json!({"Value": base64(&spki), "Fingerprint": md5_hex(signer().public_key().as_ref())});
    // Under the fingerprint that the digests state, which is not that of these bytes.
    let seen = verified_with(&[json!({"PublicKeyList": [item]}).to_string()]);
    assert_eq!(seen, "valid/signature - valid; key-file-inconsistent warning");
}

#[test]
fn keys_that_cannot_be_used() {
    let der = signer().public_key().as_ref().to_vec();
    for bytes in [b"".as_slice(), b"junk", &der[..100]] {
        let item = json!({"Value": base64(bytes), "Fingerprint": md5_hex(&der)});
        let seen = verified_with(&[json!({"PublicKeyList": [item]}).to_string()]);
        let expected = "unverified/no-key +bad-key - unverified/digest-unverified; key-file-inconsistent warning";
        assert_eq!(seen, expected, "{}", bytes.len());
    }
    // The good key is found beside a bad one, whichever file comes first.
    let bad = json!({"PublicKeyList": [{"Value": "!", "Fingerprint": md5_hex(&der)}]}).to_string();
    let good = json!({"PublicKeyList": [key_item(&der)]}).to_string();
    let seen = verified_with(&[good.clone(), bad.clone()]);
    assert_eq!(seen, "valid/signature - valid; key-file-inconsistent warning");
    assert_eq!(seen, verified_with(&[bad, good]));
    let other = KeyPair::generate(KeySize::Rsa2048).expect("a key").public_key().as_ref().to_vec();
    let seen = verified_with(&[json!({"PublicKeyList": [key_item(&other)]}).to_string()]);
    assert_eq!(seen, "unverified/no-key - unverified/digest-unverified; ");
}

#[test]
fn files_that_are_none() {
    for text in ["", "{}", "7", r#"{"PublicKeyList":{}}"#] {
        assert!(PublicKeys::default().add_file("k", text.as_bytes(), &Limits::default()).is_err(), "{text}");
    }
    let limits = Limits { key_file_bytes: 1, ..Limits::default() };
    assert!(PublicKeys::default().add_file("k", b"[]", &limits).is_err());
    let mut keys = PublicKeys::default();
    keys.add_file("k", br#"{"PublicKeyList":[]}"#, &Limits::default()).expect("an empty list");
    assert!(keys.is_empty() && keys.files().len() == 1);
}
