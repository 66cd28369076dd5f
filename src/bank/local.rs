//! The branches of a bank as tasks of this process: real gRPC on loopback.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, TcpListener},
    sync::Arc,
    time::Duration,
};

use tokio::{task::JoinSet, time::timeout};

use super::{BankConfig, BankError, config::shorten, error, files};
use crate::{
    branch::Branch,
    customer::Status,
    trace::Trace,
    types::{BranchId, Version},
};

#[derive(Debug)]
pub(super) struct Tasks {
    branches: BTreeMap<BranchId, Branch>,
}

impl Tasks {
    pub(super) async fn start(config: &BankConfig) -> Result<Self, BankError> {
        let what = format!("a bank of {} in one process", shorten(config.branches.keys()));
        files::ensure(files::needed_by_tasks(config), &what)?;
        // Every port is bound before any branch serves: a bank starts whole or not at all.
        let mut listeners = Vec::with_capacity(config.branches.len());
        for &id in config.branches.keys() {
            let address = config.listen(id);
            listeners.push((id, TcpListener::bind(address).map_err(|cause| error::listen(id, address, &cause))?));
        }
        let topology = config.topology();
        let mut branches = BTreeMap::new();
        for (id, listener) in listeners {
            let branch = Branch::serve(listener, config.branch(id, &topology)).map_err(|cause| BankError::Listen {
                branch: id,
                address: config.listen(id).to_string(),
                reason: cause.to_string(),
                in_use: false,
            })?;
            branches.insert(id, branch);
        }
        let tasks = Self { branches };
        let peers = tasks.addresses().iter().map(|(&id, address)| (id, address.to_string())).collect();
        let channels = Arc::default();
        for branch in tasks.branches.values() {
            branch.connect(&peers, &channels).await;
        }
        Ok(tasks)
    }

    pub(super) fn addresses(&self) -> BTreeMap<BranchId, SocketAddr> {
        self.branches.iter().map(|(&id, branch)| (id, branch.address())).collect()
    }

    pub(super) fn statuses(&self) -> BTreeMap<BranchId, Status> {
        self.branches.iter().map(|(&id, branch)| (id, branch.status())).collect()
    }

    pub(super) fn traces(&self) -> BTreeMap<BranchId, Trace> {
        self.branches.iter().map(|(&id, branch)| (id, branch.trace())).collect()
    }

    pub(super) async fn wait_until_converged(&self, within: Duration) -> Result<(), BankError> {
        let target = error::join_versions(&self.statuses());
        let reached = async {
            for branch in self.branches.values() {
                if branch.reached(&target).await.is_err() {
                    return Err(BankError::Closed);
                }
            }
            Ok(())
        };
        timeout(within, reached).await.unwrap_or_else(|_| Err(self.not_converged(&target, within)))
    }

    fn not_converged(&self, target: &Version, within: Duration) -> BankError {
        error::not_converged(&self.statuses(), target, within)
    }

    pub(super) async fn close(&self) {
        // Told one by one, all would wait for the slowest; told together, they end together.
        let mut closing: Vec<_> = self.branches.values().map(|branch| Box::pin(branch.close())).collect();
        std::future::poll_fn(|context| {
            closing.retain_mut(|close| close.as_mut().poll(context).is_pending());
            if closing.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
    }
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
