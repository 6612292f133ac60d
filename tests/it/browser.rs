//! The HTML report in a browser: no error on its console, no request, and a script that does what it says.
//!
//! Chromium is driven by its own command line. Without one on the path the tests say so and pass.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::report::hostile;
use crate::support::{Folder, project, trailsift};

/// What a browser made of a page.
pub(crate) struct Visit {
    pub(crate) dom: String,
    /// Lines of the page's console.
    pub(crate) console: Vec<String>,
    /// What was asked for over the network, but for the browser's own errands.
    pub(crate) requests: BTreeSet<String>,
}

pub(crate) fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "google-chrome", "google-chrome-stable", "chromium-browser"];
    let found = std::env::split_paths(&path).flat_map(|folder| names.map(|name| folder.join(name))).find(|file| file.is_file());
    if found.is_none() {
        println!("not run: no Chromium");
    }
    found
}

pub(crate) fn visit(chromium: &Path, page: &Path) -> Visit {
    let home = Folder::new();
    let log = home.path().join("net.json");
    let output = assert_cmd::Command::new(chromium)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-extensions"])
        .args(["--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync", "--no-pings"])
        .args(["--disable-domain-reliability", "--metrics-recording-only", "--enable-logging=stderr", "--virtual-time-budget=10000"])
        .arg("--host-resolver-rules=MAP * ~NOTFOUND")
        .arg(format!("--user-data-dir={}", home.path().join("profile").display()))
        .arg(format!("--log-net-log={}", log.display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .timeout(Duration::from_mins(2))
        .output()
        .expect("the browser starts");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    Visit {
        dom: String::from_utf8(output.stdout).expect("UTF-8"),
        console: stderr.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect(),
        requests: requests(&log),
    }
}

/// The URLs of the log of the browser's network. The browser itself asks its maker for updates, which the resolver rule keeps from leaving.
fn requests(log: &Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(log).expect("a log");
    // A browser that is ended early leaves the list without its end.
    let log: Value = serde_json::from_str(&text)
        .or_else(|_| serde_json::from_str(&format!("{}]}}", text.trim_end().trim_end_matches(','))))
        .expect("JSON");
    let urls = log["events"].as_array().expect("events").iter().filter_map(|event| event["params"]["url"].as_str());
    let own = ["google.com", "googleapis.com", "gstatic.com", "gvt1.com"];
    let is_own = |url: &str| {
        let host = url.split('/').nth(2).unwrap_or_default();
        own.iter().any(|name| host == *name || host.ends_with(&format!(".{name}")))
    };
    urls.filter(|url| url.starts_with("http") && !is_own(url)).map(str::to_owned).collect()
}

/// The report on the sample logs.
fn sample(folder: &Folder) -> PathBuf {
    let (out, file) = (folder.path().join("case"), folder.path().join("report.html"));
    let sample = project("sample-logs");
    let keys = sample.join("public-keys.json");
    let args = ["investigate".as_ref(), sample.as_os_str(), "--keys".as_ref(), keys.as_os_str()];
    // Two of the sample's logs are tampered with.
    trailsift(args.into_iter().chain(["--out".as_ref(), out.as_os_str(), "--html".as_ref(), file.as_os_str()])).expect(3);
    file
}

fn findings(folder: &Folder) -> usize {
    std::fs::read_to_string(folder.path().join("case/findings.jsonl")).expect("findings").lines().count()
}

#[test]
fn the_checks_see_what_they_look_for() {
    let Some(chromium) = chromium() else { return };
    let image = "<img src=\"http://192.0.2.7/probe.png\">";
    let folder = Folder::new().with("open.html", image).with(
        "shut.html",
        format!("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'\">{image}<p style=\"color: red\">"),
    );
    let open = visit(&chromium, &folder.path().join("open.html"));
    assert!(open.requests.iter().any(|url| url.contains("192.0.2.7/probe.png")), "{:?}", open.requests);
    let shut = visit(&chromium, &folder.path().join("shut.html"));
    assert!(shut.requests.is_empty(), "{:?}", shut.requests);
    assert!(shut.console.len() >= 2, "{:?}", shut.console);
}

#[test]
fn the_report_opens_without_an_error_or_a_request() {
    let Some(chromium) = chromium() else { return };
    let folder = Folder::new();
    let page = sample(&folder);
    let count = findings(&folder);
    assert!(count > 5);
    let visited = visit(&chromium, &page);
    assert_eq!(visited.console, Vec::<String>::new());
    assert_eq!(visited.requests, BTreeSet::new());
    check(&visited, count, true);

    // The same page, whose policy lets its own script not run either.
    let text = std::fs::read_to_string(&page).expect("a report");
    let (before, after) = text.split_once("script-src ").expect("a policy");
    let (_, after) = after.split_once(';').expect("more of it");
    let silent = folder.write("silent.html", format!("{before}script-src &#39;none&#39;;{after}"));
    check(&visit(&chromium, &silent), count, false);
}

/// All findings are there; what would do nothing without the script is not.
fn check(visited: &Visit, count: usize, scripted: bool) {
    assert_eq!(visited.dom.matches("<tbody class=\"finding\"").count(), count);
    assert_eq!(visited.dom.contains("id=\"controls\" hidden"), !scripted);
    assert_eq!(visited.dom.contains("<button type=\"button\">Severity</button>"), scripted);
}

#[test]
fn a_hostile_log_does_nothing_in_a_browser() {
    let Some(chromium) = chromium() else { return };
    let folder = Folder::new();
    hostile(&folder);
    let visited = visit(&chromium, &folder.path().join("report.html"));
    assert_eq!(visited.console, Vec::<String>::new());
    assert_eq!(visited.requests, BTreeSet::new());
    assert_eq!(visited.dom.matches("<h1>").count(), 1);
    assert!(!visited.dom.contains("<img") && !visited.dom.contains("onerror=\""));
}

/// Clicks on what the script made, and writes down what came of it. The page's policy would not let it run, so it is taken off.
const CLICKS: &str = r##"<script>
const told = [];
const order = () => [...document.querySelectorAll("tbody.finding")].map((body) => Number(body.rows[0].cells[1].dataset.sort));
const heads = document.querySelector("table.findings").tHead.rows[0].cells;
const sorted = (list, turn) => list.every((value, at) => at === 0 || turn * (value - list[at - 1]) >= 0);
const before = order();
heads[1].querySelector("button").click();
told.push(heads[1].getAttribute("aria-sort"), sorted(order(), -1));
heads[1].querySelector("button").click();
told.push(heads[1].getAttribute("aria-sort"), sorted(order(), 1), order().length === before.length);
heads[2].querySelector("button").click();
told.push(heads[1].hasAttribute("aria-sort"), heads[2].getAttribute("aria-sort"), document.getElementById("live").textContent);
for (const box of document.querySelectorAll("#filter input")) if (box.value !== "critical") box.click();
const visible = [...document.querySelectorAll("tbody.finding")].filter((body) => !body.hidden);
told.push(visible.length > 0 && visible.every((body) => body.dataset.severity === "critical"));
document.getElementById("theme").click();
told.push(document.documentElement.dataset.theme);
document.getElementById("theme").click();
told.push(document.documentElement.dataset.theme);
window.dispatchEvent(new Event("beforeprint"));
told.push(document.querySelectorAll("details:not([open])").length);
window.dispatchEvent(new Event("afterprint"));
told.push(document.querySelectorAll("details[open]").length);
document.title = "told " + told.join("|");
</script>"##;

#[test]
fn the_script_sorts_filters_and_changes_the_theme() {
    let Some(chromium) = chromium() else { return };
    let folder = Folder::new();
    let page = std::fs::read_to_string(sample(&folder)).expect("a report");
    let (before, after) = page.split_once("<meta http-equiv=").expect("a policy");
    let open = format!("{before}{}", after.split_once('>').expect("an end").1).replace("</body>", &format!("{CLICKS}</body>"));
    let open = folder.write("open.html", open);
    let visited = visit(&chromium, &open);
    let told = visited.dom.split("<title>told ").nth(1).and_then(|rest| rest.split("</title>").next());
    let count = findings(&folder);
    let live = format!("Findings of the rules, {count} in all: sorted by Rule, ascending");
    assert_eq!(
        told,
        Some(format!("descending|true|ascending|true|true|false|ascending|{live}|true|light|dark|0|0").as_str()),
        "{:?}",
        visited.console
    );
}
