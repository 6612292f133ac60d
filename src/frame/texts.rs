//! [`Once`] and [`Texts`]: one copy of each value or text for all who keep it; [`Map`] and [`Set`]: what is known by a text.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use foldhash::quality::RandomState;
use indexmap::IndexSet;

/// A map with a hash that is quick on short texts, and that hostile ones cannot foresee.
pub(crate) type Map<K, V> = HashMap<K, V, RandomState>;

/// A set with the hash of [`Map`].
pub(crate) type Set<T> = HashSet<T, RandomState>;

/// Texts that are kept after the batch in which they stood is gone.
pub(crate) type Texts = Once<str>;

/// Equal values, each kept once, and with a number of its own.
#[derive(Debug)]
pub(crate) struct Once<T: ?Sized>(IndexSet<Arc<T>, RandomState>);

impl<T: ?Sized> Default for Once<T> {
    fn default() -> Self {
        Self(IndexSet::default())
    }
}

impl<T: Eq + Hash + ?Sized> Once<T> {
    /// The one copy of a value.
    pub(crate) fn share(&mut self, value: impl AsRef<T> + Into<Arc<T>>) -> Arc<T> {
        if let Some(known) = self.0.get(value.as_ref()) {
            return known.clone();
        }
        let value = value.into();
        self.0.insert(value.clone());
        value
    }

    /// The number of a value, which gets one where it has none.
    pub(crate) fn code(&mut self, value: &Arc<T>) -> u32 {
        let code = self.0.get_index_of(&**value).unwrap_or_else(|| self.0.insert_full(value.clone()).0);
        u32::try_from(code).unwrap_or(u32::MAX)
    }

    /// The number of a value that has one.
    pub(crate) fn known(&self, value: &T) -> Option<u32> {
        u32::try_from(self.0.get_index_of(value)?).ok()
    }

    /// The value that has that number.
    pub(crate) fn get(&self, code: u32) -> Option<&Arc<T>> {
        self.0.get_index(usize::try_from(code).ok()?)
    }
}
