//! Small numbers as Parquet's runs: a number with its count, or eight numbers packed into as many bytes as
//! each has bits. Done here, as polars goes through bits and numbers one by one: that was a fifth of all writing.

use std::ops::ControlFlow;

use polars_arrow::bitmap::Bitmap;
use polars_parquet::parquet::encoding::uleb128;

/// Equal bytes of bits from which on a run is shorter than leaving them among their neighbours.
const MIN_RUN_BYTES: usize = 4;
/// Equal numbers from which on it is for them.
const MIN_RUN: usize = 16;

/// Appends bits, a byte at a time.
pub(super) fn encode_bits(bits: &Bitmap, out: &mut Vec<u8>) {
    let aligned = bits.to_aligned_bitmap();
    let (bytes, _, len) = aligned.as_slice();
    // Mixed bytes from `literal` up to `at` wait.
    let (mut literal, mut at) = (0, 0);
    for group in bytes.chunk_by(PartialEq::eq) {
        let first = group.first().copied().unwrap_or_default();
        if group.len() >= MIN_RUN_BYTES && matches!(first, 0 | u8::MAX) {
            encode_packed_bits(bytes.get(literal..at).unwrap_or_default(), out);
            encode_run(u32::from(first & 1), (8 * group.len()).min(len - 8 * at), 1, out);
            literal = at + group.len();
        }
        at += group.len();
    }
    encode_packed_bits(bytes.get(literal..).unwrap_or_default(), out);
}

fn encode_packed_bits(bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.is_empty() {
        push_number(bytes.len() << 1 | 1, out);
        out.extend_from_slice(bytes);
    }
}

/// Appends numbers of at most `width` bits.
pub(super) fn encode_numbers(numbers: &[u32], width: usize, out: &mut Vec<u8>) {
    // Packed ones from `literal` up to `at` wait; they come in eights.
    let (mut literal, mut at) = (0, 0);
    while let Some(([first, others @ ..], rest)) = numbers.get(at..).and_then(<[u32]>::split_first_chunk::<8>).map(|(a, b)| (*a, b)) {
        if others.iter().all(|number| *number == first) {
            let run = 8 + rest.iter().take_while(|number| **number == first).count();
            if run >= MIN_RUN {
                encode_packed(numbers.get(literal..at).unwrap_or_default(), width, out);
                encode_run(first, run, width, out);
                at += run;
                literal = at;
                continue;
            }
        }
        at += 8;
    }
    encode_packed(numbers.get(literal..).unwrap_or_default(), width, out);
}

/// Appends `count` times the same number.
pub(super) fn encode_run(number: u32, count: usize, width: usize, out: &mut Vec<u8>) {
    push_number(count << 1, out);
    out.extend_from_slice(number.to_le_bytes().get(..width.div_ceil(8)).unwrap_or_default());
}

fn encode_packed(numbers: &[u32], width: usize, out: &mut Vec<u8>) {
    if numbers.is_empty() {
        return;
    }
    push_number(numbers.len().div_ceil(8) << 1 | 1, out);
    out.reserve(numbers.len().div_ceil(8) * width);
    let (eights, rest) = numbers.as_chunks::<8>();
    for eight in eights {
        pack(eight, width, out);
    }
    if !rest.is_empty() {
        let mut eight = [0; 8];
        for (place, number) in eight.iter_mut().zip(rest) {
            *place = *number;
        }
        pack(&eight, width, out);
    }
}

/// Appends eight numbers as `width` bytes.
fn pack(numbers: &[u32; 8], width: usize, out: &mut Vec<u8>) {
    if width <= 8 {
        let word = numbers.iter().rev().fold(0, |word, number| word << width | u64::from(*number));
        out.extend_from_slice(word.to_le_bytes().get(..width).unwrap_or_default());
    } else if width <= 16 {
        let word = numbers.iter().rev().fold(0, |word, number| word << width | u128::from(*number));
        out.extend_from_slice(word.to_le_bytes().get(..width).unwrap_or_default());
    } else {
        let (mut word, mut bits) = (0, 0);
        for number in numbers {
            word |= u64::from(*number) << bits;
            bits += width;
            while bits >= 8 {
                out.extend_from_slice(word.to_le_bytes().get(..1).unwrap_or_default());
                word >>= 8;
                bits -= 8;
            }
        }
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

/// Calls `visit` with the place of each bit that is set, until it breaks off.
pub(super) fn visit_set(bits: &Bitmap, mut visit: impl FnMut(usize) -> ControlFlow<()>) -> ControlFlow<()> {
    let mut words = bits.fast_iter_u64();
    let mut start = 0;
    let mut visit_word = |mut word: u64| {
        while word != 0 {
            visit(start + usize::try_from(word.trailing_zeros()).unwrap_or_default())?;
            word &= word - 1;
        }
        start += 64;
        ControlFlow::Continue(())
    };
    words.try_for_each(&mut visit_word)?;
    // What is left are less than two words.
    words.remainder().0.into_iter().try_for_each(visit_word)
}
