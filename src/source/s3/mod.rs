//! Objects in S3: found by [`S3::list`], read through [`RemoteObject::open`] or, many at once, through [`Ahead`].
//!
//! [`Plan`] copies them into an [`EvidenceFolder`].
//!
//! Nothing here writes to S3: the only calls are `ListObjectsV2`, `GetObject` and, to learn a bucket's region, `HeadBucket`;
//! and `ListPublicKeys` of `CloudTrail`, where the user asks for it.
//! All of it blocks; the tasks that wait for the network run on threads of their own.

mod ahead;
mod asked;
mod client;
mod cloudtrail;
mod copy;
mod evidence;
mod failure;
mod fetch;
mod kept;
mod keys;
mod object;
mod pace;
mod standing;
mod url;
mod walk;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

pub use ahead::Ahead;
pub use asked::{Asked, Days};
pub use copy::{CopyReport, Copying};
pub use evidence::{Copied, EvidenceFolder};
pub use fetch::{Plan, Planned};
pub use keys::{KeyAnswer, KeyQuestion};
pub use object::{Reader, RemoteObject, Told};
pub use url::S3Url;
pub use walk::Found;

use super::Listing;
use crate::error::Error;
use client::Bucket;
use failure::Failure;
use kept::Kept;
use pace::Pace;

/// How S3 is to be reached.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The profile of the user's AWS configuration; `None` for the one that the environment names.
    pub profile: Option<String>,
    /// The address of an S3-compatible store, which is asked with the bucket in the path.
    pub endpoint_url: Option<String>,
    /// Whether requests are sent without a signature, as public buckets take them.
    pub no_sign_request: bool,
    /// Whether the reader pays, where the bucket asks for that.
    pub request_payer: bool,
    /// A folder in which objects are kept once they are fetched, and looked for before they are; those that are read as
    /// they come are not kept.
    pub keep: Option<PathBuf>,
    /// What may be under way at once, and how long it may take.
    pub limits: Limits,
}

/// What may be under way at once, and how long it may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Objects that are fetched at once. S3 takes 5,500 reads a second of a prefix ("Best practices design patterns");
    /// at some 50 ms each this is half of that.
    pub requests: usize,
    /// Listing requests under way at once.
    pub listings: usize,
    /// Bytes that are fetched or under way and not yet read.
    pub bytes: u64,
    /// Bytes of an object that is fetched whole before it is read; a larger one is read as it comes. The same number
    /// as that up to which an object is inflated at once.
    pub whole_bytes: u64,
    /// How long a connection may take to be made.
    pub connect: Duration,
    /// How long an answer, and then each part of it, may take to come.
    pub read: Duration,
    /// How long a try may take until all of an answer is there that is taken whole, as a page of a listing is; and of an
    /// object, until it begins to come. Credentials may have to be asked for in this time.
    pub attempt: Duration,
    /// How often a request is sent before it counts as failed.
    pub attempts: u32,
    /// The longest wait between two attempts.
    pub backoff: Duration,
    /// How often one object's answer may break off and be taken up again, for each 16 MiB begun.
    pub resumes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: 128,
            listings: 32,
            bytes: 256 << 20,
            whole_bytes: 16 << 20,
            connect: Duration::from_secs(10),
            read: Duration::from_secs(30),
            attempt: Duration::from_mins(3),
            attempts: 8,
            backoff: Duration::from_secs(20),
            resumes: 10,
        }
    }
}

/// A way to S3 with one set of credentials, for any number of buckets.
#[derive(Debug)]
pub struct S3 {
    runtime: Arc<Runtime>,
    config: SdkConfig,
    settings: Settings,
    wire: Arc<Wire>,
}

/// What all requests share. Tasks hold it, and it does not hold the runtime, which no task may be the last to drop.
#[derive(Debug)]
struct Wire {
    pace: Pace,
    /// Room for fetched bytes, in units of [`ROOM_BYTES`].
    room: Arc<Semaphore>,
    rooms: u32,
    limits: Limits,
    kept: Option<Kept>,
}

impl S3 {
    /// Gets ready to ask S3: finds the profile, and where its credentials come from. Nothing is sent yet.
    ///
    /// # Errors
    /// [`Error::Io`] where threads cannot be started.
    pub fn new(settings: Settings) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(NETWORK_THREADS)
            .thread_name("s3")
            .enable_all()
            .build()
            .map_err(|cause| Error::Io { act: "start", target: "the threads for S3".to_owned(), cause })?;
        let config = runtime.block_on(client::load(&settings));
        let limits = settings.limits;
        let rooms = u32::try_from(limits.bytes / ROOM_BYTES).unwrap_or(u32::MAX).clamp(1, MOST_ROOMS);
        let room = Arc::new(Semaphore::new(usize::try_from(rooms).unwrap_or(1)));
        let kept = settings.keep.clone().map(Kept::new);
        let wire = Arc::new(Wire { pace: Pace::new(limits.requests), room, rooms, limits, kept });
        Ok(Self { runtime: Arc::new(runtime), config, settings, wire })
    }

    /// Finds what is asked for under a URL: the key of that very name, and all under it as a folder.
    ///
    /// # Problems
    /// A folder that cannot be listed.
    ///
    /// # Errors
    /// [`Error::Io`] where the URL itself cannot be listed: what was tried on what, and the cause.
    pub fn list(&self, url: &S3Url, asked: &Asked) -> Result<Found, Error> {
        let failed = |failure: Failure| Error::Io { act: "list", target: url.to_string(), cause: failure.into_io() };
        let work = async {
            let bucket = Arc::new(Bucket::find(&url.bucket, &self.config, &self.settings, &self.wire).await?);
            walk::walk(bucket, url, asked).await
        };
        let walked = self.runtime.block_on(work).map_err(failed)?;
        Ok(walked.into_found(&self.runtime))
    }
}

/// Lists what is asked for under all of these URLs; what is under two of them is listed once.
///
/// # Problems
/// A folder that cannot be listed.
///
/// # Errors
/// Those of [`S3::new`] and [`S3::list`].
pub fn list<'u>(urls: impl IntoIterator<Item = &'u S3Url>, settings: &Settings, asked: &Asked) -> Result<Listing, Error> {
    let mut urls = urls.into_iter().peekable();
    let mut all = Listing::default();
    if urls.peek().is_none() {
        return Ok(all);
    }
    let s3 = S3::new(settings.clone())?;
    for url in urls {
        all.join(s3.list(url, asked)?.listing);
    }
    all.objects.dedup_by(|a, b| a.name == b.name);
    all.skipped.sort();
    all.skipped.dedup();
    for list in [&mut all.problems, &mut all.notices] {
        list.sort();
        list.dedup();
    }
    Ok(all)
}

/// Threads that wait for the network; inflating and parsing have their own.
const NETWORK_THREADS: usize = 2;
/// Bytes that one unit of room stands for.
const ROOM_BYTES: u64 = 1 << 10;
/// Units of room at most: `Semaphore`'s own limit is lower than `u32::MAX` on machines of 32 bits.
const MOST_ROOMS: u32 = 1 << 28;
