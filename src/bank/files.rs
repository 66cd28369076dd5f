//! The limit of open files, which a large bank runs into first.

use super::{config::BankConfig, error::BankError};

/// What a process has open besides: its streams, libraries, an event loop, customers.
const OTHER_FILES: u64 = 64;

/// What a data directory has open: its lock and its database, and another one while it is examined.
const DATA_FILES: u64 = 3;

/// The open files that all branches need in one process: a listener each, two for who comes from elsewhere,
/// and data. Branches and customers of one process need none to reach each other.
pub(super) fn needed_by_tasks(config: &BankConfig) -> u64 {
    let data = if config.data_dir.is_some() { DATA_FILES } else { 0 };
    (3 + data) * config.branches.len() as u64 + OTHER_FILES
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
pub(super) fn instead_of_tasks(config: &BankConfig) -> &'static str {
    if needed_by_parent(config) < needed_by_tasks(config) {
        "take fewer branches, or give each branch a process"
    } else {
        "or take fewer branches"
    }
}
