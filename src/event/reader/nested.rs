//! The nested fields whose parts have columns: `userIdentity`, `resources` and `tlsDetails`.

use super::{Objects, flag_of, inner_json, keep_extra, set_json, with_text};
use crate::event::json::{Fault, Scanner, text_of};
use crate::event::{Event, Resource};
use crate::problem::ProblemKind;
use crate::schema::Column;
use crate::time::EventTime;

pub(super) fn user_identity<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    if scanner.peek() != Some(b'{') {
        let json = scanner.json(1)?;
        set_json(event, Column::UserIdentity, json);
        let opened = event.text(Column::UserIdentity).filter(|json| json.starts_with('{'));
        return opened.map_or(Ok(()), |json| identity_fields(&mut Scanner::new(json, event.arena()), event));
    }
    let start = scanner.position();
    let (slot, mut identities) = (Objects::slot(scanner), event.take_identities());
    if !identities.recall(slot, scanner, event) {
        let json = scanner.json_with(|scanner| identity_fields(scanner, event))?;
        event.set_text(Column::UserIdentity, json);
        // What was taken out of it, and keys that come twice, have to be met again in the next record.
        if json.len() == scanner.position() - start && !scanner.has_duplicate_keys() {
            let texts = [Column::UserIdentity].iter().chain(Column::IDENTITY).copied();
            let numbers = [Column::SessionMfaAuthenticated, Column::SessionCreationTime, Column::SessionAssumedRoot];
            identities.keep(slot, json, event, texts, &numbers);
        }
    }
    event.keep_identities(identities);
    Ok(())
}

fn identity_fields<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    scanner.object(2, |scanner, key| {
        let column = match key {
            "type" => Column::UserType,
            "principalId" => Column::UserPrincipalId,
            "arn" => Column::UserArn,
            "accountId" => Column::UserAccountId,
            "accessKeyId" => Column::UserAccessKeyId,
            "userName" => Column::UserName,
            "invokedBy" => Column::UserInvokedBy,
            "identityProvider" => Column::UserIdentityProvider,
            "credentialId" => Column::UserCredentialId,
            "sessionContext" if scanner.peek() == Some(b'{') => return session_context(scanner, event),
            _ => match IDENTITY_KEYS.iter().find(|(name, _)| *name != key && name.eq_ignore_ascii_case(key)) {
                Some((_, column)) if !event.has(*column) => *column,
                _ if key.eq_ignore_ascii_case("sessionContext") && scanner.peek() == Some(b'{') => {
                    return session_context(scanner, event);
                }
                _ if key.eq_ignore_ascii_case("onBehalfOf") && scanner.peek() == Some(b'{') => {
                    return on_behalf_of(scanner, event);
                }
                _ => return scanner.skip_value(2),
            },
        };
        with_text(scanner, 2, |text| event.set_text(column, text))
    })
}

/// The keys of `userIdentity` that are matched without case where the exact key is absent.
const IDENTITY_KEYS: [(&str, Column); 9] = [
    ("type", Column::UserType),
    ("arn", Column::UserArn),
    ("principalId", Column::UserPrincipalId),
    ("accountId", Column::UserAccountId),
    ("accessKeyId", Column::UserAccessKeyId),
    ("userName", Column::UserName),
    ("invokedBy", Column::UserInvokedBy),
    ("identityProvider", Column::UserIdentityProvider),
    ("credentialId", Column::UserCredentialId),
];

fn on_behalf_of<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    scanner.object(3, |scanner, key| match key {
        "userId" | "userid" => with_text(scanner, 3, |text| event.set_text(Column::UserOnBehalfOfId, text)),
        "identityStoreArn" | "identitystorearn" => with_text(scanner, 3, |text| event.set_text(Column::UserIdentityStoreArn, text)),
        _ => scanner.skip_value(3),
    })
}

fn session_context<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    scanner.object(3, |scanner, key| {
        let nested = scanner.peek() == Some(b'{');
        if nested && key.eq_ignore_ascii_case("attributes") {
            return session_attributes(scanner, event);
        }
        if nested && key.eq_ignore_ascii_case("sessionIssuer") {
            return session_issuer(scanner, event);
        }
        if nested && key.eq_ignore_ascii_case("webIdFederationData") {
            return scanner.object(4, |scanner, key| {
                if key.eq_ignore_ascii_case("federatedProvider") {
                    with_text(scanner, 4, |text| event.set_text(Column::WebFederatedProvider, text))
                } else {
                    scanner.skip_value(4)
                }
            });
        }
        match key {
            "ec2RoleDelivery" | "ec2roledelivery" => with_text(scanner, 3, |text| event.set_text(Column::Ec2RoleDelivery, text)),
            "sourceIdentity" | "sourceidentity" => with_text(scanner, 3, |text| event.set_text(Column::SessionSourceIdentity, text)),
            "assumedRoot" | "assumedroot" => {
                let json = scanner.json(3)?;
                if let Some(flag) = flag_of(json) {
                    event.set_flag(Column::SessionAssumedRoot, flag);
                }
                Ok(())
            }
            _ => scanner.skip_value(3),
        }
    })
}

fn session_attributes<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    scanner.object(4, |scanner, key| {
        if key.eq_ignore_ascii_case("mfaAuthenticated") {
            let json = scanner.json(4)?;
            if let Some(flag) = flag_of(json) {
                event.set_flag(Column::SessionMfaAuthenticated, flag);
            }
            return Ok(());
        }
        if key.eq_ignore_ascii_case("creationDate") {
            return with_text(scanner, 4, |text| {
                if let Some(time) = EventTime::parse(text) {
                    event.set_time(Column::SessionCreationTime, time);
                }
            });
        }
        scanner.skip_value(4)
    })
}

fn session_issuer<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>) -> Result<(), Fault> {
    scanner.object(4, |scanner, key| {
        let column = match key {
            "type" => Column::IssuerType,
            "principalId" | "principalid" => Column::IssuerPrincipalId,
            "arn" => Column::IssuerArn,
            "accountId" | "accountid" => Column::IssuerAccountId,
            "userName" | "username" => Column::IssuerUserName,
            _ => return scanner.skip_value(4),
        };
        with_text(scanner, 4, |text| event.set_text(column, text))
    })
}

/// Entries of `resources` that go to columns. `CloudTrail` cuts records at 256 KB (service quotas), and an entry with
/// the shortest ARN there is, `{"ARN":"arn:aws:s3:::abc"},`, takes 27 bytes, so that no record of AWS's has more.
const MAX_RESOURCES: usize = 10_000;

/// Fills the resource lists; what they cannot hold stays, as a whole, in `extra`.
pub(super) fn resources<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>, key: &'a str) -> Result<(), Fault> {
    event.clear_resources();
    if scanner.peek() != Some(b'[') {
        let json = scanner.json(1)?;
        let arena = event.arena();
        if let Some(list) = text_of(json, arena).and_then(|text| inner_json(text, arena)).filter(|json| json.starts_with('[')) {
            return resources(&mut Scanner::new(list, arena), event, key);
        }
        if !matches!(json, "null" | "\"\"") {
            keep_extra(event, key, json);
        }
        return Ok(());
    }
    let (mut lossless, mut too_many) = (true, false);
    let json = scanner.json_with(|scanner| {
        scanner.array(2, |scanner| {
            let mut resource = Resource::default();
            if event.resources().len() >= MAX_RESOURCES {
                too_many = true;
                return scanner.skip_value(3);
            }
            if scanner.peek() == Some(b'{') {
                scanner.object(3, |scanner, key| {
                    let slot = match key {
                        "ARN" | "arn" | "ARNPrefix" => &mut resource.arn,
                        "type" => &mut resource.kind,
                        "accountId" => &mut resource.account_id,
                        _ => {
                            lossless = false;
                            return scanner.skip_value(3);
                        }
                    };
                    lossless &= slot.is_none() && key != "ARNPrefix" && scanner.peek() == Some(b'"');
                    with_text(scanner, 3, |text| *slot = Some(text))
                })?;
            } else {
                lossless = false;
                scanner.skip_value(3)?;
            }
            event.push_resource(resource);
            Ok::<(), Fault>(())
        })
    })?;
    if !lossless || too_many {
        keep_extra(event, key, json);
    }
    if too_many {
        let message = format!("resources has more than {MAX_RESOURCES} entries; the others are only in extra");
        event.notice(ProblemKind::Limit, message);
    }
    Ok(())
}

pub(super) fn tls_details<'a>(scanner: &mut Scanner<'a>, event: &mut Event<'a>, key: &'a str) -> Result<(), Fault> {
    if scanner.peek() != Some(b'{') {
        let json = scanner.json(1)?;
        let arena = event.arena();
        if let Some(object) = text_of(json, arena).and_then(|text| inner_json(text, arena)).filter(|json| json.starts_with('{')) {
            return tls_details(&mut Scanner::new(object, arena), event, key);
        }
        if json != "null" {
            keep_extra(event, key, json);
        }
        return Ok(());
    }
    let start = scanner.position();
    let (slot, mut known) = (Objects::slot(scanner), event.take_tls());
    if known.recall(slot, scanner, event) {
        event.keep_tls(known);
        return Ok(());
    }
    // What a key in other letters filled is not this object's.
    let is_first = !Column::TLS.iter().any(|column| event.has(*column));
    let mut lossless = true;
    let json = scanner.json_with(|scanner| {
        scanner.object(2, |scanner, key| {
            let column = match key {
                "tlsVersion" => Column::TlsVersion,
                "cipherSuite" => Column::TlsCipherSuite,
                "clientProvidedHostHeader" => Column::TlsClientHost,
                _ => {
                    lossless = false;
                    return scanner.skip_value(2);
                }
            };
            lossless &= scanner.peek() == Some(b'"');
            with_text(scanner, 2, |text| event.set_text(column, text))
        })
    })?;
    if !lossless {
        keep_extra(event, key, json);
    } else if is_first && json.len() == scanner.position() - start && !scanner.has_duplicate_keys() {
        known.keep(slot, json, event, Column::TLS.into_iter(), &[]);
    }
    event.keep_tls(known);
    Ok(())
}
