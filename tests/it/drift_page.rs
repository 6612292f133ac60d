//! What changed of identities, on the page: all of it is there, and what logs and snapshots hold does nothing.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use trailsift::iam::drift::{Drift, Gap, Setup, drift};
use trailsift::iam::event::{Actor, IamEvent};
use trailsift::iam::events::IamEvents;
use trailsift::iam::graph::{Edge, Graph, Means, Node, Party};
use trailsift::iam::snapshot::{Reading, Snapshot};
use trailsift::problem::Place;
use trailsift::report::drift::dot::dot;
use trailsift::report::drift::section::DriftSources;
use trailsift::time::{EventTime, TimeRange};

use crate::browser::{chromium, visit};
use crate::report::{HOSTILE, check_inert, made_with, sections};
use crate::support::{Folder, records};

const ACCOUNT: &str = "111122223333";

fn event(number: usize, name: &str, request: &Value, hostile: &str) -> IamEvent {
    IamEvent {
        event_id: format!("{number}-{hostile}").into(),
        event_source: "iam.amazonaws.com".into(),
        event_name: name.into(),
        event_time: EventTime::parse(&format!("2026-03-02T10:{number:02}:00Z")).expect("a time"),
        recipient_account_id: ACCOUNT.into(),
        aws_region: "us-east-1".into(),
        source_ip_address: Some(hostile.into()),
        user_agent: Some(hostile.into()),
        error_code: None,
        request_parameters: Some(request.to_string()),
        response_elements: None,
        mfa_used: None,
        actor: Actor { kind: "IAMUser".into(), arn: Some(format!("arn:aws:iam::{ACCOUNT}:user/{hostile}").into()), ..Actor::default() }
            .into(),
        place: Place { object: hostile.into(), record_index: Some(1), offset: None },
    }
}

/// Changes of users whose every text is hostile, of which a later snapshot has others.
fn hostile_drift() -> Drift {
    let mut events = Vec::new();
    for (number, text) in HOSTILE.iter().enumerate() {
        let document =
            |action: &str| json!({"Statement": [{"Sid": text, "Effect": "Allow", "Action": [action, text], "Resource": text}]}).to_string();
        for (step, action) in ["a:B", "*"].into_iter().enumerate() {
            let request = json!({"userName": text, "policyName": text, "policyDocument": document(action)});
            events.push(event(4 * number + step, "PutUserPolicy", &request, text));
        }
        let request = json!({"userName": text, "tags": [{"key": text, "value": text}]});
        events.push(event(4 * number + 2, "TagUser", &request, text));
    }
    let user = |name: &str| json!({"UserName": name, "UserId": "AIDAEXAMPLE", "Arn": format!("arn:aws:iam::{ACCOUNT}:user/{name}"), "GroupList": []});
    let users: Vec<Value> = HOSTILE.iter().map(|text| user(&format!("new{text}"))).collect();
    let taken = |time: &str, users: &[Value]| {
        let text = json!({"AccountId": ACCOUNT, "SnapshotTime": format!("2026-03-02T{time}Z"), "UserDetailList": users}).to_string();
        Snapshot::read(HOSTILE[0], &text, &Reading::default()).expect("a snapshot")
    };
    let gap = Gap { range: TimeRange { since: None, until: None }, reason: HOSTILE[0].to_owned() };
    let setup =
        Setup { baselines: vec![taken("06:00:00", &[])], later: vec![taken("18:00:00", &users)], gaps: vec![gap], ..Setup::default() };
    drift(&IamEvents::of(events).expect("they fit in memory"), &setup).expect("nothing is read from a file")
}

fn graph() -> Graph {
    let mut nodes: Vec<Node> = HOSTILE.iter().map(|text| Node { party: Party::User, name: (*text).to_owned() }).collect();
    nodes.push(Node { party: Party::AllRights, name: "all rights".to_owned() });
    let edge = |from| Edge { from, to: nodes.len() - 1, means: Means::Holds, conditional: false };
    let edges = (0..HOSTILE.len()).map(edge).collect();
    Graph { nodes, edges, ..Graph::default() }
}

fn page(folder: &Folder) -> (String, Drift) {
    let logs = folder.write("logs/a.json", records(0..50));
    let (drift, graph) = (hostile_drift(), graph());
    let gaps = [Gap { range: TimeRange { since: None, until: None }, reason: HOSTILE[0].to_owned() }];
    let sources = DriftSources { drift: &drift, gaps: &gaps, graph: Some(&graph) };
    (made_with(&logs, 1, Some(sources)), drift)
}

#[test]
fn what_logs_and_snapshots_hold_does_nothing() {
    let folder = Folder::new();
    let (page, drift) = page(&folder);
    check_inert(&page);
    assert!(sections(&page).windows(2).any(|pair| pair == ["identities", "drift"]));
    let section = page.split_once("<section id=\"drift\"").and_then(|(_, rest)| rest.split_once("</section>")).expect("a section").0;
    let told = section.matches("<td class=\"told\">").count();
    let infos = drift
        .items
        .all()
        .expect("nothing is read from a file")
        .iter()
        .filter(|item| item.severity == trailsift::severity::Severity::Info)
        .count();
    assert!(infos > 0 && told > 2 * HOSTILE.len());
    assert_eq!(told + infos, drift.items.len(), "each item is there");
    for shown in ["class=\"gone\"", "class=\"new\"", "ruled out", "It may also be", "&#60;script&#62;alert(1)&#60;/script&#62;"] {
        assert_eq!(section.contains(shown), shown != "ruled out", "{shown}");
    }
}

#[test]
fn a_browser_opens_it_without_an_error_or_a_request() {
    let Some(chromium) = chromium() else { return };
    let folder = Folder::new();
    let (page, _) = page(&folder);
    let visited = visit(&chromium, &folder.write("report.html", page));
    assert_eq!(visited.console, Vec::<String>::new());
    assert_eq!(visited.requests, BTreeSet::new());
    assert_eq!(visited.dom.matches("<h1>").count(), 1);
    assert!(visited.dom.contains("id=\"graph-title\"") && !visited.dom.contains("<img"));
}

#[test]
fn a_graph_is_one_statement_a_line() {
    let graph = graph();
    let text = dot(&graph);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 7 + graph.nodes.len() + graph.edges.len());
    assert!(lines.iter().all(|line| ["//", "digraph iam {", "  ", "}"].iter().any(|start| line.starts_with(start))));
}
