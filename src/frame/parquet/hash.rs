//! A quick hash of bytes, the same in every run: it finds equal texts, and shows that a byte has changed.
//!
//! It is not made to withstand somebody who looks for two inputs of one hash. The dictionary bounds what such
//! texts cost, and who can write a file can write its checksums too.

/// Odd numbers without a pattern: the first digits of pi and of e. The way of mixing is wyhash's, by Wang Yi.
const KEYS: [u64; 2] = [0x243f_6a88_85a3_08d3, 0xb7e1_5162_8aed_2a6b];

/// The hash of bytes of any number.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    let length = u64::try_from(bytes.len()).unwrap_or_default();
    // Two lanes, as one would wait for each product before it begins the next.
    let mut lanes = KEYS;
    let (blocks, rest) = bytes.as_chunks::<32>();
    for block in blocks {
        mix_block(&mut lanes, block.as_chunks().0);
    }
    if let Some(last) = bytes.last_chunk::<32>() {
        if !rest.is_empty() {
            mix_block(&mut lanes, last.as_chunks().0);
        }
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        mix_block(&mut lanes, &[*first, *last]);
    } else {
        let mut block = [0; 16];
        for (place, byte) in block.iter_mut().zip(bytes) {
            *place = *byte;
        }
        mix_block(&mut lanes, &[block]);
    }
    let [left, right] = lanes;
    mix(left ^ length, right ^ KEYS[0])
}

/// The hash of sixteen bytes.
pub(super) fn hash_word(word: u128) -> u64 {
    let mut lanes = KEYS;
    mix_block(&mut lanes, &[word.to_le_bytes()]);
    mix(lanes[0], KEYS[0])
}

fn mix_block(lanes: &mut [u64; 2], block: &[[u8; 16]]) {
    for (lane, pair) in lanes.iter_mut().zip(block) {
        let word = u128::from_le_bytes(*pair);
        *lane = mix(low(word) ^ KEYS[1], low(word >> 64) ^ *lane);
    }
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
