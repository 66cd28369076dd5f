//! What a bank is to be.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use super::error::BankError;
use crate::{
    branch::{self, Data},
    store::{Durability, Store},
    topology::{Shape, Topology},
    types::{AccountId, BranchId, Incarnation, MAX_OPENING, MAX_ORIGINS, Origin, Propagation},
    wire::{MAX_ACCOUNTS, MAX_CALL_ACCOUNTS},
};

/// A bank to start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BankConfig {
    /// The branches, and where each listens; `None`: the system chooses a loopback port.
    pub branches: BTreeMap<BranchId, Option<SocketAddr>>,
    /// The accounts and their opening balances, 0 to 2^53 - 1.
    pub accounts: BTreeMap<AccountId, i64>,
    /// Which branches are linked.
    pub shape: Shape,
    /// How they tell each other.
    pub propagation: Propagation,
    /// Held back before each message to a peer: for teaching and tests.
    pub propagation_delay: Duration,
    /// How many rows the bank's trace keeps, of all branches; 0: there is none. Child processes have
    /// equal shares of them.
    pub trace_capacity: usize,
    /// Where the branches keep their pages and tables of requests, each in a directory of its own:
    /// `branch-1`, `branch-2` and so on. `None`: in memory only.
    pub data_dir: Option<PathBuf>,
    /// When a write counts as being in the data directory.
    pub durability: Durability,
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
            data_dir: None,
            durability: Durability::default(),
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
            return Err(BankError::Config { reason: format!("{count} branches were given: give {limit} at most") });
        }
        self.check_ports()?;
        check_accounts(&self.accounts, self.propagation)
    }

    /// Two branches that were given one port would find that "another program" has it.
    fn check_ports(&self) -> Result<(), BankError> {
        let mut taken = BTreeMap::new();
        for (&branch, address) in &self.branches {
            let Some(address) = address.filter(|address| address.port() != 0) else { continue };
            if let Some(other) = taken.insert(address, branch) {
                let reason = format!("branch {other} was given the same: give each branch a port of its own");
                return Err(BankError::Listen { branch, address: address.to_string(), reason, in_use: true });
            }
        }
        Ok(())
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

    /// One branch's part.
    pub(super) fn branch(&self, branch: BranchId, life: Life, topology: &Arc<Topology>) -> branch::Config {
        branch::Config {
            own: Origin { branch, incarnation: self.incarnation(life) },
            had_lives: life == Life::Later,
            branches: self.ids(),
            accounts: self.accounts.clone(),
            topology: topology.clone(),
            propagation: self.propagation,
            propagation_delay: self.propagation_delay,
            recording: None,
        }
    }

    /// The life that the branches begin when the bank starts. If any of them has a data directory, those that
    /// have none may have lost theirs.
    pub(super) fn life_at_start(&self) -> Life {
        let has_data = |&branch: &BranchId| self.data(branch).is_some_and(|data| Store::is_in(&data.directory));
        if self.branches.keys().any(has_data) { Life::Later } else { Life::First }
    }

    /// Who begins with nothing in a bank that begins with nothing is in its first life. With data
    /// directories, some branches may have one and others not, the next time.
    pub(super) fn incarnation(&self, life: Life) -> Incarnation {
        match life {
            Life::First if self.data_dir.is_none() => Incarnation(0),
            Life::First | Life::Later => incarnation_now(),
        }
    }

    /// Where a branch keeps its data.
    pub(super) fn data(&self, branch: BranchId) -> Option<Data> {
        let directory = self.data_dir.as_ref()?.join(format!("branch-{branch}"));
        Some(Data { directory, durability: self.durability })
    }
}

/// Whether a branch starts in a bank that begins with nothing, or may have lived before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Life {
    First,
    Later,
}

/// A life that no earlier one of the branch can have been: microseconds since 1970.
pub(super) fn incarnation_now() -> Incarnation {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Incarnation(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
}

pub(super) fn check_accounts(accounts: &BTreeMap<AccountId, i64>, propagation: Propagation) -> Result<(), BankError> {
    let (most, instead) = match propagation {
        Propagation::Stream => (MAX_ACCOUNTS, ""),
        Propagation::Unary => (MAX_CALL_ACCOUNTS, " where a page is one call: take stream propagation"),
    };
    if accounts.len() > most {
        let reason = format!("{} accounts were given: {most} are the most{instead}", accounts.len());
        return Err(BankError::Config { reason });
    }
    for (account, &opening) in accounts {
        if !(0..=MAX_OPENING).contains(&opening) {
            return Err(BankError::Config {
                reason: format!("account {account} opens with {opening}: give a whole number from 0 to {MAX_OPENING}"),
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
