//! Tests of the rules as a whole, on buckets that are made of words.

mod bucket;
mod chains;
mod documents;
mod keys;
mod logs;
mod property;
