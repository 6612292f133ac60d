//! One rule in full, for `trailsift rules explain`.

use std::io::{self, Write};

use serde_json::{Map, Value, json};
use trailsift::detect::Rule;

use super::output::line;
use super::table::Screen;
use super::text::{escape, width, wrap};

/// Columns before the text of a field.
const INDENT: usize = 14;

/// Writes every field of the rule.
pub(crate) fn write(out: &mut dyn Write, rule: &Rule, screen: &Screen) -> io::Result<()> {
    line(out, &format!("{}  {}  {}", rule.id, rule.severity.default, rule.title))?;
    for (name, text) in fields(rule) {
        let room = screen.width.map_or(usize::MAX, |width| width.saturating_sub(INDENT));
        // Text of the rule's own making keeps its lines; a terminal sees each of them escaped.
        let mut label = name;
        for part in text.lines().filter(|part| !part.trim().is_empty()) {
            let part = escape(part);
            let own = part.len() - part.trim_start().len();
            // Further lines of an item stand behind its dash.
            let hang = if part.trim_start().starts_with("- ") { 2 } else { 0 };
            for (place, shown) in wrap(part.trim(), room.saturating_sub(own + hang)).iter().enumerate() {
                let indent = own + if place == 0 { 0 } else { hang };
                writeln!(out, "{label:<INDENT$}{}{shown}", " ".repeat(indent))?;
                label = "";
            }
        }
    }
    debug_assert!(fields(rule).iter().all(|(name, _)| width(name) < INDENT));
    Ok(())
}

/// The rule as a row of JSON.
pub(crate) fn row(rule: &Rule) -> Map<String, Value> {
    let severities: Vec<&str> = rule.severity.levels.iter().map(|(severity, _)| severity.name()).collect();
    let fields: Map<String, Value> = rule.fields.iter().map(|(name, path)| (name.clone(), Value::from(path.text()))).collect();
    let value = json!({
        "id": rule.id,
        "title": rule.title,
        "severity": rule.severity.default.name(),
        "severities": severities,
        "family": rule.family,
        "kind": rule.kind().name(),
        "attack": rule.attack,
        "cis": rule.cis,
        "description": rule.description.trim(),
        "looks_for": rule.text,
        "conditions": rule.in_words(),
        "fields": fields,
        "false_positives": rule.false_positives,
        "next_steps": rule.next_steps,
        "references": rule.references,
        "author": rule.author,
        "license": rule.license,
        "source": rule.source,
        "place": rule.place,
        "doubt": rule.doubt.as_ref().map(|(_, reason)| reason),
    });
    match value {
        Value::Object(row) => row,
        _ => Map::new(),
    }
}

fn fields(rule: &Rule) -> Vec<(&'static str, String)> {
    let list = |items: &[String]| items.iter().map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n");
    let paths: Vec<String> = rule.fields.iter().map(|(name, path)| format!("{name} = {}", path.text())).collect();
    let levels: Vec<&str> = rule.severity.levels.iter().map(|(severity, _)| severity.name()).collect();
    let severity =
        if levels.is_empty() { String::new() } else { format!("{}, or by the event {}", rule.severity.default, levels.join(", ")) };
    let kind = [Some(rule.kind().name().to_owned()), rule.in_words()].into_iter().flatten().collect::<Vec<_>>().join(": ");
    vec![
        ("Severity", severity),
        ("Kind", kind),
        ("ATT&CK", rule.attack.join(", ")),
        ("CIS", rule.cis.join(", ")),
        ("Why", rule.description.trim().to_owned()),
        ("Looks for", rule.text.clone()),
        ("Fields", paths.join("\n")),
        ("Benign", list(&rule.false_positives)),
        ("Next", list(&rule.next_steps)),
        ("References", list(&rule.references)),
        ("Author", rule.author.as_deref().unwrap_or_default().to_owned()),
        ("Licence", rule.license.as_deref().unwrap_or_default().to_owned()),
        ("Source", if *rule.source == *rule.place { rule.place.clone() } else { format!("{} ({})", rule.source, rule.place) }),
        ("Doubt", rule.doubt.as_ref().map(|(_, reason)| reason.clone()).unwrap_or_default()),
    ]
}
