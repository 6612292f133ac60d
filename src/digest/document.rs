//! [`Digest`]: one digest document, read once and kept small.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::verdict::Reason;
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
        if bytes.len() > limits.digest_bytes {
            return Err(Reason::OverLimit);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Reason::BadJson)?;
        let reading = Reading { limit: limits.entries, over: Cell::new(false) };
        let mut reader = serde_json::Deserializer::from_str(text);
        let read = Loose(Root(&reading)).deserialize(&mut reader).and_then(|fields| reader.end().map(|()| fields));
        match read {
            Ok(Some(fields)) => fields.into_digest(Sha256::of(bytes)).map(Box::new).ok_or(Reason::MissingField),
            Err(_) if reading.over.get() => Err(Reason::OverLimit),
            Ok(None) | Err(_) => Err(Reason::BadJson),
        }
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

/// A value of which only texts are of use.
#[derive(Debug, Default)]
enum Field {
    #[default]
    Absent,
    Null,
    Text(Box<str>),
    Other,
}

impl Field {
    fn text(self) -> Option<Box<str>> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text; `Some(None)` where there is none, and `None` where it is something else.
    #[expect(clippy::option_option, reason = "an absent text and a refused one are not alike")]
    fn optional(self) -> Option<Option<Box<str>>> {
        match self {
            Self::Text(text) => Some(Some(text)),
            Self::Null | Self::Absent => Some(None),
            Self::Other => None,
        }
    }
}

#[derive(Debug, Default)]
struct Fields {
    start: Field,
    end: Field,
    bucket: Field,
    object: Field,
    fingerprint: Field,
    algorithm: Field,
    previous_object: Field,
    previous_hash: Field,
    previous_hash_algorithm: Field,
    previous_signature: Field,
    /// `None` where it is absent, no array, or an item is not in the form.
    log_files: Option<Vec<LogFile>>,
}

impl Fields {
    fn named(&mut self, name: &str) -> Option<&mut Field> {
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
        let (start, end) = (EventTime::parse_plain(&self.start.text()?)?, EventTime::parse_plain(&end_text)?);
        if start > end {
            return None;
        }
        // Null is the mark of a chain's start; only the absence of the field is a fault.
        if matches!(self.previous_signature, Field::Absent) {
            return None;
        }
        let algorithm = self.previous_hash_algorithm.optional()?;
        let hash = self.previous_hash.optional()?.filter(|_| algorithm.is_none_or(|name| &*name == HASH_ALGORITHM));
        let sha256_of_previous = hash.and_then(|hash| Sha256::from_hex(&hash));
        Some(Digest {
            start,
            end,
            end_text,
            bucket: self.bucket.text()?.into(),
            object: self.object.text()?,
            fingerprint: self.fingerprint.text()?.to_ascii_lowercase().into(),
            is_known_algorithm: self.algorithm.text().is_some_and(|name| &*name == SIGNATURE_ALGORITHM),
            previous: self.previous_object.optional()?.map(|object| Previous { object, sha256: sha256_of_previous }),
            previous_signature: self.previous_signature.optional()?,
            log_files: self.log_files?,
            sha256,
        })
    }
}

/// What a document may hold, and whether it held more.
struct Reading {
    limit: usize,
    over: Cell<bool>,
}

/// What is made of a value of any kind: hostile documents have every kind in every place.
trait Shape<'de>: Sized {
    type Out;

    /// What a value of no use is.
    fn other(self) -> Self::Out;

    fn text(self, _: &str) -> Self::Out {
        self.other()
    }

    fn null(self) -> Self::Out {
        self.other()
    }

    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Out, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.other())
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Out, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(self.other())
    }
}

/// A [`Shape`] as serde wants it.
struct Loose<S>(S);

impl<'de, S: Shape<'de>> DeserializeSeed<'de> for Loose<S> {
    type Value = S::Out;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Out, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, S: Shape<'de>> Visitor<'de> for Loose<S> {
    type Value = S::Out;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_str<E>(self, text: &str) -> Result<S::Out, E> {
        Ok(self.0.text(text))
    }

    fn visit_unit<E>(self) -> Result<S::Out, E> {
        Ok(self.0.null())
    }

    fn visit_bool<E>(self, _: bool) -> Result<S::Out, E> {
        Ok(self.0.other())
    }

    fn visit_i64<E>(self, _: i64) -> Result<S::Out, E> {
        Ok(self.0.other())
    }

    fn visit_u64<E>(self, _: u64) -> Result<S::Out, E> {
        Ok(self.0.other())
    }

    fn visit_f64<E>(self, _: f64) -> Result<S::Out, E> {
        Ok(self.0.other())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<S::Out, A::Error> {
        self.0.list(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<S::Out, A::Error> {
        self.0.object(map)
    }
}

/// Reads a value as a [`Field`].
struct AnyField;

impl Shape<'_> for AnyField {
    type Out = Field;

    fn other(self) -> Field {
        Field::Other
    }

    fn text(self, text: &str) -> Field {
        Field::Text(text.into())
    }

    fn null(self) -> Field {
        Field::Null
    }
}

/// Reads the document; `None` where it is no object.
struct Root<'r>(&'r Reading);

impl<'de> Shape<'de> for Root<'_> {
    type Out = Option<Fields>;

    fn other(self) -> Option<Fields> {
        None
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<Option<Fields>, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            if name == "logFiles" {
                fields.log_files = map.next_value_seed(Loose(Entries(self.0)))?;
            } else if let Some(field) = fields.named(&name) {
                *field = map.next_value_seed(Loose(AnyField))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(Some(fields))
    }
}

/// Reads `logFiles`; `None` where it is not a list of entries.
struct Entries<'r>(&'r Reading);

impl<'de> Shape<'de> for Entries<'_> {
    type Out = Option<Vec<LogFile>>;

    fn other(self) -> Self::Out {
        None
    }

    fn list<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Out, A::Error> {
        let (mut entries, mut read, mut is_sound) = (Vec::new(), 0_usize, true);
        // Nearly all entries of a digest are in one bucket.
        let mut bucket: Arc<str> = Arc::from("");
        while let Some(entry) = items.next_element_seed(Loose(Entry(&mut bucket)))? {
            read += 1;
            if read > self.0.limit {
                self.0.over.set(true);
                return Err(A::Error::custom("too many entries"));
            }
            is_sound &= entry.is_some();
            entries.extend(entry);
        }
        Ok(is_sound.then_some(entries))
    }
}

/// Reads one item of `logFiles`; `None` where a field is absent or of a wrong type. No genuine digest has such an
/// item, and one that names no log could not be checked, so that the document as a whole is refused.
struct Entry<'b>(&'b mut Arc<str>);

impl<'de> Shape<'de> for Entry<'_> {
    type Out = Option<LogFile>;

    fn other(self) -> Self::Out {
        None
    }

    fn object<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Out, A::Error> {
        let [mut bucket, mut object, mut hash, mut algorithm] = [const { Field::Absent }; 4];
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let field = match &*name {
                "s3Bucket" => &mut bucket,
                "s3Object" => &mut object,
                "hashValue" => &mut hash,
                "hashAlgorithm" => &mut algorithm,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            *field = map.next_value_seed(Loose(AnyField))?;
        }
        let (Some(bucket), Some(object), Some(hash)) = (bucket.text(), object.text(), hash.text()) else { return Ok(None) };
        if **self.0 != *bucket {
            *self.0 = bucket.into();
        }
        let is_known_algorithm = algorithm.text().is_some_and(|name| &*name == HASH_ALGORITHM);
        Ok(Some(LogFile { bucket: self.0.clone(), object, sha256: Sha256::from_hex(&hash), is_known_algorithm }))
    }
}

/// The only algorithm of signatures.
pub(super) const SIGNATURE_ALGORITHM: &str = "SHA256withRSA";
/// The only algorithm of hashes.
const HASH_ALGORITHM: &str = "SHA-256";
