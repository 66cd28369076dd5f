//! From a plan that fails to a small one that fails in the same way: what can be left out is left
//! out, by halves and then by smaller parts (Zeller and Hildebrandt's ddmin, 2002).

use std::{collections::BTreeSet, ops::ControlFlow};

use super::{Act, Latency, Name, Plan, Record, Trouble, Violation, judge, quietly, simulate};
use crate::types::Concern;

/// A small plan that fails.
#[derive(Clone, PartialEq, Debug)]
pub struct Shrunk {
    /// The plan.
    pub plan: Plan,
    /// What it shows.
    pub violation: Violation,
    /// How many plans were tried.
    pub tried: usize,
}

/// Shrinks a failing plan, trying at most `tries` others. `progress` hears of the smallest so far, and
/// may break off. `None` if it does not fail.
pub fn shrink(plan: &Plan, tries: usize, progress: &mut dyn FnMut(&Plan) -> ControlFlow<()>) -> Option<Shrunk> {
    let violation = failure(plan)?;
    let mut shrinking = Shrinking { kind: violation.kind(), best: plan.clone(), violation, tried: 0, tries, progress };
    loop {
        let before = shrinking.best.clone();
        shrinking.leave_out(|plan| &mut plan.faults);
        shrinking.leave_out(|plan| &mut plan.operations);
        shrinking.simplify();
        if shrinking.best == before || shrinking.tried >= shrinking.tries {
            break;
        }
    }
    Some(Shrunk { plan: shrinking.best, violation: shrinking.violation, tried: shrinking.tried })
}

/// What is wrong with a run of this plan, first of all.
fn failure(plan: &Plan) -> Option<Violation> {
    let outcome = simulate(plan, Record::default(), &mut quietly).ok()?;
    judge(&outcome).violations.into_iter().next()
}

struct Shrinking<'a> {
    kind: String,
    best: Plan,
    violation: Violation,
    tried: usize,
    tries: usize,
    progress: &'a mut dyn FnMut(&Plan) -> ControlFlow<()>,
}

impl Shrinking<'_> {
    /// Keeps the candidate if it still fails in the same way.
    fn keep_if_it_fails(&mut self, candidate: Plan) -> bool {
        if self.tried >= self.tries || candidate == self.best {
            return false;
        }
        self.tried += 1;
        if (self.progress)(&self.best).is_break() {
            self.tries = 0;
            return false;
        }
        match failure(&candidate) {
            Some(violation) if violation.kind() == self.kind => {
                self.violation = violation;
                self.best = candidate;
                true
            }
            Some(_) | None => false,
        }
    }

    fn leave_out<T: Clone>(&mut self, of: impl Fn(&mut Plan) -> &mut Vec<T>) {
        let mut size = of(&mut self.best).len().div_ceil(2);
        while size > 0 {
            let mut from = 0;
            while from < of(&mut self.best).len() {
                let mut candidate = self.best.clone();
                let list = of(&mut candidate);
                let until = (from + size).min(list.len());
                list.drain(from..until);
                if !self.keep_if_it_fails(candidate) {
                    from += size;
                }
            }
            size /= 2;
        }
    }

    /// A calmer world, fewer branches, and round numbers: as far as it still fails in the same way.
    fn simplify(&mut self) {
        let changes: [&dyn Fn(&mut Plan); 19] = [
            &|plan| renumber(plan, 0),
            &|plan| renumber(plan, 1),
            &|plan| plan.branches = plan.branches.div_ceil(2).max(branches_named(plan).last().copied().unwrap_or(1)),
            &|plan| plan.network.loss = 0.0,
            &|plan| plan.network.duplication = 0.0,
            &|plan| plan.network.customer_loss = 0.0,
            &|plan| plan.network.strays = None,
            &|plan| plan.window = 1,
            &|plan| plan.names_life &= plan.faults.iter().any(|fault| matches!(fault.what, Trouble::Clone { .. })),
            &|plan| plan.calls = None,
            &|plan| plan.calls.iter_mut().for_each(|calls| calls.plain.clear()),
            &|plan| plan.operations.iter_mut().for_each(|step| step.name = Name::New),
            &|plan| plan.network.latency = Latency::Fixed(plan.network.latency.usual()),
            &|plan| plan.network.ordered = true,
            &|plan| plan.operations.iter_mut().for_each(|step| step.session = false),
            &|plan| plan.operations.iter_mut().for_each(|step| step.concern = Concern::Local),
            &one_account,
            &|plan| plan.openings.iter_mut().for_each(|opening| *opening = 400),
            &|plan| plan.operations.iter_mut().for_each(|step| step.act = rounded(step.act)),
        ];
        for change in changes {
            let mut candidate = self.best.clone();
            change(&mut candidate);
            self.keep_if_it_fails(candidate);
        }
    }
}

/// Every branch that an operation, a fault or the plan's calls name, in order.
fn branches_named(plan: &Plan) -> BTreeSet<u32> {
    let named = plan.operations.iter().map(|step| step.branch);
    let plain = plan.calls.iter().flat_map(|calls| calls.plain.iter().copied());
    named.chain(plain).chain(plan.faults.iter().flat_map(|fault| fault.what.branches().iter().copied())).collect()
}

/// Only the branches that are named, and some others, numbered from 1; and so the customers.
fn renumber(plan: &mut Plan, others: u32) {
    let branches = branches_named(plan);
    let customers: BTreeSet<u32> = plan.operations.iter().map(|step| step.customer).collect();
    let number = |ids: &BTreeSet<u32>, id: u32| ids.range(..=id).count() as u32;
    plan.branches = plan.branches.min((branches.len() as u32 + others).max(1));
    for step in &mut plan.operations {
        step.branch = number(&branches, step.branch);
        step.customer = number(&customers, step.customer);
    }
    let plain = plan.calls.iter_mut().flat_map(|calls| &mut calls.plain);
    plain.for_each(|branch| *branch = number(&branches, *branch));
    for fault in &mut plan.faults {
        fault.what.branches_mut().iter_mut().for_each(|branch| *branch = number(&branches, *branch));
    }
}

fn one_account(plan: &mut Plan) {
    plan.openings.truncate(1);
    plan.operations.iter_mut().for_each(|step| step.account = 0);
}

/// The nearest multiple of ten, from 10 on.
fn rounded(act: Act) -> Act {
    let round = |amount: u64| amount.saturating_add(5) / 10 * 10;
    match act {
        Act::Query(version) => Act::Query(version),
        Act::Deposit(amount) => Act::Deposit(round(amount).max(10)),
        Act::Withdraw(amount) => Act::Withdraw(round(amount).max(10)),
    }
}
