//! Standard error: notices, problems and the ledger. Nothing here is part of the answer, so a
//! standard error that cannot be written does not end the run.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use trailsift::problem::{Ledger, Problem};

use super::text::{count, escape, number, thousands};

/// What may be said on standard error.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Messages {
    quiet: bool,
    verbose: bool,
}

/// Problems that are listed without `-v`.
const SHOWN_PROBLEMS: usize = 10;

impl Messages {
    pub(crate) const fn new(quiet: bool, verbose: bool) -> Self {
        Self { quiet, verbose }
    }

    pub(crate) const fn is_quiet(self) -> bool {
        self.quiet
    }

    pub(crate) const fn is_verbose(self) -> bool {
        self.verbose
    }

    /// Says one line, unless `-q`.
    pub(crate) fn say(self, line: &str) {
        if !self.quiet {
            write_line(line);
        }
    }

    /// Says where every object and record ended; `more` tells where the rest of the problems are.
    pub(crate) fn ledger(self, ledger: &Ledger, more: &str) {
        self.books(ledger, more);
        if ledger.records.seen == 0 && ledger.filtered.records + ledger.filtered.objects > 0 {
            self.say("no record passed the filters: look at --since, --until, --account and --region");
        }
    }

    /// The same where nobody looked for records.
    pub(crate) fn books(self, ledger: &Ledger, more: &str) {
        for line in ledger_lines(ledger, self.verbose, more) {
            self.say(&line);
        }
    }
}

/// Says why the run ended; also with `-q`.
pub(crate) fn report(error: &anyhow::Error) {
    write_line(&format!("error: {}", sentence(error)));
}

fn write_line(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", escape(line));
}

/// The error and its causes as one line; a cause that the text before it has already named is left out.
pub(crate) fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            text = cause;
        } else if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

fn ledger_lines(ledger: &Ledger, verbose: bool, more: &str) -> Vec<String> {
    let (objects, records) = (&ledger.objects, &ledger.records);
    let mut lines = vec![
        format!(
            "objects  {} listed = {} read + {} skipped + {} with problems",
            thousands(objects.listed),
            thousands(objects.read),
            thousands(objects.skipped),
            thousands(objects.problems)
        ),
        format!(
            "records  {} seen = {} loaded + {} + {} with problems",
            thousands(records.seen),
            thousands(records.loaded),
            count(records.duplicates, "duplicate"),
            thousands(records.problems)
        ),
    ];
    let filtered = &ledger.filtered;
    if filtered.objects + filtered.records > 0 {
        let objects = if filtered.objects > 0 { format!(" and {} unread", count(filtered.objects, "object")) } else { String::new() };
        lines.push(format!("filtered {}{objects}, outside both sums", count(filtered.records, "record")));
    }
    let shown = if verbose { usize::MAX } else { SHOWN_PROBLEMS };
    lines.extend(ledger.problems.iter().take(shown).map(problem_line));
    let rest = ledger.problems.len().saturating_sub(shown);
    if rest > 0 {
        lines.push(format!("{} more: see {more}", count(number(rest), "problem")));
    }
    lines.extend(archive_lines(ledger).iter().map(|line| format!("skipped  {line}")));
    if verbose {
        lines.extend(grouped("notices", ledger.notices.iter().map(|notice| notice.kind.name())));
        lines.extend(grouped(
            "skipped",
            ledger.skipped.iter().map(|skipped| skipped.reason.as_str()).filter(|reason| !reason.contains(UNPACK)),
        ));
    } else if !ledger.notices.is_empty() {
        lines.push(format!("notices  {} (-v lists their kinds)", thousands(number(ledger.notices.len()))));
    }
    lines
}

/// What stands between the kind of an archive and the command that unpacks it.
const UNPACK: &str = "; unpack it first: ";

/// One line a kind of archive that was passed over: logs may be in it. The command is the first file's.
pub(crate) fn archive_lines(ledger: &Ledger) -> Vec<String> {
    let mut kinds: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    for (kind, command) in ledger.skipped.iter().filter_map(|skipped| skipped.reason.split_once(UNPACK)) {
        kinds.entry(kind).or_insert((0, command)).0 += 1;
    }
    kinds.into_iter().map(|(kind, (count, command))| format!("{} {kind}{UNPACK}{command}", thousands(count))).collect()
}

fn problem_line(problem: &Problem) -> String {
    let place = &problem.place;
    let record = place.record_index.map_or(String::new(), |index| format!(" record {index}"));
    let byte = place.offset.map_or(String::new(), |offset| format!(" byte {offset}"));
    format!("problem  {}{record}{byte}: {} ({})", place.object, problem.message, problem.kind.name())
}

/// One line a value, the most frequent one first.
fn grouped<'v>(title: &str, values: impl Iterator<Item = &'v str>) -> Vec<String> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(value, count)| (std::cmp::Reverse(*count), *value));
    counts.into_iter().map(|(value, count)| format!("{title:<8} {} {value}", thousands(count))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use trailsift::problem::{ObjectCounts, Place, ProblemKind, RecordCounts};

    use super::*;

    fn ledger(problems: u64) -> Ledger {
        let problem = |index| Problem {
            place: Place { object: Arc::from("a.json"), record_index: Some(index), offset: Some(index * 100) },
            kind: ProblemKind::NotAnObject,
            message: "a number, not an object".to_owned(),
        };
        Ledger {
            objects: ObjectCounts { listed: 1_200, read: 1_200, skipped: 0, problems: 0 },
            records: RecordCounts { seen: problems, loaded: 0, duplicates: 0, problems },
            problems: (0..problems).map(problem).collect(),
            ..Ledger::default()
        }
    }

    #[test]
    fn both_sums_and_the_first_problems_are_said() {
        let lines = ledger_lines(&ledger(12), false, "problems.jsonl");
        assert_eq!(lines.len(), 2 + SHOWN_PROBLEMS + 1);
        assert_eq!(lines[0], "objects  1,200 listed = 1,200 read + 0 skipped + 0 with problems");
        assert_eq!(lines[3], "problem  a.json record 1 byte 100: a number, not an object (not_an_object)");
        assert_eq!(lines[12], "2 problems more: see problems.jsonl");
        assert_eq!(ledger_lines(&ledger(12), true, "").len(), 14);
    }

    #[test]
    fn a_cause_is_said_once() {
        let cause = anyhow::anyhow!("no space left\non device");
        let error = cause.context("write x: no space left on device");
        assert_eq!(sentence(&error), "write x: no space left on device");
        let error = anyhow::anyhow!("connection lost").context("write x");
        assert_eq!(sentence(&error), "write x: connection lost");
    }
}
