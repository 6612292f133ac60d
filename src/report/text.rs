//! Text for people, on a terminal as on a page: showing what would be hidden, and numbers in words.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::time::TimeRange;

/// The text with every character that is acted on, or shows nothing, as `\u{..}`: control and escape
/// characters, those that turn the direction of writing, and those without a width.
///
/// The one way by which text out of a log reaches a terminal or a page.
///
/// # Examples
/// ```
/// assert_eq!(trailsift::report::text::escape("a\u{202e}b"), r"a\u{202e}b");
/// ```
pub fn escape(text: &str) -> Cow<'_, str> {
    // Nearly all texts hold nothing but these, which is quick to see.
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for letter in text.chars() {
        if is_hidden(letter) {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(letter));
        } else {
            shown.push(letter);
        }
    }
    Cow::Owned(shown)
}

/// Whether the character is acted on, or nothing is shown for it.
///
/// # Source
/// Unicode 16, general categories Cc and Cf, and property `Default_Ignorable_Code_Point`.
pub fn is_hidden(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{8e2}'
            | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// The part of an ARN that names the principal: `user/alice`, `role/deploy`, `root`; other texts as they are.
pub fn short_principal(principal: &str) -> &str {
    if !principal.starts_with("arn:") {
        return principal;
    }
    principal.splitn(6, ':').nth(5).filter(|name| !name.is_empty()).unwrap_or(principal)
}

/// `1234567` as `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

/// `1 record`, `2,000 records`.
pub fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", thousands(number))
}

/// A length that memory can hold as the number that the ledger counts with.
pub fn number(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The window in words; `None` where it is open at both ends.
pub fn window(range: &TimeRange) -> Option<String> {
    match (range.since, range.until) {
        (None, None) => None,
        (Some(since), None) => Some(format!("{since} (included) and later")),
        (None, Some(until)) => Some(format!("before {until} (not included)")),
        (Some(since), Some(until)) => Some(format!("{since} (included) to {until} (not included)")),
    }
}

/// A word of a command line, in quotes where a shell needs them.
pub fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=@%+,".contains(letter);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_acted_on_is_shown() {
        assert_eq!(escape("root\u{1b}[31m\u{7}"), r"root\u{1b}[31m\u{7}");
        assert_eq!(escape("a\u{202e}b\u{200b}c\u{feff}\u{9b}\t\n"), r"a\u{202e}b\u{200b}c\u{feff}\u{9b}\u{9}\u{a}");
        assert!(matches!(escape("Zoë 日本 <b>"), Cow::Borrowed("Zoë 日本 <b>")));
    }

    #[test]
    fn principals_lose_what_every_arn_has() {
        assert_eq!(short_principal("arn:aws:iam::111122223333:user/path/alice"), "user/path/alice");
        assert_eq!(short_principal("arn:aws:iam::111122223333:root"), "root");
        assert_eq!(short_principal("ec2.amazonaws.com"), "ec2.amazonaws.com");
        assert_eq!(short_principal("arn:aws"), "arn:aws");
    }

    #[test]
    fn numbers_in_words() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(count(1, "record"), "1 record");
        assert_eq!(count(2_000, "record"), "2,000 records");
        assert_eq!(quoted("my logs"), "'my logs'");
        assert_eq!(quoted("./AWSLogs"), "./AWSLogs");
    }
}
