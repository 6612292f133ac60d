//! An S3-compatible server on loopback for what is fetched: moto, whose Python is made once.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A server of one test.
pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Starts one; `None`, and a word about it, where there is no Python or moto cannot be installed.
    pub(crate) fn start() -> Option<Self> {
        let mut child = Command::new(python()?)
            .args(["-c", SERVE])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python starts");
        let mut answers = BufReader::new(child.stdout.take().expect("piped"));
        let port = line(&mut answers).parse().expect("a port");
        Some(Self { port, child, answers })
    }

    /// Puts one object into a bucket.
    pub(crate) fn put(&mut self, bucket: &str, key: &str, content: &str, metadata: &Value) {
        self.order(&json!({"bucket": bucket, "key": key, "content": content, "metadata": metadata}));
    }

    /// Puts the files of a folder into a bucket; sidecars become the metadata of what they are for.
    pub(crate) fn load(&mut self, bucket: &str, folder: &Path) {
        self.order(&json!({"bucket": bucket, "folder": folder}));
    }

    fn order(&mut self, order: &Value) {
        writeln!(self.child.stdin.as_mut().expect("piped"), "{order}").expect("the server lives");
        assert_eq!(line(&mut self.answers), "done");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(answers: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    answers.read_line(&mut line).expect("an answer");
    line.trim().to_owned()
}

/// A Python that has moto and `cryptography`.
pub(crate) fn python() -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("moto-{VERSION}"));
    let lock = File::create(home.with_extension("lock")).expect("the tests' own folder");
    lock.lock().expect("a lock");
    let (python, mark) = (home.join("bin/python"), home.join("installed"));
    if mark.exists() {
        return Some(python);
    }
    let works = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    let moto = format!("moto[server]=={VERSION}");
    if works(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))
        && works(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &moto, "cryptography"]))
    {
        fs::write(&mark, "").expect("the tests' own folder");
        return Some(python);
    }
    println!("not run: no python3 with moto {VERSION}, and it could not be installed");
    None
}

const VERSION: &str = "5.2.5";
const SERVE: &str = r#"
import json, os, sys
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
backend = s3_backends["123456789012"]["aws"]
def put(bucket, key, content, metadata):
    thing = backend.put_object(bucket, key, content)
    thing.set_metadata({"x-amz-meta-" + name: value for name, value in metadata.items()})
print(server._server.server_port, flush=True)
for line in sys.stdin:
    order = json.loads(line)
    bucket = order["bucket"]
    if bucket not in backend.buckets:
        backend.create_bucket(bucket, "us-east-1")
    if "key" in order:
        put(bucket, order["key"], order["content"].encode(), order["metadata"])
    for place, _, names in os.walk(order.get("folder", "/nowhere")):
        for name in names:
            path = os.path.join(place, name)
            if not name.endswith(".meta.json"):
                sidecar = path + ".meta.json"
                metadata = json.load(open(sidecar))["Metadata"] if os.path.exists(sidecar) else {}
                put(bucket, os.path.relpath(path, order["folder"]), open(path, "rb").read(), metadata)
    print("done", flush=True)
"#;
