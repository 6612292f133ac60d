//! [`Ahead`]: the objects of one unit of work, fetched before they are asked for.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::{JoinHandle, JoinSet};

use super::ROOM_BYTES;
use super::failure::Failure;
use super::object::{Reader, RemoteObject, Target};

/// Objects that are fetched in the order in which they will be read, many at once.
///
/// All of a run share the bounds of [`Limits`](super::Limits). An object that has not been begun when it is asked for
/// is fetched at once and outside of them, so one that waits never waits for another reader: one object a thread is the
/// most that this adds.
#[derive(Debug)]
pub struct Ahead {
    waiting: VecDeque<Waiting>,
    driver: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Waiting {
    object: RemoteObject,
    /// `None` for an object that is read as it comes.
    fetch: Option<(Arc<AtomicBool>, oneshot::Receiver<Fetched>)>,
}

/// What a task does for the one that waits.
struct Order {
    target: Arc<Target>,
    /// Set by whoever fetches the object.
    taken: Arc<AtomicBool>,
    answer: oneshot::Sender<Fetched>,
}

type Fetched = Result<(Vec<u8>, OwnedSemaphorePermit), Failure>;

impl Ahead {
    /// Begins to fetch.
    pub fn new<'o>(objects: impl IntoIterator<Item = &'o RemoteObject>) -> Self {
        let (mut waiting, mut orders) = (VecDeque::new(), Vec::new());
        for object in objects {
            let target = &object.target;
            let fetch = (target.size <= target.bucket.wire.limits.whole_bytes).then(|| {
                let (answer, receiver) = oneshot::channel();
                let taken = Arc::new(AtomicBool::new(false));
                orders.push(Order { target: target.clone(), taken: taken.clone(), answer });
                (taken, receiver)
            });
            waiting.push_back(Waiting { object: object.clone(), fetch });
        }
        let driver = waiting.front().map(|first| first.object.runtime.spawn(drive(orders)));
        Self { waiting, driver }
    }

    /// Opens the next object; `None` after the last.
    ///
    /// # Errors
    /// Why it could not be read, in one sentence.
    pub fn open_next(&mut self) -> Option<io::Result<Reader>> {
        let Waiting { object, fetch } = self.waiting.pop_front()?;
        let Some((taken, receiver)) = fetch else { return Some(Ok(object.open())) };
        if !taken.swap(true, Ordering::AcqRel) {
            let bytes = object.runtime.block_on(object.target.whole());
            return Some(bytes.map(|bytes| Reader::whole(bytes, None)).map_err(Failure::into_io));
        }
        let fetched = receiver.blocking_recv().unwrap_or_else(|_| Err(Failure::new("fetching it failed; this is a defect in trailsift")));
        Some(fetched.map(|(bytes, room)| Reader::whole(bytes, Some(room))).map_err(Failure::into_io))
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.abort();
        }
    }
}

/// Fetches in order, as far as there is room; when it is dropped, so are the requests under way.
async fn drive(orders: Vec<Order>) {
    let mut tasks = JoinSet::new();
    for Order { target, taken, answer } in orders {
        let wire = target.bucket.wire.clone();
        let rooms = u32::try_from(target.size / ROOM_BYTES).unwrap_or(u32::MAX).saturating_add(1).min(wire.rooms);
        let Ok(room) = wire.room.clone().acquire_many_owned(rooms).await else { return };
        let slot = wire.pace.slot().await;
        if taken.swap(true, Ordering::AcqRel) {
            continue;
        }
        tasks.spawn(async move {
            let bytes = target.whole().await;
            wire.pace.done(slot, bytes.is_ok());
            // Nobody waits where the reader has given up.
            let _ = answer.send(bytes.map(|bytes| (bytes, room)));
        });
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
}
