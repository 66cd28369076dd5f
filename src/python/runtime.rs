//! The tokio runtimes behind every call: made once per process, at first use. A child of fork() gets its own,
//! because the parent's threads do not exist there.

use std::{
    future::Future,
    io,
    pin::Pin,
    process,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use pyo3::{exceptions::PyRuntimeError, prelude::*};
use pyo3_async_runtimes::{TaskLocals, generic};
use tokio::{
    runtime::{Builder, Handle, Runtime},
    sync::watch,
    task::{JoinError, JoinHandle},
    time::timeout,
};

use super::callers::Callers;

/// How long the interpreter's exit waits for calls that cannot be interrupted.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// Invariant: locked only by a thread that is attached to the interpreter, and never while it waits
/// for Python. fork() is called attached too, so that no child finds the lock held by a thread that
/// it does not have.
static STATE: Mutex<State> = Mutex::new(State::Unused);

enum State {
    Unused,
    Running(Running),
    Ended { pid: u32 },
}

struct Running {
    pid: u32,
    runtime: Runtime,
    callers: Arc<Callers>,
    /// Whoever blocks in a call holds a receiver.
    end: watch::Sender<()>,
}

impl Running {
    fn start(pid: u32) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread().enable_all().thread_name("replibank").build()?;
        let (end, at_end) = watch::channel(());
        Ok(Self { pid, runtime, callers: Callers::start(at_end)?, end })
    }
}

/// Who drives the connections that a call waits for, and where what it starts lives on.
#[derive(Clone, Copy)]
pub(super) enum Driver {
    /// The threads of this process's runtime.
    Workers,
    /// The caller itself, as long as it waits.
    Caller,
}

/// A thread's right to block. The interpreter's exit waits until it is dropped.
pub(super) struct Blocking {
    runtime: Handle,
    callers: Arc<Callers>,
    /// Dropped last: who has waited for it finds the runtimes left.
    end: watch::Receiver<()>,
}

impl Blocking {
    /// Polls the future in this thread until it is ready.
    ///
    /// # Errors
    /// `RuntimeError` once the interpreter exits.
    pub(super) fn on<T>(&mut self, driver: Driver, future: impl Future<Output = PyResult<T>>) -> PyResult<T> {
        let (runtime, callers, end) = (&self.runtime, &self.callers, &mut self.end);
        let until_end = async move {
            tokio::select! {
                biased;
                _ = end.changed() => Err(ended()),
                result = future => result,
            }
        };
        match driver {
            Driver::Workers => runtime.block_on(until_end),
            Driver::Caller => callers.block_on(until_end),
        }
    }

    /// What is dropped may stop tasks and timers, which need a runtime around them.
    pub(super) fn drop<T>(&self, value: T) {
        let _entered = self.runtime.enter();
        drop(value);
    }
}

/// This process's runtime.
///
/// # Errors
/// `RuntimeError` while the interpreter exits.
pub(super) fn handle(py: Python<'_>) -> PyResult<Handle> {
    with(py, |running| running.runtime.handle().clone())
}

/// For a thread that blocks in this process's runtimes.
///
/// # Errors
/// `RuntimeError` while the interpreter exits.
pub(super) fn blocking(py: Python<'_>) -> PyResult<Blocking> {
    with(py, |running| Blocking {
        runtime: running.runtime.handle().clone(),
        callers: running.callers.clone(),
        end: running.end.subscribe(),
    })
}

/// What a call that was under way is told when the interpreter exits, and what all later ones are.
fn ended() -> PyErr {
    PyRuntimeError::new_err("replibank has ended with the interpreter: nothing can be called now")
}

fn with<T>(_py: Python<'_>, take: impl FnOnce(&Running) -> T) -> PyResult<T> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    let here = process::id();
    match &*state {
        State::Running(running) if running.pid == here => return Ok(take(running)),
        State::Ended { pid } if *pid == here => return Err(ended()),
        State::Unused | State::Running(_) | State::Ended { .. } => {}
    }
    let running = Running::start(here)?;
    let taken = take(&running);
    // To drop a parent's runtime would wait for threads that were not forked, for ever.
    std::mem::forget(std::mem::replace(&mut *state, State::Running(running)));
    Ok(taken)
}

/// Called by atexit: stops all calls and threads while there still is an interpreter to report to.
#[pyfunction]
pub(super) fn shut_down(py: Python<'_>) {
    let here = process::id();
    let former = {
        let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *state, State::Ended { pid: here })
    };
    match former {
        State::Running(running) if running.pid == here => py.detach(|| {
            let Running { runtime, callers, end, .. } = running;
            end.send_replace(());
            // Whoever still waits after that has a poll that blocks.
            let _ = runtime.block_on(async { timeout(SHUTDOWN_LIMIT, end.closed()).await });
            match Arc::try_unwrap(callers) {
                Ok(callers) => callers.shut_down(SHUTDOWN_LIMIT),
                Err(callers) => std::mem::forget(callers),
            }
            runtime.shutdown_timeout(SHUTDOWN_LIMIT);
        }),
        State::Running(running) => std::mem::forget(running),
        State::Unused | State::Ended { .. } => {}
    }
}

/// Our runtime, as pyo3-async-runtimes knows it. Its own tokio runtime is not used: a child of
/// fork() hung in it.
pub(super) struct Tokio;

/// Why a task ended without a result.
pub(super) struct Unjoined(JoinError);

impl generic::JoinError for Unjoined {
    fn is_panic(&self) -> bool {
        self.0.is_panic()
    }

    fn into_panic(self) -> Box<dyn std::any::Any + Send + 'static> {
        self.0.into_panic()
    }
}

/// A spawned task.
pub(super) struct Task(JoinHandle<()>);

impl Future for Task {
    type Output = Result<(), Unjoined>;

    fn poll(mut self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map_err(Unjoined)
    }
}

/// Every spawn happens inside the runtime: [`super::call::Call::future`] enters it first.
impl generic::Runtime for Tokio {
    type JoinError = Unjoined;
    type JoinHandle = Task;

    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) -> Task {
        Task(tokio::spawn(future))
    }

    fn spawn_blocking<F: FnOnce() + Send + 'static>(work: F) -> Task {
        Task(tokio::task::spawn_blocking(work))
    }
}

/// No Rust future here calls back into Python's loop, so the loop need not travel along.
impl generic::ContextExt for Tokio {
    fn scope<F, R>(_locals: TaskLocals, future: F) -> Pin<Box<dyn Future<Output = R> + Send>>
    where
        F: Future<Output = R> + Send + 'static,
    {
        Box::pin(future)
    }

    fn get_task_locals() -> Option<TaskLocals> {
        None
    }
}
