//! One branch alone, for a host of its own.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use tokio::net::TcpListener;

use super::{
    config::{check_accounts, incarnation_now},
    ending,
    error::{self, BankError},
    files,
};
use crate::{
    branch::{self, Branch, Data},
    topology::Shape,
    types::{AccountId, BranchId, Origin, Propagation, Time},
};

/// A branch alone, for a host of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BranchConfig {
    /// Its id.
    pub id: BranchId,
    /// "host:port"; port 0: the system chooses.
    pub listen: String,
    /// The other branches and where they listen ("host:port"); `None`: [`Served::connect`] will tell.
    pub peers: BTreeMap<BranchId, Option<String>>,
    /// The accounts and their opening balances: the same at every branch.
    pub accounts: BTreeMap<AccountId, i64>,
    /// Which branches are linked: the same at every branch.
    pub shape: Shape,
    /// How they tell each other: the same at every branch.
    pub propagation: Propagation,
    /// Held back before each message to a peer.
    pub propagation_delay: Duration,
    /// Where it keeps its pages and its table of requests; `None`: in memory only.
    pub data: Option<Data>,
}

/// One served branch. Dropping it stops it.
#[derive(Debug)]
pub struct Served {
    branch: Branch,
    /// Whether it has a data directory.
    is_kept: bool,
    /// Whether it is the only one of its bank.
    is_alone: bool,
}

impl Served {
    /// Binds, serves, and links to its peers. Without a data directory, each start is a new life with a
    /// new page: what an earlier life wrote comes back from the peers. With one, the life goes on.
    ///
    /// # Errors
    /// [`BankError::Listen`] for a port that cannot be had, [`BankError::Store`] for a data directory
    /// that cannot be used, [`BankError::Config`] for what cannot be right.
    pub async fn start(config: BranchConfig) -> Result<Self, BankError> {
        check_accounts(&config.accounts, config.propagation)?;
        let (id, peers) = (config.id, config.peers);
        if peers.contains_key(&id) {
            return Err(BankError::Config { reason: format!("branch {id} is named as its own peer") });
        }
        let branches = peers.keys().copied().chain([id]).collect();
        let topology = branch::topology(config.shape, config.propagation, &branches);
        let config_of_branch = branch::Config {
            own: Origin { branch: id, incarnation: incarnation_now() },
            had_lives: true,
            branches,
            accounts: config.accounts,
            topology,
            propagation: config.propagation,
            propagation_delay: config.propagation_delay,
            recording: None,
        };
        let served = Self::bind(config_of_branch, &config.listen, config.data).await?;
        let known = peers.into_iter().filter_map(|(peer, address)| Some((peer, address?))).collect();
        served.connect(&known).await;
        Ok(served)
    }

    /// Binds and serves, without links yet.
    pub(super) async fn bind(config: branch::Config, listen: &str, data: Option<Data>) -> Result<Self, BankError> {
        let id = config.own.branch;
        let what = format!("branch {id} of {}", config.branches.len());
        files::ensure(files::needed_by_branch(config.branches.len()), &what, "or take fewer branches")?;
        let failed =
            |reason: String, in_use| BankError::Listen { branch: id, address: listen.to_owned(), reason, in_use };
        let listener = TcpListener::bind(listen).await.and_then(TcpListener::into_std).map_err(|cause| {
            let in_use = cause.kind() == std::io::ErrorKind::AddrInUse;
            failed(if in_use { "another program has this port".to_owned() } else { cause.to_string() }, in_use)
        })?;
        let (is_kept, is_alone) = (data.is_some(), config.branches.len() == 1);
        let branch = match data {
            None => Branch::serve(listener, config),
            Some(data) => Branch::recover(listener, config, data).await,
        };
        Ok(Self { branch: branch.map_err(|cause| error::branch(id, listen, cause))?, is_kept, is_alone })
    }

    /// Links to the neighbours among these peers ("host:port").
    pub async fn connect(&self, peers: &BTreeMap<BranchId, String>) {
        self.branch.connect(peers, &Arc::default()).await;
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.branch.address()
    }

    /// Lets these faults befall it from now on, and no others.
    pub(super) fn befall(&self, faults: branch::Faults) {
        self.branch.befall(faults);
    }

    /// Some of its rows: see [`Branch::part`].
    pub(super) fn part(&self, until: Time, from: usize, count: usize) -> Option<branch::Part> {
        self.branch.part(until, from, count)
    }

    /// Returns when it has failed (its disk, or a part of it): it answers every call with that until it is closed.
    pub async fn failed(&self) -> BankError {
        error::branch(self.branch.id(), "", self.branch.failed().await)
    }

    /// Why it has failed, if it has.
    pub fn failure(&self) -> Option<BankError> {
        self.branch.failure().map(|failure| error::branch(self.branch.id(), "", failure))
    }

    /// Takes no more requests, and returns when its peers have told that they have what it has decided; at the
    /// latest after 5 seconds. Returns how many of its operations no other branch is known to have.
    pub async fn flush(&self) -> u64 {
        let unshared = self.branch.flush(ending::FLUSH_WITHIN).await;
        if self.is_alone { 0 } else { unshared }
    }

    /// Flushes it, logs how many of its operations no other branch is known to have, and returns that once it has
    /// ended.
    pub async fn close(&self) -> u64 {
        let unshared = self.flush().await;
        ending::report(self.branch.id(), unshared, self.is_kept);
        self.stop().await;
        unshared
    }

    /// Stops it and waits until it has ended.
    pub(super) async fn stop(&self) {
        self.branch.close().await;
    }
}
