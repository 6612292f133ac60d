//! Rules of kind `threshold`: many events of one key, or many distinct values
//! among them, within a window of time.

use super::finding::Finding;
use super::hits::{Extra, Groups, Hit, Value, finding};
use super::rule::{Rule, Sum};
use crate::frame::{Map, Set, Texts};

/// What a window has to hold.
#[derive(Debug, Clone, Copy)]
pub(super) struct Threshold<'r> {
    /// The columns and fields that the events of a window share.
    pub(super) by: &'r [String],
    /// The window's length in seconds.
    pub(super) within: i64,
    /// How many events or values it has to hold.
    pub(super) at_least: u64,
    /// Whose values are counted; `None` for the events themselves.
    pub(super) distinct: Option<&'r str>,
    /// A sum over its events that fills it too.
    pub(super) or_sum: Option<&'r Sum>,
}

/// The findings of a `threshold` rule.
///
/// A window is closed: events belong together where the last is at most `within`
/// after the first, in whole seconds, which is CloudTrail's own resolution. A
/// finding begins with the shortest window that holds enough, and every later
/// event of the key that comes within `within` of the finding's last one extends
/// it; so overlapping windows are one finding. Events without a time, and those
/// whose counted value is null, take no part. Events whose key is null in a
/// column belong together.
pub(super) fn findings(rule: &Rule, mut hits: Vec<Hit<'_>>, threshold: Threshold<'_>) -> Vec<Finding> {
    hits.retain(|hit| hit.time.is_some() && threshold.distinct.is_none_or(|name| hit.value(name) != Value::Null));
    let mut findings = Vec::new();
    let mut objects = Texts::default();
    for group in Groups::of(hits, threshold.by).iter() {
        for burst in bursts(group, threshold) {
            let sum = burst.iter().fold(0_i64, |sum, hit| sum.saturating_add(number(hit, threshold)));
            let extra = Extra { distinct: distinct_values(burst, threshold.distinct), sum, ..Extra::default() };
            findings.push(finding(rule, burst, &extra, &mut objects));
        }
    }
    findings
}

/// The runs of ordered hits that are findings.
fn bursts<'h, 'm>(hits: &'h [Hit<'m>], threshold: Threshold<'_>) -> Vec<&'h [Hit<'m>]> {
    let mut bursts = Vec::new();
    let mut rest = hits;
    while let Some((start, end)) = first_window(rest, threshold) {
        let last = |end: usize| end.checked_sub(1).and_then(|last| rest.get(last)).map_or(i64::MIN, epoch);
        let mut end = end;
        while rest.get(end).is_some_and(|next| epoch(next) - last(end) <= threshold.within) {
            end += 1;
        }
        bursts.extend(rest.get(start..end));
        rest = rest.get(end..).unwrap_or_default();
    }
    bursts
}

/// Where the first window that holds enough begins and ends (exclusive), made as short as it can be.
fn first_window(hits: &[Hit<'_>], threshold: Threshold<'_>) -> Option<(usize, usize)> {
    let mut window = Window::default();
    for (place, hit) in hits.iter().enumerate() {
        window.add(hit, place, threshold);
        while hits.get(window.start).is_some_and(|first| epoch(hit) - epoch(first) > threshold.within) {
            window.drop_first(hits, threshold);
        }
        if !window.is_full(threshold, None) {
            continue;
        }
        while hits.get(window.start).is_some_and(|first| window.is_full(threshold, Some(first))) {
            window.drop_first(hits, threshold);
        }
        // The window is closed, so the other events of its first second belong to it.
        let first = hits.get(window.start).map_or(i64::MIN, epoch);
        let earlier = hits.get(..window.start).unwrap_or_default().iter().rev();
        let start = window.start - earlier.take_while(|hit| epoch(hit) == first).count();
        return Some((start, place + 1));
    }
    None
}

/// What one hit adds to a window: its value, or itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Counted<'m> {
    Value(Value<'m>),
    Event(usize),
}

fn counted<'m>(hit: &Hit<'m>, place: usize, threshold: Threshold<'_>) -> Counted<'m> {
    threshold.distinct.map_or(Counted::Event(place), |name| Counted::Value(hit.value(name)))
}

/// The number of a hit that is summed up, never below 0; 0 where there is none.
fn number(hit: &Hit<'_>, threshold: Threshold<'_>) -> i64 {
    let number = match threshold.or_sum.map(|sum| hit.value(&sum.of)) {
        Some(Value::Int(number)) => number,
        Some(Value::Text(text)) => whole(text),
        _ => 0,
    };
    number.max(0)
}

/// The whole part of a number such as `1492.0` or `1.5E9`, in which CloudTrail writes counts of bytes; 0 for other texts.
fn whole(text: &str) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let plain = if fraction.bytes().all(|byte| byte.is_ascii_digit()) { whole.parse().ok() } else { None };
    plain
        .or_else(|| {
            let number: f64 = text.parse().ok()?;
            format!("{:.0}", number.trunc()).parse().ok()
        })
        .unwrap_or_default()
}

/// A run of hits that slides forward, and how often each thing is in it.
#[derive(Debug, Default)]
struct Window<'m> {
    start: usize,
    times: Map<Counted<'m>, u64>,
    sum: i128,
}

impl<'m> Window<'m> {
    fn add(&mut self, hit: &Hit<'m>, place: usize, threshold: Threshold<'_>) {
        *self.times.entry(counted(hit, place, threshold)).or_default() += 1;
        self.sum += i128::from(number(hit, threshold));
    }

    fn drop_first(&mut self, hits: &[Hit<'m>], threshold: Threshold<'_>) {
        if let Some(first) = hits.get(self.start) {
            let counted = counted(first, self.start, threshold);
            if let Some(times) = self.times.get_mut(&counted) {
                *times -= 1;
                if *times == 0 {
                    self.times.remove(&counted);
                }
            }
            self.sum -= i128::from(number(first, threshold));
        }
        self.start += 1;
    }

    /// Whether it holds enough, also `without` its first hit.
    fn is_full(&self, threshold: Threshold<'_>, without: Option<&Hit<'m>>) -> bool {
        let held = u64::try_from(self.times.len()).unwrap_or(u64::MAX);
        let (lost, less) = match without {
            Some(first) => {
                let times = self.times.get(&counted(first, self.start, threshold));
                (u64::from(times.is_none_or(|times| *times <= 1)), number(first, threshold))
            }
            None => (0, 0),
        };
        held.saturating_sub(lost) >= threshold.at_least
            || threshold.or_sum.is_some_and(|sum| self.sum - i128::from(less) >= i128::from(sum.at_least))
    }
}

fn epoch(hit: &Hit<'_>) -> i64 {
    hit.epoch()
}

fn distinct_values(hits: &[Hit<'_>], distinct: Option<&str>) -> u64 {
    let Some(name) = distinct else { return u64::try_from(hits.len()).unwrap_or(u64::MAX) };
    let values: Set<_> = hits.iter().map(|hit| hit.value(name)).collect();
    u64::try_from(values.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_parts_of_numbers() {
        let texts = ["12", "1492.0", "9007199254740993.0", "-1.5", "1.5E9", "2e3", "5.", ".5", "1.x", "x", "", "1e400"];
        let wanted = [12, 1492, 9_007_199_254_740_993, -1, 1_500_000_000, 2_000, 5, 0, 0, 0, 0, 0];
        assert_eq!(texts.map(whole), wanted);
    }
}
