//! The faults of a plan, at their times.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use tokio::time::{Instant, sleep_until};

use crate::{
    bank::{
        error::BankError,
        faults::{Fault, FaultId, Messages},
        running::Bank,
    },
    sim::{self, Plan, Trouble},
    types::BranchId,
};

/// What there is from the beginning until everything heals: latencies, and the network's own losses.
pub(super) async fn prevailing(plan: &Plan, bank: &Bank) -> Result<(), BankError> {
    let mut latencies: BTreeMap<u64, Vec<(BranchId, BranchId)>> = BTreeMap::new();
    for (from, to) in bank.linked() {
        let usual = plan.network.latency.between(from.value(), to.value());
        latencies.entry(usual).or_default().push((from, to));
    }
    for (usual, links) in latencies {
        if usual > 0 {
            bank.inflict(Fault::Delay { by: Duration::from_micros(usual), messages: Messages::From(links) }).await?;
        }
    }
    if plan.network.loss > 0.0 {
        bank.inflict(Fault::Drop { share: plan.network.loss, messages: Messages::All }).await?;
    }
    if plan.network.customer_loss > 0.0 {
        let branches = bank.addresses().keys().copied().collect();
        bank.inflict(Fault::DropOfCustomers { share: plan.network.customer_loss, branches }).await?;
    }
    Ok(())
}

/// A fault of the plan begins or ends.
struct Cue<'a> {
    at_us: u64,
    /// Which fault of the plan.
    number: usize,
    fault: &'a sim::Fault,
    begins: bool,
}

/// Lets the plan's faults befall the bank and lifts each. Returns when the last is lifted.
pub(super) async fn faults(plan: &Plan, bank: &Bank, began: Instant) -> Result<(), BankError> {
    let mut cues: Vec<Cue<'_>> = Vec::new();
    for (number, fault) in plan.faults.iter().enumerate() {
        cues.push(Cue { at_us: fault.at_us, number, fault, begins: true });
        cues.push(Cue { at_us: fault.at_us + fault.for_us, number, fault, begins: false });
    }
    // A fault of no length begins before it ends.
    cues.sort_by_key(|cue| (cue.at_us, cue.number, !cue.begins));
    let mut actor = Actor { plan, bank, in_force: BTreeMap::new(), down: BTreeMap::new(), paused: BTreeMap::new() };
    for cue in cues {
        sleep_until(began + Duration::from_micros(cue.at_us)).await;
        let (fault, journal) = (cue.number as u64 + 1, bank.told.as_ref().map(|told| told.journal()));
        if cue.begins {
            journal.iter().for_each(|journal| journal.struck(fault, cue.fault.what.to_string()));
            actor.begin(cue.number, &cue.fault.what).await?;
        } else {
            actor.end(cue.number, &cue.fault.what).await?;
            journal.iter().for_each(|journal| journal.lifted(fault));
        }
    }
    Ok(())
}

struct Actor<'a> {
    plan: &'a Plan,
    bank: &'a Bank,
    in_force: BTreeMap<usize, FaultId>,
    /// How many faults of the plan keep a branch down, or paused.
    down: BTreeMap<BranchId, usize>,
    paused: BTreeMap<BranchId, usize>,
}

impl Actor<'_> {
    async fn begin(&mut self, number: usize, what: &Trouble) -> Result<(), BankError> {
        match what {
            Trouble::Crash { branch } => {
                let Some(branch) = BranchId::new(*branch) else { return Ok(()) };
                if count(&mut self.down, branch, true) == 1 {
                    self.bank.kill(branch).await?;
                }
                return Ok(());
            }
            Trouble::Pause { branch } => {
                let Some(branch) = BranchId::new(*branch) else { return Ok(()) };
                if count(&mut self.paused, branch, true) == 1 {
                    return unless_down(self.bank.pause(branch).await);
                }
                return Ok(());
            }
            Trouble::Partition { .. } | Trouble::Slow { .. } | Trouble::Loss { .. } => {}
            // These are for the simulator: a play says so before it begins.
            Trouble::Restore { .. }
            | Trouble::Clone { .. }
            | Trouble::DiskLoss { .. }
            | Trouble::PowerFailure { .. }
            | Trouble::DiskFailure { .. } => return Ok(()),
        }
        if let Some(fault) = self.wired(what) {
            self.in_force.insert(number, self.bank.inflict(fault).await?);
        }
        Ok(())
    }

    async fn end(&mut self, number: usize, what: &Trouble) -> Result<(), BankError> {
        match what {
            Trouble::Crash { branch } => {
                let Some(branch) = BranchId::new(*branch) else { return Ok(()) };
                if count(&mut self.down, branch, false) == 0 {
                    self.bank.restart(branch).await?;
                    if self.paused.get(&branch).is_some_and(|&faults| faults > 0) {
                        self.bank.pause(branch).await?;
                    }
                }
                Ok(())
            }
            Trouble::Pause { branch } => {
                let Some(branch) = BranchId::new(*branch) else { return Ok(()) };
                if count(&mut self.paused, branch, false) == 0 {
                    return unless_down(self.bank.resume(branch).await);
                }
                Ok(())
            }
            Trouble::Partition { .. } | Trouble::Slow { .. } | Trouble::Loss { .. } => {
                match self.in_force.remove(&number) {
                    Some(fault) => self.bank.lift(fault).await,
                    None => Ok(()),
                }
            }
            Trouble::Restore { .. }
            | Trouble::Clone { .. }
            | Trouble::DiskLoss { .. }
            | Trouble::PowerFailure { .. }
            | Trouble::DiskFailure { .. } => Ok(()),
        }
    }

    /// A fault of the wires; `None` if it cuts nothing.
    fn wired(&self, what: &Trouble) -> Option<Fault> {
        match what {
            Trouble::Partition { side, one_way } => {
                let side: BTreeSet<BranchId> = side.iter().filter_map(|&id| BranchId::new(id)).collect();
                let rest: BTreeSet<BranchId> =
                    self.bank.addresses().keys().copied().filter(|id| !side.contains(id)).collect();
                let cuts = !side.is_empty() && !rest.is_empty();
                cuts.then(|| Fault::Partition { groups: vec![side, rest], one_way: *one_way })
            }
            Trouble::Slow { branch, factor } => {
                let usual = self.plan.network.latency.usual();
                let by = Duration::from_micros(usual.saturating_mul(u64::from(*factor) - 1));
                let branches = BranchId::new(*branch).into_iter().collect();
                Some(Fault::Delay { by, messages: Messages::Of(branches) })
            }
            Trouble::Loss { share } => Some(Fault::Drop { share: *share, messages: Messages::All }),
            Trouble::Crash { .. }
            | Trouble::Pause { .. }
            | Trouble::Restore { .. }
            | Trouble::Clone { .. }
            | Trouble::DiskLoss { .. }
            | Trouble::PowerFailure { .. }
            | Trouble::DiskFailure { .. } => None,
        }
    }
}

fn count(faults: &mut BTreeMap<BranchId, usize>, branch: BranchId, begins: bool) -> usize {
    let count = faults.entry(branch).or_default();
    *count = if begins { *count + 1 } else { count.saturating_sub(1) };
    *count
}

/// A branch that is down can be neither paused nor resumed.
fn unless_down(result: Result<(), BankError>) -> Result<(), BankError> {
    match result {
        Err(BankError::NotRunning { .. }) => Ok(()),
        other => other,
    }
}
