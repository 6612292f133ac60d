//! What a change of identities grants.
//!
//! [`policy`] reads one policy document and knows nothing of events: it stands
//! left of [`event`](crate::event), which ranks documents while it reads records.
//! [`drift`](drift::drift) replays recorded calls over a [`state`], between [`snapshot`]s, and says what changed: it
//! takes plain [`event`]s, and reads no file, clock or table.
//! [`tables`] shows rules and SQL what came of it.
//! [`late_columns`] looks at all loaded events, and stands right of
//! [`frame`](crate::frame).

pub mod attribute;
pub mod change;
pub mod drift;
pub mod entity;
pub mod event;
pub mod events;
pub mod graph;
pub mod kind;
mod late;
pub mod policy;
mod replay;
pub mod snapshot;
pub mod state;
pub mod tables;

pub use late::late_columns;
