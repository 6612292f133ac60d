//! The rules about changes of IAM.

use serde_json::Value;

use super::Rule;
use super::plain::{Log, calls, field, is, named, no_error_code, text};
use super::policy::{Rank, document, outsiders, rank};

pub(super) const RULES: &[Rule] = &[
    ("IAM-001", |event, _| changes_a_policy(event)),
    ("IAM-002", |event, log| {
        calls(event, "iam", &of_each("Attach"))
            && field(event, "requestParameters.policyArn").is_some_and(|arn| {
                let by_aws = ["administratoraccess", "poweruseraccess", "iamfullaccess"];
                let small = arn.to_ascii_lowercase();
                let name = small.split_once("::aws:policy/").map_or("", |(_, name)| name);
                by_aws.contains(&name) || rank_of_customer_policy(&arn, log) > Rank::None
            })
    }),
    ("IAM-003", |event, _| {
        calls(event, "iam", &of_each("Put")) && document(event, "policyDocument").is_some_and(|document| rank(&document) > Rank::None)
    }),
    ("IAM-004", |event, _| {
        let target = |parameter: &str, own: &str| {
            let target = field(event, &format!("requestParameters.{parameter}"));
            target.is_some_and(|target| text(event, own).is_some_and(|own| own.eq_ignore_ascii_case(&target)))
        };
        changes_a_policy(event)
            && (target("userName", "/userIdentity/userName") || target("roleName", "/userIdentity/sessionContext/sessionIssuer/userName"))
    }),
    ("IAM-006", |event, _| calls(event, "iam", &["UpdateAssumeRolePolicy"]) && no_error_code(event)),
    ("IAM-007", |event, log| {
        let of = |api: &str, parameter: &str| calls(event, "iam", &[api]).then(|| document(event, parameter)).flatten();
        let trust = of("CreateRole", "assumeRolePolicyDocument").or_else(|| of("UpdateAssumeRolePolicy", "policyDocument"));
        trust.is_some_and(|trust| outsiders(&trust, &log.own))
    }),
    ("IAM-008", |event, _| calls(event, "iam", &["CreateUser"]) && no_error_code(event)),
    ("IAM-010", |event, _| calls(event, "iam", &["CreateAccessKey"]) && is_for_another(event)),
    ("IAM-014", |event, _| calls(event, "iam", &["UpdateLoginProfile"]) && is_for_another(event)),
    ("IAM-016", |event, _| {
        let apis =
            ["DeleteUserPermissionsBoundary", "PutUserPermissionsBoundary", "DeleteRolePermissionsBoundary", "PutRolePermissionsBoundary"];
        calls(event, "iam", &apis)
    }),
    ("IAM-018", |event, _| calls(event, "iam", &["CreateSAMLProvider", "UpdateSAMLProvider", "DeleteSAMLProvider"])),
    ("IAM-021", |event, _| {
        let apis = [
            "CreateAccountAssignment",
            "AttachManagedPolicyToPermissionSet",
            "PutInlinePolicyToPermissionSet",
            "CreatePermissionSet",
            "PutPermissionsBoundaryToPermissionSet",
        ];
        calls(event, "sso", &apis)
    }),
    ("IAM-025", |event, _| {
        let names_it = |parameter: &str| {
            let value = field(event, &format!("requestParameters.{parameter}")).unwrap_or_default();
            value.to_ascii_lowercase().contains("awscompromisedkeyquarantine")
        };
        calls(event, "iam", &of_each("Attach")) && names_it("policyArn")
            || calls(event, "iam", &["PutUserPolicy"]) && names_it("policyName")
    }),
    ("IAM-027", |event, _| {
        (changes_a_policy(event) || calls(event, "iam", &["CreateUser"]) && no_error_code(event))
            && !is(event, "/sourceIPAddress", "cloudformation.amazonaws.com")
            && text(event, "/userIdentity/invokedBy").is_none()
    }),
    ("IAM-030", |event, _| {
        calls(event, "iam", &["DeleteUser", "DeleteRole", "DeleteGroup", "DeleteAccessKey", "DeleteLoginProfile"])
            || calls(event, "iam", &["UpdateAccessKey"])
                && field(event, "requestParameters.status").is_some_and(|status| status.eq_ignore_ascii_case("Inactive"))
    }),
];

/// `VerbUserPolicy`, `VerbRolePolicy` and `VerbGroupPolicy`.
fn of_each(verb: &str) -> [&'static str; 3] {
    match verb {
        "Attach" => ["AttachUserPolicy", "AttachRolePolicy", "AttachGroupPolicy"],
        "Put" => ["PutUserPolicy", "PutRolePolicy", "PutGroupPolicy"],
        "Detach" => ["DetachUserPolicy", "DetachRolePolicy", "DetachGroupPolicy"],
        _ => ["DeleteUserPolicy", "DeleteRolePolicy", "DeleteGroupPolicy"],
    }
}

/// The list of IAM-001.
fn changes_a_policy(event: &Value) -> bool {
    let apis = ["CreatePolicy", "DeletePolicy", "CreatePolicyVersion", "DeletePolicyVersion", "SetDefaultPolicyVersion"];
    let of_holders = || ["Put", "Delete", "Attach", "Detach"].iter().any(|verb| calls(event, "iam", &of_each(verb)));
    no_error_code(event) && (calls(event, "iam", &apis) || of_holders())
}

/// `requestParameters.userName` is there, and is not the caller's.
fn is_for_another(event: &Value) -> bool {
    let caller = text(event, "/userIdentity/userName");
    field(event, "requestParameters.userName").is_some_and(|user| !caller.is_some_and(|caller| caller.eq_ignore_ascii_case(&user)))
}

/// The highest rank of the documents that the log shows of a customer's policy.
fn rank_of_customer_policy(arn: &str, log: &Log) -> Rank {
    let documents = log.events.iter().filter(|event| {
        let made = calls(event, "iam", &["CreatePolicy"]) && named(event, "/responseElements/policy/arn").as_deref() == Some(arn);
        let changed = calls(event, "iam", &["CreatePolicyVersion"]) && named(event, "/requestParameters/policyArn").as_deref() == Some(arn);
        made || changed
    });
    documents.filter_map(|event| document(event, "policyDocument")).map(|document| rank(&document)).max().unwrap_or(Rank::None)
}
