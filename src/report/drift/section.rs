//! The section of the page: coverage and gaps, contradictions of the log, changes by severity, approved ones, and
//! what each entity was before and after.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::super::model::{Activity, Count, Text, Time};
use super::super::text::number;
use super::groups::{Glance, Group, groups, headline};
use super::lanes::{Lanes, lanes};
use super::notes::{Explanation, evidence, explanations, notes, pattern_words};
use super::picture::Picture;
use super::sides::{Line, Room, sides};
use super::words::{change, mark, sentence};
use crate::error::Error;
use crate::iam::drift::{Drift, Gap, Item, Items, Launch};
use crate::iam::graph::Graph;
use crate::severity::Severity;

/// What the section is made of.
#[derive(Debug, Clone, Copy)]
pub struct DriftSources<'s> {
    /// What was found.
    pub drift: &'s Drift,
    /// When the log is known to lack something.
    pub gaps: &'s [Gap],
    /// Who could become whom in the end; `None` where that was not asked.
    pub graph: Option<&'s Graph>,
}

/// What changed of identities. Each item is in one of the four lists, shown or counted as more.
#[derive(Debug, Clone)]
pub struct DriftSection {
    /// How much the log explains, and how many items there are, in sentences.
    pub lines: Vec<Text>,
    /// When the log is known to lack something, and why.
    pub gaps: Vec<Text>,
    /// Gaps beyond these.
    pub more_gaps: Count,
    /// What the log does not explain.
    pub contradictions: Vec<ContradictionRow>,
    /// Contradictions beyond these.
    pub more_contradictions: Count,
    /// What nobody approved, the worst first.
    pub changes: Vec<ChangeRow>,
    /// Changes beyond these.
    pub more_changes: Count,
    /// What was approved.
    pub approved: Vec<ChangeRow>,
    /// Approved changes beyond these.
    pub more_approved: Count,
    /// What is for the record only, by kind.
    pub infos: Vec<(&'static str, Count)>,
    /// Approved changes that were not seen.
    pub not_observed: Vec<Text>,
    /// Of these beyond those.
    pub more_not_observed: Count,
    /// Calls that run something under a role.
    pub launches: Vec<LaunchRow>,
    /// Calls beyond these.
    pub more_launches: Count,
    /// Before and after, by entity; those with nothing but what is for the record are left out.
    pub entities: Vec<EntityRow>,
    /// Entities beyond these.
    pub more_entities: Count,
    /// When things happened to whom.
    pub lanes: Option<Lanes>,
    /// Who could become whom.
    pub picture: Option<Picture>,
}

/// Something that the log does not explain.
#[derive(Debug, Clone)]
pub struct ContradictionRow {
    /// How bad.
    pub severity: Severity,
    /// When it was revealed.
    pub time: Option<Time>,
    /// What it is.
    pub sentence: Text,
    /// What has to be said beside it.
    pub notes: Vec<Text>,
    /// What else it may be.
    pub explanations: Vec<Explanation>,
    /// Where to look it up.
    pub evidence: Vec<Text>,
}

/// A change.
#[derive(Debug, Clone)]
pub struct ChangeRow {
    /// How bad.
    pub severity: Severity,
    /// When.
    pub time: Option<Time>,
    /// What happened.
    pub sentence: Text,
    /// What it is about.
    pub risk: String,
    /// From where.
    pub from: Option<Text>,
    /// What has to be said beside it.
    pub notes: Vec<Text>,
    /// Where to look it up.
    pub evidence: Vec<Text>,
}

/// A call that runs something under a role.
#[derive(Debug, Clone)]
pub struct LaunchRow {
    /// The pattern and its words.
    pub pattern: (&'static str, &'static str),
    /// When.
    pub time: Time,
    /// Who.
    pub who: Option<Text>,
    /// Under which role.
    pub role: Option<Text>,
    /// Whether the role has more rights than the caller, in words.
    pub outranks: &'static str,
    /// The event.
    pub event_id: Text,
}

/// What one entity went through.
#[derive(Debug, Clone)]
pub struct EntityRow {
    /// Its printed key.
    pub entity: Text,
    /// The worst of its items.
    pub worst: Severity,
    /// All of them.
    pub items: Count,
    /// The transitions, in order.
    pub steps: Vec<StepRow>,
    /// Transitions beyond these.
    pub more_steps: Count,
}

/// One transition.
#[derive(Debug, Clone)]
pub struct StepRow {
    /// When.
    pub time: Option<Time>,
    /// `+`, `-`, `~` or `!`.
    pub mark: &'static str,
    /// What changed.
    pub change: Text,
    /// The value before, a line a statement.
    pub before: Vec<Line>,
    /// The value after.
    pub after: Vec<Line>,
}

impl DriftSection {
    /// The section; the picture of times has the columns of the page's own.
    ///
    /// # Errors
    /// Those of reading items.
    pub fn new(sources: &DriftSources<'_>, activity: &Activity) -> Result<Self, Error> {
        let DriftSources { drift, gaps, graph } = *sources;
        let groups = groups(&drift.items, |_| true)?;
        let lists = Lists::of(&groups);
        let told: Vec<&Group> = groups.iter().filter(|group| group.items.iter().any(|item| item.severity > Severity::Info)).collect();
        let read = |glance: &&Glance| drift.items.get(glance.place).transpose();
        let items = |list: &[&Glance]| list.iter().take(SHOWN_ITEMS).filter_map(read).collect::<Result<Vec<_>, _>>();
        let changes = |list: &[&Glance]| Ok::<_, Error>(items(list)?.iter().map(changed).collect());
        let mut room = Room::new(ALL_VALUE_BYTES);
        Ok(Self {
            lines: headline(drift).iter().map(|line| Text::whole(line)).collect(),
            gaps: gaps.iter().take(SHOWN_OTHERS).map(gap).collect(),
            more_gaps: Count::beyond(gaps.len(), SHOWN_OTHERS),
            contradictions: items(&lists.contradictions)?.iter().map(contradiction).collect(),
            more_contradictions: Count::beyond(lists.contradictions.len(), SHOWN_ITEMS),
            changes: changes(&lists.changes)?,
            more_changes: Count::beyond(lists.changes.len(), SHOWN_ITEMS),
            approved: changes(&lists.approved)?,
            more_approved: Count::beyond(lists.approved.len(), SHOWN_ITEMS),
            infos: lists.infos.into_iter().map(|(kind, count)| (kind, Count(count))).collect(),
            not_observed: drift.approved_not_observed.iter().take(SHOWN_OTHERS).map(|change| Text::new(change)).collect(),
            more_not_observed: Count::beyond(drift.approved_not_observed.len(), SHOWN_OTHERS),
            launches: drift.launches.iter().take(SHOWN_OTHERS).map(launch).collect(),
            more_launches: Count::beyond(drift.launches.len(), SHOWN_OTHERS),
            entities: told.iter().take(SHOWN_ENTITIES).map(|group| entity(group, &drift.items, &mut room)).collect::<Result<_, _>>()?,
            more_entities: Count::beyond(told.len(), SHOWN_ENTITIES),
            lanes: lanes(activity, &told),
            picture: graph.map(Picture::of),
        })
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.contradictions.is_empty() && self.changes.is_empty() && self.approved.is_empty() && self.infos.is_empty()
    }
}

/// The items, each in one list.
#[derive(Default)]
struct Lists<'g> {
    contradictions: Vec<&'g Glance>,
    changes: Vec<&'g Glance>,
    approved: Vec<&'g Glance>,
    infos: BTreeMap<&'static str, u64>,
}

impl<'g> Lists<'g> {
    fn of(groups: &'g [Group]) -> Self {
        let mut lists = Self::default();
        for item in groups.iter().flat_map(|group| &group.items) {
            if item.kind.is_contradiction() {
                lists.contradictions.push(item);
            } else if item.is_approved {
                lists.approved.push(item);
            } else if item.severity > Severity::Info {
                lists.changes.push(item);
            } else {
                *lists.infos.entry(item.kind.name()).or_default() += 1;
            }
        }
        lists.contradictions.sort_by_key(|item| (Reverse(item.severity), item.place));
        lists.changes.sort_by_key(|item| (Reverse(item.severity), item.place));
        lists.approved.sort_by_key(|item| item.place);
        lists
    }
}

fn gap(gap: &Gap) -> Text {
    let range = &gap.range;
    let end = |time: Option<crate::time::EventTime>| time.map_or_else(|| "…".to_owned(), |time| time.to_string());
    Text::new(&format!("{} to {}: {}", end(range.since), end(range.until), gap.reason))
}

fn contradiction(item: &Item) -> ContradictionRow {
    ContradictionRow {
        severity: item.severity,
        time: item.event_time.map(Time),
        sentence: Text::new(&sentence(item)),
        notes: texts(&notes(item)),
        explanations: explanations(item),
        evidence: looked_up(item),
    }
}

fn changed(item: &Item) -> ChangeRow {
    ChangeRow {
        severity: item.severity,
        time: item.event_time.map(Time),
        sentence: Text::new(&sentence(item)),
        risk: item.risk.name().replace('_', " "),
        from: item.by.as_ref().and_then(|by| by.source_ip.as_deref()).map(Text::new),
        notes: texts(&notes(item)),
        evidence: looked_up(item),
    }
}

fn launch(launch: &Launch) -> LaunchRow {
    LaunchRow {
        pattern: (launch.pattern, pattern_words(launch.pattern)),
        time: Time(launch.event_time),
        who: launch.actor_arn.as_deref().map(Text::new),
        role: launch.role.as_deref().map(Text::new),
        outranks: match launch.outranks {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known",
        },
        event_id: Text::new(&launch.event_id),
    }
}

fn entity(group: &Group, items: &Items, room: &mut Room) -> Result<EntityRow, Error> {
    let mut steps = Vec::new();
    for glance in group.items.iter().take(SHOWN_STEPS) {
        let Some(item) = items.get(glance.place)? else { continue };
        let [before, after] = sides(&item, room);
        steps.push(StepRow { time: item.event_time.map(Time), mark: mark(&item), change: Text::new(&change(&item)), before, after });
    }
    Ok(EntityRow {
        entity: Text::new(&group.entity),
        worst: group.items.iter().map(|item| item.severity).max().unwrap_or(Severity::Info),
        items: Count(number(group.items.len())),
        steps,
        more_steps: Count::beyond(group.items.len(), SHOWN_STEPS),
    })
}

fn looked_up(item: &Item) -> Vec<Text> {
    item.evidence.iter().take(SHOWN_EVIDENCE).map(|found| Text::new(&evidence(found))).collect()
}

fn texts(lines: &[String]) -> Vec<Text> {
    lines.iter().take(SHOWN_NOTES).map(|line| Text::new(line)).collect()
}

/// Items that a list shows: beyond some hundreds nobody reads on.
const SHOWN_ITEMS: usize = 500;
/// Entities whose transitions are shown, and how many of each.
const SHOWN_ENTITIES: usize = 100;
const SHOWN_STEPS: usize = 50;
/// Lines of the lists beside the main ones.
const SHOWN_OTHERS: usize = 200;
/// Notes of an item: all of its own, and the first gaps of the log that its window has in it.
const SHOWN_NOTES: usize = 20;
/// Pieces of evidence of an item.
const SHOWN_EVIDENCE: usize = 5;
/// Bytes of all values before and after, so that the page stays under 10 MB.
const ALL_VALUE_BYTES: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{any_items, of_items};
    use super::*;

    fn activity() -> Activity {
        Activity { unit: "hour", buckets: Vec::new(), seconds: 3_600, untimed: Count(0) }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_item_is_lost(items in any_items(), times in 1_usize..40) {
            let drift = of_items(items.iter().cycle().take(items.len() * times).cloned().collect());
            let section = DriftSection::new(&DriftSources { drift: &drift, gaps: &[], graph: None }, &activity()).expect("items are read");
            let shown = section.contradictions.len() + section.changes.len() + section.approved.len();
            let more = section.more_contradictions.0 + section.more_changes.0 + section.more_approved.0;
            let infos: u64 = section.infos.iter().map(|(_, count)| count.0).sum();
            prop_assert_eq!(number(shown) + more + infos, number(drift.items.len()));
            prop_assert!(section.changes.windows(2).all(|pair| pair[0].severity >= pair[1].severity));
            let steps: u64 = section.entities.iter().map(|entity| number(entity.steps.len()) + entity.more_steps.0).sum();
            prop_assert_eq!(steps, section.entities.iter().map(|entity| entity.items.0).sum::<u64>());
            prop_assert_eq!(section.is_empty(), drift.items.is_empty());
        }
    }
}
