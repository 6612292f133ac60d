//! `--fetch-keys`: the public keys that are missing are asked of CloudTrail, and kept for later runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use trailsift::Error;
use trailsift::case::KeySource;
use trailsift::digest::MissingKey;
use trailsift::source::s3::{KeyQuestion, S3};
use trailsift::time::EventTime;

use super::args::{AwsArgs, TrustArgs};
use super::input;
use super::messages::Messages;
use super::output::{check_target, write_file};
use super::text::{count, number};

/// Who is asked for keys that are missing, where the user wants that.
#[derive(Debug, Default)]
pub(crate) struct Keys(Option<Arc<Asker>>);

impl Keys {
    /// Who asks; `case` is the folder of the case, if there will be one.
    ///
    /// # Errors
    /// Where the file of the keys cannot be written.
    pub(crate) fn wanted(args: &TrustArgs, aws: &AwsArgs, now: EventTime, case: Option<&Path>, force: bool) -> Result<Self, Error> {
        let Some(file) = &args.fetch_keys else { return Ok(Self::default()) };
        let is_in_case = file.is_none() && case.is_some();
        let path = match (file, case) {
            (Some(file), _) => file.clone(),
            (None, Some(case)) => case.join(IN_CASE),
            (None, None) => PathBuf::from(format!("trailsift-keys-{}.json", now.to_string().replace(['-', ':'], ""))),
        };
        if !is_in_case {
            check_target(&path, force)?;
        }
        Ok(Self(Some(Arc::new(Asker { aws: aws.clone(), now, path, is_in_case, got: Mutex::default() }))))
    }

    /// What verification asks.
    pub(crate) fn source(&self) -> Option<Arc<dyn KeySource>> {
        self.0.clone().map(|asker| -> Arc<dyn KeySource> { asker })
    }

    /// Says what came of it, once nothing is drawn any more.
    pub(crate) fn say(&self, messages: Messages) {
        if let Some(asker) = &self.0 {
            asker.got().sentences.iter().for_each(|sentence| messages.say(sentence));
        }
    }

    /// The name and text of the file that the case is to have.
    pub(crate) fn case_file(&self) -> Option<(&'static str, String)> {
        let asker = self.0.as_ref().filter(|asker| asker.is_in_case)?;
        Some((IN_CASE, asker.got().text.clone()?))
    }
}

#[derive(Debug)]
struct Asker {
    aws: AwsArgs,
    now: EventTime,
    /// The file in which the keys are kept.
    path: PathBuf,
    /// Whether it is a file of the case, which is written with the case.
    is_in_case: bool,
    got: Mutex<Got>,
}

/// What came of asking.
#[derive(Debug, Default)]
struct Got {
    text: Option<String>,
    sentences: Vec<String>,
}

impl Asker {
    fn got(&self) -> MutexGuard<'_, Got> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl KeySource for Asker {
    fn key_file(&self, missing: &[MissingKey]) -> Result<(String, String), Error> {
        let question = |key: &MissingKey| KeyQuestion {
            region: key.region.to_string(),
            from: key.from,
            // A backfill digest is signed when it is made, which may be long after its time.
            to: key.to.plus_seconds(KEY_SLACK).unwrap_or(key.to).max(self.now),
        };
        let questions: Vec<KeyQuestion> = missing.iter().map(question).collect();
        let answer = S3::new(input::settings(&self.aws))?.public_keys(&questions);
        let failures: Vec<String> = answer.failures.iter().map(|(region, why)| format!("{region}: {why}")).collect();
        let Some(text) = answer.file else {
            let (target, cause) = ("public keys from CloudTrail".to_owned(), io::Error::other(failures.join("; ")));
            return Err(Error::Io { act: "fetch", target, cause });
        };
        if !self.is_in_case {
            write_file(&self.path, |out| out.write_all(text.as_bytes()))?;
        }
        let name = self.path.display().to_string();
        let mut got = self.got();
        got.sentences = failures.iter().map(|failure| format!("keys     none of {failure}")).collect();
        got.sentences.push(format!("keys     {} fetched into {name}; later runs take them with --keys", count(number(answer.keys), "key")));
        got.text = Some(text.clone());
        Ok((name, text))
    }
}

/// The file of the case that has them.
const IN_CASE: &str = "public-keys.json";
/// Seconds after a digest's end for which keys are asked, as AWS's own command does.
const KEY_SLACK: i64 = 2 * 3_600;
