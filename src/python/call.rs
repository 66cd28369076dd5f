//! One operation, waiting to be run: blocking (`wait`) or on a running asyncio loop (`future`).
//! Both run the same Rust future, so that the sync and the async API cannot drift apart.

use std::{
    future::Future,
    pin::Pin,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use pyo3::{IntoPyObjectExt, exceptions::PyRuntimeError, prelude::*};
use pyo3_async_runtimes::generic;
use tokio::time::timeout;

use super::{
    owned::Owned,
    runtime::{self, Driver, Tokio},
};

/// How often a blocked call looks for Ctrl-C.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(100);

type Work = Pin<Box<dyn Future<Output = PyResult<Outcome>> + Send>>;

/// A result that becomes a Python object as soon as a thread is attached.
type Convert = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;
struct Outcome(Convert);

impl<'py> IntoPyObject<'py> for Outcome {
    type Target = PyAny;
    type Output = Bound<'py, PyAny>;
    type Error = PyErr;

    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        (self.0)(py).map(|object| object.into_bound(py))
    }
}

/// An operation that has not begun: `wait()` or `future()` runs it, once.
#[pyclass(frozen, module = "replibank._core")]
pub(super) struct Call {
    work: Owned<Mutex<Option<Work>>>,
    /// Of a call that blocks.
    driver: Driver,
}

impl Call {
    /// Wraps `work`, whose result becomes a Python object once it is there.
    pub(super) fn new<F, T>(py: Python<'_>, work: F) -> PyResult<Self>
    where
        F: Future<Output = PyResult<T>> + Send + 'static,
        T: for<'py> IntoPyObject<'py> + Send + 'static,
    {
        Self::driven_by(Driver::Workers, py, work)
    }

    /// The same, of a call that may drive what it waits for by itself if it blocks. It must start nothing that a
    /// branch needs.
    pub(super) fn driven_by<F, T>(driver: Driver, py: Python<'_>, work: F) -> PyResult<Self>
    where
        F: Future<Output = PyResult<T>> + Send + 'static,
        T: for<'py> IntoPyObject<'py> + Send + 'static,
    {
        let work: Work = Box::pin(async move {
            let value = work.await?;
            let convert: Convert = Box::new(move |py| value.into_py_any(py));
            Ok(Outcome(convert))
        });
        Ok(Self { work: Owned::new(Mutex::new(Some(work)), runtime::handle(py)?), driver })
    }

    fn take(&self) -> PyResult<Work> {
        let mut work = self.work.value()?.lock().unwrap_or_else(PoisonError::into_inner);
        work.take().ok_or_else(|| PyRuntimeError::new_err("a call runs once: this one was run before"))
    }
}

#[pymethods]
impl Call {
    /// Runs the operation and blocks, without the GIL. Ctrl-C interrupts it within 0.1 s.
    fn wait(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        let mut blocking = runtime::blocking(py)?;
        let mut work = self.take()?;
        let mut interval = SIGNAL_INTERVAL;
        let outcome = loop {
            let polled =
                py.detach(|| blocking.on(self.driver, async { timeout(interval, &mut work).await.ok().transpose() }));
            match polled.transpose() {
                Some(outcome) => break outcome,
                // Here, and not while it is polled: a handler may make calls of its own.
                None => match handle_signals(py) {
                    Ok(next) => interval = next,
                    Err(raised) => break Err(raised),
                },
            }
        };
        blocking.drop(work);
        (outcome?.0)(py)
    }

    /// Starts the operation; an `asyncio.Future` of the running loop gets its result. Cancelling it
    /// drops the operation.
    fn future<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let work = self.take()?;
        let runtime = runtime::handle(py)?;
        let _entered = runtime.enter();
        generic::future_into_py::<Tokio, _, _>(py, work)
    }
}

/// Runs the handlers of signals that have come, which Python does in its main thread only: how long to wait before
/// the next look.
fn handle_signals(py: Python<'_>) -> PyResult<Duration> {
    let threading = py.import("threading")?;
    if threading.call_method0("current_thread")?.is(&threading.call_method0("main_thread")?) {
        py.check_signals()?;
        Ok(SIGNAL_INTERVAL)
    } else {
        Ok(Duration::MAX)
    }
}
