//! The course's input and output, and a run of one against served branches.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use pyo3::{exceptions::PyValueError, prelude::*};

use super::{argument, call::Call};
use crate::{
    bank,
    scenario::{self, Reply},
};

/// A course input (project 1) that has been read and checked.
#[pyclass(frozen, module = "replibank._core")]
pub(super) struct Scenario {
    pub(super) inner: Arc<scenario::Scenario>,
}

#[pymethods]
impl Scenario {
    /// Reads an input file's bytes; `order` is "file" or "id".
    #[new]
    #[pyo3(signature = (text, order = "file"))]
    fn new(py: Python<'_>, text: &[u8], order: &str) -> PyResult<Self> {
        let order = argument::of_text(order)?;
        // A hundred megabytes must not stop the other threads of Python.
        let scenario = py.detach(|| scenario::Scenario::parse(text, order))?;
        Ok(Self { inner: Arc::new(scenario) })
    }

    #[getter]
    fn branches(&self) -> Vec<u32> {
        self.inner.branches.iter().map(|branch| branch.value()).collect()
    }

    #[getter]
    fn opening(&self) -> i64 {
        self.inner.opening
    }

    /// (id, branch, number of events) of every record, in file order.
    #[getter]
    fn customers(&self) -> Vec<(u64, u32, usize)> {
        self.inner.customers.iter().map(|record| (record.id, record.branch.value(), record.events.len())).collect()
    }

    #[getter]
    fn event_count(&self) -> usize {
        self.inner.event_count()
    }

    /// The right answers.
    fn expected(&self) -> Replies {
        Replies { scenario: self.inner.clone(), replies: scenario::expected(&self.inner) }
    }

    /// What is wrong with an output file, one sentence each; empty if it is right.
    fn check(&self, py: Python<'_>, output: &[u8]) -> Vec<String> {
        match py.detach(|| scenario::check(&self.inner, output, None)) {
            Ok(()) => Vec::new(),
            Err(problems) => {
                let unlisted = (problems.unlisted > 0).then(|| format!("and {} more", problems.unlisted));
                problems.iter().map(ToString::to_string).chain(unlisted).collect()
            }
        }
    }
}

/// How many events of a run are answered; read it from any thread.
#[pyclass(frozen, module = "replibank._core")]
pub(super) struct Progress {
    pub(super) inner: Arc<bank::Progress>,
}

#[pymethods]
impl Progress {
    #[new]
    fn new() -> Self {
        Self { inner: Arc::default() }
    }

    #[getter]
    fn done(&self) -> usize {
        self.inner.done.load(std::sync::atomic::Ordering::Relaxed)
    }
}

/// What every event was answered.
#[pyclass(frozen, eq, module = "replibank._core")]
#[derive(PartialEq, Eq)]
pub(super) struct Replies {
    pub(super) scenario: Arc<scenario::Scenario>,
    pub(super) replies: Vec<Vec<Reply>>,
}

#[pymethods]
impl Replies {
    /// The output file's text; `form` is "current" or "old".
    #[pyo3(signature = (form = "current"))]
    fn output(&self, form: &str) -> PyResult<String> {
        let form = argument::of_text(form)?;
        scenario::output(&self.scenario, &self.replies, form).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

/// Runs the customers against served branches, one record after another.
#[pyfunction]
pub(super) fn run(
    py: Python<'_>,
    addresses: BTreeMap<u32, String>,
    scenario: &Bound<'_, Scenario>,
    timeout: &Bound<'_, PyAny>,
    progress: &Bound<'_, Progress>,
) -> PyResult<Call> {
    let addresses = addresses
        .iter()
        .map(|(&id, address)| Ok((argument::branch(id)?, argument::address("address", address)?)))
        .collect::<PyResult<BTreeMap<_, SocketAddr>>>()?;
    let (scenario, progress) = (scenario.get().inner.clone(), progress.get().inner.clone());
    let timeout = argument::timeout(timeout)?;
    Call::new(py, async move {
        let replies = bank::run(&addresses, &scenario, timeout, &progress).await?;
        Ok(Replies { scenario, replies })
    })
}
