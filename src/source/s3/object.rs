//! [`RemoteObject`]: one object, read from its start to its end although connections break.

use std::io::{self, Cursor, Read};
use std::sync::{Arc, OnceLock};

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::block_in_place;

use super::client::{Bucket, backoff};
use super::failure::{Failure, breach};
use crate::time::EventTime;

/// An object in a bucket, as it was listed.
#[derive(Debug, Clone)]
pub struct RemoteObject {
    pub(super) target: Arc<Target>,
    pub(super) runtime: Arc<Runtime>,
}

/// What S3 says of an object when it is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Its version, where the bucket keeps versions.
    pub version_id: Option<String>,
    /// When it was put there.
    pub last_modified: Option<EventTime>,
    /// The metadata of its writer, ordered by name; a digest's signature is among it.
    pub metadata: Vec<(String, String)>,
}

/// What requests need; tasks hold it, so the runtime is no part of it.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) bucket: Arc<Bucket>,
    pub(super) key: String,
    pub(super) e_tag: Option<String>,
    pub(super) size: u64,
    pub(super) told: OnceLock<Told>,
}

impl RemoteObject {
    /// The name of its bucket, as the user wrote it.
    pub fn bucket(&self) -> &str {
        &self.target.bucket.name
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.target.key
    }

    /// The `ETag` that was listed: it changes with the object's bytes.
    pub fn e_tag(&self) -> Option<&str> {
        self.target.e_tag.as_deref()
    }

    /// What S3 said of it; `None` before its first byte was read.
    pub fn told(&self) -> Option<&Told> {
        self.target.told.get()
    }

    /// Opens it for reading as it comes.
    pub fn open(&self) -> Reader {
        let body = Body::new(self.target.clone());
        Reader(Source::Stream { runtime: self.runtime.clone(), body, chunk: Vec::new(), at: 0 })
    }
}

/// The stored bytes of an object.
#[derive(Debug)]
pub struct Reader(Source);

#[derive(Debug)]
enum Source {
    /// All of it, with the room that it takes.
    Whole(Cursor<Vec<u8>>, Option<OwnedSemaphorePermit>),
    Stream {
        runtime: Arc<Runtime>,
        body: Body,
        chunk: Vec<u8>,
        at: usize,
    },
}

impl Reader {
    pub(super) fn whole(bytes: Vec<u8>, room: Option<OwnedSemaphorePermit>) -> Self {
        Self(Source::Whole(Cursor::new(bytes), room))
    }
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Whole(bytes, room) => {
                let read = bytes.read(out)?;
                if read == 0 {
                    *room = None;
                }
                Ok(read)
            }
            Source::Stream { runtime, body, chunk, at } => {
                if *at == chunk.len() {
                    chunk.clear();
                    *at = 0;
                    runtime.block_on(body.append_next(chunk)).map_err(Failure::into_io)?;
                }
                let read = chunk.get(*at..).unwrap_or_default().read(out)?;
                *at += read;
                Ok(read)
            }
        }
    }
}

impl Target {
    /// All bytes, from the disk where an earlier run kept them.
    pub(super) async fn whole(self: &Arc<Self>) -> Result<Vec<u8>, Failure> {
        let kept = self.bucket.wire.kept.as_ref();
        if let Some((bytes, told)) = kept.and_then(|kept| block_in_place(|| kept.read(self))) {
            self.told.get_or_init(|| told);
            return Ok(bytes);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(self.size.min(self.bucket.wire.limits.whole_bytes)).unwrap_or_default());
        let mut body = Body::new(self.clone());
        while body.append_next(&mut bytes).await? {}
        if let (Some(kept), Some(told)) = (kept, self.told.get()) {
            block_in_place(|| kept.write(self, &bytes, told));
        }
        Ok(bytes)
    }

    /// Asks for the bytes from `from` on.
    async fn request(&self, from: u64) -> Result<ByteStream, Failure> {
        let get = self.bucket.client.get_object().bucket(&self.bucket.name).key(&self.key);
        let get = get.set_if_match(self.e_tag.clone()).set_request_payer(self.bucket.payer.clone());
        let get = if from > 0 { get.range(format!("bytes={from}-")) } else { get };
        let answer = get.send().await.map_err(|error| Failure::of(&error))?;
        self.check(from, &answer)?;
        self.told.get_or_init(|| {
            let metadata = answer.metadata().into_iter().flatten();
            let mut metadata: Vec<_> = metadata.map(|(name, value)| (name.clone(), value.clone())).collect();
            metadata.sort();
            let seconds = answer.last_modified().and_then(|time| time.secs().checked_mul(1_000_000));
            let last_modified = seconds.and_then(EventTime::from_micros);
            Told { version_id: answer.version_id().map(str::to_owned), last_modified, metadata }
        });
        Ok(answer.body)
    }

    /// Whether an answer has the bytes that were asked for.
    fn check(&self, from: u64, answer: &GetObjectOutput) -> Result<(), Failure> {
        if from > 0 && !answer.content_range().is_some_and(|range| range.starts_with(&format!("bytes {from}-"))) {
            return Err(Failure::new(format!("the answer broke off at byte {from}, and the server cannot go on from there")));
        }
        let expected = self.size - from;
        match answer.content_length().and_then(|length| u64::try_from(length).ok()) {
            Some(length) if length != expected => Err(self.other_size(from.saturating_add(length))),
            _ => Ok(()),
        }
    }

    fn other_size(&self, found: u64) -> Failure {
        Failure::new(format!("listed with {} bytes, and the server sends {found}", self.size))
    }
}

/// The bytes of one object as they come, over as many requests as it takes.
#[derive(Debug)]
pub(super) struct Body {
    target: Arc<Target>,
    stream: Option<ByteStream>,
    at: u64,
    breaks: u32,
}

impl Body {
    pub(super) fn new(target: Arc<Target>) -> Self {
        Self { target, stream: None, at: 0, breaks: 0 }
    }

    /// Appends the next bytes; `false` where there are no more.
    async fn append_next(&mut self, out: &mut Vec<u8>) -> Result<bool, Failure> {
        if self.target.size == 0 && self.target.told.get().is_none() {
            // For what S3 says of it, and whether it may be read at all.
            self.target.request(0).await?;
        }
        while self.at < self.target.size {
            let stream = match &mut self.stream {
                Some(stream) => stream,
                None => self.stream.insert(self.target.request(self.at).await?),
            };
            let cause = match stream.next().await {
                Some(Ok(chunk)) => {
                    self.at += u64::try_from(chunk.len()).unwrap_or(u64::MAX);
                    if self.at > self.target.size {
                        return Err(self.target.other_size(self.at));
                    }
                    out.extend_from_slice(&chunk);
                    return Ok(true);
                }
                Some(Err(cause)) => breach(&cause),
                None => "it ended too early".to_owned(),
            };
            self.resume_later(&cause).await?;
        }
        Ok(false)
    }

    /// Waits before the next request, unless there were too many.
    async fn resume_later(&mut self, cause: &str) -> Result<(), Failure> {
        let limits = self.target.bucket.wire.limits;
        self.stream = None;
        self.breaks += 1;
        let begun = u32::try_from(self.at / RESUME_BYTES).unwrap_or(u32::MAX).saturating_add(1);
        if self.breaks > limits.resumes.saturating_mul(begun) {
            let (at, size) = (self.at, self.target.size);
            return Err(Failure::new(format!("the answer broke off {} times, last at byte {at} of {size}: {cause}", self.breaks)));
        }
        tokio::time::sleep(backoff(self.breaks, &self.target.key, limits.backoff)).await;
        Ok(())
    }
}

/// Bytes for which a number of breaks is allowed, so that a long object is not given up for its length, and a server
/// that sends a byte a connection is.
const RESUME_BYTES: u64 = 16 << 20;
