//! A value before and after, side by side: a line a statement, marked where only one side has it.

use serde_json::Value as Json;

use super::super::model::Text;
use super::super::text::{count, number};
use super::words::{statement, value};
use crate::iam::drift::{Documents, Item, StatementDiff};

/// A line of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What became of it.
    pub fate: Fate,
    /// The value, or a statement of it.
    pub text: Text,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is on both sides.
    Kept,
    /// Only the side before has it.
    Gone,
    /// Only the side after has it.
    New,
}

impl Fate {
    /// The class that the style sheet knows.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Gone => "gone",
            Self::New => "new",
        }
    }

    /// The mark, so that colour is not all that tells.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Kept => "\u{a0}",
            Self::Gone => "−",
            Self::New => "+",
        }
    }
}

/// Room for values on the page.
#[derive(Debug)]
pub(super) struct Room {
    left: usize,
}

impl Room {
    pub(super) const fn new(bytes: usize) -> Self {
        Self { left: bytes }
    }

    /// A statement in full, or in words where it is too much.
    fn take(&mut self, json: &Json) -> Text {
        let full = serde_json::to_string_pretty(json).unwrap_or_default();
        // Escaped for HTML a letter can take five bytes.
        match self.left.checked_sub(full.len().saturating_mul(2)).filter(|_| full.len() <= STATEMENT_BYTES) {
            Some(left) => {
                self.left = left;
                Text::lines(&full)
            }
            None => Text::new(&format!("{} (its text is in drift.jsonl of the case folder)", statement(json))),
        }
    }
}

/// Both sides of an item.
pub(super) fn sides(item: &Item, room: &mut Room) -> [Vec<Line>; 2] {
    let none = || StatementDiff { removed: Vec::new(), added: Vec::new() };
    let StatementDiff { removed, added } = item.statements.as_ref().map_or_else(none, Documents::diff);
    let is_changed = item.before != item.after;
    [
        side(&item.before, &removed, if is_changed { Fate::Gone } else { Fate::Kept }, room),
        side(&item.after, &added, if is_changed { Fate::New } else { Fate::Kept }, room),
    ]
}

/// The lines of a value. Of a document that came or went whole, all statements did.
fn side(json: &Json, alone: &[Json], fate: Fate, room: &mut Room) -> Vec<Line> {
    let Some(statements) = json.get("Statement").and_then(Json::as_array) else {
        // What is not there is not marked, as there is nothing that came or went.
        let is_there = !matches!(json, Json::Null | Json::Bool(false));
        return vec![Line { fate: if is_there { fate } else { Fate::Kept }, text: Text::new(&value(json)) }];
    };
    let line = |one: &Json| Line { fate: if alone.contains(one) { fate } else { Fate::Kept }, text: room.take(one) };
    // What differs is shown before what does not.
    let mut order: Vec<&Json> = statements.iter().collect();
    order.sort_by_key(|one| !alone.contains(one));
    let mut lines: Vec<Line> = order.into_iter().take(SHOWN_STATEMENTS).map(line).collect();
    let more = number(statements.len().saturating_sub(SHOWN_STATEMENTS));
    if more > 0 {
        lines.push(Line {
            fate: Fate::Kept,
            text: Text::whole(&format!("{} more in drift.jsonl of the case folder", count(more, "statement"))),
        });
    }
    if statements.is_empty() {
        lines.push(Line { fate: Fate::Kept, text: Text::whole("a document without statements") });
    }
    lines
}

/// Statements of one value, and bytes of one statement, that are shown in full.
const SHOWN_STATEMENTS: usize = 20;
const STATEMENT_BYTES: usize = 4 << 10;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::tests::made;
    use super::*;
    use crate::iam::kind::Kind;

    fn shown(before: Json, after: Json, bytes: usize) -> String {
        let sides = sides(&made(Kind::InlinePolicyPut, "inline_policies[x]", before, after), &mut Room::new(bytes));
        let line = |line: &Line| format!("{} {}", line.fate.mark(), line.text.as_str().replace(['\n', ' '], ""));
        sides.map(|side| side.iter().map(line).collect::<Vec<_>>().join("\n")).join("\n|\n")
    }

    fn allow(action: &str) -> Json {
        json!({"Effect": "Allow", "Action": [action], "Resource": ["*"]})
    }

    #[test]
    fn statements_stand_side_by_side() {
        let (before, after) = (json!({"Statement": [allow("s3:*"), allow("a:B")]}), json!({"Statement": [allow("a:B"), allow("*")]}));
        insta::assert_snapshot!(shown(before.clone(), after, 10_000), @r#"
        − {"Effect":"Allow","Action":["s3:*"],"Resource":["*"]}
          {"Effect":"Allow","Action":["a:B"],"Resource":["*"]}
        |
        + {"Effect":"Allow","Action":["*"],"Resource":["*"]}
          {"Effect":"Allow","Action":["a:B"],"Resource":["*"]}
        "#);
        insta::assert_snapshot!(shown(json!(null), before, 200), @r#"
          absent
        |
        + {"Effect":"Allow","Action":["s3:*"],"Resource":["*"]}
        + Allowa:Bon*(itstextisindrift.jsonlofthecasefolder)
        "#);
        insta::assert_snapshot!(shown(json!("Active"), json!(null), 0), @"
        − Active
        |
          absent
        ");
    }

    #[test]
    fn long_documents_are_cut_and_say_so() {
        let many: Vec<Json> = (0..100).map(|number| allow(&format!("a:B{number}"))).collect();
        let text = shown(json!(null), json!({"Statement": many}), 1 << 20);
        assert_eq!(text.matches('+').count(), SHOWN_STATEMENTS);
        assert!(text.ends_with("80statementsmoreindrift.jsonlofthecasefolder"), "{text}");
        let long = shown(json!(null), json!({"Statement": [allow(&"a".repeat(10_000))]}), 1 << 20);
        assert!(long.len() < 1_000, "{}", long.len());
    }
}
