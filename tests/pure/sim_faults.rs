//! The faults that are drawn when they are asked for, or from later seeds: what the bank makes of each, kind by
//! kind.

use std::{collections::BTreeSet, ops::ControlFlow};

use replibank::{
    sim::{
        Choice, Counts, DiskPlan, FaultKind, Memory, Name, Outcome, Plan, PlanPropagation, Record, Trouble, judge,
        quietly, shrink, simulate,
    },
    types::{Propagation, Word},
};

/// Each kind that a seed does not draw at first, and how many seeds are tried.
const KINDS: [(FaultKind, u64); 12] = [
    (FaultKind::Restore, 100),
    (FaultKind::Clone, 100),
    (FaultKind::DiskLoss, 100),
    (FaultKind::PowerFailure, 100),
    (FaultKind::DiskFailure, 100),
    (FaultKind::LateRequests, 100),
    (FaultKind::RepeatedRequests, 100),
    (FaultKind::UnnamedRequests, 100),
    (FaultKind::Pipelining, 100),
    (FaultKind::NamedLives, 100),
    (FaultKind::Flood, 3),
    (FaultKind::Crowd, 1),
];

/// A kind alone, and together with the trouble that makes it worse.
fn plans(kind: FaultKind, seeds: u64) -> impl Iterator<Item = Plan> {
    let worse = [FaultKind::Crash, FaultKind::Partition, FaultKind::Pause, FaultKind::Customers];
    (0..seeds).map(move |seed| {
        let alone = seed % 2 == 0;
        let faults = if alone { vec![kind] } else { [&worse[..], &[kind]].concat() };
        Plan::draw(seed, &Choice { faults: Some(faults), ..Choice::default() })
    })
}

fn run(plan: &Plan) -> Outcome {
    simulate(plan, Record::default(), &mut quietly).expect("a drawn plan is right")
}

/// The kinds of violations that a plan shows.
fn shown(plan: &Plan) -> BTreeSet<String> {
    judge(&run(plan)).violations.iter().map(replibank::sim::Violation::kind).collect()
}

#[test]
fn every_later_kind_of_fault_is_in_the_table() {
    let listed: Vec<FaultKind> = KINDS.iter().map(|&(kind, ..)| kind).collect();
    let all: Vec<FaultKind> = FaultKind::ALL.iter().copied().skip(8).collect();
    assert_eq!(listed, all);
}

#[test]
fn the_bank_keeps_its_promises_under_each_kind() {
    let mut wrong = Vec::new();
    for (kind, seeds) in KINDS {
        let mut failing =
            plans(kind, seeds).map(|plan| (plan.seed, shown(&plan))).filter(|(_, kinds)| !kinds.is_empty());
        if let Some((seed, kinds)) = failing.next() {
            wrong.push(format!("{kind:?}: seed {seed} and {} more of {seeds}: {kinds:?}", failing.count()));
        }
    }
    assert_eq!(wrong, [] as [String; 0]);
}

/// What is asked for happens: a fault that never comes tests nothing.
#[test]
fn each_kind_happens_where_it_is_asked_for() {
    let sum = |kind| {
        let mut counts = Counts::default();
        plans(kind, 20).for_each(|plan| counts += run(&plan).counts);
        counts
    };
    assert!(sum(FaultKind::Restore).set_back > 5);
    assert!(sum(FaultKind::Clone).clones > 5);
    assert!(sum(FaultKind::DiskLoss).set_back > 5);
    assert!(sum(FaultKind::PowerFailure).set_back > 5);
    assert!(sum(FaultKind::DiskFailure).crashes > 5);
    assert!(sum(FaultKind::LateRequests).strays > 50);
    let drawn = |kind| plans(kind, 1).next().expect("a plan");
    let named = |plan: &Plan, name| plan.operations.iter().filter(|step| step.name == name).count();
    assert!(named(&drawn(FaultKind::RepeatedRequests), Name::Last) > 5);
    assert!(named(&drawn(FaultKind::UnnamedRequests), Name::Nothing) > 5);
    assert!(drawn(FaultKind::Pipelining).window > 1);
    assert!(drawn(FaultKind::NamedLives).names_life);
    assert!(drawn(FaultKind::Flood).operations.len() > replibank::replica::ANSWERS_PER_CLIENT);
    let crowd = drawn(FaultKind::Crowd);
    let customers: BTreeSet<u32> = crowd.operations.iter().map(|step| step.customer).collect();
    assert!(customers.len() > 2 * replibank::replica::CLIENTS_REMEMBERED);
}

/// Calls without sessions, as the server makes them, to plain peers too.
#[test]
fn calls_keep_every_promise() {
    let mut counts = Counts::default();
    let (mut plain, mut others) = (0, 0);
    for seed in 0..80 {
        let propagation = Some(PlanPropagation::Calls);
        let branches = Some(2 + (seed % 5) as u32);
        let plan = Plan::draw(seed, &Choice { propagation, branches, ..Choice::default() });
        let calls = plan.calls.as_ref().expect("calls were asked for");
        if calls.plain.is_empty() {
            others += 1
        } else {
            plain += 1
        }
        let outcome = run(&plan);
        assert_eq!(judge(&outcome).violations, [], "seed {seed}");
        counts += outcome.counts;
    }
    assert!(counts.calls > 10_000 && counts.failed_calls > 100 && plain > 10 && others > 10, "{counts:?}");
    assert_eq!(counts.messages, 0, "there are no sessions");
}

/// Customers whose names are ignored are caught by requests that come twice: so these come twice.
#[test]
fn late_and_repeated_requests_would_show_a_name_that_is_ignored() {
    for kind in [FaultKind::LateRequests, FaultKind::RepeatedRequests] {
        let caught = plans(kind, 10).filter(|plan| {
            let bug = Some(replibank::sim::Bug::RetryCountsTwice);
            !shown(&Plan { bug, ..plan.clone() }).is_empty()
        });
        assert!(caught.count() > 5, "{kind:?}");
    }
}

/// A bank that is slow is not wrong.
#[test]
fn no_slow_bank_is_accused() {
    let slow = |latency: &str| Choice { latency: Some(latency.parse().expect("a latency")), ..Choice::default() };
    let long = Choice { faults: Some(vec![FaultKind::Slow]), ..slow("1000000") };
    for seed in [1_014_766, 2_014_672] {
        assert_eq!(shown(&Plan::draw(seed, &Choice::default())), BTreeSet::new(), "seed {seed}");
    }
    for seed in 0..60 {
        assert_eq!(shown(&Plan::draw(seed, &long)), BTreeSet::new(), "seed {seed}, a second");
        for latency in ["10000000", "100000000"] {
            assert_eq!(shown(&Plan::draw(seed, &slow(latency))), BTreeSet::new(), "seed {seed}, {latency} us");
        }
    }
}

/// Patience has an end all the same: a bank that cannot settle is found.
#[test]
fn a_slow_bank_that_cannot_settle_is_found() {
    let bug = Some(replibank::sim::Bug::AcknowledgementOutlivesData);
    let latency = Some("1000000".parse().expect("a latency"));
    let plans = (0..40).map(|seed| Plan::draw(seed, &Choice { bug, latency: latency.clone(), ..Choice::default() }));
    assert!(plans.filter(|plan| shown(plan).contains("not-settled")).count() > 2);
}

/// A small table of requests forgets, and says so: nothing counts twice for it.
#[test]
fn a_small_memory_forgets_and_nothing_counts_twice() {
    let faults = [FaultKind::Customers, FaultKind::LateRequests, FaultKind::RepeatedRequests, FaultKind::Crash];
    let choice = Choice { faults: Some(faults.to_vec()), ..Choice::default() };
    let mut forgotten = 0;
    for seed in 0..200 {
        let plan = Plan::draw(seed, &choice);
        let memory = Memory { clients: 2, answers: 3, client_for_us: 60_000_000 };
        let plan = Plan { memory: Some(memory), ..plan };
        assert_eq!(shown(&plan), BTreeSet::new(), "seed {seed}");
        let text = run(&plan).history.to_jsonl();
        forgotten += text.matches("expired").count() + text.matches("overloaded").count();
    }
    assert!(forgotten > 100, "{forgotten} requests met a full table");
}

/// Later seeds draw what is never asked for, and the first ones what they always did.
#[test]
fn later_seeds_draw_every_kind_that_the_bank_survives() {
    let drawn =
        |seeds: std::ops::Range<u64>| seeds.map(|seed| Plan::draw(seed, &Choice::default())).collect::<Vec<_>>();
    let first = drawn(0..1_024);
    assert!(first.iter().all(|plan| plan.window == 1 && !plan.names_life && plan.calls.is_none()));
    assert!(first.iter().all(|plan| plan.network.strays.is_none()));
    let plans = drawn(2_000..2_300);
    let befalls = |plan: &Plan, is: fn(&Trouble) -> bool| plan.faults.iter().any(|fault| is(&fault.what));
    let some = |what: &str, is: &dyn Fn(&Plan) -> bool| {
        let count = plans.iter().filter(|plan| is(plan)).count();
        assert!((5..=295).contains(&count), "{count} of 300 plans have {what}");
    };
    let named = |plan: &Plan, name| plan.operations.iter().any(|step| step.name == name);
    some("late requests", &|plan| plan.network.strays.is_some());
    some("repeated requests", &|plan| named(plan, Name::Last));
    some("requests without a name", &|plan| named(plan, Name::Nothing));
    some("windows", &|plan| plan.window > 1);
    some("named lives", &|plan| plan.names_life);
    some("calls", &|plan| plan.calls.is_some());
    some("plain branches", &|plan| plan.calls.as_ref().is_some_and(|calls| !calls.plain.is_empty()));
    some("disks that fail", &|plan| befalls(plan, |what| matches!(what, Trouble::DiskFailure { .. })));
    some("older copies", &|plan| befalls(plan, |what| matches!(what, Trouble::Restore { .. })));
    some("two processes", &|plan| befalls(plan, |what| matches!(what, Trouble::Clone { .. })));
    some("disks that are lost", &|plan| befalls(plan, |what| matches!(what, Trouble::DiskLoss { .. })));
    some("machines that fail", &|plan| befalls(plan, |what| matches!(what, Trouble::PowerFailure { .. })));
}

/// Plans of before say nothing of what came later, and mean what they meant.
#[test]
fn a_plan_that_says_nothing_of_later_kinds_is_what_it_was() {
    let plan = Plan::draw(7, &Choice { branches: Some(3), operations: Some(30), ..Choice::default() });
    let text = plan.to_json().expect("a plan");
    for field in ["window", "names_life", "calls", "strays", "flush_us", "name"] {
        assert!(!text.contains(&format!("\"{field}\"")), "{field} is written: {text}");
    }
    assert_eq!(Plan::parse(&text).as_ref(), Ok(&plan));
}

#[test]
fn what_came_later_is_written_and_read() {
    for (kind, ..) in KINDS {
        let plan = plans(kind, 2).last().expect("a plan");
        assert_eq!(Plan::parse(&plan.to_json().expect("a plan")).as_ref(), Ok(&plan), "{kind:?}");
        if matches!(kind, FaultKind::Flood | FaultKind::Crowd) {
            continue; // Many requests, and nothing else that could differ.
        }
        let (first, second) = (run(&plan), run(&plan));
        assert_eq!(first.history.to_jsonl(), second.history.to_jsonl(), "{kind:?} has one run");
    }
}

/// A failing plan loses what it does not need: here, all that came later but the one that makes it fail.
#[test]
fn shrinking_leaves_out_what_came_later() {
    let later = [FaultKind::Pipelining, FaultKind::LateRequests, FaultKind::NamedLives, FaultKind::Restore];
    let (faults, bug) = (Some(later.to_vec()), Some(replibank::sim::Bug::AbsoluteBalance));
    let mut plans = (0..50).map(|seed| Plan::draw(seed, &Choice { bug, faults: faults.clone(), ..Choice::default() }));
    let plan = plans.find(|plan| !shown(plan).is_empty()).expect("the bug shows");
    let small = shrink(&plan, 2_000, &mut |_| ControlFlow::Continue(())).expect("it fails").plan;
    assert!(small.operations.len() < plan.operations.len() && small.faults.is_empty(), "{small:?}");
    assert_eq!((small.window, small.names_life), (1, false));
}

#[test]
fn later_plans_that_cannot_be_are_refused() {
    let plan =
        Plan::draw(1, &Choice { branches: Some(3), propagation: Some(PlanPropagation::Calls), ..Choice::default() });
    let wrong = |change: &dyn Fn(&mut Plan)| {
        let mut plan = plan.clone();
        change(&mut plan);
        simulate(&plan, Record::default(), &mut quietly).expect_err("it is wrong")
    };
    let said = wrong(&|plan| plan.propagation = Propagation::Stream);
    assert_eq!(said, "calls are for unary propagation, and this plan's is stream");
    let said = wrong(&|plan| plan.calls.as_mut().expect("calls").plain.push(4));
    assert_eq!(said, "a plain branch is 4: give 1 to 3");
    assert_eq!(wrong(&|plan| plan.window = 0), "window is 0: give 1 to 1048576");
    let disk = DiskPlan { save_us: (0, 1), flush_us: Some(u64::MAX) };
    assert!(wrong(&|plan| plan.disk = Some(disk)).starts_with("flush_us is"));
    let memory = Memory { clients: 0, answers: 4, client_for_us: 0 };
    assert_eq!(wrong(&|plan| plan.memory = Some(memory)), "memory.clients is 0: give 1 to 1048576");
    assert!(wrong(&|plan| plan.bug = Some(replibank::sim::Bug::LostUpdate)).contains("acts on sessions"));
}
