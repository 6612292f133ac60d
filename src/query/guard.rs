//! Reads a statement as polars does and refuses what polars would get wrong.
//!
//! Nothing here changes the statement: a printed syntax tree does not always
//! read back as it was (sqlparser 0.62 leaves some quotes undoubled).

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use sqlparser::ast::{
    Cte, Expr, GroupByExpr, Ident, LimitClause, OrderByExpr, OrderByKind, Query, Select, SetExpr, SetOperator, SetQuantifier, Statement,
    TableFactor, TableWithJoins, With,
};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::{Parser, ParserError, ParserOptions};

use super::scope::{Relation, Scope, Source, did_you_mean};
use super::{joins, refuse, subqueries, tokens};
use crate::error::Error;

/// How many scans of tables one statement may unfold to; CTEs that use each other twice double it each.
const MAX_SCANS: usize = 256;

/// What the engine has to know of a statement.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// It has an ORDER BY of its own.
    pub(super) ordered: bool,
    /// Its rows come in the order of one table.
    pub(super) plain: bool,
    /// The names of its columns; empty where the statement gives none.
    pub(super) columns: Vec<String>,
}

/// Refuses, or says how the statement is to be run.
pub(super) fn guard(sql: &str, tables: &[(&str, Vec<String>)]) -> Result<Plan, Error> {
    tokens::measure(sql)?;
    let query = parse(sql)?;
    let mut guard = Guard::new(tables);
    let relation = guard.query(&query, Place::Top)?;
    Ok(Plan { ordered: !order_of(&query)?.is_empty(), plain: relation.plain, columns: relation.columns })
}

/// The one query that the text holds, read with the same dialect and options as by polars.
fn parse(sql: &str) -> Result<Query, Error> {
    let options = ParserOptions { trailing_commas: true, ..ParserOptions::default() };
    let dialect = GenericDialect;
    let parser = Parser::new(&dialect).with_options(options).try_with_sql(sql);
    let statements = parser.and_then(|mut parser| parser.parse_statements()).map_err(|error| match error {
        ParserError::RecursionLimitExceeded => refuse("the statement is nested too deep: split it into CTEs (WITH x AS (...))"),
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => {
            refuse(format!("no SQL that can be read: {}", lower_first(&text)))
        }
    })?;
    match <[Statement; 1]>::try_from(statements) {
        Ok([Statement::Query(query)]) => Ok(*query),
        Ok(_) => Err(refuse("the tables are read-only: give one SELECT statement")),
        Err(statements) => Err(refuse(format!("{} statements in one: give one SELECT statement", statements.len()))),
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

/// Where a query stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is the statement.
    Top,
    /// It is a CTE, a table in FROM or the right side of IN.
    Inner,
}

/// The tables and CTEs that are known at a point of the statement.
#[derive(Debug)]
pub(super) struct Guard {
    tables: BTreeMap<String, Rc<Relation>>,
    ctes: BTreeMap<String, Rc<Relation>>,
    /// The scans of the subqueries in WHERE that were met.
    pub(super) subquery_scans: usize,
}

impl Guard {
    fn new(tables: &[(&str, Vec<String>)]) -> Self {
        let relation = |columns: &Vec<String>| Relation { columns: columns.clone(), keys: Vec::new(), plain: true, scans: 1 };
        let tables = tables.iter().map(|(name, columns)| ((*name).to_owned(), Rc::new(relation(columns)))).collect();
        Self { tables, ctes: BTreeMap::new(), subquery_scans: 0 }
    }

    /// A whole query: its CTEs, its body, its order and its limit.
    pub(super) fn query(&mut self, query: &Query, place: Place) -> Result<Relation, Error> {
        if let Some(with) = &query.with {
            if place != Place::Top {
                return Err(refuse("WITH inside a subquery is not seen by the engine: put all CTEs at the top of the statement"));
            }
            self.with(with)?;
        }
        let order = order_of(query)?;
        let relation = match query.body.as_ref() {
            SetExpr::Query(inner) if order.is_empty() && !limits(query) && inner.order_by.is_none() && !limits(inner) => {
                self.query(inner, Place::Inner)?
            }
            SetExpr::Query(_) => {
                return Err(refuse("ORDER BY and LIMIT stand half inside parentheses: take the parentheses around the SELECT away"));
            }
            body => self.body(body, order, true)?,
        };
        if relation.scans > MAX_SCANS {
            return Err(refuse(format!("the CTEs unfold to more than {MAX_SCANS} scans of tables: use each less often")));
        }
        if limits(query) {
            limit(order, &relation, place)?;
        }
        Ok(relation)
    }

    fn with(&mut self, with: &With) -> Result<(), Error> {
        if with.recursive {
            return Err(refuse("WITH RECURSIVE is not supported: ask level by level, one CTE each"));
        }
        with.cte_tables.iter().try_for_each(|cte| self.cte(cte))
    }

    fn cte(&mut self, cte: &Cte) -> Result<(), Error> {
        let name = &cte.alias.name.value;
        if self.knows(name) {
            return Err(refuse(format!(
                "WITH {name}: there is a table of that name, which the engine would read instead: choose another name"
            )));
        }
        let mut relation = self.query(&cte.query, Place::Inner)?;
        rename(&mut relation, &cte.alias.columns.iter().map(|column| &column.name).collect::<Vec<_>>(), name)?;
        self.ctes.insert(name.clone(), Rc::new(relation));
        Ok(())
    }

    fn knows(&self, name: &str) -> bool {
        self.tables.contains_key(name) || self.ctes.contains_key(name)
    }

    /// One SELECT, or several joined by UNION, EXCEPT or INTERSECT.
    fn body(&mut self, body: &SetExpr, order: &[OrderByExpr], outermost: bool) -> Result<Relation, Error> {
        match body {
            SetExpr::Select(select) => self.select(select, order),
            SetExpr::Query(query) => self.query(query, Place::Inner),
            SetExpr::SetOperation { op, set_quantifier, left, right } => {
                let deeper = |side: &SetExpr| matches!(side, SetExpr::SetOperation { .. });
                if *op != SetOperator::Union && (!outermost || deeper(left) || deeper(right)) {
                    return Err(refuse(format!(
                        "{op} beside another UNION, EXCEPT or INTERSECT is mistaken by the engine: put it into a CTE of its own"
                    )));
                }
                if matches!(set_quantifier, SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName) {
                    return Err(refuse(format!("{op} BY NAME is not supported: name the columns in the same order on both sides")));
                }
                let mut sides = [self.body(left, &[], false)?, self.body(right, &[], false)?];
                if let [left, right] = &sides
                    && left.columns.len() != right.columns.len()
                {
                    return Err(refuse(format!(
                        "{op} of {} columns with {}: select the same columns on both sides",
                        left.columns.len(),
                        right.columns.len()
                    )));
                }
                union_order(order, &sides)?;
                let scans = sides.iter().map(|side| side.scans).sum();
                Ok(Relation {
                    columns: sides.first_mut().map(|side| std::mem::take(&mut side.columns)).unwrap_or_default(),
                    keys: Vec::new(),
                    plain: false,
                    scans,
                })
            }
            _ => Err(refuse("only SELECT can be asked here: write SELECT ... FROM ...")),
        }
    }

    fn select(&mut self, select: &Select, order: &[OrderByExpr]) -> Result<Relation, Error> {
        if select.qualify.is_some() {
            return Err(refuse("QUALIFY is not portable: name the window in a CTE and filter outside it"));
        }
        if !select.named_window.is_empty() {
            return Err(refuse("WINDOW names are ignored by some functions: write the window out after OVER"));
        }
        if matches!(select.group_by, GroupByExpr::All(_)) {
            return Err(refuse("GROUP BY ALL: name the columns to group by"));
        }
        let scope = self.from(&select.from)?;
        let before = std::mem::take(&mut self.subquery_scans);
        let subquery = match &select.selection {
            Some(filter) => subqueries::filter(self, filter, &scope)?,
            None => false,
        };
        let mut relation = self.outcome(select, order, &scope)?;
        relation.plain &= !subquery;
        relation.scans += std::mem::replace(&mut self.subquery_scans, before);
        Ok(relation)
    }

    /// The tables of a FROM.
    pub(super) fn from(&mut self, from: &[TableWithJoins]) -> Result<Scope, Error> {
        let mut scope = Scope::default();
        let table = match from {
            [] => return Ok(scope),
            [table] => table,
            _ => return Err(refuse("FROM a, b pairs every row with every row: write FROM a JOIN b ON a.x = b.x")),
        };
        let first = self.factor(&table.relation)?;
        scope.sources.push(first);
        for join in &table.joins {
            let source = self.factor(&join.relation)?;
            if scope.sources.iter().any(|other| other.name == source.name) {
                return Err(refuse(format!("two tables are called {0} in one FROM: give each its own name, {0} AS a", source.name)));
            }
            joins::add(self, &mut scope, source, &join.join_operator)?;
        }
        Ok(scope)
    }

    fn factor(&mut self, factor: &TableFactor) -> Result<Source, Error> {
        match factor {
            TableFactor::Table { name, alias, args, .. } => {
                let parts: Vec<&Ident> = name.0.iter().filter_map(|part| part.as_ident()).collect();
                let [ident] = parts.as_slice() else { return Err(self.no_table(&name.to_string())) };
                if args.is_some() {
                    return Err(refuse(format!(
                        "{}(...) is no table: only tables are read here, and files are given to trailsift as its SOURCE",
                        ident.value
                    )));
                }
                let known = self.tables.get(&ident.value).or_else(|| self.ctes.get(&ident.value));
                let Some(relation) = known.filter(|_| ident.quote_style != Some('\'')).map(Rc::clone) else {
                    return Err(self.no_table(&ident.value));
                };
                let Some(alias) = alias else { return Ok(Source { name: ident.value.clone(), relation }) };
                if !alias.columns.is_empty() {
                    return Err(refuse(format!("AS {}(...) names no columns of a table here: rename them in a SELECT", alias.name.value)));
                }
                if alias.name.value != ident.value {
                    self.alias_is_free(&alias.name.value)?;
                }
                Ok(Source { name: alias.name.value.clone(), relation })
            }
            TableFactor::Derived { subquery, alias: Some(alias), .. } => {
                self.alias_is_free(&alias.name.value)?;
                let mut relation = self.query(subquery, Place::Inner)?;
                rename(&mut relation, &alias.columns.iter().map(|column| &column.name).collect::<Vec<_>>(), &alias.name.value)?;
                Ok(Source { name: alias.name.value.clone(), relation: Rc::new(relation) })
            }
            TableFactor::Derived { .. } => Err(refuse("a SELECT in FROM has no name: write (SELECT ...) AS x")),
            TableFactor::UNNEST { .. } => Err(refuse("UNNEST in FROM: write SELECT UNNEST(column) AS x in a CTE")),
            other => Err(refuse(format!("FROM takes tables, CTEs and (SELECT ...) AS x, not {}", shortened(&other.to_string())))),
        }
    }

    fn no_table(&self, name: &str) -> Error {
        if name.contains(['.', '/', '\\', '*', ':']) {
            return refuse(format!("{name} is no table: only tables are read here, and files are given to trailsift as its SOURCE"));
        }
        let known = || self.tables.keys().chain(self.ctes.keys()).map(String::as_str);
        let hint = did_you_mean(name, known());
        let all = if hint.is_empty() { format!(": there are {}", known().collect::<Vec<_>>().join(", ")) } else { hint };
        refuse(format!("no table is called {name}{all}"))
    }

    fn alias_is_free(&self, alias: &str) -> Result<(), Error> {
        if self.knows(alias) {
            return Err(refuse(format!(
                "AS {alias}: a table or CTE has that name, and the engine would mistake them: choose another name"
            )));
        }
        Ok(())
    }
}

/// Gives a relation the column names of `AS x(a, b)`.
fn rename(relation: &mut Relation, names: &[&Ident], table: &str) -> Result<(), Error> {
    if names.is_empty() {
        return Ok(());
    }
    if names.len() != relation.columns.len() {
        return Err(refuse(format!("{table} has {} columns and {} names", relation.columns.len(), names.len())));
    }
    relation.columns = names.iter().map(|name| name.value.clone()).collect();
    relation.keys.clear();
    Ok(())
}

fn order_of(query: &Query) -> Result<&[OrderByExpr], Error> {
    match query.order_by.as_ref().map(|order| &order.kind) {
        None => Ok(&[]),
        Some(OrderByKind::Expressions(order)) => Ok(order),
        Some(OrderByKind::All(_)) => Err(refuse("ORDER BY ALL: name the columns to order by")),
    }
}

fn limits(query: &Query) -> bool {
    let offset_only = matches!(&query.limit_clause, Some(LimitClause::LimitOffset { limit: None, offset: None, .. }));
    query.fetch.is_some() || (query.limit_clause.is_some() && !offset_only)
}

/// A LIMIT must take the same rows on every run.
fn limit(order: &[OrderByExpr], relation: &Relation, place: Place) -> Result<(), Error> {
    if order.is_empty() {
        if relation.plain {
            return Ok(());
        }
        return Err(refuse("LIMIT without ORDER BY takes other rows on each run: add an ORDER BY"));
    }
    // The engine breaks the ties of the outermost ORDER BY itself.
    let names: BTreeSet<_> = order.iter().filter_map(|element| column_name(&element.expr)).collect();
    if place == Place::Top || relation.told_apart_by(&names) {
        return Ok(());
    }
    let key = relation.advised_key();
    Err(refuse(format!(
        "LIMIT in a CTE or subquery takes other rows on each run where its ORDER BY leaves ties: end the ORDER BY with {key}"
    )))
}

/// A UNION is ordered by place, or by a name that all its sides select: the engine orders each side too.
fn union_order(order: &[OrderByExpr], sides: &[Relation]) -> Result<(), Error> {
    for element in order {
        let by_place = matches!(&element.expr, Expr::Value(_));
        let by_name = column_name(&element.expr).is_some_and(|name| sides.iter().all(|side| side.columns.contains(&name)));
        if !by_place && !by_name {
            return Err(refuse(format!(
                "ORDER BY {} of a UNION: order by place (ORDER BY 1), or give the column the same name on all sides",
                shortened(&element.expr.to_string())
            )));
        }
    }
    Ok(())
}

/// The bare or qualified column that the expression is, if it is one.
pub(super) fn column_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|ident| ident.value.clone()),
        Expr::Nested(inner) => column_name(inner),
        _ => None,
    }
}

/// The beginning of a text, for a message.
pub(super) fn shortened(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(57).chain("...".chars()).collect() }
}
