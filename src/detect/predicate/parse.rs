//! From text to [`Predicate`]: what `sqlparser` reads is held against the grammar
//! of rules and against the kinds of its operands; all else is refused with a
//! sentence that says what to write instead.

use sqlparser::ast::{BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, UnaryOperator, Value};
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

use super::dialect::RuleLanguage;
use super::kinds::{integer, one_kind, word};
use super::refusal::refusal;
use super::{Arithmetic, Comparison, Literal, Literals, Operand, Pattern, Predicate, Scope, Yields, list};

/// The longest text of a predicate, in bytes: the tree of a longer one could outgrow a thread's stack.
const MAX_BYTES: usize = 32 * 1024;
/// The deepest nesting, not counting chains of `and` and `or`.
const MAX_DEPTH: u32 = 64;

impl Predicate {
    /// The predicate that `text` spells, with the names of `scope`.
    ///
    /// Parameters are put in as values, never as text.
    ///
    /// # Errors
    /// A sentence that says what is wrong and, where it is known, what was meant.
    pub fn parse(text: &str, scope: &Scope) -> Result<Self, String> {
        if text.len() > MAX_BYTES {
            return Err(format!("the condition has {} bytes, more than {MAX_BYTES}: put long lists under `lists`", text.len()));
        }
        let mut parser = Parser::new(&RuleLanguage).try_with_sql(text).map_err(|error| syntax(&error))?;
        if parser.peek_token().token == Token::EOF {
            return Err("the condition is empty: write `true` to match every event".to_owned());
        }
        let expr = parser.parse_expr().map_err(|error| syntax(&error))?;
        let left_over = parser.peek_token();
        if left_over.token != Token::EOF {
            return Err(format!("the condition ends before `{}`: join conditions with `and` or `or`", left_over.token));
        }
        Reader { scope, depth: 0 }.predicate(&expr)
    }
}

fn syntax(error: &ParserError) -> String {
    match error {
        ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
            let text = text.replace("Expected: ", "expected ").replace(", found: ", ", found ").replace(" at Line: ", " at line ");
            format!("the condition is not SQL: {}", text.replace(", Column: ", ", column "))
        }
        ParserError::RecursionLimitExceeded => "the condition is nested too deeply".to_owned(),
    }
}

/// Reads one level of the tree.
#[derive(Clone, Copy)]
struct Reader<'s> {
    scope: &'s Scope,
    depth: u32,
}

impl Reader<'_> {
    fn inside(self) -> Result<Self, String> {
        if self.depth >= MAX_DEPTH {
            return Err(format!("the condition is nested deeper than {MAX_DEPTH} levels"));
        }
        Ok(Self { depth: self.depth + 1, ..self })
    }

    fn predicate(self, expr: &Expr) -> Result<Predicate, String> {
        let inner = self.inside()?;
        match expr {
            Expr::Nested(expr) => inner.predicate(expr),
            Expr::BinaryOp { op: op @ (BinaryOperator::And | BinaryOperator::Or), .. } => inner.chain(expr, op),
            Expr::BinaryOp { left, op, right } if comparison(op).is_some() => {
                let (left, right) = inner.pair(left, right, true)?;
                Ok(Predicate::Compare(left, comparison(op).unwrap_or(Comparison::Equal), right))
            }
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => Ok(negated(true, inner.predicate(expr)?)),
            Expr::IsDistinctFrom(left, right) => inner.pair(left, right, false).map(|(l, r)| negated(true, Predicate::Same(l, r))),
            Expr::IsNotDistinctFrom(left, right) => inner.pair(left, right, false).map(|(l, r)| Predicate::Same(l, r)),
            Expr::IsNull(expr) => inner.operand(expr).map(Predicate::Null),
            Expr::IsNotNull(expr) => inner.operand(expr).map(|operand| negated(true, Predicate::Null(operand))),
            Expr::InList { expr, list, negated: not } => Ok(negated(*not, inner.among(expr, list)?)),
            Expr::Between { expr, negated: not, low, high } => {
                let (value, low) = inner.pair(expr, low, true)?;
                let (value_again, high) = inner.pair(expr, high, true)?;
                let low = Predicate::Compare(value, Comparison::AtLeast, low);
                Ok(negated(*not, Predicate::All(vec![low, Predicate::Compare(value_again, Comparison::AtMost, high)])))
            }
            Expr::Like { negated: not, any: false, expr, pattern, escape_char: None } => {
                let text = inner.text(expr, "like")?;
                let Operand::Literal(Literal::Text(pattern)) = inner.operand(pattern)? else {
                    return Err(format!("`{pattern}` after `like` has to be a text or a parameter that is one"));
                };
                Ok(negated(*not, Predicate::Like(text, Pattern::new(pattern))))
            }
            Expr::Function(function) if is_named(function, "in_list") || is_named(function, "in_network") => inner.in_list(function),
            _ => inner.flag(expr),
        }
    }

    /// A chain of one operator, which the parser nests to the left as deep as it is long.
    fn chain(self, expr: &Expr, op: &BinaryOperator) -> Result<Predicate, String> {
        let mut parts = Vec::new();
        let mut rest = expr;
        while let Expr::BinaryOp { left, op: this, right } = rest
            && this == op
        {
            parts.push(self.predicate(right)?);
            rest = left;
        }
        parts.push(self.predicate(rest)?);
        parts.reverse();
        Ok(if *op == BinaryOperator::And { Predicate::All(parts) } else { Predicate::Any(parts) })
    }

    /// An operand that is a condition by itself.
    fn flag(self, expr: &Expr) -> Result<Predicate, String> {
        match self.operand(expr)? {
            Operand::Literal(Literal::Flag(value)) => Ok(Predicate::Const(value)),
            Operand::Truth(condition) => Ok(*condition),
            operand if operand.yields() == Yields::Flag => Ok(Predicate::Flag(operand)),
            operand if operand.yields() == Yields::Field => {
                Err(format!("`{expr}` is a field, so text, where a condition is needed: write `{expr} = 'true'`"))
            }
            operand => Err(format!("`{expr}` is {} where a condition is needed: compare it with something", word(operand.yields()))),
        }
    }

    fn operand(self, expr: &Expr) -> Result<Operand, String> {
        let inner = self.inside()?;
        match expr {
            Expr::Nested(expr) => inner.operand(expr),
            Expr::Identifier(name) if name.quote_style.is_some() => {
                Err(format!("{name} is a name in double quotes: text stands in single quotes"))
            }
            Expr::Identifier(name) => inner.scope.operand(&name.value),
            Expr::CompoundIdentifier(_) | Expr::CompoundFieldAccess { .. } | Expr::JsonAccess { .. } => {
                Err(format!("`{expr}` cannot be named here: give a nested value a name of its own, `fields: {{name: {expr}}}`"))
            }
            Expr::Value(value) => match &value.value {
                Value::Placeholder(name) => inner.placeholder(name),
                value => Self::literal(value).map(Operand::Literal),
            },
            Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match inner.operand(expr)? {
                Operand::Literal(Literal::Int(number)) => Ok(Operand::Literal(Literal::Int(number.wrapping_neg()))),
                value => {
                    Ok(Operand::Arithmetic(Box::new(Operand::Literal(Literal::Int(0))), Arithmetic::Minus, Box::new(integer(value, expr)?)))
                }
            },
            Expr::BinaryOp { left, op, right } if arithmetic(op).is_some() => Ok(Operand::Arithmetic(
                Box::new(integer(inner.operand(left)?, left)?),
                arithmetic(op).unwrap_or(Arithmetic::Plus),
                Box::new(integer(inner.operand(right)?, right)?),
            )),
            Expr::Function(function) if is_named(function, "lower") => {
                let [argument] = arguments(function)?[..] else {
                    return Err(format!("`{function}`: lower() takes one text"));
                };
                Ok(Operand::Lower(Box::new(inner.text(argument, "lower()")?)))
            }
            Expr::Function(function) if is_named(function, "coalesce") => {
                let values = arguments(function)?.into_iter().map(|argument| Ok((inner.operand(argument)?, argument)));
                one_kind(values.collect::<Result<_, String>>()?).map(Operand::Coalesce)
            }
            Expr::Case { operand, conditions, else_result, .. } => inner.case(operand.as_deref(), conditions, else_result.as_deref()),
            _ if is_condition(expr) => inner.predicate(expr).map(|condition| Operand::Truth(Box::new(condition))),
            _ => Err(refusal(expr)),
        }
    }

    fn literal(value: &Value) -> Result<Literal, String> {
        match value {
            Value::SingleQuotedString(text) => Ok(Literal::Text(text.clone())),
            Value::Boolean(flag) => Ok(Literal::Flag(*flag)),
            Value::Number(digits, _) => {
                digits.parse().map(Literal::Int).map_err(|_| format!("`{digits}` is not a whole number of 64 bits"))
            }
            Value::Null => Err("`null` stands only after `is` or `is not`: nothing equals it".to_owned()),
            Value::DoubleQuotedString(text) => Err(format!("\"{text}\" is in double quotes: text stands in single quotes")),
            _ => Err(format!("`{value}`: text stands in plain single quotes")),
        }
    }

    fn placeholder(self, placeholder: &str) -> Result<Operand, String> {
        let Some(name) = placeholder.strip_prefix(':') else {
            return Err(format!("`{placeholder}`: a parameter is written `:name`"));
        };
        if let Some(value) = self.scope.params.get(name) {
            return Ok(Operand::Literal(value.clone()));
        }
        if let Some(kind) = self.scope.bound.get(name) {
            return Ok(Operand::Outside(name.to_owned(), *kind));
        }
        if self.scope.lists.contains_key(name) {
            return Err(format!("`:{name}` is a list: use `in_list(column, :{name})` or `in_network(source_ip_address, :{name})`"));
        }
        let known = self.scope.params.keys().chain(self.scope.bound.keys()).chain(self.scope.lists.keys()).map(String::as_str);
        Err(super::names::unknown("parameter", name, known, "give it a value under `params`"))
    }

    /// Two operands of one kind; where `compared`, not both of them fixed.
    fn pair(self, left: &Expr, right: &Expr, compared: bool) -> Result<(Operand, Operand), String> {
        let operands = one_kind(vec![(self.operand(left)?, left), (self.operand(right)?, right)])?;
        let Ok([left_value, right_value]) = <[Operand; 2]>::try_from(operands) else {
            return Err(format!("`{left}` cannot be compared with `{right}`"));
        };
        if left_value.yields() == Yields::Opaque {
            let advice = "only `is null` can be asked of it; times are compared as `event_epoch`, in seconds";
            return Err(format!("`{left}` is {}: {advice}", word(Yields::Opaque)));
        }
        let literals = matches!((&left_value, &right_value), (Operand::Literal(_), Operand::Literal(_)));
        if compared && literals {
            return Err(format!("`{left}` and `{right}` are both fixed: compare a column or a field"));
        }
        Ok((left_value, right_value))
    }

    fn among(self, expr: &Expr, list: &[Expr]) -> Result<Predicate, String> {
        let mut parts = vec![(self.operand(expr)?, expr)];
        for item in list {
            parts.push((self.operand(item)?, item));
        }
        let mut parts = one_kind(parts)?.into_iter();
        let Some(value) = parts.next().filter(|value| value.yields() != Yields::Opaque) else {
            return Err(format!("`{expr}` is {}: only `is null` can be asked of it", word(Yields::Opaque)));
        };
        let items: Vec<Operand> = parts.collect();
        let literals = items.iter().map(|item| if let Operand::Literal(literal) = item { Some(literal.clone()) } else { None });
        Ok(match literals.collect::<Option<Literals>>() {
            Some(literals) => Predicate::Among(value, literals),
            None => Predicate::Any(items.into_iter().map(|item| Predicate::Compare(value.clone(), Comparison::Equal, item)).collect()),
        })
    }

    fn text(self, expr: &Expr, wanted_by: &str) -> Result<Operand, String> {
        let operand = self.operand(expr)?;
        match operand.yields() {
            Yields::Text | Yields::Field => Ok(operand),
            other => Err(format!("`{expr}` is {}: {wanted_by} works on text", word(other))),
        }
    }

    fn case(self, operand: Option<&Expr>, conditions: &[CaseWhen], otherwise: Option<&Expr>) -> Result<Operand, String> {
        let mut tests = Vec::new();
        let mut values = Vec::new();
        for CaseWhen { condition, result } in conditions {
            tests.push(match operand {
                Some(operand) => {
                    let (left, right) = self.pair(operand, condition, false)?;
                    Predicate::Compare(left, Comparison::Equal, right)
                }
                None => self.predicate(condition)?,
            });
            values.push((self.operand(result)?, result));
        }
        let otherwise = otherwise.filter(|expr| !matches!(expr, Expr::Value(value) if value.value == Value::Null));
        if let Some(expr) = otherwise {
            values.push((self.operand(expr)?, expr));
        }
        let mut values = one_kind(values)?;
        let last = if otherwise.is_some() { values.pop().map(Box::new) } else { None };
        Ok(Operand::Case(tests.into_iter().zip(values).collect(), last))
    }

    fn in_list(self, function: &Function) -> Result<Predicate, String> {
        let usage = || format!("`{function}`: write `{}(column, :list)`, with the list under `lists`", function.name);
        let [value, Expr::Value(list)] = arguments(function)?[..] else { return Err(usage()) };
        let Value::Placeholder(placeholder) = &list.value else { return Err(usage()) };
        let name = placeholder.trim_start_matches(':');
        let Some(items) = self.scope.lists.get(name) else {
            let known = self.scope.lists.keys().map(String::as_str);
            return Err(super::names::unknown("list", name, known, "give it under `lists`"));
        };
        let operand = self.text(value, "a list")?;
        if is_named(function, "in_list") {
            return Ok(Predicate::Among(operand, items.iter().cloned().map(Literal::Text).collect()));
        }
        list::in_networks(&operand, items).map_err(|reason| format!("`{function}`: {reason}"))
    }
}

fn negated(not: bool, predicate: Predicate) -> Predicate {
    if not { Predicate::Not(Box::new(predicate)) } else { predicate }
}

const fn comparison(op: &BinaryOperator) -> Option<Comparison> {
    Some(match op {
        BinaryOperator::Eq => Comparison::Equal,
        BinaryOperator::NotEq => Comparison::NotEqual,
        BinaryOperator::Lt => Comparison::Less,
        BinaryOperator::LtEq => Comparison::AtMost,
        BinaryOperator::Gt => Comparison::Greater,
        BinaryOperator::GtEq => Comparison::AtLeast,
        _ => return None,
    })
}

const fn arithmetic(op: &BinaryOperator) -> Option<Arithmetic> {
    Some(match op {
        BinaryOperator::Plus => Arithmetic::Plus,
        BinaryOperator::Minus => Arithmetic::Minus,
        BinaryOperator::Multiply => Arithmetic::Times,
        _ => return None,
    })
}

fn is_named(function: &Function, name: &str) -> bool {
    function.name.to_string().eq_ignore_ascii_case(name)
}

/// Whether the expression is a condition that may stand where a flag does.
fn is_condition(expr: &Expr) -> bool {
    match expr {
        Expr::BinaryOp { op, .. } => comparison(op).is_some() || matches!(op, BinaryOperator::And | BinaryOperator::Or),
        Expr::UnaryOp { op, .. } => *op == UnaryOperator::Not,
        Expr::Function(function) => is_named(function, "in_list") || is_named(function, "in_network"),
        Expr::Like { any, escape_char, .. } => !any && escape_char.is_none(),
        _ => matches!(
            expr,
            Expr::IsNull(_)
                | Expr::IsNotNull(_)
                | Expr::IsDistinctFrom(..)
                | Expr::IsNotDistinctFrom(..)
                | Expr::InList { .. }
                | Expr::Between { .. }
        ),
    }
}

/// The arguments of a plain call.
fn arguments(function: &Function) -> Result<Vec<&Expr>, String> {
    let plain = function.over.is_none()
        && function.filter.is_none()
        && function.null_treatment.is_none()
        && function.within_group.is_empty()
        && !function.uses_odbc_syntax
        && matches!(function.parameters, FunctionArguments::None);
    let refused = || format!("`{function}`: only plain arguments are allowed");
    let FunctionArguments::List(list) = &function.args else { return Err(refused()) };
    if !plain || list.duplicate_treatment.is_some() || !list.clauses.is_empty() || list.args.is_empty() {
        return Err(refused());
    }
    let expr = |argument| if let &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) = argument { Some(expr) } else { None };
    list.args.iter().map(expr).collect::<Option<_>>().ok_or_else(refused)
}
