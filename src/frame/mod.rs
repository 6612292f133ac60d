//! Events in columns: [`BatchBuilder`] turns [`Event`](crate::event::Event)s into
//! polars frames, and [`EventFrame`] holds the frames of a run without duplicates;
//! [`parquet`] keeps frames in files.

mod builder;
mod duplicates;
mod events;
pub mod parquet;

pub use builder::{Batch, BatchBuilder};
pub use duplicates::Duplicates;
pub(crate) use events::data_type;
pub use events::{EventFrame, Late};
