//! What a ledger takes from a peer or a disk, and what must hold in it.

use super::{
    delta::{Delta, Past},
    ledger::{Ledger, MAX_BALANCE},
    offence::PeerOffence,
    page::{MAX_SEQUENCE, PageIndex},
};
use crate::types::{AccountId, MAX_AMOUNT};

impl Ledger {
    /// What can be said of a delta without looking at its page.
    pub(super) fn judge(&self, delta: &Delta) -> Result<(), PeerOffence> {
        let malformed = |reason| Err(PeerOffence::Malformed { origin: delta.origin, reason });
        if delta.base > delta.sequence || delta.confirm_through > delta.sequence {
            return malformed("it ends before it begins");
        }
        if delta.sequence > MAX_SEQUENCE {
            return malformed("its sequence is above any limit");
        }
        if delta.sequence > delta.base && delta.entries.iter().all(|entry| entry.sequence != delta.sequence) {
            return malformed("no entry is of its last operation");
        }
        for (position, entry) in delta.entries.iter().enumerate() {
            if !self.openings.contains_key(&entry.account) {
                return Err(PeerOffence::UnknownAccount { origin: delta.origin, account: entry.account });
            }
            if entry.sequence <= delta.base || entry.sequence > delta.sequence {
                return malformed("an entry's sequence is out of its range");
            }
            if entry.deposited > MAX_AMOUNT || entry.withdrawn > MAX_AMOUNT {
                return malformed("a total is above its limit");
            }
            if position > 0 && delta.entries[position - 1].sequence >= entry.sequence {
                return malformed("its entries are out of order");
            }
        }
        let is_past = |past: &Past| {
            past.origin.branch == delta.origin.branch
                && past.origin < delta.origin
                && past.sequence > 0
                && delta.base < past.from
                && past.from <= delta.sequence
        };
        if !delta.past.iter().all(is_past) || !delta.past.is_sorted_by(|one, next| one.key() < next.key()) {
            return malformed("it stands on what cannot be its past");
        }
        if delta.entries.len() > 1 {
            let mut accounts: Vec<AccountId> = delta.entries.iter().map(|entry| entry.account).collect();
            accounts.sort_unstable();
            if accounts.windows(2).any(|pair| pair[0] == pair[1]) {
                return malformed("it has two entries of one account");
            }
        }
        Ok(())
    }

    /// Of a bank that has had very many lives: whether the balances still fit.
    pub(super) fn judge_balances(&self, known: Option<PageIndex>, delta: &Delta) -> Result<(), PeerOffence> {
        for entry in &delta.entries {
            let before = known.map_or(0, |index| self.pages[index].net(entry.account));
            let balance = self.balances.get(&entry.account).copied().unwrap_or(0);
            let after = i128::from(balance) + i128::from(entry.net()) - i128::from(before);
            if after.unsigned_abs() > MAX_BALANCE.unsigned_abs().into() {
                return Err(PeerOffence::Malformed { origin: delta.origin, reason: "a balance would pass its limit" });
            }
        }
        Ok(())
    }

    /// Checks what must hold in every state.
    pub(super) fn invariants(&self) -> Result<(), String> {
        let mut balances = self.openings.clone();
        for page in &self.pages {
            if !page.is_consistent() {
                return Err(format!("page {} disagrees with itself: {page:?}", page.origin));
            }
            for (account, net) in page.nets() {
                *balances.entry(account).or_default() += net;
            }
        }
        if balances != self.balances {
            return Err(format!("balances {:?} do not follow from the pages, {balances:?} do", self.balances));
        }
        let operations: u64 = self.pages.iter().map(|page| page.sequence).sum();
        if operations != self.operations {
            return Err(format!("{} operations are counted, but the pages have {operations}", self.operations));
        }
        self.changes.invariants()?;
        let mut with_past = self.pages.iter().filter(|page| page.has_past());
        if let Some(page) = with_past.find(|page| !self.is_closed(page.past_after(0))) {
            return Err(format!("page {} stands on what is not here", page.origin));
        }
        let is_listed = |&index: &PageIndex| self.pages[index].sequence > self.covered[index];
        if !(0..self.pages.len()).filter(is_listed).eq(self.uncovered.iter().copied()) {
            return Err("a page is listed that others stand on, or one is not listed that none does".to_owned());
        }
        let found = self.pages.iter().enumerate().all(|(index, page)| self.find(page.origin) == Some(index));
        if found { Ok(()) } else { Err("a page is not found where it is".to_owned()) }
    }
}
