//! Trailsift's modules that read bytes, taken in as they stand, so that the targets need not build the engine
//! of tables under a sanitizer.

#![allow(dead_code, unused_imports, missing_docs, reason = "the targets call a part of what the modules offer")]

#[path = "../../src/digest/mod.rs"]
pub mod digest;
#[path = "../../src/error.rs"]
pub mod error;
#[path = "../../src/event/mod.rs"]
pub mod event;
#[path = "../../src/iam"]
pub mod iam {
    pub mod policy;
}
#[path = "../../src/problem.rs"]
pub mod problem;
#[path = "../../src/schema.rs"]
pub mod schema;
#[path = "../../src/source/mod.rs"]
pub mod source;
#[path = "../../src/time.rs"]
pub mod time;
