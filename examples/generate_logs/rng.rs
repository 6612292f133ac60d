//! A small seeded generator (xoshiro256++, seeded by `SplitMix64`): equal seeds give equal logs on every platform.

use std::fmt::Write as _;

/// A stream of pseudo-random numbers.
pub(crate) struct Rng {
    state: [u64; 4],
}

impl Rng {
    /// The stream of `seed` and `index`; streams of different indices are independent of each other.
    pub(crate) fn new(seed: u64, index: u64) -> Self {
        let mut mix = seed ^ index.wrapping_mul(0xA076_1D64_78BD_642F).rotate_left(17);
        Self { state: [split_mix(&mut mix), split_mix(&mut mix), split_mix(&mut mix), split_mix(&mut mix)] }
    }

    /// The stream that belongs to a name, so that an id can be made from the name alone.
    pub(crate) fn of_name(name: &str) -> Self {
        let hash = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
        Self::new(hash, 0)
    }

    /// A number below `bound`; zero where `bound` is zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// A number of seconds from `low` to `high`, both included.
    pub(crate) fn seconds(&mut self, low: u64, high: u64) -> i64 {
        i64::try_from(self.between(low, high)).unwrap_or(0)
    }

    /// True in `per_mille` of 1,000 calls.
    pub(crate) fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of `items`; the default where there are none.
    pub(crate) fn pick<T: Copy + Default>(&mut self, items: &[T]) -> T {
        let count = u64::try_from(items.len()).unwrap_or(0);
        let index = usize::try_from(self.below(count)).unwrap_or(0);
        items.get(index).copied().unwrap_or_default()
    }

    /// `length` characters of `alphabet` (which is ASCII).
    pub(crate) fn text(&mut self, alphabet: &[u8], length: usize) -> String {
        (0..length).map(|_| char::from(self.pick(alphabet))).collect()
    }

    /// `length` lower-case hexadecimal digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.text(b"0123456789abcdef", length)
    }

    /// A random (version 4) UUID.
    pub(crate) fn uuid(&mut self) -> String {
        let (high, low) = (self.next(), self.next());
        let mut text = String::with_capacity(36);
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0x0FFF,
            (low >> 48) & 0x3FFF | 0x8000,
            low & 0xFFFF_FFFF_FFFF
        );
        text
    }

    fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.state;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c, d) = (c ^ a, d ^ b);
        self.state = [a ^ d, b ^ c, c ^ (b << 17), d.rotate_left(45)];
        result
    }
}

/// An AWS unique id such as `AROA...EXAMPLE`, always the same for the same name.
pub(crate) fn stable_id(prefix: &str, name: &str) -> String {
    // 21 characters, as AWS writes the ids of users and roles.
    format!("{prefix}{}EXAMPLE", Rng::of_name(&format!("{prefix}/{name}")).text(BASE32, 10))
}

/// A long-term access key id, always the same for the same name.
pub(crate) fn stable_key(name: &str) -> String {
    format!("AKIA{}EXAMPLE", Rng::of_name(&format!("AKIA/{name}")).text(BASE32, 9))
}

/// The letters and digits of AWS ids.
pub(crate) const BASE32: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// The letters and digits of the random part of a log file's name.
pub(crate) const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// The letters and digits of an S3 request id.
pub(crate) const UPPER: &[u8] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
