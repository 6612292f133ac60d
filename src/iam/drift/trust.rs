//! What a change of a role's trust policy opens.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value as Json;

use super::super::attribute::Value;
use super::super::kind::Risk;
use super::super::policy::Document;
use super::super::policy::pattern::matches_exactly;

/// What a trust policy lets in that it did not before, and which conditions it dropped.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TrustChange {
    /// Principals of AWS that were added.
    pub(super) added: BTreeSet<String>,
    /// Identity providers that were added, or whose `sub`, `aud` or `amr` was removed or widened.
    pub(super) federated: BTreeSet<String>,
    /// What conditions that kept callers out were worth, which were taken from a principal that stays.
    dropped: Option<Risk>,
    /// Everyone was added, without a condition.
    pub(super) is_open_to_all: bool,
    /// GitHub's provider is trusted for whatever repository.
    pub(super) trusts_any_repository: bool,
}

impl TrustChange {
    /// Compares two trust policies. Where the one before is not known, all that is in the later one counts as added.
    pub(super) fn between(before: &Value, after: &Value) -> Self {
        let (before, after) = (principals(before), principals(after));
        let mut change = Self::default();
        for ((kind, name), guards) in &after {
            let old = before.get(&(kind.clone(), name.clone()));
            match (kind.as_str(), old) {
                ("AWS", None) => {
                    change.is_open_to_all |= name == "*" && guards.is_empty();
                    change.added.insert(name.clone());
                }
                ("Federated", None) => {
                    change.federated.insert(name.clone());
                }
                ("Federated", Some(old)) if is_widened(old, guards) => {
                    change.federated.insert(name.clone());
                }
                _ => {}
            }
            let dropped = old.into_iter().flat_map(BTreeMap::keys).filter(|key| !guards.contains_key(*key));
            let worth = dropped.filter_map(|key| guarded(key));
            change.dropped = worth.chain(change.dropped).min();
            change.trusts_any_repository |= kind == "Federated" && is_for_any_repository(name, guards);
        }
        change
    }

    /// The risk, given which accounts are one's own, and whether the role's rank lets it matter who of them comes in.
    pub(super) fn risk(&self, own: &dyn Fn(&str) -> bool, role_has_rank: bool) -> Risk {
        let is_outside = |name: &String| match account_of(name) {
            Some(account) => account.contains('*') || !own(account),
            None => false,
        };
        let fits = [
            (self.added.iter().any(is_outside), Risk::ExternalTrust),
            (role_has_rank && !self.added.is_empty(), Risk::PrivilegeEscalation),
            (!self.federated.is_empty(), Risk::FederatedTrust),
        ];
        fits.into_iter().filter(|(fits, _)| *fits).map(|(_, risk)| risk).chain(self.dropped).min().unwrap_or(Risk::TrustChange)
    }
}

/// The values that conditions ask for, by their keys in lower case.
type Guards = BTreeMap<String, BTreeSet<String>>;

/// Each principal that the policy allows, with the conditions that all of its statements have.
fn principals(policy: &Value) -> BTreeMap<(String, String), Guards> {
    let mut found: BTreeMap<(String, String), Guards> = BTreeMap::new();
    let statements = policy.policy().and_then(Document::policy).map(|policy| policy.statements()).unwrap_or_default().into_iter();
    for statement in statements.filter(|statement| statement.get("Effect").and_then(Json::as_str) == Some("Allow")) {
        let guards = guards(&statement);
        for principal in named(&statement) {
            found
                .entry(principal)
                .and_modify(|held| {
                    // Of two statements for one principal, a caller takes the more open one.
                    held.retain(|key, _| guards.contains_key(key));
                    for (key, values) in held {
                        values.extend(guards.get(key).into_iter().flatten().cloned());
                    }
                })
                .or_insert_with(|| guards.clone());
        }
    }
    found
}

fn named(statement: &Json) -> Vec<(String, String)> {
    if statement.get("NotPrincipal").is_some() {
        return vec![("AWS".to_owned(), "*".to_owned())];
    }
    let kinds = statement.get("Principal").and_then(Json::as_object).into_iter().flatten();
    let names = |names: &Json| names.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>();
    kinds.flat_map(|(kind, list)| names(list).into_iter().map(|name| (kind.clone(), name))).collect()
}

fn guards(statement: &Json) -> Guards {
    let operators = statement.get("Condition").and_then(Json::as_object).into_iter().flatten();
    let keys = operators.flat_map(|(_, keys)| keys.as_object().into_iter().flatten());
    let mut found = Guards::new();
    for (key, values) in keys {
        let values = values.as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned);
        found.entry(key.clone()).or_default().extend(values);
    }
    found
}

/// Whether whom a provider vouches for was told more narrowly before.
fn is_widened(before: &Guards, after: &Guards) -> bool {
    let told = before.iter().filter(|(key, _)| [":sub", ":aud", ":amr"].iter().any(|end| key.ends_with(end)));
    told.into_iter().any(|(key, values)| after.get(key).is_none_or(|after| !after.is_subset(values)))
}

fn is_for_any_repository(provider: &str, guards: &Guards) -> bool {
    let sub = guards.get("token.actions.githubusercontent.com:sub");
    provider.ends_with("token.actions.githubusercontent.com")
        && sub.is_none_or(|values| values.iter().any(|value| matches_exactly(value, ANY_REPOSITORY)))
}

/// The risk of losing a condition on that key.
fn guarded(key: &str) -> Option<Risk> {
    if key.starts_with("aws:multifactorauth") {
        return Some(Risk::MfaWeakening);
    }
    GUARDS.contains(&key).then_some(Risk::GuardrailWeakening)
}

/// The account that a principal's name has, `*` for everyone; `None` for the bare id of one that was deleted.
pub(super) fn account_of(principal: &str) -> Option<&str> {
    if principal == "*" {
        return Some(principal);
    }
    principal.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(3))
}

/// The subject of a repository that nobody has, which a pattern matches only if it is for all of them.
const ANY_REPOSITORY: &str = "repo:\u{1}/\u{1}:\u{1}";

/// Conditions that keep callers out who do not know or belong to something, in lower case.
const GUARDS: [&str; 6] =
    ["sts:externalid", "aws:principalorgid", "aws:principalorgpaths", "aws:sourcearn", "aws:sourceaccount", "aws:sourceorgid"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OWN: &str = "111122223333";

    fn policy(statements: &Json) -> Value {
        Value::document(Some(&json!({"Version": "2012-10-17", "Statement": statements}).to_string()))
    }

    #[expect(clippy::needless_pass_by_value, reason = "tests write values where they are used")]
    fn allow(principal: Json, condition: Json) -> Json {
        json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, "Condition": condition})
    }

    fn risk(before: &Json, after: &Json, role_has_rank: bool) -> Risk {
        TrustChange::between(&policy(before), &policy(after)).risk(&|account| account == OWN, role_has_rank)
    }

    #[test]
    fn who_is_added() {
        let service = allow(json!({"Service": "ec2.amazonaws.com"}), json!({}));
        let with = |principal: Json, rank| risk(&json!([service]), &json!([service, allow(principal, json!({}))]), rank);
        assert_eq!(with(json!({"AWS": "444455556666"}), false), Risk::ExternalTrust);
        assert_eq!(with(json!("*"), false), Risk::ExternalTrust);
        assert_eq!(with(json!({"AWS": "arn:aws:iam::111122223333:user/x"}), true), Risk::PrivilegeEscalation);
        assert_eq!(with(json!({"AWS": "arn:aws:iam::111122223333:user/x"}), false), Risk::TrustChange);
        assert_eq!(with(json!({"AWS": "AIDAEXAMPLE"}), false), Risk::TrustChange);
        assert_eq!(with(json!({"Federated": "arn:aws:iam::111122223333:saml-provider/idp"}), true), Risk::FederatedTrust);
        assert_eq!(with(json!({"Service": "lambda.amazonaws.com"}), true), Risk::TrustChange);
    }

    #[test]
    fn conditions_that_are_dropped_or_widened() {
        let own = json!({"AWS": "111122223333"});
        let from = |before: Json, after: Json| risk(&json!([allow(own.clone(), before)]), &json!([allow(own.clone(), after)]), true);
        assert_eq!(from(json!({"StringEquals": {"sts:ExternalId": "x"}}), json!({})), Risk::GuardrailWeakening);
        assert_eq!(from(json!({"Bool": {"aws:MultiFactorAuthPresent": "true"}}), json!({})), Risk::MfaWeakening);
        assert_eq!(from(json!({"StringEquals": {"aws:RequestedRegion": "x"}}), json!({})), Risk::TrustChange);
        let provider = json!({"Federated": "arn:aws:iam::111122223333:oidc-provider/example.com"});
        let told = |sub: Json| json!([allow(provider.clone(), json!({"StringLike": {"example.com:sub": sub}}))]);
        assert_eq!(risk(&told(json!(["a", "b"])), &told(json!(["a", "b", "c"])), false), Risk::FederatedTrust);
        assert_eq!(risk(&told(json!(["a", "b"])), &told(json!("a")), false), Risk::TrustChange);
        assert_eq!(risk(&told(json!("a")), &json!([allow(provider.clone(), json!({}))]), false), Risk::FederatedTrust);
    }

    #[test]
    fn a_second_statement_for_one_principal_opens_it() {
        let own = json!({"AWS": "111122223333"});
        let guarded = allow(own.clone(), json!({"StringEquals": {"sts:ExternalId": "x"}}));
        assert_eq!(risk(&json!([guarded]), &json!([guarded, allow(own, json!({}))]), false), Risk::GuardrailWeakening);
    }

    #[test]
    fn any_repository() {
        let github = json!({"Federated": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"});
        let any = |condition: Json| {
            let after = policy(&json!([allow(github.clone(), condition)]));
            TrustChange::between(&Value::Absent, &after).trusts_any_repository
        };
        assert!(any(json!({"StringEquals": {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}})));
        assert!(any(json!({"StringLike": {"token.actions.githubusercontent.com:sub": "repo:*"}})));
        assert!(any(json!({"StringLike": {"token.actions.githubusercontent.com:sub": "repo:*/*:*"}})));
        assert!(!any(json!({"StringLike": {"token.actions.githubusercontent.com:sub": "repo:org/*"}})));
        assert!(!any(json!({"StringLike": {"token.actions.githubusercontent.com:sub": "repo:org/app:*"}})));
    }
}
