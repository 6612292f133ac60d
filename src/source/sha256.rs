//! [`Sha256`], and hex.

use std::fmt;

use aws_lc_rs::digest::{Context, Digest, SHA256, digest};

/// A SHA-256, as 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256([u8; 32]);

impl Sha256 {
    /// The hash of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_digest(digest(&SHA256, bytes))
    }

    /// The hashes of two contents.
    ///
    /// Each step of this hash needs the one before, so that a processor with instructions for it waits most of the time.
    /// Given a block of one content and a block of the other in turn, it works on one while it waits for the other:
    /// as far as both go, this takes three quarters of the time (`cargo bench --bench pipeline -- "inflate and hash"`).
    pub(super) fn of_both(contents: [&[u8]; 2]) -> [Self; 2] {
        if !has_instructions() {
            return contents.map(Self::of);
        }
        let [left, right] = contents.map(|content| content.as_chunks::<BLOCK_BYTES>().0);
        let [mut of_left, mut of_right] = [Context::new(&SHA256), Context::new(&SHA256)];
        for (left, right) in left.iter().zip(right) {
            of_left.update(left);
            of_right.update(right);
        }
        let both = left.len().min(right.len()) * BLOCK_BYTES;
        let [left, right] = contents.map(|content| content.get(both..).unwrap_or_default());
        of_left.update(left);
        of_right.update(right);
        [of_left, of_right].map(|hash| Self::from_digest(hash.finish()))
    }

    /// The hash that 64 hex digits of any case stand for.
    pub fn from_hex(text: &str) -> Option<Self> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            *byte = byte_of(*pair)?;
        }
        Some(Self(bytes))
    }

    /// What the library yields, which is of that length where it was asked for this hash.
    pub(super) fn from_digest(digest: Digest) -> Self {
        Self(digest.as_ref().try_into().unwrap_or_default())
    }

    /// Its bytes.
    pub(crate) const fn bytes(self) -> [u8; 32] {
        self.0
    }
}

impl From<[u8; 32]> for Sha256 {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for Sha256 {
    /// Lower-case hex.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether the processor has instructions for SHA-256. Without them a hash keeps it busy by itself, and blocks one by one
/// only cost time.
fn has_instructions() -> bool {
    #[cfg(target_arch = "x86_64")]
    let has = std::arch::is_x86_feature_detected!("sha");
    #[cfg(target_arch = "aarch64")]
    let has = std::arch::is_aarch64_feature_detected!("sha2");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let has = false;
    has
}

/// Bytes that SHA-256 takes in one step (FIPS 180-4, section 1).
const BLOCK_BYTES: usize = 64;

/// The SHA-256 of bytes, in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::of(bytes).to_string()
}

/// Bytes in lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(if value < 10 { b'0' + value } else { b'a' + value - 10 });
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0x0f)]).collect()
}

/// The bytes that hex digits of any case stand for.
pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    pairs.iter().map(|pair| byte_of(*pair)).collect()
}

/// The byte that two hex digits of any case stand for.
const fn byte_of([high, low]: [u8; 2]) -> Option<u8> {
    match (nibble(high), nibble(low)) {
        (Some(high), Some(low)) => Some(high << 4 | low),
        _ => None,
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_hex() {
        let hash = Sha256::of(b"abc").to_string();
        assert_eq!(hash, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Sha256::from_hex(&hash.to_uppercase()), Some(Sha256::of(b"abc")));
        assert_eq!((unhex("abc"), unhex("é0"), Sha256::from_hex("00")), (None, None, None));
    }

    #[test]
    fn two_at_once_are_hashed_as_one_after_the_other() {
        let bytes: Vec<u8> = (0..1_000_u32).flat_map(u32::to_le_bytes).collect();
        let lengths = [0, 1, 55, 56, 63, 64, 65, 127, 128, 129, 1_000, 4_000];
        for left in lengths {
            for right in lengths {
                let contents = [&bytes[..left], &bytes[bytes.len() - right..]];
                assert_eq!(Sha256::of_both(contents), contents.map(Sha256::of), "{left} and {right} bytes");
            }
        }
    }
}
