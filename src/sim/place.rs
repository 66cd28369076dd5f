//! Who is who in a simulation: branches, their processes, customers, and the ends of links, all counted from 0.

use crate::types::BranchId;

/// Nodes are processes, counted from 0: node n - 1 is the first process of branch n. A second process of a
/// branch comes behind them all.
pub(super) type NodeIndex = usize;

/// Branches are counted from 0, as their first processes are.
pub(super) type BranchIndex = usize;

/// Customers are counted in the order of their ids.
pub(super) type CustomerIndex = usize;

/// An end of a link: that of the branch with the lower id, or the other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Low,
    High,
}

impl Side {
    pub(super) fn other(self) -> Self {
        match self {
            Self::Low => Self::High,
            Self::High => Self::Low,
        }
    }
}

pub(super) fn index(branch: BranchId) -> NodeIndex {
    branch.value() as usize - 1
}
