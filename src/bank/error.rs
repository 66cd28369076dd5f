//! Why a bank cannot start, or did not do what was asked.

use std::{collections::BTreeMap, fmt, io, net::SocketAddr, time::Duration};

use crate::{
    branch::BranchError,
    customer::{CustomerError, Status, seconds},
    types::{BranchId, Version},
};

/// What can go wrong with a bank as a whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum BankError {
    /// The configuration cannot be right: no branches, a balance out of range, too few open files.
    Config {
        /// What was found and what would be right.
        reason: String,
    },
    /// A branch cannot listen at its address.
    Listen {
        /// Which branch.
        branch: BranchId,
        /// "host:port".
        address: String,
        /// What the system said.
        reason: String,
        /// Whether another program has the port.
        in_use: bool,
    },
    /// A child process did not start, or ended.
    Process {
        /// Which branch.
        branch: BranchId,
        /// What happened, with its last words.
        reason: String,
    },
    /// A data directory cannot be used, or the disk has failed.
    Store {
        /// Which branch.
        branch: BranchId,
        /// What is wrong, with the directory.
        reason: String,
    },
    /// The branch was killed, and not restarted.
    NotRunning {
        /// Which branch.
        branch: BranchId,
    },
    /// The branch was not killed, so it cannot be restarted.
    AlreadyRunning {
        /// Which branch.
        branch: BranchId,
    },
    /// The branch did not answer, because it is paused.
    Paused {
        /// Which branch.
        branch: BranchId,
    },
    /// The bank has no such branch.
    UnknownBranch {
        /// The branch asked for.
        branch: BranchId,
        /// The branches there are, shortened.
        known: String,
    },
    /// Not every branch had every write in time.
    NotConverged {
        /// The branches that had not, with what they lacked.
        behind: String,
    },
    /// A request to a branch failed.
    Customer(CustomerError),
    /// An event of a scenario failed.
    Event {
        /// Whose event it is: the customer's id.
        customer: u64,
        /// Which of the customer's records, from 1.
        visit: usize,
        /// Which of the visit's events, from 1.
        event: usize,
        /// What became of it.
        error: CustomerError,
    },
    /// The bank was closed before.
    Closed,
}

impl fmt::Display for BankError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config { reason } => reason.fmt(f),
            Self::Listen { branch, address, reason, .. } => {
                write!(f, "branch {branch} cannot listen at {address}: {reason}")
            }
            Self::Process { branch, reason } | Self::Store { branch, reason } => write!(f, "branch {branch}: {reason}"),
            Self::NotRunning { branch } => write!(f, "branch {branch} was killed and does not run: restart it first"),
            Self::AlreadyRunning { branch } => write!(f, "branch {branch} runs already: kill it first"),
            Self::Paused { branch } => write!(f, "branch {branch} is paused and answers nobody: resume it first"),
            Self::UnknownBranch { branch, known } => write!(f, "no branch {branch}: this bank has {known}"),
            Self::NotConverged { behind } => write!(f, "not converged in time: {behind}"),
            Self::Customer(error) => error.fmt(f),
            Self::Event { customer, visit: 1, event, error } => {
                write!(f, "customer {customer}, event {event}: {error}")
            }
            Self::Event { customer, visit, event, error } => {
                write!(f, "customer {customer}, visit {visit}, event {event}: {error}")
            }
            Self::Closed => write!(f, "the bank is closed"),
        }
    }
}

impl std::error::Error for BankError {}

impl From<CustomerError> for BankError {
    fn from(error: CustomerError) -> Self {
        Self::Customer(error)
    }
}

/// Why a branch of this process does not serve, or serves no more.
pub(super) fn branch(branch: BranchId, address: &str, error: BranchError) -> BankError {
    match error {
        BranchError::Listener { reason } => {
            BankError::Listen { branch, address: address.to_owned(), reason, in_use: false }
        }
        BranchError::Store(error) => BankError::Store { branch, reason: error.to_string() },
        BranchError::Panicked { .. } | BranchError::Refused { .. } | BranchError::Superseded { .. } => {
            BankError::Process { branch, reason: error.to_string() }
        }
        BranchError::Stopped => BankError::NotRunning { branch },
    }
}

/// A port that cannot be had.
pub(super) fn listen(branch: BranchId, address: SocketAddr, cause: &io::Error) -> BankError {
    let in_use = cause.kind() == io::ErrorKind::AddrInUse;
    let reason = if in_use { "another program has this port".to_owned() } else { cause.to_string() };
    BankError::Listen { branch, address: address.to_string(), reason, in_use }
}

/// Everything that any branch has.
pub(super) fn join_versions(statuses: &BTreeMap<BranchId, Status>) -> Version {
    let mut joined = Version::EMPTY;
    for status in statuses.values() {
        joined.join(&status.snapshot.version);
    }
    joined
}

/// Who lacks what of `target`.
pub(super) fn not_converged(statuses: &BTreeMap<BranchId, Status>, target: &Version, within: Duration) -> BankError {
    let lacks = statuses.iter().filter_map(|(branch, status)| {
        let version = &status.snapshot.version;
        let lacking: u64 =
            target.iter().map(|(origin, sequence)| sequence.saturating_sub(version.sequence(origin))).sum();
        (lacking > 0).then(|| format!("branch {branch} lacks {lacking}"))
    });
    let mut lacks: Vec<String> = lacks.collect();
    let more = lacks.len().saturating_sub(5);
    lacks.truncate(5);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let operations: u64 = target.iter().map(|(_, sequence)| sequence).sum();
    BankError::NotConverged {
        behind: format!("after {}, of {operations} operations, {}{more}", seconds(within), lacks.join(", ")),
    }
}
