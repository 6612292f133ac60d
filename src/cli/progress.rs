//! The line on standard error that shows how far a run is.
//!
//! A thread looks at the counters, so that the run itself never waits for a terminal.

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use indicatif::{BinaryBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use trailsift::ingest::Progress;

use super::messages::Messages;
use super::text::thousands;

/// Shows progress until it is dropped; what it drew is gone then.
#[derive(Debug)]
pub(crate) struct Display {
    stages: Option<Sender<&'static str>>,
    thread: Option<JoinHandle<()>>,
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A line that is drawn over and over.
    Bar,
    /// A line now and then.
    Lines,
    Off,
}

/// Time between two looks at the counters; each may draw the bar and its text, and ten drawings a second are the most.
const DRAW_EVERY: Duration = Duration::from_millis(200);
/// Time between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(30);

impl Display {
    /// Begins to show the counters, in the way that the terminal and the flags allow.
    pub(crate) fn start(progress: &Arc<Progress>, messages: Messages, no_progress: bool) -> Self {
        let is_set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|term| term == "dumb");
        let mode = mode(io::stderr().is_terminal() && !dumb && !is_set("CI"), messages, no_progress);
        if mode == Mode::Off {
            return Self { stages: None, thread: None };
        }
        let (stages, changes) = mpsc::channel();
        let progress = Arc::clone(progress);
        let watch = move || match mode {
            Mode::Bar => draw(&progress, &changes),
            Mode::Lines | Mode::Off => print_lines(&progress, &changes),
        };
        // Without the thread the run goes on and merely shows nothing.
        let thread = thread::Builder::new().name("progress".to_owned()).spawn(watch).ok();
        Self { stages: Some(stages), thread }
    }

    /// Says what is done once the reading is over.
    pub(crate) fn stage(&self, name: &'static str) {
        if let Some(stages) = &self.stages {
            let _ = stages.send(name);
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.stages = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn mode(can_draw: bool, messages: Messages, no_progress: bool) -> Mode {
    match (no_progress || messages.is_quiet(), can_draw, messages.is_verbose()) {
        (false, true, _) => Mode::Bar,
        (false, false, true) => Mode::Lines,
        _ => Mode::Off,
    }
}

fn draw(progress: &Progress, changes: &Receiver<&'static str>) {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    bar.set_style(style("{wide_msg}"));
    bar.set_message("listing");
    bar.tick();
    let start = Instant::now();
    let mut stage = None;
    loop {
        if stage.is_none() && progress.total_objects.load(Ordering::Relaxed) > 0 {
            stage = Some("reading");
            bar.set_message(String::new());
            bar.set_style(style("reading  [{bar:24}] {wide_msg}").progress_chars("=> "));
            bar.set_length(progress.total_bytes.load(Ordering::Relaxed));
        }
        if stage == Some("reading") {
            bar.set_position(progress.stored_bytes.load(Ordering::Relaxed));
            bar.set_message(Reading::of(progress, start.elapsed()).to_string());
        }
        match changes.recv_timeout(DRAW_EVERY) {
            Ok(name) => {
                bar.set_style(style("{wide_msg}"));
                bar.set_message(name);
                stage = Some(name);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    bar.finish_and_clear();
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

fn print_lines(progress: &Progress, changes: &Receiver<&'static str>) {
    let start = Instant::now();
    let mut stage = "reading";
    let mut due = LINE_EVERY;
    loop {
        match changes.recv_timeout(due.saturating_sub(start.elapsed())) {
            Ok(name) => stage = name,
            Err(RecvTimeoutError::Timeout) => {
                let _ = writeln!(io::stderr().lock(), "{stage}  {}", Reading::of(progress, start.elapsed()));
                due += LINE_EVERY;
            }
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy)]
struct Reading {
    objects: u64,
    total_objects: u64,
    bytes: u64,
    total_bytes: u64,
    records: u64,
    elapsed: Duration,
}

impl Reading {
    fn of(progress: &Progress, elapsed: Duration) -> Self {
        let at = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        Self {
            objects: at(&progress.objects),
            total_objects: at(&progress.total_objects),
            bytes: at(&progress.stored_bytes),
            total_bytes: at(&progress.total_bytes),
            records: at(&progress.records),
            elapsed,
        }
    }

    fn records_a_second(&self) -> u64 {
        let millis = self.elapsed.as_millis().max(1);
        u64::try_from(u128::from(self.records) * 1_000 / millis).unwrap_or(u64::MAX)
    }

    /// Seconds left, if the rest is read as fast as what was read.
    fn seconds_left(&self) -> Option<u64> {
        if self.bytes == 0 {
            return None;
        }
        let rest = self.total_bytes.saturating_sub(self.bytes);
        u64::try_from(self.elapsed.as_millis() * u128::from(rest) / u128::from(self.bytes) / 1_000).ok()
    }
}

impl std::fmt::Display for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (done, total) = (thousands(self.objects), thousands(self.total_objects));
        write!(f, "{done}/{total}  {}  {} events/s", BinaryBytes(self.bytes), short(self.records_a_second()))?;
        match self.seconds_left() {
            Some(left) => write!(f, "  {} left", clock(left)),
            None => Ok(()),
        }
    }
}

/// `412k`, `1.2M`.
fn short(number: u64) -> String {
    match number {
        0..1_000 => number.to_string(),
        1_000..1_000_000 => format!("{}k", number / 1_000),
        _ => format!("{}.{}M", number / 1_000_000, number / 100_000 % 10),
    }
}

/// `0:02`, `1:05:00`.
fn clock(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_in_words() {
        let elapsed = Duration::from_secs(6);
        let reading = Reading { objects: 6_804, total_objects: 9_412, bytes: 3 << 30, total_bytes: 4 << 30, records: 2_472_000, elapsed };
        assert_eq!(reading.to_string(), "6,804/9,412  3.00 GiB  412k events/s  0:02 left");
        let start = Reading { objects: 0, bytes: 0, records: 0, elapsed: Duration::ZERO, ..reading };
        assert_eq!(start.to_string(), "0/9,412  0 B  0 events/s");
        assert_eq!((short(1_250_000), clock(3_905)), ("1.2M".to_owned(), "1:05:05".to_owned()));
    }

    #[test]
    fn a_bar_only_where_it_can_be_drawn_and_is_wanted() {
        let plain = Messages::new(false, false);
        assert_eq!(mode(true, plain, false), Mode::Bar);
        assert_eq!(mode(true, plain, true), Mode::Off);
        assert_eq!(mode(true, Messages::new(true, false), false), Mode::Off);
        assert_eq!(mode(false, plain, false), Mode::Off);
        assert_eq!(mode(false, Messages::new(false, true), false), Mode::Lines);
    }
}
