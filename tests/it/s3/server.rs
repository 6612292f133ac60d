//! An S3-compatible server on loopback: moto, from a virtual environment that is made here once.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

/// The one that was tried for what is tested here.
const VERSION: &str = "5.2.5";

/// A server of one test.
pub(crate) struct Server {
    pub(crate) port: u16,
    child: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Server {
    /// Starts one; `None`, and a word about it, where there is no Python or it cannot be installed.
    pub(crate) fn start() -> Option<Self> {
        let mut child = Command::new(python()?)
            .args(["-c", include_str!("serve.py")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("python starts");
        let mut answers = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        answers.read_line(&mut line).expect("a port");
        let port = line.trim().parse().expect("a port");
        Some(Self { port, orders: child.stdin.take(), child, answers })
    }

    /// Puts one object into a bucket.
    pub(crate) fn put(&mut self, bucket: &str, key: &str, content: &str, metadata: &Value) {
        self.order(&json!({"bucket": bucket, "key": key, "content": content, "metadata": metadata}));
    }

    /// Puts the files of a folder into a bucket under a prefix; sidecars become metadata where that is asked for, and
    /// are left out where not.
    pub(crate) fn load(&mut self, bucket: &str, folder: &Path, prefix: &str, metadata: bool) {
        self.order(&json!({"bucket": bucket, "folder": folder, "prefix": prefix, "metadata": metadata}));
    }

    /// A year from `first` on of ten accounts and four regions.
    pub(crate) fn year(&mut self, bucket: &str, first: &str, record: &Value) {
        self.order(&json!({"bucket": bucket, "year": first, "record": record.to_string()}));
    }

    fn order(&mut self, order: &Value) {
        let orders = self.orders.as_mut().expect("open until it is dropped");
        writeln!(orders, "{order}").expect("the server lives");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        assert_eq!(line.trim(), "done");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that has moto; `None`, and a word about it, where there is none.
pub(crate) fn python() -> Option<PathBuf> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let python = PYTHON.get_or_init(install).clone();
    if python.is_none() {
        println!("not run: no python3 with moto {VERSION}, and it could not be installed");
    }
    python
}

fn install() -> Option<PathBuf> {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("moto-{VERSION}"));
    let (python, mark) = (home.join("bin/python"), home.join("installed"));
    let lock = File::create(home.with_extension("lock")).ok()?;
    lock.lock().ok()?;
    if !mark.exists() {
        let done = |command: &mut Command| command.output().is_ok_and(|output| output.status.success()).then_some(());
        done(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
        let moto = format!("moto[server]=={VERSION}");
        done(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", &moto, "cryptography"]))?;
        fs::write(&mark, "").ok()?;
    }
    Some(python)
}
