//! Events in columns: [`BatchBuilder`] turns [`Event`](crate::event::Event)s into
//! batches, [`Store`] keeps them in memory or in files, and [`EventFrame`] holds the
//! batches of a run without duplicates and lets others go over them. [`parquet`] is
//! how frames lie in files.

mod batch;
mod builder;
mod by_place;
mod coded;
mod duplicates;
mod events;
mod filter;
pub mod parquet;
mod prune;
mod scan;
mod side_by_side;
mod store;
mod texts;
mod words;

pub use batch::Batch;
pub use builder::BatchBuilder;
pub use by_place::ByPlace;
pub(crate) use coded::{Coded, CodedColumn, CodedTexts};
pub use duplicates::Duplicates;
pub use events::EventFrame;
pub(crate) use events::{DIFFERING, INTEGRITY, ORIGIN, TRUST, data_type};
pub use filter::Filter;
pub(crate) use scan::part;
pub use store::{Held, Store, StoredBatch, layout_id};
pub(crate) use texts::{Map, Once, Set, Texts};
