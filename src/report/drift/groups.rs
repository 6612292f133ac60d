//! Drift by whom it is about, for the terminal.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::super::text::{count, number, short_principal, thousands};
use super::notes::notes;
use super::words::{change, mark};
use crate::iam::drift::{Coverage, Drift, Item};
use crate::severity::Severity;

/// What changed of one entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Group<'d> {
    /// The entity's printed key.
    pub entity: &'d str,
    /// The items, in the order of replay.
    pub lines: Vec<Line<'d>>,
}

/// One item below its entity. Texts of the log stand in it as they are: whoever shows it escapes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'d> {
    /// The item.
    pub item: &'d Item,
    /// `+`, `-`, `~` or `!`.
    pub mark: &'static str,
    /// What changed.
    pub change: String,
    /// Who did it; `None` of what was inferred.
    pub by: Option<&'d str>,
    /// What has to be said beside it.
    pub notes: Vec<String>,
}

/// The items by entity: first what the log contradicts, then the worst, then by name. Each item is in one group.
pub fn groups<'d>(items: impl IntoIterator<Item = &'d Item>) -> Vec<Group<'d>> {
    let mut found: BTreeMap<&str, Vec<&Item>> = BTreeMap::new();
    for item in items {
        found.entry(&item.entity).or_default().push(item);
    }
    let mut groups: Vec<(&str, Vec<&Item>)> = found.into_iter().collect();
    groups.sort_by_key(|(_, items)| Reverse(items.iter().map(|item| urgency(item)).max()));
    let group = |(entity, items): (&'d str, Vec<&'d Item>)| Group { entity, lines: items.into_iter().map(Line::of).collect() };
    groups.into_iter().map(group).collect()
}

/// What comes first in a report: contradictions of the log, then what nobody approved, then the worst.
pub(super) fn urgency(item: &Item) -> (bool, bool, Severity) {
    (item.kind.is_contradiction(), item.approved_by.is_none(), item.severity)
}

impl<'d> Line<'d> {
    fn of(item: &'d Item) -> Self {
        Self { item, mark: mark(item), change: change(item), by: item.actor_arn().map(|arn| short_principal(arn)), notes: notes(item) }
    }
}

/// What a report begins with: how much of the snapshots the log explains, then how many items there are of which sort.
pub fn headline(drift: &Drift) -> Vec<String> {
    let mut lines: Vec<String> = coverage(&drift.coverage).into_iter().collect();
    let counts = drift.items.counts();
    let contradictions = counts.contradictions();
    lines.push(format!(
        "{}, of which {} approved, by {} that had an effect; {} left everything as it was.",
        count(counts.changes(), "change"),
        thousands(counts.approved),
        count(counts.events, "event"),
        count(number(drift.noops), "call")
    ));
    if contradictions == 0 {
        lines.push("Nothing in the log contradicts it.".to_owned());
    } else {
        lines.push(format!(
            "{} that the log does not explain: evidence about the log, and no claim that somebody altered it.",
            count(contradictions, "item")
        ));
    }
    if !drift.duplicate_mismatches.is_empty() {
        let mismatches = number(drift.duplicate_mismatches.len());
        lines.push(format!("{} with more than one body: a record was edited.", count(mismatches, "event id")));
    }
    if !drift.approved_not_observed.is_empty() {
        lines.push(format!("{} not seen.", count(number(drift.approved_not_observed.len()), "approved change")));
    }
    lines
}

/// How much of later snapshots the log explains; `None` where there was none.
pub(super) fn coverage(coverage: &Coverage) -> Option<String> {
    let Coverage { explained, unexplained, uncertain, not_covered } = *coverage;
    let compared = explained + unexplained + uncertain;
    if compared + not_covered == 0 {
        return None;
    }
    Some(format!(
        "{} compared with a later snapshot, {} explained by the log, {} not; {} changed while the snapshot was taken, {} not known well enough to compare.",
        count(number(compared), "attribute"),
        thousands(number(explained)),
        thousands(number(unexplained)),
        thousands(number(uncertain)),
        thousands(number(not_covered))
    ))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{any_items, made, of_items};
    use super::*;
    use crate::iam::kind::Kind;

    #[test]
    fn contradictions_come_first_and_then_the_worst() {
        let named = |kind, entity: &str, severity| {
            let mut item = made(kind, "exists", false.into(), true.into());
            (item.entity, item.severity) = (entity.into(), severity);
            item
        };
        let mut approved = named(Kind::UserCreated, "approved", Severity::Critical);
        approved.approved_by = Some("CHG".into());
        let items = [
            approved,
            named(Kind::UserCreated, "calm", Severity::Low),
            named(Kind::UserCreated, "bad", Severity::High),
            named(Kind::UnexplainedChange, "log", Severity::Medium),
            named(Kind::UserCreated, "calm", Severity::Info),
        ];
        let order: Vec<_> = groups(&items).iter().map(|group| (group.entity, group.lines.len())).collect();
        assert_eq!(order, [("log", 1), ("bad", 1), ("calm", 2), ("approved", 1)]);
    }

    #[test]
    fn coverage_is_said_first() {
        let mut drift = of_items(vec![made(Kind::UserCreated, "exists", false.into(), true.into())]);
        drift.coverage = Coverage { explained: 1_202, unexplained: 2, uncertain: 0, not_covered: 7 };
        drift.approved_not_observed = vec!["CHG".to_owned()];
        drift.duplicate_mismatches = vec![("111122223333".to_owned(), "e".to_owned())];
        insta::assert_snapshot!(headline(&drift).join("\n"), @"
        1,204 attributes compared with a later snapshot, 1,202 explained by the log, 2 not; 0 changed while the snapshot was taken, 7 not known well enough to compare.
        1 change, of which 0 approved, by 1 event that had an effect; 4 calls left everything as it was.
        Nothing in the log contradicts it.
        1 event id with more than one body: a record was edited.
        1 approved change not seen.
        ");
        drift.coverage = Coverage::default();
        assert!(headline(&drift).first().is_some_and(|line| line.starts_with("1 change")));
    }

    proptest! {
        #[test]
        fn no_item_is_lost(items in any_items()) {
            let groups = groups(&items);
            prop_assert_eq!(groups.iter().map(|group| group.lines.len()).sum::<usize>(), items.len());
            prop_assert!(groups.iter().all(|group| group.lines.iter().all(|line| *line.item.entity == *group.entity)));
        }
    }
}
