//! Why a customer has no answer it likes.

use std::{fmt, time::Duration};

use crate::types::Refusal;

/// A request that was refused, or that got no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CustomerError {
    /// The branch answered, with a refusal.
    Refused(Refusal),
    /// The branch did not answer in time. A write may have happened if `sent`.
    Deadline {
        /// "host:port".
        address: String,
        /// How long was waited.
        waited: Duration,
        /// Whether the request may have reached the branch.
        sent: bool,
    },
    /// The branch cannot be reached, and retrying did not help.
    Unreachable {
        /// "host:port".
        address: String,
        /// The last failure.
        reason: String,
        /// Whether the request may have reached the branch: a write may have happened.
        sent: bool,
    },
    /// The branch rejected the call or answered what makes no sense.
    Protocol {
        /// "host:port".
        address: String,
        /// What was wrong.
        reason: String,
    },
}

impl CustomerError {
    /// Whether a write that failed like this may have been counted.
    pub fn may_have_happened(&self) -> bool {
        match self {
            Self::Refused(refusal) => !refusal.is_definite(),
            Self::Deadline { sent, .. } | Self::Unreachable { sent, .. } => *sent,
            Self::Protocol { .. } => true,
        }
    }
}

impl fmt::Display for CustomerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = |sent: &bool| if *sent { "; a write may have happened" } else { "; nothing happened" };
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Deadline { address, waited, sent } => {
                write!(f, "branch at {address} did not answer within {waited:?}{}", fate(sent))
            }
            Self::Unreachable { address, reason, sent } => {
                write!(f, "branch at {address} cannot be reached: {reason}{}", fate(sent))
            }
            Self::Protocol { address, reason } => write!(f, "branch at {address}: {reason}"),
        }
    }
}

impl std::error::Error for CustomerError {}
