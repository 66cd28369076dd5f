//! Why a customer has no answer it likes.

use std::{fmt, time::Duration};

use crate::types::{Refusal, Version};

/// How many origins of a version a message names.
const ORIGINS_SHOWN: usize = 8;

/// A request that was refused, or that got no answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CustomerError {
    /// The branch answered, with a refusal.
    Refused(Refusal),
    /// The branch had not seen as much as was asked for in time, and did nothing.
    Behind {
        /// "host:port".
        address: String,
        /// What was asked for.
        at_least: Version,
        /// How long it was given.
        waited: Duration,
    },
    /// The branch's bank was closed.
    Closed {
        /// "host:port".
        address: String,
        /// Whether the request may have reached the branch before: a write may have happened.
        sent: bool,
    },
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
        /// For how long a connection was tried, if the end of that time is why there is none.
        tried: Option<Duration>,
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
            Self::Behind { .. } => false,
            Self::Closed { sent, .. } | Self::Deadline { sent, .. } | Self::Unreachable { sent, .. } => *sent,
            Self::Protocol { .. } => true,
        }
    }
}

impl fmt::Display for CustomerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fate = |sent: &bool| if *sent { "; a write may have happened" } else { "; nothing happened" };
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Behind { address, at_least, waited } => write!(
                f,
                "branch at {address} did not reach version {} within {}: nothing was done",
                shorten(at_least),
                seconds(*waited)
            ),
            Self::Closed { address, sent } => {
                write!(f, "the bank of the branch at {address} is closed{}", fate(sent))
            }
            Self::Deadline { address, waited, sent } => {
                write!(f, "branch at {address} did not answer within {}{}", seconds(*waited), fate(sent))
            }
            Self::Unreachable { address, reason, tried, sent } => {
                let tried = tried.map(|tried| format!(" (tried for {})", seconds(tried))).unwrap_or_default();
                write!(f, "branch at {address} cannot be reached: {reason}{tried}{}", fate(sent))
            }
            Self::Protocol { address, reason } => write!(f, "branch at {address}: {reason}"),
        }
    }
}

impl std::error::Error for CustomerError {}

/// "0.25 s", "30.25 s": as exact as people want it.
pub fn seconds(duration: Duration) -> String {
    let places = if duration < Duration::from_millis(100) { 4 } else { 2 };
    let text = format!("{:.places$}", duration.as_secs_f64());
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The version of a large bank, for messages.
fn shorten(version: &Version) -> String {
    let count = version.iter().count();
    if count <= ORIGINS_SHOWN {
        return version.to_string();
    }
    let shown: Vec<String> =
        version.iter().take(ORIGINS_SHOWN).map(|(origin, sequence)| format!("{origin}: {sequence}")).collect();
    format!("{{{} and {} more}}", shown.join(", "), count - ORIGINS_SHOWN)
}
