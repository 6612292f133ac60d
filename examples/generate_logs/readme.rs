//! `README.md` of the sample, made from the story and the counts so that it cannot drift from the logs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

use crate::delivery::LogFile;
use crate::digest::{gap, kept_from};
use crate::incident::ATTACKER_HOST;
use crate::layout::Size;
use crate::story::{Step, Story};
use crate::tamper::{Integrity, WRITTEN_ADDRESS};
use crate::time::{Time, iso};

/// What the sample holds.
pub(crate) struct Counts {
    records: usize,
    events: usize,
    files: usize,
    digests: usize,
    size: Size,
    data_events: usize,
    per_place: BTreeMap<(String, &'static str), usize>,
    first: Time,
    last: Time,
}

impl Counts {
    /// Counts `files`, whose bytes are `size`; there are `digests` digest files beside them.
    pub(crate) fn new(files: &[LogFile], digests: usize, size: Size) -> Self {
        let mut ids = BTreeSet::new();
        let mut counts = Self {
            records: 0,
            events: 0,
            files: files.len(),
            digests,
            size,
            data_events: 0,
            per_place: BTreeMap::new(),
            first: Time::MAX,
            last: Time::MIN,
        };
        for event in files.iter().flat_map(|file| &file.events) {
            counts.records += 1;
            if ids.insert(event.id.as_str()) {
                counts.events += 1;
                counts.data_events += usize::from(event.is_data);
                *counts.per_place.entry((event.account.clone(), event.region)).or_default() += 1;
                counts.first = counts.first.min(event.time);
                counts.last = counts.last.max(event.time);
            }
        }
        counts
    }

    /// One line for the terminal.
    pub(crate) fn summary(&self) -> String {
        format!(
            "{} events, {} records, {} log files, {} bytes inflated, {} bytes compressed; {} digest files",
            self.events, self.records, self.files, self.size.inflated, self.size.compressed, self.digests
        )
    }
}

/// The text of `README.md`.
pub(crate) fn readme(story: &Story, files: &HashMap<String, String>, integrity: &Integrity, counts: &Counts) -> String {
    let mut text = String::from(INTRODUCTION);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "\n## The story\n");
    for (step, number) in story.steps.iter().zip(1_u32..) {
        write_step(&mut text, step, number, files);
    }
    text.push_str(AFTER_STORY);
    write_integrity(&mut text, story, files, integrity, counts);
    let _ = writeln!(text, "## What is in here\n");
    let _ = writeln!(text, "| what | count |\n|---|---|");
    let rows = [
        ("records", counts.records),
        ("events (without duplicates)", counts.events),
        ("duplicate records (byte-equal, in two files each)", counts.records - counts.events),
        ("data events", counts.data_events),
        ("log files", counts.files),
        ("digest files", counts.digests),
    ];
    for (what, count) in rows {
        let _ = writeln!(text, "| {what} | {count} |");
    }
    let _ = writeln!(text, "| bytes of JSON in the log files | {} |", counts.size.inflated);
    let _ = writeln!(text, "| bytes of them compressed | {} |", counts.size.compressed);
    let _ = writeln!(text, "| first event | {} |\n| last event | {} |", iso(counts.first), iso(counts.last));
    let _ = writeln!(text, "\n| account | region | events |\n|---|---|---|");
    for ((account, region), count) in &counts.per_place {
        let _ = writeln!(text, "| {account} | {region} | {count} |");
    }
    text.push_str(CLOSING);
    text
}

fn write_step(text: &mut String, step: &Step, number: u32, files: &HashMap<String, String>) {
    let _ = writeln!(text, "### {number}. {}\n", step.title);
    let _ = writeln!(text, "{} by `{}` from {}. {}\n", iso(step.time), step.principal, step.address, step.what);
    if !step.rules.is_empty() {
        let _ = writeln!(text, "- Detections: {}", step.rules.join(", "));
    }
    let shown = 3;
    let ids: Vec<String> = step.event_ids.iter().take(shown).map(|id| format!("`{id}`")).collect();
    let more = match step.event_ids.len().saturating_sub(shown) {
        0 => String::new(),
        rest => format!(" and {rest} more in `story.json`"),
    };
    let _ = writeln!(text, "- Events: {}{more}", ids.join(", "));
    for file in step.files(files) {
        let _ = writeln!(text, "- File: `{file}`");
    }
    text.push('\n');
}

/// What a verifier of the digests must find.
fn write_integrity(text: &mut String, story: &Story, files: &HashMap<String, String>, integrity: &Integrity, counts: &Counts) {
    let Integrity { altered, missing, undigested, .. } = integrity;
    let valid = counts.files - 1 - undigested.len();
    let _ = writeln!(text, "{}\n", DIGESTS.replace("{kept_from}", &iso(kept_from())));
    let _ = writeln!(text, "The verdict is `fail`:\n\n| files | status |\n|---|---|");
    let _ = writeln!(text, "| `{altered}` | `invalid/hash-mismatch` |\n| `{}` | `missing/listed` |", missing.key);
    let _ = writeln!(text, "| {} log files delivered before {} | `undigested/before-first` |", undigested.len(), iso(kept_from()));
    let _ = writeln!(text, "| all others: {valid} log files and {} digests | `valid` |\n", counts.digests);
    write_altered(text, story, files, integrity);
    let _ = writeln!(
        text,
        "**Missing.** A log file of {} is gone; a digest names it, so it was there. The sample does not hold its {} records, \
         of {} to {}, and the digests cannot tell what they said.\n",
        missing.stream.region,
        missing.events.len(),
        missing.oldest().map(iso).unwrap_or_default(),
        missing.newest().map(iso).unwrap_or_default(),
    );
    let (from, to) = gap();
    let _ = writeln!(
        text,
        "**Not vouched for.** Besides these two files, nothing vouches for what was delivered before {}, for anything after \
         the last digests, or for management events of 111122223333 from {} to {}: while the trail is stopped, nothing is \
         delivered, and its digests begin anew, without a link to those before. That is a `gap` in each of its three chains. \
         Only the logs of us-east-1 hold the `StopLogging` that tells why (`info`); in the other two regions, digests deleted \
         at the end would look the same (`warning`).\n",
        iso(kept_from()),
        iso(from),
        iso(to)
    );
}

fn write_altered(text: &mut String, story: &Story, files: &HashMap<String, String>, integrity: &Integrity) {
    let steps = story.steps.iter().zip(1_u32..).filter(|(step, _)| step.files(files).contains(&integrity.altered.as_str()));
    let steps: Vec<String> = steps.map(|(_, number)| number.to_string()).collect();
    let _ = writeln!(
        text,
        "**Altered.** In the record `{}`, which shares the snapshot, the `sourceIPAddress` {ATTACKER_HOST} was made \
         {WRITTEN_ADDRESS}, the address of the CI runner. The digest tells that the file is not the one that was delivered, and \
         not what was changed: none of its {} records can be relied on alone, and these are what steps {} rest on.\n",
        integrity.altered_event,
        integrity.altered_records,
        steps.join(", "),
    );
}

const INTRODUCTION: &str = "\
# Sample logs

A small, made-up incident in two AWS accounts, as CloudTrail log and digest files in the layout of an S3 bucket, with two
of the log files tampered with. Try

    trailsift investigate sample-logs

Everything is generated, and no record is copied from a real log. Public addresses are of the ranges reserved for
documentation (RFC 5737), private ones of 10.20.0.0/16; account ids are those of the AWS documentation, and all access
keys end in `EXAMPLE`. There are no session tokens: each stands as `EXAMPLE-NOT-A-TOKEN`.

- 111122223333 is the first victim, 444455556666 the second, 999988887777 the attacker's own account.
- 198.51.100.0/24 is the office. 203.0.113.77 and 192.0.2.44 are the attacker's.
- In 111122223333, the trail `management-events` logs all regions, and a second trail, `s3-data-events`, logs S3 data
  events, but not those of the bucket that the logs go to. In 444455556666, `management-events` logs both. There is no
  CloudTrail Insights.
";

const AFTER_STORY: &str = "\
`story.json` holds the same steps for tests. Their `rules` are the detections that have an event of the step as evidence
without a baseline and without a snapshot; rules that need one, and summaries over a whole account, are not named.
";

const DIGESTS: &str = "
## What the digests show

Each hour, CloudTrail signs which log files it delivered and their hashes, for each trail, account and region. These
digest files are below `CloudTrail-Digest`, each with the hash and the signature of the one before. `signatures.jsonl` has
the signatures that no later digest holds, of the last ones and of those before the trail was stopped; S3 keeps them as
metadata of the object. `public-keys.json` is what `aws cloudtrail list-public-keys` prints, with a test key in place of
AWS's. To keep the sample small, digests from before {kept_from} are left out, as are those of regions without logs.

The attacker, an administrator by now, came back for the bucket of the logs. No trail watches that bucket, so no record
shows it, but the digests do.";

const CLOSING: &str = "
Real trails deliver about every five minutes; here a file holds two or six hours, to keep the number of files small.

The background is quiet on purpose: releases by a CI role, Terraform, instances and functions with their roles,
service-linked roles, developers who sign in with MFA, and people who come by SAML or IAM Identity Center. The federated
logins say `MFAUsed: No`, because AWS cannot see the second factor at the identity provider: they are not logins without
MFA. There are mistyped passwords, throttled and denied calls too. None of it is root, and none of it changes who may do
what beyond a role for a function.

## How it was made

    cargo run --release --example generate_logs -- sample OUT_DIR

`OUT_DIR` must be new or empty. The seed and the test key are fixed, so the command writes the same bytes each time, this
file included:
`diff -r OUT_DIR sample-logs` shows what was changed by hand.
";
