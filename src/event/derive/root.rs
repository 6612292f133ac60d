//! `root_class`: how a record stands to the account's root.

use super::super::Event;
use super::super::reader::lookup;
use super::call::Call;
use super::credential::{Credential, on_behalf};
use super::identity::UserType;
use super::{among, same};
use crate::schema::Column;

pub(super) fn set(event: &mut Event<'_>, call: Call<'_>, identity: UserType, credential: Credential) {
    let class = if identity == UserType::Root {
        class_of_root(event, call, credential)
    } else if touches_root_mfa(event, call) {
        "root_credential_event"
    } else if call.is("sts", "AssumeRoot") {
        "assume_root_call"
    } else {
        "none"
    };
    event.set_text(Column::RootClass, class);
}

/// The rows of table 3.1 in their order, for `userIdentity.type` Root.
fn class_of_root(event: &Event<'_>, call: Call<'_>, credential: Credential) -> &'static str {
    let login = call.stem.eq_ignore_ascii_case("ConsoleLogin");
    if changes_root_sign_in(call) || touches_root_mfa(event, call) {
        "root_credential_event"
    } else if call.is("sts", "AssumeRoot") {
        "assume_root_call"
    } else if same(event, Column::EventType, "AwsServiceEvent")
        || on_behalf(event) && call.stem.eq_ignore_ascii_case("CreateServiceLinkedRole")
    {
        "service"
    } else if event.flag(Column::SessionAssumedRoot) == Some(true) {
        "assumed_root"
    } else if login && same(event, Column::ConsoleLoginResult, "Success") {
        "console_login"
    } else if login {
        "console_login_failed"
    } else if on_behalf(event) {
        "on_behalf"
    } else if credential.long_term_key {
        "long_term_key"
    } else if same(event, Column::EventType, "AwsConsoleAction") || credential.from_console {
        "console_action"
    } else {
        "api"
    }
}

fn changes_root_sign_in(call: Call<'_>) -> bool {
    call.service.eq_ignore_ascii_case("signin")
        && among(call.stem, &["PasswordRecoveryRequested", "PasswordRecoveryCompleted", "PasswordUpdated", "EmailUpdated"])
}

/// Whether an MFA event of IAM, by whomever, names root's own device.
fn touches_root_mfa(event: &Event<'_>, call: Call<'_>) -> bool {
    // The events of ROOT-015: reading a device or its tags changes no credential.
    const CHANGES: [&str; 5] =
        ["EnableMFADevice", "DeactivateMFADevice", "CreateVirtualMFADevice", "DeleteVirtualMFADevice", "ResyncMFADevice"];
    call.service.eq_ignore_ascii_case("iam")
        && among(call.stem, &CHANGES)
        && event
            .text(Column::RequestParameters)
            .and_then(|json| lookup(json, &["serialNumber"], event.arena()))
            .is_some_and(|serial| serial.ends_with(":mfa/root-account-mfa-device"))
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::super::sample;
    use super::*;

    fn class(identity: &str, fields: &[(Column, &str)]) -> String {
        let arena = Bump::new();
        let mut all = vec![(Column::UserType, identity)];
        all.extend_from_slice(fields);
        sample(&arena, &all).text(Column::RootClass).expect("never null").to_owned()
    }

    const IAM: (Column, &str) = (Column::EventSource, "iam.amazonaws.com");
    const SIGN_IN: (Column, &str) = (Column::EventSource, "signin.amazonaws.com");
    const STS: (Column, &str) = (Column::EventSource, "sts.amazonaws.com");
    const ROOT_DEVICE: (Column, &str) =
        (Column::RequestParameters, r#"{"serialNumber":"arn:aws:iam::111122223333:mfa/root-account-mfa-device"}"#);
    const ASSUMED_ROOT: (Column, &str) = (Column::SessionAssumedRoot, "true");
    const SERVICE_EVENT: (Column, &str) = (Column::EventType, "AwsServiceEvent");

    const fn name(name: &str) -> (Column, &str) {
        (Column::EventName, name)
    }

    #[test]
    fn row_01_none() {
        for identity in ["IAMUser", "AssumedRole", "AWSService", "AWSAccount", "Unknown", ""] {
            assert_eq!(class(identity, &[name("ConsoleLogin"), SIGN_IN]), "none");
            assert_eq!(class(identity, &[name("PasswordUpdated"), SIGN_IN]), "none");
            assert_eq!(class(identity, &[name("EnableMFADevice"), IAM]), "none");
            assert_eq!(class(identity, &[SERVICE_EVENT]), "none");
        }
    }

    #[test]
    fn row_02_credential_events() {
        for event in ["PasswordRecoveryRequested", "PasswordRecoveryCompleted", "PasswordUpdated", "EmailUpdated"] {
            assert_eq!(class("Root", &[name(event), SIGN_IN]), "root_credential_event");
            assert_ne!(class("Root", &[name(event), IAM]), "root_credential_event");
        }
        for identity in ["Root", "IAMUser", "AssumedRole"] {
            for event in ["EnableMFADevice", "DeactivateMFADevice", "DeleteVirtualMFADevice", "ResyncMFADevice"] {
                assert_eq!(class(identity, &[name(event), IAM, ROOT_DEVICE]), "root_credential_event");
            }
        }
        let user_device = (Column::RequestParameters, r#"{"serialNumber":"arn:aws:iam::111122223333:mfa/phone"}"#);
        assert_eq!(class("IAMUser", &[name("EnableMFADevice"), IAM, user_device]), "none");
        assert_eq!(class("IAMUser", &[name("GetMFADevice"), IAM, ROOT_DEVICE]), "none");
    }

    #[test]
    fn row_03_assume_root_calls() {
        for identity in ["IAMUser", "AssumedRole", "Root"] {
            assert_eq!(class(identity, &[name("AssumeRoot"), STS, ASSUMED_ROOT]), "assume_root_call");
        }
        assert_eq!(class("IAMUser", &[name("AssumeRole"), STS]), "none");
    }

    #[test]
    fn row_04_services() {
        let by = |service| (Column::UserInvokedBy, service);
        assert_eq!(class("Root", &[SERVICE_EVENT, ASSUMED_ROOT]), "service");
        assert_eq!(class("Root", &[name("CreateServiceLinkedRole"), IAM, by("autoscaling.amazonaws.com")]), "service");
        assert_eq!(class("Root", &[name("CreateServiceLinkedRole"), IAM]), "api");
        assert_eq!(class("Root", &[name("CreateServiceLinkedRole"), IAM, by("signin.amazonaws.com")]), "api");
    }

    #[test]
    fn row_05_sessions_of_assume_root() {
        assert_eq!(class("Root", &[name("DeleteLoginProfile"), IAM, ASSUMED_ROOT]), "assumed_root");
        assert_eq!(class("AssumedRole", &[name("DeleteLoginProfile"), IAM, ASSUMED_ROOT]), "none");
    }

    #[test]
    fn rows_06_and_07_console_logins() {
        let result = |text| (Column::ConsoleLoginResult, text);
        assert_eq!(class("Root", &[name("ConsoleLogin"), SIGN_IN, result("Success")]), "console_login");
        assert_eq!(class("Root", &[name("ConsoleLogin"), SIGN_IN, result("Failure")]), "console_login_failed");
        assert_eq!(class("root", &[name("ConsoleLogin"), SIGN_IN]), "console_login_failed");
    }

    #[test]
    fn row_08_on_behalf() {
        let key = (Column::UserAccessKeyId, "AKIAIOSFODNN7EXAMPLE");
        for service in ["AWS Internal", "cloudformation.amazonaws.com"] {
            assert_eq!(class("Root", &[name("RunInstances"), key, (Column::UserInvokedBy, service)]), "on_behalf");
        }
    }

    #[test]
    fn row_09_long_term_keys() {
        let key = (Column::UserAccessKeyId, "AKIAIOSFODNN7EXAMPLE");
        assert_eq!(class("Root", &[name("RunInstances"), key, (Column::UserIdentity, "{}")]), "long_term_key");
        assert_eq!(class("Root", &[name("RunInstances"), key]), "api");
    }

    #[test]
    fn row_10_console_actions() {
        assert_eq!(class("Root", &[name("ViewBilling"), (Column::EventType, "AwsConsoleAction")]), "console_action");
        assert_eq!(class("Root", &[name("ListBuckets"), (Column::SessionCredentialFromConsole, "true")]), "console_action");
        assert_eq!(class("Root", &[name("ListBuckets"), (Column::UserAgent, "[S3Console/0.4]")]), "console_action");
    }

    #[test]
    fn row_11_everything_else() {
        assert_eq!(class("Root", &[name("RunInstances"), (Column::UserAccessKeyId, "ASIAIOSFODNN7EXAMPLE")]), "api");
        assert_eq!(class("Root", &[name("RunInstances"), (Column::UserInvokedBy, "signin.amazonaws.com")]), "api");
        assert_eq!(class("Root", &[]), "api");
    }
}
