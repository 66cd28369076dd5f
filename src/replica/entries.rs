//! The accounts of one page, by id and in the order of their last change, and what the page stands on. A bank
//! of many branches has many pages of few accounts that stand on nothing: those are one short list. What only
//! others need is kept out of their way, for what a page takes decides how fast a replica looks through them.

use std::collections::BTreeMap;

use super::delta::{Entry, Past};
use crate::types::AccountId;

/// Up to this many accounts, to look at each is quicker than to keep an index.
const FEW: usize = 8;

/// Invariant: each account once, each with a sequence of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Entries {
    /// In the order in which they came here.
    rows: Vec<Entry>,
    rare: Option<Box<Rare>>,
}

/// What few pages have.
#[derive(Clone, Debug, Default)]
struct Rare {
    /// Where the accounts stand; `None` while they are few.
    index: Option<Index>,
    past: Vec<Past>,
}

#[derive(Clone, Debug, Default)]
struct Index {
    accounts: BTreeMap<AccountId, usize>,
    /// By the sequence of the last change.
    changes: BTreeMap<u64, usize>,
}

impl Entries {
    pub(super) fn get(&self, account: AccountId) -> Option<&Entry> {
        self.position(account).map(|position| &self.rows[position])
    }

    fn index(&self) -> Option<&Index> {
        self.rare.as_ref().and_then(|rare| rare.index.as_ref())
    }

    /// What the page stands on.
    pub(super) fn past(&self) -> &[Past] {
        self.rare.as_ref().map_or(&[], |rare| &rare.past)
    }

    pub(super) fn past_mut(&mut self) -> &mut Vec<Past> {
        &mut self.rare.get_or_insert_default().past
    }

    /// How many accounts it has.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    fn position(&self, account: AccountId) -> Option<usize> {
        match self.index() {
            None => self.rows.iter().position(|row| row.account == account),
            Some(index) => index.accounts.get(&account).copied(),
        }
    }

    /// Puts an entry in the place of its account's earlier one.
    pub(super) fn put(&mut self, entry: Entry) {
        let known = self.position(entry.account);
        let position = known.unwrap_or(self.rows.len());
        let earlier = known.map(|position| std::mem::replace(&mut self.rows[position], entry));
        if earlier.is_none() {
            if self.rows.is_empty() {
                // Most pages stay at one.
                self.rows.reserve_exact(1);
            }
            self.rows.push(entry);
        }
        if let Some(index) = self.rare.as_mut().and_then(|rare| rare.index.as_mut()) {
            if let Some(earlier) = earlier {
                index.changes.remove(&earlier.sequence);
            }
            index.accounts.insert(entry.account, position);
            index.changes.insert(entry.sequence, position);
        } else if self.rows.len() > FEW {
            let rows = || self.rows.iter().enumerate();
            let accounts = rows().map(|(position, row)| (row.account, position)).collect();
            let changes = rows().map(|(position, row)| (row.sequence, position)).collect();
            self.rare.get_or_insert_default().index = Some(Index { accounts, changes });
        }
    }

    /// The entries that changed after `base`, oldest change first.
    pub(super) fn changed_after(&self, base: u64) -> Vec<Entry> {
        match self.index() {
            None => {
                // Of the right size at once: there are many.
                let mut changed = Vec::with_capacity(self.count_after(base));
                changed.extend(self.rows.iter().filter(|row| row.sequence > base));
                changed.sort_unstable_by_key(|row: &Entry| row.sequence);
                changed
            }
            Some(index) => index.changes.range(base + 1..).map(|(_, &position)| self.rows[position]).collect(),
        }
    }

    /// How many changed after `base`.
    pub(super) fn count_after(&self, base: u64) -> usize {
        match self.index() {
            None => self.rows.iter().filter(|row| row.sequence > base).count(),
            Some(index) => index.changes.range(base + 1..).count(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.rows.iter()
    }

    /// Whether the index says what the rows say, and no two rows are of one account or one change.
    pub(super) fn is_consistent(&self) -> bool {
        let Some(index) = self.index() else {
            let differ = |(position, row): (usize, &Entry)| {
                self.rows[..position].iter().all(|other| other.account != row.account && other.sequence != row.sequence)
            };
            return self.rows.len() <= FEW && self.rows.iter().enumerate().all(differ);
        };
        let is_indexed = |(position, row): (usize, &Entry)| {
            index.accounts.get(&row.account) == Some(&position) && index.changes.get(&row.sequence) == Some(&position)
        };
        let count = self.rows.len();
        (index.accounts.len(), index.changes.len()) == (count, count) && self.rows.iter().enumerate().all(is_indexed)
    }
}
