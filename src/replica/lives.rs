//! Lives of branches. Every start of a branch begins a new one, which alone writes a page of its own: so nothing
//! that an older copy of a disk, a second process or a lost end of a disk can say is taken for what a life said.

use super::branches::Branches;
use crate::types::{BranchId, Incarnation, Origin};

/// What a replica knows of lives.
#[derive(Clone, Debug)]
pub(super) struct Lives {
    own: Origin,
    /// The lives that ran on this disk before, earliest first.
    chain: Vec<Incarnation>,
    /// Whether there may have been lives whose requests nobody here knows.
    had_others: bool,
    /// By the position of the branch: the latest that was heard of.
    latest: Vec<Incarnation>,
    /// The same: whether it has shown, since this life began, what it has of the lives that ran on this disk.
    has_shown: Vec<bool>,
}

/// Where the earlier tries of a request may have been made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Where {
    /// In this life.
    Here,
    /// In a life that ran on this disk.
    OnThisDisk,
    /// In a life of which this one knows nothing.
    Elsewhere,
}

impl Lives {
    pub(super) fn new(own: Origin, branches: &Branches, chain: Vec<Incarnation>, had_others: bool) -> Self {
        let (latest, mut has_shown) = (vec![Incarnation(0); branches.len()], vec![false; branches.len()]);
        if let Some(position) = branches.position(own.branch) {
            has_shown[position] = true;
        }
        let mut lives = Self { own, chain, had_others, latest, has_shown };
        lives.hear(branches, own);
        lives
    }

    /// A life was heard of; whether it is a later one than any of its branch before.
    pub(super) fn hear(&mut self, branches: &Branches, life: Origin) -> bool {
        let Some(position) = branches.position(life.branch) else { return false };
        let known = &mut self.latest[position];
        let is_later = life.incarnation > *known;
        *known = life.incarnation.max(*known);
        is_later
    }

    /// The latest life of a branch of this bank.
    pub(super) fn latest(&self, branches: &Branches, branch: BranchId) -> Incarnation {
        branches.position(branch).map_or(Incarnation(0), |position| self.latest[position])
    }

    /// A later life of the own branch, if there is one: this one must end.
    pub(super) fn superseded(&self, branches: &Branches) -> Option<Origin> {
        let later = Origin { incarnation: self.latest(branches, self.own.branch), ..self.own };
        (later != self.own).then_some(later)
    }

    /// Whether it is certain that this disk has all that the lives did which ran on it, and that no other ran: because
    /// every branch has shown that it knows of no more. `None`: some have not yet.
    pub(super) fn is_whole(&self) -> Option<bool> {
        match (self.had_others, self.has_shown.iter().all(|&shown| shown)) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            (false, false) => None,
        }
    }

    /// A branch shows what it has of this branch's lives, with what is here of the same. Returns whether that shows
    /// that something is missing here, and nobody knew: what was done there, nobody here can know any more.
    pub(super) fn show(
        &mut self,
        branches: &Branches,
        branch: BranchId,
        has: impl Iterator<Item = (Incarnation, u64, u64)>,
    ) -> bool {
        if self.had_others || self.chain.is_empty() {
            return false;
        }
        for (life, there, here) in has {
            if there > here || self.of_tries_in(life) == Where::Elsewhere {
                self.miss();
            }
        }
        if let Some(position) = branches.position(branch) {
            self.has_shown[position] = true;
        }
        self.had_others
    }

    /// Something was missing here of what an earlier life of this branch did. Returns whether nobody knew.
    pub(super) fn miss(&mut self) -> bool {
        !std::mem::replace(&mut self.had_others, true)
    }

    /// Where tries in that life were made.
    pub(super) fn of_tries_in(&self, life: Incarnation) -> Where {
        if life == self.own.incarnation {
            Where::Here
        } else if self.chain.binary_search(&life).is_ok() {
            Where::OnThisDisk
        } else {
            Where::Elsewhere
        }
    }

    /// Where tries in any life may have been made.
    pub(super) fn of_any_tries(&self) -> Where {
        match (self.had_others, self.chain.is_empty()) {
            (true, _) => Where::Elsewhere,
            (false, false) => Where::OnThisDisk,
            (false, true) => Where::Here,
        }
    }
}
