//! What an interrupted run must not leave behind: the hidden files and folders it writes, and its lock.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static LEFTOVERS: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Takes note of a file or folder that is to go if the run is interrupted; to be called before it is made.
pub(crate) fn keep(path: &Path) {
    all().insert(path.to_owned());
}

/// Forgets it, as it is gone or has its final name. While an interrupted run is being ended, this never returns.
pub(crate) fn forget(path: &Path) {
    all().remove(path);
}

fn all() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    LEFTOVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the process with 130 on an interrupt or a request to end, after all leftovers have been removed.
#[cfg(unix)]
pub(crate) fn watch() {
    use signal_hook::consts::{SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    // Where the signals cannot be watched they end the process as they always did.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM]) else { return };
    let wait = move || {
        if signals.forever().next().is_some() {
            end(&all());
        }
    };
    let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(wait);
}

#[cfg(not(unix))]
pub(crate) const fn watch() {}

/// The lock is held until the end, so that no other thread reports a file that was taken from it.
#[cfg(unix)]
#[expect(clippy::exit, reason = "the thread that works cannot be asked to stop")]
fn end(leftovers: &BTreeSet<PathBuf>) -> ! {
    for path in leftovers {
        // The run may still write into a folder while it is being removed.
        let _ = (0..10).any(|_| std::fs::remove_file(path).is_ok() || std::fs::remove_dir_all(path).is_ok() || !path.exists());
    }
    std::process::exit(super::exit::INTERRUPTED)
}
