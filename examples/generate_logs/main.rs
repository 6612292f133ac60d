//! Writes CloudTrail logs that never happened: the incident of `sample-logs/` with its digest files, or large logs to measure
//! with, a corpus of all kinds of calls and one of calls that change identities.
//!
//! ```text
//! cargo run --release --example generate_logs -- sample OUT_DIR
//! cargo run --release --example generate_logs -- corpus OUT_DIR --events N --per-file M [--seed S] [--accounts K]
//! cargo run --release --example generate_logs -- identities OUT_DIR --events N --per-file M [--seed S] [--entities K]
//! ```
//!
//! All are deterministic: equal arguments give equal bytes. Account ids, access keys and addresses come from the ranges
//! that are reserved for documentation and benchmarks. `OUT_DIR` must be new or empty. Errors are one line and exit
//! code 2.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod args;
mod background;
mod call;
mod corpus;
mod delivery;
mod digest;
mod failure;
mod identities;
mod identity;
mod incident;
mod layout;
mod readme;
mod rng;
mod sample;
mod scene;
mod signer;
mod spread;
mod story;
mod tamper;
mod time;

use std::process::ExitCode;

use args::Command;

fn main() -> ExitCode {
    let command = match args::parse(std::env::args().skip(1)) {
        Ok(command) => command,
        Err(failure) => {
            eprintln!("error: {failure}\n{}", args::USAGE);
            return ExitCode::from(2);
        }
    };
    let result = match &command {
        Command::Sample { out } => sample::write_sample(out),
        Command::Corpus(plan) => corpus::write_corpus(plan),
        Command::Identities(plan) => identities::write_identities(plan),
    };
    match result {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(2)
        }
    }
}
