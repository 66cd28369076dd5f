//! What a replica must know before its first step.

use std::collections::{BTreeMap, BTreeSet};

use crate::types::{AccountId, BranchId, Duration, Origin, Propagation};

/// What a replica must know before its first step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// Whose page it writes: every start of a branch needs a higher incarnation than any before.
    pub own: Origin,
    /// Whether an earlier life of it may have answered requests. False only for a branch of a bank that is new as a
    /// whole. What a disk says of that counts more.
    pub had_lives: bool,
    /// Every branch of the bank, its own included.
    pub branches: BTreeSet<BranchId>,
    /// The peers it is linked to, each with the branches of whose pages the peer hears from somebody
    /// else. Those pages are left to that one at first, and repaired later if need be.
    pub links: BTreeMap<BranchId, BTreeSet<BranchId>>,
    /// The accounts and their opening balances: the same at every branch.
    pub accounts: BTreeMap<AccountId, i64>,
    /// How it tells its peers.
    pub propagation: Propagation,
    /// When what a peer has not acknowledged is sent again; the wait doubles, up to eight times
    /// this. [`Duration::MAX`] for a transport that loses nothing while a session lasts.
    pub resend_after: Duration,
}
