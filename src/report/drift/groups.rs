//! Drift by whom it is about, for the terminal.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::text::{count, number, thousands};
use super::notes::notes;
use super::words::{change, mark};
use crate::error::Error;
use crate::iam::drift::{Coverage, Drift, Item, Items};
use crate::iam::kind::Kind;
use crate::severity::Severity;
use crate::time::EventTime;

/// What changed of one entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// The entity's printed key.
    pub entity: Arc<str>,
    /// The items, in the order of replay.
    pub items: Vec<Glance>,
}

/// What is known of an item without reading it again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Glance {
    /// Where it stands among [`Items`].
    pub place: usize,
    /// Its kind.
    pub kind: Kind,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it was approved.
    pub is_approved: bool,
    /// When.
    pub time: Option<EventTime>,
}

/// One item below its entity. Texts of the log stand in it as they are: whoever shows it escapes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// `+`, `-`, `~` or `!`.
    pub mark: &'static str,
    /// What changed.
    pub change: String,
    /// What has to be said beside it.
    pub notes: Vec<String>,
}

/// The items by entity: first what the log contradicts, then the worst, then by name. Each item that is asked for is in
/// one group.
///
/// # Errors
/// Those of reading items.
pub fn groups(items: &Items, is_asked: impl Fn(&Item) -> bool) -> Result<Vec<Group>, Error> {
    let mut found: BTreeMap<Arc<str>, Vec<Glance>> = BTreeMap::new();
    for (place, item) in items.iter().enumerate() {
        let item = item?;
        if is_asked(&item) {
            found.entry(item.entity.clone()).or_default().push(Glance::of(place, &item));
        }
    }
    let mut groups: Vec<Group> = found.into_iter().map(|(entity, items)| Group { entity, items }).collect();
    groups.sort_by_key(|group| Reverse(group.items.iter().map(Glance::urgency).max()));
    Ok(groups)
}

impl Glance {
    fn of(place: usize, item: &Item) -> Self {
        let is_approved = item.approved_by.is_some();
        Self { place, kind: item.kind, severity: item.severity, is_approved, time: item.event_time }
    }

    /// What comes first in a report: contradictions of the log, then what nobody approved, then the worst.
    const fn urgency(&self) -> (bool, bool, Severity) {
        (self.kind.is_contradiction(), !self.is_approved, self.severity)
    }
}

impl Line {
    /// That of an item.
    pub fn of(item: &Item) -> Self {
        Self { mark: mark(item), change: change(item), notes: notes(item) }
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
        let groups = groups(&Items::of(items).expect("they are kept"), |_| true).expect("they are read");
        let order: Vec<_> = groups.iter().map(|group| (&*group.entity, group.items.len())).collect();
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
            let kept = Items::of(items.clone()).expect("they are kept");
            let groups = groups(&kept, |item| item.severity > Severity::Info).expect("they are read");
            prop_assert_eq!(groups.iter().map(|group| group.items.len()).sum::<usize>(), items.iter().filter(|item| item.severity > Severity::Info).count());
            for (group, glance) in groups.iter().flat_map(|group| group.items.iter().map(move |item| (group, item))) {
                let item = kept.get(glance.place).expect("it is read").expect("there is one");
                prop_assert_eq!((&item.entity, item.kind, item.severity), (&group.entity, glance.kind, glance.severity));
            }
        }
    }
}
