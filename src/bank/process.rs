//! The branches of a bank as child processes, one each.

use std::{collections::BTreeMap, ffi::OsString, net::SocketAddr, time::Duration};

use tokio::time::timeout;

use super::{
    BankConfig, BankError,
    child::{Child, END_WITHIN},
    config::{Life, shorten},
    error, files,
    local::ask_all,
    supervised::Assignment,
    together::together,
    words::Introduction,
};
use crate::{
    branch::Faults,
    customer::{Customer, CustomerError, Status},
    types::{AccountId, BranchId, Duration as Span, Terms},
};

#[derive(Debug)]
pub(super) struct Processes {
    config: BankConfig,
    program: Vec<OsString>,
    addresses: BTreeMap<BranchId, SocketAddr>,
    children: tokio::sync::Mutex<Children>,
}

#[derive(Debug, Default)]
struct Children {
    /// Those that were not killed.
    running: BTreeMap<BranchId, Child>,
    closed: bool,
}

/// Tells each child what to be and who its peers are; returns where they listen.
async fn introduce(
    config: &BankConfig,
    children: &mut BTreeMap<BranchId, Child>,
) -> Result<BTreeMap<BranchId, SocketAddr>, BankError> {
    let assign = async |(&branch, child): (&BranchId, &mut Child)| {
        let listen = config.listen(branch);
        let assignment = Assignment::new(branch, Life::First, listen, config);
        child.assign(&assignment, listen).await.map(|address| (branch, address))
    };
    let assigned = together(children.iter_mut().map(assign)).await;
    let addresses = assigned.into_iter().collect::<Result<_, _>>()?;
    let introduction = introduction(&addresses, &Faults::default());
    let introduced = together(children.values_mut().map(|child| child.introduce(&introduction))).await;
    introduced.into_iter().collect::<Result<(), _>>()?;
    Ok(addresses)
}

impl Processes {
    pub(super) async fn start(config: &BankConfig, program: &[OsString]) -> Result<Self, BankError> {
        let what = format!("a bank of {} in processes", shorten(config.branches.keys()));
        files::ensure(files::needed_by_parent(config), &what, "or take fewer branches")?;
        let mut running = BTreeMap::new();
        for &branch in config.branches.keys() {
            running.insert(branch, Child::spawn(branch, program)?);
        }
        let addresses = match introduce(config, &mut running).await {
            Ok(addresses) => addresses,
            Err(error) => {
                // A bank starts whole or not at all: when this is told, nothing is left of it.
                for child in running.values_mut() {
                    if let Err(survives) = child.kill().await {
                        log::error!("{survives}");
                    }
                }
                return Err(error);
            }
        };
        let children = tokio::sync::Mutex::new(Children { running, closed: false });
        Ok(Self { config: config.clone(), program: program.to_vec(), addresses, children })
    }

    pub(super) fn addresses(&self) -> BTreeMap<BranchId, SocketAddr> {
        self.addresses.clone()
    }

    pub(super) async fn kill(&self, branch: BranchId) -> Result<(), BankError> {
        let mut children = self.children.lock().await;
        if children.closed {
            return Err(BankError::Closed);
        }
        let mut child = children.running.remove(&branch).ok_or(BankError::NotRunning { branch })?;
        child.check().await?;
        child.kill().await
    }

    /// Lets these faults befall a branch, and no others: its process is held, or told. Nothing befalls a
    /// branch that does not run.
    pub(super) async fn befall(&self, branch: BranchId, faults: &Faults) -> Result<(), BankError> {
        let mut children = self.children.lock().await;
        let Some(child) = children.running.get_mut(&branch) else { return Ok(()) };
        if !faults.paused {
            child.resume().await?;
            child.befall(faults).await
        } else if child.is_paused() {
            // It is told when it goes on.
            Ok(())
        } else {
            child.befall(faults).await?;
            child.pause().await
        }
    }

    pub(super) async fn is_running(&self, branch: BranchId) -> bool {
        self.children.lock().await.running.contains_key(&branch)
    }

    pub(super) async fn restart(
        &self,
        branch: BranchId,
        address: SocketAddr,
        faults: &Faults,
    ) -> Result<(), BankError> {
        let mut children = self.children.lock().await;
        if children.closed {
            return Err(BankError::Closed);
        }
        if let Some(child) = children.running.get_mut(&branch) {
            let failure = child.check().await.err().ok_or(BankError::AlreadyRunning { branch })?;
            log::warn!("{failure}: it is restarted");
            children.running.remove(&branch);
        }
        let mut child = Child::spawn(branch, &self.program)?;
        child.assign(&Assignment::new(branch, Life::Later, address, &self.config), address).await?;
        child.introduce(&introduction(&self.addresses, faults)).await?;
        children.running.insert(branch, child);
        Ok(())
    }

    /// The branches that ended without having been told or killed, and why.
    pub(super) async fn failures(&self) -> BTreeMap<BranchId, BankError> {
        let mut failures = BTreeMap::new();
        for (&branch, child) in &mut self.children.lock().await.running {
            if let Err(failure) = child.check().await {
                failures.insert(branch, failure);
            }
        }
        failures
    }

    /// Where those branches are that run.
    async fn running(&self) -> Result<BTreeMap<BranchId, SocketAddr>, BankError> {
        let mut children = self.children.lock().await;
        let mut running = BTreeMap::new();
        for (branch, &address) in &self.addresses {
            if let Some(child) = children.running.get_mut(branch) {
                child.check().await?;
                running.insert(*branch, address);
            }
        }
        Ok(running)
    }

    pub(super) async fn statuses(&self, within: Duration) -> Result<BTreeMap<BranchId, Status>, BankError> {
        let questions = self.running().await?.into_iter().map(|(id, address)| {
            (id, async move { Ok(Customer::connect(&address.to_string(), within).await?.status(within).await?) })
        });
        let answers = ask_all(questions).await;
        if answers.is_err() {
            // Better than that nobody answers there is why.
            self.running().await?;
        }
        answers
    }

    pub(super) async fn wait_until_converged(&self, within: Duration) -> Result<(), BankError> {
        let statuses = self.statuses(within).await?;
        let target = error::join_versions(&statuses);
        let account = statuses.values().flat_map(|status| status.snapshot.balances.keys()).next().copied();
        let account = account.unwrap_or(AccountId::DEFAULT);
        let wait = Span(u64::try_from(within.as_micros()).unwrap_or(u64::MAX));
        let terms = Terms { at_least: target.clone(), wait, ..Terms::default() };
        let questions = self.running().await?.into_iter().map(|(id, address)| {
            let terms = terms.clone();
            let question = async move {
                let customer = Customer::connect(&address.to_string(), within).await?;
                match customer.query(account, false, &terms).await {
                    Ok(_) => Ok(true),
                    Err(CustomerError::Behind { .. }) => Ok(false),
                    Err(error) => Err(BankError::from(error)),
                }
            };
            (id, question)
        });
        if ask_all(questions).await?.into_values().all(|reached| reached) {
            return Ok(());
        }
        Err(error::not_converged(&self.statuses(within).await?, &target, within))
    }

    pub(super) async fn close(&self) {
        let mut children = self.children.lock().await;
        children.closed = true;
        let mut ending = Vec::new();
        for (branch, child) in std::mem::take(&mut children.running) {
            ending.push((branch, child.end().await));
        }
        for (branch, mut process) in ending {
            if timeout(END_WITHIN, process.wait()).await.is_err() {
                log::warn!("branch {branch} did not end when told and is killed");
                if let Err(error) = process.kill().await {
                    log::error!("branch {branch} cannot be killed: {error}");
                }
            }
        }
    }
}

fn introduction(addresses: &BTreeMap<BranchId, SocketAddr>, faults: &Faults) -> Introduction {
    let peers = addresses.iter().map(|(id, address)| (id.value(), address.to_string())).collect();
    Introduction { peers, faults: faults.into() }
}
