//! One branch: a replica behind a gRPC server, and the tasks that keep its links. A request is
//! decided under one short lock; what must finish afterwards (propagation) lives in the links'
//! tasks, never in the future of a call, which a client may drop.

mod bank_service;
mod calls;
mod channels;
mod clock;
mod complaints;
mod core;
mod cork;
mod cut;
mod disk;
mod door;
mod error;
mod execute;
mod faults;
mod handover;
mod link;
mod nearby;
mod panics;
mod recording;
mod replication_service;
mod server;
#[cfg(test)]
mod tests;

pub use channels::Channels;
pub use error::BranchError;
pub use faults::{Faults, Way, Wire};
pub use recording::{Part, Recording};

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet, spawn_blocking},
    time::timeout,
};

use crate::{
    replica::{self, Disk, Replica},
    store::{Durability, Fuse, Owner, Store, StoreError},
    topology::{Shape, Topology},
    trace::Row,
    types::{self, AccountId, BranchId, Incarnation, Origin, Propagation, Time},
    wire::Status,
};

use core::Core;
use nearby::{Acceptor, BACKLOG};

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
    fn bank_digest_of_one_life(&self) -> u64 {
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

    fn replica(&self) -> replica::Config {
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

/// How a branch is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    No,
    Gently,
    /// As if its process were killed.
    AtOnce,
}

/// Opens a data directory, and begins a life in it.
fn recover(data: &Data, owner: Owner, mut config: replica::Config) -> Result<(Store, Replica), StoreError> {
    let mut store = Store::open(&data.directory, owner, data.durability)?;
    let saved = store.load()?;
    let directory = || data.directory.clone();
    let damaged = |fault: replica::PeerFault| StoreError::Damaged { directory: directory(), reason: fault.to_string() };
    if let Some(Incarnation(latest)) = saved.latest_life(config.own.branch)
        && latest >= config.own.incarnation.0
    {
        // The clock has gone back. Another copy of this directory may begin a life on it, too: not this one.
        let random = getrandom::u64().map_err(|error| StoreError::Failed {
            directory: directory(),
            reason: format!("the system gives no random number to name a life: {error}"),
        })?;
        config.own.incarnation = Incarnation(latest + 1 + random % (1 << 20));
    }
    let mut replica = Replica::recover(config, &saved).map_err(damaged)?;
    while let Some(save) = replica.poll_save() {
        store.save(&save)?;
        replica.step(Time(0), replica::Input::Saved(save.number), &mut Vec::new());
    }
    Ok((store, replica))
}

/// A served branch. Dropping it tells its tasks to stop; [`Branch::close`] also waits for them.
#[derive(Debug)]
pub struct Branch {
    core: Arc<Core>,
    address: SocketAddr,
    /// For those of this process.
    acceptor: Acceptor,
    config: Config,
    stop: watch::Sender<Stop>,
    tasks: tokio::sync::Mutex<JoinSet<()>>,
    disk: Option<(Fuse, tokio::sync::Mutex<Option<JoinHandle<()>>>)>,
}

impl Branch {
    /// Serves on `listener`, in tasks of the current runtime. Customers are answered at once; peers
    /// are linked after [`Branch::connect`].
    ///
    /// # Errors
    /// [`BranchError::Listener`] if the listener cannot be used.
    pub fn serve(listener: std::net::TcpListener, config: Config) -> Result<Self, BranchError> {
        let replica = Replica::new(config.replica());
        Self::begin(listener, config, replica, None)
    }

    /// The same with a data directory: it begins a new life with what is there. That has the number that `config`
    /// names, or a higher one than the last that was there. It is on disk before anything is served.
    ///
    /// # Errors
    /// [`BranchError::Store`] if the directory cannot be used; then nothing in it was changed.
    pub async fn recover(listener: std::net::TcpListener, mut config: Config, data: Data) -> Result<Self, BranchError> {
        let owner = Owner {
            branch: config.own.branch,
            bank: config.bank_digest(),
            bank_of_one_life: config.bank_digest_of_one_life(),
        };
        let (directory, replica) = (data.directory.clone(), config.replica());
        let opened = spawn_blocking(move || recover(&data, owner, replica));
        let (store, replica) =
            opened.await.unwrap_or_else(|error| Err(StoreError::Failed { directory, reason: error.to_string() }))?;
        config.own = replica.own();
        Self::begin(listener, config, replica, Some(store))
    }

    fn begin(
        listener: std::net::TcpListener,
        mut config: Config,
        replica: Replica,
        store: Option<Store>,
    ) -> Result<Self, BranchError> {
        let failed = |error: std::io::Error| BranchError::Listener { reason: error.to_string() };
        listener.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::from_std(listener).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(Stop::No);
        let recording = config.recording.take();
        let core = Arc::new(Core::new(&config, replica, recording, stopped));
        let mut tasks = JoinSet::new();
        let (acceptor, nearby) = mpsc::channel(BACKLOG);
        tasks.spawn(panics::task(core.clone(), "its server", Box::pin(server::run(listener, nearby, core.clone()))));
        tasks.spawn(panics::task(core.clone(), "its clock", Box::pin(clock::run(core.clone()))));
        let disk = store.map(|store| {
            // Not one of the tasks, which may be ended anywhere: a write ends by itself.
            let fuse = store.fuse();
            let task = panics::task(core.clone(), "its disk", Box::pin(disk::run(core.clone(), store)));
            (fuse, tokio::sync::Mutex::new(Some(tokio::spawn(task))))
        });
        Ok(Self { core, address, acceptor, config, stop, tasks: tokio::sync::Mutex::new(tasks), disk })
    }

    /// Lets branches that have the same `channels` reach it through memory. They must be of this process.
    pub fn join(&self, channels: &Channels) {
        channels.add(self.address.to_string(), self.acceptor.clone());
    }

    /// Tells it where its peers listen ("host:port"); those it is not linked to are ignored. To be
    /// called once, with the `channels` that branches of one process share.
    pub async fn connect(&self, peers: &BTreeMap<BranchId, String>, channels: &Arc<Channels>) {
        let mut tasks = self.tasks.lock().await;
        for &peer in self.core.peers() {
            let Some(address) = peers.get(&peer).cloned() else { continue };
            let core = self.core.clone();
            match self.config.propagation {
                // One connection serves both directions: the lower id dials.
                Propagation::Stream if self.config.own.branch < peer => {
                    let dial = link::dial(core.clone(), peer, address, channels.clone());
                    tasks.spawn(panics::task(core, "a link", Box::pin(dial)));
                }
                Propagation::Stream => {}
                Propagation::Unary => {
                    let calls = calls::run(core.clone(), peer, address, channels.clone());
                    tasks.spawn(panics::task(core, "its calls", Box::pin(calls)));
                }
            }
        }
        let linked = peers.iter().filter(|(peer, _)| self.core.is_linked(**peer));
        let linked = linked.map(|(&peer, address)| (peer, address.clone())).collect();
        let handover = handover::run(self.core.clone(), linked, channels.clone());
        tasks.spawn(panics::task(self.core.clone(), "its handover", Box::pin(handover)));
    }

    /// Its id.
    pub fn id(&self) -> BranchId {
        self.config.own.branch
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its state, links included, without a call.
    ///
    /// # Errors
    /// [`BranchError`] if it is stopped, or its disk fails, before what there is to tell is on disk.
    pub async fn status(&self) -> Result<Status, BranchError> {
        self.core.status().await
    }

    /// The rows of all that happened here before `until`, and how many found no room; nothing without
    /// a recording.
    pub fn rows(&self, until: Time) -> (Vec<Row>, u64) {
        self.core.rows(until)
    }

    /// At most `count` of these rows, from number `from` on; `None` without a recording.
    pub fn part(&self, until: Time, from: usize, count: usize) -> Option<Part> {
        self.core.part(until, from, count)
    }

    /// Takes its recording away, for the branch's next life: this one writes no more.
    pub fn take_recording(&self) -> Option<Recording> {
        self.core.take_recording()
    }

    /// Lets these faults befall it from now on, and no others. When this returns, nothing more crosses
    /// what is cut, but for calls that are on their way already; and a branch that is paused decides
    /// nothing, but for what it was at.
    pub fn befall(&self, faults: Faults) {
        self.core.befall(faults);
    }

    /// Returns once the replica has reached `version`, on its disk if it has one.
    ///
    /// # Errors
    /// [`BranchError`] if the branch is stopped, or its disk fails, before.
    pub async fn reached(&self, version: &types::Version) -> Result<(), BranchError> {
        self.core.reached(version).await
    }

    /// Why it has failed, if it has (its disk, or a part of it): then it answers every call with that, and
    /// decides nothing.
    pub fn failure(&self) -> Option<BranchError> {
        self.core.check().err()
    }

    /// How many saves are on its disk; 0 without one.
    pub fn saves(&self) -> u64 {
        self.core.saves()
    }

    /// The fuse of its disk, if it has one: tests fill a disk so.
    pub fn fuse(&self) -> Option<Fuse> {
        self.disk.as_ref().map(|(fuse, _)| fuse.clone())
    }

    /// Returns when it has failed.
    pub async fn failed(&self) -> BranchError {
        self.core.failed().await
    }

    /// Takes no more requests from now on. What it has decided it still tells its peers, until it is closed.
    pub fn end_requests(&self) {
        self.core.end_requests();
    }

    /// Takes no more requests, and returns when every peer that is linked, and is not held back for longer, has
    /// said that it has all operations of this branch; at the latest after this time. Returns how many no peer
    /// has said to have.
    pub async fn flush(&self, within: Duration) -> u64 {
        self.end_requests();
        // What is not told by then is counted.
        let _ = timeout(within, self.core.flushed(within)).await;
        self.core.unshared()
    }

    /// How many requests wait there, for a version or for other replicas.
    pub fn waiting(&self) -> usize {
        self.core.waiting()
    }

    /// Its own page, and how many operations are on it.
    pub fn written(&self) -> (Origin, u64) {
        (self.config.own, self.core.written())
    }

    /// What it has seen.
    pub fn version(&self) -> types::Version {
        self.core.version()
    }

    /// The peers that it is linked to now, and that hear of what it does within this time.
    pub fn hearers(&self, within: Duration) -> Vec<BranchId> {
        self.core.hearers(within)
    }

    /// Returns when that is so no more of this peer.
    pub async fn unheard_by(&self, peer: BranchId, within: Duration) {
        self.core.unheard_by(peer, within).await;
    }

    /// Tells it to stop, and waits until every task of it has ended and everything that it decided is
    /// on disk. Harmless when called again.
    pub async fn close(&self) {
        self.stop.send_if_modified(|stop| {
            let serves = *stop == Stop::No;
            *stop = if serves { Stop::Gently } else { *stop };
            serves
        });
        let mut tasks = self.tasks.lock().await;
        while tasks.join_next().await.is_some() {}
        self.close_disk().await;
    }

    /// Ends it as kill -9 would: nobody is told, and nothing more reaches the disk. Returns when its
    /// address and its directory are free.
    pub async fn kill(&self) {
        if let Some((fuse, _)) = &self.disk {
            fuse.blow();
        }
        self.stop.send_replace(Stop::AtOnce);
        self.tasks.lock().await.shutdown().await;
        self.close_disk().await;
    }

    async fn close_disk(&self) {
        if let Some((_, task)) = &self.disk
            && let Some(task) = task.lock().await.take()
        {
            // A panic in it was reported.
            let _ = task.await;
        }
    }
}
