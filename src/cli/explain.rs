//! One rule in full, for `trailsift rules explain`.

use std::io::{self, Write};

use serde_json::{Map, Value, json};
use trailsift::detect::{Logic, Rule, Sequence, Sum};

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
        "family": rule.family(),
        "kind": rule.kind().name(),
        "attack": rule.attack,
        "cis": rule.cis,
        "description": rule.description.trim(),
        "looks_for": rule.text,
        "conditions": conditions(rule),
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
    let kind = [Some(rule.kind().name().to_owned()), conditions(rule)].into_iter().flatten().collect::<Vec<_>>().join(": ");
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
        ("Author", rule.author.clone().unwrap_or_default()),
        ("Licence", rule.license.clone().unwrap_or_default()),
        ("Source", if rule.source == rule.place { rule.source.clone() } else { format!("{} ({})", rule.source, rule.place) }),
        ("Doubt", rule.doubt.as_ref().map(|(_, reason)| reason.clone()).unwrap_or_default()),
    ]
}

/// What makes matching events a finding, in words.
fn conditions(rule: &Rule) -> Option<String> {
    match &rule.logic {
        Logic::Single { roll_up, .. } => {
            let roll_up = roll_up.as_ref()?;
            Some(format!("one finding for each {} and {}", roll_up.by.join(", "), span(roll_up.every)))
        }
        Logic::Threshold { by, within, at_least, distinct, or_sum, .. } => {
            let what = distinct.as_ref().map_or_else(|| "events".to_owned(), |name| format!("values of {name}"));
            let sum = or_sum.as_ref().map(|Sum { of, at_least }| format!(", or a sum of {of} of at least {at_least},"));
            Some(format!("at least {at_least} {what}{}{} within {}", sum.unwrap_or_default(), by_text(by), span(*within)))
        }
        Logic::Sequence(sequence) => Some(sequence_text(sequence)),
        Logic::FirstSeen { key, quiet_days, known_by, .. } => {
            let known = if known_by.is_empty() { "" } else { " and known from other events" };
            let key = key.join(", ");
            Some(match quiet_days {
                Some(days) => format!("the first event of a {key} that was quiet for {days} days"),
                None => format!("the first event of a {key} that is not in the baseline{known}"),
            })
        }
        Logic::State { table, by, .. } => Some(format!("rows of the table {table}{}", by_text(by))),
        _ => None,
    }
}

fn by_text(by: &[String]) -> String {
    if by.is_empty() { String::new() } else { format!(" by {}", by.join(", ")) }
}

fn sequence_text(sequence: &Sequence) -> String {
    let steps: Vec<String> = sequence
        .steps
        .iter()
        .map(|step| {
            let times = if step.at_least > 1 { format!("{} times ", step.at_least) } else { String::new() };
            let binds: Vec<String> = step.bind.iter().map(|(name, source)| format!(":{name} = {source}")).collect();
            let binds = if binds.is_empty() { String::new() } else { format!(" (binds {})", binds.join(", ")) };
            format!("{times}{}{binds}{}", step.name, if step.optional { " if there" } else { "" })
        })
        .collect();
    let (joint, order) = if sequence.ordered { (", then ", "") } else { (" and ", " in any order") };
    let within = if sequence.within > 0 { format!(" within {}", span(sequence.within)) } else { String::new() };
    let absent = sequence.absent.as_ref().map(|absent| {
        let after = absent.within.map(|within| format!("{} after", span(within)));
        let before = absent.before.map(|before| format!("{} before", span(before)));
        format!("; absent for {} the last", after.into_iter().chain(before).collect::<Vec<_>>().join(" and "))
    });
    format!("{}{order}{}{within}{}", steps.join(joint), by_text(&sequence.by), absent.unwrap_or_default())
}

/// Seconds in the largest unit that holds them whole.
fn span(seconds: i64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m")];
    let fits = units.into_iter().find(|(unit, _)| seconds > 0 && seconds % unit == 0);
    fits.map_or_else(|| format!("{seconds}s"), |(unit, letter)| format!("{}{letter}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_as_rules_write_them() {
        assert_eq!([span(600), span(86_400), span(90), span(0)], ["10m", "1d", "90s", "0s"]);
    }
}
