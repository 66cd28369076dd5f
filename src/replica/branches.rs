//! The branches of a bank, each with its position: what is kept for each of them is a list, and where
//! their ids follow each other, as they mostly do, no search finds a place in it.

use std::collections::BTreeSet;

use crate::types::BranchId;

#[derive(Clone, Debug)]
pub(super) struct Branches {
    /// In order.
    ids: Vec<BranchId>,
}

impl Branches {
    pub(super) fn new(branches: &BTreeSet<BranchId>) -> Self {
        Self { ids: branches.iter().copied().collect() }
    }

    pub(super) fn position(&self, branch: BranchId) -> Option<usize> {
        let guess = branch.value().checked_sub(self.ids.first()?.value())? as usize;
        if self.ids.get(guess) == Some(&branch) { Some(guess) } else { self.ids.binary_search(&branch).ok() }
    }

    pub(super) fn contains(&self, branch: BranchId) -> bool {
        self.position(branch).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = BranchId> + '_ {
        self.ids.iter().copied()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }
}
