//! Statements that are refused, with their sentences, and statements that run, with their rows.

use polars::prelude::LazyFrame;
use serde_json::{Map, Value, json};

use super::{FILES, bind, check, engine, json_table, rows, run, run_limited, schema_rows};
use crate::schema::{Column, Kind};

mod parts;
mod refusals;

/// Five events of three principals and none, a tie in time, an event without time.
fn events() -> LazyFrame {
    let columns = [
        ("event_id", Kind::Text),
        ("principal", Kind::Text),
        ("event_name", Kind::Text),
        ("event_epoch", Kind::Int),
        ("event_time", Kind::Time),
        ("ok", Kind::Flag),
        ("session_mfa_authenticated", Kind::Flag),
        ("resource_arns", Kind::TextList),
        ("record_index", Kind::Int),
    ];
    let values = json!([
        ["e1", "alice", "GetObject", 5, "2026-03-08T00:00:05Z", true, true, ["x", "y"], 0],
        ["e2", "bob", "PutObject", 3, "2026-03-08T00:00:03Z", true, false, null, 1],
        ["e3", null, "GetObject", 9, "2026-03-08T20:00:09.5Z", false, null, ["x"], 2],
        ["e4", "alice", "CreateUser", 5, "2026-03-08T00:00:05Z", false, null, ["a", null], 3],
        ["e5", "carol", "GetObject", null, null, true, true, null, 4]
    ]);
    frame(&columns, &values)
}

fn people() -> LazyFrame {
    frame(&[("name", Kind::Text), ("team", Kind::Int)], &json!([["alice", 1], ["dave", 2], [null, 3]]))
}

fn frame(columns: &[(&str, Kind)], values: &Value) -> LazyFrame {
    let row = |row: &Value| -> Map<String, Value> {
        columns.iter().zip(row.as_array().expect("a row")).map(|((name, _), value)| ((*name).to_owned(), value.clone())).collect()
    };
    let rows: Vec<_> = values.as_array().expect("rows").iter().map(row).collect();
    json_table(columns, &rows).expect("a frame")
}

fn tables() -> [(&'static str, LazyFrame); 2] {
    [("events", events()), ("people", people())]
}

/// The rows without their keys, or the sentence.
fn ask(sql: &str) -> String {
    match run(sql, &tables(), None) {
        Ok(frame) => rows(&frame).iter().map(|row| json!(row.values().collect::<Vec<_>>()).to_string()).collect::<Vec<_>>().join(" "),
        Err(error) => error.to_string(),
    }
}

fn all_answer(cases: &[(&str, &str)]) {
    for (sql, rows) in cases {
        assert_eq!(ask(sql), *rows, "{sql}");
    }
}

#[test]
fn selections_keep_the_order_of_their_table() {
    all_answer(&[
        ("select event_id, principal from events", r#"["e1","alice"] ["e2","bob"] ["e3",null] ["e4","alice"] ["e5","carol"]"#),
        ("with c as (select event_id as i from events where ok) select i from c limit 2", r#"["e1"] ["e2"]"#),
        ("select event_id from events where event_name like 'Get%' and lower(principal) = 'alice'", r#"["e1"]"#),
        (
            "select event_id from events where event_id in ('e1', null) or (principal is distinct from 'alice') and ok",
            r#"["e1"] ["e2"] ["e5"]"#,
        ),
        (
            "select e.event_id, 'it''s -- no' as a, 'b\\c' as b from events e where e.event_id = 'e1' -- a comment",
            r#"["e1","it's -- no","b\\c"]"#,
        ),
        ("select cast(event_time as date) as d, event_epoch / 2 as h, 0.0 / 0 as n from events limit 1", r#"["2026-03-08",2.5,null]"#),
    ]);
}

#[test]
fn groups() {
    all_answer(&[
        ("select principal, count(*) from events group by principal", r#"["alice",2] ["bob",1] ["carol",1] [null,1]"#),
        ("select principal, count(*) as n from events group by principal order by n desc limit 2", r#"["alice",2] ["bob",1]"#),
        ("select principal from events group by principal having count(*) > 1 and max(event_epoch) = 5", r#"["alice"]"#),
        ("select count(distinct principal) as n, count(principal) as m, count(*) filter (where ok) as k from events", "[3,4,3]"),
        (
            "select lower(principal) as k, count(*) as n from events group by lower(principal) order by n, k desc",
            r#"["carol",1] ["bob",1] [null,1] ["alice",2]"#,
        ),
        (
            "select case when event_epoch > 4 then 1 when event_epoch > 2 then -1 else 0 end as k, count(*) as n from events group by 1",
            "[-1,1] [0,1] [1,3]",
        ),
        (
            "select coalesce(principal, 'none') as p, sum(case when ok then 1 else 0 end) as n from events group by p",
            r#"["alice",1] ["bob",1] ["carol",1] ["none",0]"#,
        ),
        ("select string_agg(event_id, '+' order by event_id desc) as s from events", r#"["e5+e4+e3+e2+e1"]"#),
        ("select unnest(resource_arns) as a, count(*) as n from events group by a", r#"["a",1] ["x",2] ["y",1] [null,3]"#),
        ("select min(event_time) as a, max(event_time) - min(event_time) as d from events", r#"["2026-03-08T00:00:03Z",72006.5]"#),
        (
            "select distinct event_name, ok from events order by event_name, ok desc",
            r#"["CreateUser",false] ["GetObject",true] ["GetObject",false] ["PutObject",true]"#,
        ),
    ]);
}

#[test]
fn nulls_come_last_in_both_directions() {
    all_answer(&[
        ("select event_epoch from events order by event_epoch", "[3] [5] [5] [9] [null]"),
        ("select event_epoch from events order by event_epoch desc", "[9] [5] [5] [3] [null]"),
        ("select event_epoch from events order by event_epoch desc nulls first", "[null] [9] [5] [5] [3]"),
        ("select event_id, rank() over (order by event_epoch) as r from events", r#"["e1",2] ["e2",1] ["e3",4] ["e4",2] ["e5",5]"#),
        (
            "select event_id, row_number() over (order by event_epoch desc, event_id desc) as r from events",
            r#"["e1",3] ["e2",4] ["e3",1] ["e4",2] ["e5",5]"#,
        ),
    ]);
    let columns: Vec<_> = FILES.columns().iter().map(|(name, _)| (*name).to_owned()).collect();
    assert!(columns.contains(&"object".to_owned()));
    let places = json_table(&[("offset", Kind::Int)], &[]).expect("a frame");
    assert!(run("select offset from problems order by offset limit 1 offset 1", &[("problems", places)], None).is_ok());
}

#[test]
fn joins_and_subqueries() {
    all_answer(&[
        (
            "select e.event_id, p.team from events e left join people p on e.principal = p.name",
            r#"["e1",1] ["e2",null] ["e3",null] ["e4",1] ["e5",null]"#,
        ),
        (
            "select e.event_id, p.team from events e join people p on e.principal = p.name and p.team < e.event_epoch",
            r#"["e1",1] ["e4",1]"#,
        ),
        (
            "select a.event_id as x, b.event_id as y from events a join events b on a.event_epoch = b.event_epoch where a.event_id < b.event_id",
            r#"["e1","e4"]"#,
        ),
        ("select event_id from events e anti join people p on e.principal = p.name", r#"["e2"] ["e3"] ["e5"]"#),
        ("select principal from events except select name from people", r#"["bob"] ["carol"]"#),
        (
            "select event_id from events union all select name from people",
            r#"["alice"] ["dave"] ["e1"] ["e2"] ["e3"] ["e4"] ["e5"] [null]"#,
        ),
        (
            "with a as (select name from people where team = 1) select event_id from events where principal in (select name from a)",
            r#"["e1"] ["e4"]"#,
        ),
        ("select event_id from events where principal not in (select name from people)", ""),
        ("select event_id from events e where not exists (select 1 from people p where p.name = e.principal)", r#"["e2"] ["e3"] ["e5"]"#),
        ("select event_id from events e where exists (select 1 from people p where p.name = e.principal and team = 2)", ""),
    ]);
}

#[test]
fn windows() {
    all_answer(&[
        (
            "select event_id, lag(event_epoch) over (partition by principal order by event_epoch, event_id) as l from events",
            r#"["e1",null] ["e2",null] ["e3",null] ["e4",5] ["e5",null]"#,
        ),
        (
            "with d as (select event_epoch as e, count(*) as n from events group by event_epoch) select e, n - lag(n) over (order by e) as d, sum(n) over (order by e) as s from d order by e",
            "[3,null,1] [5,1,3] [9,-1,4] [null,0,5]",
        ),
        (
            "with w as (select event_id, row_number() over (partition by principal order by event_id desc) as r from events) select event_id from w where r = 1",
            r#"["e2"] ["e3"] ["e4"] ["e5"]"#,
        ),
        (
            "select event_id, count(*) over (partition by principal) - 5 as n from events order by event_id",
            r#"["e1",-3] ["e2",-4] ["e3",-4] ["e4",-3] ["e5",-4]"#,
        ),
        (
            "select event_id, row_number() over (order by case when ok then 1 else 0 end, event_id) as r from events where principal = 'alice'",
            r#"["e1",2] ["e4",1]"#,
        ),
    ]);
}

#[test]
fn what_polars_answers_wrongly_is_mended() {
    all_answer(&[
        ("select count(*) - 10 as n, -count(*) as m, length('abc') - 5 as l from events", "[-5,-5,-2]"),
        (
            "select extract(hour from event_time) * 100 as h, date_part('hour', event_time) * 3600 as s from events where event_id = 'e3'",
            "[2000,72000]",
        ),
        (
            "select extract(hours from event_time) * 100 as h, date_part('h', event_time) * 100 as i, extract(dayofmonth from event_time) * 100 as d, extract(epoch from event_time) as e from events where event_id = 'e3'",
            "[2000,2000,800,1773000009.5]",
        ),
        (
            "select position('z' in 'abc') - 5 as p, power(2, 70) as q, pow(-2, 3) as r, power(1 + 1, 0.5) as s",
            "[-5,1.1805916207174113e+21,-8.0,1.4142135623730951]",
        ),
        (
            "select event_epoch % 4 as a, mod(event_epoch * 86400, 7) as b, (event_epoch + 1) // 4 as c, div(count, 2) as d from (select event_epoch, count(*) as count from events group by event_epoch) as x where event_epoch = 5",
            "[1,2,1,1]",
        ),
        ("select sum(case when ok then 2000000000 else 0 end) as n from events", "[6000000000]"),
        ("select event_id from events where session_mfa_authenticated is not true", r#"["e2"] ["e3"] ["e4"]"#),
        ("select event_id from events where session_mfa_authenticated is not true and ok or event_name = 'CreateUser'", r#"["e2"] ["e4"]"#),
        ("select event_id from events where ok is true and event_epoch is null or not event_epoch > 3 is not false", r#"["e2"] ["e5"]"#),
        ("select event_id from events where not (session_mfa_authenticated is false)", r#"["e1"] ["e3"] ["e4"] ["e5"]"#),
        ("select event_id from events where session_mfa_authenticated is unknown and ok is not unknown", r#"["e3"] ["e4"]"#),
        (
            "select event_id from events where event_time in ('2026-03-08T00:00:03Z', '2026-03-08 00:00:05') and event_time not in ('2026-03-09')",
            r#"["e1"] ["e2"] ["e4"]"#,
        ),
        (
            "select event_time > '2026-03-08T00:00:05Z' as a, '2026-03-08T00:00:05Z' as b, coalesce(principal, '2026-03-08T00:00:05Z') as c from events where event_id = 'e3'",
            r#"[true,"2026-03-08T00:00:05Z","2026-03-08T00:00:05Z"]"#,
        ),
        ("select event_id from events where event_time > '2026-03-08T00:00:05Z'", r#"["e3"]"#),
        ("select event_id from events where event_time not between '2026-03-08T00:00:04Z' and '2026-03-08T00:00:06Z'", r#"["e2"] ["e3"]"#),
    ]);
}

#[test]
fn a_join_that_pairs_too_many_rows_is_refused_before_it_is_made() {
    let values: Vec<_> = (0..9_000).map(|i| json!([format!("k{}", i % 3), i])).collect();
    let many = [("many", frame(&[("k", Kind::Text), ("n", Kind::Int)], &Value::from(values)))];
    let text = |sql: &str| run(sql, &many, None).map(|frame| frame.height()).map_err(|error| error.to_string());
    let refusal = "query: a join pairs 27000000 rows, too many for memory: join by more columns, select fewer, or group one side in a CTE before the join";
    for sql in [
        "select count(*) as c from many a join many b on a.k = b.k",
        "select a.n, b.n as m from many a left join many b on a.k = b.k",
        "select count(*) as c from many a join many b on a.k = b.k and a.n < b.n",
        "with p as (select a.k, a.n, b.n as m from many a join many b using (k)) select count(*) as c from p join many d on p.n = d.n",
        "select n from many union all select a.n from many a join many b on a.k = b.k",
    ] {
        assert_eq!(text(sql), Err(refusal.to_owned()), "{sql}");
    }
    assert_eq!(text("select a.n, b.n as m from many a join many b on a.n = b.n"), Ok(9_000));
    assert_eq!(text("select a.n, b.n as m from many a join many b on a.n = b.n and a.k <= b.k"), Ok(9_000));
    assert_eq!(text("select a.n from many a semi join many b on a.k = b.k"), Ok(9_000));
    assert_eq!(text("with g as (select k, count(*) as c from many group by k) select a.n, g.c from many a join g on a.k = g.k"), Ok(9_000));
}

#[test]
fn a_limit_tells_that_it_cut() {
    let ask = |limit| {
        run_limited("select event_id from events order by event_id desc", &tables(), limit).map(|(frame, cut)| (frame.height(), cut))
    };
    assert_eq!(ask(Some(2)).expect("rows"), (2, true));
    assert_eq!(ask(Some(5)).expect("rows"), (5, false));
    assert_eq!(ask(Some(0)).expect("rows"), (0, true));
    assert_eq!(ask(None).expect("rows"), (5, false));
}

#[test]
fn the_same_bytes_on_every_run() {
    let values: Vec<_> = (0..5_000).map(|i| json!([format!("k{}", i % 1_500), i % 7])).collect();
    let many = [("many", frame(&[("k", Kind::Text), ("n", Kind::Int)], &Value::from(values)))];
    for sql in [
        "select k, count(*) as c from many group by k",
        "select k, n, count(*) as c from many group by k, n order by c desc limit 20",
        "select n from many union select length(k) from many",
        "with g as (select k, max(n) as m from many group by k) select many.n, g.m from many join g on many.k = g.k order by m",
    ] {
        let answer = || run(sql, &many, Some(500)).map(|frame| rows(&frame)).expect("rows");
        let first = answer();
        assert!((0..8).all(|_| answer() == first), "{sql}");
    }
}

#[test]
fn values_are_bound_as_values() {
    let hostile =
        ["it's", "'", "''", "\\", "\\'", "'--", "' or 1 = 1 --", "x'); drop table events; --", "/*", ":other", "\n", "é\u{0}", "\"", "$$"];
    for value in hostile {
        let sql = bind(
            "select :v as v, ':v' as w, event_epoch::varchar as t /* :v */ from events where event_id <> :v limit 1 -- :v",
            &[("v", json!(value))],
        );
        let answer = run(&sql.expect("bound"), &tables(), None).map(|frame| rows(&frame)).expect("a row");
        assert_eq!(json!(answer), json!([{"v": value, "w": ":v", "t": "5"}]), "{value:?}");
    }
    let bound = bind("select 3-:n, :b, :x", &[("n", json!(-5)), ("b", json!(true)), ("x", json!(null))]).expect("bound");
    assert_eq!(bound, "select 3-(-5), TRUE, NULL");
    assert_eq!(bind("select :n", &[]).unwrap_err().to_string(), "query: :n has no value: give the rule a parameter of that name");
    assert!(bind("select :n", &[("n", json!(["a"]))]).is_err());
}

#[test]
fn a_panic_is_an_error() {
    let error = engine::on_deep_stack(|| -> Result<(), _> { panic!("capacity overflow") }).unwrap_err();
    assert_eq!(error.to_string(), "query: the table engine failed on this statement: capacity overflow");
}

#[test]
fn tables_of_json_rows() {
    let row = json!({"a": 5, "f": "x", "n": "7", "t": "2026-03-08 00:00:00", "l": ["b", null, 1]});
    let columns = [("a", Kind::Text), ("f", Kind::Flag), ("n", Kind::Int), ("t", Kind::Time), ("l", Kind::TextList), ("z", Kind::Json)];
    let frame =
        json_table(&columns, &[row.as_object().expect("an object").clone()]).and_then(|table| Ok(table.collect()?)).expect("a frame");
    let expected = json!([{"a": "5", "f": null, "n": null, "t": "2026-03-08T00:00:00Z", "l": ["b", null, "1"], "z": null}]);
    assert_eq!(json!(rows(&frame)), expected);
    let empty = json_table(&columns, &[]).and_then(|table| Ok(table.collect()?)).expect("a frame");
    assert_eq!((empty.height(), empty.schema()), (0, frame.schema()));
}

#[test]
fn the_schema_lists_every_column() {
    let rows = schema_rows();
    let of = |table: &str| rows.iter().filter(|row| row.get("table") == Some(&json!(table))).count();
    assert_eq!(of("events"), Column::COUNT);
    assert_eq!((of("files"), of("digests"), of("problems"), of("notices"), of("findings")), (17, 11, 5, 5, 23));
    let first = json!(rows.first());
    assert_eq!(first["column"], "event_time");
    assert_eq!(first["type"], "ts");
}

#[test]
fn rules_of_the_pack_pass_the_check() {
    check("select dt, principal, count(*) as n from events where ok group by dt, principal having count(*) > 3 order by n desc")
        .expect("checked");
    check("select kind, count(*) as n from problems group by kind").expect("checked");
}
