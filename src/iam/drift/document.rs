//! What differs between two documents, statement by statement.

use serde::Serialize;
use serde_json::Value as Json;

use super::super::attribute::Value;
use super::super::policy::PolicyDocument;

/// The statements that only one of two documents has, as they were written.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatementDiff {
    /// Those of the earlier document.
    pub removed: Vec<Json>,
    /// Those of the later one.
    pub added: Vec<Json>,
}

impl StatementDiff {
    /// The difference; `None` unless one of the values is a document and the other one too or absent.
    pub(super) fn between(before: &Value, after: &Value) -> Option<Self> {
        let is_known = |value: &Value| value.policy().is_some() || *value == Value::Absent;
        if !is_known(before) || !is_known(after) || (before.policy().is_none() && after.policy().is_none()) {
            return None;
        }
        let (before, after) = (statements(before.policy()), statements(after.policy()));
        let only = |of: &[Statement], not_in: &[Statement]| {
            let alone = of.iter().filter(|statement| !not_in.iter().any(|other| other.compared == statement.compared));
            alone.map(|statement| statement.shown.clone()).collect()
        };
        Some(Self { removed: only(&before, &after), added: only(&after, &before) })
    }
}

/// Whether something that the earlier document denied may no longer be denied: each of its `Deny` statements has to
/// be in the later one, with as many actions and resources or more.
pub(super) fn loses_deny(before: &Value, after: &Value) -> bool {
    let denies = |value: &Value| {
        let all = statements(value.policy()).into_iter();
        all.map(|statement| statement.compared)
            .filter(|statement| statement.get("Effect").and_then(Json::as_str) == Some("Deny"))
            .collect::<Vec<_>>()
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

struct Statement {
    compared: Json,
    shown: Json,
}

/// Both forms list the statements in one order: that of the compared form.
fn statements(policy: Option<&PolicyDocument>) -> Vec<Statement> {
    let Some(policy) = policy else { return Vec::new() };
    let list = |document: Json| document.get("Statement").and_then(Json::as_array).cloned().unwrap_or_default();
    let compared = list(serde_json::from_str(&policy.canonical()).unwrap_or_default());
    compared.into_iter().zip(list(policy.to_value())).map(|(compared, shown)| Statement { compared, shown }).collect()
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
        let diff = StatementDiff::between(&policy(&json!([read])), &policy(&json!([write, same]))).expect("documents");
        assert_eq!(diff, StatementDiff { removed: vec![], added: vec![write.clone()] });
        let gone = StatementDiff::between(&policy(&json!([write])), &Value::Absent).expect("a document");
        assert_eq!(gone, StatementDiff { removed: vec![write], added: vec![] });
        assert_eq!(StatementDiff::between(&Value::Unknown, &policy(&json!([]))), None);
        assert_eq!(StatementDiff::between(&Value::Absent, &Value::Absent), None);
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
