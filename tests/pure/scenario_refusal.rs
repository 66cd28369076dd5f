//! What an input that cannot be run is told: every message, to the letter.

use std::fmt::Write;

use replibank::scenario::{Order, Scenario};

fn refusal(bytes: &[u8], order: Order) -> String {
    match Scenario::parse(bytes, order) {
        Ok(_) => panic!("accepted: {}", String::from_utf8_lossy(bytes)),
        Err(error) => error.to_string(),
    }
}

const BRANCH: &str = r#"{"id": 1, "type": "branch", "balance": 400}"#;

/// A file of branch 1 and of a customer 1 with these events.
fn with_events(events: &str) -> String {
    format!(r#"[{BRANCH}, {{"id": 1, "type": "customer", "events": [{events}]}}]"#)
}

#[test]
fn a_file_that_is_not_one_json_array_is_refused() {
    let array = "write one array of records, [ ... ]";
    let empty = "the file is empty: write one JSON array of records, [ ... ]".to_owned();
    let quotes = "texts and keys stand in double quotes, \"so\"";
    let words = "JSON writes true, false and null";
    let digits = "a number is written as digits, without a plus sign or leading zeros";
    let files: Vec<(&[u8], String)> = vec![
        (b"", empty.clone()),
        (b" \r\n\t", empty),
        (b"\xef\xbb\xbf[]", "the file starts with a byte order mark (UTF-8): save it as UTF-8 without one".into()),
        (b"\xff\xfe[\0]\0", "the file starts with a byte order mark (UTF-16): save it as UTF-8 without one".into()),
        (b"\xfe\xff\0[\0]", "the file starts with a byte order mark (UTF-16): save it as UTF-8 without one".into()),
        (b"[\"\xe9\"]", "byte 2 of the file, 0xe9, is not UTF-8: save the file as UTF-8".into()),
        (b"[\"\xc3", "byte 2 of the file, 0xc3, is not UTF-8: save the file as UTF-8".into()),
        (b"\x80PNG", "byte 0 of the file, 0x80, is not UTF-8: save the file as UTF-8".into()),
        (b" {\"id\": 1}", format!("the top level is an object: {array}")),
        (b"{\"id\": 1}\n{\"id\": 2}", format!("the top level is an object: {array}")),
        (b"\"[]\"", format!("the top level is a text: {array}")),
        (b"-42", format!("the top level is a number: {array}")),
        (b"null", format!("the top level is null: {array}")),
        (b"<html> <body>", format!("the top level is no JSON (it begins with \"<html>\"): {array}")),
        (b"[", "line 1, column 2: not JSON: the file ends too soon, near `[`: close every text, object and array (was the file cut short?)".into()),
        (b"[{\"id\": \"a", "line 1, column 11: not JSON: the file ends too soon, near `[{\"id\": \"a`: close every text, object and array (was the file cut short?)".into()),
        (b"[{\"id\": 1,\n", "line 2, column 1: not JSON: the file ends too soon: close every text, object and array (was the file cut short?)".into()),
        (b"[\n{\"id\": 1,}]", "line 2, column 10: not JSON: a comma with nothing after it, near `{\"id\": 1,}`: remove the comma".into()),
        (b"[{\"id\": 1 \"type\"", "line 1, column 11: not JSON: something other than a comma or }, near `[{\"id\": 1 \"`: a comma may be missing, or a }".into()),
        (b"[{\"id\": [1 2]", "line 1, column 12: not JSON: something other than a comma or ], near `[{\"id\": [1 2`: a comma may be missing, or a ]".into()),
        (b"[{'id': 1}]", format!("line 1, column 3: not JSON: a single quote, near `[{{'`: {quotes}")),
        ("[{\"é\": “x”}]".as_bytes(), format!("line 1, column 8: not JSON: a typographic quote, near `[{{\"é\": “`: {quotes}")),
        (b"[{id: 1}]", format!("line 1, column 3: not JSON: a key without quotes, near `[{{i`: {quotes}")),
        (b"[{\"id\" 1}]", "line 1, column 8: not JSON: a key without a value, near `[{\"id\" 1`: write a colon and a value after each key".into()),
        (b"[{\"id\": }]", "line 1, column 9: not JSON: no value where one belongs, near `[{\"id\": }`: write a number, a text, an array or an object".into()),
        (b"[{\"id\": None}]", format!("line 1, column 9: not JSON: the word None, near `[{{\"id\": N`: {words}")),
        (b"[{\"id\": True}]", format!("line 1, column 9: not JSON: the word True, near `[{{\"id\": T`: {words}")),
        (b"[{\"id\": False}]", format!("line 1, column 9: not JSON: the word False, near `[{{\"id\": F`: {words}")),
        (b"[{\"id\": nul}]", format!("line 1, column 12: not JSON: a misspelt word, near `[{{\"id\": nul}}`: {words}")),
        (b"[{\"id\": NaN}]", format!("line 1, column 9: not JSON: the word NaN, near `[{{\"id\": N`: {digits}")),
        (b"[{\"id\": Infinity}]", format!("line 1, column 9: not JSON: the word Infinity, near `[{{\"id\": I`: {digits}")),
        (b"[{\"id\": +1}]", format!("line 1, column 9: not JSON: a plus sign, near `[{{\"id\": +`: {digits}")),
        (b"[{\"id\": 01}]", format!("line 1, column 10: not JSON: a malformed number, near `[{{\"id\": 01`: {digits}")),
        (b"[\n // two\n]", "line 2, column 2: not JSON: a comment, near `/`: JSON has none: remove it".into()),
        (b"[{\"id\": 1, # one\n", "line 1, column 12: not JSON: a comment, near `[{\"id\": 1, #`: JSON has none: remove it".into()),
        (b"[\"a\nb\"]", "line 1, column 4: not JSON: a line break or tab inside a text, near `[\"a`: close the text before it, or write \\n or \\t".into()),
        (b"[\"\\x\"]", "line 1, column 4: not JSON: an unknown escape, near `[\"\\x`: write \\\\ for a backslash".into()),
        (b"[\"\\ud800\"]", "line 1, column 9: not JSON: half a character in \\u escapes, near `[\"\\ud800\"`: write the character itself".into()),
        ("[\"\\u12é\"]".as_bytes(), "line 1, column 7: not JSON: an unknown escape, near `[\"\\u12é`: write \\\\ for a backslash".into()),
        (b"[] []", "line 1, column 4: a second document begins after the array has ended: write one array (was it appended?)".into()),
        (b"[]\n{}", "line 2, column 1: a second document begins after the array has ended: write one array (was it appended?)".into()),
        (b"[]]", "line 1, column 3: not JSON: a bracket that closes nothing, near `[]]`: remove it".into()),
        (b"[],", "line 1, column 3: not JSON: a comma after the array has ended, near `[],`: remove it".into()),
        (b"[]\nend", "line 2, column 1: not JSON: text after the array has ended, near `e`: remove it: the file is one array".into()),
        (b"[{\"id\": 1, \"id\": 2}]", "line 1, column 12: the key \"id\" stands twice in one object: keep one of the two".into()),
        (b"[{\"id\": 1,\n \" id \": 2}]", "line 2, column 2: the key \"id\" stands twice in one object: keep one of the two".into()),
        (b"[{\"x\": [{\"y\": 1, \"y\": 1}]}]", "line 1, column 18: the key \"y\" stands twice in one object: keep one of the two".into()),
        (b"[{\"id\": -1e400}]", "line 1, column 9: the number -1e400 is too large to read: write a whole number up to 9007199254740991".into()),
        // What follows the number is no part of it: it would reach the terminal as it stands.
        (b"[9e999\x1b[31m]", "line 1, column 2: the number 9e999 is too large to read: write a whole number up to 9007199254740991".into()),
    ];
    for (bytes, message) in files {
        assert_eq!(refusal(bytes, Order::File), message, "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_record_that_cannot_be_run_is_refused() {
    let types = r#"write "customer" or "branch" (older files: "client" or "bank")"#;
    let id = "write a whole number from 1 to 4294967295";
    let balance = "write a whole number from 0 to 9007199254740991";
    let records = [
        ("7", "record 2: 7 is not an object: write { ... }".into()),
        ("[[], 1.5]", "record 2: [[], 1.5] is not an object: write { ... }".into()),
        ("{}", "record 2: field type is missing: the object is empty".into()),
        (r#"{"id": 3}"#, r#"record 2 (id 3): field type is missing: found "id""#.into()),
        (r#"{"id": 3, "Type": "bank"}"#, r#"record 2 (id 3): field type is missing: is "Type" meant? (found "id", "Type")"#.into()),
        (r#"{"id": 3, "type": "Branch"}"#, format!(r#"record 2 (id 3), type: "Branch" is unknown: did you mean "branch"? ({types})"#)),
        (r#"{"id": 3, "type": " customer"}"#, format!(r#"record 2 (id 3), type: " customer" is unknown: did you mean "customer"? ({types})"#)),
        (r#"{"id": 3, "type": "custmer"}"#, format!(r#"record 2 (id 3), type: "custmer" is unknown: did you mean "customer"? ({types})"#)),
        (r#"{"id": 3, "type": "teller"}"#, format!(r#"record 2 (id 3), type: "teller" is unknown: {types}"#)),
        (r#"{"id": 3, "type": null}"#, format!("record 2 (id 3), type: null is not a text: {types}")),
        (r#"{"type": "branch"}"#, r#"record 2 (branch): field id is missing: found "type""#.into()),
        (r#"{"type": "branch", "id": "3"}"#, r#"record 2 (branch), id: "3" is a text: write 3, without quotes"#.into()),
        (r#"{"type": "branch", "id": "b3"}"#, format!(r#"record 2 (branch), id: "b3" is a text: {id}"#)),
        (r#"{"type": "branch", "id": 0}"#, format!("record 2 (branch 0), id: 0 is too small: {id}")),
        (r#"{"type": "branch", "id": -3}"#, format!("record 2 (branch), id: -3 is negative: {id}")),
        (r#"{"type": "client", "id": 4294967296}"#, format!("record 2 (customer 4294967296), id: 4294967296 is too large: {id}")),
        (r#"{"type": "branch", "id": 2}"#, r#"record 2 (branch 2): field balance is missing: found "type", "id""#.into()),
        (r#"{"type": "branch", "id": 2, "balance": "400"}"#, r#"record 2 (branch 2), balance: "400" is a text: write 400, without quotes"#.into()),
        (r#"{"type": "branch", "id": 2, "balance": 400.0}"#, "record 2 (branch 2), balance: 400.0 is written as a fraction: write 400".into()),
        (r#"{"type": "branch", "id": 2, "balance": 0.5}"#, format!("record 2 (branch 2), balance: 0.5 is written as a fraction: {balance}")),
        (r#"{"type": "branch", "id": 2, "balance": -1}"#, format!("record 2 (branch 2), balance: -1 is negative: {balance}")),
        (r#"{"type": "branch", "id": 2, "balance": 9007199254740992}"#, format!("record 2 (branch 2), balance: 9007199254740992 is too large: {balance}")),
        (r#"{"type": "branch", "id": 2, "balance": null}"#, format!("record 2 (branch 2), balance: null is no number: {balance}")),
        (
            r#"{"type": "branch", "id": 2, "balance": 500}"#,
            "record 2 (branch 2), balance: 500 differs from 400 in record 1 (branch 1): \
             branches are replicas of one balance, so write the same at each".into(),
        ),
        (r#"{"type": "bank", "id": 1, "balance": 400}"#, "record 2 (branch 1): branch 1 is record 1 already: give each branch an id of its own".into()),
        (r#"{"type": "customer", "id": 1}"#, r#"record 2 (customer 1): field events is missing: found "type", "id""#.into()),
        (
            r#"{"type": "customer", "id": 1, "customer-requests": []}"#,
            "record 2 (customer 1): field events is missing: customer-requests belong to project 2, and this is read as project 1".into(),
        ),
        (r#"{"type": "customer", "id": 1, "events": {}}"#, "record 2 (customer 1), events: {} is not an array: write [ ... ], with one object an event".into()),
        (
            r#"{"type": "customer", "id": 9, "events": []}"#,
            "record 2 (customer 9): there is no branch 9: a customer talks to the branch of its own id, and there is branch 1".into(),
        ),
    ];
    for (record, message) in records {
        assert_eq!(refusal(format!("[{BRANCH}, {record}]").as_bytes(), Order::File), message, "{record}");
    }
}

#[test]
fn an_event_that_cannot_be_run_is_refused() {
    let interfaces = r#"write "query", "deposit" or "withdraw""#;
    let home = "is not branch 1: in project 1 customer 1 talks to branch 1 alone (events that choose their branch belong to project 3)";
    let event_id = "write a whole number of at most 18 digits, or leave the id out";
    let events = [
        ("5", "event 2: 5 is not an object: write { ... }".into()),
        ("{}", "event 2: field interface is missing: the object is empty".into()),
        (
            r#"{"interface": "Deposit", "money": 1}"#,
            format!(r#"event 2, interface: "Deposit" is unknown: did you mean "deposit"? ({interfaces})"#),
        ),
        (
            r#"{"interface": "withdraw ", "money": 1}"#,
            format!(r#"event 2, interface: "withdraw " is unknown: did you mean "withdraw"? ({interfaces})"#),
        ),
        (
            r#"{"interface": "withdrawal", "money": 1}"#,
            format!(r#"event 2, interface: "withdrawal" is unknown: did you mean "withdraw"? ({interfaces})"#),
        ),
        (
            r#"{"interface": "transfer", "money": 1}"#,
            format!(r#"event 2, interface: "transfer" is unknown: {interfaces}"#),
        ),
        (r#"{"interface": true}"#, format!("event 2, interface: true is not a text: {interfaces}")),
        (r#"{"interface": "deposit"}"#, r#"event 2: field money is missing: found "interface""#.into()),
        (
            r#"{"interface": "deposit", "mony": 5}"#,
            r#"event 2: field money is missing: is "mony" meant? (found "interface", "mony")"#.into(),
        ),
        (r#"{"id": "5", "interface": "query"}"#, r#"event 2, id: "5" is a text: write 5, without quotes"#.into()),
        (r#"{"id": 1.5, "interface": "query"}"#, format!("event 2, id: 1.5 is written as a fraction: {event_id}")),
        (r#"{"id": null, "interface": "query"}"#, format!("event 2, id: null is no number: {event_id}")),
        (
            r#"{"id": 9223372036854775808, "interface": "query"}"#,
            format!("event 2, id: 9223372036854775808 is too large: {event_id}"),
        ),
        (r#"{"interface": "query", "branch": 2}"#, format!("event 2, branch: 2 {home}")),
        (r#"{"interface": "query", "dest": "1"}"#, format!(r#"event 2, dest: "1" {home}"#)),
    ];
    for (event, message) in events {
        let file = with_events(&format!(r#"{{"interface": "query"}}, {event}"#));
        assert_eq!(refusal(file.as_bytes(), Order::File), format!("record 2 (customer 1), {message}"), "{event}");
    }
}

#[test]
fn an_amount_that_is_no_whole_number_in_range_is_refused() {
    let range = "write a whole number from 1 to 281474976710655";
    let amounts = [
        ("0", format!("0 is too small: {range}")),
        ("-5", format!("-5 is negative: {range}")),
        ("-0", format!("-0.0 is written as a fraction: {range}")),
        ("10.5", format!("10.5 is written as a fraction: {range}")),
        ("10.0", "10.0 is written as a fraction: write 10".into()),
        ("1e1", "10.0 is written as a fraction: write 10".into()),
        ("-10.5", format!("-10.5 is negative: {range}")),
        ("281474976710656", format!("281474976710656 is too large: {range}")),
        ("18446744073709551616", format!("1.8446744073709552e19 is too large: {range}")),
        ("1e30", format!("1e30 is too large: {range}")),
        ("true", format!("true is a boolean: {range}")),
        ("null", format!("null is no number: {range}")),
        ("\"10\"", "\"10\" is a text: write 10, without quotes".into()),
        ("\" 10 \"", "\" 10 \" is a text: write 10, without quotes".into()),
        ("\"0\"", format!("\"0\" is a text: {range}")),
        ("\"ten\"", format!("\"ten\" is a text: {range}")),
        ("[1, null, \"a\"]", format!("[1, null, \"a\"] is an array: {range}")),
        ("{\"a\": -1}", format!("{{\"a\": -1}} is an object: {range}")),
    ];
    for interface in ["deposit", "withdraw"] {
        for (money, message) in &amounts {
            let file = with_events(&format!(r#"{{"interface": "{interface}", "money": {money}}}"#));
            let right = format!("record 2 (customer 1), event 1, money: {message}");
            assert_eq!(refusal(file.as_bytes(), Order::File), right, "{money}");
        }
    }
    // 10^400: beyond any float, so that only its place is known.
    let file = with_events(&format!(r#"{{"interface": "deposit", "money": 1{}}}"#, "0".repeat(400)));
    let message = refusal(file.as_bytes(), Order::File);
    assert_eq!(
        message,
        format!(
            "line 1, column 122: the number 1{}... is too large to read: write a whole number up to 9007199254740991",
            "0".repeat(56)
        )
    );
}

#[test]
fn a_long_value_is_shortened_in_the_message() {
    let file = with_events(&format!(r#"{{"interface": "deposit", "money": "{}"}}"#, "x".repeat(5_000)));
    let message = refusal(file.as_bytes(), Order::File);
    let shown = "x".repeat(56);
    assert!(
        message.starts_with(&format!("record 2 (customer 1), event 1, money: \"{shown}... is a text")),
        "{message}"
    );
}

#[test]
fn an_input_needs_a_branch_for_every_customer() {
    let none = r#"the input has no branch: add a record such as {"id": 1, "type": "branch", "balance": 400}"#;
    assert_eq!(refusal(b"[]", Order::File), none);
    assert_eq!(refusal(br#"[{"id": 1, "type": "customer", "events": []}]"#, Order::File), none);

    let known = [
        (vec![1_u32, 2, 3], "are branches 1 to 3"),
        (vec![7, 2, 1], "are branches 1, 2, 7"),
        (vec![1, 3, 5, 7, 11, 13], "are branches 1, 3, 5, 7 and others, 6 in all"),
        (vec![4_294_967_294_u32, 4_294_967_295], "are branches 4294967294, 4294967295"),
    ];
    for (ids, words) in known {
        let mut text = String::from(r#"[{"id": 9, "type": "customer", "events": []}"#);
        for id in ids {
            let _ = write!(text, r#", {{"id": {id}, "type": "branch", "balance": 0}}"#);
        }
        let right = format!(
            "record 1 (customer 9): there is no branch 9: a customer talks to the branch of its own id, and there {words}"
        );
        assert_eq!(refusal(format!("{text}]").as_bytes(), Order::File), right);
    }
}

#[test]
fn events_without_ids_cannot_run_by_id() {
    let text = with_events(r#"{"id": 1, "interface": "query"}, {"interface": "query"}"#);
    assert_eq!(
        refusal(text.as_bytes(), Order::Id),
        "record 2 (customer 1), event 2: field id is missing: to run events by id, give each one (or run them in file order)"
    );
}
