//! The HTML report: what logs hold does nothing in it, and what they hold is all there.

use std::path::Path;

use serde_json::{Value, json};
use trailsift::case::{Case, Scope};
use trailsift::detect::Catalog;
use trailsift::frame::Store;
use trailsift::iam::graph::Graph;
use trailsift::ingest::{Options, Progress};
use trailsift::report::build::{Run, Sources};
use trailsift::report::drift::section::DriftSources;
use trailsift::report::html;
use trailsift::report::model::Report;
use trailsift::report::raw::ShownRecords;
use trailsift::report::text::is_hidden;
use trailsift::time::EventTime;

use crate::support::{Folder, project, record, records, root_login, trailsift};

/// What an attacker may write into a log.
pub(crate) const HOSTILE: [&str; 8] = [
    "<script>alert(1)</script>",
    "</style><script src=//198.51.100.7/x.js></script>",
    "\"><img src=http://198.51.100.7/x.png onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "\u{202e}txt.exe\u{2066}\u{200b}",
    "a\u{0}b\u{7f}\u{1b}[31m\r\n",
    "<!-- --><![CDATA[ ]]>&lt;script&gt;{{ 7 * 7 }}",
    "</pre></details></td></tr></table></main><h1>All clear</h1>",
];

/// A case whose every text is hostile, and its report.
pub(crate) fn hostile(folder: &Folder) -> String {
    let mut events: Vec<Value> = Vec::new();
    for (number, text) in (0..).zip(HOSTILE) {
        let mut login = root_login(number);
        login["userAgent"] = json!(text);
        login["sourceIPAddress"] = json!(text);
        login["awsRegion"] = json!(text);
        login["recipientAccountId"] = json!(text);
        events.push(login);
        events.push(record(100 + number, |record| {
            record["userIdentity"]["arn"] = json!(format!("arn:aws:iam::111122223333:user/{text}"));
            record["userIdentity"]["userName"] = json!(text);
            record["eventName"] = json!(text);
            record["eventSource"] = json!(text);
            record["errorCode"] = json!(text);
            record["sourceIPAddress"] = json!(text);
            record["awsRegion"] = json!(text);
            record["sessionToken"] = json!("SECRET-TOKEN");
        }));
    }
    let mut long = root_login(50);
    long["userIdentity"]["arn"] = json!(format!("arn:aws:iam::111122223333:{}", "n".repeat(10_000)));
    long["userIdentity"]["sessionToken"] = json!("SECRET-TOKEN");
    long["userAgent"] = json!("ü".repeat(10_000));
    events.push(long);
    folder.write("logs/<img src=x onerror=alert(1)>.json", json!({ "Records": events }).to_string());
    folder.write("logs/bad \u{202e}.json", "[{");
    page(folder, &["--allow-problems"])
}

/// The report on the folder's logs.
fn page(folder: &Folder, more: &[&str]) -> String {
    let (logs, out, file) = (folder.path().join("logs"), folder.path().join("case"), folder.path().join("report.html"));
    let mut args = vec!["investigate".into(), logs.into_os_string(), "--out".into(), out.clone().into_os_string(), "--html".into()];
    args.push(file.clone().into_os_string());
    args.extend(more.iter().map(Into::into));
    trailsift(args).expect(0);
    let page = std::fs::read_to_string(&file).expect("a report");
    assert_eq!(page, std::fs::read_to_string(out.join("report.html")).expect("a report in the case"));
    page
}

/// The text between the first `start` and the `end` behind it.
fn between<'p>(page: &'p str, start: &str, end: &str) -> &'p str {
    page.split_once(start).and_then(|(_, rest)| rest.split_once(end)).unwrap_or_else(|| panic!("{start}")).0
}

/// Every tag of the page outside of its style sheet and script, with the names of its attributes.
fn tags(page: &str) -> Vec<(String, Vec<String>)> {
    let style = between(page, "<style>", "</style>");
    let script = between(page, "<script>", "</script>");
    let markup = page.replace(style, "").replace(script, "");
    let mut tags = Vec::new();
    for part in markup.split('<').skip(1) {
        let (tag, _) = part.split_once('>').unwrap_or_else(|| panic!("no end: {part}"));
        let (name, mut rest) = tag.split_at(tag.find(' ').unwrap_or(tag.len()));
        let mut attributes = Vec::new();
        while let Some((attribute, after)) = rest.trim_start_matches([' ', '/']).split_once("=\"") {
            // Attributes without a value stand before the next one with a value.
            attributes.extend(attribute.split(' ').map(str::to_owned));
            rest = after.split_once('"').unwrap_or_else(|| panic!("an open quote: {tag}")).1;
        }
        attributes.extend(rest.split_whitespace().map(|word| word.trim_end_matches('/').to_owned()).filter(|word| !word.is_empty()));
        tags.push((name.trim_end_matches('/').to_owned(), attributes));
    }
    tags
}

/// Nothing but the template's own tags and attributes is on a page, and no hidden character.
pub(crate) fn check_inert(page: &str) {
    let known_tags = "!DOCTYPE html head meta title style body a svg symbol path circle use header p strong span nav div fieldset legend \
        label input button main h1 h2 h3 h4 dl dt dd time section ul ol li em table caption thead tbody tr th td details summary pre code \
        br figure figcaption line text g rect footer script";
    let known_attributes = "html lang http-equiv content charset name class href id width height aria-hidden focusable viewBox d fill-rule \
        cx cy r aria-label hidden type value checked role aria-live datetime aria-labelledby data-sort data-kind data-severity data-label \
        scope colspan tabindex title x y x1 x2 y1 y2 text-anchor";
    for (tag, attributes) in tags(page) {
        assert!(known_tags.split_whitespace().any(|known| known == tag.trim_start_matches('/')), "<{tag}> {attributes:?}");
        for attribute in attributes {
            assert!(known_attributes.split_whitespace().any(|known| known == attribute), "<{tag} {attribute}>");
        }
    }
    for (text, times) in [("<script", 1), ("</style", 1), ("<h1", 1), ("<meta", 5), ("</main>", 1), ("<!", 1)] {
        assert_eq!(page.matches(text).count(), times, "{text}");
    }
    let hidden = page.chars().find(|letter| is_hidden(*letter) && *letter != '\n');
    assert_eq!(hidden, None, "hidden characters are shown");
}

#[test]
fn what_logs_hold_does_nothing() {
    let folder = Folder::new();
    let page = hostile(&folder);
    check_inert(&page);
    for shown in [
        r"\u{202e}txt.exe\u{2066}\u{200b}",
        r"a\u{0}b\u{7f}\u{1b}[31m\u{d}\u{a}",
        "[cut: 10,0",
        "&#60;script&#62;alert(1)&#60;/script&#62;",
    ] {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(!page.contains("SECRET-TOKEN") && page.contains("session token redacted"));
    assert!(!page.contains("http://") || !page.contains("href=\"http"), "no link leads out");
}

#[test]
fn the_policy_names_what_stands_in_the_page_and_nothing_else() {
    let folder = Folder::new().with("logs/a.json", root_login(1).to_string());
    let page = page(&folder, &[]);
    let head = page.split_once("<head>").expect("a head").1;
    assert!(head.trim_start().starts_with("<meta http-equiv=\"Content-Security-Policy\""), "it comes first");
    let policy = between(&page, "http-equiv=\"Content-Security-Policy\" content=\"", "\"").replace("&#39;", "'");
    let hash = |start: &str, end: &str| {
        let hex = trailsift::source::sha256_hex(between(&page, start, end).as_bytes());
        let bytes: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex")).collect();
        base64(&bytes)
    };
    let (style, script) = (hash("<style>", "</style>"), hash("<script>", "</script>"));
    assert_eq!(
        policy,
        format!("default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; base-uri 'none'; form-action 'none'")
    );
}

/// Base64 by bits, unlike the one under test.
fn base64(bytes: &[u8]) -> String {
    let bits = bytes.iter().map(|byte| format!("{byte:08b}")).collect::<Vec<_>>().concat();
    let letters: Vec<char> = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(['+', '/']).collect();
    let mut text = String::new();
    for part in bits.as_bytes().chunks(6) {
        let part = format!("{:0<6}", std::str::from_utf8(part).expect("bits"));
        text.push(letters[usize::from_str_radix(&part, 2).expect("bits")]);
    }
    while !text.len().is_multiple_of(4) {
        text.push('=');
    }
    text
}

const SECTIONS: [&str; 10] =
    ["summary", "figures", "activity", "integrity", "findings", "tables", "identities", "drift", "problems", "method"];

pub(crate) fn sections(page: &str) -> Vec<&str> {
    page.split("<section id=\"").skip(1).map(|rest| rest.split_once('"').expect("a quote").0).collect()
}

#[test]
fn every_section_stays_also_where_there_is_nothing() {
    let empty = Folder::new().with("logs/a.json", json!({"Records": []}).to_string());
    let page_of_nothing = page(&empty, &[]);
    assert_eq!(sections(&page_of_nothing), SECTIONS);
    assert!(page_of_nothing.matches("None found; 0 events looked at").count() >= 4, "absence is a result too");
    assert!(page_of_nothing.contains("and found nothing."));
    assert!(page_of_nothing.contains("No problem found; 0 events looked at."));

    let quiet = Folder::new().with("logs/a.json", records(0..50));
    let page = page(&quiet, &[]);
    assert_eq!(sections(&page), SECTIONS);
    assert!(page.contains("None found; 50 events looked at."), "no finding");
}

#[test]
fn sentences_are_built_from_counts() {
    let folder = Folder::new().with("logs/a.json", json!({"Records": [root_login(1), 7]}).to_string()).with("logs/bad.json", "[{");
    let page = page(&folder, &["--allow-problems"]);
    for sentence in [
        "There are no digest files, so nothing is proven: none of the logs is shown to be what AWS delivered, and none is shown to be altered.",
        "looked at 1 event and made 2 findings: 2 critical.",
        "Not all that is here could be used: 1 object and 1 record have problems",
        "objects listed 2 = read 1 + skipped 0 + with problems 1",
        "records seen 2 = loaded 1 + exact duplicates 0 + with problems 1",
        "digests due: none are here",
    ] {
        assert!(page.contains(sentence), "{sentence}");
    }
}

#[test]
fn a_page_has_a_bound_and_says_what_it_leaves_out() {
    let login = |number| {
        let mut login = root_login(number);
        login["userAgent"] = json!(format!("agent {number} {}", "\"&<".repeat(2_000)));
        login
    };
    let logins: Vec<Value> = (0..1_200).map(login).collect();
    let folder = Folder::new().with("logs/a.json", json!({ "Records": logins }).to_string());
    let page = page(&folder, &[]);
    assert!(page.len() < 12 << 20, "{} bytes", page.len());
    assert!(page.contains("Shown 1,000 of "), "of the findings");
    assert!(page.contains("evidence records stand here in full") && page.contains("Its text is in evidence.jsonl of the case folder."));
}

#[test]
fn the_case_lists_its_report() {
    let folder = Folder::new().with("logs/a.json", root_login(1).to_string());
    let page = page(&folder, &[]);
    let manifest: Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("case/case.json")).expect("a manifest")).expect("JSON");
    let output = manifest["outputs"].as_array().expect("outputs").iter().find(|output| output["name"] == "report.html").expect("listed");
    assert_eq!(output["sha256"], trailsift::source::sha256_hex(page.as_bytes()));

    // What is there already is kept.
    let (logs, out, file) = (folder.path().join("logs"), folder.path().join("case-2"), folder.path().join("report.html"));
    let args = ["investigate".as_ref(), logs.as_os_str(), "--out".as_ref(), out.as_os_str(), "--html".as_ref(), file.as_os_str()];
    let run = trailsift(args).expect(2);
    assert!(run.stderr.contains("--force"), "{}", run.stderr);
    assert!(!out.exists());
}

/// The report on a source, made in this process.
fn made(source: &Path, jobs: usize) -> String {
    made_with(source, jobs, None)
}

/// The same with other changes of identities than its own.
pub(crate) fn made_with(source: &Path, jobs: usize, drift: Option<DriftSources<'_>>) -> String {
    let options = Options { jobs, ..Options::default() };
    let case =
        Case::read(Scope { sources: vec![source.into()], options, ..Scope::default() }, &Progress::default(), |_| Ok(Store::default()))
            .expect("read");
    let catalog = Catalog::builtin().expect("rules");
    let detections = case.detect(&catalog).expect("detected");
    let mut records = ShownRecords::of(&detections.findings);
    case.evidence(&detections.findings).expect("evidence").for_each(|record| records.offer(&record));
    let run = Run {
        name: "case".to_owned(),
        command_line: vec!["trailsift".to_owned()],
        started: EventTime::parse("2026-03-13").expect("a date"),
    };
    let replay = case.replay().expect("replayed");
    let graph = Graph::of(&replay.drift.state);
    let own = DriftSources { drift: &replay.drift, gaps: &replay.gaps, graph: Some(&graph) };
    let drift = Some(drift.unwrap_or(own));
    let sources = Sources { case: &case, catalog: &catalog, detections: &detections, records: &records, drift, run: &run };
    html::page(&Report::new(&sources).expect("a report")).expect("a page")
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let sample = project("sample-logs/AWSLogs");
    let page = made(&sample, 1);
    assert_eq!(sections(&page), SECTIONS);
    for jobs in [2, 8] {
        assert!(page == made(&sample, jobs), "{jobs} threads");
    }
}
