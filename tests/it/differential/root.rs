//! The rules about root.

use serde_json::Value;

use super::Rule;
use super::mfa::mfa_verdict;
use super::plain::{calls, field, is, is_download, long_term_key, named, no_error_code, ok, on_behalf, stem, text, write};

pub(super) const RULES: &[Rule] = &[
    ("ROOT-001", |event, _| signs_in(event) && root_class(event) == "console_login"),
    ("ROOT-002", |event, _| signs_in(event) && root_class(event) == "console_login" && mfa_verdict(event) == "no_mfa"),
    ("ROOT-003", |event, _| signs_in(event) && is_root(event) && is(event, "/responseElements/ConsoleLogin", "Failure")),
    ("ROOT-006", |event, _| acts(event) && write(event) == Some(true) && ok(event) == Some(true)),
    ("ROOT-007", |event, _| acts(event) && write(event) == Some(false)),
    ("ROOT-008", |event, _| root_class(event) == "long_term_key"),
    ("ROOT-009", |event, _| calls(event, "iam", &["CreateAccessKey"]) && is_root(event) && no_error_code(event) && names_nobody(event)),
    ("ROOT-011", |event, _| is_root(event) && (calls(event, "signin", &["PasswordUpdated"]) || calls(event, "iam", &["ChangePassword"]))),
    ("ROOT-012", |event, _| {
        let apis = ["EmailUpdated", "StartPrimaryEmailUpdate", "AcceptPrimaryEmailUpdate"];
        calls(event, "signin", &apis) || calls(event, "account", &apis)
    }),
    ("ROOT-013", |event, _| calls(event, "signin", &["PasswordRecoveryRequested", "PasswordRecoveryCompleted"])),
    ("ROOT-015", |event, _| changes_a_device(event) && (is_root(event) || is_device_of_root(event))),
    ("ROOT-016", |event, _| calls(event, "sts", &["AssumeRoot"])),
    ("ROOT-017", |event, _| root_class(event) == "assumed_root"),
    ("ROOT-018", |event, _| {
        let policy = field(event, "requestParameters.taskPolicyArn.arn").unwrap_or_default();
        calls(event, "sts", &["AssumeRoot"]) && policy.ends_with("/IAMCreateRootUserPassword")
            || calls(event, "iam", &["CreateLoginProfile"]) && root_class(event) == "assumed_root"
    }),
    ("ROOT-019", |event, _| {
        let apis = [
            "EnableOrganizationsRootCredentialsManagement",
            "DisableOrganizationsRootCredentialsManagement",
            "EnableOrganizationsRootSessions",
            "DisableOrganizationsRootSessions",
        ];
        calls(event, "iam", &apis)
    }),
    ("ROOT-020", |event, _| {
        let apis =
            ["CreateUser", "CreateRole", "CreateLoginProfile", "AttachUserPolicy", "AttachRolePolicy", "PutUserPolicy", "PutRolePolicy"];
        calls(event, "iam", &apis) && acts(event) && ok(event) == Some(true)
    }),
    ("ROOT-021", |event, _| {
        calls(event, "iam", &["CreateLoginProfile"])
            && is_root(event)
            && named(event, "/userIdentity/accessKeyId").is_some()
            && names_nobody(event)
    }),
];

fn is_root(event: &Value) -> bool {
    is(event, "/userIdentity/type", "Root")
}

fn signs_in(event: &Value) -> bool {
    calls(event, "signin", &["ConsoleLogin"])
}

/// Classes 9, 10 and 11 of the table: `api` in its wider sense.
fn acts(event: &Value) -> bool {
    ["long_term_key", "api"].contains(&root_class(event))
}

/// A download has no parameters, so that it does not say whom a call was for.
fn names_nobody(event: &Value) -> bool {
    !is_download(event) && field(event, "requestParameters.userName").is_none()
}

fn changes_a_device(event: &Value) -> bool {
    let apis = ["DeactivateMFADevice", "DeleteVirtualMFADevice", "EnableMFADevice", "CreateVirtualMFADevice", "ResyncMFADevice"];
    calls(event, "iam", &apis)
}

fn is_device_of_root(event: &Value) -> bool {
    field(event, "requestParameters.serialNumber").is_some_and(|serial| serial.ends_with(":mfa/root-account-mfa-device"))
}

/// The table of root classes, first match first; `console_action` is `api` here, as no rule tells them apart.
fn root_class(event: &Value) -> &'static str {
    let credential_apis = ["PasswordRecoveryRequested", "PasswordRecoveryCompleted", "PasswordUpdated", "EmailUpdated"];
    let login = stem(event).eq_ignore_ascii_case("ConsoleLogin");
    if calls(event, "signin", &credential_apis) && is_root(event) || changes_a_device(event) && is_device_of_root(event) {
        "root_credential_event"
    } else if calls(event, "sts", &["AssumeRoot"]) {
        "assume_root_call"
    } else if !is_root(event) {
        "none"
    } else if is(event, "/eventType", "AwsServiceEvent") || on_behalf(event) && calls(event, "iam", &["CreateServiceLinkedRole"]) {
        "service"
    } else if is(event, "/userIdentity/sessionContext/assumedRoot", "true") {
        "assumed_root"
    } else if login && is_download(event) {
        "console_login_unknown"
    } else if login && is(event, "/responseElements/ConsoleLogin", "Success") {
        "console_login"
    } else if login {
        "console_login_failed"
    } else if on_behalf(event) || is_download(event) && came_from_aws(event) {
        "on_behalf"
    } else if long_term_key(event) {
        "long_term_key"
    } else {
        "api"
    }
}

/// In a download, which has no `invokedBy`, the source alone tells that a service acted.
fn came_from_aws(event: &Value) -> bool {
    let source = text(event, "/sourceIPAddress").unwrap_or_default().to_ascii_lowercase();
    source == "aws internal" || source.ends_with(".amazonaws.com")
}
