//! Changes that were approved, and which items they are.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value as Json;

use super::item::Item;
use crate::iam::policy::PolicyDocument;
use crate::iam::policy::pattern::matches_exactly;
use crate::time::EventTime;

/// A change that somebody approved.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovedChange {
    written: Written,
    not_before: Option<EventTime>,
    not_after: Option<EventTime>,
    /// The canonical form of `after`, where that is a document.
    document: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    change_id: Arc<str>,
    entity: String,
    kinds: Vec<String>,
    actor_arn: String,
    not_before: Option<String>,
    not_after: Option<String>,
    attribute: Option<String>,
    after: Option<Json>,
    max_items: Option<usize>,
}

/// Why a file of approved changes cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotApprovals {
    /// It is not a list of them.
    #[error("approved changes: {0}")]
    Json(String),
    /// A time cannot be read.
    #[error("approved changes: {change_id}: no time: {text}")]
    Time {
        /// Of which change.
        change_id: String,
        /// What is written.
        text: String,
    },
}

/// Reads a file of approved changes: a list of `{change_id, entity, kinds, actor_arn, not_before, not_after, attribute?,
/// after?, max_items?}`, where `entity`, `actor_arn` and `attribute` may have `*` and `?` in them.
///
/// # Errors
/// [`NotApprovals`] where it has another form.
pub fn read_approvals(text: &str) -> Result<Vec<ApprovedChange>, NotApprovals> {
    let written: Vec<Written> = serde_json::from_str(text).map_err(|error| NotApprovals::Json(error.to_string()))?;
    let approved = |written: Written| {
        let time = |text: &Option<String>| {
            let wrong = |text: &String| NotApprovals::Time { change_id: written.change_id.to_string(), text: text.clone() };
            text.as_ref().map(|text| EventTime::parse(text).ok_or_else(|| wrong(text))).transpose()
        };
        let (not_before, not_after) = (time(&written.not_before)?, time(&written.not_after)?);
        let document = written.after.as_ref().and_then(canonical);
        Ok(ApprovedChange { written, not_before, not_after, document })
    };
    written.into_iter().map(approved).collect()
}

impl ApprovedChange {
    /// Whether an item is what was approved, but for its value.
    fn covers(&self, item: &Item) -> bool {
        let Written { entity, kinds, actor_arn, attribute, .. } = &self.written;
        let in_time = item
            .event_time
            .is_some_and(|time| self.not_before.is_none_or(|since| since <= time) && self.not_after.is_none_or(|until| time <= until));
        in_time
            && kinds.iter().any(|kind| kind == item.kind.name())
            && attribute.as_ref().is_none_or(|attribute| matches_exactly(attribute, &item.attribute))
            && item.actor_arn().is_some_and(|actor| matches_exactly(actor_arn, actor))
            && matches_exactly(entity, &item.entity)
    }

    fn has_value_of(&self, item: &Item) -> bool {
        match (&self.written.after, &self.document) {
            (None, _) => true,
            (Some(_), Some(document)) => canonical(&item.after).as_ref() == Some(document),
            (Some(after), None) => *after == *item.after,
        }
    }
}

/// Which of the approved changes were seen.
#[derive(Debug)]
pub(super) struct Approvals<'a> {
    approved: &'a [ApprovedChange],
    used: Vec<usize>,
}

impl<'a> Approvals<'a> {
    pub(super) fn new(approved: &'a [ApprovedChange]) -> Self {
        Self { approved, used: vec![0; approved.len()] }
    }

    /// Marks an item that was approved, or nearly was; items come in the order of replay.
    pub(super) fn mark(&mut self, item: &mut Item) {
        if item.actor_arn().is_none() {
            return;
        }
        for (change, used) in self.approved.iter().zip(&mut self.used) {
            if !change.covers(item) {
                continue;
            }
            if change.has_value_of(item) && change.written.max_items.is_none_or(|most| *used < most) {
                *used += 1;
                item.approved_by = Some(change.written.change_id.clone());
                item.near_miss = None;
                item.severity = item.severity.lowered();
                break;
            }
            item.near_miss.get_or_insert_with(|| change.written.change_id.clone());
        }
    }

    /// The ids of changes that were not seen.
    pub(super) fn not_observed(self) -> Vec<String> {
        let unused = self.approved.iter().zip(self.used).filter(|(_, used)| *used == 0);
        unused.map(|(change, _)| change.written.change_id.to_string()).collect()
    }
}

fn canonical(document: &Json) -> Option<String> {
    document.is_object().then(|| PolicyDocument::parse(&document.to_string()).ok()).flatten().map(|document| document.canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_refused() {
        assert!(matches!(read_approvals("{}"), Err(NotApprovals::Json(_))));
        assert!(matches!(read_approvals(r#"[{"change_id": "c", "typo": 1}]"#), Err(NotApprovals::Json(_))));
        let time = r#"[{"change_id": "c", "entity": "*", "kinds": [], "actor_arn": "*", "not_before": "noon"}]"#;
        assert_eq!(read_approvals(time).expect_err("a time").to_string(), "approved changes: c: no time: noon");
    }
}
