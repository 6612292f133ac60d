//! The result of one SELECT: its columns, its groups and what may stand beside an aggregate.

use std::collections::BTreeSet;

use sqlparser::ast::{
    Distinct, ExcludeSelectItem, Expr, GroupByExpr, ObjectName, OrderByExpr, Select, SelectItem, SelectItemQualifiedWildcardKind, Value,
    ValueWithSpan, WildcardAdditionalOptions,
};

use super::functions::{self, Clause, Found};
use super::guard::{Guard, column_name, shortened};
use super::refuse;
use super::scope::{Relation, Scope, did_you_mean};
use crate::error::Error;

/// One entry of the list of SELECT.
struct Item<'a> {
    expr: Option<&'a Expr>,
    /// The name that AS gave it.
    alias: Option<&'a str>,
    found: Found,
}

/// The keys of GROUP BY.
struct Keys<'a> {
    exprs: Vec<&'a Expr>,
    names: BTreeSet<String>,
    places: BTreeSet<usize>,
}

impl Guard {
    /// What a SELECT yields, all clauses but FROM and WHERE checked.
    pub(super) fn outcome(&mut self, select: &Select, order: &[OrderByExpr], scope: &Scope) -> Result<Relation, Error> {
        let (items, columns) = self.items(select, scope)?;
        let aliases: Vec<_> = items.iter().filter_map(|item| item.alias.map(str::to_owned)).collect();
        let keys = self.keys(select, scope, &items, &aliases)?;
        let grouped = !keys.exprs.is_empty();
        let aggregate = items.iter().any(|item| item.found.aggregate);
        let window = items.iter().any(|item| item.found.window);
        if window && (grouped || aggregate) {
            return Err(refuse("a window and a GROUP BY or aggregate in one SELECT: group in a CTE, and put the window outside"));
        }
        if grouped || aggregate {
            items.iter().enumerate().try_for_each(|(index, item)| beside_aggregates(item, index, &keys))?;
        }
        self.having(select, scope, &aliases, &keys)?;
        let distinct = distinct(select)?;
        let visible = Visible { scope, aliases: &aliases, columns: &columns, keys: &keys, grouped, distinct };
        order.iter().try_for_each(|element| self.order(element, &visible))?;
        let one_table = scope.sources.len() < 2 && scope.sources.iter().all(|source| source.relation.plain);
        let unnest = items.iter().any(|item| item.found.unnest);
        let joined = select.from.iter().any(|table| !table.joins.is_empty());
        Ok(Relation {
            keys: output_keys(&keys, &items, &columns, distinct),
            columns,
            plain: one_table && !joined && !grouped && !aggregate && !window && !distinct && !unnest,
            scans: scope.sources.iter().map(|source| source.relation.scans).sum::<usize>().max(1),
        })
    }

    fn items<'a>(&mut self, select: &'a Select, scope: &Scope) -> Result<(Vec<Item<'a>>, Vec<String>), Error> {
        let mut items = Vec::new();
        let mut columns = Vec::new();
        if select.projection.is_empty() {
            // `FROM events` alone.
            add_columns(&mut columns, scope, None, &WildcardAdditionalOptions::default())?;
        }
        let unnamed = |item: &&SelectItem| matches!(item, SelectItem::UnnamedExpr(Expr::Value(_)));
        if select.projection.iter().filter(unnamed).count() > 1 {
            return Err(refuse("two values without a name: name each with AS, in each SELECT of a UNION too"));
        }
        for item in &select.projection {
            let (expr, alias) = match item {
                SelectItem::UnnamedExpr(expr) => (Some(expr), None),
                SelectItem::ExprWithAlias { expr, alias } => (Some(expr), Some(alias.value.as_str())),
                SelectItem::Wildcard(options) => {
                    add_columns(&mut columns, scope, None, options)?;
                    (None, None)
                }
                SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), options) => {
                    add_columns(&mut columns, scope, Some(table), options)?;
                    (None, None)
                }
                other => return Err(refuse(format!("SELECT {} is not supported: name each column once", shortened(&other.to_string())))),
            };
            let found = match expr {
                Some(expr) => functions::walk(self, expr, scope, Clause::Select)?,
                None => Found::default(),
            };
            if let Some(expr) = expr {
                let name = alias.map(str::to_owned).or_else(|| column_name(expr)).unwrap_or_default();
                if !name.is_empty() && columns.contains(&name) {
                    return Err(refuse(format!("two columns of the result are called {name}: give one another name with AS")));
                }
                columns.push(name);
            }
            items.push(Item { expr, alias, found });
        }
        Ok((items, columns))
    }

    fn keys<'a>(&mut self, select: &'a Select, scope: &Scope, items: &[Item<'_>], aliases: &[String]) -> Result<Keys<'a>, Error> {
        let mut keys = Keys { exprs: Vec::new(), names: BTreeSet::new(), places: BTreeSet::new() };
        let GroupByExpr::Expressions(exprs, _) = &select.group_by else { return Ok(keys) };
        for expr in exprs {
            functions::walk_with(self, expr, scope, Clause::GroupBy, aliases)?;
            if let Expr::Identifier(column) = expr
                && scope.has(&column.value)
                && items
                    .iter()
                    .any(|item| item.alias == Some(&column.value) && item.expr.and_then(column_name).as_ref() != Some(&column.value))
            {
                return Err(refuse(format!(
                    "GROUP BY {0}: {0} is a column of the table and the name of another expression: group by the expression, or give it another name",
                    column.value
                )));
            }
            if let Some(name) = column_name(expr)
                && !keys.names.insert(name.clone())
            {
                return Err(refuse(format!("two keys of GROUP BY are called {name}: rename one in a CTE, and group outside")));
            }
            if let Expr::Value(ValueWithSpan { value: Value::Number(place, _), .. }) = expr {
                keys.places.extend(place.parse::<usize>());
            }
            keys.exprs.push(expr);
        }
        Ok(keys)
    }

    fn having(&mut self, select: &Select, scope: &Scope, aliases: &[String], keys: &Keys<'_>) -> Result<(), Error> {
        let Some(having) = &select.having else { return Ok(()) };
        if keys.exprs.is_empty() {
            return Err(refuse("HAVING without GROUP BY: use WHERE, or filter outside a CTE"));
        }
        let found = functions::walk_with(self, having, scope, Clause::Having, aliases)?;
        match found.columns.iter().find(|column| scope.has(column)) {
            Some(column) => {
                Err(refuse(format!("HAVING tests groups, and {column} is a column of rows: test it in WHERE, or put it into an aggregate")))
            }
            None => Ok(()),
        }
    }

    fn order(&mut self, element: &OrderByExpr, visible: &Visible<'_>) -> Result<(), Error> {
        let text = || shortened(&element.expr.to_string());
        let found = functions::walk_with(self, &element.expr, visible.scope, Clause::OrderBy, visible.aliases)?;
        let selected = |column: &String| visible.aliases.contains(column) || visible.columns.contains(column);
        if visible.distinct
            && let Some(column) = found.columns.iter().find(|column| !selected(column))
        {
            return Err(refuse(format!(
                "ORDER BY {column} of a SELECT DISTINCT that does not select it: select it, or order by what is selected"
            )));
        }
        if !visible.grouped {
            return Ok(());
        }
        if let Expr::CompoundIdentifier(_) = &element.expr
            && visible.scope.sources.len() > 1
        {
            return Err(refuse(format!(
                "ORDER BY {} after a GROUP BY over a join: give the column a name with AS, and order by that",
                text()
            )));
        }
        match found.columns.iter().find(|column| !selected(column) && !visible.keys.names.contains(*column)) {
            Some(column) => Err(refuse(format!("ORDER BY {column}: it is neither selected nor in GROUP BY"))),
            None => Ok(()),
        }
    }
}

/// What an ORDER BY sees.
struct Visible<'a> {
    scope: &'a Scope,
    aliases: &'a [String],
    columns: &'a [String],
    keys: &'a Keys<'a>,
    grouped: bool,
    distinct: bool,
}

fn distinct(select: &Select) -> Result<bool, Error> {
    match &select.distinct {
        Some(Distinct::On(_)) => {
            Err(refuse("DISTINCT ON is not portable: filter ROW_NUMBER() OVER (PARTITION BY ... ORDER BY ...) = 1 outside a CTE"))
        }
        Some(Distinct::Distinct) => Ok(true),
        _ => Ok(false),
    }
}

/// In a grouped SELECT an entry is a key, or made of keys, or made of aggregates.
fn beside_aggregates(item: &Item<'_>, index: usize, keys: &Keys<'_>) -> Result<(), Error> {
    let Some(expr) = item.expr else {
        return Err(refuse("* beside an aggregate or GROUP BY: name the columns"));
    };
    let is_key = keys.exprs.contains(&expr)
        || keys.places.contains(&(index + 1))
        || item.alias.is_some_and(|alias| keys.names.contains(alias) && !item.found.aggregate);
    if is_key {
        return Ok(());
    }
    let is_grouped = !keys.exprs.is_empty();
    let stray = if item.found.aggregate {
        item.found.columns.iter().next()
    } else {
        item.found.columns.iter().find(|column| !keys.names.contains(*column))
    };
    match stray {
        None => Ok(()),
        Some(column) if item.found.aggregate && is_grouped => {
            Err(refuse(format!("{column} and an aggregate in one expression: select both in a CTE, and combine them outside")))
        }
        Some(column) if is_grouped => {
            Err(refuse(format!("{column} is neither in GROUP BY nor in an aggregate: add it to GROUP BY, or write MAX({column})")))
        }
        Some(column) => Err(refuse(format!("{column} stands beside an aggregate without GROUP BY: add GROUP BY {column}"))),
    }
}

/// The names under which all keys were selected, if they were.
fn output_keys(keys: &Keys<'_>, items: &[Item<'_>], columns: &[String], distinct: bool) -> Vec<String> {
    if distinct {
        return columns.to_vec();
    }
    let name_of = |key: &&Expr| {
        let place = items.iter().enumerate().position(|(place, item)| {
            let by_place =
                matches!(key, Expr::Value(ValueWithSpan { value: Value::Number(number, _), .. }) if number.parse() == Ok(place + 1));
            let by_alias = item.alias.is_some() && item.alias.map(str::to_owned) == column_name(key);
            by_place || by_alias || item.expr == Some(key)
        });
        place.and_then(|place| columns.get(place)).filter(|name| !name.is_empty()).cloned()
    };
    keys.exprs.iter().map(name_of).collect::<Option<Vec<_>>>().unwrap_or_default()
}

/// The columns of `*` or `table.*`, those of EXCLUDE left out.
fn add_columns(
    columns: &mut Vec<String>,
    scope: &Scope,
    table: Option<&ObjectName>,
    options: &WildcardAdditionalOptions,
) -> Result<(), Error> {
    if options.opt_ilike.is_some() || options.opt_rename.is_some() || options.opt_replace.is_some() || options.opt_alias.is_some() {
        return Err(refuse("* takes EXCLUDE (a, b) only: name the columns instead"));
    }
    let table = table.map(ToString::to_string);
    if let Some(table) = &table
        && !scope.sources.iter().any(|source| source.name == *table)
    {
        let hint = did_you_mean(table, scope.sources.iter().map(|source| source.name.as_str()));
        return Err(refuse(format!("table {table} is not in this FROM{hint}")));
    }
    if scope.sources.is_empty() {
        return Err(refuse("* stands in a SELECT without FROM"));
    }
    let excluded = excluded(options);
    for source in scope.sources.iter().filter(|source| table.as_ref().is_none_or(|table| source.name == *table)) {
        for column in source.relation.columns.iter().filter(|column| !excluded.contains(*column)) {
            // Polars gives a second column of one name the name of its table too.
            let twice = columns.contains(column);
            columns.push(if twice { format!("{column}:{}", source.name) } else { column.clone() });
        }
    }
    Ok(())
}

fn excluded(options: &WildcardAdditionalOptions) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    match &options.opt_exclude {
        Some(ExcludeSelectItem::Single(name)) => names.extend([name.to_string()]),
        Some(ExcludeSelectItem::Multiple(all)) => names.extend(all.iter().map(ToString::to_string)),
        None => {}
    }
    if let Some(except) = &options.opt_except {
        names.extend(std::iter::once(&except.first_element).chain(&except.additional_elements).map(|ident| ident.value.clone()));
    }
    names
}
