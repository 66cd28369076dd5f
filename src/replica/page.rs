//! One origin's page: cumulative totals per account, which only that origin writes. A later page
//! contains every earlier one, so any order, loss or repetition of deltas gives the same page.

use std::collections::BTreeSet;

use super::{
    delta::{Delta, Entry, Past},
    entries::Entries,
    offence::PeerOffence,
};
use crate::types::{AccountId, MAX_AMOUNT, Operation, OperationKind, Origin, Refusal};

/// The highest sequence that a peer may claim: out of reach, and sums over all origins fit a `u64`.
pub(super) const MAX_SEQUENCE: u64 = 1 << 48;

/// A page's place in its ledger.
pub(super) type PageIndex = usize;

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
    pub(super) fn join(&mut self, delta: &Delta, mut moved: impl FnMut(AccountId, i64)) -> Result<Joined, PeerOffence> {
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
    fn judge(&self, delta: &Delta) -> Result<(), PeerOffence> {
        let two_contents = |sequence, account| PeerOffence::TwoContents { origin: self.origin, sequence, account };
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
                return Err(PeerOffence::ShrunkTotals { origin: self.origin, account });
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
            return Err(PeerOffence::Malformed {
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
