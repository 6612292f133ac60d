//! The graph of who could become whom as a picture: columns from the outside to all rights, in tenths of a pixel.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::super::buckets::Tenths;
use super::super::model::{Count, Text};
use super::super::text::{number, short_principal};
use crate::iam::graph::{Edge, Graph, Node, Party};

/// The picture and the table beside it.
#[derive(Debug, Clone)]
pub struct Picture {
    /// Its height; it is 1,120 pixels wide.
    pub height: Tenths,
    /// The columns' titles.
    pub titles: Vec<Title>,
    /// Those that are drawn.
    pub boxes: Vec<Box>,
    /// The lines between them.
    pub arrows: Vec<Arrow>,
    /// Nodes that are not drawn.
    pub hidden_nodes: Count,
    /// Edges that are not drawn.
    pub hidden_edges: Count,
    /// The edges in words, those that are drawn first.
    pub rows: Vec<Row>,
    /// Edges without a row.
    pub more_rows: Count,
    /// Edges that the graph itself has no room for, and comparisons that it did not make.
    pub left_out: Count,
}

/// The title of a column.
#[derive(Debug, Clone)]
pub struct Title {
    /// Its left side.
    pub x: Tenths,
    /// The title.
    pub text: &'static str,
}

/// Somebody.
#[derive(Debug, Clone)]
pub struct Box {
    /// The left side.
    pub x: Tenths,
    /// The top.
    pub y: Tenths,
    /// Where the name begins.
    pub text_x: Tenths,
    /// The line on which it stands.
    pub text_y: Tenths,
    /// The name, cut in its middle.
    pub label: Text,
    /// The whole name.
    pub title: Text,
    /// Its class: `outside`, `inside` or `rights`.
    pub class: &'static str,
}

/// One could become the other.
#[derive(Debug, Clone)]
pub struct Arrow {
    /// The line, as SVG writes paths.
    pub line: String,
    /// The head.
    pub head: String,
    /// What it says.
    pub title: Text,
    /// Whether all that says so has a condition.
    pub conditional: bool,
}

/// One edge in words.
#[derive(Debug, Clone)]
pub struct Row {
    /// Who.
    pub from: Text,
    /// How.
    pub means: &'static str,
    /// Whom.
    pub to: Text,
    /// Whether all that says so has a condition.
    pub conditional: bool,
    /// Steps from there to all rights, with this one; `None` where none lead there.
    pub steps: Option<usize>,
}

impl Picture {
    /// The picture of a graph: those nearest to all rights are drawn first, and then by name.
    pub fn of(graph: &Graph) -> Self {
        let distances = graph.distances();
        let steps = |edge: &Edge| distances.get(edge.to).copied().flatten().map(|steps| steps + 1);
        let places = drawn(graph, &distances);
        let spot = |node: usize| places.get(&node).copied();
        let both = |edge: &&Edge| spot(edge.from).is_some() && spot(edge.to).is_some();
        let lines: Vec<&Edge> = graph.edges.iter().filter(both).take(MOST_ARROWS).collect();
        let arrows: Vec<Arrow> = lines.iter().filter_map(|edge| Some(arrow(graph, edge, spot(edge.from)?, spot(edge.to)?))).collect();
        let mut told: Vec<&Edge> = graph.edges.iter().collect();
        // `false` before `true`: what leads to all rights is told first, the shortest way first.
        told.sort_by_key(|edge| (steps(edge).is_none(), steps(edge)));
        let rows = told.iter().take(MOST_ROWS).map(|edge| row(graph, edge, steps(edge))).collect();
        let tallest = places.values().map(|(_, row)| row + 1).max().unwrap_or_default();
        Self {
            height: Tenths(TOP + tallest * ROW),
            titles: (0..).zip(TITLES).map(|(column, text)| Title { x: Tenths(left(column)), text }).collect(),
            boxes: places.iter().filter_map(|(node, place)| Some(a_box(graph.nodes.get(*node)?, *place))).collect(),
            hidden_nodes: Count(number(graph.nodes.len().saturating_sub(places.len()))),
            hidden_edges: Count(number(graph.edges.len().saturating_sub(arrows.len()))),
            arrows,
            rows,
            more_rows: Count(number(graph.edges.len().saturating_sub(MOST_ROWS))),
            left_out: Count(number(graph.left_out.saturating_add(graph.not_compared))),
        }
    }
}

/// Where each node that is drawn stands: its column and its row.
fn drawn(graph: &Graph, distances: &[Option<usize>]) -> BTreeMap<usize, (u64, u64)> {
    let far = |place: usize| distances.get(place).copied().flatten();
    let mut order: Vec<usize> = (0..graph.nodes.len()).collect();
    order.sort_by_key(|place| (far(*place).is_none(), far(*place), *place));
    let mut rows: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for place in order {
        let Some(node) = graph.nodes.get(place) else { continue };
        let column = rows.entry(column_of(node.party)).or_default();
        if column.len() < MOST_IN_COLUMN {
            column.push(place);
        }
    }
    let numbered =
        |(column, places): (u64, Vec<usize>)| (0..).zip(places).map(move |(row, place)| (place, (column, row))).collect::<Vec<_>>();
    rows.into_iter().flat_map(numbered).collect()
}

const fn column_of(party: Party) -> u64 {
    match party {
        Party::Everyone | Party::Account | Party::Provider | Party::Service | Party::Other => 0,
        Party::StoreUser | Party::User => 1,
        Party::StoreGroup | Party::PermissionSet | Party::Group | Party::Class => 2,
        Party::Role => 3,
        Party::AllRights => 4,
    }
}

fn a_box(node: &Node, (column, row): (u64, u64)) -> Box {
    let class = match node.party {
        Party::AllRights => "rights",
        party if column_of(party) == 0 => "outside",
        _ => "inside",
    };
    let (x, y) = (left(column), top(row));
    Box {
        x: Tenths(x),
        y: Tenths(y),
        text_x: Tenths(x + 60),
        text_y: Tenths(y + 150),
        label: Text::new(&short(&label(node))),
        title: Text::new(&format!("{}: {}", node.party.name(), node.name)),
        class,
    }
}

/// A name that fits its box: the beginning and, as the end tells names apart, more of the end.
fn short(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let cut = letters.len().saturating_sub(MOST_LETTERS);
    if cut == 0 {
        return name.to_owned();
    }
    let head = MOST_LETTERS / 3;
    let tail = letters.len().saturating_sub(MOST_LETTERS - head - 1);
    letters.iter().take(head).chain(['…'].iter()).chain(letters.iter().skip(tail)).collect()
}

/// From the right side of one to the left side of the other; within a column and back to its right side. What passes
/// other columns runs below the row it comes from, where no box is.
fn arrow(graph: &Graph, edge: &Edge, from: (u64, u64), to: (u64, u64)) -> Arrow {
    let is_forward = to.0 > from.0;
    let (x1, y1) = (left(from.0) + WIDE, top(from.1) + TALL / 2);
    let (x2, y2) = (left(to.0) + if is_forward { 0 } else { WIDE }, top(to.1) + TALL / 2);
    let end = if is_forward { x2.saturating_sub(HEAD) } else { x2 + HEAD };
    let point = |x: u64, y: u64| format!("{} {}", Tenths(x), Tenths(y));
    let curve = |(x1, y1): (u64, u64), (x2, y2): (u64, u64), bend: u64| {
        format!("M{} C{} {} {}", point(x1, y1), point(bend, y1), point(bend, y2), point(x2, y2))
    };
    let line = if to.0 == from.0 || to.0 == from.0 + 1 {
        curve((x1, y1), (end, y2), x1 + GAP / 2)
    } else {
        let lane = top(from.1) + TALL.midpoint(ROW);
        let turn = if is_forward { left(to.0).saturating_sub(GAP) } else { left(to.0) + WIDE + GAP };
        let there = curve((x1, y1), (x1 + GAP, lane), x1 + GAP / 2);
        format!("{there} {}", curve((turn, lane), (end, y2), turn.midpoint(end))).replacen(" M", " L", 1)
    };
    Arrow {
        line,
        head: format!("M{} L{} L{}Z", point(x2, y2), point(end, y2.saturating_sub(HEAD / 2)), point(end, y2 + HEAD / 2)),
        title: Text::new(&in_words(graph, edge)),
        conditional: edge.conditional,
    }
}

fn name(graph: &Graph, place: usize) -> Cow<'_, str> {
    graph.nodes.get(place).map_or(Cow::Borrowed(""), label)
}

/// The name without what every ARN has.
fn label(node: &Node) -> Cow<'_, str> {
    match node.name.split(':').nth(4) {
        Some(account) if node.party == Party::Account => Cow::Owned(format!("account {account}")),
        _ => Cow::Borrowed(short_principal(&node.name)),
    }
}

fn in_words(graph: &Graph, edge: &Edge) -> String {
    let condition = if edge.conditional { ", under a condition" } else { "" };
    format!("{} {} {}{condition}", name(graph, edge.from), edge.means.words(), name(graph, edge.to))
}

fn row(graph: &Graph, edge: &Edge, steps: Option<usize>) -> Row {
    let whole = |place: usize| Text::new(graph.nodes.get(place).map_or("", |node| &node.name));
    Row { from: whole(edge.from), means: edge.means.words(), to: whole(edge.to), conditional: edge.conditional, steps }
}

const fn left(column: u64) -> u64 {
    column * (WIDE + GAP)
}

const fn top(row: u64) -> u64 {
    TOP + row * ROW
}

const TITLES: [&str; 5] = ["From outside", "Users", "Groups and all of a kind", "Roles", "All rights"];
/// The width of a box, and the room between two columns: five boxes and four gaps are less than 1,120 pixels.
const WIDE: u64 = 1_840;
const GAP: u64 = 480;
/// The height of a box, and the distance of two.
const TALL: u64 = 220;
const ROW: u64 = 300;
/// Room for the titles.
const TOP: u64 = 340;
/// The length of an arrow's head.
const HEAD: u64 = 80;
/// Letters of a name; 6 pixels each.
const MOST_LETTERS: usize = 26;
/// Boxes of a column and lines of a picture: more are no picture any longer.
const MOST_IN_COLUMN: usize = 24;
const MOST_ARROWS: usize = 200;
/// Edges that the table tells.
const MOST_ROWS: usize = 500;

#[cfg(test)]
mod tests {
    use super::super::super::text::is_hidden;
    use super::super::tests::graph;
    use super::*;
    use crate::iam::graph::Means;

    #[test]
    fn nothing_leaves_the_picture_and_nothing_is_lost() {
        let mut graph = graph();
        let rights = graph.nodes.iter().position(|node| node.party == Party::AllRights).expect("all rights");
        for number in 0..1_000 {
            graph.nodes.push(Node { party: Party::Role, name: format!("role/{number}") });
            graph.edges.push(Edge { from: graph.nodes.len() - 1, to: rights, means: Means::Holds, conditional: false });
            graph.edges.push(Edge { from: graph.nodes.len() - 1, to: graph.nodes.len() - 2, means: Means::Assume, conditional: true });
        }
        let picture = Picture::of(&graph);
        assert_eq!(number(picture.boxes.len()) + picture.hidden_nodes.0, number(graph.nodes.len()));
        assert_eq!(number(picture.arrows.len()) + picture.hidden_edges.0, number(graph.edges.len()));
        assert_eq!(number(picture.rows.len()) + picture.more_rows.0, number(graph.edges.len()));
        assert!(picture.boxes.iter().all(|one| one.x.0 + WIDE <= 11_200 && one.y.0 + TALL <= picture.height.0));
        assert!(picture.arrows.len() > 20);
    }

    #[test]
    fn names_are_cut_and_shown() {
        assert_eq!(short("user/alice"), "user/alice");
        let cut = short(&format!("role/{}end", "ü".repeat(100)));
        assert_eq!((cut.chars().count(), cut.ends_with("end"), cut.contains('…')), (MOST_LETTERS, true, true));
        let picture = Picture::of(&graph());
        assert!(picture.boxes.iter().all(|one| !one.label.as_str().contains(is_hidden)));
        assert_eq!(picture.rows.first().map(|row| row.steps), Some(Some(1)));
    }

    #[test]
    fn an_empty_graph_is_an_empty_picture() {
        let picture = Picture::of(&Graph::default());
        assert!(picture.boxes.is_empty() && picture.arrows.is_empty() && picture.rows.is_empty());
    }
}
