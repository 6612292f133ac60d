//! The HTML report: one file that opens without a network and without script.
//!
//! The page's own policy lets nothing run and nothing load but the style sheet and the script that stand in it, which
//! it names by their hashes. There is no style attribute and no handler in the markup, so that what a log holds
//! would do nothing even if it got past the escaping.

use std::fmt;

use askama::Template;
use askama::filters::HtmlSafe;
use aws_lc_rs::digest::{SHA256, digest};

use super::buckets::Chart;
use super::model::{Cell, Raw, Report};
use crate::detect::Severity;
use crate::error::Error;

/// The style sheet.
const STYLE: Asset = Asset(include_str!("assets/report.css"));
/// The script: sorting, the filter by severity, and the theme.
const SCRIPT: Asset = Asset(include_str!("assets/report.js"));

/// The page.
///
/// # Errors
/// [`Error::Setting`] where the template cannot be filled, which its tests prevent.
pub fn page(report: &Report) -> Result<String, Error> {
    let page = Page { report, chart: Chart::new(&report.activity), style: STYLE, script: SCRIPT, policy: policy() };
    page.render().map_err(|error| Error::setting("report", error.to_string()))
}

#[derive(Debug, Template)]
#[template(path = "report.html", whitespace = "minimize")]
struct Page<'r> {
    report: &'r Report,
    chart: Chart,
    style: Asset,
    script: Asset,
    policy: String,
}

impl Page<'_> {
    /// What rows are sorted by: the place of a severity among all, the least one first.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the template passes references")]
    fn rank(severity: &Severity) -> usize {
        Severity::ALL.iter().position(|known| known == severity).unwrap_or_default()
    }
}

/// The content security policy: nothing, but for the two texts with these hashes.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        STYLE.hash(),
        SCRIPT.hash()
    )
}

/// A text of our own that stands in the page as it is.
#[derive(Debug, Clone, Copy)]
struct Asset(&'static str);

impl Asset {
    /// Its SHA-256 as policies spell it.
    fn hash(self) -> String {
        base64(digest(&SHA256, self.0.as_bytes()).as_ref())
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl HtmlSafe for Asset {}

/// Base64 with padding (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let bits = (0..3).fold(0_usize, |bits, place| (bits << 8) | usize::from(part.get(place).copied().unwrap_or_default()));
        for place in 0..4 {
            let letter = LETTERS.get((bits >> (18 - 6 * place)) & 63).copied().unwrap_or_default();
            text.push(if place > part.len() { '=' } else { char::from(letter) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_the_rfc() {
        let all = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(all, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }

    #[test]
    fn our_own_texts_end_where_they_should() {
        for asset in [STYLE, SCRIPT] {
            assert!(!asset.0.contains("</") && !asset.0.contains("<!--") && !asset.0.contains('\r'), "would end its element early");
        }
    }

    /// Contrast of two colours `#rrggbb`, as WCAG 2.2 defines it.
    fn contrast(one: &str, other: &str) -> f64 {
        let light = |color: &str| {
            let part = |at: usize| {
                let part = f64::from(u8::from_str_radix(color.get(at..at + 2).expect("two digits"), 16).expect("hex")) / 255.0;
                if part <= 0.040_45 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5) + 0.05
        };
        let (one, other) = (light(one), light(other));
        one.max(other) / one.min(other)
    }

    #[test]
    fn every_text_can_be_told_from_its_ground_in_both_themes() {
        let color = |name: &str| {
            let value = STYLE.0.split(&format!("--{name}: light-dark(")).nth(1).unwrap_or_else(|| panic!("--{name}"));
            let value = value.split(')').next().expect("a bracket");
            let (light, dark) = value.split_once(", ").expect("two colours");
            [light.to_owned(), dark.to_owned()]
        };
        let grounds = ["ground", "panel", "code"];
        let texts = ["text", "muted", "link", "critical", "high", "medium", "low", "info", "calm"];
        for text in texts {
            for ground in grounds {
                for (text_color, ground_color) in color(text).iter().zip(color(ground)) {
                    let seen = contrast(text_color, &ground_color);
                    assert!(seen >= 4.5, "{text} on {ground}: {seen:.2}");
                }
            }
        }
        for (text_color, ground_color) in color("on-critical").iter().zip(color("critical")) {
            assert!(contrast(text_color, &ground_color) >= 4.5, "the badge of critical findings");
        }
    }
}
