//! [`Session`]: what every command that reads logs has in common.

use std::mem;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Result;
use trailsift::Error;
use trailsift::case::{Case, Scope};
use trailsift::detect::Catalog;
use trailsift::ingest::Progress;
use trailsift::time::EventTime;

use super::args::{FilterArgs, LogArgs, OutputArgs, RunArgs};
use super::exit::Exit;
use super::findings;
use super::input;
use super::messages::Messages;
use super::output::Output;
use super::progress::Display;
use super::text::count;

/// One run over logs: flags that are settled, nothing read yet.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) now: EventTime,
    /// What to read; the case has it afterwards.
    scope: Scope,
    pub(crate) output: Output,
    pub(crate) messages: Messages,
    run: RunArgs,
}

impl Session {
    /// Settles all that can fail before anything is read.
    pub(crate) fn open(sources: &[PathBuf], filter: &FilterArgs, output: &OutputArgs, run: &RunArgs) -> Result<Self, Error> {
        let now = input::now()?;
        let scope = input::scope(sources, filter, run, now)?;
        let messages = Messages::new(output.quiet, output.verbose);
        let output = Output::open(output)?;
        Ok(Self { now, scope, output, messages, run: run.clone() })
    }

    /// The same for a command that runs rules; yields the rules too.
    pub(crate) fn with_rules(args: &LogArgs) -> Result<(Self, Catalog), Error> {
        let LogArgs { sources, filter, rules, output, run } = args;
        let mut session = Self::open(sources, filter, output, run)?;
        session.scope.accepted = input::accepted(rules)?;
        session.scope.baseline = input::baseline(rules, session.now)?;
        let catalog = findings::load(rules, &session.scope.accepted)?;
        Ok((session, catalog))
    }

    /// Reads the logs; the display goes on until it is dropped, and nothing else may be written before.
    pub(crate) fn read(&mut self) -> Result<(Case, Display), Error> {
        if let Some(window) = input::window_text(&self.scope.options.filter.range) {
            self.messages.say(&format!("window   {window}"));
        }
        let progress = Arc::new(Progress::default());
        let display = Display::start(&progress, self.messages, self.run.no_progress);
        let case = Case::read(mem::take(&mut self.scope), &progress)?;
        Ok((case, display))
    }

    /// Says where everything ended, and yields the exit code; `whole` is false where evidence was lost after the reading.
    pub(crate) fn end(&self, case: &Case, alert: bool, whole: bool, more: &str) -> Exit {
        let ledger = &case.ledger;
        self.messages.ledger(ledger, more);
        if !ledger.is_clean() {
            let (objects, records) = (count(ledger.objects.problems, "object"), count(ledger.records.problems, "record"));
            self.messages.say(&format!("evidence is incomplete: {objects} and {records} with problems"));
        }
        Exit::of(alert, self.run.allow_problems || (whole && ledger.is_clean()))
    }
}
