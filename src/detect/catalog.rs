//! [`Catalog`]: the rules of a run: those built in, and the user's own.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};
use walkdir::WalkDir;

use super::finding::{RuleStatus, RunStatus};
use super::rule::Rule;
use super::rule_file::{BadRule, RuleFile, refused};
use crate::error::Error;
use crate::schema::nearest;
use crate::source::sha256_hex;

/// The rule files of the repository, as they were when the program was built.
static BUILTIN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/queries");

/// What `source` says of a built-in rule.
pub const BUILTIN_SOURCE: &str = "builtin";

/// Which rules to load, and with what parameters.
#[derive(Debug, Clone, Default)]
pub struct CatalogOptions {
    /// Rule files, or folders of them, besides the built-in rules.
    pub paths: Vec<PathBuf>,
    /// Leave the built-in rules out.
    pub no_builtin: bool,
    /// Run these rules only; empty for all.
    pub only: Vec<String>,
    /// Leave these rules out.
    pub exclude: Vec<String>,
    /// Values of parameters: `ID.NAME=VALUE`.
    pub set: Vec<String>,
    /// Go on without the rules that cannot be loaded.
    pub skip_bad_rules: bool,
    /// What the user has accepted, for rules to leave out.
    pub accepted: AcceptedLists,
}

/// The lists that every rule can name: `accepted_iac`, `accepted_networks` and `accepted_accounts`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AcceptedLists {
    /// Principals that deploy infrastructure from code.
    pub iac: Vec<String>,
    /// Networks: an address, or an address and a length.
    pub networks: Vec<String>,
    /// Account ids.
    pub accounts: Vec<String>,
}

impl AcceptedLists {
    /// The lists by their names in rules.
    fn by_name(&self) -> BTreeMap<String, Vec<String>> {
        let lists = [("accepted_iac", &self.iac), ("accepted_networks", &self.networks), ("accepted_accounts", &self.accounts)];
        lists.into_iter().map(|(name, items)| (name.to_owned(), items.clone())).collect()
    }
}

/// The rules of a run, by id, and those that do not take part.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    rules: Vec<Rule>,
    left_out: Vec<RuleStatus>,
}

/// What became of one rule file that was looked at on its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckedRule {
    /// The file.
    pub place: String,
    /// The rule's id, if it could be read.
    pub id: Option<String>,
    /// [`RunStatus::Run`] where it loads without doubt.
    pub status: RunStatus,
    /// Why it does not.
    pub reason: Option<String>,
}

impl Catalog {
    /// Loads rules.
    ///
    /// # Errors
    /// [`Error::Io`] on a path, [`Error::Rule`] on the first rule that cannot be
    /// loaded (but for `skip_bad_rules`), [`Error::Setting`] on an id or a
    /// parameter that is not there.
    pub fn load(options: &CatalogOptions) -> Result<Self, Error> {
        let mut texts = if options.no_builtin { Vec::new() } else { builtin_texts() };
        texts.extend(texts_of(&options.paths)?);
        Self::from_texts(&texts, options)
    }

    /// The built-in rules.
    ///
    /// # Errors
    /// None, unless the program was built with a bad rule, which its tests prevent.
    pub fn builtin() -> Result<Self, Error> {
        Self::load(&CatalogOptions::default())
    }

    /// Looks at rule files on their own, as `rules check` does: every file has a line in the answer.
    ///
    /// # Errors
    /// [`Error::Io`] on a path.
    pub fn check(paths: &[PathBuf]) -> Result<Vec<CheckedRule>, Error> {
        let texts = texts_of(paths)?;
        let (rules, bad) = compile_all(&texts, &CatalogOptions::default())?.compiled;
        let mut checked: Vec<_> = rules.into_iter().map(|rule| checked(&rule)).collect();
        checked.extend(bad.into_iter().map(|(place, BadRule { id, error })| CheckedRule {
            place,
            id,
            status: RunStatus::Skipped,
            reason: Some(error.to_string()),
        }));
        checked.sort_by(|left, right| left.place.cmp(&right.place));
        Ok(checked)
    }

    /// The rules that run, by id.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules that do not run, and why.
    pub fn left_out(&self) -> &[RuleStatus] {
        &self.left_out
    }

    /// The rule of that id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| *rule.id == *id)
    }

    /// SHA-256 over id and SHA-256 of each rule that runs, by id, with a tab between them and a line end behind.
    pub fn sha256(&self) -> String {
        let lines: Vec<String> = self.rules.iter().map(|rule| format!("{}\t{}\n", rule.id, rule.sha256)).collect();
        sha256_hex(lines.concat().as_bytes())
    }

    fn from_texts(texts: &[RuleText], options: &CatalogOptions) -> Result<Self, Error> {
        let Loaded { compiled: (rules, bad), ids } = compile_all(texts, options)?;
        for (flag, wanted) in [("--only", &options.only), ("--exclude", &options.exclude)] {
            for id in wanted {
                known_id(flag, id, &ids)?;
            }
        }
        let mut catalog = Self::default();
        for (place, BadRule { id, error }) in bad {
            if !options.skip_bad_rules {
                return Err(error);
            }
            let reason = Some(error.to_string());
            catalog.left_out.push(RuleStatus { id: id.unwrap_or(place), status: RunStatus::Skipped, reason, findings: 0 });
        }
        for rule in rules {
            let is_in = |ids: &[String]| ids.iter().any(|id| **id == *rule.id);
            let reason = if is_in(&options.exclude) {
                "left out by --exclude"
            } else if !options.only.is_empty() && !is_in(&options.only) {
                "not among --only"
            } else {
                catalog.rules.push(rule);
                continue;
            };
            catalog.left_out.push(RuleStatus {
                id: rule.id.to_string(),
                status: RunStatus::NotRun,
                reason: Some(reason.to_owned()),
                findings: 0,
            });
        }
        catalog.rules.sort_by(|left, right| left.id.cmp(&right.id));
        catalog.left_out.sort_by(|left, right| left.id.cmp(&right.id).then_with(|| left.reason.cmp(&right.reason)));
        Ok(catalog)
    }
}

#[cfg(test)]
impl Catalog {
    /// A catalog of rule texts, for the tests.
    pub(super) fn of(texts: &[&str], options: &CatalogOptions) -> Result<Self, Error> {
        let text = |(number, text): (usize, &&str)| {
            let place = format!("rule{number}.yml");
            RuleText { source: place.clone(), place, text: Ok((*text).to_owned()) }
        };
        Self::from_texts(&texts.iter().enumerate().map(text).collect::<Vec<_>>(), options)
    }
}

/// A rule file's text, or why there is none.
struct RuleText {
    place: String,
    source: String,
    text: Result<String, String>,
}

struct Loaded {
    compiled: (Vec<Rule>, Vec<(String, BadRule)>),
    /// The ids of all files, also of those that could not be loaded.
    ids: BTreeSet<String>,
}

fn compile_all(texts: &[RuleText], options: &CatalogOptions) -> Result<Loaded, Error> {
    let mut files = Vec::new();
    let mut bad = Vec::new();
    let mut ids = BTreeSet::new();
    for RuleText { place, source, text } in texts {
        let parsed = match text {
            Ok(text) => RuleFile::parse(text, place),
            Err(reason) => Err(BadRule { id: None, error: refused(place, 0, reason.clone()) }),
        };
        match parsed {
            Ok(mut file) => {
                file.sha256 = text.as_ref().map(|text| sha256_hex(text.as_bytes())).unwrap_or_default();
                ids.insert(file.id.value.clone());
                files.push((place, source, file));
            }
            Err(refused) => {
                ids.extend(refused.id.clone());
                bad.push((place.clone(), refused));
            }
        }
    }
    let settings = settings(&options.set, &ids)?;
    let mut rules = Vec::new();
    let mut names = Names::default();
    let accepted = options.accepted.by_name();
    for (place, source, mut file) in files {
        let id = file.id.value.clone();
        let lines = file.fields.iter().map(|(name, path)| (name.clone(), path.referenced.line())).collect();
        let id_line = file.id.referenced.line();
        let mut given: BTreeMap<&str, &str> = BTreeMap::new();
        for (flag, name, value) in settings.iter().filter(|(flag, ..)| setting_id(flag) == id) {
            file.set(name, value).map_err(|reason| Error::setting(format!("--set {flag}"), reason))?;
            given.insert(name, value);
        }
        if !given.is_empty() {
            file.sha256 = sha256_as_set(&file.sha256, &given);
        }
        let compiled = Rule::compile(file, place, source, &accepted).and_then(|rule| names.add(&rule, id_line, &lines).map(|()| rule));
        match compiled {
            Ok(rule) => rules.push(rule),
            Err(error) => bad.push((place.clone(), BadRule { id: Some(id), error })),
        }
    }
    Ok(Loaded { compiled: (rules, bad), ids })
}

/// The names that are taken: ids, and fields with their paths.
#[derive(Default)]
struct Names {
    ids: BTreeMap<String, String>,
    fields: BTreeMap<String, (String, String)>,
}

impl Names {
    fn add(&mut self, rule: &Rule, id_line: u64, lines: &BTreeMap<String, u64>) -> Result<(), Error> {
        if let Some(place) = self.ids.get(&*rule.id) {
            return Err(refused(&rule.place, id_line, format!("the id {} is taken by {place}", rule.id)));
        }
        for (name, path) in &rule.fields {
            if let Some((known, place)) = self.fields.get(name).filter(|(known, _)| known != path.text()) {
                let line = lines.get(name).copied().unwrap_or_default();
                let reason = format!("field `{name}`: one name has one path, and in {place} it is `{known}`");
                return Err(refused(&rule.place, line, reason));
            }
        }
        self.ids.insert(rule.id.to_string(), rule.place.clone());
        for (name, path) in &rule.fields {
            self.fields.entry(name.clone()).or_insert_with(|| (path.text().to_owned(), rule.place.clone()));
        }
        Ok(())
    }
}

/// The hash of a rule whose parameters were given other values: it is another rule, and finds other events.
fn sha256_as_set(of_file: &str, given: &BTreeMap<&str, &str>) -> String {
    let mut lines = vec![of_file.to_owned()];
    lines.extend(given.iter().map(|(name, value)| format!("{name}={value}")));
    sha256_hex(lines.join("\n").as_bytes())
}

/// `ID.NAME=VALUE` taken apart; the first part stays whole for messages.
fn settings<'s>(set: &'s [String], ids: &BTreeSet<String>) -> Result<Vec<(&'s str, &'s str, &'s str)>, Error> {
    let mut settings = Vec::new();
    for text in set {
        let parts = text.split_once('=').and_then(|(name, value)| Some((name.split_once('.')?, value)));
        let Some(((id, name), value)) = parts else {
            return Err(Error::setting(format!("--set {text}"), "write ID.NAME=VALUE, such as CRED-006.at_least=20"));
        };
        known_id(&format!("--set {text}"), id, ids)?;
        settings.push((text.as_str(), name, value));
    }
    Ok(settings)
}

fn setting_id(text: &str) -> &str {
    text.split('.').next().unwrap_or_default()
}

fn known_id(flag: &str, id: &str, ids: &BTreeSet<String>) -> Result<(), Error> {
    if ids.contains(id) {
        return Ok(());
    }
    let reason = match nearest(id, ids.iter().map(String::as_str)) {
        Some(near) => format!("no rule {id}: did you mean {near}?"),
        None => format!("no rule {id}: see `trailsift rules list`"),
    };
    Err(Error::setting(flag, reason))
}

fn checked(rule: &Rule) -> CheckedRule {
    let stem = Path::new(&rule.place).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let misnamed = || (RunStatus::Degraded, format!("the file's name does not begin with the id {}", rule.id));
    let doubt = rule.doubt.clone().or_else(|| (!stem.starts_with(&*rule.id)).then(misnamed));
    let (status, reason) = doubt.map_or((RunStatus::Run, None), |(status, reason)| (status, Some(reason)));
    CheckedRule { place: rule.place.clone(), id: Some(rule.id.to_string()), status, reason }
}

fn is_rule_file(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "yml" || ending == "yaml")
}

fn builtin_texts() -> Vec<RuleText> {
    fn add(dir: &Dir<'_>, texts: &mut Vec<RuleText>) {
        for entry in dir.entries() {
            match entry {
                DirEntry::Dir(dir) => add(dir, texts),
                DirEntry::File(file) if is_rule_file(file.path()) => texts.push(RuleText {
                    place: format!("queries/{}", file.path().display()),
                    source: BUILTIN_SOURCE.to_owned(),
                    text: file.contents_utf8().map(str::to_owned).ok_or_else(|| "it is not UTF-8".to_owned()),
                }),
                DirEntry::File(_) => {}
            }
        }
    }
    let mut texts = Vec::new();
    add(&BUILTIN, &mut texts);
    texts.sort_by(|left, right| left.place.cmp(&right.place));
    texts
}

fn texts_of(paths: &[PathBuf]) -> Result<Vec<RuleText>, Error> {
    let mut texts = Vec::new();
    for path in paths {
        let is_folder = fs::metadata(path).map_err(|cause| Error::io("read", path, cause))?.is_dir();
        let before = texts.len();
        // A file that is named is read whatever it is called; in folders only YAML files are rules.
        for entry in WalkDir::new(path).follow_links(true).sort_by_file_name() {
            let entry = entry.map_err(|error| Error::io("list", path, error.into()))?;
            if entry.file_type().is_dir() || (is_folder && !is_rule_file(entry.path())) {
                continue;
            }
            let bytes = fs::read(entry.path()).map_err(|cause| Error::io("read", entry.path(), cause))?;
            let place = entry.path().display().to_string();
            let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned());
            texts.push(RuleText { source: place.clone(), place, text });
        }
        if texts.len() == before {
            return Err(refused(&path.display().to_string(), 0, "no rule file (.yml or .yaml) in this folder".to_owned()));
        }
    }
    Ok(texts)
}
