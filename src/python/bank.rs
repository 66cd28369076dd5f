//! A whole bank.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf, sync::Arc};

use pyo3::prelude::*;

use super::{
    argument,
    call::Call,
    customer::Connected,
    fault,
    owned::Owned,
    runtime::{self, Driver},
    scenario::{Progress, Replies, Scenario},
    trace::Trace,
    version::Version,
};
use crate::{
    bank::{self, BankConfig, Fault, FaultId},
    branch,
    types::Refusal,
};

/// A running bank; its methods return calls.
#[pyclass(frozen, module = "replibank._core")]
pub(super) struct Bank {
    inner: Owned<Arc<bank::Bank>>,
    /// Of its customers.
    driver: Driver,
}

/// A started bank on its way to Python.
struct Started(bank::Bank);

impl<'py> IntoPyObject<'py> for Started {
    type Target = Bank;
    type Output = Bound<'py, Bank>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        // Between branches and customers of one process, requests need no socket, and go from thread to thread
        // least often where both are driven by the same threads.
        let driver = if self.0.has_processes() { Driver::Caller } else { Driver::Workers };
        Bound::new(py, Bank { inner: Owned::new(Arc::new(self.0), runtime::handle(py)?), driver })
    }
}

/// Starts every branch and waits until each answers.
#[pyfunction]
#[pyo3(signature = (
    branches, accounts, propagation, topology, propagation_delay, program, data_dir=None, durability="synced",
    trace_capacity=0
))]
pub(super) fn start_bank(
    py: Python<'_>,
    branches: BTreeMap<u32, Option<String>>,
    accounts: BTreeMap<u64, i64>,
    propagation: &Bound<'_, PyAny>,
    topology: &Bound<'_, PyAny>,
    propagation_delay: &Bound<'_, PyAny>,
    program: Option<Vec<OsString>>,
    data_dir: Option<PathBuf>,
    durability: &str,
    trace_capacity: usize,
) -> PyResult<Call> {
    let branches = branches.into_iter().map(|(id, address)| {
        let address = address.map(|text| argument::address("address", &text)).transpose()?;
        Ok((argument::branch(id)?, address))
    });
    let config = BankConfig {
        branches: branches.collect::<PyResult<_>>()?,
        accounts: argument::accounts(accounts),
        shape: argument::word(topology)?,
        propagation: argument::word(propagation)?,
        propagation_delay: argument::delay("propagation_delay", propagation_delay)?,
        trace_capacity,
        data_dir,
        durability: argument::of_text(durability)?,
        program,
    };
    Call::new(py, async move { Ok(Started(bank::Bank::start(config).await?)) })
}

/// Number of links, most links of a branch, diameter in hops.
#[pyfunction]
pub(super) fn topology(
    branches: Vec<u32>,
    propagation: &Bound<'_, PyAny>,
    topology: &Bound<'_, PyAny>,
) -> PyResult<(usize, usize, usize)> {
    let branches = branches.into_iter().map(argument::branch).collect::<PyResult<_>>()?;
    let links = branch::topology(argument::word(topology)?, argument::word(propagation)?, &branches);
    Ok((links.link_count(), links.degree(), links.diameter()))
}

#[pymethods]
impl Bank {
    fn addresses(&self) -> PyResult<BTreeMap<u32, String>> {
        let addresses = self.inner.value()?.addresses();
        Ok(addresses.iter().map(|(id, address)| (id.value(), address.to_string())).collect())
    }

    fn customer(&self, py: Python<'_>, branch: &Bound<'_, PyAny>, timeout: &Bound<'_, PyAny>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        let (branch, timeout) = (argument::branch_of(branch)?, argument::timeout(timeout)?);
        let driver = self.driver;
        Call::driven_by(driver, py, async move { Ok(Connected(bank.customer(branch, timeout).await?, driver)) })
    }

    fn balances(&self, py: Python<'_>, account: &Bound<'_, PyAny>, timeout: &Bound<'_, PyAny>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        let (account, timeout) = (argument::account(account)?, argument::timeout(timeout)?);
        Call::new(py, async move {
            let mut balances = BTreeMap::new();
            for (id, status) in bank.statuses(timeout).await? {
                let balance = status.snapshot.balances.get(&account).copied();
                let unknown = || super::error::refused(&Refusal::UnknownAccount { account });
                balances.insert(id.value(), balance.ok_or_else(unknown)?);
            }
            Ok(balances)
        })
    }

    fn versions(&self, py: Python<'_>, timeout: &Bound<'_, PyAny>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        let timeout = argument::timeout(timeout)?;
        Call::new(py, async move {
            let statuses = bank.statuses(timeout).await?.into_iter();
            let versions: BTreeMap<u32, Version> =
                statuses.map(|(id, status)| (id.value(), Version(status.snapshot.version))).collect();
            Ok(versions)
        })
    }

    fn wait_until_converged(&self, py: Python<'_>, timeout: &Bound<'_, PyAny>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        let timeout = argument::timeout(timeout)?;
        Call::new(py, async move { Ok(bank.wait_until_converged(timeout).await?) })
    }

    fn kill(&self, py: Python<'_>, branch: &Bound<'_, PyAny>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        let branch = argument::branch_of(branch)?;
        Call::new(py, async move { Ok(bank.kill(branch).await?) })
    }

    fn restart(&self, py: Python<'_>, branch: &Bound<'_, PyAny>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        let branch = argument::branch_of(branch)?;
        Call::new(py, async move { Ok(bank.restart(branch).await?) })
    }

    /// Cuts the links between groups of branches; the fault's id.
    fn partition(&self, py: Python<'_>, groups: Vec<Bound<'_, PyAny>>, one_way: bool) -> PyResult<Call> {
        self.inflict(py, fault::partition(&groups, one_way)?)
    }

    /// Holds messages back; the fault's id.
    #[pyo3(signature = (seconds, branches, links, one_way))]
    fn delay(
        &self,
        py: Python<'_>,
        seconds: &Bound<'_, PyAny>,
        branches: Option<&Bound<'_, PyAny>>,
        links: Option<&Bound<'_, PyAny>>,
        one_way: bool,
    ) -> PyResult<Call> {
        let by = argument::delay("seconds", seconds)?;
        self.inflict(py, fault::delay(by, fault::messages(branches, links, one_way)?))
    }

    /// Loses messages; the fault's id.
    #[pyo3(signature = (share, branches, links, one_way))]
    fn drop(
        &self,
        py: Python<'_>,
        share: &Bound<'_, PyAny>,
        branches: Option<&Bound<'_, PyAny>>,
        links: Option<&Bound<'_, PyAny>>,
        one_way: bool,
    ) -> PyResult<Call> {
        let share = fault::share(share)?;
        self.inflict(py, fault::drop(share, fault::messages(branches, links, one_way)?))
    }

    /// Loses customers' requests and the answers to them; the fault's id.
    #[pyo3(signature = (share, branches))]
    fn drop_requests(
        &self,
        py: Python<'_>,
        share: &Bound<'_, PyAny>,
        branches: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Call> {
        let share = fault::share(share)?;
        let branches = match branches {
            Some(branches) => fault::ids("branches", branches)?,
            None => self.inner.value()?.addresses().keys().copied().collect(),
        };
        self.inflict(py, Fault::DropOfCustomers { share, branches })
    }

    /// Lifts one fault.
    fn lift(&self, py: Python<'_>, fault: u64) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        Call::new(py, async move { Ok(bank.lift(FaultId(fault)).await?) })
    }

    /// Lifts every fault, and lets paused branches go on.
    fn heal(&self, py: Python<'_>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        Call::new(py, async move { Ok(bank.heal().await?) })
    }

    fn pause(&self, py: Python<'_>, branch: &Bound<'_, PyAny>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        let branch = argument::branch_of(branch)?;
        Call::new(py, async move { Ok(bank.pause(branch).await?) })
    }

    fn resume(&self, py: Python<'_>, branch: &Bound<'_, PyAny>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        let branch = argument::branch_of(branch)?;
        Call::new(py, async move { Ok(bank.resume(branch).await?) })
    }

    /// What its customers asked and were told, as JSON lines; and how many events found no room.
    fn history(&self, py: Python<'_>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        Call::new(py, async move {
            let (history, lost) = bank.history().await?;
            Ok((history.to_jsonl(), lost))
        })
    }

    /// What has happened so far; `None` without a trace.
    fn trace(&self, py: Python<'_>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        Call::new(py, async move { Ok(bank.trace().await?.map(Trace::new)) })
    }

    /// The branches that have ended by themselves, and why.
    fn failures(&self, py: Python<'_>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        Call::new(py, async move {
            let failures = bank.failures().await.into_iter();
            Ok(failures.map(|(id, failure)| (id.value(), failure.to_string())).collect::<BTreeMap<_, _>>())
        })
    }

    /// Runs a scenario's customers against this bank.
    fn run(
        &self,
        py: Python<'_>,
        scenario: &Bound<'_, Scenario>,
        timeout: &Bound<'_, PyAny>,
        progress: &Bound<'_, Progress>,
    ) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        let (scenario, progress) = (scenario.get().inner.clone(), progress.get().inner.clone());
        let timeout = argument::timeout(timeout)?;
        Call::new(py, async move {
            let replies = bank.run(&scenario, timeout, &progress).await?;
            Ok(Replies { scenario, replies })
        })
    }

    /// Of each branch, how many operations no other has, if there are any.
    fn close(&self, py: Python<'_>) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        Call::new(py, async move {
            let unshared = bank.close().await.into_iter();
            Ok(unshared.map(|(id, count)| (id.value(), count)).collect::<BTreeMap<_, _>>())
        })
    }
}

impl Bank {
    fn inflict(&self, py: Python<'_>, fault: Fault) -> PyResult<Call> {
        let bank = self.inner.value()?.clone();
        Call::new(py, async move { Ok(bank.inflict(fault).await?.0) })
    }
}
