//! Message templates: `{principal} read {distinct} secrets within {within}`.

use std::collections::BTreeSet;

/// A message with places for the values of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Plain(String),
    Name(String),
    Count,
    Distinct,
}

/// The longest value that is shown whole, in characters; the evidence has the rest.
const MAX_SHOWN: usize = 200;

/// What a name between braces stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Placeholder {
    /// A value of the events.
    Value,
    /// A text that is known when the rule is loaded.
    Fixed(String),
    /// The number of events.
    Count,
    /// The number of distinct values.
    Distinct,
}

impl Template {
    /// Reads a message; `meaning` tells what a name stands for. `{{` and `}}` are plain braces.
    ///
    /// # Errors
    /// A sentence where a name is unknown or a brace is left open.
    pub(super) fn parse(text: &str, meaning: impl Fn(&str) -> Result<Placeholder, String>) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, from)) = rest.find(['{', '}']).and_then(|at| rest.split_at_checked(at)) {
            plain.push_str(before);
            if let Some(after) = from.strip_prefix("{{") {
                plain.push('{');
                rest = after;
            } else if let Some(after) = from.strip_prefix("}}") {
                plain.push('}');
                rest = after;
            } else {
                let inside = from.strip_prefix('{').and_then(|inside| inside.split_once('}'));
                let Some((name, after)) = inside else {
                    return Err("message has a brace without its partner (a plain one is written twice)".to_owned());
                };
                let part = match meaning(name)? {
                    Placeholder::Fixed(value) => {
                        plain.push_str(&value);
                        None
                    }
                    Placeholder::Value => Some(Part::Name(name.to_owned())),
                    Placeholder::Count => Some(Part::Count),
                    Placeholder::Distinct => Some(Part::Distinct),
                };
                if let Some(part) = part {
                    parts.extend([Part::Plain(std::mem::take(&mut plain)), part]);
                }
                rest = after;
            }
        }
        plain.push_str(rest);
        parts.push(Part::Plain(plain));
        Ok(Self { parts })
    }

    /// The columns and fields that it shows.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| if let Part::Name(name) = part { Some(name.as_str()) } else { None })
    }

    /// The message for a finding; `values` yields the values of a name over all events, in order.
    pub(super) fn fill(&self, count: u64, distinct: u64, values: impl Fn(&str) -> Vec<Option<String>>) -> String {
        let mut message = String::new();
        for part in &self.parts {
            match part {
                Part::Plain(text) => message.push_str(text),
                Part::Count => message.push_str(&count.to_string()),
                Part::Distinct => message.push_str(&distinct.to_string()),
                Part::Name(name) => message.push_str(&shown(&values(name))),
            }
        }
        message
    }
}

/// One value; of several, the first and how many others there are; `-` where all are null.
fn shown(values: &[Option<String>]) -> String {
    let mut known = BTreeSet::new();
    let first = values.iter().flatten().inspect(|value| _ = known.insert(*value)).fold(None, |first, value| first.or(Some(value)));
    let Some(first) = first else { return "-".to_owned() };
    let text = match first.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", first.get(..end).unwrap_or_default()),
        None => first.clone(),
    };
    match known.len() {
        0 | 1 => text,
        several => format!("{text} and {} more", several - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        let template = Template::parse(text, |name| match name {
            "count" => Ok(Placeholder::Count),
            "distinct" => Ok(Placeholder::Distinct),
            "within" => Ok(Placeholder::Fixed("10m".to_owned())),
            "one" | "two" | "none" | "long" => Ok(Placeholder::Value),
            _ => Err(format!("no placeholder `{name}`")),
        })?;
        Ok(template.fill(12, 3, |name| match name {
            "one" => vec![Some("a".to_owned()), None, Some("a".to_owned())],
            "two" => vec![Some("z".to_owned()), Some("b".to_owned()), Some("c".to_owned()), Some("b".to_owned())],
            "long" => vec![Some("é".repeat(300))],
            _ => vec![None],
        }))
    }

    #[test]
    fn placeholders_are_filled() {
        assert_eq!(filled("{one} did {count} ({distinct}) in {within}: {none}").as_deref(), Ok("a did 12 (3) in 10m: -"));
        assert_eq!(filled("{two}, {{plain}}").as_deref(), Ok("z and 2 more, {plain}"));
        assert_eq!(filled("{long}").map(|text| text.chars().count()), Ok(201));
        assert_eq!(filled("").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        assert_eq!(filled("{onne}"), Err("no placeholder `onne`".to_owned()));
        assert!(filled("{one").is_err());
        assert!(filled("one}").is_err());
    }
}
