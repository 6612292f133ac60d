//! The canonical form of a document: equal for documents that IAM cannot tell apart by their spelling.
//!
//! Overlapping statements are not merged and wildcards not expanded, as that would hide what was written.

use std::cmp::Ordering;
use std::ops::Range;

use serde_json::{Map, Value};

use super::{PolicyDocument, Statement};
use crate::source::sha256_hex;

impl PolicyDocument {
    /// The form that documents are compared by: sorted keys and sets, actions and condition keys in
    /// lower case, no `Sid`, statements in the order of their bytes, no spaces.
    pub fn canonical(&self) -> String {
        self.written().canonical.text
    }

    /// The SHA-256 of [`canonical`](Self::canonical), in lower-case hex: the document's id.
    pub fn sha256(&self) -> String {
        sha256_hex(self.canonical().as_bytes())
    }

    /// The canonical form, and the same for the reader: actions and condition keys as they were written, with each `Sid`
    /// that is not empty.
    pub(super) fn written(&self) -> WrittenForms {
        let mut statements: Vec<(String, &Statement)> =
            self.statements.iter().map(|statement| (text(&compared(statement)), statement)).collect();
        statements.sort_by(|left, right| left.0.cmp(&right.0));
        let shown = self.with_statements(statements.iter().map(|(_, statement)| text(&statement.0)));
        WrittenForms { canonical: self.with_statements(statements.into_iter().map(|(compared, _)| compared)), shown }
    }

    /// Its statements in the order of the canonical form, as they are compared.
    pub(in crate::iam) fn statements(&self) -> Vec<Value> {
        let mut statements: Vec<(String, Value)> = self
            .statements
            .iter()
            .map(|statement| {
                let compared = compared(statement);
                (text(&compared), Value::Object(compared))
            })
            .collect();
        statements.sort_by(|left, right| left.0.cmp(&right.0));
        statements.into_iter().map(|(_, compared)| compared).collect()
    }

    /// The document as JSON text, with its statements as they are given.
    fn with_statements(&self, statements: impl Iterator<Item = String>) -> WrittenForm {
        let mut form = WrittenForm { text: "{".to_owned(), statements: Vec::new() };
        let (before, after): (Vec<_>, Vec<_>) = self.elements.iter().partition(|(name, _)| name.as_str() < "Statement");
        let element = |(name, value): (&String, &Value)| format!("{}:{value}", Value::from(name.as_str()));
        for written in before.into_iter().map(element) {
            form.text.push_str(&written);
            form.text.push(',');
        }
        form.text.push_str("\"Statement\":[");
        for (number, statement) in statements.enumerate() {
            form.text.push_str(if number == 0 { "" } else { "," });
            let start = form.text.len();
            form.text.push_str(&statement);
            form.statements.push(start..form.text.len());
        }
        form.text.push(']');
        for written in after.into_iter().map(element) {
            form.text.push(',');
            form.text.push_str(&written);
        }
        form.text.push('}');
        form
    }
}

/// A document's two forms; both have its statements in one order.
pub(super) struct WrittenForms {
    pub(super) canonical: WrittenForm,
    pub(super) shown: WrittenForm,
}

/// A form as JSON text, with the places of the statements in it.
pub(super) struct WrittenForm {
    pub(super) text: String,
    pub(super) statements: Vec<Range<usize>>,
}

/// A statement in its normal form: lists are sets, a principal is an object, conditions hold lists of texts.
pub(super) fn statement(mut elements: Map<String, Value>) -> Statement {
    elements.retain(|name, value| name != "Sid" || value != "");
    Statement(changed(elements, |name, value| match name {
        "Action" | "NotAction" | "Resource" | "NotResource" => set(value),
        "Principal" | "NotPrincipal" => principals(value),
        "Condition" => conditions(value),
        _ => normal(value),
    }))
}

/// A value with the keys of all of its objects in order.
pub(super) fn normal(value: Value) -> Value {
    match value {
        Value::Object(elements) => Value::Object(changed(elements, |_, value| normal(value))),
        Value::Array(values) => Value::Array(values.into_iter().map(normal).collect()),
        scalar => scalar,
    }
}

/// An object with other values, and its keys in order.
fn changed(mut elements: Map<String, Value>, change: impl Fn(&str, Value) -> Value) -> Map<String, Value> {
    for (name, value) in &mut elements {
        *value = change(name, value.take());
    }
    elements.sort_keys();
    elements
}

/// What is not a list becomes one; lists lose their repeats and their order.
fn set(value: Value) -> Value {
    let values = match value {
        Value::Array(values) => values,
        one => vec![one],
    };
    let mut values: Vec<Value> = values.into_iter().map(normal).collect();
    if values.len() > 1 {
        // Texts by their own bytes and before all else; the rest, which IAM refuses, by its JSON.
        values.sort_by(|left, right| match (left, right) {
            (Value::String(left), Value::String(right)) => left.cmp(right),
            (Value::String(_), _) => Ordering::Less,
            (_, Value::String(_)) => Ordering::Greater,
            (left, right) => left.to_string().cmp(&right.to_string()),
        });
        values.dedup();
    }
    Value::Array(values)
}

/// `"*"` is everyone of kind `AWS`, and an account's number stands for its root.
fn principals(value: Value) -> Value {
    let kinds = match value {
        Value::Object(kinds) => kinds,
        Value::String(text) if text == "*" => Map::from_iter([("AWS".to_owned(), Value::String(text))]),
        other => return normal(other),
    };
    Value::Object(changed(kinds, |kind, names| if kind == "AWS" { set(map_texts(names, account_root)) } else { set(names) }))
}

fn account_root(text: String) -> String {
    if is_account(&text) { format!("arn:aws:iam::{text}:root") } else { text }
}

/// Whether a text is an account's number: twelve digits.
pub(super) fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|digit| digit.is_ascii_digit())
}

fn map_texts(value: Value, change: fn(String) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(values) => Value::Array(values.into_iter().map(|value| map_texts(value, change)).collect()),
        other => other,
    }
}

/// Operators and keys as they are written, values as sets of texts.
fn conditions(value: Value) -> Value {
    let Value::Object(operators) = value else { return normal(value) };
    Value::Object(changed(operators, |_, keys| match keys {
        Value::Object(keys) => Value::Object(changed(keys, |_, values| set(scalars_as_texts(values)))),
        other => normal(other),
    }))
}

fn scalars_as_texts(value: Value) -> Value {
    match value {
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        Value::Array(values) => Value::Array(values.into_iter().map(scalars_as_texts).collect()),
        other => other,
    }
}

/// The statement as it is compared.
fn compared(statement: &Statement) -> Map<String, Value> {
    let elements = statement.0.iter().filter(|(name, _)| *name != "Sid").map(|(name, value)| {
        let value = match name.as_str() {
            "Action" | "NotAction" => set(map_texts(value.clone(), |text| text.to_ascii_lowercase())),
            "Condition" => lower_keys(value.clone(), 2),
            _ => value.clone(),
        };
        (name.clone(), value)
    });
    elements.collect()
}

/// An object as JSON text.
fn text(elements: &Map<String, Value>) -> String {
    // It can only fail in a sink that does.
    serde_json::to_string(elements).unwrap_or_default()
}

/// Keys in lower case, down to `depth`. What two keys then share is put together, so that nothing is lost from the form.
fn lower_keys(value: Value, depth: u32) -> Value {
    let Value::Object(elements) = value else { return value };
    if depth == 0 {
        return Value::Object(elements);
    }
    let mut lower = Map::new();
    for (key, value) in elements {
        let value = lower_keys(value, depth - 1);
        let key = key.to_ascii_lowercase();
        let value = match lower.remove(&key) {
            Some(before) => together(before, value),
            None => value,
        };
        lower.insert(key, value);
    }
    lower.sort_keys();
    Value::Object(lower)
}

fn together(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Object(mut left), Value::Object(right)) => {
            for (key, value) in right {
                let value = match left.remove(&key) {
                    Some(before) => together(before, value),
                    None => value,
                };
                left.insert(key, value);
            }
            left.sort_keys();
            Value::Object(left)
        }
        (Value::Array(left), Value::Array(right)) => set(Value::Array(left.into_iter().chain(right).collect())),
        (left, right) => set(Value::Array(vec![left, right])),
    }
}

#[cfg(test)]
pub(in crate::iam) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> PolicyDocument {
        PolicyDocument::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[test]
    fn one_form_for_what_means_the_same() {
        let text = r#"{
            "Statement": {"Sid": "", "Resource": "*", "Action": ["S3:Get*", "ec2:Run*", "s3:get*"], "Effect": "Allow",
              "Condition": {"Bool": {"AWS:SecureTransport": true}, "NumericLessThan": {"s3:max-keys": 10}}},
            "Version": "2012-10-17"
        }"#;
        insta::assert_snapshot!(parse(text).canonical(), @r#"{"Statement":[{"Action":["ec2:run*","s3:get*"],"Condition":{"bool":{"aws:securetransport":["true"]},"numericlessthan":{"s3:max-keys":["10"]}},"Effect":"Allow","Resource":["*"]}],"Version":"2012-10-17"}"#);
        insta::assert_snapshot!(parse(text).written().shown.text, @r#"{"Statement":[{"Action":["S3:Get*","ec2:Run*","s3:get*"],"Condition":{"Bool":{"AWS:SecureTransport":["true"]},"NumericLessThan":{"s3:max-keys":["10"]}},"Effect":"Allow","Resource":["*"]}],"Version":"2012-10-17"}"#);
    }

    #[test]
    fn principals_have_one_form() {
        let of = |principal: &str| {
            parse(&format!(r#"{{"Statement":[{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"}}]}}"#)).sha256()
        };
        assert_eq!(of(r#""*""#), of(r#"{"AWS":["*"]}"#));
        assert_eq!(of(r#"{"AWS":"111122223333"}"#), of(r#"{"AWS":["arn:aws:iam::111122223333:root","111122223333"]}"#));
        assert_ne!(of(r#"{"AWS":"111122223333"}"#), of(r#"{"AWS":"444455556666"}"#));
        assert_ne!(of(r#"{"Service":"ec2.amazonaws.com"}"#), of(r#"{"Service":"EC2.amazonaws.com"}"#));
    }

    #[test]
    fn a_sid_and_an_empty_one_do_not_count_and_a_version_does() {
        let of = |text: &str| parse(text).sha256();
        let bare = of(r#"{"Statement":[{"Effect":"Allow","Action":"a:b","Resource":"*"}]}"#);
        assert_eq!(bare, of(r#"{"Version":"2008-10-17","Statement":{"Sid":"Mine","Resource":["*","*"],"Action":"A:B","Effect":"Allow"}}"#));
        assert_ne!(bare, of(r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"a:b","Resource":"*"}]}"#));
        let shown = parse(r#"{"Statement":[{"Sid":"Mine"},{"Sid":""}]}"#).written().shown;
        assert_eq!(shown.text, r#"{"Statement":[{"Sid":"Mine"},{}],"Version":"2008-10-17"}"#);
        let statements: Vec<&str> = shown.statements.into_iter().filter_map(|place| shown.text.get(place)).collect();
        assert_eq!(statements, [r#"{"Sid":"Mine"}"#, "{}"]);
    }

    #[test]
    fn condition_keys_that_differ_in_case_are_put_together() {
        let of = |text: &str| parse(&format!(r#"{{"Statement":[{{"Condition":{text}}}]}}"#)).canonical();
        assert_eq!(
            of(r#"{"StringEquals":{"K":"a","k":"b"},"stringequals":{"k":["a","c"]}}"#),
            of(r#"{"stringEquals":{"k":["c","b","a"]}}"#)
        );
        assert_eq!(of(r#""x""#), r#"{"Statement":[{"Condition":"x"}],"Version":"2008-10-17"}"#);
    }

    /// JSON that has the words of a policy in all kinds of places.
    pub(in crate::iam) fn any_json() -> impl Strategy<Value = Value> {
        let word = proptest::sample::select(vec![
            "*",
            "iam:*",
            "IAM:PassRole",
            "s3:Get*",
            "sts:AssumeRole",
            "Allow",
            "Deny",
            "111122223333",
            "arn:aws:iam::444455556666:root",
            "",
            "é\u{1}\"",
        ]);
        let leaf = prop_oneof![
            4 => word.prop_map(Value::from),
            1 => Just(Value::Null),
            1 => any::<bool>().prop_map(Value::from),
            1 => any::<i64>().prop_map(Value::from),
            1 => any::<f64>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            let key = proptest::sample::select(vec![
                "Effect",
                "Action",
                "NotAction",
                "Resource",
                "NotResource",
                "Principal",
                "NotPrincipal",
                "Condition",
                "Sid",
                "AWS",
                "Service",
                "StringEquals",
                "stringequals",
                "sts:ExternalId",
                "STS:externalid",
                "odd",
            ]);
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::vec((key, inner), 0..5)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())),
            ]
        })
    }

    /// Documents: each statement an object of the elements of one.
    pub(in crate::iam) fn any_document() -> impl Strategy<Value = Value> {
        let key = proptest::sample::select(vec![
            "Effect",
            "Effect",
            "Action",
            "NotAction",
            "Resource",
            "NotResource",
            "Principal",
            "NotPrincipal",
            "Condition",
            "Sid",
            "odd",
        ]);
        let statement = proptest::collection::vec((key, any_json()), 0..7).prop_map(|pairs| {
            let mut statement: Map<String, Value> = pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
            if !statement.get("Effect").is_some_and(Value::is_string) {
                statement.insert("Effect".to_owned(), "Allow".into());
            }
            Value::Object(statement)
        });
        (proptest::collection::vec(statement, 0..4), any_json()).prop_map(|(statements, id)| json!({"Id": id, "Statement": statements}))
    }

    /// The same document with each list of a statement, and the statements, turned around.
    fn reversed(document: &Value) -> Value {
        let mut document = document.clone();
        for statement in document["Statement"].as_array_mut().expect("a list") {
            for element in ["Action", "NotAction", "Resource", "NotResource"] {
                if let Some(list) = statement.get_mut(element).and_then(Value::as_array_mut) {
                    list.reverse();
                }
            }
            let statement = statement.as_object_mut().expect("an object");
            *statement = std::mem::take(statement).into_iter().rev().collect();
        }
        document["Statement"].as_array_mut().expect("a list").reverse();
        document
    }

    proptest! {
        #[test]
        fn the_form_is_its_own_form(document in any_document()) {
            let once = parse(&document.to_string());
            prop_assert_eq!(parse(&once.canonical()).canonical(), once.canonical());
            let shown = once.written().shown.text;
            prop_assert_eq!(parse(&shown).canonical(), once.canonical());
            prop_assert_eq!(parse(&shown).written().shown.text, shown);
        }

        #[test]
        fn order_does_not_change_the_hash(document in any_document()) {
            prop_assert_eq!(parse(&document.to_string()).sha256(), parse(&reversed(&document).to_string()).sha256());
        }
    }
}
