//! [`scan`]: one pass over a batch, which sessions its events are of and which calls make sessions.

use std::collections::{HashMap, HashSet};

use bumpalo::Bump;

use super::creation::Creation;
use super::sign_in::Step;
use super::users::{Acting, Change, Name, acting};
use super::view::{Places, Service, Spot, View, earlier, first, index, last};
use crate::schema::Column;

/// Addresses of a session that are told apart.
pub(super) const MAX_ADDRESSES: usize = 1_000;

/// In the place of a session's number: the event is of no temporary session.
pub(super) const NO_SESSION: u32 = u32::MAX;

/// What tells a temporary session from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Id<'v> {
    /// Its access key id.
    Key(&'v str),
    /// The principal id and the creation time, where no key is named.
    Principal(&'v str, i64),
    /// Neither: all such sessions count as one, whose origin is not in the log.
    Nameless,
}

/// The events of a session.
#[derive(Debug)]
pub(super) struct Use<'v> {
    pub(super) first: Spot,
    pub(super) last: Spot,
    /// The first event that names the principal and the creation time.
    pub(super) named: Option<Spot>,
    pub(super) events: u64,
    /// Most sessions come from one address.
    address: Option<&'v str>,
    other_addresses: HashSet<&'v str>,
}

/// What one batch tells.
#[derive(Debug, Default)]
pub(super) struct Part<'v> {
    /// For each row the number of its session in `sessions`, or [`NO_SESSION`].
    pub(super) rows: Vec<u32>,
    pub(super) sessions: Vec<(Id<'v>, Use<'v>)>,
    pub(super) creations: Vec<Creation>,
    pub(super) steps: Vec<Step>,
    pub(super) users: HashMap<Name<'v>, Acting<'v>>,
    pub(super) changes: Vec<Change>,
}

impl<'v> Use<'v> {
    fn new(spot: Spot) -> Self {
        Self { first: spot, last: spot, named: None, events: 0, address: None, other_addresses: HashSet::new() }
    }

    fn add(&mut self, views: &'v [View], view: &'v View, row: u32) {
        let spot = view.spot(row);
        self.events += 1;
        self.first = first(views, Some(self.first), spot);
        self.last = last(views, Some(self.last), spot);
        if self.named.is_none_or(|named| earlier(views, spot, named)) && named_pair(view, row).is_some() {
            self.named = Some(spot);
        }
        // The names of services stand in the same field.
        if let Some(address) = view.text(Column::SourceIpAddress, row)
            && self.address != Some(address)
            && view.text(Column::SourceIpHex, row).is_some()
        {
            self.add_address(address);
        }
    }

    fn add_address(&mut self, address: &'v str) {
        if *self.address.get_or_insert(address) != address && self.other_addresses.len() + 1 < MAX_ADDRESSES {
            self.other_addresses.insert(address);
        }
    }

    /// Adds what another batch tells of the same session.
    pub(super) fn merge(&mut self, other: &Self, views: &[View]) {
        self.events += other.events;
        self.first = first(views, Some(self.first), other.first);
        self.last = last(views, Some(self.last), other.last);
        self.named = other.named.map(|spot| first(views, self.named, spot)).or(self.named);
        for address in other.address.iter().chain(&other.other_addresses) {
            self.add_address(address);
        }
    }

    /// How many addresses there are, up to [`MAX_ADDRESSES`].
    pub(super) fn addresses(&self) -> u64 {
        u64::from(self.address.is_some()) + u64::try_from(self.other_addresses.len()).unwrap_or(u64::MAX)
    }
}

/// Goes through the events of a batch.
pub(super) fn scan<'v>(views: &'v [View], view: &'v View) -> Part<'v> {
    let mut part = Part::default();
    let mut numbers: HashMap<Id<'v>, u32> = HashMap::new();
    let mut last_session: Option<(Id<'v>, u32)> = None;
    let mut places = Places::default();
    let mut arena = Bump::new();
    let mut last_source: (&str, Service) = ("", Service::Other);
    for row in 0..view.rows() {
        let session = session_of(view, row).map_or(NO_SESSION, |id| {
            let number = match last_session {
                // Events of one session often follow each other.
                Some((known, number)) if known == id => number,
                _ => *numbers.entry(id).or_insert_with(|| {
                    part.sessions.push((id, Use::new(view.spot(row))));
                    number(part.sessions.len() - 1)
                }),
            };
            last_session = Some((id, number));
            if let Some((_, used)) = part.sessions.get_mut(index(number)) {
                used.add(views, view, row);
            }
            number
        });
        part.rows.push(session);
        if let Some(name) = acting(view, row) {
            part.users.entry(name).or_default().add(views, view, row);
        }
        let source = view.text(Column::EventSource, row).unwrap_or_default();
        // Equal texts that follow each other share their bytes, so that this looks at none of them.
        if !std::ptr::eq(source, last_source.0) {
            last_source = (source, Service::of(source));
        }
        let service = last_source.1;
        if service == Service::Other {
            continue;
        }
        arena.reset();
        if let Some(mut creation) = Creation::read(service, view, row, &mut places, &arena) {
            creation.caller = (session != NO_SESSION).then_some(session);
            part.creations.push(creation);
        } else if let Some(step) = Step::read(service, view, row, &arena) {
            part.steps.push(step);
        } else if let Some(change) = Change::read(service, view, row, &arena) {
            part.changes.push(change);
        }
    }
    part
}

/// The temporary session that a row is of.
fn session_of(view: &View, row: u32) -> Option<Id<'_>> {
    let key = view.named(Column::UserAccessKeyId, row);
    let created = view.int(Column::SessionCreationTime, row);
    let temporary = created.is_some()
        || key.is_some_and(|key| key.starts_with("ASIA"))
        || ["AssumedRole", "FederatedUser"].iter().any(|kind| view.same(Column::UserType, row, kind));
    if !temporary || view.is(Column::LongTermKey, row) {
        return None;
    }
    Some(match (key, named_pair(view, row)) {
        (Some(key), _) => Id::Key(key),
        (None, Some((principal_id, created))) => Id::Principal(principal_id, created),
        (None, None) => Id::Nameless,
    })
}

/// The principal id and the creation time of a row's session.
pub(super) fn named_pair(view: &View, row: u32) -> Option<(&str, i64)> {
    view.named(Column::UserPrincipalId, row).zip(view.int(Column::SessionCreationTime, row))
}

/// A place in a list as a number; a frame has fewer rows than that.
pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(NO_SESSION)
}
