//! The kinds of faults, and of customers, that may be drawn.

use crate::types::words;

/// A kind of fault that may be drawn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FaultKind {
    /// Messages are lost.
    Loss,
    /// Messages arrive twice.
    Duplication,
    /// Messages overtake each other.
    Reorder,
    /// Branches cannot reach each other, in one direction or both.
    Partition,
    /// Branches are killed and come back, with their disks or without.
    Crash,
    /// Branches stop for a while.
    Pause,
    /// Branches' messages take longer.
    Slow,
    /// Customers' requests and answers are lost.
    Customers,
    /// Disks go back to an older copy.
    Restore,
    /// Two processes serve a branch, on copies of one disk.
    Clone,
    /// Disks are lost once, and kept later.
    DiskLoss,
    /// Machines fail, and buffered disks lose their last writes.
    PowerFailure,
    /// Disks fail, and their branches refuse.
    DiskFailure,
    /// Customers' requests arrive late and twice, some after their customer gave up.
    LateRequests,
    /// Customers make requests twice, under one name.
    RepeatedRequests,
    /// Customers make requests without a name.
    UnnamedRequests,
    /// Customers have many requests under way at once.
    Pipelining,
    /// Customers who try again name the life of the branch in which they tried before.
    NamedLives,
    /// A customer makes more requests than a branch remembers.
    Flood,
    /// There are more customers than a branch remembers.
    Crowd,
}

impl FaultKind {
    /// Those that every seed draws from, in the order in which it does.
    pub(super) const FIRST: [Self; 8] = [
        Self::Loss,
        Self::Duplication,
        Self::Reorder,
        Self::Partition,
        Self::Crash,
        Self::Pause,
        Self::Slow,
        Self::Customers,
    ];

    /// Those that later seeds draw from too. The others come when they are asked for.
    pub(super) const UNASKED: [Self; 10] = [
        Self::Restore,
        Self::Clone,
        Self::DiskLoss,
        Self::PowerFailure,
        Self::DiskFailure,
        Self::LateRequests,
        Self::RepeatedRequests,
        Self::UnnamedRequests,
        Self::Pipelining,
        Self::NamedLives,
    ];
}

words!(
    FaultKind, "fault":
    Loss = "loss",
    Duplication = "duplication",
    Reorder = "reorder",
    Partition = "partition",
    Crash = "crash",
    Pause = "pause",
    Slow = "slow",
    Customers = "customers",
    Restore = "restore",
    Clone = "clone",
    DiskLoss = "disk-loss",
    PowerFailure = "power-failure",
    DiskFailure = "disk-failure",
    LateRequests = "late-requests",
    RepeatedRequests = "repeated-requests",
    UnnamedRequests = "unnamed-requests",
    Pipelining = "pipelining",
    NamedLives = "named-lives",
    Flood = "flood",
    Crowd = "crowd",
);
