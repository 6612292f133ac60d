//! [`Creation`]: a call that made a temporary session, and what it says about MFA.
//!
//! # Source
//! The STS API reference and the `CloudTrail` User Guide (AWS STS and IAM events),
//! held against real records.

use std::sync::Arc;

use bumpalo::Bump;

use super::EventPlace;
use super::view::{Service, View};
use crate::event::EventId;
use crate::event::json::{Fault, Scanner};
use crate::event::reader::lookup;
use crate::frame::Texts;
use crate::schema::Column;

/// What the origin of a session says about MFA.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Verdict {
    /// AWS checked a second factor.
    Mfa,
    /// There was none.
    NoMfa,
    /// An identity provider signed in; what it asked for is not in the log.
    IdpUnknown,
    /// The log has the origin, and it does not tell.
    Unknown,
    /// The log does not have the call that made the session, or one that it depends on.
    NotInLog,
}

impl Verdict {
    /// The word that the column holds.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mfa => "mfa",
            Self::NoMfa => "no_mfa",
            Self::IdpUnknown => "idp_unknown",
            Self::Unknown => "unknown",
            Self::NotInLog => "not_in_log",
        }
    }
}

/// The calls that make sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Api {
    /// STS, by a user or role, or for a service.
    AssumeRole,
    /// STS, by someone whom a SAML provider knows.
    AssumeRoleWithSaml,
    /// STS, by someone whom an `OpenID` Connect provider knows.
    AssumeRoleWithWebIdentity,
    /// STS, from the management account into the root of a member.
    AssumeRoot,
    /// STS, by a user for himself.
    GetSessionToken,
    /// STS, by a user for someone else.
    GetFederationToken,
    /// Identity Center.
    GetRoleCredentials,
    /// The console, by a user or root with a password.
    ConsoleLogin,
}

impl Api {
    /// The call's name, as `eventName` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AssumeRole => "AssumeRole",
            Self::AssumeRoleWithSaml => "AssumeRoleWithSAML",
            Self::AssumeRoleWithWebIdentity => "AssumeRoleWithWebIdentity",
            Self::AssumeRoot => "AssumeRoot",
            Self::GetSessionToken => "GetSessionToken",
            Self::GetFederationToken => "GetFederationToken",
            Self::GetRoleCredentials => "GetRoleCredentials",
            Self::ConsoleLogin => "ConsoleLogin",
        }
    }

    /// The call that a row is, where it is one that makes a session and went well.
    fn of(service: Service, view: &View, row: u32) -> Option<Self> {
        let known: &[Self] = match service {
            Service::Sts => &[
                Self::AssumeRole,
                Self::AssumeRoleWithSaml,
                Self::AssumeRoleWithWebIdentity,
                Self::AssumeRoot,
                Self::GetSessionToken,
                Self::GetFederationToken,
            ],
            Service::SignIn => &[Self::ConsoleLogin],
            Service::IdentityCenter => &[Self::GetRoleCredentials],
            Service::Iam | Service::Other => return None,
        };
        let api = known.iter().copied().find(|api| view.same(Column::EventName, row, api.name()))?;
        view.is(Column::Ok, row).then_some(api)
    }
}

/// A call that made a session.
#[derive(Debug, Clone)]
pub struct Creation {
    /// The call.
    pub api: Api,
    /// Its event.
    pub place: EventPlace<Arc<str>, EventId>,
    /// `recipient_account_id` of the event.
    pub recipient_account_id: Option<Arc<str>>,
    /// The access key id that it issued; a console sign-in names none.
    pub issued_key: Option<Arc<str>>,
    /// The account in which the session acts.
    pub account_id: Option<Arc<str>>,
    /// The `principal` as which the session acts.
    pub principal: Option<Arc<str>>,
    /// The name of the session, where it has one.
    pub session_name: Option<Arc<str>>,
    /// `principal` of the call.
    pub issued_by: Option<Arc<str>>,
    /// `user_access_key_id` of the call.
    pub caller_key: Option<Arc<str>>,
    /// Whether the call named the serial number of an MFA device; it went well, so AWS has checked the code.
    pub serial_number: bool,
    /// The `principalId` of the session.
    pub(super) principal_id: Option<Arc<str>>,
    /// What the call's own record says of the caller; nothing where the caller's session has to be asked.
    pub(super) caller_mfa: Option<Verdict>,
    /// The session in which the call was made.
    pub(super) caller: Option<u32>,
    /// The user of Identity Center who called.
    pub(super) identity_center_user: Option<Arc<str>>,
    request_id: Option<EventId>,
    shared_event_id: Option<EventId>,
}

impl Creation {
    /// Reads a row; `None` where it makes no session.
    pub(super) fn read(service: Service, view: &View, row: u32, texts: &mut Texts, arena: &Bump) -> Option<Self> {
        let api = Api::of(service, view, row)?;
        if api == Api::ConsoleLogin && !["IAMUser", "Root"].iter().any(|kind| view.same(Column::UserType, row, kind)) {
            // The console takes over a session of a role or federated user that another call made.
            return None;
        }
        let request = view.text(Column::RequestParameters, row).unwrap_or_default();
        let [role_arn, role_session, name, target, serial] =
            members(request, ["roleArn", "roleSessionName", "name", "targetPrincipal", "serialNumber"], arena);
        let response = view.text(Column::ResponseElements, row).unwrap_or_default();
        let [credentials, role_credentials, role_user, federated_user] =
            members(response, ["credentials", "roleCredentials", "assumedRoleUser", "federatedUser"], arena);
        let issued_key = value(credentials, "accessKeyId", arena).or_else(|| value(role_credentials, "accessKeyId", arena));
        let text = |json| scalar(json, arena);
        let caller = view.named(Column::Principal, row);
        let (principal, session_name, principal_id) = match api {
            Api::AssumeRole | Api::AssumeRoleWithSaml | Api::AssumeRoleWithWebIdentity => {
                (text(role_arn), text(role_session), value(role_user, "assumedRoleId", arena))
            }
            Api::GetFederationToken => {
                let name = text(name);
                let principal = caller.zip(name).map(|(caller, name)| &*arena.alloc_str(&format!("{caller}/{name}")));
                (principal, name, value(federated_user, "federatedUserId", arena))
            }
            Api::GetSessionToken | Api::ConsoleLogin => (caller, None, view.named(Column::UserPrincipalId, row)),
            Api::AssumeRoot => (text(target), None, None),
            Api::GetRoleCredentials => (None, None, None),
        };
        if issued_key.is_none() && principal_id.is_none() {
            return None;
        }
        let account = value(role_user, "arn", arena).or(principal).and_then(account_of).or_else(|| view.account(row));
        let user = view.named(Column::UserOnBehalfOfId, row).or_else(|| view.named(Column::UserName, row));
        let mut share = |text: Option<&str>| text.map(|text| texts.share(text));
        Some(Self {
            api,
            recipient_account_id: share(view.named(Column::RecipientAccountId, row)),
            issued_key: share(issued_key),
            account_id: share(account),
            principal: share(principal),
            session_name: share(session_name),
            caller_key: share(view.named(Column::UserAccessKeyId, row)),
            serial_number: scalar(serial, arena).is_some(),
            principal_id: share(principal_id),
            caller_mfa: caller_mfa(api, view, row),
            caller: None,
            identity_center_user: share(user.filter(|_| api == Api::GetRoleCredentials)),
            issued_by: share(caller),
            request_id: view.named(Column::RequestId, row).map(EventId::from),
            shared_event_id: view.named(Column::SharedEventId, row).map(EventId::from),
            place: view.place(row).packed(texts),
        })
    }

    /// What the call says about MFA; nothing where its caller's session has to be asked.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        match self.api {
            Api::AssumeRoleWithSaml | Api::AssumeRoleWithWebIdentity => Some(Verdict::IdpUnknown),
            Api::AssumeRole | Api::GetSessionToken if self.serial_number => Some(Verdict::Mfa),
            Api::GetSessionToken => Some(Verdict::NoMfa),
            Api::GetRoleCredentials => Some(self.caller_mfa.unwrap_or(Verdict::IdpUnknown)),
            Api::AssumeRole | Api::AssumeRoot | Api::GetFederationToken | Api::ConsoleLogin => self.caller_mfa,
        }
    }

    /// Whether both records tell of one call, or of two that say the same about their session.
    ///
    /// A call into another account has a record in both, with one `sharedEventID`.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let one_call = self.ids().into_iter().zip(other.ids()).any(|(own, other)| own.is_some() && own == other);
        one_call
            || (self.api == other.api
                && self.issued_by == other.issued_by
                && self.caller == other.caller
                && self.verdict() == other.verdict())
    }

    /// The ids that two records of one call may share.
    fn ids(&self) -> [Option<&EventId>; 3] {
        let event_id = self.place.event_id.as_ref().filter(|id| !id.is_empty());
        [self.shared_event_id.as_ref(), self.request_id.as_ref(), event_id]
    }
}

/// What the record says of the caller's own MFA.
fn caller_mfa(api: Api, view: &View, row: u32) -> Option<Verdict> {
    match api {
        Api::ConsoleLogin => Some(match view.text(Column::MfaVerdict, row) {
            Some("mfa") => Verdict::Mfa,
            Some("no_mfa") => Verdict::NoMfa,
            _ => Verdict::Unknown,
        }),
        // Its sign-in decides, and that is another event.
        Api::GetRoleCredentials => None,
        _ => match view.text(Column::ApiMfa, row) {
            Some("yes") => Some(Verdict::Mfa),
            Some("no") => Some(Verdict::NoMfa),
            Some("idp_unknown") => Some(Verdict::IdpUnknown),
            // A service called: nobody could be asked for a code.
            Some("n/a") => Some(Verdict::Unknown),
            _ => None,
        },
    }
}

/// The JSON of some members of an object, read in one go; the last of repeated keys counts.
fn members<'a, const N: usize>(json: &'a str, wanted: [&str; N], arena: &'a Bump) -> [Option<&'a str>; N] {
    let mut found = [None; N];
    let read = Scanner::new(json, arena).object(0, |scanner, key| match found.iter_mut().zip(wanted).find(|(_, wanted)| *wanted == key) {
        Some((slot, _)) => {
            *slot = Some(scanner.json(0)?);
            Ok::<(), Fault>(())
        }
        None => scanner.skip_value(0),
    });
    if read.is_ok() { found } else { [None; N] }
}

/// The text that a JSON value stands for; `None` where it is empty, null, an object or an array.
fn scalar<'a>(json: Option<&'a str>, arena: &'a Bump) -> Option<&'a str> {
    lookup(json?, &[], arena).filter(|text| !text.is_empty())
}

/// The same of a member of an object.
fn value<'a>(json: Option<&'a str>, key: &str, arena: &'a Bump) -> Option<&'a str> {
    let [value] = members(json?, [key], arena);
    scalar(value, arena)
}

/// The account in an ARN.
fn account_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split(':').nth(3).filter(|account| !account.is_empty())
}
