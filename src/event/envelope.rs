//! [`Walker`]: finds the records in a text, in whatever form they are stored or exported.
//!
//! It knows the JSON forms in which logs are delivered and exported (the CSV download is
//! [`csv`]'s), recognises them by content, and can be fed a text
//! window by window. A record that cannot be read is passed over where the end
//! of it can be found; where it cannot, the walk stops and says where.

mod recovery;

use bumpalo::Bump;

use super::json::{Fault, Scanner};
use super::reader::{self, Outcome, Wrap};
use super::{Event, csv};
use crate::problem::ProblemKind;
use recovery::{Sought, Step};

/// Where a record stands, and its bytes.
#[derive(Debug, Clone, Copy)]
pub struct RecordSpan<'t> {
    /// Its place among the object's records, from 0.
    pub index: u64,
    /// Bytes of the inflated object before it.
    pub offset: u64,
    /// Its bytes as they came.
    pub raw: &'t str,
}

/// What a record turned out to be.
#[derive(Debug)]
pub enum Found<'e, 'a> {
    /// An event, and the name of the envelope that held it.
    Event(&'e mut Event<'a>, &'static str),
    /// An object that is no `CloudTrail` event, and what it is.
    Foreign(&'a str),
    /// A record that cannot be used.
    Problem(ProblemKind, String),
}

/// Takes the records as they are found, in order.
pub trait Sink<'a> {
    /// One record.
    fn record(&mut self, span: RecordSpan<'a>, found: Found<'_, 'a>);
}

/// Why a walk ended before the text did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The record in which, or before which, it ended.
    pub index: u64,
    /// Bytes of the inflated object before the place.
    pub offset: u64,
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// What is wrong there.
    pub message: String,
}

/// How far the walk through one object has come.
#[derive(Debug, Clone)]
pub struct Walker {
    state: State,
    /// Bytes of the inflated object before the window at hand.
    base: u64,
    next_index: u64,
    broken: Option<Broken>,
    /// The list that holds the object whose records are being read, where it stands in one.
    outer: Option<Wrap>,
    /// What was looked for last after a broken record, so that no byte is searched twice.
    sought: [Sought; 2],
    /// Up to this byte of the inflated object brackets have been tried, and did not show where a broken record ends.
    tangled: u64,
    /// Whether a list of records was entered, or something broken names an event's first key.
    is_log: bool,
    /// Part of an object: the text may end between two elements of an array.
    piece: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but white space was read.
    Start,
    /// Between values that stand one after the other; the number of those before.
    Values,
    /// In an array of records; whether one has been read.
    Array {
        wrap: Wrap,
        comma: bool,
    },
    /// After the array of an object that holds records; whether a key that is not read has been reported.
    Tail {
        reported: bool,
    },
    /// At the first byte of something that is no JSON.
    NotJson,
    /// At the first byte of a CSV download.
    Csv,
    Stopped,
}

/// A run of whole records within a window.
#[derive(Debug, Clone)]
pub struct Piece {
    /// Its bytes in the window.
    pub range: std::ops::Range<usize>,
    /// The walk to do in it.
    pub walker: Walker,
}

impl Default for Walker {
    fn default() -> Self {
        Self {
            state: State::Start,
            base: 0,
            next_index: 0,
            broken: None,
            outer: None,
            sought: [Sought::default(); 2],
            tangled: 0,
            is_log: false,
            piece: false,
        }
    }
}

impl Walker {
    /// A walk that has ended before its first byte, at something that is no JSON.
    pub fn at_no_json() -> Self {
        Self { state: State::NotJson, ..Self::default() }
    }

    /// Walks through the next window of the object and yields how many of its bytes are done with.
    ///
    /// The next window has to begin with the bytes that are not. `last` tells that no window follows.
    pub fn walk<'a>(&mut self, window: &'a str, last: bool, arena: &'a Bump, sink: &mut impl Sink<'a>) -> usize {
        let mut scanner = Scanner::new(window, arena);
        let mut event = Event::new(arena);
        let mut done = 0;
        loop {
            let before = self.state;
            match self.advance(&mut scanner, &mut event, last, sink) {
                Ok(true) => done = scanner.position(),
                Ok(false) => {
                    done = scanner.position();
                    break;
                }
                Err(Fault::Cut) if !last => {
                    self.state = before;
                    break;
                }
                Err(fault) => {
                    self.recover(&mut scanner, &mut event, Step { before, from: done, fault, last }, sink);
                    if self.state == before && !last && self.broken.is_none() && scanner.position() == done {
                        break;
                    }
                    done = scanner.position();
                }
            }
        }
        self.base += to_u64(done);
        done
    }

    /// How many records have been met.
    pub const fn records(&self) -> u64 {
        self.next_index
    }

    /// Why the walk ended early, if it did.
    pub const fn broken(&self) -> Option<&Broken> {
        self.broken.as_ref()
    }

    /// Whether there is nothing more to do in this object.
    pub const fn is_stopped(&self) -> bool {
        matches!(self.state, State::Stopped | State::NotJson | State::Csv)
    }

    /// Whether the object is not JSON at all.
    pub const fn is_not_json(&self) -> bool {
        matches!(self.state, State::NotJson)
    }

    /// Whether the object is a CSV download.
    pub const fn is_csv(&self) -> bool {
        matches!(self.state, State::Csv)
    }

    /// Whether something shows that the object is meant to hold records, be they read or not.
    pub const fn is_log(&self) -> bool {
        self.is_log || self.next_index > 0
    }

    /// Whether the object was one value and nothing more.
    pub const fn is_one_value(&self) -> bool {
        self.next_index == 1 && matches!(self.state, State::Values)
    }

    /// Whether the object held nothing but white space.
    pub const fn is_blank(&self) -> bool {
        matches!(self.state, State::Start)
    }

    /// Ends the walk at a record that is larger than the budget allows.
    pub fn give_up(&mut self, kind: ProblemKind, message: String) {
        self.stop(0, kind, message);
    }

    /// Cuts the window into runs of whole records of about `size` bytes, to be walked through side by side.
    ///
    /// Yields the pieces and the bytes they cover; the walker itself stands behind
    /// them afterwards. `None` where the walk is not inside a plain run of records,
    /// or where no record ends in the window.
    pub fn split(&mut self, window: &str, size: usize, arena: &Bump) -> Option<(Vec<Piece>, usize)> {
        let in_array = match self.state {
            State::Array { .. } => true,
            State::Values => false,
            _ => return None,
        };
        let mut scanner = Scanner::new(window, arena);
        let mut pieces = Vec::new();
        let mut ahead = self.clone();
        let (mut start, mut end) = (0, 0);
        loop {
            if let State::Array { comma: true, .. } = ahead.state {
                match scanner.skip_space() {
                    Some(b',') => scanner.bump(),
                    _ => break,
                }
            }
            if !matches!(scanner.skip_space(), Some(b'{')) || scanner.skip_shallow().is_err() {
                break;
            }
            if let State::Array { comma, .. } = &mut ahead.state {
                *comma = true;
            }
            end = scanner.position();
            ahead.next_index += 1;
            if end - start >= size {
                pieces.push(self.piece(start..end));
                self.pass(end - start, &ahead);
                start = end;
            }
        }
        if end > start {
            pieces.push(self.piece(start..end));
            self.pass(end - start, &ahead);
        }
        // Values that stand alone may turn out to be wrappers, so that what follows counts from elsewhere.
        (!pieces.is_empty() && (in_array || end > 0)).then_some((pieces, end))
    }

    fn piece(&self, range: std::ops::Range<usize>) -> Piece {
        Piece { range, walker: Self { piece: true, ..self.clone() } }
    }

    fn pass(&mut self, bytes: usize, ahead: &Self) {
        self.base += to_u64(bytes);
        self.state = ahead.state;
        self.next_index = ahead.next_index;
    }

    /// Whether this part of an object ended as [`split`](Self::split) foresaw: where `next` begins.
    pub fn leads_to(&self, next: &Self) -> bool {
        self.broken.is_none() && self.next_index == next.next_index && self.state == next.state && self.tangled == next.tangled
    }

    /// One step; `false` at the end of the text or of the walk.
    fn advance<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        event: &mut Event<'a>,
        last: bool,
        sink: &mut impl Sink<'a>,
    ) -> Result<bool, Fault> {
        match self.state {
            State::Start => Ok(self.start(scanner)),
            State::Values => match scanner.skip_space() {
                None => Ok(false),
                Some(b'[') => {
                    scanner.bump();
                    self.state = State::Array { wrap: Wrap::Bare, comma: false };
                    Ok(true)
                }
                Some(_) => self.element(scanner, event, last, sink, "jsonl").map(|_| true),
            },
            State::Array { wrap, comma } => self.array_element(scanner, event, last, sink, (wrap, comma)),
            State::Tail { reported } => self.tail(scanner, last, sink, reported),
            State::NotJson | State::Csv | State::Stopped => Ok(false),
        }
    }

    fn start(&mut self, scanner: &mut Scanner<'_>) -> bool {
        if scanner.rest().starts_with('\u{feff}') {
            scanner.seek('\u{feff}'.len_utf8());
        }
        self.state = match scanner.skip_space() {
            None => return false,
            Some(b'{' | b'[') => State::Values,
            Some(_) if csv::is_header(scanner.rest()) => State::Csv,
            // Junk before the first of some lines is the junk's problem.
            Some(_) if memchr::memmem::find(scanner.bytes_from(0), b"\n{\"eventVersion\"").is_some() => State::Values,
            Some(_) => State::NotJson,
        };
        true
    }

    fn array_element<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        event: &mut Event<'a>,
        last: bool,
        sink: &mut impl Sink<'a>,
        (wrap, comma): (Wrap, bool),
    ) -> Result<bool, Fault> {
        match scanner.skip_space() {
            None if self.piece => return Ok(false),
            None => return Err(Fault::Cut),
            Some(b']') => {
                scanner.bump();
                self.state = if wrap == Wrap::Bare { State::Values } else { State::Tail { reported: false } };
                return Ok(true);
            }
            Some(b',') if comma => {
                scanner.bump();
                scanner.skip_space().ok_or(Fault::Cut)?;
            }
            Some(_) if comma => return Err(Fault::Syntax { at: scanner.position(), expected: "`,` or `]` after a record" }),
            Some(_) => {}
        }
        let envelope = match wrap {
            Wrap::Records => "records",
            Wrap::LookupEvents => "lookup-events",
            Wrap::Bare | Wrap::EventBridge => "array",
        };
        if self.element(scanner, event, last, sink, envelope)? {
            self.state = State::Array { wrap, comma: true };
        }
        Ok(true)
    }

    /// Reads one value that should be a record; `false` where it holds records, which come next.
    fn element<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        event: &mut Event<'a>,
        last: bool,
        sink: &mut impl Sink<'a>,
        envelope: &'static str,
    ) -> Result<bool, Fault> {
        let start = scanner.position();
        let outcome = reader::read(scanner, event)?;
        if outcome == Outcome::NotAnObject && may_go_on(scanner, last) {
            return Err(Fault::Cut);
        }
        let span = self.span(scanner, start);
        match outcome {
            Outcome::Wrapper(inner) if self.outer.is_none() => {
                if let State::Array { wrap, .. } = self.state {
                    self.outer = Some(wrap);
                }
                self.is_log = true;
                if reader::is_partly_event(event) {
                    let message = "fields of an event stand beside a list of records, where they are not read".to_owned();
                    sink.record(span, Found::Problem(ProblemKind::NotAnEvent, message));
                    self.next_index += 1;
                }
                scanner.bump();
                self.state = State::Array { wrap: inner, comma: false };
                return Ok(false);
            }
            Outcome::Wrapper(_) => {
                scanner.seek(start);
                scanner.skip_value(0)?;
                let message = "a list of records inside a record of a list of records is not read".to_owned();
                sink.record(self.span(scanner, start), Found::Problem(ProblemKind::NotAnEvent, message));
            }
            Outcome::Event(wrap) => {
                let alone = self.next_index == 0 && envelope == "jsonl" && scanner.skip_space().is_none();
                let envelope = match wrap {
                    Wrap::LookupEvents => "lookup-events",
                    Wrap::EventBridge => "eventbridge",
                    _ if alone => "single",
                    _ => envelope,
                };
                sink.record(span, Found::Event(event, envelope));
            }
            Outcome::Foreign(what) => sink.record(span, Found::Foreign(what)),
            Outcome::NotAnObject => {
                let shown: String = span.raw.chars().take(40).collect();
                sink.record(span, Found::Problem(ProblemKind::NotAnObject, format!("a record has to be an object, found {shown}")));
            }
        }
        self.next_index += 1;
        Ok(true)
    }

    fn span<'a>(&self, scanner: &Scanner<'a>, start: usize) -> RecordSpan<'a> {
        RecordSpan { index: self.next_index, offset: self.base + to_u64(start), raw: scanner.since(start) }
    }

    /// Reads one more key of an object after its records, or the object's end.
    fn tail<'a>(&mut self, scanner: &mut Scanner<'a>, last: bool, sink: &mut impl Sink<'a>, reported: bool) -> Result<bool, Fault> {
        let start = scanner.position();
        match scanner.skip_space().ok_or(Fault::Cut)? {
            b'}' => {
                scanner.bump();
                self.state = self.outer.take().map_or(State::Values, |wrap| State::Array { wrap, comma: true });
            }
            b',' => {
                scanner.bump();
                let key = scanner.string()?;
                scanner.expect(b':', "`:` after a key")?;
                let more = scanner.skip_space() == Some(b'[');
                let holds_records = key.eq_ignore_ascii_case("Records") || key.eq_ignore_ascii_case("Events");
                if more && holds_records {
                    // A second list of records: JSON would let it hide the first, so both are read.
                    scanner.bump();
                    self.state = State::Array { wrap: Wrap::Records, comma: false };
                    return Ok(true);
                }
                scanner.skip_value(1)?;
                if may_go_on(scanner, last) {
                    return Err(Fault::Cut);
                }
                if !reported && (holds_records || reader::is_event_key(key)) {
                    let message = format!("{key} stands beside a list of records, where it is not read");
                    sink.record(self.span(scanner, start), Found::Problem(ProblemKind::NotAnEvent, message));
                    self.next_index += 1;
                    self.state = State::Tail { reported: true };
                }
            }
            _ => return Err(Fault::Syntax { at: scanner.position(), expected: "`,` or `}` after the records" }),
        }
        Ok(true)
    }

    fn stop(&mut self, at: usize, kind: ProblemKind, message: String) {
        self.broken = Some(Broken { index: self.next_index, offset: self.base + to_u64(at), kind, message });
        self.state = State::Stopped;
    }
}

/// Whether a value that has just been read may be only the beginning of a longer one: a number at the window's end.
fn may_go_on(scanner: &Scanner<'_>, last: bool) -> bool {
    !last && scanner.position() == scanner.end()
}

fn to_u64(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
