//! Groups that are made part by part are those of all events at once.

use polars::prelude::{DataFrame, DslPlan};
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

fn answer(sql: &str, events: &EventFrame) -> Vec<Map<String, Value>> {
    rows(&run(sql, &[("events", events.lazy().expect("a table"))], None).unwrap_or_else(|error| panic!("{sql}: {error}")))
}

/// Whether the grouping of a statement gets groups of parts.
fn is_parted(sql: &str, events: &EventFrame) -> bool {
    let mut context = SQLContext::new();
    context.register("events", events.lazy().expect("a table"));
    let plan = parts::grouped(&context.execute(sql).expect("a plan").logical_plan);
    let mut plan = &plan;
    loop {
        plan = match plan {
            DslPlan::GroupBy { input, .. } => return matches!(input.as_ref(), DslPlan::DataFrameScan { .. }),
            DslPlan::Select { input, .. } | DslPlan::Sort { input, .. } | DslPlan::Filter { input, .. } => input,
            _ => return false,
        };
    }
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
    ];
    for sql in parted {
        assert!(is_parted(sql, &many), "{sql}");
        assert!(!is_parted(sql, &one), "{sql}");
        assert_eq!(answer(sql, &many), answer(sql, &one), "{sql}");
    }
}
