//! [`Coded`]: some columns of a batch, with texts that come again as batches keep them.

use polars::prelude::{
    BooleanChunked, Column as FrameColumn, DataFrame, IdxCa, IdxSize, NewChunkedArray as _, PlSmallStr, PolarsResult, StringChunked,
};
use polars_arrow::array::Utf8ViewArray;

use super::batch::spread;
use super::events::data_type;
use super::parquet::Values;
use super::words::Words;
use crate::schema::{Column, Kind};

/// The texts of some events, each kept once.
#[derive(Debug, Clone)]
pub(crate) struct CodedTexts {
    /// For each event the place of its text.
    pub(crate) codes: Vec<u16>,
    /// The texts; the first is null.
    pub(crate) texts: Utf8ViewArray,
}

/// How many events a text has to stand for, so that naming it costs less than keeping it.
const EVENTS_A_TEXT: usize = 4;

impl CodedTexts {
    /// Those of a column of a batch; `None` where too few come again.
    pub(crate) fn of(column: &StringChunked) -> Option<Self> {
        let most = column.len() / EVENTS_A_TEXT;
        let mut words = Words::new(0);
        for (row, text) in column.iter().enumerate() {
            let Some(text) = text else { continue };
            words.push(row, text);
            if words.count() > most {
                return None;
            }
        }
        let (mut codes, texts) = words.finish(column.len())?;
        codes.shrink_to_fit();
        Some(Self { codes, texts })
    }

    /// The text of an event.
    pub(crate) fn get(&self, row: usize) -> Option<&str> {
        self.text(*self.codes.get(row)?)
    }

    /// The text that has the code.
    pub(crate) fn text(&self, code: u16) -> Option<&str> {
        self.texts.get(usize::from(code))
    }
}

/// Some columns of a batch; those in which no event has a value are left out.
#[derive(Debug)]
pub(crate) struct Coded {
    height: usize,
    columns: Vec<(Column, CodedColumn)>,
}

/// One of the columns.
#[derive(Debug)]
pub(crate) enum CodedColumn {
    /// Texts that come again.
    Texts(CodedTexts),
    /// Values as a frame has them.
    Values(FrameColumn),
}

impl Coded {
    /// No columns of so many events.
    pub(super) const fn new(height: usize) -> Self {
        Self { height, columns: Vec::new() }
    }

    /// Adds a column of a batch in memory, of which `kept` tells the rows that are events.
    pub(super) fn add(&mut self, column: Column, values: Values<'_>, kept: Option<&BooleanChunked>) -> PolarsResult<()> {
        let coded = match (values, kept) {
            (Values::Null, _) => return Ok(()),
            (Values::Words { codes, words }, None) => CodedColumn::Texts(CodedTexts { codes: codes.to_vec(), texts: words.clone() }),
            (Values::Words { codes, words }, Some(kept)) => {
                let codes = codes.iter().zip(kept.iter()).filter(|(_, kept)| *kept == Some(true)).map(|(code, _)| *code);
                CodedColumn::Texts(CodedTexts { codes: codes.collect(), texts: words.clone() })
            }
            (Values::Column(values), None) => CodedColumn::Values(values.clone()),
            (Values::Column(values), Some(kept)) => CodedColumn::Values(values.filter(kept)?),
        };
        self.columns.push((column, coded));
        Ok(())
    }

    /// Adds a column that a frame had.
    pub(super) fn add_values(&mut self, column: Column, values: FrameColumn) -> PolarsResult<()> {
        if values.null_count() == self.height {
            return Ok(());
        }
        let texts = if column.kind() == Kind::Text { CodedTexts::of(values.str()?) } else { None };
        self.columns.push((column, texts.map_or(CodedColumn::Values(values), CodedColumn::Texts)));
        Ok(())
    }

    /// How many events there are.
    pub(crate) const fn height(&self) -> usize {
        self.height
    }

    /// The columns in which an event has a value.
    pub(crate) fn columns(&self) -> impl Iterator<Item = (Column, &CodedColumn)> {
        self.columns.iter().map(|(column, values)| (*column, values))
    }

    /// Those columns of some events, as a frame.
    ///
    /// # Errors
    /// What polars says, also where there is no such event.
    pub(crate) fn take(&self, columns: impl Iterator<Item = Column>, rows: &[IdxSize]) -> PolarsResult<DataFrame> {
        let places = IdxCa::from_slice(PlSmallStr::EMPTY, rows);
        let taken = columns.map(|column| {
            let name = PlSmallStr::from_static(column.name());
            match self.columns.iter().find(|(known, _)| *known == column) {
                None => Ok(FrameColumn::full_null(name, rows.len(), &data_type(column.kind()))),
                Some((_, CodedColumn::Values(values))) => Ok(values.take(&places)?.with_name(name)),
                Some((_, CodedColumn::Texts(texts))) => {
                    let code = |row: &IdxSize| usize::try_from(*row).ok().and_then(|row| texts.codes.get(row)).copied();
                    let codes: Vec<u16> = rows.iter().map(|row| code(row).unwrap_or_default()).collect();
                    Ok(spread(&codes, &texts.texts)?.with_name(name).into())
                }
            }
        });
        DataFrame::new(rows.len(), taken.collect::<PolarsResult<Vec<_>>>()?)
    }
}
