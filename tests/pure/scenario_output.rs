//! What a run must answer and how it is written, down to the byte.

use std::{fs, path::Path};

use proptest::prelude::*;
use replibank::{
    scenario::{Action, CustomerRecord, Event, Order, OutputForm, Reply, Scenario, check, expected, output},
    types::{Amount, BranchId, MAX_AMOUNT, MAX_OPENING},
};

fn read(bytes: &[u8]) -> Scenario {
    Scenario::parse(bytes, Order::File).unwrap_or_else(|error| panic!("{error}"))
}

fn written(scenario: &Scenario, form: OutputForm) -> String {
    output(scenario, &expected(scenario), form).unwrap_or_else(|error| panic!("{error}"))
}

/// Deposits 170, queries, withdraws too much, withdraws all; a second record has no events.
fn small() -> Scenario {
    read(
        br#"[{"id": 2, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 170},
                {"id": 2, "interface": "query"}, {"id": 3, "interface": "withdraw", "money": 571},
                {"id": 4, "interface": "withdraw", "money": 570}, {"id": 5, "interface": "query"}]},
             {"id": 2, "type": "customer", "events": []},
             {"id": 2, "type": "branch", "balance": 400}]"#,
    )
}

#[test]
fn the_output_has_the_bytes_that_the_course_has() {
    let right = r#"[
 {
  "id": 2,
  "recv": [
   {
    "interface": "deposit",
    "result": "success"
   },
   {
    "interface": "query",
    "balance": 570
   },
   {
    "interface": "withdraw",
    "result": "fail"
   },
   {
    "interface": "withdraw",
    "result": "success"
   },
   {
    "interface": "query",
    "balance": 0
   }
  ]
 },
 {
  "id": 2,
  "recv": []
 }
]"#;
    assert_eq!(written(&small(), OutputForm::Current), right);
    let older = right
        .replace("\"balance\": 570", "\"result\": \"success\",\n    \"money\": 570")
        .replace("\"balance\": 0", "\"result\": \"success\",\n    \"money\": 0");
    assert_eq!(written(&small(), OutputForm::Old), older);
}

#[test]
fn a_scenario_without_customers_has_an_empty_output() {
    let scenario = read(br#"[{"id": 1, "type": "branch", "balance": 400}]"#);
    assert_eq!(written(&scenario, OutputForm::Current), "[]");
}

#[test]
fn a_form_is_read_and_written_by_name() {
    for form in [OutputForm::Current, OutputForm::Old] {
        assert_eq!(form.to_string().parse(), Ok(form));
    }
    assert_eq!("new".parse::<OutputForm>(), Err("output form \"new\" is unknown: give current or old".to_owned()));
}

#[test]
fn the_autograders_inputs_go_up_to_900_and_back_to_400() {
    for (edition, branches) in [("50x50", 50), ("100x100", 100)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("examples/course/input_{edition}.json"));
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let scenario = read(&bytes);
        assert_eq!((scenario.branches.len(), scenario.customers.len(), scenario.opening), (branches, 100, 400));

        let mut balances: Vec<i64> = (1..=50).map(|visit| 400 + 10 * visit).collect();
        balances.extend((0..50).rev().map(|visit| 400 + 10 * visit));
        assert_eq!((balances[0], balances[49], balances[50], balances[99]), (410, 900, 890, 400));
        let right: Vec<Vec<Reply>> =
            balances.into_iter().map(|balance| vec![Reply::Success, Reply::Balance(balance)]).collect();
        assert_eq!(expected(&scenario), right);

        let text = written(&scenario, OutputForm::Current);
        let entry = |id: u32, interface: &str, balance: i64| {
            format!(
                " {{\n  \"id\": {id},\n  \"recv\": [\n   {{\n    \"interface\": \"{interface}\",\n    \"result\": \
                 \"success\"\n   }},\n   {{\n    \"interface\": \"query\",\n    \"balance\": {balance}\n   }}\n  ]\n }}"
            )
        };
        let last = if branches == 50 { 50 } else { 100 };
        assert!(text.starts_with(&format!("[\n{},\n", entry(1, "deposit", 410))), "{edition}");
        assert!(text.contains(&format!(",\n{},\n{},\n", entry(50, "deposit", 900), entry(last - 49, "withdraw", 890))));
        assert!(text.ends_with(&format!(",\n{}\n]", entry(last, "withdraw", 400))), "{edition}");
        assert_eq!(check(&scenario, text.as_bytes(), Some(OutputForm::Current)), Ok(()));
    }
}

#[test]
fn replies_that_are_not_the_scenarios_are_refused() {
    let scenario = small();
    let right = expected(&scenario);
    let write = |replies: &[Vec<Reply>]| {
        output(&scenario, replies, OutputForm::Current).err().map(|error| error.to_string()).unwrap_or_default()
    };
    assert_eq!(write(&right), "");
    assert_eq!(write(&right[..1]), "replies of 1 customer records given: the scenario has 2");
    let mut short = right.clone();
    short[0].pop();
    assert_eq!(write(&short), "4 replies given for customer record 1: it has 5 events");
    let mut long = right.clone();
    long[1].push(Reply::Success);
    assert_eq!(write(&long), "1 replies given for customer record 2: it has 0 events");
    let mut swapped = right.clone();
    swapped[0].swap(0, 1);
    assert_eq!(
        write(&swapped),
        "a balance given for event 1 of customer record 1: it is a deposit, so a result is right"
    );
    let mut result = right;
    result[0][1] = Reply::Fail;
    assert_eq!(write(&result), "a result given for event 2 of customer record 1: it is a query, so a balance is right");
}

#[test]
fn a_scenario_beyond_every_bound_is_still_answered() {
    let branch = BranchId::new(1).unwrap_or_else(|| panic!("branch 0"));
    let most = Amount::new(MAX_AMOUNT).unwrap_or_else(|error| panic!("{error}"));
    let deposit = Event { id: None, action: Action::Deposit(most) };
    let query = Event { id: None, action: Action::Query };
    let customer = CustomerRecord { id: 1, branch, events: vec![deposit, deposit, query] };
    let scenario = Scenario { branches: vec![branch], opening: MAX_OPENING, customers: vec![customer] };
    let balance = MAX_OPENING + MAX_AMOUNT.cast_signed();
    assert_eq!(expected(&scenario), [[Reply::Success, Reply::Fail, Reply::Balance(balance)]]);
}

/// A file of three branches and of customers who ask for anything.
fn any_input() -> impl Strategy<Value = String> {
    let event = (prop::sample::select(vec!["query", "deposit", "withdraw"]), 1_u64..400)
        .prop_map(|(interface, money)| format!(r#"{{"interface": "{interface}", "money": {money}}}"#));
    let customer = (1_u32..4, prop::collection::vec(event, 0..5))
        .prop_map(|(id, events)| format!(r#"{{"id": {id}, "type": "customer", "events": [{}]}}"#, events.join(",")));
    (0_i64..1_000, prop::collection::vec(customer, 0..8)).prop_map(|(opening, mut records)| {
        records.extend((1..4).map(|id| format!(r#"{{"id": {id}, "type": "branch", "balance": {opening}}}"#)));
        format!("[{}]", records.join(","))
    })
}

proptest! {
    /// What is written passes the grader in its own form alone, and no withdrawal overdraws.
    #[test]
    fn prop_the_right_output_passes(input in any_input()) {
        let scenario = read(input.as_bytes());
        let replies = expected(&scenario);
        let queried = replies.iter().flatten().any(|reply| matches!(reply, Reply::Balance(_)));
        for reply in replies.iter().flatten() {
            prop_assert!(!matches!(reply, Reply::Balance(..0)));
        }
        for (form, other) in [(OutputForm::Current, OutputForm::Old), (OutputForm::Old, OutputForm::Current)] {
            let text = written(&scenario, form);
            prop_assert_eq!(check(&scenario, text.as_bytes(), Some(form)), Ok(()));
            prop_assert_eq!(check(&scenario, text.as_bytes(), None), Ok(()));
            prop_assert_eq!(check(&scenario, text.as_bytes(), Some(other)).is_err(), queried);
        }
    }
}
