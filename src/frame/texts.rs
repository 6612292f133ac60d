//! [`Once`] and [`Texts`]: one copy of each value or text for all who keep it; [`Map`] and [`Set`]: what is known by a text.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

use foldhash::quality::RandomState;

/// A map with a hash that is quick on short texts, and that hostile ones cannot foresee.
pub(crate) type Map<K, V> = HashMap<K, V, RandomState>;

/// A set with the hash of [`Map`].
pub(crate) type Set<T> = HashSet<T, RandomState>;

/// Texts that are kept after the batch in which they stood is gone.
pub(crate) type Texts = Once<str>;

/// Equal values, each kept once.
#[derive(Debug)]
pub(crate) struct Once<T: ?Sized>(Set<Arc<T>>);

impl<T: ?Sized> Default for Once<T> {
    fn default() -> Self {
        Self(Set::default())
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
}
