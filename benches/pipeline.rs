//! Throughput of each stage, in bytes of JSON and in events, and the bare floor of the same files.
//!
//! The corpus is `sample-logs/AWSLogs`, or the folder that `TRAILSIFT_BENCH_CORPUS` names; a large one
//! comes from `cargo run --release --example generate_logs -- corpus DIR --events 100000 --per-file 1000`.
//! One thread, so that the figures are those of one core.

#![allow(missing_docs, reason = "criterion's macros make items without documentation")]

use std::hint::black_box;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bumpalo::Bump;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use trailsift::detect::{Catalog, DetectOptions, detect};
use trailsift::event::envelope::{Found, RecordSpan, Sink, Walker};
use trailsift::frame::{Batch, BatchBuilder, EventFrame, Store};
use trailsift::ingest::{Options, Progress, ingest};
use trailsift::source::gzip::{Inflate, Scratch};
use trailsift::source::{Budget, Listing, Object, disk, open};

/// The files of the corpus, as stored and inflated.
struct Corpus {
    objects: Vec<Object>,
    stored: Vec<Vec<u8>>,
    texts: Vec<String>,
    bytes: u64,
    events: u64,
}

impl Corpus {
    fn load() -> Self {
        let folder = std::env::var_os("TRAILSIFT_BENCH_CORPUS")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("sample-logs/AWSLogs"), PathBuf::from);
        let Listing { objects, .. } = disk::list(&[&folder], &Budget::default()).unwrap_or_default();
        let mut corpus = Self { objects, stored: Vec::new(), texts: Vec::new(), bytes: 0, events: 0 };
        let mut scratch = Scratch::default();
        for object in &corpus.objects {
            let mut stored = Vec::new();
            if let Ok(mut reader) = open(object) {
                let _ = reader.read_to_end(&mut stored);
            }
            let mut text = Vec::new();
            let mut stream = Inflate::new(stored.as_slice(), &mut scratch, Budget::default());
            while stream.fill(&mut text, usize::MAX) {}
            corpus.bytes += stream.finish().inflated_bytes;
            corpus.stored.push(stored);
            corpus.texts.push(String::from_utf8_lossy(&text).into_owned());
        }
        corpus.events = corpus.texts.iter().map(|text| walk(text, &mut Count(0)).0).sum();
        corpus
    }
}

/// Counts events and keeps nothing.
struct Count(u64);

impl<'a> Sink<'a> for Count {
    fn record(&mut self, _: RecordSpan<'a>, found: Found<'_, 'a>) {
        self.0 += u64::from(matches!(found, Found::Event(..)));
    }
}

/// Puts events into columns.
#[derive(Default)]
struct Build {
    builder: BatchBuilder,
    rows: usize,
}

impl Build {
    fn take(&mut self, batch: Option<Batch>) {
        self.rows += batch.map_or(0, |batch| black_box(batch).rows());
    }
}

impl<'a> Sink<'a> for Build {
    fn record(&mut self, _: RecordSpan<'a>, found: Found<'_, 'a>) {
        if let Found::Event(event, _) = found {
            let batch = self.builder.push(event).unwrap_or_default();
            self.take(batch);
        }
    }
}

fn walk<'s, S: for<'a> Sink<'a>>(text: &str, sink: &'s mut S) -> &'s mut S {
    let arena = Bump::new();
    Walker::default().walk(text, true, &arena, sink);
    sink
}

fn stages(criterion: &mut Criterion) {
    let corpus = Corpus::load();
    let mut group = criterion.benchmark_group("stages");
    group.sample_size(10);
    for (unit, throughput) in [("bytes", Throughput::Bytes(corpus.bytes)), ("events", Throughput::Elements(corpus.events))] {
        group.throughput(throughput);
        group.bench_function(format!("floor: libdeflate and SHA-256 ({unit})"), |bench| {
            let mut decompressor = libdeflater::Decompressor::new();
            let longest = corpus.texts.iter().map(String::len).max().unwrap_or_default();
            let mut out = vec![0_u8; longest];
            bench.iter(|| {
                for stored in &corpus.stored {
                    let length = decompressor.gzip_decompress(stored, &mut out).unwrap_or_default();
                    black_box(digest(&SHA256, out.get(..length).unwrap_or_default()));
                }
            });
        });
        group.bench_function(format!("inflate ({unit})"), |bench| {
            let mut out = Vec::new();
            bench.iter(|| {
                for stored in &corpus.stored {
                    out.clear();
                    black_box(flate2::read::MultiGzDecoder::new(stored.as_slice()).read_to_end(&mut out).is_ok());
                }
            });
        });
        group.bench_function(format!("inflate and hash ({unit})"), |bench| {
            let (mut scratch, mut out) = (Scratch::default(), Vec::new());
            bench.iter(|| {
                for stored in &corpus.stored {
                    out.clear();
                    let mut stream = Inflate::new(stored.as_slice(), &mut scratch, Budget::default());
                    while stream.fill(&mut out, usize::MAX) {}
                    black_box(stream.finish());
                }
            });
        });
        group.bench_function(format!("inflate and hash, two at once ({unit})"), |bench| {
            let (mut scratches, mut outs) = (<[Scratch; 2]>::default(), [Vec::new(), Vec::new()]);
            let ([of_left, of_right], [left_out, right_out]) = (&mut scratches, &mut outs);
            bench.iter(|| {
                for pair in corpus.stored.chunks(2) {
                    let [left, right] = [pair.first(), pair.last()].map(|stored| stored.map_or(&[][..], Vec::as_slice));
                    let mut left = Inflate::new(left, of_left, Budget::default());
                    let mut right = Inflate::new(right, of_right, Budget::default());
                    Inflate::fill_both([(&mut left, left_out), (&mut right, right_out)], usize::MAX);
                    black_box((left.finish(), right.finish()));
                }
            });
        });
        group.bench_function(format!("hash ({unit})"), |bench| {
            bench.iter(|| corpus.texts.iter().map(|text| digest(&SHA256, text.as_bytes()).as_ref().len()).sum::<usize>());
        });
        group.bench_function(format!("parse ({unit})"), |bench| {
            bench.iter(|| corpus.texts.iter().map(|text| walk(text, &mut Count(0)).0).sum::<u64>());
        });
        group.bench_function(format!("parse and build the frame ({unit})"), |bench| {
            bench.iter(|| {
                let mut build = Build::default();
                for text in &corpus.texts {
                    walk(text, &mut build);
                }
                let last = build.builder.finish().unwrap_or_default();
                build.take(last);
                build.rows
            });
        });
        let options = Options { jobs: 1, ..Options::default() };
        group.bench_function(format!("whole ingest ({unit})"), |bench| {
            bench.iter(|| black_box(ingest(&corpus.objects, &options, &Store::default(), &Progress::default()).is_ok()));
        });
        let read = ingest(&corpus.objects, &options, &Store::default(), &Progress::default()).unwrap_or_default();
        let mut events = EventFrame::new(read.batches, Arc::default());
        black_box(events.remove_duplicates().is_ok());
        if let Ok(catalog) = Catalog::builtin() {
            group.bench_function(format!("detection, all rules ({unit})"), |bench| {
                bench.iter(|| black_box(detect(&catalog, &events, &DetectOptions::default()).is_ok()));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, stages);
criterion_main!(benches);
