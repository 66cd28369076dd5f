//! What a step has changed and told, for a driver that keeps a trace. Off by default: then it costs
//! nothing, and nothing gathers.

use super::Replica;
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

impl Replica {
    /// Lets news gather from now on. It begins with what is there already, page by page, as if it had
    /// just been joined: what a disk had.
    pub fn watch(&mut self) {
        let mut known = 0;
        let mut news = Vec::new();
        for (page, moved) in self.ledger.watch() {
            known += page.1;
            news.extend(joined(page.0, 0, page.1, known, moved));
        }
        self.news = Some(news);
    }

    /// What has gathered, oldest first.
    pub fn news(&mut self) -> impl Iterator<Item = News> + '_ {
        self.news.iter_mut().flat_map(|news| news.drain(..))
    }

    /// Notes what a page moved when it advanced from `before`.
    pub(super) fn note_joined(&mut self, origin: Origin, before: u64) {
        if let Some(news) = &mut self.news {
            let (sequence, known) = (self.ledger.sequence(origin), self.ledger.operations());
            news.extend(joined(origin, before, sequence, known, self.ledger.take_moved()));
        }
    }

    pub(super) fn note(&mut self, make: impl FnOnce(&Self) -> News) {
        if self.news.is_some() {
            let made = make(self);
            self.news.iter_mut().for_each(|news| news.push(made));
        }
    }
}

fn joined(origin: Origin, before: u64, through: u64, known: u64, moved: Vec<Moved>) -> impl Iterator<Item = News> {
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
