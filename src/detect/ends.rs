//! [`Ends`]: of many events with one key, the few that can matter to a rule that
//! asks when a key was seen.

use std::collections::BTreeMap;

use super::hits::{Hit, Rows, Value};
use super::matches::Match;
use crate::frame::Map;
use crate::schema::Column;
use crate::time::EventTime;

/// Keeps the first and the last event of each key, day and side of the baseline's end.
///
/// That suffices: a key is quiet for whole days, so an event that ends the quiet is
/// the first of its day, and the sight before it the last of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends<'r> {
    /// The columns and fields of the key; an event with a null in one takes no part.
    pub(super) key: &'r [String],
    /// Where the baseline ends.
    pub(super) until: Option<EventTime>,
}

/// A key, a day, and whether it is before the baseline's end.
type Span<'m> = (Vec<Value<'m>>, i64, bool);

impl Ends<'_> {
    /// Whether the key needs no fields.
    pub(super) fn is_plain(&self) -> bool {
        self.key.iter().all(|name| Column::from_name(name).is_some())
    }

    /// The matches to keep, by row, with how many each stands for.
    pub(super) fn thin<'m>(&self, rows: &'m Rows<'m>, found: impl Iterator<Item = Match>) -> BTreeMap<usize, Match> {
        let mut ends: Map<Span<'m>, (Hit<'m>, Hit<'m>, u32)> = Map::default();
        for found in found {
            let hit = Hit::new(rows, found);
            let Some(time) = hit.time else { continue };
            let key: Vec<_> = self.key.iter().map(|name| hit.value(name)).collect();
            if key.contains(&Value::Null) {
                continue;
            }
            let day = time.epoch().div_euclid(86_400);
            let side = self.until.is_some_and(|until| time < until);
            let entry = ends.entry((key, day, side)).or_insert((hit, hit, 0));
            entry.2 += 1;
            if hit.order(&entry.0).is_lt() {
                entry.0 = hit;
            }
            if hit.order(&entry.1).is_gt() {
                entry.1 = hit;
            }
        }
        let mut kept = BTreeMap::new();
        for (first, last, count) in ends.into_values() {
            // Put in last, the first one stays where both are one event.
            for (hit, stands_for) in [(last, 0), (first, count)] {
                kept.insert(hit.row(), Match { stands_for, ..hit.found() });
            }
        }
        kept
    }
}
