//! JSON written anew from its own tokens: with repeated keys resolved, in one canonical form for
//! comparing, or without session tokens. Numbers keep their digits, which a tree of doubles would not.

use std::borrow::Cow;
use std::collections::HashMap;

use bumpalo::Bump;

use super::json::{Fault, Scanner};

/// The JSON with, of a key that an object names several times, the last value in the place of the first.
///
/// # Errors
/// [`Fault`] where it is not JSON.
pub(crate) fn last_wins(json: &str) -> Result<String, Fault> {
    let arena = Bump::new();
    let mut out = String::with_capacity(json.len());
    write(&mut Scanner::new(json, &arena), 0, false, &mut out)?;
    Ok(out)
}

/// A form that is equal for JSON of equal value: keys in order, texts unescaped and escaped anew, no zeros
/// at the end of a decimal fraction. What is not JSON stays as it is.
///
/// # Examples
/// `{"b": 1492.0, "a": "\u0041"}` and `{"a":"A","b":1492}` have one form.
pub(crate) fn canonical(json: &str) -> String {
    let arena = Bump::new();
    let mut out = String::with_capacity(json.len());
    match write(&mut Scanner::new(json, &arena), 0, true, &mut out) {
        Ok(()) => out,
        Err(_) => json.to_owned(),
    }
}

fn write(scanner: &mut Scanner<'_>, depth: u32, sorted: bool, out: &mut String) -> Result<(), Fault> {
    match scanner.skip_space().ok_or(Fault::Cut)? {
        b'{' => {
            let mut entries: Vec<(String, String)> = Vec::new();
            let mut places: HashMap<String, usize> = HashMap::new();
            scanner.object(depth + 1, |scanner, key| {
                let mut value = String::new();
                write(scanner, depth + 1, sorted, &mut value)?;
                let place = *places.entry(key.to_owned()).or_insert(entries.len());
                match entries.get_mut(place) {
                    Some(entry) => entry.1 = value,
                    None => entries.push((quoted(key), value)),
                }
                Ok::<(), Fault>(())
            })?;
            if sorted {
                entries.sort();
            }
            let entries: Vec<String> = entries.into_iter().map(|(key, value)| key + ":" + &value).collect();
            out.push('{');
            out.push_str(&entries.join(","));
            out.push('}');
        }
        b'[' => {
            out.push('[');
            let mut first = true;
            scanner.array(depth + 1, |scanner| {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                write(scanner, depth + 1, sorted, out)
            })?;
            out.push(']');
        }
        b'"' => out.push_str(&quoted(scanner.string()?)),
        _ => {
            let text = scanner.json(depth)?;
            out.push_str(if sorted { trimmed(text) } else { text });
        }
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The number without zeros at the end of its fraction; with an exponent it stays as it is.
fn trimmed(number: &str) -> &str {
    if number.contains('.') && !number.contains(['e', 'E']) { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// The text with the value of every `sessionToken` replaced, whatever its type, and also inside JSON that stands
/// in a text; whether there was one. Tokens open an account for as long as they live, so they do not leave the program.
///
/// # Examples
/// ```
/// let (text, found) = trailsift::event::redact(r#"{"sessionToken": "FwoG", "a": "{\"sessionToken\":\"x\"}"}"#);
/// assert!(found);
/// assert_eq!(text, r#"{"sessionToken": "REDACTED", "a": "{\"sessionToken\":\"REDACTED\"}"}"#);
/// ```
pub fn redact(text: &str) -> (Cow<'_, str>, bool) {
    if !may_hold_token(text) {
        return (Cow::Borrowed(text), false);
    }
    let arena = Bump::new();
    let mut scanner = Scanner::new(text, &arena);
    let mut spans = Vec::new();
    let is_json = matches!(scanner.skip_space(), Some(b'{' | b'[' | b'"')) && spans_of(&mut scanner, 0, &mut spans).is_ok();
    if !is_json {
        return redact_plain(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (start, end, replacement) in &spans {
        out.push_str(text.get(from..*start).unwrap_or_default());
        out.push_str(replacement);
        from = *end;
    }
    // What follows the value is no part of it, and looked at on its own.
    let (rest, more) = redact_plain(text.get(from.max(scanner.position())..).unwrap_or_default());
    out.push_str(text.get(from..scanner.position()).unwrap_or_default());
    out.push_str(&rest);
    let found = more || !spans.is_empty();
    (if found { Cow::Owned(out) } else { Cow::Borrowed(text) }, found)
}

const KEY: &str = "sessionToken";

/// Whether the key stands there, plain or with a letter of it escaped.
fn may_hold_token(text: &str) -> bool {
    let bytes = text.as_bytes();
    let token = |at: usize| bytes.get(at..at + 5).is_some_and(|word| word.eq_ignore_ascii_case(b"token"));
    memchr::memchr2_iter(b't', b'T', bytes).any(token) || memchr::memmem::find(bytes, b"\\u00").is_some()
}

/// The places of the token values in the JSON at the scanner, and of texts that hold some, with what comes in their stead.
fn spans_of(scanner: &mut Scanner<'_>, depth: u32, spans: &mut Vec<(usize, usize, String)>) -> Result<(), Fault> {
    match scanner.skip_space().ok_or(Fault::Cut)? {
        b'{' => scanner.object(depth + 1, |scanner, key| {
            if key.eq_ignore_ascii_case(KEY) {
                let start = scanner.position();
                scanner.skip_value(depth + 1)?;
                if scanner.since(start) != "null" {
                    spans.push((start, scanner.position(), "\"REDACTED\"".to_owned()));
                }
                return Ok(());
            }
            spans_of(scanner, depth + 1, spans)
        }),
        b'[' => scanner.array(depth + 1, |scanner| spans_of(scanner, depth + 1, spans)),
        b'"' => {
            let start = scanner.position();
            let text = scanner.string()?;
            // JSON in texts in texts is followed a few levels down; each level is shorter than the one around it.
            let (inner, found) = if depth < 64 { redact(text) } else { redact_plain(text) };
            if found {
                spans.push((start, scanner.position(), quoted(&inner)));
            }
            Ok(())
        }
        _ => scanner.skip_value(depth),
    }
}

/// The same for a text that is not JSON, such as a row of CSV or a URL: by the marks that stand around key and value.
fn redact_plain(text: &str) -> (Cow<'_, str>, bool) {
    let lower = text.to_ascii_lowercase();
    let mut out = String::new();
    let mut from = 0;
    for (key, _) in lower.match_indices("sessiontoken") {
        if key < from {
            continue;
        }
        let after = key + KEY.len();
        let rest = lower.get(after..).unwrap_or_default();
        // Quotes may be doubled, escaped or percent-encoded: whatever marks lead to the value, the first of them ends it.
        let marks = rest.len() - after_marks(rest).len();
        if marks == 0 {
            continue;
        }
        let start = after + marks;
        let value = lower.get(start..).unwrap_or_default();
        let length = value.find(['"', '\\', '&', '\'', ' ', ',', '}', '%']).unwrap_or(value.len());
        out.push_str(text.get(from..start).unwrap_or_default());
        out.push_str("REDACTED");
        from = start + length;
    }
    if from == 0 {
        return (Cow::Borrowed(text), false);
    }
    out.push_str(text.get(from..).unwrap_or_default());
    (Cow::Owned(out), true)
}

/// The text after any quotes, colons and the like, plain or percent-encoded.
fn after_marks(mut text: &str) -> &str {
    const MARKS: [&str; 11] = ["\"", "'", "\\", ":", "=", " ", "%22", "%3a", "%3d", "%20", "%5c"];
    while let Some(rest) = MARKS.iter().find_map(|mark| text.strip_prefix(mark)) {
        text = rest;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_one_form() {
        assert_eq!(canonical(r#"{"b": 1492.0, "a": "\u0041"}"#), canonical(r#"{"a":"A","b":1492}"#));
        assert_ne!(canonical(r#"{"n":12345678901234567890123}"#), canonical(r#"{"n":12345678901234567890124}"#));
        assert_eq!(last_wins(r#"{"a":1,"b":{"c":1,"c":1.10},"a":1e400}"#), Ok(r#"{"a":1e400,"b":{"c":1.10}}"#.to_owned()));
    }

    #[test]
    fn tokens_in_all_disguises() {
        for text in [
            r#"{"sessionToken":"SECRET","a":1}"#,
            r#"{"session\u0054oken":"SECRET"}"#,
            r#"{"sessionToken":["SECRET"]}"#,
            r#"{"sessionToken":{"v":"SECRET"}}"#,
            r#"{"a":"{\"b\":\"{\\\"sessionToken\\\":\\\"SECRET\\\"}\"}"}"#,
            r#"{"url":"x?%22sessionToken%22%3A%22SECRET%22"}"#,
            r#"a,"{""sessionToken"":""SECRET""}",b"#,
            r#"{"SessionToken":"SECRET\\","b":"kept"}"#,
        ] {
            let (redacted, found) = redact(text);
            assert!(found && !redacted.contains("SECRET"), "{text}: {redacted}");
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(text).is_ok(),
                serde_json::from_str::<serde_json::Value>(&redacted).is_ok()
            );
        }
        assert!(redact(r#"{"SessionToken":"SECRET\\","b":"kept"}"#).0.contains("kept"));
        assert_eq!(redact(r#"{ "tokens" : 1 }"#), (Cow::Borrowed(r#"{ "tokens" : 1 }"#), false));
    }
}
