//! When things happened to whom: a lane an entity, over the columns of the page's picture of activity.

use std::collections::BTreeMap;

use super::super::buckets::{LEFT, MARK, Mark, PLOT, Tenths, Tick, ticks};
use super::super::model::{Activity, Count, Text};
use super::super::text::{number, short_principal};
use super::groups::Group;
use crate::detect::Severity;

/// The picture; it is 1,120 pixels wide.
#[derive(Debug, Clone)]
pub struct Lanes {
    /// Its height.
    pub height: Tenths,
    /// The lanes.
    pub lanes: Vec<Lane>,
    /// Times below them.
    pub ticks: Vec<Tick>,
    /// Where the strokes of the times begin and end, and the line on which they stand.
    pub base: Tenths,
    /// Where the strokes end.
    pub tick_y: Tenths,
    /// The line on which the times stand.
    pub text_y: Tenths,
    /// Entities without a lane.
    pub more: Count,
    /// Items whose time is not among the columns, such as those that a later snapshot shows.
    pub outside: Count,
}

/// One entity.
#[derive(Debug, Clone)]
pub struct Lane {
    /// Its name without what every ARN has.
    pub label: Text,
    /// The whole name.
    pub title: Text,
    /// The line on which the name stands.
    pub text_y: Tenths,
    /// The line that the marks stand on.
    pub line_y: Tenths,
    /// One for each column in which something happened, with the worst severity.
    pub marks: Vec<Mark>,
}

/// The lanes of groups, which come in their order; `None` where there are no columns or no groups.
pub(super) fn lanes(activity: &Activity, groups: &[&Group]) -> Option<Lanes> {
    let start = activity.buckets.first()?.start.epoch().div_euclid(activity.seconds);
    let all = number(activity.buckets.len()).max(1);
    let x = |place: u64| LEFT + PLOT * place / all;
    let mut outside = 0;
    let mut lane = |(row, group): (u64, &&Group)| {
        let y = row * LANE;
        let mut found: BTreeMap<u64, (Severity, u64)> = BTreeMap::new();
        for item in &group.items {
            let column = item.time.map(|time| time.epoch().div_euclid(activity.seconds) - start);
            match column.and_then(|column| u64::try_from(column).ok()).filter(|column| *column < all) {
                Some(column) => {
                    let (worst, count) = found.entry(column).or_insert((Severity::Info, 0));
                    (*worst, *count) = ((*worst).max(item.severity), *count + 1);
                }
                None => outside += 1,
            }
        }
        let mark = |(column, (severity, count)): (u64, (Severity, u64))| {
            let middle = x(column).midpoint(x(column + 1));
            let label = activity.buckets.get(usize::try_from(column).ok()?)?.label.clone();
            Some(Mark { severity, x: Tenths(middle.saturating_sub(MARK / 2)), y: Tenths(y + NAME), count: Count(count), label })
        };
        Lane {
            label: Text::new(short_principal(&group.entity)),
            title: Text::new(&group.entity),
            text_y: Tenths(y + NAME - 40),
            line_y: Tenths(y + NAME + MARK / 2),
            marks: found.into_iter().filter_map(mark).collect(),
        }
    };
    let lanes: Vec<Lane> = (0..).zip(groups.iter().take(MOST_LANES)).map(&mut lane).collect();
    let base = number(lanes.len()) * LANE + 60;
    (!lanes.is_empty()).then(|| Lanes {
        height: Tenths(base + BELOW),
        lanes,
        ticks: ticks(activity, x),
        base: Tenths(base),
        tick_y: Tenths(base + 60),
        text_y: Tenths(base + 190),
        more: Count(number(groups.len().saturating_sub(MOST_LANES))),
        outside: Count(outside),
    })
}

/// Lanes of a picture, which is more than a page high then.
const MOST_LANES: usize = 30;
/// The height of a lane, and of the name above its marks.
const LANE: u64 = 360;
const NAME: u64 = 180;
/// Room below for the times.
const BELOW: u64 = 260;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::model::Bucket;
    use super::super::groups::groups;
    use super::super::tests::made;
    use super::*;
    use crate::iam::drift::{Item, Items};
    use crate::iam::kind::Kind;
    use crate::time::EventTime;

    fn activity() -> Activity {
        let bucket = |hour: u32| Bucket {
            start: EventTime::parse(&format!("2026-03-02T{hour:02}:00:00Z")).expect("a time"),
            label: format!("{hour}"),
            reads: Count(1),
            writes: Count(0),
            findings: Vec::new(),
        };
        Activity { unit: "hour", buckets: (9..12).map(bucket).collect(), seconds: 3_600, untimed: Count(0) }
    }

    fn at(time: Option<&str>, entity: &str, severity: Severity) -> Item {
        let mut item = made(Kind::UserCreated, "exists", json!(false), json!(true));
        item.event_time = time.and_then(|time| EventTime::parse(&format!("2026-03-02T{time}Z")));
        (item.entity, item.severity) = (entity.into(), severity);
        item
    }

    fn grouped(items: Vec<Item>) -> Vec<Group> {
        groups(&Items::of(items).expect("they are kept"), |_| true).expect("they are read")
    }

    #[test]
    fn every_item_has_a_mark_or_is_counted() {
        let items = [
            at(Some("09:00:00"), "a", Severity::High),
            at(Some("09:59:59"), "a", Severity::Low),
            at(Some("11:00:00"), "a", Severity::Low),
            at(Some("12:00:00"), "a", Severity::Low),
            at(Some("08:59:59"), "b", Severity::Info),
            at(None, "b", Severity::Info),
        ];
        let groups = grouped(items.to_vec());
        let lanes = lanes(&activity(), &groups.iter().collect::<Vec<_>>()).expect("lanes");
        let seen: Vec<_> = lanes
            .lanes
            .iter()
            .map(|lane| lane.marks.iter().map(|mark| (mark.label.as_str(), mark.severity.name(), mark.count.0)).collect::<Vec<_>>())
            .collect();
        assert_eq!(seen, [vec![("9", "high", 2), ("11", "low", 1)], vec![]]);
        assert_eq!(lanes.outside, Count(3));
        assert!(lanes.lanes.iter().flat_map(|lane| &lane.marks).all(|mark| mark.x.0 + MARK <= LEFT + PLOT && mark.y.0 < lanes.base.0));
    }

    #[test]
    fn without_columns_there_are_no_lanes() {
        let empty = Activity { buckets: Vec::new(), ..activity() };
        assert!(lanes(&empty, &grouped(vec![at(None, "a", Severity::Low)]).iter().collect::<Vec<_>>()).is_none());
        assert!(lanes(&activity(), &[]).is_none());
    }
}
