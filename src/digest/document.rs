//! [`Digest`]: one digest document, read once and kept small.

use std::sync::Arc;

use bumpalo::Bump;
use serde::de::IgnoredAny;

use super::verdict::Reason;
use crate::event::json::{Fault, Scanner};
use crate::source::Sha256;
use crate::time::EventTime;

/// The most that the documents of digest chains may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Inflated bytes of one digest: those of the window in which an object is read. An entry has about 430 bytes in the
    /// samples of the `CloudTrail` User Guide, so this is 150,000 logs in one hour, of one account and region.
    pub digest_bytes: usize,
    /// Entries of one digest: more than fit into `digest_bytes`, at some 200 bytes for the shortest that are well formed.
    pub entries: usize,
    /// Bytes of a sidecar. One with an RSA-8192 signature has less than 4 KB.
    pub sidecar_bytes: usize,
    /// Bytes of a manifest of signatures: 200,000 lines, 22 years of hours.
    pub manifest_bytes: usize,
    /// Bytes of a key file: 20,000 keys. AWS makes a few a region and year.
    pub key_file_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { digest_bytes: 64 << 20, entries: 1_000_000, sidecar_bytes: 1 << 20, manifest_bytes: 256 << 20, key_file_bytes: 16 << 20 }
    }
}

/// One digest document: what it says, verbatim where that is signed. Whether it is true is for
/// [`verify`](super::verify) to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    pub(super) start: EventTime,
    pub(super) end: EventTime,
    /// As written, because the text is signed.
    pub(super) end_text: Box<str>,
    pub(super) bucket: Arc<str>,
    pub(super) object: Box<str>,
    pub(super) fingerprint: Box<str>,
    /// Whether `digestSignatureAlgorithm` is the only one there is.
    pub(super) is_known_algorithm: bool,
    pub(super) previous: Option<Previous>,
    pub(super) previous_signature: Option<Box<str>>,
    pub(super) log_files: Vec<LogFile>,
    /// Of the bytes that were parsed: the content, never written out anew.
    pub(super) sha256: Sha256,
}

/// The digest that a digest names as the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Previous {
    pub(super) object: Box<str>,
    /// `None` where it is null or of another algorithm.
    pub(super) sha256: Option<Sha256>,
}

/// One item of `logFiles`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogFile {
    pub(super) bucket: Arc<str>,
    pub(super) object: Box<str>,
    /// `None` where it is no SHA-256 at all, which no content has.
    pub(super) sha256: Option<Sha256>,
    pub(super) is_known_algorithm: bool,
}

impl Digest {
    /// Reads a document; boxed, as what is kept of each file may be one of many thousand that are none.
    ///
    /// Fields that are not known are passed over. Where a name comes twice, the last one counts, as in AWS's own
    /// command; whatever is signed is signed as bytes, so this cannot make one document pass for another. Values that
    /// are passed over cost no depth of stack, and no others are nested.
    ///
    /// # Errors
    /// [`Reason::BadJson`] where the bytes are not one UTF-8 JSON object, [`Reason::MissingField`] where a field that
    /// is needed is absent or of a wrong type or no time, or the window ends before it starts, and
    /// [`Reason::OverLimit`] where a limit is passed, so that it was not read to its end.
    ///
    /// # Source
    /// `CloudTrail` User Guide, "`CloudTrail` digest file structure".
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Box<Self>, Reason> {
        Self::of_content(bytes, None, limits)
    }

    /// What [`parse`](Self::parse) does, with the hash of the bytes where it was taken before.
    pub(crate) fn of_content(bytes: &[u8], sha256: Option<Sha256>, limits: &Limits) -> Result<Box<Self>, Reason> {
        if bytes.len() > limits.digest_bytes {
            return Err(Reason::OverLimit);
        }
        let text = simdutf8::basic::from_utf8(bytes).map_err(|_| Reason::BadJson)?;
        let arena = Bump::new();
        let mut scanner = Scanner::new(text, &arena);
        let fields = Fields::read(&mut scanner, limits.entries)?;
        if scanner.skip_space().is_some() {
            return Err(Reason::BadJson);
        }
        fields.into_digest(sha256.unwrap_or_else(|| Sha256::of(bytes))).map(Box::new).ok_or(Reason::MissingField)
    }

    /// The start of its window.
    pub const fn start(&self) -> EventTime {
        self.start
    }

    /// The end of its window.
    pub const fn end(&self) -> EventTime {
        self.end
    }

    /// How many logs it lists.
    pub const fn listed_logs(&self) -> usize {
        self.log_files.len()
    }

    /// The keys of the logs that it lists, as it records them.
    pub fn listed_keys(&self) -> impl Iterator<Item = &str> {
        self.log_files.iter().map(|log| &*log.object)
    }

    /// The fingerprint of the key that it says it was signed with.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The key of the digest that it names as the one before it.
    pub fn previous_key(&self) -> Option<&str> {
        self.previous.as_ref().map(|previous| &*previous.object)
    }

    /// The text that the signature is over.
    pub(super) fn signed_text(&self) -> String {
        let previous = self.previous_signature.as_deref().unwrap_or("null");
        format!("{}\n{}/{}\n{}\n{previous}", self.end_text, self.bucket, self.object, self.sha256)
    }
}

/// Why reading ends before the document does.
enum Stop {
    /// It is not JSON, or no object.
    Fault,
    /// It has more entries than the limit.
    TooMany,
}

impl From<Fault> for Stop {
    fn from(_: Fault) -> Self {
        Self::Fault
    }
}

impl From<Stop> for Reason {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Fault => Self::BadJson,
            Stop::TooMany => Self::OverLimit,
        }
    }
}

/// A value of which only texts are of use: hostile documents have every kind in every place.
#[derive(Debug, Clone, Copy, Default)]
enum Field<'a> {
    #[default]
    Absent,
    Null,
    Text(&'a str),
    Other,
}

impl<'a> Field<'a> {
    fn read(scanner: &mut Scanner<'a>) -> Result<Self, Fault> {
        Ok(match scanner.skip_space() {
            Some(b'"') => Self::Text(scanner.string()?),
            byte => {
                pass_over(scanner)?;
                if byte == Some(b'n') { Self::Null } else { Self::Other }
            }
        })
    }

    const fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text; `Some(None)` where there is none, and `None` where it is something else.
    #[expect(clippy::option_option, reason = "an absent text and a refused one are not alike")]
    const fn optional(self) -> Option<Option<&'a str>> {
        match self {
            Self::Text(text) => Some(Some(text)),
            Self::Null | Self::Absent => Some(None),
            Self::Other => None,
        }
    }
}

/// Reads a value of no use. One that is nested costs no depth of stack, however deep it is.
fn pass_over(scanner: &mut Scanner<'_>) -> Result<(), Fault> {
    if !matches!(scanner.skip_space(), Some(b'{' | b'[')) {
        return scanner.skip_value(0);
    }
    let at = scanner.position();
    let mut values = serde_json::Deserializer::from_str(scanner.rest()).into_iter::<IgnoredAny>();
    if !matches!(values.next(), Some(Ok(_))) {
        return Err(Fault::Syntax { at, expected: "a value" });
    }
    let end = at + values.byte_offset();
    scanner.seek(end);
    Ok(())
}

#[derive(Debug, Default)]
struct Fields<'a> {
    start: Field<'a>,
    end: Field<'a>,
    bucket: Field<'a>,
    object: Field<'a>,
    fingerprint: Field<'a>,
    algorithm: Field<'a>,
    previous_object: Field<'a>,
    previous_hash: Field<'a>,
    previous_hash_algorithm: Field<'a>,
    previous_signature: Field<'a>,
    /// `None` where it is absent, no array, or an item is not in the form.
    log_files: Option<Vec<LogFile>>,
}

impl<'a> Fields<'a> {
    fn read(scanner: &mut Scanner<'a>, limit: usize) -> Result<Self, Stop> {
        let mut fields = Self::default();
        scanner.object(0, |scanner, name| {
            if name == "logFiles" {
                fields.log_files = log_files(scanner, limit)?;
            } else if let Some(field) = fields.named(name) {
                *field = Field::read(scanner)?;
            } else {
                pass_over(scanner)?;
            }
            Ok::<(), Stop>(())
        })?;
        Ok(fields)
    }

    fn named(&mut self, name: &str) -> Option<&mut Field<'a>> {
        Some(match name {
            "digestStartTime" => &mut self.start,
            "digestEndTime" => &mut self.end,
            "digestS3Bucket" => &mut self.bucket,
            "digestS3Object" => &mut self.object,
            "digestPublicKeyFingerprint" => &mut self.fingerprint,
            "digestSignatureAlgorithm" => &mut self.algorithm,
            "previousDigestS3Object" => &mut self.previous_object,
            "previousDigestHashValue" => &mut self.previous_hash,
            "previousDigestHashAlgorithm" => &mut self.previous_hash_algorithm,
            "previousDigestSignature" => &mut self.previous_signature,
            _ => return None,
        })
    }

    fn into_digest(self, sha256: Sha256) -> Option<Digest> {
        let end_text = self.end.text()?;
        let (start, end) = (EventTime::parse_plain(self.start.text()?)?, EventTime::parse_plain(end_text)?);
        if start > end {
            return None;
        }
        // Null is the mark of a chain's start; only the absence of the field is a fault.
        if matches!(self.previous_signature, Field::Absent) {
            return None;
        }
        let algorithm = self.previous_hash_algorithm.optional()?;
        let hash = self.previous_hash.optional()?.filter(|_| algorithm.is_none_or(|name| name == HASH_ALGORITHM));
        let sha256_of_previous = hash.and_then(Sha256::from_hex);
        Some(Digest {
            start,
            end,
            end_text: end_text.into(),
            bucket: self.bucket.text()?.into(),
            object: self.object.text()?.into(),
            fingerprint: self.fingerprint.text()?.to_ascii_lowercase().into(),
            is_known_algorithm: self.algorithm.text() == Some(SIGNATURE_ALGORITHM),
            previous: self.previous_object.optional()?.map(|object| Previous { object: object.into(), sha256: sha256_of_previous }),
            previous_signature: self.previous_signature.optional()?.map(Box::from),
            log_files: self.log_files?,
            sha256,
        })
    }
}

/// Reads `logFiles`; `None` where it is not a list of entries, each in the form. No genuine digest has another item, and
/// one that names no log could not be checked, so that the document as a whole is refused.
fn log_files(scanner: &mut Scanner<'_>, limit: usize) -> Result<Option<Vec<LogFile>>, Stop> {
    if scanner.skip_space() != Some(b'[') {
        pass_over(scanner)?;
        return Ok(None);
    }
    let (mut entries, mut read, mut is_sound) = (Vec::new(), 0_usize, true);
    // Nearly all entries of a digest are in one bucket.
    let mut bucket: Arc<str> = Arc::from("");
    scanner.array(0, |scanner| {
        read += 1;
        if read > limit {
            return Err(Stop::TooMany);
        }
        let entry = log_file(scanner, &mut bucket)?;
        is_sound &= entry.is_some();
        entries.extend(entry);
        Ok(())
    })?;
    Ok(is_sound.then_some(entries))
}

/// Reads one item of `logFiles`; `None` where a field is absent or of a wrong type. `last_bucket` is that of the item
/// before it.
fn log_file(scanner: &mut Scanner<'_>, last_bucket: &mut Arc<str>) -> Result<Option<LogFile>, Stop> {
    if scanner.skip_space() != Some(b'{') {
        pass_over(scanner)?;
        return Ok(None);
    }
    let [mut bucket, mut object, mut hash, mut algorithm] = [Field::Absent; 4];
    scanner.object(0, |scanner, name| {
        let field = match name {
            "s3Bucket" => &mut bucket,
            "s3Object" => &mut object,
            "hashValue" => &mut hash,
            "hashAlgorithm" => &mut algorithm,
            _ => return pass_over(scanner),
        };
        *field = Field::read(scanner)?;
        Ok(())
    })?;
    let (Some(bucket), Some(object), Some(hash)) = (bucket.text(), object.text(), hash.text()) else { return Ok(None) };
    if **last_bucket != *bucket {
        *last_bucket = bucket.into();
    }
    let is_known_algorithm = algorithm.text() == Some(HASH_ALGORITHM);
    Ok(Some(LogFile { bucket: last_bucket.clone(), object: object.into(), sha256: Sha256::from_hex(hash), is_known_algorithm }))
}

/// The only algorithm of signatures.
pub(super) const SIGNATURE_ALGORITHM: &str = "SHA256withRSA";
/// The only algorithm of hashes.
const HASH_ALGORITHM: &str = "SHA-256";
