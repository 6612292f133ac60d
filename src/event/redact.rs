//! Session tokens do not leave the program: they open an account for as long as they live.

/// The text with the value of every `sessionToken` replaced, also inside JSON that stands in a text; whether there was one.
///
/// # Examples
/// ```
/// let (text, found) = trailsift::event::redact(r#"{"sessionToken": "FwoG", "a": "{\"sessionToken\":\"x\"}"}"#);
/// assert!(found);
/// assert_eq!(text, r#"{"sessionToken": "REDACTED", "a": "{\"sessionToken\":\"REDACTED\"}"}"#);
/// ```
pub fn redact(text: &str) -> (String, bool) {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut found = false;
    while let Some(at) = find_key(rest) {
        let (before, after) = rest.split_at_checked(at + KEY.len()).unwrap_or((rest, ""));
        out.push_str(before);
        rest = after;
        if let Some((lead, value)) = value_after(after) {
            found = true;
            out.push_str(after.get(..lead).unwrap_or_default());
            out.push_str("REDACTED");
            rest = after.get(lead + value..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    (out, found)
}

const KEY: &str = "sessiontoken";

/// Where the key begins, in any case of letters.
fn find_key(text: &str) -> Option<usize> {
    memchr::memchr2_iter(b's', b'S', text.as_bytes())
        .find(|at| text.as_bytes().get(*at..at + KEY.len()).is_some_and(|word| word.eq_ignore_ascii_case(KEY.as_bytes())))
}

/// After a key: how many bytes lead to its text value, and how long the value is.
fn value_after(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let quote = |from: usize| {
        let slashes = bytes.iter().skip(from).take_while(|byte| **byte == b'\\').count();
        (bytes.get(from + slashes) == Some(&b'"')).then_some(slashes)
    };
    let space = |from: usize| bytes.iter().skip(from).take_while(|byte| byte.is_ascii_whitespace()).count();
    let depth = quote(0)?;
    let mut at = depth + 1;
    at += space(at);
    if bytes.get(at) != Some(&b':') {
        return None;
    }
    at += 1;
    at += space(at);
    if quote(at)? != depth {
        return None;
    }
    at += depth + 1;
    // The value ends at a quote behind as many backslashes as its first quote.
    let mut slashes = 0;
    for (length, byte) in bytes.iter().skip(at).enumerate() {
        match byte {
            b'\\' => slashes += 1,
            b'"' if slashes == depth => return Some((at, length - depth)),
            _ => slashes = 0,
        }
    }
    Some((at, bytes.len() - at))
}
