//! One recorded call, as far as replay needs it.

use std::sync::Arc;

use serde_json::{Map, Value as Json};

use crate::problem::Place;
use crate::time::EventTime;

/// A recorded call of a service that identities depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct IamEvent {
    /// `eventID`.
    pub event_id: Arc<str>,
    /// `eventSource`, such as `iam.amazonaws.com`.
    pub event_source: Arc<str>,
    /// `eventName`.
    pub event_name: Arc<str>,
    /// `eventTime`, which `CloudTrail` writes in whole seconds.
    pub event_time: EventTime,
    /// `recipientAccountId`: whose trail recorded it.
    pub recipient_account_id: Arc<str>,
    /// `awsRegion`.
    pub aws_region: Arc<str>,
    /// `sourceIPAddress`.
    pub source_ip_address: Option<Arc<str>>,
    /// `userAgent`.
    pub user_agent: Option<Arc<str>>,
    /// `errorCode`; any that is not empty means that the call changed nothing.
    pub error_code: Option<String>,
    /// `requestParameters` as JSON text.
    pub request_parameters: Option<String>,
    /// `responseElements` as JSON text.
    pub response_elements: Option<String>,
    /// `additionalEventData.MFAUsed` of a sign-in.
    pub mfa_used: Option<bool>,
    /// Who called; events of one caller share it.
    pub actor: Arc<Actor>,
    /// Where the record stands.
    pub place: Place,
}

/// The caller of an event: its `userIdentity`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Actor {
    /// `type`, such as `IAMUser`.
    pub kind: Arc<str>,
    /// `arn`.
    pub arn: Option<Arc<str>>,
    /// `accountId`.
    pub account_id: Option<Arc<str>>,
    /// `principalId`, of a session with its name after a colon.
    pub principal_id: Option<Arc<str>>,
    /// `userName`.
    pub user_name: Option<Arc<str>>,
    /// `accessKeyId`.
    pub access_key_id: Option<Arc<str>>,
    /// `sessionContext.sessionIssuer.arn`.
    pub session_issuer: Option<Arc<str>>,
    /// `invokedBy`.
    pub invoked_by: Option<Arc<str>>,
    /// `onBehalfOf.userId`, of a caller who came through Identity Center.
    pub on_behalf_of: Option<Arc<str>>,
    /// `sessionContext.attributes.mfaAuthenticated`; `None` where the record does not say.
    pub mfa: Option<bool>,
}

impl IamEvent {
    /// Whether the call failed, and so changed nothing.
    pub fn has_failed(&self) -> bool {
        self.error_code.as_deref().is_some_and(|code| !code.is_empty())
    }

    /// The partition that its region belongs to.
    pub fn partition(&self) -> &'static str {
        match &*self.aws_region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    pub(super) fn request(&self) -> Parameters {
        Parameters::parse(self.request_parameters.as_deref())
    }

    pub(super) fn response(&self) -> Parameters {
        Parameters::parse(self.response_elements.as_deref())
    }
}

impl Actor {
    /// Whom a drift item names: the ARN, or the service where there is none, or the user of Identity Center.
    pub fn name(&self) -> Option<&Arc<str>> {
        self.arn.as_ref().or(self.invoked_by.as_ref()).or(self.on_behalf_of.as_ref())
    }

    /// Whether the root user called.
    pub fn is_root(&self) -> bool {
        &*self.kind == "Root"
    }
}

/// An object of request parameters or response elements.
#[derive(Debug, Default)]
pub(super) struct Parameters(Map<String, Json>);

impl Parameters {
    /// What is absent, or not an object, has no parameters.
    fn parse(text: Option<&str>) -> Self {
        match text.map(serde_json::from_str) {
            Some(Ok(Json::Object(elements))) => Self(elements),
            _ => Self::default(),
        }
    }

    /// The value at a path of names with points between.
    ///
    /// A name is looked up as it is written, and then without regard to case: `CloudTrail` lowers only the first
    /// letter of the service model's names, but not every service keeps to that.
    pub(super) fn get(&self, path: &str) -> Option<&Json> {
        let mut names = path.split('.');
        let first = member(&self.0, names.next()?)?;
        names.try_fold(first, |value, name| member(value.as_object()?, name)).filter(|value| !value.is_null())
    }

    /// Whether there is something at a path; an empty text or list is nothing.
    pub(super) fn has(&self, path: &str) -> bool {
        self.get(path).is_some_and(|value| match value {
            Json::String(text) => !text.is_empty(),
            Json::Array(list) => !list.is_empty(),
            _ => true,
        })
    }

    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str()
    }

    /// A truth, also where it is written as text.
    pub(super) fn flag(&self, path: &str) -> Option<bool> {
        match self.get(path)? {
            Json::Bool(flag) => Some(*flag),
            Json::String(text) => text.to_ascii_lowercase().parse().ok(),
            _ => None,
        }
    }

    /// All texts at a path, in which a name that ends with `[]` stands for each entry of its list.
    pub(super) fn texts(&self, path: &str) -> Vec<&str> {
        let mut found: Vec<&Json> = Vec::new();
        for (depth, name) in path.split('.').enumerate() {
            let (name, is_list) = name.strip_suffix("[]").map_or((name, false), |name| (name, true));
            let next: Vec<&Json> = if depth == 0 {
                member(&self.0, name).into_iter().collect()
            } else {
                found.iter().filter_map(|value| member(value.as_object()?, name)).collect()
            };
            found = if is_list { next.into_iter().filter_map(Json::as_array).flatten().collect() } else { next };
        }
        found.into_iter().filter_map(Json::as_str).collect()
    }

    /// The entries of a list.
    pub(super) fn list(&self, path: &str) -> impl Iterator<Item = &Json> {
        self.get(path).and_then(Json::as_array).into_iter().flatten()
    }
}

/// The member of an object by its name, or else by its name without regard to case.
pub(super) fn member<'o>(object: &'o Map<String, Json>, name: &str) -> Option<&'o Json> {
    object.get(name).or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The event of a whole record.
    pub(in crate::iam) fn event(record: &Json) -> IamEvent {
        let text = |pointer: &str| record.pointer(pointer).and_then(Json::as_str).map(Arc::<str>::from);
        let object = |name: &str| record.get(name).filter(|value| !value.is_null()).map(Json::to_string);
        let mfa = text("/userIdentity/sessionContext/attributes/mfaAuthenticated");
        IamEvent {
            event_id: text("/eventID").expect("an id"),
            event_source: text("/eventSource").expect("a source"),
            event_name: text("/eventName").expect("a name"),
            event_time: EventTime::parse(&text("/eventTime").expect("a time")).expect("a time"),
            recipient_account_id: text("/recipientAccountId").expect("an account"),
            aws_region: text("/awsRegion").unwrap_or_else(|| "us-east-1".into()),
            source_ip_address: text("/sourceIPAddress"),
            user_agent: text("/userAgent"),
            error_code: text("/errorCode").map(|code| code.to_string()),
            request_parameters: object("requestParameters"),
            response_elements: object("responseElements"),
            mfa_used: text("/additionalEventData/MFAUsed").map(|used| &*used == "Yes"),
            actor: Arc::new(Actor {
                kind: text("/userIdentity/type").unwrap_or_default(),
                arn: text("/userIdentity/arn"),
                account_id: text("/userIdentity/accountId"),
                principal_id: text("/userIdentity/principalId"),
                user_name: text("/userIdentity/userName"),
                access_key_id: text("/userIdentity/accessKeyId"),
                session_issuer: text("/userIdentity/sessionContext/sessionIssuer/arn"),
                invoked_by: text("/userIdentity/invokedBy"),
                on_behalf_of: text("/userIdentity/onBehalfOf/userId"),
                mfa: mfa.map(|mfa| &*mfa == "true"),
            }),
            place: Place { object: Arc::from("made"), record_index: None, offset: None },
        }
    }

    #[test]
    fn texts_are_found_through_lists() {
        let parameters = Parameters::parse(Some(r#"{"targets":[{"roleArn":"a"},{"id":1},{"RoleArn":"b"}],"ids":["i",2,"j"]}"#));
        assert_eq!(parameters.texts("targets[].roleArn"), ["a", "b"]);
        assert_eq!(parameters.texts("ids[]"), ["i", "j"]);
        assert!(parameters.texts("ids").is_empty() && parameters.texts("targets.roleArn").is_empty());
    }

    #[test]
    fn names_are_found_in_any_case_and_their_own_case_first() {
        let found = |text: &str, path: &str| Parameters::parse(Some(text)).get(path).cloned();
        assert_eq!(found(r#"{"username":"a","userName":"b"}"#, "userName"), Some("b".into()));
        assert_eq!(found(r#"{"SSHPublicKeyId":"k"}"#, "sSHPublicKeyId"), Some("k".into()));
        assert_eq!(found(r#"{"role":{"Arn":"x"}}"#, "role.arn"), Some("x".into()));
        assert_eq!(found(r#"{"role":null}"#, "role"), None);
        for text in ["", "null", "[]", "\"x\"", "{", r#"{"role":["arn"]}"#] {
            assert_eq!(found(text, "role.arn"), None, "{text}");
        }
    }
}
