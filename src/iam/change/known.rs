//! [`KnownDocuments`]: policy documents that several calls carry.

use std::sync::{Arc, Mutex, PoisonError};

use super::super::attribute::Value;
use super::super::policy::Document;
use crate::frame::Map;
use crate::source::Sha256;

/// The documents of calls by what was written. One that many calls carry, as those of a template do, is read and kept once.
#[derive(Debug, Default)]
pub(in crate::iam) struct KnownDocuments(Mutex<Map<Sha256, Arc<Document>>>);

impl KnownDocuments {
    /// The document in a text, as [`Value::document`] has it.
    pub(super) fn read(&self, text: Option<&str>) -> Value {
        let Some(text) = text else { return Value::Unknown };
        let hash = Sha256::of(text.as_bytes());
        let held = |all: &Map<Sha256, Arc<Document>>| all.get(&hash).cloned();
        if let Some(known) = held(&self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Value::Document(known);
        }
        match Value::document(Some(text)) {
            Value::Document(document) => {
                let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                Value::Document(all.entry(hash).or_insert(document).clone())
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_is_one_document() {
        let known = KnownDocuments::default();
        let text = r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        match (known.read(Some(text)), known.read(Some(text))) {
            (Value::Document(first), Value::Document(second)) => assert!(Arc::ptr_eq(&first, &second)),
            other => panic!("no documents: {other:?}"),
        }
        for text in [None, Some("no document"), Some("HIDDEN_DUE_TO_SECURITY_REASONS")] {
            assert_eq!(known.read(text), Value::document(text));
        }
    }
}
