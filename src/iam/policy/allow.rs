//! What a single `Allow` statement gives, to whom and on what; for who could become whom.

use serde_json::Value;

use super::pattern::{matches, overlap};
use super::rank::LAUNCHERS;
use super::trust::is_for_entry;
use super::{PolicyDocument, Statement, texts};

/// A statement that allows something.
#[derive(Debug, Clone, Copy)]
pub(in crate::iam) struct Allow<'p>(&'p Statement);

impl PolicyDocument {
    /// The statements that allow something.
    pub(in crate::iam) fn allowances(&self) -> impl Iterator<Item = Allow<'_>> {
        self.allows().map(Allow)
    }
}

impl<'p> Allow<'p> {
    /// Whether it allows an action, on whatever.
    pub(in crate::iam) fn gives(self, action: &str) -> bool {
        let among = |element| self.0.texts(element).any(|pattern| matches(pattern, action));
        among("Action") || (self.0.has("NotAction") && !among("NotAction"))
    }

    /// Whether it allows to run something under a role that is passed.
    pub(in crate::iam) fn launches(self) -> bool {
        LAUNCHERS.iter().any(|launcher| self.gives(launcher))
    }

    /// Whether it asks for more than who calls what.
    pub(in crate::iam) fn is_conditional(self) -> bool {
        self.0.has_condition()
    }

    /// Whether its resources are all of a kind, and not only those that some pattern fits: `any` stands for one of it.
    pub(in crate::iam) fn reaches_any(self, any: &str) -> bool {
        self.0.texts("Resource").any(|pattern| fits(pattern, any))
    }

    /// Whether a resource is among its resources, for a caller of that user name, which a policy may have a variable for.
    pub(in crate::iam) fn reaches(self, arn: &str, caller: &str) -> bool {
        let among = |element| self.0.texts(element).any(|pattern| fits(&pattern.replace(USER_NAME, caller), arn));
        among("Resource") || (self.0.has("NotResource") && !among("NotResource"))
    }

    /// The steps that [`reaches`](Self::reaches) takes at most.
    pub(in crate::iam) fn steps(self, arn: &str) -> usize {
        let patterns = self.0.texts("Resource").chain(self.0.texts("NotResource"));
        let may_fit = |pattern: &str| begins(pattern, arn) || pattern.contains(USER_NAME);
        let steps = |pattern: &str| if may_fit(pattern) { pattern.len().saturating_mul(arn.len()) } else { 1 };
        patterns.map(steps).fold(0, usize::saturating_add)
    }

    /// In a trust policy, whom it lets in: the kind of principal, and its name.
    pub(in crate::iam) fn entrants(self) -> Vec<(&'p str, &'p str)> {
        if !is_for_entry(self.0) {
            return Vec::new();
        }
        let everyone = self.0.has("NotPrincipal").then_some(("AWS", "*"));
        let kinds = self.0.0.get("Principal").and_then(Value::as_object).into_iter().flatten();
        kinds.flat_map(|(kind, names)| texts(Some(names)).map(move |name| (kind.as_str(), name))).chain(everyone).collect()
    }
}

fn fits(pattern: &str, arn: &str) -> bool {
    begins(pattern, arn) && overlap(pattern, arn)
}

/// Whether a text begins as a pattern does up to its first wildcard, which spares most comparisons.
fn begins(pattern: &str, arn: &str) -> bool {
    arn.starts_with(pattern.split(['*', '?']).next().unwrap_or_default())
}

/// The variable for the caller's name.
const USER_NAME: &str = "${aws:username}";
