//! The table `users`: how each IAM user signed in and which keys it used.

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::Arc;

use bumpalo::Bump;

use super::view::{Service, View};
use super::{Cell, EventPlace, StateColumn, StateRow, StateTable, evidence, keep_first, keep_first_time, keep_last};
use crate::event::reader::lookup;
use crate::frame::{Map, Set, Texts};
use crate::schema::{Column, Kind};
use crate::time::EventTime;

/// The columns of the table `users`.
pub const USER_COLUMNS: &[StateColumn] = &[
    column("recipient_account_id", Kind::Text, "userIdentity.accountId, of changes by IAM recipientAccountId", "absent"),
    column("user_name", Kind::Text, "userIdentity.userName, of changes by IAM requestParameters.userName", "never"),
    column("principal", Kind::Text, "userIdentity.arn, else that of CreateUser", "not in the log"),
    column("has_console", Kind::Flag, "ConsoleLogin, or CreateLoginProfile without a later DeleteLoginProfile", "never"),
    column("console_since", Kind::Time, "the event that shows has_console first", "has_console is false, or no time"),
    column("console_logins", Kind::Int, "ConsoleLogin with Success", "never"),
    column("last_console_login", Kind::Time, "ConsoleLogin with Success", "none, or no time"),
    column("logins_mfa", Kind::Int, "ConsoleLogin with mfa_verdict mfa", "never"),
    column("logins_no_mfa", Kind::Int, "ConsoleLogin with mfa_verdict no_mfa", "never"),
    column("long_term_key_uses", Kind::Int, "events with long_term_key", "never"),
    column("long_term_keys", Kind::Int, "distinct access key ids of events with long_term_key, counted up to 1000", "never"),
    column("first_key_use", Kind::Time, "the first event with long_term_key", "none, or no time"),
    column("last_key_use", Kind::Time, "the last event with long_term_key", "none, or no time"),
    column("created", Kind::Time, "CreateUser", "not in the log"),
    column("first_event", Kind::Time, "the first event by the user", "none, or no time"),
    column("last_event", Kind::Time, "the last event by the user", "none, or no time"),
];

/// Keys of a user that are told apart; AWS allows two at a time.
const MAX_KEYS: usize = 1_000;

pub(crate) const fn column(name: &'static str, kind: Kind, source: &'static str, null_means: &'static str) -> StateColumn {
    StateColumn { name, kind, source, null_means }
}

/// An account and the name of a user in it.
pub(super) type Name<T> = (Option<T>, T);

/// The same with texts that outlive the batch.
pub(super) fn kept_name((account, name): Name<&str>, texts: &mut Texts) -> Name<Arc<str>> {
    (account.map(|account| texts.share(account)), texts.share(name))
}

/// What the events by a user tell.
#[derive(Debug, Clone)]
pub(super) struct Acting<T> {
    first: Option<EventTime>,
    last: Option<EventTime>,
    /// The first event that names the user's ARN, and the ARN.
    arn: Option<(EventPlace<T>, T)>,
    logins: u64,
    logins_mfa: u64,
    logins_no_mfa: u64,
    first_login: Option<EventPlace<T>>,
    last_login: Option<EventTime>,
    key_uses: u64,
    first_key_use: Option<EventPlace<T>>,
    last_key_use: Option<EventPlace<T>>,
    keys: Set<T>,
}

impl<T> Default for Acting<T> {
    fn default() -> Self {
        Self {
            first: None,
            last: None,
            arn: None,
            logins: 0,
            logins_mfa: 0,
            logins_no_mfa: 0,
            first_login: None,
            last_login: None,
            key_uses: 0,
            first_key_use: None,
            last_key_use: None,
            keys: Set::default(),
        }
    }
}

/// The user who acts in a row, where it is one of IAM.
pub(super) fn acting(view: &View, row: u32) -> Option<Name<&str>> {
    if !view.same(Column::UserType, row, "IAMUser") {
        return None;
    }
    let from_arn = || view.named(Column::UserArn, row)?.rsplit_once('/').map(|(_, name)| name);
    let name = view.named(Column::UserName, row).or_else(from_arn)?;
    // A sign-in with a name that does not exist is written so.
    (name != "HIDDEN_DUE_TO_SECURITY_REASONS").then(|| (view.account(row), name))
}

impl<'v> Acting<&'v str> {
    /// Adds an event by the user.
    pub(super) fn add(&mut self, view: &'v View, row: u32) {
        let time = view.time(row);
        keep_first_time(&mut self.first, time);
        self.last = self.last.max(time);
        if !self.arn.is_some_and(|(known, _)| known.is_earlier_than(time))
            && let Some(arn) = view.named(Column::UserArn, row)
        {
            self.add_arn((view.place(row), arn));
        }
        let verdict = view.text(Column::MfaVerdict, row);
        // Any service could answer with that word.
        let signs_in = view.same(Column::EventSource, row, "signin.amazonaws.com") && verdict != Some("not_login");
        if signs_in && view.same(Column::ConsoleLoginResult, row, "Success") && view.is(Column::Ok, row) {
            self.logins += 1;
            keep_first(&mut self.first_login, Some(view.place(row)));
            self.last_login = self.last_login.max(time);
            match verdict {
                Some("mfa") => self.logins_mfa += 1,
                Some("no_mfa") => self.logins_no_mfa += 1,
                _ => {}
            }
        }
        if view.is(Column::LongTermKey, row) {
            self.key_uses += 1;
            let place = view.place(row);
            keep_first(&mut self.first_key_use, Some(place));
            keep_last(&mut self.last_key_use, Some(place));
            if let Some(key) = view.text(Column::UserAccessKeyId, row) {
                self.add_key(key);
            }
        }
    }

    /// The same with texts that outlive the batch.
    pub(super) fn kept(self, texts: &mut Texts) -> Acting<Arc<str>> {
        let arn = self.arn.map(|(place, arn)| (place.kept(texts), texts.share(arn)));
        let mut kept = |place: Option<EventPlace<&str>>| place.map(|place| place.kept(texts));
        Acting {
            first: self.first,
            last: self.last,
            arn,
            logins: self.logins,
            logins_mfa: self.logins_mfa,
            logins_no_mfa: self.logins_no_mfa,
            first_login: kept(self.first_login),
            last_login: self.last_login,
            key_uses: self.key_uses,
            first_key_use: kept(self.first_key_use),
            last_key_use: kept(self.last_key_use),
            keys: self.keys.into_iter().map(|key| texts.share(key)).collect(),
        }
    }
}

impl<T: Ord + Hash> Acting<T> {
    fn add_arn(&mut self, other: (EventPlace<T>, T)) {
        if self.arn.as_ref().is_none_or(|(known, _)| other.0.is_before(known)) {
            self.arn = Some(other);
        }
    }

    fn add_key(&mut self, key: T) {
        if self.keys.len() < MAX_KEYS {
            self.keys.insert(key);
        }
    }

    /// Adds what another batch tells of the same user.
    pub(super) fn merge(&mut self, other: Self) {
        keep_first_time(&mut self.first, other.first);
        self.last = self.last.max(other.last);
        if let Some(arn) = other.arn {
            self.add_arn(arn);
        }
        self.logins += other.logins;
        self.logins_mfa += other.logins_mfa;
        self.logins_no_mfa += other.logins_no_mfa;
        keep_first(&mut self.first_login, other.first_login);
        self.last_login = self.last_login.max(other.last_login);
        self.key_uses += other.key_uses;
        keep_first(&mut self.first_key_use, other.first_key_use);
        keep_last(&mut self.last_key_use, other.last_key_use);
        for key in other.keys {
            self.add_key(key);
        }
    }
}

/// A change by IAM that bears on a user's console.
#[derive(Debug)]
pub(super) struct Change {
    name: Name<Arc<str>>,
    what: What,
    arn: Option<Arc<str>>,
    place: EventPlace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    UserMade,
    ProfileMade,
    ProfileGone,
}

impl Change {
    /// Reads a row; `None` where it is no such change.
    pub(super) fn read(service: Service, view: &View, row: u32, texts: &mut Texts, arena: &Bump) -> Option<Self> {
        if service != Service::Iam {
            return None;
        }
        let known = [("CreateUser", What::UserMade), ("CreateLoginProfile", What::ProfileMade), ("DeleteLoginProfile", What::ProfileGone)];
        let what = known.into_iter().find(|(name, _)| view.same(Column::EventName, row, name)).map(|(_, what)| what)?;
        if !view.is(Column::Ok, row) {
            return None;
        }
        let asked = view.text(Column::RequestParameters, row).and_then(|json| lookup(json, &["userName"], arena));
        let own = || acting(view, row).filter(|_| what != What::UserMade).map(|(_, name)| name);
        let name = asked.filter(|name| !name.is_empty()).or_else(own)?;
        let answer = view.text(Column::ResponseElements, row).filter(|_| what == What::UserMade);
        let arn = answer.and_then(|json| lookup(json, &["user", "arn"], arena)).map(|arn| texts.share(arn));
        let name = kept_name((view.named(Column::RecipientAccountId, row), name), texts);
        Some(Self { name, what, arn, place: view.place(row).kept(texts) })
    }
}

/// What is known of a user.
#[derive(Debug, Default)]
struct User {
    acting: Acting<Arc<str>>,
    created: Option<EventTime>,
    /// What gave the user a password, where it was not taken away.
    profile: Option<EventPlace>,
    /// The ARN with which the user was made.
    arn: Option<Arc<str>>,
}

/// All users of IAM, in the order of account and name.
#[derive(Debug, Default)]
pub struct Users {
    users: BTreeMap<Name<Arc<str>>, User>,
}

impl Users {
    pub(super) fn new(acting: Map<Name<Arc<str>>, Acting<Arc<str>>>, mut changes: Vec<Change>) -> Self {
        let mut users: BTreeMap<Name<Arc<str>>, User> =
            acting.into_iter().map(|(name, acting)| (name, User { acting, ..User::default() })).collect();
        changes.sort_by(|left, right| left.place.order(&right.place));
        for change in changes {
            let user = users.entry(change.name).or_default();
            match change.what {
                What::UserMade => {
                    user.created = user.created.or(change.place.time);
                    user.arn = user.arn.take().or(change.arn);
                }
                What::ProfileMade => user.profile = user.profile.take().or(Some(change.place)),
                What::ProfileGone => user.profile = None,
            }
        }
        Self { users }
    }

    /// The table `users`: a row a user, in the order of account and name.
    pub fn table(&self) -> StateTable<'_> {
        StateTable::new("users", USER_COLUMNS, |take| {
            self.users.iter().map(|((account, name), user)| user.row(account.as_deref(), name)).try_for_each(take)
        })
    }
}

impl User {
    fn row(&self, account: Option<&str>, name: &str) -> StateRow {
        let acting = &self.acting;
        let mut console = self.profile.clone();
        keep_first(&mut console, acting.first_login.clone());
        let arn = acting.arn.as_ref().map(|(_, arn)| arn).or(self.arn.as_ref());
        let time = |event: &Option<EventPlace>| Cell::time(event.as_ref().and_then(|event| event.time));
        let cells = vec![
            Cell::text(account),
            Cell::text(Some(name)),
            Cell::text(arn.map(AsRef::as_ref)),
            Cell::Flag(console.is_some()),
            time(&console),
            Cell::count(acting.logins),
            Cell::time(acting.last_login),
            Cell::count(acting.logins_mfa),
            Cell::count(acting.logins_no_mfa),
            Cell::count(acting.key_uses),
            Cell::count(u64::try_from(acting.keys.len()).unwrap_or(u64::MAX)),
            time(&acting.first_key_use),
            time(&acting.last_key_use),
            Cell::time(self.created),
            Cell::time(acting.first),
            Cell::time(acting.last),
        ];
        let events = [console, acting.first_key_use.clone(), acting.last_key_use.clone()];
        StateRow { cells, evidence: evidence(events.into_iter().flatten()), snapshots: Vec::new() }
    }
}
