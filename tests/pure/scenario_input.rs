//! What the course's input files may look like, and how large; no bytes make the reader panic.

use proptest::prelude::*;
use replibank::{
    scenario::{Action, CustomerRecord, DocumentFlaw, Event, InputError, MAX_INPUT_BYTES, Order, Scenario, check},
    types::{Amount, MAX_AMOUNT, MAX_OPENING, MAX_ORIGINS},
};

use crate::common::branch;

fn read(text: &str, order: Order) -> Scenario {
    Scenario::parse(text.as_bytes(), order).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn refusal(bytes: &[u8], order: Order) -> String {
    match Scenario::parse(bytes, order) {
        Ok(_) => panic!("accepted: {}", String::from_utf8_lossy(bytes)),
        Err(error) => error.to_string(),
    }
}

fn amount(value: u64) -> Amount {
    Amount::new(value).unwrap_or_else(|error| panic!("{error}"))
}

const BRANCH: &str = r#"{"id": 1, "type": "branch", "balance": 400}"#;

/// A file of branch 1 and of a customer 1 with these events.
fn with_events(events: &str) -> String {
    format!(r#"[{BRANCH}, {{"id": 1, "type": "customer", "events": [{events}]}}]"#)
}

fn deposit(id: i64, money: u64) -> Event {
    Event { id: Some(id), action: Action::Deposit(amount(money)) }
}

#[test]
fn the_published_example_is_read() {
    let scenario = read(
        r#"[{"id": 2, "type": "customer", "events": [{"id": 2, "interface": "deposit", "money": 170},
                                                     {"id": 3, "interface": "query"}]},
            {"id": 2, "type": "branch", "balance": 400}, {"id": 1, "type": "branch", "balance": 400}]"#,
        Order::File,
    );
    let events = vec![deposit(2, 170), Event { id: Some(3), action: Action::Query }];
    assert_eq!(
        scenario,
        Scenario {
            branches: vec![branch(2), branch(1)],
            opening: 400,
            customers: vec![CustomerRecord { id: 2, branch: branch(2), events }],
        }
    );
    assert_eq!(scenario.event_count(), 2);
}

#[test]
fn every_edition_of_the_input_is_read() {
    let withdraw = Event { id: None, action: Action::Withdraw(amount(5)) };
    let query = Event { id: None, action: Action::Query };
    let editions = [
        (
            "older types",
            r#"[{"id": 1, "type": "bank", "balance": 0}, {"id": 1, "type": "client", "events": []}]"#,
            0,
            vec![vec![]],
        ),
        (
            "events without id",
            r#"[{"id": 1, "type": "branch", "balance": 9}, {"id": 1, "type": "customer", "events": [{"interface": "withdraw", "money": 5}]}]"#,
            9,
            vec![vec![withdraw]],
        ),
        (
            "a query's money is ignored, whatever it is",
            r#"[{"id": 1, "type": "branch", "balance": 9}, {"id": 1, "type": "customer", "events":
                [{"interface": "query", "money": 400}, {"interface": "query", "money": "none"}]}]"#,
            9,
            vec![vec![query, query]],
        ),
        (
            "event ids out of order and twice; customers before branches",
            r#"[{"id": 1, "type": "customer", "events": [{"id": 7, "interface": "deposit", "money": 1},
                {"id": -2, "interface": "deposit", "money": 2}, {"id": 7, "interface": "deposit", "money": 3}]},
                {"id": 1, "type": "branch", "balance": 9}]"#,
            9,
            vec![vec![deposit(7, 1), deposit(-2, 2), deposit(7, 3)]],
        ),
        (
            "one customer id in two records",
            r#"[{"id": 1, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 1}]},
                {"id": 1, "type": "branch", "balance": 9},
                {"id": 1, "type": "customer", "events": [{"id": 2, "interface": "deposit", "money": 2}]}]"#,
            9,
            vec![vec![deposit(1, 1)], vec![deposit(2, 2)]],
        ),
        (
            "blanks around keys, and keys beyond those needed",
            r#"[{" id ": 1, "type ": "branch", " balance": 9, "owner": {"name": ["x"]}},
                {"id": 1, "type": "customer", "comment": null, " events ": [{"\tinterface": "deposit", " money ": 4, " id": 1, "note": 1.5}]}]"#,
            9,
            vec![vec![deposit(1, 4)]],
        ),
        (
            "the customer's own branch, named at an event",
            r#"[{"id": 1, "type": "branch", "balance": 9}, {"id": 1, "type": "customer", "events":
                [{"id": 1, "interface": "deposit", "money": 4, "branch": 1, "dest": 1}]}]"#,
            9,
            vec![vec![deposit(1, 4)]],
        ),
        (
            "escapes in keys and words",
            r#"[{"\u0069d": 1, "type": "\u0062ranch", "balance": 9}, {"id": 1, "type": "customer", "events": []}]"#,
            9,
            vec![vec![]],
        ),
    ];
    for (what, text, opening, events) in editions {
        let scenario = read(text, Order::File);
        assert_eq!(scenario.opening, opening, "{what}");
        assert_eq!(scenario.branches, [branch(1)], "{what}");
        let found: Vec<Vec<Event>> = scenario.customers.into_iter().map(|customer| customer.events).collect();
        assert_eq!(found, events, "{what}");
    }
}

#[test]
fn branches_need_no_customer_and_ids_need_not_be_dense() {
    let scenario = read(
        r#"[{"id": 345, "type": "branch", "balance": 0}, {"id": 4294967295, "type": "branch", "balance": 0}]"#,
        Order::File,
    );
    assert_eq!(scenario.branches, [branch(345), branch(u32::MAX)]);
    assert_eq!(scenario.customers, []);
}

#[test]
fn the_largest_balance_and_amount_are_read() {
    let scenario = read(
        &format!(
            r#"[{{"id": 1, "type": "branch", "balance": {MAX_OPENING}}},
                {{"id": 1, "type": "customer", "events": [{{"id": 1, "interface": "deposit", "money": {MAX_AMOUNT}}}]}}]"#
        ),
        Order::File,
    );
    assert_eq!(scenario.opening, MAX_OPENING);
    assert_eq!(scenario.customers[0].events, [deposit(1, MAX_AMOUNT)]);
}

#[test]
fn order_by_id_sorts_within_a_record_and_keeps_ties_as_they_stand() {
    let text = r#"[{"id": 1, "type": "branch", "balance": 9},
        {"id": 1, "type": "customer", "events": [{"id": 5, "interface": "deposit", "money": 1},
            {"id": 2, "interface": "deposit", "money": 2}, {"id": 5, "interface": "deposit", "money": 3}]},
        {"id": 1, "type": "customer", "events": [{"id": 1, "interface": "deposit", "money": 4}]}]"#;
    let scenario = read(text, Order::Id);
    assert_eq!(scenario.customers[0].events, [deposit(2, 2), deposit(5, 1), deposit(5, 3)]);
    assert_eq!(scenario.customers[1].events, [deposit(1, 4)], "records stay in file order");
    assert_eq!(read(text, Order::File).customers[0].events, [deposit(5, 1), deposit(2, 2), deposit(5, 3)]);
}

#[test]
fn many_events_of_one_id_stay_as_they_stand() {
    let events = |id: fn(u64) -> u64| {
        let events: Vec<String> = (1..=200)
            .map(|money| format!(r#"{{"id": {}, "interface": "deposit", "money": {money}}}"#, id(money)))
            .collect();
        read(&with_events(&events.join(",")), Order::Id).customers[0].events.clone()
    };
    assert_eq!(
        events(|_| 7),
        events(|money| money).into_iter().map(|event| Event { id: Some(7), ..event }).collect::<Vec<_>>()
    );
    let alternating = events(|money| money % 2);
    let right = (1..=100).map(|half| deposit(0, 2 * half)).chain((1..=100).map(|half| deposit(1, 2 * half - 1)));
    assert_eq!(alternating, right.collect::<Vec<_>>());
}

#[test]
fn an_order_is_read_and_written_by_name() {
    for order in [Order::File, Order::Id] {
        assert_eq!(order.to_string().parse(), Ok(order));
    }
    assert_eq!("ids".parse::<Order>(), Err("order \"ids\" is unknown: give file or id".to_owned()));
}

#[test]
fn a_bank_has_at_most_as_many_branches_as_origins() {
    let branches = |count: usize| {
        let records: Vec<String> =
            (1..=count).map(|id| format!(r#"{{"id": {id}, "type": "branch", "balance": 0}}"#)).collect();
        format!("[{}]", records.join(","))
    };
    assert_eq!(read(&branches(MAX_ORIGINS), Order::File).branches.len(), MAX_ORIGINS);
    assert_eq!(
        refusal(branches(MAX_ORIGINS + 1).as_bytes(), Order::File),
        "record 16385 (branch 16385): one branch too many: a bank has at most 16384"
    );
}

#[test]
fn totals_that_no_branch_can_hold_are_refused_before_the_run() {
    let limit =
        "so far is too much: what one branch takes in, and what it pays out, ends at 281474976710655 (branch 1)";
    let file = with_events(&format!(
        r#"{{"interface": "deposit", "money": {MAX_AMOUNT}}}, {{"interface": "deposit", "money": 1}}"#
    ));
    assert_eq!(
        refusal(file.as_bytes(), Order::File),
        format!("record 2 (customer 1): 1 on top of 281474976710655 {limit}")
    );
    // Withdrawals that fail move nothing, so that they count for nothing.
    let events = format!(r#"{{"interface": "withdraw", "money": {MAX_AMOUNT}}}"#);
    assert_eq!(read(&with_events(&[events.as_str(); 3].join(",")), Order::File).event_count(), 3);
    let rich = with_events(&[events.as_str(); 2].join(",")).replace("400", &MAX_OPENING.to_string());
    assert_eq!(
        refusal(rich.as_bytes(), Order::File),
        format!("record 2 (customer 1): 281474976710655 on top of 281474976710655 {limit}")
    );
}

#[test]
fn deep_nesting_is_refused() {
    for (open, length) in [("[", 1 << 20), ("{\"a\":", 1 << 18), ("[{\"a\":", 1 << 18)] {
        let text = format!("[{}", open.repeat(length));
        let message = refusal(text.as_bytes(), Order::File);
        assert!(
            message.ends_with(": arrays and objects are nested 128 deep: a record's events are 4 deep"),
            "{message}"
        );
    }
}

#[test]
fn an_object_of_many_keys_is_refused() {
    let keys: Vec<String> = (0..64).map(|key| format!("\"k{key}\": 0")).collect();
    assert!(refusal(format!("[{{{}}}]", keys.join(",")).as_bytes(), Order::File).starts_with("record 1: field type"));
    assert!(
        refusal(format!("[{{{}, \"id\": 1}}]", keys.join(",")).as_bytes(), Order::File)
            .ends_with("an object has more than 64 keys: a record needs three or four")
    );
}

#[test]
fn a_file_of_nothing_but_values_ends_at_a_limit() {
    let mut text = String::from("[{\"a\": [");
    text.push_str(&"0,".repeat(1 << 23));
    assert!(
        refusal(text.as_bytes(), Order::File)
            .ends_with("the file holds more than 8388608 values: divide it into several files")
    );
}

#[test]
fn a_file_beyond_the_size_limit_is_refused_unread() {
    let mut bytes = vec![b' '; MAX_INPUT_BYTES + 1];
    assert_eq!(refusal(&bytes, Order::File), "the file has 67108865 bytes: at most 67108864 (64 MiB) are read");
    bytes.pop();
    assert_eq!(Scenario::parse(&bytes, Order::File).map_err(flaw), Err(Some(DocumentFlaw::Empty)));
}

fn flaw(error: InputError) -> Option<DocumentFlaw> {
    if let InputError::Document(error) = error { Some(error.flaw) } else { None }
}

/// Documents that are right or nearly so, to be mutated.
const SEEDS: [&str; 3] = [
    r#"[{"id": 2, "type": "customer", "events": [{"id": 2, "interface": "deposit", "money": 170},
        {"id": 3, "interface": "query"}, {"interface": "withdraw", "money": 1e1}]}, {"id": 2, "type": "branch", "balance": 400}]"#,
    "[{\"id\": 1, \"type\": \"bank\", \"balance\": 0},\n {\" id \": 1, \"type\": \"client\", \"events\": []}]\n[",
    r#"[{"id": 1, "recv": [{"interface": "query", "result": "success", "money": -0.5}, "\u00e9", [[null, true]]]}]"#,
];

/// Also checks an output of the same bytes: both share the reader.
fn nothing_panics(bytes: &[u8]) -> Result<(), TestCaseError> {
    for order in [Order::File, Order::Id] {
        match Scenario::parse(bytes, order) {
            Ok(scenario) => prop_assert!(!scenario.branches.is_empty()),
            Err(error) => {
                let message = error.to_string();
                prop_assert!(!message.contains('\n') && message.chars().count() < 400, "{message}");
            }
        }
    }
    let scenario = read(&with_events(r#"{"interface": "query"}"#), Order::File);
    if let Err(problems) = check(&scenario, bytes, None) {
        prop_assert!(!problems.to_string().is_empty());
    }
    Ok(())
}

proptest! {
    #[test]
    fn prop_no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), array in any::<bool>()) {
        let bytes = if array { [b"[".as_slice(), &bytes].concat() } else { bytes };
        nothing_panics(&bytes)?;
    }

    #[test]
    fn prop_no_text_of_json_marks_makes_it_panic(text in r#"\[[\[\]{}:,"'0-9eE.+a-f\\ \nu“é-]{0,80}"#) {
        nothing_panics(text.as_bytes())?;
    }

    #[test]
    fn prop_no_damage_to_a_document_makes_it_panic(
        seed in 0..SEEDS.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4), 1..6),
    ) {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        for (place, byte, kind) in damage {
            let place = place.index(bytes.len().max(1));
            match kind {
                0 => bytes.truncate(place),
                1 => bytes.insert(place, byte),
                2 if place < bytes.len() => bytes[place] = b"[]{}\",:0e-\xff"[usize::from(byte) % 11],
                _ => bytes = [&bytes[..place], &bytes[place / 2..]].concat(),
            }
        }
        nothing_panics(&bytes)?;
    }

    /// A number is accepted exactly if it is written as a whole one in range.
    #[test]
    fn prop_an_amount_is_accepted_exactly_in_its_range(money in any::<i64>(), shift in 0_u32..63) {
        let money = money >> shift;
        let file = with_events(&format!(r#"{{"interface": "deposit", "money": {money}}}"#));
        let accepted = Scenario::parse(file.as_bytes(), Order::File).is_ok();
        prop_assert_eq!(accepted, (1..=MAX_AMOUNT.cast_signed()).contains(&money));
    }
}
