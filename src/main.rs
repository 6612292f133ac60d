//! The `trailsift` program: reads the arguments, runs the command, and says how it ended.

mod cli;

use std::io;
use std::process::ExitCode;

use clap::Parser as _;

use cli::args::Cli;
use cli::exit::Exit;
use cli::messages;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help that nobody reads to its end is no failure.
            let _ = error.print();
            return if error.use_stderr() { Exit::Failed } else { Exit::Clean }.into();
        }
    };
    match cli::run(&cli) {
        Ok(exit) => exit.into(),
        Err(error) if is_closed_pipe(&error) => Exit::Clean.into(),
        Err(error) => {
            messages::report(&error);
            Exit::Failed.into()
        }
    }
}

/// Whether the reader of the output has gone, as `head` does: it has what it wanted.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = match cause.downcast_ref() {
            Some(trailsift::Error::Io { cause, .. }) => Some(cause),
            _ => cause.downcast_ref::<io::Error>(),
        };
        io.is_some_and(|io| io.kind() == io::ErrorKind::BrokenPipe)
    })
}
