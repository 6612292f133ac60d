//! Events in columns: [`BatchBuilder`] turns [`Event`](crate::event::Event)s into
//! polars frames, and [`EventFrame`] holds the frames of a run without duplicates.

mod builder;
mod duplicates;
mod events;

pub use builder::{Batch, BatchBuilder};
pub use duplicates::Duplicates;
pub(crate) use events::data_type;
pub use events::{EventFrame, Late};
