//! Offline CloudTrail forensics.
//!
//! Data flows one way through the modules, and a module uses only those before it:
//!
//! 1. [`source`] lists objects and yields their bytes, inflated and hashed;
//! 2. [`event`] reads records out of those bytes;
//! 3. [`ingest`] runs both in parallel and feeds
//! 4. [`frame`], which holds the events in columns;
//! 5. [`query`] answers SQL over the frame, [`session`] makes tables of state of it, and
//!    [`detect`] runs the rules of `queries/`;
//! 6. [`case`](mod@case) runs the stages over a scope and owns all results, which
//! 7. [`report`] puts into JSON and text.
//!
//! [`error`], [`problem`], [`schema`] and [`time`] stand left of all of them.
//! Nothing is printed here, no clock is read and no socket opened.

pub mod case;
pub mod detect;
pub mod error;
pub mod event;
pub mod frame;
pub mod ingest;
pub mod problem;
pub mod query;
pub mod report;
pub mod schema;
pub mod session;
pub mod source;
pub mod time;

pub use error::Error;
