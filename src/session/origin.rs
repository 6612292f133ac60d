//! [`Sessions`]: each temporary session joined to the call that made it, and the chains that come of it.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use polars::prelude::{DataFrame, IdxCa, IdxSize, IntoColumn as _, NewChunkedArray as _, PlSmallStr, PolarsResult, StringChunked};
use rayon::prelude::*;

use super::creation::{Creation, Verdict};
use super::numbers::{Numbers, Places};
use super::scan::{Id, Kept, Part, SESSION_OF, Told, Whole, number, scan, session_of};
use super::sign_in::{SignIns, Step};
use super::users::{Acting, Change, Name, Users};
use super::view::{COLUMNS, OF_WHOLE, View, index};
use super::{EventPlace, SESSION_COLUMNS, StateTable, sessions};
use crate::error::Error;
use crate::frame::{EventFrame, Map, ORIGIN, Texts};
use crate::schema::Column;
use crate::time::EventTime;

/// How many calls a chain of sessions is followed back.
///
/// AWS lets a role that was reached by a role act for an hour only, so that longer chains are not met.
pub const MAX_DEPTH: usize = 8;

/// How long before it was issued a key may be used, in microseconds: clocks differ.
///
/// # Source
/// AWS accepts a signature whose time is up to five minutes off (IAM User Guide, signing API requests).
const SKEW_MICROS: i64 = 5 * 60 * 1_000_000;

/// After how many sessions memory is given back.
const SHRINK_EVERY: usize = 1 << 16;

/// All temporary sessions, the calls that made them, and the users of IAM.
#[derive(Debug, Default)]
pub struct Sessions {
    pub(super) list: Vec<Session>,
    pub(super) creations: Vec<Creation>,
    by_id: Numbers,
    pub(super) users: Users,
}

/// One temporary session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: Id<Arc<str>>,
    pub(super) principal: Option<Arc<str>>,
    /// Its events; nothing where it was issued and not used, or nobody asks.
    pub(super) used: Option<Box<Used>>,
    pub(super) made_by: Option<MadeBy>,
    pub(super) origin: Origin,
}

/// The events of a session, in short.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) first: EventPlace,
    pub(super) last: EventPlace,
    pub(super) account: Option<Arc<str>>,
    /// The name that was given to the session.
    pub(super) name: Option<Arc<str>>,
    /// What kind of session its events say it is.
    pub(super) kind: &'static str,
    pub(super) events: u64,
    pub(super) addresses: u64,
}

/// The call that made a session.
#[derive(Debug, Clone, Copy)]
pub(super) struct MadeBy {
    pub(super) creation: u32,
    /// Another call, which says something else, claims to have made it too.
    disputed: bool,
}

/// Where a session comes from in the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin {
    pub(super) verdict: Verdict,
    /// The first call of the chain.
    pub(super) creation: Option<u32>,
    pub(super) depth: u32,
}

/// Computes where all sessions of the events come from, fills the late columns `origin_*`, and yields the users: who needs
/// the sessions again has them from [`sessions_of`], as they may be as many as a tenth of the events.
///
/// # Errors
/// [`Error::Frame`] where the table engine fails.
pub fn resolve(events: &mut EventFrame) -> Result<Users, Error> {
    let sessions = gather(events, false)?;
    events.fill(&SESSION_OF, &ORIGIN, |_, batch| Ok(sessions.origins(&View::new(batch)?)?))?;
    Ok(sessions.users)
}

/// The sessions of events whose late columns are there already.
///
/// # Errors
/// [`Error::Frame`] where the table engine fails.
pub fn sessions_of(events: &EventFrame) -> Result<Sessions, Error> {
    gather(events, true)
}

fn gather(events: &EventFrame, wholly: bool) -> Result<Sessions, Error> {
    let columns: Vec<Column> = COLUMNS.into_iter().filter(|column| wholly || !OF_WHOLE.contains(column)).collect();
    let all = events.fold(&columns, Merged::default(), |_, batch| Ok(scan(&View::new(batch)?, wholly)), Merged::add)?;
    Ok(all.join())
}

/// What all batches tell.
#[derive(Debug, Default)]
struct Merged {
    numbers: Numbers,
    sessions: Vec<Kept>,
    creations: Vec<Creation>,
    steps: Vec<Step>,
    users: Map<Name<Arc<str>>, Acting<Arc<str>>>,
    changes: Vec<Change>,
}

impl Merged {
    /// Adds a batch.
    fn add(&mut self, part: Part) {
        let mut numbers = Vec::with_capacity(part.sessions.len());
        for (id, used) in part.sessions {
            let id_of = |number: u32| self.sessions.get(index(number)).map(|(id, _)| id.as_text());
            let known = self.numbers.find(&id.as_text(), id_of);
            let number = known.unwrap_or_else(|| number(self.sessions.len()));
            if known.is_none() {
                self.numbers.add(&id.as_text(), number, id_of);
            }
            match self.sessions.get_mut(index(number)) {
                Some((_, known)) => known.merge(used),
                None => self.sessions.push((id, used)),
            }
            numbers.push(number);
        }
        self.creations.extend(part.creations.into_iter().map(|mut creation| {
            creation.caller = creation.caller.and_then(|caller| numbers.get(index(caller)).copied());
            creation
        }));
        self.steps.extend(part.steps);
        self.changes.extend(part.changes);
        for (name, user) in part.users {
            self.users.entry(name).or_default().merge(user);
        }
    }

    /// Joins every session to the call that made it.
    fn join(self) -> Sessions {
        drop(self.numbers);
        let mut creations = self.creations;
        // The batches' order is not to matter; a record of the caller's own account names the session that called.
        creations.sort_unstable_by(|left, right| {
            (left.caller.is_none(), left.caller_key.is_none())
                .cmp(&(right.caller.is_none(), right.caller_key.is_none()))
                .then_with(|| left.place.order(&right.place))
        });
        let sign_ins = SignIns::new(self.steps);
        for creation in &mut creations {
            if let Some((user, time)) = creation.identity_center_user.as_deref().zip(creation.place.time) {
                creation.caller_mfa = sign_ins.verdict(user, time);
            }
        }
        let key_of = |place: u32| creations.get(index(place))?.issued_key.as_deref();
        let by_key = Places::of(creations.len(), key_of);
        let made_with = |key: &str, first: Option<EventTime>| {
            #[expect(clippy::redundant_closure, reason = "the calls' keys live longer than the one that is looked for")]
            let place = by_key.find(&key, |place| key_of(place));
            made_by(&creations, by_key.from(place), first)
        };
        let pair_of = |place: u32| {
            let creation = creations.get(index(place))?;
            creation.principal_id.as_deref().zip(creation.place.time.map(EventTime::micros))
        };
        let by_principal = Places::of(creations.len(), pair_of);
        // Judged once, as many sessions may share a principal and a second; these calls have one time, so the first stands for all.
        let judged = by_principal.shared().filter_map(|places| made_by(&creations, places, None));
        let disputed: HashSet<u32> = judged.filter(|made_by| made_by.disputed).map(|made_by| made_by.creation).collect();

        let mut all = Sessions { users: Users::new(self.users, self.changes), ..Sessions::default() };
        let mut texts = Texts::default();
        // From the last to the first, so that they go as they are taken over.
        let mut kept = self.sessions;
        all.list.reserve_exact(kept.len());
        kept.reverse();
        while let Some((id, used)) = kept.pop() {
            if kept.len().is_multiple_of(SHRINK_EVERY) {
                kept.shrink_to_fit();
            }
            let not_before = used.first_time;
            let issued = match &id {
                Id::Key(key) => made_with(key, not_before),
                _ => None,
            };
            let fallback = || {
                let (_, (principal_id, created)) = used.named.as_ref()?;
                #[expect(clippy::redundant_closure, reason = "the calls' keys live longer than the one that is looked for")]
                let creation = by_principal.find(&(principal_id.as_ref(), *created), |place| pair_of(place))?;
                let made = creations.get(index(creation)).filter(|made| in_time(made, not_before));
                made.map(|_| MadeBy { creation, disputed: disputed.contains(&creation) })
            };
            let made_by = issued.or_else(fallback);
            let principal = used.whole.as_ref().and_then(|whole| whole.told.principal.clone()).map(|text| texts.share(text));
            let used = used.whole.map(|whole| Box::new(Used::new(*whole, &mut texts)));
            all.add(id, principal, used, made_by);
        }
        for key in creations.iter().filter_map(|creation| creation.issued_key.as_deref()) {
            if all.number(Id::Key(key)).is_none() {
                let made_by = made_with(key, None);
                let principal = made_by.and_then(|made_by| creations.get(index(made_by.creation))?.principal.as_deref());
                all.add(Id::Key(Arc::from(key)), principal.map(|text| texts.share(text)), None, made_by);
            }
        }
        all.creations = creations;
        let origins: Vec<Origin> = (0..number(all.list.len())).into_par_iter().map(|session| all.origin(session)).collect();
        for (session, origin) in all.list.iter_mut().zip(origins) {
            session.origin = origin;
        }
        all
    }
}

/// The call among those at `places` that made a session, of which the first event was at `first`.
fn made_by(creations: &[Creation], places: impl Iterator<Item = u32>, first: Option<EventTime>) -> Option<MadeBy> {
    let known = |place: u32| creations.get(index(place)).filter(|creation| in_time(creation, first)).map(|creation| (place, creation));
    let mut candidates = places.filter_map(known);
    let (place, best) = candidates.next()?;
    Some(MadeBy { creation: place, disputed: candidates.any(|(_, other)| !best.agrees(other)) })
}

/// Whether a call can have made a session whose first event was at `first`.
fn in_time(creation: &Creation, first: Option<EventTime>) -> bool {
    creation.place.time.zip(first).is_none_or(|(made, first)| made.micros().saturating_sub(first.micros()) <= SKEW_MICROS)
}

impl Used {
    fn new(used: Whole<Arc<str>>, texts: &mut Texts) -> Self {
        let addresses = used.addresses();
        let Told { account, name, kind, .. } = used.told;
        let (account, name) = (account.map(|text| texts.share(text)), name.map(|text| texts.share(text)));
        Self { first: used.first, last: used.last, account, name, kind, events: used.events, addresses }
    }
}

impl Sessions {
    fn add(&mut self, id: Id<Arc<str>>, principal: Option<Arc<str>>, used: Option<Box<Used>>, made_by: Option<MadeBy>) {
        let list = &self.list;
        self.by_id.add(&id.as_text(), number(list.len()), |number| list.get(index(number)).map(|session| session.id.as_text()));
        let origin = Origin { verdict: Verdict::NotInLog, creation: None, depth: 0 };
        self.list.push(Session { id, principal, used, made_by, origin });
    }

    fn number(&self, id: Id<&str>) -> Option<u32> {
        self.by_id.find(&id, |number| self.list.get(index(number)).map(|session| session.id.as_text()))
    }

    /// Follows a session back, and judges it by the first call on the way that says something about MFA.
    fn origin(&self, session: u32) -> Origin {
        let mut verdict = None;
        let mut chain: Vec<u32> = Vec::with_capacity(1);
        let end = self.follow(session, &mut chain, |made_by, creation| {
            verdict = verdict.or_else(|| if made_by.disputed { Some(Verdict::Unknown) } else { creation.verdict() });
        });
        Origin { verdict: verdict.unwrap_or(end), creation: chain.last().copied(), depth: number(chain.len()) }
    }

    /// Goes from a session to the call that made it, to the session of that call, and so on.
    ///
    /// Yields what is to be said where none of the calls told anything.
    fn follow<'s>(&'s self, session: u32, chain: &mut Vec<u32>, mut meet: impl FnMut(MadeBy, &'s Creation)) -> Verdict {
        let mut at = session;
        loop {
            let made_by = self.list.get(index(at)).and_then(|session| session.made_by);
            let Some((made_by, creation)) = made_by.and_then(|made_by| Some((made_by, self.creations.get(index(made_by.creation))?)))
            else {
                return Verdict::NotInLog;
            };
            if chain.len() >= MAX_DEPTH || chain.contains(&made_by.creation) {
                return Verdict::Unknown;
            }
            chain.push(made_by.creation);
            meet(made_by, creation);
            match creation.caller {
                Some(caller) => at = caller,
                None => return Verdict::Unknown,
            }
        }
    }

    /// The calls that led to the session of an event, the one that made it first; none where the
    /// event is of no temporary session, or its origin is not in the log.
    ///
    /// `access_key_id`, `principal_id` and `creation_time` are the event's `user_access_key_id`,
    /// `user_principal_id` and `session_creation_time`.
    pub fn chain(&self, access_key_id: Option<&str>, principal_id: Option<&str>, creation_time: Option<EventTime>) -> Vec<&Creation> {
        let pair = || principal_id.zip(creation_time).map(|(principal_id, created)| Id::Principal(principal_id, created.micros()));
        let id = access_key_id.filter(|key| !key.is_empty()).map(Id::Key).or_else(pair);
        let mut calls = Vec::new();
        if let Some(session) = id.and_then(|id| self.number(id)) {
            let _ = self.follow(session, &mut Vec::new(), |_, creation| calls.push(creation));
        }
        calls
    }

    /// The access key ids of all sessions that descend from an access key id or a `principal`.
    ///
    /// From a key: its own session where it is a temporary one, the sessions that calls with it
    /// made, those that these made, and so on. From a principal: its sessions and those that its
    /// calls made, and so on. In the order of the letters.
    pub fn descendants(&self, from: &str) -> BTreeSet<&str> {
        let mut made: Map<u32, Vec<u32>> = Map::default();
        let mut calls: Map<u32, Vec<u32>> = Map::default();
        let mut sessions: Vec<u32> = self.number(Id::Key(from)).into_iter().collect();
        let mut creations = Vec::new();
        for (place, session) in (0..).zip(&self.list) {
            if let Some(made_by) = session.made_by {
                made.entry(made_by.creation).or_default().push(place);
            }
            if session.principal.as_deref() == Some(from) {
                sessions.push(place);
            }
        }
        for (place, creation) in (0..).zip(&self.creations) {
            if let Some(caller) = creation.caller {
                calls.entry(caller).or_default().push(place);
            }
            if creation.caller_key.as_deref() == Some(from) || creation.issued_by.as_deref() == Some(from) {
                creations.push(place);
            }
        }
        // Taking a list out of its map marks it as visited, so that loops end.
        let mut keys = BTreeSet::new();
        loop {
            if let Some(session) = sessions.pop() {
                keys.extend(self.list.get(index(session)).and_then(|session| session.id.key()));
                creations.extend(calls.remove(&session).unwrap_or_default());
            } else if let Some(creation) = creations.pop() {
                sessions.extend(made.remove(&creation).unwrap_or_default());
            } else {
                return keys;
            }
        }
    }

    /// The table `sessions`: a row a temporary access key id, in the order of the first time known of it.
    pub fn session_table(&self) -> StateTable<'_> {
        StateTable::new("sessions", SESSION_COLUMNS, |take| sessions::rows(self).try_for_each(take))
    }

    /// The users of IAM.
    pub const fn users(&self) -> &Users {
        &self.users
    }

    /// The users of IAM, without the sessions.
    pub fn into_users(self) -> Users {
        self.users
    }

    /// The three late columns of a batch; `None` where it has no event of a temporary session.
    fn origins(&self, view: &View) -> PolarsResult<Option<DataFrame>> {
        // A row for each outcome that differs.
        let (mut outcomes, mut numbers): (Vec<Outcome>, Map<Outcome, IdxSize>) = (Vec::new(), Map::default());
        let mut of_session = |id: Id<&str>| {
            let origin = self.list.get(index(self.number(id)?))?.origin;
            let outcome = (origin.verdict, origin.creation);
            Some(*numbers.entry(outcome).or_insert_with(|| {
                outcomes.push(outcome);
                number(outcomes.len() - 1)
            }))
        };
        let mut known: Map<Id<&str>, Option<IdxSize>> = Map::default();
        let mut last: Option<(Id<&str>, Option<IdxSize>)> = None;
        let mut of_row = |row: u32| {
            let id = session_of(view, row)?;
            let outcome = match last {
                // Events of one session often follow each other.
                Some((known, outcome)) if known == id => outcome,
                _ => *known.entry(id).or_insert_with(|| of_session(id)),
            };
            last = Some((id, outcome));
            outcome
        };
        let rows: Vec<Option<IdxSize>> = (0..view.rows()).map(&mut of_row).collect();
        if rows.iter().all(Option::is_none) {
            return Ok(None);
        }
        let creations = || outcomes.iter().map(|(_, creation)| self.creations.get(index((*creation)?)));
        let verdicts: StringChunked = outcomes.iter().map(|(verdict, _)| Some(verdict.name())).collect();
        let event_ids: StringChunked = creations().map(|made| Some(made?.place.event_id.as_ref()?.to_string())).collect();
        let principals: StringChunked = creations().map(|made| made?.issued_by.as_deref()).collect();
        let named = |column: Column, values: StringChunked| values.with_name(PlSmallStr::from_static(column.name())).into_column();
        let columns = vec![
            named(Column::OriginVerdict, verdicts),
            named(Column::OriginEventId, event_ids),
            named(Column::OriginPrincipal, principals),
        ];
        let columns = DataFrame::new(outcomes.len(), columns)?;
        columns.take(&IdxCa::from_iter_options(PlSmallStr::EMPTY, rows.into_iter())).map(Some)
    }
}

/// What is said of a session's origin: the verdict, and the place of the first call.
type Outcome = (Verdict, Option<u32>);
