//! The bank under faults that seeds draw: every seed settles and breaks no promise, and every run of
//! a seed is the same, byte for byte.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]

use std::env;

use replibank::{
    check::{History, Kind, check},
    sim::{Choice, Counts, Outcome, Plan, Record, judge, quietly, simulate},
};

/// Seeds that failed once, and what they showed.
const ONCE_FAILED: [u64; 6] = [
    25,  // a refused request was executed by another try of it
    183, // the same
    822, // the same
    82, 437, 733,
];

fn run(plan: &Plan, trace_capacity: usize) -> Outcome {
    simulate(plan, Record { history: true, trace_capacity }, &mut quietly).expect("a drawn plan is right")
}

fn survives(seed: u64) -> Counts {
    let outcome = run(&Plan::draw(seed, &Choice::default()), 0);
    let judgement = judge(&outcome);
    assert!(
        judgement.violations.is_empty(),
        "{}\nto see it again: replibank simulate --seed {seed}",
        judgement.violations[0]
    );
    outcome.counts
}

/// New ones each time; REPLIBANK_SEEDS=10000 runs more of them.
#[test]
fn fresh_seeds_break_no_promise() {
    let seeds = env::var("REPLIBANK_SEEDS").map_or(150, |count| count.parse().expect("a number of seeds"));
    let mut counts = Counts::default();
    for _ in 0..seeds {
        counts += survives(fastrand::u64(..));
    }
    println!("{seeds} seeds: {} events, {} faults survived, {counts:?}", counts.events, counts.survived());
    assert!(counts.crashes > 0 && counts.lost > 0 && counts.doubled > 0 && counts.breaks > 0, "{counts:?}");
}

#[test]
fn seeds_that_failed_once_break_no_promise() {
    for seed in ONCE_FAILED {
        survives(seed);
    }
}

#[test]
fn a_seed_has_one_run() {
    for seed in 0..30 {
        let plan = Plan::draw(seed, &Choice::default());
        let (first, second) = (run(&plan, 1 << 20), run(&plan, 1 << 20));
        assert_eq!(first.trace, second.trace, "seed {seed}");
        assert_eq!(first.trace.header().lost, 0);
        assert_eq!(first.history.to_jsonl(), second.history.to_jsonl(), "seed {seed}");
        assert_eq!((first.counts, first.settled_at), (second.counts, second.settled_at));
        let written = Plan::parse(&plan.to_json().expect("a plan")).expect("what was written");
        assert_eq!(run(&written, 1 << 20).trace, first.trace, "a plan in a file is the same plan");
    }
}

#[test]
fn a_history_is_read_as_it_was_written() {
    for seed in 0..30 {
        let history = run(&Plan::draw(seed, &Choice::default()), 0).history;
        assert_eq!(History::parse(&history.to_jsonl()).as_ref(), Ok(&history), "seed {seed}");
    }
}

/// Soundness has its other half: a history with one wrong balance in it is found out.
#[test]
fn one_wrong_balance_in_a_final_state_is_found() {
    for seed in 0..30 {
        let mut history = run(&Plan::draw(seed, &Choice::default()), 0).history;
        let balances = history.events.iter_mut().rev().find_map(|event| match &mut event.kind {
            Kind::Final { balances, .. } => Some(balances),
            Kind::Invoked(_) | Kind::Completed { .. } | Kind::Restarted { .. } => None,
        });
        for balance in balances.expect("a final state").values_mut() {
            *balance += 1;
        }
        assert!(!check(&history).is_ok(), "seed {seed}");
    }
}

#[test]
fn a_plan_that_cannot_be_is_refused() {
    let plan = Plan::draw(1, &Choice { branches: Some(3), ..Choice::default() });
    let wrong = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        simulate(&plan, Record::default(), &mut quietly).expect_err("it is wrong")
    };
    assert_eq!(wrong(&|plan| plan.branches = 0), "branches is 0: 1 to 8000 are right");
    assert_eq!(wrong(&|plan| plan.network.loss = 1.5), "loss is 1.5: 0 to 1 is right");
    assert_eq!(wrong(&|plan| plan.operations[0].branch = 4), "an operation's branch is 4: 1 to 3 are right");
    assert!(wrong(&|plan| plan.topology = "star".to_owned()).starts_with("unknown topology \"star\""));
    assert!(Plan::parse("{}").expect_err("empty").starts_with("this is no plan: missing field `seed`"));
}
