//! [`Texts`]: one copy of each text for all who keep it.

use std::collections::HashSet;
use std::sync::Arc;

/// Texts that are kept after the batch in which they stood is gone.
#[derive(Debug, Default)]
pub(crate) struct Texts(HashSet<Arc<str>>);

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
