//! A bank that runs: its branches, wherever they live, and what may be asked of them all.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use super::{
    config::{BankConfig, shorten},
    error::BankError,
    faults::InForce,
    history_keeper::HistoryKeeper,
    local::Tasks,
    process::Processes,
};
use crate::{
    customer::{Customer, Status},
    topology::Topology,
    trace::Trace,
    types::BranchId,
};

/// How long branches that have just started may take to say what they have.
const LOOK_BACK_WITHIN: Duration = Duration::from_secs(10);

/// A running bank. Dropping it stops its branches; [`Bank::close`] also waits for them.
#[derive(Debug)]
pub struct Bank {
    pub(super) addresses: BTreeMap<BranchId, SocketAddr>,
    pub(super) members: Members,
    /// HistoryKeeper to its customers.
    pub(super) is_closed: Arc<AtomicBool>,
    pub(super) topology: Arc<Topology>,
    /// Held while branches are told of them, so that what is told last is what holds.
    pub(super) in_force: tokio::sync::Mutex<InForce>,
    /// What its customers are told, if it keeps a trace.
    pub(super) told: Option<HistoryKeeper>,
}

/// Where the branches live.
#[derive(Debug)]
pub(super) enum Members {
    Tasks(Tasks),
    Processes(Processes),
}

impl Bank {
    /// Starts every branch and waits until each answers.
    ///
    /// # Errors
    /// [`BankError::Config`] for a configuration that cannot be right, [`BankError::Listen`] for a
    /// port that cannot be had, [`BankError::Process`] for a child that does not start.
    ///
    /// # Example
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), replibank::bank::BankError> {
    /// use replibank::{bank::{Bank, BankConfig}, types::BranchId};
    ///
    /// let bank = Bank::start(BankConfig::new((1..=3).filter_map(BranchId::new), 400)).await?;
    /// assert_eq!(bank.addresses().len(), 3);
    /// bank.close().await;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn start(config: BankConfig) -> Result<Self, BankError> {
        config.check()?;
        let members = match &config.program {
            None => Members::Tasks(Tasks::start(&config).await?),
            Some(program) => Members::Processes(Processes::start(&config, program).await?),
        };
        let addresses = match &members {
            Members::Tasks(tasks) => tasks.addresses(),
            Members::Processes(processes) => processes.addresses(),
        };
        let (topology, told) = (config.topology(), HistoryKeeper::new(&config));
        let in_force = tokio::sync::Mutex::default();
        let mut bank = Self { addresses, members, is_closed: Arc::default(), topology, in_force, told };
        bank.look_back().await?;
        Ok(bank)
    }

    /// What is in the data directories, if the history must know.
    async fn look_back(&mut self) -> Result<(), BankError> {
        if self.told.as_ref().is_some_and(HistoryKeeper::keeps_data) {
            let statuses = self.statuses(LOOK_BACK_WITHIN).await?;
            if let Some(told) = &mut self.told {
                told.begins_at(&statuses);
            }
        }
        Ok(())
    }

    /// Every pair of branches that have a link, in both orders.
    pub(super) fn linked(&self) -> impl Iterator<Item = (BranchId, BranchId)> + '_ {
        let links = |&one: &BranchId| self.topology.links(one).into_keys().map(move |other| (one, other));
        self.addresses.keys().flat_map(links)
    }

    /// Where each branch listens.
    pub fn addresses(&self) -> &BTreeMap<BranchId, SocketAddr> {
        &self.addresses
    }

    /// A new customer of `branch`, on a connection of its own.
    ///
    /// # Errors
    /// [`BankError::UnknownBranch`], or the failure to connect.
    pub async fn customer(&self, branch: BranchId, timeout: Duration) -> Result<Customer, BankError> {
        let address = self.address(branch)?;
        if self.is_closed.load(Ordering::Acquire) {
            return Err(BankError::Closed);
        }
        let address = address.to_string();
        let customer = match &self.members {
            Members::Tasks(tasks) => tasks.customer(&address, timeout).await?,
            Members::Processes(_) => Customer::connect(&address, timeout).await?,
        };
        let customer = customer.until(self.is_closed.clone());
        Ok(match &self.told {
            Some(told) => customer.noted(told.journal(), branch),
            None => customer,
        })
    }

    /// Whether each branch is a child process of its own.
    #[must_use]
    pub fn has_processes(&self) -> bool {
        matches!(self.members, Members::Processes(_))
    }

    pub(super) fn address(&self, branch: BranchId) -> Result<SocketAddr, BankError> {
        let known = || shorten(self.addresses.keys());
        self.addresses.get(&branch).copied().ok_or_else(|| BankError::UnknownBranch { branch, known: known() })
    }

    /// Ends a branch as kill -9 does, which a child process gets for real: it finishes nothing, tells
    /// nobody, and what is not in its data directory is lost.
    ///
    /// # Errors
    /// [`BankError::NotRunning`] if it was killed before. [`BankError::Process`] or
    /// [`BankError::Store`] if it had ended by itself; it counts as killed from then on.
    pub async fn kill(&self, branch: BranchId) -> Result<(), BankError> {
        self.address(branch)?;
        let mut in_force = self.in_force.lock().await;
        match &self.members {
            Members::Tasks(tasks) => tasks.kill(branch).await?,
            Members::Processes(processes) => processes.kill(branch).await?,
        }
        in_force.paused.remove(&branch);
        Ok(())
    }

    /// Starts a branch again that was killed or has ended by itself, at the same address. It goes on
    /// from its data directory; without one, it begins a new life, and what the earlier one wrote comes
    /// back from the peers that have it. Peers and customers connect again by themselves.
    ///
    /// # Errors
    /// [`BankError::AlreadyRunning`], or why it does not start, as for [`Bank::start`].
    pub async fn restart(&self, branch: BranchId) -> Result<(), BankError> {
        let address = self.address(branch)?;
        let mut in_force = self.in_force.lock().await;
        // One that ended by itself may have been paused.
        in_force.paused.remove(&branch);
        let faults = in_force.at(branch, &self.topology);
        if let Some(told) = &self.told {
            told.restarts(branch);
        }
        match &self.members {
            Members::Tasks(tasks) => tasks.restart(branch, address, faults).await,
            Members::Processes(processes) => processes.restart(branch, address, &faults).await,
        }
    }

    /// The branches that have ended by themselves, and why: a child process that died, a disk that
    /// failed.
    pub async fn failures(&self) -> BTreeMap<BranchId, BankError> {
        match &self.members {
            Members::Tasks(tasks) => tasks.failures(),
            Members::Processes(processes) => processes.failures().await,
        }
    }

    /// The status of every branch that was not killed.
    ///
    /// # Errors
    /// Why a branch has ended by itself, or the failure to reach one that is a child process.
    pub async fn statuses(&self, timeout: Duration) -> Result<BTreeMap<BranchId, Status>, BankError> {
        let statuses = match &self.members {
            Members::Tasks(tasks) => tasks.statuses(timeout).await,
            Members::Processes(processes) => processes.statuses(timeout).await,
        };
        self.explain(statuses).await
    }

    /// How many saves each branch has on its disk; empty for branches that are child processes. Each
    /// save is a transaction of all that had gathered.
    pub fn saves(&self) -> BTreeMap<BranchId, u64> {
        match &self.members {
            Members::Tasks(tasks) => tasks.saves(),
            Members::Processes(_) => BTreeMap::new(),
        }
    }

    /// What has happened so far, at branches that have ended too; `None` without a
    /// [`BankConfig::trace_capacity`]. Child processes are asked for their rows, and once more when the bank
    /// is closed; those of a process that was killed are lost with it, as the row of its end says.
    ///
    /// # Errors
    /// [`BankError::Paused`] for a child process that cannot answer, or why another does not.
    pub async fn trace(&self) -> Result<Option<Trace>, BankError> {
        match &self.members {
            Members::Tasks(tasks) => Ok(tasks.trace().await),
            Members::Processes(processes) => processes.trace().await,
        }
    }

    /// Returns once everything that a branch has which was not killed is at every such branch, on its
    /// disk if it has one: so every write that was committed before the call, unless its branch was
    /// killed before it told anybody.
    ///
    /// # Errors
    /// [`BankError::NotConverged`] names the branches that lack something when the time is over;
    /// otherwise as for [`Bank::statuses`].
    pub async fn wait_until_converged(&self, timeout: Duration) -> Result<(), BankError> {
        let converged = match &self.members {
            Members::Tasks(tasks) => tasks.wait_until_converged(timeout).await,
            Members::Processes(processes) => processes.wait_until_converged(timeout).await,
        };
        self.explain(converged).await
    }

    /// Stops every branch and waits until each has ended. Before, links may take up to 5 seconds to tell what was
    /// decided. Returns of each branch how many of its operations no other has, if there are any, and logs it:
    /// without a data directory, they are lost. Harmless when called again.
    pub async fn close(&self) -> BTreeMap<BranchId, u64> {
        self.is_closed.store(true, Ordering::Release);
        match &self.members {
            Members::Tasks(tasks) => tasks.close().await,
            Members::Processes(processes) => processes.close().await,
        }
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        self.is_closed.store(true, Ordering::Release);
    }
}
