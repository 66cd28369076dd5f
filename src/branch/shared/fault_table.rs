//! The faults that are in force at a branch.

use std::sync::atomic::AtomicBool;

use tokio::sync::watch;

use crate::branch::faults::Faults;

/// The faults of one branch.
#[derive(Default)]
pub(super) struct FaultTable {
    /// Invariant: false as long as `current` is none. Changes under the lock of the state, and whoever
    /// must not miss a change looks under that lock.
    pub(super) has_any: AtomicBool,
    pub(super) current: watch::Sender<Faults>,
}
