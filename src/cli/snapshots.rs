//! What identities are compared with: snapshots, credential reports and approved changes, out of files.
//!
//! All of it is read before the logs are, so that a bad file costs no time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use trailsift::Error;
use trailsift::iam::drift::{ApprovedChange, Setup, read_approvals};
use trailsift::iam::snapshot::{MAX_BYTES, Reading, Snapshot};
use trailsift::source::sha256_hex;
use trailsift::time::{EventTime, parse_bound};

use super::args::CompareArgs;
use super::input::{no_time, read_file};

/// A file that identities were compared with, for the manifest of the case.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ComparedFile {
    /// The flag that names it.
    flag: &'static str,
    file: String,
    sha256: String,
    bytes: usize,
}

/// Reads all files that the flags name.
///
/// # Errors
/// [`Error::Io`] where one cannot be read, [`Error::Setting`] where one is not what it should be.
pub(crate) fn setup(args: &CompareArgs, now: EventTime) -> Result<(Setup, Vec<ComparedFile>), Error> {
    let mut files = Vec::new();
    let mut reports = BTreeMap::new();
    for path in &args.credential_report {
        let text = text(REPORT, path, &mut files)?;
        let account = account_of_report(&text).ok_or_else(|| refuse(REPORT, path, "no row of it has an ARN that tells the account"))?;
        if reports.insert(account.clone(), text).is_some() {
            return Err(refuse(REPORT, path, format!("there are two of account {account}")));
        }
    }
    let at = |text: &String| parse_bound(text, now).ok_or_else(|| no_time("--at", text));
    let baselines = snapshots(BASELINE, &args.baseline, args.partial_snapshot, reports, &mut files)?;
    let setup = Setup {
        baselines,
        later: snapshots(AFTER, &args.after, args.partial_snapshot, BTreeMap::new(), &mut files)?,
        t0: args.at.as_ref().map(at).transpose()?,
        trusted_accounts: args.trusted_accounts.iter().cloned().collect(),
        approved: args.approved.as_deref().map(|path| approvals(path, &mut files)).transpose()?.unwrap_or_default(),
        ..Setup::default()
    };
    Ok((setup, files))
}

fn approvals(path: &Path, files: &mut Vec<ComparedFile>) -> Result<Vec<ApprovedChange>, Error> {
    let text = text(APPROVED, path, files)?;
    read_approvals(&text).map_err(|error| refuse(APPROVED, path, cause(&error.to_string())))
}

/// The pages of one account, each file as the list of its own.
#[derive(Debug, Default)]
struct Pages {
    names: Vec<String>,
    /// Of files that say that more follows.
    first: Vec<Value>,
    /// Of those that do not.
    last: Vec<Value>,
    whole: usize,
}

/// One snapshot an account, out of one file or several with its pages, with the credential report of that account.
fn snapshots(
    flag: &'static str,
    paths: &[PathBuf],
    is_partial: bool,
    mut reports: BTreeMap<String, String>,
    files: &mut Vec<ComparedFile>,
) -> Result<Vec<Snapshot>, Error> {
    let mut accounts: BTreeMap<String, Pages> = BTreeMap::new();
    let mut before = String::new();
    for path in paths {
        let text = text(flag, path, files)?;
        let json: Value = serde_json::from_str(&text).map_err(|error| refuse(flag, path, format!("it is no JSON: {error}")))?;
        let list = match json {
            Value::Array(list) => list,
            page => vec![page],
        };
        // A page of nothing but AWS's own policies does not tell whose it is: that of the file before.
        let account = list.iter().find_map(account_of_page).unwrap_or(before);
        let pages = accounts.entry(account.clone()).or_default();
        before = account;
        pages.names.push(path.display().to_string());
        if list.last().is_some_and(has_more) {
            pages.first.extend(list);
        } else {
            pages.last.extend(list);
            pages.whole += 1;
        }
        if pages.whole > 1 && !is_partial {
            let reason =
                format!("{} are two whole snapshots of account {before}: give the later one as {AFTER}", pages.names.join(" and "));
            return Err(Error::setting(flag, reason));
        }
    }
    let mut snapshots = Vec::new();
    for (account, pages) in accounts {
        let names = pages.names.join(", ");
        let mut list: Vec<Value> = pages.first.into_iter().chain(pages.last).collect();
        if let Some(report) = reports.remove(&account) {
            // Members of the last page count for all.
            if let Some(Value::Object(page)) = list.last_mut() {
                page.insert(CREDENTIAL_REPORT.to_owned(), report.into());
            }
        }
        snapshots.push(read(flag, &names, &Value::Array(list), is_partial)?);
    }
    for (account, report) in reports {
        let taken = newest(&report).map(|time| time.to_string());
        let alone = json!([{"AccountId": account, "SnapshotTime": taken, CREDENTIAL_REPORT: report}]);
        snapshots.push(read(REPORT, &format!("credential report of {account}"), &alone, is_partial)?);
    }
    Ok(snapshots)
}

fn read(flag: &str, names: &str, pages: &Value, is_partial: bool) -> Result<Snapshot, Error> {
    let reading = Reading { taken: None, is_partial };
    let read = Snapshot::read(names, &pages.to_string(), &reading);
    read.map_err(|error| Error::setting(format!("{flag} {names}"), cause(&error.to_string())))
}

/// The account that a page says, or whose ARNs are in it.
fn account_of_page(page: &Value) -> Option<String> {
    let page = page.as_object()?;
    let in_list = |name: &&str| {
        let mut entries = page.get(*name)?.as_array()?.iter();
        entries.find_map(|entry| account_of_arn(entry.get("Arn")?.as_str()?))
    };
    let said = page.get("AccountId").and_then(Value::as_str).map(str::to_owned);
    said.or_else(|| ["UserDetailList", "GroupDetailList", "RoleDetailList", "Policies"].iter().find_map(in_list))
}

fn account_of_report(report: &str) -> Option<String> {
    report.split([',', '\n', '"']).find_map(account_of_arn)
}

fn account_of_arn(arn: &str) -> Option<String> {
    let mut parts = arn.strip_prefix("arn:")?.split(':');
    let account = parts.nth(3)?;
    (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then(|| account.to_owned())
}

/// A report has no time of its own; it was made after all that it tells.
fn newest(report: &str) -> Option<EventTime> {
    let cells = report
        .split([',', '\n', '"'])
        .map(str::trim)
        .filter(|cell| cell.contains('T') && cell.starts_with(|letter: char| letter.is_ascii_digit()));
    cells.filter_map(EventTime::parse).max()
}

fn has_more(page: &Value) -> bool {
    let is_set = |name: &str| page.get(name).is_some_and(|value| *value == true || value.as_str().is_some_and(|text| !text.is_empty()));
    ["IsTruncated", "Marker", "NextToken"].iter().any(|name| is_set(name))
}

/// The text of a file, which is noted for the manifest.
fn text(flag: &'static str, path: &Path, files: &mut Vec<ComparedFile>) -> Result<String, Error> {
    let bytes = read_file(path, MAX_BYTES)?;
    if bytes.len() > MAX_BYTES {
        return Err(refuse(flag, path, format!("it has more than {MAX_BYTES} bytes")));
    }
    files.push(ComparedFile { flag, file: path.display().to_string(), sha256: sha256_hex(&bytes), bytes: bytes.len() });
    let text = String::from_utf8(bytes).map_err(|_| refuse(flag, path, "it is not UTF-8"))?;
    // Some editors begin a file with a mark.
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

fn refuse(flag: &str, path: &Path, reason: impl Into<String>) -> Error {
    Error::setting(format!("{flag} {}", path.display()), reason)
}

/// The reason without the word for what the file should be, which the flag says.
fn cause(reason: &str) -> &str {
    reason.split_once(": ").map_or(reason, |(_, cause)| cause)
}

const BASELINE: &str = "--baseline";
const AFTER: &str = "--after";
const REPORT: &str = "--credential-report";
const APPROVED: &str = "--approved";
/// The member of a snapshot that holds the report.
const CREDENTIAL_REPORT: &str = "CredentialReport";
