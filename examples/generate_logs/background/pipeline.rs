//! Machines that build and deploy.

use serde_json::json;

use super::reads::TERRAFORM;
use super::{bucket, reads};
use crate::call::{Call, Object};
use crate::identity::{Caller, Role};
use crate::rng::stable_id;
use crate::scene::Scene;
use crate::time::prose;

/// The address of the build machines in the office.
pub(crate) const RUNNER: &str = "198.51.100.25";
const RUNNER_AGENT: &str = "aws-cli/2.22.35 md/awscrt#0.23.8 ua/2.0 os/linux#6.8.0-52-generic md/arch#x86_64 lang/python#3.12.6 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/distrib#ubuntu.24";
const TERRAFORM_AGENT: &str = "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.81.0 (+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.32.7 ua/2.1 os/linux lang/go#1.23.3 md/GOOS#linux md/GOARCH#amd64";

/// A release: the build machine takes the role `ci-deploy`, puts the artefact and rolls it out.
pub(crate) fn deploy(scene: &mut Scene) {
    let caller = assume(scene, "ci-deploy", RUNNER_AGENT);
    let (account, artifacts) = (scene.account.clone(), bucket(&scene.account, "build-artifacts"));
    let build = scene.rng.between(1000, 9999);
    for part in ["orders-worker.zip", "web.tar.gz", "manifest.json"] {
        let key = format!("builds/{build}/{part}");
        let object = Object { bucket: &artifacts, region: scene.region, key: &key };
        let bytes = scene.rng.between(20_000, 9_000_000);
        scene.record(&caller, Call::object("PutObject", &account, &object, (bytes, 0)));
        scene.wait(1, 6);
    }
    let image = json!({"registryId": account, "repositoryName": "web", "imageTag": format!("build-{build}")});
    scene.record(&caller, Call::read("ecr", "GetAuthorizationToken"));
    scene.wait(5, 40);
    scene.record(&caller, Call::write("ecr", "PutImage").request(image));
    scene.wait(2, 15);
    let stack = json!({"stackName": "orders-service", "changeSetName": format!("build-{build}")});
    scene.record(&caller, Call::write("cloudformation", "CreateChangeSet").request(stack.clone()));
    scene.wait(15, 40);
    scene.record(&caller, Call::write("cloudformation", "ExecuteChangeSet").request(stack));
    for _ in 0..scene.rng.between(2, 5) {
        scene.wait(10, 25);
        let poll = json!({"stackName": "orders-service"});
        scene.record(&caller, Call::read("cloudformation", "DescribeStackEvents").request(poll));
    }
    let service = json!({"cluster": "web", "service": "web", "taskDefinition": format!("web:{build}")});
    scene.record(&caller, Call::write("ecs", "UpdateService").request(service));
    if scene.rng.chance(60) {
        // An old step of the build script, never cleaned up.
        let call = Call::read("ssm", "DescribeParameters").denied(&caller.arn);
        scene.record(&caller, call);
    }
}

/// Infrastructure as code: Terraform compares, and at times keeps house among the roles of functions.
pub(crate) fn infrastructure(scene: &mut Scene) {
    let caller = assume(scene, "infra-pipeline", TERRAFORM_AGENT);
    let count = scene.rng.between(14, 22);
    reads(scene, &caller, TERRAFORM, count, (0, 2));
    if scene.rng.chance(500) {
        housekeeping(scene, &caller);
    }
}

/// A new role for a function: a service may assume it, and it may do little.
fn housekeeping(scene: &mut Scene, caller: &Caller) {
    // Nobody deletes these roles, so that none may be made twice: a large log has thousands of them.
    let (low, high) = if scene.crowd == 0 { (100, 999) } else { (100_000_000_000, 999_999_999_999) };
    let name = format!("fn-report-{}", scene.rng.between(low, high));
    let arn = format!("arn:aws:iam::{}:role/{name}", scene.account);
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
    let create = Call::write("iam", "CreateRole")
        .request(json!({"roleName": name, "assumeRolePolicyDocument": trust, "tags": [{"key": "owner", "value": "platform"}]}))
        .response(json!({"role": {
            "path": "/",
            "roleName": name,
            "roleId": stable_id("AROA", &format!("{}/{name}", scene.account)),
            "arn": arn,
            "createDate": prose(scene.now),
            // IAM answers with the document in URL form.
            "assumeRolePolicyDocument": percent_encoded(trust),
        }}));
    scene.record(caller, create);
    scene.wait(1, 3);
    let logs = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
    let attach = json!({"roleName": name, "policyArn": logs});
    scene.record(caller, Call::write("iam", "AttachRolePolicy").request(attach));
    scene.wait(1, 3);
    let document = format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["dynamodb:GetItem","dynamodb:Query"],"Resource":"arn:aws:dynamodb:*:{}:table/orders"}}]}}"#,
        scene.account
    );
    let inline = json!({"roleName": name, "policyName": "read-orders", "policyDocument": document});
    scene.record(caller, Call::write("iam", "PutRolePolicy").request(inline));
    scene.wait(1, 3);
    let tags = json!({"roleName": name, "tags": [{"key": "managed-by", "value": "terraform"}]});
    scene.record(caller, Call::write("iam", "TagRole").request(tags));
}

/// The build machine's user takes a role.
fn assume(scene: &mut Scene, role: &'static str, agent: &str) -> Caller {
    let runner = Caller::user_with_key(&scene.account, "ci-runner", RUNNER, agent);
    let name = format!("build-{}", scene.rng.between(10_000, 99_999));
    let session = scene.assume_role(&runner, Role::named(role), &name);
    scene.wait(1, 4);
    Caller::role(&session, RUNNER, agent)
}

/// `text` as IAM writes policy documents in its answers.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
