//! The digest files: what CloudTrail signs each hour about the log files that it delivered.
//!
//! A digest names the hash and the signature of the one before, so that those of a trail, account and region are a chain.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::background::bucket;
use crate::delivery::{LogFile, Stream};
use crate::failure::Failure;
use crate::signer::{Signer, sha256};
use crate::spread;
use crate::time::{HOUR, MINUTE, Time, compact_to_seconds, folder, iso, march};

/// The region in which all trails were made.
const HOME_REGION: &str = "us-east-1";
const ALGORITHM: &str = "SHA256withRSA";

/// A digest file.
pub(crate) struct Digest {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) end: Time,
    /// The JSON that is hashed and signed.
    pub(crate) document: String,
    signature: String,
    /// No later digest holds the signature.
    is_head: bool,
}

impl Digest {
    /// The digest's line in `signatures.jsonl`, unless another digest holds its signature.
    pub(crate) fn signature_line(&self) -> Option<String> {
        let line = json!({"bucket": self.bucket, "key": self.key, "signature": self.signature, "signatureAlgorithm": ALGORITHM});
        self.is_head.then(|| format!("{line}\n"))
    }
}

/// The digests of all chains from [`kept_from`] on, chain by chain.
pub(crate) fn digests(files: &[LogFile], signer: &Signer) -> Result<Vec<Digest>, Failure> {
    let mut streams: BTreeMap<&Stream, Vec<&LogFile>> = BTreeMap::new();
    for file in files {
        streams.entry(&file.stream).or_default().push(file);
    }
    let mut digests = Vec::new();
    for (stream, files) in streams {
        for span in spans(stream) {
            digests.append(&mut segment(stream, &files, span, signer)?);
        }
    }
    digests.retain(|digest| digest.end > kept_from());
    Ok(digests)
}

/// The time without digests of a trail that was stopped: a last digest covers what was still to be delivered.
pub(crate) fn gap() -> (Time, Time) {
    let (stopped, started) = spread::outage();
    (stopped + 5 * MINUTE, started)
}

/// When the first digests begin that are in the sample; older ones are left out to keep it small.
pub(crate) fn kept_from() -> Time {
    march(11, 12, 3, 20)
}

/// The chain's name: account, region, trail and the trail's home.
pub(crate) fn chain(stream: &Stream) -> String {
    format!("{}/{}/{}/{HOME_REGION}", stream.account, stream.region, stream.trail())
}

/// Where the digests of the stream begin and end; they begin anew when a trail is started again.
fn spans(stream: &Stream) -> Vec<(Time, Time)> {
    // In AWS too, the windows are not the hours of the clock.
    let (first, last) = (march(9, 0, 3, 20), march(12, 12, 3, 20));
    if stream.is_stopped() {
        let (stopped, started) = gap();
        vec![(first, stopped), (started, started + 12 * HOUR)]
    } else {
        vec![(first, last)]
    }
}

/// The digests of `span`, one an hour; the first names none before it.
fn segment(stream: &Stream, files: &[&LogFile], span: (Time, Time), signer: &Signer) -> Result<Vec<Digest>, Failure> {
    let mut digests: Vec<Digest> = Vec::new();
    let mut start = span.0;
    while start < span.1 {
        let window = (start, (start + HOUR).min(span.1));
        let listed: Vec<&LogFile> = files.iter().copied().filter(|file| (window.0..window.1).contains(&file.delivered)).collect();
        let digest = digest(stream, &listed, window, digests.last(), signer)?;
        if let Some(previous) = digests.last_mut() {
            previous.is_head = false;
        }
        digests.push(digest);
        start = window.1;
    }
    Ok(digests)
}

fn digest(
    stream: &Stream,
    files: &[&LogFile],
    (start, end): (Time, Time),
    previous: Option<&Digest>,
    signer: &Signer,
) -> Result<Digest, Failure> {
    let (bucket, key) = (bucket(&stream.account, "cloudtrail-logs"), digest_key(stream, end));
    let signature_before = previous.map(|digest| digest.signature.as_str());
    let document = json!({
        "awsAccountId": stream.account,
        "digestStartTime": iso(start),
        "digestEndTime": iso(end),
        "digestS3Bucket": bucket,
        "digestS3Object": key,
        "digestPublicKeyFingerprint": signer.fingerprint,
        "digestSignatureAlgorithm": ALGORITHM,
        "newestEventTime": files.iter().filter_map(|file| file.newest()).max().map(iso),
        "oldestEventTime": files.iter().filter_map(|file| file.oldest()).min().map(iso),
        "previousDigestS3Bucket": previous.map(|digest| &digest.bucket),
        "previousDigestS3Object": previous.map(|digest| &digest.key),
        "previousDigestHashValue": previous.map(|digest| sha256(&digest.document)),
        "previousDigestHashAlgorithm": previous.map(|_| "SHA-256"),
        "previousDigestSignature": signature_before,
        "logFiles": files.iter().map(|file| listed(file, &bucket)).collect::<Value>(),
    })
    .to_string();
    let to_sign = [iso(end), format!("{bucket}/{key}"), sha256(&document), signature_before.unwrap_or("null").to_owned()].join("\n");
    let signature = signer.sign(&to_sign)?;
    Ok(Digest { bucket, key, end, document, signature, is_head: true })
}

fn listed(file: &LogFile, bucket: &str) -> Value {
    json!({
        "s3Bucket": bucket,
        "s3Object": file.key,
        "hashValue": sha256(&file.document()),
        "hashAlgorithm": "SHA-256",
        "newestEventTime": file.newest().map(iso),
        "oldestEventTime": file.oldest().map(iso),
    })
}

/// `AWSLogs/ACCOUNT/CloudTrail-Digest/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOME_YYYYMMDDTHHMMSSZ.json.gz`.
fn digest_key(stream: &Stream, end: Time) -> String {
    let Stream { account, region, .. } = stream;
    let (day, trail, time) = (folder(end), stream.trail(), compact_to_seconds(end));
    format!("AWSLogs/{account}/CloudTrail-Digest/{region}/{day}/{account}_CloudTrail-Digest_{region}_{trail}_{HOME_REGION}_{time}.json.gz")
}
