//! One origin's page: cumulative totals per account, which only that origin writes. A later page
//! contains every earlier one, so any order, loss or repetition of deltas gives the same page.

use std::collections::BTreeSet;

use super::{PeerFault, entries::Entries};
use crate::types::{AccountId, MAX_AMOUNT, Operation, OperationKind, Origin, Refusal};

/// The highest sequence that a peer may claim: out of reach, and sums over all origins fit a `u64`.
pub(super) const MAX_SEQUENCE: u64 = 1 << 48;

/// One account on a page: totals since the origin began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Which account.
    pub account: AccountId,
    /// The origin's operation that changed it last.
    pub sequence: u64,
    /// Sum of all deposits, at most [`MAX_AMOUNT`].
    pub deposited: u64,
    /// Sum of all withdrawals, at most [`MAX_AMOUNT`].
    pub withdrawn: u64,
}

impl Entry {
    fn blank(account: AccountId) -> Self {
        Self { account, sequence: 0, deposited: 0, withdrawn: 0 }
    }

    pub(super) fn net(&self) -> i64 {
        // Both totals are at most 2^48 - 1.
        self.deposited as i64 - self.withdrawn as i64
    }
}

/// What a page stands on: whoever has its operation `from` has `origin`'s page up to `sequence` too. So a life
/// names the earlier lives of its branch, and a version need not list them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Past {
    /// From this operation of the page on.
    pub from: u64,
    /// An earlier life of the page's branch.
    pub origin: Origin,
    /// Up to where, at least 1.
    pub sequence: u64,
}

impl Past {
    /// What it is about: a page has one of each, in this order.
    pub(super) fn key(&self) -> (u64, Origin) {
        (self.from, self.origin)
    }
}

/// What one origin changed after `base` and up to `sequence`.
///
/// Invariant: holds an entry for every account that changed in between; otherwise a receiver would
/// claim to have what it lacks. So for every [`Past`] that began in between.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Delta {
    /// Whose page.
    pub origin: Origin,
    /// The receiver must have the page up to here.
    pub base: u64,
    /// The receiver then has it up to here.
    pub sequence: u64,
    /// The accounts that changed, each once.
    pub entries: Vec<Entry>,
    /// The origin wants receipts up to here; 0: none.
    pub confirm_through: u64,
    /// What the page stands on since then, in the order of `from`, then of the origin.
    pub past: Vec<Past>,
}

/// What joining a delta did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Joined {
    /// The page moved on, or its origin's wish for receipts did.
    Advanced,
    /// Nothing new.
    Known,
    /// Something between the page and the delta is missing, or something that the page stands on: nothing was
    /// changed.
    Gap,
}

/// A page as one replica has it.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) origin: Origin,
    /// Every operation up to here is counted.
    pub(super) sequence: u64,
    pub(super) confirm_through: u64,
    /// The own page may stand on some that begin with its next operation.
    entries: Entries,
}

impl Page {
    pub(super) fn new(origin: Origin) -> Self {
        Self { origin, sequence: 0, confirm_through: 0, entries: Entries::default() }
    }

    /// From its next operation on, the page stands on that one too.
    pub(super) fn stand_on(&mut self, origin: Origin, sequence: u64) {
        let from = self.sequence + 1;
        let past = self.entries.past_mut();
        past.retain(|past| past.key() != (from, origin));
        // One order, whoever tells it: a page is compared, and a disk does not keep the order in which pages came.
        let place = past.partition_point(|past| past.key() < (from, origin));
        past.insert(place, Past { from, origin, sequence });
    }

    pub(super) fn has_past(&self) -> bool {
        !self.entries.past().is_empty()
    }

    /// What it stands on as it is now, of what began after operation `base`.
    pub(super) fn past_after(&self, base: u64) -> impl Iterator<Item = Past> + '_ {
        self.entries.past().iter().copied().filter(move |past| base < past.from && past.from <= self.sequence)
    }

    /// Counts an operation of the origin itself. Refuses what would pass the limit of a total. Returns whether
    /// the page stands on something since this operation, or begins with it.
    pub(super) fn commit(&mut self, operation: Operation) -> Result<bool, Refusal> {
        let mut entry = self.entry(operation.account);
        let total = match operation.kind {
            OperationKind::Deposit => &mut entry.deposited,
            OperationKind::Withdraw => &mut entry.withdrawn,
        };
        let sum = *total + operation.amount.value();
        if sum > MAX_AMOUNT {
            return Err(Refusal::TotalLimit { total: *total, requested: operation.amount });
        }
        *total = sum;
        self.sequence += 1;
        entry.sequence = self.sequence;
        self.entries.put(entry);
        Ok(self.sequence == 1 || self.entries.past().last().is_some_and(|past| past.from == self.sequence))
    }

    /// What is counted of an account so far.
    fn entry(&self, account: AccountId) -> Entry {
        self.entries.get(account).copied().unwrap_or(Entry::blank(account))
    }

    /// What changed after `base`.
    pub(super) fn delta(&self, base: u64) -> Delta {
        Delta {
            origin: self.origin,
            base,
            sequence: self.sequence,
            entries: self.entries.changed_after(base),
            confirm_through: self.confirm_through,
            past: self.past_after(base).collect(),
        }
    }

    /// How many entries [`Page::delta`] would hold.
    pub(super) fn changed_since(&self, base: u64) -> usize {
        match self.entries.len() {
            // Of most pages, without a look at it: its last change is the page's.
            1 => usize::from(base < self.sequence),
            _ => self.entries.count_after(base),
        }
    }

    /// The delta that one plain operation amounts to, for a peer that sends no totals.
    pub(super) fn delta_of(&self, sequence: u64, operation: Operation) -> Delta {
        let mut entry = self.entry(operation.account);
        entry.sequence = sequence;
        match operation.kind {
            OperationKind::Deposit => entry.deposited += operation.amount.value(),
            OperationKind::Withdraw => entry.withdrawn += operation.amount.value(),
        }
        let (origin, base, past) = (self.origin, sequence - 1, Vec::new());
        Delta { origin, base, sequence, entries: vec![entry], confirm_through: 0, past }
    }

    /// Takes what is new in `delta`, whole or not at all; hands each account's change of balance to
    /// `moved`.
    pub(super) fn join(&mut self, delta: &Delta, mut moved: impl FnMut(AccountId, i64)) -> Result<Joined, PeerFault> {
        if delta.sequence < self.sequence {
            return Ok(Joined::Known);
        }
        if delta.base > self.sequence {
            return Ok(Joined::Gap);
        }
        self.judge(delta)?;
        if (delta.sequence, delta.confirm_through.max(self.confirm_through)) == (self.sequence, self.confirm_through) {
            return Ok(Joined::Known);
        }
        self.confirm_through = self.confirm_through.max(delta.confirm_through);
        if !delta.past.is_empty() {
            self.entries.past_mut().extend(delta.past.iter().filter(|past| past.from > self.sequence));
        }
        for entry in &delta.entries {
            let mine = self.entry(entry.account);
            if entry.sequence > mine.sequence {
                moved(entry.account, entry.net() - mine.net());
                self.entries.put(*entry);
            }
        }
        self.sequence = delta.sequence;
        Ok(Joined::Advanced)
    }

    /// Holds a delta against what is known: an origin's totals only grow, and one sequence has one
    /// content. What this page has counted after the delta's base must all be in it, as it is here.
    fn judge(&self, delta: &Delta) -> Result<(), PeerFault> {
        let two_contents = |sequence, account| PeerFault::TwoContents { origin: self.origin, sequence, account };
        let mut shared = 0;
        for entry in &delta.entries {
            let account = entry.account;
            let mine = self.entry(account);
            shared += usize::from(mine.sequence > delta.base);
            let grown = entry.deposited >= mine.deposited
                && entry.withdrawn >= mine.withdrawn
                && (entry.deposited, entry.withdrawn) != (mine.deposited, mine.withdrawn);
            if entry.sequence <= self.sequence && *entry != mine {
                return Err(two_contents(entry.sequence, account));
            }
            if entry.sequence > self.sequence && !grown {
                return Err(PeerFault::ShrunkTotals { origin: self.origin, account });
            }
        }
        if shared < self.entries.count_after(delta.base) {
            let told: BTreeSet<AccountId> = delta.entries.iter().map(|entry| entry.account).collect();
            let counted = self.entries.changed_after(delta.base);
            let missing = counted.iter().find(|entry| !told.contains(&entry.account));
            return missing.map_or(Ok(()), |entry| Err(two_contents(entry.sequence, entry.account)));
        }
        if delta.past.is_empty() && !self.has_past() {
            return Ok(());
        }
        let told = delta.past.iter().filter(|past| past.from <= self.sequence);
        if !told.copied().eq(self.past_after(delta.base)) {
            return Err(PeerFault::Malformed {
                origin: self.origin,
                reason: "it stands on something else than before",
            });
        }
        Ok(())
    }

    /// What it adds to an account.
    pub(super) fn net(&self, account: AccountId) -> i64 {
        self.entries.get(account).map_or(0, Entry::net)
    }

    /// Every account's net change, for the invariants.
    pub(super) fn nets(&self) -> impl Iterator<Item = (AccountId, i64)> + '_ {
        self.entries.iter().map(|entry| (entry.account, entry.net()))
    }

    /// Whether it ends with its last change, and its index and its entries tell the same story.
    pub(super) fn is_consistent(&self) -> bool {
        self.entries.is_consistent()
            && self.entries.iter().map(|entry| entry.sequence).max().unwrap_or(0) == self.sequence
            && self.confirm_through <= self.sequence
    }
}
