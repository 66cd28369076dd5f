//! The faults of a running bank, and what they come to at each branch. A branch is told everything that
//! befalls it, again and again, rather than what has changed: so nothing is left over of what was lifted.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{config::shorten, error::BankError};
use crate::{
    branch::{Faults, Way, Wire},
    topology::Topology,
    types::BranchId,
};

/// Something that befalls the messages of a bank.
#[derive(Clone, PartialEq, Debug)]
pub enum Fault {
    /// Branches of different groups cannot reach each other. Branches of no group keep all their links.
    Partition {
        /// Two at least.
        groups: Vec<BTreeSet<BranchId>>,
        /// Only what a group says to those after it is lost.
        one_way: bool,
    },
    /// Messages take longer.
    Delay {
        /// How much longer.
        by: Duration,
        /// Which.
        messages: Messages,
    },
    /// Some messages are lost.
    Drop {
        /// The share, 0 to 1.
        share: f64,
        /// Which.
        messages: Messages,
    },
    /// Some of customers' requests, and of the answers to them, are lost.
    DropOfCustomers {
        /// The share, 0 to 1.
        share: f64,
        /// At which branches.
        branches: BTreeSet<BranchId>,
    },
}

/// Messages between branches.
#[derive(Clone, PartialEq, Debug)]
pub enum Messages {
    /// All.
    All,
    /// Those that these branches send and receive.
    Of(BTreeSet<BranchId>),
    /// Those between each two.
    Between(Vec<(BranchId, BranchId)>),
    /// Those that each first says to its second.
    From(Vec<(BranchId, BranchId)>),
}

/// Names a fault that is in force.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FaultId(pub u64);

impl Fault {
    /// # Errors
    /// [`BankError::UnknownBranch`], or [`BankError::Config`] for what cannot be.
    pub(super) fn check(&self, topology: &Topology, branches: &BTreeSet<BranchId>) -> Result<(), BankError> {
        let wrong = |reason: String| Err(BankError::Config { reason });
        let known = |named: &BTreeSet<BranchId>| {
            let unknown = named.difference(branches).next();
            unknown.map_or(Ok(()), |&branch| Err(BankError::UnknownBranch { branch, known: shorten(branches.iter()) }))
        };
        match self {
            Self::Partition { groups, .. } => {
                if groups.len() < 2 {
                    return wrong("a partition of one group cuts nothing: name two groups or more".to_owned());
                }
                let mut seen = BTreeSet::new();
                for group in groups {
                    known(group)?;
                    if group.is_empty() {
                        return wrong("a group of a partition is empty: name its branches".to_owned());
                    }
                    if let Some(branch) = group.iter().find(|branch| !seen.insert(**branch)) {
                        return wrong(format!("branch {branch} is in two groups: each branch can be in one"));
                    }
                }
                Ok(())
            }
            Self::Drop { share, .. } | Self::DropOfCustomers { share, .. } if !(0.0..=1.0).contains(share) => {
                wrong(format!("share {share} is not right: give a number from 0 to 1"))
            }
            Self::DropOfCustomers { branches, .. } => known(branches),
            Self::Delay { messages, .. } | Self::Drop { messages, .. } => match messages {
                Messages::All => Ok(()),
                Messages::Of(named) => known(named),
                Messages::Between(links) | Messages::From(links) => {
                    for &(one, other) in links {
                        known(&BTreeSet::from([one, other]))?;
                        if !topology.links(one).contains_key(&other) {
                            return wrong(format!(
                                "branches {one} and {other} have no link: in this topology, branch {one} is linked to {}",
                                shorten(topology.links(one).keys())
                            ));
                        }
                    }
                    Ok(())
                }
            },
        }
    }

    /// What befalls the messages that one branch says to another.
    fn way(&self, from: BranchId, to: BranchId) -> Way {
        match self {
            Self::Partition { groups, one_way } => {
                let group = |branch| groups.iter().position(|group| group.contains(&branch));
                let cut = match (group(from), group(to)) {
                    (Some(here), Some(there)) => here < there || !one_way && here > there,
                    (Some(_) | None, None) | (None, Some(_)) => false,
                };
                Way { cut, ..Way::default() }
            }
            Self::Delay { by, messages } if messages.have(from, to) => Way { delay: *by, ..Way::default() },
            Self::Drop { share, messages } if messages.have(from, to) => Way { loss: *share, ..Way::default() },
            Self::Delay { .. } | Self::Drop { .. } | Self::DropOfCustomers { .. } => Way::default(),
        }
    }
}

impl Messages {
    fn have(&self, from: BranchId, to: BranchId) -> bool {
        match self {
            Self::All => true,
            Self::Of(branches) => branches.contains(&from) || branches.contains(&to),
            Self::Between(links) => links.contains(&(from, to)) || links.contains(&(to, from)),
            Self::From(links) => links.contains(&(from, to)),
        }
    }
}

/// The faults that are in force.
#[derive(Debug, Default)]
pub(super) struct InForce {
    last: u64,
    faults: BTreeMap<FaultId, Fault>,
    pub(super) paused: BTreeSet<BranchId>,
}

impl InForce {
    pub(super) fn add(&mut self, fault: Fault) -> FaultId {
        self.last += 1;
        let id = FaultId(self.last);
        self.faults.insert(id, fault);
        id
    }

    /// False if there is no such fault any more.
    pub(super) fn lift(&mut self, id: FaultId) -> bool {
        self.faults.remove(&id).is_some()
    }

    pub(super) fn lift_all(&mut self) {
        self.faults.clear();
        self.paused.clear();
    }

    /// Everything that befalls one branch.
    pub(super) fn at(&self, branch: BranchId, topology: &Topology) -> Faults {
        let mut customers = Way::default();
        let mut wires = BTreeMap::new();
        for fault in self.faults.values() {
            if let Fault::DropOfCustomers { share, branches } = fault
                && branches.contains(&branch)
            {
                customers.join(Way { loss: *share, ..Way::default() });
            }
        }
        for peer in topology.links(branch).into_keys() {
            let mut wire = Wire::default();
            for fault in self.faults.values() {
                wire.to.join(fault.way(branch, peer));
                wire.from.join(fault.way(peer, branch));
            }
            if wire != Wire::default() {
                wires.insert(peer, wire);
            }
        }
        Faults { wires, customer_loss: customers.loss, paused: self.paused.contains(&branch) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that fails panics")]
mod tests {
    use super::*;
    use crate::topology::Shape;

    fn branch(id: u32) -> BranchId {
        BranchId::new(id).unwrap()
    }

    fn group<const N: usize>(ids: [u32; N]) -> BTreeSet<BranchId> {
        ids.into_iter().map(branch).collect()
    }

    fn mesh() -> (Topology, BTreeSet<BranchId>) {
        let branches = group([1, 2, 3, 4]);
        (Topology::new(Shape::Mesh, &branches), branches)
    }

    /// (to, from) of every link that is cut, seen from a branch.
    fn cuts(in_force: &InForce, of: u32) -> Vec<(u32, bool, bool)> {
        let faults = in_force.at(branch(of), &mesh().0);
        faults.wires.iter().map(|(peer, wire)| (peer.value(), wire.to.cut, wire.from.cut)).collect()
    }

    #[test]
    fn both_ends_know_what_is_cut_and_in_which_direction() {
        let mut in_force = InForce::default();
        let both = in_force.add(Fault::Partition { groups: vec![group([1, 2]), group([3])], one_way: false });
        assert_eq!(cuts(&in_force, 1), [(3, true, true)]);
        assert_eq!(cuts(&in_force, 3), [(1, true, true), (2, true, true)]);
        assert_eq!(cuts(&in_force, 4), [], "a branch of no group keeps its links");
        let one_way = in_force.add(Fault::Partition { groups: vec![group([4]), group([1])], one_way: true });
        assert_eq!(cuts(&in_force, 1), [(3, true, true), (4, false, true)]);
        assert_eq!(cuts(&in_force, 4), [(1, true, false)]);
        assert!(in_force.lift(both) && !in_force.lift(both));
        assert_eq!(cuts(&in_force, 3), []);
        assert!(in_force.lift(one_way));
        assert!(in_force.at(branch(1), &mesh().0).is_none());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let (topology, branches) = mesh();
        let says = |fault: Fault| fault.check(&topology, &branches).unwrap_err().to_string();
        let partition = |groups| Fault::Partition { groups, one_way: false };
        assert!(says(partition(vec![group([1])])).contains("name two groups or more"));
        assert!(says(partition(vec![group([1]), group([2, 1])])).contains("branch 1 is in two groups"));
        assert!(says(partition(vec![group([1]), group([])])).contains("is empty"));
        assert!(says(partition(vec![group([1]), group([9])])).contains("no branch 9: this bank has branches 1, 2, 3"));
        assert!(says(Fault::Drop { share: 1.5, messages: Messages::All }).contains("share 1.5 is not right"));
        let ring = Topology::new(Shape::Ring, &branches);
        let far = Fault::Delay { by: Duration::ZERO, messages: Messages::From(vec![(branch(1), branch(3))]) };
        let refused = far.check(&ring, &branches).unwrap_err().to_string();
        assert!(refused.contains("branches 1 and 3 have no link") && refused.contains("branches 2 and 4"), "{refused}");
    }
}
