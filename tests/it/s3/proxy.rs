//! A proxy on loopback that fails in the ways in which networks and servers do.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A way to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    SlowDown,
    Internal,
    Reset,
    Cut,
    Delay,
    /// The credentials have expired, it says.
    Expired,
    /// No answer.
    Silence,
    /// Half of an answer, and then silence.
    Stall,
    /// Half of an answer, and then a byte now and then.
    Drip,
}

/// All that a client with the usual patience gets over in a test.
pub(crate) const FAULTS: &[Fault] = &[Fault::SlowDown, Fault::Internal, Fault::Reset, Fault::Cut, Fault::Delay, Fault::Expired];
/// The same, and what takes a client as long as it is patient.
pub(crate) const ALL_FAULTS: &[Fault] =
    &[Fault::SlowDown, Fault::Internal, Fault::Reset, Fault::Cut, Fault::Delay, Fault::Expired, Fault::Silence, Fault::Stall];

/// The longest silence, for clients that would wait without end.
const SILENCE: Duration = Duration::from_mins(1);
/// The time between two bytes that drip.
const DRIP: Duration = Duration::from_millis(100);

/// What the proxy does with requests.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// How long each answer takes.
    pub(crate) latency: Duration,
    /// Of a hundred requests, how many fail in each of these ways.
    pub(crate) percent: usize,
    pub(crate) faults: &'static [Fault],
    /// The first so many requests whose first line holds the text fail in that way.
    pub(crate) first: Option<(&'static str, usize, Fault)>,
    /// After so many requests whose head holds the text, their credentials have expired.
    pub(crate) expires: Option<(&'static str, usize)>,
    /// Requests whose first line holds the text get that status with that error code and message.
    pub(crate) answers: Vec<(&'static str, u16, &'static str, &'static str)>,
}

/// What came by.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) listings: AtomicUsize,
    /// Requests for objects.
    pub(crate) objects: AtomicUsize,
    /// The heads of all requests.
    pub(crate) heads: Mutex<Vec<String>>,
    pub(crate) faults: Mutex<HashMap<Fault, usize>>,
    /// The most requests that were under way at once.
    pub(crate) most: AtomicUsize,
    under_way: AtomicUsize,
    requests: AtomicUsize,
}

/// A request that is under way until it is dropped.
struct UnderWay<'s>(&'s Seen);

impl<'s> UnderWay<'s> {
    fn new(seen: &'s Seen) -> Self {
        seen.most.fetch_max(seen.under_way.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
        Self(seen)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Seen>,
    is_over: Arc<AtomicBool>,
}

impl Proxy {
    pub(crate) fn start(upstream: u16, plan: Plan) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let (seen, is_over, plan) = (Arc::new(Seen::default()), Arc::new(AtomicBool::new(false)), Arc::new(plan));
        let (shared, over) = (seen.clone(), is_over.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                if over.load(Ordering::Relaxed) {
                    break;
                }
                let (seen, plan) = (shared.clone(), plan.clone());
                // Clients hang up as they like.
                thread::spawn(move || client.and_then(|client| serve(client, upstream, &plan, &seen)));
            }
        });
        Self { port, seen, is_over }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Answers the requests of one connection.
fn serve(mut client: TcpStream, upstream: u16, plan: &Plan, seen: &Seen) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    while let Some(head) = read_head(&mut client)? {
        let _under_way = UnderWay::new(seen);
        let first = head.lines().next().unwrap_or_default();
        let method = first.split(' ').next().unwrap_or_default();
        let number = seen.requests.fetch_add(1, Ordering::Relaxed);
        let planned = {
            let mut heads = seen.heads.lock().expect("no panic");
            heads.push(head.clone());
            planned(plan, &heads)
        };
        let counter = if first.contains("list-type=2") { &seen.listings } else { &seen.objects };
        counter.fetch_add(1, Ordering::Relaxed);
        thread::sleep(plan.latency);
        let fault = planned.or_else(|| fault(number, plan));
        if let Some(fault) = fault {
            *seen.faults.lock().expect("no panic").entry(fault).or_default() += 1;
        }
        // One byte of the request is still unread, so that closing now is a reset.
        let last = |client: &mut TcpStream| client.read_exact(&mut [0]);
        if let Some((_, status, code, message)) = plan.answers.iter().find(|(part, ..)| first.contains(part)) {
            last(&mut client)?;
            write_error(&mut client, method, *status, code, message)?;
            continue;
        }
        match fault {
            Some(Fault::SlowDown) => {
                last(&mut client)?;
                write_error(&mut client, method, 503, "SlowDown", "Please reduce your request rate.")?;
                continue;
            }
            Some(Fault::Internal) => {
                last(&mut client)?;
                write_error(&mut client, method, 500, "InternalError", "We encountered an internal error.")?;
                continue;
            }
            Some(Fault::Expired) => {
                last(&mut client)?;
                write_error(&mut client, method, 400, "ExpiredToken", "The provided token has expired.")?;
                continue;
            }
            Some(Fault::Silence) => {
                last(&mut client)?;
                return be_silent(&mut client);
            }
            _ => {}
        }
        let (answer, body) = ask(upstream, &head)?;
        let half = body + (answer.len() - body) / 2;
        match fault {
            Some(Fault::Reset) => {
                client.write_all(&answer[..half])?;
                thread::sleep(Duration::from_millis(2));
                return Ok(());
            }
            Some(Fault::Cut) => {
                last(&mut client)?;
                return client.write_all(&answer[..half]);
            }
            Some(Fault::Delay) => {
                last(&mut client)?;
                client.write_all(&answer[..half])?;
                thread::sleep(Duration::from_millis(300));
                client.write_all(&answer[half..])?;
            }
            Some(Fault::Stall) => {
                last(&mut client)?;
                client.write_all(&answer[..half])?;
                return be_silent(&mut client);
            }
            Some(Fault::Drip) => {
                last(&mut client)?;
                client.write_all(&answer[..half])?;
                for byte in &answer[half..] {
                    thread::sleep(DRIP);
                    client.write_all(&[*byte])?;
                }
            }
            _ => {
                last(&mut client)?;
                client.write_all(&answer)?;
            }
        }
    }
    Ok(())
}

/// Says nothing until the client gives up.
fn be_silent(client: &mut TcpStream) -> std::io::Result<()> {
    client.set_read_timeout(Some(SILENCE))?;
    client.read(&mut [0]).map(drop)
}

/// The head of the next request, of which the last byte is left unread; `None` at the connection's end.
fn read_head(client: &mut TcpStream) -> std::io::Result<Option<String>> {
    let mut seen = vec![0; 64 << 10];
    loop {
        let length = client.peek(&mut seen)?;
        if length == 0 {
            return Ok(None);
        }
        if let Some(end) = head_end(&seen[..length]) {
            let mut head = vec![0; end - 1];
            client.read_exact(&mut head)?;
            return Ok(Some(String::from_utf8_lossy(&head).trim_end().to_owned()));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The server's answer, and where its body begins.
fn ask(upstream: u16, head: &str) -> std::io::Result<(Vec<u8>, usize)> {
    let is_kept = |line: &&str| !line.to_ascii_lowercase().starts_with("connection:");
    let mut server = TcpStream::connect(("127.0.0.1", upstream))?;
    let lines: String = head.lines().filter(is_kept).flat_map(|line| [line, "\r\n"]).collect();
    write!(server, "{lines}Connection: close\r\n\r\n")?;
    let mut whole = Vec::new();
    server.read_to_end(&mut whole)?;
    let end = head_end(&whole).ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let lines = String::from_utf8_lossy(&whole[..end - 2]).into_owned();
    let mut answer: Vec<u8> = lines.lines().filter(is_kept).flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
    answer.extend(b"\r\n");
    let body = answer.len();
    answer.extend(&whole[end..]);
    Ok((answer, body))
}

/// The fault that is planned for the last of these requests.
fn planned(plan: &Plan, heads: &[String]) -> Option<Fault> {
    let first_line = |head: &String| head.lines().next().unwrap_or_default().to_owned();
    let number = |part: &str, is_whole: bool| {
        let has = |head: &&String| if is_whole { head.contains(part) } else { first_line(head).contains(part) };
        heads.last().filter(has).map(|_| heads.iter().filter(has).count())
    };
    let first = plan.first.filter(|(part, most, _)| number(part, false).is_some_and(|number| number <= *most));
    let expires = plan.expires.filter(|(part, most)| number(part, true).is_some_and(|number| number > *most));
    first.map(|(_, _, fault)| fault).or_else(|| expires.map(|_| Fault::Expired))
}

/// A fault by a hash of the request's number, so that faults do not come in step with anything.
fn fault(number: usize, plan: &Plan) -> Option<Fault> {
    let mut hash = (number as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash ^= hash >> 31;
    plan.faults.get((hash % 100) as usize / plan.percent.max(1)).copied().filter(|_| plan.percent > 0)
}

fn write_error(client: &mut TcpStream, method: &str, status: u16, code: &str, message: &str) -> std::io::Result<()> {
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    let length = body.len();
    let sent = if method == "HEAD" { "" } else { &body };
    write!(client, "HTTP/1.1 {status} X\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n\r\n{sent}")
}
