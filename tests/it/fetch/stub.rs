//! What stands for CloudTrail: it knows public keys and tells them one by one.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A service on loopback that answers `ListPublicKeys`.
pub(crate) struct Stub {
    pub(crate) port: u16,
    /// What was asked: the region of the signature, and the fields.
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Stub {
    /// One that has these keys for each region but `denied`; the first request of all meets a service that is too busy.
    pub(crate) fn start(keys: Vec<Value>, denied: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
        let port = listener.local_addr().expect("bound").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = asked.clone();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(stream, &keys, denied, &log)));
        Self { port, asked }
    }

    pub(crate) fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().expect("whole").clone()
    }
}

fn serve(stream: TcpStream, keys: &[Value], denied: &str, log: &Mutex<Vec<(String, Value)>>) {
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().expect("a number");
        }
        head.push_str(&line);
    }
    let mut body = vec![0; length];
    if length == 0 || reader.read_exact(&mut body).is_err() {
        return;
    }
    assert!(head.contains("CloudTrail_20131101.ListPublicKeys") && head.contains("/cloudtrail/aws4_request"), "{head}");
    let region = head.split("/cloudtrail/aws4_request").next().and_then(|start| start.rsplit('/').next()).expect("signed").to_owned();
    let fields: Value = serde_json::from_slice(&body).expect("JSON");
    let first = {
        let mut log = log.lock().expect("whole");
        log.push((region.clone(), fields.clone()));
        log.len() == 1
    };
    let page: usize = fields["NextToken"].as_str().map_or(0, |token| token.parse().expect("ours"));
    let (status, answer) = if first {
        ("503 Service Unavailable", json!({"__type": "ThrottlingException"}))
    } else if region == denied {
        ("400 Bad Request", json!({"__type": "x#AccessDeniedException", "message": "may not perform: cloudtrail:ListPublicKeys"}))
    } else {
        let mut answer = json!({"PublicKeyList": keys.get(page..=page).unwrap_or_default()});
        if page + 1 < keys.len() {
            answer["NextToken"] = json!((page + 1).to_string());
        }
        ("200 OK", answer)
    };
    let answer = answer.to_string();
    let kind = "content-type: application/x-amz-json-1.1\r\nconnection: close";
    let _ = write!(reader.into_inner(), "HTTP/1.1 {status}\r\n{kind}\r\ncontent-length: {}\r\n\r\n{answer}", answer.len());
}
