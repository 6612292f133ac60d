//! Credentials that a machine, a container or a sign-in has, from what stands for those who give them.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::access::{all_have, profiles, run_with};
use super::proxy::{Plan, Proxy};
use super::server::Server;
use super::{endpoint, logs};

/// Where the SDK looks for the token of somebody who signed in at the address of the profile `sso`: named by its SHA-1.
const SIGNED_IN: &str = ".aws/sso/cache/b343494cf15ba6b81449840ea93161cf3b27e5e3.json";

/// Gives the credentials of an instance (by the second version of its service), of a container, and of a sign-in.
struct Giver {
    port: u16,
    /// The first lines of what was asked.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Giver {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Clients hang up as they like.
                let _ = serve(stream, &log);
            }
        });
        Self { port, asked }
    }

    /// How often a path was asked for.
    fn asked_for(&self, path: &str) -> usize {
        self.asked.lock().expect("whole").iter().filter(|line| line.split(' ').nth(1).is_some_and(|asked| asked.starts_with(path))).count()
    }
}

fn serve(stream: TcpStream, log: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head)? > 0 && !head.ends_with("\r\n\r\n") {}
    log.lock().expect("whole").push(head.lines().next().unwrap_or_default().to_owned());
    let answer = answer(&head);
    let (status, body) = answer.map_or((404, String::new()), |body| (200, body));
    let headers = "x-aws-ec2-metadata-token-ttl-seconds: 21600\r\ncontent-type: application/json\r\nconnection: close";
    write!(reader.into_inner(), "HTTP/1.1 {status} X\r\n{headers}\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// What is given to who shows the right token; `None` to others.
fn answer(head: &str) -> Option<String> {
    let lower = head.to_ascii_lowercase();
    let shows = |header: &str| lower.contains(&format!("\r\n{header}\r\n"));
    let credentials = |key: &str| {
        json!({"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": key, "SecretAccessKey": "made-up", "Token": "made-up",
               "LastUpdated": "2026-03-01T00:00:00Z", "Expiration": "2099-01-01T00:00:00Z"})
        .to_string()
    };
    let (_, path) = head.lines().next()?.strip_suffix(" HTTP/1.1")?.split_once(' ')?;
    match path.split('?').next()? {
        "/latest/api/token" if shows("x-aws-ec2-metadata-token-ttl-seconds: 21600") => Some("session".to_owned()),
        "/latest/meta-data/iam/security-credentials/" if shows("x-aws-ec2-metadata-token: session") => Some("Reader".to_owned()),
        "/latest/meta-data/iam/security-credentials/Reader" if shows("x-aws-ec2-metadata-token: session") => {
            Some(credentials("ASIAINSTANCE"))
        }
        "/container" if shows("authorization: made-up") => Some(credentials("ASIACONTAINER")),
        "/federation/credentials" if shows("x-amz-sso_bearer_token: made-up") => {
            let role = json!({"accessKeyId": "ASIASIGNEDIN", "secretAccessKey": "made-up", "sessionToken": "made-up", "expiration": 4_070_908_800_000_u64});
            Some(json!({"roleCredentials": role}).to_string())
        }
        _ => None,
    }
}

#[test]
fn requests_are_signed_by_the_role_of_where_it_runs() {
    let Some(mut server) = Server::start() else { return };
    server.load("some", logs("eu-west-1", 2).path(), "", false);
    let folder = profiles();
    folder.write(SIGNED_IN, json!({"accessToken": "made-up", "expiresAt": "2099-01-01T00:00:00Z"}).to_string());
    let giver = Giver::start();
    let address = endpoint(giver.port);
    let container = format!("{address}/container");
    for (args, more, key, asked) in [
        (
            &[][..],
            &[("AWS_EC2_METADATA_DISABLED", "false"), ("AWS_EC2_METADATA_SERVICE_ENDPOINT", address.as_str())][..],
            "ASIAINSTANCE",
            "/latest/meta-data/iam/security-credentials/Reader",
        ),
        (
            &[],
            &[("AWS_CONTAINER_CREDENTIALS_FULL_URI", &container), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "made-up")],
            "ASIACONTAINER",
            "/container",
        ),
        (&["--profile", "sso"], &[("AWS_ENDPOINT_URL_SSO", &address)], "ASIASIGNEDIN", "/federation/credentials"),
    ] {
        let proxy = Proxy::start(server.port, Plan::default());
        let nobody = [("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", "")];
        run_with(&folder, proxy.port, &[&["detect", "s3://some/"], args].concat(), &[&nobody, more].concat()).expect(0);
        assert!(all_have(&proxy, &format!("Credential={key}/")), "{key} in {:?}", proxy.seen.heads);
        assert_eq!(giver.asked_for(asked), 1, "{asked}");
    }
}
