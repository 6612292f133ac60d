//! UUIDs as sixteen bytes: their texts have thirty-six, of which no compression takes away half.

/// The bytes of a UUID that is written as AWS writes them: in small letters, with hyphens.
pub(crate) fn parse(text: &[u8]) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let part = |start: usize| text.get(start..).and_then(<[u8]>::first_chunk::<4>);
    let hyphens = [8, 13, 18, 23].iter().all(|place| text.get(*place) == Some(&b'-'));
    // The places of four letters that follow each other, two for each word.
    let mut uuid = [0; 16];
    for (word, [left, right]) in uuid.as_chunks_mut::<4>().0.iter_mut().zip([[0, 4], [9, 14], [19, 24], [28, 32]]) {
        *word = number(*part(left)?, *part(right)?)?.to_le_bytes();
    }
    hyphens.then_some(uuid)
}

/// The text of a UUID.
pub(crate) fn text(uuid: [u8; 16]) -> [u8; 36] {
    let mut text = [b'-'; 36];
    let (words, _) = uuid.as_chunks::<4>();
    for (word, starts) in words.iter().zip([[0, 4], [9, 14], [19, 24], [28, 32]]) {
        let letters = letters(spread(u32::from_le_bytes(*word))).to_le_bytes();
        for (start, part) in starts.into_iter().zip(letters.as_chunks::<4>().0) {
            if let Some(place) = text.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
                *place = *part;
            }
        }
    }
    text
}

/// Eight hex digits in one word, a byte each; none where one is no small digit.
fn number(left: [u8; 4], right: [u8; 4]) -> Option<u32> {
    let text = u64::from(u32::from_le_bytes(left)) | u64::from(u32::from_le_bytes(right)) << 32;
    // Letters have a bit that digits lack, and begin with 1 where their value is 10.
    let digits = (text & every(0x0f)).wrapping_add((text >> 6 & every(1)).wrapping_mul(9));
    (letters(digits & every(0x0f)) == text).then(|| gather(digits))
}

/// Digits, a byte each, as letters.
const fn letters(digits: u64) -> u64 {
    let high = (digits + every(0x76)) >> 7 & every(1);
    digits + every(b'0') + high * 39
}

/// Eight digits of a byte each as four bytes.
#[expect(clippy::cast_possible_truncation, clippy::as_conversions, reason = "all bits above the lower half are zero")]
const fn gather(digits: u64) -> u32 {
    let bytes = (digits << 4 | digits >> 8) & 0x00ff_00ff_00ff_00ff;
    let pairs = (bytes | bytes >> 8) & 0x0000_ffff_0000_ffff;
    (pairs & 0xffff_ffff | pairs >> 16 & 0xffff_0000) as u32
}

/// Four bytes as eight digits of a byte each.
fn spread(word: u32) -> u64 {
    let word = u64::from(word);
    let pairs = (word | word << 16) & 0x0000_ffff_0000_ffff;
    let bytes = (pairs | pairs << 8) & 0x00ff_00ff_00ff_00ff;
    bytes >> 4 & every(0x0f) | (bytes & every(0x0f)) << 8 & every(0x0f)
}

/// The same byte eight times.
const fn every(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn bytes_come_back_from_their_text(uuid: [u8; 16]) {
            let text = text(uuid);
            let hex = crate::source::hex(&uuid);
            let part = |range: std::ops::Range<usize>| hex.get(range).expect("hex digits");
            let expected = [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-");
            assert_eq!(str::from_utf8(&text), Ok(expected.as_str()));
            assert_eq!(parse(&text), Some(uuid));
        }

        #[test]
        fn only_a_text_that_comes_back_is_a_uuid(uuid: [u8; 16], place in 0_usize..36, letter: u8) {
            let mut changed = text(uuid);
            changed[place] = letter;
            let still = if matches!(place, 8 | 13 | 18 | 23) { letter == b'-' } else { matches!(letter, b'0'..=b'9' | b'a'..=b'f') };
            assert_eq!(parse(&changed).map(text), still.then_some(changed));
            assert_eq!(parse(&changed[1..]), None);
        }
    }
}
