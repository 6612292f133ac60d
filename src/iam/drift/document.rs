//! What differs between two documents, statement by statement.

use std::sync::Arc;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use super::super::attribute::Value;
use super::super::policy::Document;

/// The statements that only one of two documents has, as they were written.
#[derive(Debug, Clone, PartialEq)]
pub struct StatementDiff {
    /// Those of the earlier document.
    pub removed: Vec<Json>,
    /// Those of the later one.
    pub added: Vec<Json>,
}

/// Two documents, of which one may be absent. What differs is found when it is asked for: most of it is never shown.
#[derive(Debug, Clone, PartialEq)]
pub struct Documents {
    before: Option<Arc<Document>>,
    after: Option<Arc<Document>>,
}

impl Documents {
    /// Two values; `None` unless one of them is a document and the other one too or absent.
    pub(crate) fn of(before: &Value, after: &Value) -> Option<Self> {
        let document = |value: &Value| match value {
            Value::Document(document) => Some(Some(document.clone())),
            Value::Absent => Some(None),
            _ => None,
        };
        let (before, after) = (document(before)?, document(after)?);
        (before.is_some() || after.is_some()).then_some(Self { before, after })
    }

    pub(super) const fn between(before: Option<Arc<Document>>, after: Option<Arc<Document>>) -> Self {
        Self { before, after }
    }

    pub(super) const fn both(&self) -> [Option<&Arc<Document>>; 2] {
        [self.before.as_ref(), self.after.as_ref()]
    }

    /// What differs.
    pub fn diff(&self) -> StatementDiff {
        let read = |statement: &RawValue| serde_json::from_str(statement.get()).unwrap_or_default();
        let [removed, added] = self.alone().map(|alone| alone.into_iter().map(read).collect());
        StatementDiff { removed, added }
    }

    /// The statements that only the earlier document has, and those of the later one.
    fn alone(&self) -> [Vec<&RawValue>; 2] {
        [(&self.before, &self.after), (&self.after, &self.before)].map(|(of, not_in)| {
            let of = of.iter().flat_map(|document| document.statements_beside(not_in.as_deref()));
            of.collect()
        })
    }
}

impl Serialize for Documents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // As `StatementDiff` has it, and without reading what is written out again.
        let [removed, added] = self.alone();
        let mut diff = serializer.serialize_struct("StatementDiff", 2)?;
        diff.serialize_field("removed", &removed)?;
        diff.serialize_field("added", &added)?;
        diff.end()
    }
}

/// Whether something that the earlier document denied may no longer be denied: each of its `Deny` statements has to
/// be in the later one, with as many actions and resources or more.
pub(super) fn loses_deny(before: &Value, after: &Value) -> bool {
    let denies = |value: &Value| {
        let all = value.policy().and_then(Document::policy).map(|policy| policy.statements()).unwrap_or_default().into_iter();
        all.filter(|statement| statement.get("Effect").and_then(Json::as_str) == Some("Deny")).collect::<Vec<_>>()
    };
    let later = denies(after);
    denies(before).iter().any(|denied| !later.iter().any(|later| covers(later, denied)))
}

/// Whether a `Deny` statement is as wide as another: all of its elements equal but for longer lists of what is denied.
fn covers(later: &Json, earlier: &Json) -> bool {
    let rest = |statement: &Json| {
        let elements = statement.as_object().into_iter().flatten();
        elements
            .filter(|(name, _)| !["Action", "Resource"].contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<Vec<_>>()
    };
    let lists = |statement: &Json, name: &str| statement.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    let is_within = |name: &str| {
        let later = lists(later, name);
        later.contains(&Json::from("*")) || lists(earlier, name).iter().all(|entry| later.contains(entry))
    };
    rest(later) == rest(earlier) && is_within("Action") && is_within("Resource")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn policy(statements: &Json) -> Value {
        Value::document(Some(&json!({"Version": "2012-10-17", "Statement": statements}).to_string()))
    }

    #[test]
    fn statements_are_compared_by_what_they_mean() {
        let read = json!({"Sid": "Read", "Effect": "Allow", "Action": "S3:Get*", "Resource": "*"});
        let same = json!({"Effect": "Allow", "Action": ["s3:Get*"], "Resource": ["*"]});
        let write = json!({"Effect": "Allow", "Action": ["s3:Put*"], "Resource": ["*"]});
        let diff = Documents::of(&policy(&json!([read])), &policy(&json!([write, same]))).expect("documents").diff();
        assert_eq!(diff, StatementDiff { removed: vec![], added: vec![write.clone()] });
        let gone = Documents::of(&policy(&json!([write])), &Value::Absent).expect("a document").diff();
        assert_eq!(gone, StatementDiff { removed: vec![write], added: vec![] });
        assert_eq!(Documents::of(&Value::Unknown, &policy(&json!([]))), None);
        assert_eq!(Documents::of(&Value::Absent, &Value::Absent), None);
    }

    #[test]
    fn a_deny_that_is_lost_or_narrowed() {
        let deny = |actions: Json, resource: &str| policy(&json!([{"Effect": "Deny", "Action": actions, "Resource": resource}]));
        let before = deny(json!(["a:B", "a:C"]), "*");
        assert!(loses_deny(&before, &deny(json!(["a:B"]), "*")));
        assert!(loses_deny(&before, &deny(json!(["a:B", "a:C"]), "arn:x")));
        assert!(loses_deny(&before, &Value::Unknown));
        assert!(!loses_deny(&before, &deny(json!(["a:B", "a:C", "a:D"]), "*")));
        assert!(!loses_deny(&before, &deny(json!("*"), "*")));
        assert!(!loses_deny(&policy(&json!([])), &before));
    }
}
