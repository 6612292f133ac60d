//! The rules about MFA.

use serde_json::Value;

use super::Rule;
use super::plain::{calls, field, flag, is, is_download, long_term_key, named, no_error_code, ok, service_call, stem, text, write};
use super::session;

pub(super) const RULES: &[Rule] = &[
    ("MFA-001", |event, _| {
        is(event, "/eventSource", "signin.amazonaws.com") && is(event, "/userIdentity/type", "IAMUser") && mfa_verdict(event) == "no_mfa"
    }),
    ("MFA-003", |event, _| is(event, "/eventSource", "signin.amazonaws.com") && mfa_verdict(event) == "idp_unknown"),
    ("MFA-005", |event, log| {
        let agent = text(event, "/userAgent").unwrap_or_default().to_ascii_lowercase();
        calls(event, "signin", &["GetSigninToken"]) && !agent.starts_with("jersey/")
            || calls(event, "signin", &["ConsoleLogin"])
                && is(event, "/userIdentity/type", "AssumedRole")
                && mfa_verdict(event) == "session_no_mfa"
                && session::origin(event, log) != "mfa"
    }),
    ("MFA-007", |event, _| {
        calls(event, "sts", &["GetSessionToken"])
            && no_error_code(event)
            && !is_download(event)
            && field(event, "requestParameters.serialNumber").is_none()
    }),
    ("MFA-008", |event, _| is(event, "/userIdentity/type", "IAMUser") && api_mfa(event) == "no" && sensitive_write(event)),
    ("MFA-010", |event, _| calls(event, "iam", &["DeactivateMFADevice", "DeleteVirtualMFADevice"]) && no_error_code(event)),
    ("MFA-012", |event, _| {
        let caller = text(event, "/userIdentity/userName");
        let root_on_root = |owner: &str| is(event, "/userIdentity/type", "Root") && owner.eq_ignore_ascii_case("AWS ROOT USER");
        calls(event, "iam", &["EnableMFADevice"])
            && field(event, "requestParameters.userName")
                .is_some_and(|owner| !caller.is_some_and(|caller| caller.eq_ignore_ascii_case(&owner)) && !root_on_root(&owner))
    }),
    ("MFA-019", |event, _| {
        let setting = |name: &str, default: i64| {
            field(event, &format!("requestParameters.{name}")).and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        let weak = || setting("minimumPasswordLength", 6) < 14 || setting("passwordReusePrevention", 0) < 24;
        no_error_code(event)
            && (calls(event, "iam", &["DeleteAccountPasswordPolicy"])
                || calls(event, "iam", &["UpdateAccountPasswordPolicy"]) && !is_download(event) && weak())
    }),
];

/// The table of console sign-ins, row by row.
pub(super) fn mfa_verdict(event: &Value) -> &'static str {
    if !stem(event).eq_ignore_ascii_case("ConsoleLogin") {
        return "not_login";
    }
    if is_download(event) {
        return "unknown";
    }
    let used = text(event, "/additionalEventData/MFAUsed").unwrap_or_default().to_ascii_lowercase();
    let authenticated = flag(event, "/userIdentity/sessionContext/attributes/mfaAuthenticated");
    let kind = |kinds: &[&str]| kinds.iter().any(|kind| is(event, "/userIdentity/type", kind));
    let by_provider = text(event, "/additionalEventData/SamlProviderArn").is_some()
        || text(event, "/userIdentity/arn").is_some_and(|arn| arn.contains(":assumed-role/AWSReservedSSO_"));
    let result = text(event, "/responseElements/ConsoleLogin").unwrap_or_default().to_ascii_lowercase();
    match (result.as_str(), used.as_str(), authenticated) {
        ("failure", "yes", _) => "failed_mfa_step",
        ("failure", ..) => "failed",
        ("success", "yes", _) if kind(&["IAMUser", "Root"]) => "mfa",
        ("success", "no", Some(true)) if kind(&["IAMUser", "Root"]) => "unknown",
        ("success", "no", _) | ("success", _, Some(false)) if kind(&["IAMUser", "Root"]) => "no_mfa",
        ("success", _, Some(true)) if kind(&["IAMUser", "Root"]) => "mfa",
        ("success", ..) if kind(&["AssumedRole"]) && by_provider => "idp_unknown",
        ("success", "yes", _) | ("success", _, Some(true)) if kind(&["AssumedRole"]) => "mfa",
        ("success", ..) if kind(&["AssumedRole"]) || kind(&["FederatedUser"]) && !by_provider => "session_no_mfa",
        ("success", ..) if kind(&["SAMLUser", "WebIdentityUser", "IdentityCenterUser"]) => "idp_unknown",
        (other, ..) if other != "success" && named(event, "/errorMessage").is_some() => "failed",
        _ => "unknown",
    }
}

/// The table of credentials; `unknown` where another record has to be asked.
pub(super) fn api_mfa(event: &Value) -> &'static str {
    let authenticated = flag(event, "/userIdentity/sessionContext/attributes/mfaAuthenticated");
    let kind = |kind: &str| is(event, "/userIdentity/type", kind);
    let assumed_root = is(event, "/userIdentity/sessionContext/assumedRoot", "true");
    let of_a_service = || {
        let session = text(event, "/userIdentity/arn").and_then(|arn| arn.rsplit_once('/').map(|(_, name)| name.to_owned()));
        let of_an_instance = session.is_some_and(|name| name.len() >= 10 && name.starts_with("i-"));
        let scope = event.pointer("/userIdentity/inScopeOf").and_then(Value::as_object);
        text(event, "/userIdentity/sessionContext/ec2RoleDelivery").is_some()
            || of_an_instance
            || scope.is_some_and(|scope| !scope.is_empty())
    };
    if is_download(event) {
        "unknown"
    } else if service_call(event) {
        "n/a"
    } else if long_term_key(event) {
        "no"
    } else {
        match authenticated {
            Some(true) if kind("IAMUser") => "yes",
            Some(false) if kind("IAMUser") => "no",
            _ if assumed_root => "unknown",
            Some(true) if kind("Root") || kind("AssumedRole") => "yes",
            Some(false) if kind("Root") => "no",
            Some(false) if kind("AssumedRole") && of_a_service() => "n/a",
            _ if kind("SAMLUser") || kind("WebIdentityUser") || kind("IdentityCenterUser") => "idp_unknown",
            _ => "unknown",
        }
    }
}

/// The list of changes to identities, keys, logging and guards.
fn sensitive_write(event: &Value) -> bool {
    let services = ["iam", "cloudtrail", "guardduty", "config", "securityhub", "organizations", "sso", "account"];
    let of = |service: &str| is(event, "/eventSource", &format!("{service}.amazonaws.com"));
    let stem = stem(event).to_ascii_lowercase();
    write(event) == Some(true)
        && (services.iter().any(|service| of(service))
            || of("sts") && !["assumerole", "assumerolewithsaml", "assumerolewithwebidentity"].contains(&stem.as_str())
            || calls(event, "kms", &["PutKeyPolicy", "CreateGrant", "DisableKey", "ScheduleKeyDeletion"])
            || calls(event, "s3", &["PutBucketPolicy", "PutBucketAcl", "DeleteBucketPolicy"])
            // The trail has `Bucket` or `Account` before the name that the catalogue gives.
            || of("s3") && stem.ends_with("publicaccessblock") && (stem.starts_with("put") || stem.starts_with("delete")))
}

/// Whether a call that makes a session went well with the serial number of a device.
pub(super) fn used_a_device(event: &Value) -> bool {
    ok(event) == Some(true) && field(event, "requestParameters.serialNumber").is_some()
}
