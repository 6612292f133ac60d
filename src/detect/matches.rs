//! [`Matches`]: the events of a batch that match a condition, as small as they get.
//!
//! Rules that count keep every event that they count, which may be a share of the whole log.

use std::collections::BTreeSet;

use polars::prelude::{
    BooleanChunked, ChunkFilter as _, Column as FrameColumn, DataFrame, DataType, IntoColumn as _, PlSmallStr, StringChunked,
};
use polars_arrow::array::View;

use super::finding::Severity;
use crate::error::Error;
use crate::event::EventId;
use crate::frame::CodedTexts;
use crate::schema::Column;

/// One event that matches a condition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    /// Its row in the frame of the matches.
    pub(super) row: u32,
    /// For how many matching events it is counted, which are in one batch.
    pub(super) stands_for: u32,
    /// How bad the rule calls it.
    pub(super) severity: Severity,
}

impl Match {
    /// Its row as a place.
    pub(super) fn row(&self) -> usize {
        place(self.row)
    }
}

/// A row of a batch as a place.
pub(super) fn place(row: u32) -> usize {
    usize::try_from(row).unwrap_or(usize::MAX)
}

/// The events of a batch that match one condition.
#[derive(Debug)]
pub(super) struct Matches {
    /// The condition's id.
    pub(super) id: usize,
    /// The events, with the columns and fields that its rule shows, groups by or compares, where any of them has a value.
    pub(super) frame: DataFrame,
    /// Those of the columns in which texts come again.
    pub(super) words: Vec<(String, CodedTexts)>,
    /// Those of the columns with lists, of which only is asked whether there is one.
    pub(super) lists: Vec<(String, BooleanChunked)>,
    /// The ids of the events.
    pub(super) ids: Vec<Option<EventId>>,
    /// The rows, each once.
    pub(super) rows: Vec<Match>,
}

impl Matches {
    /// Takes the rows of a condition out of the frame of all matches.
    ///
    /// `shown` are the columns and fields that are looked at later, besides the ids.
    pub(super) fn of(id: usize, shown: &BTreeSet<String>, frame: &DataFrame, mut rows: Vec<Match>) -> Result<Self, Error> {
        let mut mask = vec![false; frame.height()];
        for found in &rows {
            if let Some(place) = mask.get_mut(found.row()) {
                *place = true;
            }
        }
        let has = |name: &&str| frame.get_column_index(name).is_some();
        let names: Vec<&str> = shown.iter().map(String::as_str).filter(has).collect();
        let mask: BooleanChunked = mask.iter().map(|kept| Some(*kept)).collect();
        let ids = frame.column(Column::EventId.name())?.str()?.filter(&mask)?;
        let ids = ids.iter().map(|id| id.map(EventId::from)).collect();
        let mut frame = frame.select(names)?.filter(&mask)?;
        let empty: Vec<PlSmallStr> =
            frame.columns().iter().filter(|column| column.null_count() == frame.height()).map(|column| column.name().clone()).collect();
        for name in empty {
            frame.drop_in_place(&name)?;
        }
        for (place, found) in (0..).zip(&mut rows) {
            found.row = place;
        }
        rows.shrink_to_fit();
        let mut matches = Self { id, frame, words: Vec::new(), lists: Vec::new(), ids, rows };
        matches.keep_lists()?;
        matches.keep_words_once()?;
        matches.let_go_of_batch()?;
        Ok(matches)
    }

    /// Bytes that they take in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let of_column = |column: &FrameColumn| match column.str() {
            Ok(texts) => texts.downcast_iter().map(|texts| texts.len() * size_of::<View>() + texts.total_buffer_len()).sum(),
            Err(_) => column.len() * size_of::<i64>(),
        };
        let of_words = |words: &CodedTexts| words.codes.len() * size_of::<u16>() + words.texts.total_bytes_len();
        let columns: usize = self.frame.columns().iter().map(of_column).sum();
        let words: usize = self.words.iter().map(|(_, words)| of_words(words)).sum();
        let parts = self.frame.width() + self.words.len() + self.lists.len();
        let lists: usize = self.lists.iter().map(|(_, there)| there.len() / 8).sum();
        columns
            + words
            + lists
            + parts * BYTES_A_COLUMN
            + self.ids.len() * size_of::<Option<EventId>>()
            + self.rows.len() * size_of::<Match>()
    }

    /// Takes the columns with lists out of the frame.
    fn keep_lists(&mut self) -> Result<(), Error> {
        for name in self.frame.get_column_names_owned() {
            if matches!(self.frame.column(&name)?.dtype(), DataType::List(_)) {
                self.lists.push((name.to_string(), self.frame.drop_in_place(&name)?.is_not_null()));
            }
        }
        Ok(())
    }

    /// Takes the columns out of the frame in which few texts stand for many events.
    fn keep_words_once(&mut self) -> Result<(), Error> {
        for name in self.frame.get_column_names_owned() {
            let Ok(texts) = self.frame.column(&name)?.str() else { continue };
            if let Some(words) = CodedTexts::of(texts) {
                self.words.push((name.to_string(), words));
                self.frame.drop_in_place(&name)?;
            }
        }
        Ok(())
    }

    /// Copies the texts where they are few: rows that were taken out of a batch hold all of its texts.
    fn let_go_of_batch(&mut self) -> Result<(), Error> {
        for name in self.frame.get_column_names_owned() {
            let Ok(texts) = self.frame.column(&name)?.str() else { continue };
            let held: usize = texts.downcast_iter().map(polars_arrow::array::BinaryViewArrayGeneric::total_buffer_len).sum();
            let own: usize = texts.downcast_iter().map(polars_arrow::array::BinaryViewArrayGeneric::total_bytes_len).sum();
            if held > own.saturating_mul(HELD_TEXTS) {
                let copied = StringChunked::from_chunk_iter(name.clone(), texts.downcast_iter().map(|texts| texts.clone().gc()));
                self.frame.replace(&name, copied.into_column())?;
            }
        }
        Ok(())
    }
}

/// Bytes that a column takes beside its values, about: few matches are mostly that.
const BYTES_A_COLUMN: usize = 512;

/// How many times the matches' own texts those of their batch may be that they hold on to.
const HELD_TEXTS: usize = 4;
