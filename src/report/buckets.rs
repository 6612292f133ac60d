//! The hours of a case put into the columns of a picture.

use super::model::{Activity, Bucket, Count};
use super::text::number;
use crate::detect::{Finding, Severity};
use crate::summary;
use crate::time::EventTime;

/// Columns that a picture holds at most; one of 400 is less than 3 pixels wide.
const MOST_BUCKETS: i64 = 400;
/// Hours that are shown as such at most: ten days.
const MOST_HOURS: i64 = 240;

/// How long a column may be.
const UNITS: [(&str, i64); 6] = [
    ("hour", 3_600),
    ("day", 86_400),
    ("week", 604_800),
    ("30 days", 2_592_000),
    ("year of 365 days", 31_536_000),
    ("century", 3_153_600_000),
];

/// The columns: the shortest that fit, without a gap from the first hour with events to the last.
pub(super) fn activity(activity: &summary::Activity, findings: &[Finding]) -> Activity {
    let untimed = Count(activity.untimed);
    let ends = activity.hours.first().zip(activity.hours.last());
    let Some((first, last)) = ends.map(|(first, last)| (first.start.epoch(), last.start.epoch())) else {
        return Activity { unit: "hour", buckets: Vec::new(), seconds: 3_600, untimed };
    };
    let columns = |seconds: i64| last.div_euclid(seconds) - first.div_euclid(seconds) + 1;
    let fits = |(unit, seconds): &(&str, i64)| columns(*seconds) <= if *unit == "hour" { MOST_HOURS } else { MOST_BUCKETS };
    let (unit, seconds) = UNITS.into_iter().find(fits).unwrap_or(("century", 3_153_600_000));
    let start = first.div_euclid(seconds);
    let mut buckets: Vec<Bucket> = (0..columns(seconds)).filter_map(|column| bucket((start + column) * seconds, seconds)).collect();
    let place = |time: EventTime| usize::try_from(time.epoch().div_euclid(seconds) - start).ok();
    for hour in &activity.hours {
        if let Some(bucket) = place(hour.start).and_then(|place| buckets.get_mut(place)) {
            bucket.writes.0 += hour.writes;
            bucket.reads.0 += hour.events - hour.writes;
        }
    }
    for severity in Severity::ALL.into_iter().rev() {
        for finding in findings.iter().filter(|finding| finding.severity == severity) {
            let Some(bucket) = finding.first_time.and_then(place).and_then(|place| buckets.get_mut(place)) else { continue };
            match bucket.findings.last_mut() {
                Some((last, count)) if *last == severity => count.0 += 1,
                _ => bucket.findings.push((severity, Count(1))),
            }
        }
    }
    Activity { unit, buckets, seconds, untimed }
}

/// An empty column; `None` where it leaves the calendar, which the hours of events do not.
fn bucket(epoch: i64, seconds: i64) -> Option<Bucket> {
    let earliest = EventTime::parse("0001-01-01").map_or(epoch, EventTime::epoch);
    let start = EventTime::from_micros(epoch.max(earliest).checked_mul(1_000_000)?)?;
    let hour = start.hour_text();
    let label = if seconds < 86_400 { format!("{hour}:00Z") } else { hour.get(..10).unwrap_or_default().to_owned() };
    Some(Bucket { start, label, reads: Count(0), writes: Count(0), findings: Vec::new() })
}

/// The picture of [`Activity`]: sizes in tenths of a pixel, so that no fraction is rounded in two ways.
#[derive(Debug, Clone)]
pub struct Chart {
    /// Its height.
    pub height: Tenths,
    /// A lane for each severity that occurs.
    pub lanes: Vec<Lane>,
    /// The columns with events.
    pub bars: Vec<Bar>,
    /// The marks of findings.
    pub marks: Vec<Mark>,
    /// Lines with a number of events.
    pub levels: Vec<Level>,
    /// Times below the columns.
    pub ticks: Vec<Tick>,
    /// Where the columns stand.
    pub base: Tenths,
    /// Where the strokes below them end.
    pub tick_y: Tenths,
    /// The line on which the times stand.
    pub text_y: Tenths,
}

/// A tenth of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tenths(pub u64);

impl std::fmt::Display for Tenths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0 / 10, self.0 % 10)
    }
}

/// The marks of one severity.
#[derive(Debug, Clone)]
pub struct Lane {
    /// The severity.
    pub severity: Severity,
    /// The line on which its name stands.
    pub text_y: Tenths,
    /// Where its marks stand.
    pub y: Tenths,
}

/// One column.
#[derive(Debug, Clone)]
pub struct Bar {
    /// Its left side.
    pub x: Tenths,
    /// Its width.
    pub width: Tenths,
    /// The top of its reads.
    pub reads_y: Tenths,
    /// Their height.
    pub reads_height: Tenths,
    /// The top of its writes.
    pub writes_y: Tenths,
    /// Their height.
    pub writes_height: Tenths,
    /// Its time.
    pub label: String,
    /// Its reads.
    pub reads: Count,
    /// Its writes.
    pub writes: Count,
}

/// The findings of one severity that begin in one column.
#[derive(Debug, Clone)]
pub struct Mark {
    /// The severity.
    pub severity: Severity,
    /// The mark's left side.
    pub x: Tenths,
    /// Its top.
    pub y: Tenths,
    /// How many there are.
    pub count: Count,
    /// The column's time.
    pub label: String,
}

/// A line with a number of events.
#[derive(Debug, Clone)]
pub struct Level {
    /// Its height.
    pub y: Tenths,
    /// The line on which the number stands.
    pub text_y: Tenths,
    /// The number.
    pub events: Count,
}

/// A time below a column.
#[derive(Debug, Clone)]
pub struct Tick {
    /// The column's left side.
    pub x: Tenths,
    /// The time.
    pub label: String,
}

/// The left side of the columns.
pub(super) const LEFT: u64 = 620;
/// Their width together; the picture is 1,120 pixels wide.
pub(super) const PLOT: u64 = 10_480;
/// Their height.
const TALL: u64 = 1_700;
/// The height of a lane, and of a mark.
const LANE: u64 = 180;
pub(super) const MARK: u64 = 120;
/// Room above, and below for the times.
const ABOVE: u64 = 60;
const BELOW: u64 = 260;
/// Times below the columns at most.
const TICKS: u64 = 9;

impl Chart {
    /// The picture of the columns.
    pub(super) fn new(activity: &Activity) -> Self {
        let buckets = &activity.buckets;
        let severities = Severity::ALL.into_iter().rev().filter(|severity| buckets.iter().any(|bucket| has(bucket, *severity)));
        let lane = |(place, severity): (u64, Severity)| {
            let y = ABOVE + place * LANE;
            Lane { severity, text_y: Tenths(y + MARK - 20), y: Tenths(y) }
        };
        let lanes: Vec<Lane> = (0..).zip(severities).map(lane).collect();
        let top = ABOVE + number(lanes.len()) * LANE + 60;
        let base = top + TALL;
        let most = buckets.iter().map(|bucket| bucket.events().0).max().unwrap_or_default().max(1);
        let step = level_step(most);
        let scale = most.div_ceil(step) * step;
        let all = number(buckets.len()).max(1);
        let x = |place: u64| LEFT + PLOT * place / all;
        let gap = if PLOT / all > 60 { 10 } else { 0 };
        let tall = |events: u64| share(events, scale);
        let mut chart = Self {
            height: Tenths(base + BELOW),
            lanes,
            bars: Vec::new(),
            marks: Vec::new(),
            levels: Vec::new(),
            ticks: Vec::new(),
            base: Tenths(base),
            tick_y: Tenths(base + 60),
            text_y: Tenths(base + 190),
        };
        for (place, bucket) in (0..).zip(buckets) {
            let (left, right) = (x(place), x(place + 1));
            if bucket.events().0 > 0 {
                let (reads, writes) = (tall(bucket.reads.0), tall(bucket.writes.0));
                chart.bars.push(Bar {
                    x: Tenths(left),
                    width: Tenths(right.saturating_sub(left + gap).max(5)),
                    reads_y: Tenths(base.saturating_sub(reads)),
                    reads_height: Tenths(reads),
                    writes_y: Tenths(base.saturating_sub(reads + writes)),
                    writes_height: Tenths(writes),
                    label: bucket.label.clone(),
                    reads: bucket.reads,
                    writes: bucket.writes,
                });
            }
            for (severity, count) in &bucket.findings {
                if let Some(lane) = chart.lanes.iter().find(|lane| lane.severity == *severity) {
                    let x = Tenths((left.midpoint(right)).saturating_sub(MARK / 2));
                    chart.marks.push(Mark { severity: *severity, x, y: lane.y, count: *count, label: bucket.label.clone() });
                }
            }
        }
        let mut events = 0;
        while events <= scale {
            let y = base.saturating_sub(tall(events));
            chart.levels.push(Level { y: Tenths(y), text_y: Tenths(y + 40), events: Count(events) });
            events += step;
        }
        chart.ticks = ticks(activity, x);
        chart
    }
}

fn has(bucket: &Bucket, severity: Severity) -> bool {
    bucket.findings.iter().any(|(known, _)| *known == severity)
}

/// The height of that many events; what is there is seen.
fn share(events: u64, scale: u64) -> u64 {
    let tenths = u128::from(events) * u128::from(TALL) / u128::from(scale.max(1));
    let tenths = u64::try_from(tenths).unwrap_or(TALL);
    if events > 0 { tenths.max(10) } else { 0 }
}

/// The distance of lines, a round number, so that there are two to five of them.
fn level_step(most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for step in [unit, unit.saturating_mul(2), unit.saturating_mul(5)] {
            if most.div_ceil(step) <= 4 {
                return step;
            }
        }
        unit = unit.saturating_mul(10);
    }
}

/// Times below the columns, which begin where `x` says.
pub(super) fn ticks(activity: &Activity, x: impl Fn(u64) -> u64) -> Vec<Tick> {
    let all = number(activity.buckets.len());
    let spans: &[i64] = if activity.seconds < 86_400 { &[1, 2, 3, 6, 12, 24, 48] } else { &[1, 2, 7, 14, 28, 56, 112] };
    let most = i64::try_from(all.div_ceil(TICKS)).unwrap_or(i64::MAX);
    let every = spans.iter().copied().find(|span| *span >= most).unwrap_or(most).max(1);
    let tick = |(place, bucket): (u64, &Bucket)| {
        let column = bucket.start.epoch().div_euclid(activity.seconds);
        let label = if activity.seconds >= 86_400 || column.rem_euclid(24) == 0 {
            bucket.label.get(..10).unwrap_or_default().to_owned()
        } else {
            bucket.label.get(11..).unwrap_or_default().to_owned()
        };
        (column.rem_euclid(every) == 0).then(|| Tick { x: Tenths(x(place)), label })
    };
    (0..).zip(&activity.buckets).filter_map(tick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(times: &[(&str, u64, u64)]) -> Activity {
        let hour = |(time, events, writes): &(&str, u64, u64)| summary::Hour {
            start: EventTime::parse(time).expect("a time"),
            events: *events,
            writes: *writes,
        };
        activity(&summary::Activity { hours: times.iter().map(hour).collect(), untimed: 1 }, &[])
    }

    #[test]
    fn columns_fit_the_time() {
        let hours = of(&[("2026-03-09T22:00:00Z", 3, 1), ("2026-03-10T01:00:00Z", 5, 0)]);
        let seen: Vec<_> = hours.buckets.iter().map(|bucket| (bucket.label.as_str(), bucket.reads.0, bucket.writes.0)).collect();
        assert_eq!(
            seen,
            [("2026-03-09T22:00Z", 2, 1), ("2026-03-09T23:00Z", 0, 0), ("2026-03-10T00:00Z", 0, 0), ("2026-03-10T01:00Z", 5, 0)]
        );
        let unit = |last: &str| {
            let activity = of(&[("2026-03-01T00:00:00Z", 1, 0), (last, 1, 1)]);
            assert_eq!(activity.buckets.iter().map(|bucket| bucket.events().0).sum::<u64>(), 2, "{last}");
            (activity.unit, activity.buckets.len())
        };
        assert_eq!(unit("2026-03-10T23:00:00Z"), ("hour", 240));
        assert_eq!(unit("2026-03-11T00:00:00Z"), ("day", 11));
        assert_eq!(unit("2030-03-11T00:00:00Z"), ("week", 211));
        assert_eq!(unit("9999-12-31T23:00:00Z"), ("century", 81));
        let all = of(&[("0001-01-01T00:00:00Z", 1, 0), ("9999-12-31T23:00:00Z", 1, 0)]);
        assert_eq!(all.buckets.iter().map(|bucket| bucket.events().0).sum::<u64>(), 2);
        assert!(of(&[]).buckets.is_empty());
    }

    #[test]
    fn what_is_there_is_seen_and_nothing_leaves_the_picture() {
        for most in [1, 7, 999, 1_000_000, u64::MAX / 4] {
            let activity = of(&[("2026-03-09T22:00:00Z", most, 1), ("2026-03-10T01:00:00Z", 1, 0)]);
            let chart = Chart::new(&activity);
            assert!((2..=5).contains(&chart.levels.len()), "{most}: {:?}", chart.levels);
            for bar in &chart.bars {
                assert!(bar.reads_height.0 + bar.writes_height.0 >= 10, "{bar:?}");
                assert!(bar.x.0 + bar.width.0 <= LEFT + PLOT, "{bar:?}");
            }
        }
        assert_eq!(Tenths(1_234).to_string(), "123.4");
    }
}
