//! MB/s of JSON parsers on CloudTrail files, one core, files inflated in memory beforehand.
//!
//! Every contender yields the same fields of every record and must come to the same [`Tally`]; only then are its
//! figures shown. Contenders take turns, round by round, and CPU time of the one thread counts.

mod contenders;
mod corpus;
/// Trailsift's own modules, those left of the engine of tables.
#[allow(dead_code, unused_imports, reason = "only a part of them is called here")]
#[path = "../../../src/error.rs"]
mod error;
#[allow(dead_code, unused_imports, reason = "only a part of them is called here")]
#[path = "../../../src/event/mod.rs"]
mod event;
mod fields;
mod own;
#[allow(dead_code, unused_imports, reason = "only a part of them is called here")]
#[path = "../../../src/iam"]
mod iam {
    pub mod policy;
}
#[allow(dead_code, unused_imports, reason = "only a part of them is called here")]
#[path = "../../../src/problem.rs"]
mod problem;
#[allow(dead_code, unused_imports, reason = "only a part of them is called here")]
#[path = "../../../src/schema.rs"]
mod schema;
#[allow(dead_code, unused_imports, reason = "only a part of them is called here")]
#[path = "../../../src/source/mod.rs"]
mod source;
#[allow(dead_code, unused_imports, reason = "only a part of them is called here")]
#[path = "../../../src/time.rs"]
mod time;

use std::process::ExitCode;

use rustix::time::{ClockId, clock_gettime};

use corpus::Corpus;
use fields::Tally;

/// One way to read a file, and what it does.
struct Contender {
    name: &'static str,
    /// Reads one inflated file; the buffer is its own to use again.
    read: fn(&[u8], &mut contenders::Scratch) -> Result<Tally, String>,
}

const CONTENDERS: [Contender; 6] = [
    Contender { name: "serde_json: a `Value` of the whole file", read: contenders::serde_value },
    Contender { name: "serde_json: typed, borrowed, `RawValue` for nested parts", read: contenders::serde_typed },
    Contender { name: "sonic-rs: typed, borrowed, `LazyValue` for nested parts", read: contenders::sonic_typed },
    Contender { name: "simd-json: tape (copies the file first: it writes into it)", read: contenders::simd_tape },
    Contender { name: "Trailsift's scanner: the same fields", read: own::scanner },
    Contender { name: "Trailsift's reader: all columns, with those derived", read: own::reader },
];

fn main() -> ExitCode {
    match Arguments::read(std::env::args().skip(1)).and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::from(2)
        }
    }
}

const USAGE: &str = "usage: parsers FOLDER... [--rounds N] [--megabytes N]";

struct Arguments {
    folders: Vec<String>,
    rounds: usize,
    megabytes: u64,
}

impl Arguments {
    fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self { folders: Vec::new(), rounds: 9, megabytes: 128 };
        while let Some(word) = words.next() {
            let mut number = || {
                let value = words.next().unwrap_or_default();
                value.parse::<u32>().ok().filter(|number| *number > 0).ok_or(format!("{word} needs a number above 0\n{USAGE}"))
            };
            match word.as_str() {
                "--rounds" => arguments.rounds = number()? as usize,
                "--megabytes" => arguments.megabytes = u64::from(number()?),
                _ if word.starts_with('-') => return Err(format!("unknown option {word}\n{USAGE}")),
                _ => arguments.folders.push(word),
            }
        }
        if arguments.folders.is_empty() { Err(format!("no folder\n{USAGE}")) } else { Ok(arguments) }
    }
}

fn run(arguments: &Arguments) -> Result<(), String> {
    for folder in &arguments.folders {
        let corpus = Corpus::load(folder, arguments.megabytes * 1_000_000)?;
        println!("{}, {} rounds", corpus.describe(), arguments.rounds);
        compare(&corpus, arguments.rounds)?;
        println!();
    }
    Ok(())
}

/// Lets all contenders read the corpus in turn, and prints a line for each.
fn compare(corpus: &Corpus, rounds: usize) -> Result<(), String> {
    let mut scratch = contenders::Scratch::default();
    let mut expected = None;
    let mut speeds = vec![Vec::new(); CONTENDERS.len()];
    // A first round that does not count fills buffers and caches, and checks that all find the same.
    for round in 0..=rounds {
        for (contender, speeds) in CONTENDERS.iter().zip(&mut speeds) {
            let before = cpu_seconds();
            let tally = read_all(corpus, contender, &mut scratch)?;
            let seconds = cpu_seconds() - before;
            let expected = *expected.get_or_insert(tally);
            if tally != expected {
                return Err(format!("{} found {tally:?}, the first found {expected:?}", contender.name));
            }
            if round > 0 {
                speeds.push(corpus.bytes() as f64 / 1e6 / seconds);
            }
        }
    }
    println!("{:>9}  {:>13}  contender", "MB/s", "spread");
    for (contender, speeds) in CONTENDERS.iter().zip(&mut speeds) {
        speeds.sort_by(f64::total_cmp);
        let (low, high) = (speeds[0], speeds[speeds.len() - 1]);
        println!("{:>9.0}  {:>13}  {}", speeds[speeds.len() / 2], format!("{low:.0} - {high:.0}"), contender.name);
    }
    Ok(())
}

fn read_all(corpus: &Corpus, contender: &Contender, scratch: &mut contenders::Scratch) -> Result<Tally, String> {
    let mut total = Tally::default();
    for file in &corpus.files {
        total += (contender.read)(file, scratch).map_err(|reason| format!("{}: {reason}", contender.name))?;
    }
    Ok(total)
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
