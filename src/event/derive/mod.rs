//! The columns that follow from a record's own fields: how it ended, where it
//! came from, who acted, what its credentials prove about MFA and root, and what
//! a policy in it grants.
//!
//! [`derive()`] sets them all, once a record and after its JSON fields. Nothing
//! here looks at other records: where a verdict needs one (the call that made a
//! session, say), the column says `unknown`. Values compare without case, keys
//! and ids with it.
//!
//! # Source
//! The `CloudTrail` User Guide (record contents, `userIdentity`, sign-in events), held against real records.

mod agent;
mod call;
mod clock;
mod credential;
mod identity;
mod mfa;
mod network;
mod policy;
mod root;

use super::Event;
use crate::schema::Column;

/// Sets every derived column of a record whose other columns are filled.
pub fn derive(event: &mut Event<'_>) {
    clock::set(event);
    network::set(event);
    let console_agent = agent::set(event);
    let identity = identity::set(event);
    let call = call::set(event);
    let credential = credential::set(event, identity, console_agent);
    mfa::set(event, call, identity, credential);
    root::set(event, call, identity, credential);
    policy::set(event, call);
}

/// Whether a text column holds `wanted`, in any case.
fn same(event: &Event<'_>, column: Column, wanted: &str) -> bool {
    event.text(column).is_some_and(|text| text.eq_ignore_ascii_case(wanted))
}

/// Whether `text` is one of `list`, in any case.
fn among(text: &str, list: &[&str]) -> bool {
    list.iter().any(|wanted| wanted.eq_ignore_ascii_case(text))
}

/// Whether `text` starts with `head`, in any case.
fn starts_with(text: &str, head: &str) -> bool {
    text.as_bytes().get(..head.len()).is_some_and(|start| start.eq_ignore_ascii_case(head.as_bytes()))
}

/// Whether `text` ends with `tail`, in any case.
fn ends_with(text: &str, tail: &str) -> bool {
    without_tail(text, tail).is_some()
}

/// What stands before `tail`, where `text` ends with it in any case.
fn without_tail<'t>(text: &'t str, tail: &str) -> Option<&'t str> {
    let (head, end) = text.split_at_checked(text.len().checked_sub(tail.len())?)?;
    end.eq_ignore_ascii_case(tail).then_some(head)
}

/// A record made by hand: texts, `true` and `false` for flags, RFC 3339 for times.
#[cfg(test)]
fn sample<'a>(arena: &'a bumpalo::Bump, fields: &[(Column, &'a str)]) -> Event<'a> {
    use crate::schema::Kind;
    use crate::time::EventTime;

    let mut event = Event::new(arena);
    for (column, value) in fields {
        match column.kind() {
            Kind::Flag => event.set_flag(*column, *value == "true"),
            Kind::Time => event.set_time(*column, EventTime::parse(value).expect("a time")),
            _ => event.set_text(*column, value),
        }
    }
    derive(&mut event);
    event
}

#[cfg(test)]
mod tests {
    use bumpalo::Bump;

    use super::*;

    #[test]
    fn a_record_without_fields_has_every_column_that_is_never_null() {
        let arena = Bump::new();
        let event = sample(&arena, &[]);
        let derived = [
            Column::Dt,
            Column::Ok,
            Column::Denied,
            Column::HumanIp,
            Column::ServiceCall,
            Column::LongTermKey,
            Column::FromConsole,
            Column::MfaVerdict,
            Column::ApiMfa,
            Column::RootClass,
            Column::SensitiveWrite,
        ];
        for column in Column::ALL {
            assert_eq!(event.has(*column), derived.contains(column), "{column}");
        }
        // A download can lose the outcome of a call, and nothing else of these.
        for column in derived.into_iter().filter(|column| *column != Column::Ok) {
            assert_eq!(column.null_means(), "never", "{column}");
        }
    }

    #[test]
    fn odd_texts_do_no_harm() {
        let texts = ["", "/", ":", "é", "[", "]", "[]", "\u{202f}9", "2", "1.2.3", "::", "AWS ", "Mozilla", ".amazonaws.com", "Linux", "0"];
        let arena = Bump::new();
        for text in texts {
            for column in Column::ALL.iter().filter(|column| matches!(column.kind(), crate::schema::Kind::Text)) {
                for identity in ["AssumedRole", "FederatedUser", "Root", "AWSAccount", text] {
                    let event = sample(&arena, &[(Column::UserType, identity), (Column::EventName, "ConsoleLogin"), (*column, text)]);
                    assert!(event.has(Column::MfaVerdict));
                }
            }
        }
    }
}
