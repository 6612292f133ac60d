//! How S3 is reached: whose credentials sign, what is asked in which way, and what is said where there is no way.

use std::time::{Duration, Instant};

use super::proxy::{Plan, Proxy};
use super::server::Server;
use super::{ENVIRONMENT, assert_same, endpoint, logs, refusal, run, text};
use crate::support::{Folder, Run, trailsift, trailsift_in};

/// Profiles of all kinds, and the folder that they stand in.
pub(super) fn profiles() -> Folder {
    let folder = Folder::new();
    // Each call yields a session of its own.
    let script = "printf x >> \"$0.calls\"\nprintf '{\"Version\": 1, \"AccessKeyId\": \"AKIAPROCESS\", \"SecretAccessKey\": \"made-up\", \
                  \"SessionToken\": \"token-%s\"}' \"$(wc -c < \"$0.calls\" | tr -d ' ')\"\n";
    let process = folder.write("process.sh", script);
    let sections = [
        "[profile keys]\naws_access_key_id=AKIAPROFILE\naws_secret_access_key=made-up",
        &format!("[profile process]\ncredential_process=sh {}", text(&process)),
        "[profile role]\nrole_arn=arn:aws:iam::111122223333:role/Reader\nsource_profile=keys",
        "[profile failing]\ncredential_process=false",
        "[profile empty]\nregion=eu-west-1",
        "[profile sso]\nsso_start_url=https://example.com/start\nsso_region=eu-west-1\nsso_account_id=111122223333\nsso_role_name=Reader",
    ];
    folder.with("config", sections.join("\n")).with("token", "made-up")
}

/// Runs the binary with the profiles, and with variables in place of those that other tests have.
pub(super) fn run_with(folder: &Folder, port: u16, args: &[&str], more: &[(&str, &str)]) -> Run {
    let config = folder.path().join("config");
    let own = [("AWS_CONFIG_FILE", text(&config)), ("HOME", text(folder.path()))];
    trailsift_in([args, &["--endpoint-url", &endpoint(port)]].concat(), &[], &[&ENVIRONMENT[..], &own, more].concat())
}

/// Whether all requests have what is looked for in their heads.
pub(super) fn all_have(proxy: &Proxy, part: &str) -> bool {
    let heads = proxy.seen.heads.lock().expect("no panic");
    println!("{} requests", heads.len());
    heads.len() > 1 && heads.iter().all(|head| head.to_ascii_lowercase().contains(&part.to_ascii_lowercase()))
}

#[test]
fn requests_are_signed_by_whom_the_user_names() {
    let Some(mut server) = Server::start() else { return };
    server.load("some", logs("eu-west-1", 2).path(), "", false);
    let (folder, sts) = (profiles(), endpoint(server.port));
    let token = folder.path().join("token");
    let web_identity = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/Reader"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", text(&token)),
        ("AWS_ENDPOINT_URL_STS", &sts),
        ("AWS_REGION", "eu-west-1"),
    ];
    for (args, more, part) in [
        (&[][..], &[][..], "Credential=AKIAEXAMPLE/"),
        // A profile that is named is meant, also beside keys in the environment.
        (&["--profile", "keys"], &[], "Credential=AKIAPROFILE/"),
        (&["--profile", "process"], &[], "Credential=AKIAPROCESS/"),
        (&[], &[("AWS_PROFILE", "keys"), ("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")], "Credential=AKIAPROFILE/"),
        (&[], &web_identity, "Credential=ASIA"),
        (&["--profile", "role"], &[("AWS_ENDPOINT_URL_STS", &sts)], "Credential=ASIA"),
        (&["--request-payer"], &[], "x-amz-request-payer: requester"),
    ] {
        let proxy = Proxy::start(server.port, Plan::default());
        run_with(&folder, proxy.port, &[&["detect", "s3://some/"], args].concat(), more).expect(0);
        assert!(all_have(&proxy, part), "{part} in {:?}", proxy.seen.heads);
    }
    let proxy = Proxy::start(server.port, Plan::default());
    run(proxy.port, &["detect", "s3://some/", "--no-sign-request"]).expect(0);
    assert!(!proxy.seen.heads.lock().expect("no panic").iter().any(|head| head.to_ascii_lowercase().contains("authorization")));
}

#[test]
fn credentials_that_run_out_are_asked_for_again() {
    let Some(mut server) = Server::start() else { return };
    let (folder, logs) = (profiles(), logs("eu-west-1", 300));
    server.load("some", logs.path(), "", false);
    let proxy = Proxy::start(server.port, Plan { expires: Some(("token-1\r\n", 100)), ..Plan::default() });
    let found = run_with(&folder, proxy.port, &["detect", "s3://some/", "--profile", "process", "--format", "json"], &[]).expect(0).json();
    let due = trailsift(["detect", text(logs.path()), "--format", "json"]).expect(0).json();
    assert_same(&found["ledger"]["objects"], &due["ledger"]["objects"], "objects");
    assert_same(&found["ledger"]["records"], &due["ledger"]["records"], "records");
    let calls = std::fs::read(folder.path().join("process.sh.calls")).expect("called").len();
    assert_eq!(calls, 2);
}

#[test]
fn what_is_in_the_way_is_said_in_one_sentence() {
    let Some(mut server) = Server::start() else { return };
    server.load("some", logs("eu-west-1", 2).path(), "", false);
    let folder = profiles();
    let nobody = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
    for (profile, part) in [
        ("nobody", "there is no such profile"),
        ("empty", "the profile has no credentials"),
        ("sso", "aws sso login"),
        ("failing", "the credentials cannot be had"),
    ] {
        let said = refusal(run_with(&folder, server.port, &["detect", "s3://some/", "--profile", profile], &[]));
        assert!(said.starts_with("error: list s3://some/: ") && said.contains(part), "{said}");
    }
    let said = refusal(run_with(&folder, server.port, &["detect", "s3://some/"], &nobody));
    assert!(said.contains("no AWS credentials were found; give --profile"), "{said}");
    for (address, part) in [
        ("localhost:1", "write it as https://HOST"),
        ("http://127.0.0.1:1", "no connection to the server (tcp connect error: Connection refused)"),
        ("http://no.such.host.invalid", "the name of the server cannot be resolved"),
    ] {
        let start = Instant::now();
        let said = refusal(trailsift_in(["detect", "s3://some/", "--endpoint-url", address], &[], &ENVIRONMENT));
        assert!(said.contains(part) && !said.contains("dispatch"), "{said}");
        assert!(start.elapsed() < Duration::from_secs(30), "{said}");
    }
    // What is denied as a whole is no answer of a folder.
    let answers = vec![("GET /some", 400, "ExpiredToken", "The provided token has expired.")];
    let proxy = Proxy::start(server.port, Plan { answers, ..Plan::default() });
    let said = refusal(run(proxy.port, &["fetch", "s3://some/", "--to", text(&folder.path().join("copy"))]));
    assert!(said.contains("the credentials have expired; sign in again (aws sso login)"), "{said}");
    assert_eq!(proxy.seen.heads.lock().expect("no panic").len(), 3);
    assert!(!folder.path().join("copy").exists());
}
