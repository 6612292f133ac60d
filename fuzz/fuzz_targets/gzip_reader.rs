//! `Inflate` three ways over the same stored bytes: at once, in steps from a reader that yields them piece by
//! piece, and flate2's own reader of many members. The first two must agree in everything: bytes, hash, counts,
//! damage. What the third accepts must be sound to them and give the same bytes; what it refuses must be damage.
//!
//! The first byte says what the rest is: stored bytes as they are, a deflate stream to be put into a member with
//! the right check sum, or texts to be compressed and then edited. The second says how the steps are cut.

#![no_main]

use std::io::{ErrorKind, Read, Write as _};

use flate2::{Decompress, FlushDecompress};
use libfuzzer_sys::fuzz_target;
use parts::source::gzip::{Damage, Inflate, Scratch, Summary};
use parts::source::{Budget, Sha256};

fuzz_target!(|data: &[u8]| {
    if let [form, cut, rest @ ..] = data {
        let stored = match form % 3 {
            0 => rest.to_vec(),
            1 => member_of(rest),
            _ => edited(rest),
        };
        compare(&stored, usize::from(*cut));
    }
});

/// So small that inputs reach it, and that a run stays quick.
const BUDGET: Budget = Budget {
    inflate_ratio: 20,
    inflated_free: 1 << 20,
    plain_bytes: 1 << 19,
    record_bytes: 1 << 20,
    whole_bytes: 1 << 20,
    listed_problems: 10,
};

fn compare(stored: &[u8], cut: usize) {
    let mut scratch = Scratch::default();
    let (out, once) = inflate(stored, &mut scratch, usize::MAX);
    // Some 256 steps at most, as each costs.
    let step = (1 + cut) * (1 + out.len() / 256);
    // The same scratch: nothing of the object before may be left in it.
    let (stepped, steps) = inflate(Pieces { rest: stored, most: 1 + cut * cut }, &mut scratch, step);
    if let (Some(Damage::Limit { .. }), Some(Damage::Limit { .. })) = (&once.damage, &steps.damage) {
        // Where a limit is noticed depends on the size of the steps.
        assert!(out.starts_with(&stepped) || stepped.starts_with(&out));
        return;
    }
    if once.damage != steps.damage && has_unused_codes(stored) {
        return;
    }
    assert_eq!(once.damage, steps.damage, "damage");
    assert!(out == stepped, "bytes: {} at once, {} in steps", out.len(), stepped.len());
    assert_eq!(facts(&once), facts(&steps));
    assert_eq!(once.sha256, Some(Sha256::of(&out)));
    assert_eq!(once.inflated_bytes, out.len() as u64);
    if once.members > 0 {
        beside_flate2(stored, &out, &once);
    } else {
        assert!(out == stored || once.damage.is_some());
    }
}

/// Whether a block names more codes than have a meaning, which libdeflate takes and zlib refuses. It is the one known
/// difference between the two ways.
fn has_unused_codes(stored: &[u8]) -> bool {
    let mut out = Vec::with_capacity(2 << 20);
    let outcome = Decompress::new_gzip(15).decompress_vec(stored, &mut out, FlushDecompress::Finish);
    outcome.is_err_and(|error| error.message() == Some("too many length or distance symbols"))
}

fn beside_flate2(stored: &[u8], out: &[u8], summary: &Summary) {
    let mut reference = Vec::new();
    let outcome = flate2::read::MultiGzDecoder::new(stored).read_to_end(&mut reference);
    match outcome {
        Ok(_) => assert!(summary.damage.is_none() && reference == out, "flate2 accepts it: {:?}", summary.damage),
        // It checks the optional sum of a header, which nobody writes and which says nothing of the bytes.
        Err(error) if error.to_string().contains("header") => {}
        Err(error) => {
            assert!(summary.damage.is_some() || has_unused_codes(stored), "flate2 refuses it: {error}");
            assert!(out.starts_with(&reference) || reference.starts_with(out));
        }
    }
}

fn inflate<R: Read>(reader: R, scratch: &mut Scratch, step: usize) -> (Vec<u8>, Summary) {
    let mut stream = Inflate::new(reader, scratch, BUDGET);
    let mut out = Vec::new();
    // An object of more bytes than are asked for first is not inflated at once.
    let mut target = if step == usize::MAX { step } else { 1 };
    while stream.fill(&mut out, target) {
        target = out.len().saturating_add(step);
    }
    (out, stream.finish())
}

fn facts(summary: &Summary) -> (Option<Sha256>, u64, u64, u32) {
    (summary.sha256, summary.stored_bytes, summary.inflated_bytes, summary.members)
}

/// Yields a few bytes at a time, and is interrupted now and then.
struct Pieces<'a> {
    rest: &'a [u8],
    most: usize,
}

impl Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.most == 0 {
            self.most = 4096;
            return Err(ErrorKind::Interrupted.into());
        }
        let take = self.rest.len().min(self.most).min(buffer.len());
        let (now, later) = self.rest.split_at(take);
        buffer[..take].copy_from_slice(now);
        self.rest = later;
        self.most -= 1;
        Ok(take)
    }
}

const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A member around a deflate stream, with the check sum and length that libdeflate finds.
fn member_of(deflate: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 1 << 16];
    let made = libdeflater::Decompressor::new().deflate_decompress(deflate, &mut out).unwrap_or(0);
    let mut crc = flate2::Crc::new();
    crc.update(&out[..made]);
    [&HEADER[..], deflate, &crc.sum().to_le_bytes(), &crc.amount().to_le_bytes()].concat()
}

/// Members of the texts between newlines, with the edits that the first bytes say.
fn edited(bytes: &[u8]) -> Vec<u8> {
    let [edits, at_low, at_high, value, texts @ ..] = bytes else { return Vec::new() };
    let mut stored = Vec::new();
    for text in texts.split(|byte| *byte == b'\n').take(8) {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(u32::from(edits >> 4) % 10));
        encoder.write_all(text).expect("memory");
        stored.extend(encoder.finish().expect("memory"));
    }
    let at = usize::from(u16::from_le_bytes([*at_low, *at_high])) % (stored.len() + 1);
    match edits % 5 {
        0 => stored.truncate(at),
        1 => stored.insert(at, *value),
        2 => stored.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= value),
        3 => stored.extend([*value, *at_low]),
        _ => {}
    }
    stored
}
