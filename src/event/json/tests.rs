//! The scanner beside `serde_json`, on odd texts and on random ones.

use super::*;
use proptest::prelude::*;
use serde_json::Value;

fn accepts(text: &str) -> bool {
    let arena = Bump::new();
    let mut scanner = Scanner::new(text, &arena);
    scanner.skip_value(0).is_ok() && scanner.skip_space().is_none()
}

fn agrees(text: &str) {
    let reference: Result<Value, _> = serde_json::from_str(text);
    // The one difference that is meant: a number too large for a double is kept as its text.
    if reference.as_ref().is_err_and(|error| error.to_string().starts_with("number out of range")) {
        return;
    }
    assert_eq!(accepts(text), reference.is_ok(), "{text:?}: {reference:?}");
    if let Ok(value) = reference {
        let arena = Bump::new();
        let json = Scanner::new(text, &arena).json(0).expect("accepted above");
        assert_eq!(serde_json::from_str::<Value>(json).ok(), Some(value.clone()), "{text:?}");
        if let Value::String(wanted) = value {
            assert_eq!(text_of(json, &arena), Some(wanted.as_str()));
        }
    }
}

#[test]
fn odd_texts_as_serde_json() {
    for text in [
        "",
        " ",
        "{",
        "}",
        "[]",
        "{}",
        "[1,]",
        "[,1]",
        "{\"a\":1,}",
        "{\"a\" 1}",
        "{a:1}",
        "nul",
        "nulll",
        "true ",
        "tru",
        "01",
        "-",
        "-0",
        "-01",
        "1.",
        "1.0e",
        "1e+5",
        ".5",
        "+1",
        "1e400",
        "\"\\ud83d\\ude00\"",
        "\"\\ud83d\"",
        "\"\\ude00\"",
        "\"\\ud83dx\"",
        "\"\\u12g4\"",
        "\"\\x\"",
        "\"a\u{1}b\"",
        "\"tab\tx\"",
        "\"\u{202f}\"",
        "\"unterminated",
        "\"\\",
        "[[[]]]",
        "{\"a\":{\"a\":1},\"b\":[{\"a\":2}]}",
        "[\n1 ,\t2\r]",
        "\"\\u0000\"",
        "\u{feff}[]",
        "1 2",
        "\"12345678\\\"x\"",
        "\"1234567\"",
    ] {
        agrees(text);
    }
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    for depth in [40, 126, 127, 128, 129] {
        agrees(&nested(depth));
    }
}

#[test]
fn repeated_keys_are_noticed_at_any_depth_and_number() {
    let repeated = |text: &str| {
        let arena = Bump::new();
        let mut scanner = Scanner::new(text, &arena);
        scanner.skip_value(0).expect("valid");
        scanner.take_duplicate_keys()
    };
    assert!(!repeated(r#"{"a":{"a":1},"b":[{"a":1},{"a":2}]}"#));
    assert!(repeated(r#"{"b":[{"a":1,"\u0061":2}]}"#));
    let many = |last: &str| format!("{{{}\"{last}\":0}}", (0..500).map(|i| format!("\"k{i}\":{i},")).collect::<Vec<_>>().concat());
    assert!(!repeated(&many("k500")));
    assert!(repeated(&many("k3")));
    assert!(repeated(&many("k499")));
}

fn json_like() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            Just("{"),
            Just("}"),
            Just("["),
            Just("]"),
            Just(","),
            Just(":"),
            Just("\""),
            Just("\\"),
            Just("\\u00e9"),
            Just("\"a\""),
            Just("null"),
            Just("true"),
            Just("-1.5e3"),
            Just("0"),
            Just(" "),
            Just("\n"),
            Just("é"),
            Just("\u{1}"),
        ],
        0..24,
    )
    .prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn broken_texts_as_serde_json(text in json_like()) {
        agrees(&text);
    }

    #[test]
    fn texts_as_serde_json(text in any::<String>()) {
        agrees(&serde_json::to_string(&text).expect("a text"));
    }

    #[test]
    fn a_shallow_skip_ends_where_a_strict_one_does(text in json_like()) {
        let arena = Bump::new();
        let mut strict = Scanner::new(&text, &arena);
        let ended = strict.skip_value(0).is_ok() && !strict.rest().starts_with(|next: char| next.is_ascii_alphanumeric() || "+-.".contains(next));
        if ended {
            let mut shallow = Scanner::new(&text, &arena);
            prop_assert!(shallow.skip_shallow().is_ok());
            prop_assert_eq!(strict.position(), shallow.position());
            let mut balanced = Scanner::new(&text, &arena);
            prop_assert!(balanced.skip_balanced(usize::MAX).is_ok());
            prop_assert_eq!(strict.position(), balanced.position());
        }
    }
}
