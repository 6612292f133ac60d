//! CloudTrail records: from bytes to [`Event`]s.
//!
//! [`json`] scans, [`reader`] fills an [`Event`] from one JSON object, [`mod@derive`]
//! adds what follows from its fields, and [`envelope`] finds the records in all
//! the forms in which they are stored and exported. Nothing here knows where the
//! bytes came from.

pub mod csv;
pub mod derive;
pub mod envelope;
mod id;
pub mod json;
mod known;
pub mod reader;
mod record;
pub(crate) mod rewrite;
pub(crate) mod uuid;

pub use id::EventId;
pub use record::{Event, Resource};
pub use rewrite::redact;
