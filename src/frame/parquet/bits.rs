//! Truth values as Parquet's runs: alternately a value with its count, and eight values to a byte.

use polars_arrow::bitmap::Bitmap;
use polars_parquet::parquet::encoding::uleb128;

/// Equal bytes from which on a run of its own is shorter than leaving them among their neighbours.
const MIN_RUN_BYTES: usize = 4;

/// Appends bits. A byte at a time: a bit at a time, as polars does it, was a tenth of all writing.
pub(super) fn encode_bits(bits: &Bitmap, out: &mut Vec<u8>) {
    let aligned = bits.to_aligned_bitmap();
    let (bytes, _, len) = aligned.as_slice();
    // Mixed bytes from `literal` up to `at` wait.
    let (mut literal, mut at) = (0, 0);
    for group in bytes.chunk_by(PartialEq::eq) {
        let first = group.first().copied().unwrap_or_default();
        if group.len() >= MIN_RUN_BYTES && matches!(first, 0 | u8::MAX) {
            encode_literal(bytes.get(literal..at).unwrap_or_default(), out);
            encode_run(first != 0, (8 * group.len()).min(len - 8 * at), out);
            literal = at + group.len();
        }
        at += group.len();
    }
    encode_literal(bytes.get(literal..).unwrap_or_default(), out);
}

/// Appends `count` times the same bit.
pub(super) fn encode_run(bit: bool, count: usize, out: &mut Vec<u8>) {
    push_number(count << 1, out);
    out.push(u8::from(bit));
}

fn encode_literal(bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.is_empty() {
        push_number(bytes.len() << 1 | 1, out);
        out.extend_from_slice(bytes);
    }
}

fn push_number(number: usize, out: &mut Vec<u8>) {
    let mut digits = [0; 10];
    let used = uleb128::encode(u64::try_from(number).unwrap_or(u64::MAX), &mut digits);
    out.extend_from_slice(digits.get(..used).unwrap_or_default());
}

/// Appends bytes that `write` makes, with their number in four bytes before them.
pub(super) fn with_length(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX).to_le_bytes();
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&length);
    }
}
