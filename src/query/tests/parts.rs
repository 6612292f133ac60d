//! Groups that are made part by part are those of all events at once.

use polars::prelude::{DataFrame, DslPlan, LazyFrame};
use polars::sql::SQLContext;

use super::super::parts;
use super::*;
use crate::frame::EventFrame;

/// Events in batches of three, some of a kind in every batch, some in few.
fn batches() -> Vec<DataFrame> {
    let row = |number: i64| {
        let principal = ["alice", "bob", "carol"].get(usize::try_from(number % 4).expect("small"));
        let key = (number % 7 != 0).then(|| format!("AKIA{}", number % 5));
        let time = (number % 11 != 0).then(|| format!("2026-03-08T00:{:02}:00Z", number % 60));
        json!([format!("e{number}"), principal, key, time, number % 3 == 0, number])
    };
    let columns = [
        ("event_id", Kind::Text),
        ("principal", Kind::Text),
        ("user_access_key_id", Kind::Text),
        ("event_time", Kind::Time),
        ("ok", Kind::Flag),
        ("record_index", Kind::Int),
    ];
    let batch = |start: i64| frame(&columns, &(start..start + 3).map(row).collect()).collect().expect("a batch");
    (0..40).map(|number| batch(number * 3)).collect()
}

fn together(batches: &[DataFrame]) -> DataFrame {
    let mut batches = batches.iter().cloned();
    let first = batches.next().expect("one");
    batches.fold(first, |all, batch| all.vstack(&batch).expect("of one schema"))
}

fn answer(sql: &str, events: &EventFrame) -> Result<Vec<Map<String, Value>>, String> {
    run(sql, &[("events", events.lazy().expect("a table"))], None).map(|frame| rows(&frame)).map_err(|error| error.to_string())
}

/// Whether the grouping of a statement gets groups of parts.
fn is_parted(sql: &str, events: &EventFrame) -> bool {
    let mut context = SQLContext::new();
    context.register("events", events.lazy().expect("a table"));
    // What only runs once it is mended is not looked into here.
    let Ok(plan) = context.execute(sql) else { return false };
    let plan = parts::grouped(&plan.logical_plan, parts::FEW_GROUPS);
    let mut plan = &plan;
    loop {
        plan = match plan {
            DslPlan::GroupBy { input, .. } => return matches!(input.as_ref(), DslPlan::DataFrameScan { .. }),
            DslPlan::Select { input, .. } | DslPlan::Sort { input, .. } | DslPlan::Filter { input, .. } => input,
            _ => return false,
        };
    }
}

/// The rows of a statement whose groups are made in parts, in some order.
fn in_parts(sql: &str, events: &EventFrame, few: usize) -> Vec<String> {
    let mut context = SQLContext::new();
    context.register("events", events.lazy().expect("a table"));
    let plan = context.execute(sql).expect("a plan");
    let answer = LazyFrame::from(parts::grouped(&plan.logical_plan, few)).collect().expect("it runs");
    let mut rows: Vec<String> = rows(&answer).into_iter().map(|row| Value::Object(row).to_string()).collect();
    rows.sort();
    rows
}

#[test]
fn groups_of_parts_come_to_those_of_all_events() {
    let batches = batches();
    let (one, many) = (EventFrame::of(vec![together(&batches)]), EventFrame::of(batches));
    let parted = [
        "select principal, count(*) as n from events group by principal",
        "select principal as who, ok, count(user_access_key_id) as n, min(event_time) as a, max(event_time) as z, sum(record_index) as s
            from events where record_index > 5 group by principal, ok",
        "select coalesce(principal, 'nobody') as who, count(distinct user_access_key_id) as k, count(distinct event_time) as t
            from events group by coalesce(principal, 'nobody')",
        "select event_id, count(*) as n from events group by event_id",
        "select ok, sum(record_index) as n from events where record_index < 0 group by ok",
        "select principal, count(1) as n from events where user_access_key_id in ('AKIA1', 'AKIA2') group by principal",
        "select principal, sum(case when event_id in ('e1', 'e100') then 1 else 0 end) as n from events group by principal",
    ];
    let whole = [
        "select principal, avg(record_index) as n from events group by principal",
        "select principal, sum(record_index * 0.1) as n from events group by principal",
        "select a.principal, count(*) as n from events a join events b on a.event_id = b.event_id group by a.principal",
        "select ok, count(*) as n from events where principal = any(user_access_key_id) or event_id = any(event_id) group by ok",
        "select event_time, count(*) as n from (select distinct principal, event_time from events) e group by event_time",
        "with l as (select event_id, lag(event_id) over (partition by principal order by event_id) as before from events)
            select before, count(*) as n from l group by before",
    ];
    // Whether or not the engine says these in a form that is seen through.
    let either = [
        "with a as (select principal as what, event_time from events union all select user_access_key_id as what, event_time from events)
            select what, count(*) as n, max(event_time) as z from a group by what order by n desc, what",
        "select principal, sum(case when ok then 1 else 0 end) + count(*) as n, max(lower(user_access_key_id)) as k from events
            where user_access_key_id in ('AKIA1', 'AKIA2') or principal is null group by principal having count(*) > 3",
        "select principal, count(*) as n from events group by principal having count(*) > 30",
    ];
    let is_wrong = |sql: &&str| {
        let (known, found) = (answer(sql, &one), answer(sql, &many));
        known.is_err() || known != found || is_parted(sql, &one)
    };
    let wrong: Vec<&str> = parted.into_iter().chain(whole).chain(either).filter(is_wrong).collect();
    assert_eq!(wrong, [""; 0]);
    for sql in parted {
        assert_eq!(in_parts(sql, &many, 0), in_parts(sql, &one, 0), "put together after each part: {sql}");
    }
    assert_eq!(parted.into_iter().filter(|sql| !is_parted(sql, &many)).collect::<Vec<_>>(), [""; 0]);
    assert_eq!(whole.into_iter().filter(|sql| is_parted(sql, &many)).collect::<Vec<_>>(), [""; 0]);
}
