//! Reading one object, whole or window by window, and what became of it.

use std::io::Read;
use std::sync::Arc;

use bumpalo::Bump;
use rayon::prelude::{IntoParallelIterator as _, ParallelIterator as _};

use super::hashes::digest_of;
use super::lane::{Begun, Lane, begin};
use super::part::{Loader, Part};
use super::{Keeper, Options};
use crate::digest::{Digest, Reason};
use crate::error::{Error, counted};
use crate::event::csv;
use crate::event::envelope::{Broken, Piece, Walker};
use crate::frame::{Batch, BatchBuilder};
use crate::problem::{Place, Problem, ProblemKind};
use crate::source::gzip::{Damage, Inflate, Summary};
use crate::source::{Object, Opener, disk};
use crate::time::EventTime;

/// How an object ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Read to its end.
    Read,
    /// Passed over, with the reason.
    Skipped(String),
    /// With a problem; what could be read is loaded.
    Problem,
}

/// What became of one object.
#[derive(Debug, Clone)]
pub struct ObjectReport {
    /// Its name.
    pub object: Arc<str>,
    /// How it ended.
    pub status: Status,
    /// What its bytes were; `None` where it could not be opened.
    pub bytes: Option<Summary>,
    /// Records met, less those that the filter left out.
    pub seen: u64,
    /// Events loaded, duplicates included.
    pub loaded: u64,
    /// Records that could not be loaded.
    pub record_problems: u64,
    /// Records that the filter left out.
    pub filtered: u64,
    /// What could not be used.
    pub problems: Vec<Problem>,
    /// What is odd.
    pub notices: Vec<Problem>,
    /// The earliest `event_time`.
    pub first_event: Option<EventTime>,
    /// The latest `event_time`.
    pub last_event: Option<EventTime>,
    /// The digest that its name promises, where digests were asked for.
    pub digest: Option<Result<Box<Digest>, Reason>>,
    /// Whether its content begins as a JSON object does.
    pub is_json: bool,
}

impl ObjectReport {
    /// The report of an object in which there is nothing.
    pub(crate) fn nothing(object: &Object) -> Self {
        Self {
            object: object.name.clone(),
            status: Status::Read,
            bytes: None,
            seen: 0,
            loaded: 0,
            record_problems: 0,
            filtered: 0,
            problems: Vec::new(),
            notices: Vec::new(),
            first_event: None,
            last_event: None,
            digest: None,
            is_json: false,
        }
    }

    /// The report of an object of which nothing could be read.
    pub(super) fn failed(object: &Object, kind: ProblemKind, message: String) -> Self {
        let place = Place { object: object.name.clone(), record_index: None, offset: None };
        Self { status: Status::Problem, problems: vec![Problem { place, kind, message }], ..Self::nothing(object) }
    }

    /// The report of an object at which the program failed.
    pub(super) fn defect(object: &Object) -> Self {
        Self::failed(object, ProblemKind::Internal, "reading it failed; this is a defect in trailsift, please report it".to_owned())
    }
}

/// What a thread keeps from object to object.
#[derive(Debug, Default)]
pub(super) struct Worker {
    lanes: [Lane; 2],
    arena: Bump,
}

/// Inflated bytes of an object that are read in one window; larger ones are read in several.
pub(super) const WINDOW_BYTES: usize = 64 << 20;
/// Bytes of the pieces of a window that are read side by side.
const PIECE_BYTES: usize = 8 << 20;
/// Bytes at an object's start in which its envelope shows.
const HEAD_BYTES: usize = 1 << 20;

impl Worker {
    /// Reads one object, or two that are begun together, and says of each what became of it.
    pub(super) fn read(
        &mut self,
        objects: &[Object],
        opener: &mut Opener,
        options: &Options,
        builder: &mut BatchBuilder,
        keeper: &mut Keeper<'_>,
    ) -> Result<Vec<ObjectReport>, Error> {
        let arena = &mut self.arena;
        let begun = begin(objects, &mut self.lanes, opener, options.budget).into_iter();
        begun.map(|begun| begun.map_or_else(|failed| Ok(*failed), |begun| begun.read(arena, options, builder, keeper))).collect()
    }
}

impl Begun<'_, '_> {
    fn read(self, arena: &mut Bump, options: &Options, builder: &mut BatchBuilder, keeper: &mut Keeper<'_>) -> Result<ObjectReport, Error> {
        let Self { object, mut stream, window, mut more } = self;
        arena.reset();
        let mut batches = Vec::new();
        let mut loader = Loader { object, options, part: Part::default(), builder, batches: &mut batches, repaired: false, failure: None };
        let digest = if options.digests { digest_of(object, window, more, stream.hash_of_whole()) } else { None };
        let first_bytes: Vec<u8> = window.iter().copied().take(SNIFF_BYTES).collect();
        let packed = archive(&first_bytes).is_some();
        let mut walker = if packed { Walker::at_no_json() } else { Walker::default() };
        let mut broken = None;
        if packed {
            // What an archive holds may look like lines of records, with its own bytes between them.
        } else if more {
            more = read_windows(&mut stream, window, &mut walker, &mut loader, keeper)?;
        } else {
            let (text, _) = text_of(window, true, &mut loader.repaired);
            walker.walk(text, true, arena, &mut loader);
        }
        if walker.is_csv() {
            let limit = usize::try_from(options.budget.whole_bytes).unwrap_or(usize::MAX);
            more = more && stream.fill(window, limit);
            let (text, _) = text_of(window, true, &mut loader.repaired);
            broken = csv::walk(text, arena, &mut loader).1;
            if more {
                let message = format!("a CSV download of more than {limit} bytes; the rows after them are not read");
                broken = Some(Broken { index: 0, offset: options.budget.whole_bytes, kind: ProblemKind::Limit, message });
            }
        }
        // The hash is that of the whole object, so the rest is inflated even where nothing more is read from it. But of
        // a plain file without a record, which may claim any length, the hash is asked for only where its name is AWS's.
        let is_empty = walker.is_stopped() && !walker.is_csv() && walker.records() == 0 && stream.is_plain();
        let mut wanted = match (is_empty, &object.key) {
            (false, _) => u64::MAX,
            (true, Some(_)) => options.budget.whole_bytes,
            (true, None) => 0,
        };
        while more && wanted > 0 {
            window.clear();
            more = stream.fill(window, WINDOW_BYTES);
            wanted = wanted.saturating_sub(u64::try_from(window.len()).unwrap_or(u64::MAX));
        }
        if let Some(error) = loader.failure.take() {
            return Err(error.into());
        }
        let (part, repaired) = (loader.part, loader.repaired);
        keeper.keep(batches)?;
        let report = conclude(object, part, repaired, &walker, broken.or_else(|| walker.broken().cloned()), stream.finish(), &first_bytes);
        Ok(match report.status {
            // What the chains judge is not passed over.
            Status::Skipped(_) if digest.is_some() => ObjectReport { digest, status: Status::Read, ..report },
            _ => ObjectReport { digest, ..report },
        })
    }
}

/// Reads an object that is larger than one window; `false` when the stream has ended.
fn read_windows<R: Read + Send>(
    stream: &mut Inflate<'_, R>,
    window: &mut Vec<u8>,
    walker: &mut Walker,
    loader: &mut Loader<'_, '_>,
    keeper: &mut Keeper<'_>,
) -> Result<bool, Error> {
    let mut more = true;
    let mut next: Vec<u8> = Vec::new();
    loop {
        keeper.keep(loader.batches.drain(..))?;
        let arena = Bump::new();
        let (text, split_letter) = text_of(window, !more, &mut loader.repaired);
        let head = text.get(..text.floor_char_boundary(HEAD_BYTES)).filter(|_| walker.is_blank());
        let done = head.map_or(0, |head| walker.walk(head, false, &arena, loader));
        if walker.is_stopped() {
            return Ok(more);
        }
        let rest = text.get(done..).unwrap_or_default();
        let before = walker.clone();
        let last = !more;
        next.clear();
        if let Some((pieces, covered)) = walker.split(rest, PIECE_BYTES, &arena) {
            next.extend_from_slice(rest.as_bytes().get(covered..).unwrap_or_default());
            next.extend_from_slice(split_letter);
            let kept = next.len();
            let ends = pieces.iter().skip(1).map(|piece| piece.walker.clone()).chain([walker.clone()]).collect::<Vec<_>>();
            let (pieces_read, still_more) =
                rayon::join(|| read_pieces(rest, pieces, &ends, loader), || more && stream.fill(&mut next, WINDOW_BYTES));
            more = still_more;
            if let Some(pieces_read) = pieces_read? {
                // What was collected before the pieces comes before them.
                loader.flush();
                for piece in pieces_read {
                    piece.join(loader);
                }
                std::mem::swap(window, &mut next);
                continue;
            }
            // The pieces are not what brackets made of them: all is read again, one record after the other.
            *walker = before;
            next.drain(..kept);
        }
        let read = walker.walk(rest, last, &arena, loader);
        // The bytes of a CSV download are all needed again, so that nothing may be taken out of the window.
        if last || walker.is_stopped() {
            return Ok(more);
        }
        let unread = [rest.as_bytes().get(read..).unwrap_or_default(), split_letter].concat();
        if unread.len() > loader.options.budget.record_bytes {
            let limit = loader.options.budget.record_bytes;
            walker.give_up(ProblemKind::Limit, format!("a record of more than {limit} bytes"));
            return Ok(more);
        }
        let target = unread.len().saturating_add(WINDOW_BYTES);
        next.splice(0..0, unread);
        more = stream.fill(&mut next, target);
        std::mem::swap(window, &mut next);
    }
}

/// What was read from one piece.
struct ReadPiece {
    part: Part,
    batches: Vec<Batch>,
}

impl ReadPiece {
    fn join(self, loader: &mut Loader<'_, '_>) {
        loader.part.join(self.part, loader.options.budget.listed_problems);
        loader.batches.extend(self.batches);
    }
}

/// Reads the pieces side by side; `None` where one of them does not end where the next begins.
fn read_pieces(text: &str, pieces: Vec<Piece>, ends: &[Walker], loader: &Loader<'_, '_>) -> Result<Option<Vec<ReadPiece>>, Error> {
    let (object, options, repaired) = (loader.object, loader.options, loader.repaired);
    let read: Vec<Result<(ReadPiece, Walker), Error>> = pieces
        .into_par_iter()
        .map(|Piece { range, mut walker }| {
            let (mut builder, mut batches, arena) = (BatchBuilder::default(), Vec::new(), Bump::new());
            let mut loader =
                Loader { object, options, part: Part::default(), builder: &mut builder, batches: &mut batches, repaired, failure: None };
            walker.walk(text.get(range).unwrap_or_default(), true, &arena, &mut loader);
            let (part, failure) = (loader.part, loader.failure);
            if let Some(error) = failure {
                return Err(error.into());
            }
            batches.extend(builder.finish()?);
            Ok((ReadPiece { part, batches }, walker))
        })
        .collect();
    let read = read.into_iter().collect::<Result<Vec<_>, Error>>()?;
    let fits = read.iter().zip(ends).all(|((_, walker), end)| walker.leads_to(end));
    Ok(fits.then(|| read.into_iter().map(|(piece, _)| piece).collect()))
}

/// The bytes as text. Each byte that is not UTF-8 becomes U+0001, which JSON does not allow in a
/// text, so that the record in which it stands is refused, no other one is, and no offset moves.
/// A letter that the window's end cuts in two, where more bytes follow, comes apart from the text.
pub(super) fn text_of<'w>(window: &'w mut [u8], last: bool, repaired: &mut bool) -> (&'w str, &'w [u8]) {
    let mut valid = 0;
    let mut end = window.len();
    // The fast check says only whether all of it is text.
    while simdutf8::basic::from_utf8(window.get(valid..).unwrap_or_default()).is_err()
        && let Err(error) = std::str::from_utf8(window.get(valid..).unwrap_or_default())
    {
        let at = valid + error.valid_up_to();
        if error.error_len().is_none() && !last {
            end = at;
            break;
        }
        let length = error.error_len().unwrap_or(window.len() - at);
        window.iter_mut().skip(at).take(length).for_each(|byte| *byte = 1);
        *repaired = true;
        valid = at + length;
    }
    let (text, split_letter) = window.split_at_checked(end).unwrap_or_default();
    (simdutf8::basic::from_utf8(text).unwrap_or_default(), split_letter)
}

fn conclude(
    object: &Object,
    mut part: Part,
    repaired: bool,
    walker: &Walker,
    broken: Option<Broken>,
    bytes: Summary,
    first_bytes: &[u8],
) -> ObjectReport {
    let mut status = Status::Read;
    let nothing = part.loaded + part.filtered + part.problems.count + part.foreign.count == 0;
    let no_log =
        bytes.damage.is_none() && nothing && !walker.is_log() && broken.as_ref().is_some_and(|broken| broken.kind == ProblemKind::BadJson);
    if no_log && !is_promised(object) {
        status = Status::Skipped("not a log: not JSON".to_owned());
    } else if let Some(problem) = object_problem(object, repaired, broken, &bytes) {
        part.problems.push(problem, usize::MAX);
        status = Status::Problem;
    } else if walker.is_one_value() && part.loaded + part.filtered + part.foreign.count == 0 && part.problems.count == 1 {
        // A file that is one broken value holds no record that could be told from the file.
        status = Status::Problem;
    } else if let Some(outcome) = no_records(object, walker, first_bytes) {
        match outcome {
            Status::Problem => {
                let place = Place { object: object.name.clone(), record_index: None, offset: Some(0) };
                let (kind, message) = if walker.is_blank() {
                    (ProblemKind::Empty, "the file is empty".to_owned())
                } else if let Some((what, command)) = archive(first_bytes) {
                    (ProblemKind::BadJson, format!("{what}; unpack it first: {command} {}", object.name))
                } else {
                    (ProblemKind::BadJson, "not JSON from its first byte".to_owned())
                };
                part.problems.push(Problem { place, kind, message }, usize::MAX);
                status = Status::Problem;
            }
            other => status = other,
        }
    } else if part.foreign.count > 0 && part.loaded + part.filtered + part.problems.count == 0 {
        status = Status::Skipped(format!("not a log: {}", part.foreign.first_message().unwrap_or_default()));
        part.foreign = super::part::Listed::default();
    }
    if bytes.members > 1 {
        let place = Place { object: object.name.clone(), record_index: None, offset: None };
        let message = format!("the gzip file has {} members; all are read", bytes.members);
        part.notices.push(Problem { place, kind: ProblemKind::SecondMember, message }, usize::MAX);
    }
    let object_problems = u64::from(status == Status::Problem);
    let foreign = part.foreign.count;
    let record_problems = part.problems.count - object_problems + foreign;
    let mut problems = part.problems.into_list();
    problems.extend(part.foreign.into_list());
    ObjectReport {
        object: object.name.clone(),
        status,
        bytes: Some(bytes),
        seen: part.loaded + record_problems,
        loaded: part.loaded,
        record_problems,
        filtered: part.filtered,
        problems,
        notices: part.notices.into_list(),
        first_event: part.first_event,
        last_event: part.last_event,
        digest: None,
        is_json: begins_json(first_bytes),
    }
}

/// Whether bytes at an object's start are those of a JSON object.
pub(super) fn begins_json(bytes: &[u8]) -> bool {
    bytes.trim_ascii_start().starts_with(b"{")
}

/// The problem of the object as a whole, if it has one: the damage to its stream comes before what followed from it.
fn object_problem(object: &Object, repaired: bool, broken: Option<Broken>, bytes: &Summary) -> Option<Problem> {
    let place = |record_index, offset| Place { object: object.name.clone(), record_index, offset: Some(offset) };
    if let Some((kind, message)) = damage_problem(object, bytes, broken.as_ref()) {
        return Some(Problem { place: place(broken.map(|broken| broken.index), bytes.inflated_bytes), kind, message });
    }
    let broken = broken?;
    let place = place(Some(broken.index), broken.offset);
    Some(if repaired && broken.kind == ProblemKind::BadJson {
        Problem { place, kind: ProblemKind::NotUtf8, message: "bytes that are not UTF-8".to_owned() }
    } else {
        Problem { place, kind: broken.kind, message: format!("{}; {}", broken.message, read_before(&broken)) }
    })
}

/// What is to be said of the damage to an object's stream, and of where its records broke off for that.
pub(super) fn damage_problem(object: &Object, bytes: &Summary, broken: Option<&Broken>) -> Option<(ProblemKind, String)> {
    let kept = || broken.map_or(String::new(), |broken| format!("; {}", read_before(broken)));
    Some(match bytes.damage.as_ref()? {
        Damage::Cut { at } => (ProblemKind::GzipCut, format!("the gzip stream is cut after {}{}", counted(*at, "stored byte"), kept())),
        Damage::Corrupt { at, what } => (ProblemKind::GzipDamaged, format!("{what}, at stored byte {at}{}", kept())),
        Damage::Trailing { at } => {
            let extra = bytes.stored_bytes.max(object.size).saturating_sub(*at);
            let follow = if extra == 1 { "follows" } else { "follow" };
            (ProblemKind::TrailingBytes, format!("{} {follow} the gzip stream, at stored byte {at}", counted(extra, "byte")))
        }
        Damage::Limit { inflated } => (
            ProblemKind::Limit,
            if bytes.members == 0 {
                format!("more than {inflated} bytes; reading stopped there{}", kept())
            } else {
                format!("{} stored bytes inflate to more than {inflated}; reading stopped there{}", bytes.stored_bytes, kept())
            },
        ),
        Damage::Unreadable { cause } => (ProblemKind::Unreadable, cause.clone()),
    })
}

/// What was saved of an object that breaks off.
fn read_before(broken: &Broken) -> String {
    format!("{} before it {} read", counted(broken.index, "record"), if broken.index == 1 { "was" } else { "were" })
}

/// For an object that is not JSON at all, or empty: a problem where its name promises a log, else a reason to skip it.
fn no_records(object: &Object, walker: &Walker, first_bytes: &[u8]) -> Option<Status> {
    if !walker.is_not_json() && !walker.is_blank() {
        return None;
    }
    Some(if is_promised(object) {
        Status::Problem
    } else if let Some((what, command)) = archive(first_bytes) {
        Status::Skipped(format!("not a log: {what}; unpack it first: {command} {}", object.name))
    } else if walker.is_blank() {
        Status::Skipped("not a log: empty".to_owned())
    } else {
        Status::Skipped("not a log: not JSON".to_owned())
    })
}

/// Whether the object's name says that it holds a log, so that anything else in it is a problem.
fn is_promised(object: &Object) -> bool {
    let name = object.name.to_ascii_lowercase();
    object.key.is_some()
        || object.name.as_ref() == disk::STDIN
        || [".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz"].iter().any(|end| name.ends_with(end))
}

/// Bytes that show what a file is; a tar's mark stands after its first header field.
const SNIFF_BYTES: usize = 512;

/// What kind of archive begins with these (inflated) bytes, and the command that unpacks it.
fn archive(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    let marks: [(&[u8], _, _); 5] = [
        (b"PK\x03\x04", "a zip archive", "unzip"),
        (b"\x28\xb5\x2f\xfd", "a zstd file", "zstd -d"),
        (b"\xfd7zXZ\0", "an xz file", "xz -d"),
        (b"BZh", "a bzip2 file", "bzip2 -d"),
        (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x"),
    ];
    if bytes.get(257..262) == Some(b"ustar") {
        return Some(("a tar archive", "tar -xf"));
    }
    marks.into_iter().find(|(mark, _, _)| bytes.starts_with(mark)).map(|(_, what, command)| (what, command))
}
