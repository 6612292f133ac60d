//! Trailsift from outside: the real binary on real files. One binary, as polars links slowly.

#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "a test fails by panicking, and says when it was not run"
)]

mod accept;
mod bad_input;
mod broken;
mod browser;
mod case_folder;
mod conservation;
mod determinism;
mod differential;
mod digest;
mod drift;
mod drift_page;
mod drift_truth;
#[cfg(feature = "s3")]
mod fetch;
mod filters;
mod forms;
mod golden;
mod kinds;
mod labels;
mod oddities;
mod panther;
mod policies;
mod report;
mod rules;
#[cfg(feature = "s3")]
mod s3;
mod sample;
mod sessions;
mod sources;
mod sql;
mod stored;
mod support;
mod timeline;
mod verdicts;
