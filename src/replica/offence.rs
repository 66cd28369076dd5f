//! What a peer within the protocol can get wrong. Such a message is refused whole or in part, never
//! half applied; the driver logs it and closes the link.

use std::fmt;

use crate::types::{AccountId, Origin};

/// Why a peer's message was refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PeerOffence {
    /// The origin's branch is not one of this bank's.
    UnknownOrigin {
        /// The origin named.
        origin: Origin,
    },
    /// The account is not one of this bank's.
    UnknownAccount {
        /// On whose page.
        origin: Origin,
        /// The account named.
        account: AccountId,
    },
    /// An origin's totals grow with every operation; these did not.
    ShrunkTotals {
        /// On whose page.
        origin: Origin,
        /// Of which account.
        account: AccountId,
    },
    /// One sequence came with two contents.
    TwoContents {
        /// On whose page.
        origin: Origin,
        /// Which sequence.
        sequence: u64,
        /// Of which account.
        account: AccountId,
    },
    /// A peer knows more of this branch's own page than the branch wrote: the branch has come back
    /// with its old incarnation and without its data.
    OwnPage {
        /// The sequence claimed.
        claimed: u64,
        /// The sequence written.
        written: u64,
    },
    /// The bank cannot hold another origin.
    TooManyOrigins {
        /// The one too many.
        origin: Origin,
    },
    /// The delta cannot come from any page.
    Malformed {
        /// On whose page.
        origin: Origin,
        /// What is wrong with it.
        reason: &'static str,
    },
}

impl fmt::Display for PeerOffence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOrigin { origin } => write!(f, "origin {origin} is no branch of this bank"),
            Self::UnknownAccount { origin, account } => {
                write!(f, "page {origin} names account {account}, which this bank does not have")
            }
            Self::ShrunkTotals { origin, account } => {
                write!(f, "page {origin}: the totals of account {account} shrank while its sequence grew")
            }
            Self::TwoContents { origin, sequence, account } => {
                write!(f, "page {origin}: sequence {sequence} of account {account} came with two contents")
            }
            Self::OwnPage { claimed, written } => write!(
                f,
                "a peer has this branch's own page up to {claimed}, but only {written} were written: take a new incarnation"
            ),
            Self::TooManyOrigins { origin } => write!(f, "origin {origin} is one more than a bank can hold"),
            Self::Malformed { origin, reason } => write!(f, "the delta of page {origin} is malformed: {reason}"),
        }
    }
}

impl std::error::Error for PeerOffence {}
