//! What AWS services do by themselves.

use serde_json::json;

use super::{bucket, kms_key};
use crate::call::Call;
use crate::identity::{Caller, Role};
use crate::scene::Scene;

/// CloudTrail looks at the bucket of its logs, as it does all day, and gets a data key to encrypt them.
pub(crate) fn trail_delivery(scene: &mut Scene) {
    let service = Caller::service("cloudtrail.amazonaws.com");
    let logs = bucket(&scene.account, "cloudtrail-logs");
    let shared = scene.rng.uuid();
    let look = Call::read("s3", "GetBucketAcl")
        .bucket(&scene.account, &logs, scene.region, "acl")
        .additional(json!({
            "SignatureVersion": "SigV4",
            "CipherSuite": "TLS_AES_128_GCM_SHA256",
            "bytesTransferredIn": 0,
            "AuthenticationMethod": "AuthHeader",
            "bytesTransferredOut": 552,
        }))
        .shared(&shared);
    scene.record(&service, look);
    if scene.rng.chance(350) {
        let (key, shared) = (kms_key(scene), scene.rng.uuid());
        let trail = format!("arn:aws:cloudtrail:us-east-1:{}:trail/management-events", scene.account);
        let call = Call::read("kms", "GenerateDataKey")
            .request(json!({
                "keyId": key,
                "keySpec": "AES_256",
                "encryptionContext": {
                    "aws:cloudtrail:arn": trail,
                    "aws:s3:arn": format!("arn:aws:s3:::{logs}/AWSLogs/{}/CloudTrail/", scene.account),
                },
            }))
            .resource(&scene.account, "AWS::KMS::Key", &key)
            .shared(&shared);
        scene.record(&service, call);
    }
}

/// A service assumes its service-linked role and looks around with it.
pub(crate) fn service_linked_role(scene: &mut Scene) {
    let linked = scene.rng.pick(LINKED_ROLES);
    let service = Caller::service(linked.principal);
    let session = scene.assume_role(&service, Role { path: linked.path, name: linked.role }, linked.session);
    let caller = Caller::role(&session, linked.principal, linked.principal).through(linked.principal);
    scene.wait(0, 2);
    for _ in 0..scene.rng.between(1, 2) {
        scene.record(&caller, Call::read(linked.service, linked.call).request(json!({"filterSet": {}})));
        scene.wait(0, 3);
    }
}

/// A service event: a backup, a key rotation, a clean-up of images.
pub(crate) fn service_event(scene: &mut Scene) {
    let account = scene.account.clone();
    match scene.rng.below(3) {
        0 => {
            let job = scene.rng.uuid();
            let service = Caller::service_event(&account, "backup.amazonaws.com");
            for (name, state, wait) in [("BackupJobStarted", "CREATED", 240), ("BackupJobCompleted", "COMPLETED", 0)] {
                let details = json!({
                    "backupJobId": job,
                    "backupVaultName": "daily",
                    "resourceType": "DynamoDB",
                    "resourceArn": format!("arn:aws:dynamodb:{}:{account}:table/orders", scene.region),
                    "state": state,
                });
                scene.record(&service, Call::service_event("backup", name, details));
                scene.now += wait;
            }
        }
        1 => {
            let service = Caller::service_event(&account, "kms.amazonaws.com");
            let key = kms_key(scene);
            let call = Call::service_event("kms", "RotateKey", json!({"keyId": key}));
            scene.record(&service, call.resource(&account, "AWS::KMS::Key", &key));
        }
        _ => {
            let service = Caller::service_event(&account, "ecr.amazonaws.com");
            let details = json!({
                "repositoryName": "web",
                "lifecycleEventPolicy": {"lifecycleEventRules": [{"rulePriority": 1, "description": "keep 20 images"}]},
                "lifecycleEventImageActions": [],
            });
            scene.record(&service, Call::service_event("ecr", "PolicyExecutionEvent", details));
        }
    }
}

/// A role that a service uses, and what it does with it.
#[derive(Clone, Copy, Default)]
struct LinkedRole {
    principal: &'static str,
    path: &'static str,
    role: &'static str,
    session: &'static str,
    service: &'static str,
    call: &'static str,
}

const LINKED_ROLES: &[LinkedRole] = &[
    LinkedRole {
        principal: "autoscaling.amazonaws.com",
        path: "/aws-service-role/autoscaling.amazonaws.com/",
        role: "AWSServiceRoleForAutoScaling",
        session: "AutoScaling",
        service: "ec2",
        call: "DescribeInstanceStatus",
    },
    LinkedRole {
        principal: "config.amazonaws.com",
        path: "/aws-service-role/config.amazonaws.com/",
        role: "AWSServiceRoleForConfig",
        session: "AWSConfig-Describe",
        service: "ec2",
        call: "DescribeVpcs",
    },
    LinkedRole {
        principal: "rds.amazonaws.com",
        path: "/aws-service-role/rds.amazonaws.com/",
        role: "AWSServiceRoleForRDS",
        session: "SLRManagement",
        service: "ec2",
        call: "DescribeSubnets",
    },
    LinkedRole {
        principal: "elasticloadbalancing.amazonaws.com",
        path: "/aws-service-role/elasticloadbalancing.amazonaws.com/",
        role: "AWSServiceRoleForElasticLoadBalancing",
        session: "ElasticLoadBalancing",
        service: "ec2",
        call: "DescribeNetworkInterfaces",
    },
];
