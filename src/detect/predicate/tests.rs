//! Texts that are read or refused, and what is selected against the plain definition.

use std::collections::BTreeMap;

use polars::prelude::{Column as Series, DataFrame};
use proptest::prelude::*;

use super::super::hits::Rows;
use super::super::select::Selector;
use super::*;
use crate::frame::CodedTexts;

fn scope() -> Scope {
    let path = |text| FieldPath::parse(text).expect("a path");
    Scope {
        fields: BTreeMap::from([
            ("user".to_owned(), path("requestParameters.userName")),
            ("length".to_owned(), path("requestParameters.minimumPasswordLength")),
        ]),
        params: BTreeMap::from([("name".to_owned(), Literal::Text("it's".to_owned())), ("many".to_owned(), Literal::Int(12))]),
        lists: BTreeMap::from([
            ("office".to_owned(), vec!["198.51.100.0/24".to_owned()]),
            ("people".to_owned(), vec!["a".to_owned(), "b".to_owned()]),
        ]),
        ..Scope::default()
    }
}

fn read(text: &str) -> Predicate {
    Predicate::parse(text, &scope()).unwrap_or_else(|reason| panic!("{text}: {reason}"))
}

fn refused(text: &str) -> String {
    Predicate::parse(text, &scope()).map(|predicate| format!("read as {predicate:?}")).expect_err(text)
}

#[test]
fn what_is_read() {
    let name = || Operand::Column(Column::EventName);
    let text = |text: &str| Literal::Text(text.to_owned());
    assert_eq!(read("ok"), Predicate::Flag(Operand::Column(Column::Ok)));
    assert_eq!(read("((true))"), Predicate::Const(true));
    assert_eq!(read("event_name = 'it''s \\'"), Predicate::Compare(name(), Comparison::Equal, Operand::Literal(text("it's \\"))));
    assert_eq!(read("event_name = :name"), Predicate::Compare(name(), Comparison::Equal, Operand::Literal(text("it's"))));
    assert_eq!(read("event_name in ('a', :name)"), Predicate::Among(name(), Literals::from_iter([text("a"), text("it's")])));
    assert_eq!(read("event_name not like 'Get%'"), Predicate::Not(Box::new(Predicate::Like(name(), Pattern::new("Get%".to_owned())))));
    assert_eq!(read("in_list(event_name, :people)"), Predicate::Among(name(), Literals::from_iter([text("a"), text("b")])));
    assert!(matches!(read("ok and ok and (ok or ok) and ok"), Predicate::All(parts) if parts.len() == 4));
    assert_eq!(read("event_time is null"), Predicate::Null(Operand::Column(Column::EventTime)));
    assert_eq!(read("event_epoch between 1 and :many").columns(), BTreeSet::from([Column::EventEpoch]));
    assert!(matches!(read("in_network(source_ip_address, :office)"), Predicate::Any(parts) if parts.len() == 1));
    assert_eq!(read("case when ok then 'a' else null end = 'a'").columns(), BTreeSet::from([Column::Ok]));
    assert_eq!(read("ok = (event_name = 'x')").columns(), BTreeSet::from([Column::Ok, Column::EventName]));
}

#[test]
fn distinct_from_binds_tighter_than_and() {
    let (a, b) = (|| Operand::Column(Column::EventName), || Operand::Column(Column::ErrorCode));
    let flag = || Predicate::Flag(Operand::Column(Column::Ok));
    let distinct = || Predicate::Not(Box::new(Predicate::Same(a(), b())));
    let text = "event_name is distinct from error_code";
    assert_eq!(read(&format!("{text} and ok")), Predicate::All(vec![distinct(), flag()]));
    assert_eq!(read(&format!("ok and {text} or ok")), Predicate::Any(vec![Predicate::All(vec![flag(), distinct()]), flag()]));
    assert_eq!(read(&format!("not {text} and ok")), Predicate::All(vec![Predicate::Not(Box::new(distinct())), flag()]));
    assert_eq!(read("event_name is not distinct from error_code or ok"), Predicate::Any(vec![Predicate::Same(a(), b()), flag()]));
    assert!(matches!(read("event_epoch is distinct from record_index + 1 and ok"), Predicate::All(_)));
}

#[test]
fn every_column_is_a_plain_name() {
    for column in Column::ALL {
        assert!(is_plain_name(column.name()), "{column}");
    }
    assert!(is_plain_name("user"));
    for name in ["not", "null", "true", "a b", "a.b", "\"a\""] {
        assert!(!is_plain_name(name), "{name}");
    }
}

#[test]
fn fields_beside_integers_are_integers() {
    let integers = |text| {
        let mut fields = BTreeSet::new();
        let predicate = read(text);
        predicate.visit(&mut |operand| {
            if let Operand::FieldAsInt(name) = operand {
                fields.insert(name.clone());
            }
        });
        fields.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(integers("length < 14"), ["length"]);
    assert_eq!(integers("coalesce(length, 6) < user"), ["length", "user"]);
    assert_eq!(integers("length + 1 = 2 and user = 'x'"), ["length"]);
    assert_eq!(integers("length in (1, 2)"), ["length"]);
    assert_eq!(integers("case when ok then length end > :many"), ["length"]);
    assert_eq!(integers("length = '14'"), [""; 0]);
}

#[test]
fn what_is_refused() {
    insta::assert_snapshot!(refused("event_nme = 'x'"), @"no column or field `event_nme`: did you mean `event_name`?");
    insta::assert_snapshot!(refused("event_name = \"x\""), @r#""x" is a name in double quotes: text stands in single quotes"#);
    insta::assert_snapshot!(refused("event_name = 5"), @"`event_name` is text, but `5` is an integer");
    insta::assert_snapshot!(refused("event_name"), @"`event_name` is text where a condition is needed: compare it with something");
    insta::assert_snapshot!(refused("user = true"), @"`user` is a field, so text, and `true` a flag: compare with 'true' or 'false'");
    insta::assert_snapshot!(refused("event_name = null"), @"`null` stands only after `is` or `is not`: nothing equals it");
    insta::assert_snapshot!(refused("event_time > '2026-01-01'"), @"`event_time` is a time or a list, but `'2026-01-01'` is text");
    insta::assert_snapshot!(refused("event_time = event_time"), @"`event_time` is a time or a list: only `is null` can be asked of it; times are compared as `event_epoch`, in seconds");
    insta::assert_snapshot!(refused("ok event_name"), @"the condition ends before `event_name`: join conditions with `and` or `or`");
    insta::assert_snapshot!(refused("ok or"), @"the condition is not SQL: expected an expression, found EOF");
    insta::assert_snapshot!(refused(" "), @"the condition is empty: write `true` to match every event");
    insta::assert_snapshot!(refused("event_name ilike 'get%'"), @"`event_name ILIKE 'get%'` is not part of a rule's language: use `lower(column) like 'pattern in lower case'`");
    insta::assert_snapshot!(refused("requestParameters.userName = 'x'"), @"`requestParameters.userName` cannot be named here: give a nested value a name of its own, `fields: {name: requestParameters.userName}`");
    insta::assert_snapshot!(refused("event_name in (select event_name from events)"), @"`event_name IN (SELECT event_name FROM events)` is not part of a rule's language: a condition sees one event: use a rule of another kind");
    insta::assert_snapshot!(refused("event_name = :nme"), @"no parameter `nme`: did you mean `name`?");
    insta::assert_snapshot!(refused("event_name = :people"), @"`:people` is a list: use `in_list(column, :people)` or `in_network(source_ip_address, :people)`");
    insta::assert_snapshot!(refused("in_network(event_name, :office)"), @"`in_network(event_name, :office)`: only source_ip_address can be looked up in networks");
    insta::assert_snapshot!(refused("in_list(event_name, 'x')"), @"`in_list(event_name, 'x')`: write `in_list(column, :list)`, with the list under `lists`");
    insta::assert_snapshot!(refused("length(event_name) > 3"), @"`length(event_name)` is not part of a rule's language: the functions are lower, coalesce, in_list and in_network");
    insta::assert_snapshot!(refused("event_name like user"), @"`user` after `like` has to be a text or a parameter that is one");
    insta::assert_snapshot!(refused("event_epoch = 1.5"), @"`1.5` is not a whole number of 64 bits");
    insta::assert_snapshot!(refused("lower(event_epoch) = '1'"), @"`event_epoch` is an integer: lower() works on text");
    insta::assert_snapshot!(refused("ok is true"), @"`ok IS TRUE` is not part of a rule's language: write the flag itself, `not` before it, or `coalesce(flag, false)`");
    insta::assert_snapshot!(refused("1 = 1"), @"`1` and `1` are both fixed: compare a column or a field");
    for text in [
        "lower(distinct event_name) = 'x'",
        "event_name like 'a' escape '!'",
        "event_name ~ 'x'",
        "event_name = b'x'",
        "event_name = $1",
        "ok; ok",
        "count(*) > 1",
        "lower(event_name) over () = 'x'",
    ] {
        refused(text);
    }
    refused(&format!("{}ok{}", "(".repeat(200), ")".repeat(200)));
    refused(&format!("not {}", "not ".repeat(100)));
    assert!(refused(&format!("ok{}", " or ok".repeat(6_000))).contains("bytes"));
    read(&format!("ok{}", " or ok".repeat(5_000)));
}

#[test]
fn bounds_leave_fields_out() {
    let weak = |text| read(text).weaken();
    assert_eq!(weak("event_name = 'a' and user = 'x'"), read("event_name = 'a'"));
    assert_eq!(weak("event_name = 'a' or user = 'x'"), Predicate::Const(true));
    assert_eq!(weak("not (event_name = 'a' or user = 'x')"), read("not event_name = 'a'"));
    assert_eq!(weak("not (event_name = 'a' and user = 'x')"), Predicate::Const(true));
    assert_eq!(weak("user is null"), Predicate::Const(true));
}

#[test]
fn what_can_never_be() {
    let never = |text| read(text).never(&BTreeSet::from(["user"]));
    insta::assert_snapshot!(never("event_name = 'a' and ok and event_name in ('b', 'c')").expect("a reason"), @"`event_name` would have to be two values at once");
    insta::assert_snapshot!(never("ok and lower(user) = 'x'").expect("a reason"), @"no CloudTrail record has the field `user`");
    assert!(never("(ok and user is not null) or user like 'x%'").is_some());
    for text in
        ["event_name = 'a' or event_name = 'b'", "user is null", "user = 'x' or ok", "event_name in ('a', 'b') and event_name = 'b'"]
    {
        assert_eq!(never(text), None, "{text}");
    }
}

const TEXTS: [Column; 2] = [Column::EventName, Column::ErrorCode];
const INTS: [Column; 2] = [Column::EventEpoch, Column::RecordIndex];
const FLAGS: [Column; 2] = [Column::Ok, Column::Write];
const FIELDS: [&str; 2] = ["user", "length"];

fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        Just("a".to_owned()),
        Just("A".to_owned()),
        Just("ab".to_owned()),
        Just("é.*\n".to_owned()),
        Just("É".to_owned()),
        Just("12".to_owned()),
        Just("-3".to_owned()),
        Just("12.0".to_owned()),
        Just("x%_y".to_owned()),
    ]
}

fn literal_text() -> impl Strategy<Value = Operand> {
    texts().prop_map(|text| Operand::Literal(Literal::Text(text)))
}

fn text_operand() -> impl Strategy<Value = Operand> {
    let leaf = prop_oneof![
        proptest::sample::select(TEXTS.to_vec()).prop_map(Operand::Column),
        proptest::sample::select(FIELDS.to_vec()).prop_map(|name| Operand::Field(name.to_owned())),
        literal_text(),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|text| Operand::Lower(Box::new(text))),
            proptest::collection::vec(inner.clone(), 1..3).prop_map(Operand::Coalesce),
            (inner.clone(), proptest::option::of(inner)).prop_map(|(value, otherwise)| {
                Operand::Case(vec![(Predicate::Flag(Operand::Column(Column::Ok)), value)], otherwise.map(Box::new))
            }),
        ]
    })
}

fn int_operand() -> impl Strategy<Value = Operand> {
    let leaf = prop_oneof![
        proptest::sample::select(INTS.to_vec()).prop_map(Operand::Column),
        proptest::sample::select(FIELDS.to_vec()).prop_map(|name| Operand::FieldAsInt(name.to_owned())),
        (-3_i64..15).prop_map(|number| Operand::Literal(Literal::Int(number))),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        let sign = proptest::sample::select(vec![Arithmetic::Plus, Arithmetic::Minus, Arithmetic::Times]);
        prop_oneof![
            (inner.clone(), sign, inner.clone()).prop_map(|(left, sign, right)| Operand::Arithmetic(Box::new(left), sign, Box::new(right))),
            proptest::collection::vec(inner, 1..3).prop_map(Operand::Coalesce),
        ]
    })
}

fn predicate() -> impl Strategy<Value = Predicate> {
    let flag = || proptest::sample::select(FLAGS.to_vec()).prop_map(|column| Predicate::Flag(Operand::Column(column)));
    let comparison = || {
        proptest::sample::select(vec![
            Comparison::Equal,
            Comparison::NotEqual,
            Comparison::Less,
            Comparison::AtMost,
            Comparison::Greater,
            Comparison::AtLeast,
        ])
    };
    let pattern =
        proptest::collection::vec(prop_oneof![Just("%"), Just("_"), Just("a"), Just("é"), Just("."), Just("\n"), Just("A")], 0..5);
    let leaf = prop_oneof![
        any::<bool>().prop_map(Predicate::Const),
        flag(),
        (text_operand(), comparison(), text_operand()).prop_map(|(left, how, right)| Predicate::Compare(left, how, right)),
        (int_operand(), comparison(), int_operand()).prop_map(|(left, how, right)| Predicate::Compare(left, how, right)),
        (text_operand(), text_operand()).prop_map(|(left, right)| Predicate::Same(left, right)),
        (text_operand(), proptest::collection::vec(texts().prop_map(Literal::Text), 0..12))
            .prop_map(|(value, list)| Predicate::Among(value, list.into_iter().collect())),
        (int_operand(), proptest::collection::vec((-3_i64..15).prop_map(Literal::Int), 1..12))
            .prop_map(|(value, list)| Predicate::Among(value, list.into_iter().collect())),
        (text_operand(), pattern).prop_map(|(value, parts)| Predicate::Like(value, Pattern::new(parts.concat()))),
        text_operand().prop_map(Predicate::Null),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Predicate::All),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Predicate::Any),
            inner.clone().prop_map(|part| Predicate::Not(Box::new(part))),
            (inner.clone(), inner).prop_map(|(left, right)| {
                let truth = |part| Operand::Truth(Box::new(part));
                Predicate::Compare(truth(left), Comparison::Equal, truth(right))
            }),
        ]
    })
}

#[derive(Debug, Clone)]
struct Row {
    texts: [Option<String>; 4],
    ints: [Option<i64>; 2],
    flags: [Option<bool>; 2],
}

impl Row {
    fn datum(&self, name: &str) -> Option<Datum<'_>> {
        let texts = [TEXTS[0].name(), TEXTS[1].name(), FIELDS[0], FIELDS[1]];
        if let Some(place) = texts.iter().position(|known| *known == name) {
            return self.texts[place].as_deref().map(|text| Datum::Text(text.into()));
        }
        if let Some(place) = INTS.iter().position(|column| column.name() == name) {
            return self.ints[place].map(Datum::Int);
        }
        let place = FLAGS.iter().position(|column| column.name() == name).expect("a name of the test");
        self.flags[place].map(Datum::Flag)
    }
}

fn row() -> impl Strategy<Value = Row> {
    let text = || proptest::option::of(texts());
    let int = || proptest::option::of(-3_i64..15);
    let flag = || proptest::option::of(any::<bool>());
    ([text(), text(), text(), text()], [int(), int()], [flag(), flag()]).prop_map(|(texts, ints, flags)| Row { texts, ints, flags })
}

fn frame(rows: &[Row]) -> DataFrame {
    let texts = |place: usize| rows.iter().map(|row| row.texts[place].clone()).collect::<Vec<_>>();
    let mut columns = Vec::new();
    for (place, name) in [TEXTS[0].name(), TEXTS[1].name(), FIELDS[0], FIELDS[1]].into_iter().enumerate() {
        columns.push(Series::new(name.into(), texts(place)));
    }
    for (place, column) in INTS.iter().enumerate() {
        columns.push(Series::new(column.name().into(), rows.iter().map(|row| row.ints[place]).collect::<Vec<_>>()));
    }
    for (place, column) in FLAGS.iter().enumerate() {
        columns.push(Series::new(column.name().into(), rows.iter().map(|row| row.flags[place]).collect::<Vec<_>>()));
    }
    DataFrame::new(rows.len(), columns).expect("columns of one length")
}

/// The events of a batch for which a predicate is true, with texts that come again kept once or not.
fn selected(rows: &Rows<'_>, predicate: &Predicate, height: usize) -> Vec<usize> {
    Selector::new(rows, height).select(predicate).into_iter().map(|row| usize::try_from(row).expect("a place")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn selected_as_defined(predicate in predicate(), few in proptest::collection::vec(row(), 1..12), times in 1_usize..7) {
        let rows: Vec<Row> = few.iter().cycle().take(few.len() * times).cloned().collect();
        let truth = |row: &Row| predicate.truth(&|name| row.datum(name));
        let wanted: Vec<usize> = (0..rows.len()).filter(|place| truth(&rows[*place]) == Some(true)).collect();
        let frame = frame(&rows);
        let mut plain = Rows::new(&frame).expect("columns of known kinds");
        prop_assert_eq!(selected(&plain, &predicate, rows.len()), &wanted[..]);
        let coded: Vec<_> = frame.columns().iter().filter_map(|column| Some((column.name(), CodedTexts::of(column.str().ok()?)?))).collect();
        for (name, texts) in &coded {
            plain.code(name, texts);
        }
        prop_assert_eq!(selected(&plain, &predicate, rows.len()), &wanted[..]);
        let weak = predicate.weaken();
        prop_assert!(weak.fields().is_empty());
        for row in wanted.iter().map(|place| &rows[*place]) {
            prop_assert_eq!(weak.truth(&|name| row.datum(name)), Some(true));
        }
    }

    #[test]
    fn patterns_as_letter_by_letter(text in texts(), parts in proptest::collection::vec(
        prop_oneof![Just("%"), Just("_"), Just("a"), Just("é"), Just("."), Just("\n"), Just("A")], 0..5)) {
        let pattern = Pattern::new(parts.concat());
        prop_assert_eq!(pattern.matches(&text), pattern.matches_by_letter(&text));
    }
}
