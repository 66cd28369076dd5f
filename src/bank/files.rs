//! The limit of open files, which a mesh in one process runs into first.

use super::{BankConfig, BankError};
use crate::{topology::Shape, types::Propagation};

/// What a process has open besides: its streams, libraries, an event loop, customers.
const OTHER_FILES: u64 = 64;

/// What a data directory has open: its lock and its database, and another one while it is examined.
const DATA_FILES: u64 = 3;

/// The open files that all branches need in one process: two a connection, for both of its ends.
pub(super) fn needed_by_tasks(config: &BankConfig) -> u64 {
    let branches = config.branches.len() as u64;
    let connections = match config.propagation {
        Propagation::Stream => config.topology().link_count() as u64,
        // Calls to one branch share a connection.
        Propagation::Unary => branches,
    };
    let customers = branches;
    let data = if config.data_dir.is_some() { DATA_FILES * branches } else { 0 };
    branches + 2 * (connections + customers) + data + OTHER_FILES
}

/// The open files that the parent of child processes needs: three pipes each, and a customer.
pub(super) fn needed_by_parent(config: &BankConfig) -> u64 {
    5 * config.branches.len() as u64 + OTHER_FILES
}

/// The open files of one branch alone: a connection from and perhaps to each peer, customers, and data.
pub(super) fn needed_by_branch(branches: usize) -> u64 {
    2 * branches as u64 + DATA_FILES + 2 * OTHER_FILES
}

/// Raises the soft limit if it must and may. `instead` is what needs fewer files, for the message.
///
/// # Errors
/// [`BankError::Config`] if the hard limit is too low.
pub(super) fn ensure(needed: u64, what: &str, instead: &str) -> Result<(), BankError> {
    let failed = |error: std::io::Error| BankError::Config { reason: format!("the limit of open files: {error}") };
    let (soft, hard) = rlimit::Resource::NOFILE.get().map_err(failed)?;
    if soft >= needed {
        return Ok(());
    }
    if hard < needed {
        return Err(BankError::Config {
            reason: format!(
                "{what} needs about {needed} open files, and this process may have {hard}: raise the hard limit \
                 (ulimit -Hn {needed}), {instead}"
            ),
        });
    }
    rlimit::Resource::NOFILE.set(needed, hard).map_err(failed)
}

/// What needs fewer open files than this bank as tasks does.
pub(super) fn instead_of_tasks(config: &BankConfig) -> String {
    let overlay = BankConfig { shape: Shape::Overlay, propagation: Propagation::Stream, ..config.clone() };
    let needed = needed_by_tasks(config);
    let mut ways = vec!["take fewer branches"];
    if needed_by_tasks(&overlay) < needed {
        ways.push("take the overlay topology with stream propagation");
    }
    if needed_by_parent(config) < needed {
        ways.push("give each branch a process");
    }
    let last = ways.pop().unwrap_or_default();
    if ways.is_empty() { format!("or {last}") } else { format!("{}, or {last}", ways.join(", ")) }
}
