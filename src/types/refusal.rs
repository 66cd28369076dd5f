//! Refusals: answers, not failures. Each says whether the request may have happened.

use std::fmt;

use super::{AccountId, Amount, AmountError, Concern, MAX_AMOUNT, Origin, RequestId};

/// Why a branch did not do what was asked, or cannot promise it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The amount is zero or above [`MAX_AMOUNT`].
    InvalidAmount {
        /// What was asked for.
        requested: u64,
    },
    /// The bank has no such account.
    UnknownAccount {
        /// The account asked for.
        account: AccountId,
    },
    /// This branch sees less money than was asked for.
    InsufficientFunds {
        /// What it sees.
        available: i64,
        /// What was asked for.
        requested: Amount,
    },
    /// The branch's own total for the account would pass [`MAX_AMOUNT`].
    TotalLimit {
        /// The total so far.
        total: u64,
        /// What was asked for.
        requested: Amount,
    },
    /// The request's id was used before, for something else.
    RequestConflict {
        /// The id.
        request: RequestId,
    },
    /// The branch no longer remembers whether it executed this request.
    RequestExpired {
        /// The id.
        request: RequestId,
    },
    /// Too many requests wait here already.
    Overloaded {
        /// How many may wait.
        limit: usize,
    },
    /// The wait ended before the replica had reached the version asked for.
    VersionNotReached,
    /// The version asked for names a write that is lost: its branch has begun anew without it, and no branch has it.
    VersionLost {
        /// In which life of which branch it was written.
        origin: Origin,
        /// The last operation of that life which any branch has.
        most: u64,
    },
    /// The write is committed here, but the wait ended before enough replicas were known to have it.
    ConcernNotReached {
        /// What was asked for.
        concern: Concern,
        /// How many replicas are known to have it.
        reached: usize,
        /// How many were needed.
        needed: usize,
    },
}

impl Refusal {
    /// True: the request did not happen, whatever comes. False: it may have happened, or will.
    pub fn is_definite(&self) -> bool {
        match self {
            Self::InvalidAmount { .. }
            | Self::UnknownAccount { .. }
            | Self::InsufficientFunds { .. }
            | Self::TotalLimit { .. }
            | Self::RequestConflict { .. }
            | Self::Overloaded { .. }
            | Self::VersionNotReached
            | Self::VersionLost { .. } => true,
            Self::RequestExpired { .. } | Self::ConcernNotReached { .. } => false,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidAmount { requested } => AmountError { value: *requested }.fmt(f),
            Self::UnknownAccount { account } => {
                write!(f, "account {account} does not exist: name one of the bank's accounts")
            }
            Self::InsufficientFunds { available, requested } => {
                write!(f, "insufficient funds: {requested} requested, {available} available at this branch")
            }
            Self::TotalLimit { total, requested } => write!(
                f,
                "total limit: {requested} requested on top of {total}, a branch's total for an account ends at {MAX_AMOUNT}"
            ),
            Self::RequestConflict { request } => {
                write!(f, "request {request} was made before for something else: give each request its own number")
            }
            Self::RequestExpired { request } => {
                write!(f, "request {request} is too old to tell whether it was executed: query before trying again")
            }
            Self::Overloaded { limit } => write!(f, "{limit} requests wait at this branch already: try again later"),
            Self::VersionNotReached => {
                write!(f, "this branch did not reach the requested version in time: nothing was done")
            }
            Self::VersionLost { origin, most } => write!(
                f,
                "branch {} has lost what the requested version names: no branch has more than {most} operations of its life {}, and nothing was done; \
                 ask without that version",
                origin.branch, origin.incarnation.0
            ),
            Self::ConcernNotReached { concern, reached, needed } => write!(
                f,
                "committed at this branch, but concern {concern} was not reached in time: {reached} of {needed} replicas have it so far"
            ),
        }
    }
}

impl std::error::Error for Refusal {}
