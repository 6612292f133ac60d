//! [`S3::public_keys`]: asks `CloudTrail` for the keys that digests were signed with.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::S3;
use super::cloudtrail::{CloudTrail, Signer};
use super::failure::Failure;
use crate::time::EventTime;

/// Which keys are wanted: those of a region that were in use in a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyQuestion {
    /// The region whose digests were signed, as a digest has it: hostile until it is checked.
    pub region: String,
    /// From this time on.
    pub from: EventTime,
    /// Until this time.
    pub to: EventTime,
}

/// What `CloudTrail` answered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyAnswer {
    /// A key file, as `aws cloudtrail list-public-keys` prints it, with the keys of all regions; `None` where no region
    /// answered.
    pub file: Option<String>,
    /// How many keys are in it.
    pub keys: usize,
    /// The regions that did not answer, and why.
    pub failures: BTreeMap<String, String>,
}

impl S3 {
    /// Asks for all keys that the questions are about, a region at a time.
    ///
    /// Regions come out of digests that nothing has proven yet, so only those that have the form of a region are asked,
    /// and no more of them than AWS has. Times are asked as one span a region.
    ///
    /// # Source
    /// `CloudTrail` API Reference, `ListPublicKeys`.
    pub fn public_keys(&self, questions: &[KeyQuestion]) -> KeyAnswer {
        let (mut answer, mut asked, mut keys) = (KeyAnswer::default(), Vec::new(), BTreeMap::new());
        let signer = Signer::new(&self.config);
        for question in merge(questions) {
            let listed = if !is_region(&question.region) {
                Err(Failure::new("AWS has no region of that name"))
            } else if asked.len() == MOST_REGIONS {
                Err(Failure::new(format!("{MOST_REGIONS} regions were asked, and AWS has no more")))
            } else {
                signer.as_ref().map_err(Failure::clone).and_then(|signer| self.runtime.block_on(self.keys_of(signer, &question)))
            };
            match listed {
                Ok(listed) => {
                    keys.extend(listed);
                    asked.push(question);
                }
                Err(failure) => {
                    answer.failures.insert(question.region, failure.to_string());
                }
            }
        }
        answer.keys = keys.len();
        answer.file = (!asked.is_empty()).then(|| key_file(&asked, keys.into_values()));
        answer
    }

    /// The keys of one region, by what tells them apart.
    async fn keys_of(&self, signer: &Signer, question: &KeyQuestion) -> Result<BTreeMap<[String; 3], Value>, Failure> {
        let service = CloudTrail::new(&self.config, signer, &question.region, &self.settings.limits);
        let mut keys = BTreeMap::new();
        let mut token = None;
        for _ in 0..MOST_PAGES {
            let mut fields = json!({"StartTime": question.from.epoch(), "EndTime": question.to.epoch()});
            if let (Some(fields), Some(token)) = (fields.as_object_mut(), token.take()) {
                fields.insert("NextToken".to_owned(), token);
            }
            let mut page = service.list_public_keys(fields).await?;
            let Some(Value::Array(items)) = page.remove("PublicKeyList") else {
                return Err(Failure::new("the answer has no PublicKeyList"));
            };
            for item in items.iter().filter_map(Value::as_object) {
                let text = |name: &str| item.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                let key = [question.region.clone(), text("Fingerprint"), text("Value")];
                keys.insert(key, key_item(item, &question.region));
            }
            match page.remove("NextToken") {
                Some(Value::String(next)) if !next.is_empty() => token = Some(Value::String(next)),
                _ => return Ok(keys),
            }
        }
        Err(Failure::new(format!("more than {MOST_PAGES} pages of keys, which no region has")))
    }
}

/// One question a region, over all of its times.
fn merge(questions: &[KeyQuestion]) -> Vec<KeyQuestion> {
    let mut spans: BTreeMap<&str, (EventTime, EventTime)> = BTreeMap::new();
    for KeyQuestion { region, from, to } in questions {
        let span = spans.entry(region).or_insert((*from, *to));
        *span = (span.0.min(*from), span.1.max(*to));
    }
    spans.into_iter().map(|(region, (from, to))| KeyQuestion { region: region.to_owned(), from, to }).collect()
}

/// Whether a text has the form of a region's name, such as `us-gov-west-1`; the name of a server is made of it.
fn is_region(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return false };
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_number = !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= REGION_BYTES
        && (2..=4).contains(&first.len())
        && is_word(first)
        && !middle.is_empty()
        && middle.iter().all(is_word)
        && is_number
}

/// A key as the second version of the AWS CLI prints it, and of which region it is.
fn key_item(item: &Map<String, Value>, region: &str) -> Value {
    let time = |name: &str| {
        let value = item.get(name)?;
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        EventTime::parse(&text).map(|time| time.to_string())
    };
    json!({
        "Value": item.get("Value"),
        "ValidityStartTime": time("ValidityStartTime"),
        "ValidityEndTime": time("ValidityEndTime"),
        "Fingerprint": item.get("Fingerprint"),
        "Region": region,
    })
}

/// A key file that also says what was asked.
fn key_file(asked: &[KeyQuestion], keys: impl Iterator<Item = Value>) -> String {
    let question = |question: &KeyQuestion| json!({"Region": question.region, "StartTime": question.from.to_string(), "EndTime": question.to.to_string()});
    let file = json!({"PublicKeyList": keys.collect::<Vec<_>>(), "Asked": asked.iter().map(question).collect::<Vec<_>>()});
    format!("{file:#}\n")
}

/// Regions that are asked: AWS has some 40 in all partitions, and a partition's credentials open no other.
const MOST_REGIONS: usize = 64;
/// Pages of keys of one region: it makes a few keys a year.
const MOST_PAGES: usize = 100;
/// Letters of a region's name; the longest has 15.
const REGION_BYTES: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn question(region: &str, from: &str, to: &str) -> KeyQuestion {
        let time = |text: &str| EventTime::parse(text).unwrap();
        KeyQuestion { region: region.to_owned(), from: time(from), to: time(to) }
    }

    #[test]
    fn a_region_is_asked_once() {
        let merged = merge(&[
            question("us-east-1", "2026-03-02", "2026-03-03"),
            question("eu-west-1", "2026-03-01", "2026-03-02"),
            question("us-east-1", "2026-02-01", "2026-02-02"),
        ]);
        assert_eq!(merged, [question("eu-west-1", "2026-03-01", "2026-03-02"), question("us-east-1", "2026-02-01", "2026-03-03")]);
    }

    #[test]
    fn only_regions_become_names_of_servers() {
        for region in ["eu-west-1", "us-gov-west-1", "us-isob-east-1", "ap-southeast-10", "eusc-de-east-1"] {
            assert!(is_region(region), "{region}");
        }
        for region in [
            "",
            "eu",
            "eu-1",
            "evil.example/x-1",
            "eu-west-1.evil",
            "eu--1",
            "EU-west-1",
            "eu-west-",
            "eu-west-1#",
            "-a-1",
            &"a-".repeat(30),
        ] {
            assert!(!is_region(region), "{region}");
        }
    }

    #[test]
    fn the_file_is_one_that_is_read() {
        let item = json!({"Value": "AA==", "Fingerprint": "ff", "ValidityStartTime": 1_772_323_200.0, "ValidityEndTime": "2026-04-01T00:00:00+00:00"});
        let item = key_item(item.as_object().unwrap(), "eu-west-1");
        let text = key_file(&[question("eu-west-1", "2026-03-01", "2026-03-02")], [item].into_iter());
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["PublicKeyList"][0]["ValidityStartTime"], "2026-03-01T00:00:00Z");
        assert_eq!(value["PublicKeyList"][0]["ValidityEndTime"], "2026-04-01T00:00:00Z");
        assert_eq!(value["Asked"][0]["EndTime"], "2026-03-02T00:00:00Z");
    }
}
