//! Offline CloudTrail forensics.
//!
//! Data flows one way through the modules, and a module uses only those before it:
//!
//! 1. [`source`] lists objects and yields their bytes, inflated and hashed;
//! 2. [`event`] reads records out of those bytes, and [`digest`] proves the objects by their signed chains;
//! 3. [`ingest`] runs all of it in parallel and feeds
//! 4. [`frame`], which holds the events in columns, some of which [`iam`] and
//! 5. [`session`] add once all events are there: whom policies trust, where credentials came from;
//! 6. [`query`] answers SQL over the frame, [`detect`] runs the rules of `queries/`,
//!    [`timeline`](mod@timeline) puts events in order, [`summary`](mod@summary) says who was there and
//!    [`completeness`](mod@completeness) what the events tell of logs that are not;
//! 7. [`case`](mod@case) runs the stages over a scope and owns all results, which
//! 8. [`report`] puts into JSON and text.
//!
//! [`error`], [`problem`], [`schema`] and [`time`] stand left of all of them, and [`iam::policy`], which the
//! reader ranks policies with, left of [`event`].
//! Nothing is printed here and no clock is read; only `source::s3` opens sockets.

pub mod case;
pub mod completeness;
pub mod detect;
pub mod digest;
pub mod error;
pub mod event;
pub mod frame;
pub mod iam;
pub mod ingest;
pub mod problem;
pub mod query;
pub mod report;
pub mod schema;
pub mod session;
pub mod severity;
pub mod source;
mod spool;
pub mod summary;
pub mod time;
pub mod timeline;

pub use error::Error;
