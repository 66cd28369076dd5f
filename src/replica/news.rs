//! What a step has changed and told, for a driver that keeps a trace. Off by default: then it costs
//! nothing, and nothing gathers.

use crate::types::{AccountId, Committed, Operation, Origin};

/// One thing that happened in a replica.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum News {
    /// A write was committed to the own page.
    Committed {
        /// Whose request it was.
        ticket: u64,
        /// What was written.
        operation: Operation,
        /// Its place, and the balance right after it.
        committed: Committed,
        /// How many operations the replica had counted then.
        known: u64,
    },
    /// A balance was told.
    Queried {
        /// Whose request it was.
        ticket: u64,
        /// Which account.
        account: AccountId,
        /// Its balance.
        balance: i64,
        /// How many operations the replica had counted then.
        known: u64,
    },
    /// A page advanced, and this account with it. Each account that changed has news of its own.
    Joined {
        /// Whose page.
        origin: Origin,
        /// The first operation that was new.
        from: u64,
        /// The last one.
        through: u64,
        /// The account.
        account: AccountId,
        /// By how much its balance changed.
        change: i64,
        /// Its balance after that.
        balance: i64,
        /// How many operations the replica has counted then.
        known: u64,
    },
}

/// An account that a page moved: by how much, and to what.
pub(super) type Moved = (AccountId, i64, i64);

pub(super) fn joined(
    origin: Origin,
    before: u64,
    through: u64,
    known: u64,
    moved: Vec<Moved>,
) -> impl Iterator<Item = News> {
    moved.into_iter().map(move |(account, change, balance)| News::Joined {
        origin,
        from: before + 1,
        through,
        account,
        change,
        balance,
        known,
    })
}
