//! [`Sessions`]: each temporary session joined to the call that made it, and the chains that come of it.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::sync::Arc;

use polars::prelude::{DataFrame, IdxCa, IdxSize, IntoColumn as _, NamedFrom as _, NewChunkedArray as _, PlSmallStr, PolarsResult, Series};
use rayon::prelude::*;

use super::creation::{Creation, Verdict};
use super::scan::{Id, NO_SESSION, Part, Use, named_pair, number, scan};
use super::sign_in::SignIns;
use super::users::{Acting, Name, USER_COLUMNS, Users};
use super::view::{Places, Spot, View, index, order};
use super::{SESSION_COLUMNS, StateTable, sessions};
use crate::error::Error;
use crate::frame::EventFrame;
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

/// All temporary sessions, the calls that made them, and the users of IAM.
#[derive(Debug, Default)]
pub struct Sessions {
    pub(super) list: Vec<Session>,
    pub(super) creations: Vec<Creation>,
    by_key: HashMap<Arc<str>, u32>,
    by_principal: HashMap<(Arc<str>, i64), u32>,
    users: Users,
}

/// One temporary session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: Option<Arc<str>>,
    pub(super) principal: Option<Arc<str>>,
    /// Its events; nothing where it was issued and not used.
    pub(super) used: Option<Used>,
    pub(super) made_by: Option<MadeBy>,
    pub(super) origin: Origin,
}

/// The events of a session, in short.
#[derive(Debug, Clone, Copy)]
pub(super) struct Used {
    pub(super) first: Spot,
    pub(super) last: Spot,
    /// The event that tells most of the session.
    pub(super) named: Spot,
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

/// Computes where all sessions of the events come from, and fills the late columns `origin_*`.
///
/// # Errors
/// [`Error::Frame`] where the table engine fails.
pub fn resolve(events: &mut EventFrame) -> Result<Sessions, Error> {
    let views = View::all(events.batches())?;
    let parts: Vec<Part<'_>> = views.par_iter().map(|view| scan(&views, view)).collect();
    let mut merged = Merged::default();
    let rows: Vec<Vec<u32>> = parts.into_iter().map(|part| merged.add(part, &views)).collect();
    let sessions = merged.join(&views);
    let (outcomes, places) = sessions.outcomes()?;
    for (batch, rows) in rows.iter().enumerate() {
        if rows.iter().any(|session| *session != NO_SESSION) {
            let of_row = |session: &u32| places.get(index(*session)).copied();
            let wanted = IdxCa::from_iter_options(PlSmallStr::EMPTY, rows.iter().map(of_row));
            events.set_columns(batch, outcomes.take(&wanted)?)?;
        }
    }
    Ok(sessions)
}

/// What all batches tell.
#[derive(Debug, Default)]
struct Merged<'v> {
    numbers: HashMap<Id<'v>, u32>,
    sessions: Vec<(Id<'v>, Option<Use<'v>>)>,
    creations: Vec<Creation>,
    steps: Vec<super::sign_in::Step>,
    users: HashMap<Name<'v>, Acting<'v>>,
    changes: Vec<super::users::Change>,
}

impl<'v> Merged<'v> {
    /// Adds a batch, and yields the session of each of its rows.
    fn add(&mut self, part: Part<'v>, views: &[View]) -> Vec<u32> {
        let mut numbers = Vec::with_capacity(part.sessions.len());
        for (id, used) in part.sessions {
            let number = *self.numbers.entry(id).or_insert_with(|| {
                self.sessions.push((id, None));
                number(self.sessions.len() - 1)
            });
            if let Some((_, known)) = self.sessions.get_mut(index(number)) {
                match known {
                    Some(known) => known.merge(&used, views),
                    None => *known = Some(used),
                }
            }
            numbers.push(number);
        }
        let global = |local: u32| numbers.get(index(local)).copied().unwrap_or(NO_SESSION);
        self.creations.extend(part.creations.into_iter().map(|mut creation| {
            creation.caller = creation.caller.map(global);
            creation
        }));
        self.steps.extend(part.steps);
        self.changes.extend(part.changes);
        for (name, user) in part.users {
            self.users.entry(name).or_default().merge(&user, views);
        }
        part.rows.into_iter().map(global).collect()
    }

    /// Joins every session to the call that made it.
    fn join(self, views: &'v [View]) -> Sessions {
        let mut creations = self.creations;
        // The batches' order is not to matter; a record of the caller's own account names the session that called.
        creations.sort_by(|left, right| {
            (left.caller.is_none(), left.caller_key.is_none())
                .cmp(&(right.caller.is_none(), right.caller_key.is_none()))
                .then_with(|| order(views, left.spot, right.spot))
        });
        let sign_ins = SignIns::new(self.steps);
        for creation in &mut creations {
            if let Some((user, time)) = creation.identity_center_user.as_deref().zip(creation.spot.time) {
                creation.caller_mfa = sign_ins.verdict(user, time);
            }
        }
        let by_key = grouped(&creations, |creation| creation.issued_key.as_deref());
        let by_principal = grouped(&creations, |creation| creation.principal_id.as_deref().zip(creation.spot.time));
        // Judged once, as many sessions may share a principal and a second; these calls have one time, so the first stands for all.
        let by_principal: HashMap<(&str, i64), MadeBy> =
            by_principal.iter().filter_map(|(pair, places)| Some((*pair, made_by(views, &creations, places, None)?))).collect();

        let mut all = Sessions { users: Users::new(self.users, self.changes, views), ..Sessions::default() };
        let mut principals: HashMap<&str, Arc<str>> = HashMap::new();
        for (id, used) in &self.sessions {
            let used = used.as_ref().map(Used::new);
            let row = |spot: Spot| Some((views.get(index(spot.batch))?, spot.row));
            let named = used.and_then(|used| row(used.named));
            let not_before = used.and_then(|used| used.first.time);
            let issued = match id {
                Id::Key(key) => by_key.get(key).and_then(|places| made_by(views, &creations, places, not_before)),
                _ => None,
            };
            let fallback = || {
                let pair = named.and_then(|(view, row)| named_pair(view, row))?;
                let made_by = *by_principal.get(&pair)?;
                creations.get(index(made_by.creation)).filter(|creation| in_time(creation, not_before)).map(|_| made_by)
            };
            let principal = named.and_then(|(view, row)| view.text(Column::Principal, row));
            all.add(id, principal.map(|text| shared(&mut principals, text)), used, issued.or_else(fallback));
        }
        for key in creations.iter().filter_map(|creation| creation.issued_key.as_deref()) {
            if !all.by_key.contains_key(key) {
                let made_by = by_key.get(key).and_then(|places| made_by(views, &creations, places, None));
                let principal = made_by.and_then(|made_by| creations.get(index(made_by.creation))?.principal.as_deref());
                all.add(&Id::Key(key), principal.map(|text| shared(&mut principals, text)), None, made_by);
            }
        }
        drop((by_key, by_principal, principals));
        all.creations = creations;
        let origins: Vec<Origin> = (0..number(all.list.len())).into_par_iter().map(|session| all.origin(session)).collect();
        for (session, origin) in all.list.iter_mut().zip(origins) {
            session.origin = origin;
        }
        all
    }
}

/// The places of creations by what tells them apart; those that tell it not are left out.
fn grouped<'c, K: Hash + Eq>(creations: &'c [Creation], key: impl Fn(&'c Creation) -> Option<K>) -> HashMap<K, Vec<u32>> {
    let mut groups: HashMap<K, Vec<u32>> = HashMap::new();
    for (place, creation) in (0..).zip(creations) {
        if let Some(key) = key(creation) {
            groups.entry(key).or_default().push(place);
        }
    }
    groups
}

/// One copy of a text for all who need it.
fn shared<'t>(known: &mut HashMap<&'t str, Arc<str>>, text: &'t str) -> Arc<str> {
    known.entry(text).or_insert_with(|| Arc::from(text)).clone()
}

/// The call among those at `places` that made a session, of which the first event was at `first`.
fn made_by(views: &[View], creations: &[Creation], places: &[u32], first: Option<i64>) -> Option<MadeBy> {
    let known = |place: &u32| creations.get(index(*place)).filter(|creation| in_time(creation, first)).map(|creation| (*place, creation));
    let mut candidates = places.iter().filter_map(known);
    let (place, best) = candidates.next()?;
    Some(MadeBy { creation: place, disputed: candidates.any(|(_, other)| !best.agrees(other, views)) })
}

/// Whether a call can have made a session whose first event was at `first`.
fn in_time(creation: &Creation, first: Option<i64>) -> bool {
    creation.spot.time.zip(first).is_none_or(|(made, first)| made.saturating_sub(first) <= SKEW_MICROS)
}

impl Used {
    fn new(used: &Use<'_>) -> Self {
        let named = used.named.unwrap_or(used.first);
        Self { first: used.first, last: used.last, named, events: used.events, addresses: used.addresses() }
    }
}

impl Sessions {
    fn add(&mut self, id: &Id<'_>, principal: Option<Arc<str>>, used: Option<Used>, made_by: Option<MadeBy>) {
        let place = number(self.list.len());
        let mut key = None;
        match id {
            Id::Key(text) => {
                let text: Arc<str> = Arc::from(*text);
                self.by_key.insert(text.clone(), place);
                key = Some(text);
            }
            Id::Principal(principal_id, created) => {
                self.by_principal.insert((Arc::from(*principal_id), *created), place);
            }
            Id::Nameless => {}
        }
        let origin = Origin { verdict: Verdict::NotInLog, creation: None, depth: 0 };
        self.list.push(Session { key, principal, used, made_by, origin });
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
        let session = match access_key_id.filter(|key| !key.is_empty()) {
            Some(key) => self.by_key.get(key),
            None => principal_id
                .zip(creation_time)
                .and_then(|(principal_id, created)| self.by_principal.get(&(Arc::from(principal_id), created.micros()))),
        };
        let mut calls = Vec::new();
        if let Some(session) = session {
            let _ = self.follow(*session, &mut Vec::new(), |_, creation| calls.push(creation));
        }
        calls
    }

    /// The access key ids of all sessions that descend from an access key id or a `principal`.
    ///
    /// From a key: its own session where it is a temporary one, the sessions that calls with it
    /// made, those that these made, and so on. From a principal: its sessions and those that its
    /// calls made, and so on. In the order of the letters.
    pub fn descendants(&self, from: &str) -> BTreeSet<&str> {
        let mut made: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut calls: HashMap<u32, Vec<u32>> = HashMap::new();
        let mut sessions: Vec<u32> = self.by_key.get(from).copied().into_iter().collect();
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
                keys.extend(self.list.get(index(session)).and_then(|session| session.key.as_deref()));
                creations.extend(calls.remove(&session).unwrap_or_default());
            } else if let Some(creation) = creations.pop() {
                sessions.extend(made.remove(&creation).unwrap_or_default());
            } else {
                return keys;
            }
        }
    }

    /// The table `sessions`: a row a temporary access key id, in the order of the first time known of it.
    ///
    /// `events` are those that were given to [`resolve`].
    ///
    /// # Errors
    /// [`Error::Frame`] where the table engine fails.
    pub fn session_table(&self, events: &EventFrame) -> Result<StateTable, Error> {
        let views = View::all(events.batches())?;
        let mut places = Places::default();
        Ok(StateTable { name: "sessions", columns: SESSION_COLUMNS, rows: sessions::rows(self, &views, &mut places) })
    }

    /// The table `users`: a row a user of IAM, in the order of account and name.
    ///
    /// `events` are those that were given to [`resolve`].
    ///
    /// # Errors
    /// [`Error::Frame`] where the table engine fails.
    pub fn user_table(&self, events: &EventFrame) -> Result<StateTable, Error> {
        let views = View::all(events.batches())?;
        Ok(StateTable { name: "users", columns: USER_COLUMNS, rows: self.users.rows(&views) })
    }

    /// The three late columns, a row for each outcome that differs, and the row of each session.
    fn outcomes(&self) -> PolarsResult<(DataFrame, Vec<IdxSize>)> {
        let mut known: HashMap<(Verdict, Option<u32>), IdxSize> = HashMap::new();
        let mut places = Vec::with_capacity(self.list.len());
        let (mut verdicts, mut event_ids, mut principals) = (Vec::new(), Vec::new(), Vec::new());
        for Session { origin, .. } in &self.list {
            places.push(*known.entry((origin.verdict, origin.creation)).or_insert_with(|| {
                let creation = origin.creation.and_then(|place| self.creations.get(index(place)));
                verdicts.push(Some(origin.verdict.name()));
                event_ids.push(creation.and_then(|creation| creation.place.event_id.as_deref()));
                principals.push(creation.and_then(|creation| creation.issued_by.as_deref()));
                number(verdicts.len() - 1)
            }));
        }
        let height = verdicts.len();
        let column = |column: Column, values: Vec<Option<&str>>| Series::new(PlSmallStr::from_static(column.name()), values).into_column();
        let columns = vec![
            column(Column::OriginVerdict, verdicts),
            column(Column::OriginEventId, event_ids),
            column(Column::OriginPrincipal, principals),
        ];
        Ok((DataFrame::new(height, columns)?, places))
    }
}
