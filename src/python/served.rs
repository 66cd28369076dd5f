//! One branch alone: for a host of its own, or as a child process of a bank.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use pyo3::prelude::*;

use super::{argument, call::Call, owned::Owned, runtime};
use crate::{
    bank::{self, BranchConfig},
    branch::Data,
};

/// One served branch.
#[pyclass(frozen, module = "replibank._core")]
pub(super) struct Served {
    inner: Owned<Arc<bank::Served>>,
}

/// A served branch on its way to Python.
struct Serving(bank::Served);

impl<'py> IntoPyObject<'py> for Serving {
    type Target = Served;
    type Output = Bound<'py, Served>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Bound::new(py, Served { inner: Owned::new(Arc::new(self.0), runtime::handle(py)?) })
    }
}

#[pymethods]
impl Served {
    #[getter]
    fn address(&self) -> PyResult<String> {
        Ok(self.inner.value()?.address().to_string())
    }

    /// Links to the neighbours among these peers, if they were not named at the start.
    fn connect(&self, py: Python<'_>, peers: BTreeMap<u32, String>) -> PyResult<Call> {
        let served = self.inner.value()?.clone();
        let peers = peers.into_iter().map(|(id, address)| Ok((argument::branch(id)?, address)));
        let peers = peers.collect::<PyResult<BTreeMap<_, _>>>()?;
        Call::new(py, async move {
            served.connect(&peers).await;
            Ok(())
        })
    }

    /// Raises why it has failed, if it has.
    fn check(&self) -> PyResult<()> {
        self.inner.value()?.failure().map_or(Ok(()), |failure| Err(failure.into()))
    }

    /// How many of its operations no other branch is known to have.
    fn close(&self, py: Python<'_>) -> PyResult<Call> {
        let served = self.inner.value()?.clone();
        Call::new(py, async move { Ok(served.close().await) })
    }
}

/// Binds, serves, and links to its peers.
#[pyfunction]
#[pyo3(signature = (
    branch, listen, peers, accounts, propagation, topology, propagation_delay, data_dir=None, durability="synced"
))]
pub(super) fn serve_branch(
    py: Python<'_>,
    branch: u32,
    listen: String,
    peers: BTreeMap<u32, Option<String>>,
    accounts: BTreeMap<u64, i64>,
    propagation: &Bound<'_, PyAny>,
    topology: &Bound<'_, PyAny>,
    propagation_delay: &Bound<'_, PyAny>,
    data_dir: Option<PathBuf>,
    durability: &str,
) -> PyResult<Call> {
    let durability = argument::of_text(durability)?;
    let peers = peers.into_iter().map(|(id, address)| Ok((argument::branch(id)?, address)));
    let config = BranchConfig {
        id: argument::branch(branch)?,
        listen,
        peers: peers.collect::<PyResult<_>>()?,
        accounts: argument::accounts(accounts),
        shape: argument::word(topology)?,
        propagation: argument::word(propagation)?,
        propagation_delay: argument::delay("propagation_delay", propagation_delay)?,
        data: data_dir.map(|directory| Data { directory, durability }),
    };
    Call::new(py, async move { Ok(Serving(bank::Served::start(config).await?)) })
}

/// Serves as the parent says on standard input, until that ends.
#[pyfunction]
pub(super) fn supervised_branch(py: Python<'_>) -> PyResult<Call> {
    Call::new(py, async move { Ok(bank::supervised().await?) })
}
