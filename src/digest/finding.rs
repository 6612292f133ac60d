//! [`Finding`]: what is wrong or odd with a chain, or with the evidence as a whole, rather than with one file.

use super::key::ChainId;
use super::verdict::Severity;
use crate::time::EventTime;

/// One finding. What it has no use for is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was found.
    pub kind: FindingKind,
    /// How bad it is.
    pub severity: Severity,
    /// The chain.
    pub chain: Option<ChainId>,
    /// Where its time starts.
    pub from: Option<EventTime>,
    /// Where its time ends.
    pub to: Option<EventTime>,
    /// How many digests a missing run had, about.
    pub count: Option<i64>,
    /// The tails by which others name the missing; only of missing runs.
    pub named: Option<Vec<Box<str>>>,
    /// A tail, or a key's fingerprint.
    pub key: Option<Box<str>>,
    /// An account without digests.
    pub account: Option<Box<str>>,
    /// A region without digests.
    pub region: Option<Box<str>>,
}

impl Finding {
    pub(super) fn new(kind: FindingKind, severity: Severity) -> Self {
        Self { kind, severity, chain: None, from: None, to: None, count: None, named: None, key: None, account: None, region: None }
    }

    pub(super) fn of_chain(self, chain: &ChainId) -> Self {
        Self { chain: Some(chain.clone()), ..self }
    }

    pub(super) fn span(self, from: EventTime, to: EventTime) -> Self {
        Self { from: Some(from), to: Some(to), ..self }
    }

    pub(super) fn of_key(self, key: impl Into<Box<str>>) -> Self {
        Self { key: Some(key.into()), ..self }
    }

    /// Puts findings into the order in which they are shown.
    pub(super) fn sort(findings: &mut [Self]) {
        findings.sort_by(|a, b| {
            (std::cmp::Reverse(a.severity), &a.chain, a.from, a.kind, &a.key, &a.account, &a.region, a.to).cmp(&(
                std::cmp::Reverse(b.severity),
                &b.chain,
                b.from,
                b.kind,
                &b.key,
                &b.account,
                &b.region,
                b.to,
            ))
        });
    }
}

/// What a [`Finding`] is about; [`FindingKind::name`] is the JSON value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FindingKind {
    /// Digests are missing between two that are there.
    MissingRun,
    /// The trail, or its validation, stopped and started.
    Gap,
    /// A digest starts before the one before it ends.
    Overlap,
    /// A digest that the next one does not name, and that no stop explains.
    OffChain,
    /// Nothing proves that there were no digests after the newest.
    TailUncovered,
    /// The chain starts here.
    ChainStart,
    /// The oldest digest here names one before it.
    StartsMidChain,
    /// A signature that is kept beside a genuine digest is wrong.
    CarrierMismatch,
    /// A digest is proven by the next one only, as its key is not there.
    KeyUnknown,
    /// A key file's fingerprint or key is wrong.
    KeyFileInconsistent,
    /// Several files with different contents stand for one recorded key.
    AmbiguousPlace,
    /// A file that stands for a recorded key as another does, which was taken, and has another content.
    DifferingCopy,
    /// Valid digests list one log with different hashes.
    ConflictingEntries,
    /// Most logs of an account and region are listed by no digest: another trail delivers there, it seems.
    OtherTrailLikely,
    /// No digest of an account that was expected.
    AccountMissing,
    /// No digest of a region that was expected.
    RegionMissing,
}

impl FindingKind {
    /// The name that JSON and tables show.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingRun => "missing-run",
            Self::Gap => "gap",
            Self::Overlap => "overlap",
            Self::OffChain => "off-chain",
            Self::TailUncovered => "tail-uncovered",
            Self::ChainStart => "chain-start",
            Self::StartsMidChain => "starts-mid-chain",
            Self::CarrierMismatch => "carrier-mismatch",
            Self::KeyUnknown => "key-unknown",
            Self::KeyFileInconsistent => "key-file-inconsistent",
            Self::AmbiguousPlace => "ambiguous-place",
            Self::DifferingCopy => "differing-copy",
            Self::ConflictingEntries => "conflicting-entries",
            Self::OtherTrailLikely => "other-trail-likely",
            Self::AccountMissing => "account-missing",
            Self::RegionMissing => "region-missing",
        }
    }
}
