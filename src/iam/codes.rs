//! [`Codes`]: numbers for values that many have.

use std::hash::Hash;
use std::sync::Arc;

use crate::frame::Map;

/// Equal values, each with its number.
#[derive(Debug)]
pub(super) struct Codes<T: ?Sized> {
    codes: Map<Arc<T>, u32>,
    all: Vec<Arc<T>>,
}

impl<T: ?Sized> Default for Codes<T> {
    fn default() -> Self {
        Self { codes: Map::default(), all: Vec::new() }
    }
}

impl<T: Eq + Hash + ?Sized> Codes<T> {
    /// The number of a value, which gets one where it has none.
    pub(super) fn code(&mut self, value: &Arc<T>) -> u32 {
        if let Some(code) = self.known(value) {
            return code;
        }
        let code = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.all.push(value.clone());
        self.codes.insert(value.clone(), code);
        code
    }

    /// The number of a value that has one.
    pub(super) fn known(&self, value: &T) -> Option<u32> {
        self.codes.get(value).copied()
    }

    /// The value that has that number.
    pub(super) fn get(&self, code: u32) -> Option<&Arc<T>> {
        self.all.get(usize::try_from(code).ok()?)
    }
}
