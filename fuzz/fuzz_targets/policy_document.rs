//! Policy documents out of hostile text: reading, ranking and comparing them ends without a panic, the canonical form is
//! its own form, and what is kept of a document reads as the same one.

#![no_main]

use std::collections::BTreeSet;

use libfuzzer_sys::fuzz_target;
use parts::iam::policy::{Document, MAX_CHARACTERS, PolicyDocument};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let Ok(policy) = PolicyDocument::parse(&text) else { return };
    let canonical = policy.canonical();
    // A form can be longer than what was written.
    if canonical.len() <= MAX_CHARACTERS {
        let again = PolicyDocument::parse(&canonical);
        assert!(again.is_err() || again.is_ok_and(|again| again.canonical() == canonical), "{canonical}");
    }
    let ranking = policy.ranking();
    let _ = policy.trust().outsiders(&BTreeSet::new());
    let kept = Document::new(&policy);
    assert_eq!(kept.rank(), ranking.rank);
    assert_eq!(kept.policy().expect("it can be read again").canonical(), canonical);
    assert_eq!(serde_json::from_str::<Value>(kept.text()).expect("JSON"), *kept.json());
});
