//! When a snapshot was taken, by the calls in the log that took it.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::super::entity::EntityKind;
use super::super::event::IamEvent;
use super::super::events::IamEvents;
use super::Snapshot;
use crate::error::Error;
use crate::time::EventTime;

/// The calls of a log that may have taken snapshots, for [`Snapshot::timed_by`].
///
/// # Errors
/// Those of reading events.
pub fn pages(events: &IamEvents) -> Result<Vec<IamEvent>, Error> {
    events.named(&[TAKES_SNAPSHOT]).collect()
}

/// The pages of one answer.
struct Taking<'e> {
    first: &'e IamEvent,
    last: EventTime,
}

impl Snapshot {
    /// The same snapshot with the time of the calls that took it, from the first page to the last. Where the log has no
    /// such calls, or more of them than one snapshot needs and nothing to choose by, its time is what the file says.
    ///
    /// # Source
    /// IAM API Reference, `GetAccountAuthorizationDetails`.
    #[must_use]
    pub fn timed_by(self, events: &[IamEvent]) -> Self {
        let mut takings: Vec<Taking<'_>> = Vec::new();
        for page in events.iter().filter(|event| self.is_page(event)) {
            let is_last = |taking: &&mut Taking<'_>| {
                let (first, now) = (taking.first, page.event_time);
                first.actor == page.actor && first.user_agent == page.user_agent && after(now, taking.last) <= PAGE_SECONDS
            };
            // A call that names no page to go on from asks for the first one.
            match (page.request().has("marker"), takings.iter_mut().rev().find(is_last)) {
                (true, Some(taking)) => taking.last = page.event_time,
                (true, None) => {}
                (false, _) => takings.push(Taking { first: page, last: page.event_time }),
            }
        }
        let fitting: Vec<&Taking<'_>> = takings.iter().filter(|taking| self.can_be(taking)).collect();
        let around: Vec<&Taking<'_>> = fitting.iter().copied().filter(|taking| self.is_dated && self.is_around(taking)).collect();
        let found = match (fitting.as_slice(), around.as_slice()) {
            ([taking], _) | (_, [taking]) => (taking.first.event_time, taking.last),
            _ => return self,
        };
        self.taken_between(found.0, found.1)
    }

    /// Whether a call yields a page of such a snapshot.
    fn is_page(&self, event: &IamEvent) -> bool {
        let is_of_account = &*event.event_name == TAKES_SNAPSHOT && *event.recipient_account_id == *self.account;
        is_of_account && !event.has_failed() && self.has_no_more_than(event)
    }

    /// Whether a call asks for all kinds of entities that the snapshot has all of.
    fn has_no_more_than(&self, event: &IamEvent) -> bool {
        let request = event.request();
        let asked: BTreeSet<&str> = request.list("filter").filter_map(Json::as_str).collect();
        let mut wanted = FILTERS.iter().filter(|(kind, _)| self.complete.contains(kind));
        asked.is_empty() || wanted.all(|(_, word)| asked.contains(word))
    }

    /// Whether what the file tells of its time allows it: it was not taken before anything in it was, and was taken about
    /// when it says.
    fn can_be(&self, taking: &Taking<'_>) -> bool {
        let is_late_enough = self.newest.is_none_or(|newest| after(newest, taking.last) <= SLACK_SECONDS);
        is_late_enough && (!self.is_dated || taking.first.event_time.epoch().abs_diff(self.taken.0.epoch()) <= NEAR_SECONDS)
    }

    /// Whether the time that the file says is that of these calls.
    fn is_around(&self, taking: &Taking<'_>) -> bool {
        let said = self.taken.0;
        after(taking.first.event_time, said) <= SLACK_SECONDS && after(said, taking.last) <= SLACK_SECONDS
    }
}

/// How many seconds one time is after another.
const fn after(late: EventTime, early: EventTime) -> i64 {
    late.epoch().saturating_sub(early.epoch())
}

/// The call by which account authorization details are taken.
const TAKES_SNAPSHOT: &str = "GetAccountAuthorizationDetails";

/// The words by which the call is asked for kinds of entities.
const FILTERS: [(EntityKind, &str); 4] =
    [(EntityKind::User, "User"), (EntityKind::Group, "Group"), (EntityKind::Role, "Role"), (EntityKind::Policy, "LocalManagedPolicy")];

/// How long after a page the next one of the same snapshot may come.
const PAGE_SECONDS: i64 = 600;

/// How far from the time that a file says the calls that took it may be: clocks differ, and files are named when they are
/// written.
const NEAR_SECONDS: u64 = 3_600;

/// A snapshot takes time, and IAM is eventually consistent: what happened this near to it may be in it or not.
pub(in crate::iam) const SLACK_SECONDS: i64 = 60;
