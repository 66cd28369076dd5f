//! The gallery: bugs that banks really have, each planted in the simulation, each caught. This table
//! is the proof of the checkers.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that fails panics")]

use std::{collections::BTreeMap, ops::ControlFlow};

use replibank::sim::{Bug, Choice, Plan, Record, judge, quietly, shrink, simulate};

/// The first of these seeds that shows the bug must come this soon.
const WITHIN_SEEDS: u64 = 200;

/// What shows a bug in this seed: the kinds of violations.
fn shown(bug: Bug, seed: u64) -> Vec<String> {
    let plan = Plan::draw(seed, &Choice { bug: Some(bug), ..Choice::default() });
    let outcome = simulate(&plan, Record::default(), &mut quietly).expect("a drawn plan is right");
    judge(&outcome).violations.iter().map(replibank::sim::Violation::kind).collect()
}

#[test]
fn every_planted_bug_is_caught() {
    println!("{:<32}{:<12}by", "bug", "after seeds");
    for bug in Bug::ALL {
        let caught =
            (0..WITHIN_SEEDS).find_map(|seed| Some((seed, shown(bug, seed))).filter(|(_, kinds)| !kinds.is_empty()));
        let (seed, _) = caught.unwrap_or_else(|| panic!("no seed below {WITHIN_SEEDS} shows {bug}"));
        let mut by: BTreeMap<String, usize> = BTreeMap::new();
        for kinds in (seed..seed + 20).map(|seed| shown(bug, seed)) {
            kinds.into_iter().for_each(|kind| *by.entry(kind).or_default() += 1);
        }
        let by: Vec<String> = by.into_iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        println!("{bug:<32}{:<12}{}", seed + 1, by.join(", "));
    }
}

/// The same seeds without the bug are right, so it is the bug that is seen.
#[test]
fn the_same_plans_without_their_bugs_are_right() {
    for bug in Bug::ALL {
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
