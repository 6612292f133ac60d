//! The table `users`: how each IAM user signed in and which keys it used.

use std::collections::{BTreeMap, HashMap, HashSet};

use bumpalo::Bump;

use super::view::{Places, Spot, View, first, index, last};
use super::{Cell, StateColumn, StateRow};
use crate::event::reader::lookup;
use crate::schema::{Column, Kind};

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

pub(super) const fn column(name: &'static str, kind: Kind, source: &'static str, null_means: &'static str) -> StateColumn {
    StateColumn { name, kind, source, null_means }
}

/// An account and the name of a user in it.
pub(super) type Name<'v> = (Option<&'v str>, &'v str);

/// What is known of a user.
#[derive(Debug, Clone, Default)]
struct User {
    first: Option<Spot>,
    last: Option<Spot>,
    first_arn: Option<Spot>,
    logins: u64,
    logins_mfa: u64,
    logins_no_mfa: u64,
    first_login: Option<Spot>,
    last_login: Option<Spot>,
    key_uses: u64,
    first_key_use: Option<Spot>,
    last_key_use: Option<Spot>,
    keys: u64,
    created: Option<Spot>,
    profile: Option<Spot>,
    arn: Option<String>,
}

/// A user who acts, while the events are gone through.
#[derive(Debug, Default)]
pub(super) struct Acting<'v> {
    user: User,
    keys: HashSet<&'v str>,
}

/// The user who acts in a row, where it is one of IAM.
pub(super) fn acting(view: &View, row: u32) -> Option<Name<'_>> {
    if !view.same(Column::UserType, row, "IAMUser") {
        return None;
    }
    let from_arn = || view.named(Column::UserArn, row)?.rsplit_once('/').map(|(_, name)| name);
    let name = view.named(Column::UserName, row).or_else(from_arn)?;
    // A sign-in with a name that does not exist is written so.
    (name != "HIDDEN_DUE_TO_SECURITY_REASONS").then(|| (view.account(row), name))
}

impl<'v> Acting<'v> {
    /// Adds an event by the user.
    pub(super) fn add(&mut self, views: &'v [View], view: &'v View, row: u32) {
        let spot = view.spot(row);
        let user = &mut self.user;
        user.first = Some(first(views, user.first, spot));
        user.last = Some(last(views, user.last, spot));
        if view.named(Column::UserArn, row).is_some() {
            user.first_arn = Some(first(views, user.first_arn, spot));
        }
        let verdict = view.text(Column::MfaVerdict, row);
        // Any service could answer with that word.
        let signs_in = view.same(Column::EventSource, row, "signin.amazonaws.com") && verdict != Some("not_login");
        if signs_in && view.same(Column::ConsoleLoginResult, row, "Success") && view.is(Column::Ok, row) {
            user.logins += 1;
            user.first_login = Some(first(views, user.first_login, spot));
            user.last_login = Some(last(views, user.last_login, spot));
            match verdict {
                Some("mfa") => user.logins_mfa += 1,
                Some("no_mfa") => user.logins_no_mfa += 1,
                _ => {}
            }
        }
        if view.is(Column::LongTermKey, row) {
            user.key_uses += 1;
            user.first_key_use = Some(first(views, user.first_key_use, spot));
            user.last_key_use = Some(last(views, user.last_key_use, spot));
            if let Some(key) = view.text(Column::UserAccessKeyId, row) {
                self.add_key(key);
            }
        }
    }

    fn add_key(&mut self, key: &'v str) {
        if self.keys.len() < MAX_KEYS {
            self.keys.insert(key);
        }
    }

    /// Adds what another batch tells of the same user.
    pub(super) fn merge(&mut self, other: &Self, views: &[View]) {
        let earliest = |known: &mut Option<Spot>, other: Option<Spot>| *known = other.map(|other| first(views, *known, other)).or(*known);
        let latest = |known: &mut Option<Spot>, other: Option<Spot>| *known = other.map(|other| last(views, *known, other)).or(*known);
        let (user, more) = (&mut self.user, &other.user);
        earliest(&mut user.first, more.first);
        earliest(&mut user.first_arn, more.first_arn);
        earliest(&mut user.first_login, more.first_login);
        earliest(&mut user.first_key_use, more.first_key_use);
        latest(&mut user.last, more.last);
        latest(&mut user.last_login, more.last_login);
        latest(&mut user.last_key_use, more.last_key_use);
        user.logins += more.logins;
        user.logins_mfa += more.logins_mfa;
        user.logins_no_mfa += more.logins_no_mfa;
        user.key_uses += more.key_uses;
        for key in &other.keys {
            self.add_key(key);
        }
    }
}

/// A change by IAM that bears on a user's console.
#[derive(Debug)]
pub(super) struct Change {
    name: (Option<String>, String),
    what: What,
    arn: Option<String>,
    spot: Spot,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    UserMade,
    ProfileMade,
    ProfileGone,
}

impl Change {
    /// Reads a row; `None` where it is no such change.
    pub(super) fn read(view: &View, row: u32, arena: &Bump) -> Option<Self> {
        if !view.same(Column::EventSource, row, "iam.amazonaws.com") {
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
        let arn = answer.and_then(|json| lookup(json, &["user", "arn"], arena)).map(str::to_owned);
        let account = view.named(Column::RecipientAccountId, row).map(str::to_owned);
        Some(Self { name: (account, name.to_owned()), what, arn, spot: view.spot(row) })
    }
}

/// All users, in the order of account and name.
#[derive(Debug, Default)]
pub(super) struct Users {
    users: BTreeMap<(Option<String>, String), User>,
}

impl Users {
    pub(super) fn new(acting: HashMap<Name<'_>, Acting<'_>>, mut changes: Vec<Change>, views: &[View]) -> Self {
        let mut users: BTreeMap<(Option<String>, String), User> = BTreeMap::new();
        for ((account, name), user) in acting {
            let keys = u64::try_from(user.keys.len()).unwrap_or(u64::MAX);
            users.insert((account.map(str::to_owned), name.to_owned()), User { keys, ..user.user });
        }
        changes.sort_by(|left, right| super::view::order(views, left.spot, right.spot));
        for change in changes {
            let user = users.entry(change.name).or_default();
            match change.what {
                What::UserMade => {
                    user.created = user.created.or(Some(change.spot));
                    user.arn = user.arn.take().or(change.arn);
                }
                What::ProfileMade => user.profile = user.profile.or(Some(change.spot)),
                What::ProfileGone => user.profile = None,
            }
        }
        Self { users }
    }

    /// A row a user, in the order of account and name.
    pub(super) fn rows(&self, views: &[View]) -> Vec<StateRow> {
        let mut places = Places::default();
        self.users.iter().map(|((account, name), user)| user.row(account.as_deref(), name, views, &mut places)).collect()
    }
}

impl User {
    fn row<'v>(&self, account: Option<&str>, name: &str, views: &'v [View], places: &mut Places<'v>) -> StateRow {
        let console = self.profile.map(|profile| first(views, self.first_login, profile)).or(self.first_login);
        let acting_arn = self.first_arn.and_then(|spot| views.get(index(spot.batch))?.text(Column::UserArn, spot.row));
        let time = |spot: Option<Spot>| Cell::time(spot.and_then(|spot| spot.time));
        let cells = vec![
            Cell::text(account),
            Cell::text(Some(name)),
            Cell::text(acting_arn.or(self.arn.as_deref())),
            Cell::Flag(console.is_some()),
            time(console),
            Cell::count(self.logins),
            time(self.last_login),
            Cell::count(self.logins_mfa),
            Cell::count(self.logins_no_mfa),
            Cell::count(self.key_uses),
            Cell::count(self.keys),
            time(self.first_key_use),
            time(self.last_key_use),
            time(self.created),
            time(self.first),
            time(self.last),
        ];
        let evidence = places.places(views, [console, self.first_key_use, self.last_key_use].into_iter().flatten());
        StateRow { cells, evidence }
    }
}
