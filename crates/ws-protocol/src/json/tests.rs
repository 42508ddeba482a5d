use super::*;
use proptest::prelude::*;
use serde::de::IgnoredAny;
use serde_json::Value;

/// Whether an object with this value is JSON, for us and for a plain parser.
fn is_json(value: &str) -> (bool, bool) {
    let object = format!("{{\"x\":{value}}}");
    (read_object(&object, |_, _| {}).is_some(), serde_json::from_str::<IgnoredAny>(&object).is_ok())
}

const VALID: &[&str] = &[
    "0",
    "-0",
    "10",
    "-1.5e+10",
    "1E-2",
    "0.0",
    "1e999",
    "true",
    "false",
    "null",
    r#""""#,
    "[]",
    "{}",
    " [ ] ",
    "\t{\n}\r",
    "[1,2]",
    r#"{"a":1,"a":[{}]}"#,
    r#""\"\\\/\b\f\n\r\t\u00e9\uD83D\ude00""#,
    r#""\ud800""#,
    "\"\u{7f}\u{80}\u{e9}\u{2028}\u{1f600}\"",
    r#"["]}",{"}":"{"}]"#,
];

const INVALID: &[&str] = &[
    "",
    "-",
    "+1",
    "01",
    "-01",
    "1.",
    ".5",
    "1e",
    "1e+",
    "0x1",
    "NaN",
    "Infinity",
    "True",
    "nul",
    "nulll",
    "[",
    "]",
    "[1",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{",
    "{,}",
    r#"{"a"}"#,
    r#"{"a":}"#,
    r#"{"a":1,}"#,
    r#"{a:1}"#,
    r#"{1:2}"#,
    r#"{"a" 1}"#,
    r#"{"a":1 "b":2}"#,
    "'a'",
    r#"""#,
    r#""\"#,
    r#""\x""#,
    r#""\u12"#,
    r#""\u12g4""#,
    r#""\U0041""#,
    "\"\n\"",
    "\"\0\"",
    "\"aaaaaaaaaaaaaaaa\u{1f}\"",
    "1/**/",
    "//\n1",
    "\u{a0}1",
    "\u{feff}1",
    "\u{b}1",
    "1}",
];

#[test]
fn json_is_what_the_rfc_says() {
    for value in VALID {
        assert_eq!(is_json(value), (true, true), "{value}");
    }
    for value in INVALID {
        assert_eq!(is_json(value), (false, false), "{value}");
    }
}

#[test]
fn only_one_object_is_a_message() {
    let read = |text| read_object(text, |_, _| {}).is_some();
    for text in ["{}", " {} ", "\n{\"a\":1}\t"] {
        assert!(read(text), "{text}");
    }
    for text in ["", " ", "[]", "1", "null", "\"a\"", "{}{}", "{}x", "{},", "\u{feff}{}", "x{}"] {
        assert!(!read(text), "{text}");
    }
}

#[test]
fn arrays_and_objects_are_read_up_to_32_levels() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |levels: usize| format!("{}0{}", open.repeat(levels), close.repeat(levels));
        assert_eq!(is_json(&nested(31)), (true, true));
        assert_eq!(is_json(&nested(32)), (false, true));
        assert!(!is_json(&nested(60_000)).0);
    }
    let unclosed = "[".repeat(60_000);
    assert_eq!(is_json(&unclosed), (false, false));
}

#[test]
fn the_members_and_elements_are_visited_where_they_stand() {
    let mut members = Vec::new();
    let read = read_object(r#" { "a" : 1 , "\u0062": [ true, "]" ] ,"c":{"d":"}"} } "#, |name, value| {
        members.push((name.0, value));
    });
    assert_eq!(read, Some(()));
    assert_eq!(members, [("a", "1"), ("\\u0062", r#"[ true, "]" ]"#), ("c", r#"{"d":"}"}"#)]);
    let elements = |value| Elements::of_value(value).collect::<Vec<_>>();
    assert_eq!(
        elements(r#"[ 1 ,"," , [2,3],{"a":[]}, null ]"#),
        ["1", "\",\"", "[2,3]", r#"{"a":[]}"#, "null"]
    );
    for none in ["[]", "[ ]", "", "{}", "{\"a\":[1]}", "\"[1]\"", "1", "null"] {
        assert_eq!(elements(none), Vec::<&str>::new(), "{none}");
    }
    let mut exhausted = Elements::of_value("[ ]");
    assert_eq!((exhausted.next(), exhausted.next()), (None, None));
}

#[test]
fn a_string_is_read_up_to_its_end_wherever_its_escapes_and_control_characters_are() {
    let specials = [
        "\"", "\\", "\\\"", "\\\\", "\\\\\"", "\\n", "\\u0041", "\\u004", "\\x", "\u{1f}", "\n", "\0", " ",
        "\u{e9}",
    ];
    for length in [0, 1, 7, 15, 16, 17, 31, 32, 33, 70] {
        for before in 0..=length {
            for special in specials {
                let value = format!("\"{}{special}{}\"", "a".repeat(before), "b".repeat(length - before));
                let (ours, plain) = is_json(&value);
                assert_eq!(ours, plain, "{value}");
            }
        }
    }
}

/// For texts of few levels.
fn assert_same(value: &str) -> Result<(), TestCaseError> {
    let (ours, plain) = is_json(value);
    prop_assert_eq!(ours, plain, "{}", value);
    Ok(())
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(any::<String>(), inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn part() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "\\",
        "\\u",
        "\\u00e9",
        "\\ud83d",
        "0",
        "1",
        "-",
        "+",
        ".",
        "e",
        "E",
        "true",
        "false",
        "null",
        " ",
        "\n",
        "\t",
        "\u{b}",
        "\u{0}",
        "\u{e9}",
        "\u{1f600}",
        "\"a\"",
        "\"a\":",
        "\\n",
        "12",
        "[]",
        "{}",
        "aaaaaaaa",
        "/",
        "\u{7f}",
        "\u{1f}",
    ])
}

proptest! {
    #[test]
    fn any_parts_are_json_exactly_if_a_plain_parser_says_so(parts in prop::collection::vec(part(), 0..12)) {
        assert_same(&parts.concat())?;
    }

    #[test]
    fn any_value_with_a_change_is_json_exactly_if_a_plain_parser_says_so(
        value in json(), is_pretty in any::<bool>(), at in any::<prop::sample::Index>(), removed in 0..3_usize, part in part(),
    ) {
        let text = if is_pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
        let mut characters: Vec<char> = text.unwrap().chars().collect();
        assert_same(&characters.iter().collect::<String>())?;
        let start = at.index(characters.len());
        let end = (start + removed).min(characters.len());
        characters.splice(start..end, part.chars());
        assert_same(&characters.into_iter().collect::<String>())?;
    }

    #[test]
    fn any_string_is_decoded_as_by_a_plain_parser(parts in prop::collection::vec(part(), 0..8)) {
        let text = format!("\"{}\"", parts.concat());
        if is_json(&text).1 && read_object(&format!("{{{text}:0}}"), |_, _| {}).is_some() {
            let decoded = Text::from_value(&text).unwrap();
            let plain = serde_json::from_str::<String>(&text).ok();
            let mut room = [0; 200];
            prop_assert_eq!(decoded.decode(&mut room), plain.as_deref());
        }
    }
}
