//! Fields: nested values of a record, named by dotted path.
//!
//! [`FieldPath`] is the path; `Extractor` takes the values of many paths out of
//! the JSON columns of a frame, in one pass over each text and in parallel.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem;

use bumpalo::Bump;
use polars::prelude::{ChunkFullNull as _, DataFrame, IntoColumn as _, PlSmallStr, StringChunked};
use polars_arrow::array::MutableBinaryViewArray;
use rayon::prelude::*;

use crate::error::Error;
use crate::event::json::{Fault, Scanner, text_of};
use crate::schema::{Column, Kind, nearest};

/// How many rows one task takes.
const ROWS_PER_TASK: usize = 2_048;

/// The path of a nested value: `requestParameters.userName`.
///
/// The value is a text; numbers and truth values are their JSON text, objects
/// their compact JSON. Where there are arrays on the way, or at the end, the
/// first value that is not null counts; with `[]` at the end, all of them, as a
/// JSON array. Where an object names a key twice, the last one counts. A value
/// that is absent or null is null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath {
    text: String,
    root: Column,
    steps: Vec<String>,
    all: bool,
}

impl FieldPath {
    /// Reads a path.
    ///
    /// # Errors
    /// A sentence where it has no root, no step, or names what is a column.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (path, all) = match text.strip_suffix("[]") {
            Some(path) => (path, true),
            None => (text, false),
        };
        if path.contains(['[', ']']) {
            return Err(format!(
                "path `{text}`: arrays on the way are looked into by themselves; `[]` stands only at the end, for all values"
            ));
        }
        let mut steps: Vec<String> = path.split('.').map(str::to_owned).collect();
        if steps.iter().any(String::is_empty) {
            return Err(format!("path `{text}`: a step is empty"));
        }
        if steps.last().is_some_and(|step| step.eq_ignore_ascii_case("sessionToken")) {
            return Err(format!("path `{text}`: session tokens are never shown; name the accessKeyId beside it"));
        }
        let first = steps.first().cloned().unwrap_or_default();
        if let Some(root) = root_column(&first) {
            steps.remove(0);
            if steps.is_empty() && !all {
                return Err(format!("path `{text}`: the whole of it is the column `{root}`"));
            }
            return Ok(Self { text: text.to_owned(), root, steps, all });
        }
        if let Some(column) = Column::ALL.iter().find(|column| is_made_from(**column, &first)) {
            return Err(format!("path `{text}`: `{first}` has columns of its own, such as `{column}`"));
        }
        let roots = Column::ALL.iter().filter(|column| column.kind() == Kind::Json && **column != Column::Extra);
        if let Some(near) = nearest(&first, roots.map(|column| column.source())) {
            return Err(format!("path `{text}`: no top-level key `{first}`: did you mean `{near}`?"));
        }
        Ok(Self { text: text.to_owned(), root: Column::Extra, steps, all })
    }

    /// The path as it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The column whose JSON holds it.
    pub const fn root(&self) -> Column {
        self.root
    }

    /// Why no record has it, where that is known.
    pub fn absent_because(&self) -> Option<String> {
        let first = self.steps.first().filter(|first| self.root == Column::Extra && !RARE_KEYS.contains(&first.as_str()))?;
        Some(format!("`{first}` is no top-level key of a CloudTrail record"))
    }
}

/// Top-level keys of AWS's own that have no column.
const RARE_KEYS: &[&str] = &["annotation"];

/// The JSON column made from that top-level key.
fn root_column(key: &str) -> Option<Column> {
    Column::ALL.iter().copied().find(|column| column.kind() == Kind::Json && *column != Column::Extra && column.source() == key)
}

fn is_made_from(column: Column, key: &str) -> bool {
    let name = |text: &str| text.split(['.', '[', ',', ' ']).next().map(str::to_owned);
    column.kind() != Kind::Json && name(column.source()).as_deref() == Some(key)
}

/// Takes the fields of all rules out of the JSON columns of a frame.
#[derive(Debug, Default)]
pub(super) struct Extractor {
    names: Vec<String>,
    roots: BTreeMap<Column, Node>,
}

/// A step on the way: what to keep here, and where to go on.
#[derive(Debug, Default)]
struct Node {
    ends: Vec<(usize, bool)>,
    steps: Vec<(String, Self)>,
}

impl Extractor {
    /// An extractor of those fields.
    pub(super) fn new<'f>(fields: impl IntoIterator<Item = (&'f str, &'f FieldPath)>) -> Self {
        let mut extractor = Self::default();
        for (slot, (name, path)) in fields.into_iter().enumerate() {
            extractor.names.push(name.to_owned());
            let mut node = extractor.roots.entry(path.root).or_default();
            for step in &path.steps {
                node = node.step(step);
            }
            node.ends.push((slot, path.all));
        }
        extractor
    }

    /// The columns that fields are taken from.
    pub(super) fn roots(&self) -> impl Iterator<Item = Column> {
        self.roots.keys().copied()
    }

    /// Adds a column a field to `frame`, which has the root columns; fields that no row has are left out.
    ///
    /// `wanted` says for each root in which rows its fields are wanted; elsewhere they are null.
    pub(super) fn extract(&self, frame: &mut DataFrame, wanted: &BTreeMap<Column, Vec<bool>>) -> Result<(), Error> {
        let mut texts = Vec::new();
        for (root, node) in &self.roots {
            let column = frame.column(root.name())?.str()?.clone();
            texts.push((column, node, wanted.get(root).map(Vec::as_slice).unwrap_or_default()));
        }
        let height = frame.height();
        let starts: Vec<usize> = (0..height).step_by(ROWS_PER_TASK).collect();
        let rows = |start: usize| start..height.min(start + ROWS_PER_TASK);
        let mut parts: Vec<Vec<Values>> = starts.par_iter().map(|start| self.rows(&texts, rows(*start))).collect();
        for (slot, name) in self.names.iter().enumerate() {
            let has_values = |values: &Values| !values.is_empty();
            if !parts.iter().any(|part| part.get(slot).is_some_and(has_values)) {
                continue;
            }
            let mut column = StringChunked::full_null(PlSmallStr::EMPTY, 0);
            for (part, start) in parts.iter_mut().zip(&starts) {
                let values = part.get_mut(slot).map(mem::take).unwrap_or_default();
                column.append_owned(values.column(rows(*start).len()))?;
            }
            frame.with_column(column.rechunk().into_owned().with_name(name.as_str().into()).into_column())?;
        }
        Ok(())
    }

    /// The values of each field in those rows.
    fn rows(&self, texts: &[(StringChunked, &Node, &[bool])], rows: std::ops::Range<usize>) -> Vec<Values> {
        let arena = Bump::new();
        let mut values: Vec<Values> = self.names.iter().map(|_| Values::default()).collect();
        let mut found = vec![Slot::default(); self.names.len()];
        for (place, row) in rows.enumerate() {
            let mut has_any = false;
            for (column, node, wanted) in texts {
                if wanted.get(row) == Some(&true)
                    && let Some(json) = column.get(row)
                {
                    find(json, node, &mut found, &arena);
                    has_any = true;
                }
            }
            if has_any {
                for (values, slot) in values.iter_mut().zip(&mut found) {
                    values.add(place, mem::take(slot));
                }
            }
        }
        values
    }
}

impl Node {
    fn step(&mut self, step: &str) -> &mut Self {
        let place = self.steps.iter().position(|(known, _)| known == step).unwrap_or_else(|| {
            self.steps.push((step.to_owned(), Self::default()));
            self.steps.len() - 1
        });
        #[expect(clippy::indexing_slicing, reason = "the place of an entry that was found or has just been added")]
        &mut self.steps[place].1
    }

    /// Forgets what was found here and below: a later value of the same key stands.
    fn forget(&self, found: &mut [Slot<'_>]) {
        for (slot, _) in &self.ends {
            if let Some(slot) = found.get_mut(*slot) {
                *slot = Slot::default();
            }
        }
        for (_, node) in &self.steps {
            node.forget(found);
        }
    }
}

/// What was found for one field.
#[derive(Debug, Clone, Default)]
enum Slot<'a> {
    #[default]
    Nothing,
    Text(&'a str),
    /// The compact JSON of each value.
    List(Vec<&'a str>),
}

/// The values of one field in some rows, up to the last that has one.
#[derive(Default)]
struct Values(Option<MutableBinaryViewArray<str>>);

impl Values {
    const fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Gives a row what was found in it; rows come in their order.
    fn add(&mut self, row: usize, found: Slot<'_>) {
        let text = match found {
            Slot::Nothing => return,
            Slot::Text(text) => Cow::Borrowed(text),
            Slot::List(values) => Cow::Owned(format!("[{}]", values.join(","))),
        };
        let values = self.0.get_or_insert_default();
        values.extend_null(row - values.len());
        values.push_value(text);
    }

    /// The values of so many rows.
    fn column(self, rows: usize) -> StringChunked {
        let mut values = self.0.unwrap_or_default();
        values.extend_null(rows - values.len());
        StringChunked::with_chunk(PlSmallStr::EMPTY, values.freeze())
    }
}

impl<'a> Slot<'a> {
    /// Adds what was found in a later element of an array.
    fn add(&mut self, later: Self) {
        match (self, later) {
            (here @ Self::Nothing, later) => *here = later,
            (Self::List(values), Self::List(more)) => values.extend(more),
            _ => {}
        }
    }

    /// Keeps one value, given as its compact JSON.
    fn keep(&mut self, json: &'a str, all: bool, arena: &'a Bump) {
        if json == "null" {
            return;
        }
        *self = if all { Self::List(vec![json]) } else { Self::Text(text_of(json, arena).unwrap_or(json)) };
    }
}

fn find<'a>(json: &'a str, node: &Node, found: &mut [Slot<'a>], arena: &'a Bump) {
    let mut scanner = Scanner::new(json, arena);
    if value(&mut scanner, node, 0, found, arena).is_err() {
        // The reader has checked this text, so it cannot fail; were it damaged, half an answer would be worse than none.
        node.forget(found);
    }
}

fn value<'a>(scanner: &mut Scanner<'a>, node: &Node, depth: u32, found: &mut [Slot<'a>], arena: &'a Bump) -> Result<(), Fault> {
    match scanner.skip_space() {
        Some(b'[') => scanner.array(depth + 1, |scanner| {
            let mut inside = vec![Slot::default(); found.len()];
            value(scanner, node, depth + 1, &mut inside, arena)?;
            for (slot, more) in found.iter_mut().zip(inside) {
                slot.add(more);
            }
            Ok(())
        }),
        Some(b'{') if !node.steps.is_empty() => {
            let start = scanner.position();
            scanner.object(depth + 1, |scanner, key| match node.steps.iter().find(|(step, _)| step == key) {
                Some((_, next)) => {
                    next.forget(found);
                    value(scanner, next, depth + 1, found, arena)
                }
                None => scanner.skip_value(depth + 1),
            })?;
            if !node.ends.is_empty() {
                let json = Scanner::new(scanner.since(start), arena).json(depth)?;
                keep(node, json, found, arena);
            }
            Ok(())
        }
        _ => {
            let json = scanner.json(depth)?;
            keep(node, json, found, arena);
            Ok(())
        }
    }
}

fn keep<'a>(node: &Node, json: &'a str, found: &mut [Slot<'a>], arena: &'a Bump) {
    for (slot, all) in &node.ends {
        if let Some(slot) = found.get_mut(*slot) {
            slot.keep(json, *all, arena);
        }
    }
}

#[cfg(test)]
mod tests {
    use polars::prelude::{IntoSeries as _, NewChunkedArray as _};

    use super::*;

    fn field(path: &str, json: &str) -> Option<String> {
        let path = FieldPath::parse(path).expect("a path");
        let extractor = Extractor::new([("name", &path)]);
        let column = StringChunked::from_iter_options(path.root().name().into(), [Some(json)].into_iter());
        let mut frame = column.into_series().into_frame();
        extractor.extract(&mut frame, &BTreeMap::from([(path.root(), vec![true])])).expect("a text column");
        frame.column("name").ok()?.str().expect("text").get(0).map(str::to_owned)
    }

    #[test]
    fn values_of_all_kinds() {
        let json = r#"{"a":"x\u00e9\n","n":1.50,"b":true,"z":null,"e":"","o":{ "k" : [1, 2] },"l":[]}"#;
        let shown = |path: &str| field(&format!("requestParameters.{path}"), json);
        assert_eq!(shown("a").as_deref(), Some("xé\n"));
        assert_eq!(shown("n").as_deref(), Some("1.50"));
        assert_eq!(shown("b").as_deref(), Some("true"));
        assert_eq!(shown("z"), None);
        assert_eq!(shown("e").as_deref(), Some(""));
        assert_eq!(shown("o").as_deref(), Some(r#"{"k":[1,2]}"#));
        assert_eq!(shown("o.k").as_deref(), Some("1"));
        assert_eq!(shown("o.k[]").as_deref(), Some("[1,2]"));
        assert_eq!(shown("a.deeper"), None);
        assert_eq!(shown("l"), None);
        assert_eq!(shown("l[]"), None);
    }

    #[test]
    fn arrays_on_the_way() {
        let json = r#"{"items":[{"cidr":null},{"other":1},{"cidr":"a","in":[{"k":1},{"k":"q\""}]},{"cidr":"b","in":[{"k":[2,[3]]}]}]}"#;
        let shown = |path: &str| field(&format!("requestParameters.items.{path}"), json);
        assert_eq!(shown("cidr").as_deref(), Some("a"));
        assert_eq!(shown("cidr[]").as_deref(), Some(r#"["a","b"]"#));
        assert_eq!(shown("in.k").as_deref(), Some("1"));
        assert_eq!(shown("in.k[]").as_deref(), Some(r#"[1,"q\"",2,3]"#));
    }

    #[test]
    fn the_last_of_repeated_keys_counts() {
        assert_eq!(field("requestParameters.a", r#"{"a":1,"\u0061":2}"#).as_deref(), Some("2"));
        assert_eq!(field("requestParameters.a.b", r#"{"a":{"b":1},"a":{"c":2}}"#), None);
        assert_eq!(field("requestParameters.a", r#"{"a":1,"a":null}"#), None);
        assert_eq!(field("requestParameters.a.b", r#"{"a":[{"b":1,"b":3},{"b":2}]}"#).as_deref(), Some("3"));
    }

    #[test]
    fn roots_are_known() {
        let reason = |path: &str| FieldPath::parse(path).map_or_else(|reason| reason, |path| path.root().name().to_owned());
        assert_eq!(reason("userIdentity.inScopeOf.sourceArn"), "user_identity");
        assert_eq!(reason("p_source.file"), "extra");
        insta::assert_snapshot!(reason("requestParameter.x"), @"path `requestParameter.x`: no top-level key `requestParameter`: did you mean `requestParameters`?");
        insta::assert_snapshot!(reason("eventName"), @"path `eventName`: `eventName` has columns of its own, such as `event_name`");
        insta::assert_snapshot!(reason("requestParameters"), @"path `requestParameters`: the whole of it is the column `request_parameters`");
        insta::assert_snapshot!(reason("requestParameters.a[].b"), @"path `requestParameters.a[].b`: arrays on the way are looked into by themselves; `[]` stands only at the end, for all values");
        assert_eq!(field("p_source.file", r#"{"p_source":{"file":"x"}}"#).as_deref(), Some("x"));
    }
}
