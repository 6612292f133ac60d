//! Drift in words, groups, pictures, and as a section of the page.
//!
//! [`words`] says each item in a sentence and [`notes`] what has to stand beside it; the terminal's [`groups`], one
//! entity's [`life`] and the page's [`section`] are made of them. [`dot`] writes the graph of who could become
//! whom, and [`picture`] draws it.

pub mod dot;
pub mod groups;
pub mod lanes;
pub mod life;
pub mod notes;
pub mod picture;
pub mod section;
pub mod sides;
pub mod words;

#[cfg(test)]
mod tests;
