//! The command line.

use std::path::PathBuf;

use crate::failure::Failure;

/// How to call the generator.
pub(crate) const USAGE: &str = "\
usage: generate_logs sample OUT_DIR
       generate_logs corpus OUT_DIR --events N --per-file M [--seed S] [--accounts K]
       generate_logs identities OUT_DIR --events N --per-file M [--seed S] [--entities K]";

/// What is asked for.
pub(crate) enum Command {
    Sample { out: PathBuf },
    Corpus(CorpusPlan),
    Identities(IdentitiesPlan),
}

/// The size of a corpus.
pub(crate) struct CorpusPlan {
    pub(crate) out: PathBuf,
    pub(crate) events: u64,
    pub(crate) per_file: u64,
    pub(crate) seed: u64,
    pub(crate) accounts: u64,
}

/// The size of a log of calls that change identities.
pub(crate) struct IdentitiesPlan {
    pub(crate) out: PathBuf,
    pub(crate) events: u64,
    pub(crate) per_file: u64,
    pub(crate) seed: u64,
    /// Users and roles.
    pub(crate) entities: u64,
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
        Some("corpus") => {
            let (out, sizes) = sizes("corpus", args, ("--accounts", 3, 10))?;
            Ok(Command::Corpus(CorpusPlan {
                out,
                events: sizes.events,
                per_file: sizes.per_file,
                seed: sizes.seed,
                accounts: sizes.things,
            }))
        }
        Some("identities") => {
            let (out, sizes) = sizes("identities", args, ("--entities", 5_000, 1_000_000))?;
            Ok(Command::Identities(IdentitiesPlan {
                out,
                events: sizes.events,
                per_file: sizes.per_file,
                seed: sizes.seed,
                entities: sizes.things,
            }))
        }
        Some(other) => Err(Failure::new(format!("unknown command `{other}`: expected `sample`, `corpus` or `identities`"))),
        None => Err(Failure::new("no command: expected `sample`, `corpus` or `identities`".to_owned())),
    }
}

/// The numbers of a large log; `things` are its accounts or entities.
struct Sizes {
    events: u64,
    per_file: u64,
    seed: u64,
    things: u64,
}

/// The folder and the numbers; the last argument names the option for `things`, their usual number and the most there may be.
fn sizes(
    command: &str,
    mut args: impl Iterator<Item = String>,
    (option_of_things, usual, most): (&str, u64, u64),
) -> Result<(PathBuf, Sizes), Failure> {
    let out = out_dir(&mut args)?;
    let (mut events, mut per_file, mut seed, mut things) = (None, None, 1, usual);
    while let Some(option) = args.next() {
        match option.as_str() {
            "--events" => events = Some(number(&option, args.next(), 1, 1_000_000_000)?),
            "--per-file" => per_file = Some(number(&option, args.next(), 1, 1_000_000)?),
            "--seed" => seed = number(&option, args.next(), 0, u64::MAX)?,
            other if other == option_of_things => things = number(&option, args.next(), 1, most)?,
            other => return Err(Failure::new(format!("unknown option `{other}`"))),
        }
    }
    let missing = |option: &str| Failure::new(format!("{command} needs {option}"));
    let (events, per_file) = (events.ok_or_else(|| missing("--events"))?, per_file.ok_or_else(|| missing("--per-file"))?);
    Ok((out, Sizes { events, per_file, seed, things }))
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
