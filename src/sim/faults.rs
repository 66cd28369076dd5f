//! What befalls the bank, and its end.

use super::{
    Trouble,
    links::Side,
    world::{NodeIndex, World},
};
use crate::trace::FaultKind;

impl World<'_> {
    pub(super) fn strike(&mut self, fault: usize) {
        let fault = &self.plan.faults[fault];
        let until = self.now.0 + fault.for_us;
        self.counts.faults += 1;
        match &fault.what {
            Trouble::Crash { branch } => self.crash(node(*branch)),
            Trouble::Pause { branch } => {
                let paused = node(*branch);
                self.record_fault(paused, FaultKind::Paused, || None);
                let known = self.nodes[paused].paused_until.unwrap_or(0);
                self.nodes[paused].paused_until = Some(known.max(until));
            }
            Trouble::Slow { branch, factor } => {
                self.nodes[node(*branch)].slowness *= u64::from(*factor);
                self.record_fault(node(*branch), FaultKind::Slowed, || Some(format!("{factor} times as long")));
            }
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
                    let (from, peer) = (self.edges[edge].node(to.other()), self.edges[edge].node(to));
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

    pub(super) fn lift(&mut self, fault: usize) {
        match &self.plan.faults[fault].what {
            Trouble::Crash { branch } => self.restart(node(*branch)),
            Trouble::Pause { branch } => self.record_fault(node(*branch), FaultKind::Resumed, || None),
            Trouble::Slow { branch, factor } => {
                self.nodes[node(*branch)].slowness /= u64::from(*factor);
                self.record_fault(node(*branch), FaultKind::Unslowed, || None);
            }
            Trouble::Loss { .. } => {
                self.extra_loss = 0.0;
                for node in 0..self.nodes.len() {
                    self.record_fault(node, FaultKind::Delivering, || None);
                }
            }
            Trouble::Partition { side, one_way } => {
                for (edge, to) in self.crossing(side, *one_way) {
                    let (from, peer) = (self.edges[edge].node(to.other()), self.edges[edge].node(to));
                    let peer = self.nodes[peer].branch;
                    self.record(from, |recorder, now| recorder.fault(now, FaultKind::Mended, Some(peer), None));
                    *blocked(&mut self.edges[edge], to) -= 1;
                }
            }
        }
    }

    /// The links between one side and the rest, and the end that loses what is sent to it.
    fn crossing(&self, side: &[u32], one_way: bool) -> Vec<(usize, Side)> {
        let inside = |node: NodeIndex| side.contains(&(node as u32 + 1));
        let mut crossing = Vec::new();
        for (position, edge) in self.edges.iter().enumerate() {
            for to in [Side::Low, Side::High] {
                let (from, to_node) = (edge.node(to.other()), edge.node(to));
                if inside(from) != inside(to_node) && (!one_way || inside(from)) {
                    crossing.push((position, to));
                }
            }
        }
        crossing
    }
}

fn blocked(edge: &mut super::links::Edge, to: Side) -> &mut u32 {
    match to {
        Side::Low => &mut edge.blocked_low,
        Side::High => &mut edge.blocked_high,
    }
}

fn node(branch: u32) -> NodeIndex {
    branch as usize - 1
}
