//! The origins of a history, each with its position; and what a branch must show at least, by them. A
//! floor is copied and compared with every operation, so it is a plain list of numbers.

use std::collections::BTreeSet;

use super::{Event, History, Kind, Outcome};
use crate::types::{Answer, BranchId, Origin, Version};

/// Every origin that a history names, in order.
#[derive(Debug, Default)]
pub(super) struct Origins(Vec<Origin>);

impl Origins {
    pub(super) fn of(history: &History) -> Self {
        let mut found = BTreeSet::new();
        let mut all_of = |version: &Version| found.extend(version.iter().map(|(origin, _)| origin));
        let mut written = BTreeSet::new();
        for Event { kind, .. } in &history.events {
            match kind {
                Kind::Invoked(invocation) => all_of(&invocation.at_least),
                Kind::Completed { outcome: Outcome::Answered(answer), .. } => match answer {
                    Answer::Queried(queried) => queried.version.iter().for_each(&mut all_of),
                    Answer::Committed(committed) => drop(written.insert(committed.origin)),
                    Answer::Refused(_) => {}
                },
                Kind::Final { version, .. } => version.iter().for_each(&mut all_of),
                Kind::Completed { outcome: Outcome::Unknown, .. }
                | Kind::Restarted { .. }
                | Kind::Doubled { .. }
                | Kind::Struck { .. }
                | Kind::Lifted { .. } => {}
            }
        }
        found.append(&mut written);
        Self(found.into_iter().collect())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn find(&self, origin: Origin) -> Option<usize> {
        self.0.binary_search(&origin).ok()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Origin> + '_ {
        self.0.iter().copied()
    }

    /// The lives of one branch.
    pub(super) fn of_branch(&self, branch: BranchId) -> impl Iterator<Item = (usize, Origin)> + '_ {
        let first = self.0.partition_point(|origin| origin.branch < branch);
        let lives = self.0[first..].iter().take_while(move |origin| origin.branch == branch);
        lives.enumerate().map(move |(place, &origin)| (first + place, origin))
    }

    /// Nothing must be shown.
    pub(super) fn floor(&self) -> Floor {
        Floor(vec![0; self.len()])
    }

    /// The first origin of which a version does not show what it must, and how much it must.
    pub(super) fn lack(&self, version: &Version, floor: &Floor) -> Option<(Origin, u64)> {
        let mut needed = self.iter().zip(floor.0.iter().copied()).filter(|&(_, sequence)| sequence > 0);
        needed.find(|&(origin, sequence)| !shows(version, origin, sequence))
    }

    /// Whether a floor has all of a version.
    pub(super) fn is_within(&self, version: &Version, floor: &Floor) -> bool {
        let shown = |origin| self.find(origin).map_or(0, |index| floor.sequence(index));
        version.iter().all(|(origin, sequence)| shown(origin) >= sequence)
    }
}

/// Whether a version may show that much of a page. A later life of a branch speaks for the earlier ones whose pages
/// it stands on, which are then not listed.
pub(super) fn shows(version: &Version, origin: Origin, sequence: u64) -> bool {
    version.sequence(origin) >= sequence || is_spoken_for(version, origin)
}

/// Whether a version lists a later life of this one's branch, and not this one.
pub(super) fn is_spoken_for(version: &Version, origin: Origin) -> bool {
    version.sequence(origin) == 0 && version.iter().any(|(listed, _)| listed.branch == origin.branch && listed > origin)
}

/// By the position of the origin: how many of its operations must be shown.
#[derive(Clone, Debug)]
pub(super) struct Floor(Vec<u64>);

impl Floor {
    pub(super) fn sequence(&self, index: usize) -> u64 {
        self.0[index]
    }

    pub(super) fn raise(&mut self, index: usize, sequence: u64) {
        self.0[index] = sequence.max(self.0[index]);
    }

    pub(super) fn join(&mut self, origins: &Origins, version: &Version) {
        for (origin, sequence) in version.iter() {
            if let Some(index) = origins.find(origin) {
                self.raise(index, sequence);
            }
        }
    }

    pub(super) fn join_floor(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine = *theirs.max(mine));
    }

    /// Whether it asks for as much as another.
    pub(super) fn dominates(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(mine, theirs)| mine >= theirs)
    }
}
