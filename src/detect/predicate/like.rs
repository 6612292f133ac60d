//! `LIKE` patterns: `%` is any text, `_` any one character, nothing escapes them.

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

    /// Whether `text` is like it.
    pub(super) fn matches(&self, text: &str) -> bool {
        let core = self.0.trim_matches('%');
        if core.contains(['%', '_']) {
            return self.matches_by_letter(text);
        }
        match (self.0.starts_with('%'), self.0.ends_with('%')) {
            (false, false) => text == core,
            (false, true) => text.starts_with(core),
            (true, false) => text.ends_with(core),
            (true, true) => text.contains(core),
        }
    }

    pub(super) fn matches_by_letter(&self, text: &str) -> bool {
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
}
