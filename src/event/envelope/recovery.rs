//! What comes after a broken record: where it ends, or where the next one begins.

use std::fmt::Write as _;

use super::{Found, Sink, State, Walker, to_u64};
use crate::event::Event;
use crate::event::json::{Fault, MAX_DEPTH, Scanner};
use crate::event::reader::{self, Outcome};
use crate::problem::ProblemKind;

impl Walker {
    /// After a fault: finds the next record, or stops the walk there.
    pub(super) fn recover<'a>(&mut self, scanner: &mut Scanner<'a>, event: &mut Event<'a>, step: Step, sink: &mut impl Sink<'a>) {
        let Step { before, from, fault, last } = step;
        self.state = before;
        let (kind, at, message) = describe(fault, scanner.end());
        scanner.seek(from);
        scanner.skip_space();
        // The end of a piece is not that of the object.
        let more = !last || self.piece;
        let resumed = match before {
            State::Array { comma, .. } => self.skip_element(scanner, event, comma, at, more),
            State::Values => self.skip_line(scanner, at, more),
            _ => Resume::Lost,
        };
        match resumed {
            Resume::At { start, end, passed } => {
                scanner.seek(end);
                let span = self.span(scanner, start);
                let mut message = format!("{message} at byte {}", self.base + to_u64(at.max(start)));
                if passed {
                    let _infallible =
                        write!(message, "; {} bytes are passed over, and any other record in them is not counted", end - start);
                }
                sink.record(span, Found::Problem(kind, message));
                self.next_index += 1;
                if let State::Array { wrap, .. } = before {
                    self.state = State::Array { wrap, comma: true };
                }
            }
            Resume::NeedsMore if !last => scanner.seek(from),
            Resume::NeedsMore | Resume::Lost => {
                let rest = scanner.bytes_from(from);
                self.is_log |= FIRST_KEYS.iter().any(|key| memchr::memmem::find(rest, key).is_some());
                self.stop(at.max(from), kind, message);
                scanner.seek(from);
            }
        }
    }

    /// The next record of an array after one that is broken at `at`: after its end where quotes and brackets show
    /// it, else where the next one begins.
    fn skip_element<'a>(&mut self, scanner: &mut Scanner<'a>, event: &mut Event<'a>, comma: bool, at: usize, more: bool) -> Resume {
        if comma {
            if scanner.peek() != Some(b',') {
                // What stands between two records belongs to neither, and counts as a broken one.
                let start = scanner.position();
                return next_record(scanner, event, start, start, more);
            }
            scanner.bump();
            scanner.skip_space();
        }
        let start = scanner.position();
        let from = match self.extent(scanner, at, at.saturating_add(TANGLE_BYTES), more) {
            Extent::NeedsMore => return Resume::NeedsMore,
            Extent::Unclear { from } => from,
            Extent::Ends => {
                let end = scanner.position();
                match scanner.skip_space() {
                    Some(b',' | b']') if end > start => return Resume::At { start, end, passed: false },
                    None if self.piece => return Resume::At { start, end, passed: false },
                    None if more => return Resume::NeedsMore,
                    _ => at,
                }
            }
        };
        next_record(scanner, event, start, from, more)
    }

    /// Reads to the end of the broken value at the scanner, where its quotes and brackets tell it before `limit`.
    fn extent(&mut self, scanner: &mut Scanner<'_>, at: usize, limit: usize, more: bool) -> Extent {
        if self.base + to_u64(scanner.position()) < self.tangled {
            return Extent::Unclear { from: at };
        }
        match scanner.skip_balanced(limit) {
            Ok(()) => Extent::Ends,
            Err(Fault::Cut) if more && scanner.end() < limit => Extent::NeedsMore,
            Err(Fault::Syntax { at, .. }) => Extent::Unclear { from: at },
            Err(Fault::Cut | Fault::Depth { .. }) => {
                self.tangled = self.base + to_u64(limit.min(scanner.end()));
                Extent::Unclear { from: at }
            }
        }
    }

    /// After a broken value among lines: its end, where it does not reach into the next line that begins with an
    /// object or a list, as JSON Lines and indented values both do; else that line, or the next record on this one.
    fn skip_line(&mut self, scanner: &mut Scanner<'_>, at: usize, more: bool) -> Resume {
        let start = scanner.position();
        let line = self.seek(scanner, LINE, start);
        if matches!(scanner.peek(), Some(b'{' | b'[')) {
            let limit = at.saturating_add(TANGLE_BYTES).min(line.unwrap_or(usize::MAX));
            match self.extent(scanner, at, limit, more) {
                Extent::Ends if line.is_none_or(|line| scanner.position() <= line) => {
                    return Resume::At { start, end: scanner.position(), passed: false };
                }
                Extent::NeedsMore => return Resume::NeedsMore,
                _ => {}
            }
        }
        let record = self.seek(scanner, RECORD, start + 1);
        match [line, record].into_iter().flatten().min() {
            Some(end) => Resume::At { start, end, passed: false },
            None => Resume::NeedsMore,
        }
    }

    /// [`record_start`] or [`line_start`] from a place in the window on, remembered.
    fn seek(&mut self, scanner: &Scanner<'_>, what: usize, from: usize) -> Option<usize> {
        let slot = self.sought.get_mut(what)?;
        let known = slot.base == self.base && slot.end == scanner.end() && slot.from <= from;
        if !known || slot.found.is_some_and(|at| at < from) {
            let bytes = scanner.bytes_from(0);
            let found = if what == RECORD { record_start(bytes, from) } else { line_start(bytes, from) };
            *slot = Sought { base: self.base, end: scanner.end(), from, found };
        }
        slot.found
    }
}

/// A step of the walk that met a fault.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    pub(super) before: State,
    pub(super) from: usize,
    pub(super) fault: Fault,
    pub(super) last: bool,
}

enum Resume {
    /// The broken record is taken to end here, and another may follow; whether objects that cannot be told from
    /// records stand before that end.
    At { start: usize, end: usize, passed: bool },
    /// The end of the broken record is not in the window.
    NeedsMore,
    /// No end of the broken record can be told.
    Lost,
}

/// Where a broken value ends by its quotes and brackets.
enum Extent {
    /// Where the scanner stands now.
    Ends,
    /// They do not tell; the next record has to be looked for from here on.
    Unclear { from: usize },
    /// It is not in the window.
    NeedsMore,
}

/// Bytes after a fault in which brackets have to show the end of the broken record: `CloudTrail` cuts records at
/// 256 KB (service quotas), and exports that add fields or white space stay far below this.
const TANGLE_BYTES: usize = 4 << 20;

/// A search in a window: from where, and what it found.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sought {
    base: u64,
    end: usize,
    from: usize,
    found: Option<usize>,
}

const RECORD: usize = 0;
const LINE: usize = 1;

/// The key that `CloudTrail` writes first in every record, and its spelling in query engines' exports.
const FIRST_KEYS: [&[u8]; 2] = [b"\"eventVersion\"", b"\"eventversion\""];

/// The next line from `from` on that begins with an object or a list.
fn line_start(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    memchr::memchr_iter(b'\n', rest).find(|at| matches!(rest.get(at + 1), Some(b'{' | b'['))).map(|at| from + at + 1)
}

/// The next place from `from` on where a record seems to begin, as `CloudTrail` writes it. One inside another
/// value stands after a colon, a comma or a bracket and does not count.
fn record_start(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    memchr::memmem::find_iter(rest, FIRST_KEYS[0]).find_map(|key| {
        let (at, _) = before(bytes, from + key).filter(|(at, byte)| *byte == b'{' && *at >= from)?;
        let inside = before(bytes, at).is_some_and(|(_, byte)| matches!(byte, b':' | b'\\' | b'"' | b'[' | b','));
        (!inside).then_some(at)
    })
}

/// The byte before a place, white space apart, and where it stands.
fn before(bytes: &[u8], at: usize) -> Option<(usize, u8)> {
    let place = bytes.get(..at)?.iter().rposition(|byte| !byte.is_ascii_whitespace())?;
    Some((place, *bytes.get(place)?))
}

/// The next record of an array from `from` on, where the quotes and brackets of the broken one at `start` do not
/// tell its end: an object after a comma that begins with `CloudTrail`'s first key, or that is an event.
fn next_record<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>, start: usize, from: usize, more: bool) -> Resume {
    let bytes = scanner.bytes_from(0);
    let mut passed = false;
    let mut place = from.max(start + 1);
    while let Some(found) = memchr::memchr(b'{', scanner.bytes_from(place)) {
        let at = place + found;
        place = at + 1;
        let Some((comma, _)) = before(bytes, at).filter(|(comma, byte)| *byte == b',' && *comma > start) else { continue };
        scanner.seek(place);
        scanner.skip_space();
        let first_key = scanner.bytes_from(scanner.position());
        scanner.seek(at);
        let is_record = FIRST_KEYS.iter().any(|key| first_key.starts_with(key))
            || match reader::read(scanner, event) {
                Ok(outcome) => matches!(outcome, Outcome::Event(_) | Outcome::Wrapper(_)),
                Err(Fault::Cut) if more => return Resume::NeedsMore,
                Err(_) => false,
            };
        if is_record {
            return Resume::At { start, end: comma, passed };
        }
        // What was read is not looked at again, so that all of it costs no more than its bytes.
        passed = true;
        place = place.max(scanner.position());
    }
    if more { Resume::NeedsMore } else { Resume::Lost }
}

fn describe(fault: Fault, end: usize) -> (ProblemKind, usize, String) {
    match fault {
        Fault::Cut => (ProblemKind::JsonCut, end, "the text ends inside a record".to_owned()),
        Fault::Syntax { at, expected } => (ProblemKind::BadJson, at, format!("not JSON, expected {expected}")),
        Fault::Depth { at } => (ProblemKind::Limit, at, format!("nested deeper than {MAX_DEPTH} levels")),
    }
}
