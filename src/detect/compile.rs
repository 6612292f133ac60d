//! From a [`RuleFile`] to a [`Rule`]: everything that can be wrong with a rule is
//! found here, before any event is read.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_saphyr::Spanned;

use super::fields::FieldPath;
use super::finding::{RunStatus, Severity};
use super::predicate::{Operand, Predicate, Scope, is_plain_name, unknown};
use super::rule::{Absent, Kind, KnownBy, Logic, Owner, RollUp, Rule, Sequence, SeverityRule, Step, Sum};
use super::rule_file::{RuleFile, SeverityForm, StepForm, refused};
use super::state::{TABLES, columns_of};
use super::template::{Placeholder, Template, Word};
use crate::error::Error;
use crate::schema::{Column, Kind as ColumnKind};
use crate::time::parse_span;

/// Names in messages that are no columns.
const WORDS: [&str; 8] = ["count", "distinct", "within", "every", "sum", "last_seen", "quiet", "quiet_days"];
/// The most steps of a sequence; the chains of events are as long.
const MAX_STEPS: usize = 16;
/// The most optional steps of a sequence: each doubles the ways to do without.
const MAX_OPTIONAL: usize = 4;
/// The most events that one step can ask for: so many are looked at again for each further event.
const MAX_AT_LEAST: u64 = 1_000;

impl Rule {
    /// The rule of that file, where `accepted` are the lists that every rule can name.
    pub(super) fn compile(file: RuleFile, place: &str, source: &str, accepted: &BTreeMap<String, Vec<String>>) -> Result<Self, Error> {
        let mut compiler = Compiler { scope: scope(&file, place, accepted)?, file: &file, place };
        let kind = Kind::built(&file.kind.value).map_err(|reason| refused(place, file.kind.referenced.line(), reason))?;
        compiler.id()?;
        compiler.keys_of(kind)?;
        compiler.table(kind)?;
        let logic = compiler.logic(kind)?;
        let severity = compiler.severity(kind)?;
        let message = compiler.message(kind)?;
        let doubt = compiler.doubt(&logic);
        let text = looks_for(&file);
        Ok(Self {
            fields: compiler.scope.fields,
            family: file.id.value.split('-').next().unwrap_or_default().into(),
            id: file.id.value.into(),
            title: file.title.into(),
            severity,
            attack: file.attack.into(),
            cis: file.cis.into(),
            description: file.description,
            logic,
            text,
            message,
            false_positives: file.false_positives.into(),
            next_steps: file.next_steps.into(),
            references: file.references,
            author: file.author.map(Arc::from),
            license: file.license.map(Arc::from),
            source: source.into(),
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

fn scope(file: &RuleFile, place: &str, accepted: &BTreeMap<String, Vec<String>>) -> Result<Scope, Error> {
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
    let mut lists = file.lists.clone();
    for (name, items) in accepted {
        if lists.insert(name.clone(), items.clone()).is_some() {
            return Err(refused(place, 0, format!("list `{name}`: the name stands for what --accept lists")));
        }
    }
    Ok(Scope { fields, params, lists, ..Scope::default() })
}

/// The conditions as they are written.
fn looks_for(file: &RuleFile) -> String {
    let own = file.condition.as_ref().or(file.sql.as_ref()).map(|text| text.value.trim().to_owned());
    let steps =
        file.steps.iter().flat_map(|steps| &steps.value).map(|step| format!("{}: {}", step.name.value, step.condition.value.trim()));
    let absent = file.absent.iter().map(|absent| format!("absent: {}", absent.value.condition.value.trim()));
    let known = file.known_by.iter().flat_map(|known| &known.value);
    let known = known.map(|known| format!("known by {}: {}", known.key.value.join(", "), known.condition.value.trim()));
    own.into_iter().chain(steps).chain(absent).chain(known).collect::<Vec<_>>().join("\n")
}

fn check_name(name: &str) -> Result<(), String> {
    if Column::from_name(name).is_some() {
        return Err("there is a column of that name".to_owned());
    }
    if WORDS.contains(&name) || name == "at_least" {
        return Err("the name has a meaning of its own in rules".to_owned());
    }
    check_letters(name)?;
    if !is_plain_name(name) {
        return Err("the name is a word of SQL".to_owned());
    }
    Ok(())
}

fn check_letters(name: &str) -> Result<(), String> {
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !plain || !name.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Err("a name has small letters, digits and `_`, and begins with a letter".to_owned());
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
            ("or_sum", line(file.or_sum.as_ref())),
            ("steps", line(file.steps.as_ref())),
            ("ordered", line(file.ordered.as_ref())),
            ("absent", line(file.absent.as_ref())),
            ("key", line(file.key.as_ref())),
            ("quiet_days", line(file.quiet_days.as_ref())),
            ("known_by", line(file.known_by.as_ref())),
            ("owner", line(file.owner.as_ref())),
            ("table", line(file.table.as_ref())),
            ("sql", line(file.sql.as_ref())),
            ("message", line(file.message.as_ref())),
        ];
        let known: &[&str] = match kind {
            Kind::Single => &["where", "roll_up", "every", "message"],
            Kind::Threshold => &["where", "by", "within", "at_least", "distinct", "or_sum", "message"],
            Kind::Sequence => &["steps", "by", "within", "ordered", "absent", "message"],
            Kind::FirstSeen => &["where", "key", "quiet_days", "known_by", "owner", "message"],
            Kind::State => &["table", "where", "by", "message"],
            Kind::Table => &["sql"],
        };
        for (key, line) in given {
            if let Some(line) = line.filter(|_| !known.contains(&key)) {
                let reason = format!("the key `{key}` means nothing for a rule of kind {kind}, which has {}", known.join(", "));
                return Err(refused(self.place, line, reason));
            }
        }
        Ok(())
    }

    /// Takes the columns of the table of state that the rule asks for those that can be named.
    fn table(&mut self, kind: Kind) -> Result<(), Error> {
        let Some(table) = self.file.table.as_ref().filter(|_| kind == Kind::State) else { return Ok(()) };
        let name = table.value.as_str();
        let unknown = || {
            self.refuse(table, unknown("table", name, TABLES.map(|(name, _)| name), "use users, sessions, iam_changes, iam_state or drift"))
        };
        self.scope.table = Some(columns_of(name).ok_or_else(unknown)?);
        if let Some((name, path)) = self.file.fields.iter().next() {
            return Err(self.refuse(path, format!("field `{name}`: the rows of a table have no fields")));
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
                    or_sum: self.or_sum()?,
                })
            }
            Kind::Sequence => self.sequence(kind).map(Logic::Sequence),
            Kind::FirstSeen => self.first_seen(kind),
            Kind::State => {
                let table = file.table.as_ref().ok_or_else(|| self.lacks(kind, "table"))?;
                let by = file.by.as_ref().map(|by| self.names(by, "by")).transpose()?.unwrap_or_default();
                Ok(Logic::State { table: table.value.clone(), condition: self.condition(kind)?, by })
            }
            Kind::Table => {
                let sql = file.sql.as_ref().ok_or_else(|| self.lacks(kind, "sql"))?;
                crate::query::check(&sql.value).map_err(|error| self.refuse(sql, error.to_string()))?;
                Ok(Logic::Table { sql: sql.value.clone() })
            }
        }
    }

    fn or_sum(&self) -> Result<Option<Sum>, Error> {
        let Some(sum) = self.file.or_sum.as_ref().map(|sum| &sum.value) else { return Ok(None) };
        let of = self.name(&sum.of, &sum.of.value, "or_sum")?;
        if let Ok(Operand::Column(column)) = self.scope.operand(&of)
            && column.kind() != ColumnKind::Int
        {
            return Err(self.refuse(&sum.of, format!("or_sum: the column `{column}` is no integer: give a field or an integer column")));
        }
        if sum.at_least.value == 0 {
            return Err(self.refuse(&sum.at_least, "or_sum: `at_least` is 0, which every window holds: give 1 or more"));
        }
        Ok(Some(Sum { of, at_least: sum.at_least.value }))
    }

    fn sequence(&self, kind: Kind) -> Result<Sequence, Error> {
        let file = self.file;
        let forms = file.steps.as_ref().ok_or_else(|| self.lacks(kind, "steps"))?;
        let by = file.by.as_ref().ok_or_else(|| self.lacks(kind, "by"))?;
        let needed = forms.value.iter().filter(|step| !step.optional).count();
        if forms.value.is_empty() || (forms.value.len() == 1 && file.absent.is_none()) {
            return Err(self.refuse(forms, "steps: two at least are needed, or one and `absent`"));
        }
        if forms.value.len() > MAX_STEPS {
            return Err(self.refuse(forms, format!("steps: {} are more than {MAX_STEPS}", forms.value.len())));
        }
        if forms.value.len() - needed > MAX_OPTIONAL {
            return Err(self.refuse(forms, format!("steps: more than {MAX_OPTIONAL} are optional")));
        }
        let mut scope = self.scope.clone();
        let mut steps: Vec<Step> = Vec::new();
        for form in &forms.value {
            let step = self.step(form, &mut scope)?;
            if steps.iter().any(|known| known.name == step.name) {
                return Err(self.refuse(&form.name, format!("step `{}`: the name is there twice", step.name)));
            }
            steps.push(step);
        }
        if let Some(last) = forms.value.last().filter(|last| last.optional) {
            let reason = format!("step `{}`: the last step cannot be optional", last.name.value);
            return Err(self.refuse(&last.name, reason));
        }
        let within = match &file.within {
            Some(within) => self.span(within, "within")?,
            // One event lasts no time.
            None if steps.iter().map(|step| step.at_least).sum::<u64>() == 1 => 0,
            None => return Err(self.lacks(kind, "within")),
        };
        let absent = match &file.absent {
            Some(form) => {
                let condition = self.predicate(&form.value.condition, &scope, "absent")?;
                let span = |span: &Option<Spanned<String>>, key| span.as_ref().map(|span| self.span(span, key)).transpose();
                let (within, before) = (span(&form.value.within, "within")?, span(&form.value.before, "before")?);
                if within.is_none() && before.is_none() {
                    return Err(self.refuse(form, "`absent` needs `within` (how long after the last event), `before`, or both"));
                }
                Some(Absent { condition, within, before })
            }
            None => None,
        };
        let ordered = file.ordered.as_ref().is_none_or(|ordered| ordered.value);
        Ok(Sequence { steps, by: self.names(by, "by")?, within, ordered, absent })
    }

    /// One step, whose names are added to `scope` for the later ones.
    fn step(&self, form: &StepForm, scope: &mut Scope) -> Result<Step, Error> {
        let name = &form.name.value;
        let refuse = |reason: String| self.refuse(&form.name, format!("step `{name}`: {reason}"));
        check_letters(name).map_err(refuse)?;
        if ["absent", "or_sum"].contains(&name.as_str()) {
            return Err(refuse("the name has a meaning of its own in rules".to_owned()));
        }
        let condition = self.predicate(&form.condition, scope, &format!("step `{name}`"))?;
        let at_least = form.at_least.as_ref().map_or(1, |number| number.value);
        if let Some(number) = form.at_least.as_ref().filter(|number| !(1..=MAX_AT_LEAST).contains(&number.value)) {
            return Err(self.refuse(number, format!("step `{name}`: `at_least` lies between 1 and {MAX_AT_LEAST}")));
        }
        let mut bind = Vec::new();
        for (bound, source) in &form.bind {
            let refuse = |reason: String| self.refuse(source, format!("step `{name}`: bind `{bound}`: {reason}"));
            check_name(bound).map_err(refuse)?;
            if scope.fields.contains_key(bound) || scope.params.contains_key(bound) || scope.lists.contains_key(bound) {
                return Err(refuse("the name is taken by a field, parameter or list".to_owned()));
            }
            let key = format!("step `{name}`: bind `{bound}`");
            let kind = match self.scope.operand(&self.name(source, &source.value, &key)?) {
                Ok(Operand::Column(column)) => column.kind(),
                _ => ColumnKind::Text,
            };
            if scope.bound.insert(bound.clone(), kind).is_some() {
                return Err(refuse("another step binds that name".to_owned()));
            }
            bind.push((bound.clone(), source.value.clone()));
        }
        Ok(Step { name: name.clone(), condition, at_least, optional: form.optional, bind })
    }

    fn first_seen(&self, kind: Kind) -> Result<Logic, Error> {
        let file = self.file;
        let key = file.key.as_ref().ok_or_else(|| self.lacks(kind, "key"))?;
        if key.value.is_empty() {
            return Err(self.refuse(key, "`key` is empty: name the columns or fields that are seen for the first time"));
        }
        if let Some(days) = file.quiet_days.as_ref().filter(|days| !(1..=36_500).contains(&days.value)) {
            return Err(self.refuse(days, "`quiet_days` lies between 1 and 36500"));
        }
        let mut known_by = Vec::new();
        for form in file.known_by.iter().flat_map(|known| &known.value) {
            if form.key.value.len() != key.value.len() {
                let (found, wanted) = (form.key.value.len(), key.value.len());
                return Err(self.refuse(&form.key, format!("known_by: its key has {found} parts, but the rule's has {wanted}")));
            }
            let condition = self.predicate(&form.condition, &self.scope, "known_by")?;
            known_by.push(KnownBy { condition, key: self.names(&form.key, "known_by")? });
        }
        Ok(Logic::FirstSeen {
            condition: self.condition(kind)?,
            key: self.names(key, "key")?,
            quiet_days: file.quiet_days.as_ref().map(|days| days.value),
            known_by,
            owner: self.owner()?,
        })
    }

    fn owner(&self) -> Result<Option<Owner>, Error> {
        let Some(owner) = &self.file.owner else { return Ok(None) };
        if self.file.quiet_days.is_some() {
            return Err(self.refuse(owner, "`owner` means nothing beside `quiet_days`, which needs no baseline"));
        }
        let of = &owner.value.of;
        match self.scope.operand(&self.name(of, &of.value, "owner")?) {
            Ok(Operand::Column(column)) if column.kind() == ColumnKind::Text => {
                Ok(Some(Owner { of: column, at_least: owner.value.at_least.value }))
            }
            _ => Err(self.refuse(of, format!("owner: `{}` is no column of text, by which all events can be counted", of.value))),
        }
    }

    fn condition(&self, kind: Kind) -> Result<Predicate, Error> {
        let text = self.file.condition.as_ref().ok_or_else(|| self.lacks(kind, "where"))?;
        self.predicate(text, &self.scope, "where")
    }

    fn predicate(&self, text: &Spanned<String>, scope: &Scope, key: &str) -> Result<Predicate, Error> {
        Predicate::parse(&text.value, scope).map_err(|reason| self.refuse(text, format!("{key}: {reason}")))
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
        let kind = match operand {
            Operand::Column(column) => Some(column.kind()),
            Operand::Outside(_, kind) => Some(kind),
            _ => None,
        };
        if matches!(kind, Some(ColumnKind::Time | ColumnKind::TextList)) {
            return Err(self.refuse(at, format!("{key}: the column `{name}` is a time or a list, which nothing can be grouped by")));
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
        if let Some((step, name)) = name.split_once('.') {
            return self.step_placeholder(step, name);
        }
        match name {
            "count" => Ok(Placeholder::Word(Word::Count)),
            "sum" if self.file.or_sum.is_some() => Ok(Placeholder::Word(Word::Sum)),
            "last_seen" if self.file.quiet_days.is_some() => Ok(Placeholder::Word(Word::LastSeen)),
            "quiet" if self.file.quiet_days.is_some() => Ok(Placeholder::Word(Word::Quiet)),
            "quiet_days" if self.file.quiet_days.is_some() => {
                Ok(Placeholder::Fixed(self.file.quiet_days.as_ref().map(|days| days.value.to_string()).unwrap_or_default()))
            }
            "distinct" if self.file.distinct.is_some() => Ok(Placeholder::Word(Word::Distinct)),
            "within" => span(&self.file.within),
            "every" => span(&self.file.every),
            "at_least" if self.file.at_least.is_some() => {
                Ok(Placeholder::Fixed(self.file.at_least.as_ref().map(|number| number.value.to_string()).unwrap_or_default()))
            }
            _ if self.file.params.contains_key(name) => {
                let value = self.file.params.get(name).map(|value| value.value.literal());
                Ok(Placeholder::Fixed(value.map(|value| value.to_string()).unwrap_or_default()))
            }
            _ if self.scope.table.is_some() => self.scope.operand(name).map(|_| Placeholder::Value),
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

    /// `{step.column}` of a sequence: the values of that step's events, or their number.
    fn step_placeholder(&self, step: &str, name: &str) -> Result<Placeholder, String> {
        let steps = || self.file.steps.iter().flat_map(|steps| &steps.value).map(|step| step.name.value.as_str());
        if !steps().any(|known| known == step) {
            return Err(unknown("step", step, steps(), "a dot stands between a step of a sequence and its column"));
        }
        if name == "count" {
            return Ok(Placeholder::StepCount);
        }
        match Column::from_name(name) {
            Some(column) if column.kind() == ColumnKind::TextList => {
                Err(format!("the column `{name}` is a list, which a sentence cannot hold"))
            }
            _ => self.scope.operand(name).map(|_| Placeholder::Value),
        }
    }

    fn doubt(&self, logic: &Logic) -> Option<(RunStatus, String)> {
        let needed: Vec<&Predicate> = match logic {
            Logic::Single { condition, .. }
            | Logic::Threshold { condition, .. }
            | Logic::FirstSeen { condition, .. }
            | Logic::State { condition, .. } => vec![condition],
            Logic::Sequence(sequence) => sequence.steps.iter().filter(|step| !step.optional).map(|step| &step.condition).collect(),
            Logic::Table { .. } => return None,
        };
        let absent = || self.scope.fields.iter().filter_map(|(name, path)| Some((name.as_str(), path.absent_because()?)));
        let names = absent().map(|(name, _)| name).collect();
        if let Some(reason) = needed.into_iter().find_map(|condition| condition.never(&names)) {
            return Some((RunStatus::Never, reason));
        }
        absent().next().map(|(name, reason)| (RunStatus::Degraded, format!("the field `{name}` is always null: {reason}")))
    }
}
