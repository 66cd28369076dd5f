//! Simulations and histories for Python.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use pyo3::{exceptions::PyValueError, prelude::*};

use super::{argument::word, trace::Trace};
use crate::{
    check::{self, History},
    sim::{self, Bug, Choice, Latency, Plan, Record},
    types::Word,
};

/// How often a long simulation looks for Ctrl-C and reports.
const REPORT_INTERVAL: Duration = Duration::from_millis(100);

/// Everything that a simulation does, as data.
#[pyclass(frozen, module = "replibank._core", name = "Plan")]
pub(super) struct PyPlan {
    pub(super) inner: Plan,
}

/// What is given of a plan; the seed draws the rest.
#[derive(FromPyObject)]
#[pyo3(from_item_all)]
struct Given<'py> {
    branches: Option<u32>,
    operations: Option<usize>,
    accounts: Option<usize>,
    opening: Option<i64>,
    latency: Option<String>,
    topology: Option<Bound<'py, PyAny>>,
    propagation: Option<Bound<'py, PyAny>>,
    concern: Option<Bound<'py, PyAny>>,
    sessions: Option<bool>,
    durable: Option<bool>,
    faults: Option<Vec<Bound<'py, PyAny>>>,
    duration_us: Option<u64>,
    bug: Option<Bound<'py, PyAny>>,
}

#[pymethods]
impl PyPlan {
    /// Draws a plan from a seed.
    #[staticmethod]
    fn draw(seed: u64, given: Given<'_>) -> PyResult<Self> {
        let wrong = PyValueError::new_err::<String>;
        let kinds = |faults: Vec<Bound<'_, PyAny>>| faults.iter().map(word).collect();
        let choice = Choice {
            branches: given.branches,
            operations: given.operations,
            accounts: given.accounts,
            opening: given.opening,
            latency: given.latency.as_deref().map(str::parse::<Latency>).transpose().map_err(wrong)?,
            topology: given.topology.as_ref().map(word).transpose()?,
            propagation: given.propagation.as_ref().map(word).transpose()?,
            concern: given.concern.as_ref().map(word).transpose()?,
            sessions: given.sessions,
            durable: given.durable,
            faults: given.faults.map(kinds).transpose()?,
            duration_us: given.duration_us,
            bug: given.bug.as_ref().map(word).transpose()?,
        };
        choice.check().map_err(wrong)?;
        let inner = Plan::draw(seed, &choice);
        inner.check().map_err(wrong)?;
        Ok(Self { inner })
    }

    /// Reads a plan's JSON.
    #[staticmethod]
    fn parse(text: &str) -> PyResult<Self> {
        Plan::parse(text).map(|inner| Self { inner }).map_err(PyValueError::new_err)
    }

    fn to_json(&self) -> PyResult<String> {
        self.inner.to_json().map_err(PyValueError::new_err)
    }

    #[getter]
    fn seed(&self) -> u64 {
        self.inner.seed
    }

    #[getter]
    fn branches(&self) -> u32 {
        self.inner.branches
    }

    #[getter]
    fn operations(&self) -> usize {
        self.inner.operations.len()
    }

    #[getter]
    fn faults(&self) -> usize {
        self.inner.faults.len()
    }

    #[getter]
    fn bug(&self) -> Option<String> {
        self.inner.bug.map(|bug| bug.to_string())
    }

    /// Runs it without the GIL. `progress`, if given, is called with the number of operations done,
    /// about ten times a second; what it raises, and Ctrl-C, break the run off.
    fn run(&self, py: Python<'_>, trace_capacity: usize, progress: Option<Py<PyAny>>) -> PyResult<Run> {
        let record = Record { history: true, trace_capacity };
        let mut report = Reports::new(progress);
        let outcome = py.detach(|| sim::simulate(&self.inner, record, &mut |done| report.tell(done)));
        report.raised()?;
        let outcome = outcome.map_err(PyValueError::new_err)?;
        let judgement = py.detach(|| sim::judge(&outcome));
        Ok(Run { outcome, judgement })
    }

    /// The smallest plan found that fails in the same way; `None` if this one does not fail. Ctrl-C breaks off.
    fn shrink(&self, py: Python<'_>, tries: usize) -> PyResult<Option<Self>> {
        let mut report = Reports::new(None);
        let shrunk = py.detach(|| sim::shrink(&self.inner, tries, &mut |plan| report.tell(plan.operations.len())));
        report.raised()?;
        Ok(shrunk.map(|shrunk| Self { inner: shrunk.plan }))
    }
}

/// Tells Python how far a simulation is, now and then.
struct Reports {
    progress: Option<Py<PyAny>>,
    last: Instant,
    raised: Option<PyErr>,
}

impl Reports {
    fn new(progress: Option<Py<PyAny>>) -> Self {
        Self { progress, last: Instant::now(), raised: None }
    }

    fn tell(&mut self, done: usize) -> ControlFlow<()> {
        if self.last.elapsed() < REPORT_INTERVAL {
            return ControlFlow::Continue(());
        }
        self.last = Instant::now();
        let told = Python::attach(|py| {
            py.check_signals()?;
            self.progress.as_ref().map_or(Ok(()), |progress| progress.call1(py, (done,)).map(drop))
        });
        match told {
            Ok(()) => ControlFlow::Continue(()),
            Err(raised) => {
                self.raised = Some(raised);
                ControlFlow::Break(())
            }
        }
    }

    fn raised(self) -> PyResult<()> {
        self.raised.map_or(Ok(()), Err)
    }
}

/// What came of a simulation.
#[pyclass(frozen, module = "replibank._core")]
pub(super) struct Run {
    outcome: sim::Outcome,
    judgement: sim::Judgement,
}

#[pymethods]
impl Run {
    /// (kind, text) of everything that must never happen, and happened.
    #[getter]
    fn violations(&self) -> Vec<(String, String)> {
        self.judgement.violations.iter().map(|violation| (violation.kind(), violation.to_string())).collect()
    }

    #[getter]
    fn verdict(&self) -> Verdict {
        Verdict { inner: self.judgement.verdict.clone() }
    }

    /// Counts of what happened, by name.
    #[getter]
    fn counts(&self) -> Vec<(&'static str, u64)> {
        let sim::Counts {
            events,
            messages,
            lost,
            doubled,
            breaks,
            crashes,
            torn,
            faults,
            retries,
            strays,
            calls,
            failed_calls,
            set_back,
            clones,
        } = self.outcome.counts;
        vec![
            ("events", events),
            ("messages", messages),
            ("lost", lost),
            ("doubled", doubled),
            ("breaks", breaks),
            ("crashes", crashes),
            ("torn", torn),
            ("faults", faults),
            ("retries", retries),
            ("strays", strays),
            ("calls", calls),
            ("failed_calls", failed_calls),
            ("set_back", set_back),
            ("clones", clones),
        ]
    }

    /// Microseconds of virtual time: when all faults had lifted, and when the bank had settled.
    #[getter]
    fn times(&self) -> (u64, Option<u64>) {
        (self.outcome.healed_at.0, self.outcome.settled_at.map(|at| at.0))
    }

    /// The history as JSON lines.
    fn history(&self, py: Python<'_>) -> String {
        py.detach(|| self.outcome.history.to_jsonl())
    }

    #[getter]
    fn trace(&self) -> Trace {
        Trace::new(self.outcome.trace.clone())
    }
}

/// What the checkers say of a history.
#[pyclass(frozen, module = "replibank._core")]
pub(super) struct Verdict {
    pub(super) inner: check::Verdict,
}

#[pymethods]
impl Verdict {
    /// Whether something was examined, and no promise was broken.
    #[getter]
    fn ok(&self) -> bool {
        self.inner.is_ok()
    }

    #[getter]
    fn broken(&self) -> bool {
        self.inner.is_broken()
    }

    /// (kind, breaks a promise, microseconds, branch, account, invocations, text) of each.
    #[getter]
    #[expect(clippy::type_complexity, reason = "Python makes a class of it")]
    fn anomalies(&self) -> Vec<(String, bool, u64, Option<u32>, Option<u64>, Vec<u64>, String)> {
        let anomaly = |anomaly: &check::Anomaly| {
            let check::Anomaly { kind, at, branch, account, witnesses, story } = anomaly;
            let (branch, account) = (branch.map(|id| id.value()), account.map(|id| id.0));
            (kind.to_string(), anomaly.is_breach(), at.0, branch, account, witnesses.clone(), story.clone())
        };
        self.inner.anomalies.iter().map(anomaly).collect()
    }

    #[getter]
    fn operations(&self) -> usize {
        self.inner.operations
    }

    #[getter]
    fn answered(&self) -> usize {
        self.inner.answered
    }

    #[getter]
    fn reads(&self) -> usize {
        self.inner.reads
    }

    #[getter]
    fn unknown(&self) -> usize {
        self.inner.unknown
    }

    #[getter]
    fn settled(&self) -> usize {
        self.inner.settled
    }

    #[getter]
    fn restarts(&self) -> usize {
        self.inner.restarts
    }

    #[getter]
    fn faults(&self) -> usize {
        self.inner.faults
    }

    #[getter]
    fn answered_in_faults(&self) -> usize {
        self.inner.answered_in_faults
    }

    fn __str__(&self) -> String {
        self.inner.to_string()
    }
}

/// Judges a history in JSON lines. A history that is written wrongly is a `ValueError` with its line.
#[pyfunction]
pub(super) fn check_history(py: Python<'_>, text: &str) -> PyResult<Verdict> {
    let verdict = py.detach(|| History::parse(text).map(|history| check::check(&history)));
    verdict.map(|inner| Verdict { inner }).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// (name, what goes wrong, where it is seen, where it is right) of every bug that can be planted.
#[pyfunction]
pub(super) fn bugs() -> Vec<(String, &'static str, &'static str, &'static str)> {
    let lesson = |bug: Bug| {
        let sim::Lesson { story, seen, right } = bug.lesson();
        (bug.to_string(), story, seen, right)
    };
    Bug::ALL.iter().copied().map(lesson).collect()
}
