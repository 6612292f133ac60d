//! Joins: by equality, between the tables before and the new one, and nothing one-sided.

use sqlparser::ast::{BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, ObjectName};

use super::functions::{self, Clause};
use super::guard::{Guard, shortened};
use super::refuse;
use super::scope::{Scope, Source};
use super::subqueries::conditions;
use crate::error::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inner,
    Left,
    RightOrFull,
    /// SEMI and ANTI: the new table's columns are gone afterwards.
    Filter,
}

/// Joins `source` to the tables of `scope`.
pub(super) fn add(guard: &mut Guard, scope: &mut Scope, source: Source, operator: &JoinOperator) -> Result<(), Error> {
    let (kind, constraint) = match operator {
        JoinOperator::Join(on) | JoinOperator::Inner(on) => (Kind::Inner, on),
        JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => (Kind::Left, on),
        JoinOperator::Right(on) | JoinOperator::RightOuter(on) | JoinOperator::FullOuter(on) => (Kind::RightOrFull, on),
        JoinOperator::Semi(on) | JoinOperator::LeftSemi(on) | JoinOperator::Anti(on) | JoinOperator::LeftAnti(on) => (Kind::Filter, on),
        JoinOperator::CrossJoin(_) => {
            return Err(refuse("CROSS JOIN pairs every row with every row: join by equality, JOIN b ON a.x = b.x"));
        }
        _ => return Err(refuse("this kind of join is not supported: use JOIN, LEFT JOIN, RIGHT JOIN, FULL JOIN, SEMI JOIN or ANTI JOIN")),
    };
    let before = scope.sources.len();
    scope.sources.push(source);
    match constraint {
        JoinConstraint::On(on) => by_conditions(guard, scope, on, kind)?,
        JoinConstraint::Using(names) => using(scope, names, kind, before)?,
        JoinConstraint::Natural => return Err(refuse("NATURAL JOIN joins whatever happens to have one name: write USING (column)")),
        JoinConstraint::None => {
            return Err(refuse("a JOIN without ON pairs every row with every row: join by equality, JOIN b ON a.x = b.x"));
        }
    }
    if kind == Kind::Filter {
        scope.sources.truncate(before);
    }
    Ok(())
}

fn using(scope: &mut Scope, names: &[ObjectName], kind: Kind, before: usize) -> Result<(), Error> {
    if kind == Kind::RightOrFull {
        return Err(refuse(
            "USING with a RIGHT or FULL JOIN leaves the column null for rows of the right table: write ON, and COALESCE(a.x, b.x)",
        ));
    }
    for ident in names.iter().flat_map(|name| name.0.iter().filter_map(|part| part.as_ident())) {
        let (left, right) = scope.sources.split_at(before);
        for tables in [left, right] {
            let side = Scope { sources: tables.to_vec(), shared: scope.shared.clone() };
            side.place_of(ident)?;
        }
        scope.shared.insert(ident.value.clone());
    }
    Ok(())
}

fn by_conditions(guard: &mut Guard, scope: &Scope, on: &Expr, kind: Kind) -> Result<(), Error> {
    let mut equal = false;
    for condition in conditions(on) {
        functions::walk(guard, condition, scope, Clause::On)?;
        let Some((operator, sides)) = comparison(condition) else {
            return Err(refuse(format!(
                "ON takes comparisons of two tables joined by AND: move {} to WHERE",
                shortened(&condition.to_string())
            )));
        };
        if !bridges(scope, sides)? {
            return Err(one_sided(condition, kind));
        }
        match operator {
            BinaryOperator::Eq => equal = true,
            _ if kind == Kind::Inner => {}
            _ => {
                return Err(refuse(format!(
                    "{} in the ON of an outer, SEMI or ANTI join drops rows: join by equality and test the rest with CASE or in a CTE",
                    shortened(&condition.to_string())
                )));
            }
        }
    }
    if equal {
        return Ok(());
    }
    Err(refuse("a join by inequality alone pairs nearly every row with every row: join by equality too, or use LAG in a window"))
}

fn comparison(condition: &Expr) -> Option<(&BinaryOperator, [&Expr; 2])> {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    match condition {
        Expr::BinaryOp { left, op: op @ (Eq | NotEq | Lt | LtEq | Gt | GtEq), right } => Some((op, [left, right])),
        _ => None,
    }
}

fn one_sided(condition: &Expr, kind: Kind) -> Error {
    let text = shortened(&condition.to_string());
    match kind {
        Kind::Inner => refuse(format!("ON {text} is about one table only: move it to WHERE")),
        _ => refuse(format!(
            "ON {text} is about one table only, and the engine drops rows for it: filter that table in a CTE, and join the CTE"
        )),
    }
}

/// Whether one side is about the new table alone and the other about those before it.
fn bridges(scope: &Scope, sides: [&Expr; 2]) -> Result<bool, Error> {
    let new = scope.sources.len().saturating_sub(1);
    let mut about_new = Vec::new();
    for side in sides {
        let places = functions::columns_of(side).iter().map(|column| place(scope, column)).collect::<Result<Vec<_>, _>>()?;
        let news = places.iter().filter(|place| **place == new).count();
        about_new.push(match news {
            _ if places.is_empty() => return Ok(false),
            0 => false,
            all if all == places.len() => true,
            _ => return Ok(false),
        });
    }
    Ok(about_new.iter().any(|new| *new) && about_new.iter().any(|new| !new))
}

fn place(scope: &Scope, column: &[Ident]) -> Result<usize, Error> {
    match column {
        [table, column] => scope.place_of_qualified(table, column),
        [column] => scope.place_of(column),
        _ => Err(refuse("a column has the form table.column")),
    }
}
