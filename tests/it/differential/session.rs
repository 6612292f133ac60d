//! Where a session comes from, as far as the rules of single events ask: was MFA used?

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::mfa::{api_mfa, used_a_device};
use super::plain::{Log, calls, named, ok, text};

/// `mfa` where the call that made the event's session used it, or the session of that call did, and so on.
pub(super) fn origin(event: &Value, log: &Log) -> &'static str {
    let apis = ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "AssumeRoot", "GetSessionToken", "GetFederationToken"];
    let calls = log.events.iter().filter(|call| calls(call, "sts", &apis) && ok(call) == Some(true)).collect();
    Chain { calls, known: BTreeMap::new() }.back(event)
}

/// The calls that make sessions, and what those on the way say; one that is met again on its own way leads nowhere.
struct Chain<'l> {
    calls: Vec<&'l Value>,
    known: BTreeMap<usize, &'static str>,
}

impl Chain<'_> {
    fn back(&mut self, event: &Value) -> &'static str {
        let made_by: Vec<usize> = (0..self.calls.len()).filter(|at| makes(self.calls[*at], event)).collect();
        let verdicts: BTreeSet<&str> = made_by.into_iter().map(|at| self.verdict(at)).collect();
        match verdicts.into_iter().collect::<Vec<_>>()[..] {
            [] => "not_in_log",
            [verdict] => verdict,
            // Calls that say different things claim to have made it.
            _ => "unknown",
        }
    }

    fn verdict(&mut self, at: usize) -> &'static str {
        let call = self.calls[at];
        if let Some(known) = self.known.get(&at) {
            return known;
        }
        self.known.insert(at, "unknown");
        let verdict = if calls(call, "sts", &["AssumeRoleWithSAML", "AssumeRoleWithWebIdentity"]) {
            "idp_unknown"
        } else if calls(call, "sts", &["AssumeRole", "GetSessionToken"]) && used_a_device(call) {
            "mfa"
        } else if calls(call, "sts", &["GetSessionToken"]) {
            "no_mfa"
        } else {
            match api_mfa(call) {
                "yes" => "mfa",
                "no" => "no_mfa",
                "unknown" => self.back(call),
                other => other,
            }
        };
        self.known.insert(at, verdict);
        verdict
    }
}

/// Whether a call issued the key of the event's session, or made the session of that name and time.
fn makes(call: &Value, event: &Value) -> bool {
    let issued = named(call, "/responseElements/credentials/accessKeyId");
    if issued.is_some() && issued == named(event, "/userIdentity/accessKeyId") {
        return true;
    }
    let made = named(call, "/responseElements/assumedRoleUser/assumedRoleId")
        .or_else(|| named(call, "/responseElements/federatedUser/federatedUserId"));
    let created = text(event, "/userIdentity/sessionContext/attributes/creationDate");
    made.is_some() && made == named(event, "/userIdentity/principalId") && created.is_some() && created == text(call, "/eventTime")
}
