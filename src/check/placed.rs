//! The writes with a place on a page, as far as customers know it.

use std::collections::BTreeMap;

use super::prefixes::{Prefixes, Stretch};
use crate::types::{AccountId, Concern, MAX_AMOUNT, Operation, OperationKind, Time};

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
    pub(super) latest_invoked: Vec<Time>,
    pub(super) accounts: BTreeMap<AccountId, Entry>,
}

/// One account on a page.
#[derive(Debug)]
pub(super) struct Entry {
    prefixes: Prefixes,
    deposited: u64,
    withdrawn: u64,
}

impl Entry {
    fn new() -> Self {
        Self { prefixes: Prefixes::new(), deposited: 0, withdrawn: 0 }
    }

    pub(super) fn push(&mut self, sequence: u64, operation: Operation) {
        self.prefixes.push(sequence, effect(operation));
        let total = match operation.kind {
            OperationKind::Deposit => &mut self.deposited,
            OperationKind::Withdraw => &mut self.withdrawn,
        };
        *total = total.saturating_add(operation.amount.value());
    }
}

impl PageKnown {
    pub(super) fn seal(&mut self) {
        self.writes.sort_by_key(|write| write.sequence);
        let mut latest = Time(0);
        for write in &self.writes {
            latest = latest.max(write.invoked);
            self.latest_invoked.push(latest);
            let entry = self.accounts.entry(write.operation.account).or_insert_with(Entry::new);
            entry.push(write.sequence, write.operation);
        }
        self.accounts.values_mut().for_each(|entry| entry.prefixes.seal());
    }

    /// The accounts on which more was deposited, or withdrawn, than a page can hold.
    pub(super) fn totals_beyond_bounds(&self) -> impl Iterator<Item = (AccountId, u64)> + '_ {
        let totals = self.accounts.iter().map(|(&account, entry)| (account, entry.deposited.max(entry.withdrawn)));
        totals.filter(|&(_, total)| total > MAX_AMOUNT)
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
        self.accounts.get(&account).map(|entry| entry.prefixes.stretch(least, most))
    }

    /// Which invocation was given this place.
    pub(super) fn id(&self, sequence: u64) -> Option<u64> {
        self.at(sequence).map(|write| write.id)
    }

    /// When what has this place was asked for first.
    pub(super) fn asked(&self, sequence: u64) -> Option<Time> {
        self.at(sequence).map(|write| write.invoked)
    }

    pub(super) fn at(&self, sequence: u64) -> Option<&Placed> {
        let last = self.count(sequence).checked_sub(1)?;
        Some(&self.writes[last]).filter(|write| write.sequence == sequence)
    }
}
