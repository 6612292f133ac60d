//! `trailsift fetch`: a copy of a bucket's objects that keeps what proves them.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;
use serde_json::{Map, Value, json};
use trailsift::frame::Filter;
use trailsift::ingest::Progress;
use trailsift::problem::{Ledger, ObjectCounts};
use trailsift::source::s3::{self, Copied, CopyReport, Copying, EvidenceFolder, Plan, S3Url};
use trailsift::source::{Listing, Object};
use trailsift::time::{EventTime, TimeRange};
use trailsift::{Error, report};

use super::args::{FetchArgs, Format};
use super::exit::Exit;
use super::messages::Messages;
use super::output::{Output, line, write_jsonl};
use super::progress::Display;
use super::text::{count, number, thousands, wrap};
use super::{input, leftovers, space};

pub(crate) fn run(args: &FetchArgs) -> Result<Exit> {
    let now = input::now()?;
    let messages = Messages::new(args.output.quiet, args.output.verbose);
    let output = Output::open(&args.output)?;
    let range = input::window(&args.filter, now)?;
    let urls = args.sources.iter().map(|source| S3Url::parse(source)).collect::<Result<Vec<_>, _>>()?;
    let progress = Arc::new(Progress::default());
    let display = Display::start(&progress, messages, args.no_progress);
    let filter = Filter { range, accounts: args.filter.account.clone(), regions: args.filter.region.clone() };
    let found = list(args, &urls, &filter)?;
    let folder = EvidenceFolder::open(&args.to, args.resume, &format!("process {}, since {now}", std::process::id()))?;
    progress.total_objects.store(number(found.objects.len()), Ordering::Relaxed);
    progress.total_bytes.store(found.objects.iter().map(|object| object.size).sum(), Ordering::Relaxed);
    let copy = copy(args, &folder, &found.objects, now, &progress)?;
    let fetched = Fetched::new(found, copy)?;
    let path = folder.manifest();
    let sha256 = folder.finish(&manifest(&urls, args, range, now, &fetched), fetched.objects.iter().map(|(copied, _)| copied))?;
    drop(display);
    let rows = || fetched.objects.iter().map(|(copied, was_there)| row(copied, *was_there)).collect::<Vec<_>>();
    match output.format {
        Format::Table => {
            let width = output.screen().width.unwrap_or(usize::MAX);
            output.write(|out| page(out, &fetched, &format!("{}, SHA-256 {sha256}", path.display()), width))?;
        }
        Format::Json => {
            let mut document = report::json::rows("fetch", &fetched.ledger, rows());
            if let Some(fields) = document.as_object_mut() {
                fields.insert("counts".to_owned(), fetched.counts());
                fields.insert("manifest".to_owned(), json!({"path": path.display().to_string(), "sha256": sha256}));
            }
            output.write_document(&document)?;
        }
        Format::Jsonl => output.write(|out| write_jsonl(out, &rows()))?,
        Format::Csv => output.write_csv(&NAMES.map(str::to_owned), rows().into_iter().map(Ok))?,
    }
    messages.books(&fetched.ledger, "-v, or --format json");
    Ok(Exit::of(false, args.allow_problems || fetched.ledger.is_clean()))
}

/// What is under the URLs; that there is nothing is an error.
fn list(args: &FetchArgs, urls: &[S3Url], filter: &Filter) -> Result<Listing, Error> {
    let listing = s3::list(urls, &input::settings(&args.aws), &filter.asked())?;
    if listing.objects.is_empty() && listing.problems.is_empty() {
        let skipped = count(number(listing.skipped.len()), "object");
        let left_out = listing.notices.iter().map(|notice| notice.message.as_str()).collect::<Vec<_>>().join("; ");
        let why = if left_out.is_empty() { String::new() } else { format!("; {left_out}") };
        return Err(Error::setting(
            format!("fetch {}", args.sources.join(" ")),
            format!("there is nothing to copy ({skipped} skipped{why})"),
        ));
    }
    Ok(listing)
}

fn copy(args: &FetchArgs, folder: &EvidenceFolder, objects: &[Object], now: EventTime, progress: &Progress) -> Result<CopyReport, Error> {
    let partial = folder.partial();
    leftovers::keep(&partial);
    let has_room = |bytes| space::check(&args.to, bytes).map_err(|cause| Error::io("write", &args.to, cause));
    let done = |bytes| {
        progress.objects.fetch_add(1, Ordering::Relaxed);
        progress.stored_bytes.fetch_add(bytes, Ordering::Relaxed);
    };
    let copying = Copying { writers: usize::from(args.jobs), now, has_room: &has_room, done: &done };
    let copied = Plan::new(objects).run(folder, &copying);
    if copied.is_err() {
        let _ = std::fs::remove_dir_all(&partial);
    }
    leftovers::forget(&partial);
    copied
}

/// All that was listed, and what became of it. `listed = copied + there + skipped + problems`.
#[derive(Debug)]
struct Fetched {
    objects: Vec<(Copied, bool)>,
    copied: u64,
    there: u64,
    ledger: Ledger,
}

impl Fetched {
    fn new(found: Listing, copy: CopyReport) -> Result<Self, Error> {
        let skipped = number(found.skipped.len());
        let problems = copy.failed + number(found.problems.len());
        let listed = number(found.objects.len()) + skipped + number(found.problems.len());
        let mut ledger = Ledger {
            objects: ObjectCounts { listed, read: copy.copied + copy.there, skipped, problems },
            compressed_bytes: copy.objects.iter().map(|(copied, _)| copied.size).sum(),
            problems: [found.problems, copy.problems].concat(),
            notices: [found.notices, copy.notices].concat(),
            skipped: found.skipped,
            ..Ledger::default()
        };
        ledger.sort();
        ledger.check()?;
        Ok(Self { objects: copy.objects, copied: copy.copied, there: copy.there, ledger })
    }

    fn counts(&self) -> Value {
        let ObjectCounts { listed, skipped, problems, .. } = self.ledger.objects;
        json!({"listed": listed, "copied": self.copied, "there": self.there, "skipped": skipped, "problems": problems})
    }
}

/// What the manifest says before it lists the objects.
fn manifest(urls: &[S3Url], args: &FetchArgs, range: TimeRange, now: EventTime, fetched: &Fetched) -> Map<String, Value> {
    let problems: Vec<Value> = fetched.ledger.problems.iter().map(report::json::problem).collect();
    let skipped: Vec<Value> =
        fetched.ledger.skipped.iter().map(|skipped| json!({"object": &*skipped.object, "reason": skipped.reason})).collect();
    let head = [
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("started", json!(now.to_string())),
        ("sources", urls.iter().map(ToString::to_string).collect()),
        ("since", json!(range.since.map(|time| time.to_string()))),
        ("until", json!(range.until.map(|time| time.to_string()))),
        ("accounts", json!(args.filter.account)),
        ("regions", json!(args.filter.region)),
        ("counts", fetched.counts()),
        ("problems", problems.into()),
        ("skipped", skipped.into()),
    ];
    head.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

const NAMES: [&str; 9] = ["status", "object", "file", "size", "sha256", "version_id", "e_tag", "last_modified", "sidecar_sha256"];

fn row(copied: &Copied, was_there: bool) -> Map<String, Value> {
    let values = [
        json!(if was_there { "there" } else { "copied" }),
        json!(format!("s3://{}/{}", copied.bucket, copied.key)),
        json!(copied.file),
        json!(copied.size),
        json!(copied.sha256),
        json!(copied.version_id),
        json!(copied.e_tag),
        json!(copied.last_modified),
        json!(copied.sidecar_sha256),
    ];
    NAMES.iter().map(|name| (*name).to_owned()).zip(values).collect()
}

/// The answer for people.
fn page(out: &mut dyn Write, fetched: &Fetched, manifest: &str, width: usize) -> io::Result<()> {
    let ObjectCounts { listed, skipped, problems, .. } = fetched.ledger.objects;
    let signatures = fetched.objects.iter().filter(|(copied, _)| copied.sidecar_sha256.is_some()).count();
    let sum = [
        format!("{} copied", thousands(fetched.copied)),
        format!("{} there already", thousands(fetched.there)),
        format!("{} skipped", thousands(skipped)),
        format!("{} with problems", thousands(problems)),
    ];
    for text in [
        format!("objects    {} listed = {}", thousands(listed), sum.join(" + ")),
        format!("bytes      {}", thousands(fetched.ledger.compressed_bytes)),
        format!("signatures {} beside their digests", thousands(number(signatures))),
        format!("manifest   {manifest}"),
    ] {
        for part in wrap(&text, width) {
            line(out, &part)?;
        }
    }
    Ok(())
}
