//! Digests, sidecars, manifests and key files out of hostile bytes: reading them ends without a panic, what is read
//! agrees with `serde_json`'s tree, and a whole verification of files under made-up names holds its sums and never calls
//! anything valid, as no digest lies where it was signed for.
//!
//! The input is cut at bytes 0xff: the first part is the digest, the second a file of keys, the third a sidecar, the
//! fourth a manifest, the rest are names of more files.

#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use parts::digest::{Carriers, Digest, FoundFile, Limits, PublicKeys, Question, Stored, verify};
use parts::source::Sha256;
use serde_json::Value;

const DIGEST: &str = "AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/03/01/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20260301T010203Z.json.gz";
const LIMITS: Limits =
    Limits { digest_bytes: 1 << 20, entries: 1_000, sidecar_bytes: 1 << 16, manifest_bytes: 1 << 16, key_file_bytes: 1 << 16 };

fuzz_target!(|data: &[u8]| {
    let mut parts = data.split(|byte| *byte == 0xff);
    let mut next = || parts.next().unwrap_or_default();
    let (content, key_file, sidecar, manifest) = (next(), next(), next(), next());
    let parsed = Digest::parse(content, &LIMITS);
    compare(content, parsed.as_ref().ok());
    let (mut keys, mut carriers) = (PublicKeys::default(), Carriers::default());
    let _ = keys.add_file("keys.json", key_file, &LIMITS);
    let _ = carriers.add_sidecar(&format!("{DIGEST}.meta.json"), sidecar, &LIMITS);
    let _ = carriers.add_sidecar(&format!("{DIGEST}.sig"), sidecar, &LIMITS);
    let _ = carriers.add_manifest(manifest, &LIMITS);
    let file = |name: &str, document| FoundFile { name: Arc::from(name), stored: Stored::Gzip, sha256: Some(Sha256::of(content)), document };
    let mut files = vec![file(DIGEST, Some(parsed))];
    if let Some(Ok(digest)) = &files[0].document {
        let named: Vec<String> = digest.listed_keys().chain(digest.previous_key()).take(20).map(str::to_owned).collect();
        files.extend(named.iter().map(|name| file(name, Some(Digest::parse(content, &LIMITS)))));
    }
    files.extend(parts.take(20).map(|name| file(&String::from_utf8_lossy(name), None)));
    let answer = verify(&files, &carriers, &keys, &Question::default(), &mut |_, _| false).expect("the sums hold");
    assert!(answer.files.values().all(|report| !report.verdict.is_valid()), "{:?}", answer.files);
    let _ = serde_json::to_string(&answer).expect("JSON");
});

/// What the tree of values says of the fields that are needed, where the document was read.
fn compare(content: &[u8], digest: Option<&Digest>) {
    let tree: Result<Value, _> = serde_json::from_slice(content);
    let Some(digest) = digest else { return };
    let tree = tree.expect("what is read is JSON");
    let keys: Vec<&str> = digest.listed_keys().collect();
    let listed = tree["logFiles"].as_array().expect("a list");
    assert_eq!(keys.len(), listed.len());
    for (key, entry) in keys.iter().zip(listed) {
        assert_eq!(entry["s3Object"].as_str(), Some(*key));
    }
    // Fingerprints count in any case.
    assert_eq!(tree["digestPublicKeyFingerprint"].as_str().map(str::to_ascii_lowercase).as_deref(), Some(digest.fingerprint()));
    assert_eq!(tree["previousDigestS3Object"].as_str(), digest.previous_key());
}
