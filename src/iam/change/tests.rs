//! What calls change, from records to changes.

use serde_json::{Value as Json, json};

use super::super::event::tests::event;
use super::*;

fn of(source: &str, name: &str, request: &Json, response: &Json) -> Vec<Change> {
    changes(&event(&record(source, name, request, response)))
}

fn record(source: &str, name: &str, request: &Json, response: &Json) -> Json {
    json!({
        "eventID": "e-1", "eventSource": format!("{source}.amazonaws.com"), "eventName": name,
        "eventTime": "2026-03-02T10:00:00Z", "recipientAccountId": "111122223333", "awsRegion": "us-east-1",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/mallory", "userName": "mallory", "accountId": "111122223333"},
        "requestParameters": request, "responseElements": response,
    })
}

/// Each change as `kind entity: effect`.
fn shown(changes: &[Change]) -> Vec<String> {
    let line = |change: &Change| {
        let subject = match &change.subject {
            Subject::Named(entity) => entity.to_string(),
            Subject::HolderOf { attribute, or_else } => format!("holder of {attribute} or {or_else}"),
        };
        let effect = match &change.effect {
            Effect::Set { attribute, value, .. } | Effect::Note { attribute, value } => {
                format!("{attribute} = {}", value.written(attribute))
            }
            Effect::Create { unique_id, .. } => format!("create {}", unique_id.as_deref().unwrap_or("-")),
            other => format!("{other:?}").split([' ', '{']).next().unwrap_or_default().to_ascii_lowercase(),
        };
        format!("{}{} {subject}: {effect}", if change.is_quiet { "(quiet) " } else { "" }, change.kind.name())
    };
    changes.iter().map(line).collect()
}

#[test]
fn the_table_of_iam_has_all_operations_once() {
    let names: BTreeSet<&str> = iam::IAM.iter().map(|operation| operation.name).collect();
    assert_eq!((names.len(), iam::IAM.len()), (106, 106));
    for table in [others::ORGANIZATIONS, others::IDENTITY_CENTER, others::IDENTITY_STORE, others::ROLES_ANYWHERE, others::CONTACTS] {
        let names: BTreeSet<&str> = table.iter().map(|operation| operation.name).collect();
        assert_eq!(names.len(), table.len());
    }
}

#[test]
fn a_failed_call_changes_nothing() {
    for table in [iam::IAM, others::ORGANIZATIONS] {
        for operation in table {
            let source = if table.len() == 106 { "iam" } else { "organizations" };
            let mut failed = record(source, operation.name, &json!({"userName": "bob", "roleName": "r", "policyId": "p"}), &json!(null));
            failed["errorCode"] = json!("AccessDenied");
            assert_eq!(changes(&event(&failed)), [], "{}", operation.name);
            assert!(is_operation(&event(&failed)));
        }
    }
}

#[test]
fn a_role_comes_with_its_trust_and_its_boundary() {
    let request = json!({"roleName": "app", "path": "/x/", "permissionsBoundary": "arn:aws:iam::111122223333:policy/b",
        "assumeRolePolicyDocument": r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}]}"#});
    let response = json!({"role": {"roleId": "AROAEXAMPLE", "arn": "arn:aws:iam::111122223333:role/x/app"}});
    insta::assert_snapshot!(shown(&of("iam", "CreateRole", &request, &response)).join("\n"), @r#"
    role_created arn:aws:iam::111122223333:role/x/app: create AROAEXAMPLE
    role_trust_changed arn:aws:iam::111122223333:role/x/app: trust_policy = {"Statement":[{"Action":["sts:AssumeRole"],"Effect":"Allow","Principal":{"AWS":["*"]}}],"Version":"2008-10-17"}
    boundary_changed arn:aws:iam::111122223333:role/x/app: permissions_boundary = "arn:aws:iam::111122223333:policy/b"
    "#);
}

#[test]
fn the_owner_of_a_key_is_named_or_answered_or_held_or_the_caller() {
    let key = |request: Json, response: Json, name: &str| shown(&of("iam", name, &request, &response)).join("\n");
    let made = json!({"accessKey": {"accessKeyId": "AKIAEXAMPLE", "userName": "carol"}});
    assert!(
        key(json!({"userName": "bob"}), made.clone(), "CreateAccessKey").contains("user/bob: access_keys[AKIAEXAMPLE].status = \"Active\"")
    );
    assert!(key(json!(null), made, "CreateAccessKey").contains("user/carol"));
    assert!(key(json!(null), json!({"accessKey": {"accessKeyId": "AKIAEXAMPLE"}}), "CreateAccessKey").contains("user/mallory"));
    let held = key(json!({"accessKeyId": "AKIAEXAMPLE", "status": "Inactive"}), json!(null), "UpdateAccessKey");
    assert!(held.contains("holder of access_keys[AKIAEXAMPLE].status or arn:aws:iam::111122223333:user/mallory"), "{held}");
    let root = key(
        json!({"userName": "AWS ROOT USER", "serialNumber": "arn:aws:iam::111122223333:mfa/root-account-mfa-device"}),
        json!(null),
        "DeactivateMFADevice",
    );
    assert!(root.starts_with("mfa_deactivated arn:aws:iam::111122223333:root: "), "{root}");
}

#[test]
fn a_password_policy_is_replaced_as_a_whole() {
    let lines = shown(&of("iam", "UpdateAccountPasswordPolicy", &json!({"minimumPasswordLength": 14}), &json!(null)));
    assert_eq!(lines.len(), 9);
    assert!(lines.contains(&"password_policy_changed account/111122223333: password_policy.minimumPasswordLength = 14".to_owned()));
    assert!(lines.contains(&"password_policy_changed account/111122223333: password_policy.maxPasswordAge = 0".to_owned()));
}

#[test]
fn other_services() {
    let one = |source: &str, name: &str, request: Json, response: Json| shown(&of(source, name, &request, &response)).join("; ");
    assert_eq!(
        one(
            "sso",
            "CreateAccountAssignment",
            json!({"targetId": "444455556666", "permissionSetArn": "arn:aws:sso:::permissionSet/i/p", "principalType": "GROUP", "principalId": "g-1"}),
            json!(null)
        ),
        "account_assignment_created account/444455556666: sso_assignments[arn:aws:sso:::permissionSet/i/p:GROUP:g-1] = true"
    );
    assert_eq!(
        one("organizations", "PutResourcePolicy", json!({"content": "HIDDEN_DUE_TO_SECURITY_REASONS"}), json!(null)),
        "org_resource_policy_changed org/111122223333: resource_policy = \"<redacted>\""
    );
    assert_eq!(
        one(
            "rolesanywhere",
            "DisableTrustAnchor",
            json!({"trustAnchorId": "t"}),
            json!({"trustAnchor": {"trustAnchorArn": "arn:aws:rolesanywhere:eu-west-1:111122223333:trust-anchor/t"}})
        ),
        "trust_anchor_changed arn:aws:rolesanywhere:eu-west-1:111122223333:trust-anchor/t: enabled = false"
    );
    assert_eq!(
        one(
            "sso-directory",
            "AddMemberToGroup",
            json!({"identityStoreId": "d-1", "groupId": "g", "member": {"memberId": "u"}}),
            json!(null)
        ),
        "idstore_member_added idstore/d-1/group/g: members[u] = true"
    );
    assert_eq!(
        one("sts", "AssumeRoot", json!({"targetPrincipal": "444455556666"}), json!({"credentials": {"accessKeyId": "ASIAEXAMPLE"}})),
        "root_session_assumed arn:aws:iam::444455556666:root: (session) = \"ASIAEXAMPLE\""
    );
    assert_eq!(one("ec2", "RunInstances", json!({}), json!(null)), "");
}

#[test]
fn odd_parameters_do_no_harm() {
    let odd = [
        json!(null),
        json!([]),
        json!("x"),
        json!({"userName": 7, "roleName": [], "policyArn": {}, "tags": "HIDDEN_DUE_TO_SECURITY_REASONS"}),
    ];
    for operation in iam::IAM {
        for request in &odd {
            of("iam", operation.name, request, request);
        }
    }
    let hidden = json!({"userName": "bob", "tags": [{"key": "k", "value": "HIDDEN_DUE_TO_SECURITY_REASONS"}, {"key": 1}, 2]});
    assert_eq!(
        shown(&of("iam", "TagUser", &hidden, &json!(null))),
        ["tag_changed arn:aws:iam::111122223333:user/bob: tags[k] = \"<redacted>\""]
    );
}
