//! What the tasks of a branch share: the replica behind its lock, and everyone who must hear of what happens in it.

mod ask;
mod fault_table;
mod faults;
mod flush;
mod locked;
mod places;
mod propagated;
mod read;
mod recorded;
mod serving;
mod session;
mod sessions;
mod standing;
mod waiter;

pub(super) use ask::Asked;
pub(super) use locked::Shared;
pub(super) use places::Caller;
pub(super) use session::{Arrived, Session};
pub(super) use waiter::Late;
