//! What a branch must know to serve, and what of that must be the same at every branch of its bank.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use super::recording::Recording;
use crate::{
    replica,
    store::Durability,
    topology::{Shape, Topology},
    types::{self, AccountId, BranchId, Origin, Propagation},
};

/// What a branch must know to serve.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose page it writes: its id, and which of its lives this is.
    pub own: Origin,
    /// Whether an earlier life of it may have answered requests, if it has no data of that.
    pub had_lives: bool,
    /// Every branch of the bank, its own included.
    pub branches: BTreeSet<BranchId>,
    /// The accounts and their opening balances: the same at every branch.
    pub accounts: BTreeMap<AccountId, i64>,
    /// Which branches are linked: the same at every branch. See [`topology`].
    pub topology: Arc<Topology>,
    /// How it tells its peers: the same at every branch.
    pub propagation: Propagation,
    /// Held back before each message to a peer: for teaching and tests.
    pub propagation_delay: Duration,
    /// Writes its part of the bank's trace, if there is one.
    pub recording: Option<Recording>,
}

impl Config {
    /// A digest of what must be the same at every branch of one bank (FNV-1a, 64 bits), so that a
    /// link between strangers is refused when it begins. Which links there are is part of it: two shapes over
    /// the same branches may have as many.
    pub fn bank_digest(&self) -> u64 {
        let links = self.topology.pairs();
        let links = links.map(|(one, other)| u64::from(one.value()) << 32 | u64::from(other.value()));
        // No link is 0.
        self.digest(links.chain([0]))
    }

    /// What it was in the first format of data directories: it told how many links there are, not which.
    pub(super) fn bank_digest_of_one_life(&self) -> u64 {
        self.digest([self.topology.link_count() as u64].into_iter())
    }

    fn digest(&self, links: impl Iterator<Item = u64>) -> u64 {
        let branches = self.branches.iter().map(|branch| u64::from(branch.value()));
        let accounts = self.accounts.iter().flat_map(|(account, &opening)| [account.0, opening as u64]);
        let propagation = match self.propagation {
            Propagation::Stream => 0,
            Propagation::Unary => 1,
        };
        // No branch is u64::MAX.
        let words = branches.chain([u64::MAX, propagation]).chain(links).chain(accounts);
        words
            .flat_map(u64::to_le_bytes)
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    pub(super) fn replica(&self) -> replica::Config {
        replica::Config {
            own: self.own,
            had_lives: self.had_lives,
            branches: self.branches.clone(),
            links: self.topology.links(self.own.branch),
            accounts: self.accounts.clone(),
            propagation: self.propagation,
            // A gRPC stream is reliable until it breaks, and then the session ends.
            resend_after: types::Duration::MAX,
        }
    }
}

/// Where a branch keeps its pages and its table of requests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Data {
    /// A directory of its own; made if it is not there.
    pub directory: PathBuf,
    /// When a write counts as being there.
    pub durability: Durability,
}

/// The links of a bank. Unary propagation is direct, so it always has the mesh.
pub fn topology(shape: Shape, propagation: Propagation, branches: &BTreeSet<BranchId>) -> Arc<Topology> {
    let shape = match propagation {
        Propagation::Stream => shape,
        Propagation::Unary => Shape::Mesh,
    };
    Arc::new(Topology::new(shape, branches))
}
