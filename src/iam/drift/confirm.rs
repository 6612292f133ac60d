//! Later calls that show that a way to more rights was used.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::entity::EntityRef;
use super::super::event::IamEvent;
use super::super::state::{EntityId, State};
use super::pattern::actor;
use super::run::Draft;
use crate::time::EventTime;

/// Items that wait for the call that shows their use, by their places.
#[derive(Debug, Default)]
pub(super) struct Confirmations {
    /// R14: roles that were opened, and to whom.
    opened: BTreeMap<(EntityId, EntityId), (usize, EventTime)>,
    /// N16: guards of the organization that were lifted.
    lifted: Vec<(usize, EventTime)>,
    /// Calls that were refused, by caller, service and name, and when last.
    refused: BTreeMap<[Arc<str>; 3], EventTime>,
    /// N17: sessions of root users were allowed.
    root_sessions: Vec<usize>,
    /// What was found: the call that shows the use, by the item's place.
    confirmed: BTreeMap<usize, Arc<str>>,
}

impl Confirmations {
    /// Notes an item that stands at that place.
    pub(super) fn wait(&mut self, place: usize, draft: &Draft) {
        let (Some((entity, _)), Some(time)) = (&draft.about, draft.item.event_time) else { return };
        for pattern in &draft.item.patterns {
            match (*pattern, draft.actor) {
                ("R14", Some(actor)) => {
                    self.opened.insert((*entity, actor), (place, time));
                }
                ("N16", _) => self.lifted.push((place, time)),
                ("N17", _) if &*draft.item.attribute == "root_sessions" => self.root_sessions.push(place),
                _ => {}
            }
        }
    }

    /// The calls that were found, by the places of the items whose use they show.
    pub(super) fn into_confirmed(self) -> BTreeMap<usize, Arc<str>> {
        self.confirmed
    }

    /// Looks whether an event is such a call.
    pub(super) fn event(&mut self, state: &State, event: &IamEvent) {
        let confirmed = &mut self.confirmed;
        let mut confirm = |place: usize| _ = confirmed.entry(place).or_insert_with(|| event.event_id.clone());
        if event.has_failed() {
            let is_refusal = event.error_code.as_deref().is_some_and(|code| code.contains("AccessDenied") || code.contains("Unauthorized"));
            if is_refusal && self.refused.len() < MAX_REFUSED {
                self.refused.insert(call(event), event.event_time);
            }
            return;
        }
        if !self.lifted.is_empty()
            && let Some(refused) = self.refused.remove(&call(event))
        {
            let first = self.lifted.partition_point(|(_, lifted)| *lifted <= refused);
            self.lifted.drain(first..).for_each(|(place, _)| confirm(place));
        }
        match &*event.event_name {
            "AssumeRole" if !self.opened.is_empty() => {
                let request = event.request();
                let role = request.text("roleArn").and_then(EntityRef::from_arn).and_then(|role| state.find(&role));
                let opened = role.zip(actor(state, event)).and_then(|pair| self.opened.get(&pair));
                if let Some((place, _)) = opened.filter(|(_, time)| event.event_time.epoch().saturating_sub(time.epoch()) <= ENTRY_SECONDS)
                {
                    confirm(*place);
                }
            }
            "AssumeRoot" => self.root_sessions.drain(..).for_each(confirm),
            _ => {}
        }
    }
}

fn call(event: &IamEvent) -> [Arc<str>; 3] {
    let caller = event.actor.session_issuer.as_ref().or_else(|| event.actor.name()).map_or("", |name| name);
    [caller, &event.event_source, &event.event_name].map(Arc::from)
}

/// How long after a role was opened its use belongs to that.
pub(in crate::iam) const ENTRY_SECONDS: i64 = 86_400;

/// Refused calls that are remembered: callers times operations, of which an account that tries all has few.
const MAX_REFUSED: usize = 100_000;
