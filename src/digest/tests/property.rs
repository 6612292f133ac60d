//! Whatever is done to evidence, the answer is not that all is well.

use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};

use super::bucket::{Bucket, log_key};
use crate::digest::{Digest, FoundFile, Limits, Named, Severity, Stored};
use crate::source::Sha256;

/// A file of the bucket with one bit of its content changed.
fn flipped(bucket: &Bucket, file: &FoundFile, place: usize) -> FoundFile {
    let hour = bucket.hours.iter().find(|hour| file.name.ends_with(&hour.key) || file.name.ends_with(&hour.log_key)).expect("an hour");
    let is_digest = matches!(Named::parse(&file.name), Some(Named::Digest(_)));
    let mut content = if is_digest { hour.bytes() } else { super::bucket::log_content(&hour.log_key).into_bytes() };
    let place = place % (content.len() * 8);
    content[place / 8] ^= 1 << (place % 8);
    let document = is_digest.then(|| Digest::parse(&content, &Limits::default()));
    FoundFile { name: file.name.clone(), stored: Stored::Gzip, sha256: Some(Sha256::of(&content)), document }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_change_is_never_ok(is_bare in any::<bool>(), act in 0..4_u8, which in 0..10_usize, place in any::<usize>()) {
        let words = if is_bare { "bare bare bare bare ok" } else { "ok ok ok ok ok" };
        let mut bucket = Bucket::of(words).ask_all();
        prop_assert!(bucket.verify().worst == Severity::Info);
        match act {
            0 => {
                let file = bucket.files[which].clone();
                bucket.files[which] = flipped(&bucket, &file, place);
            }
            1 => bucket.remove(&bucket.hours[which % 5].log_key.clone()),
            2 => bucket.remove(&bucket.hours[which % 4].key.clone()),
            // So that its quarter of an hour ends within the covered time.
            _ => bucket.put(&log_key(i64::try_from(place % (4 * 60 + 45)).unwrap_or_default() * 60, "Added"), b"{}", Stored::Gzip),
        }
        prop_assert!(bucket.verify().worst > Severity::Info);
    }

    #[test]
    fn no_document_and_no_name_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), name in ".{0,80}") {
        let _ = Digest::parse(&bytes, &Limits::default());
        let _ = Named::parse(&name);
    }
}
