//! [`Numbers`] and [`Places`]: which of very many things have a key, without a copy of the key.

use std::hash::{BuildHasher as _, Hash};

use foldhash::quality::RandomState;
use hashbrown::HashTable;

use super::scan::number;
use super::view::index;

/// Numbers by keys that stand in what is numbered; whoever asks says what the key of a number is.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    table: HashTable<u32>,
    hash: RandomState,
}

impl Numbers {
    /// The number that has the key.
    pub(super) fn find<K: Hash + Eq>(&self, key: &K, key_of: impl Fn(u32) -> Option<K>) -> Option<u32> {
        self.table.find(self.hash.hash_one(key), |number| key_of(*number).as_ref() == Some(key)).copied()
    }

    /// Adds a number with a key that none has yet.
    pub(super) fn add<K: Hash>(&mut self, key: &K, number: u32, key_of: impl Fn(u32) -> Option<K>) {
        let Self { table, hash } = self;
        table.insert_unique(hash.hash_one(key), number, |number| key_of(*number).map_or(0, |key| hash.hash_one(key)));
    }

    /// All numbers, in no order.
    fn all(&self) -> impl Iterator<Item = u32> {
        self.table.iter().copied()
    }
}

/// Places in a list by a key that several may share.
#[derive(Debug)]
pub(super) struct Places {
    /// The first place of each key.
    first: Numbers,
    /// For each place the next one of the same key, else itself.
    next: Vec<u32>,
}

impl Places {
    /// Those of a list of that length; places without a key are left out.
    pub(super) fn of<K: Hash + Eq>(length: usize, key_of: impl Fn(u32) -> Option<K>) -> Self {
        let mut next: Vec<u32> = (0..number(length)).collect();
        let mut last: Vec<(u32, u32)> = Vec::new();
        let mut first = Numbers::default();
        for place in 0..number(length) {
            let Some(key) = key_of(place) else { continue };
            let Some(known) = first.find(&key, &key_of) else {
                first.add(&key, place, &key_of);
                continue;
            };
            last.push((known, place));
        }
        // Where keys are shared, in the order of the places.
        last.sort_unstable();
        for group in last.chunk_by(|left, right| left.0 == right.0) {
            let mut before = group.first().map_or(0, |(first, _)| *first);
            for (_, place) in group {
                if let Some(next) = next.get_mut(index(before)) {
                    *next = *place;
                }
                before = *place;
            }
        }
        Self { first, next }
    }

    /// The first place of a key.
    pub(super) fn find<K: Hash + Eq>(&self, key: &K, key_of: impl Fn(u32) -> Option<K>) -> Option<u32> {
        self.first.find(key, key_of)
    }

    /// The places of each key that several share.
    pub(super) fn shared(&self) -> impl Iterator<Item = impl Iterator<Item = u32>> {
        self.first.all().filter(|first| self.after(*first).is_some()).map(|first| self.from(Some(first)))
    }

    /// That place and those after it that share its key, in order.
    pub(super) fn from(&self, first: Option<u32>) -> impl Iterator<Item = u32> {
        std::iter::successors(first, |place| self.after(*place))
    }

    fn after(&self, place: u32) -> Option<u32> {
        self.next.get(index(place)).copied().filter(|next| *next != place)
    }
}
