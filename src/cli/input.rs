//! What was typed, made into a [`Scope`]; and the clock, which is read here and nowhere else.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use chrono::FixedOffset;
use trailsift::Error;
use trailsift::case::{Scope, Trust};
use trailsift::detect::{Accepted, Baseline};
use trailsift::digest::Limits;
use trailsift::frame::Filter;
use trailsift::ingest::Options;
pub(crate) use trailsift::report::text::window as window_text;
#[cfg(feature = "s3")]
use trailsift::source::s3::Settings;
use trailsift::source::{Source, read_within};
use trailsift::time::{EventTime, TimeRange, parse_bound};

use super::args::{AwsArgs, FilterArgs, RuleArgs, TrustArgs};

/// The time that the run calls now: `SOURCE_DATE_EPOCH` where it is set, else the clock's.
pub(crate) fn now() -> Result<EventTime, Error> {
    let time = match env::var("SOURCE_DATE_EPOCH") {
        Ok(text) if !text.is_empty() => {
            let seconds = text.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000_000));
            return seconds
                .and_then(EventTime::from_micros)
                .ok_or_else(|| Error::setting("SOURCE_DATE_EPOCH", format!("`{text}` is no number of seconds since 1970")));
        }
        _ => SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs(),
    };
    let time = i64::try_from(time).ok().and_then(|seconds| seconds.checked_mul(1_000_000)).and_then(EventTime::from_micros);
    time.ok_or_else(|| Error::setting("clock", "it shows a year that no calendar has"))
}

/// The sources, the filter and the threads of a run.
pub(crate) fn scope(sources: &[PathBuf], aws: &AwsArgs, filter: &FilterArgs, jobs: Option<u16>, now: EventTime) -> Result<Scope, Error> {
    let sources = sources.iter().map(|source| Source::parse(source)).collect::<Result<_, _>>()?;
    let range = window(filter, now)?;
    let filter = Filter { range, accounts: filter.account.clone(), regions: filter.region.clone() };
    let options = Options { jobs: jobs.map_or(0, usize::from), filter, ..Options::default() };
    Ok(reaching(Scope { sources, options, ..Scope::default() }, aws))
}

/// The scope, with the way to S3 that was asked for.
#[cfg(feature = "s3")]
fn reaching(scope: Scope, aws: &AwsArgs) -> Scope {
    Scope { s3: settings(aws), ..scope }
}

#[cfg(not(feature = "s3"))]
fn reaching(scope: Scope, _: &AwsArgs) -> Scope {
    scope
}

/// The way to S3 that was asked for.
#[cfg(feature = "s3")]
pub(crate) fn settings(aws: &AwsArgs) -> Settings {
    let AwsArgs { profile, endpoint_url, no_sign_request, request_payer } = aws.clone();
    Settings { profile, endpoint_url, no_sign_request, request_payer, ..Settings::default() }
}

/// The time that is asked about.
pub(crate) fn window(filter: &FilterArgs, now: EventTime) -> Result<TimeRange, Error> {
    let bound =
        |flag: &str, text: &Option<String>| text.as_ref().map(|text| parse_bound(text, now).ok_or_else(|| no_time(flag, text))).transpose();
    let (since, until) = (bound("--since", &filter.since)?, bound("--until", &filter.until)?);
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        return Err(Error::setting("--since", format!("{since} is not before --until {until}")));
    }
    Ok(TimeRange { since, until })
}

/// Reads what digests are held against. Where no flag says otherwise, files that buckets hold must lie where they were
/// delivered to.
pub(crate) fn trust(args: &TrustArgs, sources: &[Source]) -> Result<Trust, Error> {
    let limits = Limits::default();
    let mut trust = Trust {
        strict_location: args.strict_location || (!args.no_strict_location && sources.iter().all(Source::keeps_places)),
        expect_accounts: args.expect_account.clone(),
        expect_regions: args.expect_region.clone(),
        ..Trust::default()
    };
    for path in &args.keys {
        let bytes = read_file(path, limits.key_file_bytes)?;
        let refuse = |reason| Error::setting(format!("--keys {}", path.display()), reason);
        trust.keys.add_file(&path.display().to_string(), &bytes, &limits).map_err(refuse)?;
    }
    if let Some(path) = &args.signatures {
        let bytes = read_file(path, limits.manifest_bytes)?;
        let refuse = |reason| Error::setting(format!("--signatures {}", path.display()), reason);
        trust.carriers.add_manifest(&bytes, &limits).map_err(refuse)?;
    }
    Ok(trust)
}

/// The bytes of a file, and one more than `limit` where it has more.
pub(crate) fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    let bytes = fs::File::open(path).and_then(|file| read_within(file, limit));
    bytes.map_err(|cause| Error::io("read", path, cause))
}

/// Reads the file of accepted things, if there is one.
pub(crate) fn accepted(rules: &RuleArgs) -> Result<Accepted, Error> {
    let Some(path) = &rules.accept else { return Ok(Accepted::default()) };
    let text = fs::read_to_string(path).map_err(|cause| Error::io("read", path, cause))?;
    Accepted::parse(&text, &path.display().to_string())
}

/// The time before the period that is asked about.
pub(crate) fn baseline(rules: &RuleArgs, now: EventTime) -> Result<Baseline, Error> {
    let until = |text: &String| parse_bound(text, now).ok_or_else(|| no_time("--baseline-until", text));
    let until = rules.baseline_until.as_ref().map(until).transpose()?;
    let seen = rules.baseline_case.as_deref().map(Baseline::read_case).transpose()?;
    Ok(Baseline { until, seen })
}

pub(crate) fn no_time(flag: &str, text: &str) -> Error {
    Error::setting(flag, format!("`{text}` is no time: write 2026-03-01T00:00:00Z, 2026-03-01, or a span back from now such as 7d or 36h"))
}

/// Reads an account id.
pub(crate) fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("an account id has 12 digits, zeros in front included".to_owned())
}

/// Reads an offset from UTC: `UTC`, `Z`, `+02:00`, `-0530`, `+02`.
pub(crate) fn offset(text: &str) -> Result<FixedOffset, String> {
    let wrong = || "give an offset from UTC such as +02:00, or UTC: names of zones are not known to this version".to_owned();
    if text.eq_ignore_ascii_case("utc") || text.eq_ignore_ascii_case("z") {
        return FixedOffset::east_opt(0).ok_or_else(wrong);
    }
    let (sign, digits) = match text.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        _ => return Err(wrong()),
    };
    let (hours, minutes) = digits.split_once(':').or_else(|| digits.split_at_checked(2)).ok_or_else(wrong)?;
    let number = |text: &str, most: i32| {
        let two = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i32>().ok().filter(|number| two && *number <= most)
    };
    let hours = number(hours, 23).ok_or_else(wrong)?;
    let minutes = if minutes.is_empty() { 0 } else { number(minutes, 59).ok_or_else(wrong)? };
    FixedOffset::east_opt(sign * (hours * 3_600 + minutes * 60)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(since: &str, until: &str) -> FilterArgs {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        FilterArgs { since: given(since), until: given(until), account: Vec::new(), region: Vec::new() }
    }

    fn resolved(since: &str, until: &str) -> Result<Option<String>, String> {
        let now = EventTime::parse("2026-03-08T12:00:00Z").expect("a time");
        window(&filter(since, until), now).map(|range| window_text(&range)).map_err(|error| error.to_string())
    }

    #[test]
    fn bounds_become_a_half_open_window() {
        assert_eq!(resolved("", ""), Ok(None));
        assert_eq!(
            resolved("7d", "2026-03-08").ok().flatten().as_deref(),
            Some("2026-03-01T12:00:00Z (included) to 2026-03-08T00:00:00Z (not included)")
        );
        insta::assert_snapshot!(resolved("2026-03-08", "2026-03-01").unwrap_err(), @"--since: 2026-03-08T00:00:00Z is not before --until 2026-03-01T00:00:00Z");
        insta::assert_snapshot!(resolved("yesterday", "").unwrap_err(), @"--since: `yesterday` is no time: write 2026-03-01T00:00:00Z, 2026-03-01, or a span back from now such as 7d or 36h");
    }

    #[test]
    fn offsets_but_no_names() {
        let seconds = |text: &str| offset(text).map(|offset| offset.local_minus_utc());
        assert_eq!(seconds("UTC"), Ok(0));
        assert_eq!(seconds("+02:00"), Ok(7_200));
        assert_eq!(seconds("-0530"), Ok(-19_800));
        assert_eq!(seconds("+02"), Ok(7_200));
        for text in ["Europe/Berlin", "CET", "+2", "+24:00", "02:00", "", "+é1", "+02:60", "+-1:00"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
