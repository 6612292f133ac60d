//! Whom a trust policy lets in.

use std::collections::BTreeSet;

use serde_json::Value;

use super::canonical::is_account;
use super::pattern::{is_everything, matches};
use super::{PolicyDocument, Statement, texts};

/// Whom the statements of a trust policy let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// One for each statement that allows to take the role on.
    pub grants: Vec<TrustGrant>,
    /// The policy has `Deny` statements, which were not weighed: fewer may come in than are said here.
    pub denies_ignored: bool,
}

/// Whom one statement lets in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustGrant {
    /// Everyone with an AWS account.
    pub anyone: bool,
    /// The accounts whose principals are named, each by its number.
    pub accounts: BTreeSet<String>,
    /// Principals of AWS without an account in their name, such as the id of one that was deleted.
    pub unplaced: BTreeSet<String>,
    /// Identity providers.
    pub federated: BTreeSet<String>,
    /// Services.
    pub services: BTreeSet<String>,
    /// A condition asks for a certain `sts:ExternalId` or `aws:PrincipalOrgID`.
    pub guarded: bool,
}

/// Who comes in from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outsiders {
    /// The accounts, in order and with commas between, or `*`.
    pub accounts: String,
    /// Each statement that lets one of them in is guarded.
    pub guarded: bool,
}

impl PolicyDocument {
    /// Reads the document as the trust policy of a role.
    pub fn trust(&self) -> Trust {
        Trust { grants: self.allows().filter(|statement| is_for_entry(statement)).map(grant).collect(), denies_ignored: self.denies() > 0 }
    }
}

impl Trust {
    /// Who comes in from outside of one's own accounts; `None` where nobody does.
    ///
    /// Services, identity providers and principals without an account are not counted.
    pub fn outsiders(&self, own: &BTreeSet<String>) -> Option<Outsiders> {
        let outside = |grant: &TrustGrant| grant.anyone || grant.accounts.iter().any(|account| !own.contains(account));
        let grants: Vec<&TrustGrant> = self.grants.iter().filter(|grant| outside(grant)).collect();
        if grants.is_empty() {
            return None;
        }
        let accounts: BTreeSet<&str> = if grants.iter().any(|grant| grant.anyone) {
            BTreeSet::from(["*"])
        } else {
            grants.iter().flat_map(|grant| &grant.accounts).filter(|account| !own.contains(*account)).map(String::as_str).collect()
        };
        Some(Outsiders { accounts: accounts.into_iter().collect::<Vec<_>>().join(","), guarded: grants.iter().all(|grant| grant.guarded) })
    }
}

/// The calls that take a role on. `sts:TagSession` and `sts:SetSourceIdentity` alone let nobody in.
const ENTRIES: [&str; 3] = ["sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"];

pub(super) fn is_for_entry(statement: &Statement) -> bool {
    let among = |element: &'static str, entry: &str| statement.texts(element).any(|pattern| matches(pattern, entry));
    ENTRIES.iter().any(|entry| among("Action", entry) || (statement.has("NotAction") && !among("NotAction", entry)))
}

fn grant(statement: &Statement) -> TrustGrant {
    let mut grant = TrustGrant { anyone: statement.has("NotPrincipal"), guarded: is_guarded(statement), ..TrustGrant::default() };
    let principals = statement.0.get("Principal");
    for (kind, names) in principals.and_then(Value::as_object).into_iter().flatten() {
        for name in texts(Some(names)) {
            match kind.as_str() {
                "AWS" => aws_principal(name, &mut grant),
                "Federated" => {
                    grant.federated.insert(name.to_owned());
                }
                "Service" => {
                    grant.services.insert(name.to_owned());
                }
                _ => {}
            }
        }
    }
    grant
}

/// The account stands in the fifth part of an ARN. IAM takes no wildcard there; who writes one means everyone.
fn aws_principal(name: &str, grant: &mut TrustGrant) {
    let account = name.split(':').nth(4).filter(|_| name.starts_with("arn:")).unwrap_or(name);
    if is_account(account) {
        grant.accounts.insert(account.to_owned());
    } else if account.contains('*') {
        grant.anyone = true;
    } else {
        grant.unplaced.insert(name.to_owned());
    }
}

/// Whether a condition lets only callers in who know or belong to something certain.
///
/// Not so where the key may be absent (`...IfExists`, `ForAllValues:`), where the test is for something else
/// (`StringNotEquals`, `Null`), and where a value is `*`.
fn is_guarded(statement: &Statement) -> bool {
    statement.conditions().any(|(operator, key, values)| {
        let operator = operator.to_ascii_lowercase();
        let operator = operator.strip_prefix("foranyvalue:").unwrap_or(&operator);
        let certain = matches!(operator, "stringequals" | "stringequalsignorecase" | "stringlike");
        let is_key = ["sts:ExternalId", "aws:PrincipalOrgID"].iter().any(|guard| guard.eq_ignore_ascii_case(key));
        certain
            && is_key
            && texts(Some(values)).next().is_some()
            && !texts(Some(values)).any(|value| value.is_empty() || is_everything(value))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn trust(statements: &Value) -> Trust {
        let text = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        PolicyDocument::parse(&text).unwrap_or_else(|error| panic!("{error}: {text}")).trust()
    }

    fn own() -> BTreeSet<String> {
        BTreeSet::from(["111122223333".to_owned(), "444455556666".to_owned()])
    }

    /// The outsiders as text, with `guarded` after those that are.
    fn outside(statements: &Value) -> String {
        match trust(statements).outsiders(&own()) {
            None => "none".to_owned(),
            Some(found) => found.accounts + if found.guarded { " guarded" } else { "" },
        }
    }

    fn of(principal: &Value) -> String {
        outside(&json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}))
    }

    #[test]
    fn who_is_outside() {
        assert_eq!(of(&json!("*")), "*");
        assert_eq!(of(&json!({"AWS": "*"})), "*");
        assert_eq!(of(&json!({"AWS": ["*", "999988887777"]})), "*");
        assert_eq!(of(&json!({"AWS": "999988887777"})), "999988887777");
        assert_eq!(of(&json!({"AWS": "arn:aws:iam::999988887777:root"})), "999988887777");
        assert_eq!(of(&json!({"AWS": "arn:aws-cn:iam::999988887777:user/team/x"})), "999988887777");
        assert_eq!(of(&json!({"AWS": "arn:aws:sts::999988887777:assumed-role/r/s"})), "999988887777");
        let several =
            ["arn:aws:iam::999988887777:role/b", "arn:aws:iam::111122223333:root", "123456789012", "arn:aws:iam::999988887777:role/a"];
        assert_eq!(of(&json!({"AWS": several})), "123456789012,999988887777");
        assert_eq!(of(&json!({"AWS": "arn:aws:iam::*:root"})), "*");
        assert_eq!(outside(&json!({"Effect": "Allow", "NotPrincipal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"})), "*");
    }

    #[test]
    fn who_is_not() {
        for principal in [
            json!({"AWS": "111122223333"}),
            json!({"AWS": ["arn:aws:iam::444455556666:user/x", "AROAEXAMPLEID"]}),
            json!({"Service": "ec2.amazonaws.com"}),
            json!({"Federated": "arn:aws:iam::999988887777:saml-provider/idp"}),
            json!({"AWS": []}),
            json!({"AWS": [null, 999_988_887_777_u64]}),
            json!({"aws": "*"}),
            json!(["*"]),
            json!(null),
        ] {
            assert_eq!(of(&principal), "none", "{principal}");
        }
        let effect = |effect: &str, action: &str| outside(&json!({"Effect": effect, "Principal": "*", "Action": action}));
        assert_eq!(effect("Deny", "sts:AssumeRole"), "none");
        assert_eq!(effect("Allow", "sts:TagSession"), "none");
        assert_eq!(effect("Allow", "STS:Assume*"), "*");
        assert_eq!(effect("Allow", "*"), "*");
        assert_eq!(outside(&json!({"Effect": "Allow", "Principal": "*", "NotAction": "sts:TagSession"})), "*");
        assert_eq!(outside(&json!({"Effect": "Allow", "Principal": "*", "NotAction": "sts:*"})), "none");
    }

    #[test]
    fn guards() {
        let with = |condition: Value| {
            outside(&json!({"Effect": "Allow", "Principal": {"AWS": "999988887777"}, "Action": "sts:AssumeRole", "Condition": condition}))
        };
        for condition in [
            json!({"StringEquals": {"sts:ExternalId": "e-1"}}),
            json!({"stringequals": {"STS:EXTERNALID": ["e-1", "e-2"]}}),
            json!({"StringLike": {"sts:ExternalId": "e-*"}}),
            json!({"ForAnyValue:StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}, "Bool": {"aws:SecureTransport": "true"}}),
        ] {
            assert_eq!(with(condition.clone()), "999988887777 guarded", "{condition}");
        }
        for condition in [
            json!({}),
            json!("odd"),
            json!({"StringEquals": {}}),
            json!({"StringEquals": {"sts:ExternalId": []}}),
            json!({"StringEquals": {"sts:ExternalId": ""}}),
            json!({"StringLike": {"sts:ExternalId": "*"}}),
            json!({"StringLike": {"sts:ExternalId": ["e-1", "**"]}}),
            json!({"StringEqualsIfExists": {"sts:ExternalId": "e-1"}}),
            json!({"ForAllValues:StringEquals": {"aws:PrincipalOrgID": "o-exampleorg1"}}),
            json!({"StringNotEquals": {"sts:ExternalId": "e-1"}}),
            json!({"Null": {"sts:ExternalId": "true"}}),
            json!({"StringEquals": {"aws:PrincipalAccount": "999988887777"}}),
        ] {
            assert_eq!(with(condition.clone()), "999988887777", "{condition}");
        }
    }

    #[test]
    fn one_open_statement_opens_the_role() {
        let guarded = json!({"Effect": "Allow", "Principal": {"AWS": "999988887777"}, "Action": "sts:AssumeRole", "Condition": {"StringEquals": {"sts:ExternalId": "e-1"}}});
        let open = json!({"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"});
        let own = json!({"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"});
        assert_eq!(outside(&json!([guarded, open])), "123456789012,999988887777");
        assert_eq!(outside(&json!([guarded, own])), "999988887777 guarded");
    }

    #[test]
    fn providers_services_and_denials_are_said() {
        let found = trust(&json!([
            {"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com"], "Federated": "cognito-identity.amazonaws.com", "AWS": "AROAEXAMPLEID"}, "Action": ["sts:AssumeRole", "sts:AssumeRoleWithWebIdentity"]},
            {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"},
        ]));
        assert!(found.denies_ignored);
        let [grant] = found.grants.as_slice() else { panic!("{found:?}") };
        assert_eq!(grant.services.first().map(String::as_str), Some("ec2.amazonaws.com"));
        assert_eq!(grant.federated.first().map(String::as_str), Some("cognito-identity.amazonaws.com"));
        assert_eq!(grant.unplaced.first().map(String::as_str), Some("AROAEXAMPLEID"));
    }
}
