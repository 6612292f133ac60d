//! `LIKE` patterns: `%` is any text, `_` any one character, nothing escapes them.

use std::fmt::Write as _;

use polars::prelude::{Expr, lit};

/// A `LIKE` pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern of that text.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// The pattern's text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// The test of `text` against it: a plain search where that suffices, as a regular expression costs more.
    pub(super) fn expr(&self, text: Expr) -> Expr {
        let core = self.0.trim_matches('%');
        if !core.contains(['%', '_']) {
            let wanted = lit(core.to_owned());
            return match (self.0.starts_with('%'), self.0.ends_with('%')) {
                (false, false) => text.eq(wanted),
                (false, true) => text.str().starts_with(wanted),
                (true, false) => text.str().ends_with(wanted),
                (true, true) => text.str().contains_literal(wanted),
            };
        }
        text.str().contains(lit(self.regex()), true)
    }

    /// The pattern as a regular expression that has to match the whole text, line ends included.
    fn regex(&self) -> String {
        let mut regex = String::from(r"(?s)\A");
        for letter in self.0.chars() {
            match letter {
                '%' => regex.push_str(".*"),
                '_' => regex.push('.'),
                letter if letter.is_ascii_alphanumeric() => regex.push(letter),
                // Any character can be written by its number, whatever it means to the engine.
                letter => write!(regex, "\\x{{{:x}}}", u32::from(letter)).unwrap_or_default(),
            }
        }
        regex.push_str(r"\z");
        regex
    }
}

#[cfg(test)]
impl Pattern {
    /// The plain definition, for the tests.
    pub(super) fn matches(&self, text: &str) -> bool {
        fn rest(pattern: &[char], text: &[char]) -> bool {
            match (pattern, text) {
                ([], []) => true,
                (['%', after @ ..], _) => (0..=text.len()).any(|skipped| rest(after, text.get(skipped..).unwrap_or_default())),
                (['_', after @ ..], [_, tail @ ..]) => rest(after, tail),
                ([letter, after @ ..], [first, tail @ ..]) => letter == first && rest(after, tail),
                _ => false,
            }
        }
        rest(&self.0.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>())
    }
}
