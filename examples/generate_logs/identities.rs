//! A log of nothing but calls that change identities, to measure the replay of their state with.
//!
//! Users and roles in turn are made and then changed to and fro, over and over, so that each call can have gone well. Each file
//! is made from the seed and its own number alone.

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::args::IdentitiesPlan;
use crate::call::Call;
use crate::failure::Failure;
use crate::identity::Caller;
use crate::layout::{Size, delivery_time, object_key, prepare, write_log_file};
use crate::rng::{Rng, stable_id, stable_key};
use crate::scene::Scene;
use crate::time::{Time, march, prose};

const ACCOUNT: &str = "111122223333";

/// Calls after which an entity is about as it was.
const ROUND: u64 = 8;

/// Writes the log, and returns a summary line.
pub(crate) fn write_identities(plan: &IdentitiesPlan) -> Result<String, Failure> {
    prepare(&plan.out)?;
    let files = plan.events.div_ceil(plan.per_file);
    let sizes = (0..files).into_par_iter().map(|file| write_file(plan, file)).collect::<Result<Vec<Size>, Failure>>()?;
    let compressed: u64 = sizes.iter().map(|size| size.compressed).sum();
    Ok(format!("{} events, {files} files, {compressed} bytes compressed, {} users and roles", plan.events, plan.entities))
}

fn write_file(plan: &IdentitiesPlan, file: u64) -> Result<Size, Failure> {
    let mut scene = Scene::new(ACCOUNT, "us-east-1", Rng::new(plan.seed, file + 1));
    let admin = Caller::user_with_key(ACCOUNT, "identity-manager", "198.51.100.20", "aws-cli/2.15.0");
    let first = file * plan.per_file;
    for number in first..plan.events.min(first + plan.per_file) {
        scene.now = time(number);
        let call = call(number % plan.entities, number / plan.entities, scene.now);
        scene.record(&admin, call);
    }
    let delivery = delivery_time(scene.now, &mut scene.rng);
    let key = object_key(ACCOUNT, "us-east-1", delivery, &mut scene.rng);
    write_log_file(&plan.out, &key, &scene.events)
}

/// Two seconds lie between calls: a million of them are 23 days.
fn time(number: u64) -> Time {
    march(1, 0, 0, 0) + i64::try_from(number * 2).unwrap_or(Time::MAX / 2)
}

/// What happens to an entity in its turn.
fn call(entity: u64, turn: u64, now: Time) -> Call {
    let (kind, name) = if entity.is_multiple_of(2) { ("User", format!("user-{entity}")) } else { ("Role", format!("role-{entity}")) };
    let is_user = kind == "User";
    let round = turn / ROUND;
    let pick = |user: &'static str, role: &'static str| if is_user { user } else { role };
    let mut request = json!({pick("userName", "roleName"): name});
    let mut put = |key: &str, value: Value| {
        if let Some(fields) = request.as_object_mut() {
            fields.insert(key.to_owned(), value);
        }
    };
    let policy = |statement: Value| Value::from(json!({"Version": "2012-10-17", "Statement": [statement]}).to_string());
    let mut response = Value::Null;
    let operation = match turn.checked_sub(1).map(|turn| turn % ROUND) {
        None => {
            let mut made = json!({
                "path": "/",
                pick("userName", "roleName"): name,
                pick("userId", "roleId"): stable_id(pick("AIDA", "AROA"), &name),
                "arn": format!("arn:aws:iam::{ACCOUNT}:{}/{name}", kind.to_lowercase()),
                "createDate": prose(now),
            });
            if !is_user && let Some(fields) = made.as_object_mut() {
                let trust = policy(json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}));
                put("assumeRolePolicyDocument", trust.clone());
                fields.insert("assumeRolePolicyDocument".to_owned(), trust);
            }
            response = json!({kind.to_lowercase(): made});
            pick("CreateUser", "CreateRole")
        }
        Some(0 | 6) => {
            let managed = if round.is_multiple_of(3) { "AdministratorAccess" } else { "ReadOnlyAccess" };
            put("policyArn", format!("arn:aws:iam::aws:policy/{managed}").into());
            if turn % ROUND == 1 { pick("AttachUserPolicy", "AttachRolePolicy") } else { pick("DetachUserPolicy", "DetachRolePolicy") }
        }
        Some(1 | 4) => {
            let actions = ["s3:GetObject", "ec2:RunInstances", "iam:PassRole", "dynamodb:Query"];
            let count = usize::try_from(turn % 4).unwrap_or_default() + 1;
            put("policyName", "inline".into());
            put("policyDocument", policy(json!({"Effect": "Allow", "Action": actions.get(..count), "Resource": "*"})));
            pick("PutUserPolicy", "PutRolePolicy")
        }
        Some(2) if is_user && round == 0 => {
            let key = json!({"userName": name, "accessKeyId": stable_key(&name), "status": "Active", "createDate": prose(now)});
            response = json!({"accessKey": key});
            "CreateAccessKey"
        }
        Some(2) if is_user => {
            put("accessKeyId", stable_key(&name).into());
            put("status", if round.is_multiple_of(2) { "Active" } else { "Inactive" }.into());
            "UpdateAccessKey"
        }
        Some(2) => {
            let account = if round.is_multiple_of(2) { ACCOUNT } else { "444455556666" };
            let principal = format!("arn:aws:iam::{account}:root");
            put("policyDocument", policy(json!({"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"})));
            "UpdateAssumeRolePolicy"
        }
        Some(3) => {
            put("tags", json!([{"key": "team", "value": format!("team-{}", turn % 7)}]));
            pick("TagUser", "TagRole")
        }
        Some(5) if is_user && round.is_multiple_of(2) => {
            put("permissionsBoundary", "arn:aws:iam::aws:policy/PowerUserAccess".into());
            "PutUserPermissionsBoundary"
        }
        Some(5) if is_user => "DeleteUserPermissionsBoundary",
        Some(5) => {
            put("maxSessionDuration", json!(if round.is_multiple_of(2) { 3_600 } else { 7_200 }));
            "UpdateRole"
        }
        Some(_) => {
            put("policyName", "inline".into());
            pick("DeleteUserPolicy", "DeleteRolePolicy")
        }
    };
    Call::write("iam", operation).request(request).response(response)
}
