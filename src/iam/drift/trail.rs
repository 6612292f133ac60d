//! Times in which calls that the log has kept trails from recording changes of identities.
//!
//! Whether such a time is a gap of the log, the log itself may say: what a trail does not record, another one may.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value as Json;

use super::super::change;
use super::super::event::{IamEvent, Parameters};
use super::super::events::IamEvents;
use super::Gap;
use crate::error::Error;
use crate::time::{EventTime, TimeRange};

/// A gap, and whose log has it.
#[derive(Debug)]
pub(super) struct TrailGap {
    pub(super) gap: Gap,
    account: Arc<str>,
    /// The trail is that of all accounts of an organization.
    is_of_organization: bool,
}

impl TrailGap {
    /// Whether changes in an account may be what the gap hides.
    pub(super) fn hides(&self, account: &str) -> bool {
        self.is_of_organization || *self.account == *account
    }
}

/// The gaps that events tell of, which are taken in that order.
pub(super) fn trail_gaps(events: &IamEvents, order: &[usize]) -> Result<Vec<TrailGap>, Error> {
    let mut trails = Trails::default();
    // Most logs have no call that makes a gap, and need no further look.
    let order = if events.names().any(|name| CALLS.contains(&name)) { order } else { &[] };
    for place in order {
        let Some(event) = events.get(*place)?.filter(|event| !event.has_failed()) else { continue };
        // First, as the call that ends a gap is recorded itself.
        if event.event_source.eq_ignore_ascii_case("cloudtrail.amazonaws.com") {
            trails.call(&event);
        }
        trails.heard(&event);
    }
    Ok(trails.finish())
}

/// Whether a call may change what trails record.
pub(super) fn is_wanted(service: &str, event_name: &str) -> bool {
    service == "cloudtrail" && CALLS.contains(&event_name)
}

const CALLS: [&str; 6] = ["StopLogging", "StartLogging", "DeleteTrail", "CreateTrail", "UpdateTrail", "PutEventSelectors"];

/// What made a trail record less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Stopped,
    GlobalEvents,
    OneRegion,
    Selectors,
}

impl Cause {
    /// Whether an event is one that would not be recorded for it.
    fn hides(self, event: &IamEvent) -> bool {
        match self {
            Self::Stopped => true,
            Self::GlobalEvents | Self::OneRegion => event.event_source.eq_ignore_ascii_case("iam.amazonaws.com"),
            Self::Selectors => change::is_operation(event),
        }
    }
}

#[derive(Debug)]
struct Open {
    since: EventTime,
    /// The last event that is recorded all the same.
    heard: EventTime,
    reason: String,
}

/// An account's trail.
type Trail = (Arc<str>, Arc<str>);

#[derive(Debug, Default)]
struct Trails {
    open: BTreeMap<Arc<str>, BTreeMap<(Trail, Cause), Open>>,
    of_organizations: BTreeSet<Trail>,
    found: Vec<(Trail, Gap)>,
}

impl Trails {
    /// An event that should not be there ends the gap, as something records again, or has all the time.
    fn heard(&mut self, event: &IamEvent) {
        let Some(open) = self.open.get_mut(&*event.recipient_account_id) else { return };
        let now = event.event_time;
        let ended: Vec<(Trail, Cause)> = open
            .iter_mut()
            .filter(|((_, cause), _)| cause.hides(event))
            .filter_map(|(key, gap)| {
                let is_settling = now.epoch().saturating_sub(gap.since.epoch()) <= SETTLING_SECONDS;
                if is_settling {
                    gap.heard = now;
                }
                (!is_settling).then(|| key.clone())
            })
            .collect();
        for key in ended {
            if let Some(gap) = open.remove(&key)
                && now.epoch().saturating_sub(gap.heard.epoch()) >= SETTLING_SECONDS
            {
                self.found.push((key.0, ended_at(gap, Some(now))));
            }
        }
    }

    fn call(&mut self, event: &IamEvent) {
        let request = event.request();
        let Some(trail) = trail(event, &request) else { return };
        if [&request, &event.response()].into_iter().any(|parameters| parameters.flag("isOrganizationTrail") == Some(true)) {
            self.of_organizations.insert(trail.clone());
        }
        match &*event.event_name {
            "StopLogging" | "DeleteTrail" => self.turn(event, &trail, Cause::Stopped, Some(false), ""),
            "StartLogging" => self.turn(event, &trail, Cause::Stopped, Some(true), ""),
            "UpdateTrail" => {
                let global = request.flag("includeGlobalServiceEvents");
                self.turn(event, &trail, Cause::GlobalEvents, global, " with includeGlobalServiceEvents false");
                // The trail of that region has the events of global services all the same.
                let regions = request.flag("isMultiRegionTrail").map(|all| all || &*event.aws_region == "us-east-1");
                self.turn(event, &trail, Cause::OneRegion, regions, " with isMultiRegionTrail false");
            }
            "PutEventSelectors" => {
                self.turn(event, &trail, Cause::Selectors, records_changes(&request), " without calls that change identities");
            }
            _ => {}
        }
    }

    /// A gap begins, or ends.
    fn turn(&mut self, event: &IamEvent, trail: &Trail, cause: Cause, records: Option<bool>, how: &str) {
        let open = self.open.entry(event.recipient_account_id.clone()).or_default();
        let key = (trail.clone(), cause);
        match records {
            Some(false) if open.len() < MAX_OPEN => {
                let reason = format!("{} of trail {} in account {}{how} ({})", event.event_name, trail.1, trail.0, event.event_id);
                open.entry(key).or_insert(Open { since: event.event_time, heard: event.event_time, reason });
            }
            Some(true) => {
                if let Some(gap) = open.remove(&key).filter(|gap| gap.heard < event.event_time) {
                    self.found.push((key.0, ended_at(gap, Some(event.event_time))));
                }
            }
            _ => {}
        }
    }

    fn finish(mut self) -> Vec<TrailGap> {
        let open = std::mem::take(&mut self.open).into_values().flatten();
        self.found.extend(open.map(|((trail, _), gap)| (trail, ended_at(gap, None))));
        self.found.sort_by(|left, right| (left.1.range.since, &left.1.reason).cmp(&(right.1.range.since, &right.1.reason)));
        let of_organizations = self.of_organizations;
        let gap = |(trail, gap): (Trail, Gap)| TrailGap { is_of_organization: of_organizations.contains(&trail), account: trail.0, gap };
        self.found.into_iter().map(gap).collect()
    }
}

fn ended_at(gap: Open, until: Option<EventTime>) -> Gap {
    Gap { range: TimeRange { since: Some(gap.heard), until }, reason: gap.reason }
}

/// The trail that a call names, by its name or its ARN.
fn trail(event: &IamEvent, request: &Parameters) -> Option<Trail> {
    let name = request.text("name").or_else(|| request.text("trailName"))?;
    let account = name.strip_prefix("arn:").and_then(|rest| rest.split(':').nth(3)).unwrap_or(&event.recipient_account_id);
    Some((account.into(), name.rsplit('/').next().unwrap_or(name).into()))
}

/// Whether event selectors let calls be recorded that change identities; `None` where the call has none.
fn records_changes(request: &Parameters) -> Option<bool> {
    let plain = |selector: &Json| {
        let excluded = selector.get("excludeManagementEventSources").and_then(Json::as_array).into_iter().flatten();
        selector.get("readWriteType").and_then(Json::as_str) != Some("ReadOnly")
            && selector.get("includeManagementEvents") != Some(&Json::Bool(false))
            && !excluded.filter_map(Json::as_str).any(|source| source == "iam.amazonaws.com")
    };
    let field = |selector: &Json, name: &str, operator: &str, value: &str| {
        let fields = selector.get("fieldSelectors").and_then(Json::as_array).into_iter().flatten();
        let mut of_name = fields.filter(|field| field.get("field").and_then(Json::as_str) == Some(name));
        of_name.any(|field| field.get(operator).and_then(Json::as_array).into_iter().flatten().any(|entry| entry.as_str() == Some(value)))
    };
    let advanced = |selector: &Json| {
        field(selector, "eventCategory", "equals", "Management")
            && !field(selector, "readOnly", "equals", "true")
            && !field(selector, "eventSource", "notEquals", "iam.amazonaws.com")
    };
    let mut all = request.list("eventSelectors").map(plain).chain(request.list("advancedEventSelectors").map(advanced)).peekable();
    all.peek()?;
    Some(all.any(|records| records))
}

/// How long after such a call events are still recorded, and how long silence has to be to be one.
const SETTLING_SECONDS: i64 = 300;

/// Gaps of an account that are open at once.
///
/// # Source
/// The quota of `CloudTrail`: five trails in each region.
const MAX_OPEN: usize = 200;
