//! Events in columns: [`BatchBuilder`] turns [`Event`](crate::event::Event)s into
//! polars frames, and [`EventFrame`] holds the frames of a run without duplicates.

mod batch;
mod builder;
mod duplicates;
mod events;
mod words;

pub use batch::Batch;
pub use builder::BatchBuilder;
pub use duplicates::Duplicates;
pub(crate) use events::data_type;
pub use events::{EventFrame, Late};
