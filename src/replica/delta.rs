//! What of a page is told, and kept: its accounts, what it stands on, and a part of it that was changed.

use crate::types::{AccountId, Origin};

/// One account on a page: totals since the origin began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// Which account.
    pub account: AccountId,
    /// The origin's operation that changed it last.
    pub sequence: u64,
    /// Sum of all deposits, at most [`MAX_AMOUNT`](crate::types::MAX_AMOUNT).
    pub deposited: u64,
    /// Sum of all withdrawals, at most [`MAX_AMOUNT`](crate::types::MAX_AMOUNT).
    pub withdrawn: u64,
}

impl Entry {
    pub(super) fn blank(account: AccountId) -> Self {
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
