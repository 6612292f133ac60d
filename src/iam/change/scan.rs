//! [`iam_events`]: the rows of the event frame that replay needs.
//!
//! A pass over the columns, in which of each batch only the wanted rows are taken out. What is kept grows with the
//! calls that can change identities and with the identities themselves, not with the log.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use polars::prelude::{BooleanChunked, DataFrame, Int64Chunked, PolarsResult, StringChunked};

use super::super::drift::is_wanted;
use super::super::event::{Actor, IamEvent};
use super::super::events::IamEvents;
use super::super::snapshot::Snapshot;
use super::witness::Sought;
use crate::error::Error;
use crate::frame::{EventFrame, Map, Texts};
use crate::problem::Place;
use crate::schema::Column;
use crate::time::EventTime;

/// What [`iam_events`] found.
#[derive(Debug, Default)]
pub struct Scanned {
    /// Calls that replay takes, and of all others those that show who was there.
    pub events: IamEvents,
    /// Calls that were left out, as no time of theirs could be read.
    pub untimed: u64,
}

/// Takes out of the log what [`drift`](super::super::drift::drift) replays: calls of the services that identities
/// depend on, sign-ins, calls that run something under a role, and of all others the first of each caller and long-term
/// key, the first after each removal of one, and the first near to each use that `later` snapshots tell of.
///
/// A second pass is made only where something was removed or is called used.
///
/// # Errors
/// Those of reading a batch, and of keeping events that do not fit in memory.
pub fn iam_events(frame: &EventFrame, later: &[Snapshot]) -> Result<Scanned, Error> {
    let each = |_, batch: &DataFrame| Ok(Part::of(View::new(batch)?));
    let add = |found: &mut Result<Found, Error>, part| {
        if let Err(error) = found.as_mut().map_or(Ok(()), |found| found.add(&part)) {
            *found = Err(error);
        }
    };
    let Found { mut events, sightings, untimed } = frame.fold(&columns(), Ok(Found::default()), each, add)??;
    let sought = Sought::of(&events, later)?;
    let witnesses = if sought.is_empty() {
        BTreeMap::new()
    } else {
        frame.fold(&columns(), BTreeMap::new(), |_, batch| Ok(sought.in_batch(&View::new(batch)?)), add_first)?
    };
    // A call may be found for more than one reason.
    let is_taken = |event: &IamEvent| is_replayed((&event.event_source, &event.event_name), event.request_parameters.as_deref(), is_wanted);
    let others = sightings.into_values().chain(witnesses.into_values()).filter(|event| !is_taken(event));
    for event in others.map(|event| (event.place.clone(), event)).collect::<BTreeMap<_, _>>().values() {
        events.push(event)?;
    }
    events.sort()?;
    Ok(Scanned { events, untimed })
}

/// Whether a call is taken for itself: those of its source and name are wanted, and it is no mere entry.
fn is_replayed<'c>(call: (&'c str, &'c str), request: Option<&str>, is_wanted: impl FnOnce(&'c str, &'c str) -> bool) -> bool {
    is_wanted(call.0, call.1) && !is_mere_entry(call, request)
}

/// Whether a call only takes on a role or a session, as every tenth call of a log does, and gives it no tags. The first
/// of each caller is kept, and those after a change of the role ([`Sought`]).
fn is_mere_entry((event_source, event_name): (&str, &str), request: Option<&str>) -> bool {
    event_source == "sts.amazonaws.com" && ENTRIES.contains(&event_name) && !request.is_some_and(|request| request.contains("\"tags\""))
}

/// Keeps the first call of each number.
fn add_first(all: &mut BTreeMap<usize, IamEvent>, found: BTreeMap<usize, IamEvent>) {
    for (number, event) in found {
        match all.get(&number) {
            Some(known) if order(known) <= order(&event) => {}
            _ => _ = all.insert(number, event),
        }
    }
}

/// The total order of events.
fn order(event: &IamEvent) -> (EventTime, &str, &Place) {
    (event.event_time, &event.event_id, &event.place)
}

/// What all batches so far have.
#[derive(Debug, Default)]
struct Found {
    events: IamEvents,
    sightings: BTreeMap<Identity<String>, IamEvent>,
    untimed: u64,
}

impl Found {
    /// Takes the events of a batch, one after another: all of them at once take far more memory than their columns.
    fn add(&mut self, part: &Part) -> Result<(), Error> {
        let Part { view, rows, sightings } = part;
        let mut shared = Shared::default();
        for row in rows {
            match view.event(*row, &mut shared) {
                Some(event) => self.events.push(&event)?,
                None => self.untimed += 1,
            }
        }
        for row in sightings {
            let Some((Identity(caller, id, key), event)) = view.identity(*row).zip(view.event(*row, &mut shared)) else { continue };
            match self.sightings.entry(Identity(caller.to_owned(), id.to_owned(), key.to_owned())) {
                Entry::Occupied(known) if order(known.get()) <= order(&event) => {}
                Entry::Occupied(mut known) => _ = known.insert(event),
                Entry::Vacant(new) => _ = new.insert(event),
            }
        }
        Ok(())
    }
}

/// Who made a call: the ARN of the caller or of the role, its unique id, and the long-term key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Identity<T>(T, T, T);

/// What one batch has.
struct Part {
    view: View,
    /// The rows of the calls that are taken for themselves.
    rows: Vec<usize>,
    /// Those of the first of all others of each caller.
    sightings: Vec<usize>,
}

impl Part {
    fn of(view: View) -> Self {
        let mut rows = Vec::new();
        let mut wanted: HashMap<(&str, &str), bool> = HashMap::new();
        let mut first: HashMap<Identity<&str>, usize> = HashMap::new();
        for row in 0..view.rows {
            let call = (view.text(Column::EventSource, row).unwrap_or_default(), view.text(Column::EventName, row).unwrap_or_default());
            let is_known = |source, name| *wanted.entry(call).or_insert_with(|| is_wanted(source, name));
            if is_replayed(call, view.text(Column::RequestParameters, row), is_known) {
                rows.push(row);
            } else if let Some(identity) = view.identity(row) {
                let known = first.entry(identity).or_insert(row);
                if view.order(row) < view.order(*known) {
                    *known = row;
                }
            }
        }
        let sightings = first.into_values().collect();
        Self { view, rows, sightings }
    }
}

/// The columns of one batch. It shares their bytes with the frame.
pub(super) struct View {
    pub(super) rows: usize,
    times: Int64Chunked,
    indices: Int64Chunked,
    mfa: BooleanChunked,
    /// In the order of [`texts`].
    texts: Vec<StringChunked>,
}

impl View {
    fn new(batch: &DataFrame) -> PolarsResult<Self> {
        let text = |column: Column| batch.column(column.name())?.str().cloned();
        Ok(Self {
            rows: batch.height(),
            times: batch.column(Column::EventTime.name())?.datetime()?.physical().clone(),
            indices: batch.column(Column::RecordIndex.name())?.i64()?.clone(),
            mfa: batch.column(Column::SessionMfaAuthenticated.name())?.bool()?.clone(),
            texts: texts().map(text).collect::<PolarsResult<_>>()?,
        })
    }

    pub(super) fn text(&self, column: Column, row: usize) -> Option<&str> {
        let place = texts().position(|known| known == column)?;
        self.texts.get(place)?.get(row)
    }

    fn owned<T: for<'t> From<&'t str>>(&self, column: Column, row: usize) -> Option<T> {
        self.text(column, row).filter(|text| !text.is_empty()).map(T::from)
    }

    pub(super) fn time(&self, row: usize) -> Option<EventTime> {
        self.times.get(row).and_then(EventTime::from_micros)
    }

    /// By time, those without one last, id and place.
    pub(super) fn order(&self, row: usize) -> (bool, Option<i64>, Option<&str>, Option<&str>, Option<i64>) {
        let time = self.times.get(row);
        (time.is_none(), time, self.text(Column::EventId, row), self.text(Column::Object, row), self.indices.get(row))
    }

    /// Who made a call that came through; `None` where the record does not tell.
    fn identity(&self, row: usize) -> Option<Identity<&str>> {
        if self.text(Column::ErrorCode, row).is_some() {
            return None;
        }
        let caller = self.text(Column::IssuerArn, row).or_else(|| self.text(Column::UserArn, row))?;
        let unique_id = self.text(Column::UserPrincipalId, row).and_then(|id| id.split(':').next()).unwrap_or_default();
        let key = self.text(Column::UserAccessKeyId, row).filter(|key| key.starts_with("AKIA")).unwrap_or_default();
        Some(Identity(caller, unique_id, key))
    }

    /// The event of a row; `None` where it has no time.
    pub(super) fn event<'v>(&'v self, row: usize, shared: &mut Shared<'v>) -> Option<IamEvent> {
        let actor = shared.actor(self, row);
        let mut common = |column| self.text(column, row).filter(|text| !text.is_empty()).map(|text| shared.texts.share(text));
        let account = [Column::RecipientAccountId, Column::FileAccountId, Column::UserAccountId];
        Some(IamEvent {
            event_id: self.owned(Column::EventId, row).or_else(|| self.owned(Column::RecordSha256, row)).unwrap_or_default(),
            event_source: common(Column::EventSource).unwrap_or_default(),
            event_name: common(Column::EventName).unwrap_or_default(),
            event_time: self.time(row)?,
            recipient_account_id: account.iter().find_map(|column| common(*column)).unwrap_or_default(),
            aws_region: common(Column::AwsRegion).unwrap_or_default(),
            source_ip_address: common(Column::SourceIpAddress),
            user_agent: common(Column::UserAgent),
            error_code: self.owned(Column::ErrorCode, row),
            request_parameters: self.owned(Column::RequestParameters, row),
            response_elements: self.owned(Column::ResponseElements, row),
            mfa_used: self.text(Column::MfaUsed, row).map(|used| used.eq_ignore_ascii_case("yes")),
            actor,
            place: Place {
                object: common(Column::Object).unwrap_or_default(),
                record_index: self.indices.get(row).and_then(|index| u64::try_from(index).ok()),
                offset: None,
            },
        })
    }

    fn actor(&self, row: usize) -> Actor {
        Actor {
            kind: self.owned(Column::UserType, row).unwrap_or_default(),
            arn: self.owned(Column::UserArn, row),
            account_id: self.owned(Column::UserAccountId, row),
            principal_id: self.owned(Column::UserPrincipalId, row),
            user_name: self.owned(Column::UserName, row),
            access_key_id: self.owned(Column::UserAccessKeyId, row),
            session_issuer: self.owned(Column::IssuerArn, row),
            invoked_by: self.owned(Column::UserInvokedBy, row),
            on_behalf_of: self.owned(Column::UserOnBehalfOfId, row),
            mfa: self.mfa.get(row),
        }
    }
}

/// What a row has of its caller: the texts, and whether there was MFA.
type ActorCells<'v> = ([Option<&'v str>; ACTORS.len()], Option<bool>);

/// What the events of one batch share, before all batches do.
#[derive(Debug, Default)]
pub(super) struct Shared<'v> {
    actors: Map<ActorCells<'v>, Arc<Actor>>,
    texts: Texts,
}

impl<'v> Shared<'v> {
    /// The caller of a row.
    fn actor(&mut self, view: &'v View, row: usize) -> Arc<Actor> {
        let key = (ACTORS.map(|column| view.text(column, row)), view.mfa.get(row));
        self.actors.entry(key).or_insert_with(|| Arc::new(view.actor(row))).clone()
    }
}

/// Calls that take on a role or a session.
const ENTRIES: [&str; 4] = ["AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "GetSessionToken"];

/// The columns that are looked at.
fn columns() -> Vec<Column> {
    [Column::EventTime, Column::RecordIndex, Column::SessionMfaAuthenticated].into_iter().chain(texts()).collect()
}

/// The columns that are texts.
fn texts() -> impl Iterator<Item = Column> {
    TEXTS.into_iter().chain(ACTORS)
}

/// The columns of a caller that are texts.
const ACTORS: [Column; 9] = [
    Column::UserType,
    Column::UserArn,
    Column::UserAccountId,
    Column::UserPrincipalId,
    Column::UserName,
    Column::UserAccessKeyId,
    Column::IssuerArn,
    Column::UserInvokedBy,
    Column::UserOnBehalfOfId,
];

/// The other columns that are texts.
const TEXTS: [Column; 14] = [
    Column::EventSource,
    Column::EventName,
    Column::EventId,
    Column::RecipientAccountId,
    Column::FileAccountId,
    Column::AwsRegion,
    Column::SourceIpAddress,
    Column::UserAgent,
    Column::ErrorCode,
    Column::RequestParameters,
    Column::ResponseElements,
    Column::MfaUsed,
    Column::RecordSha256,
    Column::Object,
];
