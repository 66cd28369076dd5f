//! A plan run and judged: the one way in.

use std::ops::ControlFlow;

use super::{Outcome, Plan, Record, Violation, world};
use crate::check::{self, Verdict};

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
