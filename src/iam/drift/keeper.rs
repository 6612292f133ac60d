//! [`Keeper`]: puts items away while replay goes on.

use std::mem;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use super::Setup;
use super::finish::Drafts;
use super::run::Draft;
use crate::error::Error;

/// A thread that puts items away, in the order in which they are given to it.
#[derive(Debug)]
pub(super) struct Keeper<'s, 'a> {
    waiting: Vec<Draft>,
    sender: SyncSender<Vec<Draft>>,
    thread: ScopedJoinHandle<'s, Result<Drafts<'a>, Error>>,
    /// How many items it was given.
    len: usize,
}

impl<'s, 'a: 's> Keeper<'s, 'a> {
    /// One that works as long as the scope lasts.
    pub(super) fn start<'e>(scope: &'s Scope<'s, 'e>, setup: &'a Setup) -> Self {
        let (sender, drafts) = sync_channel(QUEUED);
        Self { waiting: Vec::new(), sender, thread: scope.spawn(move || keep(setup, &drafts)), len: 0 }
    }

    /// How many items it was given.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Takes items, of which nothing changes any more before the end.
    pub(super) fn keep(&mut self, drafts: &mut Vec<Draft>) {
        self.len += drafts.len();
        self.waiting.append(drafts);
        if self.waiting.len() >= AT_ONCE {
            self.send();
        }
    }

    fn send(&mut self) {
        // It stops where it fails, which its end tells.
        let _ = self.sender.send(mem::take(&mut self.waiting));
    }

    /// All items.
    ///
    /// # Errors
    /// Where one could not be put away.
    pub(super) fn finish(mut self) -> Result<Drafts<'a>, Error> {
        self.send();
        drop(self.sender);
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

fn keep<'a>(setup: &'a Setup, drafts: &Receiver<Vec<Draft>>) -> Result<Drafts<'a>, Error> {
    let mut kept = Drafts::new(setup);
    for draft in drafts.iter().flatten() {
        kept.push(draft)?;
    }
    Ok(kept)
}

/// Items that are handed over at once.
const AT_ONCE: usize = 256;

/// How often that may be done before the first of them are put away.
const QUEUED: usize = 4;
