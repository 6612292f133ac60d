//! [`Severity`]: one scale for findings and for changes of identities.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// How bad a finding or a change of identities is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    Info,
    /// Worth a look in context.
    Low,
    /// Worth a look.
    Medium,
    /// Look today.
    High,
    /// Wake somebody up.
    Critical,
}

impl Severity {
    /// All severities, the least one first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word that rules and JSON use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// One step worse.
    #[must_use]
    pub const fn raised(self) -> Self {
        match self {
            Self::Info => Self::Low,
            Self::Low => Self::Medium,
            Self::Medium => Self::High,
            Self::High | Self::Critical => Self::Critical,
        }
    }

    /// One step less bad.
    #[must_use]
    pub const fn lowered(self) -> Self {
        match self {
            Self::Info | Self::Low => Self::Info,
            Self::Medium => Self::Low,
            Self::High => Self::Medium,
            Self::Critical => Self::High,
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Severity {
    type Err = String;

    /// Reads the word; Sigma's `informational` is read as `info`.
    fn from_str(word: &str) -> Result<Self, String> {
        if word == "informational" {
            return Ok(Self::Info);
        }
        Self::ALL
            .into_iter()
            .find(|severity| severity.name() == word)
            .ok_or_else(|| format!("`{word}` is no severity: use critical, high, medium, low or info"))
    }
}
