//! [`Texts`]: one copy of each text for all who keep it; [`Map`]: what is known by a text.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use foldhash::quality::RandomState;

/// A map with a hash that is quick on short texts, and that hostile ones cannot foresee.
pub(crate) type Map<K, V> = HashMap<K, V, RandomState>;

/// Texts that are kept after the batch in which they stood is gone.
#[derive(Debug, Default)]
pub(crate) struct Texts(HashSet<Arc<str>, RandomState>);

impl Texts {
    /// The one copy of a text.
    pub(crate) fn share(&mut self, text: impl AsRef<str> + Into<Arc<str>>) -> Arc<str> {
        if let Some(known) = self.0.get(text.as_ref()) {
            return known.clone();
        }
        let text = text.into();
        self.0.insert(text.clone());
        text
    }
}
