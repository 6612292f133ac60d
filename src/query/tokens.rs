//! Statements as tokens: the limits of their size, and values in the place of `:name`.

use sqlparser::dialect::GenericDialect;
use sqlparser::tokenizer::{Token, Tokenizer, Word};

use super::refuse;
use crate::error::Error;

/// The longest statement; a rule's `IN` list of 2,000 addresses fits.
const MAX_BYTES: usize = 64 << 10;
/// The most operators: each may be a level of the syntax tree, and polars' planner takes seconds for 2,000 levels.
const MAX_OPERATORS: usize = 500;
/// The most UNIONs: the planner's time grows with their square, 4 s at 500.
const MAX_SETS: usize = 100;

const SETS: &[&str] = &["union", "except", "intersect", "minus"];
/// Words of which each may be a level of the syntax tree.
const OPERATORS: &[&str] =
    &["and", "or", "not", "is", "like", "ilike", "between", "in", "regexp", "rlike", "similar", "xor", "div", "when", "join", "using"];

/// Refuses what is too long or too deep to be parsed, and texts in odd quotes.
pub(super) fn measure(sql: &str) -> Result<(), Error> {
    if sql.len() > MAX_BYTES {
        return Err(refuse(format!("the statement has {} bytes, and {MAX_BYTES} are the limit: shorten its lists", sql.len())));
    }
    let mut operators = 0;
    let mut sets = 0;
    for token in tokenize(sql)? {
        match token {
            Token::Word(word) if is_any(&word, SETS) => sets += 1,
            Token::Word(word) => operators += usize::from(is_any(&word, OPERATORS)),
            Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::Number(..)
            | Token::Whitespace(_)
            | Token::Placeholder(_)
            | Token::Comma
            | Token::Period
            | Token::Colon
            | Token::LParen
            | Token::RParen
            | Token::SemiColon
            | Token::EOF => {}
            other if other.to_string().contains(['\'', '$', '"']) => {
                return Err(refuse(format!("{other}: texts stand in plain single quotes, a quote inside is doubled, 'it''s'")));
            }
            _ => operators += 1,
        }
    }
    if operators > MAX_OPERATORS || sets > MAX_SETS {
        return Err(refuse(format!(
            "the statement has {operators} operators and {sets} UNIONs, and {MAX_OPERATORS} and {MAX_SETS} are the limits: use IN (...) lists, or split it"
        )));
    }
    Ok(())
}

/// Puts values in the place of `:name`, each quoted so that it can only be a value.
///
/// # Errors
/// [`Error::Query`]: a name without a value, or a value that is a list or an object.
pub fn bind(sql: &str, params: &[(&str, serde_json::Value)]) -> Result<String, Error> {
    let mut bound = String::with_capacity(sql.len());
    let mut tokens = tokenize(sql)?.into_iter().peekable();
    while let Some(token) = tokens.next() {
        if token == Token::Colon
            && let Some(Token::Word(word)) = tokens.next_if(|next| matches!(next, Token::Word(word) if word.quote_style.is_none()))
        {
            let value = params.iter().find(|(name, _)| *name == word.value).map(|(_, value)| value);
            bound.push_str(&literal(&word.value, value)?);
        } else {
            bound.push_str(&token.to_string());
        }
    }
    Ok(bound)
}

fn literal(name: &str, value: Option<&serde_json::Value>) -> Result<String, Error> {
    use serde_json::Value;
    match value {
        Some(Value::Null) => Ok("NULL".to_owned()),
        Some(Value::Bool(flag)) => Ok(flag.to_string().to_uppercase()),
        // The parentheses keep `x-:n` from becoming a comment.
        Some(Value::Number(number)) => Ok(format!("({number})")),
        Some(Value::String(text)) => Ok(format!("'{}'", text.replace('\'', "''"))),
        Some(_) => Err(refuse(format!(":{name} is a list or an object: register it as a table, and write IN (SELECT ...)"))),
        None => Err(refuse(format!(":{name} has no value: give the rule a parameter of that name"))),
    }
}

/// Without unescaping, so that every token prints as it was written.
pub(super) fn tokenize(sql: &str) -> Result<Vec<Token>, Error> {
    let tokens = Tokenizer::new(&GenericDialect, sql).with_unescape(false).tokenize();
    tokens.map_err(|error| refuse(format!("no SQL that can be read: {error}")))
}

pub(super) fn is_any(word: &Word, names: &[&str]) -> bool {
    word.quote_style.is_none() && names.iter().any(|name| word.value.eq_ignore_ascii_case(name))
}
