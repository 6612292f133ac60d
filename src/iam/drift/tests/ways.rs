//! Each way to more rights: calls that are it, and calls that nearly are.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::scenes::{ACCOUNT, call, taken};
use super::*;

const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
const READ: &str = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const ADMIN_DOCUMENT: &str = r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
const READ_DOCUMENT: &str = r#"{"Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}"#;
const DENY_DOCUMENT: &str = r#"{"Statement":[{"Effect":"Deny","Action":"iam:*","Resource":"*"}]}"#;

fn arn(rest: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{rest}")
}

fn trust(principal: &Json, action: &str, condition: &Json) -> String {
    json!({"Statement": [{"Effect": "Allow", "Principal": principal, "Action": action, "Condition": condition}]}).to_string()
}

fn trusting(principal: &Json) -> String {
    trust(principal, "sts:AssumeRole", &json!({}))
}

/// The user mallory with few rights, bob with all, carol with none; the role boss with all, and clerk with few.
fn account() -> Setup {
    let attached = |arns: &[&str]| arns.iter().map(|arn| json!({"PolicyArn": arn})).collect::<Vec<_>>();
    let user = |name: &str, groups: &[&str], arns: &[&str], more: Json| {
        let mut user = json!({"UserName": name, "UserId": format!("AIDA{name}"), "Arn": arn(&format!("user/{name}")), "GroupList": groups,
            "AttachedManagedPolicies": attached(arns)});
        user.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        user
    };
    let group = |name: &str, arns: &[&str]| json!({"GroupName": name, "Arn": arn(&format!("group/{name}")), "AttachedManagedPolicies": attached(arns)});
    let role = |name: &str, trust: String, arns: &[&str]| {
        json!({"RoleName": name, "Arn": arn(&format!("role/{name}")), "AssumeRolePolicyDocument": trust, "AttachedManagedPolicies": attached(arns),
            "InstanceProfileList": [{"Arn": arn(&format!("instance-profile/{name}-profile"))}]})
    };
    let policy = |name: &str| {
        let versions = json!([{"VersionId": "v1", "Document": READ_DOCUMENT}, {"VersionId": "v2", "Document": ADMIN_DOCUMENT}]);
        json!({"PolicyName": name, "Arn": arn(&format!("policy/{name}")), "DefaultVersionId": "v1", "PolicyVersionList": versions})
    };
    let service = json!({"Service": "ec2.amazonaws.com"});
    let provider = json!({"Federated": arn("oidc-provider/example.com")});
    let held = json!({
        "UserPolicyList": [{"PolicyName": "no-iam", "PolicyDocument": DENY_DOCUMENT}, {"PolicyName": "plain", "PolicyDocument": READ_DOCUMENT}],
        "PermissionsBoundary": {"PermissionsBoundaryArn": "arn:aws:iam::aws:policy/IAMFullAccess"},
    });
    let baseline = json!({
        "UserDetailList": [
            user("mallory", &["readers"], &[&arn("policy/mine")], held),
            user("bob", &["admins"], &[&arn("policy/theirs")], json!({})),
            user("carol", &[], &[], json!({})),
        ],
        "GroupDetailList": [group("admins", &[ADMIN]), group("readers", &[READ]), group("others", &[])],
        "RoleDetailList": [
            role("boss", trusting(&service), &[ADMIN]),
            role("clerk", trusting(&service), &[READ]),
            role("mine-role", trusting(&json!({"AWS": arn("user/mallory")})), &[]),
            role("fed", trust(&provider, "sts:AssumeRoleWithWebIdentity", &json!({})), &[READ]),
        ],
        "Policies": [policy("mine"), policy("theirs")],
    });
    Setup { baselines: vec![taken("06:00:00", baseline)], ..Setup::default() }
}

/// The items and launches of calls by mallory that follow on each other by a minute.
fn found(calls: &[(&str, Json, Json)]) -> Drift {
    let events = calls.iter().enumerate().map(|(minute, (name, request, response))| {
        let mut event = call(&format!("10:{minute:02}:00"), name, request.clone(), response.clone());
        Arc::make_mut(&mut event.actor).on_behalf_of = name.starts_with("sso").then(|| "u-1".into());
        event
    });
    drift(&events.collect::<Vec<_>>(), &account())
}

fn patterns(found: &Drift) -> BTreeSet<&'static str> {
    found.items.iter().flat_map(|item| item.patterns.iter().copied()).chain(found.launches.iter().map(|launch| launch.pattern)).collect()
}

type Call = (&'static str, Json, Json);

/// A call with a request and no answer.
fn asks(name: &'static str, request: Json) -> Call {
    (name, request, json!(null))
}

fn function(role: &str) -> Call {
    asks("lambda:CreateFunction20150331", json!({"functionName": "f", "role": arn(&format!("role/{role}"))}))
}

fn task(role: Option<&str>) -> Vec<Call> {
    let role = role.map(|role| arn(&format!("role/{role}")));
    vec![
        asks("ecs:RegisterTaskDefinition", json!({"family": "t", "taskRoleArn": role})),
        asks("ecs:RunTask", json!({"cluster": "c", "taskDefinition": "arn:aws:ecs:us-east-1:111122223333:task-definition/t:1"})),
    ]
}

fn instance(profile: &str) -> Call {
    ("ec2:RunInstances", json!({"iamInstanceProfile": {"name": profile}}), json!({"instancesSet": {"items": [{"instanceId": "i-1"}]}}))
}

fn anchor(source: &Json) -> Vec<Call> {
    vec![
        (
            "rolesanywhere:CreateTrustAnchor",
            json!({"name": "t", "enabled": true, "source": {"sourceData": source}}),
            json!({"trustAnchor": {"trustAnchorArn": format!("arn:aws:rolesanywhere:eu-west-1:{ACCOUNT}:trust-anchor/t")}}),
        ),
        (
            "rolesanywhere:CreateProfile",
            json!({"name": "p", "roleArns": [arn("role/boss")]}),
            json!({"profile": {"profileArn": format!("arn:aws:rolesanywhere:eu-west-1:{ACCOUNT}:profile/p")}}),
        ),
    ]
}

fn github(sub: Option<&str>) -> Vec<Call> {
    let provider = json!({"Federated": arn("oidc-provider/token.actions.githubusercontent.com")});
    let condition = sub.map_or(json!({}), |sub| json!({"StringLike": {"token.actions.githubusercontent.com:sub": sub}}));
    let document = trust(&provider, "sts:AssumeRoleWithWebIdentity", &condition);
    vec![asks("CreateRole", json!({"roleName": "ci", "assumeRolePolicyDocument": document}))]
}

fn tagged(key: &str) -> Vec<Call> {
    let document =
        r#"{"Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"x"}}}]}"#;
    vec![
        asks("PutRolePolicy", json!({"roleName": "clerk", "policyName": "p", "policyDocument": document})),
        asks("TagUser", json!({"userName": "mallory", "tags": [{"key": key, "value": "x"}]})),
    ]
}

fn mfa_reset(hours: &str) -> Vec<IamEvent> {
    let device = |name: &str| json!({"userName": "bob", "serialNumber": arn(&format!("mfa/{name}"))});
    vec![call("10:00:00", "DeactivateMFADevice", device("old"), json!(null)), call(hours, "EnableMFADevice", device("new"), json!(null))]
}

fn version(policy: &str, document: &str, is_default: bool) -> Call {
    (
        "CreatePolicyVersion",
        json!({"policyArn": arn(&format!("policy/{policy}")), "policyDocument": document, "setAsDefault": is_default}),
        json!({"policyVersion": {"versionId": "v3"}}),
    )
}

/// A request about a user, a group or a role, with more parameters.
fn of(parameter: &str, name: &str, more: &Json) -> Json {
    let mut request = json!({parameter: name});
    request.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    request
}

/// Calls by Rhino's numbers: what they are, and what nearly is it.
fn rhino() -> Vec<(&'static str, Vec<Call>, Vec<Call>)> {
    let policy = |name: &str, version: &str| json!({"policyArn": arn(&format!("policy/{name}")), "versionId": version});
    let attach = |call, parameter, name| vec![asks(call, of(parameter, name, &json!({"policyArn": ADMIN})))];
    let put = |call, parameter, name| vec![asks(call, of(parameter, name, &json!({"policyName": "p", "policyDocument": ADMIN_DOCUMENT})))];
    let user = |call, name: &str| vec![asks(call, json!({"userName": name}))];
    let under = |call, parameter: &str, role: &str| vec![asks(call, json!({parameter: arn(&format!("role/{role}"))}))];
    let opened = |role: &str| {
        vec![asks("UpdateAssumeRolePolicy", json!({"roleName": role, "policyDocument": trusting(&json!({"AWS": arn("user/mallory")}))}))]
    };
    let code = |role: &str| {
        vec![("lambda:UpdateFunctionCode20150331v2", json!({"functionName": "g"}), json!({"role": arn(&format!("role/{role}"))}))]
    };
    let layers = |layers: Json| vec![asks("lambda:UpdateFunctionConfiguration20150331v2", json!({"functionName": "g", "layers": layers}))];
    let key = |name: &str| vec![("CreateAccessKey", json!({"userName": name}), json!({"accessKey": {"accessKeyId": "AKIANEW"}}))];
    let permission = |principal: &str| {
        vec![function("boss"), asks("lambda:AddPermission20150331v2", json!({"functionName": "f", "principal": principal}))]
    };
    let pipeline = || asks("datapipeline:PutPipelineDefinition", json!({"pipelineId": "df-1"}));
    let mapping = || asks("lambda:CreateEventSourceMapping20150331", json!({"functionName": "f"}));
    let presigned = || asks("sagemaker:CreatePresignedNotebookInstanceUrl", json!({"notebookInstanceName": "n"}));
    let notebook = |role: &str| {
        asks("sagemaker:CreateNotebookInstance", json!({"notebookInstanceName": "n", "roleArn": arn(&format!("role/{role}"))}))
    };
    vec![
        ("R01", vec![version("mine", ADMIN_DOCUMENT, true)], vec![version("theirs", ADMIN_DOCUMENT, true)]),
        ("R02", vec![asks("SetDefaultPolicyVersion", policy("mine", "v2"))], vec![asks("SetDefaultPolicyVersion", policy("theirs", "v2"))]),
        ("R03", vec![instance("boss-profile")], vec![instance("clerk-profile")]),
        ("R04", key("bob"), key("mallory")),
        ("R05", user("CreateLoginProfile", "bob"), user("CreateLoginProfile", "mallory")),
        ("R06", user("UpdateLoginProfile", "bob"), user("UpdateLoginProfile", "mallory")),
        ("R07", attach("AttachUserPolicy", "userName", "mallory"), attach("AttachUserPolicy", "userName", "carol")),
        ("R08", attach("AttachGroupPolicy", "groupName", "readers"), attach("AttachGroupPolicy", "groupName", "others")),
        ("R09", attach("AttachRolePolicy", "roleName", "mine-role"), attach("AttachRolePolicy", "roleName", "clerk")),
        ("R10", put("PutUserPolicy", "userName", "mallory"), put("PutUserPolicy", "userName", "carol")),
        ("R11", put("PutGroupPolicy", "groupName", "readers"), put("PutGroupPolicy", "groupName", "others")),
        ("R12", put("PutRolePolicy", "roleName", "mine-role"), put("PutRolePolicy", "roleName", "clerk")),
        (
            "R13",
            vec![asks("AddUserToGroup", json!({"groupName": "admins", "userName": "carol"}))],
            vec![asks("AddUserToGroup", json!({"groupName": "readers", "userName": "carol"}))],
        ),
        ("R14", opened("boss"), opened("clerk")),
        ("R15", vec![function("boss")], vec![function("clerk")]),
        ("R16", permission("444455556666"), permission("s3.amazonaws.com")),
        ("R17", vec![function("boss"), mapping()], vec![mapping()]),
        ("R18", code("boss"), code("clerk")),
        ("R19", under("glue:CreateDevEndpoint", "roleArn", "boss"), under("glue:CreateDevEndpoint", "roleArn", "clerk")),
        (
            "R20",
            vec![asks("glue:UpdateDevEndpoint", json!({"endpointName": "e", "addPublicKeys": ["k"]}))],
            vec![asks("glue:UpdateDevEndpoint", json!({"endpointName": "e", "addPublicKeys": []}))],
        ),
        (
            "R21",
            under("cloudformation:CreateStack", "roleARN", "boss"),
            vec![asks("cloudformation:CreateStack", json!({"stackName": "s"}))],
        ),
        ("R22", vec![("datapipeline:CreatePipeline", json!({"name": "p"}), json!({"pipelineId": "df-1"})), pipeline()], vec![pipeline()]),
        ("R23", vec![asks("codestar:CreateProjectFromTemplate", json!({}))], vec![asks("codestar:CreateProject", json!({}))]),
        ("R24", vec![asks("codestar:CreateProject", json!({}))], vec![asks("codestar:DeleteProject", json!({}))]),
        ("R25", vec![asks("codestar:AssociateTeamMember", json!({}))], vec![asks("codestar:DisassociateTeamMember", json!({}))]),
        (
            "R26",
            layers(json!(["arn:aws:lambda:us-east-1:444455556666:layer:l:1"])),
            layers(json!([format!("arn:aws:lambda:us-east-1:{ACCOUNT}:layer:l:1")])),
        ),
        ("R27", vec![notebook("boss")], vec![notebook("clerk")]),
        ("R28", vec![presigned()], vec![notebook("clerk"), presigned()]),
    ]
}

/// Newer ways, likewise.
fn newer() -> Vec<(&'static str, Vec<Call>, Vec<Call>)> {
    let boundary = |arn: &str| vec![asks("PutUserPermissionsBoundary", json!({"userName": "mallory", "permissionsBoundary": arn}))];
    let drop = |name: &str| vec![asks("DeleteUserPolicy", json!({"userName": "mallory", "policyName": name}))];
    let status = |status: &str| json!({"userName": "mallory", "accessKeyId": "AKIAMALLORY", "status": status});
    let credential = |name: &str| {
        let answer = json!({"serviceSpecificCredential": {"serviceSpecificCredentialId": "ACCA1"}});
        vec![("CreateServiceSpecificCredential", json!({"userName": name}), answer)]
    };
    let under = |call, parameter: &str, role: &str| vec![asks(call, json!({parameter: arn(&format!("role/{role}"))}))];
    let job = |role: &str| {
        vec![asks("batch:RegisterJobDefinition", json!({"containerProperties": {"jobRoleArn": arn(&format!("role/{role}"))}}))]
    };
    let session = |profile: &str| vec![instance(profile), asks("ssm:StartSession", json!({"target": "i-1"}))];
    let modify = || asks("ec2:ModifyInstanceAttribute", json!({"instanceId": "i-1", "userData": {"value": "hidden"}}));
    let stop = || asks("ec2:StopInstances", json!({"instancesSet": {"items": [{"instanceId": "i-1"}]}}));
    let client = |provider: &str| {
        let request = json!({"openIDConnectProviderArn": arn(&format!("oidc-provider/{provider}")), "clientID": "c"});
        vec![asks("AddClientIDToOpenIDConnectProvider", request)]
    };
    let assigned = |user: &str| {
        let request = json!({"targetId": ACCOUNT, "permissionSetArn": "arn:aws:sso:::permissionSet/i/s", "principalType": "USER", "principalId": user});
        vec![asks("sso:CreateAccountAssignment", request)]
    };
    let guard = |call| vec![asks(call, json!({"policyId": "p-1", "targetId": ACCOUNT}))];
    let self_trusting = |role: &str| {
        vec![asks(
            "CreateRole",
            json!({"roleName": "loop", "assumeRolePolicyDocument": trusting(&json!({"AWS": arn(&format!("role/{role}"))}))}),
        )]
    };
    let session_policy = |document: &str| {
        vec![("sts:GetFederationToken", json!({"name": "x", "policy": document}), json!({"credentials": {"accessKeyId": "ASIAX"}}))]
    };
    let renamed = |old: &str, new: &str| asks("UpdateUser", json!({"userName": old, "newUserName": new}));
    let request = |call| asks(call, json!({"delegationRequestId": "d-1"}));
    let stack = |role: Option<String>| json!({"stackName": "s", "roleARN": role});
    vec![
        ("N01", boundary(ADMIN), boundary(READ)),
        ("N02", drop("no-iam"), drop("plain")),
        (
            "N04",
            vec![asks("UpdateAccessKey", json!({"userName": "bob", "accessKeyId": "AKIABOB", "status": "Active"}))],
            vec![asks("UpdateAccessKey", status("Inactive")), asks("UpdateAccessKey", status("Active"))],
        ),
        ("N05", credential("bob"), credential("mallory")),
        ("N06", task(Some("boss")), task(None)),
        ("N07", under("codebuild:CreateProject", "serviceRole", "boss"), under("codebuild:CreateProject", "serviceRole", "clerk")),
        (
            "N08",
            vec![asks("events:PutTargets", json!({"rule": "r", "targets": [{"id": "1"}, {"id": "2", "roleArn": arn("role/boss")}]}))],
            vec![asks("events:PutTargets", json!({"rule": "r", "targets": [{"id": "1"}]}))],
        ),
        ("N09", job("boss"), job("clerk")),
        ("N10", session("boss-profile"), session("clerk-profile")),
        ("N11", vec![stop(), modify()], vec![modify()]),
        ("N12", client("example.com"), client("example.org")),
        ("N13", anchor(&json!({"x509CertificateData": "c"})), anchor(&json!({"acmPcaArn": "arn:aws:acm-pca:x"}))),
        ("N14", github(Some("repo:*")), github(Some("repo:org/app:*"))),
        ("N15", assigned("u-1"), assigned("u-2")),
        ("N16", guard("organizations:DetachPolicy"), guard("organizations:AttachPolicy")),
        (
            "N17",
            vec![asks("EnableOrganizationsRootSessions", json!(null))],
            vec![asks("EnableOrganizationsRootCredentialsManagement", json!(null))],
        ),
        ("N18", tagged("Team"), tagged("Colour")),
        ("N19", self_trusting("loop"), self_trusting("clerk")),
        ("N20", session_policy(ADMIN_DOCUMENT), session_policy(READ_DOCUMENT)),
        ("N21", vec![renamed("bob", "rob"), renamed("carol", "bob")], vec![renamed("bob", "rob"), renamed("carol", "dora")]),
        (
            "N22",
            vec![request("AcceptDelegationRequest"), request("SendDelegationToken")],
            vec![request("AssociateDelegationRequest"), request("SendDelegationToken")],
        ),
        ("N23", vec![version("theirs", ADMIN_DOCUMENT, false)], vec![version("theirs", READ_DOCUMENT, false)]),
        (
            "N24",
            vec![asks("cloudformation:CreateStack", stack(Some(arn("role/boss")))), asks("cloudformation:UpdateStack", stack(None))],
            vec![asks("cloudformation:UpdateStack", stack(None))],
        ),
    ]
}

#[test]
fn each_way_is_seen_and_what_nearly_is_one_is_not() {
    let mut seen = BTreeSet::from(["N03"]);
    for (id, hit, miss) in rhino().into_iter().chain(newer()) {
        let (hit, miss) = (found(&hit), found(&miss));
        assert!(patterns(&hit).contains(id), "{id}: {:?} {:?}", hit.items, hit.launches);
        assert!(!patterns(&miss).contains(id), "not {id}: {:?} {:?}", miss.items, miss.launches);
        seen.insert(id);
    }
    assert!(patterns(&drift(&mfa_reset("10:59:00"), &account())).contains("N03"));
    assert!(!patterns(&drift(&mfa_reset("11:01:00"), &account())).contains("N03"));
    assert_eq!(seen.len(), 52);
}

#[test]
fn other_forms_of_the_same_ways() {
    let hits = [
        ("N01", vec![asks("DeleteUserPermissionsBoundary", json!({"userName": "mallory"}))]),
        ("N02", vec![asks("PutUserPolicy", json!({"userName": "mallory", "policyName": "no-iam", "policyDocument": READ_DOCUMENT}))]),
        ("N06", vec![asks("ecs:RunTask", json!({"taskDefinition": "t", "overrides": {"taskRoleArn": arn("role/boss")}}))]),
        ("N14", github(None)),
        ("N20", vec![("sts:GetFederationToken", json!({"name": "x", "policyArns": [{"arn": ADMIN}]}), json!(null))]),
        (
            "N18",
            tagged("Colour")
                .into_iter()
                .chain([asks("sts:AssumeRole", json!({"roleArn": arn("role/clerk"), "tags": [{"key": "Team", "value": "x"}]}))])
                .collect(),
        ),
        (
            "N24",
            vec![
                function("boss"),
                asks(
                    "lambda:AddPermission20150331v2",
                    json!({"functionName": "f", "principal": "apigateway.amazonaws.com", "sourceArn": "arn:aws:execute-api:us-east-1:1:a/authorizers/b"}),
                ),
                asks("lambda:UpdateFunctionCode20150331v2", json!({"functionName": "f:live"})),
            ],
        ),
        (
            "N15",
            vec![
                (
                    "sso:CreatePermissionSet",
                    json!({"name": "ops"}),
                    json!({"permissionSet": {"permissionSetArn": "arn:aws:sso:::permissionSet/i/s"}}),
                ),
                asks(
                    "identitystore:CreateGroupMembership",
                    json!({"identityStoreId": "d-1", "groupId": "g", "memberId": {"userId": "u-1"}}),
                ),
                asks(
                    "sso:CreateAccountAssignment",
                    json!({"targetId": ACCOUNT, "permissionSetArn": "arn:aws:sso:::permissionSet/i/s", "principalType": "GROUP", "principalId": "g"}),
                ),
                asks(
                    "sso:AttachManagedPolicyToPermissionSet",
                    json!({"permissionSetArn": "arn:aws:sso:::permissionSet/i/s", "managedPolicyArn": ADMIN}),
                ),
            ],
        ),
    ];
    for (id, calls) in hits {
        let found = found(&calls);
        assert!(patterns(&found).contains(id), "{id}: {:?} {:?}", found.items, found.launches);
    }
    let mut old = call(
        "10:00:00",
        "UpdateAccessKey",
        json!({"userName": "mallory", "accessKeyId": "AKIAMALLORY", "status": "Inactive"}),
        json!(null),
    );
    let mut on =
        call("10:00:00", "UpdateAccessKey", json!({"userName": "mallory", "accessKeyId": "AKIAMALLORY", "status": "Active"}), json!(null));
    Arc::make_mut(&mut old.actor).access_key_id = None;
    Arc::make_mut(&mut on.actor).access_key_id = None;
    on.event_time = EventTime::parse("2026-04-02T10:00:00Z").expect("a time");
    assert!(patterns(&drift(&[old, on], &account())).contains("N04"), "a key of one's own that was off for a month");
}

#[test]
fn who_has_all_rights_gains_none() {
    let mut event = call("10:00:00", "CreateAccessKey", json!({"userName": "bob"}), json!({"accessKey": {"accessKeyId": "AKIANEW"}}));
    Arc::make_mut(&mut event.actor).kind = "Root".into();
    Arc::make_mut(&mut event.actor).arn = Some(arn("root").into());
    assert!(!patterns(&drift(&[event], &account())).contains("R04"));
}

#[test]
fn later_calls_show_that_a_way_was_used() {
    let open = call(
        "10:00:00",
        "UpdateAssumeRolePolicy",
        json!({"roleName": "boss", "policyDocument": trusting(&json!({"AWS": arn("user/mallory")}))}),
        json!(null),
    );
    let mut enter = call("11:00:00", "sts:AssumeRole", json!({"roleArn": arn("role/boss")}), json!(null));
    let used =
        |enter: &IamEvent| drift(&[open.clone(), enter.clone()], &account()).items.first().and_then(|item| item.confirmed_by.clone());
    assert_eq!(used(&enter).as_deref(), Some("AssumeRole-11:00:00"));
    enter.event_time = EventTime::parse("2026-03-03T10:00:01Z").expect("a time");
    assert_eq!(used(&enter), None);

    let invoked =
        found(&[function("boss"), asks("lambda:Invoke", json!({"functionName": "arn:aws:lambda:us-east-1:111122223333:function:f"}))]);
    assert_eq!(invoked.launches.first().and_then(|launch| launch.confirmed_by.as_deref()), Some("Invoke-10:01:00"));

    let mut refused = call("09:00:00", "ec2:RunInstances", json!({}), json!(null));
    refused.error_code = Some("Client.UnauthorizedOperation".to_owned());
    let lift = call("10:00:00", "organizations:DetachPolicy", json!({"policyId": "p-1", "targetId": ACCOUNT}), json!(null));
    let done = call("11:00:00", "ec2:RunInstances", json!({}), json!(null));
    let confirmed = |events: &[&IamEvent]| {
        let found = drift(&events.iter().map(|event| (*event).clone()).collect::<Vec<_>>(), &account());
        found.items.into_iter().find(|item| item.patterns.contains(&"N16")).and_then(|item| item.confirmed_by)
    };
    assert_eq!(confirmed(&[&refused, &lift, &done]).as_deref(), Some("RunInstances-11:00:00"));
    assert_eq!(confirmed(&[&lift, &done]), None);

    let rooted =
        found(&[asks("EnableOrganizationsRootSessions", json!(null)), asks("sts:AssumeRoot", json!({"targetPrincipal": "444455556666"}))]);
    assert_eq!(rooted.items.first().and_then(|item| item.confirmed_by.as_deref()), Some("AssumeRoot-10:01:00"));

    let staged = found(&[
        version("theirs", ADMIN_DOCUMENT, false),
        asks("SetDefaultPolicyVersion", json!({"policyArn": arn("policy/theirs"), "versionId": "v3"})),
    ]);
    assert_eq!(staged.items.last().map(|item| item.patterns.clone()), Some(vec!["N23"]));
}

#[test]
fn launches_of_one_role_are_counted() {
    let found = found(&[function("boss"), function("boss"), function("mine-role"), function("boss")]);
    let launches: Vec<_> = found.launches.iter().map(|launch| (launch.pattern, launch.outranks, launch.repeats)).collect();
    assert_eq!(launches, [("R15", Some(true), 2)]);
}
