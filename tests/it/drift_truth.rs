//! What `drift` says against real logs: each contradiction in them was looked up in their records, and there are no others.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::support::{check_ledger, shared, trailsift};

/// The contradictions of a set of logs, as `kind entity attribute`; none of one that has no logs.
fn contradictions(set: PathBuf) -> Vec<String> {
    let has_logs = !set.ends_with("panther");
    let mut args: Vec<OsString> = vec!["drift".into(), set.into_os_string()];
    args.extend(["--format", "json", "--allow-problems"].map(OsString::from));
    let run = trailsift(args).expect(if has_logs { 0 } else { 2 });
    if !has_logs {
        assert!(run.stderr.contains("no CloudTrail logs"), "{}", run.stderr);
        return Vec::new();
    }
    let document = run.json();
    check_ledger(&document);
    let items = document["items"].as_array().expect("items").iter().filter(|item| item["risk"] == "log_integrity");
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    items.map(|item| ["kind", "entity", "attribute"].map(|name| text(&item[name])).join(" ")).collect()
}

/// Two roles of `invictus` were deleted while something hung on them that the published half of the log does not take away.
/// All other sets agree with themselves.
#[test]
fn real_logs_contradict_themselves_only_where_they_lack_something() {
    let Some(folder) = shared("data/real") else { return };
    let mut sets: Vec<PathBuf> = std::fs::read_dir(folder).expect("sets").map(|entry| entry.expect("an entry").path()).collect();
    sets.retain(|set| set.is_dir());
    sets.sort();
    assert!(sets.len() >= 14, "{sets:?}");
    let name = |set: &PathBuf| set.file_name().expect("a name").to_string_lossy().into_owned();
    let told = sets.into_iter().flat_map(|set| {
        let name = name(&set);
        contradictions(set).into_iter().map(move |line| format!("{name}: {line}"))
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n"), @"
    invictus: precondition_violation arn:aws:iam::123837392027:role/stratus-red-team-leave-org-role inline_policies[inline-policy]
    invictus: precondition_violation arn:aws:iam::123837392027:role/stratus-red-team-ec2-enumerate-role attached_policies[arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore]
    ");
}
