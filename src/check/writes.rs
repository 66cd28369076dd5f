//! The writes of a history, sorted by what is known of them: those with a place on an origin's page,
//! and those that may have happened anywhere on a page of their branch.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Event, History, Invocation, Kind, Outcome,
    floor::Origins,
    prefixes::{Prefixes, Stretch},
};
use crate::types::{
    AccountId, Action, Answer, BranchId, Committed, Concern, Operation, OperationKind, Origin, Refusal, Time, Version,
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
    pub(super) id: u64,
    pub(super) branch: BranchId,
    pub(super) operation: Operation,
    pub(super) invoked: Time,
    /// Whether it was committed for certain, somewhere.
    pub(super) certain: bool,
}

/// What a write adds to a balance.
pub(super) fn effect(operation: Operation) -> i64 {
    let amount = operation.amount.value() as i64;
    match operation.kind {
        OperationKind::Deposit => amount,
        OperationKind::Withdraw => -amount,
    }
}

/// One page, as far as customers know it.
#[derive(Debug, Default)]
pub(super) struct PageKnown {
    /// In the order of their sequences.
    pub(super) writes: Vec<Placed>,
    /// By position in `writes`: the latest invocation so far.
    latest_invoked: Vec<Time>,
    accounts: BTreeMap<AccountId, Prefixes>,
}

impl PageKnown {
    fn seal(&mut self) {
        self.writes.sort_by_key(|write| write.sequence);
        let mut latest = Time(0);
        for write in &self.writes {
            latest = latest.max(write.invoked);
            self.latest_invoked.push(latest);
            let prefixes = self.accounts.entry(write.operation.account).or_insert_with(Prefixes::new);
            prefixes.push(write.sequence, effect(write.operation));
        }
        self.accounts.values_mut().for_each(Prefixes::seal);
    }

    /// How many of the placed writes are within the first `sequence` operations.
    pub(super) fn count(&self, sequence: u64) -> usize {
        // Mostly the place of every write is known, and a sequence is a position.
        let guess = (sequence as usize).min(self.writes.len());
        match guess.checked_sub(1).map(|last| self.writes[last].sequence) {
            Some(last) if last == sequence => guess,
            Some(_) | None => self.writes.partition_point(|write| write.sequence <= sequence),
        }
    }

    /// When the last of the first `count` placed writes was asked for.
    pub(super) fn asked_for(&self, count: usize) -> Time {
        count.checked_sub(1).map_or(Time(0), |last| self.latest_invoked[last])
    }

    /// The last placed write of the longest prefix that had been asked for by then.
    pub(super) fn asked_by(&self, time: Time) -> u64 {
        let count = self.latest_invoked.partition_point(|&latest| latest <= time);
        count.checked_sub(1).map_or(0, |last| self.writes[last].sequence)
    }

    /// The sums on an account of every prefix from one sequence to another, both included; `None`: the
    /// page has no write on it.
    pub(super) fn stretch(&self, account: AccountId, least: u64, most: u64) -> Option<Stretch<'_>> {
        self.accounts.get(&account).map(|prefixes| prefixes.stretch(least, most))
    }

    /// Which invocation was given this place.
    pub(super) fn id(&self, sequence: u64) -> Option<u64> {
        let last = self.count(sequence).checked_sub(1)?;
        Some(&self.writes[last]).filter(|write| write.sequence == sequence).map(|write| write.id)
    }
}

/// Every write of a history.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub(super) origins: Origins,
    /// Of each origin, in the same order.
    pub(super) pages: Vec<PageKnown>,
    /// By branch, in the order of their invocations.
    pub(super) open: BTreeMap<BranchId, Vec<Open>>,
    /// The same of all branches, by account, in the order of their invocations.
    open_on: BTreeMap<AccountId, OpenOn>,
    /// Requests that were answered with two places.
    pub(super) doubles: Vec<(Vec<u64>, u64, [Committed; 2])>,
    /// Places that two requests were given.
    pub(super) shared: Vec<(Origin, u64, [u64; 2])>,
    /// Invocations that ask again for what another asked for: their answer may be older than they are.
    pub(super) again: BTreeSet<u64>,
    /// Branches that came back without their data, and when.
    pub(super) forgot: Vec<(Time, BranchId)>,
}

/// The open writes on one account.
#[derive(Debug, Default)]
struct OpenOn {
    open: Vec<Open>,
    /// After each: the least and the greatest sum, if the certain ones may be left out, and if not.
    bounds: Vec<[(i64, i64); 2]>,
}

impl OpenOn {
    fn push(&mut self, open: Open) {
        let [loose, strict] = self.bounds.last().copied().unwrap_or_default();
        let effect = effect(open.operation);
        let maybe = |(least, most): (i64, i64)| (least + effect.min(0), most + effect.max(0));
        let surely = |(least, most): (i64, i64)| (least + effect, most + effect);
        self.bounds.push([maybe(loose), if open.certain { surely(strict) } else { maybe(strict) }]);
        self.open.push(open);
    }

    fn by(&self, time: Time, strictly: bool) -> (&[Open], (i64, i64)) {
        let count = self.open.partition_point(|open| open.invoked <= time);
        let bounds = count.checked_sub(1).map_or([(0, 0); 2], |last| self.bounds[last]);
        (&self.open[..count], bounds[usize::from(strictly)])
    }
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
        let mut writes = Self { origins: Origins::of(history), ..Self::default() };
        writes.pages.resize_with(writes.origins.len(), PageKnown::default);
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
        writes.pages.iter_mut().for_each(PageKnown::seal);
        writes.find_shared();
        writes.sort_open();
        writes
    }

    fn sort(&mut self, fate: Fate<'_>) {
        let Fate { first, ids, operation, invoked, places, certain, maybe } = fate;
        let Some(&Committed { origin, sequence, .. }) = places.first() else {
            if certain || maybe {
                let (id, branch) = (first.id, first.branch);
                let open = Open { id, branch, operation, invoked, certain };
                self.open.entry(branch).or_default().push(open);
            }
            return;
        };
        if let Some(other) = places.iter().find(|place| (place.origin, place.sequence) != (origin, sequence)) {
            self.doubles.push((ids, first.client, [places[0], *other]));
        }
        let (id, client, concern) = (first.id, first.client, first.concern);
        if let Some(index) = self.origins.find(origin) {
            self.pages[index].writes.push(Placed { id, client, operation, concern, invoked, sequence });
        }
    }

    fn find_shared(&mut self) {
        for (origin, page) in self.origins.iter().zip(&self.pages) {
            for pair in page.writes.windows(2) {
                if pair[0].sequence == pair[1].sequence {
                    self.shared.push((origin, pair[0].sequence, [pair[0].id, pair[1].id]));
                }
            }
        }
    }

    fn sort_open(&mut self) {
        let mut all: Vec<Open> = self.open.values().flatten().copied().collect();
        all.sort_by_key(|open| open.invoked);
        for open in all {
            self.open_on.entry(open.operation.account).or_default().push(open);
        }
    }

    /// The open writes on an account that had been asked for by then, and the least and the greatest
    /// sum of them; `strictly`: those that certainly were committed count.
    pub(super) fn open_on(&self, account: AccountId, time: Time, strictly: bool) -> (&[Open], (i64, i64)) {
        self.open_on.get(&account).map_or((&[], (0, 0)), |open| open.by(time, strictly))
    }

    pub(super) fn page(&self, origin: Origin) -> Option<&PageKnown> {
        self.origins.find(origin).map(|index| &self.pages[index])
    }

    /// Whether a version counts operations of a branch that nobody was told the place of.
    pub(super) fn is_short_of(&self, version: &Version, branch: BranchId) -> bool {
        let lives = version.iter().filter(|(origin, _)| origin.branch == branch);
        lives.into_iter().any(|(origin, sequence)| {
            let placed = self.origins.find(origin).map_or(0, |index| self.pages[index].count(sequence));
            (placed as u64) < sequence
        })
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
