//! The forms in which logs are stored and exported, and the oddities of real files, one by one.

use serde_json::{Value, json};

use crate::support::{Folder, check_ledger, detect, gzip, gzip_small, record, records, root_login, sql, trailsift, trailsift_with};

/// Events loaded from one file, the kinds of its problems and of its notices.
fn loaded(name: &str, bytes: impl AsRef<[u8]>) -> (u64, Vec<String>, Vec<String>) {
    let folder = Folder::new().with(name, bytes);
    let document = detect(folder.path());
    let kinds = |list: &str| {
        document["ledger"][list]
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| entry["kind"].as_str().expect("a kind").to_owned())
            .collect()
    };
    (document["ledger"]["records"]["loaded"].as_u64().expect("a count"), kinds("problems"), kinds("notices"))
}

const NONE: Vec<String> = Vec::new();

#[test]
fn every_envelope_is_known_by_its_content() {
    let lines: String = (1..=3).map(|number| record(number, |_| ()).to_string() + "\n").collect();
    let lookup = |number: u32| json!({"EventId": "x", "EventName": "ListBuckets", "EventTime": 1_700_000_000, "ReadOnly": "true", "CloudTrailEvent": record(number, |_| ()).to_string()});
    let bridge = |number: u32| json!({"version": "0", "id": "x", "detail-type": "AWS API Call via CloudTrail", "source": "aws.s3", "time": "2026-03-01T08:00:00Z", "resources": [], "detail": record(number, |_| ())});
    let pretty = |value: &Value| serde_json::to_string_pretty(value).expect("JSON");
    for (envelope, text) in [
        ("records", records(1..=3)),
        ("records", pretty(&serde_json::from_str(&records(1..=3)).expect("JSON"))),
        ("array", json!([record(1, |_| ()), record(2, |_| ()), record(3, |_| ())]).to_string()),
        ("jsonl", lines.clone()),
        ("jsonl", lines.replace('\n', "\r\n\r\n")),
        ("jsonl", (1..=3).map(|number| pretty(&record(number, |_| ())) + "\n").collect()),
        ("lookup-events", json!({"Events": [lookup(1), lookup(2), lookup(3)], "NextToken": "x"}).to_string()),
        ("lookup-events", (1..=3).map(|number| lookup(number).to_string() + "\n").collect()),
        ("eventbridge", (1..=3).map(|number| bridge(number).to_string() + "\n").collect()),
    ] {
        // The name tells nothing, and neither does whether the bytes are compressed.
        for (name, bytes) in [
            ("a.json.gz", gzip(&text)),
            ("b.bin", gzip(&text)),
            ("c.json.gz", text.clone().into_bytes()),
            ("d", [b"\xef\xbb\xbf", text.as_bytes()].concat()),
        ] {
            let folder = Folder::new().with(name, bytes);
            let rows = sql(folder.path(), "select event_id, record_index, envelope from events order by record_index");
            let ids: Vec<&Value> = rows.iter().map(|row| &row["event_id"]).collect();
            assert_eq!(
                ids,
                ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002", "00000000-0000-4000-8000-000000000003"],
                "{envelope} {name}: {text}"
            );
            assert!(rows.iter().all(|row| row["envelope"] == envelope), "{envelope}: {rows:?}");
        }
    }
    assert_eq!(loaded("one.json", record(1, |_| ()).to_string()), (1, NONE, NONE));
    assert_eq!(loaded("empty.json.gz", gzip(r#"{"Records":[]}"#)), (0, NONE, NONE));
    assert_eq!(loaded("empty.json", "[]"), (0, NONE, NONE));
}

#[test]
fn event_history_downloads_are_read_with_what_they_cannot_tell() {
    let header = "User name,AWS access key,Event time,Event source,Event name,AWS region,Source IP address,User agent,Error code,Resources,Request ID,Event ID,Read-only,Event type,Recipient Account Id,Event category\n";
    let rows = "root,,2026-03-01T08:00:00Z,signin.amazonaws.com,ConsoleLogin,us-east-1,203.0.113.9,Mozilla/5.0,,,,e1,false,AwsConsoleSignIn,012345678901,Management\n\
                ops,AKIAX,2026-03-01T08:01:00Z,ec2.amazonaws.com,RunInstances,us-east-1,203.0.113.9,\"a,b\"\"c\",,\"[{\"\"resourceType\"\":\"\"T\"\",\"\"resourceName\"\":\"\"i-1\"\"}]\",r2,e2,FALSE,AwsApiCall,5.28758E+11,Management\n\
                short,row\n";
    let folder = Folder::new().with("history.csv", format!("{header}{rows}"));
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["records"], json!({"seen": 3, "loaded": 2, "duplicates": 0, "problems": 1}));
    let found = sql(
        folder.path(),
        "select event_id, user_type, mfa_verdict, api_mfa, recipient_account_id, read_only, user_agent, resource_arns, envelope from events order by event_id",
    );
    assert_eq!(
        found[0],
        json!({"event_id": "e1", "user_type": "Root", "mfa_verdict": "unknown", "api_mfa": "unknown", "recipient_account_id": "012345678901", "read_only": false, "user_agent": "Mozilla/5.0", "resource_arns": null, "envelope": "event-history-csv"})
    );
    assert_eq!(
        found[1],
        json!({"event_id": "e2", "user_type": null, "mfa_verdict": "not_login", "api_mfa": "unknown", "recipient_account_id": null, "read_only": false, "user_agent": "a,b\"c", "resource_arns": ["i-1"], "envelope": "event-history-csv"})
    );
    let notices: Vec<&str> =
        document["ledger"]["notices"].as_array().expect("notices").iter().map(|notice| notice["kind"].as_str().expect("kind")).collect();
    assert!(notices.contains(&"root_inferred") && notices.contains(&"account_id_lost"), "{notices:?}");
}

#[test]
fn lake_and_athena_exports_are_matched_without_case() {
    let line = json!({
        "eventversion": "1.08", "eventtime": "2023-01-10 21:04:02.000", "eventname": "ConsoleLogin", "eventsource": "signin.amazonaws.com",
        "useridentity": {"type": "IAMUser", "principalid": "AIDA", "accountid": "111122223333", "username": "ops", "arn": "arn:aws:iam::111122223333:user/ops"},
        "responseelements": "{\"ConsoleLogin\":\"Success\"}", "additionaleventdata": "{\"MFAUsed\":\"No\"}", "eventid": "e1", "recipientaccountid": "111122223333", "year": "2023",
    });
    let folder = Folder::new().with("lake.jsonl", line.to_string());
    let rows = sql(folder.path(), "select event_time, user_name, user_account_id, mfa_verdict, extra from events");
    assert_eq!(
        rows,
        [
            json!({"event_time": "2023-01-10T21:04:02Z", "user_name": "ops", "user_account_id": "111122223333", "mfa_verdict": "no_mfa", "extra": "{\"year\":\"2023\"}"})
        ]
    );
}

#[test]
fn gzip_in_all_its_states() {
    let text = records(1..=2_000);
    let whole = gzip(&text);
    assert_eq!(loaded("whole.json.gz", &whole), (2_000, NONE, NONE));
    let (count, problems, _) = loaded("cut.json.gz", &whole[..whole.len() * 2 / 3]);
    assert!((1_000..2_000).contains(&count), "{count} records stand before the cut");
    assert_eq!(problems, ["gzip_cut"]);
    let halves = [gzip(&text[..text.len() / 2]), gzip(&text[text.len() / 2..])].concat();
    assert_eq!(loaded("members.json.gz", halves), (2_000, NONE, vec!["second_member".to_owned()]));
    let mut damaged = whole.clone();
    damaged[whole.len() / 2..whole.len() / 2 + 8].fill(0xff);
    let (count, problems, _) = loaded("damaged.json.gz", damaged);
    assert!(count < 2_000);
    assert_eq!(problems, ["gzip_damaged"]);
    assert_eq!(loaded("junk.json.gz", [whole.as_slice(), b"junk"].concat()), (2_000, vec!["trailing_bytes".to_owned()], NONE));
    assert_eq!(loaded("empty.json.gz", ""), (0, vec!["empty".to_owned()], NONE));
}

#[test]
fn one_bad_record_costs_one_record() {
    let [a, b] = [1, 2].map(|number| record(number, |_| ()).to_string());
    for (bad, kind) in [
        ("null", "not_an_object"),
        ("17", "not_an_object"),
        (r#"{"hello": "world"}"#, "not_an_event"),
        (r#"{"eventVersion": "1.08", "eventName": nope}"#, "bad_json"),
        (r#"{"eventVersion": "1.08", "eventName": "\ud800"}"#, "bad_json"),
    ] {
        let records = format!(r#"{{"Records":[{a},{bad},{b}]}}"#);
        assert_eq!(loaded("records.json", &records), (2, vec![kind.to_owned()], NONE), "{bad}");
        assert_eq!(loaded("lines.jsonl", format!("{a}\n{bad}\n{b}\n")), (2, vec![kind.to_owned()], NONE), "{bad}");
    }
    let broken = format!("{{\"Records\":[{a},{{\"open\": [{b}]");
    let (count, problems, _) = loaded("broken.json", broken);
    assert_eq!((count, problems), (1, vec!["json_cut".to_owned()]));
    let latin = [a.as_bytes(), b"\n{\"eventVersion\":\"1.08\",\"eventName\":\"\xe9t\xe9\",\"eventSource\":\"x\"}\n", b.as_bytes()].concat();
    assert_eq!(loaded("latin.jsonl", latin), (2, vec!["not_utf8".to_owned()], NONE));
}

#[test]
fn problems_tell_their_place() {
    let [a, b] = [1, 2].map(|number| record(number, |_| ()).to_string());
    let folder = Folder::new().with("x.json", format!("[{a},{{\"eventName\": nope}},{b}]"));
    let document = detect(folder.path());
    let problem = &document["ledger"]["problems"][0];
    assert_eq!(problem["record_index"], 1);
    assert_eq!(problem["offset"], a.len() + 2);
    assert!(problem["object"].as_str().expect("a name").ends_with("/x.json"));
}

#[test]
fn duplicates_are_counted_once_and_differing_ones_are_kept() {
    let [a, b] = [1, 2].map(|number| record(number, |_| ()).to_string());
    // The same record with its keys in another order and other spaces is the same record.
    let reordered = a.replacen(r#"{"eventVersion":"1.11","#, "{", 1).replacen('}', "} ", 1);
    let reordered = format!("{},\"eventVersion\" : \"1.11\"}}", reordered.trim_end().trim_end_matches('}').trim_end().to_owned() + "");
    let altered = a.replace("ListBuckets", "DeleteBucket");
    let folder = Folder::new().with("1.json", format!("[{a},{b}]")).with("2.json", format!("[{a},{reordered},{altered}]"));
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["records"], json!({"seen": 5, "loaded": 3, "duplicates": 2, "problems": 0}));
    assert_eq!(document["ledger"]["notices"][0]["kind"], "duplicate_mismatch");
    let rows = sql(folder.path(), "select event_name, record_sha256 from events where event_id like '%1' order by event_name");
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|row| row["record_sha256"].as_str().is_some_and(|hash| hash.len() == 64)), "{rows:?}");
    let addendum = record(1, |record| record["addendum"] = json!({"reason": "UPDATED_DATA", "originalEventID": record["eventID"]}));
    let folder = Folder::new().with("1.json", format!("[{a},{addendum}]"));
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["records"]["loaded"], 2);
    assert_eq!(document["ledger"]["notices"][0]["kind"], "replaced_by_addendum");
}

#[test]
fn a_record_without_an_id_is_never_dropped() {
    let nameless = record(1, |record| drop(record.as_object_mut().expect("an object").remove("eventID"))).to_string();
    let folder = Folder::new().with("1.json", format!("[{nameless},{nameless}]"));
    let rows = sql(folder.path(), "select event_id, record_sha256 from events");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["record_sha256"], rows[1]["record_sha256"]);
    assert!(rows[0]["record_sha256"].is_string());
}

#[test]
fn a_key_named_twice_counts_with_its_last_value() {
    let twice = record(1, |_| ()).to_string().replacen("\"eventName\"", "\"eventName\":\"DeleteTrail\",\"eventName\"", 1);
    let folder = Folder::new().with("1.json", format!("[{twice}]"));
    let rows = sql(folder.path(), "select event_name, has_duplicate_keys from events");
    assert_eq!(rows, [json!({"event_name": "ListBuckets", "has_duplicate_keys": true})]);
    assert_eq!(detect(folder.path())["ledger"]["notices"][0]["kind"], "duplicate_keys");
}

#[test]
fn times_in_all_forms_and_none() {
    let timed = |number, time: Value| record(number, |record| record["eventTime"] = time);
    let stashed = record(4, |record| {
        record.as_object_mut().expect("an object").remove("eventTime");
        record["@timestamp"] = json!("2020-09-14T00:44:23.000Z");
    });
    let events = json!([timed(1, json!("2026-03-01T09:00:00+01:00")), timed(2, json!(1_772_352_000)), timed(3, json!("soon")), stashed]);
    let folder = Folder::new().with("1.json", events.to_string());
    let rows = sql(folder.path(), "select event_time, event_time_raw, dt from events order by record_index");
    assert_eq!(rows[0], json!({"event_time": "2026-03-01T08:00:00Z", "event_time_raw": "2026-03-01T09:00:00+01:00", "dt": "2026-03-01"}));
    assert_eq!(rows[1]["event_time"], "2026-03-01T08:00:00Z");
    assert_eq!(rows[2], json!({"event_time": null, "event_time_raw": "soon", "dt": "unknown"}));
    assert_eq!(rows[3]["event_time"], "2020-09-14T00:44:23Z");
    let document = detect(folder.path());
    let kinds: Vec<&str> =
        document["ledger"]["notices"].as_array().expect("notices").iter().map(|notice| notice["kind"].as_str().expect("kind")).collect();
    assert_eq!(kinds, ["bad_time", "time_from_envelope"]);
}

#[test]
fn forty_levels_are_read_and_a_thousand_are_a_problem() {
    let nested = |depth: usize| {
        let deep: Value = (0..depth).fold(json!(1), |inner, _| json!({"a": inner}));
        record(1, |record| record["requestParameters"] = deep)
    };
    assert_eq!(loaded("forty.json", nested(40).to_string()), (1, NONE, NONE));
    let text = record(1, |record| record["requestParameters"] = json!("DEEP"))
        .to_string()
        .replace("\"DEEP\"", &format!("{}1{}", "[".repeat(1_000), "]".repeat(1_000)));
    let (count, problems, _) = loaded("deep.json", format!("[{text},{}]", record(2, |_| ())));
    assert_eq!((count, problems), (1, vec!["limit".to_owned()]));
}

#[test]
fn a_record_of_ten_megabytes_is_read() {
    let large = record(1, |record| record["requestParameters"] = json!({"text": "é\"\\ x".repeat(2_000_000)}));
    let folder = Folder::new().with("large.json.gz", gzip(format!("[{large},{}]", record(2, |_| ()))));
    let rows = sql(folder.path(), "select length(request_parameters) n from events order by record_index");
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["n"], large["requestParameters"].to_string().chars().count());
}

#[test]
fn a_gzip_bomb_is_stopped_and_named() {
    let bomb = gzip_small(vec![b' '; 900 << 20]);
    assert!(bomb.len() < 5 << 20);
    let folder = Folder::new().with("bomb.json.gz", bomb).with("good.json.gz", gzip(records(1..=2)));
    let run = trailsift(["detect".as_ref(), folder.path().as_os_str(), "--format".as_ref(), "json".as_ref()]).expect(3);
    let document = run.json();
    check_ledger(&document);
    assert_eq!(document["ledger"]["records"]["loaded"], 2);
    assert_eq!(document["ledger"]["problems"][0]["kind"], "limit");
    let large_text = gzip_small(format!(
        "[{}",
        format!("{},", record(1, |record| record["requestParameters"] = json!("x".repeat(20_000)))).repeat(30_000)
    ));
    let folder = Folder::new().with("bomb.json.gz", large_text);
    let run = trailsift(["detect".as_ref(), folder.path().as_os_str(), "--format".as_ref(), "json".as_ref()]).expect(3);
    assert_eq!(run.json()["ledger"]["problems"][0]["kind"], "limit");
}

#[test]
fn a_file_of_several_windows_is_read_whole() {
    // Larger than a window, so that it is cut into pieces that are read side by side.
    let count = 300_000;
    // Letters of two to four bytes, so that windows end inside some.
    let line = |number| record(number, |record| record["userAgent"] = json!("aws-cli é\u{202f}\u{1f600}".repeat(9))).to_string() + "\n";
    let body: String = (1..=count).map(line).collect();
    assert!(body.len() > 150 << 20);
    let as_records = format!("{{\"Records\":[{}], \"more\": 1}}\n", body.trim_end().replace('\n', ",\n"));
    for text in [body, as_records] {
        let folder = Folder::new().with("huge.json.gz", gzip(&text));
        let rows = sql(folder.path(), "select count(*) n, count(distinct record_index) places, max(record_index) last from events");
        assert_eq!(rows, [json!({"n": count, "places": count, "last": count - 1})]);
        assert_eq!(sql(folder.path(), "select count(distinct user_agent) n from events"), [json!({"n": 1})]);
    }
}

#[test]
fn a_damaged_file_of_several_windows_keeps_what_came_before() {
    let line = |number| record(number, |_| ()).to_string();
    let before: Vec<String> = (1..=200_000).map(line).collect();
    let text = format!("{{\"Records\":[{},{{\"eventName\": nope}},{},{{\"open\": [{}", before.join(","), line(200_001), line(200_002));
    let folder = Folder::new().with("huge.json", text);
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["records"], json!({"seen": 200_002, "loaded": 200_001, "duplicates": 0, "problems": 1}));
    assert_eq!(document["ledger"]["objects"]["problems"], 1);
}

#[test]
fn what_is_no_log_is_skipped_with_its_reason() {
    let folder = Folder::new()
        .with("log.json", records(1..=1))
        .with("digest.json", json!({"awsAccountId": "1", "digestStartTime": "x", "logFiles": []}).to_string())
        .with("ocsf.json", json!({"class_uid": 3005, "metadata": {"product": {}}, "activity_id": 1}).to_string())
        .with("config.json.gz", gzip(json!({"fileVersion": "1.0", "configSnapshotId": "x", "configurationItems": []}).to_string()))
        .with(
            "s3.json",
            json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]}).to_string(),
        )
        .with("keys.json", json!({"PublicKeyList": []}).to_string())
        .with("notes.txt", "hello")
        .with("_SUCCESS", "")
        .with("a.zip", b"PK\x03\x04rest")
        .with("a.tar.gz", gzip([&[b'x'; 257][..], b"ustar", &[0; 250][..]].concat()))
        .with("a.zst", b"\x28\xb5\x2f\xfdrest");
    let document = detect(folder.path());
    let skipped: Vec<(String, &str)> = document["ledger"]["skipped"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|entry| {
            (
                entry["object"].as_str().expect("name").rsplit('/').next().expect("name").to_owned(),
                entry["reason"].as_str().expect("reason"),
            )
        })
        .collect();
    let reason = |name: &str| skipped.iter().find(|(object, _)| object == name).map_or("read", |(_, reason)| *reason);
    assert_eq!(reason("log.json"), "read");
    assert_eq!(reason("digest.json"), "not a log: a CloudTrail digest file");
    assert_eq!(reason("ocsf.json"), "not a log: an OCSF event");
    assert_eq!(reason("config.json.gz"), "not a log: an AWS Config file");
    assert_eq!(reason("s3.json"), "not a log: an S3 event notification");
    assert_eq!(reason("keys.json"), "not a log: JSON without CloudTrail's fields");
    assert_eq!(reason("notes.txt"), "not a log: not JSON");
    assert_eq!(reason("_SUCCESS"), "not a log: empty");
    assert!(reason("a.zip").contains("unpack it first: unzip "), "{}", reason("a.zip"));
    assert!(reason("a.tar.gz").contains("unpack it first: tar -xf "));
    assert!(reason("a.zst").contains("unpack it first: zstd -d "));
    assert_eq!(document["ledger"]["objects"], json!({"listed": 11, "read": 1, "skipped": 10, "problems": 0}));
}

#[test]
#[cfg(unix)]
fn links_are_followed_once_and_loops_end() {
    let folder = Folder::new().with("a/b/log.json", records(1..=3));
    std::os::unix::fs::symlink(folder.path().join("a"), folder.path().join("a/b/up")).expect("a link");
    std::os::unix::fs::symlink(folder.path().join("a/b/log.json"), folder.path().join("again.json")).expect("a link");
    std::os::unix::fs::symlink("nowhere", folder.path().join("dangling")).expect("a link");
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["records"], json!({"seen": 3, "loaded": 3, "duplicates": 0, "problems": 0}));
    assert_eq!(document["ledger"]["objects"], json!({"listed": 4, "read": 1, "skipped": 2, "problems": 1}));
}

#[test]
#[cfg(unix)]
fn a_web_of_links_costs_no_more_than_its_folders() {
    let folder = Folder::new().with("d30/log.json", records(1..=3));
    for level in 0..30 {
        let here = folder.path().join(format!("d{level}"));
        std::fs::create_dir(&here).expect("a folder");
        for name in ["a", "b"] {
            std::os::unix::fs::symlink(folder.path().join(format!("d{}", level + 1)), here.join(name)).expect("a link");
        }
    }
    let started = std::time::Instant::now();
    let document = detect(folder.path());
    assert!(started.elapsed().as_secs() < 30);
    assert_eq!(document["ledger"]["records"], json!({"seen": 3, "loaded": 3, "duplicates": 0, "problems": 0}));
    let reasons: Vec<&Value> = document["ledger"]["skipped"].as_array().expect("a list").iter().map(|entry| &entry["reason"]).collect();
    assert!(reasons.iter().all(|reason| **reason == "the same folder as one already listed"), "{reasons:?}");
    // Which name a folder goes by does not depend on the order in which the sources are given.
    let [one, two] = ["d29", "d30"].map(|name| folder.path().join(name));
    let objects = |sources: [&std::path::Path; 2]| {
        let args = ["detect".as_ref(), sources[0].as_os_str(), sources[1].as_os_str(), "--format".as_ref(), "json".as_ref()];
        trailsift(args).expect(0).json()["ledger"].clone()
    };
    assert_eq!(objects([&one, &two]), objects([&two, &one]));
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_of_any_name_is_skipped_and_not_opened() {
    let folder = Folder::new().with("log.json", records(1..=3));
    for name in ["case.json", "pipe.json"] {
        let made = std::process::Command::new("mkfifo").arg(folder.path().join(name)).status().expect("mkfifo");
        assert!(made.success());
    }
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["objects"], json!({"listed": 3, "read": 1, "skipped": 2, "problems": 0}));
}

#[test]
fn a_case_manifest_hides_no_log() {
    let folder = Folder::new()
        .with("sub/case.json", r#"{"x":"trailsift.case/1"}"#)
        .with("sub/log.json", records(1..=3))
        .with("sub/deeper/findings.jsonl", records(4..=6))
        .with("log.json", records(7..=9));
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["records"]["loaded"], 9);
    assert_eq!(document["ledger"]["objects"], json!({"listed": 4, "read": 3, "skipped": 1, "problems": 0}));
}

#[test]
fn standard_input_is_a_source_like_any_other() {
    let run = trailsift_with(["detect", "-", "--format", "json"], &gzip(records(1..=3))).expect(0);
    let document = run.json();
    check_ledger(&document);
    assert_eq!(document["ledger"]["records"]["loaded"], 3);
    trailsift_with(["detect", "-", "--format", "json"], b"").expect(3);
}

#[test]
fn several_sources_are_one_case_and_no_file_counts_twice() {
    let folder = Folder::new().with("a/1.json", records(1..=3)).with("b/2.json", records(3..=5));
    let run = trailsift([
        "detect".as_ref(),
        folder.path().join("b").as_os_str(),
        folder.path().join("a/1.json").as_os_str(),
        folder.path().as_os_str(),
        "--format".as_ref(),
        "json".as_ref(),
    ]);
    let document = run.expect(0).json();
    assert_eq!(document["ledger"]["records"], json!({"seen": 6, "loaded": 5, "duplicates": 1, "problems": 0}));
    assert_eq!(document["ledger"]["objects"]["skipped"], 2);
}

#[test]
fn a_broken_record_takes_no_neighbour_with_it() {
    let good = |number: u32| record(number, |_| ()).to_string();
    let quote = r#"{"eventVersion":"1.08","x":"a"b"}"#;
    let array = format!("[{quote},{},{},{quote},{}]", good(1), good(2), good(3));
    assert_eq!(loaded("array.json", array), (3, vec!["bad_json".to_owned(); 2], NONE));
    assert_eq!(loaded("scalar.json", format!("[{},nul,{},{}]", good(1), good(2), good(3))), (3, vec!["bad_json".to_owned()], NONE));
    let cut = r#"{"eventVersion":"1.08","requestParameters":"#;
    let lines = format!("{}\n{cut}\n{}\n{}\n", good(1), good(2), good(3));
    assert_eq!(loaded("lines.jsonl", lines), (3, vec!["bad_json".to_owned()], NONE));
    let one_line = format!("{}{{\"eventVersion\":01}}{}{}\n{}\n", good(1), good(2), good(3), good(4));
    assert_eq!(loaded("line.json", one_line), (4, vec!["bad_json".to_owned()], NONE));
    assert_eq!(loaded("junk.log", format!("# exported\n{}\n{}\n", good(1), good(2))), (2, vec!["bad_json".to_owned()], NONE));
    let csv = "Event time,Event source,Event name,Event ID\n2026-03-01T08:00:00Z,a,\"b,e1\n2026-03-01T08:00:00Z,a,b,e2\n";
    assert_eq!(loaded("open.csv", csv).1, ["bad_csv"]);
}

#[test]
fn many_broken_records_cost_no_more_than_their_bytes() {
    let quote = r#"{"eventVersion":"1.08","x":"a"b"}"#;
    let plain = r#"{"a":nope}"#;
    for text in [
        format!("[{}]", vec![quote; 300_000].join(",")),
        format!("[{}]", vec![plain; 600_000].join(",")),
        format!("{plain} ").repeat(600_000),
    ] {
        let started = std::time::Instant::now();
        let (count, problems, _) = loaded("broken.json", text);
        assert!(count == 0 && !problems.is_empty());
        // Quadratic work would take hours; the bound only tells the two apart.
        assert!(started.elapsed().as_secs() < 60);
    }
    let keys: Vec<String> = (0..400_000).map(|number| format!("\"k{number}\":1")).collect();
    let many = record(1, |_| ()).to_string().replacen('{', &format!("{{{},", keys.join(",")), 1);
    assert_eq!(loaded("keys.json", many).0, 1);
}

#[test]
fn no_key_beside_an_event_hides_it() {
    let event = root_login(1).to_string();
    let tail = &event[..event.len() - 1];
    for text in [
        format!("{tail},\"Records\":[]}}"),
        format!("[{tail},\"events\":[1]}}]"),
        format!("{tail},\"detail\":{{}},\"detail-type\":\"x\"}}"),
        event.replace("\"userIdentity\":{", "\"useridentity\":{"),
        event.replace("\"eventID\"", "\"eventId\""),
        format!("[{{\"Records\":[{event}]}},{{\"Records\":[]}}]"),
    ] {
        let folder = Folder::new().with("a.json", &text);
        let found = crate::support::ids_of(&detect(folder.path()), &["ROOT-002"]);
        assert_eq!(found, ["00000000-0000-4000-8000-000000000001".to_owned()].into(), "{text}");
    }
    let mut spelt = root_login(1);
    spelt["userIdentity"] = json!(spelt["userIdentity"].to_string());
    let folder = Folder::new().with("a.json", spelt.to_string());
    assert_eq!(crate::support::ids_of(&detect(folder.path()), &["ROOT-002"]).len(), 1);
    // What stands beside a list of records is not read, and that is said.
    let hidden = format!("{{\"Records\":[],{}", &event[1..]);
    assert_eq!(loaded("hidden.json", hidden), (0, vec!["not_an_event".to_owned()], NONE));
}

#[test]
fn only_equal_contents_are_duplicates() {
    let pair = |a: Value, b: Value| {
        let folder = Folder::new().with("a.json", json!([a, b]).to_string());
        detect(folder.path())["ledger"]["records"]["duplicates"].clone()
    };
    let listed = |last: &str| {
        record(1, |record| {
            record["resources"] = (0..6).map(|n| json!({"ARN": if n == 3 { last.to_owned() } else { format!("b{n}") }})).collect();
        })
    };
    assert_eq!(pair(listed("b3"), listed("other")), 0);
    assert_eq!(pair(listed("b3"), listed("b3")), 1);
    let split = |a: &str, b: &str| record(1, |record| (record["vpcEndpointId"], record["vpcEndpointAccountId"]) = (json!(a), json!(b)));
    assert_eq!(pair(split("a\"\u{1f}\"b", "c"), split("a", "b\"\u{1f}\"c")), 0);
    let number = |text: &str| {
        record(1, |_| ()).to_string().replace("\"requestParameters\":null", &format!("\"requestParameters\":{{\"n\":{text}}}"))
    };
    let duplicates = |a: &str, b: &str| {
        let folder = Folder::new().with("a.json", format!("[{},{}]", number(a), number(b)));
        detect(folder.path())["ledger"]["records"]["duplicates"].clone()
    };
    assert_eq!(duplicates("12345678901234567890123", "12345678901234567890124"), 0);
    assert_eq!(duplicates("1492", "1492.0"), 1);
}

#[test]
fn a_download_claims_no_more_than_its_columns_tell() {
    let header = "User name,AWS access key,Event time,Event source,Event name,AWS region,Source IP address,User agent,Error code,Resources,Request ID,Event ID,Read-only,Event type,Recipient Account Id,Event category\n";
    let row = |id: &str, user: &str, source: &str, name: &str, address: &str| {
        format!(
            "{user},,2026-03-01T08:00:00Z,{source}.amazonaws.com,{name},us-east-1,{address},x,,,,{id},false,AwsApiCall,012345678901,Management\n"
        )
    };
    let rows = [
        row("e1", "root", "signin", "ConsoleLogin", "203.0.113.9"),
        row("e2", "root", "ec2", "CreateSecurityGroup", "cloudformation.amazonaws.com"),
        row("e3", "ops", "iam", "UpdateAccountPasswordPolicy", "203.0.113.9"),
        row("e4", "ops", "sts", "GetSessionToken", "203.0.113.9"),
        row("e5", "root", "iam", "CreateAccessKey", "203.0.113.9"),
        row("e6", "ops", "signin", "ConsoleLogin", "203.0.113.9"),
        row("e7", "root", "sts", "GetCallerIdentity", "203.0.113.9").replacen("root,", "root,AKIAEXAMPLE", 1),
        row("e8", "root", "s3", "ListBuckets", "203.0.113.9").replacen("root,", "root,AKIAEXAMPLE", 1).replace(",x,", ",S3Console/0.4,"),
        row("e9", "ops", "signin", "ConsoleLogin", "203.0.113.9").replace(",x,,", ",x,AccessDenied,"),
    ];
    let folder = Folder::new().with("history.csv", format!("{header}{}", rows.concat()));
    let document = detect(folder.path());
    let ids = |rules: &[&str]| crate::support::ids_of(&document, rules);
    // A sign-in whose outcome is not in the row has neither failed nor worked, and a service is not root.
    assert_eq!(ids(&["ROOT-006"]), ["e5", "e7", "e8"].map(str::to_owned).into());
    assert!(ids(&["ROOT-001", "ROOT-002", "ROOT-003", "ROOT-008", "ROOT-009", "MFA-001", "MFA-007", "MFA-019"]).is_empty(), "{document}");
    assert_eq!(document["findings"][0]["principal"], "root (inferred from the user name)");
    // A row cannot show the session, so that it cannot show that there was none.
    let judged = sql(folder.path(), "select ok, root_class, long_term_key from events order by event_id");
    let wanted: Vec<Value> = [
        (json!(null), "console_login_unknown"),
        (json!(true), "on_behalf"),
        (json!(true), "none"),
        (json!(true), "none"),
        (json!(true), "api"),
        (json!(null), "none"),
        (json!(true), "api"),
        (json!(true), "console_action"),
        (json!(false), "none"),
    ]
    .into_iter()
    .map(|(ok, class)| json!({"ok": ok, "root_class": class, "long_term_key": false}))
    .collect();
    assert_eq!(judged, wanted);
    let kinds: Vec<&Value> = document["ledger"]["notices"].as_array().expect("notices").iter().map(|notice| &notice["kind"]).collect();
    assert!(kinds.contains(&&json!("mfa_unknown")), "{kinds:?}");
}

/// Lines of records with long parameters, larger than the window in which large files are read.
fn large_lines(count: u32) -> String {
    let line = |number| record(number, |record| record["requestParameters"] = json!({"x": "y".repeat(20_000)})).to_string() + "\n";
    let text: String = (1..=count).map(line).collect();
    assert!(text.len() > 66 << 20);
    text
}

#[test]
fn a_large_file_of_lines_ends_whatever_its_last_line_is() {
    let good = large_lines(3_500);
    for (last, kind) in [
        (&b"{\"eventVersion\":\"1.08\",\"eventName\":nope}"[..], "bad_json"),
        (b"{\"eventVersion\":\"1.08\",\"eventName\":nope}\n", "bad_json"),
        (b"{\"eventVersion\":\"1.08\",\"eventName\":\"\xe9t\xe9\"}\n", "not_utf8"),
        (b"{\"eventVersion\":\"1.08\",\"eventName\":\"a\"b\"}\n", "bad_json"),
        (b"{\"eventVersion\":\"1.08\",\"eventName\":[\n", "json_cut"),
    ] {
        assert_eq!(loaded("large.jsonl", [good.as_bytes(), last].concat()), (3_500, vec![kind.to_owned()], NONE), "{last:?}");
        // In the middle it is one of many, and the same.
        let middle = [good.as_bytes(), last.trim_ascii_end(), b"\n", record(9_999, |_| ()).to_string().as_bytes()].concat();
        assert_eq!(loaded("large.jsonl", middle).0, 3_501, "{last:?}");
    }
}

#[test]
fn a_large_line_of_bad_values_ends_and_each_is_counted() {
    let count = 6_200_000;
    let folder = Folder::new().with("large.jsonl", gzip(r#"{"a":nope} "#.repeat(count)));
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["records"], json!({"seen": count, "loaded": 0, "duplicates": 0, "problems": count}));
    // Where no end of any value shows, reading ends with the limit of one record.
    let folder = Folder::new().with("large.jsonl", gzip(record(1, |_| ()).to_string() + "\n" + &"{\"a\"b ".repeat(24 << 20)));
    let document = detect(folder.path());
    assert_eq!(document["ledger"]["records"], json!({"seen": 1, "loaded": 1, "duplicates": 0, "problems": 0}));
    assert_eq!(document["ledger"]["problems"][0]["kind"], "limit");
}

/// A record with the same fields, whose first key is not the one that AWS writes first.
fn reordered(number: u32) -> String {
    format!(
        "{{\"awsRegion\":\"eu-west-1\",{}",
        &record(number, |record| drop(record.as_object_mut().expect("an object").remove("awsRegion"))).to_string()[1..]
    )
}

#[test]
fn a_broken_record_is_not_taken_for_those_after_it() {
    let quote = record(9, |record| record["eventName"] = json!("QUOTE")).to_string().replace("QUOTE", "List\"Buckets");
    let broken = |text: &str| text.replacen("{\"eventVersion\":\"1.11\",", "{", 1);
    let good: Vec<String> =
        (1..=52).map(|number| if number % 51 == 1 { record(number, |_| ()).to_string() } else { reordered(number) }).collect();
    let nested = r#"{"eventVersion":"1.08","x":nope,"l":[{"eventVersion":"1.08","eventName":"A","eventSource":"b"},{"eventVersion":"1.08","eventName":"A","eventSource":"b"}]}"#;
    for bad in [
        broken(&quote),
        quote.clone(),
        quote.replace("\"List", "\"x\":[{\"a\":1},{\"b\":2}],\"List"),
        quote.replace("\"Management\"", "\"Management"),
        quote.replace("List\"Buckets\"", "List"),
        nested.to_owned(),
        r#"{"eventVersion":"1.08","requestParameters":{"a":1,"b":"c"}"#.to_owned(),
        r#"{"eventVersion":"1.08","requestParameters":"#.to_owned(),
        r#"{"eventVersion":"1.08","requestParameters":["#.to_owned(),
        r#"{"eventVersion":"1.08","a":"b"]"#.to_owned(),
    ] {
        let all = |join: &str| format!("{}{join}{bad}{join}{}", good[0], good[1..].join(join));
        for text in [
            format!("[{}]", all(",")),
            format!("{{\"Records\":[{}]}}", all(",")),
            format!("{{\n  \"Records\": [\n{}\n  ]\n}}", all(" ,\n")),
        ] {
            assert_eq!(loaded("array.json", &text), (52, vec!["bad_json".to_owned()], NONE), "{bad}: {text}");
        }
    }
    for between in ["}", "x", "\"", "{}"] {
        let text = format!("[{}{between},{}]", good[0], good[1..].join(","));
        assert_eq!(loaded("between.json", &text), (52, vec!["bad_json".to_owned()], NONE), "{between}");
    }
    assert_eq!(loaded("nested.jsonl", format!("{}\n{nested}\n{}\n", good[0], good[1])), (2, vec!["bad_json".to_owned()], NONE));
}

#[test]
fn a_broken_record_of_an_indented_file_costs_one_record() {
    let event = |number: u32| record(number, |_| ());
    let row = |number: u32| json!({"AccessKeyId": "A", "EventId": "x", "EventName": "ListBuckets", "EventTime": 1_700_000_000, "Resources": [{"a": 1}, {"b": 2}], "CloudTrailEvent": event(number).to_string()});
    let bridge = |number: u32| json!({"account": "1", "detail": event(number), "detail-type": "x", "version": "0"});
    for envelope in [
        json!({"Records": (1..=9).map(event).collect::<Vec<_>>()}),
        json!((1..=9).map(event).collect::<Vec<_>>()),
        json!({"Events": (1..=9).map(row).collect::<Vec<_>>()}),
        json!((1..=9).map(bridge).collect::<Vec<_>>()),
    ] {
        for text in [serde_json::to_string_pretty(&envelope).expect("JSON"), envelope.to_string()] {
            // The fifth has a quote too many, or one too few.
            for spoilt in [text.replace("REQ5", "RE\"Q5"), text.replace("REQ5\"", "REQ5").replace("REQ5\\", "REQ5\"")] {
                assert_eq!(loaded("a.json", &spoilt), (8, vec!["bad_json".to_owned()], NONE), "{spoilt}");
            }
        }
    }
}

#[test]
fn a_list_of_records_is_found_behind_any_key() {
    let [a, b] = [1, 2].map(|number| record(number, |_| ()).to_string());
    for text in [
        format!("{{\"awsRegion\":\"us-east-1\",\"Records\":[{a},{b}]}}"),
        format!("{{ \"requestId\" : \"x\" , \"Records\" : [ {a}\n,{b} ] , \"more\" : 1 }}"),
        format!("{{\"awsRegion\":\"x\",\"awsRegion\":\"y\",\"Records\":[{a},{b}]}}"),
        format!("[{{\"awsRegion\":\"x\",\"Records\":[{a},{b}]}}]"),
        format!("{{\"awsRegion\":\"x\",\"Records\":[{a}],\"Records\":[{b}]}}"),
    ] {
        assert_eq!(loaded("a.json", &text), (2, NONE, NONE), "{text}");
    }
    // What seems to be a part of an event beside such a list is not read, and that is said.
    for before in ["\"eventName\":\"A\"", "\"eventversion\":\"1.08\",\"eventname\":\"A\",\"eventsource\":\"b\""] {
        let hidden = format!("{{{before},\"Records\":[{a},{b}]}}");
        assert_eq!(loaded("a.json", &hidden), (2, vec!["not_an_event".to_owned()], NONE), "{hidden}");
    }
}

#[test]
fn resources_without_end_are_kept_and_cost_their_bytes() {
    let many = |count: usize| {
        record(1, |record| record["resources"] = json!("MANY")).to_string().replace("\"MANY\"", &format!("[0{}]", ",0".repeat(count - 1)))
    };
    let folder = Folder::new().with("a.json.gz", gzip(format!("{}\n{}", many(12_000_000), record(2, |_| ()))));
    let rows = sql(folder.path(), "select array_length(resource_arns) n, length(extra) bytes from events order by record_index");
    assert_eq!(rows[0], json!({"n": 10_000, "bytes": 24_000_015}));
    assert_eq!(loaded("a.json", many(10_001)), (1, NONE, vec!["limit".to_owned()]));
    assert_eq!(loaded("a.json", many(10_000)), (1, NONE, NONE));
}

#[test]
fn a_file_that_is_no_log_costs_no_more_than_its_first_bytes() {
    let folder = Folder::new().with("log.json", records(1..=3));
    for name in ["disk.img", "disk.json"] {
        std::fs::File::create(folder.path().join(name)).and_then(|file| file.set_len(1 << 40)).expect("a file with a hole");
    }
    let started = std::time::Instant::now();
    let rows = sql(folder.path(), "select status, sha256 is null as unread from files order by object");
    assert!(started.elapsed().as_secs() < 20);
    let [skipped, problem] = ["skipped", "problem"].map(|status| json!({"status": status, "unread": true}));
    assert_eq!(rows, [skipped, problem, json!({"status": "read", "unread": false})]);
}

#[test]
fn an_archive_is_not_read_as_lines_and_no_log_is_called_no_log() {
    let lines: String = (1..=3).map(|number| record(number, |_| ()).to_string() + "\n").collect();
    let tar = [b"a.jsonl".as_slice(), &[0; 250], b"ustar", &[0; 250], lines.as_bytes()].concat();
    let zip = [b"PK\x03\x04stored\n".as_slice(), lines.as_bytes()].concat();
    for (name, bytes) in [("a.tar", &tar), ("a.zip", &zip)] {
        let folder = Folder::new().with(name, bytes).with("log.json", records(4..=4));
        let document = detect(folder.path());
        assert_eq!(document["ledger"]["records"]["seen"], 1, "{name}");
        assert!(document["ledger"]["skipped"][0]["reason"].as_str().expect("a reason").contains("unpack it first"), "{document}");
    }
    // Under a name that promises a log it is a problem.
    for name in ["a.jsonl", "111122223333_CloudTrail_us-east-1_20260301T0805Z_Ab3dEf6hIj9kLmN0.json.gz"] {
        let folder = Folder::new().with(name, &zip);
        let problem = detect(folder.path())["ledger"]["problems"][0].clone();
        assert_eq!(problem["kind"], "bad_json");
        assert!(problem["message"].as_str().expect("a message").contains("unpack it first: unzip "), "{problem}");
    }
    // So is what begins as a log does and cannot be read.
    let broken = record(1, |record| record["eventName"] = json!("QUOTE")).to_string().replace("QUOTE", "List\"Buckets");
    for text in [format!("{{\"Records\":[{broken}"), format!("{{\"Records\":[{broken} , "), broken.clone(), format!("[{broken}")] {
        assert_eq!(loaded("export", &text).1, ["bad_json"], "{text}");
    }
}

#[test]
fn a_download_is_read_behind_any_white_space() {
    let header = "Event time,Event source,Event name,Event ID\n";
    let row = |number: usize| format!("2026-03-01T08:00:00Z,\"a\"\"b\",ListBuckets{},e{number}\n", "x".repeat(20_000));
    for (spaces, count) in [(10, 5), (2 << 20, 3_500)] {
        let rows: String = (0..count).map(row).collect();
        let folder = Folder::new().with("a.csv", format!("{}{header}{rows}", "\n ".repeat(spaces)));
        let found =
            sql(folder.path(), "select count(distinct event_id) n, min(event_source) source, min(length(event_name)) length from events");
        assert_eq!(found, [json!({"n": count, "source": "a\"b", "length": 20_011})]);
    }
}

#[test]
fn keys_in_any_case_are_matched_inside_an_envelope() {
    let lower = r#"{"eventversion":"1.08","eventname":"ConsoleLogin","eventsource":"signin.amazonaws.com","eventid":"e1","eventtime":"2026-03-01T08:00:00Z"}"#;
    for text in [
        json!({"detail-type": "x", "source": "y", "detail": serde_json::from_str::<Value>(lower).expect("JSON")}).to_string(),
        json!({"Events": [{"EventId": "x", "CloudTrailEvent": lower}]}).to_string(),
    ] {
        assert_eq!(loaded("a.json", &text), (1, NONE, NONE), "{text}");
    }
}

#[test]
fn a_mismatch_is_told_whatever_stands_first() {
    let addendum = record(1, |record| (record["addendum"], record["eventName"]) = (json!({"reason": "DELAYED"}), json!("X")));
    let [a, b, c] = ["A", "B", "C"].map(|name| record(1, |record| record["eventName"] = json!(name)));
    for (events, mismatches) in [
        (json!([addendum, a, b]), 1),
        (json!([a, addendum, b]), 1),
        (json!([a, b, addendum, c]), 2),
        (json!([addendum, a]), 0),
        (json!([addendum, a, a]), 0),
    ] {
        let (_, problems, notices) = loaded("a.json", events.to_string());
        assert!(problems.is_empty());
        assert_eq!(notices, vec!["duplicate_mismatch"; mismatches], "{events}");
        let folder = Folder::new().with("a.json", events.to_string());
        let hashed = sql(folder.path(), "select event_name from events where record_sha256 is not null");
        assert_eq!(hashed.len(), if mismatches > 0 { mismatches + 1 } else { 0 }, "{events}");
    }
}

#[test]
fn a_number_at_a_windows_end_is_one_value() {
    let window = 64 << 20;
    let first = record(1, |_| ()).to_string();
    for digits in [4, 12, 20] {
        let head = format!("[{first},");
        let spaces = " ".repeat(window - head.len() - digits);
        let text = format!("{head}{spaces}{},{}]", "1234567890".repeat(3), record(2, |_| ()));
        let (count, problems, _) = loaded("number.json", text);
        assert_eq!((count, problems), (2, vec!["not_an_object".to_owned()]), "{digits}");
        let head = format!("{{\"Records\":[{first}],\"more\":");
        let spaces = " ".repeat(window - head.len() - digits);
        assert_eq!(loaded("tail.json", format!("{head}{spaces}{}}}", "1234567890".repeat(3))), (1, NONE, NONE), "{digits}");
    }
}
