//! What befalls the bank, and its end.

use super::{
    Trouble,
    link::Edge,
    place::{BranchIndex, NodeIndex, Side},
    world::World,
};
use crate::{check, trace::FaultKind};

impl World<'_> {
    pub(super) fn strike(&mut self, number: usize) {
        let fault = &self.plan.faults[number];
        self.note(|| check::Kind::Struck { fault: number as u64 + 1, what: fault.what.to_string() });
        let until = self.now.0 + fault.for_us;
        self.counts.faults += 1;
        match &fault.what {
            Trouble::Crash { branch } => self.crash_all(index(*branch)),
            Trouble::Restore { branch } => self.copy_disk(index(*branch), number),
            Trouble::Clone { branch } => self.clone_process(index(*branch), number),
            Trouble::DiskLoss { branch } => self.lose_disk(index(*branch)),
            Trouble::PowerFailure { branch } => self.fail_power(index(*branch)),
            Trouble::DiskFailure { branch } => self.fail_disk(index(*branch)),
            Trouble::Pause { branch } => self.each_process(*branch, |world, paused| {
                world.record_fault(paused, FaultKind::Paused, || None);
                let known = world.nodes[paused].paused_until.unwrap_or(0);
                world.nodes[paused].paused_until = Some(known.max(until));
            }),
            Trouble::Slow { branch, factor } => self.each_process(*branch, |world, slow| {
                world.nodes[slow].slowness *= u64::from(*factor);
                world.record_fault(slow, FaultKind::Slowed, || Some(format!("{factor} times as long")));
            }),
            Trouble::Loss { share } => {
                self.extra_loss = self.extra_loss.max(*share);
                for node in 0..self.nodes.len() {
                    self.record_fault(node, FaultKind::Dropping, || {
                        Some(format!("{:.1} % of all messages", share * 100.0))
                    });
                }
            }
            Trouble::Partition { side, one_way } => {
                for (edge, to) in self.crossing(side, *one_way) {
                    let (from, peer) = (self.edges[edge].node(to.other()), self.edges[edge].branch(to));
                    let peer = self.nodes[peer].branch;
                    self.record(from, |recorder, now| recorder.fault(now, FaultKind::Cut, Some(peer), None));
                    *blocked(&mut self.edges[edge], to) += 1;
                    if self.plan.network.ordered {
                        self.sever(edge, None);
                    }
                }
            }
        }
    }

    pub(super) fn lift(&mut self, number: usize) {
        self.note(|| check::Kind::Lifted { fault: number as u64 + 1 });
        match &self.plan.faults[number].what {
            Trouble::Crash { branch } | Trouble::DiskLoss { branch } | Trouble::PowerFailure { branch } => {
                self.restart_all(index(*branch));
            }
            Trouble::Restore { branch } => self.restore(index(*branch), number),
            Trouble::Clone { branch } => self.supersede(index(*branch), number),
            Trouble::DiskFailure { branch } => self.mend_disk(index(*branch)),
            Trouble::Pause { branch } => self.each_process(*branch, |world, paused| {
                world.record_fault(paused, FaultKind::Resumed, || None);
            }),
            Trouble::Slow { branch, factor } => self.each_process(*branch, |world, slow| {
                world.nodes[slow].slowness /= u64::from(*factor);
                world.record_fault(slow, FaultKind::Unslowed, || None);
            }),
            Trouble::Loss { .. } => {
                self.extra_loss = 0.0;
                for node in 0..self.nodes.len() {
                    self.record_fault(node, FaultKind::Delivering, || None);
                }
            }
            Trouble::Partition { side, one_way } => {
                for (edge, to) in self.crossing(side, *one_way) {
                    let (from, peer) = (self.edges[edge].node(to.other()), self.edges[edge].branch(to));
                    let peer = self.nodes[peer].branch;
                    self.record(from, |recorder, now| recorder.fault(now, FaultKind::Mended, Some(peer), None));
                    *blocked(&mut self.edges[edge], to) -= 1;
                }
            }
        }
    }

    /// Lets something befall every process of a branch.
    fn each_process(&mut self, branch: u32, befall: impl Fn(&mut Self, NodeIndex)) {
        for position in 0..self.seats[index(branch)].len() {
            befall(self, self.seats[index(branch)][position]);
        }
    }

    /// The links between one side and the rest, and the end that loses what is sent to it.
    fn crossing(&self, side: &[u32], one_way: bool) -> Vec<(usize, Side)> {
        let inside = |branch: BranchIndex| side.contains(&(branch as u32 + 1));
        let mut crossing = Vec::new();
        for (position, edge) in self.edges.iter().enumerate() {
            for to in [Side::Low, Side::High] {
                let (from, to_branch) = (edge.branch(to.other()), edge.branch(to));
                if inside(from) != inside(to_branch) && (!one_way || inside(from)) {
                    crossing.push((position, to));
                }
            }
        }
        crossing
    }
}

fn blocked(edge: &mut Edge, to: Side) -> &mut u32 {
    match to {
        Side::Low => &mut edge.blocked_low,
        Side::High => &mut edge.blocked_high,
    }
}

/// A branch, as the simulation counts it.
fn index(branch: u32) -> BranchIndex {
    branch as usize - 1
}
