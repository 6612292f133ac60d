//! [`Selector`]: the events of a batch for which a condition is true.
//!
//! Most conditions ask for a few texts of columns in which few texts come again. What is asked of one such column is answered once
//! for each of its texts, and the events are looked up by them; only of these is asked what else has to hold.

use std::collections::hash_map::Entry;

use polars::prelude::BooleanChunked;

use super::hits::{Cells, Rows};
use super::matches::place;
use super::predicate::{Datum, Predicate, decided};
use crate::frame::Map;

/// The events of one batch, to be selected from.
#[derive(Debug)]
pub(super) struct Selector<'m> {
    rows: &'m Rows<'m>,
    height: u32,
    /// The events by the texts of columns that were asked for.
    by_code: Map<&'m str, ByCode>,
}

/// The events of a batch by the code of a text.
#[derive(Debug)]
struct ByCode {
    /// Where the events of each code begin, and behind the last where they end.
    starts: Vec<usize>,
    rows: Vec<u32>,
}

/// A condition on the events of a batch.
#[derive(Debug)]
enum Test<'p, 'm> {
    /// The same for all events.
    Fixed(Option<bool>),
    /// By the code of an event's text in one column.
    Words {
        name: &'m str,
        codes: &'m [u16],
        truths: Vec<Option<bool>>,
    },
    /// By an event's flag in one column: what holds of null, of false and of true.
    Flags(&'m BooleanChunked, [Option<bool>; 3]),
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    /// By several values of an event, or by one that seldom comes again.
    Event(&'p Predicate),
}

impl<'m> Selector<'m> {
    /// One for a batch of so many events.
    pub(super) fn new(rows: &'m Rows<'m>, height: usize) -> Self {
        Self { rows, height: u32::try_from(height).unwrap_or(u32::MAX), by_code: Map::default() }
    }

    /// The events for which the predicate is true, in their order.
    pub(super) fn select(&mut self, predicate: &Predicate) -> Vec<u32> {
        match Test::of(predicate, self.rows) {
            Test::Fixed(truth) => (0..if truth == Some(true) { self.height } else { 0 }).collect(),
            // What is null for all events is true of none.
            Test::All(tests) if tests.iter().any(|test| matches!(test, Test::Fixed(_))) => Vec::new(),
            Test::All(mut tests) => {
                let Some(fewest) = self.fewest(&tests) else { return self.among_all(&Test::All(tests)) };
                let first = tests.swap_remove(fewest);
                let mut rows = self.of_words(&first);
                rows.retain(|row| tests.iter().all(|test| test.truth(self.rows, *row) == Some(true)));
                rows
            }
            test @ Test::Words { .. } => self.of_words(&test),
            test => self.among_all(&test),
        }
    }

    fn among_all(&self, test: &Test<'_, 'm>) -> Vec<u32> {
        (0..self.height).filter(|row| test.truth(self.rows, *row) == Some(true)).collect()
    }

    /// The test of a column's texts that the fewest events pass.
    fn fewest(&mut self, tests: &[Test<'_, 'm>]) -> Option<usize> {
        let mut counts = Vec::new();
        for (place, test) in tests.iter().enumerate() {
            if let Test::Words { name, codes, truths } = test {
                let by_code = self.by_code(name, codes, truths.len());
                let count: usize = by_code.passing(truths).map(<[u32]>::len).sum();
                counts.push((count, place));
            }
        }
        counts.into_iter().min().map(|(_, place)| place)
    }

    /// The events that pass a test of a column's texts.
    fn of_words(&mut self, test: &Test<'_, 'm>) -> Vec<u32> {
        let Test::Words { name, codes, truths } = test else { return Vec::new() };
        let by_code = self.by_code(name, codes, truths.len());
        let mut rows: Vec<u32> = by_code.passing(truths).flatten().copied().collect();
        rows.sort_unstable();
        rows
    }

    fn by_code(&mut self, name: &'m str, codes: &[u16], texts: usize) -> &ByCode {
        match self.by_code.entry(name) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => unknown.insert(ByCode::of(codes, texts)),
        }
    }
}

impl ByCode {
    /// The events of a column in which there are so many texts, the null among them.
    fn of(codes: &[u16], texts: usize) -> Self {
        let mut starts = vec![0; texts + 1];
        for code in codes {
            if let Some(next) = starts.get_mut(usize::from(*code) + 1) {
                *next += 1;
            }
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut next = starts.clone();
        let mut rows = vec![0; codes.len()];
        for (row, code) in (0..).zip(codes) {
            if let Some(place) = next.get_mut(usize::from(*code)) {
                if let Some(slot) = rows.get_mut(*place) {
                    *slot = row;
                }
                *place += 1;
            }
        }
        Self { starts, rows }
    }

    /// The events of each text of which the test is true.
    fn passing<'c>(&'c self, truths: &'c [Option<bool>]) -> impl Iterator<Item = &'c [u32]> {
        let spans = self.starts.windows(2).zip(truths).filter(|(_, truth)| **truth == Some(true));
        spans.filter_map(|(span, _)| self.rows.get(*span.first()?..*span.last()?))
    }
}

impl<'p, 'm> Test<'p, 'm> {
    fn of(predicate: &'p Predicate, rows: &'m Rows<'m>) -> Self {
        let mut names = predicate.names().into_iter();
        let fixed = || Self::Fixed(predicate.truth(&|_| None));
        match (names.next(), names.next()) {
            (None, _) => fixed(),
            (Some(name), None) => match rows.cells(name) {
                None => fixed(),
                Some((name, Cells::Words(words))) => {
                    let truth =
                        |code| predicate.truth(&|_| if code == 0 { None } else { words.text(code).map(|text| Datum::Text(text.into())) });
                    Self::Words { name, codes: &words.codes, truths: (0..=u16::MAX).take(words.texts.len()).map(truth).collect() }
                }
                Some((_, Cells::Flag(flags))) => {
                    Self::Flags(flags, [None, Some(false), Some(true)].map(|flag| predicate.truth(&|_| flag.map(Datum::Flag))))
                }
                Some(_) => Self::Event(predicate),
            },
            _ => match predicate {
                Predicate::All(parts) => Self::joined(parts, false, rows),
                Predicate::Any(parts) => Self::joined(parts, true, rows),
                Predicate::Not(part) => match Self::of(part, rows) {
                    Self::Fixed(truth) => Self::Fixed(truth.map(|truth| !truth)),
                    test => Self::Not(Box::new(test)),
                },
                _ => Self::Event(predicate),
            },
        }
    }

    /// All or any of some conditions, where one that yields `decisive` decides.
    fn joined(parts: &'p [Predicate], decisive: bool, rows: &'m Rows<'m>) -> Self {
        let mut tests = Vec::with_capacity(parts.len());
        for part in parts {
            match Self::of(part, rows) {
                Self::Fixed(Some(truth)) if truth == decisive => return Self::Fixed(Some(decisive)),
                Self::Fixed(Some(_)) => {}
                Self::All(inner) if !decisive => tests.extend(inner),
                Self::Any(inner) if decisive => tests.extend(inner),
                test => tests.push(test),
            }
        }
        match (tests.is_empty(), decisive) {
            (true, _) => Self::Fixed(Some(!decisive)),
            (false, false) => Self::All(tests),
            (false, true) => Self::Any(tests),
        }
    }

    fn truth(&self, rows: &Rows<'_>, row: u32) -> Option<bool> {
        let row_place = place(row);
        match self {
            Self::Fixed(truth) => *truth,
            Self::Words { codes, truths, .. } => codes.get(row_place).and_then(|code| truths.get(usize::from(*code))).copied().flatten(),
            Self::Flags(flags, [null, no, yes]) => match flags.get(row_place) {
                None => *null,
                Some(false) => *no,
                Some(true) => *yes,
            },
            Self::All(tests) => decided(tests.iter().map(|test| test.truth(rows, row)), false),
            Self::Any(tests) => decided(tests.iter().map(|test| test.truth(rows, row)), true),
            Self::Not(test) => test.truth(rows, row).map(|truth| !truth),
            Self::Event(predicate) => rows.truth(predicate, row_place),
        }
    }
}
