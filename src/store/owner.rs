//! Whose a data directory is.

use crate::types::BranchId;

/// Whose data directory it must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Owner {
    /// The branch.
    pub branch: BranchId,
    /// The digest of the bank: what must be the same at all of its branches.
    pub bank: u64,
    /// The digest that a directory of format 1 has for the same bank.
    pub bank_of_one_life: u64,
}
