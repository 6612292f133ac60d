//! What replay takes and yields, as tables for rules and SQL: `iam_changes`, `drift` and `iam_state`.

mod items;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::attribute::{Attribute, Field};
use super::change::{Subject, attempted, is_operation};
use super::drift::{Caller, Documents, Drift, Evidence, Item, Launch, StatementDiff, is_wanted};
use super::entity::{EntityKind, EntityRef};
use super::event::IamEvent;
use super::events::IamEvents;
use super::policy::Rank;
use super::state::{Entity, EntityId, State};
use crate::schema::Kind;
use crate::session::{Cell, EventPlace, SnapshotPlace, StateColumn, StateRow, StateTable, column, evidence};

use items::{ByCall, ByEntity, Made};

/// The columns of the table `iam_changes`.
pub const CHANGE_COLUMNS: &[StateColumn] = &[
    column("event_time", Kind::Time, "event_time", "never"),
    column("event_id", Kind::Text, "event_id, else record_sha256", "never"),
    column("event_source", Kind::Text, "event_source", "never"),
    column("event_name", Kind::Text, "event_name", "never"),
    column("recipient_account_id", Kind::Text, "recipient_account_id, else the file's or the caller's account", "none is known"),
    column("aws_region", Kind::Text, "aws_region", "absent"),
    column(
        "principal",
        Kind::Text,
        "the role of a session, else the caller's ARN, else the service, else the user of Identity Center",
        "none is named",
    ),
    column("user_type", Kind::Text, "user_type", "absent"),
    column("user_access_key_id", Kind::Text, "user_access_key_id", "absent"),
    column("session_issuer", Kind::Text, "issuer_arn", "no session of a role or user"),
    column("mfa", Kind::Flag, "session_mfa_authenticated", "not said"),
    column("source_ip_address", Kind::Text, "source_ip_address", "absent"),
    column("user_agent", Kind::Text, "user_agent", "absent"),
    column("error_code", Kind::Text, "error_code", "the call did not fail"),
    column("kind", Kind::Text, "the call: the kind of drift that it makes", "it changes no identity"),
    column("entity", Kind::Text, "the request, else the answer, else the caller: whom it changes", "it changes no identity"),
    column("attribute", Kind::Text, "the request: what of it changes", "it changes no single attribute, or none"),
    column("policy_arn", Kind::Text, "requestParameters.policyArn", "no managed policy is named"),
    column("policy_rank", Kind::Text, "the policy's document when it was attached, else at the end: none, privesc, admin", "not known"),
    column("launch_pattern", Kind::Text, "the way to more rights that a call of another service may be", "it runs nothing under a role"),
    column("launch_role", Kind::Text, "the role or instance profile that such a call names", "none is named"),
    column("role_outranks", Kind::Flag, "the ranks of that role and of the caller", "one is not known"),
    column("request_parameters", Kind::Json, "requestParameters", "absent or null"),
    column("response_elements", Kind::Json, "responseElements", "absent or null"),
    column("object", Kind::Text, "object", "never"),
    column("record_index", Kind::Int, "record_index", "never"),
];

/// The columns of the table `drift`: the fields of an item, and what rules ask of them.
pub const DRIFT_COLUMNS: &[StateColumn] = &[
    column("event_time", Kind::Time, "event_time of the call that did or revealed it", "a snapshot shows it"),
    column("severity", Kind::Text, "kind and risk: critical, high, medium, low, info", "never"),
    column("entity", Kind::Text, "the key of the entity, mostly its ARN", "never"),
    column("entity_type", Kind::Text, "what the entity is: user, role, group, policy, other", "never"),
    column("kind", Kind::Text, "the kind of change", "never"),
    column("attribute", Kind::Text, "the attribute's path", "never"),
    column("before", Kind::Json, "its value before, as JSON", "never"),
    column("after", Kind::Json, "its value after, as JSON", "never"),
    column("risk", Kind::Text, "what it is about", "never"),
    column("actor_arn", Kind::Text, "who did it", "it was inferred"),
    column("event_id", Kind::Text, "the call that did or revealed it", "a snapshot shows it"),
    column("account", Kind::Text, "the account of the entity", "never"),
    column("source_ip", Kind::Text, "source_ip_address of the call", "absent, or inferred"),
    column("user_agent", Kind::Text, "user_agent of the call", "absent, or inferred"),
    column("region", Kind::Text, "aws_region of the call", "inferred"),
    column("actor_type", Kind::Text, "user_type of the call", "inferred"),
    column("session_issuer", Kind::Text, "issuer_arn of the call", "no session, or inferred"),
    column("access_key_id", Kind::Text, "user_access_key_id of the call", "absent, or inferred"),
    column("mfa", Kind::Flag, "session_mfa_authenticated of the call", "not said, or inferred"),
    column("net", Kind::Flag, "whether the attribute ends with another value than it began with", "inferred"),
    column("reverted_by", Kind::Text, "the call that brought the value back", "none did"),
    column("caused_by", Kind::Text, "the call of Identity Center that it follows from", "it follows from none"),
    column("approved_by", Kind::Text, "the approved change that it is", "none"),
    column("near_miss", Kind::Text, "the approved change that it would be with another value or in another number", "none"),
    column("ordering", Kind::Text, "how sure its place among calls of one time is: exact, same_second, reordered", "never"),
    column("certainty", Kind::Text, "of what a snapshot shows: how certain it is that an event is missing", "not shown by a snapshot"),
    column("contradicts", Kind::Text, "of what a snapshot shows: the call that said otherwise", "none, or not shown by a snapshot"),
    column("statements_added", Kind::Int, "statements that only the later document has", "not between known documents"),
    column("statements_removed", Kind::Int, "statements that only the earlier document has", "not between known documents"),
    column("confidence", Kind::Json, "what there is to doubt", "never"),
    column("patterns", Kind::Json, "the ways to more rights that it is part of", "never"),
    column("attack", Kind::Json, "techniques of ATT&CK", "never"),
    column("cis", Kind::Json, "controls of the CIS benchmark", "never"),
    column("gaps", Kind::Json, "gaps of the log in its window", "never"),
    column("evidence", Kind::Json, "where to look it up", "never"),
];

/// The columns of the table `iam_state`.
pub const STATE_COLUMNS: &[StateColumn] = &[
    column("recipient_account_id", Kind::Text, "the account that the entity is in", "never"),
    column("entity", Kind::Text, "its ARN", "never"),
    column("entity_type", Kind::Text, "what it is: root, user, group, role", "never"),
    column("start_rank", Kind::Text, "what it held at the start: none, privesc, admin", "nothing was known of it"),
    column("end_rank", Kind::Text, "what it holds at the end, of users by their groups too: none, privesc, admin", "never"),
    column("console", Kind::Flag, "whether it has a password", "not known"),
    column("mfa_devices", Kind::Int, "its devices that are known", "never"),
    column("start_active_keys", Kind::Int, "its access keys that were active at the start", "nothing was known of it"),
    column("active_keys", Kind::Int, "its access keys that are known and active", "never"),
    column("changes", Kind::Int, "items of drift on it", "never"),
];

/// The calls that replay took, in the order of time, id and place.
///
/// # Shape
/// A row a call of [`CHANGE_COLUMNS`]; calls that failed are there too.
pub fn changes<'r>(events: &'r IamEvents, drift: &'r Drift) -> StateTable<'r> {
    StateTable::new("iam_changes", CHANGE_COLUMNS, |take| {
        let made = ByCall::of(&drift.items)?;
        let mut launches: BTreeMap<&str, &Launch> = BTreeMap::new();
        for launch in &drift.launches {
            // Of two patterns, the one that names a role says more.
            let known = launches.entry(&launch.event_id).or_insert(launch);
            if known.role.is_none() {
                *known = launch;
            }
        }
        for event in events.iter() {
            let event = event?;
            let launch = launches.get(&*event.event_id).copied().filter(|_| is_wanted(&event.event_source, &event.event_name));
            if let Some(row) = change_row(&event, &made.of_call(&event.place), launch, &drift.state) {
                take(row)?;
            }
        }
        Ok(())
    })
}

/// The items of drift, in the order of replay.
///
/// # Shape
/// A row an item of [`DRIFT_COLUMNS`].
pub fn drift(drift: &Drift) -> StateTable<'_> {
    StateTable::new("drift", DRIFT_COLUMNS, |take| drift.items.iter().try_for_each(|item| take(drift_row(&item?))))
}

/// Whoever can hold rights and is there at the end, in the order of account and name.
///
/// # Shape
/// A row an entity of [`STATE_COLUMNS`].
pub fn state(drift: &Drift) -> StateTable<'_> {
    StateTable::new("iam_state", STATE_COLUMNS, |take| {
        let items = ByEntity::of(&drift.items)?;
        let there = drift.state.entities().filter(|(_, entity)| entity.exists() != Some(false) && is_holder(entity.reference.kind));
        let mut entities: Vec<((String, String), EntityId, &Entity)> =
            there.map(|(id, entity)| ((entity.reference.account.to_string(), entity.reference.to_string()), id, entity)).collect();
        entities.sort_by(|left, right| left.0.cmp(&right.0));
        entities.into_iter().try_for_each(|(_, id, entity)| take(state_row(drift, id, entity, &items)))
    })
}

/// A row; `None` for a call that only shows who is there.
fn change_row(event: &IamEvent, made: &Made<'_>, launch: Option<&Launch>, end: &State) -> Option<StateRow> {
    if launch.is_none() && !is_operation(event) {
        return None;
    }
    let change = attempted(event).into_iter().next();
    let entity = made.entity.cloned().or_else(|| match &change.as_ref()?.subject {
        Subject::Named(entity) | Subject::HolderOf { or_else: entity, .. } => Some(entity.to_string().into()),
    });
    let policy_arn = request_text(event, "policyArn");
    let policy_rank = policy_arn.as_deref().and_then(|arn| made.rank.or_else(|| end.policy_rank(arn)));
    let text = |text: &Option<Arc<str>>| Cell::text(text.as_deref());
    let cells = vec![
        Cell::Time(event.event_time),
        Cell::text(Some(&event.event_id)),
        Cell::text(Some(&event.event_source)),
        Cell::text(Some(&event.event_name)),
        Cell::text(Some(&*event.recipient_account_id).filter(|account| !account.is_empty())),
        Cell::text(Some(&*event.aws_region).filter(|region| !region.is_empty())),
        Cell::text(
            event
                .actor
                .session_issuer
                .as_ref()
                .filter(|_| &*event.actor.kind == "AssumedRole")
                .or_else(|| event.actor.name())
                .map(AsRef::as_ref),
        ),
        Cell::text(Some(&*event.actor.kind).filter(|kind| !kind.is_empty())),
        text(&event.actor.access_key_id),
        text(&event.actor.session_issuer),
        flag(event.actor.mfa),
        text(&event.source_ip_address),
        text(&event.user_agent),
        Cell::text(event.error_code.as_deref()),
        Cell::text(change.as_ref().map(|change| change.kind.name())),
        text(&entity),
        Cell::text(made.attribute.map(AsRef::as_ref)),
        Cell::text(policy_arn.as_deref()),
        Cell::text(policy_rank.map(Rank::name)),
        Cell::text(launch.map(|launch| launch.pattern)),
        Cell::text(launch.and_then(|launch| launch.role.as_deref())),
        flag(launch.and_then(|launch| launch.outranks)),
        Cell::text(event.request_parameters.as_deref()),
        Cell::text(event.response_elements.as_deref()),
        Cell::text(Some(&event.place.object)),
        event.place.record_index.map_or(Cell::Null, Cell::count),
    ];
    let evidence = EventPlace {
        object: event.place.object.clone(),
        record_index: event.place.record_index.unwrap_or_default(),
        event_id: Some(event.event_id.clone()),
        time: Some(event.event_time),
    };
    Some(StateRow { cells, evidence: vec![evidence], snapshots: Vec::new() })
}

/// A text among the request parameters, under exactly that name; of a list the first, as fields of rules have it.
fn request_text(event: &IamEvent, name: &str) -> Option<String> {
    let request: Value = serde_json::from_str(event.request_parameters.as_deref()?).ok()?;
    let mut value = request.get(name)?;
    while let Value::Array(list) = value {
        value = list.first()?;
    }
    value.as_str().map(str::to_owned)
}

fn drift_row(item: &Item) -> StateRow {
    let text = |text: &Option<Arc<str>>| Cell::text(text.as_deref());
    let caller = |text: fn(&Caller) -> Option<&str>| Cell::text(item.by.as_deref().and_then(text));
    let missing = item.missing.as_deref();
    let diff = item.statements.as_ref().map(Documents::diff);
    let statements = |count: fn(&StatementDiff) -> usize| {
        diff.as_ref().map_or(Cell::Null, |diff| Cell::count(u64::try_from(count(diff)).unwrap_or(u64::MAX)))
    };
    let cells = vec![
        Cell::time(item.event_time),
        Cell::text(Some(item.severity.name())),
        Cell::text(Some(&item.entity)),
        Cell::text(Some(EntityRef::from_arn(&item.entity).map_or("other", |entity| type_name(entity.kind)))),
        Cell::text(Some(item.kind.name())),
        Cell::text(Some(&item.attribute)),
        Cell::Text(item.before.to_string()),
        Cell::Text(item.after.to_string()),
        Cell::text(Some(item.risk.name())),
        caller(|by| by.actor_arn.as_deref()),
        text(&item.event_id),
        Cell::text(Some(&item.account)),
        caller(|by| by.source_ip.as_deref()),
        caller(|by| by.user_agent.as_deref()),
        caller(|by| by.region.as_deref()),
        caller(|by| by.actor_type.as_deref()),
        caller(|by| by.session_issuer.as_deref()),
        caller(|by| by.access_key_id.as_deref()),
        flag(item.by.as_ref().and_then(|by| by.mfa)),
        flag(item.net),
        text(&item.reverted_by),
        text(&item.caused_by),
        text(&item.approved_by),
        text(&item.near_miss),
        word(&item.order),
        missing.and_then(|missing| missing.certainty).as_ref().map_or(Cell::Null, word),
        Cell::text(missing.and_then(|missing| missing.contradicts.as_deref())),
        statements(|diff| diff.added.len()),
        statements(|diff| diff.removed.len()),
        json(&item.confidence),
        json(&item.patterns),
        json(&item.attack()),
        json(&item.kind.cis()),
        json(&missing.map(|missing| &*missing.gaps).unwrap_or_default()),
        json(&item.evidence),
    ];
    StateRow { cells, evidence: evidence(places(item)), snapshots: item.evidence.iter().filter_map(snapshot).collect() }
}

fn state_row(drift: &Drift, id: EntityId, entity: &Entity, items: &ByEntity) -> StateRow {
    let Drift { start, state: end, .. } = drift;
    let reference = &entity.reference;
    let own = items.of_entity(reference);
    let before = entity.unique_id.as_deref().and_then(|id| start.find_unique(id)).or_else(|| start.find(reference));
    let start_rank = before.map(|id| start.rank(id)).or_else(|| own.was_made.then_some(Rank::None));
    let start_keys = before.and_then(|id| start.entity(id)).map(active_keys).or_else(|| own.was_made.then_some(0));
    let groups = if reference.kind == EntityKind::User { end.groups_of(reference).collect() } else { Vec::new() };
    let member = Attribute::keyed(Field::Member, &reference.name).to_string();
    let by_groups = groups.into_iter().filter_map(|group| end.entity(group)).flat_map(|group| &items.of_entity(&group.reference).grants);
    // Another one's membership is no reason for the rank of this one.
    let by_groups = by_groups.filter(|grant| !grant.attribute.starts_with("members[") || *grant.attribute == *member);
    let grants = own.grants.iter().chain(by_groups);
    let cells = vec![
        Cell::text(Some(&reference.account)),
        Cell::Text(reference.to_string()),
        Cell::text(Some(type_name(reference.kind))),
        Cell::text(start_rank.map(Rank::name)),
        Cell::text(Some(end.rank(id).name())),
        flag(entity.value(&Attribute::plain(Field::LoginProfile)).presence()),
        Cell::count(u64::try_from(entity.keys(Field::MfaDevice).count()).unwrap_or(u64::MAX)),
        start_keys.map_or(Cell::Null, Cell::count),
        Cell::count(active_keys(entity)),
        Cell::count(own.items),
    ];
    StateRow { cells, evidence: evidence(grants.flat_map(|grant| grant.places.iter().cloned())), snapshots: Vec::new() }
}

fn active_keys(entity: &Entity) -> u64 {
    let active = entity.keys(Field::AccessKey).filter(|(_, value)| value.as_text() == Some("Active"));
    u64::try_from(active.count()).unwrap_or(u64::MAX)
}

const fn is_holder(kind: EntityKind) -> bool {
    matches!(kind, EntityKind::Root | EntityKind::User | EntityKind::Group | EntityKind::Role)
}

const fn type_name(kind: EntityKind) -> &'static str {
    match kind {
        EntityKind::Root => "root",
        EntityKind::User => "user",
        EntityKind::Group => "group",
        EntityKind::Role => "role",
        EntityKind::Policy => "policy",
        _ => "other",
    }
}

/// The records that an item rests on.
fn places(item: &Item) -> impl Iterator<Item = EventPlace> + '_ {
    item.evidence.iter().filter_map(|evidence| match evidence {
        Evidence::Record { object, record_index, event_id } => Some(EventPlace {
            object: object.clone(),
            record_index: record_index.unwrap_or_default(),
            event_id: Some(event_id.clone()),
            time: item.event_time,
        }),
        Evidence::Snapshot { .. } => None,
    })
}

fn snapshot(evidence: &Evidence) -> Option<SnapshotPlace> {
    match evidence {
        Evidence::Snapshot { file, pointer } => Some(SnapshotPlace { file: file.to_string(), pointer: pointer.to_string() }),
        Evidence::Record { .. } => None,
    }
}

fn flag(flag: Option<bool>) -> Cell {
    flag.map_or(Cell::Null, Cell::Flag)
}

fn json(value: &impl Serialize) -> Cell {
    serde_json::to_string(value).map_or(Cell::Null, Cell::Text)
}

/// The word that a value without fields is written as.
fn word(value: &impl Serialize) -> Cell {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => Cell::Text(word),
        _ => Cell::Null,
    }
}
