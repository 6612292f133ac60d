//! Replaying what changed between two states over the first one gives the second one.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::scenes::ACCOUNT;
use super::*;
use crate::iam::kind::Kind;

/// A plain account, which calls change by rules that are written here a second time.
#[derive(Debug, Clone, Default)]
struct Model {
    /// Users, groups (`g` before the name) and roles (`r`), each with what it has by attribute.
    entities: BTreeMap<String, BTreeMap<String, Json>>,
}

const NAMES: [&str; 3] = ["a", "b", "c"];
const ARNS: [&str; 2] = ["arn:aws:iam::aws:policy/AdministratorAccess", "arn:aws:iam::aws:policy/ReadOnlyAccess"];
const DOCUMENTS: [&str; 2] = [
    r#"{"Statement":[{"Action":["s3:getobject"],"Effect":"Allow","Resource":["*"]}],"Version":"2012-10-17"}"#,
    r#"{"Statement":[{"Action":["iam:*"],"Effect":"Deny","Resource":["*"]}],"Version":"2012-10-17"}"#,
];
const TRUSTS: [&str; 2] = [
    r#"{"Statement":[{"Action":["sts:assumerole"],"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com"]}}],"Version":"2012-10-17"}"#,
    r#"{"Statement":[{"Action":["sts:assumerole"],"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::444455556666:root"]}}],"Version":"2012-10-17"}"#,
];

/// What a call is made of: which call, whom it is for, and what with.
type Choice = (u8, usize, usize, usize);

impl Model {
    /// The record of a call, where it can succeed, with what it changes.
    fn call(&mut self, (call, who, whom, what): Choice, index: usize) -> Option<Json> {
        let (name, other) = (NAMES[who], NAMES[whom]);
        let kind = ["User", "Group", "Role"][what % 3];
        let key = format!("{kind}/{name}");
        let parameter = format!("{}Name", kind.to_lowercase());
        let mut request = json!({parameter: name});
        let id = format!("{}{name}{index:04}EXAMPLE", if kind == "Role" { "AROA" } else { "AIDA" });
        let mut response = json!(null);
        let call = match call {
            0 if !self.entities.contains_key(&key) => {
                let mut held = BTreeMap::from([("unique_id".to_owned(), Json::from(id.as_str()))]);
                if kind == "Role" {
                    request["assumeRolePolicyDocument"] = TRUSTS[whom % 2].into();
                    held.insert("trust_policy".to_owned(), serde_json::from_str(TRUSTS[whom % 2]).expect("JSON"));
                }
                self.entities.insert(key, held);
                let object = kind.to_lowercase();
                response = json!({object.clone(): {format!("{object}Id"): id}});
                format!("Create{kind}")
            }
            1 => {
                let held = self.entities.get(&key)?;
                let is_member = self
                    .entities
                    .iter()
                    .any(|(group, held)| kind == "User" && group.starts_with("Group/") && held.contains_key(&format!("members[{name}]")));
                let is_bare =
                    held.keys().all(|attribute| ["unique_id", "trust_policy", "permissions_boundary"].contains(&attribute.as_str()));
                if !is_bare || is_member {
                    return None;
                }
                self.entities.remove(&key);
                format!("Delete{kind}")
            }
            2 | 3 => {
                let held = self.entities.get_mut(&key)?;
                request["policyArn"] = ARNS[whom % 2].into();
                let attribute = format!("attached_policies[{}]", ARNS[whom % 2]);
                if call == 2 {
                    held.insert(attribute, json!(true));
                    format!("Attach{kind}Policy")
                } else {
                    held.remove(&attribute)?;
                    format!("Detach{kind}Policy")
                }
            }
            4 | 5 => {
                let held = self.entities.get_mut(&key)?;
                request["policyName"] = other.into();
                let attribute = format!("inline_policies[{other}]");
                if call == 4 {
                    request["policyDocument"] = DOCUMENTS[what / 3 % 2].into();
                    held.insert(attribute, serde_json::from_str(DOCUMENTS[what / 3 % 2]).expect("JSON"));
                    format!("Put{kind}Policy")
                } else {
                    held.remove(&attribute)?;
                    format!("Delete{kind}Policy")
                }
            }
            6 | 7 => {
                self.entities.get(&format!("User/{name}"))?;
                let held = self.entities.get_mut(&format!("Group/{other}"))?;
                request = json!({"groupName": other, "userName": name});
                let attribute = format!("members[{name}]");
                if call == 6 {
                    held.insert(attribute, json!(true));
                    "AddUserToGroup".to_owned()
                } else {
                    held.remove(&attribute)?;
                    "RemoveUserFromGroup".to_owned()
                }
            }
            8 => {
                let held = self.entities.get_mut(&format!("Role/{name}"))?;
                request = json!({"roleName": name, "policyDocument": TRUSTS[whom % 2]});
                held.insert("trust_policy".to_owned(), serde_json::from_str(TRUSTS[whom % 2]).expect("JSON"));
                "UpdateAssumeRolePolicy".to_owned()
            }
            9 => {
                let held = self.entities.get_mut(&format!("User/{name}"))?;
                request = json!({"userName": name, "permissionsBoundary": ARNS[whom % 2]});
                held.insert("permissions_boundary".to_owned(), ARNS[whom % 2].into());
                "PutUserPermissionsBoundary".to_owned()
            }
            10 if name != other && !self.entities.contains_key(&format!("User/{other}")) => {
                let held = self.entities.remove(&format!("User/{name}"))?;
                self.entities.insert(format!("User/{other}"), held);
                for group in self.entities.iter_mut().filter(|(key, _)| key.starts_with("Group/")).map(|(_, group)| group) {
                    if let Some(member) = group.remove(&format!("members[{name}]")) {
                        group.insert(format!("members[{other}]"), member);
                    }
                }
                request = json!({"userName": name, "newUserName": other});
                "UpdateUser".to_owned()
            }
            _ => return None,
        };
        Some(json!({
            "eventID": format!("e-{index:03}"), "eventSource": "iam.amazonaws.com", "eventName": call, "recipientAccountId": ACCOUNT,
            "eventTime": format!("2026-03-02T10:{index:02}:00Z"), "requestParameters": request, "responseElements": response,
            "userIdentity": {"type": "Root", "accountId": ACCOUNT, "arn": format!("arn:aws:iam::{ACCOUNT}:root")},
        }))
    }

    fn snapshot(&self, time: &str) -> Snapshot {
        let list = |kind: &str| {
            self.entities.iter().filter(move |(key, _)| key.starts_with(kind)).map(|(key, held)| self.entry(key, held)).collect::<Vec<_>>()
        };
        let text = json!({"AccountId": ACCOUNT, "SnapshotTime": time, "UserDetailList": list("User/"), "GroupDetailList": list("Group/"), "RoleDetailList": list("Role/"), "Policies": []});
        Snapshot::read("s", &text.to_string(), &Reading::default()).expect("a snapshot")
    }

    fn entry(&self, key: &str, held: &BTreeMap<String, Json>) -> Json {
        let (kind, name) = key.split_once('/').expect("a slash");
        let inner = |attribute: &str, field: &str| {
            attribute.strip_prefix(field).and_then(|rest| rest.strip_prefix('[')?.strip_suffix(']')).map(str::to_owned)
        };
        let keyed = |field: &'static str| held.iter().filter_map(move |(attribute, value)| Some((inner(attribute, field)?, value)));
        let inline: Vec<Json> =
            keyed("inline_policies").map(|(name, document)| json!({"PolicyName": name, "PolicyDocument": document})).collect();
        let attached: Vec<Json> = keyed("attached_policies").map(|(arn, _)| json!({"PolicyArn": arn})).collect();
        let groups: Vec<&str> = self
            .entities
            .iter()
            .filter(|(_, group)| kind == "User" && group.contains_key(&format!("members[{name}]")))
            .filter_map(|(group, _)| group.strip_prefix("Group/"))
            .collect();
        let mut entry = json!({
            format!("{kind}Name"): name, format!("{kind}Id"): held["unique_id"], "Arn": format!("arn:aws:iam::{ACCOUNT}:{}/{name}", kind.to_lowercase()),
            format!("{kind}PolicyList"): inline, "AttachedManagedPolicies": attached,
        });
        if kind == "User" {
            entry["GroupList"] = json!(groups);
        }
        if let Some(boundary) = held.get("permissions_boundary") {
            entry["PermissionsBoundary"] = json!({"PermissionsBoundaryArn": boundary});
        }
        if let Some(trust) = held.get("trust_policy") {
            entry["AssumeRolePolicyDocument"] = trust.clone();
        }
        entry
    }
}

type Flat = BTreeMap<(String, String), Json>;

/// A snapshot as entity and attribute with value.
fn flat(snapshot: &Snapshot) -> Flat {
    let each = snapshot.entities.iter().flat_map(|entity| {
        let name = entity.reference.to_string();
        let held = entity.attributes.iter().map(|(attribute, value)| (attribute.to_string(), (*value.written(attribute)).clone()));
        std::iter::once(("exists".to_owned(), json!(true))).chain(held).map(move |(attribute, value)| ((name.clone(), attribute), value))
    });
    each.collect()
}

/// Replays items over a state.
fn replayed(mut state: Flat, items: &[Item]) -> Flat {
    for item in items {
        let is_gone = *item.after == json!(false) || item.after.is_null();
        if item.kind == Kind::UserRenamed {
            rename(&mut state, item);
        } else if &*item.attribute == "exists" && is_gone {
            state.retain(|(entity, _), _| **entity != *item.entity);
        } else if is_gone {
            state.remove(&(item.entity.to_string(), item.attribute.to_string()));
        } else {
            state.insert((item.entity.to_string(), item.attribute.to_string()), (*item.after).clone());
        }
    }
    state
}

fn rename(state: &mut Flat, item: &Item) {
    let (before, after) = (item.before.as_str().expect("a name"), item.after.as_str().expect("a name"));
    let old = format!("arn:aws:iam::{ACCOUNT}:user/{before}");
    let moved = |(entity, attribute): (String, String)| {
        let attribute = if attribute == format!("members[{before}]") { format!("members[{after}]") } else { attribute };
        (if entity == old { item.entity.to_string() } else { entity }, attribute)
    };
    *state = std::mem::take(state).into_iter().map(|(key, value)| (moved(key), value)).collect();
}

/// A first state, calls that change it, and what it comes to.
fn history() -> impl Strategy<Value = (Model, Vec<Json>, Model)> {
    let choices = |most| proptest::collection::vec((0_u8..11, 0_usize..3, 0_usize..3, 0_usize..6), 0..most);
    (choices(40), choices(50)).prop_map(|(before, during)| {
        let mut first = Model::default();
        for (index, choice) in before.into_iter().enumerate() {
            first.call(choice, index);
        }
        let mut last = first.clone();
        let records = during.into_iter().enumerate().filter_map(|(index, choice)| {
            last.call(choice, index + 50).map(|mut record| {
                record["eventTime"] = format!("2026-03-02T11:{index:02}:00Z").into();
                record
            })
        });
        let records: Vec<Json> = records.collect();
        (first, records, last)
    })
}

fn compared(first: &Model, records: &[Json], last: &Model) -> Drift {
    let setup = Setup {
        baselines: vec![first.snapshot("2026-03-02T06:00:00Z")],
        later: vec![last.snapshot("2026-03-02T18:00:00Z")],
        ..Setup::default()
    };
    drift(&records.iter().map(event).collect::<Vec<_>>(), &setup)
}

proptest! {
    #[test]
    fn the_drift_from_one_state_to_another_leads_there((first, records, last) in history()) {
        let found = compared(&first, &records, &last);
        let unexplained: Vec<&Item> = found.items.iter().filter(|item| item.actor_arn().is_none()).collect();
        prop_assert!(unexplained.is_empty(), "{:?}", unexplained);
        prop_assert_eq!(found.coverage.unexplained, 0);
        let (first, last) = (flat(&first.snapshot("2026-03-02T06:00:00Z")), flat(&last.snapshot("2026-03-02T18:00:00Z")));
        prop_assert_eq!(&replayed(first.clone(), &found.items), &last);
        // What ends as it began is no net change, and all else is.
        let touched: BTreeSet<(String, String)> = found.items.iter().filter(|item| item.net == Some(true)).map(|item| (item.entity.to_string(), item.attribute.to_string())).collect();
        let is_renamed = found.items.iter().any(|item| item.kind == Kind::UserRenamed || &*item.attribute == "exists");
        for key in first.keys().chain(last.keys()).filter(|_| !is_renamed) {
            prop_assert_eq!(first.get(key) != last.get(key), touched.contains(key), "{:?}", key);
        }
    }

    #[test]
    fn order_and_repeats_do_not_matter((first, records, last) in history(), seed in any::<u64>()) {
        let expected = written(&compared(&first, &records, &last).items);
        let mut shuffled: Vec<Json> = records.iter().chain(records.iter().step_by(3)).cloned().collect();
        shuffled.sort_by_cached_key(|record| crate::source::sha256_hex(format!("{seed}{record}").as_bytes()));
        prop_assert_eq!(written(&compared(&first, &shuffled, &last).items), expected);
    }

    /// A log that lacks one call leads elsewhere, or contradicts itself, unless the call changed nothing or was undone.
    #[test]
    fn a_missing_call_shows((first, mut records, last) in history(), which in any::<proptest::sample::Index>()) {
        if records.is_empty() {
            return Ok(());
        }
        let whole = compared(&first, &records, &last);
        let lost = records.remove(which.index(records.len()));
        let is_net = |item: &&Item| item.event_id.as_deref() == lost["eventID"].as_str() && item.net == Some(true) && item.reverted_by.is_none();
        let last_of_attribute = |item: &Item| whole.items.iter().rfind(|other| other.entity == item.entity && other.attribute == item.attribute) == Some(item);
        // With renames and deletions a later call may do the same for somebody else of the name.
        let is_plain = whole.items.iter().all(|item| item.kind != Kind::UserRenamed && !item.kind.name().ends_with("_deleted"));
        // So may a call that changes nothing as long as this one is there.
        let counts = is_plain && whole.noops == 0 && whole.items.iter().filter(is_net).any(last_of_attribute);
        let found = compared(&first, &records, &last);
        prop_assert!(!counts || found.items.iter().any(|item| item.actor_arn().is_none()), "{} leaves no trace", lost);
    }
}
