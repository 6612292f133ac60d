//! Who could become whom in small states.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::super::attribute::{Attribute, Field, Value};
use super::super::entity::{EntityKind, EntityRef};
use super::super::state::{Covered, Held, Provenance, State};
use super::*;

const ACCOUNT: &str = "111122223333";

fn held(value: Value) -> Held {
    Held { value, since: None, provenance: Provenance::Event, event_id: None }
}

/// A state of entities, each with its attributes.
struct Made(State);

impl Made {
    fn new() -> Self {
        Self(State::default())
    }

    fn with(mut self, kind: EntityKind, name: &str, attributes: Vec<(Field, &str, Json)>) -> Self {
        let reference = EntityRef::named(kind, "aws", ACCOUNT, name);
        let id = self.0.begin(&reference, Some(Arc::from(format!("ID{name}"))), Covered::All, held(Value::Present));
        for (field, key, value) in attributes {
            let value = match value {
                Json::Bool(true) => Value::Present,
                Json::Object(_) | Json::Array(_) => {
                    Value::document(Some(&json!({"Version": "2012-10-17", "Statement": value}).to_string()))
                }
                other => Value::Json(other),
            };
            self.0.set(id, &Attribute::keyed(field, key), held(value));
        }
        self
    }

    fn user(self, name: &str, statements: Json) -> Self {
        self.with(EntityKind::User, name, vec![(Field::InlinePolicy, "p", statements)])
    }

    fn role(self, name: &str, trust: Json, statements: Json) -> Self {
        self.with(EntityKind::Role, name, vec![(Field::TrustPolicy, "", trust), (Field::InlinePolicy, "p", statements)])
    }

    fn lines(&self) -> Vec<String> {
        let graph = Graph::of(&self.0);
        let name = |place: usize| graph.nodes.get(place).map_or("", |node| node.name.rsplit(':').next().unwrap_or_default());
        let line = |edge: &Edge| {
            let condition = if edge.conditional { ", on a condition" } else { "" };
            format!("{} {} {}{condition}", name(edge.from), edge.means.words(), name(edge.to))
        };
        graph.edges.iter().map(line).collect()
    }
}

fn allow(action: &str, resource: &str) -> Json {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

#[expect(clippy::needless_pass_by_value, reason = "tests write values where they are used")]
fn trusts(principal: Json) -> Json {
    json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal})
}

fn arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:{name}")
}

#[test]
fn each_means_has_its_edge() {
    let admin = allow("*", "*");
    let service = trusts(json!({"Service": "ec2.amazonaws.com"}));
    let made = Made::new()
        .role("boss", json!([trusts(json!({"AWS": [arn("user/named"), "IDgone", "444455556666"]})), service]), admin)
        .role("own", trusts(json!({"AWS": ACCOUNT})), json!([]))
        .role("web", json!([{"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity", "Principal": {"Federated": arn("oidc-provider/example.com")}, "Condition": {"StringEquals": {"example.com:sub": "x"}}}]), json!([]))
        .role("session", trusts(json!({"AWS": format!("arn:aws:sts::{ACCOUNT}:assumed-role/own/x")})), json!([]))
        .user("named", json!([]))
        .user("assumer", allow("sts:AssumeRole", &arn("role/own")))
        .user("passer", json!([allow("iam:PassRole", &arn("role/b*")), allow("ec2:RunInstances", "*")]))
        .user("passes-nowhere", json!([allow("iam:PassRole", &arn("role/own")), allow("ec2:RunInstances", "*")]))
        .user("idle-passer", allow("iam:PassRole", "*"))
        .user("keys", allow("iam:CreateAccessKey", &arn("user/named")))
        .user("passwords", allow("iam:*LoginProfile", "*"))
        .user("truster", allow("iam:UpdateAssumeRolePolicy", &arn("role/boss")))
        .user("joiner", allow("iam:AddUserToGroup", &arn("group/crew")))
        .user("putter", allow("iam:PutUserPolicy", &arn("user/${aws:username}")))
        .user("self-putter", allow("iam:PutUserPolicy", &arn("user/self-putter")))
        .with(EntityKind::Policy, "mine", vec![(Field::DefaultDocument, "", allow("iam:CreatePolicyVersion", &arn("policy/mine")))])
        .with(EntityKind::User, "writer", vec![(Field::AttachedPolicy, &arn("policy/mine"), json!(true))])
        .with(EntityKind::User, "full", vec![(Field::AttachedPolicy, "arn:aws:iam::aws:policy/IAMFullAccess", json!(true))])
        .with(
            EntityKind::Group,
            "crew",
            vec![(Field::AttachedPolicy, "arn:aws:iam::aws:policy/AdministratorAccess", json!(true)), (Field::Member, "named", json!(true))],
        );
    insta::assert_snapshot!(made.lines().join("\n"), @"
    root may assume role/own
    root may assume role/boss
    oidc-provider/example.com may assume role/web, on a condition
    ec2.amazonaws.com may assume role/boss
    user/assumer may assume role/own
    user/full may add users to every group of 111122223333
    user/full may rewrite the trust of every role of 111122223333
    user/full may create access keys of every user of 111122223333
    user/full may set the password of every user of 111122223333
    user/full may make service credentials of every user of 111122223333
    user/full may give itself all rights
    user/joiner may add users to group/crew
    user/keys may create access keys of user/named
    user/named is a member of group/crew
    user/named may assume role/boss
    user/passer may pass, and run something under, role/boss
    user/passwords may set the password of every user of 111122223333
    user/putter may give itself all rights
    user/self-putter may give itself all rights
    user/truster may rewrite the trust of role/boss
    user/writer may rewrite a policy of its own to have all rights
    group/crew has all rights
    every group of 111122223333 has one among them who could come to all rights
    every role of 111122223333 has one among them who could come to all rights
    every user of 111122223333 has one among them who could come to all rights
    role/boss has all rights
    role/own may assume role/session
    ");
}

#[test]
fn assignments_of_identity_center_lead_into_accounts() {
    let set = |name: &str| format!("arn:aws:sso:::permissionSet/ssoins-1/ps-{name}");
    let global = |mut made: Made, kind: EntityKind, store: &str, name: &str, attributes: Vec<(Field, &str, Json)>| {
        let reference = EntityRef::named(kind, "aws", store, name);
        let id = made.0.begin(&reference, None, Covered::All, held(Value::Present));
        for (field, key, value) in attributes {
            let value = if value == json!(true) { Value::Present } else { Value::Json(value) };
            made.0.set(id, &Attribute::keyed(field, key), held(value));
        }
        made
    };
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    let made = Made::new()
        .role(
            "AWSReservedSSO_Ops_0123456789abcdef",
            trusts(json!({"Federated": arn("saml-provider/AWSSSO_1_DO_NOT_DELETE")})),
            allow("*", "*"),
        )
        .role("AWSReservedSSO_Ops_Read_0123456789abcdef", json!([]), json!([]))
        .role("AWSReservedSSO_Ops_", json!([]), json!([]));
    let made = global(made, EntityKind::PermissionSet, "", &set("ops"), vec![(Field::Name, "", json!("Ops"))]);
    let made = global(
        made,
        EntityKind::PermissionSet,
        "",
        &set("all"),
        vec![(Field::Name, "", json!("All")), (Field::AttachedPolicy, admin, json!(true))],
    );
    let made = global(made, EntityKind::StoreGroup, "d-1", "g-1", vec![(Field::Member, "u-1", json!(true))]);
    let keys = [("ops", "GROUP:g-1"), ("ops", "USER:u-2"), ("all", "USER:u-1"), ("new", "GROUP:g-9")];
    let keys = keys.map(|(name, principal)| format!("{}:{principal}", set(name)));
    let here = keys.iter().map(|key| (Field::Assignment, key.as_str(), json!(true))).collect();
    let made = global(made, EntityKind::Account, ACCOUNT, "", here);
    let elsewhere = format!("{}:USER:u-3", set("ops"));
    let made = global(made, EntityKind::Account, "444455556666", "", vec![(Field::Assignment, elsewhere.as_str(), json!(true))]);
    insta::assert_snapshot!(made.lines().join("\n"), @"
    saml-provider/AWSSSO_1_DO_NOT_DELETE may assume role/AWSReservedSSO_Ops_0123456789abcdef
    idstore/d-1/user/u-1 is a member of idstore/d-1/group/g-1
    idstore/d-1/user/u-1 is assigned permissionSet/ssoins-1/ps-all in 111122223333
    u-2 is assigned permissionSet/ssoins-1/ps-ops in 111122223333
    u-3 is assigned permissionSet/ssoins-1/ps-ops in 444455556666
    g-9 is assigned permissionSet/ssoins-1/ps-new in 111122223333
    idstore/d-1/group/g-1 is assigned permissionSet/ssoins-1/ps-ops in 111122223333
    permissionSet/ssoins-1/ps-all in 111122223333 has all rights
    permissionSet/ssoins-1/ps-ops in 111122223333 gives the role role/AWSReservedSSO_Ops_0123456789abcdef
    role/AWSReservedSSO_Ops_0123456789abcdef has all rights
    ");
}

#[test]
fn conditions_are_marked_unless_another_statement_does_without() {
    let guarded = json!({"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": arn("user/b"), "Condition": {"Bool": {"aws:MultiFactorAuthPresent": true}}});
    let lines = |statements: Json| Made::new().user("a", statements).user("b", json!([])).lines();
    assert_eq!(lines(json!([guarded])), ["user/a may create access keys of user/b, on a condition"]);
    assert_eq!(lines(json!([guarded, allow("iam:CreateAccessKey", &arn("user/b"))])), ["user/a may create access keys of user/b"]);
}

#[test]
fn who_is_gone_is_nobody() {
    let mut made = Made::new().role("r", trusts(json!({"AWS": arn("user/gone")})), json!([])).user("gone", allow("*", "*"));
    let gone = made.0.find(&EntityRef::named(EntityKind::User, "aws", ACCOUNT, "gone")).expect("a user");
    made.0.set(gone, &Attribute::plain(Field::Exists), held(Value::Absent));
    assert_eq!(made.lines(), Vec::<String>::new());
}

#[test]
fn the_distance_to_all_rights_is_that_of_a_shortest_way() {
    let made = Made::new()
        .user("a", allow("iam:CreateAccessKey", "*"))
        .user("b", json!([allow("iam:UpdateAssumeRolePolicy", &arn("role/r")), allow("iam:CreateAccessKey", &arn("user/c"))]))
        .user("c", allow("iam:CreateAccessKey", &arn("user/d")))
        .user("d", json!([]))
        .role("r", trusts(json!({"Service": "x"})), allow("*", "*"));
    let graph = Graph::of(&made.0);
    let far: Vec<(&str, Option<usize>)> =
        graph.nodes.iter().map(|node| node.name.rsplit(':').next().unwrap_or_default()).zip(graph.distances()).collect();
    insta::assert_snapshot!(far.iter().map(|(name, far)| format!("{name} {far:?}")).collect::<Vec<_>>().join("\n"), @"
    x Some(2)
    user/a Some(2)
    user/b Some(2)
    user/c None
    user/d None
    every user of 111122223333 Some(1)
    role/r Some(1)
    all rights Some(0)
    ");
}

#[test]
fn many_names_and_patterns_take_bounded_time() {
    let pattern = format!("arn:aws:iam::{ACCOUNT}:user/{}", "*a".repeat(500));
    let mut made = Made::new();
    for number in 0..40 {
        let statements: Vec<Json> = (0..20).map(|_| allow("iam:CreateAccessKey", &pattern)).collect();
        made = made.user(&format!("{}{number}", "a".repeat(60)), json!(statements));
    }
    let start = std::time::Instant::now();
    let graph = Graph::of(&made.0);
    assert!(graph.not_compared > 0);
    assert!(start.elapsed() < std::time::Duration::from_mins(1), "{:?}", start.elapsed());
}
