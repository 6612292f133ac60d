//! The graph of who could become whom as text for Graphviz.

use std::fmt::Write as _;

use super::super::text::escape;
use crate::iam::graph::{Graph, Party};

/// The graph in the language of Graphviz, an edge a line.
///
/// Names come from logs: hidden characters are shown, and what the language acts on is escaped, so that a name can do nothing
/// there. What was left out stands in a comment of the first lines.
///
/// # Source
/// Graphviz, "DOT Language": in quotes only `"` and `\` have a meaning.
pub fn dot(graph: &Graph) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write_graph(&mut text, graph);
    text
}

fn write_graph(text: &mut String, graph: &Graph) -> std::fmt::Result {
    writeln!(text, "// Who could become whom. Conditions (dashed), Deny, boundaries and policies of the organization are not weighed.")?;
    writeln!(text, "// Left out: {} edges; statements not compared with all names: {}.", graph.left_out, graph.not_compared)?;
    writeln!(text, "digraph iam {{\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];")?;
    for (place, node) in graph.nodes.iter().enumerate() {
        writeln!(text, "  n{place} [label={}, shape={}];", quoted(&node.name), shape(node.party))?;
    }
    for edge in &graph.edges {
        let style = if edge.conditional { ", style=dashed" } else { "" };
        writeln!(text, "  n{} -> n{} [label={}{style}];", edge.from, edge.to, quoted(edge.means.words()))?;
    }
    writeln!(text, "}}")
}

const fn shape(party: Party) -> &'static str {
    match party {
        Party::Everyone | Party::Account | Party::Provider | Party::Service | Party::Other => "hexagon",
        Party::StoreUser | Party::User => "ellipse",
        Party::StoreGroup | Party::Group => "folder",
        Party::Class | Party::PermissionSet => "tab",
        Party::Role => "box",
        Party::AllRights => "doubleoctagon",
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", escape(name).replace('\\', r"\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::super::tests::graph;
    use super::*;

    #[test]
    fn hostile_names_are_inert() {
        insta::assert_snapshot!(dot(&graph()), @r#"
        // Who could become whom. Conditions (dashed), Deny, boundaries and policies of the organization are not weighed.
        // Left out: 2 edges; statements not compared with all names: 0.
        digraph iam {
          rankdir=LR;
          node [fontname="sans-serif"];
          edge [fontname="sans-serif", fontsize=10];
          n0 [label="*", shape=hexagon];
          n1 [label="arn:aws:iam::111122223333:user/\"]; n0 -> n1 [URL=\"//198.51.100.7", shape=ellipse];
          n2 [label="arn:aws:iam::111122223333:user/<img src=x onerror=alert(1)>\\u{202e}\\u{a}\\N", shape=ellipse];
          n3 [label="arn:aws:iam::111122223333:role/</title></svg><script>alert(1)</script>", shape=box];
          n4 [label="all rights", shape=doubleoctagon];
          n0 -> n3 [label="may assume", style=dashed];
          n1 -> n3 [label="may pass, and run something under,"];
          n2 -> n1 [label="may create access keys of"];
          n3 -> n4 [label="has"];
        }
        "#);
    }

    #[test]
    fn every_quote_of_a_name_is_escaped() {
        for name in ["\"", "\\", "\\\"", "\"]; n0 -> n0 [URL=\"http://198.51.100.7", "\\N\\G\n", "a\u{0}b"] {
            let text = quoted(name);
            let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).expect("quotes");
            let mut letters = inner.chars();
            while let Some(letter) = letters.next() {
                assert_ne!(letter, '"', "{text}");
                assert!(letter != '\\' || matches!(letters.next(), Some('\\' | '"')), "{text}");
                assert!(!letter.is_control(), "{text}");
            }
        }
    }
}
