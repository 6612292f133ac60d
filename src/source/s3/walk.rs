//! [`walk`]: finds the objects under a prefix, without looking into folders that are not asked for.
//!
//! A prefix is listed flat. Where that would take more than one page and the prefix has folders, they are listed side by
//! side instead. Where folders are to be chosen among, only their names are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::EncodingType;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::asked::{Asked, Level, Why, account_of, level_of};
use super::client::Bucket;
use super::failure::Failure;
use super::object::{RemoteObject, Target};
use super::url::{S3Url, name_of};
use crate::problem::{Place, Problem, ProblemKind, Skipped};
use crate::source::{Listing, Location, Object, ObjectKey};

/// What was found under a URL.
#[derive(Debug, Default)]
pub struct Found {
    /// Objects, folders of other services (skipped), folders that could not be listed (problems), and folders that were
    /// not looked into (notices); each list in the order of the names.
    pub listing: Listing,
    /// Listing requests that were sent, without the SDK's repetitions.
    pub requests: u64,
}

/// What was listed, before it is sorted and judged.
#[derive(Debug)]
pub(super) struct Walked {
    bucket: Arc<Bucket>,
    /// By key; a key that two pages name is one object.
    entries: BTreeMap<String, Entry>,
    left_out: BTreeMap<String, Why>,
    accounts: BTreeSet<String>,
    failures: BTreeMap<String, Failure>,
    requests: u64,
}

#[derive(Debug)]
struct Entry {
    size: u64,
    e_tag: Option<String>,
}

/// What one task found.
#[derive(Debug, Default)]
struct Visit {
    prefix: String,
    entries: Vec<(String, Entry)>,
    folders: Vec<String>,
    failure: Option<Failure>,
    requests: u64,
}

/// Lists what is asked for under a URL.
pub(super) async fn walk(bucket: Arc<Bucket>, url: &S3Url, asked: &Asked) -> Result<Walked, Failure> {
    let named = lookup(&bucket, url).await?;
    let mut walked = walk_folder(bucket.clone(), url, asked).await?;
    let is_missing = |account: &String| !walked.accounts.contains(account);
    // Where records were anonymised and names were not, no folder has an account that is asked for: then none tells.
    if asked.accounts.iter().any(is_missing) && walked.left_out.values().any(|why| matches!(why, Why::Account(_))) {
        let requests = walked.requests;
        walked = walk_folder(bucket, url, &Asked { accounts: BTreeSet::new(), ..asked.clone() }).await?;
        walked.requests += requests;
    }
    walked.requests += named.requests;
    walked.entries.extend(named.entries);
    Ok(walked)
}

/// The object whose key is the prefix itself.
async fn lookup(bucket: &Arc<Bucket>, url: &S3Url) -> Result<Visit, Failure> {
    let mut visit = Visit { prefix: url.prefix.clone(), ..Visit::default() };
    if url.prefix.is_empty() || url.prefix.ends_with('/') {
        return Ok(visit);
    }
    visit.page(bucket, &Page { most: Some(1), ..Page::default() }).await?;
    visit.entries.retain(|(key, _)| *key == url.prefix);
    Ok(visit)
}

async fn walk_folder(bucket: Arc<Bucket>, url: &S3Url, asked: &Asked) -> Result<Walked, Failure> {
    let root = url.folder();
    let asked = Arc::new(asked.clone());
    let mut walked = Walked::new(bucket.clone());
    let (mut queue, mut tasks) = (vec![root.clone()], JoinSet::new());
    loop {
        while tasks.len() < bucket.wire.limits.listings.max(1)
            && let Some(prefix) = queue.pop()
        {
            tasks.spawn(visit(bucket.clone(), asked.clone(), prefix));
        }
        let Some(done) = tasks.join_next().await else { return Ok(walked) };
        let visit = done.map_err(|_| Failure::new("listing failed; this is a defect in trailsift"))?;
        walked.requests += visit.requests;
        if asked.bounds(&visit.prefix) != (None, None) {
            walked.left_out.insert(visit.prefix.clone(), Why::Days);
        }
        if let Some(failure) = visit.failure {
            if visit.prefix == root && visit.entries.is_empty() {
                return Err(failure);
            }
            walked.failures.insert(visit.prefix, failure);
        }
        for (key, entry) in visit.entries {
            if !walked.leaves_out(&asked, &key) {
                walked.entries.insert(key, entry);
            }
        }
        queue.extend(visit.folders.into_iter().filter(|folder| !walked.leaves_out(&asked, folder)));
    }
}

impl Walked {
    fn new(bucket: Arc<Bucket>) -> Self {
        let (entries, left_out, accounts, failures) = Default::default();
        Self { bucket, entries, left_out, accounts, failures, requests: 0 }
    }

    /// Whether a key or folder is left out, which is remembered; and which account it is of.
    fn leaves_out(&mut self, asked: &Asked, path: &str) -> bool {
        if let Some(account) = account_of(path)
            && !self.accounts.contains(account)
        {
            self.accounts.insert(account.to_owned());
        }
        let Some(left_out) = asked.leaves_out(path) else { return false };
        let prefix = path.get(..left_out.length).unwrap_or(path);
        if !self.left_out.contains_key(prefix) {
            self.left_out.insert(prefix.to_owned(), left_out.why);
        }
        true
    }

    /// The objects, with the runtime that reads them.
    pub(super) fn into_found(self, runtime: &Arc<Runtime>) -> Found {
        let bucket = self.bucket;
        let mut found = Found { requests: self.requests, ..Found::default() };
        for (key, Entry { size, e_tag }) in self.entries {
            let name: Arc<str> = name_of(&bucket.name, &key).into();
            if size == 0 && key.ends_with('/') {
                found.listing.skipped.push(Skipped { object: name, reason: "the mark of a folder".to_owned() });
                continue;
            }
            let target = Arc::new(Target { bucket: bucket.clone(), key, e_tag, size, told: OnceLock::new() });
            let location = Location::S3(RemoteObject { target, runtime: runtime.clone() });
            found.listing.objects.push(Object { key: ObjectKey::parse(&name), name, size, location });
        }
        for (prefix, why) in self.left_out {
            let prefix: Arc<str> = name_of(&bucket.name, &prefix).into();
            let what = match why {
                Why::Service(service) => {
                    let reason = format!("not CloudTrail: what {service} delivers");
                    found.listing.skipped.push(Skipped { object: prefix, reason });
                    continue;
                }
                Why::Account(account) => format!("it is of account {account}"),
                Why::Region(region) => format!("it is of region {region}"),
                Why::Time => "it was delivered before or after what is asked for".to_owned(),
                Why::Days => "some days were delivered before or after what is asked for".to_owned(),
            };
            let place = Place { object: prefix, record_index: None, offset: None };
            found.listing.notices.push(Problem { place, kind: ProblemKind::NotListed, message: format!("filtered: {what}") });
        }
        for (prefix, failure) in self.failures {
            let place = Place { object: name_of(&bucket.name, &prefix).into(), record_index: None, offset: None };
            let message = format!("the folder could not be listed to its end: {failure}");
            found.listing.problems.push(Problem { place, kind: ProblemKind::Unreadable, message });
        }
        found
    }
}

/// What to ask of one page.
#[derive(Debug, Default)]
struct Page {
    by_folder: bool,
    after: Option<String>,
    token: Option<String>,
    most: Option<i32>,
}

async fn visit(bucket: Arc<Bucket>, asked: Arc<Asked>, prefix: String) -> Visit {
    let mut visit = Visit { prefix, ..Visit::default() };
    visit.failure = visit.fill(&bucket, &asked).await.err();
    visit
}

impl Visit {
    async fn fill(&mut self, bucket: &Bucket, asked: &Asked) -> Result<(), Failure> {
        if asked.chooses_below(&self.prefix) {
            let first = self.page(bucket, &Page { by_folder: true, ..Page::default() }).await?;
            return self.rest(bucket, true, first, None).await;
        }
        let (after, before) = asked.bounds(&self.prefix);
        let first = self.page(bucket, &Page { after, ..Page::default() }).await?;
        if first.is_some() && self.has_folders() {
            let flat = std::mem::take(&mut self.entries);
            let more = self.page(bucket, &Page { by_folder: true, ..Page::default() }).await?;
            if more.is_none() {
                return Ok(());
            }
            // More folders than a page holds: one request for each would be more than the flat pages are.
            self.entries = flat;
            self.folders.clear();
        }
        self.rest(bucket, false, first, before.as_deref()).await
    }

    /// Whether it pays to look at the folders one by one: those of days are too many and too small.
    fn has_folders(&self) -> bool {
        let below = |key: &String| key.get(self.prefix.len()..).is_some_and(|rest| rest.contains('/'));
        level_of(&self.prefix) != Level::Days && self.entries.iter().any(|(key, _)| below(key))
    }

    /// The pages after the first, up to a key.
    async fn rest(&mut self, bucket: &Bucket, by_folder: bool, mut token: Option<String>, before: Option<&str>) -> Result<(), Failure> {
        let is_past = |entries: &[(String, Entry)]| before.zip(entries.last()).is_some_and(|(before, (key, _))| key.as_str() >= before);
        while token.is_some() && !is_past(&self.entries) {
            let known = self.entries.len() + self.folders.len();
            let next = self.page(bucket, &Page { by_folder, token: token.clone(), ..Page::default() }).await?;
            // A page may be empty, but not lead to itself.
            if next == token && known == self.entries.len() + self.folders.len() {
                return Err(Failure::new("the server's pages lead nowhere"));
            }
            token = next;
        }
        Ok(())
    }

    /// Asks for one page and takes what is in it; the token of the next, if there is one.
    async fn page(&mut self, bucket: &Bucket, page: &Page) -> Result<Option<String>, Failure> {
        self.requests += 1;
        let answer = bucket
            .client
            .list_objects_v2()
            .bucket(&bucket.name)
            .prefix(&self.prefix)
            .set_delimiter(page.by_folder.then(|| "/".to_owned()))
            .set_start_after(page.after.clone())
            .set_continuation_token(page.token.clone())
            .set_max_keys(page.most)
            .set_request_payer(bucket.payer.clone())
            // Keys may hold letters that XML cannot, and one such key would hide all others of its page.
            .encoding_type(EncodingType::Url)
            .send()
            .await
            .map_err(|error| Failure::of(&error))?;
        let is_encoded = answer.encoding_type() == Some(&EncodingType::Url);
        self.take(&answer, |text| if is_encoded { decode(text) } else { Ok(text.to_owned()) })?;
        let more = answer.is_truncated().unwrap_or_default();
        match answer.next_continuation_token {
            None if more => Err(Failure::new("the server says that there is more and not how to ask for it")),
            token => Ok(token.filter(|_| more)),
        }
    }

    fn take(&mut self, answer: &ListObjectsV2Output, text: impl Fn(&str) -> Result<String, Failure>) -> Result<(), Failure> {
        for object in answer.contents() {
            let size = object.size().and_then(|size| u64::try_from(size).ok());
            let (Some(key), Some(size)) = (object.key(), size) else {
                return Err(Failure::new("the server lists an object without key or size"));
            };
            self.entries.push((text(key)?, Entry { size, e_tag: object.e_tag().map(str::to_owned) }));
        }
        for folder in answer.common_prefixes().iter().filter_map(|folder| folder.prefix()) {
            let folder = text(folder)?;
            // One that is no child would be walked without end.
            if folder.len() > self.prefix.len() && folder.starts_with(&self.prefix) {
                self.folders.push(folder);
            }
        }
        Ok(())
    }
}

/// A key from its form in a listing: `%XX` for a byte, `+` for a space.
fn decode(text: &str) -> Result<String, Failure> {
    let wrong = || Failure::new("the server lists a key that is not UTF-8 in its URL form");
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16)).and_then(|digit| u8::try_from(digit).ok());
                let (high, low) = (digit().ok_or_else(wrong)?, digit().ok_or_else(wrong)?);
                high << 4 | low
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded() {
        for (text, key) in
            [("a/b.json.gz", Some("a/b.json.gz")), ("a+b%2B%01%C3%A9", Some("a b+\u{1}é")), ("%", None), ("%4", None), ("%ff", None)]
        {
            assert_eq!(decode(text).ok().as_deref(), key, "{text}");
        }
    }
}
