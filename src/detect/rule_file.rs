//! [`RuleFile`]: a rule as its YAML file spells it, before anything in it is checked.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{self, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_saphyr::Spanned;

use super::predicate::Literal;
use super::rule::Kind;
use crate::error::Error;
use crate::schema::nearest;

/// The keys of a rule file. What a kind needs and what it must not have is checked when the rule is made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RuleFile {
    /// Of the file's text; no key of the form.
    #[serde(skip)]
    pub(super) sha256: String,
    pub(super) id: Spanned<String>,
    pub(super) title: String,
    pub(super) severity: Option<Spanned<SeverityForm>>,
    pub(super) kind: Spanned<String>,
    #[serde(default)]
    pub(super) attack: Vec<String>,
    #[serde(default)]
    pub(super) cis: Vec<String>,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) fields: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub(super) params: BTreeMap<String, Spanned<Value>>,
    #[serde(default)]
    pub(super) lists: BTreeMap<String, Vec<String>>,
    #[serde(rename = "where")]
    pub(super) condition: Option<Spanned<String>>,
    pub(super) roll_up: Option<Spanned<Vec<String>>>,
    pub(super) every: Option<Spanned<String>>,
    pub(super) by: Option<Spanned<Vec<String>>>,
    pub(super) within: Option<Spanned<String>>,
    pub(super) at_least: Option<Spanned<u64>>,
    pub(super) distinct: Option<Spanned<String>>,
    pub(super) or_sum: Option<Spanned<SumForm>>,
    pub(super) steps: Option<Spanned<Vec<StepForm>>>,
    pub(super) ordered: Option<Spanned<bool>>,
    pub(super) absent: Option<Spanned<AbsentForm>>,
    pub(super) key: Option<Spanned<Vec<String>>>,
    pub(super) quiet_days: Option<Spanned<u64>>,
    pub(super) known_by: Option<Spanned<Vec<KnownByForm>>>,
    pub(super) owner: Option<Spanned<OwnerForm>>,
    pub(super) table: Option<Spanned<String>>,
    pub(super) sql: Option<Spanned<String>>,
    pub(super) message: Option<Spanned<String>>,
    #[serde(default)]
    pub(super) false_positives: Vec<String>,
    #[serde(default)]
    pub(super) next_steps: Vec<String>,
    #[serde(default)]
    pub(super) references: Vec<String>,
    pub(super) author: Option<String>,
    pub(super) license: Option<String>,
}

/// `or_sum` of a threshold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SumForm {
    pub(super) of: Spanned<String>,
    pub(super) at_least: Spanned<u64>,
}

/// One of the `steps` of a sequence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepForm {
    pub(super) name: Spanned<String>,
    #[serde(rename = "where")]
    pub(super) condition: Spanned<String>,
    pub(super) at_least: Option<Spanned<u64>>,
    #[serde(default)]
    pub(super) optional: bool,
    #[serde(default)]
    pub(super) bind: BTreeMap<String, Spanned<String>>,
}

/// `absent` of a sequence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AbsentForm {
    #[serde(rename = "where")]
    pub(super) condition: Spanned<String>,
    pub(super) within: Option<Spanned<String>>,
    pub(super) before: Option<Spanned<String>>,
}

/// One entry of `known_by`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct KnownByForm {
    #[serde(rename = "where")]
    pub(super) condition: Spanned<String>,
    pub(super) key: Spanned<Vec<String>>,
}

/// `owner` of a `first-seen` rule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OwnerForm {
    pub(super) of: Spanned<String>,
    pub(super) at_least: Spanned<u64>,
}

/// A severity: a word, or a word and conditions for other words.
#[derive(Debug)]
pub(super) enum SeverityForm {
    Word(String),
    Levels(BTreeMap<String, String>),
}

impl<'de> Deserialize<'de> for SeverityForm {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl<'de> Visitor<'de> for Form {
            type Value = SeverityForm;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a severity, or a map such as {default: high, critical: <condition>}")
            }

            fn visit_str<E: de::Error>(self, word: &str) -> Result<SeverityForm, E> {
                Ok(SeverityForm::Word(word.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SeverityForm, A::Error> {
                BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(SeverityForm::Levels)
            }
        }
        deserializer.deserialize_any(Form)
    }
}

/// A parameter's value.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Flag(bool),
    Int(i64),
    Text(String),
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Form;
        impl Visitor<'_> for Form {
            type Value = Value;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number, true, false or a text (account ids in quotes)")
            }

            fn visit_bool<E: de::Error>(self, flag: bool) -> Result<Value, E> {
                Ok(Value::Flag(flag))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Value, E> {
                Ok(Value::Int(number))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Value, E> {
                i64::try_from(number).map(Value::Int).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(number), &self))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
                Ok(Value::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Form)
    }
}

impl Value {
    pub(super) fn literal(&self) -> Literal {
        match self {
            Self::Flag(flag) => Literal::Flag(*flag),
            Self::Int(number) => Literal::Int(*number),
            Self::Text(text) => Literal::Text(text.clone()),
        }
    }
}

/// What is read first, so that a file of another form is refused for that and not for its keys.
#[derive(Debug, Deserialize)]
struct Head {
    id: Option<String>,
    kind: Option<Spanned<String>>,
    detection: Option<IgnoredAny>,
    correlation: Option<IgnoredAny>,
}

/// A rule file that cannot be used.
#[derive(Debug)]
pub(super) struct BadRule {
    /// The rule's id, if it could be read.
    pub(super) id: Option<String>,
    /// Where and why.
    pub(super) error: Error,
}

/// An [`Error::Rule`] at a line of a file; line 0 is not known.
pub(super) fn refused(place: &str, line: u64, reason: impl Into<String>) -> Error {
    let place = if line == 0 { place.to_owned() } else { format!("{place}:{line}") };
    Error::Rule { place, reason: reason.into() }
}

impl RuleFile {
    /// Reads a rule file.
    pub(super) fn parse(text: &str, place: &str) -> Result<Self, BadRule> {
        let mut options = serde_saphyr::Options::default();
        options.with_snippet = false;
        let head: Head = serde_saphyr::from_str_with_options(text, options.clone())
            .map_err(|error| BadRule { id: None, error: yaml_error(&error, place) })?;
        let id = head.id.clone();
        let bad = |error| BadRule { id: id.clone(), error };
        if head.detection.is_some() || head.correlation.is_some() {
            return Err(bad(refused(place, 0, "a Sigma rule: these cannot be read yet")));
        }
        if let Some(kind) = &head.kind {
            Kind::built(&kind.value).map_err(|reason| bad(refused(place, kind.referenced.line(), reason)))?;
        }
        serde_saphyr::from_str_with_options(text, options).map_err(|error| bad(yaml_error(&error, place)))
    }

    /// Gives a parameter another value: a length of time, a number, or a name under `params`.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let mut known: Vec<String> = Vec::new();
        for (key, number) in self.own_parameters() {
            if key == name {
                return number.set(value);
            }
            known.push(key);
        }
        known.extend(self.params.keys().cloned());
        let Some(param) = self.params.get_mut(name) else {
            return Err(match (nearest(name, known.iter().map(String::as_str)), known.is_empty()) {
                (_, true) => format!("rule {} has no parameters", self.id.value),
                (Some(near), _) => format!("rule {} has no parameter `{name}`: did you mean `{near}`?", self.id.value),
                (None, _) => format!("rule {} has no parameter `{name}`: it has {}", self.id.value, known.join(", ")),
            });
        };
        param.value = match &param.value {
            Value::Text(_) => Value::Text(value.to_owned()),
            Value::Int(_) => Value::Int(value.parse().map_err(|_| format!("`{value}` is not a whole number"))?),
            Value::Flag(_) => Value::Flag(value.parse().map_err(|_| format!("`{value}` is neither true nor false"))?),
        };
        Ok(())
    }

    /// The keys that can be set, where the rule has them.
    fn own_parameters(&mut self) -> Vec<(String, Own<'_>)> {
        let spans = [("within", &mut self.within), ("every", &mut self.every)];
        let mut own: Vec<_> = spans.into_iter().filter_map(|(name, span)| Some((name.to_owned(), Own::span(span.as_mut()?)))).collect();
        let numbers = [("at_least", &mut self.at_least), ("quiet_days", &mut self.quiet_days)];
        own.extend(numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), Own::number(number.as_mut()?)))));
        own.extend(self.or_sum.as_mut().map(|sum| ("or_sum.at_least".to_owned(), Own::number(&mut sum.value.at_least))));
        own.extend(self.owner.as_mut().map(|owner| ("owner.at_least".to_owned(), Own::number(&mut owner.value.at_least))));
        for step in self.steps.iter_mut().flat_map(|steps| &mut steps.value) {
            let name = format!("{}.at_least", step.name.value);
            own.extend(step.at_least.as_mut().map(|number| (name, Own::number(number))));
        }
        if let Some(absent) = &mut self.absent {
            let spans = [("absent.within", &mut absent.value.within), ("absent.before", &mut absent.value.before)];
            own.extend(spans.into_iter().filter_map(|(name, span)| Some((name.to_owned(), Own::span(span.as_mut()?)))));
        }
        own
    }
}

/// A key of a rule that can be set from outside.
enum Own<'f> {
    Span(&'f mut String),
    Number(&'f mut u64),
}

impl<'f> Own<'f> {
    const fn span(span: &'f mut Spanned<String>) -> Self {
        Self::Span(&mut span.value)
    }

    const fn number(number: &'f mut Spanned<u64>) -> Self {
        Self::Number(&mut number.value)
    }

    fn set(self, value: &str) -> Result<(), String> {
        match self {
            Self::Span(span) => value.clone_into(span),
            Self::Number(number) => *number = value.parse().map_err(|_| format!("`{value}` is not a whole number"))?,
        }
        Ok(())
    }
}

/// The parser's error as one sentence with the line in front.
fn yaml_error(error: &serde_saphyr::Error, place: &str) -> Error {
    use serde_saphyr::Error as Yaml;
    let line = error.location().map_or(0, |location| location.line());
    let reason = match error.without_snippet() {
        Yaml::SerdeUnknownField { field, expected, .. } => match nearest(field, expected.iter().copied()) {
            Some(near) => format!("no key `{field}` in a rule: did you mean `{near}`?"),
            None => format!("no key `{field}` in a rule: it may have {}", expected.join(", ")),
        },
        // What is not there has no line; the parser names the end of the file.
        Yaml::SerdeMissingField { field, .. } => return refused(place, 0, format!("the key `{field}` is missing")),
        Yaml::DuplicateMappingKey { key: Some(key), .. } => format!("the key `{key}` is there twice"),
        other => {
            let text = other.to_string();
            // The line is in front already.
            text.lines().next().unwrap_or_default().split(" at line ").next().unwrap_or_default().to_owned()
        }
    };
    refused(place, line, reason)
}
