//! People at work: each sign-in with its second factor, here or at the identity provider.

use serde_json::json;

use super::reads::{AUDITOR, DEVELOPER};
use super::{instance_id, reads};
use crate::call::Call;
use crate::identity::{Caller, Role};
use crate::rng::{Rng, stable_id};
use crate::scene::{Scene, session_call};

pub(crate) const BROWSERS: &[&str] = &[
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/133.0.0.0 Safari/537.36",
];

/// A developer signs in as IAM user with MFA and looks at the consoles.
pub(crate) fn developer(scene: &mut Scene) {
    let has_typo = scene.rng.chance(100);
    developer_visit(scene, has_typo);
}

/// The same, after the password was mistyped once.
pub(crate) fn developer_with_typo(scene: &mut Scene) {
    developer_visit(scene, true);
}

fn developer_visit(scene: &mut Scene, has_typo: bool) {
    let cast = ["dev-frontend", "dev-backend", "dev-data", "ops-oncall"];
    let (user, address, browser) = person(scene, "dev", &cast);
    if has_typo {
        mistyped_login(scene, &user, &address, browser);
    }
    let console = sign_in_with_mfa(scene, &user, &address, browser);
    let count = scene.rng.between(9, 18);
    reads(scene, &console, DEVELOPER, count, (2, 45));
    if scene.rng.chance(350) {
        let call = Call::read("secretsmanager", "ListSecrets").denied(&console.arn);
        scene.record(&console, call);
    }
}

/// A person of IAM Identity Center signs in at the access portal with a one-time code and opens a permission set.
///
/// AWS writes `MFAUsed: No` for the console login that follows: it cannot see how the session was opened.
pub(crate) fn identity_center(scene: &mut Scene) {
    let (user, address, browser) = person(scene, "platform", &["platform-engineer-1", "platform-engineer-2", "support-desk"]);
    portal_sign_in(scene, &user, &address, browser);
    let role = Role { path: "/aws-reserved/sso.amazonaws.com/", name: "AWSReservedSSO_PowerUserAccess_7d2b9f04c1e8a635" };
    let provider = format!("arn:aws:iam::{}:saml-provider/AWSSSO_5e0c7a_DO_NOT_DELETE", scene.account);
    let console = federated_login(scene, role, &user, &address, browser, &provider, false);
    let count = scene.rng.between(8, 16);
    reads(scene, &console, DEVELOPER, count, (3, 60));
    if scene.rng.chance(400) {
        let number = scene.rng.below(3);
        let instance = instance_id(scene, number);
        let tags = json!({
            "resourcesSet": {"items": [{"resourceId": instance}]},
            "tagSet": {"items": [{"key": "reviewed", "value": "2026-03"}]},
        });
        let request_id = scene.rng.uuid();
        let call = Call::write("ec2", "CreateTags").request(tags).request_id(&request_id);
        scene.record(&console, call.response(json!({"requestId": request_id, "_return": true})));
    }
}

/// An auditor comes by SAML from the company's identity provider and reads settings.
pub(crate) fn auditor(scene: &mut Scene) {
    let (user, address, browser) = person(scene, "auditor", &["auditor-1", "auditor-2"]);
    let role = Role::named("saml-read-only");
    let provider = format!("arn:aws:iam::{}:saml-provider/company-idp", scene.account);
    let console = federated_login(scene, role, &user, &address, browser, &provider, true);
    let count = scene.rng.between(10, 18);
    reads(scene, &console, AUDITOR, count, (15, 90));
    if scene.rng.chance(500) {
        let call = Call::read("secretsmanager", "GetSecretValue").denied(&console.arn);
        scene.record(&console, call);
    }
}

/// A user name that does not exist: AWS hides it, as it may be a password typed in the wrong field.
pub(crate) fn unknown_user(scene: &mut Scene) {
    let caller = Caller::user_unproven(&scene.account, "HIDDEN_DUE_TO_SECURITY_REASONS", "198.51.100.32", scene.rng.pick(BROWSERS));
    let mut call = Call::console_login(false, false, &scene.rng.hex(16));
    call.error_message = Some("No username found in supplied account".to_owned());
    scene.record(&caller, call);
}

/// An IAM user signs in without MFA; only the corpus has this among its background.
pub(crate) fn developer_without_mfa(scene: &mut Scene) {
    let (user, address, browser) = person(scene, "dev", &["dev-frontend"]);
    let caller = Caller::user_signing_in(&scene.account, &user, &address, browser);
    let login = Call::console_login(true, false, &scene.rng.hex(16));
    scene.record(&caller, login);
    let console = caller.in_console(&scene.temporary_key(), scene.now, false);
    scene.wait(1, 5);
    reads(scene, &console, DEVELOPER, 6, (2, 30));
}

/// Root signs in, mostly with MFA, and reads; only the corpus has this among its background.
pub(crate) fn root(scene: &mut Scene) {
    let (_, address, browser) = person(scene, "root", &["root"]);
    let caller = Caller::root_signing_in(&scene.account, &address, browser);
    let mfa = scene.rng.chance(700);
    let login = Call::console_login(true, mfa, &scene.rng.hex(16));
    scene.record(&caller, login);
    let console = caller.in_console(&scene.temporary_key(), scene.now, mfa);
    scene.wait(1, 5);
    reads(scene, &console, DEVELOPER, 8, (1, 20));
}

fn sign_in_with_mfa(scene: &mut Scene, user: &str, address: &str, browser: &str) -> Caller {
    let step = Caller::user_unproven(&scene.account, user, address, browser);
    let check = Call::sign_in("CheckMfa", true).additional(json!({"MfaType": "Virtual MFA"}));
    scene.record(&step, check);
    scene.wait(6, 15);
    let caller = Caller::user_signing_in(&scene.account, user, address, browser);
    let login = Call::console_login(true, true, &scene.rng.hex(16));
    scene.record(&caller, login);
    let console = caller.in_console(&scene.temporary_key(), scene.now, true);
    scene.wait(1, 5);
    console
}

fn mistyped_login(scene: &mut Scene, user: &str, address: &str, browser: &str) {
    let caller = Caller::user_unproven(&scene.account, user, address, browser);
    let login = Call::console_login(false, false, &scene.rng.hex(16));
    scene.record(&caller, login);
    scene.wait(12, 40);
}

/// The steps of a sign-in at the access portal, bound together by the workflow id.
fn portal_sign_in(scene: &mut Scene, user: &str, address: &str, browser: &str) {
    let work_account = std::mem::replace(&mut scene.account, scene.portal_account.clone());
    let mut user_rng = Rng::of_name(user);
    let caller = Caller::identity_center_user(&scene.account, &user_rng.uuid(), address, browser);
    let workflow = scene.rng.uuid();
    for (name, credential) in [
        ("CredentialChallenge", "PASSWORD"),
        ("CredentialVerification", "PASSWORD"),
        ("CredentialChallenge", "TOTP"),
        ("CredentialVerification", "TOTP"),
        ("UserAuthentication", "PASSWORD,TOTP"),
    ] {
        let call = Call::service_event("signin", name, json!({name: "Success"}))
            .additional(json!({"AuthWorkflowID": workflow, "CredentialType": credential}));
        scene.record(&caller, call);
        scene.wait(1, 9);
    }
    scene.account = work_account;
}

/// A role session from an identity provider, and the console login with it.
fn federated_login(scene: &mut Scene, role: Role, user: &str, address: &str, browser: &str, provider: &str, is_saml: bool) -> Caller {
    let session = scene.new_session(role, user);
    let person = Caller::saml_user(provider, user, address, browser);
    let call = session_call("AssumeRoleWithSAML", &session).request(json!({
        "sAMLAssertionID": format!("_{}", stable_id("", &session.key)),
        "roleSessionName": user,
        "roleArn": role.arn(&scene.account),
        "principalArn": provider,
        "durationSeconds": 3600,
    }));
    scene.record(&person, call);
    let caller = Caller::role(&session, address, browser);
    let mut login = Call::console_login(true, false, &scene.rng.hex(16));
    if is_saml && let Some(fields) = login.additional.as_mut().and_then(serde_json::Value::as_object_mut) {
        fields.insert("SamlProviderArn".to_owned(), json!(provider));
    }
    scene.wait(0, 2);
    scene.record(&caller.clone().without_key(), login);
    scene.wait(1, 4);
    caller.by_console()
}

/// One of the cast, always with the same address and browser: of the office, or in the corpus one of a crowd.
fn person(scene: &mut Scene, group: &str, cast: &[&'static str]) -> (String, String, &'static str) {
    let (name, network) = if scene.crowd == 0 {
        (scene.rng.pick(cast).to_owned(), None)
    } else {
        let number = scene.rng.below(scene.crowd);
        // 198.18.0.0/15 is reserved for benchmarks (RFC 2544).
        (format!("{group}-{number:03}"), Some(format!("198.18.{}", number % 250)))
    };
    let mut own = Rng::of_name(&name);
    let host = own.between(30, 220);
    let address = network.map_or_else(|| format!("198.51.100.{host}"), |network| format!("{network}.{host}"));
    (name, address, own.pick(BROWSERS))
}
