//! [`FoundFile`]: what a reader found in one file, as a plain value; section 3 of the rules is applied to it here.

use std::sync::Arc;

use super::document::Digest;
use super::verdict::{Note, Reason};
use crate::source::Sha256;
use crate::source::gzip::{Damage, Summary};

/// What a reader found in one file whose name [`Named`](super::Named) knows.
#[derive(Debug, Clone)]
pub struct FoundFile {
    /// The path or address as the user sees it, with `/` between its parts.
    pub name: Arc<str>,
    /// How it is stored.
    pub stored: Stored,
    /// Of the content: all inflated bytes before any fault, or the plain bytes. `None` where they were not all read.
    pub sha256: Option<Sha256>,
    /// For a digest, what [`Digest::parse`] made of the same content; `None` for a log, and where there is no content.
    pub document: Option<Result<Box<Digest>, Reason>>,
}

/// How a file's bytes are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stored {
    /// One gzip member, sound, and nothing after it.
    Gzip,
    /// One gzip member and more bytes: another member, zeros or anything else.
    Trailing,
    /// A gzip stream that ends early.
    Cut,
    /// A gzip stream that is damaged, or whose check sum or length is wrong.
    Corrupt {
        /// Whether more bytes follow than a member's check sum and length.
        has_more: bool,
    },
    /// Not gzip.
    Plain {
        /// Whether the first bytes are those of a JSON object, so that it may be what gzip once held.
        is_json: bool,
    },
    /// No bytes.
    Empty,
    /// The system failed while reading, and said this.
    Unreadable(String),
    /// Not read to its end, as it passed a limit.
    OverLimit,
}

impl Stored {
    /// What [`Inflate`](crate::source::gzip::Inflate) found, once it has read the file to its end; `is_json`
    /// says whether its content begins as a JSON object does.
    pub fn of(summary: &Summary, is_json: bool) -> Self {
        match &summary.damage {
            Some(Damage::Unreadable { cause }) => Self::Unreadable(cause.clone()),
            Some(Damage::Limit { .. }) => Self::OverLimit,
            // Whoever read it stopped of its own accord.
            _ if summary.sha256.is_none() => Self::OverLimit,
            Some(Damage::Trailing { .. }) => Self::Trailing,
            _ if summary.members > 1 => Self::Trailing,
            Some(Damage::Cut { .. }) => Self::Cut,
            Some(Damage::Corrupt { at, .. }) => Self::Corrupt { has_more: summary.stored_bytes > at.saturating_add(TRAILER_BYTES) },
            None if summary.stored_bytes == 0 => Self::Empty,
            None if summary.members == 0 => Self::Plain { is_json },
            None => Self::Gzip,
        }
    }

    /// Why it is invalid because of the way in which it is stored, given whether its content is proven; `None` where
    /// that is no fault, or nothing was read.
    pub(super) const fn fault(&self, is_proven: bool) -> Option<Reason> {
        match self {
            Self::Trailing => Some(Reason::TrailingData),
            // More bytes than the check sum after the whole content are bytes after the member.
            Self::Corrupt { has_more: true } if is_proven => Some(Reason::TrailingData),
            Self::Empty => Some(Reason::BadGzip),
            Self::Cut if !is_proven => Some(Reason::TruncatedGzip),
            Self::Corrupt { .. } | Self::Plain { .. } if !is_proven => Some(Reason::BadGzip),
            _ => None,
        }
    }

    /// Why it was not read.
    pub(super) const fn unread(&self) -> Option<Reason> {
        match self {
            Self::Unreadable(_) => Some(Reason::IoError),
            Self::OverLimit => Some(Reason::OverLimit),
            _ => None,
        }
    }

    /// What is noted where the content is proven all the same.
    pub(super) const fn note(&self) -> Option<Note> {
        match self {
            Self::Plain { .. } => Some(Note::NotCompressed),
            Self::Cut | Self::Corrupt { .. } => Some(Note::GzipDamaged),
            _ => None,
        }
    }
}

/// Bytes of a gzip member's check sum and length (RFC 1952, section 2.3.1).
const TRAILER_BYTES: u64 = 8;

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::source::Budget;
    use crate::source::gzip::{Inflate, Scratch};

    fn stored(bytes: &[u8]) -> Stored {
        let (mut scratch, mut out) = (Scratch::default(), Vec::new());
        let mut stream = Inflate::new(bytes, &mut scratch, Budget::default());
        while stream.fill(&mut out, usize::MAX) {}
        Stored::of(&stream.finish(), out.trim_ascii_start().starts_with(b"{"))
    }

    #[test]
    fn every_form_on_disk() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&b"{\"Records\":[]}".repeat(100)).expect("memory");
        let sound = encoder.finish().expect("memory");
        assert_eq!(stored(&sound), Stored::Gzip);
        for more in [sound.as_slice(), b"\0\0\0\0", b"x", &sound[..10]] {
            assert_eq!(stored(&[sound.as_slice(), more].concat()), Stored::Trailing, "{more:?}");
        }
        for cut in [sound.len() - 1, sound.len() - 8, sound.len() / 2, 5] {
            assert_eq!(stored(&sound[..cut]), Stored::Cut, "{cut}");
        }
        let mut wrong = sound;
        let sum = wrong.len() - 8;
        wrong[sum] ^= 1;
        assert_eq!(stored(&wrong), Stored::Corrupt { has_more: false });
        wrong.push(0);
        assert_eq!(stored(&wrong), Stored::Corrupt { has_more: true });
        assert_eq!(
            [stored(b""), stored(b" {}"), stored(b"no")],
            [Stored::Empty, Stored::Plain { is_json: true }, Stored::Plain { is_json: false }]
        );
    }
}
