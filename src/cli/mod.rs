//! The command line: a file a command, and what they share.
//!
//! `args` is what can be typed, `session` reads the logs, `output` writes the answer whole or
//! not at all, `table` and `text` make it readable, and `messages` and `progress` own standard
//! error; `leftovers` cleans up after an interrupt. The clock, the environment and the terminal are looked at here and nowhere else.

mod answer;
pub(crate) mod args;
mod case_folder;
mod detect;
mod drift;
mod evidence;
pub(crate) mod exit;
mod explain;
#[cfg(feature = "s3")]
mod fetch;
mod findings;
mod input;
mod investigate;
#[cfg(feature = "s3")]
mod keys;
#[cfg(not(feature = "s3"))]
#[path = "no_keys.rs"]
mod keys;
mod leftovers;
mod listing;
mod memory;
pub(crate) mod messages;
mod output;
mod progress;
mod rules;
mod session;
mod snapshots;
mod space;
mod sql;
mod summarize;
mod summary;
mod table;
mod text;
mod timeline;
mod verify;

use anyhow::Result;

use args::{Cli, Command};
use exit::Exit;

/// Runs the command.
pub(crate) fn run(cli: &Cli) -> Result<Exit> {
    memory::hold_together(cli.command.memory());
    leftovers::watch();
    match &cli.command {
        Command::Investigate(args) => investigate::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Detect(args) => detect::run(args),
        Command::Drift(args) => drift::run(args),
        Command::Timeline(args) => timeline::run(args),
        Command::Summary(args) => summarize::run(args),
        Command::Sql(args) => sql::run(args),
        Command::Rules(args) => rules::run(&args.command),
        #[cfg(feature = "s3")]
        Command::Fetch(args) => fetch::run(args),
    }
}
