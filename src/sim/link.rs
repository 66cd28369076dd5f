//! A link of two branches, as it is at a moment.

use super::place::{BranchIndex, NodeIndex, Side};

/// A link of two branches. A session of it joins a process of each.
#[derive(Debug)]
pub(super) struct Edge {
    pub(super) low: BranchIndex,
    pub(super) high: BranchIndex,
    /// The processes of this session, or of the last one.
    pub(super) low_node: NodeIndex,
    pub(super) high_node: NodeIndex,
    pub(super) up: bool,
    /// Counts its sessions.
    pub(super) session: u64,
    /// How many faults lose what goes to each end.
    pub(super) blocked_low: u32,
    pub(super) blocked_high: u32,
    /// When the last message to each end arrives: on an ordered network, none overtakes it.
    pub(super) last_low: u64,
    pub(super) last_high: u64,
}

impl Edge {
    pub(super) fn new(low: BranchIndex, high: BranchIndex) -> Self {
        Self {
            low,
            high,
            low_node: low,
            high_node: high,
            up: false,
            session: 0,
            blocked_low: 0,
            blocked_high: 0,
            last_low: 0,
            last_high: 0,
        }
    }

    pub(super) fn branch(&self, side: Side) -> BranchIndex {
        match side {
            Side::Low => self.low,
            Side::High => self.high,
        }
    }

    pub(super) fn node(&self, side: Side) -> NodeIndex {
        match side {
            Side::Low => self.low_node,
            Side::High => self.high_node,
        }
    }

    /// Whether faults lose what goes to this end.
    pub(super) fn blocked(&self, to: Side) -> bool {
        match to {
            Side::Low => self.blocked_low > 0,
            Side::High => self.blocked_high > 0,
        }
    }

    /// When a message that would arrive at `at` does, behind those before it.
    pub(super) fn in_order(&mut self, to: Side, at: u64) -> u64 {
        let last = match to {
            Side::Low => &mut self.last_low,
            Side::High => &mut self.last_high,
        };
        *last = at.max(*last);
        *last
    }
}
