//! The grader finds every planted kind of wrong output, and says what would be right.

use proptest::prelude::*;
use replibank::scenario::{
    MAX_PROBLEMS, Order, OutputForm, ProblemKind, ProblemPlace, Reply, Scenario, check, expected, output,
};

/// Three customers: one entry each, ids 1, 2 and 1.
fn scenario() -> Scenario {
    read(
        br#"[{"id": 1, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 10},
                {"id": 2, "interface": "query"}]},
             {"id": 2, "type": "customer", "events": [{"id": 3, "interface": "withdraw", "money": 500}]},
             {"id": 1, "type": "customer", "events": [{"id": 4, "interface": "query"}]},
             {"id": 1, "type": "branch", "balance": 400}, {"id": 2, "type": "branch", "balance": 400}]"#,
    )
}

/// The right answer to it.
const RIGHT: &str = r#"[
    {"id": 1, "recv": [{"interface": "deposit", "result": "success"}, {"interface": "query", "balance": 410}]},
    {"id": 2, "recv": [{"interface": "withdraw", "result": "fail"}]},
    {"id": 1, "recv": [{"interface": "query", "balance": 410}]}]"#;

fn read(bytes: &[u8]) -> Scenario {
    Scenario::parse(bytes, Order::File).unwrap_or_else(|error| panic!("{error}"))
}

/// What the grader says of an output, a line a problem; nothing if it passes.
fn found(text: &str, form: Option<OutputForm>) -> Vec<String> {
    match check(&scenario(), text.as_bytes(), form) {
        Ok(()) => Vec::new(),
        Err(problems) => problems.to_string().lines().map(str::to_owned).collect(),
    }
}

#[test]
fn a_right_output_passes_in_any_layout() {
    let old = r#"{"interface": "query", "result": "success", "money": 410}"#;
    let current = r#"{"interface": "query", "balance": 410}"#;
    let pass = [
        RIGHT.to_owned(),
        RIGHT.replace([' ', '\n'], ""),
        RIGHT.replace(": ", "\t:\r\n"),
        format!("\n{RIGHT}\n\n"),
        RIGHT.replace(
            r#""interface": "deposit", "result": "success""#,
            r#""result": "success", "interface": "deposit""#,
        ),
        RIGHT.replace(
            r#""id": 2, "recv": [{"interface": "withdraw", "result": "fail"}]"#,
            r#""recv": [{"result": "f\u0061il", "interface": "withdraw"}], "id": 2"#,
        ),
        RIGHT.replace(current, old),
        RIGHT.replacen(current, old, 1),
    ];
    for text in pass {
        assert_eq!(found(&text, None), [""; 0], "{text}");
    }
    assert_eq!(found(RIGHT, Some(OutputForm::Current)), [""; 0]);
    assert_eq!(found(&RIGHT.replace(current, old), Some(OutputForm::Old)), [""; 0]);
}

#[test]
fn every_planted_fault_is_found() {
    let plants = [
        (
            r#""balance": 410}]},"#,
            r#""balance": 400}]},"#,
            "entry 1 (customer 1), event 2: balance is 400: 410 is right",
        ),
        (
            r#""balance": 410}]},"#,
            r#""balance": "410"}]},"#,
            r#"entry 1 (customer 1), event 2: balance is "410": 410 is right"#,
        ),
        (
            r#""balance": 410}]},"#,
            r#""balance": 410.0}]},"#,
            "entry 1 (customer 1), event 2: balance is 410.0: 410 is right",
        ),
        (
            r#""balance": 410}]},"#,
            r#""balance": -410}]},"#,
            "entry 1 (customer 1), event 2: balance is -410: 410 is right",
        ),
        (
            r#""balance": 410}]},"#,
            r#""balance": null}]},"#,
            "entry 1 (customer 1), event 2: balance is null: 410 is right",
        ),
        (
            r#", "balance": 410}]},"#,
            "}]},",
            r#"entry 1 (customer 1), event 2: "balance": 410 is missing: found "interface""#,
        ),
        (
            r#""balance": 410}]},"#,
            r#""balance": 410, "result": "success"}]},"#,
            r#"entry 1 (customer 1), event 2: "result": "success" does not belong here: remove it"#,
        ),
        (
            r#""balance": 410}]},"#,
            r#""balance": 410, "money": 400}]},"#,
            r#"entry 1 (customer 1), event 2: "money": 400 does not belong here: remove it"#,
        ),
        (
            r#""result": "success""#,
            r#""result": "fail""#,
            r#"entry 1 (customer 1), event 1: result is "fail": "success" is right"#,
        ),
        (
            r#""result": "success""#,
            r#""result": true"#,
            r#"entry 1 (customer 1), event 1: result is true: "success" is right"#,
        ),
        (
            r#""result": "success""#,
            r#""result": "success", "money": 10"#,
            r#"entry 1 (customer 1), event 1: "money": 10 does not belong here: remove it"#,
        ),
        (
            r#""result": "fail""#,
            r#""result": "success""#,
            r#"entry 2 (customer 2), event 1: result is "success": "fail" is right"#,
        ),
        (
            r#""result": "fail""#,
            r#""result": "Fail""#,
            r#"entry 2 (customer 2), event 1: result is "Fail": "fail" is right"#,
        ),
        (
            r#""withdraw", "result": "fail""#,
            r#""deposit", "result": "fail""#,
            r#"entry 2 (customer 2), event 1: interface is "deposit": "withdraw" is right"#,
        ),
        (
            r#""interface": "withdraw""#,
            r#""Interface": "withdraw""#,
            r#"entry 2 (customer 2), event 1: "interface": "withdraw" is missing: found "Interface", "result""#,
        ),
        (
            r#""interface": "withdraw""#,
            r#"" interface": "withdraw""#,
            r#"entry 2 (customer 2), event 1: "interface": "withdraw" is missing: found " interface", "result""#,
        ),
        (
            r#"{"interface": "withdraw", "result": "fail"}"#,
            "\"fail\"",
            r#"entry 2 (customer 2), event 1: "fail" is not an object"#,
        ),
        (
            r#"{"interface": "withdraw", "result": "fail"}"#,
            "",
            r#"entry 2 (customer 2), event 1: the reply is missing: {"interface": "withdraw", "result": "fail"} is right"#,
        ),
        (
            r#""result": "fail"}"#,
            r#""result": "fail"}, {"interface": "query"}"#,
            r#"entry 2 (customer 2), event 2: {"interface": "query"} is one reply too many: 1 is right"#,
        ),
        (
            r#"[{"interface": "withdraw", "result": "fail"}]"#,
            "{}",
            "entry 2 (customer 2): recv is {}: an array of replies is right",
        ),
        (
            r#", "recv": [{"interface": "withdraw", "result": "fail"}]"#,
            "",
            r#"entry 2 (customer 2): "recv": [...] is missing: found "id""#,
        ),
        (r#""id": 2"#, r#""id": 3"#, "entry 2 (customer 2): id is 3: 2 is right"),
        (r#""id": 2"#, r#""id": "2""#, r#"entry 2 (customer 2): id is "2": 2 is right"#),
        (r#""id": 2, "#, "", r#"entry 2 (customer 2): "id": 2 is missing: found "recv""#),
        (
            r#""id": 2, "#,
            r#""id": 2, "type": "customer", "#,
            r#"entry 2 (customer 2): "type": "customer" does not belong here: remove it"#,
        ),
        (
            r#"{"id": 2, "recv": [{"interface": "withdraw", "result": "fail"}]}"#,
            "null",
            "entry 2 (customer 2): null is not an object with id and recv",
        ),
        (
            "{\"id\": 2, \"recv\": [{\"interface\": \"withdraw\", \"result\": \"fail\"}]},\n",
            "",
            "entry 2 (customer 2): the entry is missing: each customer record has one, in file order",
        ),
        (
            r#"{"id": 2, "recv""#,
            r#"{"id": 7, "recv": []}, {"id": 2, "recv""#,
            r#"entry 2: {"id": 7, "recv": []} is one too many: 3 entries are right"#,
        ),
        (r#"410}]}]"#, r#"410}]}, 0]"#, "entry 4: 0 is one too many: 3 entries are right"),
        (
            r#"410}]}]"#,
            r#"410}]}]]"#,
            "line 4, column 65: not JSON: a bracket that closes nothing, near `ce\": \"query\", \"balance\": 410}]}]]`: remove it",
        ),
        (
            r#""id": 2"#,
            r#""id": 2, "id": 2"#,
            "line 3, column 15: the key \"id\" stands twice in one object: keep one of the two",
        ),
    ];
    for (right, wrong, message) in plants {
        assert!(RIGHT.contains(right), "{right}");
        let text = RIGHT.replacen(right, wrong, 1);
        assert_eq!(found(&text, None), [message], "{text}");
    }
}

#[test]
fn a_missing_last_entry_is_found() {
    let end = RIGHT.rfind(",\n").unwrap_or_default();
    let text = format!("{}]", &RIGHT[..end]);
    let missing = "the entry is missing: each customer record has one, in file order";
    assert_eq!(found(&text, None), [format!("entry 3 (customer 1): {missing}")]);
    let all: Vec<String> = [(1, 1), (2, 2), (3, 1)]
        .iter()
        .map(|(entry, id)| format!("entry {entry} (customer {id}): {missing}"))
        .collect();
    assert_eq!(found("[]", None), all);
}

#[test]
fn entries_out_of_file_order_are_found() {
    let lines: Vec<&str> = RIGHT.trim_matches(['[', ']', '\n']).split(",\n").collect();
    let text = format!("[{}, {}, {}]", lines[1], lines[0], lines[2]);
    let found = found(&text, None);
    assert_eq!(found[0], "entry 1 (customer 1): id is 2: 1 is right");
    assert!(found.contains(&"entry 2 (customer 2): id is 1: 2 is right".to_owned()), "{found:?}");
}

#[test]
fn a_file_that_is_no_output_is_called_what_it_is() {
    let files = [
        (String::new(), "the file is empty: write one JSON array of records, [ ... ]"),
        (
            format!("{RIGHT}\n{RIGHT}"),
            "line 5, column 1: a second document begins after the array has ended: write one array (was it appended?)",
        ),
        (
            RIGHT.replace('"', "'"),
            "line 2, column 6: not JSON: a single quote, near `{'`: texts and keys stand in double quotes, \"so\"",
        ),
        (r#"{"id": 1, "recv": []}"#.to_owned(), "the top level is an object: write one array of records, [ ... ]"),
    ];
    for (text, message) in files {
        assert_eq!(found(&text, None), [message]);
    }
}

#[test]
fn a_demanded_form_is_demanded() {
    let wrong = r#""balance": 410 is missing: found "interface", "result", "money""#;
    let old = RIGHT.replace(r#""balance": 410"#, r#""result": "success", "money": 410"#);
    let problems = found(&old, Some(OutputForm::Current));
    assert_eq!(problems[0], format!("entry 1 (customer 1), event 2: {wrong}"));
    let problems = found(RIGHT, Some(OutputForm::Old));
    assert_eq!(
        problems[0],
        r#"entry 1 (customer 1), event 2: "result": "success" is missing: found "interface", "balance""#
    );
}

#[test]
fn a_wrong_balance_in_the_older_form_is_found() {
    let old = RIGHT.replace(r#""balance": 410"#, r#""result": "success", "money": 410"#);
    assert_eq!(found(&old, None), [""; 0]);
    assert_eq!(
        found(&old.replacen("410", "400", 1), None),
        ["entry 1 (customer 1), event 2: money is 400: 410 is right"]
    );
    let failed = old.replacen(r#""query", "result": "success""#, r#""query", "result": "fail""#, 1);
    assert_eq!(found(&failed, None), [r#"entry 1 (customer 1), event 2: result is "fail": "success" is right"#]);
}

#[test]
fn problems_are_listed_up_to_a_limit_and_then_counted() {
    let records: Vec<String> =
        (1..=200).map(|_| r#"{"id": 1, "type": "customer", "events": [{"interface": "query"}]}"#.to_owned()).collect();
    let input = format!(r#"[{{"id": 1, "type": "branch", "balance": 5}}, {}]"#, records.join(","));
    let scenario = read(input.as_bytes());
    let written = |balance: i64| {
        let replies = vec![vec![Reply::Balance(balance)]; 200];
        output(&scenario, &replies, OutputForm::Current).unwrap_or_else(|error| panic!("{error}"))
    };
    assert_eq!(check(&scenario, written(5).as_bytes(), None), Ok(()));
    let Err(problems) = check(&scenario, written(6).as_bytes(), None) else { panic!("passed") };
    assert_eq!((problems.listed.len(), problems.unlisted, problems.count()), (MAX_PROBLEMS, 180, 200));
    assert!(problems.to_string().ends_with("\nand 180 more"));
    assert_eq!(problems.listed[19].place, ProblemPlace::Record { record: 20, customer: 1, event: Some(1) });

    // Far too many entries: those beyond what is looked at are counted all the same.
    let Err(problems) = check(&scenario, format!("[{}0]", "0,".repeat(999)).as_bytes(), None) else { panic!("passed") };
    assert_eq!(problems.count(), 1_000);
    assert!(problems.iter().all(|problem| matches!(problem.kind, ProblemKind::WrongType { .. })));
}

#[test]
fn one_entry_gone_or_one_too_many_does_not_shift_the_rest() {
    let records: Vec<String> = (1..=50)
        .flat_map(|id| {
            [
                format!(r#"{{"id": {id}, "type": "customer", "events": [{{"interface": "query"}}]}}"#),
                format!(r#"{{"id": {id}, "type": "branch", "balance": 5}}"#),
            ]
        })
        .collect();
    let scenario = read(format!("[{}]", records.join(",")).as_bytes());
    let entry = |id: usize| format!(r#"{{"id": {id}, "recv": [{{"interface": "query", "balance": 5}}]}}"#);
    let graded = |ids: &[usize]| {
        let entries: Vec<String> = ids.iter().copied().map(entry).collect();
        check(&scenario, format!("[{}]", entries.join(",")).as_bytes(), None).err().unwrap_or_default().to_string()
    };
    // No more entries are taken for missing, or for one too many, than are.
    let mut ids: Vec<usize> = (2..=50).collect();
    ids[20] = 23;
    let first = "entry 1 (customer 1): the entry is missing: each customer record has one, in file order";
    assert_eq!(graded(&ids), format!("{first}\nentry 22 (customer 22): id is 23: 22 is right"));
    let mut ids: Vec<usize> = (0..=50).collect();
    (ids[21], ids[22]) = (77, 21);
    let rest = "entry 21 (customer 21): id is 77: 21 is right\nentry 22 (customer 22): id is 21: 22 is right";
    let found = graded(&ids);
    assert!(found.starts_with("entry 1: {\"id\": 0, ") && found.ends_with(&format!(" are right\n{rest}")), "{found}");

    for lost in 1..=50 {
        let entries: Vec<String> = (1..=50).filter(|&id| id != lost).map(entry).collect();
        let Err(problems) = check(&scenario, format!("[{}]", entries.join(",")).as_bytes(), None) else {
            panic!("passed")
        };
        let place = ProblemPlace::Record { record: lost, customer: lost as u64, event: None };
        assert_eq!((problems.count(), problems.listed[0].place), (1, place));
        assert_eq!(problems.listed[0].kind, ProblemKind::MissingEntry);

        let mut entries: Vec<String> = (1..=50).map(entry).collect();
        entries.insert(lost - 1, entry(99));
        let Err(problems) = check(&scenario, format!("[{}]", entries.join(",")).as_bytes(), None) else {
            panic!("passed")
        };
        assert_eq!((problems.count(), problems.listed[0].place), (1, ProblemPlace::Surplus { entry: lost }));
    }
}

proptest! {
    /// Soundness: no single changed reply passes.
    #[test]
    fn prop_no_changed_reply_passes(index in any::<prop::sample::Index>(), by in 1_i64..1_000, old in any::<bool>()) {
        let scenario = scenario();
        let mut replies = expected(&scenario);
        let count = scenario.event_count();
        let reply = replies.iter_mut().flatten().nth(index.index(count));
        let Some(reply) = reply else { return Err(TestCaseError::fail("no such reply")) };
        *reply = match *reply {
            Reply::Balance(balance) => Reply::Balance(balance - by),
            Reply::Success => Reply::Fail,
            Reply::Fail => Reply::Success,
        };
        let form = if old { OutputForm::Old } else { OutputForm::Current };
        let text = output(&scenario, &replies, form).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let problems = check(&scenario, text.as_bytes(), None).err().map_or(0, |problems| problems.count());
        prop_assert_eq!(problems, 1);
    }
}
