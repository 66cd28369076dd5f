//! Each anomaly in a history written by hand, next to the innocent history nearest to it; and the
//! written form of histories, with everything that can be wrong with it.

use replibank::check::{AnomalyKind, History, Verdict, check};

const BANK: &str = r#"{"bank":{"branches":[1,2],"accounts":{"0":400}}}"#;

/// A history of two branches, times 10 us apart.
fn history(lines: Vec<String>) -> History {
    history_of(BANK, lines)
}

fn history_of(bank: &str, lines: Vec<String>) -> History {
    let mut text = bank.to_owned();
    for (position, line) in lines.iter().enumerate() {
        text.push_str(&format!("\n{{\"at\":{},{line}}}", (position + 1) * 10));
    }
    History::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn kinds(lines: Vec<String>) -> Vec<AnomalyKind> {
    check(&history(lines)).anomalies.iter().map(|anomaly| anomaly.kind).collect()
}

fn stories(lines: Vec<String>) -> Vec<String> {
    check(&history(lines)).anomalies.iter().map(ToString::to_string).collect()
}

/// An invocation by customer 3.
fn invoke(id: u32, branch: u32, what: &str) -> String {
    format!(r#""event":"invoke","id":{id},"client":3,"branch":{branch},{what}"#)
}

const DEPOSIT: &str = r#""action":"deposit","amount":170"#;
const QUERY: &str = r#""action":"query""#;

fn committed(id: u32, balance: i64, origin: &str, sequence: u32) -> String {
    format!(r#""event":"ok","id":{id},"balance":{balance},"origin":"{origin}","sequence":{sequence}"#)
}

fn read(id: u32, balance: i64) -> String {
    format!(r#""event":"ok","id":{id},"balance":{balance}"#)
}

fn read_at(id: u32, balance: i64, version: &str) -> String {
    format!(r#""event":"ok","id":{id},"balance":{balance},"version":{version}"#)
}

fn settled(branch: u32, balance: i64, version: &str) -> String {
    format!(r#""event":"final","branch":{branch},"balances":{{"0":{balance}}},"version":{version}"#)
}

/// The lines, as `history` takes them.
macro_rules! lines {
    ($($line:expr),* $(,)?) => { vec![$(String::from($line)),*] };
}

#[test]
fn a_bank_that_keeps_its_promises_is_not_accused() {
    let all_is_well = lines![
        invoke(1, 2, DEPOSIT),
        committed(1, 570, "2", 1),
        invoke(2, 1, QUERY),
        read_at(2, 400, "{}"),
        invoke(3, 2, QUERY),
        read(3, 570),
        settled(1, 570, r#"{"2":1}"#),
        settled(2, 570, r#"{"2":1}"#),
    ];
    let verdict = check(&history(all_is_well));
    assert!(verdict.is_ok() && verdict.anomalies.is_empty(), "{verdict}");
    let Verdict { operations, answered, reads, unknown, settled, .. } = verdict;
    assert_eq!((operations, answered, reads, unknown, settled), (3, 3, 5, 0, 2));
    assert!(verdict.to_string().ends_with("verdict      ok: no promise was broken"));
}

#[test]
fn a_history_in_which_nothing_was_answered_is_not_examined() {
    let ends = |lines: Vec<String>| {
        let verdict = check(&history(lines));
        let text = verdict.to_string();
        (verdict.is_ok(), verdict.is_broken(), text.lines().last().expect("a verdict").to_owned())
    };
    let nothing = (false, false, "verdict      nothing was examined: no operation was answered".to_owned());
    assert_eq!(ends(lines![]), nothing);
    assert_eq!(ends(lines![invoke(1, 1, DEPOSIT)]), nothing);
    assert_eq!(ends(lines![invoke(1, 1, DEPOSIT), r#""event":"unknown","id":1"#]), nothing);
    assert_eq!(ends(lines![settled(1, 400, "{}"), settled(2, 400, "{}")]), nothing);
    let refused = r#""event":"refused","id":1,"reason":"overloaded","limit":9"#;
    assert_eq!(
        ends(lines![invoke(1, 1, DEPOSIT), refused]),
        (true, false, "verdict      ok: no promise was broken".to_owned())
    );
    let differ = ends(lines![settled(1, 400, "{}"), settled(2, 401, "{}")]);
    assert_eq!(differ, (false, true, "verdict      broken: something happened that must never happen".to_owned()));
}

#[test]
fn a_verdict_says_how_much_it_rests_on() {
    let fault = |fault: u32| format!(r#""event":"fault","fault":{fault},"what":"branch 1 is down""#);
    let lifted = |fault: u32| format!(r#""event":"lifted","fault":{fault}"#);
    let restarted = r#""event":"restarted","branch":1,"kept":true"#;
    let verdict = check(&history(lines![
        invoke(1, 1, DEPOSIT),
        committed(1, 570, "1", 1),
        invoke(2, 2, QUERY),
        fault(1),
        read(2, 400),
        invoke(3, 1, QUERY),
        restarted,
        lifted(1),
        read(3, 570),
        invoke(4, 1, DEPOSIT),
        fault(2),
        r#""event":"unknown","id":4"#,
        invoke(5, 2, QUERY),
        read(5, 570),
    ]));
    assert!(verdict.is_ok());
    let text = verdict.to_string();
    assert!(text.starts_with(
        "examined     5 operations, 4 answered (1 of unknown outcome), 4 balances, 0 final states\n\
         faults       2 faults, in which 3 operations were answered; a branch came back once\n"
    ));
    let calm = check(&history(lines![invoke(1, 1, QUERY), read(1, 400)])).to_string();
    assert!(calm.contains("\nfaults       the history tells of none\n"), "{calm}");
}

#[test]
fn a_balance_that_nothing_explains_is_an_impossible_read() {
    let told = |balance| {
        stories(lines![
            invoke(1, 1, DEPOSIT),
            committed(1, 570, "1", 1),
            invoke(2, 2, r#""action":"deposit","amount":30"#),
            invoke(3, 2, QUERY),
            read(3, balance),
        ])
    };
    for possible in [400, 430, 570, 600] {
        assert_eq!(told(possible), [] as [String; 0]);
    }
    assert_eq!(
        told(500),
        ["impossible-read: customer 3 read 500 at branch 2 at 0.05 ms; every order of the 2 operations that could \
          count gives 400, 430, 570 or 600"]
    );
}

/// The witness: the invocation that was told it, then those that could count, then those that must.
#[test]
fn a_verdict_names_the_operations_that_it_rests_on() {
    let verdict = check(&history(lines![
        invoke(1, 1, DEPOSIT),
        committed(1, 570, "1", 1),
        invoke(2, 2, r#""action":"deposit","amount":30,"account":0"#),
        invoke(3, 1, r#""action":"withdraw","amount":1000"#),
        r#""event":"refused","id":3,"reason":"insufficient_funds","available":580,"requested":1000"#,
    ]));
    let [anomaly] = &verdict.anomalies[..] else { panic!("{verdict}") };
    assert_eq!(anomaly.witnesses, [3, 2, 1]);
    assert_eq!(
        anomaly.story,
        "customer 3 was refused 1000 and read 580 at branch 1 at 0.05 ms; with and without the one operation that \
         could count it is 570 or 600"
    );
}

#[test]
fn a_branch_shows_its_own_writes() {
    let told = |balance| {
        kinds(lines![invoke(1, 1, DEPOSIT), committed(1, 570, "1", 1), invoke(2, 1, QUERY), read(2, balance),])
    };
    assert_eq!(told(570), []);
    assert_eq!(told(400), [AnomalyKind::ImpossibleRead]);
    let forgetful = |kept| {
        kinds(lines![
            invoke(1, 1, DEPOSIT),
            committed(1, 570, "1", 1),
            format!(r#""event":"restarted","branch":1,"kept":{kept}"#),
            invoke(2, 1, QUERY),
            read(2, 400),
        ])
    };
    assert_eq!(forgetful(true), [AnomalyKind::ImpossibleRead]);
    assert_eq!(forgetful(false), [], "it came back without its data, and nobody else had it");
}

#[test]
fn a_version_gives_one_balance() {
    let told = |balance, version| {
        kinds(lines![
            invoke(1, 1, DEPOSIT),
            committed(1, 570, "1", 1),
            invoke(2, 2, QUERY),
            read_at(2, balance, version),
        ])
    };
    assert_eq!(told(570, r#"{"1":1}"#), []);
    assert_eq!(told(400, "{}"), []);
    assert_eq!(told(400, r#"{"1":1}"#), [AnomalyKind::ImpossibleRead]);
    assert_eq!(told(570, "{}"), [AnomalyKind::ImpossibleRead]);
    assert_eq!(told(570, r#"{"1":2}"#), [AnomalyKind::ImpossibleRead], "nobody asked for a second operation");
}

#[test]
fn an_operation_of_unknown_outcome_may_count_and_a_refused_one_may_not() {
    let told = |outcome: &str, balance| {
        kinds(lines![invoke(1, 1, DEPOSIT), format!(r#""event":{outcome}"#), invoke(2, 1, QUERY), read(2, balance),])
    };
    let unknown = r#""unknown","id":1"#;
    let refused = r#""refused","id":1,"reason":"version_not_reached""#;
    let open = r#""refused","id":1,"reason":"concern_not_reached","concern":"all","reached":1,"needed":2"#;
    for balance in [400, 570] {
        assert_eq!(told(unknown, balance), []);
        assert_eq!(told(open, balance), []);
    }
    assert_eq!(told(refused, 400), []);
    assert_eq!(told(refused, 570), [AnomalyKind::ImpossibleRead]);
}

#[test]
fn a_read_shows_what_it_names() {
    let told = |version| {
        stories(lines![
            invoke(1, 1, DEPOSIT),
            committed(1, 570, "1", 1),
            invoke(2, 2, r#""action":"query","at_least":{"1":1}"#),
            read_at(2, if version == "{}" { 400 } else { 570 }, version),
        ])
    };
    assert_eq!(told(r#"{"1":1}"#), [] as [String; 0]);
    assert_eq!(
        told("{}"),
        ["stale-read: customer 3 read 400 at branch 2 at 0.04 ms; the branch was to show 1 operation of branch 1, \
          and its version has 0"]
    );
}

#[test]
fn a_branch_does_not_go_back() {
    let told = |second| {
        kinds(lines![
            invoke(1, 1, DEPOSIT),
            committed(1, 570, "1", 1),
            invoke(2, 2, QUERY),
            read_at(2, 570, r#"{"1":1}"#),
            invoke(3, 2, QUERY),
            read_at(3, if second == "{}" { 400 } else { 570 }, second),
        ])
    };
    assert_eq!(told(r#"{"1":1}"#), []);
    assert_eq!(told("{}"), [AnomalyKind::WentBack]);
}

#[test]
fn a_write_at_concern_all_is_everywhere() {
    let told = |concern: &str| {
        kinds(lines![
            invoke(1, 1, &format!(r#"{DEPOSIT},"concern":"{concern}""#)),
            committed(1, 570, "1", 1),
            invoke(2, 2, QUERY),
            read(2, 400),
        ])
    };
    assert_eq!(told("local"), []);
    assert_eq!(told("all"), [AnomalyKind::ImpossibleRead]);
}

#[test]
fn a_write_at_concern_majority_is_not_everywhere() {
    let told = |concern: &str| {
        let lines = lines![
            invoke(1, 1, &format!(r#"{DEPOSIT},"concern":"{concern}""#)),
            committed(1, 570, "1", 1),
            invoke(2, 3, QUERY),
            read(2, 400),
        ];
        let bank = BANK.replace("[1,2]", "[1,2,3]");
        check(&history_of(&bank, lines)).anomalies.len()
    };
    assert_eq!((told("majority"), told("all")), (0, 1));
}

#[test]
fn an_acknowledged_write_is_there_at_the_end() {
    let lost = |end: &str, balance, version| {
        kinds(lines![
            invoke(1, 1, DEPOSIT),
            committed(1, 570, "1", 1),
            end,
            settled(1, balance, version),
            settled(2, balance, version),
        ])
    };
    let calm = r#""event":"restarted","branch":1,"kept":true"#;
    let forgot = r#""event":"restarted","branch":1,"kept":false"#;
    assert_eq!(lost(calm, 570, r#"{"1":1}"#), []);
    assert_eq!(lost(calm, 400, "{}"), [AnomalyKind::LostWrite], "both branches show the same, which is said once");
    assert_eq!(lost(forgot, 400, "{}"), [], "only that branch had it, and it lost its data");
}

#[test]
fn a_settled_balance_is_the_sum_of_what_was_promised() {
    let end = |balance| {
        kinds(lines![
            invoke(1, 1, DEPOSIT),
            committed(1, 570, "1", 1),
            format!(r#""event":"final","branch":1,"balances":{{"0":{balance}}}"#),
        ])
    };
    assert_eq!(end(570), []);
    assert_eq!(end(740), [AnomalyKind::Conservation], "the deposit counted twice");
    assert_eq!(end(400), [AnomalyKind::Conservation]);
}

#[test]
fn branches_that_have_settled_agree() {
    let end = |second| kinds(lines![settled(1, 400, "{}"), settled(2, second, "{}")]);
    assert_eq!(end(400), []);
    assert_eq!(end(401), [AnomalyKind::Divergence, AnomalyKind::Conservation]);
}

#[test]
fn one_request_has_one_place() {
    let named = format!(r#"{DEPOSIT},"request":5"#);
    let tried = |second: u32| {
        kinds(lines![
            invoke(1, 1, &named),
            committed(1, 570, "1", 1),
            invoke(2, 1, &named),
            committed(2, 570, "1", second),
        ])
    };
    assert_eq!(tried(1), []);
    assert_eq!(tried(2), [AnomalyKind::CountedTwice]);
    let shared =
        lines![invoke(1, 1, DEPOSIT), invoke(2, 1, DEPOSIT), committed(1, 570, "1", 1), committed(2, 570, "1", 1),];
    assert_eq!(kinds(shared)[0], AnomalyKind::LostWrite);
}

/// So many deposits of the largest amount that their sum has more bits than a balance.
#[test]
fn a_sum_beyond_all_bits_does_not_come_back_as_another_one() {
    const LARGEST: i64 = (1 << 48) - 1;
    let told = |last: i64| {
        let mut lines = Vec::new();
        for id in 1..=32_769 {
            let sum = LARGEST.checked_mul(i64::from(id)).and_then(|sum| sum.checked_add(400));
            lines.push(invoke(id, 1, &format!(r#""action":"deposit","amount":{LARGEST}"#)));
            lines.push(committed(id, sum.unwrap_or(last), "1", id));
        }
        kinds(lines)
    };
    let (wrapped, impossible) = (LARGEST.wrapping_mul(32_769).wrapping_add(400), AnomalyKind::ImpossibleRead);
    // Nobody withdrew, and no sum is that.
    assert_eq!(told(wrapped), [AnomalyKind::OutOfBounds, impossible, impossible]);
    assert_eq!(told(i64::MAX), [AnomalyKind::OutOfBounds], "as far as a balance can tell");
}

#[test]
fn an_overdraft_is_told_and_is_no_broken_promise() {
    let withdraw = r#""action":"withdraw","amount":300"#;
    let verdict = check(&history(lines![
        invoke(1, 1, withdraw),
        invoke(2, 2, withdraw),
        committed(1, 100, "1", 1),
        committed(2, 100, "2", 1),
        settled(1, -200, r#"{"1":1,"2":1}"#),
        settled(2, -200, r#"{"1":1,"2":1}"#),
    ]));
    assert_eq!(verdict.anomalies.len(), 1);
    assert_eq!(verdict.anomalies[0].kind, AnomalyKind::Overdraft);
    assert!(verdict.is_ok());
    assert!(verdict.to_string().contains("ok, with overdrawn accounts"), "{verdict}");
}

#[test]
fn a_history_that_is_written_wrongly_is_refused_with_its_line() {
    let reason = |lines: &[&str]| {
        let text = [&[BANK], lines].concat().join("\n");
        History::parse(&text).expect_err("wrong").to_string()
    };
    let ask = r#"{"at":1,"event":"invoke","id":1,"client":3,"branch":1,"action":"query"}"#;
    let done = r#"{"at":2,"event":"ok","id":1,"balance":400}"#;
    let deposit = &ask.replace("\"query\"", "\"deposit\",\"amount\":170,\"none\":1");
    let written = r#"{"at":2,"event":"ok","id":1,"balance":570,"origin":"1","sequence":1}"#;
    let refused = r#"{"at":2,"event":"refused","id":1,"reason":"version_not_reached"}"#;
    let fault = r#"{"at":1,"event":"fault","fault":1,"what":"a storm"}"#;
    let lifted = r#"{"at":2,"event":"lifted","fault":1}"#;
    let with = |line: &str| line.replace(r#""at":"#, r#""colour":"red","at":"#);
    let end = r#"{"at":3,"event":"final","branch":1,"balances":{"0":400}}"#;
    let cases: [(&[&str], &str); 28] = [
        (&[&with(ask)], "line 2: unknown field `colour`"),
        (&[deposit], "line 2: unknown field `none`"),
        (&[ask, &with(done)], "line 3: unknown field `colour`"),
        (&[ask, &with(refused)], "line 3: unknown field `colour`"),
        (&[ask, r#"{"at":2,"event":"unknown","id":1,"why":"?"}"#], "line 3: unknown field `why`"),
        (&[&with(end)], "line 2: unknown field `colour`"),
        (&[&with(fault)], "line 2: unknown field `colour`"),
        (&[fault, &with(lifted)], "line 3: unknown field `colour`"),
        (&[fault, fault], "line 3: fault 1 was used before: give each fault its own number"),
        (&[lifted], "line 2: fault 1 does not last: it is lifted once, after it has begun"),
        (&[fault, lifted, lifted], "line 4: fault 1 does not last"),
        (&[ask, written], "line 3: the answer to a query has no place"),
        (&[&ask.replace("\"query\"", "\"query\",\"amount\":5")], "line 2: a query has no amount"),
        (&[&ask.replace("\"query\"", "\"deposit\",\"amount\":0")], "line 2: amount 0 is out of range"),
        (&[&ask.replace("\"query\"", "\"deposit\",\"amount\":281474976710656")], "line 2: amount 281474976710656 is"),
        (&[ask, &done.replace("400", "9223372036854775808")], "line 3: invalid value"),
        (&["nonsense"], "line 2: expected"),
        (&[r#"{"at":1,"event":"guess","id":1}"#], "line 2: unknown variant `guess`"),
        (&[r#"{"event":"unknown","id":1}"#], "line 2: missing field `at`"),
        (&[done], "line 2: id 1 is answered before it is invoked"),
        (&[ask, done, done], "line 4: id 1 has been answered before"),
        (&[ask, ask], "line 3: id 1 was used before: give each invocation its own"),
        (&[ask, r#"{"at":0,"event":"unknown","id":1}"#], "line 3: time goes back from 1 to 0 us"),
        (&[&ask.replace(r#""branch":1"#, r#""branch":9"#)], "line 2: branch 9 is none of the bank's branches"),
        (&[&ask.replace(r#""branch":1"#, r#""branch":0"#)], "line 2: a branch is 0: ids count from 1"),
        (&[&ask.replace("query", "look")], "line 2: action \"look\" is unknown: give query, deposit or withdraw"),
        (&[&ask.replace("query", "deposit")], "line 2: a deposit needs an amount"),
        (&[&ask.replace("query", "deposit"), done], "line 2: a deposit needs an amount"),
    ];
    for (lines, expected) in cases {
        assert!(reason(lines).starts_with(expected), "{} instead of {expected}", reason(lines));
    }
    for header in ["", "{}", r#"{"bank":{"branches":[0],"accounts":{}}}"#, "[1]"] {
        assert_eq!(History::parse(header).expect_err("no bank").line, 1);
    }
}
