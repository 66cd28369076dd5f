//! Traces of simulated banks: every law holds under every fault, and the rows tell what the replicas had.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at some events only")]

use replibank::{
    check::{self, History},
    sim::{Choice, Outcome, Plan, Record, quietly, simulate},
    trace::{Event, Trace},
};

use crate::common::laws::{Seen, hold};

const ROOM: usize = 1 << 22;

fn run(plan: &Plan, trace_capacity: usize) -> Outcome {
    simulate(plan, Record { history: true, trace_capacity }, &mut quietly).expect("a drawn plan is right")
}

/// What each branch had in the end, by its own word.
fn holds_what_the_replicas_had(trace: &Trace, history: &History) -> usize {
    let mut versions = trace.versions(None);
    let mut finals = 0;
    for event in &history.events {
        if let check::Kind::Final { branch, balances, version } = &event.kind {
            assert_eq!(versions.remove(branch).as_ref(), version.as_ref(), "branch {branch}");
            for (account, balance) in balances {
                let told =
                    trace.rows().iter().rev().filter(|row| row.branch == *branch).find_map(|row| match &row.event {
                        Event::Joined(change) | Event::Recovered(change) if change.account == *account => {
                            Some(change.balance)
                        }
                        Event::Deposit(write) | Event::Withdraw(write) if write.account == *account => {
                            Some(write.balance)
                        }
                        _ => None,
                    });
                assert_eq!(told.unwrap_or(trace.header().accounts[account]), *balance, "branch {branch}");
            }
            finals += 1;
        }
    }
    finals
}

#[test]
fn every_law_holds_under_every_fault() {
    let mut all = Seen::default();
    for seed in 0..150 {
        let plan = Plan::draw(seed, &Choice::default());
        let outcome = run(&plan, ROOM);
        let seen = hold(&outcome.trace);
        assert_eq!(holds_what_the_replicas_had(&outcome.trace, &outcome.history), plan.branches as usize);
        all.received += seen.received;
        all.lost += seen.lost;
        all.doubled += seen.doubled;
        all.joined += seen.joined;
        all.recovered += seen.recovered;
    }
    println!("{all:?}");
    assert!(all.received > 10_000 && all.joined > 10_000, "{all:?}");
    assert!(all.lost > 100 && all.doubled > 100 && all.recovered > 100, "{all:?}");
}

#[test]
fn a_plan_has_one_trace_and_is_the_same_without() {
    for seed in 0..20 {
        let plan = Plan::draw(seed, &Choice::default());
        let (first, second, without) = (run(&plan, ROOM), run(&plan, ROOM), run(&plan, 0));
        assert_eq!(first.trace.to_jsonl(), second.trace.to_jsonl(), "seed {seed}");
        assert_eq!(first.history.to_jsonl(), without.history.to_jsonl(), "seed {seed}");
        assert_eq!(first.counts, without.counts);
        assert!(without.trace.rows().is_empty());
    }
}

#[test]
fn what_was_written_is_read_as_it_was() {
    for seed in 0..30 {
        let trace = run(&Plan::draw(seed, &Choice::default()), ROOM).trace;
        assert_eq!(Trace::parse(&trace.to_jsonl()).as_ref(), Ok(&trace), "seed {seed}");
    }
}

#[test]
fn rows_without_room_are_counted() {
    let plan = Plan::draw(7, &Choice::default());
    let whole = run(&plan, ROOM).trace;
    let part = run(&plan, 100).trace;
    assert_eq!(part.rows(), &whole.rows()[..100]);
    assert_eq!(part.header().lost, whole.rows().len() as u64 - 100);
}

#[test]
fn every_operation_has_a_row_and_an_answer_its_wait() {
    let choice = Choice { faults: Some(Vec::new()), ..Choice::default() };
    let outcome = run(&Plan::draw(3, &choice), ROOM);
    let asked = outcome.history.events.iter().filter(|event| matches!(event.kind, check::Kind::Invoked(_))).count();
    let waits = outcome.trace.rows().iter().filter_map(|row| match &row.event {
        Event::Deposit(write) | Event::Withdraw(write) => Some(write.waited_us),
        Event::Query(read) => Some(read.waited_us),
        Event::Refused(refused) => Some(refused.waited_us),
        _ => None,
    });
    let waits = waits.collect::<Vec<_>>();
    assert_eq!(waits.len(), asked);
    assert!(waits.iter().all(Option::is_some), "nobody waits in the end");
}
