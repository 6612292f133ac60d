//! [`scan`]: one pass over a batch, which sessions its events are of and which calls make sessions.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::Arc;

use bumpalo::Bump;

use super::creation::Creation;
use super::sign_in::Step;
use super::users::{Acting, Change, Name, acting, kept_name};
use super::view::{Service, View, index};
use super::{EventPlace, keep_first_time};
use crate::event::EventId;
use crate::frame::{Map, Texts};
use crate::schema::Column;
use crate::time::EventTime;

/// Addresses of a session that are told apart.
pub(super) const MAX_ADDRESSES: usize = 1_000;

/// What tells a temporary session from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Id<T> {
    /// Its access key id.
    Key(T),
    /// The principal id and the creation time, where no key is named.
    Principal(T, i64),
    /// Neither: all such sessions count as one, whose origin is not in the log.
    Nameless,
}

/// The events of a session.
#[derive(Debug)]
pub(super) struct Use<T, I = T> {
    /// The time of the first event that has one.
    pub(super) first_time: Option<EventTime>,
    /// The first event that names the principal id and the creation time, and these.
    pub(super) named: Option<(EventPlace<T, I>, (T, i64))>,
    /// What only the table `sessions` and who asks about sessions need.
    pub(super) whole: Option<Box<Whole<T>>>,
}

/// All that is kept of the events of a session.
#[derive(Debug)]
pub(super) struct Whole<T> {
    pub(super) first: EventPlace<T>,
    pub(super) last: EventPlace<T>,
    /// What the first event tells that names principal id and creation time, or the first one where there is none.
    pub(super) told: Told<T>,
    pub(super) events: u64,
    /// Most sessions come from one address.
    address: Option<T>,
    #[expect(clippy::box_collection, reason = "few of very many sessions have any")]
    other_addresses: Option<Box<HashSet<T>>>,
}

/// What an event tells of its session.
#[derive(Debug, Clone)]
pub(super) struct Told<T> {
    pub(super) principal: Option<T>,
    pub(super) account: Option<T>,
    /// The name that was given to the session.
    pub(super) name: Option<T>,
    /// What kind of session it is.
    pub(super) kind: &'static str,
}

/// A session, and how it was used, with texts that outlive the batch.
pub(super) type Kept = (Id<Arc<str>>, Use<Arc<str>, EventId>);

/// What one batch tells.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) sessions: Vec<Kept>,
    /// The caller of each is its place in `sessions`.
    pub(super) creations: Vec<Creation>,
    pub(super) steps: Vec<Step>,
    pub(super) users: Map<Name<Arc<str>>, Acting<Arc<str>>>,
    pub(super) changes: Vec<Change>,
}

impl Id<Arc<str>> {
    pub(super) fn as_text(&self) -> Id<&str> {
        match self {
            Self::Key(key) => Id::Key(key),
            Self::Principal(principal_id, created) => Id::Principal(principal_id, *created),
            Self::Nameless => Id::Nameless,
        }
    }

    /// The access key id, where it is known.
    pub(super) fn key(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key),
            Self::Principal(..) | Self::Nameless => None,
        }
    }
}

impl Id<&str> {
    fn kept(self, texts: &mut Texts) -> Id<Arc<str>> {
        match self {
            Self::Key(key) => Id::Key(texts.share(key)),
            Self::Principal(principal_id, created) => Id::Principal(texts.share(principal_id), created),
            Self::Nameless => Id::Nameless,
        }
    }
}

impl<'v> Use<&'v str> {
    fn new(view: &'v View, row: u32, wholly: bool) -> Self {
        Self { first_time: None, named: None, whole: wholly.then(|| Box::new(Whole::new(view, row))) }
    }

    fn add(&mut self, view: &'v View, row: u32) {
        let time = view.time(row);
        keep_first_time(&mut self.first_time, time);
        // Most events come after the first, and then nothing more need be known of where they stand.
        if self.whole.is_none() && self.named.is_some_and(|(named, _)| named.is_earlier_than(time)) {
            return;
        }
        let place = view.place(row);
        let mut tells = false;
        if self.named.is_none_or(|(named, _)| place.is_before(&named))
            && let Some(pair) = named_pair(view, row)
        {
            self.named = Some((place, pair));
            tells = true;
        }
        if let Some(whole) = &mut self.whole {
            let is_first = whole.add(view, row, place);
            if tells || is_first && self.named.is_none() {
                whole.told = Told::new(view, row);
            }
        }
    }

    fn kept(self, texts: &mut Texts) -> Use<Arc<str>, EventId> {
        let mut kept =
            |(place, (principal_id, created)): (EventPlace<&str>, (&str, i64))| (place.packed(texts), (texts.share(principal_id), created));
        Use { first_time: self.first_time, named: self.named.map(&mut kept), whole: self.whole.map(|whole| Box::new(whole.kept(texts))) }
    }
}

impl<T: Ord + Hash, I: Ord> Use<T, I> {
    /// Adds what another batch tells of the same session.
    pub(super) fn merge(&mut self, other: Self) {
        keep_first_time(&mut self.first_time, other.first_time);
        let is_earlier = match (&self.whole, &other.whole) {
            (Some(known), Some(other)) => other.first.is_before(&known.first),
            _ => false,
        };
        let other_tells = match (&self.named, &other.named) {
            (Some((known, _)), Some((other, _))) => other.is_before(known),
            (None, None) => is_earlier,
            (known, _) => known.is_none(),
        };
        if other_tells {
            self.named = other.named;
        }
        if let (Some(known), Some(other)) = (&mut self.whole, other.whole) {
            known.merge(*other, other_tells);
        }
    }
}

impl<'v> Whole<&'v str> {
    fn new(view: &'v View, row: u32) -> Self {
        let (place, told) = (view.place(row), Told::new(view, row));
        Self { first: place, last: place, told, events: 0, address: None, other_addresses: None }
    }

    /// Adds an event; yields whether it comes before the others.
    fn add(&mut self, view: &'v View, row: u32, place: EventPlace<&'v str>) -> bool {
        self.events += 1;
        if place.is_after(&self.last) {
            self.last = place;
        }
        let is_first = place.is_before(&self.first);
        if is_first {
            self.first = place;
        }
        // The names of services stand in the same field.
        if let Some(address) = view.text(Column::SourceIpAddress, row)
            && self.address != Some(address)
            && view.text(Column::SourceIpHex, row).is_some()
        {
            self.add_address(address);
        }
        is_first
    }

    fn kept(self, texts: &mut Texts) -> Whole<Arc<str>> {
        let mut share = |text: Option<&str>| text.map(|text| texts.share(text));
        let (principal, account, name) = (share(self.told.principal), share(self.told.account), share(self.told.name));
        let address = share(self.address);
        let first = self.first.kept(texts);
        Whole {
            told: Told { principal, account, name, kind: self.told.kind },
            address,
            other_addresses: self.other_addresses.map(|others| Box::new(others.into_iter().map(|address| texts.share(address)).collect())),
            // Often they are one event, of which one copy is enough.
            last: if self.last == self.first { first.clone() } else { self.last.kept(texts) },
            first,
            events: self.events,
        }
    }
}

impl<T: Ord + Hash> Whole<T> {
    fn add_address(&mut self, address: T) {
        match &self.address {
            None => self.address = Some(address),
            Some(known) if *known == address => {}
            Some(_) => {
                let others = self.other_addresses.get_or_insert_default();
                if others.len() + 1 < MAX_ADDRESSES {
                    others.insert(address);
                }
            }
        }
    }

    fn merge(&mut self, other: Self, other_tells: bool) {
        self.events += other.events;
        if other_tells {
            self.told = other.told;
        }
        if other.first.is_before(&self.first) {
            self.first = other.first;
        }
        if other.last.is_after(&self.last) {
            self.last = other.last;
        }
        for address in other.address.into_iter().chain(other.other_addresses.into_iter().flat_map(|others| *others)) {
            self.add_address(address);
        }
    }

    /// How many addresses there are, up to [`MAX_ADDRESSES`].
    pub(super) fn addresses(&self) -> u64 {
        let others = self.other_addresses.as_ref().map_or(0, |others| others.len());
        u64::from(self.address.is_some()) + u64::try_from(others).unwrap_or(u64::MAX)
    }
}

impl<'v> Told<&'v str> {
    fn new(view: &'v View, row: u32) -> Self {
        let after_colon = || view.text(Column::UserPrincipalId, row)?.split_once(':').map(|(_, name)| name);
        let is = |kind: &str| view.same(Column::UserType, row, kind);
        Self {
            principal: view.text(Column::Principal, row),
            account: view.account(row),
            name: view.named(Column::SessionName, row).or_else(after_colon),
            kind: if is("AssumedRole") {
                "assumed_role"
            } else if is("FederatedUser") {
                "federated"
            } else if view.is(Column::FromConsole, row) {
                "console"
            } else {
                "other"
            },
        }
    }
}

/// Goes through the events of a batch; all is kept of their sessions where they are wanted `wholly`.
pub(super) fn scan(view: &View, wholly: bool) -> Part {
    let mut part = Part::default();
    let mut sessions: Vec<(Id<&str>, Use<&str>)> = Vec::new();
    let mut numbers: Map<Id<&str>, u32> = Map::default();
    let mut users: Map<Name<&str>, Acting<&str>> = Map::default();
    let mut last_session: Option<(Id<&str>, u32)> = None;
    let mut texts = Texts::default();
    let mut arena = Bump::new();
    let mut last_source: (&str, Service) = ("", Service::Other);
    for row in 0..view.rows() {
        let session = session_of(view, row).map(|id| {
            let number = match last_session {
                // Events of one session often follow each other.
                Some((known, number)) if known == id => number,
                _ => *numbers.entry(id).or_insert_with(|| {
                    sessions.push((id, Use::new(view, row, wholly)));
                    number(sessions.len() - 1)
                }),
            };
            last_session = Some((id, number));
            if let Some((_, used)) = sessions.get_mut(index(number)) {
                used.add(view, row);
            }
            number
        });
        if let Some(name) = acting(view, row) {
            users.entry(name).or_default().add(view, row);
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
        if let Some(mut creation) = Creation::read(service, view, row, &mut texts, &arena) {
            creation.caller = session;
            part.creations.push(creation);
        } else if let Some(step) = Step::read(service, view, row, &arena) {
            part.steps.push(step);
        } else if let Some(change) = Change::read(service, view, row, &mut texts, &arena) {
            part.changes.push(change);
        }
    }
    part.sessions = sessions.into_iter().map(|(id, used)| (id.kept(&mut texts), used.kept(&mut texts))).collect();
    part.users = users.into_iter().map(|(name, user)| (kept_name(name, &mut texts), user.kept(&mut texts))).collect();
    part
}

/// The columns that tell which session an event is of.
pub(super) const SESSION_OF: [Column; 5] =
    [Column::UserAccessKeyId, Column::SessionCreationTime, Column::UserType, Column::LongTermKey, Column::UserPrincipalId];

/// The temporary session that a row is of.
pub(super) fn session_of(view: &View, row: u32) -> Option<Id<&str>> {
    let key = view.named(Column::UserAccessKeyId, row);
    let temporary = view.int(Column::SessionCreationTime, row).is_some()
        || key.is_some_and(|key| key.starts_with("ASIA"))
        || ["AssumedRole", "FederatedUser"].iter().any(|kind| view.same(Column::UserType, row, kind));
    if !temporary || view.is(Column::LongTermKey, row) {
        return None;
    }
    let by_principal = || named_pair(view, row).map_or(Id::Nameless, |(principal_id, created)| Id::Principal(principal_id, created));
    Some(key.map_or_else(by_principal, Id::Key))
}

/// The principal id and the creation time of a row's session.
fn named_pair(view: &View, row: u32) -> Option<(&str, i64)> {
    view.named(Column::UserPrincipalId, row).zip(view.int(Column::SessionCreationTime, row))
}

/// A place in a list as a number; a log has fewer sessions than that.
pub(super) fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
