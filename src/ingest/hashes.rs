//! [`hash`]: objects inflated and hashed, and nothing more read of them than digests.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rayon::prelude::{IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _};

use super::lane::{Begun, Lane, begin, pairs};
use super::object::{self, ObjectReport, Status, WINDOW_BYTES};
use super::{Options, Progress, UNITS_AHEAD, pool, units};
use crate::digest::{DIGEST_KIND, Digest, Limits, Named, Reason};
use crate::error::Error;
use crate::problem::{Place, Problem};
use crate::source::gzip::Damage;
use crate::source::{Object, Opener, Openers, Sha256};

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
        let (mut lanes, mut opener) = (<[Lane; 2]>::default(), openers.take(number));
        let mut reports = Vec::with_capacity(unit.len());
        for pair in pairs(unit) {
            let hashed = catch_unwind(AssertUnwindSafe(|| hash_begun(pair, &mut lanes, &mut opener, options)));
            let hashed = hashed.unwrap_or_else(|_| pair.iter().map(|object| hash_alone(object, options)).collect());
            progress.add(pair, &hashed);
            reports.extend(hashed);
        }
        reports
    };
    let done = pool(options)?.install(|| units.par_iter().enumerate().map(hash_unit).collect::<Vec<_>>());
    let mut reports = Vec::with_capacity(objects.len());
    for unit in done {
        reports.extend(unit);
    }
    Ok(reports)
}

/// Hashes an object with which, or with another, the program failed: only the one to blame is lost.
fn hash_alone(object: &Object, options: &Options) -> ObjectReport {
    let alone = || hash_begun(std::slice::from_ref(object), &mut <[Lane; 2]>::default(), &mut Opener::new([object]), options).pop();
    catch_unwind(AssertUnwindSafe(alone)).ok().flatten().unwrap_or_else(|| ObjectReport::defect(object))
}

fn hash_begun(objects: &[Object], lanes: &mut [Lane; 2], opener: &mut Opener, options: &Options) -> Vec<ObjectReport> {
    let begun = begin(objects, lanes, opener, options.budget).into_iter();
    begun.map(|begun| begun.map_or_else(|failed| *failed, hash_object)).collect()
}

fn hash_object(begun: Begun<'_, '_>) -> ObjectReport {
    let Begun { object, mut stream, window, mut more } = begun;
    let digest = digest_of(object, window, more, stream.hash_of_whole());
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

/// The digest that an object's name promises, of its first window; one that goes on after it is over the limit. `sha256`
/// is that of the window, where it is known already.
pub(super) fn digest_of(object: &Object, window: &[u8], more: bool, sha256: Option<Sha256>) -> Option<Result<Box<Digest>, Reason>> {
    // Only names with that kind need to be taken apart.
    let is_digest = object.key.as_ref().is_some_and(|key| key.kind == DIGEST_KIND);
    let Some(Named::Digest(_)) = is_digest.then(|| Named::parse(&object.name)).flatten() else { return None };
    Some(if more { Err(Reason::OverLimit) } else { Digest::of_content(window, sha256, &Limits::default()) })
}
