//! What the metadata of a SAML provider say: who it is, and which certificates it signs with.
//!
//! The text is searched, not parsed: AWS has accepted it, and what is not found is not said.

use std::collections::BTreeSet;

use crate::source::sha256_hex;

/// `entityID` of the first descriptor.
pub(in crate::iam) fn entity_id(metadata: &str) -> Option<&str> {
    let (_, after) = metadata.split_once("EntityDescriptor")?;
    let (tag, _) = after.split_once('>')?;
    let (_, value) = tag.split_once("entityID=")?;
    let quote = value.chars().next().filter(|letter| ['"', '\''].contains(letter))?;
    value.split(quote).nth(1)
}

/// The SHA-256 of each certificate that is not for encryption only, in lower-case hex, in order.
pub(in crate::iam) fn signing_certificates(metadata: &str) -> BTreeSet<String> {
    // Each part begins with the rest of a tag that begins or ends a descriptor of a key.
    let parts = metadata.split("KeyDescriptor").skip(1);
    let for_signing = parts.filter_map(|part| part.split_once('>')).filter(|(tag, _)| !tag.contains("encryption")).map(|(_, inner)| inner);
    let certificates = for_signing.flat_map(|inner| inner.split("X509Certificate>").skip(1).step_by(2));
    let texts = certificates.filter_map(|text| text.split('<').next());
    texts.filter_map(decoded).take(MAX_CERTIFICATES).map(|certificate| sha256_hex(&certificate)).collect()
}

/// The bytes of base64 with white space; `None` where another letter stands in it, or nothing.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0_u32, 0_u32);
    for letter in text.bytes().filter(|letter| !letter.is_ascii_whitespace()).take_while(|letter| *letter != b'=') {
        let place = LETTERS.iter().position(|other| *other == letter)?;
        held = (held << 6 | u32::try_from(place).ok()?) & 0xffff;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Certificates of one provider; AWS takes metadata of 10,000,000 characters.
const MAX_CERTIFICATES: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signs() {
        let metadata = r#"<md:EntityDescriptor xmlns:md="urn" entityID="https://idp.example.com/x"><md:IDPSSODescriptor>
            <md:KeyDescriptor use="signing"><ds:X509Data><ds:X509Certificate>Zm9v
            YmFy</ds:X509Certificate></ds:X509Data></md:KeyDescriptor>
            <md:KeyDescriptor use="encryption"><ds:X509Certificate>eA==</ds:X509Certificate></md:KeyDescriptor>
            <KeyDescriptor><X509Certificate>Zm8=</X509Certificate></KeyDescriptor></md:IDPSSODescriptor></md:EntityDescriptor>"#;
        assert_eq!(entity_id(metadata), Some("https://idp.example.com/x"));
        assert_eq!(signing_certificates(metadata), BTreeSet::from([sha256_hex(b"foobar"), sha256_hex(b"fo")]));
        for odd in
            ["", "<EntityDescriptor", "<EntityDescriptor entityID=x>", "KeyDescriptor>X509Certificate>", "KeyDescriptor>X509Certificate>!<"]
        {
            assert_eq!((entity_id(odd), signing_certificates(odd).len()), (None, 0), "{odd}");
        }
    }
}
