//! Lifetimes, names, coverage and ranks.

use super::*;
use crate::iam::policy::Rank;

fn time(text: &str) -> EventTime {
    EventTime::parse(text).expect("a time")
}

fn held(value: Value) -> Held {
    Held { value, since: None, provenance: Provenance::Event, event_id: None }
}

fn user(name: &str) -> EntityRef {
    EntityRef::named(EntityKind::User, "aws", "111122223333", name)
}

fn group(name: &str) -> EntityRef {
    EntityRef::named(EntityKind::Group, "aws", "111122223333", name)
}

#[test]
fn what_was_not_seen_is_absent_only_where_it_is_covered() {
    let mut state = State::default();
    let policy = Attribute::keyed(Field::InlinePolicy, "p");
    assert_eq!(state.existence(&user("bob")), Value::Unknown);
    let bob = state.meet(&user("bob"), held(Value::Present));
    assert_eq!(state.value(bob, &policy), Value::Unknown);
    let carol = state.begin(&user("carol"), None, Covered::All, held(Value::Present));
    assert_eq!(state.value(carol, &policy), Value::Absent);
    let fields = Arc::new(BTreeSet::from([Field::InlinePolicy]));
    let dave = state.begin(&user("dave"), None, Covered::Fields(fields), held(Value::Present));
    assert_eq!((state.value(dave, &policy), state.value(dave, &Attribute::plain(Field::LoginProfile))), (Value::Absent, Value::Unknown));
    state.complete("111122223333", EntityKind::User);
    assert_eq!(state.existence(&user("erin")), Value::Absent);
    assert_eq!(state.existence(&group("erin")), Value::Unknown);
}

#[test]
fn memberships_follow_a_rename_and_the_old_name_lives_for_a_moment() {
    let mut state = State::default();
    let bob = state.meet(&user("Bob"), held(Value::Present));
    let admins = state.meet(&group("admins"), held(Value::Present));
    state.set(admins, &Attribute::keyed(Field::Member, "Bob"), held(Value::Present));
    state.set(admins, &Attribute::keyed(Field::AttachedPolicy, "arn:aws:iam::aws:policy/AdministratorAccess"), held(Value::Present));
    assert_eq!(state.rank(bob), Rank::Admin);
    state.rename(bob, Some(&"rob".into()), None, time("2026-03-02T10:00:00Z"));
    assert_eq!((state.find(&user("bob")), state.find(&user("ROB"))), (None, Some(bob)));
    assert_eq!(state.find_former(&user("bob").key(), time("2026-03-02T10:00:05Z")), Some(bob));
    assert_eq!(state.find_former(&user("bob").key(), time("2026-03-02T10:00:06Z")), None);
    assert_eq!(state.rank(bob), Rank::Admin);
    let members: Vec<String> = state.entity(admins).expect("it").keys(Field::Member).map(|(member, _)| member.to_string()).collect();
    assert_eq!(members, ["members[rob]"]);
    for name in ["rob", "Rob"] {
        state.rename(bob, Some(&name.into()), None, time("2026-03-02T11:00:00Z"));
        assert_eq!((state.rank(bob), state.find(&user("rob"))), (Rank::Admin, Some(bob)), "{name}");
    }
}

#[test]
fn a_credential_is_found_without_its_holder() {
    let mut state = State::default();
    let bob = state.meet(&user("bob"), held(Value::Present));
    let key = Attribute::keyed(Field::AccessKey, "AKIAEXAMPLE");
    state.set(bob, &key, held(Value::text("Active")));
    assert_eq!(state.holder("111122223333", &key), Some(bob));
    assert_eq!(state.holder("444455556666", &key), None);
}

#[test]
fn an_entity_holds_a_bounded_number_of_attributes() {
    let mut state = State::default();
    let bob = state.begin(&user("bob"), None, Covered::All, held(Value::Present));
    for number in 0..entity::MAX_ATTRIBUTES + 10 {
        state.set(bob, &Attribute::keyed(Field::Tag, &number.to_string()), held(Value::Present));
    }
    let bob = state.entity(bob).expect("it");
    assert_eq!(bob.attributes().count(), entity::MAX_ATTRIBUTES);
    assert_eq!(bob.value(&Attribute::keyed(Field::Tag, "never")), Value::Unknown);
}

#[test]
fn ranks_of_policies() {
    let mut state = State::default();
    assert_eq!(state.policy_rank("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"), Some(Rank::None));
    assert_eq!(state.policy_rank("arn:aws:iam::aws:policy/IAMFullAccess"), Some(Rank::Privesc));
    let arn = "arn:aws:iam::111122223333:policy/full";
    assert_eq!(state.policy_rank(arn), None);
    let full = state.meet(&EntityRef::from_arn(arn).expect("an ARN"), held(Value::Present));
    let text = r#"{"Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/Team":"x"}}}]}"#;
    state.set(full, &Attribute::plain(Field::DefaultDocument), held(Value::document(Some(text))));
    assert_eq!(state.policy_rank(arn), Some(Rank::Admin));
    assert!(state.asks_for_tag("team") && !state.asks_for_tag("tea"));
}
