//! [`Error`]: the operation cannot go on. What is merely wrong with an input is a
//! [`Problem`](crate::problem::Problem) instead, and the run goes on.

use std::fmt::Display;
use std::io;
use std::path::Path;

/// Why an operation stopped. The text says what was tried on what, and the cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A path, stream or output could not be read or written.
    #[error("{act} {target}: {}", plain_cause(cause))]
    Io {
        /// What was tried, as a verb: `read`, `list`, `write`.
        act: &'static str,
        /// What it was tried on.
        target: String,
        /// What the system said.
        cause: io::Error,
    },
    /// Nothing under the sources is a CloudTrail file.
    #[error("no CloudTrail logs under {sources} (looked at {}{}{why})", counted(*listed, "file"), if why.is_empty() { "" } else { ": " })]
    NoLogs {
        /// The sources as given.
        sources: String,
        /// How many files were looked at.
        listed: u64,
        /// Why each kind of file was passed over, with its number.
        why: String,
    },
    /// A rule file that cannot be used.
    #[error("rule {place}: {reason}")]
    Rule {
        /// File, and line where it is known.
        place: String,
        /// What is wrong and, where it is known, what was meant.
        reason: String,
    },
    /// A statement that cannot be run.
    #[error("query: {0}")]
    Query(String),
    /// A flag or file of settings whose value makes no sense.
    #[error("{what}: {reason}")]
    Setting {
        /// The flag or file.
        what: String,
        /// What is wrong with it, and what to give in its place.
        reason: String,
    },
    /// The output is there already.
    #[error("write {0}: it is there already (--force replaces it)")]
    Exists(String),
    /// Another run works on the same case.
    #[error("write case {case}: another run holds it ({owner})")]
    Locked {
        /// The case folder.
        case: String,
        /// Who holds the lock.
        owner: String,
    },
    /// A sum of the ledger does not hold: a defect of Trailsift, so no answer is given.
    #[error("the accounts do not add up ({0}); this is a defect in trailsift, please report it")]
    Ledger(String),
    /// A stored table that cannot be written or read.
    #[error("{act} {path}: {reason}")]
    Table {
        /// What was tried, as a verb: `read`, `write`.
        act: &'static str,
        /// The table's file.
        path: String,
        /// What is wrong with it and, where it is known, what to do.
        reason: String,
    },
    /// The table engine failed.
    #[error("table engine: {0}")]
    Frame(#[from] polars::error::PolarsError),
}

impl Error {
    /// An [`Error::Io`] on a path.
    pub fn io(act: &'static str, path: &Path, cause: io::Error) -> Self {
        Self::Io { act, target: path.display().to_string(), cause }
    }

    /// An [`Error::Setting`].
    pub fn setting(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Setting { what: what.into(), reason: reason.into() }
    }
}

/// `1 file`, `2 files`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(number: N, noun: &str) -> String {
    let plural = if number == N::from(1) { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

/// The system's sentence without the number that Rust adds to it, with a small letter in front unless it begins with a
/// name such as S3.
pub(crate) fn plain_cause(cause: &io::Error) -> String {
    let text = cause.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return String::new() };
    if letters.as_str().starts_with(|second: char| second.is_uppercase() || second.is_ascii_digit()) {
        return text.to_owned();
    }
    first.to_lowercase().chain(letters).collect()
}
