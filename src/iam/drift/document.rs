//! What differs between two documents, statement by statement.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value as Json;

use super::super::attribute::{Document, Value};
use super::super::policy::{Form, PolicyDocument};

/// The statements that only one of two documents has, as they were written.
#[derive(Debug, Clone, PartialEq, Serialize)]
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

    /// What differs.
    pub fn diff(&self) -> StatementDiff {
        let [before, after] =
            [&self.before, &self.after].map(|document| document.as_ref().map(|document| document.policy.forms()).unwrap_or_default());
        let only = |of: &[Form<'_>], not_in: &[Form<'_>]| {
            let alone = of.iter().filter(|form| !not_in.iter().any(|other| other.compared == form.compared));
            alone.map(|form| Json::Object(form.shown.clone())).collect()
        };
        StatementDiff { removed: only(&before, &after), added: only(&after, &before) }
    }
}

impl Serialize for Documents {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.diff().serialize(serializer)
    }
}

/// Whether something that the earlier document denied may no longer be denied: each of its `Deny` statements has to
/// be in the later one, with as many actions and resources or more.
pub(super) fn loses_deny(before: &Value, after: &Value) -> bool {
    let denies = |value: &Value| {
        let all = value.policy().map(PolicyDocument::forms).unwrap_or_default().into_iter();
        all.map(|form| form.compared).filter(|statement| statement.get("Effect").and_then(Json::as_str) == Some("Deny")).collect::<Vec<_>>()
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
