//! Deterministic simulation: the same replica that serves, in virtual time, under faults that a seed
//! draws (as FoundationDB and TigerBeetle test theirs). A run has a phase of faults, then every fault
//! lifts and the bank must settle; then the checkers judge what the customers saw.

mod bug;
mod calls;
mod choice;
mod customers;
mod disk;
mod draw;
mod event;
mod extras;
mod faults;
mod gallery;
mod kind;
mod latency;
mod links;
mod lives;
mod node;
mod outcome;
mod plan;
mod queue;
mod recording;
mod settle;
mod shrink;
mod tamper;
mod totals;
mod trouble;
mod world;

pub use bug::Bug;
pub use choice::Choice;
pub use gallery::Lesson;
pub use kind::FaultKind;
pub use latency::Latency;
pub use outcome::{Counts, Outcome, Violation};
pub use plan::{Act, Calls, DiskPlan, Level, MAX_BRANCHES, MAX_OPERATIONS, Memory, Name, Network, Plan, Step, Strays};
pub use shrink::{Shrunk, shrink};
pub use trouble::{Fault, Trouble};

use std::ops::ControlFlow;

use crate::check::{self, Verdict};

/// What a simulation writes down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// Whether to keep the history: without, the customers' part cannot be judged.
    pub history: bool,
    /// How many events the trace keeps; 0: none.
    pub trace_capacity: usize,
}

impl Default for Record {
    fn default() -> Self {
        Self { history: true, trace_capacity: 0 }
    }
}

/// Runs a plan. `progress` hears now and then how many operations have come to an end, and may break
/// the run off; then the bank has not settled.
///
/// # Errors
/// A sentence that says what is wrong with the plan.
///
/// # Example
/// ```
/// use replibank::sim::{Choice, Plan, Record, judge, quietly, simulate};
/// let plan = Plan::draw(7, &Choice::default());
/// let outcome = simulate(&plan, Record::default(), &mut quietly).unwrap();
/// assert!(judge(&outcome).violations.is_empty());
/// ```
pub fn simulate(
    plan: &Plan,
    record: Record,
    progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
) -> Result<Outcome, String> {
    plan.check()?;
    Ok(world::run(plan, record, progress))
}

/// A progress that nobody looks at.
pub fn quietly(_done: usize) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// What is to be said of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Judgement {
    /// What must never happen, and happened.
    pub violations: Vec<Violation>,
    /// What the checkers say of the history.
    pub verdict: Verdict,
}

/// Judges what the replicas showed and what the customers saw.
pub fn judge(outcome: &Outcome) -> Judgement {
    let verdict = check::check(&outcome.history);
    let breaches = verdict.anomalies.iter().filter(|anomaly| anomaly.is_breach()).cloned().map(Violation::Anomaly);
    Judgement { violations: outcome.violations.iter().cloned().chain(breaches).collect(), verdict }
}
