//! Proof of trail files by their signed digest chains, as `aws cloudtrail validate-logs` has it, but offline, over all
//! accounts, regions and trails at once, and with the holes that it passes over.
//!
//! Nothing is read here. A reader tells, for each file whose name [`Named`] knows, what it found ([`FoundFile`]: how it is
//! stored, the hash of its content, and for a digest what [`Digest::parse`] made of it), and collects [`Carriers`] and
//! [`PublicKeys`]; [`verify`] applies the rules and gives a [`Verification`].
//!
//! - A digest is valid by RSA over its content, or by its hash in a later digest that is valid: [`Verified`] can only be
//!   made by the module `chain`, where these rules are. A log is valid by its hash in such a digest.
//! - What could not be checked is `unverified`, and neither valid nor invalid.
//! - Everything in a digest is hostile until it is verified. Recorded keys are compared as text and never opened.
//!   [`Limits`] bounds what reading costs; work grows with the number of files and entries, and RSA with that of digests.

mod answer;
mod carrier;
mod chain;
mod cover;
mod document;
mod file;
mod finding;
mod hash;
mod json;
mod key;
mod logs;
mod place;
mod public_key;
#[cfg(test)]
mod tests;
mod verdict;
mod verification;

pub use carrier::Carriers;
pub use chain::{Proof, Verified};
pub use cover::{AskedRange, Chain, ChainDigest, Gap, MissingRun};
pub use document::{Digest, Limits};
pub use file::{FoundFile, Stored};
pub use finding::{Finding, FindingKind};
pub use key::{ChainId, DIGEST_KIND, DigestKey, LogKey, Named, Tail};
pub use public_key::{PublicKeys, TrustedFile};
pub use verdict::{Evidence, Note, Reason, Severity, Verdict};
pub use verification::{CoverageRow, DigestCounts, FileKind, FileReport, MissingKey, Question, UnsignedHead, Verification, verify};
