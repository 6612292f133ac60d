//! With what the call was made: `service_call`, `long_term_key` and `from_console`.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use super::super::Event;
use super::identity::UserType;
use super::same;
use crate::schema::Column;

/// The claims about a credential that other columns are decided on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Credential {
    /// `service_call`.
    pub(super) service_call: bool,
    /// `long_term_key`.
    pub(super) long_term_key: bool,
    /// `from_console`.
    pub(super) from_console: bool,
}

pub(super) fn set(event: &mut Event<'_>, identity: UserType, console_agent: bool) -> Credential {
    let credential = Credential {
        service_call: identity == UserType::AwsService || same(event, Column::EventType, "AwsServiceEvent") || on_behalf(event),
        long_term_key: long_term_key(event),
        from_console: console_agent || event.flag(Column::SessionCredentialFromConsole) == Some(true),
    };
    event.set_flag(Column::ServiceCall, credential.service_call);
    event.set_flag(Column::LongTermKey, credential.long_term_key);
    event.set_flag(Column::FromConsole, credential.from_console);
    credential
}

/// Whether `invokedBy` names a service that used the caller's session.
pub(super) fn on_behalf(event: &Event<'_>) -> bool {
    // Old console sessions (2013 to 2019) are invoked by the sign-in service, but a person acts.
    event.text(Column::UserInvokedBy).is_some_and(|service| !service.is_empty() && !service.eq_ignore_ascii_case("signin.amazonaws.com"))
}

/// `AKIA` alone is not enough: the S3 console has been seen with such an id together with a session.
///
/// That there was no session shows in the identity. The row of a download has none, so that its key proves nothing.
fn long_term_key(event: &Event<'_>) -> bool {
    event.text(Column::UserAccessKeyId).is_some_and(|key| key.starts_with("AKIA"))
        && !event.has(Column::SessionCredentialFromConsole)
        && !event.has(Column::SessionCreationTime)
        && event.text(Column::UserIdentity).is_some_and(|identity| !has_creation_date(identity))
}

/// Whether the identity has a `creationDate`, be it one that could not be read as a time.
fn has_creation_date(identity: &str) -> bool {
    static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"creationDate\":"));
    let value = KEY.find(identity.as_bytes()).and_then(|at| identity.get(at + KEY.needle().len()..));
    value.is_some_and(|value| !value.starts_with("null"))
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::super::sample;
    use super::*;

    fn flag(column: Column, fields: &[(Column, &str)]) -> bool {
        let arena = Bump::new();
        sample(&arena, fields).flag(column).expect("never null")
    }

    #[test]
    fn service_calls() {
        let is = |fields: &[(Column, &str)]| flag(Column::ServiceCall, fields);
        assert!(is(&[(Column::UserType, "AWSService")]));
        assert!(is(&[(Column::EventType, "AwsServiceEvent")]));
        assert!(is(&[(Column::EventType, "awsserviceevent")]));
        assert!(is(&[(Column::UserType, "Root"), (Column::UserInvokedBy, "AWS Internal")]));
        assert!(is(&[(Column::UserType, "IAMUser"), (Column::UserInvokedBy, "cloudformation.amazonaws.com")]));
        assert!(!is(&[(Column::UserType, "IAMUser"), (Column::UserInvokedBy, "signin.amazonaws.com")]));
        assert!(is(&[(Column::UserType, "AWSService"), (Column::UserInvokedBy, "signin.amazonaws.com")]));
        assert!(!is(&[(Column::UserType, "IAMUser"), (Column::UserInvokedBy, "")]));
        assert!(!is(&[(Column::UserType, "AssumedRole")]));
    }

    #[test]
    fn long_term_keys() {
        let is = |fields: &[(Column, &str)]| flag(Column::LongTermKey, &[&[(Column::UserIdentity, "{}")], fields].concat());
        let key = (Column::UserAccessKeyId, "AKIAIOSFODNN7EXAMPLE");
        assert!(is(&[key]));
        assert!(!flag(Column::LongTermKey, &[key]), "no identity, so nothing about a session");
        assert!(is(&[key, (Column::UserIdentity, r#"{"type":"IAMUser","sessionContext":{"attributes":{"creationDate":null}}}"#)]));
        assert!(!is(&[(Column::UserAccessKeyId, "ASIAIOSFODNN7EXAMPLE")]));
        assert!(!is(&[(Column::UserAccessKeyId, "akiaIOSFODNN7EXAMPLE")]));
        assert!(!is(&[key, (Column::SessionCreationTime, "2021-07-29T20:00:00Z")]));
        assert!(!is(&[key, (Column::UserIdentity, r#"{"sessionContext":{"attributes":{"creationDate":"last Thursday"}}}"#)]));
        assert!(!is(&[key, (Column::SessionCredentialFromConsole, "true")]));
        assert!(!is(&[key, (Column::SessionCredentialFromConsole, "false")]));
        assert!(!is(&[]));
    }

    #[test]
    fn console_calls() {
        let is = |fields: &[(Column, &str)]| flag(Column::FromConsole, fields);
        let agent = |text| (Column::UserAgent, text);
        let session = (Column::SessionCreationTime, "2021-07-29T20:00:00Z");
        assert!(is(&[(Column::SessionCredentialFromConsole, "true")]));
        assert!(!is(&[(Column::SessionCredentialFromConsole, "false")]));
        for text in [
            "console.amazonaws.com",
            "signin.amazonaws.com",
            "S3Console/0.4",
            "[S3Console/0.4, aws-internal/3 aws-sdk-java/1.11.1002 Linux/5.4]",
            "EC2ConsoleFrontend, aws-internal/3 aws-sdk-java/1.11.1030",
            "[x ec2consolefrontend]",
        ] {
            assert!(is(&[agent(text)]), "{text}");
        }
        assert!(is(&[agent("Coral/Netty4"), session]));
        assert!(!is(&[agent("Coral/Netty4")]));
        for text in ["", "console.ec2.amazonaws.com", "my S3Console/0.4", "ConsoleFrontend", "EC2ConsoleFronten", "aws-cli/2.17.32"] {
            assert!(!is(&[agent(text), session]), "{text}");
        }
    }
}
