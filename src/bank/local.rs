//! The branches of a bank as tasks of this process: real gRPC, through memory to each other and to the
//! bank's own customers, and on a port to everybody else.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};

use super::{
    config::{BankConfig, Life, shorten},
    ending,
    error::{self, BankError},
    files,
    together::together,
    traced::Traced,
};
use crate::{
    branch::{Branch, Channels, Faults},
    customer::{Customer, CustomerError, Status},
    topology::Topology,
    trace::Trace,
    types::BranchId,
};

#[derive(Debug)]
pub(super) struct Tasks {
    config: BankConfig,
    topology: Arc<Topology>,
    addresses: BTreeMap<BranchId, SocketAddr>,
    channels: Arc<Channels>,
    trace: Option<Traced>,
    /// Those that were not killed.
    running: Mutex<BTreeMap<BranchId, Arc<Branch>>>,
    /// Held while a branch ends or begins; whether the bank is closed.
    changing: tokio::sync::Mutex<bool>,
}

impl Tasks {
    pub(super) async fn start(config: &BankConfig) -> Result<Self, BankError> {
        let what = format!("a bank of {} in one process", shorten(config.branches.keys()));
        files::ensure(files::needed_by_tasks(config), &what, files::instead_of_tasks(config))?;
        // Every port is bound before any branch serves: a bank starts whole or not at all.
        let mut listeners = Vec::with_capacity(config.branches.len());
        for &id in config.branches.keys() {
            listeners.push((id, bind(id, config.listen(id))?));
        }
        let (topology, life) = (config.topology(), config.life_at_start());
        let mut tasks = Self {
            trace: Traced::new(config, &topology),
            config: config.clone(),
            topology,
            addresses: BTreeMap::new(),
            channels: Arc::default(),
            running: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
        };
        for (id, listener) in listeners {
            let served = tasks.serve(id, listener, life).await;
            if served.is_err() {
                tasks.close().await;
            }
            tasks.addresses.insert(id, served?.address());
        }
        for branch in tasks.running().into_values() {
            branch.connect(&tasks.peers(), &tasks.channels).await;
        }
        Ok(tasks)
    }

    async fn serve(&self, id: BranchId, listener: TcpListener, life: Life) -> Result<Arc<Branch>, BankError> {
        let mut config = self.config.branch(id, life, &self.topology);
        let data = self.config.data(id);
        config.recording = self.trace.as_ref().map(|trace| trace.recording(id, data.is_some()));
        let branch = match data {
            None => Branch::serve(listener, config),
            Some(data) => Branch::recover(listener, config, data).await,
        };
        let branch = Arc::new(branch.map_err(|cause| error::branch(id, &self.config.listen(id).to_string(), cause))?);
        branch.join(&self.channels);
        self.lock().insert(id, branch.clone());
        Ok(branch)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<BranchId, Arc<Branch>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn running(&self) -> BTreeMap<BranchId, Arc<Branch>> {
        self.lock().clone()
    }

    fn peers(&self) -> BTreeMap<BranchId, String> {
        self.addresses.iter().map(|(&id, address)| (id, address.to_string())).collect()
    }

    pub(super) fn addresses(&self) -> BTreeMap<BranchId, SocketAddr> {
        self.addresses.clone()
    }

    pub(super) async fn kill(&self, id: BranchId) -> Result<(), BankError> {
        let closed = self.changing.lock().await;
        if *closed {
            return Err(BankError::Closed);
        }
        let branch = self.lock().remove(&id).ok_or(BankError::NotRunning { branch: id })?;
        branch.kill().await;
        self.ended(&branch, None);
        Ok(())
    }

    /// A new customer of the branch at `address`, through memory.
    pub(super) async fn customer(&self, address: &str, within: Duration) -> Result<Customer, CustomerError> {
        Customer::connect_by(address, within, |endpoint| self.channels.reach(endpoint)).await
    }

    fn ended(&self, branch: &Branch, reason: Option<String>) {
        if let Some(trace) = &self.trace {
            trace.ended(branch, reason);
        }
    }

    /// Lets these faults befall a branch, and no others. Nothing befalls one that does not run.
    pub(super) fn befall(&self, id: BranchId, faults: Faults) {
        let branch = self.lock().get(&id).cloned();
        if let Some(branch) = branch {
            branch.befall(faults);
        }
    }

    pub(super) fn is_running(&self, id: BranchId) -> bool {
        self.lock().contains_key(&id)
    }

    pub(super) async fn restart(&self, id: BranchId, address: SocketAddr, faults: Faults) -> Result<(), BankError> {
        let closed = self.changing.lock().await;
        if *closed {
            return Err(BankError::Closed);
        }
        let before = self.lock().get(&id).cloned();
        if let Some(branch) = before {
            let failure = branch.failure().ok_or(BankError::AlreadyRunning { branch: id })?;
            log::warn!("branch {id} is restarted after a failure: {failure}");
            self.lock().remove(&id);
            branch.close().await;
            self.ended(&branch, Some(failure.to_string()));
        }
        let branch = self.serve(id, bind(id, address)?, Life::Later).await?;
        branch.befall(faults);
        branch.connect(&self.peers(), &self.channels).await;
        Ok(())
    }

    pub(super) fn failures(&self) -> BTreeMap<BranchId, BankError> {
        let failure = |(id, branch): (BranchId, Arc<Branch>)| Some((id, error::branch(id, "", branch.failure()?)));
        self.running().into_iter().filter_map(failure).collect()
    }

    pub(super) async fn statuses(&self, within: Duration) -> Result<BTreeMap<BranchId, Status>, BankError> {
        let questions = self.running().into_iter().map(|(id, branch)| {
            let question = async move {
                let late = |_| {
                    let address = branch.address().to_string();
                    BankError::from(CustomerError::Deadline { address, waited: within, sent: false })
                };
                let status = timeout(within, branch.status()).await.map_err(late)?;
                status.map_err(|cause| error::branch(id, "", cause))
            };
            (id, question)
        });
        ask_all(questions).await
    }

    pub(super) fn saves(&self) -> BTreeMap<BranchId, u64> {
        self.running().into_iter().map(|(id, branch)| (id, branch.saves())).collect()
    }

    pub(super) async fn trace(&self) -> Option<Trace> {
        // A branch that is just ending is neither among those that run nor among those that have ended.
        let _unchanged = self.changing.lock().await;
        let running = self.running();
        self.trace.as_ref().map(|trace| trace.trace(running.values().map(Arc::as_ref)))
    }

    pub(super) async fn wait_until_converged(&self, within: Duration) -> Result<(), BankError> {
        let target = error::join_versions(&self.statuses(within).await?);
        let reached = async {
            for (id, branch) in self.running() {
                branch.reached(&target).await.map_err(|cause| error::branch(id, "", cause))?;
            }
            Ok(())
        };
        match timeout(within, reached).await {
            Ok(reached) => reached,
            Err(_) => Err(error::not_converged(&self.statuses(within).await?, &target, within)),
        }
    }

    pub(super) async fn close(&self) -> BTreeMap<BranchId, u64> {
        let was_closed = std::mem::replace(&mut *self.changing.lock().await, true);
        let branches = self.running();
        let unshared = if was_closed { BTreeMap::new() } else { ending::flush(&branches).await };
        for (&id, &count) in &unshared {
            ending::report(id, count, self.config.data_dir.is_some());
        }
        // Told one by one, all would wait for the slowest; told together, they end together.
        together(branches.values().map(|branch| branch.close())).await;
        unshared
    }
}

fn bind(id: BranchId, address: SocketAddr) -> Result<TcpListener, BankError> {
    TcpListener::bind(address).map_err(|cause| error::listen(id, address, &cause))
}

/// Runs the same question to every branch at the same time.
///
/// # Errors
/// The first failure.
pub(super) async fn ask_all<T: Send + 'static>(
    questions: impl IntoIterator<Item = (BranchId, impl Future<Output = Result<T, BankError>> + Send + 'static)>,
) -> Result<BTreeMap<BranchId, T>, BankError> {
    let mut asked = JoinSet::new();
    for (id, question) in questions {
        asked.spawn(async move { question.await.map(|answer| (id, answer)) });
    }
    let mut answers = BTreeMap::new();
    while let Some(answer) = asked.join_next().await {
        let (id, answer) = answer.unwrap_or(Err(BankError::Closed))?;
        answers.insert(id, answer);
    }
    Ok(answers)
}
