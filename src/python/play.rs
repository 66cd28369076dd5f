//! Plans that are played on live banks.

use std::{ffi::OsString, path::PathBuf};

use pyo3::prelude::*;

use super::{
    call::Call,
    scenario::Progress,
    sim::{PyPlan, Verdict},
    trace::Trace,
};
use crate::bank::{self, Stage};

/// What of a plan is other than in the simulator when it is played, in sentences.
#[pyfunction]
pub(super) fn differences(plan: &Bound<'_, PyPlan>) -> PyResult<Vec<&'static str>> {
    Ok(bank::differences(&plan.get().inner)?)
}

/// Plays a plan on a live bank. `program`: the command of a child process; None: branches live in this
/// process.
#[pyfunction]
#[pyo3(signature = (plan, program, data_dir, capacity, progress))]
pub(super) fn play(
    py: Python<'_>,
    plan: &Bound<'_, PyPlan>,
    program: Option<Vec<OsString>>,
    data_dir: Option<PathBuf>,
    capacity: usize,
    progress: &Bound<'_, Progress>,
) -> PyResult<Call> {
    let (plan, progress) = (plan.get().inner.clone(), progress.get().inner.clone());
    let stage = Stage { program, data_dir, capacity };
    Call::new(py, async move { Ok(Ended(bank::play(&plan, stage, &progress).await?)) })
}

/// A play that has ended, on its way to Python.
struct Ended(bank::Played);

impl<'py> IntoPyObject<'py> for Ended {
    type Target = Played;
    type Output = Bound<'py, Played>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        Bound::new(py, Played { inner: self.0 })
    }
}

/// What came of a play.
#[pyclass(frozen, module = "replibank._core")]
pub(super) struct Played {
    inner: bank::Played,
}

#[pymethods]
impl Played {
    /// (kind, text) of everything that must never happen, and happened.
    #[getter]
    fn violations(&self) -> Vec<(String, String)> {
        self.inner.violations.clone()
    }

    #[getter]
    fn verdict(&self) -> Verdict {
        Verdict { inner: self.inner.verdict.clone() }
    }

    /// The history as JSON lines.
    fn history(&self, py: Python<'_>) -> String {
        py.detach(|| self.inner.history.to_jsonl())
    }

    /// How many events of the history found no room.
    #[getter]
    fn lost(&self) -> u64 {
        self.inner.lost
    }

    #[getter]
    fn trace(&self) -> Option<Trace> {
        self.inner.trace.clone().map(Trace::new)
    }

    /// How many faults befell the bank.
    #[getter]
    fn faults(&self) -> usize {
        self.inner.faults
    }

    /// Until the bank had settled.
    #[getter]
    fn seconds(&self) -> f64 {
        self.inner.took.as_secs_f64()
    }
}
