//! Runs a guarded statement: one new `SQLContext` each, since a failed one
//! leaks its CTEs into the next.

use std::thread;

use polars::error::set_warning_function;
use polars::prelude::{DataFrame, LazyFrame, PolarsError, SortMultipleOptions};
use polars::sql::SQLContext;

use super::guard::{self, Plan};
use super::mend::mend;
use super::{parts, refuse, size};
use crate::error::Error;

/// What a statement may need: about four kilobytes a level of nesting in polars' planner, measured, and room to spare.
const STACK_BYTES: usize = 64 << 20;

/// `work` on a thread of its own, where a deep statement has room and a panic ends only the statement.
pub(super) fn on_deep_stack<T: Send>(work: impl FnOnce() -> Result<T, Error> + Send) -> Result<T, Error> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("query".to_owned()).stack_size(STACK_BYTES).spawn_scoped(scope, work);
        match thread {
            Ok(thread) => thread.join().unwrap_or_else(|panic| Err(failed(&panic_text(panic.as_ref())))),
            Err(cause) => Err(refuse(format!("no thread could be started for the statement: {cause}"))),
        }
    })
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("no reason given").to_owned()
}

fn failed(cause: &str) -> Error {
    refuse(format!("the table engine failed on this statement: {cause}"))
}

/// Guards, mends, runs, orders and cuts.
pub(super) fn execute(sql: &str, tables: &[(&str, LazyFrame)], limit: Option<usize>) -> Result<(DataFrame, bool), Error> {
    // What the engine has to say beside its answer is about its own interface.
    set_warning_function(|_, _| {});
    let columns = tables.iter().map(|(name, table)| Ok((*name, output_names(&mut table.clone())?))).collect::<Result<Vec<_>, Error>>()?;
    let plan = guard::guard(sql, &columns)?;
    let mended = mend(sql, &[])?;
    let mut lazy = lower(&mended, tables)?;
    let names = output_names(&mut lazy)?;
    size::check(&lazy.logical_plan, names.len())?;
    if plan.ordered {
        lazy = lower(&mend(sql, &tie_breakers(&names, &plan))?, tables)?;
    } else if !plan.plain {
        lazy = lazy.sort(names, SortMultipleOptions::default().with_nulls_last(true));
    }
    let kept = limit.unwrap_or(usize::MAX);
    if let Some(probe) = kept.checked_add(1).and_then(|rows| u32::try_from(rows).ok()) {
        lazy = lazy.limit(probe);
    }
    lazy = LazyFrame::from(parts::grouped(&lazy.logical_plan, parts::FEW_GROUPS));
    let mut frame = lazy.collect().map_err(|error| explain(&error))?;
    name_count(&mut frame, &plan)?;
    let cut = frame.height() > kept;
    Ok((if cut { frame.head(Some(kept)) } else { frame }, cut))
}

/// `COUNT(*)` without a name is `len` in polars; people look for `count`.
fn name_count(frame: &mut DataFrame, plan: &Plan) -> Result<(), Error> {
    let named = |name: &str| plan.columns.iter().any(|column| column == name);
    if !named("len") && !named("count") && frame.schema().contains("len") {
        frame.rename("len", "count".into())?;
    }
    Ok(())
}

fn lower(sql: &str, tables: &[(&str, LazyFrame)]) -> Result<LazyFrame, Error> {
    let mut context = SQLContext::new();
    for (name, table) in tables {
        context.register(name, table.clone());
    }
    context.execute(sql).map_err(|error| explain(&error))
}

fn output_names(lazy: &mut LazyFrame) -> Result<Vec<String>, Error> {
    let schema = lazy.collect_schema().map_err(|error| explain(&error))?;
    Ok(schema.iter_names().map(ToString::to_string).collect())
}

/// The places of the result's columns that make its order total, from 1.
fn tie_breakers(names: &[String], plan: &Plan) -> Vec<usize> {
    let place = |wanted: &str| names.iter().position(|name| name == wanted).map(|index| index + 1);
    match (place("object"), place("record_index")) {
        // They tell all events apart, and to sort by ninety columns costs gigabytes.
        (Some(object), Some(index)) if plan.plain => vec![object, index],
        _ => (1..=names.len()).collect(),
    }
}

/// Polars' error as one sentence, with the way around where it is known.
fn explain(error: &PolarsError) -> Error {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    if let Some(column) = first.split("unable to find column \"").nth(1).and_then(|rest| rest.split('"').next()) {
        return refuse(match column.split_once(':') {
            Some((name, table)) => format!(
                "column {table}.{name} is not to be had in this place: group and order by the name that AS gave it, or rename it in a CTE"
            ),
            None => format!("column {column} is not to be had in this place"),
        });
    }
    if let Some(name) = first.split("unsupported function '").nth(1).and_then(|rest| rest.split('\'').next()) {
        return refuse(format!("function {name} is not known: the events have columns for what is asked most (--schema lists them)"));
    }
    if first.contains("duplicate") {
        return refuse(
            "two columns or two keys would have one name: give each its own with AS, in a CTE if they are keys of a GROUP BY or of a window",
        );
    }
    if first.contains("cannot compare 'date/datetime/time' to a string") || first.contains("to `datetime") {
        return refuse(
            "a time is compared with a text: write event_time >= '2026-03-08 00:00:00' (all times are UTC), or compare event_epoch",
        );
    }
    if let Some(expression) = first.strip_prefix("expression ").and_then(|rest| rest.split(['(', ' ', '{']).next()) {
        // Its debug print follows.
        return refuse(format!("an expression of the kind {expression} is not known here: write it with =, IN, LIKE, IS NULL or CASE"));
    }
    // Debug prints of the syntax tree follow the first brace.
    failed(first.split(" {").next().unwrap_or(first).trim_end_matches('.'))
}
