//! [`hash`]: objects inflated and hashed, and nothing more read of them than digests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;

use rayon::prelude::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

use super::object::{self, ObjectReport, Status, WINDOW_BYTES};
use super::{Options, Progress, UNITS_AHEAD, pool, units};
use crate::digest::{DIGEST_KIND, Digest, Limits, Named};
use crate::error::Error;
use crate::problem::{Place, Problem, ProblemKind};
use crate::source::gzip::{Damage, Inflate, Scratch};
use crate::source::{Object, Opener, Openers};

/// Inflates and hashes all objects, and parses those that are digests by their names.
///
/// A damaged stream is for the chains to judge, as its content may be whole: a problem is only what kept an object
/// from being read to its end.
///
/// # Errors
/// [`Error::Setting`] where the threads cannot be started.
pub fn hash(objects: &[Object], options: &Options, progress: &Progress) -> Result<Vec<ObjectReport>, Error> {
    if objects.is_empty() {
        return Ok(Vec::new());
    }
    let units = units(objects);
    let openers = Openers::new(&units, UNITS_AHEAD);
    let hash_unit = |(number, unit): (usize, &&[Object])| {
        let (mut scratch, mut window, mut opener) = (Scratch::default(), Vec::new(), openers.take(number));
        let mut hash_next = |object: &Object| {
            let report = catch_unwind(AssertUnwindSafe(|| hash_object(object, &mut opener, options, &mut scratch, &mut window)));
            progress.objects.fetch_add(1, Ordering::Relaxed);
            progress.stored_bytes.fetch_add(object.size, Ordering::Relaxed);
            report.unwrap_or_else(|_| ObjectReport::defect(object))
        };
        unit.iter().map(&mut hash_next).collect::<Vec<_>>()
    };
    let done = pool(options)?.install(|| units.par_iter().enumerate().map(hash_unit).collect::<Vec<_>>());
    let mut reports = Vec::with_capacity(objects.len());
    for unit in done {
        reports.extend(unit);
    }
    Ok(reports)
}

fn hash_object(object: &Object, opener: &mut Opener, options: &Options, scratch: &mut Scratch, window: &mut Vec<u8>) -> ObjectReport {
    let reader = match opener.open_next(object) {
        Ok(reader) => reader,
        Err(cause) => return ObjectReport::failed(object, ProblemKind::Unreadable, crate::error::plain_cause(&cause)),
    };
    let mut stream = Inflate::new(reader, scratch, options.budget);
    let mut more = stream.fill(window, WINDOW_BYTES);
    let digest = digest_of(object, window, more);
    let is_json = object::begins_json(window);
    while more {
        window.clear();
        more = stream.fill(window, WINDOW_BYTES);
    }
    let bytes = stream.finish();
    let unread = match &bytes.damage {
        Some(Damage::Unreadable { .. } | Damage::Limit { .. }) => object::damage_problem(object, &bytes, None),
        _ => None,
    };
    let place = Place { object: object.name.clone(), record_index: None, offset: Some(bytes.inflated_bytes) };
    let problems: Vec<Problem> = unread.map(|(kind, message)| Problem { place, kind, message }).into_iter().collect();
    let status = if problems.is_empty() { Status::Read } else { Status::Problem };
    ObjectReport { bytes: Some(bytes), digest, is_json, status, problems, ..ObjectReport::nothing(object) }
}

/// The digest that an object's name promises, of its first window; one that goes on after it is over the limit.
pub(super) fn digest_of(object: &Object, window: &[u8], more: bool) -> Option<Result<Box<Digest>, crate::digest::Reason>> {
    // Only names with that kind need to be taken apart.
    let is_digest = object.key.as_ref().is_some_and(|key| key.kind == DIGEST_KIND);
    let Some(Named::Digest(_)) = is_digest.then(|| Named::parse(&object.name)).flatten() else { return None };
    Some(if more { Err(crate::digest::Reason::OverLimit) } else { Digest::parse(window, &Limits::default()) })
}
