//! From a plan that fails to a small one that fails in the same way: what can be left out is left
//! out, by halves and then by smaller parts (Zeller and Hildebrandt's ddmin, 2002).

use std::ops::ControlFlow;

use super::{Latency, Plan, Record, Violation, judge, quietly, simulate};

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

    /// A calmer world, and fewer branches, as far as nobody names them.
    fn simplify(&mut self) {
        let named = self.best.operations.iter().map(|step| step.branch);
        let named = named.chain(self.best.faults.iter().flat_map(|fault| fault.what.branches())).max().unwrap_or(1);
        let changes: [&dyn Fn(&mut Plan); 8] = [
            &|plan| plan.branches = named,
            &|plan| plan.branches = named.max(plan.branches / 2),
            &|plan| plan.network.loss = 0.0,
            &|plan| plan.network.duplication = 0.0,
            &|plan| plan.network.customer_loss = 0.0,
            &|plan| plan.network.latency = Latency::Fixed(plan.network.latency.usual()),
            &|plan| plan.network.ordered = true,
            &|plan| plan.operations.iter_mut().for_each(|step| step.session = false),
        ];
        for change in changes {
            let mut candidate = self.best.clone();
            change(&mut candidate);
            self.keep_if_it_fails(candidate);
        }
    }
}
