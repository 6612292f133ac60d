//! Items of drift among the events of a timeline.

use std::collections::BTreeMap;

use super::TimelineEntry;
use crate::iam::drift::{Evidence, Item};
use crate::time::EventTime;

/// A line of a timeline with drift.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment<'d> {
    /// The event; `None` of an item that rests on none of the events, such as what a snapshot shows.
    pub entry: Option<TimelineEntry>,
    /// The items that the event made or revealed, in the order of replay.
    pub items: Vec<&'d Item>,
}

impl Moment<'_> {
    /// When it happened; of what a snapshot shows, when that was taken.
    pub fn event_time(&self) -> Option<EventTime> {
        match &self.entry {
            Some(entry) => entry.event_time,
            None => self.items.first().and_then(|item| item.event_time),
        }
    }
}

/// Puts items among events, which come as [`timeline`](super::timeline) yields them: each item stands with the event that
/// its evidence names, or, where that is not among them, by its time, after the events of that time.
/// Each event and each item is there once.
pub fn with_drift(entries: Vec<TimelineEntry>, items: &[Item]) -> Vec<Moment<'_>> {
    let mut by_object: BTreeMap<&str, BTreeMap<u64, Vec<&Item>>> = BTreeMap::new();
    for item in items {
        if let Some((object, index)) = place(item) {
            by_object.entry(object).or_default().entry(index).or_default().push(item);
        }
    }
    let with = |entry: TimelineEntry| {
        let of_object = by_object.get_mut(entry.object.as_str());
        let items = of_object.and_then(|of_object| of_object.remove(&entry.record_index)).unwrap_or_default();
        Moment { entry: Some(entry), items }
    };
    let mut moments: Vec<Moment<'_>> = entries.into_iter().map(with).collect();
    let is_left = |(object, index): (&str, u64)| by_object.get(object).is_some_and(|of_object| of_object.contains_key(&index));
    let is_alone = |item: &&Item| place(item).is_none_or(is_left);
    moments.extend(items.iter().filter(is_alone).map(|item| Moment { entry: None, items: vec![item] }));
    moments.sort_by_key(|moment| (moment.event_time().is_none(), moment.event_time()));
    moments
}

/// The record that an item rests on.
fn place(item: &Item) -> Option<(&str, u64)> {
    item.evidence.iter().find_map(|evidence| match evidence {
        Evidence::Record { object, record_index, .. } => Some((&**object, (*record_index)?)),
        Evidence::Snapshot { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::*;
    use crate::iam::drift::{Setup, drift};
    use crate::iam::event::IamEvent;
    use crate::iam::events::IamEvents;
    use crate::problem::Place;

    fn event() -> IamEvent {
        IamEvent {
            event_id: "e".into(),
            event_source: "iam.amazonaws.com".into(),
            event_name: "CreateUser".into(),
            event_time: EventTime::parse("2026-03-02T10:00:00Z").expect("a time"),
            recipient_account_id: "111122223333".into(),
            aws_region: "us-east-1".into(),
            source_ip_address: None,
            user_agent: None,
            error_code: None,
            request_parameters: Some(r#"{"userName": "bob"}"#.to_owned()),
            response_elements: None,
            mfa_used: None,
            actor: Arc::default(),
            place: Place { object: Arc::from("a.json"), record_index: None, offset: None },
        }
    }

    fn entry(index: u64, time: &str) -> TimelineEntry {
        TimelineEntry {
            event_time: EventTime::parse(time),
            recipient_account_id: None,
            aws_region: None,
            principal: None,
            session_name: None,
            user_access_key_id: None,
            source_ip_address: None,
            event_source: None,
            event_name: None,
            ok: None,
            error_code: None,
            console_login_result: None,
            event_id: None,
            object: "a.json".to_owned(),
            record_index: index,
            file_integrity: None,
            rules: BTreeSet::new(),
            severity: None,
        }
    }

    fn item(evidence: Option<(&str, u64)>, time: &str) -> Item {
        let mut item = drift(&IamEvents::of([event()]).expect("it fits in memory"), &Setup::default())
            .expect("nothing is read from a file")
            .items
            .all()
            .expect("it is read")
            .pop()
            .expect("an item");
        let record =
            |(object, index): (&str, u64)| Evidence::Record { object: object.into(), record_index: Some(index), event_id: "e".into() };
        let snapshot = Evidence::Snapshot { file: "s.json".into(), pointer: "".into() };
        item.evidence = vec![evidence.map_or(snapshot, record)];
        item.event_time = EventTime::parse(time);
        item
    }

    #[test]
    fn each_item_stands_with_its_event_or_by_its_time() {
        let (ten, noon) = ("2026-03-02T10:00:00Z", "2026-03-02T12:00:00Z");
        let items = [
            item(Some(("a.json", 2)), noon),
            item(Some(("a.json", 2)), noon),
            item(Some(("b.json", 2)), ten),
            item(None, noon),
            item(None, ""),
        ];
        let moments = with_drift(vec![entry(1, ten), entry(2, noon), entry(3, "")], &items);
        let seen: Vec<_> =
            moments.iter().map(|moment| (moment.entry.as_ref().map(|entry| entry.record_index), moment.items.len())).collect();
        assert_eq!(seen, [(Some(1), 0), (None, 1), (Some(2), 2), (None, 1), (Some(3), 0), (None, 1)]);
    }
}
