//! Names of things. Each is a newtype, so that none can stand in for another.

use std::{fmt, num::NonZeroU32};

/// A branch: the process that hosts one replica. From 1 to 2^32 - 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BranchId(NonZeroU32);

impl BranchId {
    /// `None` for zero, which protobuf could not tell from a field left out.
    pub const fn new(value: u32) -> Option<Self> {
        match NonZeroU32::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number.
    pub const fn value(self) -> u32 {
        self.0.get()
    }
}

impl fmt::Display for BranchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An account. Every replica holds every account of its bank; 0 is the default one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct AccountId(pub u64);

impl AccountId {
    /// The account that is meant when none is named.
    pub const DEFAULT: Self = Self(0);
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which life of a branch wrote a page. A branch that comes back without its data must take a new
/// incarnation: with its old one and an empty page, every total would be wrong for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Incarnation(pub u64);

/// Who first accepted an operation: one life of one branch. The only writer of its page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Origin {
    /// The branch.
    pub branch: BranchId,
    /// Which of its lives.
    pub incarnation: Incarnation,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.incarnation {
            Incarnation(0) => self.branch.fmt(f),
            Incarnation(incarnation) => write!(f, "{}.{incarnation}", self.branch),
        }
    }
}

/// A customer's program, drawn at random once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ClientId(pub u64);

/// Names a request, so that a retry is recognised.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId {
    /// Whose request.
    pub client: ClientId,
    /// Counts the client's requests from 1.
    pub number: u64,
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of client {:016x}", self.number, self.client.0)
    }
}
