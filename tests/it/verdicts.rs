//! The truth tables of `detections.md`: MFA of sign-ins (18 rows) and the classes of root (11), on whole records.

use serde_json::{Value, json};

use crate::support::{Folder, detect, ids_of, record, sql};

/// A sign-in of that identity; `M` and `A` of the table as the records spell them.
fn login(number: u32, identity: Value, result: Option<&str>, mfa_used: Option<&str>, authenticated: Option<&str>) -> Value {
    record(number, |record| {
        record["eventSource"] = json!("signin.amazonaws.com");
        record["eventName"] = json!("ConsoleLogin");
        record["eventType"] = json!("AwsConsoleSignIn");
        record["readOnly"] = json!(false);
        record["userAgent"] = json!("Mozilla/5.0 (X11; Linux x86_64)");
        record["responseElements"] = result.map_or(Value::Null, |result| json!({"ConsoleLogin": result}));
        record["additionalEventData"] = json!({"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No"});
        if let Some(used) = mfa_used {
            record["additionalEventData"]["MFAUsed"] = json!(used);
        }
        record["userIdentity"] = identity;
        if let Some(flag) = authenticated {
            record["userIdentity"]["sessionContext"] =
                json!({"attributes": {"mfaAuthenticated": flag, "creationDate": "2026-03-01T07:59:00Z"}});
        }
        if result == Some("Failure") {
            record["errorMessage"] = json!("Failed authentication");
        }
    })
}

fn user() -> Value {
    json!({"type": "IAMUser", "principalId": "AIDAEXAMPLE", "arn": "arn:aws:iam::111122223333:user/ops-oncall", "accountId": "111122223333", "userName": "ops-oncall"})
}

fn root() -> Value {
    json!({"type": "Root", "principalId": "111122223333", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333", "accessKeyId": ""})
}

fn role(name: &str) -> Value {
    json!({"type": "AssumedRole", "principalId": "AROAEXAMPLE:session", "arn": format!("arn:aws:sts::111122223333:assumed-role/{name}/session"), "accountId": "111122223333"})
}

fn typed(kind: &str) -> Value {
    json!({"type": kind, "principalId": "X", "accountId": "111122223333"})
}

/// The verdicts of the records, in their order.
fn verdicts(records: &[Value], column: &str) -> Vec<String> {
    let folder = Folder::new().with("log.json", json!({"Records": records}).to_string());
    sql(folder.path(), &format!("select {column} v from events order by record_index"))
        .iter()
        .map(|row| row["v"].as_str().unwrap_or("null").to_owned())
        .collect()
}

#[test]
fn the_eighteen_rows_of_the_mfa_table() {
    let saml = |number, used, flag| {
        let mut login = login(number, role("federated"), Some("Success"), used, flag);
        login["additionalEventData"]["SamlProviderArn"] = json!("arn:aws:iam::111122223333:saml-provider/corporate");
        login
    };
    let rows: Vec<(u32, Value, &str)> = vec![
        (1, record(1, |_| ()), "not_login"),
        (2, login(2, user(), Some("Failure"), Some("Yes"), None), "failed_mfa_step"),
        (3, login(3, user(), Some("Failure"), Some("No"), None), "failed"),
        (3, login(4, root(), Some("Failure"), None, None), "failed"),
        (4, record_with_error(5), "failed"),
        (4, login(6, user(), None, Some("No"), None), "unknown"),
        (5, login(7, user(), Some("Success"), Some("Yes"), None), "mfa"),
        (5, login(8, root(), Some("Success"), Some("yes"), Some("false")), "mfa"),
        (6, login(9, user(), Some("Success"), Some("No"), Some("true")), "unknown"),
        (7, login(10, user(), Some("Success"), Some("No"), None), "no_mfa"),
        (7, login(11, user(), Some("Success"), Some("NO"), Some("false")), "no_mfa"),
        (8, login(12, root(), Some("Success"), Some("No"), None), "no_mfa"),
        (9, login(13, user(), Some("Success"), None, Some("true")), "mfa"),
        (10, login(14, root(), Some("Success"), None, Some("false")), "no_mfa"),
        (11, login(15, user(), Some("Success"), None, None), "unknown"),
        (12, saml(16, Some("No"), Some("false")), "idp_unknown"),
        (13, login(17, role("AWSReservedSSO_Admin_0123456789abcdef"), Some("Success"), Some("No"), Some("false")), "idp_unknown"),
        (14, login(18, role("admin"), Some("Success"), Some("Yes"), None), "mfa"),
        (14, login(19, role("admin"), Some("Success"), None, Some("true")), "mfa"),
        (15, login(20, role("admin"), Some("Success"), Some("No"), Some("false")), "session_no_mfa"),
        (15, login(21, role("admin"), Some("Success"), None, None), "session_no_mfa"),
        (16, login(22, typed("FederatedUser"), Some("Success"), Some("No"), None), "session_no_mfa"),
        (17, login(23, typed("SAMLUser"), Some("Success"), Some("No"), None), "idp_unknown"),
        (17, login(24, typed("WebIdentityUser"), Some("Success"), Some("No"), None), "idp_unknown"),
        (17, login(25, typed("IdentityCenterUser"), Some("Success"), Some("No"), None), "idp_unknown"),
        (18, login(26, typed("AWSAccount"), Some("Success"), Some("No"), None), "unknown"),
        (18, login(27, typed("Unknown"), Some("Success"), Some("No"), None), "unknown"),
        (18, login(28, typed("Directory"), Some("Success"), Some("No"), None), "unknown"),
        (18, login(29, Value::Null, Some("Success"), Some("No"), None), "unknown"),
    ];
    let records: Vec<Value> = rows.iter().map(|(_, record, _)| record.clone()).collect();
    let found = verdicts(&records, "mfa_verdict");
    assert_eq!(found.len(), rows.len());
    for ((row, record, wanted), found) in rows.iter().zip(&found) {
        assert_eq!(found, wanted, "row {row}: {record}");
    }
    assert_eq!(rows.iter().map(|(row, _, _)| row).collect::<std::collections::BTreeSet<_>>().len(), 18);

    // Only rows 7, 8 and 10 are reported as logins without MFA; the rows that tell nothing are notices.
    let folder = Folder::new().with("log.json", json!({"Records": records}).to_string());
    let document = detect(folder.path());
    let id = |number: u32| format!("00000000-0000-4000-8000-{number:012}");
    assert_eq!(ids_of(&document, &["MFA-001"]), [10, 11].map(id).into());
    assert_eq!(ids_of(&document, &["ROOT-002"]), [12, 14].map(id).into());
    let unknown =
        document["ledger"]["notices"].as_array().expect("notices").iter().filter(|notice| notice["kind"] == "mfa_unknown").count();
    assert_eq!(unknown, 6, "rows 6, 11 and the four of 18: {}", document["ledger"]["notices"]);
}

/// Row 4: no answer in the response, but an error message.
fn record_with_error(number: u32) -> Value {
    let mut login = login(number, user(), None, Some("No"), None);
    login["errorMessage"] = json!("Failed authentication");
    login
}

#[test]
fn federated_and_role_logins_are_never_called_mfa_less() {
    let mut records = Vec::new();
    for identity in [
        role("admin"),
        role("AWSReservedSSO_x_0"),
        typed("SAMLUser"),
        typed("WebIdentityUser"),
        typed("IdentityCenterUser"),
        typed("FederatedUser"),
    ] {
        for used in [None, Some("No"), Some("NO"), Some("no")] {
            for flag in [None, Some("false"), Some("true")] {
                let number = u32::try_from(records.len()).expect("few");
                records.push(login(number, identity.clone(), Some("Success"), used, flag));
                let mut saml = login(number + 1, identity.clone(), Some("Success"), used, flag);
                saml["additionalEventData"]["SamlProviderArn"] = json!("arn:aws:iam::111122223333:saml-provider/corporate");
                records.push(saml);
            }
        }
    }
    assert!(verdicts(&records, "mfa_verdict").iter().all(|verdict| verdict != "no_mfa"));
    let folder = Folder::new().with("log.json", json!({"Records": records}).to_string());
    assert!(ids_of(&detect(folder.path()), &["MFA-001", "ROOT-002"]).is_empty());
}

#[test]
fn the_eleven_classes_of_root() {
    let by_root = |number: u32, change: &dyn Fn(&mut Value)| {
        record(number, |record| {
            record["userIdentity"] = root();
            record["userIdentity"]["accessKeyId"] = json!("ASIAEXAMPLE");
            record["userIdentity"]["sessionContext"] =
                json!({"attributes": {"mfaAuthenticated": "false", "creationDate": "2026-03-01T07:59:00Z"}});
            change(record);
        })
    };
    let rows: Vec<(&str, Value)> = vec![
        ("none", record(1, |_| ())),
        (
            "root_credential_event",
            by_root(2, &|record| {
                record["eventSource"] = json!("signin.amazonaws.com");
                record["eventName"] = json!("PasswordRecoveryRequested");
            }),
        ),
        (
            "root_credential_event",
            record(3, |record| {
                record["eventSource"] = json!("iam.amazonaws.com");
                record["eventName"] = json!("DeactivateMFADevice");
                record["requestParameters"] = json!({"serialNumber": "arn:aws:iam::111122223333:mfa/root-account-mfa-device"});
            }),
        ),
        (
            "assume_root_call",
            record(4, |record| {
                record["eventSource"] = json!("sts.amazonaws.com");
                record["eventName"] = json!("AssumeRoot");
                record["userIdentity"]["sessionContext"] = json!({"assumedRoot": "true"});
            }),
        ),
        (
            "service",
            by_root(5, &|record| {
                record["eventType"] = json!("AwsServiceEvent");
                record["userIdentity"]["invokedBy"] = json!("support.amazonaws.com");
            }),
        ),
        ("assumed_root", by_root(6, &|record| record["userIdentity"]["sessionContext"]["assumedRoot"] = json!("true"))),
        ("console_login", login(7, root(), Some("Success"), Some("No"), None)),
        ("console_login_failed", login(8, root(), Some("Failure"), Some("No"), None)),
        ("on_behalf", by_root(9, &|record| record["userIdentity"]["invokedBy"] = json!("AWS Internal"))),
        (
            "long_term_key",
            by_root(10, &|record| {
                record["userIdentity"]["accessKeyId"] = json!("AKIAEXAMPLE");
                record["userIdentity"].as_object_mut().expect("an object").remove("sessionContext");
            }),
        ),
        ("console_action", by_root(11, &|record| record["sessionCredentialFromConsole"] = json!("true"))),
        ("console_action", by_root(12, &|record| record["eventType"] = json!("AwsConsoleAction"))),
        ("api", by_root(13, &|_| ())),
        // An old console session: invokedBy names the sign-in service, and a person acts.
        ("api", by_root(14, &|record| record["userIdentity"]["invokedBy"] = json!("signin.amazonaws.com"))),
    ];
    let records: Vec<Value> = rows.iter().map(|(_, record)| record.clone()).collect();
    let found = verdicts(&records, "root_class");
    assert_eq!(found.len(), rows.len());
    for ((wanted, record), found) in rows.iter().zip(&found) {
        assert_eq!(found, wanted, "{record}");
    }
    assert_eq!(rows.iter().map(|(class, _)| class).collect::<std::collections::BTreeSet<_>>().len(), 11);
}

#[test]
fn records_in_the_spelling_of_other_tools_are_judged_and_found_all_the_same() {
    let respelt = |mut record: Value, kind: &str, source: &str, name: &str| {
        record["userIdentity"]["type"] = json!(kind);
        record["eventSource"] = json!(source);
        record["eventName"] = json!(name);
        record
    };
    let failure = |number| login(number, root(), Some("Failure"), Some("No"), None);
    let records = [
        respelt(login(1, user(), Some("Success"), Some("No"), None), "iamuser", "SignIn.amazonaws.com", "ConsoleLogin"),
        respelt(login(2, root(), Some("Success"), Some("No"), None), "ROOT", "signin.amazonaws.com", "consolelogin"),
        respelt(failure(3), "root", "SIGNIN.AMAZONAWS.COM", "CONSOLELOGIN"),
        respelt(record(4, |record| record["readOnly"] = json!(false)), "IamUser", "IAM.amazonaws.com", "DeactivateMFADevice"),
    ];
    let folder = Folder::new().with("log.json", json!({"Records": records}).to_string());
    assert_eq!(
        sql(folder.path(), "select event_source, user_type, event_stem from events order by record_index"),
        [
            json!({"event_source": "signin.amazonaws.com", "user_type": "IAMUser", "event_stem": "ConsoleLogin"}),
            json!({"event_source": "signin.amazonaws.com", "user_type": "Root", "event_stem": "consolelogin"}),
            json!({"event_source": "signin.amazonaws.com", "user_type": "Root", "event_stem": "CONSOLELOGIN"}),
            json!({"event_source": "iam.amazonaws.com", "user_type": "IAMUser", "event_stem": "DeactivateMFADevice"}),
        ]
    );
    let document = detect(folder.path());
    for (rule, number) in [("MFA-001", 1), ("ROOT-001", 2), ("ROOT-002", 2), ("ROOT-003", 3), ("MFA-010", 4)] {
        assert_eq!(ids_of(&document, &[rule]), [format!("00000000-0000-4000-8000-{number:012}")].into(), "{rule}");
    }
    // A type that is not AWS's stays as it is.
    let odd = json!({"Records": [respelt(record(5, |_| ()), "iamUsers", "s3.amazonaws.com", "ListBuckets")]}).to_string();
    let folder = Folder::new().with("log.json", odd);
    assert_eq!(sql(folder.path(), "select user_type from events"), [json!({"user_type": "iamUsers"})]);
}
