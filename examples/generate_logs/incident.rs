//! The incident of the sample, from the sign-in page to the root user: steps 1 to 6. The rest is in [`crate::spread`].
//!
//! A forgotten IAM user without MFA is guessed, the root password is reset by a mailbox the attacker can read, and root
//! gives him a user of his own.

use serde_json::json;

use crate::call::Call;
use crate::identity::Caller;
use crate::rng::{stable_id, stable_key};
use crate::scene::Scene;
use crate::story::{Step, Story};
use crate::time::{Time, march, prose};

/// The account that is attacked first.
pub(crate) const ACCOUNT: &str = "111122223333";
/// The account to which the attacker moves on.
pub(crate) const SECOND_ACCOUNT: &str = "444455556666";
/// The attacker's own account.
pub(crate) const STRANGER: &str = "999988887777";
/// The address from which the attacker works by hand.
pub(crate) const ATTACKER: &str = "203.0.113.77";
/// The address from which the stolen key is used.
pub(crate) const ATTACKER_HOST: &str = "192.0.2.44";
/// The user that root makes for the attacker.
pub(crate) const NEW_USER: &str = "svc-backup-sync";

const WEAK_USER: &str = "billing-report";
const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:134.0) Gecko/20100101 Firefox/134.0";

/// Plays the whole incident, and tells its steps.
pub(crate) fn play(scene: &mut Scene) -> Story {
    let mut story = Story::default();
    guess_password(scene, &mut story);
    look_around(scene, &mut story);
    take_root(scene, &mut story);
    make_user(scene, &mut story);
    crate::spread::play(scene, &mut story);
    story
}

fn guess_password(scene: &mut Scene, story: &mut Story) {
    scene.now = march(11, 21, 41, 7);
    let started = scene.now;
    let unproven = Caller::user_unproven(ACCOUNT, WEAK_USER, ATTACKER, BROWSER);
    let mut failures = Vec::new();
    for _ in 0..6 {
        let login = Call::console_login(false, false, &scene.rng.hex(16));
        failures.push(scene.record(&unproven, login));
        scene.wait(38, 75);
    }
    story.push(Step {
        title: "Passwords are guessed",
        what: "Six console logins of the IAM user `billing-report` fail within six minutes.".to_owned(),
        time: started,
        account: ACCOUNT,
        principal: user_arn(WEAK_USER),
        address: ATTACKER,
        event_ids: failures,
        rules: &["AUTH-001", "AUTH-003", "AUTH-004"],
    });

    scene.now = march(11, 21, 49, 31);
    let user = Caller::user_signing_in(ACCOUNT, WEAK_USER, ATTACKER, BROWSER);
    let login = Call::console_login(true, false, &scene.rng.hex(16));
    let login = scene.record(&user, login);
    story.push(Step {
        title: "Console login without MFA",
        what: "The seventh password is right, and `billing-report` has no MFA device.".to_owned(),
        time: scene.now,
        account: ACCOUNT,
        principal: user_arn(WEAK_USER),
        address: ATTACKER,
        event_ids: vec![login],
        rules: &["MFA-001", "AUTH-003"],
    });
}

fn look_around(scene: &mut Scene, story: &mut Story) {
    let console = Caller::user_signing_in(ACCOUNT, WEAK_USER, ATTACKER, BROWSER).in_console(&scene.temporary_key(), scene.now, false);
    scene.now = march(11, 21, 50, 12);
    let started = scene.now;
    let mut ids = Vec::new();
    for &(service, name, denied) in DISCOVERY {
        let call = asked(service, name);
        let call = if denied { call.denied(&console.arn) } else { call };
        ids.push(scene.record(&console, call));
        scene.wait(5, 19);
    }
    story.push(Step {
        title: "Discovery",
        what: format!(
            "{} calls in {} minutes ask for users, roles, buckets, instances, databases and trails; {} are denied.",
            DISCOVERY.len(),
            (scene.now - started) / 60,
            DISCOVERY.iter().filter(|(_, _, denied)| *denied).count(),
        ),
        time: started,
        account: ACCOUNT,
        principal: user_arn(WEAK_USER),
        address: ATTACKER,
        event_ids: ids,
        rules: &["DISC-001", "DISC-002", "DISC-004", "DISC-005", "DISC-006"],
    });
}

fn take_root(scene: &mut Scene, story: &mut Story) {
    let root = Caller::root_signing_in(ACCOUNT, ATTACKER, BROWSER);
    scene.now = march(11, 22, 19, 40);
    let started = scene.now;
    let mut ids = vec![scene.record(&root, Call::sign_in("PasswordRecoveryRequested", true))];
    scene.now = march(11, 22, 27, 12);
    ids.push(scene.record(&root, Call::sign_in("PasswordRecoveryCompleted", true)));
    scene.now += 1;
    ids.push(scene.record(&root, Call::sign_in("PasswordUpdated", true)));
    story.push(Step {
        title: "Root password reset",
        what: "Password recovery of the root user is requested and completed; the attacker reads the owner's mail.".to_owned(),
        time: started,
        account: ACCOUNT,
        principal: root.arn.clone(),
        address: ATTACKER,
        event_ids: ids,
        rules: &["ROOT-011", "ROOT-013", "ROOT-014"],
    });

    scene.now = march(11, 22, 31, 5);
    let started = scene.now;
    let login = Call::console_login(true, false, &scene.rng.hex(16));
    let mut ids = vec![scene.record(&root, login)];
    let console = root_console(scene, started);
    for (service, name) in [("iam", "GetAccountSummary"), ("iam", "ListUsers"), ("iam", "ListMFADevices"), ("cloudtrail", "DescribeTrails")]
    {
        scene.wait(3, 25);
        ids.push(scene.record(&console, asked(service, name)));
    }
    story.push(Step {
        title: "Root console login without MFA",
        what: "Root signs in with the new password and reads users and trails.".to_owned(),
        time: started,
        account: ACCOUNT,
        principal: root.arn,
        address: ATTACKER,
        event_ids: ids,
        rules: &["ROOT-001", "ROOT-002", "ROOT-007", "ROOT-014"],
    });
}

fn make_user(scene: &mut Scene, story: &mut Story) {
    let console = root_console(scene, march(11, 22, 31, 5));
    scene.now = march(11, 22, 36, 48);
    let started = scene.now;
    let create = Call::write("iam", "CreateUser").request(json!({"userName": NEW_USER})).response(json!({"user": {
        "path": "/",
        "userName": NEW_USER,
        "userId": stable_id("AIDA", &format!("{ACCOUNT}/{NEW_USER}")),
        "arn": user_arn(NEW_USER),
        "createDate": prose(scene.now),
    }}));
    let mut ids = vec![scene.record(&console, create)];
    scene.now = march(11, 22, 37, 31);
    let attach = json!({"userName": NEW_USER, "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"});
    ids.push(scene.record(&console, Call::write("iam", "AttachUserPolicy").request(attach)));
    scene.now = march(11, 22, 40, 2);
    let key = Call::write("iam", "CreateAccessKey").request(json!({"userName": NEW_USER})).response(json!({
        "accessKey": {
            "userName": NEW_USER,
            "accessKeyId": new_key(),
            "status": "Active",
            "createDate": prose(scene.now),
        },
    }));
    ids.push(scene.record(&console, key));
    story.push(Step {
        title: "Root makes an administrator",
        what: format!("Root creates the user `{NEW_USER}`, attaches AdministratorAccess and creates the access key {}.", new_key()),
        time: started,
        account: ACCOUNT,
        principal: console.arn.clone(),
        address: ATTACKER,
        event_ids: ids,
        rules: &["ROOT-006", "ROOT-020", "IAM-001", "IAM-002", "IAM-008", "IAM-009", "IAM-010", "IAM-012", "IAM-027"],
    });
}

/// A reading call as a console or a script makes it; S3 logs at least the host.
pub(crate) fn asked(service: &'static str, name: &'static str) -> Call {
    let call = Call::read(service, name);
    if service == "s3" { call.request(json!({"Host": "s3.us-east-1.amazonaws.com"})) } else { call }
}

/// The ARN of a user of the first account.
pub(crate) fn user_arn(user: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:user/{user}")
}

/// The long-term key that root creates.
fn new_key() -> String {
    stable_key(&format!("{ACCOUNT}/{NEW_USER}"))
}

/// Root in the console; the key of the one session of a sign-in stays the same.
fn root_console(scene: &Scene, created: Time) -> Caller {
    let key = stable_key(&format!("{}/root/{created}", scene.account)).replacen("AKIA", "ASIA", 1);
    Caller::root_signing_in(ACCOUNT, ATTACKER, BROWSER).in_console(&key, created, false)
}

/// Service, call, and whether it is denied.
const DISCOVERY: &[(&str, &str, bool)] = &[
    ("sts", "GetCallerIdentity", false),
    ("iam", "GetAccountSummary", false),
    ("iam", "ListUsers", false),
    ("iam", "ListRoles", false),
    ("iam", "ListGroups", false),
    ("iam", "ListAttachedUserPolicies", false),
    ("iam", "ListAccessKeys", true),
    ("s3", "ListBuckets", false),
    ("secretsmanager", "ListSecrets", true),
    ("ssm", "DescribeParameters", true),
    ("kms", "ListKeys", true),
    ("ec2", "DescribeInstances", false),
    ("ec2", "DescribeSnapshots", false),
    ("ec2", "DescribeSecurityGroups", false),
    ("ec2", "DescribeVpcs", false),
    ("rds", "DescribeDBInstances", false),
    ("rds", "DescribeDBSnapshots", false),
    ("lambda", "ListFunctions20150331", false),
    ("lambda", "GetFunction20150331v2", true),
    ("dynamodb", "ListTables", false),
    ("logs", "DescribeLogGroups", false),
    ("cloudtrail", "DescribeTrails", false),
    ("guardduty", "ListDetectors", true),
    ("config", "DescribeConfigurationRecorders", true),
    ("organizations", "DescribeOrganization", true),
    ("organizations", "ListAccounts", true),
    ("eks", "ListClusters", true),
    ("ecs", "ListClusters", true),
    ("ecr", "DescribeRepositories", true),
    ("ce", "GetCostAndUsage", false),
];
