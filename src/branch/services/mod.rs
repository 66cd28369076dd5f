//! What may be asked of a branch, by customers and by peers.

pub(in crate::branch) mod bank;
pub(in crate::branch) mod execute;
pub(in crate::branch) mod replication;
