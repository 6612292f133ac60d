//! Message templates: `{principal} read {distinct} secrets within {within}`.

use std::borrow::Cow;
use std::collections::BTreeSet;

/// A message with places for the values of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Plain(String),
    /// A value of the events, or of those of one step.
    Value {
        step: Option<String>,
        name: String,
    },
    StepCount(String),
    Word(Word),
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
    /// The number of a step's events.
    StepCount,
    /// Something that is known of each finding.
    Word(Word),
}

/// What is known of a finding besides the values of its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    /// The number of events.
    Count,
    /// The number of distinct values.
    Distinct,
    /// The sum of a number of each event.
    Sum,
    /// When the key was seen before.
    LastSeen,
    /// How many whole days ago that was.
    Quiet,
}

/// What a message is filled with.
pub(super) trait Facts {
    /// Hands over the values of a column or field that are not null, over all events or those of a step, in order.
    fn each(&self, step: Option<&str>, name: &str, take: &mut dyn FnMut(Cow<'_, str>));

    /// How many events a step has.
    fn step_count(&self, step: &str) -> u64;

    /// What is known of the finding.
    fn word(&self, word: Word) -> String;
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
                let (step, column) = match name.split_once('.') {
                    Some((step, column)) => (Some(step), column),
                    None => (None, name),
                };
                let part = match meaning(name)? {
                    Placeholder::Fixed(value) => {
                        plain.push_str(&value);
                        None
                    }
                    Placeholder::Value => Some(Part::Value { step: step.map(str::to_owned), name: column.to_owned() }),
                    Placeholder::StepCount => Some(Part::StepCount(step.unwrap_or_default().to_owned())),
                    Placeholder::Word(word) => Some(Part::Word(word)),
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
        self.parts.iter().filter_map(|part| if let Part::Value { name, .. } = part { Some(name.as_str()) } else { None })
    }

    /// The message for a finding.
    pub(super) fn fill(&self, facts: &dyn Facts) -> String {
        let mut message = String::new();
        for part in &self.parts {
            match part {
                Part::Plain(text) => message.push_str(text),
                Part::Value { step, name } => message.push_str(&shown(|take| facts.each(step.as_deref(), name, take))),
                Part::StepCount(step) => message.push_str(&facts.step_count(step).to_string()),
                Part::Word(word) => message.push_str(&facts.word(*word)),
            }
        }
        message
    }
}

/// One value; of several, the first and how many others there are; `-` where all are null. There may be one an event.
fn shown(each: impl Fn(&mut dyn FnMut(Cow<'_, str>))) -> String {
    let (mut first, mut known) = (None, BTreeSet::new());
    each(&mut |value| {
        if !known.contains(value.as_ref()) {
            let value = value.into_owned();
            first.get_or_insert_with(|| value.clone());
            known.insert(value);
        }
    });
    let Some(first) = first else { return "-".to_owned() };
    let text = match first.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{}…", first.get(..end).unwrap_or_default()),
        None => first,
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
            "count" => Ok(Placeholder::Word(Word::Count)),
            "distinct" => Ok(Placeholder::Word(Word::Distinct)),
            "token.count" => Ok(Placeholder::StepCount),
            "within" => Ok(Placeholder::Fixed("10m".to_owned())),
            "one" | "two" | "none" | "long" | "token.one" => Ok(Placeholder::Value),
            _ => Err(format!("no placeholder `{name}`")),
        })?;
        Ok(template.fill(&Sample))
    }

    struct Sample;

    impl Facts for Sample {
        fn each(&self, step: Option<&str>, name: &str, take: &mut dyn FnMut(Cow<'_, str>)) {
            let long = "é".repeat(300);
            let values: &[&str] = match (step, name) {
                (Some(_), "one") => &["t"],
                (_, "one") => &["a", "a"],
                (_, "two") => &["z", "b", "c", "b"],
                (_, "long") => &[&long],
                _ => &[],
            };
            for value in values {
                take(Cow::Borrowed(value));
            }
        }

        fn step_count(&self, step: &str) -> u64 {
            u64::try_from(step.len()).expect("short")
        }

        fn word(&self, word: Word) -> String {
            if word == Word::Count { "12".to_owned() } else { "3".to_owned() }
        }
    }

    #[test]
    fn placeholders_are_filled() {
        assert_eq!(filled("{one} did {count} ({distinct}) in {within}: {none}").as_deref(), Ok("a did 12 (3) in 10m: -"));
        assert_eq!(filled("{two}, {{plain}}").as_deref(), Ok("z and 2 more, {plain}"));
        assert_eq!(filled("{long}").map(|text| text.chars().count()), Ok(201));
        assert_eq!(filled("{token.count} of {token.one}").as_deref(), Ok("5 of t"));
        assert_eq!(filled("").as_deref(), Ok(""));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        assert_eq!(filled("{onne}"), Err("no placeholder `onne`".to_owned()));
        assert!(filled("{one").is_err());
        assert!(filled("one}").is_err());
    }
}
