//! [`Session`]: what every command that reads logs has in common.

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use trailsift::Error;
use trailsift::case::{Case, Scope, Trust, as_case};
use trailsift::detect::Catalog;
use trailsift::digest::Severity;
use trailsift::frame::Store;
use trailsift::ingest::Progress;
use trailsift::source::{Object, Source};
use trailsift::time::EventTime;

use super::args::{AwsArgs, CompareArgs, FailOn, FilterArgs, LogArgs, OutputArgs, RunArgs, TrustArgs};
use super::drift::has_any;
use super::exit::Exit;
use super::findings;
use super::input;
use super::keys::Keys;
use super::memory;
use super::messages::Messages;
use super::output::Output;
use super::progress::Display;
use super::snapshots::{self, ComparedFile};
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
    pub(crate) fn open(sources: &[PathBuf], aws: &AwsArgs, filter: &FilterArgs, output: &OutputArgs, run: &RunArgs) -> Result<Self, Error> {
        let now = input::now()?;
        let scope = input::scope(sources, aws, filter, run.jobs, now)?;
        let messages = Messages::new(output.quiet, output.verbose);
        let output = Output::open(output)?;
        Ok(Self { now, scope, output, messages, run: run.clone() })
    }

    /// The same for a command that runs rules; yields the rules too.
    pub(crate) fn with_rules(args: &LogArgs) -> Result<(Self, Catalog), Error> {
        let LogArgs { sources, aws, filter, rules, output, run } = args;
        let mut session = Self::open(sources, aws, filter, output, run)?;
        session.scope.accepted = input::accepted(rules)?;
        session.scope.baseline = input::baseline(rules, session.now)?;
        let catalog = findings::load(rules, &session.scope.accepted)?;
        Ok((session, catalog))
    }

    /// Has digests verified too, with keys of `keys` where some are missing.
    pub(crate) fn verifying(&mut self, args: &TrustArgs, keys: &Keys) -> Result<(), Error> {
        self.scope.trust = Some(Trust { key_source: keys.source(), ..input::trust(args, &self.scope.sources)? });
        Ok(())
    }

    /// Has identities compared too; yields the files that they are compared with.
    pub(crate) fn comparing(&mut self, args: &CompareArgs) -> Result<Vec<ComparedFile>, Error> {
        let (setup, files) = snapshots::setup(args, self.now)?;
        self.scope.drift = setup;
        Ok(files)
    }

    /// Has objects that are fetched from S3 kept in a folder, from which a later run goes on.
    #[cfg(feature = "s3")]
    pub(crate) fn keep_fetched(&mut self, folder: PathBuf) -> Result<(), Error> {
        if let Some(path) = self.scope.sources.iter().find_map(Source::as_path) {
            let reason = format!("it is about what is fetched from S3, and {} is no bucket", path.display());
            return Err(Error::setting("--resume", reason));
        }
        self.scope.s3.keep = Some(folder);
        Ok(())
    }

    /// What is to be read.
    pub(crate) fn sources(&self) -> &[Source] {
        &self.scope.sources
    }

    /// Reads the logs, or a case in their place; the display goes on until it is dropped, and nothing else may be
    /// written before.
    pub(crate) fn read(&mut self) -> Result<(Case, Display), Error> {
        let limit = self.run.memory;
        self.read_into(|_| Ok(memory::store(limit)))
    }

    /// The same with events kept where `place` says, which is asked once the logs are listed.
    pub(crate) fn read_into(&mut self, place: impl FnOnce(&[Object]) -> Result<Store, Error>) -> Result<(Case, Display), Error> {
        if let Some(window) = input::window_text(&self.scope.options.filter.range) {
            self.messages.say(&format!("window   {window}"));
        }
        let progress = Arc::new(Progress::default());
        let display = Display::start(&progress, self.messages, self.run.no_progress);
        let case = match as_case(&self.scope.sources)?.map(Path::to_owned) {
            Some(folder) => Case::open(mem::take(&mut self.scope), &folder)?,
            None => Case::read(mem::take(&mut self.scope), &progress, place)?,
        };
        Ok((case, display))
    }

    /// Bytes that events may take in memory.
    pub(crate) fn memory_for_events(&self) -> u64 {
        memory::for_events(self.run.memory)
    }

    /// Says where everything ended, and yields the exit code; `whole` is false where evidence was lost after the reading.
    ///
    /// # Errors
    /// Those of replaying identities, where the run may fail on drift.
    pub(crate) fn end(&self, case: &Case, alert: bool, whole: bool, more: &str) -> Result<Exit, Error> {
        let ledger = &case.ledger;
        self.messages.ledger(ledger, more);
        if !ledger.is_clean() {
            let (objects, records) = (count(ledger.objects.problems, "object"), count(ledger.records.problems, "record"));
            self.messages.say(&format!("evidence is incomplete: {objects} and {records} with problems"));
        }
        let worst = case.integrity.as_ref().map(|integrity| integrity.worst);
        let worst_text = worst.filter(|worst| *worst > Severity::Info).map(Severity::overall);
        if let Some(verdict) = worst_text {
            self.messages.say(&format!("the digests' verdict is {verdict}: not all files are proven to be what CloudTrail delivered"));
        }
        let alert = alert
            || match self.run.fail_on {
                Some(FailOn::Invalid) => worst == Some(Severity::Error),
                Some(FailOn::Drift) => has_any(case.replay()?, |item| item.approved_by.is_none())?,
                Some(FailOn::Severity(_)) | None => false,
            };
        Ok(Exit::of(alert, self.run.allow_problems || (whole && ledger.is_clean() && worst_text.is_none())))
    }
}
