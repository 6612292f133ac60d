//! Events in columns: [`BatchBuilder`] turns [`Event`](crate::event::Event)s into
//! polars frames, and [`EventFrame`] holds the frames of a run without duplicates and
//! lets others go over them.

mod batch;
mod builder;
mod by_place;
mod duplicates;
mod events;
mod texts;
mod words;

pub use batch::Batch;
pub use builder::BatchBuilder;
pub use by_place::ByPlace;
pub use duplicates::Duplicates;
pub use events::EventFrame;
pub(crate) use events::data_type;
pub(crate) use texts::Texts;
