//! A served branch, as whoever runs it has it: begins it, links it, asks how it is, and ends it.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet, spawn_blocking},
    time::timeout,
};

use super::{
    clock,
    config::{Config, Data},
    connection::{
        channels::Channels,
        nearby::{Acceptor, BACKLOG},
    },
    disk,
    error::BranchError,
    faults::Faults,
    panics,
    peers::{calls, handover, link},
    recording::{Part, Recording},
    recover::recover,
    server,
    shared::Shared,
    stop::Stop,
};
use crate::{
    replica::Replica,
    store::{Fuse, Owner, Store, StoreError},
    trace::Row,
    types::{self, BranchId, Origin, Propagation, Time},
    wire::Status,
};

/// A served branch. Dropping it tells its tasks to stop; [`Branch::close`] also waits for them.
#[derive(Debug)]
pub struct Branch {
    pub(super) shared: Arc<Shared>,
    address: SocketAddr,
    /// For those of this process.
    acceptor: Acceptor,
    config: Config,
    stop: watch::Sender<Stop>,
    pub(super) tasks: tokio::sync::Mutex<JoinSet<()>>,
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
        let shared = Arc::new(Shared::new(&config, replica, recording, stopped));
        let mut tasks = JoinSet::new();
        let (acceptor, nearby) = mpsc::channel(BACKLOG);
        tasks.spawn(panics::task(
            shared.clone(),
            "its server",
            Box::pin(server::run(listener, nearby, shared.clone())),
        ));
        tasks.spawn(panics::task(shared.clone(), "its clock", Box::pin(clock::run(shared.clone()))));
        let disk = store.map(|store| {
            // Not one of the tasks, which may be ended anywhere: a write ends by itself.
            let fuse = store.fuse();
            let task = panics::task(shared.clone(), "its disk", Box::pin(disk::run(shared.clone(), store)));
            (fuse, tokio::sync::Mutex::new(Some(tokio::spawn(task))))
        });
        Ok(Self { shared, address, acceptor, config, stop, tasks: tokio::sync::Mutex::new(tasks), disk })
    }

    /// Lets branches that have the same `channels` reach it through memory. They must be of this process.
    pub fn join(&self, channels: &Channels) {
        channels.add(self.address.to_string(), self.acceptor.clone());
    }

    /// Tells it where its peers listen ("host:port"); those it is not linked to are ignored. To be
    /// called once, with the `channels` that branches of one process share.
    pub async fn connect(&self, peers: &BTreeMap<BranchId, String>, channels: &Arc<Channels>) {
        let mut tasks = self.tasks.lock().await;
        for &peer in self.shared.peers() {
            let Some(address) = peers.get(&peer).cloned() else { continue };
            let shared = self.shared.clone();
            match self.config.propagation {
                // One connection serves both directions: the lower id dials.
                Propagation::Stream if self.config.own.branch < peer => {
                    let dial = link::dial(shared.clone(), peer, address, channels.clone());
                    tasks.spawn(panics::task(shared, "a link", Box::pin(dial)));
                }
                Propagation::Stream => {}
                Propagation::Unary => {
                    let calls = calls::run(shared.clone(), peer, address, channels.clone());
                    tasks.spawn(panics::task(shared, "its calls", Box::pin(calls)));
                }
            }
        }
        let linked = peers.iter().filter(|(peer, _)| self.shared.is_linked(**peer));
        let linked = linked.map(|(&peer, address)| (peer, address.clone())).collect();
        let handover = handover::run(self.shared.clone(), linked, channels.clone());
        tasks.spawn(panics::task(self.shared.clone(), "its handover", Box::pin(handover)));
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
        self.shared.status().await
    }

    /// The rows of all that happened here before `until`, and how many found no room; nothing without
    /// a recording.
    pub fn rows(&self, until: Time) -> (Vec<Row>, u64) {
        self.shared.rows(until)
    }

    /// At most `count` of these rows, from number `from` on; `None` without a recording.
    pub fn part(&self, until: Time, from: usize, count: usize) -> Option<Part> {
        self.shared.part(until, from, count)
    }

    /// Takes its recording away, for the branch's next life: this one writes no more.
    pub fn take_recording(&self) -> Option<Recording> {
        self.shared.take_recording()
    }

    /// Lets these faults befall it from now on, and no others. When this returns, nothing more crosses
    /// what is cut, but for calls that are on their way already; and a branch that is paused decides
    /// nothing, but for what it was at.
    pub fn befall(&self, faults: Faults) {
        self.shared.befall(faults);
    }

    /// Returns once the replica has reached `version`, on its disk if it has one.
    ///
    /// # Errors
    /// [`BranchError`] if the branch is stopped, or its disk fails, before.
    pub async fn reached(&self, version: &types::Version) -> Result<(), BranchError> {
        self.shared.reached(version).await
    }

    /// Why it has failed, if it has (its disk, or a part of it): then it answers every call with that, and
    /// decides nothing.
    pub fn failure(&self) -> Option<BranchError> {
        self.shared.check().err()
    }

    /// How many saves are on its disk; 0 without one.
    pub fn saves(&self) -> u64 {
        self.shared.saves()
    }

    /// The fuse of its disk, if it has one: tests fill a disk so.
    pub fn fuse(&self) -> Option<Fuse> {
        self.disk.as_ref().map(|(fuse, _)| fuse.clone())
    }

    /// Returns when it has failed.
    pub async fn failed(&self) -> BranchError {
        self.shared.failed().await
    }

    /// Takes no more requests from now on. What it has decided it still tells its peers, until it is closed.
    pub fn end_requests(&self) {
        self.shared.end_requests();
    }

    /// Takes no more requests, and returns when every peer that is linked, and is not held back for longer, has
    /// said that it has all operations of this branch; at the latest after this time. Returns how many no peer
    /// has said to have.
    pub async fn flush(&self, within: Duration) -> u64 {
        self.end_requests();
        // What is not told by then is counted.
        let _ = timeout(within, self.shared.flushed(within)).await;
        self.shared.unshared()
    }

    /// How many requests wait there, for a version or for other replicas.
    pub fn waiting(&self) -> usize {
        self.shared.waiting()
    }

    /// Its own page, and how many operations are on it.
    pub fn written(&self) -> (Origin, u64) {
        (self.config.own, self.shared.written())
    }

    /// What it has seen.
    pub fn version(&self) -> types::Version {
        self.shared.version()
    }

    /// The peers that it is linked to now, and that hear of what it does within this time.
    pub fn hearers(&self, within: Duration) -> Vec<BranchId> {
        self.shared.hearers(within)
    }

    /// Returns when that is so no more of this peer.
    pub async fn unheard_by(&self, peer: BranchId, within: Duration) {
        self.shared.unheard_by(peer, within).await;
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
