//! [`Grid`]: a table for people, fitted to the width of the terminal.

use std::borrow::Cow;
use std::io::{self, Write};

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use comfy_table::{Attribute, Cell, CellAlignment, Color, Table, presets};
use serde_json::Value;
use trailsift::detect::Severity;
use trailsift::schema::{Column as Field, Kind};
use trailsift::time::EventTime;

use super::text::{cut_end, cut_middle, escape, number, width, wrap};

/// What a table is drawn on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Screen {
    /// Columns of text; `None` for as many as it takes.
    pub(crate) width: Option<usize>,
    /// Whether to colour.
    pub(crate) styled: bool,
    /// Offset of the times that are shown.
    pub(crate) offset: FixedOffset,
}

impl Screen {
    /// The time with its offset, `Z` for UTC.
    pub(crate) fn time(&self, time: EventTime) -> String {
        let utc = DateTime::<Utc>::from_timestamp_micros(time.micros()).unwrap_or_default();
        utc.with_timezone(&self.offset).to_rfc3339_opts(SecondsFormat::AutoSi, true)
    }

    /// The heading of a column of times.
    pub(crate) fn time_title(&self) -> String {
        if self.offset.local_minus_utc() == 0 { "TIME (UTC)".to_owned() } else { format!("TIME ({})", self.offset) }
    }
}

/// Where a cell that is too long is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    Never,
    /// In the middle, as the tails of names matter.
    Middle,
    End,
}

/// One column of a grid.
#[derive(Debug, Clone)]
pub(crate) struct Column {
    title: String,
    cut: Cut,
    /// The least width that cutting leaves.
    least: usize,
    right: bool,
}

impl Column {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), cut: Cut::Never, least: 0, right: false }
    }

    pub(crate) fn cut(self, cut: Cut, least: usize) -> Self {
        Self { cut, least, ..self }
    }

    pub(crate) fn right(self) -> Self {
        Self { right: true, ..self }
    }
}

/// Cells in rows; every text is escaped on its way in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grid {
    columns: Vec<Column>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Default)]
struct Row {
    cells: Vec<String>,
    note: Option<String>,
    severity: Option<Severity>,
}

/// Spaces between two columns.
const GAP: usize = 2;
/// The widest cell, also with `--wide`: comfy-table counts in 16 bits, and breaks into lines what is wider.
const WIDEST: usize = 60_000;
/// The least width of a text in the answer to a query: times stay whole.
const LEAST_TEXT: usize = 20;
/// Columns of text where the terminal does not say.
pub(crate) const DEFAULT_WIDTH: usize = 80;

impl Grid {
    pub(crate) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// How many rows it has.
    pub(crate) const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Adds a row; an empty cell is shown as `-`.
    pub(crate) fn row<S: AsRef<str>>(&mut self, cells: impl IntoIterator<Item = S>) -> &mut Self {
        let shown = |cell: S| match escape(cell.as_ref()) {
            Cow::Borrowed("") => "-".to_owned(),
            text => text.into_owned(),
        };
        self.rows.push(Row { cells: cells.into_iter().map(shown).collect(), ..Row::default() });
        self
    }

    /// Puts lines of text below the last row.
    pub(crate) fn note(&mut self, text: &str) {
        if let Some(row) = self.rows.last_mut() {
            row.note = Some(escape(text).into_owned());
        }
    }

    /// Colours the first cell of the last row.
    pub(crate) fn severity(&mut self, severity: Severity) {
        if let Some(row) = self.rows.last_mut() {
            row.severity = Some(severity);
        }
    }

    /// Writes the grid; yields how many columns the screen had no room for.
    pub(crate) fn write(&self, out: &mut dyn Write, screen: &Screen) -> io::Result<usize> {
        let widths = self.fit(screen.width);
        let table = self.table(&widths, screen.styled);
        let indent = " ".repeat(widths.first().copied().unwrap_or_default() + GAP);
        let mut lines = table.lines();
        if let Some(header) = lines.next() {
            writeln!(out, "{}", header.trim_end())?;
        }
        for (row, line) in self.rows.iter().zip(lines) {
            writeln!(out, "{}", line.trim_end())?;
            let room = screen.width.map_or(usize::MAX, |width| width.saturating_sub(indent.len()));
            for line in row.note.iter().flat_map(|note| wrap(note, room)) {
                writeln!(out, "{indent}{line}")?;
            }
        }
        Ok(self.columns.len() - widths.len())
    }

    fn table(&self, widths: &[usize], styled: bool) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).force_no_tty();
        if styled {
            table.enforce_styling().style_text_only();
        }
        let bold = |cell: Cell| if styled { cell.add_attribute(Attribute::Bold) } else { cell };
        let cells = self.columns.iter().zip(widths);
        table.set_header(cells.map(|(column, width)| bold(Cell::new(cut_end(&column.title, *width)))).collect::<Vec<_>>());
        for row in &self.rows {
            let cells = row.cells.iter().zip(&self.columns).zip(widths).enumerate();
            let cell = |(place, ((text, column), width)): (usize, ((&String, &Column), &usize))| {
                let cell = Cell::new(cut(text, column.cut, *width));
                match row.severity.filter(|_| place == 0).and_then(color) {
                    Some(color) if styled => cell.fg(color),
                    _ => cell,
                }
            };
            table.add_row(cells.map(cell).collect::<Vec<_>>());
        }
        for (column, shown) in self.columns.iter().zip(table.column_iter_mut()) {
            shown.set_padding((0, u16::try_from(GAP).unwrap_or_default()));
            shown.set_cell_alignment(if column.right { CellAlignment::Right } else { CellAlignment::Left });
        }
        table
    }

    /// The width of each column that is shown: the longest cells give way, down to their least; columns for which that is too much stay out.
    fn fit(&self, room: Option<usize>) -> Vec<usize> {
        let natural: Vec<usize> = (0..self.columns.len()).map(|place| self.natural(place)).collect();
        let Some(room) = room else { return natural };
        let total = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        let least = |(column, width): (&Column, &usize)| if column.cut == Cut::Never { *width } else { column.least.min(*width) };
        let mut least: Vec<usize> = self.columns.iter().zip(&natural).map(least).collect();
        while least.len() > 1 && total(&least) > room {
            least.pop();
        }
        // No cell that can be cut needs more than the whole room.
        let mut widths: Vec<usize> = natural.iter().zip(&least).map(|(width, least)| (*width).min(room.max(*least))).collect();
        while total(&widths) > room {
            let wider = widths.iter_mut().zip(&least).filter(|(width, least)| **width > **least);
            let Some((width, _)) = wider.max_by_key(|(width, _)| **width) else { break };
            *width -= 1;
        }
        widths
    }

    fn natural(&self, place: usize) -> usize {
        let title = self.columns.get(place).map_or(0, |column| width(&column.title));
        let widest = self.rows.iter().filter_map(|row| row.cells.get(place)).map(|cell| width(cell)).max();
        widest.unwrap_or_default().max(title).min(WIDEST)
    }
}

fn cut(text: &str, cut: Cut, width: usize) -> Cow<'_, str> {
    match cut {
        Cut::Middle => cut_middle(text, width),
        // What is never cut has the width that it takes, but for `WIDEST`.
        Cut::Never | Cut::End => cut_end(text, width),
    }
}

const fn color(severity: Severity) -> Option<Color> {
    match severity {
        Severity::Critical => Some(Color::Magenta),
        Severity::High => Some(Color::Red),
        Severity::Medium => Some(Color::Yellow),
        Severity::Low => Some(Color::Cyan),
        Severity::Info => None,
    }
}

/// The rows of a query as a grid.
///
/// What is null is shown as `-`, and an empty text as `""`: "not in the record" is not "empty".
pub(crate) fn rows_grid(names: &[String], rows: &[serde_json::Map<String, Value>], screen: &Screen) -> Grid {
    let column = |name: &String| {
        let values = || rows.iter().filter_map(|row| row.get(name)).filter(|value| !value.is_null());
        let column = Column::new(escape(name).as_ref()).cut(Cut::Middle, LEAST_TEXT);
        if values().next().is_some() && values().all(Value::is_number) { column.cut(Cut::Never, 0).right() } else { column }
    };
    let mut grid = Grid::new(names.iter().map(column).collect());
    for row in rows {
        grid.row(names.iter().map(|name| row.get(name).map_or(String::new(), |value| cell(name, value, screen))));
    }
    grid
}

fn cell(name: &str, value: &Value, screen: &Screen) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => match is_time(name).then(|| EventTime::parse_plain(text)).flatten() {
            Some(time) => screen.time(time),
            None => text.clone(),
        },
        other => other.to_string(),
    }
}

fn is_time(name: &str) -> bool {
    let of_events = Field::from_name(name).is_some_and(|column| column.kind() == Kind::Time);
    of_events || matches!(name, "delivery_time" | "first_event" | "last_event" | "first_time" | "last_time")
}

/// Says how much a grid had to leave out.
pub(crate) fn hidden_columns(hidden: usize) -> Option<String> {
    (hidden > 0).then(|| format!("{} at the right had no room: --wide shows all", super::text::count(number(hidden), "column")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen(width: Option<usize>) -> Screen {
        Screen { width, styled: false, offset: FixedOffset::east_opt(0).expect("UTC") }
    }

    fn shown(grid: &Grid, width: Option<usize>) -> (String, usize) {
        let mut out = Vec::new();
        let hidden = grid.write(&mut out, &screen(width)).expect("a vector takes all");
        (String::from_utf8(out).expect("text"), hidden)
    }

    fn sample() -> Grid {
        let mut grid = Grid::new(vec![Column::new("SEVERITY"), Column::new("WHO").cut(Cut::Middle, 8), Column::new("N").right()]);
        grid.row(["high", "role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_Admin", "12"]).severity(Severity::High);
        grid.row(["low", "evil\u{1b}[2J\u{202e}", ""]).note("a note that is longer than the table has room for in one line");
        grid
    }

    #[test]
    fn a_grid_fits_and_escapes() {
        let (text, hidden) = shown(&sample(), Some(40));
        insta::assert_snapshot!(text, @r"
        SEVERITY  WHO                          N
        high      role/aws…ReservedSSO_Admin  12
        low       evil\u{1b}[2J\u{202e}        -
                  a note that is longer than the
                  table has room for in one line
        ");
        assert_eq!(hidden, 0);
    }

    #[test]
    fn columns_that_have_no_room_are_counted() {
        let (text, hidden) = shown(&sample(), Some(19));
        assert_eq!(hidden, 1, "{text}");
        assert!(shown(&sample(), None).0.contains("sso.amazonaws.com/AWSReservedSSO_Admin"));
    }

    #[test]
    fn null_is_not_empty_and_times_follow_the_offset() {
        let row =
            serde_json::json!({"event_time": "2026-03-05T02:14:09Z", "event_time_raw": "2026-03-05T02:14:09Z", "a": null, "b": "", "n": 1});
        let rows = vec![row.as_object().expect("an object").clone()];
        let names: Vec<String> = rows[0].keys().cloned().collect();
        let east = Screen { offset: FixedOffset::east_opt(7_200).expect("+02:00"), ..screen(None) };
        let mut out = Vec::new();
        rows_grid(&names, &rows, &east).write(&mut out, &east).expect("a vector takes all");
        insta::assert_snapshot!(String::from_utf8(out).expect("text"), @r#"
        event_time                 event_time_raw        a  b   n
        2026-03-05T04:14:09+02:00  2026-03-05T02:14:09Z  -  ""  1
        "#);
    }
}
