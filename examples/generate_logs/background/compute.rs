//! Workloads: instances and functions with their roles.

use serde_json::json;

use super::{bucket, instance_id, kms_key, vpc_endpoint};
use crate::call::{Call, Object};
use crate::identity::{Caller, Role};
use crate::scene::Scene;

const INSTANCE_AGENT: &str = "aws-sdk-java/2.25.31 Linux/6.1.82-99.168.amzn2023.x86_64 OpenJDK_64-Bit_Server_VM/17.0.10 Java/17.0.10 vendor/Amazon.com_Inc. io/sync http/Apache cfg/retry-mode/standard";
const AGENT_AGENT: &str = "aws-sdk-go/1.55.5 (go1.22.11; linux; amd64) amazon-ssm-agent/3.3.987.0";
const LAMBDA_AGENT: &str = "Boto3/1.34.145 md/Botocore#1.34.145 ua/2.0 os/linux#5.10.234 md/arch#x86_64 lang/python#3.12.8 md/pyimpl#CPython exec-env/AWS_Lambda_python3.12 cfg/retry-mode#legacy";

/// An instance gets credentials of its role and works with them for `rounds` rounds, `gap` seconds apart.
pub(crate) fn instance(scene: &mut Scene, rounds: u64, gap: (u64, u64)) {
    let fleet = if scene.crowd == 0 { 3 } else { 40 };
    let number = scene.rng.below(fleet);
    let name = instance_id(scene, number);
    let service = Caller::service("ec2.amazonaws.com");
    let session = scene.assume_role(&service, Role::named("web-app"), &name);
    // All of its traffic stays in the VPC, so that its credentials are never seen elsewhere.
    let address = format!("10.20.{}.{}", number % 4, 20 + number);
    let application = Caller::role(&session, &address, INSTANCE_AGENT).via_endpoint(vpc_endpoint(scene.region));
    let agent = application.clone().with_agent(AGENT_AGENT);
    let assets = bucket(&scene.account, "web-assets");
    for _ in 0..rounds {
        scene.wait(gap.0, gap.1);
        let information = json!({"instanceId": name, "agentStatus": "Active", "agentVersion": "3.3.987.0"});
        scene.record(&agent, Call::write("ssm", "UpdateInstanceInformation").request(information));
        for _ in 0..scene.rng.between(1, 3) {
            scene.wait(1, 20);
            get_asset(scene, &application, &assets);
        }
        if scene.rng.chance(400) {
            decrypt_for(scene, &application, "aws:s3:arn", &format!("arn:aws:s3:::{assets}"));
        }
    }
}

/// A function is invoked: its role is assumed, its log stream made, its settings decrypted.
pub(crate) fn function(scene: &mut Scene) {
    let service = Caller::service("lambda.amazonaws.com");
    let function = scene.rng.pick(&["orders-worker", "invoice-mailer", "thumbnailer"]);
    let role = Role { path: "/service-role/", name: function };
    let session = scene.assume_role(&service, role, function);
    let caller = Caller::role(&session, "10.20.8.15", LAMBDA_AGENT).via_endpoint(vpc_endpoint(scene.region));
    scene.wait(0, 2);
    let stream = format!("{}/[$LATEST]{}", crate::time::folder(scene.now), scene.rng.hex(32));
    let request = json!({"logGroupName": format!("/aws/lambda/{function}"), "logStreamName": stream});
    scene.record(&caller, Call::write("logs", "CreateLogStream").request(request));
    scene.wait(0, 2);
    let arn = format!("arn:aws:lambda:{}:{}:function:{function}", scene.region, scene.account);
    decrypt_for(scene, &caller, "aws:lambda:FunctionArn", &arn);
    if scene.rng.chance(150) {
        let name = format!("/{function}/settings");
        let request = json!({"name": name, "withDecryption": true});
        scene.record(&caller, Call::read("ssm", "GetParameter").request(request));
    }
    if scene.rng.chance(30) {
        let message = "The conditional request failed".to_owned();
        let call = Call::write("dynamodb", "UpdateTimeToLive").request(json!({"tableName": "orders"}));
        scene.record(&caller, call.error("ValidationException", message));
    }
}

fn get_asset(scene: &mut Scene, caller: &Caller, assets: &str) {
    let key = format!("static/{}.{}", scene.rng.hex(12), scene.rng.pick(&["js", "css", "woff2", "webp"]));
    let object = Object { bucket: assets, region: scene.region, key: &key };
    let account = scene.account.clone();
    // A request for a file that a newer release has removed.
    let call = if scene.rng.chance(15) {
        let message = "The specified key does not exist.".to_owned();
        Call::object("GetObject", &account, &object, (0, 0)).error("NoSuchKey", message)
    } else {
        let bytes = scene.rng.between(2_000, 250_000);
        Call::object("GetObject", &account, &object, (0, bytes))
    };
    scene.record(caller, call);
}

fn decrypt_for(scene: &mut Scene, caller: &Caller, context_key: &str, context: &str) {
    let key = kms_key(scene);
    let call = Call::read("kms", "Decrypt")
        .request(json!({
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "encryptionContext": {context_key: context},
        }))
        .resource(&scene.account, "AWS::KMS::Key", &key);
    scene.record(caller, call);
}
