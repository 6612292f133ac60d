//! What is said of SQL that is not part of a rule's language.

use sqlparser::ast::{BinaryOperator, Expr};

/// What to write in place of an expression that is not in the grammar.
pub(super) fn refusal(expr: &Expr) -> String {
    let advice = match expr {
        Expr::ILike { .. } => "use `lower(column) like 'pattern in lower case'`",
        Expr::Like { .. } => "`like` has no escape and takes one pattern",
        Expr::RLike { .. } | Expr::SimilarTo { .. } => "there are no regular expressions: use `like`, or a column that is derived already",
        Expr::InSubquery { .. } | Expr::Exists { .. } | Expr::Subquery(_) | Expr::InUnnest { .. } => {
            "a condition sees one event: use a rule of another kind"
        }
        Expr::IsTrue(_) | Expr::IsNotFalse(_) | Expr::IsFalse(_) | Expr::IsNotTrue(_) | Expr::IsUnknown(_) => {
            "write the flag itself, `not` before it, or `coalesce(flag, false)`"
        }
        Expr::Cast { .. } | Expr::Convert { .. } => "there are no casts: a field that is compared with an integer is read as one",
        Expr::TypedString(_) | Expr::Interval(_) | Expr::Extract { .. } | Expr::AtTimeZone { .. } => {
            "there are no dates: times are `event_epoch`, in seconds"
        }
        Expr::BinaryOp { op: BinaryOperator::Divide | BinaryOperator::Modulo, .. } => "integers have only `+`, `-` and `*`",
        Expr::BinaryOp { op: BinaryOperator::StringConcat, .. } => "texts cannot be joined: compare the parts",
        Expr::Function(_) => "the functions are lower, coalesce, in_list and in_network",
        _ => "use columns, fields, parameters, literals, comparisons, and, or, not, in, like, between, is null, case",
    };
    format!("`{expr}` is not part of a rule's language: {advice}")
}
