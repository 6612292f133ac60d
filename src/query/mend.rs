//! What is mended in the text of a statement, token by token, each because polars answers otherwise without an error:
//!
//! - `ORDER BY x` gets `NULLS LAST`; in a window, where polars ignores that, a
//!   column that tells nulls goes before the first one;
//! - `COUNT`, `LENGTH` and their like are 32 bits and wrap below zero, parts of
//!   a time are 8 bits: they become `BIGINT`, as does a number after `THEN` or `ELSE`;
//! - `POWER` of whole numbers wraps around: its base becomes a `DOUBLE`;
//! - `x IS TRUE` is null where x is null: it becomes `x <=> TRUE`, and `x IS NOT TRUE` becomes `x <=> TRUE = FALSE`,
//!   `IS UNKNOWN`, which polars does not know, becomes `IS NULL`;
//! - a time compared with `'2026-03-08T00:00:00Z'` loses the `Z`, which polars does not read, and becomes a
//!   `TIMESTAMP` in a list.
//!
//! Tokens, not the syntax tree: sqlparser 0.62 does not print every tree as it was read.

use sqlparser::tokenizer::Token;

use super::numbers::COUNTS;
use super::tokens::{is_any, tokenize};
use crate::error::Error;
use crate::schema::{Column, Kind};
use crate::time::EventTime;

/// The statement as polars answers it right; `ties` are the places that the outermost ORDER BY ends with.
pub(super) fn mend(sql: &str, ties: &[usize]) -> Result<String, Error> {
    let mut text = Text::new(tokenize(sql)?);
    text.order(ties);
    text.widen();
    text.truths();
    text.times();
    Ok(text.print())
}

/// The tokens that are not blank or comment, with what goes before and after each.
struct Text {
    tokens: Vec<Piece>,
}

struct Piece {
    /// Blanks and comments that stood before the token.
    blank: String,
    token: Token,
    /// What is printed in its place.
    text: String,
    before: String,
    after: String,
}

/// One expression of an ORDER BY: its tokens, and its options.
struct Element {
    start: usize,
    /// The place after its last token, options not counted.
    end: usize,
    /// The place after its options.
    last: usize,
    descending: bool,
}

impl Text {
    fn new(tokens: Vec<Token>) -> Self {
        let mut blank = String::new();
        let mut pieces = Vec::new();
        for token in tokens {
            if let Token::Whitespace(space) = &token {
                blank.push_str(&space.to_string());
                continue;
            }
            let text = token.to_string();
            pieces.push(Piece { blank: std::mem::take(&mut blank), token, text, before: String::new(), after: String::new() });
        }
        Self { tokens: pieces }
    }

    fn print(&self) -> String {
        self.tokens.iter().flat_map(|piece| [&piece.blank, &piece.before, &piece.text, &piece.after]).map(String::as_str).collect()
    }

    fn token(&self, index: usize) -> Option<&Token> {
        self.tokens.get(index).map(|piece| &piece.token)
    }

    fn word(&self, index: usize, names: &[&str]) -> bool {
        matches!(self.token(index), Some(Token::Word(word)) if is_any(word, names))
    }

    fn before(&mut self, index: usize, text: &str) {
        if let Some(piece) = self.tokens.get_mut(index) {
            piece.before.push_str(text);
        }
    }

    fn after(&mut self, index: usize, text: &str) {
        if let Some(piece) = self.tokens.get_mut(index) {
            piece.after.push_str(text);
        }
    }

    fn replace(&mut self, index: usize, text: String) {
        if let Some(piece) = self.tokens.get_mut(index) {
            piece.text = text;
        }
    }

    /// The place after the parenthesis that closes the one at `open`.
    fn closed(&self, open: usize) -> Option<usize> {
        let mut depth = 0_usize;
        for (index, piece) in self.tokens.iter().enumerate().skip(open) {
            match piece.token {
                Token::LParen => depth += 1,
                Token::RParen => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return Some(index + 1);
            }
        }
        None
    }

    fn order(&mut self, ties: &[usize]) {
        let mut open: Vec<usize> = Vec::new();
        for index in 0..self.tokens.len() {
            match self.token(index) {
                Some(Token::LParen) => open.push(index),
                Some(Token::RParen) => drop(open.pop()),
                _ => {}
            }
            if !self.word(index, &["order"]) || !self.word(index + 1, &["by"]) {
                continue;
            }
            let elements = self.elements(index + 2);
            let in_window = open.last().is_some_and(|paren| paren.checked_sub(1).is_some_and(|over| self.word(over, &["over"])));
            if in_window {
                self.order_window(&elements);
            } else {
                self.order_rows(&elements, if open.is_empty() { ties } else { &[] });
            }
        }
    }

    /// The expressions of an ORDER BY that begins at `start`.
    fn elements(&self, start: usize) -> Vec<Element> {
        let mut elements = Vec::new();
        let mut depth = 0_usize;
        let mut first = start;
        let mut index = start;
        loop {
            let ends = match self.token(index) {
                None | Some(Token::SemiColon | Token::EOF) => true,
                Some(Token::RParen) if depth == 0 => true,
                // A column may be called offset: what ends a clause does not begin an expression.
                Some(Token::Word(word)) if depth == 0 && index > first => is_any(
                    word,
                    &["limit", "offset", "fetch", "rows", "range", "groups", "for", "union", "except", "intersect", "settings", "format"],
                ),
                _ => false,
            };
            if ends || (depth == 0 && self.token(index) == Some(&Token::Comma)) {
                elements.extend(self.element(first, index));
                first = index + 1;
            }
            if ends {
                return elements;
            }
            match self.token(index) {
                Some(Token::LParen) => depth += 1,
                Some(Token::RParen) => depth -= 1,
                _ => {}
            }
            index += 1;
        }
    }

    fn element(&self, start: usize, last: usize) -> Option<Element> {
        let nulls =
            |end: usize| end.checked_sub(2).filter(|place| self.word(*place, &["nulls"]) && self.word(*place + 1, &["first", "last"]));
        let direction = |end: usize| end.checked_sub(1).filter(|place| self.word(*place, &["asc", "desc"]));
        let options = nulls(last).unwrap_or(last);
        let end = direction(options).unwrap_or(options);
        (start < end).then(|| Element { start, end, last, descending: end < options && self.word(end, &["desc"]) })
    }

    fn order_rows(&mut self, elements: &[Element], ties: &[usize]) {
        for element in elements {
            if !self.word(element.last - 1, &["first", "last"]) || !self.word(element.last.saturating_sub(2), &["nulls"]) {
                self.after(element.last - 1, " NULLS LAST");
            }
        }
        if let Some(last) = elements.last() {
            for place in ties {
                self.after(last.last - 1, &format!(", {place} NULLS LAST"));
            }
        }
    }

    /// Polars has one direction for a whole window and its own mind about nulls in it.
    fn order_window(&mut self, elements: &[Element]) {
        let Some(first) = elements.first() else { return };
        // Two keys of one name are an error, and both CASEs would be called literal; the guard wants an ELSE there.
        let is_case = self.word(first.start, &["case"]);
        for index in first.end..first.last {
            if self.word(index, &["nulls", "last"]) {
                self.replace(index, String::new());
            }
        }
        let expr: Vec<_> = self.tokens.iter().take(first.end).skip(first.start).map(|piece| piece.token.to_string()).collect();
        let (null, other, direction) = if first.descending { (0, 1, " DESC") } else { (1, 0, "") };
        let flag = format!("CASE WHEN ({}) IS NULL THEN {null} ELSE {other} END{direction}, ", glued(&expr));
        if !is_case {
            self.before(first.start, &flag);
        }
    }

    /// Casts what is counted, and numbers after THEN and ELSE, to 64 bits.
    fn widen(&mut self) {
        for index in 0..self.tokens.len() {
            let calls = self.token(index + 1) == Some(&Token::LParen);
            let narrow = self.word(index, COUNTS) || (self.word(index, &["extract", "date_part"]) && self.whole_part(index + 2));
            if calls && narrow {
                self.widen_call(index);
            } else if calls && self.word(index, &["pow", "power"]) {
                self.after(index + 1, "1.0 * ");
            } else if self.word(index, &["then", "else"]) {
                self.widen_number(index + 1);
            }
        }
    }

    fn widen_call(&mut self, start: usize) {
        let Some(mut end) = self.closed(start + 1) else { return };
        if self.word(end, &["filter"]) {
            end = self.closed(end + 1).unwrap_or(end);
        }
        if self.word(end, &["over"]) {
            end = self.closed(end + 1).unwrap_or(end);
        }
        self.before(start, "CAST(");
        self.after(end - 1, " AS BIGINT)");
    }

    /// Whether the part of a time that `index` names is a whole number, as all are but these few.
    fn whole_part(&self, index: usize) -> bool {
        match self.token(index) {
            Some(Token::Word(word)) => !OTHER_PARTS.iter().any(|name| word.value.eq_ignore_ascii_case(name)),
            Some(Token::SingleQuotedString(part)) => !OTHER_PARTS.iter().any(|name| part.eq_ignore_ascii_case(name)),
            _ => false,
        }
    }

    fn widen_number(&mut self, start: usize) {
        let number = if self.token(start) == Some(&Token::Minus) { start + 1 } else { start };
        let whole = matches!(self.token(number), Some(Token::Number(digits, _)) if digits.bytes().all(|digit| digit.is_ascii_digit()));
        if whole && self.word(number + 1, &["when", "else", "end"]) {
            self.before(start, "CAST(");
            self.after(number, " AS BIGINT)");
        }
    }

    fn truths(&mut self) {
        for index in 0..self.tokens.len() {
            let not = self.word(index + 1, &["not"]);
            let last = index + 1 + usize::from(not);
            if self.word(index, &["is"]) && self.word(last, &["unknown"]) {
                self.replace(last, "NULL".to_owned());
            }
            if !self.word(index, &["is"]) || !self.word(last, &["true", "false"]) {
                continue;
            }
            self.replace(index, "<=>".to_owned());
            if not {
                self.replace(index + 1, String::new());
                self.after(last, " = FALSE");
            }
        }
    }

    fn times(&mut self) {
        for index in 0..self.tokens.len() {
            let Some(Token::SingleQuotedString(text)) = self.token(index) else { continue };
            let is_utc = text.contains('T') && text.ends_with('Z');
            let local = if is_utc { text.trim_end_matches('Z') } else { text.as_str() };
            // A list takes no plain text, so a time in it is written as one; one with an offset has none to be written as.
            let in_list = matches!(index.checked_sub(1).and_then(|before| self.token(before)), Some(Token::LParen | Token::Comma));
            let is_plain = local.matches('-').count() == 2 && !local.contains('+');
            if EventTime::parse(text).is_none() || !(is_utc || in_list && is_plain) {
                continue;
            }
            let midnight = if local.contains(':') { "" } else { " 00:00:00" };
            let mended = if in_list { format!("TIMESTAMP '{local}{midnight}'") } else { format!("'{local}'") };
            if self.compared_with(index).is_some_and(|column| self.is_time(column)) {
                self.replace(index, mended);
            }
        }
    }

    /// The place of the token before the operator that the value at `index` is compared with.
    fn compared_with(&self, index: usize) -> Option<usize> {
        let operator = index.checked_sub(1)?;
        match self.token(operator)? {
            // IN (first, second)
            Token::LParen | Token::Comma => {
                let open = (0..index).rev().find(|place| matches!(self.token(*place), Some(Token::LParen | Token::RParen)))?;
                let list = self.token(open) == Some(&Token::LParen);
                open.checked_sub(1).filter(|word| list && self.word(*word, &["in"])).and_then(|word| self.tested(word))
            }
            Token::Eq | Token::Neq | Token::Lt | Token::LtEq | Token::Gt | Token::GtEq => operator.checked_sub(1),
            Token::Word(word) if is_any(word, &["between"]) => self.tested(operator),
            // BETWEEN low AND high
            Token::Word(word) if is_any(word, &["and"]) => {
                let between = operator.checked_sub(2)?;
                self.word(between, &["between"]).then(|| self.tested(between)).flatten()
            }
            _ => None,
        }
    }

    fn tested(&self, between: usize) -> Option<usize> {
        let before = between.checked_sub(1)?;
        if self.word(before, &["not"]) { before.checked_sub(1) } else { Some(before) }
    }

    fn is_time(&self, index: usize) -> bool {
        matches!(self.token(index), Some(Token::Word(word)) if is_any(word, &TIME_FIELDS) || Column::from_name(&word.value).is_some_and(|column| column.kind() == Kind::Time))
    }
}

/// Tokens with a blank between those that would run together.
fn glued(tokens: &[String]) -> String {
    tokens.join(" ").replace(" . ", ".")
}

/// Parts of a time that are no whole numbers.
const OTHER_PARTS: &[&str] =
    &["epoch", "time", "millisecond", "milliseconds", "ms", "microsecond", "microseconds", "us", "nanosecond", "nanoseconds", "ns"];
/// Columns of times in the small tables.
const TIME_FIELDS: [&str; 5] = ["delivery_time", "first_event", "last_event", "first_time", "last_time"];
