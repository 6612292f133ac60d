//! The second half of the incident: steps 7 to 16, with the new user's key and the sessions it leads to.

use serde_json::json;

use crate::background::bucket;
use crate::call::{Call, Object};
use crate::identity::{Caller, Role, RoleSession};
use crate::incident::{ACCOUNT, ATTACKER, ATTACKER_HOST, NEW_USER, SECOND_ACCOUNT, STRANGER, asked, user_arn};
use crate::rng::stable_id;
use crate::scene::{Scene, assume_role_call};
use crate::story::{Step, Story};
use crate::time::{MINUTE, Time, march};

const KEY_AGENT: &str = "Boto3/1.35.99 md/Botocore#1.35.99 ua/2.0 os/linux#5.15.0-130-generic md/arch#x86_64 lang/python#3.10.12 md/pyimpl#CPython cfg/retry-mode#legacy";
const CLI_AGENT: &str = "aws-cli/2.22.35 md/awscrt#0.23.8 ua/2.0 os/linux#6.6.15-amd64 md/arch#x86_64 lang/python#3.12.6 md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe";

const EXPORT_ROLE: Role = Role::named("data-export");
const SECRETS_ROLE: Role = Role::named("shared-services-reader");
const TRAIL: &str = "arn:aws:cloudtrail:us-east-1:111122223333:trail/management-events";
const SNAPSHOT: &str = "snap-0d4e5f60718293a4b";

/// When the trail is stopped, and when it is started again 47 minutes later.
pub(crate) fn outage() -> (Time, Time) {
    let stopped = march(11, 23, 22, 10);
    (stopped, stopped + 47 * MINUTE)
}

/// Plays the second half.
pub(crate) fn play(scene: &mut Scene, story: &mut Story) {
    let key = Caller::user_with_key(ACCOUNT, NEW_USER, ATTACKER_HOST, KEY_AGENT);
    open_role(scene, story, &key);
    let session = enter(scene, story);
    let (stopped, started) = outage();
    switch_trail(scene, story, &key, stopped, false);
    download(scene, story, &session);
    switch_trail(scene, story, &key, started, true);
    open_bucket(scene, story, &key);
    share_snapshot(scene, story, &key);
    let session = cross_over(scene, story);
    read_secrets(scene, story, &session);
    drop_mfa(scene, story, &session);
}

fn open_role(scene: &mut Scene, story: &mut Story, key: &Caller) {
    scene.now = march(11, 22, 58, 20);
    let started = scene.now;
    let mut ids = Vec::new();
    for (service, name) in [
        ("sts", "GetCallerIdentity"),
        ("iam", "ListRoles"),
        ("s3", "ListBuckets"),
        ("cloudtrail", "DescribeTrails"),
        ("ec2", "DescribeSnapshots"),
        ("iam", "GetAccountAuthorizationDetails"),
    ] {
        ids.push(scene.record(key, asked(service, name)));
        scene.wait(4, 40);
    }
    scene.now = march(11, 23, 9, 3);
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"AWS": [format!("arn:aws:iam::{ACCOUNT}:root"), format!("arn:aws:iam::{STRANGER}:root")]},
            "Action": "sts:AssumeRole",
        }],
    });
    let update = json!({"roleName": EXPORT_ROLE.name, "policyDocument": policy.to_string()});
    ids.push(scene.record(key, Call::write("iam", "UpdateAssumeRolePolicy").request(update)));
    story.push(Step {
        title: "A role is opened to a stranger",
        what: format!(
            "The new key is used from another address: it reads the account's settings, then lets account {STRANGER} assume `{}`.",
            EXPORT_ROLE.name
        ),
        time: started,
        account: ACCOUNT,
        principal: key.arn.clone(),
        address: ATTACKER_HOST,
        event_ids: ids,
        rules: &["IAM-006", "IAM-007", "IAM-012", "MFA-008", "CRED-013", "DISC-004"],
    });
}

fn enter(scene: &mut Scene, story: &mut Story) -> RoleSession {
    scene.now = march(11, 23, 14, 36);
    let started = scene.now;
    let (session, assumed) = stranger_session(scene, "sync-01");
    let caller = Caller::role(&session, ATTACKER, CLI_AGENT);
    scene.wait(5, 9);
    let identity = scene.record(&caller, Call::read("sts", "GetCallerIdentity"));
    story.push(Step {
        title: "The stranger comes in",
        what: format!("Account {STRANGER} assumes `{}`; its session is `sync-01`.", EXPORT_ROLE.name),
        time: started,
        account: ACCOUNT,
        principal: STRANGER.to_owned(),
        address: ATTACKER,
        event_ids: vec![assumed, identity],
        // What tells it apart (CRED-017, NEW-007) needs a baseline.
        rules: &[],
    });
    session
}

/// A session of the export role for the stranger's account, and the event that opened it.
fn stranger_session(scene: &mut Scene, name: &str) -> (RoleSession, String) {
    let stranger = Caller::other_account(STRANGER, &stable_id("AIDA", STRANGER), ATTACKER, CLI_AGENT);
    let session = scene.new_session(EXPORT_ROLE, name);
    let call = assume_role_call(&session).shared(&scene.rng.uuid());
    let id = scene.record(&stranger, call);
    (session, id)
}

fn switch_trail(scene: &mut Scene, story: &mut Story, key: &Caller, time: Time, on: bool) {
    scene.now = time;
    let name = if on { "StartLogging" } else { "StopLogging" };
    let id = scene.record(key, Call::write("cloudtrail", name).request(json!({"name": TRAIL})));
    let (title, what) = if on {
        ("The trail is started again", "`StartLogging` after 47 minutes.".to_owned())
    } else {
        (
            "The trail is stopped",
            "`StopLogging` of the trail `management-events`: for 47 minutes no management event of the account is \
             delivered, in any region. The trail of S3 data events is overlooked and runs on."
                .to_owned(),
        )
    };
    story.push(Step {
        title,
        what,
        time,
        account: ACCOUNT,
        principal: user_arn(NEW_USER),
        address: ATTACKER_HOST,
        event_ids: vec![id],
        rules: if on { &["EVADE-004", "MFA-008"] } else { &["EVADE-001", "EVADE-004", "MFA-008"] },
    });
}

fn download(scene: &mut Scene, story: &mut Story, session: &RoleSession) {
    const OBJECTS: u64 = 560;
    let archive = bucket(ACCOUNT, "orders-archive");
    let caller = Caller::role(session, ATTACKER, CLI_AGENT);
    scene.now = march(11, 23, 26, 2);
    let started = scene.now;
    let (mut ids, mut total) = (Vec::new(), 0);
    for number in 0..OBJECTS {
        let (month, part) = (1 + number / 47, number % 47);
        let object_key = format!("orders/2025/{month:02}/part-{part:05}.parquet");
        let object = Object { bucket: &archive, region: scene.region, key: &object_key };
        let bytes = scene.rng.between(900_000, 4_200_000);
        total += bytes;
        let id = scene.record(&caller, Call::object("GetObject", ACCOUNT, &object, (0, bytes)));
        if number == 0 || number == OBJECTS - 1 {
            ids.push(id);
        }
        scene.wait(1, 6);
    }
    story.push(Step {
        title: "Mass download",
        what: format!(
            "{OBJECTS} objects, {} MiB, are read from `{archive}` in {} minutes (the first and the last event are named).",
            total / (1024 * 1024),
            (scene.now - started) / 60,
        ),
        time: started,
        account: ACCOUNT,
        principal: session.arn(),
        address: ATTACKER,
        event_ids: ids,
        rules: &["S3-001"],
    });
}

fn open_bucket(scene: &mut Scene, story: &mut Story, key: &Caller) {
    let archive = bucket(ACCOUNT, "orders-archive");
    scene.now = march(12, 0, 12, 17);
    let started = scene.now;
    let unblock = Call::write("s3", "DeleteBucketPublicAccessBlock")
        .bucket(ACCOUNT, &archive, scene.region, "publicAccessBlock")
        .additional(transfer(0));
    let mut ids = vec![scene.record(key, unblock)];
    scene.now = march(12, 0, 12, 44);
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": "*",
            "Action": "s3:GetObject",
            "Resource": format!("arn:aws:s3:::{archive}/*"),
        }],
    });
    let bytes = policy.to_string().len();
    let host = format!("{archive}.s3.{}.amazonaws.com", scene.region);
    let open = Call::write("s3", "PutBucketPolicy")
        .bucket(ACCOUNT, &archive, scene.region, "policy")
        .request(json!({"bucketPolicy": policy, "bucketName": archive, "Host": host, "policy": ""}))
        .additional(transfer(bytes));
    ids.push(scene.record(key, open));
    story.push(Step {
        title: "A bucket is opened to the world",
        what: format!("The public access block of `{archive}` is deleted, and its policy lets everyone read."),
        time: started,
        account: ACCOUNT,
        principal: key.arn.clone(),
        address: ATTACKER_HOST,
        event_ids: ids,
        rules: &["S3-008", "S3-009", "EVADE-017", "MFA-008"],
    });
}

fn share_snapshot(scene: &mut Scene, story: &mut Story, key: &Caller) {
    scene.now = march(12, 0, 16, 20);
    let request_id = scene.rng.uuid();
    let share = Call::write("ec2", "ModifySnapshotAttribute")
        .request(json!({
            "snapshotId": SNAPSHOT,
            "createVolumePermission": {"add": {"items": [{"userId": STRANGER}]}},
            "attributeType": "CREATE_VOLUME_PERMISSION",
        }))
        .response(json!({"requestId": request_id, "_return": true}))
        .request_id(&request_id);
    let id = scene.record(key, share);
    story.push(Step {
        title: "A snapshot is shared outside",
        what: format!(
            "The snapshot `{SNAPSHOT}` is shared with account {STRANGER}. The record names another address by now: see \
             [What the digests show](#what-the-digests-show)."
        ),
        time: scene.now,
        account: ACCOUNT,
        principal: key.arn.clone(),
        address: ATTACKER_HOST,
        event_ids: vec![id],
        rules: &["EXFIL-001"],
    });
}

/// From the export role in the first account to a role of the second; both accounts record the one call.
fn cross_over(scene: &mut Scene, story: &mut Story) -> RoleSession {
    scene.now = march(12, 0, 20, 10);
    let started = scene.now;
    let (here, assumed) = stranger_session(scene, "sync-02");
    scene.now = march(12, 0, 22, 5);
    let caller = Caller::role(&here, ATTACKER, CLI_AGENT);
    SECOND_ACCOUNT.clone_into(&mut scene.account);
    let there = scene.new_session(SECRETS_ROLE, "sync-02");
    let call = assume_role_call(&there).shared(&scene.rng.uuid()).request_id(&scene.rng.uuid());
    let as_seen_there = Caller::other_account(ACCOUNT, &here.principal_id(), ATTACKER, CLI_AGENT);
    let received = scene.record(&as_seen_there, call.clone());
    ACCOUNT.clone_into(&mut scene.account);
    let sent = scene.record(&caller, call);
    SECOND_ACCOUNT.clone_into(&mut scene.account);
    story.push(Step {
        title: "On to the second account",
        what: format!(
            "A new session of `{}` assumes `{}` in account {SECOND_ACCOUNT}; both accounts record the call, with one sharedEventID.",
            EXPORT_ROLE.name, SECRETS_ROLE.name
        ),
        time: started,
        account: ACCOUNT,
        principal: here.arn(),
        address: ATTACKER,
        event_ids: vec![assumed, sent, received],
        rules: &["CRED-016"],
    });
    there
}

fn read_secrets(scene: &mut Scene, story: &mut Story, session: &RoleSession) {
    let caller = Caller::role(session, ATTACKER, CLI_AGENT);
    scene.now = march(12, 0, 22, 31);
    let started = scene.now;
    scene.record(&caller, Call::read("sts", "GetCallerIdentity"));
    scene.wait(8, 15);
    scene.record(&caller, Call::read("secretsmanager", "ListSecrets").request(json!({"maxResults": 100})));
    let key = crate::background::kms_key(scene);
    let mut ids = Vec::new();
    for number in 1..=12 {
        scene.wait(9, 28);
        let suffix = scene.rng.text(crate::rng::ALPHANUMERIC, 6);
        let secret = format!("arn:aws:secretsmanager:us-east-1:{SECOND_ACCOUNT}:secret:shared/database-{number:02}-{suffix}");
        ids.push(scene.record(&caller, Call::read("secretsmanager", "GetSecretValue").request(json!({"secretId": secret}))));
        let decrypt = Call::read("kms", "Decrypt")
            .request(json!({
                "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
                "encryptionContext": {"SecretARN": secret},
            }))
            .resource(SECOND_ACCOUNT, "AWS::KMS::Key", &key);
        scene.record(&caller.through("secretsmanager.amazonaws.com"), decrypt);
    }
    story.push(Step {
        title: "Secrets are read",
        what: format!("Secrets are listed, and twelve of them read in {} minutes.", (scene.now - started) / 60),
        time: started,
        account: SECOND_ACCOUNT,
        principal: session.arn(),
        address: ATTACKER,
        event_ids: ids,
        rules: &["CRED-006"],
    });
}

fn drop_mfa(scene: &mut Scene, story: &mut Story, session: &RoleSession) {
    let caller = Caller::role(session, ATTACKER, CLI_AGENT);
    scene.now = march(12, 0, 36, 50);
    let call = Call::write("iam", "DeactivateMFADevice").denied(&caller.arn);
    let id = scene.record(&caller, call);
    story.push(Step {
        title: "An attempt on MFA is denied",
        what: "`DeactivateMFADevice` is denied.".to_owned(),
        time: scene.now,
        account: SECOND_ACCOUNT,
        principal: session.arn(),
        address: ATTACKER,
        event_ids: vec![id],
        rules: &["DISC-006"],
    });
}

/// What S3 adds to a management event.
fn transfer(bytes: usize) -> serde_json::Value {
    json!({
        "SignatureVersion": "SigV4",
        "CipherSuite": "TLS_AES_128_GCM_SHA256",
        "bytesTransferredIn": bytes,
        "AuthenticationMethod": "AuthHeader",
        "bytesTransferredOut": 0,
    })
}
