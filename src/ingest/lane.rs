//! [`begin`]: objects opened and read as far as one window goes, two small ones at once.

use super::object::{ObjectReport, WINDOW_BYTES};
use crate::problem::ProblemKind;
use crate::source::gzip::{Inflate, Scratch};
use crate::source::{Budget, Bytes, Object, Opener};

/// What a thread keeps from object to object, for each of those that it reads at once.
#[derive(Debug, Default)]
pub(super) struct Lane {
    scratch: Scratch,
    window: Vec<u8>,
}

/// An object whose first window has been read.
#[derive(Debug)]
pub(super) struct Begun<'l, 'o> {
    pub(super) object: &'o Object,
    pub(super) stream: Inflate<'l, Bytes<'o>>,
    pub(super) window: &'l mut Vec<u8>,
    /// Whether it goes on after the window.
    pub(super) more: bool,
}

/// Objects as they are to be begun: two small ones together where they follow one another, and any other one alone.
/// Hashing two together costs less (see [`Inflate::fill_both`]), and large ones would hold two windows.
pub(super) fn pairs(objects: &[Object]) -> impl Iterator<Item = &[Object]> {
    let mut rest = objects;
    std::iter::from_fn(move || {
        let is_pair = rest.first_chunk::<2>().is_some_and(|two| two.iter().all(|object| object.size <= SMALL_BYTES));
        let (next, after) = rest.split_at_checked(if is_pair { 2 } else { 1 })?;
        rest = after;
        Some(next)
    })
}

/// Opens one object or two and reads their first windows; a report instead for one that could not be opened.
pub(super) fn begin<'l, 'o>(
    objects: &'o [Object],
    lanes: &'l mut [Lane; 2],
    opener: &mut Opener,
    budget: Budget,
) -> Vec<Result<Begun<'l, 'o>, Box<ObjectReport>>> {
    let open = |(object, lane): (&'o Object, &'l mut Lane)| match opener.open_next(object) {
        Ok(reader) => {
            let Lane { scratch, window } = lane;
            Ok(Begun { object, stream: Inflate::new(reader, scratch, budget), window, more: true })
        }
        Err(cause) => Err(Box::new(ObjectReport::failed(object, ProblemKind::Unreadable, crate::error::plain_cause(&cause)))),
    };
    let mut begun: Vec<_> = objects.iter().zip(lanes).map(open).collect();
    if let [Ok(left), Ok(right)] = begun.as_mut_slice() {
        [left.more, right.more] =
            Inflate::fill_both([(&mut left.stream, &mut *left.window), (&mut right.stream, &mut *right.window)], WINDOW_BYTES);
    } else {
        for alone in begun.iter_mut().flatten() {
            alone.more = alone.stream.fill(alone.window, WINDOW_BYTES);
        }
    }
    begun
}

/// Stored bytes of an object that is begun together with another one. CloudTrail's own have up to some 100 KB.
const SMALL_BYTES: u64 = 1 << 20;
