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

    /// Whether `text` is like it, for one text at a time.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut pattern, mut rest) = (self.0.chars(), text.chars());
        // Where to go on after a `%` if it has to swallow one more letter.
        let mut retry = None;
        loop {
            let mut ahead = rest.clone();
            match (pattern.next(), ahead.next()) {
                (Some('%'), _) => retry = Some((pattern.clone(), rest.clone())),
                (None, None) => return true,
                (Some(letter), Some(found)) if letter == '_' || letter == found => rest = ahead,
                _ => {
                    let Some((after, mut swallowed)) = retry.take() else { return false };
                    if swallowed.next().is_none() {
                        return false;
                    }
                    pattern.clone_from(&after);
                    rest.clone_from(&swallowed);
                    retry = Some((after, swallowed));
                }
            }
        }
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
