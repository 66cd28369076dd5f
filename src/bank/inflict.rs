//! Faults on a running bank: those of its wires, and branches that are paused. What is in force stays so
//! until it is lifted, for branches that are killed and restarted meanwhile too.

use super::{
    error::BankError,
    faults::{Fault, FaultId, InForce},
    running::{Bank, Members},
    together::together,
};
use crate::{customer::CustomerError, types::BranchId};

impl Bank {
    /// Lets a fault befall the bank. When this returns, it is in force at every branch that runs.
    ///
    /// # Errors
    /// [`BankError::Config`] or [`BankError::UnknownBranch`] for a fault that cannot be, and why a branch
    /// that has ended by itself cannot be told.
    pub async fn inflict(&self, fault: Fault) -> Result<FaultId, BankError> {
        self.check_open()?;
        fault.check(&self.topology, &self.addresses.keys().copied().collect())?;
        let mut in_force = self.in_force.lock().await;
        let id = in_force.add(fault);
        self.tell_all(&in_force).await?;
        Ok(id)
    }

    /// Lifts one fault. Harmless when called again.
    ///
    /// # Errors
    /// Why a branch that has ended by itself cannot be told; the others were.
    pub async fn lift(&self, fault: FaultId) -> Result<(), BankError> {
        self.check_open()?;
        let mut in_force = self.in_force.lock().await;
        if in_force.lift(fault) { self.tell_all(&in_force).await } else { Ok(()) }
    }

    /// Lifts every fault, and lets paused branches go on. Those that were killed stay so.
    ///
    /// # Errors
    /// As for [`Bank::lift`].
    pub async fn heal(&self) -> Result<(), BankError> {
        self.check_open()?;
        let mut in_force = self.in_force.lock().await;
        in_force.lift_all();
        self.tell_all(&in_force).await
    }

    /// Holds a branch still: it answers nobody and sends nothing until [`Bank::resume`]. A child process
    /// is stopped (SIGSTOP); in this process, its connections, its clock and its disk are held. Harmless
    /// when called again.
    ///
    /// # Errors
    /// [`BankError::NotRunning`] if it was killed, or why it has ended by itself.
    pub async fn pause(&self, branch: BranchId) -> Result<(), BankError> {
        self.set_paused(branch, true).await
    }

    /// Lets a paused branch go on. Harmless when it is not paused.
    ///
    /// # Errors
    /// [`BankError::NotRunning`] if it was killed, or why it has ended by itself.
    pub async fn resume(&self, branch: BranchId) -> Result<(), BankError> {
        self.set_paused(branch, false).await
    }

    async fn set_paused(&self, branch: BranchId, paused: bool) -> Result<(), BankError> {
        self.check_open()?;
        self.address(branch)?;
        let mut in_force = self.in_force.lock().await;
        let is_running = match &self.members {
            Members::Tasks(tasks) => tasks.is_running(branch),
            Members::Processes(processes) => processes.is_running(branch).await,
        };
        if !is_running {
            return Err(BankError::NotRunning { branch });
        }
        let changes = if paused { in_force.paused.insert(branch) } else { in_force.paused.remove(&branch) };
        if changes { self.tell(&in_force, branch).await } else { Ok(()) }
    }

    fn check_open(&self) -> Result<(), BankError> {
        if self.is_closed.load(std::sync::atomic::Ordering::Acquire) { Err(BankError::Closed) } else { Ok(()) }
    }

    /// Tells every branch; returns the first failure once all were told.
    async fn tell_all(&self, in_force: &InForce) -> Result<(), BankError> {
        let told = together(self.addresses.keys().map(|&branch| self.tell(in_force, branch))).await;
        told.into_iter().collect()
    }

    async fn tell(&self, in_force: &InForce, branch: BranchId) -> Result<(), BankError> {
        let faults = in_force.at(branch, &self.topology);
        match &self.members {
            Members::Tasks(tasks) => {
                tasks.befall(branch, faults);
                Ok(())
            }
            Members::Processes(processes) => processes.befall(branch, &faults).await,
        }
    }

    /// A branch that is paused is a better reason than that nobody answers there.
    pub(super) async fn explain<T>(&self, result: Result<T, BankError>) -> Result<T, BankError> {
        match result {
            Err(BankError::Customer(CustomerError::Deadline { .. } | CustomerError::Unreachable { .. })) => {
                let paused = self.in_force.lock().await.paused.first().copied();
                match paused {
                    Some(branch) => Err(BankError::Paused { branch }),
                    None => result,
                }
            }
            other => other,
        }
    }
}
