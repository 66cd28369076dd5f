//! One branch: a replica behind a gRPC server, and the tasks that keep its links. A request is
//! decided under one short lock; what must finish afterwards (propagation) lives in the links'
//! tasks, never in the future of a call, which a client may drop.

mod bank_service;
mod calls;
mod channels;
mod clock;
mod complaints;
mod core;
mod door;
mod error;
mod execute;
mod link;
mod replication_service;
mod server;

pub use channels::Channels;
pub use error::BranchError;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    replica,
    topology::{Shape, Topology},
    trace::Trace,
    types::{self, AccountId, BranchId, Origin, Propagation},
    wire::Status,
};

use core::Core;

/// The links of a bank. Unary propagation is direct, so it always has the mesh.
pub fn topology(shape: Shape, propagation: Propagation, branches: &BTreeSet<BranchId>) -> Arc<Topology> {
    let shape = match propagation {
        Propagation::Stream => shape,
        Propagation::Unary => Shape::Mesh,
    };
    Arc::new(Topology::new(shape, branches))
}

/// What a branch must know to serve.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whose page it writes: its id, and which of its lives this is.
    pub own: Origin,
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
    /// How many events its trace keeps; 0: none.
    pub trace_capacity: usize,
}

impl Config {
    /// A digest of what must be the same at every branch of one bank (FNV-1a, 64 bits), so that a
    /// link between strangers is refused when it begins.
    pub fn bank_digest(&self) -> u64 {
        let branches = self.branches.iter().map(|branch| u64::from(branch.value()));
        let accounts = self.accounts.iter().flat_map(|(account, &opening)| [account.0, opening as u64]);
        let words = branches.chain([u64::MAX]).chain(accounts);
        words
            .flat_map(u64::to_le_bytes)
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    fn replica(&self) -> replica::Config {
        replica::Config {
            own: self.own,
            branches: self.branches.clone(),
            links: self.topology.links(self.own.branch),
            accounts: self.accounts.clone(),
            propagation: self.propagation,
            // A gRPC stream is reliable until it breaks, and then the session ends.
            resend_after: types::Duration::MAX,
        }
    }
}

/// A served branch. Dropping it tells its tasks to stop; [`Branch::close`] also waits for them.
#[derive(Debug)]
pub struct Branch {
    core: Arc<Core>,
    address: SocketAddr,
    config: Config,
    stop: watch::Sender<bool>,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
}

impl Branch {
    /// Serves on `listener`, in tasks of the current runtime. Customers are answered at once; peers
    /// are linked after [`Branch::connect`].
    ///
    /// # Errors
    /// [`BranchError::Listener`] if the listener cannot be used.
    pub fn serve(listener: std::net::TcpListener, config: Config) -> Result<Self, BranchError> {
        let failed = |error: std::io::Error| BranchError::Listener { reason: error.to_string() };
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let core = Arc::new(Core::new(&config, stopped));
        let mut tasks = JoinSet::new();
        tasks.spawn(server::run(listener, core.clone()));
        tasks.spawn(clock::run(core.clone()));
        Ok(Self { core, address, config, stop, tasks: tokio::sync::Mutex::new(tasks) })
    }

    /// Tells it where its peers listen ("host:port"); those it is not linked to are ignored. To be
    /// called once. Calls go through `channels`, which branches of one process share.
    pub async fn connect(&self, peers: &BTreeMap<BranchId, String>, channels: &Arc<Channels>) {
        let mut tasks = self.tasks.lock().await;
        for &peer in self.core.peers() {
            let Some(address) = peers.get(&peer).cloned() else { continue };
            let core = self.core.clone();
            match self.config.propagation {
                // One connection serves both directions: the lower id dials.
                Propagation::Stream if self.config.own.branch < peer => {
                    tasks.spawn(link::dial(core, peer, address));
                }
                Propagation::Stream => {}
                Propagation::Unary => {
                    tasks.spawn(calls::run(core, peer, address, channels.clone()));
                }
            }
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its state, links included, without a call.
    pub fn status(&self) -> Status {
        self.core.status()
    }

    /// What has happened so far, if it keeps a trace.
    pub fn trace(&self) -> Trace {
        self.core.trace()
    }

    /// Returns once the replica has reached `version`.
    ///
    /// # Errors
    /// [`BranchError::Stopped`] if the branch is stopped before.
    pub async fn reached(&self, version: &types::Version) -> Result<(), BranchError> {
        self.core.reached(version).await
    }

    /// Tells it to stop, and waits until every task of it has ended. Harmless when called again.
    pub async fn close(&self) {
        self.stop.send_replace(true);
        let mut tasks = self.tasks.lock().await;
        while tasks.join_next().await.is_some() {}
    }
}
