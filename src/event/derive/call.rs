//! What the call was and how it ended: `event_stem`, `write`, `ok`, `denied` and `sensitive_write`.

use super::super::Event;
use super::super::reader::lookup;
use super::{among, ends_with, same, starts_with, without_tail};
use crate::schema::Column;

/// The parts of a call that other columns are decided on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// `event_stem`, empty without an event name.
    pub(super) stem: &'a str,
    /// `event_source` without `.amazonaws.com`, empty where it does not end so: rules name services in full too.
    pub(super) service: &'a str,
}

impl Call<'_> {
    /// Whether this is the API `stem` of the service, in any case.
    pub(super) const fn is(&self, service: &str, stem: &str) -> bool {
        self.service.eq_ignore_ascii_case(service) && self.stem.eq_ignore_ascii_case(stem)
    }
}

pub(super) fn set<'a>(event: &mut Event<'a>) -> Call<'a> {
    let name = event.text(Column::EventName);
    let stem = name.map(stem);
    let source = source_in_small_letters(event);
    let call = Call { stem: stem.unwrap_or_default(), service: without_tail(source, ".amazonaws.com").unwrap_or_default() };
    let write = event.flag(Column::ReadOnly).map(|read_only| !read_only).or_else(|| name.map(verb_writes));
    event.set_optional(Column::EventStem, stem);
    if let Some(write) = write {
        event.set_flag(Column::Write, write);
    }
    event.set_flag(Column::Ok, ok(event, call));
    event.set_flag(Column::Denied, event.text(Column::ErrorCode).is_some_and(denied));
    event.set_flag(Column::SensitiveWrite, write == Some(true) && sensitive(call));
    call
}

/// `event_source`, which AWS writes in small letters and other tools as they like; rules compare it exactly.
fn source_in_small_letters<'a>(event: &mut Event<'a>) -> &'a str {
    let source = event.text(Column::EventSource).unwrap_or_default();
    if !source.bytes().any(|letter| letter.is_ascii_uppercase()) {
        return source;
    }
    let copy = event.arena().alloc_str(source);
    copy.make_ascii_lowercase();
    let small: &'a str = copy;
    event.set_text(Column::EventSource, small);
    small
}

/// The name without the API date at its end: `\d{8}(v\d+)?$` (Lambda) or `\d{4}_\d\d_\d\d$` (`CloudFront`).
fn stem(name: &str) -> &str {
    if !name.as_bytes().last().is_some_and(u8::is_ascii_digit) {
        return name;
    }
    let unversioned = name.trim_end_matches(|letter: char| letter.is_ascii_digit()).strip_suffix('v');
    let shorter = unversioned.and_then(without_eight_digits).or_else(|| without_eight_digits(name)).or_else(|| {
        let (head, date) = name.split_at_checked(name.len().checked_sub(10)?)?;
        let shape = |(at, letter): (usize, u8)| if matches!(at, 4 | 7) { letter == b'_' } else { letter.is_ascii_digit() };
        date.bytes().enumerate().all(shape).then_some(head)
    });
    // A name that is nothing but a date stays as it is.
    shorter.filter(|head| !head.is_empty()).unwrap_or(name)
}

fn without_eight_digits(name: &str) -> Option<&str> {
    let (head, date) = name.split_at_checked(name.len().checked_sub(8)?)?;
    date.bytes().all(|letter| letter.is_ascii_digit()).then_some(head)
}

/// Whether the name's verb writes, as old records without `readOnly` have nothing else to go by.
fn verb_writes(name: &str) -> bool {
    const READS: [&str; 12] =
        ["Get", "List", "Describe", "Head", "Lookup", "BatchGet", "Search", "View", "Check", "Simulate", "Query", "Scan"];
    !READS.iter().any(|verb| starts_with(name, verb))
}

fn ok(event: &Event<'_>, call: Call<'_>) -> bool {
    let says = |column| event.text(column).is_some_and(|text| !text.is_empty());
    if says(Column::ErrorCode) || says(Column::ErrorMessage) {
        return false;
    }
    if call.stem.eq_ignore_ascii_case("ConsoleLogin") {
        return same(event, Column::ConsoleLoginResult, "Success");
    }
    !sign_in_failed(event, call)
}

/// Whether a sign-in event names itself a failure.
///
/// These events have no error code: their outcome stands under their own name, as in `{"CheckMfa":"Failure"}`,
/// in `responseElements`, or for Identity Center in `serviceEventDetails`.
fn sign_in_failed(event: &Event<'_>, call: Call<'_>) -> bool {
    if !call.service.eq_ignore_ascii_case("signin") && !among(call.stem, &["SwitchRole", "CheckMfa"]) {
        return false;
    }
    [Column::ResponseElements, Column::ServiceEventDetails]
        .into_iter()
        .filter_map(|column| event.text(column))
        .any(|json| lookup(json, &[call.stem], event.arena()).is_some_and(|outcome| outcome.eq_ignore_ascii_case("Failure")))
}

fn denied(error_code: &str) -> bool {
    ends_with(error_code, "UnauthorizedOperation")
        || starts_with(error_code, "AccessDenied")
        || among(error_code, &["UnauthorizedAccess", "Forbidden", "VpceAccessDenied", "NotAuthorized"])
}

/// The services and APIs of `SENSITIVE_WRITE`; only a write is ever asked about.
fn sensitive(call: Call<'_>) -> bool {
    const SERVICES: [&str; 8] = ["iam", "cloudtrail", "guardduty", "config", "securityhub", "organizations", "sso", "account"];
    let Call { service, stem } = call;
    if service.eq_ignore_ascii_case("s3") {
        // The trail writes PutBucketPublicAccessBlock and PutAccountPublicAccessBlock.
        among(stem, &["PutBucketPolicy", "PutBucketAcl", "DeleteBucketPolicy"])
            || ends_with(stem, "PublicAccessBlock") && (starts_with(stem, "Put") || starts_with(stem, "Delete"))
    } else if service.eq_ignore_ascii_case("kms") {
        among(stem, &["PutKeyPolicy", "CreateGrant", "DisableKey", "ScheduleKeyDeletion"])
    } else if service.eq_ignore_ascii_case("sts") {
        !starts_with(stem, "AssumeRole")
    } else {
        among(service, &SERVICES)
    }
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::super::sample;
    use super::*;

    fn flag(column: Column, fields: &[(Column, &str)]) -> Option<bool> {
        let arena = Bump::new();
        sample(&arena, fields).flag(column)
    }

    #[test]
    fn stems() {
        for (name, wanted) in [
            ("UpdateFunctionCode20150331v2", "UpdateFunctionCode"),
            ("ListFunctions20150331", "ListFunctions"),
            ("AddPermission20150331v12", "AddPermission"),
            ("CreateDistribution2020_05_31", "CreateDistribution"),
            ("CreateDistributionWithTags2016_08_01", "CreateDistributionWithTags"),
            ("GetRoute53", "GetRoute53"),
            ("ListObjectsV2", "ListObjectsV2"),
            ("CreateThing20150331v", "CreateThing20150331v"),
            ("CreateThing20150331w2", "CreateThing20150331w2"),
            ("CreateThing2020-05-31", "CreateThing2020-05-31"),
            ("CreateThing2020_05_3", "CreateThing2020_05_3"),
            ("CreateThing2015033", "CreateThing2015033"),
            ("20150331", "20150331"),
            ("é20150331", "é"),
            ("é0_05_31", "é0_05_31"),
            ("", ""),
        ] {
            let arena = Bump::new();
            assert_eq!(sample(&arena, &[(Column::EventName, name)]).text(Column::EventStem), Some(wanted), "{name}");
        }
    }

    #[test]
    fn sources_are_in_small_letters() {
        let arena = Bump::new();
        let source = |text| sample(&arena, &[(Column::EventSource, text)]).text(Column::EventSource);
        assert_eq!(source("SignIn.amazonaws.com"), Some("signin.amazonaws.com"));
        assert_eq!(source("s3.amazonaws.com"), Some("s3.amazonaws.com"));
        assert_eq!(source("É"), Some("É"));
        assert_eq!(source(""), Some(""));
        assert!(!sample(&arena, &[]).has(Column::EventSource));
    }

    #[test]
    fn writes_by_read_only_else_by_verb() {
        let name = |name| (Column::EventName, name);
        assert_eq!(flag(Column::Write, &[name("GetSigninToken"), (Column::ReadOnly, "false")]), Some(true));
        assert_eq!(flag(Column::Write, &[name("CreateUser"), (Column::ReadOnly, "true")]), Some(false));
        assert_eq!(flag(Column::Write, &[name("CreateUser")]), Some(true));
        for read in
            "GetUser ListUsers DescribeTrails HeadBucket LookupEvents BatchGetItem SearchX ViewX CheckX SimulateX QueryX ScanX".split(' ')
        {
            assert_eq!(flag(Column::Write, &[name(read)]), Some(false), "{read}");
        }
        assert_eq!(flag(Column::Write, &[]), None);
    }

    #[test]
    fn ok_needs_neither_code_nor_message() {
        assert_eq!(flag(Column::Ok, &[]), Some(true));
        assert_eq!(flag(Column::Ok, &[(Column::ErrorCode, ""), (Column::ErrorMessage, "")]), Some(true));
        assert_eq!(flag(Column::Ok, &[(Column::ErrorCode, "AccessDenied")]), Some(false));
        assert_eq!(flag(Column::Ok, &[(Column::ErrorMessage, "Failed authentication")]), Some(false));
    }

    #[test]
    fn sign_in_events_tell_their_outcome_elsewhere() {
        let login = (Column::EventName, "ConsoleLogin");
        assert_eq!(flag(Column::Ok, &[login, (Column::ConsoleLoginResult, "Success")]), Some(true));
        assert_eq!(flag(Column::Ok, &[login, (Column::ConsoleLoginResult, "Failure")]), Some(false));
        assert_eq!(flag(Column::Ok, &[login]), Some(false));
        let check = (Column::EventName, "CheckMfa");
        assert_eq!(flag(Column::Ok, &[check, (Column::ResponseElements, r#"{"CheckMfa":"Failure"}"#)]), Some(false));
        assert_eq!(flag(Column::Ok, &[check, (Column::ResponseElements, r#"{"CheckMfa":"Success"}"#)]), Some(true));
        assert_eq!(flag(Column::Ok, &[check]), Some(true));
        let switch = (Column::EventName, "SwitchRole");
        assert_eq!(flag(Column::Ok, &[switch, (Column::ResponseElements, r#"{"SwitchRole":"Failure"}"#)]), Some(false));
        let center = [(Column::EventName, "UserAuthentication"), (Column::EventSource, "signin.amazonaws.com")];
        let details = |json| (Column::ServiceEventDetails, json);
        assert_eq!(flag(Column::Ok, &[center[0], center[1], details(r#"{"UserAuthentication":"Failure"}"#)]), Some(false));
        assert_eq!(flag(Column::Ok, &[center[0], center[1], details(r#"{"UserAuthentication":"Success"}"#)]), Some(true));
        let other = [(Column::EventName, "Check"), (Column::EventSource, "x.amazonaws.com")];
        assert_eq!(flag(Column::Ok, &[other[0], other[1], (Column::ResponseElements, r#"{"Check":"Failure"}"#)]), Some(true));
    }

    #[test]
    fn denied_by_error_code() {
        for code in "Client.UnauthorizedOperation AccessDenied AccessDeniedException UnauthorizedAccess Forbidden VpceAccessDenied NotAuthorized accessdenied"
            .split(' ')
        {
            assert_eq!(flag(Column::Denied, &[(Column::ErrorCode, code)]), Some(true), "{code}");
        }
        for code in ["ThrottlingException", "Client.InvalidAccessDenied", "NoSuchEntityException", ""] {
            assert_eq!(flag(Column::Denied, &[(Column::ErrorCode, code)]), Some(false), "{code}");
        }
        assert_eq!(flag(Column::Denied, &[(Column::ErrorMessage, "AccessDenied")]), Some(false));
    }

    #[test]
    fn sensitive_writes() {
        let is = |service: &str, name: &str, read_only: &str| {
            let source = format!("{service}.amazonaws.com");
            flag(Column::SensitiveWrite, &[(Column::EventSource, &source), (Column::EventName, name), (Column::ReadOnly, read_only)])
        };
        for (service, name) in [
            ("iam", "CreateUser"),
            ("sts", "GetFederationToken"),
            ("sts", "AssumeRoot"),
            ("kms", "CreateGrant"),
            ("cloudtrail", "StopLogging"),
            ("guardduty", "DeleteDetector"),
            ("config", "DeleteConfigRule"),
            ("securityhub", "DisableSecurityHub"),
            ("sso", "CreateAccountAssignment"),
            ("organizations", "LeaveOrganization"),
            ("account", "CloseAccount"),
            ("s3", "PutBucketPolicy"),
            ("s3", "PutPublicAccessBlock"),
            ("s3", "DeleteBucketPublicAccessBlock"),
            ("s3", "PutAccountPublicAccessBlock"),
            ("IAM", "createuser"),
        ] {
            assert_eq!(is(service, name, "false"), Some(true), "{service} {name}");
            assert_eq!(is(service, name, "true"), Some(false), "{service} {name}");
        }
        for (service, name) in
            [("sts", "AssumeRole"), ("sts", "AssumeRoleWithSAML"), ("kms", "Decrypt"), ("s3", "PutObject"), ("ec2", "RunInstances")]
        {
            assert_eq!(is(service, name, "false"), Some(false), "{service} {name}");
        }
        for (source, wanted) in [("iam.amazonaws.com", true), ("iam", false), ("", false)] {
            let fields = [(Column::EventSource, source), (Column::EventName, "CreateUser")];
            assert_eq!(flag(Column::SensitiveWrite, &fields), Some(wanted), "{source}");
        }
    }
}
