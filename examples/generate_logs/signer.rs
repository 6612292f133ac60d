//! Signatures as CloudTrail makes them, by a test key of the sample's own.

use std::fmt::Write as _;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::Value;

use crate::failure::Failure;

/// What `aws cloudtrail list-public-keys` would print, with the test key in place of CloudTrail's.
pub(crate) const PUBLIC_KEYS: &str = include_str!("test_public_keys.json");

/// The key pair.
pub(crate) struct Signer {
    pair: RsaKeyPair,
    /// The name of the public key in the list of keys.
    pub(crate) fingerprint: String,
}

impl Signer {
    /// The key pair that is built in.
    pub(crate) fn open() -> Result<Self, Failure> {
        let broken = |what: &str| Failure::new(format!("cannot use the test key: {what}"));
        let der = pem_content(PRIVATE_KEY).ok_or_else(|| broken("not a PEM file"))?;
        let pair = RsaKeyPair::from_pkcs8(&der).map_err(|error| broken(&error.to_string()))?;
        let keys: Value = serde_json::from_str(PUBLIC_KEYS).map_err(|error| broken(&error.to_string()))?;
        let fingerprint = keys.pointer("/PublicKeyList/0/Fingerprint").and_then(Value::as_str);
        let fingerprint = fingerprint.ok_or_else(|| broken("its public key has no fingerprint"))?.to_owned();
        Ok(Self { pair, fingerprint })
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256 over `text`, in hex; equal texts give equal signatures.
    pub(crate) fn sign(&self, text: &str) -> Result<String, Failure> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| Failure::new("cannot sign a digest file".to_owned()))?;
        Ok(hex(&signature))
    }
}

/// The SHA-256 of `text`, in hex.
pub(crate) fn sha256(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes between the marks of a PEM file; what stands before them is a comment.
fn pem_content(text: &str) -> Option<Vec<u8>> {
    let (_, body) = text.split_once("-----BEGIN PRIVATE KEY-----")?;
    let (body, _) = body.split_once("-----END PRIVATE KEY-----")?;
    let (mut bytes, mut bits, mut length) = (Vec::new(), 0_u16, 0_u32);
    for letter in body.bytes().filter(|letter| !letter.is_ascii_whitespace() && *letter != b'=') {
        bits = (bits << 6) | BASE64.iter().position(|known| *known == letter).and_then(|value| u16::try_from(value).ok())?;
        length += 6;
        if length >= 8 {
            length -= 8;
            bytes.push(u8::try_from(bits >> length).ok()?);
            bits &= (1 << length) - 1;
        }
    }
    Some(bytes)
}

const PRIVATE_KEY: &str = include_str!("test_key.pem");
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
