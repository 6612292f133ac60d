//! [`Accepted`]: what the user knows and has answered for, so that a finding about
//! it is listed apart and not as news.
//!
//! A file of accepted things is TOML, a table `[[accept]]` an entry: one thing, the
//! rules that it holds for, a reason, and the last day. An entry says nothing about
//! rules that it does not name, so that an accepted office network does not hide a
//! login as root from it.

use std::collections::{BTreeMap, HashMap};

use polars::prelude::{BooleanChunked, DataFrame};
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::catalog::AcceptedLists;
use super::fields::{Extractor, FieldPath};
use super::finding::{Detections, Finding, Suppressed};
use super::predicate::network_range;
use crate::error::Error;
use crate::frame::{ByPlace, EventFrame};
use crate::schema::Column;
use crate::time::EventTime;

/// The entries of a file of accepted things.
///
/// A finding is accepted where one entry names its rule and covers all of its
/// events, each of them before the entry's end. What cannot be compared (an event
/// without an address, or without a time) is not covered.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Accepted {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    thing: Thing,
    /// Ids, or beginnings of ids before a `*`.
    rules: Vec<String>,
    reason: String,
    /// The last day as it is written, and the first moment after it.
    last_day: String,
    end: EventTime,
}

/// What is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Thing {
    Principal(String),
    BreakGlass(String),
    Iac(String),
    /// The text, and the first and last address as `source_ip_hex` spells them.
    Network(String, String, String),
    Account(String),
    IdentityProvider(String),
    Region(String),
}

impl Thing {
    const fn words(&self) -> (&'static str, &String) {
        match self {
            Self::Principal(text) => ("principal", text),
            Self::BreakGlass(text) => ("break_glass", text),
            Self::Iac(text) => ("iac", text),
            Self::Network(text, ..) => ("network", text),
            Self::Account(text) => ("account", text),
            Self::IdentityProvider(text) => ("identity_provider", text),
            Self::Region(text) => ("region", text),
        }
    }

    fn covers(&self, event: &Facts) -> bool {
        let is = |value: &Option<String>, text: &str| value.as_ref().is_some_and(|value| matches(text, value));
        match self {
            Self::Principal(text) | Self::BreakGlass(text) | Self::Iac(text) => is(&event.principal, text),
            Self::Network(_, first, last) => event.address.as_ref().is_some_and(|address| first <= address && address <= last),
            Self::Account(text) => is(&event.account, text),
            Self::IdentityProvider(text) => is(&event.identity_provider, text),
            Self::Region(text) => is(&event.region, text),
        }
    }
}

/// Whether the value is the text, or begins with what stands before the text's `*`.
fn matches(text: &str, value: &str) -> bool {
    text.strip_suffix('*').map_or_else(|| text == value, |start| value.starts_with(start))
}

/// What entries look at in an event.
#[derive(Debug, Clone, Default)]
struct Facts {
    time: Option<EventTime>,
    principal: Option<String>,
    address: Option<String>,
    account: Option<String>,
    region: Option<String>,
    identity_provider: Option<String>,
}

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AcceptFile {
    #[serde(default)]
    accept: Vec<Spanned<RawEntry>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    principal: Option<String>,
    break_glass: Option<String>,
    iac: Option<String>,
    network: Option<String>,
    account: Option<String>,
    identity_provider: Option<String>,
    region: Option<String>,
    rules: Option<Vec<String>>,
    reason: String,
    expires: Datetime,
}

impl Accepted {
    /// Reads the text of a file of accepted things; `place` is its name for messages.
    ///
    /// # Errors
    /// [`Error::Setting`] with the line, where the text is not TOML or an entry is not whole.
    pub fn parse(text: &str, place: &str) -> Result<Self, Error> {
        let line = |at: usize| text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        let file: AcceptFile = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            refused(place, line(at), error.message().lines().next().unwrap_or_default())
        })?;
        let mut entries = Vec::new();
        for raw in file.accept {
            let at = line(raw.span().start);
            entries.push(entry(raw.into_inner()).map_err(|reason| refused(place, at, &reason))?);
        }
        Ok(Self { entries })
    }

    /// The accounts that count as the user's own where trust is judged.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().filter_map(|entry| if let Thing::Account(id) = &entry.thing { Some(id.as_str()) } else { None })
    }

    /// The lists by which rules can name what is accepted.
    pub fn lists(&self) -> AcceptedLists {
        let mut lists = AcceptedLists::default();
        for entry in &self.entries {
            match &entry.thing {
                Thing::Iac(arn) => lists.iac.push(arn.clone()),
                Thing::Network(text, ..) => lists.networks.push(text.clone()),
                Thing::Account(id) => lists.accounts.push(id.clone()),
                _ => {}
            }
        }
        lists
    }

    /// Moves the findings that are accepted from `findings` to `suppressed`.
    ///
    /// # Errors
    /// What the table engine says.
    pub fn apply(&self, detections: &mut Detections, events: &EventFrame) -> Result<(), Error> {
        let concerned = |(_, finding): &(usize, &Finding)| self.entries.iter().any(|entry| entry.names(&finding.rule_id));
        let wanted = Finding::by_place(detections.findings.iter().enumerate().filter(concerned));
        if wanted.is_empty() {
            return Ok(());
        }
        let facts = facts(events, &wanted)?;
        let mut kept = Vec::with_capacity(detections.findings.len());
        for (number, finding) in std::mem::take(&mut detections.findings).into_iter().enumerate() {
            let facts = facts.get(&number).map(Vec::as_slice).unwrap_or_default();
            let Some(entry) = self.entries.iter().find(|entry| entry.accepts(&finding, facts)) else {
                kept.push(finding);
                continue;
            };
            if let Some(status) = detections.rules.iter_mut().find(|status| status.id == *finding.rule_id) {
                status.findings = status.findings.saturating_sub(1);
            }
            detections.suppressed.push(Suppressed { finding, accepted_by: entry.to_string() });
        }
        detections.findings = kept;
        Ok(())
    }
}

impl Entry {
    fn names(&self, rule_id: &str) -> bool {
        self.rules.iter().any(|rule| matches(rule, rule_id))
    }

    /// Whether it covers all of a finding; `facts` are those of its events, as far as they were found.
    fn accepts(&self, finding: &Finding, facts: &[Facts]) -> bool {
        let covers = |event: &Facts| event.time.is_some_and(|time| time < self.end) && self.thing.covers(event);
        let all_known = !facts.is_empty() && facts.len() == finding.evidence.len();
        self.names(&finding.rule_id) && all_known && facts.iter().all(covers)
    }
}

impl std::fmt::Display for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (word, text) = self.thing.words();
        write!(f, "{word} {text}: {} (until {})", self.reason, self.last_day)
    }
}

fn entry(raw: RawEntry) -> Result<Entry, String> {
    let mut things = Vec::new();
    let arn = |text: Option<String>, make: fn(String) -> Thing| text.map(|text| Ok::<_, String>(make(text)));
    things.extend(arn(raw.principal, Thing::Principal));
    things.extend(arn(raw.break_glass, Thing::BreakGlass));
    things.extend(arn(raw.iac, Thing::Iac));
    things.extend(arn(raw.identity_provider, Thing::IdentityProvider));
    things.extend(arn(raw.region, Thing::Region));
    things.extend(raw.network.map(|text| {
        let (first, last) = network_range(&text)?;
        Ok(Thing::Network(text, format!("{first:032x}"), format!("{last:032x}")))
    }));
    things.extend(raw.account.map(|id| {
        let is_id = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
        if is_id { Ok(Thing::Account(id)) } else { Err(format!("account `{id}`: an account id has 12 digits")) }
    }));
    let mut things = things.into_iter();
    let (Some(thing), None) = (things.next(), things.next()) else {
        return Err("an entry names one thing: principal, break_glass, iac, network, account, identity_provider or region".to_owned());
    };
    let thing = thing?;
    let (word, text) = thing.words();
    if text.trim_matches('*').is_empty() {
        return Err(format!("`{word}` is empty, which would accept everything: write what is meant"));
    }
    if matches!(thing, Thing::Iac(_)) && text.contains('*') {
        return Err("`iac` names one principal whole, as rules compare it exactly".to_owned());
    }
    // An account is trusted, and a pipeline told apart, also where no finding is to be suppressed.
    let rules = match (raw.rules, &thing) {
        (Some(rules), _) => rules,
        (None, Thing::Account(_) | Thing::Iac(_)) => Vec::new(),
        (None, _) => {
            return Err(format!("an entry with `{word}` needs `rules`: the ids that it holds for, such as [\"MFA-001\", \"IAM-*\"]"));
        }
    };
    if raw.reason.trim().is_empty() {
        return Err("`reason` is empty: write who accepted this, and why".to_owned());
    }
    let last_day = raw.expires.to_string();
    let end = match (raw.expires.date, raw.expires.time) {
        (Some(_), None) => EventTime::parse(&last_day).and_then(|start| EventTime::from_micros(start.micros() + DAY_MICROS)),
        (Some(_), Some(_)) => EventTime::parse(&last_day),
        _ => None,
    };
    let end = end.ok_or_else(|| format!("`expires = {last_day}` is no day: write 2026-12-31"))?;
    Ok(Entry { thing, rules, reason: raw.reason.trim().to_owned(), last_day, end })
}

const DAY_MICROS: i64 = 86_400 * 1_000_000;

fn refused(place: &str, line: usize, reason: &str) -> Error {
    Error::setting(format!("--accept {place}:{line}"), reason)
}

/// What entries look at in the events of each finding, by its number.
fn facts(events: &EventFrame, findings: &ByPlace<'_, Vec<usize>>) -> Result<HashMap<usize, Vec<Facts>>, Error> {
    let saml = FieldPath::parse("additionalEventData.SamlProviderArn").map_err(Error::Query)?;
    let extractor = Extractor::new([(SAML_PROVIDER, &saml)]);
    let in_batch = |_, batch: &DataFrame| {
        let numbers = findings.of_rows(batch)?;
        let mask: BooleanChunked = numbers.iter().map(|numbers| Some(numbers.is_some())).collect();
        if !mask.any() {
            return Ok(Vec::new());
        }
        let mut rows = batch.filter(&mask)?;
        let all = BTreeMap::from([(Column::AdditionalEventData, vec![true; rows.height()])]);
        extractor.extract(&mut rows, &all)?;
        let of_each = |(numbers, facts): (&Vec<usize>, Facts)| numbers.iter().map(|number| (*number, facts.clone())).collect::<Vec<_>>();
        Ok(numbers.into_iter().flatten().zip(read(&rows)?).flat_map(of_each).collect())
    };
    let add = |all: &mut HashMap<usize, Vec<Facts>>, part: Vec<(usize, Facts)>| {
        for (number, facts) in part {
            all.entry(number).or_default().push(facts);
        }
    };
    events.fold(&LOOKED_AT, HashMap::new(), in_batch, add)
}

const SAML_PROVIDER: &str = "saml provider";

const LOOKED_AT: [Column; 9] = [
    Column::Object,
    Column::RecordIndex,
    Column::EventTime,
    Column::Principal,
    Column::SourceIpHex,
    Column::UserAccountId,
    Column::AwsRegion,
    Column::UserIdentityProvider,
    Column::AdditionalEventData,
];

/// The facts of each row.
fn read(rows: &DataFrame) -> Result<Vec<Facts>, Error> {
    let text = |name: &str| Ok::<_, Error>(rows.column(name)?.str()?);
    let (principal, address) = (text(Column::Principal.name())?, text(Column::SourceIpHex.name())?);
    let (account, region) = (text(Column::UserAccountId.name())?, text(Column::AwsRegion.name())?);
    let provider = text(Column::UserIdentityProvider.name())?;
    let saml = rows.column(SAML_PROVIDER).ok().map(|saml| saml.str()).transpose()?;
    let time = rows.column(Column::EventTime.name())?.datetime()?.physical();
    let facts = |row: usize| Facts {
        time: time.get(row).and_then(EventTime::from_micros),
        principal: principal.get(row).map(str::to_owned),
        address: address.get(row).map(str::to_owned),
        account: account.get(row).map(str::to_owned),
        region: region.get(row).map(str::to_owned),
        identity_provider: saml.and_then(|saml| saml.get(row)).or_else(|| provider.get(row)).map(str::to_owned),
    };
    Ok((0..rows.height()).map(facts).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(entry: &str) -> String {
        Accepted::parse(&format!("# known\n[[accept]]\n{entry}"), "known.toml").expect_err("refused").to_string()
    }

    #[test]
    fn an_entry_is_whole_or_refused() {
        let file = "[[accept]]\nprincipal = \"arn:aws:iam::111122223333:role/ci-*\"\nrules = [\"IAM-*\"]\nreason = \"releases\"\nexpires = 2026-12-31\n";
        let accepted = Accepted::parse(file, "known.toml").expect("whole");
        assert_eq!(
            accepted.entries.first().map(ToString::to_string).as_deref(),
            Some("principal arn:aws:iam::111122223333:role/ci-*: releases (until 2026-12-31)")
        );
        assert_eq!(accepted.entries.first().map(|entry| entry.end.to_string()).as_deref(), Some("2027-01-01T00:00:00Z"));
        assert_eq!(Accepted::parse("", "known.toml").expect("nothing is accepted"), Accepted::default());
        insta::assert_snapshot!(refusal("region = \"eu-west-1\"\nreason = \"x\"\nexpires = 2026-12-31"), @r#"--accept known.toml:2: an entry with `region` needs `rules`: the ids that it holds for, such as ["MFA-001", "IAM-*"]"#);
        insta::assert_snapshot!(refusal("region = \"eu-west-1\"\nrules = []\nreason = \" \"\nexpires = 2026-12-31"), @"--accept known.toml:2: `reason` is empty: write who accepted this, and why");
        insta::assert_snapshot!(refusal("region = \"eu-west-1\"\nrules = []\nreason = \"x\""), @"--accept known.toml:2: missing field `expires`");
        insta::assert_snapshot!(refusal("region = \"eu-west-1\"\naccount = \"1\"\nrules = []\nreason = \"x\"\nexpires = 2026-12-31"), @"--accept known.toml:2: an entry names one thing: principal, break_glass, iac, network, account, identity_provider or region");
        insta::assert_snapshot!(refusal("account = \"1\"\nreason = \"x\"\nexpires = 2026-12-31"), @"--accept known.toml:2: account `1`: an account id has 12 digits");
        insta::assert_snapshot!(refusal("network = \"198.51.100.1/24\"\nrules = []\nreason = \"x\"\nexpires = 2026-12-31"), @"--accept known.toml:2: `198.51.100.1/24` has bits after its length: the network's first address is meant, or a longer length");
        insta::assert_snapshot!(refusal("principal = \"*\"\nrules = []\nreason = \"x\"\nexpires = 2026-12-31"), @"--accept known.toml:2: `principal` is empty, which would accept everything: write what is meant");
        insta::assert_snapshot!(refusal("principle = \"a\"\nrules = []\nreason = \"x\"\nexpires = 2026-12-31"), @"--accept known.toml:3: unknown field `principle`, expected one of `principal`, `break_glass`, `iac`, `network`, `account`, `identity_provider`, `region`, `rules`, `reason`, `expires`");
        insta::assert_snapshot!(refusal("region = \"a\"\nrules = []\nreason = \"x\"\nexpires = 12:00:00"), @"--accept known.toml:2: `expires = 12:00:00` is no day: write 2026-12-31");
    }
}
