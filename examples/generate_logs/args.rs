//! The command line.

use std::path::PathBuf;

use crate::failure::Failure;

/// How to call the generator.
pub(crate) const USAGE: &str = "\
usage: generate_logs sample OUT_DIR
       generate_logs corpus OUT_DIR --events N --per-file M [--seed S] [--accounts K]";

/// What is asked for.
pub(crate) enum Command {
    Sample { out: PathBuf },
    Corpus(CorpusPlan),
}

/// The size of a corpus.
pub(crate) struct CorpusPlan {
    pub(crate) out: PathBuf,
    pub(crate) events: u64,
    pub(crate) per_file: u64,
    pub(crate) seed: u64,
    pub(crate) accounts: u64,
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(mut args: impl Iterator<Item = String>) -> Result<Command, Failure> {
    match args.next().as_deref() {
        Some("sample") => {
            let out = out_dir(&mut args)?;
            match args.next() {
                None => Ok(Command::Sample { out }),
                Some(extra) => Err(Failure::new(format!("unexpected argument `{extra}`"))),
            }
        }
        Some("corpus") => corpus(args),
        Some(other) => Err(Failure::new(format!("unknown command `{other}`: expected `sample` or `corpus`"))),
        None => Err(Failure::new("no command: expected `sample` or `corpus`".to_owned())),
    }
}

fn corpus(mut args: impl Iterator<Item = String>) -> Result<Command, Failure> {
    let out = out_dir(&mut args)?;
    let (mut events, mut per_file, mut seed, mut accounts) = (None, None, 1, 3);
    while let Some(option) = args.next() {
        match option.as_str() {
            "--events" => events = Some(number(&option, args.next(), 1, 1_000_000_000)?),
            "--per-file" => per_file = Some(number(&option, args.next(), 1, 1_000_000)?),
            "--seed" => seed = number(&option, args.next(), 0, u64::MAX)?,
            "--accounts" => accounts = number(&option, args.next(), 1, 10)?,
            other => return Err(Failure::new(format!("unknown option `{other}`"))),
        }
    }
    let missing = |option: &str| Failure::new(format!("corpus needs {option}"));
    Ok(Command::Corpus(CorpusPlan {
        out,
        events: events.ok_or_else(|| missing("--events"))?,
        per_file: per_file.ok_or_else(|| missing("--per-file"))?,
        seed,
        accounts,
    }))
}

fn out_dir(args: &mut impl Iterator<Item = String>) -> Result<PathBuf, Failure> {
    match args.next() {
        Some(path) if !path.is_empty() && !path.starts_with("--") => Ok(PathBuf::from(path)),
        _ => Err(Failure::new("no output folder".to_owned())),
    }
}

fn number(option: &str, value: Option<String>, low: u64, high: u64) -> Result<u64, Failure> {
    let value = value.ok_or_else(|| Failure::new(format!("{option} needs a number")))?;
    match value.replace('_', "").parse() {
        Ok(number) if (low..=high).contains(&number) => Ok(number),
        _ => Err(Failure::new(format!("{option} is `{value}`: expected a whole number from {low} to {high}"))),
    }
}
