//! What a change of identities grants.
//!
//! [`policy`] reads one policy document and knows nothing of events: it stands
//! left of [`event`](crate::event), which ranks documents while it reads records.
//! [`late_columns`] looks at all loaded events, and stands right of
//! [`frame`](crate::frame).

mod late;
pub mod policy;

pub use late::late_columns;
