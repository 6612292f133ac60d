//! Who acted: `principal`, `actor`, `session_name` and `session_issuer`.

use super::super::Event;
use crate::schema::Column;

/// `userIdentity.type`, as far as verdicts depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UserType {
    /// A user of IAM.
    IamUser,
    /// The account's root, or a session of `AssumeRoot`.
    Root,
    /// A role's session.
    AssumedRole,
    /// A session of `GetFederationToken`.
    FederatedUser,
    /// The caller of `AssumeRoleWithSAML`.
    SamlUser,
    /// The caller of `AssumeRoleWithWebIdentity`.
    WebIdentityUser,
    /// A user of Identity Center.
    IdentityCenterUser,
    /// Another account.
    AwsAccount,
    /// An AWS service.
    AwsService,
    /// `Directory`, `Unknown`, one that this version does not know, or none.
    Other,
}

pub(super) fn set(event: &mut Event<'_>) -> UserType {
    let identity = set_type(event);
    set_principal(event, identity);
    let actor = [
        Column::UserArn,
        Column::IssuerArn,
        Column::UserOnBehalfOfId,
        Column::UserInvokedBy,
        Column::UserAccountId,
        Column::UserPrincipalId,
    ];
    event.set_optional(Column::Actor, actor.into_iter().find_map(|column| named(event, column)));
    if identity == UserType::AssumedRole {
        event.set_optional(Column::SessionName, named(event, Column::UserArn).and_then(last_part));
        event.set_optional(Column::SessionIssuer, named(event, Column::IssuerArn));
    }
    identity
}

/// Spells `user_type` as AWS does, where another tool wrote it in other letters: rules compare it exactly.
fn set_type(event: &mut Event<'_>) -> UserType {
    let Some((name, identity)) = event.text(Column::UserType).and_then(known) else { return UserType::Other };
    event.set_text(Column::UserType, name);
    identity
}

/// AWS's spelling of a type that this version knows.
fn known(text: &str) -> Option<(&'static str, UserType)> {
    use UserType::{
        AssumedRole, AwsAccount, AwsService, FederatedUser, IamUser, IdentityCenterUser, Other, Root, SamlUser, WebIdentityUser,
    };
    // A text has one length, so few comparisons are made in full.
    let known = [
        ("IAMUser", IamUser),
        ("AssumedRole", AssumedRole),
        ("AWSService", AwsService),
        ("Root", Root),
        ("FederatedUser", FederatedUser),
        ("SAMLUser", SamlUser),
        ("WebIdentityUser", WebIdentityUser),
        ("IdentityCenterUser", IdentityCenterUser),
        ("AWSAccount", AwsAccount),
        ("Directory", Other),
        ("Unknown", Other),
    ];
    known.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(text))
}

/// Sets `principal`: one name for all sessions of a role, so that thresholds and baselines work over them.
fn set_principal(event: &mut Event<'_>, identity: UserType) {
    let whole = match identity {
        UserType::IamUser | UserType::Root => named(event, Column::UserArn),
        UserType::AssumedRole => named(event, Column::IssuerArn),
        UserType::AwsService => named(event, Column::UserInvokedBy),
        _ => None,
    };
    if let Some(whole) = whole {
        return event.set_text(Column::Principal, whole);
    }
    let pair = match identity {
        UserType::FederatedUser => named(event, Column::IssuerArn).zip(federated_name(event)),
        UserType::SamlUser | UserType::WebIdentityUser => named(event, Column::UserIdentityProvider).zip(named(event, Column::UserName)),
        UserType::IdentityCenterUser => named(event, Column::UserIdentityStoreArn).zip(named(event, Column::UserOnBehalfOfId)),
        // An anonymous caller has an empty principalId.
        UserType::AwsAccount => named(event, Column::UserAccountId).zip(Some(event.text(Column::UserPrincipalId).unwrap_or_default())),
        _ => None,
    };
    if let Some((first, second)) = pair {
        event.set_made(Column::Principal, format_args!("{first}/{second}"));
    } else if let Some(id) = named(event, Column::UserPrincipalId) {
        event.set_made(Column::Principal, format_args!("unknown:{id}"));
    } else if event.has(Column::UserIdentity) || event.has(Column::UserType) {
        event.set_text(Column::Principal, "unknown:");
    }
}

/// A text column that names something: an empty text names nobody.
fn named<'a>(event: &Event<'a>, column: Column) -> Option<&'a str> {
    event.text(column).filter(|text| !text.is_empty())
}

/// The name given to `GetFederationToken`; the record has it in the ARN and in `principalId`, and no `userName`.
fn federated_name<'a>(event: &Event<'a>) -> Option<&'a str> {
    let from_arn = named(event, Column::UserArn).and_then(last_part);
    let from_id = || named(event, Column::UserPrincipalId)?.split_once(':').map(|(_, name)| name);
    from_arn.or_else(from_id).or_else(|| named(event, Column::UserName)).filter(|name| !name.is_empty())
}

fn last_part(arn: &str) -> Option<&str> {
    arn.rsplit_once('/').map(|(_, last)| last)
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::super::sample;
    use super::*;

    const ROLE_SESSION: &str = "arn:aws:sts::111122223333:assumed-role/Deploy/build-7";
    const ROLE: &str = "arn:aws:iam::111122223333:role/ci/Deploy";

    fn principal(identity: &str, fields: &[(Column, &str)]) -> Option<String> {
        let arena = Bump::new();
        let mut all = vec![(Column::UserType, identity)];
        all.extend_from_slice(fields);
        sample(&arena, &all).text(Column::Principal).map(str::to_owned)
    }

    #[test]
    fn principals_of_every_type() {
        use Column::{
            IssuerArn, UserAccountId, UserArn, UserIdentityProvider, UserIdentityStoreArn, UserInvokedBy, UserName, UserOnBehalfOfId,
            UserPrincipalId,
        };
        const USER: &str = "arn:aws:iam::111122223333:user/example";
        type Case = (&'static str, &'static [(Column, &'static str)], &'static str);
        let cases: [Case; 18] = [
            ("IAMUser", &[(UserArn, USER), (UserPrincipalId, "AIDA1")], USER),
            ("IAMUser", &[(UserPrincipalId, "AIDA1"), (UserName, "example")], "unknown:AIDA1"),
            ("IAMUser", &[(UserName, "HIDDEN_DUE_TO_SECURITY_REASONS")], "unknown:"),
            ("Root", &[(UserArn, "arn:aws:iam::111122223333:root")], "arn:aws:iam::111122223333:root"),
            ("AssumedRole", &[(UserArn, ROLE_SESSION), (IssuerArn, ROLE)], ROLE),
            ("assumedrole", &[(UserArn, ROLE_SESSION), (IssuerArn, ROLE)], ROLE),
            ("AssumedRole", &[(UserArn, ROLE_SESSION), (UserPrincipalId, "AROA1:build-7")], "unknown:AROA1:build-7"),
            (
                "FederatedUser",
                &[(IssuerArn, USER), (UserArn, "arn:aws:sts::111122223333:federated-user/fed")],
                "arn:aws:iam::111122223333:user/example/fed",
            ),
            ("FederatedUser", &[(IssuerArn, USER), (UserPrincipalId, "111122223333:fed")], "arn:aws:iam::111122223333:user/example/fed"),
            ("FederatedUser", &[(UserPrincipalId, "111122223333:fed")], "unknown:111122223333:fed"),
            ("SAMLUser", &[(UserIdentityProvider, "idp.example.com"), (UserName, "u1")], "idp.example.com/u1"),
            ("WebIdentityUser", &[(UserIdentityProvider, "accounts.example.com"), (UserName, "42")], "accounts.example.com/42"),
            (
                "IdentityCenterUser",
                &[(UserIdentityStoreArn, "arn:aws:identitystore::111122223333:identitystore/d-1"), (UserOnBehalfOfId, "u-2")],
                "arn:aws:identitystore::111122223333:identitystore/d-1/u-2",
            ),
            ("AWSAccount", &[(UserAccountId, "444455556666"), (UserPrincipalId, "AIDA2")], "444455556666/AIDA2"),
            ("AWSAccount", &[(UserAccountId, "ANONYMOUS_PRINCIPAL"), (UserPrincipalId, "")], "ANONYMOUS_PRINCIPAL/"),
            ("AWSService", &[(UserInvokedBy, "cloudtrail.amazonaws.com")], "cloudtrail.amazonaws.com"),
            ("Directory", &[(UserPrincipalId, "d-1")], "unknown:d-1"),
            ("Unknown", &[(UserPrincipalId, "x"), (Column::SourceIpAddress, "203.0.113.10")], "unknown:x"),
        ];
        for (identity, fields, wanted) in cases {
            assert_eq!(principal(identity, fields).as_deref(), Some(wanted), "{identity} {fields:?}");
        }
    }

    #[test]
    fn known_types_are_spelt_as_aws_does() {
        let arena = Bump::new();
        let spelt = |text| sample(&arena, &[(Column::UserType, text)]).text(Column::UserType);
        for (text, wanted) in [("iamuser", "IAMUser"), ("ROOT", "Root"), ("samlUser", "SAMLUser"), ("unknown", "Unknown")] {
            assert_eq!(spelt(text), Some(wanted));
        }
        for other in ["future", "", "IAMUser ", "R\u{43e}ot"] {
            assert_eq!(spelt(other), Some(other));
        }
    }

    #[test]
    fn without_identity_there_is_no_principal() {
        let arena = Bump::new();
        assert!(!sample(&arena, &[(Column::UserName, "from a CSV")]).has(Column::Principal));
        let service = sample(&arena, &[(Column::UserIdentity, "{}"), (Column::UserInvokedBy, "ec2.amazonaws.com")]);
        assert_eq!(service.text(Column::Principal), Some("unknown:"));
        assert_eq!(service.text(Column::Actor), Some("ec2.amazonaws.com"));
    }

    #[test]
    fn actors_in_their_order() {
        let arena = Bump::new();
        let mut fields = vec![
            (Column::UserArn, "arn"),
            (Column::IssuerArn, "issuer"),
            (Column::UserOnBehalfOfId, "behalf"),
            (Column::UserInvokedBy, "service"),
            (Column::UserAccountId, "account"),
            (Column::UserPrincipalId, "id"),
        ];
        while let Some((column, wanted)) = fields.first().copied() {
            assert_eq!(sample(&arena, &fields).text(Column::Actor), Some(wanted), "{column}");
            fields.remove(0);
        }
        assert!(!sample(&arena, &fields).has(Column::Actor));
    }

    #[test]
    fn sessions_of_roles_only() {
        let arena = Bump::new();
        let session = |identity| {
            let event = sample(&arena, &[(Column::UserType, identity), (Column::UserArn, ROLE_SESSION), (Column::IssuerArn, ROLE)]);
            (event.text(Column::SessionName), event.text(Column::SessionIssuer))
        };
        assert_eq!(session("AssumedRole"), (Some("build-7"), Some(ROLE)));
        assert_eq!(session("FederatedUser"), (None, None));
    }
}
