//! [`side_by_side`]: work on batches, as many at a time as there are threads.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::Error;

/// What `work` yields for each number below `count`, in their order.
///
/// As many numbers are worked on at a time as rayon has threads, and no more: a thread of rayon's own that waits for the
/// table engine would take up the next batch meanwhile, hold both, and perhaps wait again.
///
/// # Errors
/// That of `work` for the smallest number for which it fails; those after it may be left undone.
pub(super) fn side_by_side<T: Send>(count: usize, work: impl Fn(usize) -> Result<T, Error> + Sync) -> Result<Vec<T>, Error> {
    let threads = rayon::current_num_threads().min(count);
    if threads <= 1 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let work_on = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return done;
            }
            let result = work(number);
            if result.is_err() {
                // Numbers are given out in order, so that the smaller ones are done or under way.
                next.store(count, Ordering::Relaxed);
            }
            done.push((number, result));
        }
    };
    let mut done: Vec<(usize, Result<T, Error>)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work_on)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    done.sort_unstable_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_come_in_order_and_the_first_error_counts() {
        assert_eq!(side_by_side(1_000, Ok).expect("no errors"), (0..1_000).collect::<Vec<_>>());
        assert_eq!(side_by_side(0, Ok).expect("nothing"), Vec::<usize>::new());
        let fails = |number: usize| if number % 100 == 99 { Err(Error::setting("n", number.to_string())) } else { Ok(number) };
        for _ in 0..20 {
            let error = side_by_side(1_000, fails).expect_err("it fails");
            assert!(error.to_string().contains("99") && !error.to_string().contains('1'), "{error}");
        }
    }
}
