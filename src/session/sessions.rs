//! The table `sessions`: one row a temporary access key id that was issued or used.

use super::creation::{Api, Creation};
use super::origin::{Session, Sessions, Used};
use super::users::column;
use super::view::index;
use super::{Cell, StateColumn, StateRow, evidence};
use crate::schema::Kind;
use crate::time::EventTime;

/// The columns of the table `sessions`.
pub const SESSION_COLUMNS: &[StateColumn] = &[
    column("access_key_id", Kind::Text, "userIdentity.accessKeyId, or the key that a call issued", "never"),
    column("recipient_account_id", Kind::Text, "userIdentity.accountId, of unused keys the role's account", "absent"),
    column("principal", Kind::Text, "principal of its events, of unused keys the role or caller", "not known"),
    column("session_name", Kind::Text, "userIdentity.principalId after the colon, of unused keys the request", "it has no name"),
    column("kind", Kind::Text, "the call that made it, else its events: assumed_role, federated, session_token, console, other", "never"),
    column("issued_event_id", Kind::Text, "event_id of the call that made it", "not in the log, or without an id"),
    column("issued_time", Kind::Time, "event_time of the call that made it", "not in the log"),
    column("issued_by", Kind::Text, "principal of the call that made it", "not in the log"),
    column("origin_verdict", Kind::Text, "the calls that led to it: mfa, no_mfa, idp_unknown, unknown, not_in_log", "never"),
    column("origin_principal", Kind::Text, "principal of the first of the calls that led to it", "not in the log"),
    column("chain_depth", Kind::Int, "how many calls led to it, 0 where none is in the log, followed up to 8", "never"),
    column("first_event", Kind::Time, "the first event with the key", "not used, or no time"),
    column("last_event", Kind::Time, "the last event with the key", "not used, or no time"),
    column("events", Kind::Int, "events with the key", "never"),
    column("addresses", Kind::Int, "distinct IP addresses of events with the key, counted up to 1000", "never"),
];

pub(super) fn rows(all: &Sessions) -> impl Iterator<Item = StateRow> {
    let mut sessions: Vec<(Option<EventTime>, &str, &Session)> = Vec::new();
    for session in &all.list {
        let Some(key) = session.id.key() else { continue };
        let issued = creation(all, session).and_then(|creation| creation.place.time);
        let first = session.used.as_ref().and_then(|used| used.first.time);
        sessions.push((issued.into_iter().chain(first).min(), key, session));
    }
    sessions.sort_unstable_by_key(|(time, key, _)| (time.is_none(), *time, *key));
    sessions.into_iter().map(|(_, key, session)| row(all, key, session))
}

fn creation<'s>(all: &'s Sessions, session: &Session) -> Option<&'s Creation> {
    all.creations.get(index(session.made_by?.creation))
}

fn row(all: &Sessions, key: &str, session: &Session) -> StateRow {
    let made = creation(all, session);
    let used = session.used.as_deref();
    let account = used.and_then(|used| used.account.as_deref()).or_else(|| made?.account_id.as_deref());
    let origin = session.origin.creation.and_then(|place| all.creations.get(index(place)));
    let cells = vec![
        Cell::text(Some(key)),
        Cell::text(account),
        Cell::text(session.principal.as_deref()),
        Cell::text(used.and_then(|used| used.name.as_deref()).or_else(|| made?.session_name.as_deref())),
        Cell::text(Some(kind(made, used))),
        made.and_then(|made| made.place.event_id.as_ref()).map_or(Cell::Null, |id| Cell::Text(id.to_string())),
        Cell::time(made.and_then(|made| made.place.time)),
        Cell::text(made.and_then(|made| made.issued_by.as_deref())),
        Cell::text(Some(session.origin.verdict.name())),
        Cell::text(origin.and_then(|origin| origin.issued_by.as_deref())),
        Cell::count(u64::from(session.origin.depth)),
        Cell::time(used.and_then(|used| used.first.time)),
        Cell::time(used.and_then(|used| used.last.time)),
        Cell::count(used.map_or(0, |used| used.events)),
        Cell::count(used.map_or(0, |used| used.addresses)),
    ];
    let ends = used.into_iter().flat_map(|used| [&used.first, &used.last]).cloned();
    let events = made.map(|made| made.place.unpacked()).into_iter().chain(ends);
    StateRow { cells, evidence: evidence(events), snapshots: Vec::new() }
}

fn kind(made: Option<&Creation>, used: Option<&Used>) -> &'static str {
    match made.map(|made| made.api) {
        Some(Api::AssumeRole | Api::AssumeRoleWithSaml | Api::AssumeRoleWithWebIdentity | Api::GetRoleCredentials) => "assumed_role",
        Some(Api::GetFederationToken) => "federated",
        Some(Api::GetSessionToken) => "session_token",
        Some(Api::ConsoleLogin) => "console",
        Some(Api::AssumeRoot) => "other",
        None => used.map_or("other", |used| used.kind),
    }
}
