//! [`Carriers`]: the signatures that are kept beside digests, in any of the forms in which S3's metadata gets to a disk.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::document::{Limits, SIGNATURE_ALGORITHM};
use super::key::{Tail, packed_name};
use crate::source::unhex;

/// Signatures by the digest that they are for.
#[derive(Debug, Clone, Default)]
pub struct Carriers {
    by_name: HashMap<Box<str>, Vec<Signature>>,
    by_tail: HashMap<Tail, Vec<Signature>>,
}

/// One signature as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Signature {
    /// `None` where the text is no signature at all, so that it fits nothing.
    pub(super) bytes: Option<Box<[u8]>>,
    pub(super) is_known_algorithm: bool,
    pub(super) has_generation_timestamp: bool,
}

impl Carriers {
    /// The name of the file that a sidecar of that name is for, `X.meta.json` or `X.sig`; `None` where it is no sidecar.
    pub fn sidecar_target(name: &str) -> Option<&str> {
        name.strip_suffix(META)
            .or_else(|| name.strip_suffix(SIG))
            .filter(|target| target.strip_suffix(".gz").unwrap_or(target).strip_suffix(".json").is_some())
    }

    /// Takes a sidecar, by its name as [`FoundFile::name`](super::FoundFile::name) has names.
    ///
    /// A `.meta.json` is what `aws s3api head-object` prints, a `.sig` the signature in hex. One without a signature
    /// is no carrier, and no fault.
    ///
    /// # Errors
    /// What is wrong with it: too long, not UTF-8, not a JSON object.
    pub fn add_sidecar(&mut self, name: &str, bytes: &[u8], limits: &Limits) -> Result<(), String> {
        let Some(target) = Self::sidecar_target(name) else { return Err("not the name of a sidecar".to_owned()) };
        if bytes.len() > limits.sidecar_bytes {
            return Err(format!("a sidecar of more than {} bytes", limits.sidecar_bytes));
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?.trim();
        if name.ends_with(SIG) {
            if text.is_empty() {
                return Err("an empty signature".to_owned());
            }
            self.add_to_name(target, Signature::new(text, None, false));
            return Ok(());
        }
        let Ok(Value::Object(head)) = serde_json::from_str(text) else { return Err("not a JSON object".to_owned()) };
        let metadata = head
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("Metadata"))
            .map_or(&head, |(_, value)| value.as_object().unwrap_or(&head));
        self.add_metadata(target, metadata.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))));
        Ok(())
    }

    /// Takes the metadata of an object under the name that its [`FoundFile`](super::FoundFile) has.
    ///
    /// Names count in any case, with or without `x-amz-meta-`. Without a signature among them it is no carrier.
    pub fn add_metadata<'a>(&mut self, name: &str, metadata: impl Iterator<Item = (&'a str, &'a str)>) {
        let (mut signature, mut algorithm, mut generated) = (None, None, false);
        for (name, value) in metadata {
            let name = name.to_ascii_lowercase();
            match name.strip_prefix("x-amz-meta-").unwrap_or(&name) {
                "signature" => signature = Some(value),
                "signature-algorithm" => algorithm = Some(value),
                "backfill-generation-timestamp" => generated = true,
                _ => {}
            }
        }
        if let Some(signature) = signature {
            self.add_to_name(name, Signature::new(signature, algorithm, generated));
        }
    }

    /// Takes a manifest, `signatures.jsonl`: an object a line, with `key` and `signature`.
    ///
    /// The lines are for digests whose tail is that of `key`, as evidence may lie under any bucket and prefix.
    ///
    /// # Errors
    /// The number of lines that could not be used, and the first of them with its fault; the others are taken. Where it
    /// passes the limit, nothing is.
    pub fn add_manifest(&mut self, bytes: &[u8], limits: &Limits) -> Result<(), String> {
        if bytes.len() > limits.manifest_bytes {
            return Err(format!("a manifest of more than {} bytes", limits.manifest_bytes));
        }
        let (mut bad, mut first) = (0_u64, 0_usize);
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            if line.trim_ascii().is_empty() {
                continue;
            }
            if self.add_line(line).is_none() {
                if bad == 0 {
                    first = index + 1;
                }
                bad += 1;
            }
        }
        let lines = crate::error::counted(bad, "line");
        if bad == 0 { Ok(()) } else { Err(format!("{lines} without a JSON object with key and signature, line {first} first")) }
    }

    fn add_line(&mut self, line: &[u8]) -> Option<()> {
        let line: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let text = |name: &str| line.get(name).and_then(Value::as_str);
        let signature = Signature::new(text("signature")?, text("signatureAlgorithm"), line.contains_key("backfillGenerationTimestamp"));
        keep(self.by_tail.entry(Tail::of(text("key")?)).or_default(), signature);
        Some(())
    }

    fn add_to_name(&mut self, name: &str, signature: Signature) {
        keep(self.by_name.entry(packed_name(name).into()).or_default(), signature);
    }

    /// The signatures for the digest under that name, which has that tail.
    pub(super) fn of(&self, name: &str, tail: &Tail) -> impl Iterator<Item = &Signature> {
        let by_name = self.by_name.get(packed_name(name).as_str());
        by_name.into_iter().chain(self.by_tail.get(tail)).flatten().take(OWN_SIGNATURES)
    }
}

impl Signature {
    pub(super) fn new(hex: &str, algorithm: Option<&str>, has_generation_timestamp: bool) -> Self {
        let hex = hex.trim();
        let bytes = (hex.len() <= SIGNATURE_DIGITS).then(|| unhex(hex)).flatten().map(Vec::into_boxed_slice);
        let is_known_algorithm = algorithm.is_none_or(|name| name.trim() == SIGNATURE_ALGORITHM);
        Self { bytes, is_known_algorithm, has_generation_timestamp }
    }
}

fn keep(held: &mut Vec<Signature>, signature: Signature) {
    if held.len() < OWN_SIGNATURES && !held.contains(&signature) {
        held.push(signature);
    }
}

/// The ends of sidecars' names.
const META: &str = ".meta.json";
const SIG: &str = ".sig";
/// Signatures of one digest that are tried, the first ones. There are three places for them, so more are made up; each
/// costs an RSA verification.
const OWN_SIGNATURES: usize = 8;
/// Hex digits of an RSA-8192 signature, the longest that is verified.
const SIGNATURE_DIGITS: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "e/AWSLogs/x.json.gz";

    fn kept(carriers: &Carriers) -> Vec<Signature> {
        carriers.of(NAME, &Tail::of(NAME)).cloned().collect()
    }

    fn sidecar(end: &str, text: &str) -> (Result<(), String>, Vec<Signature>) {
        let mut carriers = Carriers::default();
        let result = carriers.add_sidecar(&format!("{NAME}{end}"), text.as_bytes(), &Limits::default());
        (result, kept(&carriers))
    }

    #[test]
    fn every_form_is_read_alike() {
        let wanted = vec![Signature { bytes: Some(vec![0xab, 1].into()), is_known_algorithm: true, has_generation_timestamp: false }];
        for (end, text) in [
            (".sig", "AB01\r\n"),
            (".meta.json", r#"{"Metadata":{"signature":"ab01","signature-algorithm":"SHA256withRSA"}}"#),
            (".meta.json", r#"{"ETag":"x","metadata":{"X-Amz-Meta-Signature":"ab01"}}"#),
            (".meta.json", r#"{"Signature":"ab01","Metadata":7}"#),
        ] {
            assert_eq!(sidecar(end, text), (Ok(()), wanted.clone()), "{text}");
        }
        let mut carriers = Carriers::default();
        let lines = "\n{\"key\":\"p/AWSLogs/x.json.gz\",\"signature\":\"ab01\"}\nno\n{}\n";
        let result = carriers.add_manifest(lines.as_bytes(), &Limits::default());
        assert_eq!(
            (result.unwrap_err().as_str(), kept(&carriers)),
            ("2 lines without a JSON object with key and signature, line 3 first", wanted)
        );
    }

    #[test]
    fn what_is_no_carrier_and_what_is_a_bad_one() {
        assert_eq!(sidecar(".meta.json", r#"{"Metadata":{}}"#), (Ok(()), vec![]));
        for (end, text) in [(".meta.json", "[]"), (".sig", " \n")] {
            let (result, kept) = sidecar(end, text);
            assert!(result.is_err() && kept.is_empty(), "{text}");
        }
        for text in ["not hex", &"ab".repeat(1_025)] {
            assert_eq!(sidecar(".sig", text).1.first().map(|kept| kept.bytes.clone()), Some(None));
        }
        let other = sidecar(
            ".meta.json",
            r#"{"Metadata":{"signature":"ab","signature-algorithm":"SHA1withRSA","backfill-generation-timestamp":"t"}}"#,
        )
        .1;
        assert_eq!(other.first().map(|kept| (kept.is_known_algorithm, kept.has_generation_timestamp)), Some((false, true)));
        let mut carriers = Carriers::default();
        for number in 0..100 {
            carriers.add_metadata(NAME, [("signature", format!("{number:04}").as_str())].into_iter());
        }
        assert_eq!(kept(&carriers).len(), OWN_SIGNATURES);
        assert_eq!(Carriers::sidecar_target("a.txt.sig"), None);
    }
}
