//! What a durable replica keeps on disk, as it is handed to whatever keeps it: a save at a time, and all of it when
//! the branch begins again.

use super::delta::Delta;
use crate::types::{BranchId, ClientId, Committed, Incarnation, Operation, Refusal, RequestId};

/// What became of a named request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Remembered {
    /// Its name.
    pub request: RequestId,
    /// What it asked for.
    pub operation: Operation,
    /// What came of it.
    pub outcome: Result<Committed, Refusal>,
    /// Grows with every answer that the branch remembers: the oldest are forgotten first.
    pub order: u64,
}

/// A change of the table of requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AnswerChange {
    /// A request was decided.
    Remember(Remembered),
    /// An answer is too old: it is forgotten, and on record is that its client's may be, up to this number.
    ForgetRequest(RequestId),
    /// A client has been silent for too long: so is that record, and on record is that there were others.
    ForgetClient(ClientId),
}

/// A life that begins on a disk; or has begun, and has learned of others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Life {
    /// Its number: higher than that of any before.
    pub number: Incarnation,
    /// Whether there may have been lives of the branch whose requests this disk never knew.
    pub had_others: bool,
}

/// One transaction: to be on disk as a whole or not at all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Save {
    /// Counts the saves of this replica from 1.
    pub number: u64,
    /// In the first save of a life: nothing of it is told before this is on disk. Later, if it has learned more.
    pub begins: Option<Life>,
    /// What changed on the pages; each base is what the disk has.
    pub deltas: Vec<Delta>,
    /// What changed in the table of requests, in this order.
    pub answers: Vec<AnswerChange>,
}

/// Everything that a disk has.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Saved {
    /// Whole pages: deltas whose base is 0.
    pub pages: Vec<Delta>,
    /// The table of requests, each client's in the order of their numbers.
    pub answers: Vec<Remembered>,
    /// The own branch's lives that ran on this disk, earliest first.
    pub lives: Vec<Incarnation>,
    /// Whether there may have been others.
    pub had_others: bool,
    /// Of clients: up to which number answers may have been forgotten.
    pub forgotten: Vec<(ClientId, u64)>,
    /// Whether there were clients of which nothing is on record.
    pub forgot_clients: bool,
}

impl Saved {
    /// The latest life of a branch of which something is here.
    pub fn latest_life(&self, branch: BranchId) -> Option<Incarnation> {
        let pages = self.pages.iter().map(|page| page.origin).filter(|origin| origin.branch == branch);
        self.lives.iter().copied().chain(pages.map(|origin| origin.incarnation)).max()
    }
}

/// Where a durable replica keeps what it knows: a database, or a simulation of one.
pub trait Disk {
    /// Why it failed. A disk that failed once is not asked again: the branch stops.
    type Error;

    /// Puts a save on disk, as a whole or not at all.
    ///
    /// # Errors
    /// If it is not certain that the save is on disk.
    fn save(&mut self, save: &Save) -> Result<(), Self::Error>;

    /// Everything that was saved.
    ///
    /// # Errors
    /// If what is there cannot be read, or is not what was saved.
    fn load(&mut self) -> Result<Saved, Self::Error>;
}
