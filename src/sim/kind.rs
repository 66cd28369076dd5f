//! The kinds of faults, and of customers, that may be drawn.

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
    /// Every kind, with its name.
    pub const ALL: [(Self, &'static str); 20] = [
        (Self::Loss, "loss"),
        (Self::Duplication, "duplication"),
        (Self::Reorder, "reorder"),
        (Self::Partition, "partition"),
        (Self::Crash, "crash"),
        (Self::Pause, "pause"),
        (Self::Slow, "slow"),
        (Self::Customers, "customers"),
        (Self::Restore, "restore"),
        (Self::Clone, "clone"),
        (Self::DiskLoss, "disk-loss"),
        (Self::PowerFailure, "power-failure"),
        (Self::DiskFailure, "disk-failure"),
        (Self::LateRequests, "late-requests"),
        (Self::RepeatedRequests, "repeated-requests"),
        (Self::UnnamedRequests, "unnamed-requests"),
        (Self::Pipelining, "pipelining"),
        (Self::NamedLives, "named-lives"),
        (Self::Flood, "flood"),
        (Self::Crowd, "crowd"),
    ];

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

impl std::str::FromStr for FaultKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|(_, name)| *name == text).map(|(kind, _)| kind).ok_or_else(|| {
            let names = Self::ALL.map(|(_, name)| name).join(", ");
            format!("unknown fault {text:?}: give one of {names}")
        })
    }
}
