//! The life of one entity: what was done to it, what it did, and where others named it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::super::text::{count, number};
use super::notes::notes;
use super::words::{key, mark, sentence};
use crate::error::Error;
use crate::iam::drift::{Documents, Item, Items};
use crate::iam::entity::EntityRef;
use crate::iam::event::IamEvent;
use crate::iam::events::IamEvents;
use crate::iam::kind::Kind;
use crate::time::EventTime;

/// One line of a life. Texts of the log stand in it as they are: whoever shows it escapes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    /// When.
    pub time: Option<EventTime>,
    /// What part the entity has in it.
    pub part: Part,
    /// `+`, `-`, `~` or `!` of an item; `>` of calls that changed nothing.
    pub mark: &'static str,
    /// What happened.
    pub text: String,
    /// What has to be said beside it.
    pub notes: Vec<String>,
    /// The item; `None` of calls that changed nothing.
    pub item: Option<Item>,
    /// The first event.
    pub event_id: Option<Arc<str>>,
    /// How many calls it stands for.
    pub calls: u64,
    /// The time of the last of them.
    pub until: Option<EventTime>,
}

/// What part an entity has in what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// It was changed.
    Changed,
    /// It changed something.
    Acted,
    /// It is named in the change of something else.
    Named,
    /// It called something that changed nothing.
    Called,
}

impl Part {
    /// The word that JSON has.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Acted => "acted",
            Self::Named => "named",
            Self::Called => "called",
        }
    }
}

impl Moment {
    /// The line as JSON; an item has its own form beside it.
    pub fn to_json(&self) -> Json {
        json!({
            "event_time": self.time.map(|time| time.to_string()),
            "until": self.until.map(|time| time.to_string()),
            "part": self.part.name(),
            "text": self.text,
            "notes": self.notes,
            "event_id": self.event_id,
            "calls": self.calls,
            "item": self.item,
        })
    }
}

/// The life of an entity, by its ARN or printed key, in the order of time: all items that have to do with it, and its calls
/// among the events that changed nothing, of which those that follow on each other with one name are one line.
/// A user or group that was renamed is followed back and forth. What a use by a snapshot has no time comes last.
///
/// # Errors
/// Those of reading items and events.
pub fn life(items: &Items, events: &IamEvents, entity: &str) -> Result<Vec<Moment>, Error> {
    let names = Names::of(items, entity)?;
    let mut moments = Vec::new();
    for (place, item) in items.iter().enumerate() {
        let item = item?;
        moments.extend(names.part(place, &item).map(|part| moment(item, part)));
    }
    moments.extend(calls(events, &moments, &names)?);
    moments.sort_by_key(|moment| (moment.time.is_none(), moment.time));
    Ok(moments)
}

fn moment(item: Item, part: Part) -> Moment {
    Moment {
        time: item.event_time,
        part,
        mark: mark(&item),
        text: sentence(&item),
        notes: notes(&item),
        event_id: item.event_id.clone(),
        calls: 1,
        until: item.event_time,
        item: Some(item),
    }
}

/// The names that an entity had.
struct Names {
    /// What was asked for, and what it became: each from the item at that place on.
    later: Vec<(String, usize)>,
    /// What it was before it was renamed by the item at that place.
    former: Vec<(String, usize)>,
}

impl Names {
    fn of(items: &Items, entity: &str) -> Result<Self, Error> {
        let mut names = Self { later: vec![(entity.to_owned(), 0)], former: Vec::new() };
        let mut renames = Vec::new();
        for (place, item) in items.iter().enumerate() {
            let item = item?;
            renames.extend(former_name(&item).map(|former| (place, item.entity, former)));
        }
        let mut now = entity.to_owned();
        for (place, renamed, former) in &renames {
            if same(former, &now) {
                now = renamed.to_string();
                names.later.push((now.clone(), *place));
            }
        }
        let mut then = entity.to_owned();
        for (place, renamed, former) in renames.iter().rev() {
            if same(renamed, &then) {
                then.clone_from(former);
                names.former.push((then.clone(), *place));
            }
        }
        Ok(names)
    }

    /// Whether a name was the entity's at that place.
    fn has(&self, name: &str, place: usize) -> bool {
        self.later.iter().any(|(known, since)| *since <= place && same(known, name))
            || self.former.iter().any(|(known, until)| place < *until && same(known, name))
    }

    fn part(&self, place: usize, item: &Item) -> Option<Part> {
        let has = |name: &str| self.has(name, place);
        let is_any = |names: &[Option<&str>]| names.iter().flatten().any(|name| has(name));
        if has(&item.entity) {
            Some(Part::Changed)
        } else if is_any(&[item.actor_arn().map(AsRef::as_ref), item.by.as_ref().and_then(|by| by.session_issuer.as_deref())]) {
            Some(Part::Acted)
        } else {
            self.named(place, item).then_some(Part::Named)
        }
    }

    /// Whether an item of something else names it: by its ARN, or by its name within the account where AWS does so.
    fn named(&self, place: usize, item: &Item) -> bool {
        let by_name = match item.kind {
            Kind::GroupMemberAdded | Kind::GroupMemberRemoved => Some(("user", key(&item.attribute))),
            Kind::InstanceProfileRoleAdded => item.after.as_str().map(|role| ("role", role)),
            Kind::InstanceProfileRoleRemoved => item.before.as_str().map(|role| ("role", role)),
            _ => None,
        };
        if let Some((kind, name)) = by_name {
            let known = self.later.iter().chain(&self.former).map(|(known, _)| known);
            return known.filter(|known| self.has(known, place)).any(|known| is_called(known, &item.account, kind, name));
        }
        let statements = || item.statements.as_ref().map(Documents::diff).into_iter().flat_map(|diff| [diff.removed, diff.added].concat());
        self.has(key(&item.attribute), place)
            || [&item.before, &item.after].into_iter().filter_map(|value| value.as_str()).any(|value| self.has(value, place))
            || statements().any(|statement| self.is_in(&statement, place))
    }

    fn is_in(&self, value: &Json, place: usize) -> bool {
        match value {
            Json::String(text) => self.has(text, place),
            Json::Array(values) => values.iter().any(|value| self.is_in(value, place)),
            Json::Object(values) => values.values().any(|value| self.is_in(value, place)),
            _ => false,
        }
    }
}

/// What an entity was called before a rename or move.
fn former_name(item: &Item) -> Option<String> {
    let before = item.before.as_str()?;
    let mut reference = EntityRef::from_arn(&item.entity)?;
    match (item.kind, &*item.attribute) {
        (Kind::UserRenamed | Kind::GroupRenamed | Kind::ServerCertRenamed, "name") => reference.name = before.into(),
        (Kind::UserRenamed | Kind::UserPathChanged | Kind::GroupRenamed | Kind::ServerCertRenamed, "path") => {
            reference.path = Some(before.into());
        }
        _ => return None,
    }
    Some(reference.to_string())
}

/// Whether an ARN is that of a user or role of an account with that name, on whatever path.
fn is_called(arn: &str, account: &str, kind: &str, name: &str) -> bool {
    let start = format!(":iam::{account}:{kind}/");
    arn.split_once(&start).is_some_and(|(_, rest)| same(rest.rsplit('/').next().unwrap_or(rest), name))
}

/// Names compare without regard to case.
fn same(left: &str, right: &str) -> bool {
    left.eq_ignore_ascii_case(right)
}

/// The calls of an entity that no item tells of, in the order of time.
fn calls(events: &IamEvents, told: &[Moment], names: &Names) -> Result<Vec<Moment>, Error> {
    let told: BTreeSet<&str> = told.iter().filter_map(|moment| moment.event_id.as_deref()).collect();
    // Without items in between, a name is the entity's if it ever was.
    let ever = |name: &str| names.later.iter().chain(&names.former).any(|(known, _)| same(known, name));
    let is_its = |event: &IamEvent| {
        [&event.actor.arn, &event.actor.session_issuer].into_iter().flatten().any(|name| ever(name)) && !told.contains(&*event.event_id)
    };
    let own: Vec<IamEvent> = events.iter().filter(|event| event.as_ref().is_ok_and(is_its) || event.is_err()).collect::<Result<_, _>>()?;
    let alike = |left: &IamEvent, right: &IamEvent| {
        (&left.event_source, &left.event_name, &left.error_code) == (&right.event_source, &right.event_name, &right.error_code)
    };
    Ok(own.chunk_by(alike).filter_map(called).collect())
}

fn called(run: &[IamEvent]) -> Option<Moment> {
    let (first, last) = (run.first()?, run.last()?);
    let calls = number(run.len());
    let times = if calls == 1 { String::new() } else { format!(", {}", count(calls, "time")) };
    let failed = first.error_code.as_deref().filter(|code| !code.is_empty()).map_or_else(String::new, |code| format!(", refused: {code}"));
    Some(Moment {
        time: Some(first.event_time),
        part: Part::Called,
        mark: ">",
        text: format!("called {} of {}{times}{failed}", first.event_name, first.event_source),
        notes: Vec::new(),
        item: None,
        event_id: Some(first.event_id.clone()),
        calls,
        until: Some(last.event_time),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::tests::made;
    use super::*;
    use crate::iam::drift::Caller;
    use crate::iam::event::Actor;
    use crate::problem::Place;

    const BOB: &str = "arn:aws:iam::111122223333:user/bob";

    fn lines(items: &[Item], events: &[IamEvent], entity: &str) -> String {
        let line = |moment: &Moment| {
            format!(
                "{} {} {} {}",
                moment.time.map(|time| time.to_string()).unwrap_or_default(),
                moment.part.name(),
                moment.mark,
                moment.text
            )
        };
        life(&Items::of(items.to_vec()).expect("they are kept"), &kept(events), entity)
            .expect("events are read")
            .iter()
            .map(line)
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn kept(events: &[IamEvent]) -> IamEvents {
        IamEvents::of(events.iter().cloned()).expect("they fit in memory")
    }

    fn at(mut item: Item, time: &str, entity: &str) -> Item {
        item.event_time = EventTime::parse(&format!("2026-03-02T{time}Z"));
        item.event_id = Some(format!("{}-{time}", item.kind.name()).into());
        item.entity = entity.into();
        item
    }

    fn event(time: &str, name: &str, arn: &str) -> IamEvent {
        IamEvent {
            event_id: format!("{name}-{time}").into(),
            event_source: "iam.amazonaws.com".into(),
            event_name: name.into(),
            event_time: EventTime::parse(&format!("2026-03-02T{time}Z")).expect("a time"),
            recipient_account_id: "111122223333".into(),
            aws_region: "us-east-1".into(),
            source_ip_address: None,
            user_agent: None,
            error_code: (name == "ListUsers").then(|| "AccessDenied".to_owned()),
            request_parameters: None,
            response_elements: None,
            mfa_used: None,
            actor: Arc::new(Actor { arn: Some(arn.into()), ..Actor::default() }),
            place: Place { object: Arc::from("a.json"), record_index: None, offset: None },
        }
    }

    #[test]
    fn a_life_is_what_was_done_to_it_what_it_did_and_where_it_was_named() {
        let group = "arn:aws:iam::111122223333:group/crew";
        let mut acted = at(
            made(Kind::AccessKeyCreated, "access_keys[AKIA].status", json!(null), json!("Active")),
            "12:00:00",
            "arn:aws:iam::111122223333:user/eve",
        );
        acted.by = Some(Arc::new(Caller { actor_arn: Some(BOB.into()), ..Caller::default() }));
        let trust = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": [BOB]}, "Action": ["sts:AssumeRole"]}]});
        let items = [
            at(made(Kind::UserCreated, "exists", json!(false), json!(true)), "10:00:00", BOB),
            at(made(Kind::GroupMemberAdded, "members[Bob]", json!(false), json!(true)), "11:00:00", group),
            at(made(Kind::GroupMemberAdded, "members[bobby]", json!(false), json!(true)), "11:00:01", group),
            acted,
            at(made(Kind::RoleTrustChanged, "trust_policy", json!(null), trust), "13:00:00", "arn:aws:iam::111122223333:role/r"),
            at(made(Kind::UserCreated, "exists", json!(false), json!(true)), "14:00:00", "arn:aws:iam::111122223333:user/other"),
        ];
        let events = [
            event("12:30:02", "ListUsers", BOB),
            event("12:30:00", "ListUsers", BOB),
            event("12:31:00", "GetUser", BOB),
            event("12:30:00", "GetUser", group),
        ];
        insta::assert_snapshot!(lines(&items, &events, BOB), @"
        2026-03-02T10:00:00Z changed + user/mallory created user/bob
        2026-03-02T11:00:00Z named + user/mallory added member Bob to group/crew
        2026-03-02T12:00:00Z acted + user/bob created access key AKIA for user/eve
        2026-03-02T12:30:00Z called > called ListUsers of iam.amazonaws.com, 2 times, refused: AccessDenied
        2026-03-02T12:31:00Z called > called GetUser of iam.amazonaws.com
        2026-03-02T13:00:00Z named + user/mallory gave a trust policy to role/r: it lets in arn:aws:iam::111122223333:user/bob
        ");
        assert_eq!(lines(&items, &events, "arn:aws:iam::111122223333:user/nobody"), "");
    }

    #[test]
    fn renames_are_followed_both_ways_and_a_name_that_was_left_is_somebody_elses() {
        let named = |name: &str| format!("arn:aws:iam::111122223333:user/{name}");
        let items = [
            at(made(Kind::UserCreated, "exists", json!(false), json!(true)), "10:00:00", &named("old")),
            at(made(Kind::UserRenamed, "name", json!("old"), json!("mid")), "11:00:00", &named("mid")),
            at(made(Kind::UserCreated, "exists", json!(false), json!(true)), "11:30:00", &named("old")),
            at(made(Kind::UserRenamed, "name", json!("mid"), json!("new")), "12:00:00", &named("new")),
            at(made(Kind::TagChanged, "tags[a]", json!(null), json!("b")), "13:00:00", &named("new")),
        ];
        let times = |name: &str| {
            let life =
                life(&Items::of(items.to_vec()).expect("they are kept"), &kept(&[]), &named(name)).expect("there are no events to read");
            let hour = |moment: &Moment| moment.time.map(|time| time.to_string().get(11..13).unwrap_or_default().to_owned());
            life.iter().map(|moment| hour(moment).unwrap_or_default() + moment.mark).collect::<Vec<_>>()
        };
        assert_eq!(times("new"), ["10+", "11~", "12~", "13+"]);
        assert_eq!(times("old"), ["10+", "11~", "11+", "12~", "13+"]);
    }

    #[test]
    fn json_has_the_item_beside_the_words() {
        let items = [at(made(Kind::UserCreated, "exists", json!(false), json!(true)), "10:00:00", BOB)];
        let json = life(&Items::of(items.to_vec()).expect("they are kept"), &kept(&[]), BOB)
            .expect("there are no events to read")
            .first()
            .map(Moment::to_json)
            .expect("a moment");
        assert_eq!((&json["part"], &json["text"]), (&json!("changed"), &json!("user/mallory created user/bob")));
        assert_eq!(json["item"]["kind"], json!("user_created"));
    }
}
