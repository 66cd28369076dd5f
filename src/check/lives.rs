//! The lives of a branch take turns: each ends where the branch comes back, and the next has a higher
//! number. A branch whose lives do not take turns was run more than once at the same time, as from a
//! copy of its directory: then nobody knows which of them answers, and it is held to nothing that
//! another of its answers has shown.

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, History, Kind};
use crate::types::{BranchId, Incarnation, Origin, Time};

/// A write with a place, by the positions of its events in the history.
#[derive(Clone, Copy, Debug)]
pub(super) struct Turn {
    pub(super) id: u64,
    pub(super) origin: Origin,
    pub(super) invoked: usize,
    pub(super) told: usize,
}

/// Where and when a branch came back, and whether it did with its data.
#[derive(Clone, Copy, Debug)]
struct Restart {
    position: usize,
    at: Time,
    kept: bool,
}

#[derive(Debug, Default)]
pub(super) struct Lives {
    restarts: BTreeMap<BranchId, Vec<Restart>>,
    /// Branches that ran more than once at the same time.
    doubled: BTreeSet<BranchId>,
    /// Writes of lives that had come to their end before anybody asked for them.
    pub(super) dead: Vec<Turn>,
    /// When lives came to their end, at the latest.
    ended: BTreeMap<Origin, Time>,
}

/// What is known of one branch, as its answers come.
#[derive(Default)]
struct Known {
    /// By life: when it was first told of.
    since: BTreeMap<Incarnation, usize>,
    /// By the number of restarts before: the life between that one and the next.
    between: BTreeMap<usize, Incarnation>,
}

impl Lives {
    pub(super) fn of(history: &History) -> Self {
        let mut lives = Self::default();
        for (position, Event { at, kind }) in history.events.iter().enumerate() {
            if let Kind::Restarted { branch, kept } = kind {
                lives.restarts.entry(*branch).or_default().push(Restart { position, at: *at, kept: *kept });
            }
            if let Kind::Doubled { branch } = kind {
                lives.doubled.insert(*branch);
            }
        }
        lives
    }

    /// Whether the branch came back without its data later than that, or ran more than once.
    pub(super) fn may_forget_after(&self, branch: BranchId, position: usize) -> bool {
        let lost = |restarts: &Vec<Restart>| restarts.iter().any(|back| back.position > position && !back.kept);
        self.doubled.contains(&branch) || self.restarts.get(&branch).is_some_and(lost)
    }

    pub(super) fn came_back(&self, branch: BranchId) -> bool {
        self.restarts.contains_key(&branch)
    }

    pub(super) fn is_doubled(&self, branch: BranchId) -> bool {
        self.doubled.contains(&branch)
    }

    /// Whether any branch ran more than once at the same time. Then nobody can know that all have shown what they
    /// have: one of its processes may have kept what the other lacks.
    pub(super) fn is_any_doubled(&self) -> bool {
        !self.doubled.is_empty()
    }

    /// When a life came to its end at the latest, if that is known: what was asked for later is not on its
    /// page.
    pub(super) fn end(&self, origin: Origin) -> Option<Time> {
        self.ended.get(&origin).copied()
    }

    /// Looks at the writes of one branch that has several lives, or came back.
    pub(super) fn take_turns(&mut self, branch: BranchId, mut turns: Vec<Turn>) {
        if self.doubled.contains(&branch) {
            return;
        }
        turns.sort_unstable_by_key(|turn| turn.told);
        let restarts = self.restarts.get(&branch).map_or(&[][..], Vec::as_slice);
        let before = |position: usize| restarts.partition_point(|back| back.position < position);
        let mut known = Known::default();
        let mut is_doubled = false;
        for turn in turns {
            let life = turn.origin.incarnation;
            let (first, last) = (before(turn.invoked), before(turn.told));
            let since = known.since.get(&life).map(|&since| before(since));
            let ended = since.and_then(|since| restarts.get(since..first)).unwrap_or_default();
            // A life may go on with its data, unless a later one has begun since.
            let is_followed = || {
                let mut later = known.since.range(Incarnation(life.0.saturating_add(1))..);
                later.any(|(_, &at)| at < turn.invoked && since.is_some_and(|since| before(at) > since))
            };
            if !ended.is_empty() && (ended.iter().any(|back| !back.kept) || is_followed()) {
                if !is_doubled {
                    self.dead.push(turn);
                }
                continue;
            }
            if first == last {
                is_doubled |= *known.between.entry(first).or_insert(life) != life;
            }
            known.since.entry(life).or_insert(turn.told);
        }
        if is_doubled {
            self.doubled.insert(branch);
            return;
        }
        // A life ends, at the latest, where its data is gone, or where the next begins at the latest.
        let mut next = None;
        for (&incarnation, &told) in known.since.iter().rev() {
            let since = before(told);
            let lost = restarts.iter().skip(since).find(|back| !back.kept);
            let followed = next.filter(|&next| next > since).and_then(|next| restarts.get(next - 1));
            if let Some(at) = lost.into_iter().chain(followed).map(|back| back.at).min() {
                self.ended.insert(Origin { branch, incarnation }, at);
            }
            next = Some(since);
        }
    }
}
