//! What a bank is to be.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use super::BankError;
use crate::{
    branch,
    topology::{Shape, Topology},
    types::{AccountId, BranchId, Incarnation, MAX_OPENING, MAX_ORIGINS, Origin, Propagation},
};

/// A bank to start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BankConfig {
    /// The branches, and where each listens; `None`: a loopback port of the system's choice.
    pub branches: BTreeMap<BranchId, Option<SocketAddr>>,
    /// The accounts and their opening balances, 0 to 2^53 - 1.
    pub accounts: BTreeMap<AccountId, i64>,
    /// Which branches are linked.
    pub shape: Shape,
    /// How they tell each other.
    pub propagation: Propagation,
    /// Held back before each message to a peer: for teaching and tests.
    pub propagation_delay: Duration,
    /// How many events each branch of this process keeps in its trace; 0: none.
    pub trace_capacity: usize,
    /// The command that runs [`super::supervised`]; `None`: branches are tasks of this process.
    pub program: Option<Vec<OsString>>,
}

impl BankConfig {
    /// These branches, with one account that opens with this balance, and everything else as usual.
    pub fn new(branches: impl IntoIterator<Item = BranchId>, opening: i64) -> Self {
        Self {
            branches: branches.into_iter().map(|branch| (branch, None)).collect(),
            accounts: BTreeMap::from([(AccountId::DEFAULT, opening)]),
            shape: Shape::default(),
            propagation: Propagation::default(),
            propagation_delay: Duration::ZERO,
            trace_capacity: 0,
            program: None,
        }
    }

    /// # Errors
    /// [`BankError::Config`] says what is wrong and what would be right.
    pub(super) fn check(&self) -> Result<(), BankError> {
        if self.branches.is_empty() {
            return Err(BankError::Config { reason: "a bank needs a branch: none was given".to_owned() });
        }
        if self.branches.len() > MAX_ORIGINS / 2 {
            let (count, limit) = (self.branches.len(), MAX_ORIGINS / 2);
            return Err(BankError::Config { reason: format!("{count} branches were given: {limit} are the most") });
        }
        check_accounts(&self.accounts)
    }

    pub(super) fn ids(&self) -> BTreeSet<BranchId> {
        self.branches.keys().copied().collect()
    }

    /// The links that the branches will have.
    pub fn topology(&self) -> Arc<Topology> {
        branch::topology(self.shape, self.propagation, &self.ids())
    }

    /// Where a branch is to listen.
    pub(super) fn listen(&self, branch: BranchId) -> SocketAddr {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        self.branches.get(&branch).copied().flatten().unwrap_or(any)
    }

    /// One branch's part. The branches of a bank begin together, so this is the first life of each.
    pub(super) fn branch(&self, branch: BranchId, topology: &Arc<Topology>) -> branch::Config {
        branch::Config {
            own: Origin { branch, incarnation: Incarnation(0) },
            branches: self.ids(),
            accounts: self.accounts.clone(),
            topology: topology.clone(),
            propagation: self.propagation,
            propagation_delay: self.propagation_delay,
            trace_capacity: self.trace_capacity,
        }
    }
}

pub(super) fn check_accounts(accounts: &BTreeMap<AccountId, i64>) -> Result<(), BankError> {
    for (account, &opening) in accounts {
        if !(0..=MAX_OPENING).contains(&opening) {
            return Err(BankError::Config {
                reason: format!(
                    "account {account} opens with {opening}: a whole number from 0 to {MAX_OPENING} is right"
                ),
            });
        }
    }
    if accounts.is_empty() {
        return Err(BankError::Config { reason: "a bank needs an account: none was given".to_owned() });
    }
    Ok(())
}

/// "branches 1, 2, 3 … 50", for messages.
pub(super) fn shorten<'a>(branches: impl ExactSizeIterator<Item = &'a BranchId>) -> String {
    let count = branches.len();
    let names: Vec<String> = branches.map(BranchId::to_string).collect();
    match names.as_slice() {
        [] => "no branches".to_owned(),
        [only] => format!("branch {only}"),
        [first @ .., last] if count <= 8 => format!("branches {} and {last}", first.join(", ")),
        [a, b, c, .., last] => format!("{count} branches: {a}, {b}, {c} … {last}"),
        [..] => names.join(", "),
    }
}
