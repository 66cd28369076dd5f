//! The gallery: bugs that banks really have, each planted in the simulation, each caught. This table
//! is the proof of the checkers.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::ControlFlow,
};

use replibank::{
    sim::{Bug, Choice, Plan, Record, judge, quietly, shrink, simulate},
    types::Word,
};

/// Which checkers catch which bug, among how many seeds. It is printed as it was measured, with the
/// first seed of each: `cargo test --test pure sim_bugs -- --nocapture`.
const GALLERY: [(Bug, u64, &[&str]); 12] = [
    (Bug::AbsoluteBalance, 10, &["conservation", "divergence", "impossible-read"]),
    (Bug::RejudgedWithdrawal, 20, &["conservation", "divergence", "impossible-read"]),
    (Bug::RestartWithoutPage, 10, &["impossible-read", "lost-write", "refused-peer", "went-back"]),
    (Bug::AcknowledgementOutlivesData, 10, &["not-settled"]),
    (Bug::RetryCountsTwice, 10, &["conservation", "impossible-read"]),
    (Bug::RefusedWithdrawalPropagated, 10, &["conservation", "divergence", "impossible-read"]),
    (Bug::LostUpdate, 10, &["conservation", "divergence", "impossible-read"]),
    (Bug::DeltaMissesAccount, 10, &["impossible-read", "refused-peer"]),
    (Bug::StaleReadServedAsFresh, 10, &["impossible-read", "stale-read", "went-back"]),
    (Bug::AcknowledgedBeforeSaved, 10, &["conservation", "divergence", "impossible-read"]),
    (Bug::TornSave, 50, &["conservation", "impossible-read"]),
    (Bug::ConcernIgnored, 20, &["impossible-read", "lost-write", "went-back"]),
];

/// What shows a bug in this seed: the kinds of violations.
fn shown(bug: Bug, seed: u64) -> BTreeSet<String> {
    let plan = Plan::draw(seed, &Choice { bug: Some(bug), ..Choice::default() });
    let outcome = simulate(&plan, Record::default(), &mut quietly).expect("a drawn plan is right");
    judge(&outcome).violations.iter().map(replibank::sim::Violation::kind).collect()
}

#[test]
fn every_planted_bug_is_caught_by_its_checkers() {
    assert_eq!(GALLERY.map(|(bug, ..)| bug), Bug::ALL);
    let mut table = format!("{:<32}checkers that catch it, each after how many seeds\n", "planted bug");
    let mut missed = Vec::new();
    for (bug, seeds, checkers) in GALLERY {
        let mut first: BTreeMap<String, u64> = BTreeMap::new();
        for seed in 0..seeds {
            for kind in shown(bug, seed) {
                first.entry(kind).or_insert(seed + 1);
            }
        }
        let caught: Vec<String> = first.iter().map(|(kind, seed)| format!("{kind} {seed}")).collect();
        table.push_str(&format!("{bug:<32}{}\n", caught.join(", ")));
        let lacking = checkers.iter().filter(|&&kind| !first.contains_key(kind));
        missed.extend(lacking.map(|kind| format!("{kind} does not catch {bug} within {seeds} seeds")));
    }
    println!("{table}");
    assert_eq!(missed, [] as [String; 0], "{table}");
}

/// What a learner is told of a bug names the code that does it right: it must be there.
#[test]
fn every_lesson_names_a_file_that_is_there() {
    for &bug in Bug::ALL {
        let replibank::sim::Lesson { story, seen, right } = bug.lesson();
        let (file, _) = right.split_once(": ").unwrap_or_else(|| panic!("{bug}: {right}"));
        assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file(), "{bug}: {file}");
        assert!(story.len() > 20 && seen.len() > 20, "{bug}");
    }
}

/// The same seeds without the bug are right, so it is the bug that is seen.
#[test]
fn the_same_plans_without_their_bugs_are_right() {
    for &bug in Bug::ALL {
        for seed in 0..10 {
            let plan = Plan { bug: None, ..Plan::draw(seed, &Choice { bug: Some(bug), ..Choice::default() }) };
            let outcome = simulate(&plan, Record::default(), &mut quietly).expect("a drawn plan is right");
            assert_eq!(judge(&outcome).violations, [], "seed {seed} with the faults of {bug}");
        }
    }
}

#[test]
fn a_failing_plan_is_shrunk_to_a_small_one_that_fails_in_the_same_way() {
    let plan = Plan::draw(0, &Choice { bug: Some(Bug::AbsoluteBalance), ..Choice::default() });
    let outcome = simulate(&plan, Record::default(), &mut quietly).expect("a drawn plan is right");
    let kind = judge(&outcome).violations[0].kind();
    let small = shrink(&plan, 1_000, &mut |_| ControlFlow::Continue(())).expect("it fails");
    assert_eq!(small.violation.kind(), kind);
    assert!(
        small.plan.operations.len() <= 6,
        "{} of {} operations",
        small.plan.operations.len(),
        plan.operations.len()
    );
    let again = simulate(&small.plan, Record::default(), &mut quietly).expect("a plan");
    assert_eq!(judge(&again).violations[0], small.violation, "it fails again, in the same way");
    let right = Plan { bug: None, ..plan };
    assert_eq!(shrink(&right, 10, &mut |_| ControlFlow::Continue(())), None);
}
