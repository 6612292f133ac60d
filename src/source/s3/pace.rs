//! [`Pace`]: how many objects are fetched at once, fewer after S3 asked to slow down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A number of requests that grows while they succeed and shrinks when S3 asks for it.
#[derive(Debug)]
pub(super) struct Pace {
    slots: Arc<Semaphore>,
    most: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    allowed: usize,
    /// Slots that are to be taken away when those who hold them are done.
    owed: usize,
    successes: usize,
    slowed: Option<Instant>,
}

impl Pace {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        let allowed = most.div_ceil(4);
        let state = State { allowed, owed: 0, successes: 0, slowed: None };
        Self { slots: Arc::new(Semaphore::new(allowed)), most, state: Mutex::new(state) }
    }

    /// Waits for a slot; `None` never comes, as nobody closes them.
    pub(super) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        self.slots.clone().acquire_owned().await.ok()
    }

    /// Gives a slot back after its request succeeded or failed.
    pub(super) fn done(&self, slot: Option<OwnedSemaphorePermit>, succeeded: bool) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.owed > 0 {
            state.owed -= 1;
            if let Some(slot) = slot {
                slot.forget();
            }
            return;
        }
        state.successes += usize::from(succeeded);
        if state.successes >= GROW_AFTER && state.allowed < self.most {
            state.successes = 0;
            state.allowed += 1;
            self.slots.add_permits(1);
        }
    }

    /// Takes away a quarter of the slots; answers of one wave count once.
    pub(super) fn slow_down(&self, now: Instant) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.slowed.is_some_and(|before| now.duration_since(before) < WAVE) {
            return;
        }
        state.slowed = Some(now);
        let fewer = state.allowed / 4;
        state.owed += fewer;
        state.allowed -= fewer;
        state.successes = 0;
    }

    /// How many requests may be under way.
    #[cfg(test)]
    fn allowed(&self) -> usize {
        self.state.lock().unwrap().allowed
    }
}

/// Successes after which there is one slot more.
const GROW_AFTER: usize = 4;
/// How long answers that ask to slow down count as one.
const WAVE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_with_success_and_shrinks_when_asked() {
        let pace = Pace::new(40);
        let slot = || pace.slots.clone().try_acquire_owned().ok();
        let mut now = Instant::now();
        assert_eq!(pace.allowed(), 10);
        for _ in 0..1_000 {
            pace.done(slot(), true);
        }
        assert_eq!((pace.allowed(), pace.slots.available_permits()), (40, 40));
        pace.slow_down(now);
        pace.slow_down(now);
        assert_eq!(pace.allowed(), 30);
        for _ in 0..10 {
            pace.done(slot(), false);
        }
        assert_eq!(pace.slots.available_permits(), 30);
        for _ in 0..20 {
            now += WAVE;
            pace.slow_down(now);
        }
        assert!((1..=3).contains(&pace.allowed()));
    }
}
