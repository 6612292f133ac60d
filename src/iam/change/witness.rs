//! [`Sought`]: calls of any service that tell something because of what was found before.
//!
//! A key that was deleted cannot sign, somebody who was deleted cannot call, and what a snapshot calls used was used by a
//! call, and who opens a role may take it on. The first such call after each removal and opening, and the first near to
//! each use, are all that replay needs.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use super::super::drift::{ENTRY_SECONDS, KEY_SECONDS, SESSION_SECONDS, USE_SECONDS};
use super::super::entity::{EntityKey, EntityKind, EntityRef};
use super::super::event::IamEvent;
use super::super::events::IamEvents;
use super::super::snapshot::Snapshot;
use super::scan::{Shared, View};
use super::{Effect, Subject, changes};
use crate::error::Error;
use crate::schema::Column;
use crate::time::EventTime;

/// What is looked for in a second pass.
#[derive(Debug, Default)]
pub(super) struct Sought {
    keys: HashMap<String, Vec<Span>>,
    /// Calls by which somebody who opened a role takes it on, by the caller and the role's name.
    entries: HashMap<(String, String), Vec<Span>>,
    callers: HashMap<EntityKey, Vec<Span>>,
}

/// A time in which a call tells something; each has a number.
#[derive(Debug, Clone, Copy)]
struct Span {
    number: usize,
    from: EventTime,
    to: Option<EventTime>,
}

impl Sought {
    /// What the replayed calls took away, and what later snapshots call used.
    pub(super) fn of(events: &IamEvents, later: &[Snapshot]) -> Result<Self, Error> {
        let mut sought = Self::default();
        let mut number = 0;
        let mut next = |from: Option<EventTime>, to| {
            number += 1;
            from.map(|from| Span { number, from, to })
        };
        for event in events.named(&REMOVALS) {
            let event = event?;
            let after = |seconds| event.event_time.plus_seconds(seconds);
            if let Some(key) = event.request().text("accessKeyId") {
                sought.keys.entry(key.to_owned()).or_default().extend(next(after(KEY_SECONDS), None));
            }
            for change in changes(&event) {
                if let (Subject::Named(entity), Effect::Delete { .. }) = (change.subject, change.effect) {
                    let grace = if entity.kind == EntityKind::Role { SESSION_SECONDS } else { KEY_SECONDS };
                    sought.callers.entry(entity.key()).or_default().extend(next(after(grace), None));
                }
            }
        }
        for event in events.named(&["UpdateAssumeRolePolicy"]) {
            let event = event?;
            let caller = event.actor.session_issuer.as_ref().or(event.actor.arn.as_ref());
            if let (Some(caller), Some(role), false) = (caller, event.request().text("roleName"), event.has_failed()) {
                let until = event.event_time.plus_seconds(ENTRY_SECONDS);
                let span = next(event.event_time.plus_seconds(-1), until);
                sought.entries.entry((caller.to_string(), role.to_ascii_lowercase())).or_default().extend(span);
            }
        }
        for used in later.iter().flat_map(|snapshot| &snapshot.uses) {
            let span = next(used.time.plus_seconds(-USE_SECONDS), used.time.plus_seconds(USE_SECONDS));
            sought.callers.entry(used.principal.key()).or_default().extend(span);
        }
        Ok(sought)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.callers.is_empty() && self.entries.is_empty()
    }

    /// Where a row takes on a role: what is sought of its caller and that role.
    fn entry(&self, view: &View, row: usize) -> Option<&Vec<Span>> {
        if self.entries.is_empty() || view.text(Column::EventName, row) != Some("AssumeRole") {
            return None;
        }
        let caller = view.text(Column::IssuerArn, row).or_else(|| view.text(Column::UserArn, row))?;
        let request: Value = serde_json::from_str(view.text(Column::RequestParameters, row)?).ok()?;
        let role = request.get("roleArn")?.as_str()?.rsplit('/').next()?.to_ascii_lowercase();
        self.entries.get(&(caller.to_owned(), role))
    }

    /// The first call of a batch for each number.
    pub(super) fn in_batch(&self, view: &View) -> BTreeMap<usize, IamEvent> {
        let mut keys: HashMap<&str, Option<EntityKey>> = HashMap::new();
        let mut first: BTreeMap<usize, usize> = BTreeMap::new();
        for row in 0..view.rows {
            let (Some(time), None) = (view.time(row), view.text(Column::ErrorCode, row)) else { continue };
            let by_key = view.text(Column::UserAccessKeyId, row).and_then(|key| self.keys.get(key));
            let caller = view.text(Column::IssuerArn, row).or_else(|| view.text(Column::UserArn, row));
            let caller =
                caller.and_then(|arn| keys.entry(arn).or_insert_with(|| EntityRef::from_arn(arn).map(|entity| entity.key())).as_ref());
            let by_caller = caller.and_then(|key| self.callers.get(key));
            let by_entry = self.entry(view, row);
            for span in by_key.into_iter().chain(by_caller).chain(by_entry).flatten() {
                if span.from < time && span.to.is_none_or(|to| time <= to) {
                    let known = first.entry(span.number).or_insert(row);
                    if view.order(row) < view.order(*known) {
                        *known = row;
                    }
                }
            }
        }
        let mut shared = Shared::default();
        first.into_iter().filter_map(|(number, row)| Some((number, view.event(row, &mut shared)?))).collect()
    }
}

/// Calls after which a key or a caller cannot call any more.
const REMOVALS: [&str; 4] = ["DeleteAccessKey", "UpdateAccessKey", "DeleteUser", "DeleteRole"];
