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
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{
    owned::Owned,
    runtime::{self, Tokio},
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
}

impl Call {
    /// Wraps `work`, whose result becomes a Python object once it is there.
    pub(super) fn new<F, T>(py: Python<'_>, work: F) -> PyResult<Self>
    where
        F: Future<Output = PyResult<T>> + Send + 'static,
        T: for<'py> IntoPyObject<'py> + Send + 'static,
    {
        let work: Work = Box::pin(async move {
            let value = work.await?;
            let convert: Convert = Box::new(move |py| value.into_py_any(py));
            Ok(Outcome(convert))
        });
        Ok(Self { work: Owned::new(Mutex::new(Some(work)), runtime::handle(py)?) })
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
        let work = self.take()?;
        let (runtime, mut end) = runtime::handle_and_end(py)?;
        let outcome = py.detach(move || {
            runtime.block_on(async move {
                tokio::select! {
                    biased;
                    _ = end.changed() => Err(runtime::ended()),
                    outcome = work => outcome,
                    interrupt = interrupted() => Err(interrupt),
                }
            })
        })?;
        (outcome.0)(py)
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

/// Ends when a signal handler raises, with what it raised. Handlers run in the main thread only, so
/// elsewhere it never ends.
async fn interrupted() -> PyErr {
    let mut ticks = interval_at(Instant::now() + SIGNAL_INTERVAL, SIGNAL_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // None: the interpreter exits, and this thread with it.
        let checked =
            Python::try_attach(|py| if is_main_thread(py)? { py.check_signals().map(|()| true) } else { Ok(false) });
        match checked {
            Some(Ok(true)) => {}
            Some(Ok(false)) | None => std::future::pending().await,
            Some(Err(raised)) => return raised,
        }
    }
}

fn is_main_thread(py: Python<'_>) -> PyResult<bool> {
    let threading = py.import("threading")?;
    Ok(threading.call_method0("current_thread")?.is(&threading.call_method0("main_thread")?))
}
