//! Sign-ins of Identity Center: which factors they were made with.
//!
//! # Source
//! The Identity Center User Guide, sign-in events: `CredentialVerification` tells
//! of one factor each, `UserAuthentication` ends the sign-in. One
//! `AuthWorkflowID` joins them.

use std::collections::{BTreeMap, HashMap};

use bumpalo::Bump;

use super::creation::Verdict;
use super::view::{Service, View};
use crate::event::reader::lookup;
use crate::schema::Column;
use crate::time::EventTime;

/// A step of a sign-in that went well.
#[derive(Debug)]
pub(super) struct Step {
    user: String,
    workflow: Option<String>,
    factors: Factors,
    /// It ends the sign-in.
    whole: bool,
    time: Option<EventTime>,
}

/// Kinds of factors, as far as they differ for the verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Factors {
    password: bool,
    second: bool,
    provider: bool,
}

impl Step {
    /// Reads a row; `None` where it is no step of a sign-in.
    pub(super) fn read(service: Service, view: &View, row: u32, arena: &Bump) -> Option<Self> {
        if service != Service::SignIn {
            return None;
        }
        let whole = view.same(Column::EventName, row, "UserAuthentication");
        if !whole && !view.same(Column::EventName, row, "CredentialVerification") {
            return None;
        }
        let user = view.named(Column::UserOnBehalfOfId, row).or_else(|| view.named(Column::UserName, row))?;
        let step = if whole { "UserAuthentication" } else { "CredentialVerification" };
        let outcome = view.text(Column::ServiceEventDetails, row).and_then(|json| lookup(json, &[step], arena))?;
        if !outcome.eq_ignore_ascii_case("Success") {
            return None;
        }
        let more = |key| view.text(Column::AdditionalEventData, row).and_then(|json| lookup(json, &[key], arena));
        let factors = more("CredentialType").map(Factors::read).unwrap_or_default();
        Some(Self {
            user: user.to_owned(),
            workflow: more("AuthWorkflowID").map(str::to_owned),
            factors,
            whole,
            time: view.place(row).time,
        })
    }
}

impl Factors {
    fn read(text: &str) -> Self {
        let mut factors = Self::default();
        for word in text.split(',').map(str::trim) {
            let is = |known: &[&str]| known.iter().any(|known| known.eq_ignore_ascii_case(word));
            factors.password |= is(&["PASSWORD"]);
            factors.second |= is(&["TOTP", "WEBAUTHN", "U2F", "EMAIL_OTP"]);
            factors.provider |= is(&["EXTERNAL_IDP"]);
        }
        factors
    }

    fn and(self, other: Self) -> Self {
        Self { password: self.password || other.password, second: self.second || other.second, provider: self.provider || other.provider }
    }

    fn verdict(self) -> Verdict {
        if self.second {
            Verdict::Mfa
        } else if self.password && !self.provider {
            Verdict::NoMfa
        } else {
            Verdict::IdpUnknown
        }
    }
}

/// Every sign-in, by user.
#[derive(Debug, Default)]
pub(super) struct SignIns {
    by_user: HashMap<String, BTreeMap<EventTime, Factors>>,
}

impl SignIns {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        let mut by_workflow: HashMap<(String, String), Factors> = HashMap::new();
        for step in &steps {
            if let Some(workflow) = &step.workflow {
                let factors = by_workflow.entry((step.user.clone(), workflow.clone())).or_default();
                *factors = factors.and(step.factors);
            }
        }
        let mut by_user: HashMap<String, BTreeMap<EventTime, Factors>> = HashMap::new();
        for step in steps.into_iter().filter(|step| step.whole) {
            let Some(time) = step.time else { continue };
            let workflow = step.workflow.and_then(|workflow| by_workflow.get(&(step.user.clone(), workflow)).copied());
            let factors = step.factors.and(workflow.unwrap_or_default());
            let known = by_user.entry(step.user).or_default().entry(time).or_insert(factors);
            if *known != factors {
                // Two sign-ins of one second that differ: which of them counts is not known.
                *known = Factors::default();
            }
        }
        Self { by_user }
    }

    /// What the last sign-in of a user up to a time says; nothing where there is none.
    pub(super) fn verdict(&self, user: &str, time: EventTime) -> Option<Verdict> {
        self.by_user.get(user)?.range(..=time).next_back().map(|(_, factors)| factors.verdict())
    }
}
