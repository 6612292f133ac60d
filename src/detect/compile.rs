//! From a [`RuleFile`] to a [`Rule`]: everything that can be wrong with a rule is
//! found here, before any event is read.

use std::collections::BTreeMap;

use serde_saphyr::Spanned;

use super::fields::FieldPath;
use super::finding::{RunStatus, Severity};
use super::predicate::{Operand, Predicate, Scope, is_plain_name, unknown};
use super::rule::{Kind, Logic, RollUp, Rule, SeverityRule};
use super::rule_file::{RuleFile, SeverityForm, refused};
use super::template::{Placeholder, Template};
use crate::error::Error;
use crate::schema::{Column, Kind as ColumnKind};
use crate::time::parse_span;

/// Names in messages that are no columns.
const WORDS: [&str; 4] = ["count", "distinct", "within", "every"];

impl Rule {
    /// The rule of that file.
    pub(super) fn compile(file: RuleFile, place: &str, source: &str) -> Result<Self, Error> {
        let compiler = Compiler { scope: scope(&file, place)?, file: &file, place };
        let kind = Kind::built(&file.kind.value).map_err(|reason| refused(place, file.kind.referenced.line(), reason))?;
        compiler.id()?;
        compiler.keys_of(kind)?;
        let logic = compiler.logic(kind)?;
        let severity = compiler.severity(kind)?;
        let message = compiler.message(kind)?;
        let doubt = compiler.doubt(&logic);
        let text = file.condition.as_ref().or(file.sql.as_ref()).map(|text| text.value.trim().to_owned());
        Ok(Self {
            fields: compiler.scope.fields,
            id: file.id.value,
            title: file.title,
            severity,
            attack: file.attack,
            cis: file.cis,
            description: file.description,
            logic,
            text: text.unwrap_or_default(),
            message,
            false_positives: file.false_positives,
            next_steps: file.next_steps,
            references: file.references,
            author: file.author,
            license: file.license,
            source: source.to_owned(),
            sha256: file.sha256,
            place: place.to_owned(),
            doubt,
        })
    }
}

struct Compiler<'f> {
    scope: Scope,
    file: &'f RuleFile,
    place: &'f str,
}

fn scope(file: &RuleFile, place: &str) -> Result<Scope, Error> {
    let mut fields = BTreeMap::new();
    for (name, path) in &file.fields {
        let refuse = |reason| refused(place, path.referenced.line(), reason);
        check_name(name).map_err(|reason| refuse(format!("field `{name}`: {reason}")))?;
        let path = FieldPath::parse(&path.value).map_err(|reason| refuse(format!("field `{name}`: {reason}")))?;
        fields.insert(name.clone(), path);
    }
    let mut params = BTreeMap::new();
    for (name, value) in &file.params {
        let line = value.referenced.line();
        let taken = fields.contains_key(name) || file.lists.contains_key(name);
        let checked = if taken { Err("the name is taken by a field or list".to_owned()) } else { check_name(name) };
        checked.map_err(|reason| refused(place, line, format!("parameter `{name}`: {reason}")))?;
        params.insert(name.clone(), value.value.literal());
    }
    Ok(Scope { fields, params, lists: file.lists.clone() })
}

fn check_name(name: &str) -> Result<(), String> {
    if Column::from_name(name).is_some() {
        return Err("there is a column of that name".to_owned());
    }
    if WORDS.contains(&name) || name == "at_least" {
        return Err("the name has a meaning of its own in rules".to_owned());
    }
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !plain || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err("a name has small letters, digits and `_`, and begins with a letter".to_owned());
    }
    if !is_plain_name(name) {
        return Err("the name is a word of SQL".to_owned());
    }
    Ok(())
}

impl Compiler<'_> {
    fn refuse<T>(&self, at: &Spanned<T>, reason: impl Into<String>) -> Error {
        refused(self.place, at.referenced.line(), reason)
    }

    fn lacks(&self, kind: Kind, key: &str) -> Error {
        self.refuse(&self.file.kind, format!("a rule of kind {kind} needs the key `{key}`"))
    }

    fn id(&self) -> Result<(), Error> {
        let id = &self.file.id.value;
        let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if plain && id.starts_with(|first: char| first.is_ascii_alphabetic()) {
            return Ok(());
        }
        Err(self.refuse(&self.file.id, format!("id `{id}`: use letters, digits, `-` and `_`, such as `ACME-001`")))
    }

    /// Refuses the keys that mean nothing for the kind.
    fn keys_of(&self, kind: Kind) -> Result<(), Error> {
        fn line<T>(key: Option<&Spanned<T>>) -> Option<u64> {
            key.map(|key| key.referenced.line())
        }
        let file = self.file;
        let given = [
            ("where", line(file.condition.as_ref())),
            ("roll_up", line(file.roll_up.as_ref())),
            ("every", line(file.every.as_ref())),
            ("by", line(file.by.as_ref())),
            ("within", line(file.within.as_ref())),
            ("at_least", line(file.at_least.as_ref())),
            ("distinct", line(file.distinct.as_ref())),
            ("sql", line(file.sql.as_ref())),
            ("message", line(file.message.as_ref())),
        ];
        let known: &[&str] = match kind {
            Kind::Single => &["where", "roll_up", "every", "message"],
            Kind::Threshold => &["where", "by", "within", "at_least", "distinct", "message"],
            _ => &["sql"],
        };
        for (key, line) in given {
            if let Some(line) = line.filter(|_| !known.contains(&key)) {
                let reason = format!("the key `{key}` means nothing for a rule of kind {kind}, which has {}", known.join(", "));
                return Err(refused(self.place, line, reason));
            }
        }
        Ok(())
    }

    fn logic(&self, kind: Kind) -> Result<Logic, Error> {
        let file = self.file;
        match kind {
            Kind::Single => {
                let roll_up = match (&file.roll_up, &file.every) {
                    (Some(by), Some(every)) => Some(RollUp { by: self.names(by, "roll_up")?, every: self.span(every, "every")? }),
                    (None, None) => None,
                    (Some(_), None) => return Err(self.refuse(&file.kind, "`roll_up` needs `every`: how long one finding goes on")),
                    (None, Some(every)) => return Err(self.refuse(every, "`every` needs `roll_up`: what the events of one finding share")),
                };
                Ok(Logic::Single { condition: self.condition(kind)?, roll_up })
            }
            Kind::Threshold => {
                let within = file.within.as_ref().ok_or_else(|| self.lacks(kind, "within"))?;
                let by = file.by.as_ref().ok_or_else(|| self.lacks(kind, "by"))?;
                let at_least = file.at_least.as_ref().ok_or_else(|| self.lacks(kind, "at_least"))?;
                if at_least.value == 0 {
                    return Err(self.refuse(at_least, "`at_least` is 0, which every window holds: give 1 or more"));
                }
                let distinct = match &file.distinct {
                    Some(name) => Some(self.name(name, &name.value, "distinct")?),
                    None => None,
                };
                Ok(Logic::Threshold {
                    condition: self.condition(kind)?,
                    by: self.names(by, "by")?,
                    within: self.span(within, "within")?,
                    at_least: at_least.value,
                    distinct,
                })
            }
            _ => {
                let sql = file.sql.as_ref().ok_or_else(|| self.lacks(kind, "sql"))?;
                crate::query::check(&sql.value).map_err(|error| self.refuse(sql, error.to_string()))?;
                Ok(Logic::Table { sql: sql.value.clone() })
            }
        }
    }

    fn condition(&self, kind: Kind) -> Result<Predicate, Error> {
        let text = self.file.condition.as_ref().ok_or_else(|| self.lacks(kind, "where"))?;
        Predicate::parse(&text.value, &self.scope).map_err(|reason| self.refuse(text, format!("where: {reason}")))
    }

    fn span(&self, text: &Spanned<String>, key: &str) -> Result<i64, Error> {
        let wrong = || self.refuse(text, format!("`{key}: {}` is no length of time: write 30s, 10m, 24h or 7d", text.value));
        parse_span(&text.value).ok_or_else(wrong)
    }

    fn names(&self, names: &Spanned<Vec<String>>, key: &str) -> Result<Vec<String>, Error> {
        names.value.iter().map(|name| self.name(names, name, key)).collect()
    }

    /// A column or field whose values can be told apart.
    fn name<T>(&self, at: &Spanned<T>, name: &str, key: &str) -> Result<String, Error> {
        let operand = self.scope.operand(name).map_err(|reason| self.refuse(at, format!("{key}: {reason}")))?;
        if let Operand::Column(column) = operand
            && matches!(column.kind(), ColumnKind::Time | ColumnKind::TextList)
        {
            return Err(self.refuse(at, format!("{key}: the column `{column}` is a time or a list, which nothing can be grouped by")));
        }
        Ok(name.to_owned())
    }

    fn severity(&self, kind: Kind) -> Result<SeverityRule, Error> {
        let Some(form) = &self.file.severity else {
            // A table makes no finding, so nothing asks how bad it is.
            return match kind {
                Kind::Table => Ok(SeverityRule { default: Severity::Info, levels: Vec::new() }),
                _ => Err(self.lacks(kind, "severity")),
            };
        };
        let word = |word: &str| word.parse::<Severity>().map_err(|reason| self.refuse(form, format!("severity: {reason}")));
        match &form.value {
            SeverityForm::Word(text) => Ok(SeverityRule { default: word(text)?, levels: Vec::new() }),
            SeverityForm::Levels(map) => {
                let default = map.get("default").ok_or_else(|| self.refuse(form, "severity: a map needs the key `default`"))?;
                let default = word(default)?;
                let mut levels = Vec::new();
                for (level, condition) in map.iter().filter(|(level, _)| *level != "default") {
                    let predicate = Predicate::parse(condition, &self.scope)
                        .map_err(|reason| self.refuse(form, format!("severity: {level}: {reason}")))?;
                    levels.push((word(level)?, predicate));
                }
                levels.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
                Ok(SeverityRule { default, levels })
            }
        }
    }

    fn message(&self, kind: Kind) -> Result<Option<Template>, Error> {
        let Some(message) = &self.file.message else {
            return if kind == Kind::Table { Ok(None) } else { Err(self.lacks(kind, "message")) };
        };
        let meaning = |name: &str| self.placeholder(name);
        Template::parse(&message.value, meaning).map(Some).map_err(|reason| self.refuse(message, format!("message: {reason}")))
    }

    fn placeholder(&self, name: &str) -> Result<Placeholder, String> {
        let span = |span: &Option<Spanned<String>>| {
            let absent = || format!("`{{{name}}}` stands for the key `{name}`, which the rule does not have");
            span.as_ref().map(|span| Placeholder::Fixed(span.value.clone())).ok_or_else(absent)
        };
        match name {
            "count" => Ok(Placeholder::Count),
            "distinct" if self.file.distinct.is_some() => Ok(Placeholder::Distinct),
            "within" => span(&self.file.within),
            "every" => span(&self.file.every),
            "at_least" if self.file.at_least.is_some() => {
                Ok(Placeholder::Fixed(self.file.at_least.as_ref().map(|number| number.value.to_string()).unwrap_or_default()))
            }
            _ if self.file.params.contains_key(name) => {
                let value = self.file.params.get(name).map(|value| value.value.literal());
                Ok(Placeholder::Fixed(value.map(|value| value.to_string()).unwrap_or_default()))
            }
            _ if Column::from_name(name).is_some_and(|column| column.kind() == ColumnKind::TextList) => {
                Err(format!("the column `{name}` is a list, which a sentence cannot hold"))
            }
            _ if Column::from_name(name).is_some() || self.scope.fields.contains_key(name) => Ok(Placeholder::Value),
            _ => {
                let columns = Column::ALL.iter().map(|column| column.name()).chain(["count"]);
                let known = columns.chain(self.scope.fields.keys().chain(self.scope.params.keys()).map(String::as_str));
                Err(unknown("placeholder", name, known, "use a column, field or parameter, or {count}"))
            }
        }
    }

    fn doubt(&self, logic: &Logic) -> Option<(RunStatus, String)> {
        let condition = match logic {
            Logic::Single { condition, .. } | Logic::Threshold { condition, .. } => condition,
            Logic::Table { .. } => return None,
        };
        let absent = || self.scope.fields.iter().filter_map(|(name, path)| Some((name.as_str(), path.absent_because()?)));
        if let Some(reason) = condition.never(&absent().map(|(name, _)| name).collect()) {
            return Some((RunStatus::Never, reason));
        }
        absent().next().map(|(name, reason)| (RunStatus::Degraded, format!("the field `{name}` is always null: {reason}")))
    }
}
