//! Trailsift from outside: the real binary on real files. One binary, as polars links slowly.

mod bad_input;
mod case_folder;
mod conservation;
mod determinism;
mod labels;
mod oddities;
mod panther;
mod rules;
mod sample;
mod sql;
mod support;
mod verdicts;
