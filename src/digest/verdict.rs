//! [`Verdict`]: what is known of one file, in five states, and the words for it.

use std::fmt;

use super::chain::Proof;

/// What is known of one file. That something could not be checked is neither valid nor tampered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its content is what `CloudTrail` signed; the proof can only come from a chain.
    Valid(Proof),
    /// Its content or place is not what was signed.
    Invalid(Reason),
    /// It was signed, and is not here.
    Missing(Reason),
    /// It could not be checked.
    Unverified(Reason),
    /// A log that no digest lists.
    Undigested(Reason),
}

impl Verdict {
    /// The state's name.
    pub const fn status(&self) -> &'static str {
        match self {
            Self::Valid(_) => "valid",
            Self::Invalid(_) => "invalid",
            Self::Missing(_) => "missing",
            Self::Unverified(_) => "unverified",
            Self::Undigested(_) => "undigested",
        }
    }

    /// Why; `None` for what is valid.
    pub const fn reason(&self) -> Option<Reason> {
        match self {
            Self::Valid(_) => None,
            Self::Invalid(reason) | Self::Missing(reason) | Self::Unverified(reason) | Self::Undigested(reason) => Some(*reason),
        }
    }

    /// What a digest's validity rests on; `None` for logs and for what is not valid.
    pub const fn evidence(&self) -> Option<Evidence> {
        match self {
            Self::Valid(proof) => proof.evidence(),
            _ => None,
        }
    }

    /// Whether it is valid.
    pub const fn is_valid(&self) -> bool {
        matches!(self, Self::Valid(_))
    }

    /// How bad it is, for the overall verdict.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Valid(_) => Severity::Info,
            Self::Invalid(_) | Self::Missing(_) => Severity::Error,
            Self::Unverified(_) => Severity::Warning,
            Self::Undigested(reason) => match reason {
                Reason::NoDigests | Reason::NotListed => Severity::Error,
                Reason::Gap => Severity::Warning,
                _ => Severity::Info,
            },
        }
    }
}

/// Why a file is not valid. [`Reason::name`] is the JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Bytes follow the gzip member.
    TrailingData,
    /// The gzip stream ends early.
    TruncatedGzip,
    /// Not gzip, or damaged.
    BadGzip,
    /// Not one UTF-8 JSON object.
    BadJson,
    /// A field is absent, of a wrong type, or no time.
    MissingField,
    /// It lies under another name or in another folder than it was signed for.
    Moved,
    /// An algorithm that is not the one there is.
    BadAlgorithm,
    /// The next digest, which is valid, states another hash.
    ContentMismatch,
    /// No signature that is kept beside it fits.
    SignatureMismatch,
    /// No signature is there to check.
    NoSignature,
    /// The public key is not there.
    NoKey,
    /// A digest that another names is not there.
    Named,
    /// A log that a digest lists is not there.
    Listed,
    /// The content is not what a digest lists.
    HashMismatch,
    /// Listed only by digests that could not be checked.
    DigestUnverified,
    /// Listed only by, or from the time of, digests that are invalid.
    DigestInvalid,
    /// The system failed while reading.
    IoError,
    /// Not read to its end, as a limit was passed.
    OverLimit,
    /// No digest at all for the account and region.
    NoDigests,
    /// From a time whose digests are missing.
    DigestMissing,
    /// From a time whose digest could not be read.
    DigestUnread,
    /// Later than the newest digest.
    AfterLast,
    /// Earlier than the oldest digest.
    BeforeFirst,
    /// From a time between a stop and a restart.
    Gap,
    /// Of a kind that no digest lists.
    KindNotDigested,
    /// From a time that digests cover, and none lists it.
    NotListed,
}

impl Reason {
    /// The name that JSON and tables show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TrailingData => "trailing-data",
            Self::TruncatedGzip => "truncated-gzip",
            Self::BadGzip => "bad-gzip",
            Self::BadJson => "bad-json",
            Self::MissingField => "missing-field",
            Self::Moved => "moved",
            Self::BadAlgorithm => "bad-algorithm",
            Self::ContentMismatch => "content-mismatch",
            Self::SignatureMismatch => "signature-mismatch",
            Self::NoSignature => "no-signature",
            Self::NoKey => "no-key",
            Self::Named => "named",
            Self::Listed => "listed",
            Self::HashMismatch => "hash-mismatch",
            Self::DigestUnverified => "digest-unverified",
            Self::DigestInvalid => "digest-invalid",
            Self::IoError => "io-error",
            Self::OverLimit => "over-limit",
            Self::NoDigests => "no-digests",
            Self::DigestMissing => "digest-missing",
            Self::DigestUnread => "digest-unread",
            Self::AfterLast => "after-last",
            Self::BeforeFirst => "before-first",
            Self::Gap => "gap",
            Self::KindNotDigested => "kind-not-digested",
            Self::NotListed => "not-listed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a digest's validity rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Evidence {
    /// A signature that is kept beside it.
    Signature,
    /// Its signature as the next digest repeats it.
    SuccessorSignature,
    /// Its hash in the next digest, which is valid.
    SuccessorHash,
}

impl Evidence {
    /// The name that JSON and tables show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::SuccessorSignature => "successor-signature",
            Self::SuccessorHash => "successor-hash",
        }
    }
}

/// What is worth knowing about a file and does not change its verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Note {
    /// Stored as plain bytes.
    NotCompressed,
    /// The gzip stream is damaged after the content.
    GzipDamaged,
    /// Under another bucket or prefix than recorded.
    Relocated,
    /// There are other files with the same content and tail.
    Duplicate,
    /// The key file holds no usable key under the fingerprint.
    BadKey,
    /// The key was not yet, or no longer, valid at the digest's end.
    KeyOutsideValidity,
    /// The metadata of a backfill digest does not say when it was generated.
    NoGenerationTimestamp,
}

impl Note {
    /// The name that JSON and tables show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotCompressed => "not-compressed",
            Self::GzipDamaged => "gzip-damaged",
            Self::Relocated => "relocated",
            Self::Duplicate => "duplicate",
            Self::BadKey => "bad-key",
            Self::KeyOutsideValidity => "key-outside-validity",
            Self::NoGenerationTimestamp => "no-generation-timestamp",
        }
    }
}

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something is not proven.
    Warning,
    /// Something was changed, removed or added.
    Error,
}

impl Severity {
    /// The name that JSON and tables show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// What a run whose worst is this amounts to: `ok`, `warn` or `fail`.
    pub const fn overall(self) -> &'static str {
        match self {
            Self::Info => "ok",
            Self::Warning => "warn",
            Self::Error => "fail",
        }
    }
}
