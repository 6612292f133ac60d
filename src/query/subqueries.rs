//! WHERE and the subqueries in it.
//!
//! Polars makes joins of `IN (SELECT ...)` and `EXISTS (SELECT ...)` only where
//! no filter inside names a column that the outer table has too; otherwise it
//! tests a list per row, which was seen to take minutes and to end the process.

use sqlparser::ast::{BinaryOperator, Expr, GroupByExpr, Ident, Query, Select, SetExpr, TableFactor};

use super::functions::{self, Clause};
use super::guard::{Guard, Place, shortened};
use super::refuse;
use super::scope::{Scope, Source};
use crate::error::Error;

/// The parts that AND joins, parentheses around them taken away.
pub(super) fn conditions(expr: &Expr) -> Vec<&Expr> {
    let mut found = Vec::new();
    let mut rest = vec![expr];
    while let Some(next) = rest.pop() {
        match next {
            Expr::Nested(inner) => rest.push(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => rest.extend([right.as_ref(), left.as_ref()]),
            other => found.push(other),
        }
    }
    found
}

/// Checks a WHERE; whether it has subqueries.
pub(super) fn filter(guard: &mut Guard, filter: &Expr, scope: &Scope) -> Result<bool, Error> {
    let mut any = false;
    for condition in conditions(filter) {
        if let Expr::Exists { subquery, .. } = condition {
            exists(guard, subquery, scope)?;
            any = true;
        } else {
            any |= functions::walk(guard, condition, scope, Clause::Where)?.subquery;
        }
    }
    Ok(any)
}

/// `IN (SELECT ...)`: a query of its own.
pub(super) fn in_list(guard: &mut Guard, query: &Query, outer: &Scope) -> Result<(), Error> {
    if let SetExpr::Select(select) = query.body.as_ref()
        && let Some(filter) = &select.selection
    {
        refuse_shared_names("IN", filter, outer)?;
    }
    let relation = guard.query(query, Place::Inner)?;
    guard.subquery_scans += relation.scans;
    if relation.columns.len() == 1 {
        return Ok(());
    }
    Err(refuse(format!("IN (SELECT ...) takes one column, not {}", relation.columns.len())))
}

/// `EXISTS (SELECT ... FROM t WHERE t.x = outer.y)`: a join in disguise.
fn exists(guard: &mut Guard, query: &Query, outer: &Scope) -> Result<(), Error> {
    let select = exists_select(query)?;
    let inner = guard.from(&select.from)?;
    guard.subquery_scans += inner.sources.iter().map(|source| source.relation.scans).sum::<usize>();
    let mut joined = false;
    for condition in select.selection.iter().flat_map(conditions) {
        if correlates(condition, &inner, outer)? {
            joined = true;
            continue;
        }
        if functions::columns_of(condition).iter().any(|column| belongs_outside(column, &inner, outer)) {
            return Err(refuse(format!(
                "EXISTS is tied to the outer table by equality only, and {} is something else: use a JOIN",
                shortened(&condition.to_string())
            )));
        }
        refuse_shared_names("EXISTS", condition, outer)?;
        functions::walk(guard, condition, &inner, Clause::On)?;
    }
    if joined {
        Ok(())
    } else {
        Err(refuse("EXISTS without an equality to the outer table: write WHERE inner.x = outer.x, or IN (SELECT ...)"))
    }
}

fn exists_select(query: &Query) -> Result<&Select, Error> {
    let plain = query.with.is_none() && query.limit_clause.is_none() && query.fetch.is_none();
    if plain
        && let SetExpr::Select(select) = query.body.as_ref()
        && let [table] = select.from.as_slice()
        && table.joins.is_empty()
        && matches!(table.relation, TableFactor::Table { .. })
        && matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty())
        && select.having.is_none()
    {
        return Ok(select);
    }
    Err(refuse("EXISTS takes SELECT ... FROM one table WHERE ...: put the rest into a CTE"))
}

/// Whether the condition is an equality of a column inside and one outside.
fn correlates(condition: &Expr, inner: &Scope, outer: &Scope) -> Result<bool, Error> {
    let Expr::BinaryOp { left, op: BinaryOperator::Eq, right } = condition else { return Ok(false) };
    let sides = [left.as_ref(), right.as_ref()].map(bare_column);
    let [Some(left), Some(right)] = sides else { return Ok(false) };
    let [first, second] = [side(left, inner, outer)?, side(right, inner, outer)?];
    Ok(first != second)
}

fn bare_column(expr: &Expr) -> Option<&[Ident]> {
    match expr {
        Expr::Identifier(column) => Some(std::slice::from_ref(column)),
        Expr::CompoundIdentifier(parts) => Some(parts),
        _ => None,
    }
}

/// Whether a column is one of the outer tables.
fn side(column: &[Ident], inner: &Scope, outer: &Scope) -> Result<bool, Error> {
    match column {
        [table, name] if named(inner, table).is_some() => inner.place_of_qualified(table, name).map(|_| false),
        [table, name] => outer.place_of_qualified(table, name).map(|_| true),
        [name] if inner.has(&name.value) && outer.has(&name.value) => {
            let tables: Vec<_> =
                [inner, outer].iter().filter_map(|scope| scope.sources.first()).map(|source| source.name.as_str()).collect();
            Err(refuse(format!("column {} is in {}: write the table before it", name.value, tables.join(" and in "))))
        }
        [name] if outer.has(&name.value) => Ok(true),
        [name] => inner.place_of(name).map(|_| false),
        _ => Err(refuse("a column has the form table.column")),
    }
}

fn belongs_outside(column: &[Ident], inner: &Scope, outer: &Scope) -> bool {
    match column {
        [table, _] => named(inner, table).is_none() && named(outer, table).is_some(),
        [name] => !inner.has(&name.value) && outer.has(&name.value),
        _ => false,
    }
}

fn named<'s>(scope: &'s Scope, table: &Ident) -> Option<&'s Source> {
    scope.sources.iter().find(|source| source.name == table.value)
}

fn refuse_shared_names(what: &str, filter: &Expr, outer: &Scope) -> Result<(), Error> {
    let columns = functions::columns_of(filter);
    let shared = columns.iter().filter_map(|column| column.last()).find(|name| outer.has(&name.value));
    match shared {
        Some(name) => Err(refuse(format!(
            "a filter on {0} inside {what} (SELECT ...) can take all memory where the outer table has {0} too: put the filter into a CTE, WITH x AS (SELECT ... WHERE ...)",
            name.value
        ))),
        None => Ok(()),
    }
}
