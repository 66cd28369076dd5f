//! The writes of a history, sorted by what is known of them: those with a place on an origin's page,
//! and those that may have happened anywhere on a page of their branch.

use std::collections::{BTreeMap, BTreeSet};

use super::{Event, History, Invocation, Kind, Outcome};
use crate::types::{
    AccountId, Action, Answer, BranchId, Committed, Concern, Operation, OperationKind, Origin, Refusal, Time,
};

/// A write with a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    pub(super) id: u64,
    pub(super) client: u64,
    pub(super) operation: Operation,
    pub(super) concern: Concern,
    pub(super) invoked: Time,
    pub(super) sequence: u64,
}

/// A write of unknown outcome, or of an unknown place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) operation: Operation,
    pub(super) invoked: Time,
    /// Whether it was committed for certain, somewhere.
    pub(super) certain: bool,
}

/// One page, as far as customers know it.
#[derive(Debug, Default)]
pub(super) struct PageKnown {
    /// In the order of their sequences.
    pub(super) writes: Vec<Placed>,
    /// By position in `writes`: the latest invocation so far.
    latest_invoked: Vec<Time>,
    /// Per account: each write's sequence, and the sum up to it.
    sums: BTreeMap<AccountId, Vec<(u64, i64)>>,
}

/// What a write adds to a balance.
pub(super) fn effect(operation: Operation) -> i64 {
    let amount = operation.amount.value() as i64;
    match operation.kind {
        OperationKind::Deposit => amount,
        OperationKind::Withdraw => -amount,
    }
}

impl PageKnown {
    fn seal(&mut self) {
        self.writes.sort_by_key(|write| write.sequence);
        let mut latest = Time(0);
        for write in &self.writes {
            latest = latest.max(write.invoked);
            self.latest_invoked.push(latest);
            let sums = self.sums.entry(write.operation.account).or_default();
            let sum = sums.last().map_or(0, |&(_, sum)| sum);
            sums.push((write.sequence, sum + effect(write.operation)));
        }
    }

    /// How many of the placed writes are within the first `sequence` operations.
    pub(super) fn count(&self, sequence: u64) -> usize {
        self.writes.partition_point(|write| write.sequence <= sequence)
    }

    /// When the last of the placed writes among the first `sequence` operations was asked for.
    pub(super) fn asked_for(&self, sequence: u64) -> Time {
        self.count(sequence).checked_sub(1).map_or(Time(0), |last| self.latest_invoked[last])
    }

    /// The last placed write of the longest prefix that had been asked for by then.
    pub(super) fn asked_by(&self, time: Time) -> u64 {
        let count = self.latest_invoked.partition_point(|&latest| latest <= time);
        count.checked_sub(1).map_or(0, |last| self.writes[last].sequence)
    }

    /// The sum on an account of the placed writes among the first `sequence` operations.
    pub(super) fn sum(&self, account: AccountId, sequence: u64) -> i64 {
        self.sums_from(account, sequence, sequence).next().unwrap_or(0)
    }

    /// The sums of every prefix from one sequence to another, both included.
    pub(super) fn sums_from(
        &self,
        account: AccountId,
        least: u64,
        most: u64,
    ) -> impl Iterator<Item = i64> + Clone + '_ {
        let sums = self.sums.get(&account).map_or(&[][..], Vec::as_slice);
        let first = sums.partition_point(|&(sequence, _)| sequence <= least);
        let last = sums.partition_point(|&(sequence, _)| sequence <= most.max(least));
        let before = first.checked_sub(1).map_or(0, |position| sums[position].1);
        std::iter::once(before).chain(sums[first..last].iter().map(|&(_, sum)| sum))
    }
}

/// Every write of a history.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub(super) pages: BTreeMap<Origin, PageKnown>,
    /// By branch, in the order of their invocations.
    pub(super) open: BTreeMap<BranchId, Vec<Open>>,
    /// Requests that were answered with two places.
    pub(super) doubles: Vec<(Vec<u64>, u64, [Committed; 2])>,
    /// Places that two requests were given.
    pub(super) shared: Vec<(Origin, u64, [u64; 2])>,
    /// Invocations that ask again for what another asked for: their answer may be older than they are.
    pub(super) again: BTreeSet<u64>,
    /// Branches that came back without their data, and when.
    pub(super) forgot: Vec<(Time, BranchId)>,
}

/// What the tries of one request came to.
struct Fate<'a> {
    first: &'a Invocation,
    ids: Vec<u64>,
    operation: Operation,
    invoked: Time,
    places: Vec<Committed>,
    certain: bool,
    maybe: bool,
}

impl Writes {
    pub(super) fn of(history: &History) -> Self {
        let mut outcomes: BTreeMap<u64, &Outcome> = BTreeMap::new();
        let mut writes = Self::default();
        for Event { at, kind } in &history.events {
            match kind {
                Kind::Completed { id, outcome } => drop(outcomes.insert(*id, outcome)),
                Kind::Restarted { branch, kept: false } => writes.forgot.push((*at, *branch)),
                Kind::Restarted { .. } | Kind::Invoked(_) | Kind::Final { .. } => {}
            }
        }
        let mut fates: Vec<Fate<'_>> = Vec::new();
        let mut named: BTreeMap<(u64, u64, BranchId), usize> = BTreeMap::new();
        for Event { at, kind } in &history.events {
            let Kind::Invoked(invocation) = kind else { continue };
            let Action::Write(operation) = invocation.action else { continue };
            let new = fates.len();
            let name = invocation.request.map(|number| (invocation.client, number, invocation.branch));
            let position = name.map_or(new, |name| *named.entry(name).or_insert(new));
            // The same name with another operation is refused, and is no try of the first.
            if position < new && fates[position].operation != operation {
                continue;
            }
            if position == new {
                let (ids, places) = (Vec::new(), Vec::new());
                fates.push(Fate {
                    first: invocation,
                    ids,
                    operation,
                    invoked: *at,
                    places,
                    certain: false,
                    maybe: false,
                });
            } else {
                writes.again.insert(invocation.id);
            }
            fates[position].take(invocation.id, outcomes.get(&invocation.id).copied());
        }
        for fate in fates {
            writes.sort(fate);
        }
        writes.pages.values_mut().for_each(PageKnown::seal);
        writes.find_shared();
        writes
    }

    fn sort(&mut self, fate: Fate<'_>) {
        let Fate { first, ids, operation, invoked, places, certain, maybe } = fate;
        let Some(&Committed { origin, sequence, .. }) = places.first() else {
            if certain || maybe {
                let open = Open { operation, invoked, certain };
                self.open.entry(first.branch).or_default().push(open);
            }
            return;
        };
        if let Some(other) = places.iter().find(|place| (place.origin, place.sequence) != (origin, sequence)) {
            self.doubles.push((ids, first.client, [places[0], *other]));
        }
        let (id, client, concern) = (first.id, first.client, first.concern);
        self.pages.entry(origin).or_default().writes.push(Placed { id, client, operation, concern, invoked, sequence });
    }

    fn find_shared(&mut self) {
        for (&origin, page) in &self.pages {
            for pair in page.writes.windows(2) {
                if pair[0].sequence == pair[1].sequence {
                    self.shared.push((origin, pair[0].sequence, [pair[0].id, pair[1].id]));
                }
            }
        }
    }

    /// The open writes of a branch that had been asked for by then.
    pub(super) fn open_by(&self, branch: BranchId, time: Time) -> &[Open] {
        let open = self.open.get(&branch).map_or(&[][..], Vec::as_slice);
        &open[..open.partition_point(|open| open.invoked <= time)]
    }

    /// Whether a write may be gone, rightly: enough branches have lost their data since.
    pub(super) fn may_be_lost(&self, origin: Origin, write: &Placed, branches: usize) -> bool {
        let since: BTreeSet<BranchId> =
            self.forgot.iter().filter(|(at, _)| *at >= write.invoked).map(|&(_, branch)| branch).collect();
        since.contains(&origin.branch) && since.len() >= write.concern.replicas(branches)
    }
}

impl Fate<'_> {
    fn take(&mut self, id: u64, outcome: Option<&Outcome>) {
        self.ids.push(id);
        match outcome {
            Some(Outcome::Answered(Answer::Committed(committed))) => self.places.push(*committed),
            Some(Outcome::Answered(Answer::Refused(Refusal::ConcernNotReached { .. }))) => self.certain = true,
            Some(Outcome::Answered(Answer::Refused(refusal))) if refusal.is_definite() => {}
            // An answer of the wrong kind says nothing of the write.
            Some(Outcome::Answered(Answer::Refused(_) | Answer::Queried(_)) | Outcome::Unknown) | None => {
                self.maybe = true;
            }
        }
    }
}
