//! Expressions: every column is known, every function stands where it may.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArguments, Ident,
    OrderByExpr, Query, Value, ValueWithSpan, Visit as _, Visitor, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType,
};

use super::guard::{Guard, column_name, shortened};
use super::scope::Scope;
use super::{numbers, refuse, subqueries};
use crate::error::Error;

/// The part of a SELECT that an expression stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clause {
    Select,
    On,
    Where,
    GroupBy,
    Having,
    OrderBy,
}

/// What an expression is made of.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "four questions that each have their own answer")]
pub(super) struct Found {
    pub(super) aggregate: bool,
    pub(super) window: bool,
    pub(super) unnest: bool,
    pub(super) subquery: bool,
    /// The columns outside all aggregates.
    pub(super) columns: BTreeSet<String>,
}

const AGGREGATES: [&str; 28] = [
    "array_agg",
    "avg",
    "corr",
    "count",
    "covar",
    "covar_pop",
    "covar_samp",
    "first",
    "group_concat",
    "last",
    "listagg",
    "max",
    "median",
    "min",
    "quantile_cont",
    "quantile_disc",
    "stddev",
    "stddev_samp",
    "stdev",
    "stdev_samp",
    "string_agg",
    "sum",
    "total",
    "var",
    "var_samp",
    "variance",
    "first_value",
    "last_value",
];
const LISTING: [&str; 4] = ["array_agg", "string_agg", "listagg", "group_concat"];
/// Functions that need an order in their window.
const BY_ORDER: [&str; 6] = ["row_number", "rank", "dense_rank", "lag", "lead", "first_value"];
/// Functions that the engine runs along the order of their window, row by row.
const RUNNING: [&str; 5] = ["sum", "total", "min", "max", "count"];
/// Functions that it runs over the whole partition only.
const WHOLE: [&str; 9] = ["avg", "median", "stddev", "stddev_samp", "stdev", "stdev_samp", "var", "var_samp", "variance"];

/// Checks one expression and says what it is made of.
pub(super) fn walk(guard: &mut Guard, expr: &Expr, scope: &Scope, clause: Clause) -> Result<Found, Error> {
    walk_with(guard, expr, scope, clause, &[])
}

/// [`walk`], where the names of `aliases` may stand too.
pub(super) fn walk_with(guard: &mut Guard, expr: &Expr, scope: &Scope, clause: Clause, aliases: &[String]) -> Result<Found, Error> {
    let mut walk = Walk { guard, scope, clause, aliases, queries: 0, aggregates: 0, found: Found::default() };
    match expr.visit(&mut walk) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(walk.found),
    }
}

/// The columns of an expression as they are written, those of its subqueries left out.
pub(super) fn columns_of(expr: &Expr) -> Vec<Vec<Ident>> {
    struct Columns(usize, Vec<Vec<Ident>>);
    impl Visitor for Columns {
        type Break = ();
        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.0 -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Identifier(column) if self.0 == 0 => self.1.push(vec![column.clone()]),
                Expr::CompoundIdentifier(parts) if self.0 == 0 => self.1.push(parts.clone()),
                _ => {}
            }
            ControlFlow::Continue(())
        }
    }
    let mut columns = Columns(0, Vec::new());
    let _ = expr.visit(&mut columns);
    columns.1
}

struct Walk<'a> {
    guard: &'a mut Guard,
    scope: &'a Scope,
    clause: Clause,
    aliases: &'a [String],
    /// How many subqueries deep the walk is: those are checked in a scope of their own.
    queries: usize,
    aggregates: usize,
    found: Found,
}

impl Visitor for Walk<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<Error> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<Error> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        if self.queries > 0 {
            return ControlFlow::Continue(());
        }
        match self.look(expr) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        if self.queries == 0 && aggregate(expr) {
            self.aggregates -= 1;
        }
        ControlFlow::Continue(())
    }
}

impl Walk<'_> {
    fn look(&mut self, expr: &Expr) -> Result<(), Error> {
        match expr {
            Expr::Identifier(column) => self.column(column),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [table, column] => {
                    self.scope.place_of_qualified(table, column)?;
                    self.note(&column.value);
                    Ok(())
                }
                _ => Err(refuse("a column has the form table.column")),
            },
            Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) => {
                Err(refuse(format!("{name} has no value here: write the value itself, or give the rule a parameter of that name")))
            }
            Expr::Subquery(_) => Err(refuse("a subquery in place of one value is not supported: compute it in a CTE and join the CTE")),
            Expr::Exists { .. } => Err(refuse("EXISTS must be a condition of its own in WHERE, joined to others by AND: or use LEFT JOIN")),
            Expr::InSubquery { subquery, .. } => {
                if self.clause != Clause::Where {
                    return Err(refuse("IN (SELECT ...) stands in WHERE only: use LEFT JOIN here"));
                }
                self.found.subquery = true;
                subqueries::in_list(self.guard, subquery, self.scope)
            }
            // sqlparser 0.62 reads `a IS DISTINCT FROM b AND c` as `a IS DISTINCT FROM (b AND c)`.
            Expr::IsDistinctFrom(_, right) | Expr::IsNotDistinctFrom(_, right) if !single(right) => {
                Err(refuse("IS DISTINCT FROM takes all that follows for its right side: put it into parentheses, (a IS DISTINCT FROM b)"))
            }
            // `mend` writes IS TRUE as an operator that binds more than these.
            Expr::IsTrue(tested) | Expr::IsNotTrue(tested) | Expr::IsFalse(tested) | Expr::IsNotFalse(tested)
                if matches!(tested.as_ref(), Expr::Like { .. } | Expr::ILike { .. } | Expr::RLike { .. } | Expr::Between { .. }) =>
            {
                Err(refuse(format!("put the condition before IS into parentheses, ({}) IS ...", shortened(&tested.to_string()))))
            }
            Expr::AnyOp { compare_op: BinaryOperator::Eq, .. } => Ok(()),
            Expr::AnyOp { .. } | Expr::AllOp { .. } => {
                Err(refuse("ANY and ALL are mistaken by the engine, but for = ANY: write IN, NOT IN, or comparisons joined by AND and OR"))
            }
            Expr::Like { pattern, .. } | Expr::ILike { pattern, .. } => escapes(pattern),
            Expr::Function(function) => self.function(function),
            _ => numbers::operation(expr),
        }
    }

    fn column(&mut self, column: &Ident) -> Result<(), Error> {
        let alias = self.aliases.contains(&column.value);
        // GROUP BY and HAVING mean the table's column where both have one, ORDER BY the alias.
        if !alias || (self.clause != Clause::OrderBy && self.scope.has(&column.value)) {
            self.scope.place_of(column)?;
        }
        self.note(&column.value);
        Ok(())
    }

    fn note(&mut self, column: &str) {
        if self.aggregates == 0 {
            self.found.columns.insert(column.to_owned());
        }
    }

    fn function(&mut self, function: &Function) -> Result<(), Error> {
        if !matches!(function.name.0.as_slice(), [part] if part.as_ident().is_some_and(|name| name.quote_style.is_none())) {
            // What is looked for here by its name, the engine finds under any spelling of it.
            return Err(refuse(format!(
                "{}(...): a function's name stands alone and without quotes",
                shortened(&function.name.to_string())
            )));
        }
        let name = function_name(function);
        numbers::call(&name, function)?;
        if name == "columns" {
            return Err(refuse("COLUMNS(...): name the columns"));
        }
        if name == "unnest" {
            if self.clause != Clause::Select {
                return Err(refuse("UNNEST stands in the list of SELECT only: select it in a CTE, and filter outside"));
            }
            self.found.unnest = true;
        }
        match &function.over {
            Some(WindowType::NamedWindow(window)) => {
                Err(refuse(format!("OVER {window}: write the window out, OVER (PARTITION BY ... ORDER BY ...)")))
            }
            Some(WindowType::WindowSpec(window)) => self.window(&name, function, window),
            None if BY_ORDER.contains(&name.as_str()) => Err(refuse(format!("{} needs OVER (... ORDER BY ...)", name.to_uppercase()))),
            None if AGGREGATES.contains(&name.as_str()) => self.aggregate(&name, function),
            None => Ok(()),
        }
    }

    fn aggregate(&mut self, name: &str, function: &Function) -> Result<(), Error> {
        let loud = name.to_uppercase();
        match self.clause {
            Clause::Where | Clause::On => {
                return Err(refuse(format!("{loud} in WHERE or ON counts all rows, not groups: use HAVING, or filter outside a CTE")));
            }
            Clause::GroupBy => return Err(refuse(format!("{loud} in GROUP BY: compute it in a CTE and group by its name"))),
            Clause::OrderBy => {
                return Err(refuse(format!("ORDER BY {loud}(...): select it with a name, {loud}(...) AS n, and ORDER BY n")));
            }
            Clause::Select | Clause::Having => {}
        }
        if self.aggregates > 0 {
            return Err(refuse(format!("{loud} inside another aggregate: compute the inner one in a CTE")));
        }
        if matches!(name, "first" | "last" | "first_value" | "last_value") {
            return Err(refuse(format!(
                "{loud} without an order takes any row: use MIN or MAX, or ROW_NUMBER() OVER (... ORDER BY ...) = 1 in a CTE"
            )));
        }
        if LISTING.contains(&name) && !has_order(function) {
            return Err(refuse(format!("{loud} lists in no fixed order: write ORDER BY inside its parentheses, {loud}(x ORDER BY x)")));
        }
        if matches!(name, "sum" | "total") && arguments_columns(function).is_empty() {
            return Err(refuse(format!(
                "{loud} of no column is not summed here: multiply COUNT(*), or compute COUNT in a CTE and sum it outside"
            )));
        }
        // The engine counts such a value once a group.
        if name == "count" && arguments_columns(function).is_empty() && !counts_rows(function) {
            return Err(refuse(format!("{loud} of no column counts nothing of the rows: write COUNT(*)")));
        }
        if function.filter.as_ref().is_some_and(|filter| columns_of(filter).is_empty()) {
            return Err(refuse(format!("{loud} FILTER (WHERE ...) names no column: leave the filter away")));
        }
        self.aggregates += 1;
        self.found.aggregate = true;
        Ok(())
    }

    fn window(&mut self, name: &str, function: &Function, window: &WindowSpec) -> Result<(), Error> {
        let loud = name.to_uppercase();
        if !matches!(self.clause, Clause::Select) {
            return Err(refuse(format!("{loud} OVER (...) stands in the list of SELECT only: name it in a CTE, and use the name outside")));
        }
        self.found.window = true;
        let by_order = BY_ORDER.contains(&name);
        match (by_order, RUNNING.contains(&name), WHOLE.contains(&name)) {
            (false, false, false) => {
                let advice =
                    if name == "last_value" { "use FIRST_VALUE with the order turned around" } else { "group in a CTE, and join it" };
                return Err(refuse(format!("{loud} OVER (...) is not supported: {advice}")));
            }
            (_, _, true) if !window.order_by.is_empty() => {
                return Err(refuse(format!(
                    "{loud} OVER (... ORDER BY ...) is computed over the whole partition: leave ORDER BY away if that is meant"
                )));
            }
            (true, ..) if window.order_by.is_empty() => return Err(refuse(format!("{loud} needs OVER (... ORDER BY ...)"))),
            _ => {}
        }
        if distinct(function) && !window.order_by.is_empty() {
            return Err(refuse(format!(
                "{loud}(DISTINCT ...) OVER (... ORDER BY ...) is computed over the whole partition: leave ORDER BY away if that is meant"
            )));
        }
        frame(&loud, window)?;
        nulls(&window.order_by)?;
        let descends = |element: &OrderByExpr| element.options.asc == Some(false);
        if window.order_by.iter().any(descends) && !window.order_by.iter().all(descends) {
            return Err(refuse(format!(
                "{loud} OVER (... ORDER BY ...) takes one direction for all columns: write DESC after each, or turn a number around, ORDER BY -x"
            )));
        }
        if window.order_by.is_empty() || matches!(name, "rank" | "dense_rank") {
            return Ok(());
        }
        self.total_order(&loud, by_order, window)
    }

    /// Rows of equal order come in any order, and aggregates count them one by one.
    fn total_order(&self, loud: &str, by_order: bool, window: &WindowSpec) -> Result<(), Error> {
        let ordering = window.order_by.iter().map(|element| &element.expr);
        let names: BTreeSet<_> = ordering.chain(&window.partition_by).filter_map(column_name).collect();
        let known = match self.scope.sources.as_slice() {
            [only] => only.relation.told_apart_by(&names),
            _ => super::scope::EVENT_KEYS.iter().any(|key| key.iter().all(|column| names.contains(*column))),
        };
        if known {
            return Ok(());
        }
        let key = match self.scope.sources.as_slice() {
            [only] => only.relation.advised_key(),
            _ => "event_id".to_owned(),
        };
        let why = if by_order { "takes rows of equal order in any order" } else { "counts rows of equal order one by one, not together" };
        Err(refuse(format!("{loud} OVER (... ORDER BY ...) {why}: end the ORDER BY with {key}")))
    }
}

/// Whether the expression is one operand, which no operator after it could have joined.
const fn single(expr: &Expr) -> bool {
    use Expr::{Case, Cast, CompoundIdentifier, Function, Identifier, Nested, Value};
    matches!(expr, Identifier(_) | CompoundIdentifier(_) | Value(_) | Nested(_) | Function(_) | Cast { .. } | Case { .. })
}

/// The engine takes a backslash for itself, where others take it for an escape.
fn escapes(pattern: &Expr) -> Result<(), Error> {
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), .. }) = pattern else { return Ok(()) };
    if ["\\_", "\\%", "\\\\"].iter().any(|escape| text.contains(escape)) {
        return Err(refuse("LIKE knows no escapes: write STARTS_WITH(x, 'a_b'), ENDS_WITH(x, 'a_b') or STRPOS(x, 'a_b') > 0"));
    }
    Ok(())
}

pub(super) fn function_name(function: &Function) -> String {
    function.name.to_string().to_ascii_lowercase()
}

fn aggregate(expr: &Expr) -> bool {
    matches!(expr, Expr::Function(function) if function.over.is_none() && AGGREGATES.contains(&function_name(function).as_str()))
}

fn has_order(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return false };
    list.clauses.iter().any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_)))
}

fn distinct(function: &Function) -> bool {
    matches!(&function.args, FunctionArguments::List(list) if list.duplicate_treatment == Some(DuplicateTreatment::Distinct))
}

/// Whether it is `COUNT(*)`, or counts a literal, which is as much.
fn counts_rows(function: &Function) -> bool {
    let FunctionArguments::List(list) = &function.args else { return false };
    matches!(
        list.args.as_slice(),
        [FunctionArg::Unnamed(FunctionArgExpr::Wildcard | FunctionArgExpr::Expr(Expr::Value(_)))] if list.duplicate_treatment.is_none()
    )
}

fn arguments_columns(function: &Function) -> Vec<Vec<Ident>> {
    let bare = Function { filter: None, over: None, ..function.clone() };
    columns_of(&Expr::Function(bare))
}

fn frame(loud: &str, window: &WindowSpec) -> Result<(), Error> {
    let Some(frame) = &window.window_frame else { return Ok(()) };
    let running = frame.units == WindowFrameUnits::Rows
        && matches!(frame.start_bound, WindowFrameBound::Preceding(None))
        && matches!(frame.end_bound, None | Some(WindowFrameBound::CurrentRow))
        && !window.order_by.is_empty();
    if running {
        return Ok(());
    }
    Err(refuse(format!(
        "{loud} OVER (... {} ...): no frame but ROWS UNBOUNDED PRECEDING is supported: use LAG(x, n), or a join",
        frame.units
    )))
}

/// Nulls come last in every window (`tokens::mend` sees to it), and polars ignores what the window says.
fn nulls(order: &[OrderByExpr]) -> Result<(), Error> {
    let said = |element: &OrderByExpr| element.options.nulls_first;
    if order.iter().take(1).any(|element| matches!(element.expr, Expr::Case { else_result: None, .. })) {
        return Err(refuse("a window ordered by a CASE without ELSE puts its nulls first: end the CASE with ELSE"));
    }
    if order.iter().any(|element| said(element) == Some(true)) || order.iter().skip(1).any(|element| said(element).is_some()) {
        return Err(refuse("NULLS FIRST, or NULLS LAST after the first column, is ignored in a window: order by COALESCE(column, ...)"));
    }
    Ok(())
}
