//! Tables of state: what the events together say of users and sessions, one row each.
//!
//! A [`StateTable`] is made after all events are loaded. Rules of kind `state`
//! ask it; the evidence of what they find are the places that its rows carry.

use std::sync::Arc;

use crate::schema::Kind;
use crate::time::EventTime;

/// A table that is made of all events together.
#[derive(Debug, Clone)]
pub struct StateTable {
    /// Its name in rules.
    pub name: &'static str,
    /// Its columns, in the order of the cells.
    pub columns: &'static [StateColumn],
    /// Its rows.
    pub rows: Vec<StateRow>,
}

/// One column of a [`StateTable`].
#[derive(Debug, Clone, Copy)]
pub struct StateColumn {
    /// Its name in rules.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// What it is made from.
    pub source: &'static str,
    /// What it means where the cell is null.
    pub null_means: &'static str,
}

/// One row of a [`StateTable`].
#[derive(Debug, Clone)]
pub struct StateRow {
    /// A cell a column.
    pub cells: Vec<Cell>,
    /// The events that the row rests on.
    pub evidence: Vec<EventPlace>,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Not known, or not there.
    Null,
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A truth value.
    Flag(bool),
    /// A point in time.
    Time(EventTime),
}

/// Where an event stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPlace {
    /// The file's path or key.
    pub object: Arc<str>,
    /// The record's place among the object's records, from 0.
    pub record_index: u64,
    /// The record's `eventID`.
    pub event_id: Option<String>,
    /// When the event was.
    pub time: Option<EventTime>,
}

macro_rules! columns {
    ($($name:literal $kind:ident $source:literal $null:literal;)*) => {
        &[$(StateColumn { name: $name, kind: Kind::$kind, source: $source, null_means: $null }),*]
    };
}

/// One row for each IAM user that the events name.
pub const USER_COLUMNS: &[StateColumn] = columns! {
    "recipient_account_id" Text "recipientAccountId" "absent";
    "user_name" Text "the user's name" "never";
    "principal" Text "the user's ARN" "no event names it";
    "has_console" Flag "a console login, or a login profile that was made and not deleted" "never";
    "console_since" Time "the event that makes has_console true" "has_console is false";
    "console_logins" Int "console logins that succeeded" "never";
    "last_console_login" Time "the last of them" "there is none";
    "logins_mfa" Int "console logins with MFA" "never";
    "logins_no_mfa" Int "console logins without MFA" "never";
    "long_term_key_uses" Int "calls with a long-term key" "never";
    "long_term_keys" Int "distinct long-term keys used" "never";
    "first_key_use" Time "the first call with a long-term key" "there is none";
    "last_key_use" Time "the last call with a long-term key" "there is none";
    "created" Time "CreateUser" "not in the log";
    "first_event" Time "the user's first event" "no event with a time";
    "last_event" Time "the user's last event" "no event with a time";
};

/// One row for each temporary access key that was issued or used.
pub const SESSION_COLUMNS: &[StateColumn] = columns! {
    "access_key_id" Text "the key" "never";
    "recipient_account_id" Text "recipientAccountId" "absent";
    "principal" Text "who acts with the key" "not used";
    "session_name" Text "the session's name" "it has none";
    "kind" Text "assumed_role, federated, session_token, console, other" "never";
    "issued_event_id" Text "the call that made the key" "not in the log";
    "issued_time" Time "the call that made the key" "not in the log";
    "issued_by" Text "principal of the call that made the key" "not in the log";
    "origin_verdict" Text "the start of the chain: mfa, no_mfa, idp_unknown, unknown, not_in_log" "never";
    "origin_principal" Text "principal at the start of the chain" "not in the log";
    "chain_depth" Int "calls between the start of the chain and the key" "never";
    "first_event" Time "the key's first use" "not used";
    "last_event" Time "the key's last use" "not used";
    "events" Int "calls with the key" "never";
    "addresses" Int "distinct addresses that used the key" "never";
};
