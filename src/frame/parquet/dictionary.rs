//! [`Dictionary`]: the distinct texts of a column, and a number for each of its values.

use std::ops::ControlFlow;

use polars_arrow::array::View;

use super::hash::{hash, hash_word};
use super::texts::Texts;

/// The distinct texts of a column in the order in which they come.
///
/// A text may stand in it twice: what a lookup costs has a bound, whatever texts somebody chose.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    /// One more than the entry's number, at the entry's hash or close behind; 0 is free.
    slots: Vec<u32>,
    entries: Vec<Entry>,
    /// The entry of each value.
    codes: Vec<u32>,
    /// Views that came lately, with their entries: equal ones are equal texts, whatever they point to.
    recent: Vec<(u128, u32)>,
    /// Bytes of the entries, and of all values.
    distinct_bytes: usize,
    total_bytes: usize,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// A part of the text's hash.
    hash: u32,
    /// Where the text stands first.
    place: u32,
    view: View,
}

/// Recent views.
const RECENT: usize = 256;
/// Slots to begin with.
const FIRST_SLOTS: usize = 1 << 10;
/// Slots that are looked at for one text.
const PROBES: usize = 8;
/// Entries before it is asked whether there are too many.
const TRIAL_ENTRIES: usize = 1 << 10;
/// Values at most, as their numbers come on one page.
const MAX_VALUES: usize = 16 << 20;
/// Bytes of entries at most: a reader of few rows inflates them all.
pub(super) const MAX_BYTES: usize = 8 << 20;

impl Dictionary {
    /// Numbers the texts, and says whether that is shorter than the texts themselves.
    pub(super) fn number(&mut self, texts: &Texts<'_>) -> bool {
        self.entries.clear();
        self.codes.clear();
        (self.distinct_bytes, self.total_bytes) = (0, 0);
        let whole = match texts.codes() {
            Some(codes) => self.adopt(texts, codes),
            None => self.build(texts),
        };
        let numbered = self.distinct_bytes + self.codes.len() * self.width() / 8;
        whole.is_continue() && self.codes.len() <= MAX_VALUES && numbered <= self.total_bytes
    }

    /// Takes over the numbers that texts have, less the first, which is that of nulls.
    fn adopt(&mut self, texts: &Texts<'_>, codes: &[u16]) -> ControlFlow<()> {
        let views = texts.views();
        for (place, view) in (0..).zip(views).skip(1) {
            self.distinct_bytes += 4 + length(view);
            self.entries.push(Entry { hash: 0, place, view: *view });
        }
        for code in codes.iter().filter(|code| **code != 0) {
            self.total_bytes += 4 + views.get(usize::from(*code)).map_or(0, length);
            self.codes.push(u32::from(*code) - 1);
        }
        if self.distinct_bytes > MAX_BYTES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn build(&mut self, texts: &Texts<'_>) -> ControlFlow<()> {
        self.slots.clear();
        self.slots.resize(FIRST_SLOTS, 0);
        self.recent.clear();
        self.recent.resize(RECENT, (u128::MAX, 0));
        let views = texts.views();
        // Rows next to each other often hold one text, and then share its bytes.
        let (mut last, mut code) = (u128::MAX, 0);
        texts.visit_all(|place| {
            let Some(view) = views.get(place) else { return ControlFlow::Continue(()) };
            self.total_bytes += 4 + length(view);
            let bits = view.as_u128();
            if last != bits {
                last = bits;
                let slot = recent_slot(view);
                match self.recent.get(slot) {
                    Some((known, number)) if *known == bits => code = *number,
                    _ => {
                        code = self.find(texts, place, view)?;
                        if let Some(entry) = self.recent.get_mut(slot) {
                            *entry = (bits, code);
                        }
                    }
                }
            }
            self.codes.push(code);
            ControlFlow::Continue(())
        })
    }

    /// The entry of each value.
    pub(super) fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Bits that a code takes.
    pub(super) fn width(&self) -> usize {
        usize::try_from(self.entries.len().saturating_sub(1).checked_ilog2().map_or(0, |bits| bits + 1)).unwrap_or_default()
    }

    /// Bytes of a text on average, of those that were looked at.
    pub(super) const fn mean_bytes(&self) -> usize {
        match self.total_bytes.checked_div(self.codes.len()) {
            Some(mean) => mean,
            None => 0,
        }
    }

    /// How many entries there are.
    pub(super) const fn len(&self) -> usize {
        self.entries.len()
    }

    /// The places of the entries.
    pub(super) fn places(&self) -> impl Iterator<Item = usize> + '_ {
        self.entries.iter().map(|entry| index(entry.place))
    }

    /// The number of a text, or a break where there are too many.
    #[inline(never)]
    fn find(&mut self, texts: &Texts<'_>, place: usize, view: &View) -> ControlFlow<(), u32> {
        let hash = if view.is_inline() { hash_word(view.as_u128()) } else { hash(texts.bytes(place)) };
        let [hash, _] = halves(hash);
        let mask = self.slots.len() - 1;
        let mut free = index(hash) & mask;
        for probe in 0..PROBES {
            let slot = (index(hash) + probe) & mask;
            let number = self.slots.get(slot).copied().unwrap_or_default();
            if number == 0 {
                free = slot;
                break;
            }
            if let Some(known) = self.entries.get(index(number) - 1).filter(|known| known.hash == hash)
                && same(texts, known, place, view)
            {
                return ControlFlow::Continue(number - 1);
            }
        }
        let Ok(place) = u32::try_from(place) else { return ControlFlow::Break(()) };
        self.insert(Entry { hash, place, view: *view }, free)
    }

    fn insert(&mut self, entry: Entry, slot: usize) -> ControlFlow<(), u32> {
        let number = self.entries.len();
        self.distinct_bytes += 4 + length(&entry.view);
        let many = number >= TRIAL_ENTRIES && 4 * number > 3 * self.codes.len();
        if many || self.distinct_bytes > MAX_BYTES {
            return ControlFlow::Break(());
        }
        self.entries.push(entry);
        let code = u32::try_from(number).unwrap_or(u32::MAX);
        if let Some(slot) = self.slots.get_mut(slot) {
            *slot = code + 1;
        }
        if 2 * self.entries.len() > self.slots.len() {
            self.grow();
        }
        ControlFlow::Continue(code)
    }

    fn grow(&mut self) {
        let slots = 4 * self.slots.len();
        self.slots.clear();
        self.slots.resize(slots, 0);
        for (number, entry) in (1..).zip(&self.entries) {
            let home = index(entry.hash);
            let free = (0..PROBES).map(|probe| (home + probe) & (slots - 1)).find(|slot| self.slots.get(*slot) == Some(&0));
            if let Some(slot) = self.slots.get_mut(free.unwrap_or(home & (slots - 1))) {
                *slot = number;
            }
        }
    }
}

/// Whether an entry's text is that of `view` at `place`.
fn same(texts: &Texts<'_>, known: &Entry, place: usize, view: &View) -> bool {
    if view.is_inline() {
        return known.view.as_u128() == view.as_u128();
    }
    known.view.length == view.length && known.view.prefix == view.prefix && equal(texts.bytes(index(known.place)), texts.bytes(place))
}

/// Whether two texts of one length are equal: short ones without a call.
fn equal(left: &[u8], right: &[u8]) -> bool {
    match (left.first_chunk::<16>(), left.last_chunk::<16>()) {
        (first @ Some(_), last @ Some(_)) if left.len() <= 32 => first == right.first_chunk() && last == right.last_chunk(),
        _ => left == right,
    }
}

fn recent_slot(view: &View) -> usize {
    index(view.offset.wrapping_add(view.buffer_idx).wrapping_add(view.prefix.wrapping_mul(5)).wrapping_mul(0x9e37_79b1) >> (32 - 8))
}

fn length(view: &View) -> usize {
    index(view.length)
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn halves(hash: u64) -> [u32; 2] {
    [hash & u64::from(u32::MAX), hash >> 32].map(|half| u32::try_from(half).unwrap_or_default())
}
