//! [`EventId`]: which event it is, without a text of its own where it is a UUID.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use serde::{Serialize, Serializer};

use super::uuid;

/// An `eventID`. AWS writes UUIDs, of which many are held at once, so that they are kept as their sixteen bytes.
///
/// Ids compare as their texts do.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EventId(Form);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Form {
    Uuid([u8; 16]),
    /// Any text that is no UUID in AWS's spelling.
    Text(Arc<str>),
}

impl EventId {
    /// Whether its text is empty, which tells events apart no better than none.
    pub fn is_empty(&self) -> bool {
        self.with_text(str::is_empty)
    }

    /// Its bytes, where it is a UUID.
    pub(crate) const fn uuid(&self) -> Option<[u8; 16]> {
        match self.0 {
            Form::Uuid(bytes) => Some(bytes),
            Form::Text(_) => None,
        }
    }

    /// What `look` makes of the text.
    fn with_text<T>(&self, look: impl FnOnce(&str) -> T) -> T {
        match &self.0 {
            Form::Uuid(bytes) => look(str::from_utf8(&uuid::text(*bytes)).unwrap_or_default()),
            Form::Text(text) => look(text),
        }
    }
}

impl From<[u8; 16]> for EventId {
    fn from(uuid: [u8; 16]) -> Self {
        Self(Form::Uuid(uuid))
    }
}

impl From<&str> for EventId {
    fn from(text: &str) -> Self {
        Self(uuid::parse(text.as_bytes()).map_or_else(|| Form::Text(text.into()), Form::Uuid))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_text(|text| serializer.serialize_str(text))
    }
}

impl Ord for EventId {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Form::Uuid(left), Form::Uuid(right)) => left.cmp(right),
            _ => self.with_text(|left| other.with_text(|right| left.cmp(right))),
        }
    }
}

impl PartialOrd for EventId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn ids_are_what_their_texts_are(
            texts in prop::collection::vec("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9A-Fg]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f-]{0,3}", 2)
        ) {
            let ids: Vec<EventId> = texts.iter().map(|text| text.as_str().into()).collect();
            assert_eq!(ids[0].cmp(&ids[1]), texts[0].cmp(&texts[1]));
            assert_eq!(ids[0] == ids[1], texts[0] == texts[1]);
            for (id, text) in ids.iter().zip(&texts) {
                assert_eq!(id.to_string(), *text);
                assert_eq!(serde_json::to_value(id).expect("a text"), *text);
            }
        }
    }
}
