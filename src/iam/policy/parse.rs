//! From text to [`PolicyDocument`].

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::canonical::{normal, statement};
use super::{PolicyDocument, Statement};

/// Characters of a document, after decoding.
///
/// # Source
/// IAM API Reference, `PutUserPolicy`: `PolicyDocument` has at most 131,072 characters. The quotas
/// on what IAM keeps are lower: 6,144 for a managed policy, 10,240 for the inline policies of a role.
pub const MAX_CHARACTERS: usize = 131_072;

/// Statements of a document.
///
/// # Source
/// The shortest statement that IAM takes, `{"Effect":"Deny","Action":"*","Resource":"*"},`, has 46 characters,
/// so that a document of [`MAX_CHARACTERS`] holds at most 2,849.
pub const MAX_STATEMENTS: usize = MAX_CHARACTERS / 46;

/// Lists and objects that may stand in each other: fewer than the 127 that `serde_json` reads, so that the normal form, in
/// which a single statement and a single value stand in lists, can be read too. IAM has five levels.
const MAX_DEPTH: usize = 120;

/// The same in a normal form.
pub(super) const FORM_DEPTH: usize = MAX_DEPTH + 2;

/// Why a text is no policy document that can be judged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAPolicy {
    /// It is longer than [`MAX_CHARACTERS`].
    #[error("policy document: more than {MAX_CHARACTERS} characters")]
    TooLong,
    /// It has more than [`MAX_STATEMENTS`] statements.
    #[error("policy document: {0} statements, where {MAX_STATEMENTS} are the most")]
    TooManyStatements(usize),
    /// It begins neither as a JSON object nor as an encoded one.
    #[error("policy document: neither a JSON object nor the URL encoding of one")]
    NotAnObject,
    /// Its escapes do not yield UTF-8.
    #[error("policy document: URL encoding that is not UTF-8")]
    Encoding,
    /// It is not JSON.
    #[error("policy document: {0}")]
    Json(String),
    /// `Statement` is absent, or neither an object nor a list of objects.
    #[error("policy document: no `Statement` that is an object or a list of objects")]
    NoStatement,
}

impl PolicyDocument {
    /// Reads JSON text, or the URL encoding of it, whichever it begins as.
    ///
    /// Plain text is never decoded, as a `%` may be part of it. Element names are matched
    /// exactly, as IAM does; unknown elements are kept.
    ///
    /// # Errors
    /// [`NotAPolicy`] where no statements can be read or a limit is passed.
    ///
    /// # Source
    /// `CloudTrail` writes documents as plain text in requests and in RFC 3986 encoding in answers.
    pub fn parse(text: &str) -> Result<Self, NotAPolicy> {
        let text = trimmed(text);
        let json = match text.as_bytes().first() {
            Some(b'{') => Cow::Borrowed(text),
            Some(b'%') => Cow::Owned(decoded(text)?),
            _ => return Err(NotAPolicy::NotAnObject),
        };
        if longer_than_allowed(&json) {
            return Err(NotAPolicy::TooLong);
        }
        Self::read(&json, MAX_DEPTH)
    }

    /// Reads JSON text of any length: that of a normal form can be longer than what was written.
    pub(super) fn read(json: &str, depth: usize) -> Result<Self, NotAPolicy> {
        let duplicate_key = Cell::new(false);
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let value = Tree { duplicate_key: &duplicate_key, left: depth }
            .deserialize(&mut deserializer)
            .and_then(|value| deserializer.end().map(|()| value))
            .map_err(|error| NotAPolicy::Json(error.to_string()))?;
        match value {
            Value::Object(elements) => Self::from_elements(elements, duplicate_key.get()),
            _ => Err(NotAPolicy::NotAnObject),
        }
    }

    fn from_elements(mut elements: Map<String, Value>, duplicate_key: bool) -> Result<Self, NotAPolicy> {
        let statements = match elements.shift_remove("Statement") {
            Some(Value::Array(list)) => list,
            Some(one @ Value::Object(_)) => vec![one],
            _ => return Err(NotAPolicy::NoStatement),
        };
        if statements.len() > MAX_STATEMENTS {
            return Err(NotAPolicy::TooManyStatements(statements.len()));
        }
        let statements = statements.into_iter().map(|value| match value {
            Value::Object(elements) => Ok(statement(elements)),
            _ => Err(NotAPolicy::NoStatement),
        });
        let statements = statements.collect::<Result<Vec<Statement>, _>>()?;
        // An absent version is not the newest one: policy variables are off in it.
        elements.entry("Version").or_insert_with(|| Value::from("2008-10-17"));
        let Value::Object(elements) = normal(Value::Object(elements)) else { return Err(NotAPolicy::NotAnObject) };
        Ok(Self { elements, statements, duplicate_key })
    }
}

/// The text without white space around it, nor a byte order mark before it.
fn trimmed(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix('\u{feff}').unwrap_or(text).trim_start()
}

fn longer_than_allowed(text: &str) -> bool {
    text.len() > MAX_CHARACTERS && text.chars().nth(MAX_CHARACTERS).is_some()
}

/// The JSON text behind the URL encoding. A `+` is a plus; a `%` without two hex digits is a percent sign.
fn decoded(text: &str) -> Result<String, NotAPolicy> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        // UTF-8 has at most four bytes a character, so nothing allowed is cut.
        if bytes.len() > MAX_CHARACTERS.saturating_mul(4) {
            return Err(NotAPolicy::TooLong);
        }
        let escape = (*first == b'%').then(|| after.split_at_checked(2)).flatten();
        let (byte, after) = escape.and_then(|(digits, after)| Some((hex_byte(digits)?, after))).unwrap_or((*first, after));
        bytes.push(byte);
        rest = after;
    }
    let text = String::from_utf8(bytes).map_err(|_| NotAPolicy::Encoding)?;
    let json = trimmed(&text);
    if json.starts_with('{') { Ok(json.to_owned()) } else { Err(NotAPolicy::NotAnObject) }
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    // The parser would take a sign.
    text.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u8::from_str_radix(text, 16).ok()).flatten()
}

/// Reads a JSON value as `serde_json` does, and notes whether an object named a key twice.
#[derive(Clone, Copy)]
struct Tree<'n> {
    duplicate_key: &'n Cell<bool>,
    /// Levels that may still come.
    left: usize,
}

impl Tree<'_> {
    /// For what stands one level further down.
    fn below<E: de::Error>(self) -> Result<Self, E> {
        let left = self.left.checked_sub(1).ok_or_else(|| E::custom("too deeply nested"))?;
        Ok(Self { left, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Tree<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    /// A fraction becomes its text: only conditions hold any, where all values are texts, and a
    /// double that is written and read again need not be the same one.
    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::String(Value::from(value).to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let (mut values, below) = (Vec::new(), self.below()?);
        while let Some(value) = list.next_element_seed(below)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Value, A::Error> {
        let (mut elements, below) = (Map::new(), self.below()?);
        while let Some(key) = object.next_key::<String>()? {
            let value = object.next_value_seed(below)?;
            if elements.insert(key, value).is_some() {
                self.duplicate_key.set(true);
            }
        }
        Ok(Value::Object(elements))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::source::hex;

    const ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

    fn encoded(text: &str) -> String {
        text.bytes().flat_map(|byte| ["%".to_owned(), hex(&[byte])]).collect()
    }

    fn parse(text: &str) -> PolicyDocument {
        PolicyDocument::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn refusal(text: &str) -> NotAPolicy {
        PolicyDocument::parse(text).expect_err(text)
    }

    #[test]
    fn plain_and_encoded_text_are_one_document() {
        let plain = parse(ALL);
        for text in [encoded(ALL), encoded(&format!("\n  {ALL}\n")), format!("\u{feff} {ALL}"), format!("\t\n{ALL} ")] {
            assert_eq!(parse(&text), plain, "{text}");
        }
        assert_eq!(parse(&encoded(ALL).to_ascii_uppercase()), plain);
    }

    #[test]
    fn plain_text_is_never_decoded_and_a_plus_stays_one() {
        let plain = r#"{"Id":"a%20b+c","Statement":[]}"#;
        assert!(parse(plain).canonical().contains("a%20b+c"));
        assert!(parse(&plain.replace('{', "%7B").replace("%20", "%2520")).canonical().contains("a%20b+c"));
        assert!(parse(&r#"{"Id":"100%","Statement":[]}"#.replace('{', "%7b")).canonical().contains("100%"));
    }

    #[test]
    fn repeated_keys_are_noted_and_the_last_counts() {
        let document = parse(r#"{"Statement":[],"Statement":[{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}]}"#);
        assert!(document.has_duplicate_key());
        assert_eq!(document.denies(), 0);
        assert!(!parse(ALL).has_duplicate_key());
    }

    #[test]
    fn what_is_refused() {
        for text in ["", " ", "null", "[]", "\"{}\"", "*", "%", "%7", "%5B%5D", "HIDDEN_DUE_TO_SECURITY_REASONS", "%257B%257D"] {
            assert_eq!(refusal(text), NotAPolicy::NotAnObject, "{text}");
        }
        for text in ["{}", r#"{"Statement":null}"#, r#"{"statement":[]}"#, r#"{"Statement":["*"]}"#, r#"{"Statement":"Allow"}"#] {
            assert_eq!(refusal(text), NotAPolicy::NoStatement, "{text}");
        }
        assert!(matches!(refusal("{"), NotAPolicy::Json(_)));
        assert!(matches!(refusal(&format!("{ALL}}}")), NotAPolicy::Json(_)));
        assert_eq!(refusal("%7B%FF%7D"), NotAPolicy::Encoding);
        assert_eq!(refusal("%7B%22Statement%22:%5B%5D%7D%").to_string(), "policy document: trailing characters at line 1 column 17");
    }

    #[test]
    fn limits() {
        let padded = |characters: usize| {
            let bare = r#"{"Statement":[],"Id":""}"#.len();
            format!(r#"{{"Statement":[],"Id":"{}"}}"#, "é".repeat(characters - bare))
        };
        parse(&padded(MAX_CHARACTERS));
        parse(&encoded(&padded(MAX_CHARACTERS)));
        assert_eq!(refusal(&padded(MAX_CHARACTERS + 1)), NotAPolicy::TooLong);
        assert_eq!(refusal(&encoded(&padded(MAX_CHARACTERS + 1))), NotAPolicy::TooLong);
        assert_eq!(refusal(&format!("%7B{}", "a".repeat(5 * MAX_CHARACTERS))), NotAPolicy::TooLong);
        let statements = |count: usize| format!(r#"{{"Statement":[{}]}}"#, vec!["{}"; count].join(","));
        parse(&statements(MAX_STATEMENTS));
        assert_eq!(refusal(&statements(MAX_STATEMENTS + 1)), NotAPolicy::TooManyStatements(MAX_STATEMENTS + 1));
        let deep = format!(r#"{{"Statement":[],"Id":{}"#, "[".repeat(100_000));
        assert!(matches!(refusal(&deep), NotAPolicy::Json(_)));
        let nested = |levels: usize| format!(r#"{{"Statement":{{"Action":{}{}}}}}"#, "[".repeat(levels), "]".repeat(levels));
        PolicyDocument::read(&parse(&nested(MAX_DEPTH - 2)).canonical(), FORM_DEPTH).expect("a normal form");
        assert!(matches!(refusal(&nested(MAX_DEPTH - 1)), NotAPolicy::Json(_)));
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text in "\\PC*", cut in 0_usize..200) {
            let _ = PolicyDocument::parse(&text);
            let _ = PolicyDocument::parse(&format!("{{{text}"));
            let _ = PolicyDocument::parse(&format!("%7B{text}"));
            let broken: String = ALL.chars().take(cut).chain(text.chars()).collect();
            let _ = PolicyDocument::parse(&broken);
        }
    }
}
