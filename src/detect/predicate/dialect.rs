//! The language of conditions, as `sqlparser` wants to be told.

use sqlparser::ast::Expr;
use sqlparser::dialect::Dialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::Token;

/// Whether a name in a predicate is read as a name, and not as a word of SQL.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let Ok(mut parser) = Parser::new(&RuleLanguage).try_with_sql(&format!("{name} is null")) else { return false };
    let Ok(Expr::IsNull(operand)) = parser.parse_expr() else { return false };
    matches!(*operand, Expr::Identifier(ident) if ident.value == name) && parser.peek_token().token == Token::EOF
}

/// Plain SQL, without any dialect's words and operators.
#[derive(Debug)]
pub(super) struct RuleLanguage;

impl Dialect for RuleLanguage {
    fn is_identifier_start(&self, letter: char) -> bool {
        letter.is_ascii_alphabetic() || letter == '_'
    }

    fn is_identifier_part(&self, letter: char) -> bool {
        letter.is_ascii_alphanumeric() || letter == '_'
    }

    /// Reads `is [not] distinct from` with the precedence of `is`: sqlparser 0.62 takes
    /// everything after it, `and` and `or` included, for the right-hand side.
    fn parse_infix(&self, parser: &mut Parser<'_>, left: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        let not = if parser.parse_keywords(&[Keyword::IS, Keyword::DISTINCT, Keyword::FROM]) {
            false
        } else if parser.parse_keywords(&[Keyword::IS, Keyword::NOT, Keyword::DISTINCT, Keyword::FROM]) {
            true
        } else {
            return None;
        };
        let left = Box::new(left.clone());
        Some(
            parser
                .parse_subexpr(precedence)
                .map(Box::new)
                .map(|right| if not { Expr::IsNotDistinctFrom(left, right) } else { Expr::IsDistinctFrom(left, right) }),
        )
    }
}
