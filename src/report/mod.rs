//! What a case holds, put into the forms that leave the program. Numbers are asked of the case; only their order,
//! their words and what there is room for are settled here.
//!
//! [`json`] makes the documents. [`model`] says what the page holds, [`build`] fills it from a case, [`buckets`] puts the
//! hours into a picture, [`raw`] keeps the records that it shows, [`integrity`] says what the digests say, [`drift`] what changed of identities, and [`html`] writes it.

pub mod buckets;
pub mod build;
pub mod drift;
pub mod html;
pub mod integrity;
pub mod json;
pub mod model;
pub mod raw;
pub mod text;
