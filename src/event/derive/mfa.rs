//! `mfa_verdict` of sign-ins and `api_mfa` of calls: what a record by itself proves about MFA.
//!
//! AWS cannot see what an identity provider asked for, so that logins by SAML,
//! Identity Center and roles say `MFAUsed: No` whatever happened there: they are
//! never `no_mfa`.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::super::Event;
use super::super::reader::lookup;
use super::call::Call;
use super::credential::Credential;
use super::identity::UserType;
use super::same;
use crate::problem::ProblemKind;
use crate::schema::Column;

pub(super) fn set(event: &mut Event<'_>, call: Call<'_>, identity: UserType, credential: Credential) {
    let verdict = if call.stem.eq_ignore_ascii_case("ConsoleLogin") { console_login(event, identity) } else { "not_login" };
    event.set_text(Column::MfaVerdict, verdict);
    event.set_text(Column::ApiMfa, api_mfa(event, identity, credential));
}

/// What table 2.1 looks at.
#[derive(Debug, Clone, Copy)]
struct Login {
    identity: UserType,
    /// `MFAUsed`, where it is `Yes` or `No`.
    used: Option<bool>,
    /// `mfaAuthenticated` of the session.
    authenticated: Option<bool>,
    /// A SAML provider is named.
    saml: bool,
    /// The role is one of Identity Center's.
    identity_center: bool,
}

fn console_login(event: &mut Event<'_>, identity: UserType) -> &'static str {
    let login = Login {
        identity,
        used: mfa_used(event),
        authenticated: event.flag(Column::SessionMfaAuthenticated),
        saml: names_saml_provider(event),
        identity_center: event.text(Column::UserArn).is_some_and(|arn| arn.contains(":assumed-role/AWSReservedSSO_")),
    };
    let (row, verdict) = judge(event, login);
    let reason = match row {
        6 => "the fields disagree (MFAUsed No, mfaAuthenticated true)".to_owned(),
        11 => "neither MFAUsed nor mfaAuthenticated is there".to_owned(),
        18 => match event.text(Column::UserType) {
            Some(name) => format!("identity type {name} does not tell whether MFA was used"),
            None => "no identity type".to_owned(),
        },
        _ => return verdict,
    };
    let id = event.text(Column::EventId).unwrap_or("without an event id");
    event.notice(ProblemKind::MfaUnknown, format!("ConsoleLogin {id}: {reason}"));
    verdict
}

/// The row of table 2.1 that matches first, and its verdict.
fn judge(event: &Event<'_>, login: Login) -> (u8, &'static str) {
    if same(event, Column::ConsoleLoginResult, "Success") {
        judge_success(login)
    } else if same(event, Column::ConsoleLoginResult, "Failure") {
        if login.used == Some(true) { (2, "failed_mfa_step") } else { (3, "failed") }
    } else if event.text(Column::ErrorMessage).is_some_and(|message| !message.is_empty()) {
        (4, "failed")
    } else {
        (4, "unknown")
    }
}

fn judge_success(login: Login) -> (u8, &'static str) {
    use UserType::{AssumedRole, FederatedUser, IamUser, IdentityCenterUser, Root, SamlUser, WebIdentityUser};
    let federated = login.saml || login.identity_center;
    match (login.identity, login.used, login.authenticated) {
        (IamUser | Root, Some(true), _) => (5, "mfa"),
        (IamUser | Root, Some(false), Some(true)) => (6, "unknown"),
        (IamUser, Some(false), _) => (7, "no_mfa"),
        (Root, Some(false), _) => (8, "no_mfa"),
        (IamUser | Root, None, Some(true)) => (9, "mfa"),
        (IamUser | Root, None, Some(false)) => (10, "no_mfa"),
        (IamUser | Root, None, None) => (11, "unknown"),
        (AssumedRole, _, _) if login.saml => (12, "idp_unknown"),
        (AssumedRole, _, _) if login.identity_center => (13, "idp_unknown"),
        (AssumedRole, Some(true), _) | (AssumedRole, _, Some(true)) => (14, "mfa"),
        (AssumedRole, _, _) => (15, "session_no_mfa"),
        (FederatedUser, _, _) if !federated => (16, "session_no_mfa"),
        (SamlUser | WebIdentityUser | IdentityCenterUser, _, _) => (17, "idp_unknown"),
        // The table has no row for a federated user with a SAML provider: the last row claims least.
        _ => (18, "unknown"),
    }
}

/// `MFAUsed`; a text other than `Yes` and `No` says nothing.
fn mfa_used(event: &Event<'_>) -> Option<bool> {
    let text = event.text(Column::MfaUsed)?;
    if text.eq_ignore_ascii_case("yes") {
        Some(true)
    } else if text.eq_ignore_ascii_case("no") {
        Some(false)
    } else {
        None
    }
}

fn names_saml_provider(event: &Event<'_>) -> bool {
    event.text(Column::AdditionalEventData).is_some_and(|json| lookup(json, &["SamlProviderArn"], event.arena()).is_some())
}

/// Table 2.3, as far as one record decides it; `origin` goes on from `unknown`.
fn api_mfa(event: &Event<'_>, identity: UserType, credential: Credential) -> &'static str {
    let authenticated = event.flag(Column::SessionMfaAuthenticated);
    let assumed_root = event.flag(Column::SessionAssumedRoot) == Some(true);
    match (identity, authenticated) {
        _ if credential.service_call => "n/a",
        // No session: MFA cannot have been used.
        _ if credential.long_term_key => "no",
        (UserType::IamUser, Some(true)) => "yes",
        (UserType::IamUser, Some(false)) => "no",
        // AssumeRoot makes the session: its caller is to be judged.
        _ if assumed_root => "unknown",
        (UserType::Root | UserType::AssumedRole, Some(true)) => "yes",
        (UserType::Root, Some(false)) => "no",
        (UserType::AssumedRole, Some(false)) if is_service_role_session(event) => "n/a",
        (UserType::SamlUser | UserType::WebIdentityUser | UserType::IdentityCenterUser, _) => "idp_unknown",
        _ => "unknown",
    }
}

/// Whether AWS gave the role's session to one of its services or instances, where nobody could be asked for a code.
fn is_service_role_session(event: &Event<'_>) -> bool {
    // An empty `inScopeOf` has been seen; it names no service. A quote inside a text is
    // escaped, so these letters are a key and nothing else.
    static IN_SCOPE_OF: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"inScopeOf\":{\""));
    event.has(Column::Ec2RoleDelivery)
        || event.text(Column::SessionName).is_some_and(is_instance_id)
        || event.text(Column::UserIdentity).is_some_and(|json| IN_SCOPE_OF.find(json.as_bytes()).is_some())
}

/// `i-` and 8 to 17 hex digits: a session name is free text, so that `i-` alone shows nothing.
fn is_instance_id(name: &str) -> bool {
    name.strip_prefix("i-")
        .is_some_and(|digits| (8..=17).contains(&digits.len()) && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::super::sample;
    use super::*;

    const SAML: (Column, &str) = (Column::AdditionalEventData, r#"{"SamlProviderArn":"arn:aws:iam::111122223333:saml-provider/idp"}"#);
    const SSO: (Column, &str) =
        (Column::UserArn, "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/user@example.com");
    const SUCCESS: (Column, &str) = (Column::ConsoleLoginResult, "Success");
    const FAILURE: (Column, &str) = (Column::ConsoleLoginResult, "Failure");
    const ALL_TYPES: [&str; 13] = [
        "IAMUser",
        "Root",
        "AssumedRole",
        "FederatedUser",
        "SAMLUser",
        "WebIdentityUser",
        "IdentityCenterUser",
        "AWSAccount",
        "AWSService",
        "Unknown",
        "Directory",
        "Future",
        "",
    ];

    /// The verdict of a `ConsoleLogin` and the notice beside it; `-` stands for an absent field.
    fn login(identity: &str, used: &str, authenticated: &str, fields: &[(Column, &str)]) -> (String, Option<String>) {
        let arena = Bump::new();
        let mut all = vec![(Column::EventName, "ConsoleLogin"), (Column::EventId, "0c7f")];
        let said = [(Column::UserType, identity), (Column::MfaUsed, used), (Column::SessionMfaAuthenticated, authenticated)];
        all.extend(said.into_iter().filter(|(_, value)| *value != "-"));
        all.extend_from_slice(fields);
        let event = sample(&arena, &all);
        assert!(event.notices().iter().all(|(kind, _)| *kind == ProblemKind::MfaUnknown));
        let verdict = event.text(Column::MfaVerdict).expect("never null").to_owned();
        (verdict, event.notices().first().map(|(_, message)| message.clone()))
    }

    fn verdict(identity: &str, used: &str, authenticated: &str, fields: &[(Column, &str)]) -> String {
        let (verdict, notice) = login(identity, used, authenticated, fields);
        assert_eq!(notice, None, "{identity} {used} {authenticated}");
        verdict
    }

    fn unknown(identity: &str, used: &str, authenticated: &str, fields: &[(Column, &str)]) -> String {
        let (verdict, notice) = login(identity, used, authenticated, fields);
        assert_eq!(verdict, "unknown", "{identity} {used} {authenticated}");
        notice.expect("a coverage note")
    }

    #[test]
    fn row_01_other_events_are_no_logins() {
        let arena = Bump::new();
        for name in ["SwitchRole", "CheckMfa", "UserAuthentication", "GetSigninToken", "CreateUser"] {
            let event = sample(&arena, &[(Column::EventName, name), SUCCESS, (Column::UserType, "IAMUser"), (Column::MfaUsed, "No")]);
            assert_eq!(event.text(Column::MfaVerdict), Some("not_login"), "{name}");
        }
    }

    #[test]
    fn row_02_failure_after_the_password() {
        for identity in ALL_TYPES {
            assert_eq!(verdict(identity, "Yes", "-", &[FAILURE]), "failed_mfa_step");
        }
    }

    #[test]
    fn row_03_failure() {
        for identity in ALL_TYPES {
            assert_eq!(verdict(identity, "No", "false", &[FAILURE]), "failed");
            assert_eq!(verdict(identity, "-", "-", &[FAILURE, (Column::ErrorMessage, "No username found in supplied account")]), "failed");
        }
    }

    #[test]
    fn row_04_no_result() {
        assert_eq!(verdict("IAMUser", "No", "-", &[(Column::ErrorMessage, "Failed authentication")]), "failed");
        assert_eq!(verdict("IAMUser", "No", "-", &[]), "unknown");
        assert_eq!(verdict("Root", "No", "false", &[(Column::ConsoleLoginResult, "Pending")]), "unknown");
    }

    #[test]
    fn row_05_mfa_used() {
        for identity in ["IAMUser", "Root", "iamuser", "ROOT"] {
            for used in ["Yes", "YES", "yes"] {
                for authenticated in ["-", "true", "false"] {
                    assert_eq!(verdict(identity, used, authenticated, &[SUCCESS]), "mfa");
                }
            }
        }
    }

    #[test]
    fn row_06_fields_disagree() {
        for identity in ["IAMUser", "Root"] {
            let notice = unknown(identity, "No", "true", &[SUCCESS]);
            assert_eq!(notice, "ConsoleLogin 0c7f: the fields disagree (MFAUsed No, mfaAuthenticated true)");
        }
    }

    #[test]
    fn row_07_user_without_mfa() {
        for used in ["No", "NO", "no"] {
            assert_eq!(verdict("IAMUser", used, "-", &[SUCCESS]), "no_mfa");
            assert_eq!(verdict("IAMUser", used, "false", &[SUCCESS]), "no_mfa");
        }
    }

    #[test]
    fn row_08_root_without_mfa() {
        assert_eq!(verdict("Root", "No", "-", &[SUCCESS]), "no_mfa");
        assert_eq!(verdict("Root", "No", "false", &[(Column::ConsoleLoginResult, "success")]), "no_mfa");
    }

    #[test]
    fn row_09_session_says_mfa() {
        assert_eq!(verdict("IAMUser", "-", "true", &[SUCCESS]), "mfa");
        assert_eq!(verdict("Root", "perhaps", "true", &[SUCCESS]), "mfa");
    }

    #[test]
    fn row_10_session_says_no_mfa() {
        assert_eq!(verdict("IAMUser", "-", "false", &[SUCCESS]), "no_mfa");
        assert_eq!(verdict("Root", "-", "false", &[SUCCESS]), "no_mfa");
    }

    #[test]
    fn row_11_nothing_said() {
        assert_eq!(unknown("IAMUser", "-", "-", &[SUCCESS]), "ConsoleLogin 0c7f: neither MFAUsed nor mfaAuthenticated is there");
        unknown("Root", "perhaps", "-", &[SUCCESS]);
    }

    #[test]
    fn row_12_saml() {
        for (used, authenticated) in [("No", "false"), ("Yes", "true"), ("-", "-")] {
            assert_eq!(verdict("AssumedRole", used, authenticated, &[SUCCESS, SAML]), "idp_unknown");
            assert_eq!(verdict("AssumedRole", used, authenticated, &[SUCCESS, SAML, SSO]), "idp_unknown");
        }
    }

    #[test]
    fn row_13_identity_center() {
        for (used, authenticated) in [("No", "false"), ("Yes", "true"), ("-", "-")] {
            assert_eq!(verdict("AssumedRole", used, authenticated, &[SUCCESS, SSO]), "idp_unknown");
        }
    }

    #[test]
    fn row_14_role_with_mfa() {
        for (used, authenticated) in [("Yes", "-"), ("Yes", "false"), ("No", "true"), ("-", "true")] {
            assert_eq!(verdict("AssumedRole", used, authenticated, &[SUCCESS]), "mfa");
        }
    }

    #[test]
    fn row_15_role_without_mfa_of_its_own() {
        for (used, authenticated) in [("No", "-"), ("No", "false"), ("-", "-"), ("-", "false")] {
            let other = (Column::AdditionalEventData, r#"{"LoginTo":"https://example.com","SamlProviderArn":null}"#);
            assert_eq!(verdict("AssumedRole", used, authenticated, &[SUCCESS, other]), "session_no_mfa");
        }
    }

    #[test]
    fn row_16_federated_user() {
        for (used, authenticated) in [("No", "false"), ("Yes", "true"), ("-", "-")] {
            assert_eq!(verdict("FederatedUser", used, authenticated, &[SUCCESS]), "session_no_mfa");
        }
    }

    #[test]
    fn row_17_users_of_identity_providers() {
        for identity in ["SAMLUser", "WebIdentityUser", "IdentityCenterUser"] {
            assert_eq!(verdict(identity, "No", "false", &[SUCCESS]), "idp_unknown");
            assert_eq!(verdict(identity, "Yes", "-", &[SUCCESS, SAML]), "idp_unknown");
        }
    }

    #[test]
    fn row_18_other_types() {
        for identity in ["AWSAccount", "Unknown", "Directory", "AWSService", "Future"] {
            let notice = unknown(identity, "No", "false", &[SUCCESS]);
            assert_eq!(notice, format!("ConsoleLogin 0c7f: identity type {identity} does not tell whether MFA was used"));
        }
        assert_eq!(unknown("-", "Yes", "-", &[SUCCESS]), "ConsoleLogin 0c7f: no identity type");
        unknown("FederatedUser", "No", "-", &[SUCCESS, SAML]);
    }

    #[test]
    fn federated_and_role_logins_are_never_without_mfa() {
        for identity in ALL_TYPES.into_iter().filter(|identity| !matches!(*identity, "IAMUser" | "Root")) {
            for used in ["-", "Yes", "No", ""] {
                for authenticated in ["-", "true", "false"] {
                    for result in [Some(SUCCESS), Some(FAILURE), None] {
                        for marks in [&[][..], &[SAML], &[SSO], &[SAML, SSO]] {
                            let fields: Vec<_> = result.into_iter().chain(marks.iter().copied()).collect();
                            let (verdict, _) = login(identity, used, authenticated, &fields);
                            assert_ne!(verdict, "no_mfa", "{identity} {used} {authenticated} {fields:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn failures_are_never_without_mfa() {
        for identity in ALL_TYPES {
            for used in ["-", "Yes", "No"] {
                for authenticated in ["-", "true", "false"] {
                    for fields in [&[FAILURE][..], &[]] {
                        assert_ne!(login(identity, used, authenticated, fields).0, "no_mfa");
                    }
                }
            }
        }
    }

    fn api(identity: &str, authenticated: &str, fields: &[(Column, &str)]) -> String {
        let arena = Bump::new();
        let mut all = vec![(Column::EventName, "CreateUser"), (Column::UserType, identity), (Column::UserIdentity, "{}")];
        if authenticated != "-" {
            all.extend([(Column::SessionMfaAuthenticated, authenticated), (Column::SessionCreationTime, "2024-01-01T00:00:00Z")]);
        }
        all.extend_from_slice(fields);
        sample(&arena, &all).text(Column::ApiMfa).expect("never null").to_owned()
    }

    const KEY: (Column, &str) = (Column::UserAccessKeyId, "AKIAIOSFODNN7EXAMPLE");
    const ASSUMED_ROOT: (Column, &str) = (Column::SessionAssumedRoot, "true");

    #[test]
    fn api_of_services() {
        assert_eq!(api("AWSService", "-", &[]), "n/a");
        assert_eq!(api("Root", "false", &[(Column::UserInvokedBy, "AWS Internal")]), "n/a");
        assert_eq!(api("IAMUser", "-", &[KEY, (Column::UserInvokedBy, "cloudformation.amazonaws.com")]), "n/a");
        assert_eq!(api("IAMUser", "false", &[(Column::UserInvokedBy, "signin.amazonaws.com")]), "no");
    }

    #[test]
    fn api_of_keys_and_user_sessions() {
        assert_eq!(api("IAMUser", "-", &[KEY]), "no");
        assert_eq!(api("Root", "-", &[KEY]), "no");
        assert_eq!(api("IAMUser", "true", &[KEY]), "yes");
        assert_eq!(api("IAMUser", "true", &[]), "yes");
        assert_eq!(api("IAMUser", "false", &[]), "no");
        assert_eq!(api("IAMUser", "-", &[]), "unknown");
    }

    #[test]
    fn api_of_root() {
        assert_eq!(api("Root", "true", &[]), "yes");
        assert_eq!(api("Root", "false", &[]), "no");
        assert_eq!(api("Root", "-", &[]), "unknown");
        for authenticated in ["true", "false", "-"] {
            assert_eq!(api("Root", authenticated, &[ASSUMED_ROOT]), "unknown");
            assert_eq!(api("AssumedRole", authenticated, &[ASSUMED_ROOT]), "unknown");
        }
        assert_eq!(api("Root", "true", &[(Column::SessionAssumedRoot, "false")]), "yes");
    }

    #[test]
    fn api_of_role_sessions() {
        let session = |arn| (Column::UserArn, arn);
        let scope = |json| (Column::UserIdentity, json);
        assert_eq!(api("AssumedRole", "true", &[]), "yes");
        assert_eq!(api("AssumedRole", "false", &[]), "unknown");
        assert_eq!(api("AssumedRole", "-", &[]), "unknown");
        assert_eq!(api("AssumedRole", "false", &[(Column::Ec2RoleDelivery, "2.0")]), "n/a");
        assert_eq!(api("AssumedRole", "false", &[session("arn:aws:sts::1:assumed-role/R/i-0123456789abcdef0")]), "n/a");
        assert_eq!(api("AssumedRole", "false", &[session("arn:aws:sts::1:assumed-role/R/i-am-a-user")]), "unknown");
        assert_eq!(api("AssumedRole", "false", &[session("arn:aws:sts::1:assumed-role/R/i-0123")]), "unknown");
        assert_eq!(api("AssumedRole", "false", &[scope(r#"{"inScopeOf":{"issuerType":"AWS::Lambda::Function"}}"#)]), "n/a");
        assert_eq!(api("AssumedRole", "false", &[scope(r#"{"inScopeOf":{}}"#)]), "unknown");
        assert_eq!(api("AssumedRole", "false", &[scope(r#"{"userName":"\"inScopeOf\":{\"x"}"#)]), "unknown");
        assert_eq!(api("AssumedRole", "true", &[(Column::Ec2RoleDelivery, "2.0")]), "yes");
    }

    #[test]
    fn api_of_federated_and_other_types() {
        for authenticated in ["true", "false", "-"] {
            assert_eq!(api("FederatedUser", authenticated, &[]), "unknown");
            for identity in ["SAMLUser", "WebIdentityUser", "IdentityCenterUser"] {
                assert_eq!(api(identity, authenticated, &[]), "idp_unknown");
            }
            for identity in ["AWSAccount", "Directory", "Unknown", "Future"] {
                assert_eq!(api(identity, authenticated, &[]), "unknown");
            }
        }
    }

    #[test]
    fn api_of_a_login_goes_by_its_credential() {
        let login = (Column::EventName, "ConsoleLogin");
        assert_eq!(api("IAMUser", "-", &[login, (Column::MfaUsed, "Yes")]), "unknown");
    }
}
