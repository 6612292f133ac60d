//! Running the binary, making files, and finding the shared data.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

/// What a run of the binary left.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Standard output as the one JSON document that it has to be.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// Checks the exit code and goes on.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }
}

/// Runs `trailsift` with odd settings of locale and zone, which must not matter.
pub(crate) fn trailsift<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    trailsift_with(args, &[])
}

/// The same with bytes on standard input.
pub(crate) fn trailsift_with<S: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = S>, stdin: &[u8]) -> Run {
    trailsift_in(args, stdin, &[])
}

/// The same with more variables in its environment.
pub(crate) fn trailsift_in<S: AsRef<std::ffi::OsStr>>(
    args: impl IntoIterator<Item = S>,
    stdin: &[u8],
    environment: &[(&str, &str)],
) -> Run {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_trailsift"))
        .args(args)
        .env("TZ", "Asia/Kathmandu")
        .env("LC_ALL", "tr_TR.UTF-8")
        .env_remove("SOURCE_DATE_EPOCH")
        .envs(environment.iter().copied())
        .write_stdin(stdin)
        .timeout(Duration::from_mins(5))
        .output()
        .expect("the binary starts");
    Run {
        code: output.status.code().expect("ended by itself"),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// Rows of a `sql` statement over a source.
pub(crate) fn sql(source: &Path, statement: &str) -> Vec<Value> {
    let run = trailsift(
        [source.as_os_str(), "-c".as_ref(), statement.as_ref(), "--format".as_ref(), "json".as_ref(), "--allow-problems".as_ref()]
            .iter()
            .fold(vec![std::ffi::OsString::from("sql")], |mut all, arg| {
                all.push((*arg).to_owned());
                all
            }),
    )
    .expect(0);
    run.json()["rows"].as_array().expect("rows").clone()
}

/// The findings of a `detect` document, as (rule id, event ids).
pub(crate) fn findings(document: &Value) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let finding = |finding: &Value| (text(&finding["rule_id"]), finding["event_ids"].as_array().expect("ids").iter().map(text).collect());
    document["findings"].as_array().expect("findings").iter().map(finding).collect()
}

/// The event ids that any finding of these rules names.
pub(crate) fn ids_of(document: &Value, rules: &[&str]) -> BTreeSet<String> {
    findings(document).into_iter().filter(|(rule, _)| rules.contains(&rule.as_str())).flat_map(|(_, ids)| ids).collect()
}

/// Checks both sums of a document's ledger, and its lists against them.
pub(crate) fn check_ledger(document: &Value) {
    let number = |pointer: &str| document.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("{pointer} in {document}"));
    assert_eq!(
        number("/ledger/objects/listed"),
        number("/ledger/objects/read") + number("/ledger/objects/skipped") + number("/ledger/objects/problems")
    );
    assert_eq!(
        number("/ledger/records/seen"),
        number("/ledger/records/loaded") + number("/ledger/records/duplicates") + number("/ledger/records/problems")
    );
    let length = |pointer: &str| document.pointer(pointer).and_then(Value::as_array).expect("a list").len() as u64;
    assert_eq!(number("/ledger/objects/skipped"), length("/ledger/skipped"));
}

/// `../shared`, or what `TRAILSIFT_SHARED` names; `None`, and a word about it, where it is absent.
pub(crate) fn shared(part: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TRAILSIFT_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"), PathBuf::from);
    let path = root.join(part);
    if path.exists() {
        return Some(path);
    }
    println!("not run: shared data absent");
    None
}

/// A path of the project.
pub(crate) fn project(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(part)
}

/// A folder of files that goes away by itself.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file and yields the folder again.
    pub(crate) fn with(self, name: &str, bytes: impl AsRef<[u8]>) -> Self {
        self.write(name, bytes);
        self
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        path
    }
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    gzip_at(1, bytes)
}

/// The smallest that gzip gets the bytes.
pub(crate) fn gzip_small(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    gzip_at(9, bytes)
}

fn gzip_at(level: u32, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::new(level));
    encoder.write_all(bytes.as_ref()).expect("memory");
    encoder.finish().expect("memory")
}

/// A plausible record with its own id; `change` makes it what the test needs.
pub(crate) fn record(number: u32, change: impl FnOnce(&mut Value)) -> Value {
    let mut record = json!({
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/ops-oncall",
            "accountId": "111122223333", "accessKeyId": "ASIAEXAMPLE", "userName": "ops-oncall",
        },
        "eventTime": format!("2026-03-01T08:{:02}:{:02}Z", number / 60 % 60, number % 60),
        "eventSource": "s3.amazonaws.com",
        "eventName": "ListBuckets",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "198.51.100.7",
        "userAgent": "aws-cli/2.15.30",
        "requestParameters": null,
        "responseElements": null,
        "requestID": format!("REQ{number}"),
        "eventID": format!("00000000-0000-4000-8000-{number:012}"),
        "readOnly": true,
        "eventType": "AwsApiCall",
        "managementEvent": true,
        "recipientAccountId": "111122223333",
        "eventCategory": "Management",
    });
    change(&mut record);
    record
}

/// `{"Records": [...]}` of plain records with these numbers.
pub(crate) fn records(numbers: impl IntoIterator<Item = u32>) -> String {
    json!({"Records": numbers.into_iter().map(|number| record(number, |_| ())).collect::<Vec<_>>()}).to_string()
}

/// A root sign-in without MFA, which fires ROOT-001 and ROOT-002.
pub(crate) fn root_login(number: u32) -> Value {
    record(number, |record| {
        record["eventSource"] = json!("signin.amazonaws.com");
        record["eventName"] = json!("ConsoleLogin");
        record["eventType"] = json!("AwsConsoleSignIn");
        record["readOnly"] = json!(false);
        record["userIdentity"] = json!({"type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333", "accessKeyId": ""});
        record["responseElements"] = json!({"ConsoleLogin": "Success"});
        record["additionalEventData"] = json!({"LoginTo": "https://console.aws.amazon.com/", "MobileVersion": "No", "MFAUsed": "No"});
    })
}

/// `detect` on a source as JSON, whatever the state of the evidence.
pub(crate) fn detect(source: &Path) -> Value {
    detect_with(source, &[])
}

/// The same with more arguments.
pub(crate) fn detect_with(source: &Path, more: &[&str]) -> Value {
    let mut args = vec!["detect".into(), source.as_os_str().to_owned(), "--format".into(), "json".into(), "--allow-problems".into()];
    args.extend(more.iter().map(Into::into));
    let document = trailsift(args).expect(0).json();
    check_ledger(&document);
    document
}

/// Events loaded from one file, the kinds of its problems and of its notices.
pub(crate) fn loaded(name: &str, bytes: impl AsRef<[u8]>) -> (u64, Vec<String>, Vec<String>) {
    let folder = Folder::new().with(name, bytes);
    let document = detect(folder.path());
    let kinds = |list: &str| {
        document["ledger"][list]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| entry["kind"].as_str().expect("a kind").to_owned())
            .collect()
    };
    (document["ledger"]["records"]["loaded"].as_u64().expect("a count"), kinds("problems"), kinds("notices"))
}

/// No problems, or no notices.
pub(crate) const NONE: Vec<String> = Vec::new();
