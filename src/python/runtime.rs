//! The tokio runtime behind every call: one per process, made at first use. A child of fork() gets
//! its own, because the parent's threads do not exist there.

use std::{
    future::Future,
    pin::Pin,
    process,
    sync::{Mutex, PoisonError},
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

/// How long the interpreter's exit waits for calls that cannot be interrupted.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// Invariant: locked only by a thread that is attached to the interpreter, and never while it waits
/// for Python. fork() is called attached too, so that no child finds the lock held by a thread that
/// it does not have.
static STATE: Mutex<State> = Mutex::new(State::Unused);

enum State {
    Unused,
    /// Whoever blocks in a call holds a receiver of `end`.
    Running {
        pid: u32,
        runtime: Runtime,
        end: watch::Sender<()>,
    },
    Ended {
        pid: u32,
    },
}

/// This process's runtime.
///
/// # Errors
/// `RuntimeError` while the interpreter exits.
pub(super) fn handle(py: Python<'_>) -> PyResult<Handle> {
    Ok(handle_and_end(py)?.0)
}

/// What a call that was under way is told when the interpreter exits, and what all later ones are.
pub(super) fn ended() -> PyErr {
    PyRuntimeError::new_err("replibank has ended with the interpreter: nothing can be called now")
}

/// This process's runtime, for a thread that blocks on it: once `end` has changed, nothing may be polled any
/// more. The interpreter's exit waits until it is dropped.
///
/// # Errors
/// `RuntimeError` while the interpreter exits.
pub(super) fn handle_and_end(_py: Python<'_>) -> PyResult<(Handle, watch::Receiver<()>)> {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    let here = process::id();
    match &*state {
        State::Running { pid, runtime, end } if *pid == here => {
            return Ok((runtime.handle().clone(), end.subscribe()));
        }
        State::Ended { pid } if *pid == here => return Err(ended()),
        State::Unused | State::Running { .. } | State::Ended { .. } => {}
    }
    let runtime = Builder::new_multi_thread().enable_all().thread_name("replibank").build()?;
    let handle = runtime.handle().clone();
    let (end, at_end) = watch::channel(());
    // To drop a parent's runtime would wait for threads that were not forked, for ever.
    std::mem::forget(std::mem::replace(&mut *state, State::Running { pid: here, runtime, end }));
    Ok((handle, at_end))
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
        State::Running { pid, runtime, end } if pid == here => py.detach(|| {
            end.send_replace(());
            // Whoever still waits after that has a poll that blocks.
            let _ = runtime.block_on(async { timeout(SHUTDOWN_LIMIT, end.closed()).await });
            runtime.shutdown_timeout(SHUTDOWN_LIMIT);
        }),
        State::Running { runtime, end, .. } => std::mem::forget((runtime, end)),
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
