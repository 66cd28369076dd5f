//! How fast the simulator and the checkers are, on one core:
//!
//!     cargo bench --no-default-features --bench simulation
//!
//! Each figure is the median of the runs, the least and the greatest beside it. A row is a bank and its
//! events a second; "judged" is how many operations of the history the checkers judge a second. With
//! REPLIBANK_LARGE=1, 1,000 branches and a million operations too, once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that fails panics")]

use std::{env, time::Instant};

use replibank::sim::{Choice, Latency, Plan, PlanPropagation, Record, judge, quietly, simulate};

const RUNS: usize = 5;

fn main() {
    println!("{:<40}{:>10}  {:>26}  {:>12}  {:>9}", "bank", "events", "events a second", "judged", "in all");
    let drawn = |seed| Plan::draw(seed, &Choice::default());
    measure("300 drawn banks, every fault", RUNS, &(0..300).map(drawn).collect::<Vec<_>>());
    let calm = Choice {
        faults: Some(Vec::new()),
        latency: Some(Latency::Uniform(1_000, 5_000)),
        propagation: Some(PlanPropagation::Stream),
        sessions: Some(false),
        durable: Some(false),
        ..Choice::default()
    };
    let bank = |branches, operations, seconds: u64, latency: &str| {
        let (branches, operations, duration_us) = (Some(branches), Some(operations), Some(seconds * 1_000_000));
        let latency = Some(latency.parse().expect("a latency"));
        vec![Plan::draw(1, &Choice { branches, operations, duration_us, latency, ..calm.clone() })]
    };
    measure("3 branches, 100,000 operations", RUNS, &bank(3, 100_000, 10, "1000-5000"));
    measure("10 branches, 100,000 operations", RUNS, &bank(10, 100_000, 10, "1000-5000"));
    measure("100 branches, 100,000 operations", RUNS, &bank(100, 100_000, 2, "continents"));
    if env::var_os("REPLIBANK_LARGE").is_some() {
        measure("1,000 branches, 1,000,000 operations", 1, &bank(1_000, 1_000_000, 2, "continents"));
    }
}

/// Simulates and judges the plans, so many times.
fn measure(name: &str, runs: usize, plans: &[Plan]) {
    let operations: usize = plans.iter().map(|plan| plan.operations.len()).sum();
    let mut events = 0;
    let (mut simulated, mut judged, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..runs {
        let (mut simulating, mut judging) = (0.0, 0.0);
        events = 0;
        for plan in plans {
            let began = Instant::now();
            let outcome = simulate(plan, Record::default(), &mut quietly).expect("a drawn plan is right");
            simulating += began.elapsed().as_secs_f64();
            let began = Instant::now();
            let judgement = judge(&outcome);
            judging += began.elapsed().as_secs_f64();
            assert_eq!(judgement.violations, [], "seed {}", plan.seed);
            events += outcome.counts.events;
        }
        simulated.push(events as f64 / simulating);
        judged.push(operations as f64 / judging);
        all.push(simulating + judging);
    }
    for figures in [&mut simulated, &mut judged, &mut all] {
        figures.sort_by(f64::total_cmp);
    }
    let middle = |figures: &[f64]| figures[figures.len() / 2];
    let spread = format!("{:.0} ({:.0}-{:.0})", middle(&simulated), simulated[0], simulated[runs - 1]);
    println!("{name:<40}{events:>10}  {spread:>26}  {:>10.0}/s  {:>7.2} s", middle(&judged), middle(&all));
}
