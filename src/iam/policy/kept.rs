//! A document as replay keeps it: as text, with what is asked of it again and again.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::canonical::{WrittenForm, WrittenForms};
use super::parse::FORM_DEPTH;
use super::{PolicyDocument, Rank};
use crate::source::Sha256;

/// A policy document that is kept. Two are equal where their canonical forms are.
///
/// A log has as many documents as changes of policies, and most of them are only written out again: as text each takes a
/// tenth of what it takes when it is read.
#[derive(Debug, Clone)]
pub struct Document {
    /// The form for the reader.
    text: Box<RawValue>,
    statements: Box<[Kept]>,
    /// Of the canonical form.
    hash: Sha256,
    rank: Rank,
    denies: usize,
    asked: Option<Box<Asked>>,
    json: OnceLock<Box<Value>>,
}

/// A statement of a document that is kept.
#[derive(Debug, Clone)]
struct Kept {
    /// Where it stands in the text.
    place: Range<usize>,
    /// Of how it is compared.
    hash: Sha256,
}

/// What conditions ask for, in lower case.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Asked {
    tag_keys: BTreeSet<String>,
    user_names: BTreeSet<String>,
}

impl Document {
    /// Keeps a document.
    pub fn new(policy: &PolicyDocument) -> Self {
        let WrittenForms { canonical, shown } = policy.written();
        let asked = Asked {
            tag_keys: tag_keys(&canonical.text),
            user_names: policy.condition_texts("aws:username").map(str::to_lowercase).collect(),
        };
        let has_any = !asked.tag_keys.is_empty() || !asked.user_names.is_empty();
        Self {
            statements: kept(&canonical, &shown),
            hash: Sha256::of(canonical.text.as_bytes()),
            rank: policy.ranking().rank,
            denies: policy.denies(),
            asked: has_any.then(|| Box::new(asked)),
            // JSON was written, so that this cannot fail.
            text: RawValue::from_string(shown.text).unwrap_or_default(),
            json: OnceLock::new(),
        }
    }

    /// The document, read again.
    pub fn policy(&self) -> Option<PolicyDocument> {
        PolicyDocument::read(self.text.get(), FORM_DEPTH).ok()
    }

    /// Its rank.
    pub const fn rank(&self) -> Rank {
        self.rank
    }

    /// Its form for the reader, as text.
    pub fn text(&self) -> &str {
        self.text.get()
    }

    /// Its form for the reader.
    pub fn json(&self) -> &Value {
        self.json.get_or_init(|| Box::new(serde_json::from_str(self.text()).unwrap_or_default()))
    }

    /// Whether a statement denies something.
    pub(in crate::iam) const fn denies(&self) -> bool {
        self.denies > 0
    }

    /// Whether there are statements, and all of them deny.
    pub(in crate::iam) const fn only_denies(&self) -> bool {
        self.denies > 0 && self.denies == self.statements.len()
    }

    /// The tags that its conditions ask for, in lower case.
    pub(in crate::iam) fn tag_keys(&self) -> impl Iterator<Item = &String> {
        self.asked.iter().flat_map(|asked| &asked.tag_keys)
    }

    /// The names of users that its conditions ask for, in lower case.
    pub(in crate::iam) fn user_names(&self) -> impl Iterator<Item = &String> {
        self.asked.iter().flat_map(|asked| &asked.user_names)
    }

    /// The statements that another document lacks, as text for the reader.
    pub(in crate::iam) fn statements_beside(&self, other: Option<&Self>) -> impl Iterator<Item = &RawValue> {
        let others = other.map(|other| &*other.statements).unwrap_or_default();
        let alone = self.statements.iter().filter(|own| !others.iter().any(|other| other.hash == own.hash));
        alone.filter_map(|own| serde_json::from_str(self.text().get(own.place.clone())?).ok())
    }
}

/// A document as it is kept outside of memory.
#[derive(Serialize, Deserialize)]
pub(in crate::iam) struct StoredDocument<'d> {
    text: &'d str,
    statements: Vec<(usize, usize, [u8; 32])>,
    hash: [u8; 32],
    rank: Rank,
    denies: usize,
    asked: Option<Cow<'d, Asked>>,
}

impl Document {
    pub(in crate::iam) fn stored(&self) -> StoredDocument<'_> {
        let statement = |Kept { place, hash }: &Kept| (place.start, place.end, hash.bytes());
        StoredDocument {
            text: self.text(),
            statements: self.statements.iter().map(statement).collect(),
            hash: self.hash.bytes(),
            rank: self.rank,
            denies: self.denies,
            asked: self.asked.as_deref().map(Cow::Borrowed),
        }
    }
}

impl From<StoredDocument<'_>> for Document {
    fn from(stored: StoredDocument<'_>) -> Self {
        let statement = |(start, end, hash)| Kept { place: start..end, hash: Sha256::from(hash) };
        Self {
            // It was JSON before it was kept.
            text: RawValue::from_string(stored.text.to_owned()).unwrap_or_default(),
            statements: stored.statements.into_iter().map(statement).collect(),
            hash: stored.hash.into(),
            rank: stored.rank,
            denies: stored.denies,
            asked: stored.asked.map(|asked| Box::new(asked.into_owned())),
            json: OnceLock::new(),
        }
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

fn kept(canonical: &WrittenForm, shown: &WrittenForm) -> Box<[Kept]> {
    let compared = canonical.statements.iter().map(|place| canonical.text.get(place.clone()).unwrap_or_default());
    let places = shown.statements.iter().cloned();
    places.zip(compared).map(|(place, compared)| Kept { place, hash: Sha256::of(compared.as_bytes()) }).collect()
}

/// The tags that the conditions of a canonical form ask for.
fn tag_keys(canonical: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for operator in ["aws:principaltag/", "aws:resourcetag/", "iam:resourcetag/"] {
        // There a condition's key is in lower case, and ends with a quotation mark.
        let after = canonical.split(operator).skip(1);
        found.extend(after.filter_map(|rest| rest.split(['"', '}', '/']).next()).map(str::to_owned));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str) -> Document {
        Document::new(&PolicyDocument::parse(text).expect("a document"))
    }

    #[test]
    fn what_is_kept_is_what_was_read() {
        let text = r#"{"Id":"x","Statement":{"Sid":"A","Effect":"Deny","Action":"IAM:*","Resource":"*"},"Zone":1}"#;
        let kept = document(text);
        assert_eq!(
            kept.text(),
            r#"{"Id":"x","Statement":[{"Action":["IAM:*"],"Effect":"Deny","Resource":["*"],"Sid":"A"}],"Version":"2008-10-17","Zone":1}"#
        );
        assert_eq!(kept.policy(), PolicyDocument::parse(text).ok());
        assert_eq!(kept.json().to_string(), kept.text());
        assert!(kept.denies() && kept.only_denies());
        assert_eq!(kept, document(&text.replace("IAM", "iam").replace("\"Sid\":\"A\",", "")));
    }

    #[test]
    fn conditions_tell_whose_names_and_tags_they_ask_for() {
        let kept = document(
            r#"{"Statement":[{"Condition":{"StringEquals":{"aws:PrincipalTag/Team":"x","aws:Username":["Bob","eve"]}}},{"Effect":"Allow"}]}"#,
        );
        assert_eq!(kept.tag_keys().collect::<Vec<_>>(), ["team"]);
        assert_eq!(kept.user_names().collect::<Vec<_>>(), ["bob", "eve"]);
        assert!(!kept.denies());
    }
}
