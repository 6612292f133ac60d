//! [`Keeper`]: puts items away while replay goes on.

use std::mem;
use std::panic::resume_unwind;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use super::super::replay::spawned;
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
    /// Whether it could not put one away, and takes no more.
    has_failed: bool,
}

impl<'s, 'a: 's> Keeper<'s, 'a> {
    /// One that works as long as the scope lasts.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub(super) fn start<'e>(scope: &'s Scope<'s, 'e>, setup: &'a Setup) -> Result<Self, Error> {
        let (sender, drafts) = sync_channel(QUEUED);
        let thread = spawned(scope, move || keep(setup, &drafts))?;
        Ok(Self { waiting: Vec::new(), sender, thread, len: 0, has_failed: false })
    }

    /// Whether it could not put an item away; its end tells why.
    pub(super) const fn has_failed(&self) -> bool {
        self.has_failed
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
        self.has_failed |= self.sender.send(mem::take(&mut self.waiting)).is_err();
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
