//! What is read from snapshots, and what is refused.

use serde_json::json;

use super::super::event::IamEvent;
use super::super::event::tests::event;
use super::*;

fn read(json: &Json) -> Result<Snapshot, NotASnapshot> {
    Snapshot::read("a.json", &json.to_string(), &Reading::default())
}

fn user(name: &str) -> Json {
    json!({"UserName": name, "UserId": format!("AIDA{name}"), "Arn": format!("arn:aws:iam::111122223333:user/{name}"),
        "CreateDate": "2025-01-10T09:00:00+00:00", "GroupList": ["readers"], "AttachedManagedPolicies": []})
}

fn found<'s>(snapshot: &'s Snapshot, arn: &str) -> &'s Described {
    snapshot.entities.iter().find(|entity| entity.reference.to_string() == arn).expect(arn)
}

#[test]
fn pages_are_joined() {
    let pages = json!([
        {"UserDetailList": [user("a")], "GroupDetailList": [], "IsTruncated": true, "Marker": "m"},
        {"UserDetailList": [user("b")], "IsTruncated": false},
    ]);
    let snapshot = read(&pages).expect("a snapshot");
    assert_eq!(snapshot.taken.0.to_string(), "2025-01-10T09:00:00Z");
    let readers = found(&snapshot, "arn:aws:iam::111122223333:group/readers");
    let members: Vec<String> = readers.attributes.keys().map(ToString::to_string).collect();
    assert_eq!(members, ["members[a]", "members[b]"]);
    assert_eq!(snapshot.complete, BTreeSet::from([EntityKind::User, EntityKind::Group]));
}

#[test]
fn what_is_refused() {
    let truncated = json!({"UserDetailList": [user("a")], "IsTruncated": true});
    assert_eq!(read(&truncated).expect_err("truncated"), NotASnapshot::Truncated);
    let partial = Snapshot::read("a", &truncated.to_string(), &Reading { is_partial: true, taken: None }).expect("a partial one");
    assert!(partial.complete.is_empty() && partial.covers.is_empty());
    let other = json!({"Arn": "arn:aws:iam::444455556666:user/x", "UserName": "x"});
    let two = read(&json!({"UserDetailList": [user("a"), other]})).expect_err("two accounts");
    assert_eq!(two, NotASnapshot::TwoAccounts("111122223333".to_owned(), "444455556666".to_owned()));
    assert_eq!(read(&json!({"UserDetailList": []})).expect_err("no account"), NotASnapshot::NoAccount);
    assert_eq!(read(&json!({"AccountId": "111122223333"})).expect_err("no time"), NotASnapshot::NoTime);
    let answered = json!({"AccountId": "111122223333", "ResponseMetadata": {"HTTPHeaders": {"date": "Mon, 02 Mar 2026 06:00:00 GMT"}}});
    assert_eq!(read(&answered).expect("a snapshot").taken.0.to_string(), "2026-03-02T06:00:00Z");
    assert!(matches!(read(&json!("x")), Err(NotASnapshot::Json(_))));
    assert!(matches!(Snapshot::read("a", "{", &Reading::default()), Err(NotASnapshot::Json(_))));
}

#[test]
fn a_snapshot_is_dated_by_the_calls_that_took_it() {
    let page = |time: &str, agent: &str, request: Json| {
        event(&json!({
            "eventID": time, "eventSource": "iam.amazonaws.com", "eventName": "GetAccountAuthorizationDetails", "eventTime": format!("2026-03-02T{time}Z"),
            "recipientAccountId": "111122223333", "userAgent": agent, "userIdentity": {"type": "Root"}, "requestParameters": request,
        }))
    };
    let first = |time: &str| page(time, "cli", json!(null));
    let next = |time: &str| page(time, "cli", json!({"marker": "m"}));
    let dated = json!({"UserDetailList": [user("a")], "GroupDetailList": [], "SnapshotTime": "2026-03-02T10:05:00Z"});
    let mut undated = dated.clone();
    undated.as_object_mut().expect("an object").remove("SnapshotTime");
    let taken = |file: &Json, events: &[IamEvent]| {
        let (start, end) = read(file).expect("a snapshot").timed_by(events).taken;
        [start, end].map(|time| time.to_string().replace("2026-03-02T", ""))
    };
    let said = ["10:05:00Z", "10:05:00Z"];
    assert_eq!(taken(&dated, &[]), said);
    assert_eq!(
        taken(&dated, &[first("10:00:00"), next("10:01:00"), next("10:11:01")]),
        ["10:00:00Z", "10:01:00Z"],
        "the last page is too late"
    );
    assert_eq!(taken(&dated, &[first("08:00:00")]), said, "hours before");
    // One of two is it where the file says its time, and else none.
    assert_eq!(taken(&dated, &[first("10:00:00"), first("10:03:00")]), said);
    assert_eq!(taken(&dated, &[first("10:00:00"), first("10:05:30")]), ["10:05:30Z", "10:05:30Z"]);
    let others = page("10:02:00", "other", json!({"marker": "m"}));
    assert_eq!(taken(&dated, &[first("10:00:00"), others]), ["10:00:00Z", "10:00:00Z"]);
    // What is asked for less than the file has, failed, or is another account's, did not yield it.
    assert_eq!(taken(&dated, &[page("10:00:00", "cli", json!({"filter": ["User"]}))]), said);
    assert_eq!(taken(&dated, &[page("10:00:00", "cli", json!({"filter": ["Group", "User"]}))])[0], "10:00:00Z");
    assert_eq!(taken(&dated, &[IamEvent { error_code: Some("AccessDenied".to_owned()), ..first("10:00:00") }]), said);
    assert_eq!(taken(&dated, &[IamEvent { recipient_account_id: "444455556666".into(), ..first("10:00:00") }]), said);
    // A file without a time was taken after all that is in it.
    assert_eq!(taken(&undated, &[first("10:00:00")])[0], "10:00:00Z");
    let mut newer = undated;
    newer["UserDetailList"][0]["CreateDate"] = "2026-03-02T10:02:00Z".into();
    assert_eq!(taken(&newer, &[first("10:00:00")])[0], "10:02:00Z");
    assert_eq!(taken(&newer, &[first("10:00:00"), first("12:00:00")])[0], "12:00:00Z");
}

#[test]
fn a_credential_report_tells_counts_and_not_ids() {
    let report = "user,arn,password_enabled,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_2_active,access_key_2_last_rotated,access_key_1_last_used_date,extra\n\
        <root_account>,x,not_supported,true,false,N/A,false,N/A,N/A,\n\
        bob,x,true,false,true,2025-01-10T09:00:00+00:00,false,2025-01-11T09:00:00+00:00,2026-03-01T08:00:00+00:00,y\n\
        short\n";
    let snapshot =
        read(&json!({"AccountId": "111122223333", "SnapshotTime": "2026-03-02T06:00:00Z", "CredentialReport": report})).expect("it");
    let bob = found(&snapshot, "arn:aws:iam::111122223333:user/bob");
    assert_eq!((bob.access_keys, bob.has_mfa), (Some((1, 1)), None));
    assert_eq!(bob.covers, BTreeSet::from([Field::LoginProfile, Field::MfaDevice]));
    assert_eq!(bob.attributes.get(&Attribute::plain(Field::LoginProfile)), Some(&Value::Present));
    let root = found(&snapshot, "arn:aws:iam::111122223333:root");
    assert_eq!(
        (root.has_mfa, root.covers.contains(&Field::LoginProfile), root.covers.contains(&Field::AccessKey)),
        (Some(true), false, true)
    );
    assert_eq!(snapshot.uses.iter().map(|used| used.what).collect::<Vec<_>>(), ["access_key_1_last_used_date"]);
    assert!(snapshot.complete.is_empty(), "a report alone is no list of users");
}

#[test]
fn documents_in_each_form_and_counts_that_differ() {
    let document = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#;
    let encoded: String = document.bytes().flat_map(|byte| ["%".to_owned(), crate::source::hex(&[byte])]).collect();
    let policy = |form: Json| {
        json!({"AccountId": "111122223333", "SnapshotTime": "2026-03-02T06:00:00Z", "UserDetailList": [], "GroupDetailList": [], "RoleDetailList": [],
            "Policies": [{"Arn": "arn:aws:iam::111122223333:policy/p", "DefaultVersionId": "v2", "AttachmentCount": 1,
                "PolicyVersionList": [{"VersionId": "v2", "Document": form}, {"VersionId": "v1", "Document": 7}]}]})
    };
    let forms = [json!(document), json!(encoded), serde_json::from_str(document).expect("JSON")].map(|form| {
        let snapshot = read(&policy(form)).expect("a snapshot");
        assert_eq!(snapshot.notes, ["arn:aws:iam::111122223333:policy/p: AttachmentCount is 1, and 0 attachments are listed"]);
        found(&snapshot, "arn:aws:iam::111122223333:policy/p").attributes.get(&Attribute::plain(Field::DefaultDocument)).cloned()
    });
    assert!(forms[0].as_ref().is_some_and(|form| form.policy().is_some()));
    assert!(forms.iter().all(|form| *form == forms[0]));
}
