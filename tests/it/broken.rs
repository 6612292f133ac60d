//! Damage, and files that are large, deep or hostile: what they cost, and what is kept.

use serde_json::{Value, json};

use crate::support::{Folder, NONE, check_ledger, detect, gzip, gzip_small, loaded, record, records, sql, trailsift};

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
