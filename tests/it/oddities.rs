//! The oddities of records in real files, one by one.

use serde_json::{Value, json};

use crate::support::{Folder, NONE, detect, gzip, loaded, record, sql};

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
