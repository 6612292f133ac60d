//! [`KnownDocuments`]: policy documents that several calls carry.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::super::attribute::Value;
use super::super::policy::Document;
use crate::frame::Map;
use crate::source::Sha256;

/// The documents of calls by what was written. One that many calls carry, as those of a template do, is read and kept once,
/// for as long as something holds it.
#[derive(Debug, Default)]
pub(in crate::iam) struct KnownDocuments(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    documents: Map<Sha256, Weak<Document>>,
    /// With how many documents those are left out that are gone.
    full: usize,
}

impl Known {
    fn get(&self, hash: &Sha256) -> Option<Arc<Document>> {
        self.documents.get(hash)?.upgrade()
    }

    /// Adds a document, unless another thread was first.
    fn share(&mut self, hash: Sha256, document: Arc<Document>) -> Arc<Document> {
        if let Some(known) = self.get(&hash) {
            return known;
        }
        if self.documents.len() >= self.full {
            self.documents.retain(|_, document| document.strong_count() > 0);
            self.full = (2 * self.documents.len()).max(MIN_FULL);
        }
        self.documents.insert(hash, Arc::downgrade(&document));
        document
    }
}

impl KnownDocuments {
    /// The document in a text, as [`Value::document`] has it.
    pub(super) fn read(&self, text: Option<&str>) -> Value {
        let Some(text) = text else { return Value::Unknown };
        let hash = Sha256::of(text.as_bytes());
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&hash) {
            return Value::Document(known);
        }
        match Value::document(Some(text)) {
            Value::Document(document) => {
                let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                Value::Document(all.share(hash, document))
            }
            other => other,
        }
    }
}

/// Documents that are kept in view before any is left out.
const MIN_FULL: usize = 1_024;

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

    #[test]
    fn documents_that_nothing_holds_are_left_out() {
        let known = KnownDocuments::default();
        let text = |number: usize| format!(r#"{{"Statement":{{"Effect":"Allow","Action":"s3:Get{number}","Resource":"*"}}}}"#);
        let held = known.read(Some(&text(0)));
        for number in 1..=3 * MIN_FULL {
            known.read(Some(&text(number)));
        }
        assert!(known.0.lock().expect("it is whole").documents.len() <= MIN_FULL);
        match (held, known.read(Some(&text(0)))) {
            (Value::Document(first), Value::Document(again)) => assert!(Arc::ptr_eq(&first, &again)),
            other => panic!("no documents: {other:?}"),
        }
    }
}
