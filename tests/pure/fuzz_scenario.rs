//! Fuzz targets for the two readers of JSON files: the input and the output of a run. Whatever they
//! are given, they do not panic, they are done soon, and a refusal has a message for one line of a
//! terminal; what they take keeps the promises of a scenario.
//!
//! The default is what a test run can afford. For hours, with new cases each time:
//! `PROPTEST_CASES=100000000 cargo test --test pure fuzz_scenario`
//! (not with --release, which does not check overflow).

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use proptest::prelude::*;
use replibank::scenario::{Order, OutputForm, Scenario, check, expected, output};
use serde_json::{Map, Value, json};

use crate::fuzz::{cases, damages, mangled};

/// Longer than any message; they all shorten what they show.
const MESSAGE_MAX: usize = 600;

fn assert_readable(message: &str) {
    assert!(!message.trim().is_empty());
    assert!(message.chars().count() < MESSAGE_MAX, "{} characters: {message}", message.chars().count());
    assert!(!message.contains(char::is_control), "{message:?}");
}

/// Reads an input in both orders; checks the promises of what is taken.
fn judge_input(bytes: &[u8]) {
    for order in [Order::File, Order::Id] {
        match Scenario::parse(bytes, order) {
            Err(error) => assert_readable(&error.to_string()),
            Ok(scenario) => assert_keeps_promises(&scenario),
        }
    }
}

fn assert_keeps_promises(scenario: &Scenario) {
    let ids: BTreeSet<_> = scenario.branches.iter().collect();
    assert!(!ids.is_empty() && ids.len() == scenario.branches.len(), "{:?}", scenario.branches);
    assert!(scenario.opening >= 0);
    assert!(scenario.customers.iter().all(|customer| ids.contains(&customer.branch)));
    let replies = expected(scenario);
    for form in [OutputForm::Current, OutputForm::Old] {
        let written = output(scenario, &replies, form).expect("the right replies fit the scenario");
        assert_eq!(check(scenario, written.as_bytes(), Some(form)), Ok(()));
        assert_eq!(check(scenario, written.as_bytes(), None), Ok(()));
    }
}

/// Reads an output of some scenario.
fn judge_output(bytes: &[u8]) {
    let scenario = Scenario::parse(DOCUMENT.as_bytes(), Order::File).expect("a right document");
    for form in [None, Some(OutputForm::Current), Some(OutputForm::Old)] {
        if let Err(problems) = check(&scenario, bytes, form) {
            problems.to_string().lines().for_each(assert_readable);
        }
    }
}

fn judge(bytes: &[u8]) {
    judge_input(bytes);
    judge_output(bytes);
}

const DOCUMENT: &str = r#"[
 {"id": 1, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 170},
                                          {"id": 2, "interface": "query"}]},
 {"id": 2, "type": "customer", "events": [{"id": 4, "interface": "withdraw", "money": 70, "branch": 2},
                                          {"id": 3, "interface": "query", "money": 400}]},
 {"id": 1, "type": "branch", "balance": 400},
 {"id": 2, "type": "branch", "balance": 400}
]"#;

const OLD_DOCUMENT: &str = r#"[{"id":1,"type":"client","events":[{"interface":"withdraw","money":900,"dest":1}]},
{"id":1,"type":"bank","balance":0},{"id":3,"type":"bank","balance":0,"note":"\u00e9\ud83d\ude00"}]"#;

const OUTPUTS: [&str; 2] = [
    r#"[{"id": 1, "recv": [{"interface": "deposit", "result": "success"}, {"interface": "query", "balance": 570}]},
        {"id": 2, "recv": [{"interface": "withdraw", "result": "success"}, {"interface": "query", "balance": 500}]}]"#,
    r#"[{"id":1,"recv":[{"interface":"deposit","result":"success","money":170},
                        {"interface":"query","result":"success","money":570}]}]"#,
];

fn documents() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![DOCUMENT, OLD_DOCUMENT, OUTPUTS[0], OUTPUTS[1]])
}

/// Any JSON value, with the words of our files in it.
fn json_value() -> impl Strategy<Value = Value> {
    let words = [
        "id",
        "type",
        "events",
        "interface",
        "money",
        "balance",
        "branch",
        "dest",
        "recv",
        "result",
        "customer",
        "query",
        "deposit",
        "withdraw",
        "client",
        "bank",
        "success",
        "fail",
        "customer-requests",
        " Id ",
        "",
        "evnets",
        "\n\t\u{7f}",
    ];
    let word =
        move || prop_oneof![9 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        6 => (0..4_i64).prop_map(Value::from),
        1 => prop::sample::select(vec![-1, i64::MIN, i64::MAX, 1 << 48, (1 << 53) - 1]).prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        6 => word().prop_map(Value::String),
    ];
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::Array),
            prop::collection::vec((word(), inner), 0..6).prop_map(|entries| Value::Object(Map::from_iter(entries))),
        ]
    })
}

/// Records that are nearly right: the right keys, and now and then anything as a value.
fn records() -> impl Strategy<Value = Value> {
    let or_any = |right: BoxedStrategy<Value>| prop_oneof![30 => right, 1 => json_value()].boxed();
    let id = move || or_any((1..4_u64).prop_map(Value::from).boxed());
    let word = move |words: &'static [&'static str]| or_any(prop::sample::select(words).prop_map(Value::from).boxed());
    let money = move || or_any(prop_oneof![9 => 1..500_u64, 1 => Just(u64::MAX)].prop_map(Value::from).boxed());
    let event = (id(), word(&["query", "deposit", "withdraw"]), money())
        .prop_map(|(id, interface, money)| json!({"id": id, "interface": interface, "money": money}));
    let customer = (id(), word(&["customer", "client"]), prop::collection::vec(event, 0..5))
        .prop_map(|(id, kind, events)| json!({"id": id, "type": kind, "events": events}));
    let branch = (id(), word(&["branch", "bank"]), or_any(Just(json!(400)).boxed()))
        .prop_map(|(id, kind, balance)| json!({"id": id, "type": kind, "balance": balance}));
    let record = prop_oneof![10 => customer, 10 => branch, 1 => json_value()];
    prop::collection::vec(record, 0..6).prop_map(Value::Array)
}

/// Pieces of JSON in any order.
fn pieces() -> impl Strategy<Value = String> {
    let pieces = [
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "\"",
        "\\",
        " ",
        "\n",
        "\r\n",
        "\"id\"",
        "\"type\"",
        "\"customer\"",
        "\"events\"",
        "1",
        "-",
        "+",
        ".",
        "e",
        "9e999",
        "1e-400",
        "-0",
        "00",
        "0.5",
        "18446744073709551616",
        "-9223372036854775809",
        "true",
        "True",
        "nul",
        "NaN",
        "'",
        "\u{201c}",
        "//",
        "#",
        "\\u12",
        "\\ud800",
        "é",
        "\u{1f600}",
        "\u{feff}",
        "\0",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn prop_no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        judge(&bytes);
        judge(&[b"[", &bytes[..]].concat());
    }

    #[test]
    fn prop_no_pieces_of_json_panic(text in pieces()) {
        judge(text.as_bytes());
        judge(format!("[{text}").as_bytes());
        judge(format!("[{{\"id\": {text}").as_bytes());
    }

    #[test]
    fn prop_no_damaged_document_panics(document in documents(), damages in damages()) {
        judge(&mangled(document.as_bytes().to_vec(), &damages));
    }

    #[test]
    fn prop_nearly_right_records_keep_the_promises_or_are_refused(records in records(), damages in damages()) {
        let bytes = serde_json::to_vec(&records).expect("a value is JSON");
        judge(&bytes);
        judge(&mangled(bytes, &damages));
    }

    #[test]
    fn prop_no_value_panics(value in json_value()) {
        judge(value.to_string().as_bytes());
        judge(json!([value]).to_string().as_bytes());
    }
}

/// Documents of about this many bytes that a careless reader takes its time with: each would be
/// minutes, were a reader's time to grow with the square of the size.
const LARGE: usize = 4 << 20;

fn large_documents() -> Vec<(&'static str, String)> {
    let filled = |head: &str, piece: &str, tail: &str| format!("{head}{}{tail}", piece.repeat(LARGE / piece.len()));
    let event = r#"{"id": 1, "interface": "deposit", "money": 1},"#;
    let numbered = |template: &str| {
        let count = LARGE / (template.len() + 4);
        let records: Vec<String> = (1..=count).map(|number| template.replace('#', &number.to_string())).collect();
        format!("[{}]", records.join(","))
    };
    vec![
        ("deep arrays", filled("", "[", "")),
        ("deep objects", filled("[", r#"{"a":"#, "")),
        ("blanks", filled("[", " ", "]")),
        ("lines, and an error after them", filled("[", "\n", "x")),
        ("one line, and an error at its end", filled("[", "1,", "x]")),
        ("a long text", filled("[\"", "a", "\"]")),
        ("a long text that never ends", filled("[\"", "\\n", "")),
        ("a long text of escapes", filled("[\"", "\\ud83d\\ude00", "\"]")),
        ("a long key", filled("[{\"", "k", "\": 1}]")),
        ("a long key twice", filled("[{\"k\": 1, \"", "k", "\": 1}]")),
        ("a long number", filled("[", "9", "]")),
        ("a long fraction", filled("[0.", "1", "]")),
        ("a long word", filled("", "x", "")),
        ("a long wrong type", filled("[{\"id\": 1, \"type\": \"", "custo", "\"}]")),
        ("many events", filled(r#"[{"id": 1, "type": "customer", "events": ["#, event, "{}]}]")),
        ("many branches", numbered(r#"{"id": #, "type": "branch", "balance": 400}"#)),
        ("many customers without a branch", numbered(r#"{"id": #, "type": "customer", "events": []}"#)),
        ("many empty entries", numbered(r#"{"id": #, "recv": []}"#)),
        ("many replies", numbered(r#"{"id": 1, "recv": [{"interface": "query", "balance": #}]}"#)),
        ("many keys", format!("[{{{}}}]", numbered("\"#\": 1").trim_matches(['[', ']']))),
        ("many values", filled("[", "[],", "[]]")),
    ]
}

#[test]
fn no_large_document_takes_long() {
    for (what, document) in large_documents() {
        let begin = Instant::now();
        judge(document.as_bytes());
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(20), "{what} took {took:?}");
    }
}
