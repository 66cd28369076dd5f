//! Rolling restarts of a large bank: again and again every branch is restarted, one after another, while customers
//! write. REPLIBANK_ROLL_BRANCHES and REPLIBANK_ROLLS say how large it is, and how often.

use std::{env, time::Instant};

use replibank::{
    check::{Kind, Outcome},
    sim::{Act, DiskPlan, Fault, Latency, Name, Network, Plan, Record, Step, Trouble, judge, quietly, simulate},
    topology::Shape,
    types::{AccountId, Answer, Concern, Propagation, Version},
};

/// How long a branch is down, and the least time between two restarts of it.
const DOWN_US: u64 = 20_000;
const ROLL_US: u64 = 4_000_000;
/// The least time between two restarts.
const STEP_US: u64 = 5_000;
/// In each roll, so many branches take a deposit after their restart; before the first, every branch does.
const WRITERS: u32 = 5;
const OPENING: i64 = 400;

fn number(name: &str, otherwise: u32) -> u32 {
    env::var(name).map_or(otherwise, |text| text.parse().expect(name))
}

#[test]
fn a_bank_with_disks_outlives_rolling_restarts() {
    outlives(Some(DiskPlan { save_us: (100, 1_000), flush_us: None }));
}

#[test]
fn a_bank_without_disks_outlives_rolling_restarts() {
    outlives(None);
}

fn outlives(disk: Option<DiskPlan>) {
    let (branches, rolls) = (number("REPLIBANK_ROLL_BRANCHES", 60), number("REPLIBANK_ROLLS", 10));
    let plan = plan(branches, rolls, disk);
    let began = Instant::now();
    let outcome = simulate(&plan, Record::default(), &mut quietly).expect("the plan is right");
    let simulated = began.elapsed();
    let began = Instant::now();
    assert_eq!(judge(&outcome).violations, []);
    let judged = began.elapsed();
    assert!(outcome.settled_at.is_some());
    assert_eq!(outcome.counts.crashes, u64::from(branches) * u64::from(rolls));
    // All was acknowledged, and no branch was restarted before it had told the others.
    let deposits = u64::from(branches) + u64::from(rolls) * u64::from(WRITERS);
    let (mut committed, mut told, mut finals, mut pages) = (0, Vec::new(), 0, 0);
    for event in &outcome.history.events {
        match &event.kind {
            Kind::Completed { outcome: Outcome::Answered(Answer::Committed(_)), .. } => committed += 1,
            Kind::Completed { outcome: Outcome::Answered(Answer::Queried(queried)), .. } => {
                told.push(queried.version.as_ref().expect("it was asked for").iter().count());
            }
            Kind::Completed { outcome, .. } => panic!("{outcome:?}"),
            Kind::Final { balances, version, .. } => {
                finals += 1;
                assert_eq!(balances[&AccountId(0)], OPENING + deposits as i64);
                pages = version.as_ref().map_or(0, |version: &Version| version.iter().count());
            }
            Kind::Invoked(_)
            | Kind::Restarted { .. }
            | Kind::Struck { .. }
            | Kind::Doubled { .. }
            | Kind::Lifted { .. } => {}
        }
    }
    assert_eq!((committed, finals), (deposits, branches));
    assert_eq!(told, [branches as usize; 3], "one entry a branch");
    assert_eq!(pages as u64, deposits, "a page for each life that wrote");
    println!(
        "{rolls} rolling restarts of {branches} branches {} disks: {pages} pages, {} events, {:.1} s, judged {:.1} s",
        if plan.disk.is_some() { "with" } else { "without" },
        outcome.counts.events,
        simulated.as_secs_f64(),
        judged.as_secs_f64()
    );
}

/// Each roll restarts branch 1, 2, and so on. A writer takes its deposit half a roll after its restart, when it has
/// what there was before it, and long before its next.
fn plan(branches: u32, rolls: u32, disk: Option<DiskPlan>) -> Plan {
    let roll_us = ROLL_US.max(u64::from(branches) * STEP_US);
    let begins_us = roll_us / 2;
    let restart_us = |roll: u32, branch: u32| {
        begins_us + u64::from(roll) * roll_us + u64::from(branch - 1) * roll_us / u64::from(branches)
    };
    let (mut faults, mut operations) = (Vec::new(), Vec::new());
    let mut ask = |at_us, branch, act| {
        let customer = operations.len() as u32 + 1;
        let (concern, session, name) = (Concern::Local, false, Name::New);
        operations.push(Step { at_us, customer, branch, account: 0, act, concern, session, name });
    };
    (1..=branches).for_each(|branch| ask(u64::from(branch), branch, Act::Deposit(1)));
    for roll in 0..rolls {
        for branch in 1..=branches {
            let what = Trouble::Crash { branch };
            faults.push(Fault { at_us: restart_us(roll, branch), for_us: DOWN_US, what });
        }
        for writer in 0..WRITERS {
            let branch = (roll * WRITERS + writer) * 7 % branches + 1;
            ask(restart_us(roll, branch) + roll_us / 2, branch, Act::Deposit(1));
        }
    }
    let end_us = restart_us(rolls, branches) + roll_us;
    [1, branches / 2, branches].into_iter().for_each(|branch| ask(end_us, branch, Act::Query(true)));
    operations.sort_by_key(|step| step.at_us);
    Plan {
        seed: 1,
        branches,
        openings: vec![OPENING],
        topology: Shape::Overlay,
        propagation: Propagation::Stream,
        network: Network {
            latency: Latency::Uniform(1_000, 5_000),
            ordered: true,
            loss: 0.0,
            duplication: 0.0,
            customer_loss: 0.0,
            strays: None,
        },
        disk,
        window: 1,
        names_life: false,
        memory: None,
        calls: None,
        bug: None,
        faults,
        operations,
    }
}
