//! [`EventFrame::lazy`]: events as a table of polars' query engine.

use std::any::Any;
use std::sync::Arc;

use polars::prelude::{
    AnonymousScan, AnonymousScanArgs, DataFrame, Expr, IntoLazy as _, LazyFrame, PolarsError, PolarsResult, ScanArgsAnonymous, SchemaRef,
};
use rayon::prelude::*;

use super::EventFrame;
use super::events::schema_of;
use crate::error::Error;
use crate::schema::Column;

impl EventFrame {
    /// The events as a table that is read when it is asked: only the columns that are named, of each batch only the
    /// rows that pass the conditions on them are held together, and no batch whose bounds show that none does is read.
    ///
    /// # Errors
    /// What polars says.
    pub fn lazy(&self) -> PolarsResult<LazyFrame> {
        let arguments = ScanArgsAnonymous { schema: Some(Arc::new(Self::schema())), name: "events", ..ScanArgsAnonymous::default() };
        LazyFrame::anonymous_scan(Arc::new(Scan(self.clone())), arguments)
    }
}

struct Scan(EventFrame);

/// A part of the events that such a table is of, and how many parts there are; `None` where it is another one.
pub(crate) fn part(scan: &dyn AnonymousScan, number: usize) -> Option<(EventFrame, usize)> {
    let Scan(events) = scan.as_any().downcast_ref()?;
    Some((events.part(number * PART_BATCHES, PART_BATCHES), events.batch_count().div_ceil(PART_BATCHES)))
}

/// Batches of a part.
const PART_BATCHES: usize = 4;

impl AnonymousScan for Scan {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn schema(&self, _: Option<usize>) -> PolarsResult<SchemaRef> {
        Ok(Arc::new(EventFrame::schema()))
    }

    fn allows_projection_pushdown(&self) -> bool {
        true
    }

    fn allows_predicate_pushdown(&self) -> bool {
        true
    }

    fn scan(&self, wanted: AnonymousScanArgs) -> PolarsResult<DataFrame> {
        let columns = match &wanted.with_columns {
            None => Column::ALL.to_vec(),
            Some(names) => names.iter().map(|name| named(name)).collect::<PolarsResult<Vec<Column>>>()?,
        };
        let most = wanted.n_rows.unwrap_or(usize::MAX);
        self.0.collect(&columns, wanted.predicate.as_ref(), most).map_err(|error| match error {
            Error::Frame(error) => error,
            other => PolarsError::ComputeError(other.to_string().into()),
        })
    }
}

fn named(name: &str) -> PolarsResult<Column> {
    Column::from_name(name).ok_or_else(|| PolarsError::ColumnNotFound(format!("there is no column {name}").into()))
}

impl EventFrame {
    /// Those columns of the first `most` events for which the condition is true.
    fn collect(&self, columns: &[Column], condition: Option<&Expr>, most: usize) -> Result<DataFrame, Error> {
        let pick = |_, batch: &DataFrame| match condition {
            Some(condition) => Ok(batch.clone().lazy().filter(condition.clone()).collect()?),
            None => Ok(batch.clone()),
        };
        let mut found: Vec<DataFrame> = Vec::new();
        let mut rows = 0;
        let waiting = rayon::current_num_threads() * WAITING;
        let mut numbers = self.batches_for(condition)?.into_iter();
        while rows < most && numbers.len() > 0 {
            let next: Vec<usize> = numbers.by_ref().take(waiting).collect();
            let frames = next.into_par_iter().map(|number| self.one(number, columns, pick)).collect::<Result<Vec<_>, Error>>()?;
            rows += frames.iter().map(DataFrame::height).sum::<usize>();
            found.extend(frames);
        }
        if columns.is_empty() {
            return Ok(DataFrame::new(rows.min(most), Vec::new())?);
        }
        let mut all = DataFrame::empty_with_schema(&schema_of(columns));
        for frame in &found {
            all.vstack_mut(frame)?;
        }
        Ok(all.head(Some(most)))
    }
}

/// How many batches are gone through before it is seen whether they are enough, for each thread.
const WAITING: usize = 4;
