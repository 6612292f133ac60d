//! A quick hash of bytes, the same in every run: it finds equal texts, and shows that a byte has changed.
//!
//! It is not made to withstand somebody who looks for two inputs of one hash. The dictionary bounds what such
//! texts cost, and who can write a file can write its checksums too.

/// Odd numbers without a pattern: the first digits of pi and of e (wyhash's way of mixing, by Wang Yi).
const KEYS: [u64; 2] = [0x243f_6a88_85a3_08d3, 0xb7e1_5162_8aed_2a6b];

/// The hash of bytes of any number.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let mut state = KEYS[0] ^ u64::try_from(bytes.len()).unwrap_or_default();
    let (pairs, rest) = bytes.as_chunks::<16>();
    for pair in pairs {
        state = mix_pair(state, pair);
    }
    if !rest.is_empty() {
        let mut last = [0; 16];
        if let Some(start) = last.get_mut(..rest.len()) {
            start.copy_from_slice(rest);
        }
        state = mix_pair(state, &last);
    }
    mix(state, KEYS[1])
}

/// The hash of sixteen bytes.
pub(super) fn hash_word(word: u128) -> u64 {
    mix(mix_pair(KEYS[0], &word.to_le_bytes()), KEYS[1])
}

fn mix_pair(state: u64, pair: &[u8; 16]) -> u64 {
    let word = u128::from_le_bytes(*pair);
    mix(low(word) ^ KEYS[1], low(word >> 64) ^ state)
}

/// Both halves of the product, folded.
fn mix(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    low(product) ^ low(product >> 64)
}

#[expect(clippy::cast_possible_truncation, clippy::as_conversions, reason = "the low half is what is asked for")]
const fn low(word: u128) -> u64 {
    word as u64
}
