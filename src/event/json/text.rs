//! The insides of text literals: where they end, their escapes, and what stands between them.

use bumpalo::Bump;

use super::Fault;

/// The JSON text without the white space outside its texts.
pub(super) fn compact<'a>(json: &str, arena: &'a Bump) -> &'a str {
    let mut out = bumpalo::collections::String::with_capacity_in(json.len(), arena);
    let mut in_text = false;
    let mut after_backslash = false;
    let mut kept_from = 0;
    for (at, byte) in json.bytes().enumerate() {
        if in_text {
            if after_backslash {
                after_backslash = false;
            } else if byte == b'\\' {
                after_backslash = true;
            } else if byte == b'"' {
                in_text = false;
            }
        } else if byte == b'"' {
            in_text = true;
        } else if matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            out.push_str(json.get(kept_from..at).unwrap_or_default());
            kept_from = at + 1;
        }
    }
    out.push_str(json.get(kept_from..).unwrap_or_default());
    out.into_bump_str()
}

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// Marks the top bit of each byte that is a quote or a backslash; the lowest mark is exact.
pub(super) const fn ends_of_text(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    ((quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash)) & TOPS
}

/// Marks the top bit of each byte that is below 0x20; the lowest mark is exact.
pub(super) const fn controls(word: u64) -> u64 {
    word.wrapping_sub(ONES * 0x20) & !word & TOPS
}

/// Which byte the lowest mark is of.
#[expect(clippy::as_conversions, reason = "a number of bytes below eight")]
pub(super) const fn first_marked(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// A piece of a text literal's inside.
pub(super) enum Part<'t> {
    Plain(&'t str),
    Letter(char),
}

/// Whether all escapes are right.
pub(super) fn check_escapes(raw: &str, offset: usize) -> Result<(), Fault> {
    decode(raw, offset, |_| ())
}

/// Takes a text literal's inside apart into plain runs and escaped letters.
pub(super) fn decode<'t>(raw: &'t str, offset: usize, mut part: impl FnMut(Part<'t>)) -> Result<(), Fault> {
    let mut rest = raw;
    while let Some(backslash) = memchr::memchr(b'\\', rest.as_bytes()) {
        let at = offset + raw.len() - rest.len() + backslash;
        let fault = Fault::Syntax { at, expected: "a valid escape" };
        part(Part::Plain(rest.get(..backslash).unwrap_or_default()));
        let escape = rest.as_bytes().get(backslash + 1).ok_or(fault)?;
        let (letter, length) = match escape {
            b'"' => ('"', 2),
            b'\\' => ('\\', 2),
            b'/' => ('/', 2),
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'n' => ('\n', 2),
            b'r' => ('\r', 2),
            b't' => ('\t', 2),
            b'u' => unicode_escape(rest.get(backslash..).unwrap_or_default()).ok_or(fault)?,
            _ => return Err(fault),
        };
        part(Part::Letter(letter));
        rest = rest.get(backslash + length..).unwrap_or_default();
    }
    part(Part::Plain(rest));
    Ok(())
}

/// The letter of `\uXXXX`, or of a surrogate pair, and how many bytes it took.
fn unicode_escape(text: &str) -> Option<(char, usize)> {
    let unit = |from: usize| {
        let digits = text.get(from..from + 4)?;
        digits.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(digits, 16).ok())?
    };
    let first = unit(2)?;
    if let Some(letter) = char::from_u32(first) {
        return Some((letter, 6));
    }
    if !(0xd800..0xdc00).contains(&first) || text.get(6..8) != Some("\\u") {
        return None;
    }
    let second = unit(8).filter(|unit| (0xdc00..0xe000).contains(unit))?;
    char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).map(|letter| (letter, 12))
}
