//! What a policy document grants and whom it trusts, by the plain meaning of its statements.

use std::collections::BTreeSet;

use serde_json::Value;

use super::plain::is_account;

/// What the holder of a document can come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    None,
    Privesc,
    Admin,
}

/// The document that a request parameter holds: an object, JSON as text, or that in URL encoding.
pub(super) fn document(event: &Value, parameter: &str) -> Option<Value> {
    let text = match event.pointer(&format!("/requestParameters/{parameter}"))? {
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    let text = if text.starts_with('%') { decoded(&text)? } else { text };
    let document: Value = serde_json::from_str(&text).ok()?;
    let statements = document.get("Statement")?;
    (statements.is_object() || statements.as_array().is_some_and(|list| list.iter().all(Value::is_object))).then_some(document)
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let code = rest.strip_prefix('%').and_then(|rest| u8::from_str_radix(rest.get(..2)?, 16).ok());
        if let Some(code) = code {
            bytes.push(code);
            rest = &rest[3..];
        } else {
            bytes.extend(letter.to_string().bytes());
            rest = &rest[letter.len_utf8()..];
        }
    }
    String::from_utf8(bytes).ok()
}

/// The texts of an element that is one text or a list.
fn texts<'d>(statement: &'d Value, element: &str) -> Vec<&'d str> {
    match &statement[element] {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn allows(document: &Value) -> Vec<&Value> {
    let statements = match &document["Statement"] {
        Value::Array(list) => list.iter().collect(),
        one => vec![one],
    };
    statements.into_iter().filter(|statement| statement["Effect"] == "Allow").collect()
}

/// Whether a pattern with `*` and `?` matches, in any case.
fn matches(pattern: &str, name: &str) -> bool {
    let name = name.to_ascii_lowercase().into_bytes();
    // How much of the name the pattern so far can stand for: entry n for the first n bytes.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for wanted in pattern.to_ascii_lowercase().bytes() {
        let before = reached.clone();
        for (end, entry) in reached.iter_mut().enumerate() {
            *entry = match wanted {
                b'*' => before[..=end].contains(&true),
                _ => end > 0 && before[end - 1] && (wanted == b'?' || wanted == name[end - 1]),
            };
        }
    }
    reached[name.len()]
}

fn is_star(pattern: &str) -> bool {
    pattern == "*"
}

pub(super) fn rank(document: &Value) -> Rank {
    let statements = allows(document);
    let everything = |statement: &&Value| {
        texts(statement, "Action").iter().any(|action| ["*", "*:*"].contains(action))
            && texts(statement, "Resource").into_iter().any(is_star)
    };
    let conditional = |statement: &Value| statement["Condition"].as_object().is_some_and(|condition| !condition.is_empty());
    if statements.iter().filter(|statement| everything(statement)).any(|statement| !conditional(statement)) {
        return Rank::Admin;
    }
    let acts = |statement: &Value, action: &str| texts(statement, "Action").iter().any(|pattern| matches(pattern, action));
    let open = |statement: &Value, service: &str| texts(statement, "Resource").iter().any(|resource| is_open(resource, service));
    let launches = || statements.iter().any(|statement| LAUNCHERS.iter().any(|action| acts(statement, action)));
    let privesc = statements.iter().any(|statement| {
        everything(statement)
            || ESCALATIONS.iter().any(|(service, actions)| {
                open(statement, service) && actions.iter().any(|action| acts(statement, &format!("{service}:{action}")))
            })
            || texts(statement, "Action").iter().any(|action| action.eq_ignore_ascii_case("iam:*"))
            || acts(statement, "sts:AssumeRole") && texts(statement, "Resource").into_iter().any(is_star)
            || acts(statement, "iam:PassRole") && open(statement, "iam") && launches()
            || statement.get("NotAction").is_some()
                && !texts(statement, "NotAction").iter().any(|action| ["iam:*", "*"].contains(&action.to_ascii_lowercase().as_str()))
                && open(statement, "iam")
    });
    if privesc { Rank::Privesc } else { Rank::None }
}

/// Whether a resource can be one of the service that the document does not name.
fn is_open(resource: &str, service: &str) -> bool {
    let parts: Vec<&str> = resource.splitn(6, ':').collect();
    match parts[..] {
        ["*"] => true,
        [_, _, of, _, _, name] => (matches(of, service) || service == "ssm" && matches(of, "ec2")) && name.contains(['*', '?']),
        _ => false,
    }
}

const ESCALATIONS: [(&str, &[&str]); 5] = [
    (
        "iam",
        &[
            "CreatePolicyVersion",
            "SetDefaultPolicyVersion",
            "CreateAccessKey",
            "CreateLoginProfile",
            "UpdateLoginProfile",
            "AttachUserPolicy",
            "AttachGroupPolicy",
            "AttachRolePolicy",
            "PutUserPolicy",
            "PutGroupPolicy",
            "PutRolePolicy",
            "AddUserToGroup",
            "UpdateAssumeRolePolicy",
            "DeleteUserPermissionsBoundary",
            "DeleteRolePermissionsBoundary",
            "PutUserPermissionsBoundary",
            "PutRolePermissionsBoundary",
            "DeactivateMFADevice",
            "UpdateAccessKey",
            "CreateServiceSpecificCredential",
            "ResetServiceSpecificCredential",
            "UploadSSHPublicKey",
            "CreateSAMLProvider",
            "UpdateSAMLProvider",
            "CreateOpenIDConnectProvider",
            "UpdateOpenIDConnectProviderThumbprint",
            "AddClientIDToOpenIDConnectProvider",
            "DetachUserPolicy",
            "DetachRolePolicy",
            "DeleteUserPolicy",
            "DeleteRolePolicy",
        ],
    ),
    ("lambda", &["UpdateFunctionCode", "UpdateFunctionConfiguration"]),
    ("ssm", &["SendCommand", "StartSession"]),
    ("sso", &["CreateAccountAssignment", "PutInlinePolicyToPermissionSet", "AttachManagedPolicyToPermissionSet"]),
    ("organizations", &["DetachPolicy", "UpdatePolicy", "DisablePolicyType", "LeaveOrganization"]),
];

const LAUNCHERS: [&str; 16] = [
    "ec2:RunInstances",
    "lambda:CreateFunction",
    "glue:CreateDevEndpoint",
    "glue:CreateJob",
    "cloudformation:CreateStack",
    "datapipeline:CreatePipeline",
    "sagemaker:CreateNotebookInstance",
    "sagemaker:CreateTrainingJob",
    "ecs:RunTask",
    "codebuild:CreateProject",
    "states:CreateStateMachine",
    "scheduler:CreateSchedule",
    "apprunner:CreateService",
    "batch:RegisterJobDefinition",
    "bedrock:CreateAgent",
    "ssm:CreateAssociation",
];

/// Whether a trust policy lets in everyone, or an account that is not one's own.
pub(super) fn outsiders(document: &Value, own: &BTreeSet<String>) -> bool {
    let entries = ["sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"];
    let enters = |statement: &Value| {
        texts(statement, "Action").iter().any(|pattern| entries.iter().any(|entry| matches(pattern, entry)))
            || statement.get("NotAction").is_some()
                && entries.iter().any(|entry| !texts(statement, "NotAction").iter().any(|pattern| matches(pattern, entry)))
    };
    let outside = |name: &str| {
        let account = if name.starts_with("arn:") { name.split(':').nth(4).unwrap_or_default() } else { name };
        account.contains('*') || is_account(account) && !own.contains(account)
    };
    allows(document).into_iter().filter(|statement| enters(statement)).any(|statement| {
        statement.get("NotPrincipal").is_some()
            || statement["Principal"] == "*"
            || statement["Principal"].get("AWS").is_some() && texts(&statement["Principal"], "AWS").into_iter().any(outside)
    })
}
